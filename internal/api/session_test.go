package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"shouwang/internal/account"
)

// TestSessionsInCookies: flags of the cookie; a planted one is worth nothing; the one before ends.
func TestSessionsInCookies(t *testing.T) {
	w := newWorld(t)
	signIn := func(cookie *http.Cookie) []*http.Cookie {
		t.Helper()
		r := httptest.NewRequest("POST", "https://example.com/api/v1/session", strings.NewReader(`{"login":"test-township","password":"`+testPassword+`"}`))
		r.Header.Set("Content-Type", "application/json")
		if cookie != nil {
			r.AddCookie(cookie)
		}
		out := httptest.NewRecorder()
		w.server.Handler().ServeHTTP(out, r)
		if out.Code != 200 {
			t.Fatalf("%d %s", out.Code, out.Body)
		}
		if strings.Contains(out.Body.String(), `"token"`) {
			t.Error("a secret for scripts besides the cookie")
		}
		return (&http.Response{Header: out.Header()}).Cookies()
	}
	me := func(c *http.Cookie, origin string) int {
		r := httptest.NewRequest("GET", "https://example.com/api/v1/me", nil)
		r.AddCookie(c)
		out := httptest.NewRecorder()
		w.server.Handler().ServeHTTP(out, r)
		return out.Code
	}
	planted := &http.Cookie{Name: cookieName, Value: "an-attacker-chose-this"}
	first := signIn(planted)
	if len(first) != 1 || first[0].Name != cookieName || !first[0].HttpOnly || !first[0].Secure || first[0].SameSite != http.SameSiteStrictMode || first[0].Path != "/" || first[0].Domain != "" {
		t.Fatalf("cookies %+v", first)
	}
	if first[0].Value == planted.Value || len(first[0].Value) < 40 {
		t.Error("the session took the secret that came with the request")
	}
	if got := me(planted, ""); got != 401 {
		t.Errorf("the planted cookie: %d", got)
	}
	if got := me(first[0], ""); got != 200 {
		t.Errorf("the session: %d", got)
	}
	second := signIn(first[0])[0]
	if second.Value == first[0].Value {
		t.Error("signing in again keeps the secret")
	}
	if got := me(first[0], ""); got != 401 {
		t.Errorf("the session before: %d", got)
	}
	// Over plain HTTP the cookie of TLS counts for nothing.
	r := httptest.NewRequest("GET", "http://example.com/api/v1/me", nil)
	r.AddCookie(second)
	out := httptest.NewRecorder()
	w.server.Handler().ServeHTTP(out, r)
	if out.Code != 401 {
		t.Errorf("a TLS cookie over plain HTTP: %d", out.Code)
	}
	// Another site's page that makes the browser send the cookie.
	r = httptest.NewRequest("DELETE", "https://example.com/api/v1/session", nil)
	r.AddCookie(second)
	r.Header.Set("Origin", "https://evil.example")
	out = httptest.NewRecorder()
	w.server.Handler().ServeHTTP(out, r)
	if p := decodeProblem(t, out.Result()); p.Status != 403 || p.Key != "cross_origin" {
		t.Errorf("%+v", p)
	}
	if got := me(second, ""); got != 200 {
		t.Errorf("after another site's try: %d", got)
	}
	// Signing out ends it and takes the cookie away.
	r = httptest.NewRequest("DELETE", "https://example.com/api/v1/session", nil)
	r.AddCookie(second)
	out = httptest.NewRecorder()
	w.server.Handler().ServeHTTP(out, r)
	if c := out.Result().Cookies(); out.Code != 204 || len(c) != 1 || c[0].MaxAge >= 0 {
		t.Errorf("signing out: %d %+v", out.Code, c)
	}
	if got := me(second, ""); got != 401 {
		t.Errorf("after signing out: %d", got)
	}
}

// TestSignInsAreLimited: too many from one address have to wait, whatever the login, and are told how long.
func TestSignInsAreLimited(t *testing.T) {
	w := newWorld(t)
	s := mustServer(t, w.app, Options{Now: w.server.now, Limits: Limits{SignIn: Rate{Burst: 3, Every: 1 << 40}}})
	for i := range 5 {
		r := httptest.NewRequest("POST", "/api/v1/session", strings.NewReader(`{"login":"limited-`+string(rune('a'+i))+`","password":"x"}`))
		r.Header.Set("Content-Type", "application/json")
		out := httptest.NewRecorder()
		s.Handler().ServeHTTP(out, r)
		want := 401
		if i >= 3 {
			want = 429
		}
		if out.Code != want || want == 429 && out.Header().Get("Retry-After") == "" {
			t.Errorf("try %d: %d %v", i, out.Code, out.Header())
		}
	}
}

// TestTwoChangeOneAccount: the second is told, with the version that there is now, and nothing is overwritten.
func TestTwoChangeOneAccount(t *testing.T) {
	w := newWorld(t)
	path := "/api/v1/accounts/" + w.ids["village-b"]
	read := w.do(t, "admin", call{method: "GET", path: path})
	tag := map[string]string{"If-Match": read.Header().Get("ETag")}
	if got := w.do(t, "admin", call{method: "PATCH", path: path, body: map[string]any{"name": "第一次"}, header: tag}); got.Code != 200 {
		t.Fatalf("%d %s", got.Code, got.Body)
	}
	p := into[Problem](t, w.do(t, "admin", call{method: "PATCH", path: path, body: map[string]any{"name": "第二次"}, header: tag}), http.StatusPreconditionFailed)
	if p.Key != "version" || p.Current == nil || etag(p.Current.Version) == tag["If-Match"] {
		t.Errorf("%+v %+v", p, p.Current)
	}
	if a := into[account.Account](t, w.do(t, "admin", call{method: "GET", path: path}), 200); a.Name != "第一次" {
		t.Errorf("name %q", a.Name)
	}
}
