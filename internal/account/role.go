// Package account is organisations, accounts, roles, scope, sessions, second factors and tokens.
//
// It owns who may do what where. It never decides about a household.
//
// Three questions are asked of every request: may this person do that at all ([Actor.May]), does the thing lie in their part of the country
// ([Actor.Sees], or [Actor.Scope] inside a query), and may a department's officer see it ([Actor.DepartmentOnly]). What lies outside looks as
// if it were not there.
package account

import "slices"

// Role is what a person does.
type Role string

// The roles. Province to Village act for their level's organisation; Department acts for one department of a county.
const (
	Province   Role = "province"
	Prefecture Role = "prefecture"
	County     Role = "county"
	Township   Role = "township"
	Village    Role = "village"    // village worker
	Department Role = "department" // department officer
	Policy     Role = "policy"     // policy officer: the pack, what-if; sees sums, no household
	Auditor    Role = "auditor"    // reads what was done, changes nothing
	Admin      Role = "admin"      // system administrator: accounts and the machine; sees no household
	System     Role = "system"     // jobs; never an account's
)

// Roles gives the roles that an account may have, from the province down.
func Roles() []Role {
	return []Role{Province, Prefecture, County, Township, Village, Department, Policy, Auditor, Admin}
}

// Title is the role's name in Chinese and English.
func (r Role) Title() (zh, en string) {
	switch r {
	case Province:
		return "省级", "Province"
	case Prefecture:
		return "市（州）级", "Prefecture"
	case County:
		return "县级", "County"
	case Township:
		return "乡镇", "Township"
	case Village:
		return "村级工作人员", "Village worker"
	case Department:
		return "部门人员", "Department officer"
	case Policy:
		return "政策管理员", "Policy officer"
	case Auditor:
		return "审计员", "Auditor"
	case Admin:
		return "系统管理员", "System administrator"
	case System:
		return "系统", "System"
	}
	return string(r), string(r)
}

// Action is something that may or may not be done, SUBJECT.VERB.
type Action string

// The actions. What an action of a case is (accept, verify, decide …) and whose it is stands in the pack's workflow; here is who may act on cases at all.
const (
	HouseholdRead   Action = "household.read"   // see households, masked
	HouseholdReveal Action = "household.reveal" // see numbers, phones and accounts, with a reason
	WarningRead     Action = "warning.read"
	StatsRead       Action = "stats.read" // sums without households
	CoverageRead    Action = "coverage.read"

	IntakeUpload Action = "intake.upload"
	IntakeRead   Action = "intake.read" // receipts, rejected rows of one's own department
	ScreenRun    Action = "screen.run"
	WhatifRun    Action = "whatif.run"
	DispatchRun  Action = "dispatch.run" // warnings to leads
	PackRead     Action = "pack.read"
	PackChange   Action = "pack.change"  // draft, test and submit amendments
	PackApprove  Action = "pack.approve" // of somebody else

	CaseRead        Action = "case.read"
	CaseOpen        Action = "case.open" // report a household: visit, hotline, disaster list
	CaseAct         Action = "case.act"
	CaseAssign      Action = "case.assign"
	CaseExport      Action = "case.export"
	ApplicationTake Action = "application.take" // take in a self-application

	PlanRead   Action = "plan.read"
	PlanWrite  Action = "plan.write"
	OrderRead  Action = "order.read"   // a department's own orders, or all in scope
	OrderReply Action = "order.answer" // answer an order, hand in evidence
	EffectRead Action = "effect.read"

	CodeIssue  Action = "code.issue" // household codes
	CodeRevoke Action = "code.revoke"
	CodeRead   Action = "code.read"
	CodeKey    Action = "code.key" // make and withdraw the keys that codes are signed with

	TaskRead   Action = "task.read"
	TaskAssign Action = "task.assign"
	TaskPause  Action = "task.pause"

	ReportMake   Action = "report.make"
	ReportImport Action = "report.import" // exports of the national system

	AuditRead   Action = "audit.read"
	AuditVerify Action = "audit.verify"
	AuditExport Action = "audit.export"

	AccountRead   Action = "account.read"
	AccountManage Action = "account.manage"
	OrgManage     Action = "org.manage"
	SessionRead   Action = "session.read" // other people's; one's own always
	SessionEnd    Action = "session.end"  // other people's; one's own always
	TokenRead     Action = "token.read"
	TokenManage   Action = "token.manage"

	JobRead   Action = "job.read"
	JobCancel Action = "job.cancel"
	BackupRun Action = "backup.run"
)

// grant is one row of the table role × action.
type grant struct {
	action Action
	zh, en string
	roles  []Role
}

// grants is the table: docs/roles.md shows it, and a test holds the two together.
var grants = []grant{
	{HouseholdRead, "查看农户（脱敏）", "See households, masked", []Role{Province, Prefecture, County, Township, Village}},
	{HouseholdReveal, "查看未脱敏信息（须填理由）", "See unmasked personal data, with a reason", []Role{Province, Prefecture, County, Township, Village}},
	{WarningRead, "查看预警", "See warnings", []Role{Province, Prefecture, County, Township, Village}},
	{StatsRead, "查看统计", "See sums", []Role{Province, Prefecture, County, Township, Village, Department, Policy, Auditor}},
	{CoverageRead, "查看数据完整性", "See completeness of data", []Role{Province, Prefecture, County, Department, Policy, Auditor}},
	{IntakeUpload, "报送数据", "Deliver data", []Role{Province, Prefecture, County, Department}},
	{IntakeRead, "查看报送回执", "See receipts", []Role{Province, Prefecture, County, Department, Auditor}},
	{ScreenRun, "运行筛查", "Run a screening", []Role{Province, Prefecture, County}},
	{WhatifRun, "参数推演", "Ask what-if questions", []Role{Province, Prefecture, County, Policy}},
	{DispatchRun, "派发线索", "Dispatch leads", []Role{Province, Prefecture, County}},
	{PackRead, "查看政策包", "Read the policy pack", []Role{Province, Prefecture, County, Township, Village, Department, Policy, Auditor, Admin}},
	{PackChange, "修改政策包", "Change the policy pack", []Role{Policy}},
	{PackApprove, "审批他人的政策修订", "Approve others' policy amendments", []Role{Policy}},
	{CaseRead, "查看个案", "See cases", []Role{Province, Prefecture, County, Township, Village, Department, Auditor}},
	{CaseOpen, "上报线索", "Report a household", []Role{County, Township, Village}},
	{CaseAct, "办理个案", "Act on cases", []Role{County, Township, Village, Department}},
	{CaseAssign, "分派个案", "Assign cases", []Role{County, Township}},
	{CaseExport, "导出个案", "Export cases", []Role{Province, Prefecture, County, Township}},
	{ApplicationTake, "受理自主申报", "Take self-applications", []Role{County, Township, Village}},
	{PlanRead, "查看帮扶计划", "See plans", []Role{Province, Prefecture, County, Township, Village, Department, Auditor}},
	{PlanWrite, "制定帮扶计划", "Make plans", []Role{County, Township, Village}},
	{OrderRead, "查看措施交办单", "See orders", []Role{Province, Prefecture, County, Township, Village, Department, Auditor}},
	{OrderReply, "答复措施交办单", "Answer orders", []Role{County, Township, Village, Department}},
	{EffectRead, "查看帮扶成效", "See effects", []Role{Province, Prefecture, County, Township, Policy, Auditor}},
	{CodeIssue, "制发一户一码", "Issue household codes", []Role{County, Township}},
	{CodeRevoke, "作废一户一码", "Revoke household codes", []Role{County, Township}},
	{CodeRead, "扫描一户一码", "Scan household codes", []Role{Province, Prefecture, County, Township, Village}},
	{CodeKey, "管理户码密钥", "Manage the keys of household codes", []Role{Admin}},
	{TaskRead, "查看待办", "See tasks", []Role{Province, Prefecture, County, Township, Village, Department}},
	{TaskAssign, "转派待办", "Hand on tasks", []Role{Province, Prefecture, County, Township, Department}},
	{TaskPause, "暂停期限", "Pause deadlines", []Role{County, Township}},
	{ReportMake, "生成表册文书", "Make papers", []Role{Province, Prefecture, County, Township, Village}},
	{ReportImport, "导入全国系统数据", "Import the national system's exports", []Role{County}},
	{AuditRead, "查看审计记录", "Read the audit chain", []Role{Auditor}},
	{AuditVerify, "校验审计链", "Verify the audit chain", []Role{Auditor, Admin}},
	{AuditExport, "导出审计记录", "Export the audit chain", []Role{Auditor}},
	{AccountRead, "查看账号", "See accounts", []Role{Province, Prefecture, County, Township, Auditor, Admin}},
	{AccountManage, "管理账号", "Manage accounts", []Role{Admin}},
	{OrgManage, "管理单位", "Manage organisations", []Role{Admin}},
	{SessionRead, "查看他人登录", "See others' sessions", []Role{Auditor, Admin}},
	{SessionEnd, "结束他人登录", "End others' sessions", []Role{Admin}},
	{TokenRead, "查看接口令牌", "See tokens", []Role{Auditor, Admin}},
	{TokenManage, "管理接口令牌", "Manage tokens", []Role{Admin}},
	{JobRead, "查看后台任务", "See jobs", []Role{Province, Prefecture, County, Policy, Auditor, Admin}},
	{JobCancel, "中止后台任务", "Cancel jobs", []Role{Province, County, Admin}},
	{BackupRun, "备份", "Make backups", []Role{Admin}},
}

// byAction finds the row of an action.
func byAction(a Action) (grant, bool) {
	i := slices.IndexFunc(grants, func(g grant) bool { return g.action == a })
	if i < 0 {
		return grant{}, false
	}
	return grants[i], true
}

// Actions gives all actions in the order of the table.
func Actions() []Action {
	list := make([]Action, len(grants))
	for i, g := range grants {
		list[i] = g.action
	}
	return list
}

// Title is what the action is in Chinese and English; the action itself when it is none.
func (a Action) Title() (zh, en string) {
	if g, ok := byAction(a); ok {
		return g.zh, g.en
	}
	return string(a), string(a)
}

// May reports whether a role may do an action. System may do everything that there is.
func (r Role) May(a Action) bool {
	g, ok := byAction(a)
	return ok && (r == System || slices.Contains(g.roles, r))
}
