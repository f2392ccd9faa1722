package web

import (
	"context"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/division"
	"shouwang/internal/ledger"
	"shouwang/internal/web/view"
)

// DemoPassword is the password of every account of a demo. A demo holds synthetic data only and is served on this machine only, so it is no secret.
const DemoPassword = "shouwang-demo-2026"

// demoPrefix begins the login of every account of a demo.
const demoPrefix = "demo-"

// demoStaff are the demo's accounts, one a role, in and around one village.
func demoStaff(village division.Code) []account.Staff {
	at := func(role account.Role, department string) string { return account.OrgFor(role, village, department) }
	prefecture := account.OrgID(village.At(division.Prefecture), "")
	province := account.OrgID(village.At(division.Province), "")
	return []account.Staff{
		{Login: demoPrefix + "county", Name: "杨县办", Org: at(account.County, ""), Roles: []account.Role{account.County}},
		{Login: demoPrefix + "township", Name: "石乡镇", Org: at(account.Township, ""), Roles: []account.Role{account.Township}},
		{Login: demoPrefix + "village", Name: "吴村干", Org: at(account.Village, ""), Roles: []account.Role{account.Village}},
		{Login: demoPrefix + "department", Name: "潘医保", Org: at(account.Department, "medical_insurance"), Roles: []account.Role{account.Department}},
		{Login: demoPrefix + "prefecture", Name: "龙州级", Org: prefecture, Roles: []account.Role{account.Prefecture}},
		{Login: demoPrefix + "province", Name: "王省级", Org: province, Roles: []account.Role{account.Province}},
		{Login: demoPrefix + "policy", Name: "陈政策", Org: province, Roles: []account.Role{account.Policy}},
		{Login: demoPrefix + "policy-second", Name: "宋政策", Org: province, Roles: []account.Role{account.Policy}},
		{Login: demoPrefix + "auditor", Name: "周审计", Org: province, Roles: []account.Role{account.Auditor}},
		{Login: demoPrefix + "admin", Name: "罗管理", Org: at(account.County, ""), Roles: []account.Role{account.Admin}},
	}
}

// MakeDemoAccounts makes an account for every role around a village of the demo, each with DemoPassword. It goes the way that a person goes: a one-time password, a
// first sign-in, a password of one's own.
func MakeDemoAccounts(ctx context.Context, l *ledger.Ledger, accounts *account.Service, now time.Time, village division.Code) error {
	for _, staff := range demoStaff(village) {
		var once string
		err := l.Write(ctx, now, func(ctx context.Context, tx *ledger.Tx) (err error) {
			_, once, err = accounts.Create(ctx, tx, account.SystemActor("demo"), staff)
			return err
		})
		if err != nil {
			return err
		}
		in, err := accounts.SignIn(ctx, now, account.Credentials{Login: staff.Login, Password: once})
		if err != nil {
			return err
		}
		if _, err := accounts.ChangePassword(ctx, now, in.Secret, once, DemoPassword); err != nil {
			return err
		}
		if err := accounts.SignOut(ctx, now, in.Secret); err != nil {
			return err
		}
	}
	return nil
}

// demoAccounts are those that the sign-in page of a demo offers, in the order that they were made.
func (s *Server) demoAccounts(v *visit) ([]view.DemoAccount, error) {
	if !s.config.Demo {
		return nil, nil
	}
	var page account.Page
	err := s.app.Ledger.Read(v.context(), func(ctx context.Context, tx *ledger.Tx) (err error) {
		page, err = s.accounts.List(ctx, tx, account.SystemActor("demo"), account.Filter{Login: demoPrefix})
		return err
	})
	if err != nil {
		return nil, err
	}
	var out []view.DemoAccount
	for _, a := range page.Accounts {
		place := s.app.Tree.Name(a.Division)
		if a.Department != "" {
			place += v.t("", " ") + s.departmentName(a.Department).In(v.lang)
		}
		out = append(out, view.DemoAccount{Login: a.Login, Name: a.Name, Role: v.t(a.Roles[0].Title()), Place: place})
	}
	return out, nil
}
