package locale_test

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"shouwang/internal/locale"
)

func TestLang(t *testing.T) {
	for _, c := range []struct{ flag, env, want string }{
		{"", "", "zh"}, {"", "C", "zh"}, {"", "POSIX", "zh"}, {"", "C.UTF-8", "zh"}, {"", "de_DE.UTF-8", "zh"},
		{"", "en_US.UTF-8", "en"}, {"", "en", "en"}, {"", "zh_CN.GB18030", "zh"}, {"", "EN_gb@euro", "en"},
		{"en", "zh_CN.UTF-8", "en"}, {"zh", "en_US.UTF-8", "zh"}, {"zh-Hans", "en", "zh"}, {"fr", "en", "en"}, {" EN ", "", "en"},
		{"", "english", "en"}, {"中文", "en", "zh"},
	} {
		if got := locale.Lang(c.flag, c.env); got != c.want {
			t.Errorf("Lang(%q, %q) = %q, want %q", c.flag, c.env, got, c.want)
		}
	}
	if locale.Known("fr") || !locale.Known("zh_CN") || locale.Known("") {
		t.Error("Known")
	}
	env := map[string]string{"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "en_GB.UTF-8"}
	get := func(name string) string { return env[name] }
	if got := locale.FromEnv(get); got != "en_GB.UTF-8" {
		t.Errorf("FromEnv = %q", got)
	}
	env["LC_ALL"] = "C"
	if got := locale.FromEnv(get); got != "C" {
		t.Errorf("FromEnv = %q", got)
	}
	env["SHOUWANG_LANG"] = "en"
	if got := locale.FromEnv(get); got != "en" {
		t.Errorf("FromEnv = %q", got)
	}
}

// spaces makes the narrow spaces readable.
func spaces(s string) string { return strings.ReplaceAll(s, "\u202f", "_") }

func TestNumbers(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 7: "7", 999: "999", 1000: "1_000", 52000: "52_000", 123456: "123_456", 1234567: "1_234_567", -52000: "−52_000",
		math.MinInt64: "−9_223_372_036_854_775_808"} {
		if got := spaces(locale.Int(n)); got != want {
			t.Errorf("Int(%d) = %q, want %q", n, got, want)
		}
	}
	for _, c := range []struct {
		x        float64
		decimals int
		want     string
	}{
		{1234.5, 2, "1_234.5"}, {1234.567, 2, "1_234.57"}, {-0.001, 2, "0"}, {-1234.5, 0, "−1_234"}, {0.1 + 0.2, 3, "0.3"}, {100, 2, "100"}, {999.999, 2, "1_000"},
		{math.NaN(), 2, "–"}, {math.Inf(-1), 2, "–"}, {12, -1, "12"},
	} {
		if got := spaces(locale.Number(c.x, c.decimals)); got != c.want {
			t.Errorf("Number(%v, %d) = %q, want %q", c.x, c.decimals, got, c.want)
		}
	}
	for x, want := range map[float64]string{0.125: "12.5%", 1: "100%", 0: "0%", -0.5: "−50%", math.Inf(1): "–"} {
		if got := locale.Percent(x); got != want {
			t.Errorf("Percent(%v) = %q, want %q", x, got, want)
		}
	}
}

func TestMoney(t *testing.T) {
	for _, c := range []struct {
		fen    int64
		zh, en string
	}{
		{5200000, "52_000 元", "¥52_000"}, {1250, "12.50 元", "¥12.50"}, {5, "0.05 元", "¥0.05"}, {-5, "−0.05 元", "−¥0.05"}, {-123456, "−1_234.56 元", "−¥1_234.56"},
		{0, "0 元", "¥0"},
	} {
		for lang, want := range map[string]string{"zh": c.zh, "en": c.en} {
			if got := spaces(locale.Fen(c.fen, lang)); got != want {
				t.Errorf("Fen(%d, %s) = %q, want %q", c.fen, lang, got, want)
			}
			if got := spaces(locale.Yuan(float64(c.fen)/100, lang)); got != want {
				t.Errorf("Yuan(%d fen, %s) = %q, want %q", c.fen, lang, got, want)
			}
		}
	}
	if got := locale.Yuan(math.NaN(), "zh"); got != "–" {
		t.Errorf("Yuan(NaN) = %q", got)
	}
	if got := locale.Yuan(1e300, "zh"); got != "–" {
		t.Errorf("Yuan(1e300) = %q", got)
	}
	for _, c := range []struct {
		yuan   float64
		zh, en string
	}{
		{52000, "5.2 万元", "¥52_000"}, {9999.4, "9_999 元", "¥9_999"}, {9999.6, "1 万元", "¥10_000"}, {104000000, "1.04 亿元", "¥104 million"},
		{99999999, "1 亿元", "¥100 million"}, {99990000, "9_999 万元", "¥99.99 million"}, {1040000, "104 万元", "¥1.04 million"}, {-52000, "−5.2 万元", "−¥52_000"}, {0, "0 元", "¥0"},
		{math.NaN(), "–", "–"},
	} {
		for lang, want := range map[string]string{"zh": c.zh, "en": c.en} {
			if got := spaces(locale.Wan(c.yuan, lang)); got != want {
				t.Errorf("Wan(%v, %s) = %q, want %q", c.yuan, lang, got, want)
			}
		}
	}
}

func TestDates(t *testing.T) {
	d := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for got, want := range map[string]string{
		locale.Date(d, "zh"): "2026年11月1日", locale.Date(d, "en"): "1 November 2026",
		locale.Month(d, "zh"): "2026年11月", locale.Month(d, "en"): "November 2026",
		locale.Date(time.Time{}, "en") + locale.Month(time.Time{}, "zh"): "––",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Grouping only adds spaces, three digits apart from the right.
func TestGroupingKeepsTheDigits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64().Draw(t, "n")
		parts := strings.Split(strings.TrimPrefix(locale.Int(n), "−"), "\u202f")
		for i, p := range parts {
			if len(p) > 3 || len(p) == 0 || i > 0 && len(p) != 3 {
				t.Fatalf("Int(%d) = %q", n, locale.Int(n))
			}
		}
		if want := strings.TrimPrefix(strconv.FormatInt(n, 10), "-"); strings.Join(parts, "") != want {
			t.Fatalf("Int(%d) = %q", n, locale.Int(n))
		}
	})
}
