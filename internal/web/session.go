package web

import (
	"context"
	"net"
	"net/http"
	"strings"

	"shouwang/internal/account"
	"shouwang/internal/audit"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/web/view"
)

// cookieName of the session. Over TLS the prefix makes browsers refuse a cookie that another host or an unencrypted page has planted.
func (v *visit) cookieName() string {
	if v.secure {
		return "__Host-session"
	}
	return "session"
}

func (v *visit) cookie() string {
	c, err := v.r.Cookie(v.cookieName())
	if err != nil {
		return ""
	}
	return c.Value
}

func (v *visit) setCookie(secret string) {
	c := &http.Cookie{Name: v.cookieName(), Value: secret, Path: "/", HttpOnly: true, Secure: v.secure, SameSite: http.SameSiteLaxMode}
	if secret == "" {
		c.MaxAge = -1
	}
	http.SetCookie(v.w, c)
}

// identify finds out who asks. A session that has ended is nobody's.
func (s *Server) identify(v *visit) error {
	secret := v.cookie()
	if secret == "" {
		return nil
	}
	actor, session, err := s.accounts.Authenticate(v.context(), s.now(), secret)
	switch {
	case errs.KindOf(err) == errs.Refused:
		v.setCookie("")
		return nil
	case err != nil:
		return err
	}
	v.stage = session.Stage
	if session.Stage == account.Full {
		v.actor = actor
	}
	return nil
}

// record writes one audit event of its own.
func (s *Server) record(v *visit, e audit.Event) error {
	return s.app.Ledger.Write(v.context(), s.now(), func(_ context.Context, tx *ledger.Tx) error { return audit.Record(tx, e) })
}

func (s *Server) readerOf(v *visit) *view.Reader {
	r := &view.Reader{Name: v.actor.Name, Place: s.app.Tree.Name(v.actor.Division)}
	if v.actor.Department != "" {
		r.Place += v.t("", " ") + s.departmentName(v.actor.Department).In(v.lang)
	}
	for i, role := range v.actor.Roles {
		if i > 0 {
			r.Role += v.t("、", ", ")
		}
		r.Role += v.t(role.Title())
	}
	return r
}

// stagePage is where a session that lacks something goes.
func stagePage(stage account.Stage) string {
	switch stage {
	case account.WantsSecond:
		return "/sign-in/second"
	case account.WantsPassword:
		return "/sign-in/password"
	case account.WantsEnrol:
		return "/sign-in/enrol"
	}
	return "/"
}

func (s *Server) signInPage(v *visit) error {
	if v.actor.Account != "" {
		return v.redirect("/")
	}
	return s.showSignIn(v, http.StatusOK, v.r.URL.Query().Get("back"), nil)
}

func (s *Server) showSignIn(v *visit, status int, back string, cause error) error {
	accounts, err := s.demoAccounts(v)
	if err != nil {
		return err
	}
	page := view.SignIn{Back: local(back), Demo: accounts, SSO: s.config.SSO != nil}
	if cause != nil {
		page.Error = errs.Text(cause, v.lang)
	}
	p := s.frame(v, s.words.In(v.lang, "sign_in.title"), "")
	p.Here = view.Link("/sign-in", "back", strings.TrimSuffix(page.Back, "/"))
	return s.write(v, status, view.SignInPage(p, page))
}

// signIn begins a session. Whatever cookie came with the request is not taken over: the session gets a secret of its own.
func (s *Server) signIn(v *visit) error {
	login, password := v.r.PostFormValue("login"), v.r.PostFormValue("password")
	if demo := v.r.PostFormValue("demo"); strings.HasPrefix(demo, demoPrefix) && s.config.Demo {
		login, password = demo, DemoPassword
	}
	address, _, err := net.SplitHostPort(v.r.RemoteAddr)
	if err != nil {
		address = v.r.RemoteAddr
	}
	in, err := s.accounts.SignIn(v.context(), s.now(), account.Credentials{Login: login, Password: password, Address: address, Agent: v.r.UserAgent()})
	if kind := errs.KindOf(err); kind == errs.Refused || kind == errs.Locked {
		return s.showSignIn(v, statusOf(kind), v.r.PostFormValue("back"), err)
	}
	if err != nil {
		return err
	}
	if old := v.cookie(); old != "" {
		if err := s.accounts.SignOut(v.context(), s.now(), old); err != nil {
			return err
		}
	}
	v.setCookie(in.Secret)
	if in.Session.Stage != account.Full {
		return v.redirect(stagePage(in.Session.Stage))
	}
	return v.redirect(local(v.r.PostFormValue("back")))
}

func (s *Server) signOut(v *visit) error {
	if secret := v.cookie(); secret != "" {
		if err := s.accounts.SignOut(v.context(), s.now(), secret); err != nil {
			return err
		}
	}
	v.setCookie("")
	v.w.Header().Set("Clear-Site-Data", `"cache", "storage"`)
	return v.redirect("/sign-in")
}

// atStage refuses a step of signing in that is not the one that is due.
func (v *visit) atStage(stage account.Stage) bool { return v.stage == stage }

func (s *Server) stepPage(stage account.Stage) handler {
	return func(v *visit) error {
		if !v.atStage(stage) {
			return v.redirect("/")
		}
		return s.showStep(v, http.StatusOK, stage, nil)
	}
}

func (s *Server) showStep(v *visit, status int, stage account.Stage, cause error) error {
	step := view.SignInStep{Stage: string(stage)}
	if cause != nil {
		step.Error = errs.Text(cause, v.lang)
	}
	if stage == account.WantsEnrol {
		e, err := s.accounts.Enrol(v.context(), s.now(), v.cookie())
		if err != nil {
			return err
		}
		step.Secret = e.Secret
		if step.QR, err = qrCode(e.URI); err != nil {
			return err
		}
	}
	p := s.frame(v, s.words.In(v.lang, "sign_in."+string(stage)+".title"), "")
	p.Here = stagePage(stage)
	return s.write(v, status, view.SignInStepPage(p, step))
}

// step takes what a session lacks.
func (s *Server) step(stage account.Stage) handler {
	return func(v *visit) error {
		if !v.atStage(stage) {
			return v.redirect("/")
		}
		var next account.Session
		var err error
		switch stage {
		case account.WantsSecond:
			next, err = s.accounts.Second(v.context(), s.now(), v.cookie(), v.r.PostFormValue("code"))
		case account.WantsPassword:
			if v.r.PostFormValue("password") != v.r.PostFormValue("again") {
				err = errs.New(errs.Invalid, "两次输入的新口令不一样。", "the two new passwords differ.")
				break
			}
			next, err = s.accounts.ChangePassword(v.context(), s.now(), v.cookie(), v.r.PostFormValue("old"), v.r.PostFormValue("password"))
		case account.WantsEnrol:
			codes, err := s.accounts.Confirm(v.context(), s.now(), v.cookie(), v.r.PostFormValue("code"))
			if err == nil {
				p := s.frame(v, s.words.In(v.lang, "sign_in.recovery.title"), "")
				p.Here = "/"
				return s.show(v, view.RecoveryPage(p, codes))
			}
			return s.stepFailed(v, stage, err)
		}
		if err != nil {
			return s.stepFailed(v, stage, err)
		}
		return v.redirect(stagePage(next.Stage))
	}
}

func (s *Server) stepFailed(v *visit, stage account.Stage, err error) error {
	switch kind := errs.KindOf(err); kind {
	case errs.Invalid, errs.Refused, errs.Locked, errs.Conflict:
		return s.showStep(v, statusOf(kind), stage, err)
	}
	return err
}
