package view

import "shouwang/internal/casework"

// storyPlan is a plan with something in every part of it.
func storyPlan() PlanPage {
	choice := FormField{Name: "f.d.1.do", Options: []Option{{"adopt", "采纳", true}, {"refuse", "不采纳", false}, {"later", "以后再定", false}}}
	item := PlanItem{Name: "医疗救助", Block: "健康帮扶", Fund: "医疗救助基金", Why: []string{"对应风险“因病”", "医疗救助 18 000 元使医疗负担比从 65 % 降到 38 %，门槛：40 %"}, Instead: []string{"临时救助"}, Choice: choice,
		Fields: []FormField{{Name: "f.d.1.amount", Label: "金额", Unit: "元", Kind: KindNumber, Step: "0.01", Value: "18000"}, {Name: "f.d.1.reason", Label: "原因", Kind: KindLong, Sealed: true}}}
	done := PlanMeasure{ID: "2", Name: "公益性岗位", Block: "公益性岗位帮扶", For: "户主 杨** 46岁", State: "已落实", StateID: "delivered", Amount: "800 元", Fund: "就业补助资金", Department: "人力资源和社会保障局", Owner: "石乡镇", Deadline: "2026年12月24日", Why: []string{"家中有劳动力"}, Wanted: "文件、照片",
		Evidence: []KeptFile{{"00", "照片 1"}}, Orders: []PlanOrder{{Department: "人力资源和社会保障局", State: "已退回", Sent: "11月2日", Due: "2026年11月9日", Reason: "本乡没有名额", Href: "/orders/1"}}, Steps: []Change{{What: "采纳", Who: "石乡镇", When: "11月2日", Pairs: []Pair{{Value: "县里同意"}}}},
		Forms: []PlanForm{{Title: "核验属实", Form: Form{Action: "#", Submit: "核验属实"}}, {Title: "退回", Form: Form{Action: "#", Submit: "退回", Outline: true, Fields: []FormField{{Name: "f.reason.2", Label: "原因", Kind: KindLong}}}}}}
	late := done
	late.ID, late.Late, late.State, late.StateID, late.Orders, late.Steps, late.Evidence, late.Forms, late.Added = "3", true, "落实中", "delivering", nil, nil, nil, nil, true
	return PlanPage{
		Case: &casework.Case{ID: "0190", HouseholdNo: "5226331050020137"}, Place: "西山镇顶洞村", HeadName: "杨**", State: "帮扶中", Risks: []string{"因病"}, Answer: "1 项建议等您决定；已定 2 项，落实 1 项。", MayWrite: true,
		Measures: []PlanMeasure{done, late}, Refused: []PlanMeasure{late}, Decide: &PlanDecide{Action: "#", Items: []PlanItem{item}, Add: FormField{Name: "f.add", Label: "增加的措施", Kind: KindRows, More: true, Rows: [][]FormField{{{Name: "f.add.0.option", Label: "措施", Kind: KindChoice, Options: []Option{{"a", "临时救助", true}}}}}}},
		Findings: []Finding{{"doubt", "按数据不符合“公益性岗位”的条件"}, {"hint", "“临时救助”的资格要先问清"}, {"error", "公益性岗位：按部门数据已有 1 项"}},
		Proposal: &PlanProposal{AsOf: "2026年11月24日", Risks: []ProposalRisk{{"red", "因病", "医疗救助", true}, {"yellow", "务工就业不稳", "", false}}, Together: []string{"这组措施使医疗负担比从 65 % 降到 38 %，门槛：40 %"},
			Measures: []ProposalMeasure{{Name: "医疗救助", Block: "健康帮扶", Amount: "18 000 元", Cost: "18 000 元", Department: "医疗保障局", Fund: "医疗救助基金", Days: "30", Document: "default", Due: true, Why: []string{"对应风险“因病”"}, Changes: []string{"医疗救助 18 000 元使医疗负担比从 65 % 降到 38 %，门槛：40 %"}, Instead: []string{"临时救助"}}},
			Ask:      []Pair{{Label: "小额信贷", Value: "征信情况"}}, Uncleared: []Pair{{Label: "务工不稳", Value: "没有空余名额"}}, Needs: []Finding{{"hint", "有开发式措施"}, {"doubt", "每项风险都有措施"}}, Total: "18 000 元", Cost: "18 000 元", Put: &Form{Action: "#", Submit: "放进计划，逐项决定", Outline: true}},
		Effects: &PlanEffects{Days: []string{"帮扶开始 2026年5月1日", "季度 2026年8月1日"}, Rows: []EffectRow{{"人均参考收入", []string{"7 900 元", ""}, ""}, {"近12月自付", []string{"52 000 元", "18 000 元"}, "-34000"}}},
		History: []Change{{What: "决定", Who: "石乡镇", Where: "西山镇", When: "11月2日 10:00", Pairs: []Pair{{Label: "公益性岗位", Value: "已采纳，800 元"}}}},
	}
}

// storyOrder is an order that waits for an answer.
func storyOrder() OrderPage {
	return OrderPage{Measure: "医疗救助", State: "等待答复", StateID: "sent", Answer: "请在 2026年11月27日 前答复：接受，或写明原因退回。", CaseID: "0190", Case: "/cases/0190", Facts: []Pair{{Label: "户编号", Value: "5226331050020137"}, {Label: "金额", Value: "18 000 元"}}, Why: []string{"对应风险“因病”"},
		Accept: &Form{Action: "#", Submit: "接受交办"}, Report: &Form{Action: "#", Submit: "登记已落实", Outline: true, Files: true, Fields: []FormField{{Name: "f.evidence.document.1", Label: "文件", Kind: KindFiles, Required: true}}}, Reject: &Form{Action: "#", Submit: "退回交办", Outline: true, Fields: []FormField{{Name: "f.reason", Label: "原因", Kind: KindLong, Required: true, Sealed: true}}}}
}

// storyOrders is a department's list.
func storyOrders() OrdersPage {
	return OrdersPage{Tabs: []Option{{"", "要办的", true}, {"done", "已落实", false}}, Own: "医疗保障局", Open: 2, First: true, Links: true, Rows: []OrderRow{{Href: "/orders/1", Measure: "医疗救助", HouseholdNo: "5226331050020137", Place: "西山镇顶洞村", Amount: "18 000 元", Due: "2026年11月20日", Deadline: "2026年12月24日", State: "等待答复", Late: true},
		{Href: "/orders/2", Measure: "大病保险", HouseholdNo: "5226331050020138", Place: "西山镇陡寨村", Due: "2026年11月27日", State: "已接受，落实中"}}}
}
