package intake

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestParseMoney(t *testing.T) {
	for _, c := range []struct {
		in  string
		fen int64
		out outcome
	}{
		{"0", 0, good}, {"12", 1200, good}, {"12.3", 1230, good}, {"12.34", 1234, good}, {"-5.5", -550, good}, {"+5", 500, good},
		{"1,234.5", 123450, good}, {"52，000元", 5200000, good}, {"１２３．４５", 12345, good}, {"1,234,567.89", 123456789, good}, {"52 000", 5200000, good},
		{"3.2万元", 3200000, good}, {"3.2万", 3200000, good}, {"1.5亿元", 15000000000, good}, {"¥12.5", 1250, good}, {"￥12.5", 1250, good}, {"-¥3", -300, good},
		{"0.005", 1, good}, {"0.004", 0, good}, {"-0.005", -1, good}, {"2.675", 268, good}, {"1.2E+04", 1200000, good}, {".5", 50, good}, {"5.", 500, good},
		{"123.45000000000001", 12345, good}, {"9999999999999", 999999999999900, good},
		{"12345678901234567890", 0, malformed}, {"1,23", 0, malformed}, {"1,2345", 0, malformed}, {",123", 0, malformed}, {"12a", 0, malformed},
		{"张三", 0, malformed}, {"1.2.3", 0, malformed}, {"--5", 0, malformed}, {"元", 0, malformed}, {".", 0, malformed}, {"1e999", 0, malformed}, {"NaN", 0, malformed}, {"Inf", 0, malformed},
		{"0x10", 0, malformed}, {"99999999999999", 0, malformed}, {"9999999999万", 0, malformed},
	} {
		var arena []byte
		fen, out := parseMoney(clean(&arena, []byte(c.in)))
		if fen != c.fen || out != c.out {
			t.Errorf("parseMoney(%q) = %d, %d; want %d, %d", c.in, fen, out, c.fen, c.out)
		}
	}
}

func TestMoneyRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fen := rapid.Int64Range(-1e14, 1e14).Draw(t, "fen")
		sign, a := "", fen
		if fen < 0 {
			sign, a = "-", -fen
		}
		whole := strconv.FormatInt(a/100, 10)
		if rapid.Bool().Draw(t, "grouped") {
			whole = strings.ReplaceAll(groupDigits(whole), " ", ",")
		}
		text := fmt.Sprintf("%s%s.%02d", sign, whole, a%100)
		if rapid.Bool().Draw(t, "unit") {
			text += "元"
		}
		if rapid.Bool().Draw(t, "wide") {
			text = fullWidth(text)
		}
		var arena []byte
		got, o := parseMoney(clean(&arena, []byte("  "+text+"　")))
		if got != fen || o != good {
			t.Fatalf("%q: %d, %d", text, got, o)
		}
	})
}

func fullWidth(s string) string {
	return strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f {
			return r + 0xFEE0
		}
		return r
	}, s)
}

func TestParseDate(t *testing.T) {
	day := func(s string) int32 {
		d, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return int32(d.Unix() / 86400)
	}
	xlsx := dateForms{serial: true, base: excel1900}
	for _, c := range []struct {
		in    string
		forms dateForms
		want  string
		out   outcome
	}{
		{"2026-10-05", dateForms{}, "2026-10-05", good}, {"2026/10/5", dateForms{}, "2026-10-05", good}, {"20261005", dateForms{}, "2026-10-05", good},
		{"2026.10.5", dateForms{}, "2026-10-05", good}, {"2026年10月5日", dateForms{}, "2026-10-05", good}, {"2026年10月5", dateForms{}, "2026-10-05", good},
		{"２０２６－１０－０５", dateForms{}, "2026-10-05", good}, {"2026-10-05 08:30:00", dateForms{}, "2026-10-05", good}, {"2026/10/5 8:30", dateForms{}, "2026-10-05", good},
		{"2026-10-05T00:00:00.000+08:00", dateForms{}, "2026-10-05", good}, {"20261005083000", dateForms{}, "2026-10-05", good}, {"2026年10月5日 8时30分", dateForms{}, "2026-10-05", good},
		{"2024-02-29", dateForms{}, "2024-02-29", good}, {"1900-01-01", dateForms{}, "1900-01-01", good}, {"2100-12-31", dateForms{}, "2100-12-31", good}, {"1969-12-31", dateForms{}, "1969-12-31", good},
		{"46300", xlsx, "2026-10-05", good}, {"46300.5", xlsx, "2026-10-05", good}, {"61", xlsx, "1900-03-01", good}, {"44838", dateForms{serial: true, base: excel1904}, "2026-10-05", good},
		{"2026-10-05", xlsx, "2026-10-05", good},
		{"9999-12-31", dateForms{}, "", outOfTime}, {"1899-12-31", dateForms{}, "", outOfTime}, {"99991231", dateForms{}, "", outOfTime}, {"12026-10-05", dateForms{}, "", outOfTime},
		{"2023-02-29", dateForms{}, "", malformed}, {"2026-13-01", dateForms{}, "", malformed}, {"2026-00-10", dateForms{}, "", malformed}, {"2026-10-00", dateForms{}, "", malformed}, {"2026-10-32", dateForms{}, "", malformed},
		{"2026-10", dateForms{}, "", malformed}, {"46300", dateForms{}, "", malformed}, {"05/10/2026", dateForms{}, "", malformed}, {"2026-10-05x", dateForms{}, "", malformed}, {"20261005 25:00", dateForms{}, "", malformed},
		{"张三", dateForms{}, "", malformed}, {"2026", dateForms{}, "", malformed}, {"20260000", dateForms{}, "", malformed},
	} {
		var arena []byte
		got, out := parseDate(clean(&arena, []byte(c.in)), c.forms)
		want := int32(0)
		if c.out == good {
			want = day(c.want)
		}
		if got != want || out != c.out {
			t.Errorf("parseDate(%q) = %d, %d; want %d (%s), %d", c.in, got, out, want, c.want, c.out)
		}
	}
	for in, want := range map[string]string{"2026-10": "2026-10-01", "202610": "2026-10-01", "2026年10月": "2026-10-01", "2026/1": "2026-01-01", "2026-10-05": "2026-10-01", "20261005": "2026-10-01"} {
		if got, o := parseMonth([]byte(in), dateForms{}); o != good || got != day(want) {
			t.Errorf("parseMonth(%q) = %d, %d; want %s", in, got, o, want)
		}
	}
	for _, in := range []string{"202613", "2026-13", "2026年", "10月", ""} {
		if _, o := parseMonth([]byte(in), dateForms{}); o == good {
			t.Errorf("parseMonth(%q) is good", in)
		}
	}
}

// Every day of the calendar in every form, against the standard library.
func TestEveryDay(t *testing.T) {
	for d := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC); d.Year() <= 2100; d = d.AddDate(0, 0, 1) {
		want := int32(d.Unix() / 86400)
		for _, layout := range []string{"2006-01-02", "20060102", "2006/1/2", "2006年1月2日"} {
			if got, o := parseDate([]byte(d.Format(layout)), dateForms{}); o != good || got != want {
				t.Fatalf("%s: %d, %d; want %d", d.Format(layout), got, o, want)
			}
		}
		if y, m, dd := civil(want); y != d.Year() || m != int(d.Month()) || dd != d.Day() {
			t.Fatalf("civil(%d) = %d-%d-%d", want, y, m, dd)
		}
		if got := string(appendDay(nil, want)); got != d.Format(time.DateOnly) {
			t.Fatalf("appendDay(%d) = %s", want, got)
		}
	}
}

func TestOtherValues(t *testing.T) {
	for in, want := range map[string]float64{"1.5": 1.5, "-2": -2, "1,234.5": 1234.5, "1e3": 1000, "１２": 12, "12 345": 12345} {
		var arena []byte
		if got, o := parseNumber(clean(&arena, []byte(in))); o != good || got != want {
			t.Errorf("parseNumber(%q) = %v, %d", in, got, o)
		}
	}
	for _, in := range []string{"", "NaN", "inf", "0x1p-2", "1_000", "1,2", "abc", "1e999", "1-2", strings.Repeat("9", 400)} {
		if v, o := parseNumber([]byte(in)); o == good {
			t.Errorf("parseNumber(%q) = %v", in, v)
		}
	}
	for in, want := range map[string]int64{"3": 3, "3.0": 3, "-4": -4, "1,000": 1000, "3.": 3} {
		if got, o := parseInteger([]byte(in)); o != good || got != want {
			t.Errorf("parseInteger(%q) = %d, %d", in, got, o)
		}
	}
	for _, in := range []string{"3.5", "", "x", "99999999999999999999", "1 2"} {
		if v, o := parseInteger([]byte(in)); o == good {
			t.Errorf("parseInteger(%q) = %d", in, v)
		}
	}
	for in, want := range map[string]bool{"是": true, "有": true, "Y": true, "1": true, "true": true, "√": true, "否": false, "无": false, "N": false, "0": false, "false": false, "×": false, "Ｙ": true} {
		var arena []byte
		if got, o := parseBool(clean(&arena, []byte(in))); o != good || got != want {
			t.Errorf("parseBool(%q) = %v, %d", in, got, o)
		}
	}
	for _, in := range []string{"", "-", "2", "也许"} {
		if _, o := parseBool([]byte(in)); o == good {
			t.Errorf("parseBool(%q) is good", in)
		}
	}
	for _, in := range []string{"", " ", "无", "—", "-", "/", "null", "NULL", "　", "\u00a0", "－"} {
		var arena []byte
		if !isNull(clean(&arena, []byte(in))) {
			t.Errorf("%q is not null", in)
		}
	}
	for in, want := range map[string]string{" 阿依古丽 • 买买提 ": "阿依古丽·买买提", "王　小明": "王小明", "li ming": "LIMING"} {
		var arena []byte
		if got := string(appendName(nil, clean(&arena, []byte(in)))); got != want {
			t.Errorf("name %q is %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"'522633": "522633", `="0123"`: "0123", "\t12 ": "12", "Ａ１": "A1"} {
		var arena []byte
		if got := string(clean(&arena, []byte(in))); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestHouseholdID(t *testing.T) {
	for in, want := range map[string]int64{"522633105002000123": 522633105002000123, "1": 1, "999999999999999999": 999999999999999999} {
		if got := householdID([]byte(in)); got != want {
			t.Errorf("householdID(%s) = %d", in, got)
		}
	}
	// SM3("abc") = 66c7f0f4 62eeedd9 … (GB/T 32905-2016, example 1): 2^62 plus its first 62 bits.
	if got, want := householdID([]byte("abc")), int64(1<<62|0x66c7f0f462eeedd9>>2); got != want {
		t.Errorf("householdID(abc) = %d, want %d", got, want)
	}
	for _, in := range []string{"0123", "1234567890123456789", "A1"} {
		if householdID([]byte(in)) < 1<<62 {
			t.Errorf("householdID(%s) is a small number", in)
		}
	}
}

// FuzzValues: no parser panics, and what parses is in its range.
func FuzzValues(f *testing.F) {
	for _, s := range []string{"1,234.5元", "2026年10月5日", "是", "９９９９", "-1e5", "'=\"", "202610", "\xff\xfe", "1.2E+", "5,", "2026-"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var arena []byte
		v := clean(&arena, in)
		if utf8.Valid(in) && !utf8.Valid(v) {
			t.Fatalf("clean(%q) is not UTF-8", in)
		}
		if again := clean(&arena, v); !strings.HasPrefix(string(v), "'") && !strings.HasPrefix(string(v), "=") && string(again) != string(v) {
			t.Fatalf("clean is not stable: %q, %q", v, again)
		}
		if fen, o := parseMoney(v); o == good && (fen > 1e15 || fen < -1e15) {
			t.Fatalf("money %q = %d", v, fen)
		}
		if x, o := parseNumber(v); o == good && (math.IsNaN(x) || math.IsInf(x, 0)) {
			t.Fatalf("number %q = %v", v, x)
		}
		parseInteger(v)
		parseBool(v)
		isNull(v)
		for _, forms := range []dateForms{{}, {serial: true, base: excel1900}} {
			if d, o := parseDate(v, forms); o == good {
				y, m, dd := civil(d)
				if y < firstYear || y > lastYear || m < 1 || m > 12 || dd < 1 || dd > daysIn(y, m) {
					t.Fatalf("date %q = %d-%d-%d", v, y, m, dd)
				}
				if back, o := parseDate(appendDay(nil, d), dateForms{}); o != good || back != d {
					t.Fatalf("date %q does not come back", v)
				}
			}
			if d, o := parseMonth(v, forms); o == good {
				if _, _, dd := civil(d); dd != 1 {
					t.Fatalf("month %q is no first day", v)
				}
			}
		}
		appendName(nil, v)
		appendHouseholdNo(nil, v)
		mask(string(v))
	})
}
