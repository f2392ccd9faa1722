package housecode

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"math/big"
	"time"

	"github.com/uptrace/bun"

	"shouwang/internal/account"
	"shouwang/internal/audit"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
)

// Viewer is who opens a code's link: nobody known (the zero Viewer), the household with a one-time code, or staff.
type Viewer struct {
	Actor account.Actor // staff; the zero Actor: none
	Once  string        // the household's six digits; empty: none
}

// Level is how much a viewer gets to see.
type Level string

// The levels.
const (
	Nothing Level = "nothing"
	Public  Level = "public" // that it is a valid code of a village, and the hotline
	Own     Level = "own"    // the household's own facts
	Full    Level = "full"   // what staff in charge see; logged
)

// OnceAnswer says what became of a one-time code.
type OnceAnswer string

// The answers.
const (
	OnceRight   OnceAnswer = "right"
	OnceWrong   OnceAnswer = "wrong"
	OnceUsed    OnceAnswer = "used"    // it was right, and it has been used before
	OnceExpired OnceAnswer = "expired" // too late
	OnceLocked  OnceAnswer = "locked"  // too many wrong answers
	OnceNone    OnceAnswer = "none"    // none was made
)

// View is what a viewer may see of a code. Whoever renders it shows nothing but what is filled in.
type View struct {
	Level       Level         `json:"level"`
	Verdict     Verdict       `json:"verdict"`
	Once        OnceAnswer    `json:"once,omitempty"`
	Village     division.Code `json:"village,omitempty"`
	ID          string        `json:"id,omitempty"`
	Serial      int           `json:"serial,omitempty"`
	Issued      time.Time     `json:"issued,omitzero"`
	Expires     time.Time     `json:"expires,omitzero"`
	Household   int64         `json:"household,omitempty"` // Own and Full only
	HouseholdNo string        `json:"household_no,omitempty"`
}

// Open judges a scanned text for a viewer. It needs a transaction that can write: what staff see is logged, and answers to one-time codes are
// counted, also the wrong ones; so a refusal is a View with less in it, not an error.
func (cs *Codes) Open(ctx context.Context, tx *ledger.Tx, v Viewer, text string) (View, error) {
	view := View{Level: Nothing}
	keys, err := cs.public(ctx, tx, tx.Now.Go(), nil)
	if err != nil {
		return view, err
	}
	token, key, verdict := keys.open(text)
	if view.Verdict = verdict; verdict != Valid {
		return view, nil
	}
	row, err := cs.byToken(ctx, tx, token)
	if ledger.Missing(err) {
		view.Verdict = Unissued
		return view, nil
	}
	if err != nil {
		return view, err
	}
	if view.Verdict = keys.judge(token, key, tx.Now.Go()); row.State != Active && view.Verdict != Revoked {
		view.Verdict = verdictOf(row.State)
	}
	switch {
	case v.Actor.Account != "":
		return cs.openStaff(tx, v.Actor, row, view)
	case view.Verdict != Valid:
		return view, nil
	case v.Once != "":
		if view.Once, err = cs.answer(ctx, tx, row.ID, v.Once); err != nil {
			return view, err
		}
		if view.Once == OnceRight {
			view.fill(row, Own)
			return view, audit.Record(tx, audit.Event{Actor: "household", Action: "code.open", Object: "household_code", ObjectID: row.ID, Division: row.Village})
		}
	}
	view.Level, view.Village = Public, row.Village
	return view, nil
}

// byToken finds the row that a token tells of; every word of it must fit.
func (cs *Codes) byToken(ctx context.Context, tx *ledger.Tx, t Token) (Code, error) {
	var row Code
	err := tx.NewSelect().Model(&row).Where("id = ?", hex.EncodeToString(t.ID[:])).Where("village = ?", t.Village).Where("serial = ?", t.Serial).
		Where("issued = ?", ledger.At(t.Issued)).Where("expires = ?", ledger.At(t.Expires)).Scan(ctx)
	return row, err
}

// openStaff shows everything to staff in charge, whatever the verdict, and nothing to others; both are logged.
func (cs *Codes) openStaff(tx *ledger.Tx, actor account.Actor, row Code, view View) (View, error) {
	event := actor.Event("code.open", "household_code", row.ID, row.Village)
	if actor.May(account.CodeRead) != nil || !actor.Within(row.Village) {
		event.Action = "code.refused"
		return View{Level: Nothing, Verdict: view.Verdict}, audit.Record(tx, event)
	}
	view.fill(row, Full)
	event.Detail = map[string]any{"verdict": view.Verdict}
	return view, audit.Record(tx, event)
}

func (v *View) fill(row Code, l Level) {
	v.Level, v.Village, v.ID, v.Serial = l, row.Village, row.ID, row.Serial
	v.Issued, v.Expires, v.Household, v.HouseholdNo = row.Issued.Go(), row.Expires.Go(), row.Household, row.HouseholdNo
}

// once is a one-time code.
type once struct {
	bun.BaseModel `bun:"table:code_once,alias:o"`

	ID      string `bun:",pk"`
	Code    string
	Hash    string
	Account string
	Made    ledger.Time
	Expires ledger.Time
	Tries   int
	Used    ledger.Time
}

// What bounds guessing: six digits, ten minutes, five wrong answers, and five codes a day. So at most 25 guesses a day in a million.
const (
	onceValid  = 10 * time.Minute
	onceTries  = 5
	oncePerDay = 5
)

// MakeOnce makes the six digits with which a household opens its own page, once and within ten minutes; those made before are void. Staff in
// charge have it made, and say it to the household or send it to the phone on the register.
func (cs *Codes) MakeOnce(ctx context.Context, tx *ledger.Tx, actor account.Actor, household int64) (digits string, expires time.Time, err error) {
	if err := actor.May(account.CodeRead); err != nil {
		return "", expires, err
	}
	code, err := cs.active(ctx, tx, actor, household)
	if err != nil {
		return "", expires, err
	}
	today, err := tx.NewSelect().Model((*once)(nil)).Where("code = ?", code.ID).Where("made > ?", tx.Now.Add(-24*time.Hour)).Count(ctx)
	if err != nil {
		return "", expires, err
	}
	if today >= oncePerDay {
		return "", expires, errs.Newf(errs.Refused, "这一户 24 小时内已经生成过 %[1]d 次一次性验证码，请明天再试", "%[1]d one-time codes were made for this household within 24 hours: try again tomorrow", oncePerDay)
	}
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return "", expires, errs.Wrap(errs.Internal, err, "系统随机数不可用", "the system's random numbers are not available")
	}
	digits = fmt.Sprintf("%06d", n)
	row := once{ID: ledger.NewID(tx.Now.Go()), Code: code.ID, Account: actor.Account, Made: tx.Now, Expires: tx.Now.Add(onceValid)}
	row.Hash = cs.onceHash(row.ID, digits)
	if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
		return "", expires, err
	}
	return digits, row.Expires.Go(), audit.Record(tx, actor.Event("code.once", "household_code", code.ID, code.Village))
}

// onceHash is keyed, so that the ledger alone does not give the digits away.
func (cs *Codes) onceHash(id, digits string) string {
	k := cs.keyring.PersonKey([]byte("one-time code|" + id + "|" + digits)).Bytes()
	return hex.EncodeToString(k[:])
}

// answer tries digits on the newest one-time code, and counts.
func (cs *Codes) answer(ctx context.Context, tx *ledger.Tx, code, digits string) (OnceAnswer, error) {
	var row once
	err := tx.NewSelect().Model(&row).Where("code = ?", code).Order("made DESC", "id DESC").Limit(1).Scan(ctx)
	if ledger.Missing(err) {
		return OnceNone, nil
	}
	if err != nil {
		return "", err
	}
	right := subtle.ConstantTimeCompare([]byte(row.Hash), []byte(cs.onceHash(row.ID, digits))) == 1
	switch {
	case row.Tries >= onceTries:
		return OnceLocked, nil // whether it was right is not told any more
	case row.Expires <= tx.Now:
		return OnceExpired, nil
	case !right:
		_, err := tx.NewUpdate().Model((*once)(nil)).Set("tries = tries + 1").Where("id = ?", row.ID).Exec(ctx)
		return OnceWrong, err
	case row.Used != 0:
		return OnceUsed, nil
	}
	done, err := tx.NewUpdate().Model((*once)(nil)).Set("used = ?", tx.Now).Where("id = ?", row.ID).Where("used = 0").Exec(ctx)
	if err != nil {
		return "", err
	}
	if n, err := done.RowsAffected(); err != nil || n != 1 {
		return OnceUsed, err
	}
	return OnceRight, nil
}
