package task

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"shouwang/internal/account"
	"shouwang/internal/audit"
	"shouwang/internal/jobs"
	"shouwang/internal/ledger"
)

// Service moves tasks along and makes digests.
type Service struct {
	ledger *ledger.Ledger
}

// NewService makes the service.
func NewService(l *ledger.Ledger) *Service { return &Service{ledger: l} }

// Jobs registers the periodic jobs: task.tick each minute, task.digest each quarter of an hour (it makes the day's digests once, from DigestHour on).
func (s *Service) Jobs(q *jobs.Queue) {
	jobs.Register(q, jobs.Kind{Name: "task.tick", ZH: "待办期限检查", EN: "Move deadlines along", Single: true}, func(ctx context.Context, r *jobs.Run, _ struct{}) error {
		done, err := s.Tick(ctx, r.Now())
		if err != nil {
			return err
		}
		return r.Result(done)
	})
	jobs.Register(q, jobs.Kind{Name: "task.digest", ZH: "每日待办摘要", EN: "Make the daily digests", Single: true}, func(ctx context.Context, r *jobs.Run, _ struct{}) error {
		n, err := s.Digests(ctx, r.Now())
		if err != nil {
			return err
		}
		return r.Result(map[string]int{"digests": n})
	})
	q.Every("task.tick", time.Minute)
	q.Every("task.digest", 15*time.Minute)
}

// Ticked is what one tick did.
type Ticked struct {
	Warned    int64 `json:"warned"`
	Overdue   int64 `json:"overdue"`
	Escalated int64 `json:"escalated"`
	Undone    int64 `json:"undone"` // marks that a clock which ran ahead had made
}

// tickChunk is how many tasks one transaction moves.
const tickChunk = 5000

// Tick marks what is nearly due and overdue at now, and tells the levels above. It may run at any moment and any number of times.
func (s *Service) Tick(ctx context.Context, now time.Time) (Ticked, error) {
	var all Ticked
	for _, part := range []struct {
		count *int64
		step  func(context.Context, *ledger.Tx) (int64, error)
	}{{&all.Undone, undo}, {&all.Warned, warn}, {&all.Overdue, overdue}, {&all.Escalated, escalate}} {
		for {
			var n int64
			err := s.ledger.Write(ctx, now, func(ctx context.Context, tx *ledger.Tx) (err error) {
				n, err = part.step(ctx, tx)
				return err
			})
			if err != nil {
				return all, err
			}
			if *part.count += n; n == 0 {
				break
			}
		}
	}
	return all, nil
}

// move updates at most tickChunk of the chosen tasks. The version stays: what people read of a task has not changed.
func move(ctx context.Context, tx *ledger.Tx, set, where string, args ...any) (int64, error) {
	chosen := tx.NewSelect().Table("task").Column("id").Where("closed IS NULL").Where("paused IS NULL").Where("next <= ?", tx.Now).Where(where, args...).Order("next").Limit(tickChunk)
	done, err := tx.NewUpdate().Table("task").Set(set, tx.Now).Where("id IN (?)", chosen).Exec(ctx)
	if err != nil {
		return 0, err
	}
	return done.RowsAffected()
}

func warn(ctx context.Context, tx *ledger.Tx) (int64, error) {
	return move(ctx, tx, "warned = ?0, marked = ?0, next = due", "warned IS NULL AND overdue IS NULL AND warn <= ?0 AND due > ?0", tx.Now)
}

func overdue(ctx context.Context, tx *ledger.Tx) (int64, error) {
	n, err := move(ctx, tx, "overdue = ?0, marked = ?0, next = escalate", "overdue IS NULL AND due <= ?0", tx.Now)
	if err != nil || n == 0 {
		return n, err
	}
	e := account.SystemActor("task.tick").Event("task.overdue", "task", "", 0)
	e.Detail = map[string]int64{"tasks": n}
	return n, audit.Record(tx, e)
}

// told is an organisation that was told of a task.
type told struct {
	bun.BaseModel `bun:"table:task_told"`

	Task string `bun:",pk"`
	Org  string `bun:",pk"`
	At   ledger.Time
}

// escalateChunk is smaller: the event names the tasks.
const escalateChunk = 1000

// escalate tells the next level of tasks whose time has come; after a long stop a task goes up one level a call until it has caught up.
func escalate(ctx context.Context, tx *ledger.Tx) (int64, error) {
	var due []Task
	err := tx.NewSelect().Model(&due).Where("closed IS NULL").Where("paused IS NULL").Where("next <= ?", tx.Now).Where("overdue IS NOT NULL").Where("escalate <= ?", tx.Now).
		Order("next").Limit(escalateChunk).Scan(ctx)
	if err != nil || len(due) == 0 {
		return 0, err
	}
	rows := make([]told, 0, len(due))
	var ids, goOn, last []string
	for i := range due {
		t := &due[i]
		ids = append(ids, t.ID)
		if org := t.above(); org != "" {
			rows = append(rows, told{Task: t.ID, Org: org, At: tx.Now})
		}
		if t.Told++; t.above() != "" {
			goOn = append(goOn, t.ID)
		} else {
			last = append(last, t.ID)
		}
	}
	if len(rows) > 0 {
		if _, err := tx.NewInsert().Model(&rows).On("CONFLICT (task, org) DO NOTHING").Exec(ctx); err != nil {
			return 0, err
		}
	}
	for _, part := range []struct {
		ids []string
		set string
	}{{goOn, "escalate = escalate + every, next = escalate + every"}, {last, "escalate = NULL, next = NULL"}} {
		if len(part.ids) == 0 {
			continue
		}
		_, err := tx.NewUpdate().Table("task").Set("told = told + 1, escalated = ?0, marked = ?0, "+part.set, tx.Now).Where("id IN (?)", bun.List(part.ids)).Exec(ctx)
		if err != nil {
			return 0, err
		}
	}
	e := account.SystemActor("task.tick").Event("task.escalate", "task", "", 0)
	e.Detail = map[string]any{"tasks": ids}
	return int64(len(due)), audit.Record(tx, e)
}

// undo takes back what was marked by a clock that ran ahead of now.
func undo(ctx context.Context, tx *ledger.Tx) (int64, error) {
	var ahead []Task
	err := tx.NewSelect().Model(&ahead).Where("closed IS NULL").Where("marked > 0").Where("marked > ?", tx.Now).Limit(escalateChunk).Scan(ctx)
	if err != nil {
		return 0, err
	}
	for i := range ahead {
		t := &ahead[i]
		gone, err := tx.NewDelete().Model((*told)(nil)).Where("task = ?", t.ID).Where("at > ?", tx.Now).Exec(ctx)
		if err != nil {
			return 0, err
		}
		levels, err := gone.RowsAffected()
		if err != nil {
			return 0, err
		}
		var earlier []told
		if err := tx.NewSelect().Model(&earlier).Where("task = ?", t.ID).Order("at").Scan(ctx); err != nil {
			return 0, err
		}
		if levels > 0 {
			t.Told = len(earlier)
			t.Escalate = t.First + ledger.Time(t.Every*int64(t.Told))
		}
		t.Escalated = 0
		for _, x := range earlier {
			t.Escalated = x.At
		}
		if t.Warned > tx.Now {
			t.Warned = 0
		}
		if t.Overdue > tx.Now {
			t.Overdue = 0
		}
		t.Marked = max(t.Warned, t.Overdue, t.Escalated)
		t.next()
		if _, err := tx.NewUpdate().Model(t).Column("told", "escalate", "escalated", "warned", "overdue", "marked", "next").WherePK().Exec(ctx); err != nil {
			return 0, err
		}
	}
	return int64(len(ahead)), nil
}
