package screening

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"shouwang/internal/expr"
	"shouwang/internal/policy"
)

// TestExplanationsOfOddRules: random rules (nested and, or, not, ?:, known, coalesce, thresholds on either side, dates) decided for households with every kind of
// gap: SQL, Go and the record agree, and what the explanation says is true. A comparison that is decisive, put to the other side of its threshold by one of the
// values that it names, changes the outcome; one that is not changes it together with those that are said to hold it.
func TestExplanationsOfOddRules(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 20261124))
	ctx := context.Background()
	flips, backed := 0, 0
	for range 4 {
		odd, _ := oddPack(r, 10)
		p := loadPack(t, odd)
		x, ids := randomWorld(t, p, 40)
		x.screen(Options{})
		c, err := x.w.Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			e, err := x.s.Explain(ctx, fmt.Sprint(id), "", 0)
			if err != nil {
				t.Fatal(err)
			}
			if !e.Same {
				t.Fatalf("%d: SQL, Go and the record disagree", id)
			}
			d, err := x.s.derive(ctx, c, fmt.Sprint(id), 0)
			if err != nil {
				t.Fatal(err)
			}
			for i := range p.Rules {
				rule := &p.Rules[i]
				ex := rule.When.Explain(d.env)
				if outcomeOf(ex.Outcome) != policy.Hit {
					continue
				}
				for k := range ex.Reasons {
					reason := &ex.Reasons[k]
					switch {
					case reason.Decisive && once(p, rule, reason):
						if flipped(rule, reason, d.env) {
							flips++
						} else if reachable(reason, d.env) {
							t.Errorf("%s with %s: %s alone does not change the outcome", rule.When, values(d.env), reason.Text)
						}
					case len(reason.Also) > 0:
						backed++
					}
				}
			}
		}
		c.Close()
	}
	if flips < 100 || backed < 10 {
		t.Errorf("only %d decisive comparisons, %d with others in their place", flips, backed)
	}
}

// once reports whether no other comparison of the rule reads a value that this one reads: only then does moving the value move this one alone.
func once(p *policy.Pack, rule *policy.Rule, reason *expr.Reason) bool {
	for _, a := range rule.When.Atoms() {
		if a.String() != reason.Text && slices.ContainsFunc(a.Vars(), func(v *expr.Var) bool { return slices.Contains(reason.Vars, v) && v.Slot < len(p.Indicators) }) {
			return false
		}
	}
	return true
}

// reachable reports whether some value that the reason names can put it on the other side at all.
func reachable(reason *expr.Reason, env []expr.Value) bool {
	return slices.ContainsFunc(reason.Vars, func(v *expr.Var) bool { _, ok := reason.Flip(env, v.Slot); return ok && !v.Param })
}

// flipped moves one of the values past its threshold and reports whether the rule decides otherwise.
func flipped(rule *policy.Rule, reason *expr.Reason, env []expr.Value) bool {
	for _, v := range reason.Vars {
		value, ok := reason.Flip(env, v.Slot)
		if !ok || v.Param {
			continue
		}
		trial := slices.Clone(env)
		trial[v.Slot] = value
		if outcomeOf(rule.When.Eval(trial)) != policy.Hit {
			return true
		}
	}
	return false
}

// values is the values of a row, for a failure.
func values(env []expr.Value) string {
	out := ""
	for i, v := range env {
		if v.Known {
			out += fmt.Sprintf(" %d=%v", i, v.Num)
		}
	}
	return out
}
