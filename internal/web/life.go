package web

import (
	"context"
	"slices"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/errs"
	"shouwang/internal/housecode"
	"shouwang/internal/ledger"
	"shouwang/internal/measure"
	"shouwang/internal/policy"
	"shouwang/internal/web/view"
)

// How much of a household's life its page shows.
const (
	casesShown   = 3
	nearShown    = 3
	periodsShown = 8
)

// incomeKinds are the indicators whose course the household's page shows, and lineID the parameter that they are held against.
func incomeKinds() []string {
	return []string{"wage_income", "business_income", "property_income", "transfer_income", "business_cost"}
}

const lineID = "line"

// life fills in what is near, how incomes went and what people did, as known now or on the day of the run that the page shows.
func (s *Server) life(v *visit, h *view.Household) error {
	var err error
	past := h.RunShown > 0 && h.RunShown != h.Run
	if h.Run > 0 {
		if !past {
			if h.Life.Near, err = s.app.Screening().Nearest(v.context(), h.No, nearShown); err != nil {
				return err
			}
		}
		if !slices.ContainsFunc(incomeKinds(), func(id string) bool { return s.app.Pack.Indicator(id) == nil }) {
			course, err := s.app.Screening().Series(v.context(), h.No, h.RunShown, incomeKinds(), lineID, periodsShown)
			if err != nil {
				return err
			}
			h.Life.Incomes = &course
		}
	}
	if past {
		h.Life.Day = h.Explained.AsOf
	}
	if !v.may(account.CaseRead) || s.app.Pack.Workflow == nil {
		return nil
	}
	h.Life.MaySee = true
	if err := s.lifeCases(v, h); err != nil {
		return err
	}
	return s.lifeCode(v, h)
}

// lifeCases reads the household's cases, the newest first.
func (s *Server) lifeCases(v *visit, h *view.Household) error {
	cases, err := s.app.Casework()
	if err != nil {
		return err
	}
	page, err := cases.List(v.context(), v.actor, s.now(), casework.Filter{Household: h.ID}, "", 100)
	if err != nil {
		return err
	}
	list := slices.DeleteFunc(page.Cases, func(c casework.Case) bool { return h.Life.Day != "" && dayOf(c.OpenedAt) > h.Life.Day })
	slices.SortFunc(list, func(a, b casework.Case) int { return int(b.OpenedAt - a.OpenedAt) })
	h.Life.More = max(0, len(list)-casesShown)
	for _, c := range list[:min(len(list), casesShown)] {
		one, err := s.lifeCase(v, cases, c.ID, h.Life.Day)
		if err != nil {
			return err
		}
		h.Life.Cases = append(h.Life.Cases, one)
	}
	return nil
}

// dayOf is the civil day of a moment.
func dayOf(t ledger.Time) string { return casework.Civil(t.Go()).Format(time.DateOnly) }

// lifeCase is one case up to a day; "" = now.
func (s *Server) lifeCase(v *visit, cases *casework.Service, id, until string) (view.LifeCase, error) {
	d, err := cases.Dossier(v.context(), v.actor, s.now(), id, "")
	if err != nil {
		return view.LifeCase{}, err
	}
	flow := s.app.Pack.Workflow.In(int64(d.Case.Division), casework.Civil(s.now()))
	c := view.LifeCase{ID: id, Level: d.Case.Level, Since: dayOf(d.Case.LeadAt), Green: d.Case.Green, Open: d.Case.ClosedAt == 0, State: stateName(flow, d.Case.State)}
	c.Channel.ZH, c.Channel.EN = d.Case.Channel.Title()
	for _, visit := range d.Visits {
		if until == "" || visit.VisitedOn <= until {
			c.Visits++
		}
	}
	for _, step := range d.Steps {
		day := dayOf(step.At)
		if until != "" && day > until {
			break
		}
		e := view.LifeEvent{Day: day, What: actionName(flow, step), Who: s.orgName(v, step.Org)}
		if step.ToState != step.FromState {
			e.Where = stateName(flow, step.ToState)
		}
		for _, f := range step.Flags {
			if g := flow.Guard(f); g != nil {
				e.Flags = append(e.Flags, g.Wording)
			}
		}
		c.State = stateName(flow, step.ToState)
		c.Events = append(c.Events, e)
	}
	for _, t := range d.Tasks {
		if t.Closed == 0 && until == "" {
			c.Task, c.Due = policy.Text{ZH: t.ZH, EN: t.EN}, dayOf(t.Due-1) // due is the end of the last day
			c.Overdue = t.Due.Go().Before(s.now())
		}
	}
	return c, s.lifeMeasures(v, id, until, &c)
}

// lifeMeasures are the measures of the case's plan, as they were by the end of a day.
func (s *Server) lifeMeasures(v *visit, id, until string, c *view.LifeCase) error {
	if !v.may(account.PlanRead) {
		return nil
	}
	plans, err := s.app.Plans()
	if err != nil {
		return err
	}
	plan, err := plans.Plan(v.context(), v.actor, id)
	if errs.KindOf(err) == errs.NotFound {
		return nil // nobody has made one
	}
	if err != nil {
		return err
	}
	for _, m := range plan.Measures {
		state := m.State
		if until != "" {
			state = ""
			for _, step := range m.Steps {
				if dayOf(step.At) <= until {
					state = step.To
				}
			}
		}
		if state == "" {
			continue // it was not there yet
		}
		one := view.LifeMeasure{Name: policy.Text{ZH: m.Option, EN: m.Option}, Done: state.Done(), Gone: state == measure.Refused || state == measure.Stopped, Deadline: m.Deadline, Fen: m.Amount}
		if known := s.app.Pack.Measure(m.Option); known != nil {
			one.Name = known.Name
		}
		one.State.ZH, one.State.EN = state.Title()
		if dep := s.app.Pack.Department(m.Department); dep != nil {
			one.Department = dep.Name
		}
		c.Measures = append(c.Measures, one)
	}
	return nil
}

// lifeCode finds the household's active code.
func (s *Server) lifeCode(v *visit, h *view.Household) error {
	if !v.may(account.CodeRead) {
		return nil
	}
	return s.app.Ledger.Read(v.context(), func(ctx context.Context, tx *ledger.Tx) error {
		list, err := s.codes.OfHousehold(ctx, tx, v.actor, h.ID)
		for i := range list {
			if list[i].State == housecode.Active {
				h.Life.Code = &list[i]
			}
		}
		return err
	})
}

func stateName(flow *policy.Workflow, id string) policy.Text {
	if st := flow.State(id); st != nil {
		return st.Name
	}
	return policy.Text{ZH: id, EN: id}
}

// actionName is what a step did. What the program does itself is no action of the pack.
func actionName(flow *policy.Workflow, step casework.Step) policy.Text {
	if a := flow.Action(step.Action); a != nil {
		return a.Name
	}
	if step.Seq == 1 {
		return policy.Text{ZH: "发现线索", EN: "Lead found"}
	}
	return policy.Text{ZH: "系统登记", EN: "Recorded by the system"}
}
