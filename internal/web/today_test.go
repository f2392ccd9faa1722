package web

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"shouwang/internal/account"
	"shouwang/internal/ledger"
	"shouwang/internal/task"
)

// TestToday: everybody's first page says in words what is due, offers one thing to do, and holds only what is the reader's.
func TestToday(t *testing.T) {
	s := newSite(t, nil)
	for _, role := range account.Roles() {
		p := s.as(role)
		a := p.page("/")
		a.has("h1:contains('今日')", ".answer", "nav.side a[aria-current][href='/']")
		if n := a.doc.Find(".head .btn-primary").Length(); n != 1 {
			t.Errorf("%s has %d primary buttons", role, n)
		}
		if strings.TrimSpace(a.doc.Find(".answer").Text()) == "" {
			t.Errorf("%s is told nothing", role)
		}
		if !strings.Contains(p.page("/?").text, "<html") {
			t.Errorf("%s: no page", role)
		}
		if found := number.FindString(withoutLinks(a)); found != "" {
			t.Errorf("%s sees a number: %s…", role, found[:6])
		}
	}
	for _, role := range []account.Role{account.Policy, account.Admin, account.Auditor} {
		s.as(role).page("/").lacks(".tasks a[href^='/cases/']", ".tasks a[href^='/orders/']")
	}
	s.as(account.Village).page("/").lacks("a[href='/data/requests']")
	s.as(account.Department).page("/").lacks(".tasks a[href^='/cases/']")
	s.as(account.County).page("/").has(".tasks li.late a[href^='/cases/']", "#back-title", ".figures a[href='/cases?age=new7']", "a[href^='/applications/']")
}

// withoutLinks is a page's text without what its links say: household numbers.
func withoutLinks(a answer) string {
	c := a.doc.Clone()
	c.Find("a, .request").Remove()
	return c.Text()
}

// TestTodayCounts: the figures in the answer are those of the in-box, counted one by one.
func TestTodayCounts(t *testing.T) {
	s := newSite(t, nil)
	_, actor := s.sessionOf(account.County)
	late, due := 0, 0
	err := s.app.Ledger.Read(t.Context(), func(ctx context.Context, tx *ledger.Tx) error {
		late, due = 0, 0
		page, err := task.Inbox(ctx, tx, actor, task.Filter{Limit: 200})
		for _, x := range page.Tasks {
			switch {
			case x.Due <= ledger.At(today):
				late++
			case x.Due <= task.EndOf(task.Civil(today)):
				due++
			}
		}
		return err
	})
	if err != nil || late == 0 || due == 0 {
		t.Fatalf("the county has %d late and %d due (%v)", late, due, err)
	}
	text := s.as(account.County).page("/").doc.Find(".answer").Text()
	if !strings.Contains(text, strconv.Itoa(due)+" 件事") || !strings.Contains(text, strconv.Itoa(late)+" 件已超期") {
		t.Errorf("%q, want %d due and %d late", text, due, late)
	}
}

// sessionOf signs in with the demo's account of a role and gives who that is.
func (s *site) sessionOf(role account.Role) (*person, account.Actor) {
	s.Helper()
	p := s.as(role)
	u, err := url.Parse(s.http.URL)
	if err != nil {
		s.Fatal(err)
	}
	for _, c := range p.client.Jar.Cookies(u) {
		if actor, _, err := s.app.Accounts().Authenticate(s.Context(), today, c.Value); err == nil {
			return p, actor
		}
	}
	s.Fatal("no session")
	return nil, account.Actor{}
}
