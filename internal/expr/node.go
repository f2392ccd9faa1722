package expr

import (
	"math"
	"strconv"
	"strings"
)

// Op says what a [Node] does.
type Op uint8

// The operators. And and Or have two or more arguments; In has the operand first and then the elements; Cond has the condition,
// the value where it is true and the value where it is false.
const (
	OpNone Op = iota
	OpNumber
	OpText
	OpBool
	OpDate
	OpName
	OpNot
	OpNeg
	OpAnd
	OpOr
	OpLess
	OpLessEq
	OpMore
	OpMoreEq
	OpEqual
	OpUnequal
	OpIn
	OpAdd
	OpSub
	OpMul
	OpDiv
	OpMod
	OpCond
	OpKnown
	OpCoalesce
	OpMin
	OpMax
	OpAbs
	OpRound
	OpDays
	OpMonths
	OpYears
)

// String is the operator as the canonical text writes it.
func (o Op) String() string {
	switch o {
	case OpNot:
		return "!"
	case OpNeg, OpSub:
		return "-"
	case OpAnd:
		return "&&"
	case OpOr:
		return "||"
	case OpLess:
		return "<"
	case OpLessEq:
		return "<="
	case OpMore:
		return ">"
	case OpMoreEq:
		return ">="
	case OpEqual:
		return "=="
	case OpUnequal:
		return "!="
	case OpIn:
		return "in"
	case OpAdd:
		return "+"
	case OpMul:
		return "*"
	case OpDiv:
		return "/"
	case OpMod:
		return "%"
	case OpCond:
		return "?:"
	case OpDate:
		return "date"
	}
	for _, f := range functions {
		if f.op == o {
			return f.name
		}
	}
	return ""
}

func (o Op) comparison() bool { return o >= OpLess && o <= OpUnequal }

// function is a built-in function. most < 0 stands for any number of arguments.
type function struct {
	name, alias string
	op          Op
	least, most int
}

var functions = [...]function{
	{"known", "已知", OpKnown, 1, 1},
	{"coalesce", "首个已知", OpCoalesce, 1, -1},
	{"min", "最小", OpMin, 1, -1},
	{"max", "最大", OpMax, 1, -1},
	{"abs", "绝对值", OpAbs, 1, 1},
	{"round", "四舍五入", OpRound, 1, 2},
	{"days_between", "相隔天数", OpDays, 2, 2},
	{"months_between", "相隔月数", OpMonths, 2, 2},
	{"years_between", "相隔年数", OpYears, 2, 2},
	{"date", "日期", OpDate, 1, 1},
}

// Node is a node of the syntax tree. Trees are not changed after they were made and may be read by many goroutines.
type Node struct {
	Op   Op
	Num  float64 // OpNumber; OpBool as 0 or 1; OpDate as days since 1970-01-01
	Text string  // OpText; OpName as written, in ASCII forms
	Args []*Node

	from, to int   // byte offsets in the source; brackets around an operand belong to its parent
	depth    int   // of the tree
	typ      Type  // set by the checker
	v        *Var  // OpName, set by the checker
	atom     int16 // set by the checker: number of the comparison among [Checked.atoms], or -1
}

// Span is the place of the node in the source as byte offsets.
func (n *Node) Span() (from, to int) { return n.from, n.to }

// Type is the type that the checker found; Invalid in a tree from [Parse].
func (n *Node) Type() Type { return n.typ }

// Var is the variable of an OpName node of a checked tree.
func (n *Node) Var() *Var { return n.v }

// Walk calls visit for the node and all below it, parents first, as long as visit answers true for the parent.
func (n *Node) Walk(visit func(*Node) bool) {
	if !visit(n) {
		return
	}
	for _, a := range n.Args {
		a.Walk(visit)
	}
}

// String prints the expression canonically: ASCII operators, the functions' English names, the variables' first names, and
// the brackets that are needed. Parsing it gives the same tree.
func (n *Node) String() string {
	var b strings.Builder
	p := printer{b: &b, name: func(n *Node) string {
		if n.v != nil {
			return n.v.Name
		}
		return n.Text
	}, number: formatNumber}
	p.print(n, 0)
	return b.String()
}

// formatNumber writes the shortest decimal that reads back as the same double.
func formatNumber(f float64) string {
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e17) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// Binding strength of the operators, loosest first.
const (
	bindCond = iota + 1
	bindOr
	bindAnd
	bindCompare
	bindAdd
	bindMul
	bindUnary
	bindPrimary
)

func (n *Node) binding() int {
	switch n.Op {
	case OpCond:
		return bindCond
	case OpOr:
		return bindOr
	case OpAnd:
		return bindAnd
	case OpLess, OpLessEq, OpMore, OpMoreEq, OpEqual, OpUnequal, OpIn:
		return bindCompare
	case OpAdd, OpSub:
		return bindAdd
	case OpMul, OpDiv, OpMod:
		return bindMul
	case OpNot, OpNeg:
		return bindUnary
	case OpNumber:
		if math.Signbit(n.Num) {
			return bindUnary
		}
	}
	return bindPrimary
}

// printer writes expressions; name and number let explanations put labels in the place of names.
type printer struct {
	b      *strings.Builder
	name   func(*Node) string
	number func(float64) string
	times  string // the sign for *, "*" if empty
	zh     bool   // the functions' Chinese names
}

// print writes n in brackets when it binds looser than least.
func (p *printer) print(n *Node, least int) {
	own := n.binding()
	if own < least {
		p.b.WriteByte('(')
		defer p.b.WriteByte(')')
	}
	switch n.Op {
	case OpNumber:
		p.b.WriteString(p.number(n.Num))
	case OpText:
		p.b.WriteString(quoteText(n.Text))
	case OpBool:
		p.b.WriteString(strconv.FormatBool(n.Num != 0))
	case OpDate:
		p.b.WriteString(`date("` + formatDate(n.Num) + `")`)
	case OpName:
		p.b.WriteString(p.name(n))
	case OpNot:
		p.b.WriteByte('!')
		p.print(n.Args[0], bindUnary)
	case OpNeg:
		p.b.WriteByte('-')
		// A negated number would be read back as one number.
		if n.Args[0].Op == OpNumber {
			p.b.WriteByte('(')
			p.print(n.Args[0], 0)
			p.b.WriteByte(')')
		} else {
			p.print(n.Args[0], bindUnary)
		}
	case OpAnd, OpOr:
		for i, a := range n.Args {
			if i > 0 {
				p.b.WriteString(" " + n.Op.String() + " ")
			}
			p.print(a, own+1)
		}
	case OpCond:
		p.print(n.Args[0], bindOr)
		p.b.WriteString(" ? ")
		p.print(n.Args[1], bindOr)
		p.b.WriteString(" : ")
		p.print(n.Args[2], bindCond)
	case OpIn:
		p.print(n.Args[0], bindAdd)
		p.b.WriteString(" in [")
		p.list(n.Args[1:])
		p.b.WriteByte(']')
	case OpAdd, OpSub, OpMul, OpDiv, OpMod:
		p.print(n.Args[0], own)
		p.operator(n.Op)
		p.print(n.Args[1], own+1)
	case OpLess, OpLessEq, OpMore, OpMoreEq, OpEqual, OpUnequal:
		p.print(n.Args[0], bindAdd)
		p.operator(n.Op)
		p.print(n.Args[1], bindAdd)
	default:
		p.b.WriteString(p.function(n.Op))
		p.b.WriteByte('(')
		p.list(n.Args)
		p.b.WriteByte(')')
	}
}

func (p *printer) function(o Op) string {
	for i := range functions {
		if p.zh && functions[i].op == o {
			return functions[i].alias
		}
	}
	return o.String()
}

func (p *printer) operator(o Op) {
	s := o.String()
	if o == OpMul && p.times != "" {
		s = p.times
	}
	p.b.WriteString(" " + s + " ")
}

func (p *printer) list(args []*Node) {
	for i, a := range args {
		if i > 0 {
			p.b.WriteString(", ")
		}
		p.print(a, 0)
	}
}

func quoteText(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch r {
		case '"', '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '\n':
			b.WriteString(`\n`)
		case '\t':
			b.WriteString(`\t`)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
