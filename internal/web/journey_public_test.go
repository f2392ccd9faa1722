package web

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// walk takes a journey at the width of a phone and of a desk, with a picture of each step.
func (b *browser) walk(name string, steps func(picture func(string))) {
	b.Helper()
	for _, w := range []struct {
		width  int64
		suffix string
	}{{360, "-360"}, {1440, "-1440"}} {
		b.size(w.width, 900)
		b.forget()
		b.look("zh", "light")
		steps(func(step string) {
			b.picture("journey-" + name + "-" + step + w.suffix)
			b.fits(name + " " + step)
			b.heard(name + " " + step)
		})
	}
}

// TestJourneyApply: a farmer finds the village by its name, applies on a phone, and follows the application with the code.
func TestJourneyApply(t *testing.T) {
	b := newBrowser(t, newSite(t, many))
	b.walk("apply", func(picture func(string)) {
		b.open("/apply")
		b.do(chromedp.SendKeys("#place", "从江县西山镇顶洞村"), chromedp.Click(".finder button"), chromedp.WaitReady(".choices a[href='/apply?division=522633105209']"))
		picture("1-found")
		b.do(chromedp.Click(".choices a[href='/apply?division=522633105209']"), chromedp.WaitReady("#difficulty"))
		b.do(chromedp.SendKeys("#name", "吴小树"), chromedp.SendKeys("#phone", "13900000001"), chromedp.SendKeys("#difficulty", "父亲住院花了很多钱，今年收成也不好。"))
		picture("2-filled")
		b.do(chromedp.Click("form[action='/apply'] button"), chromedp.WaitReady("#code"))
		picture("3-code")
		code := ask[string](b, `document.querySelector("#code").textContent`)
		b.open("/apply/follow")
		b.do(chromedp.SendKeys("#code", strings.ToLower(code)), chromedp.Click("main form button"), chromedp.WaitReady("#progress"))
		picture("4-progress")
		if at := ask[string](b, "location.href"); strings.Contains(strings.ToUpper(at), code) {
			t.Error("the code stands in the address")
		}
	})
}

// TestJourneyCard: a stranger scans a card and learns nothing about the household; with the six digits that a village worker makes, the household reads its own page.
func TestJourneyCard(t *testing.T) {
	began := time.Now()
	s := newSite(t, func(c *Config) { // a clock that goes, so that the digits made last are the newest; before the tests' own moment, whose digits are newer still
		many(c)
		c.Now = func() time.Time { return today.Add(time.Since(began) - time.Hour) }
	})
	b := newBrowser(t, s)
	home := s.homes(village)[0]
	path := s.carded(home)
	b.walk("card", func(picture func(string)) {
		b.open(path)
		picture("1-stranger")
		if text := ask[string](b, "document.body.innerText"); strings.Contains(text, home.No) {
			t.Error("a stranger reads the household's number")
		}
		b.signIn("village")
		b.open("/households/" + home.No + "/codes")
		b.do(chromedp.Click("form[action$='/once'] button"), chromedp.WaitReady("#digits"))
		picture("2-digits")
		digits := ask[string](b, `document.querySelector("#digits").textContent`)
		b.forget()
		b.look("zh", "light")
		b.open(path)
		b.do(chromedp.SendKeys("#once", digits), chromedp.Click("main form button"), chromedp.WaitReady("dl.facts-list"))
		picture("3-own")
	})
}

// TestJourneyAuditor: a warning is followed back to the rows of the files by who may see households, and the auditor finds who looked.
func TestJourneyAuditor(t *testing.T) {
	s := newSite(t, many)
	b := newBrowser(t, s)
	no := s.worst(county)
	b.walk("auditor", func(picture func(string)) {
		b.signIn("county")
		b.open("/households/" + no + "/why/" + s.ruleOf(no))
		picture("1-rows")
		if n := ask[int](b, `document.querySelectorAll(".rows li").length`); n == 0 {
			t.Error("no row of a file is named")
		}
		b.signIn("auditor")
		b.open("/admin/audit?actor=demo-county")
		picture("2-who")
		b.do(chromedp.Click("form[action='/admin/audit/verify'] button"), chromedp.WaitReady("[role=status]"))
		picture("3-whole")
	})
}
