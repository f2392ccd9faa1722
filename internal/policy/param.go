package policy

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/expr"
)

// significant returns the digits of a division code that matter, or false when it is no code: "520000" → "52",
// "522633000000" → "522633", "522633105" stays. Codes have 2, 4, 6, 9 or 12 digits.
func significant(code string) (string, bool) {
	for i := range len(code) {
		if code[i] < '0' || code[i] > '9' {
			return "", false
		}
	}
	switch len(code) {
	case 2, 4, 6, 9, 12:
	default:
		return "", false
	}
	if code[0] == '0' {
		return "", false
	}
	for _, n := range []int{9, 6, 4, 2} {
		if len(code) > n && strings.Trim(code[n:], "0") == "" {
			code = code[:n]
		}
	}
	return code, true
}

// canonicalDivision writes a code with six digits for province, prefecture and county, nine for a township and twelve
// for a village: "52" → "520000".
func canonicalDivision(code string) (string, bool) {
	s, ok := significant(code)
	if ok && len(s) < 6 {
		s += "000000"[len(s):]
	}
	return s, ok
}

// Prefix is the significant digits of the value's division: every code that begins with them lies in it.
func (v ParameterValue) Prefix() string {
	s, _ := significant(v.Division)
	return s
}

// Range is the lowest and the highest 12-digit division code for which the value holds.
func (v ParameterValue) Range() (lo, hi int64) {
	for i, c := range v.Prefix() + "000000000000" {
		if i == 12 {
			break
		}
		lo = lo*10 + int64(c-'0')
	}
	span := int64(1)
	for range 12 - len(v.Prefix()) {
		span *= 10
	}
	return lo, lo + span - 1
}

// covers reports whether the value holds on the day, which must be a UTC midnight.
func (v ParameterValue) covers(day time.Time) bool {
	return !day.Before(v.From) && (v.To.IsZero() || !day.After(v.To))
}

// civil cuts a time to its calendar day, as a UTC midnight.
func civil(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

// Param returns the value of the parameter for a division on a day: among the values in force on that day, the one of
// the smallest division that contains div. The code 0 asks for the region's own value. The error is errs.NotFound when there
// is no such parameter, or no value for the day.
func (p *Pack) Param(id string, div division.Code, asOf time.Time) (ParameterValue, error) {
	par := p.Parameter(id)
	if par == nil {
		return ParameterValue{}, errs.Newf(errs.NotFound, "没有参数“%[1]s”", "no such parameter: %[1]s", id)
	}
	if v, ok := par.at(int64(div), civil(asOf)); ok {
		return v, nil
	}
	return ParameterValue{}, errs.Newf(errs.NotFound, "参数“%[1]s”在 %[2]s 没有取值", "parameter %[1]s has no value on %[2]s", par.ID, asOf.Format(time.DateOnly))
}

func (par *Parameter) at(div int64, day time.Time) (best ParameterValue, ok bool) {
	for _, v := range par.Values {
		if ok && len(v.Prefix()) <= len(best.Prefix()) || !v.covers(day) {
			continue
		}
		if div == 0 {
			// The region's own value is the only one every division shares; Load puts it first.
			if v.Division == par.Values[0].Division {
				best, ok = v, true
			}
			continue
		}
		if lo, hi := v.Range(); lo <= div && div <= hi {
			best, ok = v, true
		}
	}
	return best, ok
}

// InForce returns the values of the parameter on a day, the smallest division first and the region last: the order in
// which a CASE over division ranges has to ask. It is nil for an unknown parameter.
func (p *Pack) InForce(id string, asOf time.Time) []ParameterValue {
	par := p.Parameter(id)
	if par == nil {
		return nil
	}
	var out []ParameterValue
	for _, v := range par.Values {
		if v.covers(civil(asOf)) {
			out = append(out, v)
		}
	}
	slices.SortStableFunc(out, func(a, b ParameterValue) int {
		return cmp.Or(cmp.Compare(len(b.Prefix()), len(a.Prefix())), cmp.Compare(a.Division, b.Division))
	})
	return out
}

// WithParam returns a copy of the pack in which each named parameter has one value everywhere and at all times. A name is
// the id ("line"), the qualified id ("param.line"), or either with the Chinese name. The checked expressions are shared: slots do not
// move. Hash and Files stay those of the pack on disk; ParamHash changes.
func (p *Pack) WithParam(values map[string]float64) (*Pack, error) {
	q := *p
	q.Parameters = slices.Clone(p.Parameters)
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	set := map[string]string{}
	for _, name := range names {
		i := p.parameterIndex(name)
		if i < 0 {
			return nil, errs.Newf(errs.NotFound, "没有参数“%[1]s”", "no such parameter: %[1]s", clip(name))
		}
		v := values[name]
		if !withinLimit(v) { // NaN and the infinities too
			return nil, errs.Newf(errs.Invalid, "参数“%[1]s”的取值应为 0，或绝对值在 1e-15 与 1e15 之间", "the value of parameter %[1]s must be 0, or of a magnitude from 1e-15 to 1e15", clip(name))
		}
		par := &q.Parameters[i]
		if other, twice := set[par.ID]; twice {
			return nil, errs.Newf(errs.Invalid, "参数“%[1]s”设了两次（%[2]s、%[3]s）", "parameter %[1]s is set twice (%[2]s, %[3]s)", par.ID, clip(other), clip(name))
		}
		set[par.ID] = name
		par.Values = []ParameterValue{{Division: p.Region, From: time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), Value: v, Document: "what-if"}}
	}
	return &q, nil
}

// parameterIndex finds a parameter by id or Chinese name, with or without its qualifier; -1 when there is none.
func (p *Pack) parameterIndex(name string) int {
	for _, q := range []string{"param.", "参数."} {
		name = strings.TrimPrefix(name, q)
	}
	return slices.IndexFunc(p.Parameters, func(par Parameter) bool { return par.ID == name || par.Name.ZH == name })
}

// WithRule returns a copy of the pack in which the rule has another condition. The error is errs.NotFound for an unknown
// rule, otherwise the *expr.Error of the condition.
func (p *Pack) WithRule(id, when string) (*Pack, error) {
	i := slices.IndexFunc(p.Rules, func(r Rule) bool { return r.ID == id })
	if i < 0 {
		return nil, errs.Newf(errs.NotFound, "没有规则“%[1]s”", "no such rule: %[1]s", clip(id))
	}
	c, err := p.ruleEnv.Check(when, expr.Bool)
	if err != nil {
		return nil, err
	}
	q := *p
	q.Rules = slices.Clone(p.Rules)
	q.Rules[i].When = c
	return &q, nil
}

// ParamHash is the SHA-256 (hex) over every parameter's values, so that two runs with the same pack but other what-if
// values can be told apart.
func (p *Pack) ParamHash() string {
	h := sha256.New()
	for _, par := range p.Parameters {
		for _, v := range par.Values {
			to := "open"
			if !v.To.IsZero() {
				to = v.To.Format(time.DateOnly)
			}
			fmt.Fprintf(h, "%s|%s|%s|%s|%x\n", par.ID, v.Division, v.From.Format(time.DateOnly), to, math.Float64bits(v.Value))
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (l *loader) decodeParameters(root node) {
	o, ok := root.object("parameters")
	if !ok {
		l.broken[parametersFile] = true
		return
	}
	for _, v := range o.list("parameters", true) {
		po, ok := v.object("id", "name", "unit", "note", "values")
		if !ok {
			continue
		}
		par := Parameter{ID: po.id("id"), Name: po.bilingual("name", true, true), Unit: po.text("unit", true), File: root.file, Line: v.line()}
		if _, ok := po.fields["note"]; ok {
			par.Note = po.bilingual("note", false, false)
		}
		par.Values = l.decodeValues(po)
		if l.claim("parameter", par.ID, v) {
			l.claim("parameter name", par.Name.ZH, v)
			l.p.Parameters = append(l.p.Parameters, par)
		}
	}
}

// dated is a value with its place in the file.
type dated struct {
	ParameterValue
	at node
}

// decodeValues reads the dated values of one parameter and holds them to the rules of dating: the region has a value,
// and the values of one division follow one another without overlap or gap. The result has the region first, then the other divisions
// by code, each by date, with every end but the last filled in.
func (l *loader) decodeValues(po object) []ParameterValue {
	region, _ := significant(l.p.Region)
	byDivision := map[string][]dated{}
	var divisions []string
	bad := false
	for _, v := range po.list("values", true) {
		vo, ok := v.object("division", "from", "to", "value", "document")
		if !ok {
			bad = true
			continue
		}
		val := dated{at: v}
		val.Division = l.p.Region
		if at, ok := vo.get("division", false); ok {
			s, ok := at.text()
			if !ok {
				bad = true
				continue
			}
			code, ok := canonicalDivision(s)
			if !ok {
				at.fail("“%[1]s”不是区划代码（2、4、6、9 或 12 位数字）", "%[1]q is not a division code (2, 4, 6, 9 or 12 digits)", clip(s))
				bad = true
				continue
			}
			if prefix, _ := significant(code); region != "" && !strings.HasPrefix(prefix, region) {
				at.fail("区划 %[1]s 不在本政策包的地区 %[2]s 之内", "division %[1]s is not within the pack's region %[2]s", s, l.p.Region)
				bad = true
				continue
			}
			val.Division = code
		}
		val.From, val.To = vo.date("from", true), vo.date("to", false)
		val.Document = vo.text("document", true)
		if at, ok := vo.need("value"); ok {
			if val.Value, ok = at.number(); ok && !withinLimit(val.Value) {
				at.fail("数值应为 0，或绝对值在 1e-15 与 1e15 之间", "must be 0, or of a magnitude from 1e-15 to 1e15")
			}
		}
		if _, given := vo.fields["to"]; val.From.IsZero() || given && val.To.IsZero() {
			bad = true
			continue
		}
		if !val.To.IsZero() && val.To.Before(val.From) {
			vo.fields["to"].fail("to 早于 from", "to is before from")
			bad = true
			continue
		}
		if byDivision[val.Division] == nil {
			divisions = append(divisions, val.Division)
		}
		byDivision[val.Division] = append(byDivision[val.Division], val)
	}
	if at, ok := po.fields["values"]; ok && !bad && region != "" && len(divisions) > 0 && byDivision[l.p.Region] == nil {
		at.fail("缺少本地区（%[1]s）的默认取值", "there is no default value for the region (%[1]s)", l.p.Region)
	}
	slices.SortFunc(divisions, func(a, b string) int {
		if (a == l.p.Region) != (b == l.p.Region) {
			if a == l.p.Region {
				return -1
			}
			return 1
		}
		return cmp.Compare(a, b)
	})
	var out []ParameterValue
	for _, d := range divisions {
		list := byDivision[d]
		slices.SortStableFunc(list, func(a, b dated) int { return a.From.Compare(b.From) })
		for i := range list {
			if i+1 < len(list) {
				checkFollows(&list[i], list[i+1])
			}
			out = append(out, list[i].ParameterValue)
		}
	}
	return out
}

// checkFollows reports an overlap or a gap between two neighbouring values of one division, and gives an open earlier
// one its end.
func checkFollows(v *dated, next dated) {
	if v.To.IsZero() && next.From.After(v.From) {
		v.To = next.From.AddDate(0, 0, -1)
		return
	}
	switch want := v.To.AddDate(0, 0, 1); {
	case v.To.IsZero() || !next.From.After(v.To):
		next.at.fail("日期与同一区划的上一取值（自 %[1]s）重叠", "the dates overlap the value before it of the same division (from %[1]s)", v.From.Format(time.DateOnly))
	case next.From.After(want):
		next.at.fail("与同一区划的上一取值之间有空档：%[1]s 至 %[2]s 没有取值", "a gap after the value before it of the same division: none from %[1]s to %[2]s",
			want.Format(time.DateOnly), next.From.AddDate(0, 0, -1).Format(time.DateOnly))
	}
}
