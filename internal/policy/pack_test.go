package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/expr"
)

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestGoodPack(t *testing.T) {
	p := goodPack(t)
	for _, f := range p.Test() {
		t.Errorf("%v", &f)
	}
	// Counted by hand in good.txtar.
	s := p.Summary()
	got := fmt.Sprint(s.Departments, s.Risks, s.Datasets, s.Columns, s.RowChecks, s.Parameters, s.Values, s.Overrides, s.Defaults,
		s.Indicators, s.Derived, s.Rules, s.Ask, s.Checks, s.Examples, s.Holidays, s.HolidayFrom, s.HolidayTo, s.ByClass, s.ByLevel, s.ByRisk)
	if want := "2 2 2 13 1 2 5 2 4 7 2 2 1 1 11 2 2026 2026 map[doubt:1 risk:1] map[blue:1 red:1] map[illness:2]"; got != want {
		t.Errorf("summary\n got %s\nwant %s", got, want)
	}
	if diff := cmp.Diff([][]int{{0, 1, 2, 3, 4}, {6}, {5}}, p.Layers()); diff != "" {
		t.Errorf("layers (-want +got):\n%s", diff)
	}
	if w := p.Indicator("worst_stay").Window; w != (Window{Months: 6, Skip: 6}) {
		t.Errorf("window %+v", w)
	}
	if p.Rule("heavy_bills").Level != Red || !p.Rule("heavy_bills").AskOnUnknown || p.Rule("rich_bills").AskOnUnknown {
		t.Errorf("rules %+v", p.Rules)
	}
	if p.Dataset("nothing") != nil || p.Rule("") != nil || p.RowEnv("nothing") != nil {
		t.Error("something was found that is not there")
	}
	if p.Roster() != p.Dataset("roster") || p.Changes() != nil {
		t.Error("roles")
	}
}

func TestRowEnvSlots(t *testing.T) {
	p := goodPack(t)
	tests := []struct {
		dataset, src, want string
	}{
		{"bills", `bill_no == "a"`, "bill_no 0 text"},
		{"bills", `kind == "inpatient"`, "kind 1 text"},
		{"bills", `settled < as_of`, "settled 2 date, as_of 5 date"},
		{"bills", `self_paid < total`, "self_paid 4 number, total 3 number"},
		{"person", `age > 5`, "age 8 number"},
		{"person", `birth < 筛查日`, "birth 1 date, as_of 9 date"},
		{"household", `relocated`, "relocated 4 bool"},
		{"roster", `division > 0`, "division 0 number"},
	}
	for _, test := range tests {
		c, err := p.RowEnv(test.dataset).Check(test.src, expr.Bool)
		if err != nil {
			t.Errorf("%s: %v", test.src, err)
			continue
		}
		var got []string
		for _, v := range c.Vars() {
			kind := map[expr.Type]string{expr.Number: "number", expr.Bool: "bool", expr.Text: "text", expr.Date: "date"}[v.Type]
			got = append(got, fmt.Sprintf("%s %d %s", v.Name, v.Slot, kind))
		}
		if s := strings.Join(got, ", "); s != test.want {
			t.Errorf("%s in %s: %s, want %s", test.src, test.dataset, s, test.want)
		}
	}
	for _, src := range []string{`name == "x"`, `number == "x"`, `remark == "x"`, `household_no == "1"`} {
		for _, d := range []string{"bills", "roster"} {
			if _, err := p.RowEnv(d).Check(src, expr.Bool); err == nil {
				t.Errorf("%s: personal data can be read in %s", src, d)
			}
		}
	}
}

func TestRuleEnvNames(t *testing.T) {
	p := goodPack(t)
	for _, src := range []string{`self_paid_12m > param.line`, `近12月自付 > 参数.监测线`, `last_bill < as_of`, `最近结算日 < 筛查日`} {
		if _, err := p.RuleEnv().Check(src, expr.Bool); err != nil {
			t.Errorf("%s: %v", src, err)
		}
	}
}

func TestParam(t *testing.T) {
	p := goodPack(t)
	tests := []struct {
		div  division.Code
		day  string
		want float64 // 0 = none
	}{
		{520000000000, "2022-12-31", 0},
		{520000000000, "2023-01-01", 7300},
		{520000000000, "2024-12-31", 7300},
		{520000000000, "2025-01-01", 8500},
		{0, "2026-11-01", 8500},
		{520100000000, "2026-11-01", 8500},
		{522600000000, "2025-12-31", 8500},
		{522600000000, "2026-01-01", 9000},
		{522601000000, "2099-01-01", 9000},
		{522633105002, "2026-05-31", 9000},
		{522633105002, "2026-06-01", 9500},
		{522633105002, "2026-12-31", 9500},
		{522633105002, "2027-01-01", 9000},
		{522634000000, "2026-06-01", 9000},
	}
	for _, test := range tests {
		v, err := p.Param("line", test.div, day(test.day).Add(23*time.Hour))
		if test.want == 0 {
			if errs.KindOf(err) != errs.NotFound {
				t.Errorf("%d %s: got %v, %v", test.div, test.day, v, err)
			}
			continue
		}
		if err != nil || v.Value != test.want {
			t.Errorf("%d %s: got %v, %v, want %v", test.div, test.day, v.Value, err, test.want)
		}
	}
	if _, err := p.Param("lines", 0, day("2026-01-01")); errs.KindOf(err) != errs.NotFound {
		t.Errorf("unknown parameter: %v", err)
	}
	var got []string
	for _, v := range p.InForce("line", day("2026-07-01")) {
		lo, hi := v.Range()
		got = append(got, fmt.Sprint(v.Division, " ", v.Prefix(), " ", lo, " ", hi, " ", v.Value))
	}
	want := []string{"522633 522633 522633000000 522633999999 9500", "522600 5226 522600000000 522699999999 9000", "520000 52 520000000000 529999999999 8500"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("in force (-want +got):\n%s", diff)
	}
}

// TestParamDating draws consecutive periods for some divisions, writes them as a pack in any order, and compares every
// look-up with a plain scan over the periods as drawn. Then it moves one boundary: an overlap or a gap must be refused.
func TestParamDating(t *testing.T) {
	good := readPack(t, "good.txtar")
	base := fstest.MapFS{"pack.yaml": good["pack.yaml"]}
	rapid.Check(t, func(t *rapid.T) {
		type period struct {
			div      string
			from, to int // days after 2020-01-01; to -1 is open
			value    float64
		}
		var periods []period
		divisions := []string{"520000"}
		for _, d := range []string{"5226", "522633", "522633105"} {
			if rapid.Bool().Draw(t, "override "+d) {
				divisions = append(divisions, d)
			}
		}
		at := func(n int) string { return day("2020-01-01").AddDate(0, 0, n).Format(time.DateOnly) }
		for _, d := range divisions {
			from := 0
			if d != "520000" {
				from = rapid.IntRange(0, 300).Draw(t, "start")
			}
			n := rapid.IntRange(1, 4).Draw(t, "periods")
			for i := range n {
				to := from + rapid.IntRange(0, 200).Draw(t, "length")
				pr := period{d, from, to, float64(len(periods) + 1)}
				if i == n-1 && rapid.Bool().Draw(t, "open") {
					pr.to = -1
				}
				periods = append(periods, pr)
				from = to + 1
			}
		}
		// An end that the next value implies may be left out.
		write := func(list []period, implied bool) fstest.MapFS {
			var b strings.Builder
			b.WriteString("parameters:\n  - id: line\n    name: {zh: 线, en: Line}\n    unit: 元\n    values:\n")
			for _, i := range rapid.Permutation(indices(len(list))).Draw(t, "order") {
				pr := list[i]
				last := i+1 == len(list) || list[i+1].div != pr.div
				to := ""
				if pr.to >= 0 && (last || !implied) {
					to = ", to: " + at(pr.to)
				}
				fmt.Fprintf(&b, "      - {division: %q, from: %s%s, value: %g, document: default}\n", pr.div, at(pr.from), to, pr.value)
			}
			files := maps.Clone(base)
			files["parameters.yaml"] = &fstest.MapFile{Data: []byte(b.String())}
			return files
		}
		files := write(periods, rapid.Bool().Draw(t, "implied ends"))
		p, err := Load(files)
		if err != nil {
			t.Fatalf("%v\n%s", err, files["parameters.yaml"].Data)
		}
		for range 40 {
			village := rapid.SampledFrom([]string{"520102001001", "522601001001", "522633101001", "522633105209"}).Draw(t, "village")
			n := rapid.IntRange(-5, 900).Draw(t, "day")
			want, width := 0.0, 0
			for _, pr := range periods {
				prefix := strings.TrimSuffix(pr.div, "0000")
				if strings.HasPrefix(village, prefix) && len(prefix) > width && pr.from <= n && (pr.to < 0 || n <= pr.to) {
					want, width = pr.value, len(prefix)
				}
			}
			var code division.Code
			fmt.Sscan(village, &code)
			v, err := p.Param("line", code, day(at(n)))
			if (err != nil) != (width == 0) || v.Value != want {
				t.Fatalf("%s on %s: %v, %v, want %v\n%s", village, at(n), v.Value, err, want, files["parameters.yaml"].Data)
			}
		}
		for i := range periods[:len(periods)-1] {
			if periods[i].div != periods[i+1].div || periods[i].to < periods[i].from+1 {
				continue
			}
			for _, move := range []int{-1, 1} {
				broken := slices.Clone(periods)
				broken[i].to += move
				if _, err := Load(write(broken, false)); err == nil {
					t.Fatalf("end of period %d moved by %d days is accepted", i, move)
				}
			}
		}
	})
}

func indices(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func TestWithParam(t *testing.T) {
	p := goodPack(t)
	q, err := p.WithParam(map[string]float64{"param.line": 9999, "自付上限": 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []division.Code{0, 520100000000, 522633105002} {
		v, err := q.Param("line", d, day("1999-01-01"))
		if err != nil || v.Value != 9999 {
			t.Errorf("%d: %v, %v", d, v, err)
		}
	}
	if v, _ := p.Param("line", 0, day("2026-11-01")); v.Value != 8500 {
		t.Errorf("the pack itself changed: %v", v)
	}
	if p.ParamHash() == q.ParamHash() || p.Hash != q.Hash || p.ParamHash() != goodPack(t).ParamHash() {
		t.Error("hashes")
	}
	for _, bad := range []map[string]float64{{"lines": 1}, {"line": 1, "param.line": 2}, {"line": math.NaN()}, {"line": math.Inf(1)}, {"line": 1e300}, {"line": 1e-300}} {
		if _, err := p.WithParam(bad); err == nil {
			t.Errorf("%v is accepted", bad)
		}
	}
	// The rule's examples were written for 8 500 and 9 000.
	if n := len(q.Test()); n == 0 {
		t.Error("the examples do not see the changed value")
	}
}

func TestWithRule(t *testing.T) {
	p := goodPack(t)
	q, err := p.WithRule("heavy_bills", "members > 1")
	if err != nil || q.Rule("heavy_bills").When.Source() != "members > 1" || p.Rule("heavy_bills").When.Source() != "burden >= param.line" {
		t.Errorf("%v", err)
	}
	if _, err := p.WithRule("heavy_bills", "members"); err == nil {
		t.Error("a number is accepted as a condition")
	}
	if _, err := p.WithRule("no_rule", "true"); errs.KindOf(err) != errs.NotFound {
		t.Error(err)
	}
}

// TestFailures: a wrong example is told with place, names, both outcomes and the values that made it.
func TestFailures(t *testing.T) {
	fsys := edit(t, "rules/01.yaml", "given: {self_paid_12m: 16999, members: 2}, expect: clear", "given: {self_paid_12m: 17001, members: 2}, expect: clear")
	p, err := Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	list := p.Test()
	if len(list) != 1 {
		t.Fatalf("%d failures: %v", len(list), list)
	}
	f := &list[0]
	if f.File != "rules/01.yaml" || f.Line != 13 || f.Rule != "heavy_bills" || f.Example != "差一元" || f.Expected != Clear || f.Got != Hit {
		t.Errorf("%+v", f)
	}
	for _, want := range []string{"8500.5", "8500"} {
		if !strings.Contains(f.Why, want) {
			t.Errorf("the reason %q does not name %s", f.Why, want)
		}
	}
	if s := f.In("zh"); !strings.Contains(s, `rules/01.yaml:13: 规则 heavy_bills, "差一元": 应为 clear, 实为 hit: `) {
		t.Error(s)
	}

	fsys = edit(t, "rules/01.yaml", "as_of: 2024-12-31", "as_of: 2022-12-31")
	if p, err = Load(fsys); err != nil {
		t.Fatal(err)
	}
	if list = p.Test(); len(list) != 1 || list[0].Err == nil || !strings.Contains(list[0].In("zh"), "参数“line”在 2022-12-31 没有取值") {
		t.Errorf("%v", list)
	}
}

// TestHash computes the documented hash another way, and shows that moving a byte between name and content changes it.
func TestHash(t *testing.T) {
	p := goodPack(t)
	var stream []byte
	for _, name := range slices.Sorted(maps.Keys(p.Files)) {
		for _, part := range [][]byte{[]byte(name), p.Files[name]} {
			stream = append(binary.BigEndian.AppendUint64(stream, uint64(len(part))), part...)
		}
	}
	sum := sha256.Sum256(stream)
	if want := hex.EncodeToString(sum[:]); p.Hash != want {
		t.Errorf("hash %s, want %s", p.Hash, want)
	}
	files := readPack(t, "good.txtar")
	files["README.md"] = &fstest.MapFile{Data: []byte("x")}
	q, err := Load(files)
	if err != nil || q.Hash == p.Hash {
		t.Errorf("a further file does not show in the hash (%v)", err)
	}
}

func TestZip(t *testing.T) {
	p := goodPack(t)
	var a, b bytes.Buffer
	if err := p.WriteZip(&a); err != nil {
		t.Fatal(err)
	}
	if err := goodPack(t).WriteZip(&b); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("two archives of one pack differ")
	}
	q, err := LoadZip(bytes.NewReader(a.Bytes()), int64(a.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if q.Hash != p.Hash || !cmp.Equal(p.Files, q.Files) {
		t.Error("the archive holds another pack")
	}
	if _, err := LoadZip(bytes.NewReader(a.Bytes()[:a.Len()/2]), int64(a.Len()/2)); len(Errors(err)) == 0 {
		t.Errorf("half an archive: %v", err)
	}
}

func TestPlaceholders(t *testing.T) {
	tests := []struct {
		in   string
		want []string
		ok   bool
	}{
		{"", nil, true},
		{"无", nil, true},
		{"{a} 和 {param.b}{ a }", []string{"a", "param.b", "a"}, true},
		{"{a", nil, false},
		{"a}", nil, false},
		{"{a{b}}", nil, false},
		{"{}", []string{""}, true},
	}
	for _, test := range tests {
		got, ok := Placeholders(test.in)
		if ok != test.ok || ok && !cmp.Equal(got, test.want) {
			t.Errorf("%q: %q, %v", test.in, got, ok)
		}
	}
}

func TestFold(t *testing.T) {
	for _, pair := range [][2]string{{"姓 名", "姓名"}, {"ＩＤ号", "id号"}, {"脱贫户（享受政策）", "脱贫户(享受政策)"}, {"\ufeff户编号\t", "户编号"}} {
		if Fold(pair[0]) != Fold(pair[1]) {
			t.Errorf("%q and %q differ", pair[0], pair[1])
		}
	}
}

// TestShippedPack: the pack of the repository loads, passes its own tests, and covers what it must.
func TestShippedPack(t *testing.T) {
	p, err := Load(os.DirFS("../../policy/guizhou"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range p.Test() {
		t.Errorf("%v", &f)
	}
	s := p.Summary()
	for _, c := range []struct {
		what     string
		got, min int
	}{
		{"datasets", s.Datasets, 20}, {"indicators", s.Indicators, 40}, {"rules", s.Rules, 35}, {"checks", s.Checks, 10}, {"overrides", s.Overrides, 1},
		{"guarantee rules", s.ByClass[ClassGuarantee], 4}, {"sudden rules", s.ByClass[ClassSudden], 1}, {"relapse rules", s.ByClass[ClassRelapse], 1},
		{"doubt rules", s.ByClass[ClassDoubt], 1},
	} {
		if c.got < c.min {
			t.Errorf("%d %s, want at least %d", c.got, c.what, c.min)
		}
	}
	for _, r := range p.Risks {
		if s.ByRisk[r.ID] == 0 {
			t.Errorf("no rule for the risk type %s", r.ID)
		}
	}
}

func TestTextComparisons(t *testing.T) {
	tests := []struct {
		src  string
		want []comparison
	}{
		{`kind == "a"`, []comparison{{"kind", []string{"a"}}}},
		{`"a" != kind && age > 5`, []comparison{{"kind", []string{"a"}}}},
		{`kind in ["a", "b]"] or not (类别 == "x")`, []comparison{{"kind", []string{"a", "b]"}}, {"类别", []string{"x"}}}},
		{`(age > 5 ? kind == "a" : kind != "b")`, []comparison{{"kind", []string{"a"}}, {"kind", []string{"b"}}}},
		{`age == 5`, nil},
	}
	for _, test := range tests {
		root, err := expr.Parse(test.src)
		if err != nil {
			t.Errorf("%s: %v", test.src, err)
			continue
		}
		if got := textComparisons(root); fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("%s: %q, want %q", test.src, got, test.want)
		}
	}
}
