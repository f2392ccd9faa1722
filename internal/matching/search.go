package matching

import (
	"math"
	"math/bits"
	"slices"

	"shouwang/internal/expr"
)

// Objective is what a bundle is judged by, in this order, the smaller the better:
//
//  1. open risks that nothing answers: red, then yellow, then blue;
//  2. requirements of the pack that are not met (a development measure where somebody can work, the safety net where
//     nobody can);
//  3. failing indicators of red, then of yellow rules that remain, or that the bundle itself would make fail;
//  4. number of measures (those that are due anyhow don't count);
//  5. failing indicators of blue rules: blue asks to keep an eye on something, which is no reason for one more measure;
//  6. distance that the remaining failing indicators keep to their thresholds, in hundredths of the threshold;
//  7. public cost in yuan;
//  8. burden on the household.
//
// Bundles that are equal in all of that are interchangeable; the same input always gives the same one.
type Objective struct {
	Unanswered [3]int `json:"unanswered"` // red, yellow, blue
	Unmet      int    `json:"unmet"`
	Failing    [3]int `json:"failing"` // red, yellow, blue
	Measures   int    `json:"measures"`
	Distance   int    `json:"distance"` // hundredths
	Cost       int64  `json:"cost"`     // yuan
	Burden     int    `json:"burden"`
}

// vector is the objective as numbers to be compared in order.
func (o *Objective) vector() [11]int64 {
	return [11]int64{int64(o.Unanswered[0]), int64(o.Unanswered[1]), int64(o.Unanswered[2]), int64(o.Unmet), int64(o.Failing[0]), int64(o.Failing[1]),
		int64(o.Measures), int64(o.Failing[2]), int64(o.Distance), o.Cost, int64(o.Burden)}
}

// Compare is negative when o is better than x.
func (o *Objective) Compare(x *Objective) int {
	a, b := o.vector(), x.vector()
	return slices.Compare(a[:], b[:])
}

// maxNodes bounds the search of one household. Beyond it the best bundle so far is proposed and marked as not proven.
const maxNodes = 10_000

// solution is one bundle: the chosen candidates in the pack's order.
type solution struct {
	chosen    []int
	amounts   []float64
	costs     []float64
	objective Objective
	proven    bool
	nodes     int
}

// search is a depth-first branch and bound over the candidates in the pack's order, which is the order in which their
// effects are reckoned.
type search struct {
	pr      *problem
	allowed func(c *candidate) bool // capacity: which limited places may be used
	row     []expr.Value
	counts  []int
	limited bool // a limited place is taken already: at most one a household
	failing bitset
	taken   []int
	amounts []float64
	costs   []float64
	barred  bitset // options that conflict with a chosen one
	// suffixes over the candidates i, i+1 …
	sufAnswers []uint32
	sufNature  [][3]bool
	sufTouches []bitset // relevant rules
	touch      []bitset // relevant rules a candidate touches
	usable     uint64   // candidates that capacity allows
	forced     uint64   // of those, the ones that are due anyhow and don't count as a measure
	needs      []need
	best       solution
	found      bool
	nodes      int
	undo       []saved
	spare      bitset
}

// need is something that only certain candidates can give: an answer to a risk, a nature that the plan requires, or a change of
// a failing red or yellow rule. Needs with no candidate in common need one measure each: that is the bound on the number of measures.
type need struct {
	risk, nature, rule int // one of them, the others −1
	by                 uint64
}

type saved struct {
	slot  int
	value expr.Value
}

func (pr *problem) solve(allowed func(c *candidate) bool, start *solution) solution {
	n := len(pr.cands)
	s := &search{pr: pr, allowed: allowed, row: slices.Clone(pr.base), counts: slices.Clone(pr.counters), failing: slices.Clone(pr.initial), spare: newBitset(len(pr.relevant)),
		barred: newBitset(len(pr.m.options)), sufAnswers: make([]uint32, n+1), sufNature: make([][3]bool, n+1), sufTouches: make([]bitset, n+1), touch: make([]bitset, n)}
	s.sufTouches[n] = newBitset(len(pr.relevant))
	for i := n - 1; i >= 0; i-- {
		c := &pr.cands[i]
		s.touch[i] = newBitset(len(pr.relevant))
		for k, r := range pr.relevant {
			if pr.m.rules[r].slots.meets(c.touches) {
				s.touch[i].add(k)
			}
		}
		s.sufAnswers[i], s.sufNature[i], s.sufTouches[i] = s.sufAnswers[i+1], s.sufNature[i+1], slices.Clone(s.sufTouches[i+1])
		if c.pool >= 0 && !allowed(c) {
			continue
		}
		s.usable |= 1 << i
		if c.forced {
			s.forced |= 1 << i
		}
		s.sufAnswers[i] |= c.answers
		s.sufNature[i][natureIndex(c.policy.Nature)] = true
		s.sufTouches[i].union(s.touch[i])
	}
	s.listNeeds()
	if start != nil {
		s.best, s.found = *start, true
	} else {
		s.greedy()
	}
	s.branch(0, pr.held, [3]bool{}, 0, 0, 0)
	s.best.nodes, s.best.proven = s.nodes, s.nodes <= maxNodes && !pr.cut
	return s.best
}

// fits tells whether candidate i may be added to what is taken.
func (s *search) fits(i int) bool {
	c := &s.pr.cands[i]
	if s.barred.has(c.opt) || c.pool >= 0 && (s.limited || !s.allowed(c)) {
		return false
	}
	for k, g := range c.groups {
		need := 1
		for _, h := range c.groups[:k] {
			if h == g {
				need++
			}
		}
		if s.counts[g.counter]+need > s.pr.most[g.counter] {
			return false
		}
	}
	return true
}

// include applies candidate i; the returned mark undoes it.
func (s *search) include(i int) (mark int, ok bool) {
	pr, c := s.pr, &s.pr.cands[i]
	m := pr.m
	mark = len(s.undo)
	s.row[m.persons] = expr.Value{Num: float64(max(len(c.persons), 1)), Known: true}
	if c.member && len(c.persons) > 0 {
		m.pack.SetMember(s.row, pr.house.Members[c.persons[0]].Facts)
	}
	amount, cost := 0.0, 0.0
	s.row[m.amount] = expr.Value{Known: true}
	if c.amount != nil {
		v := c.amount(s.row)
		if !v.Known || v.Num <= 0 {
			return mark, false // what came before it has left nothing for it to pay
		}
		amount = v.Num
		s.row[m.amount] = v
	}
	cost = amount
	if c.cost != nil {
		if v := c.cost(s.row); v.Known {
			cost = max(v.Num, 0)
		}
	}
	var values [16]expr.Value
	for k := range c.effects {
		values[k] = c.effects[k].eval(s.row)
	}
	for k := range c.effects {
		slot := c.effects[k].slot
		s.undo = append(s.undo, saved{slot, s.row[slot]})
		s.row[slot] = values[k]
	}
	for _, d := range c.derived {
		slot := m.derived[d].slot
		s.undo = append(s.undo, saved{slot, s.row[slot]})
		s.row[slot] = m.derived[d].eval(s.row)
	}
	for _, g := range c.groups {
		s.counts[g.counter]++
	}
	s.taken = append(s.taken, i)
	s.amounts = append(s.amounts, amount)
	s.costs = append(s.costs, cost)
	return mark, true
}

func (s *search) exclude(i, mark int) {
	for k := len(s.undo) - 1; k >= mark; k-- {
		s.row[s.undo[k].slot] = s.undo[k].value
	}
	s.undo = s.undo[:mark]
	for _, g := range s.pr.cands[i].groups {
		s.counts[g.counter]--
	}
	s.taken = s.taken[:len(s.taken)-1]
	s.amounts = s.amounts[:len(s.amounts)-1]
	s.costs = s.costs[:len(s.costs)-1]
}

// branch decides candidate i: first with it, then without.
func (s *search) branch(i int, answered uint32, natures [3]bool, size, burden int, cost float64) {
	s.nodes++
	if s.nodes > maxNodes && s.found {
		return
	}
	if s.bound(i, answered, natures, size, burden, cost) {
		return
	}
	if i == len(s.pr.cands) {
		s.leaf(answered, natures, size, burden, cost)
		return
	}
	c := &s.pr.cands[i]
	included := false
	if s.fits(i) && (c.twin < 0 || slices.Contains(s.taken, c.twin) || !s.fits(c.twin)) {
		var kept [2][4]uint64 // no allocation in a pack of usual size
		before := append(bitset(kept[0][:0]), s.failing...)
		mark, ok := s.include(i)
		if ok {
			included = true
			barred := append(bitset(kept[1][:0]), s.barred...)
			limited := s.limited
			s.barred.union(c.conflicts)
			s.limited = limited || c.pool >= 0
			s.reevaluate(i)
			more := 1
			if c.forced {
				more = 0
			}
			n := natures
			n[natureIndex(c.policy.Nature)] = true
			s.branch(i+1, answered|c.answers, n, size+more, burden+c.policy.Burden, cost+s.costs[len(s.costs)-1])
			s.exclude(i, mark)
			copy(s.barred, barred)
			s.limited = limited
			copy(s.failing, before)
		}
	}
	if c.forced && included {
		return // due to the household whatever else it gets
	}
	s.branch(i+1, answered, natures, size, burden, cost)
}

// reevaluate asks the rules that candidate i touches again.
func (s *search) reevaluate(i int) {
	for k, r := range s.pr.relevant {
		if !s.touch[i].has(k) {
			continue
		}
		v := s.pr.m.rules[r].eval(s.row)
		switch {
		case s.pr.initial.has(k) && v.Known && v.Num == 0:
			s.failing.del(k)
		case s.pr.initial.has(k):
			s.failing.add(k) // a rule that failed and can't be told any more is not cleared
		case v.Known && v.Num != 0:
			s.failing.add(k)
		default:
			s.failing.del(k)
		}
	}
}

func (s *search) unmet(natures [3]bool) int {
	n := 0
	for _, i := range s.pr.need {
		if !natures[natureIndex(s.pr.m.pack.Measures.Requirements[i].Need)] {
			n++
		}
	}
	return n
}

// bound tells that nothing below this node can be better than the best bundle so far. Each part of the objective is
// taken at its best for itself, so that the vector is never larger than that of any bundle below.
func (s *search) bound(i int, answered uint32, natures [3]bool, size, burden int, cost float64) bool {
	if !s.found {
		return false
	}
	var o Objective
	later := answered | s.sufAnswers[i]
	for l, mask := range s.pr.levels {
		o.Unanswered[l] = bits.OnesCount32(mask &^ later)
	}
	withLater := natures
	for k := range withLater {
		withLater[k] = withLater[k] || s.sufNature[i][k]
	}
	o.Unmet = s.unmet(withLater)
	for w := range s.failing {
		s.spare[w] = s.failing[w] &^ (s.pr.reach[w] & s.sufTouches[i][w])
	}
	for l := range o.Failing {
		o.Failing[l] = s.pr.constant[l]
		for w := range s.spare {
			o.Failing[l] += bits.OnesCount64(s.spare[w] & s.pr.level[l][w])
		}
	}
	more := s.more(i, answered, natures)
	o.Measures, o.Distance, o.Cost, o.Burden = size+more, s.pr.far, int64(math.Floor(cost)), burden
	return o.Compare(&s.best.objective) >= 0
}

// listNeeds collects what the household needs, the needs with the fewest candidates first.
func (s *search) listNeeds() {
	for k := range s.pr.risks {
		s.needs = append(s.needs, need{risk: k, nature: -1, rule: -1})
	}
	for k, wanted := range s.pr.needs {
		if wanted {
			s.needs = append(s.needs, need{risk: -1, nature: k, rule: -1})
		}
	}
	for k := range s.pr.relevant {
		if s.pr.initial.has(k) && s.pr.reach.has(k) && !s.pr.level[2].has(k) {
			s.needs = append(s.needs, need{risk: -1, nature: -1, rule: k})
		}
	}
	for j := range s.needs {
		n := &s.needs[j]
		for i := range s.pr.cands {
			c := &s.pr.cands[i]
			if n.risk >= 0 && c.answers&(1<<n.risk) != 0 || n.nature >= 0 && natureIndex(c.policy.Nature) == n.nature || n.rule >= 0 && s.touch[i].has(n.rule) {
				n.by |= s.usable & (1 << i)
			}
		}
	}
	slices.SortStableFunc(s.needs, func(a, b need) int { return bits.OnesCount64(a.by) - bits.OnesCount64(b.by) })
}

// more is how many measures must still come, at least, for a bundle below candidate i to be as good as the bound assumes: every
// need that some candidate from i on can fill is filled.
func (s *search) more(i int, answered uint32, natures [3]bool) int {
	later := ^uint64(0) << i
	used, n := uint64(0), 0
	for j := range s.needs {
		x := &s.needs[j]
		by := x.by & later
		if by == 0 || by&(used|s.forced) != 0 {
			continue
		}
		if x.risk >= 0 && answered&(1<<x.risk) != 0 || x.nature >= 0 && natures[x.nature] || x.rule >= 0 && !s.failing.has(x.rule) {
			continue
		}
		used |= by
		n++
	}
	return n
}

// leaf judges a complete bundle.
func (s *search) leaf(answered uint32, natures [3]bool, size, burden int, cost float64) {
	o := s.judge(answered, natures, size, burden, cost)
	if s.found && o.Compare(&s.best.objective) >= 0 {
		return
	}
	s.found = true
	s.best = solution{chosen: slices.Clone(s.taken), amounts: slices.Clone(s.amounts), costs: slices.Clone(s.costs), objective: o}
}

func (s *search) judge(answered uint32, natures [3]bool, size, burden int, cost float64) Objective {
	o := Objective{Unmet: s.unmet(natures), Measures: size, Distance: s.pr.far, Cost: int64(math.Round(cost)), Burden: burden}
	for l, mask := range s.pr.levels {
		o.Unanswered[l] = bits.OnesCount32(mask &^ answered)
		o.Failing[l] = s.pr.constant[l]
		for w := range s.failing {
			o.Failing[l] += bits.OnesCount64(s.failing[w] & s.pr.level[l][w])
		}
	}
	for k, r := range s.pr.relevant {
		if s.failing.has(k) {
			o.Distance += distance(&s.pr.m.rules[r], s.row)
		}
	}
	return o
}

// distance is how far the nearest comparison of a failing rule is from turning, in hundredths of its threshold: the
// rule is cleared when one of the comparisons that hold no longer does.
func distance(r *rule, row []expr.Value) int {
	best := math.Inf(1)
	for i := range r.atoms {
		a := &r.atoms[i]
		if v := a.holds(row); !v.Known || v.Num == 0 {
			continue
		}
		x, y := a.left(row), a.right(row)
		if x.Known && y.Known {
			best = min(best, math.Abs(x.Num-y.Num)/max(math.Abs(y.Num), 1))
		}
	}
	if math.IsInf(best, 1) {
		return 0
	}
	return int(min(math.Round(best*100), 1e6))
}

// greedy finds a first bundle to prune with: the measure that helps most, again and again.
func (s *search) greedy() {
	var in []int
	for i := range s.pr.cands {
		if s.pr.cands[i].forced {
			in = append(in, i)
		}
	}
	best, ok := s.try(in)
	if !ok {
		return
	}
	for len(in) < 12 {
		pick := -1
		for i := range s.pr.cands {
			if slices.Contains(in, i) {
				continue
			}
			with := append(slices.Clone(in), i)
			slices.Sort(with)
			if o, ok := s.try(with); ok && o.Compare(&best) < 0 {
				best, pick = o, i
			}
		}
		if pick < 0 {
			return
		}
		in = append(in, pick)
		slices.Sort(in)
	}
}

// try judges one bundle from scratch and keeps it when it is the best. Measures that are due but barred by a conflict or a
// group are passed over, as branch does; anything else that does not fit makes the bundle impossible.
func (s *search) try(in []int) (Objective, bool) {
	// The search has not begun: its row, counters and bars are those of no measure at all, and are put back so.
	answered, size, burden, cost, ok := s.pr.held, 0, 0, 0.0, true
	var natures [3]bool
	for _, i := range in {
		c := &s.pr.cands[i]
		fits := s.fits(i)
		if fits {
			_, fits = s.include(i)
		}
		if !fits {
			if c.forced {
				continue
			}
			ok = false
			break
		}
		s.barred.union(c.conflicts)
		s.limited = s.limited || c.pool >= 0
		s.reevaluate(i)
		answered |= c.answers
		natures[natureIndex(c.policy.Nature)] = true
		burden += c.policy.Burden
		cost += s.costs[len(s.costs)-1]
		if !c.forced {
			size++
		}
	}
	var o Objective
	if ok {
		o = s.judge(answered, natures, size, burden, cost)
		if !s.found || o.Compare(&s.best.objective) < 0 {
			s.found = true
			s.best = solution{chosen: slices.Clone(s.taken), amounts: slices.Clone(s.amounts), costs: slices.Clone(s.costs), objective: o}
		}
	}
	for len(s.taken) > 0 {
		s.exclude(s.taken[len(s.taken)-1], 0)
	}
	clear(s.barred)
	s.limited = false
	copy(s.failing, s.pr.initial)
	return o, ok
}
