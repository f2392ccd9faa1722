package task

import (
	"context"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"shouwang/internal/account"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
)

// Filter chooses open tasks. Zero fields choose everything.
type Filter struct {
	State    string        // overdue, soon (warned and not overdue), paused, in_time; "" all
	Kind     string        // state or step
	Object   string        // casefile, order …
	Org      string        // whose
	Account  string        // which person's
	Under    division.Code // where the object lies
	Urgent   int           // at least
	After    string        // the Next of the page before
	Limit    int           // 1 to 200; 0 means 50
	DueUntil time.Time     // due by that moment at the latest; zero: whenever
}

// Page is a page of open tasks, the earliest due first.
type Page struct {
	Tasks []Task `json:"tasks"`
	Next  string `json:"next"` // for Filter.After; "": there are no more
}

// apply adds the filter's conditions.
func (f Filter) apply(q *bun.SelectQuery) (*bun.SelectQuery, error) {
	switch f.State {
	case "":
	case "overdue":
		q = q.Where("t.overdue IS NOT NULL").Where("t.paused IS NULL")
	case "soon":
		q = q.Where("t.warned IS NOT NULL").Where("t.overdue IS NULL").Where("t.paused IS NULL")
	case "paused":
		q = q.Where("t.paused IS NOT NULL")
	case "in_time":
		q = q.Where("t.overdue IS NULL").Where("t.paused IS NULL")
	default:
		return nil, errs.New(errs.Invalid, "待办状态应为 overdue、soon、paused、in_time 之一", "a task's state is one of overdue, soon, paused, in_time")
	}
	for column, value := range map[string]string{"t.kind": f.Kind, "t.object": f.Object, "t.org": f.Org, "t.account": f.Account} {
		if value != "" {
			q = q.Where("? = ?", bun.Ident(column), value)
		}
	}
	if f.Under != 0 {
		lo, hi := f.Under.Range()
		q = q.Where("t.division BETWEEN ? AND ?", lo, hi)
	}
	if f.Urgent > 0 {
		q = q.Where("t.urgent >= ?", f.Urgent)
	}
	if !f.DueUntil.IsZero() {
		q = q.Where("t.due <= ?", ledger.At(f.DueUntil))
	}
	return q, nil
}

// size is the page's.
func (f Filter) size() int {
	if f.Limit == 0 {
		return 50
	}
	return min(max(f.Limit, 1), 200)
}

// cursor reads After: due and id of the last task of the page before.
func (f Filter) cursor() (due int64, id string, err error) {
	if f.After == "" {
		return -1 << 62, "", nil
	}
	text, err := base64.RawURLEncoding.DecodeString(f.After)
	digits, id, ok := strings.Cut(string(text), "|")
	due, err2 := strconv.ParseInt(digits, 10, 64)
	if err != nil || err2 != nil || !ok {
		return 0, "", errs.New(errs.Invalid, "翻页标记不对", "the page's cursor is wrong")
	}
	return due, id, nil
}

// query is one keyset page of open tasks. order is the column to sort by as SQL: with a plus before it no index is taken for the order.
func (f Filter) query(ctx context.Context, tx *ledger.Tx, order string, narrow func(*bun.SelectQuery) *bun.SelectQuery) ([]Task, error) {
	due, id, err := f.cursor()
	if err != nil {
		return nil, err
	}
	list := []Task{}
	q, err := f.apply(tx.NewSelect().Model(&list).Where("t.closed IS NULL"))
	if err != nil {
		return nil, err
	}
	q = narrow(q).Where("t.due >= ?", due).Where("t.due > ? OR t.id > ?", due, id).OrderExpr(order + ", t.id").Limit(int64(f.size()) + 1)
	return list, q.Scan(ctx)
}

// page cuts a list down to the page and makes the cursor.
func (f Filter) page(list []Task) Page {
	p := Page{Tasks: list}
	if n := f.size(); len(list) > n {
		p.Tasks = list[:n]
		last := list[n-1]
		p.Next = base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(int64(last.Due), 10) + "|" + last.ID))
	}
	return p
}

// Inbox gives what the actor has to do: tasks that are theirs, and those of their organisation that are nobody's yet; the earliest due first.
func Inbox(ctx context.Context, tx *ledger.Tx, actor account.Actor, f Filter) (Page, error) {
	if err := actor.May(account.TaskRead); err != nil {
		return Page{}, err
	}
	// Two queries, each along its own index, instead of one with an OR along none.
	mine, err := f.query(ctx, tx, "t.due", func(q *bun.SelectQuery) *bun.SelectQuery {
		return q.Where("t.account = ?", actor.Account).Where("t.account <> ''")
	})
	if err != nil {
		return Page{}, err
	}
	free, err := f.query(ctx, tx, "t.due", func(q *bun.SelectQuery) *bun.SelectQuery {
		return q.Where("t.org = ?", actor.Org).Where("t.account = ''")
	})
	if err != nil {
		return Page{}, err
	}
	return f.page(merged(append(mine, free...))), nil
}

// merged sorts tasks as pages are.
func merged(list []Task) []Task {
	slices.SortFunc(list, func(a, b Task) int {
		if a.Due != b.Due {
			return int(min(max(a.Due-b.Due, -1), 1))
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list
}

// List gives the open tasks in the actor's scope, the earliest due first: everything of a village for the village, of a county for the county.
func List(ctx context.Context, tx *ledger.Tx, actor account.Actor, f Filter) (Page, error) {
	if err := actor.May(account.TaskRead); err != nil {
		return Page{}, err
	}
	// What lies in a county or less is found by place and sorted; for more, walking along the deadlines finds a page sooner. A plus keeps a column from
	// being found by its index.
	narrow, order := visible, "+t.due"
	if !small(actor.Division) && !small(f.Under) {
		narrow, order = along, "t.due"
	}
	list, err := f.query(ctx, tx, order, func(q *bun.SelectQuery) *bun.SelectQuery { return narrow(q, actor) })
	if err != nil {
		return Page{}, err
	}
	return f.page(list), nil
}

// along is visible for a query that walks along another index.
func along(q *bun.SelectQuery, actor account.Actor) *bun.SelectQuery {
	if _, only := actor.DepartmentOnly(); only || actor.Division == 0 {
		return visible(q, actor) // few, or all, or nothing
	}
	lo, hi := actor.Division.Range()
	return q.Where("+t.division BETWEEN ? AND ?", lo, hi)
}

func small(d division.Code) bool { return d.Level() >= division.County }

// Told gives the open tasks of organisations below that the actor's organisation was told of because they are overdue, the earliest due first.
func Told(ctx context.Context, tx *ledger.Tx, actor account.Actor, f Filter) (Page, error) {
	if err := actor.May(account.TaskRead); err != nil {
		return Page{}, err
	}
	list, err := f.query(ctx, tx, "t.due", func(q *bun.SelectQuery) *bun.SelectQuery {
		return q.Join("JOIN task_told AS x ON x.task = t.id").Where("x.org = ?", actor.Org)
	})
	if err != nil {
		return Page{}, err
	}
	return f.page(list), nil
}

// Count is how many open tasks an organisation has.
type Count struct {
	Org     string `json:"org"`
	Open    int64  `json:"open"`
	Soon    int64  `json:"soon"`
	Overdue int64  `json:"overdue"`
	Paused  int64  `json:"paused"`
}

// Counts gives the open tasks in the actor's scope by organisation, those with most overdue first, at most 1000.
func Counts(ctx context.Context, tx *ledger.Tx, actor account.Actor, under division.Code) ([]Count, error) {
	if err := actor.May(account.TaskRead); err != nil {
		return nil, err
	}
	list := []Count{}
	q := visible(tx.NewSelect().Model((*Task)(nil)), actor).Column("t.org").ColumnExpr("count(*) AS open").
		ColumnExpr("count(CASE WHEN t.warned IS NOT NULL AND t.overdue IS NULL AND t.paused IS NULL THEN 1 END) AS soon").
		ColumnExpr("count(CASE WHEN t.overdue IS NOT NULL AND t.paused IS NULL THEN 1 END) AS overdue").
		ColumnExpr("count(t.paused) AS paused").
		Where("t.closed IS NULL").Group("t.org").OrderExpr("overdue DESC, t.org").Limit(1000)
	if under != 0 {
		lo, hi := under.Range()
		q = q.Where("t.division BETWEEN ? AND ?", lo, hi)
	}
	return list, q.Scan(ctx, &list)
}

// Kept is how deadlines were kept.
type Kept struct {
	Closed  int64 `json:"closed"`  // tasks that were done
	InTime  int64 `json:"in_time"` // of those, before their deadline
	Open    int64 `json:"open"`    // tasks that are open
	Overdue int64 `json:"overdue"` // of those, past their deadline with the clock running
}

// Deadlines counts the tasks under a division (0: all of the actor's scope) that were done since a moment, and those that are open now. Nobody is named: it is of places, not of
// people. It needs account.StatsRead.
func Deadlines(ctx context.Context, tx *ledger.Tx, actor account.Actor, under division.Code, since, now time.Time) (Kept, error) {
	var k Kept
	if err := actor.May(account.StatsRead); err != nil {
		return k, err
	}
	where, args := actor.Scope("t.division")
	base := func() *bun.SelectQuery {
		q := tx.NewSelect().TableExpr("task AS t").Where(where, args...)
		if under != 0 {
			lo, hi := under.Range()
			q = q.Where("t.division BETWEEN ? AND ?", lo, hi)
		}
		return q
	}
	if err := base().Where("t.closed IS NOT NULL").Where("t.closed >= ?", ledger.At(since)).ColumnExpr("count(*), count(CASE WHEN t.closed <= t.due THEN 1 END)").Scan(ctx, &k.Closed, &k.InTime); err != nil {
		return k, err
	}
	return k, base().Where("t.closed IS NULL").ColumnExpr("count(*), count(CASE WHEN t.paused IS NULL AND t.due <= ? THEN 1 END)", ledger.At(now)).Scan(ctx, &k.Open, &k.Overdue)
}
