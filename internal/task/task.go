// Package task is what is due: one open task per case and step, with owner, deadline, warning, escalation and pause;
// in-boxes and digests.
//
// It owns the tables task, task_told and digest. It never changes a case.
//
// Whoever moves a case opens and closes its task in the same transaction ([Open], [Close], [OpenAll], [CloseAll]); the step that did it is the event of the audit chain. [Service.Tick]
// moves open tasks along: warned, overdue, told to the level above. It looks only at what the rows say and at the time it is given, so it may run at any
// moment, twice, late after a restart, or with a clock that was wrong: what a clock that ran ahead has marked is taken back.
package task

import (
	"context"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"shouwang/internal/account"
	"shouwang/internal/audit"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/workday"
)

// Task is one thing that somebody has to do by some day.
type Task struct {
	bun.BaseModel `bun:"table:task,alias:t" json:"-"`

	ID       string        `bun:",pk" json:"id"`
	Version  int64         `json:"version"`
	Object   string        `json:"object"` // casefile, order …
	ObjectID string        `json:"object_id"`
	Kind     string        `json:"kind"` // the state or step that it belongs to
	ZH       string        `json:"zh"`
	EN       string        `json:"en"`
	Division division.Code `json:"division"` // where the object lies
	Org      string        `json:"org"`      // whose it is
	Account  string        `json:"account"`  // and which person's; "": anybody's of the organisation
	Urgent   int           `json:"urgent"`   // 3 red, 2 yellow, 1 blue, 0 none

	Opened    ledger.Time `json:"opened"`
	Due       ledger.Time `json:"due"` // overdue from this moment on: the end of the last day, Chinese time
	Warn      ledger.Time `bun:",nullzero" json:"warn"`
	Escalate  ledger.Time `bun:",nullzero" json:"escalate"` // when the next level up is told; never when all have been, up to the prefecture
	First     ledger.Time `bun:",nullzero" json:"-"`        // when the first level above is told
	Every     int64       `json:"-"`                        // microseconds until each further one is
	Next      ledger.Time `bun:",nullzero" json:"-"`
	Warned    ledger.Time `bun:",nullzero" json:"warned"`
	Overdue   ledger.Time `bun:",nullzero" json:"overdue"`
	Escalated ledger.Time `bun:",nullzero" json:"escalated"` // last
	Told      int         `json:"told"`                      // how many levels have been told
	Marked    ledger.Time `json:"-"`
	Paused    ledger.Time `bun:",nullzero" json:"paused"`
	PauseWhy  string      `json:"pause_why"`
	Closed    ledger.Time `bun:",nullzero" json:"closed"`
	Outcome   string      `json:"outcome"`
}

// New is a task to be opened. Days are civil dates (any time of the day; its date counts); the last day counts in full.
type New struct {
	Object, ObjectID string        // "casefile" and the case's id
	Kind             string        // the state or step
	ZH, EN           string        // what is to be done: 入户核实, Visit and verify
	Division         division.Code // where the object lies
	Org              string        // whose it is: account.OrgFor(role, division, department)
	Account          string        // a person of it, when it is known; "" leaves it to anybody there
	Urgent           int           // 3 red, 2 yellow, 1 blue, 0 none
	Due              time.Time     // last day in time
	Warn             time.Time     // day from whose morning on it is shown as nearly due; zero, or not before Due: no warning
	Escalate         time.Time     // last day before the next level up is told; zero: never. Each level further up is told after the same time again
}

// zone is China's one time zone: a day ends at its midnight, wherever the machine stands.
func zone() *time.Location { return time.FixedZone("UTC+8", 8*3600) }

// StartOf is the first moment of a civil day in China. day's own date counts, whatever its zone.
func StartOf(day time.Time) ledger.Time {
	if day.IsZero() {
		return 0
	}
	y, m, d := day.Date()
	return ledger.At(time.Date(y, m, d, 0, 0, 0, 0, zone()))
}

// EndOf is the first moment after a civil day in China.
func EndOf(day time.Time) ledger.Time {
	if day.IsZero() {
		return 0
	}
	return StartOf(day.AddDate(0, 0, 1))
}

// Civil is the civil day in China at a moment, as a UTC midnight.
func Civil(t time.Time) time.Time {
	y, m, d := t.In(zone()).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// Calendar is the working days of a pack.
func Calendar(pack *policy.Pack) *workday.Calendar {
	days := make([]workday.Day, len(pack.Holidays))
	for i, h := range pack.Holidays {
		days[i] = workday.Day{Date: h.Date, Work: h.Work}
	}
	return workday.New(days)
}

// Deadline gives the n-th day after the civil day from, counted in calendar days or (working) in working days of the calendar; from itself is not counted. The
// error, of kind NotFound, names the year whose holidays the pack lacks.
func Deadline(c *workday.Calendar, from time.Time, n int, working bool) (time.Time, error) {
	if working {
		return c.AddWorkdays(from, n)
	}
	y, m, d := from.Date()
	return time.Date(y, m, d+n, 0, 0, 0, 0, time.UTC), nil
}

// make checks what is to be opened and makes its row.
func (n New) make(now ledger.Time) (Task, error) {
	if n.Object == "" || n.ObjectID == "" || n.ZH == "" || n.EN == "" || n.Due.IsZero() {
		return Task{}, errs.Newf(errs.Internal, "待办 %[1]q 缺少对象、名称或期限", "the task %[1]q lacks its object, words or deadline", n.Kind)
	}
	if _, _, err := account.ParseOrg(n.Org); err != nil {
		return Task{}, errs.Newf(errs.Internal, "待办 %[1]q 没有责任单位", "the task %[1]q has no organisation", n.Kind)
	}
	t := Task{
		ID: ledger.NewID(now.Go()), Version: 1, Object: n.Object, ObjectID: n.ObjectID, Kind: n.Kind, ZH: n.ZH, EN: n.EN, Division: n.Division, Org: n.Org, Account: n.Account,
		Urgent: n.Urgent, Opened: now, Due: EndOf(n.Due), Warn: StartOf(n.Warn), Escalate: EndOf(n.Escalate),
	}
	if t.Escalate != 0 {
		t.Escalate = max(t.Escalate, t.Due)
		t.First = t.Escalate
		t.Every = max(int64(t.Escalate-t.Due), (24 * time.Hour).Microseconds())
	}
	if t.above() == "" {
		t.Escalate = 0
	}
	if t.Warn >= StartOf(n.Due) {
		t.Warn = 0 // on the last day it is due, not nearly due
	}
	t.next()
	return t, nil
}

// next sets when Tick has something to do with the task.
func (t *Task) next() {
	t.Next = 0
	if t.Closed != 0 || t.Paused != 0 {
		return
	}
	at := func(when ledger.Time) {
		if when != 0 && (t.Next == 0 || when < t.Next) {
			t.Next = when
		}
	}
	if t.Warned == 0 && t.Overdue == 0 {
		at(t.Warn)
	}
	if t.Overdue == 0 {
		at(t.Due)
	}
	at(t.Escalate)
}

// above is the organisation that is told next; "" when all have been, up to the prefecture.
func (t *Task) above() string {
	org := t.Org
	for range t.Told + 1 {
		org = account.Above(org)
	}
	if d, _, err := account.ParseOrg(org); err != nil || d.Level() < division.Prefecture {
		return ""
	}
	return org
}

// Open opens a task. The object must have none that is open: errs.Conflict. It asks no right and writes no event: the step that it belongs to does both.
func Open(ctx context.Context, tx *ledger.Tx, n New) (Task, error) {
	t, err := n.make(tx.Now)
	if err != nil {
		return Task{}, err
	}
	if _, open, err := Of(ctx, tx, n.Object, n.ObjectID); err != nil {
		return Task{}, err
	} else if open {
		return Task{}, errs.New(errs.Conflict, "这件事已有未办结的待办", "there is an open task for this already")
	}
	_, err = tx.NewInsert().Model(&t).Exec(ctx)
	return t, err
}

// OpenAll opens many tasks, hundreds to a statement. An object that has an open task already is a fault of the caller and undoes everything.
func OpenAll(ctx context.Context, tx *ledger.Tx, all []New) error {
	rows := make([]Task, len(all))
	for i, n := range all {
		var err error
		if rows[i], err = n.make(tx.Now); err != nil {
			return err
		}
	}
	return ledger.InsertAll(ctx, tx, rows)
}

// Of gives the open task of an object. It asks no right: show it only to who sees the object.
func Of(ctx context.Context, tx *ledger.Tx, object, id string) (t Task, open bool, err error) {
	err = tx.NewSelect().Model(&t).Where("object = ?", object).Where("object_id = ?", id).Where("closed IS NULL").Scan(ctx)
	if ledger.Missing(err) {
		return Task{}, false, nil
	}
	return t, err == nil, err
}

// History gives all tasks of an object, oldest first. It asks no right: show them only to who sees the object.
func History(ctx context.Context, tx *ledger.Tx, object, id string) ([]Task, error) {
	list := []Task{}
	return list, tx.NewSelect().Model(&list).Where("object = ?", object).Where("object_id = ?", id).OrderExpr("opened, CASE WHEN closed IS NULL THEN 1 ELSE 0 END, id").Scan(ctx)
}

// Close closes the open task of an object and says whether there was one. outcome is the step that closed it. It asks no right and writes no event, as [Open].
func Close(ctx context.Context, tx *ledger.Tx, object, id, outcome string) (bool, error) {
	n, err := CloseAll(ctx, tx, object, []string{id}, outcome)
	return n > 0, err
}

// CloseAll closes the open tasks of many objects and says how many there were.
func CloseAll(ctx context.Context, tx *ledger.Tx, object string, ids []string, outcome string) (int64, error) {
	var total int64
	for len(ids) > 0 {
		n := min(len(ids), 500)
		done, err := tx.NewUpdate().Model((*Task)(nil)).Set("closed = ?", tx.Now).Set("next = NULL").Set("outcome = ?", outcome).Set("version = version + 1").
			Where("object = ?", object).Where("object_id IN (?)", bun.List(ids[:n])).Where("closed IS NULL").Exec(ctx)
		if err != nil {
			return total, err
		}
		affected, err := done.RowsAffected()
		if err != nil {
			return total, err
		}
		total, ids = total+affected, ids[n:]
	}
	return total, nil
}

// Get gives one task in the actor's scope.
func Get(ctx context.Context, tx *ledger.Tx, actor account.Actor, id string) (Task, error) {
	if err := actor.May(account.TaskRead); err != nil {
		return Task{}, err
	}
	var t Task
	err := visible(tx.NewSelect().Model(&t), actor).Where("t.id = ?", id).Scan(ctx)
	if ledger.Missing(err) {
		return Task{}, account.NotThere()
	}
	return t, err
}

// visible narrows a query to what the actor may see: the subtree, and for a department's officer the department's own.
func visible(q *bun.SelectQuery, actor account.Actor) *bun.SelectQuery {
	where, args := actor.Scope("t.division")
	q = q.Where(where, args...)
	if _, only := actor.DepartmentOnly(); only {
		q = q.Where("t.org = ?", actor.Org)
	}
	return q
}

// open gives an open task in the actor's scope at the version that was read.
func open(ctx context.Context, tx *ledger.Tx, actor account.Actor, id string, version int64) (Task, error) {
	t, err := Get(ctx, tx, actor, id)
	if err != nil {
		return Task{}, err
	}
	if err := ledger.CheckVersion(version, t.Version); err != nil {
		return Task{}, err
	}
	if t.Closed != 0 {
		return Task{}, errs.New(errs.Conflict, "这项待办已经办结", "this task is closed")
	}
	return t, nil
}

// Assign hands a task that was read at version to a person ("": back to anybody of the organisation). The person must be active and see where the object lies; when they belong
// to another organisation the task goes there with them. Everybody may take a task of their own organisation, or give their own back; handing on needs account.TaskAssign.
func Assign(ctx context.Context, tx *ledger.Tx, actor account.Actor, id string, version int64, to string) (Task, error) {
	t, err := open(ctx, tx, actor, id, version)
	if err != nil {
		return Task{}, err
	}
	own := t.Org == actor.Org && (to == actor.Account && t.Account == "" || to == "" && t.Account == actor.Account)
	if !own {
		if err := actor.May(account.TaskAssign); err != nil {
			return Task{}, err
		}
	}
	if to != "" {
		var who account.Account
		err := tx.NewSelect().Model(&who).Where("id = ?", to).Where("active").Scan(ctx)
		if ledger.Missing(err) || err == nil && (!actor.Within(who.Division) && who.Org != actor.Org || !who.Division.Contains(t.Division)) {
			return Task{}, errs.New(errs.Invalid, "不能转派给这个人：账号不存在、已停用或不管这个地方", "it cannot go to this person: no such account, disabled, or not of that place")
		}
		if err != nil {
			return Task{}, err
		}
		t.Org = who.Org
	}
	t.Account = to
	if t.above() == "" { // another organisation has other levels above it
		t.Escalate = 0
	}
	t.next()
	if err := ledger.Update(ctx, tx, &t, &t.Version, "org", "account", "escalate", "next"); err != nil {
		return Task{}, err
	}
	e := actor.Event("task.assign", t.Object, t.ObjectID, t.Division)
	e.Detail = map[string]string{"task": t.ID, "org": t.Org, "account": t.Account}
	return t, audit.Record(tx, e)
}

// Pause stops the clock of a task that was read at version. It needs account.TaskPause and a reason.
func Pause(ctx context.Context, tx *ledger.Tx, actor account.Actor, id string, version int64, reason string) (Task, error) {
	if err := actor.May(account.TaskPause); err != nil {
		return Task{}, err
	}
	reason = strings.TrimSpace(reason)
	if n := len([]rune(reason)); n == 0 || n > 200 {
		return Task{}, errs.New(errs.Invalid, "暂停期限必须写明理由（200 字以内）", "pausing a deadline needs a reason of at most 200 characters")
	}
	t, err := open(ctx, tx, actor, id, version)
	if err != nil {
		return Task{}, err
	}
	if t.Paused != 0 {
		return Task{}, errs.New(errs.Conflict, "期限已经暂停", "the deadline is paused already")
	}
	t.Paused, t.PauseWhy = tx.Now, reason
	t.next()
	if err := ledger.Update(ctx, tx, &t, &t.Version, "paused", "pause_why", "next"); err != nil {
		return Task{}, err
	}
	e := actor.Event("task.pause", t.Object, t.ObjectID, t.Division)
	e.Reason, e.Detail = reason, map[string]string{"task": t.ID}
	return t, audit.Record(tx, e)
}

// Resume lets the clock of a paused task go on. Deadline, warning and escalation move by as long as it was paused, to the end of the day that comes out; a task that is in time
// again is neither warned nor overdue any more. It needs account.TaskPause.
func Resume(ctx context.Context, tx *ledger.Tx, actor account.Actor, id string, version int64) (Task, error) {
	if err := actor.May(account.TaskPause); err != nil {
		return Task{}, err
	}
	t, err := open(ctx, tx, actor, id, version)
	if err != nil {
		return Task{}, err
	}
	if t.Paused == 0 {
		return Task{}, errs.New(errs.Conflict, "期限没有暂停", "the deadline is not paused")
	}
	pause := max(tx.Now.Sub(t.Paused), 0) // a clock that was put back takes no time away
	move := func(at ledger.Time) ledger.Time {
		if at == 0 || pause == 0 {
			return at
		}
		// The last moment in time moves; what comes out counts to the end of its day.
		return EndOf(Civil(at.Add(pause).Go().Add(-time.Microsecond)))
	}
	if t.Due <= t.Paused {
		pause = 0 // what was overdue before the pause stays so
	}
	was := t.Paused
	t.Due, t.First, t.Escalate, t.Paused = move(t.Due), move(t.First), move(t.Escalate), 0
	if t.Warn != 0 && pause != 0 {
		t.Warn = StartOf(Civil(t.Warn.Add(pause).Go()))
	}
	if t.Warn > tx.Now {
		t.Warned = 0
	}
	t.next()
	if err := ledger.Update(ctx, tx, &t, &t.Version, "due", "warn", "first", "escalate", "paused", "warned", "next"); err != nil {
		return Task{}, err
	}
	e := actor.Event("task.resume", t.Object, t.ObjectID, t.Division)
	e.Detail = map[string]any{"task": t.ID, "paused": was, "due": t.Due}
	return t, audit.Record(tx, e)
}
