package casework

import (
	"context"

	"shouwang/internal/ledger"
	"shouwang/internal/policy"
)

// Own is what a household reads of its own case behind its code: kind words, no file, no risk.
type Own struct {
	Case   string      // id of the case, for what else belongs to it; never shown
	Phase  string      // of the case; "" when there is nothing to tell
	Words  policy.Text //
	Reason string      // why it was refused, once the household was told; ""
	Since  ledger.Time // when it came into its present state
}

// OfHousehold tells a household how far its newest case is. A lead that nobody has looked at yet, and for which the household did not ask itself, is not
// told: it may come to nothing. The caller has made sure that it is the household who asks.
func (s *Service) OfHousehold(ctx context.Context, household int64) (Own, error) {
	var own Own
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		own = Own{}
		c := new(Case)
		err := tx.NewSelect().Model(c).Where("c.household_id = ?", household).Order("c.id DESC").Limit(1).Scan(ctx)
		if ledger.Missing(err) || err == nil && c.Phase == string(policy.PhaseLead) && c.Channel != Application {
			return nil
		}
		if err != nil {
			return err
		}
		own = Own{Case: c.ID, Phase: c.Phase, Words: phaseWords(policy.Phase(c.Phase)), Since: c.StateAt}
		own.Reason, err = s.toldReason(ctx, tx, c)
		if own.Reason != "" {
			own.Words = refusedWords()
		}
		return err
	})
	return own, err
}
