package policy

import (
	"slices"
	"strings"

	"shouwang/internal/expr"
)

// workflowFile is the state machine of cases. A pack without it has none: it can screen but not carry cases.
const workflowFile = "workflow.yaml"

// workflowSource holds what is looked at again when all files are read.
type workflowSource struct {
	w       *Workflow
	library map[string]Field
	libAt   map[string]node
	at      map[string]node // place of each state, action, guard, fact, by "space id"
}

func (l *loader) decodeWorkflow(root node) {
	o, ok := root.object("roles", "facts", "fields", "states", "guards", "actions", "minimum", "divisions")
	if !ok {
		l.broken[workflowFile] = true
		return
	}
	s := &workflowSource{w: &Workflow{}, library: map[string]Field{}, libAt: map[string]node{}, at: map[string]node{}}
	l.workflow = s
	for _, v := range o.list("roles", true) {
		if r, ok := v.object("id", "zh", "en"); ok {
			role := WorkRole{ID: r.id("id"), Name: r.names(true, true)}
			if l.claim("role", role.ID, v) {
				s.w.Roles = append(s.w.Roles, role)
			}
		}
	}
	for _, v := range o.list("facts", true) {
		l.decodeFact(s, v)
	}
	for _, v := range o.list("fields", false) {
		if f, ok := l.decodeField(s, v, false); ok && l.claim("workflow field", f.ID, v) {
			s.library[f.ID], s.libAt[f.ID] = f, v
		}
	}
	for _, v := range o.list("states", true) {
		if st, ok := l.decodeState(v); ok && l.claim("state", st.ID, v) {
			s.w.States = append(s.w.States, st)
			s.at["state "+st.ID] = v
		}
	}
	for _, v := range o.list("guards", true) {
		l.decodeGuard(s, v)
	}
	for _, v := range o.list("actions", true) {
		if a, ok := l.decodeAction(s, v); ok && l.claim("action", a.ID, v) {
			s.w.Actions = append(s.w.Actions, a)
			s.at["action "+a.ID] = v
		}
	}
	for _, v := range o.list("minimum", true) {
		l.decodeMinimum(s, v)
	}
	for _, v := range o.list("divisions", false) {
		l.decodeVariant(s, v)
	}
	l.wait(func() { l.finishWorkflow(s, o) })
}

func (l *loader) decodeFact(s *workflowSource, v node) {
	o, ok := v.object("id", "zh", "en", "type", "unit", "source")
	if !ok {
		return
	}
	f := Fact{ID: o.id("id"), Source: FactSource(o.oneOf("source", true, string(FromCase), string(FromForm), string(FromMeasures), string(FromIndicator))), Line: v.line()}
	if f.Source == FromIndicator {
		for _, key := range []string{"zh", "en", "type", "unit"} {
			if at, has := o.fields[key]; has {
				at.fail("来自指标的事实由指标给出名称、类型和单位，不写 %[1]s", "a fact from an indicator has the indicator's names, type and unit: leave out %[1]s", key)
			}
		}
	} else {
		f.Name, f.Unit = o.names(true, true), o.text("unit", false)
		f.Type = typeOf(o.oneOf("type", true, "number", "bool", "text", "date"))
	}
	if !l.claim("fact", f.ID, v) {
		return
	}
	if f.Name.ZH != "" {
		l.claim("fact name", f.Name.ZH, v)
	}
	s.at["fact "+f.ID] = v
	s.w.Facts = append(s.w.Facts, f)
}

func typeOf(s string) expr.Type {
	switch s {
	case "number":
		return expr.Number
	case "bool":
		return expr.Bool
	case "text":
		return expr.Text
	case "date":
		return expr.Date
	}
	return expr.Invalid
}

func (l *loader) decodeState(v node) (State, bool) {
	o, ok := v.object("id", "zh", "en", "phase", "start", "help", "task")
	if !ok {
		return State{}, false
	}
	st := State{ID: o.id("id"), Name: o.names(true, true), Phase: Phase(o.oneOf("phase", true, phases()...)), Start: o.boolean("start"), Help: o.boolean("help"), Line: v.line()}
	if st.ID == liveWord || slices.Contains(phases(), st.ID) {
		o.fields["id"].fail("“%[1]s”是阶段名，不能作状态的标识", "%[1]q is the name of a phase and cannot be a state", st.ID)
	}
	at, has := o.get("task", false)
	if !has {
		if st.Phase != PhaseClosed && st.Phase != PhaseWatch && st.Phase != "" {
			v.fail("未结束的状态要有 task：由谁办、何时到期", "a state that is not at rest needs a task: who, and by when")
		}
		return st, true
	}
	if st.Phase == PhaseClosed {
		at.fail("已结束的状态没有待办", "a closed state has no task")
	}
	t, ok := at.object("zh", "en", "role", "due", "warn", "escalate")
	if !ok {
		return st, true
	}
	task := TaskSpec{Name: t.names(true, true), Role: t.text("role", true), Warn: t.text("warn", false), Escalate: t.text("escalate", false)}
	l.refer(t, "role", "role", workflowFile, "角色", "role")
	l.refer(t, "warn", "parameter", parametersFile, "参数", "parameter")
	l.refer(t, "escalate", "parameter", parametersFile, "参数", "parameter")
	for _, d := range t.list("due", true) {
		do, ok := d.object("param", "count", "since", "channel")
		if !ok {
			continue
		}
		task.Due = append(task.Due, Deadline{
			Param: do.text("param", true), Working: do.oneOf("count", true, "calendar", "working") == "working",
			Since: Since(do.oneOf("since", true, string(SinceState), string(SinceLead), string(SinceIdentified))),
			Green: Channel(do.oneOf("channel", false, string(GreenChannel), string(OrdinaryChannel))),
		})
		l.refer(do, "param", "parameter", parametersFile, "参数", "parameter")
	}
	st.Task = &task
	return st, true
}

func (l *loader) decodeGuard(s *workflowSource, v node) {
	o, ok := v.object("id", "name", "must", "effect", "wording", "document", "examples")
	if !ok {
		return
	}
	g := Guard{
		ID: o.id("id"), Name: o.bilingual("name", true, true), Effect: Effect(o.oneOf("effect", true, string(Refuse), string(Flag))),
		Wording: o.bilingual("wording", true, true), Document: o.text("document", true), Line: v.line(),
	}
	if !l.claim("guard", g.ID, v) {
		return
	}
	l.claim("guard name", g.Name.ZH, v)
	s.at["guard "+g.ID] = v
	i := len(s.w.Guards)
	g.Examples = l.decodeGuardExamples(s, o)
	s.w.Guards = append(s.w.Guards, g)
	if must, ok := o.need("must"); ok {
		s.at["must "+g.ID] = must
	}
	l.wait(func() {
		if must, ok := s.at["must "+g.ID]; ok && s.w.env != nil {
			s.w.Guards[i].Must = l.compile(s.w.env, must, expr.Bool)
		}
	})
}

// decodeGuardExamples reads the tests of a guard: one that passes, one that is refused, and one where a fact is unknown,
// because an unknown fact must never open a door.
func (l *loader) decodeGuardExamples(s *workflowSource, o object) []Example {
	list := o.list("examples", true)
	var out []Example
	seen := [3]bool{}
	names := map[string]bool{}
	for _, v := range list {
		eo, ok := v.object("name", "given", "division", "as_of", "params", "expect")
		if !ok {
			return nil
		}
		e := Example{Name: eo.text("name", true), Division: l.p.Region, AsOf: l.p.ExamplesAsOf, Line: v.line()}
		if names[e.Name] && e.Name != "" {
			v.fail("例子“%[1]s”重名", "the example %[1]q is here twice", clip(e.Name))
		}
		names[e.Name] = true
		if at, ok := eo.get("division", false); ok {
			l.exampleDivision(at, &e)
		}
		if _, ok := eo.fields["as_of"]; ok {
			e.AsOf = eo.date("as_of", true)
		} else if e.AsOf.IsZero() && !l.broken[packFile] {
			v.fail("例子没有 as_of，pack.yaml 也没有 examples_as_of", "the example has no as_of and pack.yaml no examples_as_of")
		}
		switch eo.oneOf("expect", true, "pass", "refuse", "unknown") {
		case "pass":
			e.Expect = Hit
		case "unknown":
			e.Expect = Unknown
		}
		seen[e.Expect] = true
		e.Given, e.Params = map[string]any{}, l.exampleParams(eo)
		if g, ok := eo.get("given", false); ok {
			if given, ok := g.object(); ok {
				l.wait(func() {
					for _, id := range given.order {
						givenFact(s, given.fields[id], id, e.Given)
					}
				})
			}
		}
		out = append(out, e)
	}
	for want, word := range map[Outcome]string{Hit: "pass", Clear: "refuse", Unknown: "unknown"} {
		if !seen[want] && len(out) > 0 {
			o.fields["examples"].fail("缺少一个 expect: %[1]s 的例子", "there is no example with expect: %[1]s", word)
		}
	}
	return out
}

// exampleParams reads an example's own parameter values.
func (l *loader) exampleParams(eo object) map[string]float64 {
	out := map[string]float64{}
	v, ok := eo.get("params", false)
	if !ok {
		return out
	}
	g, ok := v.object()
	if !ok {
		return out
	}
	for _, id := range g.order {
		if f, ok := g.fields[id].number(); ok {
			out[id] = f
		}
	}
	l.wait(func() {
		for _, id := range g.order {
			if !l.broken[parametersFile] && !l.has("parameter", id) {
				g.fields[id].fail("没有参数“%[1]s”", "no such parameter: %[1]q", clip(id))
			}
		}
	})
	return out
}

func givenFact(s *workflowSource, v node, id string, into map[string]any) {
	f, _ := s.w.Fact(id)
	if f == nil {
		v.fail("没有事实“%[1]s”", "no such fact: %[1]q", clip(id))
		return
	}
	switch f.Type {
	case expr.Number:
		if x, ok := v.number(); ok {
			into[id] = x
		}
	case expr.Bool:
		if x, ok := v.truth(); ok {
			into[id] = x
		}
	case expr.Date:
		if x, ok := v.date(); ok {
			into[id] = x
		}
	case expr.Text:
		if x, ok := v.text(); ok {
			into[id] = expr.TextValue(x)
		}
	}
}

func (l *loader) decodeAction(s *workflowSource, v node) (Action, bool) {
	o, ok := v.object("id", "name", "group", "from", "to", "roles", "does", "form", "guards", "label", "restart")
	if !ok {
		return Action{}, false
	}
	a := Action{
		ID: o.id("id"), Name: o.bilingual("name", true, true), Group: o.text("group", false), written: o.texts("from", true),
		To: o.text("to", true), Roles: o.texts("roles", true), Does: o.texts("does", false), Guards: o.texts("guards", false),
		Label:   o.oneOf("label", false, "true", "false_alarm", "known"),
		Restart: o.oneOf("restart", false, "round", "clock"),
		Line:    v.line(),
	}
	if a.To == "same" {
		a.To = ""
	}
	for _, f := range o.list("form", false) {
		if field, ok := l.decodeField(s, f, true); ok {
			if a.Field(field.ID) != nil {
				f.fail("字段“%[1]s”在表单里出现两次", "the field %[1]q is in the form twice", field.ID)
			}
			a.Form = append(a.Form, field)
		}
	}
	for _, does := range a.Does {
		needs, known := Does()[does]
		if !known {
			o.fields["does"].fail("“%[1]s”不在可选值内：%[2]s", "%[1]q is not one of: %[2]s", clip(does), doesNames())
			continue
		}
		for _, id := range needs {
			if a.Field(id) == nil {
				v.fail("动作记录 %[1]s，表单里必须有字段 %[2]s", "the action records %[1]s, so its form must have the field %[2]s", does, id)
			}
		}
	}
	for _, list := range []struct{ key, space, zh, en string }{{"roles", "role", "角色", "role"}, {"guards", "guard", "条件", "guard"}} {
		if _, has := o.fields[list.key]; !has {
			continue
		}
		for _, at := range o.list(list.key, false) {
			if name, ok := at.text(); ok && !l.has(list.space, name) {
				l.wait(func() {
					if !l.has(list.space, name) {
						at.fail("没有这个%[1]s：“%[3]s”", "no such %[2]s: %[3]q", list.zh, list.en, clip(name))
					}
				})
			}
		}
	}
	return a, true
}

func (l *loader) decodeMinimum(s *workflowSource, v node) {
	o, ok := v.object("zh", "en", "from", "target", "path", "guards", "least")
	if !ok {
		return
	}
	m := Minimum{Name: o.names(true, true), From: o.text("from", true), Target: o.text("target", true), Path: o.texts("path", true), Guards: map[string][]string{}, Least: map[string]float64{}, Line: v.line()}
	if at, ok := o.get("guards", false); ok {
		if g, ok := at.object(); ok {
			for _, id := range g.order {
				m.Guards[id] = g.texts(id, true)
			}
		}
	}
	if at, ok := o.get("least", false); ok {
		if g, ok := at.object(); ok {
			for _, id := range g.order {
				if f, ok := g.fields[id].number(); ok {
					m.Least[id] = f
				}
			}
		}
	}
	s.at["minimum "+m.Target] = v
	s.w.Minimum = append(s.w.Minimum, m)
}

func (l *loader) decodeVariant(s *workflowSource, v node) {
	o, ok := v.object("division", "from", "to", "document", "drop", "states", "actions")
	if !ok {
		return
	}
	va := Variant{From: o.date("from", true), To: o.date("to", false), Document: o.text("document", true), Drop: o.texts("drop", false), Line: v.line()}
	if at, ok := o.need("division"); ok {
		var e Example
		l.exampleDivision(at, &e)
		va.Division = e.Division
	}
	for _, sv := range o.list("states", false) {
		if st, ok := l.decodeState(sv); ok {
			va.States = append(va.States, st)
		}
	}
	for _, av := range o.list("actions", false) {
		if a, ok := l.decodeAction(s, av); ok {
			va.Actions = append(va.Actions, a)
		}
	}
	for _, other := range s.w.Variants {
		apart := !other.To.IsZero() && other.To.Before(va.From) || !va.To.IsZero() && va.To.Before(other.From)
		if other.Division == va.Division && !apart {
			v.fail("同一区划的日期与第 %[1]d 行的重叠", "the dates overlap those at line %[1]d of the same division", other.Line)
		}
	}
	s.at["division "+va.Division+va.From.String()] = v
	s.w.Variants = append(s.w.Variants, va)
}

// decodeField reads a form field: one of the library by use: (where required, many and names may be said anew), or one with a
// definition of its own.
func (l *loader) decodeField(s *workflowSource, v node, useAllowed bool) (Field, bool) {
	o, ok := v.object("use", "id", "zh", "en", "hint", "type", "required", "many", "min", "max", "unit", "codes", "sealed", "fields", "checks")
	if !ok {
		return Field{}, false
	}
	if at, uses := o.fields["use"]; uses {
		return l.usedField(s, o, at, useAllowed)
	}
	f := Field{
		ID: o.id("id"), Name: o.names(true, true), Type: FieldType(o.oneOf("type", true, fieldTypes()...)),
		Required: o.boolean("required"), Many: o.boolean("many"), Unit: o.text("unit", false), Sealed: o.boolean("sealed"),
	}
	if _, has := o.fields["hint"]; has {
		f.Hint = o.bilingual("hint", true, true)
	}
	f.Min, f.Max = o.extreme("min"), o.extreme("max")
	if f.Min != nil && f.Max != nil && *f.Min > *f.Max {
		o.fields["min"].fail("min 大于 max", "min is more than max")
	}
	if _, has := o.fields["codes"]; has != (f.Type == FieldCode) {
		v.fail("codes 只用于 type: code，而且必填", "codes belongs to type: code, and is required there")
	}
	seen := map[string]bool{}
	for _, c := range o.list("codes", false) {
		if co, ok := c.object("id", "zh", "en"); ok {
			code := Code{ID: co.id("id"), Name: co.names(true, true)}
			if seen[code.ID] {
				c.fail("代码“%[1]s”重复", "the code %[1]q is here twice", code.ID)
			}
			seen[code.ID] = true
			f.Codes = append(f.Codes, code)
		}
	}
	if f.Sealed && f.Type != FieldText {
		v.fail("只有 text 可以 sealed", "only text can be sealed")
	}
	_, hasFields := o.fields["fields"]
	if _, hasChecks := o.fields["checks"]; hasFields != (f.Type == FieldRows) || hasChecks && f.Type != FieldRows {
		v.fail("fields 和 checks 只用于 type: rows，fields 必填", "fields and checks belong to type: rows, where fields is required")
	}
	for _, c := range o.list("fields", false) {
		sub, ok := l.decodeField(s, c, true)
		if !ok {
			continue
		}
		if sub.Type == FieldRows {
			c.fail("表格里不能再有表格", "a table cannot hold a table")
		}
		if slices.ContainsFunc(f.Fields, func(x Field) bool { return x.ID == sub.ID }) {
			c.fail("字段“%[1]s”出现两次", "the field %[1]q is here twice", sub.ID)
		}
		f.Fields = append(f.Fields, sub)
	}
	if f.Type == FieldRows {
		f.env = l.rowsEnv(v, &f)
		for _, c := range o.list("checks", false) {
			co, ok := c.object("id", "must", "zh", "en")
			if !ok {
				continue
			}
			check := RowCheck{ID: co.id("id"), Reason: co.names(true, true)}
			if must, ok := co.need("must"); ok {
				check.Expr = l.compile(f.env, must, expr.Bool)
			}
			f.Checks = append(f.Checks, check)
		}
	}
	return f, true
}

func (l *loader) usedField(s *workflowSource, o object, at node, allowed bool) (Field, bool) {
	name, ok := at.text()
	if !ok {
		return Field{}, false
	}
	f, known := s.library[name]
	if !allowed || !known {
		at.fail("fields 里没有字段“%[1]s”（要写在前面）", "no field %[1]q in fields (it must stand before)", clip(name))
		return Field{}, false
	}
	for _, key := range o.order {
		switch key {
		case "use":
		case "required":
			f.Required = o.boolean("required")
		case "many":
			f.Many = o.boolean("many")
		case "id":
			f.ID = o.id("id")
		case "zh", "en":
			f.Name = o.names(true, true)
		default:
			o.fields[key].fail("引用字段时只能改 id、zh、en、required、many", "a used field can change id, zh, en, required and many only")
		}
	}
	return f, true
}

// rowsEnv is the environment of a table's checks: the fields that the rule language can hold, then as_of.
func (l *loader) rowsEnv(v node, f *Field) *expr.Env {
	var vars []expr.Var
	for i := range f.Fields {
		sub := &f.Fields[i]
		if sub.Many || sub.ID == "" {
			continue
		}
		vars = append(vars, expr.Var{Name: sub.ID, Type: fieldExprType(sub.Type), Slot: i, Unit: sub.Unit, Label: [2]string{sub.Name.ZH, sub.Name.EN}})
	}
	env, err := expr.NewEnv(append(vars, asOfVar(len(f.Fields))))
	if err != nil {
		v.fail("字段名不能用于规则：%[1]v", "the fields' names cannot be used in rules: %[1]v", err)
		return nil
	}
	return env
}

// fieldExprType is the type under which a form value appears in rules; ids and codes are texts.
func fieldExprType(t FieldType) expr.Type {
	switch t {
	case FieldNumber, FieldInteger, FieldMoney:
		return expr.Number
	case FieldBool:
		return expr.Bool
	case FieldDate, FieldMonth:
		return expr.Date
	}
	return expr.Text
}

// extreme reads an optional number.
func (o object) extreme(key string) *float64 {
	v, ok := o.get(key, false)
	if !ok {
		return nil
	}
	f, ok := v.number()
	if !ok {
		return nil
	}
	return &f
}

// buildWorkflowEnv declares facts and parameters to the guards. Facts from indicators take the indicator's names and type.
func (l *loader) buildWorkflowEnv(s *workflowSource) {
	var vars []expr.Var
	bad := false
	for i := range s.w.Facts {
		f := &s.w.Facts[i]
		at := s.at["fact "+f.ID]
		if f.Source == FromIndicator {
			ind := l.p.Indicator(f.ID)
			if ind == nil {
				if !l.broken[indicatorsDir] {
					at.fail("没有指标“%[1]s”", "no such indicator: %[1]q", f.ID)
				}
				bad = true
				continue
			}
			f.Name, f.Unit, f.Type = ind.Name, ind.Unit, ind.Type
		}
		v := expr.Var{Name: f.ID, Alias: []string{f.Name.ZH}, Type: f.Type, Slot: i, Unit: f.Unit, Label: [2]string{f.Name.ZH, f.Name.EN}}
		if f.Type == expr.Number {
			v.Limit = 0
		}
		if _, err := expr.NewEnv([]expr.Var{v}); err != nil {
			v.Alias = nil
			if _, err := expr.NewEnv([]expr.Var{v}); err != nil {
				at.fail("“%[1]s”是规则语言的保留字，或类型不对", "%[1]q is a word of the rule language, or has no type", f.ID)
				bad = true
				continue
			}
		}
		vars = append(vars, v)
	}
	n := len(s.w.Facts)
	for i := range l.p.Parameters {
		par := &l.p.Parameters[i]
		v := expr.Var{Name: "param." + par.ID, Alias: []string{"参数." + par.Name.ZH}, Type: expr.Number, Slot: n + i, Param: true, Limit: paramLimit, Unit: par.Unit, Label: [2]string{par.Name.ZH, par.Name.EN}}
		if _, err := expr.NewEnv([]expr.Var{v}); err != nil {
			v.Alias = nil
		}
		vars = append(vars, v)
	}
	today := asOfVar(n + len(l.p.Parameters))
	today.Alias, today.Label = []string{"今天"}, [2]string{"今天", "today"}
	env, err := expr.NewEnv(append(vars, today))
	if err != nil {
		if !bad {
			l.report(workflowFile, 0, 0, "facts", "事实和参数的名字有冲突：%[1]v", "the names of facts and parameters collide: %[1]v", err)
		}
		return
	}
	if !bad {
		s.w.env = env
	}
}

// names reports whether a text names a state, a phase or "live".
func (w *Workflow) names(from string) bool {
	return from == liveWord || slices.Contains(phases(), from) || w.State(from) != nil
}

// actionList writes ids for a message.
func actionList(ids []string) string { return strings.Join(ids, " → ") }
