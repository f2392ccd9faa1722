package expr

import "math"

// Eval computes the expression over a row that is indexed by [Var.Slot]; a slot beyond the row is unknown. It walks the tree
// plainly and is what the faster [Checked.Compile] is checked against.
func (c *Checked) Eval(row []Value) Value { return c.root.eval(row) }

func (n *Node) eval(row []Value) Value {
	switch n.Op {
	case OpNumber, OpBool, OpDate:
		return Value{Num: n.Num, Known: true}
	case OpText:
		return Value{Text: n.Text, Known: true}
	case OpName:
		return n.v.of(row)
	case OpNot:
		x := n.Args[0].eval(row)
		x.Num = 1 - x.Num
		return x.orUnknown()
	case OpAnd, OpOr:
		deciding := 0.0 // the value of one operand that decides the whole
		if n.Op == OpOr {
			deciding = 1
		}
		known := true
		for _, a := range n.Args {
			x := a.eval(row)
			if x.Known && x.Num == deciding {
				return x
			}
			known = known && x.Known
		}
		return Value{Num: 1 - deciding, Known: true}.when(known)
	case OpLess, OpLessEq, OpMore, OpMoreEq, OpEqual, OpUnequal:
		x, y := n.Args[0].eval(row), n.Args[1].eval(row)
		if !x.Known || !y.Known {
			return Value{}
		}
		return BoolValue(holds(n.Op, n.Args[0].typ, x, y))
	case OpIn:
		x := n.Args[0].eval(row)
		if !x.Known {
			return Value{}
		}
		open := false
		for _, a := range n.Args[1:] {
			y := a.eval(row)
			if !y.Known {
				open = true
			} else if holds(OpEqual, a.typ, x, y) {
				return BoolValue(true)
			}
		}
		return BoolValue(false).when(!open)
	case OpCond:
		switch c := n.Args[0].eval(row); {
		case !c.Known:
			return Value{}
		case c.Num != 0:
			return n.Args[1].eval(row)
		}
		return n.Args[2].eval(row)
	case OpKnown:
		return BoolValue(n.Args[0].eval(row).Known)
	case OpCoalesce:
		for _, a := range n.Args {
			if x := a.eval(row); x.Known {
				return x
			}
		}
		return Value{}
	}
	// What is left is unknown when any operand is.
	var x, y Value
	for i, a := range n.Args {
		z := a.eval(row)
		if !z.Known {
			return Value{}
		}
		switch {
		case i == 0:
			x = z
		case n.Op == OpMin && z.Num < x.Num, n.Op == OpMax && z.Num > x.Num:
			x = z
		default:
			y = z
		}
	}
	switch n.Op {
	case OpNeg:
		return NumberValue(-x.Num)
	case OpAdd:
		return NumberValue(x.Num + y.Num)
	case OpSub:
		return NumberValue(x.Num - y.Num)
	case OpMul:
		return NumberValue(x.Num * y.Num)
	case OpDiv:
		return NumberValue(quotient(x.Num, y.Num))
	case OpMod:
		return NumberValue(remainder(x.Num, y.Num))
	case OpMin, OpMax:
		return x
	case OpAbs:
		return NumberValue(math.Abs(x.Num))
	case OpRound:
		digits := 0
		if len(n.Args) == 2 {
			digits = int(n.Args[1].Num)
		}
		return NumberValue(round(x.Num, digits))
	case OpDays:
		return NumberValue(y.Num - x.Num)
	case OpMonths:
		return NumberValue(monthsBetween(x.Num, y.Num))
	case OpYears:
		return NumberValue(yearsBetween(x.Num, y.Num))
	}
	return Value{}
}

// of reads the variable from the row. A number that is not finite counts as unknown.
func (v *Var) of(row []Value) Value {
	if v.Slot >= len(row) || !row[v.Slot].Known || row[v.Slot].Num-row[v.Slot].Num != 0 {
		return Value{}
	}
	if v.Type == Bool {
		return BoolValue(row[v.Slot].Num != 0)
	}
	return row[v.Slot]
}

func (v Value) when(known bool) Value {
	if !known {
		return Value{}
	}
	return v
}

func (v Value) orUnknown() Value { return v.when(v.Known) }

// holds compares two known values.
func holds(op Op, t Type, x, y Value) bool {
	if t == Text {
		return (x.Text == y.Text) == (op == OpEqual)
	}
	switch op {
	case OpLess:
		return x.Num < y.Num
	case OpLessEq:
		return x.Num <= y.Num
	case OpMore:
		return x.Num > y.Num
	case OpMoreEq:
		return x.Num >= y.Num
	case OpEqual:
		return x.Num == y.Num
	}
	return x.Num != y.Num
}

// quotient is a/b, or not a number when b is zero.
func quotient(a, b float64) float64 {
	if b == 0 {
		return math.NaN()
	}
	return a / b
}

// remainder is what is left of a after taking away whole multiples of b: a − b·trunc(a/b), with the sign of a. For whole
// numbers below 2^53 it is exactly C's fmod. SQL spells the same three operations, because PostgreSQL has no % on doubles.
// The conversion keeps processors that have one from fusing the product and the difference.
func remainder(a, b float64) float64 {
	return a - float64(b*math.Trunc(quotient(a, b)))
}

// round rounds half away from zero to the number of decimal digits (negative ones: tens, hundreds, …), as decimal arithmetic on
// doubles does it: scale, round to a whole number, scale back.
func round(x float64, digits int) float64 {
	switch scale := power10(digits); {
	case digits > 0:
		return math.Round(x*scale) / scale
	case digits < 0:
		return math.Round(x/scale) * scale
	}
	return math.Round(x)
}

// power10 is 10 to the power of |digits| ≤ 9, which is exact.
func power10(digits int) float64 {
	p := 1.0
	for range max(digits, -digits) {
		p *= 10
	}
	return p
}
