package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"shouwang/internal/app"
	"shouwang/internal/casework"
	"shouwang/internal/measure"
	"shouwang/internal/policy"
)

// orderListDocument is the JSON document of order list.
type orderListDocument struct {
	measure.OrderPage
	pack *policy.Pack
}

// orderDocument is the JSON document of order answer.
type orderDocument struct {
	measure.Order
	pack *policy.Pack
}

type orderOptions struct {
	division   string
	department string
	state      string
	limit      int
	accept     bool
	reject     bool
	done       bool
	reason     string
	evidence   []string
}

func newOrderCommand(e *env) *cobra.Command {
	order := e.command("order", words{
		zh: "措施交办单：交办、查看、答复", en: "orders to departments: send, list, answer",
		longZH:  "采纳的措施交办给部门，部门在时限内接单、退回（写原因）或报落实（附证明材料）。",
		longEN:  "An adopted measure is ordered from a department, which accepts it, rejects it with a reason, or reports it done with evidence, within the time allowed.",
		example: "shouwang order list --data ./county\nshouwang order answer --data ./county ORDER --accept",
	}, cobra.NoArgs, nil)
	order.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	var list, answer orderOptions
	listing := e.command("list", words{
		zh: "列出交办单", en: "list orders",
		longZH:  "列出等待答复和正在落实的交办单，期限近的在前。",
		longEN:  "Lists orders that wait for an answer or are being delivered, the earliest due first.",
		example: "shouwang order list --data ./county --department medical_insurance",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) { return runOrderList(ctx, e, list) })
	f := listing.Flags()
	f.StringVar(&list.division, "division", "", e.t("只要这个行政区划及其下级（代码或名称）", "only this division and what is under it (code or name)"))
	f.StringVar(&list.department, "department", "", e.t("只要这个部门（政策包中的标识）", "only this department (id in the pack)"))
	f.StringVar(&list.state, "state", "", e.t("只要这个状态：sent、accepted、rejected、done、withdrawn", "only this state: sent, accepted, rejected, done, withdrawn"))
	f.IntVar(&list.limit, "limit", 100, e.t("最多多少张", "at most so many"))
	answering := e.command("answer ORDER", words{
		zh: "答复交办单", en: "answer an order",
		longZH:  "--accept 接单；--reject 退回，要有 --reason；--done 报落实，--evidence 类别:SHA-256 附上政策包要求的每一类证明材料。",
		longEN:  "--accept takes it; --reject gives it back, with a --reason; --done reports it delivered, with --evidence KIND:SHA-256 for every kind that the pack asks for.",
		example: "shouwang order answer --data ./county ORDER --reject --reason 不符合条件",
	}, cobra.ExactArgs(1), func(ctx context.Context, args []string) (result, error) {
		return runOrderAnswer(ctx, e, args[0], answer)
	})
	f = answering.Flags()
	f.BoolVar(&answer.accept, "accept", false, e.t("接单", "take it"))
	f.BoolVar(&answer.reject, "reject", false, e.t("退回", "give it back"))
	f.BoolVar(&answer.done, "done", false, e.t("报落实", "report it delivered"))
	f.StringVar(&answer.reason, "reason", "", e.t("退回的原因", "why it is given back"))
	f.StringArrayVar(&answer.evidence, "evidence", nil, e.t("证明材料，如 document:SHA-256，可多次", "evidence such as document:SHA-256, may be repeated"))
	order.AddCommand(e.command("send CASE MEASURE", words{
		zh: "把采纳的措施交办给部门", en: "order an adopted measure from its department",
		longZH:  "MEASURE 是计划里措施的标识（plan show）。部门须在参数 order_answer_days 的工作日内答复。",
		longEN:  "MEASURE is the id of a measure of the plan (plan show). The department must answer within the working days of the parameter order_answer_days.",
		example: "shouwang order send --data ./county CASE MEASURE",
	}, cobra.ExactArgs(2), func(ctx context.Context, args []string) (result, error) {
		return runOrderSend(ctx, e, args[0], args[1])
	}), listing, answering)
	return order
}

func runOrderSend(ctx context.Context, e *env, caseID, id string) (*planDocument, error) {
	d := &planDocument{}
	return d, withPlans(ctx, e, caseID, func(a *app.App, _ *casework.Service, plans *measure.Service, _ *casework.Case) error {
		p, err := plans.Plan(ctx, console(), caseID)
		if err != nil {
			return err
		}
		send := measure.Send{Measure: id}
		for _, m := range p.Measures {
			if m.ID == id {
				send.Version = m.Version
			}
		}
		p, err = plans.Send(ctx, console(), e.Now(), send)
		if err == nil {
			d.Plan, d.pack = *p, a.Pack
		}
		return err
	})
}

func runOrderList(ctx context.Context, e *env, o orderOptions) (*orderListDocument, error) {
	d := &orderListDocument{}
	return d, withPlans(ctx, e, "", func(a *app.App, _ *casework.Service, plans *measure.Service, _ *casework.Case) error {
		code, err := parseDivision(a.Tree, o.division)
		if err != nil {
			return err
		}
		if o.department != "" && a.Pack.Department(o.department) == nil {
			return usagef("政策包里没有部门 %[1]q", "the pack has no department %[1]q", o.department)
		}
		d.pack = a.Pack
		d.OrderPage, err = plans.Orders(ctx, console(), measure.OrderFilter{Under: code, Department: o.department, State: o.state, Limit: o.limit})
		return err
	})
}

func runOrderAnswer(ctx context.Context, e *env, id string, o orderOptions) (*orderDocument, error) {
	x := measure.Answer{Order: id, Reason: o.reason}
	for _, one := range []struct {
		set  bool
		name string
	}{{o.accept, "accept"}, {o.reject, "reject"}, {o.done, "done"}} {
		if one.set && x.Answer != "" {
			return nil, usagef("--accept、--reject、--done 只能选一个", "one of --accept, --reject, --done")
		}
		if one.set {
			x.Answer = one.name
		}
	}
	if x.Answer == "" {
		return nil, usagef("请写 --accept、--reject 或 --done", "give --accept, --reject or --done")
	}
	for _, text := range o.evidence {
		kind, hash, ok := strings.Cut(text, ":")
		if !ok {
			return nil, usagef("证明材料写成 类别:SHA-256", "evidence is written KIND:SHA-256")
		}
		x.Evidence = append(x.Evidence, measure.Proof{Kind: kind, Hash: hash})
	}
	d := &orderDocument{}
	return d, withPlans(ctx, e, "", func(a *app.App, _ *casework.Service, plans *measure.Service, _ *casework.Case) error {
		old, err := plans.Order(ctx, console(), id)
		if err != nil {
			return err
		}
		x.Version = old.Version
		got, err := plans.Answer(ctx, console(), e.Now(), x)
		if err == nil {
			d.Order, d.pack = *got, a.Pack
		}
		return err
	})
}

func (d *orderListDocument) text(w *page) {
	if len(d.Orders) == 0 {
		w.linef("%s", w.t("没有交办单", "no orders"))
		return
	}
	var rows [][]string
	for _, o := range d.Orders {
		rows = append(rows, []string{o.Due, orderState(w, o.State), strings.Join(measureNames(d.pack, []string{o.Option}, w.lang), ""), departmentName(d.pack, o.Department, w.lang), yuan(o.Amount), o.Division.Prefix(), o.ID})
	}
	w.table([]string{w.t("答复期限", "answer by"), w.t("状态", "state"), w.t("措施", "measure"), w.t("部门", "department"), w.t("金额（元）", "yuan"), w.t("村", "village"), w.t("标识", "id")}, rows)
}

func (d *orderDocument) text(w *page) {
	w.linef("%s  %s  %s", d.ID, strings.Join(measureNames(d.pack, []string{d.Option}, w.lang), ""), orderState(w, d.State))
}

func orderState(w *page, state string) string {
	switch state {
	case "sent":
		return w.t("等待答复", "waiting for an answer")
	case "accepted":
		return w.t("已接单", "accepted")
	case "rejected":
		return w.t("已退回", "rejected")
	case "done":
		return w.t("已落实", "done")
	case "withdrawn":
		return w.t("已撤回", "withdrawn")
	}
	return state
}
