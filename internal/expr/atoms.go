package expr

// Atoms lists the different comparisons of a yes/no expression, in order of first appearance, each as an expression of its own over the
// same variables. Whoever changes a variable need look only at rows where an atom with that variable changes: nowhere else can the
// outcome change.
func (c *Checked) Atoms() []*Checked {
	out := make([]*Checked, 0, len(c.atoms))
	for _, n := range c.atoms {
		out = append(out, c.part(n, []*Node{n}))
	}
	return out
}

// part is a subtree as an expression of its own.
func (c *Checked) part(n *Node, atoms []*Node) *Checked {
	a := &Checked{src: c.src[n.from-c.offset : n.to-c.offset], root: n, atoms: atoms, offset: n.from}
	seen := map[*Var]bool{}
	n.Walk(func(x *Node) bool {
		if v := x.v; v != nil && !seen[v] {
			seen[v] = true
			a.vars = append(a.vars, v)
		}
		return true
	})
	return a
}

// Operands are the two sides of a comparison of numbers, each as an expression of its own; ok is false for any other expression.
func (c *Checked) Operands() (left, right *Checked, ok bool) {
	n := c.root
	if !n.Op.comparison() || n.Args[0].typ != Number {
		return nil, nil, false
	}
	return c.part(n.Args[0], nil), c.part(n.Args[1], nil), true
}

// Reason is the whole expression as one reason: what a comparison from [Checked.Atoms] compares, for a row.
func (c *Checked) Reason(row []Value) Reason { return c.reason(c.root, row) }

// Limit takes an expression apart that compares the order of two numbers, one of them made only of variables that are fixed (and
// literals), the other of others. value is put on the left: value < limit, op being < <= > or >=. ok is false for any other expression.
func (c *Checked) Limit(fixed func(*Var) bool) (value *Checked, op Op, limit *Checked, ok bool) {
	n := c.root
	if n.Op != OpLess && n.Op != OpLessEq && n.Op != OpMore && n.Op != OpMoreEq || n.Args[0].typ != Number {
		return nil, 0, nil, false
	}
	left, right := c.part(n.Args[0], nil), c.part(n.Args[1], nil)
	count := func(x *Checked) (some, all bool) {
		all = true
		for _, v := range x.vars {
			some, all = some || fixed(v), all && fixed(v)
		}
		return some, all
	}
	leftSome, leftAll := count(left)
	rightSome, rightAll := count(right)
	switch {
	case !leftSome && len(left.vars) > 0 && rightAll:
		return left, n.Op, right, true
	case !rightSome && len(right.vars) > 0 && leftAll:
		mirror := map[Op]Op{OpLess: OpMore, OpLessEq: OpMoreEq, OpMore: OpLess, OpMoreEq: OpLessEq}
		return right, mirror[n.Op], left, true
	}
	return nil, 0, nil, false
}

// Comparisons lists the outermost comparisons in the expression, wherever they stand, and the variables that occur outside of them.
func (c *Checked) Comparisons() (parts []*Checked, rest []*Var) {
	c.root.Walk(func(n *Node) bool {
		if n.Op.comparison() {
			parts = append(parts, c.part(n, nil))
			return false
		}
		if n.v != nil {
			rest = append(rest, n.v)
		}
		return true
	})
	return parts, rest
}
