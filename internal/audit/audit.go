// Package audit is the append-only chain of events: who did what to what, when and why, each event hashed with the
// one before.
//
// It owns the table audit_event. It never changes or deletes an event.
//
// An event is written in the transaction of the change that it tells of ([Record]), so neither exists without the other. The hash is
// SM3 over the hash before it and the event's fields: whoever changes, removes or inserts an event breaks the chain from there
// on, which [Verify] finds. What a chain alone can't show is that its end was cut off; so the head (number and hash) is printed by
// verify, kept in every backup, and can be given to a later [Verify] to be found again.
package audit

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/emmansun/gmsm/sm3"
	"github.com/uptrace/bun"

	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
)

// Event is one line of the chain. The caller fills the fields up to Detail; [Record] does the rest.
type Event struct {
	// Actor is the account's id; "system:NAME" for a job, "token:ID" for a department's program, "anonymous" for somebody without an account.
	Actor string
	// Org is the organisation in whose name it was done; "" where there is none.
	Org string
	// Action is what was done, SUBJECT.VERB in ASCII: case.act, account.disable, household.reveal.
	Action string
	// Object and ObjectID say to what: "casefile" and its id. A bulk is one event whose object is the run, the batch or the list.
	Object, ObjectID string
	// Division is where the object lies, for the scope of who may read the event; 0 for what lies nowhere.
	Division division.Code
	// Reason is why, in the person's words. It is required where personal data are shown unmasked.
	Reason string
	// Detail is what encoding/json writes of it, at most [MaxDetail] bytes: what changed, and for a bulk how many and which. Personal data
	// don't belong here: names, numbers, phones and accounts stay where they are sealed.
	Detail any
}

// MaxDetail bounds the JSON of an event's detail, in bytes.
const MaxDetail = 1 << 20

// Reveal is the action of looking at unmasked personal data; it needs a reason.
const Reveal = "household.reveal"

// Recorded is an event as it stands in the chain.
type Recorded struct {
	bun.BaseModel `bun:"table:audit_event" json:"-"`

	Seq      int64         `bun:",pk" json:"seq"` // 1, 2, 3 …
	At       ledger.Time   `json:"at"`
	Actor    string        `json:"actor"`
	Org      string        `json:"org"`
	Action   string        `json:"action"`
	Object   string        `json:"object"`
	ObjectID string        `json:"object_id"`
	Division division.Code `json:"division"`
	Reason   string        `json:"reason"`
	Detail   Document      `json:"detail"`
	Hash     string        `json:"hash"` // hex
}

// Document is JSON text; empty is null.
type Document string

// MarshalJSON gives the text as it is.
func (d Document) MarshalJSON() ([]byte, error) {
	if d == "" {
		return []byte("null"), nil
	}
	return []byte(d), nil
}

// chain is what one transaction adds.
type chain struct {
	waiting []Recorded
	hooked  bool
	head    *Head // set once this transaction has written
}

// chainKey keys the chain in the transaction.
type chainKey struct{}

// Record adds an event to the chain when tx commits. It is written as the last thing of all, so that the chain's head is locked as shortly
// as can be; an event that can't be written undoes the whole change.
func Record(tx *ledger.Tx, e Event) error {
	if e.Actor == "" || e.Action == "" || e.Object == "" {
		return errs.Newf(errs.Internal, "审计事件 %[1]q 缺少操作人、动作或对象", "the audit event %[1]q lacks its actor, action or object", e.Action)
	}
	if e.Action == Reveal && strings.TrimSpace(e.Reason) == "" {
		return errs.New(errs.Invalid, "查看未脱敏的个人信息必须填写理由", "looking at unmasked personal data needs a reason")
	}
	r := Recorded{
		At: tx.Now, Actor: e.Actor, Org: e.Org, Action: e.Action, Object: e.Object, ObjectID: e.ObjectID, Division: e.Division,
		Reason: clean(e.Reason),
	}
	if e.Detail != nil {
		text, err := json.Marshal(e.Detail)
		if err != nil {
			return errs.Wrap(errs.Internal, err, "审计事件的内容无法记录", "the audit event's detail cannot be recorded")
		}
		if len(text) > MaxDetail {
			return errs.Newf(errs.Internal, "审计事件 %[1]q 的内容过长", "the detail of the audit event %[1]q is too long", e.Action)
		}
		r.Detail = Document(text)
	}
	c := ledger.Local(tx, chainKey{}, func() *chain { return new(chain) })
	c.waiting = append(c.waiting, r)
	if !c.hooked {
		c.hooked = true
		tx.Last(func(ctx context.Context) error { return c.flush(ctx, tx) })
	}
	return nil
}

// clean drops what PostgreSQL cannot keep in a text.
func clean(s string) string { return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\uFFFD") }

// flush writes the waiting events behind the head.
func (c *chain) flush(ctx context.Context, tx *ledger.Tx) error {
	c.hooked = false
	if c.head == nil {
		db, err := tx.Exclusive(ctx, "audit")
		if err != nil {
			return err
		}
		head, err := headOf(ctx, db)
		if err != nil {
			return err
		}
		c.head = &head
	}
	for i := range c.waiting {
		r := &c.waiting[i]
		r.Seq = c.head.Seq + 1
		r.Hash = r.hash(c.head.Hash)
		*c.head = Head{Seq: r.Seq, Hash: r.Hash}
	}
	err := ledger.InsertAll(ctx, tx, c.waiting)
	c.waiting = nil
	return err
}

// Head is the last event of a chain: its number and its hash. The head of an empty chain is the zero Head.
type Head struct {
	Seq  int64  `json:"seq"`
	Hash string `json:"hash"` // hex
}

func headOf(ctx context.Context, db bun.IDB) (h Head, err error) {
	err = db.NewSelect().Table("audit_event").Column("seq", "hash").Order("seq DESC").Limit(1).Scan(ctx, &h.Seq, &h.Hash)
	if ledger.Missing(err) {
		return Head{}, nil
	}
	return h, err
}

// HeadOf gives the chain's head as tx sees it.
func HeadOf(ctx context.Context, tx *ledger.Tx) (Head, error) { return headOf(ctx, tx.Tx) }

// hash is SM3 over the form's name, the hash before (hex), number, time (microseconds), division (both as 8 bytes, most significant first), and
// the texts actor, org, action, object, object_id, reason, detail, each text with its length in 4 bytes before it.
func (r *Recorded) hash(before string) string {
	b := make([]byte, 0, 256+len(r.Detail)+len(r.Reason))
	text := func(s string) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	text("shouwang audit 1")
	text(before)
	for _, n := range []int64{r.Seq, int64(r.At), int64(r.Division)} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	for _, s := range []string{r.Actor, r.Org, r.Action, r.Object, r.ObjectID, r.Reason, string(r.Detail)} {
		text(s)
	}
	sum := sm3.Sum(b)
	return hex.EncodeToString(sum[:])
}
