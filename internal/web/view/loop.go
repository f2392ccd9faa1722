package view

import (
	"math"
	"strconv"
	"time"

	"shouwang/internal/casework"
	"shouwang/internal/division"
	"shouwang/internal/policy"
	"shouwang/internal/screening"
	"shouwang/internal/task"
)

// Loop is what people's work comes to: where the cases stand, how deadlines were kept, how often the rules were right.
type Loop struct {
	At    time.Time
	Tally casework.Tally
	Kept  task.Kept
	Days  int
	Rules []RulePrecision // those that were verified most
}

// RulePrecision is how often a rule's warnings were right.
type RulePrecision struct {
	Rule                         string
	Name                         policy.Text
	Verified, True, Known, False int
}

// right is the share that was right, known ones too, in whole hundredths.
func (r RulePrecision) right() string {
	return strconv.Itoa(int(math.Round(100*float64(r.True+r.Known)/float64(max(r.Verified, 1))))) + "%"
}

// CaseList is the list behind the figures of the loop.
type CaseList struct {
	Crumbs   []Crumb
	Division division.Code
	Phase    string
	Overdue  bool
	Rows     []CaseRow
	First    bool
	Next     string
}

// CaseRow is one case of the list.
type CaseRow struct {
	ID, HouseholdNo, Place string
	Level                  int
	State                  policy.Text
	Since, StateSince      string
}

// fewest is the smallest number that is shown to those who see sums but no households: a smaller one could be somebody.
const fewest = 5

// hidden tells whether a number is kept from the reader.
func (o Overview) hidden(n int64) bool { return o.Few && n > 0 && n < fewest }

// Plain is a number as text, or that it is small.
func (o Overview) Plain(n int64) string {
	if o.hidden(n) {
		return "<" + strconv.Itoa(fewest)
	}
	return Int(n)
}

// drawn is a number for a drawing: what is kept from the reader is not drawn.
func (o Overview) drawn(n int64) int64 {
	if o.hidden(n) {
		return 0
	}
	return n
}

// door is an address, for those who may open the lists of households.
func (o Overview) door(href string) string {
	if o.Few {
		return ""
	}
	return href
}

// phases are the figures of the loop, in its order.
func (o Overview) phases() []struct{ Phase, Key string } {
	return []struct{ Phase, Key string }{{"lead", "loop.lead"}, {"identify", "loop.identify"}, {"support", "loop.support"}, {"clear", "loop.clear"}, {"watch", "loop.watch"}}
}

func (o Overview) inPhase(phase string) int64 {
	return int64(o.Loop.Tally.Sum(func(c casework.Count) bool { return c.Phase == phase }))
}

// caseLink is the list of cases behind a figure.
func (o Overview) caseLink(pairs ...string) string {
	return Link("/overview/cases", append([]string{"division", Code(o.Division)}, pairs...)...)
}

// keptShare is the share of deadlines that were kept, in whole hundredths; "" when there were none.
func (o Overview) keptShare() string {
	if o.Loop.Kept.Closed == 0 {
		return ""
	}
	return strconv.Itoa(int(100*o.Loop.Kept.InTime/o.Loop.Kept.Closed)) + "%"
}

// trendBar is one bar of the trend, in the units of the drawing.
type trendBar struct {
	X, Width          float64
	Red, Yellow, Blue trendPart
	Label             string
}

type trendPart struct{ Y, Height float64 }

// The trend's drawing.
const (
	trendWidth, trendHeight = 640.0, 160.0
	trendBase               = 136.0 // where the bars stand; below are the days
	trendTop                = 8.0
)

// trendBars lays the trend out.
func (o Overview) trendBars(p Page) []trendBar {
	most := int64(1)
	for _, t := range o.Trend {
		most = max(most, t.Red+t.Yellow+t.Blue)
	}
	step := trendWidth / float64(max(len(o.Trend), 4))
	var out []trendBar
	for i, t := range o.Trend {
		b := trendBar{X: float64(i)*step + step*0.2, Width: min(step*0.6, 56), Label: t.AsOf[5:]}
		y := trendBase
		part := func(n int64) trendPart {
			h := float64(o.drawn(n)) / float64(most) * (trendBase - trendTop)
			y -= h
			return trendPart{y, h}
		}
		b.Red, b.Yellow, b.Blue = part(t.Red), part(t.Yellow), part(t.Blue)
		out = append(out, b)
	}
	return out
}

// trendSum is all households of a point.
func trendSum(t screening.TrendPoint) int64 { return t.Red + t.Yellow + t.Blue }

// px writes a length of a drawing.
func px(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

// title of the list, by what it was opened for.
func (l CaseList) title(p Page) string {
	switch {
	case l.Overdue:
		return p.T("loop.list_overdue")
	case l.Phase != "":
		return p.T("loop.list") + p.Comma() + p.T("loop."+l.Phase)
	}
	return p.T("loop.list")
}

func (l CaseList) link(after string) string {
	overdue := ""
	if l.Overdue {
		overdue = "1"
	}
	return Link("/overview/cases", "division", Code(l.Division), "phase", l.Phase, "overdue", overdue, "after", after)
}
