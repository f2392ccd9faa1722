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
