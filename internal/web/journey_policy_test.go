package web

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"shouwang/internal/app"
	"shouwang/internal/screening"
)

// changing is a site of its own whose program goes on with another when an amendment comes into force, as the server's does.
type changing struct {
	*site
	clock   atomic.Pointer[time.Time]
	handler atomic.Pointer[http.Handler]
}

func newChanging(t *testing.T) *changing {
	t.Helper()
	a, dir, err := makeWorld(context.Background())
	t.Cleanup(func() {
		if a != nil {
			if err := a.Close(); err != nil {
				t.Error(err)
			}
		}
		os.RemoveAll(dir)
	})
	if err != nil {
		t.Fatal(err)
	}
	c := &changing{}
	c.clock.Store(&today)
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*c.handler.Load()).ServeHTTP(w, r) }))
	t.Cleanup(h.Close)
	c.site = &site{T: t, http: h}
	c.use(a)
	return c
}

// use answers with a program from now on.
func (c *changing) use(a *app.App) {
	c.Helper()
	s, err := New(Config{App: a, Now: func() time.Time { return *c.clock.Load() }, Demo: true, MaxUpload: 4 << 20})
	if err != nil {
		c.Fatal(err)
	}
	h := s.Handler()
	c.app, c.server = a, s
	c.handler.Store(&h)
}

// both takes a picture as wide as a desk and as a phone; the page must fit, and break no accessibility rule.
func (b *browser) both(name string) {
	b.Helper()
	for _, width := range []int64{360, 1440} {
		b.size(width, 900)
		full := fmt.Sprintf("%s-%d", name, width)
		time.Sleep(200 * time.Millisecond)
		b.picture(full)
		b.fits(full)
	}
	b.axe(name)
	b.heard(name)
}

// text is what the page's main part says, with plain spaces.
func (b *browser) text() string {
	b.Helper()
	return plainSpaces.Replace(ask[string](b, `document.querySelector("main").innerText`))
}

func (b *browser) says(words ...string) {
	b.Helper()
	text := b.text()
	for _, w := range words {
		if !strings.Contains(text, w) {
			b.Fatalf("the page does not say %q: %s", w, text)
		}
	}
}

// press submits the form that a button stands in, and waits until the next page is there.
func (b *browser) press(button string) {
	b.Helper()
	ask[bool](b, `window.pressed = true`)
	b.do(chromedp.Click(button))
	for i := 0; i < 300; i++ {
		if ask[bool](b, `!window.pressed && document.readyState === "complete" && !!document.querySelector("main")`) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	b.Fatalf("nothing comes after %s", button)
}

func (b *browser) set(field, value string) {
	b.Helper()
	ask[bool](b, fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.value = %q; e.dispatchEvent(new Event("input", {bubbles: true})); e.dispatchEvent(new Event("change", {bubbles: true})); return true; })()`, field, value))
}

// TestJourneyPolicy: a policy officer moves the line with the slider, makes an amendment of it, tests and submits it, and may not approve it; a second one does; on its day it is in
// force, and the next screening uses it.
func TestJourneyPolicy(t *testing.T) {
	s := newChanging(t)
	b := newBrowser(t, s.site)
	b.size(1440, 900)
	b.signIn("policy")
	b.look("zh", "light")
	b.open("/policy/whatif?parameter=line&by=county")
	b.set("#slider", "9500") // the answer comes by itself
	moved := false
	for i := 0; i < 100 && !moved; i++ {
		time.Sleep(100 * time.Millisecond)
		moved = ask[bool](b, `!!document.querySelector("#make-draft") && document.querySelector("#value").value === "9500"`)
	}
	if !moved {
		t.Fatal("a moved slider is not answered")
	}
	for i := 0; i < 100 && !ask[bool](b, `!document.querySelector("[data-map]:not([data-drawn])")`); i++ {
		time.Sleep(100 * time.Millisecond)
	}
	b.both("journey-policy-1-slider")
	b.set("#make-draft [name=from]", "2026-11-25")
	b.set("#make-draft [name=document]", "黔农发〔2026〕12号")
	b.press("#make-draft button")
	b.says("监测线 8 500 → 9500", "改完后先测试", "2026年11月25日起为 9 500")
	b.both("journey-policy-2-draft")
	b.press("#do-test button")
	b.says("测试通过", "个例子全部相符", "用过去回测")
	b.both("journey-policy-3-tested")
	address := ask[string](b, "location.pathname")
	b.press("#do-submit button")
	b.says("等第二人审批", "须由另一位政策管理员审批")
	if ask[bool](b, `!!document.querySelector("#do-approve")`) {
		t.Error("who drafted it is offered to approve it")
	}
	b.both("journey-policy-4-submitted")

	b.signIn("policy-second")
	b.look("zh", "light")
	b.open("/policy/drafts")
	b.says("待审批")
	b.both("journey-policy-5-list")
	b.open(address)
	b.both("journey-policy-6-second")
	b.press("#do-approve button")
	b.says("宋政策已批准", "2026年11月25日起自动启用")
	b.both("journey-policy-7-approved")

	// The day before, a screening still uses the old pack.
	if next, err := s.app.Next(t.Context(), today); err != nil || next != s.app {
		t.Fatalf("the day before another pack is in force: %v", err)
	}
	tomorrow := today.Add(24 * time.Hour)
	s.clock.Store(&tomorrow)
	next, err := s.app.Next(t.Context(), tomorrow)
	if err != nil || next == s.app {
		t.Fatalf("on its day it is not in force: %v", err)
	}
	old := s.app
	s.use(next)
	t.Cleanup(func() { s.app = old })
	sum, err := next.Screening().Run(t.Context(), screening.Options{AsOf: tomorrow, Now: tomorrow})
	if err != nil || sum.PackHash != next.Pack.Hash || sum.PackHash == old.Pack.Hash {
		t.Fatalf("the screening used %s: %v", sum.PackHash, err)
	}
	b.signIn("policy") // a day later
	b.look("zh", "light")
	b.open("/policy")
	b.says("9 500")
	b.open(address)
	b.says("起生效（宋政策批准）")
	b.both("journey-policy-8-in-force")
	b.open("/policy/history")
	b.says("现行", "陈政策 / 宋政策", "次（2026年11月25日）", "2026年11月24日）")
	b.both("journey-policy-9-history")
	b.open("/policy/history/compare")
	b.says("1 处不同", "value: 9500")
	b.both("journey-policy-10-compare")
}
