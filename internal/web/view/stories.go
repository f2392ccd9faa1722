package view

import (
	"time"

	"github.com/a-h/templ"

	"shouwang/internal/casework"
	"shouwang/internal/intake"
	"shouwang/internal/jobs"
	"shouwang/internal/policy"
	"shouwang/internal/registry"
	"shouwang/internal/screening"
)

// Story is a component or a page with canned data.
type Story struct {
	ID, Name string
	Content  templ.Component
}

// Stories are all of them. The data are made up; the pack gives rules and datasets their names.
func Stories(p Page, pack *policy.Pack) []Story {
	in := p
	in.Reader = &Reader{Name: "杨县办", Role: "县级", Place: "从江县"}
	in.Nav = []NavItem{{"overview", "/overview", "chart-bar", p.T("nav.overview")}, {"warnings", "/warnings", "alert-triangle", p.T("nav.warnings")}, {"households", "/households", "home", p.T("nav.households")},
		{"data", "/data", "database", p.T("nav.data")}, {"policy", "/policy", "scale", p.T("nav.policy")}}
	at := func(section, title string) Page {
		page := in
		page.Section, page.Title = section, title
		return page
	}
	day := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	o := storyOverview(pack)
	calm := o
	calm.ByRisk, calm.Total.Red, calm.Total.Yellow, calm.Total.Blue, calm.Feeds, calm.ByChange = nil, 0, 0, 0, nil, nil
	h := storyHousehold(pack)
	shown := h
	shown.Revealed = true
	shown.Members = append([]Member(nil), h.Members...)
	shown.Members[0].Identity = registry.Identity{Name: "样例甲", Number: "522633198001010000", Phone: "13800000000", BankAccount: "6200000000000000000"}
	w := storyWarnings(pack)
	none := w
	none.Rows, none.Count, none.Households = nil, 0, 0
	receipt := storyReceipt()
	refused := receipt
	refused.State, refused.Error, refused.Rejects = intake.Refused, &intake.Text{ZH: "表头对不上任何一种数据。", EN: "the header fits no dataset."}, nil
	tabs, policies := DataTabs{Current: "calendar", Receipts: true, Upload: true, Screening: true}, PolicyTabs{Current: "rules", WhatIf: true}
	clash := storyCase()
	clash.Conflict = storyConflict()
	done := CasePage{Case: &casework.Case{ID: "0191", HouseholdNo: "5226331050020138"}, State: "误报关闭", Channel: "热线信访", Next: CaseNext{Kind: "none"}}
	stories := []Story{
		{"case", "Case", CasePageOf(at("cases", p.T("case.title")), storyCase())},
		{"case-conflict", "Case, two editors", CasePageOf(at("cases", p.T("case.title")), clash)},
		{"case-closed", "Case, closed", CasePageOf(at("cases", p.T("case.title")), done)},
		{"plan", "Plan of support", PlanPageOf(at("cases", p.T("plan.title")), storyPlan())},
		{"plan-empty", "Plan, nothing yet", PlanPageOf(at("cases", p.T("plan.title")), PlanPage{Case: &casework.Case{ID: "0190", HouseholdNo: "5226331050020137"}, Answer: p.T("plan.answer.none"), NoMatch: p.T("plan.no_match", "还没有筛查")})},
		{"orders", "Orders", OrdersPageOf(at("orders", p.T("orders.title")), storyOrders())},
		{"orders-none", "Orders, none", OrdersPageOf(at("orders", p.T("orders.title")), OrdersPage{First: true})},
		{"order", "Order", OrderPageOf(at("orders", "医疗救助"), storyOrder())},
		{"case-new", "Report a household", NewCasePage(at("cases", p.T("newcase.title")), NewCase{Form: *storyForm(), Found: &FoundHome{No: "5226331050020137", Place: "从江县西山镇顶洞村", HeadName: "杨**", Kind: "脱贫户", CaseHref: "/cases/0190", CaseState: "待入户核实"}})},
		{"levels", "Level", PartsPage(p, Level(p, "red"), Level(p, "yellow"), Level(p, "blue"), Unknown(p, "医疗保障局的医保结算 2026-09-03 后未到"), Number(p, 52000, "/warnings"), Number(p, 0, "/warnings"), Bar(5, 3, 2, 12))},
		{"sign-in", "Sign-in", SignInPage(p, SignIn{Demo: []DemoAccount{{"demo-county", "杨县办", "县级", "从江县"}, {"demo-village", "吴村干", "村级工作人员", "顶洞村"}}})},
		{"sign-in-wrong", "Sign-in, refused", SignInPage(p, SignIn{Error: "登录名、口令或验证码不对"})},
		{"sign-in-password", "Sign-in, own password", SignInStepPage(p, SignInStep{Stage: "password"})},
		{"sign-in-second", "Sign-in, code", SignInStepPage(p, SignInStep{Stage: "second", Error: "验证码不对"})},
		{"sign-in-enrol", "Sign-in, authenticator", SignInStepPage(p, SignInStep{Stage: "enrol", Secret: "JBSWY3DPEHPK3PXP", QR: QR{Size: 3, Path: "M0 0h1v1h-1zM2 2h1v1h-1zM1 1h1v1h-1z"}})},
		{"recovery", "Recovery codes", RecoveryPage(p, []string{"abcd-efgh-ijkl-mnop", "qrst-uvwx-yz23-4567"})},
		{"today", "Today", TodayPage(at("today", p.T("today.title")), storyToday(p))},
		{"cases", "Leads and cases", CasesPage(at("cases", p.T("cases.title")), storyCases(p))},
		{"cases-none", "Leads and cases, none", CasesPage(at("cases", p.T("cases.title")), Cases{Answer: p.T("cases.answer", "从江县", "0"), Problem: "没有这个级别。", First: true})},
		{"handout", "Hand out leads", HandoutPage(at("cases", p.T("handout.title")), Handout{Answer: p.T("handout.answer", "从江县", "12", "1"), Code: "522633", Done: p.T("handout.done", "3"), Rows: []HandoutRow{
			{Division: 522633105209, Name: "西山镇顶洞村", Waiting: 12, Workers: []Option{{"", p.T("handout.leave"), true}, {"a", p.T("cases.load", "吴村干", "顶洞村", "7"), false}}}}})},
		{"handout-none", "Hand out leads, none", HandoutPage(at("cases", p.T("handout.title")), Handout{Code: "522633"})},
		{"application", "Self-application", ApplicationShow(at("cases", p.T("application.title")), ApplicationPage{It: casework.ApplicationShown{ID: "1", Name: "吴**", Phone: "138****0011", Difficulty: "已隐去", State: "waiting"}, Place: "顶洞村", When: "2026年11月24日", Reveal: true,
			Risks: []Option{{"income", "收入骤减或偏低", true}}, Problem: "没有这一户"})},
		{"application-taken", "Self-application, taken", ApplicationShow(at("cases", p.T("application.title")), ApplicationPage{It: casework.ApplicationShown{ID: "1", Name: "吴小妹", Phone: "13800000011", Difficulty: "<script>alert(1)</script>", State: "taken"}, Place: "顶洞村", Case: "7", Revealed: true})},
		{"today-calm", "Today, nothing to do", TodayPage(at("today", p.T("today.title")), Today{Tasks: true, Answer: p.T("today.answer.calm"), Links: []TodayLink{{"/overview", "chart-bar", p.T("today.link.overview"), p.T("today.link.overview_text")}}})},
		{"overview", "Overview", OverviewPage(at("overview", p.T("overview.title")), o)},
		{"overview-calm", "Overview, nothing to see", OverviewPage(at("overview", p.T("overview.title")), calm)},
		{"warnings", "Warnings", WarningsPage(at("warnings", p.T("warnings.title")), w)},
		{"warnings-none", "Warnings, none", WarningsPage(at("warnings", p.T("warnings.title")), none)},
		{"find", "Find a household", FindPage(at("households", p.T("find.title")), FindHousehold{})},
		{"find-wrong", "Find a household, not there", FindPage(at("households", p.T("find.title")), FindHousehold{Error: "没有这条记录，或者不在您的管辖范围内"})},
		{"household", "Household", HouseholdPage(at("households", p.T("household.title")), h)},
		{"household-revealed", "Household, revealed", HouseholdPage(at("households", p.T("household.title")), shown)},
		{"why", "Why a household is warned of", WhyPage(at("households", p.In(pack.Rules[0].Name)), h, h.Explained.Rules[0])},
		{"calendar", "Data calendar", CalendarPage(at("data", p.T("data.calendar")), Calendar{Tabs: tabs, Months: []string{"2026-09", "2026-10", "2026-11"}, Groups: []CalendarGroup{
			{Name: policy.Text{ZH: "医保结算明细", EN: "Settlements"}, Department: policy.Text{ZH: "医疗保障局", EN: "Medical insurance"}, Due: "monthly", Rows: []intake.Coverage{{CountyName: "从江县", Months: []string{"2026-09", "2026-11"}, Missing: []string{"2026-10"}}, {CountyName: "榕江县"}}}}})},
		{"receipts", "Receipts", ReceiptsPage(at("data", p.T("data.receipts")), Receipts{Tabs: tabs, Rows: []intake.Receipt{receipt, refused}, Next: "50"})},
		{"receipt", "Receipt", OneReceiptPage(at("data", p.T("receipt.title")), ReceiptPage{Tabs: tabs, Receipt: receipt, Rejects: true})},
		{"receipt-refused", "Receipt, refused", OneReceiptPage(at("data", p.T("receipt.title")), ReceiptPage{Tabs: tabs, Receipt: refused})},
		{"upload", "Deliver data", UploadFormPage(at("data", p.T("data.upload")), UploadPage{Tabs: tabs, Limit: 1 << 30, Error: "请选择要报送的文件。", Datasets: []Option{{"", p.T("upload.by_header"), true}}})},
		{"screening", "Screening", ScreeningPage(at("data", p.T("data.screening")), Screening{Tabs: tabs, Jobs: true, Last: &screening.Summary{Run: 3, AsOf: "2026-11-24", Screened: 20000, Warned: 1083, Seconds: 2.4}, Job: &jobs.Job{State: "running", Done: 8000, Total: 20000}})},
		{"screening-failed", "Screening, failed", ScreeningPage(at("data", p.T("data.screening")), Screening{Tabs: tabs, Jobs: true, Job: &jobs.Job{State: "failed", ErrorZH: "磁盘已满", ErrorEN: "the disk is full"}})},
		{"requests", "Data requests", RequestsPage(at("data", p.T("data.requests")), Requests{Tabs: tabs, AsOf: "2026-11-24", Rows: []RequestRow{
			{DataRequest: screening.DataRequest{State: "stale", Through: "2026-09-03", Households: 137}, CountyName: "从江县", Name: policy.Text{ZH: "医保结算明细", EN: "Settlements"}, DepartmentTitle: policy.Text{ZH: "医疗保障局", EN: "Medical insurance"}, Rules: []policy.Text{pack.Rules[0].Name}}}})},
		{"parameters", "Parameters", ParametersPage(at("policy", p.T("policy.parameters")), Parameters{Tabs: policies, Title: pack.Title, Pack: pack.Version, Rows: pack.Parameters[:min(4, len(pack.Parameters))], Today: day, Names: func(c string) string { return c }, Uses: map[string]int{}})},
		{"rules", "Rules", RulesPage(at("policy", p.T("policy.rules")), Rules{Tabs: policies, Pack: pack, AsOf: "2026-11-24", Groups: []RuleGroup{{Risk: pack.Risks[0].Name, Rules: []RuleRow{{&pack.Rules[0], 137, 21}}}}})},
		{"rule", "Rule", OneRulePage(at("policy", p.In(pack.Rules[0].Name)), RulePage{Tabs: policies, Rule: &pack.Rules[0], Risk: pack.Risks[0].Name, Parameters: pack.Parameters[:1], Indicators: pack.Indicators[:2], Pack: pack, Today: day, Warnings: true})},
		{"indicators", "Indicators", IndicatorsPage(at("policy", p.T("policy.indicators")), Indicators{Tabs: policies, Pack: pack, Rows: pack.Indicators[:min(6, len(pack.Indicators))]})},
		{"whatif", "What if", WhatIfPage(at("policy", p.T("policy.whatif")), storyWhatIf(pack, day), pack)},
		{"phone", "Visits on the phone", PhonePage(p, 8)},
		{"help", "Help", HelpPage(at("help", p.T("help.title")))},
		{"error", "Error", ErrorPage(at("", p.T("error.title.internal")), p.T("error.internal"))},
	}
	stories = append(append(stories, publicStories(p, at)...), adminStories(at)...)
	return append(stories, studioStories(p, pack, day, at)...)
}

func storyOverview(pack *policy.Pack) Overview {
	o := Overview{Pack: pack, Crumbs: []Crumb{{"黔东南苗族侗族自治州", "#"}, {"从江县", "#"}}}
	o.Division, o.Run, o.AsOf = 522633_000000, 3, "2026-11-24"
	o.Total = screening.Area{Division: 522633_000000, Name: "从江县", Households: 20000, Persons: 71234, Red: 506, Yellow: 353, Blue: 224}
	o.Areas = []screening.Area{{Division: 522633100_000, Name: "丙妹镇", Households: 2100, Persons: 7400, Red: 61, Yellow: 40, Blue: 22}, {Division: 522633105_000, Name: "西山镇", Households: 1300, Persons: 4600, Red: 33, Yellow: 12}, {Division: 522633106_000, Name: "停洞镇"}}
	o.ByRisk = []screening.RiskCount{{Risk: "illness", Red: 210, Yellow: 130, Blue: 160}, {Risk: "income", Red: 90, Yellow: 40, Blue: 12}}
	o.ByChange = map[string]int64{screening.ChangeNew: 61, screening.ChangeWorse: 12, screening.ChangeSame: 980, screening.ChangeCleared: 40}
	o.Guarantees = []screening.GuaranteeCount{{Risk: "housing", Open: 12, Unknown: 340}, {Risk: "water", Open: 3}}
	o.Feeds = []screening.FeedState{{Dataset: "health_settlement", Counties: 1, Gap: 1, Months: []string{"2026-08"}}, {Dataset: "water", Counties: 1, Stale: 1, Through: "2026-09-03"}, {Dataset: "housing", Counties: 1, Covered: 1, Through: "2026-10-31"}}
	return o
}

func storyWarnings(pack *policy.Pack) Warnings {
	row := func(no, level, risk string, known bool) WarningRow {
		return WarningRow{Warning: screening.Warning{HouseholdNo: no, Level: level, Risk: risk, Members: 4, Change: screening.ChangeNew, Known: known}, Place: "西山镇顶洞村", Risk: policy.Text{ZH: "因病", EN: "Illness"}, Names: []policy.Text{pack.Rules[0].Name, pack.Rules[1].Name}}
	}
	return Warnings{Place: "从江县", Count: 1083, Households: 1010, First: true, Next: "2-1-illness", AsOf: "2026-11-24", Export: true,
		Divisions: []Option{{"", "从江县", true}}, Levels: []Option{{"", "全部", true}}, Risks: []Option{{"", "全部", true}}, Rules: []Option{{"", "全部", true}}, Changes: []Option{{"", "全部", true}},
		Rows: []WarningRow{row("5226331052090137", "red", "illness", true), row("5226331052090138", "yellow", "illness", true), row("5226331052090139", "blue", "illness", false)}}
}

func storyHousehold(pack *policy.Pack) Household {
	value := 37106.14
	h := Household{HeadName: "杨**", Kind: "脱贫户", MayReveal: true, Pack: pack, Crumbs: []Crumb{{"从江县", "#"}, {"西山镇", "#"}, {"5226331052090137", ""}}}
	h.Household = screening.Household{Household: registry.Household{No: "5226331052090137", Members: 2}, Place: "黔东南苗族侗族自治州从江县西山镇顶洞村", Run: 3, AsOf: "2026-11-24",
		Warnings:   []screening.Warning{{Level: "red", Risk: "illness", Change: "new", Known: true}},
		Guarantees: []screening.Guarantee{{Rule: "housing_dangerous", Name: policy.Text{ZH: "住危房", EN: "Dangerous house"}, Risk: "housing", Outcome: "unknown"}, {Rule: "water_unsafe", Name: policy.Text{ZH: "饮水不安全", EN: "Unsafe water"}, Risk: "water", Outcome: "hit"}, {Rule: "x", Risk: "medical_guarantee", Outcome: "clear"}},
		Indicators: []screening.Value{{Name: policy.Text{ZH: "近12月自付", EN: "Self-paid in 12 months"}, Value: &value, Text: policy.Text{ZH: "37 106.14 元", EN: "37 106.14 yuan"}}, {Name: policy.Text{ZH: "住房等级", EN: "Housing grade"}, Why: policy.Text{ZH: "住建局的住房鉴定从未报送本县数据", EN: "Housing has never delivered the grades for this county"}}},
		Feeds:      []screening.HouseholdFeed{{Dataset: "health_settlement", State: "covered", Through: "2026-10-31"}, {Dataset: "housing", State: "missing"}},
		History:    []screening.Turn{{Run: 3, AsOf: "2026-11-24", Risk: "illness", Level: "red", Change: "worse"}, {Run: 2, AsOf: "2026-10-24", Risk: "illness", Level: "yellow", Change: "new"}},
	}
	h.Explained = screening.Explanation{Run: 3, AsOf: "2026-11-24", Same: true, Rules: []screening.RuleExplanation{
		{Rule: pack.Rules[0].ID, Name: pack.Rules[0].Name, Class: "risk", Risk: "illness", Level: "red", Outcome: "hit", Document: "default", Wording: policy.Text{ZH: "近12个月自付医疗费占纯收入 306.76%，收入已低于监测线。请马上入户核实。", EN: "Self-paid medical cost is 306.76% of net income, and income is below the line. Visit at once."},
			Reasons: []screening.Reason{{Text: policy.Text{ZH: "自付占收入 306.76% ≥ 警戒比 40%（超 266.76%）", EN: "self-paid to income 306.76% ≥ 40% (266.76% over)"}, Values: []screening.Value{{Name: policy.Text{ZH: "近12月自付", EN: "Self-paid"}, Value: &value, Text: policy.Text{ZH: "37 106.14 元", EN: "37 106.14 yuan"}, Department: policy.Text{ZH: "医疗保障局", EN: "Medical insurance"}, Through: "2026-10-31", Rows: []screening.SourceRow{{File: "医保结算_522633_202510-202609.csv", Row: 21574, Date: "2026-08-23"}}}}}}},
		{Rule: "housing_dangerous", Name: policy.Text{ZH: "住危房", EN: "Dangerous house"}, Class: "guarantee", Risk: "housing", Level: "red", Outcome: "unknown", Reasons: []screening.Reason{{Values: []screening.Value{{Name: policy.Text{ZH: "住房等级", EN: "Grade"}, Why: policy.Text{ZH: "住建局的住房鉴定从未报送本县数据", EN: "Housing has never delivered the grades for this county"}}}}}},
	}}
	h.Members = []Member{{No: 1, Relation: policy.Text{ZH: "户主", EN: "head"}, Sex: policy.Text{ZH: "男", EN: "male"}, Labour: policy.Text{ZH: "普通劳动力", EN: "ordinary"}, Age: 46, Identity: registry.Identity{Name: "杨**", Phone: "138******21"}}, {No: 2, Relation: policy.Text{ZH: "子", EN: "son"}, Sex: policy.Text{ZH: "男", EN: "male"}, Age: -1}}
	h.Facts = []screening.FactTable{{Dataset: "health_settlement", Name: policy.Text{ZH: "医保结算明细", EN: "Settlements"}, Department: policy.Text{ZH: "医疗保障局", EN: "Medical insurance"}, Total: 3,
		Columns: []policy.Column{{ID: "settled", Header: "结算日期", Type: policy.TypeDate}, {ID: "self_paid", Header: "个人自付", Type: policy.TypeMoney, Unit: "元"}}, Rows: []screening.Fact{{Cells: []policy.Text{{ZH: "2026-08-23", EN: "2026-08-23"}, {ZH: "12 000", EN: "12 000"}}, File: "医保结算_522633_202510-202609.csv", Row: 21574, Date: "2026-08-23"}}},
		{Dataset: "housing", Name: policy.Text{ZH: "住房安全", EN: "Housing"}, Department: policy.Text{ZH: "住房和城乡建设局", EN: "Housing and construction"}}}
	return h
}

func storyReceipt() intake.Receipt {
	return intake.Receipt{File: "医保结算_522633_202610.csv", SHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", Delivery: "9f86d081", Name: intake.Text{ZH: "医保结算明细", EN: "Health-insurance settlements"}, Department: intake.Text{ZH: "医疗保障局", EN: "Medical insurance"},
		ScopeName: "贵州省黔东南苗族侗族自治州从江县", Batch: 41, State: intake.Accepted, Rows: 21640, Accepted: 21574, Rejected: 66, Linked: 21502, Pending: 72, Received: time.Date(2026, 11, 24, 1, 30, 0, 0, time.UTC),
		Rejects: []intake.Reject{{Code: "bad_date", Text: intake.Text{ZH: "不是日期，或日期不存在", EN: "not a date, or no such day"}, Count: 66, Samples: []intake.Sample{{Row: 17, Column: "结算日期", Value: "2026-02-30"}}}}}
}

func storyWhatIf(pack *policy.Pack, day time.Time) WhatIf {
	par := pack.Parameters[0]
	v, _ := now(par, day)
	return WhatIf{Tabs: PolicyTabs{Current: "whatif", WhatIf: true}, Parameter: par, Now: v, Value: "9000", Low: 4250, High: 12750, Step: 100, Options: []Option{{par.ID, par.Name.ZH, true}}, By: []Option{{"township", "乡镇", true}}, Warned: true,
		Answer: &screening.Answer{Run: 3, AsOf: "2026-11-24", By: "township", Seconds: 0.24, Total: screening.AreaChange{Before: 1083, After: 1473, Enter: 390, EnterPersons: 1606}, Visits: screening.Visits{Total: 390, TownshipMedian: 19, TownshipMost: 56, TownshipMostName: "下江镇"},
			Areas: []screening.AreaChange{{Division: 522633100_000, Name: "丙妹镇", Before: 123, After: 150, Enter: 27}, {Division: 522633102_000, Name: "下江镇", Before: 80, After: 136, Enter: 56}}, Rules: []screening.RuleChange{{Rule: pack.Rules[0].ID, Before: 210, After: 260}}}}
}

// storyToday is a village worker's morning, with the words of somebody who tries to write markup.
func storyToday(p Page) Today {
	return Today{
		Answer: p.T("today.answer.visits", "3", "2", "1"), Start: "/cases/1", StartAs: p.T("today.start.visit"), Tasks: true, Came: true, More: 4, All: "/cases?mine=1", Applied: true,
		Due: []TodayTask{
			{Href: "/cases/1", What: "入户核实", Whose: "52263310520900137", Where: "顶洞村", Level: "red", When: p.T("today.when.late", "3"), Late: true},
			{Href: "/cases/2", What: "民主评议", Whose: "52263310520900021", Where: "顶洞村", Level: "yellow", When: p.T("today.when.today"), Now: true},
			{Href: "/orders/3", What: "落实措施：公益性岗位", Whose: "52263310520900044", Where: "顶洞村", When: p.T("today.when.tomorrow")}},
		Back:  []TodayNews{{"/cases/4", "西山镇：退回重新核实", "顶洞村 52263310520900088", "2026年11月23日", true}, {"/orders/5", "医疗保障局办结：医疗救助", "顶洞村", "2026年11月22日", false}},
		Told:  []TodayTask{{Href: "/cases/6", What: "受理线索", Whose: "52263310521000001", Where: "滚郎村", Level: "blue", When: p.T("today.when.late", "5"), Late: true, Org: "<script>alert(1)</script>"}},
		Apply: []TodayApplication{{"/applications/7", "吴**", "顶洞村", "2026年11月24日"}},
		Week:  []TodayFigure{{p.T("today.week.leads"), 12, "/cases?age=new7"}, {p.T("today.week.verified"), 9, "/cases?phase=identify"}},
		Stand: []TodayFigure{{p.T("today.phase.lead"), 46, "/cases?phase=lead"}},
	}
}

// storyCases are two cases, the owner of one of which tries to write markup.
func storyCases(p Page) Cases {
	return Cases{
		Answer: p.T("cases.answer", "从江县", "2"), Query: "level=red", First: true, Act: true, Export: true, Exported: "/cases/export", Handout: "/cases/handout", Next: "/cases?after=x", Done: p.T("cases.assigned", "2"),
		Selects: []CaseSelect{{"level", p.T("filter.level"), []Option{{"", p.T("filter.all"), true}, {"red", p.T("cases.filter.level.red"), false}}}},
		Saved:   []CaseSaved{{"1", "红色超期", "/cases?level=red", true}},
		Workers: []Option{{"a", p.T("cases.load", "吴村干", "顶洞村", "7"), false}},
		Rows: []ListedCase{
			{ID: "1", Ref: "1:3", HouseholdNo: "52263310520900137", Place: "西山镇顶洞村", Level: "red", State: "待入户核实", Green: true, Due: p.T("today.when.late", "2"), Late: true, Days: 9, Owner: "<script>alert(1)</script>", Risks: "因病、收入骤减或偏低", Channel: "部门筛查预警"},
			{ID: "2", Ref: "2:1", HouseholdNo: "52263310520900021", Place: "西山镇顶洞村", Level: "blue", State: "公示中", Due: p.T("today.when.today"), Now: true, Days: 6, Risks: "因学", Channel: "干部走访排查"}},
	}
}
