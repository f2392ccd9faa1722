package residentid

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// mask stands for what is hidden. It has always the same width, so that the length of a name does not show.
const mask = "**"

// MaskName keeps the first character of a name: 王小明 → 王**.
func MaskName(name string) string {
	name = strings.TrimSpace(name)
	if name == "" {
		return ""
	}
	r, size := utf8.DecodeRuneInString(name)
	if r == utf8.RuneError || r < utf8.RuneSelf && !unicode.IsLetter(r) {
		return mask
	}
	return name[:size] + mask
}

// MaskPhone keeps the first three and the last two digits of a phone number, for people who are allowed to see the
// case but not the number: 138******78. Anything shorter than eight digits disappears whole.
func MaskPhone(phone string) string {
	d := digits(phone)
	switch {
	case d == "":
		return ""
	case len(d) < 8:
		return mask
	default:
		return d[:3] + strings.Repeat("*", len(d)-5) + d[len(d)-2:]
	}
}

// MaskAny makes any value of a delivered file fit for an error message or a log, whatever its column was meant to
// hold: a name may stand where a number should, and a number where an amount should. What stays as it is:
//
//   - numbers of up to 12 characters, with or without a unit, that look like no phone, document or account number;
//   - dates (with or without the time of day);
//   - ASCII codes of up to 12 characters that have a digit or are very short; words of letters only may be names;
//   - a single character (男).
//
// Everything else keeps its first character (a long number its first six digits, the region) and loses the rest.
func MaskAny(value string) string {
	value = strings.TrimFunc(value, func(r rune) bool { return unicode.IsSpace(r) || r == '\ufeff' })
	plain := fold(value)
	if plain == "" {
		return ""
	}
	if !utf8.ValidString(value) {
		return mask
	}
	if isDate(plain) || isQuantity(plain) || isCode(plain) {
		return value
	}
	d := digits(plain)
	first, size := utf8.DecodeRuneInString(plain)
	switch {
	case len(d) >= 15 && len(d) == len(strings.TrimRight(compact(plain), "xX")):
		return d[:6] + strings.Repeat("*", min(len(d)-6, 16))
	case len(d) >= 7 && len(d) == len(compact(plain)):
		return d[:3] + strings.Repeat("*", len(d)-3)
	case size == len(plain) && unicode.IsPrint(first):
		return value
	case unicode.IsLetter(first):
		return plain[:size] + mask
	default:
		return mask
	}
}

// fold turns full-width forms into ASCII and every space into ' '.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 0xFF01 && r <= 0xFF5E:
			return r - 0xFF01 + '!'
		case unicode.IsSpace(r):
			return ' '
		case unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, s)
}

// digits keeps the digits of s only.
func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 0xFF10 && r <= 0xFF19 {
			r += '0' - 0xFF10
		}
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

// compact drops what people put between the digits of a number.
func compact(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -_./,'+()", r) {
			return -1
		}
		return r
	}, s)
}

func isDate(s string) bool {
	if len(s) > 24 || len(s) < 6 || s[0] < '1' || s[0] > '2' {
		return false
	}
	for _, layout := range []string{"2006-1-2", "2006/1/2", "2006.1.2", "2006年1月2日", "2006年1月", "2006-1", "2006/1", "20060102",
		"2006-1-2 15:04:05", "2006/1/2 15:04:05", "2006-1-2 15:04", "2006/1/2 15:04", "2006-1-2T15:04:05", "2006-1-2T15:04:05Z07:00"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.Year() >= minYear && t.Year() <= maxYear
		}
	}
	return false
}

// isQuantity: sign, digits, thousands commas, one point, perhaps a unit.
func isQuantity(s string) bool {
	for _, unit := range []string{"万元", "元", "%", "亩", "人", "岁", "天", "月", "年", "户", "次"} {
		if rest, ok := strings.CutSuffix(s, unit); ok {
			s = strings.TrimSpace(rest)
			break
		}
	}
	s = strings.TrimLeft(s, "+-¥￥")
	if s == "" || len(s) > 12 || looksPersonal(s) {
		return false
	}
	points := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.':
			points++
		case c == ',' && i > 0:
		case c-'0' > 9:
			return false
		}
	}
	return points <= 1 && digits(s) != ""
}

// isCode: ASCII letters, digits and the punctuation of codes.
func isCode(s string) bool {
	if len(s) > 12 || looksPersonal(s) {
		return false
	}
	letters, others := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			letters++
		case c-'0' <= 9 || strings.IndexByte("_-./:#?*!", c) >= 0:
			others++
		default:
			return false // also a space: two words may be a name
		}
	}
	if letters <= 3 || digits(s) != "" {
		return true
	}
	if others > 0 && strings.IndexByte(s, '_') > 0 {
		return true
	}
	switch strings.ToLower(s) {
	case "null", "none", "true", "false", "#n/a", "#ref!", "#value!", "#div/0!":
		return true
	}
	return false
}

// looksPersonal: a mobile or landline number, with or without separators, or a document number of letters and seven or
// more digits (passport, travel permit).
func looksPersonal(s string) bool {
	run := compact(s)
	letters := 0
	for letters < len(run) && (run[letters]|0x20 >= 'a' && run[letters]|0x20 <= 'z') {
		letters++
	}
	d := digits(run)
	if letters > 0 && len(d) >= 7 {
		return true
	}
	if strings.ContainsAny(s, "- ") && len(d) >= 7 { // 855-8221234, 138 1234 5678
		return true
	}
	for i := 0; i+11 <= len(d); i++ {
		if d[i] == '1' && d[i+1] >= '3' && (i == 0 || len(d) != 12) {
			return true
		}
	}
	return len(d) >= 10 && d[0] == '0'
}
