package dispatch_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/account/accounttest"
	"shouwang/internal/casework"
	"shouwang/internal/dispatch"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/intake"
	"shouwang/internal/ledger"
	"shouwang/internal/ledger/ledgertest"
	"shouwang/internal/policy"
	"shouwang/internal/screening"
	"shouwang/internal/secret"
	"shouwang/internal/synth"
	"shouwang/internal/warehouse"
	packs "shouwang/policy"
)

// township of the synthetic households.
const township division.Code = 522633105000

var asOf = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

// world is a screened township beside a ledger.
type world struct {
	t      *testing.T
	w      *warehouse.Warehouse
	l      *ledger.Ledger
	in     *intake.Service
	scr    *screening.Service
	cases  *casework.Service
	d      *dispatch.Service
	actors map[account.Role]account.Actor
	now    time.Time
	given  []dispatch.Delivery
}

func newWorld(t *testing.T, l *ledger.Ledger) *world {
	t.Helper()
	ctx, dir, log := t.Context(), t.TempDir(), slog.New(slog.DiscardHandler)
	pack, err := policy.Load(packs.Guizhou())
	if err != nil {
		t.Fatal(err)
	}
	tree, err := division.Load()
	if err != nil {
		t.Fatal(err)
	}
	keyring, err := secret.Create(filepath.Join(dir, "keyring"))
	if err != nil {
		t.Fatal(err)
	}
	w, err := warehouse.Open(ctx, filepath.Join(dir, "w.duckdb"), warehouse.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	if err := w.Schema(ctx, pack); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	x := &world{t: t, w: w, l: l, in: intake.New(w, keyring, pack, tree, data, log), scr: screening.New(w, pack, tree, data), actors: accounttest.Actors(accounttest.Village),
		now: time.Date(2026, 11, 24, 1, 0, 0, 0, time.UTC)}
	if x.cases, err = casework.New(l, keyring, pack, accounttest.Service(t, l), casework.Hooks{}, log); err != nil {
		t.Fatal(err)
	}
	measures := func(_ context.Context, _ account.Actor, after ledger.Time, id string, limit int) ([]dispatch.Delivery, error) {
		var out []dispatch.Delivery
		for _, d := range x.given {
			if (d.At > after || d.At == after && d.ID > id) && len(out) < limit {
				out = append(out, d)
			}
		}
		return out, nil
	}
	x.d = dispatch.New(x.scr, x.in, x.cases, measures, l, pack, dir, log)
	files := filepath.Join(dir, "synth")
	if _, err := synth.Generate(ctx, synth.Options{Out: files, Division: township, Households: 600, Seed: 5, AsOf: asOf, Pack: pack, Tree: tree}); err != nil {
		t.Fatal(err)
	}
	if _, err := x.in.Files(ctx, []string{files}, intake.Options{Now: x.now}); err != nil {
		t.Fatal(err)
	}
	x.screen()
	return x
}

func (x *world) screen() {
	x.t.Helper()
	if _, err := x.scr.Run(x.t.Context(), screening.Options{AsOf: casework.Civil(x.now), Now: x.now}); err != nil {
		x.t.Fatal(err)
	}
}

func (x *world) send(f screening.SignalFilter) dispatch.Sent {
	x.t.Helper()
	got, err := x.d.Send(x.t.Context(), x.actors[account.County], x.now, f, nil)
	if err != nil {
		x.t.Fatal(err)
	}
	return got
}

func (x *world) feed() dispatch.Fed {
	x.t.Helper()
	got, err := x.d.Feed(x.t.Context(), account.SystemActor("feed"), x.now)
	if err != nil {
		x.t.Fatal(err)
	}
	return got
}

// number asks the warehouse in SQL.
func (x *world) number(text string) int {
	x.t.Helper()
	var n int
	if err := x.w.DB().QueryRow(text).Scan(&n); err != nil {
		x.t.Fatalf("%v\n%s", err, text)
	}
	return n
}

// count asks the ledger in SQL.
func (x *world) count(text string) int {
	x.t.Helper()
	var n int
	if err := x.l.Read(x.t.Context(), func(ctx context.Context, tx *ledger.Tx) error {
		return tx.NewRaw(text).Scan(ctx, &n)
	}); err != nil {
		x.t.Fatalf("%v\n%s", err, text)
	}
	return n
}

func (x *world) act(c *casework.Case, action string, data map[string]any) *casework.Case {
	x.t.Helper()
	got, err := x.cases.Act(x.t.Context(), x.actors[account.County], x.now, casework.Act{Case: c.ID, Action: action, Version: c.Version, Data: data})
	if err != nil {
		x.t.Fatalf("%s in %s: %v", action, c.State, err)
	}
	return got.Case
}

// leads gives the first open leads by household number whose income is known and low: the same ones in every run of the test.
func (x *world) leads(n int) []casework.Case {
	x.t.Helper()
	page, err := x.cases.List(x.t.Context(), x.actors[account.County], x.now, casework.Filter{MinLevel: 3}, "", 200)
	if err != nil {
		x.t.Fatal(err)
	}
	slices.SortFunc(page.Cases, func(a, b casework.Case) int { return strings.Compare(a.HouseholdNo, b.HouseholdNo) })
	var out []casework.Case
	for _, c := range page.Cases {
		if len(out) < n && x.number("SELECT count(*) FROM wide WHERE i_income_per_head < 15000 AND household_id = "+c.HouseholdNo) == 1 {
			out = append(out, c)
		}
	}
	if len(out) < n {
		x.t.Fatalf("%d leads of the %d wanted", len(out), n)
	}
	return out
}

// TestLoop: warnings become one lead a household, once; what staff find comes back as facts that rules see.
func TestLoop(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		x := newWorld(t, l)
		warned := x.number("SELECT count(DISTINCT household_id) FROM warning_live WHERE level > 0 AND known")
		warnings := x.number("SELECT count(*) FROM warning_live WHERE level > 0 AND known")
		sent := x.send(screening.SignalFilter{})
		if warned < 20 || sent.Households != warned || sent.Received.Opened != warned || sent.Received.Signals != warnings || sent.Unplaced != 0 {
			t.Fatalf("%d households with %d warnings, sent %+v", warned, warnings, sent)
		}
		if leads, signals := x.count("SELECT count(*) FROM casefile WHERE state = 'received'"), x.count("SELECT count(*) FROM signal"); leads != warned || signals != warnings {
			t.Errorf("%d leads with %d signals in the ledger, want %d and %d", leads, signals, warned, warnings)
		}
		// The lead tells what the household's page tells.
		lead := x.leads(1)[0]
		e, err := x.scr.Explain(t.Context(), lead.HouseholdNo, "", 0)
		if err != nil {
			t.Fatal(err)
		}
		told := false
		for _, r := range e.Rules {
			told = told || strings.Contains(lead.ExplanationZH, r.Wording.ZH) && strings.Contains(lead.ExplanationEN, r.Wording.EN)
		}
		if !told || lead.Level != 3 {
			t.Errorf("the worst lead (level %d) tells %q, none of the household's %d rules", lead.Level, lead.ExplanationZH, len(e.Rules))
		}
		// The same again changes nothing; nor does another run that finds nothing new.
		if again := x.send(screening.SignalFilter{}); again.Received.Repeated != warnings || again.Received.Opened+again.Received.Joined+again.Received.Suppressed != 0 {
			t.Errorf("sent again: %+v", again.Received)
		}
		if n := x.count("SELECT count(*) FROM signal"); n != warnings {
			t.Errorf("%d signals after sending again, want %d", n, warnings)
		}

		// Nothing was done yet: the feed says so, and the indicators are zero, not unknown.
		x.now = x.now.Add(5 * time.Minute)
		x.feed()
		x.screen()
		if n := x.number("SELECT count(*) FROM wide WHERE i_false_alarms_6m = 0 AND i_case_monitored = 0"); n != x.number("SELECT count(*) FROM household") {
			t.Errorf("only %d households are known to have no case", n)
		}

		// Three leads are visited: a false alarm with a corrected income, a known one, one without an end.
		leads := x.leads(3)
		visit := map[string]any{"visited_on": casework.Civil(x.now).Format(time.DateOnly), "visitors": []any{map[string]any{"account": "a", "post": "village"}, map[string]any{"name": "乙", "post": "team"}}}
		for i := range leads {
			c := x.act(&leads[i], "accept", nil)
			data := visit
			if i == 0 {
				data = map[string]any{"facts": []any{map[string]any{"indicator": "income_per_head", "value": 31234.5}}}
				for k, v := range visit {
					data[k] = v
				}
			}
			c = x.act(c, "record_visit", data)
			switch i {
			case 0:
				x.act(c, "verify_false", map[string]any{"reason": "收入数据有误"})
			case 1:
				x.act(c, "verify_known", map[string]any{"reason": "已在低保"})
			}
		}
		x.given = []dispatch.Delivery{
			{ID: "a", At: ledger.At(x.now), HouseholdNo: leads[2].HouseholdNo, Division: leads[2].Division, Risk: "illness", Block: "health", Fen: 1_800_050, Day: "2026-11-20"},
			{ID: "b", At: ledger.At(x.now), HouseholdNo: leads[2].HouseholdNo, Division: leads[2].Division, Block: "employment", Development: true, Fen: 99, Day: "2026-11-21"},
		}
		if early := x.feed(); early.Events != 0 {
			t.Errorf("%d events told before they have settled", early.Events)
		}
		x.now = x.now.Add(5 * time.Minute)
		labels := leads[0].Signals + leads[1].Signals
		fed := x.feed()
		want := map[string]int{"verified": labels, "visit": 3, "correction": 1, "measure": 2, "closed": 1}
		for kind, n := range want {
			if fed.Kinds[kind] != n {
				t.Errorf("%d events of kind %s, want %d (%v)", fed.Kinds[kind], kind, n, fed.Kinds)
			}
		}
		if len(fed.Files) != 1 || fed.Files[0].Accepted != fed.Events || fed.Files[0].Pending != 0 {
			t.Errorf("files: %+v of %d events", fed.Files, fed.Events)
		}
		if again := x.feed(); again.Events != 0 {
			t.Errorf("%d events told twice", again.Events)
		}
		x.screen()
		for _, check := range []struct {
			household string
			cond      string
		}{
			{leads[0].HouseholdNo, fmt.Sprintf("i_false_alarms_6m = %d AND i_verified_income_per_head = 31234.5 AND i_case_visits_3m = 1 AND i_case_monitored = 0", leads[0].Signals)},
			{leads[1].HouseholdNo, "i_false_alarms_6m = 0 AND i_verified_true_12m = 0 AND i_case_visits_3m = 1"},
			{leads[2].HouseholdNo, "i_measures_delivered_12m = 2 AND i_development_delivered_12m = 1 AND i_measure_amount_12m = 18001.49"},
		} {
			if n := x.number("SELECT count(*) FROM wide WHERE household_id = " + check.household + " AND " + check.cond); n != 1 {
				t.Errorf("household %s is not: %s", check.household, check.cond)
			}
		}
		if n := x.number("SELECT count(*) FROM hit WHERE rule = 'doubt_income_verified' AND household_id = " + leads[0].HouseholdNo); n == 0 {
			t.Error("a verified income far from the data raises no doubt")
		}
		// A known cause that repeats asks for no visit.
		after := x.send(screening.SignalFilter{})
		if after.Received.Opened != 0 {
			t.Errorf("after the false alarm and the known case, %d new leads: %+v", after.Received.Opened, after.Received)
		}
	})
}

// TestScope: a township sends its own warnings only, and one without the right sends none.
func TestScope(t *testing.T) {
	x := newWorld(t, ledgertest.Open(t, ledgertest.SQLite(t)))
	other := accounttest.Actors(520102001001)
	if _, err := x.d.Send(t.Context(), other[account.County], x.now, screening.SignalFilter{Division: township}, nil); errs.KindOf(err) != errs.NotFound {
		t.Errorf("another county sends this one's warnings: %v", err)
	}
	if got, err := x.d.Send(t.Context(), other[account.County], x.now, screening.SignalFilter{}, nil); err != nil || got.Households != 0 {
		t.Errorf("another county sends %d households: %v", got.Households, err)
	}
	for _, r := range []account.Role{account.Village, account.Policy, account.Auditor, account.Department} {
		if _, err := x.d.Send(t.Context(), x.actors[r], x.now, screening.SignalFilter{}, nil); errs.KindOf(err) != errs.Refused {
			t.Errorf("%s may send: %v", r, err)
		}
		if _, err := x.d.Feed(t.Context(), x.actors[r], x.now); errs.KindOf(err) != errs.Refused {
			t.Errorf("%s may feed: %v", r, err)
		}
	}
	if n := x.count("SELECT count(*) FROM casefile"); n != 0 {
		t.Errorf("%d cases", n)
	}
}
