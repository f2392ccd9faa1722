package web

import (
	"strings"

	"shouwang/internal/account"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/web/view"
)

// anybody is what an address needs that every signed-in account may open.
const anybody account.Action = ""

// navigation is the addresses that the reader may open.
func (s *Server) navigation(v *visit) []view.NavItem {
	var out []view.NavItem
	for _, n := range []struct {
		need           account.Action
		id, href, icon string
	}{
		{anybody, "today", "/", "calendar-due"},
		{account.StatsRead, "overview", "/overview", "chart-bar"},
		{account.CaseAct, "visits", "/phone", "map-pin"},
		{account.WarningRead, "warnings", "/warnings", "alert-triangle"},
		{account.CaseRead, "cases", "/cases", "list-check"},
		{account.HouseholdRead, "households", "/households", "home"},
		{account.CodeRead, "codes", "/codes", "qrcode"},
		{account.OrderRead, "orders", "/orders", "clipboard-list"},
		{account.CoverageRead, "data", "/data", "database"},
		{account.PackRead, "policy", "/policy", "scale"},
		{account.JobRead, "admin", "/admin", "settings"},
		{anybody, "help", "/help", "help-circle"},
	} {
		if n.id == "visits" && villageOnly(v) != nil {
			continue
		}
		if _, department := v.actor.DepartmentOnly(); n.id == "orders" && !department {
			continue // others find the orders in the plan that they belong to
		}
		if n.need == anybody || v.actor.May(n.need) == nil {
			if n.id == "admin" {
				n.href = s.adminTabs(v, "")[0].Href
			}
			out = append(out, view.NavItem{ID: n.id, Href: n.href, Icon: n.icon, Label: s.words.In(v.lang, "nav."+n.id)})
		}
	}
	return out
}

// within is the division that the address asks for, which must lie in the reader's own; without one it is the reader's own.
func (s *Server) within(v *visit) (division.Code, error) {
	text := strings.TrimSpace(v.r.URL.Query().Get("division"))
	if text == "" {
		return v.actor.Division, nil
	}
	code, err := division.Parse(text)
	if err != nil {
		return 0, err
	}
	if _, ok := s.app.Tree.Get(code); !ok {
		return 0, errs.New(errs.NotFound, "没有这个行政区划。请从总览页逐级点选。", "there is no such division. Choose it from the overview.")
	}
	return code, v.actor.Sees(code)
}

// crumbs is the way from the reader's own division down to one.
func (s *Server) crumbs(v *visit, path string, to division.Code) []view.Crumb {
	var out []view.Crumb
	for l := division.Province; l <= to.Level(); l++ {
		code := to.At(l)
		if v.actor.Sees(code) != nil {
			continue
		}
		if d, ok := s.app.Tree.Get(code); ok {
			out = append(out, view.Crumb{Name: d.Short(), Href: view.Link(path, "division", view.Code(code))})
		}
	}
	return out
}

// place names a village with what lies between it and the reader's own division.
func (s *Server) place(v *visit, code division.Code) string {
	names := s.app.Tree.Path(code)
	own := len(s.app.Tree.Path(v.actor.Division))
	if v.actor.Division.Level() == division.Village {
		own--
	}
	if own > 0 && own < len(names) {
		names = names[own:]
	}
	return strings.Join(names, "")
}
