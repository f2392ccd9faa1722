package web

import (
	"slices"
	"strings"

	"shouwang/internal/casework"
	"shouwang/internal/policy"
	"shouwang/internal/web/view"
	"shouwang/internal/workflow"
)

// mainLine is the shortest way of a case through the workflow: from its start to monitored, and from there to cleared. The minimum of the pack sees to it
// that nothing which must be done is left out, whatever way is taken.
func mainLine(flow *policy.Workflow) []string {
	line := []string{flow.Start}
	for i := range flow.Minimum {
		line = append(line, shortest(flow, line[len(line)-1], flow.Minimum[i].Target)...)
	}
	return line
}

// shortest is the states on a shortest way from one state to another, without the first.
func shortest(flow *policy.Workflow, from, to string) []string {
	before := map[string]string{from: ""}
	queue := []string{from}
	for len(queue) > 0 && before[to] == "" {
		at := queue[0]
		queue = queue[1:]
		for i := range flow.Actions {
			a := &flow.Actions[i]
			if a.To == "" || !slices.Contains(a.From, at) {
				continue
			}
			if _, seen := before[a.To]; !seen {
				before[a.To] = at
				queue = append(queue, a.To)
			}
		}
	}
	var way []string
	for at := to; at != from && at != ""; at = before[at] {
		way = append(way, at)
	}
	slices.Reverse(way)
	return way
}

// path is the loop as steps: what has been done, by whom and when, where the case is, and what is still to come.
func (c *caseFile) path() []view.PathPhase {
	flow, it := c.machine.Flow(), c.it()
	line := mainLine(flow)
	now := slices.Index(line, it.State)
	off := now < 0 // it has left the line: an objection, a refusal, watched, closed
	if off {
		for _, st := range c.dossier.Steps {
			now = max(now, slices.Index(line, st.FromState))
		}
	}
	last := map[string]*casework.Step{} // the step that left a state, the latest
	for i := range c.dossier.Steps {
		if st := &c.dossier.Steps[i]; st.FromState != st.ToState && st.FromState != "" {
			last[st.FromState] = st
		}
	}
	var out []view.PathPhase
	add := func(phase policy.Phase, st view.PathStep) {
		name := c.s.words.In(c.v.lang, "phase."+string(phase))
		if len(out) == 0 || out[len(out)-1].Name != name {
			out = append(out, view.PathPhase{Name: name, Mark: "open"})
		}
		p := &out[len(out)-1]
		p.Steps = append(p.Steps, st)
	}
	for i, id := range line {
		st := flow.State(id)
		one := view.PathStep{Name: st.Name.In(c.v.lang), Mark: "open"}
		if st.Task != nil {
			one.Name = st.Task.Name.In(c.v.lang)
		}
		switch {
		case i < now || i == now && off:
			one.Mark = "done"
			if step := last[id]; step != nil {
				one.Who, one.When = c.s.orgName(c.v, step.Org), locDay(c.v, step.At.Go())
			}
		case i == now:
			one.Mark = "now"
			if t := c.task(); t != nil {
				one.Who, one.Note = t.Org, c.dueWords(t)
			}
		}
		add(st.Phase, one)
		if i == now && off {
			one := view.PathStep{Name: c.stateName(it.State), Mark: "now"}
			if t := c.task(); t != nil {
				one.Name, one.Who, one.Note = t.Name, t.Org, c.dueWords(t)
			}
			add(st.Phase, one)
		}
	}
	for i := range out {
		p := &out[i]
		switch done := func(s view.PathStep) bool { return s.Mark == "done" }; {
		case slices.ContainsFunc(p.Steps, func(s view.PathStep) bool { return s.Mark == "now" }):
			p.Mark = "now"
		case !slices.ContainsFunc(p.Steps, func(s view.PathStep) bool { return !done(s) }):
			p.Mark = "done"
		}
	}
	return out
}

func (c *caseFile) dueWords(t *view.CaseTask) string {
	at := view.Page{Lang: c.v.lang}
	switch {
	case t.Paused:
		return c.s.words.In(c.v.lang, "case.due.paused")
	case t.Days == 0:
		return c.s.words.In(c.v.lang, "case.due.today")
	case t.Days < 0:
		return c.s.words.In(c.v.lang, "case.due.over", at.Day(t.Due), view.Int(-t.Days))
	}
	return c.s.words.In(c.v.lang, "case.due", at.Day(t.Due), view.Int(t.Days))
}

// next chooses the one next action and puts the others behind it.
func (c *caseFile) next(p *view.CasePage, chosen string, typed *typedForm) {
	main := c.mainOffer()
	pick := main
	if chosen != "" {
		if i := slices.IndexFunc(c.offers, func(o workflow.Offer) bool { return o.Action.ID == chosen }); i >= 0 {
			pick = &c.offers[i]
		}
	} else if main != nil && !main.Allowed {
		if opens := c.opener(main); opens != nil {
			pick = opens
		}
	}
	n := &p.Next
	switch {
	case pick == nil && p.Task != nil:
		n.Kind, n.Name, n.Who = "other", p.Task.Name, p.Task.Org
	case pick == nil:
		n.Kind = "none"
	default:
		c.nextForm(p, main, pick, chosen, typed)
	}
	for i := range c.offers {
		o := &c.offers[i]
		if o == pick || slices.ContainsFunc(n.Choices, func(x view.CaseOffer) bool { return x.ID == o.Action.ID }) {
			continue
		}
		p.Others = append(p.Others, c.offer(o, false))
	}
}

// nextForm fills in what is shown of the chosen action.
func (c *caseFile) nextForm(p *view.CasePage, main, pick *workflow.Offer, chosen string, typed *typedForm) {
	n := &p.Next
	n.Kind, n.Name = "form", pick.Action.Name.In(c.v.lang)
	if pick.Action.To != "" && pick.Action.To != c.it().State {
		n.To = c.stateName(pick.Action.To)
	}
	n.Blocks, n.Flags = c.blocks(pick, pick.Refusals), c.blocks(pick, pick.Flags)
	n.Depends = c.depends(pick)
	if pick != main && main != nil && chosen == "" {
		n.Before, n.Wanted = main.Action.Name.In(c.v.lang), append(c.blocks(main, main.Refusals), c.depends(main)...)
	}
	for i := range c.offers {
		o := &c.offers[i]
		if o.Action.Group != "" && o.Action.Group == pick.Action.Group {
			n.Choices = append(n.Choices, c.offer(o, o == pick))
		}
	}
	if len(n.Choices) < 2 {
		n.Choices = nil
	}
	if id := paperFor(pick.Action); id != "" {
		n.Paper, n.PaperOf = id, c.paperName(id)
	}
	if chosen == "" && len(n.Blocks) > 0 && (typed == nil) {
		switch {
		case c.about(pick, policy.FromMeasures):
			n.Kind = "plan"
			return
		case c.waits(pick):
			n.Kind = "wait"
			return
		}
	}
	n.Form = c.form(pick.Action, typed)
}

// mainOffer is the offered action that leads on along the line; off the line, the first that leads anywhere while something is due.
func (c *caseFile) mainOffer() *workflow.Offer {
	line := mainLine(c.machine.Flow())
	at := slices.Index(line, c.it().State)
	for i := range c.offers {
		if o := &c.offers[i]; at >= 0 && at+1 < len(line) && o.Action.To == line[at+1] {
			return o
		}
	}
	st := c.machine.State(c.it().State)
	if at >= 0 || st == nil || st.Task == nil {
		return nil
	}
	for i := range c.offers {
		if o := &c.offers[i]; o.Action.To != "" && o.Action.To != c.it().State {
			return o
		}
	}
	return nil
}

// settles is what an action must record to change a fact.
func settles(fact string) string {
	switch fact {
	case "visits", "visitors", "visit_days", "schooling_confirmed", "insurance_confirmed", "housing_confirmed", "water_confirmed":
		return "visit"
	case "authorised":
		return "authorisation"
	case "comparisons", "comparisons_open":
		return "comparison"
	case "objections_open":
		return "objection_closed"
	case "risks", "risk_remarks_missing":
		return "risks"
	}
	return ""
}

// opener is an offered action that changes what stands in the way of another.
func (c *caseFile) opener(blocked *workflow.Offer) *workflow.Offer {
	for _, r := range blocked.Refusals {
		for _, reason := range r.Reasons {
			for _, fact := range reason.Facts {
				does := settles(fact)
				if does == "" || blocked.Action.DoesIt(does) {
					continue
				}
				for i := range c.offers {
					if o := &c.offers[i]; o.Action.DoesIt(does) && (o.Allowed || o.NeedsForm) {
						return o
					}
				}
			}
		}
	}
	return nil
}

// about reports whether something of a source stands in the way.
func (c *caseFile) about(o *workflow.Offer, source policy.FactSource) bool {
	return slices.ContainsFunc(o.Refusals, func(r workflow.Refusal) bool {
		return slices.ContainsFunc(r.Reasons, func(x workflow.Reason) bool {
			return slices.ContainsFunc(x.Facts, func(id string) bool {
				f, _ := c.machine.Flow().Fact(id)
				return f != nil && f.Source == source
			})
		})
	})
}

// waits reports whether only time stands in the way.
func (c *caseFile) waits(o *workflow.Offer) bool {
	hard := false
	for _, r := range o.Refusals {
		if c.openInForm(o.Action, r) {
			continue
		}
		hard = true
		for _, x := range r.Reasons {
			for _, id := range x.Facts {
				if !strings.HasSuffix(id, "_days") && !strings.HasSuffix(id, "_months") {
					return false
				}
			}
		}
	}
	return hard
}

// openInForm reports whether a condition can only be told once the form is filled in.
func (c *caseFile) openInForm(a *policy.Action, r workflow.Refusal) bool {
	return r.Unknown && slices.ContainsFunc(r.Reasons, func(x workflow.Reason) bool {
		return slices.ContainsFunc(x.Facts, func(id string) bool {
			f, _ := c.machine.Flow().Fact(id)
			return f != nil && f.Source == policy.FromForm && a.Field(id) != nil
		})
	})
}

// depends are conditions that rest on the form and on something else that is not so yet.
func (c *caseFile) depends(o *workflow.Offer) []view.Block {
	var out []view.Block
	for _, r := range o.Refusals {
		if c.openInForm(o.Action, r) && c.mixed(o.Action, r) {
			out = append(out, c.block(r))
		}
	}
	return out
}

// mixed reports whether a condition that waits for the form rests on something else, too.
func (c *caseFile) mixed(a *policy.Action, r workflow.Refusal) bool {
	return slices.ContainsFunc(r.Reasons, func(x workflow.Reason) bool {
		return len(x.Facts) > 0 && !slices.ContainsFunc(x.Facts, func(id string) bool { return a.Field(id) != nil })
	})
}

// blocks puts refusals into words; those that the form itself will answer are left out.
func (c *caseFile) blocks(o *workflow.Offer, list []workflow.Refusal) []view.Block {
	var out []view.Block
	for _, r := range list {
		if !c.openInForm(o.Action, r) {
			out = append(out, c.block(r))
		}
	}
	return out
}

func (c *caseFile) block(r workflow.Refusal) view.Block {
	b := view.Block{Name: r.Name.In(c.v.lang), Wording: r.Wording.In(c.v.lang), Unknown: r.Unknown}
	for _, x := range r.Reasons {
		b.Reasons = append(b.Reasons, x.Text.In(c.v.lang))
	}
	return b
}

func (c *caseFile) offer(o *workflow.Offer, chosen bool) view.CaseOffer {
	out := view.CaseOffer{ID: o.Action.ID, Name: o.Action.Name.In(c.v.lang), Href: view.Link("/cases/"+c.it().ID, "action", o.Action.ID) + "#next", Chosen: chosen, Allowed: o.Allowed, Blocks: c.blocks(o, o.Refusals)}
	if o.Action.To != "" && o.Action.To != c.it().State {
		out.To = c.stateName(o.Action.To)
	}
	return out
}

// paperFor is the paper that belongs to an action; "" for none.
func paperFor(a *policy.Action) string {
	for _, x := range []struct{ does, paper string }{{"visit", "verification"}, {"authorisation", "authorisation"}, {"appraisal", "minutes"}, {"publicity", "notice"}, {"decision", "decision"}, {"clearing", "clearing"}, {"clear_decision", "clearing"}} {
		if a.DoesIt(x.does) {
			return x.paper
		}
	}
	return ""
}
