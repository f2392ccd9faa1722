// Package ledger is the store of what people do: opening SQLite or PostgreSQL, migrations, transactions, versions,
// idempotency, backup and restore.
//
// It owns SQL text that both engines read. It never knows a subject of the field.
//
// A change is one [Ledger.Write]: its function gets a [Tx] and may run more than once (the database says "busy" or
// "serialization failure"), so it must do nothing but read and write through the Tx. A page is one [Ledger.Read]: one
// snapshot, however many queries. Optimistic versions are [Update], requests that may be sent twice are [Tx.Once] and
// [Tx.Remember], many rows at once are [InsertAll].
package ledger

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"shouwang/internal/errs"
)

// Engine is one of the two databases.
type Engine string

// The engines.
const (
	SQLite     Engine = "sqlite"
	PostgreSQL Engine = "postgres"
)

// Ledger is an open store. It is safe for concurrent use.
type Ledger struct {
	engine Engine
	url    string
	log    *slog.Logger
	writer *bun.DB       // SQLite: one connection, so that writers queue here and not in the database's busy loop
	reader *bun.DB       // PostgreSQL: the writer's pool
	latest *bun.DB       // PostgreSQL: reads of what is committed now, from inside a transaction that sees its snapshot
	queue  *sql.DB       // what package jobs polls with; SQLite: the writer's pool
	schema string        // PostgreSQL: the current schema, for the names of locks
	turn   chan struct{} // SQLite: holds one while somebody writes; whoever has waited longest is next (database/sql picks anybody)
}

// Limits of the pools.
const (
	postgresConns = 24
	latestConns   = 4
	queueConns    = 7       // one of them is held by Sole
	busyTimeout   = "10000" // ms that SQLite waits for another process
)

// Open opens the store at url, "sqlite:PATH" or "postgres://…", and brings its tables to the newest schema. An SQLite
// file that is not there is made (mode 0600; its folder must exist). The error is Invalid for another url, Conflict when a newer
// program made the tables, Unavailable when the database does not answer.
func Open(ctx context.Context, url string, log *slog.Logger) (*Ledger, error) {
	l := &Ledger{url: url, log: log}
	var err error
	switch {
	case strings.HasPrefix(url, "sqlite:"):
		err = l.openSQLite(strings.TrimPrefix(url, "sqlite:"))
	case strings.HasPrefix(url, "postgres://"), strings.HasPrefix(url, "postgresql://"):
		err = l.openPostgres(ctx, url)
	default:
		return nil, errs.New(errs.Invalid,
			"账本地址应为 sqlite:文件路径 或 postgres://…", "the ledger's address must be sqlite:PATH or postgres://…")
	}
	if err == nil {
		err = l.migrate(ctx)
	}
	if err != nil {
		return nil, errors.Join(opening(err), l.Close())
	}
	return l, nil
}

// opening words a failure to open; the address may hold a password and is not shown.
func opening(err error) error {
	var known *errs.Error
	if errors.As(err, &known) {
		return err
	}
	return errs.Wrap(errs.Unavailable, quiet(err), "无法打开账本数据库", "cannot open the ledger's database")
}

func (l *Ledger) openSQLite(path string) error {
	l.engine = SQLite
	if path == "" {
		return errs.New(errs.Invalid, "账本地址 sqlite: 后面缺少文件路径", "the ledger's address lacks a path after sqlite:")
	}
	// The driver would make the file readable for the group.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return errs.Newf(errs.NotFound, "账本所在的文件夹 %[1]s 不存在", "the ledger's folder %[1]s is not there", filepath.Dir(path))
	}
	if err != nil {
		return errs.Wrap(errs.Unavailable, err, "无法打开账本文件", "cannot open the ledger's file")
	}
	if err := f.Close(); err != nil {
		return errs.Wrap(errs.Unavailable, err, "无法打开账本文件", "cannot open the ledger's file")
	}
	uri := sqliteURI(path)
	write, err := sql.Open("sqlite", uri+"&_txlock=immediate&_pragma=synchronous(FULL)&_pragma=wal_autocheckpoint(4000)&_pragma=cache_size(-65536)")
	if err != nil {
		return err
	}
	write.SetMaxOpenConns(1)
	read, err := sql.Open("sqlite", uri+"&_pragma=query_only(1)&_pragma=cache_size(-16384)")
	if err != nil {
		return errors.Join(err, write.Close())
	}
	n := max(4, 2*runtime.GOMAXPROCS(0))
	read.SetMaxOpenConns(n)
	read.SetMaxIdleConns(n)
	l.turn = make(chan struct{}, 1)
	l.writer, l.reader, l.queue = bun.NewDB(write, sqliteDialect{sqlitedialect.New()}), bun.NewDB(read, sqliteDialect{sqlitedialect.New()}), write
	return nil
}

// sqliteURI is the file as the driver wants it, with what both pools need.
func sqliteURI(path string) string {
	escaped := strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(filepath.ToSlash(path))
	return "file:" + escaped + "?_pragma=busy_timeout(" + busyTimeout + ")&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)&_pragma=temp_store(MEMORY)"
}

func (l *Ledger) openPostgres(ctx context.Context, url string) error {
	l.engine = PostgreSQL
	config, err := pgx.ParseConfig(url)
	if err != nil {
		// The error would quote the address.
		return errs.New(errs.Invalid, "账本的 postgres:// 地址写法不对", "the ledger's postgres:// address is malformed")
	}
	pool := func(conns int, mode pgx.QueryExecMode) *sql.DB {
		c := config.Copy()
		c.DefaultQueryExecMode = mode
		db := stdlib.OpenDB(*c)
		db.SetMaxOpenConns(conns)
		db.SetMaxIdleConns(conns)
		db.SetConnMaxIdleTime(5 * time.Minute)
		return db
	}
	// bun puts values into the text, so that a statement cache would only fill up with texts used once.
	l.writer = bun.NewDB(pool(postgresConns, pgx.QueryExecModeExec), postgresDialect{pgdialect.New()})
	l.reader = l.writer
	l.latest = bun.NewDB(pool(latestConns, pgx.QueryExecModeExec), postgresDialect{pgdialect.New()})
	l.queue = pool(queueConns, pgx.QueryExecModeCacheStatement)
	return l.writer.QueryRowContext(ctx, "SELECT current_schema()").Scan(&l.schema)
}

// Close closes the store. It may be called twice.
func (l *Ledger) Close() error {
	var all []error
	for _, db := range []*bun.DB{l.reader, l.writer, l.latest} {
		if db != nil {
			all = append(all, db.Close())
		}
	}
	if l.engine == PostgreSQL && l.queue != nil {
		all = append(all, l.queue.Close())
	}
	return errors.Join(all...)
}

// Engine says which database it is.
func (l *Ledger) Engine() Engine { return l.engine }

// Queue is the pool that package jobs works on; nobody else uses it. On SQLite it is the writer's single connection: whoever holds a
// [Tx] must not ask it for another.
func (l *Ledger) Queue() *sql.DB { return l.queue }

// inside marks the context of a Write, so that one inside another is refused instead of waiting for itself.
type inside struct{}

// Write runs fn in one transaction and commits it when fn gives no error. now becomes tx.Now and is the time of all that is
// written. When the database asks to try again, the transaction is undone and fn runs anew: it must be repeatable.
// What fn must do last of all it hands to [Tx.Last].
//
// SQLite runs one Write at a time; PostgreSQL runs them side by side at the level "repeatable read".
func (l *Ledger) Write(ctx context.Context, now time.Time, fn func(context.Context, *Tx) error) error {
	if ctx.Value(inside{}) != nil {
		return errs.New(errs.Internal, "写事务中不能再开写事务", "a write was begun inside a write")
	}
	ctx = context.WithValue(ctx, inside{}, true)
	for try := 0; ; try++ {
		err := l.attempt(ctx, now, fn)
		if err == nil || try == maxTries || !again(err) {
			return told(err)
		}
		l.log.Debug("ledger: again", "try", try+1, "reason", quiet(err))
		wait := time.Duration(1+rand.IntN(4<<min(try, 7))) * time.Millisecond
		select {
		case <-ctx.Done():
			return told(ctx.Err())
		case <-time.After(wait):
		}
	}
}

// maxTries is how often a write is tried again; by then about ten seconds have passed.
const maxTries = 40

// attempt is one try.
func (l *Ledger) attempt(ctx context.Context, now time.Time, fn func(context.Context, *Tx) error) (err error) {
	var options *sql.TxOptions
	if l.engine == PostgreSQL {
		options = &sql.TxOptions{Isolation: sql.LevelRepeatableRead}
	} else {
		select {
		case l.turn <- struct{}{}:
			defer func() { <-l.turn }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	inner, err := l.writer.BeginTx(ctx, options)
	if err != nil {
		return err
	}
	tx := &Tx{Tx: inner, Now: At(now), ledger: l}
	done := false
	defer func() {
		if !done { // an error, or fn panicked
			_ = inner.Rollback() // the first error says more
		}
	}()
	if err := fn(ctx, tx); err != nil {
		return err
	}
	for i := 0; i < len(tx.last); i++ { // one may add another
		if err := tx.last[i](ctx); err != nil {
			return err
		}
	}
	done = true
	return inner.Commit()
}

// Read runs fn over one snapshot: what others commit meanwhile does not show. tx.Now is zero: who needs the time passes it.
func (l *Ledger) Read(ctx context.Context, fn func(context.Context, *Tx) error) error {
	options := &sql.TxOptions{ReadOnly: true}
	if l.engine == PostgreSQL {
		options.Isolation = sql.LevelRepeatableRead
	}
	inner, err := l.reader.BeginTx(ctx, options)
	if err != nil {
		return told(err)
	}
	defer func() { _ = inner.Rollback() }() // nothing was written
	return told(fn(ctx, &Tx{Tx: inner, ledger: l, readOnly: true}))
}
