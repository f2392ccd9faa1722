package cli

import (
	"context"

	"github.com/spf13/cobra"

	"shouwang/internal/intake"
)

// verifyDocument is the JSON document of verify.
type verifyDocument struct {
	OK            bool             `json:"ok"`                       // nothing was found wrong
	Batches       int              `json:"batches"`                  // accepted batches
	Files         int              `json:"files"`                    // archived files read and hashed
	Rows          int64            `json:"rows"`                     // rows of accepted batches
	Findings      []intake.Finding `json:"findings"`                 // what was found
	Digest        string           `json:"digest"`                   // of the warehouse's content, hex
	Rebuilt       bool             `json:"rebuilt"`                  // the archive was taken in again and compared
	RebuiltDigest string           `json:"rebuilt_digest,omitempty"` // of the second warehouse
	Same          bool             `json:"same"`                     // the digests agree (true when not rebuilt)
	Derived       int              `json:"derived"`                  // warned households derived again
	Differing     int              `json:"differing"`                // of them with another outcome than recorded
}

func newVerifyCommand(e *env) *cobra.Command {
	var quick bool
	cmd := e.command("verify", words{
		zh: "核对仓库与归档一致", en: "prove that the warehouse is what the archive makes",
		longZH: `核对归档文件都在且没有损坏，每个批次的行一行不少、一行不重，完整性记录和花名册推导一致；再把整个归档重新接收到另一个仓库，比较全部内容；
并重新推导若干预警户的结果。发现不一致时退出码为 3。--quick 不做重新接收。`,
		longEN: `Checks that every archived file is there and whole, that no row is lost or doubled, that completeness and register are what the batches make; then takes the whole archive in
again into a second warehouse and compares all content; and derives some warned households again. Exit code 3 when anything differs. --quick leaves the second warehouse out.`,
		example: "shouwang verify --data ./county\nshouwang verify --data ./county --quick --json",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) { return runVerify(ctx, e, quick) })
	cmd.Flags().BoolVar(&quick, "quick", false, e.t("不重新接收归档", "don't take the archive in again"))
	return cmd
}

func runVerify(ctx context.Context, e *env, quick bool) (*verifyDocument, error) {
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
	bar := e.progress("核对", "verifying")
	v, err := a.Verify(ctx, quick, func(p intake.Progress) { bar.update(int64(p.Index-1), int64(p.Files)) })
	bar.end(err)
	if err != nil {
		return nil, err
	}
	d := &verifyDocument{OK: v.OK(), Batches: v.Batches, Files: v.Files, Rows: v.Rows, Findings: v.Findings, Digest: v.Digest,
		Rebuilt: v.Rebuilt, RebuiltDigest: v.Digest2, Same: v.Same, Derived: v.Explanations, Differing: v.Differing}
	if d.Findings == nil {
		d.Findings = []intake.Finding{}
	}
	return d, a.Close()
}

func (d *verifyDocument) rejected() bool { return !d.OK }

func (d *verifyDocument) text(w *page) {
	w.linef(w.t("%d 个批次，%d 个归档文件，%s 行", "%d batches, %d archived files, %s rows"), d.Batches, d.Files, count(d.Rows))
	for _, f := range d.Findings {
		mark := "·"
		if f.Severity == intake.Broken {
			mark = "✗"
		}
		w.linef("%s %s", mark, f.Text.In(w.lang))
	}
	if d.Rebuilt && d.Same {
		w.linef(w.t("重新接收全部归档，内容相同（%.16s）", "the archive taken in again gives the same content (%.16s)"), d.Digest)
	} else if d.Rebuilt {
		w.linef(w.t("✗ 重新接收全部归档，内容不同（%.16s ≠ %.16s）", "✗ the archive taken in again gives other content (%.16s ≠ %.16s)"), d.Digest, d.RebuiltDigest)
	}
	if d.Derived > 0 {
		w.linef(w.t("重新推导 %d 户，%d 户与记录不同", "%d households derived again, %d differ from the record"), d.Derived, d.Differing)
	}
	if d.OK {
		w.linef("%s", w.t("一致", "all agree"))
	} else {
		w.linef("%s", w.t("不一致：请运行 shouwang rebuild", "not the same: run shouwang rebuild"))
	}
}
