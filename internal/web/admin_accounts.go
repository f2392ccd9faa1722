package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"

	"shouwang/internal/account"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/web/view"
)

// Rows of a page, and the largest staff list.
const (
	accountsAPage = 50
	orgsAPage     = 100
	maxStaffList  = 16 << 20
)

// accountsPage lists the accounts of the reader's area.
func (s *Server) accountsPage(v *visit) error {
	p, tabs := s.admin(v, "accounts", "/admin/accounts")
	q := v.r.URL.Query()
	a := view.Accounts{Tabs: tabs, Login: q.Get("login"), Org: q.Get("org"), Active: q.Get("active"), First: q.Get("after") == "", Manage: v.actor.May(account.AccountManage) == nil}
	f := account.Filter{Login: a.Login, Org: a.Org, After: q.Get("after"), Limit: accountsAPage}
	switch a.Active {
	case "true", "false":
		active := a.Active == "true"
		f.Active = &active
	}
	err := s.app.Ledger.Read(v.context(), func(ctx context.Context, tx *ledger.Tx) error {
		page, err := s.accounts.List(ctx, tx, v.actor, f)
		a.Next, a.Rows = page.Next, nil
		for _, x := range page.Accounts {
			a.Rows = append(a.Rows, s.accountRow(v, x))
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.show(v, view.AccountsPage(p, a))
}

func (s *Server) accountRow(v *visit, a account.Account) view.AccountRow {
	row := view.AccountRow{Account: a, Place: account.OrgName(s.app.Tree, s.app.Pack, a.Org)}
	for _, r := range a.Roles {
		row.Roles = append(row.Roles, v.t(r.Title()))
	}
	return row
}

func (s *Server) roleOptions(v *visit, has []account.Role) []view.Option {
	var out []view.Option
	for _, r := range account.Roles() {
		o := view.Option{Value: string(r), Label: v.t(r.Title())}
		for _, h := range has {
			o.Chosen = o.Chosen || h == r
		}
		out = append(out, o)
	}
	return out
}

// typedRoles are the roles that a form names.
func (v *visit) typedRoles() []account.Role {
	_ = v.r.ParseForm() // what does not parse has no roles, which is refused
	roles := []account.Role{}
	for _, r := range v.r.PostForm["role"] {
		roles = append(roles, account.Role(r))
	}
	return roles
}

func (s *Server) newAccountPage(v *visit) error {
	return s.showNewAccount(v, http.StatusOK, view.NewAccount{Roles: s.roleOptions(v, nil)})
}

func (s *Server) showNewAccount(v *visit, status int, n view.NewAccount) error {
	p, tabs := s.admin(v, "accounts", "/admin/accounts/new")
	n.Tabs = tabs
	return s.write(v, status, view.NewAccountPage(p, n))
}

// newAccount makes an account and shows its one-time password, once.
func (s *Server) newAccount(v *visit) error {
	staff := account.Staff{Login: v.r.PostFormValue("login"), Name: v.r.PostFormValue("name"), Org: v.r.PostFormValue("org"), Phone: v.r.PostFormValue("phone"), Roles: v.typedRoles()}
	var made account.Account
	var once string
	err := s.app.Ledger.Write(v.context(), s.now(), func(ctx context.Context, tx *ledger.Tx) (err error) {
		made, once, err = s.accounts.Create(ctx, tx, v.actor, staff)
		return err
	})
	switch errs.KindOf(err) {
	case 0:
		return s.showAccount(v, made, once, "")
	case errs.Invalid, errs.Conflict, errs.NotFound, errs.Refused:
		return s.showNewAccount(v, statusOf(errs.KindOf(err)), view.NewAccount{Error: errs.Text(err, v.lang), Login: staff.Login, Name: staff.Name, Org: staff.Org, Roles: s.roleOptions(v, staff.Roles)})
	}
	return err
}

// accountPage is one account.
func (s *Server) accountPage(v *visit) error {
	a, err := s.oneAccount(v)
	if err != nil {
		return err
	}
	return s.showAccount(v, a, "", "")
}

func (s *Server) oneAccount(v *visit) (a account.Account, err error) {
	err = s.app.Ledger.Read(v.context(), func(ctx context.Context, tx *ledger.Tx) (err error) {
		a, err = s.accounts.Get(ctx, tx, v.actor, v.r.PathValue("id"))
		return err
	})
	return a, err
}

func (s *Server) showAccount(v *visit, a account.Account, once, done string) error {
	p, tabs := s.admin(v, "accounts", "/admin/accounts/"+a.ID)
	x := view.OneAccount{Tabs: tabs, Row: s.accountRow(v, a), Manage: v.actor.May(account.AccountManage) == nil, End: v.actor.May(account.SessionEnd) == nil, Once: once, Done: done, Roles: s.roleOptions(v, a.Roles)}
	if v.actor.May(account.SessionRead) == nil {
		x.MaySee = true
		if err := s.app.Ledger.Read(v.context(), func(ctx context.Context, tx *ledger.Tx) (err error) {
			x.Sessions, err = s.accounts.Sessions(ctx, tx, v.actor, a.ID, s.now())
			return err
		}); err != nil {
			return err
		}
	}
	return s.show(v, view.AccountPage(p, x))
}

// changeAccount changes name, organisation, roles, and whether it is locked; the form names the version that it was made from.
func (s *Server) changeAccount(v *visit) error {
	version, err := strconv.ParseInt(v.r.PostFormValue("version"), 10, 64)
	if err != nil {
		return errs.New(errs.Invalid, "请从账号页面提交修改。", "change the account from its own page.")
	}
	var change account.Change
	switch v.r.PostFormValue("do") {
	case "lock", "unlock":
		active := v.r.PostFormValue("do") == "unlock"
		change.Active = &active
	default:
		name, org := v.r.PostFormValue("name"), v.r.PostFormValue("org")
		change.Name, change.Org, change.Roles = &name, &org, v.typedRoles()
		if phone := v.r.PostFormValue("phone"); phone != "" {
			change.Phone = &phone
		}
		if len(change.Roles) == 0 {
			return errs.New(errs.Invalid, "请至少选择一个角色。", "choose one role at least.")
		}
	}
	var a account.Account
	if err := s.app.Ledger.Write(v.context(), s.now(), func(ctx context.Context, tx *ledger.Tx) (err error) {
		a, err = s.accounts.Change(ctx, tx, v.actor, v.r.PathValue("id"), version, change)
		return err
	}); err != nil {
		return err
	}
	return v.redirect("/admin/accounts/" + a.ID)
}

// resetPassword gives a one-time password, shown once.
func (s *Server) resetPassword(v *visit) error {
	once, err := s.accounts.ResetPassword(v.context(), s.now(), v.actor, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	a, err := s.oneAccount(v)
	if err != nil {
		return err
	}
	return s.showAccount(v, a, once, "")
}

func (s *Server) removeSecond(v *visit) error {
	if err := s.app.Ledger.Write(v.context(), s.now(), func(ctx context.Context, tx *ledger.Tx) error {
		return s.accounts.RemoveSecond(ctx, tx, v.actor, v.r.PathValue("id"))
	}); err != nil {
		return err
	}
	a, err := s.oneAccount(v)
	if err != nil {
		return err
	}
	return s.showAccount(v, a, "", s.words.In(v.lang, "admin.second_removed"))
}

func (s *Server) endSessions(v *visit) error {
	var n int64
	if err := s.app.Ledger.Write(v.context(), s.now(), func(ctx context.Context, tx *ledger.Tx) (err error) {
		n, err = s.accounts.EndSessions(ctx, tx, v.actor, v.r.PathValue("id"))
		return err
	}); err != nil {
		return err
	}
	a, err := s.oneAccount(v)
	if err != nil {
		return err
	}
	return s.showAccount(v, a, "", s.words.In(v.lang, "admin.ended", view.Int(n)))
}

func (s *Server) importPage(v *visit) error {
	p, tabs := s.admin(v, "accounts", "/admin/accounts/import")
	return s.show(v, view.ImportPage(p, view.Import{Tabs: tabs}))
}

// importAccounts makes accounts from a staff list, and tells the faults of each row. One-time passwords are shown once.
func (s *Server) importAccounts(v *visit) error {
	p, tabs := s.admin(v, "accounts", "/admin/accounts/import")
	x := view.Import{Tabs: tabs}
	got, err := s.staffList(v)
	switch kind := errs.KindOf(err); kind {
	case 0:
		x.Got = &got
		return s.show(v, view.ImportPage(p, x))
	case errs.Invalid, errs.Refused:
		x.Error = errs.Text(err, v.lang)
		return s.write(v, statusOf(kind), view.ImportPage(p, x))
	}
	return err
}

// staffList reads the form's file, which is spooled to a file of no name that the sender could choose, and takes it in.
func (s *Server) staffList(v *visit) (got account.Imported, err error) {
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxStaffList)
	parts, err := v.r.MultipartReader()
	if err != nil {
		return got, errs.New(errs.Invalid, "没有收到文件。请用本页的表单上传。", "no file came. Use the form of this page.")
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return got, errs.New(errs.Invalid, "请选择人员名单（XLSX）。", "choose the staff list (XLSX).")
		}
		if err != nil {
			return got, tooLarge(err, maxStaffList)
		}
		if part.FormName() != "file" || part.FileName() == "" {
			continue
		}
		if err := os.MkdirAll(s.app.Config.Temp(), 0o700); err != nil {
			return got, err
		}
		file, err := os.CreateTemp(s.app.Config.Temp(), "upload-")
		if err != nil {
			return got, err
		}
		defer os.Remove(file.Name())
		defer file.Close()
		size, err := io.Copy(file, part)
		if err != nil {
			return got, tooLarge(err, maxStaffList)
		}
		return s.accounts.Import(v.context(), s.now(), v.actor, io.NewSectionReader(file, 0, size))
	}
}

// orgsPage lists the organisations of the reader's area.
func (s *Server) orgsPage(v *visit) error {
	at, err := s.within(v)
	if err != nil {
		return err
	}
	return s.showOrgs(v, at, http.StatusOK, "")
}

func (s *Server) showOrgs(v *visit, at division.Code, status int, wrong string) error {
	p, tabs := s.admin(v, "orgs", "/admin/orgs")
	o := view.Orgs{Tabs: tabs, Manage: v.actor.May(account.OrgManage) == nil, Error: wrong, First: v.r.URL.Query().Get("after") == "", Crumbs: s.crumbs(v, "/admin/orgs", at)}
	if err := s.app.Ledger.Read(v.context(), func(ctx context.Context, tx *ledger.Tx) error {
		list, err := s.accounts.Orgs(ctx, tx, v.actor, at, v.r.URL.Query().Get("after"), orgsAPage)
		o.Rows = nil
		for _, x := range list {
			row := view.OrgRow{Org: x, Place: s.fullPlace(x.Division)}
			if x.Department != "" {
				row.Department = s.departmentName(x.Department)
			}
			o.Rows = append(o.Rows, row)
		}
		if len(list) == orgsAPage {
			o.Next = list[len(list)-1].ID
		}
		return err
	}); err != nil {
		return err
	}
	return s.write(v, status, view.OrgsPage(p, o))
}

func (s *Server) newOrg(v *visit) error {
	err := s.app.Ledger.Write(v.context(), s.now(), func(ctx context.Context, tx *ledger.Tx) error {
		_, err := s.accounts.EnsureOrg(ctx, tx, v.actor, v.r.PostFormValue("id"))
		return err
	})
	switch errs.KindOf(err) {
	case 0:
		return v.redirect("/admin/orgs")
	case errs.Invalid, errs.NotFound:
		return s.showOrgs(v, v.actor.Division, http.StatusUnprocessableEntity, errs.Text(err, v.lang))
	}
	return err
}
