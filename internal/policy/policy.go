// Package policy is the policy pack: everything a policy officer may change, as data. It reads a folder of
// strict YAML (data contracts, parameters, indicators, rules, quality checks, holidays), type-checks every
// expression in it, and says file, line and key of whatever is wrong.
//
// It owns the meaning of the pack. It never touches a database, a department's file or the clock.
package policy

import (
	"time"

	"shouwang/internal/expr"
)

// Text is wording for people, Chinese first.
type Text struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// In returns the wording in language lang ("zh" or "en"); an empty English text falls back to Chinese.
func (t Text) In(lang string) string {
	if lang == "en" && t.EN != "" {
		return t.EN
	}
	return t.ZH
}

// Pack is one checked policy pack. It is immutable after Load.
type Pack struct {
	Name    string // "guizhou"
	Region  string // division code the pack is for, "520000"
	Version string
	Title   Text
	// ExamplesAsOf is the screening day of examples that have none of their own; the zero time when the pack has none.
	ExamplesAsOf time.Time

	Departments []Department
	Risks       []Risk
	Parameters  []Parameter
	Datasets    []Dataset // in file-name order
	Indicators  []Indicator
	Rules       []Rule // in file-name, then in-file order: the order is the rule's bit number in a run
	Checks      []Check
	Holidays    []Holiday
	Workflow    *Workflow // nil when the pack has no workflow.yaml
	Measures    Measures

	// Hash is the SHA-256 (hex) over every file of the pack, names and contents, in name order.
	Hash string
	// Files are the pack's files as read, by slash path relative to the pack, so that a run can keep what it used.
	Files map[string][]byte

	ruleEnv    *expr.Env
	measureEnv *expr.Env
	rowEnvs    map[string]*expr.Env
	layers     [][]int
}

// Department is one that delivers files.
type Department struct {
	ID   string
	Name Text
}

// Risk is one risk type of the national system (因病, 因学 …).
type Risk struct {
	ID   string // illness, schooling, disability, disaster, accident, business, employment, labour, housing, water, other …
	Code string // sub-code scheme of docs/glossary.md, "01"
	Name Text
}

// Level of a warning, worst first.
type Level uint8

// Levels. The zero value is no level.
const (
	NoLevel Level = iota
	Blue          // ● keep an eye on it
	Yellow        // ◆ verify soon
	Red           // ▲ verify at once
)

// String returns "red", "yellow", "blue" or "".
func (l Level) String() string { return [...]string{"", "blue", "yellow", "red"}[l] }

// Parameter is a dated value that a division may override.
type Parameter struct {
	ID     string
	Name   Text
	Unit   string           // yuan, percent, ratio, days, months, persons, litre, kWh, …
	Note   Text             // why the value is what it is; may be empty
	Values []ParameterValue // the region's own first, then the other divisions by code, each by date
	File   string
	Line   int
}

// ParameterValue is one value of a parameter: for a division (by code prefix; the region itself is the default),
// from a day on, to the day before the next value of the same division.
type ParameterValue struct {
	Division string // "520000" or a longer code: "522600", "522633"
	From     time.Time
	To       time.Time // inclusive; the zero time is open
	Value    float64
	Document string // document number, or "default"
}

// Kind says how deliveries of a dataset relate to one another.
type Kind string

// Kinds of dataset.
const (
	Snapshot Kind = "snapshot" // a delivery is the whole state of its scope at its period: it supersedes the one before
	Event    Kind = "event"    // deliveries add up; the natural key tells a correction from a new event
)

// Subject says whom one row is about.
type Subject string

// Subjects of a dataset row.
const (
	OfPerson    Subject = "person"
	OfHousehold Subject = "household"
	OfVillage   Subject = "village" // a village or township event (a disaster); it applies to the households named only
)

// Dataset is the data contract of one department feed.
type Dataset struct {
	ID         string
	Name       Text
	Department string // Department.ID
	Version    int
	Kind       Kind
	Subject    Subject
	// Role marks the feeds that the registry is built from ("roster", "changes"), and the one that the program delivers
	// from its own ledger ("casework", no department sends it); "" for plain facts.
	Role string
	// Due says how often a delivery is due: monthly, quarterly, yearly, or event (no fixed rhythm).
	Due    string
	DueDay int // day of the month (after the period's end) by which it is due; 0 = no fixed day
	// FileNames are tokens that the name of a delivered file carries ("医保结算"); the first is the one written by synth.
	FileNames []string
	Encodings []string // utf-8, gb18030 (delivered as); intake detects, synth writes the first
	Formats   []string // csv, xlsx, jsonl, parquet: as this department usually sends; intake takes any
	// RejectCeiling is the share of rejected rows (0–1) above which the whole batch is refused.
	RejectCeiling float64
	Columns       []Column
	Key           []string // natural key: column ids; required for events
	EventDate     string   // column id of the date (or month) an event counts for; required for events
	Checks        []RowCheck
	File          string
}

// Type of a contract column.
type Type string

// Column types. Identity types never reach the warehouse in plain: they become keys or ciphertext at the door.
const (
	TypeText           Type = "text"            // free text; sealed (encrypted) unless the column says store: none
	TypeToken          Type = "token"           // a code-like text without personal content (a ward, a crop); stored plain, ASCII letters, digits, '-', '_', '.' only
	TypeCode           Type = "code"            // one of Codes; stored as the code id
	TypeMoney          Type = "money"           // yuan in the file, integer fen in the warehouse
	TypeNumber         Type = "number"          // IEEE double
	TypeInteger        Type = "integer"         // 64-bit
	TypeBool           Type = "bool"            // 是/否, 有/无, Y/N, 1/0, true/false
	TypeDate           Type = "date"            // a day
	TypeMonth          Type = "month"           // a month; stored as its first day
	TypeResidentNumber Type = "resident_number" // identity
	TypeDisabilityCard Type = "disability_card" // identity: 18+1+1
	TypePersonName     Type = "person_name"     // identity
	TypePhone          Type = "phone"           // identity
	TypeBankAccount    Type = "bank_account"    // identity
	TypeHouseholdNo    Type = "household_no"    // household number 户编号 (not secret)
	TypeEthnic         Type = "ethnic"          // an ethnic group by name or GB/T 3304 code; stored as the two-digit code
	TypeDivision       Type = "division"        // 12-digit village, 9-digit township or 6-digit county code, or its name(s); stored as BIGINT code
)

// Identity reports whether values of the type are personal data that must never be stored or shown in plain.
func (t Type) Identity() bool {
	switch t {
	case TypeResidentNumber, TypeDisabilityCard, TypePersonName, TypePhone, TypeBankAccount, TypeText:
		return true
	}
	return false
}

// Column is one column of a contract.
type Column struct {
	ID      string
	Header  string   // as the department writes it; synth writes this one
	Aliases []string // other headers it has been seen with
	Type    Type
	// Link says what an identity column is for in linkage: "person" (the row's person), "head" (head of the row's
	// household), "household", "village", "birth", or "" (not used to link).
	Link      string
	Required  bool     // the column must be in the file
	NotNull   bool     // and each row must have a value
	Min, Max  *float64 // plausibility, in the column's unit (yuan for money); outside = the row is rejected
	Codes     []Code   // for TypeCode
	Unit      string
	StoreNone bool // store: none — checked at the door, then kept only in the archived file
}

// Code is one value of a code column: the id kept in the warehouse (short ASCII) and the spellings in files.
type Code struct {
	ID        string
	Name      Text
	Spellings []string // "在校", "1", "就读" …; Name.ZH and ID count too
}

// RowCheck is a condition that every row must meet: false rejects the row, unknown passes it.
type RowCheck struct {
	ID     string
	Expr   *expr.Checked // over the row's non-identity columns
	Reason Text
}

// Aggregate is how an indicator folds rows into one value a household.
type Aggregate string

// Aggregates. All ignore rows whose value is unknown.
const (
	Sum     Aggregate = "sum"
	Count   Aggregate = "count"   // rows
	Persons Aggregate = "persons" // distinct persons
	Max     Aggregate = "max"
	Min     Aggregate = "min"
	Avg     Aggregate = "avg"
	Any     Aggregate = "any"    // bool: some row
	Latest  Aggregate = "latest" // value of the row with the latest event date (ties: the larger value)
)

// Window restricts event rows by the event date, relative to the screening day D (as_of).
type Window struct {
	// Months: event date in (D − Months, D]. 0 = no lower bound.
	Months int
	// Skip: shifts the window back: (D − Skip − Months, D − Skip]. Months, too.
	Skip int
	// Days: event date in (D − Days, D]; set instead of Months.
	Days int
	// Year: from 1 January of D's year to D.
	Year bool
}

// Indicator is one value a household.
type Indicator struct {
	ID   string
	Name Text
	Unit string
	Type expr.Type // Number, Bool or Date

	// Either Dataset+Aggregate (folded from rows) or Derive (from other indicators).
	Dataset   string // dataset id; "person" = current members, "household" = the household's own registry row
	Aggregate Aggregate
	Of        *expr.Checked // value per row; nil for count/persons/any
	Where     *expr.Checked // row filter; nil = all
	PerPerson Aggregate     // first folded per person (sum, max, count) before Aggregate; "" = directly
	Window    Window
	Derive    *expr.Checked

	// Absent says what "no row" means when the feed has come: Zero (0 / false) or Unknown. When the feed for the
	// household's county has not come, or is older than FreshDays at the screening day, the value is always unknown.
	AbsentZero bool
	// FreshDays: the feed must cover a day no more than this many days before the screening day. 0 = ever.
	FreshDays int
	Note      Text
	File      string
	Line      int
}

// Class of a rule.
type Class string

// Classes. Doubt rules flag records for verification; they never make a warning by themselves.
const (
	ClassRisk      Class = "risk"
	ClassGuarantee Class = "guarantee" // one of the 3+1
	ClassSudden    Class = "sudden"    // sudden serious difficulty
	ClassRelapse   Class = "relapse"   // after clearing
	ClassDoubt     Class = "doubt"
)

// Rule is one warning rule over indicators (by id or Chinese name) and parameters (param.id / 参数.name).
type Rule struct {
	ID           string
	Name         Text
	Class        Class
	Risk         string // Risk.ID
	Level        Level
	When         *expr.Checked
	AskOnUnknown bool // on_unknown: ask (make a data request) instead of ignore
	Document     string
	Wording      Text // what to tell staff; {indicator} and {param.x} are replaced by values with units
	Examples     []Example
	File         string
	Line         int
}

// Outcome of a rule for one household.
type Outcome uint8

// Outcomes.
const (
	Clear Outcome = iota
	Hit
	Unknown
)

// String returns "clear", "hit" or "unknown".
func (o Outcome) String() string { return [...]string{"clear", "hit", "unknown"}[o] }

// Example is a rule's own test.
type Example struct {
	Name     string
	Division string // default: the pack's region
	AsOf     time.Time
	Given    map[string]any // indicator id → value (float64, bool, string date); an absent one is unknown
	Params   map[string]float64
	Expect   Outcome
	Line     int
}

// Check is a data-quality check over registry and facts (domain: 10.1), one finding a household.
type Check struct {
	ID            string
	Name          Text
	Severity      string        // error, doubt, hint
	When          *expr.Checked // over indicators, like a rule
	AskDepartment string        // Department.ID that should mend it
	Wording       Text
	Examples      []Example
	File          string
	Line          int
}

// Holiday is a public holiday or a make-up work day.
type Holiday struct {
	Date time.Time
	Work bool // true: a make-up work day at a week-end
	Name Text
}
