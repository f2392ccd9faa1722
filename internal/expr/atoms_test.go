package expr_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"shouwang/internal/expr"
)

// TestLimit: a comparison of a number with parameters alone is taken apart, the value on the left; nothing else is.
func TestLimit(t *testing.T) {
	parameter := func(v *expr.Var) bool { return v.Param }
	for _, c := range []struct{ src, want string }{
		{"n0 > param.line", "n0 > param.line"},
		{"param.line * 1.5 >= n0 + n1", "n0 + n1 <= param.line * 1.5"},
		{"n0 < 8000", "n0 < 8000"},
		{"8000 < n0", "n0 > 8000"},
		{"n0 - param.line < n1", ""},
		{"n0 == param.line", ""},
		{"param.line > 8000", ""},
		{"d0 < d1", ""},
		{"b0", ""},
	} {
		got := ""
		if value, op, limit, ok := mustCheck(t, newEnv(), c.src).Limit(parameter); ok {
			got = fmt.Sprintf("%s %s %s", value, op, limit)
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.src, got, c.want)
		}
	}
}

// TestComparisons: the outermost comparisons wherever they stand, and what is read outside of them.
func TestComparisons(t *testing.T) {
	parts, rest := mustCheck(t, newEnv(), "coalesce(n0 < 8000 and b0, n1 + 1 > n2) or known(n3)").Comparisons()
	var got []string
	for _, p := range parts {
		got = append(got, p.String()+" from "+p.Source())
	}
	for _, v := range rest {
		got = append(got, v.Name)
	}
	if text := strings.Join(got, "; "); text != "n0 < 8000 from n0 < 8000; n1 + 1 > n2 from n1 + 1 > n2; b0; n3" {
		t.Error(text)
	}
}

// TestSQLOver: a rule decided over the outcomes of its comparisons comes out as the rule itself does, for every choice of them.
func TestSQLOver(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 9))
	for range 200 {
		c := mustCheck(t, newEnv(), []string{"b0 and (b1 or not b2)", "b0 ? b1 : b2 or b0", "not (b0 or b1) and (b1 ? b2 : b0)", "b0 or true"}[r.IntN(4)])
		row := make([]expr.Value, 13)
		names := []string{"FALSE", "TRUE", "NULL"}
		var texts []string
		for i := range 3 {
			n := r.IntN(3)
			row[5+i] = []expr.Value{{Known: true}, {Num: 1, Known: true}, {}}[n]
			texts = append(texts, names[n])
		}
		atoms := c.Atoms()
		over := c.SQLOver(expr.DuckDB, func(i int) string {
			return "(" + texts[int(atoms[i].String()[1]-'0')] + ")"
		})
		plain := c.SQL(expr.DuckDB, func(v *expr.Var) string { return "(" + texts[int(v.Name[1]-'0')] + ")" })
		if over != plain {
			t.Errorf("%s: %s, the rule itself is %s", c, over, plain)
		}
	}
}
