package expr_test

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"cel.dev/cel-go/cel"

	"shouwang/internal/expr"
)

// TestOracle lets CEL read the same text over the same complete rows: what the rule language knows, CEL must say too. (CEL computes
// with infinities where the rule language says unknown; such rows decide nothing here and must be few.) CEL gets the canonical text,
// so that the binding of the operators is compared as well.
func TestOracle(t *testing.T) {
	var options []cel.EnvOption
	for _, v := range columns {
		switch v.Type {
		case expr.Number:
			options = append(options, cel.Variable(v.Name, cel.DoubleType))
		case expr.Bool:
			options = append(options, cel.Variable(v.Name, cel.BoolType))
		case expr.Text:
			options = append(options, cel.Variable(v.Name, cel.StringType))
		}
	}
	oracle, err := cel.NewEnv(options...)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(42, 1))
	g := &generator{r: r, cel: true}
	env := newEnv()
	days := make([]float64, len(someDate))
	for i, s := range someDate {
		days[i] = day(s)
	}
	sources := []string{"b0 || b1 && b2", "!b0 && b1 || b2 ? b1 : b0 ? b2 : b1", "n0 - n1 - n2 < n3", "n0 / n1 / n2 * n3 > 1.0", "n0 - (n1 - n2) < n3 * 2.0", "-n0 < n1", "!b0 == b1",
		"b0 == (n0 < n1)", "param.line * 1.5 > n0 && !(t0 in [t1, 'a'])", "b0 ? n0 < n1 : n0 > n1", "(b0 ? b1 : b2) ? b0 : b1", "n0 in [1.0, n1 + 2.0]"}
	for len(sources) < 400 {
		sources = append(sources, g.expression(pick(r, []expr.Type{expr.Bool, expr.Bool, expr.Number, expr.Text}), 1+r.IntN(4)))
	}
	decided, open := 0, 0
	for _, src := range sources {
		c, err := env.Check(src, expr.Invalid)
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		text := doubles(c.String())
		ast, issues := oracle.Compile(text)
		if issues.Err() != nil {
			t.Errorf("CEL refuses %s: %v", text, issues.Err())
			continue
		}
		program, err := oracle.Program(ast)
		if err != nil {
			t.Fatal(err)
		}
		compiled := c.Compile()
		for range 50 {
			row := ordinaryRow(r, days)
			facts := map[string]any{}
			for i, v := range columns {
				switch v.Type {
				case expr.Number:
					facts[v.Name] = row[i].Num
				case expr.Bool:
					facts[v.Name] = row[i].Num != 0
				case expr.Text:
					facts[v.Name] = row[i].Text
				}
			}
			ours := compiled(row)
			if !ours.Known {
				open++
				continue
			}
			decided++
			theirs, _, err := program.Eval(facts)
			if err != nil {
				t.Fatalf("%s: CEL: %v", text, err)
			}
			agree := false
			switch x := theirs.Value().(type) {
			case bool:
				agree = x == (ours.Num != 0)
			case float64:
				agree = x == ours.Num
			case string:
				agree = x == ours.Text
			}
			if !agree {
				t.Errorf("%s with %v: CEL says %v, we say %v", text, facts, theirs.Value(), ours)
			}
		}
	}
	t.Logf("%d outcomes agree with CEL, %d were unknown", decided, open)
	if open > decided/4 {
		t.Errorf("%d rows were undecided and only %d decided", open, decided)
	}
}

// ordinaryRow is a complete row without extreme numbers.
func ordinaryRow(r *rand.Rand, days []float64) []expr.Value {
	row := randomRow(r, days, 0)
	for i, v := range columns {
		if v.Type == expr.Number {
			row[i] = expr.NumberValue(pick(r, ordinary))
		}
	}
	return row
}

var lexeme = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|[\pL_][\pL\d_.]*|\d+(?:\.\d+)?(?:e[+-]?\d+)?|.`)

// doubles writes whole numbers with a decimal point, because CEL tells integers and doubles apart.
func doubles(s string) string {
	return lexeme.ReplaceAllStringFunc(s, func(tok string) string {
		if tok[0] >= '0' && tok[0] <= '9' && !strings.ContainsAny(tok, ".e") {
			return tok + ".0"
		}
		return tok
	})
}
