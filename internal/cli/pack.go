package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"shouwang/internal/app"
	"shouwang/internal/errs"
	"shouwang/internal/policy"
)

func newPackCommand(e *env) *cobra.Command {
	pack := e.command("pack", words{
		zh: "检查、测试、查看政策包", en: "check, test or show a policy pack",
		longZH:  "政策包是一个文件夹，里面是数据契约、参数、指标、规则和质量检查（YAML）。不写文件夹时用 --pack，再不写就用内置的贵州政策包。不需要数据文件夹。",
		longEN:  "A policy pack is a folder of YAML: data contracts, parameters, indicators, rules, quality checks. Without DIR it is --pack, else the built-in pack of Guizhou. No data folder is needed.",
		example: "shouwang pack check ./my-pack\nshouwang pack test ./my-pack --json",
	}, cobra.ArbitraryArgs, nil)
	pack.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return usagef("没有命令 pack %[1]s，可用：check、test、show", "unknown command pack %[1]s; there are check, test, show", args[0])
	}
	dir := func(args []string) string {
		if len(args) > 0 {
			return args[0]
		}
		return e.config.Pack
	}
	pack.AddCommand(
		e.command("check [DIR]", words{
			zh: "检查政策包，列出全部错误", en: "check a pack and list everything wrong in it",
			longZH:  "读入政策包的全部文件并检查：未知的键、日期的重叠和空缺、表达式的类型、引用的名称。每个错误都给出文件、行和键。有错时退出码为 1。",
			longEN:  "Reads every file of the pack and checks it: unknown keys, overlaps and gaps in dates, types of expressions, names referred to. Each error gives file, line and key. Exit code 1 when there is any.",
			example: "shouwang pack check ./my-pack",
		}, cobra.MaximumNArgs(1), func(_ context.Context, args []string) (result, error) { return runPackCheck(e, dir(args)) }),
		e.command("test [DIR]", words{
			zh: "运行每条规则自带的例子", en: "run the examples that each rule carries",
			longZH:  "检查政策包，再运行每条规则和质量检查自带的例子，列出结果不符的。全部相符退出码为 0，有不符的为 3。",
			longEN:  "Checks the pack, then runs the examples of every rule and quality check and lists those that come out otherwise. Exit code 0 when all agree, 3 when some don't.",
			example: "shouwang pack test ./my-pack --json",
		}, cobra.MaximumNArgs(1), func(_ context.Context, args []string) (result, error) { return runPackTest(dir(args)) }),
		e.command("show [DIR]", words{
			zh: "列出数据契约、参数、指标和规则", en: "list data contracts, parameters, indicators and rules",
			longZH:  "列出政策包里的部门、数据契约、今天有效的参数值、指标、规则和质量检查。",
			longEN:  "Lists the departments, data contracts, parameters with the values in force today, indicators, rules and quality checks of a pack.",
			example: "shouwang pack show\nshouwang pack show ./my-pack --json",
		}, cobra.MaximumNArgs(1), func(_ context.Context, args []string) (result, error) { return runPackShow(dir(args), e.Now()) }),
	)
	return pack
}

// packDocument names a pack.
type packDocument struct {
	Name       string `json:"name"` // id of the pack
	Version    string `json:"version"`
	Title      string `json:"title"`
	Hash       string `json:"hash"`     // SHA-256 over the pack's files, hex
	Datasets   int    `json:"datasets"` // how many data contracts
	Parameters int    `json:"parameters"`
	Indicators int    `json:"indicators"`
	Rules      int    `json:"rules"`
	Checks     int    `json:"checks"`
	States     int    `json:"states"` // of cases; 0 without a workflow
	Actions    int    `json:"actions"`
	Guards     int    `json:"guards"`
	Blocks     int    `json:"blocks"` // of measures
	Measures   int    `json:"measures"`
}

func newPackDocument(p *policy.Pack, lang string) packDocument {
	d := packDocument{
		Name: p.Name, Version: p.Version, Title: p.Title.In(lang), Hash: p.Hash,
		Datasets: len(p.Datasets), Parameters: len(p.Parameters), Indicators: len(p.Indicators), Rules: len(p.Rules), Checks: len(p.Checks),
		Blocks: len(p.Measures.Blocks), Measures: len(p.Measures.Options),
	}
	if w := p.Workflow; w != nil {
		d.States, d.Actions, d.Guards = len(w.States), len(w.Actions), len(w.Guards)
	}
	return d
}

func (d packDocument) head(w *page) {
	w.linef("%s  %s %s  %.12s", d.Title, d.Name, d.Version, d.Hash)
	w.linef(w.t("%d 份数据契约，%d 个参数，%d 个指标，%d 条规则，%d 项质量检查", "%d data contracts, %d parameters, %d indicators, %d rules, %d quality checks"),
		d.Datasets, d.Parameters, d.Indicators, d.Rules, d.Checks)
	if d.Blocks > 0 {
		w.linef(w.t("措施：%d 类，%d 项", "measures: %d blocks, %d options"), d.Blocks, d.Measures)
	}
	if d.States > 0 {
		w.linef(w.t("流程：%d 个状态，%d 个动作，%d 个条件", "workflow: %d states, %d actions, %d guards"), d.States, d.Actions, d.Guards)
	}
}

// packCheckDocument is the JSON document of pack check.
type packCheckDocument struct {
	OK   bool         `json:"ok"` // always true: a pack with errors is an error
	Pack packDocument `json:"pack"`
}

func runPackCheck(e *env, dir string) (*packCheckDocument, error) {
	p, err := app.LoadPack(dir)
	if err != nil {
		return nil, packError(err)
	}
	return &packCheckDocument{OK: true, Pack: newPackDocument(p, e.lang)}, nil
}

// packError makes one error of everything wrong in a pack, a line each.
func packError(err error) error {
	list := policy.Errors(err)
	if len(list) == 0 {
		return err
	}
	out := errs.Newf(errs.Invalid, "政策包有 %[1]d 处错误：", "the policy pack has %[1]d errors:", len(list))
	for _, one := range list {
		out.ZH += "\n  " + one.In("zh")
		out.EN += "\n  " + one.In("en")
	}
	return out
}

func (d *packCheckDocument) text(w *page) {
	d.Pack.head(w)
	w.linef("%s", w.t("没有错误", "no errors"))
}

// packTestDocument is the JSON document of pack test.
type packTestDocument struct {
	Pack     packDocument  `json:"pack"`
	Examples int           `json:"examples"` // how many were run
	Failures []packFailure `json:"failures"` // examples that came out otherwise
}

type packFailure struct {
	File     string `json:"file"` // in the pack
	Line     int    `json:"line"` // of the example
	Rule     string `json:"rule"`
	Example  string `json:"example"`
	Expected string `json:"expected"`        // hit, clear or unknown
	Got      string `json:"got"`             // hit, clear or unknown; "" with an error
	Error    string `json:"error,omitempty"` // why the example could not be run
	Why      string `json:"why,omitempty"`   // the comparisons that force the outcome
}

func runPackTest(dir string) (*packTestDocument, error) {
	p, err := app.LoadPack(dir)
	if err != nil {
		return nil, packError(err)
	}
	d := &packTestDocument{Pack: newPackDocument(p, "zh"), Failures: []packFailure{}}
	for _, r := range p.Rules {
		d.Examples += len(r.Examples)
	}
	for _, c := range p.Checks {
		d.Examples += len(c.Examples)
	}
	if p.Workflow != nil {
		for _, g := range p.Workflow.Guards {
			d.Examples += len(g.Examples)
		}
	}
	for i := range p.Measures.Options {
		d.Examples += len(p.Measures.Options[i].Examples)
	}
	for i := range p.Measures.Checks {
		d.Examples += len(p.Measures.Checks[i].Examples)
	}
	for _, f := range p.Test() {
		one := packFailure{File: f.File, Line: f.Line, Rule: f.Rule, Example: f.Example, Expected: f.Expected.String(), Got: f.Got.String(), Why: f.Why}
		if f.Err != nil {
			one.Got, one.Error = "", f.Err.Error()
		}
		d.Failures = append(d.Failures, one)
	}
	return d, nil
}

func (d *packTestDocument) rejected() bool { return len(d.Failures) > 0 }

func (d *packTestDocument) text(w *page) {
	d.Pack.head(w)
	for _, f := range d.Failures {
		w.linef(w.t("%s:%d: %s「%s」应为 %s，实为 %s %s", "%s:%d: %s %q should be %s and is %s %s"), f.File, f.Line, f.Rule, f.Example, f.Expected, f.Got, f.Error)
		if f.Why != "" {
			w.linef("    %s", f.Why)
		}
	}
	w.linef(w.t("%d 个例子，%d 个不符", "%d examples, %d failed"), d.Examples, len(d.Failures))
}

// packShowDocument is the JSON document of pack show.
type packShowDocument struct {
	Pack       packDocument     `json:"pack"`
	Datasets   []shownDataset   `json:"datasets"`
	Parameters []shownParameter `json:"parameters"`
	Indicators []shownIndicator `json:"indicators"`
	Rules      []shownRule      `json:"rules"`
	Checks     []shownRule      `json:"checks"`
	Measures   []shownMeasure   `json:"measures"`
	Workflow   *shownWorkflow   `json:"workflow,omitempty"`
}

type shownWorkflow struct {
	States  []shownState  `json:"states"`
	Actions []shownAction `json:"actions"`
	Guards  []shownRule   `json:"guards"`
}

type shownState struct {
	ID    string     `json:"id"`
	Name  shownText  `json:"name"`
	Phase string     `json:"phase"`
	Task  *shownText `json:"task,omitempty"` // what is to be done in it
	Role  string     `json:"role,omitempty"` // whose task it is
}

type shownAction struct {
	ID     string    `json:"id"`
	Name   shownText `json:"name"`
	From   []string  `json:"from"`
	To     string    `json:"to,omitempty"` // absent: the state stays
	Roles  []string  `json:"roles"`
	Guards []string  `json:"guards"`
}

func newShownWorkflow(w *policy.Workflow) *shownWorkflow {
	out := &shownWorkflow{}
	for _, s := range w.States {
		one := shownState{ID: s.ID, Name: shown(s.Name), Phase: string(s.Phase)}
		if s.Task != nil {
			name := shown(s.Task.Name)
			one.Task, one.Role = &name, s.Task.Role
		}
		out.States = append(out.States, one)
	}
	for _, a := range w.Actions {
		out.Actions = append(out.Actions, shownAction{ID: a.ID, Name: shown(a.Name), From: a.From, To: a.To, Roles: a.Roles, Guards: a.Guards})
	}
	for _, g := range w.Guards {
		out.Guards = append(out.Guards, shownRule{ID: g.ID, Name: shown(g.Name), Severity: string(g.Effect), When: g.Must.Source(), Document: g.Document})
	}
	return out
}

type shownText struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

func shown(t policy.Text) shownText { return shownText{ZH: t.ZH, EN: t.EN} }

func (t shownText) in(lang string) string { return policy.Text{ZH: t.ZH, EN: t.EN}.In(lang) }

type shownDataset struct {
	ID         string    `json:"id"`
	Name       shownText `json:"name"`
	Department shownText `json:"department"`
	Kind       string    `json:"kind"`
	Due        string    `json:"due"`
	Columns    []string  `json:"columns"`
}

type shownParameter struct {
	ID     string       `json:"id"`
	Name   shownText    `json:"name"`
	Unit   string       `json:"unit"`
	Values []shownValue `json:"values"`
}

type shownValue struct {
	Division string  `json:"division"`
	From     string  `json:"from"`
	To       string  `json:"to,omitempty"`
	Value    float64 `json:"value"`
	Document string  `json:"document"`
	InForce  bool    `json:"in_force"`
}

type shownIndicator struct {
	ID        string    `json:"id"`
	Name      shownText `json:"name"`
	Unit      string    `json:"unit"`
	Type      string    `json:"type"`
	Dataset   string    `json:"dataset,omitempty"`
	Derive    string    `json:"derive,omitempty"`
	Absent    string    `json:"absent,omitempty"`
	FreshDays int       `json:"fresh_days,omitempty"`
}

type shownMeasure struct {
	ID         string    `json:"id"`
	Name       shownText `json:"name"`
	Block      string    `json:"block"`
	Nature     string    `json:"nature"` // development | safety_net | basic
	For        string    `json:"for"`    // household | one_person | each_person
	Answers    []string  `json:"answers"`
	Entitled   bool      `json:"entitled"`
	Eligible   string    `json:"eligible"`
	Amount     string    `json:"amount,omitempty"`
	Department string    `json:"department"`
	Pool       string    `json:"pool,omitempty"`
	Document   string    `json:"document"`
}

type shownRule struct {
	ID       string    `json:"id"`
	Name     shownText `json:"name"`
	Class    string    `json:"class,omitempty"`
	Risk     string    `json:"risk,omitempty"`
	Level    string    `json:"level,omitempty"`
	Severity string    `json:"severity,omitempty"`
	When     string    `json:"when"`
	Document string    `json:"document,omitempty"`
}

func runPackShow(dir string, now time.Time) (*packShowDocument, error) {
	p, err := app.LoadPack(dir)
	if err != nil {
		return nil, packError(err)
	}
	d := &packShowDocument{Pack: newPackDocument(p, "zh")}
	for i := range p.Datasets {
		ds := &p.Datasets[i]
		one := shownDataset{ID: ds.ID, Name: shown(ds.Name), Kind: string(ds.Kind), Due: ds.Due}
		if dep := p.Department(ds.Department); dep != nil {
			one.Department = shown(dep.Name)
		}
		for _, c := range ds.Columns {
			one.Columns = append(one.Columns, c.Header)
		}
		d.Datasets = append(d.Datasets, one)
	}
	for _, par := range p.Parameters {
		one := shownParameter{ID: par.ID, Name: shown(par.Name), Unit: par.Unit}
		for _, v := range par.Values {
			value := shownValue{Division: v.Division, From: v.From.Format(time.DateOnly), Value: v.Value, Document: v.Document}
			if !v.To.IsZero() {
				value.To = v.To.Format(time.DateOnly)
			}
			value.InForce = !v.From.After(now) && (v.To.IsZero() || !v.To.AddDate(0, 0, 1).Before(now))
			one.Values = append(one.Values, value)
		}
		d.Parameters = append(d.Parameters, one)
	}
	for _, ind := range p.Indicators {
		one := shownIndicator{ID: ind.ID, Name: shown(ind.Name), Unit: ind.Unit, Type: ind.Type.String(), Dataset: ind.Dataset, FreshDays: ind.FreshDays}
		if ind.Derive != nil {
			one.Derive = ind.Derive.Source()
		} else if one.Absent = "unknown"; ind.AbsentZero {
			one.Absent = "zero"
		}
		d.Indicators = append(d.Indicators, one)
	}
	for _, r := range p.Rules {
		d.Rules = append(d.Rules, shownRule{ID: r.ID, Name: shown(r.Name), Class: string(r.Class), Risk: r.Risk, Level: r.Level.String(), When: r.When.Source(), Document: r.Document})
	}
	for _, m := range p.Measures.Options {
		one := shownMeasure{ID: m.ID, Name: shown(m.Name), Block: m.Block, Nature: string(m.Nature), For: string(m.For), Answers: append([]string{}, m.Answers...), Entitled: m.Entitled,
			Eligible: m.Eligible.Source(), Department: m.Department, Pool: m.Pool, Document: m.Document}
		if m.Amount != nil {
			one.Amount = m.Amount.Source()
		}
		d.Measures = append(d.Measures, one)
	}
	for _, c := range p.Checks {
		d.Checks = append(d.Checks, shownRule{ID: c.ID, Name: shown(c.Name), Severity: c.Severity, When: c.When.Source()})
	}
	if p.Workflow != nil {
		d.Workflow = newShownWorkflow(p.Workflow)
	}
	return d, nil
}

func (d *packShowDocument) text(w *page) {
	d.Pack.head(w)
	w.heading("数据契约", "Data contracts")
	var rows [][]string
	for _, ds := range d.Datasets {
		rows = append(rows, []string{ds.ID, ds.Name.in(w.lang), ds.Department.in(w.lang), ds.Kind, ds.Due, fmt.Sprint(len(ds.Columns))})
	}
	w.table([]string{w.t("标识", "id"), w.t("名称", "name"), w.t("部门", "department"), w.t("类型", "kind"), w.t("周期", "due"), w.t("列数", "columns")}, rows)
	w.heading("参数（今天有效的值）", "Parameters (values in force today)")
	rows = nil
	for _, p := range d.Parameters {
		for _, v := range p.Values {
			if v.InForce {
				rows = append(rows, []string{p.ID, p.Name.in(w.lang), trimNumber(v.Value), p.Unit, v.Division, v.From, v.Document})
			}
		}
	}
	w.table([]string{w.t("标识", "id"), w.t("名称", "name"), w.t("值", "value"), w.t("单位", "unit"), w.t("区划", "division"), w.t("起", "from"), w.t("文件", "document")}, rows)
	w.heading("指标", "Indicators")
	rows = nil
	for _, i := range d.Indicators {
		source := i.Dataset
		if i.Derive != "" {
			source = "= " + i.Derive
		}
		rows = append(rows, []string{i.ID, i.Name.in(w.lang), i.Unit, source, i.Absent})
	}
	w.table([]string{w.t("标识", "id"), w.t("名称", "name"), w.t("单位", "unit"), w.t("来源", "source"), w.t("无记录时", "absent")}, rows)
	w.heading("规则", "Rules")
	rows = nil
	for _, r := range d.Rules {
		rows = append(rows, []string{levelMark(w, r.Level), r.ID, r.Name.in(w.lang), r.Class, r.Risk, r.When})
	}
	w.table([]string{w.t("级别", "level"), w.t("标识", "id"), w.t("名称", "name"), w.t("类别", "class"), w.t("风险", "risk"), w.t("条件", "when")}, rows)
	w.heading("帮扶措施", "Measures")
	rows = nil
	for _, m := range d.Measures {
		rows = append(rows, []string{m.Block, m.ID, m.Name.in(w.lang), m.Nature, m.For, strings.Join(m.Answers, " "), m.Department})
	}
	w.table([]string{w.t("分类", "block"), w.t("标识", "id"), w.t("名称", "name"), w.t("性质", "nature"), w.t("对象", "for"), w.t("对应风险", "answers"), w.t("部门", "department")}, rows)
	w.heading("质量检查", "Quality checks")
	rows = nil
	for _, c := range d.Checks {
		rows = append(rows, []string{c.Severity, c.ID, c.Name.in(w.lang), c.When})
	}
	w.table([]string{w.t("程度", "severity"), w.t("标识", "id"), w.t("名称", "name"), w.t("条件", "when")}, rows)
	if d.Workflow != nil {
		d.Workflow.text(w)
	}
}

func (d *shownWorkflow) text(w *page) {
	w.heading("个案状态", "States of a case")
	var rows [][]string
	for _, s := range d.States {
		task := ""
		if s.Task != nil {
			task = s.Task.in(w.lang)
		}
		rows = append(rows, []string{s.Phase, s.ID, s.Name.in(w.lang), task, s.Role})
	}
	w.table([]string{w.t("阶段", "phase"), w.t("标识", "id"), w.t("名称", "name"), w.t("待办", "task"), w.t("由谁办", "whose")}, rows)
	w.heading("动作", "Actions")
	rows = nil
	for _, a := range d.Actions {
		rows = append(rows, []string{a.ID, a.Name.in(w.lang), strings.Join(a.From, " "), a.To, strings.Join(a.Roles, " "), strings.Join(a.Guards, " ")})
	}
	w.table([]string{w.t("标识", "id"), w.t("名称", "name"), w.t("从", "from"), w.t("到", "to"), w.t("角色", "roles"), w.t("条件", "guards")}, rows)
	w.heading("条件", "Guards")
	rows = nil
	for _, g := range d.Guards {
		rows = append(rows, []string{g.Severity, g.ID, g.Name.in(w.lang), g.When})
	}
	w.table([]string{w.t("不满足时", "otherwise"), w.t("标识", "id"), w.t("名称", "name"), w.t("必须", "must")}, rows)
}
