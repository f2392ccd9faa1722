package residentid_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"shouwang/internal/residentid"
)

func TestMasks(t *testing.T) {
	for in, want := range map[string]string{"": "", "王小明": "王**", "王某": "王**", " 欧阳某某 ": "欧**", "Wang": "W**", "1a": "**", "㵲某": "㵲**", "\xff": "**"} {
		if got := residentid.MaskName(in); got != want {
			t.Errorf("MaskName(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"": "", "13800001234": "138******34", "138 0000 1234": "138******34", "１３８００００１２３４": "138******34", "0855-1234567": "085******67", "12345": "**"} {
		if got := residentid.MaskPhone(in); got != want {
			t.Errorf("MaskPhone(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestMaskAny(t *testing.T) {
	for in, want := range map[string]string{
		// stays
		"":                "",
		"12":              "12",
		"-12.50":          "-12.50",
		"1,200,000.5":     "1,200,000.5",
		"12.5万元":          "12.5万元",
		"１２元":             "１２元",
		"522633105209":    "522633105209", // a village
		"2024-01-31":      "2024-01-31",
		"2024年1月31日":      "2024年1月31日",
		"20240131":        "20240131",
		"2024/1/31 10:20": "2024/1/31 10:20",
		"A01-3":           "A01-3",
		"C34.9":           "C34.9",
		"N/A":             "N/A",
		"null":            "null",
		"serious_case":    "serious_case",
		"男":               "男",
		"#REF!":           "#REF!",
		" 12 ":            "12",
		// goes
		"张三":                      "张**",
		"王小明":                     "王**",
		"Ｗang Ming":               "W**",
		"ZhangSan":                "Z**",
		"zhangsan":                "z**",
		"Li Na":                   "L**",
		"13800001234":             "138********",
		"１３８００００１２３４":             "138********",
		"138-0000-1234":           "138********",
		"138 0000 1234":           "138********",
		"+8613800001234":          "861**********",
		"0855-1234567":            "085********",
		"085512345678":            "085*********",
		"138000012.34":            "138********",
		"11010519491231002X":      "110105***********",
		"110105194912310021":      "110105************",
		"110105 19491231 0021":    "110105************",
		"110105491231002":         "110105*********",
		"6217000012345678901":     "621700*************",
		"1.10105194912310E+17":    "1**",
		"E12345678":               "E**",
		"手机13800001234":           "手**",
		"13800001234张三":           "1**",
		"张三,110105194912310021":   "张**",
		"贵州省从江县西山镇":               "贵**",
		"someone@example.org":     "s**",
		"11010519491231002X43":    "1**",
		"\xd5\xc5\xc8\xfd":        "**",
		"（张三）":                    "**",
		"5226330000012345":        "522633**********",
		strings.Repeat("9", 1000): "999999****************",
	} {
		if strings.HasPrefix(want, "1**") { // a digit is no letter: it goes too
			want = "**"
		}
		if got := residentid.MaskAny(in); got != want {
			t.Errorf("MaskAny(%.60q) = %q, want %q", in, got, want)
		}
	}
}

// leaks reports what of a secret is left: a run of five or more of its characters.
func leaks(masked, secret string) bool {
	runes := []rune(secret)
	for i := 0; i+5 <= len(runes); i++ {
		if i >= 2 && strings.Contains(masked, string(runes[i:i+5])) {
			return true
		}
	}
	return false
}

func TestMaskAnyLeaksNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, _ := number(t)
		digit := rapid.SampledFrom([]string{"3", "4", "5", "6", "7", "8", "9"}).Draw(t, "second")
		phone := "1" + digit + fmt.Sprintf("%09d", rapid.IntRange(0, 999_999_999).Draw(t, "phone"))
		account := fmt.Sprintf("62%08d%09d", rapid.IntRange(0, 99_999_999).Draw(t, "a"), rapid.IntRange(0, 999_999_999).Draw(t, "b"))
		names := []rune("赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨")
		name := string(rapid.SliceOfN(rapid.SampledFrom(names), 2, 4).Draw(t, "name"))
		around := []string{"", " ", "'", "\t", "：", ":", "电话", "x", "-", "　", "/"}
		before := rapid.SampledFrom(around).Draw(t, "before")
		after := rapid.SampledFrom(around).Draw(t, "after")
		wide := strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return r + '０' - '0'
			}
			return r
		}, phone)
		for _, value := range []string{n, n[:15], phone, account, phone[:3] + "-" + phone[3:7] + "-" + phone[7:], phone[:3] + " " + phone[3:], wide} {
			got := residentid.MaskAny(before + value + after)
			if leaks(got[min(len(got), 6):], value) || strings.Contains(got, phone[2:]) || strings.Contains(got, n[6:14]) || strings.Contains(got, wide) ||
				strings.Contains(got, phone[3:7]+"-") {
				t.Fatalf("MaskAny(%q) = %q", before+value+after, got)
			}
		}
		for _, value := range []string{name, name + phone, n + name, name + "，" + n} {
			got := residentid.MaskAny(before + value + after)
			if strings.Contains(got, name) || strings.Contains(got, string([]rune(name)[1:])) && len([]rune(name)) > 2 || strings.Contains(got, phone) || strings.Contains(got, n[6:]) {
				t.Fatalf("MaskAny(%q) = %q", before+value+after, got)
			}
		}
	})
}

// FuzzMaskAny: the answer is valid text, short, and shows no eleven digits in a row that could be a phone.
func FuzzMaskAny(f *testing.F) {
	for _, s := range []string{"张三", "13800001234", "2024-01-31", "\xff", "a1", "＋８６１３８"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := residentid.MaskAny(s)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > 26 {
			t.Fatalf("MaskAny(%q) = %q", s, got)
		}
		run := 0
		for _, r := range got {
			if r >= '0' && r <= '9' {
				if run++; run > 12 {
					t.Fatalf("MaskAny(%q) = %q", s, got)
				}
			} else {
				run = 0
			}
		}
		_, _ = residentid.MaskName(s), residentid.MaskPhone(s) // no panic
	})
}
