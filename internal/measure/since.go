package measure

import (
	"context"

	"shouwang/internal/account"
	"shouwang/internal/ledger"
)

// Given is a verified measure with its household's number, for the way back to the batch road.
type Given struct {
	Measure
	HouseholdNo string `json:"household_no"`
}

// VerifiedSince gives measures whose delivery was verified after a cursor (time and id of the last one read; zero to begin), in the order of verification. What is
// only reported may still be sent back, so it is not told. It needs account.DispatchRun.
func (s *Service) VerifiedSince(ctx context.Context, actor account.Actor, after ledger.Time, afterID string, limit int) ([]Given, error) {
	if err := actor.May(account.DispatchRun); err != nil {
		return nil, err
	}
	list := []Given{}
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		where, args := actor.Scope("m.division")
		return tx.NewSelect().TableExpr("measure AS m").Join("JOIN casefile AS c ON c.id = m.case_id").ColumnExpr("m.*, c.household_no").Where(where, args...).
			Where("m.verified_at > ? OR (m.verified_at = ? AND m.id > ?)", after, after, afterID).OrderExpr("m.verified_at, m.id").Limit(int64(limit)).Scan(ctx, &list)
	})
	return list, err
}
