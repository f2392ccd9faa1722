package view

import (
	"time"

	"shouwang/internal/amendment"
	"shouwang/internal/evaluate"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/screening"
)

// studioStories are the pages of amendments with canned data.
func studioStories(p Page, pack *policy.Pack, day time.Time, at func(section, title string) Page) []Story {
	tabs := PolicyTabs{Current: "drafts", WhatIf: true, Drafts: true}
	when := ledger.At(day)
	draft := &amendment.Draft{Amendment: amendment.Amendment{ID: "a", Title: "2027 年监测线", Document: "黔农发〔2026〕7号", State: amendment.Tested, Author: "x", Made: when, Changed: when, Tested: when, Version: 3}, Files: pack.Files, Over: pack,
		Texts: []amendment.Text{{File: "parameters.yaml"}}}
	value := policy.Difference{Of: policy.OfValue, ID: "line", Name: policy.Text{ZH: "监测线", EN: "Line"}, How: policy.Added, After: "9000", Division: pack.Region, From: day.AddDate(0, 1, 7), Unit: "元/人·年"}
	level := policy.Difference{Of: policy.OfRule, ID: pack.Rules[0].ID, Name: pack.Rules[0].Name, How: policy.Changed, Field: "level", Before: "yellow", After: "red"}
	names := func(string) string { return "贵州省" }
	report := &evaluate.TestReport{At: day, Examples: 412, Failures: []evaluate.Failure{{File: "rules/01_illness.yaml", Line: 27, Rule: pack.Rules[0].ID, Example: "参考收入正好等于严重线", Expected: "clear", Got: "hit", Why: "reference_income_per_head < param.line * param.income_severe [reference_income_per_head=5950]"}}, Seconds: 2.4,
		Backtest: &evaluate.Backtest{From: "2025-01-01", To: "2026-11-24", Judged: 212, Hardships: 131, Before: evaluate.Score{Hit: 150, Right: 104, Recall: 0.794, Precision: 0.693}, After: evaluate.Score{Hit: 180, Right: 119, Recall: 0.908, Precision: 0.661},
			Rules: []evaluate.RuleScore{{Rule: pack.Rules[0].ID, Before: evaluate.Score{Hit: 40, Right: 18, Recall: 0.137, Precision: 0.45}, After: evaluate.Score{Hit: 44, Right: 19, Recall: 0.145, Precision: 0.432},
				Mend: &evaluate.Mend{Parameter: "line", Now: 9000, To: 8700, Rule: evaluate.Score{Hit: 24, Right: 17, Precision: 0.708}, Pack: evaluate.Score{Recall: 0.893}}}},
			Would: &screening.Would{AsOf: "2026-11-24", Before: 1370, After: 1622, Enter: 252, EnterPersons: 911}}}
	one := AmendmentPage{Tabs: tabs, Draft: draft, Pack: pack, Today: "2026-11-24", Author: "陈政策", Changes: []policy.Difference{value, level}, Report: report, Change: true, Approve: true, Effective: "2027-01-01", Names: names}
	submitted := *draft
	submitted.State, submitted.Effective = amendment.Submitted, "2027-01-01"
	waiting := one
	waiting.Draft, waiting.Submitter = &submitted, "陈政策"
	lines := policy.DiffLines([]byte("a: 1\nb: 2\nc: 3\n"), []byte("a: 1\nb: 4\nc: 3\n"))
	fault := Fault{Error: &policy.Error{File: "parameters.yaml", Line: 12, Path: "parameters[line].values[#3].value", ZH: "应为数字，实为文字", EN: "must be a number, is text"}, Lines: lines}
	broken := one
	broken.Faults, broken.Report = []Fault{fault}, nil
	edit := AmendmentEdit{Tabs: tabs, Draft: draft, Pack: pack, Version: 3, Fields: map[string]string{"from": "2027-01-01", "value": "9000"}, Names: names, Today: day, Divisions: []Option{{"", "贵州省", true}}, Levels: []Option{{"red", "红", true}}}
	parameter, rule, indicator, text := edit, edit, edit, edit
	parameter.Parameter, rule.Rule, indicator.Indicator = &pack.Parameters[0], &pack.Rules[0], &pack.Indicators[0]
	text.File, text.Text, text.Faults, text.Theirs = "parameters.yaml", "a: 1\n", []Fault{fault}, [][]policy.Line{lines}
	approved := draft.Amendment
	approved.State, approved.Effective = amendment.Approved, "2027-01-01"
	history := tabs
	history.Current = "history"
	return []Story{
		{"drafts", "Amendments", AmendmentsPage(at("policy", p.T("policy.drafts")), Amendments{Tabs: tabs, Today: "2026-11-24", Rows: []AmendmentRow{{draft.Amendment, "陈政策"}, {submitted.Amendment, "宋政策"}}})},
		{"draft", "Amendment, tested", OneAmendmentPage(at("policy", draft.Title), one)},
		{"draft-waits", "Amendment that waits for approval", OneAmendmentPage(at("policy", draft.Title), waiting)},
		{"draft-faults", "Amendment with errors", OneAmendmentPage(at("policy", draft.Title), broken)},
		{"draft-text", "Changed lines", AmendmentTextPage(at("policy", draft.Title), one, []FileDiff{{"parameters.yaml", [][]policy.Line{lines}}})},
		{"draft-parameter", "Change a parameter", AmendmentEditPage(at("policy", draft.Title), parameter)},
		{"draft-rule", "Change a rule", AmendmentEditPage(at("policy", draft.Title), rule)},
		{"draft-indicator", "Change an indicator", AmendmentEditPage(at("policy", draft.Title), indicator)},
		{"draft-conflict", "Change a text, two editors", AmendmentEditPage(at("policy", draft.Title), text)},
		{"policy-history", "Versions", PolicyHistoryPage(at("policy", p.T("policy.history")), PolicyHistory{Tabs: history, Today: "2026-11-24", Compared: true, Rows: []PolicyVersion{
			{Version: amendment.Version{Place: 1, Digest: "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae", Amendment: &approved}, Who: "陈政策", Approved: "宋政策"},
			{Version: amendment.Version{Digest: pack.Hash}, Title: pack.Title, Now: true, Runs: []screening.PastRun{{Run: 3, AsOf: day}, {Run: 2, AsOf: day.AddDate(0, -1, 0)}}}}})},
		{"policy-compare", "Two versions", ComparePage(at("policy", p.T("studio.compare")), Comparison{Tabs: history, From: []Option{{"0", "原始政策包", true}}, To: []Option{{"1", "2027-01-01 2027 年监测线", true}}, Changes: []policy.Difference{value, level}, Files: []FileDiff{{"parameters.yaml", [][]policy.Line{lines}}}, Names: names})},
	}
}
