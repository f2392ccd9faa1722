package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"golang.org/x/text/unicode/norm"

	"shouwang/internal/audit"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
)

// The second factor is TOTP (RFC 6238) as every authenticator knows it: SHA-1, 30 seconds, six digits.
const (
	step          = 30 * time.Second
	totpSize      = 20 // bytes of the shared key
	recoveryCodes = 10
)

// Enrolment is what goes into the authenticator, by QR code or by hand. It counts once [Service.Confirm] has seen a code.
type Enrolment struct {
	URI    string `json:"uri"`    // otpauth://totp/…
	Secret string `json:"secret"` // base32
}

// Enrol makes a new key for the authenticator of the session's account. A key that is in use stays in use until the new one is confirmed; to replace one the session
// must have passed the second factor.
func (s *Service) Enrol(ctx context.Context, now time.Time, secret string) (Enrolment, error) {
	key := make([]byte, totpSize)
	rand.Read(key) // never fails: it ends the program instead
	text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(key)
	var out Enrolment
	err := s.mine(ctx, now, secret, []Stage{Full, WantsEnrol}, func(ctx context.Context, tx *ledger.Tx, _ *Session, a *Account) error {
		if a.TOTPAt != 0 {
			return errs.New(errs.Conflict, "已经绑定过动态口令；请先由管理员解除绑定", "a second factor is enrolled already; have an administrator remove it first")
		}
		a.TOTP, a.TOTPStep = s.seal("account.totp", a.ID, text), 0
		if err := ledger.Update(ctx, tx, a, &a.Version, "totp", "totp_step"); err != nil {
			return err
		}
		q := url.Values{"secret": {text}, "issuer": {s.options.Issuer}}
		out = Enrolment{Secret: text, URI: "otpauth://totp/" + url.PathEscape(s.options.Issuer+":"+a.Login) + "?" + q.Encode()}
		return audit.Record(tx, a.actor("").Event("account.enrol", "account", a.ID, a.Division))
	})
	return out, err
}

// Confirm takes the first code of a new authenticator, puts it in force, and gives ten recovery codes, each good for one sign-in without the authenticator.
func (s *Service) Confirm(ctx context.Context, now time.Time, secret, code string) ([]string, error) {
	var codes []string
	err := s.mine(ctx, now, secret, []Stage{Full, WantsEnrol}, func(ctx context.Context, tx *ledger.Tx, x *Session, a *Account) error {
		if a.TOTP == "" || a.TOTPAt != 0 {
			return errs.New(errs.Conflict, "没有待确认的动态口令", "there is no second factor to be confirmed")
		}
		at, err := s.codeStep(a, code, tx.Now)
		if err != nil {
			return err
		}
		if at == 0 {
			return errs.New(errs.Invalid, "验证码不对，请检查手机时间后再试", "the code is wrong; check the phone's clock and try again")
		}
		codes = codes[:0]
		a.Recovery = a.Recovery[:0]
		for range recoveryCodes {
			b := make([]byte, 10)
			rand.Read(b)
			c := strings.ToLower(base32.StdEncoding.EncodeToString(b)) // 16 letters
			codes = append(codes, c[:4]+"-"+c[4:8]+"-"+c[8:12]+"-"+c[12:])
			a.Recovery = append(a.Recovery, s.recoveryHash(a.ID, c))
		}
		a.TOTPAt, a.TOTPStep = tx.Now, at
		if err := ledger.Update(ctx, tx, a, &a.Version, "totp_at", "totp_step", "recovery"); err != nil {
			return err
		}
		if err := s.advance(ctx, tx, x, *a, true); err != nil {
			return err
		}
		return audit.Record(tx, a.actor(x.ID).Event("account.confirm", "account", a.ID, a.Division))
	})
	return codes, err
}

// recoveryHash is keyed, and bound to the account.
func (s *Service) recoveryHash(id, code string) string {
	b := s.keyring.PersonKey([]byte("recovery|" + id + "|" + code)).Bytes()
	return base64.RawStdEncoding.EncodeToString(b[:])
}

// Second takes the code of the second factor, or a recovery code, for a session that lacks it. Wrong codes count like wrong passwords.
func (s *Service) Second(ctx context.Context, now time.Time, secret, code string) (Session, error) {
	var x Session
	var a Account
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) (err error) {
		x, a, err = s.find(ctx, tx, ledger.At(now), secret)
		return err
	})
	if err != nil {
		return Session{}, err
	}
	if x.Stage != WantsSecond {
		return Session{}, errs.New(errs.Conflict, "这次登录不需要验证码", "this sign-in needs no code")
	}
	if err := s.attempt(ctx, now, a.Login); err != nil {
		return Session{}, err
	}
	var bad error
	err = s.mine(ctx, now, secret, []Stage{WantsSecond}, func(ctx context.Context, tx *ledger.Tx, mine *Session, a *Account) error {
		bad = nil
		ok, err := s.useCode(ctx, tx, a, code)
		if err != nil {
			return err
		}
		if !ok {
			bad = wrong()
			return audit.Record(tx, refusal(*a, mine.Address))
		}
		if err := s.succeeded(ctx, tx, a.Login); err != nil {
			return err
		}
		if err := s.advance(ctx, tx, mine, *a, true); err != nil {
			return err
		}
		x = *mine
		return audit.Record(tx, a.actor(mine.ID).Event("session.second", "account", a.ID, a.Division))
	})
	if err := errorsAfter(err, bad); err != nil {
		return Session{}, err
	}
	return x, nil
}

// useCode checks a code and uses it up: a code of the authenticator counts once, and none before it counts any more; a recovery code is crossed out.
func (s *Service) useCode(ctx context.Context, tx *ledger.Tx, a *Account, code string) (bool, error) {
	code = strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return -1
		}
		return r
	}, strings.ToLower(norm.NFKC.String(strings.TrimSpace(code))))
	if len(code) == 16 {
		i := slices.Index(a.Recovery, s.recoveryHash(a.ID, code))
		if i < 0 {
			return false, nil
		}
		a.Recovery = slices.Delete(slices.Clone(a.Recovery), i, i+1)
		return true, ledger.Update(ctx, tx, a, &a.Version, "recovery")
	}
	at, err := s.codeStep(a, code, tx.Now)
	if err != nil || at == 0 || at <= a.TOTPStep {
		return false, err
	}
	a.TOTPStep = at
	return true, ledger.Update(ctx, tx, a, &a.Version, "totp_step")
}

// codeStep gives the time step to which a code belongs: now's, or the one before or after it, as clocks differ; 0 when the code is wrong.
func (s *Service) codeStep(a *Account, code string, now ledger.Time) (int64, error) {
	key, err := s.unseal("account.totp", a.ID, a.TOTP)
	if err != nil || key == "" {
		return 0, err
	}
	found := int64(0)
	for at := int64(now)/step.Microseconds() - 1; at <= int64(now)/step.Microseconds()+1; at++ {
		want, err := hotp.GenerateCodeCustom(key, uint64(at), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return 0, errs.Wrap(errs.Internal, err, "动态口令无法计算", "the second factor cannot be computed")
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			found = at
		}
	}
	return found, nil
}

// RemoveSecond takes the second factor from an account whose owner has lost it, ends its sessions, and has it enrolled anew at the next sign-in.
func (s *Service) RemoveSecond(ctx context.Context, tx *ledger.Tx, actor Actor, id string) error {
	if err := actor.May(AccountManage); err != nil {
		return err
	}
	a, err := s.get(ctx, tx, actor, id)
	if err != nil {
		return err
	}
	a.TOTP, a.TOTPAt, a.TOTPStep, a.Recovery = "", 0, 0, []string{}
	if err := ledger.Update(ctx, tx, &a, &a.Version, "totp", "totp_at", "totp_step", "recovery"); err != nil {
		return err
	}
	if _, err := endSessions(ctx, tx, a.ID, "changed"); err != nil {
		return err
	}
	return audit.Record(tx, actor.Event("account.unenrol", "account", a.ID, a.Division))
}

// ChangePassword sets a password of one's own. It ends all other sessions of the account. A wrong old password counts like a failed sign-in.
func (s *Service) ChangePassword(ctx context.Context, now time.Time, secret, old, password string) (Session, error) {
	var x Session
	var a Account
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) (err error) {
		x, a, err = s.find(ctx, tx, ledger.At(now), secret)
		return err
	})
	if err != nil {
		return Session{}, err
	}
	if x.Stage == WantsSecond {
		return Session{}, errs.New(errs.Refused, "登录尚未完成，请先完成前面的步骤", "the sign-in is not complete; finish the step before")
	}
	if err := CheckPassword(password, a.Login, a.Name); err != nil {
		return Session{}, err
	}
	if err := s.attempt(ctx, now, a.Login); err != nil {
		return Session{}, err
	}
	ok, err := s.matches(ctx, a.Password, old)
	if err != nil {
		return Session{}, err
	}
	if !ok {
		return Session{}, errorsAfter(s.refused(ctx, now, a, x.Address), errs.New(errs.Refused, "原口令不对", "the old password is wrong"))
	}
	if old == password {
		return Session{}, errs.New(errs.Invalid, "新口令不能与原口令相同", "the new password must differ from the old one")
	}
	hash, err := s.hash(ctx, password)
	if err != nil {
		return Session{}, err
	}
	stored := a.Password
	err = s.mine(ctx, now, secret, []Stage{Full, WantsPassword, WantsEnrol}, func(ctx context.Context, tx *ledger.Tx, mine *Session, a *Account) error {
		if a.Password != stored {
			return errs.New(errs.Conflict, "口令刚刚被改过，请重新登录", "the password has just been changed; sign in again")
		}
		a.Password, a.PasswordAt, a.MustChange = hash, tx.Now, false
		if err := ledger.Update(ctx, tx, a, &a.Version, "password", "password_at", "must_change"); err != nil {
			return err
		}
		if err := s.succeeded(ctx, tx, a.Login); err != nil {
			return err
		}
		_, err := tx.NewUpdate().Table("session").Set("ended = ?", tx.Now).Set("why = ?", "password").Where("account = ?", a.ID).Where("ended IS NULL").Where("id <> ?", mine.ID).Exec(ctx)
		if err != nil {
			return err
		}
		if err := s.advance(ctx, tx, mine, *a, a.TOTPAt != 0); err != nil {
			return err
		}
		x = *mine
		return audit.Record(tx, a.actor(mine.ID).Event("account.password", "account", a.ID, a.Division))
	})
	return x, err
}

// ResetPassword gives an account a one-time password, which must be changed at the next sign-in, forgets its failed sign-ins and ends its sessions.
func (s *Service) ResetPassword(ctx context.Context, now time.Time, actor Actor, id string) (string, error) {
	if err := actor.May(AccountManage); err != nil {
		return "", err
	}
	password := oneTime()
	hash, err := s.hash(ctx, password)
	if err != nil {
		return "", err
	}
	err = s.ledger.Write(ctx, now, func(ctx context.Context, tx *ledger.Tx) error {
		a, err := s.get(ctx, tx, actor, id)
		if err != nil {
			return err
		}
		a.Password, a.PasswordAt, a.MustChange = hash, tx.Now, true
		if err := ledger.Update(ctx, tx, &a, &a.Version, "password", "password_at", "must_change"); err != nil {
			return err
		}
		if err := s.succeeded(ctx, tx, a.Login); err != nil {
			return err
		}
		if _, err := endSessions(ctx, tx, a.ID, "password"); err != nil {
			return err
		}
		return audit.Record(tx, actor.Event("account.reset", "account", a.ID, a.Division))
	})
	if err != nil {
		return "", err
	}
	return password, nil
}
