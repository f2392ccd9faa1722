package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/web/view"
)

// maxChosen is how many cases one form may name.
const maxChosen = 100

// chosenCase is a case that was ticked, as it was read.
type chosenCase struct {
	id      string
	version int64
}

// chosenCases are the ticked cases of a form.
func chosenCases(v *visit) ([]chosenCase, error) {
	if err := v.r.ParseForm(); err != nil {
		return nil, errs.Wrap(errs.Invalid, err, "表单读不出来，请重新勾选。", "the form cannot be read; tick again.")
	}
	var out []chosenCase
	for _, ref := range v.r.PostForm["case"] {
		id, text, _ := strings.Cut(ref, ":")
		version, err := strconv.ParseInt(text, 10, 64)
		if err != nil || id == "" {
			return nil, errs.New(errs.Invalid, "勾选的内容读不出来，请刷新后重新勾选。", "what was ticked cannot be read; look again and tick anew.")
		}
		out = append(out, chosenCase{id, version})
	}
	if len(out) == 0 || len(out) > maxChosen {
		return nil, errs.New(errs.Invalid, "请先勾选要办理的户（一次最多 100 户）。", "tick the cases first (at most 100 at a time).")
	}
	return out, nil
}

// casesAssign gives the ticked cases to a person, each through the one door through which a case changes.
func (s *Server) casesAssign(v *visit) error {
	list, err := chosenCases(v)
	back := s.listQuery(v)
	if err != nil {
		return s.casesPage(v, http.StatusUnprocessableEntity, back, "", errs.Text(err, v.lang))
	}
	cases, err := s.app.Casework()
	if err != nil {
		return err
	}
	action := s.actionThat("assign")
	if action == nil {
		return errs.New(errs.NotFound, "现行流程里没有指定责任人这一步。", "the workflow in force has no step that assigns.")
	}
	done, failed := 0, 0
	var first error
	for _, c := range list {
		_, err := cases.Act(v.context(), v.actor, s.now(), casework.Act{Case: c.id, Action: action.ID, Version: c.version, Data: map[string]any{"owner": v.r.PostFormValue("owner")}})
		switch errs.KindOf(err) {
		case 0:
			done++
		case errs.Internal, errs.Unavailable:
			return err
		default:
			if failed++; first == nil {
				first = err
			}
		}
	}
	said := ""
	if done > 0 {
		said = s.words.In(v.lang, "cases.assigned", view.Int(done))
	}
	if failed > 0 {
		return s.casesPage(v, http.StatusConflict, back, said, s.words.In(v.lang, "cases.assigned_not", view.Int(failed), errs.Text(first, v.lang)))
	}
	back.Set("done", strconv.Itoa(done))
	return v.redirect("/cases?" + back.Encode())
}

// casesMerge merges two ticked cases: the later one into the earlier one.
func (s *Server) casesMerge(v *visit) error {
	list, err := chosenCases(v)
	if err == nil && len(list) != 2 {
		err = errs.New(errs.Invalid, "合并要勾选两户。", "tick two cases to merge them.")
	}
	if err != nil {
		return s.casesPage(v, http.StatusUnprocessableEntity, s.listQuery(v), "", errs.Text(err, v.lang))
	}
	cases, err := s.app.Casework()
	if err != nil {
		return err
	}
	both, err := cases.Some(v.context(), v.actor, []string{list[0].id, list[1].id})
	if err != nil {
		return err
	}
	if len(both) != 2 {
		return account.NotThere()
	}
	from, into := list[0], list[1]
	if both[from.id].OpenedAt < both[into.id].OpenedAt || both[from.id].OpenedAt == both[into.id].OpenedAt && from.id < into.id {
		from, into = into, from
	}
	action := s.actionThat("merge")
	if action == nil {
		return errs.New(errs.NotFound, "现行流程里没有合并这一步。", "the workflow in force has no step that merges.")
	}
	_, err = cases.Act(v.context(), v.actor, s.now(), casework.Act{Case: from.id, Action: action.ID, Version: from.version, Data: map[string]any{"into": into.id}})
	if err != nil {
		if k := errs.KindOf(err); k == errs.Internal || k == errs.Unavailable {
			return err
		}
		return s.casesPage(v, statusOf(errs.KindOf(err)), s.listQuery(v), "", errs.Text(err, v.lang))
	}
	return v.redirect("/cases/" + into.id)
}

// listQuery is the list's filter as a form carried it along; what is no filter is left out.
func (s *Server) listQuery(v *visit) url.Values {
	q, err := url.ParseQuery(v.r.PostFormValue("query"))
	if err != nil {
		return url.Values{}
	}
	out := url.Values{}
	for _, k := range caseKeys() {
		if value := q.Get(k); value != "" {
			out.Set(k, value)
		}
	}
	return out
}

// actionThat is the pack's action that records a thing; nil when it has none.
func (s *Server) actionThat(does string) *policy.Action {
	flow := s.app.Pack.Workflow
	if flow == nil {
		return nil
	}
	for i := range flow.Actions {
		if flow.Actions[i].DoesIt(does) {
			return &flow.Actions[i]
		}
	}
	return nil
}

// handingOut is the action by which leads that have just come in are taken in bulk: it leads on from the first state and asks for nothing. "" when the pack has none.
func (s *Server) handingOut() string {
	flow := s.app.Pack.Workflow
	if flow == nil {
		return ""
	}
	for i := range flow.Actions {
		a := &flow.Actions[i]
		if slices.Contains(a.From, flow.Start) && a.To != "" && len(a.Guards)+len(a.Does) == 0 && a.Label == "" && !slices.ContainsFunc(a.Form, func(f policy.Field) bool { return f.Required }) {
			return a.ID
		}
	}
	return ""
}

// handoutPage shows the villages with leads that wait, and whom they can be handed to.
func (s *Server) handoutPage(v *visit) error {
	under, err := s.within(v)
	if err != nil {
		return err
	}
	cases, err := s.app.Casework()
	if err != nil {
		return err
	}
	villages, err := cases.ByVillage(v.context(), v.actor, s.now(), casework.Filter{Under: under, States: []string{s.app.Pack.Workflow.Start}}, 500)
	if err != nil {
		return err
	}
	h := view.Handout{Crumbs: s.crumbs(v, "/cases/handout", under), Place: s.app.Tree.Name(under), Code: view.Code(under)}
	total := 0
	err = s.app.Ledger.Read(v.context(), func(ctx context.Context, tx *ledger.Tx) error {
		h.Rows, total = nil, 0
		staff, loads, err := s.staffOf(ctx, tx, v, under, 1000)
		if err != nil {
			return err
		}
		for _, x := range villages {
			row := view.HandoutRow{Division: x.Division, Name: s.place(v, x.Division), Waiting: x.Cases, Workers: []view.Option{{Value: "", Label: s.words.In(v.lang, "handout.leave"), Chosen: true}, {Value: "any", Label: s.words.In(v.lang, "handout.anybody")}}}
			for _, a := range staff {
				if a.Division == x.Division || a.Division.Level() == division.Township && a.Division.Contains(x.Division) {
					row.Workers = append(row.Workers, s.workerOption(v, a, loads))
				}
			}
			total += x.Cases
			h.Rows = append(h.Rows, row)
		}
		return nil
	})
	if err != nil {
		return err
	}
	h.Answer = s.words.In(v.lang, "handout.answer", h.Place, view.Int(total), view.Int(len(h.Rows)))
	if n, err := strconv.Atoi(v.r.URL.Query().Get("done")); err == nil && n >= 0 {
		h.Done = s.words.In(v.lang, "handout.done", view.Int(n))
	}
	return s.show(v, view.HandoutPage(s.frame(v, s.words.In(v.lang, "handout.title"), "cases"), h))
}

// handout hands the leads of the chosen villages out.
func (s *Server) handout(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return errs.Wrap(errs.Invalid, err, "表单读不出来，请重新选择。", "the form cannot be read; choose again.")
	}
	cases, err := s.app.Casework()
	if err != nil {
		return err
	}
	action := s.handingOut()
	if action == "" {
		return errs.New(errs.NotFound, "现行流程里没有可以批量办理的受理步骤。", "the workflow in force has no step that takes leads in bulk.")
	}
	done := 0
	for key, values := range v.r.PostForm {
		text, isVillage := strings.CutPrefix(key, "v")
		if !isVillage || len(values) == 0 || values[0] == "" {
			continue
		}
		village, err := division.Parse(text)
		if err != nil || village.Level() != division.Village {
			return errs.New(errs.Invalid, "村的代码不对，请回到派发页重新选择。", "a village’s code is wrong; choose again on the page.")
		}
		if err := v.actor.Sees(village); err != nil {
			return err
		}
		owners := map[division.Code]string{}
		if values[0] != "any" {
			owners[village] = values[0]
		}
		n, err := cases.ActAll(v.context(), v.actor, s.now(), action, casework.Filter{Under: village, States: []string{s.app.Pack.Workflow.Start}}, owners, nil)
		if err != nil {
			return err
		}
		done += n
	}
	return v.redirect(view.Link("/cases/handout", "division", v.r.PostFormValue("division"), "done", strconv.Itoa(done)))
}

// saveFilter keeps the list's filter under a name.
func (s *Server) saveFilter(v *visit) error {
	cases, err := s.app.Casework()
	if err != nil {
		return err
	}
	q := s.listQuery(v)
	err = cases.SaveFilter(v.context(), v.actor, s.now(), v.r.PostFormValue("name"), q.Encode())
	if errs.KindOf(err) == errs.Invalid {
		return s.casesPage(v, http.StatusUnprocessableEntity, q, "", errs.Text(err, v.lang))
	}
	if err != nil {
		return err
	}
	return v.redirect("/cases?" + q.Encode())
}

// dropFilter forgets a saved filter.
func (s *Server) dropFilter(v *visit) error {
	cases, err := s.app.Casework()
	if err != nil {
		return err
	}
	if err := cases.DropFilter(v.context(), v.actor, s.now(), v.r.PathValue("id")); err != nil {
		return err
	}
	return v.redirect("/cases")
}
