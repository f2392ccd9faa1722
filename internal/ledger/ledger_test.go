package ledger_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/ledger/ledgertest"
)

// thing is a row with everything that subjects put into their tables.
type thing struct {
	bun.BaseModel `bun:"table:thing"`

	ID       string `bun:",pk"`
	Version  int64
	Name     string
	Division int64
	Amount   float64
	Open     bool
	At       ledger.Time
	Until    ledger.Time `bun:",nullzero"`
	Words    map[string]string
}

var now = time.Date(2026, 11, 24, 8, 30, 0, 123456000, time.UTC)

// withThings makes the table thing.
func withThings(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	write(t, l, func(ctx context.Context, tx *ledger.Tx) error {
		_, err := tx.ExecContext(ctx, `CREATE TABLE thing (id TEXT PRIMARY KEY, version BIGINT NOT NULL, name TEXT NOT NULL UNIQUE, division BIGINT NOT NULL,
			amount DOUBLE PRECISION NOT NULL, open BOOLEAN NOT NULL, at BIGINT NOT NULL, until BIGINT, words TEXT NOT NULL)`)
		return err
	})
}

func write(t *testing.T, l *ledger.Ledger, fn func(context.Context, *ledger.Tx) error) {
	t.Helper()
	if err := l.Write(t.Context(), now, fn); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, l *ledger.Ledger, fn func(context.Context, *ledger.Tx) error) {
	t.Helper()
	if err := l.Read(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func newThing(name string) *thing {
	return &thing{ID: ledger.NewID(now), Version: 1, Name: name, Division: 522633105209, Amount: 0.1, Open: true, At: ledger.At(now), Words: map[string]string{"zh": "词", "en": `it's "a" word\`}}
}

func insert(ctx context.Context, tx *ledger.Tx, x *thing) error {
	_, err := tx.NewInsert().Model(x).Exec(ctx)
	return err
}

func TestValuesComeBackAsWritten(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		withThings(t, l)
		want := newThing("从江县 '; DROP TABLE thing; --\x01?")
		write(t, l, func(ctx context.Context, tx *ledger.Tx) error {
			if tx.Now != ledger.At(now) {
				t.Errorf("Now = %v", tx.Now)
			}
			return insert(ctx, tx, want)
		})
		read(t, l, func(ctx context.Context, tx *ledger.Tx) error {
			var got thing
			if err := tx.NewSelect().Model(&got).Where("open").Where("division BETWEEN ? AND ?", int64(522633000000), int64(522633999999)).Scan(ctx); err != nil {
				return err
			}
			if fmt.Sprint(got) != fmt.Sprint(*want) {
				t.Errorf("got  %v\nwant %v", got, *want)
			}
			return nil
		})
	})
}

// What no text column can hold comes back as the replacement character, and is found by nobody.
func TestTextsThatCannotBeKept(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		withThings(t, l)
		x := newThing("a\x00b\xff")
		x.Words = map[string]string{"zh": "a\x00b\xff"}
		write(t, l, func(ctx context.Context, tx *ledger.Tx) error {
			if err := insert(ctx, tx, x); err != nil {
				return err
			}
			if done, err := tx.Once(ctx, "wang\x00", "k\x00", "r", nil); done || err != nil {
				t.Errorf("%v, %v", done, err)
			}
			return tx.Remember(ctx, "wang\x00", "k\x00", "r\x00", "\x00")
		})
		read(t, l, func(ctx context.Context, tx *ledger.Tx) error {
			var got thing
			if err := tx.NewSelect().Model(&got).Where("name = ?", "a\x00b\xff").Scan(ctx); err != nil {
				return err
			}
			if got.Name != "a\uFFFDb\uFFFD" || len(got.Words) != 1 {
				t.Errorf("%q, %v", got.Name, got.Words)
			}
			n, err := tx.NewSelect().Model((*thing)(nil)).Where("id IN (?)", bun.List([]string{"\x00", x.ID + "\x00"})).Count(ctx)
			if n != 0 {
				t.Errorf("%d found", n)
			}
			return err
		})
	})
}

func TestWriteIsAllOrNothing(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		withThings(t, l)
		stop := errors.New("stop")
		for name, fn := range map[string]func(context.Context, *ledger.Tx) error{
			"an error": func(ctx context.Context, tx *ledger.Tx) error {
				return errors.Join(insert(ctx, tx, newThing("a")), stop)
			},
			"an error of Last": func(ctx context.Context, tx *ledger.Tx) error {
				tx.Last(func(context.Context) error { return stop })
				return insert(ctx, tx, newThing("a"))
			},
			"a write inside": func(ctx context.Context, tx *ledger.Tx) error {
				if err := insert(ctx, tx, newThing("a")); err != nil {
					return err
				}
				return l.Write(ctx, now, func(context.Context, *ledger.Tx) error { return nil })
			},
		} {
			if err := l.Write(t.Context(), now, fn); errs.KindOf(err) != errs.Internal {
				t.Errorf("%s: %v", name, err)
			}
		}
		func() {
			defer func() { _ = recover() }()
			_ = l.Write(t.Context(), now, func(ctx context.Context, tx *ledger.Tx) error {
				if err := insert(ctx, tx, newThing("a")); err != nil {
					t.Error(err)
				}
				panic("a fault")
			})
		}()
		if n := count(t, l); n != 0 {
			t.Errorf("%d rows were left", n)
		}
		var order []int
		write(t, l, func(ctx context.Context, tx *ledger.Tx) error {
			tx.Last(func(context.Context) error {
				order = append(order, 2)
				tx.Last(func(context.Context) error { order = append(order, 3); return nil })
				return nil
			})
			order = append(order, 1)
			return insert(ctx, tx, newThing("a"))
		})
		if !slices.Equal(order, []int{1, 2, 3}) || count(t, l) != 1 {
			t.Errorf("order %v, %d rows", order, count(t, l))
		}
		// A read cannot write.
		err := l.Read(t.Context(), func(ctx context.Context, tx *ledger.Tx) error { return insert(ctx, tx, newThing("b")) })
		if err == nil || count(t, l) != 1 {
			t.Errorf("a read wrote: %v", err)
		}
	})
}

func count(t *testing.T, l *ledger.Ledger) (n int64) {
	t.Helper()
	read(t, l, func(ctx context.Context, tx *ledger.Tx) (err error) {
		n, err = tx.NewSelect().Model((*thing)(nil)).Count(ctx)
		return err
	})
	return n
}

func TestReadIsOneSnapshot(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		withThings(t, l)
		read(t, l, func(ctx context.Context, tx *ledger.Tx) error {
			for i := range 2 {
				n, err := tx.NewSelect().Model((*thing)(nil)).Count(ctx)
				if err != nil || n != 0 {
					t.Errorf("look %d: %d rows, %v", i, n, err)
				}
				// By another transaction, while this one looks.
				write(t, l, func(ctx context.Context, tx *ledger.Tx) error { return insert(ctx, tx, newThing(fmt.Sprint(i))) })
			}
			return nil
		})
		if n := count(t, l); n != 2 {
			t.Errorf("%d rows", n)
		}
	})
}

func TestTwoPeopleSaveOneRow(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		withThings(t, l)
		first := newThing("a")
		write(t, l, func(ctx context.Context, tx *ledger.Tx) error { return insert(ctx, tx, first) })
		second := *first
		save := func(x *thing) error {
			return l.Write(t.Context(), now, func(ctx context.Context, tx *ledger.Tx) error {
				return ledger.Update(ctx, tx, x, &x.Version, "name", "words")
			})
		}
		first.Name, second.Name, second.Amount = "b", "c", 7
		if err := save(first); err != nil || first.Version != 2 {
			t.Fatalf("%v, version %d", err, first.Version)
		}
		err := save(&second)
		var stale *ledger.Stale
		if errs.KindOf(err) != errs.Conflict || !errors.As(err, &stale) || *stale != (ledger.Stale{Read: 1, Is: 2}) || second.Version != 1 {
			t.Errorf("%v, %+v, version %d", err, stale, second.Version)
		}
		gone := newThing("d")
		if err := save(gone); errs.KindOf(err) != errs.NotFound {
			t.Errorf("a row that is not there: %v", err)
		}
		read(t, l, func(ctx context.Context, tx *ledger.Tx) error {
			var got thing
			err := tx.NewSelect().Model(&got).Scan(ctx)
			if got.Name != "b" || got.Amount != 0.1 || got.Version != 2 {
				t.Errorf("%+v", got)
			}
			return err
		})
	})
}

// Many at once change one row: each change counts, whatever the database had to try again.
func TestManyChangeOneRow(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		withThings(t, l)
		x := newThing("a")
		x.Amount = 0
		write(t, l, func(ctx context.Context, tx *ledger.Tx) error { return insert(ctx, tx, x) })
		const people, each = 8, 10
		var tries atomic.Int64
		var group sync.WaitGroup
		for range people {
			group.Go(func() {
				for range each {
					err := l.Write(t.Context(), now, func(ctx context.Context, tx *ledger.Tx) error {
						tries.Add(1)
						var row thing
						if err := tx.NewSelect().Model(&row).Where("id = ?", x.ID).Scan(ctx); err != nil {
							return err
						}
						row.Amount++
						return ledger.Update(ctx, tx, &row, &row.Version, "amount")
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		read(t, l, func(ctx context.Context, tx *ledger.Tx) error {
			var got thing
			err := tx.NewSelect().Model(&got).Scan(ctx)
			if got.Amount != people*each || got.Version != 1+people*each {
				t.Errorf("amount %v, version %d after %d tries", got.Amount, got.Version, tries.Load())
			}
			return err
		})
	})
}

// A chain is carried on under an exclusive lock without a gap, without a repetition, and (PostgreSQL) without being tried again.
func TestExclusive(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		withThings(t, l)
		const people, each = 20, 5
		var tries atomic.Int64
		var group sync.WaitGroup
		for p := range people {
			group.Go(func() {
				for i := range each {
					err := l.Write(t.Context(), now, func(ctx context.Context, tx *ledger.Tx) error {
						tries.Add(1)
						if err := insert(ctx, tx, newThing(fmt.Sprint("data ", p, i))); err != nil { // the snapshot begins here
							return err
						}
						tx.Last(func(ctx context.Context) error {
							db, err := tx.Exclusive(ctx, "chain")
							if err != nil {
								return err
							}
							var n int
							if err := db.NewSelect().Model((*thing)(nil)).ColumnExpr("count(*)").Where("name LIKE 'link %'").Scan(ctx, &n); err != nil {
								return err
							}
							return insert(ctx, tx, newThing(fmt.Sprint("link ", n)))
						})
						return nil
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		if n := count(t, l); n != 2*people*each || tries.Load() != people*each {
			t.Errorf("%d rows, %d tries", n, tries.Load())
		}
	})
}

func TestOnce(t *testing.T) {
	type request struct{ Case, Step string }
	type response struct{ ID string }
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		withThings(t, l)
		do := func(account, key string, r request) (response, error) {
			var answer response
			err := l.Write(t.Context(), now, func(ctx context.Context, tx *ledger.Tx) error {
				if done, err := tx.Once(ctx, account, key, r, &answer); done || err != nil {
					return err
				}
				x := newThing(ledger.NewID(now))
				answer = response{x.ID}
				if err := insert(ctx, tx, x); err != nil {
					return err
				}
				return tx.Remember(ctx, account, key, r, answer)
			})
			return answer, err
		}
		var answers [8]response
		var group sync.WaitGroup
		for i := range answers {
			group.Go(func() {
				var err error
				if answers[i], err = do("wang", "k1", request{"1", "verify"}); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		for _, a := range answers {
			if a != answers[0] || a.ID == "" {
				t.Errorf("answers %v", answers)
			}
		}
		if n := count(t, l); n != 1 {
			t.Errorf("done %d times", n)
		}
		if _, err := do("wang", "k1", request{"2", "verify"}); errs.KindOf(err) != errs.Conflict {
			t.Errorf("another request with the same key: %v", err)
		}
		for _, c := range [][2]string{{"li", "k1"}, {"wang", "k2"}, {"wang", ""}, {"wang", ""}} {
			if a, err := do(c[0], c[1], request{"1", "verify"}); err != nil || a == answers[0] {
				t.Errorf("%v: %v, %v", c, a, err)
			}
		}
		if _, err := do("wang", strings.Repeat("x", 201), request{}); errs.KindOf(err) != errs.Invalid {
			t.Errorf("a long key: %v", err)
		}
		write(t, l, func(ctx context.Context, tx *ledger.Tx) error {
			n, err := tx.Forget(ctx, ledger.At(now).Add(time.Second))
			if n != 3 {
				t.Errorf("forgot %d", n)
			}
			return err
		})
	})
}

func TestUniqueIsTold(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		withThings(t, l)
		taken := false
		err := l.Write(t.Context(), now, func(ctx context.Context, tx *ledger.Tx) error {
			if err := insert(ctx, tx, newThing("52263319900101123X")); err != nil {
				return err
			}
			err := insert(ctx, tx, newThing("52263319900101123X"))
			taken = ledger.Taken(err)
			return err
		})
		if !taken || err == nil || strings.Contains(err.Error()+errs.Text(err, "zh"), "5226331990") {
			t.Errorf("taken %v, %v", taken, err)
		}
		err = l.Write(t.Context(), now, func(ctx context.Context, tx *ledger.Tx) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO thing VALUES (1, CAST('13800138000x' AS BIGINT) + nothing)")
			return err
		})
		if errs.KindOf(err) != errs.Internal || strings.Contains(err.Error(), "13800138000") {
			t.Errorf("%v", err)
		}
	})
}

func TestInsertAll(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		withThings(t, l)
		var rows []thing
		for i := range 1203 {
			rows = append(rows, *newThing(fmt.Sprint(i)))
		}
		write(t, l, func(ctx context.Context, tx *ledger.Tx) error { return ledger.InsertAll(ctx, tx, rows) })
		if n := count(t, l); n != int64(len(rows)) {
			t.Errorf("%d rows", n)
		}
	})
}

// A ledger that was brought up one migration at a time has the tables of a fresh one.
func TestFreshIsUpgraded(t *testing.T) {
	ledgertest.EachURL(t, func(t *testing.T, url string) {
		want := shape(t, ledgertest.Open(t, url))
		var other string
		if strings.HasPrefix(url, "sqlite:") {
			other = ledgertest.SQLite(t)
		} else {
			other = ledgertest.Postgres(t)
		}
		ledger.StepByStep(t, other)
		l := ledgertest.Open(t, other)
		if got := shape(t, l); got != want {
			t.Errorf("fresh:\n%s\nupgraded:\n%s", want, got)
		}
		versions, err := l.Schema(t.Context())
		if err != nil || !slices.IsSorted(versions) || len(versions) == 0 || versions[0] != 101 {
			t.Errorf("%v, %v", versions, err)
		}
	})
}

// shape is the text of all tables.
func shape(t *testing.T, l *ledger.Ledger) string {
	t.Helper()
	query := "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master ORDER BY 1"
	if l.Engine() == ledger.PostgreSQL {
		query = `SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '') FROM information_schema.columns
			WHERE table_schema = current_schema() AND table_name <> 'goose_db_version'
			UNION ALL SELECT replace(indexdef, schemaname || '.', '') FROM pg_indexes WHERE schemaname = current_schema()
			UNION ALL SELECT conrelid::regclass::text || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = current_schema()::regnamespace ORDER BY 1`
	}
	var lines []string
	read(t, l, func(ctx context.Context, tx *ledger.Tx) error { return tx.NewRaw(query).Scan(ctx, &lines) })
	if len(lines) < 5 {
		t.Errorf("only %v", lines)
	}
	return strings.Join(lines, "\n")
}

func TestManyProcessesMayOpenAtOnce(t *testing.T) {
	ledgertest.EachURL(t, func(t *testing.T, url string) {
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				l, err := ledger.Open(t.Context(), url, slog.New(slog.DiscardHandler))
				if err != nil {
					t.Error(err)
					return
				}
				if err := l.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
	})
}

func TestNewerLedgerIsRefused(t *testing.T) {
	ledgertest.EachURL(t, func(t *testing.T, url string) {
		l := ledgertest.Open(t, url)
		write(t, l, func(ctx context.Context, tx *ledger.Tx) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99901, ?)", true)
			return err
		})
		_, err := ledger.Open(t.Context(), url, slog.New(slog.DiscardHandler))
		if errs.KindOf(err) != errs.Conflict || !strings.Contains(err.Error(), "99901") {
			t.Errorf("%v", err)
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "text"), []byte(strings.Repeat("no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for url, kind := range map[string]errs.Kind{
		"":                                     errs.Invalid,
		"sqlite:":                              errs.Invalid,
		"mysql://x":                            errs.Invalid,
		"postgres://u:secret@h:notaport/":      errs.Invalid,
		"postgres://u:secret@127.0.0.1:1/none": errs.Unavailable,
		"sqlite:" + dir + "/none/l.sqlite":     errs.NotFound,
		"sqlite:" + dir + "/text":              errs.Unavailable,
	} {
		l, err := ledger.Open(t.Context(), url, slog.New(slog.DiscardHandler))
		if l != nil || errs.KindOf(err) != kind || strings.Contains(err.Error()+errs.Text(err, "zh"), "secret") {
			t.Errorf("%s: %v", url, err)
		}
	}
	l := ledgertest.Open(t, "sqlite:"+dir+"/a ledger%41?#.sqlite")
	if info, err := os.Stat(dir + "/a ledger%41?#.sqlite"); err != nil || info.Mode().Perm() != 0o600 || l.Engine() != ledger.SQLite {
		t.Errorf("%v, %v", info, err)
	}
}

func TestTime(t *testing.T) {
	at := ledger.At(now)
	if at.Go() != now || at.String() != "2026-11-24T08:30:00.123456Z" || at.Add(time.Minute).Sub(at) != time.Minute {
		t.Errorf("%v", at)
	}
	if ledger.At(time.Time{}) != 0 || !ledger.Time(0).Go().IsZero() || ledger.Time(0).String() != "" {
		t.Error("never")
	}
	for _, c := range []struct {
		at   ledger.Time
		text string
	}{{at, `"2026-11-24T08:30:00.123456Z"`}, {0, "null"}, {1, `"1970-01-01T00:00:00.000001Z"`}, {-1, `"1969-12-31T23:59:59.999999Z"`}} {
		text, err := json.Marshal(c.at)
		if err != nil || string(text) != c.text {
			t.Errorf("%s, %v, want %s", text, err, c.text)
		}
		var back ledger.Time
		if err := json.Unmarshal(text, &back); err != nil || back != c.at {
			t.Errorf("%v, %v", back, err)
		}
	}
	var local ledger.Time
	if err := json.Unmarshal([]byte(`"2026-11-24T16:30:00.123456+08:00"`), &local); err != nil || local != at {
		t.Errorf("%v, %v", local, err)
	}
	for _, bad := range []string{`"yesterday"`, `7`, `{}`} {
		if err := json.Unmarshal([]byte(bad), &local); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestNewID(t *testing.T) {
	seen := map[string]bool{}
	last := ""
	for i := range 5000 {
		id := ledger.NewID(now.Add(time.Duration(i) * time.Microsecond))
		if len(id) != 36 || id[14] != '7' || !strings.ContainsRune("89ab", rune(id[19])) || seen[id] || id <= last {
			t.Fatalf("%s after %s", id, last)
		}
		seen[id], last = true, id
	}
	if got, want := ledger.NewID(time.UnixMilli(0x017F22E279B0))[:14], "017f22e2-79b0-"; got != want { // the example of RFC 9562
		t.Errorf("%s, want %s", got, want)
	}
}
