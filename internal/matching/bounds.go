package matching

import (
	"math"

	"shouwang/internal/expr"
)

// span is every value that an expression may take: numbers (bools as 0 and 1, dates as days) from lo to hi, unknown
// where open. A text is known exactly or not at all. It is the bound of the search: what no span can reach, no bundle of
// measures can.
type span struct {
	lo, hi float64
	some   bool // a known value is possible
	open   bool // unknown is possible
	text   string
	isText bool
}

func point(v expr.Value) span {
	if !v.Known || v.Num-v.Num != 0 {
		return span{open: true}
	}
	return span{lo: v.Num, hi: v.Num, some: true, text: v.Text, isText: v.Text != ""}
}

func anything() span { return span{lo: math.Inf(-1), hi: math.Inf(1), some: true, open: true} }

func truth(mayFalse, mayTrue, open bool) span {
	s := span{open: open, some: mayFalse || mayTrue, lo: 1, hi: 0}
	if mayFalse {
		s.lo = 0
	}
	if mayTrue {
		s.hi = 1
	}
	return s
}

func (s span) mayTrue() bool  { return s.some && s.hi >= 1 }
func (s span) mayFalse() bool { return s.some && s.lo <= 0 }

// join is either of the two.
func (s span) join(t span) span {
	out := span{open: s.open || t.open}
	switch {
	case !s.some:
		out.some, out.lo, out.hi, out.text, out.isText = t.some, t.lo, t.hi, t.text, t.isText
	case !t.some:
		out.some, out.lo, out.hi, out.text, out.isText = s.some, s.lo, s.hi, s.text, s.isText
	default:
		out.some, out.lo, out.hi = true, min(s.lo, t.lo), max(s.hi, t.hi)
		if s.isText && t.isText && s.text == t.text {
			out.text, out.isText = s.text, true
		}
	}
	return out
}

// meet is a value that lies in both.
func (s span) meet(t span) span {
	s.open = s.open && t.open
	if !s.some || !t.some {
		s.some = false
		return s
	}
	s.lo, s.hi = max(s.lo, t.lo), min(s.hi, t.hi)
	s.some = s.lo <= s.hi
	return s
}

// reach bounds an expression over spans of its variables. Every operation of the language is monotone in IEEE
// arithmetic in each operand over the corners taken here, so the true value always lies within.
func reach(n *expr.Node, row []span) span {
	switch n.Op {
	case expr.OpNumber, expr.OpBool, expr.OpDate:
		return span{lo: n.Num, hi: n.Num, some: true}
	case expr.OpText:
		return span{some: true, text: n.Text, isText: true}
	case expr.OpName:
		if slot := n.Var().Slot; slot < len(row) {
			return row[slot]
		}
		return span{open: true}
	case expr.OpNot:
		s := reach(n.Args[0], row)
		return truth(s.mayTrue(), s.mayFalse(), s.open)
	case expr.OpAnd, expr.OpOr:
		return junction(n, row)
	case expr.OpLess, expr.OpLessEq, expr.OpMore, expr.OpMoreEq, expr.OpEqual, expr.OpUnequal:
		return compare(n.Op, n.Args[0].Type(), reach(n.Args[0], row), reach(n.Args[1], row))
	case expr.OpIn:
		s := reach(n.Args[0], row)
		out := truth(false, false, s.open)
		certain := false
		for _, a := range n.Args[1:] {
			e := compare(expr.OpEqual, a.Type(), s, reach(a, row))
			out = out.join(truth(e.mayFalse(), e.mayTrue(), e.open))
			certain = certain || e.some && !e.mayFalse() && !e.open
		}
		if certain {
			return truth(false, true, s.open)
		}
		return out
	case expr.OpCond:
		c, a, b := reach(n.Args[0], row), reach(n.Args[1], row), reach(n.Args[2], row)
		out := span{open: c.open}
		if c.mayTrue() {
			out = out.join(a)
		}
		if c.mayFalse() {
			out = out.join(b)
		}
		return out
	case expr.OpKnown:
		s := reach(n.Args[0], row)
		return truth(s.open, s.some, false)
	case expr.OpCoalesce:
		out := span{open: true}
		for _, a := range n.Args {
			s := reach(a, row)
			known := s
			known.open = false
			out = span{}.join(out).join(known)
			out.open = s.open
			if !s.open {
				break
			}
		}
		return out
	}
	return arithmetic(n, row)
}

func junction(n *expr.Node, row []span) span {
	and := n.Op == expr.OpAnd
	mayTrue, mayFalse, open := and, !and, false
	for _, a := range n.Args {
		s := reach(a, row)
		if and {
			mayTrue = mayTrue && s.mayTrue()
			mayFalse = mayFalse || s.mayFalse()
		} else {
			mayTrue = mayTrue || s.mayTrue()
			mayFalse = mayFalse && s.mayFalse()
		}
		open = open || s.open
		if and && !s.mayTrue() && !s.open || !and && !s.mayFalse() && !s.open {
			return truth(and, !and, false) // this operand decides the whole
		}
	}
	return truth(mayFalse, mayTrue, open)
}

func compare(op expr.Op, typ expr.Type, a, b span) span {
	open := a.open || b.open
	if !a.some || !b.some {
		return truth(false, false, open)
	}
	if typ == expr.Text {
		if !a.isText || !b.isText {
			return truth(true, true, open)
		}
		same := a.text == b.text
		switch op {
		case expr.OpEqual:
			return truth(!same, same, open)
		case expr.OpUnequal:
			return truth(same, !same, open)
		}
		return truth(true, true, open)
	}
	switch op {
	case expr.OpLess:
		return truth(a.hi >= b.lo, a.lo < b.hi, open)
	case expr.OpLessEq:
		return truth(a.hi > b.lo, a.lo <= b.hi, open)
	case expr.OpMore:
		return truth(a.lo <= b.hi, a.hi > b.lo, open)
	case expr.OpMoreEq:
		return truth(a.lo < b.hi, a.hi >= b.lo, open)
	}
	meet := a.lo <= b.hi && b.lo <= a.hi
	differ := a.lo != a.hi || b.lo != b.hi || a.lo != b.lo
	if op == expr.OpEqual {
		return truth(differ, meet, open)
	}
	return truth(meet, differ, open)
}

// arithmetic bounds what is unknown when an operand is.
func arithmetic(n *expr.Node, row []span) span {
	args := make([]span, len(n.Args))
	open, some := false, true
	for i, a := range n.Args {
		args[i] = reach(a, row)
		open, some = open || args[i].open, some && args[i].some
	}
	if !some {
		return span{open: true}
	}
	out := args[0]
	out.open, out.isText = open, false
	corners := func(f func(x, y float64) float64, a, b span) span {
		s := span{lo: math.Inf(1), hi: math.Inf(-1), some: true, open: open}
		for _, v := range [4]float64{f(a.lo, b.lo), f(a.lo, b.hi), f(a.hi, b.lo), f(a.hi, b.hi)} {
			if v != v {
				return anything()
			}
			s.lo, s.hi = min(s.lo, v), max(s.hi, v)
		}
		// A result that is not finite is unknown.
		if math.IsInf(s.lo, 0) || math.IsInf(s.hi, 0) {
			s.open = true
		}
		return s
	}
	switch n.Op {
	case expr.OpNeg:
		out.lo, out.hi = -args[0].hi, -args[0].lo
	case expr.OpAdd:
		for _, b := range args[1:] {
			out = corners(func(x, y float64) float64 { return x + y }, out, b)
		}
	case expr.OpSub:
		out = corners(func(x, y float64) float64 { return x - y }, args[0], args[1])
	case expr.OpMul:
		for _, b := range args[1:] {
			out = corners(func(x, y float64) float64 { return x * y }, out, b)
		}
	case expr.OpDiv:
		if args[1].lo <= 0 && args[1].hi >= 0 {
			return anything()
		}
		out = corners(func(x, y float64) float64 { return x / y }, args[0], args[1])
	case expr.OpMin:
		for _, b := range args[1:] {
			out.lo, out.hi = min(out.lo, b.lo), min(out.hi, b.hi)
		}
	case expr.OpMax:
		for _, b := range args[1:] {
			out.lo, out.hi = max(out.lo, b.lo), max(out.hi, b.hi)
		}
	case expr.OpAbs:
		lo, hi := args[0].lo, args[0].hi
		out.lo, out.hi = max(lo, -hi, 0), max(hi, -lo)
	default:
		return anything()
	}
	return out
}
