package view

import "shouwang/internal/casework"

// ApplicationPage is one self-application that staff look into.
type ApplicationPage struct {
	Crumbs   []Crumb
	It       casework.ApplicationShown
	Place    string
	When     string
	Revealed bool // name, phone and words are in plain
	Reveal   bool // the reader may see them, with a reason
	Case     string
	Risks    []Option
	Problem  string
	No       string // household number as it was typed
}
