package web

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"sync"

	"shouwang/internal/account"
	"shouwang/internal/errs"
)

// SSOBack is where the provider of single sign-on sends the browser back to.
const SSOBack = "/sign-in/sso/back"

// provider is the provider of single sign-on. It is asked for its addresses and keys when somebody first signs in, so that the program starts without it.
type provider struct {
	mu  sync.Mutex
	sso *account.SSO
}

func (s *Server) sso(ctx context.Context) (*account.SSO, error) {
	s.provider.mu.Lock()
	defer s.provider.mu.Unlock()
	if s.provider.sso == nil {
		sso, err := s.accounts.SSO(context.WithoutCancel(ctx), *s.config.SSO)
		if err != nil {
			return nil, err
		}
		s.provider.sso = sso
	}
	return s.provider.sso, nil
}

// ssoState is what a browser keeps while it is with the provider.
type ssoState struct {
	account.Handshake

	Back string `json:"back"`
}

func (v *visit) ssoCookie() string {
	if v.secure {
		return "__Host-sso"
	}
	return "sso"
}

// keepSSO sets the cookie for ten minutes, or (nil) takes it away.
func (v *visit) keepSSO(state *ssoState) error {
	c := &http.Cookie{Name: v.ssoCookie(), Path: "/", HttpOnly: true, Secure: v.secure, SameSite: http.SameSiteLaxMode, MaxAge: -1}
	if state != nil {
		text, err := json.Marshal(state)
		if err != nil {
			return err
		}
		c.Value, c.MaxAge = base64.RawURLEncoding.EncodeToString(text), 600
	}
	http.SetCookie(v.w, c)
	return nil
}

// ssoBegin sends the browser to the provider.
func (s *Server) ssoBegin(v *visit) error {
	sso, err := s.sso(v.context())
	if err != nil {
		return s.showSignIn(v, statusOf(errs.KindOf(err)), v.r.URL.Query().Get("back"), err)
	}
	address, handshake := sso.Begin()
	if err := v.keepSSO(&ssoState{handshake, local(v.r.URL.Query().Get("back"))}); err != nil {
		return err
	}
	return v.redirect(address)
}

// ssoFinish takes the browser back and begins its session.
func (s *Server) ssoFinish(v *visit) error {
	var state ssoState
	if c, err := v.r.Cookie(v.ssoCookie()); err == nil {
		if text, err := base64.RawURLEncoding.DecodeString(c.Value); err == nil {
			_ = json.Unmarshal(text, &state) // what is no state is refused below
		}
	}
	if err := v.keepSSO(nil); err != nil {
		return err
	}
	sso, err := s.sso(v.context())
	if err != nil {
		return s.showSignIn(v, statusOf(errs.KindOf(err)), state.Back, err)
	}
	address, _, err := net.SplitHostPort(v.r.RemoteAddr)
	if err != nil {
		address = v.r.RemoteAddr
	}
	q := v.r.URL.Query()
	in, err := sso.Finish(v.context(), s.now(), state.Handshake, q.Get("state"), q.Get("code"), address, v.r.UserAgent())
	if errs.KindOf(err) == errs.Refused {
		return s.showSignIn(v, statusOf(errs.Refused), state.Back, err)
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
	return v.redirect(local(state.Back))
}
