package cli

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"shouwang/internal/app"
	"shouwang/internal/casework"
	"shouwang/internal/errs"
	"shouwang/internal/intake"
	"shouwang/internal/paper"
	"shouwang/internal/registry"
	"shouwang/internal/report"
)

// outside makes a new file for personal data: not over another, not in the data folder, readable by oneself alone. done(err) closes it, and removes it
// when the work failed.
func outside(e *env, a *app.App, out string) (file *os.File, done func(error) error, err error) {
	path := e.path(out)
	if rel, err := filepath.Rel(a.Config.Data, path); err == nil && filepath.IsLocal(rel) {
		return nil, nil, usagef("文件含有个人信息明文，不能放在数据文件夹里", "the file holds personal data in plain and must not lie in the data folder")
	}
	file, err = os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, errs.Wrap(errs.Unavailable, err, "无法新建文件 "+out+"（不会覆盖已有文件）", "cannot make the file "+out+" (an existing file is not overwritten)")
	}
	return file, func(err error) error {
		closed := file.Close()
		if err == nil && closed != nil {
			err = errs.Wrap(errs.Unavailable, closed, "无法写文件 "+out, "cannot write the file "+out)
		}
		if err != nil {
			os.Remove(path)
		}
		return err
	}, nil
}

// desk opens the program with what makes papers.
func desk(ctx context.Context, e *env) (*app.App, *report.Desk, error) {
	a, err := e.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	font, err := paper.OpenFont()
	if err == nil {
		var d *report.Desk
		if d, err = a.Desk(font); err == nil {
			return a, d, nil
		}
	}
	a.Close()
	return nil, nil, err
}

// paperDocument is the JSON document of paper.
type paperDocument struct {
	Case    string   `json:"case"` // "" for the notices of a village
	Form    string   `json:"form"`
	Out     string   `json:"out"` // file that was written
	Pages   int      `json:"pages"`
	Missing []string `json:"missing"` // characters that the font lacks, printed as a crossed box
}

func (d *paperDocument) text(w *page) {
	w.linef(w.t("已写到 %s，%d 页", "%s is written, %d pages"), d.Out, d.Pages)
	missing(w, d.Missing)
	if d.Form != "notice" {
		w.linef("%s", w.t("文件含个人信息明文，用完请妥善保管或删除", "It holds personal data in plain: keep it safe, or delete it when done"))
	}
}

func missing(w *page, list []string) {
	if len(list) > 0 {
		w.linef(w.t("注意：字体里没有这些字，印成了叉框：%s", "note: the font lacks these characters, a crossed box is printed: %s"), strings.Join(list, " "))
	}
}

type paperOptions struct{ which, form, out, reason, village string }

func newPaperCommand(e *env) *cobra.Command {
	var o paperOptions
	var forms, names []string
	for _, f := range report.Forms() {
		forms, names = append(forms, f.ID), append(names, f.ID+" "+f.Title.ZH)
	}
	forms, names = append(forms, "notice"), append(names, "notice 公示")
	cmd := e.command("paper [CASE]", words{
		zh: "把个案的表格文书生成 PDF", en: "make a paper of a case as PDF",
		longZH:  "CASE 是个案编号，或者户编号（取这一户最近的个案）。可用的表格：" + strings.Join(names, "、") + "。\n已知的内容自动填好，不知道的留空手填。含姓名等个人信息，须写明用途，并记入审计；公示只用允许公开的字段，姓名打码，印有撤下日期。\n--village 不写 CASE：打印一个村现在的全部公示，不需要用途。",
		longEN:  "CASE is a case's id, or a household number, whose newest case is taken. Forms: " + strings.Join(forms, ", ") + ".\nWhat is known is filled in, the rest is room to write. Papers name persons: a reason is needed and goes into the audit chain. The public notice holds white-listed fields only, with masked names and the day by which it must be gone.\nWith --village and without CASE: all notices that hang in a village now; no reason is needed.",
		example: "shouwang paper --data ./county 5226330010001 --form plan --reason 入户 --out plan.pdf\nshouwang paper --data ./county --form notice --village 522633105209 --out notices.pdf",
	}, cobra.MaximumNArgs(1), func(ctx context.Context, args []string) (result, error) {
		if len(args) == 1 {
			o.which = args[0]
		}
		return runPaper(ctx, e, o)
	})
	f := cmd.Flags()
	f.StringVar(&o.form, "form", "", e.t("表格："+strings.Join(forms, "、")+"（必需）", "form: "+strings.Join(forms, ", ")+" (required)"))
	f.StringVar(&o.out, "out", "", e.t("写到这个文件（必需；不覆盖已有文件）", "file to write to (required; an existing file is not overwritten)"))
	f.StringVar(&o.reason, "reason", "", e.t("用途（必需）", "what it is for (required)"))
	f.StringVar(&o.village, "village", "", e.t("一个村（代码或名称）：现在的全部公示", "a village (code or name): all notices that hang there now"))
	return cmd
}

func runPaper(ctx context.Context, e *env, o paperOptions) (result, error) {
	if o.out == "" || o.form == "" {
		return nil, usagef("请用 --form 指定表格、用 --out 指定要写入的文件", "name the form with --form and the file to write to with --out")
	}
	if (o.which == "") == (o.village == "") || o.village != "" && o.form != "notice" {
		return nil, usagef("请写一个个案或户编号，或者用 --form notice --village 指定一个村", "name a case or a household, or a village with --form notice --village")
	}
	a, d, err := desk(ctx, e)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	if o.village != "" {
		return villageNotices(ctx, e, a, d, o)
	}
	id, err := caseOf(ctx, e, d, o.which)
	if err != nil {
		return nil, err
	}
	doc, err := d.Paper(ctx, console(), e.Now(), id, o.form, o.reason)
	if err != nil {
		return nil, err
	}
	if err := writeNew(e, a, o.out, func(w io.Writer) error { _, err := doc.WriteTo(w); return err }); err != nil {
		return nil, err
	}
	return &paperDocument{Case: id, Form: o.form, Out: o.out, Pages: len(doc.Pages()), Missing: characters(doc.Missing())}, a.Close()
}

// villageNotices writes all notices that hang in a village.
func villageNotices(ctx context.Context, e *env, a *app.App, d *report.Desk, o paperOptions) (result, error) {
	village, err := parseDivision(a.Tree, o.village)
	if err != nil {
		return nil, err
	}
	doc, err := d.Notices(ctx, console(), e.Now(), village)
	if err != nil {
		return nil, err
	}
	if err := writeNew(e, a, o.out, func(w io.Writer) error { _, err := doc.WriteTo(w); return err }); err != nil {
		return nil, err
	}
	return &paperDocument{Form: o.form, Out: o.out, Pages: len(doc.Pages()), Missing: characters(doc.Missing())}, a.Close()
}

// writeNew writes a new file by write.
func writeNew(e *env, a *app.App, out string, write func(io.Writer) error) error {
	file, done, err := outside(e, a, out)
	if err != nil {
		return err
	}
	return done(write(file))
}

func characters(runes []rune) []string {
	out := []string{}
	for _, r := range runes {
		out = append(out, string(r))
	}
	return out
}

// caseOf finds a case by its id, or the newest of a household by its number.
func caseOf(ctx context.Context, e *env, d *report.Desk, which string) (string, error) {
	household, _, ok := registry.HouseholdID(which)
	if !ok || strings.Count(which, "-") == 4 {
		return which, nil // an id
	}
	page, err := d.Cases.List(ctx, console(), e.Now(), casework.Filter{Household: household}, "", 500)
	if err != nil {
		return "", err
	}
	newest := ""
	for _, c := range page.Cases {
		newest = max(newest, c.ID) // ids are in the order of time
	}
	if newest == "" {
		return "", errs.New(errs.NotFound, "这一户没有个案", "there is no case of this household")
	}
	return newest, nil
}

// ledgerSheetDocument is the JSON document of ledger-sheet.
type ledgerSheetDocument struct {
	Kind    string   `json:"kind"`
	Format  string   `json:"format"`
	Out     string   `json:"out"`  // file that was written
	Rows    int      `json:"rows"` // without the header
	Masked  bool     `json:"masked"`
	Missing []string `json:"missing"` // of a PDF: characters that the font lacks
}

func (d *ledgerSheetDocument) text(w *page) {
	w.linef(w.t("已写到 %s，%d 行", "%s is written, %d rows"), d.Out, d.Rows)
	missing(w, d.Missing)
	if !d.Masked {
		w.linef("%s", w.t("文件含个人信息明文，用完请妥善保管或删除", "It holds personal data in plain: keep it safe, or delete it when done"))
	}
}

type ledgerSheetOptions struct {
	kind, division, format, out, reason string
	masked                              bool
}

func newLedgerSheetCommand(e *env) *cobra.Command {
	var o ledgerSheetOptions
	var kinds, names []string
	for _, k := range report.Ledgers() {
		kinds, names = append(kinds, k.ID), append(names, k.ID+" "+k.Title.ZH)
	}
	cmd := e.command("ledger-sheet KIND", words{
		zh: "由个案生成台账（XLSX、PDF 或 CSV）", en: "make a ledger out of the cases, as XLSX, PDF or CSV",
		longZH:  "可用的台账：" + strings.Join(names, "、") + "。列的顺序与全国系统的采集表一致，表头在第 3 行。含姓名等个人信息时须写明用途，整张台账记一条审计；--masked 则姓名打码，不含证件号码和电话。",
		longEN:  "Ledgers: " + strings.Join(kinds, ", ") + ". Columns are in the order of the national system's form, the header stands on row 3. A ledger that names persons needs a reason and is one audit event; with --masked names are masked and there are no numbers and phones.",
		example: "shouwang ledger-sheet --data ./county monitored --division 522633 --reason 月度报送 --out monitored.xlsx\nshouwang ledger-sheet --data ./county checks --format pdf --masked --out checks.pdf",
	}, cobra.ExactArgs(1), func(ctx context.Context, args []string) (result, error) {
		o.kind = args[0]
		return runLedgerSheet(ctx, e, o)
	})
	f := cmd.Flags()
	f.StringVar(&o.division, "division", "", e.t("只要这个行政区划及其下级（代码或名称）", "only this division and what is under it (code or name)"))
	f.StringVar(&o.format, "format", "", e.t("xlsx、pdf 或 csv（默认按文件扩展名，再默认 xlsx）", "xlsx, pdf or csv (default by the file's extension, then xlsx)"))
	f.StringVar(&o.out, "out", "", e.t("写到这个文件（必需；不覆盖已有文件）", "file to write to (required; an existing file is not overwritten)"))
	f.StringVar(&o.reason, "reason", "", e.t("用途（不脱敏时必需）", "what it is for (required unless masked)"))
	f.BoolVar(&o.masked, "masked", false, e.t("脱敏：姓名打码，不含证件号码和电话", "mask names, leave out numbers and phones"))
	return cmd
}

func runLedgerSheet(ctx context.Context, e *env, o ledgerSheetOptions) (result, error) {
	if o.out == "" {
		return nil, usagef("请用 --out 指定要写入的文件", "name the file to write to with --out")
	}
	if o.format == "" {
		o.format = strings.TrimPrefix(strings.ToLower(filepath.Ext(o.out)), ".")
	}
	switch o.format {
	case "":
		o.format = "xlsx"
	case "xlsx", "pdf", "csv":
	default:
		return nil, usagef("--format 只能是 xlsx、pdf 或 csv，不能是 %[1]q", "--format must be xlsx, pdf or csv, not %[1]q", o.format)
	}
	a, d, err := desk(ctx, e)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	under, err := parseDivision(a.Tree, o.division)
	if err != nil {
		return nil, err
	}
	bar := e.progress("生成台账", "making the ledger")
	l, err := d.Sheet(ctx, console(), e.Now(), report.LedgerOptions{Kind: o.kind, Under: under, Reason: o.reason, Masked: o.masked}, func(done int) { bar.update(int64(done), 0) })
	bar.end(err)
	if err != nil {
		return nil, err
	}
	doc := &ledgerSheetDocument{Kind: o.kind, Format: o.format, Out: o.out, Rows: len(l.Rows), Masked: o.masked, Missing: []string{}}
	write := func(w io.Writer) error { return l.Write(w, o.format) }
	if o.format == "pdf" {
		pdf, err := l.PDF(d.Font, e.Now())
		if err != nil {
			return nil, err
		}
		doc.Missing = characters(pdf.Missing())
		write = func(w io.Writer) error { _, err := pdf.WriteTo(w); return err }
	}
	if err := writeNew(e, a, o.out, write); err != nil {
		return nil, err
	}
	return doc, a.Close()
}

// nationalDocument is the JSON document of national.
type nationalDocument struct {
	Files []report.Imported `json:"files"`
}

func (d *nationalDocument) rejected() bool {
	for _, f := range d.Files {
		if r := f.Receipt; r != nil && (r.State == intake.Refused || r.Rejected > 0) {
			return true
		}
	}
	return false
}

func (d *nationalDocument) text(w *page) {
	var receipts []intake.Receipt
	for _, f := range d.Files {
		if f.Receipt == nil {
			w.linef(w.t("%s：%s，%s 行。%s", "%s: %s, %s rows. %s"), f.File, f.Name.In(w.lang), count(f.Rows), f.Why.In(w.lang))
			continue
		}
		w.linef(w.t("%s：%s，%s 行，其中农户事实 %s 行", "%s: %s, %s rows, %s of them facts of households"), f.File, f.Name.In(w.lang), count(f.Rows), count(f.Facts))
		if len(f.Unread) > 0 {
			w.linef(w.t("  没有读的列：%s", "  columns that are not read: %s"), strings.Join(f.Unread, "、"))
		}
		receipts = append(receipts, *f.Receipt)
	}
	if len(receipts) > 0 {
		w.WriteByte('\n')
		receiptTable(w, receipts)
	}
	for i := range receipts {
		if r := &receipts[i]; r.Error != nil {
			w.linef("%s: %s", r.File, r.Error.In(w.lang))
		}
	}
}

type nationalOptions struct {
	files         []string
	scope, period string
}

func newNationalCommand(e *env) *cobra.Command {
	var o nationalOptions
	cmd := e.command("national FILE...", words{
		zh: "导入全国系统导出的文件", en: "take in files that the national system gave out",
		longZH:  "导入（自定义）监测对象信息、（务工月监测）已外出务工信息、（乡村建设）户信息等 Excel 文件（表头在第 3 行）。内容按政策包的数据契约检查、关联、归档，与部门报送相同；没有农户事实的文件会说明未导入。",
		longEN:  "Takes in the national system's Excel files (header on row 3): monitored households, people who went out to work, households from rural construction. Their facts are checked, linked and archived under the pack's contracts like a department's delivery; files without facts of households are told as such.",
		example: "shouwang national --data ./county --scope 522633 --period 202611 监测对象信息.xlsx 已外出务工信息.xlsx",
	}, cobra.MinimumNArgs(1), func(ctx context.Context, args []string) (result, error) {
		o.files = args
		return runNational(ctx, e, o)
	})
	f := cmd.Flags()
	f.StringVar(&o.scope, "scope", "", e.t("文件所属的行政区划（文件名里没有时）", "division of the files, when their names do not say"))
	f.StringVar(&o.period, "period", "", e.t("文件所属的月份，如 202611（文件名里没有时）", "month of the files, such as 202611, when their names do not say"))
	return cmd
}

func runNational(ctx context.Context, e *env, o nationalOptions) (result, error) {
	a, err := e.open(ctx)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	options := intake.Options{Now: e.Now()}
	if options.Scope, err = parseDivision(a.Tree, o.scope); err != nil {
		return nil, err
	}
	if o.period != "" {
		if options.Period, err = intake.ParsePeriod(o.period); err != nil {
			return nil, usagef("--period 应写成 202611，不是 %[1]q", "--period must look like 202611, not %[1]q", o.period)
		}
	}
	release, err := a.Batch(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	d := &nationalDocument{Files: []report.Imported{}}
	for _, name := range o.files {
		one, err := nationalFile(ctx, e, a, name, options)
		if err != nil {
			return nil, err
		}
		d.Files = append(d.Files, one)
	}
	return d, a.Close()
}

func nationalFile(ctx context.Context, e *env, a *app.App, name string, o intake.Options) (report.Imported, error) {
	file, err := os.Open(e.path(name))
	if err != nil {
		return report.Imported{}, errs.Wrap(errs.NotFound, err, "没有文件 "+name, "there is no file "+name)
	}
	defer file.Close()
	return report.ImportNational(ctx, console(), a.Pack, a.Intake(), name, file, o)
}
