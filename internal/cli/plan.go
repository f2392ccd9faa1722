package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"shouwang/internal/app"
	"shouwang/internal/casework"
	"shouwang/internal/ledger"
	"shouwang/internal/matching"
	"shouwang/internal/measure"
	"shouwang/internal/policy"
)

// planDocument is the JSON document of plan show, propose and adopt.
type planDocument struct {
	measure.Plan
	pack *policy.Pack
}

func newPlanCommand(e *env) *cobra.Command {
	plan := e.command("plan", words{
		zh: "帮扶计划：建议、查看、采纳", en: "plans: propose, show, adopt",
		longZH:  "一户一计划。建议由 match 的办法提出，写入案件的计划；采纳、改动、拒绝都留原因和版本。命令行以系统名义操作，审计链里写明。",
		longEN:  "One household, one plan. Suggestions come the way match makes them and go into the case's plan; adopting, changing and refusing keep reasons and versions. The command line acts as the system, and the audit chain says so.",
		example: "shouwang plan propose --data ./county CASE\nshouwang plan adopt --data ./county CASE --all",
	}, cobra.NoArgs, nil)
	plan.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	plan.AddCommand(
		e.command("propose CASE", words{
			zh: "为案件提出措施，写入计划", en: "propose measures for a case and put them into its plan",
			longZH:  "按案件登记的风险和计划里已有的措施提出最小的一组，替换先前没有决定的建议。",
			longEN:  "Proposes the smallest bundle for the case's recorded risks and what its plan has already, in the place of earlier suggestions that nobody has decided.",
			example: "shouwang plan propose --data ./county 019cac0f-2680-7000-b764-df43a38e6e4d",
		}, cobra.ExactArgs(1), func(ctx context.Context, args []string) (result, error) { return runPlanPropose(ctx, e, args[0]) }),
		e.command("show CASE", words{
			zh: "查看案件的帮扶计划", en: "show the plan of a case",
			longZH:  "列出计划的每项措施：状态、对象、金额、部门、期限、证明材料、交办单和每一步。",
			longEN:  "Lists every measure of the plan: state, whom it is for, amount, department, deadline, evidence, orders and steps.",
			example: "shouwang plan show --data ./county 019cac0f-2680-7000-b764-df43a38e6e4d --json",
		}, cobra.ExactArgs(1), func(ctx context.Context, args []string) (result, error) { return runPlanShow(ctx, e, args[0]) }),
		newPlanAdoptCommand(e),
	)
	return plan
}

// withPlans opens the program with its plans and the case.
func withPlans(ctx context.Context, e *env, caseID string, fn func(*app.App, *casework.Service, *measure.Service, *casework.Case) error) error {
	a, err := e.open(ctx)
	if err != nil {
		return err
	}
	defer a.Close()
	cases, err := a.Casework()
	if err != nil {
		return err
	}
	plans, err := a.Plans()
	if err != nil {
		return err
	}
	var c *casework.Case
	if caseID != "" {
		if err := a.Ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
			var err error
			c, err = cases.Get(ctx, tx, console(), caseID)
			return err
		}); err != nil {
			return err
		}
	}
	if err := fn(a, cases, plans, c); err != nil {
		return err
	}
	return a.Close()
}

func runPlanPropose(ctx context.Context, e *env, caseID string) (*planDocument, error) {
	d := &planDocument{}
	return d, withPlans(ctx, e, caseID, func(a *app.App, cases *casework.Service, plans *measure.Service, c *casework.Case) error {
		x, err := a.Matching().Case(ctx, console(), cases, plans, c)
		if err != nil {
			return err
		}
		version := int64(0)
		if old, err := plans.Plan(ctx, console(), caseID); err == nil {
			version = old.Version
		}
		p, err := plans.Propose(ctx, console(), e.Now(), measure.Propose{Case: caseID, Version: version, Items: matching.Suggestions(x)})
		if err == nil {
			d.Plan, d.pack = *p, a.Pack
		}
		return err
	})
}

func runPlanShow(ctx context.Context, e *env, caseID string) (*planDocument, error) {
	d := &planDocument{}
	return d, withPlans(ctx, e, caseID, func(a *app.App, _ *casework.Service, plans *measure.Service, _ *casework.Case) error {
		p, err := plans.Plan(ctx, console(), caseID)
		if err == nil {
			d.Plan, d.pack = *p, a.Pack
		}
		return err
	})
}

type planAdoptOptions struct {
	all    bool
	adopt  []string
	refuse []string
	reason string
}

func newPlanAdoptCommand(e *env) *cobra.Command {
	var o planAdoptOptions
	cmd := e.command("adopt CASE", words{
		zh: "采纳或拒绝计划里的建议", en: "adopt or refuse suggestions of a plan",
		longZH:  "--all 采纳全部建议；--measure 采纳写明的（标识）；--refuse 拒绝写明的，要有 --reason。重复享受、互相冲突和不合规定的计划会被拒绝，说明是哪一项。",
		longEN:  "--all adopts every suggestion; --measure adopts those named (ids); --refuse refuses those named, with a --reason. Double benefit, conflicts and plans against the rules are refused, and it is said which.",
		example: "shouwang plan adopt --data ./county CASE --all\nshouwang plan adopt --data ./county CASE --refuse ID --reason 不需要",
	}, cobra.ExactArgs(1), func(ctx context.Context, args []string) (result, error) { return runPlanAdopt(ctx, e, args[0], o) })
	f := cmd.Flags()
	f.BoolVar(&o.all, "all", false, e.t("采纳全部建议", "adopt every suggestion"))
	f.StringArrayVar(&o.adopt, "measure", nil, e.t("采纳这一项（标识），可多次", "adopt this one (id), may be repeated"))
	f.StringArrayVar(&o.refuse, "refuse", nil, e.t("拒绝这一项（标识），可多次", "refuse this one (id), may be repeated"))
	f.StringVar(&o.reason, "reason", "", e.t("拒绝的原因", "why it is refused"))
	return cmd
}

func runPlanAdopt(ctx context.Context, e *env, caseID string, o planAdoptOptions) (*planDocument, error) {
	if !o.all && len(o.adopt)+len(o.refuse) == 0 {
		return nil, usagef("请写 --all、--measure 或 --refuse", "give --all, --measure or --refuse")
	}
	d := &planDocument{}
	return d, withPlans(ctx, e, caseID, func(a *app.App, _ *casework.Service, plans *measure.Service, _ *casework.Case) error {
		p, err := plans.Plan(ctx, console(), caseID)
		if err != nil {
			return err
		}
		decide := measure.Decide{Case: caseID, Version: p.Version}
		refused := map[string]bool{}
		for _, id := range o.refuse {
			refused[id] = true
			decide.Items = append(decide.Items, measure.Decision{Measure: id, Refuse: true, Reason: o.reason})
		}
		for _, id := range o.adopt {
			decide.Items = append(decide.Items, measure.Decision{Measure: id})
		}
		for _, m := range p.Measures {
			if o.all && m.State == measure.Proposed && !refused[m.ID] {
				decide.Items = append(decide.Items, measure.Decision{Measure: m.ID})
			}
		}
		p, err = plans.Decide(ctx, console(), e.Now(), decide)
		if err == nil {
			d.Plan, d.pack = *p, a.Pack
		}
		return err
	})
}

func (d *planDocument) text(w *page) {
	w.linef(w.t("户 %s 的帮扶计划，第 %d 版", "plan of household %s, revision %d"), d.HouseholdNo, d.Revision)
	var rows [][]string
	for _, m := range d.Measures {
		zh, en := m.State.Title()
		name := strings.Join(measureNames(d.pack, []string{m.Option}, w.lang), "")
		whom := w.t("户", "household")
		if m.Person != "" {
			whom = m.Person[:min(8, len(m.Person))]
		}
		rows = append(rows, []string{name, whom, w.t(zh, en), yuan(m.Amount), departmentName(d.pack, m.Department, w.lang), m.Deadline, fmt.Sprint(len(m.Evidence)), m.ID})
	}
	w.table([]string{w.t("措施", "measure"), w.t("对象", "for"), w.t("状态", "state"), w.t("金额（元）", "yuan"), w.t("部门", "department"), w.t("期限", "deadline"), w.t("证明", "evidence"), w.t("标识", "id")}, rows)
	for _, f := range d.Flags {
		w.linef(w.t("注意：%s", "note: %s"), f.Text.In(w.lang))
	}
}

func departmentName(p *policy.Pack, id, lang string) string {
	if d := p.Department(id); d != nil {
		return d.Name.In(lang)
	}
	return id
}
