package ethnic_test

import (
	"fmt"
	"strings"
	"testing"

	"shouwang/internal/ethnic"
)

func TestCode(t *testing.T) {
	for in, want := range map[string]string{
		"苗族": "06", "苗": "06", " 苗 族\t": "06", "06": "06", "6": "06", "０６": "06",
		"汉": "01", "汉族": "01", "1": "01", "布依族": "09", "布依": "09", "侗族": "12", "彝": "07", "水族": "25", "水": "25", "仡佬": "37",
		"土家族": "15", "土": "30", "土族": "30", "乌孜别克": "43", "鄂伦春族": "52", "基诺族": "56", "56": "56",
		"穿青人": "97", "穿青人族": "97", "革家人": "97", "其他": "97", "其他族": "97", "未识别": "97", "未识别民族": "97", "其他（未识别民族）": "97", "97": "97",
		"外国血统中国籍人士": "98", "98": "98",
	} {
		if got, ok := ethnic.Code(in); !ok || got != want {
			t.Errorf("Code(%q) = %q, %v, want %q", in, got, ok, want)
		}
	}
	for _, in := range []string{"", " ", "族", "0", "00", "57", "96", "99", "100", "006", "6a", "家", "土家人", "苗族族人", "Miao", "苗苗", "\xff"} {
		if got, ok := ethnic.Code(in); ok || got != "" {
			t.Errorf("Code(%q) = %q, %v, want nothing", in, got, ok)
		}
	}
}

func TestTableIsComplete(t *testing.T) {
	all := ethnic.All()
	if len(all) != 58 {
		t.Fatalf("%d groups, want 56 and the codes 97 and 98", len(all))
	}
	names := map[string]bool{}
	for i, g := range all {
		want := fmt.Sprintf("%02d", i+1)
		if i >= 56 {
			want = fmt.Sprint(97 + i - 56)
		}
		if g.Code != want {
			t.Errorf("row %d has code %s, want %s", i, g.Code, want)
		}
		if names[g.ZH] || names[g.EN] || g.ZH == "" || g.EN == "" {
			t.Errorf("%s: names %q and %q are empty or used twice", g.Code, g.ZH, g.EN)
		}
		names[g.ZH], names[g.EN] = true, true
		if ethnic.Name(g.Code) != g.ZH || ethnic.NameIn(g.Code, "en") != g.EN || ethnic.NameIn(g.Code, "zh") != g.ZH {
			t.Errorf("%s: Name gives %q, %q", g.Code, ethnic.Name(g.Code), ethnic.NameIn(g.Code, "en"))
		}
		for _, in := range []string{g.Code, g.ZH, strings.TrimSuffix(g.ZH, "族")} {
			if got, ok := ethnic.Code(in); !ok || got != g.Code {
				t.Errorf("Code(%q) = %q, %v, want %s", in, got, ok, g.Code)
			}
		}
	}
	for _, code := range []string{"", "6", "57", "00", "xx", "100", "9x"} {
		if ethnic.Name(code) != "" || ethnic.NameIn(code, "en") != "" {
			t.Errorf("Name(%q) = %q", code, ethnic.Name(code))
		}
	}
	all[0].ZH = "changed"
	if ethnic.Name("01") != "汉族" {
		t.Error("the caller can change the table")
	}
}

func TestCodeAllocatesNothing(t *testing.T) {
	for _, in := range []string{"苗族", "06", "穿青人", "无"} {
		if a := testing.AllocsPerRun(100, func() { ethnic.Code(in) }); a > 0 {
			t.Errorf("Code(%q): %v allocations", in, a)
		}
	}
}

func BenchmarkCode(b *testing.B) {
	for b.Loop() {
		ethnic.Code("仡佬族")
	}
}
