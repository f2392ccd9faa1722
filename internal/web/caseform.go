package web

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/division"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/web/view"
)

// typedForm is what was typed into a form that is shown again.
type typedForm struct {
	values url.Values
	whole  []string               // what is wrong with all of it
	faults map[string]policy.Text // and with single inputs
}

// newKey is a key under which a form is taken once, however often it is sent.
func newKey() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// form is the form of an action, with what is known filled in, or with what was typed.
func (c *caseFile) form(a *policy.Action, typed *typedForm) *view.Form {
	if typed == nil {
		typed = &typedForm{values: c.known(a)}
	}
	asked := c.asking(a, typed)
	f := &view.Form{Action: "/cases/" + c.it().ID + "/act/" + a.ID, ID: "act", Faults: typed.whole, Submit: c.s.words.In(c.v.lang, "case.record", a.Name.In(c.v.lang)), Icon: "check", Fields: asked.inputs(), Hidden: c.carry()}
	for i := range a.Form {
		f.Files = f.Files || a.Form[i].Type == policy.FieldAttachment
	}
	return f
}

// carry is what every form of the case carries: the version that the reader has seen, how many steps, and a key.
func (c *caseFile) carry() []view.Hidden {
	return []view.Hidden{{Name: "version", Value: strconv.FormatInt(c.it().Version, 10)}, {Name: "seen", Value: strconv.Itoa(c.it().Steps)}, {Name: "key", Value: newKey()}}
}

func (c *caseFile) asking(a *policy.Action, typed *typedForm) *asked {
	return &asked{fields: a.Form, values: typed.values, faults: typed.faults, words: c.s.words, lang: c.v.lang, options: func(f *policy.Field, many bool) []view.Option { return c.s.options(c, f, many) },
		kept: func(_ string, n int) string { return c.s.words.In(c.v.lang, "form.kept", strconv.Itoa(n)) }}
}

// known is what is known of an action's form before anybody types: today, the reader, the risks and classes recorded.
func (c *caseFile) known(a *policy.Action) url.Values {
	out := url.Values{}
	today := casework.Civil(c.s.now())
	for i := range a.Form {
		f := &a.Form[i]
		name := fieldPrefix + f.ID
		switch {
		case f.Type == policy.FieldDate && f.Required:
			out.Set(name, today.Format(time.DateOnly))
		case f.Type == policy.FieldMonth && f.Required:
			out.Set(name, today.Format("2006-01"))
		case f.ID == "category":
			out.Set(name, map[string]string{"exited": "unstable", "exited_no_policy": "unstable", "ordinary": "marginal"}[c.it().HouseholdType])
		case f.Type == policy.FieldRows:
			c.knownRows(out, name, f)
		}
	}
	return out
}

// knownRows fills a table with what is known. The members of a visit are left empty: a row says what was found otherwise than in the register.
func (c *caseFile) knownRows(out url.Values, name string, f *policy.Field) {
	set := func(row int, column, value string) {
		if value != "" && slices.ContainsFunc(f.Fields, func(x policy.Field) bool { return x.ID == column }) {
			out.Set(fmt.Sprintf("%s.%d.%s", name, row, column), value)
		}
	}
	switch f.ID {
	case "visitors":
		set(0, "account", c.v.actor.Account)
		set(0, "post", map[account.Role]string{account.Village: "village", account.Township: "township", account.County: "county"}[firstRole(c.v.actor)])
	case "risks":
		for i, r := range c.it().Risks {
			set(i, "risk", r.Risk)
			set(i, "sub", r.Sub)
			set(i, "remark", r.Remark)
		}
		if len(c.it().Risks) == 0 {
			for i, id := range c.signalled() {
				set(i, "risk", id)
			}
		}
	case "tags":
		for i, t := range c.dossier.Tags {
			set(i, "tag", t.Tag)
			set(i, "from", t.FromOn)
			set(i, "until", t.UntilOn)
		}
	case "results":
		if own, only := c.v.actor.DepartmentOnly(); only {
			set(0, "department", own)
		}
	}
}

func firstRole(a account.Actor) account.Role {
	if len(a.Roles) == 0 {
		return ""
	}
	return a.Roles[0]
}

// signalled are the risks of the signals that ask for a look, the worst first, at most five.
func (c *caseFile) signalled() []string {
	list := slices.Clone(c.dossier.Signals)
	slices.SortStableFunc(list, func(a, b casework.SignalRow) int { return cmp.Compare(b.Level, a.Level) })
	var out []string
	for _, g := range list {
		if g.Risk != "" && g.SuppressedBy == "" && !slices.Contains(out, g.Risk) && len(out) < 5 {
			out = append(out, g.Risk)
		}
	}
	return out
}

// options are what may be chosen in a field of a list.
func (s *Server) options(c *caseFile, f *policy.Field, many bool) []view.Option {
	lang := c.v.lang
	var out []view.Option
	if !many {
		out = append(out, view.Option{Label: s.words.In(lang, "form.choose")})
	}
	add := func(value, label string) { out = append(out, view.Option{Value: value, Label: label}) }
	switch f.Type {
	case policy.FieldCode:
		for _, code := range f.Codes {
			add(code.ID, code.Name.In(lang))
		}
	case policy.FieldRisk:
		for i := range s.app.Pack.Risks {
			add(s.app.Pack.Risks[i].ID, s.app.Pack.Risks[i].Name.In(lang))
		}
	case policy.FieldDepartment:
		own, only := c.v.actor.DepartmentOnly()
		for _, d := range s.app.Pack.Departments {
			if !only || d.ID == own {
				add(d.ID, d.Name.In(lang))
			}
		}
	case policy.FieldIndicator:
		for i := range s.app.Pack.Indicators {
			x := &s.app.Pack.Indicators[i]
			label := x.Name.In(lang)
			if x.Unit != "" {
				label += " (" + view.Page{Lang: lang}.Unit(x.Unit, 1) + ")"
			}
			add(x.ID, label)
		}
	case policy.FieldPerson:
		people, err := c.members()
		if err != nil {
			return out
		}
		for i := range people {
			add(people[i].Person.Key.String(), c.person(&people[i]))
		}
	case policy.FieldAccount:
		for _, a := range c.staffAround() {
			add(a.ID, a.Name+" · "+s.orgName(c.v, a.Org))
		}
	case policy.FieldDivision:
		out = out[:0]
		for _, town := range s.app.Tree.Children(c.it().Division.At(division.County)) {
			for _, d := range s.app.Tree.Children(town.Code) {
				add(fmt.Sprintf("%012d", int64(d.Code)), town.Short()+d.Short())
			}
		}
	}
	return out
}

// staffAround is the staff who may have to do with the case's village, read once.
func (c *caseFile) staffAround() []account.Account {
	if c.around == nil {
		c.around = c.s.around(c.v, c.it().Division)
	}
	return c.around
}

// around is the staff who may have to do with a village: its committee's, its township's, its county's. They are names of staff, which colleagues know.
func (s *Server) around(v *visit, village division.Code) []account.Account {
	var out []account.Account
	active := true
	err := s.app.Ledger.Read(v.context(), func(ctx context.Context, tx *ledger.Tx) error {
		out = nil
		for _, level := range []division.Level{division.Village, division.Township, division.County} {
			page, err := s.accounts.List(ctx, tx, account.SystemActor("pages"), account.Filter{Org: account.OrgID(village.At(level), ""), Active: &active, Limit: 200})
			if err != nil {
				return err
			}
			for _, a := range page.Accounts {
				if slices.ContainsFunc(a.Roles, func(r account.Role) bool { return r.May(account.CaseAct) }) {
					out = append(out, a)
				}
			}
		}
		return nil
	})
	if err != nil {
		s.log.Error("the staff around a village could not be read", "request", v.id, "error", err.Error())
	}
	return out
}

// divisionName is a village's name.
func (c *caseFile) divisionName(code string) string {
	d, err := division.Parse(code)
	if err != nil {
		return code
	}
	return c.s.fullPlace(d)
}
