package report

import (
	"context"
	"strings"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/measure"
	"shouwang/internal/policy"
)

// MeasuresOf gives a desk the measures of a case's plan in words. Measures that were refused are not on papers; those that were stopped are, as such.
func MeasuresOf(pack *policy.Pack, plans *measure.Service) func(context.Context, account.Actor, string) ([]Measure, error) {
	return func(ctx context.Context, actor account.Actor, caseID string) ([]Measure, error) {
		plan, err := plans.Plan(ctx, actor, caseID)
		if errs.KindOf(err) == errs.NotFound {
			return nil, nil // the case was seen by this actor before: there is no plan yet
		}
		if err != nil {
			return nil, err
		}
		var out []Measure
		for i := range plan.Measures {
			if m := &plan.Measures[i]; m.State != measure.Refused {
				out = append(out, measureWords(pack, m))
			}
		}
		return out, nil
	}
}

func measureWords(pack *policy.Pack, m *measure.Measure) Measure {
	line := Measure{Block: m.Block, Option: m.Option, Owner: m.Department, Due: m.Deadline, Source: m.FundZH, Amount: float64(m.Amount) / 100, Done: civilDay(m.DeliveredAt)}
	for _, b := range pack.Measures.Blocks {
		if b.ID == m.Block {
			line.Block = b.Name.ZH
		}
	}
	for i := range pack.Measures.Options {
		if pack.Measures.Options[i].ID == m.Option {
			line.Option = pack.Measures.Options[i].Name.ZH
		}
	}
	var risks []string
	for _, id := range m.Risks {
		if r := pack.Risk(id); r != nil {
			id = r.Name.ZH
		}
		risks = append(risks, id)
	}
	line.For = strings.Join(risks, "、")
	if d := pack.Department(m.Department); d != nil {
		line.Owner = d.Name.ZH
	}
	line.State, _ = m.State.Title()
	return line
}

// civilDay is the day of a moment in China; "" for never.
func civilDay(t ledger.Time) string {
	if t == 0 {
		return ""
	}
	return casework.Civil(t.Go()).Format(time.DateOnly)
}
