package casework

import (
	"testing"
	"time"

	"shouwang/internal/division"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/workflow"
	packs "shouwang/policy"
)

// TestTaskAfterRollBack: a household was identified a year ago and its clearing was rolled back today. The plan that it needs again is due some days from now;
// a household identified today, whose lead is five days old, has its days from the identification.
func TestTaskAfterRollBack(t *testing.T) {
	p, err := policy.Load(packs.Guizhou())
	if err != nil {
		t.Fatal(err)
	}
	today := time.Date(2026, 11, 24, 10, 0, 0, 0, zone())
	machines, err := workflow.NewMachines(p)
	if err != nil {
		t.Fatal(err)
	}
	m := machines.At(division.Code(522633105209), Civil(today))
	due := func(lead, identified time.Time) time.Time {
		t.Helper()
		n, ok, err := todo(m, &Case{State: "monitored", Division: 522633105209, StateAt: ledger.At(today), LeadAt: ledger.At(lead), IdentifiedOn: identified.Format(time.DateOnly)}, "")
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		return n.Due
	}
	if d := due(today, today.AddDate(-1, 0, 0)); d.Before(today) {
		t.Errorf("after the roll-back the plan was due on %s", d)
	}
	if d := due(today.AddDate(0, 0, -5), today); d.Before(today) || d.After(today.AddDate(0, 0, 11)) {
		t.Errorf("after the identification the plan is due on %s", d)
	}
	if d := due(today.AddDate(0, 0, -40), today.AddDate(0, 0, -30)); d.After(today) {
		t.Errorf("a plan that is a month late is due on %s", d)
	}
	a := p.Workflow.Action("roll_back")
	if a == nil || a.Restart != "clock" {
		t.Errorf("rolling back begins the clock anew: %+v", a)
	}
}
