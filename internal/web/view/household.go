package view

import (
	"cmp"
	"slices"
	"strconv"

	"shouwang/internal/locale"
	"shouwang/internal/policy"
	"shouwang/internal/registry"
	"shouwang/internal/screening"
)

// Household is the page of one household.
type Household struct {
	screening.Household
	Crumbs    []Crumb
	HeadName  string // masked, "" when no roster knows it
	Kind      string // of the household, in the reader's language
	Members   []Member
	Revealed  bool // Members carry plain values: this answer was asked for with a reason
	MayReveal bool
	Explained screening.Explanation
	Facts     []screening.FactTable
	RunShown  int64 // the run that is explained; 0 = the newest
	Pack      *policy.Pack
	Life      Life
}

// Member is one person of the household as the page shows them.
type Member struct {
	registry.Person
	No       int
	Relation policy.Text
	Sex      policy.Text
	Labour   policy.Text
	Age      int // whole years; -1 = not known
	Identity registry.Identity

	Ethnic, Education, School, Health policy.Text
}

// FindHousehold is the page that looks a household up.
type FindHousehold struct {
	Error string
}

// answer is the household in one sentence.
func (h Household) answer(p Page) string {
	switch {
	case h.Run == 0:
		return p.T("household.not_screened")
	case len(h.Warnings) == 0 && len(h.Unknown) == 0:
		return p.T("household.calm")
	case len(h.Warnings) == 0:
		return p.T("household.calm_unknown", Int(len(h.Household.Unknown)))
	}
	worst := h.Warnings[0]
	return p.T("household.answer", Int(len(h.Warnings)), p.T("level."+worst.Level), h.riskName(p, worst.Risk))
}

func (h Household) title(p Page) string {
	if h.HeadName != "" {
		return p.T("household.title_named", h.HeadName)
	}
	return p.T("household.title")
}

func (h Household) riskName(p Page, id string) string {
	if r := h.Pack.Risk(id); r != nil {
		return p.In(r.Name)
	}
	return id
}

func (h Household) checkWording(p Page, id string) string {
	if c := h.Pack.Check(id); c != nil {
		return p.In(c.Wording)
	}
	return ""
}

var levelRank = map[string]int{"red": 0, "yellow": 1, "blue": 2}

// hits are the rules that found something, the worst first; doubts are told apart.
func (h Household) hits() []screening.RuleExplanation {
	return h.explained(func(r screening.RuleExplanation) bool {
		return r.Outcome == "hit" && r.Class != string(policy.ClassDoubt)
	})
}

func (h Household) doubts() []screening.RuleExplanation {
	return h.explained(func(r screening.RuleExplanation) bool {
		return r.Outcome == "hit" && r.Class == string(policy.ClassDoubt)
	})
}

func (h Household) unknowns() []screening.RuleExplanation {
	return h.explained(func(r screening.RuleExplanation) bool {
		rule := h.Pack.Rule(r.Rule)
		return r.Outcome == "unknown" && (rule == nil || rule.AskOnUnknown) // a rule that says "ignore" leaves nothing to ask for
	})
}

func (h Household) explained(keep func(screening.RuleExplanation) bool) []screening.RuleExplanation {
	var out []screening.RuleExplanation
	for _, r := range h.Explained.Rules {
		if keep(r) {
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b screening.RuleExplanation) int { return cmp.Compare(levelRank[a.Level], levelRank[b.Level]) })
	return out
}

// byUnknown groups the reasons why rules cannot be told: each once, with the rules that wait for it.
func (h Household) byUnknown(p Page) []unknownReason {
	at := map[string]int{}
	var out []unknownReason
	for _, r := range h.unknowns() {
		for _, reason := range r.Reasons {
			for _, why := range whys(p, reason.Values) {
				i, ok := at[why]
				if !ok {
					i = len(out)
					at[why] = i
					out = append(out, unknownReason{Why: why})
				}
				if name := p.In(r.Name); !slices.Contains(out[i].Rules, name) {
					out[i].Rules = append(out[i].Rules, name)
				}
			}
		}
	}
	return out
}

type unknownReason struct {
	Why   string
	Rules []string
}

func whys(p Page, values []screening.Value) []string {
	var out []string
	for _, v := range values {
		if len(v.Parts) > 0 {
			out = append(out, whys(p, v.Parts)...)
			continue
		}
		if w := p.In(v.Why); w != "" {
			out = append(out, w)
		}
	}
	return out
}

// guarantee is one of the 3+1, the worst outcome of its rules.
type guarantee struct {
	Risk    string
	Outcome string
	Names   []string
}

func (h Household) guarantees(p Page) []guarantee {
	rank := map[string]int{"clear": 0, "unknown": 1, "hit": 2}
	var out []guarantee
	at := map[string]int{}
	for _, g := range h.Guarantees {
		i, ok := at[g.Risk]
		if !ok {
			i = len(out)
			at[g.Risk] = i
			out = append(out, guarantee{Risk: g.Risk, Outcome: g.Outcome})
		}
		if rank[g.Outcome] > rank[out[i].Outcome] {
			out[i].Outcome, out[i].Names = g.Outcome, nil
		}
		if g.Outcome == out[i].Outcome && g.Outcome != "clear" {
			out[i].Names = append(out[i].Names, p.In(g.Name))
		}
	}
	return out
}

// memberNo tells which member a fact is about; 0 = none that is a member now.
func (h Household) memberNo(f screening.Fact) int {
	for _, m := range h.Members {
		if m.Key == f.Key && !f.Key.IsZero() {
			return m.No
		}
	}
	return 0
}

// header names a column of a contract: as the department writes it, or in English by its identifier.
func header(p Page, c policy.Column) string {
	name := c.Header
	if p.Lang == locale.English {
		name = plain(c.ID)
	}
	return name
}

// used keeps the columns that any row has a value in.
func used(t screening.FactTable) []int {
	var out []int
	for i := range t.Columns {
		if slices.ContainsFunc(t.Rows, func(f screening.Fact) bool { return f.Cells[i].ZH != "" }) {
			out = append(out, i)
		}
	}
	return out
}

func numeric(c policy.Column) bool {
	return c.Type == policy.TypeMoney || c.Type == policy.TypeNumber || c.Type == policy.TypeInteger
}

func (h Household) aboutPersons(t screening.FactTable) bool {
	return slices.ContainsFunc(t.Rows, func(f screening.Fact) bool { return !f.Key.IsZero() })
}

func orDash(s string) string { return cmp.Or(s, "–") }

// feed is how a dataset stands for this household's county.
func (h Household) feed(dataset string) screening.HouseholdFeed {
	for _, f := range h.Feeds {
		if f.Dataset == dataset {
			return f
		}
	}
	return screening.HouseholdFeed{}
}

// whyLink is where a rule's outcome is followed back to the files.
func (h Household) whyLink(rule string) string {
	run := ""
	if h.RunShown > 0 {
		run = strconv.FormatInt(h.RunShown, 10)
	}
	return Link("/households/"+h.No+"/why/"+rule, "run", run)
}

// silent counts the datasets that have come and hold no row of this household.
func (h Household) silent() int {
	n := 0
	for _, t := range h.Facts {
		if t.Total == 0 && h.feed(t.Dataset).State == "covered" {
			n++
		}
	}
	return n
}
