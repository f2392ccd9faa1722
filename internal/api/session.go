package api

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"shouwang/internal/account"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
)

// The session cookie. Over TLS its prefix binds it to this host and to TLS, so that no neighbour can plant one; without TLS (on the machine itself) no cookie
// can have the prefix.
const (
	cookieName  = "__Host-shouwang"
	cookiePlain = "shouwang"
)

func (q *request) cookie() string {
	if q.secure {
		return cookieName
	}
	return cookiePlain
}

type secretKey struct{}

// secretOf is the secret of the session that the request came with, "" when none.
func secretOf(ctx context.Context) string {
	text, _ := ctx.Value(secretKey{}).(string)
	return text
}

// tokenPrefix tells a department's token from a session's secret.
const tokenPrefix = "swt_"

// presented is the secret that a request comes with: the Authorization header, else the cookie.
func presented(c huma.Context) string {
	if h := c.Header("Authorization"); h != "" {
		scheme, secret, _ := strings.Cut(h, " ")
		if strings.EqualFold(scheme, "Bearer") {
			return strings.TrimSpace(secret)
		}
		return ""
	}
	name := about(c.Context()).cookie()
	for _, k := range huma.ReadCookies(c) {
		if k.Name == name {
			return k.Value
		}
	}
	return ""
}

// authenticate tells who calls. Programs' tokens are accepted only where the operation is open to them.
func (s *Server) authenticate(ctx context.Context, secret string, kind callers) (account.Actor, error) {
	if len(secret) > 200 {
		return account.Actor{}, signedOut()
	}
	var who account.Actor
	var session account.Session
	var err error
	switch {
	case kind == anybody:
		return who, nil
	case secret == "":
		return who, signedOut()
	case strings.HasPrefix(secret, tokenPrefix):
		if kind != program {
			return who, problem(http.StatusForbidden, "staff_only", errs.New(errs.Refused, "接口令牌不能做这项操作，请由工作人员登录办理", "a token may not do this; somebody must sign in"))
		}
		who, err = s.accounts.AuthenticateToken(ctx, s.now(), secret)
	default:
		who, session, err = s.accounts.Authenticate(ctx, s.now(), secret)
	}
	if errs.KindOf(err) == errs.Refused {
		return account.Actor{}, signedOut()
	}
	if err != nil {
		return account.Actor{}, err
	}
	if session.Stage != "" && session.Stage != account.Full && kind != halfway {
		return account.Actor{}, problem(http.StatusForbidden, "stage_"+string(session.Stage), unfinished(session.Stage))
	}
	return who, nil
}

// unfinished says what a sign-in still lacks.
func unfinished(stage account.Stage) *errs.Error {
	switch stage {
	case account.WantsSecond:
		return errs.New(errs.Refused, "请先输入动态口令", "give the code of the second factor first")
	case account.WantsPassword:
		return errs.New(errs.Refused, "请先修改口令", "change the password first")
	case account.WantsEnrol:
		return errs.New(errs.Refused, "请先绑定动态口令", "enrol a second factor first")
	}
	return errs.New(errs.Refused, "登录尚未完成", "the sign-in is not complete")
}

// sign in

type signInInput struct {
	UserAgent string `header:"User-Agent" doc:"Kept shortened, for the list of sessions"`
	Body      struct {
		Login    string `json:"login" minLength:"1" maxLength:"200" doc:"Login"`
		Password string `json:"password" minLength:"1" maxLength:"500" doc:"Password"`
		Code     string `json:"code,omitempty" maxLength:"40" doc:"Code of the second factor, or a recovery code; may follow later"`
		As       string `json:"as,omitempty" enum:"cookie,token" default:"cookie" doc:"Where the session's secret goes: a cookie for pages, the answer for programs"`
	}
}

type signInOutput struct {
	Cookie string `header:"Set-Cookie" doc:"The session, when a cookie was asked for"`
	Body   sessionBody
}

type sessionBody struct {
	Token   string    `json:"token,omitempty" doc:"For Authorization: Bearer, when a token was asked for; shown once"`
	Stage   string    `json:"stage" enum:"full,second,password,enrol" doc:"What is still lacking: nothing, the second factor's code, a password of one's own, a second factor"`
	Account string    `json:"account" doc:"Id of the account"`
	Until   time.Time `json:"until" doc:"The session ends then at the latest"`
}

func (s *Server) doSignIn(ctx context.Context, _ account.Actor, in *signInInput) (*signInOutput, error) {
	q := about(ctx)
	got, err := s.accounts.SignIn(ctx, s.now(), account.Credentials{Login: in.Body.Login, Password: in.Body.Password, Code: in.Body.Code, Address: q.addr.String(), Agent: in.UserAgent})
	switch errs.KindOf(err) {
	case 0:
	case errs.Refused:
		return nil, problemWith(http.StatusUnauthorized, "wrong_credentials", err)
	case errs.Locked:
		return nil, problemWith(http.StatusTooManyRequests, "locked_out", err)
	default:
		return nil, err
	}
	// A session that the browser had before ends: nobody goes on in it under another name.
	if old := secretOf(ctx); old != "" {
		if err := s.accounts.SignOut(ctx, s.now(), old); err != nil {
			return nil, err
		}
	}
	out := &signInOutput{Body: sessionBody{Stage: string(got.Session.Stage), Account: got.Account.ID, Until: got.Session.Until.Go()}}
	if in.Body.As == "token" {
		out.Body.Token = got.Secret
	} else {
		out.Cookie = sessionCookie(q, got.Secret, got.Session.Until.Go())
	}
	return out, nil
}

// sessionCookie is the whole cookie: not for scripts, not for other sites, over TLS only where there is TLS. An empty secret takes it away.
func sessionCookie(q *request, secret string, until time.Time) string {
	c := http.Cookie{Name: q.cookie(), Value: secret, Path: "/", HttpOnly: true, Secure: q.secure, SameSite: http.SameSiteStrictMode, Expires: until}
	if secret == "" {
		c.MaxAge, c.Expires = -1, time.Time{}
	}
	return c.String()
}

type codeInput struct {
	Body struct {
		Code string `json:"code" minLength:"1" maxLength:"40" doc:"Code of the authenticator, or a recovery code"`
	}
}

type stageOutput struct {
	Body struct {
		Stage string `json:"stage" doc:"What the session lacks now"`
	}
}

func stageOf(x account.Session) *stageOutput {
	out := &stageOutput{}
	out.Body.Stage = string(x.Stage)
	return out
}

func (s *Server) second(ctx context.Context, _ account.Actor, in *codeInput) (*stageOutput, error) {
	x, err := s.accounts.Second(ctx, s.now(), secretOf(ctx), in.Body.Code)
	return stageOf(x), err
}

type passwordInput struct {
	Body struct {
		Old string `json:"old" minLength:"1" maxLength:"500" doc:"The password now"`
		New string `json:"new" minLength:"1" maxLength:"500" doc:"The password to be: 10 to 128 characters of at least three kinds"`
	}
}

func (s *Server) changePassword(ctx context.Context, _ account.Actor, in *passwordInput) (*stageOutput, error) {
	x, err := s.accounts.ChangePassword(ctx, s.now(), secretOf(ctx), in.Body.Old, in.Body.New)
	return stageOf(x), err
}

type enrolOutput struct{ Body account.Enrolment }

func (s *Server) enrol(ctx context.Context, _ account.Actor, _ *struct{}) (*enrolOutput, error) {
	e, err := s.accounts.Enrol(ctx, s.now(), secretOf(ctx))
	return &enrolOutput{Body: e}, err
}

type confirmOutput struct {
	Body struct {
		Recovery []string `json:"recovery" doc:"Recovery codes, each good for one sign-in without the authenticator; shown once"`
	}
}

func (s *Server) confirm(ctx context.Context, _ account.Actor, in *codeInput) (*confirmOutput, error) {
	codes, err := s.accounts.Confirm(ctx, s.now(), secretOf(ctx), in.Body.Code)
	out := &confirmOutput{}
	out.Body.Recovery = codes
	return out, err
}

type signOutOutput struct {
	Cookie string `header:"Set-Cookie" doc:"Takes the cookie away"`
}

func (s *Server) signOut(ctx context.Context, _ account.Actor, _ *struct{}) (*signOutOutput, error) {
	err := s.accounts.SignOut(ctx, s.now(), secretOf(ctx))
	return &signOutOutput{Cookie: sessionCookie(about(ctx), "", time.Time{})}, err
}

// who am I

type meOutput struct {
	Body struct {
		Account    string   `json:"account" doc:"Id of the account, or of the token"`
		Name       string   `json:"name" doc:"Name of the person, or what the token is for"`
		Org        string   `json:"org" doc:"Id of the organisation"`
		Roles      []string `json:"roles" doc:"Roles; none while the sign-in is not complete"`
		Division   int64    `json:"division" doc:"The caller's area, division code of 12 digits"`
		Place      string   `json:"place" doc:"Names of the division"`
		Department string   `json:"department,omitempty" doc:"Department of the organisation"`
		Actions    []string `json:"actions" doc:"What the caller may do"`
	}
}

func (s *Server) me(_ context.Context, who account.Actor, _ *struct{}) (*meOutput, error) {
	out := &meOutput{}
	b := &out.Body
	b.Account, b.Name, b.Org, b.Division, b.Place, b.Department = who.Account, who.Name, who.Org, int64(who.Division), s.place(who.Division), who.Department
	b.Roles, b.Actions = []string{}, []string{}
	for _, r := range who.Roles {
		b.Roles = append(b.Roles, string(r))
	}
	for _, a := range account.Actions() {
		if who.May(a) == nil {
			b.Actions = append(b.Actions, string(a))
		}
	}
	slices.Sort(b.Actions)
	return out, nil
}

// sessions

type sessionsInput struct {
	Account string `query:"account" maxLength:"60" doc:"Whose; default one's own"`
}

type sessionsOutput struct {
	Body struct {
		Sessions []account.Session `json:"sessions" doc:"Open sessions, newest first"`
	}
}

func (s *Server) sessions(ctx context.Context, who account.Actor, in *sessionsInput) (*sessionsOutput, error) {
	whose := in.Account
	if whose == "" {
		whose = who.Account
	}
	out := &sessionsOutput{}
	err := s.app.Ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) (err error) {
		out.Body.Sessions, err = s.accounts.Sessions(ctx, tx, who, whose, s.now())
		return err
	})
	return out, err
}

type sessionInput struct {
	ID string `path:"session" minLength:"1" maxLength:"80" doc:"Id of the session"`
}

// empty is the answer of operations that give nothing back.
type empty struct{}

func (s *Server) endSession(ctx context.Context, who account.Actor, in *sessionInput) (*empty, error) {
	return &empty{}, s.app.Ledger.Write(ctx, s.now(), func(ctx context.Context, tx *ledger.Tx) error { return s.accounts.EndSession(ctx, tx, who, in.ID) })
}
