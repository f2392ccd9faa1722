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

// OpenOf gives the open tasks of things, by the thing's id. It asks no right: who sees the thing sees what is to be done about it.
func OpenOf(ctx context.Context, tx *ledger.Tx, object string, ids []string) (map[string]Task, error) {
	out := make(map[string]Task, len(ids))
	if len(ids) == 0 {
		return out, nil
	}
	var list []Task
	if err := tx.NewSelect().Model(&list).Where("t.object = ?", object).Where("t.object_id IN (?)", bun.List(ids)).Where("t.closed IS NULL").Scan(ctx); err != nil {
		return nil, err
	}
	for _, t := range list {
		out[t.ObjectID] = t
	}
	return out, nil
}

// Loads counts the open tasks that lie with each of the accounts by name, so that work is handed to whoever has room. It is no measure of anybody. It needs account.TaskAssign.
func Loads(ctx context.Context, tx *ledger.Tx, actor account.Actor, accounts []string) (map[string]int, error) {
	if err := actor.May(account.TaskAssign); err != nil {
		return nil, err
	}
	out := make(map[string]int, len(accounts))
	if len(accounts) == 0 {
		return out, nil
	}
	var rows []struct {
		Account string
		Open    int
	}
	q := visible(tx.NewSelect().Model((*Task)(nil)), actor).ColumnExpr("t.account, count(*) AS open").Where("t.account IN (?)", bun.List(accounts)).Where("t.closed IS NULL").GroupExpr("t.account")
	if err := q.Scan(ctx, &rows); err != nil {
		return nil, err
	}
	for _, r := range rows {
		out[r.Account] = r.Open
	}
	return out, nil
}
