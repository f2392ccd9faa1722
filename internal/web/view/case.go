package view

import "shouwang/internal/casework"

// CasePage is one case: where it stands, what is to be done next, and everything that was done.
type CasePage struct {
	Case      *casework.Case
	Crumbs    []Crumb
	Place     string
	HeadName  string // masked; "" when the reader may not see households, or no roster knows it
	Kind      string // of the household
	Category  string // kind of monitored object
	State     string
	Level     string // red, yellow, blue; ""
	Channel   string
	Risks     []string
	Since     string // day of the lead
	Task      *CaseTask
	Path      []PathPhase
	Done      string // what has just been recorded
	Next      CaseNext
	Conflict  *Conflict
	Others    []CaseOffer // behind the next action
	Signals   []CaseSignal
	Steps     []CaseStep // newest first
	Facts     []Pair
	Tags      []Pair
	Notices   []Pair
	Links     []CaseLink
	Applies   []Pair
	Papers    []PaperLink
	PaperWhy  string // what the papers are for, filled in
	Plan      *PlanShort
	Household bool // the reader may open the household
	MayReveal bool
	Revealed  bool
	HasSealed bool
}

// CaseTask is what is due.
type CaseTask struct {
	Name, Org, Person string
	Due               string // day
	Days              int    // until then; negative when it is over
	Paused            bool
	PauseWhy          string
}

// CaseNext is the one next action.
type CaseNext struct {
	Kind    string // form, plan, wait, other (somebody else's), none
	Name    string
	To      string // state that it leads to
	Who     string // whose it is
	Form    *Form
	Choices []CaseOffer // of which it is one
	Blocks  []Block     // what stands in its way
	Flags   []Block     // what the step would be marked with
	Depends []Block     // what will be looked at with what the form says
	Before  string      // the action that this one opens the way for
	Wanted  []Block     // and what stands in that one's way
	Paper   string      // id of the paper that belongs to it
	PaperOf string
}

// Block is a condition that is not met: which, by what, and what to do.
type Block struct {
	Name    string
	Reasons []string
	Wording string
	Unknown bool
}

// CaseOffer is an action that may be chosen.
type CaseOffer struct {
	ID, Name, To string
	Href         string
	Chosen       bool
	Allowed      bool
	Blocks       []Block
}

// PathPhase is a phase of the loop.
type PathPhase struct {
	Name  string
	Mark  string // done, now, open
	Steps []PathStep
}

// PathStep is a state on the way.
type PathStep struct {
	Name string
	Mark string // done, now, open
	Who  string
	When string
	Note string
}

// CaseSignal is one reason to look.
type CaseSignal struct {
	Level, Risk, Channel, Words, Day, Rule, RuleHref, Label, Happened string
	Suppressed                                                        bool
}

// CaseStep is something that was done.
type CaseStep struct {
	No                         string
	Name, Who, Where, When, To string
	Flags                      []string
	Pairs                      []Pair
	Round                      string
}

// CaseLink is another case that belongs to this one.
type CaseLink struct{ Words, Href string }

// PaperLink is a paper that can be made.
type PaperLink struct {
	ID, Name string
	Now      bool // it belongs to the next step
}

// PlanShort is the plan in one line.
type PlanShort struct {
	Planned, Done, Proposed, Orders int
	Href                            string
}

// NewCase is the form with which staff report a household.
type NewCase struct {
	Form     Form
	Found    *FoundHome
	Channels []Option
}

// FoundHome is the household that was looked up.
type FoundHome struct {
	No, Place, HeadName, Kind string
	CaseHref, CaseState       string // its live case; "" for none
}

// answer is the case in one sentence.
func (c CasePage) answer(p Page) string {
	switch {
	case c.Task == nil:
		return c.State
	case c.Task.Paused:
		return p.T("case.answer.paused", c.State, c.Task.Name, c.Task.PauseWhy)
	case c.Task.Days == 0:
		return p.T("case.answer.today", c.State, c.Task.Name, c.Task.Org)
	case c.Task.Days < 0:
		return p.T("case.answer.overdue", c.State, c.Task.Name, c.Task.Org, p.Day(c.Task.Due), Int(-c.Task.Days))
	}
	return p.T("case.answer", c.State, c.Task.Name, c.Task.Org, Int(c.Task.Days), p.Day(c.Task.Due))
}

func (c CasePage) title(p Page) string {
	if c.HeadName != "" {
		return p.T("case.title_named", c.HeadName)
	}
	return p.T("case.title")
}

// mark of a place on the path.
func mark(m string) string {
	switch m {
	case "done":
		return "●"
	case "now":
		return "◐"
	}
	return "○"
}
