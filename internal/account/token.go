package account

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"shouwang/internal/audit"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
)

// Token lets a department's program in, for some actions, for some time.
type Token struct {
	bun.BaseModel `bun:"table:token" json:"-"`

	ID         string        `bun:",pk" json:"id"`
	Hash       string        `json:"-"`
	Name       string        `json:"name"` // what it is for
	Org        string        `json:"org"`
	Division   division.Code `json:"division"`
	Department string        `json:"department"`
	Actions    []Action      `json:"actions"`
	Created    ledger.Time   `json:"created"`
	CreatedBy  string        `json:"created_by"`
	Expires    ledger.Time   `json:"expires"`
	Revoked    ledger.Time   `bun:",nullzero" json:"revoked"`
	Used       ledger.Time   `bun:",nullzero" json:"used"` // last, to a minute
}

// tokenPrefix makes a leaked token findable by scanners.
const tokenPrefix = "swt_"

// maxTokenDays is how long a token may live.
const maxTokenDays = 400

// TokenActions gives what a program may be allowed to do. Accounts, rights, backups and unmasked data are for people only.
func TokenActions() []Action {
	return []Action{StatsRead, CoverageRead, IntakeUpload, IntakeRead, WarningRead, PackRead, OrderRead, OrderReply, CaseOpen}
}

// NewToken makes a token for an organisation and gives its secret, which is kept nowhere else.
func (s *Service) NewToken(ctx context.Context, tx *ledger.Tx, actor Actor, name, org string, actions []Action, expires time.Time) (Token, string, error) {
	if err := actor.May(TokenManage); err != nil {
		return Token{}, "", err
	}
	name = strings.TrimSpace(name)
	if err := checkName(name); err != nil {
		return Token{}, "", errs.New(errs.Invalid, "令牌用途应为 1 到 50 个字", "what the token is for needs 1 to 50 characters")
	}
	actions = slices.Compact(slices.Sorted(slices.Values(actions)))
	for _, a := range actions {
		if !slices.Contains(TokenActions(), a) {
			return Token{}, "", errs.New(errs.Invalid, "令牌不能有这项权限", "a token cannot have that right")
		}
	}
	life := ledger.At(expires).Sub(tx.Now)
	if len(actions) == 0 || life <= 0 || life > maxTokenDays*24*time.Hour {
		return Token{}, "", errs.Newf(errs.Invalid, "令牌至少要有一项权限，有效期最长 %[1]d 天", "a token needs at least one right and lives for at most %[1]d days", maxTokenDays)
	}
	o, err := s.EnsureOrg(ctx, tx, actor, org)
	if err != nil {
		return Token{}, "", err
	}
	b := make([]byte, 30)
	rand.Read(b) // never fails: it ends the program instead
	secret := tokenPrefix + strings.ToLower(base32.StdEncoding.EncodeToString(b))
	t := Token{
		ID: ledger.NewID(tx.Now.Go()), Hash: secretHash(secret), Name: name, Org: o.ID, Division: o.Division, Department: o.Department, Actions: actions,
		Created: tx.Now, CreatedBy: actor.Account, Expires: ledger.At(expires),
	}
	if _, err := tx.NewInsert().Model(&t).Exec(ctx); err != nil {
		return Token{}, "", err
	}
	e := actor.Event("token.create", "token", t.ID, t.Division)
	e.Detail = map[string]any{"org": t.Org, "actions": t.Actions, "expires": t.Expires}
	return t, secret, audit.Record(tx, e)
}

// Tokens gives the tokens in the actor's subtree, oldest first.
func (s *Service) Tokens(ctx context.Context, tx *ledger.Tx, actor Actor) ([]Token, error) {
	if err := actor.May(TokenRead); err != nil {
		return nil, err
	}
	list := []Token{}
	where, args := actor.Scope("division")
	return list, tx.NewSelect().Model(&list).Where(where, args...).Order("id").Scan(ctx)
}

// RevokeToken ends a token. One that is revoked already stays so.
func (s *Service) RevokeToken(ctx context.Context, tx *ledger.Tx, actor Actor, id string) error {
	if err := actor.May(TokenManage); err != nil {
		return err
	}
	var t Token
	where, args := actor.Scope("division")
	err := tx.NewSelect().Model(&t).Where("id = ?", id).Where(where, args...).Scan(ctx)
	if ledger.Missing(err) {
		return NotThere()
	}
	if err != nil || t.Revoked != 0 {
		return err
	}
	t.Revoked = tx.Now
	if _, err := tx.NewUpdate().Model(&t).Column("revoked").WherePK().Exec(ctx); err != nil {
		return err
	}
	return audit.Record(tx, actor.Event("token.revoke", "token", t.ID, t.Division))
}

// AuthenticateToken tells who acts by a token: the organisation's program, which may do what the token was made for and nothing else.
func (s *Service) AuthenticateToken(ctx context.Context, now time.Time, secret string) (Actor, error) {
	at := ledger.At(now)
	var t Token
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		return tx.NewSelect().Model(&t).Where("hash = ?", secretHash(secret)).Where("revoked IS NULL").Where("expires > ?", at).Scan(ctx)
	})
	if ledger.Missing(err) {
		return Actor{}, errs.New(errs.Refused, "接口令牌无效、已过期或已作废", "the token is wrong, has expired or was revoked")
	}
	if err != nil {
		return Actor{}, err
	}
	if at.Sub(t.Used) > time.Minute {
		err := s.ledger.Write(ctx, now, func(ctx context.Context, tx *ledger.Tx) error {
			_, err := tx.NewUpdate().Table("token").Set("used = ?", at).Where("id = ?", t.ID).Exec(ctx)
			return err
		})
		if err != nil {
			s.log.Warn("account: a token's time was not written", "error", err)
		}
	}
	role := map[division.Level]Role{division.Province: Province, division.Prefecture: Prefecture, division.County: County, division.Township: Township, division.Village: Village}[t.Division.Level()]
	if t.Department != "" {
		role = Department
	}
	return Actor{Account: "token:" + t.ID, Org: t.Org, Name: t.Name, Roles: []Role{role}, Division: t.Division, Department: t.Department, actions: t.Actions}, nil
}
