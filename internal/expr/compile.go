package expr

import "math"

// Compile makes a function that computes the expression over a row indexed by [Var.Slot]. It allocates nothing and is safe for
// concurrent use.
//
// Inside, a number or date is a float64 and not-a-number stands for unknown: arithmetic and comparisons pass it on by themselves.
// A bool is a tri.
func (c *Checked) Compile() func(row []Value) Value {
	switch c.root.typ {
	case Bool:
		f := c.root.truth()
		return func(row []Value) Value {
			switch f(row) {
			case yes:
				return Value{Num: 1, Known: true}
			case no:
				return Value{Known: true}
			}
			return Value{}
		}
	case Text:
		f := c.root.words()
		return func(row []Value) Value {
			s, ok := f(row)
			return Value{Text: s, Known: ok}
		}
	}
	f := c.root.number()
	return func(row []Value) Value {
		x := f(row)
		if x != x {
			return Value{}
		}
		return Value{Num: x, Known: true}
	}
}

// tri is a truth value. The order no < unknown < yes makes "and" the minimum and "or" the maximum.
type tri uint8

const (
	no tri = iota
	open
	yes
)

func truthOf(b bool) tri {
	if b {
		return yes
	}
	return no
}

type (
	truthFunc  = func(row []Value) tri
	numberFunc = func(row []Value) float64
	textFunc   = func(row []Value) (string, bool)
)

func (n *Node) truth() truthFunc {
	switch n.Op {
	case OpBool:
		t := truthOf(n.Num != 0)
		return func([]Value) tri { return t }
	case OpName:
		slot := n.v.Slot
		return func(row []Value) tri {
			if slot >= len(row) || !row[slot].Known {
				return open
			}
			return truthOf(row[slot].Num != 0)
		}
	case OpNot:
		f := n.Args[0].truth()
		return func(row []Value) tri { return yes - f(row) }
	case OpAnd:
		return n.and()
	case OpOr:
		fs := n.truths()
		return func(row []Value) tri {
			t := no
			for _, f := range fs {
				if t = max(t, f(row)); t == yes {
					return yes
				}
			}
			return t
		}
	case OpLess, OpLessEq, OpMore, OpMoreEq, OpEqual, OpUnequal:
		switch n.Args[0].typ {
		case Text:
			return n.compareTexts()
		case Bool:
			x, y, same := n.Args[0].truth(), n.Args[1].truth(), truthOf(n.Op == OpEqual)
			return func(row []Value) tri {
				a, b := x(row), y(row)
				switch {
				case a == open || b == open:
					return open
				case a == b:
					return same
				}
				return yes - same
			}
		}
		return n.compareNumbers()
	case OpIn:
		return n.among()
	case OpCond:
		c, x, y := n.Args[0].truth(), n.Args[1].truth(), n.Args[2].truth()
		return func(row []Value) tri {
			switch c(row) {
			case yes:
				return x(row)
			case no:
				return y(row)
			}
			return open
		}
	case OpKnown:
		return n.known()
	case OpCoalesce:
		fs := n.truths()
		return func(row []Value) tri {
			for _, f := range fs {
				if t := f(row); t != open {
					return t
				}
			}
			return open
		}
	}
	return func([]Value) tri { return open }
}

func (n *Node) truths() []truthFunc {
	var fs []truthFunc
	for _, a := range n.Args {
		fs = append(fs, a.truth())
	}
	return fs
}

func (n *Node) and() truthFunc {
	fs := n.truths()
	if len(fs) == 2 {
		f, g := fs[0], fs[1]
		return func(row []Value) tri {
			t := f(row)
			if t == no {
				return no
			}
			return min(t, g(row))
		}
	}
	return func(row []Value) tri {
		t := yes
		for _, f := range fs {
			if t = min(t, f(row)); t == no {
				return no
			}
		}
		return t
	}
}

// compareNumbers compares numbers and dates. The most frequent shape, a variable against a constant or another variable,
// needs no inner calls.
func (n *Node) compareNumbers() truthFunc {
	a, b, op := n.Args[0], n.Args[1], n.Op
	if a.Op == OpName && (b.Op == OpNumber || b.Op == OpDate) {
		slot, y := a.v.Slot, b.Num
		return func(row []Value) tri {
			if slot >= len(row) || !row[slot].Known {
				return open
			}
			return order(op, row[slot].Num, y)
		}
	}
	if a.Op == OpName && b.Op == OpName {
		left, right := a.v.Slot, b.v.Slot
		return func(row []Value) tri {
			if left >= len(row) || right >= len(row) || !row[left].Known || !row[right].Known {
				return open
			}
			return order(op, row[left].Num, row[right].Num)
		}
	}
	x, y := a.number(), b.number()
	return func(row []Value) tri { return order(op, x(row), y(row)) }
}

func order(op Op, x, y float64) tri {
	if (x-x)+(y-y) != 0 { // one of them is not finite
		return open
	}
	var t bool
	switch op {
	case OpLess:
		t = x < y
	case OpLessEq:
		t = x <= y
	case OpMore:
		t = x > y
	case OpMoreEq:
		t = x >= y
	case OpEqual:
		t = x == y
	default:
		t = x != y
	}
	return truthOf(t)
}

func (n *Node) compareTexts() truthFunc {
	same := truthOf(n.Op == OpEqual)
	x, y := n.Args[0].words(), n.Args[1].words()
	return func(row []Value) tri {
		a, ok := x(row)
		if !ok {
			return open
		}
		b, ok := y(row)
		switch {
		case !ok:
			return open
		case a == b:
			return same
		}
		return yes - same
	}
}

func (n *Node) among() truthFunc {
	switch n.Args[0].typ {
	case Text:
		x := n.Args[0].words()
		var fs []textFunc
		for _, a := range n.Args[1:] {
			fs = append(fs, a.words())
		}
		return func(row []Value) tri {
			a, ok := x(row)
			if !ok {
				return open
			}
			t := no
			for _, f := range fs {
				if b, ok := f(row); !ok {
					t = open
				} else if a == b {
					return yes
				}
			}
			return t
		}
	case Bool:
		fs := n.truths()
		return func(row []Value) tri {
			a := fs[0](row)
			if a == open {
				return open
			}
			t := no
			for _, f := range fs[1:] {
				switch f(row) {
				case open:
					t = open
				case a:
					return yes
				}
			}
			return t
		}
	}
	x := n.Args[0].number()
	var fs []numberFunc
	for _, a := range n.Args[1:] {
		fs = append(fs, a.number())
	}
	return func(row []Value) tri {
		a := x(row)
		if a != a {
			return open
		}
		t := no
		for _, f := range fs {
			if b := f(row); a == b {
				return yes
			} else if b != b {
				t = open
			}
		}
		return t
	}
}

func (n *Node) known() truthFunc {
	switch a := n.Args[0]; a.typ {
	case Bool:
		f := a.truth()
		return func(row []Value) tri { return truthOf(f(row) != open) }
	case Text:
		f := a.words()
		return func(row []Value) tri {
			_, ok := f(row)
			return truthOf(ok)
		}
	default:
		f := a.number()
		return func(row []Value) tri {
			x := f(row)
			return truthOf(x == x)
		}
	}
}

// finite turns infinities into the not-a-number that stands for unknown.
func finite(x float64) float64 {
	if x-x != 0 {
		return math.NaN()
	}
	return x
}

func (n *Node) number() numberFunc {
	switch n.Op {
	case OpNumber, OpDate:
		x := n.Num
		return func([]Value) float64 { return x }
	case OpName:
		slot := n.v.Slot
		return func(row []Value) float64 {
			if slot >= len(row) || !row[slot].Known {
				return math.NaN()
			}
			return finite(row[slot].Num)
		}
	case OpCond:
		c, x, y := n.Args[0].truth(), n.Args[1].number(), n.Args[2].number()
		return func(row []Value) float64 {
			switch c(row) {
			case yes:
				return x(row)
			case no:
				return y(row)
			}
			return math.NaN()
		}
	case OpRound:
		x, digits := n.Args[0].number(), 0
		if len(n.Args) == 2 {
			digits = int(n.Args[1].Num)
		}
		return func(row []Value) float64 { return finite(round(x(row), digits)) }
	}
	var fs []numberFunc
	for _, a := range n.Args {
		fs = append(fs, a.number())
	}
	switch n.Op {
	case OpCoalesce:
		return func(row []Value) float64 {
			for _, f := range fs {
				if x := f(row); x == x {
					return x
				}
			}
			return math.NaN()
		}
	case OpMin:
		return func(row []Value) float64 {
			x := fs[0](row)
			for _, f := range fs[1:] {
				x = min(x, f(row)) // not-a-number wins
			}
			return x
		}
	case OpMax:
		return func(row []Value) float64 {
			x := fs[0](row)
			for _, f := range fs[1:] {
				x = max(x, f(row))
			}
			return x
		}
	}
	x := fs[0]
	switch n.Op {
	case OpNeg:
		return func(row []Value) float64 { return -x(row) }
	case OpAbs:
		return func(row []Value) float64 { return math.Abs(x(row)) }
	}
	y := fs[len(fs)-1]
	switch n.Op {
	case OpAdd:
		return func(row []Value) float64 { return finite(x(row) + y(row)) }
	case OpSub:
		return func(row []Value) float64 { return finite(x(row) - y(row)) }
	case OpMul:
		return func(row []Value) float64 { return finite(x(row) * y(row)) }
	case OpDiv:
		return func(row []Value) float64 { return finite(quotient(x(row), y(row))) }
	case OpMod:
		return func(row []Value) float64 { return finite(remainder(x(row), y(row))) }
	case OpDays:
		return func(row []Value) float64 { return y(row) - x(row) }
	case OpMonths, OpYears:
		between := monthsBetween
		if n.Op == OpYears {
			between = yearsBetween
		}
		return func(row []Value) float64 {
			a, b := x(row), y(row)
			if a+b != a+b {
				return math.NaN()
			}
			return between(a, b)
		}
	}
	return func([]Value) float64 { return math.NaN() }
}

func (n *Node) words() textFunc {
	switch n.Op {
	case OpText:
		s := n.Text
		return func([]Value) (string, bool) { return s, true }
	case OpName:
		slot := n.v.Slot
		return func(row []Value) (string, bool) {
			if slot >= len(row) || !row[slot].Known {
				return "", false
			}
			return row[slot].Text, true
		}
	case OpCond:
		c, x, y := n.Args[0].truth(), n.Args[1].words(), n.Args[2].words()
		return func(row []Value) (string, bool) {
			switch c(row) {
			case yes:
				return x(row)
			case no:
				return y(row)
			}
			return "", false
		}
	case OpCoalesce:
		var fs []textFunc
		for _, a := range n.Args {
			fs = append(fs, a.words())
		}
		return func(row []Value) (string, bool) {
			for _, f := range fs {
				if s, ok := f(row); ok {
					return s, true
				}
			}
			return "", false
		}
	}
	return func([]Value) (string, bool) { return "", false }
}
