package ledger

import (
	"io/fs"
	"log/slog"
	"testing"
	"testing/fstest"
)

// StepByStep brings the ledger at url up with one migration more at a time, as years of upgrades would.
func StepByStep(t *testing.T, url string) []string {
	t.Helper()
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	some := fstest.MapFS{}
	for _, f := range files {
		text, err := fs.ReadFile(migrations, f)
		if err != nil {
			t.Fatal(err)
		}
		some[f[len("migrations/"):]] = &fstest.MapFile{Data: text}
		l := &Ledger{url: url, log: slog.New(slog.DiscardHandler)}
		if url[:7] == "sqlite:" {
			err = l.openSQLite(url[7:])
		} else {
			err = l.openPostgres(t.Context(), url)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := l.migrateTo(t.Context(), some); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return files
}
