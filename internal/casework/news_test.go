package casework_test

import (
	"testing"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/ledger"
	"shouwang/internal/ledger/ledgertest"
)

// TestNews: what the levels above did comes back to the village, what the village did itself does not; objections come to everybody above; the week is counted.
func TestNews(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		w := newWorld(t, l)
		begin := w.now.Add(-time.Hour)
		c := w.publicised(7001)
		w.receive(signal(7002, "illness", 2))
		w.later(2)
		since := w.now.Add(-time.Minute)
		c = w.act(account.Village, c, "object", form{"reason": "家里有门面房"})
		c = w.act(account.Township, c, "dismiss_objection", form{"reason": "门面房已出售"})
		c = w.act(account.Township, c, "refuse", form{"reason": "家庭能够应对"})
		news := func(role account.Role) []string {
			t.Helper()
			list, err := w.s.News(t.Context(), w.actors[role], since, 10)
			if err != nil {
				t.Fatal(err)
			}
			var out []string
			for _, n := range list {
				if n.CaseID != c.ID || n.HouseholdNo != "7001" || n.Level != 3 {
					t.Errorf("%+v", n)
				}
				out = append(out, n.Action)
			}
			return out
		}
		if got := news(account.Village); len(got) != 2 || got[0] != "refuse" || got[1] != "dismiss_objection" {
			t.Errorf("to the village: %v", got)
		}
		if got := news(account.Township); len(got) != 1 || got[0] != "object" {
			t.Errorf("to the township: %v", got)
		}
		if got := news(account.Province); len(got) != 0 {
			t.Errorf("to the province: %v", got)
		}
		if _, err := w.s.News(t.Context(), w.actors[account.Admin], since, 10); err == nil {
			t.Error("the administrator is told of cases")
		}
		for _, role := range []account.Role{account.Village, account.County} {
			if got, err := w.s.Week(t.Context(), w.actors[role], begin); err != nil || got != (casework.Week{Leads: 2, Verified: 1}) {
				t.Errorf("the week of the %s: %+v %v", role, got, err)
			}
		}
		if got, err := w.s.Some(t.Context(), w.actors[account.Village], []string{c.ID, "nobody"}); err != nil || len(got) != 1 || got[c.ID].HouseholdNo != "7001" {
			t.Errorf("some: %v %v", got, err)
		}
		if got, err := w.s.LiveOf(t.Context(), w.actors[account.Village], []int64{7001, 7002, 7003}); err != nil || len(got) != 2 || got[7001] != c.ID {
			t.Errorf("live: %v %v", got, err)
		}
		if got := w.s.VisitStates(); len(got) != 1 || got[0] != "accepted" {
			t.Errorf("states of a visit: %v", got)
		}
	})
}
