package workflow

import (
	"slices"
	"time"

	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/expr"
	"shouwang/internal/policy"
	"shouwang/internal/workday"
)

// Machine is the workflow of one division on one day. It is read-only and safe for concurrent use.
type Machine struct {
	pack     *policy.Pack
	flow     *policy.Workflow
	calendar *workday.Calendar
	div      division.Code
	region   division.Code // of the pack
	day      time.Time     // UTC midnight of the civil day
	params   []expr.Value
}

// New makes the machine of a division on a day (only its civil date counts). The error is errs.NotFound when the pack has no
// workflow.
func New(p *policy.Pack, div division.Code, day time.Time) (*Machine, error) {
	if p.Workflow == nil {
		return nil, errs.New(errs.NotFound, "政策包里没有流程（workflow.yaml），不能办理个案", "the policy pack has no workflow (workflow.yaml), so cases cannot be carried")
	}
	days := make([]workday.Day, len(p.Holidays))
	for i, h := range p.Holidays {
		days[i] = workday.Day{Date: h.Date, Work: h.Work}
	}
	return newMachine(p, workday.New(days), div, day), nil
}

func newMachine(p *policy.Pack, calendar *workday.Calendar, div division.Code, day time.Time) *Machine {
	day = Day(day)
	m := &Machine{pack: p, flow: p.Workflow.In(int64(div), day), calendar: calendar, div: div, day: day}
	if region, err := division.Parse(p.Region); err == nil {
		m.region = region
	}
	m.params = make([]expr.Value, m.flow.Slots(p))
	m.flow.SetParams(p, m.params, int64(div), day, nil)
	return m
}

// Machines makes machines of one pack without counting its holidays again each time.
type Machines struct {
	pack     *policy.Pack
	calendar *workday.Calendar
}

// NewMachines prepares a pack. The error is errs.NotFound when the pack has no workflow.
func NewMachines(p *policy.Pack) (*Machines, error) {
	m, err := New(p, 0, time.Time{})
	if err != nil {
		return nil, err
	}
	return &Machines{pack: p, calendar: m.calendar}, nil
}

// At is the machine of a division on a day.
func (m *Machines) At(div division.Code, day time.Time) *Machine {
	return newMachine(m.pack, m.calendar, div, day)
}

// Day is the civil date of a time in its own location, as a UTC midnight.
func Day(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

// Flow is the workflow that the machine follows, the division's variants laid over it. It must not be changed.
func (m *Machine) Flow() *policy.Workflow { return m.flow }

// Today is the machine's day.
func (m *Machine) Today() time.Time { return m.day }

// Start is the state in which a case begins.
func (m *Machine) Start() string { return m.flow.Start }

// State returns the state with the id, or nil.
func (m *Machine) State(id string) *policy.State { return m.flow.State(id) }

// Param is a parameter's value for the machine's division and day; the error is errs.NotFound.
func (m *Machine) Param(id string) (float64, error) {
	v, err := m.pack.Param(id, m.div, m.day)
	return v.Value, err
}

// Facts are known facts by id; one that is missing is unknown.
type Facts map[string]expr.Value

// row lays facts over the parameters, in the order of the guards' environment.
func (m *Machine) row(facts Facts) []expr.Value {
	row := slices.Clone(m.params)
	for i := range m.flow.Facts {
		if v, ok := facts[m.flow.Facts[i].ID]; ok {
			row[i] = v
		}
	}
	return row
}

// Refusal is one thing that stands in the way of an action, in both languages.
type Refusal struct {
	Guard   string   `json:"guard"` // id of the guard; "role" or "state" when it is none
	Name    Text     `json:"name"`
	Wording Text     `json:"wording"` // what to do about it
	Unknown bool     `json:"unknown"` // a fact is not known
	Reasons []Reason `json:"reasons"` // the comparisons that force it
}

// Text is wording in both languages.
type Text = policy.Text

// Reason is one comparison with its facts and threshold in words.
type Reason struct {
	Text  Text     `json:"text"`
	Facts []string `json:"facts"` // ids of the facts in it
}

// Offer is an action that starts in a state, and whether it may be taken now.
type Offer struct {
	Action   *policy.Action
	Allowed  bool
	Refusals []Refusal
	Flags    []Refusal // what the step would be flagged with
	// NeedsForm tells that the only refusals left are unknown facts of the action's own form: fill it in and see.
	NeedsForm bool
}

// Actions lists the actions that start in a state and that one of the roles may take, in the pack's order, each with what stands in
// its way. Facts of the form are unknown until the form is filled in: pass them in facts to judge a filled form.
func (m *Machine) Actions(state string, roles []string, facts Facts) []Offer {
	var out []Offer
	row := m.row(facts)
	for i := range m.flow.Actions {
		a := &m.flow.Actions[i]
		if !slices.Contains(a.From, state) || !anyOf(a.Roles, roles) {
			continue
		}
		o := Offer{Action: a}
		o.Refusals, o.Flags = m.judge(a, row)
		o.Allowed = len(o.Refusals) == 0
		o.NeedsForm = !o.Allowed && !slices.ContainsFunc(o.Refusals, func(r Refusal) bool { return !m.openInForm(a, r) })
		out = append(out, o)
	}
	return out
}

// openInForm reports whether a refusal is only because the form has not been filled in.
func (m *Machine) openInForm(a *policy.Action, r Refusal) bool {
	if !r.Unknown {
		return false
	}
	for _, reason := range r.Reasons {
		for _, id := range reason.Facts {
			if f, _ := m.flow.Fact(id); f != nil && f.Source == policy.FromForm && a.Field(id) != nil {
				return true
			}
		}
	}
	return false
}

// judge evaluates the guards of an action: those that refuse, and those that only flag.
func (m *Machine) judge(a *policy.Action, row []expr.Value) (refusals, flags []Refusal) {
	for _, id := range a.Guards {
		g := m.flow.Guard(id)
		v := g.Must.Eval(row)
		if v.Known && v.Num != 0 {
			continue
		}
		r := m.refusal(g, row)
		if g.Effect == policy.Flag {
			flags = append(flags, r)
		} else {
			refusals = append(refusals, r)
		}
	}
	return refusals, flags
}

func (m *Machine) refusal(g *policy.Guard, row []expr.Value) Refusal {
	x := g.Must.Explain(row)
	r := Refusal{Guard: g.ID, Name: g.Name, Wording: g.Wording, Unknown: !x.Outcome.Known}
	for i := range x.Reasons {
		why := &x.Reasons[i]
		one := Reason{Text: Text{ZH: why.Words("zh"), EN: why.Words("en")}}
		for _, v := range why.Vars {
			if _, slot := m.flow.Fact(v.Name); slot >= 0 {
				one.Facts = append(one.Facts, v.Name)
			}
		}
		r.Reasons = append(r.Reasons, one)
	}
	return r
}

func anyOf(wanted, had []string) bool {
	return slices.ContainsFunc(had, func(r string) bool { return slices.Contains(wanted, r) })
}

// Move is an action that may be taken, decided.
type Move struct {
	Action *policy.Action
	From   string
	To     string // the state afterwards, the same one when the action leaves it
	Flags  []string
}

// Next decides whether somebody with the roles may take the action in the state, given the facts (those of the form among
// them). The error is errs.NotFound for no such action, errs.Conflict when it doesn't start in the state, errs.Refused for
// the role, and for the guards a *Refused, which is errs.Refused as well.
func (m *Machine) Next(state, action string, roles []string, facts Facts) (Move, error) {
	a, err := m.Begin(state, action, roles)
	if err != nil {
		return Move{}, err
	}
	refusals, flags := m.judge(a, m.row(facts))
	if len(refusals) > 0 {
		return Move{}, &Refused{Action: a.ID, Name: a.Name, Refusals: refusals}
	}
	move := Move{Action: a, From: state, To: a.To}
	if move.To == "" {
		move.To = state
	}
	for _, f := range flags {
		move.Flags = append(move.Flags, f.Guard)
	}
	return move, nil
}

// Begin gives the action if it starts in the state and one of the roles may take it; it does not look at guards. The errors are those of
// [Machine.Next].
func (m *Machine) Begin(state, action string, roles []string) (*policy.Action, error) {
	a := m.flow.Action(action)
	if a == nil {
		return nil, errs.Newf(errs.NotFound, "流程里没有动作“%[1]s”", "the workflow has no action %[1]q", short(action))
	}
	s := m.flow.State(state)
	if s == nil {
		return nil, errs.Newf(errs.NotFound, "流程里没有状态“%[1]s”", "the workflow has no state %[1]q", short(state))
	}
	if !slices.Contains(a.From, state) {
		return nil, errs.Newf(errs.Conflict, "“%[1]s”状态下不能办理“%[2]s”；可能已有人先办了，请刷新", "in the state %[3]q the action %[4]q cannot be taken; somebody may have been first, look again", s.Name.ZH, a.Name.ZH, s.Name.EN, a.Name.EN)
	}
	if !anyOf(a.Roles, roles) {
		return nil, errs.Newf(errs.Refused, "“%[1]s”由%[2]s办理", "%[3]q is for %[4]s", a.Name.ZH, m.roleNames(a.Roles, "zh"), a.Name.EN, m.roleNames(a.Roles, "en"))
	}
	return a, nil
}

func (m *Machine) roleNames(roles []string, lang string) string {
	var names string
	sep := map[string]string{"zh": "、", "en": ", "}[lang]
	for i, id := range roles {
		if i > 0 {
			names += sep
		}
		if r := m.flow.Role(id); r != nil {
			names += r.Name.In(lang)
		}
	}
	return names
}

// Refused is the error of an action whose guards do not hold.
type Refused struct {
	Action   string
	Name     Text
	Refusals []Refusal
}

// Error is the English text.
func (r *Refused) Error() string { return r.In("en") }

// Unwrap makes errs see a refusal with its text in both languages.
func (r *Refused) Unwrap() error { return errs.New(errs.Refused, r.In("zh"), r.In("en")) }

// In says which conditions are not met and which facts stand in the way.
func (r *Refused) In(lang string) string {
	s := map[string]string{"zh": "还不能办理“" + r.Name.ZH + "”：", "en": `"` + r.Name.EN + `" cannot be done yet:`}[lang]
	for _, one := range r.Refusals {
		s += "\n· " + one.Name.In(lang)
		for i, why := range one.Reasons {
			if i == 0 {
				s += map[string]string{"zh": "：", "en": ": "}[lang]
			} else {
				s += map[string]string{"zh": "；", "en": "; "}[lang]
			}
			s += why.Text.In(lang)
		}
		s += map[string]string{"zh": "。", "en": ". "}[lang] + one.Wording.In(lang)
	}
	return s
}

// short bounds a word from outside in a message.
func short(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}
