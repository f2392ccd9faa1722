package view

import (
	"time"

	"shouwang/internal/account"
	"shouwang/internal/audit"
	"shouwang/internal/housecode"
	"shouwang/internal/jobs"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/screening"
)

// adminStories are the pages of the administration.
func adminStories(at func(section, title string) Page) []Story {
	page := func(id string) Page {
		p := at("admin", "")
		p.Title = p.T("admin." + id)
		return p
	}
	p := at("admin", "")
	tabs := []Tab{{ID: "health", Href: "/admin/health", Label: p.T("admin.health")}, {ID: "accounts", Href: "/admin/accounts", Label: p.T("admin.accounts"), Current: true}, {ID: "audit", Href: "/admin/audit", Label: p.T("admin.audit")}}
	day := ledger.At(time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC))
	const hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	head := audit.Head{Seq: 18204, Hash: hash}
	health := Health{Tabs: tabs, Ready: true, Version: "devel", Revision: "0123456789abcdef", Go: "go1.26", Platform: "linux/amd64", Pack: "guizhou 2026.1", PackHash: hash, Keyring: "k1", Ledger: "sqlite", Schema: 504, WarehouseBytes: 5 << 30, LedgerBytes: 300 << 20,
		Screening: &screening.Summary{AsOf: "2026-11-24", Run: 3, Households: 20000}, Backup: day, Head: head, Queue: []QueueCount{{State: "waiting", Count: 2}, {State: "failed", Count: 100, More: true}}, Verify: true}
	ill := Health{Tabs: tabs, Ledger: "postgres", PackHash: hash}
	row := AccountRow{Account: account.Account{ID: "a1", Version: 2, Login: "yang", Name: "杨县办", Org: "522633", Active: true, TOTPAt: day, Created: day, SignedIn: day}, Place: "从江县", Roles: []string{"县级"}}
	locked := row
	locked.Login, locked.Active, locked.TOTPAt = "shi", false, 0
	roles := []Option{{Value: "county", Label: "县级", Chosen: true}, {Value: "village", Label: "村级"}}
	one := OneAccount{Tabs: tabs, Row: row, Manage: true, End: true, MaySee: true, Roles: roles, Sessions: []account.Session{{ID: "s", Created: day, Seen: day, Address: "10.0.0.1"}}}
	fresh := one
	fresh.Once = "plum-7KQ2-river-19"
	session := account.OpenSession{Session: account.Session{ID: "s", Account: "a1", Created: day, Seen: day, Address: "10.0.0.1", Agent: "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/143.0.0.0 Safari/537.36"}, Login: "yang", Name: "杨县办", Org: "522633"}
	job := func(id int64, state string, done, total int64) jobs.Job {
		return jobs.Job{ID: id, Kind: "screening.run", ZH: "筛查农户", EN: "Screen households", State: state, Done: done, Total: total, WordsZH: "筛查", WordsEN: "screening", Created: day, Actor: "a1", ErrorZH: "磁盘满了", ErrorEN: "the disk is full"}
	}
	event := audit.Recorded{Seq: 18204, At: day, Actor: "a1", Org: "522633", Action: "household.reveal", Object: "household", ObjectID: "5226331052090137", Reason: "入户核实前核对身份", Detail: `{"persons":4}`, Hash: hash}
	chain := Audit{Tabs: tabs, Rows: []audit.Recorded{event}, Names: map[string]string{"a1": "杨县办"}, Places: map[int64]string{18204: "顶洞村"}, Next: "18154", Verify: true, Export: true}
	broken := chain
	broken.Report = &audit.Report{Events: 17, Broken: &audit.Break{Seq: 18, Why: audit.Text{ZH: "内容与哈希不符", EN: "the content does not fit its hash"}}}
	whole := audit.Report{Events: 18204, Head: head}
	return []Story{
		{"admin-health", "Administration: health", HealthPage(page("health"), health)},
		{"admin-health-ill", "Administration: health, ill", HealthPage(page("health"), ill)},
		{"admin-accounts", "Administration: accounts", AccountsPage(page("accounts"), Accounts{Tabs: tabs, Rows: []AccountRow{row, locked}, First: true, Next: "a2", Manage: true})},
		{"admin-accounts-none", "Administration: no accounts", AccountsPage(page("accounts"), Accounts{Tabs: tabs, Login: "nobody"})},
		{"admin-account-new", "Administration: new account", NewAccountPage(page("accounts"), NewAccount{Tabs: tabs, Error: "登录名只能用小写字母、数字和 . _ - @", Login: "x y", Roles: roles})},
		{"admin-account", "Administration: an account", AccountPage(page("accounts"), one)},
		{"admin-account-once", "Administration: a one-time password", AccountPage(page("accounts"), fresh)},
		{"admin-import", "Administration: a staff list", ImportPage(page("accounts"), Import{Tabs: tabs, Got: &account.Imported{Made: []account.NewStaff{{Row: 2, Login: "wang", Org: "522633105209", Password: "plum-7KQ2-river-19"}}, Rejects: []account.Reject{{Row: 3, Column: "角色", ZH: "没有这个角色", EN: "there is no such role"}}}})},
		{"admin-import-wrong", "Administration: no staff list", ImportPage(page("accounts"), Import{Tabs: tabs, Error: "请选择人员名单（XLSX）。"})},
		{"admin-orgs", "Administration: organisations", OrgsPage(page("orgs"), Orgs{Tabs: tabs, Manage: true, First: true, Next: "522633", Rows: []OrgRow{{Org: account.Org{ID: "522633-civil_affairs", Name: "从江县民政局"}, Place: "从江县", Department: policy.Text{ZH: "民政局", EN: "Civil affairs"}}}})},
		{"admin-roles", "Administration: roles", RolesPage(page("roles"), Roles{Tabs: tabs, Roles: []string{"县级", "村级"}, Rows: []RoleRow{{Action: "case.act", Title: "办理个案", May: []bool{true, true}}, {Action: "screen.run", Title: "运行筛查", May: []bool{true, false}}}})},
		{"admin-sessions", "Administration: sessions", SessionsPage(page("sessions"), Sessions{Tabs: tabs, End: true, Rows: []account.OpenSession{session}})},
		{"admin-tokens", "Administration: tokens", TokensPage(page("tokens"), Tokens{Tabs: tabs, Manage: true, Secret: "sample-secret", Now: day.Go(), Expires: "2027-11-24", Actions: []Option{{Value: "intake.upload", Label: "报送数据"}}, Rows: []account.Token{{ID: "t", Name: "医保推送", Org: "522633-medical_insurance", Actions: []account.Action{account.IntakeUpload}, Expires: ledger.At(day.Go().AddDate(1, 0, 0))}, {ID: "u", Name: "旧令牌", Revoked: day}}})},
		{"admin-jobs", "Administration: jobs", JobsPage(page("jobs"), Jobs{Tabs: tabs, Runs: true, Cancel: true, Names: map[string]string{"a1": "杨县办"}, Rows: []jobs.Job{job(3, "running", 8000, 20000), job(2, "failed", 0, 0), job(1, "done", 20000, 20000)}, Next: "1"})},
		{"admin-jobs-none", "Administration: no jobs here", JobsPage(page("jobs"), Jobs{Tabs: tabs})},
		{"admin-keys", "Administration: keys of cards", KeysPage(page("keys"), Keys{Tabs: tabs, Base: "https://sw.example.gov.cn/c", Rows: []housecode.Key{{ID: "3f2a91c0", Suite: housecode.Ed25519, Made: day}, {ID: "00aa11bb", Suite: housecode.SM2, Made: day, Retired: day, Withdrawn: day}}})},
		{"admin-divisions", "Administration: divisions", DivisionsPage(page("divisions"), Divisions{Tabs: tabs, Name: "西山镇", Code: "522633105", Rows: []DivisionRow{{Code: "522633105209", Name: "顶洞村村民委员会"}}})},
		{"admin-feeds", "Administration: data contracts", FeedsPage(page("feeds"), Feeds{Tabs: tabs, Calendar: true, Rows: []FeedRow{{ID: "health_settlement", Name: policy.Text{ZH: "医保结算明细", EN: "Settlements"}, Department: policy.Text{ZH: "医疗保障局", EN: "Medical insurance"}, Kind: "event", Due: "monthly", Columns: 7}}})},
		{"admin-audit", "Administration: audit", AuditPage(page("audit"), chain)},
		{"admin-audit-broken", "Administration: a broken chain", AuditPage(page("audit"), broken)},
		{"admin-verified", "Administration: the chain is whole", VerifiedPage(page("health"), tabs, whole)},
	}
}
