package synth

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"
	"pgregory.net/rapid"

	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/policy"
	packs "shouwang/policy"
)

var asOf = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

func options(t testing.TB, code string, households int) Options {
	t.Helper()
	pack, err := policy.Load(packs.Guizhou())
	if err != nil {
		t.Fatal(err)
	}
	tree, err := division.Load()
	if err != nil {
		t.Fatal(err)
	}
	d, err := division.Parse(code)
	if err != nil {
		t.Fatal(err)
	}
	return Options{Out: filepath.Join(t.TempDir(), "out"), Division: d, Households: households, Seed: 11, AsOf: asOf, Pack: pack, Tree: tree}
}

func generate(t testing.TB, o Options) Summary {
	t.Helper()
	s, err := Generate(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sums maps each file under dir to the hash of its bytes.
func sums(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		h := sha256.Sum256(b)
		rel, err := filepath.Rel(dir, path)
		out[filepath.ToSlash(rel)] = hex.EncodeToString(h[:])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSameBytesOnAnyNumberOfWorkers(t *testing.T) {
	one, four, other := options(t, "5202", 1500), options(t, "5202", 1500), options(t, "5202", 1500)
	one.Workers, four.Workers, other.Seed = 1, 4, 12
	a, b, c := generate(t, one), generate(t, four), generate(t, other)
	if d := cmp.Diff(sums(t, one.Out), sums(t, four.Out)); d != "" {
		t.Errorf("one worker and four write different bytes:\n%s", d)
	}
	if d := cmp.Diff(a, b); d != "" {
		t.Error(d)
	}
	if a.Bytes == c.Bytes {
		t.Error("another seed gives the same volume to the byte")
	}
}

// table is a delivered file as an independent reader sees it.
type table struct {
	name    string
	dataset *policy.Dataset
	col     map[string]int // contract column → place in a row
	rows    [][]string
}

func (x *table) get(row []string, col string) string {
	i, ok := x.col[col]
	if !ok || i >= len(row) {
		return ""
	}
	return strings.TrimSpace(row[i])
}

// readTable decodes a file by its extension alone and finds the contract whose token opens the name.
func readTable(t *testing.T, pack *policy.Pack, path string) *table {
	t.Helper()
	x := &table{name: filepath.Base(path), col: map[string]int{}}
	for i := range pack.Datasets {
		if strings.HasPrefix(x.name, pack.Datasets[i].FileNames[0]+"_") {
			x.dataset = &pack.Datasets[i]
		}
	}
	if x.dataset == nil {
		t.Fatalf("%s: no dataset has this token", x.name)
	}
	var all [][]string
	switch filepath.Ext(path) {
	case ".xlsx":
		f, err := excelize.OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if all, err = f.GetRows(f.GetSheetName(0), excelize.Options{RawCellValue: true}); err != nil {
			t.Fatal(err)
		}
	case ".jsonl":
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		at := map[string]int{}
		all = [][]string{nil}
		for _, line := range bytes.Split(bytes.TrimSpace(b), []byte("\n")) {
			if len(line) == 0 {
				continue
			}
			var m map[string]any
			if err := json.Unmarshal(line, &m); err != nil {
				t.Fatalf("%s: %v", x.name, err)
			}
			for k := range m {
				if _, ok := at[k]; !ok {
					at[k] = len(all[0])
					all[0] = append(all[0], k)
				}
			}
			row := make([]string, 40)
			for k, v := range m {
				switch v := v.(type) {
				case string:
					row[at[k]] = v
				case float64:
					row[at[k]] = strconv.FormatFloat(v, 'f', -1, 64)
				}
			}
			all = append(all, row)
		}
	default:
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !utf8.Valid(b) {
			if b, err = simplifiedchinese.GB18030.NewDecoder().Bytes(b); err != nil {
				t.Fatal(err)
			}
		}
		b = bytes.TrimPrefix(b, []byte("\ufeff"))
		if all, err = csv.NewReader(bytes.NewReader(b)).ReadAll(); err != nil {
			t.Fatalf("%s: %v", x.name, err)
		}
	}
	for i := 0; i < len(all) && i < 5; i++ {
		got := map[string]int{}
		for k, h := range all[i] {
			for _, c := range x.dataset.Columns {
				if h == c.Header || slices.Contains(c.Aliases, h) {
					got[c.ID] = k
				}
			}
		}
		if len(got) > len(x.col) {
			x.col, x.rows = got, all[i+1:]
		}
	}
	return x
}

func readAll(t *testing.T, o Options) []*table {
	t.Helper()
	var out []*table
	err := filepath.WalkDir(filepath.Join(o.Out, "files"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out = append(out, readTable(t, o.Pack, path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// csvFile reads a table of truth/ without its header.
func csvFile(t *testing.T, path string) [][]string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows[1:]
}

func TestFilesAreWhatTheContractsSay(t *testing.T) {
	formats := map[string]int{}
	checkFiles(t, options(t, "5226", 4000), 16, formats)
	checkFiles(t, options(t, "520521", 8000), 1, formats) // large enough for JSON lines
	for _, f := range []string{".csv", ".xlsx", ".jsonl"} {
		if formats[f] == 0 {
			t.Errorf("no file of form %s", f)
		}
	}
}

func checkFiles(t *testing.T, o Options, counties int, formats map[string]int) {
	t.Helper()
	s := generate(t, o)
	if s.Households != int64(o.Households) || s.Counties != counties {
		t.Fatalf("%d households in %d counties", s.Households, s.Counties)
	}
	name := regexp.MustCompile(`^[^_]+_(\d{6})_(\d{6})(-\d{6}(_更正)?)?\.(csv|xlsx|jsonl)$`)
	rows, seen, links := int64(0), map[string]bool{}, map[string]int{}
	for _, x := range readAll(t, o) {
		if !name.MatchString(x.name) {
			t.Errorf("name %s", x.name)
		}
		formats[filepath.Ext(x.name)]++
		seen[x.dataset.ID] = true
		rows += int64(len(x.rows))
		if x.dataset.Role != "roster" && len(x.rows) > 0 {
			links[x.name] = len(x.rows)
		}
		for _, c := range x.dataset.Columns {
			at, ok := x.col[c.ID]
			if !ok {
				if c.Required {
					t.Errorf("%s: no column %s", x.name, c.ID)
				}
				continue
			}
			bad := 0
			for _, row := range x.rows {
				v := ""
				if at < len(row) {
					v = strings.TrimSpace(row[at])
				}
				if slices.ContainsFunc(c.Codes, func(k policy.Code) bool { return v == k.Name.ZH || slices.Contains(k.Spellings, v) }) {
					continue // 无 may be a code's spelling
				}
				if v == "" || v == "无" || v == "—" {
					if c.NotNull {
						t.Fatalf("%s: empty %s", x.name, c.ID)
					}
				} else if len(c.Codes) > 0 {
					bad++
				}
			}
			if bad > 0 {
				t.Errorf("%s: %d values of %s are no code of the contract", x.name, bad, c.ID)
			}
		}
	}
	if rows != s.Rows {
		t.Errorf("files hold %d rows, summary says %d", rows, s.Rows)
	}
	if want := 26 - int(b2u(counties == 1)); len(seen) != want { // one county alone lacks one feed
		t.Errorf("%d datasets delivered, want %d", len(seen), want)
	}
	// Each row that is not of a roster has its truth, in order.
	got := map[string]int{}
	for _, l := range csvFile(t, filepath.Join(o.Out, "truth", "links.csv")) {
		got[l[0]]++
		if l[1] != strconv.Itoa(got[l[0]]) || len(l[2]) != 17 {
			t.Fatalf("link %v after %d", l, got[l[0]]-1)
		}
	}
	if d := cmp.Diff(links, got); d != "" {
		t.Error(d)
	}
}

// newTestGenerator gives a generator with its counties laid out, without writing a file.
func newTestGenerator(t testing.TB, code string, households int) (*generator, []*county) {
	t.Helper()
	g, err := newGenerator(options(t, code, households))
	if err != nil {
		t.Fatal(err)
	}
	counties, err := g.lay()
	if err != nil {
		t.Fatal(err)
	}
	return g, counties
}

func eachHousehold(g *generator, counties []*county, fn func(*county, *household)) {
	h := new(household)
	for _, c := range counties {
		for i := range c.villages {
			for serial := 1; serial <= c.villages[i].households; serial++ {
				g.make(c, &c.villages[i], serial, h)
				fn(c, h)
			}
		}
	}
}

func TestHouseholdsArePlausible(t *testing.T) {
	g, counties := newTestGenerator(t, "5206", 20000)
	numbers, households := map[[18]byte]bool{}, map[[17]byte]bool{}
	n := 0
	eachHousehold(g, counties, func(c *county, h *household) {
		n++
		if households[h.no] {
			t.Fatalf("household %s twice", h.no)
		}
		households[h.no] = true
		if want := h.village.code.String(); !strings.HasPrefix(string(h.no[:]), want[:12]) {
			t.Fatalf("household %s in village %s", h.no, want)
		}
		heads := 0
		for i := range h.n {
			p := &h.m[i]
			if p.relation == "head" {
				heads++
			}
			if numbers[p.number] {
				t.Fatal("a resident number comes twice")
			}
			numbers[p.number] = true
			// GB 11643: the weighted sum over all 18 places is 1 modulo 11.
			sum := 0
			for k, ch := range p.number {
				w := 1
				for range 17 - k {
					w = w * 2 % 11
				}
				v := int(ch - '0')
				if ch == 'X' {
					v = 10
				}
				sum += v * w
			}
			if sum%11 != 1 {
				t.Fatalf("check digit of a number of household %s", h.no)
			}
			y, m, d := p.birth.civil()
			if string(p.number[:14]) != string(appendPadded(appendPadded(appendPadded(appendPadded(nil, c.code, 6), y, 4), m, 2), d, 2)) {
				t.Fatalf("number does not hold county and birth in household %s", h.no)
			}
			if odd := p.number[16]%2 == 1; odd == p.female {
				t.Fatalf("number does not tell the sex in household %s", h.no)
			}
			whole := 2026 - y
			if m > 11 || m == 11 && d > 1 {
				whole--
			}
			if whole != p.age || p.age < 0 || p.age > 100 {
				t.Fatalf("age %d, born %d-%d-%d", p.age, y, m, d)
			}
			if p.student() == (p.education != "") && p.age >= 3 {
				t.Fatalf("schooling %q and school %q", p.education, p.school)
			}
			if p.works && (p.age < 16 || p.age > 64) {
				t.Fatalf("works at %d", p.age)
			}
			head := &h.m[0]
			switch p.relation {
			case "spouse":
				if p.female == head.female {
					t.Fatal("spouse of the head's sex")
				}
			case "son", "daughter":
				if head.age-p.age < 15 {
					t.Fatalf("head %d, child %d", head.age, p.age)
				}
				if p.female != (p.relation == "daughter") {
					t.Fatal("sex of a child")
				}
			case "parent":
				if p.age-head.age < 18 || p.age-head.age > 40 {
					t.Fatalf("head %d, parent %d", head.age, p.age)
				}
			}
			for k := range p.nb {
				b := &p.bills[k]
				if b.day < g.first || b.day > g.last || b.admitted > b.day || b.self > b.total || b.compliant > b.self || b.fund < 0 ||
					b.total != b.self+b.fund+b.serious+b.aid {
					t.Fatalf("bill %+v of household %s", *b, h.no)
				}
				if p.died != noDay && b.day > p.died {
					t.Fatal("a bill after death")
				}
			}
			if p.works && p.ended != noDay && p.started > p.ended {
				t.Fatal("work ends before it starts")
			}
		}
		if heads != 1 {
			t.Fatalf("%d heads", heads)
		}
		if h.perHead <= 0 || h.wage < 0 || h.business < 0 || h.transfer < 0 {
			t.Fatalf("incomes of household %s", h.no)
		}
	})
	if n != 20000 {
		t.Errorf("%d households", n)
	}
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.Abs(got-want) > tolerance {
		t.Errorf("%s is %.4f, want %.4f ± %.4f", what, got, want, tolerance)
	}
}

// TestDistributions holds the population to section 16 of the field notes (see docs/synthetic-data.md).
func TestDistributions(t *testing.T) {
	g, counties := newTestGenerator(t, "52", 20000)
	var persons, men, young, old, minority, disabled, insured, settlements, over10k, over30k, middle, monitored, cleared, struck, below, relocated, exited float64
	var wage, business, property, transfer, kwh float64
	var selfs []float64
	education := map[string]float64{}
	sizes := map[int]float64{}
	six := 0.0
	eachHousehold(g, counties, func(_ *county, h *household) {
		sizes[min(h.n, 6)]++
		net := float64(h.wage+h.business+h.property+h.transfer-h.cost) / 100
		wage += float64(h.wage) / 100
		business += float64(h.business-h.cost) / 100
		property += float64(h.property) / 100
		transfer += float64(h.transfer) / 100
		kwh += h.kwh
		if net/float64(h.n) < 8500 {
			below++
		}
		monitored += float64(b2u(h.monitored != ""))
		cleared += float64(b2u(h.cleared))
		struck += float64(b2u(h.nShocks > 0))
		relocated += float64(b2u(h.relocated))
		exited += float64(b2u(h.kind != "ordinary"))
		for i := range h.n {
			p := &h.m[i]
			persons++
			men += float64(b2u(!p.female))
			young += float64(b2u(p.age < 15))
			old += float64(b2u(p.age >= 60))
			minority += float64(b2u(p.ethnic != "01"))
			disabled += float64(b2u(p.disability != ""))
			insured += float64(b2u(!uninsured(p)))
			settlements += float64(p.nb)
			self := 0.0
			for k := range p.nb {
				self += float64(p.bills[k].self) / 100
			}
			selfs = append(selfs, self)
			over10k += float64(b2u(self > 10000))
			over30k += float64(b2u(self > 30000))
			if p.age >= 6 {
				six++
				e := p.education
				switch p.stage {
				case "primary", "college", "junior", "senior":
					e = p.stage
				case "vocational":
					e = "senior"
				}
				education[e]++
			}
		}
	})
	slices.Sort(selfs)
	middle = selfs[len(selfs)/2]
	n := 20000.0
	near(t, "persons a household", persons/n, 3.9, 0.15)
	for size, want := range map[int]float64{1: 0.10, 2: 0.14, 3: 0.18, 4: 0.25, 5: 0.17, 6: 0.16} {
		near(t, "share of households of size "+strconv.Itoa(size), sizes[size]/n, want, 0.015)
	}
	near(t, "share of men", men/persons, 0.511, 0.012)
	near(t, "share under 15", young/persons, 0.2397, 0.02)
	near(t, "share of 60 and over", old/persons, 0.19, 0.02)
	near(t, "share of minorities", minority/persons, 0.364, 0.05)
	near(t, "share disabled", disabled/persons, 0.04, 0.006)
	near(t, "share insured", insured/persons, 0.97, 0.006)
	near(t, "settlements a person", settlements/persons, 0.8, 0.12)
	near(t, "median self-paid", middle, 300, 60)
	near(t, "share above 10 000", over10k/persons, 0.02, 0.006)
	near(t, "share above 30 000", over30k/persons, 0.004, 0.0018)
	total := wage + business + property + transfer
	near(t, "income a head", total/persons, 16800, 900)
	near(t, "wage share", wage/total, 0.42, 0.04)
	near(t, "business share", business/total, 0.29, 0.04)
	near(t, "property share", property/total, 0.01, 0.006)
	near(t, "transfer share", transfer/total, 0.28, 0.04)
	near(t, "share below the line", below/n, 0.02, 0.012)
	near(t, "kWh a month", kwh/n, 125, 20)
	near(t, "share monitored", monitored/n, 0.025, 0.006)
	near(t, "share cleared of the monitored", cleared/monitored, 0.6, 0.08)
	near(t, "share relocated", relocated/n, 0.05, 0.02)
	near(t, "share ex-poor", exited/n, 0.21, 0.05)
	near(t, "share struck", struck/n, 0.0275, 0.006)
	for e, want := range map[string]float64{"college": 0.088, "senior": 0.109, "junior": 0.359, "primary": 0.347, "none": 0.097} {
		near(t, "schooling "+e, education[e]/six, want, 0.045)
	}
}

func TestTruthIsAboutHouseholdsOfTheFiles(t *testing.T) {
	o := options(t, "522633", 12000)
	s := generate(t, o)
	truth := filepath.Join(o.Out, "truth")
	known, rosterRows := map[string]int{}, int64(0)
	self, deaths, jobs, houses, losses := map[string]float64{}, map[string]bool{}, map[string]bool{}, map[string]string{}, map[string]float64{}
	severe, schooling, roll, water, failed, hurt := map[string]bool{}, map[string]float64{}, map[string]bool{}, map[string]float64{}, map[string]bool{}, map[string]bool{}
	links := map[string][]string{}
	for _, l := range csvFile(t, filepath.Join(truth, "links.csv")) {
		links[l[0]] = append(links[l[0]], l[2])
	}
	seen := map[string]bool{}
	for _, x := range readAll(t, o) {
		seen[x.dataset.ID] = true
		for i, row := range x.rows {
			get := func(col string) string { return x.get(row, col) }
			if x.dataset.Role == "roster" {
				known[get("household_no")]++
				rosterRows++
				continue
			}
			no := links[x.name][i]
			is := func(col, id string) bool {
				for _, c := range x.dataset.Columns {
					if c.ID != col {
						continue
					}
					for _, k := range c.Codes {
						if k.ID == id {
							return get(col) == k.Name.ZH || slices.Contains(k.Spellings, get(col))
						}
					}
				}
				t.Fatalf("%s has no code %s", col, id)
				return false
			}
			switch x.dataset.ID {
			case "health_settlement":
				self[no] += money(t, get("self_paid"))
			case "hukou_change":
				if is("change", "death") {
					deaths[no] = true
				}
			case "cremation":
				deaths[no] = true
			case "unemployment":
				jobs[no] = true
			case "housing":
				for _, g := range []string{"a", "b", "c", "d", "homeless"} {
					if is("grade", g) {
						houses[no] = g
					}
				}
			case "disaster":
				losses[no] = money(t, get("loss"))
			case "disability":
				if g := get("grade"); g == "1" || g == "2" {
					severe[no] = true
				}
			case "school_cost":
				schooling[no] += money(t, get("fees")) - money(t, get("aid"))
			case "school_roll":
				if is("status", "suspected") || is("status", "dropped") {
					roll[no] = true
				}
			case "water":
				water[no] = money(t, get("outage_days"))
			case "industry_project":
				if is("status", "failed") {
					failed[no] = true
				}
			case "traffic_accident":
				if !is("injury", "light") {
					hurt[no] = true
				}
			}
		}
	}
	if rosterRows != s.ByDataset["roster"] {
		t.Errorf("%d roster rows, %d in the summary", rosterRows, s.ByDataset["roster"])
	}
	risks := map[string]bool{}
	for _, r := range o.Pack.Risks {
		risks[r.ID] = true
	}
	struck := csvFile(t, filepath.Join(truth, "struck.csv"))
	count := map[string]int64{}
	all, unseen := map[string]float64{}, map[string]float64{}
	for _, r := range struck {
		no, risk, date, severity, kind := r[0], r[1], r[2], r[3], r[4]
		count[risk]++
		if known[no] == 0 {
			t.Errorf("%s is in no roster", no)
		}
		if !risks[risk] {
			t.Errorf("the pack has no risk %s", risk)
		}
		if date < "2025-11-01" || date > "2026-10-31" || !strings.Contains("123", severity) {
			t.Errorf("struck row %v", r)
		}
		trace := true
		switch kind {
		case "serious_illness":
			trace = self[no] > 9000
		case "labourer_died":
			trace = deaths[no]
		case "job_loss", "wage_arrears":
			trace = jobs[no]
		case "unsafe_house":
			trace = houses[no] == "c" || houses[no] == "d" || houses[no] == "homeless"
		case "disaster":
			trace = losses[no] >= 10000
		case "new_disability":
			trace = severe[no] || deaths[no]
		case "school_cost":
			trace = schooling[no] > 10000
		case "dropout":
			trace = roll[no]
		case "water_outage":
			trace = water[no] > 15
		case "failed_project":
			trace = failed[no]
		case "accident":
			trace = hurt[no]
		}
		all[kind]++
		if !trace {
			unseen[kind]++
		}
	}
	// One in twenty illnesses, job losses and arrears is unseen; all else must show.
	for kind, n := range all {
		share := 0.0
		if kind == "serious_illness" || kind == "job_loss" || kind == "wage_arrears" {
			share = 0.2
		}
		if unseen[kind] > share*n {
			t.Errorf("%.0f of %.0f households struck by %s show in no file", unseen[kind], n, kind)
		}
	}
	if d := cmp.Diff(s.Struck, count); d != "" {
		t.Error(d)
	}
	for _, r := range csvFile(t, filepath.Join(truth, "gaps.csv")) {
		if known[r[0]] == 0 || !risks[r[1]] {
			t.Errorf("gap %v", r)
		}
	}
	missing := csvFile(t, filepath.Join(truth, "missing_feeds.csv"))
	if len(missing) != 1 || seen[missing[0][0]] || len(seen) != 25 {
		t.Errorf("missing feeds %v, delivered %d", missing, len(seen))
	}
	// Nothing but household numbers in the truth: no 18-digit number, no name. Words in Chinese are file names only.
	identity := regexp.MustCompile(`\d{18}|\d{17}[Xx]`)
	for _, name := range []string{"struck.csv", "gaps.csv", "missing_feeds.csv", "dirt.json", "summary.json", "links.csv"} {
		b, err := os.ReadFile(filepath.Join(truth, name))
		if err != nil {
			t.Fatal(err)
		}
		if identity.Match(b) {
			t.Errorf("%s holds a resident number", name)
		}
		if name != "links.csv" && regexp.MustCompile(`\p{Han}`).Match(b) {
			t.Errorf("%s holds Chinese characters", name)
		}
	}
}

// money reads an amount as a careful clerk would.
func money(t *testing.T, s string) float64 {
	t.Helper()
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= '０' && r <= '９':
			return r - '０' + '0'
		case r == ',' || r == '元' || r == ' ' || r == '无' || r == '—':
			return -1
		}
		return r
	}, s)
	if s == "" {
		return 0
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatalf("amount %q: %v", s, err)
	}
	return v
}

// TestDirtComesAtItsRates counts damaged numbers with a checker of its own and holds dirt.json to the files.
func TestDirtComesAtItsRates(t *testing.T) {
	o := options(t, "522633", 12000)
	s := generate(t, o)
	numbers, damaged := 0.0, 0.0
	for _, x := range readAll(t, o) {
		if x.dataset.ID == "roster" {
			for _, row := range x.rows {
				if !validNumber(x.get(row, "number")) {
					t.Fatal("the roster holds a damaged number")
				}
			}
			continue
		}
		for _, row := range x.rows {
			if v := x.get(row, "number"); v != "" && v != "无" && v != "—" {
				numbers++
				if !validNumber(v) {
					damaged++
				}
			}
		}
	}
	near(t, "share of damaged numbers", damaged/numbers, 0.02, 0.002)
	for _, kind := range dirtNames {
		if _, ok := s.Dirt[kind]; !ok {
			t.Errorf("no count of %s", kind)
		}
	}
	for _, kind := range []string{"number_wrong_check_digit", "number_transposed_digits", "number_dropped_digit", "number_lower_case_x", "number_full_width", "number_spaced",
		"money_other_form", "date_other_form", "trailing_space", "empty_word", "code_other_spelling", "implausible_value", "duplicate_row", "name_spaced", "roster_two_heads"} {
		if s.Dirt[kind] == 0 {
			t.Errorf("no dirt of kind %s", kind)
		}
	}
}

func validNumber(s string) bool {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= '０' && r <= '９':
			return r - '０' + '0'
		case r == 'Ｘ' || r == 'x':
			return 'X'
		case r == ' ':
			return -1
		}
		return r
	}, s)
	if len(s) != 18 {
		return false
	}
	sum, w := 0, 1
	for i := 17; i >= 0; i-- {
		v := int(s[i] - '0')
		if s[i] == 'X' {
			v = 10
		}
		sum += v * w
		w = w * 2 % 11
	}
	return sum%11 == 1
}

func TestNumbersStayUniqueInAHugeCounty(t *testing.T) {
	g, counties := newTestGenerator(t, "522633", 1000)
	c := counties[0]
	c.stride = 3
	seen := make(map[[18]byte]bool, 300000)
	h := &household{}
	for i := 0; i < 3*slots; i += 2 {
		h.index, h.n = i, 0
		h.add("head", false, 40)
		g.settle(c, h)
		if seen[h.m[0].number] {
			t.Fatalf("number of household %d comes twice", i)
		}
		seen[h.m[0].number] = true
		if h.m[0].age < 40 || h.m[0].age > 42 {
			t.Fatalf("age bent to %d", h.m[0].age)
		}
	}
}

func TestRefuses(t *testing.T) {
	cases := map[string]func(*Options){
		"no households":    func(o *Options) { o.Households = 0 },
		"too many":         func(o *Options) { o.Households = 30_000_000 },
		"year":             func(o *Options) { o.AsOf = time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC) },
		"unknown division": func(o *Options) { o.Division = 999999000000 },
	}
	for name, change := range cases {
		o := options(t, "522633", 10)
		change(&o)
		if _, err := Generate(context.Background(), o); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	full := options(t, "522633", 10)
	if err := os.MkdirAll(full.Out, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(full.Out, "x"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Generate(context.Background(), full); errs.KindOf(err) != errs.Conflict {
		t.Errorf("a folder that is not empty: %v", err)
	}
	drift := options(t, "522633", 10)
	for i := range drift.Pack.Datasets {
		if d := &drift.Pack.Datasets[i]; d.ID == "housing" {
			d.Columns = append(slices.Clone(d.Columns), policy.Column{ID: "new", Header: "新列", Required: true})
		}
	}
	if _, err := Generate(context.Background(), drift); errs.KindOf(err) != errs.Invalid || !strings.Contains(err.Error(), "housing") {
		t.Errorf("a contract with a required column that is not generated: %v", err)
	}
	stop, cancel := context.WithCancel(context.Background())
	cancel()
	stopped := options(t, "522633", 500)
	if _, err := Generate(stop, stopped); !errors.Is(err, context.Canceled) {
		t.Errorf("a stopped run: %v", err)
	}
	if left := sums(t, stopped.Out); len(left) > 0 {
		t.Errorf("a stopped run leaves %d files", len(left))
	}
}

func TestProgressEndsAtTheTotal(t *testing.T) {
	o := options(t, "5202", 700)
	var last, total int64
	o.Progress = func(d, n int64) {
		if d < last {
			t.Errorf("progress fell from %d to %d", last, d)
		}
		last, total = d, n
	}
	generate(t, o)
	if last != 700 || total != 700 {
		t.Errorf("progress ended at %d of %d", last, total)
	}
}

func TestDays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(-40000, 3000000).Draw(t, "day")
		want := time.Unix(int64(n)*86400, 0).UTC()
		y, m, d := day(n).civil()
		if y != want.Year() || m != int(want.Month()) || d != want.Day() {
			t.Fatalf("day %d is %d-%d-%d, want %s", n, y, m, d, want)
		}
		if got := dayOf(want); got != day(n) {
			t.Fatalf("%s is day %d, want %d", want, got, n)
		}
	})
}

func TestForms(t *testing.T) {
	d := dayOn(2026, 10, 5)
	for form, want := range map[dateForm]string{dateISO: "2026-10-05", dateSlash: "2026/10/5", dateCompact: "20261005", dateChinese: "2026年10月5日", dateSerial: "46300"} {
		if got := string(appendDate(nil, d, form)); got != want {
			t.Errorf("form %d gives %s, want %s", form, got, want)
		}
	}
	for form, want := range map[dateForm]string{dateISO: "2026-10", dateSlash: "2026/10", dateCompact: "202610", dateChinese: "2026年10月"} {
		if got := string(appendMonth(nil, d, form)); got != want {
			t.Errorf("month form %d gives %s, want %s", form, got, want)
		}
	}
	for _, c := range []struct {
		fen              int64
		cents, thousands bool
		want             string
	}{{0, true, false, "0.00"}, {0, false, false, "0"}, {123456, true, true, "1,234.56"}, {100000005, true, true, "1,000,000.05"}, {99900, false, true, "999"},
		{1234500, false, true, "12,345"}, {-150, true, false, "-1.50"}, {5, false, false, "0.05"}} {
		if got := string(appendMoney(nil, c.fen, c.cents, c.thousands)); got != c.want {
			t.Errorf("%d fen is %s, want %s", c.fen, got, c.want)
		}
	}
	gb := newGBTable()
	want, err := simplifiedchinese.GB18030.NewEncoder().String("abc从江县㯊㵲，1")
	if err != nil {
		t.Fatal(err)
	}
	if got := string(gb.append(nil, []byte("abc从江县㯊㵲，1"))); got != want {
		t.Errorf("GB 18030 % x, want % x", got, want)
	}
}

func BenchmarkGenerate(b *testing.B) {
	var rows int64
	for b.Loop() {
		o := options(b, "522633", 20000)
		o.Workers = 1
		rows += generate(b, o).Rows
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}
