package policy

import (
	"strings"

	"shouwang/internal/expr"
)

// indicatorSource is an indicator while it is being read, with the places of its expressions.
type indicatorSource struct {
	Indicator
	o         object
	of, where node // zero when absent
	hasOf     bool
	hasWhere  bool
	derive    node
	derived   bool
	declared  bool // has an id and a type: rules may name it
}

var aggregates = []string{string(Sum), string(Count), string(Persons), string(Max), string(Min), string(Avg), string(Any), string(Latest)}

func (l *loader) decodeIndicators(root node) {
	o, ok := root.object("indicators", "derived")
	if !ok {
		l.broken[indicatorsDir] = true
		return
	}
	_, hasFolded := o.fields["indicators"]
	_, hasDerived := o.fields["derived"]
	if !hasFolded && !hasDerived {
		o.fail("文件里没有 indicators，也没有 derived", "the file has neither indicators nor derived")
	}
	for _, v := range o.list("indicators", false) {
		if io, ok := v.object("id", "name", "unit", "type", "dataset", "aggregate", "of", "where", "per_person", "window", "absent", "fresh_days", "note"); ok {
			s := l.decodeIndicator(v, io)
			l.decodeFold(s, io)
		}
	}
	for _, v := range o.list("derived", false) {
		if io, ok := v.object("id", "name", "unit", "type", "derive", "note"); ok {
			s := l.decodeIndicator(v, io)
			s.derived = true
			s.derive, _ = io.need("derive")
		}
	}
}

// decodeIndicator reads what folded and derived indicators share.
func (l *loader) decodeIndicator(v node, o object) *indicatorSource {
	s := &indicatorSource{o: o}
	s.ID, s.Name, s.Unit = o.id("id"), o.bilingual("name", true, true), o.text("unit", false)
	s.File, s.Line = v.file, v.line()
	switch o.oneOf("type", true, "number", "bool", "date") {
	case "number":
		s.Type = expr.Number
	case "bool":
		s.Type = expr.Bool
	case "date":
		s.Type = expr.Date
	}
	if s.Type == expr.Number && s.Unit == "" {
		if _, given := o.fields["unit"]; !given {
			o.need("unit")
		}
	}
	if _, ok := o.fields["note"]; ok {
		s.Note = o.bilingual("note", false, false)
	}
	if l.claim("indicator", s.ID, v) {
		l.claim("indicator name", s.Name.ZH, v)
		s.declared = s.Type != expr.Invalid
		l.indicators = append(l.indicators, s)
	}
	return s
}

// decodeFold reads what says how rows become one value.
func (l *loader) decodeFold(s *indicatorSource, o object) {
	s.Dataset = o.text("dataset", true)
	s.Aggregate = Aggregate(o.oneOf("aggregate", true, aggregates...))
	s.PerPerson = Aggregate(o.oneOf("per_person", false, string(Sum), string(Max), string(Count)))
	s.of, s.hasOf = o.fields["of"]
	s.where, s.hasWhere = o.fields["where"]
	absent := o.oneOf("absent", true, "zero", "unknown")
	s.AbsentZero = absent == "zero"
	if s.AbsentZero && s.Type == expr.Date {
		o.fields["absent"].fail("日期没有零值：应为 unknown", "a date has no zero: must be unknown")
	}
	own := s.Dataset == "person" || s.Dataset == "household"
	s.FreshDays = o.integer("fresh_days", !own, 0, 3660, 0)
	s.Window = l.decodeWindow(o)
	l.checkFold(s, o)
	if !own {
		l.refer(o, "dataset", "dataset", datasetsDir, "数据集", "dataset")
	}
	l.wait(func() { l.checkSource(s, o) })
}

func (l *loader) decodeWindow(o object) Window {
	v, ok := o.get("window", false)
	if !ok {
		return Window{}
	}
	w, ok := v.object("months", "skip", "days", "year")
	if !ok {
		return Window{}
	}
	win := Window{
		Months: w.integer("months", false, 1, 600, 0), Skip: w.integer("skip", false, 1, 600, 0),
		Days: w.integer("days", false, 1, 36600, 0), Year: w.boolean("year"),
	}
	kinds := 0
	for _, set := range []bool{win.Months > 0, win.Days > 0, win.Year} {
		if set {
			kinds++
		}
	}
	switch _, hasYear := w.fields["year"]; {
	case hasYear && !win.Year:
		w.fields["year"].fail("year 只能为 true；不要时请删去", "year can only be true; leave it out otherwise")
	case kinds > 1:
		v.fail("months、days、year 只能选一个", "only one of months, days, year")
	case kinds == 0 && len(w.order) == 0:
		v.fail("window 是空的；不限时间时请删去", "the window is empty; leave it out for no limit")
	case win.Skip > 0 && win.Months == 0:
		v.fail("skip 须与 months 同用", "skip goes with months")
	}
	return win
}

// checkFold judges what does not need the dataset.
func (l *loader) checkFold(s *indicatorSource, o object) {
	takesValue := true // the aggregate folds a value per row
	switch s.Aggregate {
	case "":
		return
	case Count, Persons, Any:
		takesValue = false
		if s.PerPerson != "" {
			o.fields["per_person"].fail("per_person 不能与 aggregate: %[1]s 同用", "per_person does not go with aggregate: %[1]s", s.Aggregate)
		}
	case Latest:
		if s.PerPerson != "" {
			o.fields["per_person"].fail("per_person 不能与 aggregate: %[1]s 同用", "per_person does not go with aggregate: %[1]s", s.Aggregate)
		}
	}
	if s.PerPerson == Count {
		takesValue = false
	}
	if takesValue && !s.hasOf {
		o.need("of")
	}
	if !takesValue && s.hasOf {
		s.of.fail("此汇总方式数的是行或人，不需要 of", "this aggregate counts rows or persons: no of")
	}
	want := expr.Invalid
	switch s.Aggregate {
	case Sum, Avg, Count, Persons:
		want = expr.Number
	case Any:
		want = expr.Bool
	}
	if s.PerPerson != "" {
		want = expr.Number
	}
	if want != expr.Invalid && s.Type != expr.Invalid && s.Type != want {
		name := "number"
		if want == expr.Bool {
			name = "bool"
		}
		o.fields["type"].fail("aggregate: %[1]s 的结果类型为 %[2]s", "aggregate: %[1]s gives type %[2]s", s.Aggregate, name)
	}
	if (s.Aggregate == Max || s.Aggregate == Min) && s.Type == expr.Bool {
		o.fields["type"].fail("最大、最小值的类型为 number 或 date", "a largest or smallest value is of type number or date")
	}
}

// checkSource judges the indicator against the dataset it folds.
func (l *loader) checkSource(s *indicatorSource, o object) {
	kind, subject := Snapshot, OfPerson
	switch s.Dataset {
	case "person", "household":
		if s.Dataset == "household" {
			subject = OfHousehold
		}
		if !l.broken[datasetsDir] && !l.has("dataset role", "roster") {
			o.fields["dataset"].fail("政策包里没有角色为 roster 的数据集", "the pack has no dataset in the role of roster")
		}
	default:
		d := l.p.Dataset(s.Dataset)
		if d == nil {
			return
		}
		kind, subject = d.Kind, d.Subject
	}
	if at, ok := o.fields["window"]; ok && kind == Snapshot {
		at.fail("“%[1]s”不是事件数据，没有时间窗", "%[1]q is not event data: no window", s.Dataset)
	}
	if s.Aggregate == Latest && kind == Snapshot {
		o.fields["aggregate"].fail("“%[1]s”不是事件数据，没有“最近一条”", "%[1]q is not event data: there is no latest row", s.Dataset)
	}
	if subject != OfPerson {
		if s.Aggregate == Persons {
			o.fields["aggregate"].fail("“%[1]s”不是以人为主体的数据，不能数人", "%[1]q is not about persons: they cannot be counted", s.Dataset)
		}
		if s.PerPerson != "" {
			o.fields["per_person"].fail("“%[1]s”不是以人为主体的数据", "%[1]q is not about persons", s.Dataset)
		}
	}
}

// compileIndicators checks the row expressions against the dataset and the derived ones against the rule environment.
func (l *loader) compileIndicators() {
	for i, s := range l.indicators {
		ind := &l.p.Indicators[i]
		if s.derived {
			if s.derive.n != nil && s.declared {
				ind.Derive = l.compile(l.deriveEnv(), s.derive, s.Type)
				l.refuseParams(s.derive, ind.Derive)
			}
			continue
		}
		env := l.p.rowEnvs[s.Dataset]
		if env == nil {
			continue
		}
		if s.hasWhere {
			ind.Where = l.compile(env, s.where, expr.Bool)
			l.checkLiterals(s.where, ind.Where, s.Dataset)
		}
		if s.hasOf && s.declared {
			want := s.Type
			if s.PerPerson == Sum || s.PerPerson == Max {
				want = expr.Number
			}
			ind.Of = l.compile(env, s.of, want)
			l.checkLiterals(s.of, ind.Of, s.Dataset)
		}
	}
	l.layer()
}

// deriveEnv is the rule environment, or nil when it could not be built.
func (l *loader) deriveEnv() *expr.Env {
	if l.broken[indicatorsDir] {
		return nil
	}
	return l.p.ruleEnv
}

// refuseParams keeps derived indicators free of parameters: a run keeps the wide rows, and a what-if on a parameter asks
// the rules again over the same rows.
func (l *loader) refuseParams(v node, c *expr.Checked) {
	if c == nil {
		return
	}
	for _, x := range c.Vars() {
		if x.Param {
			v.fail("推导指标不能用参数 %[1]s：请把参数写进规则", "a derived indicator cannot use the parameter %[1]s: put it into the rule", x.Name)
		}
	}
}

// layer sorts the indicators so that each derived one comes after those it is made from, and reports cycles.
func (l *loader) layer() {
	p := l.p
	n := len(p.Indicators)
	depth := make([]int, n) // 0 = not visited yet, -1 = on the path, else layer + 1
	var path []int
	reported := map[int]bool{}
	var visit func(i int) int
	visit = func(i int) int {
		if depth[i] > 0 {
			return depth[i]
		}
		if depth[i] < 0 {
			l.reportCycle(path, i, reported)
			return 1
		}
		depth[i] = -1
		path = append(path, i)
		d := 1
		if c := p.Indicators[i].Derive; c != nil {
			d = 2
			for _, x := range c.Vars() {
				if x.Slot < n {
					d = max(d, visit(x.Slot)+1)
				}
			}
		}
		path = path[:len(path)-1]
		depth[i] = d
		return d
	}
	deepest := 0
	for i := range n {
		deepest = max(deepest, visit(i))
	}
	p.layers = make([][]int, deepest)
	for i, d := range depth {
		p.layers[d-1] = append(p.layers[d-1], i)
	}
}

func (l *loader) reportCycle(path []int, back int, reported map[int]bool) {
	for len(path) > 0 && path[0] != back {
		path = path[1:]
	}
	names := make([]string, 0, len(path)+1)
	for _, i := range path {
		if reported[i] {
			return
		}
		names = append(names, l.indicators[i].ID)
	}
	for _, i := range path {
		reported[i] = true
	}
	names = append(names, l.indicators[back].ID)
	s := strings.Join(names, " → ")
	l.indicators[back].derive.fail("推导指标循环引用：%[1]s", "derived indicators go round in a circle: %[1]s", s)
}

// Layers returns the indicators, by index, in layers: the first holds those folded from rows, and each further one the
// derived indicators whose inputs all lie in the layers before it. Within a layer they are in the pack's order. The result is shared: do not
// change it.
func (p *Pack) Layers() [][]int { return p.layers }
