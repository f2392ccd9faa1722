package web

import (
	"net/http"
	"strings"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/errs"
	"shouwang/internal/registry"
	"shouwang/internal/web/view"
)

// application shows one self-application, masked.
func (s *Server) application(v *visit) error {
	cases, err := s.app.Casework()
	if err != nil {
		return err
	}
	a, err := cases.Application(v.context(), v.actor, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.showApplication(v, http.StatusOK, a, false, "", "")
}

func (s *Server) showApplication(v *visit, status int, a casework.ApplicationShown, revealed bool, no, problem string) error {
	p := view.ApplicationPage{Crumbs: append(s.crumbs(v, "/cases", a.Division), view.Crumb{Name: s.words.In(v.lang, "application.title")}), It: a, Place: s.place(v, a.Division), When: locDay(v, a.ReceivedAt.Go()),
		Revealed: revealed, Reveal: v.actor.May(account.HouseholdReveal) == nil, Case: a.CaseID, No: no, Problem: problem}
	for _, r := range s.app.Pack.Risks {
		p.Risks = append(p.Risks, view.Option{Value: r.ID, Label: r.Name.In(v.lang), Chosen: r.ID == "income"})
	}
	page := s.frame(v, s.words.In(v.lang, "application.title"), "cases")
	page.Here = "/applications/" + a.ID
	return s.write(v, status, view.ApplicationShow(page, p))
}

// applicationReveal is the same page in plain, once. The reason is noted before anything is decrypted.
func (s *Server) applicationReveal(v *visit) error {
	reason, err := v.reason("请写明查看个人信息的事由，例如“联系本人核对住址”。", "say why you need to see personal data, such as “calling to check the address”.")
	if err != nil {
		return err
	}
	cases, err := s.app.Casework()
	if err != nil {
		return err
	}
	a, err := cases.Reveal(v.context(), v.actor, s.now(), v.r.PathValue("id"), reason)
	if err != nil {
		return err
	}
	return s.showApplication(v, http.StatusOK, a, true, "", "")
}

// applicationTake makes the application a lead of the household that was found.
func (s *Server) applicationTake(v *visit) error {
	cases, err := s.app.Casework()
	if err != nil {
		return err
	}
	a, err := cases.Application(v.context(), v.actor, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	no := strings.TrimSpace(v.r.PostFormValue("household"))
	c, err := s.takeFor(v, cases, a, no)
	if k := errs.KindOf(err); err != nil && k != errs.Internal && k != errs.Unavailable {
		return s.showApplication(v, statusOf(k), a, false, no, errs.Text(err, v.lang))
	}
	if err != nil {
		return err
	}
	return v.redirect("/cases/" + c.ID)
}

func (s *Server) takeFor(v *visit, cases *casework.Service, a casework.ApplicationShown, no string) (*casework.Case, error) {
	conn, err := s.app.Warehouse.Conn(v.context())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	h, err := registry.ByHouseholdNo(v.context(), conn, no)
	if err != nil {
		return nil, err
	}
	if err := v.actor.Sees(h.Division); err != nil {
		return nil, err
	}
	return cases.TakeApplication(v.context(), v.actor, s.now(), a.ID, a.Version, casework.Household{ID: h.ID, No: h.No, Division: h.Division, Type: h.Type}, v.r.PostFormValue("risk"), 0)
}

// applicationAnswer answers an application that cannot become a lead.
func (s *Server) applicationAnswer(v *visit) error {
	cases, err := s.app.Casework()
	if err != nil {
		return err
	}
	a, err := cases.Application(v.context(), v.actor, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	err = cases.AnswerApplication(v.context(), v.actor, s.now(), a.ID, a.Version, strings.TrimSpace(v.r.PostFormValue("answer")))
	if k := errs.KindOf(err); err != nil && k != errs.Internal && k != errs.Unavailable {
		return s.showApplication(v, statusOf(k), a, false, "", errs.Text(err, v.lang))
	}
	if err != nil {
		return err
	}
	return v.redirect("/applications/" + a.ID)
}
