package workflow

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/expr"
	"shouwang/internal/policy"
)

// Form is the document of an action, read into the types of its fields: text and all kinds of ids and codes are string, numbers
// (integer, money in yuan) float64, bool bool, a date "2026-11-24", a month "2026-11", a division its 12 digits, a position
// map[string]any{"lat", "lon"}; many values are []any and rows []any of map[string]any. A field that was left out is not there.
type Form map[string]any

// Fault is one thing wrong in a form.
type Fault struct {
	Path string `json:"path"` // "visitors[2].post"; rows count from 1
	Text Text   `json:"text"`
}

// FormError is the error of a form with faults. It never repeats what was typed in.
type FormError struct {
	Action string
	Faults []Fault
}

// Error is the English text.
func (f *FormError) Error() string { return f.In("en") }

// Unwrap makes errs see an invalid input with its text in both languages.
func (f *FormError) Unwrap() error { return errs.New(errs.Invalid, f.In("zh"), f.In("en")) }

// In lists the faults, a line each.
func (f *FormError) In(lang string) string {
	s := map[string]string{"zh": "表单有错：", "en": "the form has faults:"}[lang]
	for _, one := range f.Faults {
		s += "\n· " + one.Path + map[string]string{"zh": "：", "en": ": "}[lang] + one.Text.In(lang)
	}
	return s
}

// maxFaults bounds what is told of one form.
const maxFaults = 50

// Form reads the document of an action (as decoded from JSON: maps, lists, texts, numbers or json.Number, bools, nulls)
// and checks it against the action's form. The error is errs.NotFound for an unknown action, otherwise a *FormError.
func (m *Machine) Form(action string, data map[string]any) (Form, error) {
	a := m.flow.Action(action)
	if a == nil {
		return nil, errs.Newf(errs.NotFound, "流程里没有动作“%[1]s”", "the workflow has no action %[1]q", short(action))
	}
	r := &formReader{m: m}
	out := Form(r.object("", a.Form, data))
	if len(r.faults) > 0 {
		return nil, &FormError{Action: action, Faults: r.faults}
	}
	return out, nil
}

// FormFacts are the facts that guards read from a form.
func (m *Machine) FormFacts(a *policy.Action, form Form) Facts {
	out := Facts{}
	for i := range m.flow.Facts {
		f := &m.flow.Facts[i]
		if f.Source != policy.FromForm {
			continue
		}
		field := a.Field(f.ID)
		if field == nil || field.Many || field.Type == policy.FieldRows {
			continue
		}
		if v, ok := form[f.ID]; ok {
			out[f.ID] = factValue(v, field.Type)
		}
	}
	return out
}

func factValue(v any, t policy.FieldType) expr.Value {
	switch x := v.(type) {
	case float64:
		return expr.NumberValue(x)
	case bool:
		return expr.BoolValue(x)
	case string:
		layout := map[policy.FieldType]string{policy.FieldDate: time.DateOnly, policy.FieldMonth: "2006-01"}[t]
		if layout == "" {
			return expr.TextValue(x)
		}
		if day, err := time.Parse(layout, x); err == nil {
			return DateValue(day)
		}
	}
	return expr.Value{}
}

// DateValue is a day as guards see it.
func DateValue(t time.Time) expr.Value { return expr.DateValue(t.Year(), int(t.Month()), t.Day()) }

type formReader struct {
	m      *Machine
	faults []Fault
}

func (r *formReader) fault(path, zh, en string, args ...any) {
	if len(r.faults) < maxFaults {
		e := errs.Newf(errs.Invalid, zh, en, args...)
		r.faults = append(r.faults, Fault{Path: path, Text: Text{ZH: e.ZH, EN: e.EN}})
	}
}

// object reads fields and refuses keys that are none.
func (r *formReader) object(path string, fields []policy.Field, data map[string]any) map[string]any {
	out := map[string]any{}
	for i := range fields {
		f := &fields[i]
		at := f.ID
		if path != "" {
			at = path + "." + f.ID
		}
		v, given := data[f.ID]
		if s, isText := v.(string); !given || v == nil || isText && strings.TrimSpace(s) == "" {
			if f.Required {
				r.fault(at, "必填：%[1]s", "required: %[2]s", f.Name.ZH, f.Name.EN)
			}
			continue
		}
		if value, ok := r.field(at, f, v); ok {
			out[f.ID] = value
		}
	}
	for _, key := range sortedKeys(data) {
		if !slices.ContainsFunc(fields, func(f policy.Field) bool { return f.ID == key }) {
			// The key comes from outside: it is not repeated.
			r.fault(path, "有表单里没有的字段；可用：%[1]s", "there is a field that the form does not have; known: %[1]s", fieldNames(fields))
			break
		}
	}
	return out
}

func sortedKeys(m map[string]any) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func fieldNames(fields []policy.Field) string {
	var names []string
	for i := range fields {
		names = append(names, fields[i].ID)
	}
	return strings.Join(names, ", ")
}

func (r *formReader) field(path string, f *policy.Field, v any) (any, bool) {
	if !f.Many && f.Type != policy.FieldRows {
		return r.value(path, f, v)
	}
	list, ok := v.([]any)
	if !ok {
		r.fault(path, "应为列表", "must be a list")
		return nil, false
	}
	if f.Required && len(list) == 0 || f.Min != nil && float64(len(list)) < *f.Min {
		r.fault(path, "太少：%[1]s", "too few: %[2]s", f.Name.ZH, f.Name.EN)
		return nil, false
	}
	most := 1000.0
	if f.Max != nil {
		most = *f.Max
	}
	if float64(len(list)) > most {
		r.fault(path, "最多 %[1]g 项", "at most %[1]g", most)
		return nil, false
	}
	out := make([]any, 0, len(list))
	for i, e := range list {
		at := fmt.Sprintf("%s[%d]", path, i+1)
		if f.Type != policy.FieldRows {
			one := *f
			one.Min, one.Max = nil, nil // of the list
			if x, ok := r.value(at, &one, e); ok {
				out = append(out, x)
			}
			continue
		}
		row, ok := e.(map[string]any)
		if !ok {
			r.fault(at, "应为一行键值", "must be a row of keys and values")
			continue
		}
		before := len(r.faults)
		read := r.object(at, f.Fields, row)
		if len(r.faults) == before {
			r.checkRow(at, f, read)
		}
		out = append(out, read)
	}
	return out, true
}

// checkRow holds a row to the table's checks; one that is unknown passes.
func (r *formReader) checkRow(path string, f *policy.Field, row map[string]any) {
	values := make([]expr.Value, len(f.Fields)+1)
	for i := range f.Fields {
		if v, ok := row[f.Fields[i].ID]; ok {
			values[i] = factValue(v, f.Fields[i].Type)
		}
	}
	values[len(f.Fields)] = DateValue(r.m.day)
	for i := range f.Checks {
		if v := f.Checks[i].Expr.Eval(values); v.Known && v.Num == 0 {
			r.fault(path, "%[1]s", "%[2]s", f.Checks[i].Reason.ZH, f.Checks[i].Reason.EN)
		}
	}
}

func (r *formReader) value(path string, f *policy.Field, v any) (any, bool) {
	bad := func(zh, en string, args ...any) (any, bool) {
		r.fault(path, zh, en, args...)
		return nil, false
	}
	switch f.Type {
	case policy.FieldNumber, policy.FieldInteger, policy.FieldMoney:
		x, ok := number(v)
		switch {
		case !ok:
			return bad("应为数字", "must be a number")
		case f.Type == policy.FieldInteger && x != math.Trunc(x):
			return bad("应为整数", "must be a whole number")
		case f.Type == policy.FieldMoney && math.Abs(x*100-math.Round(x*100)) > 1e-6:
			return bad("金额最多两位小数", "money has at most two decimals")
		case f.Min != nil && x < *f.Min:
			return bad("不能小于 %[1]g", "must not be less than %[1]g", *f.Min)
		case f.Max != nil && x > *f.Max:
			return bad("不能大于 %[1]g", "must not be more than %[1]g", *f.Max)
		case math.Abs(x) > 1e12:
			return bad("数字过大", "the number is too large")
		}
		return x, true
	case policy.FieldBool:
		b, ok := v.(bool)
		if !ok {
			return bad("应为是或否（true/false）", "must be true or false")
		}
		return b, true
	case policy.FieldPosition:
		return r.position(path, v)
	}
	s, ok := v.(string)
	if !ok {
		return bad("应为文字", "must be text")
	}
	s = strings.TrimSpace(s)
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(c rune) bool { return unicode.IsControl(c) && c != '\n' && c != '\t' }) {
		return bad("含有控制字符", "has control characters")
	}
	return r.text(path, f, s)
}

func (r *formReader) text(path string, f *policy.Field, s string) (any, bool) {
	bad := func(zh, en string, args ...any) (any, bool) {
		r.fault(path, zh, en, args...)
		return nil, false
	}
	switch f.Type {
	case policy.FieldText:
		n, most := float64(utf8.RuneCountInString(s)), 2000.0
		if f.Max != nil {
			most = *f.Max
		}
		if f.Min != nil && n < *f.Min || n > most {
			return bad("字数应在 %[1]g 到 %[2]g 之间", "must have from %[1]g to %[2]g characters", valueOr(f.Min, 0), most)
		}
	case policy.FieldDate, policy.FieldMonth:
		layout := map[policy.FieldType]string{policy.FieldDate: time.DateOnly, policy.FieldMonth: "2006-01"}[f.Type]
		t, err := time.Parse(layout, s)
		if err != nil || t.Year() < 1900 || t.Year() > 2200 {
			return bad("应为日期，写成 %[1]s", "must be a date written %[1]s", map[policy.FieldType]string{policy.FieldDate: "2026-11-24", policy.FieldMonth: "2026-11"}[f.Type])
		}
	case policy.FieldCode:
		if !slices.ContainsFunc(f.Codes, func(c policy.Code) bool { return c.ID == s }) {
			var ids []string
			for _, c := range f.Codes {
				ids = append(ids, c.ID)
			}
			return bad("不在可选值内：%[1]s", "is not one of: %[1]s", strings.Join(ids, ", "))
		}
	case policy.FieldRisk:
		if r.m.pack.Risk(s) == nil {
			return bad("不是政策包里的风险类型", "is no risk of the pack")
		}
	case policy.FieldDepartment:
		if r.m.pack.Department(s) == nil {
			return bad("不是政策包里的部门", "is no department of the pack")
		}
	case policy.FieldIndicator:
		if r.m.pack.Indicator(s) == nil {
			return bad("不是政策包里的指标", "is no indicator of the pack")
		}
	case policy.FieldDivision:
		code, err := division.Parse(s)
		if err != nil || code.Level() != division.Village || !r.m.region.Contains(code) {
			return bad("不是本省的村级区划代码（12 位）", "is no code of a village of the province (12 digits)")
		}
		return fmt.Sprintf("%012d", int64(code)), true
	case policy.FieldAttachment:
		return r.hex(path, s, 64)
	case policy.FieldPerson:
		return r.hex(path, s, 32)
	case policy.FieldAccount, policy.FieldCase:
		if !plain(s, 64) {
			return bad("不是合格的编号", "is no id")
		}
	case policy.FieldHousehold:
		if !plain(s, 40) {
			return bad("不是户编号", "is no household number")
		}
	}
	return s, true
}

func valueOr(p *float64, def float64) float64 {
	if p == nil {
		return def
	}
	return *p
}

// plain is an id: ASCII letters, digits, '-' and '_'.
func plain(s string, most int) bool {
	return s != "" && len(s) <= most && !strings.ContainsFunc(s, func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_'
	})
}

func (r *formReader) hex(path, s string, n int) (any, bool) {
	s = strings.ToLower(s)
	if len(s) != n || strings.ContainsFunc(s, func(c rune) bool { return (c < '0' || c > '9') && (c < 'a' || c > 'f') }) {
		r.fault(path, "应为 %[1]d 位十六进制数字", "must be %[1]d hex digits", n)
		return nil, false
	}
	return s, true
}

func (r *formReader) position(path string, v any) (any, bool) {
	o, ok := v.(map[string]any)
	if !ok || len(o) != 2 {
		r.fault(path, "定位应有 lat 和 lon", "a position has lat and lon")
		return nil, false
	}
	lat, okLat := number(o["lat"])
	lon, okLon := number(o["lon"])
	if !okLat || !okLon || math.Abs(lat) > 90 || math.Abs(lon) > 180 {
		r.fault(path, "定位的纬度或经度不对", "the latitude or longitude is wrong")
		return nil, false
	}
	return map[string]any{"lat": lat, "lon": lon}, true
}

func number(v any) (float64, bool) {
	var f float64
	switch x := v.(type) {
	case float64:
		f = x
	case int:
		f = float64(x)
	case int64:
		f = float64(x)
	case json.Number:
		n, err := strconv.ParseFloat(string(x), 64)
		if err != nil {
			return 0, false
		}
		f = n
	default:
		return 0, false
	}
	return f, f-f == 0
}
