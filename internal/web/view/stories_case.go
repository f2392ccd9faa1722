package view

import (
	"shouwang/internal/casework"
)

// storyCase is a case in the middle of its way.
func storyCase() CasePage {
	return CasePage{
		Case: &casework.Case{ID: "0190", HouseholdNo: "5226331050020137", Green: true}, Place: "西山镇顶洞村", HeadName: "杨**", Kind: "脱贫户", State: "已比对待评议", Level: "red", Channel: "部门筛查预警", Since: "2026年11月2日", Risks: []string{"因病"},
		Task: &CaseTask{Name: "民主评议", Org: "顶洞村", Due: "2026-11-28", Days: 4}, Done: "已登记：比对完成", Household: true, MayReveal: true, HasSealed: true,
		Path: []PathPhase{{Name: "发现", Mark: "done", Steps: []PathStep{{Name: "受理线索", Mark: "done", Who: "顶洞村", When: "11月2日"}, {Name: "入户核实", Mark: "done", Who: "顶洞村", When: "11月5日"}}},
			{Name: "识别", Mark: "now", Steps: []PathStep{{Name: "民主评议", Mark: "now", Who: "顶洞村", Note: "至 11月28日，还有 4 天"}, {Name: "张贴公示", Mark: "open"}}}, {Name: "消除", Mark: "open", Steps: []PathStep{{Name: "消除评议", Mark: "open"}}}},
		Next: CaseNext{Kind: "form", Name: "登记民主评议", To: "已评议待公示", Paper: "minutes", PaperOf: "评议记录", Blocks: []Block{{Name: "先授权后比对", Reasons: []string{"有有效的签字授权：未知"}, Wording: "请先取得授权承诺。", Unknown: true}},
			Flags: []Block{{Name: "收入合理", Reasons: []string{"人均纯收入 3 200 元 < 4 000 元"}, Wording: "存疑，请核对收支。"}}, Form: storyForm()},
		Others:  []CaseOffer{{ID: "assign", Name: "指定责任人", Href: "#", Allowed: true}, {ID: "refuse", Name: "不予纳入", To: "不予纳入待告知", Href: "#"}},
		Signals: []CaseSignal{{Level: "red", Risk: "因病", Channel: "部门筛查预警", Words: "近12个月自付医疗费占纯收入 306.76%，收入已低于监测线。", Day: "11月2日", Label: "已核实：属实"}},
		Steps: []CaseStep{{No: "2", Name: "登记入户", Who: "吴村干", Where: "顶洞村", When: "11月5日 15:20", Flags: []string{"收入合理"}, Pairs: []Pair{{Label: "入户日期", Value: "2026年11月5日"}, {Label: "备注", Value: "＊＊＊", Sealed: true}, {Label: "照片", Files: []KeptFile{{"00", "附件 1"}}},
			{Label: "入户人员", Rows: [][]Pair{{{Label: "账号", Value: "吴村干"}, {Label: "身份", Value: "村干部"}}}}}}},
		Facts: []Pair{{Label: "责任人", Value: "吴村干"}}, Tags: []Pair{{Label: "最低生活保障对象", Value: "2026年1月1日 – 至今"}}, Notices: []Pair{{Label: "纳入公示", Value: "11月1日 张贴"}}, Links: []CaseLink{{"分户前的原户", "/cases/1"}},
		Papers: []PaperLink{{"minutes", "评议记录", true}, {"verification", "入户核查表", false}}, PaperWhy: "办理个案", Plan: &PlanShort{Planned: 3, Done: 1, Orders: 1, Href: "/cases/0190/plan"},
	}
}

// storyForm is a form with a field of every kind.
func storyForm() *Form {
	no := []Option{{"", "未填", true}, {"1", "是", false}, {"0", "否", false}}
	return &Form{Action: "/cases/0190/act/appraise", ID: "act", Submit: "登记", Icon: "check", Files: true, Faults: []string{"参会人数：必填"}, Fields: []FormField{
		{Name: "f.held_on", Label: "召开日期", Kind: KindDate, Required: true, Value: "2026-11-24"}, {Name: "f.attendees", Label: "参会人数", Kind: KindNumber, Step: "1", Unit: "人", Required: true, Fault: "必填"},
		{Name: "f.host", Label: "主持人", Kind: KindText, Sealed: true}, {Name: "f.month", Label: "标注月份", Kind: KindMonth}, {Name: "f.ok", Label: "住房安全", Kind: KindYesNo, Options: no}, {Name: "f.to", Label: "迁入村", Kind: KindList, Options: []Option{{"522633105209", "顶洞村", false}}},
		{Name: "f.signer", Label: "签字人", Kind: KindChoice, Options: []Option{{"head", "户主", true}, {"proxy", "代理人", false}}}, {Name: "f.scope", Label: "授权查询范围", Kind: KindChecks, Options: []Option{{"hukou", "户籍", true}, {"vehicles", "车辆", false}}},
		{Name: "f.position", Label: "定位", Kind: KindPosition, Value: "25.75", Other: "108.9"}, {Name: "f.minutes", Label: "会议记录", Kind: KindFiles, Many: true, Kept: []KeptFile{{"00", "已上传 1"}}},
		{Name: "f.risks", Label: "风险", Kind: KindRows, More: true, Rows: [][]FormField{{{Name: "f.risks.0.risk", Label: "风险", Kind: KindChoice, Options: []Option{{"illness", "因病", true}}}}}},
		{Name: "f.remark", Label: "备注", Kind: KindLong, Sealed: true, Hint: "写事情，不写号码", Max: 500},
	}}
}

// storyConflict is two people who changed the same case.
func storyConflict() *Conflict {
	return &Conflict{Typed: []Pair{{Label: "要办理", Value: "记录"}, {Label: "记录", Value: "户主说下周回来"}}, State: "现在状态：待入户核实", Changes: []Change{{What: "受理", Who: "石乡镇", Where: "西山镇", When: "11月24日 10:02", Pairs: []Pair{{Label: "备注", Sealed: true}}}},
		Again: &Form{Action: "/cases/0190/act/add_note"}, Back: "/cases/0190"}
}
