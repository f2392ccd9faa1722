package web

import (
	"context"
	"net/http"
	"testing"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/jobs"
	"shouwang/internal/screening"
)

// TestScreening: the county asks for a screening, sees it under way, and then what it found; who may not ask is refused.
func TestScreening(t *testing.T) {
	s := newSite(t, nil)
	queue, err := s.app.Jobs(t.Context(), func() time.Time { return today })
	if err != nil {
		t.Fatal(err)
	}
	jobs.Register(queue, jobs.Kind{Name: screeningJob, Long: true, Single: true}, func(ctx context.Context, r *jobs.Run, _ screeningArgs) error {
		_, err := s.app.Screening().Run(ctx, screening.Options{AsOf: today, Now: r.Now()})
		return err
	})
	if err := queue.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := queue.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	s = newSite(t, func(c *Config) { c.Jobs = queue })
	p := s.as(account.County)
	p.page("/data/screening").has("form[action='/data/screening'] button", ".figures")
	if a := p.post("/data/screening", nil); a.status != http.StatusSeeOther || a.header.Get("Location") != "/data/screening" {
		t.Fatalf("%d %s", a.status, a.text)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		a := p.page("/data/screening")
		if a.doc.Find("form[action='/data/screening'] button").Length() == 1 { // it may be asked for again
			a.lacks("[role=alert]", "[hx-trigger]")
			break
		}
		a.has("#screening[hx-get='/data/screening']", ".notice")
		if time.Now().After(deadline) {
			t.Fatal("the screening does not end")
		}
	}
	for _, role := range []account.Role{account.Township, account.Village, account.Department, account.Policy, account.Auditor, account.Admin} {
		if a := s.as(role).post("/data/screening", nil); a.status != http.StatusForbidden {
			t.Errorf("%s asks for a screening: %d", role, a.status)
		}
	}
}
