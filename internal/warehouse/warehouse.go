// Package warehouse is the analytical engine: one DuckDB file with what is known about households. It owns how the file is opened,
// the tables (generated from the data contracts of a pack), the fast way in (Chunk, Appender) and the spellings in which SQL engines differ (Dialect).
//
// It never decides what the rows mean: linking is linkage's, the registry is registry's, indicators and rules are screening's.
// It never holds a name or a number in plain.
package warehouse

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"shouwang/internal/errs"
)

// Options for Open. The zero value is good: all processors, DuckDB's own memory limit, spill beside the file.
type Options struct {
	Threads     int    // 0 = all processors
	MemoryLimit string // as DuckDB writes it, "4GiB"; "" = DuckDB's own: 80 % of the machine's
	TempDir     string // where big sorts and joins spill; "" = PATH.tmp
	ReadOnly    bool
}

// Warehouse is an open warehouse. One process owns the file; open it once in it.
type Warehouse struct {
	db      *sql.DB
	path    string
	dialect Dialect
}

// Open opens or creates the DuckDB file at path. After set-up nothing in the process can make it read or write other files or change its settings.
// Errors: errs.Locked when another process has it open, errs.Unavailable when the file is damaged, errs.Invalid for options that DuckDB refuses.
func Open(ctx context.Context, path string, o Options) (*Warehouse, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open warehouse: %w", err)
	}
	if strings.ContainsAny(abs, "?%#") {
		return nil, errs.Newf(errs.Invalid, "数据目录的路径不能含有 ?、% 或 #：%[1]s", "the path of the data folder must not contain ?, %% or #: %[1]s", abs)
	}
	if o.TempDir == "" {
		o.TempDir = abs + ".tmp"
	}
	q := url.Values{
		"preserve_insertion_order":     {"false"},
		"checkpoint_threshold":         {"256MiB"}, // of log: a checkpoint writes the last row group of every changed table again
		"temp_directory":               {o.TempDir},
		"autoinstall_known_extensions": {"false"},
		"autoload_known_extensions":    {"false"},
		"allow_community_extensions":   {"false"},
	}
	if o.MemoryLimit != "" {
		q.Set("memory_limit", o.MemoryLimit)
	}
	if o.Threads > 0 {
		q.Set("threads", strconv.Itoa(o.Threads))
	}
	if o.ReadOnly {
		q.Set("access_mode", "READ_ONLY")
	}
	locked := false
	connector, err := duckdb.NewConnector(abs+"?"+q.Encode(), func(e driver.ExecerContext) error {
		if locked { // settings are the database's, not the connection's: once is enough, twice is refused
			return nil
		}
		locked = true
		for _, s := range []string{"SET enable_external_access=false", "SET lock_configuration=true"} {
			if _, err := e.ExecContext(ctx, s, nil); err != nil && !strings.Contains(err.Error(), "has been locked") {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, openError(abs, err)
	}
	db := sql.OpenDB(connector)
	if err := db.PingContext(ctx); err != nil {
		db.Close()
		return nil, openError(abs, err)
	}
	var one int // reads the catalog: a damaged file shows here rather than later
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM duckdb_tables()").Scan(&one); err != nil {
		db.Close()
		return nil, openError(abs, err)
	}
	return &Warehouse{db: db, path: abs, dialect: DuckDB}, nil
}

// openError turns DuckDB's texts into ones that say what to do.
func openError(path string, err error) error {
	text := err.Error()
	name := filepath.Base(path)
	switch {
	case strings.Contains(text, "Could not set lock") || strings.Contains(text, "Conflicting lock") || strings.Contains(text, "used by another process"):
		return &errs.Error{Kind: errs.Locked, Err: errors.New("lock held by another process"),
			ZH: "数据仓库文件 " + name + " 正被另一个程序使用。是否有另一个 shouwang 正在运行？请先停止它，或通过它执行本命令。",
			EN: "the warehouse file " + name + " is in use. Is another shouwang running? Stop it first, or give the command to it."}
	case strings.Contains(text, "Permission denied") || errors.Is(err, os.ErrPermission):
		return &errs.Error{Kind: errs.Refused, Err: err,
			ZH: "没有权限打开数据仓库文件 " + name + "。请检查文件和目录的属主与权限。",
			EN: "no permission to open the warehouse file " + name + ". Check the owner and the mode of file and folder."}
	case strings.Contains(text, "global database config") || strings.Contains(text, "Parser Error"):
		return &errs.Error{Kind: errs.Invalid, Err: err,
			ZH: "数据仓库的设置无效（线程数、内存上限或临时目录）。", EN: "a warehouse setting is not valid (threads, memory limit or temporary folder)."}
	case strings.Contains(text, "No such file") || strings.Contains(text, "does not exist"):
		return &errs.Error{Kind: errs.NotFound, Err: err,
			ZH: "找不到数据仓库文件 " + name + "。请检查 --data，或先执行 shouwang init。",
			EN: "there is no warehouse file " + name + ". Check --data, or run shouwang init first."}
	}
	return &errs.Error{Kind: errs.Unavailable, Err: err,
		ZH: "数据仓库文件 " + name + " 已损坏或不是本程序的文件。原始文件都在归档中：请执行 shouwang rebuild 重建。",
		EN: "the warehouse file " + name + " is damaged or not one of this program. The delivered files are in the archive: run shouwang rebuild."}
}

// DB is the database handle.
func (w *Warehouse) DB() *sql.DB { return w.db }

// Path is the absolute path of the file.
func (w *Warehouse) Path() string { return w.path }

// Dialect is the SQL spelling of this engine.
func (w *Warehouse) Dialect() Dialect { return w.dialect }

// Conn takes one connection for a piece of work of several statements: temporary tables and transactions belong to it. Close gives it back.
func (w *Warehouse) Conn(ctx context.Context) (*sql.Conn, error) {
	c, err := w.db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("warehouse connection: %w", err)
	}
	return c, nil
}

// Close closes the file; DuckDB writes its log into it first.
func (w *Warehouse) Close() error { return w.db.Close() }
