package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"shouwang/internal/audit"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
)

func newAuditCommand(e *env) *cobra.Command {
	cmd := e.command("audit", words{
		zh: "审计链：校验、查看、导出", en: "the audit chain: verify, show, export",
		longZH:  "每一次修改和每一次未脱敏查看都是审计链上的一条事件，每条事件的哈希（SM3）包含前一条的哈希：改动、删除或插入任何一条都会被发现。",
		longEN:  "Every change and every look at unmasked data is an event of the audit chain; each event's hash (SM3) covers the hash before it, so that a changed, removed or inserted event is found.",
		example: "shouwang audit verify --data ./county\nshouwang audit show --data ./county --action case. --limit 20",
	}, cobra.NoArgs, nil)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(newAuditVerifyCommand(e), newAuditShowCommand(e), newAuditExportCommand(e))
	return cmd
}

// auditVerifyDocument is the JSON document of audit verify.
type auditVerifyDocument struct {
	OK     bool        `json:"ok"`
	Events int64       `json:"events"` // that were walked and hold
	Seq    int64       `json:"seq"`    // number of the last of them
	Hash   string      `json:"hash"`   // its hash, hex: note it down, and a later verify --head shows that nothing was cut off
	Broken *auditBreak `json:"broken"` // the first event that does not hold; null when the chain is whole
}

// auditBreak is the first event that does not hold.
type auditBreak struct {
	Seq int64  `json:"seq"` // its number
	ZH  string `json:"zh"`
	EN  string `json:"en"`
}

func newAuditVerifyCommand(e *env) *cobra.Command {
	var heads []string
	cmd := e.command("verify", words{
		zh: "校验审计链", en: "verify the audit chain",
		longZH: `从头走一遍审计链，重新计算每条事件的哈希，指出第一条不符的事件；不完整时退出码为 3。
--head 给出以前记下的链头（编号:哈希，可多次）：它必须还在链上，这样链尾被截断或整条链被重写也能发现。`,
		longEN: `Walks the chain from its beginning, computes every hash anew and names the first event that does not hold; exit code 3 then.
--head names a head that was noted earlier (NUMBER:HASH, may be repeated): it must still be in the chain, so that a cut-off end or a chain written anew is found, too.`,
		example: "shouwang audit verify --data ./county\nshouwang audit verify --data ./county --head 10482:9f2c…",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) { return runAuditVerify(ctx, e, heads) })
	cmd.Flags().StringArrayVar(&heads, "head", nil, e.t("以前记下的链头 编号:哈希，可多次", "a head noted earlier, NUMBER:HASH, may be repeated"))
	return cmd
}

func runAuditVerify(ctx context.Context, e *env, heads []string) (*auditVerifyDocument, error) {
	var known []audit.Head
	for _, text := range heads {
		number, hash, ok := strings.Cut(text, ":")
		seq, err := strconv.ParseInt(number, 10, 64)
		if !ok || err != nil || seq < 1 || len(hash) != 64 {
			return nil, usagef("--head 应写成 编号:哈希（64 位十六进制），不是 %[1]q", "--head must be NUMBER:HASH with 64 hexadecimal digits, not %[1]q", text)
		}
		known = append(known, audit.Head{Seq: seq, Hash: strings.ToLower(hash)})
	}
	a, err := e.open(ctx)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	r, err := audit.Verify(ctx, a.Ledger, known...)
	if err != nil {
		return nil, err
	}
	d := &auditVerifyDocument{OK: r.Broken == nil, Events: r.Events, Seq: r.Head.Seq, Hash: r.Head.Hash}
	if b := r.Broken; b != nil {
		d.Broken = &auditBreak{b.Seq, b.Why.ZH, b.Why.EN}
	}
	return d, a.Close()
}

func (d *auditVerifyDocument) rejected() bool { return !d.OK }

func (d *auditVerifyDocument) text(w *page) {
	if d.Broken != nil {
		w.linef(w.t("✗ 审计链不完整：%s", "✗ the audit chain is broken: %s"), w.t(d.Broken.ZH, d.Broken.EN))
		return
	}
	w.linef(w.t("审计链完整，共 %s 条", "the audit chain is whole: %s events"), count(d.Events))
	if d.Seq > 0 {
		w.linef(w.t("链头 %d:%s（请记下）", "head %d:%s (note it down)"), d.Seq, d.Hash)
	}
}

type auditFilter struct {
	actor, action, object, id, from, to, division string
}

// flags declares the filter's flags.
func (f *auditFilter) flags(e *env, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.actor, "actor", "", e.t("操作人（账号编号）", "who acted (id of the account)"))
	flags.StringVar(&f.action, "action", "", e.t("动作，或以点结尾的一类动作，如 case.", "action, or all of a subject with a dot at its end: case."))
	flags.StringVar(&f.object, "object", "", e.t("对象的种类", "kind of the object"))
	flags.StringVar(&f.id, "id", "", e.t("对象编号", "id of the object"))
	flags.StringVar(&f.division, "division", "", e.t("只看这个行政区划", "only what lies in this division"))
	flags.StringVar(&f.from, "from", "", e.t("从这一天起", "from this day on"))
	flags.StringVar(&f.to, "to", "", e.t("到这一天止（含）", "to this day, itself included"))
}

// filter reads the flags.
func (f *auditFilter) filter() (audit.Filter, error) {
	out := audit.Filter{Actor: f.actor, Action: f.action, Object: f.object, ObjectID: f.id}
	if f.division != "" {
		d, err := division.Parse(f.division)
		if err != nil {
			return out, &usageError{err.(*errs.Error)}
		}
		out.Within = d
	}
	day := func(flag, text string, plus int) (ledger.Time, error) {
		if text == "" {
			return 0, nil
		}
		t, err := time.ParseInLocation(time.DateOnly, text, time.FixedZone("UTC+8", 8*3600))
		if err != nil {
			return 0, usagef("--%[1]s 应为日期（如 2026-11-24），不是 %[2]q", "--%[1]s must be a day such as 2026-11-24, not %[2]q", flag, text)
		}
		return ledger.At(t.AddDate(0, 0, plus)), nil
	}
	var err error
	if out.From, err = day("from", f.from, 0); err != nil {
		return out, err
	}
	out.To, err = day("to", f.to, 1)
	return out, err
}

// auditShowDocument is the JSON document of audit show.
type auditShowDocument struct {
	Events []auditEvent `json:"events"` // newest first
	Next   int64        `json:"next"`   // --before of the next page; 0: there are no more
}

// auditEvent is one event.
type auditEvent struct {
	Seq      int64         `json:"seq"`    // its number in the chain
	At       string        `json:"at"`     // RFC 3339
	Actor    string        `json:"actor"`  // account, system:NAME, token:ID or anonymous
	Org      string        `json:"org"`    // organisation in whose name it was done
	Action   string        `json:"action"` // what was done
	Object   string        `json:"object"` // kind of the object
	ID       string        `json:"id"`     // of the object
	Division division.Code `json:"division"`
	Reason   string        `json:"reason"`
	Detail   string        `json:"detail"` // JSON text, or ""
	Hash     string        `json:"hash"`   // hex
}

func newAuditShowCommand(e *env) *cobra.Command {
	var f auditFilter
	var before int64
	var limit int
	cmd := e.command("show", words{
		zh: "查看审计事件", en: "show audit events",
		longZH:  "按条件查看审计事件，新的在前。时间用北京时间的日期筛选。",
		longEN:  "Shows the chosen audit events, the newest first. Days are days in China.",
		example: "shouwang audit show --data ./county --action household.reveal --from 2026-11-01\nshouwang audit show --data ./county --object casefile --id 0193… --json",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) { return runAuditShow(ctx, e, f, before, limit) })
	f.flags(e, cmd)
	cmd.Flags().Int64Var(&before, "before", 0, e.t("只看编号更小的事件（翻页）", "only events with smaller numbers (next page)"))
	cmd.Flags().IntVar(&limit, "limit", 50, e.t("最多多少条（1–1000）", "at most so many (1 to 1000)"))
	return cmd
}

func runAuditShow(ctx context.Context, e *env, f auditFilter, before int64, limit int) (*auditShowDocument, error) {
	filter, err := f.filter()
	if err != nil {
		return nil, err
	}
	if limit < 1 || limit > audit.MaxPage {
		return nil, usagef("--limit 应在 1 到 %[1]d 之间", "--limit must be 1 to %[1]d", audit.MaxPage)
	}
	filter.Before, filter.Limit = before, limit
	a, err := e.open(ctx)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	var p audit.Page
	err = a.Ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) (err error) {
		p, err = audit.Show(ctx, tx, filter)
		return err
	})
	if err != nil {
		return nil, err
	}
	d := &auditShowDocument{Events: []auditEvent{}, Next: p.Next}
	for _, r := range p.Events {
		d.Events = append(d.Events, auditEvent{r.Seq, r.At.String(), r.Actor, r.Org, r.Action, r.Object, r.ObjectID, r.Division, r.Reason, string(r.Detail), r.Hash})
	}
	return d, a.Close()
}

func (d *auditShowDocument) text(w *page) {
	var rows [][]string
	for _, x := range d.Events {
		at, _ := time.Parse(time.RFC3339Nano, x.At)
		rows = append(rows, []string{strconv.FormatInt(x.Seq, 10), at.In(time.FixedZone("UTC+8", 8*3600)).Format("2006-01-02 15:04:05"), x.Actor, x.Action, x.Object, x.ID, x.Reason})
	}
	w.table([]string{w.t("编号", "No."), w.t("时间", "time"), w.t("操作人", "actor"), w.t("动作", "action"), w.t("对象", "object"), w.t("对象编号", "id"), w.t("理由", "reason")}, rows)
	if d.Next > 0 {
		w.linef(w.t("下一页：--before %d", "next page: --before %d"), d.Next)
	}
}

// auditExportDocument is the JSON document of audit export.
type auditExportDocument struct {
	File   string `json:"file"`
	Format string `json:"format"` // csv, xlsx or json
	Events int64  `json:"events"`
}

func newAuditExportCommand(e *env) *cobra.Command {
	var f auditFilter
	var out, format string
	cmd := e.command("export", words{
		zh: "导出审计事件", en: "export audit events",
		longZH:  "把审计事件（旧的在前，含哈希）写成文件，供审计人员使用；导出本身也是一条事件。",
		longEN:  "Writes the chosen audit events (oldest first, with their hashes) into a file for an auditor; the export is an event itself.",
		example: "shouwang audit export --data ./county --out audit.xlsx --format xlsx --from 2026-01-01",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) { return runAuditExport(ctx, e, f, out, format) })
	f.flags(e, cmd)
	cmd.Flags().StringVar(&out, "out", "", e.t("写出的文件（不能已存在）", "file to write (must not exist)"))
	cmd.Flags().StringVar(&format, "format", "csv", e.t("csv、xlsx 或 json", "csv, xlsx or json"))
	return cmd
}

func runAuditExport(ctx context.Context, e *env, f auditFilter, out, format string) (*auditExportDocument, error) {
	filter, err := f.filter()
	if err != nil {
		return nil, err
	}
	if out == "" {
		return nil, usagef("缺少 --out", "--out is missing")
	}
	if format != "csv" && format != "xlsx" && format != "json" {
		return nil, usagef("--format 应为 csv、xlsx 或 json，不是 %[1]q", "--format must be csv, xlsx or json, not %[1]q", format)
	}
	a, err := e.open(ctx)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	d := &auditExportDocument{File: out, Format: format}
	err = writeNewFile(e, out, func(w io.Writer) error {
		return a.Ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) (err error) {
			d.Events, err = audit.Export(ctx, tx, w, format, e.lang, filter)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	err = a.Ledger.Write(ctx, e.Now(), func(_ context.Context, tx *ledger.Tx) error {
		event := console().Event("audit.export", "audit", "", filter.Within)
		event.Detail = map[string]any{"events": d.Events, "format": format}
		return audit.Record(tx, event)
	})
	if err != nil {
		return nil, err
	}
	return d, a.Close()
}

func (d *auditExportDocument) text(w *page) {
	w.linef(w.t("已导出 %s 条：%s", "%s events exported: %s"), count(d.Events), d.File)
}

// writeNewFile writes a file (mode 0600) that must not exist; when write fails none is left.
func writeNewFile(e *env, path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(e.path(path), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return errs.Newf(errs.Conflict, "文件 %[1]s 已经存在，不会覆盖", "the file %[1]s exists and is not overwritten", path)
	}
	if err != nil {
		return errs.Wrap(errs.Unavailable, err, "无法写文件 "+path, "cannot write "+path)
	}
	err = write(f)
	if closing := f.Close(); err == nil && closing != nil {
		err = errs.Wrap(errs.Unavailable, closing, "无法写文件 "+path, "cannot write "+path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(e.path(path)))
	}
	return nil
}
