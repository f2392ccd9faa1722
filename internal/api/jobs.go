package api

import (
	"context"
	"slices"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/jobs"
	"shouwang/internal/ledger"
	"shouwang/internal/screening"
)

// Long work that people start here is a job of the ledger's queue, done in the name of who asked for it.

type screeningJob struct {
	AsOf string `json:"as_of"`
	Full bool   `json:"full"`
}

type sendJob struct {
	Actor    account.Actor `json:"actor"`
	Division division.Code `json:"division"`
	Level    string        `json:"level"`
}

type bulkJob struct {
	Actor  account.Actor            `json:"actor"`
	Action string                   `json:"action"`
	Filter casework.Filter          `json:"filter"`
	Owners map[division.Code]string `json:"owners"`
}

const (
	jobScreen = "screening.run"
	jobSend   = "dispatch.send"
	jobFeed   = "dispatch.feed"
	jobBulk   = "case.act_all"
)

// register adds the kinds of jobs that this interface starts.
func (s *Server) register(q *jobs.Queue) {
	jobs.Register(q, jobs.Kind{Name: jobScreen, ZH: "筛查农户", EN: "Screen households", Long: true, Single: true, Attempts: 3}, func(ctx context.Context, r *jobs.Run, a screeningJob) error {
		asOf := day(r.Now())
		if a.AsOf != "" {
			var err error
			if asOf, err = time.Parse(time.DateOnly, a.AsOf); err != nil {
				return errs.New(errs.Invalid, "筛查日期不对", "the screening day is wrong")
			}
		}
		release, err := s.app.Batch(ctx)
		if err != nil {
			return err
		}
		defer release()
		// Progress is told from the run's own goroutines; what it says counts for whoever watches, not for the work.
		sum, err := s.app.Screening().Run(ctx, screening.Options{AsOf: asOf, Now: r.Now(), Full: a.Full, Progress: func(done, total int64) { _ = r.Progress(ctx, done, total, "筛查", "screening") }})
		if err != nil {
			return err
		}
		return r.Result(map[string]any{"run": sum.Run, "kind": sum.Kind, "households": sum.Households, "warned": sum.Warned})
	})
	jobs.Register(q, jobs.Kind{Name: jobSend, ZH: "派发线索", EN: "Dispatch leads", Long: true, Single: true}, func(ctx context.Context, r *jobs.Run, a sendJob) error {
		d, err := s.app.Dispatch()
		if err != nil {
			return err
		}
		sent, err := d.Send(ctx, a.Actor, r.Now(), screening.SignalFilter{Division: a.Division, Level: levelOf(a.Level)}, func(n int) { _ = r.Progress(ctx, int64(n), 0, "派发", "dispatching") })
		if err != nil {
			return err
		}
		return r.Result(sent)
	})
	// What people did goes back to the warehouse every day, as any department's data do.
	jobs.Register(q, jobs.Kind{Name: jobFeed, ZH: "个案结果回流", EN: "Outcomes back to the warehouse", Long: true, Single: true}, func(ctx context.Context, r *jobs.Run, _ struct{}) error {
		d, err := s.app.Dispatch()
		if err != nil {
			return err
		}
		release, err := s.app.Batch(ctx)
		if err != nil {
			return err
		}
		defer release()
		fed, err := d.Feed(ctx, account.SystemActor("feed"), r.Now())
		if err != nil {
			return err
		}
		return r.Result(fed)
	})
	q.Every(jobFeed, 24*time.Hour)
	jobs.Register(q, jobs.Kind{Name: jobBulk, ZH: "批量办理", EN: "Act on many cases", Long: true}, func(ctx context.Context, r *jobs.Run, a bulkJob) error {
		n, err := s.cases.ActAll(ctx, a.Actor, r.Now(), a.Action, a.Filter, a.Owners, func(n int) { _ = r.Progress(ctx, int64(n), 0, "办理", "acting") })
		if err != nil {
			return err
		}
		return r.Result(map[string]int{"cases": n})
	})
}

type startedOutput struct {
	Body struct {
		Job int64 `json:"job" doc:"Number of the job"`
	}
}

// start queues a job in one transaction with its key, so that a request that is sent twice starts one.
func (s *Server) start(ctx context.Context, who account.Actor, key, kind string, args any) (*startedOutput, error) {
	if s.queue == nil {
		return nil, errs.New(errs.Unavailable, "后台任务没有启动", "no jobs are run here")
	}
	out := &startedOutput{}
	err := s.app.Ledger.Write(ctx, s.now(), func(ctx context.Context, tx *ledger.Tx) error {
		request := map[string]any{"kind": kind, "args": args}
		if done, err := tx.Once(ctx, who.Account, key, request, &out.Body); err != nil || done {
			return err
		}
		id, err := s.queue.Enqueue(ctx, tx, who.Account, kind, args)
		if err != nil {
			return err
		}
		out.Body.Job = id
		if key == "" {
			return nil
		}
		return tx.Remember(ctx, who.Account, key, request, out.Body)
	})
	return out, err
}

type screenInput struct {
	Once
	Body struct {
		AsOf string `json:"as_of,omitempty" format:"date" doc:"Screening day; default today"`
		Full bool   `json:"full,omitempty" doc:"Screen everybody even when only a few households changed"`
	}
}

func (s *Server) screen(ctx context.Context, who account.Actor, in *screenInput) (*startedOutput, error) {
	return s.start(ctx, who, in.Key, jobScreen, screeningJob{in.Body.AsOf, in.Body.Full})
}

type dispatchInput struct {
	Once
	Body struct {
		Division string `json:"division,omitempty" maxLength:"12" doc:"Only warnings of this division and what is under it; default the caller's own"`
		Level    string `json:"level,omitempty" enum:"red,yellow,blue" doc:"This level and worse; default all"`
	}
}

func (s *Server) dispatch(ctx context.Context, who account.Actor, in *dispatchInput) (*startedOutput, error) {
	code, err := s.area(who, in.Body.Division)
	if err != nil {
		return nil, err
	}
	return s.start(ctx, who, in.Key, jobSend, sendJob{who, code, in.Body.Level})
}

type bulkInput struct {
	Once
	CaseFilter
	Action string `path:"action" minLength:"1" maxLength:"60" doc:"Id of an action that needs no form and has no guards"`
	Body   struct {
		Owners map[string]string `json:"owners,omitempty" maxProperties:"20000" doc:"Village code → account that its cases go to; others go to the village's organisation"`
	}
}

func (s *Server) actAll(ctx context.Context, who account.Actor, in *bulkInput) (*startedOutput, error) {
	if who.May(account.DispatchRun) != nil {
		if err := who.May(account.CaseAssign); err != nil {
			return nil, err
		}
	}
	f, err := s.caseFilter(ctx, who, in.CaseFilter)
	if err != nil {
		return nil, err
	}
	owners := map[division.Code]string{}
	for text, to := range in.Body.Owners {
		code, err := s.area(who, text)
		if err != nil {
			return nil, err
		}
		owners[code] = to
	}
	return s.start(ctx, who, in.Key, jobBulk, bulkJob{who, in.Action, f, owners})
}

// Looking at jobs.

type jobsInput struct {
	Kind   string `query:"kind" maxLength:"60" doc:"Only of this kind"`
	State  string `query:"state" enum:"waiting,running,done,failed,cancelled" doc:"Only in this state"`
	Before int64  `query:"before" minimum:"0" doc:"The 'next' of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"At most so many"`
}

type jobsOutput struct{ Body jobs.Page }

// seesJob: one's own; those who look after the machine see all, but not what a job about households gave back.
func seesJob(who account.Actor, j *jobs.Job) bool {
	if j.Actor == who.Account {
		return true
	}
	if slices.ContainsFunc([]account.Role{account.Admin, account.Auditor, account.Province}, who.Has) {
		j.Result = nil
		return true
	}
	return false
}

func (s *Server) listJobs(ctx context.Context, who account.Actor, in *jobsInput) (*jobsOutput, error) {
	if s.queue == nil {
		return nil, errs.New(errs.Unavailable, "后台任务没有启动", "no jobs are run here")
	}
	p, err := s.queue.List(ctx, jobs.Filter{Kind: in.Kind, State: in.State, Before: in.Before, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	out := &jobsOutput{}
	out.Body.Next, out.Body.Jobs = p.Next, []jobs.Job{}
	for i := range p.Jobs {
		if seesJob(who, &p.Jobs[i]) {
			out.Body.Jobs = append(out.Body.Jobs, p.Jobs[i])
		}
	}
	return out, nil
}

type jobInput struct {
	ID int64 `path:"job" minimum:"1" doc:"Number of the job"`
}

type jobOutput struct{ Body jobs.Job }

func (s *Server) getJob(ctx context.Context, who account.Actor, in *jobInput) (*jobOutput, error) {
	if s.queue == nil {
		return nil, errs.New(errs.Unavailable, "后台任务没有启动", "no jobs are run here")
	}
	j, err := s.queue.Get(ctx, in.ID)
	if errs.KindOf(err) == errs.NotFound || err == nil && !seesJob(who, &j) {
		return nil, account.NotThere()
	}
	return &jobOutput{Body: j}, err
}

func (s *Server) cancelJob(ctx context.Context, who account.Actor, in *jobInput) (*empty, error) {
	if _, err := s.getJob(ctx, who, in); err != nil {
		return nil, err
	}
	return &empty{}, s.queue.Cancel(ctx, in.ID)
}
