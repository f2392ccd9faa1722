package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/export"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/task"
	"shouwang/internal/web/view"
)

// casesAPage is how many cases one page shows.
const casesAPage = 50

// caseKeys are the keys of a filter in an address, in the order in which they are written.
func caseKeys() []string {
	return []string{"division", "level", "stage", "due", "risk", "rule", "channel", "age", "owner"}
}

// caseFilter reads the filter of a query, held to the reader's division. query is the same filter as an address carries it.
func (s *Server) caseFilter(v *visit, q url.Values) (f casework.Filter, chosen map[string]string, query string, err error) {
	chosen = map[string]string{}
	kept := url.Values{}
	for _, k := range caseKeys() {
		if value := strings.TrimSpace(q.Get(k)); value != "" {
			chosen[k] = value
			kept.Set(k, value)
		}
	}
	f = casework.Filter{Under: v.actor.Division, Risk: chosen["risk"], Rule: chosen["rule"], Channel: casework.Channel(chosen["channel"]), Owner: chosen["owner"]}
	wrong := func(zh, en string) (casework.Filter, map[string]string, string, error) {
		return f, chosen, "", errs.New(errs.Invalid, zh, en)
	}
	if text := chosen["division"]; text != "" {
		code, err := division.Parse(text)
		if err != nil {
			return f, chosen, "", err
		}
		if err := v.actor.Sees(code); err != nil {
			return f, chosen, "", err
		}
		f.Under = code
	}
	levels := map[string]int{"": 0, "red": 3, "yellow": 2, "blue": 1}
	level, ok := levels[chosen["level"]]
	if !ok {
		return wrong("没有这个级别。请在筛选栏里选。", "there is no such level. Choose one in the filter.")
	}
	f.MinLevel = level
	switch stage := chosen["stage"]; {
	case stage == "":
	case slices.Contains(casePhases(), stage):
		f.Phases = []string{stage}
	case s.app.Pack.Workflow != nil && s.app.Pack.Workflow.State(stage) != nil:
		f.States = []string{stage}
	default:
		return wrong("没有这个环节。请在筛选栏里选。", "there is no such step. Choose one in the filter.")
	}
	switch chosen["due"] {
	case "":
	case "mine":
		f.Desk = true
	case "overdue":
		f.Overdue = true
	default:
		return wrong("待办只能选“在我这里”或“已超期”。", "what is to do is either with me or overdue.")
	}
	switch chosen["age"] {
	case "":
	case "new7":
		f.MaxDays = 7
	case "old15":
		f.MinDays = 15
	case "old30":
		f.MinDays = 30
	case "old90":
		f.MinDays = 90
	default:
		return wrong("没有这个时间段。请在筛选栏里选。", "there is no such age. Choose one in the filter.")
	}
	return f, chosen, kept.Encode(), nil
}

func casePhases() []string {
	return []string{"lead", "identify", "support", "clear", "watch", "closed"}
}

// casesList is the list of leads and cases.
func (s *Server) casesList(v *visit) error {
	done := ""
	if n, err := strconv.Atoi(v.r.URL.Query().Get("done")); err == nil && n > 0 {
		done = s.words.In(v.lang, "cases.assigned", view.Int(n))
	}
	return s.casesPage(v, http.StatusOK, v.r.URL.Query(), done, "")
}

// casesPage answers the list, with what has been done or went wrong.
func (s *Server) casesPage(v *visit, status int, q url.Values, done, problem string) error {
	f, chosen, query, err := s.caseFilter(v, q)
	if err != nil {
		return err
	}
	cases, err := s.app.Casework()
	if err != nil {
		return err
	}
	page, err := cases.List(v.context(), v.actor, s.now(), f, q.Get("after"), casesAPage)
	if err != nil {
		return err
	}
	c := view.Cases{Crumbs: s.crumbs(v, "/cases", f.Under), Place: s.app.Tree.Name(f.Under), Query: query, First: q.Get("after") == "", Done: done, Problem: problem,
		Act: v.actor.May(account.CaseAssign) == nil, Export: v.actor.May(account.CaseExport) == nil, Exported: "/cases/export?" + query}
	if page.Next != "" {
		next := url.Values{}
		for k, value := range chosen {
			next.Set(k, value)
		}
		next.Set("after", page.Next)
		c.Next = "/cases?" + next.Encode()
	}
	c.Answer = s.words.In(v.lang, "cases.answer_wide", c.Place)
	if f.Under.Level() >= division.County { // counted only where it is fast
		counts, err := cases.Counts(v.context(), v.actor, s.now(), f)
		if err != nil {
			return err
		}
		n := 0
		for _, x := range counts {
			n += x.Cases
		}
		c.Answer = s.words.In(v.lang, "cases.answer", c.Place, view.Int(n))
	}
	if c.Rows, err = s.caseRows(v, page.Cases); err != nil {
		return err
	}
	if c.Act {
		if f.Under.Level() >= division.County {
			c.Handout = view.Link("/cases/handout", "division", view.Code(f.Under))
		}
		if c.Workers, err = s.workers(v, f.Under); err != nil {
			return err
		}
	}
	if err := s.caseSelects(v, f, chosen, &c); err != nil {
		return err
	}
	saved, err := cases.SavedFilters(v.context(), v.actor)
	if err != nil {
		return err
	}
	for _, x := range saved {
		c.Saved = append(c.Saved, view.CaseSaved{ID: x.ID, Name: x.Name, Href: "/cases?" + x.Query, Current: x.Query == query})
	}
	return s.write(v, status, view.CasesPage(s.frame(v, s.words.In(v.lang, "cases.title"), "cases"), c))
}

// caseRows are cases as the list shows them, with their tasks and owners.
func (s *Server) caseRows(v *visit, list []casework.Case) ([]view.ListedCase, error) {
	ids, owners := make([]string, len(list)), []string{}
	for i, c := range list {
		ids[i] = c.ID
		if c.Owner != "" {
			owners = append(owners, c.Owner)
		}
	}
	var open map[string]task.Task
	var names map[string]string
	err := s.app.Ledger.Read(v.context(), func(ctx context.Context, tx *ledger.Tx) (err error) {
		if open, err = task.OpenOf(ctx, tx, "casefile", ids); err != nil {
			return err
		}
		names, err = account.Names(ctx, tx, owners)
		return err
	})
	if err != nil {
		return nil, err
	}
	d := &day{s: s, v: v, now: s.now()}
	rows := make([]view.ListedCase, 0, len(list))
	for _, c := range list {
		r := view.ListedCase{ID: c.ID, Ref: fmt.Sprintf("%s:%d", c.ID, c.Version), HouseholdNo: c.HouseholdNo, Place: s.place(v, c.Division), Level: levelID(c.Level), State: s.stateNamed(v, c.State),
			Green: c.Green, Owner: names[c.Owner], Risks: s.riskNames(v, c), Channel: v.t(c.Channel.Title()), Days: int(casework.Civil(s.now()).Sub(casework.Civil(c.LeadAt.Go())).Hours() / 24)}
		if t, ok := open[c.ID]; ok {
			r.Due, r.Late, r.Now = d.when(t.Due)
		}
		rows = append(rows, r)
	}
	return rows, nil
}

func (s *Server) stateNamed(v *visit, id string) string {
	if flow := s.app.Pack.Workflow; flow != nil {
		if st := flow.State(id); st != nil {
			return st.Name.In(v.lang)
		}
	}
	return id
}

// riskNames are the risks of a case: those recorded, and before that those of its signals.
func (s *Server) riskNames(v *visit, c casework.Case) string {
	var names []string
	for _, id := range strings.Split(strings.Trim(c.RiskList, "|"), "|") {
		if id != "" {
			names = append(names, s.riskName(id).In(v.lang))
		}
	}
	return strings.Join(names, v.t("、", ", "))
}

// workers are the people of villages and townships under a division who can be given cases, each with what they have in hand.
func (s *Server) workers(v *visit, under division.Code) ([]view.Option, error) {
	out := []view.Option{}
	err := s.app.Ledger.Read(v.context(), func(ctx context.Context, tx *ledger.Tx) error {
		out = out[:0]
		list, loads, err := s.staffOf(ctx, tx, v, under, 200)
		if err != nil {
			return err
		}
		for _, a := range list {
			out = append(out, s.workerOption(v, a, loads))
		}
		return nil
	})
	return out, err
}

// staffOf are the active workers of villages and townships under a division, and the open tasks that lie with each.
func (s *Server) staffOf(ctx context.Context, tx *ledger.Tx, v *visit, under division.Code, limit int) ([]account.Account, map[string]int, error) {
	active := true
	page, err := s.accounts.List(ctx, tx, v.actor, account.Filter{Under: under, Active: &active, Limit: limit})
	if err != nil {
		return nil, nil, err
	}
	list := slices.DeleteFunc(page.Accounts, func(a account.Account) bool {
		return !slices.Contains(a.Roles, account.Village) && !slices.Contains(a.Roles, account.Township)
	})
	ids := make([]string, len(list))
	for i, a := range list {
		ids[i] = a.ID
	}
	loads, err := task.Loads(ctx, tx, v.actor, ids)
	return list, loads, err
}

func (s *Server) workerOption(v *visit, a account.Account, loads map[string]int) view.Option {
	return view.Option{Value: a.ID, Label: s.words.In(v.lang, "cases.load", a.Name, s.app.Tree.Name(a.Division), view.Int(loads[a.ID]))}
}

// caseSelects fills the lists of the filter.
func (s *Server) caseSelects(v *visit, f casework.Filter, chosen map[string]string, c *view.Cases) error {
	t := func(key string) string { return s.words.In(v.lang, key) }
	add := func(name, label string, first string, options ...view.Option) {
		all := append([]view.Option{{Label: first}}, options...)
		for i := range all {
			all[i].Chosen = all[i].Value == chosen[name]
		}
		c.Selects = append(c.Selects, view.CaseSelect{Name: name, Label: label, Options: all})
	}
	places := []view.Option{{Value: view.Code(f.Under), Label: s.app.Tree.Name(f.Under), Chosen: true}}
	if f.Under != v.actor.Division {
		up := f.Under.Parent()
		places = append(places, view.Option{Value: view.Code(up), Label: t("filter.up") + s.app.Tree.Name(up)})
	}
	for _, d := range s.app.Tree.Children(f.Under) {
		places = append(places, view.Option{Value: view.Code(d.Code), Label: d.Short()})
	}
	c.Selects = append(c.Selects, view.CaseSelect{Name: "division", Label: t("filter.division"), Options: places})
	var levels, stages, risks, rules, channels, ages, dues []view.Option
	for _, l := range []string{"red", "yellow", "blue"} {
		levels = append(levels, view.Option{Value: l, Label: t("cases.filter.level." + l)})
	}
	for _, p := range casePhases() {
		stages = append(stages, view.Option{Value: p, Label: t("cases.filter.phase." + p)})
	}
	if flow := s.app.Pack.Workflow; flow != nil {
		for i := range flow.States {
			stages = append(stages, view.Option{Value: flow.States[i].ID, Label: flow.States[i].Name.In(v.lang)})
		}
	}
	for _, r := range s.app.Pack.Risks {
		risks = append(risks, view.Option{Value: r.ID, Label: r.Name.In(v.lang)})
	}
	for i := range s.app.Pack.Rules {
		if r := &s.app.Pack.Rules[i]; r.Class != policy.ClassDoubt && (f.Risk == "" || r.Risk == f.Risk || r.ID == f.Rule) {
			rules = append(rules, view.Option{Value: r.ID, Label: r.Name.In(v.lang)})
		}
	}
	for _, ch := range casework.Channels() {
		channels = append(channels, view.Option{Value: string(ch), Label: v.t(ch.Title())})
	}
	for _, a := range []string{"new7", "old15", "old30", "old90"} {
		ages = append(ages, view.Option{Value: a, Label: t("cases.filter.age." + a)})
	}
	if v.actor.May(account.TaskRead) == nil {
		dues = append(dues, view.Option{Value: "mine", Label: t("cases.filter.due.mine")})
	}
	dues = append(dues, view.Option{Value: "overdue", Label: t("cases.filter.due.overdue")})
	all := t("filter.all")
	add("level", t("filter.level"), all, levels...)
	add("stage", t("cases.filter.stage"), t("cases.filter.live"), stages...)
	add("due", t("cases.filter.due"), all, dues...)
	add("risk", t("filter.risk"), all, risks...)
	add("rule", t("filter.rule"), all, rules...)
	add("channel", t("cases.filter.channel"), all, channels...)
	add("age", t("cases.filter.age"), all, ages...)
	if len(c.Workers) > 0 || f.Owner != "" {
		owners := slices.Clone(c.Workers)
		if !slices.ContainsFunc(owners, func(o view.Option) bool { return o.Value == f.Owner }) && f.Owner != "" {
			owners = append(owners, view.Option{Value: f.Owner, Label: cmp.Or(s.nameOf(v, f.Owner), "–")})
		}
		add("owner", t("cases.filter.owner"), all, owners...)
	}
	return nil
}

// nameOf is an account's name; "" when there is none.
func (s *Server) nameOf(v *visit, id string) string {
	var names map[string]string
	if err := s.app.Ledger.Read(v.context(), func(ctx context.Context, tx *ledger.Tx) (err error) {
		names, err = account.Names(ctx, tx, []string{id})
		return err
	}); err != nil {
		return ""
	}
	return names[id]
}

// casesExport writes the list as a file. The reason goes into the audit chain before the first row goes out.
func (s *Server) casesExport(v *visit) error {
	f, _, query, err := s.caseFilter(v, v.r.URL.Query())
	if err != nil {
		return err
	}
	reason, err := v.reason("请写明导出的事由，例如“西山镇十一月核实分派”。", "give the reason of the export, such as “assigning the November visits of Xishan”.")
	if err != nil {
		return err
	}
	cases, err := s.app.Casework()
	if err != nil {
		return err
	}
	event := v.actor.Event("cases.export", "casefiles", view.Code(f.Under), f.Under)
	event.Reason, event.Detail = reason, map[string]any{"filter": query}
	if err := s.record(v, event); err != nil {
		return err
	}
	t := func(key string) string { return s.words.In(v.lang, key) }
	header := []string{t("level"), t("household"), t("place"), t("cases.state"), t("cases.due"), t("risk"), t("cases.channel"), t("cases.since"), t("cases.days"), t("cases.owner"), t("cases.words"), t("export.mark")}
	mark := fmt.Sprintf("%s %s %s", s.now().UTC().Format("2006-01-02"), v.actor.Org, v.id)
	return s.file(v, v.r.PostFormValue("format"), "cases-"+view.Code(f.Under), t("cases.title"), header, func(w export.Writer) error {
		after := ""
		for {
			page, err := cases.List(v.context(), v.actor, s.now(), f, after, 500)
			if err != nil {
				return err
			}
			rows, err := s.caseRows(v, page.Cases)
			if err != nil {
				return err
			}
			for i, r := range rows {
				c := &page.Cases[i]
				level := ""
				if r.Level != "" {
					level = t("level." + r.Level)
				}
				if err := w.Row(level, r.HouseholdNo, s.fullPlace(c.Division), r.State, r.Due, r.Risks, r.Channel, dayText(c.LeadAt), r.Days, r.Owner, v.t(c.ExplanationZH, c.ExplanationEN), mark); err != nil {
					return err
				}
			}
			if after = page.Next; after == "" {
				return nil
			}
		}
	})
}

// dayText is the civil day of a moment as files have it.
func dayText(t ledger.Time) string { return casework.Civil(t.Go()).Format("2006-01-02") }
