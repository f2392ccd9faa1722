package cli

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"shouwang/internal/api"
	"shouwang/internal/app"
	"shouwang/internal/jobs"
	"shouwang/internal/ledger"
	"shouwang/internal/relay"
)

// serving is a server at work. When an amendment of the policy pack comes into force (its day begins, or it was approved for today), pages, interface, jobs and
// command lines go on with another program over the same stores; requests that were begun end with the old one, and the listener stays.
type serving struct {
	*env
	options serveOptions
	proxies []netip.Prefix
	at      net.Addr

	mu    sync.Mutex
	app   *app.App
	queue *jobs.Queue
}

// followEvery is how long after its approval, or after midnight, an amendment for today comes into force. It is one look into an index.
const followEvery = 5 * time.Second

// begin makes pages, interface and jobs for a program, and starts the jobs.
func (s *serving) begin(ctx context.Context, a *app.App) (*api.Server, error) {
	queue, err := a.Jobs(ctx, s.Now)
	if err != nil {
		return nil, err
	}
	pages, err := s.options.pages(s.env, a, queue, s.at)
	if err != nil {
		return nil, err
	}
	server, err := api.New(a, api.Options{Now: s.Now, Log: a.Log, Proxies: s.proxies, Queue: queue, Pages: pages.Handler()})
	if err != nil {
		return nil, err
	}
	if err := queue.Start(context.WithoutCancel(ctx)); err != nil { // it is stopped gently
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.app, s.queue = a, queue
	return server, nil
}

// stop ends the jobs: running ones may take stopJobs to end, then they are stopped, and run again when jobs are started next.
func (s *serving) stop(ctx context.Context) error {
	s.mu.Lock()
	queue := s.queue
	s.queue = nil
	s.mu.Unlock()
	if queue == nil {
		return nil
	}
	gently, cancel := context.WithTimeout(ctx, stopJobs)
	defer cancel()
	return queue.Stop(gently)
}

// follow keeps to the pack in force until ctx ends. What cannot be done now (the ledger does not answer) is tried again; until then the old pack stays.
func (s *serving) follow(ctx context.Context, first *api.Server) error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := s.current()
		next, err := now.Next(ctx, s.Now())
		if err == nil && next != now {
			err = s.change(ctx, first, next)
		}
		if err != nil && ctx.Err() == nil {
			now.Log.Error("the policy pack in force could not be put to use", "error", err)
		}
	}
}

func (s *serving) current() *app.App {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.app
}

// change goes on with another program, and has everybody screened by its pack.
func (s *serving) change(ctx context.Context, first *api.Server, next *app.App) error {
	before := s.current()
	if err := s.stop(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	server, err := s.begin(ctx, next)
	if err != nil {
		_, again := s.begin(ctx, before) // jobs go on with the old pack
		return errors.Join(err, again)
	}
	first.Replace(server)
	next.Log.Info("another policy pack is in force", "pack", next.Pack.Hash, "amendment", next.Place())
	return next.Ledger.Write(ctx, s.Now(), func(ctx context.Context, tx *ledger.Tx) error {
		s.mu.Lock()
		queue := s.queue
		s.mu.Unlock()
		_, err := queue.Enqueue(ctx, tx, "system:policy", "screening.run", map[string]any{})
		return err
	})
}

// lend runs command lines of others on the open program.
func (s *serving) lend() relay.Run {
	return func(ctx context.Context, call relay.Call, stdin io.Reader, stdout, stderr io.Writer) int {
		return Run(ctx, Env{
			Args: call.Args, Stdin: stdin, Stdout: stdout, Stderr: stderr,
			Getenv: func(name string) string { return call.Env[name] },
			Now:    s.Now, Dir: call.Dir, Lent: s.current().Lend(),
		})
	}
}
