package report_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"shouwang/internal/account"
	"shouwang/internal/errs"
	"shouwang/internal/housecode"
	"shouwang/internal/intake"
	"shouwang/internal/ledger"
	"shouwang/internal/registry"
	"shouwang/internal/report"
)

// workbook is a file as the national system gives it out: title, notes, header on row 3.
func workbook(t testing.TB, header []string, rows ...[]string) *bytes.Buffer {
	t.Helper()
	x := excelize.NewFile()
	defer x.Close()
	set := func(row int, cells []string) {
		for i, c := range cells {
			name, err := excelize.CoordinatesToCellName(i+1, row)
			if err != nil {
				t.Fatal(err)
			}
			if err := x.SetCellStr("Sheet1", name, c); err != nil {
				t.Fatal(err)
			}
		}
	}
	set(1, []string{"全国防止返贫监测信息系统"})
	set(2, []string{"导出时间：2026-11-14", "单位：从江县"})
	set(3, header)
	for i, r := range rows {
		set(4+i, r)
	}
	var b bytes.Buffer
	if err := x.Write(&b); err != nil {
		t.Fatal(err)
	}
	return &b
}

// TestNationalFiles: the exports that hold facts come in through intake, linked to their households; those that don't are told as such.
func TestNationalFiles(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	county := w.actors[account.County]
	take := func(name string, book *bytes.Buffer) (report.Imported, error) {
		t.Helper()
		period, err := intake.ParsePeriod("202611")
		if err != nil {
			t.Fatal(err)
		}
		return report.ImportNational(ctx, county, w.app.Pack, w.app.Intake(), name, book, intake.Options{Now: w.now, Scope: 522633000000, Period: period})
	}
	other := w.people[0]
	for _, p := range w.people {
		if p.Person.Relation != "head" && p.Identity.Number != "" {
			other = p
		}
	}
	head := w.head.Identity

	// A row a member; the head's row is the second one.
	got, err := take("（自定义）监测对象信息20261114.xlsx", workbook(t,
		[]string{"省", "市", "县", "乡", "行政村", "户编号", "姓名", "证件号码", "与户主关系", "监测对象类别", "识别监测时间", "风险消除时间", "风险消除方式", "致贫/返贫风险1", "民族"},
		[]string{"贵州省", "黔东南州", "从江县", "西山镇", "x", w.home.No, other.Identity.Name, other.Identity.Number, "之子", "边缘易致贫户", "202605", "", "", "因病", "苗族"},
		[]string{"贵州省", "黔东南州", "从江县", "西山镇", "x", w.home.No, head.Name, head.Number, "户主", "边缘易致贫户", "202605", "", "", "因病", "苗族"},
		[]string{"贵州省", "黔东南州", "从江县", "西山镇", "x", "", "某某", "123", "户主", "没有这一类", "不是日期", "", "", "因病", "苗族"},
	))
	if err != nil {
		t.Fatal(err)
	}
	if got.Kind != "monitored" || got.Rows != 3 || got.Facts != 2 || got.Receipt == nil {
		t.Fatalf("%+v", got)
	}
	if r := got.Receipt; r.Accepted != 1 || r.Rejected != 1 || r.Linked != 1 || r.Dataset != "monitored" {
		t.Errorf("receipt: %d accepted, %d rejected, %d linked, %s, %v", r.Accepted, r.Rejected, r.Linked, r.State, r.Error)
	}
	if strings.Join(got.Unread, " ") != "省 市 县 乡 行政村 民族" {
		t.Errorf("unread: %q", got.Unread)
	}
	var category string
	var cleared bool
	conn, err := w.app.Warehouse.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.QueryRowContext(ctx, fmt.Sprintf("SELECT category, cleared FROM fact_monitored WHERE household_id = %d AND batch = %d", w.home.ID, got.Receipt.Batch)).Scan(&category, &cleared); err != nil || category != "marginal" || cleared {
		t.Errorf("fact: %q, %v, %v", category, cleared, err)
	}

	// Known by its headers, whatever the file is called.
	got, err = take("导出(1).xlsx", workbook(t, []string{"户编号", "姓名", "证件号码", "务工开始时间", "务工结束时间", "务工区域", "月收入（元）", "企业名称"},
		[]string{w.home.No, other.Identity.Name, other.Identity.Number, "202603", "", "省外", "4200", "某厂"}))
	if err != nil || got.Kind != "work" || got.Receipt.Accepted != 1 || got.Receipt.Linked != 1 {
		t.Errorf("work: %+v, %v", got, err)
	}
	got, err = take("（乡村建设）户信息.xlsx", workbook(t, []string{"户编号", "姓名", "证件号码", "与户主关系", "危房等级", "住房面积（平方米）", "卫生厕所"},
		[]string{w.home.No, head.Name, head.Number, "户主", "C级", "86", "是"}))
	if err != nil || got.Kind != "household" || got.Receipt.Dataset != "housing" || got.Receipt.Accepted != 1 {
		t.Errorf("household: %+v, %v", got, err)
	}
	got, err = take("（自定义）行政村信息.xlsx", workbook(t, []string{"县", "乡", "行政村", "村卫生室个数"}, []string{"从江县", "西山镇", "顶洞村", "1"}))
	if err != nil || got.Kind != "village" || got.Rows != 1 || got.Receipt != nil || got.Why.ZH == "" {
		t.Errorf("village: %+v, %v", got, err)
	}

	if _, err := take("别的.xlsx", workbook(t, []string{"甲", "乙", "丙"}, []string{"1", "2", "3"})); errs.KindOf(err) != errs.Invalid {
		t.Errorf("an unknown workbook: %v", err)
	}
	if _, err := take("坏.xlsx", bytes.NewBufferString("no workbook")); errs.KindOf(err) != errs.Invalid {
		t.Errorf("no workbook: %v", err)
	}
	if _, err := report.ImportNational(ctx, w.actors[account.Township], w.app.Pack, w.app.Intake(), "监测对象信息.xlsx", workbook(t, []string{"户编号"}), intake.Options{}); errs.KindOf(err) != errs.Refused {
		t.Errorf("a township imports: %v", err)
	}
}

// TestCodesForTheRegister: every household of the register gets one, once.
func TestCodesForTheRegister(t *testing.T) {
	w := newWorld(t)
	codes, err := housecode.New(w.app.Keyring)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.app.Ledger.Write(t.Context(), w.now, func(ctx context.Context, tx *ledger.Tx) error {
		_, err := codes.Rotate(ctx, tx, w.actors[account.Admin], housecode.SM2)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	n := 0
	conn, err := w.app.Warehouse.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := registry.Walk(t.Context(), conn, township, func(registry.Household) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	for i, want := range [][2]int{{n, 0}, {0, n}} {
		got, err := report.IssueCodes(t.Context(), w.app.Warehouse, w.app.Ledger, codes, w.now, w.actors[account.County], township, w.now.AddDate(3, 0, 0), nil)
		if err != nil || got.New != want[0] || got.Kept != want[1] {
			t.Errorf("issue %d: %+v, %v, want %v", i+1, got, err, want)
		}
	}
	if _, err := report.IssueCodes(t.Context(), w.app.Warehouse, w.app.Ledger, codes, w.now, w.actors[account.County], 520102000000, w.now.AddDate(3, 0, 0), nil); errs.KindOf(err) != errs.NotFound {
		t.Errorf("for another county: %v", err)
	}
}
