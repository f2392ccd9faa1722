package cli

import (
	"context"

	"github.com/spf13/cobra"

	"shouwang/internal/app"
	"shouwang/internal/casework"
	"shouwang/internal/matching"
	"shouwang/internal/measure"
)

type effectOptions struct {
	division string
	block    string
	from, to int64
}

// effectDocument is the JSON document of effect.
type effectDocument struct{ matching.Effect }

func newEffectCommand(e *env) *cobra.Command {
	var o effectOptions
	cmd := e.command("effect", words{
		zh: "帮扶成效：享受某类措施的户与相近的户比较", en: "effect of measures: households with them against similar ones without",
		longZH: `按两次筛查之间的变化，把期间落实了某类措施的户与没有的户比较：级别、户类型、规模、劳动力完全相同，起点指标最近。给出差别和区间；户数太少时说“太少，说不出”。
差别不等于因果。只看计划里落实的措施。`,
		longEN: `Compares the change between two runs of households that were given a block of measures in between with others: alike in level, type, size and labour, and nearest in their baseline. Tells the
difference and its interval, and says so when there are too few. A difference is not proof of a cause. Only measures delivered through plans are seen.`,
		example: "shouwang effect --data ./county\nshouwang effect --data ./county --block employment --division 522633 --json",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) { return runEffect(ctx, e, o) })
	f := cmd.Flags()
	f.StringVar(&o.division, "division", "", e.t("只要这个行政区划及其下级（代码或名称）", "only this division and what is under it (code or name)"))
	f.StringVar(&o.block, "block", "", e.t("只要这一类措施（政策包中的标识）", "only this block of measures (id in the pack)"))
	f.Int64Var(&o.from, "from", 0, e.t("起点筛查（默认足够早的最近一次）", "run to start from (default the newest that is early enough)"))
	f.Int64Var(&o.to, "to", 0, e.t("终点筛查（默认最近一次）", "run to end with (default the last)"))
	return cmd
}

func runEffect(ctx context.Context, e *env, o effectOptions) (*effectDocument, error) {
	d := &effectDocument{}
	return d, withPlans(ctx, e, "", func(a *app.App, _ *casework.Service, plans *measure.Service, _ *casework.Case) error {
		code, err := parseDivision(a.Tree, o.division)
		if err != nil {
			return err
		}
		if o.block != "" && a.Pack.Block(o.block) == nil {
			return usagef("政策包里没有措施分类 %[1]q", "the pack has no block of measures %[1]q", o.block)
		}
		d.Effect, err = a.Matching().Effect(ctx, console(), plans, matching.EffectAsk{Division: code, Block: o.block, From: o.from, To: o.to})
		return err
	})
}

func (d *effectDocument) text(w *page) {
	w.linef(w.t("第 %d 次筛查（%s）到第 %d 次筛查（%s），%s 户两头都有数据", "run %d (%s) to run %d (%s), %s households with both ends known"), d.From, d.FromDay, d.To, d.ToDay, count(d.Households))
	if len(d.Blocks) == 0 {
		w.linef("%s", w.t("期间没有落实过措施", "no measure was delivered"))
	}
	for _, b := range d.Blocks {
		w.heading(b.Name.ZH, b.Name.In("en"))
		for _, o := range b.Outcomes {
			w.linef("%s：%s", o.Name.In(w.lang), o.Words.In(w.lang))
		}
	}
	w.linef("%s", d.Method.In(w.lang))
}
