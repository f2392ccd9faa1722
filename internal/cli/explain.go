package cli

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"shouwang/internal/screening"
)

type explainOptions struct {
	no   string
	rule string
	run  int64
}

// explainDocument is the JSON document of explain.
type explainDocument struct{ screening.Explanation }

func newExplainCommand(e *env) *cobra.Command {
	var o explainOptions
	cmd := e.command("explain NO", words{
		zh: "说明一户为什么预警（或为什么没有）", en: "say why a household is warned of, or not",
		longZH: `按当时的数据、政策包和参数重新推导一户的结果，说明每条规则由哪几个比较决定：数值、阈值、差距、来源部门、数据日期、文号和文件行号。
不写 --rule 时列出命中的和未知的规则；写了就说明那一条，包括为什么没有命中。--run 指定某次筛查。`,
		longEN: `Derives a household's outcome again from the data, pack and parameters of the run, and says which comparisons force each rule: value,
threshold, margin, department, data date, document and the rows of the files. Without --rule it tells the rules that hit and those that are unknown; with it that
rule, including why it doesn't hit. --run names a run.`,
		example: "shouwang explain --data ./county 5226330010001\nshouwang explain --data ./county 5226330010001 --rule medical_burden_red --run 3 --json",
	}, cobra.ExactArgs(1), func(ctx context.Context, args []string) (result, error) {
		o.no = args[0]
		return runExplain(ctx, e, o)
	})
	cmd.Flags().StringVar(&o.rule, "rule", "", e.t("只说明这条规则（标识）", "only this rule (id)"))
	cmd.Flags().Int64Var(&o.run, "run", 0, e.t("某次筛查（默认最近的）", "of this run (default the last)"))
	return cmd
}

func runExplain(ctx context.Context, e *env, o explainOptions) (*explainDocument, error) {
	a, err := e.open(ctx)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	x, err := a.Screening().Explain(ctx, o.no, o.rule, o.run)
	if err != nil {
		return nil, err
	}
	return &explainDocument{x}, a.Close()
}

func (d *explainDocument) text(w *page) {
	// Writing to memory cannot fail.
	_, _ = io.WriteString(w, strings.TrimRight(d.Explanation.Text(w.lang), "\n")+"\n")
}
