package web

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/chromedp/chromedp"

	"shouwang/internal/account"
)

// The overview tells where the cases stand, and each figure leads to a list that has as many.
func TestOverviewLoop(t *testing.T) {
	s := newSite(t, nil)
	p := s.as(account.County)
	a := p.page("/overview?division=522633")
	a.has("#loop .figures", "#trend svg rect.bar-red", "#trend tbody tr", "#precision table tbody tr a[href^='/policy/rules/']", "[data-print]", "[data-picture=trend-drawing]")
	links := 0
	a.doc.Find("#loop dd a.num").Each(func(_ int, e *goquery.Selection) {
		href, _ := e.Attr("href")
		want, err := strconv.Atoi(strings.Map(digit, e.Text()))
		if err != nil {
			t.Errorf("%q is no figure", e.Text())
			return
		}
		links++
		got := 0
		for page := p.page(href); ; page = p.page(href) {
			got += page.doc.Find("tbody tr").Length()
			next := page.doc.Find("nav.pages a[href*=after]")
			more, ok := next.Attr("href")
			if !ok {
				break
			}
			href = more
		}
		if got != want {
			t.Errorf("%s says %d, its list has %d", strings.TrimSpace(e.Parent().Parent().Find("dt").Text()), want, got)
		}
	})
	if links < 3 {
		t.Errorf("only %d figures lead to a list", links)
	}
	// A village has no trend of its own, and its figures are its own.
	v := s.as(account.Village).page("/overview")
	v.lacks("#trend")
	v.has("#loop")
	if a := s.as(account.Village).get("/overview/cases?division=522632"); a.status != http.StatusNotFound {
		t.Errorf("a village worker opens another county's cases: %d", a.status)
	}
	if a := p.get("/overview/cases?phase=nonsense"); a.status != http.StatusUnprocessableEntity && a.status != http.StatusBadRequest {
		t.Errorf("no such phase: %d", a.status)
	}
}

func digit(r rune) rune {
	if r >= '0' && r <= '9' {
		return r
	}
	return -1
}

// Who sees sums but no households sees no small number, in the page, the map and the file, and no way to a list of households.
func TestSmallCells(t *testing.T) {
	s := newSite(t, nil)
	for _, role := range []account.Role{account.Policy, account.Auditor, account.Department} {
		p := s.as(role)
		a := p.page("/overview?division=522633")
		a.lacks("main a[href^='/warnings']", "main a[href^='/overview/cases']", "main a[href^='/households']")
		hidden := 0
		a.doc.Find("#areas-title").Closest("section").Find("td.amount").Each(func(i int, cell *goquery.Selection) {
			text := strings.TrimSpace(cell.Text())
			if text == "<5" {
				hidden++
			}
			if n, err := strconv.Atoi(text); err == nil && n > 0 && n < 5 {
				t.Errorf("%s sees %d in the table of townships", role, n)
			}
		})
		a.doc.Find("#loop dd .num, #trend td, #precision td").Each(func(_ int, cell *goquery.Selection) {
			if n, err := strconv.Atoi(strings.TrimSpace(cell.Text())); err == nil && n > 0 && n < 5 {
				t.Errorf("%s sees %d in %s", role, n, cell.Parent().Text())
			}
		})
		if hidden == 0 {
			t.Errorf("%s: the world has no small number, so this says nothing", role)
		}
		file := p.get("/overview/export?division=522633&format=csv")
		if file.status != 200 || !strings.Contains(file.text, "<5") || regexp.MustCompile(`,[1-4],\d`).MatchString(file.text) {
			t.Errorf("%s: the file: %d %.300s", role, file.status, file.text)
		}
	}
	if a := s.as(account.County).page("/overview"); strings.Contains(a.doc.Find("main").Text(), "<5") {
		t.Error("the county does not see its own small numbers")
	}
}

// What was counted of a province is told again for some minutes, with its time; of a county it is counted each time.
func TestLoopIsKept(t *testing.T) {
	now := today
	s := newSite(t, func(c *Config) { c.Now = func() time.Time { return now } })
	p := s.as(account.Province)
	counted := func(path string) string {
		t.Helper()
		return strings.TrimSpace(p.page(path).doc.Find("#loop .card-header .small").Text())
	}
	first := counted("/overview")
	now = today.Add(5 * time.Minute)
	if again := counted("/overview"); again != first {
		t.Errorf("%q, then %q", first, again)
	}
	if own := counted("/overview?division=522633"); own == first || !strings.Contains(own, "10:05") {
		t.Errorf("a county: %q", own)
	}
	now = today.Add(11 * time.Minute)
	if later := counted("/overview"); !strings.Contains(later, "10:11") {
		t.Errorf("after eleven minutes: %q", later)
	}
}

// TestFrontBudgets: what the overview costs a real browser: requests, bytes, and the longest time that it does not listen to the reader.
func TestFrontBudgets(t *testing.T) {
	s := newSite(t, nil)
	b := newBrowser(t, s)
	b.size(1440, 900)
	b.signIn("province")
	type cost struct {
		Requests int     `json:"requests"`
		Bytes    int     `json:"bytes"`
		Longest  float64 `json:"longest"`
	}
	best := cost{Longest: 1e9}
	for range 3 { // the machine may be busy with other things
		b.do(chromedp.Navigate("about:blank"))
		b.open("/overview")
		b.drawn("overview")
		got := ask[cost](b, `new Promise(done => {
			let longest = 0;
			const o = new PerformanceObserver(list => { for (const e of list.getEntries()) longest = Math.max(longest, e.duration); });
			o.observe({type: "longtask", buffered: true});
			setTimeout(() => {
				const all = performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation"));
				done({requests: all.length, bytes: all.reduce((n, e) => n + e.encodedBodySize, 0), longest});
			}, 500);
		})`)
		if got.Longest < best.Longest {
			best = got
		}
	}
	t.Logf("overview of the province: %d requests, %d bytes, longest task %.0f ms", best.Requests, best.Bytes, best.Longest)
	if best.Requests > 14 || best.Bytes > 310_000 || best.Longest > 500 {
		t.Errorf("%+v: at most 14 requests, 310000 bytes, 500 ms", best)
	}
	// The pictures are made in the browser.
	for _, id := range []string{"map", "trend-drawing"} {
		b.do(chromedp.Click(`[data-picture="` + id + `"]`))
		saved := ""
		for range 50 {
			if saved = ask[string](b, `document.querySelector('[data-picture="`+id+`"]').dataset.saved || ""`); saved != "" {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		if n, err := strconv.Atoi(saved); err != nil || n < 3000 {
			t.Errorf("the picture of %s has %q bytes", id, saved)
		}
	}
	b.heard("overview")
}
