package expr

// Atoms lists the different comparisons of a yes/no expression, in order of first appearance, each as an expression of its own over the
// same variables. Whoever changes a variable need look only at rows where an atom with that variable changes: nowhere else can the
// outcome change.
func (c *Checked) Atoms() []*Checked {
	out := make([]*Checked, 0, len(c.atoms))
	for _, n := range c.atoms {
		a := &Checked{src: c.src[n.from:n.to], root: n, atoms: []*Node{n}}
		seen := map[*Var]bool{}
		n.Walk(func(x *Node) bool {
			if v := x.v; v != nil && !seen[v] {
				seen[v] = true
				a.vars = append(a.vars, v)
			}
			return true
		})
		out = append(out, a)
	}
	return out
}
