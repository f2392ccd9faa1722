// Package jobs is long and scheduled work on the ledger's database: named, idempotent, resumable jobs that are queued
// in the same transaction as the data.
//
// It owns the queue (River's tables and job_run). It never knows what a job is about.
//
// A job is named by its [Kind] and given arguments that encoding/json can write. It may be killed at any moment and is then run again, so
// its work must be repeatable: it writes in steps and keeps its place with each ([Run.Place], [Run.Keep]). A job that ends with an error which
// trying again won't mend (errs.Invalid, NotFound, Conflict, Refused) is given up at once; any other is tried again later.
package jobs

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"shouwang/internal/errs"
	"shouwang/internal/ledger"
)

// Kind is a kind of job.
type Kind struct {
	Name     string        // SUBJECT.VERB in ASCII: task.tick
	ZH, EN   string        // what people call it
	Attempts int           // tries before it is given up; 0 means 8
	Timeout  time.Duration // of one try; 0 means none
	Long     bool          // one at a time, in a queue of its own, so that short ones don't wait for it
	Single   bool          // no second one with the same arguments waits or runs at the same time
}

// Queue is the jobs of a ledger. Register kinds, then Start.
type Queue struct {
	ledger  *ledger.Ledger
	client  *river.Client[*sql.Tx]
	workers *river.Workers
	log     *slog.Logger
	now     func() time.Time

	kinds   map[string]Kind
	sole    *ledger.Sole  // that no other process works the queue
	watched chan struct{} // closed when nobody looks after sole any more
	unwatch context.CancelFunc
	mu      sync.Mutex
	running map[int64]context.CancelCauseFunc
}

// The queues.
const (
	shortQueue = "short"
	longQueue  = "long"
)

// New makes the queue and its tables. now is the clock that jobs are told.
func New(ctx context.Context, l *ledger.Ledger, now func() time.Time, log *slog.Logger) (*Queue, error) {
	q := &Queue{ledger: l, log: log, now: now, workers: river.NewWorkers(), kinds: map[string]Kind{}, running: map[int64]context.CancelCauseFunc{}}
	quiet := slog.New(&quietHandler{log.Handler()})
	var driver riverdriver.Driver[*sql.Tx] = riversqlite.New(l.Queue())
	if l.Engine() == ledger.PostgreSQL {
		driver = riverdatabasesql.New(l.Queue())
	}
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: quiet})
	if err != nil {
		return nil, failed(err)
	}
	if err := migrate(ctx, migrator); err != nil {
		return nil, failed(err)
	}
	q.client, err = river.NewClient(driver, &river.Config{
		ID:                          "shouwang",
		Logger:                      quiet,
		Workers:                     q.workers,
		Queues:                      map[string]river.QueueConfig{shortQueue: {MaxWorkers: 4}, longQueue: {MaxWorkers: 1}},
		PollOnly:                    true, // no LISTEN through database/sql
		FetchPollInterval:           time.Second,
		JobTimeout:                  -1,
		MaxAttempts:                 8,
		CompletedJobRetentionPeriod: 30 * 24 * time.Hour,
		CancelledJobRetentionPeriod: 30 * 24 * time.Hour,
		DiscardedJobRetentionPeriod: 90 * 24 * time.Hour,
		RescueStuckJobsAfter:        30 * 24 * time.Hour, // what a killed process left is found by Start; a job may take long
	})
	if err != nil {
		return nil, failed(err)
	}
	Register(q, Kind{Name: "jobs.tidy", ZH: "清理后台任务记录", EN: "Tidy the records of jobs", Single: true}, q.tidy)
	q.Every("jobs.tidy", 24*time.Hour)
	return q, nil
}

// migrate makes the queue's tables; another process may be doing the same.
func migrate(ctx context.Context, m *rivermigrate.Migrator[*sql.Tx]) (err error) {
	for range 20 {
		if _, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil); err == nil || ctx.Err() != nil {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

func failed(err error) error {
	var known *errs.Error
	if err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) {
		return err
	}
	return errs.Wrap(errs.Unavailable, err, "后台任务队列无法使用", "the queue of jobs cannot be used")
}

// payload is a job's arguments as River carries them.
type payload struct {
	kind string
	json json.RawMessage
}

// Kind names the kind.
func (p payload) Kind() string { return p.kind }

// MarshalJSON gives the arguments.
func (p payload) MarshalJSON() ([]byte, error) {
	if p.json == nil {
		return []byte("{}"), nil
	}
	return p.json, nil
}

// UnmarshalJSON keeps them for later.
func (p *payload) UnmarshalJSON(text []byte) error {
	p.json = slices.Clone(text)
	return nil
}

// worker does the jobs of one kind.
type worker struct {
	river.WorkerDefaults[payload]

	queue *Queue
	kind  Kind
	work  func(context.Context, *Run, json.RawMessage) error
}

// Timeout is the kind's.
func (w *worker) Timeout(*river.Job[payload]) time.Duration {
	if w.kind.Timeout == 0 {
		return -1
	}
	return w.kind.Timeout
}

// Register says how jobs of a kind are done. All kinds are registered before [Queue.Start]; one that is registered twice is a fault of the program.
func Register[T any](q *Queue, k Kind, work func(context.Context, *Run, T) error) {
	if k.Attempts == 0 {
		k.Attempts = 8
	}
	q.kinds[k.Name] = k
	river.AddWorkerArgs(q.workers, payload{kind: k.Name}, &worker{queue: q, kind: k, work: func(ctx context.Context, r *Run, text json.RawMessage) error {
		var args T
		if err := json.Unmarshal(text, &args); err != nil {
			return errs.Wrap(errs.Invalid, err, "后台任务的参数无法读取", "the job's arguments cannot be read")
		}
		return work(ctx, r, args)
	}})
}

// Kinds gives the registered kinds.
func (q *Queue) Kinds() map[string]Kind { return q.kinds }

// options are how River is to take a kind.
func (k Kind) options() *river.InsertOpts {
	o := &river.InsertOpts{Queue: shortQueue, MaxAttempts: k.Attempts}
	if k.Long {
		o.Queue = longQueue
	}
	if k.Single {
		o.UniqueOpts = river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
			rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateRunning, rivertype.JobStateScheduled,
		}}
	}
	return o
}

// Enqueue queues a job in tx: it exists when tx commits, and only then. actor is the account that asked for it. It gives the job's number; for a [Kind] that is Single
// that of the one which waits or runs already.
func (q *Queue) Enqueue(ctx context.Context, tx *ledger.Tx, actor, kind string, args any) (int64, error) {
	return q.EnqueueAt(ctx, tx, actor, kind, args, time.Time{})
}

// EnqueueAt is [Queue.Enqueue] for later; the zero time is now.
func (q *Queue) EnqueueAt(ctx context.Context, tx *ledger.Tx, actor, kind string, args any, at time.Time) (int64, error) {
	k, known := q.kinds[kind]
	if !known {
		return 0, errs.Newf(errs.Internal, "没有后台任务 %[1]q", "there is no job %[1]q", kind)
	}
	if args == nil {
		args = struct{}{}
	}
	text, err := json.Marshal(args)
	if err != nil {
		return 0, errs.Wrap(errs.Internal, err, "后台任务的参数无法记录", "the job's arguments cannot be recorded")
	}
	o := k.options()
	o.ScheduledAt = at
	r, err := q.client.InsertTx(ctx, tx.Tx.Tx, payload{kind, text}, o)
	if err != nil {
		return 0, err
	}
	if r.UniqueSkippedAsDuplicate {
		return r.Job.ID, nil
	}
	return r.Job.ID, save(ctx, tx, &record{Job: r.Job.ID, Actor: actor})
}

// Every has a job of the kind, with empty arguments, queued at the start and then at each interval. A clock that jumps or a restart brings one early
// or late, so the job itself looks what is due.
func (q *Queue) Every(kind string, interval time.Duration) {
	k := q.kinds[kind]
	q.client.PeriodicJobs().Add(river.NewPeriodicJob(river.PeriodicInterval(interval), func() (river.JobArgs, *river.InsertOpts) {
		return payload{kind: kind, json: json.RawMessage("{}")}, k.options()
	}, &river.PeriodicJobOpts{RunOnStart: true}))
}

// Start begins to work until [Queue.Stop]. One process works a ledger's queue: for a second one the error is errs.Conflict. So jobs that are marked as running are
// what a killed one left behind, and are run again.
func (q *Queue) Start(ctx context.Context) error {
	sole, err := q.ledger.Sole(ctx, "jobs")
	if err != nil {
		return failed(err)
	}
	q.sole = sole
	_, err = q.ledger.Queue().ExecContext(ctx, "UPDATE river_job SET state = 'available' WHERE state = 'running'")
	if err == nil {
		err = q.client.Start(ctx)
	}
	if err != nil {
		return failed(errors.Join(err, sole.End(ctx)))
	}
	watching, cancel := context.WithCancel(context.WithoutCancel(ctx))
	q.unwatch, q.watched = cancel, make(chan struct{})
	go q.watch(watching)
	return nil
}

// soleEvery is how often the queue looks whether it is still its own.
const soleEvery = 10 * time.Second

// watch stops the work when the database has given the queue to another process: after a break of the network both would work it.
func (q *Queue) watch(ctx context.Context) {
	defer close(q.watched)
	look := time.NewTicker(soleEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		switch err := q.sole.Check(ctx); {
		case errs.KindOf(err) == errs.Conflict:
			q.log.Error("jobs: another process works the queue; no more jobs are run here", "error", err.Error())
			if err := q.client.StopAndCancel(ctx); err != nil && ctx.Err() == nil {
				q.log.Error("jobs: stopping", "error", err.Error())
			}
			return
		case err != nil && ctx.Err() == nil:
			q.log.Warn("jobs: the queue's lock cannot be looked at", "error", err.Error())
		}
	}
}

// Stop lets running jobs end until ctx is over, then cancels them; they are run again after the next start.
func (q *Queue) Stop(ctx context.Context) error {
	if q.unwatch != nil {
		q.unwatch()
		<-q.watched
	}
	err := q.client.Stop(ctx)
	hard, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err != nil {
		err = q.client.StopAndCancel(hard)
	}
	if q.sole != nil {
		err = errors.Join(err, q.sole.End(hard))
	}
	return failed(err)
}

// quietHandler passes River's warnings and errors on and nothing below: it tells of every fetch.
type quietHandler struct{ slog.Handler }

// Enabled is for warnings and what is worse.
func (h *quietHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

// WithAttrs keeps it quiet.
func (h *quietHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &quietHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup keeps it quiet.
func (h *quietHandler) WithGroup(name string) slog.Handler {
	return &quietHandler{h.Handler.WithGroup(name)}
}
