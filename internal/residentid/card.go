package residentid

import (
	"fmt"

	"shouwang/internal/errs"
)

// ErrCard says that the category, the grade or the re-issue mark of a disability card is out of its range.
var ErrCard error = errs.New(errs.Invalid,
	"残疾人证号的类别（1–7）、等级（1–4）或补换证标记不对", "the category (1–7), grade (1–4) or re-issue mark of the disability card is out of range")

// errCardLength is ErrLength's twin for cards.
var errCardLength error = &errs.Error{Kind: errs.Invalid, Err: nil,
	ZH: "残疾人证号应为20位（补换证22位），长度不对", EN: "a disability card has 20 characters (22 when re-issued); this one has not"}

// Card is a valid disability card number (残疾人证号) in its normal form: the citizen's number, one digit of category, one of
// grade, and for a re-issued card two more characters (B1, B2 …, or two digits). Masked like [Number].
type Card string

// ParseCard reads a card number as [Parse] reads a citizen's number. The error is one of Parse's, ErrCard, or for a wrong
// length one that [IsLength] knows.
func ParseCard(s string) (Card, error) {
	var buf [22]byte
	n := 0
	for b := []byte(s); len(b) > 0; {
		c, size := narrow(b)
		b = b[size:]
		switch {
		case c == ' ', c == '\'' && n == 0:
			continue
		case c == 'x' || c == 'b':
			c -= 'a' - 'A'
		case c-'0' <= 9, c == 'X', c == 'B':
		default:
			return "", ErrChars
		}
		if n < len(buf) {
			buf[n] = c
		}
		n++
	}
	if n != 20 && n != 22 {
		if n >= 6 && string(buf[:6]) == "999999" {
			return "", ErrNone
		}
		return "", errCardLength
	}
	var number [18]byte
	if err := ParseBytes(&number, buf[:18]); err != nil {
		return "", err
	}
	category, grade := buf[18], buf[19]
	if category < '1' || category > '7' || grade < '1' || grade > '4' {
		return "", ErrCard
	}
	if n == 22 && (buf[20] != 'B' && buf[20]-'0' > 9 || buf[21]-'0' > 9) {
		return "", ErrCard
	}
	return Card(buf[:n]), nil
}

// IsLength reports whether err says that a number or a card has the wrong length.
func IsLength(err error) bool { return err == ErrLength || err == errCardLength }

// Number is the holder's citizen's number, "" for a Card that did not come from ParseCard.
func (c Card) Number() Number {
	if len(c) < 20 {
		return ""
	}
	return Number(c[:18])
}

// Category is 1 sight, 2 hearing, 3 speech, 4 limbs, 5 intellectual, 6 mental, 7 multiple; 0 for no card.
func (c Card) Category() int {
	if len(c) < 20 {
		return 0
	}
	return int(c[18] - '0')
}

// Grade is 1 (most severe) to 4; 0 for no card.
func (c Card) Grade() int {
	if len(c) < 20 {
		return 0
	}
	return int(c[19] - '0')
}

// Reissued reports whether the card replaces an earlier one.
func (c Card) Reissued() bool { return len(c) == 22 }

// Reveal gives the card number in plain.
func (c Card) Reveal() string { return string(c) }

// String masks all but the region: category and grade are health data.
func (c Card) String() string {
	if len(c) < 20 {
		return ""
	}
	return c.Number().String() + stars[:len(c)-18]
}

// Format masks for every verb of fmt.
func (c Card) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.String()) }

// MarshalText masks in JSON, XML and slog.
func (c Card) MarshalText() ([]byte, error) { return []byte(c.String()), nil }
