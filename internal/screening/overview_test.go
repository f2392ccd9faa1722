package screening

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/policy"
)

// people of two counties, worked out by hand: in 522633 one household is red (a large bill, and below the line) and one yellow (below the line 9000 of its county),
// in 522632 one is blue (a large bill on a good income) and one has nothing.
func overviewWorld(t *testing.T) (*world, [4]int64) {
	x := newWorld(t, loadPack(t, nil))
	x.deliver("roster", "2026-10-01", 522633, 522632)
	ids := [4]int64{x.household(522633105209, 1, 2), x.household(522633105210, 1, 1), x.household(522632100001, 1, 2), x.household(522632100001, 2, 3)}
	x.deliver("incomes", "2026-10-01", 522633, 522632)
	for i, yuan := range []float64{10_000, 8_900, 60_000, 60_000} {
		x.income(ids[i], yuan)
	}
	for m := 11; m <= 22; m++ { // every month of the window
		x.deliver("bills", fmt.Sprintf("%d-%02d-01", 2025+m/13, (m-1)%12+1), 522633, 522632)
	}
	x.bill(ids[0], 0, "inpatient", "2026-09-03", 12_000)
	x.bill(ids[2], 0, "inpatient", "2026-09-03", 11_000)
	return x, ids
}

func TestOverviewCounts(t *testing.T) {
	x, ids := overviewWorld(t)
	ctx := context.Background()
	if _, err := x.s.Overview(ctx, 0); errs.KindOf(err) != errs.NotFound {
		t.Errorf("before the first run: %v", err)
	}
	x.screen(Options{})
	o, err := x.s.Overview(ctx, 520000_000000)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Area{Division: 520000_000000, Name: "贵州省", Households: 4, Persons: 8, Red: 1, Yellow: 1, Blue: 1}, o.Total); diff != "" {
		t.Error(diff)
	}
	if len(o.Areas) != 9 {
		t.Errorf("%d prefectures, want 9", len(o.Areas))
	}
	if diff := cmp.Diff([]RiskCount{{Risk: "illness", Red: 1, Blue: 1}, {Risk: "income", Yellow: 2}}, o.ByRisk); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]int64{ChangeNew: 4}, o.ByChange); diff != "" {
		t.Error(diff)
	}
	county, err := x.s.Overview(ctx, 522633_000000)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Area{Division: 522633_000000, Name: "从江县", Households: 2, Persons: 3, Red: 1, Yellow: 1}, county.Total); diff != "" {
		t.Error(diff)
	}
	for _, a := range county.Areas {
		if want := int64(0); a.Division == 522633105_000 {
			if want = 2; a.Households != want || a.Warned() != want {
				t.Errorf("%+v", a)
			}
		} else if a.Households != want {
			t.Errorf("%+v", a)
		}
	}
	for _, f := range county.Feeds {
		if f.Counties != 1 || f.Covered != 1 {
			t.Errorf("%+v", f)
		}
	}
	village, err := x.s.Overview(ctx, 522633105209)
	if err != nil || village.Total.Red != 1 || village.Total.Households != 1 || len(village.Areas) != 0 {
		t.Errorf("%+v %v", village, err)
	}
	facts, err := x.s.Facts(ctx, fmt.Sprint(ids[0]), "medical", 5)
	if err != nil || len(facts) != 1 {
		t.Fatalf("%d tables, %v", len(facts), err)
	}
	row := facts[0].Rows[0]
	got := map[string]string{}
	for i, c := range facts[0].Columns {
		got[c.ID] = row.Cells[i].ZH
	}
	if diff := cmp.Diff(map[string]string{"no": "", "kind": "住院", "settled": "2026-09-03", "self_paid": "12 000", "aid": ""}, got); diff != "" {
		t.Error(diff)
	}
	if facts[0].Total != 1 || row.Date != "2026-09-03" || row.Key.IsZero() {
		t.Errorf("%+v", facts[0])
	}
}

// TestWarningsPages walks the list one warning a page: the worst first, each once, the filters held.
func TestWarningsPages(t *testing.T) {
	x, _ := overviewWorld(t)
	x.screen(Options{})
	ctx := context.Background()
	walk := func(f Filter) (out []string) {
		after := Cursor{}
		for range 10 {
			list, next, err := x.s.WarningsPage(ctx, f, after, 1)
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range list {
				out = append(out, w.Level+" "+division.OfCounty(w.Division.County()).Prefix()+" "+w.Risk)
			}
			if next == (Cursor{}) {
				break
			}
			if after, err = ParseCursor(next.String()); err != nil {
				t.Fatal(err)
			}
		}
		warnings, _, err := x.s.CountWarnings(ctx, f)
		if err != nil || int(warnings) != len(out) {
			t.Errorf("%d counted, %d listed, %v", warnings, len(out), err)
		}
		return out
	}
	for _, c := range []struct {
		f    Filter
		want []string
	}{
		{Filter{}, []string{"red 522633 illness", "yellow 522633 income", "yellow 522633 income", "blue 522632 illness"}},
		{Filter{Division: 522632_000000}, []string{"blue 522632 illness"}},
		{Filter{Level: policy.Yellow, Risk: "income"}, []string{"yellow 522633 income", "yellow 522633 income"}},
		{Filter{Rule: "bill_blue"}, []string{"red 522633 illness", "blue 522632 illness"}},
		{Filter{Rule: "bill_red", Change: ChangeNew}, []string{"red 522633 illness"}},
		{Filter{Change: ChangeWorse}, nil},
	} {
		if diff := cmp.Diff(c.want, walk(c.f)); diff != "" {
			t.Errorf("%+v: %s", c.f, diff)
		}
	}
	for _, bad := range []string{"x", "1", "1-2", "9-1-illness", "-1-1-illness", "1-x-illness"} {
		if _, err := ParseCursor(bad); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestTold: what a run left tells the same as what is derived again, but for the rows of files.
func TestTold(t *testing.T) {
	x, ids := overviewWorld(t)
	x.screen(Options{})
	ctx := context.Background()
	for _, id := range ids {
		told, err := x.s.Told(ctx, fmt.Sprint(id))
		if err != nil {
			t.Fatal(err)
		}
		derived, err := x.s.Explain(ctx, fmt.Sprint(id), "", 0)
		if err != nil || !derived.Same {
			t.Fatalf("same %v, %v", derived.Same, err)
		}
		rows := 0
		var strip func(list []Value)
		strip = func(list []Value) {
			for i := range list {
				rows += len(list[i].Rows)
				list[i].Rows = nil
				strip(list[i].Parts)
			}
		}
		for _, r := range derived.Rules {
			for _, reason := range r.Reasons {
				strip(reason.Values)
			}
		}
		if diff := cmp.Diff(derived, told); diff != "" {
			t.Errorf("household %d: %s", id, diff)
		}
		if id == ids[0] && rows == 0 {
			t.Error("the derivation names no row of a file")
		}
	}
}
