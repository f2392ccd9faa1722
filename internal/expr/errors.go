package expr

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Position is a place in the text of an expression.
type Position struct {
	Offset int // bytes from the start, from 0
	Line   int // from 1
	Column int // characters from the start of the line, from 1
}

// Error says what is wrong with an expression, where, and what to do, in Chinese and English.
type Error struct {
	Pos    Position
	End    int    // byte offset after the place
	ZH, EN string // one sentence each, without the place
	Source string // the line of the expression that holds the place, at most some 100 characters of it
	Mark   string // spaces and ^^^ that stand under the place when printed below Source
}

// Error is the English text with the place marked.
func (e *Error) Error() string { return e.In("en") }

// In is the text with the line and the mark below it, in Chinese ("zh") or English.
func (e *Error) In(lang string) string {
	format, text := "line %d, column %d: %s", e.EN
	if lang == "zh" {
		format, text = "第 %d 行第 %d 个字：%s", e.ZH
	}
	s := fmt.Sprintf(format, e.Pos.Line, e.Pos.Column, text)
	if e.Source == "" {
		return s
	}
	return s + "\n    " + e.Source + "\n    " + e.Mark
}

// newError marks src[from:to].
func newError(src string, from, to int, zh, en string) *Error {
	from = min(max(from, 0), len(src))
	to = min(max(to, from), len(src))
	start := strings.LastIndexByte(src[:from], '\n') + 1
	end := len(src)
	if i := strings.IndexByte(src[from:], '\n'); i >= 0 {
		end = from + i
	}
	e := &Error{Pos: Position{Offset: from, Line: 1 + strings.Count(src[:from], "\n"), Column: 1 + utf8.RuneCountInString(src[start:from])}, End: to, ZH: zh, EN: en}
	stop := min(max(to, from), end)
	// A very long line is cut to the neighborhood of the place.
	const before, after = 60, 40
	head, mark, tail := []rune(printable(src[start:from])), []rune(printable(src[from:stop])), []rune(printable(src[stop:end]))
	lead, trail := "", ""
	if len(head) > before {
		head, lead = head[len(head)-before:], "…"
	}
	if len(mark) > before {
		mark, tail, trail = mark[:before], nil, "…"
	} else if len(tail) > after {
		tail, trail = tail[:after], "…"
	}
	e.Source = lead + string(head) + string(mark) + string(tail) + trail
	e.Mark = strings.Repeat(" ", width([]rune(lead))) + strings.Repeat(" ", width(head)) + strings.Repeat("^", max(1, width(mark)))
	return e
}

// printable replaces what would move the mark or the terminal's cursor.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// width is the number of columns on a terminal: Chinese characters and full-width forms take two.
func width(rs []rune) int {
	n := 0
	for _, r := range rs {
		n++
		if (r >= 0x1100 && r <= 0x115f) || (r >= 0x2e80 && r <= 0xa4cf) || (r >= 0xac00 && r <= 0xd7a3) || (r >= 0xf900 && r <= 0xfaff) ||
			(r >= 0xfe30 && r <= 0xfe6f) || (r >= 0xff00 && r <= 0xff60) || (r >= 0xffe0 && r <= 0xffe6) || (r >= 0x20000 && r <= 0x3fffd) {
			n++
		}
	}
	return n
}
