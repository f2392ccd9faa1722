package policy

import (
	"math"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"shouwang/internal/expr"
)

// The columns that row expressions over the registry see. They are the registry's, not a contract's.
var (
	personColumns = []expr.Var{
		{Name: "relation", Type: expr.Text, Label: [2]string{"与户主关系", "relation to the head"}},
		{Name: "birth", Type: expr.Date, Label: [2]string{"出生日期", "date of birth"}},
		{Name: "sex", Type: expr.Text, Label: [2]string{"性别", "sex"}},
		{Name: "ethnic", Type: expr.Text, Label: [2]string{"民族", "ethnic group"}},
		{Name: "education", Type: expr.Text, Label: [2]string{"文化程度", "education"}},
		{Name: "school", Type: expr.Text, Label: [2]string{"在校生状况", "at school"}},
		{Name: "health", Type: expr.Text, Label: [2]string{"健康状况", "health"}},
		{Name: "labour", Type: expr.Text, Label: [2]string{"劳动技能", "ability to work"}},
		{Name: "age", Type: expr.Number, Limit: countLimit, Unit: "岁", Label: [2]string{"周岁", "age in whole years"}},
	}
	householdColumns = []expr.Var{
		{Name: "members", Type: expr.Number, Limit: countLimit, Unit: "人", Label: [2]string{"家庭人口", "members"}},
		{Name: "division", Type: expr.Number, Limit: countLimit, Label: [2]string{"行政村代码", "village code"}},
		{Name: "county", Type: expr.Number, Limit: countLimit, Label: [2]string{"县代码", "county code"}},
		{Name: "type", Type: expr.Text, Label: [2]string{"户类型", "household type"}},
		{Name: "relocated", Type: expr.Bool, Label: [2]string{"是否易地搬迁户", "relocated"}},
	}
)

// Limits promise the rule language the magnitude of numbers that are not zero, so that its SQL needs no guards against
// overflow (expr.Var.Limit).
const (
	intLimit   = 1e19 // BIGINT columns: 1 to 2^63
	moneyLimit = 1e17 // BIGINT fen as yuan: 0.01 to 2^63/100
	countLimit = 1e12 // codes, ages, numbers of rows and persons
	paramLimit = 1e15 // Load and WithParam refuse parameters beyond
)

// withinLimit reports whether a parameter's value keeps paramLimit.
func withinLimit(f float64) bool {
	f = math.Abs(f)
	return f == 0 || f >= 1/paramLimit && f <= paramLimit
}

// columnLimit is the promise for a stored column.
func columnLimit(t Type) float64 {
	switch t {
	case TypeMoney:
		return moneyLimit
	case TypeInteger:
		return intLimit
	case TypeDivision:
		return countLimit
	}
	return 0
}

// indicatorLimit is the promise for an indicator: for counts, and for sums and extremes of money or whole numbers taken as
// they are; none for anything computed.
func (l *loader) indicatorLimit(s *indicatorSource) float64 {
	if s.derived || s.Type != expr.Number {
		return 0
	}
	switch s.Aggregate {
	case Count, Persons:
		return countLimit
	case Sum, Max, Min, Latest:
	default:
		return 0
	}
	if s.PerPerson == Count {
		return countLimit
	}
	if !s.hasOf {
		return 0
	}
	src, ok := s.of.n.(*ast.StringNode)
	if !ok {
		return 0
	}
	env := l.p.rowEnvs[s.Dataset]
	if env == nil {
		return 0
	}
	v, ok := env.Lookup(strings.TrimSpace(src.Value))
	if !ok || v.Limit == 0 {
		return 0
	}
	// A sum adds at most countLimit rows.
	return v.Limit * countLimit
}

// rowType is the type under which a stored column appears in row expressions; money is yuan.
func rowType(t Type) expr.Type {
	switch t {
	case TypeMoney, TypeNumber, TypeInteger, TypeDivision:
		return expr.Number
	case TypeBool:
		return expr.Bool
	case TypeDate, TypeMonth:
		return expr.Date
	}
	return expr.Text
}

func asOfVar(slot int) expr.Var {
	return expr.Var{Name: "as_of", Alias: []string{"筛查日"}, Type: expr.Date, Slot: slot, Label: [2]string{"筛查日", "screening day"}}
}

// RuleEnv returns the environment of rules, checks and derived indicators. Slots: the indicators in the order of
// Indicators, then the parameters in the order of Parameters, then as_of.
func (p *Pack) RuleEnv() *expr.Env { return p.ruleEnv }

// RowEnv returns the environment of row expressions over a dataset, "person" or "household": its stored columns in the
// contract's order (Column.Stored), then as_of. It is nil for an unknown dataset.
func (p *Pack) RowEnv(datasetID string) *expr.Env { return p.rowEnvs[datasetID] }

// Slots is the length of a row for RuleEnv.
func (p *Pack) Slots() int { return len(p.Indicators) + len(p.Parameters) + 1 }

// ParamSlot is the slot of parameter i (by index in Parameters) in RuleEnv.
func (p *Pack) ParamSlot(i int) int { return len(p.Indicators) + i }

// AsOfSlot is the slot of as_of in RuleEnv.
func (p *Pack) AsOfSlot() int { return len(p.Indicators) + len(p.Parameters) }

func (l *loader) buildEnvs() {
	p := l.p
	p.rowEnvs = map[string]*expr.Env{}
	for name, columns := range map[string][]expr.Var{"person": personColumns, "household": householdColumns} {
		p.rowEnvs[name] = l.newRowEnv(slices.Clone(columns), nil)
	}
	for i := range p.Datasets {
		d := &p.Datasets[i]
		if d.ID == "" || p.rowEnvs[d.ID] != nil {
			continue
		}
		var vars []expr.Var
		for j := range d.Columns {
			c := &d.Columns[j]
			if c.ID == "" || c.Type == "" || !c.Stored() {
				continue
			}
			unit := c.Unit
			if unit == "" && c.Type == TypeMoney {
				unit = "元"
			}
			vars = append(vars, expr.Var{Name: c.ID, Type: rowType(c.Type), Limit: columnLimit(c.Type), Unit: unit, Label: [2]string{c.Header, c.ID}})
		}
		p.rowEnvs[d.ID] = l.newRowEnv(vars, d)
	}
	l.buildRuleEnv()
}

// newRowEnv numbers the variables and adds as_of. A name that the rule language keeps for itself is reported.
func (l *loader) newRowEnv(vars []expr.Var, d *Dataset) *expr.Env {
	kept := vars[:0]
	for _, v := range vars {
		if _, err := expr.NewEnv([]expr.Var{v}); err != nil {
			l.report(d.File, 0, 0, "columns["+v.Name+"].id", "“%[1]s”是规则语言的保留字，请换一个", "%[1]q is a word of the rule language, choose another", v.Name)
			continue
		}
		v.Slot = len(kept)
		kept = append(kept, v)
	}
	env, err := expr.NewEnv(append(kept, asOfVar(len(kept))))
	if err != nil {
		l.report(d.File, 0, 0, "columns", "列名有冲突：%[1]v", "the columns' names collide: %[1]v", err)
		return nil
	}
	return env
}

// buildRuleEnv declares indicators and parameters. A Chinese name is an alias when the rule language can read it as an
// identifier; an id that is a word of the language is reported.
func (l *loader) buildRuleEnv() {
	p := l.p
	var vars []expr.Var
	taken := map[string]bool{"as_of": true, "筛查日": true}
	add := func(v expr.Var, file string, line int, path string) {
		if taken[v.Name] {
			l.report(file, line, 0, path, "“%[1]s”已有别的含义，请换一个", "%[1]q has another meaning already, choose another", v.Name)
			return
		}
		plain := v
		plain.Alias = nil
		if _, err := expr.NewEnv([]expr.Var{plain}); err != nil {
			l.report(file, line, 0, path, "“%[1]s”是规则语言的保留字，请换一个", "%[1]q is a word of the rule language, choose another", v.Name)
			return
		}
		if _, err := expr.NewEnv([]expr.Var{v}); err != nil || taken[v.Alias[0]] {
			v.Alias = nil
		} else {
			taken[v.Alias[0]] = true
		}
		taken[v.Name] = true
		vars = append(vars, v)
	}
	for i := range p.Indicators {
		ind := &p.Indicators[i]
		if !l.indicators[i].declared {
			continue
		}
		add(expr.Var{Name: ind.ID, Alias: []string{ind.Name.ZH}, Type: ind.Type, Slot: i, Limit: l.indicatorLimit(l.indicators[i]), Unit: ind.Unit, Label: [2]string{ind.Name.ZH, ind.Name.EN}},
			ind.File, ind.Line, "indicators["+ind.ID+"].id")
	}
	for i := range p.Parameters {
		par := &p.Parameters[i]
		add(expr.Var{Name: "param." + par.ID, Alias: []string{"参数." + par.Name.ZH}, Type: expr.Number, Slot: p.ParamSlot(i), Param: true, Limit: paramLimit, Unit: par.Unit,
			Label: [2]string{par.Name.ZH, par.Name.EN}}, par.File, par.Line, "parameters["+par.ID+"].id")
	}
	env, err := expr.NewEnv(append(vars, asOfVar(p.AsOfSlot())))
	if err != nil {
		l.report(packFile, 0, 0, "", "指标和参数的名字有冲突：%[1]v", "the names of indicators and parameters collide: %[1]v", err)
		return
	}
	p.ruleEnv = env
}

// Dataset returns the dataset with the id, or nil.
func (p *Pack) Dataset(id string) *Dataset {
	return find(p.Datasets, func(d *Dataset) bool { return d.ID == id })
}

// Department returns the department with the id, or nil.
func (p *Pack) Department(id string) *Department {
	return find(p.Departments, func(d *Department) bool { return d.ID == id })
}

// Risk returns the risk type with the id, or nil.
func (p *Pack) Risk(id string) *Risk { return find(p.Risks, func(r *Risk) bool { return r.ID == id }) }

// Parameter returns the parameter with the id (or "param." and the id, or its Chinese name), or nil.
func (p *Pack) Parameter(id string) *Parameter {
	if i := p.parameterIndex(id); i >= 0 {
		return &p.Parameters[i]
	}
	return nil
}

// Indicator returns the indicator with the id, or nil.
func (p *Pack) Indicator(id string) *Indicator {
	return find(p.Indicators, func(i *Indicator) bool { return i.ID == id })
}

// Rule returns the rule with the id, or nil.
func (p *Pack) Rule(id string) *Rule { return find(p.Rules, func(r *Rule) bool { return r.ID == id }) }

// Check returns the quality check with the id, or nil.
func (p *Pack) Check(id string) *Check {
	return find(p.Checks, func(c *Check) bool { return c.ID == id })
}

// Roster returns the dataset that the registry is built from, or nil.
func (p *Pack) Roster() *Dataset {
	return find(p.Datasets, func(d *Dataset) bool { return d.Role == "roster" })
}

// Changes returns the dataset of household-registration changes, or nil.
func (p *Pack) Changes() *Dataset {
	return find(p.Datasets, func(d *Dataset) bool { return d.Role == "changes" })
}

// find returns a pointer into the pack's own slice, which nobody changes after Load.
func find[T any](list []T, is func(*T) bool) *T {
	for i := range list {
		if is(&list[i]) {
			return &list[i]
		}
	}
	return nil
}
