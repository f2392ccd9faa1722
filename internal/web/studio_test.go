package web

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"shouwang/internal/account"
	"shouwang/internal/amendment"
	"shouwang/internal/ledger"
)

// drafted is the id of an amendment of the demo's policy officer that is tested: the line from next year on.
func (s *site) drafted() string {
	s.Helper()
	p := s.as(account.Policy)
	for _, e := range p.page("/policy/drafts").doc.Find("tbody th a").EachIter() {
		if href, _ := e.Attr("href"); e.Text() == "画里的修订" {
			return strings.TrimPrefix(href, "/policy/drafts/")
		}
	}
	id := p.begin(url.Values{"title": {"画里的修订"}, "document": {"黔农发〔2026〕7号"}, "parameter": {"line"}, "value": {"9500"}, "from": {"2027-01-01"}})
	p.edit(id, url.Values{"rule": {"illness_burden"}, "level": {"red"}})
	p.amend(id, "test", nil)
	return id
}

// begin begins an amendment and gives its id.
func (p *person) begin(form url.Values) string {
	p.Helper()
	a := p.post("/policy/drafts", form)
	at := a.header.Get("Location")
	if a.status != http.StatusSeeOther || !strings.HasPrefix(at, "/policy/drafts/") {
		p.Fatalf("beginning an amendment: %d %s", a.status, a.text)
	}
	return strings.TrimPrefix(at, "/policy/drafts/")
}

// fields are the fields of a form of the page, as a browser would send them.
func (a answer) fields(form string) url.Values {
	a.t.Helper()
	out := url.Values{}
	found := a.doc.Find(form)
	if found.Length() == 0 {
		a.t.Fatalf("there is no form %s in %s", form, a.text[:min(len(a.text), 4000)])
	}
	for _, e := range found.Find("input, textarea").EachIter() {
		name, _ := e.Attr("name")
		value, _ := e.Attr("value")
		if e.Is("textarea") {
			value = strings.TrimPrefix(e.Text(), "\n")
		}
		if name != "" {
			out.Set(name, value)
		}
	}
	for _, e := range found.Find("select").EachIter() {
		name, _ := e.Attr("name")
		value, _ := e.Find("option[selected]").Attr("value")
		out.Set(name, value)
	}
	return out
}

// edit opens the form for a part of an amendment, fills in what is given, and saves it.
func (p *person) edit(id string, change url.Values) answer {
	p.Helper()
	query := url.Values{}
	for _, key := range []string{"parameter", "rule", "indicator", "file"} {
		if change.Get(key) != "" {
			query.Set(key, change.Get(key))
		}
	}
	form := p.page("/policy/drafts/" + id + "/edit?" + query.Encode()).fields("#edit")
	for key, value := range change {
		form[key] = value
	}
	return p.post("/policy/drafts/"+id+"/edit", form)
}

// amend does one thing with an amendment as its page offers it.
func (p *person) amend(id, verb string, more url.Values) answer {
	p.Helper()
	form := p.page("/policy/drafts/" + id).fields("#do-" + verb)
	for key, value := range more {
		form[key] = value
	}
	return p.post("/policy/drafts/"+id+"/"+verb, form)
}

// second is the demo's other policy officer.
func (s *site) second() *person {
	s.Helper()
	p := s.as("")
	if a := p.post("/sign-in", url.Values{"demo": {"demo-policy-second"}}); a.status != http.StatusSeeOther {
		s.Fatalf("signing in as the second policy officer: %d %s", a.status, a.text)
	}
	return p
}

// plainSpaces are for the narrow ones between the digits of a number.
var plainSpaces = strings.NewReplacer("\u202f", " ", "\u00a0", " ")

func (a answer) says(words ...string) {
	a.t.Helper()
	for _, w := range words {
		if !strings.Contains(plainSpaces.Replace(a.text), w) {
			a.t.Errorf("it does not say %q: %s", w, a.doc.Find("main").Text())
		}
	}
}

// TestAmendmentByForm: what the forms change is said in words and stands in the text; the test's report is on the page; who drafted is not offered to approve, and is refused.
func TestAmendmentByForm(t *testing.T) {
	s := newSite(t, nil)
	p := s.as(account.Policy)
	id := p.begin(url.Values{"title": {"表单修订"}, "document": {"黔农发〔2026〕8号"}})
	page := p.page("/policy/drafts/" + id)
	page.says("还没有改动")
	page.lacks("#do-test", "#do-submit", "#do-approve")
	for _, x := range []struct {
		change url.Values
		says   string
	}{
		{url.Values{"parameter": {"line"}, "from": {"2027-01-01"}, "value": {"9000"}}, "监测线：贵州省 2027年1月1日起为 9 000 元/人·年"},
		{url.Values{"parameter": {"line"}, "from": {"2027-01-01"}, "value": {"9100"}, "division": {"522633"}}, "从江县 2027年1月1日起为 9 100"},
		{url.Values{"rule": {"illness_burden"}, "level": {"red"}, "wording.zh": {"请核实“{medical_burden}”"}}, "级别由“黄”改为“红”"},
		{url.Values{"indicator": {"medical_self_paid_12m"}, "fresh_days": {"93"}}, "数据最旧天数由“62”改为“93”"},
	} {
		if a := p.edit(id, x.change); a.status != http.StatusSeeOther {
			t.Fatalf("%v: %d %s", x.change, a.status, a.text)
		}
		p.page("/policy/drafts/" + id).says(x.says)
	}
	p.page("/policy/drafts/"+id+"/text").says("parameters.yaml", "rules/01_illness.yaml", "value: 9100")
	if a := p.amend(id, "test", nil); a.status != http.StatusSeeOther {
		t.Fatalf("testing: %d %s", a.status, a.text)
	}
	page = p.page("/policy/drafts/" + id)
	page.has("#report .ok", "#backtest", "#do-submit")
	if a := p.amend(id, "submit", url.Values{"effective": {"2026-11-01"}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("from a day that is past: %d", a.status)
	}
	if a := p.amend(id, "submit", url.Values{"effective": {"2027-01-01"}}); a.status != http.StatusSeeOther {
		t.Fatalf("submitting: %d %s", a.status, a.text)
	}
	page = p.page("/policy/drafts/" + id)
	page.has("#own")
	page.lacks("#do-approve", "#do-return", "#do-test", `a[href*="/edit"]`)
	version := strconv.FormatInt(s.amendment(id).Version, 10)
	if a := p.post("/policy/drafts/"+id+"/approve", url.Values{"version": {version}}); a.status != http.StatusForbidden || s.amendment(id).State != amendment.Submitted {
		t.Errorf("who drafted it approves it: %d", a.status)
	}
	for _, role := range []account.Role{account.Province, account.County, account.Auditor, account.Admin} {
		if a := s.as(role).post("/policy/drafts/"+id+"/approve", url.Values{"version": {version}}); a.status != http.StatusForbidden {
			t.Errorf("%s approves it: %d", role, a.status)
		}
	}
	q := s.second()
	q.page("/policy/drafts/"+id).has("#do-approve", "#do-return")
	if a := q.amend(id, "return", url.Values{"reason": {"文号不对"}}); a.status != http.StatusSeeOther {
		t.Fatalf("returning: %d %s", a.status, a.text)
	}
	p.page("/policy/drafts/"+id).says("文号不对", "退回")
	if n := len(s.events("policy.return")); n == 0 {
		t.Error("it is not in the audit chain")
	}
	if a := p.amend(id, "withdraw", url.Values{"reason": {"不要了"}}); a.status != http.StatusSeeOther {
		t.Errorf("withdrawing: %d", a.status)
	}
}

// amendment is one as the ledger has it.
func (s *site) amendment(id string) (a amendment.Amendment) {
	s.Helper()
	err := s.app.Ledger.Read(context.Background(), func(ctx context.Context, tx *ledger.Tx) error {
		return tx.NewSelect().Model(&a).Where("id = ?", id).Scan(ctx)
	})
	if err != nil {
		s.Fatal(err)
	}
	return a
}

// TestAmendmentAsText: a text with errors is kept, and says file, line and key in both languages; an example that comes out otherwise is shown; markup in it stays text.
func TestAmendmentAsText(t *testing.T) {
	s := newSite(t, nil)
	p := s.as(account.Policy)
	id := p.begin(url.Values{"title": {"<script>alert(1)</script>"}})
	text := p.page("/policy/drafts/" + id + "/edit?file=parameters.yaml").fields("#edit").Get("text")
	if text != string(s.app.Pack.Files["parameters.yaml"]) {
		t.Fatal("the text in the form is not the file's")
	}
	broken := strings.Replace(text, "value: 8500", "value: <b>viel</b>", 1)
	a := p.edit(id, url.Values{"file": {"parameters.yaml"}, "text": {strings.ReplaceAll(broken, "\n", "\r\n")}})
	if a.status != http.StatusSeeOther || !strings.Contains(a.header.Get("Location"), "/edit?file=parameters.yaml") {
		t.Fatalf("saving a text with an error: %d %s", a.status, a.header.Get("Location"))
	}
	line := strconv.Itoa(1 + strings.Count(broken[:strings.Index(broken, "viel")], "\n"))
	page := p.page(a.header.Get("Location"))
	page.says("应为数字", "第 "+line+" 行", "parameters[line].values", "&lt;b&gt;viel")
	page.has("#faults .line-gone")
	r, err := http.NewRequest(http.MethodGet, s.http.URL+"/policy/drafts/"+id, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Language", "en")
	english := p.do(r)
	english.says("must be a number", "line "+line, "&lt;script&gt;alert")
	english.lacks("#do-test", "#do-submit", "main script:not([type])")
	if a := p.post("/policy/drafts/"+id+"/test", url.Values{"version": {"1"}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("testing what does not load: %d", a.status)
	}
	// The line moved in the past: examples on the line come out otherwise.
	if a := p.edit(id, url.Values{"file": {"parameters.yaml"}, "text": {strings.Replace(text, "value: 8500", "value: 12000", 1)}}); a.status != http.StatusSeeOther {
		t.Fatal(a.status)
	}
	p.amend(id, "test", nil)
	page = p.page("/policy/drafts/" + id)
	page.has("#report .failure")
	page.says("个例子不符", "12000")
	page.lacks("#do-submit")
	// What is too large, or no file of the pack, is refused.
	if a := p.post("/policy/drafts/"+id+"/edit", url.Values{"file": {"../../etc/passwd"}, "text": {"x"}, "version": {"1"}}); a.status != http.StatusNotFound {
		t.Errorf("a file outside of the pack: %d", a.status)
	}
	if a := p.post("/policy/drafts/"+id+"/edit", url.Values{"file": {"parameters.yaml"}, "text": {strings.Repeat("# x\n", 2<<20)}, "version": {"1"}}); a.status < 400 {
		t.Errorf("eight megabytes: %d", a.status)
	}
}

// TestTwoPolicyEditors: the second to save sees what is there now beside what was typed, and nothing is lost.
func TestTwoPolicyEditors(t *testing.T) {
	s := newSite(t, nil)
	p, q := s.as(account.Policy), s.second()
	id := p.begin(url.Values{"title": {"两个人改"}, "document": {"1"}})
	path := "/policy/drafts/" + id + "/edit"
	mine, his := p.page(path+"?parameter=line").fields("#edit"), q.page(path+"?parameter=line").fields("#edit")
	mine.Set("value", "9000")
	his.Set("value", "9200")
	if a := q.post(path, his); a.status != http.StatusSeeOther {
		t.Fatalf("the first to save: %d %s", a.status, a.text)
	}
	a := p.post(path, mine)
	if a.status != http.StatusConflict {
		t.Fatalf("the second to save: %d", a.status)
	}
	a.has("#conflict .line-gone", "#conflict .line-new")
	a.says("value: 9200", "value: 9000")
	again := a.fields("#edit")
	if again.Get("value") != "9000" {
		t.Errorf("what was typed is lost: %v", again)
	}
	if a := p.post(path, again); a.status != http.StatusSeeOther {
		t.Errorf("saved again on purpose: %d", a.status)
	}
	p.page("/policy/drafts/" + id).says("9 000")
	if a := p.amend(id, "withdraw", url.Values{"reason": {"不要了"}}); a.status != http.StatusSeeOther {
		t.Errorf("withdrawing: %d", a.status)
	}
}

// TestDraftOfAWhatIf: the answer of a what-if question becomes an amendment with one click, for who may change the pack and nobody else.
func TestDraftOfAWhatIf(t *testing.T) {
	s := newSite(t, nil)
	p := s.as(account.Policy)
	form := p.page("/policy/whatif?parameter=line&value=9000&by=county").fields("#make-draft")
	form.Set("document", "黔农发〔2026〕9号")
	id := p.begin(form)
	page := p.page("/policy/drafts/" + id)
	page.says("监测线 8 500 → 9000")
	if text := plainSpaces.Replace(page.doc.Find("#changes").Text()); !regexp.MustCompile(`贵州省 2026年11月25日起为 9 000`).MatchString(text) {
		t.Errorf("it changes %s", text)
	}
	s.as(account.County).page("/policy/whatif?parameter=line&value=9000").lacks("#make-draft")
	if a := s.as(account.County).post("/policy/drafts", form); a.status != http.StatusForbidden {
		t.Errorf("a county begins an amendment: %d", a.status)
	}
}
