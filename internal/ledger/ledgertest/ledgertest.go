// Package ledgertest opens ledgers for tests: a file of SQLite, and a schema of its own on the PostgreSQL server that
// SHOUWANG_TEST_POSTGRES names. It is for tests only and never touches another schema.
package ledgertest

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"shouwang/internal/ledger"
)

// Each runs test as a subtest on either engine, with a ledger that is new and empty. Without SHOUWANG_TEST_POSTGRES the PostgreSQL
// half is left out, except in CI (variable CI set), where it must not be.
func Each(t *testing.T, test func(t *testing.T, l *ledger.Ledger)) {
	t.Helper()
	EachURL(t, func(t *testing.T, url string) { test(t, Open(t, url)) })
}

// EachURL is Each for a test that opens the ledger itself.
func EachURL(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, Postgres(t)) })
}

// Open opens a ledger until the end of the test.
func Open(t testing.TB, url string) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), url, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// SQLite is the address of a ledger in the test's own folder.
func SQLite(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "ledger.sqlite") }

// Postgres is the address of a new schema, dropped at the end of the test. The test is skipped without a server.
func Postgres(t testing.TB) string {
	t.Helper()
	dsn := os.Getenv("SHOUWANG_TEST_POSTGRES")
	if dsn == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("CI must set SHOUWANG_TEST_POSTGRES to the address of a PostgreSQL server")
		}
		t.Skip("SHOUWANG_TEST_POSTGRES is not set")
	}
	schema := fmt.Sprintf("shouwang_test_%d_%d", os.Getpid(), rand.Uint64())
	run := func(statement string) {
		db, err := sql.Open("pgx", dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.ExecContext(context.WithoutCancel(t.Context()), statement); err != nil {
			t.Fatal(err)
		}
	}
	run("CREATE SCHEMA " + schema)
	t.Cleanup(func() { run("DROP SCHEMA " + schema + " CASCADE") })
	address, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	q := address.Query()
	q.Set("search_path", schema)
	address.RawQuery = q.Encode()
	return address.String()
}
