package matching

import (
	"context"
	"slices"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/errs"
	"shouwang/internal/measure"
	"shouwang/internal/policy"
)

// ForCase makes the input of a proposal from a case: the risks recorded for it (with the level of the warning that found them, else the case's), its
// low-income classes as tags, and what its plan has already.
func (s *Service) ForCase(ctx context.Context, c *casework.Case, tags []casework.Tag, have []measure.Entry) (Household, error) {
	h, err := s.Household(ctx, c.HouseholdNo)
	if err != nil {
		return h, err
	}
	if len(c.Risks) > 0 {
		var open []Risk
		for _, r := range c.Risks {
			level := policy.Level(c.Level)
			if i := slices.IndexFunc(h.Risks, func(x Risk) bool { return x.Risk == r.Risk }); i >= 0 {
				level = h.Risks[i].Level
			}
			open = append(open, Risk{r.Risk, level})
		}
		h.Risks = open
	}
	// The classes of the civil-affairs layer, as casework's form names them; what it does not know the indicators tell.
	classes := map[string]string{"l1": "tekun", "l2": "dibao", "l3": "edge", "l4": "edge"}
	for _, t := range tags {
		if id := classes[t.Tag]; id != "" {
			h.Tags[id] = true
		}
	}
	for _, e := range have {
		h.Held = append(h.Held, Held{e.Option, e.Person})
	}
	return h, nil
}

// Case proposes measures for a case that the actor sees. Errors: errs.NotFound (out of scope, or never screened), errs.Refused.
func (s *Service) Case(ctx context.Context, actor account.Actor, cases *casework.Service, plans *measure.Service, c *casework.Case) (Proposal, error) {
	have, err := plans.Planned(ctx, actor, c.ID)
	if err != nil {
		return Proposal{}, err
	}
	d, err := cases.TagsOn(ctx, actor, c.Household, c.StateAt.Go())
	if err != nil {
		return Proposal{}, err
	}
	h, err := s.ForCase(ctx, c, d, have)
	if err != nil {
		return Proposal{}, err
	}
	return s.matcher.Propose(h), nil
}

// Suggestions are a proposal's measures for [measure.Service.Propose]: one a member where several get it, with equal shares of the amount.
func Suggestions(x Proposal) []measure.Suggestion {
	out := []measure.Suggestion{}
	for _, m := range x.Measures {
		var risks []string
		for _, r := range x.Risks {
			if slices.Contains(r.By, m.Measure) {
				risks = append(risks, r.Risk)
			}
		}
		why := slices.Clone(m.Why)
		for _, c := range m.Changes {
			why = append(why, c.Text)
		}
		persons := m.Persons
		if len(persons) == 0 {
			persons = []string{""}
		}
		share := m.Amount / int64(len(persons))
		for i, person := range persons {
			amount := share
			if i == 0 {
				amount += m.Amount - share*int64(len(persons))
			}
			out = append(out, measure.Suggestion{Entry: measure.Entry{Option: m.Measure, Person: person}, Risks: risks, Amount: amount, Why: why})
		}
	}
	return out
}

// Checker judges plans at entry by what the last run knows of the household; a household that was never screened has no findings.
func (s *Service) Checker() measure.Checker {
	return func(ctx context.Context, c *casework.Case, plan []measure.Entry) ([]measure.Finding, error) {
		h, err := s.ForCase(ctx, c, nil, nil)
		if errs.KindOf(err) == errs.NotFound {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		return s.matcher.CheckPlan(h, plan), nil
	}
}
