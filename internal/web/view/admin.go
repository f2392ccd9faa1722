package view

import (
	"strings"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/audit"
	"shouwang/internal/housecode"
	"shouwang/internal/jobs"
	"shouwang/internal/ledger"
	"shouwang/internal/locale"
	"shouwang/internal/policy"
	"shouwang/internal/screening"
)

// Tab is one page of a section that has several.
type Tab struct {
	ID, Href, Label string
	Current         bool
}

// Health is how the program and its stores are.
type Health struct {
	Tabs                        []Tab
	Ready                       bool // the stores answer
	Version, Revision           string
	Go, Platform                string
	Pack, PackHash              string
	Keyring                     string // its id, which opens nothing
	Ledger                      string // engine
	Schema                      int64
	WarehouseBytes, LedgerBytes int64 // 0: not a file of this machine
	Screening                   *screening.Summary
	Backup                      ledger.Time // the last one; 0 = none is on record
	Head                        audit.Head
	Queue                       []QueueCount
	Verify                      bool
}

// QueueCount is how many jobs are in a state.
type QueueCount struct {
	State string
	Count int
	More  bool // there are more
}

// Accounts is the list of accounts.
type Accounts struct {
	Tabs               []Tab
	Login, Org, Active string // the filter
	Rows               []AccountRow
	First              bool
	Next               string
	Manage             bool
}

// AccountRow is an account with its words.
type AccountRow struct {
	account.Account
	Place string
	Roles []string
}

// NewAccount is the form of a new account.
type NewAccount struct {
	Tabs             []Tab
	Error            string
	Login, Name, Org string
	Roles            []Option
}

// OneAccount is one account with what can be done.
type OneAccount struct {
	Tabs                []Tab
	Row                 AccountRow
	Manage, End, MaySee bool
	Once                string // one-time password, shown once
	Done                string
	Roles               []Option
	Sessions            []account.Session
}

// Import is the form of a staff list, and what became of one.
type Import struct {
	Tabs  []Tab
	Error string
	Got   *account.Imported
}

// Orgs is the list of organisations.
type Orgs struct {
	Tabs   []Tab
	Crumbs []Crumb
	Rows   []OrgRow
	First  bool
	Next   string
	Manage bool
	Error  string
}

// OrgRow is an organisation with its words.
type OrgRow struct {
	account.Org
	Place      string
	Department policy.Text
}

// Roles is the table of who may do what.
type Roles struct {
	Tabs  []Tab
	Roles []string
	Rows  []RoleRow
}

// RoleRow is one action.
type RoleRow struct {
	Action, Title string
	May           []bool // in the order of the roles
}

// Divisions is a part of the tree.
type Divisions struct {
	Tabs       []Tab
	Crumbs     []Crumb
	Name, Code string
	Rows       []DivisionRow
}

// DivisionRow is one division below.
type DivisionRow struct {
	Code, Name, Href string
	Villages         int
}

// Feeds is the contracts of departments' data.
type Feeds struct {
	Tabs     []Tab
	Calendar bool // the reader may see what has come
	Rows     []FeedRow
}

// FeedRow is one contract.
type FeedRow struct {
	ID               string
	Name, Department policy.Text
	Kind, Due        string
	Columns          int
}

// Sessions is everybody's open sessions.
type Sessions struct {
	Tabs []Tab
	End  bool
	Own  string // the reader's own session
	Rows []account.OpenSession
}

// Tokens is the tokens of departments' programs.
type Tokens struct {
	Tabs    []Tab
	Manage  bool
	Secret  string // of the new one, shown once
	Error   string
	Now     time.Time
	Expires string // that the form offers
	Actions []Option
	Rows    []account.Token
}

// Jobs is long and scheduled work.
type Jobs struct {
	Tabs   []Tab
	Runs   bool // this server works jobs
	Cancel bool
	State  string
	Rows   []jobs.Job
	Next   string
	Names  map[string]string
}

// Keys is the keys that cards are signed with.
type Keys struct {
	Tabs        []Tab
	Rows        []housecode.Key
	Base        string
	Done, Error string
}

// Audit is a page of the audit chain.
type Audit struct {
	Tabs           []Tab
	Filter         AuditFilter
	Rows           []audit.Recorded
	Names          map[string]string
	Places         map[int64]string
	First          bool
	Next           string
	Verify, Export bool
	Report         *audit.Report
}

// AuditFilter is what was asked for.
type AuditFilter struct {
	Actor, Action, Object, ObjectID, From, To string
}

// Link is the address of the list with the filter, and more.
func (f AuditFilter) Link(more ...string) string {
	return Link("/admin/audit", append([]string{"actor", f.Actor, "action", f.Action, "object", f.Object, "object_id", f.ObjectID, "from", f.From, "to", f.To}, more...)...)
}

// who is the name of an account, or what acted.
func (p Page) who(names map[string]string, actor string) string {
	if name := names[actor]; name != "" {
		return name
	}
	kind, rest, found := strings.Cut(actor, ":")
	if !found {
		switch actor {
		case "":
			return p.T("admin.actor.schedule")
		case "anonymous":
			return p.T("admin.actor.anonymous")
		case "household":
			return p.T("admin.actor.household")
		}
		return actor
	}
	switch kind {
	case "system":
		return p.T("admin.actor.system", rest)
	case "token":
		return p.T("admin.actor.token", short(rest))
	}
	return actor
}

// pick is a text that comes in two languages, in the page's language.
func (p Page) pick(zh, en string) string {
	if p.Lang == locale.English {
		return en
	}
	return zh
}

// size writes a number of bytes.
func size(n int64) string {
	switch {
	case n >= 1<<30:
		return locale.Number(float64(n)/(1<<30), 1) + " GB"
	case n >= 1<<20:
		return locale.Number(float64(n)/(1<<20), 1) + " MB"
	case n > 0:
		return locale.Number(float64(n)/(1<<10), 0) + " kB"
	}
	return "–"
}

// short is the beginning of a long hash.
func short(hash string) string { return hash[:min(12, len(hash))] }

func join(list []string, with string) string { return strings.Join(list, with) }

func yesNo(p Page, yes bool) string {
	if yes {
		return p.T("admin.yes")
	}
	return p.T("admin.no")
}

// agent is a browser's name out of what it says of itself, which is long.
func agent(text string) string {
	for _, known := range []string{"Edg/", "MicroMessenger/", "Firefox/", "Chrome/", "Safari/"} {
		if at := strings.Index(text, known); at >= 0 {
			name, _, _ := strings.Cut(text[at:], " ")
			return name
		}
	}
	return text[:min(40, len(text))]
}

// actions are the titles of what a token allows.
func (p Page) actions(list []account.Action) string {
	var out []string
	for _, a := range list {
		zh, en := a.Title()
		out = append(out, p.pick(zh, en))
	}
	return strings.Join(out, p.Comma())
}

func (x Jobs) states(p Page) []Option {
	out := []Option{{Value: "", Label: p.T("filter.all"), Chosen: x.State == ""}}
	for _, state := range []string{"waiting", "running", "done", "failed", "cancelled"} {
		out = append(out, Option{Value: state, Label: p.T("jobs.state." + state), Chosen: x.State == state})
	}
	return out
}

func keyState(k housecode.Key) string {
	switch {
	case k.Withdrawn != 0:
		return "withdrawn"
	case k.Retired != 0:
		return "retired"
	}
	return "signing"
}
