package intake

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"shouwang/internal/division"
	"shouwang/internal/registry"
	"shouwang/internal/warehouse"
)

func TestParseName(t *testing.T) {
	loaded, err := loadPack()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		scope  division.Code
		period string
	}{
		"医保结算_522633_202511-202610.csv": {522633000000, "202511-202610"}, "医保结算_522633_202610_补.csv": {522633000000, "202610"},
		"农户花名册-2026-10-522600.xlsx": {522600000000, "202610"}, "医保结算2026年10月（522633）.csv": {522633000000, "202610"},
		"医保结算_522633_2026.csv": {522633000000, "202601-202612"}, "医保结算_202610.csv": {0, "202610"}, "医保结算.csv": {0, ""},
		"医保结算_522633_20261005.csv": {522633000000, "202610"}, "roster_520000_202610.parquet": {520000000000, "202610"}, "医保结算_999999_13.csv": {0, ""},
		"医保结算_522633_2025-11-2026-10.csv": {522633000000, "202511-202610"}, "医保结算_522633_202610至202611.csv": {522633000000, "202610-202611"}, "/x/522722/医保结算_522633.csv": {522633000000, ""},
	} {
		p := parseName(name, loaded.tree)
		if p.scope != want.scope || p.period.String() != want.period {
			t.Errorf("%s: %d %s, want %d %s", name, p.scope, p.period, want.scope, want.period)
		}
	}
	for in, want := range map[string]string{"202610": "202610", "2026-10": "202610", "202511-202610": "202511-202610", "2026": "202601-202612", "2024-02": "202402"} {
		p, err := ParsePeriod(in)
		if err != nil || p.String() != want {
			t.Errorf("ParsePeriod(%q) = %s, %v", in, p, err)
		}
		text, err := json.Marshal(p)
		var back Period
		if err != nil || json.Unmarshal(text, &back) != nil || back != p {
			t.Errorf("%s does not come back from %s", p, text)
		}
	}
	if p, err := ParsePeriod("2024-02"); err != nil || p.To.Format("2006-01-02") != "2024-02-29" {
		t.Errorf("February 2024 ends on %s", p.To)
	}
	for _, in := range []string{"", "202613", "abc", "202610-202609", "202610 202611 7"} {
		if p, err := ParsePeriod(in); err == nil {
			t.Errorf("ParsePeriod(%q) = %s", in, p)
		}
	}
}

// The fast form of the household id must be the registry's.
func TestHouseholdIDIsTheRegistrys(t *testing.T) {
	for _, in := range []string{"522633105002000123", "1", "0123", "abc-1", "ＡＢ　12", "1234567890123456789", "户-7"} {
		var arena []byte
		id, normal, ok := registry.HouseholdID(in)
		got := appendHouseholdNo(nil, clean(&arena, []byte(in)))
		if !ok || string(got) != normal || householdID(got) != id {
			t.Errorf("%q: %q %d, the registry has %q %d", in, got, householdID(got), normal, id)
		}
	}
}

func TestCancel(t *testing.T) {
	w := newWorld(t)
	path := w.write("医保结算_522633_202610.csv", settlements(t, 40000, 0))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	_, err := w.Files(ctx, []string{path}, Options{Now: now, Progress: func(p Progress) {
		if p.Step != "hash" {
			cancel()
		}
	}})
	if err == nil {
		t.Fatal("a cancelled intake ends without an error")
	}
	if n := w.count("SELECT count(*) FROM batch"); n != 0 {
		t.Errorf("%d batches", n)
	}
	if r := w.takeIn(path)[0]; r.State != Accepted || r.Rows != 40000 {
		t.Error(r.Text("en"))
	}
	w.verify()
}

// Labels and numbers of the printed receipt stand in columns, Chinese or English.
func TestReceiptColumns(t *testing.T) {
	w := newWorld(t)
	ps := people(w.tree, county, 10)
	r := w.takeIn(w.write("农户花名册_522633_202610.csv", rosterCSV(ps)), w.write("医保结算_522633_202610.csv", healthCSV(ps, "2026-10")))[1]
	for _, lang := range []string{"zh", "en"} {
		text := r.Text(lang)
		ends := map[int]bool{}
		for _, line := range strings.Split(text, "\n") {
			if i := strings.LastIndex(line, ".50 "); i > 0 || strings.HasSuffix(line, " 元") {
				ends[width(strings.TrimSuffix(line, " 元"))] = true
			}
		}
		if len(ends) != 1 {
			t.Errorf("totals end in columns %v:\n%s", ends, text)
		}
	}
	if zh := r.Text("zh"); !strings.Contains(zh, "医保结算明细") || !strings.Contains(zh, "从江县") || strings.Contains(zh, "Control totals") {
		t.Error(zh)
	}
}

// Two namesakes without a number are two persons, not a row twice.
func TestNamesakesWithoutNumber(t *testing.T) {
	w := newWorld(t)
	r := w.one("火化信息_522633_202610.csv", "死者姓名,死者身份证号,户编号,死亡日期\n王秀英,,52263310500200011,2026-10-01\n王秀英,,52263310500200012,2026-10-02\n王秀英,,52263310500200012,2026-10-03\n")
	if r.State != Accepted || r.Accepted != 2 || r.Duplicates != 1 {
		t.Error(r.Text("en"))
	}
}

// FuzzFile: whatever bytes come, a file is read or refused, every row is staged or rejected, and nothing panics.
func FuzzFile(f *testing.F) {
	w := newWorld(f)
	ps := people(w.tree, county, 2)
	for _, s := range []string{rosterCSV(ps), healthCSV(ps, "2026-10"), "{\"姓名\":\"x\"}\n", "\xEF\xBB\xBF" + healthHeader, "结算单号;姓名\n\"", "PK\x03\x04", "PAR1", "\xFF\xFE1\x00"} {
		f.Add([]byte(s), "医保结算_522633_202610.csv")
	}
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		if len(data) > 4 && string(data[:4]) == "PAR1" {
			return // the engine's own reader
		}
		in := file{name: name, size: int64(len(data)), open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(string(data))), nil }}
		parseName(name, w.tree)
		p, err := w.look(context.Background(), in, "")
		if err != nil {
			return
		}
		sc, err := scanFile(context.Background(), in)
		if err != nil {
			t.Fatal(err)
		}
		d := w.newDecoder(p, p.encoding, sc.utf8 && p.encoding == encUTF8, county, now)
		staged, rejectedRows := 0, 0
		got, err := d.decode(context.Background(), p, 2, func(c *warehouse.Chunk) error { staged += c.Len(); return nil }, func(rejected) error { rejectedRows++; return nil }, nil)
		if err != nil {
			return
		}
		if got.Rows != got.Staged+got.Rejected || staged != got.Staged || rejectedRows != got.Rejected {
			t.Fatalf("%+v, %d staged, %d rejected", got, staged, rejectedRows)
		}
	})
}

// A file whose name says one dataset and whose header another, or whose header says hardly anything, is refused: taken as a
// snapshot of the wrong feed it would replace what the county had delivered.
func TestNameAgainstHeader(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ name, text, want string }{
		{"医保结算_522633_202610.csv", "户编号,鉴定等级,户主姓名\n52263310500200011,A级,王秀英\n", "住房安全鉴定"},
		{"医保结算_522633_202610.csv", "户编号,姓名\n52263310500200011,王秀英\n", "缺少必需的列"},
		{"名单_522633_202610.csv", "户编号,鉴定等级\n52263310500200011,A级\n", "--dataset housing"},
	} {
		r := w.one(c.name, c.text)
		if r.State != Refused || r.Error == nil || !strings.Contains(r.Error.ZH, c.want) {
			t.Errorf("%s with %q: %s", c.name, strings.SplitN(c.text, "\n", 2)[0], r.Text("zh"))
		}
	}
	path := w.write("名单_522633_202610.csv", "户编号,鉴定等级\n52263310500200011,A级\n")
	got, err := w.Files(context.Background(), []string{path}, Options{Now: now, Dataset: "housing"})
	if err != nil || len(got) != 1 || got[0].State != Accepted {
		t.Errorf("named on the command line it is taken: %v %+v", err, got)
	}
	if n := w.count("SELECT count(*) FROM batch WHERE dataset = 'water'"); n != 0 {
		t.Errorf("%d batches of water", n)
	}
}

// An empty roster would strike a whole county off the register.
func TestEmptyRoster(t *testing.T) {
	w := newWorld(t)
	ps := people(w.tree, county, 10)
	w.takeIn(w.write("农户花名册_522633_202610.csv", rosterCSV(ps)))
	before := w.count("SELECT count(*) FROM household")
	header, _, _ := strings.Cut(rosterCSV(ps), "\n")
	r := w.one("农户花名册_522633_202611.csv", header+"\n")
	if r.State != Refused || r.Error == nil || !strings.Contains(r.Error.EN, "strike every household") {
		t.Error(r.Text("en"))
	}
	if after := w.count("SELECT count(*) FROM household"); before == 0 || after != before {
		t.Errorf("%d households before, %d after", before, after)
	}
}
