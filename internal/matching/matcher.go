package matching

import (
	"math/bits"
	"time"

	"shouwang/internal/division"
	"shouwang/internal/expr"
	"shouwang/internal/policy"
)

// Member is one member of a household: the pseudonymous key and the values of the pack's member facts, in its order.
type Member struct {
	Key   string
	Facts []expr.Value
}

// Held is a measure that the household (or one member) has already by an earlier plan.
type Held struct {
	Measure string
	Person  string // member key; "" = the household
}

// Risk is an open risk with the rules that found it.
type Risk struct {
	Risk  string
	Level policy.Level
}

// Household is what a proposal is made from.
type Household struct {
	No       string
	Division division.Code
	Day      time.Time
	// Row holds the indicators in the slots of policy.Pack.RuleEnv; parameters and the day are filled in by Propose.
	Row     []expr.Value
	Tags    map[string]bool // as casework has set them; the others follow from the indicators
	Members []Member
	Risks   []Risk
	Held    []Held
}

// Matcher proposes measures by one pack. It is safe for concurrent use.
type Matcher struct {
	pack    *policy.Pack
	rules   []rule
	derived []step // in the order in which they must be reckoned
	options []option
	// amount, persons: slots of MeasureEnv.
	amount, persons int
}

// rule is a warning rule ready to be asked again about a changed row. It is the pack's own text, compiled.
type rule struct {
	policy *policy.Rule
	eval   func([]expr.Value) expr.Value
	slots  bitset // indicators folded from rows that it depends on, through derived ones
	atoms  []atom
}

// atom is one comparison of numbers of a rule, for the distance to its threshold.
type atom struct {
	policy             *expr.Checked
	holds, left, right func([]expr.Value) expr.Value
	slots              bitset
}

// step is one derived indicator.
type step struct {
	slot  int
	eval  func([]expr.Value) expr.Value
	slots bitset
	root  *expr.Node
}

// option is a measure ready to be applied.
type option struct {
	policy               *policy.Measure
	eligible, held, cost func([]expr.Value) expr.Value // held, cost may be nil
	amount, prefer       func([]expr.Value) expr.Value // may be nil
	effects              []effect
	touches              bitset
	derived              []int // steps to reckon again
	groups               []int
	conflicts            bitset // options
	member               bool   // amount, cost or an effect names a member's facts
}

type effect struct {
	slot int
	eval func([]expr.Value) expr.Value
	root *expr.Node
}

// bitset is a set of small numbers; sets of one kind have the same length.
type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) add(i int)      { b[i/64] |= 1 << (i % 64) }
func (b bitset) del(i int)      { b[i/64] &^= 1 << (i % 64) }
func (b bitset) has(i int) bool { return b[i/64]&(1<<(i%64)) != 0 }
func (b bitset) union(c bitset) {
	for i := range c {
		b[i] |= c[i]
	}
}
func (b bitset) meets(c bitset) bool {
	for i := range c {
		if b[i]&c[i] != 0 {
			return true
		}
	}
	return false
}
func (b bitset) count() int {
	n := 0
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

// New makes a matcher. A pack without measures proposes nothing.
func New(p *policy.Pack) *Matcher {
	m := &Matcher{pack: p, amount: p.AmountSlot(), persons: p.AmountSlot() + 1}
	n := len(p.Indicators)
	base := make([]bitset, n) // what an indicator depends on
	for _, layer := range p.Layers() {
		for _, i := range layer {
			base[i] = newBitset(n)
			c := p.Indicators[i].Derive
			if c == nil {
				base[i].add(i)
				continue
			}
			for _, v := range c.Vars() {
				if v.Slot < n {
					base[i].union(base[v.Slot])
				}
			}
			m.derived = append(m.derived, step{slot: i, eval: c.Compile(), slots: base[i], root: c.Root()})
		}
	}
	depends := func(c *expr.Checked) bitset {
		b := newBitset(n)
		for _, v := range c.Vars() {
			if v.Slot < n {
				b.union(base[v.Slot])
			}
		}
		return b
	}
	for i := range p.Rules {
		r := &p.Rules[i]
		if r.Class == policy.ClassDoubt {
			continue
		}
		one := rule{policy: r, eval: r.When.Compile(), slots: depends(r.When)}
		for _, a := range r.When.Atoms() {
			if left, right, ok := a.Operands(); ok {
				one.atoms = append(one.atoms, atom{policy: a, holds: a.Compile(), left: left.Compile(), right: right.Compile(), slots: depends(a)})
			}
		}
		m.rules = append(m.rules, one)
	}
	m.compileOptions(n)
	return m
}

func (m *Matcher) compileOptions(indicators int) {
	p := m.pack
	index := map[string]int{}
	for i := range p.Measures.Options {
		index[p.Measures.Options[i].ID] = i
	}
	compile := func(c *expr.Checked) func([]expr.Value) expr.Value {
		if c == nil {
			return nil
		}
		return c.Compile()
	}
	for i := range p.Measures.Options {
		o := &p.Measures.Options[i]
		one := option{policy: o, eligible: compile(o.Eligible), held: compile(o.Held), cost: compile(o.Cost), amount: compile(o.Amount), prefer: compile(o.Prefer),
			touches: newBitset(indicators), conflicts: newBitset(len(p.Measures.Options))}
		for _, c := range []*expr.Checked{o.Amount, o.Cost} {
			one.member = one.member || m.namesMember(c)
		}
		for j := range o.Effects {
			e := &o.Effects[j]
			one.effects = append(one.effects, effect{slot: e.Slot, eval: e.To.Compile(), root: e.To.Root()})
			one.touches.add(e.Slot)
			one.member = one.member || m.namesMember(e.To)
		}
		for j := range m.derived {
			if m.derived[j].slots.meets(one.touches) {
				one.derived = append(one.derived, j)
			}
		}
		for j := range p.Measures.Groups {
			for _, id := range p.Measures.Groups[j].Members {
				if id == o.ID {
					one.groups = append(one.groups, j)
				}
			}
		}
		m.options = append(m.options, one)
	}
	for i := range m.options {
		for _, id := range m.options[i].policy.Conflicts {
			if j, ok := index[id]; ok {
				m.options[i].conflicts.add(j)
				m.options[j].conflicts.add(i)
			}
		}
	}
}

func (m *Matcher) namesMember(c *expr.Checked) bool {
	if c == nil {
		return false
	}
	for _, v := range c.Vars() {
		if v.Slot >= m.pack.MemberSlot(0) {
			return true
		}
	}
	return false
}
