package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"shouwang/internal/attachment"
	"shouwang/internal/errs"
	"shouwang/internal/policy"
	"shouwang/internal/web/view"
	"shouwang/internal/workflow"
)

// maxPaper bounds a form with attachments; maxParts is how many fields and files it may have.
const (
	maxPaper = 64 << 20
	maxParts = 2000
)

// fieldPrefix begins the name of every input of a described form, so that no field of the pack meets one of the page's own.
const fieldPrefix = "f."

// takesFiles reports whether an address takes forms with attachments, which bound themselves.
func takesFiles(path string) bool {
	return path == uploadPath || path == staffListPath || strings.HasPrefix(path, "/cases/") && strings.Contains(path, "/act/") || strings.HasPrefix(path, "/cases/") && strings.Contains(path, "/plan/") || strings.HasPrefix(path, "/orders/")
}

// paperForm reads a form that may come with attachments: every file is kept at once, and its hash stands in its place.
func (s *Server) paperForm(v *visit) (url.Values, error) {
	if !strings.HasPrefix(v.r.Header.Get("Content-Type"), "multipart/form-data") {
		v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
		if err := v.r.ParseForm(); err != nil {
			return nil, errs.New(errs.Invalid, "表单太大，或没有收完整，请重试。", "the form is too large or did not come whole; try again.")
		}
		return v.r.PostForm, nil
	}
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxPaper)
	parts, err := v.r.MultipartReader()
	if err != nil {
		return nil, errs.New(errs.Invalid, "表单没有收完整，请重试。", "the form did not come whole; try again.")
	}
	out, store, text := url.Values{}, s.app.Attachments(), 0
	for n := 0; ; n++ {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil || n > maxParts {
			return nil, tooLarge(err, maxPaper)
		}
		if part.FileName() != "" {
			kept, err := store.Put(part)
			if err != nil {
				return nil, tooLarge(err, maxPaper)
			}
			out.Add(part.FormName(), kept.Hash)
			continue
		}
		b, err := io.ReadAll(io.LimitReader(part, maxForm+1))
		if text += len(b); err != nil || text > maxForm {
			return nil, errs.New(errs.Invalid, "表单文字太多，请分次登记。", "the form has too much text; record it in parts.")
		}
		if part.Header.Get("Content-Type") == "" && len(b) > 0 { // an empty file input has a type and no name
			out.Add(part.FormName(), string(b))
		}
	}
}

// asked is a described form with what was typed into it, or is known.
type asked struct {
	fields  []policy.Field
	values  url.Values
	faults  map[string]policy.Text // by input name
	options func(f *policy.Field, many bool) []view.Option
	kept    func(hash string, n int) string
	words   *view.Words
	lang    string
}

// blankRows is how many empty rows a table offers; more come by a button.
const blankRows = 1

// inputs are the fields as the page draws them.
func (a *asked) inputs() []view.FormField {
	out := make([]view.FormField, 0, len(a.fields))
	for i := range a.fields {
		out = append(out, a.input(fieldPrefix+a.fields[i].ID, &a.fields[i], a.values))
	}
	return out
}

func (a *asked) input(name string, f *policy.Field, values url.Values) view.FormField {
	out := view.FormField{Name: name, Label: f.Name.In(a.lang), Hint: f.Hint.In(a.lang), Unit: view.Page{Lang: a.lang}.Unit(f.Unit, 2), Required: f.Required, Sealed: f.Sealed, Many: f.Many, Value: values.Get(name)}
	if fault, ok := a.faults[name]; ok {
		out.Fault = fault.In(a.lang)
	}
	switch f.Type {
	case policy.FieldText:
		out.Kind = view.KindText
		if f.Max != nil {
			out.Max = int(*f.Max)
		}
		if out.Max > 100 {
			out.Kind = view.KindLong
		}
	case policy.FieldNumber, policy.FieldInteger, policy.FieldMoney:
		out.Kind, out.Step = view.KindNumber, map[policy.FieldType]string{policy.FieldNumber: "any", policy.FieldInteger: "1", policy.FieldMoney: "0.01"}[f.Type]
	case policy.FieldBool:
		out.Kind = view.KindYesNo
		for _, v := range []string{"", "1", "0"} {
			out.Options = append(out.Options, view.Option{Value: v, Label: a.words.In(a.lang, "form.yesno."+v), Chosen: v == out.Value})
		}
	case policy.FieldDate:
		out.Kind = view.KindDate
	case policy.FieldMonth:
		out.Kind = view.KindMonth
	case policy.FieldAttachment:
		out.Kind, out.Accept = view.KindFiles, "image/*,application/pdf"
		for i, hash := range values[name] {
			if attachment.Hash(hash) {
				out.Kept = append(out.Kept, view.KeptFile{Hash: hash, Label: a.kept(hash, i+1)})
			}
		}
	case policy.FieldPosition:
		out.Kind, out.Value, out.Other = view.KindPosition, values.Get(name+".lat"), values.Get(name+".lon")
	case policy.FieldDivision:
		out.Kind, out.Options = view.KindList, a.options(f, false)
	case policy.FieldRows:
		a.rows(&out, f, values)
	case policy.FieldHousehold, policy.FieldCase:
		out.Kind = view.KindText
	default: // something of a list
		out.Kind = view.KindChoice
		if f.Many {
			out.Kind = view.KindChecks
		}
		for _, o := range a.options(f, f.Many) {
			o.Chosen = slices.Contains(values[name], o.Value)
			out.Options = append(out.Options, o)
		}
	}
	return out
}

// rows draws a table: what was typed, and an empty row or more.
func (a *asked) rows(out *view.FormField, f *policy.Field, values url.Values) {
	out.Kind = view.KindRows
	most := 50
	if f.Max != nil {
		most = min(most, int(*f.Max))
	}
	n := rowsTyped(out.Name, values)
	show := max(n+blankRows, 1)
	if f.Min != nil && n == 0 {
		show = max(show, int(*f.Min))
	}
	if values.Get("more") == out.Name {
		show = n + 3
	}
	show = min(show, most)
	for i := range show {
		var row []view.FormField
		for j := range f.Fields {
			c := a.input(fmt.Sprintf("%s.%d.%s", out.Name, i, f.Fields[j].ID), &f.Fields[j], values)
			c.Required = c.Required && i < n // an empty row is no row
			row = append(row, c)
		}
		out.Rows = append(out.Rows, row)
	}
	out.More = show < most
}

// rowsTyped is one more than the number of the last row with something in it.
func rowsTyped(name string, values url.Values) int {
	n := 0
	for key, list := range values {
		rest, ok := strings.CutPrefix(key, name+".")
		if !ok || !slices.ContainsFunc(list, func(s string) bool { return strings.TrimSpace(s) != "" }) {
			continue
		}
		index, _, _ := strings.Cut(rest, ".")
		if i, err := strconv.Atoi(index); err == nil && i >= 0 && i < 200 {
			n = max(n, i+1)
		}
	}
	return n
}

// document is what was typed as the workflow reads it. places gives, for every row of a table, its number among the inputs.
func document(prefix string, fields []policy.Field, values url.Values, places map[string][]int) map[string]any {
	out := map[string]any{}
	for i := range fields {
		f := &fields[i]
		name := prefix + f.ID
		switch {
		case f.Type == policy.FieldRows:
			list := []any{}
			for r := range rowsTyped(name, values) {
				if row := document(fmt.Sprintf("%s.%d.", name, r), f.Fields, values, places); len(row) > 0 {
					list = append(list, row)
					places[f.ID] = append(places[f.ID], r)
				}
			}
			if len(list) > 0 {
				out[f.ID] = list
			}
		case f.Type == policy.FieldPosition:
			if lat, lon := values.Get(name+".lat"), values.Get(name+".lon"); lat != "" || lon != "" {
				out[f.ID] = map[string]any{"lat": numeric(lat), "lon": numeric(lon)}
			}
		case f.Many:
			list := []any{}
			for _, text := range values[name] {
				if text = strings.TrimSpace(text); text != "" && !slices.Contains(list, any(text)) {
					list = append(list, text)
				}
			}
			if len(list) > 0 {
				out[f.ID] = list
			}
		default:
			if value := single(f, strings.TrimSpace(values.Get(name))); value != nil {
				out[f.ID] = value
			}
		}
	}
	return out
}

// single is one value; what cannot be read stays a text, and the workflow says what is wrong with it.
func single(f *policy.Field, text string) any {
	if text == "" {
		return nil
	}
	switch f.Type {
	case policy.FieldNumber, policy.FieldInteger, policy.FieldMoney:
		return numeric(text)
	case policy.FieldBool:
		switch text {
		case "1":
			return true
		case "0":
			return false
		}
	case policy.FieldCase: // the address of a case is as good as its id
		return text[strings.LastIndex(text, "/")+1:]
	case policy.FieldDivision:
		digits, _, _ := strings.Cut(text, " ")
		return digits
	}
	return text
}

func numeric(text string) any {
	text = strings.NewReplacer(",", "", "，", "", " ", "").Replace(text)
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		return n
	}
	return text
}

var rowOf = regexp.MustCompile(`^([a-z_0-9]+)(?:\[(\d+)\])?(?:\.([a-z_0-9]+))?$`)

// faultsOf puts the faults of a form beside their inputs; those that belong to none are told together.
func (a *asked) faultsOf(err *workflow.FormError, places map[string][]int) (whole []string) {
	a.faults = map[string]policy.Text{}
	for _, f := range err.Faults {
		m := rowOf.FindStringSubmatch(f.Path)
		if m == nil {
			whole = append(whole, f.Text.In(a.lang))
			continue
		}
		name := fieldPrefix + m[1]
		label, row := a.label(m[1], m[3]), -1
		if n, err := strconv.Atoi(m[2]); err == nil && n >= 1 && n <= len(places[m[1]]) {
			row = places[m[1]][n-1]
		}
		switch {
		case row >= 0 && m[3] != "":
			name = fmt.Sprintf("%s.%d.%s", name, row, m[3])
		case row >= 0:
			label += " " + strconv.Itoa(row+1)
		}
		a.faults[name] = f.Text
		colon := "："
		if a.lang == "en" {
			colon = ": "
		}
		whole = append(whole, label+colon+f.Text.In(a.lang))
	}
	return whole
}

// label names a field, and a column of it.
func (a *asked) label(id, column string) string {
	i := slices.IndexFunc(a.fields, func(f policy.Field) bool { return f.ID == id })
	if i < 0 {
		return id
	}
	text := a.fields[i].Name.In(a.lang)
	for _, c := range a.fields[i].Fields {
		if c.ID == column {
			text += " · " + c.Name.In(a.lang)
		}
	}
	return text
}

// carried is what was typed, as hidden values of a form that sends it once more.
func carried(values url.Values) []view.Hidden {
	var out []view.Hidden
	for _, name := range sorted(values) {
		if strings.HasPrefix(name, fieldPrefix) {
			for _, v := range values[name] {
				out = append(out, view.Hidden{Name: name, Value: v})
			}
		}
	}
	return out
}

func sorted(values url.Values) []string {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// told puts a document of a form into words: label by label, in the form's order.
type told struct {
	fields []policy.Field
	word   func(f *policy.Field, value string) string // of codes and ids
	lang   string
	words  *view.Words
	masked string                 // what stands for a sealed text
	has    func(hash string) bool // whether an attachment is kept; nil: not asked
}

func (t *told) pairs(data map[string]any) []view.Pair {
	return t.list(t.fields, data)
}

func (t *told) list(fields []policy.Field, data map[string]any) []view.Pair {
	var out []view.Pair
	for i := range fields {
		f := &fields[i]
		v, ok := data[f.ID]
		if !ok || v == nil {
			continue
		}
		p := view.Pair{Label: f.Name.In(t.lang)}
		switch x := v.(type) {
		case []any:
			t.many(&p, f, x)
		default:
			p.Value = t.value(f, x)
			p.Sealed = f.Sealed && t.masked != "" && x == t.masked
			if f.Type == policy.FieldAttachment {
				p.Files, p.Value = []view.KeptFile{t.file(x, 1)}, ""
			}
		}
		out = append(out, p)
	}
	return out
}

func (t *told) many(p *view.Pair, f *policy.Field, list []any) {
	var texts []string
	for i, e := range list {
		switch row, isRow := e.(map[string]any); {
		case isRow && f.Type == policy.FieldRows:
			p.Rows = append(p.Rows, t.list(f.Fields, row))
		case f.Type == policy.FieldAttachment:
			p.Files = append(p.Files, t.file(e, i+1))
		default:
			texts = append(texts, t.value(f, e))
		}
	}
	sep := "、"
	if t.lang == "en" {
		sep = ", "
	}
	p.Value = strings.Join(texts, sep)
}

func (t *told) file(v any, n int) view.KeptFile {
	hash, _ := v.(string)
	if t.has != nil && !t.has(hash) {
		return view.KeptFile{Label: t.words.In(t.lang, "form.file_missing", strconv.Itoa(n))}
	}
	return view.KeptFile{Hash: hash, Label: t.words.In(t.lang, "form.file", strconv.Itoa(n))}
}

func (t *told) value(f *policy.Field, v any) string {
	switch x := v.(type) {
	case bool:
		if x {
			return t.words.In(t.lang, "form.yesno.1")
		}
		return t.words.In(t.lang, "form.yesno.0")
	case float64:
		text := strconv.FormatFloat(x, 'f', -1, 64)
		if f.Unit != "" {
			text += " " + view.Page{Lang: t.lang}.Unit(f.Unit, x)
		}
		return text
	case map[string]any:
		return fmt.Sprintf("%v, %v", x["lat"], x["lon"])
	case string:
		for _, c := range f.Codes {
			if c.ID == x {
				return c.Name.In(t.lang)
			}
		}
		return t.word(f, x)
	}
	return fmt.Sprint(v)
}
