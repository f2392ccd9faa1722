package web

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/chromedp/chromedp"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/measure"
)

// journey is one household from warning to cleared, by whoever's hands: those of a browser, or plain requests.
type journey struct {
	*site
	clock *clock
	no    string // of the household
	id    string // of its case
	// send opens a page as somebody and sends a form of it with what was typed, and a picture in every field for files that is named.
	send func(who, path, form string, typed url.Values, files ...string)
	// look opens a page as somebody, and finds what must be there.
	look func(who, path, name string, there ...string)
}

// worker is the login of the village's worker, who is hired for the household's village.
const worker = "worker"

func (j *journey) act(who, action string, typed url.Values, files ...string) {
	j.Helper()
	j.send(who, "/cases/"+j.id+"?action="+action, "form#act", typed, files...)
}

// found reports the household and finds its case.
func (j *journey) found() {
	j.Helper()
	home, err := j.app.Screening().Household(j.Context(), j.no)
	if err != nil {
		j.Fatal(err)
	}
	j.hired(account.Village, "village-"+j.no, "陆村干", home.Division, "")
	j.send(worker, "/cases/new?household="+j.no, "main form", url.Values{"risk": {"illness"}, "level": {"3"}, "words": {"走访发现户主患大病住院，自付较多，家里借了钱"}})
	c, err := j.server.liveCase(j.Context(), account.SystemActor("test"), home.ID)
	if err != nil || c == nil {
		j.Fatal("no case was opened ", err)
	}
	j.id = c.ID
}

// identify goes from the lead to monitored.
func (j *journey) identify() {
	j.Helper()
	c := "/cases/" + j.id
	j.act(worker, "accept", nil)
	j.look(worker, c, "journey-case-1-visit", "#next-title:contains('登记入户')", "#path .is-now")
	j.act(worker, "record_visit", visitOf("village"), "f.photos")
	j.act(worker, "verify_true", url.Values{"f.remark": {"单据齐全"}})
	j.act(worker, "authorise", url.Values{"f.signer": {"head"}, "f.handprint": {"1"}, "f.scope": {"hukou", "property", "vehicles"}}, "f.letter")
	j.act("township", "record_comparison", url.Values{"f.results.0.department": {"medical_insurance"}, "f.results.0.result": {"clear"}})
	j.act("township", "finish_comparison", nil)
	j.look(worker, c, "journey-case-2-appraisal", "#next-title:contains('登记民主评议')", "#papers .btn-primary")
	j.act(worker, "appraise", url.Values{"f.attendees": {"12"}, "f.votes_for": {"10"}, "f.votes_against": {"2"}, "f.place": {"村委会"}, "f.host": {"陆某"}}, "f.minutes")
	j.act(worker, "publicise", url.Values{"f.place": {"村务公开栏"}}, "f.photos")
	j.clock.days(3)
	j.look("township", c, "journey-case-3-too-early", "#next-title:contains('还要等')", "#next .blocks li:contains('公示期满')")
	j.clock.days(3)
	j.act("township", "township_review", url.Values{"f.opinion": {"情况属实，同意纳入"}, "f.revisited": {"1"}})
	j.look("county", c, "journey-case-4-decision", "#next-title:contains('县级审定')", "select[name='f.category'] option[selected]")
	j.act("county", "decide", url.Values{"f.document_no": {"从防返贫〔2026〕12号"}})
	j.act("township", "announce", nil)
}

// plan reads the plan as the program has it.
func (j *journey) plan() *measure.Plan {
	j.Helper()
	plans, err := j.app.Plans()
	if err != nil {
		j.Fatal(err)
	}
	p, err := plans.Plan(j.Context(), account.SystemActor("test"), j.id)
	if err != nil {
		j.Fatal(err)
	}
	return p
}

// adopt puts the proposal into the plan and adopts it, with medical aid, which a department delivers.
func (j *journey) adopt() {
	j.Helper()
	path := "/cases/" + j.id + "/plan"
	j.look("township", path, "journey-case-5-proposal", "#proposal .plan-measure", "#proposal form")
	j.send("township", path, "#proposal form", nil)
	j.look("township", path, "journey-case-6-decide", "#decide .plan-item .reasons")
	add := url.Values{}
	has := false
	for _, m := range j.plan().Measures {
		has = has || m.Option == "medical_aid"
	}
	if !has {
		add = url.Values{"f.add.0.option": {"medical_aid"}, "f.add.0.amount": {"8600"}, "f.add.0.reason": {"大病自付多"}}
	}
	j.send("township", path, "#decide-form", add)
	j.act("township", "plan", nil)
}

// help delivers the plan: the department what it is ordered to, the township the rest; the county looks after it.
func (j *journey) help() {
	j.Helper()
	path := "/cases/" + j.id + "/plan"
	for _, m := range j.plan().Measures {
		switch {
		case m.State != measure.Adopted:
		case m.Option == "medical_aid":
			j.send("township", path, "form[action$='/"+m.ID+"/order']", nil)
		default:
			var files []string
			for _, kind := range j.app.Pack.Measure(m.Option).Evidence {
				files = append(files, "f.evidence."+kind+"."+m.ID)
			}
			j.send("township", path, "form[action$='/"+m.ID+"/deliver']", url.Values{"f.reason." + m.ID: {"已办好"}}, files...)
		}
	}
	for _, m := range j.plan().Measures {
		for _, o := range m.Orders {
			j.look("department", "/orders", "journey-case-7-orders", "tbody a[href='/orders/"+o.ID+"']")
			j.look("department", "/orders/"+o.ID, "journey-case-8-order", "#accept form", "#report form")
			j.send("department", "/orders/"+o.ID, "#accept form", nil)
			var files []string
			for _, kind := range j.app.Pack.Measure(m.Option).Evidence {
				files = append(files, "f.evidence."+kind+"."+o.ID)
			}
			j.clock.days(5)
			j.send("department", "/orders/"+o.ID, "#report form", url.Values{"f.note": {"已结算打卡"}}, files...)
		}
	}
	for _, m := range j.plan().Measures {
		if m.State == measure.Delivered {
			j.send("county", path, "form[action$='/"+m.ID+"/verify']", nil)
		}
	}
	j.look("county", path, "journey-case-9-delivered", "#measures .state-verified", "#history")
	if got := j.state(); got != "helping" {
		j.Fatalf("the case is %s after the help has begun", got)
	}
}

// clear goes from being helped to cleared, once the months are over.
func (j *journey) clear() {
	j.Helper()
	c := "/cases/" + j.id
	j.look(worker, c, "journey-case-10-not-yet", "#next .blocks li:contains('不是突击消除')")
	j.clock.days(190)
	v := url.Values{"f.visitors.0.post": {"village"}, "f.visitors.1.name": {"石某"}, "f.visitors.1.post": {"township"}, "f.schooling_ok": {"1"}, "f.insurance_ok": {"1"}, "f.housing_ok": {"1"}, "f.water_ok": {"1"}}
	for i, x := range []struct{ id, value string }{{"reference_income_per_head", "13200"}, {"labourers", "1"}, {"able_labourers", "1"}, {"serious_ill", "1"}, {"compliant_self_paid_12m", "3000"}} {
		v.Set(fmt.Sprintf("f.facts.%d.indicator", i), x.id)
		v.Set(fmt.Sprintf("f.facts.%d.value", i), x.value)
	}
	j.act(worker, "record_visit", v)
	j.look(worker, c, "journey-case-11-clearing", "#next-title:contains('提出风险消除')")
	j.act(worker, "propose_clearing", url.Values{"f.clear_way": {"helped"}, "f.risks_resolved": {"1"}})
	j.act(worker, "appraise_clearing", url.Values{"f.attendees": {"11"}, "f.votes_for": {"11"}}, "f.minutes")
	j.act(worker, "publicise_clearing", nil)
	j.clock.days(6)
	j.act("township", "review_clearing", url.Values{"f.opinion": {"风险已稳定解除"}})
	j.act("county", "decide_clearing", nil)
	j.act("township", "announce_clearing", nil)
	if got := j.state(); got != "cleared" {
		j.Fatalf("the case is %s at the end", got)
	}
	for _, who := range []string{"prefecture", "province", "auditor"} {
		j.look(who, c, "journey-case-12-cleared-"+who, ".answer:contains('风险已消除')", "#path li.is-now:contains('风险已消除')", "#steps .timeline li")
	}
}

func (j *journey) state() string {
	j.Helper()
	cases, err := j.app.Casework()
	if err != nil {
		j.Fatal(err)
	}
	d, err := cases.Dossier(j.Context(), account.SystemActor("test"), j.clock.now(), j.id, "")
	if err != nil {
		j.Fatal(err)
	}
	return d.Case.State
}

func (j *journey) run() {
	j.Helper()
	j.found()
	j.identify()
	j.adopt()
	j.help()
	j.clear()
}

// login of somebody in the journey.
func (j *journey) login(who string) string {
	if who == worker {
		return "village-" + j.no
	}
	return demoPrefix + who
}

// TestCaseLife: one household from a lead to cleared through seven accounts, without scripts.
func TestCaseLife(t *testing.T) {
	s, c := movable(t)
	j := &journey{site: s, clock: c, no: s.answerable()}
	j.look = func(who, path, _ string, there ...string) {
		t.Helper()
		a := s.again(j.login(who)).page(path)
		if a.has(there...); t.Failed() {
			t.Fatal(strings.Join(strings.Fields(a.doc.Find("#next").Text()), " "))
		}
	}
	j.send = func(who, path, form string, typed url.Values, files ...string) {
		t.Helper()
		p := s.again(j.login(who))
		if a := p.submit(p.page(path), form, typed, files...); a.status != http.StatusSeeOther {
			t.Fatalf("%s, %s of %s: %d %s", who, form, path, a.status, said(a))
		}
	}
	j.run()
	if t.Failed() {
		return
	}
	// Nobody's name, number or phone came into any of the pages on the way.
	names := s.names(j.no)
	for _, who := range []string{worker, "township", "county", "department", "auditor"} {
		for _, path := range []string{"/cases/" + j.id, "/cases/" + j.id + "/plan"} {
			a := s.again(j.login(who)).page(path)
			text := strings.ReplaceAll(a.text, j.no, "")
			a.doc.Find("a, code, input").Each(func(_ int, e *goquery.Selection) { // addresses and keys are long digits, too
				html, err := goquery.OuterHtml(e)
				if err == nil {
					text = strings.ReplaceAll(text, html, "")
				}
			})
			for _, name := range names {
				if strings.Contains(text, name) {
					t.Errorf("%s sees a name on %s", who, path)
				}
			}
			if strings.Contains(a.text, "石某") {
				t.Errorf("%s sees who came along on %s", who, path)
			}
		}
	}
	if n := casework.Civil(c.now()).Sub(casework.Civil(today)).Hours() / 24; n < 200 {
		t.Errorf("the journey took %v days", n)
	}
}

// fill types into a form of the page and sends it, as hands and a script would, and waits for the page that comes.
func (b *browser) fill(form string, typed url.Values, files ...string) {
	b.Helper()
	values, err := json.Marshal(typed)
	if err != nil {
		b.Fatal(err)
	}
	names, err := json.Marshal(files)
	if err != nil {
		b.Fatal(err)
	}
	code := fmt.Sprintf(`(() => {
		const form = document.querySelector(%q), values = %s, files = %s || [];
		if (!form) return "no form";
		const open = e => { for (let d = e.closest("details"); d; d = d.parentElement.closest("details")) d.open = true; };
		open(form);
		let missing = null;
		for (const [name, list] of Object.entries(values || {})) {
			const fields = [...form.elements].filter(e => e.name === name);
			if (!fields.length) {
				const table = name.split(".").slice(0, 2).join("."), more = form.querySelector("button[name=more][value='" + table + "']");
				if (!more) return "no field " + name;
				missing = more;
				continue;
			}
			open(fields[0]);
			if (fields[0].type === "checkbox" || fields[0].type === "radio") fields.forEach(e => { e.checked = list.includes(e.value); });
			else fields[0].value = list[0];
		}
		const bytes = Uint8Array.from(atob(%q), c => c.charCodeAt(0));
		for (const name of files) {
			const field = [...form.elements].find(e => e.name === name && e.type === "file");
			if (!field) return "no field for files " + name;
			const all = new DataTransfer();
			all.items.add(new File([bytes], "photo.png", {type: "image/png"}));
			field.files = all.files;
		}
		document.body.dataset.old = "1";
		if (missing) {
			missing.click();
			return "more";
		}
		const wrong = [...form.elements].find(e => !e.checkValidity());
		if (wrong) return "the browser refuses " + wrong.name + ": " + wrong.validationMessage;
		form.querySelector("button[name=do]").click();
		return "";
	})()`, form, values, names, base64.StdEncoding.EncodeToString(tiny))
	for range 6 {
		said := ask[string](b, code)
		if said != "" && said != "more" {
			b.Fatalf("%s: %s", form, said)
		}
		b.do(chromedp.WaitReady("body:not([data-old]) main"))
		if said == "" {
			return
		}
	}
	b.Fatalf("%s never has enough rows", form)
}

// signInAs signs in with a login.
func (b *browser) signInAs(login string) {
	b.Helper()
	b.forget()
	b.open("/sign-in")
	if ask[string](b, fmt.Sprintf(`(() => {
		const form = document.querySelector("input[name=login]").form;
		form.querySelector("[name=login]").value = %q;
		form.querySelector("[name=password]").value = %q;
		document.body.dataset.old = "1";
		form.requestSubmit();
		return "";
	})()`, login, DemoPassword)) != "" {
		b.Fatal("signing in")
	}
	b.do(chromedp.WaitReady("body:not([data-old]) header .whoami"))
}

// wide and narrow are how wide the pictures of the journeys are.
func (b *browser) pictures(name string) {
	b.Helper()
	for _, width := range []int64{1440, 360} {
		b.size(width, 900)
		b.picture(fmt.Sprintf("%s-%d", name, width))
		b.fits(name)
	}
	b.axe(name)
	b.size(1440, 900)
	b.heard(name)
}

// TestJourneyCase: one household from warning to cleared through seven accounts, in a real browser.
func TestJourneyCase(t *testing.T) {
	s, c := movable(t)
	b := newBrowser(t, s)
	b.size(1440, 900)
	j := &journey{site: s, clock: c, no: s.answerable()}
	now := ""
	as := func(who string) {
		t.Helper()
		if key := who + c.at.String(); key != now { // a session does not outlive a jump of months
			b.signInAs(j.login(who))
			b.look("zh", "light")
			now = key
		}
	}
	j.look = func(who, path, name string, there ...string) {
		t.Helper()
		as(who)
		b.open(path)
		doc, err := goquery.NewDocumentFromReader(strings.NewReader(ask[string](b, "document.documentElement.outerHTML")))
		if err != nil {
			t.Fatal(err)
		}
		answer{t: t, doc: doc, text: doc.Find("main").Text()}.has(there...)
		b.pictures(name)
	}
	j.send = func(who, path, form string, typed url.Values, files ...string) {
		t.Helper()
		as(who)
		b.open(path)
		b.fill(form, typed, files...)
		if wrong := ask[string](b, `[...document.querySelectorAll("[role=alert], .fault")].map(e => e.textContent).join(" ")`); wrong != "" || ask[bool](b, `!!document.querySelector("main.alone")`) {
			b.picture("journey-case-failed")
			t.Fatalf("%s, %s of %s: %s", who, form, path, strings.Join(strings.Fields(wrong), " "))
		}
		b.heard(path)
	}
	j.run()
	if os.Getenv("SHOUWANG_SCREENSHOTS") != "" {
		b.signInAs(j.login(worker))
		b.look("en", "dark")
		b.open("/cases/" + j.id)
		b.pictures("journey-case-13-english")
		b.open("/cases/" + j.id + "/plan")
		b.pictures("journey-case-14-plan-english")
		b.signInAs(j.login("department"))
		b.look("en", "dark")
		b.open("/orders?state=done")
		b.pictures("journey-case-15-orders-english")
	}
}
