package cli

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"shouwang/internal/app"
	"shouwang/internal/division"
	"shouwang/internal/synth"
)

type synthOptions struct {
	out        string
	division   string
	households int
	seed       uint64
	asOf       dayFlag
}

// synthDocument is the JSON document of synth.
type synthDocument struct {
	Out string `json:"out"` // the folder; below it files and truth
	synth.Summary
}

func newSynthCommand(e *env) *cobra.Command {
	var o synthOptions
	cmd := e.command("synth", words{
		zh: "生成合成的农户和部门文件", en: "generate synthetic households and department files",
		longZH: `按种子生成合成的农户和各部门文件：真实的行政区划，按统计资料的分布，带有真实世界里的错漏（校验位错、号码颠倒、GBK 姓名、重复行、迟到的更正、个别县缺报）。
truth/ 文件夹记下谁遭遇了什么，供 evaluate 计算查全率和查准率。人和号码都是编造的。`,
		longEN: `Generates households and the departments' files from a seed: real divisions, distributions after the statistics, and the dirt of the real world
(wrong check digits, swapped digits, GBK names, repeated rows, late corrections, feeds missing for some counties). truth/ says who was struck by what, so that
evaluate can measure recall and precision. Persons and numbers are made up.`,
		example: "shouwang synth --out ./files --division 522633 --households 20000\nshouwang synth --out ./province --division 520000 --households 10000000 --seed 7 --as-of 2026-11-01",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) { return runSynth(ctx, e, o) })
	f := cmd.Flags()
	f.StringVar(&o.out, "out", "", e.t("写到这个文件夹（必需）", "folder to write to (required)"))
	f.StringVar(&o.division, "division", defaultDivision, e.t("行政区划（代码或名称）", "division (code or name)"))
	f.IntVar(&o.households, "households", defaultHouseholds, e.t("户数", "number of households"))
	f.Uint64Var(&o.seed, "seed", 1, e.t("种子：同样的种子生成同样的文件", "seed: the same seed makes the same files"))
	f.Var(&o.asOf, "as-of", e.t("数据截至日（默认今天）", "day that the data go up to (default today)"))
	return cmd
}

func runSynth(ctx context.Context, e *env, o synthOptions) (*synthDocument, error) {
	if strings.TrimSpace(o.out) == "" {
		return nil, usagef("请用 --out 指定要写入的文件夹", "name the folder to write to with --out")
	}
	if o.households < 1 {
		return nil, usagef("--households 应为正数", "--households must be positive")
	}
	a, err := e.app()
	if err != nil {
		return nil, err
	}
	code, err := parseDivision(a.Tree, o.division)
	if err != nil {
		return nil, err
	}
	return generate(ctx, e, a, code, o)
}

// generate runs the generator under a progress bar.
func generate(ctx context.Context, e *env, a *app.App, code division.Code, o synthOptions) (*synthDocument, error) {
	bar := e.progress("生成合成数据", "generating synthetic data")
	sum, err := synth.Generate(ctx, synth.Options{
		Out: o.out, Division: code, Households: o.households, Seed: o.seed, AsOf: o.asOf.or(e.Now()),
		Pack: a.Pack, Tree: a.Tree, Progress: bar.update,
	})
	bar.end(err)
	if err != nil {
		return nil, err
	}
	return &synthDocument{Out: o.out, Summary: sum}, nil
}

func (d *synthDocument) text(w *page) {
	w.linef(w.t("%s 户 %s 人，%d 个村，%d 个文件共 %s 行（%s MiB），数据从 %s 到 %s", "%s households, %s persons, %d villages; %d files with %s rows (%s MiB), from %s to %s"),
		count(d.Households), count(d.Persons), d.Villages, d.Files, count(d.Rows), count(d.Bytes>>20), d.From, d.To)
	for _, kind := range []struct {
		zh, en string
		counts map[string]int64
	}{{"遭遇（户）", "Struck (households)", d.Struck}, {"错漏（行）", "Dirt (rows)", d.Dirt}} {
		w.heading(kind.zh, kind.en)
		var rows [][]string
		for _, id := range slices.Sorted(maps.Keys(kind.counts)) {
			rows = append(rows, []string{id, count(kind.counts[id])})
		}
		w.table([]string{"", ""}, rows)
	}
	w.linef("")
	w.linef(w.t("部门文件：%s；真相：%s", "departments' files: %s; truth: %s"), filepath.Join(d.Out, "files"), filepath.Join(d.Out, "truth"))
}
