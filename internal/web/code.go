package web

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"shouwang/internal/account"
	"shouwang/internal/app"
	"shouwang/internal/errs"
	"shouwang/internal/housecode"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/registry"
	"shouwang/internal/report"
	"shouwang/internal/web/view"
)

// desk makes papers. Its type is opened when the first paper is made.
func (s *Server) desk() (*report.Desk, error) {
	font, err := s.font()
	if err != nil {
		return nil, err
	}
	return s.app.Desk(font)
}

// code is what a card's address opens: for anybody that it is a card of a village, for the household with its six digits their own facts, for staff in whose
// area it lies the household, and for other staff nothing.
func (s *Server) code(v *visit) error {
	viewer := housecode.Viewer{Actor: v.actor, Once: strings.TrimSpace(v.r.PostFormValue("once"))}
	var seen housecode.View
	open := func(ctx context.Context, tx *ledger.Tx) (err error) {
		seen, err = s.codes.Open(ctx, tx, viewer, v.r.PathValue("code"))
		return err
	}
	var err error
	if viewer.Actor.Account == "" && viewer.Once == "" { // nothing is counted or noted
		err = s.app.Ledger.Read(v.context(), func(ctx context.Context, tx *ledger.Tx) error {
			tx.Now = ledger.At(s.now()) // a reading transaction has no time of its own
			return open(ctx, tx)
		})
	} else {
		err = s.app.Ledger.Write(v.context(), s.now(), open)
	}
	if err != nil {
		return err
	}
	c := view.Card{View: seen, Path: v.r.URL.EscapedPath(), Hotline: app.Hotline, Staff: v.actor.Account != ""}
	status := http.StatusOK
	if seen.Verdict != housecode.Valid {
		status = http.StatusNotFound
	}
	if seen.Village != 0 {
		c.Village, c.Place = s.app.Tree.Name(seen.Village), s.fullPlace(seen.Village)
	}
	switch seen.Level {
	case housecode.Own:
		err = s.ownFacts(v, &c)
	case housecode.Full:
		status = http.StatusOK
		err = s.fullFacts(v, &c)
	}
	if err != nil {
		return err
	}
	p := s.frame(v, s.words.In(v.lang, "code.title"), "")
	p.Here = "/" // the address of a card is nobody else's business
	if v.r.Method == http.MethodGet {
		p.Here = c.Path
	}
	return s.write(v, status, view.CodePage(p, c))
}

// ownFacts are what a household reads of itself: who is on the card, what was applied for and granted; no warning and no risk.
func (s *Server) ownFacts(v *visit, c *view.Card) error {
	if err := s.cardMembers(v, c); err != nil {
		return err
	}
	cases, err := s.app.Casework()
	if err != nil {
		return err
	}
	if c.Own, err = cases.OfHousehold(v.context(), c.View.Household); err != nil || c.Own.Case == "" {
		return err
	}
	plans, err := s.app.Plans()
	if err != nil {
		return err
	}
	plan, err := plans.Plan(v.context(), account.SystemActor("household"), c.Own.Case)
	if errs.KindOf(err) == errs.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	for i := range plan.Measures {
		if m := &plan.Measures[i]; m.State.Planned() || m.State.Done() {
			c.Measures = append(c.Measures, view.OwnMeasure{Name: s.measureName(m.Option), State: v.t(m.State.Title()), Deadline: m.Deadline, Done: m.State.Done()})
		}
	}
	return nil
}

// fullFacts are what staff in charge see: the household masked, and where to go on.
func (s *Server) fullFacts(v *visit, c *view.Card) error {
	if err := s.cardMembers(v, c); err != nil {
		return err
	}
	c.Codes = true
	if !v.may(account.CaseRead) {
		return nil
	}
	cases, err := s.app.Casework()
	if err != nil {
		return err
	}
	c.Own, err = cases.OfHousehold(v.context(), c.View.Household)
	return err
}

func (s *Server) cardMembers(v *visit, c *view.Card) error {
	conn, err := s.app.Warehouse.Conn(v.context())
	if err != nil {
		return err
	}
	people, err := registry.Masked(v.context(), conn, s.app.Keyring, s.app.Pack.Roster().ID, c.View.Household)
	if err = errors.Join(err, conn.Close()); err != nil {
		return err
	}
	roster := s.app.Pack.Roster()
	for _, p := range people {
		c.Members = append(c.Members, view.CardMember{Relation: codeName(roster, "relation", p.Person.Relation), Name: p.Identity.Name})
	}
	return nil
}

func (s *Server) measureName(id string) policy.Text {
	if m := s.app.Pack.Measure(id); m != nil {
		return m.Name
	}
	return policy.Text{ZH: id, EN: id}
}
