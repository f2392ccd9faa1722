package account_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"shouwang/internal/account"
	"shouwang/internal/account/accounttest"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/ledger/ledgertest"
)

func TestBootstrap(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		s := accounttest.Service(t, l)
		if _, _, err := s.Bootstrap(t.Context(), now, "root", "管理员", "77"); errs.KindOf(err) == 0 {
			t.Error("an organisation that is not there")
		}
		a, password, err := s.Bootstrap(t.Context(), now, "root", "管理员", "52")
		if err != nil || a.Division != 520000000000 {
			t.Fatalf("%+v, %v", a, err)
		}
		in, err := s.SignIn(t.Context(), now, account.Credentials{Login: "root", Password: password})
		if err != nil || in.Session.Stage != account.WantsPassword {
			t.Errorf("%+v, %v", in, err)
		}
		if _, _, err := s.Bootstrap(t.Context(), now, "root2", "管理员", "52"); errs.KindOf(err) != errs.Refused {
			t.Errorf("twice: %v", err)
		}
	})
}

func sheet(t *testing.T, rows ...[]any) *bytes.Buffer {
	t.Helper()
	f := excelize.NewFile()
	for i, r := range rows {
		if err := f.SetSheetRow("Sheet1", fmt.Sprintf("A%d", i+1), &r); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return &b
}

func TestImportOfStaff(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		s := accounttest.Service(t, l)
		admin := accounttest.Actors(accounttest.Village)[account.Admin]
		list := func() *bytes.Buffer {
			return sheet(t,
				[]any{"从江县工作人员名单"},
				[]any{"序号", "姓名", "登录名", "角色", "单位编号", "手机号"},
				[]any{1, "王一", "wang1", "村级工作人员", "522633105209", "13800138001"},
				[]any{2, "王二", "W", "village", "522633105209", ""},
				[]any{3, "", "wang3", "village", "522633105209", ""},
				[]any{4, "王四", "wang4", "村长", "522633105209", ""},
				[]any{5, "王五", "wang5", "县级", "522633105209", ""},
				[]any{6, "王六", "wang6", "village", "522632001004", ""},
				[]any{7, "王七", "wang7", "village", "顶洞村", ""},
				[]any{8, "王八", "wang8", "village", "522633105209", "没有"},
				[]any{9, "王九", "WANG1", "village", "522633105209", ""},
				[]any{nil, " "},
				[]any{10, "李一", "li1", "部门人员、政策管理员", "522633-medical_insurance", ""},
				[]any{11, "李二", "li2", "乡镇", "522633105", ""},
			)
		}
		if _, err := s.Import(t.Context(), now, accounttest.Actors(accounttest.Village)[account.County], list()); errs.KindOf(err) != errs.Refused {
			t.Errorf("by the county: %v", err)
		}
		got, err := s.Import(t.Context(), now, admin, list())
		if err != nil {
			t.Fatal(err)
		}
		var made, rejects []string
		for _, m := range got.Made {
			made = append(made, fmt.Sprint(m.Row, " ", m.Login, " ", m.Org))
		}
		for _, r := range got.Rejects {
			rejects = append(rejects, fmt.Sprint(r.Row, " ", r.Column))
			if r.ZH == "" || r.EN == "" || strings.Contains(r.ZH+r.EN, "王") || strings.Contains(r.ZH+r.EN, "没有电") {
				t.Errorf("%+v", r)
			}
		}
		if want := []string{"3 wang1 522633105209", "13 li1 522633-medical_insurance", "14 li2 522633105"}; !slices.Equal(made, want) {
			t.Errorf("made %q", made)
		}
		if want := []string{"4 登录名", "5 姓名", "6 角色", "7 角色", "8 单位编号", "9 单位编号", "10 手机号", "11 登录名"}; !slices.Equal(rejects, want) {
			t.Errorf("rejects %q\n%+v", rejects, got.Rejects)
		}
		for _, m := range got.Made {
			if in, err := s.SignIn(t.Context(), now, account.Credentials{Login: m.Login, Password: m.Password}); err != nil || in.Session.Stage != account.WantsPassword {
				t.Errorf("%s: %v", m.Login, err)
			}
		}
		// The same list again makes nobody twice.
		if got, err := s.Import(t.Context(), now, admin, list()); err != nil || len(got.Made) != 0 || len(got.Rejects) != 11 {
			t.Errorf("%+v, %v", got, err)
		}
		for name, file := range map[string]*bytes.Buffer{
			"no XLSX":   bytes.NewBufferString("登录名,姓名"),
			"no header": sheet(t, []any{"a", "b"}, []any{"c"}),
			"empty":     sheet(t),
		} {
			if _, err := s.Import(t.Context(), now, admin, file); errs.KindOf(err) != errs.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
