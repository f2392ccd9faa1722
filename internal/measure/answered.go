package measure

import (
	"context"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/division"
	"shouwang/internal/ledger"
)

// Answered lists the orders in the actor's scope that a department has accepted, rejected or done since a time, the newest first, at most limit. Above a county there is
// none: its answers are the county's. Reasons are left sealed. It needs account.OrderRead.
func (s *Service) Answered(ctx context.Context, actor account.Actor, since time.Time, limit int) ([]Order, error) {
	if err := actor.May(account.OrderRead); err != nil {
		return nil, err
	}
	list := []Order{}
	if bound(actor) != "" || actor.Division.Level() < division.County {
		return list, nil
	}
	at := ledger.At(since)
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		where, args := actor.Scope("o.division")
		return tx.NewSelect().Model(&list).ColumnExpr("o.*").ColumnExpr("m.option_id, m.person, m.deadline, m.amount").Join("JOIN measure AS m ON m.id = o.measure_id").Where(where, args...).
			Where("o.state IN ('accepted', 'rejected', 'done')").Where("(o.answered_at >= ? OR o.done_at >= ?)", at, at).
			OrderExpr("coalesce(o.done_at, o.answered_at) DESC, o.id").Limit(int64(limit)).Scan(ctx)
	})
	return list, err
}
