package policy

import (
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"shouwang/internal/expr"
)

// exprText is the text of an error of the rule language in both languages, with the place marked below.
func exprText(e *expr.Error) (zh, en string) {
	mark := ""
	if e.Source != "" {
		mark = "\n    " + e.Source + "\n    " + e.Mark
	}
	return e.ZH + mark, e.EN + mark
}

// exprPlace adds the place of an error inside an expression to the place of its value. A plain or quoted text stands on
// one line in the file; a block text ("|") begins on the line below, with the block's own indentation; where a text is folded or has
// escapes, lines inside it cannot be told and the value's own place stands.
func exprPlace(v node, src string, line, col int, e *expr.Error) (int, int) {
	switch n := v.n.(type) {
	case *ast.LiteralNode:
		if n.Start != nil && n.Start.Type == token.LiteralType && e.Pos.Line > 0 {
			return line + e.Pos.Line, 0
		}
	case *ast.StringNode:
		if e.Pos.Line != 1 || e.Pos.Column < 1 {
			break
		}
		switch n.Token.Type {
		case token.SingleQuoteType, token.DoubleQuoteType:
			if n.Token.Origin != "" && len(n.Token.Value) == len(src) && !hasEscape(n.Token) {
				return line, col + e.Pos.Column
			}
		case token.StringType:
			return line, col + e.Pos.Column - 1
		}
	}
	return line, col
}

// hasEscape reports whether a quoted text looks otherwise in the file than it reads.
func hasEscape(t *token.Token) bool {
	for _, r := range t.Origin {
		if r == '\\' || r == '\n' {
			return true
		}
	}
	return false
}
