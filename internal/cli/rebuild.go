package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"shouwang/internal/config"
	"shouwang/internal/intake"
)

// rebuildDocument is the JSON document of rebuild.
type rebuildDocument struct {
	Batches    int      `json:"batches"`    // deliveries taken in again
	Rows       int      `json:"rows"`       // their rows
	Changed    []string `json:"changed"`    // deliveries that came out otherwise than the first time: the pack has changed
	Unfinished []string `json:"unfinished"` // archived deliveries that were never accepted
	KeptRuns   bool     `json:"kept_runs"`  // the record of past runs was carried over
	Digest     string   `json:"digest"`     // of the content, hex; the same for the same content
}

func newRebuildCommand(e *env) *cobra.Command {
	return e.command("rebuild", words{
		zh: "由归档重新建立仓库", en: "make the warehouse again from the archive",
		longZH: `仓库是推导出来的：本命令把归档里接收过的每个文件按原来的次序重新接收一遍，建成新的仓库后再替换旧的。旧仓库丢失或损坏时也能用。
旧仓库还能读时，历次筛查的记录会保留；不能读时，重建之后请再运行 screen。`,
		longEN: `The warehouse is derived: this takes every accepted file of the archive in again, in the same order, and replaces the old warehouse when the new one is complete. It
works when the old one is lost or damaged. The record of past runs is kept if the old one can be read; otherwise run screen afterwards.`,
		example: "shouwang rebuild --data ./county\nshouwang rebuild --data ./county --json",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) { return runRebuild(ctx, e) })
}

func runRebuild(ctx context.Context, e *env) (*rebuildDocument, error) {
	a, err := e.alone(ctx)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	if _, err := config.ReadFolder(a.Config.Data); err == nil { // otherwise Rebuild says what is wrong
		if err := a.ReadPolicy(ctx, e.Now()); err != nil {
			return nil, err
		}
	}
	bar := e.progress("重新接收归档", "taking the archive in again")
	r, err := a.Rebuild(ctx, func(p intake.Progress) { bar.update(int64(p.Done), int64(p.Files)) })
	bar.end(err)
	if err != nil {
		return nil, err
	}
	d := &rebuildDocument{Batches: r.Batches, Rows: r.Rows, Changed: r.Changed, Unfinished: r.Unfinished, KeptRuns: r.KeptRuns, Digest: r.Digest}
	if d.Changed == nil {
		d.Changed = []string{}
	}
	if d.Unfinished == nil {
		d.Unfinished = []string{}
	}
	return d, a.Close()
}

func (d *rebuildDocument) text(w *page) {
	w.linef(w.t("重新接收了 %d 个批次，%s 行；内容摘要 %.16s", "%d batches with %s rows taken in again; digest of the content %.16s"), d.Batches, count(d.Rows), d.Digest)
	if len(d.Changed) > 0 {
		w.linef(w.t("政策包已变，%d 个批次的结果与当初不同：%s", "the pack has changed: %d batches came out otherwise: %s"), len(d.Changed), strings.Join(d.Changed, " "))
	}
	if !d.KeptRuns || len(d.Changed) > 0 {
		w.linef("%s", w.t("请再运行 shouwang screen --full", "now run shouwang screen --full"))
	}
}
