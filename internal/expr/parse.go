package expr

import (
	"fmt"
	"math"
	"strings"
)

// Parse reads an expression without looking at names and types. The error is an *[Error].
func Parse(src string) (*Node, error) {
	n, err := parse(src)
	if err != nil {
		return nil, err
	}
	return n, nil
}

// parser is a recursive-descent parser; CEL's grammar with the words not, and, or. Nesting is bounded.
type parser struct {
	src     string
	tokens  []token
	at      int
	nesting int
}

func parse(src string) (*Node, *Error) {
	tokens, err := lex(src)
	if err != nil {
		return nil, err
	}
	p := &parser{src: src, tokens: tokens}
	if p.peek().kind == tokEnd {
		return nil, p.fail(p.peek(), "表达式是空的", "the expression is empty")
	}
	n, err := p.cond()
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != tokEnd {
		return nil, p.unexpected(t)
	}
	return n, nil
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != tokEnd {
		p.at++
	}
	return t
}

func (p *parser) accept(kind tokenKind) bool {
	if p.peek().kind != kind {
		return false
	}
	p.at++
	return true
}

func (p *parser) fail(t token, zh, en string) *Error { return newError(p.src, t.from, t.to, zh, en) }

func (p *parser) written(t token) string { return p.src[t.from:t.to] }

// enter counts a level of nesting.
func (p *parser) enter() *Error {
	if p.nesting++; p.nesting > maxNesting {
		return p.fail(p.peek(), fmt.Sprintf("括号或嵌套太深（上限 %d 层）：请拆成几条规则或推导指标", maxNesting),
			fmt.Sprintf("brackets are nested too deeply (at most %d): split the expression into several rules or derived indicators", maxNesting))
	}
	return nil
}

// node makes a node and watches the depth of the tree.
func (p *parser) node(op Op, from, to int, args ...*Node) (*Node, *Error) {
	n := &Node{Op: op, Args: args, from: from, to: to, atom: -1}
	for _, a := range args {
		n.depth = max(n.depth, a.depth+1)
	}
	if n.depth > maxDepth {
		return nil, newError(p.src, from, to, fmt.Sprintf("运算连得太长（上限 %d 层）：请拆成推导指标", maxDepth),
			fmt.Sprintf("the chain of operations is too long (at most %d levels): split it into derived indicators", maxDepth))
	}
	return n, nil
}

func (p *parser) cond() (*Node, *Error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.nesting-- }()
	from := p.peek().from
	c, err := p.chain(tokOr)
	if err != nil || p.peek().kind != tokQuestion {
		return c, err
	}
	question := p.next()
	yes, err := p.chain(tokOr)
	if err != nil {
		return nil, err
	}
	if !p.accept(tokColon) {
		if p.peek().kind == tokQuestion {
			return nil, p.fail(p.peek(), "“?”前面要先写“:”，或者给里面的条件加括号", "a : must come before the next ?, or put brackets around the inner condition")
		}
		return nil, p.fail(question, "“?”后面缺少“:”：写法是 条件 ? 成立时的值 : 不成立时的值", "a : is missing after ?: write condition ? value if true : value if false")
	}
	no, err := p.cond()
	if err != nil {
		return nil, err
	}
	return p.node(OpCond, from, p.end(), c, yes, no)
}

// end is the end of the token before the current one.
func (p *parser) end() int {
	if p.at == 0 {
		return 0
	}
	return p.tokens[p.at-1].to
}

// chain reads operands joined by or (tokOr), which in turn are operands joined by and. Nested chains of one operator are one
// node: a and (b and c) means the same as a and b and c.
func (p *parser) chain(kind tokenKind) (*Node, *Error) {
	from := p.peek().from
	operand, op := p.not, OpAnd
	if kind == tokOr {
		operand, op = func() (*Node, *Error) { return p.chain(tokAnd) }, OpOr
	}
	first, err := operand()
	if err != nil || p.peek().kind != kind {
		return first, err
	}
	var args []*Node
	add := func(n *Node) {
		if n.Op == op {
			args = append(args, n.Args...)
		} else {
			args = append(args, n)
		}
	}
	add(first)
	for p.accept(kind) {
		n, err := operand()
		if err != nil {
			return nil, err
		}
		add(n)
	}
	return p.node(op, from, p.end(), args...)
}

// not reads the word not, which binds looser than a comparison: not a == b is not (a == b).
func (p *parser) not() (*Node, *Error) {
	if p.peek().kind != tokNot {
		return p.compare()
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.nesting-- }()
	from := p.next().from
	n, err := p.not()
	if err != nil {
		return nil, err
	}
	return p.node(OpNot, from, p.end(), n)
}

func comparison(k tokenKind) Op {
	switch k {
	case tokLess:
		return OpLess
	case tokLessEq:
		return OpLessEq
	case tokMore:
		return OpMore
	case tokMoreEq:
		return OpMoreEq
	case tokEqual:
		return OpEqual
	case tokUnequal:
		return OpUnequal
	}
	return OpNone
}

func (p *parser) compare() (*Node, *Error) {
	from := p.peek().from
	left, err := p.sum()
	if err != nil {
		return nil, err
	}
	t := p.peek()
	var n *Node
	negated := false
	switch op := comparison(t.kind); {
	case op != OpNone:
		p.next()
		right, err := p.sum()
		if err != nil {
			return nil, err
		}
		if n, err = p.node(op, from, p.end(), left, right); err != nil {
			return nil, err
		}
	case t.kind == tokNot && p.tokens[p.at+1].kind == tokIn:
		p.next()
		negated = true
		fallthrough
	case t.kind == tokIn:
		p.next()
		open := p.peek()
		if !p.accept(tokOpenList) {
			return nil, p.fail(open, `in 后面要写方括号列出的值，例如 in ["a", "b"]`, `in needs a list in square brackets, such as in ["a", "b"]`)
		}
		args, err := p.list(tokCloseList, open, left)
		if err != nil {
			return nil, err
		}
		if len(args) == 1 {
			return nil, newError(p.src, open.from, p.end(), "方括号里至少要有一个值", "the list needs at least one value")
		}
		if n, err = p.node(OpIn, from, p.end(), args...); err != nil {
			return nil, err
		}
		if negated {
			if n, err = p.node(OpNot, from, p.end(), n); err != nil {
				return nil, err
			}
		}
	default:
		return left, nil
	}
	if t := p.peek(); comparison(t.kind) != OpNone || t.kind == tokIn {
		return nil, p.fail(t, fmt.Sprintf("比较不能连写：请写成 a %s b and b %s c", n.symbol(), p.written(t)),
			fmt.Sprintf("comparisons cannot be chained: write a %s b and b %s c", n.symbol(), p.written(t)))
	}
	return n, nil
}

func (n *Node) symbol() string {
	if n.Op == OpNot {
		return "not in"
	}
	return n.Op.String()
}

func (p *parser) sum() (*Node, *Error) {
	from := p.peek().from
	left, err := p.product()
	for err == nil {
		op := OpNone
		switch p.peek().kind {
		case tokPlus:
			op = OpAdd
		case tokMinus:
			op = OpSub
		}
		if op == OpNone {
			break
		}
		p.next()
		var right *Node
		if right, err = p.product(); err != nil {
			return nil, err
		}
		left, err = p.node(op, from, p.end(), left, right)
	}
	return left, err
}

func (p *parser) product() (*Node, *Error) {
	from := p.peek().from
	left, err := p.unary()
	for err == nil {
		op, sign := OpNone, p.peek()
		switch sign.kind {
		case tokStar:
			op = OpMul
		case tokSlash:
			op = OpDiv
		case tokPercent:
			op = OpMod
		}
		if op == OpNone {
			break
		}
		p.next()
		if op == OpMod && !p.startsOperand() {
			return nil, p.fail(sign, "% 是求余数，不是百分号：50% 请写 0.5，或按指标的单位写 50", "% is the remainder, not per cent: write 0.5 for 50 %, or 50 where the indicator is in per cent")
		}
		var right *Node
		if right, err = p.unary(); err != nil {
			return nil, err
		}
		left, err = p.node(op, from, p.end(), left, right)
	}
	return left, err
}

func (p *parser) startsOperand() bool {
	switch p.peek().kind {
	case tokNumber, tokText, tokName, tokTrue, tokFalse, tokNot, tokBang, tokMinus, tokOpen:
		return true
	}
	return false
}

func (p *parser) unary() (*Node, *Error) {
	t := p.peek()
	op := OpNot
	switch t.kind {
	case tokBang, tokNot:
	case tokMinus:
		op = OpNeg
	default:
		return p.primary()
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.nesting-- }()
	p.next()
	literal := p.peek().kind == tokNumber
	n, err := p.unary()
	if err != nil {
		return nil, err
	}
	if op == OpNeg && literal {
		n.Num, n.from = math.Copysign(n.Num, -1), t.from
		return n, nil
	}
	return p.node(op, t.from, p.end(), n)
}

func (p *parser) primary() (*Node, *Error) {
	t := p.next()
	switch t.kind {
	case tokNumber:
		n, err := p.node(OpNumber, t.from, t.to)
		if err == nil {
			n.Num = t.num
		}
		return n, err
	case tokText:
		n, err := p.node(OpText, t.from, t.to)
		if err == nil {
			n.Text = t.text
		}
		return n, err
	case tokTrue, tokFalse:
		n, err := p.node(OpBool, t.from, t.to)
		if err == nil && t.kind == tokTrue {
			n.Num = 1
		}
		return n, err
	case tokName:
		if p.peek().kind == tokOpen {
			return p.call(t)
		}
		n, err := p.node(OpName, t.from, t.to)
		if err == nil {
			n.Text = t.text
		}
		return n, err
	case tokOpen:
		n, err := p.cond()
		if err != nil {
			return nil, err
		}
		if !p.accept(tokClose) {
			if end := p.peek(); end.kind != tokEnd {
				return nil, p.unexpected(end)
			}
			return nil, p.fail(t, "这个左括号没有配对的右括号", "this bracket is never closed")
		}
		return n, nil
	}
	return nil, p.unexpected(t)
}

// list reads expressions up to the closing token; first stands before them in the result.
func (p *parser) list(closing tokenKind, open token, first ...*Node) ([]*Node, *Error) {
	args := first
	if p.accept(closing) {
		return args, nil
	}
	for {
		n, err := p.cond()
		if err != nil {
			return nil, err
		}
		if args = append(args, n); len(args) > maxList {
			return nil, p.fail(open, fmt.Sprintf("列出的值太多（上限 %d 个）", maxList), fmt.Sprintf("too many values are listed (at most %d)", maxList))
		}
		if p.accept(closing) {
			return args, nil
		}
		if !p.accept(tokComma) {
			if end := p.peek(); end.kind != tokEnd {
				return nil, p.unexpected(end)
			}
			return nil, p.fail(open, "这个左括号没有配对的右括号", "this bracket is never closed")
		}
	}
}

func (p *parser) call(name token) (*Node, *Error) {
	open := p.next()
	var f *function
	var names []string
	for i := range functions {
		names = append(names, functions[i].name, functions[i].alias)
		if functions[i].name == name.text || functions[i].alias == name.text {
			f = &functions[i]
		}
	}
	if f == nil {
		zh, en := suggest(name.text, names)
		return nil, p.fail(name, fmt.Sprintf("没有函数“%s”%s；可用的函数：known coalesce min max abs round days_between months_between years_between date", name.text, zh),
			fmt.Sprintf("there is no function %q%s; the functions are known coalesce min max abs round days_between months_between years_between date", name.text, en))
	}
	args, err := p.list(tokClose, open)
	if err != nil {
		return nil, err
	}
	whole := token{from: name.from, to: p.end()}
	if len(args) < f.least || f.most >= 0 && len(args) > f.most {
		want := fmt.Sprint(f.least)
		if f.most < 0 {
			return nil, p.fail(whole, fmt.Sprintf("%s 至少要 %s 个参数", name.text, want), fmt.Sprintf("%s needs at least %s argument", name.text, want))
		}
		if f.most > f.least {
			return nil, p.fail(whole, fmt.Sprintf("%s 要 %s 到 %d 个参数，这里有 %d 个", name.text, want, f.most, len(args)), fmt.Sprintf("%s needs %s to %d arguments, here are %d", name.text, want, f.most, len(args)))
		}
		return nil, p.fail(whole, fmt.Sprintf("%s 要 %s 个参数，这里有 %d 个", name.text, want, len(args)), fmt.Sprintf("%s needs %s argument(s), here are %d", name.text, want, len(args)))
	}
	switch f.op {
	case OpDate:
		days, ok := parseDate(args[0].Text)
		if args[0].Op != OpText || !ok {
			return nil, newError(p.src, args[0].from, args[0].to, `日期写成 date("2026-11-01")：四位年、两位月、两位日，而且这一天要存在`,
				`write a date as date("2026-11-01"): four digits of year, two of month, two of day, and a day that exists`)
		}
		n, err := p.node(OpDate, name.from, p.end())
		if err == nil {
			n.Num = float64(days)
		}
		return n, err
	case OpRound:
		if len(args) == 2 && (args[1].Op != OpNumber || args[1].Num != math.Trunc(args[1].Num) || math.Abs(args[1].Num) > 9) {
			return nil, newError(p.src, args[1].from, args[1].to, "round 的第二个参数是保留的小数位数：请直接写 -9 到 9 的整数", "the second argument of round is the number of decimal places: write a whole number from -9 to 9")
		}
	}
	return p.node(f.op, name.from, p.end(), args...)
}

// unexpected explains a token that cannot stand where it stands.
func (p *parser) unexpected(t token) *Error {
	w := p.written(t)
	afterOperand := false
	for i := range p.tokens {
		if p.tokens[i].from == t.from && i > 0 {
			switch p.tokens[i-1].kind {
			case tokNumber, tokText, tokName, tokTrue, tokFalse, tokClose, tokCloseList:
				afterOperand = true
			}
		}
	}
	switch t.kind {
	case tokEnd:
		return p.fail(t, "表达式没有写完", "the expression ends too early")
	case tokClose:
		if !afterOperand {
			return p.fail(t, "右括号前面缺少内容", "something is missing before this bracket")
		}
		return p.fail(t, "这个右括号没有配对的左括号", "this bracket was never opened")
	case tokCloseList:
		return p.fail(t, "这个右方括号没有配对的左方括号", "this square bracket was never opened")
	case tokOpenList:
		return p.fail(t, "方括号只能写在 in 后面", "square brackets are used after in only")
	case tokComma:
		return p.fail(t, "这里不能有逗号：大数字不要分节（写 52000，不写 52,000）", "no comma here: write large numbers without separators (52000, not 52,000)")
	case tokColon:
		return p.fail(t, "“:”前面没有对应的“?”", "this : has no ? before it")
	}
	if t.kind == tokName && afterOperand {
		switch lower := strings.ToLower(t.text); lower {
		case "and", "or", "not", "in":
			return p.fail(t, fmt.Sprintf("请用小写 %s", lower), fmt.Sprintf("write %s in lower case", lower))
		}
		switch t.text {
		case "并且", "而且", "和", "同时", "与":
			return p.fail(t, fmt.Sprintf("“%s”请写成“且”或 and", t.text), fmt.Sprintf("write and (or 且) in the place of %q", t.text))
		case "或者", "或是":
			return p.fail(t, fmt.Sprintf("“%s”请写成“或”或 or", t.text), fmt.Sprintf("write or (或) in the place of %q", t.text))
		case "大于", "超过", "高于":
			return p.fail(t, fmt.Sprintf("“%s”请写成 >", t.text), fmt.Sprintf("write > in the place of %q", t.text))
		case "小于", "低于", "不足":
			return p.fail(t, fmt.Sprintf("“%s”请写成 <", t.text), fmt.Sprintf("write < in the place of %q", t.text))
		case "等于", "是", "is":
			return p.fail(t, fmt.Sprintf("“%s”请写成 ==", t.text), fmt.Sprintf("write == in the place of %q", t.text))
		}
		for _, r := range t.text {
			if r == '且' || r == '或' || r == '非' {
				return p.fail(t, fmt.Sprintf("看不懂“%s”：“且”“或”“非”前后要有空格", w), fmt.Sprintf("cannot read %q: the words 且 或 非 need spaces around them", w))
			}
		}
	}
	if afterOperand && p.operandToken(t) {
		return p.fail(t, fmt.Sprintf("“%s”前面缺少运算符，例如 and、or、>、+", w), fmt.Sprintf("an operator such as and, or, > or + is missing before %q", w))
	}
	return p.fail(t, fmt.Sprintf("“%s”不能写在这里：前面缺少一个值", w), fmt.Sprintf("%q cannot stand here: a value is missing before it", w))
}

func (p *parser) operandToken(t token) bool {
	switch t.kind {
	case tokNumber, tokText, tokName, tokTrue, tokFalse, tokNot, tokBang, tokOpen:
		return true
	}
	return false
}
