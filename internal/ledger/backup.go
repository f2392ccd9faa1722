package ledger

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"shouwang/internal/errs"
)

// Copy says what [Ledger.Backup] wrote.
type Copy struct {
	Engine Engine  `json:"engine"`
	Schema []int64 `json:"schema"` // migrations
	Tables []Table `json:"tables"` // PostgreSQL: in the order in which they can be filled
}

// Table is one table of a copy.
type Table struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
	Rows    int64    `json:"rows"`
}

// sqliteCopy is the file of an SQLite ledger in a copy; PostgreSQL has a TABLE.copy for each table, in the text form of COPY.
const sqliteCopy = "ledger.sqlite"

// Backup writes a copy of the whole ledger, as it is at one moment, into the empty folder dir. Others may read and write meanwhile.
func (l *Ledger) Backup(ctx context.Context, dir string) (Copy, error) {
	c := Copy{Engine: l.engine}
	var err error
	if c.Schema, err = l.Schema(ctx); err != nil {
		return c, err
	}
	if l.engine == SQLite {
		c.Tables, err = l.copySQLite(ctx, filepath.Join(dir, sqliteCopy))
	} else {
		c.Tables, err = l.copyPostgres(ctx, dir)
	}
	if err != nil {
		return c, copying(err)
	}
	return c, nil
}

func copying(err error) error {
	var known *errs.Error
	if errors.As(err, &known) || errors.Is(err, context.Canceled) {
		return err
	}
	return errs.Wrap(errs.Unavailable, quiet(err), "无法备份账本", "cannot copy the ledger")
}

func (l *Ledger) copySQLite(ctx context.Context, path string) (tables []Table, err error) {
	// A connection of its own: the readers' may not write, and the writer's is for those who write.
	db, err := sql.Open("sqlite", sqliteURI(strings.TrimPrefix(l.url, "sqlite:")))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", path); err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, err
	}
	return readSQLite(ctx, path)
}

// readSQLite checks a copied file and lists its tables.
func readSQLite(ctx context.Context, path string) (tables []Table, err error) {
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(path)+"?mode=ro&immutable=1")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var state string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&state); err != nil {
		return nil, err
	}
	if state != "ok" {
		return nil, errs.New(errs.Internal, "账本文件已损坏", "the ledger's file is damaged")
	}
	names, err := list(ctx, db, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY name")
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		t := Table{Name: n}
		if t.Columns, err = list(ctx, db, "SELECT name FROM pragma_table_info(?) ORDER BY cid", n); err != nil {
			return nil, err
		}
		if err := db.QueryRowContext(ctx, `SELECT count(*) FROM "`+n+`"`).Scan(&t.Rows); err != nil {
			return nil, err
		}
		tables = append(tables, t)
	}
	return tables, nil
}

// queries is what can be asked.
type queries interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// list gives the texts of a query's only column.
func list(ctx context.Context, db queries, query string, args ...any) ([]string, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, rows.Err()
}

// made are tables that the program fills itself when it makes the others.
func made(table string) bool {
	return table == "goose_db_version" || slices.Contains([]string{"river_migration", "river_leader", "river_client", "river_client_queue", "river_notification"}, table)
}

func (l *Ledger) copyPostgres(ctx context.Context, dir string) (tables []Table, err error) {
	conn, err := l.queue.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	// The dump and all that it asks run in one snapshot.
	if _, err := conn.ExecContext(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"); err != nil {
		return nil, err
	}
	defer func() { _, e := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK"); err = errors.Join(err, e) }()
	names, err := postgresTables(ctx, conn)
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		t := Table{Name: n}
		t.Columns, err = list(ctx, conn, `SELECT column_name::text FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = $1 AND is_generated = 'NEVER'
			ORDER BY ordinal_position`, n)
		if err != nil {
			return nil, err
		}
		if t.Rows, err = copyOut(ctx, conn, t, filepath.Join(dir, n+".copy")); err != nil {
			return nil, err
		}
		tables = append(tables, t)
	}
	return tables, nil
}

// postgresTables gives the tables in an order in which each comes after those that it refers to.
func postgresTables(ctx context.Context, conn *sql.Conn) ([]string, error) {
	names, err := list(ctx, conn, "SELECT relname::text FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' ORDER BY relname")
	if err != nil {
		return nil, err
	}
	refers, err := list(ctx, conn, `SELECT a.relname || ' ' || b.relname FROM pg_constraint c JOIN pg_class a ON a.oid = c.conrelid JOIN pg_class b ON b.oid = c.confrelid
		WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace AND a.oid <> b.oid`)
	if err != nil {
		return nil, err
	}
	var order []string
	var visit func(string)
	visit = func(n string) {
		if slices.Contains(order, n) {
			return
		}
		for _, r := range refers {
			if from, to, _ := strings.Cut(r, " "); from == n {
				visit(to)
			}
		}
		order = append(order, n)
	}
	for _, n := range names {
		visit(n)
	}
	return slices.DeleteFunc(order, made), nil
}

// raw runs fn with the connection below database/sql.
func raw(conn *sql.Conn, fn func(*pgconn.PgConn) error) error {
	return conn.Raw(func(c any) error {
		std, ok := c.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("the driver is %T", c)
		}
		return fn(std.Conn().PgConn())
	})
}

// columns writes the columns for a COPY.
func (t Table) columns() string { return `"` + strings.Join(t.Columns, `", "`) + `"` }

func copyOut(ctx context.Context, conn *sql.Conn, t Table, path string) (rows int64, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	out := bufio.NewWriterSize(f, 1<<20)
	err = raw(conn, func(c *pgconn.PgConn) error {
		tag, err := c.CopyTo(ctx, out, `COPY "`+t.Name+`" (`+t.columns()+`) TO STDOUT`)
		rows = tag.RowsAffected()
		return err
	})
	return rows, errors.Join(err, out.Flush())
}

// Check reads a copy that Backup wrote (or a restored one of it) and compares its tables with c.
func (c Copy) Check(ctx context.Context, dir string) error {
	if c.Engine == SQLite {
		tables, err := readSQLite(ctx, filepath.Join(dir, sqliteCopy))
		if err != nil {
			return copying(err)
		}
		return sameTables(c.Tables, tables)
	}
	for _, t := range c.Tables {
		var rows int64
		err := t.rows(filepath.Join(dir, t.Name+".copy"), func([]*string) error { rows++; return nil })
		if err != nil {
			return copying(err)
		}
		if rows != t.Rows {
			return differs(t.Name)
		}
	}
	return nil
}

func differs(table string) error {
	return errs.Newf(errs.Internal, "账本副本与原来不一致：表 %[1]s", "the copy of the ledger is not what was written: table %[1]s", table)
}

func sameTables(want, got []Table) error {
	for i, t := range want {
		if i >= len(got) || got[i].Name != t.Name || got[i].Rows != t.Rows || !slices.Equal(got[i].Columns, t.Columns) {
			return differs(t.Name)
		}
	}
	if len(got) > len(want) {
		return differs(got[len(want)].Name)
	}
	return nil
}

// rows reads a table in the text form of COPY; nil is NULL.
func (t Table) rows(path string, row func([]*string) error) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<20)
	unescape := strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\r`, "\r", `\b`, "\b", `\f`, "\f", `\v`, "\v")
	for {
		line, err := in.ReadString('\n')
		if err == io.EOF && line == "" {
			return nil
		}
		if err != nil {
			return err // cut off: COPY ends every line
		}
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) != len(t.Columns) {
			return differs(t.Name)
		}
		values := make([]*string, len(fields))
		for i, text := range fields {
			if text != `\N` {
				plain := unescape.Replace(text)
				values[i] = &plain
			}
		}
		if err := row(values); err != nil {
			return err
		}
	}
}

// View opens the copy in dir as an SQLite ledger for reading: its own file, or for PostgreSQL the named tables of it in a file that it makes in dir. So what stands in
// a copy can be looked at without a server.
func (c Copy) View(ctx context.Context, dir string, log *slog.Logger, tables ...string) (*Ledger, error) {
	if c.Engine == SQLite {
		return Open(ctx, "sqlite:"+filepath.Join(dir, sqliteCopy), log)
	}
	path := filepath.Join(dir, "view.sqlite")
	l, err := Open(ctx, "sqlite:"+path, log)
	if err != nil {
		return nil, err
	}
	for _, t := range c.Tables {
		if slices.Contains(tables, t.Name) {
			if err := l.load(ctx, t, filepath.Join(dir, t.Name+".copy")); err != nil {
				return nil, errors.Join(copying(err), l.Close())
			}
		}
	}
	return l, nil
}

// load fills an SQLite table from a COPY; the columns' own types make numbers of the texts.
func (l *Ledger) load(ctx context.Context, t Table, path string) error {
	tx, err := l.writer.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing to undo after the commit
	insert, err := tx.PrepareContext(ctx, `INSERT INTO "`+t.Name+`" (`+t.columns()+`) VALUES (?`+strings.Repeat(", ?", len(t.Columns)-1)+`)`)
	if err != nil {
		return err
	}
	args := make([]any, len(t.Columns))
	err = t.rows(path, func(values []*string) error {
		for i, v := range values {
			args[i] = nil
			if v != nil {
				args[i] = *v
			}
		}
		_, err := insert.ExecContext(ctx, args...)
		return err
	})
	if err != nil {
		return err
	}
	return tx.Commit()
}

// Restore makes the ledger at url from the copy in dir and opens it, brought to the newest schema. There must be nothing at url yet: no file, or a schema of
// PostgreSQL without tables. others makes the tables that are not the ledger's own (the queue's).
func (c Copy) Restore(ctx context.Context, url, dir string, log *slog.Logger, others func(context.Context, *Ledger) error) (*Ledger, error) {
	sqlite := strings.HasPrefix(url, "sqlite:")
	if sqlite != (c.Engine == SQLite) {
		return nil, errs.Newf(errs.Invalid,
			"备份是 %[1]s 的账本，要恢复到同一种数据库；请用 --ledger 指定", "the backup is of a %[1]s ledger and is restored to the same kind of database; name it with --ledger", string(c.Engine))
	}
	var l *Ledger
	var err error
	if sqlite {
		if err = copyNew(filepath.Join(dir, sqliteCopy), strings.TrimPrefix(url, "sqlite:")); err != nil {
			return nil, err
		}
		l, err = Open(ctx, url, log)
	} else {
		l, err = c.restorePostgres(ctx, url, dir, log, others)
	}
	if err != nil {
		return nil, err
	}
	if err := others(ctx, l); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// copyNew copies a file to a place where none is.
func copyNew(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return copying(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return occupied()
	}
	if err != nil {
		return restoring(err)
	}
	_, err = io.Copy(out, in)
	return restoring(errors.Join(err, out.Sync(), out.Close()))
}

func occupied() error {
	return errs.New(errs.Refused, "账本的位置已经有数据，不能恢复到那里", "there is a ledger in that place already; nothing is restored over it")
}

func restoring(err error) error {
	var known *errs.Error
	if err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) {
		return err
	}
	return errs.Wrap(errs.Unavailable, quiet(err), "无法恢复账本", "cannot restore the ledger")
}

func (c Copy) restorePostgres(ctx context.Context, url, dir string, log *slog.Logger, others func(context.Context, *Ledger) error) (*Ledger, error) {
	l := &Ledger{url: url, log: log}
	if err := l.openPostgres(ctx, url); err != nil {
		return nil, errors.Join(opening(err), l.Close())
	}
	err := c.fill(ctx, l, dir, others)
	if err == nil {
		err = l.migrate(ctx)
	}
	if err != nil {
		return nil, errors.Join(restoring(err), l.Close())
	}
	return l, nil
}

// fill makes the tables as they were when the copy was made and fills them in one transaction.
func (c Copy) fill(ctx context.Context, l *Ledger, dir string, others func(context.Context, *Ledger) error) (err error) {
	there, err := list(ctx, l.queue, "SELECT relname::text FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' LIMIT 1")
	if err != nil {
		return err
	}
	if len(there) > 0 {
		return occupied()
	}
	exclude, err := newer(c.Schema)
	if err != nil {
		return err
	}
	if err := l.migrate(ctx, exclude...); err != nil {
		return err
	}
	if err := others(ctx, l); err != nil {
		return err
	}
	conn, err := l.queue.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK") // the first error says more
		}
	}()
	for _, t := range slices.Backward(c.Tables) {
		if _, err := conn.ExecContext(ctx, `DELETE FROM "`+t.Name+`"`); err != nil { // what others made has its own first rows
			return err
		}
	}
	for _, t := range c.Tables {
		rows, err := copyIn(ctx, conn, t, filepath.Join(dir, t.Name+".copy"))
		if err != nil {
			return err
		}
		if rows != t.Rows {
			return differs(t.Name)
		}
	}
	serials, err := list(ctx, conn, `SELECT format('SELECT setval(%L, coalesce((SELECT max(%I) FROM %I), 0) + 1, false)', pg_get_serial_sequence(quote_ident(table_name), column_name), column_name, table_name)
		FROM information_schema.columns WHERE table_schema = current_schema() AND pg_get_serial_sequence(quote_ident(table_name), column_name) IS NOT NULL`)
	if err != nil {
		return err
	}
	for _, s := range serials {
		if _, err := conn.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	_, err = conn.ExecContext(ctx, "COMMIT")
	return err
}

func copyIn(ctx context.Context, conn *sql.Conn, t Table, path string) (rows int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	err = raw(conn, func(c *pgconn.PgConn) error {
		tag, err := c.CopyFrom(ctx, bufio.NewReaderSize(f, 1<<20), `COPY "`+t.Name+`" (`+t.columns()+`) FROM STDIN`)
		rows = tag.RowsAffected()
		return err
	})
	return rows, err
}

// newer gives the migrations that the program has and a copy lacks; the error is Conflict when the program lacks one of the copy's.
func newer(versions []int64) (exclude []int64, err error) {
	entries, err := migrations.ReadDir("migrations")
	if err != nil {
		return nil, err
	}
	var have []int64
	for _, e := range entries {
		digits, _, _ := strings.Cut(e.Name(), "_")
		v, err := strconv.ParseInt(digits, 10, 64)
		if err != nil {
			return nil, err
		}
		have = append(have, v)
	}
	for _, v := range versions {
		if !slices.Contains(have, v) {
			return nil, errs.Newf(errs.Conflict, "备份是更新版本的守望做的（表结构 %[1]d），请升级程序", "the backup was made by a newer shouwang (schema %[1]d); upgrade the program", v)
		}
	}
	return slices.DeleteFunc(have, func(v int64) bool { return slices.Contains(versions, v) }), nil
}
