package expr_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"shouwang/internal/expr"
)

var ruleVars = []expr.Var{
	{Name: "medical", Alias: []string{"近12月医疗自付"}, Type: expr.Number, Slot: 0, Unit: "元", Label: [2]string{"医疗自付", "self-paid medical"}},
	{Name: "param.line", Alias: []string{"参数.门槛"}, Type: expr.Number, Slot: 1, Param: true, Unit: "元", Label: [2]string{"门槛", "threshold"}},
	{Name: "income", Type: expr.Number, Slot: 2, Unit: "元", Label: [2]string{"人均纯收入", "net income a head"}},
	{Name: "monitored", Type: expr.Bool, Slot: 3, Label: [2]string{"监测中", "monitored"}},
	{Name: "members", Type: expr.Number, Slot: 4, Unit: "人", Label: [2]string{"家庭人口", "members"}},
	{Name: "ended", Type: expr.Date, Slot: 5, Label: [2]string{"终止日期", "end date"}},
	{Name: "as_of", Type: expr.Date, Slot: 6, Label: [2]string{"筛查日", "screening day"}},
	{Name: "kind", Type: expr.Text, Slot: 7, Label: [2]string{"救助类型", "kind of assistance"}},
	{Name: "factor", Type: expr.Number, Slot: 8, Unit: "倍", Label: [2]string{"预警倍数", "warning multiple"}},
	{Name: "burden", Type: expr.Number, Slot: 9, Unit: "%", Label: [2]string{"负担比", "burden"}},
}

func num(f float64) expr.Value { return expr.NumberValue(f) }

// ruleRow is a household: bills of 52 000, a threshold of 14 817, income 7 900 a head, not monitored, four members.
func ruleRow() []expr.Value {
	return []expr.Value{num(52000), num(14817), num(7900), expr.BoolValue(false), num(4), expr.DateValue(2026, 8, 31), expr.DateValue(2026, 11, 1), expr.TextValue("低保"), num(1.5), num(62.345)}
}

func ruleEnv(t *testing.T) *expr.Env {
	t.Helper()
	env, err := expr.NewEnv(ruleVars)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func TestExplainWords(t *testing.T) {
	unknown := func(slots ...int) func([]expr.Value) {
		return func(row []expr.Value) {
			for _, s := range slots {
				row[s] = expr.Value{}
			}
		}
	}
	for _, c := range []struct {
		src    string
		change func([]expr.Value)
		zh, en []string
	}{
		{"medical > param.line", nil,
			[]string{"医疗自付 52 000 元 > 门槛 14 817 元（高 37 183 元）"}, []string{"self-paid medical 52,000 yuan > threshold 14,817 yuan (37,183 yuan over)"}},
		{"近12月医疗自付 <= 参数.门槛", nil, // false: the words say what is true
			[]string{"医疗自付 52 000 元 > 门槛 14 817 元（高 37 183 元）"}, []string{"self-paid medical 52,000 yuan > threshold 14,817 yuan (37,183 yuan over)"}},
		{"income < 8000 and not monitored", nil,
			[]string{"人均纯收入 7 900 元 < 8 000 元（低 100 元）", "监测中：否"}, []string{"net income a head 7,900 yuan < 8,000 yuan (100 yuan under)", "monitored: no"}},
		{"income < param.line * factor", nil,
			[]string{"人均纯收入 7 900 元 < 门槛 × 预警倍数 = 22 225.5 元（低 14 325.5 元）"}, []string{"net income a head 7,900 yuan < threshold × warning multiple = 22,225.5 yuan (14,325.5 yuan under)"}},
		{"members >= 4", nil, []string{"家庭人口 4 人 ≥ 4 人"}, []string{"members 4 persons ≥ 4 persons"}},
		{"burden >= 62.34", nil, []string{"负担比 62.345% ≥ 62.34%（高 0.005%）"}, []string{"burden 62.345% ≥ 62.34% (0.005% over)"}},
		{"ended < as_of", nil, []string{"终止日期 2026-08-31 < 筛查日 2026-11-01（早 62 天）"}, []string{"end date 2026-08-31 < screening day 2026-11-01 (62 days earlier)"}},
		{`kind in ["低保", "特困"]`, nil, []string{"救助类型 “低保” 属于 （“低保”、“特困”）"}, []string{`kind of assistance "低保" is one of ("低保", "特困")`}},
		{`kind == "特困"`, nil, []string{"救助类型 “低保” ≠ “特困”"}, []string{`kind of assistance "低保" ≠ "特困"`}},
		{"monitored == false", nil, []string{"监测中：否"}, []string{"monitored: no"}},
		{"monitored == (income > 1)", nil, []string{"监测中 否 ≠ 人均纯收入 > 1 = 是"}, []string{"monitored no ≠ net income a head > 1 = yes"}},
		{"income - medical / members < param.line", nil,
			[]string{"人均纯收入 - 医疗自付 / 家庭人口 = -5 100 元 < 门槛 14 817 元（低 19 917 元）"}, []string{"net income a head - self-paid medical / members = -5,100 yuan < threshold 14,817 yuan (19,917 yuan under)"}},
		{"coalesce(medical, 0) > 1000 ? monitored : true", nil,
			[]string{"医疗自付 52 000 元 > 1 000 元（高 51 000 元）", "监测中：否"}, []string{"self-paid medical 52,000 yuan > 1,000 yuan (51,000 yuan over)", "monitored: no"}},
		{"coalesce(medical, 0) > 1000", unknown(0), []string{"医疗自付（未知，按 0 元计） ≤ 1 000 元（低 1 000 元）"}, []string{"self-paid medical (unknown, taken as 0 yuan) ≤ 1,000 yuan (1,000 yuan under)"}},
		{"not coalesce(monitored, true)", nil, []string{"监测中：否"}, []string{"monitored: no"}},
		{"known(ended)", nil, []string{"终止日期 2026-08-31：有数据"}, []string{"end date 2026-08-31: is known"}},
		{"known(ended)", unknown(5), []string{"终止日期：没有数据"}, []string{"end date: is unknown"}},
		{"medical > param.line", unknown(0), []string{"医疗自付 > 门槛：未知，缺 医疗自付"}, []string{"self-paid medical > threshold: unknown, missing self-paid medical"}},
		{"medical / (members - 4) > 1", nil, []string{"医疗自付 / (家庭人口 - 4) > 1：算不出（除数为零或结果过大）"}, []string{"self-paid medical / (members - 4) > 1: cannot be computed (division by zero or too large)"}},
	} {
		row := ruleRow()
		if c.change != nil {
			c.change(row)
		}
		checked, err := ruleEnv(t).Check(c.src, expr.Bool)
		if err != nil {
			t.Errorf("%s: %v", c.src, err)
			continue
		}
		var zh, en []string
		for _, r := range checked.Explain(row).Reasons {
			zh, en = append(zh, r.Words("zh")), append(en, r.Words("en"))
		}
		if d := cmp.Diff(c.zh, zh); d != "" {
			t.Errorf("%s in Chinese (-want +got):\n%s", c.src, d)
		}
		if d := cmp.Diff(c.en, en); d != "" {
			t.Errorf("%s in English (-want +got):\n%s", c.src, d)
		}
	}
}

// TestExplainSmallest: a … f are yes/no variables of slots 0 … 5; capitals in the row are true, small letters false, a dot unknown.
func TestExplainSmallest(t *testing.T) {
	var vars []expr.Var
	for i, name := range []string{"a", "b", "c", "d", "e", "f"} {
		vars = append(vars, expr.Var{Name: name, Type: expr.Bool, Slot: i})
	}
	env, err := expr.NewEnv(vars)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ src, row, want, decisive string }{
		{"a and b", "AB", "a b", "a b"},
		{"a and b", "aB", "a", "a"},
		{"a and b", "ab", "a", ""},
		{"a or b", "AB", "a", ""},
		{"a or b", "aB", "b", "b"},
		{"a or b", "ab", "a b", "a b"},
		{"a and b and c or d", "ABCD", "d", ""},
		{"a and (b or c)", "A.C", "a c", "a c"},
		{"not (a or b and c)", "aBc", "a c", "a c"},
		{"not (a or b and c)", "ab.", "a b", "a b"},
		{"a ? b : c", "AB.", "a b", "a b"},
		{"true or a", "a", "", ""},
		// The shared atom c makes the second branch cheaper although each branch alone has two.
		{"(a and b or c and d) and (c or e)", "ABCDE", "c d", ""},
		{"(a or b) and (c or b) and (d or b)", "ABCD", "b", ""},
		// Unknown outcomes.
		{"a and b", "A.", "b", "b"},
		{"a and b", "..", "a b", "a b"},
		{"a and (b or c)", "...", "a b", "a"},
		{"a or b", "..", "a b", "a b"},
		{"a and b and c", "A..", "b c", "b c"},
		{"a ? b : c", ".BC", "a", "a"}, // equal branches: unknown only because the condition is
		{"a ? b : c", "aB.", "c", "c"},
		{"a ? b : c", ".Bc", "a", "a"},
		{"not a", ".", "a", "a"},
		{"a == b", "A.", "a == b", "a == b"},
	} {
		checked, err := env.Check(c.src, expr.Bool)
		if err != nil {
			t.Fatal(err)
		}
		row := make([]expr.Value, 6)
		for i, ch := range c.row {
			if ch != '.' {
				row[i] = expr.BoolValue(ch >= 'A' && ch <= 'Z')
			}
		}
		var got, decisive []string
		for _, r := range checked.Explain(row).Reasons {
			got = append(got, r.Text)
			if r.Decisive {
				decisive = append(decisive, r.Text)
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s with %s: reasons %q, want %q", c.src, c.row, s, c.want)
		}
		if s := strings.Join(decisive, " "); s != c.decisive {
			t.Errorf("%s with %s: decisive %q, want %q", c.src, c.row, s, c.decisive)
		}
	}
}

// TestReasonsForce: with the variables of the reasons fixed and all others drawn anew, a known outcome never changes. With the
// variables of the reasons and of the known atoms fixed, an unknown outcome stays unknown.
func TestReasonsForce(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 11))
	g := &generator{r: r, extreme: true}
	env := newEnv()
	days := make([]float64, len(someDate))
	for i, s := range someDate {
		days[i] = day(s)
	}
	known, unknown := 0, 0
	for range 600 {
		c, err := env.Check(g.truth(2+r.IntN(3)), expr.Bool)
		if err != nil {
			t.Fatal(err)
		}
		eval := c.Compile()
		for range 10 {
			row := randomRow(r, days, 0.25)
			x := c.Explain(row)
			if want := c.Eval(row); x.Outcome != want {
				t.Fatalf("%s: explained %v, evaluated %v", c, x.Outcome, want)
			}
			fixed := map[int]bool{}
			for _, reason := range x.Reasons {
				for _, v := range reason.Vars {
					fixed[v.Slot] = true
				}
			}
			if !x.Outcome.Known {
				unknown++
				for _, reason := range x.Reasons {
					if !reason.Unknown {
						t.Fatalf("%s: %s is known and no reason for an unknown outcome", c, reason.Text)
					}
				}
				for _, atom := range atomsOf(c) {
					if atom := mustCheck(t, env, atom); atom.Eval(row).Known {
						for _, v := range atom.Vars() {
							fixed[v.Slot] = true
						}
					}
				}
			} else {
				known++
			}
			for range 20 {
				other := randomRow(r, days, 0.25)
				for slot := range fixed {
					other[slot] = row[slot]
				}
				if got := eval(other); got != x.Outcome {
					t.Fatalf("%s\nrow   %v\nother %v\noutcome %v became %v with the reasons' variables %v fixed", c, row, other, x.Outcome, got, fixed)
				}
			}
		}
	}
	if known < 1000 || unknown < 500 {
		t.Errorf("%d known and %d unknown outcomes are too few for the test to mean something", known, unknown)
	}
}

// atomsOf lists the canonical texts of the atoms.
func atomsOf(c *expr.Checked) []string {
	var out []string
	c.Root().Walk(func(n *expr.Node) bool {
		switch n.Op {
		case expr.OpAnd, expr.OpOr, expr.OpNot, expr.OpBool, expr.OpCond:
			return true
		}
		out = append(out, n.String())
		return false
	})
	return out
}

func mustCheck(t *testing.T, env *expr.Env, src string) *expr.Checked {
	t.Helper()
	c, err := env.Check(src, expr.Invalid)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestReasonsAreSmallest tries all smaller sets of atoms by brute force on expressions over six yes/no variables.
func TestReasonsAreSmallest(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 5))
	names := []string{"a", "b", "c", "d", "e"}
	var vars []expr.Var
	for i, name := range names {
		vars = append(vars, expr.Var{Name: name, Type: expr.Bool, Slot: i})
	}
	env, err := expr.NewEnv(vars)
	if err != nil {
		t.Fatal(err)
	}
	var formula func(depth int) string
	formula = func(depth int) string {
		if depth == 0 {
			return pick(r, names)
		}
		switch r.IntN(6) {
		case 0:
			return "!(" + formula(depth-1) + ")"
		case 1:
			return "(" + formula(depth-1) + " ? " + formula(depth-1) + " : " + formula(depth-1) + ")"
		case 2, 3:
			return "(" + formula(depth-1) + " && " + formula(depth-1) + ")"
		}
		return "(" + formula(depth-1) + " || " + formula(depth-1) + ")"
	}
	larger, replaced := 0, 0
	for range 400 {
		c := mustCheck(t, env, formula(3))
		row := make([]expr.Value, len(names))
		for i := range row {
			row[i] = expr.BoolValue(r.IntN(2) == 0)
		}
		x := c.Explain(row)
		// A set forces the outcome when every other choice of the rest, unknown included, leaves it.
		forces := func(set int) bool {
			var try func(i int, trial []expr.Value) bool
			try = func(i int, trial []expr.Value) bool {
				if i == len(names) {
					return c.Eval(trial) == x.Outcome
				}
				if set>>i&1 == 1 {
					trial[i] = row[i]
					return try(i+1, trial)
				}
				for _, v := range []expr.Value{{}, expr.BoolValue(false), expr.BoolValue(true)} {
					trial[i] = v
					if !try(i+1, trial) {
						return false
					}
				}
				return true
			}
			return try(0, make([]expr.Value, len(names)))
		}
		best := len(names)
		for set := range 1 << len(names) {
			if forces(set) {
				best = min(best, popcount(set))
			}
		}
		if len(x.Reasons) != best {
			t.Errorf("%s with %v: %d reasons, %d would do", c, row, len(x.Reasons), best)
		}
		if best > 1 {
			larger++
		}
		// What is said to hold the outcome in a comparison's place does: it, and all of them, being the opposite, the outcome is another one.
		for _, reason := range x.Reasons {
			if reason.Decisive || reason.Unknown || !x.Outcome.Known {
				continue
			}
			flipped := slices.Clone(row)
			for _, r := range append([]expr.Reason{reason}, reason.Also...) {
				flipped[r.Vars[0].Slot].Num = 1 - flipped[r.Vars[0].Slot].Num
			}
			if len(reason.Also) > 0 && c.Eval(flipped) == x.Outcome {
				t.Errorf("%s with %v: still %v without %s and %d others", c, row, x.Outcome, reason.Text, len(reason.Also))
			}
			if len(reason.Also) > 0 {
				replaced++
			}
		}
	}
	if replaced < 100 {
		t.Errorf("only %d comparisons had others in their place", replaced)
	}
	if larger < 100 {
		t.Errorf("only %d cases needed more than one reason", larger)
	}
}

func popcount(n int) int {
	c := 0
	for ; n != 0; n &= n - 1 {
		c++
	}
	return c
}

// TestFlip: the value that Flip names changes the atom or the outcome, and the neighbor on the way back does not.
func TestFlip(t *testing.T) {
	env := ruleEnv(t)
	for _, c := range []struct {
		src  string
		slot int
		want expr.Value
	}{
		{"medical > param.line", 0, num(14817)},
		{"medical > param.line", 1, num(52000)},
		{"income < 8000", 2, num(8000)},
		{"income / members < 2000", 2, num(8000)},
		{"income < param.line * factor", 8, num(7900.0 / 14817)},
		{"members >= 4", 4, num(3.9999999999999996)},
		{"ended < as_of", 5, expr.DateValue(2026, 11, 1)},
		{"months_between(ended, as_of) >= 2", 5, expr.DateValue(2026, 9, 2)},
		{"monitored", 3, expr.BoolValue(true)},
		{`kind in ["特困"]`, 7, expr.TextValue("特困")},
		{`kind == "低保"`, 7, expr.TextValue("…")},
	} {
		checked := mustCheck(t, env, c.src)
		row := ruleRow()
		before := checked.Eval(row)
		got, ok := checked.Explain(row).Reasons[0].Flip(row, c.slot)
		if !ok || got != c.want {
			t.Errorf("%s: flips at %v %v, want %v", c.src, got, ok, c.want)
			continue
		}
		row[c.slot] = got
		if after := checked.Eval(row); !after.Known || after == before {
			t.Errorf("%s: still %v at %v", c.src, after, got)
		}
	}
	// Two ways to a hit: no single value of one of them clears it.
	both := mustCheck(t, env, "medical > param.line or income < 8000")
	if v, ok := both.Flip(ruleRow(), 0); ok {
		t.Errorf("the outcome changes at %v although the other comparison holds", v)
	}
	if x := both.Explain(ruleRow()); x.Reasons[0].Decisive {
		t.Error("a comparison that is not needed counts as decisive")
	}
	hit := mustCheck(t, env, "medical > param.line and (income < 8000 or monitored)")
	if v, ok := hit.Flip(ruleRow(), 2); !ok || v != num(8000) {
		t.Errorf("the outcome changes at %v %v, want 8000", v, ok)
	}
}

// TestExplanationsAreTrue: for random rules over numbers with one comparison a variable, a decisive reason's flip changes the
// outcome.
func TestExplanationsAreTrue(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 4))
	env := newEnv()
	days := make([]float64, len(someDate))
	for i, s := range someDate {
		days[i] = day(s)
	}
	flipped := 0
	for range 2000 {
		atoms := []string{"n0 > param.line * 1.5", "n1 <= 8000", "n2 / 4 < 8500", "not b0", "months_between(d0, d1) >= 12", `t0 in ["低保", "a"]`, "round(n3, 1) == 2.5"}
		r.Shuffle(len(atoms), func(i, j int) { atoms[i], atoms[j] = atoms[j], atoms[i] })
		c := mustCheck(t, env, atoms[0]+" and ("+atoms[1]+" or "+atoms[2]+" and "+atoms[3]+") or "+atoms[4])
		row := randomRow(r, days, 0.05)
		x := c.Explain(row)
		for _, reason := range x.Reasons {
			if !reason.Decisive || reason.Unknown {
				continue
			}
			v := reason.Vars[0]
			got, ok := reason.Flip(row, v.Slot)
			if !ok {
				if strings.Contains(reason.Text, "round") || slices.Contains([]float64{0}, row[v.Slot].Num) || v.Type == expr.Date || row[4].Num == 0 {
					continue // no value may be in reach: months beyond the calendar, 0 · line
				}
				t.Errorf("%s with %v: no value of %s flips %s", c, row, v.Name, reason.Text)
				continue
			}
			changed := slices.Clone(row)
			changed[v.Slot] = got
			if after := c.Eval(changed); after == x.Outcome {
				t.Errorf("%s with %v: still %v after %s became %v", c, row, after, v.Name, got)
			}
			flipped++
		}
	}
	if flipped < 1000 {
		t.Errorf("only %d reasons were flipped", flipped)
	}
}
