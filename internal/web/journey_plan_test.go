package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"shouwang/internal/account"
)

// TestJourneyPlan: two officers edit the same plan. The township's, in a browser, comes second: it sees both side by side and applies what is left of its own.
func TestJourneyPlan(t *testing.T) {
	s, c := movable(t)
	b := newBrowser(t, s)
	b.size(1440, 900)
	id := s.identified(c)
	path := "/cases/" + id + "/plan"
	second := s.as(account.County)
	if a := second.submit(second.page(path), "#proposal form", nil); a.status != http.StatusSeeOther {
		t.Fatalf("%d %s", a.status, said(a))
	}
	b.signIn("township")
	b.look("zh", "light")
	b.open(path)
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(ask[string](b, "document.documentElement.outerHTML")))
	if err != nil {
		t.Fatal(err)
	}
	names := choices(doc)
	if len(names) < 2 {
		t.Fatalf("%d proposals", len(names))
	}
	// Meanwhile the county adopts the first.
	decision := url.Values{}
	for _, name := range names[1:] {
		decision.Set(name, "later")
	}
	if a := second.submit(second.page(path), "#decide-form", decision); a.status != http.StatusSeeOther {
		t.Fatalf("%d %s", a.status, said(a))
	}
	b.fill("#decide-form", url.Values{names[1]: {"refuse"}, strings.TrimSuffix(names[1], ".do") + ".reason": {"农户有别的打算，暂不需要"}})
	if !ask[bool](b, `document.querySelector(".side-typed").textContent.includes("暂不需要") && document.querySelector(".side-now").textContent.includes("杨县办")`) {
		t.Error("the two are not shown side by side")
	}
	b.pictures("journey-plan-1-conflict")
	b.fill("#again", nil)
	if !ask[bool](b, `!!document.querySelector("#done") && document.querySelector("#refused").textContent.includes("暂不需要") && document.querySelector("#measures").textContent.includes("已采纳")`) {
		t.Error("what was left is not applied")
	}
	b.pictures("journey-plan-2-applied")
}
