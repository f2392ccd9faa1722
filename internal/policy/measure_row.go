package policy

import (
	"math"

	"shouwang/internal/expr"
)

// OpenRisk is a risk of a household that is not cleared, with its worst level.
type OpenRisk struct {
	Risk  string
	Level Level
}

// MeasureRow lays out a row for MeasureEnv from one for RuleEnv (indicators, parameters and as_of): tags as set in tags,
// else as the indicators tell; the open risks; an empty plan; no member.
func (p *Pack) MeasureRow(rule []expr.Value, tags map[string]bool, open []OpenRisk) []expr.Value {
	row := make([]expr.Value, p.MeasureSlots())
	copy(row, rule[:p.Slots()])
	for i := range p.Measures.Tags {
		t := &p.Measures.Tags[i]
		if v, ok := tags[t.ID]; ok {
			row[p.TagSlot(i)] = expr.BoolValue(v)
		} else if t.When != nil {
			row[p.TagSlot(i)] = t.When.Eval(row)
		}
	}
	for i := range p.Risks {
		row[p.RiskSlot(i)] = expr.BoolValue(false)
	}
	worst, red := 0, 0
	for _, o := range open {
		for i := range p.Risks {
			if p.Risks[i].ID == o.Risk {
				row[p.RiskSlot(i)] = expr.BoolValue(true)
			}
		}
		worst = max(worst, int(o.Level))
		if o.Level == Red {
			red++
		}
	}
	at := p.OpenSlot()
	row[at], row[at+1], row[at+2] = expr.NumberValue(float64(worst)), expr.NumberValue(float64(red)), expr.NumberValue(float64(len(open)))
	for i := p.PlanSlot(); i < p.AmountSlot(); i++ {
		row[i] = expr.NumberValue(0)
	}
	row[p.AmountSlot()], row[p.AmountSlot()+1] = expr.NumberValue(0), expr.NumberValue(1)
	return row
}

// CountPlan fills the plan's slots of a row for MeasureEnv with the measures of a plan (ids; one entry each).
func (p *Pack) CountPlan(row []expr.Value, plan []string) {
	at := p.PlanSlot()
	for i := at; i < p.AmountSlot(); i++ {
		row[i] = expr.NumberValue(0)
	}
	for _, id := range plan {
		for i := range p.Measures.Options {
			m := &p.Measures.Options[i]
			if m.ID != id {
				continue
			}
			row[at].Num++
			switch m.Nature {
			case Development:
				row[at+1].Num++
			case SafetyNet:
				row[at+2].Num++
			}
			row[at+3+m.blockIndex].Num++
			row[at+3+len(p.Measures.Blocks)+i].Num++
		}
	}
}

// SetMember fills the slots of member facts with one member's values, in the pack's order; nil clears them to unknown.
func (p *Pack) SetMember(row, facts []expr.Value) {
	at := p.MemberSlot(0)
	clear(row[at:])
	copy(row[at:], facts)
}

// Apply makes the measure's changes to the row: the amount (set by the caller in AmountSlot) and the number of persons
// are read, every effect sees the row as it was before, and then the derived indicators are reckoned again.
func (p *Pack) Apply(m *Measure, row []expr.Value) {
	if len(m.Effects) == 0 {
		return
	}
	var stack [16]expr.Value
	values := stack[:0]
	for i := range m.Effects {
		values = append(values, m.Effects[i].To.Eval(row))
	}
	for i := range m.Effects {
		row[m.Effects[i].Slot] = values[i]
	}
	p.derive(row, nil)
}

// testMeasures runs the examples of measures and plan checks.
func (p *Pack) testMeasures(out []Failure) []Failure {
	for i := range p.Measures.Options {
		m := &p.Measures.Options[i]
		for j := range m.Examples {
			out = p.measureExample(out, m, &m.Examples[j], Failure{File: m.File, Rule: m.ID, Measure: true})
		}
	}
	for i := range p.Measures.Checks {
		c := &p.Measures.Checks[i]
		for j := range c.Examples {
			e := &c.Examples[j]
			f := Failure{File: c.File, Rule: c.ID, Check: true, Line: e.Line, Example: e.Name, Expected: e.Expect}
			row, err := p.measureExampleRow(e, c.When)
			if err != nil {
				f.Err = err
				out = append(out, f)
			} else if f.Got = OutcomeOf(c.When.Eval(row)); f.Got != e.Expect {
				f.Why = Explain(c.When, row)
				out = append(out, f)
			}
		}
	}
	return out
}

func (p *Pack) measureExampleRow(e *MeasureExample, when *expr.Checked) ([]expr.Value, error) {
	base, err := p.ExampleRow(&e.Example, when)
	if err != nil {
		return nil, err
	}
	var open []OpenRisk
	for i := range p.Risks {
		if level, ok := e.Open[p.Risks[i].ID]; ok {
			open = append(open, OpenRisk{p.Risks[i].ID, levelOf(level)})
		}
	}
	row := p.MeasureRow(base, e.Tags, open)
	if e.Plan != nil {
		var plan []string
		for i := range p.Measures.Options {
			for range int(e.Plan[p.Measures.Options[i].ID]) {
				plan = append(plan, p.Measures.Options[i].ID)
			}
		}
		p.CountPlan(row, plan)
	}
	for i := range p.Measures.MemberFacts {
		v, ok := e.Person[p.Measures.MemberFacts[i].ID]
		if !ok {
			continue
		}
		var val expr.Value
		if s, isText := v.(string); isText && p.Measures.MemberFacts[i].Type == expr.Text {
			val = expr.TextValue(s)
		} else if val, err = valueOf(v); err != nil {
			return nil, err
		}
		row[p.MemberSlot(i)] = val
	}
	row[p.AmountSlot()+1] = expr.NumberValue(max(e.Persons, 1))
	return row, nil
}

// measureExample checks eligibility, then the amount and the effects where the example names them.
func (p *Pack) measureExample(out []Failure, m *Measure, e *MeasureExample, f Failure) []Failure {
	f.Line, f.Example, f.Expected = e.Line, e.Name, e.Expect
	row, err := p.measureExampleRow(e, m.Eligible)
	if err != nil {
		f.Err = err
		return append(out, f)
	}
	if f.Got = OutcomeOf(m.Eligible.Eval(row)); f.Got != e.Expect {
		f.Why = Explain(m.Eligible, row)
		return append(out, f)
	}
	if m.Amount != nil {
		v := m.Amount.Eval(row)
		row[p.AmountSlot()] = v
		if e.Amount != nil && (!v.Known || math.Abs(v.Num-*e.Amount) > 1e-6) {
			f.Why = "amount = " + showValue(v, expr.Number) + ", expected " + showValue(expr.NumberValue(*e.Amount), expr.Number)
			return append(out, f)
		}
	}
	if len(e.Effects) == 0 {
		return out
	}
	p.Apply(m, row)
	for i := range p.Indicators {
		want, ok := e.Effects[p.Indicators[i].ID]
		if !ok {
			continue
		}
		if got := row[i]; !got.Known || math.Abs(got.Num-want) > 1e-6 {
			f.Why = p.Indicators[i].ID + " = " + showValue(got, p.Indicators[i].Type) + " afterwards, expected " + showValue(expr.NumberValue(want), expr.Number)
			return append(out, f)
		}
	}
	return out
}
