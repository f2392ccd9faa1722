package policy

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Limits of a pack. They keep a hostile file from exhausting memory or the stack of the recursive YAML parser; a real
// pack stays far below them.
const (
	maxFileBytes  = 1 << 20
	maxPackBytes  = 16 << 20
	maxPackFiles  = 1000
	maxLineBytes  = 8 << 10
	maxLines      = 20_000 // the parser's time grows with the square of the keys of one mapping
	maxFlowDepth  = 64
	maxErrors     = 2000
	maxDepthLines = 256 // columns of indentation
)

// node is a place in a YAML file: the value, its key path, and where errors about it go.
type node struct {
	l    *loader
	file string
	path string
	n    ast.Node
}

// parseFile parses a file into its root value. A syntax error is reported and ok is false.
func (l *loader) parseFile(name string, src []byte) (root node, ok bool) {
	fail := func(line, col int, zh, en string, args ...any) (node, bool) {
		l.report(name, line, col, "", zh, en, args...)
		return node{}, false
	}
	if !utf8.Valid(src) {
		return fail(badUTF8Line(src), 0, "文件不是 UTF-8 编码；请另存为 UTF-8", "the file is not UTF-8; save it as UTF-8")
	}
	if line, ok := tooDeep(src); !ok {
		return fail(line, 0, "此处嵌套过深，或一行超过 %[1]d 字节，或文件超过 %[2]d 行", "nested too deeply here, or a line of more than %[1]d bytes, or more than %[2]d lines", maxLineBytes, maxLines)
	}
	f, err := parseYAML(src)
	if err != nil {
		var ye yaml.Error
		if errors.As(err, &ye) && ye.GetToken() != nil && ye.GetToken().Position != nil {
			p := ye.GetToken().Position
			return fail(p.Line, p.Column, "YAML 语法错误：%[1]s", "YAML syntax: %[1]s", clip(ye.GetMessage()))
		}
		return fail(0, 0, "YAML 语法错误：%[1]s", "YAML syntax: %[1]s", clip(firstLine(err.Error())))
	}
	var bodies []ast.Node
	for _, d := range f.Docs {
		if d != nil && d.Body != nil && d.Body.Type() != ast.CommentType {
			bodies = append(bodies, d.Body)
		}
	}
	switch {
	case len(bodies) == 0:
		return fail(0, 0, "文件是空的", "the file is empty")
	case len(bodies) > 1:
		line, col := position(bodies[1])
		return fail(line, col, "一个文件只能有一份 YAML 文档（不要用 ---）", "one YAML document a file (no ---)")
	}
	return node{l: l, file: name, n: bodies[0]}, true
}

// parseYAML turns a panic of the parser on unforeseen bytes into an error.
func parseYAML(src []byte) (f *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			f, err = nil, fmt.Errorf("the file cannot be read as YAML")
		}
	}()
	// Duplicate keys are found by object, which goes on after the first.
	return parser.ParseBytes(src, 0, parser.AllowDuplicateMapKey())
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

func badUTF8Line(src []byte) int {
	line := 1
	for len(src) > 0 {
		r, n := utf8.DecodeRune(src)
		if r == utf8.RuneError && n <= 1 {
			return line
		}
		if r == '\n' {
			line++
		}
		src = src[n:]
	}
	return line
}

// tooDeep bounds the nesting before the recursive parser sees the file. It counts brackets without regard to quotes,
// which is enough because texts have them in pairs.
func tooDeep(src []byte) (line int, ok bool) {
	depth, width, indent, leading := 0, 0, 0, true
	line = 1
	for _, c := range src {
		if c == '\n' {
			if line, width, indent, leading = line+1, 0, 0, true; line > maxLines {
				return line, false
			}
			continue
		}
		if width++; width > maxLineBytes {
			return line, false
		}
		// Block nesting shows as indentation, or as a run of "- - -" and "? ? ?" at the start of a line.
		if leading {
			switch c {
			case ' ', '\t', '-', '?', ':', '\r':
				if indent++; indent > maxDepthLines {
					return line, false
				}
			default:
				leading = false
			}
		}
		switch c {
		case '[', '{':
			if depth++; depth > maxFlowDepth {
				return line, false
			}
		case ']', '}':
			depth = max(0, depth-1)
		}
	}
	return line, true
}

// report files an error.
func (l *loader) report(file string, line, col int, path, zh, en string, args ...any) {
	if len(l.errs) >= maxErrors {
		return // more would not help anybody; the file is not what it should be
	}
	if len(args) > 0 {
		zh, en = fmt.Sprintf(zh, args...), fmt.Sprintf(en, args...)
	}
	l.errs = append(l.errs, &Error{File: file, Line: line, Column: col, Path: path, ZH: zh, EN: en})
}

// fail files an error about the node.
func (v node) fail(zh, en string, args ...any) {
	line, col := position(v.n)
	v.l.report(v.file, line, col, v.path, zh, en, args...)
}

func (v node) line() int {
	line, _ := position(v.n)
	return line
}

// position is the line and column where a value starts, both from 1; 0, 0 when unknown.
func position(n ast.Node) (line, col int) {
	var tk *token.Token
	switch x := n.(type) {
	case nil:
		return 0, 0
	case *ast.MappingNode:
		if !x.IsFlowStyle && len(x.Values) > 0 {
			return position(x.Values[0].Key)
		}
		tk = x.Start
	case *ast.MappingValueNode:
		return position(x.Key)
	case *ast.SequenceNode:
		tk = x.Start
	default:
		tk = n.GetToken()
	}
	if tk == nil || tk.Position == nil {
		return 0, 0
	}
	return tk.Position.Line, tk.Position.Column
}

// kindOf names the form of a YAML value for messages.
func kindOf(n ast.Node) (zh, en string) {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "键值表", "a mapping"
	case *ast.SequenceNode:
		return "列表", "a list"
	case *ast.StringNode, *ast.LiteralNode:
		return "文字", "text"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "数字", "a number"
	case *ast.BoolNode:
		return "true/false", "true/false"
	case *ast.NullNode, nil:
		return "空", "nothing"
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		return "YAML 锚点、别名或标签（不允许）", "a YAML anchor, alias or tag (not allowed)"
	}
	return "其他内容", "something else"
}

func (v node) wrongType(zh, en string) {
	gotZH, gotEN := kindOf(v.n)
	v.fail("应为%[1]s，实为%[2]s", "must be %[3]s, is %[4]s", zh, gotZH, en, gotEN)
}

// object is a mapping whose keys have been checked against the allowed ones.
type object struct {
	node
	fields map[string]node
	order  []string
}

// object reads the node as a mapping. Unknown and repeated keys are reported; with no allowed keys any key may come.
func (v node) object(allowed ...string) (object, bool) {
	var pairs []*ast.MappingValueNode
	switch x := v.n.(type) {
	case *ast.MappingNode:
		pairs = x.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{x}
	default:
		v.wrongType("键值表", "a mapping")
		return object{}, false
	}
	o := object{node: v, fields: make(map[string]node, len(pairs))}
	known := make(map[string]bool, len(allowed))
	for _, k := range allowed {
		known[k] = true
	}
	for _, p := range pairs {
		kn, isText := p.Key.(*ast.StringNode)
		if !isText {
			node{v.l, v.file, v.path, p.Key}.fail("键必须是文字", "a key must be text")
			continue
		}
		k := kn.Value
		child := node{v.l, v.file, join(v.path, k), p.Value}
		at := node{v.l, v.file, join(v.path, clip(k)), p.Key}
		if _, dup := o.fields[k]; dup {
			at.fail("键重复", "the key is here twice")
			continue
		}
		if len(allowed) > 0 && !known[k] {
			at.fail("未知的键；这里可用：%[1]s", "unknown key; known here: %[1]s", strings.Join(allowed, ", "))
			continue
		}
		o.fields[k] = child
		o.order = append(o.order, k)
	}
	return o, true
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// need returns a field and reports when it is missing or empty.
func (o object) need(key string) (node, bool) {
	v, ok := o.fields[key]
	if !ok {
		line, col := position(o.n)
		o.l.report(o.file, line, col, join(o.path, key), "缺少必填的键", "the required key is missing")
		return node{}, false
	}
	if _, null := v.n.(*ast.NullNode); null || v.n == nil {
		at := v
		if v.n == nil {
			at.n = o.n
		}
		at.fail("必填，不能为空", "required, must not be empty")
		return node{}, false
	}
	return v, true
}

// get returns a field if it is there.
func (o object) get(key string, required bool) (node, bool) {
	if required {
		return o.need(key)
	}
	v, ok := o.fields[key]
	return v, ok
}

// list returns the elements of a sequence; each one's path carries its id when it has one, otherwise its place (#1 …).
func (v node) list() ([]node, bool) {
	s, ok := v.n.(*ast.SequenceNode)
	if !ok {
		v.wrongType("列表", "a list")
		return nil, false
	}
	out := make([]node, 0, len(s.Values))
	for i, e := range s.Values {
		label := fmt.Sprintf("#%d", i+1)
		if id := idOf(e); id != "" {
			label = clip(id)
		}
		out = append(out, node{v.l, v.file, v.path + "[" + label + "]", e})
	}
	return out, true
}

func idOf(n ast.Node) string {
	var pairs []*ast.MappingValueNode
	switch x := n.(type) {
	case *ast.MappingNode:
		pairs = x.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{x}
	}
	for _, p := range pairs {
		if k, ok := p.Key.(*ast.StringNode); ok && k.Value == "id" {
			if s, ok := p.Value.(*ast.StringNode); ok {
				return s.Value
			}
		}
	}
	return ""
}

// list returns the elements of a list field.
func (o object) list(key string, required bool) []node {
	v, ok := o.get(key, required)
	if !ok {
		return nil
	}
	out, ok := v.list()
	if ok && required && len(out) == 0 {
		v.fail("列表不能为空", "the list must not be empty")
	}
	return out
}

// raw reads a scalar text as written, block texts included.
func (v node) raw() (string, bool) {
	switch x := v.n.(type) {
	case *ast.StringNode:
		return x.Value, true
	case *ast.LiteralNode:
		if x.Value != nil {
			return x.Value.Value, true
		}
		return "", true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		zh, en := kindOf(v.n)
		v.fail("应为文字，实为%[1]s；请加引号：\"%[3]s\"", "must be text, is %[2]s; put quotes round it: \"%[3]s\"", zh, en, clip(x.GetToken().Value))
	default:
		v.wrongType("文字", "text")
	}
	return "", false
}

// text reads a text with outer white space removed. Control characters are refused: they would corrupt what is printed.
func (v node) text() (string, bool) {
	s, ok := v.raw()
	if !ok {
		return "", false
	}
	s = strings.TrimSpace(s)
	for _, r := range s {
		if unicode.IsControl(r) && r != '\n' {
			v.fail("文字含有控制字符", "the text has a control character")
			return "", false
		}
	}
	return s, true
}

// text reads a text field; a required one must not be empty.
func (o object) text(key string, required bool) string {
	v, ok := o.get(key, required)
	if !ok {
		return ""
	}
	s, ok := v.text()
	if ok && required && s == "" {
		v.fail("必填，不能为空", "required, must not be empty")
	}
	return s
}

// texts reads a list of non-empty texts.
func (o object) texts(key string, required bool) []string {
	var out []string
	for _, v := range o.list(key, required) {
		if s, ok := v.text(); ok {
			if s == "" {
				v.fail("不能为空", "must not be empty")
				continue
			}
			out = append(out, s)
		}
	}
	return out
}

// bilingual reads the keys zh and en of a mapping field.
func (o object) bilingual(key string, required, english bool) Text {
	v, ok := o.get(key, required)
	if !ok {
		return Text{}
	}
	t, ok := v.object("zh", "en")
	if !ok {
		return Text{}
	}
	return t.names(true, english)
}

// names reads the keys zh and en of the object itself.
func (o object) names(chinese, english bool) Text {
	return Text{ZH: o.text("zh", chinese), EN: o.text("en", english)}
}

// oneOf reads a text field that must be one of the choices; the first choice is not a default.
func (o object) oneOf(key string, required bool, choices ...string) string {
	v, ok := o.get(key, required)
	if !ok {
		return ""
	}
	s, ok := v.text()
	if !ok {
		return ""
	}
	for _, c := range choices {
		if s == c {
			return s
		}
	}
	v.fail("“%[1]s”不在可选值内：%[2]s", "%[1]q is not one of: %[2]s", clip(s), strings.Join(choices, ", "))
	return ""
}

// boolean reads a true/false field; absent is false.
func (o object) boolean(key string) bool {
	v, ok := o.get(key, false)
	if !ok {
		return false
	}
	b, _ := v.truth()
	return b
}

// truth reads true or false.
func (v node) truth() (value, ok bool) {
	b, ok := v.n.(*ast.BoolNode)
	if !ok {
		v.wrongType(" true 或 false", "true or false")
		return false, false
	}
	return b.Value, true
}

// number reads a finite number.
func (v node) number() (float64, bool) {
	switch x := v.n.(type) {
	case *ast.IntegerNode:
		switch i := x.Value.(type) {
		case int64:
			return float64(i), true
		case uint64:
			return float64(i), true
		}
	case *ast.FloatNode:
		if !math.IsInf(x.Value, 0) && !math.IsNaN(x.Value) {
			return x.Value, true
		}
	}
	v.wrongType("数字", "a number")
	return 0, false
}

// integer reads a whole number field within lo..hi; absent is def.
func (o object) integer(key string, required bool, lo, hi, def int) int {
	v, ok := o.get(key, required)
	if !ok {
		return def
	}
	f, ok := v.number()
	if !ok {
		return def
	}
	if f != math.Trunc(f) || f < float64(lo) || f > float64(hi) {
		v.fail("应为 %[1]d 到 %[2]d 之间的整数", "must be a whole number from %[1]d to %[2]d", lo, hi)
		return def
	}
	return int(f)
}

// date reads a day written YYYY-MM-DD.
func (v node) date() (time.Time, bool) {
	s, ok := v.text()
	if !ok {
		return time.Time{}, false
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < 1900 || t.Year() > 2200 {
		v.fail("“%[1]s”不是 1900 至 2200 年间的日期（YYYY-MM-DD）", "%[1]q is not a date (YYYY-MM-DD) from 1900 to 2200", clip(s))
		return time.Time{}, false
	}
	return t, true
}

// date reads a day field; absent or wrong is the zero time.
func (o object) date(key string, required bool) time.Time {
	v, ok := o.get(key, required)
	if !ok {
		return time.Time{}
	}
	t, _ := v.date()
	return t
}

// id reads an identifier: a lower-case ASCII letter, then letters, digits and '_', at most 64 in all.
func (o object) id(key string) string {
	v, ok := o.need(key)
	if !ok {
		return ""
	}
	s, ok := v.text()
	if !ok {
		return ""
	}
	if !validID(s) {
		v.fail("“%[1]s”不是合格的标识：以小写字母开头，只含小写字母、数字和下划线，最多 64 个字符",
			"%[1]q is not an identifier: a lower-case letter, then lower-case letters, digits and underscores, at most 64", clip(s))
		return ""
	}
	return s
}

func validID(s string) bool {
	if s == "" || len(s) > 64 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}
