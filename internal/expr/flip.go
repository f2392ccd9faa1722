package expr

import (
	"math"
	"slices"
)

// Flip finds a value of the variable in the slot at which the atom is true instead of false or false instead of true, all
// other variables as in the row. For numbers and dates it is the threshold: the value nearest to the present one, on the way to
// the first one found, at which the atom changes. An unknown atom has no opposite.
func (r *Reason) Flip(row []Value, slot int) (Value, bool) {
	if r.node == nil || r.Unknown || r.node.typ != Bool {
		return Value{}, false
	}
	return r.node.flip(row, slot)
}

// Flip finds a value of the variable in the slot at which the known yes/no outcome is the opposite, like [Reason.Flip]. It
// tells what one number would have to be for the rule to decide otherwise. It is a search along the thresholds in the
// text: not finding a value is no proof that there is none.
func (c *Checked) Flip(row []Value, slot int) (Value, bool) {
	if c.root.typ != Bool {
		return Value{}, false
	}
	return c.root.flip(row, slot)
}

func (n *Node) flip(row []Value, slot int) (Value, bool) {
	now := n.eval(row)
	var v *Var
	n.Walk(func(m *Node) bool {
		if m.v != nil && m.v.Slot == slot {
			v = m.v
		}
		return v == nil
	})
	if v == nil || !now.Known {
		return Value{}, false
	}
	trial := slices.Clone(row)
	for len(trial) <= slot {
		trial = append(trial, Value{})
	}
	flips := func(x Value) bool {
		trial[slot] = x
		out := n.eval(trial)
		return out.Known && out.Num != now.Num
	}
	old := v.of(row)
	for _, x := range n.candidates(v, row, trial) {
		if !flips(x) {
			continue
		}
		if old.Known && (v.Type == Number || v.Type == Date) {
			x.Num = nearest(old.Num, x.Num, v.Type == Date, func(f float64) bool { return flips(Value{Num: f, Known: true}) })
		}
		return x, true
	}
	return Value{}, false
}

// nearest narrows the way from a value that doesn't flip to one that does.
func nearest(from, to float64, whole bool, flips func(float64) bool) float64 {
	for range 2100 { // halvings until neighbors remain, at any magnitude
		middle := from + (to-from)/2
		if whole {
			middle = math.Trunc(middle)
		}
		if middle == from || middle == to {
			break
		}
		if flips(middle) {
			to = middle
		} else {
			from = middle
		}
	}
	return to
}

// candidates lists values to try, the most telling first: just where a comparison that depends on the variable linearly changes
// sides, around the other values in the text, and steps of growing size.
func (n *Node) candidates(v *Var, row, trial []Value) []Value {
	var out []Value
	add := func(fs ...float64) {
		for _, f := range fs {
			if v.Type == Date {
				f = min(max(math.Round(f), -719162), 2932896) // the years 1 to 9999
			}
			if f-f == 0 {
				out = append(out, Value{Num: f, Known: true})
			}
		}
	}
	around := func(f float64) {
		add(f, math.Nextafter(f, math.Inf(1)), math.Nextafter(f, math.Inf(-1)), f+1, f-1)
	}
	if v.Type == Bool {
		return []Value{{Known: true}, {Num: 1, Known: true}}
	}
	old := v.of(row)
	n.Walk(func(m *Node) bool {
		if m.typ == v.Type && (m.v != v) {
			if x := m.eval(row); x.Known && v.Type == Text {
				out = append(out, x)
			} else if x.Known {
				around(x.Num)
			}
		}
		if !m.Op.comparison() || m.Args[0].typ != v.Type && m.Args[0].typ != Number || v.Type == Text {
			return true
		}
		gap := func(f float64) float64 {
			trial[v.Slot] = Value{Num: f, Known: true}
			a, b := m.Args[0].eval(trial), m.Args[1].eval(trial)
			if !a.Known || !b.Known {
				return math.NaN()
			}
			return a.Num - b.Num
		}
		x0 := 1.0
		if old.Known {
			x0 = old.Num
		}
		step := max(1, math.Abs(x0)/2)
		if slope := (gap(x0+step) - gap(x0)) / step; slope != 0 && slope == slope {
			root := x0 - gap(x0)/slope
			around(root)
			add(root*(1+1e-9), root*(1-1e-9))
		}
		return true
	})
	if v.Type == Text {
		return append(out, Value{Text: "\u2026", Known: true}, Value{Known: true})
	}
	base := 0.0
	if old.Known {
		base = old.Num
	}
	add(0, 1, -1)
	for step := 1.0; step <= 1e15; step *= 10 {
		add(base+step, base-step, step, -step)
	}
	return out
}
