package policy

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Error is one thing wrong in a pack, with the place to mend it.
type Error struct {
	File   string // slash path inside the pack
	Line   int    // 1-based; 0 when the whole file is meant
	Column int    // 1-based, in characters; 0 when the whole line or file is meant
	Path   string // key path: "rules[medical_burden_red].examples[#2].expect"; empty when the whole file is meant
	ZH, EN string // what is wrong and what to do, without the place
}

// Error returns the place and the English text.
func (e *Error) Error() string { return e.In("en") }

// In returns the place and the text in language lang ("zh" or "en").
func (e *Error) In(lang string) string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
		if e.Column > 0 {
			fmt.Fprintf(&b, ":%d", e.Column)
		}
	}
	if e.Path != "" {
		b.WriteString(": ")
		b.WriteString(e.Path)
	}
	b.WriteString(": ")
	if lang == "zh" && e.ZH != "" {
		b.WriteString(e.ZH)
	} else {
		b.WriteString(e.EN)
	}
	return b.String()
}

// Errors returns every *Error inside err (as joined by Load), in file and line order.
func Errors(err error) []*Error {
	var out []*Error
	var walk func(error)
	walk = func(err error) {
		switch x := err.(type) {
		case nil:
		case *Error:
			out = append(out, x)
		case interface{ Unwrap() []error }:
			for _, e := range x.Unwrap() {
				walk(e)
			}
		default:
			walk(errors.Unwrap(err))
		}
	}
	walk(err)
	sortErrors(out)
	return out
}

func sortErrors(list []*Error) {
	slices.SortStableFunc(list, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Path, b.Path))
	})
}

// joinErrors sorts the list, drops exact repeats and joins it; nil for an empty list.
func joinErrors(list []*Error) error {
	sortErrors(list)
	list = slices.CompactFunc(list, func(a, b *Error) bool { return *a == *b })
	all := make([]error, len(list))
	for i, e := range list {
		all[i] = e
	}
	return errors.Join(all...)
}

// clip shortens a value for a message.
func clip(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
