// Package synth makes a province that does not exist: real divisions with made-up households and persons, the files
// that the departments would deliver about them, dirt included, and the truth about who was struck by what.
//
// Everything follows from seed, division, number of households and as-of day: the same four give the same bytes,
// on any number of cores. Each household is a pure function of the seed, its village, its serial number and the
// layout of the run; nothing is kept beyond the household being written, so memory does not grow with the province.
// The distributions and their sources are in docs/synthetic-data.md.
//
// It reads the pack's data contracts for headers and spellings and never its indicators or rules: the truth comes
// from the generator's own state. It never reads real persons' data; all numbers, names, phones and accounts are random.
package synth

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/ethnic"
	"shouwang/internal/policy"
)

// Options say what to make.
type Options struct {
	Out        string        // folder to write to; must be empty or new
	Division   division.Code // province, prefecture, county, township or village; 0 = the pack's whole region
	Households int           // in all, spread over the villages of Division
	Seed       uint64
	AsOf       time.Time // the last month that ended by this day is the last one delivered
	Pack       *policy.Pack
	Tree       *division.Tree
	Workers    int                     // counties at a time; 0 = as many as cores. The bytes do not depend on it
	Progress   func(done, total int64) // households; may be nil; called from several goroutines, one at a time
}

// Summary is what was made; also written as truth/summary.json.
type Summary struct {
	Division   string           `json:"division"`
	Seed       uint64           `json:"seed"`
	AsOf       string           `json:"as_of"`
	From       string           `json:"from"` // first month of the events
	To         string           `json:"to"`   // last month
	Counties   int              `json:"counties"`
	Villages   int              `json:"villages"`
	Households int64            `json:"households"`
	Persons    int64            `json:"persons"`
	Files      int              `json:"files"`
	Rows       int64            `json:"rows"` // data rows of all files
	Bytes      int64            `json:"bytes"`
	ByDataset  map[string]int64 `json:"rows_by_dataset"`
	Struck     map[string]int64 `json:"struck_by_risk"`
	Dirt       map[string]int64 `json:"dirt"`
	Missing    []Missing        `json:"missing_feeds"`
	Links      bool             `json:"links"` // truth/links.csv was written
}

// Missing is a feed that a county never delivers.
type Missing struct {
	Dataset string `json:"dataset"`
	County  int    `json:"county"`
}

// linksUpTo is the largest run (households) for which truth/links.csv is written: beyond it the file would be as large
// as the departments' own.
const linksUpTo = 200_000

type generator struct {
	opt         Options
	asOf        day
	first, last day     // the twelve months of the events
	income      float64 // province mean a head and year
	line        float64 // where the generator sees hardship begin, yuan a head and year
	names       *nameTable
	gb          *gbTable
	ethnics     map[string]string
	kinds       []shockKind
	emitters    []emitter
	bindings    []*binding
	links       bool

	mu   sync.Mutex
	done int64
}

// Generate writes OUT/files/<county>/… and OUT/truth/…. It refuses (errs.Conflict) a folder that has files in it, stops
// when ctx does, and leaves nothing behind when it fails.
func Generate(ctx context.Context, opt Options) (Summary, error) {
	g, err := newGenerator(opt)
	if err != nil {
		return Summary{}, err
	}
	counties, err := g.lay()
	if err != nil {
		return Summary{}, err
	}
	if entries, err := os.ReadDir(opt.Out); err == nil && len(entries) > 0 {
		return Summary{}, errs.Newf(errs.Conflict, "文件夹 %[1]s 不是空的，请换一个文件夹", "folder %[1]s is not empty: give another one", opt.Out)
	}
	for _, dir := range []string{"files", "truth"} {
		if err := os.MkdirAll(filepath.Join(opt.Out, dir), 0o755); err != nil {
			return Summary{}, errs.Wrap(errs.Unavailable, err, "无法建立输出文件夹", "cannot create the output folder")
		}
	}
	workers := opt.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(workers)
	for _, c := range counties {
		group.Go(func() error { return g.county(ctx, c) })
	}
	err = group.Wait()
	var s Summary
	if err == nil {
		s, err = g.truth(counties)
	}
	if err != nil {
		// Half a province is worse than none: the folder was empty, so all that is in these two is ours.
		for _, dir := range []string{"files", "truth"} {
			err = errors.Join(err, os.RemoveAll(filepath.Join(opt.Out, dir)))
		}
		return Summary{}, err
	}
	return s, nil
}

func newGenerator(opt Options) (*generator, error) {
	if opt.Households <= 0 {
		return nil, errs.New(errs.Invalid, "户数必须大于 0", "the number of households must be above 0")
	}
	if opt.Division == 0 {
		region, err := division.Parse(opt.Pack.Region)
		if err != nil {
			return nil, err
		}
		opt.Division = region
	}
	if y := opt.AsOf.Year(); y < 2020 || y > 2100 {
		return nil, errs.Newf(errs.Invalid, "基准日 %[1]s 超出 2020–2100 年", "as-of day %[1]s lies outside 2020–2100", opt.AsOf.Format(time.DateOnly))
	}
	g := &generator{opt: opt, asOf: dayOf(opt.AsOf), gb: newGBTable(), kinds: shockKinds(), emitters: emitters(), links: opt.Households <= linksUpTo}
	g.last = (g.asOf + 1).monthStart(0) - 1 // the end of the last month that is over
	g.first = g.last.monthStart(-11)
	growth := math.Pow(1+incomeGrowth, float64(g.last.year()-incomeYear))
	g.income, g.line = incomeBase*growth, lineBase*growth
	var err error
	if g.names, err = loadNames(); err != nil {
		return nil, err
	}
	g.ethnics = map[string]string{}
	for _, code := range ethnicCodes {
		g.ethnics[code] = ethnic.Name(code)
	}
	for _, e := range g.emitters {
		b, err := g.bind(e.dataset, e.columns...)
		if err != nil {
			return nil, errs.Wrap(errs.Invalid, err, "数据合同与生成器不一致", "the data contracts do not fit the generator")
		}
		g.bindings = append(g.bindings, b)
	}
	return g, nil
}

func (g *generator) ethnicName(code string) string { return g.ethnics[code] }

// county writes every file of one county, household by household.
func (g *generator) county(ctx context.Context, c *county) (err error) {
	feeds := make([]*feed, len(g.emitters))
	defer func() {
		for _, f := range feeds {
			if f == nil {
				continue
			}
			if e := f.close(); err == nil {
				err = e
			}
		}
		if err != nil && ctx.Err() == nil {
			err = errs.Wrap(errs.Unavailable, err, "写出部门文件失败", "cannot write the departments' files")
		}
	}()
	for i, e := range g.emitters {
		if c.lacks(e.dataset) {
			continue
		}
		from, to := g.first, g.last
		if e.dataset == "electricity" {
			from = g.last.monthStart(-2)
		}
		if feeds[i], err = g.openFeed(c, g.bindings[i], from, to, e.perHousehold); err != nil {
			return err
		}
	}
	h := new(household)
	for i := range c.villages {
		v := &c.villages[i]
		for serial := 1; serial <= v.households; serial++ {
			g.make(c, v, serial, h)
			c.persons += int64(h.n)
			c.note(h)
			for k, f := range feeds {
				if f != nil {
					g.emitters[k].rows(g, f, h)
				}
			}
		}
		g.progress(int64(v.households))
		for _, f := range feeds {
			if f != nil && f.err != nil {
				return f.err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// make builds household serial of village v into h.
func (g *generator) make(c *county, v *village, serial int, h *household) {
	n := h.n
	*h = household{village: v, index: v.base + serial - 1, seed: derive(v.seed, uint64(serial)<<8), n: n}
	copy(h.no[:12], v.text[:])
	appendPadded(h.no[:12], serial, 5)
	r := rng{derive(h.seed, 10)}
	g.compose(&r, h)
	g.settle(c, h)
	g.identity(&r, h)
	g.body(&r, h)
	r = rng{derive(h.seed, 11)}
	g.economy(&r, h)
	g.schoolCosts(&r, h)
	r = rng{derive(h.seed, 12)}
	g.fate(&r, h)
}

func (g *generator) progress(n int64) {
	if g.opt.Progress == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.done += n
	g.opt.Progress(g.done, int64(g.opt.Households))
}

// note keeps the truth about a household.
func (c *county) note(h *household) {
	for i := range h.nShocks {
		s := &h.shocks[i]
		c.risks[s.risk]++
		b := append(c.struck, h.no[:]...)
		b = append(append(b, ','), s.risk...)
		b = appendDate(append(b, ','), s.day, dateISO)
		b = append(b, ',', byte('0'+s.severity), ',')
		c.struck = append(append(b, s.kind...), '\n')
	}
	for i := range h.nGaps {
		b := append(append(c.gaps, h.no[:]...), ',')
		b = append(append(b, h.gaps[i].risk...), ',')
		c.gaps = append(append(b, h.gaps[i].kind...), '\n')
	}
}

func (g *generator) truth(counties []*county) (Summary, error) {
	s := Summary{Division: g.opt.Division.Prefix(), Seed: g.opt.Seed, AsOf: g.opt.AsOf.Format(time.DateOnly),
		From: string(appendMonth(nil, g.first, dateISO)), To: string(appendMonth(nil, g.last, dateISO)),
		Counties: len(counties), ByDataset: map[string]int64{}, Struck: map[string]int64{}, Dirt: map[string]int64{}, Missing: []Missing{}, Links: g.links}
	struck, gaps, missing := []string{"household_no,risk,date,severity,kind\n"}, []string{"household_no,risk,kind\n"}, []string{"dataset,county\n"}
	for _, c := range counties {
		s.Villages += len(c.villages)
		s.Households += int64(c.households)
		s.Persons += c.persons
		s.Files += c.files
		s.Rows += c.rows
		s.Bytes += c.bytes
		for k, n := range c.byDataset {
			s.ByDataset[k] += n
		}
		for k, n := range c.risks {
			s.Struck[k] += n
		}
		for i, n := range c.dirt {
			s.Dirt[dirtNames[i]] += n
		}
		for _, m := range c.missing {
			s.Missing = append(s.Missing, Missing{m, c.code})
			missing = append(missing, fmt.Sprintf("%s,%d\n", m, c.code))
		}
		struck, gaps = append(struck, string(c.struck)), append(gaps, string(c.gaps))
	}
	for name, parts := range map[string][]string{"struck.csv": struck, "gaps.csv": gaps, "missing_feeds.csv": missing} {
		if err := writeParts(filepath.Join(g.opt.Out, "truth", name), parts); err != nil {
			return s, errs.Wrap(errs.Unavailable, err, "写出真值失败", "cannot write the truth")
		}
	}
	if err := g.gatherLinks(counties); err != nil {
		return s, errs.Wrap(errs.Unavailable, err, "写出关联真值失败", "cannot write the truth about links")
	}
	for name, v := range map[string]any{"dirt.json": s.Dirt, "summary.json": s} {
		b, err := json.MarshalIndent(v, "", "  ")
		if err == nil {
			err = os.WriteFile(filepath.Join(g.opt.Out, "truth", name), append(b, '\n'), 0o644)
		}
		if err != nil {
			return s, errs.Wrap(errs.Unavailable, err, "写出真值失败", "cannot write the truth")
		}
	}
	return s, nil
}

// gatherLinks puts the link truth of every file into truth/links.csv (file, row, household_no), in the order of counties
// and feeds, whichever worker wrote them first.
func (g *generator) gatherLinks(counties []*county) error {
	if !g.links {
		return nil
	}
	out, err := os.Create(filepath.Join(g.opt.Out, "truth", "links.csv"))
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(out, 256<<10)
	_, err = w.WriteString("file,row,household_no\n")
	for _, c := range counties {
		for _, path := range c.links {
			if err == nil {
				err = copyFile(w, path)
			}
		}
	}
	err = errors.Join(err, w.Flush(), out.Close())
	if err == nil {
		err = os.RemoveAll(filepath.Join(g.opt.Out, "truth", "links"))
	}
	return err
}

func copyFile(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}

func writeParts(path string, parts []string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if err == nil {
			_, err = f.WriteString(p)
		}
	}
	return errors.Join(err, f.Close())
}

// schoolCosts: yearly fees after compulsory schooling, with aid for those who may have it [assumption].
func (g *generator) schoolCosts(r *rng, h *household) {
	for i := range h.n {
		p := &h.m[i]
		var fees int
		switch p.stage {
		case "preschool":
			if !r.chance(0.3) {
				continue
			}
			fees = r.between(800, 4000)
		case "senior":
			fees = r.between(2000, 5500)
		case "vocational":
			fees = r.between(1200, 4200)
		case "college":
			fees = r.between(4800, 9800)
		default:
			continue
		}
		p.fees = int64(fees) * 100
		p.paid = g.schoolDay(r)
		if h.kind == "exited" && r.chance(0.9) || r.chance(0.25) {
			p.aid = int64(r.between(500, min(fees, 4500))) * 100
		}
	}
}
