package ledger

import (
	"context"
	"embed"
	"io/fs"
	"slices"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"shouwang/internal/errs"
)

// migrations are forward only, one text for both engines. The number ranges of the subjects (docs/design.md, 10.2) grow
// side by side, so a smaller number may come after a larger one: a migration may count only on those of lower subjects.
//
//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the tables to the newest schema, or to one without some migrations. Several processes may do it at once.
func (l *Ledger) migrate(ctx context.Context, without ...int64) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	return l.migrateTo(ctx, files, without...)
}

func (l *Ledger) migrateTo(ctx context.Context, files fs.FS, without ...int64) error {
	options := []goose.ProviderOption{goose.WithAllowOutofOrder(true), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()),
		goose.WithExcludeVersions(without)}
	dialect := goose.DialectSQLite3
	if l.engine == PostgreSQL {
		dialect = goose.DialectPostgres
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
		if err != nil {
			return err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(dialect, l.queue, files, options...)
	if err != nil {
		return err
	}
	if err := l.known(ctx, provider); err != nil {
		return err
	}
	// SQLite has no lock for this: when another process is faster, ours fails at a table that is there already, and finds nothing to do next time.
	for try := 0; ; try++ {
		_, err = provider.Up(ctx)
		if err == nil || l.engine == PostgreSQL || try == 20 || ctx.Err() != nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		return errs.Wrap(errs.Unavailable, quiet(err), "无法更新账本的表结构", "cannot bring the ledger's tables up to date")
	}
	return nil
}

// known refuses tables that were made by a newer program.
func (l *Ledger) known(ctx context.Context, provider *goose.Provider) error {
	rows, err := l.queue.QueryContext(ctx, "SELECT version_id FROM goose_db_version WHERE is_applied ORDER BY id")
	if err != nil {
		// No such table: a new database, or one that does not answer, which the next step will tell.
		return nil
	}
	defer rows.Close()
	have := []int64{0}
	for _, s := range provider.ListSources() {
		have = append(have, s.Version)
	}
	for rows.Next() {
		var v int64
		if err := rows.Scan(&v); err != nil {
			return err
		}
		if !slices.Contains(have, v) {
			return errs.Newf(errs.Conflict,
				"账本是更新版本的守望建立的（表结构 %[1]d），请升级程序", "the ledger was made by a newer shouwang (schema %[1]d); upgrade the program", v)
		}
	}
	return rows.Err()
}

// Schema gives the numbers of the migrations that the database has, in the order of application.
func (l *Ledger) Schema(ctx context.Context) ([]int64, error) {
	var list []int64
	err := l.Read(ctx, func(ctx context.Context, tx *Tx) error {
		return tx.NewSelect().Table("goose_db_version").Column("version_id").Where("version_id > 0").Order("id").Scan(ctx, &list)
	})
	return list, err
}
