package casework

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"shouwang/internal/account"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/secret"
	"shouwang/internal/workflow"
)

// IndicatorFacts gives the facts of one household that come from its indicators as the last run left them, by indicator id. It is asked
// outside of any transaction of the ledger. What is not known is left out.
type IndicatorFacts func(ctx context.Context, household int64) (workflow.Facts, error)

// MeasureFacts gives the facts of a case that come from its plan and measures (measures_planned, measures_delivered,
// development_measure, matching_measure_planned, matching_measure_per_risk). It runs inside the transaction of the step.
type MeasureFacts func(ctx context.Context, tx *ledger.Tx, c *Case) (workflow.Facts, error)

// HouseholdID gives the id that a household number stands for, and the number in its normal spelling; ok is false for no number.
type HouseholdID func(number string) (id int64, normal string, ok bool)

// Hooks are what casework is given from above. A nil hook tells nothing: its facts are unknown, and guards that need them refuse.
type Hooks struct {
	Indicators IndicatorFacts
	Measures   MeasureFacts
	Household  HouseholdID // needed to split a household
}

// Service is casework over a ledger. It is safe for concurrent use.
type Service struct {
	ledger   *ledger.Ledger
	keyring  *secret.Keyring
	pack     *policy.Pack
	accounts *account.Service
	machines *workflow.Machines
	hooks    Hooks
	log      *slog.Logger
	lastID   atomic.Int64 // microseconds in the newest identifier
}

// New makes the service. The error is errs.NotFound when the pack has no workflow, errs.Invalid when the workflow has a fact of
// the case that this program does not know.
func New(l *ledger.Ledger, keyring *secret.Keyring, pack *policy.Pack, accounts *account.Service, hooks Hooks, log *slog.Logger) (*Service, error) {
	machines, err := workflow.NewMachines(pack)
	if err != nil {
		return nil, err
	}
	if err := checkFacts(pack); err != nil {
		return nil, err
	}
	return &Service{ledger: l, keyring: keyring, pack: pack, accounts: accounts, machines: machines, hooks: hooks, log: log}, nil
}

// zone is China's one time zone: deadlines and dates of papers are civil days there, whatever zone the machine is in.
func zone() *time.Location { return time.FixedZone("UTC+8", 8*3600) }

// Civil is the civil day in China at a time, as a UTC midnight.
func Civil(now time.Time) time.Time { return workflow.Day(now.In(zone())) }

// dayText is a civil day as the ledger keeps it.
func dayText(t time.Time) string { return Civil(t).Format(time.DateOnly) }

// Case is one episode of one household.
type Case struct {
	bun.BaseModel `bun:"table:casefile,alias:c" json:"-"`

	ID          string        `bun:",pk" json:"id"`
	Version     int64         `json:"version"`
	Household   int64         `bun:"household_id" json:"household,string"`
	HouseholdNo string        `json:"household_no"`
	Division    division.Code `json:"division"` // village
	State       string        `json:"state"`
	Phase       string        `json:"phase"`
	OpenKey     string        `bun:",nullzero" json:"-"`
	Green       bool          `json:"green"`
	Level       int           `json:"level"` // worst of the signals that ask for a look: 3 red, 2 yellow, 1 blue, 0 none
	Rank        int64         `json:"-"`
	Channel     Channel       `json:"channel"` // of the first signal
	// HouseholdType is ordinary, exited or exited_no_policy; "" when not known.
	HouseholdType string      `json:"household_type"`
	Category      string      `json:"category"` // unstable, marginal or sudden; "" until decided
	Risks         []Risk      `json:"risks"`    // recorded after verification, at most five
	RiskList      string      `json:"-"`
	RuleList      string      `json:"-"`
	Signals       int         `json:"signals"` // that ask for a look
	Round         int         `json:"round"`
	Steps         int         `json:"steps"`
	LeadAt        ledger.Time `json:"lead_at"` // the clock
	StateAt       ledger.Time `json:"state_at"`
	OpenedAt      ledger.Time `json:"opened_at"`
	ClosedAt      ledger.Time `bun:",nullzero" json:"closed_at"`
	IdentifiedOn  string      `json:"identified_on"` // day, or ""
	MarkedMonth   string      `json:"marked_month"`  // in the national system, 2026-11
	ClearWay      string      `json:"clear_way"`     // helped, natural; ""
	ClearedOn     string      `json:"cleared_on"`
	Owner         string      `json:"owner"` // account; ""
	ExplanationZH string      `bun:"explanation_zh" json:"explanation_zh"`
	ExplanationEN string      `bun:"explanation_en" json:"explanation_en"`
}

// caseColumns are the columns that a step may change.
func caseColumns() []string {
	return []string{"household_no", "division", "state", "phase", "open_key", "green", "level", "rank", "household_type", "category", "risks", "risk_list", "rule_list", "signals",
		"round", "steps", "lead_at", "state_at", "closed_at", "identified_on", "marked_month", "clear_way", "cleared_on", "owner", "explanation_zh", "explanation_en"}
}

// Live reports whether the case is not closed.
func (c *Case) Live() bool { return c.Phase != string(policy.PhaseClosed) }

// Risk is one recorded risk.
type Risk struct {
	Risk   string `json:"risk"` // of the pack
	Sub    string `json:"sub,omitempty"`
	Remark string `json:"remark,omitempty"`
}

// Channel is how a signal came in.
type Channel string

// Channels.
const (
	Screening   Channel = "screening"   // department screening
	Application Channel = "application" // self-application
	Visit       Channel = "visit"       // staff visit
	Hotline     Channel = "hotline"     // hotline, petition
	Disaster    Channel = "disaster"    // disaster list: green channel
)

// Channels lists them.
func Channels() []Channel { return []Channel{Screening, Application, Visit, Hotline, Disaster} }

// Title is the channel's name in Chinese and English.
func (c Channel) Title() (zh, en string) {
	switch c {
	case Screening:
		return "部门筛查预警", "department screening"
	case Application:
		return "农户自主申报", "self-application"
	case Visit:
		return "干部走访排查", "staff visit"
	case Hotline:
		return "热线信访", "hotline or petition"
	case Disaster:
		return "灾害名单", "disaster list"
	}
	return string(c), string(c)
}

// Step is one action that was taken.
type Step struct {
	bun.BaseModel `bun:"table:step,alias:s" json:"-"`

	ID        string      `bun:",pk" json:"id"`
	CaseID    string      `json:"case"`
	Seq       int         `json:"seq"` // 1, 2, 3 … without a gap
	Action    string      `json:"action"`
	FromState string      `json:"from"` // "" for the first
	ToState   string      `json:"to"`
	Round     int         `json:"round"`
	Does      []string    `json:"does"`
	Label     string      `json:"label"` // what it said about the signals; ""
	Flags     []string    `json:"flags"` // guards that flagged it
	At        ledger.Time `json:"at"`
	Actor     string      `json:"actor"` // account; "" in what a department sees of others' steps
	Org       string      `json:"org"`
	Data      Document    `json:"data"` // the form; personal content stays sealed unless it was revealed
}

// Document is JSON text.
type Document string

// MarshalJSON gives the text as it is; empty is null.
func (d Document) MarshalJSON() ([]byte, error) {
	if d == "" {
		return []byte("null"), nil
	}
	return []byte(d), nil
}

// UnmarshalJSON keeps the text.
func (d *Document) UnmarshalJSON(b []byte) error { *d = Document(b); return nil }

// has reports whether the step records the thing named.
func (s *Step) has(does string) bool {
	for _, d := range s.Does {
		if d == does {
			return true
		}
	}
	return false
}

// opened is the action of a case's first step, which the pack does not have: the case is made.
const opened = "open"

// visible is the predicate of every query on cases: within the actor's subtree, and for an officer of a department alone, what concerns that
// department. alias is the case table's.
func visible(q *bun.SelectQuery, actor account.Actor) *bun.SelectQuery {
	return seen(q, actor, false)
}

// seen is visible; with wide, the area is not to be looked up in its index.
func seen(q *bun.SelectQuery, actor account.Actor, wide bool) *bun.SelectQuery {
	where, args := actor.Scope("c.division")
	if wide {
		where = strings.Replace(where, " BETWEEN ", " + 0 BETWEEN ", 1)
	}
	q = q.Where(where, args...)
	if department, only := actor.DepartmentOnly(); only {
		q = q.Where("EXISTS (SELECT 1 FROM case_department AS cd WHERE cd.case_id = c.id AND cd.department = ?)", department)
	}
	return q
}

// load reads a case that the actor may see; what is outside looks as if it were not there.
func (s *Service) load(ctx context.Context, tx *ledger.Tx, actor account.Actor, id string) (*Case, error) {
	if !plain(id) {
		return nil, account.NotThere()
	}
	c := new(Case)
	err := visible(tx.NewSelect().Model(c).Where("c.id = ?", id), actor).Scan(ctx)
	if ledger.Missing(err) {
		return nil, account.NotThere()
	}
	return c, err
}

// Get gives one case in the actor's scope. It needs account.CaseRead.
func (s *Service) Get(ctx context.Context, tx *ledger.Tx, actor account.Actor, id string) (*Case, error) {
	if err := actor.May(account.CaseRead); err != nil {
		return nil, err
	}
	return s.load(ctx, tx, actor, id)
}

// Share lets a department's officers see a case: it was asked for a comparison, or has an order. It is for packages above.
func (s *Service) Share(ctx context.Context, tx *ledger.Tx, caseID, department string) error {
	row := &caseDepartment{CaseID: caseID, Department: department, At: tx.Now}
	_, err := tx.NewInsert().Model(row).On("CONFLICT (case_id, department) DO NOTHING").Exec(ctx)
	return err
}

type caseDepartment struct {
	bun.BaseModel `bun:"table:case_department"`

	CaseID     string `bun:",pk"`
	Department string `bun:",pk"`
	At         ledger.Time
}

// Machine is the workflow of a division on a day, for pages that show what may be done.
func (s *Service) Machine(d division.Code, now time.Time) *workflow.Machine {
	return s.machines.At(d, Civil(now))
}

// levelMark is how a level is told in words.
func levelMark(level int) (zh, en string) {
	switch level {
	case 3:
		return "▲红", "▲ red"
	case 2:
		return "◆黄", "◆ yellow"
	case 1:
		return "●蓝", "● blue"
	}
	return "", ""
}

// plain reports whether texts from outside are what both engines can hold: UTF-8 without NUL.
func plain(all ...string) bool {
	for _, s := range all {
		if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			return false
		}
	}
	return true
}

// bad is an invalid input.
func bad(zh, en string, args ...any) error { return errs.Newf(errs.Invalid, zh, en, args...) }
