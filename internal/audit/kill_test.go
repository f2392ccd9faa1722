package audit_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"shouwang/internal/audit"
	"shouwang/internal/ledger"
	"shouwang/internal/ledger/ledgertest"
)

// kills is how often TestKill kills the writing process on either engine; `go test ./internal/audit -run TestKill -kills 50` is the long form.
var kills = flag.Int("kills", 2, "how often TestKill kills the writing process")

// childURL makes this test binary the process that writes until it is killed.
const childURL = "SHOUWANG_TEST_WRITER"

func TestMain(m *testing.M) {
	if url := os.Getenv(childURL); url != "" {
		if err := writeForEver(url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	flag.Parse()
	os.Exit(m.Run())
}

const writers = 20

// writeForEver changes rows from 20 sides and says which changes were acknowledged: the id of the change, once Write has come back.
func writeForEver(url string) error {
	ctx := context.Background()
	l, err := ledger.Open(ctx, url, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	out := make(chan string)
	failed := make(chan error)
	for w := range writers {
		go func() {
			for {
				id := ledger.NewID(time.Now())
				if err := l.Write(ctx, time.Now(), func(ctx context.Context, tx *ledger.Tx) error { return change(ctx, tx, id, w%5) }); err != nil {
					failed <- err
					return
				}
				out <- id
			}
		}()
	}
	for {
		select {
		case err := <-failed:
			return err
		case id := <-out:
			if _, err := fmt.Println(id); err != nil {
				return err
			}
		}
	}
}

// change adds one to a counter that others change, too, notes the change, and records it.
func change(ctx context.Context, tx *ledger.Tx, id string, counter int) error {
	var n, version int64
	if err := tx.NewSelect().Table("test_counter").Column("n", "version").Where("id = ?", counter).Scan(ctx, &n, &version); err != nil {
		return err
	}
	done, err := tx.NewUpdate().Table("test_counter").Set("n = ?", n+1).Set("version = ?", version+1).Where("id = ?", counter).Where("version = ?", version).Exec(ctx)
	if err != nil {
		return err
	}
	if rows, err := done.RowsAffected(); err != nil || rows != 1 {
		return fmt.Errorf("%d rows changed, %w", rows, err)
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO test_change (id, counter) VALUES (?, ?)", id, counter); err != nil {
		return err
	}
	return audit.Record(tx, audit.Event{Actor: "writer", Action: "test.change", Object: "change", ObjectID: id, Detail: map[string]int{"test_counter": counter}})
}

func prepare(t testing.TB, l *ledger.Ledger, counters int) {
	t.Helper()
	err := l.Write(t.Context(), now, func(ctx context.Context, tx *ledger.Tx) error {
		// The changes have no key: what is written twice shows.
		for _, statement := range []string{"CREATE TABLE test_counter (id BIGINT PRIMARY KEY, n BIGINT NOT NULL, version BIGINT NOT NULL)", "CREATE TABLE test_change (id TEXT NOT NULL, counter BIGINT NOT NULL)"} {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		for i := range counters {
			if _, err := tx.ExecContext(ctx, "INSERT INTO test_counter VALUES (?, 0, 1)", i); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The writing process is killed with SIGKILL at random moments: whatever it acknowledged is there, once; what it did not is there whole or not at all; and the chain is whole.
func TestKill(t *testing.T) {
	ledgertest.EachURL(t, func(t *testing.T, url string) {
		prepare(t, ledgertest.Open(t, url), 5)
		acknowledged := map[string]bool{}
		var head audit.Head
		for round := range *kills {
			for _, id := range writeAndKill(t, url) {
				if acknowledged[id] {
					t.Fatalf("round %d: %s was acknowledged twice", round, id)
				}
				acknowledged[id] = true
			}
			head = checkAfterKill(t, url, acknowledged, head)
		}
		t.Logf("%d kills, %d acknowledged changes, %d events", *kills, len(acknowledged), head.Seq)
	})
}

// writeAndKill runs the writing process, kills it at some moment, and gives what it acknowledged.
func writeAndKill(t *testing.T, url string) (ids []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=none")
	cmd.Env = append(os.Environ(), childURL+"="+url)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	enough := 20 + rand.IntN(150)
	for lines.Scan() {
		ids = append(ids, strings.Clone(lines.Text()))
		if len(ids) == enough {
			time.Sleep(time.Duration(rand.IntN(5000)) * time.Microsecond)
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // it was killed
	if len(ids) < enough {
		t.Fatalf("the writer ended by itself after %d changes", len(ids))
	}
	if last := ids[len(ids)-1]; len(last) != 36 {
		ids = ids[:len(ids)-1] // cut off in the middle of the line
	}
	return ids
}

// checkAfterKill opens the ledger anew and compares changes, counters, events and what was acknowledged.
func checkAfterKill(t *testing.T, url string, acknowledged map[string]bool, known audit.Head) audit.Head {
	t.Helper()
	l, err := ledger.Open(t.Context(), url, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r, err := audit.Verify(t.Context(), l, known)
	if err != nil || r.Broken != nil {
		t.Fatalf("%+v, %v", r, err)
	}
	var changes, events []string
	var sum int64
	err = l.Read(t.Context(), func(ctx context.Context, tx *ledger.Tx) error {
		if err := tx.NewSelect().Table("test_change").Column("id").Order("id").Scan(ctx, &changes); err != nil {
			return err
		}
		if err := tx.NewSelect().Table("audit_event").Column("object_id").Order("object_id").Scan(ctx, &events); err != nil {
			return err
		}
		var text string
		if err := tx.NewSelect().Table("test_counter").ColumnExpr("CAST(sum(n) AS TEXT)").Scan(ctx, &text); err != nil {
			return err
		}
		var err error
		sum, err = strconv.ParseInt(text, 10, 64)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(changes)) != sum || int64(len(events)) != r.Events || strings.Join(changes, "|") != strings.Join(events, "|") {
		t.Fatalf("%d changes, counters of %d, %d events", len(changes), sum, len(events))
	}
	found := map[string]int{}
	for _, id := range changes {
		if found[id]++; found[id] > 1 {
			t.Fatalf("%s was applied twice", id)
		}
	}
	for id := range acknowledged {
		if found[id] != 1 {
			t.Fatalf("%s was acknowledged and is lost", id)
		}
	}
	return r.Head
}

// BenchmarkWrite is a change with its event, from 50 sides at once, each at its own row.
func BenchmarkWrite(b *testing.B) {
	for _, engine := range []string{"sqlite", "postgres"} {
		b.Run(engine, func(b *testing.B) {
			url := ""
			if engine == "sqlite" {
				url = ledgertest.SQLite(b)
			} else {
				url = ledgertest.Postgres(b)
			}
			l := ledgertest.Open(b, url)
			const sides = 50
			prepare(b, l, sides)
			work := make(chan string)
			var group sync.WaitGroup
			var mu sync.Mutex
			var longest time.Duration
			for side := range sides {
				group.Go(func() {
					for id := range work {
						began := time.Now()
						if err := l.Write(b.Context(), began, func(ctx context.Context, tx *ledger.Tx) error { return change(ctx, tx, id, side) }); err != nil {
							b.Error(err)
						}
						mu.Lock()
						longest = max(longest, time.Since(began))
						mu.Unlock()
					}
				})
			}
			b.ResetTimer()
			for b.Loop() {
				work <- ledger.NewID(time.Now())
			}
			close(work)
			group.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
			b.ReportMetric(float64(longest.Milliseconds()), "ms-longest")
		})
	}
}

// BenchmarkVerify walks a chain.
func BenchmarkVerify(b *testing.B) {
	l := ledgertest.Open(b, ledgertest.SQLite(b))
	const events = 20000
	err := l.Write(b.Context(), now, func(_ context.Context, tx *ledger.Tx) error {
		for i := range events {
			if err := audit.Record(tx, event("case.act", strconv.Itoa(i))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if r, err := audit.Verify(b.Context(), l); err != nil || r.Events != events {
			b.Fatal(r, err)
		}
	}
	b.ReportMetric(float64(b.N*events)/b.Elapsed().Seconds(), "events/s")
}
