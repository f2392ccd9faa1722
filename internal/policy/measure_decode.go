package policy

import (
	"slices"

	"shouwang/internal/expr"
)

// maxEffects of one measure: it changes a handful of indicators.
const maxEffects = 16

func (l *loader) decodeMeasure(v node) {
	o, ok := v.object("id", "block", "name", "nature", "for", "answers", "entitled", "eligible", "held", "prefer", "amount", "cost", "effects", "department", "fund", "days",
		"burden", "pool", "conflicts", "evidence", "document", "note", "examples")
	if !ok {
		return
	}
	m := Measure{
		ID: o.id("id"), Block: o.text("block", true), Name: o.bilingual("name", true, true), Nature: Nature(o.oneOf("nature", false, natures...)),
		For: Audience(o.oneOf("for", true, string(ForHousehold), string(ForOne), string(ForEach))), Answers: o.texts("answers", false), Entitled: o.boolean("entitled"),
		Department: o.text("department", true), Fund: o.bilingual("fund", true, true), Days: o.integer("days", true, 1, 1000, 0), Burden: o.integer("burden", true, 0, 3, 0),
		Pool: o.text("pool", false), Conflicts: o.texts("conflicts", false), Document: o.text("document", true), File: v.file, Line: v.line(),
	}
	if _, ok := o.fields["note"]; ok {
		m.Note = o.bilingual("note", false, false)
	}
	for _, e := range o.list("evidence", true) {
		if s, ok := e.text(); ok {
			if !slices.Contains([]string{"photo", "document", "signature"}, s) {
				e.fail("证明材料是 photo、document 或 signature", "evidence is photo, document or signature")
			}
			m.Evidence = append(m.Evidence, s)
		}
	}
	person := m.For != ForHousehold
	m.Examples = l.measureExamples(o, person, true)
	if !l.claim("plan name", m.ID, v) || !l.claim("measure", m.ID, v) {
		return
	}
	if m.Pool != "" && m.For == ForEach {
		o.fields["pool"].fail("有限名额只能给户或一名成员", "a limited place goes to a household or to one member")
	}
	l.claim("measure name", m.Name.ZH, v)
	l.refer(o, "block", "block", measuresDir, "措施分类", "block of measures")
	l.refer(o, "department", "department", packFile, "部门", "department")
	l.refer(o, "pool", "pool", measuresDir, "名额", "pool of places")
	l.referAll(o, "conflicts", "measure", "措施", "measure")
	i := len(l.p.Measures.Options)
	l.p.Measures.Options = append(l.p.Measures.Options, m)
	l.measureFormulas(o, i, person)
	l.measureAnswers(o, i)
}

// measureFormulas compiles through the index: the slice grows while files are read.
func (l *loader) measureFormulas(o object, i int, person bool) {
	at := func(key string, want expr.Type, amount bool, place func(m *Measure) **expr.Checked) {
		v, ok := o.get(key, key == "eligible")
		if !ok {
			return
		}
		var c *expr.Checked
		l.formula(v, want, person, amount, &c)
		l.wait(func() { *place(&l.p.Measures.Options[i]) = c })
	}
	// What is for every eligible member is decided member by member, but reckoned for all of them together.
	at("eligible", expr.Bool, false, func(m *Measure) **expr.Checked { return &m.Eligible })
	at("held", expr.Bool, false, func(m *Measure) **expr.Checked { return &m.Held })
	at("prefer", expr.Number, false, func(m *Measure) **expr.Checked { return &m.Prefer })
	person = person && l.p.Measures.Options[i].For == ForOne
	at("amount", expr.Number, true, func(m *Measure) **expr.Checked { return &m.Amount })
	at("cost", expr.Number, true, func(m *Measure) **expr.Checked { return &m.Cost })
	v, ok := o.get("effects", false)
	if !ok {
		return
	}
	e, ok := v.object()
	if !ok {
		return
	}
	if len(e.order) > maxEffects {
		v.fail("一项措施最多改变 %[1]d 个指标", "a measure changes at most %[1]d indicators", maxEffects)
		return
	}
	for _, id := range e.order {
		to := e.fields[id]
		l.wait(func() {
			if l.broken[indicatorsDir] {
				return
			}
			slot := slices.IndexFunc(l.p.Indicators, func(ind Indicator) bool { return ind.ID == id })
			switch {
			case slot < 0:
				to.fail("没有指标“%[1]s”", "no such indicator: %[1]q", clip(id))
				return
			case l.indicators[slot].derived:
				to.fail("“%[1]s”是推导指标，会自动重算；请改变它的来源", "%[1]q is derived and follows by itself; change what it is made from", clip(id))
				return
			}
			c := l.compileFormula(to, l.p.Indicators[slot].Type, person, true)
			if c != nil {
				m := &l.p.Measures.Options[i]
				m.Effects = append(m.Effects, MeasureEffect{Indicator: id, Slot: slot, To: c})
			}
		})
	}
}

// measureAnswers holds a measure to the table of risks and blocks.
func (l *loader) measureAnswers(o object, i int) {
	l.referRisks(o, "answers")
	l.wait(func() {
		m := &l.p.Measures.Options[i]
		at, ok := o.fields["answers"]
		if !ok || l.broken[measuresDir] || l.broken[packFile] {
			return
		}
		for _, risk := range m.Answers {
			if l.p.Risk(risk) == nil {
				continue // reported
			}
			if a := l.p.Accepts(risk); a == nil || !slices.Contains(a.Blocks, m.Block) {
				at.fail("accepts 里，风险“%[1]s”不认可“%[2]s”类的措施", "by the table accepts, measures of block %[2]q do not match the risk %[1]q", risk, m.Block)
			}
		}
	})
}

func (l *loader) referRisks(o object, key string) {
	for _, v := range o.list(key, false) {
		s, ok := v.text()
		if !ok {
			continue
		}
		l.wait(func() {
			if !l.broken[packFile] && !l.has("risk", s) {
				v.fail("没有这个风险类型：“%[1]s”", "no such risk: %[1]q", clip(s))
			}
		})
	}
}

func (l *loader) decodeGroup(v node) {
	o, ok := v.object("id", "name", "per", "at_most", "members", "held", "note")
	if !ok {
		return
	}
	g := Group{ID: o.id("id"), Name: o.bilingual("name", true, true), PerPerson: o.oneOf("per", true, "household", "person") == "person",
		AtMost: o.integer("at_most", true, 1, 99, 1), Members: o.texts("members", true)}
	if _, ok := o.fields["note"]; ok {
		g.Note = o.bilingual("note", false, false)
	}
	l.referAll(o, "members", "measure", "措施", "measure")
	if !l.claim("group", g.ID, v) {
		return
	}
	i := len(l.p.Measures.Groups)
	l.p.Measures.Groups = append(l.p.Measures.Groups, g)
	if held, ok := o.get("held", false); ok {
		var c *expr.Checked
		l.formula(held, expr.Number, g.PerPerson, false, &c)
		l.wait(func() { l.p.Measures.Groups[i].Held = c })
	}
}

func (l *loader) decodeRequirement(v node) {
	o, ok := v.object("id", "name", "when", "need", "met", "wording")
	if !ok {
		return
	}
	r := Requirement{ID: o.id("id"), Name: o.bilingual("name", true, true), Need: Nature(o.oneOf("need", true, natures...)), Wording: o.bilingual("wording", true, true)}
	if !l.claim("requirement", r.ID, v) {
		return
	}
	i := len(l.p.Measures.Requirements)
	l.p.Measures.Requirements = append(l.p.Measures.Requirements, r)
	for key, place := range map[string]func(*Requirement) **expr.Checked{
		"when": func(r *Requirement) **expr.Checked { return &r.When }, "met": func(r *Requirement) **expr.Checked { return &r.Met },
	} {
		if at, ok := o.get(key, key == "when"); ok {
			var c *expr.Checked
			l.formula(at, expr.Bool, false, false, &c)
			l.wait(func() { *place(&l.p.Measures.Requirements[i]) = c })
		}
	}
}

func (l *loader) decodePlanCheck(v node) {
	o, ok := v.object("id", "name", "severity", "when", "wording", "examples")
	if !ok {
		return
	}
	c := PlanCheck{ID: o.id("id"), Name: o.bilingual("name", true, true), Severity: o.oneOf("severity", true, "error", "doubt", "hint"),
		Wording: o.bilingual("wording", true, true), Examples: l.measureExamples(o, false, false), File: v.file, Line: v.line()}
	if !l.claim("plan check", c.ID, v) {
		return
	}
	i := len(l.p.Measures.Checks)
	l.p.Measures.Checks = append(l.p.Measures.Checks, c)
	if at, ok := o.need("when"); ok {
		var x *expr.Checked
		l.formula(at, expr.Bool, false, false, &x)
		l.wait(func() { l.p.Measures.Checks[i].When = x })
	}
	l.wait(func() { l.checkWording(o, c.Wording) })
}

func (l *loader) decodePriority(v node) {
	o, ok := v.object("id", "name", "of", "order")
	if !ok {
		return
	}
	k := PriorityKey{ID: o.id("id"), Name: o.bilingual("name", true, true), Descending: o.oneOf("order", true, "ascending", "descending") == "descending"}
	if !l.claim("priority", k.ID, v) {
		return
	}
	i := len(l.p.Measures.Priority)
	l.p.Measures.Priority = append(l.p.Measures.Priority, k)
	if at, ok := o.need("of"); ok {
		var c *expr.Checked
		l.formula(at, expr.Number, false, false, &c)
		l.wait(func() { l.p.Measures.Priority[i].Of = c })
	}
}

func (l *loader) decodeComparison(v node) {
	o, ok := v.object("exact", "near", "outcomes", "neighbours", "caliper", "min_treated", "min_controls", "confidence", "months")
	if !ok {
		return
	}
	if l.p.Measures.Comparison != nil {
		v.fail("comparison 只能写一处", "comparison is said once only")
		return
	}
	c := &Comparison{Near: o.texts("near", true), Neighbours: o.integer("neighbours", true, 1, 20, 1), MinTreated: o.integer("min_treated", true, 2, 100000, 2), MinControls: o.integer("min_controls", true, 2, 100000, 2),
		Months: o.integer("months", true, 1, 120, 1)}
	l.p.Measures.Comparison = c
	for key, into := range map[string]*float64{"caliper": &c.Caliper, "confidence": &c.Confidence} {
		if at, ok := o.need(key); ok {
			*into, _ = at.number()
			if *into <= 0 || key == "confidence" && *into >= 1 || *into > 100 {
				at.fail("应大于 0（置信水平还应小于 1）", "must be above 0 (and a confidence below 1)")
			}
		}
	}
	for _, e := range o.list("exact", true) {
		x, ok := e.object("id", "zh", "en", "of")
		if !ok {
			continue
		}
		key := ExactKey{ID: x.id("id"), Name: x.names(true, true)}
		i := len(c.Exact)
		c.Exact = append(c.Exact, key)
		if of, ok := x.need("of"); ok {
			l.wait(func() { c.Exact[i].Of = l.compile(l.deriveEnv(), of, expr.Number) })
		}
	}
	for _, e := range o.list("outcomes", true) {
		if x, ok := e.object("indicator", "better"); ok {
			c.Outcomes = append(c.Outcomes, Tracked{Indicator: x.text("indicator", true), Higher: x.oneOf("better", true, "higher", "lower") == "higher"})
			l.refer(x, "indicator", "indicator", indicatorsDir, "指标", "indicator")
		}
	}
	for _, e := range o.list("near", false) {
		if id, ok := e.text(); ok {
			l.wait(func() {
				if ind := l.p.Indicator(id); !l.broken[indicatorsDir] && (ind == nil || ind.Type != expr.Number) {
					e.fail("没有数值指标“%[1]s”", "no such number among the indicators: %[1]q", clip(id))
				}
			})
		}
	}
}
