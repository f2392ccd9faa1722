// Package residentid reads citizens' numbers (公民身份号码, GB 11643-1999), numbers of disability cards, and masks what
// must not be shown.
//
// It owns the syntax of the numbers: characters, length, region, date, check digit. It never asks whether a person exists,
// knows no clock (a birth date after today is for the caller to judge) and never prints a number in plain.
package residentid

import (
	"fmt"
	"time"

	"shouwang/internal/errs"
)

// Why a number is refused. ParseBytes and Parse return exactly one of these, unwrapped, so that they compare with ==.
var (
	// ErrLength: neither 18 nor 15 characters (after spaces are dropped). An empty value gives this too.
	ErrLength error = errs.New(errs.Invalid, "证件号码应为18位（或15位旧号码），长度不对", "a citizen's number has 18 characters (or 15 in the old form); this one has not")
	// ErrChars: something else than digits and a final X.
	ErrChars error = errs.New(errs.Invalid, "证件号码中有数字和末位X以外的字符", "the citizen's number holds characters other than digits and a final X")
	// ErrRegion: the first two digits are no province.
	ErrRegion error = errs.New(errs.Invalid, "证件号码前两位不是省级代码", "the first two digits of the citizen's number are no province")
	// ErrDate: the birth date is no day of the calendar in 1850–2099.
	ErrDate error = errs.New(errs.Invalid, "证件号码中的出生日期不存在", "the birth date in the citizen's number is not a day of the calendar")
	// ErrChecksum: the check digit does not fit: some digit was mistyped.
	ErrChecksum error = errs.New(errs.Invalid, "证件号码校验位不对，请核对各位数字", "the check digit of the citizen's number does not fit; a digit is mistyped")
	// ErrNone: the filler 999999…, by which the national system says "no number".
	ErrNone error = errs.New(errs.Invalid, "以999999开头，表示没有证件号码", "it begins with 999999, which stands for 'has no number'")
)

// The years of birth that are accepted. The oldest person alive in the first files of 1983 was born after 1850.
const (
	minYear = 1850
	maxYear = 2099
)

// Number is a valid citizen's number in its normal form: 18 characters, upper-case X. However it is printed, logged or
// encoded it comes out masked; only [Number.Reveal] gives it in plain.
type Number string

// Parse reads a number as people and spreadsheets write it: full-width digits, white space anywhere, a leading apostrophe,
// x for X; 15 digits become 18 (born in 19xx). The error is one of the Err values of this package.
func Parse(s string) (Number, error) {
	var n [18]byte
	if err := ParseBytes(&n, []byte(s)); err != nil {
		return "", err
	}
	return Number(n[:]), nil
}

// ParseBytes is [Parse] without allocation: the normal form goes to dst, whose content is undefined after an error.
func ParseBytes(dst *[18]byte, b []byte) error {
	if len(b) == 18 && copyPlain(dst, b) {
		return check(dst)
	}
	n, err := normalise(dst, b)
	if err != nil {
		return err
	}
	switch n {
	case 18:
		return check(dst)
	case 15:
		copy(dst[8:17], dst[6:15])
		dst[6], dst[7] = '1', '9'
		dst[17] = CheckDigit(dst[:17])
		return check(dst)
	default:
		return ErrLength
	}
}

// copyPlain copies 17 digits and a digit or X; it reports false for anything else.
func copyPlain(dst *[18]byte, b []byte) bool {
	_ = b[17]
	for i := range 17 {
		c := b[i]
		if c-'0' > 9 {
			return false
		}
		dst[i] = c
	}
	c := b[17]
	if c == 'x' {
		c = 'X'
	}
	dst[17] = c
	return c-'0' <= 9 || c == 'X'
}

// normalise copies the digits (and a final X) of b, gives their number, and drops what may be dropped.
func normalise(dst *[18]byte, b []byte) (int, error) {
	n, x := 0, -1 // x: where an X stands
	none := true  // begins with 999999 so far
	for i := 0; i < len(b); {
		c, size := narrow(b[i:])
		i += size
		switch {
		case c == ' ', c == '\'' && n == 0:
			continue
		case c-'0' <= 9:
		case c == 'X' || c == 'x':
			if x >= 0 {
				return 0, ErrChars
			}
			c, x = 'X', n
		default:
			return 0, ErrChars
		}
		if n < 6 && c != '9' {
			none = false
		}
		if n < 18 {
			dst[n] = c
		}
		n++
	}
	if none && n >= 6 {
		return 0, ErrNone
	}
	if x >= 0 && x != n-1 || x >= 0 && n == 15 {
		return 0, ErrChars
	}
	return n, nil
}

// narrow reads one character: ASCII as it is, full-width forms as their ASCII twins, every kind of space as ' '; 0 for
// anything else.
func narrow(b []byte) (c byte, size int) {
	if c = b[0]; c < 0x80 {
		if c == '\t' || c == '\r' || c == '\n' {
			c = ' '
		}
		return c, 1
	}
	if len(b) >= 3 {
		switch {
		case b[0] == 0xEF && b[1] == 0xBC && b[2] >= 0x81 && b[2] <= 0xBF: // U+FF01–FF3F
			return b[2] - 0x80 + ' ', 3
		case b[0] == 0xEF && b[1] == 0xBD && b[2] >= 0x80 && b[2] <= 0x9E: // U+FF40–FF5E
			return b[2] - 0x80 + '`', 3
		case b[0] == 0xE3 && b[1] == 0x80 && b[2] == 0x80: // ideographic space
			return ' ', 3
		case b[0] == 0xE2 && b[1] == 0x80 && b[2] >= 0x80 && b[2] <= 0x8F: // typographic and zero-width spaces
			return ' ', 3
		case b[0] == 0xEF && b[1] == 0xBB && b[2] == 0xBF: // byte order mark
			return ' ', 3
		}
	}
	if len(b) >= 2 && b[0] == 0xC2 && b[1] == 0xA0 { // no-break space
		return ' ', 2
	}
	return 0, 1
}

// provinces has a true for each two-digit code of GB/T 2260 that numbers are given in; 83 is used in the residence
// permits of people from Taiwan. Permanent residents' cards of the 2023 form have a 9 and then the province.
var provinces = [100]bool{
	11: true, 12: true, 13: true, 14: true, 15: true, 21: true, 22: true, 23: true, 31: true, 32: true, 33: true, 34: true,
	35: true, 36: true, 37: true, 41: true, 42: true, 43: true, 44: true, 45: true, 46: true, 50: true, 51: true, 52: true,
	53: true, 54: true, 61: true, 62: true, 63: true, 64: true, 65: true, 71: true, 81: true, 82: true, 83: true,
}

// check judges 17 digits and a check digit.
func check(n *[18]byte) error {
	d := func(i int) int { return int(n[i] - '0') }
	region := d(0)*10 + d(1)
	if region >= 90 {
		if region == 99 && n[2] == '9' && n[3] == '9' && n[4] == '9' && n[5] == '9' {
			return ErrNone
		}
		region = d(1)*10 + d(2)
	}
	if !provinces[region] {
		return ErrRegion
	}
	year := d(6)*1000 + d(7)*100 + d(8)*10 + d(9)
	if !isDay(year, d(10)*10+d(11), d(12)*10+d(13)) {
		return ErrDate
	}
	if checkDigit(n) != n[17] {
		return ErrChecksum
	}
	return nil
}

func isDay(year, month, day int) bool {
	if year < minYear || year > maxYear || month < 1 || month > 12 || day < 1 || day > 31 {
		return false
	}
	switch month {
	case 4, 6, 9, 11:
		return day <= 30
	case 2:
		return day <= 28 || day == 29 && year%4 == 0 && (year%100 != 0 || year%400 == 0)
	}
	return true
}

// checkDigit is the check digit of the first 17: ISO 7064, MOD 11-2, as GB 11643 writes it out. The sum is taken of
// the bytes themselves; what '0' adds to it, 48 × the sum of the weights, is taken off at the end.
func checkDigit(n *[18]byte) byte {
	const weights = 7 + 9 + 10 + 5 + 8 + 4 + 2 + 1 + 6 + 3 + 7 + 9 + 10 + 5 + 8 + 4 + 2
	sum := uint32(n[0])*7 + uint32(n[1])*9 + uint32(n[2])*10 + uint32(n[3])*5 + uint32(n[4])*8 + uint32(n[5])*4 +
		uint32(n[6])*2 + uint32(n[7]) + uint32(n[8])*6 + uint32(n[9])*3 + uint32(n[10])*7 + uint32(n[11])*9 +
		uint32(n[12])*10 + uint32(n[13])*5 + uint32(n[14])*8 + uint32(n[15])*4 + uint32(n[16])*2 - '0'*weights
	return "10X98765432"[sum%11]
}

// CheckDigit computes the 18th character from 17 digits. It panics when digits has fewer than 17 bytes; what it
// gives for bytes that are not digits means nothing.
func CheckDigit(digits []byte) byte {
	var n [18]byte
	copy(n[:], digits[:17])
	return checkDigit(&n)
}

// Reveal gives the number in plain. Callers say in their own log why they need it.
func (n Number) Reveal() string { return string(n) }

// String masks: the region stays, the rest becomes stars.
func (n Number) String() string {
	if len(n) < 18 {
		return stars[:len(n)]
	}
	return string(n[:6]) + stars[:12]
}

const stars = "******************"

// Format masks for every verb of fmt, also those that would go round String (%d, %x, %#v).
func (n Number) Format(f fmt.State, _ rune) { fmt.Fprint(f, n.String()) }

// MarshalText masks in JSON, XML and slog.
func (n Number) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// Birth is the day of birth, at midnight UTC. The zero time for a Number that did not come from Parse.
func (n Number) Birth() time.Time {
	if len(n) != 18 {
		return time.Time{}
	}
	d := func(i int) int { return int(n[i] - '0') }
	return time.Date(d(6)*1000+d(7)*100+d(8)*10+d(9), time.Month(d(10)*10+d(11)), d(12)*10+d(13), 0, 0, 0, 0, time.UTC)
}

// Sex is "m" when the 17th digit is odd, "f" when it is even, "" for a Number that did not come from Parse.
func (n Number) Sex() string {
	switch {
	case len(n) != 18:
		return ""
	case (n[16]-'0')%2 == 1:
		return "m"
	default:
		return "f"
	}
}

// Region is the six-digit code of the county that gave the number, as it was named on that day.
func (n Number) Region() string {
	if len(n) != 18 {
		return ""
	}
	return string(n[:6])
}
