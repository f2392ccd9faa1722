package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"shouwang/internal/account"
	"shouwang/internal/division"
	"shouwang/internal/matching"
	"shouwang/internal/policy"
	"shouwang/internal/screening"
)

// clock is a time that tests move.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func (c *clock) days(n int) { c.at = c.at.AddDate(0, 0, n) }

// movable is a site whose time can be moved.
func movable(t *testing.T) (*site, *clock) {
	t.Helper()
	c := &clock{at: today}
	return newSite(t, func(x *Config) { x.Now = c.now }), c
}

// visitOf is what a visit finds that makes the household fit for help because of an illness.
func visitOf(post string) url.Values {
	return url.Values{"f.visitors.0.post": {post}, "f.visitors.1.name": {"石某"}, "f.visitors.1.post": {"team"},
		"f.facts.0.indicator": {"serious_ill"}, "f.facts.0.value": {"1"}, "f.facts.1.indicator": {"compliant_self_paid_12m"}, "f.facts.1.value": {"26000"}}
}

// answerable is a household of the demo's township to which matching has more than one answer when somebody is ill, and of whose insurance and schooling the
// data say nothing bad, whichever households earlier tests have taken.
func (s *site) answerable() string {
	s.Helper()
	return s.spareWith(village.At(division.Township), func(st screening.State) bool {
		for i := range s.app.Pack.Indicators {
			v := st.Row[i]
			switch s.app.Pack.Indicators[i].ID {
			case "able_labourers":
				if !v.Known || v.Num < 1 {
					return false
				}
			case "uninsured", "dropped_out":
				if !v.Known || v.Num != 0 {
					return false
				}
			}
		}
		h := matching.FromState(st)
		h.Risks = []matching.Risk{{Risk: "illness", Level: policy.Yellow}}
		x := s.app.Matching().Matcher().Propose(h)
		return len(x.Measures) > 1 && x.Risks[0].Answered
	})
}

// identified takes a household of the demo's township from the lead to monitored, through the pages of village, township and county.
func (s *site) identified(c *clock) string {
	s.Helper()
	no := s.answerable()
	home, err := s.app.Screening().Household(s.Context(), no)
	if err != nil {
		s.Fatal(err)
	}
	v, town := s.hired(account.Village, "village-"+no, "陆村干", home.Division, ""), s.as(account.Township)
	id := v.lead(no, "走访发现户主患大病，自付较多")
	v.acts(id, "accept", nil)
	v.acts(id, "record_visit", visitOf("village"), "f.photos")
	v.acts(id, "verify_true", nil)
	v.acts(id, "authorise", url.Values{"f.signer": {"head"}, "f.scope": {"hukou", "property"}}, "f.letter")
	town.acts(id, "record_comparison", url.Values{"f.results.0.department": {"medical_insurance"}, "f.results.0.result": {"clear"}})
	town.acts(id, "finish_comparison", nil)
	v.acts(id, "appraise", url.Values{"f.attendees": {"12"}, "f.votes_for": {"10"}, "f.place": {"村委会"}}, "f.minutes")
	v.acts(id, "publicise", url.Values{"f.place": {"村务公开栏"}})
	c.days(6)
	s.as(account.Township).acts(id, "township_review", url.Values{"f.opinion": {"同意纳入"}})
	s.as(account.County).acts(id, "decide", url.Values{"f.document_no": {"从防返贫〔2026〕12号"}})
	s.as(account.Township).acts(id, "announce", nil)
	return id
}

// TestPlan: what matching proposes is told with its reasons, decided, changed, refused and added with reasons; what is against the rules is refused and what was typed stays.
func TestPlan(t *testing.T) {
	s, c := movable(t)
	id := s.identified(c)
	p := s.as(account.Township)
	a := p.page("/cases/" + id)
	a.has("#next a[href='/cases/"+id+"/plan']", "#next .blocks li:contains('有帮扶措施')")
	plan := p.page("/cases/" + id + "/plan")
	plan.has("#proposal .plan-measure .reasons li", "#proposal form")
	if a := p.submit(plan, "#proposal form", nil); a.status != http.StatusSeeOther {
		t.Fatalf("%d %s", a.status, said(a))
	}
	plan = p.page("/cases/" + id + "/plan")
	items := plan.doc.Find("#decide .plan-item")
	if items.Length() < 2 {
		t.Fatalf("%d proposals to decide in %s", items.Length(), plan.doc.Find("main").Text())
	}
	// Refusing needs a reason: all of it is refused, and what was typed stays. (What the checks ask for cannot be refused at all.)
	var first string
	var bad answer
	for _, name := range choices(plan.doc) {
		first = strings.TrimSuffix(name, ".do")
		if bad = p.submit(plan, "#decide-form", url.Values{name: {"refuse"}}); bad.status != http.StatusForbidden {
			break
		}
		bad.has("#faults:contains('不符合规定')")
	}
	if bad.status != http.StatusUnprocessableEntity {
		t.Fatalf("refusing without a reason: %d %s", bad.status, said(bad))
	}
	bad.has("#faults", "input[name='"+first+".do'][value='refuse'][checked]")
	nonsense := p.submit(plan, "#decide-form", url.Values{first + ".amount": {"一千"}})
	if nonsense.status != http.StatusUnprocessableEntity {
		t.Errorf("an amount in words: %d", nonsense.status)
	}
	good := p.submit(bad, "#decide-form", url.Values{first + ".reason": {"<script>alert('户主不愿意')</script>"}})
	if good.status != http.StatusSeeOther {
		t.Fatalf("%d %s", good.status, said(good))
	}
	shown := p.page("/cases/" + id + "/plan")
	shown.has("#measures .state:contains('已采纳')", "#refused .plan-measure", "#history .timeline li", "form[action$='/order']")
	if !strings.Contains(shown.text, "&lt;script&gt;alert(") || strings.Contains(shown.text, "<script>alert") {
		t.Error("the reason is not shown, or as a script")
	}
	if s.as(account.Auditor).page("/cases/"+id+"/plan").doc.Find("form[action*='/plan/']").Length() > 0 {
		t.Error("the auditor is offered changes")
	}
	if a := s.as(account.Auditor).post("/cases/"+id+"/plan/propose", nil); a.status != http.StatusForbidden {
		t.Errorf("the auditor proposes: %d", a.status)
	}
}

// TestTwoPlanners: two officers edit the same plan; the second sees both side by side and applies what is left of theirs.
func TestTwoPlanners(t *testing.T) {
	s, c := movable(t)
	id := s.identified(c)
	p, q := s.as(account.Township), s.as(account.County)
	if a := p.submit(p.page("/cases/"+id+"/plan"), "#proposal form", nil); a.status != http.StatusSeeOther {
		t.Fatalf("%d %s", a.status, said(a))
	}
	mine := p.page("/cases/" + id + "/plan")
	names := choices(mine.doc)
	if len(names) < 2 {
		t.Fatalf("%d proposals", len(names))
	}
	later := func(keep int) url.Values { // decides one only
		out := url.Values{}
		for i, name := range names {
			if i != keep {
				out.Set(name, "later")
			}
		}
		return out
	}
	if a := q.submit(q.page("/cases/"+id+"/plan"), "#decide-form", later(0)); a.status != http.StatusSeeOther {
		t.Fatalf("%d %s", a.status, said(a))
	}
	typed := url.Values{strings.TrimSuffix(names[1], ".do") + ".reason": {"县里已有安排"}, names[1]: {"refuse"}}
	late := p.submit(mine, "#decide-form", typed)
	if late.status != http.StatusConflict {
		t.Fatalf("%d %s", late.status, said(late))
	}
	late.has("#conflict .side-typed:contains('县里已有安排')", "#conflict .side-now:contains('杨县办')", "#conflict .side-now:contains('已采纳')", "form#again")
	if late.doc.Find("form#again input[name='"+names[0]+"']").Length() > 0 {
		t.Error("what the other has decided is applied again")
	}
	if a := p.submit(late, "form#again", nil); a.status != http.StatusSeeOther {
		t.Fatalf("again: %d %s", a.status, said(a))
	}
	shown := p.page("/cases/" + id + "/plan")
	shown.has("#measures .state:contains('已采纳')", "#refused .plan-measure:contains('县里已有安排')")
	// Somebody whose decisions have all been made meanwhile is told so.
	if a := p.submit(mine, "#decide-form", later(0)); a.status != http.StatusConflict || a.doc.Find("form#again").Length() > 0 {
		t.Errorf("nothing left: %d", a.status)
	}
}

// choices are the names of the decisions in a plan's form, in its order.
func choices(doc *goquery.Document) []string {
	var out []string
	doc.Find("#decide .plan-item").Each(func(_ int, e *goquery.Selection) {
		if name, ok := e.Find("input[type=radio]").First().Attr("name"); ok {
			out = append(out, name)
		}
	})
	return out
}

// planned adopts what matching proposes and adds medical aid, which the health insurance delivers, and temporary aid of civil affairs.
func (s *site) planned(p *person, id string) {
	s.Helper()
	page := p.page("/cases/" + id + "/plan")
	if page.doc.Find("#proposal form").Length() > 0 {
		if a := p.submit(page, "#proposal form", nil); a.status != http.StatusSeeOther {
			s.Fatalf("%d %s", a.status, said(a))
		}
		page = p.page("/cases/" + id + "/plan")
	}
	add, n := url.Values{}, 0
	for _, option := range []string{"medical_aid", "temporary_aid"} {
		if page.doc.Find(".plan-item:contains('"+s.app.Pack.Measure(option).Name.ZH+"')").Length() == 0 {
			at := fmt.Sprintf("f.add.%d.", n)
			for name, value := range map[string]string{"option": option, "amount": "8600", "reason": "大病自付多"} {
				add.Set(at+name, value)
			}
			n++
		}
	}
	if a := p.submit(page, "#decide-form", add); a.status != http.StatusSeeOther {
		s.Fatalf("the plan: %d %s", a.status, said(a))
	}
}

// TestOrders: a department sees its own orders only, accepts, rejects with a reason, and reports with the evidence that the pack asks for.
func TestOrders(t *testing.T) {
	s, c := movable(t)
	id := s.identified(c)
	p, d := s.as(account.Township), s.as(account.Department)
	s.planned(p, id)
	ordered, own := 0, 0
	for range 20 {
		page := p.page("/cases/" + id + "/plan")
		if page.doc.Find("form[action$='/order']").Length() == 0 {
			break
		}
		if a := p.submit(page, "form[action$='/order']", nil); a.status != http.StatusSeeOther {
			t.Fatalf("order: %d %s", a.status, said(a))
		}
		ordered++
	}
	list := d.page("/orders")
	var mine string
	list.doc.Find("tbody th a").Each(func(_ int, e *goquery.Selection) {
		href, _ := e.Attr("href")
		if d.page(href).doc.Find("a[href='/cases/"+id+"']").Length() > 0 {
			mine = href
			own++
		}
	})
	if own == 0 || own >= ordered {
		t.Fatalf("the health insurance sees %d of %d orders", own, ordered)
	}
	p.page("/orders").doc.Find("tbody th a").Each(func(_ int, e *goquery.Selection) {
		href, _ := e.Attr("href")
		if a := d.get(href); a.status == http.StatusOK && a.doc.Find("dd:contains('医疗保障局')").Length() == 0 {
			t.Error("another department's order is shown")
		}
	})
	order := d.page(mine)
	order.has("#accept form", "#report form", "#reject form")
	if p.page(mine).doc.Find("#accept form").Length() > 0 {
		t.Error("the township is offered the department's answer")
	}
	if a := d.submit(order, "#reject form", url.Values{"f.reason": {" "}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("rejecting without a reason: %d", a.status)
	}
	if a := d.submit(order, "#accept form", nil); a.status != http.StatusSeeOther {
		t.Fatalf("accept: %d %s", a.status, said(a))
	}
	// The page from before: somebody has answered meanwhile.
	if a := d.submit(order, "#reject form", url.Values{"f.reason": {"没有名额"}}); a.status != http.StatusConflict || a.doc.Find(".side-typed:contains('没有名额')").Length() == 0 || a.doc.Find("form#again").Length() == 0 {
		t.Errorf("an old page: %d %s", a.status, said(a))
	}
	order = d.page(mine)
	if a := d.submit(order, "#report form", nil); a.status != http.StatusUnprocessableEntity || !strings.Contains(said(a), "证明材料") {
		t.Errorf("reporting without evidence: %d %s", a.status, said(a))
	}
	var files []string
	order.doc.Find("#report input[type=file]").Each(func(_ int, e *goquery.Selection) {
		name, _ := e.Attr("name")
		files = append(files, name)
	})
	if a := d.submit(order, "#report form", url.Values{"f.note": {"已打卡"}}, files...); a.status != http.StatusSeeOther {
		t.Fatalf("report: %d %s", a.status, said(a))
	}
	done := d.page(mine)
	done.has(".state-done", "#order a[href^='/cases/"+id+"/files/']")
	done.lacks("#accept", "#report", "#reject")
	p.page("/cases/"+id+"/plan").has(".state-delivered", "form[action$='/verify']")
	d.page("/cases/"+id).lacks("#signals", "#papers", "#reveal", "a[href^='/households/']")
	for _, bad := range []string{"/orders/nothing", "/orders?state=x"} {
		if a := d.get(bad); a.status < 400 || a.status >= 500 {
			t.Errorf("%s: %d", bad, a.status)
		}
	}
}
