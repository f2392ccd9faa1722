package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"shouwang/internal/account"
	"shouwang/internal/audit"
	"shouwang/internal/casework"
)

// applied is a self-application in the village that nobody has taken.
func (s *site) applied(name, phone string) string {
	s.Helper()
	cases, err := s.app.Casework()
	if err != nil {
		s.Fatal(err)
	}
	if _, err := cases.Apply(s.Context(), today, "test "+name, casework.ApplicationForm{Name: name, Phone: phone, Division: village, Difficulty: "<script>alert(1)</script> 住院花了四万多"}); err != nil {
		s.Fatal(err)
	}
	list, err := cases.Applications(s.Context(), account.SystemActor("test"), "waiting", "", 500)
	if err != nil || len(list) == 0 {
		s.Fatalf("no application: %v", err)
	}
	return list[len(list)-1].ID
}

// TestApplication: staff of the village find the household of an application, masked until a reason is given; others do not see it; it becomes a lead or is answered.
func TestApplication(t *testing.T) {
	s := newSite(t, nil)
	id := s.applied("申某某", "13900000021")
	worker := s.as(account.Village)
	worker.page("/").has("a[href='/applications/" + id + "']")
	a := worker.page("/applications/" + id)
	if strings.Contains(a.text, "申某某") || strings.Contains(a.text, "13900000021") || strings.Contains(a.text, "住院") {
		t.Error("personal data without a reason")
	}
	for _, role := range []account.Role{account.Province, account.Prefecture, account.Department, account.Policy, account.Auditor, account.Admin} {
		if a := s.as(role).get("/applications/" + id); a.status != http.StatusForbidden {
			t.Errorf("%s opens it: %d", role, a.status)
		}
	}
	if a := worker.get("/applications/nobody"); a.status != http.StatusNotFound {
		t.Errorf("none: %d", a.status)
	}
	if a := worker.post("/applications/"+id+"/reveal", url.Values{"reason": {""}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("revealed without a reason: %d", a.status)
	}
	shown := worker.post("/applications/"+id+"/reveal", url.Values{"reason": {"联系本人核对住址"}})
	shown.has("dd:contains('申某某')", "dd:contains('13900000021')", "dd:contains('住院花了四万多')")
	if strings.Contains(shown.text, "<script>alert") {
		t.Error("the applicant's words are markup")
	}
	if e := s.events(audit.Reveal); len(e) == 0 || e[len(e)-1].ObjectID != id {
		t.Errorf("nothing is noted of the reading: %d events", len(e))
	}
	wrong := worker.post("/applications/"+id+"/take", url.Values{"household": {"1"}, "risk": {"income"}})
	if wrong.status != http.StatusNotFound {
		t.Errorf("no such household: %d", wrong.status)
	}
	wrong.has("[role=alert]", "input[name=household][value='1']")
	if a := worker.post("/applications/"+id+"/answer", url.Values{"answer": {"x"}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("an answer of one letter: %d", a.status)
	}
	own := s.homes(village)[0].No
	taken := worker.post("/applications/"+id+"/take", url.Values{"household": {own}, "risk": {"income"}})
	if taken.status != http.StatusSeeOther || !strings.HasPrefix(taken.header.Get("Location"), "/cases/") {
		t.Fatalf("taken: %d %s", taken.status, taken.header.Get("Location"))
	}
	worker.page("/applications/" + id).lacks("form[action$='/take']")
	other := s.applied("另一人", "13900000022")
	if a := worker.post("/applications/"+other+"/answer", url.Values{"answer": {"您的户口不在本村，请向户籍地申报。"}}); a.status != http.StatusSeeOther {
		t.Errorf("answered: %d", a.status)
	}
}
