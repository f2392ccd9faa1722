package view

import (
	"encoding/json"
	"strconv"
	"time"

	"shouwang/internal/division"
	"shouwang/internal/locale"
	"shouwang/internal/policy"
	"shouwang/internal/screening"
)

// PolicyTabs are the parts of the policy pages that the reader may open.
type PolicyTabs struct {
	Current string // parameters, rules, indicators, whatif, drafts, history
	WhatIf  bool
	Drafts  bool // amendments that are not in force yet
}

// Parameters is the list of thresholds.
type Parameters struct {
	Tabs  PolicyTabs
	Title policy.Text // of the pack
	Pack  string      // its version
	Rows  []policy.Parameter
	Today time.Time
	Names func(code string) string // of a division
	Uses  map[string]int           // rules that read a parameter
}

// Rules is the list of rules, with how they came out in the last run.
type Rules struct {
	Tabs   PolicyTabs
	Pack   *policy.Pack
	Groups []RuleGroup
	AsOf   string // of the last run; "" before the first
}

// RuleGroup is the rules of one risk.
type RuleGroup struct {
	Risk  policy.Text
	Rules []RuleRow
}

// RuleRow is one rule.
type RuleRow struct {
	*policy.Rule
	Hit, Unknown int64
}

// RulePage is one rule in full.
type RulePage struct {
	Tabs       PolicyTabs
	Rule       *policy.Rule
	Risk       policy.Text
	Parameters []policy.Parameter
	Indicators []policy.Indicator
	Pack       *policy.Pack
	Today      time.Time
	Warnings   bool // the reader may open the list of warnings
}

// Indicators is the list of indicators.
type Indicators struct {
	Tabs PolicyTabs
	Pack *policy.Pack
	Rows []policy.Indicator
}

// WhatIf is the form of a what-if question and its answer.
type WhatIf struct {
	Tabs      PolicyTabs
	Options   []Option // parameters
	Parameter policy.Parameter
	Now       policy.ParameterValue // in force today for the region
	Value     string                // asked; "" = not asked yet
	By        []Option
	Low, High float64 // of the slider
	Step      float64
	Error     string
	Answer    *screening.Answer
	Counties  []CountyChange // every county inside, for the map; nil = no map
	Division  division.Code
	Names     func(division.Code) string
	Warned    bool   // an area may be opened
	Draft     bool   // the reader may make an amendment of it
	From      string // from when that would hold, YYYY-MM-DD
}

// CountyChange is one county of the map.
type CountyChange struct {
	screening.AreaChange
	Known bool // households there are screened
}

// now is the value of a parameter in force on a day for the region.
func now(par policy.Parameter, day time.Time) (policy.ParameterValue, bool) {
	var out policy.ParameterValue
	found := false
	for _, v := range par.Values {
		if v.Division == par.Values[0].Division && !v.From.After(day) && (v.To.IsZero() || !v.To.Before(day)) {
			out, found = v, true
		}
	}
	return out, found
}

// span is when a value is in force.
func span(p Page, v policy.ParameterValue) string {
	if v.To.IsZero() {
		return p.T("policy.from", locale.Date(v.From, p.Lang))
	}
	return p.T("policy.from_to", locale.Date(v.From, p.Lang), locale.Date(v.To, p.Lang))
}

func number(v float64) string { return locale.Number(v, 4) }

// raw writes a number for a form's field.
func raw(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// areaLink is the warnings behind an area of an answer.
func (w WhatIf) areaLink(a screening.AreaChange) string {
	if !w.Warned {
		return ""
	}
	return Link("/overview", "division", Code(a.Division))
}

// answer is the answer in one sentence.
func (w WhatIf) answer(p Page) string {
	if w.Answer == nil {
		return p.T("whatif.ask")
	}
	t := w.Answer.Total
	return p.T("whatif.answer", p.In(w.Parameter.Name), number(w.Now.Value), w.Value, Int(t.Enter), Int(t.EnterPersons), Int(t.Leave), Int(t.LeavePersons), Int(w.Answer.Visits.Total))
}

func (w WhatIf) most() int64 {
	var n int64
	for _, a := range w.Answer.Areas {
		n = max(n, a.Enter+a.Leave)
	}
	return n
}

func ruleTitle(p Page, pack *policy.Pack, id string) string {
	if r := pack.Rule(id); r != nil {
		return p.In(r.Name)
	}
	return id
}

// MapJSON is the map of an answer: who enters or leaves, by county.
func (w WhatIf) MapJSON(p Page) string {
	m := mapData{Shapes: Link("/map", "division", Code(w.Division)), Unit: p.T("overview.map_unit"), None: p.T("overview.map_none"), Values: []mapValue{}}
	for _, a := range w.Counties {
		if !a.Known {
			m.Values = append(m.Values, mapValue{Code: a.Division.Prefix(), Name: a.Name, Href: w.areaLink(a.AreaChange), Detail: p.T("overview.map_none")})
			continue
		}
		m.Values = append(m.Values, mapValue{Code: a.Division.Prefix(), Name: a.Name, Value: a.Enter + a.Leave, Known: a.Known, Href: w.areaLink(a.AreaChange), Detail: p.T("whatif.map_detail", Int(a.Enter), Int(a.Leave), Int(a.Before), Int(a.After))})
	}
	text, err := json.Marshal(m)
	if err != nil {
		return "{}" // strings and numbers always marshal
	}
	return string(text)
}

// source says what an indicator is made from.
func (i Indicators) source(p Page, ind policy.Indicator) string {
	switch {
	case ind.Derive != nil:
		return p.T("indicator.derived")
	case ind.Dataset == "person" || ind.Dataset == "household":
		return p.T("indicator.registry")
	}
	if ds := i.Pack.Dataset(ind.Dataset); ds != nil {
		return p.In(ds.Name)
	}
	return ind.Dataset
}

// window says which rows count.
func window(p Page, ind policy.Indicator) string {
	w := ind.Window
	switch {
	case ind.Derive != nil:
		return "–"
	case w.Year:
		return p.T("indicator.window_year")
	case w.Months > 0 && w.Skip > 0:
		return p.T("indicator.window_skip", Int(w.Skip), Int(w.Months))
	case w.Months > 0:
		return p.T("indicator.window_months", Int(w.Months))
	case w.Days > 0:
		return p.T("indicator.window_days", Int(w.Days))
	}
	return p.T("indicator.window_all")
}

func absent(p Page, ind policy.Indicator) string {
	switch {
	case ind.Derive != nil:
		return "–"
	case ind.AbsentZero:
		return p.T("indicator.absent_zero")
	}
	return p.T("indicator.absent_unknown")
}

// changed are the rules whose outcome changes for some household.
func (w WhatIf) changed() []screening.RuleChange {
	var out []screening.RuleChange
	for _, r := range w.Answer.Rules {
		if r.Before != r.After {
			out = append(out, r)
		}
	}
	return out
}

func seconds(s float64) string { return locale.Number(s, 2) }
