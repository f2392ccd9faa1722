package casework_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/ledger/ledgertest"
)

// What is kept of the counts is what is counted, by whoever asks; it says when it was counted, and is not told any more when it is old.
func TestTally(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		w := newWorld(t, l)
		if _, err := w.s.Receive(t.Context(), account.SystemActor("dispatch"), w.now, spread(t, 600), nil); err != nil {
			t.Fatal(err)
		}
		county := w.actors[account.County]
		prefecture, system := w.actors[account.Prefecture], account.SystemActor("recount")
		sum := func(actor account.Actor, now time.Time, under division.Code) (int, time.Time) {
			t.Helper()
			tally, err := w.s.Tally(t.Context(), actor, now, under)
			if err != nil {
				t.Fatal(err)
			}
			return tally.Sum(func(c casework.Count) bool { return c.State == "received" }), tally.At.Go()
		}
		counted := func(actor account.Actor) int {
			t.Helper()
			counts, err := w.s.Counts(t.Context(), actor, w.now, casework.Filter{States: []string{"received"}})
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for _, c := range counts {
				n += c.Cases
			}
			return n
		}
		recount := func(now time.Time, least int64) {
			t.Helper()
			if n, err := w.s.Recount(t.Context(), system, now, least); err != nil || n != 600 {
				t.Fatalf("%d, %v", n, err)
			}
		}
		recount(w.now, 1000) // too few to be kept
		if _, at := sum(prefecture, w.now.Add(time.Minute), 0); !at.Equal(w.now.Add(time.Minute)) {
			t.Errorf("counted at %v: too few were kept", at)
		}
		recount(w.now, 1)
		recount(w.now, 1) // nothing has changed
		n, err := w.s.ActAll(t.Context(), county, w.now, "accept", casework.Filter{States: []string{"received"}}, nil, nil)
		if err != nil || n == 0 {
			t.Fatalf("%d accepted, %v", n, err)
		}
		soon := w.now.Add(9 * time.Minute)
		for name, actor := range map[string]account.Actor{"prefecture": prefecture, "system": system} {
			got, at := sum(actor, soon, 0)
			if want := counted(actor) + n; got != want || !at.Equal(w.now) {
				t.Errorf("%s: %d at %v, want %d as before the county acted", name, got, at, want)
			}
			if got, at := sum(actor, soon, county.Division); got != 0 || !at.Equal(soon) {
				t.Errorf("%s of a county: %d at %v, want none now", name, got, at)
			}
		}
		late := w.now.Add(11 * time.Minute)
		if got, at := sum(prefecture, late, 0); got != counted(prefecture) || !at.Equal(late) {
			t.Errorf("an old count is told: %d at %v", got, at)
		}
		recount(late, 1)
		if got, at := sum(prefecture, late.Add(time.Minute), 0); got != counted(prefecture) || !at.Equal(late) {
			t.Errorf("counted again: %d at %v", got, at)
		}
		recount(late, 1000) // it has become few
		if _, at := sum(prefecture, late.Add(time.Minute), 0); !at.Equal(late.Add(time.Minute)) {
			t.Errorf("counted at %v: the old count is still kept", at)
		}
		if _, err := w.s.Recount(t.Context(), w.actors[account.Village], w.now, 1); errs.KindOf(err) != errs.Refused {
			t.Errorf("a village recounts: %v", err)
		}
	})
}

// BenchmarkTally adds up what is kept of a province whose counties have cases in every state at every level.
func BenchmarkTally(b *testing.B) {
	for _, engine := range []struct {
		name string
		url  func(testing.TB) string
	}{{"sqlite", ledgertest.SQLite}, {"postgres", ledgertest.Postgres}} {
		b.Run(engine.name, func(b *testing.B) {
			l := ledgertest.Open(b, engine.url(b))
			w := newWorld(b, l)
			if err := l.Write(b.Context(), w.now, func(ctx context.Context, tx *ledger.Tx) error {
				for county := range 88 {
					for state := range 36 {
						for level := range 4 {
							if _, err := tx.ExecContext(ctx, "INSERT INTO case_tally (county, phase, state, level, cases) VALUES (?, ?, ?, ?, 100)", 520100000000+int64(county)*1_000_000, "lead", fmt.Sprint("state", state), level); err != nil {
								return err
							}
						}
					}
				}
				_, err := tx.ExecContext(ctx, "INSERT INTO case_tally_at (one, at) VALUES (1, ?)", tx.Now)
				return err
			}); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := w.s.Tally(b.Context(), account.SystemActor("test"), w.now, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
