package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"shouwang/internal/app"
	"shouwang/internal/intake"
)

type intakeOptions struct {
	paths   []string
	scope   string
	period  string
	dataset string
	workers int
}

// intakeDocument is the JSON document of intake.
type intakeDocument struct {
	Totals   intakeTotals     `json:"totals"`   // over all files
	Receipts []intake.Receipt `json:"receipts"` // one a file
}

// intakeTotals adds up receipts. Rows of files that had been accepted before are not counted.
type intakeTotals struct {
	Files         int           `json:"files"` // all files found
	AcceptedFiles int           `json:"accepted_files"`
	RefusedFiles  int           `json:"refused_files"`
	AlreadyFiles  int           `json:"already_files"` // accepted before; their rows are not counted below
	IgnoredFiles  int           `json:"ignored_files"` // no data files
	Rows          int           `json:"rows"`          // data rows
	Accepted      int           `json:"accepted"`
	Rejected      int           `json:"rejected"`
	Linked        int           `json:"linked"`  // to a household
	Pending       int           `json:"pending"` // wait for the register to know their household
	Rejects       []rejectCount `json:"rejects"` // by reason, most frequent first
}

type rejectCount struct {
	Code  string    `json:"code"`
	Text  shownText `json:"text"`
	Count int       `json:"count"`
}

func newIntakeCommand(e *env) *cobra.Command {
	var o intakeOptions
	cmd := e.command("intake PATH…", words{
		zh: "接收部门文件", en: "take in the departments' files",
		longZH: `接收部门送来的文件（CSV、XLSX、JSON 行、Parquet；GB18030 或 UTF-8），可以写文件或文件夹。每个文件要么全部接收，要么全部退回；同一文件重复接收只算一次，
文件的先后不影响结果。不合格的行退回并注明原因，其余照收；退回的行加密保存，用 rejects 导出。原文件压缩加密后归档。
有退回的行或文件时退出码为 3。`,
		longEN: `Takes in files as departments send them (CSV, XLSX, JSON lines, Parquet; GB 18030 or UTF-8); name files or folders. A file is accepted or refused as a whole; the
same file twice counts once, and the order of files doesn't matter. Rows that don't meet the contract are rejected with a reason and the rest goes on; rejected rows are
kept encrypted, and rejects exports them. The file as received goes to the archive, compressed and encrypted. Exit code 3 when rows or files were rejected.`,
		example: "shouwang intake --data ./county ./files\nshouwang intake --data ./county --scope 522633 --period 202610 医保结算.csv --json",
	}, cobra.MinimumNArgs(1), func(ctx context.Context, args []string) (result, error) {
		o.paths = args
		return runIntake(ctx, e, o)
	})
	f := cmd.Flags()
	f.StringVar(&o.scope, "scope", "", e.t("文件所属的行政区划（文件名里没有时）", "division that the files are of, where the name doesn't say"))
	f.StringVar(&o.period, "period", "", e.t("文件所属的月份 202610 或 202511-202610（文件名里没有时）", "months that the files are for, 202610 or 202511-202610, where the name doesn't say"))
	f.StringVar(&o.dataset, "dataset", "", e.t("数据契约的标识（默认按表头识别）", "id of the data contract (default recognised by the header)"))
	f.IntVar(&o.workers, "workers", 0, e.t("同时处理的线程数（默认处理器数）", "parallel workers (default one a processor)"))
	return cmd
}

func runIntake(ctx context.Context, e *env, o intakeOptions) (*intakeDocument, error) {
	a, err := e.open(ctx)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	options := intake.Options{Now: e.Now(), Workers: o.workers, Dataset: o.dataset}
	if options.Scope, err = parseDivision(a.Tree, o.scope); err != nil {
		return nil, err
	}
	if o.period != "" {
		if options.Period, err = intake.ParsePeriod(o.period); err != nil {
			return nil, usagef("--period 应写成 202610 或 202511-202610，不是 %[1]q", "--period must look like 202610 or 202511-202610, not %[1]q", o.period)
		}
	}
	if o.dataset != "" && a.Pack.Dataset(o.dataset) == nil {
		return nil, usagef("政策包里没有数据契约 %[1]q", "the pack has no dataset %[1]q", o.dataset)
	}
	for _, path := range o.paths {
		if _, err := os.Stat(e.path(path)); err != nil {
			return nil, usagef("没有文件或文件夹 %[1]s", "there is no file or folder %[1]s", path)
		}
	}
	receipts, err := takeIn(ctx, e, a, e.paths(o.paths), options)
	if err != nil {
		return nil, err
	}
	return &intakeDocument{Totals: addUp(receipts), Receipts: receipts}, a.Close()
}

// takeIn runs the intake under a progress bar.
func takeIn(ctx context.Context, e *env, a *app.App, paths []string, o intake.Options) ([]intake.Receipt, error) {
	release, err := a.Batch(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	bar := e.progress("接收文件", "taking in files")
	o.Progress = func(p intake.Progress) { bar.update(int64(p.Done), int64(p.Files)) }
	receipts, err := a.Intake().Files(ctx, paths, o)
	bar.end(err)
	return receipts, err
}

func addUp(receipts []intake.Receipt) intakeTotals {
	t := intakeTotals{Files: len(receipts), Rejects: []rejectCount{}}
	at := map[string]int{}
	for i := range receipts {
		r := &receipts[i]
		switch r.State {
		case intake.Accepted:
			t.AcceptedFiles++
		case intake.Refused:
			t.RefusedFiles++
		case intake.Already:
			t.AlreadyFiles++
			continue
		case intake.Ignored:
			t.IgnoredFiles++
			continue
		}
		t.Rows += r.Rows
		t.Accepted += r.Accepted
		t.Rejected += r.Rejected
		t.Linked += r.Linked
		t.Pending += r.Pending
		for _, reject := range r.Rejects {
			j, seen := at[reject.Code]
			if !seen {
				j = len(t.Rejects)
				at[reject.Code] = j
				t.Rejects = append(t.Rejects, rejectCount{Code: reject.Code, Text: shownText(reject.Text)})
			}
			t.Rejects[j].Count += reject.Count
		}
	}
	slices.SortStableFunc(t.Rejects, func(a, b rejectCount) int { return b.Count - a.Count })
	return t
}

func (t intakeTotals) rejected() bool { return t.Rejected > 0 || t.RefusedFiles > 0 }

func (d *intakeDocument) rejected() bool { return d.Totals.rejected() }

func (d *intakeDocument) text(w *page) {
	if len(d.Receipts) == 1 {
		w.WriteString(d.Receipts[0].Text(w.lang))
		return
	}
	receiptTable(w, d.Receipts)
	w.WriteByte('\n')
	d.Totals.text(w)
	for i := range d.Receipts {
		if r := &d.Receipts[i]; r.Error != nil {
			w.linef("%s: %s", r.File, r.Error.In(w.lang))
		}
	}
}

func (t intakeTotals) text(w *page) {
	w.linef(w.t("%d 个文件：接收 %d，退回 %d，以前已接收 %d，跳过 %d", "%d files: %d accepted, %d refused, %d accepted before, %d skipped"),
		t.Files, t.AcceptedFiles, t.RefusedFiles, t.AlreadyFiles, t.IgnoredFiles)
	w.linef(w.t("%s 行：接收 %s，退回 %s（%s），关联到户 %s，待关联 %s", "%s rows: %s accepted, %s rejected (%s), %s linked to a household, %s waiting"),
		count(t.Rows), count(t.Accepted), count(t.Rejected), percent(int64(t.Rejected), int64(t.Rows)), count(t.Linked), count(t.Pending))
	if len(t.Rejects) == 0 {
		return
	}
	w.heading("退回原因", "Rejected by reason")
	var rows [][]string
	for _, r := range t.Rejects {
		rows = append(rows, []string{count(r.Count), r.Code, r.Text.in(w.lang)})
	}
	w.table([]string{w.t("行", "rows"), w.t("代码", "code"), w.t("原因", "reason")}, rows)
}

// receiptTable is a line a file.
func receiptTable(w *page, receipts []intake.Receipt) {
	state := map[intake.State]string{
		intake.Accepted: w.t("接收", "accepted"), intake.Refused: w.t("退回", "refused"),
		intake.Already: w.t("已接收过", "already"), intake.Ignored: w.t("跳过", "ignored"),
	}
	var rows [][]string
	for i := range receipts {
		r := &receipts[i]
		batch := ""
		if r.Batch > 0 {
			batch = fmt.Sprint(r.Batch)
		}
		name := r.File[strings.LastIndexAny(r.File, `/\`)+1:]
		rows = append(rows, []string{batch, state[r.State], name, r.Name.In(w.lang), r.Period.String(), count(r.Rows), count(r.Rejected), count(r.Linked), count(r.Pending)})
	}
	w.table([]string{w.t("批次", "batch"), w.t("结果", "state"), w.t("文件", "file"), w.t("数据", "dataset"), w.t("期次", "period"),
		w.t("行", "rows"), w.t("退回", "rejected"), w.t("关联", "linked"), w.t("待关联", "waiting")}, rows)
}
