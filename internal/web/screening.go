package web

import (
	"context"

	"shouwang/internal/errs"
	"shouwang/internal/jobs"
	"shouwang/internal/ledger"
	"shouwang/internal/web/view"
)

// screeningJob is the kind of the job that screens what changed, or on a new day everybody. The server registers it with the queue.
const screeningJob = "screening.run"

// screeningArgs are its arguments: today, and only what changed.
type screeningArgs struct {
	AsOf string `json:"as_of"`
	Full bool   `json:"full"`
}

// screeningPage says what the last screening found and how far the one under way has come.
func (s *Server) screeningPage(v *visit) error {
	x := view.Screening{Tabs: s.dataTabs(v, "screening"), Jobs: s.config.Jobs != nil}
	last, err := s.app.Screening().Last(v.context())
	switch {
	case err == nil:
		x.Last = &last
	case errs.KindOf(err) != errs.NotFound:
		return err
	}
	if s.config.Jobs != nil {
		page, err := s.config.Jobs.List(v.context(), jobs.Filter{Kind: screeningJob, Limit: 1})
		if err != nil {
			return err
		}
		if len(page.Jobs) > 0 {
			x.Job = &page.Jobs[0]
		}
	}
	return s.show(v, view.ScreeningPage(s.frame(v, s.words.In(v.lang, "data.screening"), "data"), x))
}

// screen asks for a screening. One that waits or runs already is the one that was asked for.
func (s *Server) screen(v *visit) error {
	if s.config.Jobs == nil {
		return errs.New(errs.Unavailable, "这个服务没有后台任务，请在命令行运行 shouwang screen。", "this server has no jobs; run shouwang screen on the command line.")
	}
	err := s.app.Ledger.Write(v.context(), s.now(), func(ctx context.Context, tx *ledger.Tx) error {
		_, err := s.config.Jobs.Enqueue(ctx, tx, v.actor.Account, screeningJob, screeningArgs{})
		return err
	})
	if err != nil {
		return err
	}
	return v.redirect("/data/screening")
}
