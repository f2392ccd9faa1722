package policy

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"

	"shouwang/internal/errs"
)

// Edits of a pack's text that a form makes. They change the one place and leave everything else, comments too, as it is written. What the change means for
// the pack, Load says.

// SetField gives a key of one element of a list another value: SetField(src, "rules", "illness_poverty", "wording.zh", "…"). A key of the element itself that is
// not there yet is added behind the id. number writes the value bare. The error is NotFound for an element or key that is not there, Invalid for
// a value that the file writes over several lines.
func SetField(src []byte, list, id, key, value string, number bool) ([]byte, error) {
	element, err := elementOf(src, list, id)
	if err != nil {
		return nil, err
	}
	text := scalar(value)
	if number {
		text = strings.TrimSpace(value)
	}
	at := element
	path := strings.Split(key, ".")
	for i, k := range path {
		next := childOf(at, k)
		if next == nil {
			if i > 0 || len(path) > 1 {
				return nil, errs.Newf(errs.NotFound, "“%[1]s”没有 %[2]s，请在文本里添加", "%[1]s has no %[2]s: add it in the text", clip(id), clip(key))
			}
			return addKey(src, element, k+": "+text)
		}
		at = next
	}
	return replaceScalar(src, at, text)
}

// SetValue gives a parameter another value for a division from a day on, in the text of parameters.yaml: the value that begins on that day is changed, or
// one more is added behind the others. division is "" for the region's own.
func SetValue(src []byte, parameter, division string, from time.Time, value float64, document string) ([]byte, error) {
	element, err := elementOf(src, "parameters", parameter)
	if err != nil {
		return nil, err
	}
	list, ok := childOf(element, "values").(*ast.SequenceNode)
	if !ok || len(list.Values) == 0 {
		return nil, errs.Newf(errs.Invalid, "参数“%[1]s”没有取值列表，请在文本里修改", "parameter %[1]s has no list of values: change it in the text", clip(parameter))
	}
	day, number := from.Format(time.DateOnly), plainNumber(value)
	for _, v := range list.Values {
		if sameDivision(scalarOf(childOf(v, "division")), division) && scalarOf(childOf(v, "from")) == day {
			// The later place first, so that the earlier one's position stays right.
			places := []struct {
				node ast.Node
				text string
			}{{childOf(v, "value"), number}, {childOf(v, "document"), scalar(document)}}
			if after(places[0].node, places[1].node) {
				places[0], places[1] = places[1], places[0]
			}
			for i := len(places) - 1; i >= 0; i-- {
				if src, err = replaceScalar(src, places[i].node, places[i].text); err != nil {
					return nil, err
				}
			}
			return src, nil
		}
	}
	entry := fmt.Sprintf("{from: %s, value: %s, document: %s}", day, number, scalar(document))
	if division != "" {
		entry = fmt.Sprintf(`{division: "%s", %s`, division, entry[1:])
	}
	if list.IsFlowStyle {
		at, ok := offset(src, list.End.Position.Line, list.End.Position.Column)
		if !ok || src[at] != ']' {
			return nil, notByForm()
		}
		return splice(src, at, at, ", "+entry), nil
	}
	line := lastLine(list.Values[len(list.Values)-1])
	at, ok := lineStart(src, line+1)
	if !ok {
		return nil, notByForm()
	}
	entry = strings.Repeat(" ", list.Start.Position.Column-1) + "- " + entry + "\n"
	if at > 0 && src[at-1] != '\n' {
		entry = "\n" + entry
	}
	return splice(src, at, at, entry), nil
}

func sameDivision(a, b string) bool {
	x, _ := canonicalDivision(a)
	y, _ := canonicalDivision(b)
	return x == y
}

// notByForm is the answer where the text is written in a way that the forms don't reckon with.
func notByForm() error {
	return errs.New(errs.Invalid, "这一处的写法不能用表单修改，请在文本里修改", "a form cannot change what is written like this: change it in the text")
}

// elementOf finds the element with an id in a list of the root.
func elementOf(src []byte, list, id string) (ast.Node, error) {
	if !utf8.Valid(src) {
		return nil, notByForm()
	}
	if _, ok := tooDeep(src); !ok {
		return nil, notByForm()
	}
	f, err := parseYAML(src)
	if err != nil {
		return nil, errs.Wrap(errs.Invalid, err, "文件有 YAML 语法错误，请先在文本里改正", "the file is no YAML: mend it in the text first")
	}
	for _, d := range f.Docs {
		if d == nil || d.Body == nil {
			continue
		}
		elements, _ := childOf(d.Body, list).(*ast.SequenceNode)
		if elements == nil {
			continue
		}
		for _, e := range elements.Values {
			if idOf(e) == id {
				return e, nil
			}
		}
	}
	return nil, errs.Newf(errs.NotFound, "文件里没有“%[1]s”", "the file has no %[1]s", clip(id))
}

// childOf is the value of a key of a mapping; nil when there is none.
func childOf(n ast.Node, key string) ast.Node {
	var pairs []*ast.MappingValueNode
	switch x := n.(type) {
	case *ast.MappingNode:
		pairs = x.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{x}
	}
	for _, p := range pairs {
		if k, ok := p.Key.(*ast.StringNode); ok && k.Value == key {
			return p.Value
		}
	}
	return nil
}

// scalarOf is the text of a scalar as it means, not as it is quoted; "" for anything else.
func scalarOf(n ast.Node) string {
	if s, ok := n.(*ast.StringNode); ok {
		return s.Value
	}
	if n == nil {
		return ""
	}
	if t := n.GetToken(); t != nil {
		return t.Value
	}
	return ""
}

func after(a, b ast.Node) bool {
	if a == nil || b == nil {
		return false
	}
	la, ca := position(a)
	lb, cb := position(b)
	return la > lb || la == lb && ca > cb
}

// bare are texts that need no quotes in YAML, in a flow or in a block, and mean text.
var bare = regexp.MustCompile(`^[\p{Han}A-Za-z_][\p{Han}A-Za-z0-9_]*$`)

// scalar writes a text as a YAML scalar on one line.
func scalar(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	switch strings.ToLower(text) {
	case "true", "false", "yes", "no", "on", "off", "null", "y", "n":
	default:
		if bare.MatchString(text) {
			return text
		}
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

// replaceScalar writes another scalar in the place of one that stands on one line.
func replaceScalar(src []byte, n ast.Node, text string) ([]byte, error) {
	switch n.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
	default:
		return nil, notByForm()
	}
	line, col := position(n)
	from, ok := offset(src, line, col)
	if !ok {
		return nil, notByForm()
	}
	to := from
	switch src[from] {
	case '\'':
		for to++; to < len(src) && (src[to] != '\'' || to+1 < len(src) && src[to+1] == '\''); to++ {
			if src[to] == '\'' {
				to++
			}
		}
		to++
	case '"':
		for to++; to < len(src) && src[to] != '"'; to++ {
			if src[to] == '\\' {
				to++
			}
		}
		to++
	default:
		raw := strings.TrimSpace(n.GetToken().Origin)
		if raw == "" || !bytes.HasPrefix(src[from:], []byte(raw)) {
			return nil, notByForm()
		}
		to += len(raw)
	}
	if to > len(src) || bytes.ContainsRune(src[from:to], '\n') {
		return nil, notByForm()
	}
	return splice(src, from, to, text), nil
}

// addKey adds a pair behind the id of a mapping.
func addKey(src []byte, n ast.Node, pair string) ([]byte, error) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		return nil, notByForm()
	}
	for _, v := range m.Values {
		k, ok := v.Key.(*ast.StringNode)
		if !ok || k.Value != "id" {
			continue
		}
		line, col := position(v.Value)
		at, ok := offset(src, line, col)
		if !ok || !bytes.HasPrefix(src[at:], []byte(scalarOf(v.Value))) {
			return nil, notByForm()
		}
		at += len(scalarOf(v.Value))
		if m.IsFlowStyle {
			return splice(src, at, at, ", "+pair), nil
		}
		_, keyCol := position(v.Key)
		next, ok := lineStart(src, line+1)
		if !ok {
			return nil, notByForm()
		}
		return splice(src, next, next, strings.Repeat(" ", keyCol-1)+pair+"\n"), nil
	}
	return nil, notByForm()
}

func splice(src []byte, from, to int, text string) []byte {
	out := make([]byte, 0, len(src)+len(text))
	out = append(append(out, src[:from]...), text...)
	return append(out, src[to:]...)
}

// lineStart is where a line begins, from 1; the end of the text is the start of the line behind the last.
func lineStart(src []byte, line int) (int, bool) {
	at := 0
	for ; line > 1; line-- {
		i := bytes.IndexByte(src[at:], '\n')
		if i < 0 {
			return len(src), line == 2
		}
		at += i + 1
	}
	return at, true
}

// offset is the byte at a line and column, both from 1, columns in characters.
func offset(src []byte, line, col int) (int, bool) {
	at, ok := lineStart(src, line)
	if !ok || line < 1 || col < 1 {
		return 0, false
	}
	for ; col > 1; col-- {
		if at >= len(src) || src[at] == '\n' {
			return 0, false
		}
		_, n := utf8.DecodeRune(src[at:])
		at += n
	}
	return at, at < len(src)
}

// lastLine is the last line that a node stands on.
func lastLine(n ast.Node) int {
	f := &furthest{}
	ast.Walk(f, n)
	return f.line
}

type furthest struct{ line int }

// Visit notes the lines of a node's tokens.
func (f *furthest) Visit(n ast.Node) ast.Visitor {
	if t := n.GetToken(); t != nil && t.Position != nil {
		f.line = max(f.line, t.Position.Line)
	}
	switch x := n.(type) {
	case *ast.MappingNode:
		if x.End != nil && x.End.Position != nil {
			f.line = max(f.line, x.End.Position.Line)
		}
	case *ast.SequenceNode:
		if x.End != nil && x.End.Position != nil {
			f.line = max(f.line, x.End.Position.Line)
		}
	}
	return f
}
