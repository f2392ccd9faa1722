package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"shouwang/internal/account"
	"shouwang/internal/account/accounttest"
	"shouwang/internal/casework"
	"shouwang/internal/division"
	"shouwang/internal/housecode"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/registry"
	"shouwang/internal/throttle"
)

// The tests that look at boards and cards have a village of their own, so that none of the others counts what they make.
const quietTown = division.Code(522633100000) // 丙妹镇

// many lets the tests come as often as they like.
func many(c *Config) {
	c.Public, c.Apply = throttle.Rate{Burst: 1e6, Every: time.Microsecond}, throttle.Rate{Burst: 1e6, Every: time.Microsecond}
}

// homes are households of a division with three members or more, by number.
func (s *site) homes(within division.Code) []registry.Household {
	s.Helper()
	conn, err := s.app.Warehouse.Conn(context.Background())
	if err != nil {
		s.Fatal(err)
	}
	defer conn.Close()
	var out []registry.Household
	if err := registry.Walk(context.Background(), conn, within, func(h registry.Household) error {
		if h.Members >= 3 {
			out = append(out, h)
		}
		return nil
	}); err != nil || len(out) == 0 {
		s.Fatalf("no household in %s: %v", within, err)
	}
	return out
}

// boards are households whose notice hangs, by the site's world: made once.
var boards struct {
	once sync.Once
	home registry.Household
}

// publicised carries a household from a report to the notice board.
func (s *site) publicised() registry.Household {
	s.Helper()
	boards.once.Do(func() {
		boards.home = s.homes(quietTown)[0]
		s.publicise(boards.home)
	})
	return boards.home
}

func (s *site) publicise(home registry.Household) {
	s.Helper()
	cases, err := s.app.Casework()
	if err != nil {
		s.Fatal(err)
	}
	ctx, actors := context.Background(), accounttest.Actors(home.Division)
	if _, err := cases.Receive(ctx, actors[account.County], today, []casework.Signal{{Household: home.ID, HouseholdNo: home.No, Division: home.Division, HouseholdType: "exited",
		Channel: casework.Screening, Risk: "other", Level: 3, Rule: "income_severe", Run: 1, Words: policy.Text{ZH: "人均参考收入 4 100 元", EN: "4,100 yuan a head"}}}, nil); err != nil {
		s.Fatal(err)
	}
	page, err := cases.List(ctx, actors[account.County], today, casework.Filter{Household: home.ID}, "", 1)
	if err != nil || len(page.Cases) != 1 {
		s.Fatal(len(page.Cases), err)
	}
	c := &page.Cases[0]
	type form = map[string]any
	const hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	day := casework.Civil(today).Format(time.DateOnly)
	for _, x := range []struct {
		role   account.Role
		action string
		data   form
	}{
		{account.Village, "accept", nil},
		{account.Village, "record_visit", form{"visited_on": day, "visitors": []any{form{"name": "龙驻村", "post": "team"}, form{"name": "石支书", "post": "village"}}, "water_ok": false, "remark": "老屋漏雨"}},
		{account.Village, "verify_true", form{"risks": []any{form{"risk": "other", "remark": "债务较重"}}}},
		{account.Village, "authorise", form{"signed_on": day, "signer": "head", "handprint": true, "scope": []any{"hukou", "property"}, "letter": []any{hash}}},
		{account.Township, "record_comparison", form{"results": []any{form{"department": "housing", "result": "clear"}}}},
		{account.Township, "finish_comparison", nil},
		{account.Village, "appraise", form{"held_on": day, "attendees": 20.0, "votes_for": 18.0, "votes_against": 1.0, "host": "石支书", "place": "鼓楼", "minutes": []any{hash}}},
		{account.Village, "publicise", form{"posted_on": day, "place": "村口公示栏"}},
	} {
		got, err := cases.Act(ctx, actors[x.role], today, casework.Act{Case: c.ID, Action: x.action, Version: c.Version, Data: x.data})
		if err != nil {
			s.Fatalf("%s: %v", x.action, err)
		}
		c = got.Case
	}
}

// TestApply: a farmer finds the village, fills in four fields, gets a code once, and follows the application with it; what is wrong is said and what was typed stays.
func TestApply(t *testing.T) {
	s := newSite(t, many)
	p := s.as("")
	first := p.page("/apply")
	first.has("form.finder", ".choices a[href='/apply?division=5226']", ".public-links a[href='/sign-in']")
	if n := first.doc.Find(".choices a").Length(); n != 9 {
		t.Errorf("%d prefectures, want Guizhou's nine", n)
	}
	p.page("/apply?division=522633").has(".choices a:contains('西山镇')", ".crumbs a[href='/apply?division=5226']")
	found := p.page("/apply?place=" + url.QueryEscape("从江县西山镇顶洞村"))
	found.has(".choices a[href='/apply?division=522633105209']")
	p.page("/apply?place=" + url.QueryEscape("没有这个村")).has(".notice")
	form := p.page("/apply?division=522633105209")
	form.has("input[name=name][required]", "input[name=phone][required]", "textarea[name=difficulty][required]", "input[name=village][value='522633105209']", ".chosen:contains('顶洞村')")
	if n := form.doc.Find("form[action='/apply'] input:not([type=hidden]), form[action='/apply'] textarea").Length(); n != 3 {
		t.Errorf("%d fields to type, want three besides the village", n)
	}
	const evil = `<script>alert(1)</script>`
	wrong := p.post("/apply", url.Values{"village": {"522633105209"}, "name": {"杨小花"}, "phone": {"电话"}, "difficulty": {evil}})
	if wrong.status != http.StatusUnprocessableEntity || strings.Contains(wrong.text, evil) || !strings.Contains(wrong.text, "&lt;script&gt;") {
		t.Errorf("a wrong phone: %d", wrong.status)
	}
	wrong.has("#apply-error:contains('电话')", "input[name=name][value='杨小花']")
	before := len(s.events("application.receive"))
	done := p.post("/apply", url.Values{"village": {"522633105209"}, "name": {"杨小花"}, "phone": {"138 1234 5678"}, "difficulty": {"父亲住院花了很多钱\r\n收成不好"}})
	if done.status != http.StatusOK {
		t.Fatalf("%d %s", done.status, done.text)
	}
	code := done.doc.Find("#code").Text()
	if len(code) != 19 || strings.Contains(done.text, "13812345678") {
		t.Errorf("code %q", code)
	}
	if n := len(s.events("application.receive")); n != before+1 {
		t.Errorf("%d events more", n-before)
	}
	for _, typed := range []string{code, strings.ToLower(strings.ReplaceAll(code, "-", ""))} {
		a := p.post("/apply/follow", url.Values{"code": {typed}})
		if a.status != http.StatusOK {
			t.Fatalf("following: %d", a.status)
		}
		a.has("#progress:contains('已收到')", ".steps-line .now:contains('收到')")
		if strings.Contains(a.text, "杨小花") || strings.Contains(a.text, "5678") {
			t.Error("the progress names the applicant")
		}
		a.doc.Find("a").Each(func(_ int, e *goquery.Selection) {
			if href, _ := e.Attr("href"); strings.Contains(href, typed) {
				t.Error("the code stands in an address")
			}
		})
	}
	again := p.post("/apply", url.Values{"village": {"522633105209"}, "name": {"杨小花"}, "phone": {"13812345678"}, "difficulty": {"还是没钱"}})
	again.has(".answer:contains('已并入')")
	if a := p.post("/apply/follow", url.Values{"code": {"ZZZZ-ZZZZ-ZZZZ-ZZZZ"}}); a.status != http.StatusNotFound || a.doc.Find("[role=alert]").Length() == 0 {
		t.Errorf("a code that is none: %d", a.status)
	}
	// The interface's language follows the browser; English is complete.
	r, err := http.NewRequest(http.MethodGet, s.http.URL+"/apply?division=522633105209", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Language", "en")
	p.do(r).has("label:contains('Your name')", "html[lang=en]")
	for _, bad := range []string{"/apply?division=110000", "/apply?division=x", "/apply?division=522633105999", "/notices/522633105999", "/notices/522633", "/notices/x", "/notices?division=110101"} {
		if a := p.get(bad); a.status != http.StatusNotFound {
			t.Errorf("%s: %d", bad, a.status)
		}
	}
	if a := p.post("/apply", url.Values{"village": {"//evil.example"}, "name": {"x"}}); a.status != http.StatusSeeOther || a.header.Get("Location") != "/apply" {
		t.Errorf("no village: %d %s", a.status, a.header.Get("Location"))
	}
}

// TestPublicForms: forms of other sites are refused, and who comes too often is told so in words, with when to come back.
func TestPublicForms(t *testing.T) {
	s := newSite(t, func(c *Config) {
		many(c)
		c.Apply = throttle.Rate{Burst: 2, Every: time.Hour}
	})
	p := s.as("")
	for _, path := range []string{"/apply", "/apply/follow", "/C/ABC"} {
		r, err := http.NewRequest(http.MethodPost, s.http.URL+path, strings.NewReader("code=x"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		if a := p.do(r); a.status != http.StatusForbidden {
			t.Errorf("%s from another site: %d", path, a.status)
		}
	}
	var last answer
	for range 3 {
		last = p.post("/apply/follow", url.Values{"code": {"x"}})
	}
	if last.status != http.StatusTooManyRequests || last.header.Get("Retry-After") == "" {
		t.Errorf("the third question: %d", last.status)
	}
	last.has("h1:contains('请稍等')", ".answer:contains('12317')")
}

// TestNoticeBoard: a village's board shows white-listed fields only, is there until its day, and prints.
func TestNoticeBoard(t *testing.T) {
	s := newSite(t, many)
	home := s.publicised()
	path := "/notices/" + home.Division.Prefix()
	p := s.as("")
	a := p.page(path)
	a.has(".notice-sheet h2:contains('拟纳入')", ".notice-sheet tbody th", ".map-note:contains('2026')")
	a.lacks("form[action^='/print']", "a[href^='/households']", "a[href^='/cases']")
	secrets := append(s.names(home.No), home.No, "债务", "漏雨", "其他", "收入", "石支书", "监测线")
	for _, secret := range secrets {
		if strings.Contains(a.text, secret) {
			t.Errorf("the board tells a secret of %d characters", len([]rune(secret)))
		}
	}
	if number.MatchString(strings.ReplaceAll(a.doc.Find("main").Text(), home.Division.Prefix(), "")) {
		t.Error("the board holds a number")
	}
	if !strings.Contains(a.doc.Find("tbody th").First().Text(), "*") {
		t.Error("the head's name is not masked")
	}
	staff := s.as(account.County)
	staff.page(path).has("form[action='/print/notices/" + home.Division.Prefix() + "']")
	before := len(s.events("report.notices"))
	pdf := staff.post("/print/notices/"+home.Division.Prefix(), nil)
	if pdf.status != http.StatusOK || !strings.HasPrefix(pdf.text, "%PDF") || pdf.header.Get("Content-Disposition") == "" || len(s.events("report.notices")) != before+1 {
		t.Errorf("printing: %d %s", pdf.status, pdf.header.Get("Content-Type"))
	}
	if b := s.as(account.Village).post("/print/notices/"+home.Division.Prefix(), nil); b.status != http.StatusNotFound {
		t.Errorf("another village prints: %d", b.status)
	}
	if b := s.as(account.Auditor).post("/print/notices/"+home.Division.Prefix(), nil); b.status != http.StatusForbidden {
		t.Errorf("an auditor prints: %d", b.status)
	}
	later := newSite(t, func(c *Config) {
		many(c)
		c.Now = func() time.Time { return today.AddDate(0, 1, 0) }
	})
	gone := later.as("").page(path)
	gone.has(".empty")
	gone.lacks(".notice-sheet")
}

// carded makes sure that the world signs codes, and gives a household of the demo's village a card; it gives the path that the card's address has.
func (s *site) carded(home registry.Household) string {
	s.Helper()
	var link string
	ctx, system := context.Background(), account.SystemActor("test")
	codes, err := housecode.New(s.app.Keyring)
	if err != nil {
		s.Fatal(err)
	}
	if err := s.app.Ledger.Write(ctx, today, func(ctx context.Context, tx *ledger.Tx) error {
		keys, err := codes.Keys(ctx, tx)
		if err != nil {
			return err
		}
		if len(keys) == 0 {
			if _, err := codes.Rotate(ctx, tx, system, housecode.Ed25519); err != nil {
				return err
			}
		}
		if err := codes.SetBase(ctx, tx, system, "https://sw.example.gov.cn/c"); err != nil {
			return err
		}
		if _, err := codes.Issue(ctx, tx, system, []housecode.Holder{{Household: home.ID, HouseholdNo: home.No, Village: home.Division}}, today.AddDate(3, 0, 0)); err != nil {
			return err
		}
		link, err = codes.Link(ctx, tx, system, home.ID, "https://sw.example.gov.cn/c")
		return err
	}); err != nil {
		s.Fatal(err)
	}
	path, ok := strings.CutPrefix(link, "HTTPS://SW.EXAMPLE.GOV.CN")
	if !ok || !strings.HasPrefix(path, "/C/") {
		s.Fatalf("the card's address is %s", link[:20])
	}
	return path
}

// TestCard: what a card's address shows depends on who opens it.
func TestCard(t *testing.T) {
	s := newSite(t, many)
	home := s.homes(village)[0]
	path := s.carded(home)
	names := s.names(home.No)
	stranger := s.as("")
	opened, refused := len(s.events("code.open")), len(s.events("code.refused"))
	secretsIn := func(who string, a answer) {
		t.Helper()
		for _, secret := range names {
			if strings.Contains(a.text, secret) {
				t.Errorf("%s reads a name", who)
			}
		}
	}
	for _, at := range []string{path, strings.ToLower(path)} {
		a := stranger.page(at)
		a.has("h1:contains('有效')", ".answer:contains('"+s.app.Tree.Name(village)+"')", "form input[name=once]", "p:contains('12317')")
		a.lacks("dl", "a[href^='/households']")
		if strings.Contains(a.text, home.No) {
			t.Error("a stranger reads the household's number")
		}
		secretsIn("a stranger", a)
	}
	if n := len(s.events("code.open")) - opened; n != 0 {
		t.Errorf("a stranger's look left %d events", n)
	}
	// Staff of the village see the household; of another county, and those who read no cards, nothing. Both are noted.
	worker := s.as(account.Village).page(path)
	worker.has("dl.facts-list dd:contains('"+home.No+"')", "a[href='/households/"+home.No+"']", "a[href='/households/"+home.No+"/codes']")
	secretsIn("a village worker", worker)
	for _, role := range []account.Role{account.Auditor, account.Department, account.Admin} {
		a := s.as(role).page(path)
		a.has("h1:contains('没有您能看的内容')")
		a.lacks("dl", "form input[name=once]")
		if strings.Contains(a.text, home.No) {
			t.Errorf("%s reads the household's number", role)
		}
	}
	if open, refused := len(s.events("code.open"))-opened, len(s.events("code.refused"))-refused; open != 1 || refused != 3 {
		t.Errorf("%d looks and %d refusals are on record, want 1 and 3", open, refused)
	}
	// The household: six digits, made by staff, good once.
	digits := s.as(account.Village).post("/households/"+home.No+"/codes/once", nil).doc.Find("#digits").Text()
	if len(digits) != 6 {
		t.Fatalf("digits %q", digits)
	}
	wrong := stranger.post(path, url.Values{"once": {"x" + digits[:5]}})
	wrong.has("[role=alert]:contains('数字不对')")
	wrong.lacks("dl")
	own := stranger.post(path, url.Values{"once": {digits}})
	own.has("h1:contains('您家的情况')", "dl.facts-list dd:contains('"+home.No+"')")
	own.lacks("a[href^='/households']")
	secretsIn("the household", own) // masked: a screen is seen by others, too
	for _, word := range []string{"预警", "风险", "监测线"} {
		if strings.Contains(own.doc.Find("main").Text(), word) {
			t.Errorf("the household's page says %s", word)
		}
	}
	stranger.post(path, url.Values{"once": {digits}}).has("[role=alert]:contains('已经用过')")
	// Cards that don't work say why.
	other := s.homes(village)[1]
	old := s.carded(other)
	staff := s.as(account.Township)
	if a := staff.post("/households/"+other.No+"/codes/reprint", url.Values{"reason": {"遗失"}}); a.status != http.StatusOK {
		t.Fatalf("reprint: %d", a.status)
	}
	fresh := s.carded(other)
	for at, words := range map[string]string{old: "新卡", path[:len(path)-8]: "", strings.Replace(path, path[10:12], "ZZ", 1): "", "/C/HELLO": "不是户码"} {
		a := stranger.get(at)
		if a.status != http.StatusNotFound || !strings.Contains(a.doc.Find(".answer").Text(), words) {
			t.Errorf("%s…: %d %s", at[:8], a.status, a.doc.Find(".answer").Text())
		}
		a.has("h1:contains('这张卡不能用')")
	}
	if a := staff.post("/households/"+other.No+"/codes/revoke", url.Values{"reason": {"整户迁出"}}); a.status != http.StatusOK {
		t.Fatalf("revoke: %d", a.status)
	}
	stranger.get(fresh).has(".answer:contains('作废')")
	s.as(account.Village).page(fresh).has("[role=alert]:contains('作废')", "dl")
	expired := newSite(t, func(c *Config) {
		many(c)
		c.Now = func() time.Time { return today.AddDate(4, 0, 0) }
	})
	expired.as("").get(path).has(".answer:contains('有效期')")
}

// TestCardsOfAVillage: staff issue and print cards where they may, and nobody elsewhere.
func TestCardsOfAVillage(t *testing.T) {
	s := newSite(t, many)
	home := s.homes(village)[0]
	s.carded(home)
	staff := s.as(account.Township)
	a := staff.page("/codes?division=" + village.Prefix())
	a.has("form[action='/print/cards/"+village.Prefix()+"']", "form[action='/codes/"+village.Prefix()+"'] input[name=expires]")
	if b := staff.post("/codes/"+village.Prefix(), url.Values{"expires": {"2020-01-01"}}); b.status != http.StatusUnprocessableEntity {
		t.Errorf("a day that is over: %d", b.status)
	}
	staff.post("/codes/"+village.Prefix(), url.Values{"expires": {"2029-11-24"}}).has("[role=status]:contains('新发')")
	pdf := staff.post("/print/cards/"+village.Prefix(), nil)
	if pdf.status != http.StatusOK || !strings.HasPrefix(pdf.text, "%PDF") || pdf.header.Get("Content-Type") != "application/pdf" {
		t.Errorf("printing: %d %s", pdf.status, pdf.text[:min(200, len(pdf.text))])
	}
	if len(s.events("code.sheet")) == 0 {
		t.Error("printing left no event")
	}
	s.as(account.Village).page("/codes").lacks("form[action^='/print/cards']", "form[action^='/codes']")
	for _, path := range []string{"/codes/522632101001", "/print/cards/522632101001", "/codes/522633", "/print/cards/x"} {
		if b := staff.post(path, url.Values{"expires": {"2029-11-24"}}); b.status != http.StatusNotFound && b.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", path, b.status)
		}
	}
	if b := staff.post("/print/cards/"+s.homes(quietTown)[0].Division.Prefix(), nil); b.status != http.StatusNotFound {
		t.Errorf("cards of another township: %d", b.status)
	}
	if b := staff.get("/households/" + s.worst(522632000000) + "/codes"); b.status != http.StatusNotFound {
		t.Errorf("cards of another county's household: %d", b.status)
	}
	page := s.as(account.County).page("/households/" + home.No + "/codes")
	page.has("table tbody tr", "svg.qr", "form[action$='/once']", "form[action$='/reprint'] input[name=reason]", "form[action$='/revoke']")
	if b := staff.post("/households/"+home.No+"/codes/reprint", url.Values{"reason": {"电话 13812345678 说遗失"}}); b.status != http.StatusUnprocessableEntity {
		t.Errorf("a reason with a phone: %d", b.status)
	}
}
