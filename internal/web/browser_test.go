package web

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// chromium is the browser of the tests: SHOUWANG_TEST_BROWSER, which CI sets and which must then work, else what is installed.
func chromium(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("SHOUWANG_TEST_BROWSER"); path != "" {
		found, err := exec.LookPath(path)
		if err != nil {
			t.Fatalf("SHOUWANG_TEST_BROWSER is no browser: %v", err)
		}
		return found
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no browser is installed, and SHOUWANG_TEST_BROWSER, which CI sets, is not set")
	return ""
}

// browser is a real one. What a page reports as an error (scripts that fail, what the content policy refused, answers from 500 on) fails the test.
type browser struct {
	*site
	ctx context.Context

	mu     sync.Mutex
	errors []string
}

func newBrowser(t *testing.T, s *site) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)), chromedp.NoSandbox)
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancelTab := chromedp.NewContext(allocator)
	t.Cleanup(cancelTab)
	b := &browser{site: s, ctx: ctx}
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil { // starts it, and so without a time limit
		t.Fatal(err)
	}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	return b
}

// hear collects what pages report.
func (b *browser) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventResponseReceived:
		if e.Response.Status >= 500 {
			b.errors = append(b.errors, fmt.Sprintf("%d %s", e.Response.Status, e.Response.URL))
		}
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			text += " " + x.Description
		}
		b.errors = append(b.errors, text)
	case *log.EventEntryAdded:
		if e.Entry.Level.String() == "error" && !strings.Contains(e.Entry.Text, "the server responded with a status of 4") {
			b.errors = append(b.errors, e.Entry.Text)
		}
	}
}

// heard fails the test with what pages reported since.
func (b *browser) heard(name string) {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, text := range b.errors {
		b.Errorf("%s: %s", name, text)
	}
	b.errors = nil
}

// limited is the browser's context with a time limit for one step.
func (b *browser) limited() (context.Context, context.CancelFunc) {
	return context.WithTimeout(b.ctx, 30*time.Second)
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	ctx, cancel := b.limited()
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.Fatal(err)
	}
}

// ask evaluates an expression of the page.
func ask[T any](b *browser, expression string) T {
	b.Helper()
	ctx, cancel := b.limited()
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.Fatal(err)
	}
	return v
}

// size makes the window so wide.
func (b *browser) size(width, height int64) {
	b.Helper()
	b.do(chromedp.EmulateViewport(width, height))
}

// look chooses language and theme as the header's switch does.
func (b *browser) look(lang, theme string) {
	b.Helper()
	for name, value := range map[string]string{"lang": lang, "theme": theme} {
		ctx, cancel := b.limited()
		_, err := chromedp.Call(ctx, network.SetCookie, network.SetCookieParams{Name: name, Value: value, URL: b.http.URL})
		cancel()
		if err != nil {
			b.Fatal(err)
		}
	}
}

func (b *browser) open(path string) {
	b.Helper()
	b.do(chromedp.Navigate(b.http.URL+path), chromedp.WaitReady("main"))
}

// forget signs out by forgetting every cookie.
func (b *browser) forget() {
	b.Helper()
	ctx, cancel := b.limited()
	defer cancel()
	if _, err := chromedp.Call(ctx, network.ClearBrowserCookies, cdp.Empty{}); err != nil {
		b.Fatal(err)
	}
}

// signIn clicks a demo account.
func (b *browser) signIn(role string) {
	b.Helper()
	b.forget()
	b.open("/sign-in")
	b.do(chromedp.Click(`button[value="demo-`+role+`"]`), chromedp.WaitReady("header .whoami"))
}

// picture keeps a screenshot of the whole page, where SHOUWANG_SCREENSHOTS says.
func (b *browser) picture(name string) {
	b.Helper()
	folder := os.Getenv("SHOUWANG_SCREENSHOTS")
	if folder == "" {
		return
	}
	ctx, cancel := b.limited()
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.Fatal(err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), png, 0o644); err != nil {
		b.Fatal(err)
	}
}

// fits fails when the page is wider than the window: something would be cut off, or the whole page would scroll sideways.
func (b *browser) fits(name string) {
	b.Helper()
	wide := ask[[]string](b, `(() => {
		const w = document.documentElement.clientWidth, out = [];
		if (document.documentElement.scrollWidth > w + 1) out.push("page " + document.documentElement.scrollWidth + " > " + w);
		for (const e of document.querySelectorAll("main *, header *")) {
			if (e.closest(".scroll, details:not([open]), .visually-hidden, thead, svg") || !e.offsetParent) continue;
			const r = e.getBoundingClientRect();
			if (r.right > w + 1 && r.width > 0) { out.push(e.tagName + "." + e.className + " " + Math.round(r.right)); if (out.length > 4) break; }
		}
		return out;
	})()`)
	if len(wide) > 0 {
		b.Errorf("%s does not fit: %v", name, wide)
	}
}

// axe runs the accessibility rules and fails on what is serious or critical.
func (b *browser) axe(name string) {
	b.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "axe.js"))
	if err != nil {
		b.Fatal(err)
	}
	ask[int](b, string(text)+";0")
	list := ask[[]string](b, `axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations.filter(v => v.impact === "serious" || v.impact === "critical").map(v => v.id + ": " + v.nodes.slice(0, 3).map(n => n.target.join(" ") + " " + (n.any[0] ? n.any[0].message : "")).join(" | ")))`)
	for _, v := range list {
		b.Errorf("%s: axe: %s", name, v)
	}
}

// pages are what the pictures show: a role, an address, a name.
func (s *site) pages() []struct{ role, path, name string } {
	no, home := s.worst(county), s.homes(village)[0]
	id, card := s.pictured(), s.carded(home)
	draft := "/policy/drafts/" + s.drafted()
	return []struct{ role, path, name string }{
		{"county", "/cases/" + id, "case"},
		{"county", "/cases/" + id + "?action=record_visit", "case-visit"},
		{"county", "/cases/new?household=" + no, "case-new"},
		{"county", "/cases/" + s.caseIn("rechecking"), "case-objection"},
		{"county", "/cases/" + s.caseIn("watching"), "case-watched"},
		{"county", "/cases/" + s.caseIn("helping"), "case-helping"},
		{"county", "/cases/" + s.caseIn("monitored") + "/plan", "case-plan-proposal"},
		{"county", "/cases/" + s.caseIn("helping") + "/plan", "case-plan"},
		{"department", "/orders", "case-orders"},
		{"department", "/orders/" + s.orderOf("medical_insurance"), "case-order"},
		{"county", "/", "today-county"},
		{"county", "/cases", "cases"},
		{"county", "/applications/" + s.applied("画中人", "13900000023"), "cases-application"},
		{"county", "/cases?due=overdue&level=yellow", "cases-overdue"},
		{"county", "/cases/handout", "cases-handout"},
		{"village", "/", "today-village"},
		{"village", "/cases", "cases-village"},
		{"township", "/", "today-township"},
		{"department", "/", "today-department"},
		{"prefecture", "/", "today-prefecture"},
		{"policy", "/", "today-policy"},
		{"auditor", "/", "today-auditor"},
		{"admin", "/", "today-admin"},
		{"county", "/overview", "overview-county"},
		{"county", "/overview/cases?phase=support", "overview-cases"},
		{"county", "/warnings", "warnings"},
		{"county", "/warnings?level=red&risk=illness", "warnings-filtered"},
		{"county", "/households", "find"},
		{"county", "/households/" + no, "household"},
		{"county", "/households/" + no + "/why/" + s.ruleOf(no), "why"},
		{"county", "/data", "data-calendar"},
		{"county", "/data/screening", "screening"},
		{"county", "/data/requests", "data-requests"},
		{"county", "/data/receipts", "receipts"},
		{"county", "/data/upload", "upload"},
		{"county", "/policy", "policy-parameters"},
		{"county", "/policy/rules", "policy-rules"},
		{"county", "/policy/rules/illness_poverty", "policy-rule"},
		{"county", "/policy/indicators", "policy-indicators"},
		{"county", "/policy/whatif?parameter=line&value=9000&by=township", "whatif"},
		{"county", "/help", "help"},
		{"county", "/nowhere", "error"},
		{"prefecture", "/overview", "overview-prefecture"},
		{"province", "/overview", "overview-province"},
		{"province", "/policy/whatif?parameter=line&value=9500&by=county", "whatif-province"},
		{"policy", "/overview", "overview-policy"},
		{"village", "/overview", "overview-village"},
		{"village", "/phone", "phone-begin"},
		{"department", "/data", "data-department"},
		{"county", "/codes", "codes"},
		{"county", "/codes?division=" + village.Prefix(), "codes-village"},
		{"county", "/households/" + home.No + "/codes", "codes-household"},
		{"county", card, "card-staff"},
		{"admin", "/admin/health", "admin-health"},
		{"admin", "/admin/accounts", "admin-accounts"},
		{"admin", "/admin/accounts/new", "admin-account-new"},
		{"admin", "/admin/accounts/import", "admin-import"},
		{"admin", "/admin/accounts/" + s.account("demo-village"), "admin-account"},
		{"admin", "/admin/orgs", "admin-orgs"},
		{"admin", "/admin/roles", "admin-roles"},
		{"admin", "/admin/sessions", "admin-sessions"},
		{"admin", "/admin/tokens", "admin-tokens"},
		{"admin", "/admin/jobs", "admin-jobs"},
		{"admin", "/admin/keys", "admin-keys"},
		{"admin", "/admin/divisions", "admin-divisions"},
		{"admin", "/admin/feeds", "admin-feeds"},
		{"auditor", "/admin/audit", "admin-audit"},
		{"stranger", "/apply", "apply-place"},
		{"stranger", "/apply?place=顶洞", "apply-found"},
		{"stranger", "/apply?division=522633105209", "apply"},
		{"stranger", "/apply/follow", "follow"},
		{"stranger", "/notices/" + s.publicised().Division.Prefix(), "notices"},
		{"stranger", card, "card"},
		{"stranger", "/C/HELLO", "card-not-a-code"},
		{"policy", "/policy/drafts", "drafts"},
		{"policy", draft, "draft"},
		{"policy", draft + "/text", "draft-text"},
		{"policy", draft + "/edit?parameter=line", "draft-parameter"},
		{"policy", draft + "/edit?rule=illness_burden", "draft-rule"},
		{"policy", draft + "/edit?indicator=medical_self_paid_12m", "draft-indicator"},
		{"policy", draft + "/edit?file=rules/01_illness.yaml", "draft-file"},
		{"policy", "/policy/history", "policy-history"},
		{"policy", "/policy/history/compare", "policy-compare"},
		{"policy", "/policy/whatif?parameter=line&value=9500&by=county", "whatif-draft"},
		{"policy", "/dev/storybook/draft", "story-draft"},
		{"policy", "/dev/storybook/draft-faults", "story-draft-faults"},
		{"policy", "/dev/storybook/draft-waits", "story-draft-waits"},
		{"policy", "/dev/storybook/draft-conflict", "story-draft-conflict"},
		{"policy", "/dev/storybook/policy-history", "story-history"},
		{"policy", "/dev/storybook/policy-compare", "story-compare"},
	}
}

// ruleOf is the worst rule that warns of a household.
func (s *site) ruleOf(no string) string {
	s.Helper()
	told, err := s.app.Screening().Told(s.Context(), no)
	if err != nil {
		s.Fatal(err)
	}
	for _, r := range told.Rules {
		if r.Outcome == "hit" && r.Level == "red" {
			return r.Rule
		}
	}
	s.Fatalf("nothing red hits household %s", no)
	return ""
}

// TestPictures opens every page in a real browser: as wide as a phone and as a desk, in both languages and themes. Nothing is cut off, no accessibility rule is
// broken seriously, nothing is refused by the content policy, maps are drawn. SHOUWANG_SCREENSHOTS keeps the pictures.
func TestPictures(t *testing.T) {
	s := newSite(t, many)
	b := newBrowser(t, s)
	looks := []struct {
		width       int64
		lang, theme string
	}{{1440, "zh", "light"}, {360, "zh", "light"}, {1440, "en", "dark"}, {360, "en", "dark"}}
	if os.Getenv("SHOUWANG_SCREENSHOTS") != "" { // every combination
		looks = append(looks, []struct {
			width       int64
			lang, theme string
		}{{1440, "zh", "dark"}, {1440, "en", "light"}, {360, "zh", "dark"}, {360, "en", "light"}}...)
	}
	list := s.pages()
	for _, l := range looks {
		suffix := fmt.Sprintf("-%d-%s-%s", l.width, l.lang, l.theme)
		b.size(l.width, 900)
		b.forget()
		b.look(l.lang, l.theme)
		b.check("/sign-in", "sign-in"+suffix)
		role := ""
		for _, p := range list {
			if only := os.Getenv("SHOUWANG_PICTURES"); only != "" && !strings.HasPrefix(p.name, only) {
				continue
			}
			if p.role != role {
				if p.role == "stranger" {
					b.forget()
				} else {
					b.signIn(p.role)
				}
				b.look(l.lang, l.theme)
				role = p.role
			}
			b.check(p.path, p.name+suffix)
		}
	}
}

func (b *browser) check(path, name string) {
	b.Helper()
	b.open(path)
	b.drawn(name)
	b.picture(name)
	b.fits(name)
	b.axe(name)
	b.heard(name)
}

// drawn waits until maps and charts are drawn.
func (b *browser) drawn(name string) {
	b.Helper()
	if ask[int](b, `document.querySelectorAll("[data-map], [data-chart]").length`) > 0 {
		drawn := false
		for i := 0; i < 100 && !drawn; i++ {
			time.Sleep(100 * time.Millisecond)
			drawn = ask[bool](b, `!document.querySelector("[data-map]:not([data-drawn]), [data-chart]:not([data-drawn])")`)
		}
		if !drawn {
			b.Errorf("%s: a map or chart is not drawn", name)
		}
		time.Sleep(300 * time.Millisecond) // its animation
	}
}
