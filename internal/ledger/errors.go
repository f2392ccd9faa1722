package ledger

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"

	"shouwang/internal/errs"
)

// errAgain makes Write try again.
var errAgain = errors.New("try again")

// SQLite's result codes that we tell apart (the low byte is the primary one).
const (
	sqliteBusy       = 5
	sqliteLocked     = 6
	sqliteReadOnly   = 8
	sqliteIOErr      = 10
	sqliteCorrupt    = 11
	sqliteFull       = 13
	sqliteCantOpen   = 14
	sqliteConstraint = 19
	sqliteNotADB     = 26
	sqlitePrimaryKey = 1555
	sqliteUnique     = 2067
)

// again reports whether a transaction that failed so is worth another try.
func again(err error) bool {
	if errors.Is(err, errAgain) {
		return true
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		code := lite.Code() & 0xff
		return code == sqliteBusy || code == sqliteLocked
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "40001" || pg.Code == "40P01" || pg.Code == "55P03"
	}
	return false
}

// Taken reports whether err is a breach of a unique constraint: somebody else wrote the same key. The transaction is lost
// then (PostgreSQL lets nothing more run in it): return the error, or one made from it.
func Taken(err error) bool {
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return lite.Code() == sqliteUnique || lite.Code() == sqlitePrimaryKey
	}
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23505"
}

// Missing reports whether err says that a query for one row found none.
func Missing(err error) bool { return errors.Is(err, sql.ErrNoRows) }

// told makes the errors of the database fit for people; those that are so already stay as they are.
func told(err error) error {
	var known *errs.Error
	switch {
	case err == nil, errors.As(err, &known), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case again(err):
		return errs.Wrap(errs.Unavailable, quiet(err), "账本正忙，请稍后再试", "the ledger is busy; try again in a moment")
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		switch lite.Code() & 0xff {
		case sqliteFull, sqliteIOErr, sqliteReadOnly, sqliteCantOpen:
			return errs.Wrap(errs.Unavailable, quiet(err), "账本无法写入磁盘，请检查磁盘空间和权限", "the ledger cannot write to the disk; check its space and rights")
		case sqliteCorrupt, sqliteNotADB:
			return errs.Wrap(errs.Internal, quiet(err), "账本文件已损坏，请从备份恢复（shouwang restore）", "the ledger's file is damaged; restore it from a backup (shouwang restore)")
		}
	}
	var network net.Error
	var connect *pgconn.ConnectError
	if errors.As(err, &network) || errors.As(err, &connect) || errors.Is(err, driver.ErrBadConn) {
		return errs.Wrap(errs.Unavailable, quiet(err), "账本数据库没有应答", "the ledger's database does not answer")
	}
	return errs.Wrap(errs.Internal, quiet(err), "账本操作失败", "the ledger's operation failed")
}

// silent keeps an error's chain without its text.
type silent struct {
	text string
	err  error
}

func (s *silent) Error() string { return s.text }
func (s *silent) Unwrap() error { return s.err }

// quiet leaves values out of a database's error: PostgreSQL quotes what it could not read, and a failed connection the address.
func quiet(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		parts := []string{"SQLSTATE " + pg.Code}
		for _, p := range []string{pg.TableName, pg.ColumnName, pg.ConstraintName} {
			if p != "" {
				parts = append(parts, p)
			}
		}
		return &silent{strings.Join(parts, " "), err}
	}
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return &silent{"no connection", err}
	}
	return err
}
