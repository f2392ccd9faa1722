package housecode

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"shouwang/internal/account"
	"shouwang/internal/audit"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/secret"
)

// Codes issues, judges and ends codes. It keeps nothing but the keyring, under which the signing keys are sealed.
type Codes struct {
	keyring *secret.Keyring
	codec   codec
}

// New makes the subject's door.
func New(keyring *secret.Keyring) (*Codes, error) {
	c, err := newCodec()
	if err != nil {
		return nil, errs.Wrap(errs.Internal, err, "无法使用户码", "cannot work with codes")
	}
	return &Codes{keyring: keyring, codec: c}, nil
}

// State is what became of a code.
type State string

// The states.
const (
	Active      State = "active"
	WasReplaced State = "replaced"
	WasRevoked  State = "revoked"
)

// Code is one issued code as the ledger knows it.
type Code struct {
	bun.BaseModel `bun:"table:household_code,alias:c" json:"-"`

	ID          string        `bun:",pk" json:"id"`
	Household   int64         `json:"household"`
	HouseholdNo string        `json:"household_no"`
	Village     division.Code `json:"village"`
	Serial      int           `json:"serial"`
	Key         string        `json:"key"`
	Issued      ledger.Time   `json:"issued"`
	Expires     ledger.Time   `json:"expires"`
	State       State         `json:"state"`
	Ended       ledger.Time   `json:"ended"`
	Reason      string        `json:"reason"`
	Version     int64         `json:"version"`
}

// token is what the code's card says.
func (c *Code) token(key KeyID) (Token, error) {
	b, err := hex.DecodeString(c.ID)
	if err != nil || len(b) != len(ID{}) {
		return Token{}, errs.Newf(errs.Internal, "户码 %[1]s 的编号已损坏", "the id of code %[1]s is damaged", c.ID)
	}
	return Token{ID: ID(b), Village: c.Village, Serial: c.Serial, Issued: c.Issued.Go(), Expires: c.Expires.Go(), Key: key}, nil
}

// Key is one signing key as the ledger knows it.
type Key struct {
	bun.BaseModel `bun:"table:code_key,alias:k" json:"-"`

	ID        string      `bun:",pk" json:"id"`
	Suite     Suite       `json:"suite"`
	Public    string      `json:"public"`
	Sealed    string      `json:"-"`
	Made      ledger.Time `json:"made"`
	Retired   ledger.Time `json:"retired"`
	Withdrawn ledger.Time `json:"withdrawn"`
	Version   int64       `json:"version"`
}

const sealedColumn = "code_key.sealed"

// place is where a key is sealed: a sealed key that was moved to another row does not open.
func (k KeyID) place() secret.Key128 {
	return secret.Key128{Lo: uint64(k[0])<<24 | uint64(k[1])<<16 | uint64(k[2])<<8 | uint64(k[3])}
}

// unseal gives the signing key of a row.
func (cs *Codes) unseal(row *Key) (*SigningKey, error) {
	damaged := func(err error) error {
		return errs.Wrap(errs.Unavailable, err, "户码密钥 "+row.ID+" 无法解开：密钥文件不是签发时的那一个", "the code key "+row.ID+" does not open: the keyring is not the one it was made with")
	}
	sealed, err := base64.StdEncoding.DecodeString(row.Sealed)
	if err != nil {
		return nil, damaged(err)
	}
	var id KeyID
	if b, err := hex.DecodeString(row.ID); err != nil || copy(id[:], b) != len(id) {
		return nil, damaged(err)
	}
	seed, err := cs.keyring.Open(sealedColumn, id.place(), sealed)
	if err != nil {
		return nil, damaged(err)
	}
	return signingKey(row.Suite, seed)
}

// Rotate makes a new key, with which codes are signed from now on. Codes of the key before stay valid.
func (cs *Codes) Rotate(ctx context.Context, tx *ledger.Tx, actor account.Actor, suite Suite) (Key, error) {
	if err := actor.May(account.CodeKey); err != nil {
		return Key{}, err
	}
	key, err := NewKey(suite)
	if err != nil {
		return Key{}, err
	}
	if _, err := tx.NewUpdate().Model((*Key)(nil)).Set("retired = ?, version = version + 1", tx.Now).Where("retired = 0").Exec(ctx); err != nil {
		return Key{}, err
	}
	row := Key{ID: key.ID.String(), Suite: suite, Public: base64.StdEncoding.EncodeToString(key.public), Made: tx.Now, Version: 1,
		Sealed: base64.StdEncoding.EncodeToString(cs.keyring.Seal(nil, sealedColumn, key.ID.place(), key.seed))}
	if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
		return Key{}, err
	}
	return row, audit.Record(tx, actor.Event("code.key.new", "code_key", row.ID, actor.Division))
}

// Withdraw declares that a key got out: it and all its codes are void at once, and new cards have to be made.
func (cs *Codes) Withdraw(ctx context.Context, tx *ledger.Tx, actor account.Actor, id, reason string) (voided int, err error) {
	if err := actor.May(account.CodeKey); err != nil {
		return 0, err
	}
	if err := needReason(reason); err != nil {
		return 0, err
	}
	var row Key
	if err := tx.NewSelect().Model(&row).Where("id = ?", strings.ToLower(id)).Scan(ctx); ledger.Missing(err) {
		return 0, errs.Newf(errs.NotFound, "没有户码密钥 %[1]s", "there is no code key %[1]s", id)
	} else if err != nil {
		return 0, err
	}
	if row.Withdrawn != 0 {
		return 0, errs.Newf(errs.Conflict, "户码密钥 %[1]s 已经作废", "the code key %[1]s is withdrawn already", id)
	}
	row.Withdrawn = tx.Now
	if row.Retired == 0 {
		row.Retired = tx.Now
	}
	if err := ledger.Update(ctx, tx, &row, &row.Version, "withdrawn", "retired"); err != nil {
		return 0, err
	}
	done, err := tx.NewUpdate().Model((*Code)(nil)).Set("state = ?, ended = ?, reason = ?, version = version + 1", WasRevoked, tx.Now, reason).
		Where("key = ?", row.ID).Where("state = ?", Active).Exec(ctx)
	if err != nil {
		return 0, err
	}
	n, err := done.RowsAffected()
	if err != nil {
		return 0, err
	}
	event := actor.Event("code.key.withdraw", "code_key", row.ID, actor.Division)
	event.Reason, event.Detail = reason, map[string]int64{"codes": n}
	return int(n), audit.Record(tx, event)
}

func needReason(reason string) error {
	if strings.TrimSpace(reason) == "" {
		return errs.New(errs.Invalid, "请写明理由", "a reason is needed")
	}
	return nil
}

// Keys gives all keys, the newest first.
func (cs *Codes) Keys(ctx context.Context, tx *ledger.Tx) ([]Key, error) {
	var rows []Key
	err := tx.NewSelect().Model(&rows).Order("made DESC", "id").Scan(ctx)
	return rows, err
}

// public gives the keys for a list.
func (cs *Codes) public(ctx context.Context, tx *ledger.Tx, now time.Time, over map[ID]Verdict) (*KeyList, error) {
	rows, err := cs.Keys(ctx, tx)
	if err != nil {
		return nil, err
	}
	var keys []PublicKey
	for _, r := range rows {
		public, err := base64.StdEncoding.DecodeString(r.Public)
		if err != nil {
			return nil, errs.Wrap(errs.Internal, err, "户码公钥已损坏", "a code's public key is damaged")
		}
		keys = append(keys, PublicKey{ID: keyID(public), Suite: r.Suite, Key: public, Withdrawn: r.Withdrawn != 0})
	}
	return NewKeyList(now, keys, over)
}

// List gives what checks without network need: all public keys, and the codes that ended before their day.
func (cs *Codes) List(ctx context.Context, tx *ledger.Tx, now time.Time) (*KeyList, error) {
	var rows []Code
	if err := tx.NewSelect().Model(&rows).Column("id", "state").Where("state <> ?", Active).Where("expires > ?", ledger.At(now)).Scan(ctx); err != nil {
		return nil, err
	}
	over := make(map[ID]Verdict, len(rows))
	for i := range rows {
		t, err := rows[i].token(KeyID{})
		if err != nil {
			return nil, err
		}
		over[t.ID] = verdictOf(rows[i].State)
	}
	return cs.public(ctx, tx, now, over)
}

// verdictOf is the verdict on a code that is not active any more.
func verdictOf(s State) Verdict {
	if s == WasReplaced {
		return Replaced
	}
	return Revoked
}

// Holder is a household that is to have a code.
type Holder struct {
	Household   int64
	HouseholdNo string
	Village     division.Code
}

// Issued says what an issue did.
type Issued struct {
	New  int `json:"new"`  // households that have got a code
	Kept int `json:"kept"` // households whose code stands
}

// current gives the key that signs.
func (cs *Codes) current(ctx context.Context, tx *ledger.Tx) (Key, error) {
	var row Key
	err := tx.NewSelect().Model(&row).Where("retired = 0").Order("made DESC").Limit(1).Scan(ctx)
	if ledger.Missing(err) {
		return row, errs.New(errs.NotFound, "还没有户码签名密钥：请系统管理员先运行 shouwang code key new", "there is no key to sign codes with: the administrator runs shouwang code key new first")
	}
	return row, err
}

// Issue gives each holder a code that is valid until expires; who has a valid one keeps it. Every holder must lie in the actor's area.
// One audit event tells of all.
func (cs *Codes) Issue(ctx context.Context, tx *ledger.Tx, actor account.Actor, holders []Holder, expires time.Time) (Issued, error) {
	var done Issued
	if err := actor.May(account.CodeIssue); err != nil {
		return done, err
	}
	if !expires.After(tx.Now.Go()) {
		return done, errs.New(errs.Invalid, "有效期必须在将来", "the expiry must be in the future")
	}
	key, err := cs.current(ctx, tx)
	if err != nil {
		return done, err
	}
	holders = slices.Clone(holders)
	slices.SortFunc(holders, func(a, b Holder) int { return cmp.Compare(a.Household, b.Household) })
	holders = slices.CompactFunc(holders, func(a, b Holder) bool { return a.Household == b.Household })
	for from := 0; from < len(holders); from += 500 {
		part := holders[from:min(from+500, len(holders))]
		n, err := cs.issue(ctx, tx, actor, part, key.ID, expires)
		if err != nil {
			return done, err
		}
		done.New += n
		done.Kept += len(part) - n
	}
	if done.New == 0 {
		return done, nil
	}
	event := actor.Event("code.issue", "household_code", key.ID, actor.Division)
	event.Detail = done
	return done, audit.Record(tx, event)
}

func (cs *Codes) issue(ctx context.Context, tx *ledger.Tx, actor account.Actor, part []Holder, key string, expires time.Time) (int, error) {
	ids := make([]int64, len(part))
	for i, h := range part {
		if err := actor.Sees(h.Village); err != nil {
			return 0, err
		}
		ids[i] = h.Household
	}
	var known []Code
	if err := tx.NewSelect().Model(&known).Where("household IN (?)", bun.List(ids)).Order("household", "serial").Scan(ctx); err != nil {
		return 0, err
	}
	type history struct {
		serial int
		active *Code
	}
	past := map[int64]history{}
	for i := range known {
		h := past[known[i].Household]
		h.serial = known[i].Serial
		if known[i].State == Active {
			h.active = &known[i]
		}
		past[known[i].Household] = h
	}
	var rows []Code
	for _, h := range part {
		before := past[h.Household]
		if old := before.active; old != nil {
			if old.Expires > tx.Now && old.Village == h.Village {
				continue
			}
			// Expired, or the household has moved: the old card ends here.
			old.State, old.Ended, old.Reason = WasReplaced, tx.Now, "换发"
			if err := ledger.Update(ctx, tx, old, &old.Version, "state", "ended", "reason"); err != nil {
				return 0, err
			}
		}
		rows = append(rows, newCode(h, before.serial+1, key, tx.Now, expires))
	}
	return len(rows), ledger.InsertAll(ctx, tx, rows)
}

// newCode makes a row. Times are whole seconds, as the token has them.
func newCode(h Holder, serial int, key string, now ledger.Time, expires time.Time) Code {
	id := NewID()
	return Code{ID: hex.EncodeToString(id[:]), Household: h.Household, HouseholdNo: h.HouseholdNo, Village: h.Village, Serial: serial, Key: key,
		Issued: ledger.At(now.Go().Truncate(time.Second)), Expires: ledger.At(expires.Truncate(time.Second)), State: Active, Version: 1}
}

// OfHousehold gives all codes of a household, the newest first.
func (cs *Codes) OfHousehold(ctx context.Context, tx *ledger.Tx, actor account.Actor, household int64) ([]Code, error) {
	if err := actor.May(account.CodeRead); err != nil {
		return nil, err
	}
	in, args := actor.Scope("c.village")
	var rows []Code
	err := tx.NewSelect().Model(&rows).Where("household = ?", household).Where(in, args...).Order("serial DESC").Scan(ctx)
	return rows, err
}

// InForce counts the codes in force of a village, for the page that prints them.
func (cs *Codes) InForce(ctx context.Context, tx *ledger.Tx, actor account.Actor, village division.Code, now time.Time) (int64, error) {
	if err := actor.May(account.CodeRead); err != nil {
		return 0, err
	}
	if err := actor.Sees(village); err != nil {
		return 0, err
	}
	return tx.NewSelect().Model((*Code)(nil)).Where("village = ?", village).Where("state = ?", Active).Where("expires > ?", ledger.At(now)).Count(ctx)
}

// active gives the household's code in force, in the actor's area.
func (cs *Codes) active(ctx context.Context, tx *ledger.Tx, actor account.Actor, household int64) (Code, error) {
	in, args := actor.Scope("c.village")
	var row Code
	err := tx.NewSelect().Model(&row).Where("household = ?", household).Where("state = ?", Active).Where(in, args...).Scan(ctx)
	if ledger.Missing(err) {
		return row, account.NotThere()
	}
	return row, err
}

// Reprint ends the household's card and issues the next one, with the same day of expiry unless that has passed. The lost card is told as replaced.
func (cs *Codes) Reprint(ctx context.Context, tx *ledger.Tx, actor account.Actor, household int64, reason string, expires time.Time) (Code, error) {
	if err := actor.May(account.CodeIssue); err != nil {
		return Code{}, err
	}
	if err := needReason(reason); err != nil {
		return Code{}, err
	}
	old, err := cs.active(ctx, tx, actor, household)
	if err != nil {
		return Code{}, err
	}
	key, err := cs.current(ctx, tx)
	if err != nil {
		return Code{}, err
	}
	if old.Expires > tx.Now {
		expires = old.Expires.Go()
	}
	if err := cs.end(ctx, tx, &old, WasReplaced, reason); err != nil {
		return Code{}, err
	}
	row := newCode(Holder{old.Household, old.HouseholdNo, old.Village}, old.Serial+1, key.ID, tx.Now, expires)
	if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
		return Code{}, err
	}
	event := actor.Event("code.reprint", "household_code", row.ID, row.Village)
	event.Reason, event.Detail = reason, map[string]any{"replaces": old.ID, "serial": row.Serial}
	return row, audit.Record(tx, event)
}

func (cs *Codes) end(ctx context.Context, tx *ledger.Tx, c *Code, s State, reason string) error {
	c.State, c.Ended, c.Reason = s, tx.Now, reason
	return ledger.Update(ctx, tx, c, &c.Version, "state", "ended", "reason")
}

// Revoke ends the household's card without a new one.
func (cs *Codes) Revoke(ctx context.Context, tx *ledger.Tx, actor account.Actor, household int64, reason string) (Code, error) {
	if err := actor.May(account.CodeRevoke); err != nil {
		return Code{}, err
	}
	if err := needReason(reason); err != nil {
		return Code{}, err
	}
	c, err := cs.active(ctx, tx, actor, household)
	if err != nil {
		return Code{}, err
	}
	if err := cs.end(ctx, tx, &c, WasRevoked, reason); err != nil {
		return Code{}, err
	}
	event := actor.Event("code.revoke", "household_code", c.ID, c.Village)
	event.Reason = reason
	return c, audit.Record(tx, event)
}

// InVillage gives the codes of a village in the actor's area that ended or are in force, by household and serial number. It needs account.CodeRead.
func (cs *Codes) InVillage(ctx context.Context, tx *ledger.Tx, actor account.Actor, village division.Code) ([]Code, error) {
	if err := actor.May(account.CodeRead); err != nil {
		return nil, err
	}
	if err := actor.Sees(village); err != nil {
		return nil, err
	}
	rows := []Code{}
	err := tx.NewSelect().Model(&rows).Where("village = ?", village).Order("household", "serial").Scan(ctx)
	return rows, err
}
