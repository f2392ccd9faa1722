package screening

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"shouwang/internal/policy"
)

// collect reads the signals of a filter, by household and risk.
func (x *world) collect(f SignalFilter) map[string]Signal {
	x.Helper()
	out := map[string]Signal{}
	last := int64(0)
	if err := x.s.Signals(context.Background(), f, func(list []Signal) error {
		for _, g := range list {
			if g.HouseholdID < last {
				x.Errorf("household %d comes after %d", g.HouseholdID, last)
			}
			out[fmt.Sprint(g.HouseholdID, " ", g.Risk)] = g
		}
		last = list[0].HouseholdID
		return nil
	}); err != nil {
		x.Fatal(err)
	}
	return out
}

// TestSignals works one household by hand: a bill of 12 000 against a threshold of 10 000, an income of 15 000 for two persons against a line of 9 000.
func TestSignals(t *testing.T) {
	x := newWorld(t, loadPack(t, nil))
	x.deliver("roster", "2026-11-01", 522633)
	a, b, calm := x.household(congjiang, 1, 2), x.household(congjiang, 2, 1), x.household(congjiang, 3, 1)
	x.deliver("incomes", "2026-09-01", 522633)
	x.income(a, 15000)
	x.income(b, 60000)
	x.income(calm, 50000)
	x.deliver("bills", year, 522633)
	x.bill(a, 0, "inpatient", "2026-10-20", 12000)
	x.bill(b, 0, "inpatient", "2026-10-20", 10000.01)
	x.screen(Options{})
	got := x.collect(SignalFilter{})
	if len(got) != 3 {
		t.Fatalf("%d signals, want illness and income of one household and illness of another: %v", len(got), got)
	}
	ill := got[fmt.Sprint(a, " illness")]
	if ill.Level != policy.Red || ill.Rule != "bill_red" || strings.Join(ill.Rules, " ") != "bill_red bill_blue" || ill.Dataset != "bills" || ill.Members != 2 {
		t.Errorf("illness: %+v", ill)
	}
	if ill.Words != (policy.Text{ZH: "自付12 000 元", EN: "paid 12 000 yuan"}) {
		t.Errorf("words: %q", ill.Words)
	}
	if math.Abs(ill.Past-1.2) > 1e-9 {
		t.Errorf("12 000 against 10 000 is 1.2 of the line, not %v", ill.Past)
	}
	if !strings.Contains(ill.Evidence, "12 000 元 > ") || !strings.Contains(ill.Evidence, "12,000 yuan > ") {
		t.Errorf("evidence: %s", ill.Evidence)
	}
	poor := got[fmt.Sprint(a, " income")]
	if want := 1 + (9000-7500)/9000.0; poor.Level != policy.Yellow || math.Abs(poor.Past-want) > 1e-9 || poor.Dataset != "incomes" {
		t.Errorf("income: %+v, want %v past the line", poor, want)
	}
	if light := got[fmt.Sprint(b, " illness")]; light.Level != policy.Blue || light.Since != "2026-11-23" {
		t.Errorf("the other household: %+v", light)
	}
	if red := x.collect(SignalFilter{Level: policy.Red}); len(red) != 1 {
		t.Errorf("%d red signals", len(red))
	}
	if none := x.collect(SignalFilter{Division: 520102}); len(none) != 0 {
		t.Errorf("%d signals of another county", len(none))
	}
	if one := x.collect(SignalFilter{Households: []int64{b}}); len(one) != 1 {
		t.Errorf("%d signals of the household asked for", len(one))
	}
	// A later run that changes nothing leaves the key as it is; one that makes it worse gives another.
	before := ill.Key()
	x.screen(Options{AsOf: asOf.AddDate(0, 0, 3)})
	got = x.collect(SignalFilter{})
	if same := got[fmt.Sprint(a, " illness")]; same.Key() != before || same.Run == ill.Run {
		t.Errorf("unchanged, but its key is %s instead of %s (run %d)", same.Key(), before, same.Run)
	}
	blue := got[fmt.Sprint(b, " illness")]
	x.deliver("incomes", "2026-10-01", 522633)
	x.income(b, 15000)
	x.screen(Options{AsOf: asOf.AddDate(0, 0, 4)})
	if red := x.collect(SignalFilter{})[fmt.Sprint(b, " illness")]; red.Level != policy.Red || red.Key() == blue.Key() || red.Since != "2026-11-27" {
		t.Errorf("worse, but %+v", red)
	}
}

// TestSignalsAgree: what signals say of a random world is what the household's own explanation says.
func TestSignalsAgree(t *testing.T) {
	x, ids := randomWorld(t, loadPack(t, nil), 80)
	x.screen(Options{})
	got := x.collect(SignalFilter{})
	told := 0
	for _, id := range ids {
		e, err := x.s.Explain(context.Background(), fmt.Sprint(id), "", 0)
		if err != nil {
			t.Fatal(err)
		}
		worst := map[string]RuleExplanation{}
		for _, r := range e.Rules {
			if r.Outcome == "hit" && r.Class != "doubt" {
				if w, ok := worst[r.Risk]; !ok || level(r.Level) > level(w.Level) {
					worst[r.Risk] = r
				}
			}
		}
		for risk, r := range worst {
			g, ok := got[fmt.Sprint(id, " ", risk)]
			if !ok {
				t.Errorf("%d %s hits and gives no signal", id, risk)
				continue
			}
			told++
			if diff := cmp.Diff(r.Wording, g.Words); diff != "" || r.Rule != g.Rule {
				t.Errorf("%d %s: %s (-explained +signal)\n%s", id, risk, g.Rule, diff)
			}
			delete(got, fmt.Sprint(id, " ", risk))
		}
	}
	if told < 20 || len(got) > 0 {
		t.Errorf("%d signals compared, %d without a hit: %v", told, len(got), got)
	}
}

func level(name string) int {
	return map[string]int{"blue": 1, "yellow": 2, "red": 3}[name]
}
