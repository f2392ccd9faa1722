package matching

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"shouwang/internal/division"
	"shouwang/internal/expr"
	"shouwang/internal/policy"
)

// Proposal is what one household should get, and why.
type Proposal struct {
	HouseholdNo  string         `json:"household_no"`
	Division     division.Code  `json:"division"`
	AsOf         string         `json:"as_of"`
	Risks        []OpenRisk     `json:"risks"`
	Measures     []Proposed     `json:"measures"`
	Together     []Change       `json:"together"` // what the whole bundle changes
	AskFirst     []Ask          `json:"ask_first"`
	Uncleared    []Uncleared    `json:"uncleared"`
	Requirements []RequirementX `json:"requirements"`
	Objective    Objective      `json:"objective"`
	// Proven: no other bundle of measures that the household may have is better. False only where the search met its
	// limit, and the best bundle found is proposed.
	Proven bool `json:"proven"`
	Nodes  int  `json:"nodes"` // of the search
}

// OpenRisk is one risk and whether the bundle answers it.
type OpenRisk struct {
	Risk     string      `json:"risk"`
	Name     policy.Text `json:"name"`
	Level    string      `json:"level"`
	Answered bool        `json:"answered"`
	By       []string    `json:"by"` // measures of the bundle that answer it
}

// Proposed is one measure of the bundle.
type Proposed struct {
	Measure    string        `json:"measure"`
	Name       policy.Text   `json:"name"`
	Block      string        `json:"block"`
	BlockName  policy.Text   `json:"block_name"`
	Nature     policy.Nature `json:"nature"`
	Persons    []string      `json:"persons"` // member keys; empty: for the household
	Who        policy.Text   `json:"who,omitzero"`
	Amount     int64         `json:"amount_fen"` // to the household
	Cost       int64         `json:"cost_fen"`   // public cost
	Department string        `json:"department"`
	Fund       policy.Text   `json:"fund"`
	Days       int           `json:"days"` // usual days until it must be delivered
	Burden     int           `json:"burden"`
	Pool       string        `json:"pool,omitempty"` // takes a limited place
	Due        bool          `json:"due"`            // entitled: proposed whatever the risk
	Evidence   []string      `json:"evidence"`
	Why        []policy.Text `json:"why"`
	Changes    []Change      `json:"changes"`
	Instead    []Alternative `json:"alternatives"`
	Document   string        `json:"document"`
	Note       policy.Text   `json:"note,omitzero"`
}

// Change is one comparison of a failing rule, before and after the measure (in the order of the bundle).
type Change struct {
	Rule    string      `json:"rule"`
	Source  string      `json:"source"` // the comparison as the rule has it
	Before  float64     `json:"before"`
	After   float64     `json:"after"`
	Against float64     `json:"against"` // the threshold afterwards
	Cleared bool        `json:"cleared"` // the rule is clear with this measure, and was not before
	Text    policy.Text `json:"text"`
}

// Alternative could take the measure's place without losing anything that counts more than the number of measures.
type Alternative struct {
	Measure string      `json:"measure"`
	Name    policy.Text `json:"name"`
	Persons []string    `json:"persons"`
}

// Uncleared is a failing rule that the bundle does not clear.
type Uncleared struct {
	Rule  string      `json:"rule"`
	Name  policy.Text `json:"name"`
	Risk  string      `json:"risk"`
	Level string      `json:"level"`
	New   bool        `json:"new"` // the bundle itself makes it fail
	Why   policy.Text `json:"why"`
}

// RequirementX is a requirement of the pack that applies to the household.
type RequirementX struct {
	ID   string      `json:"id"`
	Name policy.Text `json:"name"`
	Met  bool        `json:"met"`
	Why  policy.Text `json:"why"`
}

// Propose finds the best bundle of measures for one household: the least by Objective over every set of measures that it
// may have, does not have, and that neither conflict nor exceed a group's limit. At most one of them takes a limited place.
// What may be due but lacks a fact stands in AskFirst; it is neither granted nor hidden. Only what Held names counts as an answer
// to a risk: what a department gave before did not keep the risk from coming up.
func (m *Matcher) Propose(h Household) Proposal {
	pr := m.newProblem(&h)
	return pr.proposal(pr.solve(func(*candidate) bool { return true }, nil), nil)
}

// proposal puts a solution into words. full names pools that have no place left.
func (pr *problem) proposal(s solution, full map[string]bool) Proposal {
	m, p, h := pr.m, pr.m.pack, pr.house
	out := Proposal{HouseholdNo: h.No, Division: h.Division, AsOf: h.Day.Format("2006-01-02"), Risks: []OpenRisk{}, Measures: []Proposed{}, AskFirst: pr.asks,
		Uncleared: []Uncleared{}, Requirements: []RequirementX{}, Objective: s.objective, Proven: s.proven, Nodes: s.nodes}
	if out.AskFirst == nil {
		out.AskFirst = []Ask{}
	}
	walk := pr.walk(s.chosen)
	for k, i := range s.chosen {
		c := &pr.cands[i]
		one := Proposed{Measure: c.policy.ID, Name: c.policy.Name, Block: c.policy.Block, Nature: c.policy.Nature, Persons: pr.keys(c), Who: pr.who(c), Amount: fen(s.amounts[k]), Cost: fen(s.costs[k]),
			Department: c.policy.Department, Fund: c.policy.Fund, Days: c.policy.Days, Burden: c.policy.Burden, Pool: c.policy.Pool, Due: c.forced, Evidence: c.policy.Evidence,
			Document: c.policy.Document, Note: c.policy.Note, Why: []policy.Text{}, Instead: []Alternative{}}
		if b := p.Block(c.policy.Block); b != nil {
			one.BlockName = b.Name
		}
		one.Changes = pr.changes(c.touches, walk[k], walk[k+1], c.policy.Name, s.amounts[k])
		one.Why = pr.why(c, one.Changes)
		one.Instead = pr.alternatives(s, k)
		out.Measures = append(out.Measures, one)
	}
	for k, r := range pr.risks {
		o := OpenRisk{Risk: r.Risk, Level: r.Level.String(), By: []string{}}
		if x := p.Risk(r.Risk); x != nil {
			o.Name = x.Name
		}
		for _, i := range s.chosen {
			if pr.cands[i].answers&(1<<k) != 0 {
				o.By = append(o.By, pr.cands[i].policy.ID)
			}
		}
		o.Answered = len(o.By) > 0 || pr.held&(1<<k) != 0
		out.Risks = append(out.Risks, o)
	}
	for _, i := range pr.need {
		r := &p.Measures.Requirements[i]
		met := slices.ContainsFunc(s.chosen, func(c int) bool { return pr.cands[c].policy.Nature == r.Need })
		out.Requirements = append(out.Requirements, RequirementX{ID: r.ID, Name: r.Name, Met: met, Why: fill(p, r.Wording, pr.base)})
	}
	last := walk[len(walk)-1]
	all := newBitset(len(p.Indicators))
	for _, i := range s.chosen {
		all.union(pr.cands[i].touches)
	}
	out.Together = pr.changes(all, walk[0], last, policy.Text{ZH: "这组措施", EN: "The bundle"}, 0)
	for i := range m.rules {
		r := &m.rules[i]
		before, after := r.eval(pr.base), r.eval(last)
		failed := before.Known && before.Num != 0 && pr.opens(r.policy.Risk)
		fails := after.Known && after.Num != 0
		if failed && (fails || !after.Known) || !failed && fails && !(before.Known && before.Num != 0) {
			out.Uncleared = append(out.Uncleared, Uncleared{Rule: r.policy.ID, Name: r.policy.Name, Risk: r.policy.Risk, Level: r.policy.Level.String(), New: !failed,
				Why: pr.whyNot(i, !failed, last, s, full)})
		}
	}
	return out
}

// walk is the rows before and after each measure of a bundle.
func (pr *problem) walk(chosen []int) [][]expr.Value {
	s := &search{pr: pr, row: slices.Clone(pr.base), counts: slices.Clone(pr.counters), failing: slices.Clone(pr.initial), barred: newBitset(len(pr.m.options))}
	rows := [][]expr.Value{slices.Clone(s.row)}
	for _, i := range chosen {
		s.include(i)
		rows = append(rows, slices.Clone(s.row))
	}
	return rows
}

func fen(yuan float64) int64 { return int64(math.Round(yuan * 100)) }

func (pr *problem) keys(c *candidate) []string {
	out := []string{}
	for _, i := range c.persons {
		out = append(out, pr.house.Members[i].Key)
	}
	return out
}

// who tells the members apart without naming them: relation, age.
func (pr *problem) who(c *candidate) policy.Text {
	var zh, en []string
	for _, i := range c.persons {
		var z, e []string
		for j, f := range pr.m.pack.Measures.MemberFacts {
			v := pr.house.Members[i].Facts[j]
			switch {
			case !v.Known:
			case f.ID == "relation":
				name := pr.m.pack.CodeName("person", "relation", v.Text)
				z, e = append(z, name.ZH), append(e, name.In("en"))
			case f.ID == "age":
				z, e = append(z, number(v.Num, "zh")+"岁"), append(e, "aged "+number(v.Num, "en"))
			}
		}
		zh, en = append(zh, strings.Join(z, "，")), append(en, strings.Join(e, ", "))
	}
	return policy.Text{ZH: strings.Join(zh, "；"), EN: strings.Join(en, "; ")}
}

// changes are the comparisons of rules that failed before and that were moved.
func (pr *problem) changes(touches bitset, before, after []expr.Value, name policy.Text, amount float64) []Change {
	out := []Change{}
	seen := map[string]bool{}
	for _, i := range pr.relevant {
		r := &pr.m.rules[i]
		if !r.slots.meets(touches) || !pr.opens(r.policy.Risk) {
			continue
		}
		failed, now := r.eval(before), r.eval(after)
		if !failed.Known || failed.Num == 0 {
			continue
		}
		cleared := now.Known && now.Num == 0
		for k := range r.atoms {
			one := &r.atoms[k]
			if u, v := one.left(before), one.left(after); !u.Known || !v.Known || u.Num == v.Num {
				continue
			}
			a := one.policy
			x, y := a.Reason(before), a.Reason(after)
			if !y.Right.Known || !x.Holds {
				continue
			}
			// The same comparison in several rules is told once, with the rule that it clears if there is one.
			if seen[a.String()] && !cleared || seen[a.String()+"!"] {
				continue
			}
			seen[a.String()] = true
			if cleared {
				seen[a.String()+"!"] = true
				out = slices.DeleteFunc(out, func(c Change) bool { return c.Source == a.Source() })
			}
			out = append(out, Change{Rule: r.policy.ID, Source: a.Source(), Before: x.Left.Num, After: y.Left.Num, Against: y.Right.Num, Cleared: cleared && !y.Holds,
				Text: changeText(name, amount, &x, &y)})
		}
	}
	return out
}

// changeText: "医疗救助 18 000 元使医疗负担比从 65 % 降到 38 %，门槛 40 %".
func changeText(whose policy.Text, amount float64, before, after *expr.Reason) policy.Text {
	one := func(lang string) string {
		label, left, _, _ := before.Sides(lang)
		_, to, right, _ := after.Sides(lang)
		name, down := whose.In(lang), after.Left.Num < before.Left.Num
		if amount > 0 {
			name += " " + money(amount, lang)
		}
		if lang == "zh" {
			word := "升到"
			if down {
				word = "降到"
			}
			return fmt.Sprintf("%s使%s从 %s %s %s，门槛：%s", name, label, left, word, to, right)
		}
		return fmt.Sprintf("%s brings %s from %s to %s (threshold: %s)", name, label, left, to, right)
	}
	return policy.Text{ZH: one("zh"), EN: one("en")}
}

func money(yuan float64, lang string) string {
	if lang == "zh" {
		return number(yuan, lang) + " 元"
	}
	return number(yuan, lang) + " yuan"
}

// number writes a number with grouped thousands (a thin gap in Chinese, a comma in English) and at most two decimals.
func number(f float64, lang string) string {
	s := strconv.FormatFloat(math.Abs(math.Round(f*100)/100), 'f', -1, 64)
	whole, rest, _ := strings.Cut(s, ".")
	sep := " "
	if lang == "en" {
		sep = ","
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + sep + whole[i:]
	}
	if rest != "" {
		whole += "." + rest
	}
	if f < 0 {
		return "-" + whole
	}
	return whole
}

// why a measure is in the bundle.
func (pr *problem) why(c *candidate, changes []Change) []policy.Text {
	out := []policy.Text{}
	p := pr.m.pack
	for k, r := range pr.risks {
		if c.answers&(1<<k) == 0 {
			continue
		}
		if x := p.Risk(r.Risk); x != nil {
			out = append(out, policy.Text{ZH: "对应风险“" + x.Name.ZH + "”", EN: "answers the risk “" + x.Name.In("en") + "”"})
		}
	}
	if c.forced {
		out = append(out, policy.Text{ZH: "符合条件，应享尽享", EN: "due to everybody who is eligible"})
	}
	for _, i := range pr.need {
		if r := &p.Measures.Requirements[i]; r.Need == c.policy.Nature {
			out = append(out, fill(p, r.Wording, pr.base))
		}
	}
	for _, x := range changes {
		if x.Cleared {
			if r := p.Rule(x.Rule); r != nil {
				out = append(out, policy.Text{ZH: "使“" + r.Name.ZH + "”不再命中", EN: "clears “" + r.Name.In("en") + "”"})
			}
		}
	}
	return out
}

// alternatives to measure k of the bundle: the same in every part of the objective that counts more than the number of measures,
// and not more measures.
func (pr *problem) alternatives(s solution, k int) []Alternative {
	out := []Alternative{}
	c := &pr.cands[s.chosen[k]]
	if c.forced {
		return out
	}
	try := &search{pr: pr, allowed: func(x *candidate) bool { return x.pool == c.pool }, row: slices.Clone(pr.base), counts: slices.Clone(pr.counters), failing: slices.Clone(pr.initial), spare: newBitset(len(pr.relevant)),
		barred: newBitset(len(pr.m.options)), touch: make([]bitset, len(pr.cands))}
	for i := range pr.cands {
		try.touch[i] = newBitset(len(pr.relevant))
		for j, r := range pr.relevant {
			if pr.m.rules[r].slots.meets(pr.cands[i].touches) {
				try.touch[i].add(j)
			}
		}
	}
	want := s.objective.vector()
	seen := map[string]bool{c.policy.ID: true}
	for i := range pr.cands {
		if slices.Contains(s.chosen, i) || seen[pr.cands[i].policy.ID] {
			continue
		}
		with := slices.Clone(s.chosen)
		with[k] = i
		slices.Sort(with)
		try.found = false
		o, ok := try.try(with)
		if got := o.vector(); ok && slices.Compare(got[:7], want[:7]) <= 0 {
			seen[pr.cands[i].policy.ID] = true
			out = append(out, Alternative{Measure: pr.cands[i].policy.ID, Name: pr.cands[i].policy.Name, Persons: pr.keys(&pr.cands[i])})
		}
	}
	return out
}

// whyNot says honestly why a rule still fails.
func (pr *problem) whyNot(i int, isNew bool, last []expr.Value, s solution, full map[string]bool) policy.Text {
	r := &pr.m.rules[i]
	var near policy.Text
	best := math.Inf(1)
	for _, x := range r.policy.When.Explain(last).Reasons {
		label, left, right, ok := x.Sides("zh")
		if !ok || !x.Left.Known || !x.Right.Known {
			continue
		}
		if d := math.Abs(x.Margin) / max(math.Abs(x.Right.Num), 1); d < best {
			best = d
			labelEN, leftEN, rightEN, _ := x.Sides("en")
			near = policy.Text{ZH: fmt.Sprintf("%s为 %s，门槛：%s", label, left, right), EN: fmt.Sprintf("%s is %s, threshold: %s", labelEN, leftEN, rightEN)}
		}
	}
	add := func(zh, en string) policy.Text {
		if near.ZH == "" {
			return policy.Text{ZH: zh, EN: en}
		}
		return policy.Text{ZH: zh + "；采取措施后" + near.ZH, EN: en + "; with the measures " + near.EN}
	}
	if isNew {
		return add("这组措施会使此项命中，请在计划里说明", "the measures themselves make this one hit; say so in the plan")
	}
	k := slices.Index(pr.relevant, i)
	if k < 0 {
		return add("本户可以享受的措施都不改变这条规则看的情况", "no measure that the household may have changes what this rule looks at")
	}
	if !pr.reach.has(k) {
		return add("本户可以享受的全部措施加在一起也达不到门槛", "even all measures that the household may have do not reach the threshold together")
	}
	var pools []string
	for j := range pr.cands {
		if c := &pr.cands[j]; c.pool >= 0 && full[c.policy.Pool] && r.slots.meets(c.touches) && !slices.Contains(pools, c.policy.Pool) {
			pools = append(pools, c.policy.Pool)
		}
	}
	if len(pools) > 0 {
		var zh, en []string
		for _, id := range pools {
			x := pr.m.pack.Pool(id)
			zh, en = append(zh, x.Name.ZH), append(en, x.Name.In("en"))
		}
		return add("没有空余名额："+strings.Join(zh, "、"), "no place left: "+strings.Join(en, ", "))
	}
	if r.policy.Level == policy.Blue {
		return add("蓝色只需关注，不为它多加一项措施", "blue asks to keep an eye on it; no further measure is added for it")
	}
	if !s.proven {
		return add("在搜索限度内没有找到办法", "the search found no way within its limit")
	}
	return add("能消除它的措施互相冲突，或会让更要紧的一项得不到解决", "the measures that would clear it conflict, or would leave something graver unsolved")
}

// fill puts values into {placeholders} of a wording: indicators and parameters with their units.
func fill(p *policy.Pack, t policy.Text, row []expr.Value) policy.Text {
	one := func(text, lang string) string {
		var b strings.Builder
		for {
			i := strings.IndexByte(text, '{')
			if i < 0 {
				return b.String() + text
			}
			j := strings.IndexByte(text[i:], '}')
			if j < 0 {
				return b.String() + text
			}
			b.WriteString(text[:i])
			name := strings.TrimSpace(text[i+1 : i+j])
			text = text[i+j+1:]
			v, ok := p.MeasureEnv().Lookup(name)
			if !ok || !row[v.Slot].Known {
				b.WriteString("?")
				continue
			}
			unit := " " + v.Unit
			if lang == "en" {
				unit = " " + expr.EnglishUnit(v.Unit, row[v.Slot].Num)
			}
			b.WriteString(strings.TrimSpace(number(row[v.Slot].Num, lang) + unit))
		}
	}
	return policy.Text{ZH: one(t.ZH, "zh"), EN: one(t.EN, "en")}
}
