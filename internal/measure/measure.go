package measure

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"log/slog"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/division"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/secret"
	"shouwang/internal/workday"
)

// State is where a measure stands.
type State string

// States.
const (
	Proposed   State = "proposed"
	Adopted    State = "adopted"
	Ordered    State = "ordered"    // a department must answer
	Answered   State = "answered"   // it has accepted
	Delivering State = "delivering" // being delivered
	Delivered  State = "delivered"  // with evidence
	Verified   State = "verified"   // somebody else has seen it
	Refused    State = "refused"
	Stopped    State = "stopped"
)

// Planned reports whether a measure in the state counts as planned: adopted and not given up.
func (s State) Planned() bool { return s != Proposed && s != Refused && s != Stopped }

// Done reports whether it has reached the household.
func (s State) Done() bool { return s == Delivered || s == Verified }

// Title is the state's name in Chinese and English.
func (s State) Title() (zh, en string) {
	t := map[State][2]string{Proposed: {"建议", "proposed"}, Adopted: {"已采纳", "adopted"}, Ordered: {"已交办", "ordered"}, Answered: {"部门已接", "accepted by the department"}, Delivering: {"落实中", "being delivered"},
		Delivered: {"已落实", "delivered"}, Verified: {"已核验", "verified"}, Refused: {"不采纳", "refused"}, Stopped: {"已停止", "stopped"}}[s]
	return t[0], t[1]
}

// Plan is one household's plan: one a case.
type Plan struct {
	bun.BaseModel `bun:"table:plan,alias:p" json:"-"`

	ID          string        `bun:",pk" json:"id"`
	Version     int64         `json:"version"`
	CaseID      string        `json:"case"`
	HouseholdID int64         `bun:"household_id" json:"household,string"`
	HouseholdNo string        `json:"household_no"`
	Division    division.Code `json:"division"`
	Revision    int           `json:"revision"`
	CreatedAt   ledger.Time   `json:"created_at"`
	ChangedAt   ledger.Time   `json:"changed_at"`

	Measures []Measure `bun:"-" json:"measures"`
	// Flags are doubts that the checks told at the last change: they refuse nothing.
	Flags []Finding `bun:"-" json:"flags"`
}

// Measure is one measure of a plan.
type Measure struct {
	bun.BaseModel `bun:"table:measure,alias:m" json:"-"`

	ID          string        `bun:",pk" json:"id"`
	Version     int64         `json:"version"`
	PlanID      string        `json:"plan"`
	CaseID      string        `json:"case"`
	HouseholdID int64         `bun:"household_id" json:"household,string"`
	Division    division.Code `json:"division"`
	Option      string        `bun:"option_id" json:"measure"` // of the pack
	Block       string        `json:"block"`
	Nature      string        `json:"nature"`
	Person      string        `json:"person"` // member key; "": the household
	Risks       []string      `json:"risks"`
	State       State         `json:"state"`
	Origin      string        `json:"origin"` // proposed, added
	Why         []policy.Text `json:"why"`
	Department  string        `json:"department"`
	Owner       string        `json:"owner"`      // account; "": the department's, or the township's
	Deadline    string        `json:"deadline"`   // day; "" while only proposed
	Amount      int64         `json:"amount_fen"` // to the household
	FundZH      string        `bun:"fund_zh" json:"fund_zh"`
	FundEN      string        `bun:"fund_en" json:"fund_en"`
	Reason      string        `json:"-"` // sealed
	ProposedAt  ledger.Time   `json:"proposed_at"`
	AdoptedAt   ledger.Time   `bun:",nullzero" json:"adopted_at"`
	DeliveredAt ledger.Time   `bun:",nullzero" json:"delivered_at"`
	DeliveredBy string        `json:"delivered_by"`
	VerifiedAt  ledger.Time   `bun:",nullzero" json:"verified_at"`
	EndedAt     ledger.Time   `bun:",nullzero" json:"ended_at"`

	Evidence []Evidence `bun:"-" json:"evidence"`
	Orders   []Order    `bun:"-" json:"orders"`
	Steps    []Step     `bun:"-" json:"steps"`
}

// Step is what was done to a measure, by whom and why. Reasons are given in plain to those who see the plan.
type Step struct {
	bun.BaseModel `bun:"table:measure_step" json:"-"`

	ID        string      `bun:",pk" json:"-"`
	MeasureID string      `json:"-"`
	Seq       int64       `json:"seq"`
	Action    string      `json:"action"`
	From      State       `bun:"from_state" json:"from"`
	To        State       `bun:"to_state" json:"to"`
	At        ledger.Time `json:"at"`
	Actor     string      `json:"actor"`
	Org       string      `json:"org"`
	Sealed    string      `bun:"reason" json:"-"`
	Reason    string      `bun:"-" json:"reason"`
}

// Evidence proves that a measure was delivered: the hash of an attachment and what it is.
type Evidence struct {
	bun.BaseModel `bun:"table:measure_evidence" json:"-"`

	ID        string      `bun:",pk" json:"-"`
	MeasureID string      `json:"-"`
	Kind      string      `json:"kind"` // photo, document, signature
	Hash      string      `json:"hash"` // SHA-256, hex
	At        ledger.Time `json:"at"`
	Actor     string      `json:"actor"`
}

// Order asks a department to deliver a measure; it must answer within the pack's time.
type Order struct {
	bun.BaseModel `bun:"table:measure_order,alias:o" json:"-"`

	ID         string        `bun:",pk" json:"id"`
	Version    int64         `json:"version"`
	MeasureID  string        `json:"measure_id"`
	CaseID     string        `json:"case"`
	Division   division.Code `json:"division"`
	Department string        `json:"department"`
	Org        string        `json:"org"`
	OpenKey    string        `bun:",nullzero" json:"-"`
	State      string        `json:"state"` // sent, accepted, rejected, done, withdrawn
	SentAt     ledger.Time   `json:"sent_at"`
	SentBy     string        `json:"sent_by"`
	Due        string        `json:"due"` // day by which it must be answered
	AnsweredAt ledger.Time   `bun:",nullzero" json:"answered_at"`
	AnsweredBy string        `json:"answered_by"`
	DoneAt     ledger.Time   `bun:",nullzero" json:"done_at"`
	Sealed     string        `bun:"reason" json:"-"`
	Reason     string        `bun:"-" json:"reason"`

	Option   string `bun:"option_id,scanonly" json:"measure"`
	Person   string `bun:",scanonly" json:"person"`
	Deadline string `bun:",scanonly" json:"deadline"`
	Amount   int64  `bun:",scanonly" json:"amount_fen"`
}

// Entry is one measure that a plan has or is to have.
type Entry struct {
	Option string `json:"measure"`
	Person string `json:"person"` // member key, or ""
}

// Finding is something that is wrong (error), doubtful (doubt) or to be noted (hint) with a plan.
type Finding struct {
	ID       string      `json:"id"`
	Severity string      `json:"severity"`
	Text     policy.Text `json:"text"`
}

// Checker judges a plan by what is known of the household: eligibility, what it has by the departments' data, the pack's checks
// of plans. It is asked outside of any transaction of the ledger.
type Checker func(ctx context.Context, c *casework.Case, plan []Entry) ([]Finding, error)

// Service is plans over a ledger. It is safe for concurrent use.
type Service struct {
	ledger   *ledger.Ledger
	keyring  *secret.Keyring
	pack     *policy.Pack
	cases    *casework.Service
	check    Checker
	calendar *workday.Calendar
	log      *slog.Logger
}

// New makes the service. check may be nil: then only what the plans themselves show is checked. casework is given [Facts] as its hook.
func New(l *ledger.Ledger, keyring *secret.Keyring, pack *policy.Pack, cases *casework.Service, calendar *workday.Calendar, check Checker, log *slog.Logger) *Service {
	return &Service{ledger: l, keyring: keyring, pack: pack, cases: cases, calendar: calendar, check: check, log: log}
}

// rowKey binds ciphertext to the row it stands in.
func rowKey(id string) secret.Key128 {
	u, err := uuid.Parse(id)
	if err != nil {
		return secret.Key128{}
	}
	return secret.Key128{Hi: binary.BigEndian.Uint64(u[:8]), Lo: binary.BigEndian.Uint64(u[8:])}
}

// Reasons are free text in which people name others: they are sealed.
func (s *Service) seal(column, id, plain string) string {
	if plain == "" {
		return ""
	}
	return base64.RawStdEncoding.EncodeToString(s.keyring.Seal(nil, column, rowKey(id), []byte(plain)))
}

func (s *Service) unseal(column, id, sealed string) (string, error) {
	if sealed == "" {
		return "", nil
	}
	b, err := base64.RawStdEncoding.DecodeString(sealed)
	if err != nil {
		return "", secret.ErrSealed
	}
	plain, err := s.keyring.Open(column, rowKey(id), b)
	return string(plain), err
}

// bound gives the department to which the actor is bound, "" for none.
func bound(actor account.Actor) string {
	d, ok := actor.DepartmentOnly()
	if !ok {
		return ""
	}
	return d
}
