package view

import (
	"strings"

	"github.com/a-h/templ"
)

// Form is a form that the policy pack describes, or one made like it: fields with what is known filled in.
type Form struct {
	Action  string // address that it is posted to
	ID      string // of the form's element
	Hidden  []Hidden
	Fields  []FormField
	Faults  []string // what is wrong with the whole of it
	Files   bool     // it takes files
	Submit  string
	Icon    string
	Outline bool // not the page's first button
}

// Hidden is a value that a form carries along.
type Hidden struct{ Name, Value string }

// Kinds of field as they are drawn.
const (
	KindText     = "text"
	KindLong     = "long" // several lines
	KindNumber   = "number"
	KindYesNo    = "yesno" // yes, no, or not said
	KindDate     = "date"
	KindMonth    = "month"
	KindChoice   = "choice"
	KindChecks   = "checks" // several of a list
	KindFiles    = "files"
	KindPosition = "position"
	KindList     = "list" // text with suggestions
	KindRows     = "rows"
)

// FormField is one field of a form.
type FormField struct {
	Name     string // of the input: f.visitors.0.post
	Label    string
	Hint     string
	Kind     string
	Unit     string
	Step     string // of numbers
	Required bool
	Sealed   bool // personal content: kept encrypted
	Many     bool
	Max      int // characters of texts; 0 = no limit
	Value    string
	Other    string // longitude of a position
	Options  []Option
	Kept     []KeptFile // files that were handed in already
	Accept   string
	Fault    string
	Rows     [][]FormField
	More     bool // another row may be added
}

// KeptFile is an attachment that is there already.
type KeptFile struct{ Hash, Label string }

// ID is the field's id in the page.
func (f FormField) ID() string { return strings.ReplaceAll(f.Name, ".", "-") }

// faultID is the id of what is wrong with the field.
func (f FormField) faultID() string { return f.ID() + "-fault" }

// wide tells that the field takes the whole line.
func (f FormField) wide() bool {
	return f.Kind == KindLong || f.Kind == KindRows || f.Kind == KindChecks || f.Kind == KindFiles || f.Kind == KindPosition
}

// Pair is one line of a paper: what it is, and what it says.
type Pair struct {
	Label  string
	Value  string
	Sealed bool // the value is masked
	Files  []KeptFile
	Rows   [][]Pair
}

// Conflict is two people who changed the same thing: what one typed beside what is there now.
type Conflict struct {
	Typed   []Pair
	Changes []Change // what happened meanwhile
	State   string   // how the thing stands now
	Again   *Form    // applies what was typed to what is there now; nil where that is not possible any more
	Why     string   // why it is not
	Back    string
}

// Change is something that somebody did.
type Change struct {
	What, Who, Where string
	When             string
	Pairs            []Pair
}

// faultOf ties an input to what is wrong with it.
func faultOf(f FormField) templ.Attributes {
	if f.Fault == "" {
		return nil
	}
	return templ.Attributes{"aria-invalid": "true", "aria-describedby": f.faultID()}
}
