package web

import (
	"bytes"
	"context"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"shouwang/internal/account"
	"shouwang/internal/jobs"
	"shouwang/internal/ledger"
)

// account is the id of an account.
func (s *site) account(login string) string {
	s.Helper()
	var page account.Page
	if err := s.app.Ledger.Read(context.Background(), func(ctx context.Context, tx *ledger.Tx) (err error) {
		page, err = s.app.Accounts().List(ctx, tx, account.SystemActor("test"), account.Filter{Login: login})
		return err
	}); err != nil || len(page.Accounts) == 0 {
		s.Fatalf("no account %s: %v", login, err)
	}
	return page.Accounts[0].ID
}

// TestAccountsPages: an administrator makes, changes, locks and resets accounts; one-time passwords are shown once; what is wrong is said and stays typed.
func TestAccountsPages(t *testing.T) {
	s := newSite(t, nil)
	admin := s.as(account.Admin)
	admin.page("/admin/accounts").has("table tbody tr", "a[href='/admin/accounts/new']", "a[href='/admin/accounts/import']")
	admin.page("/admin/accounts?login=demo-vil&active=true").has("tbody th a:contains('demo-village')")
	s.as(account.County).page("/admin/accounts").lacks("a[href='/admin/accounts/new']")
	wrong := admin.post("/admin/accounts", url.Values{"login": {"x y"}, "name": {`<script>alert(1)</script>`}, "org": {"522633"}, "role": {"county"}})
	if wrong.status != http.StatusUnprocessableEntity || strings.Contains(wrong.text, "<script>alert") {
		t.Errorf("a wrong login: %d", wrong.status)
	}
	wrong.has("[role=alert]", "input[name=role][value=county][checked]")
	made := admin.post("/admin/accounts", url.Values{"login": {"web-new"}, "name": {"测试新"}, "org": {"522633105209"}, "role": {"village"}, "phone": {"13812345678"}})
	if made.status != http.StatusOK {
		t.Fatalf("%d %s", made.status, made.text)
	}
	once := made.doc.Find("#once").Text()
	if len(once) < 10 || strings.Contains(made.text, "13812345678") || made.header.Get("Cache-Control") != "no-store" {
		t.Errorf("one-time password of %d characters", len(once))
	}
	id := s.account("web-new")
	page := admin.page("/admin/accounts/" + id)
	if strings.Contains(page.text, once) {
		t.Error("the one-time password is shown again")
	}
	version, _ := page.doc.Find("input[name=version]").First().Attr("value")
	if a := admin.post("/admin/accounts/"+id, url.Values{"version": {version}, "name": {"测试改"}, "org": {"522633105209"}, "role": {"village", "township"}}); a.status != http.StatusUnprocessableEntity && a.status != http.StatusSeeOther {
		t.Errorf("changing: %d", a.status)
	}
	if a := admin.post("/admin/accounts/"+id, url.Values{"version": {"999"}, "do": {"lock"}}); a.status != http.StatusConflict {
		t.Errorf("an old version: %d", a.status)
	}
	version, _ = admin.page("/admin/accounts/" + id).doc.Find("input[name=version]").First().Attr("value")
	if a := admin.post("/admin/accounts/"+id, url.Values{"version": {version}, "do": {"lock"}}); a.status != http.StatusSeeOther {
		t.Errorf("locking: %d", a.status)
	}
	admin.page("/admin/accounts/"+id).has("button[value=unlock]", ".unknown:contains('停用')")
	version, _ = admin.page("/admin/accounts/" + id).doc.Find("input[name=version]").First().Attr("value")
	admin.post("/admin/accounts/"+id, url.Values{"version": {version}, "do": {"unlock"}})
	reset := admin.post("/admin/accounts/"+id+"/password", nil)
	if again := reset.doc.Find("#once").Text(); again == "" || again == once {
		t.Error("a reset gives no new password")
	}
	admin.post("/admin/accounts/"+id+"/second", nil).has("[role=status]")
	admin.post("/admin/accounts/"+id+"/sessions", nil).has("[role=status]")
	for _, role := range []account.Role{account.County, account.Auditor, account.Village} {
		p := s.as(role)
		for _, path := range []string{"/admin/accounts", "/admin/accounts/" + id, "/admin/accounts/" + id + "/password", "/admin/accounts/" + id + "/second", "/admin/orgs", "/admin/tokens", "/admin/keys", "/admin/keys/base", "/admin/accounts/import"} {
			if a := p.post(path, url.Values{"version": {"1"}}); a.status != http.StatusForbidden {
				t.Errorf("%s posts to %s: %d", role, path, a.status)
			}
		}
	}
	if a := s.as(account.Admin).get("/admin/accounts/none"); a.status != http.StatusNotFound {
		t.Errorf("no such account: %d", a.status)
	}
	admin.page("/admin/orgs").has("tbody th")
	if a := admin.post("/admin/orgs", url.Values{"id": {"522633-civil_affairs"}}); a.status != http.StatusSeeOther {
		t.Errorf("an organisation: %d", a.status)
	}
	if a := admin.post("/admin/orgs", url.Values{"id": {"nothing"}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("an organisation of nowhere: %d", a.status)
	}
}

// staffFile sends a staff list.
func (p *person) staffFile(rows [][]any) answer {
	p.Helper()
	f := excelize.NewFile()
	for i, row := range rows {
		cell, err := excelize.CoordinatesToCellName(1, i+1)
		if err == nil {
			err = f.SetSheetRow("Sheet1", cell, &row)
		}
		if err != nil {
			p.Fatal(err)
		}
	}
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("file", "../../staff.xlsx")
	if err == nil {
		err = f.Write(part)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		p.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodPost, p.http.URL+"/admin/accounts/import", &b)
	if err != nil {
		p.Fatal(err)
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	return p.do(r)
}

// TestStaffList: a list makes accounts and tells the faults of each row.
func TestStaffList(t *testing.T) {
	s := newSite(t, nil)
	admin := s.as(account.Admin)
	a := admin.staffFile([][]any{{"登录名", "姓名", "单位编号", "角色"}, {"web-list-1", "名单甲", "522633105209", "village"}, {"web list 2", "名单乙", "522633105209", "village"}, {"web-list-3", "名单丙", "522633105209", "emperor"}})
	if a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.text)
	}
	a.has("[role=status]:contains('建立 1 个账号，退回 2 行')", "table code", "#rejects-title")
	if n := a.doc.Find("section[aria-labelledby=rejects-title] tbody tr").Length(); n != 2 {
		t.Errorf("%d rejected rows are told", n)
	}
	if b := admin.post("/admin/accounts/import", url.Values{"file": {"x"}}); b.status != http.StatusUnprocessableEntity {
		t.Errorf("no file: %d", b.status)
	}
}

// TestMachinePages: sessions, tokens, keys, jobs and health.
func TestMachinePages(t *testing.T) {
	var queue *jobs.Queue
	s := newSite(t, func(c *Config) {
		var err error
		if queue, err = c.App.Jobs(context.Background(), func() time.Time { return today }); err != nil {
			t.Fatal(err)
		}
		c.Jobs = queue
	})
	admin := s.as(account.Admin)
	health := admin.page("/admin/health")
	health.has(".answer:contains('正常')", ".notice:contains('没有备份记录')", "dt:contains('账本')", "form[action='/admin/audit/verify']")
	if strings.Contains(health.text, s.app.Config.Data) || strings.Contains(health.text, "postgres://") {
		t.Error("the page tells where the data lie")
	}
	admin.post("/admin/audit/verify", nil).has("[role=status]:contains('审计链完整')")
	village := s.as(account.Village)
	sessions := admin.page("/admin/sessions")
	sessions.has("tbody th a:contains('demo-village')", "span:contains('您自己')")
	s.as(account.Auditor).page("/admin/sessions").lacks("form[action$='/end']")
	for _, action := range sessions.doc.Find("tbody tr:contains('demo-village') form").EachIter() {
		path, _ := action.Attr("action")
		if a := admin.post(path, nil); a.status != http.StatusSeeOther {
			t.Errorf("ending: %d", a.status)
		}
	}
	if a := village.get("/help"); a.status != http.StatusSeeOther {
		t.Errorf("a session that was ended opens a page: %d", a.status)
	}
	if a := admin.post("/admin/tokens", url.Values{"name": {"医保推送"}, "org": {"522633-medical_insurance"}, "expires": {"2027-01-01"}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a token that allows nothing: %d", a.status)
	}
	token := admin.post("/admin/tokens", url.Values{"name": {"医保推送"}, "org": {"522633-medical_insurance"}, "expires": {"2027-01-01"}, "action": {"intake.upload"}})
	secret := token.doc.Find("#secret").Text()
	if secret == "" || strings.Contains(admin.page("/admin/tokens").text, secret) {
		t.Errorf("the token's secret is not shown, or again: %d", token.status)
	}
	revoke, _ := admin.page("/admin/tokens").doc.Find("tbody form").Last().Attr("action")
	if a := admin.post(revoke, nil); a.status != http.StatusSeeOther {
		t.Errorf("revoking: %d", a.status)
	}
	admin.page("/admin/tokens").has(".unknown:contains('已吊销')")
	if a := admin.post("/admin/keys", url.Values{"suite": {"sm2"}}); a.status != http.StatusSeeOther {
		t.Errorf("a new key: %d", a.status)
	}
	if a := admin.post("/admin/keys", url.Values{"suite": {"rot13"}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a suite that is none: %d", a.status)
	}
	if a := admin.post("/admin/keys/base", url.Values{"base": {"javascript:alert(1)"}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("an address that is none: %d", a.status)
	}
	keys := admin.page("/admin/keys")
	keys.has("td:contains('签发中')", "form[action='/admin/keys/base'] input")
	withdraw, _ := keys.doc.Find("form[action$='/withdraw']").First().Attr("action")
	if a := admin.post(withdraw, nil); a.status != http.StatusUnprocessableEntity {
		t.Errorf("withdrawing without a reason: %d", a.status)
	}
	admin.post(withdraw, url.Values{"reason": {"演练"}}).has("[role=status]:contains('作废')")
	if a := admin.post("/admin/keys", url.Values{"suite": {"ed25519"}}); a.status != http.StatusSeeOther { // for the tests after
		t.Errorf("a new key: %d", a.status)
	}
	var job int64
	if err := s.app.Ledger.Write(t.Context(), today, func(ctx context.Context, tx *ledger.Tx) (err error) {
		for kind := range queue.Kinds() {
			job, err = queue.EnqueueAt(ctx, tx, s.account("demo-admin"), kind, struct{}{}, today.AddDate(0, 0, 7))
			return err
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	list := admin.page("/admin/jobs")
	list.has("tbody tr", "form[action$='/cancel']")
	cancel, _ := list.doc.Find("form[action$='/cancel']").First().Attr("action")
	if a := admin.post(cancel, nil); a.status != http.StatusSeeOther {
		t.Errorf("cancelling: %d", a.status)
	}
	if j, err := queue.Get(t.Context(), job); err != nil || j.State != "cancelled" {
		t.Errorf("the job is %s, %v", j.State, err)
	}
	if a := s.as(account.Policy).post(cancel, nil); a.status != http.StatusForbidden {
		t.Errorf("a policy officer cancels: %d", a.status)
	}
	for _, bad := range []string{"/admin/jobs?state=odd", "/admin/divisions?division=110000"} {
		if a := admin.get(bad); a.status != http.StatusNotFound {
			t.Errorf("%s: %d", bad, a.status)
		}
	}
	admin.page("/admin/roles").has("tbody tr", "thead th:contains('系统管理员')")
	admin.page("/admin/divisions").has("tbody th a")
	admin.page("/admin/feeds").has("tbody th")
}

// TestAuditPages: an auditor searches the chain, checks it and takes it away; nobody else reads it.
func TestAuditPages(t *testing.T) {
	s := newSite(t, nil)
	no := s.worst(county)
	s.as(account.County).post("/households/"+no+"/reveal", url.Values{"reason": {`核对<script>alert(1)</script>`}})
	p := s.as(account.Auditor)
	all := p.page("/admin/audit")
	all.has("tbody tr", "a[rel=next]", "form[action='/admin/audit/export']")
	found := p.page("/admin/audit?action=household.reveal&object_id=" + no)
	found.has("td:contains('核对')", "th a:contains('杨县办')")
	if strings.Contains(found.text, "<script>alert") {
		t.Error("a reason is markup")
	}
	by := p.page("/admin/audit?actor=demo-county&action=household.")
	by.has("tbody tr")
	by.lacks("code:contains('session.')")
	p.page("/admin/audit?from=2031-01-01").has(".empty")
	if a := p.get("/admin/audit?from=yesterday"); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a day that is none: %d", a.status)
	}
	whole := p.post("/admin/audit/verify", nil)
	whole.has("[role=status]:contains('审计链完整')")
	head := regexp.MustCompile(`[0-9a-f]{64}`).FindString(whole.doc.Find("[role=status] code").Text())
	if head == "" {
		t.Fatal("the head is not shown")
	}
	p.post("/admin/audit/verify", url.Values{"seq": {"1"}, "hash": {head}}).has("[role=alert]:contains('断开')")
	before := len(s.events("audit.export"))
	for _, format := range []string{"csv", "xlsx", "json"} {
		a := p.post("/admin/audit/export", url.Values{"format": {format}, "action": {"household.reveal"}})
		if a.status != http.StatusOK || !strings.Contains(a.header.Get("Content-Disposition"), "."+format) || len(a.text) < 100 {
			t.Errorf("%s: %d", format, a.status)
		}
		if format == "json" {
			var list []map[string]any
			if err := json.Unmarshal([]byte(a.text), &list); err != nil || len(list) == 0 || list[0]["action"] != "household.reveal" {
				t.Errorf("%d events, %v", len(list), err)
			}
		}
	}
	if n := len(s.events("audit.export")); n != before+3 {
		t.Errorf("%d exports are on record", n-before)
	}
	if a := p.post("/admin/audit/export", url.Values{"format": {"exe"}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("an odd format: %d", a.status)
	}
	if a := s.as(account.Admin).post("/admin/audit/export", url.Values{"format": {"csv"}}); a.status != http.StatusForbidden {
		t.Errorf("an administrator takes the chain: %d", a.status)
	}
}
