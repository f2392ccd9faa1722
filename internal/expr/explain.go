package expr

import (
	"math"
	"math/bits"
	"slices"
)

// Explanation is the outcome of an expression for a row and why.
//
// The atoms of a yes/no expression are its comparisons, in-lists, known(…) and yes/no variables: the smallest parts that are
// joined by not, and, or and ?:. Reasons is a smallest set of atoms (by number; of several such sets the one whose atoms
// come first in the text) such that
//
//   - where the outcome is known: the atoms force it, whatever the other variables are;
//   - where it is unknown: the atoms are unknown, and as long as they are it stays unknown, whatever the other unknown atoms
//     turn out to be.
//
// An expression of another type has itself as its only reason.
type Explanation struct {
	Outcome Value
	Reasons []Reason
}

// Reason is an atom with its values.
type Reason struct {
	Source string // the atom as written
	Text   string // the atom in canonical form
	Op     Op
	// Left and Right are the operands' values. An in-list, known(…) and a yes/no variable have only the left one.
	Left, Right Value
	// LeftText and RightText are the operands for people, in Chinese and English.
	LeftText, RightText [2]string
	// Margin is left minus right for numbers, the days from right to left for dates; not a number where there is none.
	Margin float64
	// Vars are the variables of the atom in order of first use, Values what the row holds for them.
	Vars   []*Var
	Values []Value
	// Holds tells that the atom is true, Unknown that it is unknown.
	Holds, Unknown bool
	// Decisive tells that the outcome would be another one if this atom alone were the opposite (if unknown: if it became
	// true or if it became false).
	Decisive bool
	// Also are, where the atom is not decisive and the outcome is known, others that hold the outcome in its place: all of them together
	// with it being the opposite, the outcome is another one. Empty where no such set was found.
	Also []Reason

	node *Node
}

// Missing lists the variables of the atom that are unknown.
func (r *Reason) Missing() []*Var {
	var out []*Var
	for i, v := range r.Vars {
		if !r.Values[i].Known {
			out = append(out, v)
		}
	}
	return out
}

// Explain computes the outcome and its reasons.
func (c *Checked) Explain(row []Value) Explanation {
	out := Explanation{Outcome: c.root.eval(row)}
	if c.root.typ != Bool {
		out.Reasons = []Reason{c.reason(c.root, row)}
		return out
	}
	x := &explainer{state: make([]tri, len(c.atoms))}
	for i, a := range c.atoms {
		x.state[i] = truthValue(a.eval(row))
	}
	var sets family
	outcome := truthValue(out.Outcome)
	if outcome == open {
		sets = x.keep(c.root, true, true)
	} else {
		sets = x.force(c.root, outcome)
	}
	for _, i := range sets.smallest().members() {
		r := c.reason(c.atoms[i], row)
		was := x.state[i]
		for _, other := range [...]tri{no, yes} {
			x.state[i] = other
			r.Decisive = r.Decisive || x.truth(c.root) != outcome
		}
		x.state[i] = was
		if !r.Decisive && outcome != open {
			for _, other := range x.stays(c.root, int16(i), outcome) {
				r.Also = append(r.Also, c.reason(c.atoms[other], row))
			}
		}
		out.Reasons = append(out.Reasons, r)
	}
	return out
}

// stays lists atoms that hold the outcome of n when the given one is the opposite: one after the other is made the opposite, too, until the outcome
// is another one. nil if it never is.
func (x *explainer) stays(n *Node, first int16, outcome tri) []int {
	was := slices.Clone(x.state)
	defer copy(x.state, was)
	x.state[first] = yes - x.state[first]
	var out []int
	for x.truth(n) == outcome {
		next := -1
		for _, i := range x.force(n, outcome).smallest().members() {
			if i != int(first) && !slices.Contains(out, i) {
				next = i
				break
			}
		}
		if next < 0 {
			return nil
		}
		x.state[next] = yes - x.state[next]
		out = append(out, next)
	}
	return out
}

func truthValue(v Value) tri {
	switch {
	case !v.Known:
		return open
	case v.Num != 0:
		return yes
	}
	return no
}

// atomSet is a set of atom numbers.
type atomSet [maxAtoms / 64]uint64

func (s atomSet) with(i int16) atomSet {
	s[i/64] |= 1 << (i % 64)
	return s
}

func (s atomSet) union(t atomSet) atomSet {
	for i := range s {
		s[i] |= t[i]
	}
	return s
}

func (s atomSet) size() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

func (s atomSet) within(t atomSet) bool {
	for i := range s {
		if s[i]&^t[i] != 0 {
			return false
		}
	}
	return true
}

func (s atomSet) members() []int {
	var out []int
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			out = append(out, 64*i+bits.TrailingZeros64(w))
		}
	}
	return out
}

// compare orders by size and then by the first atom in which the sets differ: the set that has it comes first.
func (s atomSet) compare(t atomSet) int {
	if d := s.size() - t.size(); d != 0 {
		return d
	}
	for i := range s {
		if d := s[i] ^ t[i]; d != 0 {
			if s[i]&(d&-d) != 0 {
				return -1
			}
			return 1
		}
	}
	return 0
}

// family is a list of sets of which none lies within another: the ways to force something. No sets at all means that it cannot be
// forced, one empty set that nothing is needed.
//
// An atom that occurs at several places of the expression makes the choice between branches depend on each other, so the
// candidates are all kept until the end. Their number is bounded by keeping the smallest; below the bound the result is exact.
type family []atomSet

const maxFamily = 128

var nothingNeeded = family{{}}

func (f family) smallest() atomSet {
	if len(f) == 0 {
		return atomSet{}
	}
	return slices.MinFunc(f, atomSet.compare)
}

// either is the choice between the families.
func either(fs ...family) family {
	var all family
	for _, f := range fs {
		all = append(all, f...)
	}
	return all.pruned()
}

// both needs a set of each of the families.
func both(fs ...family) family {
	out := nothingNeeded
	for _, f := range fs {
		if len(f) == 1 && f[0] == (atomSet{}) {
			continue
		}
		next := make(family, 0, len(out)*len(f))
		for _, s := range out {
			for _, t := range f {
				next = append(next, s.union(t))
			}
		}
		out = next.pruned()
	}
	return out
}

func (f family) pruned() family {
	if len(f) < 2 {
		return f
	}
	slices.SortFunc(f, atomSet.compare)
	kept := f[:0]
	for _, s := range f {
		if !slices.ContainsFunc(kept, func(k atomSet) bool { return k.within(s) }) {
			if kept = append(kept, s); len(kept) == maxFamily {
				break
			}
		}
	}
	return kept
}

// explainer looks at an expression over the truth values of its atoms.
type explainer struct{ state []tri }

func (x *explainer) truth(n *Node) tri {
	switch {
	case n.atom >= 0:
		return x.state[n.atom]
	case n.Op == OpBool:
		return truthOf(n.Num != 0)
	case n.Op == OpNot:
		return yes - x.truth(n.Args[0])
	case n.Op == OpCond:
		switch x.truth(n.Args[0]) {
		case yes:
			return x.truth(n.Args[1])
		case no:
			return x.truth(n.Args[2])
		}
		return open
	}
	t := x.truth(n.Args[0])
	for _, a := range n.Args[1:] {
		if n.Op == OpAnd {
			t = min(t, x.truth(a))
		} else {
			t = max(t, x.truth(a))
		}
	}
	return t
}

// force gives the sets of atoms that make n come out as t, whatever the others are. n must come out as t.
func (x *explainer) force(n *Node, t tri) family {
	switch {
	case n.atom >= 0:
		return family{atomSet{}.with(n.atom)}
	case n.Op == OpBool:
		return nothingNeeded
	case n.Op == OpNot:
		return x.force(n.Args[0], yes-t)
	case n.Op == OpCond:
		chosen := n.Args[2]
		c := x.truth(n.Args[0])
		if c == yes {
			chosen = n.Args[1]
		}
		return both(x.force(n.Args[0], c), x.force(chosen, t))
	}
	var fs []family
	for _, a := range n.Args {
		if x.truth(a) == t {
			fs = append(fs, x.force(a, t))
		}
	}
	if (n.Op == OpAnd) == (t == yes) {
		return both(fs...)
	}
	return either(fs...)
}

// keep gives the sets of unknown atoms that, as long as they stay unknown, keep n from becoming true (notTrue) or false (notFalse) or
// both, whatever the other unknown atoms turn out to be. Atoms with a known value stay as they are.
func (x *explainer) keep(n *Node, notTrue, notFalse bool) family {
	switch {
	case n.atom >= 0 || n.Op == OpBool:
		switch t := x.truth(n); {
		case t == yes && notTrue || t == no && notFalse:
			return nil
		case t == open:
			return family{atomSet{}.with(n.atom)}
		}
		return nothingNeeded
	case n.Op == OpNot:
		return x.keep(n.Args[0], notFalse, notTrue)
	case n.Op == OpCond:
		c, a, b := n.Args[0], n.Args[1], n.Args[2]
		return either(
			x.keep(c, true, true),
			both(x.keep(c, true, false), x.keep(b, notTrue, notFalse)),
			both(x.keep(c, false, true), x.keep(a, notTrue, notFalse)),
			both(x.keep(a, notTrue, notFalse), x.keep(b, notTrue, notFalse)),
		)
	}
	// "and" is not false as long as no operand is, and not true as long as one isn't; "or" the other way round.
	easy, hard := notTrue, notFalse
	if n.Op == OpOr {
		easy, hard = notFalse, notTrue
	}
	var each, one []family
	for _, a := range n.Args {
		if hard {
			each = append(each, x.keep(a, n.Op == OpOr, n.Op == OpAnd))
		}
		if easy {
			one = append(one, x.keep(a, n.Op == OpAnd, n.Op == OpOr))
		}
	}
	switch {
	case hard && easy:
		return both(both(each...), either(one...))
	case hard:
		return both(each...)
	}
	return either(one...)
}

// reason describes an atom.
func (c *Checked) reason(n *Node, row []Value) Reason {
	v := n.eval(row)
	r := Reason{
		Source: c.src[n.from-c.offset : n.to-c.offset], Text: n.String(), Op: n.Op, Left: v, Margin: math.NaN(),
		Holds: n.typ == Bool && v.Known && v.Num != 0, Unknown: !v.Known, node: n,
	}
	n.Walk(func(m *Node) bool {
		if m.v != nil && !slices.Contains(r.Vars, m.v) {
			r.Vars = append(r.Vars, m.v)
			r.Values = append(r.Values, m.v.of(row))
		}
		return true
	})
	switch {
	case n.Op.comparison():
		r.Left, r.Right = n.Args[0].eval(row), n.Args[1].eval(row)
		if t := n.Args[0].typ; (t == Number || t == Date) && r.Left.Known && r.Right.Known {
			r.Margin = r.Left.Num - r.Right.Num
		}
	case n.Op == OpIn || n.Op == OpKnown:
		r.Left = n.Args[0].eval(row)
	}
	r.describe(row)
	return r
}
