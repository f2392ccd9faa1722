package account

import (
	"context"
	"crypto/subtle"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"shouwang/internal/audit"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
)

// SSOConfig names the provider of single sign-on (OpenID Connect).
type SSOConfig struct {
	Issuer       string // https://…
	ClientID     string
	ClientSecret string
	RedirectURL  string // where the provider sends the browser back to
	LoginClaim   string // which claim is the login here; preferred_username
}

// SSO is single sign-on with one provider.
type SSO struct {
	service  *Service
	claim    string
	oauth    oauth2.Config
	verifier *oidc.IDTokenVerifier
	issuer   string
}

// SSO asks the provider for its addresses and keys.
func (s *Service) SSO(ctx context.Context, c SSOConfig) (*SSO, error) {
	provider, err := oidc.NewProvider(ctx, c.Issuer)
	if err != nil {
		return nil, errs.Wrap(errs.Unavailable, err, "单点登录服务没有应答，或者地址不对", "the single sign-on provider does not answer, or its address is wrong")
	}
	if c.LoginClaim == "" {
		c.LoginClaim = "preferred_username"
	}
	return &SSO{
		service: s, claim: c.LoginClaim, issuer: c.Issuer,
		verifier: provider.Verifier(&oidc.Config{ClientID: c.ClientID}),
		oauth: oauth2.Config{ClientID: c.ClientID, ClientSecret: c.ClientSecret, RedirectURL: c.RedirectURL, Endpoint: provider.Endpoint(),
			Scopes: []string{oidc.ScopeOpenID, "profile"}},
	}, nil
}

// Handshake is what must come back with the browser: keep it for some minutes in a cookie that is sealed or http-only.
type Handshake struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"` // PKCE
}

// Begin gives the address to send the browser to.
func (o *SSO) Begin() (address string, h Handshake) {
	h = Handshake{State: newSecret(), Nonce: newSecret(), Verifier: oauth2.GenerateVerifier()}
	return o.oauth.AuthCodeURL(h.State, oidc.Nonce(h.Nonce), oauth2.S256ChallengeOption(h.Verifier)), h
}

// Finish takes what the browser came back with and begins a session for the account that belongs to the provider's subject. The first time, the
// account is found by its login; it belongs to that subject from then on. Nobody gets an account by signing in: an administrator makes it first.
func (o *SSO) Finish(ctx context.Context, now time.Time, h Handshake, state, code, address, agent string) (SignedIn, error) {
	if h.State == "" || subtle.ConstantTimeCompare([]byte(h.State), []byte(state)) != 1 {
		return SignedIn{}, errs.New(errs.Refused, "单点登录已过期，请重新开始", "the single sign-on has expired; begin again")
	}
	token, err := o.oauth.Exchange(ctx, code, oauth2.VerifierOption(h.Verifier))
	if err != nil {
		return SignedIn{}, refusedBy(err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return SignedIn{}, refusedBy(nil)
	}
	id, err := o.verifier.Verify(ctx, raw)
	if err != nil {
		return SignedIn{}, refusedBy(err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(h.Nonce)) != 1 {
		return SignedIn{}, refusedBy(nil)
	}
	claims := map[string]any{}
	if err := id.Claims(&claims); err != nil {
		return SignedIn{}, refusedBy(err)
	}
	login, _ := claims[o.claim].(string)
	subject := o.issuer + "|" + id.Subject
	var in SignedIn
	none := false
	err = o.service.ledger.Write(ctx, now, func(ctx context.Context, tx *ledger.Tx) error {
		none = false
		var a Account
		err := tx.NewSelect().Model(&a).Where("subject = ?", subject).Scan(ctx)
		if ledger.Missing(err) {
			err = tx.NewSelect().Model(&a).Where("login = ?", normalLogin(login)).Where("subject IS NULL").Scan(ctx)
		}
		if ledger.Missing(err) || err == nil && !a.Active {
			none = true
			return audit.Record(tx, audit.Event{Actor: "anonymous", Action: "session.refuse", Object: "account", ObjectID: a.ID, Division: a.Division,
				Detail: map[string]string{"method": "sso", "address": short(address, 64)}})
		}
		if err != nil {
			return err
		}
		if a.Subject == "" {
			a.Subject = subject
			if err := ledger.Update(ctx, tx, &a, &a.Version, "subject"); err != nil {
				return err
			}
		}
		in, err = o.service.begin(ctx, tx, a, "sso", true, address, agent)
		return err
	})
	if err != nil {
		return SignedIn{}, err
	}
	if none {
		return SignedIn{}, errs.New(errs.Refused, "您在本系统中没有账号，请联系本单位的系统管理员", "you have no account here; ask your system administrator")
	}
	return in, nil
}

// refusedBy words what the provider said no to; its own words may carry a code or a token and stay out.
func refusedBy(error) error {
	return errs.New(errs.Refused, "单点登录没有成功，请重新开始", "the single sign-on failed; begin again")
}
