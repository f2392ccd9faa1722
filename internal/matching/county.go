package matching

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync"

	"shouwang/internal/division"
	"shouwang/internal/policy"
)

// Places are limited places of one pool that households within a division may take.
type Places struct {
	Pool     string        `json:"pool"`
	Division division.Code `json:"division"` // 0: the whole area
	Places   int           `json:"places"`
}

// Allocation is who of an area gets which limited place, and everybody's bundle.
type Allocation struct {
	Households int         `json:"households"`
	Wanting    int         `json:"wanting"` // households that a limited place would help
	Served     int         `json:"served"`
	Unserved   []Waiting   `json:"unserved"` // in order of priority
	Places     []PlaceUse  `json:"places"`
	Unanswered [3]int      `json:"unanswered"` // red, yellow, blue risks over all households
	Failing    [3]int      `json:"failing"`
	CostFen    int64       `json:"cost_fen"`
	Unproven   int         `json:"unproven"` // households whose search met its limit
	Proposals  []Proposal  `json:"proposals"`
	Priority   []policyKey `json:"priority"` // the order of priority in words
}

type policyKey struct {
	ID   string      `json:"id"`
	Name policy.Text `json:"name"`
}

// Waiting is a household that a place would help and that gets none: all are taken by households before it.
type Waiting struct {
	HouseholdNo string        `json:"household_no"`
	Division    division.Code `json:"division"`
	Rank        int           `json:"rank"`  // from 1, among all households
	Pools       []string      `json:"pools"` // that would help
}

// PlaceUse is how many places of one kind were there and taken.
type PlaceUse struct {
	Places
	Taken int `json:"taken"`
}

// wish is what a household would do with one place of each pool: the bundle, and how much better than without.
type wish struct {
	pr       *problem
	without  solution
	with     []solution // by pool; chosen nil where the pool does not help
	rank     int
	keys     []float64
	entry    int // of Places, −1 = none
	entries  []int
	quality  []cost // by entry of entries
	original int
}

// cost is an objective as an element of an ordered group: sums and differences compare in order.
type cost [11]int64

func (a cost) plus(b cost) cost {
	for i := range a {
		a[i] += b[i]
	}
	return a
}

func (a cost) minus(b cost) cost {
	for i := range a {
		a[i] -= b[i]
	}
	return a
}

func (a cost) less(b cost) bool { return slices.Compare(a[:], b[:]) < 0 }

// ProposeAll proposes bundles for the households of an area that share limited places. Each household takes one limited
// place at most, so that no household gets a second one while another waits. The outcome is optimal in this order:
//
//  1. by the pack's order of priority (severity first), then by household number, a household is served whenever that is
//     possible together with all served before it; so nobody of lower priority has a place that would have served one of
//     higher priority, and no more households could be served in any other way (the sets of households that can be served together are
//     a matroid, for which taking them greedily by priority is best);
//  2. of all ways to serve those households, the one whose objectives, added up, are least (shortest augmenting paths keep the
//     assignment at least cost after every household; Kuhn 1955, Tomizawa 1971).
//
// The order of the result is that of priority. A pool that places does not name is not limited. It stops when ctx does.
func (m *Matcher) ProposeAll(ctx context.Context, homes []Household, places []Places) (Allocation, error) {
	out := Allocation{Households: len(homes), Unserved: []Waiting{}, Proposals: make([]Proposal, len(homes)), Places: []PlaceUse{}, Priority: []policyKey{}}
	for _, k := range m.pack.Measures.Priority {
		out.Priority = append(out.Priority, policyKey{k.ID, k.Name})
	}
	named := map[string]bool{}
	for _, x := range places {
		named[x.Pool] = true
		out.Places = append(out.Places, PlaceUse{Places: x})
	}
	wishes := make([]*wish, len(homes))
	if err := parallel(ctx, len(homes), func(i int) { wishes[i] = m.wish(&homes[i], i, named, places) }); err != nil {
		return out, err
	}
	slices.SortStableFunc(wishes, m.byPriority)
	for i, w := range wishes {
		w.rank = i + 1
	}
	assign(wishes, out.Places)
	full := map[string]bool{}
	for id := range named {
		full[id] = !slices.ContainsFunc(out.Places, func(x PlaceUse) bool { return x.Pool == id && x.Taken < x.Places.Places })
	}
	if err := parallel(ctx, len(wishes), func(i int) {
		w := wishes[i]
		s := w.without
		if w.entry >= 0 {
			s = w.with[m.poolIndex(places[w.entry].Pool)]
		}
		out.Proposals[i] = w.pr.proposal(s, full)
	}); err != nil {
		return out, err
	}
	for i, w := range wishes {
		x := &out.Proposals[i]
		for l := range 3 {
			out.Unanswered[l] += x.Objective.Unanswered[l]
			out.Failing[l] += x.Objective.Failing[l]
		}
		for _, one := range x.Measures {
			out.CostFen += one.Cost
		}
		if !x.Proven {
			out.Unproven++
		}
		if len(w.entries) == 0 {
			continue
		}
		out.Wanting++
		if w.entry >= 0 {
			out.Served++
			continue
		}
		waiting := Waiting{HouseholdNo: x.HouseholdNo, Division: x.Division, Rank: w.rank, Pools: []string{}}
		for _, e := range w.entries {
			if !slices.Contains(waiting.Pools, places[e].Pool) {
				waiting.Pools = append(waiting.Pools, places[e].Pool)
			}
		}
		out.Unserved = append(out.Unserved, waiting)
	}
	return out, nil
}

// parallel runs fn for 0 … n−1 on every processor. Results go to their own places, so the outcome does not depend on the order.
func parallel(ctx context.Context, n int, fn func(i int)) error {
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), max(n, 1)) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range next {
				fn(i)
			}
		}()
	}
	var err error
	for i := range n {
		if err = ctx.Err(); err != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
	return err
}

func (m *Matcher) poolIndex(id string) int {
	return slices.IndexFunc(m.pack.Measures.Pools, func(x policy.Pool) bool { return x.ID == id })
}

// wish solves a household without any limited place, and with one place of each limited pool that it may use.
func (m *Matcher) wish(h *Household, i int, named map[string]bool, places []Places) *wish {
	pr := m.newProblem(h)
	w := &wish{pr: pr, with: make([]solution, len(m.pack.Measures.Pools)), entry: -1, original: i}
	free := func(c *candidate) bool { return !named[c.policy.Pool] }
	w.without = pr.solve(free, nil)
	for k := range m.pack.Measures.Priority {
		v := m.pack.Measures.Priority[k].Of.Eval(pr.base)
		x := v.Num
		if m.pack.Measures.Priority[k].Descending {
			x = -x
		}
		if !v.Known {
			x = unknownLast
		}
		w.keys = append(w.keys, x)
	}
	helps := make([]bool, len(w.with))
	for k := range m.pack.Measures.Pools {
		id := m.pack.Measures.Pools[k].ID
		if !named[id] || !slices.ContainsFunc(pr.cands, func(c candidate) bool { return c.pool == k }) {
			continue
		}
		start := w.without
		w.with[k] = pr.solve(func(c *candidate) bool { return c.pool == k || free(c) }, &start)
		helps[k] = w.with[k].objective.Compare(&w.without.objective) < 0 && slices.ContainsFunc(w.with[k].chosen, func(c int) bool { return pr.cands[c].pool == k })
	}
	for e, x := range places {
		k := m.poolIndex(x.Pool)
		if k < 0 || !helps[k] || x.Division != 0 && !x.Division.Contains(h.Division) {
			continue
		}
		w.entries = append(w.entries, e)
		w.quality = append(w.quality, cost(w.with[k].objective.vector()).minus(cost(w.without.objective.vector())))
	}
	return w
}

// unknownLast sorts a household whose key is unknown after all others of its kind.
const unknownLast = 1e300

func (m *Matcher) byPriority(a, b *wish) int {
	if c := slices.Compare(a.keys, b.keys); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(a.pr.house.No, b.pr.house.No), cmp.Compare(a.original, b.original))
}

// assign gives places in the order of the wishes. Each household takes the cheapest augmenting path: a chain in which it takes a
// place and those who held one move on to another that serves them, too. After each step the assignment serves the same
// households at least total cost, so no cycle of moves is negative and the Bellman–Ford search over the places is exact.
func assign(wishes []*wish, places []PlaceUse) {
	a := &assignment{places: places, holders: make([][]*wish, len(places)), links: make([][]int, len(places))}
	for e := range places {
		a.links[e] = make([]int, len(places))
	}
	for _, w := range wishes {
		if len(w.entries) > 0 && a.reachable(w) {
			a.augment(w)
		}
	}
	for e := range places {
		places[e].Taken = len(a.holders[e])
	}
}

type assignment struct {
	places  []PlaceUse
	holders [][]*wish // by place
	links   [][]int   // how many holders of a place could move to another
}

func (a *assignment) free(e int) bool { return len(a.holders[e]) < a.places[e].Places.Places }

// reachable tells whether some chain of moves ends at a free place.
func (a *assignment) reachable(w *wish) bool {
	seen := make([]bool, len(a.places))
	var queue []int
	visit := func(e int) bool {
		if seen[e] || a.places[e].Places.Places == 0 {
			return false
		}
		seen[e] = true
		queue = append(queue, e)
		return a.free(e)
	}
	for _, e := range w.entries {
		if visit(e) {
			return true
		}
	}
	for len(queue) > 0 {
		e := queue[0]
		queue = queue[1:]
		for to, n := range a.links[e] {
			if n > 0 && visit(to) {
				return true
			}
		}
	}
	return false
}

// place puts a household on a place; by is +1 to put, −1 to take away.
func (a *assignment) place(w *wish, e, by int) {
	if by > 0 {
		a.holders[e] = append(a.holders[e], w)
	} else {
		i := slices.Index(a.holders[e], w)
		a.holders[e] = slices.Delete(a.holders[e], i, i+1)
	}
	for _, to := range w.entries {
		if to != e {
			a.links[e][to] += by
		}
	}
}

// move is the last step of the cheapest chain that ends at a place: who moves there, and from where (−1: the new household).
type move struct {
	reached bool
	total   cost
	who     *wish
	from    int
}

func (a *assignment) augment(w *wish) {
	places, holders := a.places, a.holders
	chain := make([]move, len(places))
	for k, e := range w.entries {
		if places[e].Places.Places > 0 && (!chain[e].reached || w.quality[k].less(chain[e].total)) {
			chain[e] = move{true, w.quality[k], w, -1}
		}
	}
	// Chains pass a place at most once; at most so many rounds.
	for changed, round := true, 0; changed && round <= len(places); round++ {
		changed = false
		for e := range places {
			if !chain[e].reached || a.free(e) {
				continue // a free place ends a chain
			}
			for _, h := range holders[e] {
				at := h.qualityOf(e)
				for k, to := range h.entries {
					if to == e || places[to].Places.Places == 0 {
						continue
					}
					total := chain[e].total.plus(h.quality[k]).minus(at)
					if !chain[to].reached || total.less(chain[to].total) {
						chain[to] = move{true, total, h, e}
						changed = true
					}
				}
			}
		}
	}
	end := -1
	for e := range places {
		if chain[e].reached && a.free(e) && (end < 0 || chain[e].total.less(chain[end].total)) {
			end = e
		}
	}
	for e := end; e >= 0; {
		step := chain[e]
		if step.from >= 0 {
			a.place(step.who, step.from, -1)
		}
		a.place(step.who, e, 1)
		step.who.entry = e
		e = step.from
	}
}

func (w *wish) qualityOf(entry int) cost { return w.quality[slices.Index(w.entries, entry)] }
