package web

import (
	"context"
	"slices"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/division"
	"shouwang/internal/ledger"
	"shouwang/internal/measure"
	"shouwang/internal/policy"
	"shouwang/internal/task"
	"shouwang/internal/web/view"
)

// What the home page shows of each.
const (
	dueShown  = 10
	newsShown = 6
	newsDays  = 7
)

// today is every reader's home: what is due now and next, what is overdue, what came back. Nobody is ranked.
func (s *Server) today(v *visit) error {
	t := view.Today{}
	d := &day{s: s, v: v, now: s.now(), page: &t}
	var err error
	if d.cases, err = s.app.Casework(); err != nil {
		return err
	}
	for _, part := range []func() error{d.tasks, d.told, d.back, d.applications, d.figures, d.asked} {
		if err := part(); err != nil {
			return err
		}
	}
	d.answer()
	return s.show(v, view.TodayPage(s.frame(v, s.words.In(v.lang, "today.title"), "today"), t))
}

// day is the home page being made.
type day struct {
	s     *Server
	v     *visit
	now   time.Time
	cases *casework.Service
	page  *view.Today

	visits, due, late, open int
	told_                   int
	askedOf                 int
	first                   string // kind of the first task
}

func (d *day) t(key string, args ...any) string { return d.s.words.In(d.v.lang, key, args...) }

// may reports whether the reader may do something.
func (d *day) may(a account.Action) bool { return d.v.actor.May(a) == nil }

// tasks fills what is due.
func (d *day) tasks() error {
	if !d.may(account.TaskRead) {
		return nil
	}
	d.page.Tasks = true
	var page task.Page
	var standing []task.Standing
	err := d.s.app.Ledger.Read(d.v.context(), func(ctx context.Context, tx *ledger.Tx) (err error) {
		if page, err = task.Inbox(ctx, tx, d.v.actor, task.Filter{State: "in_time", Limit: dueShown}); err != nil {
			return err
		}
		late, err := task.Inbox(ctx, tx, d.v.actor, task.Filter{State: "overdue", Limit: dueShown})
		if err != nil {
			return err
		}
		page.Tasks = append(late.Tasks, page.Tasks...)
		standing, err = task.Mine(ctx, tx, d.v.actor, d.now)
		return err
	})
	if err != nil {
		return err
	}
	visits := d.cases.VisitStates()
	for _, x := range standing {
		d.due, d.late, d.open = d.due+x.Today, d.late+x.Overdue, d.open+x.Open
		if slices.Contains(visits, x.Kind) {
			d.visits += x.Today + x.Overdue
		}
	}
	// What is late comes first, but never hides what is due today.
	list := page.Tasks
	if len(list) > dueShown {
		n := 0
		for n < len(list) && list[n].Overdue != 0 {
			n++
		}
		keep := min(n, dueShown-min(4, len(list)-n))
		list = append(slices.Clone(list[:keep]), list[n:]...)
		list = list[:min(len(list), dueShown)]
	}
	d.page.More = d.open - len(list)
	if d.page.Due, err = d.rows(list, false); err != nil {
		return err
	}
	if len(list) > 0 {
		d.first = list[0].Kind
		d.page.Start = d.page.Due[0].Href
	}
	d.page.All = "/cases?due=mine"
	if d.may(account.OrderReply) && !d.may(account.HouseholdRead) {
		d.page.All = "/orders"
	}
	return nil
}

// told fills what is late below and was told to the reader's level.
func (d *day) told() error {
	if !d.may(account.TaskRead) || d.v.actor.Division.Level() == division.Village || !d.may(account.HouseholdRead) {
		return nil
	}
	var page task.Page
	err := d.s.app.Ledger.Read(d.v.context(), func(ctx context.Context, tx *ledger.Tx) (err error) {
		page, err = task.Told(ctx, tx, d.v.actor, task.Filter{Limit: 101})
		return err
	})
	if err != nil {
		return err
	}
	d.told_ = len(page.Tasks)
	d.page.Told, err = d.rows(page.Tasks[:min(newsShown, len(page.Tasks))], true)
	return err
}

// rows are tasks with the things that they are about.
func (d *day) rows(list []task.Task, org bool) ([]view.TodayTask, error) {
	var ids []string
	orders := map[string]*measure.Order{}
	plans, err := d.s.app.Plans()
	if err != nil {
		return nil, err
	}
	for _, t := range list {
		switch t.Object {
		case "casefile":
			ids = append(ids, t.ObjectID)
		case "order":
			o, err := plans.Order(d.v.context(), d.v.actor, t.ObjectID)
			if err != nil {
				continue // not the reader's to see any more
			}
			orders[t.ObjectID] = o
			ids = append(ids, o.CaseID)
		}
	}
	cases := map[string]casework.Case{}
	if d.may(account.CaseRead) {
		if cases, err = d.cases.Some(d.v.context(), d.v.actor, ids); err != nil {
			return nil, err
		}
	}
	out := make([]view.TodayTask, 0, len(list))
	for _, t := range list {
		row := view.TodayTask{What: d.v.t(t.ZH, t.EN), Where: d.s.place(d.v, t.Division), Level: levelID(t.Urgent), Href: "/cases/" + t.ObjectID}
		c := cases[t.ObjectID]
		if o := orders[t.ObjectID]; o != nil {
			c, row.Href = cases[o.CaseID], "/orders/"+o.ID
		}
		row.Whose = c.HouseholdNo
		if org {
			row.Org = d.s.orgName(d.v, t.Org)
		}
		row.When, row.Late, row.Now = d.when(t.Due)
		out = append(out, row)
	}
	return out, nil
}

// when says a deadline as people do. A deadline is the end of its last day.
func (d *day) when(due ledger.Time) (text string, late, now bool) {
	last := task.Civil(due.Go().Add(-time.Microsecond))
	days := int(last.Sub(task.Civil(d.now)).Hours() / 24)
	switch {
	case days < 0:
		return d.t("today.when.late", view.Int(-days)), true, false
	case due <= ledger.At(d.now):
		return d.t("today.when.late_today"), true, false
	case days == 0:
		return d.t("today.when.today"), false, true
	case days == 1:
		return d.t("today.when.tomorrow"), false, false
	}
	return shortDay(d.v, last, d.now), false, false
}

// shortDay is a day, without the year where that is the present one.
func shortDay(v *visit, t, now time.Time) string {
	day := casework.Civil(t)
	if day.Year() != casework.Civil(now).Year() {
		return locDay(v, day)
	}
	return day.Format(v.t("1月2日", "2 Jan"))
}

// back fills what came back within a week: steps of other levels, answers of departments.
func (d *day) back() error {
	if !d.may(account.CaseRead) || !d.may(account.HouseholdRead) {
		return nil
	}
	d.page.Came = d.v.actor.Division.Level() >= division.County
	since := d.now.AddDate(0, 0, -newsDays)
	news, err := d.cases.News(d.v.context(), d.v.actor, since, newsShown)
	if err != nil {
		return err
	}
	type item struct {
		at  ledger.Time
		row view.TodayNews
	}
	var all []item
	for _, n := range news {
		action := n.Action
		attention := false
		if a := d.s.app.Pack.Workflow.Action(n.Action); a != nil {
			action = a.Name.In(d.v.lang)
			attention = a.DoesIt("objection") || a.DoesIt("roll_back") || a.Restart == "round"
		}
		all = append(all, item{n.At, view.TodayNews{Href: "/cases/" + n.CaseID, What: d.t("today.news.step", d.s.orgName(d.v, n.Org), action), Where: d.s.place(d.v, n.Division) + " " + n.HouseholdNo,
			When: shortDay(d.v, n.At.Go(), d.now), Attention: attention}})
	}
	plans, err := d.s.app.Plans()
	if err != nil {
		return err
	}
	answered, err := plans.Answered(d.v.context(), d.v.actor, since, newsShown)
	if err != nil {
		return err
	}
	for _, o := range answered {
		name := policy.Text{ZH: o.Option, EN: o.Option}
		if m := d.s.app.Pack.Measure(o.Option); m != nil {
			name = m.Name
		}
		at := max(o.AnsweredAt, o.DoneAt)
		all = append(all, item{at, view.TodayNews{Href: "/orders/" + o.ID, What: d.t("today.news."+o.State, d.s.departmentName(o.Department).In(d.v.lang), name.In(d.v.lang)), Where: d.s.place(d.v, o.Division),
			When: shortDay(d.v, at.Go(), d.now), Attention: o.State == "rejected"}})
	}
	slices.SortStableFunc(all, func(a, b item) int { return int(min(max(b.at-a.at, -1), 1)) })
	for _, x := range all[:min(len(all), newsShown)] {
		d.page.Back = append(d.page.Back, x.row)
	}
	return nil
}

// applications fills the self-applications that wait.
func (d *day) applications() error {
	if !d.may(account.ApplicationTake) {
		return nil
	}
	d.page.Applied = true
	list, err := d.cases.Applications(d.v.context(), d.v.actor, "waiting", "", newsShown)
	if err != nil {
		return err
	}
	for _, a := range list {
		d.page.Apply = append(d.page.Apply, view.TodayApplication{Href: "/applications/" + a.ID, Name: a.Name, Where: d.s.place(d.v, a.Division), When: shortDay(d.v, a.ReceivedAt.Go(), d.now)})
	}
	return nil
}

// figures fills the week's figures and how many cases stand where, each a way to its list.
func (d *day) figures() error {
	if !d.may(account.CaseRead) || !d.may(account.HouseholdRead) {
		return nil
	}
	figure := func(label string, n int, href string) view.TodayFigure {
		return view.TodayFigure{Label: label, Count: int64(n), Href: href}
	}
	if d.v.actor.Division.Level() >= division.County {
		w, err := d.cases.Week(d.v.context(), d.v.actor, d.now.AddDate(0, 0, -newsDays))
		if err != nil {
			return err
		}
		d.page.Week = []view.TodayFigure{
			figure(d.t("today.week.leads"), w.Leads, "/cases?age=new7"),
			figure(d.t("today.week.verified"), w.Verified, "/cases?stage=identify"),
			figure(d.t("today.week.false"), w.FalseAlarms, "/cases?stage=false_alarm"),
			figure(d.t("today.week.identified"), w.Identified, "/cases?stage=support"),
			figure(d.t("today.week.cleared"), w.Cleared, "/cases?stage=cleared"),
		}
	}
	tally, err := d.cases.Tally(d.v.context(), d.v.actor, d.now, 0)
	if err != nil {
		return err
	}
	for _, phase := range []string{"lead", "identify", "support", "clear", "watch"} {
		n := tally.Sum(func(c casework.Count) bool { return c.Phase == phase })
		d.page.Stand = append(d.page.Stand, figure(d.t("today.phase."+phase), n, "/cases?stage="+phase))
	}
	return nil
}

// asked fills the data that are lacking: a department's own, or all in the reader's area.
func (d *day) asked() error {
	if !d.may(account.CoverageRead) {
		return nil
	}
	own, only := d.v.actor.DepartmentOnly()
	if !only && d.v.actor.Division.Level() < division.County {
		return nil
	}
	o, err := d.s.app.Screening().Overview(d.v.context(), d.v.actor.Division)
	if err != nil {
		return err
	}
	for _, r := range o.Requests {
		if only && r.Department != own {
			continue
		}
		d.askedOf++
		if len(d.page.Asked) >= newsShown {
			continue
		}
		row := view.TodayAsked{Name: policy.Text{ZH: r.Dataset, EN: r.Dataset}, Department: d.s.departmentName(r.Department), Households: int64(r.Households)}
		if ds := d.s.app.Pack.Dataset(r.Dataset); ds != nil {
			row.Name = ds.Name
		}
		d.page.Asked = append(d.page.Asked, row)
	}
	return nil
}

// answer says all of it in words, and names the one thing to do first.
func (d *day) answer() {
	t, n := d.page, view.Int[int]
	start := func(href, key string) { t.Start, t.StartAs = href, d.t(key) }
	switch {
	case t.Tasks && !d.may(account.HouseholdRead): // a department
		t.Answer = d.t("today.answer.orders", n(d.due), n(d.late), n(d.open))
		if d.open == 0 {
			t.Answer = d.t("today.answer.calm")
		}
		if d.askedOf > 0 {
			t.Answer += d.t("today.answer.asked", n(d.askedOf))
		}
	case t.Tasks && d.v.actor.Division.Level() < division.County:
		t.Answer = d.t("today.answer.above_none")
		if d.told_ > 0 {
			t.Answer = d.t("today.answer.above", atMost(d.told_, 100))
		}
	case t.Tasks && d.visits > 0:
		t.Answer = d.t("today.answer.visits", n(d.visits), n(d.due), n(d.late))
	case t.Tasks && d.late > 0:
		t.Answer = d.t("today.answer.due", n(d.due), n(d.late))
	case t.Tasks && d.due > 0:
		t.Answer = d.t("today.answer.in_time", n(d.due))
	case t.Tasks && d.open > 0:
		t.Answer = d.t("today.answer.ahead", n(d.open))
	case t.Tasks:
		t.Answer = d.t("today.answer.calm")
	case d.may(account.PackChange):
		t.Answer = d.t("today.answer.policy", d.s.app.Pack.Version, n(len(d.s.app.Pack.Rules)))
		start("/policy/whatif", "today.start.whatif")
	case d.may(account.AuditRead):
		t.Answer = d.t("today.answer.auditor")
		start("/cases", "today.start.cases")
	default:
		t.Answer = d.t("today.answer.admin")
		start("/help", "today.start.help")
	}
	switch {
	case t.StartAs != "":
	case t.Start != "" && slices.Contains(d.cases.VisitStates(), d.first):
		t.StartAs = d.t("today.start.visit")
	case t.Start != "":
		t.StartAs = d.t("today.start.first")
	case len(t.Told) > 0:
		start(t.Told[0].Href, "today.start.first")
	case d.may(account.IntakeUpload) && !d.may(account.HouseholdRead):
		start("/data/upload", "today.start.upload")
	case d.may(account.StatsRead):
		start("/overview", "today.start.overview")
	}
	if !t.Tasks || len(t.Due)+len(t.Told)+len(t.Asked) == 0 {
		for _, l := range []struct {
			need             account.Action
			href, icon, word string
		}{{account.CaseRead, "/cases", "list-check", "cases"}, {account.StatsRead, "/overview", "chart-bar", "overview"}, {account.CoverageRead, "/data", "database", "data"}, {account.PackRead, "/policy", "scale", "policy"}, {anybody, "/help", "help-circle", "help"}} {
			if l.need == anybody || d.may(l.need) {
				t.Links = append(t.Links, view.TodayLink{Href: l.href, Icon: l.icon, Title: d.t("today.link." + l.word), Text: d.t("today.link." + l.word + "_text")})
			}
		}
	}
}

// atMost writes a count that was cut off.
func atMost(n, most int) string {
	if n > most {
		return view.Int(most) + "+"
	}
	return view.Int(n)
}
