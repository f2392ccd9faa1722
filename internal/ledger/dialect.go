package ledger

import (
	"strings"

	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
)

// Texts with a NUL can be kept by neither engine, and bun answers them with SQL that is none. What somebody sent must not become a fault of the program, so the NUL
// becomes the character for what cannot be shown, as bytes that are no UTF-8 do.

type sqliteDialect struct{ *sqlitedialect.Dialect }

// AppendString writes a text.
func (d sqliteDialect) AppendString(b []byte, s string) []byte {
	return d.Dialect.AppendString(b, noNUL(s))
}

type postgresDialect struct{ *pgdialect.Dialect }

// AppendString writes a text.
func (d postgresDialect) AppendString(b []byte, s string) []byte {
	return d.Dialect.AppendString(b, noNUL(s))
}

func noNUL(s string) string {
	if strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(s, "\x00", "\uFFFD")
}
