package measure_test

import (
	"strings"
	"testing"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/account/accounttest"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/ledger/ledgertest"
	"shouwang/internal/measure"
)

// What was given is told by block with its first day, within the scope; snapshots are due when help begins, then every quarter, and each is kept once.
func TestGivenAndSnapshots(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		w := newWorld(t, l)
		ctx := t.Context()
		c := w.identified(5226331, "illness")
		township, county, job := w.actors[account.Township], w.actors[account.County], account.SystemActor("effect")
		due := func() []measure.Due {
			return must[[]measure.Due](w, "due")(w.s.DueSnapshots(ctx, job, w.now, 10))
		}
		if got := due(); len(got) != 0 {
			t.Errorf("due without a plan: %+v", got)
		}
		plan := must[*measure.Plan](w, "decide")(w.s.Decide(ctx, township, w.now, measure.Decide{Case: c.ID, Items: []measure.Decision{{Option: "dibao", Reason: "r"}, {Option: "medical_aid", Reason: "r"}}}))
		if got := due(); len(got) != 1 || got[0].Kind != measure.SnapshotBegin || got[0].HouseholdNo != "5226331" || got[0].Last != "" {
			t.Fatalf("%+v", got)
		}
		keep := func(kind string, values map[string]float64) {
			t.Helper()
			if err := w.s.KeepSnapshots(ctx, job, w.now, []measure.Snapshot{{CaseID: c.ID, Kind: kind, Day: w.day(), Division: c.Division, Values: values}}); err != nil {
				t.Fatal(err)
			}
		}
		keep(measure.SnapshotBegin, map[string]float64{"members": 3})
		keep(measure.SnapshotBegin, map[string]float64{"members": 9}) // the first stays
		if got := due(); len(got) != 0 {
			t.Errorf("due at once again: %+v", got)
		}
		m := of(plan, "dibao")
		must[*measure.Plan](w, "deliver")(w.s.Deliver(ctx, township, w.now, measure.Deliver{Measure: m.ID, Version: m.Version, Done: true, Evidence: []measure.Proof{{Kind: "document", Hash: hash}, {Kind: "signature", Hash: strings.Repeat("cd", 32)}}}))
		given := must[[]measure.FirstGiven](w, "given")(w.s.GivenBlocks(ctx, county, 522633000000, w.now.Add(time.Hour)))
		if len(given) != 1 || given[0].Block != "comprehensive" || given[0].Household != 5226331 || given[0].On != ledger.At(w.now) {
			t.Errorf("%+v", given)
		}
		if early := must[[]measure.FirstGiven](w, "given before")(w.s.GivenBlocks(ctx, county, 0, w.now)); len(early) != 0 {
			t.Errorf("%+v", early)
		}
		if other := must[[]measure.FirstGiven](w, "given elsewhere")(w.s.GivenBlocks(ctx, accounttest.Actors(522634100200)[account.County], 0, w.now.Add(time.Hour))); len(other) != 0 {
			t.Errorf("another county sees %+v", other)
		}
		_, err := w.s.GivenBlocks(ctx, w.actors[account.Village], 0, w.now)
		w.kind("a village worker asks for effects", err, errs.Refused)
		w.now = w.now.AddDate(0, 3, 0)
		if got := due(); len(got) != 1 || got[0].Kind != measure.SnapshotQuarter || got[0].Last == "" {
			t.Fatalf("%+v", got)
		}
		keep(measure.SnapshotQuarter, map[string]float64{"members": 4})
		list := must[[]measure.Snapshot](w, "snapshots")(w.s.Snapshots(ctx, township, c.ID))
		if len(list) != 2 || list[0].Values["members"] != 3 || list[1].Values["members"] != 4 {
			t.Errorf("%+v", list)
		}
	})
}
