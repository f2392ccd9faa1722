package expr

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokNumber
	tokText
	tokName
	tokTrue
	tokFalse
	tokNot     // the word
	tokBang    // !
	tokAnd     // && and 且
	tokOr      // || or 或
	tokIn      // in 属于
	tokLess    // <
	tokLessEq  // <=
	tokMore    // >
	tokMoreEq  // >=
	tokEqual   // ==
	tokUnequal // !=
	tokPlus
	tokMinus
	tokStar
	tokSlash
	tokPercent
	tokOpen
	tokClose
	tokOpenList
	tokCloseList
	tokComma
	tokQuestion
	tokColon
)

type token struct {
	kind     tokenKind
	from, to int
	text     string  // of a name or text
	num      float64 // of a number
}

// word gives the token of a reserved word.
func word(s string) (tokenKind, bool) {
	switch s {
	case "true", "真":
		return tokTrue, true
	case "false", "假":
		return tokFalse, true
	case "not", "非":
		return tokNot, true
	case "and", "且":
		return tokAnd, true
	case "or", "或":
		return tokOr, true
	case "in", "属于":
		return tokIn, true
	}
	return tokEnd, false
}

func isNameStart(r rune) bool {
	return r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '〇' || r > 0x7f && unicode.Is(unicode.Han, r) && unicode.IsLetter(r)
}

func isNamePart(r rune) bool { return isNameStart(r) || r >= '0' && r <= '9' }

// isName reports whether s can be written as a variable in an expression.
func isName(s string) bool {
	if s == "" || len(s) > 200 {
		return false
	}
	for _, part := range strings.Split(s, ".") {
		first := true
		for _, r := range part {
			if first && !isNameStart(r) || !isNamePart(r) {
				return false
			}
			first = false
		}
		if first {
			return false
		}
	}
	_, reserved := word(s)
	return !reserved
}

// Comparison signs that have no single ASCII character; above the range of Unicode.
const (
	atLeast rune = unicode.MaxRune + 1 + iota
	atMost
	unequal
)

// fold maps the full-width forms that Chinese keyboards produce to ASCII.
func fold(r rune) rune {
	switch {
	case r < utf8.RuneSelf:
		return r
	case r >= '！' && r <= '～':
		return r - 0xfee0
	}
	switch r {
	case '≥':
		return atLeast
	case '≤':
		return atMost
	case '≠':
		return unequal
	case '×':
		return '*'
	case '÷':
		return '/'
	case '−':
		return '-'
	case '【':
		return '['
	case '】':
		return ']'
	}
	return r
}

func isSpace(r rune) bool {
	return r == ' ' || r == '\t' || r == '\n' || r == '\r' || r == 0x3000 || r == 0xa0 || r == 0xfeff
}

// lex splits src into tokens; the last one is tokEnd.
func lex(src string) ([]token, *Error) {
	if len(src) > maxSource {
		return nil, newError(src, 0, 0, fmt.Sprintf("表达式太长（%d 字节，上限 %d）：请拆成几条规则或推导指标", len(src), maxSource),
			fmt.Sprintf("the expression is too long (%d bytes, at most %d): split it into several rules or derived indicators", len(src), maxSource))
	}
	if !utf8.ValidString(src) {
		i := 0
		for i < len(src) {
			r, n := utf8.DecodeRuneInString(src[i:])
			if r == utf8.RuneError && n == 1 {
				break
			}
			i += n
		}
		return nil, newError(src, i, i+1, "这里不是有效的 UTF-8 文字：请把文件另存为 UTF-8 编码", "this is not valid UTF-8: save the file in UTF-8")
	}
	tokens := make([]token, 0, 8+len(src)/4)
	i := 0
	peek := func(at int) (rune, int) {
		if at >= len(src) {
			return 0, 0
		}
		r, n := utf8.DecodeRuneInString(src[at:])
		return fold(r), n
	}
	for i < len(src) {
		raw, n := utf8.DecodeRuneInString(src[i:])
		if isSpace(raw) {
			i += n
			continue
		}
		r := fold(raw)
		from := i
		next, nextLen := peek(i + n)
		add := func(kind tokenKind, length int) {
			tokens = append(tokens, token{kind: kind, from: from, to: from + length})
			i = from + length
		}
		bad := func(length int, zh, en string) ([]token, *Error) {
			return nil, newError(src, from, from+length, zh, en)
		}
		switch {
		case isNameStart(r):
			var b strings.Builder
			for {
				for {
					c, k := peek(i)
					if k == 0 || !isNamePart(c) {
						break
					}
					b.WriteRune(c)
					i += k
				}
				// A dot continues the name when a name follows at once: param.line
				if c, k := peek(i); k > 0 && c == '.' {
					if d, _ := peek(i + k); isNameStart(d) {
						b.WriteByte('.')
						i += k
						continue
					}
				}
				break
			}
			name := b.String()
			kind, reserved := word(name)
			if !reserved {
				kind = tokName
			}
			tokens = append(tokens, token{kind: kind, from: from, to: i, text: name})
		case r >= '0' && r <= '9' || r == '.' && next >= '0' && next <= '9':
			t, err := lexNumber(src, from, peek)
			if err != nil {
				return nil, err
			}
			tokens = append(tokens, t)
			i = t.to
		case r == '"' || r == '\'' || raw == '“' || raw == '”' || raw == '‘' || raw == '’':
			t, err := lexText(src, from)
			if err != nil {
				return nil, err
			}
			tokens = append(tokens, t)
			i = t.to
		case r == '(':
			add(tokOpen, n)
		case r == ')':
			add(tokClose, n)
		case r == '[':
			add(tokOpenList, n)
		case r == ']':
			add(tokCloseList, n)
		case r == ',':
			add(tokComma, n)
		case r == '?':
			add(tokQuestion, n)
		case r == ':':
			add(tokColon, n)
		case r == '+':
			add(tokPlus, n)
		case r == '-':
			add(tokMinus, n)
		case r == '*':
			add(tokStar, n)
		case r == '/':
			add(tokSlash, n)
		case r == '%':
			add(tokPercent, n)
		case r == atLeast:
			add(tokMoreEq, n)
		case r == atMost:
			add(tokLessEq, n)
		case r == unequal:
			add(tokUnequal, n)
		case r == '<' && next == '>':
			return bad(n+nextLen, "不等于请写成 !=", "write != for not equal")
		case r == '<' && next == '=':
			add(tokLessEq, n+nextLen)
		case r == '<':
			add(tokLess, n)
		case r == '>' && next == '=':
			add(tokMoreEq, n+nextLen)
		case r == '>':
			add(tokMore, n)
		case r == '=' && next == '=':
			add(tokEqual, n+nextLen)
			if c, k := peek(i); k > 0 && c == '=' {
				return bad(n+nextLen+k, "等于写成两个等号 ==", "write two equals signs, ==, for equal")
			}
		case r == '=' && next == '>':
			return bad(n+nextLen, "大于等于请写成 >=", "write >= for at least")
		case r == '=' && next == '<':
			return bad(n+nextLen, "小于等于请写成 <=", "write <= for at most")
		case r == '=':
			return bad(n, "比较是否相等请写两个等号 ==", "write two equals signs, ==, to compare")
		case r == '!' && next == '=':
			add(tokUnequal, n+nextLen)
		case r == '!':
			add(tokBang, n)
		case r == '&' && next == '&':
			add(tokAnd, n+nextLen)
		case r == '&':
			return bad(n, "“且”请写成 && 或 and", "write && or and")
		case r == '|' && next == '|':
			add(tokOr, n+nextLen)
		case r == '|':
			return bad(n, "“或”请写成 || 或 or", "write || or or")
		case raw == '、':
			return bad(n, "顿号“、”请改成逗号 ,", "change the enumeration comma “、” to a comma ,")
		case raw == '。' || r == ';' || r == '.':
			return bad(n, fmt.Sprintf("表达式里不用“%c”：请删去；小数点写 .", raw), fmt.Sprintf("%q has no place in an expression: delete it; a decimal point is .", raw))
		case raw == '《' || raw == '》' || raw == '「' || raw == '」' || r == '`':
			return bad(n, fmt.Sprintf("文字请用引号 \" 括起来，不用“%c”", raw), fmt.Sprintf("put texts into quotes \", not %q", raw))
		case r == '{' || r == '}':
			return bad(n, fmt.Sprintf("请把“%c”改成圆括号 ( ) 或方括号 [ ]", raw), fmt.Sprintf("change %q to round or square brackets", raw))
		default:
			return bad(n, fmt.Sprintf("看不懂字符“%s”", string(raw)), fmt.Sprintf("cannot read the character %q", raw))
		}
	}
	return append(tokens, token{kind: tokEnd, from: len(src), to: len(src)}), nil
}

func lexNumber(src string, from int, peek func(int) (rune, int)) (token, *Error) {
	i := from
	var b strings.Builder
	digits := func() int {
		count := 0
		for {
			c, k := peek(i)
			if k == 0 || c < '0' || c > '9' {
				return count
			}
			b.WriteRune(c)
			i += k
			count++
		}
	}
	digits()
	if c, k := peek(i); k > 0 && c == '.' {
		if d, _ := peek(i + k); d >= '0' && d <= '9' {
			b.WriteByte('.')
			i += k
			digits()
		} else {
			return token{}, newError(src, from, i+k, "小数点后面要有数字", "digits must follow the decimal point")
		}
	}
	if c, k := peek(i); k > 0 && (c == 'e' || c == 'E') {
		at, exponent := i+k, "e"
		if s, l := peek(at); l > 0 && (s == '+' || s == '-') {
			exponent += string(s)
			at += l
		}
		if d, l := peek(at); l > 0 && d >= '0' && d <= '9' {
			b.WriteString(exponent)
			i = at
			digits()
		}
	}
	if c, k := peek(i); k > 0 && (isNameStart(c) || c == '.') {
		end := i
		for end < len(src) {
			c, k := peek(end)
			if k == 0 || !isNamePart(c) && c != '.' {
				break
			}
			end += k
		}
		rest := src[i:end]
		return token{}, newError(src, i, end, fmt.Sprintf("数字后面不能紧跟“%s”：单位不写；“且”“或”等词前后要有空格", rest),
			fmt.Sprintf("%q cannot follow a number directly: leave out units, and put spaces around words such as and, or", rest))
	}
	f, err := strconv.ParseFloat(b.String(), 64)
	if err != nil || math.IsInf(f, 0) {
		return token{}, newError(src, from, i, "数字太大", "the number is too large")
	}
	return token{kind: tokNumber, from: from, to: i, num: f}, nil
}

func lexText(src string, from int) (token, *Error) {
	open, n := utf8.DecodeRuneInString(src[from:])
	closes := func(r rune) bool {
		switch open {
		case '“', '”':
			return r == '“' || r == '”'
		case '‘', '’':
			return r == '‘' || r == '’'
		}
		return r == open
	}
	var b strings.Builder
	for i := from + n; i < len(src); {
		r, k := utf8.DecodeRuneInString(src[i:])
		switch {
		case closes(r):
			return token{kind: tokText, from: from, to: i + k, text: b.String()}, nil
		case r == '\\':
			if i+k >= len(src) {
				return token{}, newError(src, i, i+k, "反斜杠后面要有字符", "a character must follow the backslash")
			}
			c, l := utf8.DecodeRuneInString(src[i+k:])
			switch c {
			case '\\', '"', '\'', '“', '”', '‘', '’':
				b.WriteRune(c)
			case 'n':
				b.WriteByte('\n')
			case 't':
				b.WriteByte('\t')
			default:
				return token{}, newError(src, i, i+k+l, `文字中的反斜杠只能写成 \\ \" \' \n \t`, `in a text a backslash may only be \\ \" \' \n \t`)
			}
			i += k + l
		case r == '\n' || r == '\r':
			return token{}, newError(src, from, i, "文字的引号没有配对：这一行里没有结束的引号", "the quote is not closed on this line")
		case r < ' ' && r != '\t' || r == 0x7f:
			return token{}, newError(src, i, i+k, "文字里不能有控制字符", "a text cannot hold control characters")
		default:
			b.WriteRune(r)
			i += k
		}
	}
	return token{}, newError(src, from, len(src), "文字的引号没有配对：缺少结束的引号", "the quote is not closed")
}
