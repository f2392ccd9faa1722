package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/locale"
	"shouwang/internal/matching"
	"shouwang/internal/measure"
	"shouwang/internal/policy"
	"shouwang/internal/web/view"
)

// planFile is the plan of a case, read for one reader.
type planFile struct {
	*caseFile
	plans     *measure.Service
	revisions []measure.Revision
	proposal  *matching.Proposal
	noMatch   string
}

// openPlan reads a case with its plan; with what matching proposes for those who make plans.
func (s *Server) openPlan(v *visit, id string) (*planFile, error) {
	c, err := s.openCase(v, id, "")
	if err != nil {
		return nil, err
	}
	p := &planFile{caseFile: c}
	if p.plans, err = s.app.Plans(); err != nil {
		return nil, err
	}
	if p.revisions, err = p.plans.Revisions(v.context(), v.actor, id); err != nil {
		return nil, err
	}
	if !p.writes() {
		return p, nil
	}
	x, err := s.app.Matching().Case(v.context(), v.actor, c.cases, p.plans, c.it())
	switch kind := errs.KindOf(err); {
	case err == nil:
		p.proposal = &x
	case kind == errs.NotFound || kind == errs.Conflict:
		p.noMatch = s.words.In(v.lang, "plan.no_match", errs.Text(err, v.lang))
	default:
		return nil, err
	}
	return p, nil
}

// writes reports whether the reader may change the plan.
func (p *planFile) writes() bool { return p.v.actor.May(account.PlanWrite) == nil && p.it().Live() }

// planShow is the plan editor.
func (s *Server) planShow(v *visit) error {
	p, err := s.openPlan(v, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	x, err := p.shown(nil)
	if err != nil {
		return err
	}
	if done := v.r.URL.Query().Get("done"); slices.Contains(planDeeds(), done) {
		x.Done = s.words.In(v.lang, "plan.done."+done)
	}
	return p.showPlan(http.StatusOK, x)
}

func planDeeds() []string {
	return []string{"propose", "decide", "order", "begin", "deliver", "verify", "send_back", "stop"}
}

func (p *planFile) showPlan(status int, x view.PlanPage) error {
	f := p.s.frame(p.v, p.s.words.In(p.v.lang, "plan.title")+" "+p.it().HouseholdNo, "cases")
	f.Here = "/cases/" + p.it().ID + "/plan"
	return p.s.write(p.v, status, view.PlanPageOf(f, x))
}

// shown is what the editor shows; typed is what was typed into the decisions, nil for what is proposed.
func (p *planFile) shown(typed url.Values) (view.PlanPage, error) {
	it, s, lang := p.it(), p.s, p.v.lang
	x := view.PlanPage{Case: it, Place: s.place(p.v, it.Division), State: p.stateName(it.State), MayWrite: p.writes(), NoMatch: p.noMatch}
	x.Crumbs = append(s.crumbs(p.v, "/cases", it.Division), view.Crumb{Name: it.HouseholdNo, Href: "/cases/" + it.ID}, view.Crumb{Name: s.words.In(lang, "plan.title")})
	for _, r := range it.Risks {
		x.Risks = append(x.Risks, s.riskName(r.Risk).In(lang))
	}
	people, err := p.members()
	if err != nil {
		return x, err
	}
	for i := range people {
		if people[i].Person.Relation == "head" {
			x.HeadName = people[i].Identity.Name
		}
	}
	planned, done, waiting := 0, 0, 0
	if p.plan != nil {
		for i := range p.plan.Measures {
			m := &p.plan.Measures[i]
			switch {
			case m.State == measure.Proposed:
				waiting++
			case m.State == measure.Refused || m.State == measure.Stopped:
				x.Refused = append(x.Refused, p.measure(m))
			default:
				planned++
				x.Measures = append(x.Measures, p.measure(m))
			}
			if m.State.Done() {
				done++
			}
		}
	}
	switch {
	case planned == 0 && waiting == 0:
		x.Answer = s.words.In(lang, "plan.answer.none")
	case waiting > 0:
		x.Answer = s.words.In(lang, "plan.answer.decide", view.Int(waiting), view.Int(planned), view.Int(done))
	default:
		x.Answer = s.words.In(lang, "plan.answer", view.Int(planned), view.Int(done))
	}
	if x.MayWrite {
		x.Decide, x.Adding = p.decide(typed), rowsTyped(addField, typed) > 0 || typed.Get("more") != ""
		if x.Findings, err = p.findings(); err != nil {
			return x, err
		}
		if p.proposal != nil {
			x.Proposal = p.proposed()
		}
	}
	for i := len(p.revisions) - 1; i >= 0; i-- {
		x.History = append(x.History, p.revision(i))
	}
	x.Effects, err = p.effects()
	return x, err
}

// yuan writes an amount; "" for none.
func (p *planFile) yuan(fen int64) string { return yuanOf(p.v, fen) }

func yuanOf(v *visit, fen int64) string {
	if fen == 0 {
		return ""
	}
	return locale.Number(float64(fen)/100, 2) + v.t(" 元", " yuan")
}

// optionName is a measure's name, with the block it belongs to.
func (s *Server) optionName(v *visit, id string) (name, block string) {
	o := s.app.Pack.Measure(id)
	if o == nil {
		return id, ""
	}
	if b := s.app.Pack.Block(o.Block); b != nil {
		block = b.Name.In(v.lang)
	}
	return o.Name.In(v.lang), block
}

// forWhom names a member; "" for the household.
func (p *planFile) forWhom(key string) string {
	if key == "" {
		return ""
	}
	return p.word(&policy.Field{Type: policy.FieldPerson}, key)
}

func (p *planFile) stateWords(m *measure.Measure) string { return p.v.t(m.State.Title()) }

// measure is one decided measure with what can be done with it.
func (p *planFile) measure(m *measure.Measure) view.PlanMeasure {
	s, lang := p.s, p.v.lang
	at := view.Page{Lang: lang}
	out := view.PlanMeasure{ID: m.ID, For: p.forWhom(m.Person), State: p.stateWords(m), StateID: string(m.State), Amount: p.yuan(m.Amount), Fund: p.v.t(m.FundZH, m.FundEN), Department: s.departmentName(m.Department).In(lang), Owner: p.who(m.Owner),
		Deadline: at.Day(m.Deadline), Added: m.Origin == "added"}
	out.Name, out.Block = s.optionName(p.v, m.Option)
	out.Late = m.State.Planned() && !m.State.Done() && m.Deadline != "" && m.Deadline < casework.Civil(s.now()).Format("2006-01-02")
	for _, w := range m.Why {
		out.Why = append(out.Why, w.In(lang))
	}
	for i, e := range m.Evidence {
		out.Evidence = append(out.Evidence, s.proof(p.v, e, i+1))
	}
	if o := s.app.Pack.Measure(m.Option); o != nil {
		out.Wanted = s.evidenceWords(p.v, o.Evidence)
	}
	for _, o := range m.Orders {
		out.Orders = append(out.Orders, view.PlanOrder{Department: s.departmentName(o.Department).In(lang), State: s.words.In(lang, "order.state."+o.State), Sent: locDay(p.v, o.SentAt.Go()), Due: at.Day(o.Due), Reason: o.Reason, Href: "/orders/" + o.ID})
	}
	for _, st := range m.Steps {
		one := view.Change{What: s.words.In(lang, "plan.step."+st.Action), Who: p.who(st.Actor), Where: s.orgName(p.v, st.Org), When: at.Moment(st.At.Go())}
		if st.Reason != "" {
			one.Pairs = []view.Pair{{Value: st.Reason}}
		}
		out.Steps = append(out.Steps, one)
	}
	if p.writes() {
		out.Forms = p.measureForms(m)
	}
	return out
}

// proof is one piece of evidence; without an address where the file is not kept here.
func (s *Server) proof(v *visit, e measure.Evidence, n int) view.KeptFile {
	out := view.KeptFile{Hash: e.Hash, Label: s.words.In(v.lang, "evidence."+e.Kind) + " " + strconv.Itoa(n)}
	if !s.app.Attachments().Has(e.Hash) {
		out.Hash = ""
	}
	return out
}

func (s *Server) evidenceWords(v *visit, kinds []string) string {
	var names []string
	for _, k := range kinds {
		names = append(names, s.words.In(v.lang, "evidence."+k))
	}
	return strings.Join(names, v.t("、", ", "))
}

// measureForms are what can be done with a measure in its state.
func (p *planFile) measureForms(m *measure.Measure) []view.PlanForm {
	t := func(key string) string { return p.s.words.In(p.v.lang, key) }
	form := func(what string, outline bool, fields ...view.FormField) view.PlanForm {
		f := view.Form{Action: "/cases/" + m.CaseID + "/plan/measures/" + m.ID + "/" + what, Submit: t("plan.do." + what), Fields: fields, Outline: outline, Hidden: []view.Hidden{{Name: "version", Value: strconv.FormatInt(m.Version, 10)}, {Name: "key", Value: newKey()}}}
		f.Files = slices.ContainsFunc(fields, func(x view.FormField) bool { return x.Kind == view.KindFiles })
		return view.PlanForm{Title: t("plan.do." + what), Form: f}
	}
	reason := func(required bool) view.FormField {
		return view.FormField{Name: fieldPrefix + "reason." + m.ID, Label: t("reason"), Kind: view.KindLong, Required: required, Sealed: true, Max: 500}
	}
	proofs := p.s.proofFields(p.v, m.Option, m.ID)
	var out []view.PlanForm
	switch m.State {
	case measure.Adopted:
		out = append(out, form("order", false), form("begin", true), form("deliver", true, append(proofs, reason(false))...))
	case measure.Answered, measure.Delivering:
		out = append(out, form("deliver", false, append(proofs, reason(false))...))
	case measure.Delivered:
		if m.DeliveredBy != p.v.actor.Account {
			out = append(out, form("verify", false))
		}
		out = append(out, form("send_back", true, reason(true)))
	}
	if m.State.Planned() && !m.State.Done() {
		out = append(out, form("stop", true, reason(true)))
	}
	return out
}

// proofFields ask for every kind of evidence that the pack names.
func (s *Server) proofFields(v *visit, option, id string) []view.FormField {
	var out []view.FormField
	o := s.app.Pack.Measure(option)
	if o == nil {
		return nil
	}
	for _, kind := range o.Evidence {
		out = append(out, view.FormField{Name: fieldPrefix + "evidence." + kind + "." + id, Label: s.words.In(v.lang, "evidence."+kind), Kind: view.KindFiles, Many: true, Required: true, Accept: "image/*,application/pdf"})
	}
	return out
}

// proofs are the files that were handed in, by kind.
func proofs(values url.Values, id string) []measure.Proof {
	var out []measure.Proof
	for _, kind := range []string{"photo", "document", "signature"} {
		for _, hash := range values[fieldPrefix+"evidence."+kind+"."+id] {
			if hash != "" {
				out = append(out, measure.Proof{Kind: kind, Hash: hash})
			}
		}
	}
	return out
}

// findings are what the checks say of the plan as it would be with all that is proposed.
func (p *planFile) findings() ([]view.Finding, error) {
	if p.plan == nil {
		return nil, nil
	}
	var entries []measure.Entry
	for _, m := range p.plan.Measures {
		if m.State.Planned() || m.State == measure.Proposed {
			entries = append(entries, measure.Entry{Option: m.Option, Person: m.Person})
		}
	}
	if len(entries) == 0 {
		return nil, nil
	}
	found, err := p.s.app.Matching().Checker()(p.v.context(), p.it(), entries)
	if err != nil {
		return nil, err
	}
	var out []view.Finding
	for _, f := range found {
		out = append(out, view.Finding{Severity: f.Severity, Text: f.Text.In(p.v.lang)})
	}
	return out, nil
}

// proposed puts what matching proposes into words.
func (p *planFile) proposed() *view.PlanProposal {
	s, lang, x := p.s, p.v.lang, p.proposal
	at := view.Page{Lang: lang}
	out := &view.PlanProposal{AsOf: at.Day(x.AsOf), Proven: x.Proven}
	for _, r := range x.Risks {
		one := view.ProposalRisk{Level: r.Level, Name: r.Name.In(lang), Answered: r.Answered}
		var by []string
		for _, id := range r.By {
			name, _ := s.optionName(p.v, id)
			by = append(by, name)
		}
		one.By = strings.Join(by, at.Comma())
		out.Risks = append(out.Risks, one)
	}
	var amount, cost int64
	for _, m := range x.Measures {
		amount, cost = amount+m.Amount, cost+m.Cost
		one := view.ProposalMeasure{Name: m.Name.In(lang), Block: m.BlockName.In(lang), For: m.Who.In(lang), Amount: p.yuan(m.Amount), Cost: p.yuan(m.Cost), Department: s.departmentName(m.Department).In(lang), Fund: m.Fund.In(lang), Days: strconv.Itoa(m.Days), Document: m.Document,
			Due: m.Due, Why: texts(m.Why, lang)}
		for _, c := range m.Changes {
			one.Changes = append(one.Changes, c.Text.In(lang))
		}
		for _, a := range m.Instead {
			one.Instead = append(one.Instead, a.Name.In(lang))
		}
		out.Measures = append(out.Measures, one)
	}
	if amount > 0 {
		for _, c := range x.Together {
			out.Together = append(out.Together, c.Text.In(lang))
		}
	}
	for _, a := range x.AskFirst {
		var missing []string
		for _, f := range a.Missing {
			missing = append(missing, f.Name.In(lang))
		}
		out.Ask = append(out.Ask, view.Pair{Label: a.Name.In(lang), Value: strings.Join(missing, at.Comma())})
	}
	for _, u := range x.Uncleared {
		out.Uncleared = append(out.Uncleared, view.Pair{Label: u.Name.In(lang), Value: u.Why.In(lang)})
	}
	for _, r := range x.Requirements {
		severity := "doubt"
		if r.Met {
			severity = "hint"
		}
		out.Needs = append(out.Needs, view.Finding{Severity: severity, Text: r.Name.In(lang) + p.v.t("：", ": ") + r.Why.In(lang)})
	}
	zero := p.v.t("0 元", "0 yuan")
	out.Total, out.Cost = orText(p.yuan(amount), zero), orText(p.yuan(cost), zero)
	if p.fresh() {
		out.Put = &view.Form{Action: "/cases/" + p.it().ID + "/plan/propose", Submit: s.words.In(lang, "plan.put"), Icon: "clipboard-list", Outline: p.plan != nil && slices.ContainsFunc(p.plan.Measures, func(m measure.Measure) bool { return m.State == measure.Proposed }),
			Hidden: []view.Hidden{{Name: "version", Value: strconv.FormatInt(p.version(), 10)}, {Name: "key", Value: newKey()}}}
	}
	return out
}

// fresh reports whether matching proposes something that the plan does not hold yet.
func (p *planFile) fresh() bool {
	for _, x := range matching.Suggestions(*p.proposal) {
		if p.plan == nil || !slices.ContainsFunc(p.plan.Measures, func(m measure.Measure) bool {
			return m.Option == x.Option && m.Person == x.Person && m.State != measure.Refused && m.State != measure.Stopped
		}) {
			return true
		}
	}
	return false
}

func (p *planFile) version() int64 {
	if p.plan == nil {
		return 0
	}
	return p.plan.Version
}

func orText(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func texts(list []policy.Text, lang string) []string {
	var out []string
	for _, t := range list {
		out = append(out, t.In(lang))
	}
	return out
}

// revision is one change of the plan: what, who, when, and which measures it moved.
func (p *planFile) revision(i int) view.Change {
	r := p.revisions[i]
	at := view.Page{Lang: p.v.lang}
	out := view.Change{What: p.s.words.In(p.v.lang, "plan.what."+r.What), Who: p.who(r.Actor), Where: p.s.orgName(p.v, r.Org), When: at.Moment(r.At.Go())}
	before := map[string]measure.Measure{}
	if i > 0 {
		for _, m := range contentOf(p.revisions[i-1]) {
			before[m.ID] = m
		}
	}
	for _, m := range contentOf(r) {
		was, there := before[m.ID]
		if there && was.State == m.State && was.Amount == m.Amount {
			continue
		}
		name, _ := p.s.optionName(p.v, m.Option)
		value := p.stateWords(&m)
		if amount := p.yuan(m.Amount); amount != "" {
			value += at.Comma() + amount
		}
		out.Pairs = append(out.Pairs, view.Pair{Label: name, Value: value})
	}
	return out
}

func contentOf(r measure.Revision) []measure.Measure {
	var list []measure.Measure
	if json.Unmarshal([]byte(r.Content), &list) != nil {
		return nil
	}
	return list
}

// effects are the indicators of the household when help began, and since.
func (p *planFile) effects() (*view.PlanEffects, error) {
	if _, only := p.v.actor.DepartmentOnly(); only {
		return nil, nil
	}
	list, err := p.plans.Snapshots(p.v.context(), p.v.actor, p.it().ID)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	at := view.Page{Lang: p.v.lang}
	out := &view.PlanEffects{}
	for _, x := range list {
		out.Days = append(out.Days, p.s.words.In(p.v.lang, "plan.snapshot."+x.Kind)+" "+at.Day(x.Day))
	}
	for i := range p.s.app.Pack.Indicators {
		ind := &p.s.app.Pack.Indicators[i]
		row, any := view.EffectRow{Name: ind.Name.In(p.v.lang)}, false
		first, last, moved := 0.0, 0.0, false
		for k, x := range list {
			value, ok := x.Values[ind.ID]
			if !ok {
				row.Values = append(row.Values, "")
				continue
			}
			if !any {
				first = value
			}
			last, any = value, true
			moved = moved || k > 0 && math.Abs(value-first) > 1e-9
			row.Values = append(row.Values, locale.Number(value, 2)+" "+at.Unit(ind.Unit, value))
		}
		if moved {
			row.Change = fmt.Sprintf("%+g", math.Round((last-first)*100)/100)
		}
		if any && (moved || len(list) == 1 && first != 0) {
			out.Rows = append(out.Rows, row)
		}
	}
	return out, nil
}

// planFailed tells what stood in the way of a change, on the page with what was typed.
func (p *planFile) planFailed(err error, typed url.Values) error {
	kind := errs.KindOf(err)
	if kind != errs.Invalid && kind != errs.Refused && kind != errs.Conflict {
		return err
	}
	x, shown := p.shown(typed)
	if shown != nil {
		return shown
	}
	x.Faults = []string{errs.Text(err, p.v.lang)}
	return p.showPlan(statusOf(kind), x)
}

// planPropose puts what matching proposes into the plan, where it waits for a decision.
func (s *Server) planPropose(v *visit) error {
	values, err := s.paperForm(v)
	if err != nil {
		return err
	}
	p, err := s.openPlan(v, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	if p.proposal == nil {
		return errs.New(errs.Conflict, orText(p.noMatch, "现在没有建议。"), orText(p.noMatch, "there is no proposal now."))
	}
	version, err := versionOf(values)
	if err != nil {
		return err
	}
	_, err = p.plans.Propose(v.context(), v.actor, s.now(), measure.Propose{Case: p.it().ID, Version: version, Key: values.Get("key"), Items: matching.Suggestions(*p.proposal)})
	var stale *ledger.Stale
	if errors.As(err, &stale) {
		return p.planConflict(values, nil, view.Form{Action: "/cases/" + p.it().ID + "/plan/propose"}, true)
	}
	if err != nil {
		return p.planFailed(err, nil)
	}
	return v.redirect("/cases/" + p.it().ID + "/plan?done=propose#decide")
}
