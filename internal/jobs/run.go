package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivertype"
	"github.com/uptrace/bun"

	"shouwang/internal/errs"
	"shouwang/internal/ledger"
)

// record is what the queue's tables have no place for.
type record struct {
	bun.BaseModel `bun:"table:job_run"`

	Job     int64 `bun:",pk"`
	Actor   string
	Done    int64
	Total   int64
	WordsZH string `bun:"words_zh"`
	WordsEN string `bun:"words_en"`
	Place   string
	Result  string
	ErrorZH string `bun:"error_zh"`
	ErrorEN string `bun:"error_en"`
	At      ledger.Time
}

// save writes a record whole.
func save(ctx context.Context, tx *ledger.Tx, r *record) error {
	r.At = tx.Now
	_, err := tx.NewInsert().Model(r).On("CONFLICT (job) DO UPDATE").
		Set("done = EXCLUDED.done, total = EXCLUDED.total, words_zh = EXCLUDED.words_zh, words_en = EXCLUDED.words_en, place = EXCLUDED.place, result = EXCLUDED.result").
		Set("error_zh = EXCLUDED.error_zh, error_en = EXCLUDED.error_en, at = EXCLUDED.at").Exec(ctx)
	return err
}

// Run is one try of one job. It is for the goroutine that works.
type Run struct {
	ID      int64
	Kind    string
	Actor   string // the account that asked for it; "" for a scheduled one
	Attempt int    // 1 is the first

	queue  *Queue
	record record
	shown  time.Time // when progress was written last
}

// Now is the time by the queue's clock.
func (r *Run) Now() time.Time { return r.queue.now() }

// Write is the ledger's Write with the queue's clock.
func (r *Run) Write(ctx context.Context, fn func(context.Context, *ledger.Tx) error) error {
	return r.queue.ledger.Write(ctx, r.queue.now(), fn)
}

// Progress tells how far the job is, at most once a second: total 0 means not known. Call it outside of a Write. The error says that the
// job was asked to stop, or that the ledger can't be written: end the work with it.
func (r *Run) Progress(ctx context.Context, done, total int64, zh, en string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.record.Done, r.record.Total, r.record.WordsZH, r.record.WordsEN = done, total, zh, en
	if time.Since(r.shown) < time.Second && done != total {
		return nil
	}
	r.shown = time.Now()
	return r.Write(ctx, func(ctx context.Context, tx *ledger.Tx) error { return save(ctx, tx, &r.record) })
}

// Place fills v with what the last try kept; ok is false when there is nothing.
func (r *Run) Place(v any) (ok bool, err error) {
	if r.record.Place == "" {
		return false, nil
	}
	if err := json.Unmarshal([]byte(r.record.Place), v); err != nil {
		return false, errs.Wrap(errs.Internal, err, "后台任务的进度无法读取", "the job's place cannot be read")
	}
	return true, nil
}

// Keep keeps how far the job has come in the transaction of the step that brought it there: after a kill the next try goes on from there, and no step is done twice.
func (r *Run) Keep(ctx context.Context, tx *ledger.Tx, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return errs.Wrap(errs.Internal, err, "后台任务的进度无法记录", "the job's place cannot be recorded")
	}
	r.record.Place = string(text)
	return save(ctx, tx, &r.record)
}

// Result is what the job gives back, for whoever looks at it later. It must not hold personal data.
func (r *Run) Result(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return errs.Wrap(errs.Internal, err, "后台任务的结果无法记录", "the job's result cannot be recorded")
	}
	r.record.Result = string(text)
	return nil
}

// Work does one job of River's.
func (w *worker) Work(ctx context.Context, job *river.Job[payload]) error {
	q := w.queue
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	q.mu.Lock()
	q.running[job.ID] = cancel
	q.mu.Unlock()
	defer func() {
		q.mu.Lock()
		delete(q.running, job.ID)
		q.mu.Unlock()
	}()
	r := &Run{ID: job.ID, Kind: w.kind.Name, Attempt: job.Attempt, queue: q, record: record{Job: job.ID}}
	err := q.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		err := tx.NewSelect().Model(&r.record).WherePK().Scan(ctx)
		if ledger.Missing(err) {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	r.Actor = r.record.Actor
	if err := w.work(ctx, r, job.Args.json); err != nil {
		return r.failed(ctx, err)
	}
	// The end of the job and what is known of it are one transaction.
	r.record.ErrorZH, r.record.ErrorEN = "", ""
	return r.Write(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		if err := save(ctx, tx, &r.record); err != nil {
			return err
		}
		var err error
		if tx.Engine() == ledger.PostgreSQL {
			_, err = river.JobCompleteTx[*riverdatabasesql.Driver](ctx, tx.Tx.Tx, job)
		} else {
			_, err = river.JobCompleteTx[*riversqlite.Driver](ctx, tx.Tx.Tx, job)
		}
		return err
	})
}

// failed notes why a try failed and says whether there is to be another.
func (r *Run) failed(ctx context.Context, err error) error {
	r.record.ErrorZH, r.record.ErrorEN = errs.Text(err, "zh"), errs.Text(err, "en")
	note := context.WithoutCancel(ctx) // a job that was stopped is noted, too
	if e := r.queue.ledger.Write(note, r.queue.now(), func(ctx context.Context, tx *ledger.Tx) error { return save(ctx, tx, &r.record) }); e != nil {
		r.queue.log.Warn("jobs: why a job failed was not written", "job", r.ID, "error", e)
	}
	r.queue.log.Warn("jobs: a job failed", "job", r.ID, "kind", r.Kind, "attempt", r.Attempt, "error", err)
	switch {
	case errors.Is(context.Cause(ctx), errCancelled):
		return river.JobCancel(err)
	case errors.Is(err, context.Canceled):
		return err
	}
	switch errs.KindOf(err) {
	case errs.Invalid, errs.NotFound, errs.Conflict, errs.Refused:
		return river.JobCancel(err)
	}
	return err
}

// Job is a job as people see it.
type Job struct {
	ID        int64           `json:"id"`
	Kind      string          `json:"kind"`
	ZH        string          `json:"zh"`
	EN        string          `json:"en"`
	State     string          `json:"state"` // waiting, running, done, failed, cancelled
	Attempt   int             `json:"attempt"`
	Actor     string          `json:"actor"`
	Created   ledger.Time     `json:"created"`
	Scheduled ledger.Time     `json:"scheduled"` // when the next try is due
	Started   ledger.Time     `json:"started"`   // the last try
	Ended     ledger.Time     `json:"ended"`
	Done      int64           `json:"done"`
	Total     int64           `json:"total"` // 0: not known
	WordsZH   string          `json:"words_zh"`
	WordsEN   string          `json:"words_en"`
	Result    json.RawMessage `json:"result"`
	ErrorZH   string          `json:"error_zh"` // of the last try
	ErrorEN   string          `json:"error_en"`
}

// state puts River's states into people's words.
func state(s rivertype.JobState) string {
	switch s {
	case rivertype.JobStateRunning:
		return "running"
	case rivertype.JobStateCompleted:
		return "done"
	case rivertype.JobStateDiscarded:
		return "failed"
	case rivertype.JobStateCancelled:
		return "cancelled"
	}
	return "waiting"
}

// Get gives a job.
func (q *Queue) Get(ctx context.Context, id int64) (Job, error) {
	row, err := q.client.JobGet(ctx, id)
	if errors.Is(err, rivertype.ErrNotFound) {
		return Job{}, errs.Newf(errs.NotFound, "没有后台任务 %[1]d", "there is no job %[1]d", id)
	}
	if err != nil {
		return Job{}, failed(err)
	}
	list, err := q.with(ctx, []*rivertype.JobRow{row})
	if err != nil {
		return Job{}, err
	}
	return list[0], nil
}

// Filter chooses jobs. Zero fields choose everything.
type Filter struct {
	Kind   string
	State  string // waiting, running, done, failed, cancelled
	Before int64  // with smaller numbers: the Next of the page before
	Limit  int    // 1 to 1000; 0 means 50
}

// Page is a page of jobs, newest first.
type Page struct {
	Jobs []Job `json:"jobs"`
	Next int64 `json:"next"` // for Filter.Before; 0: there are no more
}

// List gives the chosen jobs, newest first.
func (q *Queue) List(ctx context.Context, f Filter) (Page, error) {
	n := f.Limit
	if n == 0 {
		n = 50
	}
	n = min(max(n, 1), 1000)
	p := river.NewJobListParams().OrderBy(river.JobListOrderByID, river.SortOrderDesc).First(n + 1)
	if f.Kind != "" {
		p = p.Kinds(f.Kind)
	}
	switch f.State {
	case "":
	case "waiting":
		p = p.States(rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateScheduled)
	case "running":
		p = p.States(rivertype.JobStateRunning)
	case "done":
		p = p.States(rivertype.JobStateCompleted)
	case "failed":
		p = p.States(rivertype.JobStateDiscarded)
	case "cancelled":
		p = p.States(rivertype.JobStateCancelled)
	default:
		return Page{}, errs.New(errs.Invalid, "后台任务的状态应为 waiting、running、done、failed、cancelled 之一", "a job's state is one of waiting, running, done, failed, cancelled")
	}
	if f.Before > 0 {
		p = p.Where("id < @before", river.NamedArgs{"before": f.Before})
	}
	r, err := q.client.JobList(ctx, p)
	if err != nil {
		return Page{}, failed(err)
	}
	rows := r.Jobs
	page := Page{}
	if len(rows) > n {
		rows = rows[:n]
		page.Next = rows[n-1].ID
	}
	page.Jobs, err = q.with(ctx, rows)
	return page, err
}

// with adds the records to River's rows.
func (q *Queue) with(ctx context.Context, rows []*rivertype.JobRow) ([]Job, error) {
	list := make([]Job, 0, len(rows))
	if len(rows) == 0 {
		return list, nil
	}
	ids := make([]int64, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	var records []record
	err := q.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		return tx.NewSelect().Model(&records).Where("job IN (?)", bun.List(ids)).Scan(ctx)
	})
	if err != nil {
		return nil, err
	}
	byID := make(map[int64]record, len(records))
	for _, r := range records {
		byID[r.Job] = r
	}
	at := func(t *time.Time) ledger.Time {
		if t == nil {
			return 0
		}
		return ledger.At(*t)
	}
	for _, row := range rows {
		k, r := q.kinds[row.Kind], byID[row.ID]
		j := Job{
			ID: row.ID, Kind: row.Kind, ZH: k.ZH, EN: k.EN, State: state(row.State), Attempt: row.Attempt, Actor: r.Actor,
			Created: ledger.At(row.CreatedAt), Scheduled: ledger.At(row.ScheduledAt), Started: at(row.AttemptedAt), Ended: at(row.FinalizedAt),
			Done: r.Done, Total: r.Total, WordsZH: r.WordsZH, WordsEN: r.WordsEN, ErrorZH: r.ErrorZH, ErrorEN: r.ErrorEN,
		}
		if r.Result != "" {
			j.Result = json.RawMessage(r.Result)
		}
		list = append(list, j)
	}
	return list, nil
}

// Cancel stops a job: one that waits is not begun, one that runs is told by its context, and what its steps have written stays. A job that has ended is left as it is.
func (q *Queue) Cancel(ctx context.Context, id int64) error {
	if _, err := q.client.JobCancel(ctx, id); errors.Is(err, rivertype.ErrNotFound) {
		return errs.Newf(errs.NotFound, "没有后台任务 %[1]d", "there is no job %[1]d", id)
	} else if err != nil {
		return failed(err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if cancel, running := q.running[id]; running {
		cancel(errCancelled)
	}
	return nil
}

// errCancelled tells a job that somebody asked it to stop from one whose process stops.
var errCancelled error = errs.New(errs.Unavailable, "已按要求中止", "stopped as asked")

// tidy drops the records of jobs that the queue has dropped.
func (q *Queue) tidy(ctx context.Context, r *Run, _ struct{}) error {
	return r.Write(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM job_run WHERE NOT EXISTS (SELECT 1 FROM river_job WHERE river_job.id = job_run.job)")
		if err != nil {
			return err
		}
		_, err = tx.Forget(ctx, tx.Now.Add(-30*24*time.Hour))
		return err
	})
}
