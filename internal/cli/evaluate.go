package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"shouwang/internal/evaluate"
	"shouwang/internal/policy"
)

// evaluateDocument is the JSON document of evaluate.
type evaluateDocument struct {
	evaluate.Report
	pack *policy.Pack
}

func newEvaluateCommand(e *env) *cobra.Command {
	var truth string
	cmd := e.command("evaluate", words{
		zh: "对照合成数据的真相，计算查全率和查准率", en: "measure recall and precision against synthetic truth",
		longZH:  "把最近一次筛查与 synth 写下的 truth 文件夹对照：按风险类型的查全率和查准率，以及数据关联的查准率和查全率。只对合成数据有意义。",
		longEN:  "Compares the last run with the truth folder that synth wrote: recall and precision by risk type, precision and recall of linkage. Only synthetic data have a truth.",
		example: "shouwang evaluate --data ./county --truth ./files/truth\nshouwang evaluate --data ./county --truth ./files/truth --json",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) { return runEvaluate(ctx, e, truth) })
	cmd.Flags().StringVar(&truth, "truth", "", e.t("synth 写下的 truth 文件夹（必需）", "the truth folder that synth wrote (required)"))
	return cmd
}

func runEvaluate(ctx context.Context, e *env, truth string) (*evaluateDocument, error) {
	if strings.TrimSpace(truth) == "" {
		return nil, usagef("请用 --truth 指定 truth 文件夹", "name the truth folder with --truth")
	}
	a, err := e.open(ctx)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	r, err := evaluate.Run(ctx, a.Warehouse, e.path(truth))
	if err != nil {
		return nil, err
	}
	return &evaluateDocument{Report: r, pack: a.Pack}, a.Close()
}

func (d *evaluateDocument) text(w *page) {
	w.linef(w.t("%s 户中 %s 户有遭遇，预警 %s 户，其中 %s 户确有遭遇：查全率 %s，查准率 %s",
		"of %s households %s were struck; %s are warned of, %s of them struck: recall %s, precision %s"),
		count(d.Households), count(d.Struck), count(d.Warned), count(d.Found), share(d.Recall), share(d.Precision))
	if d.Standing > 0 {
		w.linef(w.t("另有 %s 户预警户虽无新遭遇，但按真相处于长期困难（未参保、危房、低收入等）：有据可依的预警共 %s", "another %s of the warned households were not struck but are in standing hardship by the truth (uninsured, unsafe house, low income …): %s of the warnings have a cause"),
			count(d.Standing), share(d.Explained))
	}
	var rows [][]string
	for _, r := range d.Risks {
		recall, anyRecall, precision := share(r.Recall), share(r.AnyRecall), share(r.Precision)
		if r.Struck == 0 { // nothing of this kind was generated: there is nothing to measure
			recall, anyRecall, precision = "—", "—", "—"
		}
		rows = append(rows, []string{riskName(d.pack, r.Risk, w.lang), count(r.Struck), count(r.Warned), count(r.Same), recall, anyRecall, precision})
	}
	w.table([]string{w.t("风险类型", "risk"), w.t("遭遇户", "struck"), w.t("预警户", "warned"), w.t("相符", "same"),
		w.t("查全率", "recall"), w.t("任一预警查全率", "recall by any warning"), w.t("查准率", "precision")}, rows)
	if l := d.Links; l != nil {
		w.linef(w.t("数据关联：%s 行，关联 %s 行，正确 %s 行：查准率 %s，查全率 %s", "linkage: %s rows, %s linked, %s of them right: precision %s, recall %s"),
			count(l.Rows), count(l.Linked), count(l.Correct), fmt.Sprintf("%.4f", l.Precision), fmt.Sprintf("%.4f", l.Recall))
	}
}

// share writes a ratio as per cent.
func share(v float64) string { return fmt.Sprintf("%.1f%%", 100*v) }
