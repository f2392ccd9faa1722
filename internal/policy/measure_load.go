package policy

import (
	"slices"
	"strings"
	"time"

	"shouwang/internal/expr"
)

// measureSource is the measures while they are being read.
type measureSource struct {
	seen     bool // there is a file in the folder
	built    bool
	priority node
}

// decodeMeasures reads one file of the folder measures. What depends on other files waits: expressions need every
// block, tag and member fact for their environment.
func (l *loader) decodeMeasures(root node) {
	o, ok := root.object("blocks", "accepts", "tags", "member_facts", "pools", "measures", "groups", "requirements", "checks", "priority", "comparison")
	if !ok {
		l.broken[measuresDir] = true
		return
	}
	l.measures.seen = true
	if len(o.order) == 0 {
		o.fail("文件里什么也没有", "the file has nothing in it")
	}
	l.decodeBlocks(o)
	l.decodeMeasureTerms(o)
	for _, v := range o.list("measures", false) {
		l.decodeMeasure(v)
	}
	for _, v := range o.list("groups", false) {
		l.decodeGroup(v)
	}
	for _, v := range o.list("requirements", false) {
		l.decodeRequirement(v)
	}
	for _, v := range o.list("checks", false) {
		l.decodePlanCheck(v)
	}
	if at, ok := o.fields["comparison"]; ok {
		l.decodeComparison(at)
	}
	if at, ok := o.fields["priority"]; ok {
		if l.measures.priority.n != nil {
			at.fail("priority 只能写一处（另一处在 %[1]s）", "priority is said once only (it is in %[1]s already)", l.measures.priority.file)
		}
		l.measures.priority = at
		for _, v := range o.list("priority", true) {
			l.decodePriority(v)
		}
	}
}

var natures = []string{string(Development), string(SafetyNet), string(Basic)}

func (l *loader) decodeBlocks(o object) {
	for _, v := range o.list("blocks", false) {
		b, ok := v.object("id", "code", "zh", "en", "nature")
		if !ok {
			continue
		}
		block := Block{ID: b.id("id"), Code: b.text("code", false), Name: b.names(true, true), Nature: Nature(b.oneOf("nature", true, natures...))}
		if l.claim("plan name", block.ID, v) {
			l.claim("block name", block.Name.ZH, v)
			l.claim("block", block.ID, v)
			l.p.Measures.Blocks = append(l.p.Measures.Blocks, block)
		}
	}
	for _, v := range o.list("accepts", false) {
		a, ok := v.object("risk", "blocks", "clearing")
		if !ok {
			continue
		}
		acc := Accept{Risk: a.text("risk", true), Blocks: a.texts("blocks", true), Clearing: a.texts("clearing", false)}
		l.refer(a, "risk", "risk", packFile, "风险类型", "risk")
		l.referAll(a, "blocks", "block", "措施分类", "block of measures")
		l.referAll(a, "clearing", "block", "措施分类", "block of measures")
		if l.claim("accept", acc.Risk, v) {
			l.p.Measures.Accepts = append(l.p.Measures.Accepts, acc)
		}
	}
}

// referAll reports elements of a list that name something unknown within the measures.
func (l *loader) referAll(o object, key, space, whatZH, whatEN string) {
	for _, v := range o.list(key, false) {
		s, ok := v.text()
		if !ok {
			continue
		}
		l.wait(func() {
			if !l.broken[measuresDir] && !l.has(space, s) {
				v.fail("没有这个%[1]s：“%[3]s”", "no such %[2]s: %[3]q", whatZH, whatEN, clip(s))
			}
		})
	}
}

// decodeMeasureTerms reads tags, member facts and pools.
func (l *loader) decodeMeasureTerms(o object) {
	for _, v := range o.list("tags", false) {
		t, ok := v.object("id", "zh", "en", "when")
		if !ok {
			continue
		}
		i := len(l.p.Measures.Tags)
		tag := Tag{ID: t.id("id"), Name: t.names(true, true)}
		if !l.claim("tag", tag.ID, v) {
			continue
		}
		l.p.Measures.Tags = append(l.p.Measures.Tags, tag)
		if when, ok := t.get("when", false); ok {
			l.wait(func() { l.p.Measures.Tags[i].When = l.compile(l.deriveEnv(), when, expr.Bool) })
		}
	}
	for _, v := range o.list("member_facts", false) {
		l.decodeMemberFact(v)
	}
	for _, v := range o.list("pools", false) {
		p, ok := v.object("id", "zh", "en", "unit")
		if !ok {
			continue
		}
		pool := Pool{ID: p.id("id"), Name: p.names(true, true), Unit: p.text("unit", true)}
		if l.claim("pool", pool.ID, v) {
			l.p.Measures.Pools = append(l.p.Measures.Pools, pool)
		}
	}
}

func (l *loader) decodeMemberFact(v node) {
	o, ok := v.object("id", "name", "unit", "type", "dataset", "aggregate", "of", "where", "absent", "fresh_days")
	if !ok {
		return
	}
	f := MemberFact{ID: o.id("id"), Name: o.bilingual("name", true, true), Unit: o.text("unit", false), Dataset: o.text("dataset", true)}
	f.Type = map[string]expr.Type{"number": expr.Number, "bool": expr.Bool, "date": expr.Date, "text": expr.Text}[o.oneOf("type", true, "number", "bool", "date", "text")]
	registry := f.Dataset == "person"
	if registry {
		for _, key := range []string{"aggregate", "where", "absent", "fresh_days"} {
			if at, given := o.fields[key]; given {
				at.fail("花名册的列不需要 %[1]s", "a column of the register takes no %[1]s", key)
			}
		}
	} else {
		f.Aggregate = Aggregate(o.oneOf("aggregate", true, string(Sum), string(Count), string(Max), string(Min), string(Any)))
		f.AbsentZero = o.oneOf("absent", true, "zero", "unknown") == "zero"
		f.FreshDays = o.integer("fresh_days", true, 0, 3660, 0)
		l.refer(o, "dataset", "dataset", datasetsDir, "数据集", "dataset")
		if f.Type == expr.Text {
			o.fields["type"].fail("部门数据汇总不出文字", "text cannot be folded from a department's rows")
		}
	}
	if !l.claim("member fact", f.ID, v) {
		return
	}
	i := len(l.p.Measures.MemberFacts)
	l.p.Measures.MemberFacts = append(l.p.Measures.MemberFacts, f)
	of, hasOf := o.fields["of"]
	where, hasWhere := o.fields["where"]
	if needs := registry || f.Aggregate == Sum || f.Aggregate == Max || f.Aggregate == Min; needs != hasOf {
		if needs {
			o.need("of")
		} else {
			of.fail("此汇总方式不需要 of", "this aggregate takes no of")
		}
	}
	l.wait(func() {
		env := l.p.rowEnvs[f.Dataset]
		if !registry {
			if d := l.p.Dataset(f.Dataset); d != nil && d.Subject != OfPerson {
				o.fields["dataset"].fail("“%[1]s”不是以人为主体的数据", "%[1]q is not about persons", f.Dataset)
				return
			}
		}
		fact := &l.p.Measures.MemberFacts[i]
		if hasOf {
			fact.Of = l.compile(env, of, f.Type)
			l.checkLiterals(of, fact.Of, f.Dataset)
		}
		if hasWhere {
			fact.Where = l.compile(env, where, expr.Bool)
			l.checkLiterals(where, fact.Where, f.Dataset)
		}
	})
}

// measureEnv builds the environment once everything that it names has been read. It is nil where that failed.
func (l *loader) measureEnv() *expr.Env {
	p := l.p
	if l.measures.built || p.ruleEnv == nil || l.broken[indicatorsDir] || l.broken[measuresDir] {
		return p.measureEnv
	}
	l.measures.built = true
	var vars []expr.Var
	for _, v := range p.ruleEnv.Vars() {
		vars = append(vars, *v)
	}
	taken := map[string]bool{}
	add := func(name, alias string, t expr.Type, slot int, unit string, label Text) {
		v := expr.Var{Name: name, Alias: []string{alias}, Type: t, Slot: slot, Unit: unit, Label: [2]string{label.ZH, label.EN}}
		if _, err := expr.NewEnv([]expr.Var{v}); err != nil || taken[alias] {
			v.Alias = nil
		}
		taken[alias] = true
		vars = append(vars, v)
	}
	for i, t := range p.Measures.Tags {
		add("tag."+t.ID, "标签."+t.Name.ZH, expr.Bool, p.TagSlot(i), "", t.Name)
	}
	for i, r := range p.Risks {
		add("risk."+r.ID, "风险."+r.Name.ZH, expr.Bool, p.RiskSlot(i), "", r.Name)
	}
	at := p.OpenSlot()
	add("open.level", "未消除.级别", expr.Number, at, "", Text{"最高风险级别", "worst open level"})
	add("open.red", "未消除.红色", expr.Number, at+1, "个", Text{"红色风险数", "red risks"})
	add("open.risks", "未消除.风险", expr.Number, at+2, "个", Text{"未消除风险数", "open risks"})
	at = p.PlanSlot()
	add("plan.total", "计划.合计", expr.Number, at, "项", Text{"措施数", "measures in the plan"})
	add("plan.development", "计划.开发式", expr.Number, at+1, "项", Text{"开发式措施数", "development measures in the plan"})
	add("plan.safety_net", "计划.兜底", expr.Number, at+2, "项", Text{"兜底措施数", "safety-net measures in the plan"})
	for i, b := range p.Measures.Blocks {
		add("plan."+b.ID, "计划."+b.Name.ZH, expr.Number, at+3+i, "项", b.Name)
	}
	for i := range p.Measures.Options {
		m := &p.Measures.Options[i]
		add("plan."+m.ID, "计划."+m.Name.ZH, expr.Number, at+3+len(p.Measures.Blocks)+i, "项", m.Name)
	}
	add("amount", "金额", expr.Number, p.AmountSlot(), "元", Text{"金额", "amount"})
	add("persons", "人数", expr.Number, p.AmountSlot()+1, "人", Text{"人数", "persons"})
	for i, f := range p.Measures.MemberFacts {
		add("person."+f.ID, "成员."+f.Name.ZH, f.Type, p.MemberSlot(i), f.Unit, f.Name)
	}
	env, err := expr.NewEnv(vars)
	if err != nil {
		l.report(measuresDir, 0, 0, "", "措施里的名字有冲突：%[1]v", "the names in the measures collide: %[1]v", err)
		return nil
	}
	p.measureEnv = env
	return env
}

// finishMeasures fills what follows from the blocks.
func (l *loader) finishMeasures() {
	p := l.p
	if l.measures.seen {
		l.measureEnv() // a pack with blocks only has an environment, too
	}
	for i := range p.Measures.Options {
		m := &p.Measures.Options[i]
		m.blockIndex = slices.IndexFunc(p.Measures.Blocks, func(b Block) bool { return b.ID == m.Block })
		if m.blockIndex < 0 {
			m.blockIndex = 0
			continue // reported
		}
		if m.Nature == "" {
			m.Nature = p.Measures.Blocks[m.blockIndex].Nature
		}
	}
}

// formula waits for compileFormula.
func (l *loader) formula(v node, want expr.Type, person, amount bool, into **expr.Checked) {
	l.wait(func() { *into = l.compileFormula(v, want, person, amount) })
}

// compileFormula checks an expression over MeasureEnv; person tells whether it may name a member's facts, amount whether it
// may name the amount and the number of persons.
func (l *loader) compileFormula(v node, want expr.Type, person, amount bool) *expr.Checked {
	c := l.compile(l.measureEnv(), v, want)
	if c == nil {
		return nil
	}
	for _, x := range c.Vars() {
		switch {
		case x.Slot >= l.p.MemberSlot(0) && !person:
			v.fail("这里不能用成员信息 %[1]s", "a member's %[1]s cannot be used here", x.Name)
		case (x.Slot == l.p.AmountSlot() || x.Slot == l.p.AmountSlot()+1) && !amount:
			v.fail("这里不能用 %[1]s", "%[1]s cannot be used here", x.Name)
		}
	}
	l.checkMemberLiterals(v, c)
	return c
}

// checkMemberLiterals reports texts compared with a column of the register that are none of its codes.
func (l *loader) checkMemberLiterals(v node, c *expr.Checked) {
	root, err := expr.Parse(c.Source())
	if err != nil {
		return // it has been checked: it parses
	}
	for _, cmp := range textComparisons(root) {
		id, ok := strings.CutPrefix(cmp.name, "person.")
		f := find(l.p.Measures.MemberFacts, func(f *MemberFact) bool { return ok && f.ID == id })
		if f == nil || f.Dataset != "person" || f.Of == nil {
			continue
		}
		codes := l.p.codesOf("person", strings.TrimSpace(f.Of.Source()))
		for _, text := range cmp.texts {
			if len(codes) > 0 && !slices.ContainsFunc(codes, func(x Code) bool { return x.ID == text }) {
				v.fail("“%[1]s”不是 %[2]s 的代码", "%[1]q is none of the codes of %[2]s", clip(text), cmp.name)
			}
		}
	}
}

func (l *loader) measureExamples(o object, person, unknown bool) []MeasureExample {
	var out []MeasureExample
	seen := [3]bool{}
	list := o.list("examples", true)
	judged := len(list) > 0
	for _, v := range list {
		eo, ok := v.object("name", "given", "tags", "person", "persons", "open", "plan", "division", "as_of", "params", "expect", "amount", "effects")
		if !ok {
			judged = false
			continue
		}
		e := MeasureExample{Example: Example{Name: eo.text("name", true), Division: l.p.Region, AsOf: l.p.ExamplesAsOf, Line: v.line()}}
		if at, ok := eo.get("division", false); ok {
			l.exampleDivision(at, &e.Example)
		}
		if _, ok := eo.fields["as_of"]; ok {
			e.AsOf = eo.date("as_of", true)
		}
		words := []string{"eligible", "ineligible", "unknown"}
		if _, isCheck := o.fields["severity"]; isCheck {
			words = []string{"hit", "clear", "unknown"}
		}
		switch eo.oneOf("expect", true, words...) {
		case words[0]:
			e.Expect = Hit
		case words[2]:
			e.Expect = Unknown
		case "":
			judged = false
		}
		seen[e.Expect] = true
		l.decodeGiven(eo, &e.Example)
		e.Persons = float64(eo.integer("persons", false, 1, 99, 0))
		if at, ok := eo.fields["person"]; ok && !person {
			at.fail("这项措施不是给个人的", "this measure is not for a person")
		}
		l.exampleTerms(eo, &e)
		out = append(out, e)
	}
	at := o.fields["examples"]
	for i, ok := range seen {
		want := []string{"ineligible/clear", "eligible/hit", "unknown"}[i]
		if judged && !ok && (Outcome(i) != Unknown || unknown) {
			at.fail("缺少一个 expect: %[1]s 的例子", "there is no example with expect: %[1]s", want)
		}
	}
	return out
}

// exampleTerms reads tags, the member, open risks, the plan, and what is expected of amount and effects.
func (l *loader) exampleTerms(eo object, e *MeasureExample) {
	each := func(key string, fn func(id string, v node)) {
		v, ok := eo.get(key, false)
		if !ok {
			return
		}
		if g, ok := v.object(); ok {
			l.wait(func() {
				if l.broken[measuresDir] || l.broken[packFile] || l.broken[indicatorsDir] {
					return
				}
				for _, id := range g.order {
					fn(id, g.fields[id])
				}
			})
		}
	}
	e.Tags, e.Person, e.Open, e.Effects = map[string]bool{}, map[string]any{}, map[string]string{}, map[string]float64{}
	each("tags", func(id string, v node) {
		if !l.has("tag", id) {
			v.fail("没有标签“%[1]s”", "no such tag: %[1]q", clip(id))
		} else if b, ok := v.truth(); ok {
			e.Tags[id] = b
		}
	})
	each("person", func(id string, v node) {
		f := find(l.p.Measures.MemberFacts, func(f *MemberFact) bool { return f.ID == id })
		if f == nil {
			v.fail("没有成员信息“%[1]s”", "no such member fact: %[1]q", clip(id))
			return
		}
		switch f.Type {
		case expr.Number:
			if x, ok := v.number(); ok {
				e.Person[id] = x
			}
		case expr.Bool:
			if x, ok := v.truth(); ok {
				e.Person[id] = x
			}
		case expr.Date:
			if x, ok := v.date(); ok {
				e.Person[id] = x.Format(time.DateOnly)
			}
		case expr.Text:
			if x, ok := v.text(); ok {
				e.Person[id] = x
			}
		}
	})
	each("open", func(id string, v node) {
		if !l.has("risk", id) {
			v.fail("没有风险类型“%[1]s”", "no such risk: %[1]q", clip(id))
		} else if s, ok := v.text(); ok {
			if levelOf(s) == NoLevel {
				v.fail("级别是 red、yellow 或 blue", "a level is red, yellow or blue")
			}
			e.Open[id] = s
		}
	})
	if _, ok := eo.fields["plan"]; ok {
		e.Plan = map[string]float64{}
	}
	each("plan", func(id string, v node) {
		if !l.has("measure", id) {
			v.fail("没有措施“%[1]s”", "no such measure: %[1]q", clip(id))
		} else if x, ok := v.number(); ok {
			e.Plan[id] = x
		}
	})
	if v, ok := eo.get("amount", false); ok {
		if x, ok := v.number(); ok {
			e.Amount = &x
		}
	}
	each("effects", func(id string, v node) {
		if !l.has("indicator", id) {
			v.fail("没有指标“%[1]s”", "no such indicator: %[1]q", clip(id))
		} else if x, ok := v.number(); ok {
			e.Effects[id] = x
		}
	})
}
