package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"shouwang/internal/policy"
	"shouwang/internal/screening"
)

// householdDocument is the JSON document of household.
type householdDocument struct {
	screening.Household
	pack *policy.Pack
}

func newHouseholdCommand(e *env) *cobra.Command {
	return e.command("household NO", words{
		zh: "显示一户的全部情况", en: "show everything about one household",
		longZH:  "按户编号显示一户：所在地、人口、预警、三保障和饮水、存疑、数据质量、每个指标的值或为什么未知、各部门数据的情况和历次预警。不显示任何人的姓名和号码。",
		longEN:  "Shows one household by its number: place, members, warnings, the 3+1 guarantees, doubts, data quality, every indicator's value or why it is unknown, what each department knows, and past warnings. No person's name or number is shown.",
		example: "shouwang household --data ./county 5226330010001\nshouwang household --data ./county 5226330010001 --json",
	}, cobra.ExactArgs(1), func(ctx context.Context, args []string) (result, error) { return runHousehold(ctx, e, args[0]) })
}

func runHousehold(ctx context.Context, e *env, no string) (*householdDocument, error) {
	a, err := e.open(ctx)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	h, err := a.Screening().Household(ctx, no)
	if err != nil {
		return nil, err
	}
	return &householdDocument{Household: h, pack: a.Pack}, a.Close()
}

func (d *householdDocument) text(w *page) {
	w.linef(w.t("户 %s  %s  %d 人", "household %s  %s  %d members"), d.No, d.Place, d.Household.Members)
	if d.Run == 0 {
		w.linef("%s", w.t("还没有筛查过：shouwang screen", "not screened yet: shouwang screen"))
		return
	}
	w.linef(w.t("第 %d 次筛查，筛查日期 %s", "run %d, as of %s"), d.Run, d.AsOf)
	w.heading("预警", "Warnings")
	if len(d.Warnings) == 0 {
		w.linef("%s", w.t("没有", "none"))
	}
	for _, x := range d.Warnings {
		var rules []string
		for _, id := range x.Rules {
			if r := d.pack.Rule(id); r != nil {
				id = r.Name.In(w.lang)
			}
			rules = append(rules, id)
		}
		w.linef("%s  %s  %s  %s", levelMark(w, x.Level), riskName(d.pack, x.Risk, w.lang), changeName(w, x.Change), strings.Join(rules, w.t("；", "; ")))
	}
	w.heading("三保障和饮水", "3+1 guarantees")
	var rows [][]string
	for _, g := range d.Guarantees {
		outcome := map[string]string{"hit": w.t("有问题", "problem"), "clear": w.t("没有问题", "no problem"), "unknown": w.t("未知", "unknown")}[g.Outcome]
		rows = append(rows, []string{g.Name.In(w.lang), outcome})
	}
	w.table([]string{w.t("规则", "rule"), w.t("结果", "outcome")}, rows)
	d.flags(w)
	w.heading("指标", "Indicators")
	rows = nil
	for _, v := range d.Indicators {
		rows = append(rows, []string{v.Name.In(w.lang), v.Text.In(w.lang), v.Why.In(w.lang)})
	}
	w.table([]string{w.t("指标", "indicator"), w.t("值", "value"), w.t("为什么未知", "why unknown")}, rows)
	w.heading("部门数据", "Departments' data")
	rows = nil
	for _, f := range d.Feeds {
		state := map[string]string{"covered": w.t("有效", "up to date"), "stale": w.t("已过期", "too old"), "missing": w.t("从未报送", "never came"),
			"gap": w.t("缺期", "lacks months")}[f.State]
		if len(f.Months) > 0 {
			state += " " + strings.Join(f.Months, " ")
		}
		rows = append(rows, []string{f.Name.In(w.lang), state, f.Through, count(f.Rows)})
	}
	w.table([]string{w.t("数据", "dataset"), w.t("情况", "state"), w.t("数据至", "data up to"), w.t("行数", "rows")}, rows)
	if len(d.History) > 0 {
		w.heading("历次预警", "Past warnings")
		rows = nil
		for _, h := range d.History {
			rows = append(rows, []string{fmt.Sprint(h.Run), h.AsOf, levelMark(w, h.Level), riskName(d.pack, h.Risk, w.lang), changeName(w, h.Change)})
		}
		w.table([]string{w.t("筛查", "run"), w.t("日期", "as of"), w.t("级别", "level"), w.t("风险", "risk"), w.t("变化", "change")}, rows)
	}
}

// flags writes doubts, data-quality findings and unknown rules, where there are any.
func (d *householdDocument) flags(w *page) {
	for _, l := range []struct {
		zh, en string
		ids    []string
	}{{"存疑（需核实，不预警）", "Doubts (to be verified; no warning)", d.Doubts}, {"数据质量", "Data quality", d.Findings}, {"无法判断的规则", "Rules that cannot be told", d.Unknown}} {
		if len(l.ids) == 0 {
			continue
		}
		w.heading(l.zh, l.en)
		for _, id := range l.ids {
			name := id
			if r := d.pack.Rule(id); r != nil {
				name = r.Name.In(w.lang)
			} else if c := d.pack.Check(id); c != nil {
				name = c.Name.In(w.lang)
			}
			w.linef("  %s", name)
		}
	}
}
