package expr_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"shouwang/internal/expr"
)

// seeds are expressions of every kind and the mistakes that people make.
var seeds = []string{
	"n0 > param.line and not b0", "自付＞参数.监测线 且（非 b0 或 t0 属于 ［“低保”］）", "b0 ? n0 : n1 % -2", "round(n0 / max(n1, 1), 2) >= .5e-3", "not known(d0) or months_between(d0, as_of) < 12",
	"!b0 && b1 || b2", "- -n0 - -1", "t0 not in ['a', \"b\\\"\"]", "date('2024-02-29') < d0", "1 < 2 < 3", "((((", "n0 = 1", "a..b", "1.e", "\"", "'\\", "n0 > 1e400", "（）", "in in in", "b0 ? b1 ? b2 : b0 : b1",
	"n0 > 50%", "known()", "min(", "非非非真", "\xff", "coalesce(n0, 1, ) > 0", "n0 == -(-5)", "n0 ≥ 1 且 n1 ≤ 2 且 n2 ≠ 3",
}

// FuzzParse: the parser never panics; what it reads prints the same after it was read again.
func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		n, err := expr.Parse(src)
		if err != nil {
			var e *expr.Error
			if !errors.As(err, &e) || e.ZH == "" || e.EN == "" || e.Pos.Offset < 0 || e.Pos.Offset > len(src) || e.End < e.Pos.Offset || e.End > len(src) || e.Pos.Line < 1 || e.Pos.Column < 1 {
				t.Fatalf("%q: the error %#v has no text or no place", src, err)
			}
			_ = e.In("zh")
			return
		}
		text := n.String()
		again, err := expr.Parse(text)
		if err != nil {
			// The canonical text may be longer than what was written (&& for 且 is not, date("…") and brackets are).
			if len(text) > len(src) {
				return
			}
			t.Fatalf("%q prints %q, which cannot be read: %v", src, text, err)
		}
		if again.String() != text {
			t.Fatalf("%q prints %q and then %q", src, text, again.String())
		}
	})
}

// FuzzCheck: what passes the checker evaluates the same from its canonical text, compiled or not, and writes SQL and
// explanations without a panic.
func FuzzCheck(f *testing.F) {
	for i, s := range seeds {
		f.Add(s, uint64(i))
	}
	env := newEnv()
	days := make([]float64, len(someDate))
	for i, s := range someDate {
		days[i] = day(s)
	}
	ref := func(v *expr.Var) string { return v.Name }
	f.Fuzz(func(t *testing.T, src string, seed uint64) {
		c, err := env.Check(src, expr.Invalid)
		if err != nil {
			var e *expr.Error
			if !errors.As(err, &e) {
				t.Fatalf("%q: %v", src, err)
			}
			return
		}
		again, err := env.Check(c.String(), c.Type())
		if err != nil {
			if len(c.String()) > len(src) {
				return
			}
			t.Fatalf("%q prints %q: %v", src, c, err)
		}
		compiled := c.Compile()
		r := rand.New(rand.NewPCG(seed, 0))
		for range 3 {
			row := randomRow(r, days, 0.2)
			want := c.Eval(row)
			if got := again.Eval(row); !same(c.Type(), got, want) {
				t.Fatalf("%q is %v, its canonical text %q is %v", src, want, c, got)
			}
			if got := compiled(row); !same(c.Type(), got, want) {
				t.Fatalf("%q is %v, compiled %v", src, want, got)
			}
			for _, reason := range c.Explain(row).Reasons {
				if reason.Words("zh") == "" || reason.Words("en") == "" {
					t.Fatalf("%q: no words for %q", src, reason.Text)
				}
				for _, v := range reason.Vars {
					reason.Flip(row, v.Slot)
				}
			}
		}
		if c.SQL(expr.DuckDB, ref) == "" || c.SQL(expr.PostgreSQL, ref) == "" {
			t.Fatalf("%q has no SQL", src)
		}
	})
}
