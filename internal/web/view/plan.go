package view

import (
	"strings"

	"shouwang/internal/casework"
)

// PlanPage is the plan of a case: what is proposed and why, what was decided, who delivers it and what came of it.
type PlanPage struct {
	Case     *casework.Case
	Crumbs   []Crumb
	Place    string
	HeadName string
	State    string
	Answer   string
	Risks    []string
	Done     string
	Faults   []string // of a change that was not made
	Conflict *Conflict
	Measures []PlanMeasure // decided ones
	Refused  []PlanMeasure
	Decide   *PlanDecide // proposals in the plan that wait for a decision, and room to add
	Findings []Finding   // what the plan checks say
	Proposal *PlanProposal
	NoMatch  string // why there is no proposal
	Effects  *PlanEffects
	History  []Change
	MayWrite bool
	Adding   bool // measures are being added: that part is open
}

// PlanMeasure is one measure of a plan.
type PlanMeasure struct {
	ID, Name, Block, For, State, StateID, Amount, Fund, Department, Owner, Deadline string
	Late                                                                            bool // the deadline is over and it is not delivered
	Added                                                                           bool // by staff, not proposed
	Why                                                                             []string
	Evidence                                                                        []KeptFile
	Wanted                                                                          string // evidence that the pack asks for
	Orders                                                                          []PlanOrder
	Steps                                                                           []Change
	Forms                                                                           []PlanForm
}

// PlanForm is something that can be done with a measure; the first is the one to do next.
type PlanForm struct {
	Title string
	Form  Form
}

// PlanOrder is an order to a department, and its answer.
type PlanOrder struct{ Department, State, Sent, Due, Reason, Href string }

// PlanDecide is the form in which proposals are decided.
type PlanDecide struct {
	Action string
	Hidden []Hidden
	Items  []PlanItem
	Add    FormField // rows
}

// PlanItem is one proposal to decide.
type PlanItem struct {
	Name, Block, For, Fund string
	Why                    []string
	Instead                []string
	Choice                 FormField
	Fields                 []FormField
}

// Finding is what a check says of the plan.
type Finding struct {
	Severity string // error, doubt, hint
	Text     string
}

// PlanProposal is what matching proposes from the last screening.
type PlanProposal struct {
	AsOf      string
	Proven    bool
	Risks     []ProposalRisk
	Measures  []ProposalMeasure
	Together  []string
	Ask       []Pair
	Uncleared []Pair
	Needs     []Finding // requirements: hint = met, doubt = not
	Total     string    // to the household
	Cost      string    // public cost
	Put       *Form     // puts it into the plan
	All       bool      // all of it is in the plan already
}

// ProposalRisk is one open risk, and what answers it.
type ProposalRisk struct {
	Level, Name, By string
	Answered        bool
}

// ProposalMeasure is one measure of the bundle.
type ProposalMeasure struct {
	Name, Block, For, Amount, Cost, Department, Fund, Days, Document string
	Due                                                              bool
	Why, Changes, Instead                                            []string
}

// PlanEffects is how the household stood when help began, and since.
type PlanEffects struct {
	Days []string
	Rows []EffectRow
}

// EffectRow is one indicator over the days; "" where it is not known.
type EffectRow struct {
	Name   string
	Values []string
	Change string
}

// OrdersPage is the orders that a department has to answer.
type OrdersPage struct {
	Tabs  []Option
	Rows  []OrderRow
	Next  string
	First bool
	State string
	Own   string // the department's name; "" for others
	Open  int
	Links bool // data requests may be opened
}

// OrderRow is one order of the list.
type OrderRow struct {
	Href, Measure, HouseholdNo, Place, Amount, Due, State, Department, Deadline string
	Late                                                                        bool
}

// OrderPage is one order.
type OrderPage struct {
	Measure, State, StateID string
	Answer                  string
	Facts                   []Pair
	Why                     []string
	Case                    string // address; "" where the reader may not open it
	Evidence                []KeptFile
	CaseID                  string
	Done                    string
	Faults                  []string
	Conflict                *Conflict
	Accept, Report, Reject  *Form
	Reason                  string
}

func planTitle(p Page, x PlanPage) string {
	if x.HeadName != "" {
		return p.T("plan.title_named", x.HeadName)
	}
	return p.T("plan.title")
}

// inLine is names in one line.
func inLine(p Page, names []string) string { return strings.Join(names, p.Comma()) }

func ordersAnswer(p Page, x OrdersPage) string {
	switch {
	case x.State != "":
		return ""
	case x.Open == 0:
		return p.T("orders.answer.none")
	case x.Next != "" || !x.First:
		return p.T("orders.answer.many")
	}
	return p.T("orders.answer", Int(x.Open))
}
