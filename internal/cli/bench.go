package cli

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"shouwang/internal/app"
	"shouwang/internal/bench"
	"shouwang/internal/errs"
)

type benchOptions struct {
	households int64
	division   string
	dir        string
	keep       bool
	seed       uint64
	noGrowth   bool
	reuse      bool
	times      int
	out        string
}

// benchDocument is the JSON document of bench.
type benchDocument struct{ bench.Report }

func newBenchCommand(e *env) *cobra.Command {
	var o benchOptions
	cmd := e.command("bench", words{
		zh: "测量速度和内存，并与手写 SQL 对照", en: "measure speed and memory against hand-written SQL",
		longZH: `在合成数据上测量接收、筛查、试算和增量预警，每个数字旁边是同一次运行中测得的对照：裸 read_csv、同样内容的手写 DuckDB SQL。
同时按十分之一的规模再测一遍，看增长倍数。需要的磁盘空间约为每百万户 6 GB；--dir 可以指定位置。`,
		longEN: `Measures intake, screening, what-if and incremental warnings on synthetic data, each figure beside its reference measured in the same run: bare read_csv, and
the same screening in hand-written DuckDB SQL; and everything again at a tenth of the size, for the growth. It needs about 6 GB of disk a million households; --dir says where.`,
		example: "shouwang bench --households 20000 --division 5226\nshouwang bench --households 500000 --times 20 --no-growth --dir /data/bench",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) { return runBench(ctx, e, o) })
	f := cmd.Flags()
	f.Int64Var(&o.households, "households", 100_000, e.t("户数（至少 1000）", "number of households (at least 1000)"))
	f.StringVar(&o.division, "division", "", e.t("行政区划（代码或名称，默认政策包的全部地区）", "division, code or name (default the pack's whole region)"))
	f.StringVar(&o.dir, "dir", "", e.t("放文件和数据的空文件夹（默认临时文件夹，用完删除）", "empty folder for files and data (default a temporary one, removed at the end)"))
	f.BoolVar(&o.keep, "keep", false, e.t("保留 --dir 里的内容", "leave the contents of --dir"))
	f.BoolVar(&o.reuse, "reuse", false, e.t("沿用 --dir 里以前留下的文件和接收结果，只测其后的部分", "take the files and the intake that an earlier --keep has left in --dir, and measure what follows"))
	f.Uint64Var(&o.seed, "seed", 1, e.t("种子", "seed"))
	f.IntVar(&o.times, "times", 1, e.t("接收后用 SQL 把户数放大这么多倍再筛查（不测放大部分的接收）", "after the intake multiply the households by this in SQL before screening (the copies are not taken in)"))
	f.BoolVar(&o.noGrowth, "no-growth", false, e.t("不测十分之一的规模", "leave out the run at a tenth of the size"))
	f.StringVar(&o.out, "out", "", e.t("另存为 Markdown 表格", "also write a Markdown table to this file"))
	return cmd
}

func runBench(ctx context.Context, e *env, o benchOptions) (*benchDocument, error) {
	if o.households < 1000 {
		return nil, usagef("--households 至少为 1000", "--households must be at least 1000")
	}
	if o.times < 1 || o.times > 100 {
		return nil, usagef("--times 应在 1 到 100 之间", "--times must be between 1 and 100")
	}
	if o.reuse && o.dir == "" {
		return nil, usagef("--reuse 要用 --dir 指定文件夹", "--reuse needs --dir")
	}
	a, err := app.New(e.config, e.logger())
	if err != nil {
		return nil, err
	}
	code, err := parseDivision(a.Tree, o.division)
	if err != nil {
		return nil, err
	}
	steps := &stepProgress{e: e}
	report, err := bench.Run(ctx, bench.Options{
		Households: o.households, Division: code, Dir: o.dir, Keep: o.keep, Seed: o.seed, AsOf: (&dayFlag{}).or(e.Now()), Now: e.Now(),
		Pack: a.Pack, Tree: a.Tree, MemoryLimit: e.config.MemoryLimit, NoGrowth: o.noGrowth, Reuse: o.reuse, Times: o.times, Progress: steps.update,
	})
	steps.end(err)
	if err != nil {
		return nil, err
	}
	d := &benchDocument{report}
	if o.out != "" {
		if err := os.WriteFile(e.path(o.out), []byte(d.markdown()), 0o644); err != nil {
			return nil, errs.Wrap(errs.Unavailable, err, "无法写文件 "+o.out, "cannot write the file "+o.out)
		}
	}
	return d, nil
}

// stepProgress shows one bar after the other for work that names its steps.
type stepProgress struct {
	e    *env
	name string
	bar  *progress
}

func (s *stepProgress) update(step string, done, total int64) {
	if step != s.name || s.bar == nil {
		s.end(nil)
		s.name, s.bar = step, s.e.progress(step, step)
	}
	s.bar.update(done, total)
}

func (s *stepProgress) end(err error) {
	if s.bar != nil {
		s.bar.end(err)
		s.bar = nil
	}
}

func (d *benchDocument) rows() (rows [][]string) {
	for _, f := range d.Figures {
		reference, ratio, peak := "", "", ""
		if f.Reference != 0 {
			reference, ratio = trimNumber(f.Reference), fmt.Sprintf("%.2fx", f.Ratio)
		}
		if f.PeakMiB > 0 {
			peak = fmt.Sprintf("%d MiB", f.PeakMiB)
		}
		met := "✗"
		if f.Met {
			met = "✓"
		}
		rows = append(rows, []string{f.Job, figure(f.Value), f.Unit, reference, ratio, f.Against, f.Target, met, peak})
	}
	return rows
}

// figure writes a value with the digits that matter.
func figure(v float64) string {
	switch {
	case v >= 1000:
		return count(int64(v + 0.5))
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

func (d *benchDocument) text(w *page) {
	w.linef(w.t("%s 户，%s 人，%s 行数据，%d 个文件 %s MiB；%d 个处理器，%s", "%s households, %s persons, %s facts, %d files of %s MiB; %d processors, %s"),
		count(d.Households), count(d.Persons), count(d.Facts), d.Files, count(d.Bytes>>20), d.Cores, d.Go)
	w.table([]string{w.t("工作", "job"), w.t("结果", "value"), w.t("单位", "unit"), w.t("对照", "reference"), w.t("倍数", "ratio"),
		w.t("对照是", "reference is"), w.t("目标", "target"), "", w.t("内存峰值", "peak memory")}, d.rows())
}

// markdown is the report as a page for docs/benchmarks.md.
func (d *benchDocument) markdown() string {
	w := newPage("en")
	w.linef("%s households, %s persons, %s facts, %d files of %s MiB; %d processors, %s.\n", count(d.Households), count(d.Persons), count(d.Facts), d.Files, count(d.Bytes>>20), d.Cores, d.Go)
	w.linef("| job | value | unit | reference | ratio | reference is | target | met | peak memory |\n|---|---:|---|---:|---:|---|---|---|---:|")
	for _, row := range d.rows() {
		for _, cell := range row {
			w.WriteString("| " + cell + " ")
		}
		w.linef("|")
	}
	return w.String()
}
