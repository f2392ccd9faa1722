package linkage_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"shouwang/internal/linkage"
)

const (
	villageA = 522633105001
	villageB = 522633105002
	villageC = 522601001001 // another county
	countyA  = 522633000000
	countyC  = 522601000000
)

func member(house string, village int64, relation, number, name, birth string) line {
	return line{Number: number, Name: name, Birth: birth, Village: village, House: house, NK: house + number + name, V: map[string]any{"relation": relation}}
}

// smallRoster: household 1001 of three, 1002 of two with a namesake of 1001's child in the same village, 1003 elsewhere.
func smallRoster() file {
	return file{Dataset: "roster", Scope: countyA, From: "2026-06-01", To: "2026-06-30", Lines: []line{
		member("1001", villageA, "head", "n1", "潘老大", "1970-01-01"),
		member("1001", villageA, "spouse", "n2", "王二妹", "1972-02-02"),
		member("1001", villageA, "son", "n3", "潘小三", "2010-03-03"),
		member("1002", villageA, "head", "n4", "潘小三", "1980-04-04"),
		member("1002", villageA, "daughter", "n5", "潘小三", "2010-03-03"),
		member("1003", villageB, "head", "n6", "潘小三", "2010-03-03"),
	}}
}

const bills = "SELECT row_no, household_id, tier FROM fact_bill ORDER BY row_no"

// TestTiers walks through every tier and every way of not linking (design 9.4), by hand.
func TestTiers(t *testing.T) {
	x := newWorld(t)
	x.accept(smallRoster())
	res := x.accept(file{Dataset: "bill", Scope: countyA, From: "2026-07-01", To: "2026-07-31", Lines: []line{
		{NK: "1", Number: "n1"},                                                       // 1: number, no name
		{NK: "2", Number: "n1", Name: "潘老大"},                                          // 2: number and name agree
		{NK: "3", Number: "n1", Name: "王二妹", House: "1001"},                           // 3: the wife under her husband's number: household confirmed by tier 3
		{NK: "4", Number: "n1", Name: "王二妹"},                                          // 4: nothing confirms
		{NK: "5", Number: "n1", Name: "潘小三", House: "1003"},                           // 5: number says 1001, name and household say 1003
		{NK: "6", Number: "damaged", Name: "王二妹", House: "1001"},                      // 6: household and name
		{NK: "7", Name: "潘小三", House: "1002"},                                         // 7: two of that name there
		{NK: "8", Name: "潘小三", House: "1002", Birth: "1980-04-04"},                    // 8: the birth date tells
		{NK: "9", Name: "潘小三", Birth: "2010-03-03", Village: villageA},                // 9: two in the village
		{NK: "10", Name: "潘小三", Birth: "2010-03-03", Village: villageB},               // 10: one in the village
		{NK: "11", Name: "潘小三", Birth: "2010-03-03"},                                  // 11: no village
		{NK: "12", Number: "nobody"},                                                  // 12
		{NK: "13", Card: "n6", Name: "潘小三"},                                           // 13: card
		{NK: "14", Card: "n6", Number: "n1"},                                          // 14: number before card
		{NK: "15"},                                                                    // 15: nothing at all
		{NK: "16", Number: "n5", Name: "潘老大", Birth: "1970-01-01", Village: villageA}, // 16: tier 4 names another household than the number
	}})
	want := []string{"1 1001 1", "2 1001 1", "3 1001 3", "6 1001 3", "8 1002 3", "10 1003 4", "13 1003 2", "14 1001 1"}
	if diff := cmp.Diff(want, x.rows(bills)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"4 conflict", "5 conflict", "7 ambiguous", "9 ambiguous", "11 none", "12 none", "15 none", "16 conflict"},
		x.rows("SELECT row_no, why FROM pending_bill ORDER BY row_no")); diff != "" {
		t.Error(diff)
	}
	wantRes := linkage.Result{Batch: 2, Accepted: 16, Linked: 8, Pending: 8, ByTier: [7]int{1: 3, 2: 1, 3: 3, 4: 1},
		Why: map[string]int{"none": 3, "ambiguous": 2, "conflict": 3}, Counties: []int32{522633}, MainCounty: 522633}
	if diff := cmp.Diff(wantRes, res); diff != "" {
		t.Error(diff)
	}
	// The person of a link below tier 1 is the one of the register, never the row's own number.
	if got := x.rows("SELECT count(*) FROM fact_bill f JOIN person p ON p.person_key = f.person_key AND p.household_id = f.household_id"); got[0] != "8" {
		t.Errorf("%s of 8 facts have their person", got[0])
	}
}

func TestHouseholdRows(t *testing.T) {
	x := newWorld(t)
	x.accept(smallRoster())
	x.accept(file{Dataset: "housing", Scope: countyA, From: "2026-07-01", To: "2026-09-30", Lines: []line{
		{NK: "1", House: "1001"},               // 5
		{NK: "2", House: "9999", Head: "n1"},   // unknown household number: the head's number is not asked
		{NK: "3", Head: "n4", HeadName: "潘小三"}, // 6
		{NK: "4", Head: "n4", HeadName: "别人"},  // conflict
		{NK: "5", Head: "nobody"},              // none
	}})
	if diff := cmp.Diff([]string{"1 1001 5 -", "3 1002 6 -"}, x.rows("SELECT row_no, household_id, tier, person_key FROM fact_housing ORDER BY row_no")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"2 none", "4 conflict", "5 none"}, x.rows("SELECT row_no, why FROM pending_housing ORDER BY row_no")); diff != "" {
		t.Error(diff)
	}
}

// TestRetry: rows wait for the roster, and are seen as of the roster's batch.
func TestRetry(t *testing.T) {
	x := newWorld(t)
	first := x.accept(file{Dataset: "bill", Scope: countyA, From: "2026-05-01", To: "2026-05-31", Lines: []line{{NK: "1", Number: "n1"}, {NK: "2", Number: "nobody"}, {NK: "3", Name: "王二妹", House: "1001"}}})
	x.accept(file{Dataset: "housing", Scope: countyA, From: "2026-05-01", To: "2026-05-31", Lines: []line{{NK: "1", House: "1003"}, {NK: "2", Head: "n4"}}})
	if first.Pending != 3 || first.Linked != 0 {
		t.Errorf("%+v", first)
	}
	res := x.accept(smallRoster())
	if res.Relinked != 4 {
		t.Errorf("relinked %d", res.Relinked)
	}
	if diff := cmp.Diff([]string{"1 1001 1 1 3", "3 1001 3 1 3"}, x.rows("SELECT row_no, household_id, tier, batch, seen FROM fact_bill ORDER BY row_no")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"1 1003 5 3", "2 1002 6 3"}, x.rows("SELECT row_no, household_id, tier, seen FROM fact_housing ORDER BY row_no")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"2 none"}, x.rows("SELECT row_no, why FROM pending_bill")); diff != "" {
		t.Error(diff)
	}
}

// knownAt is design 9.2's definition, written here once more.
func (x *world) knownAt(table, cols string, n int) []string {
	return x.rows("SELECT " + cols + " FROM (SELECT " + cols + ", seen, NULL::INTEGER AS until FROM " + table + " UNION ALL SELECT " + cols + ", seen, until FROM " + table + "_past) x WHERE seen <= " +
		string(rune('0'+n)) + " AND (until IS NULL OR until > " + string(rune('0'+n)) + ") ORDER BY ALL")
}

func bill(nk, number string, paid int) line {
	return line{NK: nk, Number: number, V: map[string]any{"paid": paid}}
}

// TestEvents: a correction replaces, a late original goes straight to the past, the last row of a key in a file wins, and history can be read.
func TestEvents(t *testing.T) {
	x := newWorld(t)
	x.accept(smallRoster())                                                                                                                                                // batch 1
	x.accept(file{Dataset: "bill", Scope: countyA, From: "2026-07-01", To: "2026-07-31", Lines: []line{bill("a", "n1", 100), bill("b", "n2", 200), bill("b", "n2", 201)}}) // 2
	r3 := x.accept(file{Dataset: "bill", Scope: countyA, From: "2026-08-01", To: "2026-08-31", Lines: []line{bill("a", "n1", 110), bill("c", "n4", 300)}})                 // 3 corrects a
	r4 := x.accept(file{Dataset: "bill", Scope: countyA, From: "2026-06-01", To: "2026-06-30", Lines: []line{bill("a", "n1", 90), bill("d", "n6", 400)}})                  // 4 is older than both
	if r3.Superseded != 1 || r3.Outranked != 0 || r4.Superseded != 0 || r4.Outranked != 1 {
		t.Errorf("%+v\n%+v", r3, r4)
	}
	for n, want := range map[int][]string{1: nil, 2: {"1001 100", "1001 201"}, 3: {"1001 110", "1001 201", "1002 300"}, 4: {"1001 110", "1001 201", "1002 300", "1003 400"}} {
		if diff := cmp.Diff(want, x.knownAt("fact_bill", "household_id, paid", n)); diff != "" {
			t.Errorf("as known at batch %d: %s", n, diff)
		}
	}
	// A correction that links to nobody still replaces what it corrects; a late original stays out, too.
	x.accept(file{Dataset: "bill", Scope: countyA, From: "2026-09-01", To: "2026-09-30", Lines: []line{bill("c", "nobody", 1)}}) // 5
	x.accept(file{Dataset: "bill", Scope: countyA, From: "2026-08-01", To: "2026-08-30", Lines: []line{bill("c", "n4", 2)}})     // 6
	if diff := cmp.Diff([]string{"1001 110", "1001 201", "1003 400"}, x.knownAt("fact_bill", "household_id, paid", 6)); diff != "" {
		t.Error(diff)
	}
	same := file{Dataset: "bill", Scope: countyA, From: "2026-08-01", To: "2026-08-31", Lines: []line{bill("a", "n1", 110), bill("c", "n4", 300)}}
	if r := x.accept(same); !r.Duplicate || r.Batch != 3 {
		t.Errorf("the same file again: %+v", r)
	}
	if n := x.rows("SELECT count(*) FROM batch"); n[0] != "6" {
		t.Errorf("%s batches", n[0])
	}
}

func pupil(number, stage string) line {
	return line{NK: number, Number: number, V: map[string]any{"stage": stage}}
}

// TestSnapshots: a delivery is the whole state of its scope; late ones, strays from other counties, province-wide ones and ones without a scope.
func TestSnapshots(t *testing.T) {
	x := newWorld(t)
	x.accept(smallRoster())                                                                                                                                            // 1
	x.accept(file{Dataset: "roster", Scope: countyC, From: "2026-06-01", To: "2026-06-30", Lines: []line{member("2001", villageC, "head", "n9", "李九", "1960-09-09")}}) // 2
	const live = "SELECT household_id, stage FROM fact_school ORDER BY ALL"
	step := func(f file, want ...string) linkage.Result {
		t.Helper()
		f.Dataset = "school"
		r := x.accept(f)
		if diff := cmp.Diff(want, x.rows(live)); diff != "" {
			t.Error(diff)
		}
		return r
	}
	r := step(file{Scope: countyA, From: "2026-07-01", To: "2026-07-31", Lines: []line{pupil("n3", "junior"), pupil("n9", "stray")}}, "1001 junior", "2001 stray") // 3
	if r.OtherCounty != 1 {
		t.Errorf("other county: %d", r.OtherCounty)
	}
	step(file{Scope: countyC, From: "2026-08-01", To: "2026-08-31", Lines: []line{pupil("n9", "own")}}, "1001 junior", "2001 own")                    // 4: C's own word on its child
	step(file{Scope: countyA, From: "2026-06-01", To: "2026-06-30", Lines: []line{pupil("n3", "late")}}, "1001 junior", "2001 own")                   // 5: late
	step(file{Scope: countyA, From: "2026-09-01", To: "2026-09-30", Lines: []line{pupil("n5", "new"), pupil("nobody", "x")}}, "1002 new", "2001 own") // 6
	step(file{Scope: 520000000000, From: "2026-08-01", To: "2026-08-30", Lines: []line{pupil("n3", "p"), pupil("n9", "p")}}, "1002 new", "2001 own")  // 7: province-wide but older than both
	step(file{From: "2026-10-01", To: "2026-10-31", Lines: []line{pupil("n3", "by rows")}}, "1001 by rows", "2001 own")                               // 8: no scope: the counties of its rows
	step(file{Scope: 522600000000, From: "2026-11-01", To: "2026-11-30"}, []string(nil)...)                                                           // 9: nobody in the whole prefecture
	for n, want := range map[int][]string{3: {"1001 junior", "2001 stray"}, 5: {"1001 junior", "2001 own"}, 7: {"1002 new", "2001 own"}, 8: {"1001 by rows", "2001 own"}, 9: nil} {
		if diff := cmp.Diff(want, x.knownAt("fact_school", "household_id, stage", n)); diff != "" {
			t.Errorf("as known at batch %d: %s", n, diff)
		}
	}
	if got := x.rows("SELECT count(*) FROM pending_school"); got[0] != "0" {
		t.Errorf("pending rows of a superseded delivery: %s", got[0])
	}
}

// TestCoverage: completeness per county and month, with and without scope, rows or not.
func TestCoverage(t *testing.T) {
	x := newWorld(t)
	x.accept(smallRoster())
	x.accept(file{Dataset: "bill", Scope: 522633105000, From: "2025-11-01", To: "2026-01-31"})
	x.accept(file{Dataset: "school", From: "2026-09-15", To: "2026-09-30", Lines: []line{pupil("n3", "a")}})
	if diff := cmp.Diff([]string{"bill 522633 2025-11-01 2", "bill 522633 2025-12-01 2", "bill 522633 2026-01-01 2", "roster 522633 2026-06-01 1", "school 522633 2026-09-01 3"},
		x.rows("SELECT dataset, county, month, batch FROM coverage ORDER BY ALL")); diff != "" {
		t.Error(diff)
	}
	x.accept(file{Dataset: "bill", Scope: 522600000000, From: "2026-02-01", To: "2026-02-28"})
	if got := x.rows("SELECT count(*), min(county), max(county) FROM coverage WHERE batch = 4"); got[0] != "16 522601 522636" {
		t.Errorf("prefecture of 16 counties: %s", got[0])
	}
}
