package api

import (
	"context"

	"shouwang/internal/account"
	"shouwang/internal/ledger"
	"shouwang/internal/task"
)

// TaskFilter chooses open tasks.
type TaskFilter struct {
	Division string `query:"division" maxLength:"12" doc:"Only this division and what is under it; default the caller's own"`
	State    string `query:"state" enum:"overdue,soon,paused,in_time" doc:"Only in this state"`
	Kind     string `query:"kind" maxLength:"60" doc:"Only of this state or step of a case"`
	Org      string `query:"org" maxLength:"60" doc:"Only of this organisation"`
	Account  string `query:"account" maxLength:"60" doc:"Only of this person"`
	Urgent   int    `query:"urgent" minimum:"0" maximum:"3" doc:"At least this urgent: 3 red, 2 yellow, 1 blue"`
}

type tasksInput struct {
	TaskFilter
	Paging
}

type tasksOutput struct{ Body task.Page }

type lister func(context.Context, *ledger.Tx, account.Actor, task.Filter) (task.Page, error)

// tasksBy makes the operation of a list of tasks.
func (s *Server) tasksBy(list lister) handle[tasksInput, tasksOutput] {
	return func(ctx context.Context, who account.Actor, in *tasksInput) (*tasksOutput, error) {
		f := task.Filter{State: in.State, Kind: in.Kind, Org: in.Org, Account: in.Account, Urgent: in.Urgent, After: in.After, Limit: in.Limit}
		if in.Division != "" {
			var err error
			if f.Under, err = s.area(who, in.Division); err != nil {
				return nil, err
			}
		}
		out := &tasksOutput{}
		err := s.app.Ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) (err error) {
			out.Body, err = list(ctx, tx, who, f)
			return err
		})
		if out.Body.Tasks == nil {
			out.Body.Tasks = []task.Task{}
		}
		return out, err
	}
}

type taskCountsOutput struct {
	Body struct {
		Counts []task.Count `json:"counts" doc:"By organisation, those with most overdue first"`
	}
}

func (s *Server) taskCounts(ctx context.Context, who account.Actor, in *divisionInput) (*taskCountsOutput, error) {
	code, err := s.area(who, in.Division)
	if err != nil {
		return nil, err
	}
	out := &taskCountsOutput{}
	out.Body.Counts = []task.Count{}
	return out, s.app.Ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		found, err := task.Counts(ctx, tx, who, code)
		out.Body.Counts = append(out.Body.Counts, found...)
		return err
	})
}

type digestOutput struct {
	Body struct {
		Digest *task.Digest `json:"digest" doc:"One's own latest; null when there is none yet"`
	}
}

func (s *Server) digest(ctx context.Context, who account.Actor, _ *struct{}) (*digestOutput, error) {
	out := &digestOutput{}
	return out, s.app.Ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		d, ok, err := task.Newest(ctx, tx, who)
		if ok {
			out.Body.Digest = &d
		}
		return err
	})
}

// TaskPath names a task.
type TaskPath struct {
	ID string `path:"task" minLength:"1" maxLength:"60" doc:"Id of the task"`
}

type taskOutput struct {
	ETag string `header:"ETag" doc:"Version, for If-Match"`
	Body task.Task
}

type assignTaskInput struct {
	TaskPath
	IfMatch
	Body struct {
		Account string `json:"account" maxLength:"60" doc:"Id of the person; empty: back to anybody of the organisation"`
	}
}

// changeTask runs one change of a task that was read at a version.
func (s *Server) changeTask(ctx context.Context, m IfMatch, fn func(ctx context.Context, tx *ledger.Tx, version int64) (task.Task, error)) (*taskOutput, error) {
	version, err := m.version()
	if err != nil {
		return nil, err
	}
	out := &taskOutput{}
	err = s.app.Ledger.Write(ctx, s.now(), func(ctx context.Context, tx *ledger.Tx) (err error) {
		out.Body, err = fn(ctx, tx, version)
		return err
	})
	out.ETag = etag(out.Body.Version)
	return out, err
}

func (s *Server) assignTask(ctx context.Context, who account.Actor, in *assignTaskInput) (*taskOutput, error) {
	return s.changeTask(ctx, in.IfMatch, func(ctx context.Context, tx *ledger.Tx, version int64) (task.Task, error) {
		return task.Assign(ctx, tx, who, in.ID, version, in.Body.Account)
	})
}

type pauseTaskInput struct {
	TaskPath
	IfMatch
	Body struct {
		Reason string `json:"reason" minLength:"2" maxLength:"200" doc:"Why the clock stops"`
	}
}

func (s *Server) pauseTask(ctx context.Context, who account.Actor, in *pauseTaskInput) (*taskOutput, error) {
	if _, err := reasonFor("body.reason", in.Body.Reason); err != nil {
		return nil, err
	}
	return s.changeTask(ctx, in.IfMatch, func(ctx context.Context, tx *ledger.Tx, version int64) (task.Task, error) {
		return task.Pause(ctx, tx, who, in.ID, version, in.Body.Reason)
	})
}

type resumeTaskInput struct {
	TaskPath
	IfMatch
}

func (s *Server) resumeTask(ctx context.Context, who account.Actor, in *resumeTaskInput) (*taskOutput, error) {
	return s.changeTask(ctx, in.IfMatch, func(ctx context.Context, tx *ledger.Tx, version int64) (task.Task, error) {
		return task.Resume(ctx, tx, who, in.ID, version)
	})
}
