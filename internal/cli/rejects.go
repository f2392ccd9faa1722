package cli

import (
	"context"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"shouwang/internal/errs"
)

// rejectsDocument is the JSON document of rejects.
type rejectsDocument struct {
	Delivery string `json:"delivery"`        // id of the delivery
	Batch    int    `json:"batch,omitempty"` // absent for a refused file
	Out      string `json:"out"`             // file that was written
	Rows     int    `json:"rows"`            // rejected rows in it
}

func newRejectsCommand(e *env) *cobra.Command {
	var out string
	cmd := e.command("rejects BATCH", words{
		zh: "导出一个批次退回的行", en: "export the rejected rows of a batch",
		longZH: `把一个批次（或整批退回的文件，用交付标识）里退回的行解密导出为 CSV：部门自己的列，加上行号和原因，改好后可以重新报送。
导出的文件含有个人信息明文，只交给报送的部门，用完请删除；文件权限只允许本人读写。`,
		longEN: `Exports the rejected rows of a batch (or, by delivery id, of a refused file) as CSV: the department's own columns with row number and reason added, to be mended and
delivered again. The file holds personal data in plain: it is for the department that delivered it, readable by you alone, and to be deleted afterwards.`,
		example: "shouwang rejects --data ./county 12 --out rejects.csv",
	}, cobra.ExactArgs(1), func(ctx context.Context, args []string) (result, error) { return runRejects(ctx, e, args[0], out) })
	cmd.Flags().StringVar(&out, "out", "", e.t("写到这个文件（必需；不覆盖已有文件）", "file to write to (required; an existing file is not overwritten)"))
	return cmd
}

func runRejects(ctx context.Context, e *env, which, out string) (_ *rejectsDocument, err error) {
	if out == "" {
		return nil, usagef("请用 --out 指定要写入的文件", "name the file to write to with --out")
	}
	a, err := e.open(ctx)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	all, err := a.Intake().Receipts()
	if err != nil {
		return nil, err
	}
	r, err := findReceipt(all, which)
	if err != nil {
		return nil, err
	}
	if rel, err := filepath.Rel(a.Config.Data, e.path(out)); err == nil && filepath.IsLocal(rel) {
		return nil, usagef("导出的文件含有个人信息明文，不能放在数据文件夹里", "the export holds personal data in plain and must not lie in the data folder")
	}
	file, err := os.OpenFile(e.path(out), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, errs.Wrap(errs.Unavailable, err, "无法新建文件 "+out, "cannot make the file "+out)
	}
	defer func() {
		if err != nil {
			file.Close()
			os.Remove(e.path(out))
		}
	}()
	if err := a.Intake().Rejects(ctx, r.Delivery, file); err != nil {
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, errs.Wrap(errs.Unavailable, err, "无法写文件 "+out, "cannot write the file "+out)
	}
	return &rejectsDocument{Delivery: r.Delivery, Batch: r.Batch, Out: out, Rows: r.Rejected}, a.Close()
}

func (d *rejectsDocument) text(w *page) {
	w.linef(w.t("已导出 %d 行到 %s。文件含个人信息明文，用完请删除", "%d rows exported to %s. The file holds personal data in plain: delete it when done"), d.Rows, d.Out)
}
