package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// testMatch proposes for every warned household of the demo and holds the outcome to the warnings.
func testMatch(t *testing.T, do func(int, string, ...string) outcome, dir string, warnings []any) {
	t.Helper()
	risks := map[string]map[string]bool{}
	for _, w := range warnings {
		no := at(t, w, "household_no").(string)
		if risks[no] == nil {
			risks[no] = map[string]bool{}
		}
		risks[no][at(t, w, "risk").(string)] = true
	}
	no := at(t, warnings[0], "household_no").(string)
	one := document(t, do(exitDone, "", "match", no, "--json"))
	for _, r := range at(t, one, "risks").([]any) {
		if !risks[no][at(t, r, "risk").(string)] {
			t.Errorf("match answers a risk that nobody warned of: %v", r)
		}
	}
	if got := len(at(t, one, "risks").([]any)); got != len(risks[no]) {
		t.Errorf("%d risks, %d warned of", got, len(risks[no]))
	}
	for _, lang := range []string{"zh", "en"} {
		do(exitDone, "", "match", no, "--lang", lang)
	}
	places := filepath.Join(dir, "places.csv")
	if err := os.WriteFile(places, []byte("pool,division,places\n乡村公益性岗位,522633,3\nrangers,,1\nworkshop_jobs,,0\ncourse_places,522633,0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	all := document(t, do(exitDone, "", "match", "--division", "522633", "--capacity", places, "--json"))
	proposals := at(t, all, "proposals").([]any)
	if len(proposals) != len(risks) {
		t.Errorf("%d proposals for %d warned households", len(proposals), len(risks))
	}
	taken := map[string]float64{}
	for _, p := range proposals {
		for _, m := range at(t, p, "measures").([]any) {
			if pool, ok := m.(map[string]any)["pool"].(string); ok {
				taken[pool]++
			}
		}
	}
	if taken["public_posts"] > 3 || taken["rangers"] > 1 || taken["workshop_jobs"] > 0 || taken["course_places"] > 0 {
		t.Errorf("more places taken than there are: %v", taken)
	}
	do(exitDone, "", "match", "--division", "522633", "--capacity", places)
	if err := os.WriteFile(places, []byte("pool,division,places\nrangers,,many\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if o := do(exitFailed, "", "match", "--division", "522633", "--capacity", places, "--lang", "en"); !strings.Contains(o.stderr, "line 2") {
		t.Errorf("%s", o.stderr)
	}
	if o := do(exitFailed, "", "match", "1234567", "--json"); at(t, document(t, o), "error", "kind") != "not_found" {
		t.Errorf("an unknown household: %s", o.stdout)
	}
	for _, args := range [][]string{{"plan", "show"}, {"plan", "propose"}, {"plan", "adopt", "--all"}} {
		if o := do(exitFailed, "", append(args, "019cac0f-2680-7000-b764-df43a38e6e4d", "--json")...); at(t, document(t, o), "error", "kind") != "not_found" {
			t.Errorf("%v of no case: %s", args, o.stdout)
		}
	}
	if orders := document(t, do(exitDone, "", "order", "list", "--json")); len(at(t, orders, "orders").([]any)) != 0 {
		t.Error("orders in a ledger without plans")
	}
	if o := do(exitFailed, "", "effect", "--json"); at(t, document(t, o), "error", "kind") != "conflict" {
		t.Errorf("an effect with one run only: %s", o.stdout)
	}
	do(exitUsage, "", "effect", "--block", "nothing")
	do(exitUsage, "", "match")
	do(exitUsage, "", "match", no, "--division", "522633")
	do(exitUsage, "", "order", "answer", "x")
}

// testEffect looks at the effect between two runs half a year apart, before anything has been delivered.
func testEffect(t *testing.T, do func(int, string, ...string) outcome) {
	t.Helper()
	last := document(t, do(exitDone, "", "screen", "--as-of", "2026-05-15", "--json"))
	now := document(t, do(exitDone, "", "screen", "--as-of", "2026-11-15", "--json"))
	x := document(t, do(exitDone, "", "effect", "--block", "employment", "--json"))
	if at(t, x, "from_run") != at(t, last, "run") || at(t, x, "to_run") != at(t, now, "run") {
		t.Errorf("from %v to %v", at(t, x, "from_run"), at(t, x, "to_run"))
	}
	block := at(t, x, "blocks").([]any)[0]
	for _, o := range at(t, block, "outcomes").([]any) {
		if at(t, o, "enough") != false || at(t, o, "treated") != 0.0 || at(t, o, "difference") != 0.0 {
			t.Errorf("an effect of nothing: %v", o)
		}
	}
	for _, lang := range []string{"zh", "en"} {
		if o := do(exitDone, "", "effect", "--lang", lang); o.stdout == "" {
			t.Error("nothing said")
		}
	}
}
