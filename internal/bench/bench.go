// Package bench measures the table of design section 6 on this machine: each figure beside a reference made in the same
// run, with peak memory, and the growth from a tenth of the size. It owns the measuring; it changes nothing that it measures.
package bench

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	duckdb "github.com/duckdb/duckdb-go/v2"
	"golang.org/x/text/encoding/simplifiedchinese"

	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/intake"
	"shouwang/internal/policy"
	"shouwang/internal/screening"
	"shouwang/internal/secret"
	"shouwang/internal/synth"
	"shouwang/internal/warehouse"
)

// Options of a benchmark.
type Options struct {
	Households  int64
	Division    division.Code // where; 0 = the pack's whole region. Few households over a whole province make thousands of tiny files
	Dir         string        // an empty or absent folder for files and warehouse; "" = a temporary one, removed at the end
	Keep        bool          // leave Dir as it is
	Seed        uint64
	AsOf        time.Time
	Now         time.Time
	Pack        *policy.Pack
	Tree        *division.Tree
	MemoryLimit string // of DuckDB; "" = 4GiB
	Times       int    // multiply the households by this after the intake, by SQL; 0 or 1 = as delivered
	NoGrowth    bool   // leave out the run at a tenth of the size
	Reuse       bool   // take the files and the intake that an earlier run has left in Dir (Keep), and measure what follows
	Progress    func(step string, done, total int64)
}

// Figure is one measured line.
type Figure struct {
	Job       string  `json:"job"`
	Value     float64 `json:"value"`
	Unit      string  `json:"unit"`
	Reference float64 `json:"reference,omitempty"` // the same work by the reference, in Unit
	Against   string  `json:"against,omitempty"`   // what the reference is
	Ratio     float64 `json:"ratio,omitempty"`     // time of ours ÷ time of the reference
	Target    string  `json:"target"`
	Met       bool    `json:"met"` // at this size: targets are for 10 000 000 households on two cores
	PeakMiB   int64   `json:"peak_mib,omitempty"`
}

// Report of a benchmark.
type Report struct {
	Households int64    `json:"households"`
	Persons    int64    `json:"persons"`
	Facts      int64    `json:"facts"`
	Files      int      `json:"files"`
	Bytes      int64    `json:"bytes"`
	Cores      int      `json:"cores"`
	Go         string   `json:"go"`
	Figures    []Figure `json:"figures"`
}

// run is one size.
type run struct {
	o    Options
	r    Report
	dir  string
	w    *warehouse.Warehouse
	keys *secret.Keyring
	in   *intake.Service
	s    *screening.Service
	note func(step string, done, total int64)

	step  int64   // how far apart in a village the copies' serials are; 0: there are no copies
	salt  int64   // how far apart the next copies' keys will be
	small float64 // seconds of a full screening at a tenth of the copies
}

// Run measures at o.Households and, unless NoGrowth, at a tenth of it: with ten copies or a multiple of ten, at a tenth of the copies of one
// intake, otherwise with files of their own.
func Run(ctx context.Context, o Options) (Report, error) {
	if o.Households < 1000 {
		return Report{}, errs.New(errs.Invalid, "基准测试至少需要 1000 户", "a benchmark needs at least 1000 households")
	}
	if o.MemoryLimit == "" {
		o.MemoryLimit = "4GiB"
	}
	if o.Progress == nil {
		o.Progress = func(string, int64, int64) {}
	}
	base := o.Dir
	if base == "" {
		tmp, err := os.MkdirTemp("", "shouwang-bench-")
		if err != nil {
			return Report{}, fmt.Errorf("bench: %w", err)
		}
		base = tmp
	}
	if !o.Keep && !o.Reuse {
		defer os.RemoveAll(base)
	}
	var small Report
	if !o.NoGrowth && !o.Reuse && o.Households >= 10_000 && !(&run{o: o}).atTenth() {
		so := o
		so.Households = o.Households / 10
		var err error
		if small, err = measure(ctx, so, filepath.Join(base, "tenth")); err != nil {
			return small, err
		}
		if !o.Keep {
			if err := os.RemoveAll(filepath.Join(base, "tenth")); err != nil {
				return small, fmt.Errorf("bench: %w", err)
			}
		}
	}
	r, err := measure(ctx, o, filepath.Join(base, "full"))
	if err != nil {
		return r, err
	}
	if len(small.Figures) > 0 {
		a, b := figure(small, "screen_full"), figure(r, "screen_full")
		if a != nil && b != nil && a.Value > 0 {
			r.Figures = append(r.Figures, growth(a.Value, b.Value))
		}
	}
	return r, nil
}

// growth is the time of a full screening against the one of a tenth of the households.
func growth(small, full float64) Figure {
	g := full / small
	return Figure{Job: "growth_from_tenth", Value: g, Unit: "x", Reference: 10, Against: "ten times the households", Ratio: g / 10, Target: "<= 11 x", Met: g <= 11}
}

func figure(r Report, job string) *Figure {
	for i := range r.Figures {
		if r.Figures[i].Job == job {
			return &r.Figures[i]
		}
	}
	return nil
}

func measure(ctx context.Context, o Options, dir string) (Report, error) {
	b := &run{o: o, dir: dir, note: o.Progress}
	b.r = Report{Households: o.Households, Cores: runtime.GOMAXPROCS(0), Go: runtime.Version()}
	for _, step := range []func(context.Context) error{b.generate, b.open, b.intake, b.tenth, b.multiply, b.screen, b.whatIf, b.pages, b.rulesInGo, b.oneFact} {
		if err := step(ctx); err != nil {
			if b.w != nil {
				err = errors.Join(err, b.w.Close())
			}
			return b.r, err
		}
	}
	return b.r, b.w.Close()
}

func (b *run) add(f Figure) {
	if f.Reference > 0 && f.Ratio == 0 {
		f.Ratio = f.Value / f.Reference
	}
	b.r.Figures = append(b.r.Figures, f)
}

// peak resets the kernel's high-water mark of resident memory and returns a reader of it; where the kernel has none it reads 0.
func peak() func() int64 {
	// Writing 5 to clear_refs resets VmHWM (proc(5)); a kernel that refuses leaves the mark of the whole process.
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
	return func() int64 {
		f, err := os.Open("/proc/self/status")
		if err != nil {
			return 0
		}
		defer f.Close()
		for sc := bufio.NewScanner(f); sc.Scan(); {
			if rest, ok := strings.CutPrefix(sc.Text(), "VmHWM:"); ok {
				kb, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
				return kb / 1024
			}
		}
		return 0
	}
}

func (b *run) generate(ctx context.Context) error {
	if b.o.Reuse {
		return b.countFiles()
	}
	began, mark := time.Now(), peak()
	sum, err := synth.Generate(ctx, synth.Options{Out: filepath.Join(b.dir, "synth"), Division: b.o.Division, Households: int(b.o.Households), Seed: b.o.Seed, AsOf: b.o.AsOf, Pack: b.o.Pack, Tree: b.o.Tree,
		Progress: func(done, total int64) { b.note("synth", done, total) }})
	if err != nil {
		return err
	}
	sec := time.Since(began).Seconds()
	b.add(Figure{Job: "synth", Value: float64(sum.Rows) / sec, Unit: "rows/s", Target: "10 M households in minutes, bounded memory", Met: true, PeakMiB: mark()})
	return b.countFiles()
}

func (b *run) countFiles() error {
	return filepath.WalkDir(filepath.Join(b.dir, "synth", "files"), func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		b.r.Files++
		b.r.Bytes += info.Size()
		return nil
	})
}

func (b *run) open(ctx context.Context) error {
	data := filepath.Join(b.dir, "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	keys := secret.Create
	if b.o.Reuse {
		keys = secret.Load
	}
	var err error
	if b.keys, err = keys(data + ".keyring"); err != nil {
		return err
	}
	if b.w, err = warehouse.Open(ctx, filepath.Join(data, "warehouse.duckdb"), warehouse.Options{MemoryLimit: b.o.MemoryLimit}); err != nil {
		return err
	}
	if err = b.w.Schema(ctx, b.o.Pack); err != nil {
		return err
	}
	b.in = intake.New(b.w, b.keys, b.o.Pack, b.o.Tree, data, slog.New(slog.NewTextHandler(io.Discard, nil)))
	b.s = screening.New(b.w, b.o.Pack, b.o.Tree, data)
	if b.o.Reuse {
		return b.asTakenIn(ctx)
	}
	return nil
}

// asTakenIn makes a kept warehouse what it was after the intake. Copies of an earlier run can't be taken out again.
func (b *run) asTakenIn(ctx context.Context) error {
	var n int64
	if err := b.w.DB().QueryRowContext(ctx, "SELECT count(*) FROM household").Scan(&n); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	if n < b.o.Households/2 || n > b.o.Households*3/2 {
		return errs.Newf(errs.Invalid, "文件夹里有 %[1]d 户，与 --households %[2]d 不符：那里没有接收过，或已经放大过", "the folder holds %[1]d households, not about --households %[2]d: nothing was taken in there, or it has been multiplied already", n, b.o.Households)
	}
	return b.s.Forget(ctx)
}

// files lists the generated files of a dataset, or all of them.
func (b *run) files(token string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(filepath.Join(b.dir, "synth", "files"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && (token == "" || strings.Contains(e.Name(), token)) {
			out = append(out, path)
		}
		return err
	})
	sort.Strings(out)
	return out, err
}

// token is the file-name token of a dataset.
func (b *run) token(id string) (string, error) {
	ds := b.o.Pack.Dataset(id)
	if ds == nil || len(ds.FileNames) == 0 {
		return "", fmt.Errorf("bench: the pack has no dataset %s", id)
	}
	return ds.FileNames[0], nil
}

// take delivers files and returns rows and seconds.
func (b *run) take(ctx context.Context, step string, paths []string) (rows int64, seconds float64, err error) {
	began := time.Now()
	got, err := b.in.Files(ctx, paths, intake.Options{Now: b.o.Now, Progress: func(p intake.Progress) { b.note(step, int64(p.Index), int64(p.Files)) }})
	if err != nil {
		return 0, 0, err
	}
	for i := range got {
		rows += int64(got[i].Rows)
	}
	return rows, time.Since(began).Seconds(), nil
}

// intake measures the roster, the health-insurance files (the figure of design section 6) and the rest, each against bare read_csv.
func (b *run) intake(ctx context.Context) error {
	if b.o.Reuse {
		return b.countFacts(ctx)
	}
	all, err := b.files("")
	if err != nil {
		return err
	}
	left := all
	pick := func(id string) ([]string, error) {
		token, err := b.token(id)
		if err != nil {
			return nil, err
		}
		var mine, rest []string
		for _, p := range left {
			if strings.Contains(filepath.Base(p), token) {
				mine = append(mine, p)
			} else {
				rest = append(rest, p)
			}
		}
		left = rest
		return mine, nil
	}
	for _, part := range []struct{ job, dataset, target string }{
		{"intake_roster", "roster", "no target of its own: three ciphertext columns a row"},
		{"intake_health", "health_settlement", ">= 300 000 rows/s, <= 5 x read_csv"},
		{"intake_rest", "", "as intake_health"},
	} {
		paths := left
		if part.dataset != "" {
			if paths, err = pick(part.dataset); err != nil {
				return err
			}
		}
		mark := peak()
		rows, sec, err := b.take(ctx, part.job, paths)
		if err != nil {
			return err
		}
		mib := mark()
		ref, n, err := readCSV(ctx, paths)
		if err != nil {
			return err
		}
		f := Figure{Job: part.job, Value: float64(rows) / sec, Unit: "rows/s", Target: part.target, PeakMiB: mib, Met: true}
		if ref > 0 && n > 0 {
			f.Reference, f.Against = float64(n)/ref, "read_csv (all columns as text) of the UTF-8 CSV files among them"
			f.Ratio = f.Reference / f.Value
		}
		if part.dataset == "health_settlement" {
			f.Met = f.Value >= 300_000 && f.Ratio <= 5
		}
		b.add(f)
	}
	return b.countFacts(ctx)
}

// countFacts counts what was taken in.
func (b *run) countFacts(ctx context.Context) error {
	c, err := b.w.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.QueryRowContext(ctx, "SELECT CAST(coalesce(sum(accepted), 0) AS BIGINT) FROM batch WHERE state = 'accepted' AND dataset <> 'roster'").Scan(&b.r.Facts); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	return errors.Join(c.QueryRowContext(ctx, "SELECT count(*) FROM person WHERE member_to IS NULL").Scan(&b.r.Persons))
}

// readCSV is the reference of intake: DuckDB reads the UTF-8 CSV files of the list into a table of text columns.
func readCSV(ctx context.Context, paths []string) (seconds float64, rows int64, err error) {
	connector, err := duckdb.NewConnector("", nil)
	if err != nil {
		return 0, 0, fmt.Errorf("bench: %w", err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	for _, p := range paths {
		if !strings.HasSuffix(p, ".csv") || !utf8CSV(p) {
			continue
		}
		began := time.Now()
		text := "CREATE OR REPLACE TABLE t AS SELECT * FROM read_csv('" + strings.ReplaceAll(p, "'", "''") + "', all_varchar = true, header = true, null_padding = true, ignore_errors = true)"
		if _, err := db.ExecContext(ctx, text); err != nil {
			continue // a file that bare read_csv can't sniff gives no reference; ours read it
		}
		seconds += time.Since(began).Seconds()
		var n int64
		if err := db.QueryRowContext(ctx, "SELECT count(*) FROM t").Scan(&n); err != nil {
			return 0, 0, fmt.Errorf("bench: %w", err)
		}
		rows += n
	}
	return seconds, rows, nil
}

// utf8CSV looks at the start of a file.
func utf8CSV(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	buf := make([]byte, 4096)
	n, _ := io.ReadFull(f, buf)
	// Cut at the last line end, so that no character is torn.
	if i := strings.LastIndexByte(string(buf[:n]), '\n'); i > 0 {
		n = i
	}
	return n > 0 && strings.ToValidUTF8(string(buf[:n]), "\uFFFD") == string(buf[:n])
}

func (b *run) screen(ctx context.Context) error {
	mark := peak()
	sum, err := b.s.Run(ctx, screening.Options{AsOf: b.o.AsOf, Now: b.o.Now, Full: true, Progress: func(done, total int64) { b.note("screen", done, total) }})
	if err != nil {
		return err
	}
	mib := mark()
	b.note("reference", 0, 1)
	ref, diff, err := Reference(ctx, b.w, b.o.Pack, b.o.AsOf)
	if err != nil {
		return err
	}
	if diff != "" {
		return fmt.Errorf("bench: the hand-written SQL disagrees with the screening: %s", diff)
	}
	f := Figure{Job: "screen_full", Value: sum.Seconds, Unit: "s", Reference: ref, Against: "the same screening in hand-written DuckDB SQL", Target: "<= 60 s, <= 1.3 x, < 6 GiB", PeakMiB: mib}
	f.Met = f.Value <= 60 && f.Value <= 1.3*ref && mib < 6*1024
	b.add(f)
	if b.small > 0 {
		b.add(growth(b.small, f.Value))
	}
	return nil
}

func (b *run) whatIf(ctx context.Context) error {
	var line *policy.Parameter
	for i := range b.o.Pack.Parameters {
		if b.o.Pack.Parameters[i].ID == "line" {
			line = &b.o.Pack.Parameters[i]
		}
	}
	if line == nil {
		return errors.New("bench: the pack has no parameter line")
	}
	var times []float64
	for _, v := range []float64{9000, 8200, 9500} {
		began := time.Now()
		if _, err := b.s.WhatIf(ctx, screening.Question{Set: map[string]float64{line.ID: v}, By: "county"}); err != nil {
			return err
		}
		times = append(times, time.Since(began).Seconds())
	}
	f := Figure{Job: "whatif", Value: slices.Max(times), Unit: "s", Target: "< 1 s", PeakMiB: 0}
	f.Met = f.Value < 1
	b.add(f)
	return nil
}

// pages measures the work list (50 warnings after a key) and the page of a household, over many of them.
func (b *run) pages(ctx context.Context) error {
	var lists, homes []float64
	var nos []string
	err := b.s.Warnings(ctx, screening.Filter{Limit: 2000}, func(w screening.Warning) error {
		nos = append(nos, w.HouseholdNo)
		return nil
	})
	if err != nil {
		return err
	}
	if len(nos) == 0 {
		return errors.New("bench: nobody was warned; there is no list to measure")
	}
	var counties []division.Code
	for _, no := range nos {
		if len(no) >= 6 {
			if code, err := division.Parse(no[:6]); err == nil && !slices.Contains(counties, code) {
				counties = append(counties, code)
			}
		}
	}
	for i := range 100 {
		f := screening.Filter{Limit: 50, Level: policy.Level(i%3 + 1)}
		if len(counties) > 0 {
			f.Division = counties[i%len(counties)]
		}
		began := time.Now()
		if err := b.s.Warnings(ctx, f, func(screening.Warning) error { return nil }); err != nil {
			return err
		}
		lists = append(lists, time.Since(began).Seconds()*1000)
	}
	for i := range 50 {
		began := time.Now()
		if _, err := b.s.Household(ctx, nos[i*len(nos)/50]); err != nil {
			return err
		}
		homes = append(homes, time.Since(began).Seconds()*1000)
	}
	for _, x := range []struct {
		job  string
		list []float64
	}{{"work_list_p99", lists}, {"household_page_p99", homes}} {
		slices.Sort(x.list)
		f := Figure{Job: x.job, Value: x.list[len(x.list)*99/100], Unit: "ms", Target: "p99 < 100 ms"}
		f.Met = f.Value < 100
		b.add(f)
	}
	return nil
}

// rulesInGo evaluates and explains every rule for one household in Go.
func (b *run) rulesInGo(ctx context.Context) error {
	var no string
	if err := b.s.Warnings(ctx, screening.Filter{Limit: 1}, func(w screening.Warning) error { no = w.HouseholdNo; return nil }); err != nil {
		return err
	}
	perRun, err := b.s.MeasureRules(ctx, no, 2000)
	if err != nil {
		return err
	}
	f := Figure{Job: "one_household_in_go", Value: float64(perRun.Nanoseconds()) / 1000, Unit: "µs", Target: "< 20 µs, all rules with explanation"}
	f.Met = f.Value < 20
	b.add(f)
	return nil
}

// oneFact delivers one hospital bill and waits for the warning.
func (b *run) oneFact(ctx context.Context) error {
	paths, err := b.files("")
	if err != nil {
		return err
	}
	token, err := b.token("roster")
	if err != nil {
		return err
	}
	var roster string
	for _, p := range paths {
		if strings.Contains(filepath.Base(p), token) && strings.HasSuffix(p, ".csv") {
			roster = p
			break
		}
	}
	if roster == "" {
		return errors.New("bench: no CSV roster among the generated files")
	}
	path, county, err := b.bill(roster)
	if err != nil {
		return err
	}
	mark := peak()
	began := time.Now()
	got, err := b.in.Files(ctx, []string{path}, intake.Options{Now: b.o.Now})
	if err != nil {
		return err
	}
	if len(got) != 1 || got[0].State != "accepted" || got[0].Linked != 1 {
		return fmt.Errorf("bench: the single bill for county %d was not accepted and linked: %+v", county, got)
	}
	took := time.Since(began)
	sum, err := b.s.Run(ctx, screening.Options{AsOf: b.o.AsOf, Now: b.o.Now})
	if err != nil {
		return err
	}
	f := Figure{Job: "one_fact_to_warning", Value: time.Since(began).Seconds(), Unit: "s", Target: "< 1 s", PeakMiB: mark(),
		Against: fmt.Sprintf("intake %.3f s + screening of %d household(s), %s", took.Seconds(), sum.Screened, sum.Kind)}
	f.Met = f.Value < 1 && sum.Kind == "incremental"
	b.add(f)
	return nil
}

// bill writes a health-insurance file with one large bill for the first member of a roster.
func (b *run) bill(roster string) (path string, county int32, err error) {
	f, err := os.Open(roster)
	if err != nil {
		return "", 0, fmt.Errorf("bench: %w", err)
	}
	defer f.Close()
	var text io.Reader = f
	if !utf8CSV(roster) {
		text = simplifiedchinese.GB18030.NewDecoder().Reader(f)
	}
	r := csv.NewReader(text)
	r.FieldsPerRecord = -1
	ds, rs := b.o.Pack.Dataset("health_settlement"), b.o.Pack.Dataset("roster")
	names := map[string]string{}
	for _, c := range rs.Columns {
		for _, h := range append([]string{c.Header}, c.Aliases...) {
			names[h] = c.ID
		}
	}
	for {
		row, err := r.Read()
		if err != nil {
			return "", 0, fmt.Errorf("bench: %s: %w", filepath.Base(roster), err)
		}
		at := map[string]int{}
		for i, h := range row {
			if id, ok := names[strings.TrimPrefix(h, "\ufeff")]; ok {
				at[id] = i
			}
		}
		if len(at) > 4 {
			person, err := r.Read()
			if err != nil {
				return "", 0, fmt.Errorf("bench: %s: %w", filepath.Base(roster), err)
			}
			cells := map[string]string{"settlement_no": fmt.Sprintf("BENCH-%d", b.o.Now.Unix()), "name": person[at["name"]], "number": person[at["number"]], "kind": "住院",
				"settled": b.o.AsOf.Format("2006-01-02"), "total": "300000", "self_paid": "250000", "compliant_self_paid": "240000"}
			var heads, values []string
			for _, c := range ds.Columns {
				heads, values = append(heads, c.Header), append(values, cells[c.ID])
			}
			code := person[at["division"]]
			if len(code) < 6 {
				code = filepath.Base(filepath.Dir(roster))
			}
			n, _ := strconv.ParseInt(code[:6], 10, 32)
			name := fmt.Sprintf("%s_%s_%s_bench.csv", ds.FileNames[0], code[:6], b.o.AsOf.Format("200601"))
			path := filepath.Join(b.dir, name)
			text := strings.Join(heads, ",") + "\n" + strings.Join(values, ",") + "\n"
			return path, int32(n), os.WriteFile(path, []byte(text), 0o600)
		}
	}
}
