package view

import (
	"time"

	"shouwang/internal/casework"
	"shouwang/internal/housecode"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/report"
)

// publicStories are the pages for everybody, and staff's pages of cards.
func publicStories(p Page, at func(section, title string) Page) []Story {
	p.Large = true
	day := time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)
	town := Places{Path: "/apply", At: 522633105_000, Crumbs: []Crumb{{"贵州省", "/apply?division=52"}, {"从江县", "/apply?division=522633"}, {"西山镇", "/apply?division=522633105"}}, Items: []Place{{522633105209, "顶洞村", true}, {522633105210, "样例村", true}}}
	found := town
	found.Search, found.Items = "顶洞", []Place{{522633105209, "黔东南苗族侗族自治州从江县西山镇顶洞村", true}}
	lost := found
	lost.Items = nil
	form := Apply{Village: 522633105209, Place: "黔东南苗族侗族自治州从江县西山镇顶洞村"}
	wrong := form
	wrong.Name, wrong.Phone, wrong.Difficulty, wrong.Error = "杨小花", "电话", "父亲住院花了很多钱", "请填写能联系上的电话号码（只写数字）"
	received := ledger.At(day)
	progress := casework.Progress{State: "taken", Phase: "identify", Words: policy.Text{ZH: "已经上门核实，正在按程序评议、公示和审核。", EN: "The visit has been made; review is under way."}, ReceivedAt: received}
	refused := casework.Progress{State: "answered", Words: policy.Text{ZH: "您的申报已经答复，理由见下。", EN: "Your application has been answered."}, Reason: "车辆为经营性货车，不影响。", ReceivedAt: received}
	board := Notices{Village: 522633105209, Name: "顶洞村", Place: "从江县西山镇顶洞村", Hotline: "12317", Print: true, List: []report.PublicNotice{
		{PostedOn: "2026-11-20", OverOn: "2026-11-25", ExpiresOn: "2026-11-26", Rows: []report.PublicRow{{Head: "杨**", Members: 4, Category: "脱贫不稳定户"}, {Head: "吴*", Members: 3}}},
		{Clearing: true, PostedOn: "2026-11-22", OverOn: "2026-11-27", ExpiresOn: "2026-11-28", Rows: []report.PublicRow{{Head: "石*", Members: 5, Category: "突发严重困难户"}}}}}
	empty := board
	empty.List, empty.Print = nil, false
	card := Card{Path: "/C/SAMPLE", Hotline: "12317", View: housecode.View{Level: housecode.Public, Verdict: housecode.Valid, Village: 522633105209}, Village: "顶洞村", Place: "从江县西山镇顶洞村"}
	misread := card
	misread.View.Once = housecode.OnceWrong
	void := Card{Hotline: "12317", View: housecode.View{Level: housecode.Nothing, Verdict: housecode.Replaced}}
	elsewhere := Card{View: housecode.View{Level: housecode.Nothing, Verdict: housecode.Valid}, Staff: true}
	own := card
	own.View = housecode.View{Level: housecode.Own, Verdict: housecode.Valid, ID: "0123456789abcdef", Serial: 1, Issued: day, Expires: day.AddDate(3, 0, 0), HouseholdNo: "5226331052090137"}
	own.Members = []CardMember{{policy.Text{ZH: "户主", EN: "head"}, "杨**"}, {policy.Text{ZH: "子", EN: "son"}, "杨*"}}
	own.Own = casework.Own{Case: "x", Phase: "support", Words: policy.Text{ZH: "您家已列入监测对象，帮扶正在进行。", EN: "Your household is being helped."}}
	own.Measures = []OwnMeasure{{Name: policy.Text{ZH: "医疗救助", EN: "Medical aid"}, State: "已落实", Done: true}, {Name: policy.Text{ZH: "雨露计划", EN: "Education grant"}, State: "已交办", Deadline: "2026-12-31"}}
	quiet := own
	quiet.Own, quiet.Measures = casework.Own{}, nil
	full := own
	full.View.Level, full.View.Verdict, full.Codes = housecode.Full, housecode.Revoked, true
	codes := HouseholdCodes{No: "5226331052090137", Place: "从江县西山镇顶洞村", Issue: true, Revoke: true, Expires: "2029-11-24", Now: day, QR: QR{Size: 3, Path: "M0 0h1v1h-1zM2 2h1v1h-1z"}, Codes: []housecode.Code{
		{ID: "0123456789abcdef", Serial: 2, Issued: received, Expires: ledger.At(day.AddDate(3, 0, 0)), State: housecode.Active}, {ID: "fedcba9876543210", Serial: 1, Issued: received, Expires: ledger.At(day.AddDate(3, 0, 0)), State: housecode.WasReplaced, Reason: "遗失"}}}
	told := codes
	told.Digits, told.DigitsUntil = "042317", day.Add(10*time.Minute)
	bare := HouseholdCodes{No: "5226331052090138", Place: "从江县西山镇顶洞村", Issue: true, Expires: "2029-11-24", Now: day}
	village := VillageCodes{At: 522633105209, Name: "顶洞村", Place: "从江县西山镇顶洞村", Village: true, InForce: 214, Base: "https://sw.example.gov.cn/c", Issue: true, Print: true, Expires: "2029-11-24"}
	above := VillageCodes{At: 522633105_000, Name: "西山镇", Items: town.Items}
	return []Story{
		{"apply-place", "Applying: choose the village", ApplyPlacePage(p, town)},
		{"apply-found", "Applying: found by name", ApplyPlacePage(p, found)},
		{"apply-lost", "Applying: not found", ApplyPlacePage(p, lost)},
		{"apply", "Applying", ApplyPage(p, form)},
		{"apply-wrong", "Applying, something is wrong", ApplyPage(p, wrong)},
		{"applied", "Applied", AppliedPage(p, casework.Applied{Code: "7K2M-9QXD-0A4T-H5RW", Words: policy.Text{ZH: "申报已收到。", EN: "Your application has arrived."}})},
		{"follow", "Following an application", FollowPage(p, Follow{Progress: &progress})},
		{"follow-answered", "Following one that was answered", FollowPage(p, Follow{Progress: &refused})},
		{"follow-wrong", "Following with a wrong code", FollowPage(p, Follow{Error: "没有这个查询码"})},
		{"notice-place", "Notices: choose the village", NoticePlacePage(p, town)},
		{"notices", "Notices of a village", NoticesPage(p, board)},
		{"notices-none", "Notices, none", NoticesPage(p, empty)},
		{"card", "A card, for anybody", CodePage(p, card)},
		{"card-misread", "A card, wrong digits", CodePage(p, misread)},
		{"card-void", "A card that was replaced", CodePage(p, void)},
		{"card-elsewhere", "A card, for staff elsewhere", CodePage(at("", p.T("code.title")), elsewhere)},
		{"card-own", "A card, for the household", CodePage(p, own)},
		{"card-own-quiet", "A card, for a household without a case", CodePage(p, quiet)},
		{"card-staff", "A card, for staff in charge", CodePage(at("", p.T("code.title")), full)},
		{"codes-village", "Cards of a village", VillageCodesPage(at("codes", p.T("codes.title")), village)},
		{"codes-above", "Cards: choose a village", VillageCodesPage(at("codes", p.T("codes.title")), above)},
		{"codes-household", "Cards of a household", HouseholdCodesPage(at("codes", p.T("codes.of")), codes)},
		{"codes-digits", "Six digits", HouseholdCodesPage(at("codes", p.T("codes.of")), told)},
		{"codes-none", "No card yet", HouseholdCodesPage(at("codes", p.T("codes.of")), bare)},
	}
}
