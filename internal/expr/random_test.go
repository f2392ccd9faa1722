package expr_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"

	"shouwang/internal/expr"
)

// Columns of the random tables. n0 and n1 keep the promise of Limit, the other numbers may be any finite double.
var columns = []expr.Var{
	{Name: "n0", Alias: []string{"自付"}, Type: expr.Number, Slot: 0, Limit: 1e60, Unit: "元", Label: [2]string{"医疗自付", "self-paid medical cost"}},
	{Name: "n1", Type: expr.Number, Slot: 1, Limit: 1e60},
	{Name: "n2", Type: expr.Number, Slot: 2},
	{Name: "n3", Type: expr.Number, Slot: 3},
	{Name: "param.line", Alias: []string{"参数.监测线"}, Type: expr.Number, Slot: 4, Param: true, Limit: 1e60, Unit: "元", Label: [2]string{"监测线", "line"}},
	{Name: "b0", Type: expr.Bool, Slot: 5},
	{Name: "b1", Type: expr.Bool, Slot: 6},
	{Name: "b2", Type: expr.Bool, Slot: 7},
	{Name: "t0", Type: expr.Text, Slot: 8},
	{Name: "t1", Type: expr.Text, Slot: 9},
	{Name: "d0", Type: expr.Date, Slot: 10},
	{Name: "d1", Type: expr.Date, Slot: 11},
	{Name: "as_of", Alias: []string{"筛查日"}, Type: expr.Date, Slot: 12},
}

func newEnv() *expr.Env {
	env, err := expr.NewEnv(columns)
	if err != nil {
		panic(err)
	}
	return env
}

var (
	// Numbers around which rules are decided: thresholds, halves, the ends of exact integers.
	ordinary = []float64{0, 1, -1, 2, 3, 0.1, 0.2, 0.3, 0.5, -0.5, 1.5, 2.5, -2.5, 7, 10, 12, 100, 7999.99, 8000, 8000.01, 8500, 14817, 52000,
		0.49999999999999994, 1.005, 2.675, -1234.5, 1e15, 1 << 53, 4503599627370497.5, 1e-9}
	// Numbers with which overflow and underflow happen. The greatest double is left out: within 1e-12 of it PostgreSQL may say unknown.
	extreme  = []float64{1e308, -1e308, 1.7e308, 1e200, -1e200, 1e155, 1e-155, 1e-200, -1e-200, 1e-307, 5e-324, -5e-324, math.Copysign(0, -1)}
	someText = []string{"", "a", "b", "A", " a", "a'b", "a\"b", `a\b`, "低保", "特困", "100%", "a\tb"}
	someDate = []string{"2026-11-01", "2026-10-31", "2026-11-30", "2024-02-29", "2024-02-28", "2025-02-28", "2025-03-01", "2024-03-31", "2024-01-31", "2023-12-31",
		"2024-01-01", "2000-02-29", "1900-02-28", "1970-01-01", "1969-12-31", "0001-01-01", "9999-12-31", "1950-06-15"}
)

func pick[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

func day(s string) float64 {
	c, err := newEnv().Check(`date("`+s+`")`, expr.Date)
	if err != nil {
		panic(err)
	}
	return c.Eval(nil).Num
}

// randomRow fills all slots; holes is the share of unknown values.
func randomRow(r *rand.Rand, days []float64, holes float64) []expr.Value {
	row := make([]expr.Value, len(columns))
	for i, v := range columns {
		if r.Float64() < holes {
			continue
		}
		switch v.Type {
		case expr.Number:
			x := pick(r, ordinary)
			switch k := r.IntN(10); {
			case k < 2:
				x = math.Round(r.NormFloat64()*20000) / 100
			case k < 4 && v.Limit == 0:
				x = pick(r, extreme)
			case k < 5:
				x = r.NormFloat64() * 1000
			}
			row[i] = expr.NumberValue(x)
		case expr.Bool:
			row[i] = expr.BoolValue(r.IntN(2) == 0)
		case expr.Text:
			row[i] = expr.TextValue(pick(r, someText))
		case expr.Date:
			row[i] = expr.Value{Num: pick(r, days), Known: true}
			if r.IntN(3) == 0 {
				row[i].Num += float64(r.IntN(60) - 30)
				row[i].Num = min(max(row[i].Num, days[15]), days[16])
			}
		}
	}
	return row
}

// generator writes random well-typed expressions. With cel it keeps to what CEL's standard library has in common with the rule
// language.
type generator struct {
	r       *rand.Rand
	cel     bool
	extreme bool
}

func (g *generator) expression(t expr.Type, depth int) string {
	switch t {
	case expr.Number:
		return g.number(depth)
	case expr.Text:
		return g.text(depth)
	case expr.Date:
		return g.date(depth)
	}
	return g.truth(depth)
}

func (g *generator) truth(depth int) string {
	if depth <= 0 {
		switch g.r.IntN(6) {
		case 0:
			return pick(g.r, []string{"true", "false"})
		case 1, 2:
			return pick(g.r, []string{"b0", "b1", "b2"})
		}
		return g.comparison(0)
	}
	d := depth - 1
	switch k := g.r.IntN(20); {
	case k < 4:
		return g.join(" && ", d)
	case k < 8:
		return g.join(" || ", d)
	case k < 10:
		return "!(" + g.truth(d) + ")"
	case k < 11 && !g.cel:
		return "not " + g.truth(0)
	case k < 12:
		return "(" + g.truth(d) + " ? " + g.truth(d) + " : " + g.truth(d) + ")"
	case k < 13:
		return "((" + g.truth(d) + ") " + pick(g.r, []string{"==", "!="}) + " (" + g.truth(d) + "))"
	case k < 14 && !g.cel:
		return "known(" + g.expression(pick(g.r, allTypes), d) + ")"
	case k < 15 && !g.cel:
		return "coalesce(" + g.truth(d) + ", " + g.truth(0) + ")"
	case k < 16 && !g.cel:
		return "((" + g.truth(0) + ") in [" + g.truth(0) + ", " + g.truth(d) + "])"
	}
	return g.comparison(d)
}

var allTypes = []expr.Type{expr.Number, expr.Bool, expr.Text, expr.Date}

func (g *generator) join(sep string, d int) string {
	parts := []string{}
	for range 2 + g.r.IntN(2) {
		parts = append(parts, g.truth(d))
	}
	return "(" + strings.Join(parts, sep) + ")"
}

func (g *generator) comparison(d int) string {
	t := pick(g.r, []expr.Type{expr.Number, expr.Number, expr.Number, expr.Text, expr.Date})
	if g.cel && t == expr.Date {
		t = expr.Number
	}
	a, b := g.expression(t, d), g.expression(t, d)
	if g.r.IntN(5) == 0 {
		return "(" + a + " in [" + b + ", " + g.expression(t, 0) + "])"
	}
	ops := []string{"<", "<=", ">", ">=", "==", "!="}
	if t == expr.Text {
		ops = ops[4:]
	}
	return "(" + a + " " + pick(g.r, ops) + " " + b + ")"
}

func (g *generator) number(depth int) string {
	if depth <= 0 {
		if g.r.IntN(3) == 0 {
			x := math.Abs(pick(g.r, ordinary))
			if g.extreme && g.r.IntN(6) == 0 {
				x = math.Abs(pick(g.r, extreme))
			}
			s := strconv.FormatFloat(x, 'e', -1, 64)
			if g.r.IntN(4) == 0 {
				s = "(-" + s + ")"
			}
			return s
		}
		return pick(g.r, []string{"n0", "n1", "n2", "n3", "param.line"})
	}
	d := depth - 1
	k := g.r.IntN(16)
	if g.cel {
		k = g.r.IntN(9)
	}
	switch {
	case k < 6:
		return "(" + g.number(d) + " " + pick(g.r, []string{"+", "-", "*", "/"}) + " " + g.number(d) + ")"
	case k < 7:
		return "(" + g.truth(d) + " ? " + g.number(d) + " : " + g.number(d) + ")"
	case k < 8:
		return "(-(" + g.number(d) + "))"
	case k < 9:
		return g.number(0)
	case k < 10:
		return "(" + g.number(d) + " % " + g.number(d) + ")"
	case k < 11:
		return pick(g.r, []string{"min", "max"}) + "(" + g.number(d) + ", " + g.number(0) + ", " + g.number(d) + ")"
	case k < 12:
		return "coalesce(" + g.number(d) + ", " + g.number(d) + ")"
	case k < 13:
		return "abs(" + g.number(d) + ")"
	case k < 14:
		return "round(" + g.number(d) + pick(g.r, []string{"", ", 2", ", 1", ", -1", ", -3", ", 9"}) + ")"
	}
	return pick(g.r, []string{"days_between", "months_between", "years_between"}) + "(" + g.date(d) + ", " + g.date(d) + ")"
}

func (g *generator) text(depth int) string {
	if depth > 0 && g.r.IntN(3) == 0 {
		if g.cel || g.r.IntN(2) == 0 {
			return "(" + g.truth(depth-1) + " ? " + g.text(depth-1) + " : " + g.text(depth-1) + ")"
		}
		return "coalesce(" + g.text(depth-1) + ", " + g.text(0) + ")"
	}
	if g.r.IntN(2) == 0 {
		s := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\t", `\t`).Replace(pick(g.r, someText))
		return `"` + s + `"`
	}
	return pick(g.r, []string{"t0", "t1"})
}

func (g *generator) date(depth int) string {
	if depth > 0 && g.r.IntN(3) == 0 {
		switch g.r.IntN(3) {
		case 0:
			return "(" + g.truth(depth-1) + " ? " + g.date(depth-1) + " : " + g.date(depth-1) + ")"
		case 1:
			return "coalesce(" + g.date(depth-1) + ", " + g.date(0) + ")"
		}
		return pick(g.r, []string{"min", "max"}) + "(" + g.date(depth-1) + ", " + g.date(0) + ")"
	}
	if g.r.IntN(4) == 0 {
		return fmt.Sprintf("date(%q)", pick(g.r, someDate))
	}
	return pick(g.r, []string{"d0", "d1", "as_of"})
}

// same compares two values of a type; minus zero equals zero, as in every comparison.
func same(t expr.Type, a, b expr.Value) bool {
	switch {
	case a.Known != b.Known:
		return false
	case !a.Known:
		return true
	case t == expr.Text:
		return a.Text == b.Text
	}
	return a.Num == b.Num
}
