package load_test

import (
	"testing"
	"time"

	"shouwang/internal/errs"
	"shouwang/internal/ledger/ledgertest"
	"shouwang/internal/load"
)

// TestRun: everybody is answered on both databases, and the figures add up. Nothing is asserted of the time that it took.
func TestRun(t *testing.T) {
	ledgertest.EachURL(t, func(t *testing.T, url string) {
		r, err := load.Run(t.Context(), load.Options{Dir: t.TempDir(), Ledger: url, Leads: 3000, Staff: 40, Think: 100 * time.Millisecond, For: 2 * time.Second, Seed: 1, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		var n int64
		for _, f := range r.Figures {
			n += int64(f.Count)
			if f.P50 <= 0 || f.P50 > f.P95 || f.P95 > f.P99 || f.P99 > f.Max {
				t.Errorf("%+v", f)
			}
		}
		if r.Failed != 0 || n != r.Requests || len(r.Figures) != 2 || r.Requests < 40 {
			t.Errorf("%+v", r)
		}
	})
}

// TestBounds: it loads nothing without bounds.
func TestBounds(t *testing.T) {
	for _, o := range []load.Options{{}, {Leads: 1, Staff: 1, For: time.Second}, {Leads: load.MaxLeads + 1, Staff: 1, Think: 1, For: 1}, {Leads: 1, Staff: load.MaxStaff + 1, Think: 1, For: 1}, {Leads: 1, Staff: 1, Think: 1, For: 2 * load.MaxFor}} {
		if _, err := load.Run(t.Context(), o); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
