package app

import (
	"context"
	"os"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/dispatch"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
)

// Dispatch is the way from warnings to leads and back.
func (a *App) Dispatch() (*dispatch.Service, error) {
	cases, err := a.Casework()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(a.Config.Temp(), 0o700); err != nil {
		return nil, errs.Wrap(errs.Unavailable, err, "无法建立临时文件夹", "cannot make the folder for temporary files")
	}
	plans, err := a.Plans()
	if err != nil {
		return nil, err
	}
	// given are the measures whose delivery was verified: what is only reported may still be sent back.
	given := func(ctx context.Context, actor account.Actor, after ledger.Time, afterID string, limit int) ([]dispatch.Delivery, error) {
		list, err := plans.VerifiedSince(ctx, actor, after, afterID, limit)
		out := make([]dispatch.Delivery, len(list))
		for i, m := range list {
			out[i] = dispatch.Delivery{ID: m.ID, At: m.VerifiedAt, HouseholdNo: m.HouseholdNo, Division: m.Division, Block: m.Block, Development: m.Nature == string(policy.Development), Fen: m.Amount,
				Day: casework.Civil(m.DeliveredAt.Go()).Format(time.DateOnly)}
			if len(m.Risks) == 1 {
				out[i].Risk = m.Risks[0]
			}
		}
		return out, err
	}
	return dispatch.New(a.Screening(), a.Intake(), cases, given, a.Ledger, a.Pack, a.Config.Temp(), a.Log), nil
}
