package report_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"shouwang/internal/account"
	"shouwang/internal/account/accounttest"
	"shouwang/internal/app"
	"shouwang/internal/audit"
	"shouwang/internal/casework"
	"shouwang/internal/config"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/intake"
	"shouwang/internal/ledger"
	"shouwang/internal/measure"
	"shouwang/internal/paper"
	"shouwang/internal/policy"
	"shouwang/internal/registry"
	"shouwang/internal/report"
	"shouwang/internal/screening"
	"shouwang/internal/synth"
)

const township = division.Code(522633105000) // 西山镇

var started = time.Date(2026, 11, 15, 9, 30, 0, 0, time.UTC)

// world is a township of a synthetic county, taken in and screened, with one household on its way through the procedure.
type world struct {
	*testing.T
	app    *app.App
	desk   *report.Desk
	cases  *casework.Service
	actors map[account.Role]account.Actor
	now    time.Time
	home   registry.Household
	head   registry.Revealed
	people []registry.Revealed
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ctx := t.Context()
	dir := t.TempDir()
	cfg, err := config.Config{Data: filepath.Join(dir, "data"), Threads: 2}.Resolve(func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	a, err := app.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Create(ctx, started, true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	files := filepath.Join(dir, "synth")
	if _, err := synth.Generate(ctx, synth.Options{Out: files, Division: township, Households: 120, Seed: 5, AsOf: started, Pack: a.Pack, Tree: a.Tree}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Intake().Files(ctx, []string{filepath.Join(files, "files")}, intake.Options{Now: started}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Screening().Run(ctx, screening.Options{AsOf: started.Truncate(24 * time.Hour), Now: started, Full: true}); err != nil {
		t.Fatal(err)
	}
	font, err := paper.OpenFont()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, app: a, now: started}
	if w.desk, err = a.Desk(font); err != nil {
		t.Fatal(err)
	}
	if w.cases, err = a.Casework(); err != nil {
		t.Fatal(err)
	}
	w.choose(ctx)
	return w
}

// choose takes a household of three or more with a head whose name is known.
func (w *world) choose(ctx context.Context) {
	w.Helper()
	conn, err := w.app.Warehouse.Conn(ctx)
	if err != nil {
		w.Fatal(err)
	}
	defer conn.Close()
	var all []registry.Household
	if err := registry.Walk(ctx, conn, township, func(h registry.Household) error {
		if h.Members >= 3 {
			all = append(all, h)
		}
		return nil
	}); err != nil {
		w.Fatal(err)
	}
	for _, h := range all {
		people, err := registry.Reveal(ctx, conn, w.app.Keyring, w.app.Pack.Roster().ID, h.ID, "test", nil)
		if err != nil {
			w.Fatal(err)
		}
		for _, p := range people {
			if p.Person.Relation == "head" && p.Identity.Name != "" && p.Identity.Number != "" && p.Identity.Phone != "" {
				w.home, w.head, w.people = h, p, people
				w.actors = accounttest.Actors(h.Division)
				return
			}
		}
	}
	w.Fatal("no household fits")
}

type form = map[string]any

const hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

func (w *world) day() string { return casework.Civil(w.now).Format(time.DateOnly) }

func (w *world) act(role account.Role, c *casework.Case, action string, data form) *casework.Case {
	w.Helper()
	got, err := w.cases.Act(w.Context(), w.actors[role], w.now, casework.Act{Case: c.ID, Action: action, Version: c.Version, Data: data})
	if err != nil {
		w.Fatalf("%s by %s in %s: %v", action, role, c.State, err)
	}
	return got.Case
}

// publicised carries the household from a warning to the notice board.
func (w *world) publicised() *casework.Case {
	w.Helper()
	if _, err := w.cases.Receive(w.Context(), w.actors[account.County], w.now, []casework.Signal{{Household: w.home.ID, HouseholdNo: w.home.No, Division: w.home.Division, HouseholdType: "exited",
		Channel: casework.Screening, Risk: "other", Level: 3, Rule: "income_severe", Run: 1, Words: policy.Text{ZH: "人均参考收入 4 100 元，低于监测线", EN: "4,100 yuan a head"}}}, nil); err != nil {
		w.Fatal(err)
	}
	page, err := w.cases.List(w.Context(), w.actors[account.County], w.now, casework.Filter{Household: w.home.ID}, "", 1)
	if err != nil || len(page.Cases) != 1 {
		w.Fatal(len(page.Cases), err)
	}
	c := w.act(account.Village, &page.Cases[0], "accept", nil)
	c = w.act(account.Village, c, "record_visit", form{"visited_on": w.day(), "visitors": []any{form{"name": "龙驻村", "post": "team"}, form{"name": "石支书", "post": "village"}},
		"facts": []any{form{"indicator": "water_short_days", "value": 45.0, "remark": "枯水期"}}, "water_ok": false, "remark": "老屋漏雨，水源在山下"})
	c = w.act(account.Village, c, "verify_true", form{"risks": []any{form{"risk": "other", "remark": "债务较重"}}})
	c = w.act(account.Village, c, "authorise", form{"signed_on": w.day(), "signer": "head", "handprint": true, "scope": []any{"hukou", "property"}, "letter": []any{hash}})
	c = w.act(account.Township, c, "record_comparison", form{"results": []any{form{"department": "housing", "result": "clear"}}})
	c = w.act(account.Township, c, "finish_comparison", nil)
	c = w.act(account.Village, c, "appraise", form{"held_on": w.day(), "attendees": 20.0, "votes_for": 18.0, "votes_against": 1.0, "host": "石支书", "place": "鼓楼", "minutes": []any{hash}})
	return w.act(account.Village, c, "publicise", form{"posted_on": w.day(), "place": "村口公示栏"})
}

func (w *world) events(action string) (n int) {
	w.Helper()
	if err := w.app.Ledger.Read(w.Context(), func(ctx context.Context, tx *ledger.Tx) error {
		return tx.NewSelect().Model((*audit.Recorded)(nil)).ColumnExpr("count(*)").Where("action = ?", action).Scan(ctx, &n)
	}); err != nil {
		w.Fatal(err)
	}
	return n
}

// read gives a document's text without spaces, or "" where poppler is not installed.
func (w *world) read(d *paper.Doc) string {
	w.Helper()
	var b bytes.Buffer
	if _, err := d.WriteTo(&b); err != nil {
		w.Fatal(err)
	}
	program, err := exec.LookPath("pdftotext")
	if err != nil {
		if os.Getenv("CI") != "" {
			w.Fatal("CI must install poppler-utils")
		}
		return ""
	}
	cmd := exec.Command(program, "-layout", "-", "-")
	cmd.Stdin = &b
	out, err := cmd.Output()
	if err != nil {
		w.Fatal(err)
	}
	return strings.Join(strings.Fields(string(out)), "")
}

// TestPapersOfACase: what staff entered and what the register knows stands on the papers; looks are logged; who may not gets nothing; the public notice tells
// nothing about anybody.
func TestPapersOfACase(t *testing.T) {
	w := newWorld(t)
	c := w.publicised()
	ctx := t.Context()
	before := w.events(audit.Reveal)
	name := w.head.Identity.Name
	for id, want := range map[string][]string{
		"information":   {name, w.head.Identity.Number, w.head.Identity.Phone, "其他", "债务较重", w.home.No},
		"verification":  {"龙驻村（驻村工作队）", "老屋漏雨，水源在山下", "年缺水天数：45", "饮水安全：有问题"},
		"authorisation": {name, "☑户籍", "☑不动产", "☐存款", "由户主签字并捺印"},
		"minutes":       {"石支书", "鼓楼", "同意18人不同意1人弃权1人"},
		"decision":      {"住房和城乡建设", "无异常", "张贴于村口公示栏", "到会20人"},
		"plan":          {name, "债务较重"},
		"clearing":      {name},
	} {
		d, err := w.desk.Paper(ctx, w.actors[account.Township], w.now, c.ID, id, "归档")
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		text := w.read(d)
		for _, s := range want {
			if text != "" && !strings.Contains(text, strings.Join(strings.Fields(s), "")) {
				t.Errorf("%s lacks %q", id, s)
			}
		}
	}
	if got := w.events(audit.Reveal) - before; got != 14 {
		t.Errorf("%d looks are logged for seven papers, want two each: the case's content, the household's identities", got)
	}
	d, err := w.desk.Paper(ctx, w.actors[account.Township], w.now, c.ID, "notice", "张贴公示")
	if err != nil {
		t.Fatal(err)
	}
	if text := w.read(d); text != "" {
		first := []rune(name)[0]
		if !strings.Contains(text, string(first)+"*") || !strings.Contains(text, "支出较大或收入不足") || !strings.Contains(text, fmt.Sprintf("%d人", len(w.people))) {
			t.Errorf("the notice: %s", text)
		}
		secrets := []string{"债务", "漏雨", "石支书", w.home.No}
		for _, p := range w.people {
			secrets = append(secrets, p.Identity.Name, p.Identity.Number, p.Identity.Phone, p.Identity.BankAccount)
		}
		for _, s := range secrets {
			if s != "" && strings.Contains(text, s) {
				t.Errorf("the notice tells a secret of %d characters", len(s))
			}
		}
	}

	far := accounttest.Actors(520102003001)
	w.board(name, far)
	for what, got := range map[string]error{
		"no reason":      second(w.desk.Paper(ctx, w.actors[account.Township], w.now, c.ID, "plan", " ")),
		"unknown form":   second(w.desk.Paper(ctx, w.actors[account.Township], w.now, c.ID, "poem", "x")),
		"other county":   second(w.desk.Paper(ctx, far[account.Township], w.now, c.ID, "plan", "x")),
		"an auditor":     second(w.desk.Paper(ctx, w.actors[account.Auditor], w.now, c.ID, "plan", "x")),
		"no such case":   second(w.desk.Paper(ctx, w.actors[account.Township], w.now, "nonsense", "plan", "x")),
		"a village list": second(w.desk.Sheet(ctx, w.actors[account.Village], w.now, report.LedgerOptions{Kind: "checks", Reason: "x"}, nil)),
		"no ledger":      second(w.desk.Sheet(ctx, w.actors[account.County], w.now, report.LedgerOptions{Kind: "x", Reason: "x"}, nil)),
		"unsaid":         second(w.desk.Sheet(ctx, w.actors[account.County], w.now, report.LedgerOptions{Kind: "checks"}, nil)),
	} {
		want := map[string]errs.Kind{"no reason": errs.Invalid, "unknown form": errs.Invalid, "other county": errs.NotFound, "an auditor": errs.Refused, "no such case": errs.NotFound,
			"a village list": errs.Refused, "no ledger": errs.Invalid, "unsaid": errs.Invalid}[what]
		if errs.KindOf(got) != want {
			t.Errorf("%s: %v", what, got)
		}
	}
	w.ledgers(c)
}

// planned puts a donation into the plan.
func (w *world) planned(c *casework.Case) {
	w.Helper()
	plans, err := w.app.Plans()
	if err != nil {
		w.Fatal(err)
	}
	fen := int64(150050)
	if _, err := plans.Decide(w.Context(), w.actors[account.Township], w.now, measure.Decide{Case: c.ID, Items: []measure.Decision{{Option: "donation", Amount: &fen, Reason: "商会结对"}}}); err != nil {
		w.Fatal(err)
	}
}

func second[T any](_ T, err error) error { return err }

// ledgers goes on with the case: decided and monitored, it stands in the county's ledgers.
func (w *world) ledgers(c *casework.Case) {
	ctx := w.Context()
	w.now = w.now.AddDate(0, 0, 6)
	c = w.act(account.Township, c, "township_review", form{"opinion": "情况属实"})
	c = w.act(account.County, c, "decide", form{"category": "sudden", "decided_on": w.day(), "document_no": "从农防返〔2026〕31号"})
	c = w.act(account.Township, c, "announce", form{"announced_on": w.day(), "marked_month": "2026-11"})
	county := w.actors[account.County]
	sheet := func(kind string, masked bool) *report.Ledger {
		w.Helper()
		l, err := w.desk.Sheet(ctx, county, w.now, report.LedgerOptions{Kind: kind, Reason: "月度报送", Masked: masked}, nil)
		if err != nil {
			w.Fatalf("%s: %v", kind, err)
		}
		return l
	}
	cellOf := func(l *report.Ledger, row int, head string) any {
		w.Helper()
		i := slices.IndexFunc(l.Columns, func(c paper.Column) bool { return c.Head == head })
		if i < 0 {
			w.Fatalf("%s has no column %s", l.Kind, head)
		}
		return l.Rows[row][i]
	}
	monitored := sheet("monitored", false)
	if len(monitored.Rows) != 1 {
		w.Fatalf("%d rows", len(monitored.Rows))
	}
	for head, want := range map[string]any{"序号": 1, "户编号": w.home.No, "户主姓名": w.head.Identity.Name, "户主证件号码": w.head.Identity.Number, "家庭人口": len(w.people), "监测对象类别": "突发严重困难户",
		"识别监测时间": "202611", "致贫返贫风险1": "其他", "其他风险备注": "债务较重"} {
		if got := cellOf(monitored, 0, head); got != want {
			w.Errorf("monitored, %s: %v, want %v", head, got, want)
		}
	}
	h, err := w.app.Screening().Household(ctx, w.home.No)
	if err != nil {
		w.Fatal(err)
	}
	for _, v := range h.Indicators {
		if v.ID == "income_per_head" {
			got := cellOf(monitored, 0, "家庭人均纯收入")
			if v.Value == nil && got != "未知" || v.Value != nil && got != *v.Value {
				w.Errorf("income: %v, want %v", got, v.Value)
			}
		}
	}
	masked := sheet("monitored", true)
	for _, cell := range masked.Rows[0] {
		for _, p := range w.people {
			for _, s := range []string{p.Identity.Name, p.Identity.Number, p.Identity.Phone} {
				if text, ok := cell.(string); ok && s != "" && strings.Contains(text, s) {
					w.Errorf("the masked ledger tells %d characters of somebody", len(s))
				}
			}
		}
	}
	if checks := sheet("checks", false); cellOf(checks, 0, "入户人数") != 2 || !strings.Contains(fmt.Sprint(cellOf(checks, 0, "与系统不同之处")), "45") {
		w.Errorf("checks: %v", checks.Rows[0])
	}
	if m := sheet("measures", false); cellOf(m, 0, "措施类别") != "（尚无措施）" {
		w.Errorf("measures: %v", m.Rows[0])
	}
	w.planned(c)
	if m := sheet("measures", false); len(m.Rows) != 1 || cellOf(m, 0, "措施类别") != "社会帮扶" || cellOf(m, 0, "金额（元）") != 1500.5 || cellOf(m, 0, "状态") != "已采纳" {
		w.Errorf("measures of a plan: %v", m.Rows)
	}
	d, err := w.desk.Paper(ctx, w.actors[account.Township], w.now, c.ID, "plan", "归档")
	if err != nil {
		w.Fatal(err)
	}
	if text := w.read(d); text != "" && (!strings.Contains(text, "社会帮扶") || !strings.Contains(text, "已列金额合计1500.5元")) {
		w.Errorf("the plan lacks its measure: %s", text)
	}
	sheet("problems", false)

	var x, c2 bytes.Buffer
	if err := monitored.Write(&x, "xlsx"); err != nil {
		w.Fatal(err)
	}
	book, err := excelize.OpenReader(&x)
	if err != nil {
		w.Fatal(err)
	}
	defer book.Close()
	rows, err := book.GetRows("Sheet1")
	if err != nil || rows[2][2] != "户编号" || rows[3][2] != w.home.No {
		w.Errorf("xlsx: %v %v", rows, err)
	}
	if err := monitored.Write(&c2, "csv"); err != nil {
		w.Fatal(err)
	}
	records, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(c2.String(), "\ufeff"))).ReadAll()
	if err != nil || len(records) != 2 {
		w.Errorf("csv: %d records, %v", len(records), err)
	}
	if err := monitored.Write(io.Discard, "doc"); errs.KindOf(err) != errs.Invalid {
		w.Errorf("an unknown format: %v", err)
	}
	doc, err := monitored.PDF(w.desk.Font, w.now)
	if err != nil {
		w.Fatal(err)
	}
	if text := w.read(doc); text != "" && !strings.Contains(text, w.head.Identity.Number) {
		w.Error("the ledger on paper lacks the head's number")
	}
}

// board: the village's notices are collected as they hang, tell nothing personal, and are gone after their day.
func (w *world) board(name string, far map[account.Role]account.Actor) {
	w.Helper()
	ctx := w.Context()
	list, err := w.desk.Board(ctx, w.actors[account.Village], w.now, w.home.Division)
	if err != nil || len(list) != 1 || len(list[0].Rows) != 1 {
		w.Fatalf("the board: %d sheets, %v", len(list), err)
	}
	row := list[0].Rows[0]
	if row.Head == name || !strings.HasPrefix(row.Head, string([]rune(name)[0])+"*") || row.Members != len(w.people) || row.Risk != "支出较大或收入不足" || list[0].ExpiresOn <= list[0].OverOn {
		w.Errorf("the row: %d members, risk %s, %s to %s", row.Members, row.Risk, list[0].OverOn, list[0].ExpiresOn)
	}
	before := w.events("report.notices")
	doc, err := w.desk.Notices(ctx, w.actors[account.Township], w.now, w.home.Division)
	if err != nil {
		w.Fatal(err)
	}
	if text := w.read(doc); text != "" && (strings.Contains(text, name) || !strings.Contains(text, "请于")) {
		w.Error("the sheet names somebody, or says no day to take it down")
	}
	if w.events("report.notices") != before+1 {
		w.Error("printing left no event")
	}
	for what, got := range map[string]error{
		"other county": second(w.desk.Notices(ctx, far[account.Township], w.now, w.home.Division)), "an auditor": second(w.desk.Notices(ctx, w.actors[account.Auditor], w.now, w.home.Division)),
		"no village": second(w.desk.Notices(ctx, w.actors[account.County], w.now, township)), "a month later": second(w.desk.Notices(ctx, w.actors[account.Township], w.now.AddDate(0, 1, 0), w.home.Division)),
	} {
		if errs.KindOf(got) != errs.NotFound && errs.KindOf(got) != errs.Refused {
			w.Errorf("%s: %v", what, got)
		}
	}
	if own, err := w.cases.OfHousehold(ctx, w.home.ID); err != nil || own.Phase != "identify" || strings.Contains(own.Words.ZH, "风险") {
		w.Errorf("what the household reads: %+v %v", own, err)
	}
	if own, err := w.cases.OfHousehold(ctx, w.home.ID+1_000_000); err != nil || own.Phase != "" {
		w.Errorf("a household without a case reads %q, %v", own.Phase, err)
	}
}
