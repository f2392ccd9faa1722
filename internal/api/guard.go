package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"shouwang/internal/errs"
)

// request is what the guards know about a request; handlers find it in the context.
type request struct {
	id     string
	lang   string // zh or en
	addr   netip.Addr
	secure bool // came over TLS, here or at a trusted proxy
	who    string
	route  string
	typed  []string // what the address holds that may be somebody's name or number; no answer repeats it
	server *Server
}

type requestKey struct{}

func about(ctx context.Context) *request {
	if r, ok := ctx.Value(requestKey{}).(*request); ok {
		return r
	}
	return &request{lang: "zh"}
}

// guard is what stands before every route, outermost first: identity of the request, log, recovery, headers, cross-origin check, body limits.
func (s *Server) guard(next http.Handler) http.Handler {
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.answer(w, r, problem(http.StatusForbidden, "cross_origin", errs.New(errs.Refused, "请求来自别的网站，已拒绝", "the request comes from another site and is refused")))
	}))
	inner := origin.Handler(s.bodies(next))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := &request{server: s, id: newRequestID(), lang: language(r.Header.Get("Accept-Language"))}
		q.addr, q.secure = s.caller(r)
		r = r.WithContext(context.WithValue(r.Context(), requestKey{}, q))
		out := &recorder{ResponseWriter: w, stall: s.limits.WriteStall}
		began := time.Now()
		defer s.logAccess(r, q, out, began)
		defer s.recover(out, r)
		headers(w.Header(), q)
		inner.ServeHTTP(out, r)
	})
}

// headers are on every answer. Pages may loosen what they need.
func headers(h http.Header, q *request) {
	h.Set("X-Request-Id", q.id)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "geolocation=(), camera=(), microphone=()")
	h.Set("Cache-Control", "no-store")
	if q.secure {
		h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	}
}

func newRequestID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// language is the first of the two languages that the caller asks for; Chinese when neither.
func language(accept string) string {
	best, quality := "zh", 0.0
	for _, part := range strings.Split(accept, ",") {
		tag, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		q := 1.0
		if v, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			var err error
			if q, err = strconv.ParseFloat(v, 64); err != nil {
				continue
			}
		}
		tag = strings.ToLower(tag)
		for _, lang := range []string{"zh", "en"} {
			if (tag == lang || strings.HasPrefix(tag, lang+"-")) && q > quality {
				best, quality = lang, q
			}
		}
	}
	return best
}

// caller is the address that a request comes from, and whether it came over TLS. Headers that say so are believed from trusted proxies only.
func (s *Server) caller(r *http.Request) (netip.Addr, bool) {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.IPv6Unspecified(), r.TLS != nil
	}
	addr, secure := at.Addr().Unmap(), r.TLS != nil
	if !s.trusts(addr) {
		return addr, secure
	}
	secure = secure || r.Header.Get("X-Forwarded-Proto") == "https"
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- { // the last one that is no proxy of ours: what stands before it may be invented
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		addr = hop.Unmap()
		if !s.trusts(addr) {
			break
		}
	}
	return addr, secure
}

func (s *Server) trusts(a netip.Addr) bool {
	for _, p := range s.proxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// recorder notes what was answered, and gives up on a caller that doesn't take its answer.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
	stall  time.Duration
	gone   bool // the caller doesn't take its answer
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 || w.status < 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	// Recorders of tests have no deadlines.
	if err := http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(w.stall)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	w.gone = w.gone || err != nil
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// logAccess writes one line a request: the route's pattern and never the address line, whose path and query may name a household.
func (s *Server) logAccess(r *http.Request, q *request, w *recorder, began time.Time) {
	level := slog.LevelInfo
	if w.status >= 500 {
		level = slog.LevelError
	}
	route := q.route
	if route == "" {
		route = "-"
	}
	method := r.Method
	if len(method) > 10 {
		method = "?"
	}
	s.log.Log(r.Context(), level, "request", "id", q.id, "method", method, "route", route, "status", w.status, "bytes", w.bytes,
		"ms", float64(time.Since(began).Microseconds())/1000, "account", q.who, "network", coarse(q.addr))
}

// coarse is the part of an address that names a network and no household's line: /24 or /48.
func coarse(a netip.Addr) string {
	bits := 24
	if a.Is6() {
		bits = 48
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}

// recover answers a panic. Its value may hold anything, so that only its place is logged.
func (s *Server) recover(w *recorder, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(v)
	}
	if w.gone { // huma panics when an answer cannot be written
		return
	}
	s.log.Error("panic", "id", about(r.Context()).id, "place", panicPlace())
	if w.status == 0 {
		s.answer(w, r, problem(http.StatusInternalServerError, "internal", errs.New(errs.Internal, "程序内部错误", "an internal error")))
	}
}

func panicPlace() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(4, pcs)])
	for {
		f, more := frames.Next()
		if strings.HasPrefix(f.Function, "shouwang/") {
			return f.Function + ":" + strconv.Itoa(f.Line)
		}
		if !more {
			return "?"
		}
	}
}

// bodies bounds the size and the slowness of request bodies. Routes that take files have their own, larger size.
func (s *Server) bodies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		limit := s.limits.Body
		if s.takesFiles(r) {
			limit = s.limits.Upload
		}
		if r.ContentLength > limit {
			w.Header().Set("Connection", "close")
			s.answer(w, r, tooLarge(limit))
			return
		}
		r.Body = &paced{ReadCloser: http.MaxBytesReader(w, r.Body, limit), c: http.NewResponseController(w), began: time.Now(), stall: s.limits.BodyStall, rate: s.limits.BodyRate}
		next.ServeHTTP(w, r)
	})
}

// paced is a body that must keep coming: a piece within the stall time, and a least rate over all.
type paced struct {
	io.ReadCloser
	c     *http.ResponseController
	began time.Time
	read  int64
	stall time.Duration
	rate  int64
}

var errSlow = errors.New("the body comes too slowly")

func (p *paced) Read(b []byte) (int, error) {
	now := time.Now()
	if over := now.Sub(p.began) - p.stall; over > 0 && float64(p.read) < over.Seconds()*float64(p.rate) {
		return 0, errSlow
	}
	if err := p.c.SetReadDeadline(now.Add(p.stall)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	n, err := p.ReadCloser.Read(b)
	p.read += int64(n)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = errSlow
	}
	return n, err
}
