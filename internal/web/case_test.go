package web

import (
	"bytes"
	"context"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/division"
	"shouwang/internal/ledger"
	"shouwang/internal/measure"
	"shouwang/internal/registry"
	"shouwang/internal/screening"
)

// tiny is a picture that forms take as a photo or a scan.
var tiny = []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89\x00\x00\x00\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\x00\x05\x00\x01\xff\x89\x99=\x1d\x00\x00\x00\x00IEND\xaeB`\x82")

// filled is what a form of a page would send if nobody typed anything.
func filled(form *goquery.Selection) url.Values {
	out := url.Values{}
	form.Find("input, select, textarea").Each(func(_ int, e *goquery.Selection) {
		name, _ := e.Attr("name")
		kind, _ := e.Attr("type")
		_, checked := e.Attr("checked")
		switch {
		case name == "", kind == "file", (kind == "checkbox" || kind == "radio") && !checked:
		case goquery.NodeName(e) == "select":
			chosen := e.Find("option[selected]")
			if chosen.Length() == 0 {
				chosen = e.Find("option").First()
			}
			value, _ := chosen.Attr("value")
			out.Add(name, value)
		case goquery.NodeName(e) == "textarea":
			out.Add(name, e.Text())
		default:
			value, _ := e.Attr("value")
			out.Add(name, value)
		}
	})
	return out
}

// submit sends a form of a page as a browser without scripts does, with what was typed into it, and a picture in every field for files that is named.
func (p *person) submit(page answer, selector string, typed url.Values, files ...string) answer {
	p.Helper()
	form := page.doc.Find(selector).First()
	if form.Length() == 0 {
		p.Fatalf("there is no form %s in %s", selector, page.doc.Find("main").Text())
	}
	values := filled(form)
	for name, list := range typed {
		values[name] = list
	}
	action, _ := form.Attr("action")
	if enctype, _ := form.Attr("enctype"); enctype != "multipart/form-data" {
		return p.post(action, values)
	}
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, list := range values {
		for _, v := range list {
			if err := w.WriteField(name, v); err != nil {
				p.Fatal(err)
			}
		}
	}
	for _, name := range files {
		part, err := w.CreateFormFile(name, "photo.png")
		if err != nil {
			p.Fatal(err)
		}
		if _, err := part.Write(tiny); err != nil {
			p.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		p.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodPost, p.http.URL+action, &body)
	if err != nil {
		p.Fatal(err)
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	return p.do(r)
}

// act takes an action of a case through its page.
func (p *person) act(id, action string, typed url.Values, files ...string) answer {
	p.Helper()
	return p.submit(p.page("/cases/"+id+"?action="+action), "form#act", typed, files...)
}

// acts is act, which must go through.
func (p *person) acts(id, action string, typed url.Values, files ...string) {
	p.Helper()
	if a := p.act(id, action, typed, files...); a.status != http.StatusSeeOther {
		p.Fatalf("%s: %d %s", action, a.status, said(a))
	}
}

// said is what an answer says is wrong.
func said(a answer) string {
	if a.doc == nil {
		return a.text
	}
	return strings.Join(strings.Fields(a.doc.Find("[role=alert], .answer").Text()), " ")
}

// spare gives households of a division that nobody has a case of, one after the other; those without a warning first.
func (s *site) spare(where division.Code) string {
	s.Helper()
	return s.spareWith(where, func(screening.State) bool { return true })
}

// spareWith is spare for households that fit.
func (s *site) spareWith(where division.Code, fits func(screening.State) bool) string {
	s.Helper()
	var calm, warned []string
	err := s.app.Screening().States(s.Context(), screening.StateFilter{Division: where, All: true}, func(st screening.State) error {
		if spent[st.HouseholdNo] || st.Division.Level() != division.Village || len(st.Persons) == 0 || !fits(st) {
			return nil
		}
		if len(st.Warnings) > 0 {
			warned = append(warned, st.HouseholdNo)
		} else {
			calm = append(calm, st.HouseholdNo)
		}
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
	for _, no := range append(calm, warned...) {
		id, _, ok := registry.HouseholdID(no)
		c, err := s.server.liveCase(s.Context(), account.SystemActor("test"), id)
		if err != nil || !ok {
			s.Fatal(no, ok, err)
		}
		if c == nil {
			spent[no] = true
			return no
		}
	}
	s.Fatalf("no household without a case is left in %s", where)
	return ""
}

// spent are the households that tests of this package have taken.
var spent = map[string]bool{}

// hired signs in as somebody new, with a role around a village, from this day on.
func (s *site) hired(role account.Role, login, name string, where division.Code, department string) *person {
	s.Helper()
	var once string
	now := s.server.now()
	err := s.app.Ledger.Write(s.Context(), now, func(ctx context.Context, tx *ledger.Tx) (err error) {
		_, once, err = s.app.Accounts().Create(ctx, tx, account.SystemActor("test"), account.Staff{Login: login, Name: name, Org: account.OrgFor(role, where, department), Roles: []account.Role{role}})
		return err
	})
	if err != nil {
		s.Fatal(err)
	}
	in, err := s.app.Accounts().SignIn(s.Context(), now, account.Credentials{Login: login, Password: once})
	if err == nil {
		_, err = s.app.Accounts().ChangePassword(s.Context(), now, in.Secret, once, DemoPassword)
	}
	if err != nil {
		s.Fatal(err)
	}
	return s.again(login)
}

// again signs somebody in who was hired before.
func (s *site) again(login string) *person {
	s.Helper()
	p := s.as("")
	if a := p.post("/sign-in", url.Values{"login": {login}, "password": {DemoPassword}}); a.status != http.StatusSeeOther {
		s.Fatalf("signing in as %s: %d %s", login, a.status, said(a))
	}
	return p
}

// lead reports a household and gives its case.
func (p *person) lead(no, words string) string {
	p.Helper()
	a := p.submit(p.page("/cases/new?household="+no), "main form", url.Values{"risk": {"illness"}, "words": {words}})
	if a.status != http.StatusSeeOther {
		p.Fatalf("reporting: %d %s", a.status, said(a))
	}
	return strings.TrimPrefix(a.header.Get("Location"), "/cases/")
}

// home of the tests' people: the demo's accounts are of this village.
func home() division.Code { return village }

// TestReport: staff report a household by its number; a second report joins the case; nothing is taken that names a person or lies elsewhere.
func TestReport(t *testing.T) {
	s := newSite(t, nil)
	p := s.as(account.County)
	no := s.spare(county)
	page := p.page("/cases/new?household=" + no)
	page.has(".notice:contains('" + no + "')")
	id := p.lead(no, "走访时发现户主住院，自付很多")
	if again := p.lead(no, "热线再次反映"); again != id {
		t.Errorf("a second report made case %s besides %s", again, id)
	}
	p.page("/cases/new?household=" + no).has(".notice a[href='/cases/" + id + "']")
	a := p.page("/cases/" + id)
	a.has("#next form#act", "#path .is-now[aria-current=step]", "#signals .warning:contains('走访时发现户主住院')", "#steps .timeline li", "a[href='/households/"+no+"']")
	for what, form := range map[string]url.Values{
		"a phone":       {"number": {no}, "channel": {"visit"}, "level": {"2"}, "words": {"电话 138 0000 0000"}},
		"no words":      {"number": {no}, "channel": {"visit"}, "level": {"2"}},
		"no such place": {"number": {"52263310999999999"}, "channel": {"visit"}, "level": {"2"}, "words": {"有困难"}},
		"elsewhere":     {"number": {s.worst(522632000000)}, "channel": {"visit"}, "level": {"2"}, "words": {"有困难"}},
		"a screening":   {"number": {no}, "channel": {"screening"}, "level": {"2"}, "words": {"有困难"}},
		"tomorrow":      {"number": {no}, "channel": {"visit"}, "level": {"2"}, "words": {"有困难"}, "happened": {"2026-11-25"}},
	} {
		if a := p.post("/cases/new", form); a.status != http.StatusUnprocessableEntity || a.doc.Find("[role=alert]").Length() == 0 {
			t.Errorf("%s: %d", what, a.status)
		}
	}
}

// TestCaseForm: the page offers the next action with what is known filled in, says what stands in its way, takes it, and never loses what was typed.
func TestCaseForm(t *testing.T) {
	s := newSite(t, nil)
	p := s.as(account.County)
	id := p.lead(s.spare(county), "走访发现大病")
	p.acts(id, "accept", nil)
	a := p.page("/cases/" + id)
	// To be verified: a visit opens the way to the outcome, and the page says so.
	a.has("#next-title:contains('登记入户')", "#next .blocks li:contains('本轮已入户')", "select[name='f.visitors.0.account'] option[selected]", "input[name='f.visited_on'][value='2026-11-24']", ".sealed", "#others a[href*='action=assign']")
	// A visitor without a post: the form comes back with the fault beside its input and everything else in its place.
	bad := p.act(id, "record_visit", url.Values{"f.visitors.0.post": {""}, "f.remark": {"门口有狗"}, "f.housing_ok": {"1"}}, "f.photos")
	if bad.status != http.StatusUnprocessableEntity {
		t.Fatalf("%d %s", bad.status, said(bad))
	}
	bad.has("select[name='f.visitors.0.post'][aria-invalid=true]", "textarea[name='f.remark']:contains('门口有狗')", "select[name='f.housing_ok'] option[value='1'][selected]", "input[type=hidden][name='f.photos']")
	// Sending it again keeps the photo that is there.
	good := p.submit(bad, "form#act", url.Values{"f.visitors.0.post": {"county"}, "f.visitors.1.name": {"石某"}, "f.visitors.1.post": {"village"}})
	if good.status != http.StatusSeeOther {
		t.Fatalf("%d %s", good.status, said(good))
	}
	shown := p.page(good.header.Get("Location"))
	shown.has("#done:contains('登记入户')", "#steps a[href^='/cases/"+id+"/files/']", "#steps .masked")
	if strings.Contains(shown.text, "石某") || strings.Contains(shown.text, "门口有狗") {
		t.Error("a sealed text is shown without a reason")
	}
	href, _ := shown.doc.Find("#steps a[href*='/files/']").Attr("href")
	if f := p.get(href); f.status != http.StatusOK || f.header.Get("Content-Type") != "image/png" || f.text != string(tiny) || !strings.Contains(f.header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("the photo: %d %v", f.status, f.header)
	}
	if f := p.get("/cases/" + id + "/files/" + strings.Repeat("0", 64)); f.status != http.StatusNotFound {
		t.Errorf("a file that no paper names: %d", f.status)
	}
	shown.has("#next .case-choices a[aria-current]", "#next .case-choices a[href*='verify_false']", "#next .case-choices a[href*='verify_known']")
	// More rows without a script.
	more := p.submit(p.page("/cases/"+id+"?action=verify_true"), "form#act", url.Values{"more": {"f.risks"}, "f.remark": {"两项都要写"}})
	if n := more.doc.Find("select[name^='f.risks.']").Length(); more.status != http.StatusOK || n < 4 {
		t.Errorf("more rows: %d, %d selects", more.status, n)
	}
	more.has("textarea[name='f.remark']:contains('两项都要写')")
}

// TestCaseReveal: what visitors wrote is shown once, for a reason, and the look is in the audit chain.
func TestCaseReveal(t *testing.T) {
	s := newSite(t, nil)
	p := s.as(account.County)
	id := p.lead(s.spare(county), "走访发现大病")
	p.acts(id, "add_note", url.Values{"f.note": {"<script>alert('户主')</script>"}})
	a := p.page("/cases/" + id)
	a.has("#reveal form", "#steps .masked")
	if strings.Contains(a.text, "alert(") {
		t.Error("a note is shown without a reason")
	}
	before := len(s.events("household.reveal"))
	if a := p.post("/cases/"+id+"/reveal", url.Values{"reason": {""}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("without a reason: %d", a.status)
	}
	b := p.post("/cases/"+id+"/reveal", url.Values{"reason": {"核对情况"}})
	if b.status != http.StatusOK || !strings.Contains(b.text, "&lt;script&gt;alert(") || strings.Contains(b.text, "<script>alert") {
		t.Errorf("revealed: %d", b.status)
	}
	events := s.events("household.reveal")
	if len(events) != before+1 || events[len(events)-1].Reason != "核对情况" || events[len(events)-1].ObjectID != id {
		t.Errorf("%d events after %d", len(events), before)
	}
	for _, role := range []account.Role{account.Department, account.Auditor} {
		if a := s.as(role).post("/cases/"+id+"/reveal", url.Values{"reason": {"x"}}); a.status != http.StatusForbidden {
			t.Errorf("%s reveals: %d", role, a.status)
		}
	}
}

// TestTwoOfficers: of two who act on the same case the second is shown what was done meanwhile beside what was typed, and can apply it to that.
func TestTwoOfficers(t *testing.T) {
	s := newSite(t, nil)
	p, q := s.as(account.County), s.as(account.Township)
	id := p.lead(s.spare(home().At(division.Township)), "走访发现大病")
	first := p.page("/cases/" + id + "?action=add_note")
	q.acts(id, "accept", url.Values{"f.remark": {"我来办"}})
	late := p.submit(first, "form#act", url.Values{"f.note": {"户主说下周回来"}})
	if late.status != http.StatusConflict {
		t.Fatalf("%d %s", late.status, said(late))
	}
	late.has("#conflict .side-typed:contains('户主说下周回来')", "#conflict .side-now:contains('受理')", "#conflict .side-now:contains('石乡镇')", "#conflict form#again input[name='f.note']")
	if strings.Contains(late.doc.Find(".side-now").Text(), "我来办") {
		t.Error("what the other wrote is shown without a reason")
	}
	again := p.submit(late, "form#again", nil)
	if again.status != http.StatusSeeOther {
		t.Fatalf("again: %d %s", again.status, said(again))
	}
	// An action that the other one's made impossible is told so; nothing is applied.
	old := p.page("/cases/" + id + "?action=open_green")
	q.acts(id, "record_visit", url.Values{"f.visitors.0.post": {"township"}, "f.visitors.1.name": {"甲"}, "f.visitors.1.post": {"village"}})
	q.acts(id, "verify_known", url.Values{"f.reason": {"去年已知"}})
	gone := p.submit(old, "form#act", url.Values{"f.reason": {"突发火灾"}})
	if gone.status != http.StatusConflict {
		t.Fatalf("%d %s", gone.status, said(gone))
	}
	gone.has(".side-typed:contains('突发火灾')")
	gone.lacks("form#again")
	// The same form sent twice is taken once.
	note := p.page("/cases/" + id + "?action=add_note")
	a, b := p.submit(note, "form#act", url.Values{"f.note": {"一次"}}), p.submit(note, "form#act", url.Values{"f.note": {"一次"}})
	if a.status != http.StatusSeeOther || a.header.Get("Location") != b.header.Get("Location") {
		t.Errorf("sent twice: %d %s, %d %s", a.status, a.header.Get("Location"), b.status, b.header.Get("Location"))
	}
}

// TestCaseScope: a case outside of a reader's division, or not a department's, is not there.
func TestCaseScope(t *testing.T) {
	s := newSite(t, nil)
	id := s.as(account.County).lead(s.spare(county), "走访发现大病")
	for _, role := range []account.Role{account.Village, account.Township, account.Department} {
		if a := s.as(role).get("/cases/" + id); a.status != http.StatusNotFound {
			t.Errorf("%s opens another's case: %d", role, a.status)
		}
	}
	for _, role := range []account.Role{account.Prefecture, account.Province, account.Auditor} {
		a := s.as(role).page("/cases/" + id)
		a.lacks("form#act")
		if role == account.Auditor {
			a.lacks("a[href^='/households/']", "#papers", "#reveal")
		}
	}
	for _, role := range []account.Role{account.Policy, account.Admin} {
		if a := s.as(role).get("/cases/" + id); a.status != http.StatusForbidden {
			t.Errorf("%s opens a case: %d", role, a.status)
		}
	}
}

// TestCasePaper: papers need a reason, which is noted; the file is a PDF.
func TestCasePaper(t *testing.T) {
	s := newSite(t, nil)
	p := s.as(account.County)
	id := p.lead(s.spare(county), "走访发现大病")
	page := p.page("/cases/" + id)
	for _, form := range []string{"information", "verification", "authorisation", "minutes", "decision", "plan", "clearing"} {
		page.has("#papers button[formaction='/cases/" + id + "/papers/" + form + "']")
	}
	before := len(s.events("household.reveal"))
	if a := p.post("/cases/"+id+"/papers/verification", nil); a.status != http.StatusUnprocessableEntity {
		t.Errorf("without a reason: %d", a.status)
	}
	reason, _ := page.doc.Find("#paper-reason").Attr("value")
	a := p.post("/cases/"+id+"/papers/verification", url.Values{"reason": {reason}})
	if a.status != http.StatusOK || !strings.HasPrefix(a.text, "%PDF-") || reason == "" {
		t.Errorf("%d %.20q, reason %q", a.status, a.text, reason)
	}
	if n := len(s.events("household.reveal")); n <= before {
		t.Error("a paper with names left no event")
	}
	if a := p.post("/cases/"+id+"/papers/secrets", url.Values{"reason": {"x"}}); a.status != http.StatusNotFound {
		t.Errorf("no such paper: %d", a.status)
	}
	if a := s.as(account.Auditor).post("/cases/"+id+"/papers/verification", url.Values{"reason": {"x"}}); a.status != http.StatusForbidden {
		t.Errorf("the auditor makes papers: %d", a.status)
	}
}

// TestMainLine: the way that pages draw holds every step of the national minimum.
func TestMainLine(t *testing.T) {
	s := newSite(t, nil)
	cases, err := s.app.Casework()
	if err != nil {
		t.Fatal(err)
	}
	flow := cases.Machine(village, today).Flow()
	line := mainLine(flow)
	for _, m := range flow.Minimum {
		for _, id := range append([]string{}, m.Path...) {
			a := flow.Action(id)
			at := slices.Index(line, a.To)
			if at < 1 || !slices.Contains(a.From, line[at-1]) {
				t.Errorf("%s is not on the way %v", id, line)
			}
		}
	}
	if line[0] != flow.Start || line[len(line)-1] != "cleared" {
		t.Errorf("the way %v", line)
	}
}

// pictured is a case with something in it, for pictures.
func (s *site) pictured() string {
	s.Helper()
	p := s.as(account.County)
	id := p.lead(s.spare(home().At(division.Township)), "走访发现户主住院，医疗自付较多；家里一个劳动力外出返乡")
	p.acts(id, "accept", url.Values{"f.remark": {"请村里本周入户"}})
	p.acts(id, "record_visit", url.Values{"f.visitors.0.post": {"county"}, "f.visitors.1.name": {"石某"}, "f.visitors.1.post": {"village"}, "f.housing_ok": {"1"}, "f.water_ok": {"0"},
		"f.facts.0.indicator": {"compliant_self_paid_12m"}, "f.facts.0.value": {"38000"}, "f.remark": {"单据齐全"}}, "f.photos")
	return id
}

// caseIn is a case of the county in a state; the demo has one in every state.
func (s *site) caseIn(state string) string {
	s.Helper()
	cases, err := s.app.Casework()
	if err != nil {
		s.Fatal(err)
	}
	page, err := cases.List(s.Context(), account.SystemActor("test"), today, casework.Filter{Under: county, States: []string{state}}, "", 1)
	if err != nil || len(page.Cases) == 0 {
		s.Fatalf("no case is %s (%v)", state, err)
	}
	return page.Cases[0].ID
}

// orderOf is an open order to a department.
func (s *site) orderOf(department string) string {
	s.Helper()
	plans, err := s.app.Plans()
	if err != nil {
		s.Fatal(err)
	}
	page, err := plans.Orders(s.Context(), account.SystemActor("test"), measure.OrderFilter{Department: department, Under: county, Limit: 1})
	if err != nil || len(page.Orders) == 0 {
		s.Fatalf("no order to %s (%v)", department, err)
	}
	return page.Orders[0].ID
}
