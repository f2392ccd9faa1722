package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"shouwang/internal/policy"
	"shouwang/internal/screening"
)

type screenOptions struct {
	asOf dayFlag
	full bool
}

// screenDocument is the JSON document of screen.
type screenDocument struct {
	screening.Summary
	pack *policy.Pack
	tree namer
}

func newScreenCommand(e *env) *cobra.Command {
	var o screenOptions
	cmd := e.command("screen", words{
		zh: "筛查全部农户，更新预警", en: "screen all households and bring the warnings up to date",
		longZH: `按政策包筛查数据文件夹中的每一户。只有上次筛查后有变化的户会重新计算；日期、参数或规则变了，或者用了 --full，就全部重算，结果相同。
部门数据没有来的户，相关规则判为“未知”：既不预警，也不当作没有风险，而是列出数据需求。`,
		longEN: `Screens every household of the data folder by the policy pack. Only what changed since the last run is computed again; everything is
when the day, a parameter or a rule changed, or with --full. The outcome is the same.
Where a department's data never came, its rules are "unknown": no warning and no all-clear, but a data request.`,
		example: "shouwang screen --data ./county\nshouwang screen --data ./county --as-of 2026-11-01 --full --json",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) { return runScreen(ctx, e, o) })
	cmd.Flags().Var(&o.asOf, "as-of", e.t("筛查日期（默认今天）", "screening day (default today)"))
	cmd.Flags().BoolVar(&o.full, "full", false, e.t("全部重新计算", "compute every household again"))
	return cmd
}

func runScreen(ctx context.Context, e *env, o screenOptions) (*screenDocument, error) {
	a, err := e.open(ctx)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	release, err := a.Batch(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	bar := e.progress("筛查农户", "screening households")
	sum, err := a.Screening().Run(ctx, screening.Options{AsOf: o.asOf.or(e.Now()), Now: e.Now(), Full: o.full, Progress: bar.update})
	bar.end(err)
	if err != nil {
		return nil, err
	}
	return &screenDocument{Summary: sum, pack: a.Pack, tree: namer{a.Tree}}, a.Close()
}

func (d *screenDocument) text(w *page) {
	kind := map[string]string{"full": w.t("全部", "everybody"), "incremental": w.t("有变化的户", "what changed"), "none": w.t("没有变化", "nothing changed")}[d.Kind]
	w.linef(w.t("第 %d 次筛查，筛查日期 %s（%s）：%s 户、%s 人，本次计算 %s 户，用时 %.1f 秒",
		"run %d, as of %s (%s): %s households, %s persons; %s households computed, %.1f s"),
		d.Run, d.AsOf, kind, count(d.Households), count(d.Persons), count(d.Screened), d.Seconds)
	d.warnings(w)
	d.requests(w, 10)
}

// warnings writes the households by level and the warnings by risk.
func (d *screenDocument) warnings(w *page) {
	w.heading("预警", "Warnings")
	var rows [][]string
	for _, c := range d.ByLevel {
		rows = append(rows, []string{levelMark(w, c.Level), count(c.Households), count(c.Persons)})
	}
	rows = append(rows, []string{w.t("合计", "all"), count(d.Warned), ""})
	w.table([]string{w.t("最高级别", "worst level"), w.t("户", "households"), w.t("人", "persons")}, rows)
	w.WriteByte('\n')
	rows = nil
	for _, r := range d.ByRisk {
		rows = append(rows, []string{riskName(d.pack, r.Risk, w.lang), count(r.Red), count(r.Yellow), count(r.Blue)})
	}
	w.table([]string{w.t("风险类型", "risk"), "▲", "◆", "●"}, rows)
	var changes []string
	for _, c := range []struct{ id, zh, en string }{
		{screening.ChangeNew, "新增", "new"}, {screening.ChangeWorse, "加重", "worse"}, {screening.ChangeBetter, "减轻", "better"},
		{screening.ChangeSame, "不变", "same"}, {screening.ChangeCleared, "解除", "cleared"}, {screening.ChangeUnknown, "数据中断", "can't be told"},
		{screening.ChangeGone, "已不在册", "left the register"},
	} {
		if n := d.ByChange[c.id]; n > 0 {
			changes = append(changes, fmt.Sprintf("%s %s", w.t(c.zh, c.en), count(n)))
		}
	}
	if len(changes) > 0 {
		w.linef("%s%s", w.t("与上次相比：", "against the run before: "), strings.Join(changes, w.t("，", ", ")))
	}
}

// requests writes at most n data requests.
func (d *screenDocument) requests(w *page, n int) {
	w.heading("数据需求", "Data requests")
	if len(d.Requests) == 0 {
		w.linef("%s", w.t("没有", "none"))
		return
	}
	var rows [][]string
	for _, r := range d.Requests[:min(n, len(d.Requests))] {
		name, department := r.Dataset, r.Department
		if ds := d.pack.Dataset(r.Dataset); ds != nil {
			name = ds.Name.In(w.lang)
		}
		if dep := d.pack.Department(r.Department); dep != nil {
			department = dep.Name.In(w.lang)
		}
		state := map[string]string{
			"missing": w.t("从未报送", "never came"),
			"stale":   w.t("已过期", "too old"),
			"gap":     w.t("缺期", "lacks months"),
			"no_row":  w.t("缺这些户", "lacks them"),
		}[r.State]
		switch {
		case len(r.Months) > 0:
			state += " " + strings.Join(r.Months, " ")
		case r.Through != "":
			state += " " + r.Through
		}
		rows = append(rows, []string{department, name, d.tree.county(r.County), state, count(r.Households), fmt.Sprint(len(r.Rules))})
	}
	w.table([]string{w.t("部门", "department"), w.t("数据", "dataset"), w.t("县", "county"), w.t("情况", "state"), w.t("影响户数", "households"), w.t("影响规则", "rules")}, rows)
	if more := len(d.Requests) - n; more > 0 {
		w.linef(w.t("  …… 还有 %d 项（见 --json）", "  … and %d more (see --json)"), more)
	}
}

func riskName(p *policy.Pack, id, lang string) string {
	if r := p.Risk(id); r != nil {
		return r.Name.In(lang)
	}
	return id
}
