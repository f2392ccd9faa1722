package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"shouwang/internal/audit"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
)

// Stage says what is lacking before a session may do anything but mend that.
type Stage string

// The stages.
const (
	Full          Stage = "full"     // nothing is lacking
	WantsSecond   Stage = "second"   // the code of the second factor: [Service.Second]
	WantsPassword Stage = "password" // a password of one's own: [Service.ChangePassword]
	WantsEnrol    Stage = "enrol"    // a second factor: [Service.Enrol], [Service.Confirm]
)

// Session is one sign-in.
type Session struct {
	bun.BaseModel `bun:"table:session" json:"-"`

	ID      string      `bun:",pk" json:"id"` // a hash of the secret: it lets nobody in
	Account string      `json:"account"`
	Created ledger.Time `json:"created"`
	Seen    ledger.Time `json:"seen"`  // to some minutes
	Until   ledger.Time `json:"until"` // it ends then at the latest
	Stage   Stage       `json:"stage"`
	Method  string      `json:"method"` // password, sso
	Address string      `json:"address"`
	Agent   string      `json:"agent"`
	Ended   ledger.Time `bun:",nullzero" json:"ended"`
	Why     string      `json:"why"` // signed_out, ended, changed, password, expired
}

// Credentials is what somebody typed to sign in, and where from.
type Credentials struct {
	Login, Password string
	Code            string // of the second factor, when it is known already; else [Service.Second] takes it
	Address, Agent  string // network address and browser, for the list of sessions
}

// SignedIn is a new session. Secret goes into the cookie and is kept nowhere else.
type SignedIn struct {
	Secret  string
	Session Session
	Account Account
}

// Lock-out: from the fifth failure on, each doubles the wait, from one minute to one hour. A day without failures forgets them.
const (
	freeFailures = 5
	firstDelay   = time.Minute
	longestDelay = time.Hour
	failureDay   = 24 * time.Hour
)

// failure counts what went wrong for one login.
type failure struct {
	bun.BaseModel `bun:"table:signin_failure"`

	Login  string `bun:",pk"`
	Failed int64
	At     ledger.Time
	Until  ledger.Time
}

// wrong is the one answer to every failed sign-in: it doesn't say whether there is such an account.
func wrong() error {
	return errs.New(errs.Refused, "登录名、口令或验证码不对", "the login, the password or the code is wrong")
}

// signedOut is the answer to a session that is not there (any more).
func signedOut() error {
	return errs.New(errs.Refused, "登录已失效，请重新登录", "the session has ended; sign in again")
}

// loginKey hides logins that were tried: they may be passwords typed into the wrong box.
func (s *Service) loginKey(login string) string {
	b := s.keyring.PersonKey([]byte("signin|" + login)).Bytes()
	return hex.EncodeToString(b[:])
}

// attempt counts a try before it is made, so that many at once can't pass the limit, and refuses it while the login is locked. The same happens
// to a login that nobody has.
func (s *Service) attempt(ctx context.Context, now time.Time, login string) error {
	return s.ledger.Write(ctx, now, func(ctx context.Context, tx *ledger.Tx) error {
		f := failure{Login: s.loginKey(login)}
		err := tx.NewSelect().Model(&f).WherePK().Scan(ctx)
		if err != nil && !ledger.Missing(err) {
			return err
		}
		// A clock that was put back must lock nobody out for longer than the longest delay.
		if wait := f.Until.Sub(tx.Now); f.Until > tx.Now && wait <= longestDelay {
			minutes := int(wait/time.Minute) + 1
			return errs.Newf(errs.Locked,
				"登录失败次数过多，请 %[1]d 分钟后再试", "too many failed sign-ins; try again in %[1]d minutes", minutes)
		}
		if tx.Now.Sub(f.At) > failureDay || f.At > tx.Now {
			f.Failed = 0
		}
		f.Failed, f.At, f.Until = f.Failed+1, tx.Now, 0
		if over := f.Failed - freeFailures; over >= 0 {
			f.Until = tx.Now.Add(min(firstDelay<<min(over, 10), longestDelay))
		}
		_, err = tx.NewInsert().Model(&f).On("CONFLICT (login) DO UPDATE").Set("failed = EXCLUDED.failed, at = EXCLUDED.at, until = EXCLUDED.until").Exec(ctx)
		return err
	})
}

// succeeded forgets the failures of a login.
func (s *Service) succeeded(ctx context.Context, tx *ledger.Tx, login string) error {
	_, err := tx.NewDelete().Model(&failure{Login: s.loginKey(login)}).WherePK().Exec(ctx)
	return err
}

// SignIn checks login and password (and the code, when one is given) and begins a session, whose Stage says what is still lacking. Every
// failure is the same errs.Refused and takes as long, or errs.Locked after too many, whether there is such an account or not.
func (s *Service) SignIn(ctx context.Context, now time.Time, c Credentials) (SignedIn, error) {
	login := normalLogin(c.Login)
	if len(login) > 64 || len(c.Password) > 4*maxPassword {
		return SignedIn{}, wrong()
	}
	if err := s.attempt(ctx, now, login); err != nil {
		return SignedIn{}, err
	}
	var a Account
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		err := tx.NewSelect().Model(&a).Where("login = ?", login).Scan(ctx)
		if ledger.Missing(err) {
			return nil
		}
		return err
	})
	if err != nil {
		return SignedIn{}, err
	}
	ok, err := s.matches(ctx, a.Password, c.Password) // outside of any transaction: it takes tens of milliseconds
	if err != nil {
		return SignedIn{}, err
	}
	if !ok || !a.Active {
		return SignedIn{}, errorsAfter(s.refused(ctx, now, a, c.Address), wrong())
	}
	var in SignedIn
	var bad error
	err = s.ledger.Write(ctx, now, func(ctx context.Context, tx *ledger.Tx) error {
		bad = nil
		// What was read may have changed since.
		checked := a.Password
		if err := tx.NewSelect().Model(&a).WherePK().Scan(ctx); err != nil {
			return err
		}
		if a.Password != checked || !a.Active {
			bad = wrong()
			return audit.Record(tx, refusal(a, c.Address))
		}
		second := false
		if c.Code != "" && a.TOTPAt != 0 {
			var err error
			if second, err = s.useCode(ctx, tx, &a, c.Code); err != nil {
				return err
			}
			if !second {
				bad = wrong()
				return audit.Record(tx, refusal(a, c.Address))
			}
		}
		if a.TOTPAt == 0 || second {
			if err := s.succeeded(ctx, tx, login); err != nil {
				return err
			}
		}
		var err error
		in, err = s.begin(ctx, tx, a, "password", second, c.Address, c.Agent)
		return err
	})
	if err != nil || bad != nil {
		return SignedIn{}, errorsAfter(err, bad)
	}
	return in, nil
}

// errorsAfter gives the first of two errors that is one.
func errorsAfter(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// refused writes the event of a failed sign-in. Who has no account leaves no name: only that somebody tried, and from where.
func (s *Service) refused(ctx context.Context, now time.Time, a Account, address string) error {
	return s.ledger.Write(ctx, now, func(_ context.Context, tx *ledger.Tx) error { return audit.Record(tx, refusal(a, address)) })
}

func refusal(a Account, address string) audit.Event {
	return audit.Event{Actor: "anonymous", Action: "session.refuse", Object: "account", ObjectID: a.ID, Division: a.Division, Detail: map[string]string{"address": short(address, 64)}}
}

// begin writes a new session.
func (s *Service) begin(ctx context.Context, tx *ledger.Tx, a Account, method string, second bool, address, agent string) (SignedIn, error) {
	secret := newSecret()
	in := SignedIn{Secret: secret, Account: a, Session: Session{
		ID: secretHash(secret), Account: a.ID, Created: tx.Now, Seen: tx.Now, Until: tx.Now.Add(s.options.Absolute), Stage: s.stage(a, method, second, tx.Now), Method: method,
		Address: short(address, 64), Agent: short(agent, 200),
	}}
	if _, err := tx.NewInsert().Model(&in.Session).Exec(ctx); err != nil {
		return SignedIn{}, err
	}
	if _, err := tx.NewUpdate().Table("account").Set("signed_in = ?", tx.Now).Where("id = ?", a.ID).Exec(ctx); err != nil {
		return SignedIn{}, err
	}
	actor := a.actor(in.Session.ID)
	e := actor.Event("session.begin", "account", a.ID, a.Division)
	e.Detail = map[string]any{"method": method, "stage": in.Session.Stage, "address": in.Session.Address}
	return in, audit.Record(tx, e)
}

// stage is what a session lacks. The provider of single sign-on has its own second factor and its own passwords.
func (s *Service) stage(a Account, method string, second bool, now ledger.Time) Stage {
	switch {
	case method == "sso":
		return Full
	case a.TOTPAt != 0 && !second:
		return WantsSecond
	case a.MustChange || s.options.PasswordDays > 0 && now.Sub(a.PasswordAt) > time.Duration(s.options.PasswordDays)*24*time.Hour:
		return WantsPassword
	case a.TOTPAt == 0 && slices.ContainsFunc(a.Roles, func(r Role) bool { return slices.Contains(s.options.SecondFactor, r) }):
		return WantsEnrol
	}
	return Full
}

// newSecret makes 256 random bits for a cookie.
func newSecret() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails: it ends the program instead
	return base64.RawURLEncoding.EncodeToString(b)
}

func secretHash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// short keeps what a browser sends to a length, and to what a text column takes.
func short(s string, n int) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "?")
	return strings.ToValidUTF8(s[:min(len(s), n)], "")
}

// find gives the open session of a secret and its account.
func (s *Service) find(ctx context.Context, tx *ledger.Tx, now ledger.Time, secret string) (Session, Account, error) {
	var x Session
	var a Account
	err := tx.NewSelect().Model(&x).Where("id = ?", secretHash(secret)).Where("ended IS NULL").Where("until > ?", now).Where("seen > ?", now.Add(-s.options.Idle)).Scan(ctx)
	if err == nil {
		err = tx.NewSelect().Model(&a).Where("id = ?", x.Account).Where("active").Scan(ctx)
	}
	if ledger.Missing(err) {
		return x, a, signedOut()
	}
	return x, a, err
}

// Authenticate tells who acts in a session. It fails with errs.Refused when the session has ended, was idle for too long or too old, or the account was disabled. An
// actor whose session lacks something has no role: everything but mending that is refused.
func (s *Service) Authenticate(ctx context.Context, now time.Time, secret string) (Actor, Session, error) {
	var x Session
	var a Account
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) (err error) {
		x, a, err = s.find(ctx, tx, ledger.At(now), secret)
		return err
	})
	if err != nil {
		return Actor{}, Session{}, err
	}
	// Written now and then only: a request must not wait for the disk.
	if at := ledger.At(now); at.Sub(x.Seen) > s.options.Idle/10 {
		err := s.ledger.Write(ctx, now, func(ctx context.Context, tx *ledger.Tx) error {
			_, err := tx.NewUpdate().Table("session").Set("seen = ?", at).Where("id = ?", x.ID).Where("seen < ?", at).Exec(ctx)
			return err
		})
		if err != nil {
			s.log.Warn("account: a session's time was not written", "error", err)
		}
		x.Seen = at
	}
	actor := a.actor(x.ID)
	if x.Stage != Full {
		actor.Roles = nil
	}
	return actor, x, nil
}

// mine runs fn with the session of a secret and its account, in one write. The stage must be one of those named.
func (s *Service) mine(ctx context.Context, now time.Time, secret string, stages []Stage, fn func(context.Context, *ledger.Tx, *Session, *Account) error) error {
	return s.ledger.Write(ctx, now, func(ctx context.Context, tx *ledger.Tx) error {
		x, a, err := s.find(ctx, tx, tx.Now, secret)
		if err != nil {
			return err
		}
		if !slices.Contains(stages, x.Stage) {
			return errs.New(errs.Refused, "登录尚未完成，请先完成前面的步骤", "the sign-in is not complete; finish the step before")
		}
		return fn(ctx, tx, &x, &a)
	})
}

// advance moves a session to the stage that comes next.
func (s *Service) advance(ctx context.Context, tx *ledger.Tx, x *Session, a Account, second bool) error {
	x.Stage = s.stage(a, x.Method, second, tx.Now)
	_, err := tx.NewUpdate().Model(x).Column("stage").WherePK().Exec(ctx)
	return err
}

// SignOut ends the session of a secret. One that has ended already is no error.
func (s *Service) SignOut(ctx context.Context, now time.Time, secret string) error {
	err := s.mine(ctx, now, secret, []Stage{Full, WantsSecond, WantsPassword, WantsEnrol}, func(ctx context.Context, tx *ledger.Tx, x *Session, a *Account) error {
		return end(ctx, tx, a.actor(x.ID), *x, *a, "signed_out")
	})
	if errs.KindOf(err) == errs.Refused {
		return nil
	}
	return err
}

// end ends one session.
func end(ctx context.Context, tx *ledger.Tx, actor Actor, x Session, a Account, why string) error {
	x.Ended, x.Why = tx.Now, why
	if _, err := tx.NewUpdate().Model(&x).Column("ended", "why").WherePK().Exec(ctx); err != nil {
		return err
	}
	e := actor.Event("session.end", "account", a.ID, a.Division)
	e.Detail = map[string]string{"session": x.ID[:12], "why": why}
	return audit.Record(tx, e)
}

// Sessions gives the open sessions of an account, newest first; everybody's own, others' by right. now is the time at which they must be open.
func (s *Service) Sessions(ctx context.Context, tx *ledger.Tx, actor Actor, account string, now time.Time) ([]Session, error) {
	if account != actor.Account {
		if err := actor.May(SessionRead); err != nil {
			return nil, err
		}
		if _, err := s.get(ctx, tx, actor, account); err != nil {
			return nil, err
		}
	}
	list := []Session{}
	at := ledger.At(now)
	err := tx.NewSelect().Model(&list).Where("account = ?", account).Where("ended IS NULL").Where("until > ?", at).Where("seen > ?", at.Add(-s.options.Idle)).
		Order("created DESC").Scan(ctx)
	return list, err
}

// EndSession ends a session by its id; one's own, others' by right.
func (s *Service) EndSession(ctx context.Context, tx *ledger.Tx, actor Actor, id string) error {
	var x Session
	var a Account
	err := tx.NewSelect().Model(&x).Where("id = ?", id).Where("ended IS NULL").Scan(ctx)
	if err == nil {
		err = tx.NewSelect().Model(&a).Where("id = ?", x.Account).Scan(ctx)
	}
	if ledger.Missing(err) {
		return NotThere()
	}
	if err != nil {
		return err
	}
	if x.Account != actor.Account {
		if err := actor.May(SessionEnd); err != nil {
			return err
		}
		if err := actor.Sees(a.Division); err != nil {
			return err
		}
	}
	return end(ctx, tx, actor, x, a, "ended")
}

// EndSessions ends all sessions of an account and says how many; one's own, others' by right.
func (s *Service) EndSessions(ctx context.Context, tx *ledger.Tx, actor Actor, account string) (int64, error) {
	if account != actor.Account {
		if err := actor.May(SessionEnd); err != nil {
			return 0, err
		}
	}
	a, err := s.get(ctx, tx, actor, account)
	if err != nil {
		return 0, err
	}
	n, err := endSessions(ctx, tx, a.ID, "ended")
	if err != nil {
		return 0, err
	}
	e := actor.Event("session.end", "account", a.ID, a.Division)
	e.Detail = map[string]any{"sessions": n, "why": "ended"}
	return n, audit.Record(tx, e)
}

// Tidy closes sessions that have run out, and drops what nobody needs any more: failures of the day before, and sessions that ended more than 190 days ago (logs
// are kept for six months). It is for a periodic job.
func (s *Service) Tidy(ctx context.Context, now time.Time) error {
	return s.ledger.Write(ctx, now, func(ctx context.Context, tx *ledger.Tx) error {
		_, err := tx.NewUpdate().Table("session").Set("ended = ?", tx.Now).Set("why = ?", "expired").Where("ended IS NULL").
			Where("until <= ? OR seen <= ?", tx.Now, tx.Now.Add(-s.options.Idle)).Exec(ctx)
		if err != nil {
			return err
		}
		if _, err = tx.NewDelete().Table("session").Where("ended < ?", tx.Now.Add(-190*24*time.Hour)).Exec(ctx); err != nil {
			return err
		}
		_, err = tx.NewDelete().Table("signin_failure").Where("at < ?", tx.Now.Add(-failureDay)).Where("until < ?", tx.Now).Exec(ctx)
		return err
	})
}

// OpenSession is a session with whose it is.
type OpenSession struct {
	Session
	Login    string        `json:"login"`
	Name     string        `json:"name"`
	Org      string        `json:"org"`
	Division division.Code `json:"division"`
}

// OpenSessions gives the open sessions of everybody in the actor's subtree, the one seen last first, at most limit (0: 100, at most 1000). It needs SessionRead.
func (s *Service) OpenSessions(ctx context.Context, tx *ledger.Tx, actor Actor, now time.Time, limit int) ([]OpenSession, error) {
	if err := actor.May(SessionRead); err != nil {
		return nil, err
	}
	list := []OpenSession{}
	at := ledger.At(now)
	where, args := actor.Scope("a.division")
	err := tx.NewSelect().TableExpr("session AS s").ColumnExpr("s.*").ColumnExpr("a.login, a.name, a.org, a.division").Join("JOIN account AS a ON a.id = s.account").
		Where("s.ended IS NULL").Where("s.until > ?", at).Where("s.seen > ?", at.Add(-s.options.Idle)).Where(where, args...).OrderExpr("s.seen DESC, s.id").Limit(int64(bounded(limit))).Scan(ctx, &list)
	return list, err
}
