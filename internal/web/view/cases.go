package view

import "shouwang/internal/division"

// Cases is the list of leads and cases.
type Cases struct {
	Crumbs   []Crumb
	Place    string
	Answer   string
	Query    string // of this list, without the page: what a saved filter keeps
	Selects  []CaseSelect
	Saved    []CaseSaved
	Rows     []ListedCase
	Next     string // address of the next page; "" on the last one
	First    bool
	Act      bool // the reader may assign and merge
	Handout  string
	Workers  []Option
	Export   bool
	Exported string // address of the export
	Done     string
	Problem  string
}

// CaseSelect is one list of the filter.
type CaseSelect struct {
	Name, Label string
	Options     []Option
}

// CaseSaved is a filter that the reader keeps.
type CaseSaved struct {
	ID, Name, Href string
	Current        bool
}

// ListedCase is one case.
type ListedCase struct {
	ID, Ref     string // Ref: id and version, for what is done to many
	HouseholdNo string
	Place       string
	Level       string
	State       string
	Green       bool
	Due         string
	Late, Now   bool
	Days        int
	Owner       string
	Risks       string
	Channel     string
}

// Handout is the page on which leads are handed to the people of villages.
type Handout struct {
	Crumbs []Crumb
	Place  string
	Answer string
	Code   string
	Rows   []HandoutRow
	Done   string
}

// HandoutRow is a village.
type HandoutRow struct {
	Division division.Code
	Name     string
	Waiting  int
	Workers  []Option
}
