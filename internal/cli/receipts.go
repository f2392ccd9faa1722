package cli

import (
	"context"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"shouwang/internal/errs"
	"shouwang/internal/intake"
)

// receiptsDocument is the JSON document of receipts.
type receiptsDocument struct {
	Receipts []intake.Receipt `json:"receipts"`
	one      bool
}

func newReceiptsCommand(e *env) *cobra.Command {
	return e.command("receipts [BATCH]", words{
		zh: "列出回执，或打印一份回执", en: "list the receipts, or print one",
		longZH:  "列出数据文件夹里每个文件的回执；写上批次号（或交付标识）就打印那一份，供部门留存。回执里没有个人信息。",
		longEN:  "Lists the receipts of every file of the data folder; with a batch number (or a delivery id) prints that one, for the department to keep. A receipt holds no personal data.",
		example: "shouwang receipts --data ./county\nshouwang receipts --data ./county 12\nshouwang receipts --data ./county --json",
	}, cobra.MaximumNArgs(1), func(ctx context.Context, args []string) (result, error) {
		which := ""
		if len(args) > 0 {
			which = args[0]
		}
		return runReceipts(ctx, e, which)
	})
}

func runReceipts(ctx context.Context, e *env, which string) (*receiptsDocument, error) {
	a, err := e.open(ctx)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	all, err := a.Intake().Receipts()
	if err != nil {
		return nil, err
	}
	if which == "" {
		return &receiptsDocument{Receipts: all}, a.Close()
	}
	r, err := findReceipt(all, which)
	if err != nil {
		return nil, err
	}
	return &receiptsDocument{Receipts: []intake.Receipt{*r}, one: true}, a.Close()
}

// findReceipt finds a receipt by batch number, delivery id or (the beginning of) the file's SHA-256.
func findReceipt(all []intake.Receipt, which string) (*intake.Receipt, error) {
	batch, err := strconv.Atoi(which)
	i := slices.IndexFunc(all, func(r intake.Receipt) bool {
		return err == nil && batch > 0 && r.Batch == batch || r.Delivery == which || len(which) >= 12 && len(r.SHA256) >= len(which) && r.SHA256[:len(which)] == which
	})
	if i < 0 {
		return nil, errs.New(errs.NotFound, "没有这个批次的回执；用 shouwang receipts 列出全部", "there is no receipt of that batch; shouwang receipts lists them all")
	}
	return &all[i], nil
}

func (d *receiptsDocument) text(w *page) {
	switch {
	case d.one:
		w.WriteString(d.Receipts[0].Text(w.lang))
	case len(d.Receipts) == 0:
		w.linef("%s", w.t("还没有接收过文件", "no files have been taken in yet"))
	default:
		receiptTable(w, d.Receipts)
	}
}
