package view

import (
	"encoding/json"
	"strings"

	"shouwang/internal/division"
	"shouwang/internal/policy"
	"shouwang/internal/screening"
)

// Overview is the page that says how a division stands.
type Overview struct {
	screening.Overview
	Crumbs   []Crumb
	Counties []screening.Area // for the map: the counties inside; empty = no map on this level
	Pack     *policy.Pack
	Village  bool // the list below is of households, not of divisions
	Few      bool // the reader sees sums but no households: small numbers are kept from them, and nothing leads to lists
	Loop     Loop
	Trend    []screening.TrendPoint // by run, oldest first; empty below a county
}

// Late are the feeds that did not come, or came too long ago.
func (o Overview) Late() []screening.FeedState {
	var out []screening.FeedState
	for _, f := range o.Feeds {
		if f.Covered < f.Counties {
			out = append(out, f)
		}
	}
	return out
}

// Below names the kind of division in the list below.
func (o Overview) Below() string {
	switch o.Division.Level() {
	case division.Province:
		return "prefecture"
	case division.Prefecture:
		return "county"
	case division.County:
		return "township"
	}
	return "village"
}

// most is the longest bar of the list below.
func (o Overview) most() int64 {
	var n int64
	for _, a := range o.Areas {
		n = max(n, a.Warned())
	}
	return n
}

func (o Overview) mostByRisk() int64 {
	var n int64
	for _, r := range o.ByRisk {
		n = max(n, r.Red+r.Yellow+r.Blue)
	}
	return n
}

func (o Overview) riskName(p Page, id string) string {
	if r := o.Pack.Risk(id); r != nil {
		return p.In(r.Name)
	}
	return id
}

func (o Overview) datasetName(p Page, id string) string {
	if d := o.Pack.Dataset(id); d != nil {
		return p.In(d.Name)
	}
	return id
}

func (o Overview) departmentOf(p Page, id string) string {
	d := o.Pack.Dataset(id)
	if d == nil {
		return ""
	}
	if dep := o.Pack.Department(d.Department); dep != nil {
		return p.In(dep.Name)
	}
	return d.Department
}

// answer is the page in one sentence.
func (o Overview) answer(p Page) string {
	text := p.T("overview.answer", o.Total.Name, o.Plain(o.Total.Warned()), o.Plain(o.Total.Red))
	if n := len(o.Late()); n > 0 {
		text += p.T("overview.answer_late", Int(n))
	}
	return text
}

// changes in the order of the page.
var changes = []string{screening.ChangeNew, screening.ChangeWorse, screening.ChangeBetter, screening.ChangeSame, screening.ChangeCleared, screening.ChangeUnknown, screening.ChangeGone}

// listed tells which changes the list of warnings can show: what is cleared or gone is no warning any more.
func listed(change string) bool {
	return change != screening.ChangeCleared && change != screening.ChangeGone
}

// mapValue is one county of a map.
type mapValue struct {
	Code   string `json:"code"`
	Name   string `json:"name"`
	Value  int64  `json:"value"`
	Known  bool   `json:"known"` // false: nobody there is screened; hatched, never 0
	Href   string `json:"href"`
	Detail string `json:"detail"`
}

// mapData is what the script that draws a map reads.
type mapData struct {
	Shapes string     `json:"shapes"`
	Unit   string     `json:"unit"`
	Less   string     `json:"less"`
	None   string     `json:"none"`
	Values []mapValue `json:"values"`
}

// MapJSON is the overview's map.
func (o Overview) MapJSON(p Page) string {
	m := mapData{Shapes: Link("/map", "division", Code(o.Division)), Unit: p.T("overview.map_unit"), None: p.T("overview.map_none"), Values: []mapValue{}}
	for _, a := range o.Counties {
		v := mapValue{Code: a.Division.Prefix(), Name: a.Name, Value: o.drawn(a.Warned()), Known: a.Households > 0, Href: Link("/overview", "division", Code(a.Division))}
		if v.Known {
			v.Detail = p.T("overview.map_detail", o.Plain(a.Warned()), o.Plain(a.Red), o.Plain(a.Yellow), o.Plain(a.Blue), Int(a.Households))
		} else {
			v.Detail = p.T("overview.map_none")
		}
		m.Values = append(m.Values, v)
	}
	text, err := json.Marshal(m)
	if err != nil {
		return "{}" // strings and numbers always marshal
	}
	return string(text)
}

// scriptJSON is a block of data for a script. It holds no code: the policy of the pages runs none that is not a file.
func scriptJSON(id, text string) string {
	return `<script type="application/json" id="` + id + `">` + text + `</script>` // json.Marshal escapes <, > and &
}

// lateness says in words how a feed is late.
func lateness(p Page, f screening.FeedState) string {
	if f.Counties <= 1 {
		switch {
		case f.Missing > 0:
			return p.T("feed.never")
		case f.Stale > 0:
			return p.T("feed.since", p.Day(f.Through))
		}
		return p.T("feed.gap", strings.Join(f.Months, p.Comma()))
	}
	var parts []string
	for _, x := range []struct {
		n   int
		key string
	}{{f.Missing, "feed.counties.missing"}, {f.Stale, "feed.counties.stale"}, {f.Gap, "feed.counties.gap"}} {
		if x.n > 0 {
			parts = append(parts, p.T(x.key, Int(x.n)))
		}
	}
	return strings.Join(parts, p.Sep())
}

// mapNote says what a map is worth.
func mapNote(p Page) string {
	if p.MapNumber == "" {
		return p.T("map.sketch")
	}
	return p.T("map.number", p.MapNumber)
}
