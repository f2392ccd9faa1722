package residentid_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"shouwang/internal/residentid"
)

// All numbers in these tests are made up: region 520000 and 110105 with dates and check digits worked out by hand or by
// the reference below. 11010519491231002X is the example printed in GB 11643-1999 itself.

// reference computes the check digit the long way, from the formula of ISO 7064 (weights 2^(18-i) mod 11).
func reference(first17 string) byte {
	sum := 0
	for i, c := range first17 {
		weight := 1
		for range 17 - i {
			weight = weight * 2 % 11
		}
		sum += int(c-'0') * weight
	}
	return "0123456789X"[(12-sum%11)%11]
}

func TestCheckDigit(t *testing.T) {
	for first, want := range map[string]byte{
		"11010519491231002": 'X', // the standard's first example
		"44052418800101001": '4', // the standard's second example
	} {
		if got := residentid.CheckDigit([]byte(first)); got != want {
			t.Errorf("CheckDigit(%s) = %c, want %c", first, got, want)
		}
		if got := reference(first); got != want {
			t.Errorf("the reference gives %c for %s, want %c", got, first, want)
		}
	}
}

func TestParse(t *testing.T) {
	const ok = "11010519491231002X"
	for _, c := range []struct {
		in   string
		want residentid.Number
		err  error
	}{
		{ok, ok, nil},
		{"11010519491231002x", ok, nil},
		{"１１０１０５１９４９１２３１００２Ｘ", ok, nil},
		{"１１０１０５１９４９１２３１００２ｘ", ok, nil},
		{" 110105 19491231 002X\t\r\n", ok, nil},
		{"　110105\u00a019491231\u2002002X\ufeff", ok, nil},
		{"'" + ok, ok, nil},
		{"110105491231002", ok, nil}, // the 15-digit form
		{"１１０１０５ 491231 002", ok, nil},
		{"440524188001010014", "440524188001010014", nil},
		{"", "", residentid.ErrLength},
		{"   ", "", residentid.ErrLength},
		{"11010519491231002", "", residentid.ErrLength},
		{"11010519491231002X0", "", residentid.ErrChars}, // an X that is not last
		{"1101051949123100200", "", residentid.ErrLength},
		{strings.Repeat("1", 5000), "", residentid.ErrLength},
		{"11010549123100X", "", residentid.ErrChars}, // the old form had no check digit
		{"1101051949123100XX", "", residentid.ErrChars},
		{"X10105194912310021", "", residentid.ErrChars},
		{"11010519491231002Y", "", residentid.ErrChars},
		{"110105-19491231002X", "", residentid.ErrChars},
		{"1101051949123100'2", "", residentid.ErrChars},
		{"1.10105194912310E+17", "", residentid.ErrChars}, // what a spreadsheet makes of it
		{"张三", "", residentid.ErrChars},
		{"\xff\xfe", "", residentid.ErrChars},
		{"110105194912310021", "", residentid.ErrChecksum},
		{"00010519491231002X", "", residentid.ErrRegion},
		{"16010519491231002X", "", residentid.ErrRegion},
		{"99010519491231002X", "", residentid.ErrRegion},
		{"110105194902290020", "", residentid.ErrDate}, // 1949 was no leap year
		{"110105190002290020", "", residentid.ErrDate}, // nor was 1900
		{"110105194913010020", "", residentid.ErrDate},
		{"110105194900010020", "", residentid.ErrDate},
		{"110105194904310020", "", residentid.ErrDate},
		{"110105194904000020", "", residentid.ErrDate},
		{"110105184912310020", "", residentid.ErrDate},
		{"110105210001010020", "", residentid.ErrDate},
		{"110105490229002", "", residentid.ErrDate},
		{"999999194912310020", "", residentid.ErrNone},
		{"999999", "", residentid.ErrNone},
		{"９９９９９９999999999999", "", residentid.ErrNone},
		{"999999491231002", "", residentid.ErrNone},
		{"99999", "", residentid.ErrLength},
	} {
		got, err := residentid.Parse(c.in)
		if got.Reveal() != c.want.Reveal() || err != c.err {
			t.Errorf("Parse(%.40q) = %q, %v, want %q, %v", c.in, got.Reveal(), err, c.want.Reveal(), c.err)
		}
	}
}

func TestLeapDaysAreAccepted(t *testing.T) {
	for _, date := range []string{"20000229", "19960229", "18520229", "20960229"} {
		n := "520000" + date + "001"
		if _, err := residentid.Parse(n + string(residentid.CheckDigit([]byte(n)))); err != nil {
			t.Errorf("%s: %v", date, err)
		}
	}
}

func TestForeignResidentsCard(t *testing.T) {
	n := "93101081990010100" // 9, province 31, … : the card of 2023 has another order of fields, its date still from the 7th
	n = n[:6] + "19900101" + "001"
	if _, err := residentid.Parse(n + string(reference(n))); err != nil {
		t.Errorf("a 9 and a province: %v", err)
	}
}

// number draws a valid number and the day in it.
func number(t *rapid.T) (string, time.Time) {
	region := rapid.SampledFrom([]string{"110105", "520102", "522633", "522301", "650102", "820000"}).Draw(t, "region")
	days := rapid.IntRange(0, 91310).Draw(t, "days")
	birth := time.Date(1850, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, days)
	first := fmt.Sprintf("%s%s%03d", region, birth.Format("20060102"), rapid.IntRange(0, 999).Draw(t, "order"))
	return first + string(reference(first)), birth
}

func TestValidNumbersPassAndTellTheirParts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, birth := number(t)
		n, err := residentid.Parse(s)
		if err != nil || n.Reveal() != s {
			t.Fatalf("Parse(%s) = %q, %v", s, n.Reveal(), err)
		}
		sex := map[bool]string{true: "m", false: "f"}[strings.ContainsRune("13579", rune(s[16]))]
		if !n.Birth().Equal(birth) || n.Sex() != sex || n.Region() != s[:6] {
			t.Fatalf("%s: %v %s %s", s, n.Birth(), n.Sex(), n.Region())
		}
		if birth.Year() >= 1900 && birth.Year() < 2000 {
			old := s[:6] + s[8:17]
			if n, err := residentid.Parse(old); err != nil || n.Reveal() != s {
				t.Fatalf("15 digits: %q, %v, want %s", n.Reveal(), err, s)
			}
		}
	})
}

func TestEverySingleErrorIsCaught(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, _ := number(t)
		for i := range s {
			for _, c := range "0123456789X" {
				if byte(c) == s[i] {
					continue
				}
				wrong := s[:i] + string(c) + s[i+1:]
				if _, err := residentid.Parse(wrong); err == nil {
					t.Fatalf("%s passes for %s", wrong, s)
				}
			}
		}
		for i := 0; i+1 < len(s); i++ {
			if s[i] == s[i+1] {
				continue
			}
			wrong := s[:i] + string(s[i+1]) + string(s[i]) + s[i+2:]
			if _, err := residentid.Parse(wrong); err == nil {
				t.Fatalf("%s passes for %s", wrong, s)
			}
		}
	})
}

func TestParseBytesAllocatesNothing(t *testing.T) {
	var n [18]byte
	for _, in := range []string{"11010519491231002X", "１１０１０５１９４９１２３１００２Ｘ", "110105491231002", "999999", "张三"} {
		b := []byte(in)
		if a := testing.AllocsPerRun(100, func() { _ = residentid.ParseBytes(&n, b) }); a > 0 {
			t.Errorf("%s: %v allocations", in, a)
		}
	}
}

func TestANumberNeverShows(t *testing.T) {
	n, err := residentid.Parse("11010519491231002X")
	if err != nil {
		t.Fatal(err)
	}
	card, err := residentid.ParseCard("11010519491231002X43")
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		N residentid.Number
		C residentid.Card
	}
	r := row{n, card}
	js, err := json.Marshal(map[string]any{"row": r, "list": []residentid.Number{n}})
	if err != nil {
		t.Fatal(err)
	}
	xm, err := xml.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{n.String(), card.String(), string(js), string(xm)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%f", "%t", "%5.3s"} {
		texts = append(texts, fmt.Sprintf(verb, n), fmt.Sprintf(verb, card), fmt.Sprintf(verb, r), fmt.Sprintf(verb, &r), fmt.Sprintf(verb, []residentid.Number{n}))
	}
	for _, text := range texts {
		low := strings.ToLower(text)
		for _, part := range []string{"1949", "1231", "002x", "31393439", "x43"} {
			if strings.Contains(low, part) {
				t.Errorf("%s shows in %q", part, text)
			}
		}
	}
	if got := n.String(); got != "110105************" {
		t.Errorf("String = %q", got)
	}
	if got := card.String(); got != "110105**************" {
		t.Errorf("String of the card = %q", got)
	}
	if got := residentid.Number("1234").String(); got != "****" {
		t.Errorf("String of something else = %q", got)
	}
	_ = residentid.Number(strings.Repeat("1", 40)).String()
}

func TestCard(t *testing.T) {
	type parts struct {
		Number          string
		Category, Grade int
		Reissued        bool
	}
	const n = "11010519491231002X"
	for _, c := range []struct {
		in   string
		want parts
		err  error
	}{
		{n + "43", parts{n, 4, 3, false}, nil},
		{"１１０１０５19491231002x　4 3", parts{n, 4, 3, false}, nil},
		{n + "71B1", parts{n, 7, 1, true}, nil},
		{n + "14b2", parts{n, 1, 4, true}, nil},
		{n + "1401", parts{n, 1, 4, true}, nil},
		{n + "83", parts{}, residentid.ErrCard},
		{n + "03", parts{}, residentid.ErrCard},
		{n + "40", parts{}, residentid.ErrCard},
		{n + "45", parts{}, residentid.ErrCard},
		{n + "4X", parts{}, residentid.ErrCard},
		{n + "431B", parts{}, residentid.ErrCard},
		{n + "43X1", parts{}, residentid.ErrCard},
		{"110105194912310020" + "43", parts{}, residentid.ErrChecksum},
		{"B1010519491231002X43", parts{}, residentid.ErrChars},
		{n + "4A", parts{}, residentid.ErrChars},
		{"99999919491231002043", parts{}, residentid.ErrNone},
		{"999999", parts{}, residentid.ErrNone},
	} {
		card, err := residentid.ParseCard(c.in)
		if err != c.err {
			t.Errorf("ParseCard(%q): %v, want %v", c.in, err, c.err)
			continue
		}
		got := parts{card.Number().Reveal(), card.Category(), card.Grade(), card.Reissued()}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("ParseCard(%q):\n%s", c.in, diff)
		}
	}
	for _, in := range []string{"", n, n + "4", n + "431", n + "43B12"} {
		if _, err := residentid.ParseCard(in); !residentid.IsLength(err) {
			t.Errorf("ParseCard(%q): %v, want a wrong length", in, err)
		}
	}
	if _, err := residentid.Parse("1"); !residentid.IsLength(err) {
		t.Errorf("Parse(1): %v", err)
	}
}

// FuzzParse: Parse and ParseBytes agree, what passes passes again unchanged, and no input makes them panic.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"11010519491231002X", "110105491231002", "１１０１０５１９４９１２３１００２Ｘ", "999999", "'1\xe3\x80", "\xef\xbc", "\xc2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := residentid.Parse(s)
		if err != nil {
			if n != "" {
				t.Fatal("an error and a number")
			}
			switch err {
			case residentid.ErrLength, residentid.ErrChars, residentid.ErrDate, residentid.ErrChecksum, residentid.ErrNone, residentid.ErrRegion:
			default:
				t.Fatalf("unknown error %v", err)
			}
		} else {
			plain := n.Reveal()
			if len(plain) != 18 || reference(plain[:17]) != plain[17] {
				t.Fatalf("%q passed as %q", s, plain)
			}
			if again, err := residentid.Parse(plain); err != nil || again != n {
				t.Fatalf("%q does not pass again: %v", plain, err)
			}
			if _, err := time.Parse("20060102", plain[6:14]); err != nil {
				t.Fatalf("%q has no date", plain)
			}
		}
		if card, err := residentid.ParseCard(s); err == nil && len(card.Reveal()) != 20 && len(card.Reveal()) != 22 {
			t.Fatalf("card %q", card.Reveal())
		}
	})
}

func BenchmarkParseBytes(b *testing.B) {
	var n [18]byte
	for name, in := range map[string]string{"plain": "11010519491231002X", "fullwidth": "１１０１０５１９４９１２３１００２Ｘ", "15": "110105491231002", "wrong": "110105194912310021"} {
		b.Run(name, func(b *testing.B) {
			in := []byte(in)
			b.ReportAllocs()
			for b.Loop() {
				_ = residentid.ParseBytes(&n, in)
			}
		})
	}
}
