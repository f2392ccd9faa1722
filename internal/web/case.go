package web

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/measure"
	"shouwang/internal/policy"
	"shouwang/internal/registry"
	"shouwang/internal/task"
	"shouwang/internal/web/view"
	"shouwang/internal/workflow"
)

// caseFile is one case with what its page needs, read for one reader.
type caseFile struct {
	s       *Server
	v       *visit
	cases   *casework.Service
	machine *workflow.Machine
	dossier *casework.Dossier
	offers  []workflow.Offer
	plan    *measure.Plan // nil: none, or not the reader's to see
	people  []registry.Revealed
	asked   bool // people have been asked for
	names   map[string]account.Account
	around  []account.Account
}

// openCase reads a case in the reader's scope; with a reason, personal content of its papers is in plain and the look is noted.
func (s *Server) openCase(v *visit, id, reason string) (*caseFile, error) {
	cases, err := s.app.Casework()
	if err != nil {
		return nil, err
	}
	c := &caseFile{s: s, v: v, cases: cases, names: map[string]account.Account{}}
	if c.dossier, err = cases.Dossier(v.context(), v.actor, s.now(), id, reason); err != nil {
		return nil, err
	}
	c.machine = cases.Machine(c.dossier.Case.Division, s.now())
	if c.offers, err = cases.Offers(v.context(), v.actor, s.now(), id); err != nil {
		return nil, err
	}
	plans, err := s.app.Plans()
	if err != nil {
		return nil, err
	}
	if v.actor.May(account.PlanRead) == nil {
		switch c.plan, err = plans.Plan(v.context(), v.actor, id); {
		case errs.KindOf(err) == errs.NotFound && err != nil:
			c.plan = nil
		case err != nil:
			return nil, err
		}
	}
	return c, c.readNames()
}

func (c *caseFile) it() *casework.Case { return c.dossier.Case }

// readNames finds who the accounts of the case's steps are: staff, not households.
func (c *caseFile) readNames() error {
	ids := []string{c.it().Owner}
	for _, st := range c.dossier.Steps {
		ids = append(ids, st.Actor)
	}
	for _, t := range c.dossier.Tasks {
		ids = append(ids, t.Account)
	}
	if c.plan != nil {
		for _, m := range c.plan.Measures {
			ids = append(ids, m.Owner)
			for _, st := range m.Steps {
				ids = append(ids, st.Actor)
			}
		}
	}
	var err error
	c.names, err = c.s.staff(c.v, ids)
	return err
}

// staff finds accounts by id; those that are not there are left out.
func (s *Server) staff(v *visit, ids []string) (map[string]account.Account, error) {
	slices.Sort(ids)
	out := map[string]account.Account{}
	err := s.app.Ledger.Read(v.context(), func(ctx context.Context, tx *ledger.Tx) error {
		for _, id := range slices.Compact(ids) {
			if id == "" || strings.HasPrefix(id, "system:") {
				continue
			}
			a, err := s.accounts.Get(ctx, tx, account.SystemActor("pages"), id)
			if errs.KindOf(err) == errs.NotFound {
				continue
			}
			if err != nil {
				return err
			}
			out[id] = a
		}
		return nil
	})
	return out, err
}

// who names an account of staff.
func (c *caseFile) who(id string) string { return whoOf(c.s, c.v, c.names, id) }

func whoOf(s *Server, v *visit, names map[string]account.Account, id string) string {
	if a, ok := names[id]; ok {
		return a.Name
	}
	if strings.HasPrefix(id, "system:") {
		return s.words.In(v.lang, "case.by_program")
	}
	return ""
}

// orgName names an organisation in the reader's language.
func (s *Server) orgName(v *visit, id string) string {
	d, department, err := account.ParseOrg(id)
	if err != nil {
		return ""
	}
	name := s.app.Tree.Name(d)
	if department != "" {
		name += v.t("", " ") + s.departmentName(department).In(v.lang)
	}
	return name
}

// caseShow is the page of a case.
func (s *Server) caseShow(v *visit) error {
	c, err := s.openCase(v, v.r.PathValue("id"), "")
	if err != nil {
		return err
	}
	page, err := c.page(v.r.URL.Query().Get("action"), nil)
	if err != nil {
		return err
	}
	if seq, err := strconv.Atoi(v.r.URL.Query().Get("done")); err == nil {
		for _, st := range c.dossier.Steps {
			if st.Seq == seq && st.Actor == v.actor.Account {
				page.Done = s.words.In(v.lang, "case.done", c.actionName(st.Action))
			}
		}
	}
	return c.show(200, page)
}

func (c *caseFile) show(status int, page view.CasePage) error {
	p := c.s.frame(c.v, c.s.words.In(c.v.lang, "case.title")+" "+c.it().HouseholdNo, "cases")
	p.Here = "/cases/" + c.it().ID
	p.Scripts = append(p.Scripts, "form.js")
	return c.s.write(c.v, status, view.CasePageOf(p, page))
}

// caseReveal is the same page with the personal content of its papers, once.
func (s *Server) caseReveal(v *visit) error {
	reason, err := v.reason("请写明查看个人信息的事由，例如“入户核实前核对身份”。", "say why you need to see personal data, such as “checking identities before a visit”.")
	if err != nil {
		return err
	}
	c, err := s.openCase(v, v.r.PathValue("id"), reason)
	if err != nil {
		return err
	}
	page, err := c.page("", nil)
	if err != nil {
		return err
	}
	page.Revealed = true
	return c.show(200, page)
}

// page is what the case's page shows. chosen is the action that the reader wants to see first; typed is what was typed into its form, nil for what is known.
func (c *caseFile) page(chosen string, typed *typedForm) (view.CasePage, error) {
	s, v, it := c.s, c.v, c.it()
	lang := v.lang
	p := view.CasePage{Case: it, Place: s.place(v, it.Division), State: c.stateName(it.State), Revealed: c.dossier.Revealed, MayReveal: v.actor.May(account.HouseholdReveal) == nil,
		Household: v.actor.May(account.HouseholdRead) == nil, Since: locDay(v, it.LeadAt.Go()), Channel: v.t(it.Channel.Title())}
	p.Crumbs = append(s.crumbs(v, "/cases", it.Division), view.Crumb{Name: it.HouseholdNo})
	p.Level = levelID(it.Level)
	if roster := s.app.Pack.Roster(); roster != nil && it.HouseholdType != "" {
		p.Kind = codeName(roster, "household_type", it.HouseholdType).In(lang)
	}
	p.Category = c.codeOf("category", it.Category)
	for _, r := range it.Risks {
		p.Risks = append(p.Risks, s.riskName(r.Risk).In(lang))
	}
	if p.Household {
		people, err := c.members()
		if err != nil {
			return p, err
		}
		for _, m := range people {
			if m.Person.Relation == "head" {
				p.HeadName = m.Identity.Name
			}
		}
	}
	p.Task = c.task()
	p.Path = c.path()
	c.next(&p, chosen, typed)
	c.fillWhy(&p)
	c.fillSteps(&p)
	c.fillRecords(&p)
	c.fillPapers(&p)
	if c.plan != nil || it.Phase == string(policy.PhaseSupport) && v.actor.May(account.PlanWrite) == nil {
		p.Plan = &view.PlanShort{Href: "/cases/" + it.ID + "/plan"}
		if c.plan != nil {
			for _, m := range c.plan.Measures {
				switch {
				case m.State == measure.Proposed:
					p.Plan.Proposed++
				case m.State.Planned():
					p.Plan.Planned++
				}
				if m.State.Done() {
					p.Plan.Done++
				}
				if m.State == measure.Ordered {
					p.Plan.Orders++
				}
			}
		}
	}
	return p, nil
}

// members are the household's people, masked; empty where the register does not know it.
func (c *caseFile) members() ([]registry.Revealed, error) {
	if c.asked || c.v.actor.May(account.HouseholdRead) != nil {
		return c.people, nil
	}
	conn, err := c.s.app.Warehouse.Conn(c.v.context())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	c.people, err = registry.Masked(c.v.context(), conn, c.s.app.Keyring, c.s.app.Pack.Roster().ID, c.it().Household)
	if errs.KindOf(err) == errs.NotFound {
		err = nil
	}
	c.asked = true
	return c.people, err
}

// levelID is a level's name; "" for none.
func levelID(level int) string {
	return map[int]string{3: "red", 2: "yellow", 1: "blue"}[level]
}

// locDay writes a moment as a civil day.
func locDay(v *visit, t time.Time) string {
	return view.Page{Lang: v.lang}.Date(casework.Civil(t))
}

func (c *caseFile) stateName(id string) string {
	if st := c.machine.State(id); st != nil {
		return st.Name.In(c.v.lang)
	}
	return id
}

func (c *caseFile) actionName(id string) string {
	if a := c.machine.Flow().Action(id); a != nil {
		return a.Name.In(c.v.lang)
	}
	return c.s.words.In(c.v.lang, "case.step."+strings.ReplaceAll(id, ".", "_"))
}

// codeOf is the wording of a code of any form of the workflow.
func (c *caseFile) codeOf(field, code string) string {
	for i := range c.machine.Flow().Actions {
		f := c.machine.Flow().Actions[i].Field(field)
		if f == nil {
			continue
		}
		for _, x := range f.Codes {
			if x.ID == code {
				return x.Name.In(c.v.lang)
			}
		}
	}
	return code
}

// task is what is due now.
func (c *caseFile) task() *view.CaseTask {
	i := slices.IndexFunc(c.dossier.Tasks, func(t task.Task) bool { return t.Closed == 0 })
	if i < 0 {
		return nil
	}
	t := c.dossier.Tasks[i]
	last := casework.Civil(t.Due.Go().Add(-time.Second)) // it is due at the end of that day
	return &view.CaseTask{Name: c.v.t(t.ZH, t.EN), Org: c.s.orgName(c.v, t.Org), Person: c.who(t.Account), Due: last.Format(time.DateOnly),
		Days: int(last.Sub(casework.Civil(c.s.now())) / (24 * time.Hour)), Paused: t.Paused != 0, PauseWhy: t.PauseWhy}
}

// fillWhy tells the signals in words.
func (c *caseFile) fillWhy(p *view.CasePage) {
	for i := len(c.dossier.Signals) - 1; i >= 0; i-- {
		g := &c.dossier.Signals[i]
		one := view.CaseSignal{Level: levelID(g.Level), Risk: c.s.words.In(c.v.lang, "case.risk_unknown"), Channel: c.v.t(g.Channel.Title()), Words: c.v.t(g.WordsZH, g.WordsEN), Day: locDay(c.v, g.ReceivedAt.Go()),
			Suppressed: g.SuppressedBy != "", Happened: view.Page{Lang: c.v.lang}.Day(g.HappenedOn)}
		if g.Risk != "" {
			one.Risk = c.s.riskName(g.Risk).In(c.v.lang)
		}
		if g.Label != "" {
			one.Label = c.s.words.In(c.v.lang, "case.label."+g.Label)
		}
		if r := c.s.app.Pack.Rule(g.Rule); r != nil {
			one.Rule, one.RuleHref = r.Name.In(c.v.lang), "/policy/rules/"+r.ID
			if p.Household {
				one.RuleHref = "/households/" + c.it().HouseholdNo + "/why/" + r.ID
			}
		}
		p.Signals = append(p.Signals, one)
	}
	slices.SortStableFunc(p.Signals, func(a, b view.CaseSignal) int { return strings.Compare(rankOf(a.Level), rankOf(b.Level)) })
}

func rankOf(level string) string {
	return map[string]string{"red": "0", "yellow": "1", "blue": "2"}[level]
}

// fillSteps is the time line, the newest first.
func (c *caseFile) fillSteps(p *view.CasePage) {
	for i := len(c.dossier.Steps) - 1; i >= 0; i-- {
		st := &c.dossier.Steps[i]
		one := c.step(st)
		p.HasSealed = p.HasSealed || slices.ContainsFunc(one.Pairs, hasSealed)
		p.Steps = append(p.Steps, one)
	}
}

func hasSealed(x view.Pair) bool {
	return x.Sealed || slices.ContainsFunc(x.Rows, func(row []view.Pair) bool { return slices.ContainsFunc(row, hasSealed) })
}

func (c *caseFile) step(st *casework.Step) view.CaseStep {
	one := view.CaseStep{No: strconv.Itoa(st.Seq), Name: c.actionName(st.Action), Who: c.who(st.Actor), Where: c.s.orgName(c.v, st.Org), When: view.Page{Lang: c.v.lang}.Moment(st.At.Go())}
	if st.ToState != st.FromState {
		one.To = c.stateName(st.ToState)
	}
	for _, id := range st.Flags {
		if g := c.machine.Flow().Guard(id); g != nil {
			one.Flags = append(one.Flags, g.Name.In(c.v.lang))
		}
	}
	var data map[string]any
	if a := c.machine.Flow().Action(st.Action); a != nil && json.Unmarshal([]byte(st.Data), &data) == nil {
		one.Pairs = c.words(a.Form, !c.dossier.Revealed).pairs(data)
	}
	return one
}

// maskedText is what casework gives for a sealed text that is not revealed.
const maskedText = "＊＊＊"

// words puts the papers of this case into words.
func (c *caseFile) words(fields []policy.Field, masked bool) *told {
	t := &told{fields: fields, word: c.word, lang: c.v.lang, words: c.s.words, has: c.s.app.Attachments().Has}
	if masked {
		t.masked = maskedText
	}
	return t
}

// word is what a code or id of a form means.
func (c *caseFile) word(f *policy.Field, value string) string {
	s, lang := c.s, c.v.lang
	switch f.Type {
	case policy.FieldDate:
		return view.Page{Lang: lang}.Day(value)
	case policy.FieldRisk:
		return s.riskName(value).In(lang)
	case policy.FieldDepartment:
		return s.departmentName(value).In(lang)
	case policy.FieldIndicator:
		if x := s.app.Pack.Indicator(value); x != nil {
			return x.Name.In(lang)
		}
	case policy.FieldDivision:
		return c.divisionName(value)
	case policy.FieldAccount:
		if a, ok := c.names[value]; ok {
			return a.Name
		}
		if more, err := s.staff(c.v, []string{value}); err == nil {
			c.names[value] = more[value]
			return more[value].Name
		}
	case policy.FieldPerson:
		people, err := c.members()
		if err == nil {
			for i := range people {
				if people[i].Person.Key.String() == value {
					return c.person(&people[i])
				}
			}
		}
		return s.words.In(lang, "case.member_unknown")
	}
	return value
}

// person tells a member by relation, age and masked name.
func (c *caseFile) person(m *registry.Revealed) string {
	text := m.Identity.Name
	if roster := c.s.app.Pack.Roster(); roster != nil {
		text = strings.TrimSpace(codeName(roster, "relation", m.Person.Relation).In(c.v.lang) + " " + text)
	}
	if age := ageOn(m.Person.Birth, c.s.now()); age >= 0 {
		text += " " + c.s.words.In(c.v.lang, "case.aged", strconv.Itoa(age))
	}
	return text
}

// ageOn is whole years; -1 when the birth is not known.
func ageOn(birth, day time.Time) int {
	if birth.IsZero() {
		return -1
	}
	age := day.Year() - birth.Year()
	if day.Month() < birth.Month() || day.Month() == birth.Month() && day.Day() < birth.Day() {
		age--
	}
	return age
}

// fillRecords is what stands beside the time line: dates, classes, notices, other cases, applications.
func (c *caseFile) fillRecords(p *view.CasePage) {
	it, s, lang := c.it(), c.s, c.v.lang
	at := view.Page{Lang: lang}
	fact := func(key, value string) {
		if value != "" {
			p.Facts = append(p.Facts, view.Pair{Label: s.words.In(lang, key), Value: value})
		}
	}
	fact("case.fact.owner", c.who(it.Owner))
	fact("case.fact.identified", at.Day(it.IdentifiedOn))
	fact("case.fact.marked", it.MarkedMonth)
	fact("case.fact.cleared", at.Day(it.ClearedOn))
	fact("case.fact.clear_way", c.codeOf("clear_way", it.ClearWay))
	if it.Round > 1 {
		fact("case.fact.round", strconv.Itoa(it.Round))
	}
	var departments []string
	for _, d := range c.dossier.Departments {
		departments = append(departments, s.departmentName(d).In(lang))
	}
	fact("case.fact.departments", strings.Join(departments, at.Comma()))
	for _, t := range c.dossier.Tags {
		until := s.words.In(lang, "case.tag.open")
		if t.UntilOn != "" {
			until = at.Day(t.UntilOn)
		}
		p.Tags = append(p.Tags, view.Pair{Label: c.tagName(t.Tag), Value: at.Day(t.FromOn) + " – " + until})
	}
	for _, n := range c.dossier.Notices {
		p.Notices = append(p.Notices, view.Pair{Label: s.words.In(lang, "case.notice."+n.Kind), Value: s.words.In(lang, "case.notice.days", at.Day(n.PostedOn), at.Day(n.OverOn), at.Day(n.ExpiresOn))})
	}
	for _, l := range c.dossier.Links {
		other, back := l.Other, ""
		if other == it.ID {
			other, back = l.CaseID, ".back"
		}
		p.Links = append(p.Links, view.CaseLink{Words: s.words.In(lang, "case.link."+l.Kind+back), Href: "/cases/" + other})
	}
	for _, a := range c.dossier.Applies {
		p.Applies = append(p.Applies, view.Pair{Label: at.Date(casework.Civil(a.ReceivedAt.Go())), Value: strings.TrimSpace(a.Name + " " + a.Phone + " " + a.Difficulty)})
	}
}

// tagName is the wording of a low-income class.
func (c *caseFile) tagName(id string) string {
	for i := range c.machine.Flow().Actions {
		if f := c.machine.Flow().Actions[i].Field("tags"); f != nil {
			for _, col := range f.Fields {
				for _, code := range col.Codes {
					if code.ID == id {
						return code.Name.In(c.v.lang)
					}
				}
			}
		}
	}
	return id
}

// caseFileOf gives out an attachment that a paper of the case names, and notes it.
func (s *Server) caseFileOf(v *visit) error {
	c, err := s.openCase(v, v.r.PathValue("id"), "")
	if err != nil {
		return err
	}
	hash := v.r.PathValue("hash")
	if !c.mentions(hash) {
		return account.NotThere()
	}
	f, content, err := s.app.Attachments().Get(hash)
	if err != nil {
		return err
	}
	event := v.actor.Event("case.file", "casefile", c.it().ID, c.it().Division)
	event.Detail = map[string]any{"file": hash, "request": v.id}
	if err := s.record(v, event); err != nil {
		return err
	}
	h := v.w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; sandbox")
	h.Set("Content-Disposition", fmt.Sprintf("inline; filename=%q", hash[:12]+extension(f.Type)))
	return s.send(v, f.Type, content)
}

func extension(kind string) string {
	return map[string]string{"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "image/gif": ".gif", "application/pdf": ".pdf", "audio/mpeg": ".mp3", "audio/wave": ".wav", "application/ogg": ".ogg", "video/webm": ".webm", "video/mp4": ".mp4"}[kind]
}

// mentions reports whether a paper of the case that the reader sees names the attachment.
func (c *caseFile) mentions(hash string) bool {
	quoted := `"` + hash + `"`
	for _, st := range c.dossier.Steps {
		if strings.Contains(string(st.Data), quoted) {
			return true
		}
	}
	if c.plan == nil {
		return false
	}
	return slices.ContainsFunc(c.plan.Measures, func(m measure.Measure) bool {
		return slices.ContainsFunc(m.Evidence, func(e measure.Evidence) bool { return e.Hash == hash })
	})
}
