package view

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"shouwang/internal/division"
	"shouwang/internal/expr"
	"shouwang/internal/locale"
	"shouwang/internal/policy"
)

// Page is what every page is given: the reader and the frame around the content.
type Page struct {
	Lang      string // zh or en
	Theme     string // light, dark, or "" = as the reader's device says
	Words     *Words
	Title     string
	Here      string // this page's own address: where switching the language comes back to
	Section   string // which entry of the navigation is the current one
	RequestID string
	Reader    *Reader // nil before signing in
	Nav       []NavItem
	Asset     func(name string) string // address of a static file
	Scripts   []string                 // further static scripts that the page needs
	MapNumber string                   // number of the reviewed map; "" = the map is a sketch
	Demo      bool
	Large     bool // large type, for people who are no staff
}

// Reader is the signed-in account as the frame shows it.
type Reader struct {
	Name  string
	Role  string // in the reader's language
	Place string
}

// NavItem is one entry of the navigation.
type NavItem struct {
	ID, Href, Icon, Label string
}

// T gives a text in the page's language.
func (p Page) T(key string, args ...any) string { return p.Words.In(p.Lang, key, args...) }

// HTMLLang is the language as HTML names it, so that fonts and screen readers choose rightly.
func (p Page) HTMLLang() string {
	if p.Lang == locale.English {
		return "en"
	}
	return "zh-CN"
}

// Other is the language to switch to.
func (p Page) Other() string {
	if p.Lang == locale.English {
		return locale.Chinese
	}
	return locale.English
}

// OtherTheme is the theme to switch to.
func (p Page) OtherTheme() string {
	if p.Theme == "dark" {
		return "light"
	}
	return "dark"
}

// Sep joins phrases of a list.
func (p Page) Sep() string {
	if p.Lang == locale.English {
		return "; "
	}
	return "；"
}

// Comma joins words of a list.
func (p Page) Comma() string {
	if p.Lang == locale.English {
		return ", "
	}
	return "、"
}

// Int writes a whole number with groups of three digits.
func Int[N int | int32 | int64](n N) string { return locale.Int(int64(n)) }

// Day writes a day that is given as 2026-11-24.
func (p Page) Day(iso string) string {
	t, err := time.Parse(time.DateOnly, iso)
	if err != nil {
		return iso
	}
	return locale.Date(t, p.Lang)
}

// Moment writes a point in time in Chinese standard time, which the whole country keeps.
func (p Page) Moment(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	t = t.In(time.FixedZone("UTC+8", 8*3600))
	return locale.Date(t, p.Lang) + " " + t.Format("15:04")
}

// Date writes a date.
func (p Page) Date(t time.Time) string { return locale.Date(t, p.Lang) }

// In gives a text of the policy pack in the page's language.
func (p Page) In(t policy.Text) string { return t.In(p.Lang) }

// Crumb is one step of the way from the reader's own division down.
type Crumb struct {
	Name, Href string
}

// Option is one choice of a form's list.
type Option struct {
	Value, Label string
	Chosen       bool
}

// Link makes an address from a path and pairs of query keys and values; empty values are left out.
func Link(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// Code writes a division for an address; "" for 0.
func Code(c division.Code) string {
	if c == 0 {
		return ""
	}
	return c.Prefix()
}

// share is part of whole in hundredths, for widths of bars; a part that is there is never invisible.
func share(part, whole int64) string {
	if whole <= 0 || part <= 0 {
		return "0"
	}
	return strconv.FormatFloat(max(0.6, 100*float64(part)/float64(whole)), 'f', 2, 64)
}

// shape is the mark of a level, which tells it without colours.
func shape(level string) string {
	switch level {
	case "red":
		return "▲"
	case "yellow":
		return "◆"
	case "blue":
		return "●"
	}
	return ""
}

// plain writes an identifier of a contract as words.
func plain(id string) string { return strings.ReplaceAll(id, "_", " ") }

// offset is where the next part of a bar begins.
func offset(whole int64, before ...int64) string {
	var sum float64
	for _, b := range before {
		n, err := strconv.ParseFloat(share(b, whole), 64)
		if err == nil {
			sum += n
		}
	}
	return strconv.FormatFloat(sum, 'f', 2, 64)
}

// Unit is a unit of the policy pack, which writes them in Chinese, for n of them.
func (p Page) Unit(unit string, n float64) string {
	if p.Lang == locale.English {
		return expr.EnglishUnit(unit, n)
	}
	return unit
}
