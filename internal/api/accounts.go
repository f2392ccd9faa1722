package api

import (
	"context"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/ledger"
)

// accounts

type accountsInput struct {
	Paging
	Org      string `query:"org" maxLength:"60" doc:"Only of this organisation"`
	Division string `query:"division" maxLength:"12" doc:"Only this division and what is under it; default the caller's own"`
	Login    string `query:"login" maxLength:"64" doc:"Beginning of the login, or the whole name"`
	Active   string `query:"active" enum:"true,false" doc:"Only those that are, or are not, active"`
}

type accountsOutput struct{ Body account.Page }

func (s *Server) listAccounts(ctx context.Context, who account.Actor, in *accountsInput) (*accountsOutput, error) {
	code, err := s.area(who, in.Division)
	if err != nil {
		return nil, err
	}
	f := account.Filter{Org: in.Org, Under: code, Login: in.Login, After: in.After, Limit: in.Limit}
	if in.Active != "" {
		active := in.Active == "true"
		f.Active = &active
	}
	out := &accountsOutput{}
	err = s.app.Ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) (err error) {
		out.Body, err = s.accounts.List(ctx, tx, who, f)
		return err
	})
	return out, err
}

// AccountPath names an account.
type AccountPath struct {
	ID string `path:"account" minLength:"1" maxLength:"60" doc:"Id of the account"`
}

type accountOutput struct {
	ETag string `header:"ETag" doc:"Version, for If-Match"`
	Body account.Account
}

func accountAnswer(a account.Account, err error) (*accountOutput, error) {
	return &accountOutput{ETag: etag(a.Version), Body: a}, err
}

func (s *Server) getAccount(ctx context.Context, who account.Actor, in *AccountPath) (*accountOutput, error) {
	var a account.Account
	err := s.app.Ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) (err error) {
		a, err = s.accounts.Get(ctx, tx, who, in.ID)
		return err
	})
	return accountAnswer(a, err)
}

type newAccountInput struct {
	Body struct {
		Login string         `json:"login" minLength:"3" maxLength:"64" doc:"Login: small letters, digits, . _ - @"`
		Name  string         `json:"name" minLength:"1" maxLength:"50" doc:"Name of the person"`
		Org   string         `json:"org" minLength:"1" maxLength:"60" doc:"Id of the organisation: a division code, and for a department -DEPARTMENT behind it; made when it is not there"`
		Roles []account.Role `json:"roles" minItems:"1" maxItems:"10" doc:"Roles"`
		Phone string         `json:"phone,omitempty" maxLength:"20" doc:"Phone; kept sealed"`
	}
}

type newAccountOutput struct {
	ETag string `header:"ETag" doc:"Version, for If-Match"`
	Body struct {
		Account  account.Account `json:"account" doc:"The account"`
		Password string          `json:"password" doc:"One-time password, to be handed over; shown once and kept nowhere"`
	}
}

func (s *Server) newAccount(ctx context.Context, who account.Actor, in *newAccountInput) (*newAccountOutput, error) {
	out := &newAccountOutput{}
	err := s.app.Ledger.Write(ctx, s.now(), func(ctx context.Context, tx *ledger.Tx) (err error) {
		out.Body.Account, out.Body.Password, err = s.accounts.Create(ctx, tx, who, account.Staff{Login: in.Body.Login, Name: in.Body.Name, Org: in.Body.Org, Roles: in.Body.Roles, Phone: in.Body.Phone})
		return err
	})
	out.ETag = etag(out.Body.Account.Version)
	return out, err
}

type changeAccountInput struct {
	AccountPath
	IfMatch
	Body account.Change
}

func (s *Server) changeAccount(ctx context.Context, who account.Actor, in *changeAccountInput) (*accountOutput, error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	var a account.Account
	err = s.app.Ledger.Write(ctx, s.now(), func(ctx context.Context, tx *ledger.Tx) (err error) {
		a, err = s.accounts.Change(ctx, tx, who, in.ID, version, in.Body)
		return err
	})
	return accountAnswer(a, err)
}

type onePasswordOutput struct {
	Body struct {
		Password string `json:"password" doc:"One-time password, to be handed over; shown once and kept nowhere"`
	}
}

func (s *Server) resetPassword(ctx context.Context, who account.Actor, in *AccountPath) (*onePasswordOutput, error) {
	out := &onePasswordOutput{}
	var err error
	out.Body.Password, err = s.accounts.ResetPassword(ctx, s.now(), who, in.ID)
	return out, err
}

func (s *Server) removeSecond(ctx context.Context, who account.Actor, in *AccountPath) (*empty, error) {
	return &empty{}, s.app.Ledger.Write(ctx, s.now(), func(ctx context.Context, tx *ledger.Tx) error { return s.accounts.RemoveSecond(ctx, tx, who, in.ID) })
}

type endedOutput struct {
	Body struct {
		Ended int64 `json:"ended" doc:"How many sessions were ended"`
	}
}

func (s *Server) endSessions(ctx context.Context, who account.Actor, in *AccountPath) (*endedOutput, error) {
	out := &endedOutput{}
	err := s.app.Ledger.Write(ctx, s.now(), func(ctx context.Context, tx *ledger.Tx) (err error) {
		out.Body.Ended, err = s.accounts.EndSessions(ctx, tx, who, in.ID)
		return err
	})
	return out, err
}

// organisations

type orgsInput struct {
	Paging
	Division string `query:"division" maxLength:"12" doc:"Only this division and what is under it; default the caller's own"`
}

type orgsOutput struct {
	Body struct {
		Orgs []account.Org `json:"orgs" doc:"By id"`
		Next string        `json:"next,omitempty" doc:"For 'after' of the next page; absent on the last"`
	}
}

func (s *Server) listOrgs(ctx context.Context, who account.Actor, in *orgsInput) (*orgsOutput, error) {
	code, err := s.area(who, in.Division)
	if err != nil {
		return nil, err
	}
	out := &orgsOutput{}
	err = s.app.Ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) (err error) {
		out.Body.Orgs, err = s.accounts.Orgs(ctx, tx, who, code, in.After, in.Limit)
		return err
	})
	if n := len(out.Body.Orgs); err == nil && n == in.Limit {
		out.Body.Next = out.Body.Orgs[n-1].ID
	}
	return out, err
}

type newOrgInput struct {
	Body struct {
		ID string `json:"id" minLength:"1" maxLength:"60" doc:"A division code, and for a department -DEPARTMENT behind it"`
	}
}

type orgOutput struct{ Body account.Org }

func (s *Server) newOrg(ctx context.Context, who account.Actor, in *newOrgInput) (*orgOutput, error) {
	out := &orgOutput{}
	return out, s.app.Ledger.Write(ctx, s.now(), func(ctx context.Context, tx *ledger.Tx) (err error) {
		out.Body, err = s.accounts.EnsureOrg(ctx, tx, who, in.Body.ID)
		return err
	})
}

// tokens

type tokensOutput struct {
	Body struct {
		Tokens []account.Token `json:"tokens" doc:"Oldest first"`
	}
}

func (s *Server) listTokens(ctx context.Context, who account.Actor, _ *struct{}) (*tokensOutput, error) {
	out := &tokensOutput{}
	return out, s.app.Ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) (err error) {
		out.Body.Tokens, err = s.accounts.Tokens(ctx, tx, who)
		return err
	})
}

type newTokenInput struct {
	Body struct {
		Name    string           `json:"name" minLength:"1" maxLength:"50" doc:"What it is for"`
		Org     string           `json:"org" minLength:"1" maxLength:"60" doc:"Id of the organisation whose program it is"`
		Actions []account.Action `json:"actions" minItems:"1" maxItems:"20" doc:"What the program may do"`
		Expires time.Time        `json:"expires" doc:"When it ends, at most 400 days from now"`
	}
}

type newTokenOutput struct {
	Body struct {
		Token  account.Token `json:"token" doc:"The token"`
		Secret string        `json:"secret" doc:"For Authorization: Bearer; shown once and kept nowhere"`
	}
}

func (s *Server) newToken(ctx context.Context, who account.Actor, in *newTokenInput) (*newTokenOutput, error) {
	out := &newTokenOutput{}
	return out, s.app.Ledger.Write(ctx, s.now(), func(ctx context.Context, tx *ledger.Tx) (err error) {
		out.Body.Token, out.Body.Secret, err = s.accounts.NewToken(ctx, tx, who, in.Body.Name, in.Body.Org, in.Body.Actions, in.Body.Expires)
		return err
	})
}

type tokenInput struct {
	ID string `path:"token" minLength:"1" maxLength:"60" doc:"Id of the token"`
}

func (s *Server) revokeToken(ctx context.Context, who account.Actor, in *tokenInput) (*empty, error) {
	return &empty{}, s.app.Ledger.Write(ctx, s.now(), func(ctx context.Context, tx *ledger.Tx) error { return s.accounts.RevokeToken(ctx, tx, who, in.ID) })
}
