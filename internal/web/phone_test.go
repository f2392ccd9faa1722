package web

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"shouwang/internal/account"
)

// TestPhoneData: what the phone asks for is answered as JSON in both languages, to village workers only, bounded, and names nobody.
func TestPhoneData(t *testing.T) {
	s := newVillageSite(t)
	f := newFieldwork(t, s, 4)
	p := s.as(account.Village)
	sync := p.get("/phone/sync")
	if sync.status != http.StatusOK || sync.header.Get("Content-Type") != "application/json" || sync.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v", sync.status, sync.header)
	}
	for _, secret := range f.people() {
		if strings.Contains(sync.text, secret) && !strings.HasPrefix(secret, "5226331052") { // household numbers are shown to staff
			t.Error("a name or number in plain")
		}
	}
	type told struct{ Kind, ZH, EN string }
	for name, x := range map[string]struct {
		a      answer
		status int
	}{
		"nobody":                 {s.as("").get("/phone/sync"), http.StatusUnauthorized},
		"nobody's visit":         {s.as("").json(phoneVisits, `{"edits":[]}`), http.StatusUnauthorized},
		"county":                 {s.as(account.County).get("/phone/sync"), http.StatusForbidden},
		"county's visit":         {s.as(account.County).json(phoneVisits, `{"edits":[]}`), http.StatusForbidden},
		"county's file":          {s.as(account.County).json(phoneFiles, `x`), http.StatusForbidden},
		"auditor":                {s.as(account.Auditor).get("/phone/sync"), http.StatusForbidden},
		"no visits":              {p.json(phoneVisits, `{"edits":[]}`), http.StatusUnprocessableEntity},
		"no JSON":                {p.json(phoneVisits, `{"edits":`), http.StatusUnprocessableEntity},
		"no key":                 {p.json(phoneVisits, `{"edits":[{"key":"x","household":"1","visit":{}}]}`), http.StatusUnprocessableEntity},
		"too many":               {p.json(phoneVisits, `{"edits":[`+strings.Repeat(`{},`, editsAtOnce)+`{}]}`), http.StatusUnprocessableEntity},
		"too large":              {p.json(phoneVisits, `{"edits":[{"key":"`+strings.Repeat("x", maxPhoneVisit)+`"}]}`), http.StatusRequestEntityTooLarge},
		"a page as a file":       {p.json(phoneFiles, `<html><script>alert(1)</script>`), http.StatusUnprocessableEntity},
		"too large a file":       {p.json(phoneFiles, "\xff\xd8\xff\xe0"+strings.Repeat("x", maxPhoneFile)), http.StatusRequestEntityTooLarge},
		"an empty file":          {p.json(phoneFiles, ``), http.StatusUnprocessableEntity},
		"nothing of this sort":   {p.json(phoneVisits, `[]`), http.StatusUnprocessableEntity},
		"a strange household":    {p.json(phoneVisits, `{"edits":[{"key":"0123456789abcdef","household":"99","visit":{"visited_on":"2026-11-24"}}]}`), http.StatusOK},
		"household of no number": {p.json(phoneVisits, `{"edits":[{"key":"0123456789abcdef","household":"x","visit":{}}]}`), http.StatusUnprocessableEntity},
	} {
		if x.a.status != x.status {
			t.Errorf("%s: %d, want %d: %s", name, x.a.status, x.status, x.a.text[:min(300, len(x.a.text))])
			continue
		}
		var got told
		if err := json.Unmarshal([]byte(x.a.text), &got); err != nil || x.status != http.StatusOK && (got.ZH == "" || got.EN == "") {
			t.Errorf("%s: %v %s", name, err, x.a.text)
		}
	}
	// The worker's files are all there, and none of them is anybody's.
	worker := s.as("").get("/phone/sw.js")
	if worker.header.Get("Service-Worker-Allowed") != "/phone" || !strings.HasPrefix(worker.header.Get("Content-Type"), "text/javascript") {
		t.Errorf("worker: %v", worker.header)
	}
	list, _, _ := strings.Cut(strings.SplitN(worker.text, "const FILES = ", 2)[1], ";\n")
	var files []string
	if err := json.Unmarshal([]byte(list), &files); err != nil || len(files) < 10 {
		t.Fatal(err, list)
	}
	for _, path := range files {
		if a := p.get(path); a.status != http.StatusOK || strings.Contains(a.text, "吴村干") {
			t.Errorf("%s: %d, or it names the worker", path, a.status)
		}
	}
	var manifest struct {
		Scope string
		Icons []struct{ Src string }
	}
	if err := json.Unmarshal([]byte(s.as("").get("/phone/manifest.webmanifest").text), &manifest); err != nil || manifest.Scope != "/phone" || len(manifest.Icons) != 3 {
		t.Fatal(err, manifest)
	}
	for _, i := range manifest.Icons {
		if a := s.as("").get(i.Src); a.status != http.StatusOK || a.header.Get("Content-Type") != "image/png" {
			t.Errorf("%s: %d", i.Src, a.status)
		}
	}
	p.page("/overview").has("nav.side a[href='/phone']", "form[action='/sign-out'][data-unsent]")
	s.as(account.Township).page("/overview").lacks("nav.side a[href='/phone']")
}

// TestPhoneLock: the page can be installed; ten wrong codes, or seven days without a sync, leave nothing; a clock that was turned back keeps it shut; English and dark
// are whole.
func TestPhoneLock(t *testing.T) {
	s := newVillageSite(t)
	f := newFieldwork(t, s, 4)
	p := newHandset(t, f)
	p.signIn("village")
	p.look("zh", "light")
	p.open("/phone")
	p.until("the first page", `document.getElementById("secret-again")`)
	p.shots("visit-0-begin")
	p.begin()
	ctx, cancel := p.limited()
	defer cancel()
	got, err := chromedp.Call(ctx, page.GetInstallabilityErrors, cdp.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range got.InstallabilityErrors {
		if e.ErrorID != "in-incognito" {
			t.Errorf("it cannot be installed: %s", e.ErrorID)
		}
	}
	// A code that is too short or typed otherwise is not taken; the look in English and dark.
	p.look("en", "dark")
	p.unlock()
	p.shots("visit-10-today-en-dark")
	p.visit(f.homes[2])
	p.shots("visit-11-form-en-dark")
	p.js(`document.querySelector('input[name="ending"]').click(); 0`)
	p.js(`document.querySelector("form.visit-form").requestSubmit(); 0`)
	p.until("what is missing is said", `!document.querySelector("[role=alert]").hidden && document.querySelector("[role=alert]").innerText.includes("is not complete")`)
	p.look("zh", "light")

	// Days go by.
	p.network(false)
	p.js(`Store.setTimes({synced: Date.now() - 5.5 * 864e5, keep: 7, seen: Date.now()}).then(() => 0)`)
	p.unlock()
	p.until("the days that are left", `document.getElementById("phone-state").innerText.includes("2 天后清空")`)
	p.network(true)
	p.js(`Store.setTimes({synced: Date.now(), keep: 7, seen: Date.now() + 2 * 864e5}).then(() => 0)`)
	p.do(chromedp.Navigate(p.http.URL + "/phone"))
	p.until("the clock is wrong", `document.body.innerText.includes("手机时间比上次使用时还早") && !document.getElementById("secret")`)
	p.js(`Store.setTimes({synced: Date.now() - 8 * 864e5, keep: 7, seen: Date.now()}).then(() => 0)`)
	p.do(chromedp.Navigate(p.http.URL + "/phone"))
	p.until("all is gone", `document.body.innerText.includes("本机数据已清空") && document.getElementById("secret-again")`)
	if left := ask[int](p.browser, `Store.names("").then(n => n.length)`); left != 0 {
		t.Errorf("%d records are left after seven days", left)
	}

	// Ten wrong codes.
	p.do(chromedp.SendKeys("#secret", secretCode), chromedp.SendKeys("#secret-again", secretCode))
	p.click("main form button")
	p.until("taken along anew", `document.getElementById("today")`)
	tries := ask[string](p.browser, `(async () => { Store.forget(); const out = []; for (let i = 0; i < 10; i++) out.push(await Store.unlock("wrong code " + i)); return out.join(" "); })()`)
	if tries != "9 8 7 6 5 4 3 2 1 -1" {
		t.Errorf("tries: %s", tries)
	}
	if left := ask[string](p.browser, `Promise.all([Store.names(""), Store.lock()]).then(a => a[0].length + " " + a[1])`); left != "0 undefined" {
		t.Errorf("left after ten wrong codes: %s", left)
	}
	p.heard("lock")
}
