package casework_test

import (
	"testing"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/ledger/ledgertest"
)

// TestSavedFilters: everybody keeps their own, one of a name; another's is not there.
func TestSavedFilters(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		w := newWorld(t, l)
		mine, other := w.actors[account.County], w.actors[account.Township]
		for _, q := range []string{"level=red", "level=red&risk=illness"} {
			if err := w.s.SaveFilter(t.Context(), mine, w.now, " 红色 ", q); err != nil {
				t.Fatal(err)
			}
		}
		list, err := w.s.SavedFilters(t.Context(), mine)
		if err != nil || len(list) != 1 || list[0].Name != "红色" || list[0].Query != "level=red&risk=illness" {
			t.Fatalf("%+v %v", list, err)
		}
		if got, err := w.s.SavedFilters(t.Context(), other); err != nil || len(got) != 0 {
			t.Errorf("another's: %v %v", got, err)
		}
		if err := w.s.DropFilter(t.Context(), other, w.now, list[0].ID); errs.KindOf(err) != errs.NotFound {
			t.Errorf("another drops it: %v", err)
		}
		for _, bad := range [][2]string{{"", "level=red"}, {"x", ""}, {"a\nb", "level=red"}} {
			if err := w.s.SaveFilter(t.Context(), mine, w.now, bad[0], bad[1]); errs.KindOf(err) != errs.Invalid {
				t.Errorf("%q: %v", bad, err)
			}
		}
		if err := w.s.DropFilter(t.Context(), mine, w.now, list[0].ID); err != nil {
			t.Error(err)
		}
		w.check()
	})
}

// TestDesk: a list holds what is on the reader's desk, what is young, and villages are counted.
func TestDesk(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		w := newWorld(t, l)
		w.receive(signal(7101, "illness", 3), signal(7102, "water", 1))
		w.later(20)
		c := w.publicised(7103) // the township's to review
		has := func(role account.Role, f casework.Filter, want ...string) {
			t.Helper()
			page, err := w.s.List(t.Context(), w.actors[role], w.now, f, "", 0)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range page.Cases {
				got = append(got, c.HouseholdNo)
			}
			if len(got) != len(want) {
				t.Errorf("%s %+v: %v, want %v", role, f, got, want)
			}
		}
		has(account.Village, casework.Filter{Desk: true}, "7101", "7102")
		has(account.Township, casework.Filter{Desk: true}, c.HouseholdNo)
		has(account.County, casework.Filter{Desk: true})
		has(account.County, casework.Filter{MaxDays: 7}, "7103")
		has(account.County, casework.Filter{MinDays: 15}, "7101", "7102")
		got, err := w.s.ByVillage(t.Context(), w.actors[account.County], w.now, casework.Filter{States: []string{"received"}}, 10)
		if err != nil || len(got) != 1 || got[0].Division != village || got[0].Cases != 2 {
			t.Errorf("by village: %+v %v", got, err)
		}
		if _, err := w.s.ByVillage(t.Context(), w.actors[account.Province], w.now, casework.Filter{}, 10); errs.KindOf(err) != errs.Invalid {
			t.Errorf("a province by village: %v", err)
		}
	})
}
