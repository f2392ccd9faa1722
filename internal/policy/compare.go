package policy

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"shouwang/internal/division"
	"shouwang/internal/expr"
)

// What a Difference is about.
const (
	OfValue     = "value" // one dated value of a parameter
	OfParameter = "parameter"
	OfRule      = "rule"
	OfIndicator = "indicator"
	OfCheck     = "check"
	OfFile      = "file" // something else in a file: see the texts
)

// How something differs.
const (
	Added   = "added"
	Removed = "removed"
	Changed = "changed"
)

// Difference is one thing that is otherwise in a later pack.
type Difference struct {
	Of     string // OfValue …
	ID     string // the parameter's, rule's, indicator's, check's id, or the file's name
	Name   Text
	How    string // Added, Removed or Changed
	Field  string // the key that changed: "value", "level", "when", "wording.zh" …; "" for what is added or removed
	Before string // as the pack writes it
	After  string

	// Of a value: whose it is, from when, and in which unit.
	Division string
	From     time.Time
	Unit     string
}

// field is one part of a thing, for comparing.
type field struct{ name, text string }

// thing is what has an id in a pack, cut into its parts.
type thing struct {
	id, file string
	name     Text
	fields   []field
}

// Compare says what is otherwise in b than in a: values of parameters, then parameters, rules, indicators and checks part by part, then the files that differ
// otherwise. It is empty only for packs with the same digest.
func Compare(a, b *Pack) []Difference {
	var out []Difference
	told := map[string]bool{}
	for i := range b.Parameters {
		if old := a.Parameter(b.Parameters[i].ID); old != nil {
			out = append(out, compareValues(old, &b.Parameters[i])...)
		}
	}
	for range out {
		told[parametersFile] = true
	}
	for _, kind := range []struct {
		of    string
		parts func(*Pack) []thing
	}{{OfParameter, parameterParts}, {OfRule, ruleParts}, {OfIndicator, indicatorParts}, {OfCheck, checkParts}} {
		out = append(out, compareThings(kind.of, kind.parts(a), kind.parts(b), told)...)
	}
	for _, name := range sortedNames(b.Overlay(a.Files)) {
		before, was := a.Files[name]
		after, is := b.Files[name]
		switch {
		case told[name] || bytes.Equal(before, after) && was == is:
		case !was:
			out = append(out, Difference{Of: OfFile, ID: name, How: Added})
		case !is:
			out = append(out, Difference{Of: OfFile, ID: name, How: Removed})
		default:
			out = append(out, Difference{Of: OfFile, ID: name, How: Changed})
		}
	}
	return out
}

// OnlyValuesOf reports whether all differences are values of parameters for divisions within one: what a county's or prefecture's officer may change.
func OnlyValuesOf(list []Difference, within division.Code) bool {
	return !slices.ContainsFunc(list, func(d Difference) bool {
		return d.Of != OfValue || !within.Contains(division.Code(divisionCode(d.Division)))
	})
}

func compareValues(a, b *Parameter) (out []Difference) {
	type key struct {
		division string
		from     time.Time
	}
	before := map[key]ParameterValue{}
	for _, v := range a.Values {
		before[key{v.Division, v.From}] = v
	}
	one := func(v ParameterValue, how string) Difference {
		return Difference{Of: OfValue, ID: b.ID, Name: b.Name, How: how, Division: v.Division, From: v.From, Unit: b.Unit}
	}
	for _, v := range b.Values {
		k := key{v.Division, v.From}
		old, was := before[k]
		delete(before, k)
		if !was {
			d := one(v, Added)
			d.After = plainNumber(v.Value)
			out = append(out, d)
			continue
		}
		for _, f := range []struct{ name, before, after string }{
			{"value", plainNumber(old.Value), plainNumber(v.Value)}, {"document", old.Document, v.Document},
		} {
			if f.before != f.after {
				d := one(v, Changed)
				d.Field, d.Before, d.After = f.name, f.before, f.after
				out = append(out, d)
			}
		}
	}
	for _, v := range a.Values {
		if _, left := before[key{v.Division, v.From}]; left {
			d := one(v, Removed)
			d.Before = plainNumber(v.Value)
			out = append(out, d)
		}
	}
	return out
}

func plainNumber(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func compareThings(of string, a, b []thing, told map[string]bool) (out []Difference) {
	find := func(list []thing, id string) *thing {
		if i := slices.IndexFunc(list, func(t thing) bool { return t.id == id }); i >= 0 {
			return &list[i]
		}
		return nil
	}
	for i := range b {
		t := &b[i]
		old := find(a, t.id)
		if old == nil {
			told[t.file] = true
			out = append(out, Difference{Of: of, ID: t.id, Name: t.name, How: Added})
			continue
		}
		for k, f := range t.fields {
			if was := old.fields[k].text; was != f.text {
				told[t.file] = true
				out = append(out, Difference{Of: of, ID: t.id, Name: t.name, How: Changed, Field: f.name, Before: was, After: f.text})
			}
		}
	}
	for i := range a {
		if t := &a[i]; find(b, t.id) == nil {
			told[t.file] = true
			out = append(out, Difference{Of: of, ID: t.id, Name: t.name, How: Removed})
		}
	}
	return out
}

func named(t Text, more ...field) []field {
	return append([]field{{"name.zh", t.ZH}, {"name.en", t.EN}}, more...)
}

func source(c *expr.Checked) string {
	if c == nil {
		return ""
	}
	return strings.TrimSpace(c.Source())
}

func parameterParts(p *Pack) (out []thing) {
	for i := range p.Parameters {
		x := &p.Parameters[i]
		out = append(out, thing{x.ID, x.File, x.Name, named(x.Name, field{"unit", x.Unit}, field{"note.zh", x.Note.ZH}, field{"note.en", x.Note.EN})})
	}
	return out
}

func ruleParts(p *Pack) (out []thing) {
	for i := range p.Rules {
		x := &p.Rules[i]
		ask := "ignore"
		if x.AskOnUnknown {
			ask = "ask"
		}
		out = append(out, thing{x.ID, x.File, x.Name, named(x.Name, field{"class", string(x.Class)}, field{"risk", x.Risk}, field{"level", x.Level.String()}, field{"when", source(x.When)},
			field{"on_unknown", ask}, field{"document", x.Document}, field{"wording.zh", x.Wording.ZH}, field{"wording.en", x.Wording.EN}, field{"examples", exampleText(x.Examples)})})
	}
	return out
}

func checkParts(p *Pack) (out []thing) {
	for i := range p.Checks {
		x := &p.Checks[i]
		out = append(out, thing{x.ID, x.File, x.Name, named(x.Name, field{"severity", x.Severity}, field{"when", source(x.When)}, field{"ask_department", x.AskDepartment},
			field{"wording.zh", x.Wording.ZH}, field{"wording.en", x.Wording.EN}, field{"examples", exampleText(x.Examples)})})
	}
	return out
}

func indicatorParts(p *Pack) (out []thing) {
	for i := range p.Indicators {
		x := &p.Indicators[i]
		absent := "unknown"
		if x.AbsentZero {
			absent = "zero"
		}
		if x.Derive != nil {
			absent = ""
		}
		window := ""
		if x.Window != (Window{}) {
			window = fmt.Sprintf("months: %d, skip: %d, days: %d, year: %t", x.Window.Months, x.Window.Skip, x.Window.Days, x.Window.Year)
		}
		out = append(out, thing{x.ID, x.File, x.Name, named(x.Name, field{"unit", x.Unit}, field{"type", x.Type.String()}, field{"dataset", x.Dataset}, field{"aggregate", string(x.Aggregate)},
			field{"per_person", string(x.PerPerson)}, field{"of", source(x.Of)}, field{"where", source(x.Where)}, field{"window", window}, field{"absent", absent},
			field{"fresh_days", strconv.Itoa(x.FreshDays)}, field{"derive", source(x.Derive)}, field{"note.zh", x.Note.ZH}, field{"note.en", x.Note.EN})})
	}
	return out
}

// exampleText writes examples so that two lists of the same examples are the same text, wherever they stand in the file.
func exampleText(list []Example) string {
	var b strings.Builder
	for _, e := range list {
		fmt.Fprintf(&b, "%s: %s", e.Name, e.Expect)
		for _, id := range sortedKeys(e.Given) {
			fmt.Fprintf(&b, " %s=%v", id, e.Given[id])
		}
		for _, id := range sortedKeys(e.Params) {
			fmt.Fprintf(&b, " param.%s=%v", id, e.Params[id])
		}
		b.WriteString(" " + e.Division + " " + e.AsOf.Format(time.DateOnly) + "\n")
	}
	return b.String()
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, cmp.Compare)
	return keys
}
