package task

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"shouwang/internal/account"
	"shouwang/internal/ledger"
)

// Standing is how many open tasks of one kind somebody has.
type Standing struct {
	Kind    string // state or step
	ZH, EN  string // what is to be done
	Open    int    // all that are not paused
	Today   int    // due by the end of today, and not overdue
	Overdue int
}

// Mine counts what [Inbox] gives, by kind, the most pressing first. Paused tasks do not count.
func Mine(ctx context.Context, tx *ledger.Tx, actor account.Actor, now time.Time) ([]Standing, error) {
	if err := actor.May(account.TaskRead); err != nil {
		return nil, err
	}
	at, end := ledger.At(now), EndOf(Civil(now))
	by := map[string]*Standing{}
	for _, whose := range []func(*bun.SelectQuery) *bun.SelectQuery{
		func(q *bun.SelectQuery) *bun.SelectQuery {
			return q.Where("t.account = ?", actor.Account).Where("t.account <> ''")
		},
		func(q *bun.SelectQuery) *bun.SelectQuery {
			return q.Where("t.org = ?", actor.Org).Where("t.account = ''")
		},
	} {
		var part []Standing
		q := whose(tx.NewSelect().Model((*Task)(nil)).Where("t.closed IS NULL").Where("t.paused IS NULL"))
		err := q.ColumnExpr("t.kind AS kind, max(t.zh) AS zh, max(t.en) AS en, count(*) AS open").
			ColumnExpr("count(CASE WHEN t.due > ? AND t.due <= ? THEN 1 END) AS today", at, end).
			ColumnExpr("count(CASE WHEN t.due <= ? THEN 1 END) AS overdue", at).GroupExpr("t.kind").Scan(ctx, &part)
		if err != nil {
			return nil, err
		}
		for _, s := range part {
			if have := by[s.Kind]; have != nil {
				have.Open, have.Today, have.Overdue = have.Open+s.Open, have.Today+s.Today, have.Overdue+s.Overdue
				continue
			}
			by[s.Kind] = &s
		}
	}
	out := make([]Standing, 0, len(by))
	for _, s := range by {
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b Standing) int {
		return cmp.Or(cmp.Compare(b.Overdue, a.Overdue), cmp.Compare(b.Today, a.Today), cmp.Compare(b.Open, a.Open), cmp.Compare(a.Kind, b.Kind))
	})
	return out, nil
}
