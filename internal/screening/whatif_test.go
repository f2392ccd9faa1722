package screening

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"shouwang/internal/division"
)

// comparisons of every shape that a rule may make, with thresholds on either side, inside functions and as bare yes/no.
var comparisons = []string{
	"self_paid_12m > param.bill", "self_paid_12m >= param.bill * 0.5", "param.line > per_head", "per_head <= param.line * 1.5", "per_head < param.line",
	"reference < param.line", "reference >= param.line / 2", "coalesce(reference < param.line, false)", "coalesce(per_head, param.line) < param.line * 2",
	"(net_income - self_paid_12m) / members < param.line", "abs(per_head - param.line) < param.bill", "max(one_person_most, param.bill / 4) > param.bill / 2",
	"inpatient_ytd >= 1", "known(net_income)", "known(reference / (param.bill - 5000))", "members in [1, 2]", "patients == 1", "as_of >= date(\"2026-11-01\")",
	"per_head / (param.bill - 4000) > 1", "param.line > 9000", "self_paid_12m != param.bill", "members * param.line > net_income",
}

// randomRule joins random comparisons with and, or, not and ?:.
func randomRule(r *rand.Rand, depth int) string {
	if depth == 0 || r.IntN(4) == 0 {
		return comparisons[r.IntN(len(comparisons))]
	}
	sub := func() string { return "(" + randomRule(r, depth-1) + ")" }
	switch r.IntN(7) {
	case 0:
		return "not " + sub()
	case 1, 2, 3, 4:
		return sub() + " and " + sub()
	case 5:
		return sub() + " or " + sub()
	}
	return sub() + " ? " + sub() + " : " + sub()
}

// oddPack is the small pack with n random rules of every level and class more.
func oddPack(r *rand.Rand, n int) (change func(map[string]string), rules []string) {
	var b strings.Builder
	for i := range n {
		id := fmt.Sprintf("odd_%d", i)
		rules = append(rules, id)
		class, unknown := "risk", "ask"
		if i%5 == 4 {
			class, unknown = "doubt", "ignore"
		}
		fmt.Fprintf(&b, `
  - id: %s
    name: {zh: 怪规则%d, en: odd rule %d}
    class: %s
    risk: %s
    level: %s
    when: '%s'
    on_unknown: %s
    document: default
    wording: {zh: 怪, en: odd}
    examples:
      - {name: a, given: {per_head: 1}, expect: hit}
      - {name: b, given: {per_head: 2}, expect: clear}
      - {name: c, given: {}, expect: unknown}`, id, i, i, class, []string{"illness", "income"}[i%2], []string{"blue", "yellow", "red"}[i%3], randomRule(r, 3), unknown)
	}
	text := strings.TrimRight(smallPack["rules/1.yaml"], "\n") + b.String() + "\n"
	return func(f map[string]string) { f["rules/1.yaml"] = text }, rules
}

// replaceWhen gives a rule of the pack's files another text.
func replaceWhen(f map[string]string, rule, text string) {
	head, tail, _ := strings.Cut(f["rules/1.yaml"], "- id: "+rule+"\n")
	before, after, _ := strings.Cut(tail, "    when: '")
	_, after, _ = strings.Cut(after, "'\n")
	f["rules/1.yaml"] = head + "- id: " + rule + "\n" + before + "    when: '" + text + "'\n" + after
}

// TestWhatIfRandom asks random questions of random rules, and compares every number of the answer with what a real run under the changed pack finds: with one
// parameter or several at once (some with a value of its own in one county), other rules, rules left out; everywhere and in one county; after an incremental run too.
func TestWhatIfRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(20261124, 9))
	ctx := context.Background()
	turned, askedRules := 0, 0
	for round := range 6 {
		odd, ids := oddPack(r, 6)
		p := loadPack(t, odd)
		x, homes := randomWorld(t, p, 150)
		y, _ := randomWorld(t, p, 150)
		x.screen(Options{})
		if round%2 == 1 { // the tallies and patterns of an incremental run
			for _, w := range []*world{x, y} {
				w.deliver("bills", year, 522633)
				for k := range 5 {
					w.bill(homes[7*k+round], 0, "inpatient", "2026-10-10", float64(1000*(k+round)*7))
				}
			}
			if sum := x.screen(Options{}); sum.Kind != "incremental" {
				t.Fatalf("the run is %s", sum.Kind)
			}
		}
		before := asItStands(x)
		for range 8 {
			ask := Question{Set: map[string]float64{}, Rules: map[string]string{}, By: []string{"county", "township", "village"}[r.IntN(3)], List: 1000}
			if r.IntN(3) == 0 {
				ask.Division, _ = division.Parse("522633")
			}
			if r.IntN(4) > 0 {
				ask.Set["line"] = []float64{0, 2000, 8500, 9000, 9000.5, 20000, float64(r.IntN(30000))}[r.IntN(7)]
			}
			if r.IntN(2) == 0 {
				ask.Set["bill"] = []float64{0, 4000, 5000, 10000, float64(r.IntN(20000))}[r.IntN(5)]
			}
			for range r.IntN(3) {
				ask.Rules[ids[r.IntN(len(ids))]] = randomRule(r, 2)
				askedRules++
			}
			if r.IntN(3) == 0 || len(ask.Set)+len(ask.Rules) == 0 {
				if id := ids[r.IntN(len(ids))]; ask.Rules[id] == "" {
					ask.Drop = append(ask.Drop, id)
				}
				if len(ask.Set)+len(ask.Rules)+len(ask.Drop) == 0 {
					ask.Set["line"] = 7000
				}
			}
			got, err := x.s.WhatIf(ctx, ask)
			if err != nil {
				t.Fatalf("%+v: %v", ask, err)
			}
			y.use(loadPack(t, func(f map[string]string) {
				odd(f)
				for _, v := range []string{"8500", "9000"} {
					if n, ok := ask.Set["line"]; ok {
						f["parameters.yaml"] = strings.ReplaceAll(f["parameters.yaml"], "value: "+v+",", fmt.Sprintf("value: %v ,", n))
					}
				}
				if n, ok := ask.Set["bill"]; ok {
					f["parameters.yaml"] = strings.ReplaceAll(f["parameters.yaml"], "value: 10000,", fmt.Sprintf("value: %v ,", n))
				}
				for id, text := range ask.Rules {
					replaceWhen(f, id, text)
				}
				for _, id := range ask.Drop {
					replaceWhen(f, id, "false")
				}
			}))
			y.screen(Options{Full: true})
			after := asItStands(y)
			want := difference(before, after, ask)
			if diff := cmp.Diff(want, outlineOf(got)); diff != "" {
				t.Fatalf("round %d %+v (-a real run +the answer)\n%s", round, ask, diff)
			}
			if want.Total.Enter+want.Total.Leave+want.Total.Worse+want.Total.Better > 0 {
				turned++
			}
			for _, change := range got.Rules {
				i := x.s.ruleNumber(change.Rule)
				var b, a int64
				for id, h := range before {
					if inside(h, ask) {
						b += h.rules[i]
						a += after[id].rules[i] // a household stays where it is
					}
				}
				if change.Before != b || change.After != a {
					t.Fatalf("round %d %+v: %s %d → %d, a real run says %d → %d", round, ask, change.Rule, change.Before, change.After, b, a)
				}
			}
		}
	}
	if turned < 20 || askedRules < 20 {
		t.Errorf("only %d of 48 questions change anything, %d rules asked", turned, askedRules)
	}
}

// stands is one household as its wide row has it.
type stands struct {
	division division.Code
	members  int64
	level    int
	rules    map[int]int64
}

func asItStands(x *world) map[string]stands {
	x.Helper()
	nw := words(len(x.pack.Rules))
	var cols []string
	for w := range nw {
		cols = append(cols, fmt.Sprintf("hits%d", w))
	}
	rows, err := x.w.DB().Query("SELECT CAST(household_id AS VARCHAR), division, members, " + strings.Join(cols, ", ") + " FROM wide")
	if err != nil {
		x.Fatal(err)
	}
	defer rows.Close()
	out := map[string]stands{}
	for rows.Next() {
		var id string
		h := stands{rules: map[int]int64{}}
		hits := make([]int64, nw)
		dest := []any{&id, &h.division, &h.members}
		for w := range hits {
			dest = append(dest, &hits[w])
		}
		if err := rows.Scan(dest...); err != nil {
			x.Fatal(err)
		}
		for i := range x.pack.Rules {
			if w, m := ruleBit(i); hits[w]&m != 0 {
				h.rules[i] = 1
				if x.pack.Rules[i].Class != "doubt" {
					h.level = max(h.level, int(x.pack.Rules[i].Level))
				}
			}
		}
		out[id] = h
	}
	return out
}

func inside(h stands, ask Question) bool {
	return ask.Division == 0 || h.division/1_000_000 == ask.Division/1_000_000
}

// outline is what an answer and a real run must have in common.
type outline struct {
	Total             AreaChange
	Areas             []AreaChange
	Visits            int64
	Entering, Leaving string
}

func outlineOf(a Answer) outline {
	out := outline{Total: a.Total, Visits: a.Visits.Total, Entering: strings.Join(a.Entering, " "), Leaving: strings.Join(a.Leaving, " ")}
	out.Total.Name, out.Total.Division = "", 0
	for _, area := range a.Areas {
		area.Name = ""
		out.Areas = append(out.Areas, area)
	}
	return out
}

func difference(before, after map[string]stands, ask Question) outline {
	var out outline
	areas := map[division.Code]*AreaChange{}
	grain := map[string]division.Code{"county": 1_000_000, "township": 1000, "village": 1}[ask.By]
	var enter, leave []string
	for id, b := range before {
		if !inside(b, ask) {
			continue
		}
		a, code := after[id], b.division/grain*grain
		if areas[code] == nil {
			areas[code] = &AreaChange{Division: code}
		}
		var d AreaChange
		if b.level > 0 {
			d.Before = 1
		}
		if a.level > 0 {
			d.After = 1
		}
		switch {
		case b.level == 0 && a.level > 0:
			d.Enter, d.EnterPersons = 1, b.members
			enter = append(enter, id)
		case b.level > 0 && a.level == 0:
			d.Leave, d.LeavePersons = 1, b.members
			leave = append(leave, id)
		case a.level > b.level:
			d.Worse = 1
		case a.level < b.level:
			d.Better = 1
		}
		areas[code].add(d)
		out.Total.add(d)
	}
	for _, code := range slices.Sorted(maps.Keys(areas)) {
		if d := areas[code]; d.Enter+d.Leave+d.Worse+d.Better > 0 {
			out.Areas = append(out.Areas, *d)
		}
	}
	out.Visits, out.Entering, out.Leaving = out.Total.Enter, strings.Join(slices.Sorted(slices.Values(enter)), " "), strings.Join(slices.Sorted(slices.Values(leave)), " ")
	return out
}
