package policy

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"shouwang/internal/division"
	"shouwang/internal/expr"
)

// Failure is an example that did not come out as it says.
type Failure struct {
	File     string
	Line     int    // of the example
	Rule     string // id of the rule or of the check
	Check    bool   // Rule is a check's id
	Guard    bool   // Rule is a guard's id; Hit means that it is met
	Measure  bool   // Rule is a measure's id; Hit means that it may be given
	Example  string
	Expected Outcome
	Got      Outcome // meaningless when Err is set
	Err      error   // the example could not be run: a parameter has no value on its day
	Why      string  // the comparisons that force the outcome, with their values
}

// Error says what failed, with place and reason, in English.
func (f *Failure) Error() string { return f.In("en") }

// In says what failed in language lang ("zh" or "en").
func (f *Failure) In(lang string) string {
	what, expected, got := "rule", "expected", "got"
	switch {
	case f.Check:
		what = "check"
	case f.Measure:
		what = "measure"
	}
	if f.Guard {
		what = "guard"
	}
	if lang == "zh" {
		what, expected, got = "规则", "应为", "实为"
		switch {
		case f.Check:
			what = "核查"
		case f.Measure:
			what = "措施"
		}
		if f.Guard {
			what = "条件"
		}
	}
	s := fmt.Sprintf("%s:%d: %s %s, %q: %s %s", f.File, f.Line, what, f.Rule, f.Example, expected, f.Expected)
	if f.Err != nil {
		text := f.Err.Error()
		if t, ok := f.Err.(interface{ In(string) string }); ok {
			text = t.In(lang)
		}
		return s + ": " + text
	}
	s += fmt.Sprintf(", %s %s", got, f.Got)
	if f.Why != "" {
		s += ": " + f.Why
	}
	return s
}

// Test runs the examples of every rule, every check and every measure in Go and returns those that fail, in the pack's order. It needs
// no database and takes the day from the example, never from the clock.
func (p *Pack) Test() []Failure {
	var out []Failure
	for i := range p.Rules {
		r := &p.Rules[i]
		out = p.runExamples(out, r.Examples, r.When, Failure{File: r.File, Rule: r.ID})
	}
	for i := range p.Checks {
		c := &p.Checks[i]
		out = p.runExamples(out, c.Examples, c.When, Failure{File: c.File, Rule: c.ID, Check: true})
	}
	if p.Workflow != nil {
		out = p.Workflow.runExamples(p, out)
	}
	return p.testMeasures(out)
}

// runExamples runs the examples of the guards: what is given are facts, everything else is unknown.
func (w *Workflow) runExamples(p *Pack, out []Failure) []Failure {
	for i := range w.Guards {
		g := &w.Guards[i]
		for j := range g.Examples {
			e := &g.Examples[j]
			f := Failure{File: workflowFile, Line: e.Line, Rule: g.ID, Guard: true, Example: e.Name, Expected: e.Expect}
			row := make([]expr.Value, w.Slots(p))
			w.SetParams(p, row, divisionCode(e.Division), e.AsOf, e.Params)
			for id, v := range e.Given {
				_, slot := w.Fact(id)
				val, err := valueOf(v)
				if err != nil {
					f.Err = err
				}
				row[slot] = val
			}
			if f.Got = OutcomeOf(g.Must.Eval(row)); f.Err != nil || f.Got != e.Expect {
				f.Why = Explain(g.Must, row)
				out = append(out, f)
			}
		}
	}
	return out
}

func (p *Pack) runExamples(out []Failure, examples []Example, when *expr.Checked, f Failure) []Failure {
	for i := range examples {
		e := &examples[i]
		f.Line, f.Example, f.Expected = e.Line, e.Name, e.Expect
		f.Got, f.Why, f.Err = Clear, "", nil
		row, err := p.ExampleRow(e, when)
		if err != nil {
			f.Err = err
			out = append(out, f)
			continue
		}
		if f.Got = OutcomeOf(when.Eval(row)); f.Got != e.Expect {
			f.Why = Explain(when, row)
			out = append(out, f)
		}
	}
	return out
}

// OutcomeOf turns the value of a condition into an outcome.
func OutcomeOf(v expr.Value) Outcome {
	switch {
	case !v.Known:
		return Unknown
	case v.Num != 0:
		return Hit
	}
	return Clear
}

// ExampleRow makes the row for RuleEnv that an example describes: what it gives, the parameters of its division and day
// (or its own), and the derived indicators computed from that. A parameter that the condition uses and that has no value is an error;
// other parameters without a value stay unknown.
func (p *Pack) ExampleRow(e *Example, when *expr.Checked) ([]expr.Value, error) {
	row := make([]expr.Value, p.Slots())
	given := make([]bool, len(p.Indicators))
	for i := range p.Indicators {
		ind := &p.Indicators[i]
		v, ok := e.Given[ind.ID]
		if !ok {
			continue
		}
		given[i] = true
		val, err := valueOf(v)
		if err != nil {
			return nil, err
		}
		row[i] = val
	}
	if err := p.setParams(row, divisionCode(e.Division), e.AsOf, e.Params, when); err != nil {
		return nil, err
	}
	p.derive(row, given)
	return row, nil
}

// valueOf turns a value of Example.Given into one of the rule language.
func valueOf(v any) (expr.Value, error) {
	switch x := v.(type) {
	case float64:
		return expr.Value{Num: x, Known: true}, nil
	case bool:
		if x {
			return expr.Value{Num: 1, Known: true}, nil
		}
		return expr.Value{Known: true}, nil
	case string:
		t, err := time.Parse(time.DateOnly, x)
		if err != nil {
			return expr.Value{}, fmt.Errorf("given date %q: %w", clip(x), err)
		}
		return dayValue(t), nil
	case time.Time:
		return dayValue(x), nil
	case expr.Value:
		return x, nil
	}
	return expr.Value{}, fmt.Errorf("given value of type %T", v)
}

// dayValue is a date as the rule language counts it: days since 1970-01-01.
func dayValue(t time.Time) expr.Value {
	return expr.Value{Num: float64(civil(t).Unix() / 86400), Known: true}
}

// SetParams fills the parameter and as_of slots of a row for RuleEnv with the values in force for the division on the
// day. A parameter without a value then is unknown.
func (p *Pack) SetParams(row []expr.Value, div division.Code, asOf time.Time) {
	// Without a condition there is nothing that must have a value.
	_ = p.setParams(row, int64(div), asOf, nil, nil)
}

func (p *Pack) setParams(row []expr.Value, div int64, asOf time.Time, own map[string]float64, when *expr.Checked) error {
	day := civil(asOf)
	row[p.AsOfSlot()] = dayValue(day)
	used := map[int]bool{}
	if when != nil {
		for _, v := range when.Vars() {
			used[v.Slot] = true
		}
	}
	for i := range p.Parameters {
		par := &p.Parameters[i]
		slot := p.ParamSlot(i)
		if f, ok := own[par.ID]; ok {
			row[slot] = expr.Value{Num: f, Known: true}
			continue
		}
		v, ok := par.at(div, day)
		row[slot] = expr.Value{Num: v.Value, Known: ok}
		if !ok && used[slot] {
			_, err := p.Param(par.ID, division.Code(div), day)
			return err
		}
	}
	return nil
}

// Derive computes the derived indicators of a row for RuleEnv from the others. The slot of as_of must be set.
func (p *Pack) Derive(row []expr.Value) { p.derive(row, nil) }

// derive leaves the indicators alone that were given directly.
func (p *Pack) derive(row []expr.Value, given []bool) {
	for _, layer := range p.layers {
		for _, i := range layer {
			if c := p.Indicators[i].Derive; c != nil && (given == nil || !given[i]) {
				row[i] = c.Eval(row)
			}
		}
	}
}

// divisionCode is the 12-digit code of a checked division text.
func divisionCode(s string) int64 {
	n, err := strconv.ParseInt((s + "000000000000")[:12], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Explain writes the comparisons that force the outcome of a condition: "medical_self_paid_12m > param.line (52000 > 8500)".
func Explain(when *expr.Checked, row []expr.Value) string {
	var parts []string
	for _, r := range when.Explain(row).Reasons {
		s := r.Text
		var vals []string
		for _, v := range r.Vars {
			vals = append(vals, v.Name+"="+showValue(row[v.Slot], v.Type))
		}
		if len(vals) > 0 {
			s += " [" + strings.Join(vals, ", ") + "]"
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, "; ")
}

func showValue(v expr.Value, t expr.Type) string {
	switch {
	case !v.Known:
		return "unknown"
	case t == expr.Bool:
		return strconv.FormatBool(v.Num != 0)
	case t == expr.Date:
		return time.Unix(int64(v.Num)*86400, 0).UTC().Format(time.DateOnly)
	case t == expr.Text:
		return strconv.Quote(v.Text)
	}
	return strconv.FormatFloat(v.Num, 'f', -1, 64)
}
