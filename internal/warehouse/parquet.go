package warehouse

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"strings"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"shouwang/internal/errs"
)

// ReadParquet calls fn with every row of a Parquet file as text, NULL as "". header is the same slice each time, row is
// reused; a file without rows gives one call with a nil row. It reads with a DuckDB of its own in memory, which may open this one file and nothing else. An error of fn ends the reading and is returned.
// Errors: errs.Invalid when the file is not Parquet.
func ReadParquet(ctx context.Context, path string, fn func(header, row []string) error) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("read parquet: %w", err)
	}
	quoted := "'" + strings.ReplaceAll(abs, "'", "''") + "'"
	ready := false
	connector, err := duckdb.NewConnector(":memory:?autoinstall_known_extensions=false&autoload_known_extensions=false&memory_limit=1GiB&threads=2&temp_directory=", func(e driver.ExecerContext) error {
		if ready {
			return nil
		}
		ready = true
		for _, s := range []string{"SET allowed_paths=[" + quoted + "]", "SET enable_external_access=false", "SET lock_configuration=true"} {
			if _, err := e.ExecContext(ctx, s, nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read parquet: %w", err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("read parquet: %w", err)
	}
	defer conn.Close()
	bad := func(err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		name := filepath.Base(path)
		return &errs.Error{Kind: errs.Invalid, Err: err, ZH: "文件 " + name + " 不是可读的 Parquet 文件，请重新导出。",
			EN: "the file " + name + " is not a readable Parquet file; export it again."}
	}
	header, selected, err := parquetColumns(ctx, conn, quoted)
	if err != nil {
		return bad(err)
	}
	rows, err := conn.QueryContext(ctx, "SELECT "+selected+" FROM read_parquet("+quoted+", glob=false)")
	if err != nil && strings.Contains(err.Error(), "glob") { // an engine without the option: the name is then taken as a pattern
		rows, err = conn.QueryContext(ctx, "SELECT "+selected+" FROM read_parquet("+quoted+")")
	}
	if err != nil {
		return bad(err)
	}
	defer rows.Close()
	cells := make([]sql.NullString, len(header))
	dest := make([]any, len(header))
	for i := range cells {
		dest[i] = &cells[i]
	}
	row := make([]string, len(header))
	any := false
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return bad(err)
		}
		for i, c := range cells {
			row[i] = c.String
		}
		if err := fn(header, row); err != nil {
			return err
		}
		any = true
	}
	if err := rows.Err(); err != nil {
		return bad(err)
	}
	if !any {
		return fn(header, nil)
	}
	return nil
}

// parquetColumns gives the header and a select list of casts to text.
func parquetColumns(ctx context.Context, conn *sql.Conn, quoted string) (header []string, list string, err error) {
	rows, err := conn.QueryContext(ctx, "SELECT * FROM read_parquet("+quoted+") LIMIT 0")
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	header, err = rows.Columns()
	if err != nil {
		return nil, "", err
	}
	casts := make([]string, len(header))
	for i, h := range header {
		casts[i] = "CAST(" + DuckDB.Ident(h) + " AS VARCHAR)"
	}
	return header, strings.Join(casts, ", "), rows.Err()
}
