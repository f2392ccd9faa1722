package web

import (
	"cmp"
	"errors"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"shouwang/internal/account"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/measure"
	"shouwang/internal/web/view"
)

// addRows is how many measures can be added in one go.
const addRows = 5

// item is where the decision on a proposed measure is typed.
func item(id, field string) string { return fieldPrefix + "d." + id + "." + field }

// addField begins the inputs of measures that are added.
const addField = fieldPrefix + "add"

// decide is the form in which proposals are decided and measures added.
func (p *planFile) decide(typed url.Values) *view.PlanDecide {
	if typed == nil {
		typed = url.Values{}
	}
	t := func(key string) string { return p.s.words.In(p.v.lang, key) }
	out := &view.PlanDecide{Action: "/cases/" + p.it().ID + "/plan/decide", Hidden: p.carryPlan()}
	if p.plan != nil {
		for i := range p.plan.Measures {
			if m := &p.plan.Measures[i]; m.State == measure.Proposed {
				out.Items = append(out.Items, p.item(m, typed))
			}
		}
	}
	out.Add = view.FormField{Name: addField, Label: t("plan.add.rows"), Hint: t("plan.add.hint"), Kind: view.KindRows}
	n := rowsTyped(addField, typed)
	rows := max(1, n)
	if typed.Get("more") == addField {
		rows++
	}
	rows = min(rows, addRows)
	for i := range rows {
		out.Add.Rows = append(out.Add.Rows, p.addRow(i, typed))
	}
	out.Add.More = rows < addRows
	return out
}

// carryPlan is what every change of the plan carries: the version and revision that the reader has seen, and a key.
func (p *planFile) carryPlan() []view.Hidden {
	revision := 0
	if p.plan != nil {
		revision = p.plan.Revision
	}
	return []view.Hidden{{Name: "version", Value: strconv.FormatInt(p.version(), 10)}, {Name: "seen", Value: strconv.Itoa(revision)}, {Name: "key", Value: newKey()}}
}

// typedOr is what was typed, or what is there.
func typedOr(typed url.Values, name, otherwise string) string {
	if list, ok := typed[name]; ok && len(list) > 0 {
		return list[0]
	}
	return otherwise
}

func (p *planFile) item(m *measure.Measure, typed url.Values) view.PlanItem {
	s, lang := p.s, p.v.lang
	t := func(key string) string { return s.words.In(lang, key) }
	out := view.PlanItem{For: p.forWhom(m.Person), Fund: p.v.t(m.FundZH, m.FundEN), Why: texts(m.Why, lang)}
	out.Name, out.Block = s.optionName(p.v, m.Option)
	if p.proposal != nil {
		for _, x := range p.proposal.Measures {
			if x.Measure == m.Option {
				for _, a := range x.Instead {
					out.Instead = append(out.Instead, a.Name.In(lang))
				}
			}
		}
	}
	chosen := typedOr(typed, item(m.ID, "do"), "adopt")
	out.Choice = view.FormField{Name: item(m.ID, "do")}
	for _, v := range []string{"adopt", "refuse", "later"} {
		out.Choice.Options = append(out.Choice.Options, view.Option{Value: v, Label: t("plan.choice." + v), Chosen: v == chosen})
	}
	out.Fields = []view.FormField{
		{Name: item(m.ID, "amount"), Label: t("plan.amount"), Unit: p.v.t("元", "yuan"), Kind: view.KindNumber, Step: "0.01", Value: typedOr(typed, item(m.ID, "amount"), yuanInput(m.Amount))},
		{Name: item(m.ID, "department"), Label: t("plan.department"), Kind: view.KindChoice, Options: p.departments(typedOr(typed, item(m.ID, "department"), m.Department))},
		{Name: item(m.ID, "owner"), Label: t("plan.owner"), Kind: view.KindChoice, Options: p.owners(typedOr(typed, item(m.ID, "owner"), m.Owner))},
		{Name: item(m.ID, "deadline"), Label: t("plan.deadline"), Kind: view.KindDate, Value: typedOr(typed, item(m.ID, "deadline"), p.usual(m.Option))},
		{Name: item(m.ID, "reason"), Label: t("reason"), Hint: t("plan.reason.hint"), Kind: view.KindLong, Sealed: true, Max: 500, Value: typed.Get(item(m.ID, "reason"))},
	}
	return out
}

// usual is the last day by which a measure is delivered as a rule.
func (p *planFile) usual(option string) string {
	days := 30
	if o := p.s.app.Pack.Measure(option); o != nil {
		days = o.Days
	}
	return p.machine.Today().AddDate(0, 0, days).Format("2006-01-02")
}

func yuanInput(fen int64) string {
	if fen == 0 {
		return ""
	}
	return strconv.FormatFloat(float64(fen)/100, 'f', -1, 64)
}

func (p *planFile) departments(chosen string) []view.Option {
	var out []view.Option
	for _, d := range p.s.app.Pack.Departments {
		out = append(out, view.Option{Value: d.ID, Label: d.Name.In(p.v.lang), Chosen: d.ID == chosen})
	}
	return out
}

func (p *planFile) owners(chosen string) []view.Option {
	out := []view.Option{{Label: p.s.words.In(p.v.lang, "plan.owner.none")}}
	for _, a := range p.staffAround() {
		out = append(out, view.Option{Value: a.ID, Label: a.Name + " · " + p.s.orgName(p.v, a.Org), Chosen: a.ID == chosen})
	}
	return out
}

// addRow is where a measure is added that was not proposed.
func (p *planFile) addRow(i int, typed url.Values) []view.FormField {
	t := func(key string) string { return p.s.words.In(p.v.lang, key) }
	name := func(field string) string { return addField + "." + strconv.Itoa(i) + "." + field }
	options := []view.Option{{Label: t("form.choose")}}
	for k := range p.s.app.Pack.Measures.Options {
		o := &p.s.app.Pack.Measures.Options[k]
		label := o.Name.In(p.v.lang)
		if b := p.s.app.Pack.Block(o.Block); b != nil {
			label = b.Name.In(p.v.lang) + " · " + label
		}
		options = append(options, view.Option{Value: o.ID, Label: label, Chosen: o.ID == typed.Get(name("option"))})
	}
	persons := []view.Option{{Label: t("plan.for_household")}}
	for k := range p.people {
		key := p.people[k].Person.Key.String()
		persons = append(persons, view.Option{Value: key, Label: p.person(&p.people[k]), Chosen: key == typed.Get(name("person"))})
	}
	return []view.FormField{
		{Name: name("option"), Label: t("order.measure"), Kind: view.KindChoice, Options: options},
		{Name: name("person"), Label: t("plan.for"), Kind: view.KindChoice, Options: persons},
		{Name: name("amount"), Label: t("plan.amount"), Unit: p.v.t("元", "yuan"), Kind: view.KindNumber, Step: "0.01", Value: typed.Get(name("amount"))},
		{Name: name("deadline"), Label: t("plan.deadline"), Kind: view.KindDate, Value: typed.Get(name("deadline"))},
		{Name: name("reason"), Label: t("reason"), Kind: view.KindLong, Sealed: true, Max: 500, Value: typed.Get(name("reason"))},
	}
}

// fenOf reads an amount in yuan; nil for none.
func fenOf(text string) (*int64, error) {
	switch x := numeric(strings.TrimSpace(text)).(type) {
	case float64:
		fen := int64(math.Round(x * 100))
		if x < 0 || math.Abs(x*100-float64(fen)) > 1e-6 || x > 1e9 {
			return nil, errs.New(errs.Invalid, "金额应是不小于 0 的数，最多两位小数。", "an amount is a number from 0 on, with at most two decimals.")
		}
		return &fen, nil
	case string:
		if x != "" {
			return nil, errs.New(errs.Invalid, "金额应是数字，单位是元。", "an amount is a number, in yuan.")
		}
	}
	return nil, nil
}

// decisions reads what was decided, and tells it in words.
func (p *planFile) decisions(values url.Values) (list []measure.Decision, words []view.Pair, err error) {
	get := func(name string) string { return strings.TrimSpace(values.Get(name)) }
	ids := decided(values)
	slices.SortStableFunc(ids, func(a, b string) int { return cmp.Compare(p.placeOf(a), p.placeOf(b)) })
	for _, id := range ids {
		do := get(item(id, "do"))
		if do == "later" || do == "" {
			continue
		}
		d := measure.Decision{Measure: id, Refuse: do == "refuse", Reason: get(item(id, "reason"))}
		m := p.find(id)
		said := []string{p.s.words.In(p.v.lang, "plan.choice."+map[bool]string{true: "refuse", false: "adopt"}[d.Refuse])}
		if !d.Refuse {
			if d.Amount, err = fenOf(get(item(id, "amount"))); err != nil {
				return nil, nil, err
			}
			if x := get(item(id, "department")); x != "" {
				d.Department = &x
			}
			if x := get(item(id, "owner")); x != "" {
				d.Owner = &x
			}
			if x := get(item(id, "deadline")); x != "" {
				d.Deadline = &x
				said = append(said, view.Page{Lang: p.v.lang}.Day(x))
			}
			if d.Amount != nil {
				said = append(said, p.yuan(*d.Amount))
			}
		}
		if d.Reason != "" {
			said = append(said, d.Reason)
		}
		name := id
		if m != nil {
			name, _ = p.s.optionName(p.v, m.Option)
		}
		list, words = append(list, d), append(words, view.Pair{Label: name, Value: strings.Join(said, view.Page{Lang: p.v.lang}.Comma())})
	}
	for i := range min(rowsTyped(addField, values), addRows) {
		at := addField + "." + strconv.Itoa(i) + "."
		d := measure.Decision{Option: get(at + "option"), Person: get(at + "person"), Reason: get(at + "reason")}
		if d.Option == "" && d.Person == "" && d.Reason == "" && get(at+"amount") == "" && get(at+"deadline") == "" {
			continue
		}
		if d.Option == "" {
			return nil, nil, errs.Newf(errs.Invalid, "自行增加的第 %[1]d 行没有选择措施。", "row %[1]d of the added measures names no measure.", i+1)
		}
		if d.Amount, err = fenOf(get(at + "amount")); err != nil {
			return nil, nil, err
		}
		if x := get(at + "deadline"); x != "" {
			d.Deadline = &x
		}
		name, _ := p.s.optionName(p.v, d.Option)
		said := []string{p.s.words.In(p.v.lang, "plan.added"), d.Reason}
		if d.Amount != nil {
			said = append(said, p.yuan(*d.Amount))
		}
		list, words = append(list, d), append(words, view.Pair{Label: name, Value: strings.Join(said, view.Page{Lang: p.v.lang}.Comma())})
	}
	return list, words, nil
}

// decided are the measures that a form decides, in a fixed order.
func decided(values url.Values) []string {
	var out []string
	for _, name := range sorted(values) {
		if rest, ok := strings.CutPrefix(name, fieldPrefix+"d."); ok {
			if id, is := strings.CutSuffix(rest, ".do"); is {
				out = append(out, id)
			}
		}
	}
	return out
}

// placeOf is where a measure stands in the plan.
func (p *planFile) placeOf(id string) int {
	if p.plan == nil {
		return -1
	}
	return slices.IndexFunc(p.plan.Measures, func(m measure.Measure) bool { return m.ID == id })
}

func (p *planFile) find(id string) *measure.Measure {
	if p.plan == nil {
		return nil
	}
	i := slices.IndexFunc(p.plan.Measures, func(m measure.Measure) bool { return m.ID == id })
	if i < 0 {
		return nil
	}
	return &p.plan.Measures[i]
}

// planDecide takes decisions about the plan.
func (s *Server) planDecide(v *visit) error {
	values, err := s.paperForm(v)
	if err != nil {
		return err
	}
	p, err := s.openPlan(v, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	if values.Get("more") != "" {
		x, err := p.shown(values)
		if err != nil {
			return err
		}
		return p.showPlan(http.StatusOK, x)
	}
	version, err := versionOf(values)
	if err != nil {
		return err
	}
	list, words, err := p.decisions(values)
	if err == nil {
		_, err = p.plans.Decide(v.context(), v.actor, s.now(), measure.Decide{Case: p.it().ID, Version: version, Key: values.Get("key"), Items: list})
	}
	var stale *ledger.Stale
	switch {
	case err == nil:
		return v.redirect("/cases/" + p.it().ID + "/plan?done=decide")
	case errors.As(err, &stale):
		return p.planConflict(values, words, view.Form{Action: "/cases/" + p.it().ID + "/plan/decide"}, true)
	}
	return p.planFailed(err, values)
}

// planConflict shows two people who worked on the same plan side by side. What the other one has decided already is left out of what can be applied again.
func (p *planFile) planConflict(values url.Values, words []view.Pair, again view.Form, may bool) error {
	x, err := p.shown(nil)
	if err != nil {
		return err
	}
	c := &view.Conflict{Typed: words, State: x.Answer, Back: "/cases/" + p.it().ID + "/plan"}
	seen, err := strconv.Atoi(values.Get("seen"))
	if err != nil {
		seen = len(p.revisions) - 1
	}
	for i := range p.revisions {
		if p.revisions[i].Revision > seen {
			c.Changes = append(c.Changes, p.revision(i))
		}
	}
	kept := url.Values{}
	for name, list := range values {
		rest, is := strings.CutPrefix(name, fieldPrefix+"d.")
		if id, _, _ := strings.Cut(rest, "."); is {
			if m := p.find(id); m == nil || m.State != measure.Proposed {
				continue
			}
		}
		kept[name] = list
	}
	if may && (len(decided(kept)) > 0 || rowsTyped(addField, kept) > 0 || len(words) == 0) {
		again.Hidden = append(p.carryPlan(), carried(kept)...)
		c.Again = &again
	} else {
		c.Why = p.s.words.In(p.v.lang, "plan.conflict.decided")
	}
	x.Conflict = c
	return p.showPlan(http.StatusConflict, x)
}

// planMeasure does something with one measure of the plan.
func (s *Server) planMeasure(v *visit) error {
	values, err := s.paperForm(v)
	if err != nil {
		return err
	}
	p, err := s.openPlan(v, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	m := p.find(v.r.PathValue("measure"))
	if m == nil {
		return account.NotThere()
	}
	version, err := versionOf(values)
	if err != nil {
		return err
	}
	what, key, ctx, now := v.r.PathValue("what"), values.Get("key"), v.context(), s.now()
	reason := strings.TrimSpace(values.Get(fieldPrefix + "reason." + m.ID))
	switch what {
	case "order":
		_, err = p.plans.Send(ctx, v.actor, now, measure.Send{Measure: m.ID, Version: version, Key: key})
	case "begin":
		_, err = p.plans.Deliver(ctx, v.actor, now, measure.Deliver{Measure: m.ID, Version: version, Key: key, Note: reason})
	case "deliver":
		_, err = p.plans.Deliver(ctx, v.actor, now, measure.Deliver{Measure: m.ID, Version: version, Key: key, Done: true, Evidence: proofs(values, m.ID), Note: reason})
	case "verify", "send_back":
		_, err = p.plans.Verify(ctx, v.actor, now, measure.Verify{Measure: m.ID, Version: version, Key: key, OK: what == "verify", Reason: reason})
	case "stop":
		_, err = p.plans.Stop(ctx, v.actor, now, measure.Stop{Measure: m.ID, Version: version, Key: key, Reason: reason})
	default:
		return account.NotThere()
	}
	var stale *ledger.Stale
	switch {
	case err == nil:
		return v.redirect("/cases/" + p.it().ID + "/plan?done=" + what + "#m-" + m.ID)
	case errors.As(err, &stale):
		return p.measureConflict(m, what, values, reason)
	}
	return p.planFailed(err, nil)
}

// measureConflict is two people who worked on the same measure.
func (p *planFile) measureConflict(m *measure.Measure, what string, values url.Values, reason string) error {
	x, err := p.shown(nil)
	if err != nil {
		return err
	}
	name, _ := p.s.optionName(p.v, m.Option)
	c := &view.Conflict{Typed: []view.Pair{{Label: name, Value: p.s.words.In(p.v.lang, "plan.do."+what)}}, State: name + p.v.t("：", ": ") + p.stateWords(m), Back: "/cases/" + p.it().ID + "/plan#m-" + m.ID}
	if reason != "" {
		c.Typed = append(c.Typed, view.Pair{Label: p.s.words.In(p.v.lang, "reason"), Value: reason})
	}
	read, err := versionOf(values)
	if err != nil {
		return err
	}
	for _, st := range m.Steps {
		if st.Seq > read {
			c.Changes = append(c.Changes, view.Change{What: p.s.words.In(p.v.lang, "plan.step."+st.Action), Who: p.who(st.Actor), Where: p.s.orgName(p.v, st.Org), When: view.Page{Lang: p.v.lang}.Moment(st.At.Go())})
		}
	}
	c.Why = p.s.words.In(p.v.lang, "conflict.gone", p.s.words.In(p.v.lang, "plan.do."+what), p.stateWords(m))
	for _, f := range p.measureForms(m) {
		if strings.HasSuffix(f.Form.Action, "/"+what) {
			again := f.Form
			again.Hidden = append(again.Hidden, carried(values)...)
			again.Fields = nil
			c.Again = &again
		}
	}
	x.Conflict = c
	return p.showPlan(http.StatusConflict, x)
}
