package policy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"shouwang/internal/division"
	packs "shouwang/policy"
)

func guizhou(t *testing.T) *Pack {
	t.Helper()
	p, err := Load(packs.Guizhou())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// changedLines are the lines that go and come.
func changedLines(a, b []byte) (gone, came int) {
	for _, l := range DiffLines(a, b) {
		switch l.Op {
		case LineGone:
			gone++
		case LineNew:
			came++
		}
	}
	return gone, came
}

// TestSetValueOfEveryParameter: for every parameter of the shipped pack a value can be added, and overridden for a county, and changed again by the form; the
// pack loads, says exactly that, and each edit makes at most one line of the text another.
func TestSetValueOfEveryParameter(t *testing.T) {
	p := guizhou(t)
	from := time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)
	q := p
	for step, x := range []struct {
		where, document string
		value           float64
		want            map[string]string // how or field → what it is then
	}{
		{"", "黔农〔2026〕7号 '甲'", 12.5, map[string]string{"": "12.5"}},
		{"522633", "default", 14, map[string]string{"": "14"}},
		{"522633", "从府发 7", 13, map[string]string{"value": "13", "document": "从府发 7"}},
	} {
		text := q.Files[parametersFile]
		for i := range p.Parameters {
			edited, err := SetValue(text, p.Parameters[i].ID, x.where, from, x.value, x.document)
			if err != nil {
				t.Fatalf("%s: %v", p.Parameters[i].ID, err)
			}
			if gone, came := changedLines(text, edited); gone > 1 || came != 1 {
				t.Errorf("%s: %d lines gone, %d came", p.Parameters[i].ID, gone, came)
			}
			text = edited
		}
		next, err := LoadFiles(p.Overlay(map[string][]byte{parametersFile: text}))
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]int{}
		list := Compare(q, next)
		for _, d := range list {
			if want, ok := x.want[d.Field]; d.Of != OfValue || !ok || d.After != want || !d.From.Equal(from) {
				t.Errorf("step %d: %+v", step, d)
			}
			seen[d.ID]++
		}
		if len(seen) != len(p.Parameters) || len(list) != len(x.want)*len(p.Parameters) {
			t.Errorf("step %d: %d parameters of %d, %d differences", step, len(seen), len(p.Parameters), len(list))
		}
		if local := x.where != ""; OnlyValuesOf(list, division.Code(522633000000)) != local || !OnlyValuesOf(list, division.Code(520000000000)) {
			t.Errorf("step %d: whose change it is is wrong", step)
		}
		q = next
	}
}

// TestSetFieldOfEveryRule: level, document, wording and condition of every rule can be set by the form, and nothing else changes.
func TestSetFieldOfEveryRule(t *testing.T) {
	p := guizhou(t)
	texts := map[string][]byte{}
	want := map[string]string{}
	for i := range p.Rules {
		r := &p.Rules[i]
		level := "red"
		if r.Level == Red {
			level = "blue"
		}
		text, ok := texts[r.File]
		if !ok {
			text = p.Files[r.File]
		}
		fields := map[string]string{"level": level, "document": "黔农: 7 # 号", "wording.zh": "请核实：{as_of}，“甲”", "wording.en": "it's {as_of}", "when": "members > 3"}
		for _, key := range sortedKeys(fields) {
			var err error
			if text, err = SetField(text, "rules", r.ID, key, fields[key], false); err != nil {
				t.Fatalf("%s %s: %v", r.ID, key, err)
			}
			want[r.ID+" "+key] = fields[key]
		}
		texts[r.File] = text
	}
	q, err := LoadFiles(p.Overlay(texts))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range Compare(p, q) {
		if d.Of != OfRule || want[d.ID+" "+d.Field] != d.After {
			t.Errorf("%+v", d)
		}
		delete(want, d.ID+" "+d.Field)
	}
	if len(want) > 0 {
		t.Errorf("not set: %v", want)
	}
}

func TestSetFieldOfIndicators(t *testing.T) {
	p := guizhou(t)
	texts := map[string][]byte{}
	for i := range p.Indicators {
		x := &p.Indicators[i]
		list := "indicators"
		if x.Derive != nil {
			list = "derived"
		}
		text, ok := texts[x.File]
		if !ok {
			text = p.Files[x.File]
		}
		text, err := SetField(text, list, x.ID, "name.zh", "新名 "+x.ID, false)
		if err == nil && x.Derive == nil {
			text, err = SetField(text, list, x.ID, "fresh_days", "77", true)
		}
		if err != nil {
			t.Fatalf("%s: %v", x.ID, err)
		}
		texts[x.File] = text
	}
	q, err := LoadFiles(p.Overlay(texts))
	if err != nil {
		t.Fatal(err)
	}
	for i := range q.Indicators {
		if y := &q.Indicators[i]; y.Name.ZH != "新名 "+y.ID || y.Derive == nil && y.FreshDays != 77 {
			t.Errorf("%s: %q, %d days", y.ID, y.Name.ZH, y.FreshDays)
		}
	}
	for _, x := range []struct{ list, id, key string }{{"indicators", "nobody", "name.zh"}, {"indicators", "members", "nothing.zh"}, {"rules", "members", "unit"}} {
		if _, err := SetField(p.Files["indicators/01_household.yaml"], x.list, x.id, x.key, "x", false); err == nil {
			t.Errorf("%v is set", x)
		}
	}
}

// TestCompareMissesNothing: whatever changes in a file of the pack, Compare names that file or something in it.
func TestCompareMissesNothing(t *testing.T) {
	p := guizhou(t)
	texts := map[string][]byte{}
	for _, name := range p.FileNames() {
		texts[name] = append(slices.Clone(p.Files[name]), "# a remark\n"...)
	}
	q, err := LoadFiles(p.Overlay(texts))
	if err != nil {
		t.Fatal(err)
	}
	list := Compare(p, q)
	for _, d := range list {
		if d.Of != OfFile || d.How != Changed || texts[d.ID] == nil {
			t.Errorf("%+v", d)
		}
	}
	if len(list) != len(texts) {
		t.Errorf("%d files differ, %d are told", len(texts), len(list))
	}
	if d := Compare(p, p); len(d) != 0 {
		t.Errorf("with itself: %+v", d)
	}
	for _, bad := range []string{"../x.yaml", "rules/.x.yaml", "/x.yaml", "rules/_x.yaml", "."} {
		if _, err := LoadFiles(p.Overlay(map[string][]byte{bad: nil})); err == nil || !strings.Contains(err.Error(), "name") {
			t.Errorf("a file named %q: %v", bad, err)
		}
	}
}

// TestBackdate: what is new holds on every past day, for its division; what is not stays as it was.
func TestBackdate(t *testing.T) {
	p := guizhou(t)
	from := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	text, err := SetValue(p.Files[parametersFile], "line", "", from, 9000, "default")
	if err != nil {
		t.Fatal(err)
	}
	if text, err = SetValue(text, "income_severe", "522633", from, 0.8, "default"); err != nil {
		t.Fatal(err)
	}
	draft, err := LoadFiles(p.Overlay(map[string][]byte{parametersFile: text}))
	if err != nil {
		t.Fatal(err)
	}
	q := Backdate(p, draft)
	for _, x := range []struct {
		id   string
		div  division.Code
		day  string
		want float64
	}{
		{"line", 0, "2024-06-01", 9000}, {"line", 522633000000, "2026-11-24", 9000}, {"line", 0, "2028-01-01", 9000},
		{"income_severe", 0, "2026-11-24", 0.7}, {"income_severe", 522633105209, "2024-06-01", 0.8}, {"income_severe", 522632000000, "2028-01-01", 0.7},
		{"income_near", 0, "2024-06-01", 1.1}, {"rural_income_last_year", 0, "2024-06-01", 14817},
	} {
		day, err := time.Parse(time.DateOnly, x.day)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := q.Param(x.id, x.div, day); err != nil || v.Value != x.want {
			t.Errorf("%s at %d on %s is %v, should be %v (%v)", x.id, x.div, x.day, v.Value, x.want, err)
		}
	}
	if v, err := draft.Param("line", 0, from.AddDate(0, 0, -1)); err != nil || v.Value != 8500 {
		t.Errorf("the draft itself has changed: %v %v", v, err)
	}
}
