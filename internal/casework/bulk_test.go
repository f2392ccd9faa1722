package casework_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/account/accounttest"
	"shouwang/internal/casework"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/ledger/ledgertest"
	"shouwang/internal/policy"

	"shouwang/internal/ledger"
)

// spread makes warnings of n households over the villages of the whole province, four signals to three households.
func spread(t testing.TB, n int) []casework.Signal {
	t.Helper()
	tree, err := division.Load()
	if err != nil {
		t.Fatal(err)
	}
	villages := tree.Villages(520000000000)
	risks := []string{"illness", "employment", "schooling", "labour", "housing"}
	list := make([]casework.Signal, 0, n+n/3)
	for i := range n {
		v := villages[i*7919%len(villages)].Code
		for j := range 1 + i%3/2 {
			risk := risks[(i+j)%len(risks)]
			list = append(list, casework.Signal{
				Household: int64(v)*10000 + int64(i), HouseholdNo: fmt.Sprint(int64(v)*10000 + int64(i)), Division: v, HouseholdType: "ordinary", Channel: casework.Screening,
				Risk: risk, Level: 1 + i%3, Rule: "rule_" + risk, Dataset: "health_settlement", Run: 7, Key: fmt.Sprintf("w:7:%d:%s", i, risk),
				Words: policy.Text{ZH: fmt.Sprintf("近12月医疗自付 %d 元，占纯收入 62.5%%。请核实病情和救助。", 10000+i), EN: fmt.Sprintf("Self-paid medical cost of 12 months is %d yuan, 62.5%% of net income. Check illness and aid.", 10000+i)},
			})
		}
	}
	return list
}

// TestBulk: a run's warnings become leads, the leads are handed out to the villages, a stopped bulk goes on where it was, and a second run of the
// same does nothing.
func TestBulk(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		w := newWorld(t, l)
		province := account.SystemActor("dispatch")
		signals := spread(t, 5000)
		seen := 0
		got, err := w.s.Receive(t.Context(), province, w.now, signals, func(done int) { seen = done })
		if err != nil || got != (casework.Received{Signals: len(signals), Opened: 5000}) || seen != len(signals) {
			t.Fatalf("%+v %d %v", got, seen, err)
		}
		if got, err := w.s.Receive(t.Context(), province, w.now, signals, nil); err != nil || got != (casework.Received{Signals: len(signals), Repeated: len(signals)}) {
			t.Fatalf("again: %+v %v", got, err)
		}
		n, err := w.s.ActAll(t.Context(), province, w.now, "accept", casework.Filter{States: []string{"received"}}, nil, nil)
		if errs.KindOf(err) != errs.Refused || n != 0 {
			t.Errorf("the program accepts leads: %d %v", n, err)
		}
		// Each county hands out its own.
		total := 0
		for _, county := range []division.Code{522633000000, 520425000000} {
			actor := accounttest.Actors(county + 105001)[account.County]
			want, err := w.s.Counts(t.Context(), actor, w.now, casework.Filter{})
			if err != nil {
				t.Fatal(err)
			}
			sum := 0
			for _, c := range want {
				sum += c.Cases
			}
			n, err := w.s.ActAll(t.Context(), actor, w.now, "accept", casework.Filter{States: []string{"received"}}, nil, nil)
			if err != nil || n != sum || n == 0 {
				t.Errorf("county %d: %d of %d, %v", county, n, sum, err)
			}
			total += n
		}
		left, err := w.s.Counts(t.Context(), account.SystemActor("test"), w.now, casework.Filter{States: []string{"accepted"}})
		if err != nil {
			t.Fatal(err)
		}
		sum := 0
		for _, c := range left {
			sum += c.Cases
		}
		if sum != total {
			t.Errorf("%d accepted, %d handed out", sum, total)
		}
		if _, err := w.s.ActAll(t.Context(), w.actors[account.County], w.now, "verify_false", casework.Filter{States: []string{"accepted"}}, nil, nil); errs.KindOf(err) != errs.Invalid {
			t.Errorf("verifying in bulk: %v", err)
		}
		w.check()
	})
}

// TestListPages walks the whole list of a scope by its cursors, on either of the two ways a list is read.
func TestListPages(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		w := newWorld(t, l)
		if _, err := w.s.Receive(t.Context(), account.SystemActor("dispatch"), w.now, spread(t, 1500), nil); err != nil {
			t.Fatal(err)
		}
		for _, actor := range []account.Actor{account.SystemActor("test"), w.actors[account.Prefecture], w.actors[account.County]} {
			counts, err := w.s.Counts(t.Context(), actor, w.now, casework.Filter{MinLevel: 2})
			if err != nil {
				t.Fatal(err)
			}
			want := 0
			for _, c := range counts {
				want += c.Cases
			}
			var ids []string
			last := 4
			for after := ""; ; {
				page, err := w.s.List(t.Context(), actor, w.now, casework.Filter{MinLevel: 2}, after, 100)
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range page.Cases {
					ids = append(ids, c.ID)
					if c.Level > last || !actor.Within(c.Division) {
						t.Fatalf("level %d after %d in %d", c.Level, last, c.Division)
					}
					last = c.Level
				}
				if after = page.Next; after == "" {
					break
				}
			}
			n := len(ids)
			slices.Sort(ids)
			if len(slices.Compact(ids)) != n || n != want {
				t.Errorf("%d cases listed, %d counted", n, want)
			}
		}
		for _, f := range []casework.Filter{{Phases: []string{"x"}}, {Risk: "x"}, {Channel: "x"}, {MinLevel: 9}, {Rule: "\x00"}, {States: []string{"\xff"}}} {
			if _, err := w.s.List(t.Context(), w.actors[account.County], w.now, f, "", 0); errs.KindOf(err) != errs.Invalid {
				t.Errorf("%+v: %v", f, err)
			}
		}
		if _, err := w.s.List(t.Context(), w.actors[account.County], w.now, casework.Filter{}, "!", 0); errs.KindOf(err) != errs.Invalid {
			t.Error("a wrong cursor is taken")
		}
	})
}

// TestSideBySide: many people receive signals of the same households and act on the same cases at the same moment. Nothing is doubled, nobody
// overwrites anybody.
func TestSideBySide(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		w := newWorld(t, l)
		var group sync.WaitGroup
		for i := range 6 {
			group.Add(1)
			go func() {
				defer group.Done()
				var list []casework.Signal
				for h := range 20 {
					g := signal(int64(9000+h), "illness", 2)
					g.Key = fmt.Sprintf("s:%d:%d", i%3, h) // every signal comes twice
					list = append(list, g)
				}
				if _, err := w.s.Receive(t.Context(), w.actors[account.County], w.now, list, nil); err != nil && errs.KindOf(err) != errs.Conflict {
					t.Error(err)
				}
			}()
		}
		group.Wait()
		// Whoever lost a race sends again.
		for i := range 3 {
			var list []casework.Signal
			for h := range 20 {
				g := signal(int64(9000+h), "illness", 2)
				g.Key = fmt.Sprintf("s:%d:%d", i, h)
				list = append(list, g)
			}
			w.receive(list...)
		}
		if c := w.of(9003); c.Signals != 3 {
			t.Errorf("%d signals, want 3", c.Signals)
		}
		c := w.of(9003)
		won := make(chan bool, 8)
		for range 8 {
			group.Add(1)
			go func() {
				defer group.Done()
				_, err := w.try(account.Village, c, "accept", nil)
				if err != nil && errs.KindOf(err) != errs.Conflict {
					t.Error(err)
				}
				won <- err == nil
			}()
		}
		group.Wait()
		close(won)
		n := 0
		for ok := range won {
			if ok {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d of 8 accepted the same version", n)
		}
		w.check()
	})
}

const bulkSize = 300_000

// BenchmarkBulk opens 300,000 leads of 400,000 signals and hands them all out, then reads work lists.
//
//	go test ./internal/casework -run xxx -bench Bulk -benchtime 1x
func BenchmarkBulk(b *testing.B) {
	for _, engine := range []struct {
		name string
		url  func(testing.TB) string
	}{{"sqlite", ledgertest.SQLite}, {"postgres", ledgertest.Postgres}} {
		b.Run(engine.name, func(b *testing.B) {
			signals := spread(b, bulkSize)
			for b.Loop() {
				w := newWorld(b, ledgertest.Open(b, engine.url(b)))
				started := time.Now()
				got, err := w.s.Receive(b.Context(), account.SystemActor("dispatch"), w.now, signals, nil)
				if err != nil || got.Opened != bulkSize {
					b.Fatal(got, err)
				}
				b.ReportMetric(time.Since(started).Seconds(), "receive-s")
				started = time.Now()
				guizhou := account.Actor{Account: "x", Org: "52", Roles: []account.Role{account.County}, Division: 520000000000}
				n, err := w.s.ActAll(b.Context(), guizhou, w.now, "accept", casework.Filter{States: []string{"received"}}, nil, nil)
				if err != nil || n != bulkSize {
					b.Fatal(n, err)
				}
				b.ReportMetric(time.Since(started).Seconds(), "dispatch-s")
				for name, actor := range map[string]account.Actor{"province": guizhou, "county": w.actors[account.County], "village": w.actors[account.Village]} {
					var times []time.Duration
					for range 40 {
						at := time.Now()
						if _, err := w.s.List(b.Context(), actor, w.now, casework.Filter{}, "", 50); err != nil {
							b.Fatal(err)
						}
						times = append(times, time.Since(at))
					}
					slices.Sort(times)
					b.ReportMetric(float64(times[38].Microseconds())/1000, name+"-list-p95-ms")
					at := time.Now()
					if _, err := w.s.Counts(b.Context(), actor, w.now, casework.Filter{}); err != nil {
						b.Fatal(err)
					}
					b.ReportMetric(float64(time.Since(at).Microseconds())/1000, name+"-counts-ms")
				}
				at := time.Now()
				if _, err := w.s.Recount(b.Context(), account.SystemActor("recount"), w.now, casework.TallyFrom); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(time.Since(at).Seconds(), "recount-s")
				for name, actor := range map[string]account.Actor{"province": guizhou, "county": w.actors[account.County]} {
					var times []time.Duration
					for range 40 {
						at := time.Now()
						if _, err := w.s.Tally(b.Context(), actor, w.now, 0); err != nil {
							b.Fatal(err)
						}
						times = append(times, time.Since(at))
					}
					slices.Sort(times)
					b.ReportMetric(float64(times[38].Microseconds())/1000, name+"-tally-p95-ms")
				}
			}
		})
	}
}
