package expr

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// SQL writes the expression as one SQL expression that needs no brackets around it and never raises an error. ref gives the SQL of
// a variable: text that needs no brackets (a column, a literal, a CASE in brackets) of type FLOAT8, BOOLEAN, VARCHAR or DATE, NULL
// where unknown; numbers must be finite.
//
// Overflow: DuckDB computes on with infinities, and a guard (CASE WHEN isfinite …) stands where such a number would be used.
// PostgreSQL raises an error on overflow and underflow, so the guard stands before the operation. Both are written only where the
// operands' bounds, known from literals, [Var.Limit], min, max, abs and round, do not rule it out.
func (c *Checked) SQL(d Dialect, ref func(*Var) string) string {
	w := &writer{dialect: d, ref: ref}
	return w.settle(w.write(c.root)).sql
}

// SQLOver writes a yes/no expression like [Checked.SQL], with atom(i) in the place of its comparison number i of [Checked.Atoms]: SQL of
// type BOOLEAN that needs no brackets. It decides a rule where the outcomes of its comparisons are known and their values are not.
func (c *Checked) SQLOver(d Dialect, atom func(i int) string) string {
	w := &writer{dialect: d, atom: atom}
	return w.write(c.root).sql
}

type writer struct {
	dialect Dialect
	ref     func(*Var) string
	atom    func(i int) string // writes the comparisons; nil: they are written out
}

// term is SQL text and what is known of its value.
type term struct {
	sql    string
	known  bool   // never NULL
	loose  bool   // may be infinite or not a number (DuckDB only)
	bounds bounds // of a number
}

// bounds says that a number lies between lo and hi, and that its magnitude is at least tiny unless it is zero.
type bounds struct{ lo, hi, tiny float64 }

var anyNumber = bounds{-math.MaxFloat64, math.MaxFloat64, math.SmallestNonzeroFloat64}

func (b bounds) most() float64 { return max(math.Abs(b.lo), math.Abs(b.hi)) }

func (b bounds) nonzero() bool { return b.lo > 0 || b.hi < 0 }

// least is the smallest magnitude apart from zero.
func (b bounds) least() float64 {
	if b.lo > 0 {
		return max(b.lo, b.tiny)
	}
	if b.hi < 0 {
		return max(-b.hi, b.tiny)
	}
	return b.tiny
}

func (b bounds) union(c bounds) bounds {
	return bounds{min(b.lo, c.lo), max(b.hi, c.hi), min(b.tiny, c.tiny)}
}

// clamp brings bounds that a guard has made true back into the range of doubles.
func (b bounds) clamp() bounds {
	if !(b.lo >= -math.MaxFloat64) {
		b.lo = -math.MaxFloat64
	}
	if !(b.hi <= math.MaxFloat64) {
		b.hi = math.MaxFloat64
	}
	b.tiny = max(b.tiny, math.SmallestNonzeroFloat64)
	return b
}

func exactly(x float64) bounds {
	if x == 0 {
		return bounds{0, 0, math.MaxFloat64}
	}
	return bounds{x, x, math.Abs(x)}
}

// settle makes a number that may be infinite NULL in that case.
func (w *writer) settle(t term) term {
	if !t.loose {
		return t
	}
	return term{sql: "(CASE WHEN isfinite(" + t.sql + ") THEN " + t.sql + " END)", bounds: t.bounds.clamp()}
}

func (w *writer) settled(n *Node) term { return w.settle(w.write(n)) }

func (w *writer) literal(x float64) term {
	s := strconv.FormatFloat(x, 'e', -1, 64) // an exponent makes it a DOUBLE in DuckDB
	switch {
	case w.dialect == PostgreSQL:
		s = "CAST(" + s + " AS FLOAT8)"
	case math.Signbit(x):
		s = "(" + s + ")"
	}
	return term{sql: s, known: true, bounds: exactly(x)}
}

func (w *writer) write(n *Node) term {
	if w.atom != nil && n.atom >= 0 {
		return term{sql: w.atom(int(n.atom))}
	}
	switch n.Op {
	case OpNumber:
		return w.literal(n.Num)
	case OpText:
		return term{sql: "'" + strings.ReplaceAll(n.Text, "'", "''") + "'", known: true}
	case OpBool:
		if n.Num != 0 {
			return term{sql: "TRUE", known: true}
		}
		return term{sql: "FALSE", known: true}
	case OpDate:
		return term{sql: "DATE '" + formatDate(n.Num) + "'", known: true}
	case OpName:
		t := term{sql: w.ref(n.v), bounds: anyNumber}
		if n.v.Limit != 0 {
			t.bounds = bounds{-n.v.Limit, n.v.Limit, 1 / n.v.Limit}
		}
		return t
	case OpNot:
		x := w.write(n.Args[0])
		return term{sql: "(NOT " + x.sql + ")", known: x.known}
	case OpAnd, OpOr:
		sign := " AND "
		if n.Op == OpOr {
			sign = " OR "
		}
		sql, known := w.all(n.Args, sign)
		return term{sql: "(" + sql + ")", known: known}
	case OpLess, OpLessEq, OpMore, OpMoreEq, OpEqual, OpUnequal:
		sign := n.Op.String()
		switch n.Op {
		case OpEqual:
			sign = "="
		case OpUnequal:
			sign = "<>"
		}
		sql, known := w.all(n.Args, " "+sign+" ")
		return term{sql: "(" + sql + ")", known: known}
	case OpIn:
		x := w.settled(n.Args[0])
		list, known := w.all(n.Args[1:], ", ")
		return term{sql: "(" + x.sql + " IN (" + list + "))", known: x.known && known}
	case OpCond:
		c, x, y := w.write(n.Args[0]), w.write(n.Args[1]), w.write(n.Args[2])
		return term{
			sql:   "(CASE " + c.sql + " WHEN TRUE THEN " + x.sql + " WHEN FALSE THEN " + y.sql + " END)",
			known: c.known && x.known && y.known, loose: x.loose || y.loose, bounds: x.bounds.union(y.bounds),
		}
	case OpKnown:
		return term{sql: "(" + w.settled(n.Args[0]).sql + " IS NOT NULL)", known: true}
	case OpCoalesce:
		sql, _ := w.all(n.Args, ", ")
		t := term{sql: "coalesce(" + sql + ")"}
		for i, a := range n.Args {
			x := w.settled(a)
			t.known = t.known || x.known
			if i == 0 {
				t.bounds = x.bounds
			}
			t.bounds = t.bounds.union(x.bounds)
		}
		return t
	case OpMin, OpMax:
		return w.extreme(n)
	case OpNeg:
		x := w.write(n.Args[0])
		return term{sql: "(- " + x.sql + ")", known: x.known, loose: x.loose, bounds: bounds{-x.bounds.hi, -x.bounds.lo, x.bounds.tiny}}
	case OpAbs:
		x := w.write(n.Args[0])
		b := bounds{0, x.bounds.most(), x.bounds.tiny}
		if x.bounds.nonzero() {
			b.lo = min(math.Abs(x.bounds.lo), math.Abs(x.bounds.hi))
		}
		return term{sql: "abs(" + x.sql + ")", known: x.known, loose: x.loose, bounds: b}
	case OpAdd, OpSub, OpMul, OpDiv:
		return w.arithmetic(n.Op, w.write(n.Args[0]), w.write(n.Args[1]))
	case OpMod:
		return w.remainder(w.settled(n.Args[0]), w.settled(n.Args[1]))
	case OpRound:
		return w.round(n)
	case OpDays:
		a, b := w.write(n.Args[0]), w.write(n.Args[1])
		return term{sql: "CAST((" + b.sql + " - " + a.sql + ") AS FLOAT8)", known: a.known && b.known, bounds: bounds{-4e6, 4e6, 1}}
	case OpMonths, OpYears:
		a, b := w.write(n.Args[0]), w.write(n.Args[1])
		year, unit := 12*monthKey, monthKey
		if n.Op == OpYears {
			year, unit = yearKey, yearKey
		}
		key := func(date string) string {
			return fmt.Sprintf("(date_part('year', %[1]s) * %[2]d + date_part('month', %[1]s) * %[3]d + date_part('day', %[1]s))", date, year, monthKey)
		}
		return term{
			sql:   fmt.Sprintf("trunc(CAST((%s - %s) AS FLOAT8) / %d)", key(b.sql), key(a.sql), unit),
			known: a.known && b.known, bounds: bounds{-2e5, 2e5, 1},
		}
	}
	return term{sql: "NULL"}
}

// all joins terms; known tells whether none of them can be NULL.
func (w *writer) all(args []*Node, sep string) (sql string, known bool) {
	known = true
	var parts []string
	for _, a := range args {
		t := w.settled(a)
		known = known && t.known
		parts = append(parts, t.sql)
	}
	return strings.Join(parts, sep), known
}

// extreme writes min and max. SQL's least and greatest leave NULLs out, the language does not.
func (w *writer) extreme(n *Node) term {
	var values, checks []string
	out := term{known: true}
	for i, a := range n.Args {
		x := w.settled(a)
		values = append(values, x.sql)
		if !x.known {
			out.known = false
			checks = append(checks, x.sql+" IS NOT NULL")
		}
		switch b := &out.bounds; {
		case i == 0:
			*b = x.bounds
		case n.Op == OpMin:
			*b = bounds{min(b.lo, x.bounds.lo), min(b.hi, x.bounds.hi), min(b.tiny, x.bounds.tiny)}
		default:
			*b = bounds{max(b.lo, x.bounds.lo), max(b.hi, x.bounds.hi), min(b.tiny, x.bounds.tiny)}
		}
	}
	if len(values) == 1 {
		out.sql = values[0]
		return out
	}
	name := "least"
	if n.Op == OpMax {
		name = "greatest"
	}
	out.sql = name + "(" + strings.Join(values, ", ") + ")"
	if len(checks) > 0 {
		out.sql = "(CASE WHEN " + strings.Join(checks, " AND ") + " THEN " + out.sql + " END)"
	}
	return out
}

// arithmetic writes + - * /.
func (w *writer) arithmetic(op Op, a, b term) term {
	if op == OpDiv {
		b = w.settle(b)
	}
	out := term{known: a.known && b.known, bounds: span(op, a.bounds, b.bounds)}
	overflow := !(out.bounds.lo >= -math.MaxFloat64 && out.bounds.hi <= math.MaxFloat64)
	underflow := (op == OpMul || op == OpDiv) && out.bounds.tiny < 2.3e-308
	divisor := b.sql
	if op == OpDiv && !b.bounds.nonzero() {
		divisor, out.known = "nullif("+b.sql+", "+w.literal(0).sql+")", false
	}
	if w.dialect == PostgreSQL {
		if overflow || underflow {
			out.sql, out.known = guarded(op, a.sql, divisor), false
		} else {
			out.sql = "(" + a.sql + " " + op.String() + " " + divisor + ")"
		}
		out.bounds = out.bounds.clamp()
		return out
	}
	out.sql = "(" + a.sql + " " + op.String() + " " + divisor + ")"
	// Plus, minus, times and a dividend pass infinities and not-a-number on, so that one guard around the chain is enough.
	out.loose = a.loose || b.loose || overflow
	if out.loose {
		out.known = false
	}
	out.bounds.tiny = max(out.bounds.tiny, math.SmallestNonzeroFloat64)
	return out
}

// guarded is a PostgreSQL expression that foresees overflow (unknown) and underflow (zero) in decimal arithmetic, which takes
// 15 digits of the operands: results within 1e-12 of the greatest double count as overflow here. The operands are written once, in a
// subquery of its own (OFFSET 0 keeps the planner from copying them).
func guarded(op Op, a, b string) string {
	x, y := "CAST(expr_x AS numeric)", "CAST(expr_y AS numeric)"
	const most, least = "1.797693134862e308", "2.4703282292063e-324"
	var size string
	switch op {
	case OpAdd, OpSub, OpMul:
		size = "WHEN abs(" + x + " " + op.String() + " " + y + ") > " + most + " THEN NULL"
		if op == OpMul {
			size += " WHEN abs(" + x + " * " + y + ") < " + least + " THEN 0"
		}
	case OpDiv:
		size = "WHEN abs(" + x + ") > " + most + " * abs(" + y + ") THEN NULL WHEN abs(" + x + ") < " + least + " * abs(" + y + ") THEN 0"
	}
	return "(SELECT CASE " + size + " ELSE expr_x " + op.String() + " expr_y END FROM (SELECT " + a + " AS expr_x, " + b + " AS expr_y OFFSET 0) AS expr_t)"
}

// span is interval arithmetic; the bounds may come out infinite.
func span(op Op, a, b bounds) bounds {
	const ulp = 0x1p-53
	switch op {
	case OpSub:
		b = bounds{-b.hi, -b.lo, b.tiny}
		fallthrough
	case OpAdd:
		// A difference that isn't zero is at least the last digit of the smaller operand.
		out := bounds{a.lo + b.lo, a.hi + b.hi, min(a.tiny, b.tiny) * ulp}
		if a.lo >= 0 && b.lo >= 0 {
			out.tiny = min(a.tiny, b.tiny)
		}
		return out
	case OpMul:
		out := bounds{math.Inf(1), math.Inf(-1), a.least() * b.least()}
		for _, x := range [2]float64{a.lo, a.hi} {
			for _, y := range [2]float64{b.lo, b.hi} {
				p := x * y
				if p != p {
					p = 0 // zero times an infinite bound
				}
				out.lo, out.hi = min(out.lo, p), max(out.hi, p)
			}
		}
		return out
	}
	m := a.most() / b.least()
	out := bounds{-m, m, a.least() / b.most()}
	if a.lo >= 0 && b.lo >= 0 {
		out.lo = 0
	}
	return out
}

// remainder writes a − b·trunc(a/b), the same operations as the Go function of this name.
func (w *writer) remainder(a, b term) term {
	q := w.arithmetic(OpDiv, a, b)
	t := term{sql: "trunc(" + q.sql + ")", known: q.known, loose: q.loose, bounds: q.bounds}
	t.bounds.tiny = 1
	// The whole multiple of b exceeds a by a rounding error at most.
	multiple := bounds{-2 * a.bounds.most(), 2 * a.bounds.most(), b.bounds.tiny}
	p := w.arithmetic(OpMul, term{sql: b.sql, known: b.known, bounds: multiple}, term{sql: t.sql, known: t.known, loose: t.loose, bounds: exactly(1)})
	p.bounds = multiple
	out := w.arithmetic(OpSub, a, p)
	out.bounds = bounds{-min(a.bounds.most(), b.bounds.most()), min(a.bounds.most(), b.bounds.most()), out.bounds.tiny}
	return out
}

// round writes half away from zero. PostgreSQL's round on doubles goes to the even neighbor, so the whole part and the doubled
// fraction, both exact, are cut instead.
func (w *writer) round(n *Node) term {
	x, digits := w.write(n.Args[0]), 0
	if len(n.Args) == 2 {
		digits = int(n.Args[1].Num)
	}
	scale := w.literal(power10(digits))
	up, down := OpMul, OpDiv
	if digits < 0 {
		up, down = OpDiv, OpMul
	}
	if digits != 0 {
		x = w.arithmetic(up, x, scale)
	}
	x = w.settle(x)
	if operand := x.sql; w.dialect == PostgreSQL {
		const formula = "(trunc(%[1]s) + trunc((%[1]s - trunc(%[1]s)) * 2))"
		if x.sql = fmt.Sprintf(formula, x.sql); len(x.sql) > 300 {
			x.sql = "(SELECT " + fmt.Sprintf(formula, "expr_x") + " FROM (SELECT " + operand + " AS expr_x OFFSET 0) AS expr_t)"
		}
	} else {
		x.sql = "round(" + x.sql + ")"
	}
	// The neighbors of the bounds; beyond 2^53 every double is whole.
	x.bounds = bounds{math.Floor(x.bounds.lo), math.Ceil(x.bounds.hi), 1}
	if digits != 0 {
		x = w.arithmetic(down, x, scale)
	}
	return x
}
