package policy

import (
	"slices"
	"strings"
	"time"

	"shouwang/internal/expr"
)

// Workflow is the state machine of a case as workflow.yaml says it: states with their tasks, actions with their forms and guards,
// what a county does otherwise, and the national minimum that no county may do without. It is immutable after Load.
type Workflow struct {
	Roles    []WorkRole
	Facts    []Fact // the order is the slot in the guards' environment
	States   []State
	Guards   []Guard
	Actions  []Action
	Minimum  []Minimum
	Variants []Variant
	Start    string // the state in which every case begins

	env *expr.Env
}

// WorkRole is a role that may act on cases. The ids are those of the accounts; "system" is the program itself.
type WorkRole struct {
	ID   string
	Name Text
}

// Fact is something that guards see about a case.
type Fact struct {
	ID     string
	Name   Text
	Unit   string
	Type   expr.Type
	Source FactSource
	Line   int
}

// FactSource says where a fact comes from.
type FactSource string

// Sources of facts.
const (
	FromCase      FactSource = "case"      // computed from the ledger's rows of the case
	FromForm      FactSource = "form"      // what the action's own form says (the field of the same id)
	FromMeasures  FactSource = "measures"  // computed from the plan and its measures
	FromIndicator FactSource = "indicator" // the household's indicator of the same id, as the last run left it
)

// Phase is a stretch of the loop.
type Phase string

// Phases. Live cases are in any but PhaseClosed; a case in PhaseWatch is at rest but still hears signals.
const (
	PhaseLead     Phase = "lead"
	PhaseIdentify Phase = "identify"
	PhaseSupport  Phase = "support"
	PhaseClear    Phase = "clear"
	PhaseWatch    Phase = "watch"
	PhaseClosed   Phase = "closed"
)

// phases in the order of the loop.
func phases() []string {
	return []string{string(PhaseLead), string(PhaseIdentify), string(PhaseSupport), string(PhaseClear), string(PhaseWatch), string(PhaseClosed)}
}

// State is where a case stands.
type State struct {
	ID    string
	Name  Text
	Phase Phase
	Start bool // a case begins here
	Help  bool // measures may be ordered here; elsewhere only in the green channel
	Task  *TaskSpec
	Line  int
}

// TaskSpec is what is to be done while a case is in a state: there is one open task a case.
type TaskSpec struct {
	Name Text
	Role string // whose in-box it goes to first
	Due  []Deadline
	// Warn is the parameter that says how many days before the deadline a warning is given; "" for none.
	Warn string
	// Escalate is the parameter that says how many days after the deadline the next level up is told; "" for never.
	Escalate string
}

// Deadline is one of a task's time limits; the earliest counts.
type Deadline struct {
	Param   string // parameter with the number of days
	Working bool   // counts working days
	Since   Since
	Green   Channel
}

// Since says which day a deadline counts from.
type Since string

// Days that deadlines count from.
const (
	SinceState      Since = "state"      // the case entered the state
	SinceLead       Since = "lead"       // the clock of the lead began
	SinceIdentified Since = "identified" // the county's decision
)

// Channel restricts a deadline to cases in the green channel or to the others.
type Channel string

// Channels of a deadline.
const (
	AnyChannel      Channel = ""
	GreenChannel    Channel = "green"
	OrdinaryChannel Channel = "ordinary"
)

// Effect of a guard that does not hold.
type Effect string

// Effects.
const (
	Refuse Effect = "refuse" // the action is refused; an unknown fact refuses, too
	Flag   Effect = "flag"   // the action goes on and its step carries the guard's id as a flag
)

// Guard is a condition that an action needs. It is met only by a known yes.
type Guard struct {
	ID       string
	Name     Text
	Must     *expr.Checked // over facts, parameters and today
	Effect   Effect
	Wording  Text // what to do about it
	Document string
	Examples []Example // Hit: met; Clear: not met
	Line     int
}

// Action is what a person may do with a case.
type Action struct {
	ID     string
	Name   Text
	Group  string   // actions of one group are shown as one choice; "" stands alone
	From   []string // state ids; phases and "live" are written out
	To     string   // state id; "" leaves the state as it is
	Roles  []string
	Does   []string // what the action records, of a closed list (see Does)
	Form   []Field
	Guards []string
	// Label is what the action says about the signals of the case: "true", "false_alarm", "known"; "" says nothing.
	Label string
	// Restart "round" begins a new round of papers (earlier visits, votes and notices count no more), "clock" also a new lead
	// clock; "" nothing.
	Restart string
	Line    int

	written []string // From as the file says it
}

// DoesIt reports whether the action records the thing named.
func (a *Action) DoesIt(what string) bool { return slices.Contains(a.Does, what) }

// Field of the action's form with the id, or nil.
func (a *Action) Field(id string) *Field {
	return find(a.Form, func(f *Field) bool { return f.ID == id })
}

// FieldType of a form field.
type FieldType string

// Field types. All but rows may be many.
const (
	FieldText       FieldType = "text"
	FieldNumber     FieldType = "number"
	FieldInteger    FieldType = "integer"
	FieldMoney      FieldType = "money" // yuan, at most two decimals
	FieldBool       FieldType = "bool"
	FieldDate       FieldType = "date"
	FieldMonth      FieldType = "month" // 2026-11
	FieldCode       FieldType = "code"
	FieldRisk       FieldType = "risk"       // a risk of the pack
	FieldDepartment FieldType = "department" // a department of the pack
	FieldDivision   FieldType = "division"
	FieldHousehold  FieldType = "household"  // household number
	FieldPerson     FieldType = "person"     // pseudonymous key of a member, 32 hex digits
	FieldAccount    FieldType = "account"    // id of an account
	FieldCase       FieldType = "case"       // id of a case
	FieldAttachment FieldType = "attachment" // SHA-256 of a file, 64 hex digits
	FieldPosition   FieldType = "position"   // {lat, lon} in degrees
	FieldIndicator  FieldType = "indicator"  // id of an indicator of the pack
	FieldRows       FieldType = "rows"       // a table of Fields
)

// fieldTypes lists the types.
func fieldTypes() []string {
	return []string{"text", "number", "integer", "money", "bool", "date", "month", "code", "risk", "department", "division", "household", "person", "account", "case", "attachment", "position", "indicator", "rows"}
}

// Field is one typed field of a form.
type Field struct {
	ID       string
	Name     Text
	Hint     Text
	Type     FieldType
	Required bool
	Many     bool     // a list of values
	Min, Max *float64 // of numbers; the length of texts; how many values of many or rows
	Unit     string
	Codes    []Code // for code
	Sealed   bool   // personal content: kept as ciphertext
	// Fields and Checks are for rows. A check that is false for a row refuses it; an unknown one passes.
	Fields []Field
	Checks []RowCheck
	env    *expr.Env
}

// Env is the environment of a rows field's checks: its fields in order, then as_of; nil for other types.
func (f *Field) Env() *expr.Env { return f.env }

// Minimum is a chain of actions that every path from the start to a state goes through, in order, in every division.
type Minimum struct {
	Name   Text
	From   string              // state where the chain begins
	Target string              // state that must not be reached otherwise
	Path   []string            // action ids
	Guards map[string][]string // action id → guards that stay
	// Least are parameters with the least value they may have anywhere.
	Least map[string]float64
	Line  int
}

// Variant is what a division does otherwise from a day on.
type Variant struct {
	Division string // canonical code
	From, To time.Time
	Document string
	Drop     []string // actions that do not exist here
	States   []State  // added, or replacing the state with the id
	Actions  []Action // added, or replacing the action with the id
	Line     int
}

// Env is the environment of guards: facts in order, then the parameters in the pack's order, then as_of.
func (w *Workflow) Env() *expr.Env { return w.env }

// Fact returns the fact with the id and its slot; nil and -1 when there is none.
func (w *Workflow) Fact(id string) (*Fact, int) {
	i := slices.IndexFunc(w.Facts, func(f Fact) bool { return f.ID == id })
	if i < 0 {
		return nil, -1
	}
	return &w.Facts[i], i
}

// Guard returns the guard with the id, or nil.
func (w *Workflow) Guard(id string) *Guard {
	return find(w.Guards, func(g *Guard) bool { return g.ID == id })
}

// State returns the state with the id, or nil.
func (w *Workflow) State(id string) *State {
	return find(w.States, func(s *State) bool { return s.ID == id })
}

// Action returns the action with the id, or nil.
func (w *Workflow) Action(id string) *Action {
	return find(w.Actions, func(a *Action) bool { return a.ID == id })
}

// Role returns the role with the id, or nil.
func (w *Workflow) Role(id string) *WorkRole {
	return find(w.Roles, func(r *WorkRole) bool { return r.ID == id })
}

// Slots is the length of a row for Env: facts, parameters and as_of.
func (w *Workflow) Slots(p *Pack) int { return len(w.Facts) + len(p.Parameters) + 1 }

// SetParams fills the parameter and as_of slots of a guard row for a division on a day.
func (w *Workflow) SetParams(p *Pack, row []expr.Value, div int64, day time.Time, own map[string]float64) {
	n := len(w.Facts)
	day = civil(day)
	for i := range p.Parameters {
		par := &p.Parameters[i]
		if f, ok := own[par.ID]; ok {
			row[n+i] = expr.Value{Num: f, Known: true}
			continue
		}
		v, ok := par.at(div, day)
		row[n+i] = expr.Value{Num: v.Value, Known: ok}
	}
	row[n+len(p.Parameters)] = dayValue(day)
}

// In returns the workflow of a division on a day: the variants of the divisions that contain it, the largest first, laid over the
// whole. The result shares facts, guards and roles.
func (w *Workflow) In(div int64, day time.Time) *Workflow {
	var mine []*Variant
	for i := range w.Variants {
		v := &w.Variants[i]
		lo, hi := ParameterValue{Division: v.Division}.Range()
		d := civil(day)
		if lo <= div && div <= hi && !d.Before(v.From) && (v.To.IsZero() || !d.After(v.To)) {
			mine = append(mine, v)
		}
	}
	slices.SortStableFunc(mine, func(a, b *Variant) int { return len(trimZeros(a.Division)) - len(trimZeros(b.Division)) })
	for _, v := range mine {
		w = w.with(v)
	}
	return w
}

func trimZeros(code string) string {
	s, _ := significant(code)
	return s
}

// with lays one variant over the workflow.
func (w *Workflow) with(v *Variant) *Workflow {
	out := *w
	out.States, out.Actions = slices.Clone(w.States), nil
	for _, a := range w.Actions {
		if !slices.Contains(v.Drop, a.ID) {
			out.Actions = append(out.Actions, a)
		}
	}
	for _, s := range v.States {
		if at := out.State(s.ID); at != nil {
			*at = s
		} else {
			out.States = append(out.States, s)
		}
	}
	for _, a := range v.Actions {
		if at := out.Action(a.ID); at != nil {
			*at = a
		} else {
			out.Actions = append(out.Actions, a)
		}
	}
	out.expandAll()
	return &out
}

// expandAll writes out the states that each action leaves; "live" takes in states that a variant adds.
func (w *Workflow) expandAll() {
	for i := range w.Actions {
		w.Actions[i].From = w.expand(w.Actions[i].written)
	}
}

// liveWord stands for all states that are not closed, in an action's from.
const liveWord = "live"

// expand writes out phases and "live" in a list of states.
func (w *Workflow) expand(from []string) []string {
	var out []string
	add := func(id string) {
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	for _, f := range from {
		switch {
		case f == liveWord:
			for _, s := range w.States {
				if s.Phase != PhaseClosed {
					add(s.ID)
				}
			}
		case slices.Contains(phases(), f):
			for _, s := range w.States {
				if string(s.Phase) == f {
					add(s.ID)
				}
			}
		default:
			add(f)
		}
	}
	return out
}

// Does is the closed list of things that an action may record, with the form fields that each needs.
func Does() map[string][]string {
	return map[string][]string{
		"visit":            {"visited_on", "visitors"},
		"green":            {"reason"},
		"authorisation":    {"signed_on", "letter"},
		"comparison":       {"results"},
		"appraisal":        {"held_on", "attendees", "votes_for", "minutes"},
		"publicity":        {"posted_on"},
		"objection":        {"reason"},
		"objection_closed": {"reason"},
		"decision":         {"category", "decided_on"},
		"refusal":          {"reason"},
		"told":             {"told_on", "how"},
		"announcement":     {"announced_on", "marked_month"},
		"clearing":         {"clear_way"},
		"clear_decision":   {"decided_on"},
		"roll_back":        {"reason"},
		"risks":            {"risks"},
		"tags":             {"tags"},
		"assign":           {"owner"},
		"note":             {"note"},
		"move":             {"to_division"},
		"split":            {"new_household", "new_division"},
		"merge":            {"into"},
		"end":              {"reason"},
	}
}

func doesNames() string {
	var out []string
	for name := range Does() {
		out = append(out, name)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
