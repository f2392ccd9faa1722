package intake

import (
	"bytes"
	"math"
	"strconv"
	"unicode/utf8"
	"unsafe"
)

// The value parsers below work on bytes and allocate nothing: they run once a field of every row a department sends.
// They all expect cleaned bytes (clean): UTF-8, half-width, trimmed.

// outcome of parsing one value.
type outcome uint8

const (
	good      outcome = iota
	malformed         // not of this form at all
	outOfTime         // a date with a year outside firstYear..lastYear
)

// Years outside these are typing errors or placeholders ("9999-12-31"): no living person, loan or bill has them.
const (
	firstYear = 1900
	lastYear  = 2100
)

// asString views b as a string without copying. The caller must not keep it beyond the row.
func asString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// clean returns b in the form the parsers take: trimmed, full-width letters, digits and signs as ASCII, NBSP and
// ideographic spaces as spaces, zero-width characters and Excel's text marks (a leading ', ="…") dropped. Plain ASCII
// comes back as a part of b; anything else is written to the arena.
func clean(arena *[]byte, b []byte) []byte {
	ascii := true
	for _, c := range b {
		if c >= utf8.RuneSelf {
			ascii = false
			break
		}
	}
	if !ascii {
		start := len(*arena)
		*arena = appendNormal(*arena, b)
		b = (*arena)[start:len(*arena):len(*arena)]
	}
	b = trim(b)
	if len(b) > 1 && b[0] == '\'' {
		b = trim(b[1:])
	}
	if len(b) > 3 && b[0] == '=' && b[1] == '"' && b[len(b)-1] == '"' {
		b = trim(b[2 : len(b)-1])
	}
	return b
}

// trim cuts ASCII white space and controls at both ends.
func trim(b []byte) []byte {
	for len(b) > 0 && b[0] <= ' ' {
		b = b[1:]
	}
	for len(b) > 0 && b[len(b)-1] <= ' ' {
		b = b[:len(b)-1]
	}
	return b
}

// appendNormal appends b with every character in its half-width form.
func appendNormal(dst, b []byte) []byte {
	for len(b) > 0 {
		if b[0] < utf8.RuneSelf {
			dst = append(dst, b[0])
			b = b[1:]
			continue
		}
		r, n := utf8.DecodeRune(b)
		switch {
		case r >= 0xFF01 && r <= 0xFF5E: // full-width ASCII
			dst = append(dst, byte(r-0xFEE0))
		case r == 0xA0, r == 0x3000, r >= 0x2000 && r <= 0x200A, r == 0x202F, r == 0x205F:
			dst = append(dst, ' ')
		case r >= 0x200B && r <= 0x200F, r == 0xFEFF, r == 0x2060, r >= 0x202A && r <= 0x202E: // zero width, direction marks
		case r == 0x2212, r == 0x2010, r == 0x2011: // minus, hyphens
			dst = append(dst, '-')
		case r == 0xFFE5: // full-width yen
			dst = append(dst, "¥"...)
		default:
			dst = append(dst, b[:n]...)
		}
		b = b[n:]
	}
	return dst
}

// isNull reports whether a cleaned value is one of the ways in which departments write "nothing".
func isNull(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	if len(b) > 6 {
		return false
	}
	switch string(b) {
	case "-", "--", "/", "\\", "\\N", "—", "——", "–", "无", "空", "null", "NULL", "Null", "N/A", "n/a", "#N/A", "NaN", "nan":
		return true
	}
	return false
}

// cutUnit drops a trailing unit ("3.5亩" in a column counted in 亩), so that it is read as the number it is.
func cutUnit(b []byte, unit string) []byte {
	if unit == "" || len(b) <= len(unit) || string(b[len(b)-len(unit):]) != unit {
		return b
	}
	return trim(b[:len(b)-len(unit)])
}

// parseMoney reads yuan ("1,234.5", "52 000元", "3.2万元", "¥12") as integer fen, rounded half away from zero at the
// fen. Amounts of 10^13 yuan and more are malformed.
func parseMoney(b []byte) (int64, outcome) {
	b = trim(bytes.TrimPrefix(b, []byte("¥")))
	scale := uint64(100)
	b = bytes.TrimSuffix(b, []byte("元"))
	switch {
	case bytes.HasSuffix(b, []byte("万")):
		scale, b = 1_000_000, b[:len(b)-len("万")]
	case bytes.HasSuffix(b, []byte("亿")):
		scale, b = 10_000_000_000, b[:len(b)-len("亿")]
	}
	b = trim(b)
	neg := false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		neg = b[0] == '-'
		b = trim(bytes.TrimPrefix(b[1:], []byte("¥")))
	}
	if len(b) == 0 {
		return 0, malformed
	}
	whole, n, ok := parseWhole(b)
	if !ok {
		return 0, malformed
	}
	rest := b[n:]
	var frac, unit uint64 = 0, 1
	if len(rest) > 0 && rest[0] == '.' {
		rest = rest[1:]
		digits := 0
		for len(rest) > 0 && rest[0] >= '0' && rest[0] <= '9' {
			if digits < 9 {
				frac, unit = frac*10+uint64(rest[0]-'0'), unit*10
			}
			digits++
			rest = rest[1:]
		}
		if digits == 0 && n == 0 {
			return 0, malformed
		}
	} else if n == 0 {
		return 0, malformed
	}
	if len(rest) > 0 {
		if rest[0] != 'e' && rest[0] != 'E' {
			return 0, malformed
		}
		f, o := parseNumber(b) // 1.2E+04, as Excel writes large amounts
		if o != good {
			return 0, malformed
		}
		f = math.Round(f * float64(scale))
		if neg {
			f = -f
		}
		if math.Abs(f) > 1e15 {
			return 0, malformed
		}
		return int64(f), good
	}
	if whole > 1e13/(scale/100) {
		return 0, malformed
	}
	fen := int64(whole*scale + (frac*scale+unit/2)/unit)
	if neg {
		fen = -fen
	}
	return fen, good
}

// parseWhole reads leading digits, with or without thousands separators (commas or spaces in groups of three), and
// says how many bytes they take. More than 15 digits, or separators at odd places, are not ok. No digits is ok with n 0.
func parseWhole(b []byte) (v uint64, n int, ok bool) {
	group, grouped, digits := 0, false, 0
	for n < len(b) {
		c := b[n]
		switch {
		case c >= '0' && c <= '9':
			v = v*10 + uint64(c-'0')
			group++
			digits++
			if digits > 15 || grouped && group > 3 {
				return 0, 0, false
			}
		case c == ',' || c == ' ':
			if group == 0 || grouped && group != 3 || group > 3 {
				return 0, 0, false
			}
			grouped, group = true, 0
		default:
			return v, n, !grouped || group == 3
		}
		n++
	}
	return v, n, !grouped || group == 3
}

// parseNumber reads a finite decimal number, with thousands separators allowed in the whole part.
func parseNumber(b []byte) (float64, outcome) {
	if len(b) == 0 || len(b) > 64 {
		return 0, malformed
	}
	comma := false
	for i, c := range b {
		switch {
		case c >= '0' && c <= '9', c == '.', c == 'e', c == 'E':
		case c == '-' || c == '+':
			if i > 0 && b[i-1] != 'e' && b[i-1] != 'E' {
				return 0, malformed
			}
		case c == ',' || c == ' ':
			comma = true
		default:
			return 0, malformed
		}
	}
	if comma {
		sign := 0
		if b[0] == '-' || b[0] == '+' {
			sign = 1
		}
		_, n, ok := parseWhole(b[sign:])
		if !ok || n == 0 || bytes.ContainsAny(b[sign+n:], ", ") {
			return 0, malformed
		}
		var buf [64]byte
		k := 0
		for _, c := range b {
			if c != ',' && c != ' ' {
				buf[k] = c
				k++
			}
		}
		f, err := strconv.ParseFloat(string(buf[:k]), 64)
		return finite(f, err)
	}
	f, err := strconv.ParseFloat(asString(b), 64)
	return finite(f, err)
}

func finite(f float64, err error) (float64, outcome) {
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return 0, malformed
	}
	return f, good
}

// parseInteger reads a whole number; "3.0", as spreadsheets write it, is 3.
func parseInteger(b []byte) (int64, outcome) {
	neg := false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		neg = b[0] == '-'
		b = b[1:]
	}
	v, n, ok := parseWhole(b)
	if !ok || n == 0 {
		return 0, malformed
	}
	rest := b[n:]
	if len(rest) > 0 && rest[0] == '.' {
		rest = bytes.TrimLeft(rest[1:], "0")
	}
	if len(rest) > 0 {
		return 0, malformed
	}
	if neg {
		return -int64(v), good
	}
	return int64(v), good
}

// parseBool reads yes and no in the spellings departments use.
func parseBool(b []byte) (bool, outcome) {
	switch string(b) {
	case "是", "有", "Y", "y", "YES", "Yes", "yes", "T", "t", "TRUE", "True", "true", "1", "√", "✓", "✔", "对":
		return true, good
	case "否", "无", "没有", "不是", "N", "n", "NO", "No", "no", "F", "f", "FALSE", "False", "false", "0", "×", "✗", "✘", "x", "X":
		return false, good
	}
	return false, malformed
}

// epochDays gives days since 1970-01-01 of a civil date (Howard Hinnant, "chrono-compatible low-level date algorithms").
func epochDays(y, m, d int) int32 {
	if m <= 2 {
		y--
	}
	era := y / 400
	yoe := y - era*400
	mp := (m + 9) % 12
	doy := (153*mp+2)/5 + d - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return int32(era*146097 + doe - 719468)
}

// civil is the inverse of epochDays.
func civil(days int32) (y, m, d int) {
	z := int(days) + 719468
	era := z / 146097
	if z < 0 {
		era = (z - 146096) / 146097
	}
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d = doy - (153*mp+2)/5 + 1
	m = mp + 3
	if m > 12 {
		m -= 12
	}
	y = yoe + era*400
	if m <= 2 {
		y++
	}
	return y, m, d
}

func daysIn(y, m int) int {
	switch m {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// Excel counts days from 1899-12-30 (for days after February 1900), or from 1904-01-01 in old Macintosh workbooks.
const (
	excel1900 = -25569
	excel1904 = -24107
)

// dateForms says what a date may be written as, beyond the usual forms.
type dateForms struct {
	serial bool  // an Excel serial day number (workbooks only)
	base   int32 // epoch day of serial 0
}

// parseDate reads a day, or a day with a time of day (which is dropped).
func parseDate(b []byte, forms dateForms) (int32, outcome) {
	y, m, d, o := parseYMD(b, forms)
	if o != good {
		return 0, o
	}
	if d == 0 {
		return 0, malformed // a month is not a day
	}
	return epochDays(y, m, d), good
}

// parseMonth reads a month, or a day, as the month's first day.
func parseMonth(b []byte, forms dateForms) (int32, outcome) {
	y, m, _, o := parseYMD(b, forms)
	if o != good {
		return 0, o
	}
	return epochDays(y, m, 1), good
}

// parseYMD reads year, month and (0 when absent) day.
func parseYMD(b []byte, forms dateForms) (y, m, d int, o outcome) {
	n := digits(b)
	rest := b[n:]
	switch {
	case n == 4 && len(rest) > 0:
		y = number(b[:4])
		if rest, o = separator(rest, "年"); o != good {
			return 0, 0, 0, o
		}
		k := digits(rest)
		if k < 1 || k > 2 {
			return 0, 0, 0, malformed
		}
		m = number(rest[:k])
		rest = rest[k:]
		if len(rest) == 0 || string(rest) == "月" {
			break
		}
		if rest, o = separator(rest, "月"); o != good {
			return 0, 0, 0, o
		}
		if k = digits(rest); k < 1 || k > 2 {
			return 0, 0, 0, malformed
		}
		if d = number(rest[:k]); d == 0 {
			return 0, 0, 0, malformed
		}
		rest = rest[k:]
		if r, ok := bytes.CutPrefix(rest, []byte("日")); ok {
			rest = r
		}
		if !timeOfDay(rest) {
			return 0, 0, 0, malformed
		}
	case (n == 8 || n == 12 || n == 14) && (n == 8 || len(rest) == 0):
		y, m, d = number(b[:4]), number(b[4:6]), number(b[6:8])
		if d == 0 || !timeOfDay(rest) {
			return 0, 0, 0, malformed
		}
	case n == 6 && len(rest) == 0:
		y, m = number(b[:4]), number(b[4:6])
	case forms.serial && n >= 1 && n <= 5 && (len(rest) == 0 || rest[0] == '.' && digits(rest[1:]) == len(rest)-1):
		y, m, d = civil(int32(number(b[:n])) + forms.base)
	case n >= 5 && n <= 9 && len(rest) > 1 && (rest[0] == '-' || rest[0] == '/') && rest[1] >= '0' && rest[1] <= '9':
		return 0, 0, 0, outOfTime // year 10000 and on
	default:
		return 0, 0, 0, malformed
	}
	if m < 1 || m > 12 || d > daysIn(y, m) {
		return 0, 0, 0, malformed
	}
	if y < firstYear || y > lastYear {
		return 0, 0, 0, outOfTime
	}
	return y, m, d, good
}

// separator drops one date separator: - / . or the Chinese character.
func separator(b []byte, han string) ([]byte, outcome) {
	if len(b) == 0 {
		return nil, malformed
	}
	if b[0] == '-' || b[0] == '/' || b[0] == '.' {
		return b[1:], good
	}
	if len(b) >= len(han) && string(b[:len(han)]) == han {
		return b[len(han):], good
	}
	return nil, malformed
}

// timeOfDay reports whether b is nothing or a time of day behind a date: " 08:30", "T00:00:00.000+08:00", " 8时30分".
func timeOfDay(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	if b[0] != ' ' && b[0] != 'T' {
		return false
	}
	b = trim(b[1:])
	if k := digits(b); k < 1 || k > 2 || number(b[:k]) > 24 {
		return false
	}
	for len(b) > 0 {
		c := b[0]
		switch {
		case c >= '0' && c <= '9', c == ':', c == '.', c == '+', c == '-', c == 'Z', c == ' ', c == 'A', c == 'P', c == 'M':
			b = b[1:]
		case bytes.HasPrefix(b, []byte("时")), bytes.HasPrefix(b, []byte("分")), bytes.HasPrefix(b, []byte("秒")):
			b = b[3:]
		default:
			return false
		}
	}
	return true
}

func digits(b []byte) int {
	n := 0
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	return n
}

// number reads digits only; the callers bound their count.
func number(b []byte) int {
	v := 0
	for _, c := range b {
		v = v*10 + int(c-'0')
	}
	return v
}

// appendName appends a person's name in the one form that name keys are made of: no spaces, half-width, one kind of
// middle dot ("阿依古丽 · 买买提" and "阿依古丽·买买提" are one name), upper-case Latin letters.
func appendName(dst, cleaned []byte) []byte {
	for len(cleaned) > 0 {
		c := cleaned[0]
		if c < utf8.RuneSelf {
			if c >= 'a' && c <= 'z' {
				c -= 'a' - 'A'
			}
			if c > ' ' {
				dst = append(dst, c)
			}
			cleaned = cleaned[1:]
			continue
		}
		r, n := utf8.DecodeRune(cleaned)
		switch r {
		case '·', '•', '・', '‧', '∙', '⋅', '˙', '●':
			dst = append(dst, "·"...)
		default:
			dst = append(dst, cleaned[:n]...)
		}
		cleaned = cleaned[n:]
	}
	return dst
}

// appendHouseholdNo appends a household number in its normal form: no spaces or hyphens, upper case.
func appendHouseholdNo(dst, cleaned []byte) []byte {
	for _, c := range cleaned {
		switch {
		case c == ' ' || c == '-':
		case c >= 'a' && c <= 'z':
			dst = append(dst, c-('a'-'A'))
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// looksRounded reports whether a number was spoiled by a spreadsheet's exponent form ("5.22633E+17").
func looksRounded(b []byte) bool {
	dot := bytes.IndexByte(b, '.')
	e := bytes.IndexAny(b, "eE")
	return dot == 1 && e > 1 && e < len(b)-1 && digits(b[:1]) == 1
}
