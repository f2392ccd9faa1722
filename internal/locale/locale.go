// Package locale chooses the language that a user reads and writes numbers, money and dates in it.
//
// It owns formats, not texts: what a message says stands where the message is made. It reads no environment itself.
package locale

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// The languages. Everything that people read exists in both.
const (
	Chinese = "zh"
	English = "en"
)

// Lang chooses "zh" or "en". A flag that names a language wins; otherwise env decides, the first value set among SHOUWANG_LANG,
// LC_ALL, LC_MESSAGES and LANG (see [FromEnv]), in any form such as en_US.UTF-8. Nothing set, C, POSIX and languages that the
// program does not have give Chinese.
func Lang(flag, env string) string {
	if l := language(flag); l != "" {
		return l
	}
	if l := language(env); l != "" {
		return l
	}
	return Chinese
}

// FromEnv gives the value to pass to [Lang]: the first that is set.
func FromEnv(getenv func(string) string) string {
	for _, name := range []string{"SHOUWANG_LANG", "LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := getenv(name); v != "" {
			return v
		}
	}
	return ""
}

// Known reports whether s names one of the two languages, so that a mistyped flag can be refused.
func Known(s string) bool { return language(s) != "" }

// language reads zh, zh_CN.UTF-8, zh-Hans, EN, en_GB@euro, chinese, 中文 and the like; "" for anything else.
func language(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	if i := strings.IndexAny(s, "_-.@:"); i >= 0 {
		s = s[:i]
	}
	switch s {
	case "zh", "cn", "chinese", "中文":
		return Chinese
	case "en", "english", "英文":
		return English
	}
	return ""
}

// Space is what groups digits by three: the narrow no-break space U+202F.
const Space = "\u202f"

// minus is the sign that is as wide as a digit.
const minus = "−"

// Int writes a whole number: 52 000.
func Int(n int64) string {
	if n < 0 {
		// -n overflows for the smallest number; its digits are right as unsigned.
		return minus + group(strconv.FormatUint(-uint64(n), 10))
	}
	return group(strconv.FormatInt(n, 10))
}

// Number writes x with at most the given number of decimals, without zeros at the end: 1 234.5. What is not a number, or has no
// end, is written –.
func Number(x float64, decimals int) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return "–"
	}
	s := strconv.FormatFloat(math.Abs(x), 'f', max(decimals, 0), 64)
	whole, fraction, _ := strings.Cut(s, ".")
	fraction = strings.TrimRight(fraction, "0")
	s = group(whole)
	if fraction != "" {
		s += "." + fraction
	}
	if x < 0 && s != "0" {
		s = minus + s
	}
	return s
}

// Percent writes a share (0.125) in percent with at most one decimal: 12.5%.
func Percent(share float64) string {
	if s := Number(share*100, 1); s != "–" {
		return s + "%"
	}
	return "–"
}

// Fen writes an amount given in fen, exactly: 52 000 元, 12.50 元; ¥52 000, ¥12.50 in English. Fen are written when there are
// any, then both digits.
func Fen(fen int64, lang string) string {
	yuan, rest := fen/100, fen%100
	if fen < 0 {
		rest = -rest
	}
	s := Int(yuan)
	if fen < 0 && yuan == 0 {
		s = minus + s
	}
	if rest != 0 {
		s += "." + strconv.Itoa(int(rest/10)) + strconv.Itoa(int(rest%10))
	}
	return amount(s, "元", lang)
}

// Yuan writes an amount in yuan, rounded to fen: what rules calculate with.
func Yuan(yuan float64, lang string) string {
	fen := math.Round(yuan * 100)
	if math.IsNaN(fen) || math.Abs(fen) >= 1<<62 {
		return "–"
	}
	return Fen(int64(fen), lang)
}

// Wan writes an amount in yuan for reading at a glance. In Chinese amounts from 10 000 yuan on are in 万元 and from a hundred million on in
// 亿元, with at most two decimals (5.2 万元, 1.04 亿元); in English from a million on in millions (¥1.04 million). Smaller ones are
// rounded to whole yuan.
func Wan(yuan float64, lang string) string {
	size := math.Round(math.Abs(yuan))
	var s, unit string
	switch {
	case math.IsNaN(size) || math.IsInf(size, 0):
		return "–"
	case lang == English && size >= 1e6:
		return amount(Number(yuan/1e6, 2)+" million", "", lang)
	case lang != English && math.Abs(yuan) >= 1e8-50:
		s, unit = Number(yuan/1e8, 2), "亿元"
	case lang != English && size >= 1e4:
		s, unit = Number(yuan/1e4, 2), "万元"
	default:
		s, unit = Number(yuan, 0), "元"
	}
	return amount(s, unit, lang)
}

// amount puts the unit behind or the sign before a number.
func amount(s, unit, lang string) string {
	if lang != English {
		return s + " " + unit
	}
	if rest, ok := strings.CutPrefix(s, minus); ok {
		return minus + "¥" + rest
	}
	return "¥" + s
}

// Date writes t's civil date: 2026年11月1日, 1 November 2026. The zero time is written –.
func Date(t time.Time, lang string) string {
	switch {
	case t.IsZero():
		return "–"
	case lang == English:
		return t.Format("2 January 2006")
	default:
		return t.Format("2006年1月2日")
	}
}

// Month writes the month of t: 2026年11月, November 2026. The zero time is written –.
func Month(t time.Time, lang string) string {
	switch {
	case t.IsZero():
		return "–"
	case lang == English:
		return t.Format("January 2006")
	default:
		return t.Format("2006年1月")
	}
}

// group puts spaces between groups of three digits.
func group(digits string) string {
	if len(digits) <= 3 {
		return digits
	}
	var b strings.Builder
	head := len(digits) % 3
	b.WriteString(digits[:head])
	for i := head; i < len(digits); i += 3 {
		if i > 0 {
			b.WriteString(Space)
		}
		b.WriteString(digits[i : i+3])
	}
	return b.String()
}
