package screening

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"shouwang/internal/expr"
	"shouwang/internal/policy"
)

const (
	congjiang = int64(522633105002) // a village of county 522633, where the line is 9 000
	leishan   = int64(522634102201) // and one of 522634, where the region's 8 500 holds
)

// TestOutcomes works every indicator and rule out by hand.
func TestOutcomes(t *testing.T) {
	x := newWorld(t, loadPack(t, nil))
	x.deliver("roster", "2026-11-01", 522633, 522634)
	a := x.household(congjiang, 1, 4) // large bills and low income
	b := x.household(congjiang, 2, 2) // no bill, no income row
	c := x.household(leishan, 1, 4)   // the same income as a, other line, no bills feed
	x.deliver("bills", year, 522633)
	x.bill(a, 0, "inpatient", "2026-03-01", 9000)
	x.bill(a, 1, "outpatient", "2026-10-31", 1500.5)
	x.bill(a, 0, "inpatient", "2025-11-24", 100)  // first day of the window
	x.bill(a, 0, "inpatient", "2025-11-23", 7000) // twelve months ago to the day: out
	x.bill(a, 0, "inpatient", "2026-11-24", 7000) // after the screening day: out
	x.deliver("incomes", "2026-09-01", 522633, 522634)
	x.income(a, 35000)
	x.income(c, 35000)
	x.screen(Options{})

	for _, want := range []struct {
		id        int64
		indicator string
		value     string
	}{
		{a, "members", "4"}, {a, "self_paid_12m", "10600.5"}, {a, "inpatient_ytd", "1"}, {a, "one_person_most", "9100"}, {a, "patients", "2"},
		{a, "last_bill", "1500.5"}, {a, "net_income", "35000"}, {a, "per_head", "8750"}, {a, "reference", "6099.875"},
		{a, "aid_12m", "null"}, // the bills came, but none of them says what was aided
		{b, "self_paid_12m", "0"}, {b, "aid_12m", "0"}, {b, "patients", "0"}, {b, "net_income", "null"}, {b, "per_head", "null"},
		{c, "self_paid_12m", "null"}, {c, "patients", "null"}, {c, "net_income", "35000"}, {c, "reference", "null"},
	} {
		if got := x.value(want.id, want.indicator); got != want.value {
			t.Errorf("%d %s = %s, want %s", want.id, want.indicator, got, want.value)
		}
	}
	for _, want := range []struct {
		id      int64
		rule    string
		outcome string
	}{
		{a, "bill_red", "hit"}, {a, "bill_blue", "hit"}, {a, "low_income", "hit"}, {a, "rich", "clear"},
		{b, "bill_red", "clear"}, // no bill is a clear no, whatever the income
		{b, "bill_blue", "clear"}, {b, "low_income", "unknown"},
		{c, "bill_red", "unknown"}, {c, "bill_blue", "unknown"},
		{c, "low_income", "clear"}, // 8 750 is above 8 500, below the 9 000 of the other county
	} {
		if got := x.outcome(want.id, want.rule); got != want.outcome {
			t.Errorf("%d %s = %s, want %s", want.id, want.rule, got, want.outcome)
		}
	}
}

// TestRequests: an unknown makes a request to the department that lacks, not a warning.
func TestRequests(t *testing.T) {
	x := newWorld(t, loadPack(t, nil))
	x.deliver("roster", "2026-11-01", 522633, 522634)
	x.household(congjiang, 1, 4)
	x.household(congjiang, 2, 4)
	x.household(leishan, 1, 4)
	x.deliver("bills", "2026-05-01", 522633) // too old by November
	x.deliver("incomes", "2026-09-01", 522633)
	x.income(congjiang*10000+1, 60000)
	sum := x.screen(Options{})
	want := []DataRequest{
		{Dataset: "bills", Department: "medical", County: 522633, State: "stale", Through: "2026-05-31", Households: 2, Rules: []string{"bill_red", "bill_blue"}},
		{Dataset: "bills", Department: "medical", County: 522634, State: "missing", Households: 1, Rules: []string{"bill_red", "bill_blue"}},
		{Dataset: "incomes", Department: "agriculture", County: 522633, State: "no_row", Through: "2026-09-30", Households: 1, Rules: []string{"bill_red", "low_income"}},
		{Dataset: "incomes", Department: "agriculture", County: 522634, State: "missing", Households: 1, Rules: []string{"bill_red", "low_income"}},
	}
	if d := cmp.Diff(want, sum.Requests); d != "" {
		t.Error(d)
	}
	if sum.Warned != 0 {
		t.Errorf("%d households warned on unknown values", sum.Warned)
	}
}

// TestChanges follows one household through new, worse, same, better, unknown and cleared.
func TestChanges(t *testing.T) {
	x := newWorld(t, loadPack(t, nil))
	x.deliver("roster", "2026-11-01", 522633)
	a := x.household(congjiang, 1, 1)
	x.deliver("incomes", "2026-09-01", 522633)
	x.income(a, 50000)
	x.deliver("bills", year, 522633)
	step := func(name, want string, o Options) {
		t.Helper()
		x.screen(o)
		got := x.dump("SELECT risk, level, before, change FROM warning WHERE run = (SELECT max(run) FROM run) AND risk = 'illness'")
		if got = strings.TrimSpace(got); !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	step("nothing yet", "", Options{})
	x.deliver("bills", year, 522633)
	x.bill(a, 0, "inpatient", "2026-10-20", 12000)
	step("a bill", "'change': new", Options{})
	x.deliver("incomes", "2026-10-01", 522633)
	x.income(a, 15000)
	step("income fell", "'before': 1, 'change': worse", Options{})
	step("nothing new", "'change': same", Options{Full: true})
	x.deliver("incomes", "2026-10-01", 522633)
	x.income(a, 60000)
	step("income rose", "'level': 1, 'before': 3, 'change': better", Options{})
	step("months later the feed is too old", "'change': unknown", Options{AsOf: asOf.AddDate(0, 4, 0)})
	if got := x.dump("SELECT risk, level, known FROM warning_live"); !strings.Contains(got, "'known': false") {
		t.Errorf("a warning that can't be told must stay, marked: %q", got)
	}
	x.deliver("bills", "2026-11-01/2027-11-01", 522633)
	step("a year later the bill is out of the window", "'change': cleared", Options{AsOf: asOf.AddDate(1, 0, 0)})
}

// TestIncremental: after random changes an incremental run leaves exactly what a full run makes.
func TestIncremental(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 11))
	x := newWorld(t, loadPack(t, nil))
	x.deliver("roster", "2026-11-01", 522633, 522634)
	var ids []int64
	for i := range 60 {
		village := congjiang
		if i%2 == 0 {
			village = leishan
		}
		ids = append(ids, x.household(village, i, 1+r.IntN(5)))
	}
	x.deliver("bills", year, 522633)
	x.deliver("incomes", "2026-09-01", 522633)
	for _, id := range ids {
		if r.IntN(3) > 0 {
			x.income(id, float64(r.IntN(120000)))
		}
		if r.IntN(2) > 0 {
			x.bill(id, 0, "inpatient", "2026-09-09", float64(r.IntN(30000)))
		}
	}
	if sum := x.screen(Options{}); sum.Kind != "full" {
		t.Fatalf("first run is %s", sum.Kind)
	}
	state := func() string {
		var cols []string
		for i := range x.pack.Indicators {
			cols = append(cols, column(&x.pack.Indicators[i]))
		}
		return x.dump("SELECT household_id, county, members, hits0, unknowns0, "+strings.Join(cols, ", ")+" FROM wide") +
			x.dump("SELECT household_id, risk, level, rules, known FROM warning_live") +
			x.dump("SELECT h.household_id, h.rule, h.level, h.evidence FROM hit AS h JOIN wide AS w ON w.household_id = h.household_id AND w.run = h.run") +
			x.dump("SELECT dataset, county, state, households, rules FROM data_request")
	}
	incremental := 0
	for round := range 12 {
		switch r.IntN(3) {
		case 0:
			x.deliver("bills", year, 522633)
			x.bill(ids[r.IntN(len(ids))], 0, "outpatient", "2026-10-10", float64(r.IntN(20000)))
		case 1:
			x.deliver("incomes", "2026-10-01")
			for range 3 {
				x.income(ids[r.IntN(len(ids))], float64(r.IntN(90000)))
			}
		case 2:
			x.deliver("roster", "2026-11-01", 522634)
			ids = append(ids, x.household(leishan, 1000+round, 2))
		}
		if sum := x.screen(Options{}); sum.Kind == "incremental" {
			incremental++
			if sum.Screened == 0 || sum.Screened > 5 {
				t.Errorf("round %d screened %d households", round, sum.Screened)
			}
		}
		got := state()
		x.screen(Options{Full: true, Chunk: 13})
		if d := cmp.Diff(state(), got); d != "" {
			t.Fatalf("round %d: incremental and full differ (-full +incremental)\n%s", round, d)
		}
	}
	if incremental < 10 {
		t.Errorf("only %d of 12 rounds were incremental", incremental)
	}
	// A whole feed for another county: everybody there is touched, since unknown becomes known.
	x.deliver("bills", year, 522634)
	x.screen(Options{})
	got := state()
	x.screen(Options{Full: true})
	if d := cmp.Diff(state(), got); d != "" {
		t.Fatalf("a new feed: incremental and full differ (-full +incremental)\n%s", d)
	}
}

// randomWorld has households with every kind of gap.
func randomWorld(t testing.TB, p *policy.Pack, n int) (*world, []int64) {
	r := rand.New(rand.NewPCG(3, 5))
	x := newWorld(t, p)
	x.deliver("roster", "2026-11-01", 522633, 522634)
	var ids []int64
	for i := range n {
		village := congjiang
		if i%3 == 0 {
			village = leishan
		}
		ids = append(ids, x.household(village, i, 1+r.IntN(4)))
	}
	x.deliver("bills", year, 522633)
	x.deliver("incomes", "2026-09-01", 522633, 522634)
	for _, id := range ids {
		if r.IntN(4) > 0 {
			x.income(id, float64(r.IntN(100))*1000)
		}
		for range r.IntN(3) {
			x.bill(id, r.IntN(2), "inpatient", "2026-09-09", float64(r.IntN(15))*1000)
		}
	}
	return x, ids
}

// TestExplain: the derivation in Go agrees with SQL for everybody, and explanations are true: a value moved past the
// threshold that the explanation names changes the outcome.
func TestExplain(t *testing.T) {
	p := loadPack(t, nil)
	x, ids := randomWorld(t, p, 60)
	x.screen(Options{})
	ctx := context.Background()
	c, err := x.w.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	hits := 0
	for _, id := range ids {
		e, err := x.s.Explain(ctx, fmt.Sprint(id), "", 0)
		if err != nil {
			t.Fatal(err)
		}
		if !e.Same {
			t.Errorf("%d: derived again it differs from the record", id)
		}
		d, err := x.s.derive(ctx, c, fmt.Sprint(id), 0)
		if err != nil {
			t.Fatal(err)
		}
		stored, err := x.s.stored(ctx, c, fmt.Sprint(id))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(stored.env, d.env); diff != "" {
			t.Errorf("%d: the stored row and the derived one differ (-stored +derived)\n%s", id, diff)
		}
		for i := range p.Rules {
			r := &p.Rules[i]
			if got, want := outcomeOf(r.When.Eval(d.env)).String(), x.outcome(id, r.ID); got != want {
				t.Errorf("%d %s: %s in Go, %s in SQL", id, r.ID, got, want)
			}
			ex := r.When.Explain(d.env)
			if outcomeOf(ex.Outcome) != policy.Hit {
				continue
			}
			hits++
			for _, reason := range ex.Reasons {
				// Every comparison of these rules is "indicator op parameter": put the indicator on the other side.
				env := append([]expr.Value(nil), d.env...)
				slot := reason.Vars[0].Slot
				env[slot].Num = reason.Right.Num
				if outcomeOf(r.When.Eval(env)) != policy.Clear {
					t.Errorf("%d %s: with %s at the threshold %v it is still no clear", id, r.ID, reason.Vars[0].Name, reason.Right.Num)
				}
			}
		}
	}
	if hits < 20 {
		t.Fatalf("only %d hits: the world is too calm to test anything", hits)
	}
}

// TestExplainOldRun: a run can be derived again after facts and pack have changed.
func TestExplainOldRun(t *testing.T) {
	x := newWorld(t, loadPack(t, nil))
	x.deliver("roster", "2026-11-01", 522633)
	a := x.household(congjiang, 1, 1)
	x.deliver("incomes", "2026-09-01", 522633)
	x.income(a, 15000)
	x.deliver("bills", year, 522633)
	x.bill(a, 0, "inpatient", "2026-10-20", 12000)
	first := x.screen(Options{})
	x.deliver("incomes", "2026-10-01", 522633)
	x.income(a, 99000)
	x.use(loadPack(t, func(f map[string]string) {
		f["parameters.yaml"] = strings.ReplaceAll(f["parameters.yaml"], "value: 10000", "value: 11000")
	}))
	second := x.screen(Options{})
	if second.Kind != "full" {
		t.Errorf("another pack must screen everybody, got %s", second.Kind)
	}
	ctx := context.Background()
	for _, want := range []struct {
		run     int64
		outcome string
		bill    float64
	}{{first.Run, "hit", 10000}, {second.Run, "clear", 11000}} {
		e, err := x.s.Explain(ctx, fmt.Sprint(a), "bill_red", want.run)
		if err != nil {
			t.Fatal(err)
		}
		if e.Rules[0].Outcome != want.outcome || !e.Same {
			t.Errorf("run %d: %s (same as recorded: %v), want %s", want.run, e.Rules[0].Outcome, e.Same, want.outcome)
		}
		if want.outcome == "hit" {
			text := e.Text("zh")
			for _, part := range []string{"12 000", "10 000", "9 000", "医保局", "bills_3.csv"} {
				if !strings.Contains(text, part) {
					t.Errorf("the explanation lacks %q:\n%s", part, text)
				}
			}
		}
	}
}

// TestWhatIf compares the answer with what a real run under the changed pack finds.
func TestWhatIf(t *testing.T) {
	p := loadPack(t, nil)
	x, _ := randomWorld(t, p, 300)
	x.screen(Options{})
	before := warned(x)
	ctx := context.Background()
	for _, q := range []struct {
		name   string
		ask    Question
		change func(map[string]string)
	}{
		{"line up", Question{Set: map[string]float64{"line": 12000}}, func(f map[string]string) {
			f["parameters.yaml"] = strings.NewReplacer("value: 8500", "value: 12000", "value: 9000", "value: 12000").Replace(f["parameters.yaml"])
		}},
		{"line down", Question{Set: map[string]float64{"监测线": 3000}}, func(f map[string]string) {
			f["parameters.yaml"] = strings.NewReplacer("value: 8500", "value: 3000", "value: 9000", "value: 3000").Replace(f["parameters.yaml"])
		}},
		{"bill down", Question{Set: map[string]float64{"param.bill": 4000}}, func(f map[string]string) {
			f["parameters.yaml"] = strings.ReplaceAll(f["parameters.yaml"], "value: 10000", "value: 4000")
		}},
		{"another rule", Question{Rules: map[string]string{"low_income": "per_head < param.line / 2"}}, func(f map[string]string) {
			f["rules/1.yaml"] = strings.Replace(strings.Replace(f["rules/1.yaml"], "when: 'per_head < param.line'", "when: 'per_head < param.line / 2'", 1), "given: {per_head: 8499}", "given: {per_head: 4249}", 1)
		}},
	} {
		t.Run(q.name, func(t *testing.T) {
			q.ask.By, q.ask.List = "township", 1000
			a, err := x.s.WhatIf(ctx, q.ask)
			if err != nil {
				t.Fatal(err)
			}
			y, _ := randomWorld(t, loadPack(t, q.change), 300)
			y.screen(Options{})
			after := warned(y)
			var enter, leave []string
			var persons int64
			for id, n := range after {
				if _, ok := before[id]; !ok {
					enter = append(enter, id)
					persons += n
				}
			}
			for id := range before {
				if _, ok := after[id]; !ok {
					leave = append(leave, id)
				}
			}
			if len(enter)+len(leave) == 0 {
				t.Fatal("the question changes nothing: it tests nothing")
			}
			sorted := func(l []string) string {
				m := map[string]bool{}
				for _, s := range l {
					m[s] = true
				}
				return fmt.Sprint(m)
			}
			if sorted(a.Entering) != sorted(enter) || sorted(a.Leaving) != sorted(leave) {
				t.Errorf("entering %v leaving %v, a real run says %v and %v", a.Entering, a.Leaving, enter, leave)
			}
			if a.Total.Enter != int64(len(enter)) || a.Total.EnterPersons != persons || a.Total.Before != int64(len(before)) || a.Total.After != int64(len(after)) || a.Visits.Total != int64(len(enter)) {
				t.Errorf("%+v visits %+v; a real run: before %d after %d enter %d (%d persons)", a.Total, a.Visits, len(before), len(after), len(enter), persons)
			}
			var sum AreaChange
			for _, area := range a.Areas {
				sum.add(area)
			}
			if sum.Enter != a.Total.Enter || sum.Leave != a.Total.Leave {
				t.Errorf("areas add up to %+v, total %+v", sum, a.Total)
			}
		})
	}
	if _, err := x.s.WhatIf(ctx, Question{Set: map[string]float64{"lime": 1}}); err == nil {
		t.Error("an unknown parameter must be refused")
	}
}

// warned maps warned households to their members.
func warned(x *world) map[string]int64 {
	out := map[string]int64{}
	err := x.s.Warnings(context.Background(), Filter{}, func(w Warning) error {
		out[w.HouseholdNo] = int64(w.Members)
		if len(w.Rules) == 0 || len(w.Evidence[0].Values) == 0 {
			x.Errorf("warning without evidence: %+v", w)
		}
		return nil
	})
	if err != nil {
		x.Fatal(err)
	}
	return out
}

// TestKilledRun: what a killed run leaves behind is removed by the next one, and the last finished run stands.
func TestKilledRun(t *testing.T) {
	x, _ := randomWorld(t, loadPack(t, nil), 50)
	sum := x.screen(Options{})
	was := x.dump("SELECT * EXCLUDE (run) FROM wide")
	ctx, cancel := context.WithCancel(context.Background())
	_, err := x.s.Run(ctx, Options{AsOf: asOf, Now: asOf, Full: true, Chunk: 3, Progress: func(done, _ int64) {
		if done > 20 {
			cancel()
		}
	}})
	if err == nil {
		t.Fatal("a cancelled run must fail")
	}
	if got := x.dump("SELECT * EXCLUDE (run) FROM wide"); got != was {
		t.Error("the cancelled run changed the wide rows")
	}
	if e, err := x.s.Explain(context.Background(), fmt.Sprint(congjiang*10000+1), "", sum.Run); err != nil || !e.Same {
		t.Errorf("the last finished run can't be explained: %v", err)
	}
	x.screen(Options{Full: true})
	if got := x.dump("SELECT * EXCLUDE (run) FROM wide"); got != was {
		t.Error("the run after the cancelled one differs")
	}
	if got := x.dump("SELECT state, count(*) AS n FROM run GROUP BY state"); !strings.Contains(got, "'state': aborted, 'n': 1") {
		t.Errorf("runs: %s", got)
	}
}

func TestMonthsBefore(t *testing.T) {
	for _, c := range []struct {
		day  string
		n    int
		want string
	}{{"2026-03-31", 1, "2026-02-28"}, {"2024-03-31", 1, "2024-02-29"}, {"2026-11-23", 12, "2025-11-23"}, {"2026-01-15", 1, "2025-12-15"}, {"2026-05-31", 3, "2026-02-28"}, {"2024-02-29", 12, "2023-02-28"}} {
		day, _ := time.Parse(time.DateOnly, c.day)
		if got := monthsBefore(day, c.n).Format(time.DateOnly); got != c.want {
			t.Errorf("%s − %d months = %s, want %s", c.day, c.n, got, c.want)
		}
	}
}

// TestGaps: a sum over a window in which a month never came is unknown, whatever the other months say; the explanation and the
// request name the month; once it has come the household is told again.
func TestGaps(t *testing.T) {
	x := newWorld(t, loadPack(t, nil))
	x.deliver("roster", "2026-11-01", 522633, 522634)
	a, b := x.household(congjiang, 1, 1), x.household(congjiang, 2, 1)
	c := x.household(leishan, 1, 1)
	x.deliver("incomes", "2026-09-01", 522633, 522634)
	for _, id := range []int64{a, b, c} {
		x.income(id, 5000)
	}
	x.deliver("bills", "2025-11-01/2026-03-01", 522633)
	x.deliver("bills", "2026-06-01/2026-10-01", 522633)
	x.bill(a, 0, "inpatient", "2026-09-09", 50000)
	x.deliver("bills", "2025-12-01/2026-10-01", 522634) // six days of the window lie in November 2025
	sum := x.screen(Options{})
	for id, want := range map[int64]string{a: "unknown", b: "unknown", c: "unknown"} {
		if got := x.outcome(id, "bill_blue"); got != want {
			t.Errorf("%d bill_blue = %s, want %s", id, got, want)
		}
	}
	// This year's count has its gap too; in the other county this year is whole.
	for _, want := range []struct {
		id    int64
		value string
	}{{a, "null"}, {c, "0"}} {
		if got := x.value(want.id, "inpatient_ytd"); got != want.value {
			t.Errorf("%d inpatient_ytd = %s, want %s", want.id, got, want.value)
		}
	}
	want := []DataRequest{
		{Dataset: "bills", Department: "medical", County: 522633, State: "gap", Through: "2026-10-31", Months: []string{"2026-04", "2026-05"}, Households: 2, Rules: []string{"bill_red", "bill_blue"}},
		{Dataset: "bills", Department: "medical", County: 522634, State: "gap", Through: "2026-10-31", Months: []string{"2025-11"}, Households: 1, Rules: []string{"bill_red", "bill_blue"}},
	}
	if d := cmp.Diff(want, sum.Requests); d != "" {
		t.Error(d)
	}
	e, err := x.s.Explain(context.Background(), fmt.Sprint(a), "bill_blue", 0)
	if err != nil {
		t.Fatal(err)
	}
	if text := e.Text("zh"); !strings.Contains(text, "缺 2026-04、2026-05 的数据") || !e.Same {
		t.Errorf("the explanation does not name the missing months (same as recorded: %v):\n%s", e.Same, text)
	}

	x.deliver("bills", "2026-05-01", 522633)
	if sum := x.screen(Options{}); sum.Kind != "full" && sum.Screened != 2 || len(sum.Requests) != 2 || fmt.Sprint(sum.Requests[0].Months) != "[2026-04]" {
		t.Errorf("one of two months came: %+v", sum.Requests)
	}
	x.deliver("bills", "2026-04-01", 522633)
	x.screen(Options{})
	if got := x.outcome(a, "bill_blue") + x.outcome(b, "bill_blue") + x.outcome(c, "bill_blue"); got != "hitclearunknown" {
		t.Errorf("all months of one county are there: %s", got)
	}
}

// TestGapsByRhythm: a feed that is due quarterly or yearly has no row for every month, and one without a rhythm never has a gap.
func TestGapsByRhythm(t *testing.T) {
	for _, c := range []struct {
		due, months, want string
	}{
		{"quarterly", "2025-12-01 2026-03-01 2026-06-01 2026-09-01", "0"},
		{"quarterly", "2025-12-01 2026-02-01 2026-06-01 2026-09-01", "0"}, // a quarter that came early
		{"quarterly", "2025-12-01 2026-06-01 2026-09-01", "null"},
		{"yearly", "2026-10-01", "0"},
		{"yearly", "2026-11-01", "0"}, // the six days of last year's November belong to a delivery before the window
		{"event", "2025-12-01 2026-10-01", "0"},
		{"monthly", "2025-12-01 2026-10-01", "null"},
	} {
		x := newWorld(t, loadPack(t, func(f map[string]string) {
			f["datasets/2.yaml"] = strings.Replace(f["datasets/2.yaml"], "due: monthly", "due: "+c.due, 1)
		}))
		x.deliver("roster", "2026-11-01", 522633)
		a := x.household(congjiang, 1, 1)
		for _, m := range strings.Fields(c.months) {
			x.deliver("bills", m, 522633)
		}
		x.screen(Options{})
		if got := x.value(a, "self_paid_12m"); got != c.want {
			t.Errorf("%s %s: self_paid_12m = %s, want %s", c.due, c.months, got, c.want)
		}
	}
}
