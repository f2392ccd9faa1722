package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"shouwang/internal/policy"
	"shouwang/internal/screening"
)

type whatifOptions struct {
	set      []string
	rules    []string
	drop     []string
	by       string
	division string
	list     int
}

// whatifDocument is the JSON document of whatif.
type whatifDocument struct {
	screening.Answer
	pack *policy.Pack
}

func newWhatifCommand(e *env) *cobra.Command {
	var o whatifOptions
	cmd := e.command("whatif", words{
		zh: "试算：改参数或规则后，谁会进来、谁会出去", en: "who would enter and leave if a parameter or rule were changed",
		longZH: `在最近一次筛查的基础上试算：改动参数（--set）、改写规则（--rule）或停用规则（--drop），按县、乡镇或村列出进入和退出预警的户数、人数，
以及由此增加的入户核实次数。不改动任何数据。`,
		longEN: `Answers from the last run: with other values of parameters (--set), another text of a rule (--rule) or a rule left out (--drop), how many
households and persons would enter and leave the warnings, by county, township or village, and the visits that it would cost. Nothing is changed.`,
		example: "shouwang whatif --data ./county --set line=9000 --by township\nshouwang whatif --data ./county --set line=9000 --set medical_ratio=0.4 --json",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) { return runWhatif(ctx, e, o) })
	f := cmd.Flags()
	f.StringArrayVar(&o.set, "set", nil, e.t("参数=数值，可多次（pack show 列出参数）", "NAME=VALUE of a parameter, may be repeated (pack show lists them)"))
	f.StringArrayVar(&o.rules, "rule", nil, e.t("规则=新表达式，可多次", "ID=EXPRESSION of a rule, may be repeated"))
	f.StringArrayVar(&o.drop, "drop", nil, e.t("停用的规则，可多次", "ID of a rule to leave out, may be repeated"))
	f.StringVar(&o.by, "by", "county", e.t("按 county（县）、township（乡镇）或 village（村）", "county, township or village"))
	f.StringVar(&o.division, "division", "", e.t("只看这个行政区划及其下级（代码或名称）", "only this division and what is under it (code or name)"))
	f.IntVar(&o.list, "list", 0, e.t("各列出最多多少个进入和退出的户编号", "name up to so many entering and leaving households"))
	return cmd
}

func runWhatif(ctx context.Context, e *env, o whatifOptions) (*whatifDocument, error) {
	switch o.by {
	case "county", "township", "village":
	default:
		return nil, usagef("--by 只能是 county、township 或 village，不能是 %[1]q", "--by must be county, township or village, not %[1]q", o.by)
	}
	if len(o.set)+len(o.rules)+len(o.drop) == 0 {
		return nil, usagef("没有说要改什么：用 --set 参数=数值、--rule 规则=表达式 或 --drop 规则", "nothing to change: give --set NAME=VALUE, --rule ID=EXPRESSION or --drop ID")
	}
	ask := screening.Question{By: o.by, Drop: o.drop, List: o.list, Set: map[string]float64{}, Rules: map[string]string{}}
	for _, s := range o.set {
		name, value, ok := strings.Cut(s, "=")
		v, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if !ok || err != nil {
			return nil, usagef("--set 应写成 参数=数值，不是 %[1]q", "--set must be NAME=VALUE with a number, not %[1]q", s)
		}
		ask.Set[strings.TrimSpace(name)] = v
	}
	for _, s := range o.rules {
		id, text, ok := strings.Cut(s, "=")
		if !ok {
			return nil, usagef("--rule 应写成 规则=表达式，不是 %[1]q", "--rule must be ID=EXPRESSION, not %[1]q", s)
		}
		ask.Rules[strings.TrimSpace(id)] = strings.TrimSpace(text)
	}
	a, err := e.open(ctx)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	if ask.Division, err = parseDivision(a.Tree, o.division); err != nil {
		return nil, err
	}
	answer, err := a.Screening().WhatIf(ctx, ask)
	if err != nil {
		return nil, err
	}
	return &whatifDocument{Answer: answer, pack: a.Pack}, a.Close()
}

func (d *whatifDocument) text(w *page) {
	t := d.Total
	w.linef(w.t("与第 %d 次筛查（%s）相比：预警户 %s → %s；进入 %s 户 %s 人，退出 %s 户 %s 人，加重 %s，减轻 %s",
		"against run %d (as of %s): warned households %s → %s; %s households with %s persons enter, %s with %s persons leave, %s worse, %s better"),
		d.Run, d.AsOf, count(t.Before), count(t.After), count(t.Enter), count(t.EnterPersons), count(t.Leave), count(t.LeavePersons), count(t.Worse), count(t.Better))
	w.linef(w.t("增加入户核实 %s 次；各乡镇中位数 %s 次，最多 %s 次 %s", "%s more visits; the median township has %s, the most %s %s"),
		count(d.Visits.Total), count(d.Visits.TownshipMedian), count(d.Visits.TownshipMost), d.Visits.TownshipMostName)
	if len(d.Rules) > 0 {
		w.heading("涉及的规则", "Rules touched")
		var rows [][]string
		for _, r := range d.Rules {
			name := r.Rule
			if rule := d.pack.Rule(r.Rule); rule != nil {
				name = rule.Name.In(w.lang)
			}
			rows = append(rows, []string{name, count(r.Before), count(r.After)})
		}
		w.table([]string{w.t("规则", "rule"), w.t("现在", "before"), w.t("之后", "after")}, rows)
	}
	if len(d.Areas) > 0 {
		w.heading("分地区", "By area")
		var rows [][]string
		for _, a := range d.Areas {
			rows = append(rows, []string{fmt.Sprint(a.Division), a.Name, count(a.Before), count(a.After), count(a.Enter), count(a.EnterPersons), count(a.Leave), count(a.LeavePersons)})
		}
		w.table([]string{w.t("代码", "code"), w.t("地区", "area"), w.t("现在", "before"), w.t("之后", "after"),
			w.t("进入户", "enter"), w.t("人", "persons"), w.t("退出户", "leave"), w.t("人", "persons")}, rows)
	}
	for _, l := range []struct {
		zh, en string
		list   []string
	}{{"进入", "Entering", d.Entering}, {"退出", "Leaving", d.Leaving}} {
		if len(l.list) > 0 {
			w.heading(l.zh, l.en)
			w.linef("%s", strings.Join(l.list, " "))
		}
	}
}
