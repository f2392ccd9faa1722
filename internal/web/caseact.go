package web

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/paper"
	"shouwang/internal/policy"
	"shouwang/internal/report"
	"shouwang/internal/web/view"
	"shouwang/internal/workflow"
)

// versionOf is the version that a form was filled in on.
func versionOf(values url.Values) (int64, error) {
	n, err := strconv.ParseInt(values.Get("version"), 10, 64)
	if err != nil || n < 0 {
		return 0, errs.New(errs.Invalid, "表单不完整，请重新打开这一页再办理。", "the form is not whole; open the page again.")
	}
	return n, nil
}

// caseAct takes an action on a case. What was typed is never lost: whatever stands in the way is told on the same form.
func (s *Server) caseAct(v *visit) error {
	values, formErr := s.paperForm(v)
	c, err := s.openCase(v, v.r.PathValue("id"), "")
	if err != nil {
		return err
	}
	action := c.machine.Flow().Action(v.r.PathValue("action"))
	if action == nil {
		return errs.New(errs.NotFound, "流程里没有这个动作。请从个案页选择。", "the workflow has no such action. Choose it on the case's page.")
	}
	if formErr != nil {
		return formErr
	}
	typed := &typedForm{values: values}
	if values.Get("more") != "" { // another row, nothing else
		return c.again(http.StatusOK, action, typed)
	}
	version, err := versionOf(values)
	if err != nil {
		return err
	}
	places := map[string][]int{}
	data := document(fieldPrefix, action.Form, values, places)
	done, err := c.cases.Act(v.context(), v.actor, s.now(), casework.Act{Case: c.it().ID, Action: action.ID, Version: version, Key: values.Get("key"), Data: data})
	if err == nil {
		return v.redirect(view.Link("/cases/"+c.it().ID, "done", strconv.Itoa(done.Step.Seq)))
	}
	var stale *ledger.Stale
	var faults *workflow.FormError
	var refused *workflow.Refused
	switch {
	case errors.As(err, &stale):
		return c.conflict(action, values, data)
	case errors.As(err, &faults):
		asked := c.asking(action, typed)
		typed.whole = asked.faultsOf(faults, places)
		typed.faults = asked.faults
		return c.again(http.StatusUnprocessableEntity, action, typed)
	case errors.As(err, &refused):
		for _, r := range refused.Refusals {
			b := c.block(r)
			typed.whole = append(typed.whole, b.Name+v.t("：", ": ")+strings.Join(append(b.Reasons, b.Wording), v.t("；", "; ")))
		}
		return c.again(http.StatusForbidden, action, typed)
	case errs.KindOf(err) == errs.Invalid:
		typed.whole = []string{errs.Text(err, v.lang)}
		return c.again(http.StatusUnprocessableEntity, action, typed)
	}
	return err
}

// again shows the page with what was typed. An action that cannot be taken any more is told as such.
func (c *caseFile) again(status int, action *policy.Action, typed *typedForm) error {
	if !slices.ContainsFunc(c.offers, func(o workflow.Offer) bool { return o.Action.ID == action.ID }) {
		return errs.Newf(errs.Conflict, "现在不能办理“%[1]s”：可能别人已经办过，或不由您办理。请回到个案页。", "%[2]q cannot be taken now: somebody may have done it, or it is not yours to do. Go back to the case.", action.Name.ZH, action.Name.In("en"))
	}
	page, err := c.page(action.ID, typed)
	if err != nil {
		return err
	}
	return c.show(status, page)
}

// conflict shows two people who worked on the same case side by side.
func (c *caseFile) conflict(action *policy.Action, values url.Values, data map[string]any) error {
	page, err := c.page("", nil)
	if err != nil {
		return err
	}
	x := &view.Conflict{Typed: c.words(action.Form, false).pairs(data), State: c.s.words.In(c.v.lang, "conflict.state", c.stateName(c.it().State)), Back: "/cases/" + c.it().ID}
	x.Typed = append([]view.Pair{{Label: c.s.words.In(c.v.lang, "conflict.action"), Value: action.Name.In(c.v.lang)}}, x.Typed...)
	seen, err := strconv.Atoi(values.Get("seen"))
	if err != nil {
		seen = c.it().Steps - 1
	}
	for i := range c.dossier.Steps {
		if st := &c.dossier.Steps[i]; st.Seq > seen {
			one := c.step(st)
			x.Changes = append(x.Changes, view.Change{What: one.Name, Who: one.Who, Where: one.Where, When: one.When, Pairs: one.Pairs})
		}
	}
	if len(x.Changes) == 0 {
		x.Changes = append(x.Changes, view.Change{What: c.s.words.In(c.v.lang, "conflict.signal"), When: locDay(c.v, c.s.now())})
	}
	if slices.ContainsFunc(c.offers, func(o workflow.Offer) bool { return o.Action.ID == action.ID }) {
		x.Again = &view.Form{Action: "/cases/" + c.it().ID + "/act/" + action.ID, Hidden: append(c.carry(), carried(values)...)}
	} else {
		x.Why = c.s.words.In(c.v.lang, "conflict.gone", action.Name.In(c.v.lang), c.stateName(c.it().State))
	}
	page.Conflict = x
	return c.show(http.StatusConflict, page)
}

// fillPapers lists the papers that the reader may make.
func (c *caseFile) fillPapers(p *view.CasePage) {
	if c.v.actor.May(account.ReportMake) != nil || c.v.actor.May(account.HouseholdReveal) != nil {
		return
	}
	now := p.Next.Paper
	if p.Next.Kind == "plan" || c.it().State == "planned" {
		now = "plan"
	}
	for _, f := range report.Forms() {
		p.Papers = append(p.Papers, view.PaperLink{ID: f.ID, Name: c.paperName(f.ID), Now: f.ID == now})
		if f.ID == "minutes" && len(c.dossier.Notices) > 0 {
			p.Papers = append(p.Papers, view.PaperLink{ID: "notice", Name: c.paperName("notice"), Now: now == "notice"})
		}
	}
	p.PaperWhy = c.s.words.In(c.v.lang, "case.papers.why", p.State)
}

func (c *caseFile) paperName(id string) string { return c.s.words.In(c.v.lang, "paper."+id) }

// casePaper makes a paper of a case. It names people, so it needs a reason, which is noted before it is made.
func (s *Server) casePaper(v *visit) error {
	reason, err := v.reason("请写明文书的用途，例如“召开民主评议”。", "say what the paper is for, such as “the village appraisal”.")
	if err != nil {
		return err
	}
	form := v.r.PathValue("form")
	if form != "notice" && !slices.ContainsFunc(report.Forms(), func(f report.Form) bool { return f.ID == form }) {
		return account.NotThere()
	}
	font, err := s.font()
	if err != nil {
		return err
	}
	desk, err := s.app.Desk(font)
	if err != nil {
		return err
	}
	var doc *paper.Doc
	if form == "notice" {
		doc, err = desk.Notice(v.context(), v.actor, s.now(), v.r.PathValue("id"), reason)
	} else {
		doc, err = desk.Paper(v.context(), v.actor, s.now(), v.r.PathValue("id"), form, reason)
	}
	if err != nil {
		return err
	}
	h := v.w.Header()
	out := &lazy{ResponseWriter: v.w, begin: func() {
		h.Set("Content-Type", "application/pdf")
		h.Set("Content-Disposition", `attachment; filename="`+form+`.pdf"`)
	}}
	_, err = doc.WriteTo(io.Writer(out))
	if err != nil && out.begun {
		panic(http.ErrAbortHandler) // half a paper must not be taken for a whole one
	}
	return err
}
