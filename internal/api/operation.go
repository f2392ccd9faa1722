package api

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"shouwang/internal/account"
	"shouwang/internal/errs"
	"shouwang/internal/throttle"
)

// access says who may call an operation, before it looks at anything.
type access struct {
	kind    callers
	action  account.Action    // what the caller's roles must allow; "" = nothing beyond the kind
	limiter *throttle.Limiter // bounds callers by address, for operations without an account
	upload  *huma.RequestBody // takes a file, as described: the larger body limit
}

// callers are the kinds of callers.
type callers int

const (
	anybody  callers = iota // no account needed
	halfway                 // a session, even one whose sign-in is not complete
	signedIn                // staff with a complete session (cookie or bearer)
	program                 // staff, or a department's program with a token
)

// handle is an operation's work. who is the zero Actor for callers without an account.
type handle[I, O any] func(ctx context.Context, who account.Actor, in *I) (*O, error)

// op adds an operation: admission before the input is read, and every error answered in one place.
func op[I, O any](s *Server, method, path, id, tag, summary, description string, a access, h handle[I, O]) {
	o := huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, Description: description, Tags: []string{tag},
		DefaultStatus: http.StatusOK, Responses: s.files[id], MaxBodyBytes: s.limits.Body, BodyReadTimeout: -1, // the guards bound size and pace
	}
	switch a.kind {
	case signedIn, halfway:
		o.Security = []map[string][]string{{"session": {}}, {"cookie": {}}}
	case program:
		o.Security = []map[string][]string{{"session": {}}, {"cookie": {}}, {"token": {}}}
	}
	if _, body := reflect.TypeFor[O]().FieldByName("Body"); !body {
		o.DefaultStatus = http.StatusNoContent
	}
	o.Middlewares = huma.Middlewares{s.admit(a)}
	s.accesses[id] = a
	if a.upload != nil {
		s.fileRoutes[method+" "+path] = true
	}
	huma.Register(s.api, o, func(ctx context.Context, in *I) (*O, error) {
		out, err := h(ctx, whoOf(ctx), in)
		if err != nil {
			return nil, s.complete(ctx, problemOf(err))
		}
		return out, nil
	})
	if a.upload != nil { // described only now: otherwise huma would read it itself
		s.api.OpenAPI().Paths[path].Post.RequestBody = a.upload
	}
}

type actorKey struct{}

func whoOf(ctx context.Context) account.Actor {
	who, _ := ctx.Value(actorKey{}).(account.Actor)
	return who
}

// admit stands before an operation reads its input: rate, then who, then may they.
func (s *Server) admit(a access) func(huma.Context, func(huma.Context)) {
	return func(c huma.Context, next func(huma.Context)) {
		ctx := c.Context()
		q := about(ctx)
		q.route = c.Operation().Method + " " + c.Operation().Path
		if !cleanAddress(c.URL()) {
			s.refuse(c, badText())
			return
		}
		u := c.URL()
		q.typed = personalLooking(&u)
		if a.limiter != nil {
			if ok, wait := a.limiter.Allow(throttle.Network(q.addr), s.now()); !ok {
				c.SetHeader("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
				s.refuse(c, tooMany())
				return
			}
		}
		secret := presented(c)
		who, err := s.authenticate(ctx, secret, a.kind)
		if err != nil {
			s.refuse(c, err)
			return
		}
		q.who = who.Account
		if a.action != "" {
			if err := who.May(a.action); err != nil {
				s.refuse(c, err)
				return
			}
		}
		next(huma.WithContext(c, context.WithValue(context.WithValue(ctx, actorKey{}, who), secretKey{}, secret)))
	}
}

// refuse answers an error outside of huma's own path.
func (s *Server) refuse(c huma.Context, err error) {
	p := s.complete(c.Context(), problemOf(err))
	if p.Status == http.StatusUnauthorized {
		c.SetHeader("WWW-Authenticate", `Bearer realm="shouwang"`)
	}
	c.SetHeader("Content-Type", "application/problem+json")
	c.SetStatus(p.Status)
	_ = s.api.Marshal(c.BodyWriter(), "application/json", p) // a caller that went away is told nothing
}

func tooMany() *Problem {
	return problem(http.StatusTooManyRequests, "too_many", errs.New(errs.Unavailable, "请求太频繁，请稍后再试", "too many requests; try again later"))
}

func signedOut() *Problem {
	return problem(http.StatusUnauthorized, "signed_out", errs.New(errs.Refused, "请先登录", "sign in first"))
}

func badText() *Problem {
	return problem(http.StatusBadRequest, "bad_text", errs.New(errs.Invalid, "请求里有不是 UTF-8 的文字或控制字符", "the request holds text that is not UTF-8, or control characters"))
}

// hide makes NotFound, and whatever would tell that something exists, look the same.
func hide(err error) error {
	if errs.KindOf(err) == errs.NotFound {
		return account.NotThere()
	}
	return err
}

// asProblem finds a problem in an error's chain.
func asProblem(err error) (*Problem, bool) {
	var p *Problem
	ok := errors.As(err, &p)
	return p, ok
}
