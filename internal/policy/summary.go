package policy

// Summary counts what a pack holds, for "pack show" and for receipts.
type Summary struct {
	Name        string         `json:"name"`
	Region      string         `json:"region"`
	Version     string         `json:"version"`
	Title       Text           `json:"title"`
	Hash        string         `json:"hash"`
	Files       int            `json:"files"`
	Departments int            `json:"departments"`
	Risks       int            `json:"risks"`
	Datasets    int            `json:"datasets"`
	Columns     int            `json:"columns"`
	RowChecks   int            `json:"row_checks"`
	Parameters  int            `json:"parameters"`
	Values      int            `json:"parameter_values"`
	Overrides   int            `json:"parameter_overrides"` // values of a division other than the region
	Defaults    int            `json:"default_values"`      // values without a document of their own
	Indicators  int            `json:"indicators"`          // derived ones included
	Derived     int            `json:"derived"`
	Rules       int            `json:"rules"`
	ByClass     map[Class]int  `json:"rules_by_class"`
	ByLevel     map[string]int `json:"rules_by_level"`
	ByRisk      map[string]int `json:"rules_by_risk"`
	Ask         int            `json:"rules_that_ask"` // on_unknown: ask
	Checks      int            `json:"checks"`
	Blocks      int            `json:"measure_blocks"`
	Measures    int            `json:"measures"`
	PlanChecks  int            `json:"plan_checks"`
	Examples    int            `json:"examples"`
	Holidays    int            `json:"holidays"`
	HolidayFrom int            `json:"holidays_from_year"` // 0 when there are none
	HolidayTo   int            `json:"holidays_to_year"`
	States      int            `json:"states"` // of cases; 0 without a workflow
	Actions     int            `json:"actions"`
	Guards      int            `json:"guards"`
	Variants    int            `json:"workflow_variants"` // divisions that do something otherwise
}

// Summary counts what the pack holds.
func (p *Pack) Summary() Summary {
	s := Summary{
		Name: p.Name, Region: p.Region, Version: p.Version, Title: p.Title, Hash: p.Hash, Files: len(p.Files),
		Departments: len(p.Departments), Risks: len(p.Risks), Datasets: len(p.Datasets), Parameters: len(p.Parameters),
		Blocks: len(p.Measures.Blocks), Measures: len(p.Measures.Options), PlanChecks: len(p.Measures.Checks),
		Indicators: len(p.Indicators), Rules: len(p.Rules), Checks: len(p.Checks), Holidays: len(p.Holidays),
		ByClass: map[Class]int{}, ByLevel: map[string]int{}, ByRisk: map[string]int{},
	}
	for _, d := range p.Datasets {
		s.Columns += len(d.Columns)
		s.RowChecks += len(d.Checks)
	}
	for _, par := range p.Parameters {
		s.Values += len(par.Values)
		for _, v := range par.Values {
			if v.Division != p.Region {
				s.Overrides++
			}
			if v.Document == "default" {
				s.Defaults++
			}
		}
	}
	for i := range p.Indicators {
		if p.Indicators[i].Derive != nil {
			s.Derived++
		}
	}
	for i := range p.Rules {
		r := &p.Rules[i]
		s.ByClass[r.Class]++
		if r.Level != NoLevel {
			s.ByLevel[r.Level.String()]++
		}
		if r.Risk != "" {
			s.ByRisk[r.Risk]++
		}
		if r.AskOnUnknown {
			s.Ask++
		}
		s.Examples += len(r.Examples)
	}
	for i := range p.Checks {
		s.Examples += len(p.Checks[i].Examples)
	}
	if w := p.Workflow; w != nil {
		s.States, s.Actions, s.Guards, s.Variants = len(w.States), len(w.Actions), len(w.Guards), len(w.Variants)
		for i := range w.Guards {
			s.Examples += len(w.Guards[i].Examples)
		}
	}
	for i := range p.Measures.Options {
		s.Examples += len(p.Measures.Options[i].Examples)
	}
	for i := range p.Measures.Checks {
		s.Examples += len(p.Measures.Checks[i].Examples)
	}
	if n := len(p.Holidays); n > 0 {
		s.HolidayFrom, s.HolidayTo = p.Holidays[0].Date.Year(), p.Holidays[n-1].Date.Year()
	}
	return s
}
