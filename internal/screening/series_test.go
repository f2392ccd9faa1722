package screening

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"shouwang/internal/division"
	"shouwang/internal/errs"
)

// What is nearest to its limit comes first, each comparison once, and nothing that would tell no more than is known.
func TestNearest(t *testing.T) {
	x, ids := overviewWorld(t)
	x.screen(Options{})
	nearest := func(id int64, n int) []string {
		t.Helper()
		list, err := x.s.Nearest(context.Background(), fmt.Sprint(id), n)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, near := range list {
			out = append(out, fmt.Sprintf("%s %s %.0f/%.0f %.2f", near.Rule, near.Level, near.Value, near.Limit, near.Share))
		}
		return out
	}
	// 20 000 a head against the line 8 500, nothing paid against 10 000: a bill alone would be told of, and both together are not near.
	if d := cmp.Diff([]string{"bill_blue blue 0/10000 1.00", "low_income yellow 20000/8500 1.35"}, nearest(ids[3], 5)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"bill_blue blue 0/10000 1.00"}, nearest(ids[3], 1)); d != "" {
		t.Error(d)
	}
	// Below its line already: one large bill makes it red, which is more than the blue one says.
	if d := cmp.Diff([]string{"bill_red red 0/10000 1.00"}, nearest(ids[1], 5)); d != "" {
		t.Error(d)
	}
	// Red for illness; its income of 5 000 a head is told.
	if d := cmp.Diff([]string(nil), nearest(ids[0], 5)); d != "" {
		t.Error(d)
	}
	if _, err := x.s.Nearest(context.Background(), "1", 5); errs.KindOf(err) != errs.NotFound {
		t.Errorf("of nobody: %v", err)
	}
}

// A series has every period from the first that came; what did not come, and what has no row, is not known. An earlier run knows what was known then.
func TestSeries(t *testing.T) {
	x := newWorld(t, loadPack(t, nil))
	x.deliver("roster", "2026-10-01", 522633)
	one, other := x.household(522633105209, 1, 2), x.household(522633105209, 2, 1)
	for _, m := range []string{"2025-10-01", "2026-04-01", "2026-07-01"} {
		b := x.deliver("incomes", m, 522633)
		x.sql("UPDATE batch SET period_to = CAST(? AS DATE) WHERE batch = ?", m, b)
		x.income(one, float64(10_000*b))
		if m == "2026-04-01" {
			x.income(other, 7)
		}
	}
	first := x.screen(Options{Full: true})
	b := x.deliver("incomes", "2026-10-01", 522633)
	x.sql("UPDATE batch SET period_to = DATE '2026-10-01' WHERE batch = ?", b)
	x.income(one, 55)
	x.screen(Options{Full: true})
	series := func(id, run int64, periods int) []string {
		t.Helper()
		s, err := x.s.Series(context.Background(), fmt.Sprint(id), run, []string{"net_income"}, "line", periods)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, p := range s.Points {
			text := p.Month + " ?"
			if p.Values[0] != nil {
				text = fmt.Sprintf("%s %.2f", p.Month, *p.Values[0])
			}
			out = append(out, fmt.Sprintf("%s %.0f", text, *p.Line))
		}
		return out
	}
	// The line of the county is 9 000.
	if d := cmp.Diff([]string{"2025-10 20000.00 9000", "2026-01 ? 9000", "2026-04 30000.00 9000", "2026-07 40000.00 9000", "2026-10 55.00 9000"}, series(one, 0, 8)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"2026-04 30000.00 9000", "2026-07 40000.00 9000", "2026-10 ? 9000"}, series(one, first.Run, 3)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"2026-04 7.00 9000", "2026-07 ? 9000", "2026-10 ? 9000"}, series(other, 0, 3)); d != "" {
		t.Error(d)
	}
	for _, wrong := range [][]string{{"per_head"}, {"self_paid_12m"}, {"net_income", "members"}, {"nothing"}, nil} {
		if _, err := x.s.Series(context.Background(), fmt.Sprint(one), 0, wrong, "", 3); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%v: %v", wrong, err)
		}
	}
}

// The trend has one point a day, with the households as each run left them.
func TestTrend(t *testing.T) {
	x, ids := overviewWorld(t)
	trend := func(within division.Code) []string {
		t.Helper()
		list, err := x.s.Trend(context.Background(), within, 5)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, p := range list {
			out = append(out, fmt.Sprintf("%s %d/%d/%d", p.AsOf, p.Red, p.Yellow, p.Blue))
		}
		return out
	}
	if d := cmp.Diff([]string(nil), trend(0)); d != "" {
		t.Error(d)
	}
	x.screen(Options{AsOf: asOf.AddDate(0, 0, -2), Full: true})
	x.screen(Options{Full: true})
	x.deliver("incomes", "2026-10-01", 522633)
	x.income(ids[0], 60_000) // its bill alone is blue
	x.income(ids[1], 8_900)
	x.screen(Options{})
	if d := cmp.Diff([]string{"2026-11-21 1/1/1", "2026-11-23 0/1/2"}, trend(520000_000000)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"2026-11-21 1/1/0", "2026-11-23 0/1/1"}, trend(522633_000000)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string(nil), trend(522633105209)); d != "" {
		t.Error(d)
	}
}
