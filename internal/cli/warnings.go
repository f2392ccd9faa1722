package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"shouwang/internal/app"
	"shouwang/internal/errs"
	"shouwang/internal/export"
	"shouwang/internal/screening"
)

type warningsOptions struct {
	format   string
	out      string
	division string
	level    string
	risk     string
	change   string
	run      int64
	limit    int
}

// warningsDocument is the JSON document of warnings when the list went to a file.
type warningsDocument struct {
	Out    string `json:"out"` // file that was written
	Format string `json:"format"`
	Count  int64  `json:"count"` // warnings written
}

// warningListDocument is the JSON document of warnings when the list is shown.
type warningListDocument struct {
	Count    int64           `json:"count"` // of this list
	Warnings []warningRecord `json:"warnings"`
	app      *app.App
}

// warningRecord is one warning with the names that a reader needs.
type warningRecord struct {
	screening.Warning
	Path     string `json:"path"`      // names of the divisions down to the village
	RiskName string `json:"risk_name"` // in the user's language
}

func newWarningsCommand(e *env) *cobra.Command {
	var o warningsOptions
	cmd := e.command("warnings", words{
		zh: "列出或导出预警", en: "list or export the warnings",
		longZH: `列出现在有效的预警（或用 --run 列出某次筛查时的预警），最严重的在前，每一条带有触发的规则和数值。
导出的文件里没有姓名、身份证号、电话和账号。CSV 为带 BOM 的 UTF-8，Excel 可以直接打开，公式注入已防护。`,
		longEN: `Lists the warnings as they stand (or, with --run, as a run found them), worst first, each with the rules that hit and their values.
Exports hold no name, number, phone or account. CSV is UTF-8 with a byte-order mark, which Excel opens right, and safe against formula injection.`,
		example: "shouwang warnings --data ./county --level red --limit 20\nshouwang warnings --data ./county --division 522633 --format xlsx --out red.xlsx",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) { return runWarnings(ctx, e, o) })
	f := cmd.Flags()
	f.StringVar(&o.format, "format", "", e.t("csv、xlsx 或 json（默认屏幕列表；有 --out 时为 csv）", "csv, xlsx or json (default a list on screen; csv with --out)"))
	f.StringVar(&o.out, "out", "", e.t("导出到文件", "export to a file"))
	f.StringVar(&o.division, "division", "", e.t("只要这个行政区划及其下级（代码或名称）", "only this division and what is under it (code or name)"))
	f.StringVar(&o.level, "level", "", e.t("只要这个级别：red、yellow、blue", "only this level: red, yellow, blue"))
	f.StringVar(&o.risk, "risk", "", e.t("只要这个风险类型（政策包中的标识）", "only this risk (id in the pack)"))
	f.StringVar(&o.change, "change", "", e.t("只要这种变化：new、worse、better、same、unknown", "only this change: new, worse, better, same, unknown"))
	f.Int64Var(&o.run, "run", 0, e.t("某次筛查时的预警（默认现在的）", "as this run found them (default as they stand)"))
	f.IntVar(&o.limit, "limit", 0, e.t("最多多少条（屏幕列表默认 50）", "at most so many (50 for a list on screen)"))
	return cmd
}

func runWarnings(ctx context.Context, e *env, o warningsOptions) (result, error) {
	level, err := parseLevel(o.level)
	if err != nil {
		return nil, err
	}
	switch o.format {
	case "", "csv", "xlsx", "json":
	default:
		return nil, usagef("--format 只能是 csv、xlsx 或 json，不能是 %[1]q", "--format must be csv, xlsx or json, not %[1]q", o.format)
	}
	if o.format == "" && o.out != "" {
		o.format = "csv"
	}
	if o.format == "xlsx" && o.out == "" {
		return nil, usagef("xlsx 要用 --out 指定文件", "xlsx needs --out FILE")
	}
	if e.json && o.format == "csv" && o.out == "" {
		return nil, usagef("--json 与屏幕上的 csv 不能同时用；csv 请加 --out", "--json and csv on standard output exclude each other; add --out for csv")
	}
	a, err := e.open(ctx)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	code, err := parseDivision(a.Tree, o.division)
	if err != nil {
		return nil, err
	}
	if o.risk != "" && a.Pack.Risk(o.risk) == nil {
		return nil, usagef("政策包里没有风险类型 %[1]q", "the pack has no risk %[1]q", o.risk)
	}
	filter := screening.Filter{Division: code, Level: level, Risk: o.risk, Change: o.change, Run: o.run, Limit: o.limit}
	names := namer{a.Tree}
	each := func(fn func(warningRecord) error) error {
		return a.Screening().Warnings(ctx, filter, func(w screening.Warning) error {
			return fn(warningRecord{Warning: w, Path: names.path(w.Division), RiskName: riskName(a.Pack, w.Risk, e.lang)})
		})
	}
	if o.out == "" && o.format != "csv" {
		onScreen := o.format == "" && !e.json
		if filter.Limit == 0 && onScreen {
			filter.Limit = 50
		}
		doc := &warningListDocument{Warnings: []warningRecord{}, app: a}
		err := each(func(w warningRecord) error {
			doc.Count++
			doc.Warnings = append(doc.Warnings, w)
			return nil
		})
		e.json = e.json || o.format == "json"
		return doc, err
	}
	doc := &warningsDocument{Out: o.out, Format: o.format}
	out := e.Stdout
	if o.out != "" {
		file, err := os.OpenFile(e.path(o.out), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return nil, errs.Wrap(errs.Unavailable, err, "无法写文件 "+o.out, "cannot write the file "+o.out)
		}
		defer file.Close()
		out = file
	}
	bar := e.progress("导出预警", "exporting warnings")
	if o.format == "json" {
		err = exportJSON(out, each, &doc.Count)
	} else {
		err = exportTable(e, a, o.format, out, each, &doc.Count)
	}
	bar.end(err)
	if file, ok := out.(*os.File); ok && o.out != "" && err == nil {
		err = file.Close()
	}
	if err != nil || o.out == "" {
		return nil, err
	}
	return doc, a.Close()
}

// exportJSON streams one JSON document, so that a province's warnings need no memory.
func exportJSON(out io.Writer, each func(func(warningRecord) error) error, n *int64) error {
	if _, err := io.WriteString(out, "{\"warnings\": ["); err != nil {
		return err
	}
	err := each(func(w warningRecord) error {
		text, err := json.Marshal(w)
		if err != nil {
			return err
		}
		sep := ",\n"
		if *n == 0 {
			sep = "\n"
		}
		*n++
		_, err = fmt.Fprintf(out, "%s%s", sep, text)
		return err
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "\n], \"count\": %d}\n", *n)
	return err
}

func exportTable(e *env, a *app.App, format string, out io.Writer, each func(func(warningRecord) error) error, n *int64) error {
	w := newPage(e.lang)
	header := []string{
		w.t("户编号", "household_no"), w.t("行政区划代码", "division"), w.t("行政村", "village"), w.t("人口", "members"),
		w.t("级别", "level"), w.t("风险类型", "risk"), w.t("变化", "change"), w.t("规则", "rules"), w.t("依据", "evidence"),
	}
	table, err := export.New(format, out, e.t("预警", "Warnings"), header)
	if err != nil {
		return err
	}
	if err := each(func(r warningRecord) error {
		*n++
		var rules []string
		for _, id := range r.Rules {
			rules = append(rules, ruleName(a, id, e.lang))
		}
		return table.Row(r.HouseholdNo, int64(r.Division), r.Path, r.Members, levelMark(w, r.Level), r.RiskName,
			changeName(w, r.Change), strings.Join(rules, e.t("；", "; ")), evidenceText(a, r.Evidence, e.lang))
	}); err != nil {
		return err
	}
	return table.Close()
}

func ruleName(a *app.App, id, lang string) string {
	if r := a.Pack.Rule(id); r != nil {
		return r.Name.In(lang)
	}
	return id
}

func changeName(w *page, change string) string {
	switch change {
	case screening.ChangeNew:
		return w.t("新增", "new")
	case screening.ChangeWorse:
		return w.t("加重", "worse")
	case screening.ChangeBetter:
		return w.t("减轻", "better")
	case screening.ChangeSame:
		return w.t("不变", "same")
	case screening.ChangeUnknown:
		return w.t("数据中断", "can't be told")
	}
	return change
}

// evidenceText is every value behind a warning, each named once.
func evidenceText(a *app.App, evidence []screening.RuleEvidence, lang string) string {
	var parts []string
	seen := map[string]bool{}
	for _, rule := range evidence {
		for _, v := range rule.Values {
			if seen[v.Name] {
				continue
			}
			seen[v.Name] = true
			value := "?"
			if v.Known {
				value = trimNumber(v.Value)
			}
			name := v.Name
			if i := a.Pack.Indicator(name); i != nil {
				name = i.Name.In(lang)
			} else if p := a.Pack.Parameter(name); p != nil {
				name = p.Name.In(lang)
			}
			parts = append(parts, strings.TrimSpace(fmt.Sprintf("%s %s %s", name, value, v.Unit)))
		}
	}
	sep := "；"
	if lang == "en" {
		sep = "; "
	}
	return strings.Join(parts, sep)
}

// trimNumber writes a number with at most two decimals.
func trimNumber(v float64) string {
	s := fmt.Sprintf("%.2f", v)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

func (d *warningsDocument) text(w *page) {
	w.linef(w.t("已导出 %s 条预警到 %s", "%s warnings exported to %s"), count(d.Count), d.Out)
}

func (d *warningListDocument) text(w *page) {
	if d.Count == 0 {
		w.linef("%s", w.t("没有预警", "no warnings"))
		return
	}
	var rows [][]string
	for _, r := range d.Warnings {
		var rules []string
		for _, id := range r.Rules {
			rules = append(rules, ruleName(d.app, id, w.lang))
		}
		rows = append(rows, []string{levelMark(w, r.Level), r.HouseholdNo, r.Path, fmt.Sprint(r.Members), r.RiskName, changeName(w, r.Change), strings.Join(rules, w.t("；", "; "))})
	}
	w.table([]string{w.t("级别", "level"), w.t("户编号", "household"), w.t("行政村", "village"), w.t("人口", "members"), w.t("风险", "risk"), w.t("变化", "change"), w.t("规则", "rules")}, rows)
	w.linef(w.t("共列出 %s 条", "%s listed"), count(d.Count))
}
