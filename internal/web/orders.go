package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/measure"
	"shouwang/internal/web/view"
)

// ordersAPage is how many orders one page lists.
const ordersAPage = 50

// ordersList is the orders of the reader's area; a department's officer sees the department's own.
func (s *Server) ordersList(v *visit) error {
	plans, err := s.app.Plans()
	if err != nil {
		return err
	}
	q := v.r.URL.Query()
	state := q.Get("state")
	x := view.OrdersPage{State: state, First: q.Get("after") == "", Links: v.actor.May(account.CoverageRead) == nil}
	states := []string{"", "done", "rejected", "withdrawn"}
	if !slices.Contains(states, state) {
		return errs.New(errs.Invalid, "没有这种状态的交办单。请从列表上方点选。", "there are no orders of that state. Choose one above the list.")
	}
	for _, st := range states {
		x.Tabs = append(x.Tabs, view.Option{Value: st, Label: s.words.In(v.lang, "orders.tab."+st), Chosen: st == state})
	}
	if own, only := v.actor.DepartmentOnly(); only {
		x.Own = s.departmentName(own).In(v.lang)
	}
	page, err := plans.Orders(v.context(), v.actor, measure.OrderFilter{State: state, After: q.Get("after"), Limit: ordersAPage})
	if err != nil {
		return err
	}
	x.Next, x.Open = page.Next, len(page.Orders)
	numbers, err := s.numbersOf(v, page.Orders)
	if err != nil {
		return err
	}
	today := casework.Civil(s.now()).Format("2006-01-02")
	at := view.Page{Lang: v.lang}
	for i := range page.Orders {
		o := &page.Orders[i]
		name, _ := s.optionName(v, o.Option)
		due := o.Due
		if o.State == "accepted" && o.Deadline != "" {
			due = o.Deadline
		}
		x.Rows = append(x.Rows, view.OrderRow{Href: "/orders/" + o.ID, Measure: name, HouseholdNo: numbers[o.CaseID], Place: s.place(v, o.Division), Amount: yuanOf(v, o.Amount), Due: at.Day(due), Deadline: at.Day(o.Deadline), State: s.words.In(v.lang, "order.state."+o.State),
			Department: s.departmentName(o.Department).In(v.lang), Late: state == "" && due < today})
	}
	return s.show(v, view.OrdersPageOf(s.frame(v, s.words.In(v.lang, "orders.title"), "orders"), x))
}

// numbersOf are the household numbers of the orders' cases.
func (s *Server) numbersOf(v *visit, orders []measure.Order) (map[string]string, error) {
	cases, err := s.app.Casework()
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	err = s.app.Ledger.Read(v.context(), func(ctx context.Context, tx *ledger.Tx) error {
		for i := range orders {
			id := orders[i].CaseID
			if _, done := out[id]; done {
				continue
			}
			c, err := cases.Get(ctx, tx, v.actor, id)
			if errs.KindOf(err) == errs.NotFound && err != nil {
				continue
			}
			if err != nil {
				return err
			}
			out[id] = c.HouseholdNo
		}
		return nil
	})
	return out, err
}

// orderFile is one order, read for one reader.
type orderFile struct {
	*planFile
	order *measure.Order
}

func (s *Server) openOrder(v *visit, id string) (*orderFile, error) {
	plans, err := s.app.Plans()
	if err != nil {
		return nil, err
	}
	order, err := plans.Order(v.context(), v.actor, id)
	if err != nil {
		return nil, err
	}
	c, err := s.openCase(v, order.CaseID, "")
	if err != nil {
		return nil, err
	}
	return &orderFile{planFile: &planFile{caseFile: c, plans: plans}, order: order}, nil
}

// answers reports whether the reader may answer the order: its department, its organisation, the county.
func (o *orderFile) answers() bool {
	if o.v.actor.May(account.OrderReply) != nil || o.order.State != "sent" && o.order.State != "accepted" {
		return false
	}
	_, only := o.v.actor.DepartmentOnly()
	return only || o.v.actor.Org == o.order.Org || o.v.actor.Has(account.County)
}

// orderShow is one order.
func (s *Server) orderShow(v *visit) error {
	o, err := s.openOrder(v, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	x := o.page(nil)
	if done := v.r.URL.Query().Get("done"); slices.Contains([]string{"accept", "reject", "done"}, done) {
		x.Done = s.words.In(v.lang, "order.done."+done)
	}
	return o.showOrder(http.StatusOK, x)
}

func (o *orderFile) showOrder(status int, x view.OrderPage) error {
	p := o.s.frame(o.v, x.Measure, "orders")
	p.Here = "/orders/" + o.order.ID
	return o.s.write(o.v, status, view.OrderPageOf(p, x))
}

// page is what the order's page shows; typed is what was typed into its forms.
func (o *orderFile) page(typed url.Values) view.OrderPage {
	s, v, it := o.s, o.v, o.order
	lang := v.lang
	at := view.Page{Lang: lang}
	name, block := s.optionName(v, it.Option)
	x := view.OrderPage{Measure: name, State: s.words.In(lang, "order.state."+it.State), StateID: it.State, Case: "/cases/" + it.CaseID, CaseID: it.CaseID, Reason: it.Reason}
	switch it.State {
	case "sent":
		x.Answer = s.words.In(lang, "order.answer.sent", at.Day(it.Due))
	case "accepted":
		x.Answer = s.words.In(lang, "order.answer.accepted", at.Day(it.Deadline))
	default:
		x.Answer = x.State
	}
	fact := func(key, value string) {
		if value != "" {
			x.Facts = append(x.Facts, view.Pair{Label: s.words.In(lang, key), Value: value})
		}
	}
	fact("order.block", block)
	fact("plan.department", s.departmentName(it.Department).In(lang))
	fact("household", o.it().HouseholdNo)
	fact("place", s.fullPlace(it.Division))
	fact("plan.for", o.forWhom(it.Person))
	fact("plan.amount", yuanOf(v, it.Amount))
	fact("plan.deadline", at.Day(it.Deadline))
	fact("order.sent", locDay(v, it.SentAt.Go())+" "+o.who(it.SentBy))
	fact("order.due", at.Day(it.Due))
	if m := o.find(it.MeasureID); m != nil {
		x.Why = texts(m.Why, lang)
		fact("plan.fund_name", v.t(m.FundZH, m.FundEN))
		for i, e := range m.Evidence {
			x.Evidence = append(x.Evidence, s.proof(v, e, i+1))
		}
	}
	if opt := s.app.Pack.Measure(it.Option); opt != nil {
		fact("plan.evidence", s.evidenceWords(v, opt.Evidence))
	}
	if o.answers() {
		o.forms(&x, typed)
	}
	return x
}

// forms are what the department can answer.
func (o *orderFile) forms(x *view.OrderPage, typed url.Values) {
	t := func(key string) string { return o.s.words.In(o.v.lang, key) }
	form := func(what string, fields ...view.FormField) *view.Form {
		f := &view.Form{Action: "/orders/" + o.order.ID + "/" + what, Submit: t("order.do." + what), Fields: fields, Hidden: []view.Hidden{{Name: "version", Value: strconv.FormatInt(o.order.Version, 10)}, {Name: "key", Value: newKey()}}}
		f.Files = slices.ContainsFunc(fields, func(y view.FormField) bool { return y.Kind == view.KindFiles })
		return f
	}
	note := func(name, label string, required bool) view.FormField {
		return view.FormField{Name: fieldPrefix + name, Label: label, Kind: view.KindLong, Required: required, Sealed: true, Max: 500, Value: typed.Get(fieldPrefix + name)}
	}
	if o.order.State == "sent" {
		x.Accept = form("accept")
	}
	files := o.s.proofFields(o.v, o.order.Option, o.order.ID)
	for i := range files {
		for n, hash := range typed[files[i].Name] {
			files[i].Kept = append(files[i].Kept, view.KeptFile{Hash: hash, Label: o.s.words.In(o.v.lang, "form.kept", strconv.Itoa(n+1))})
		}
	}
	x.Report = form("done", append(files, note("note", t("order.note"), false))...)
	x.Report.Outline = x.Accept != nil
	x.Reject = form("reject", note("reason", t("reason"), true))
	x.Reject.Outline = true
}

// orderAnswer takes what a department says to an order.
func (s *Server) orderAnswer(v *visit) error {
	values, err := s.paperForm(v)
	if err != nil {
		return err
	}
	o, err := s.openOrder(v, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	what := v.r.PathValue("answer")
	if !slices.Contains([]string{"accept", "reject", "done"}, what) {
		return account.NotThere()
	}
	version, err := versionOf(values)
	if err != nil {
		return err
	}
	a := measure.Answer{Order: o.order.ID, Version: version, Key: values.Get("key"), Answer: what}
	switch what {
	case "reject":
		a.Reason = strings.TrimSpace(values.Get(fieldPrefix + "reason"))
	case "done":
		a.Reason, a.Evidence = strings.TrimSpace(values.Get(fieldPrefix+"note")), proofs(values, o.order.ID)
	}
	_, err = o.plans.Answer(v.context(), v.actor, s.now(), a)
	var stale *ledger.Stale
	kind := errs.KindOf(err)
	switch {
	case err == nil:
		return v.redirect("/orders/" + o.order.ID + "?done=" + what)
	case errors.As(err, &stale):
		return o.conflict(what, a, values)
	case kind == errs.Invalid || kind == errs.Conflict || kind == errs.Refused:
		x := o.page(values)
		x.Faults = []string{errs.Text(err, v.lang)}
		return o.showOrder(statusOf(kind), x)
	}
	return err
}

// conflict is two officers who answered the same order.
func (o *orderFile) conflict(what string, a measure.Answer, values url.Values) error {
	x := o.page(values)
	c := &view.Conflict{Typed: []view.Pair{{Label: o.s.words.In(o.v.lang, "conflict.action"), Value: o.s.words.In(o.v.lang, "order.do."+what)}}, State: x.State, Back: "/orders/" + o.order.ID}
	if a.Reason != "" {
		c.Typed = append(c.Typed, view.Pair{Label: o.s.words.In(o.v.lang, "reason"), Value: a.Reason})
	}
	if o.order.AnsweredAt != 0 {
		names, err := o.s.staff(o.v, []string{o.order.AnsweredBy})
		if err != nil {
			return err
		}
		c.Changes = append(c.Changes, view.Change{What: x.State, Who: whoOf(o.s, o.v, names, o.order.AnsweredBy), Where: o.s.orgName(o.v, o.order.Org), When: view.Page{Lang: o.v.lang}.Moment(o.order.AnsweredAt.Go())})
	}
	for id, f := range map[string]*view.Form{"accept": x.Accept, "done": x.Report, "reject": x.Reject} {
		if id == what && f != nil {
			c.Again = &view.Form{Action: f.Action, Hidden: append(f.Hidden, carried(values)...)}
		}
	}
	c.Why = o.s.words.In(o.v.lang, "conflict.gone", o.s.words.In(o.v.lang, "order.do."+what), x.State)
	x.Conflict, x.Accept, x.Report, x.Reject = c, nil, nil, nil
	return o.showOrder(http.StatusConflict, x)
}
