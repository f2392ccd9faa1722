package screening

import (
	"cmp"
	"context"
	"math"
	"slices"

	"shouwang/internal/policy"
)

// Near is a value that is known, and which alone would bring a household a further warning if it passed its limit.
type Near struct {
	Rule   string
	Name   policy.Text // of the rule
	Risk   string
	Level  string
	Text   policy.Text // the comparison as it stands, with the distance
	Value  float64
	Limit  float64
	Margin float64 // value − limit
	Share  float64 // distance as a share of the limit; 0 = at the limit
}

// Nearest tells which known values of a household are nearest to a limit beyond which it would be warned of (of a risk that it is not warned of yet, or at a
// worse level), the nearest first, at most n, each comparison once. It stands on what the newest run left; what is unknown is not in it. Errors: errs.NotFound before the
// household was screened.
func (s *Service) Nearest(ctx context.Context, householdNo string, n int) ([]Near, error) {
	c, err := s.w.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	d, err := s.stored(ctx, c, householdNo)
	if err != nil {
		return nil, err
	}
	p := d.q.pack
	worst := map[string]policy.Level{}
	for i := range p.Rules {
		r := &p.Rules[i]
		if w, m := ruleBit(i); d.hits[w]&m != 0 && r.Class != policy.ClassDoubt {
			worst[r.Risk] = max(worst[r.Risk], r.Level)
		}
	}
	var out []Near
	for i := range p.Rules {
		r := &p.Rules[i]
		if r.Class == policy.ClassDoubt || r.Level <= worst[r.Risk] {
			continue
		}
		x := r.When.Explain(d.env)
		if outcomeOf(x.Outcome) != policy.Clear || len(x.Reasons) != 1 {
			continue // several values hold it back, or it cannot be told
		}
		reason := x.Reasons[0]
		limit := false
		for _, v := range reason.Vars {
			limit = limit || v.Slot >= len(p.Indicators) && v.Slot < len(p.Indicators)+len(p.Parameters)
		}
		if !limit || !reason.Decisive || !reason.Left.Known || !reason.Right.Known || math.IsNaN(reason.Margin) || reason.Right.Num == 0 {
			continue
		}
		out = append(out, Near{Rule: r.ID, Name: r.Name, Risk: r.Risk, Level: r.Level.String(), Text: policy.Text{ZH: reason.Words("zh"), EN: reason.Words("en")},
			Value: reason.Left.Num, Limit: reason.Right.Num, Margin: reason.Margin, Share: math.Abs(reason.Margin / reason.Right.Num)})
	}
	slices.SortStableFunc(out, func(a, b Near) int { return cmp.Compare(a.Share, b.Share) })
	seen := map[string]bool{}
	out = slices.DeleteFunc(out, func(x Near) bool {
		again := seen[x.Text.ZH]
		seen[x.Text.ZH] = true
		return again
	})
	return out[:min(n, len(out))], nil
}
