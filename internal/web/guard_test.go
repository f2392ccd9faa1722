package web

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"shouwang/internal/account"
	"shouwang/internal/web/assets"
)

// TestSessionFixation: a session that somebody planted before the sign-in is not the one after it, and does not let anybody in.
func TestSessionFixation(t *testing.T) {
	s := newSite(t, nil)
	planted := s.as(account.Village)
	secret := planted.secret()
	victim := s.as("")
	u, err := url.Parse(s.http.URL)
	if err != nil {
		t.Fatal(err)
	}
	victim.client.Jar.SetCookies(u, []*http.Cookie{{Name: "session", Value: secret, Path: "/"}})
	if a := victim.post("/sign-in", url.Values{"demo": {"demo-county"}}); a.status != http.StatusSeeOther {
		t.Fatalf("%d", a.status)
	}
	if victim.secret() == secret {
		t.Error("the planted session was taken over")
	}
	if a := planted.get("/help"); a.status != http.StatusSeeOther {
		t.Errorf("the planted session still lets in: %d", a.status)
	}
	invented := s.as("")
	invented.client.Jar.SetCookies(u, []*http.Cookie{{Name: "session", Value: "invented", Path: "/"}})
	if a := invented.get("/help"); a.status != http.StatusSeeOther {
		t.Errorf("an invented session lets in: %d", a.status)
	}
	if a := victim.post("/sign-out", nil); a.header.Get("Location") != "/sign-in" {
		t.Errorf("sign-out goes to %q", a.header.Get("Location"))
	}
	if a := victim.get("/help"); a.status != http.StatusSeeOther {
		t.Errorf("after signing out: %d", a.status)
	}
}

// secret is the session's cookie.
func (p *person) secret() string {
	u, err := url.Parse(p.http.URL)
	if err != nil {
		p.Fatal(err)
	}
	for _, c := range p.client.Jar.Cookies(u) {
		if c.Name == "session" {
			return c.Value
		}
	}
	return ""
}

// TestCookie: no script reads the session, and over TLS the cookie travels nowhere else.
func TestCookie(t *testing.T) {
	s := newSite(t, nil)
	r := httptest.NewRequest(http.MethodPost, "https://shouwang.example/sign-in", strings.NewReader("demo=demo-county"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.server.Handler().ServeHTTP(w, r)
	cookie := w.Header().Get("Set-Cookie")
	for _, want := range []string{"__Host-session=", "HttpOnly", "Secure", "SameSite=Lax", "Path=/"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("the cookie lacks %s", want)
		}
	}
}

// TestCrossOrigin: a form of another site is refused, on every address that changes something.
func TestCrossOrigin(t *testing.T) {
	s := newSite(t, nil)
	p := s.as(account.County)
	for _, path := range []string{"/sign-in", "/sign-out", "/preferences", "/households", "/households/1/reveal", "/warnings/export", "/data/upload", "/data/receipts/x/rejects"} {
		for _, header := range []map[string]string{{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}} {
			r, err := http.NewRequest(http.MethodPost, s.http.URL+path, strings.NewReader("reason=x"))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			for k, v := range header {
				r.Header.Set(k, v)
			}
			if a := p.do(r); a.status != http.StatusForbidden || a.doc == nil {
				t.Errorf("%s %v: %d", path, header, a.status)
			}
		}
	}
	if a := p.get("/help"); a.status != http.StatusOK {
		t.Errorf("a refused sign-out signed out: %d", a.status)
	}
}

// TestOpenRedirect: where a form wants to go back to is an address of this site, or the first page.
func TestOpenRedirect(t *testing.T) {
	s := newSite(t, nil)
	for back, want := range map[string]string{
		"/warnings?level=red": "/warnings?level=red", "": "/", "https://evil.example/": "/", "//evil.example": "/", `/\evil.example`: "/", `\\evil.example`: "/",
		"javascript:alert(1)": "/", "/\t/evil.example": "/", "evil": "/", "///evil.example": "/", "/%2f/x": "/%2f/x", "http:/x": "/",
	} {
		for path, form := range map[string]url.Values{"/preferences": {"lang": {"zh"}}, "/sign-in": {"demo": {"demo-village"}}} {
			form.Set("back", back)
			if got := s.as("").post(path, form).header.Get("Location"); got != want {
				t.Errorf("%s back to %q goes to %q, want %q", path, back, got, want)
			}
		}
	}
}

// TestHeaders: what every page says about itself, and that no page needs what the policy forbids.
func TestHeaders(t *testing.T) {
	s := newSite(t, nil)
	p := s.as(account.County)
	for _, path := range []string{"/overview", "/warnings", "/nowhere", "/households/" + s.worst(county), "/policy/whatif?parameter=line&value=9000"} {
		a := p.get(path)
		policy := a.header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q", path, policy)
		}
		for k, v := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Cache-Control": "no-store"} {
			if a.header.Get(k) != v {
				t.Errorf("%s: %s is %q", path, k, a.header.Get(k))
			}
		}
		a.lacks("script:not([src]):not([type='application/json'])", "[style]", "style", "[onclick]", "[onchange]", "[onsubmit]", "[hx-on]")
		a.has("html[lang='zh-CN']", "a.skip[href='#content']", "main#content", "form[action='/preferences'] button[name=lang]")
		if a.doc.Find("h1").Length() != 1 {
			t.Errorf("%s has %d first headings", path, a.doc.Find("h1").Length())
		}
		for _, e := range a.doc.Find("input:not([type=hidden]), select").EachIter() {
			id, _ := e.Attr("id")
			if id == "" || a.doc.Find("label[for='"+id+"']").Length() != 1 {
				t.Errorf("%s: a field (%s) has no label", path, id)
			}
		}
	}
}

// TestErrorPages: an error is a page in the reader's language with its number; what the program did wrong is told in the log only.
func TestErrorPages(t *testing.T) {
	s := newSite(t, nil)
	for lang, want := range map[string]string{"zh-CN": "没有找到", "en-GB,en;q=0.8": "Not found"} {
		r, err := http.NewRequest(http.MethodGet, s.http.URL+"/nowhere", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Language", lang)
		a := s.as("").do(r)
		if a.status != http.StatusNotFound || strings.TrimSpace(a.doc.Find("h1").Text()) != want || !strings.Contains(a.text, a.header.Get("X-Request-Id")) {
			t.Errorf("%s: %d %q", lang, a.status, a.doc.Find("h1").Text())
		}
	}
	for name, f := range map[string]handler{
		"error": func(*visit) error { return errors.New("secret cause at /some/path") },
		"panic": func(*visit) error { panic("secret cause 522633199001011234") },
	} {
		w := httptest.NewRecorder()
		s.server.open(f).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/x", nil))
		if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "secret") || strings.Contains(w.Body.String(), "goroutine") || !strings.Contains(w.Body.String(), w.Header().Get("X-Request-Id")) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body.String())
		}
	}
}

// TestPreferences: language and theme stay, without script.
func TestPreferences(t *testing.T) {
	s := newSite(t, nil)
	p := s.as(account.County)
	if a := p.post("/preferences", url.Values{"lang": {"en"}, "back": {"/warnings"}}); a.header.Get("Location") != "/warnings" {
		t.Errorf("back to %q", a.header.Get("Location"))
	}
	p.post("/preferences", url.Values{"theme": {"dark"}})
	a := p.page("/warnings")
	a.has("html[lang=en][data-bs-theme=dark]", "h1:contains('Warnings')")
	p.post("/preferences", url.Values{"lang": {"<script>"}, "theme": {"x"}})
	p.page("/warnings").has("html[lang=en][data-bs-theme=dark]")
}

// TestBudget: what the first pages cost to transfer, compressed as a browser takes it.
func TestBudget(t *testing.T) {
	s := newSite(t, nil)
	for _, x := range []struct {
		role          account.Role
		path          string
		bytes, number int
	}{{"", "/sign-in", 120_000, 8}, {account.County, "/overview", 120_000, 9}, {account.Province, "/overview", 300_000, 12}, {account.County, "/warnings", 120_000, 8}} {
		p := s.as(x.role)
		plain := p.page(x.path)
		urls := []string{x.path}
		for _, sel := range []struct{ css, attr string }{{"script[src]", "src"}, {"link[rel=stylesheet]", "href"}, {"link[rel=icon]", "href"}} {
			for _, e := range plain.doc.Find(sel.css).EachIter() {
				href, _ := e.Attr(sel.attr)
				urls = append(urls, href)
			}
		}
		urls = append(urls, s.server.assets.Address("icons.svg"))
		if plain.doc.Find("#map").Length() > 0 {
			urls = append(urls, "/map?division=52")
		}
		total := 0
		for _, u := range urls {
			total += p.transferred(u)
		}
		t.Logf("%s as %q: %d bytes in %d requests", x.path, x.role, total, len(urls))
		if total > x.bytes || len(urls) > x.number {
			t.Errorf("%s as %q: %d bytes in %d requests, at most %d in %d", x.path, x.role, total, len(urls), x.bytes, x.number)
		}
	}
}

// transferred is how many bytes an address sends to a browser that takes br and gzip.
func (p *person) transferred(path string) int {
	p.Helper()
	r, err := http.NewRequest(http.MethodGet, p.http.URL+path, nil)
	if err != nil {
		p.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "gzip, br")
	res, err := p.client.Do(r)
	if err != nil {
		p.Fatal(err)
	}
	defer res.Body.Close()
	n, err := io.Copy(io.Discard, res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		p.Fatalf("%s: %d %v", path, res.StatusCode, err)
	}
	return int(n)
}

// TestAssets: files are kept for ever under an address that changes with them, and nothing else is served.
func TestAssets(t *testing.T) {
	s := newSite(t, nil)
	p := s.as("")
	set, err := assets.New()
	if err != nil {
		t.Fatal(err)
	}
	a := p.get(set.Address("app.css"))
	if a.status != http.StatusOK || !strings.Contains(a.header.Get("Cache-Control"), "immutable") || !strings.HasPrefix(a.header.Get("Content-Type"), "text/css") {
		t.Errorf("%d %v", a.status, a.header)
	}
	for _, path := range []string{"/assets/app.css", "/assets/../web.go", "/assets/%2e%2e/web.go", "/assets/", "/assets/map/guizhou-counties.geojson"} {
		if a := p.get(path); a.status == http.StatusOK {
			t.Errorf("%s is served", path)
		}
	}
	if a := p.get("/assets/LICENSES.txt"); a.status == http.StatusOK {
		t.Error("a file without its hash is served")
	}
}

// TestStorybook: every component and page with canned data, in both languages; in development only.
func TestStorybook(t *testing.T) {
	s := newSite(t, nil)
	p := s.as("")
	for _, lang := range []string{"zh", "en"} {
		p.post("/preferences", url.Values{"lang": {lang}})
		list := p.page("/dev/storybook").doc.Find("main a")
		if list.Length() < 20 {
			t.Errorf("%d stories", list.Length())
		}
		for _, e := range list.EachIter() {
			href, _ := e.Attr("href")
			a := p.page(href)
			if strings.Contains(a.text, "%!") {
				t.Errorf("%s in %s: a text lacks an argument", href, lang)
			}
		}
	}
	if a := newSite(t, func(c *Config) { c.Development = false }).as("").get("/dev/storybook"); a.status != http.StatusNotFound {
		t.Errorf("the storybook is open outside development: %d", a.status)
	}
}

// TestSignIn: a wrong password is one answer, the demo's one-click accounts are the demo's only.
func TestSignIn(t *testing.T) {
	s := newSite(t, nil)
	a := s.as("").post("/sign-in", url.Values{"login": {"demo-township"}, "password": {"wrong"}})
	if a.status != http.StatusForbidden {
		t.Errorf("wrong password: %d", a.status)
	}
	a.has("[role=alert]", "form[action='/sign-in'] input[name=login]")
	if b := s.as("").post("/sign-in", url.Values{"login": {"nobody"}, "password": {"wrong"}}); b.doc.Find("[role=alert]").Text() != a.doc.Find("[role=alert]").Text() {
		t.Error("a login that is not there is told apart from a wrong password")
	}
	if n := s.as("").page("/sign-in").doc.Find(".demo-accounts button").Length(); n != 10 {
		t.Errorf("%d demo accounts, want one a role and a second policy officer", n)
	}
	plain := newSite(t, func(c *Config) { c.Demo = false })
	plain.as("").page("/sign-in").lacks(".demo-accounts")
	if a := plain.as("").post("/sign-in", url.Values{"demo": {"demo-county"}}); a.status == http.StatusSeeOther {
		t.Error("a demo account signs in with one click outside the demo")
	}
}

// TestLargeForm: a form that is no upload may not be large.
func TestLargeForm(t *testing.T) {
	s := newSite(t, nil)
	if a := s.as(account.County).post("/households", url.Values{"number": {strings.Repeat("1", 2<<20)}}); a.status == http.StatusOK || a.status == http.StatusSeeOther || a.status >= 500 {
		t.Errorf("a form of 2 MiB: %d", a.status)
	}
}
