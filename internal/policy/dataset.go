package policy

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"

	"shouwang/internal/expr"
)

// reservedColumns are the columns that every fact, stage or pending table has of its own.
var reservedColumns = map[string]bool{
	"household_id": true, "person_key": true, "batch": true, "row_no": true, "tier": true, "seen": true, "until": true, "nk": true,
	"card_key": true, "name_key": true, "birth_link": true, "village": true, "house_id": true, "house_no": true, "head_key": true,
	"head_name_key": true, "why": true, "name_enc": true, "number_enc": true, "phone_enc": true, "bank_enc": true, "as_of": true,
}

// linkTypes says which column types may serve each link.
var linkTypes = map[string][]Type{
	"person":    {TypeResidentNumber, TypeDisabilityCard, TypePersonName, TypePhone},
	"head":      {TypeResidentNumber, TypePersonName},
	"household": {TypeHouseholdNo},
	"village":   {TypeDivision},
	"birth":     {TypeDate},
}

var columnTypes = []string{
	string(TypeText), string(TypeToken), string(TypeCode), string(TypeMoney), string(TypeNumber), string(TypeInteger), string(TypeBool),
	string(TypeDate), string(TypeMonth), string(TypeResidentNumber), string(TypeDisabilityCard), string(TypePersonName), string(TypePhone),
	string(TypeBankAccount), string(TypeHouseholdNo), string(TypeEthnic), string(TypeDivision),
}

// Fold brings a header or a code spelling to the form in which two of them are compared: full-width characters become
// half-width, white space goes, letters become lower case.
func Fold(s string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '\ufeff' {
			return -1
		}
		return r
	}, width.Narrow.String(s)))
}

// Stored reports whether the warehouse keeps the column as a plain value: not personal data, not kept out by
// store: none, and not the household number, which becomes household_id.
func (c *Column) Stored() bool {
	return !c.Type.Identity() && c.Type != TypeHouseholdNo && !c.StoreNone
}

// Column returns the column with the id, or nil.
func (d *Dataset) Column(id string) *Column {
	for i := range d.Columns {
		if d.Columns[i].ID == id {
			return &d.Columns[i]
		}
	}
	return nil
}

func (l *loader) decodeDataset(root node) {
	o, ok := root.object("dataset", "name", "department", "version", "kind", "subject", "role", "due", "due_day", "files", "reject_ceiling",
		"key", "event_date", "columns", "checks")
	if !ok {
		return
	}
	d := &Dataset{
		ID: o.id("dataset"), Name: o.bilingual("name", true, true), Department: o.text("department", true), File: root.file,
		Version: o.integer("version", true, 1, 1_000_000, 0),
		Kind:    Kind(o.oneOf("kind", true, string(Snapshot), string(Event))),
		Subject: Subject(o.oneOf("subject", true, string(OfPerson), string(OfHousehold), string(OfVillage))),
		Role:    o.oneOf("role", false, "roster", "changes", "casework"),
		Due:     o.oneOf("due", true, "monthly", "quarterly", "yearly", "event"),
		DueDay:  o.integer("due_day", false, 0, 31, 0),
	}
	if id, ok := o.fields["dataset"]; ok {
		if d.ID == "person" || d.ID == "household" {
			id.fail("“%[1]s”是登记册自身的名字，不能用作数据集标识", "%[1]q is the registry's own name, a dataset cannot have it", d.ID)
		}
		l.claim("dataset", d.ID, id)
	}
	if d.Role != "" {
		l.claim("dataset role", d.Role, o.fields["role"])
	}
	l.refer(o, "department", "department", packFile, "部门", "department")
	if v, ok := o.need("files"); ok {
		if f, ok := v.object("names", "encodings", "formats"); ok {
			d.FileNames = f.texts("names", true)
			for _, n := range d.FileNames {
				l.claim("file name", Fold(n), f.fields["names"])
			}
			d.Encodings = f.choices("encodings", "utf-8", "gb18030")
			d.Formats = f.choices("formats", "csv", "xlsx", "jsonl", "parquet")
		}
	}
	if v, ok := o.need("reject_ceiling"); ok {
		if f, ok := v.number(); ok {
			if f < 0 || f > 1 {
				v.fail("应在 0 到 1 之间（比例）", "must be within 0 and 1 (a share)")
			}
			d.RejectCeiling = f
		}
	}
	headers := map[string]string{}
	for _, v := range o.list("columns", true) {
		if c, ok := l.decodeColumn(v, headers); ok {
			if d.Column(c.ID) != nil {
				v.fail("列“%[1]s”重复", "column %[1]q is here twice", c.ID)
				continue
			}
			d.Columns = append(d.Columns, c)
		}
	}
	l.checkKeys(o, d)
	l.checkLinks(o, d)
	l.checkRole(o, d)
	l.decodeRowChecks(o, d)
	l.datasets = append(l.datasets, d)
}

// choices reads a list whose elements must be among the given ones.
func (o object) choices(key string, choices ...string) []string {
	out := o.texts(key, true)
	for _, s := range out {
		found := false
		for _, c := range choices {
			found = found || s == c
		}
		if !found {
			o.fields[key].fail("“%[1]s”不在可选值内：%[2]s", "%[1]q is not one of: %[2]s", clip(s), strings.Join(choices, ", "))
		}
	}
	return out
}

// decodeColumn reads one column; headers are the folded headers claimed so far in the contract, with their column.
func (l *loader) decodeColumn(v node, headers map[string]string) (Column, bool) {
	o, ok := v.object("id", "header", "aliases", "type", "link", "required", "not_null", "min", "max", "codes", "unit", "store")
	if !ok {
		return Column{}, false
	}
	c := Column{
		ID: o.id("id"), Header: o.text("header", true), Aliases: o.texts("aliases", false),
		Type: Type(o.oneOf("type", true, columnTypes...)), Link: o.oneOf("link", false, "person", "head", "household", "village", "birth"),
		Required: o.boolean("required"), NotNull: o.boolean("not_null"), Unit: o.text("unit", false),
		StoreNone: o.oneOf("store", false, "none") == "none",
	}
	if reservedColumns[c.ID] {
		o.fields["id"].fail("“%[1]s”是系统列名，请换一个", "%[1]q is a column of the system, choose another", c.ID)
	}
	for _, h := range append([]string{c.Header}, c.Aliases...) {
		f := Fold(h)
		if f == "" {
			continue
		}
		if other, taken := headers[f]; taken && other != c.ID {
			v.fail("列名“%[1]s”已属于列“%[2]s”", "the header %[1]q belongs to column %[2]q already", clip(h), other)
			continue
		}
		headers[f] = c.ID
	}
	if c.NotNull && !c.Required {
		o.fields["not_null"].fail("not_null 需要同时 required: true", "not_null needs required: true too")
	}
	if c.Link != "" && c.Type != "" {
		fits := false
		for _, t := range linkTypes[c.Link] {
			fits = fits || t == c.Type
		}
		if !fits {
			o.fields["link"].fail("类型 %[1]s 的列不能用作 %[2]s 关联", "a column of type %[1]s cannot link the %[2]s", c.Type, c.Link)
		}
	}
	c.Min, c.Max = o.bound("min", c.Type), o.bound("max", c.Type)
	if c.Min != nil && c.Max != nil && *c.Min > *c.Max {
		o.fields["min"].fail("min 大于 max", "min is larger than max")
	}
	codes, has := o.fields["codes"]
	switch {
	case c.Type == TypeCode:
		c.Codes = l.decodeCodes(o)
	case has && c.Type != "":
		codes.fail("只有类型为 code 的列可以有 codes", "only a column of type code has codes")
	}
	return c, true
}

// bound reads min or max, which only columns of numbers have.
func (o object) bound(key string, t Type) *float64 {
	v, ok := o.get(key, false)
	if !ok {
		return nil
	}
	f, ok := v.number()
	if !ok {
		return nil
	}
	if t != TypeMoney && t != TypeNumber && t != TypeInteger && t != "" {
		v.fail("只有 money、number、integer 列可以有 %[1]s", "only columns of type money, number or integer have %[1]s", key)
	}
	return &f
}

func (l *loader) decodeCodes(o object) []Code {
	var out []Code
	claimed := map[string]string{}
	ids := map[string]bool{}
	for _, v := range o.list("codes", true) {
		c, ok := v.object("id", "zh", "en", "spellings")
		if !ok {
			continue
		}
		code := Code{ID: c.text("id", true), Name: c.names(true, false), Spellings: c.texts("spellings", false)}
		if code.ID != "" && !validCodeID(code.ID) {
			c.fields["id"].fail("代码标识“%[1]s”应为 1 至 16 个 ASCII 字母、数字、'_'、'-'", "the code id %[1]q must be 1 to 16 ASCII letters, digits, '_' or '-'", clip(code.ID))
		}
		if ids[code.ID] {
			v.fail("代码“%[1]s”重复", "code %[1]q is here twice", clip(code.ID))
			continue
		}
		ids[code.ID] = true
		for _, s := range append([]string{code.ID, code.Name.ZH}, code.Spellings...) {
			f := Fold(s)
			if f == "" {
				continue
			}
			if other, taken := claimed[f]; taken && other != code.ID {
				v.fail("写法“%[1]s”已属于代码“%[2]s”", "the spelling %[1]q belongs to code %[2]q already", clip(s), other)
				continue
			}
			claimed[f] = code.ID
		}
		out = append(out, code)
	}
	return out
}

func validCodeID(s string) bool {
	if s == "" || len(s) > 16 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

func (l *loader) checkKeys(o object, d *Dataset) {
	event := d.Kind == Event
	for _, v := range o.list("key", event) {
		id, ok := v.text()
		if !ok {
			continue
		}
		c := d.Column(id)
		switch {
		case c == nil:
			v.fail("没有列“%[1]s”", "no such column: %[1]q", clip(id))
		case c.Type == TypeText:
			v.fail("自由文字列“%[1]s”不能作主键", "the free-text column %[1]q cannot be a key", id)
		default:
			for _, k := range d.Key {
				if k == id {
					v.fail("列“%[1]s”在主键中重复", "column %[1]q is in the key twice", id)
				}
			}
			d.Key = append(d.Key, id)
		}
	}
	v, ok := o.get("event_date", event)
	if !ok {
		return
	}
	if d.Kind == Snapshot {
		v.fail("快照数据没有 event_date", "a snapshot has no event_date")
		return
	}
	d.EventDate, _ = v.text()
	c := d.Column(d.EventDate)
	switch {
	case c == nil:
		v.fail("没有列“%[1]s”", "no such column: %[1]q", clip(d.EventDate))
	case c.Type != TypeDate && c.Type != TypeMonth:
		v.fail("event_date 列“%[1]s”应为 date 或 month，实为 %[2]s", "the event_date column %[1]q must be a date or a month, is %[2]s", c.ID, c.Type)
	case c.StoreNone:
		v.fail("event_date 列“%[1]s”不能 store: none", "the event_date column %[1]q must be stored", c.ID)
	case !c.NotNull:
		v.fail("event_date 列“%[1]s”须 required: true, not_null: true：没有日期的事件无法计入任何时段", "the event_date column %[1]q needs required: true, not_null: true: an event without a date counts for no period", c.ID)
	}
}

// checkLinks makes sure that rows can be linked at all.
func (l *loader) checkLinks(o object, d *Dataset) {
	links := map[string]bool{}
	for _, c := range d.Columns {
		links[c.Link] = true
	}
	at := o.fields["subject"]
	switch {
	case d.Subject == OfPerson && !links["person"]:
		at.fail("以人为主体的数据须有 link: person 的列", "data about persons need a column with link: person")
	case d.Subject == OfHousehold && !links["household"] && !links["head"]:
		at.fail("以户为主体的数据须有 link: household 或 link: head 的列", "data about households need a column with link: household or link: head")
	case d.Subject == OfVillage && !links["village"]:
		at.fail("以村为主体的数据须有 link: village 的列", "data about villages need a column with link: village")
	}
}

// checkRole makes sure that the registry finds what it is built from.
func (l *loader) checkRole(o object, d *Dataset) {
	var kind Kind
	var need map[string]Type
	switch d.Role {
	case "roster":
		kind = Snapshot
		need = map[string]Type{"household_no": TypeHouseholdNo, "division": TypeDivision, "relation": TypeCode, "name": TypePersonName, "number": TypeResidentNumber}
	case "changes":
		kind = Event
		need = map[string]Type{"household_no": TypeHouseholdNo, "name": TypePersonName, "number": TypeResidentNumber, "change": TypeCode}
	case "casework":
		kind = Event
		need = map[string]Type{"household_no": TypeHouseholdNo, "event_no": TypeToken, "happened": TypeDate, "kind": TypeCode, "outcome": TypeCode}
	default:
		return
	}
	at := o.fields["role"]
	if d.Kind != "" && d.Kind != kind {
		at.fail("角色 %[1]s 的数据须为 kind: %[2]s", "data in the role of %[1]s must be kind: %[2]s", d.Role, kind)
	}
	for _, id := range []string{"household_no", "division", "relation", "name", "number", "change", "event_no", "happened", "kind", "outcome"} {
		t, needed := need[id]
		if !needed {
			continue
		}
		if c := d.Column(id); c == nil || c.Type != t && c.Type != "" {
			at.fail("角色 %[1]s 的数据须有类型为 %[3]s 的列 %[2]s", "data in the role of %[1]s need a column %[2]s of type %[3]s", d.Role, id, t)
		}
	}
}

func (l *loader) decodeRowChecks(o object, d *Dataset) {
	ids := map[string]bool{}
	for _, v := range o.list("checks", false) {
		c, ok := v.object("id", "expr", "zh", "en")
		if !ok {
			continue
		}
		check := RowCheck{ID: c.id("id"), Reason: c.names(true, true)}
		if ids[check.ID] {
			v.fail("校验“%[1]s”重复", "check %[1]q is here twice", check.ID)
		}
		ids[check.ID] = true
		i := len(d.Checks)
		d.Checks = append(d.Checks, check)
		if at, ok := c.need("expr"); ok {
			l.wait(func() {
				d.Checks[i].Expr = l.compile(l.p.rowEnvs[d.ID], at, expr.Bool)
				l.checkLiterals(at, d.Checks[i].Expr, d.ID)
			})
		}
	}
}
