package api

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"shouwang/internal/audit"
	"shouwang/internal/casework"
	"shouwang/internal/jobs"
	"shouwang/internal/ledger/ledgertest"
)

// visitOn is a visit's form.
func visitOn(day string) map[string]any {
	return map[string]any{"data": map[string]any{"visited_on": day, "visitors": []any{map[string]any{"name": "甲某", "post": "village"}, map[string]any{"name": "乙某", "post": "township"}}}}
}

// TestTwoSaveOneCase: of fifty who save what they have read at once, one is first; the others are told, with the state that there is now, and nothing is
// overwritten. The first's request sent again is answered the same and does nothing.
func TestTwoSaveOneCase(t *testing.T) {
	ledgertest.EachURL(t, func(t *testing.T, url string) {
		w := peopleWorld(t, url)
		path := "/api/v1/cases/" + w.made.casesA[0]
		read := w.do(t, "village", call{method: "GET", path: path})
		accept := call{method: "POST", path: path + "/actions/accept", body: map[string]any{}, header: map[string]string{"If-Match": read.Header().Get("ETag"), "Idempotency-Key": "accept-once"}}
		first := into[casework.Acted](t, w.do(t, "village", accept), 200)
		if again := into[casework.Acted](t, w.do(t, "village", accept), 200); again.Step.ID != first.Step.ID {
			t.Error("the same request again made another step")
		}
		other := accept
		other.body = map[string]any{"data": map[string]any{"remark": "另一个请求"}}
		if p := into[Problem](t, w.do(t, "village", other), http.StatusConflict); p.Kind != "conflict" {
			t.Errorf("the key for another request: %+v", p)
		}
		tag := w.do(t, "village", call{method: "GET", path: path}).Header().Get("ETag")
		var mu sync.Mutex
		statuses := map[int]int{}
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				caller := []string{"village", "township", "county"}[i%3]
				got := w.do(t, caller, call{method: "POST", path: path + "/actions/record_visit", header: map[string]string{"If-Match": tag}, body: visitOn("2026-11-15")})
				mu.Lock()
				defer mu.Unlock()
				statuses[got.Code]++
				if got.Code == http.StatusPreconditionFailed {
					p := into[Problem](t, got, got.Code)
					if p.Key != "version" || p.Current == nil || etag(p.Current.Version) == tag || p.Current.State != "accepted" {
						t.Errorf("who came second is not told enough: %+v %+v", p, p.Current)
					}
				}
			})
		}
		all.Wait()
		if statuses[200] != 1 || statuses[412] != 49 {
			t.Errorf("statuses %v, want one 200 and 49 times 412", statuses)
		}
		d := into[casework.Dossier](t, w.do(t, "village", call{method: "GET", path: path + "/dossier"}), 200)
		if len(d.Visits) != 1 || len(d.Steps) != 3 {
			t.Errorf("%d visits, %d steps", len(d.Visits), len(d.Steps))
		}
		if text := w.do(t, "village", call{method: "GET", path: path + "/dossier"}).Body.String(); strings.Contains(text, "甲某") {
			t.Error("the dossier names the visitors in plain")
		}
		if r, err := audit.Verify(t.Context(), w.app.Ledger); err != nil || r.Broken != nil {
			t.Errorf("the chain: %+v %v", r, err)
		}
	})
}

// peopleWorld is a small world of its own with its ledger at url.
func peopleWorld(t *testing.T, url string) *world {
	t.Helper()
	dir := t.TempDir()
	w, err := makeWorld(t.Context(), dir, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.app.Close() })
	return w
}

// TestRefusalsSayWhy: what a guard or a form refuses says which condition and which field.
func TestRefusalsSayWhy(t *testing.T) {
	w, err := fuzzWorld()
	if err != nil {
		t.Fatal(err)
	}
	id := w.made.casesA[len(w.made.casesA)-1]
	path := "/api/v1/cases/" + id
	tag := func() map[string]string {
		return map[string]string{"If-Match": w.do(t, "county", call{method: "GET", path: path}).Header().Get("ETag")}
	}
	if got := w.do(t, "county", call{method: "POST", path: path + "/actions/accept", body: map[string]any{}, header: tag()}); got.Code != 200 && got.Code != 409 {
		t.Fatalf("%d %s", got.Code, got.Body)
	}
	p := into[Problem](t, w.do(t, "county", call{method: "POST", path: path + "/actions/record_visit", body: map[string]any{"data": map[string]any{"visitors": []any{}}}, header: tag()}), 422)
	if p.Key != "form" || !slices.ContainsFunc(p.Fields, func(f Fault) bool { return strings.HasPrefix(f.Location, "body.data.visited_on") }) {
		t.Errorf("%+v", p)
	}
	if p := into[Problem](t, w.do(t, "county", call{method: "POST", path: path + "/actions/no_such_action", body: map[string]any{}, header: tag()}), 404); p.Kind != "not_found" {
		t.Errorf("%+v", p)
	}
	if p := into[Problem](t, w.do(t, "county", call{method: "POST", path: path + "/actions/accept", body: map[string]any{}}), 428); p.Key != "version_missing" {
		t.Errorf("%+v", p)
	}
	offers := into[struct{ Offers []offer }](t, w.do(t, "county", call{method: "GET", path: path + "/offers"}), 200)
	if len(offers.Offers) == 0 {
		t.Fatal("nothing may be done")
	}
	for _, o := range offers.Offers {
		if !o.Allowed && !o.NeedsForm && len(o.Refusals) == 0 {
			t.Errorf("%s is not allowed and nobody says why", o.Action)
		}
	}
}

// TestReasonsNameNobody: a reason is kept in the chain, so a number in it is refused wherever one is asked for.
func TestReasonsNameNobody(t *testing.T) {
	w := newWorld(t)
	for _, reason := range []string{"核实 522633198001010011", "电话 138 1234 5678", "账号6228-4800-1234-5678"} {
		for _, c := range []call{
			{method: "POST", path: "/api/v1/households/" + w.homeA + "/reveal"}, {method: "POST", path: "/api/v1/cases/" + w.made.casesA[0] + "/dossier"},
			{method: "POST", path: "/api/v1/applications/" + w.made.applicationA + "/reveal"},
		} {
			c.body = map[string]any{"reason": reason}
			got := w.do(t, "township", c)
			if p := into[Problem](t, got, 422); len(p.Fields) != 1 || strings.Contains(got.Body.String(), reason) {
				t.Errorf("%s: %s", c.path, got.Body)
			}
		}
	}
}

// TestJobsOverTheInterface: a screening and a dispatch are started, watched to their end, and started once however often the request is sent.
func TestJobsOverTheInterface(t *testing.T) {
	dir := filepath.Join(worldDir, "jobs")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	w, err := makeWorld(context.Background(), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	defer w.app.Close()
	if err := w.server.queue.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer w.server.queue.Stop(context.Background())
	finish := func(c call) jobs.Job {
		t.Helper()
		c.header = map[string]string{"Idempotency-Key": "job-" + strings.NewReplacer("/", ".", "?", ".", "=", ".").Replace(c.path)}
		type started struct{ Job int64 }
		id := into[started](t, w.do(t, "county", c), 200).Job
		if again := into[started](t, w.do(t, "county", c), 200).Job; again != id {
			t.Errorf("sent again: job %d, was %d", again, id)
		}
		for range 600 {
			j := into[jobs.Job](t, w.do(t, "county", call{method: "GET", path: "/api/v1/jobs/" + itoa(id)}), 200)
			switch j.State {
			case "done":
				return j
			case "failed", "cancelled":
				t.Fatalf("%s: %s %s", c.path, j.State, j.ErrorEN)
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Fatalf("%s does not end", c.path)
		return jobs.Job{}
	}
	if j := finish(call{method: "POST", path: "/api/v1/screening/runs", body: map[string]any{"as_of": "2026-11-15"}}); !strings.Contains(string(j.Result), "households") {
		t.Errorf("%s", j.Result)
	}
	if j := finish(call{method: "POST", path: "/api/v1/dispatch", body: map[string]any{}}); !strings.Contains(string(j.Result), "households") {
		t.Errorf("%s", j.Result)
	}
	if j := finish(call{method: "POST", path: "/api/v1/case-actions/accept?phases=lead", body: map[string]any{}}); !strings.Contains(string(j.Result), "cases") {
		t.Errorf("%s", j.Result)
	}
	// Somebody else's job is not there for another county's staff; who looks after the machine sees it without its result.
	id := itoa(into[jobs.Page](t, w.do(t, "county", call{method: "GET", path: "/api/v1/jobs"}), 200).Jobs[0].ID)
	if got := w.do(t, "prefecture", call{method: "GET", path: "/api/v1/jobs/" + id}); got.Code != 404 {
		t.Errorf("another's job: %d", got.Code)
	}
	if j := into[jobs.Job](t, w.do(t, "admin", call{method: "GET", path: "/api/v1/jobs/" + id}), 200); string(j.Result) != "null" && len(j.Result) != 0 {
		t.Errorf("the administrator sees what the job gave back: %s", j.Result)
	}
}

func itoa(n int64) string { return strings.TrimSpace(strings.Trim(etag(n), `"`)) }
