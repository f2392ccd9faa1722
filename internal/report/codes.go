package report

import (
	"context"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/housecode"
	"shouwang/internal/ledger"
	"shouwang/internal/registry"
	"shouwang/internal/warehouse"
)

// holdersAtOnce is how many codes are issued in one transaction.
const holdersAtOnce = 20_000

// IssueCodes gives every registered household of a division a code that is valid until expires; who has a valid one keeps it. All households get the same
// card, watched or not, so that a card says nothing. It works in pieces, each a transaction: stopped and started again it goes on where it was.
func IssueCodes(ctx context.Context, w *warehouse.Warehouse, l *ledger.Ledger, codes *housecode.Codes, now time.Time, actor account.Actor, within division.Code, expires time.Time,
	progress func(done int)) (sum housecode.Issued, err error) {
	if err := actor.Sees(within); err != nil {
		return sum, err
	}
	conn, err := w.Conn(ctx)
	if err != nil {
		return sum, err
	}
	defer conn.Close()
	var waiting []housecode.Holder
	issue := func() error {
		var part housecode.Issued
		if err := l.Write(ctx, now, func(ctx context.Context, tx *ledger.Tx) (err error) {
			part, err = codes.Issue(ctx, tx, actor, waiting, expires)
			return err
		}); err != nil {
			return err
		}
		sum.New, sum.Kept, waiting = sum.New+part.New, sum.Kept+part.Kept, waiting[:0]
		if progress != nil {
			progress(sum.New + sum.Kept)
		}
		return nil
	}
	if err := registry.Walk(ctx, conn, within, func(h registry.Household) error {
		waiting = append(waiting, housecode.Holder{Household: h.ID, HouseholdNo: h.No, Village: h.Division})
		if len(waiting) < holdersAtOnce {
			return nil
		}
		return issue()
	}); err != nil {
		return sum, err
	}
	if len(waiting) > 0 {
		if err := issue(); err != nil {
			return sum, err
		}
	}
	if sum == (housecode.Issued{}) {
		return sum, errs.New(errs.NotFound, "这个区划内没有在册农户：请先导入农户花名册", "no household is registered within this division: take in the roster first")
	}
	return sum, nil
}
