package matching

import (
	"slices"
	"sort"

	"shouwang/internal/expr"
	"shouwang/internal/policy"
)

// maxPersons of one household are tried for a measure that is for one member: the preferred ones. Two are enough for
// any group that keeps a person from a second job; more would only repeat the same bundle with other names.
const maxPersons = 2

// maxCandidates bounds the search of one household; the pack's order decides what is left out, and the proposal says so.
const maxCandidates = 52

// candidate is one measure that the household may have, for certain members.
type candidate struct {
	option
	opt     int   // index in the pack
	persons []int // of the household's members; empty for the household itself
	answers uint32
	forced  bool // entitled: in every bundle
	pool    int  // index in the pack's pools, or −1
	groups  []groupUse
	twin    int // the candidate before it that is the same in all that counts, or −1: it is taken only beside that one
}

// groupUse is one group that a candidate counts in, as an index of the problem's counters.
type groupUse struct{ counter int }

// Ask is a measure that the household may be entitled to; what is missing decides.
type Ask struct {
	Measure string        `json:"measure"`
	Name    policy.Text   `json:"name"`
	Person  string        `json:"person,omitempty"` // member key
	Risks   []string      `json:"risks"`            // open risks that it would answer
	Missing []MissingFact `json:"missing"`
}

// MissingFact is what nobody has told yet.
type MissingFact struct {
	ID   string      `json:"id"`
	Name policy.Text `json:"name"`
}

// problem is one household's choice: the candidates in the pack's order and what counts.
type problem struct {
	m        *Matcher
	house    *Household
	base     []expr.Value // row for MeasureEnv before any measure
	risks    []Risk       // the open risks; bit k of answers
	held     uint32       // answered by what it has
	levels   [3]uint32    // risks by level: red, yellow, blue
	need     []int        // requirements that the plan must meet (index in the pack)
	needs    [3]bool      // by nature: development, safety net, basic
	cands    []candidate
	counters []int // of groups: how many are held
	most     []int
	relevant []int // rules that some candidate touches
	level    [3]bitset
	initial  bitset // relevant rules that fail before any measure
	constant [3]int // failing rules of open risks that nothing touches
	far      int    // their distance
	reach    bitset // relevant rules that some bundle might clear
	asks     []Ask
	cut      bool // more candidates than maxCandidates
}

func natureIndex(n policy.Nature) int {
	switch n {
	case policy.Development:
		return 0
	case policy.SafetyNet:
		return 1
	}
	return 2
}

// levelIndex is 0 for red, 1 for yellow, 2 for blue and below.
func levelIndex(l policy.Level) int {
	switch l {
	case policy.Red:
		return 0
	case policy.Yellow:
		return 1
	}
	return 2
}

// base lays out the household's row for MeasureEnv before any measure, with the parameters of its division and day.
func (m *Matcher) base(h *Household) *problem {
	p := m.pack
	row := make([]expr.Value, p.Slots())
	copy(row, h.Row)
	p.SetParams(row, h.Division, h.Day)
	p.Derive(row)
	open := make([]policy.OpenRisk, len(h.Risks))
	pr := &problem{m: m, house: h, risks: h.Risks}
	for k, r := range h.Risks {
		open[k] = policy.OpenRisk{Risk: r.Risk, Level: r.Level}
		pr.levels[levelIndex(r.Level)] |= 1 << k
	}
	pr.base = p.MeasureRow(row, h.Tags, open)
	return pr
}

// newProblem decides eligibility member by member and keeps what can matter: candidates that answer an open risk, meet
// a requirement, are due anyhow, or touch a rule that fails and that can be cleared at all.
func (m *Matcher) newProblem(h *Household) *problem {
	p := m.pack
	pr := m.base(h)
	for i := range p.Measures.Requirements {
		r := &p.Measures.Requirements[i]
		if v := r.When.Eval(pr.base); !v.Known || v.Num == 0 {
			continue
		}
		if r.Met != nil {
			if v := r.Met.Eval(pr.base); v.Known && v.Num != 0 {
				continue
			}
		}
		if pr.heldNature(r.Need) {
			continue
		}
		pr.need = append(pr.need, i)
		pr.needs[natureIndex(r.Need)] = true
	}
	for _, held := range h.Held {
		if o := p.Measure(held.Measure); o != nil {
			pr.held |= pr.answers(o)
		}
	}
	pr.cands = pr.eligible()
	pr.countGroups()
	all := pr.cands
	pr.cands = nil
	pr.keep(all)
	pr.pairTwins()
	return pr
}

func (pr *problem) heldNature(n policy.Nature) bool {
	return slices.ContainsFunc(pr.house.Held, func(x Held) bool {
		o := pr.m.pack.Measure(x.Measure)
		return o != nil && o.Nature == n
	})
}

func (pr *problem) answers(o *policy.Measure) uint32 {
	var mask uint32
	for k, r := range pr.risks {
		if slices.Contains(o.Answers, r.Risk) {
			mask |= 1 << k
		}
	}
	return mask
}

// has tells whether the household (or the member) has the measure by an earlier plan.
func (pr *problem) has(id, person string) bool {
	return slices.ContainsFunc(pr.house.Held, func(x Held) bool { return x.Measure == id && (x.Person == person || x.Person == "" || person == "") })
}

// eligible lists every candidate and asks about those that something is missing for.
func (pr *problem) eligible() []candidate {
	m, p := pr.m, pr.m.pack
	var out []candidate
	for i := range m.options {
		o := &m.options[i]
		if pr.conflictsWithHeld(i) {
			continue
		}
		c := candidate{option: *o, opt: i, answers: pr.answers(o.policy), forced: o.policy.Entitled, pool: -1, twin: -1}
		if o.policy.Pool != "" {
			c.pool = slices.IndexFunc(p.Measures.Pools, func(x policy.Pool) bool { return x.ID == o.policy.Pool })
		}
		if o.policy.For == policy.ForHousehold {
			if pr.has(o.policy.ID, "") || pr.yes(o.held, pr.base) {
				continue
			}
			if pr.may(&c, "", pr.base) {
				out = append(out, c)
			}
			continue
		}
		type one struct {
			member int
			prefer float64
		}
		var fit []one
		row := slices.Clone(pr.base)
		for k := range pr.house.Members {
			member := &pr.house.Members[k]
			p.SetMember(row, member.Facts)
			if pr.has(o.policy.ID, member.Key) || pr.yes(o.held, row) || !pr.may(&c, member.Key, row) {
				continue
			}
			x := one{member: k}
			if o.prefer != nil {
				if v := o.prefer(row); v.Known {
					x.prefer = v.Num
				}
			}
			fit = append(fit, x)
		}
		if len(fit) == 0 {
			continue
		}
		if o.policy.For == policy.ForEach {
			for _, x := range fit {
				c.persons = append(c.persons, x.member)
			}
			out = append(out, c)
			continue
		}
		sort.SliceStable(fit, func(a, b int) bool { return fit[a].prefer > fit[b].prefer })
		for k, x := range fit {
			if k == maxPersons {
				break
			}
			one := c
			one.persons = []int{x.member}
			out = append(out, one)
		}
	}
	return out
}

func (pr *problem) yes(f func([]expr.Value) expr.Value, row []expr.Value) bool {
	if f == nil {
		return false
	}
	v := f(row)
	return v.Known && v.Num != 0
}

func (pr *problem) conflictsWithHeld(opt int) bool {
	return slices.ContainsFunc(pr.house.Held, func(x Held) bool {
		for j := range pr.m.options {
			if pr.m.options[j].policy.ID == x.Measure && pr.m.options[opt].conflicts.has(j) {
				return true
			}
		}
		return false
	})
}

// may decides eligibility; unknown eligibility (or an unknown amount) is asked about, where it could matter.
func (pr *problem) may(c *candidate, person string, row []expr.Value) bool {
	v := c.eligible(row)
	if v.Known && v.Num == 0 {
		return false
	}
	formula := c.policy.Eligible
	if v.Known {
		if c.amount == nil {
			return true
		}
		if a := c.amount(row); a.Known {
			return a.Num > 0
		}
		formula = c.policy.Amount
	}
	if c.answers&^pr.held == 0 && !c.forced && !pr.needs[natureIndex(c.policy.Nature)] {
		return false
	}
	ask := Ask{Measure: c.policy.ID, Name: c.policy.Name, Person: person, Risks: []string{}, Missing: []MissingFact{}}
	for k, r := range pr.risks {
		if c.answers&(1<<k) != 0 {
			ask.Risks = append(ask.Risks, r.Risk)
		}
	}
	for _, r := range formula.Explain(row).Reasons {
		for _, x := range r.Missing() {
			f := MissingFact{ID: x.Name, Name: policy.Text{ZH: x.Label[0], EN: x.Label[1]}}
			if !slices.Contains(ask.Missing, f) {
				ask.Missing = append(ask.Missing, f)
			}
		}
	}
	pr.asks = append(pr.asks, ask)
	return false
}

// keep drops the candidates that cannot matter, finds the rules that the others touch, and bounds what can be cleared.
func (pr *problem) keep(all []candidate) {
	m := pr.m
	failing := newBitset(len(m.rules))
	for i := range m.rules {
		if v := m.rules[i].eval(pr.base); v.Known && v.Num != 0 && pr.opens(m.rules[i].policy.Risk) {
			failing.add(i)
		}
	}
	clearable := pr.bound(all, failing)
	useful := newBitset(len(m.pack.Indicators))
	for i := range m.rules {
		if clearable.has(i) {
			useful.union(m.rules[i].slots)
		}
	}
	touched := newBitset(len(m.pack.Indicators))
	for _, c := range all {
		if (c.forced || c.answers&^pr.held != 0 || pr.needs[natureIndex(c.policy.Nature)] || c.touches.meets(useful)) && len(pr.cands) < 64 {
			if len(pr.cands) >= maxCandidates && !c.forced {
				pr.cut = true
				continue
			}
			pr.cands = append(pr.cands, c)
			touched.union(c.touches)
		}
	}
	for i := range m.rules {
		if m.rules[i].slots.meets(touched) {
			pr.relevant = append(pr.relevant, i)
		} else if failing.has(i) {
			pr.constant[levelIndex(m.rules[i].policy.Level)]++
			pr.far += distance(&m.rules[i], pr.base)
		}
	}
	n := len(pr.relevant)
	pr.initial, pr.reach = newBitset(n), newBitset(n)
	for l := range pr.level {
		pr.level[l] = newBitset(n)
	}
	for k, i := range pr.relevant {
		pr.level[levelIndex(m.rules[i].policy.Level)].add(k)
		if failing.has(i) {
			pr.initial.add(k)
		}
		if !failing.has(i) || clearable.has(i) {
			pr.reach.add(k)
		}
	}
}

func (pr *problem) opens(risk string) bool {
	return slices.ContainsFunc(pr.risks, func(r Risk) bool { return r.Risk == risk })
}

// reachable is the spans of a row after some of the candidates have been decided, whatever was decided.
type reachable struct {
	row     []span
	without int // in these decisions no candidate that counts in this counter was taken; −1: any
}

// limitedCounter stands for the rule that a household takes one limited place at most.
const limitedCounter = 1 << 30

// bound tells which failing rules some bundle of the candidates might clear. Candidates are decided in the pack's order; the spans hold every
// row that some decisions lead to. Of candidates that exclude one another only one can be taken, so a candidate of such a counter is applied to the
// spans of the decisions that took none of the counter before it.
func (pr *problem) bound(all []candidate, failing bitset) bitset {
	m := pr.m
	base := make([]span, len(pr.base))
	for i, v := range pr.base {
		base[i] = point(v)
	}
	states := []*reachable{{row: slices.Clone(base), without: -1}}
	for _, counter := range pr.exclusive(all) {
		states = append(states, &reachable{row: slices.Clone(base), without: counter})
	}
	scratch := make([]span, len(base))
	var values [][]span // by state, by effect
	for i := range all {
		c := &all[i]
		if len(c.effects) == 0 {
			continue
		}
		values = values[:0]
		for _, st := range states {
			values = append(values, pr.effectSpans(c, st.row, scratch))
		}
		for k, st := range states {
			if st.without >= 0 && counts(c, st.without) {
				continue
			}
			for j := range c.effects {
				v := values[k][j]
				for k2, other := range states {
					if other.without >= 0 && counts(c, other.without) {
						v = v.meet(values[k2][j])
					}
				}
				slot := c.effects[j].slot
				st.row[slot] = st.row[slot].join(v)
			}
			for _, d := range c.derived {
				st.row[m.derived[d].slot] = reach(m.derived[d].root, st.row)
			}
		}
	}
	out := newBitset(len(m.rules))
	for i := range m.rules {
		if failing.has(i) && reach(m.rules[i].policy.When.Root(), states[0].row).mayFalse() {
			out.add(i)
		}
	}
	return out
}

// exclusive lists the counters of which only one more candidate can be taken and that several candidates count in.
func (pr *problem) exclusive(all []candidate) []int {
	n := make([]int, len(pr.counters))
	limited := 0
	for i := range all {
		if all[i].pool >= 0 {
			limited++
		}
		for _, g := range all[i].groups {
			n[g.counter]++
		}
	}
	var out []int
	if limited > 1 {
		out = append(out, limitedCounter)
	}
	for g, k := range n {
		if k > 1 && pr.most[g]-pr.counters[g] == 1 {
			out = append(out, g)
		}
	}
	return out
}

func counts(c *candidate, counter int) bool {
	if counter == limitedCounter {
		return c.pool >= 0
	}
	return slices.Contains(c.groups, groupUse{counter})
}

// effectSpans bounds what the candidate makes of a row, by effect.
func (pr *problem) effectSpans(c *candidate, row, scratch []span) []span {
	m := pr.m
	copy(scratch, row)
	if c.member && len(c.persons) > 0 {
		at := m.pack.MemberSlot(0)
		for i, v := range pr.house.Members[c.persons[0]].Facts {
			scratch[at+i] = point(v)
		}
	}
	n := float64(max(len(c.persons), 1))
	scratch[m.persons] = span{lo: n, hi: n, some: true}
	scratch[m.amount] = span{some: true}
	if c.amount != nil {
		a := reach(c.policy.Amount.Root(), scratch)
		a.open = false // an amount that is unknown or nothing bars the candidate
		a.lo, a.hi = max(a.lo, 0), max(a.hi, 0)
		scratch[m.amount] = a
	}
	out := make([]span, len(c.effects))
	for i, e := range c.effects {
		out[i] = reach(e.root, scratch)
	}
	return out
}

// countGroups gives every group of the pack one counter a household or a person, filled with what is held already.
func (pr *problem) countGroups() {
	p := pr.m.pack
	type key struct{ group, person int }
	index := map[key]int{}
	row := slices.Clone(pr.base)
	counter := func(g, person int) int {
		k := key{g, person}
		if i, ok := index[k]; ok {
			return i
		}
		group := &p.Measures.Groups[g]
		held := 0
		if group.Held != nil {
			if person >= 0 {
				p.SetMember(row, pr.house.Members[person].Facts)
			}
			if v := group.Held.Eval(row); v.Known {
				held = int(v.Num)
			}
		}
		for _, x := range pr.house.Held {
			if slices.Contains(group.Members, x.Measure) && (person < 0 || x.Person == pr.house.Members[person].Key) {
				held++
			}
		}
		index[k] = len(pr.counters)
		pr.counters = append(pr.counters, held)
		pr.most = append(pr.most, group.AtMost)
		return index[k]
	}
	for i := range pr.cands {
		c := &pr.cands[i]
		for _, g := range c.option.groups {
			if !p.Measures.Groups[g].PerPerson {
				c.groups = append(c.groups, groupUse{counter(g, -1)})
				continue
			}
			for _, person := range c.persons {
				c.groups = append(c.groups, groupUse{counter(g, person)})
			}
		}
	}
	// A candidate of several members counts once for each, and two persons for one option count once each against a
	// household limit of one: nobody gets the same measure twice.
	for i := range pr.cands {
		for j := range i {
			if pr.cands[i].opt == pr.cands[j].opt {
				k := key{-1 - pr.cands[i].opt, -1}
				if _, ok := index[k]; !ok {
					index[k] = len(pr.counters)
					pr.counters = append(pr.counters, 0)
					pr.most = append(pr.most, 1)
					pr.cands[j].groups = append(pr.cands[j].groups, groupUse{index[k]})
				}
				pr.cands[i].groups = append(pr.cands[i].groups, groupUse{index[k]})
				break
			}
		}
	}
}

// pairTwins finds candidates that are the same in all that counts and stand side by side (public posts of several kinds for one
// member): of such a row only the first few need be tried. Side by side means that nothing in between could tell them apart by the order of
// effects.
func (pr *problem) pairTwins() {
	// First bring options that are alike together, member by member.
	for i := 0; i < len(pr.cands); {
		j := i + 1
		for j < len(pr.cands) && alike(&pr.cands[i], &pr.cands[j]) {
			j++
		}
		slices.SortStableFunc(pr.cands[i:j], func(a, b candidate) int { return slices.Compare(a.persons, b.persons) })
		i = j
	}
	for i := 1; i < len(pr.cands); i++ {
		a, b := &pr.cands[i-1], &pr.cands[i]
		if alike(a, b) && slices.Equal(a.persons, b.persons) && slices.Equal(groupsBut(a), groupsBut(b)) && a.option.conflicts.count() == 0 && b.option.conflicts.count() == 0 {
			b.twin = i - 1
		}
	}
}

// groupsBut are the groups of a candidate without the counter of its own option.
func groupsBut(c *candidate) []groupUse {
	return c.groups[:len(c.option.groups)]
}

// alike tells that two candidates change the same by the same formulas and count the same.
func alike(a, b *candidate) bool {
	x, y := a.policy, b.policy
	if x.For != policy.ForOne || y.For != policy.ForOne || a.member || b.member || a.answers != b.answers || a.pool != b.pool || x.Nature != y.Nature || x.Burden != y.Burden || a.forced || b.forced ||
		!sameText(x.Amount, y.Amount) || !sameText(x.Cost, y.Cost) || len(x.Effects) != len(y.Effects) || !slices.Equal(a.option.groups, b.option.groups) {
		return false
	}
	for i := range x.Effects {
		if x.Effects[i].Slot != y.Effects[i].Slot || !sameText(x.Effects[i].To, y.Effects[i].To) {
			return false
		}
	}
	return true
}

func sameText(a, b *expr.Checked) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.String() == b.String()
}
