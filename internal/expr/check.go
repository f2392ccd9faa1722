package expr

import (
	"fmt"
	"slices"
)

// Checked is an expression whose names and types are right. It is read-only and safe for concurrent use.
type Checked struct {
	src    string
	root   *Node
	vars   []*Var
	atoms  []*Node // one node of each different comparison, in order of first appearance
	offset int     // of src in the text that was checked: a part keeps the places of the whole
}

// Check parses src and checks names and types against the environment. want is the type that the expression must have; Invalid
// takes any. The error is an *[Error].
func (e *Env) Check(src string, want Type) (*Checked, error) {
	root, perr := parse(src)
	if perr != nil {
		return nil, perr
	}
	c := &checker{env: e, src: src, out: &Checked{src: src, root: root}}
	if err := c.check(root); err != nil {
		return nil, err
	}
	if want != Invalid && root.typ != want {
		hint, hintEN := "", ""
		if want == Bool && root.typ == Number {
			hint, hintEN = "：请写出比较，例如 … > 0", ": write a comparison, such as … > 0"
		}
		return nil, c.fail(root, fmt.Sprintf("这里要的结果是%s，而整个表达式的结果是%s%s", want.In("zh"), root.typ.In("zh"), hint),
			fmt.Sprintf("a %s is needed here, but the whole expression gives a %s%s", want, root.typ, hintEN))
	}
	if cost(root) > maxCost {
		return nil, c.fail(root, "表达式太复杂：请拆成几条规则或推导指标", "the expression is too complicated: split it into several rules or derived indicators")
	}
	c.collect()
	if len(c.out.atoms) > maxAtoms {
		return nil, c.fail(root, fmt.Sprintf("比较太多（上限 %d 个）：请拆成几条规则", maxAtoms), fmt.Sprintf("too many comparisons (at most %d): split the expression into several rules", maxAtoms))
	}
	return c.out, nil
}

// Source is the text as it was written.
func (c *Checked) Source() string { return c.src }

// String is the canonical text; see [Node.String].
func (c *Checked) String() string { return c.root.String() }

// Type is the type of the result.
func (c *Checked) Type() Type { return c.root.typ }

// Root is the checked syntax tree. It must not be changed.
func (c *Checked) Root() *Node { return c.root }

// Vars lists the variables in order of first use, each once.
func (c *Checked) Vars() []*Var { return slices.Clone(c.vars) }

type checker struct {
	env *Env
	src string
	out *Checked
}

func (c *checker) fail(n *Node, zh, en string) *Error { return newError(c.src, n.from, n.to, zh, en) }

// text is the node as written, for error texts.
func (c *checker) text(n *Node) string {
	r := []rune(c.src[n.from:n.to])
	if len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return string(r)
}

// want fails unless n is of the type.
func (c *checker) want(n *Node, t Type, who, whoEN string) error {
	if n.typ == t {
		return nil
	}
	hint, hintEN := "", ""
	switch {
	case t == Number && n.Op == OpText:
		hint, hintEN = "：数字不加引号", ": numbers take no quotes"
	case t == Date && n.Op == OpText:
		hint, hintEN = `：日期写成 date("2026-11-01")`, `: write a date as date("2026-11-01")`
	case t == Bool && n.typ == Number:
		hint, hintEN = "：请写出比较，例如 … > 0", ": write a comparison, such as … > 0"
	case t == Number && n.typ == Date:
		hint, hintEN = "：两个日期相隔多久用 days_between、months_between 或 years_between", ": use days_between, months_between or years_between for the time between two dates"
	}
	return c.fail(n, fmt.Sprintf("%s要%s，而“%s”是%s%s", who, t.In("zh"), c.text(n), n.typ.In("zh"), hint),
		fmt.Sprintf("%s needs a %s, but %q is a %s%s", whoEN, t, c.text(n), n.typ, hintEN))
}

func (c *checker) check(n *Node) error {
	for _, a := range n.Args {
		if err := c.check(a); err != nil {
			return err
		}
	}
	switch n.Op {
	case OpNumber:
		n.typ = Number
	case OpText:
		n.typ = Text
	case OpBool:
		n.typ = Bool
	case OpDate:
		n.typ = Date
	case OpName:
		v, ok := c.env.byName[n.Text]
		if !ok {
			return c.unknownName(n)
		}
		n.v, n.typ = v, v.Type
	case OpNot, OpAnd, OpOr:
		word := map[Op][2]string{OpNot: {"“非”后面", "not"}, OpAnd: {"“且”两边", "and"}, OpOr: {"“或”两边", "or"}}[n.Op]
		for _, a := range n.Args {
			if err := c.want(a, Bool, word[0], word[1]); err != nil {
				return err
			}
		}
		n.typ = Bool
	case OpNeg, OpAdd, OpSub, OpMul, OpDiv, OpMod, OpAbs, OpRound:
		for _, a := range n.Args {
			if err := c.want(a, Number, n.Op.String()+" ", n.Op.String()); err != nil {
				return err
			}
		}
		n.typ = Number
	case OpLess, OpLessEq, OpMore, OpMoreEq:
		if err := c.same(n, n.Args); err != nil {
			return err
		}
		if t := n.Args[0].typ; t != Number && t != Date {
			return c.fail(n, fmt.Sprintf("%s不能比较大小，只能用 ==、!= 或 in", t.In("zh")), fmt.Sprintf("a %s has no order: use ==, != or in", t))
		}
		n.typ = Bool
	case OpEqual, OpUnequal, OpIn:
		if err := c.same(n, n.Args); err != nil {
			return err
		}
		n.typ = Bool
	case OpCond:
		if err := c.want(n.Args[0], Bool, "“?”前面的条件", "the condition before ?"); err != nil {
			return err
		}
		if err := c.same(n, n.Args[1:]); err != nil {
			return err
		}
		n.typ = n.Args[1].typ
	case OpKnown:
		n.typ = Bool
	case OpCoalesce:
		if err := c.same(n, n.Args); err != nil {
			return err
		}
		n.typ = n.Args[0].typ
	case OpMin, OpMax:
		if err := c.same(n, n.Args); err != nil {
			return err
		}
		if t := n.Args[0].typ; t != Number && t != Date {
			return c.fail(n.Args[0], fmt.Sprintf("%s 只用于数值或日期，而“%s”是%s", n.Op, c.text(n.Args[0]), t.In("zh")),
				fmt.Sprintf("%s takes numbers or dates, but %q is a %s", n.Op, c.text(n.Args[0]), t))
		}
		n.typ = n.Args[0].typ
	case OpDays, OpMonths, OpYears:
		for _, a := range n.Args {
			if err := c.want(a, Date, n.Op.String()+" ", n.Op.String()); err != nil {
				return err
			}
		}
		n.typ = Number
	}
	return nil
}

// same fails unless all nodes are of the first one's type.
func (c *checker) same(n *Node, args []*Node) error {
	first := args[0]
	for _, a := range args[1:] {
		if a.typ == first.typ {
			continue
		}
		hint, hintEN := "", ""
		for _, pair := range [2][2]*Node{{first, a}, {a, first}} {
			switch {
			case pair[0].typ == Date && pair[1].Op == OpText:
				hint, hintEN = `：日期写成 date("2026-11-01")`, `: write a date as date("2026-11-01")`
			case pair[0].typ == Number && pair[1].Op == OpText:
				hint, hintEN = "：数字不加引号", ": numbers take no quotes"
			case pair[0].typ == Bool && pair[1].typ == Number:
				hint, hintEN = "：是否类的值与 true 或 false 比较", ": compare a yes/no with true or false"
			}
		}
		return c.fail(a, fmt.Sprintf("%s 中各个值的类型要一致：“%s”是%s，“%s”是%s%s", n.symbol(), c.text(first), first.typ.In("zh"), c.text(a), a.typ.In("zh"), hint),
			fmt.Sprintf("the values of %s must be of one type: %q is a %s, %q is a %s%s", n.symbol(), c.text(first), first.typ, c.text(a), a.typ, hintEN))
	}
	return nil
}

func (c *checker) unknownName(n *Node) error {
	for _, f := range functions {
		if f.name == n.Text || f.alias == n.Text {
			return c.fail(n, fmt.Sprintf("“%s”是函数，后面要写括号，例如 %s(…)", n.Text, n.Text), fmt.Sprintf("%q is a function: brackets must follow, as in %s(…)", n.Text, n.Text))
		}
	}
	zh, en := suggest(n.Text, c.env.names())
	if zh == "" {
		for _, r := range n.Text {
			if r == '且' || r == '或' || r == '非' {
				zh, en = "；如果“且”“或”“非”是连接词，前后要有空格", "; if 且 or 或 or 非 is meant as a word of its own, put spaces around it"
			}
		}
	}
	return c.fail(n, fmt.Sprintf("没有名为“%s”的指标、参数或列%s", n.Text, zh), fmt.Sprintf("there is no indicator, parameter or column %q%s", n.Text, en))
}

// collect lists variables and numbers the atoms: the smallest parts that give a yes or no and are joined by not, and, or, ?:.
func (c *checker) collect() {
	seen := map[*Var]bool{}
	c.out.root.Walk(func(n *Node) bool {
		if n.v != nil && !seen[n.v] {
			seen[n.v] = true
			c.out.vars = append(c.out.vars, n.v)
		}
		return true
	})
	if c.out.root.typ != Bool {
		return
	}
	byText := map[string]int16{}
	c.out.root.Walk(func(n *Node) bool {
		switch n.Op {
		case OpNot, OpAnd, OpOr, OpBool:
			return true
		case OpCond:
			return true
		}
		if n.typ != Bool {
			return false
		}
		text := n.String()
		i, ok := byText[text]
		if !ok {
			i = int16(min(len(c.out.atoms), maxAtoms))
			byText[text] = i
			c.out.atoms = append(c.out.atoms, n)
		}
		n.atom = i
		return false
	})
}

// cost estimates the operations of the expression when the SQL text has written out what it must repeat.
func cost(n *Node) int {
	own, times := 1, 1
	switch n.Op {
	case OpMonths, OpYears, OpRound:
		times = 3
	case OpMin, OpMax, OpMod:
		times = 4
	case OpDiv, OpCoalesce, OpKnown, OpIn, OpLess, OpLessEq, OpMore, OpMoreEq, OpEqual, OpUnequal:
		times = 2 // a guard against overflow; inside a chain of + - * there is none
	}
	for _, a := range n.Args {
		own += times * cost(a)
		if own > maxCost {
			return maxCost + 1
		}
	}
	return own
}
