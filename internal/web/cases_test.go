package web

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/xuri/excelize/v2"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
)

// received makes leads of households that only this test knows, in the village.
func (s *site) received(households ...int64) []casework.Case {
	s.Helper()
	cases, err := s.app.Casework()
	if err != nil {
		s.Fatal(err)
	}
	var all []casework.Case
	for _, h := range households {
		g := casework.Signal{Household: h, HouseholdNo: fmt.Sprint(h), Division: village, Channel: casework.Hotline, Risk: "income", Level: 3,
			Words: policy.Text{ZH: "=HYPERLINK(\"http://x\") <script>alert(1)</script>", EN: "=HYPERLINK(\"http://x\") <script>alert(1)</script>"}}
		if _, err := cases.Receive(s.Context(), account.SystemActor("test"), today, []casework.Signal{g}, nil); err != nil {
			s.Fatal(err)
		}
		page, err := cases.List(s.Context(), account.SystemActor("test"), today, casework.Filter{Household: h}, "", 1)
		if err != nil || len(page.Cases) != 1 {
			s.Fatalf("%d: %v", h, err)
		}
		all = append(all, page.Cases[0])
	}
	return all
}

// scripted is an account of the village whose name is markup and a formula.
func (s *site) scripted() string {
	s.Helper()
	var made account.Account
	err := s.app.Ledger.Write(s.Context(), today, func(ctx context.Context, tx *ledger.Tx) (err error) {
		page, err := s.app.Accounts().List(ctx, tx, account.SystemActor("test"), account.Filter{Login: "scripted"})
		if err != nil || len(page.Accounts) > 0 {
			if err == nil {
				made = page.Accounts[0]
			}
			return err
		}
		made, _, err = s.app.Accounts().Create(ctx, tx, account.SystemActor("test"), account.Staff{Login: "scripted", Name: `=1+1<script>alert(1)</script>`, Org: account.OrgID(village, ""), Roles: []account.Role{account.Village}})
		return err
	})
	if err != nil {
		s.Fatal(err)
	}
	return made.ID
}

func ref(c casework.Case) string { return fmt.Sprintf("%s:%d", c.ID, c.Version) }

// TestCasesList: every case in scope comes once, page by page, urgent ones first; filters narrow; nobody sees another's.
func TestCasesList(t *testing.T) {
	s := newSite(t, nil)
	county := s.as(account.County)
	seen := map[string]bool{}
	address := "/cases?stage=lead"
	for pages := 0; address != "" && pages < 50; pages++ {
		a := county.page(address)
		a.doc.Find("tbody th a").Each(func(_ int, e *goquery.Selection) {
			href, _ := e.Attr("href")
			if seen[href] {
				t.Errorf("%s comes twice", href)
			}
			seen[href] = true
		})
		address, _ = a.doc.Find("a[rel=next]").Attr("href")
	}
	cases, err := s.app.Casework()
	if err != nil {
		t.Fatal(err)
	}
	_, actor := s.sessionOf(account.County)
	counts, err := cases.Counts(t.Context(), actor, today, casework.Filter{Phases: []string{"lead"}})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, c := range counts {
		n += c.Cases
	}
	if n == 0 || len(seen) != n {
		t.Errorf("%d leads on the pages, %d in the ledger", len(seen), n)
	}
	county.page("/cases?level=red").lacks(".level-yellow", ".level-blue")
	county.page("/cases?due=overdue").lacks("td.now")
	county.page("/cases").has("a[href^='/cases/']", "#export", "#bulk-owner", "a[href^='/cases/handout']", "nav.side a[aria-current][href='/cases']")
	for path, want := range map[string]int{"/cases?level=purple": http.StatusUnprocessableEntity, "/cases?stage=nowhere": http.StatusUnprocessableEntity, "/cases?after=x": http.StatusUnprocessableEntity, "/cases?division=522632": http.StatusNotFound,
		"/cases?risk=nothing": http.StatusUnprocessableEntity, "/cases?age=x": http.StatusUnprocessableEntity, "/cases?due=x": http.StatusUnprocessableEntity} {
		if a := county.get(path); a.status != want {
			t.Errorf("%s: %d, want %d", path, a.status, want)
		}
	}
	worker := s.as(account.Village).page("/cases?stage=support")
	worker.lacks("#bulk-owner", "#export", "input[name=case]", "a[href^='/cases/handout']")
	s.as(account.Village).page("/cases").doc.Find("tbody th a").Each(func(_ int, e *goquery.Selection) {
		href, _ := e.Attr("href")
		got, err := cases.Some(t.Context(), account.SystemActor("test"), []string{strings.TrimPrefix(href, "/cases/")})
		for _, c := range got {
			if err != nil || c.Division != village {
				t.Errorf("the village sees a case of %s", c.Division)
			}
		}
	})
	s.as(account.Department).page("/cases").lacks("input[name=case]", "#export")
	if found := number.FindString(withoutLinks(county.page("/cases?stage=support"))); found != "" {
		t.Errorf("the list shows %s…", found[:6])
	}
	s.received(9100001)
	s.as(account.County).page("/warnings").has("a.to-case[href^='/cases/']")
}

// TestCasesMany: what is ticked is assigned, merged and handed out through the one door; who may not, cannot; nothing ticked and an old version are told.
func TestCasesMany(t *testing.T) {
	s := newSite(t, nil)
	owner := s.scripted()
	list := s.received(9100011, 9100012, 9100013, 9100014)
	township := s.as(account.Township)
	if a := township.post("/cases/assign", url.Values{"owner": {owner}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("nothing ticked: %d", a.status)
	}
	if a := s.as(account.Village).post("/cases/assign", url.Values{"owner": {owner}, "case": {ref(list[0])}}); a.status != http.StatusForbidden {
		t.Errorf("the village assigns: %d", a.status)
	}
	a := township.post("/cases/assign", url.Values{"owner": {owner}, "case": {ref(list[0]), ref(list[1])}, "query": {"stage=received&evil=//x"}})
	if to := a.header.Get("Location"); a.status != http.StatusSeeOther || to != "/cases?done=2&stage=received" {
		t.Fatalf("assigned: %d %s", a.status, to)
	}
	again := township.post("/cases/assign", url.Values{"owner": {owner}, "case": {ref(list[0])}})
	if again.status != http.StatusConflict {
		t.Errorf("an old version: %d", again.status)
	}
	again.has("[role=alert]")
	page := township.page("/cases?owner=" + owner)
	if n := page.doc.Find("tbody tr").Length(); n != 2 {
		t.Errorf("%d cases of the owner", n)
	}
	if strings.Contains(page.text, "<script>alert") {
		t.Error("the owner's name is markup on the page")
	}
	page.has("td:contains('<script>alert(1)</script>')")
	// merged: the later into the earlier
	a = township.post("/cases/merge", url.Values{"case": {ref(list[3]), ref(list[2])}})
	if to := a.header.Get("Location"); a.status != http.StatusSeeOther || to != "/cases/"+list[2].ID {
		t.Errorf("merged: %d %s", a.status, to)
	}
	if a := township.post("/cases/merge", url.Values{"case": {ref(list[2])}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("one case merged: %d", a.status)
	}
	// handed out
	township.page("/cases/handout").has("select[name='v"+village.Prefix()+"'] option[value='"+owner+"']", "td.amount")
	if a := township.post("/cases/handout", url.Values{"v" + village.Prefix(): {owner}, "division": {village.At(4).Prefix()}}); a.status != http.StatusSeeOther || !strings.Contains(a.header.Get("Location"), "done=") {
		t.Errorf("handed out: %d", a.status)
	}
	cases, err := s.app.Casework()
	if err != nil {
		t.Fatal(err)
	}
	got, err := cases.Some(t.Context(), account.SystemActor("test"), []string{list[2].ID})
	if c := got[list[2].ID]; err != nil || c.State != "accepted" || c.Owner != owner {
		t.Errorf("after handing out: %s of %q (%v)", c.State, c.Owner, err)
	}
	if a := township.post("/cases/handout", url.Values{"v522632100001": {"any"}}); a.status != http.StatusNotFound {
		t.Errorf("another county's village: %d", a.status)
	}
}

// TestSavedFilters: a filter is kept under a name, is found again, and goes; another's is not there.
func TestSavedFilters(t *testing.T) {
	s := newSite(t, nil)
	county := s.as(account.County)
	if a := county.post("/case-filters", url.Values{"name": {"<script>x</script>"}, "query": {"level=red&after=zz&x=y"}}); a.status != http.StatusSeeOther || a.header.Get("Location") != "/cases?level=red" {
		t.Fatalf("saved: %d %s", a.status, a.header.Get("Location"))
	}
	page := county.page("/cases?level=red")
	page.has(".saved a[aria-current][href='/cases?level=red']")
	if strings.Contains(page.text, "<script>x") {
		t.Error("a filter's name is markup")
	}
	drop, _ := page.doc.Find(".saved form").Attr("action")
	if a := s.as(account.Township).post(drop, nil); a.status != http.StatusNotFound {
		t.Errorf("another drops it: %d", a.status)
	}
	if a := county.post("/case-filters", url.Values{"name": {""}, "query": {"level=red"}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("without a name: %d", a.status)
	}
	if a := county.post(drop, nil); a.status != http.StatusSeeOther {
		t.Errorf("dropped: %d", a.status)
	}
	county.page("/cases?level=red").lacks(".saved")
}

// TestCasesExport: the list goes out with a reason only, which is noted first; no cell is a formula, no person is named, every row is marked.
func TestCasesExport(t *testing.T) {
	s := newSite(t, nil)
	list := s.received(9100021)
	township := s.as(account.Township)
	if a := township.post("/cases/assign", url.Values{"owner": {s.scripted()}, "case": {ref(list[0])}}); a.status != http.StatusSeeOther {
		t.Fatalf("assigned: %d", a.status)
	}
	if a := township.post("/cases/export", url.Values{"format": {"csv"}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("without a reason: %d", a.status)
	}
	if a := s.as(account.Village).post("/cases/export", url.Values{"format": {"csv"}, "reason": {"核实"}}); a.status != http.StatusForbidden {
		t.Errorf("the village exports: %d", a.status)
	}
	before := len(s.events("cases.export"))
	a := township.post("/cases/export?level=red", url.Values{"format": {"csv"}, "reason": {"西山镇核实分派"}})
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(a.text, "\ufeff"))).ReadAll()
	if err != nil || len(rows) < 2 || a.status != http.StatusOK {
		t.Fatalf("%d rows, %d, %v", len(rows), a.status, err)
	}
	found := false
	for _, row := range rows[1:] {
		found = found || slices.Contains(row, list[0].HouseholdNo)
		if row[len(row)-1] == "" || !strings.Contains(row[len(row)-1], "522633105") {
			t.Errorf("a row bears no mark: %v", row)
		}
		for _, cell := range row {
			if strings.IndexAny(cell, "=+-@\t\r") == 0 {
				t.Errorf("a cell begins like a formula: %q", cell)
			}
		}
	}
	if !found {
		t.Error("the case is not in the file")
	}
	events := s.events("cases.export")
	if len(events) != before+1 || events[len(events)-1].Reason != "西山镇核实分派" {
		t.Errorf("noted: %d events", len(events)-before)
	}
	book := township.post("/cases/export?level=red", url.Values{"format": {"xlsx"}, "reason": {"西山镇核实分派"}})
	f, err := excelize.OpenReader(bytes.NewReader([]byte(book.text)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for r := 2; r < 6; r++ {
		for c := 1; c <= 12; c++ {
			cell, err := excelize.CoordinatesToCellName(c, r)
			if err != nil {
				t.Fatal(err)
			}
			if formula, err := f.GetCellFormula(f.GetSheetName(0), cell); err != nil || formula != "" {
				t.Errorf("%s is a formula: %q", cell, formula)
			}
		}
	}
}
