package account_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/account/accounttest"
	"shouwang/internal/audit"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/ledger/ledgertest"
)

var now = time.Date(2026, 11, 24, 8, 30, 0, 0, time.UTC)

func write(t *testing.T, l *ledger.Ledger, fn func(context.Context, *ledger.Tx) error) {
	t.Helper()
	if err := l.Write(t.Context(), now, fn); err != nil {
		t.Fatal(err)
	}
}

// docs/roles.md is the table that people agreed on; the program must do exactly that.
func TestRolesAreAsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/roles.md")
	if err != nil {
		t.Fatal(err)
	}
	var header []account.Role
	var seen []account.Action
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.Trim(strings.TrimSpace(cells[i]), "`")
		}
		switch {
		case len(cells) < 4:
			continue
		case cells[0] == "action":
			for _, c := range cells[2:] {
				header = append(header, account.Role(c))
			}
			if !slices.Equal(header, account.Roles()) {
				t.Fatalf("the columns are %v", header)
			}
		case header != nil && !strings.HasPrefix(cells[0], "-"):
			action := account.Action(cells[0])
			seen = append(seen, action)
			if zh, en := action.Title(); cells[1] != zh+" · "+en {
				t.Errorf("%s is %q, the table says %q", action, zh+" · "+en, cells[1])
			}
			for i, r := range header {
				if cells[2+i] != "" && cells[2+i] != "✓" {
					t.Errorf("%s, %s: %q", action, r, cells[2+i])
				}
				if want := cells[2+i] == "✓"; r.May(action) != want {
					t.Errorf("%s may %s: %v, the table says %v", r, action, r.May(action), want)
				}
				actor := accounttest.Actors(accounttest.Village)[r]
				if err := actor.May(action); (err == nil) != r.May(action) || err != nil && errs.KindOf(err) != errs.Refused {
					t.Errorf("%s, %s: %v", r, action, err)
				}
			}
			if !account.System.May(action) || (account.Actor{}).May(action) == nil {
				t.Errorf("%s: the system may, nobody may not", action)
			}
		}
	}
	if !slices.Equal(seen, account.Actions()) {
		t.Errorf("the table has %v\nthe program %v", seen, account.Actions())
	}
	if account.Admin.May("no.such") || account.System.May("no.such") {
		t.Error("an action that does not exist is allowed")
	}
}

func TestScope(t *testing.T) {
	const village, neighbour, otherCounty = accounttest.Village, division.Code(522633105211), division.Code(522632001004)
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		write(t, l, func(ctx context.Context, tx *ledger.Tx) error {
			_, err := tx.ExecContext(ctx, "CREATE TABLE place (division BIGINT)")
			if err != nil {
				return err
			}
			_, err = tx.ExecContext(ctx, "INSERT INTO place VALUES (?), (?), (?), (0)", village, neighbour, otherCounty)
			return err
		})
		want := map[account.Role][]division.Code{
			account.Province: {otherCounty, village, neighbour}, account.Prefecture: {otherCounty, village, neighbour}, account.County: {village, neighbour},
			account.Township: {village, neighbour}, account.Village: {village}, account.Department: {village, neighbour}, account.Policy: {village, neighbour},
			account.Auditor: {village, neighbour}, account.Admin: {village, neighbour}, account.System: {0, otherCounty, village, neighbour}, "": nil,
		}
		actors := accounttest.Actors(village)
		actors[""] = account.Actor{Roles: []account.Role{account.Province}}
		for role, actor := range actors {
			var got []division.Code
			err := l.Read(t.Context(), func(ctx context.Context, tx *ledger.Tx) error {
				where, args := actor.Scope("p.division")
				return tx.NewSelect().TableExpr("place AS p").Column("division").Where(where, args...).Order("division").Scan(ctx, &got)
			})
			if err != nil || !slices.Equal(got, want[role]) {
				t.Errorf("%q sees %v, want %v, %v", role, got, want[role], err)
			}
			for _, d := range []division.Code{village, neighbour, otherCounty} {
				in := slices.Contains(want[role], d)
				if err := actor.Sees(d); actor.Within(d) != in || (err == nil) != in || err != nil && errs.KindOf(err) != errs.NotFound {
					t.Errorf("%q, %v: %v", role, d, err)
				}
			}
		}
		if department, only := actors[account.Department].DepartmentOnly(); !only || department != accounttest.Department {
			t.Errorf("%q, %v", department, only)
		}
		if _, only := actors[account.County].DepartmentOnly(); only {
			t.Error("the county is bound to a department")
		}
	})
}

func TestOrgIDs(t *testing.T) {
	for _, c := range []struct {
		d          division.Code
		department string
		id, above  string
	}{
		{520000000000, "", "52", ""}, {522600000000, "", "5226", "52"}, {522633000000, "", "522633", "5226"}, {522633000000, "civil_affairs", "522633-civil_affairs", "522633"},
		{522633105000, "", "522633105", "522633"}, {522633105209, "", "522633105209", "522633105"},
	} {
		if got := account.OrgID(c.d, c.department); got != c.id || account.Above(got) != c.above {
			t.Errorf("%v: %s, above %s", c, got, account.Above(got))
		}
		if d, department, err := account.ParseOrg(c.id); err != nil || d != c.d || department != c.department {
			t.Errorf("%s: %v, %s, %v", c.id, d, department, err)
		}
	}
	for _, bad := range []string{"", "5", "520000", "522633-", "x", "-civil_affairs", "999999999999999"} {
		if _, _, err := account.ParseOrg(bad); errs.KindOf(err) != errs.Invalid || account.Above(bad) != "" {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for role, want := range map[account.Role]string{account.Village: "522633105209", account.Township: "522633105", account.County: "522633", account.Prefecture: "5226",
		account.Province: "52", account.Department: "522633-water", account.Admin: ""} {
		if got := account.OrgFor(role, accounttest.Village, "water"); got != want {
			t.Errorf("%s: %s, want %s", role, got, want)
		}
	}
	if account.OrgFor(account.Village, 522633000000, "") != "" || account.OrgFor(account.Department, accounttest.Village, "") != "" {
		t.Error("an organisation out of nothing")
	}
}

func TestAccounts(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		s := accounttest.Service(t, l)
		actors, _ := accounttest.Staff(t, l, s, now, accounttest.Village)
		admin := actors[account.Admin]
		create := func(actor account.Actor, n account.Staff) (a account.Account, err error) {
			err = l.Write(t.Context(), now, func(ctx context.Context, tx *ledger.Tx) (err error) {
				a, _, err = s.Create(ctx, tx, actor, n)
				return err
			})
			return a, err
		}
		good := account.Staff{Login: "Ｗang.San", Name: " 王三 ", Org: "522633105211", Roles: []account.Role{account.Village}, Phone: "138 0013-8000"}
		a, err := create(admin, good)
		if err != nil || a.Login != "wang.san" || a.Name != "王三" || a.Division != 522633105211 || !a.MustChange {
			t.Fatalf("%+v, %v", a, err)
		}
		if text := fmt.Sprintf("%v %+v %s", a, a, a); strings.Contains(text, "王三") || strings.Contains(text, "argon") {
			t.Errorf("a log line would show %s", text)
		}
		with := func(change func(*account.Staff)) account.Staff {
			n := good
			n.Login = "another"
			change(&n)
			return n
		}
		for name, c := range map[string]struct {
			actor account.Actor
			n     account.Staff
			kind  errs.Kind
		}{
			"login taken":                  {admin, with(func(n *account.Staff) { n.Login = "WANG.san" }), errs.Conflict},
			"short login":                  {admin, with(func(n *account.Staff) { n.Login = "x" }), errs.Invalid},
			"no name":                      {admin, with(func(n *account.Staff) { n.Name = " " }), errs.Invalid},
			"no role":                      {admin, with(func(n *account.Staff) { n.Roles = nil }), errs.Invalid},
			"unknown role":                 {admin, with(func(n *account.Staff) { n.Roles = []account.Role{"god"} }), errs.Invalid},
			"the system's role":            {admin, with(func(n *account.Staff) { n.Roles = []account.Role{account.System} }), errs.Invalid},
			"a role of another level":      {admin, with(func(n *account.Staff) { n.Roles = []account.Role{account.County} }), errs.Invalid},
			"an officer of no department":  {admin, with(func(n *account.Staff) { n.Roles, n.Org = []account.Role{account.Department}, "522633" }), errs.Invalid},
			"phone":                        {admin, with(func(n *account.Staff) { n.Phone = "abc" }), errs.Invalid},
			"no such village":              {admin, with(func(n *account.Staff) { n.Org = "522633105999" }), errs.NotFound},
			"no such department":           {admin, with(func(n *account.Staff) { n.Org, n.Roles = "522633-magic", []account.Role{account.Department} }), errs.NotFound},
			"another county's village":     {admin, with(func(n *account.Staff) { n.Org = "522632001004" }), errs.NotFound},
			"above the administrator":      {admin, with(func(n *account.Staff) { n.Org, n.Roles = "52", []account.Role{account.Province} }), errs.NotFound},
			"by somebody who may not":      {actors[account.County], good, errs.Refused},
			"by somebody who isn't anyone": {account.Actor{}, good, errs.Refused},
		} {
			if _, err := create(c.actor, c.n); errs.KindOf(err) != c.kind || strings.Contains(fmt.Sprint(err)+errs.Text(err, "zh"), "8000") {
				t.Errorf("%s: %v", name, err)
			}
		}

		change := func(actor account.Actor, id string, version int64, c account.Change) (a account.Account, err error) {
			err = l.Write(t.Context(), now, func(ctx context.Context, tx *ledger.Tx) (err error) {
				a, err = s.Change(ctx, tx, actor, id, version, c)
				return err
			})
			return a, err
		}
		no, name := false, "王四"
		b, err := change(admin, a.ID, 1, account.Change{Name: &name, Active: &no})
		if err != nil || b.Version != 2 || b.Name != name || b.Active {
			t.Errorf("%+v, %v", b, err)
		}
		county := "522633"
		for _, c := range []struct {
			what    string
			actor   account.Actor
			id      string
			version int64
			change  account.Change
			kind    errs.Kind
		}{
			{"on an old copy", admin, a.ID, 1, account.Change{Name: &name}, errs.Conflict},
			{"without a version", admin, a.ID, 0, account.Change{Name: &name}, errs.Invalid},
			{"by the county", actors[account.County], a.ID, 2, account.Change{Name: &name}, errs.Refused},
			{"of somebody above", admin, actors[account.Province].Account, 1, account.Change{Name: &name}, errs.NotFound},
			{"of nobody", admin, "none", 1, account.Change{Name: &name}, errs.NotFound},
			{"to a level the role does not suit", admin, a.ID, 2, account.Change{Org: &county}, errs.Invalid},
			{"oneself off", admin, admin.Account, 1, account.Change{Active: &no}, errs.Refused},
			{"oneself no administrator", admin, admin.Account, 1, account.Change{Roles: []account.Role{account.Policy}}, errs.Refused},
		} {
			if _, err := change(c.actor, c.id, c.version, c.change); errs.KindOf(err) != c.kind {
				t.Errorf("%s: %v", c.what, err)
			}
		}

		// Lists show the subtree only, page by page.
		count := func(actor account.Actor, f account.Filter) (n int) {
			t.Helper()
			for {
				var p account.Page
				err := l.Read(t.Context(), func(ctx context.Context, tx *ledger.Tx) (err error) {
					p, err = s.List(ctx, tx, actor, f)
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				n += len(p.Accounts)
				for _, x := range p.Accounts {
					if !actor.Within(x.Division) {
						t.Errorf("%s sees %v", actor.Account, x.Division)
					}
				}
				if f.After = p.Next; p.Next == "" {
					return n
				}
			}
		}
		yes := true
		for _, c := range []struct {
			who    account.Role
			filter account.Filter
			want   int
		}{
			{account.Province, account.Filter{}, 10}, {account.Province, account.Filter{Limit: 3}, 10}, {account.Admin, account.Filter{Limit: 2}, 8}, {account.Township, account.Filter{}, 3},
			{account.Admin, account.Filter{Active: &yes}, 7}, {account.Admin, account.Filter{Active: &no}, 1}, {account.Admin, account.Filter{Login: "test-"}, 7},
			{account.Admin, account.Filter{Login: "王四"}, 1}, {account.Admin, account.Filter{Login: "%"}, 0}, {account.Admin, account.Filter{Org: "522633105211"}, 1},
			{account.Admin, account.Filter{Under: 522633105000}, 3}, {account.Township, account.Filter{Under: 522600000000}, 3}, {account.Township, account.Filter{Under: 522632000000}, 0},
		} {
			if n := count(actors[c.who], c.filter); n != c.want {
				t.Errorf("%s, %+v: %d accounts, want %d", c.who, c.filter, n, c.want)
			}
		}

		// A phone number is masked; unmasked only with a reason, which is in the chain; in the database it can't be read.
		write(t, l, func(ctx context.Context, tx *ledger.Tx) error {
			masked, err := s.Phone(ctx, tx, admin, a.ID, "")
			if err != nil || masked != "138******00" {
				t.Errorf("%q, %v", masked, err)
			}
			if _, err := s.Phone(ctx, tx, actors[account.Village], a.ID, "x"); errs.KindOf(err) != errs.Refused {
				t.Errorf("a village worker: %v", err)
			}
			plain, err := s.Phone(ctx, tx, admin, a.ID, "核对身份")
			if err != nil || plain != "13800138000" {
				t.Errorf("%q, %v", plain, err)
			}
			var stored string
			if err := tx.NewSelect().Table("account").Column("phone").Where("id = ?", a.ID).Scan(ctx, &stored); err != nil || strings.Contains(stored, "138") || stored == "" {
				t.Errorf("stored as %q, %v", stored, err)
			}
			names, err := account.Names(ctx, tx, []string{a.ID, "system:x"})
			if len(names) != 1 || names[a.ID] != "王四" {
				t.Errorf("%v", names)
			}
			return err
		})
		err = l.Read(t.Context(), func(ctx context.Context, tx *ledger.Tx) error {
			p, err := audit.Show(ctx, tx, audit.Filter{Object: "account", ObjectID: a.ID})
			var got []string
			for _, e := range p.Events {
				got = append(got, e.Action+" "+e.Reason)
			}
			if !slices.Equal(got, []string{"account.reveal 核对身份", "account.change ", "account.create "}) {
				t.Errorf("%q", got)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestPasswordRules(t *testing.T) {
	for password, good := range map[string]bool{
		"Corr3ct horse": true, "山高水长 Abc1 好": true, "tR7#kk2Lmz": true,
		"": false, "Ab1!": false, "alllowercaseletters": false, "Aa1Aa1Aa1Aa1": false, "Abcd1234!!": false, "Password2026": false, "Wang.San2026x": false, "王三的口令Abc9!x": false,
		"Qwerty123456!": false, strings.Repeat("aB3$xyzk", 17): false, "1qaz2wsx!A": false,
	} {
		if err := account.CheckPassword(password, "wang.san", "王三"); (err == nil) != good {
			t.Errorf("%q: %v", password, err)
		}
	}
}
