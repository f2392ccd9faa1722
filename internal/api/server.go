package api

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"shouwang/internal/account"
	"shouwang/internal/app"
	"shouwang/internal/casework"
	"shouwang/internal/errs"
	"shouwang/internal/housecode"
	"shouwang/internal/jobs"
	"shouwang/internal/measure"
	"shouwang/internal/paper"
	"shouwang/internal/throttle"
)

// Options of a server.
type Options struct {
	Now     func() time.Time
	Log     *slog.Logger   // access and error log, without personal data; nil = silent
	Proxies []netip.Prefix // reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are believed
	Limits  Limits
	Pages   http.Handler // pages for people: every address that is not the interface's; nil = none. They bound the size of their forms themselves
	Queue   *jobs.Queue  // not yet started: the server adds its kinds; nil = it starts no jobs
}

// Limits bound what a caller can make the server do. The zero value means the defaults.
type Limits struct {
	Body       int64         // bytes of a JSON body; default 1 MiB
	Upload     int64         // bytes of an uploaded file; default 4 GiB
	HeaderWait time.Duration // for a request's headers; default 5 s
	BodyStall  time.Duration // between two pieces of a body; default 15 s
	BodyRate   int64         // bytes a second that a body must come with after the first stall time; default 1 KiB
	WriteStall time.Duration // for a piece of the answer to be taken; default 30 s
	Idle       time.Duration // of a kept connection; default 60 s
	Stop       time.Duration // for running requests when the server stops; default 20 s
	SignIn     Rate          // attempts to sign in, an address; default 60 at once, 2 a second: a county's staff may sit behind one
	Public     Rate          // requests without an account, an address; default 30 at once, 1 a second
	Apply      Rate          // self-applications and looks at them by code, an address; default 5 at once, 1 in 20 s
}

// Rate is a token bucket: Burst at once, then one every Every.
type Rate = throttle.Rate

func (l Limits) filled() Limits {
	set := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	count := func(v *int64, n int64) {
		if *v == 0 {
			*v = n
		}
	}
	rate := func(r *Rate, burst int, every time.Duration) {
		if r.Burst == 0 {
			*r = Rate{Burst: burst, Every: every}
		}
	}
	count(&l.Body, 1<<20)
	count(&l.Upload, 4<<30)
	count(&l.BodyRate, 1<<10)
	set(&l.HeaderWait, 5*time.Second)
	set(&l.BodyStall, 15*time.Second)
	set(&l.WriteStall, 30*time.Second)
	set(&l.Idle, time.Minute)
	set(&l.Stop, 20*time.Second)
	rate(&l.SignIn, 60, 500*time.Millisecond)
	rate(&l.Public, 30, time.Second)
	rate(&l.Apply, 5, 20*time.Second)
	return l
}

// Server answers requests on an open program. It does not own the program: who opened it closes it after Serve has returned.
type Server struct {
	app     *app.App
	now     func() time.Time
	log     *slog.Logger
	limits  Limits
	proxies []netip.Prefix
	mux     *http.ServeMux
	handler http.Handler
	api     huma.API

	accesses   map[string]access                    // by operation id
	fileRoutes map[string]bool                      // "METHOD /path" of the routes that take files
	files      map[string]map[string]*huma.Response // by operation id: answers that are files

	accounts *account.Service
	cases    *casework.Service
	codes    *housecode.Codes
	plans    *measure.Service
	queue    *jobs.Queue
	font     func() (*paper.Font, error) // opened when the first paper is made

	pages http.Handler

	next     atomic.Pointer[Server] // who answers in its place
	stopping atomic.Bool
	signIn   *throttle.Limiter
	public   *throttle.Limiter
	apply    *throttle.Limiter
}

// New makes a server on an open program. The error is NotFound when the pack has no workflow.
func New(a *app.App, o Options) (*Server, error) {
	cases, err := a.Casework()
	if err != nil {
		return nil, err
	}
	plans, err := a.Plans()
	if err != nil {
		return nil, err
	}
	codes, err := housecode.New(a.Keyring)
	if err != nil {
		return nil, err
	}
	s := assemble(a, a.Accounts(), cases, o)
	s.codes, s.plans = codes, plans
	if o.Queue != nil {
		s.queue = o.Queue
		s.register(o.Queue)
	}
	return s, nil
}

// assemble makes the server of its parts.
func assemble(a *app.App, accounts *account.Service, cases *casework.Service, o Options) *Server {
	s := &Server{app: a, now: o.Now, log: o.Log, limits: o.Limits.filled(), proxies: o.Proxies, pages: o.Pages, mux: http.NewServeMux(), accounts: accounts, cases: cases}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.font = sync.OnceValues(paper.OpenFont)
	s.accesses, s.fileRoutes, s.files = map[string]access{}, map[string]bool{}, map[string]map[string]*huma.Response{}
	s.signIn, s.public, s.apply = throttle.New(s.limits.SignIn), throttle.New(s.limits.Public), throttle.New(s.limits.Apply)
	answersOfHuma()
	s.api = humago.New(s.mux, description())
	s.routes()
	s.handler = s.guard(s.mux)
	return s
}

// Handler is everything behind the listener: guards, then routes.
func (s *Server) Handler() http.Handler { return s.handler }

// Replace has another server answer what comes from now on, on the listener of this one: another pack is in force. Requests that were begun end here.
func (s *Server) Replace(next *Server) { s.newest().next.Store(next) }

// newest is the last of those that took the place of this one.
func (s *Server) newest() *Server {
	for {
		next := s.next.Load()
		if next == nil {
			return s
		}
		s = next
	}
}

// Serve answers on l until ctx stops; then it takes no new requests, lets running ones end (Limits.Stop), and returns nil.
func (s *Server) Serve(ctx context.Context, l net.Listener, certs *tls.Config) error {
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.newest().handler.ServeHTTP(w, r) }), ReadHeaderTimeout: s.limits.HeaderWait, IdleTimeout: s.limits.Idle, MaxHeaderBytes: 32 << 10,
		ErrorLog:  slog.NewLogLogger(serverLog{s.log.Handler()}, slog.LevelDebug),
		TLSConfig: certs,
	}
	done := make(chan error, 1)
	go func() {
		if certs != nil {
			done <- server.ServeTLS(l, "", "")
			return
		}
		done <- server.Serve(l)
	}()
	select {
	case err := <-done:
		return errs.Wrap(errs.Unavailable, err, "服务意外停止", "the server stopped unexpectedly")
	case <-ctx.Done():
	}
	s.newest().stopping.Store(true)
	wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.limits.Stop)
	defer cancel()
	err := server.Shutdown(wait)
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn("requests were still running when the server stopped")
		err = server.Close()
	}
	if served := <-done; err == nil && !errors.Is(served, http.ErrServerClosed) {
		err = served
	}
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		return errs.Wrap(errs.Unavailable, err, "服务没有正常停止", "the server did not stop cleanly")
	}
	return nil
}

// serverLog keeps what net/http has to say (TLS handshakes that fail and the like) but not the addresses in it.
type serverLog struct{ slog.Handler }

func (h serverLog) Handle(ctx context.Context, r slog.Record) error {
	return h.Handler.Handle(ctx, slog.NewRecord(r.Time, slog.LevelDebug, "a connection failed", r.PC))
}

// TLS reads a certificate chain and its key for Serve.
func TLS(certFile, keyFile string) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, errs.Wrap(errs.Invalid, err, "无法使用 TLS 证书或私钥", "cannot use the TLS certificate or its key")
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}
