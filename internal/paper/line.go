package paper

import (
	"strings"
	"unicode"
)

// Characters that must not begin a line, and that must not end one (GB/T 15834, and the usual rules of typesetting).
const (
	neverFirst = "、。，．,.·・；;：:？?！!）)》〉」』】〗〕］]｝}”’…—～~％%‰℃℉°′″々〞ー"
	neverLast  = "（(《〈「『【〖〔［[｛{“‘〝￥¥$＄￡№#＃"
)

// wide says that a line may break beside the character: Chinese characters and the like stand each for itself.
func wide(r rune) bool {
	return r >= 0x2e80 && r <= 0x9fff || r >= 0xf900 && r <= 0xfaff || r >= 0xfe30 && r <= 0xfe4f || r >= 0xff00 && r <= 0xffef ||
		r >= 0x20000 && r <= 0x3ffff || r >= 0x2460 && r <= 0x24ff || r == '☐' || r == '☑'
}

// mayBreak says whether a line may end between two neighbours.
func mayBreak(before, after rune) bool {
	switch {
	case strings.ContainsRune(neverFirst, after), strings.ContainsRune(neverLast, before):
		return false
	case (before == '…' || before == '—') && before == after:
		return false
	case after == 0xa0 || before == 0xa0 || after == 0x202f || before == 0x202f:
		return false // spaces that hold together
	case unicode.IsSpace(before):
		return true
	case unicode.IsSpace(after):
		return false // the space goes with the word before it
	}
	return wide(before) || wide(after) || before == '…' || strings.ContainsRune("-/", before) && unicode.IsLetter(after)
}

// line is one line of a broken paragraph.
type line struct {
	text  string
	width float64 // mm, without spaces at its end
	last  bool    // of its paragraph: never stretched
}

// breakLines breaks a text into lines no wider than width; the first begins indent to the right. A newline begins a new paragraph. A
// word that is wider than the line is broken where the line ends.
func (f *Font) breakLines(text string, size, width, indent float64) []line {
	var out []line
	perUnit := size / float64(f.unitsPerEm) * mmPerPoint
	for _, paragraph := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		runes := []rune(strings.TrimRightFunc(paragraph, unicode.IsSpace))
		for from, first := 0, true; ; first = false {
			room := width
			if first {
				room -= indent
			}
			to, safe, used := from, from, 0.0
			for to < len(runes) {
				w := float64(f.advance(runes[to])) * perUnit
				if used+w > room+0.01 && !unicode.IsSpace(runes[to]) && to > from {
					break
				}
				used += w
				to++
				if to < len(runes) && mayBreak(runes[to-1], runes[to]) {
					safe = to
				}
			}
			if to < len(runes) && safe > from {
				to = safe
			}
			s := strings.TrimRightFunc(string(runes[from:to]), unicode.IsSpace)
			out = append(out, line{s, f.Width(s, size), to >= len(runes)})
			if from = to; from >= len(runes) {
				break
			}
			for from < len(runes) && unicode.IsSpace(runes[from]) && runes[from] != 0x3000 {
				from++
			}
		}
	}
	return out
}
