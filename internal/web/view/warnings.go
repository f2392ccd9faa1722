package view

import (
	"strings"

	"shouwang/internal/policy"
	"shouwang/internal/screening"
)

// Warnings is the list of warnings.
type Warnings struct {
	Crumbs     []Crumb
	Place      string
	Division   string // code of the filter
	Filter     WarningFilter
	Divisions  []Option // the divisions below the chosen one
	Levels     []Option
	Risks      []Option
	Rules      []Option
	Changes    []Option
	Count      int64 // warnings that the filter finds
	Households int64
	Rows       []WarningRow
	Next       string // cursor of the next page; "" on the last one
	First      bool   // this is the first page
	AsOf       string
	Export     bool // the reader may export
}

// WarningFilter is the filter as addresses carry it.
type WarningFilter struct {
	Level, Risk, Rule, Change string
}

// WarningRow is one warning.
type WarningRow struct {
	screening.Warning
	Place string // names down to the village, from the reader's own division on
	Risk  policy.Text
	Names []policy.Text // of the rules that found it
	Case  string        // id of the household's live case; "" when there is none
}

// Link is this list with other values.
func (w Warnings) Link(path string, pairs ...string) string {
	have := map[string]string{"division": w.Division, "level": w.Filter.Level, "risk": w.Filter.Risk, "rule": w.Filter.Rule, "change": w.Filter.Change}
	for i := 0; i+1 < len(pairs); i += 2 {
		have[pairs[i]] = pairs[i+1]
	}
	var all []string
	for _, k := range []string{"division", "level", "risk", "rule", "change", "after", "format"} {
		all = append(all, k, have[k])
	}
	return Link(path, all...)
}

// reasons names the rules, the worst first.
func (r WarningRow) reasons(p Page) string {
	var names []string
	for _, n := range r.Names {
		names = append(names, p.In(n))
	}
	return strings.Join(names, p.Sep())
}
