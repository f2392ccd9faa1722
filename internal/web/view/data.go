package view

import (
	"slices"
	"strings"

	"github.com/a-h/templ"

	"shouwang/internal/intake"
	"shouwang/internal/jobs"
	"shouwang/internal/policy"
	"shouwang/internal/screening"
)

// DataTabs are the parts of the data desk that the reader may open.
type DataTabs struct {
	Current          string // calendar, receipts, requests, upload
	Receipts, Upload bool
	Screening        bool
}

// Calendar is the coverage calendar: dataset × county × month.
type Calendar struct {
	Tabs     DataTabs
	Months   []string // YYYY-MM, ascending
	Datasets []Option
	Counties []Option
	Groups   []CalendarGroup
}

// CalendarGroup is one dataset.
type CalendarGroup struct {
	Name, Department policy.Text
	Due              string // monthly, quarterly, yearly, event
	Rows             []intake.Coverage
}

// state of one month: came, gap (others before or after it came), none.
func state(c intake.Coverage, month string) string {
	switch {
	case slices.Contains(c.Months, month):
		return "came"
	case slices.Contains(c.Missing, month):
		return "gap"
	}
	return "none"
}

func last(c intake.Coverage) string {
	if n := len(c.Months); n > 0 {
		return c.Months[n-1]
	}
	return ""
}

// Screening is what the last screening found, and the one under way.
type Screening struct {
	Tabs DataTabs
	Last *screening.Summary // nil before the first
	Jobs bool               // a screening can be asked for here
	Job  *jobs.Job          // the last that was asked for; nil: none
}

// busy reports whether a screening waits or runs.
func (x Screening) busy() bool {
	return x.Job != nil && (x.Job.State == "waiting" || x.Job.State == "running")
}

func (x Screening) failure(p Page) string {
	if x.Job == nil || x.Job.State != "failed" && x.Job.State != "cancelled" {
		return ""
	}
	if p.Lang == "en" {
		return x.Job.ErrorEN
	}
	return x.Job.ErrorZH
}

// Receipts is the list of what was delivered.
type Receipts struct {
	Tabs DataTabs
	Rows []intake.Receipt // the newest first
	Next string
}

// ReceiptPage is one receipt in full.
type ReceiptPage struct {
	Tabs    DataTabs
	Receipt intake.Receipt
	Rejects bool // the reader may download the rejected rows
	Fresh   bool // it was delivered just now
}

// UploadPage is the form that delivers a file.
type UploadPage struct {
	Tabs     DataTabs
	Datasets []Option
	Counties []Option
	Error    string
	Limit    int64 // bytes
}

// Requests is what departments are asked for.
type Requests struct {
	Tabs   DataTabs
	Crumbs []Crumb
	Rows   []RequestRow
	AsOf   string
}

// RequestRow is one data request.
type RequestRow struct {
	screening.DataRequest
	CountyName      string
	Name            policy.Text
	DepartmentTitle policy.Text
	Rules           []policy.Text
}

func receiptState(r intake.Receipt) string { return string(r.State) }

// base is a file's name without what stood before it on somebody's disk.
func base(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' || path[i] == '\\' {
			return path[i+1:]
		}
	}
	return path
}

// answer is the receipt in one sentence.
func (o ReceiptPage) answer(p Page) string {
	r := o.Receipt
	switch {
	case r.State == intake.Refused:
		return p.T("receipt.answer_refused")
	case r.State == intake.Already:
		return p.T("receipt.answer_already")
	case r.Rejected > 0:
		return p.T("receipt.answer_rejected", Int(r.Accepted), Int(r.Rejected))
	}
	return p.T("receipt.answer_accepted", Int(r.Accepted))
}

func sample(p Page, s intake.Sample) string {
	text := p.T("receipt.sample", Int(s.Row))
	if s.Column != "" {
		text += " " + s.Column
	}
	if s.Value != "" {
		text += " “" + s.Value + "”"
	}
	return text
}

func noteText(n intake.Note) policy.Text { return policy.Text{ZH: n.ZH, EN: n.EN} }

func requestState(p Page, r RequestRow) string {
	day := p.Day(r.Through)
	switch r.State {
	case "missing":
		return p.T("feed.never")
	case "stale":
		return p.T("feed.since", day)
	case "gap":
		return p.T("feed.gap", strings.Join(r.Months, p.Comma()))
	}
	return p.T("feed.no_row", day)
}

// polling makes the page look again by itself while a screening is under way.
func (x Screening) polling() templ.Attributes {
	if !x.busy() {
		return nil
	}
	return templ.Attributes{"hx-get": "/data/screening", "hx-trigger": "load delay:2s", "hx-select": "#screening", "hx-swap": "outerHTML"}
}
