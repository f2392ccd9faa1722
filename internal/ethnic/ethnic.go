// Package ethnic is the table of ethnic groups (GB/T 3304-1991), as codes and names.
//
// It reads groups by code or by name, with or without 族, and never guesses: an unknown word is refused. Old systems numbered the
// groups in other orders, so a file's codes are trusted only where its contract says that they are these.
package ethnic

import "strings"

// Group is one row of the table. Code has two digits.
type Group struct{ Code, ZH, EN string }

// Undetermined is the code of groups that are not among the fifty-six (穿青人, 革家人 …), as used in practice beside the standard; 98 is a
// foreigner who became a citizen.
const Undetermined = "97"

// groups is ordered by code; the first fifty-six lie at code − 1.
var groups = [...]Group{
	{"01", "汉族", "Han"},
	{"02", "蒙古族", "Mongol"},
	{"03", "回族", "Hui"},
	{"04", "藏族", "Tibetan"},
	{"05", "维吾尔族", "Uyghur"},
	{"06", "苗族", "Miao"},
	{"07", "彝族", "Yi"},
	{"08", "壮族", "Zhuang"},
	{"09", "布依族", "Buyei"},
	{"10", "朝鲜族", "Korean"},
	{"11", "满族", "Manchu"},
	{"12", "侗族", "Dong"},
	{"13", "瑶族", "Yao"},
	{"14", "白族", "Bai"},
	{"15", "土家族", "Tujia"},
	{"16", "哈尼族", "Hani"},
	{"17", "哈萨克族", "Kazakh"},
	{"18", "傣族", "Dai"},
	{"19", "黎族", "Li"},
	{"20", "傈僳族", "Lisu"},
	{"21", "佤族", "Va"},
	{"22", "畲族", "She"},
	{"23", "高山族", "Gaoshan"},
	{"24", "拉祜族", "Lahu"},
	{"25", "水族", "Sui"},
	{"26", "东乡族", "Dongxiang"},
	{"27", "纳西族", "Naxi"},
	{"28", "景颇族", "Jingpo"},
	{"29", "柯尔克孜族", "Kyrgyz"},
	{"30", "土族", "Tu"},
	{"31", "达斡尔族", "Daur"},
	{"32", "仫佬族", "Mulao"},
	{"33", "羌族", "Qiang"},
	{"34", "布朗族", "Blang"},
	{"35", "撒拉族", "Salar"},
	{"36", "毛南族", "Maonan"},
	{"37", "仡佬族", "Gelao"},
	{"38", "锡伯族", "Xibe"},
	{"39", "阿昌族", "Achang"},
	{"40", "普米族", "Pumi"},
	{"41", "塔吉克族", "Tajik"},
	{"42", "怒族", "Nu"},
	{"43", "乌孜别克族", "Uzbek"},
	{"44", "俄罗斯族", "Russian"},
	{"45", "鄂温克族", "Ewenki"},
	{"46", "德昂族", "Deang"},
	{"47", "保安族", "Bonan"},
	{"48", "裕固族", "Yugur"},
	{"49", "京族", "Gin"},
	{"50", "塔塔尔族", "Tatar"},
	{"51", "独龙族", "Derung"},
	{"52", "鄂伦春族", "Oroqen"},
	{"53", "赫哲族", "Hezhen"},
	{"54", "门巴族", "Monpa"},
	{"55", "珞巴族", "Lhoba"},
	{"56", "基诺族", "Jino"},
	{"97", "其他", "Other, undetermined"},
	{"98", "外国血统中国籍人士", "Citizen of foreign descent"},
}

// others are further spellings, without 族 where that is left out anyway.
var others = map[string]string{
	"穿青人": "97", "穿青": "97", "革家人": "97", "革家": "97", "未识别": "97", "未识别民族": "97",
	"其他": "97", "其它": "97", "其他民族": "97", "其它民族": "97", "未定": "97", "未定民族": "97", "其他未识别": "97", "其他未识别的民族": "97", "其他(未识别民族)": "97",
	"外国血统": "98", "外国血统中国籍": "98", "外国血统中国籍人士": "98", "入籍": "98", "外籍入籍": "98",
	"崩龙": "46", "僮": "08", "布衣": "09", // old or common misspellings
}

// Code gives the two-digit code for a code (6, 06) or a name (苗, 苗族, 穿青人); white space and full-width signs do not
// matter. ok is false for anything else, an empty value included. It allocates nothing for a plain spelling.
func Code(nameOrCode string) (code string, ok bool) {
	s := clean(nameOrCode)
	switch {
	case s == "":
		return "", false
	case s[0] >= '0' && s[0] <= '9':
		return byCode(s)
	}
	name := strings.TrimSuffix(s, "族")
	for i := range groups {
		g := groups[i].ZH
		if len(g) >= len(name) && g[:len(name)] == name && (len(g) == len(name) || g[len(name):] == "族") {
			return groups[i].Code, true
		}
	}
	if code, ok = others[s]; !ok {
		code, ok = others[name]
	}
	return code, ok
}

// byCode reads one or two digits.
func byCode(s string) (string, bool) {
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' || i > 1 {
			return "", false
		}
		n = n*10 + int(s[i]-'0')
	}
	switch {
	case n >= 1 && n <= 56:
		return groups[n-1].Code, true
	case n == 97, n == 98:
		return groups[n-41].Code, true
	}
	return "", false
}

// Name gives the Chinese name of a two-digit code (苗族), "" for an unknown one.
func Name(code string) string {
	if len(code) != 2 {
		return ""
	}
	if c, ok := byCode(code); ok {
		return groups[index(c)].ZH
	}
	return ""
}

// NameIn gives the name in "en" or (anything else) Chinese, "" for an unknown code.
func NameIn(code, lang string) string {
	if Name(code) == "" || lang != "en" {
		return Name(code)
	}
	return groups[index(code)].EN
}

// index is the place of a valid code.
func index(code string) int {
	n := int(code[0]-'0')*10 + int(code[1]-'0')
	if n > 56 {
		return n - 41
	}
	return n - 1
}

// All gives the whole table, ordered by code.
func All() []Group { return append([]Group(nil), groups[:]...) }

// clean drops white space and makes full-width signs ASCII.
func clean(s string) string {
	plain := true
	for _, r := range s {
		if r <= ' ' || r == 0xA0 || r == 0x3000 || r == 0xFEFF || r >= 0xFF01 && r <= 0xFF5E {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 0xFF01 && r <= 0xFF5E:
			return r - 0xFF01 + '!'
		case r <= ' ', r == 0xA0, r == 0x3000, r == 0xFEFF:
			return -1
		}
		return r
	}, s)
}
