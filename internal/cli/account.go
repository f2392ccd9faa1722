package cli

import (
	"context"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"shouwang/internal/account"
	"shouwang/internal/app"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/export"
	"shouwang/internal/ledger"
)

func newAccountCommand(e *env) *cobra.Command {
	cmd := e.command("account", words{
		zh: "账号：建立、查看、导入、停用、重置", en: "accounts: make, list, import, disable, reset",
		longZH: `管理登录账号。第一次使用先运行 account bootstrap 建立第一个系统管理员；以后的账号可以在命令行或网页上建立，也可以从人员名单（XLSX）导入。
角色和权限见 docs/roles.md。`,
		longEN: `Keeps the accounts. The first thing is account bootstrap, which makes the first administrator; further accounts are made here or on the pages, one by one or from a list of staff (XLSX).
Roles and rights: docs/roles.md.`,
		example: "shouwang account bootstrap --data ./county --login admin --name 张三 --org 522633\nshouwang account add --data ./county --login wang --name 王五 --org 522633105209 --role village\nshouwang account import --data ./county staff.xlsx --passwords one-time.csv",
	}, cobra.NoArgs, nil)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(newAccountBootstrapCommand(e), newAccountAddCommand(e), newAccountListCommand(e), newAccountImportCommand(e),
		newAccountDisableCommand(e), newAccountEnableCommand(e), newAccountResetCommand(e))
	return cmd
}

// withAccounts opens the program and runs fn with its accounts.
func withAccounts(ctx context.Context, e *env, fn func(context.Context, *app.App, *account.Service) error) error {
	a, err := e.open(ctx)
	if err != nil {
		return err
	}
	defer a.Close()
	if err := fn(ctx, a, a.Accounts()); err != nil {
		return err
	}
	return a.Close()
}

// change opens the program and runs fn with its accounts in one change of the ledger.
func changeAccounts(ctx context.Context, e *env, fn func(context.Context, *ledger.Tx, *account.Service) error) error {
	return withAccounts(ctx, e, func(ctx context.Context, a *app.App, s *account.Service) error {
		return a.Ledger.Write(ctx, e.Now(), func(ctx context.Context, tx *ledger.Tx) error { return fn(ctx, tx, s) })
	})
}

// findAccount finds an account by its id or its login.
func findAccount(ctx context.Context, tx *ledger.Tx, s *account.Service, which string) (account.Account, error) {
	found, err := s.Get(ctx, tx, console(), which)
	if err == nil || errs.KindOf(err) != errs.NotFound {
		return found, err
	}
	p, err := s.List(ctx, tx, console(), account.Filter{Login: which})
	if err != nil {
		return account.Account{}, err
	}
	for _, one := range p.Accounts {
		if strings.EqualFold(one.Login, strings.TrimSpace(which)) {
			return one, nil
		}
	}
	return account.Account{}, errs.New(errs.NotFound, "没有这个账号；shouwang account list 列出所有账号", "there is no such account; shouwang account list shows them all")
}

// accountLine is one account in the documents.
type accountLine struct {
	ID           string        `json:"id"`
	Login        string        `json:"login"`
	Name         string        `json:"name"`
	Org          string        `json:"org"` // division, and -department
	Division     division.Code `json:"division"`
	Roles        []string      `json:"roles"`
	Active       bool          `json:"active"`
	SecondFactor bool          `json:"second_factor"` // enrolled
	MustChange   bool          `json:"must_change"`   // the password, at the next sign-in
	SignedIn     string        `json:"signed_in"`     // last; RFC 3339, or ""
	Version      int64         `json:"version"`
}

func lineOf(a account.Account) accountLine {
	x := accountLine{ID: a.ID, Login: a.Login, Name: a.Name, Org: a.Org, Division: a.Division, Roles: []string{}, Active: a.Active, SecondFactor: a.TOTPAt != 0,
		MustChange: a.MustChange, SignedIn: a.SignedIn.String(), Version: a.Version}
	for _, r := range a.Roles {
		x.Roles = append(x.Roles, string(r))
	}
	return x
}

// accountMadeDocument is the JSON document of account bootstrap, add and reset.
type accountMadeDocument struct {
	Account  accountLine `json:"account"`
	Password string      `json:"password"` // one-time: it is shown here only and must be changed at the first sign-in
}

func (d *accountMadeDocument) text(w *page) {
	w.linef(w.t("账号 %s（%s，%s）", "account %s (%s, %s)"), d.Account.Login, d.Account.Org, strings.Join(d.Account.Roles, ", "))
	w.linef(w.t("一次性口令 %s （只显示这一次，首次登录必须修改）", "one-time password %s (shown this once; it must be changed at the first sign-in)"), d.Password)
}

type staffOptions struct {
	login, name, org, phone string
	roles                   []string
}

func newAccountBootstrapCommand(e *env) *cobra.Command {
	var o staffOptions
	cmd := e.command("bootstrap", words{
		zh: "建立第一个系统管理员", en: "make the first administrator",
		longZH:  "建立第一个系统管理员并打印一次性口令。已有在用的系统管理员时拒绝执行。",
		longEN:  "Makes the first administrator and prints a one-time password. Refused as long as an active administrator is there.",
		example: "shouwang account bootstrap --data ./county --login admin --name 张三 --org 522633",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) { return runAccountBootstrap(ctx, e, o) })
	cmd.Flags().StringVar(&o.login, "login", "admin", e.t("登录名", "login"))
	cmd.Flags().StringVar(&o.name, "name", "", e.t("姓名", "name"))
	cmd.Flags().StringVar(&o.org, "org", "", e.t("单位编号：行政区划代码，如 52（省）、522633（县）；默认政策包所在的省", "organisation: a division code such as 52 (province) or 522633 (county); default the pack's province"))
	return cmd
}

func runAccountBootstrap(ctx context.Context, e *env, o staffOptions) (*accountMadeDocument, error) {
	d := &accountMadeDocument{}
	err := withAccounts(ctx, e, func(ctx context.Context, a *app.App, s *account.Service) error {
		if o.org == "" {
			region, err := division.Parse(a.Pack.Region)
			if err != nil {
				return err
			}
			o.org = account.OrgID(region, "")
		}
		if o.name == "" {
			o.name = "系统管理员"
		}
		made, password, err := s.Bootstrap(ctx, e.Now(), o.login, o.name, o.org)
		d.Account, d.Password = lineOf(made), password
		return err
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

func newAccountAddCommand(e *env) *cobra.Command {
	var o staffOptions
	cmd := e.command("add", words{
		zh: "建立账号", en: "make an account",
		longZH:  "建立一个账号并打印一次性口令。单位编号是行政区划代码，部门在后面加 -部门，如 522633-medical_insurance。",
		longEN:  "Makes an account and prints a one-time password. An organisation is a division code, for a department with -DEPARTMENT behind it: 522633-medical_insurance.",
		example: "shouwang account add --data ./county --login wang --name 王五 --org 522633105209 --role village\nshouwang account add --data ./county --login li --name 李四 --org 522633-medical_insurance --role department",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) { return runAccountAdd(ctx, e, o) })
	f := cmd.Flags()
	f.StringVar(&o.login, "login", "", e.t("登录名", "login"))
	f.StringVar(&o.name, "name", "", e.t("姓名", "name"))
	f.StringVar(&o.org, "org", "", e.t("单位编号", "organisation"))
	f.StringArrayVar(&o.roles, "role", nil, e.t("角色，可多次：province、prefecture、county、township、village、department、policy、auditor、admin",
		"role, may be repeated: province, prefecture, county, township, village, department, policy, auditor, admin"))
	f.StringVar(&o.phone, "phone", "", e.t("手机（只以密文保存）", "phone (kept as ciphertext only)"))
	return cmd
}

func runAccountAdd(ctx context.Context, e *env, o staffOptions) (*accountMadeDocument, error) {
	if o.login == "" || o.name == "" || o.org == "" || len(o.roles) == 0 {
		return nil, usagef("--login、--name、--org、--role 都要写", "--login, --name, --org and --role are all needed")
	}
	n := account.Staff{Login: o.login, Name: o.name, Org: o.org, Phone: o.phone}
	for _, r := range o.roles {
		n.Roles = append(n.Roles, account.Role(r))
	}
	d := &accountMadeDocument{}
	err := changeAccounts(ctx, e, func(ctx context.Context, tx *ledger.Tx, s *account.Service) error {
		made, password, err := s.Create(ctx, tx, console(), n)
		d.Account, d.Password = lineOf(made), password
		return err
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

// accountListDocument is the JSON document of account list.
type accountListDocument struct {
	Accounts []accountLine `json:"accounts"` // oldest first
	Next     string        `json:"next"`     // --after of the next page; "": there are no more
}

type accountListOptions struct {
	org, division, login, after string
	limit                       int
}

func newAccountListCommand(e *env) *cobra.Command {
	var o accountListOptions
	cmd := e.command("list", words{
		zh: "列出账号", en: "list accounts",
		longZH:  "列出账号，不含手机和口令。",
		longEN:  "Lists accounts, without phones and passwords.",
		example: "shouwang account list --data ./county --division 522633105\nshouwang account list --data ./county --login wang --json",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) { return runAccountList(ctx, e, o) })
	f := cmd.Flags()
	f.StringVar(&o.org, "org", "", e.t("单位编号", "organisation"))
	f.StringVar(&o.division, "division", "", e.t("只看这个行政区划", "only what lies in this division"))
	f.StringVar(&o.login, "login", "", e.t("登录名的开头，或姓名", "beginning of the login, or the name"))
	f.StringVar(&o.after, "after", "", e.t("从这个账号编号之后开始（翻页）", "after this account's id (next page)"))
	f.IntVar(&o.limit, "limit", 100, e.t("最多多少个（1–1000）", "at most so many (1 to 1000)"))
	return cmd
}

func runAccountList(ctx context.Context, e *env, o accountListOptions) (*accountListDocument, error) {
	filter := account.Filter{Org: o.org, Login: o.login, After: o.after, Limit: o.limit}
	if o.limit < 1 || o.limit > 1000 {
		return nil, usagef("--limit 应在 1 到 1000 之间", "--limit must be 1 to 1000")
	}
	if o.division != "" {
		d, err := division.Parse(o.division)
		if err != nil {
			return nil, &usageError{err.(*errs.Error)}
		}
		filter.Under = d
	}
	d := &accountListDocument{Accounts: []accountLine{}}
	err := withAccounts(ctx, e, func(ctx context.Context, a *app.App, s *account.Service) error {
		return a.Ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
			p, err := s.List(ctx, tx, console(), filter)
			d.Next = p.Next
			for _, one := range p.Accounts {
				d.Accounts = append(d.Accounts, lineOf(one))
			}
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

func (d *accountListDocument) text(w *page) {
	var rows [][]string
	for _, a := range d.Accounts {
		state := w.t("在用", "active")
		if !a.Active {
			state = w.t("停用", "disabled")
		}
		rows = append(rows, []string{a.Login, a.Name, a.Org, strings.Join(a.Roles, " "), state, a.ID})
	}
	w.table([]string{w.t("登录名", "login"), w.t("姓名", "name"), w.t("单位", "organisation"), w.t("角色", "roles"), w.t("状态", "state"), w.t("编号", "id")}, rows)
	if d.Next != "" {
		w.linef(w.t("下一页：--after %s", "next page: --after %s"), d.Next)
	}
}

// accountImportDocument is the JSON document of account import.
type accountImportDocument struct {
	Made      int             `json:"made"`      // accounts
	Passwords string          `json:"passwords"` // the file with the one-time passwords
	Rejects   []accountReject `json:"rejects"`   // rows that were not taken in
}

// accountReject is a row that was not taken in.
type accountReject struct {
	Row    int    `json:"row"`    // of the sheet, 1 is the first
	Column string `json:"column"` // its header, or ""
	ZH     string `json:"zh"`
	EN     string `json:"en"`
}

func newAccountImportCommand(e *env) *cobra.Command {
	var passwords string
	cmd := e.command("import FILE", words{
		zh: "从人员名单（XLSX）建立账号", en: "make accounts from a list of staff (XLSX)",
		longZH: `表头（前五行之一）应有：登录名、姓名、单位编号、角色，可以有手机。有错的行退回，注明行、列和原因，其他行照常建立；有退回时退出码为 3。
一次性口令写进 --passwords 指定的文件（CSV，权限 0600），发放后请删除。`,
		longEN: `The header (one of the first five rows) names 登录名, 姓名, 单位编号, 角色 and perhaps 手机 (or login, name, org, roles, phone). A row with a mistake is rejected with row, column and reason, the others are made; exit code 3 then.
The one-time passwords go into the file of --passwords (CSV, mode 0600); delete it when they have been handed out.`,
		example: "shouwang account import --data ./county staff.xlsx --passwords one-time.csv",
	}, cobra.ExactArgs(1), func(ctx context.Context, args []string) (result, error) {
		return runAccountImport(ctx, e, args[0], passwords)
	})
	cmd.Flags().StringVar(&passwords, "passwords", "", e.t("一次性口令写到这个文件（不能已存在）", "file for the one-time passwords (must not exist)"))
	return cmd
}

func runAccountImport(ctx context.Context, e *env, file, passwords string) (*accountImportDocument, error) {
	if passwords == "" {
		return nil, usagef("缺少 --passwords", "--passwords is missing")
	}
	d := &accountImportDocument{Passwords: passwords, Rejects: []accountReject{}}
	err := withAccounts(ctx, e, func(ctx context.Context, _ *app.App, s *account.Service) error {
		in, err := os.Open(e.path(file))
		if err != nil {
			return errs.Newf(errs.NotFound, "无法读取文件 %[1]s", "cannot read the file %[1]s", file)
		}
		defer in.Close()
		// The file is there before the accounts are: passwords that could not be written would be lost.
		return writeNewFile(e, passwords, func(w io.Writer) error {
			table, err := export.New("csv", w, "", []string{e.t("行", "row"), e.t("登录名", "login"), e.t("单位编号", "organisation"), e.t("一次性口令", "one-time password")})
			if err != nil {
				return err
			}
			got, err := s.Import(ctx, e.Now(), console(), in)
			if err != nil {
				return err
			}
			d.Made = len(got.Made)
			for _, r := range got.Rejects {
				d.Rejects = append(d.Rejects, accountReject(r))
			}
			for _, m := range got.Made {
				if err := table.Row(m.Row, m.Login, m.Org, m.Password); err != nil {
					return err
				}
			}
			return table.Close()
		})
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

func (d *accountImportDocument) rejected() bool { return len(d.Rejects) > 0 }

func (d *accountImportDocument) text(w *page) {
	w.linef(w.t("建立 %d 个账号，一次性口令在 %s", "%d accounts made, one-time passwords in %s"), d.Made, d.Passwords)
	if len(d.Rejects) == 0 {
		return
	}
	w.heading("退回的行", "rejected rows")
	var rows [][]string
	for _, r := range d.Rejects {
		rows = append(rows, []string{strconv.Itoa(r.Row), r.Column, w.t(r.ZH, r.EN)})
	}
	w.table([]string{w.t("行", "row"), w.t("列", "column"), w.t("原因", "reason")}, rows)
}

// accountDocument is the JSON document of account disable and enable.
type accountDocument struct {
	Account accountLine `json:"account"` // as it is now
}

func (d *accountDocument) text(w *page) {
	if d.Account.Active {
		w.linef(w.t("账号 %s 已启用", "account %s is active"), d.Account.Login)
	} else {
		w.linef(w.t("账号 %s 已停用，登录已全部结束", "account %s is disabled and its sessions have ended"), d.Account.Login)
	}
}

func newAccountDisableCommand(e *env) *cobra.Command {
	return e.command("disable ACCOUNT", words{
		zh: "停用账号", en: "disable an account",
		longZH: "停用账号并结束它的全部登录。ACCOUNT 是登录名或编号。", longEN: "Disables an account and ends its sessions. ACCOUNT is a login or an id.",
		example: "shouwang account disable --data ./county wang",
	}, cobra.ExactArgs(1), func(ctx context.Context, args []string) (result, error) {
		return runAccountActive(ctx, e, args[0], false)
	})
}

func newAccountEnableCommand(e *env) *cobra.Command {
	return e.command("enable ACCOUNT", words{
		zh: "启用账号", en: "enable an account",
		longZH: "重新启用停用的账号。ACCOUNT 是登录名或编号。", longEN: "Makes a disabled account active again. ACCOUNT is a login or an id.",
		example: "shouwang account enable --data ./county wang",
	}, cobra.ExactArgs(1), func(ctx context.Context, args []string) (result, error) {
		return runAccountActive(ctx, e, args[0], true)
	})
}

func runAccountActive(ctx context.Context, e *env, which string, active bool) (*accountDocument, error) {
	d := &accountDocument{}
	err := changeAccounts(ctx, e, func(ctx context.Context, tx *ledger.Tx, s *account.Service) error {
		found, err := findAccount(ctx, tx, s, which)
		if err != nil {
			return err
		}
		if found.Active != active {
			if found, err = s.Change(ctx, tx, console(), found.ID, found.Version, account.Change{Active: &active}); err != nil {
				return err
			}
		}
		d.Account = lineOf(found)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

func newAccountResetCommand(e *env) *cobra.Command {
	var second bool
	cmd := e.command("reset ACCOUNT", words{
		zh: "重置口令", en: "reset a password",
		longZH:  "给账号一个新的一次性口令，结束它的登录，解除锁定；--second-factor 同时解除动态口令的绑定。ACCOUNT 是登录名或编号。",
		longEN:  "Gives an account a new one-time password, ends its sessions and forgets failed sign-ins; --second-factor also removes its second factor. ACCOUNT is a login or an id.",
		example: "shouwang account reset --data ./county wang\nshouwang account reset --data ./county wang --second-factor",
	}, cobra.ExactArgs(1), func(ctx context.Context, args []string) (result, error) {
		return runAccountReset(ctx, e, args[0], second)
	})
	cmd.Flags().BoolVar(&second, "second-factor", false, e.t("同时解除动态口令的绑定", "remove the second factor, too"))
	return cmd
}

func runAccountReset(ctx context.Context, e *env, which string, second bool) (*accountMadeDocument, error) {
	d := &accountMadeDocument{}
	err := withAccounts(ctx, e, func(ctx context.Context, a *app.App, s *account.Service) error {
		var found account.Account
		err := a.Ledger.Write(ctx, e.Now(), func(ctx context.Context, tx *ledger.Tx) (err error) {
			if found, err = findAccount(ctx, tx, s, which); err != nil || !second {
				return err
			}
			return s.RemoveSecond(ctx, tx, console(), found.ID)
		})
		if err != nil {
			return err
		}
		if d.Password, err = s.ResetPassword(ctx, e.Now(), console(), found.ID); err != nil {
			return err
		}
		return a.Ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
			found, err = s.Get(ctx, tx, console(), found.ID)
			d.Account = lineOf(found)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}
