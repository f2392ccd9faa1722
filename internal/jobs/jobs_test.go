package jobs_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"shouwang/internal/errs"
	"shouwang/internal/jobs"
	"shouwang/internal/ledger"
	"shouwang/internal/ledger/ledgertest"
)

func open(t testing.TB, l *ledger.Ledger) *jobs.Queue {
	t.Helper()
	q, err := jobs.New(t.Context(), l, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func start(t testing.TB, q *jobs.Queue) {
	t.Helper()
	if err := q.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := q.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
}

func enqueue(t testing.TB, l *ledger.Ledger, q *jobs.Queue, kind string, args any) int64 {
	t.Helper()
	var id int64
	err := l.Write(t.Context(), time.Now(), func(ctx context.Context, tx *ledger.Tx) (err error) {
		id, err = q.Enqueue(ctx, tx, "wang", kind, args)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// wait waits until a job is in a state.
func wait(t testing.TB, q *jobs.Queue, id int64, state string) jobs.Job {
	t.Helper()
	for range 600 {
		j, err := q.Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if j.State == state {
			return j
		}
		time.Sleep(50 * time.Millisecond)
	}
	j, _ := q.Get(t.Context(), id)
	t.Fatalf("job %d is %+v, not %s", id, j, state)
	return jobs.Job{}
}

type args struct {
	N    int
	Name string
}

func TestJobs(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		q := open(t, l)
		var sum atomic.Int64
		jobs.Register(q, jobs.Kind{Name: "test.add", ZH: "加", EN: "Add"}, func(ctx context.Context, r *jobs.Run, a args) error {
			sum.Add(int64(a.N))
			if r.Actor != "wang" || r.Attempt != 1 || r.Now().IsZero() {
				t.Errorf("%+v", r)
			}
			return errors.Join(r.Progress(ctx, 3, 3, "加完了", "added"), r.Result(map[string]int{"n": a.N}))
		})
		jobs.Register(q, jobs.Kind{Name: "test.refuse"}, func(context.Context, *jobs.Run, args) error {
			return errs.New(errs.Invalid, "参数不对", "wrong arguments")
		})
		var tries atomic.Int64
		jobs.Register(q, jobs.Kind{Name: "test.retry"}, func(ctx context.Context, r *jobs.Run, _ args) error {
			var place int
			had, err := r.Place(&place)
			if err != nil || had != (r.Attempt > 1) || place != 7*(r.Attempt-1) {
				t.Errorf("attempt %d: %v %d, %v", r.Attempt, had, place, err)
			}
			if tries.Add(1) > 1 {
				return nil
			}
			if err := r.Write(ctx, func(ctx context.Context, tx *ledger.Tx) error { return r.Keep(ctx, tx, 7) }); err != nil {
				return err
			}
			return errs.New(errs.Unavailable, "暂时不行", "not now")
		})
		begun := make(chan int64, 2)
		jobs.Register(q, jobs.Kind{Name: "test.long", Long: true, Single: true}, func(ctx context.Context, r *jobs.Run, _ args) error {
			begun <- r.ID
			<-ctx.Done()
			return r.Progress(ctx, 1, 2, "", "")
		})
		jobs.Register(q, jobs.Kind{Name: "test.fault", Attempts: 1}, func(context.Context, *jobs.Run, args) error { panic("a fault") })

		// A job exists with its transaction only.
		stop := errors.New("stop")
		err := l.Write(t.Context(), time.Now(), func(ctx context.Context, tx *ledger.Tx) error {
			if _, err := q.Enqueue(ctx, tx, "wang", "test.add", args{N: 1000}); err != nil {
				return err
			}
			return stop
		})
		if !errors.Is(err, stop) {
			t.Error(err)
		}
		err = l.Write(t.Context(), time.Now(), func(ctx context.Context, tx *ledger.Tx) error {
			_, err := q.Enqueue(ctx, tx, "wang", "no.such", nil)
			return err
		})
		if errs.KindOf(err) != errs.Internal {
			t.Error(err)
		}
		add := enqueue(t, l, q, "test.add", args{N: 5, Name: `从江 "'\ ?`})
		refuse, retry, fault := enqueue(t, l, q, "test.refuse", args{}), enqueue(t, l, q, "test.retry", args{}), enqueue(t, l, q, "test.fault", nil)
		long := enqueue(t, l, q, "test.long", args{N: 1})
		if again := enqueue(t, l, q, "test.long", args{N: 1}); again != long {
			t.Errorf("a second one of a single job: %d, %d", again, long)
		}
		other := enqueue(t, l, q, "test.long", args{N: 2})
		if other == long {
			t.Error("other arguments are another job")
		}
		var later int64
		err = l.Write(t.Context(), time.Now(), func(ctx context.Context, tx *ledger.Tx) (err error) {
			later, err = q.EnqueueAt(ctx, tx, "wang", "test.add", args{N: 100}, time.Now().Add(time.Hour))
			return err
		})
		if err != nil {
			t.Error(err)
		}
		start(t, q)
		if j := wait(t, q, add, "done"); j.Actor != "wang" || j.ZH != "加" || j.Done != 3 || j.Total != 3 || j.WordsEN != "added" || string(j.Result) != `{"n":5}` || j.Ended == 0 {
			t.Errorf("%+v", j)
		}
		if j := wait(t, q, refuse, "cancelled"); j.ErrorZH != "参数不对" || j.ErrorEN != "wrong arguments" || j.Attempt != 1 {
			t.Errorf("%+v", j)
		}
		wait(t, q, fault, "failed")
		if j := wait(t, q, retry, "done"); j.Attempt != 2 || j.ErrorZH != "" {
			t.Errorf("%+v", j)
		}
		if id := <-begun; id != long {
			t.Errorf("%d began", id)
		}
		if err := q.Cancel(t.Context(), long); err != nil {
			t.Error(err)
		}
		wait(t, q, long, "cancelled")
		if id := <-begun; id != other {
			t.Errorf("%d began", id)
		}
		if err := errors.Join(q.Cancel(t.Context(), other), q.Cancel(t.Context(), later)); err != nil {
			t.Error(err)
		}
		wait(t, q, later, "cancelled")
		wait(t, q, other, "cancelled")
		if err := q.Cancel(t.Context(), 999999); errs.KindOf(err) != errs.NotFound {
			t.Error(err)
		}
		if _, err := q.Get(t.Context(), 999999); errs.KindOf(err) != errs.NotFound {
			t.Error(err)
		}
		if sum.Load() != 5 {
			t.Errorf("sum %d", sum.Load())
		}
		count := func(f jobs.Filter) (n int) {
			for {
				p, err := q.List(t.Context(), f)
				if err != nil {
					t.Fatal(err)
				}
				n += len(p.Jobs)
				if f.Before = p.Next; p.Next == 0 {
					return n
				}
			}
		}
		for want, f := range map[int]jobs.Filter{2: {Kind: "test.add"}, 4: {State: "cancelled"}, 1: {State: "failed", Limit: 1}, 7: {Limit: 3}} {
			got := count(f)
			if f.Kind == "" && f.State == "" {
				got -= count(jobs.Filter{Kind: "jobs.tidy"})
			}
			if got != want {
				t.Errorf("%+v: %d jobs, want %d", f, got, want)
			}
		}
		if _, err := q.List(t.Context(), jobs.Filter{State: "x"}); errs.KindOf(err) != errs.Invalid {
			t.Error(err)
		}
	})
}

func TestScheduled(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		q := open(t, l)
		ran := make(chan bool, 100)
		jobs.Register(q, jobs.Kind{Name: "test.tick", Single: true}, func(_ context.Context, r *jobs.Run, _ struct{}) error {
			if r.Actor != "" {
				t.Errorf("a schedule is nobody's: %q", r.Actor)
			}
			ran <- true
			return nil
		})
		q.Every("test.tick", time.Second)
		start(t, q)
		for range 3 {
			<-ran
		}
	})
}

// The child of TestKill works jobs until it is killed: each writes its steps with its place.
func TestMain(m *testing.M) {
	if url := os.Getenv("SHOUWANG_TEST_CHILD"); url != "" {
		if err := child(url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

const steps = 20

func registerSteps(q *jobs.Queue, pause time.Duration, told func()) {
	jobs.Register(q, jobs.Kind{Name: "test.steps"}, func(ctx context.Context, r *jobs.Run, a args) error {
		place := 0
		if _, err := r.Place(&place); err != nil {
			return err
		}
		for ; place < steps; place++ {
			err := r.Write(ctx, func(ctx context.Context, tx *ledger.Tx) error {
				if _, err := tx.ExecContext(ctx, "INSERT INTO test_step (job, n) VALUES (?, ?)", a.N, place); err != nil {
					return err
				}
				return r.Keep(ctx, tx, place+1)
			})
			if err != nil {
				return err
			}
			told()
			time.Sleep(pause)
		}
		return nil
	})
}

func child(url string) error {
	ctx := context.Background()
	l, err := ledger.Open(ctx, url, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	q, err := jobs.New(ctx, l, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	registerSteps(q, 10*time.Millisecond, func() { fmt.Println("step") })
	if err := q.Start(ctx); err != nil {
		return err
	}
	select {}
}

// Killed with SIGKILL at some moment, jobs are finished by the next process, and no step is done twice.
func TestKill(t *testing.T) {
	ledgertest.EachURL(t, func(t *testing.T, url string) {
		l := ledgertest.Open(t, url)
		q := open(t, l)
		registerSteps(q, 0, func() {})
		err := l.Write(t.Context(), time.Now(), func(ctx context.Context, tx *ledger.Tx) error {
			_, err := tx.ExecContext(ctx, "CREATE TABLE test_step (job BIGINT, n BIGINT)") // without a key: what is done twice shows
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		const n = 5
		var ids []int64
		for i := range n {
			ids = append(ids, enqueue(t, l, q, "test.steps", args{N: i}))
		}
		for range 2 {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=none")
			cmd.Env = append(os.Environ(), "SHOUWANG_TEST_CHILD="+url)
			cmd.Stderr = os.Stderr
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			for i := 0; i < 15 && lines.Scan(); i++ {
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // it was killed
		}
		start(t, q)
		for _, id := range ids {
			wait(t, q, id, "done")
		}
		var counts []struct{ Job, Steps, Different int64 }
		err = l.Read(t.Context(), func(ctx context.Context, tx *ledger.Tx) error {
			return tx.NewRaw("SELECT job, count(*) AS steps, count(DISTINCT n) AS different FROM test_step GROUP BY job").Scan(ctx, &counts)
		})
		text, _ := json.Marshal(counts)
		if err != nil || len(counts) != n || strings.Count(string(text), fmt.Sprintf(`"Steps":%d,"Different":%d}`, steps, steps)) != n {
			t.Errorf("%s, %v", text, err)
		}
	})
}

// On PostgreSQL two servers could have one ledger: the second is told, and may go on when the first is gone.
func TestOneServerWorksTheQueue(t *testing.T) {
	url := ledgertest.Postgres(t)
	first, second := open(t, ledgertest.Open(t, url)), open(t, ledgertest.Open(t, url))
	if err := first.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := second.Start(t.Context())
	if errs.KindOf(err) != errs.Conflict || !strings.Contains(errs.Text(err, "zh"), "另一个守望服务器") || !strings.Contains(errs.Text(err, "en"), "another Shouwang server") {
		t.Fatalf("the second server: %v", err)
	}
	if err := first.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	start(t, second)
}

// A right that the database has lost, by a break of the connection, is taken again, unless somebody else was faster.
func TestALostRight(t *testing.T) {
	url := ledgertest.Postgres(t)
	who := fmt.Sprintf("cut-%d-%d", os.Getpid(), time.Now().UnixNano())
	a, b := ledgertest.Open(t, url+"&application_name="+who), ledgertest.Open(t, url)
	mine, err := a.Sole(t.Context(), "jobs")
	if err != nil {
		t.Fatal(err)
	}
	cut := func() { // as a broken network does
		if _, err := b.Queue().ExecContext(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1", who); err != nil {
			t.Fatal(err)
		}
	}
	cut()
	if err := mine.Check(t.Context()); err != nil {
		t.Errorf("nobody else has it: %v", err)
	}
	if _, err := b.Sole(t.Context(), "jobs"); errs.KindOf(err) != errs.Conflict {
		t.Errorf("it was taken again: %v", err)
	}
	if err := mine.End(t.Context()); err != nil {
		t.Error(err)
	}
	theirs, err := b.Sole(t.Context(), "jobs")
	if err != nil {
		t.Fatal(err)
	}
	if err := theirs.End(t.Context()); err != nil {
		t.Error(err)
	}
}
