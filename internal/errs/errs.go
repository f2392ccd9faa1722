// Package errs holds the errors that people get to read.
//
// An [Error] has a [Kind] (what the caller can do about it) and one text in Chinese and one in English: what is wrong,
// where (file, row, column), and what to do. The cause stays wrapped for errors.Is and errors.As. The package never
// logs, never prints and never translates texts of other packages.
package errs

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Kind says what sort of failure an error is. The list is closed: exit codes, HTTP statuses and retry rules hang on it.
type Kind uint8

// The kinds. The zero Kind belongs to no error at all.
const (
	// Invalid: the input is wrong; the user mends it.
	Invalid Kind = iota + 1
	// NotFound: what was asked for is not there.
	NotFound
	// Conflict: it clashes with what is there already.
	Conflict
	// Refused: it is not allowed.
	Refused
	// Locked: somebody else holds it; try again later or stop the other.
	Locked
	// Unavailable: the disk, the network or another service did not answer, or the work was stopped.
	Unavailable
	// Internal: a fault of the program.
	Internal
)

// String is the kind's name in English, as JSON answers and logs use it.
func (k Kind) String() string {
	switch k {
	case Invalid:
		return "invalid"
	case NotFound:
		return "not_found"
	case Conflict:
		return "conflict"
	case Refused:
		return "refused"
	case Locked:
		return "locked"
	case Unavailable:
		return "unavailable"
	case Internal:
		return "internal"
	default:
		return "none"
	}
}

// Error is an error with a text for people in both languages. The texts must not hold personal data in plain.
type Error struct {
	Kind   Kind
	ZH, EN string
	Err    error // the cause, or nil
}

// New makes an error without a cause.
func New(kind Kind, zh, en string) *Error { return &Error{Kind: kind, ZH: zh, EN: en} }

// Newf makes an error without a cause. Both formats get the same arguments; name them by position (%[1]v) where
// the two languages need them in different order or number.
func Newf(kind Kind, zh, en string, args ...any) *Error {
	return &Error{Kind: kind, ZH: format(zh, args), EN: format(en, args)}
}

// Wrap makes an error with a cause, which the texts need not repeat: [Error.In] adds it.
func Wrap(kind Kind, err error, zh, en string) *Error {
	return &Error{Kind: kind, ZH: zh, EN: en, Err: err}
}

// format is Sprintf which does not complain about arguments that one of the two languages leaves out. (fmt keeps silent
// about them only when the format uses positions.)
func format(text string, args []any) string {
	s := fmt.Sprintf(text, args...)
	if i := strings.Index(s, "%!(EXTRA "); i >= 0 && !strings.Contains(text, "%!(EXTRA ") {
		s = s[:i]
	}
	return s
}

// Error gives the English text and its cause, for logs and for programmers.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.EN
	}
	return e.EN + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// In gives the text for people in "en" or (anything else) Chinese, with the cause after a colon.
func (e *Error) In(lang string) string {
	text, colon := e.ZH, "："
	if lang == "en" || text == "" {
		text, colon = e.EN, ": "
	}
	if e.Err == nil {
		return text
	}
	cause := Text(e.Err, lang)
	if cause == "" {
		return text
	}
	return text + colon + cause
}

// KindOf tells the kind of the outermost [Error] in err's chain. A nil error has kind 0; stopped or timed-out work is
// [Unavailable]; anything unknown is [Internal].
func KindOf(err error) Kind {
	if err == nil {
		return 0
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return Unavailable
	}
	return Internal
}

// Text gives what a person should read about err in "en" or "zh". Joined errors give a line each. Wrappers that
// carry no text for people (fmt.Errorf around an [Error]) are passed over; an error that has no such text anywhere
// gives its own.
func Text(err error, lang string) string {
	switch e := err.(type) {
	case nil:
		return ""
	case *Error:
		return e.In(lang)
	case interface{ Unwrap() []error }:
		var lines []string
		for _, part := range e.Unwrap() {
			if part != nil {
				lines = append(lines, Text(part, lang))
			}
		}
		return strings.Join(lines, "\n")
	}
	var inner *Error
	if errors.As(err, &inner) {
		return Text(errors.Unwrap(err), lang)
	}
	return err.Error()
}
