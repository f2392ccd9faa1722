package app

import (
	"context"
	"time"

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
	return q, nil
}
