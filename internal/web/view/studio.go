package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"shouwang/internal/amendment"
	"shouwang/internal/evaluate"
	"shouwang/internal/jobs"
	"shouwang/internal/locale"
	"shouwang/internal/policy"
	"shouwang/internal/screening"
)

// Amendments is the list of amendments, and the form that begins one.
type Amendments struct {
	Tabs   PolicyTabs
	Rows   []AmendmentRow
	Today  string // civil day in China
	Fault  string
	Title  string // as typed
	Number string // of the document, as typed
}

// AmendmentRow is one amendment with who drafted it.
type AmendmentRow struct {
	amendment.Amendment
	Who string
}

// AmendmentPage is one amendment: what it changes, what is wrong, what the test found, and what may be done now.
type AmendmentPage struct {
	Tabs      PolicyTabs
	Draft     *amendment.Draft
	Pack      *policy.Pack // as amended; the pack underneath when it does not load
	Today     string
	Author    string
	Submitter string
	Decider   string
	Editors   []string
	Changes   []policy.Difference
	Faults    []Fault
	Report    *evaluate.TestReport // nil: not tested as it stands
	Job       *jobs.Job            // a test that waits or runs
	Own       bool                 // the reader had a hand in it
	Change    bool                 // the reader may change amendments
	Approve   bool                 // the reader may approve those of others
	Effective string               // for the form
	Error     string
	Names     func(code string) string // of a division
}

// Fault is one thing wrong in a text, with the lines around it.
type Fault struct {
	*policy.Error
	Lines []policy.Line // New is the line's number
}

// FaultsOf gives what is wrong with the lines around each place.
func FaultsOf(list []*policy.Error, files map[string][]byte) []Fault {
	var out []Fault
	for _, e := range list {
		f := Fault{Error: e}
		if e.Line > 0 {
			for i, text := range strings.Split(string(files[e.File]), "\n") {
				if n := i + 1; n >= e.Line-1 && n <= e.Line+1 {
					op := policy.LineSame
					if n == e.Line {
						op = policy.LineGone
					}
					out := policy.Line{Op: op, New: n, Text: text}
					f.Lines = append(f.Lines, out)
				}
			}
		}
		out = append(out, f)
	}
	return out
}

// text is what is wrong, without the place.
func (f Fault) text(lang string) string {
	if lang == locale.English {
		return f.EN
	}
	return f.ZH
}

// waits reports whether it waits for the second person.
func (a AmendmentPage) waits() bool { return a.Draft.State == amendment.Submitted }

// ready reports whether it can be submitted.
func (a AmendmentPage) ready() bool {
	return a.Draft.State == amendment.Tested && !a.Draft.Behind && len(a.Faults) == 0
}

// answer is where it stands, in one sentence.
func (a AmendmentPage) answer(p Page) string {
	d := a.Draft
	switch d.State {
	case amendment.Submitted:
		return p.T("studio.answer.submitted", a.Submitter, p.Day(d.Effective))
	case amendment.Approved:
		if d.Effective <= a.Today {
			return p.T("studio.answer.in_force", p.Day(d.Effective), a.Decider)
		}
		return p.T("studio.answer.approved", a.Decider, p.Day(d.Effective))
	case amendment.Returned:
		return p.T("studio.answer.returned", a.Decider, d.Note)
	case amendment.Withdrawn, amendment.Retired:
		return p.T("studio.answer.withdrawn", d.Note)
	case amendment.Tested:
		return p.T("studio.answer.tested")
	}
	switch {
	case len(a.Faults) > 0:
		return p.T("studio.answer.faults", Int(len(a.Faults)))
	case len(d.Texts) == 0:
		return p.T("studio.answer.empty")
	case a.Report != nil && len(a.Report.Failures) > 0:
		return p.T("studio.answer.failed", Int(len(a.Report.Failures)))
	}
	return p.T("studio.answer.draft")
}

// busy reports whether a test waits or runs.
func (a AmendmentPage) busy() bool { return a.Job != nil }

// steps are the way of an amendment, with how far it has come: done, now or next.
func (a AmendmentPage) steps() []struct{ ID, Mark string } {
	order := []string{"draft", "tested", "submitted", "approved", "force"}
	at := map[amendment.State]int{amendment.Drafted: 0, amendment.Returned: 0, amendment.Tested: 1, amendment.Submitted: 2, amendment.Approved: 3, amendment.Withdrawn: -1, amendment.Retired: 4}[a.Draft.State]
	if a.Draft.State == amendment.Approved && a.Draft.Effective <= a.Today {
		at = 4
	}
	var out []struct{ ID, Mark string }
	for i, id := range order {
		mark := "next"
		switch {
		case i < at:
			mark = "done"
		case i == at:
			mark = "now"
		}
		out = append(out, struct{ ID, Mark string }{id, mark})
	}
	return out
}

func stepMark(mark string) string {
	switch mark {
	case "done":
		return "●"
	case "now":
		return "◐"
	}
	return "○"
}

// words says a difference in one line.
func words(p Page, d policy.Difference, names func(string) string) string {
	what := p.T("studio.of." + d.Of)
	name := p.In(d.Name)
	switch {
	case d.Of == policy.OfFile:
		return p.T("studio.file."+d.How, d.ID)
	case d.Of == policy.OfValue:
		where, from := names(d.Division), p.Date(d.From)
		if d.From.Year() < 1900 {
			from = "–"
		}
		switch d.How {
		case policy.Added:
			return p.T("studio.value_added", name, where, from, shownNumber(d.After), p.Unit(d.Unit, 2))
		case policy.Removed:
			return p.T("studio.value_removed", name, where, from, shownNumber(d.Before))
		}
		before, after := d.Before, d.After
		if d.Field == "value" {
			before, after = shownNumber(before), shownNumber(after)+" "+p.Unit(d.Unit, 2)
		}
		return p.T("studio.value_changed", name, where, from, p.T("studio.field."+d.Field), orNone(p, before), orNone(p, after))
	case d.How == policy.Added:
		return p.T("studio.thing_added", what, name)
	case d.How == policy.Removed:
		return p.T("studio.thing_removed", what, name)
	case d.Field == "examples":
		return p.T("studio.examples_changed", what, name)
	}
	before, after := d.Before, d.After
	if d.Field == "level" {
		before, after = p.T("level."+before), p.T("level."+after)
	}
	return p.T("studio.thing_changed", what, name, p.T("studio.field."+d.Field), orNone(p, before), orNone(p, after))
}

func orNone(p Page, text string) string {
	if text == "" {
		return p.T("studio.nothing")
	}
	if text == "default" {
		return p.T("studio.default")
	}
	return text
}

func shownNumber(text string) string {
	var v float64
	if _, err := fmt.Sscan(text, &v); err != nil {
		return text
	}
	return number(v)
}

// editLink is where what differs is changed.
func (a AmendmentPage) editLink(d policy.Difference) string {
	path := "/policy/drafts/" + a.Draft.ID + "/edit"
	switch d.Of {
	case policy.OfValue, policy.OfParameter:
		return Link(path, "parameter", d.ID)
	case policy.OfRule:
		return Link(path, "rule", d.ID)
	case policy.OfIndicator:
		return Link(path, "indicator", d.ID)
	case policy.OfFile:
		return Link(path, "file", d.ID)
	}
	return Link(path)
}

// percent writes a share of one in per cent.
func percent(v float64) string { return locale.Number(100*v, 1) + "\u00a0%" }

// shares writes how a share changes.
func shares(before, after float64) string {
	if before == after {
		return percent(after)
	}
	return percent(before) + " → " + percent(after)
}

// low are the rules whose precision is low enough to be pointed out.
func low(b *evaluate.Backtest) []evaluate.RuleScore {
	var out []evaluate.RuleScore
	for _, r := range b.Rules {
		if r.Mend != nil {
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(x, y evaluate.RuleScore) int { return y.After.Hit - y.After.Right - (x.After.Hit - x.After.Right) })
	return out
}

// AmendmentEdit is the form or the text that changes one part of the pack.
type AmendmentEdit struct {
	Tabs  PolicyTabs
	Draft *amendment.Draft
	Pack  *policy.Pack // as amended; the pack underneath when it does not load

	Parameter *policy.Parameter // one of the three, or File
	Rule      *policy.Rule
	Indicator *policy.Indicator
	File      string
	Text      string // of the file, as typed
	Files     []string

	Version   int64 // of the draft that the form is based on
	Divisions []Option
	Levels    []Option
	Fields    map[string]string // as typed
	Faults    []Fault           // in this file
	Error     string
	Theirs    [][]policy.Line // two editors: what is there now against what was typed; nil: no conflict
	Names     func(code string) string
	Today     time.Time
}

// PolicyHistory is every version of the pack.
type PolicyHistory struct {
	Tabs     PolicyTabs
	Rows     []PolicyVersion
	Today    string
	Compared bool // there is something to compare
}

// PolicyVersion is one version with the screenings that used it.
type PolicyVersion struct {
	amendment.Version
	Title    policy.Text // of the pack
	Who      string      // drafted it
	Approved string      // approved it
	Now      bool        // in force today
	Runs     []screening.PastRun
}

// runs says which screenings used a version.
func (v PolicyVersion) runs(p Page) string {
	switch n := len(v.Runs); n {
	case 0:
		return p.T("studio.no_runs")
	case 1:
		return p.T("studio.one_run", Int(v.Runs[0].Run), p.Date(v.Runs[0].AsOf))
	default:
		return p.T("studio.runs", Int(n), p.Date(v.Runs[n-1].AsOf), p.Date(v.Runs[0].AsOf))
	}
}

// Comparison is two versions side by side.
type Comparison struct {
	Tabs    PolicyTabs
	From    []Option
	To      []Option
	Changes []policy.Difference
	Files   []FileDiff
	Names   func(code string) string
}

// FileDiff is one file that differs.
type FileDiff struct {
	Name  string
	Hunks [][]policy.Line
}

// DiffsOf gives the files in which two packs differ, with three lines around each place.
func DiffsOf(a, b map[string][]byte) []FileDiff {
	var out []FileDiff
	names := map[string]bool{}
	for n := range a {
		names[n] = true
	}
	for n := range b {
		names[n] = true
	}
	for n := range names {
		if string(a[n]) != string(b[n]) {
			out = append(out, FileDiff{Name: n, Hunks: policy.Hunks(policy.DiffLines(a[n], b[n]), 3)})
		}
	}
	slices.SortFunc(out, func(x, y FileDiff) int { return strings.Compare(x.Name, y.Name) })
	return out
}

func lineNumber(l policy.Line) string {
	if l.New > 0 {
		return Int(l.New)
	}
	return Int(l.Old)
}

func lineClass(l policy.Line) string {
	switch l.Op {
	case policy.LineGone:
		return "line-gone"
	case policy.LineNew:
		return "line-new"
	}
	return "line-same"
}

func (e AmendmentEdit) typed(key, otherwise string) string {
	if v, ok := e.Fields[key]; ok {
		return v
	}
	return otherwise
}

func (e AmendmentEdit) back() string { return "/policy/drafts/" + e.Draft.ID }

// short cuts a digest for people.
func shortDigest(d string) string { return d[:min(12, len(d))] }
