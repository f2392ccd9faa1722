package casework

import (
	"context"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/division"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/task"
	"shouwang/internal/workflow"
)

// What stands here is for packages above that make several steps of one case in one transaction, such as a visit that was made off line: all of it
// counts, or none. The door is the same: scope, role, state, form and guards.

// Indicators are the household's indicators as [Service.ActWith] wants them. They are asked for before the transaction, because the batch road must
// not be waited for inside one.
func (s *Service) Indicators(ctx context.Context, household int64) (workflow.Facts, error) {
	if s.hooks.Indicators == nil {
		return nil, nil
	}
	return s.hooks.Indicators(ctx, household)
}

// LiveIn gives the household's case that is not closed, in the actor's scope; account.NotThere when there is none. It needs account.CaseRead.
func (s *Service) LiveIn(ctx context.Context, tx *ledger.Tx, actor account.Actor, household int64) (*Case, error) {
	if err := actor.May(account.CaseRead); err != nil {
		return nil, err
	}
	c := new(Case)
	err := visible(tx.NewSelect().Model(c).Where("c.open_key = ?", openKey(household)), actor).Scan(ctx)
	if ledger.Missing(err) {
		return nil, account.NotThere()
	}
	return c, err
}

// StepsIn are the steps of a case, personal content of their forms masked.
func (s *Service) StepsIn(ctx context.Context, tx *ledger.Tx, c *Case) ([]Step, error) {
	list, err := s.steps(ctx, tx, c.ID)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].Data, err = s.openForm(&list[i], false); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// ActWith is [Service.Act] inside a transaction of a package above, with what [Service.Indicators] gave. A refusal leaves nothing behind in the
// transaction when it comes from scope, role, version, state, form or guards.
func (s *Service) ActWith(ctx context.Context, tx *ledger.Tx, actor account.Actor, a Act, indicators workflow.Facts) (Acted, error) {
	return s.act(ctx, tx, actor, a, indicators)
}

// ReceiveIn is [Service.Receive] of a few signals inside a transaction of a package above.
func (s *Service) ReceiveIn(ctx context.Context, tx *ledger.Tx, actor account.Actor, signals []Signal) (Received, error) {
	if err := s.mayReceive(actor, signals); err != nil {
		return Received{}, err
	}
	return s.receive(ctx, tx, actor, signals)
}

// Carried is what somebody on the way takes along of a case.
type Carried struct {
	Case   Case
	Task   *task.Task     // the open one; nil at rest
	Facts  workflow.Facts // what guards see today
	Visits []CarriedVisit // of the case, the newest first
}

// CarriedVisit is a visit with its form, personal content masked.
type CarriedVisit struct {
	VisitRow
	Form Document
}

// maxCarried is the most live cases that are carried: more than a village has households.
const maxCarried = 2000

// Carry gives the live cases under a division with all that a visit needs, the most urgent first. It reads once for all: indicators are given by
// household, nil for what is not known. It needs account.CaseRead.
func (s *Service) Carry(ctx context.Context, actor account.Actor, now time.Time, under division.Code, indicators map[int64]workflow.Facts) ([]Carried, error) {
	if err := actor.May(account.CaseRead); err != nil {
		return nil, err
	}
	if err := actor.Sees(under); err != nil {
		return nil, err
	}
	var out []Carried
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		lo, hi := under.Range()
		var cases []Case
		err := visible(tx.NewSelect().Model(&cases), actor).Where("c.division BETWEEN ? AND ?", lo, hi).Where("c.open_key IS NOT NULL").OrderExpr("c.rank + 0, c.id").Limit(maxCarried).Scan(ctx)
		if err != nil {
			return err
		}
		steps, err := s.stepsUnder(ctx, tx, lo, hi)
		if err != nil {
			return err
		}
		tasks, err := openTasksUnder(ctx, tx, lo, hi)
		if err != nil {
			return err
		}
		out = make([]Carried, 0, len(cases))
		machines := map[division.Code]*workflow.Machine{}
		for i := range cases {
			c := &cases[i]
			m := machines[c.Division]
			if m == nil {
				m = s.Machine(c.Division, now)
				machines[c.Division] = m
			}
			one := Carried{Case: *c, Task: tasks[c.ID]}
			if one.Facts, err = s.facts(ctx, tx, m, c, steps[c.ID], indicators[c.Household], nil, nil); err != nil {
				return err
			}
			out = append(out, one)
		}
		return s.carryVisits(ctx, tx, lo, hi, steps, out)
	})
	return out, err
}

// stepsUnder are the steps of all live cases of an area, by case.
func (s *Service) stepsUnder(ctx context.Context, tx *ledger.Tx, lo, hi int64) (map[string][]Step, error) {
	var list []Step
	err := tx.NewSelect().Model(&list).Join("JOIN casefile AS c ON c.id = s.case_id").Where("c.division BETWEEN ? AND ?", lo, hi).Where("c.open_key IS NOT NULL").Order("s.case_id", "s.seq").Scan(ctx)
	out := map[string][]Step{}
	for i := range list {
		out[list[i].CaseID] = append(out[list[i].CaseID], list[i])
	}
	return out, err
}

func openTasksUnder(ctx context.Context, tx *ledger.Tx, lo, hi int64) (map[string]*task.Task, error) {
	var list []task.Task
	err := tx.NewSelect().Model(&list).Where("t.object = ?", taskObject).Where("t.division BETWEEN ? AND ?", lo, hi).Where("t.closed IS NULL").Scan(ctx)
	out := map[string]*task.Task{}
	for i := range list {
		out[list[i].ObjectID] = &list[i]
	}
	return out, err
}

// carryVisits adds the visits of each case, the newest first.
func (s *Service) carryVisits(ctx context.Context, tx *ledger.Tx, lo, hi int64, steps map[string][]Step, out []Carried) error {
	var rows []VisitRow
	if err := tx.NewSelect().Model(&rows).Where("division BETWEEN ? AND ?", lo, hi).Order("at DESC", "id DESC").Scan(ctx); err != nil {
		return err
	}
	of := map[string][]VisitRow{}
	for _, r := range rows {
		of[r.CaseID] = append(of[r.CaseID], r)
	}
	for i := range out {
		forms := map[string]*Step{}
		list := steps[out[i].Case.ID]
		for j := range list {
			forms[list[j].ID] = &list[j]
		}
		for _, r := range of[out[i].Case.ID] {
			v := CarriedVisit{VisitRow: r, Form: "{}"}
			if st := forms[r.ID]; st != nil {
				form, err := s.openForm(st, false)
				if err != nil {
					return err
				}
				v.Form = form
			}
			out[i].Visits = append(out[i].Visits, v)
		}
	}
	return nil
}

// VisitAction is the action of a workflow that records a visit; nil when it has none.
func VisitAction(w *policy.Workflow) *policy.Action {
	for i := range w.Actions {
		if w.Actions[i].DoesIt("visit") {
			return &w.Actions[i]
		}
	}
	return nil
}
