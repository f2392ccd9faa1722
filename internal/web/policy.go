package web

import (
	"math"
	"strconv"
	"strings"

	"shouwang/internal/account"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/policy"
	"shouwang/internal/screening"
	"shouwang/internal/web/view"
)

func (s *Server) policyTabs(v *visit, current string) view.PolicyTabs {
	return view.PolicyTabs{Current: current, WhatIf: v.actor.May(account.WhatifRun) == nil, Drafts: v.actor.May(account.PackChange) == nil}
}

// reads tells which parameters and indicators a rule reads, also through derived indicators.
func (s *Server) reads(r *policy.Rule) (parameters []policy.Parameter, indicators []policy.Indicator) {
	seen := map[int]bool{}
	n := len(s.app.Pack.Indicators)
	for _, variable := range r.When.Vars() {
		switch slot := variable.Slot; {
		case seen[slot]:
		case slot < n:
			seen[slot] = true
			indicators = append(indicators, s.app.Pack.Indicators[slot])
		case slot < n+len(s.app.Pack.Parameters):
			seen[slot] = true
			parameters = append(parameters, s.app.Pack.Parameters[slot-n])
		}
	}
	return parameters, indicators
}

// parameters lists the thresholds.
func (s *Server) parameters(v *visit) error {
	pack := s.app.Pack
	x := view.Parameters{Tabs: s.policyTabs(v, "parameters"), Title: pack.Title, Pack: pack.Version, Rows: pack.Parameters, Today: s.now(), Uses: map[string]int{}, Names: s.divisionName}
	for i := range pack.Rules {
		parameters, _ := s.reads(&pack.Rules[i])
		for _, par := range parameters {
			x.Uses[par.ID]++
		}
	}
	return s.show(v, view.ParametersPage(s.frame(v, s.words.In(v.lang, "policy.parameters"), "policy"), x))
}

// rules lists the rules with how they came out; with ?parameter=ID only those that read it.
func (s *Server) rules(v *visit) error {
	pack := s.app.Pack
	x := view.Rules{Tabs: s.policyTabs(v, "rules"), Pack: pack}
	counts := map[string]screening.RuleCount{}
	last, err := s.app.Screening().Last(v.context())
	switch {
	case err == nil:
		x.AsOf = last.AsOf
		for _, c := range last.Rules {
			counts[c.Rule] = c
		}
	case errs.KindOf(err) != errs.NotFound:
		return err
	}
	only := v.r.URL.Query().Get("parameter")
	for _, risk := range pack.Risks {
		g := view.RuleGroup{Risk: risk.Name}
		for i := range pack.Rules {
			r := &pack.Rules[i]
			if r.Risk != risk.ID || only != "" && !s.readsParameter(r, only) {
				continue
			}
			g.Rules = append(g.Rules, view.RuleRow{Rule: r, Hit: counts[r.ID].Hit, Unknown: counts[r.ID].Unknown})
		}
		if len(g.Rules) > 0 {
			x.Groups = append(x.Groups, g)
		}
	}
	return s.show(v, view.RulesPage(s.frame(v, s.words.In(v.lang, "policy.rules"), "policy"), x))
}

func (s *Server) readsParameter(r *policy.Rule, id string) bool {
	parameters, _ := s.reads(r)
	for _, par := range parameters {
		if par.ID == id {
			return true
		}
	}
	return false
}

// rule is one rule in full.
func (s *Server) rule(v *visit) error {
	r := s.app.Pack.Rule(v.r.PathValue("id"))
	if r == nil {
		return errs.New(errs.NotFound, "政策包里没有这条规则。请从规则列表点选。", "the policy pack has no such rule. Choose it from the list of rules.")
	}
	x := view.RulePage{Tabs: s.policyTabs(v, "rules"), Rule: r, Risk: s.riskName(r.Risk), Pack: s.app.Pack, Today: s.now(), Warnings: v.actor.May(account.WarningRead) == nil}
	x.Parameters, x.Indicators = s.reads(r)
	return s.show(v, view.OneRulePage(s.frame(v, r.Name.In(v.lang), "policy"), x))
}

// indicators lists the indicators.
func (s *Server) indicators(v *visit) error {
	x := view.Indicators{Tabs: s.policyTabs(v, "indicators"), Pack: s.app.Pack, Rows: s.app.Pack.Indicators}
	return s.show(v, view.IndicatorsPage(s.frame(v, s.words.In(v.lang, "policy.indicators"), "policy"), x))
}

// whatIf asks what another value of one parameter would do, and changes nothing.
func (s *Server) whatIf(v *visit) error {
	q := v.r.URL.Query()
	pack := s.app.Pack
	w := view.WhatIf{Tabs: s.policyTabs(v, "whatif"), Division: v.actor.Division, Names: s.app.Tree.Name, Warned: v.actor.May(account.StatsRead) == nil, Draft: v.actor.May(account.PackChange) == nil, From: firstOf(nil, s.now())}
	id := q.Get("parameter")
	if id == "" && len(pack.Parameters) > 0 {
		id = pack.Parameters[0].ID
	}
	par := pack.Parameter(id)
	if par == nil {
		return errs.New(errs.NotFound, "政策包里没有这个参数。请从参数列表点选。", "the policy pack has no such parameter. Choose it from the list of parameters.")
	}
	w.Parameter = *par
	for i := range pack.Parameters {
		other := &pack.Parameters[i]
		w.Options = append(w.Options, view.Option{Value: other.ID, Label: other.Name.In(v.lang), Chosen: other.ID == id})
	}
	var err error
	if w.Now, err = pack.Param(id, v.actor.Division, s.now()); err != nil {
		return err
	}
	w.Low, w.High, w.Step = slider(w.Now.Value)
	by := q.Get("by")
	if by == "" {
		by = "county"
		if v.actor.Division.Level() >= division.County {
			by = "township"
		}
	}
	for _, grain := range []string{"county", "township", "village"} {
		w.By = append(w.By, view.Option{Value: grain, Label: s.words.In(v.lang, "whatif.by."+grain), Chosen: grain == by})
	}
	w.Value = strings.TrimSpace(q.Get("value"))
	p := s.frame(v, s.words.In(v.lang, "policy.whatif"), "policy")
	if v.actor.Division.Level() < division.County {
		p.Scripts = []string{"echarts.js", "map.js"}
	}
	status := 200
	if w.Value != "" {
		if err := s.answer(v, &w, by); err != nil {
			if kind := errs.KindOf(err); kind != errs.Invalid && kind != errs.Conflict {
				return err
			}
			w.Error, status = errs.Text(err, v.lang), statusOf(errs.KindOf(err))
		}
	}
	return s.write(v, status, view.WhatIfPage(p, w, pack))
}

// answer asks the question of the form.
func (s *Server) answer(v *visit, w *view.WhatIf, by string) error {
	value, err := strconv.ParseFloat(w.Value, 64)
	if err != nil || math.IsNaN(value) || math.IsInf(value, 0) {
		return errs.New(errs.Invalid, "新的数值应是一个数，例如 9000。", "the new value must be a number, such as 9000.")
	}
	answer, err := s.app.Screening().WhatIf(v.context(), screening.Question{Set: map[string]float64{w.Parameter.ID: value}, By: by, Division: v.actor.Division})
	if err != nil {
		return err
	}
	w.Answer = &answer
	if v.actor.Division.Level() >= division.County {
		return nil
	}
	counties := answer.Areas
	if by != "county" {
		again, err := s.app.Screening().WhatIf(v.context(), screening.Question{Set: map[string]float64{w.Parameter.ID: value}, By: "county", Division: v.actor.Division})
		if err != nil {
			return err
		}
		counties = again.Areas
	}
	changed := map[division.Code]screening.AreaChange{}
	for _, a := range counties {
		changed[a.Division] = a
	}
	areas, err := s.app.Screening().Areas(v.context(), v.actor.Division, division.County)
	if err != nil {
		return err
	}
	for _, area := range areas {
		a, ok := changed[area.Division]
		if !ok {
			a = screening.AreaChange{Division: area.Division, Name: area.Name, Before: area.Warned(), After: area.Warned()}
		}
		w.Counties = append(w.Counties, view.CountyChange{AreaChange: a, Known: area.Households > 0})
	}
	return nil
}

// slider is where a slider around a value begins and ends, and its steps: half to half again, in steps of one significant digit.
func slider(now float64) (low, high, step float64) {
	if now == 0 {
		return 0, 10, 1
	}
	step = math.Pow(10, math.Floor(math.Log10(math.Abs(now)))-1)
	low, high = math.Floor(now*0.5/step)*step, math.Ceil(now*1.5/step)*step
	if now < 0 {
		low, high = high, low
	}
	round := func(x float64) float64 { return math.Round(x*1e6) / 1e6 }
	return round(low), round(high), round(step)
}
