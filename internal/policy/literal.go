package policy

import (
	"slices"
	"strings"

	"shouwang/internal/expr"
)

// codesOf returns the codes of a column; nil when it is no code column. The registry's columns have the codes of the
// roster's column of the same name, the household's type those of household_type.
func (p *Pack) codesOf(dataset, column string) []Code {
	d := p.Dataset(dataset)
	switch dataset {
	case "person":
		d = p.Roster()
	case "household":
		d = p.Roster()
		if column != "type" {
			return nil
		}
		column = "household_type"
	}
	if d == nil {
		return nil
	}
	c := d.Column(column)
	if c == nil || c.Type != TypeCode {
		return nil
	}
	return c.Codes
}

// checkLiterals reports every text that is compared with a code column and is none of its codes: such a comparison
// would be false for ever without anybody noticing.
func (l *loader) checkLiterals(v node, c *expr.Checked, dataset string) {
	if c == nil {
		return
	}
	root, err := expr.Parse(c.Source())
	if err != nil {
		return // it has been checked: it parses
	}
	for _, cmp := range textComparisons(root) {
		codes := l.p.codesOf(dataset, cmp.name)
		if len(codes) == 0 {
			continue
		}
		var ids []string
		for _, code := range codes {
			ids = append(ids, code.ID)
		}
		for _, text := range cmp.texts {
			if !slices.Contains(ids, text) {
				v.fail("“%[1]s”不是 %[2]s 的代码：%[3]s", "%[1]q is none of the codes of %[2]s: %[3]s", clip(text), cmp.name, strings.Join(ids, ", "))
			}
		}
	}
}

// comparison is a variable with the texts it is compared with.
type comparison struct {
	name  string
	texts []string
}

// textComparisons finds name == "text", name != "text" (either way round) and name in ["text", …].
func textComparisons(root *expr.Node) []comparison {
	var out []comparison
	root.Walk(func(n *expr.Node) bool {
		switch n.Op {
		case expr.OpEqual, expr.OpUnequal, expr.OpIn:
			var c comparison
			for _, a := range n.Args {
				switch a.Op {
				case expr.OpName:
					c.name = a.Text
				case expr.OpText:
					c.texts = append(c.texts, a.Text)
				}
			}
			if c.name != "" && len(c.texts) > 0 {
				out = append(out, c)
			}
		}
		return true
	})
	return out
}
