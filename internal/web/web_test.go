package web

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/xuri/excelize/v2"

	"shouwang/internal/account"
	"shouwang/internal/registry"
)

// TestWhoOpensWhat: for every role and every address, what must open and what must not; nobody's pages link to what their role cannot open.
func TestWhoOpensWhat(t *testing.T) {
	s := newSite(t, nil)
	no := s.worst(village.At(4))
	draft := s.drafted()
	id := s.as(account.County).lead(no, "走访发现大病")
	people := map[account.Role]*person{}
	all := []account.Role{account.Province, account.Prefecture, account.County, account.Township, account.Village, account.Department, account.Policy, account.Auditor, account.Admin}
	for _, role := range all {
		people[role] = s.as(role)
		for _, link := range people[role].page("/help").doc.Find("nav.side a").EachIter() {
			if href, _ := link.Attr("href"); people[role].get(href).status != http.StatusOK {
				t.Errorf("%s is shown %s and cannot open it", role, href)
			}
		}
	}
	for _, x := range []struct {
		path string
		open []account.Role
	}{
		{"/", all},
		{"/cases", append(slices.Clone(all[:6]), account.Auditor)},
		{"/cases/handout", []account.Role{account.County, account.Township}},
		{"/overview", all[:8]},
		{"/overview/export?format=csv", all[:8]},
		{"/overview/cases", append(slices.Clone(all[:6]), account.Auditor)},
		{"/map", all[:8]},
		{"/warnings", all[:5]},
		{"/households", all[:5]},
		{"/households/" + no, all[:4]},
		{"/cases/new", []account.Role{account.County, account.Township, account.Village}},
		{"/cases/" + id, append(slices.Clone(all[:4]), account.Auditor)},
		{"/cases/" + id + "/plan", append(slices.Clone(all[:4]), account.Auditor)},
		{"/orders", append(slices.Clone(all[:6]), account.Auditor)},
		{"/orders/nothing", nil},
		{"/cases/" + id + "/files/" + strings.Repeat("0", 64), nil},
		{"/data", []account.Role{account.Province, account.Prefecture, account.County, account.Department, account.Policy, account.Auditor}},
		{"/data/requests", []account.Role{account.Province, account.Prefecture, account.County, account.Department, account.Policy, account.Auditor}},
		{"/data/receipts", []account.Role{account.Province, account.Prefecture, account.County, account.Department, account.Auditor}},
		{"/data/upload", []account.Role{account.Province, account.Prefecture, account.County, account.Department}},
		{"/policy", all},
		{"/policy/rules", all},
		{"/policy/rules/illness_poverty", all},
		{"/policy/indicators", all},
		{"/policy/whatif", []account.Role{account.Province, account.Prefecture, account.County, account.Policy}},
		{"/policy/drafts", []account.Role{account.Policy}},
		{"/policy/drafts/" + draft, []account.Role{account.Policy}},
		{"/policy/drafts/" + draft + "/text", []account.Role{account.Policy}},
		{"/policy/drafts/" + draft + "/edit?parameter=line", []account.Role{account.Policy}},
		{"/policy/history", all},
		{"/policy/history/compare", all},
		{"/help", all},
		{"/phone", []account.Role{account.Village}},
		{"/phone/sync", []account.Role{account.Village}},
		{"/codes", all[:5]},
		{"/households/" + no + "/codes", all[:4]},
		{"/admin/health", all[7:]},
		{"/admin/accounts", []account.Role{account.Province, account.Prefecture, account.County, account.Township, account.Auditor, account.Admin}},
		{"/admin/accounts/new", all[8:]},
		{"/admin/accounts/import", all[8:]},
		{"/admin/orgs", []account.Role{account.Province, account.Prefecture, account.County, account.Township, account.Auditor, account.Admin}},
		{"/admin/roles", []account.Role{account.Province, account.Prefecture, account.County, account.Township, account.Auditor, account.Admin}},
		{"/admin/divisions", []account.Role{account.Province, account.Prefecture, account.County, account.Township, account.Auditor, account.Admin}},
		{"/admin/feeds", []account.Role{account.Province, account.Prefecture, account.County, account.Policy, account.Auditor, account.Admin}},
		{"/admin/sessions", all[7:]},
		{"/admin/tokens", all[7:]},
		{"/admin/jobs", []account.Role{account.Province, account.Prefecture, account.County, account.Policy, account.Auditor, account.Admin}},
		{"/admin/keys", all[8:]},
		{"/admin/audit", all[7:8]},
		{"/apply", all},
		{"/apply/follow", all},
		{"/notices", all},
	} {
		for _, role := range all {
			a := people[role].get(x.path)
			want := http.StatusForbidden
			if slices.Contains(x.open, role) {
				want = http.StatusOK
			} else if (strings.HasPrefix(x.path, "/cases/"+id) || x.path == "/orders/nothing") && !slices.Contains([]account.Role{account.Policy, account.Admin}, role) {
				want = http.StatusNotFound // not the reader's, or a file that no paper names: not there
			} else if x.path == "/policy/drafts/"+draft || x.path == "/policy/drafts/"+draft+"/text" {
				want = http.StatusNotFound // a draft is its officers' alone
			} else if strings.HasPrefix(x.path, "/households/") && role == account.Village {
				want = http.StatusNotFound // another village's household: not there
			}
			if a.status != want {
				t.Errorf("%s opens %s with %d, want %d", role, x.path, a.status, want)
			}
		}
	}
	for _, path := range []string{"/", "/overview", "/households/" + no, "/data"} {
		if a := s.as("").get(path); a.status != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), "/sign-in") {
			t.Errorf("somebody without an account opens %s: %d %s", path, a.status, a.header.Get("Location"))
		}
	}
}

// number finds eighteen digits, and phones.
var number = regexp.MustCompile(`\d{17}[\dXx]|\b1[3-9]\d{9}\b`)

// fingerprint of a file, in an address: a run of digits in it is nobody's number.
var fingerprint = regexp.MustCompile(`\b[0-9a-f]{64}\b`)

// TestNothingPersonal: no page of any role holds a resident number, a phone or a name in plain, unless it was asked for with a reason.
func TestNothingPersonal(t *testing.T) {
	s := newSite(t, nil)
	no := s.worst(county)
	names := s.names(no)
	county := s.as(account.County)
	for _, path := range []string{"/overview", "/warnings", "/households/" + no, "/data", "/data/receipts", "/data/requests"} {
		a := county.page(path)
		text := fingerprint.ReplaceAllString(strings.ReplaceAll(a.text, no, ""), "")
		a.doc.Find("code, a, th").Each(func(_ int, e *goquery.Selection) { text = strings.ReplaceAll(text, e.Text(), "") }) // household numbers and fingerprints
		if found := number.FindString(text); found != "" {
			t.Errorf("%s shows %s…", path, found[:6])
		}
		for _, name := range names {
			if strings.Contains(a.text, name) {
				t.Errorf("%s shows a name in plain", path)
			}
		}
	}
	page := county.page("/households/" + no)
	page.has("#why", "#members table", "#guarantees", "#facts", "#reveal form")
	page.lacks("th:contains('身份证号')", "th:contains('银行账号')")
}

// names of the members of a household, in plain.
func (s *site) names(no string) []string {
	s.Helper()
	conn, err := s.app.Warehouse.Conn(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	defer conn.Close()
	h, err := registry.ByHouseholdNo(s.Context(), conn, no)
	if err != nil {
		s.Fatal(err)
	}
	people, err := registry.Reveal(s.Context(), conn, s.app.Keyring, s.app.Pack.Roster().ID, h.ID, "test", nil)
	if err != nil {
		s.Fatal(err)
	}
	var out []string
	for _, p := range people {
		if p.Identity.Name != "" {
			out = append(out, p.Identity.Name)
		}
	}
	if len(out) == 0 {
		s.Fatal("nobody in the household has a name")
	}
	return out
}

// TestReveal: personal data are shown once, with a reason, to those who may, and the audit chain has it before they are.
func TestReveal(t *testing.T) {
	s := newSite(t, nil)
	no := s.worst(county)
	p := s.as(account.County)
	before := len(s.events("household.reveal"))
	if a := p.post("/households/"+no+"/reveal", url.Values{"reason": {"  "}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("without a reason: %d", a.status)
	}
	if a := p.post("/households/"+no+"/reveal", url.Values{"reason": {"核对 138 0000 0000"}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a reason with a phone: %d", a.status)
	}
	if n := len(s.events("household.reveal")); n != before {
		t.Errorf("a refused look left %d events", n-before)
	}
	a := p.post("/households/"+no+"/reveal", url.Values{"reason": {"入户核实前核对身份"}})
	if a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.text)
	}
	a.has("th:contains('身份证号')", "th:contains('银行账号')", ".notice:contains('记入审计')")
	for _, name := range s.names(no) {
		if !strings.Contains(a.text, name) {
			t.Error("a name is not shown")
		}
	}
	if c := a.header.Get("Cache-Control"); c != "no-store" {
		t.Errorf("a page with personal data may be kept: %q", c)
	}
	events := s.events("household.reveal")
	if len(events) != before+1 {
		t.Fatalf("%d events, want one more than %d", len(events), before)
	}
	last := events[len(events)-1]
	if last.Reason != "入户核实前核对身份" || last.ObjectID != no || number.MatchString(strings.ReplaceAll(string(last.Detail), no, "")) {
		t.Errorf("event %+v", last)
	}
	for _, role := range []account.Role{account.Department, account.Policy, account.Auditor, account.Admin} {
		if a := s.as(role).post("/households/"+no+"/reveal", url.Values{"reason": {"x"}}); a.status != http.StatusForbidden {
			t.Errorf("%s reveals: %d", role, a.status)
		}
	}
	if a := s.as(account.Village).post("/households/"+no+"/reveal", url.Values{"reason": {"x"}}); a.status != http.StatusNotFound {
		t.Errorf("another village reveals: %d", a.status)
	}
}

// TestScope: what lies outside a reader's division is not there, whatever the address says.
func TestScope(t *testing.T) {
	s := newSite(t, nil)
	elsewhere := s.worst(522632000000) // 榕江县
	p := s.as(account.County)
	for _, path := range []string{"/households/" + elsewhere, "/overview?division=522632", "/warnings?division=522632", "/warnings?division=52", "/map?division=52", "/data?division=522632", "/data/requests?division=5226"} {
		if a := p.get(path); a.status != http.StatusNotFound {
			t.Errorf("%s: %d, want 404", path, a.status)
		}
	}
	there, never := p.get("/households/"+elsewhere), p.get("/households/99999999999999999")
	if there.doc.Find(".answer").Text() != never.doc.Find(".answer").Text() {
		t.Error("a household outside the division is told apart from one that does not exist")
	}
	if a := p.post("/households", url.Values{"number": {elsewhere}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("looking it up: %d", a.status)
	}
	a := p.page("/warnings")
	listed := a.doc.Find("tbody th a[href^='/households/']")
	if listed.Length() == 0 {
		t.Error("no warning is listed")
	}
	listed.Each(func(_ int, e *goquery.Selection) {
		if !strings.HasPrefix(e.Text(), "522633") {
			t.Errorf("a warning of %s is listed", e.Text())
		}
	})
	if strings.Contains(p.page("/data").text, "榕江县") {
		t.Error("the calendar shows another county")
	}
	d := s.as(account.Department).page("/data")
	if n := d.doc.Find(".coverage tbody tr").Length(); n != 2 {
		t.Errorf("the health insurance's calendar has %d rows, want its two datasets", n)
	}
}

// TestOverview: the page's figures are those of the store, and each leads to the list behind it.
func TestOverview(t *testing.T) {
	s := newSite(t, nil)
	p := s.as(account.County)
	o, err := s.app.Screening().Overview(t.Context(), county)
	if err != nil {
		t.Fatal(err)
	}
	a := p.page("/overview")
	a.has("h1", "a[href='/warnings?division=522633&level=red']", "table tbody tr", "nav.side a[aria-current=page][href='/overview']")
	a.lacks("#map") // one county is no map
	if n := a.doc.Find("[aria-labelledby=areas-title] tbody tr").Length(); n != 20 {
		t.Errorf("%d townships, want Congjiang's 20", n)
	}
	if text := a.doc.Find(".figures").Text(); !strings.Contains(text, fmt.Sprint(o.Total.Red)) {
		t.Errorf("figures: %s", text)
	}
	red := p.page("/warnings?level=red")
	if text := red.doc.Find(".answer").Text(); !strings.Contains(text, fmt.Sprint(o.Total.Red)) {
		t.Errorf("the list behind the figure says %q, the figure %d", text, o.Total.Red)
	}
	province := s.as(account.Province).page("/overview")
	province.has("#map[data-map]", ".map-note:contains('示意图，不作为划界依据')", "script[src*='echarts']", "#map-data")
	if n := province.doc.Find("script[src*='echarts']").Length(); n != 1 || a.doc.Find("script[src*='echarts']").Length() != 0 {
		t.Error("charts are loaded where there are none, or not where there are")
	}
	numbered := newSite(t, func(c *Config) { c.MapNumber = "GS(2026)0001号" }).as(account.Province).page("/overview")
	numbered.has(".map-note:contains('GS(2026)0001号')")
	numbered.lacks(".map-note:contains('示意图')")
}

// TestWhy: a warning is followed back to the rows of the files that it rests on.
func TestWhy(t *testing.T) {
	s := newSite(t, nil)
	p := s.as(account.County)
	a := p.page("/warnings?rule=illness_poverty")
	no := a.doc.Find("tbody th a").First().Text()
	household := p.page("/households/" + no)
	href, ok := household.doc.Find("details.evidence a[href*='/why/illness_poverty']").Attr("href")
	if !ok {
		t.Fatal("the household's page does not lead to the reasons of the rule that listed it")
	}
	why := p.page(href)
	why.has(".notice:contains('一致')", ".rows li:contains('医保结算'):contains('行')", ".rule-text")
	if s.as(account.Village).get(href).status != http.StatusNotFound {
		t.Error("another village reads the reasons")
	}
	for _, bad := range []string{"/households/" + no + "/why/nothing", "/households/1/why/illness_poverty", href + "?run=99", href + "?run=x"} {
		if b := p.get(bad); b.status < 400 || b.status >= 500 {
			t.Errorf("%s: %d", bad, b.status)
		}
	}
	past := p.page("/households/" + no + "?run=1")
	past.has("#why .warning")
}

// TestPaging: page by page the list shows every warning once, in order.
func TestPaging(t *testing.T) {
	s := newSite(t, nil)
	p := s.as(account.County)
	seen := map[string]bool{}
	path, pages := "/warnings", 0
	for path != "" {
		a := p.page(path)
		a.doc.Find("tbody tr").Each(func(_ int, e *goquery.Selection) {
			key := e.Find("th").Text() + e.Find("td[data-label='风险']").Text()
			if seen[key] {
				t.Errorf("%s is listed twice", key)
			}
			seen[key] = true
		})
		path, _ = a.doc.Find("a[rel=next]").Attr("href")
		pages++
	}
	want := 0
	o, err := s.app.Screening().Overview(t.Context(), county)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range o.ByRisk {
		want += int(r.Red + r.Yellow + r.Blue)
	}
	if len(seen) != want || pages < 2 {
		t.Errorf("%d warnings on %d pages, want %d", len(seen), pages, want)
	}
	for _, bad := range []string{"/warnings?after=x", "/warnings?after=9-1-illness", "/warnings?level=purple", "/warnings?risk='", "/warnings?rule=nothing", "/warnings?change=gone"} {
		if a := p.get(bad); a.status < 400 || a.status >= 500 {
			t.Errorf("%s: %d", bad, a.status)
		}
	}
}

// TestExport: a list goes out with a reason only, without personal data, marked, and no cell of it is a formula.
func TestExport(t *testing.T) {
	s := newSite(t, nil)
	p := s.as(account.County)
	if a := p.post("/warnings/export", url.Values{"format": {"csv"}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("without a reason: %d", a.status)
	}
	for _, format := range []string{"csv", "xlsx"} {
		before := len(s.events("warnings.export"))
		a := p.post("/warnings/export?level=red", url.Values{"format": {format}, "reason": {`=HYPERLINK("x")`}})
		if a.status != http.StatusOK || !strings.Contains(a.header.Get("Content-Disposition"), "attachment") {
			t.Fatalf("%s: %d %v", format, a.status, a.header)
		}
		if n := len(s.events("warnings.export")); n != before+1 {
			t.Errorf("%s: %d events more", format, n-before)
		}
		var rows [][]string
		if format == "csv" {
			var err error
			if rows, err = csv.NewReader(strings.NewReader(strings.TrimPrefix(a.text, "\ufeff"))).ReadAll(); err != nil {
				t.Fatal(err)
			}
		} else {
			f, err := excelize.OpenReader(strings.NewReader(a.text))
			if err != nil {
				t.Fatal(err)
			}
			if rows, err = f.GetRows(f.GetSheetName(0)); err != nil {
				t.Fatal(err)
			}
			for _, c := range []string{"A2", "G2", "I2"} {
				if formula, err := f.GetCellFormula(f.GetSheetName(0), c); err != nil || formula != "" {
					t.Errorf("%s is a formula: %q", c, formula)
				}
			}
		}
		if len(rows) < 10 {
			t.Fatalf("%s: %d rows", format, len(rows))
		}
		for _, row := range rows[1:] {
			if row[0] != "红" || !strings.Contains(row[len(row)-1], "522633") {
				t.Errorf("%s: row %v", format, row)
			}
			for i, cell := range row {
				if cell != "" && strings.ContainsRune("=+@\t\r", rune(cell[0])) {
					t.Errorf("%s: cell %d would be run: %q", format, i, cell)
				}
				if i != 1 && number.MatchString(cell) {
					t.Errorf("%s: a number in cell %d", format, i)
				}
			}
		}
	}
}

// TestMarkup: whatever somebody types or is called stays text.
func TestMarkup(t *testing.T) {
	s := newSite(t, nil)
	p := s.as(account.County)
	const evil = `<script>alert(1)</script>`
	no := s.worst(county)
	conn, err := s.app.Warehouse.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	h, err := registry.ByHouseholdNo(t.Context(), conn, no)
	if err != nil {
		t.Fatal(err)
	}
	members, err := registry.Members(t.Context(), conn, h.ID, false)
	if err != nil {
		t.Fatal(err)
	}
	// The head of the household is called <script>.
	key := members[0].Key
	var old []byte
	where := fmt.Sprintf(" WHERE household_id = %d AND person_key = (CAST(%d AS UHUGEINT) << 64) + CAST(%d AS UHUGEINT)", h.ID, key.Hi, key.Lo)
	if err := conn.QueryRowContext(t.Context(), "SELECT name_enc FROM fact_roster"+where).Scan(&old); err != nil {
		t.Fatal(err)
	}
	name := func(v []byte) {
		if _, err := conn.ExecContext(t.Context(), "UPDATE fact_roster SET name_enc = ?"+where, v); err != nil {
			t.Fatal(err)
		}
	}
	name(s.app.Keyring.Seal(nil, "name", key, []byte(evil)))
	defer name(old)
	for path, a := range map[string]answer{
		"revealed household": p.post("/households/"+no+"/reveal", url.Values{"reason": {evil}}),
		"find":               p.post("/households", url.Values{"number": {evil}}),
		"filter":             p.get("/warnings?risk=" + url.QueryEscape(evil)),
		"what if":            p.get("/policy/whatif?parameter=line&value=" + url.QueryEscape(evil)),
		"not there":          p.get("/" + url.PathEscape(evil)),
		"sign-in":            s.as("").get("/sign-in?back=" + url.QueryEscape(`/"><script>alert(1)</script>`)),
		"upload":             p.upload(evil+".csv", "x,y\n1,2\n", nil),
	} {
		if strings.Contains(a.text, "<script>alert") {
			t.Errorf("%s: markup of a stranger in the page", path)
		}
	}
	if a := p.post("/households/"+no+"/reveal", url.Values{"reason": {"x"}}); !strings.Contains(a.text, "&lt;script&gt;alert(1)") {
		t.Error("the name is not shown at all")
	}
}

// upload delivers a file.
func (p *person) upload(name, text string, fields map[string]string) answer {
	p.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for k, v := range fields {
		if err := w.WriteField(k, v); err != nil {
			p.Fatal(err)
		}
	}
	part, err := w.CreateFormFile("file", name)
	if err != nil {
		p.Fatal(err)
	}
	if _, err := io.WriteString(part, text); err != nil {
		p.Fatal(err)
	}
	if err := w.Close(); err != nil {
		p.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodPost, p.http.URL+"/data/upload", &b)
	if err != nil {
		p.Fatal(err)
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	return p.do(r)
}

// settlements is a small file of the health insurance: a good row, one with a day that does not exist.
func (s *site) settlements() string {
	return "结算单号,姓名,身份证号码,医疗类别,结算日期,医疗总费用,个人自付\n" +
		"W0001,张三,52263319800101001X,住院,2026-10-03,1000,200\nW0002,张三,52263319800101001X,住院,2026-02-30,1000,200\n"
}

// TestUpload: a department delivers its file, reads the receipt, downloads what was rejected; and can deliver nothing else.
func TestUpload(t *testing.T) {
	s := newSite(t, nil)
	p := s.as(account.Department)
	a := p.upload("../../医保结算_522633_202610_web.csv", s.settlements(), nil)
	if a.status != http.StatusSeeOther && a.status != http.StatusUnprocessableEntity {
		t.Fatalf("%d %s", a.status, a.text)
	}
	// Half of the rows are rejected: more than the contract bears, so the whole file comes back, with the rows to download.
	receipts := p.page("/data/receipts")
	receipts.has("a:contains('医保结算_522633_202610_web.csv')")
	href, _ := receipts.doc.Find("a:contains('_web.csv')").Attr("href")
	receipt := p.page(href)
	receipt.has("dl.facts-list", "form[action$='/rejects'] button", "th:contains('不是日期')")
	if strings.Contains(receipt.text, "张三") || strings.Contains(receipt.text, "52263319800101001X") {
		t.Error("the receipt shows somebody's name or number")
	}
	before := len(s.events("intake.rejects"))
	rejects := p.post(href+"/rejects", nil)
	if rejects.status != http.StatusOK || !strings.Contains(rejects.text, "2026-02-30") || !strings.Contains(rejects.text, "原因") {
		t.Errorf("rejects: %d %s", rejects.status, rejects.text)
	}
	if n := len(s.events("intake.rejects")); n != before+1 {
		t.Errorf("%d events more for a download", n-before)
	}
	for role, want := range map[account.Role]int{account.County: 200, account.Auditor: 200} {
		if a := s.as(role).get(href); a.status != want {
			t.Errorf("%s opens the receipt: %d", role, a.status)
		}
	}
	if a := s.as(account.Auditor).post(href+"/rejects", nil); a.status != http.StatusForbidden {
		t.Errorf("an auditor downloads rejected rows: %d", a.status)
	}
	// Another department's data, another county's, no file, too large a file.
	for name, x := range map[string]answer{
		"another department": p.upload("学籍信息_522633_202610.csv", "学校名称,学籍号,姓名,身份证号码,年级,学籍状态\n", map[string]string{"dataset": "school_roll"}),
		"another county":     p.upload("医保结算_522632_202610.csv", s.settlements(), nil),
		"too large":          p.upload("医保结算_522633_202610_big.csv", s.settlements()+strings.Repeat("x", 6<<20), nil),
		"no such dataset":    p.upload("a.csv", s.settlements(), map[string]string{"dataset": "nothing"}),
		"no such month":      p.upload("a.csv", s.settlements(), map[string]string{"period": "2026-13"}),
	} {
		if x.status != http.StatusUnprocessableEntity || x.doc.Find("[role=alert]").Length() == 0 {
			t.Errorf("%s: %d", name, x.status)
		}
	}
	if a := p.post("/data/upload", url.Values{"file": {"x"}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("no file: %d", a.status)
	}
	if left, err := filepath.Glob(filepath.Join(s.app.Config.Temp(), "upload-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	if err := filepath.WalkDir(filepath.Dir(s.app.Config.Data), func(path string, _ os.DirEntry, err error) error {
		if strings.Contains(path, "_web.csv") && !strings.HasPrefix(path, s.app.Config.Data) {
			t.Errorf("the file came to lie at %s", path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}
