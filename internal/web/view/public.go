package view

import (
	"time"

	"shouwang/internal/casework"
	"shouwang/internal/division"
	"shouwang/internal/housecode"
	"shouwang/internal/policy"
	"shouwang/internal/report"
)

// Places is where somebody finds their village: by name, or level by level.
type Places struct {
	Path   string        // of the page that it is for
	At     division.Code // whose parts are listed
	Search string        // what was searched for; then Items are what was found
	Crumbs []Crumb
	Items  []Place
}

// Place is one place to go on with.
type Place struct {
	Code    division.Code
	Name    string
	Village bool
}

// Apply is the form of a self-application.
type Apply struct {
	Village                 division.Code
	Place                   string
	Name, Phone, Difficulty string // as typed, when something was wrong
	Error                   string
}

// Follow is the question by code and its answer.
type Follow struct {
	Error    string
	Progress *casework.Progress
}

// Notices is a village's notice board.
type Notices struct {
	Village     division.Code
	Name, Place string
	Hotline     string
	List        []report.PublicNotice
	Print       bool // the reader may print the sheets
}

// Card is what the address of a household's card shows to whoever opened it. Only what is filled in is shown.
type Card struct {
	View           housecode.View
	Path           string // the card's own address, for the form with the six digits
	Village, Place string
	Hotline        string
	Staff          bool // somebody with an account opened it
	Codes          bool // they may see the household's codes
	Members        []CardMember
	Own            casework.Own
	Measures       []OwnMeasure
}

// CardMember is one member of the household, masked.
type CardMember struct {
	Relation policy.Text
	Name     string
}

// OwnMeasure is one measure of help that the household reads of.
type OwnMeasure struct {
	Name     policy.Text
	State    string
	Deadline string
	Done     bool
}

// bad reports whether the card is none that is in force.
func (c Card) bad() bool { return c.View.Verdict != housecode.Valid }

// noticeKind is a notice's kind, which names its texts.
func noticeKind(n report.PublicNotice) string {
	if n.Clearing {
		return "clear"
	}
	return "identify"
}

// lastDay is the day before a day that is written 2026-11-24: a publicity that is over on a day lasts until the evening before.
func lastDay(over string) string {
	t, err := time.Parse(time.DateOnly, over)
	if err != nil {
		return over
	}
	return t.AddDate(0, 0, -1).Format(time.DateOnly)
}

// lastMoment is the last moment before an end.
func lastMoment(end time.Time) time.Time { return end.Add(-time.Second) }

// cardNumber is a code's id as it stands on the card: four groups of four.
func cardNumber(id string) string {
	parsed, err := housecode.ParseID(id)
	if err != nil {
		return id
	}
	return parsed.String()
}

// reached is how many steps an application has behind it: 0 received, 1 being looked at, 2 being decided, 3 being helped; 4 when it is over.
func reached(phase, state string) int {
	switch policy.Phase(phase) {
	case policy.PhaseLead:
		return 1
	case policy.PhaseIdentify:
		return 2
	case policy.PhaseSupport, policy.PhaseClear:
		return 3
	case policy.PhaseWatch, policy.PhaseClosed:
		return 4
	}
	if state == "answered" {
		return 4
	}
	return 0
}
