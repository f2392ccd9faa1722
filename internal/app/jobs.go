package app

import (
	"context"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/jobs"
	"shouwang/internal/task"
)

// Jobs makes the queue of the ledger's jobs with the kinds that the program always has: deadlines, digests, and tidying. The caller registers what else
// there is, then starts and stops it; the server does. The folder must be open.
func (a *App) Jobs(ctx context.Context, now func() time.Time) (*jobs.Queue, error) {
	q, err := jobs.New(ctx, a.Ledger, now, a.Log)
	if err != nil {
		return nil, err
	}
	task.NewService(a.Ledger).Jobs(q)
	accounts := a.Accounts()
	jobs.Register(q, jobs.Kind{Name: "account.tidy", ZH: "清理过期登录", EN: "Tidy ended sessions", Single: true}, func(ctx context.Context, r *jobs.Run, _ struct{}) error {
		return accounts.Tidy(ctx, r.Now())
	})
	q.Every("account.tidy", time.Hour)
	if a.Pack.Workflow != nil {
		jobs.Register(q, jobs.Kind{Name: "effect.snapshot", ZH: "留存帮扶前后指标", EN: "Keep indicators before and after help", Single: true}, func(ctx context.Context, r *jobs.Run, _ struct{}) error {
			plans, err := a.Plans()
			if err != nil {
				return err
			}
			n, err := a.Matching().Snapshots(ctx, account.SystemActor("effect"), r.Now(), plans)
			if err != nil {
				return err
			}
			return r.Result(map[string]int{"snapshots": n})
		})
		q.Every("effect.snapshot", 6*time.Hour)
		jobs.Register(q, jobs.Kind{Name: "case.recount", ZH: "统计个案数", EN: "Count cases", Single: true}, func(ctx context.Context, r *jobs.Run, _ struct{}) error {
			cases, err := a.Casework()
			if err != nil {
				return err
			}
			_, err = cases.Recount(ctx, account.SystemActor("recount"), r.Now(), casework.TallyFrom)
			return err
		})
		q.Every("case.recount", 3*time.Minute)
	}
	jobs.Register(q, jobs.Kind{Name: TestJob, ZH: "测试政策修订", EN: "Test a policy amendment", Long: true, Attempts: 2}, func(ctx context.Context, r *jobs.Run, x TestArgs) error {
		report, err := a.TestAmendment(ctx, account.SystemActor("policy.test"), r.Now(), x.Amendment, func(done, total int64) {
			_ = r.Progress(ctx, done, total, "回测：全部农户各按两个政策包算一遍", "back-test: every household under both packs") // how far it is, is not worth failing for
		})
		if err != nil {
			return err
		}
		return r.Result(map[string]int{"examples": report.Examples, "failures": len(report.Failures)})
	})
	return q, nil
}

// TestJob is the kind of the job that tests an amendment.
const TestJob = "policy.test"

// TestArgs says which.
type TestArgs struct {
	Amendment string `json:"amendment"`
}
