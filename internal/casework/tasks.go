package casework

import (
	"context"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/division"
	"shouwang/internal/ledger"
	"shouwang/internal/task"
	"shouwang/internal/workflow"
)

// taskObject is what tasks of cases are filed under.
const taskObject = "casefile"

// todo is the task of the state that a case is in; ok is false for a state at rest. ownerOrg is the organisation of the case's owner: the task goes
// to that person where it is that organisation's.
func todo(m *workflow.Machine, c *Case, ownerOrg string) (n task.New, ok bool, err error) {
	since := workflow.Since{State: Civil(c.StateAt.Go()), Lead: Civil(c.LeadAt.Go()), Green: c.Green}
	if day, err := time.Parse(time.DateOnly, c.IdentifiedOn); err == nil {
		since.Identified = day
		if since.Lead.After(day) { // the clock began anew since, as when a clearing is rolled back: nothing is overdue for what was done then
			since.Identified = since.Lead
		}
	}
	due, ok, err := m.Due(c.State, since)
	if err != nil || !ok {
		return task.New{}, false, err
	}
	n = task.New{
		Object: taskObject, ObjectID: c.ID, Kind: c.State, ZH: due.Task.ZH, EN: due.Task.In("en"), Division: c.Division, Org: account.OrgFor(account.Role(due.Role), c.Division, ""),
		Urgent: c.Level, Due: due.On, Warn: due.Warn, Escalate: due.Escalate,
	}
	if c.Owner != "" && ownerOrg == n.Org {
		n.Account = c.Owner
	}
	return n, true, nil
}

// setTask closes the task of the state before and opens that of the state now. Where nothing has changed that a task hangs on, it stays as
// it is, with its pauses and whoever it was handed to.
func (s *Service) setTask(ctx context.Context, tx *ledger.Tx, m *workflow.Machine, c, was *Case, action string) error {
	if c.State == was.State && c.Division == was.Division && c.Owner == was.Owner && c.Green == was.Green && c.LeadAt == was.LeadAt && c.StateAt == was.StateAt {
		return nil
	}
	if _, err := task.Close(ctx, tx, taskObject, c.ID, action); err != nil {
		return err
	}
	org, err := s.orgOf(ctx, tx, c.Owner)
	if err != nil {
		return err
	}
	n, ok, err := todo(m, c, org)
	if err != nil || !ok {
		return err
	}
	_, err = task.Open(ctx, tx, n)
	return err
}

// orgOf is the organisation of a person; "" for nobody.
func (s *Service) orgOf(ctx context.Context, tx *ledger.Tx, owner string) (string, error) {
	if owner == "" {
		return "", nil
	}
	who, err := s.accounts.Get(ctx, tx, account.SystemActor("casework"), owner)
	return who.Org, err
}

// openTasks opens the tasks of many cases that have none.
func openTasks(ctx context.Context, tx *ledger.Tx, machine func(division.Code) *workflow.Machine, cases []*Case, orgs map[string]string) error {
	all := make([]task.New, 0, len(cases))
	for _, c := range cases {
		n, ok, err := todo(machine(c.Division), c, orgs[c.Owner])
		if err != nil {
			return err
		}
		if ok {
			all = append(all, n)
		}
	}
	return task.OpenAll(ctx, tx, all)
}

// renewTasks closes the tasks of many cases that have moved and opens the new ones. Of a case that keeps its owner the organisation is looked
// up once.
func (s *Service) renewTasks(ctx context.Context, tx *ledger.Tx, machine func(division.Code) *workflow.Machine, cases []*Case, orgs map[string]string, action string) error {
	ids := make([]string, len(cases))
	for i, c := range cases {
		ids[i] = c.ID
		if _, known := orgs[c.Owner]; !known && c.Owner != "" {
			org, err := s.orgOf(ctx, tx, c.Owner)
			if err != nil {
				return err
			}
			orgs[c.Owner] = org
		}
	}
	if _, err := task.CloseAll(ctx, tx, taskObject, ids, action); err != nil {
		return err
	}
	return openTasks(ctx, tx, machine, cases, orgs)
}
