package cli

import (
	"fmt"
	"strings"

	"golang.org/x/text/width"
)

// page is a text for people in one language: lines, headings and tables whose columns stay aligned although Chinese
// characters are two cells wide.
type page struct {
	strings.Builder
	lang string
}

func newPage(lang string) *page { return &page{lang: lang} }

// t picks the wording in the page's language.
func (p *page) t(zh, en string) string {
	if p.lang == "en" {
		return en
	}
	return zh
}

// linef writes one line.
func (p *page) linef(format string, args ...any) {
	fmt.Fprintf(&p.Builder, format, args...)
	p.WriteByte('\n')
}

// heading writes an empty line (except at the top) and a heading.
func (p *page) heading(zh, en string) {
	if p.Len() > 0 {
		p.WriteByte('\n')
	}
	p.linef("%s", p.t("【"+zh+"】", "== "+en+" =="))
}

// table writes rows under a header; a column whose cells all look like numbers is aligned to the right. An empty header
// cell row is left out.
func (p *page) table(header []string, rows [][]string) {
	n := len(header)
	widths := make([]int, n)
	right := make([]bool, n)
	for c := range n {
		widths[c] = cells(header[c])
		right[c] = len(rows) > 0
		for _, row := range rows {
			widths[c] = max(widths[c], cells(row[c]))
			right[c] = right[c] && numeric(row[c])
		}
	}
	line := func(row []string) {
		var b strings.Builder
		for c, text := range row {
			pad := strings.Repeat(" ", widths[c]-cells(text))
			b.WriteString("  ")
			if right[c] {
				b.WriteString(pad + text)
			} else {
				b.WriteString(text + pad)
			}
		}
		p.linef("%s", strings.TrimRight(b.String(), " "))
	}
	line(header)
	for _, row := range rows {
		line(row)
	}
}

// numeric reports whether a cell holds a figure, a dash or nothing.
func numeric(s string) bool {
	return strings.Trim(s, "0123456789 ,.%-–—+/xs") == ""
}

// cells is the width of s on a terminal.
func cells(s string) int {
	n := 0
	for _, r := range s {
		switch width.LookupRune(r).Kind() {
		case width.EastAsianWide, width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}

// count writes a whole number with thin groups of three: 52 000.
func count[N int | int64 | int32 | uint64](n N) string {
	s := fmt.Sprint(n)
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return sign + s
}

// percent writes a share of one with two decimals, or a dash when there is nothing to share.
func percent(part, whole int64) string {
	if whole == 0 {
		return "—"
	}
	return fmt.Sprintf("%.2f%%", 100*float64(part)/float64(whole))
}
