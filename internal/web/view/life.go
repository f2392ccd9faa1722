package view

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"shouwang/internal/housecode"
	"shouwang/internal/locale"
	"shouwang/internal/policy"
	"shouwang/internal/screening"
)

// Life is what the household's page tells beside the last screening: what is near, how incomes went, and what people did.
type Life struct {
	Near    []screening.Near
	Incomes *screening.Series // nil: the pack has no such incomes
	Cases   []LifeCase        // the newest first
	More    int               // older cases that are not shown
	Code    *housecode.Code   // the active one; nil = none
	MaySee  bool              // the reader may see cases at all
	Day     string            // "" = now; else only what was known by the end of this day
}

// LifeCase is one case of the household with what people did.
type LifeCase struct {
	ID       string
	State    policy.Text
	Level    int
	Channel  policy.Text
	Since    string // day of the lead
	Due      string // day of the open task, "" = nothing to do
	Task     policy.Text
	Overdue  bool
	Open     bool
	Green    bool
	Events   []LifeEvent // oldest first
	Measures []LifeMeasure
	Visits   int
}

// LifeEvent is one thing that happened.
type LifeEvent struct {
	Day   string
	What  policy.Text
	Where policy.Text // state that it led to; zero = the same
	Who   string      // organisation
	Flags []policy.Text
}

// LifeMeasure is one measure with its state.
type LifeMeasure struct {
	Name       policy.Text
	State      policy.Text
	Done, Gone bool
	Department policy.Text
	Deadline   string
	Fen        int64
	Fund       policy.Text
}

// levelOf is the word of a level as the ledger counts it; "" for none.
func levelOf(n int) string { return [...]string{"", "blue", "yellow", "red"}[max(0, min(n, 3))] }

// nearShare is how far a value is on its way to the limit, in hundredths, for the drawing: 100 at the limit.
func nearShare(n screening.Near) int64 { return int64(math.Round(100 * math.Max(0, 1-n.Share))) }

// Yuan writes an amount in yuan.
func (p Page) Yuan(v float64) string { return locale.Number(math.Round(v), 0) }

// known tells whether any period of the incomes is known.
func known(s *screening.Series) bool {
	for _, point := range s.Points {
		for _, v := range point.Values {
			if v != nil {
				return true
			}
		}
	}
	return false
}

// less tells which kinds are costs, which the drawing does not stack: the net income has them in.
func less(id string) bool { return strings.HasSuffix(id, "_cost") }

// net is the sum of a period's incomes without the costs; nil when one of them is not known.
func net(s *screening.Series, point screening.SeriesPoint) *float64 {
	sum := 0.0
	for i, v := range point.Values {
		switch {
		case v == nil:
			return nil
		case less(s.Kinds[i].ID):
			sum -= *v
		default:
			sum += *v
		}
	}
	return &sum
}

// against is the line for the whole household: it is a parameter by head.
func against(s *screening.Series, point screening.SeriesPoint) *float64 {
	if point.Line == nil || s.Members == 0 {
		return nil
	}
	v := *point.Line * float64(s.Members)
	return &v
}

// chartData is what the script that draws bars over time reads.
type chartData struct {
	Times   []string      `json:"times"`
	Unit    string        `json:"unit"`
	Bars    []chartSeries `json:"bars"`
	Lines   []chartSeries `json:"lines"`
	Unknown []bool        `json:"unknown"`
	Words   string        `json:"words"` // of what is not known
}

type chartSeries struct {
	Name   string     `json:"name"`
	Color  string     `json:"color"` // token
	Values []*float64 `json:"values"`
	Dashed bool       `json:"dashed,omitempty"`
	Dots   bool       `json:"dots,omitempty"`
}

func (c chartData) block(id string) string {
	text, err := json.Marshal(c)
	if err != nil {
		text = []byte("{}") // strings and numbers always marshal
	}
	return scriptJSON(id, string(text))
}

// kindColours are the tokens of the kinds of income, in their order.
func kindColours() []string {
	return []string{"--sw-map-5", "--sw-map-3", "--sw-kind-3", "--sw-kind-4"}
}

// incomeChart is the drawing of the incomes.
func incomeChart(p Page, s *screening.Series) string {
	c := chartData{Unit: p.Unit("元", 2), Words: p.T("unknown"), Times: []string{}, Bars: []chartSeries{}}
	colours := kindColours()
	for i, k := range s.Kinds {
		if less(k.ID) {
			continue
		}
		b := chartSeries{Name: p.In(k.Name), Color: colours[len(c.Bars)%len(colours)], Values: []*float64{}}
		for _, point := range s.Points {
			b.Values = append(b.Values, point.Values[i])
		}
		c.Bars = append(c.Bars, b)
	}
	earned := chartSeries{Name: p.T("life.net"), Color: "--sw-ink", Dots: true}
	limit := chartSeries{Name: p.T("life.line"), Color: "--sw-red", Dashed: true}
	for _, point := range s.Points {
		c.Times = append(c.Times, point.Month)
		earned.Values, limit.Values = append(earned.Values, net(s, point)), append(limit.Values, against(s, point))
		c.Unknown = append(c.Unknown, net(s, point) == nil)
	}
	c.Lines = []chartSeries{earned, limit}
	return c.block("incomes-data")
}

// lacking are the feeds that do not cover the household, for the words on what nobody knows.
func (h Household) lacking() []screening.HouseholdFeed {
	var out []screening.HouseholdFeed
	for _, f := range h.Feeds {
		if f.State != "covered" {
			out = append(out, f)
		}
	}
	return out
}

// owes is the department that a feed comes from.
func (h Household) owes(p Page, dataset string) string {
	if d := h.Pack.Dataset(dataset); d != nil {
		if dep := h.Pack.Department(d.Department); dep != nil {
			return p.In(dep.Name)
		}
	}
	return ""
}

// homes are the tables about the house and its water, as far as they have come.
func (h Household) homes() []screening.FactTable {
	var out []screening.FactTable
	for _, t := range h.Facts {
		if t.Dataset == "housing" || t.Dataset == "water" {
			out = append(out, t)
		}
	}
	return out
}

// monthEnd of a month that is written 2026-09.
func monthEnd(p Page, month string) string {
	t, err := time.Parse("2006-01", month)
	if err != nil {
		return month
	}
	return p.Day(t.AddDate(0, 1, -1).Format(time.DateOnly))
}

// shareOf writes hundredths.
func shareOf(n screening.Near) string { return strconv.Itoa(int(math.Round(100*n.Share))) + "%" }

// incomeKinds are the kinds that are drawn.
func incomeKinds(s *screening.Series) []screening.SeriesKind {
	var out []screening.SeriesKind
	for _, k := range s.Kinds {
		if !less(k.ID) {
			out = append(out, k)
		}
	}
	return out
}

// backwards gives the newest first.
func backwards(points []screening.SeriesPoint) []screening.SeriesPoint {
	out := slices.Clone(points)
	slices.Reverse(out)
	return out
}

// schooling is where a member is at school, else how far they came.
func (m Member) schooling(p Page) string { return cmp.Or(p.In(m.School), p.In(m.Education)) }
