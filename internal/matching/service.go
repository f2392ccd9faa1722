package matching

import (
	"context"

	"shouwang/internal/division"
	"shouwang/internal/policy"
	"shouwang/internal/screening"
)

// Service proposes measures from what the last run and the register know.
type Service struct {
	screening *screening.Service
	matcher   *Matcher
	pack      *policy.Pack
}

// NewService makes the pipeline.
func NewService(s *screening.Service, p *policy.Pack) *Service {
	return &Service{screening: s, matcher: New(p), pack: p}
}

// Matcher is the pure core, for callers that have a household's facts already.
func (s *Service) Matcher() *Matcher { return s.matcher }

// FromState makes the input of a proposal from a household's state: every warning is an open risk, and the household counts as a
// monitored one, because measures are given after identification.
func FromState(st screening.State) Household {
	h := Household{No: st.HouseholdNo, Division: st.Division, Day: st.AsOf, Row: st.Row, Tags: map[string]bool{"monitored": true}}
	for _, w := range st.Warnings {
		h.Risks = append(h.Risks, Risk{w.Risk, w.Level})
	}
	for _, m := range st.Persons {
		h.Members = append(h.Members, Member(m))
	}
	return h
}

// Household reads one household as the last run left it. Errors: errs.NotFound, errs.Conflict (screened with another pack).
func (s *Service) Household(ctx context.Context, no string) (Household, error) {
	var h Household
	err := s.screening.States(ctx, screening.StateFilter{Numbers: []string{no}}, func(st screening.State) error {
		h = FromState(st)
		return nil
	})
	return h, err
}

// Propose proposes measures for one household from its warnings as they stand.
func (s *Service) Propose(ctx context.Context, no string) (Proposal, error) {
	h, err := s.Household(ctx, no)
	if err != nil {
		return Proposal{}, err
	}
	return s.matcher.Propose(h), nil
}

// ProposeAll proposes measures for every household of a division that has a warning, sharing limited places.
func (s *Service) ProposeAll(ctx context.Context, d division.Code, places []Places) (Allocation, error) {
	var homes []Household
	err := s.screening.States(ctx, screening.StateFilter{Division: d}, func(st screening.State) error {
		homes = append(homes, FromState(st))
		return nil
	})
	if err != nil {
		return Allocation{}, err
	}
	return s.matcher.ProposeAll(ctx, homes, places)
}
