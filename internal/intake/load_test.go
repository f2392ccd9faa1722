package intake

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLoad: files of one dataset that come together are accepted or refused each for itself, the same file twice is once, and the warehouse can be rebuilt.
func TestLoad(t *testing.T) {
	w := newWorld(t)
	ps := people(w.tree, county, 30)
	w.one("农户花名册_522633_202610.csv", rosterCSV(ps))
	bad := healthHeader + strings.Repeat("S,王五,,,美容,,2026-10-05,100,50\n", 30)
	paths := []string{
		w.write("1医保结算_522633_202608.csv", healthCSV(ps[:30], "2026-08")),
		w.write("2医保结算_522722_202609.csv", healthCSV(ps, "2026-09")),         // another county's
		w.write("3医保结算_522633_202609.csv", bad),                              // rejects over the ceiling
		w.write("4医保结算_522633_202608 副本.csv", healthCSV(ps[:30], "2026-08")), // the first once more
		w.write("5医保结算_522633_202610.csv", healthCSV(ps[30:], "2026-10")+"S9,王五,,,住院,,9999-10-05,100,50\n"),
		w.write("6医保结算_522633_202609 改.csv", healthCSV(ps, "2026-09")), // the bytes of the second, where they belong
		w.write("7医保结算_522633_202611.csv", healthHeader+"\"S1,王五\n"+strings.Repeat("S2,王五,,,住院,,2026-10-05,100,50\n", 60000)),
		w.write("8医保结算_522633_202610 更正.csv", strings.Replace(healthCSV(ps[30:31], "2026-10"), "300.25", "1.00", 1)),
	}
	var got []string
	for _, r := range w.takeIn(paths...) {
		line := fmt.Sprint(filepath.Base(r.File)[:1], " ", r.State, " batch ", r.Batch, " rows ", r.Rows, " rejected ", r.Rejected, " linked ", r.Linked, " superseded ", r.Superseded)
		if r.Error != nil {
			line += " " + strings.Fields(r.Error.EN)[0] + " " + strings.Fields(r.Error.EN)[1]
		}
		got = append(got, line)
	}
	want := []string{
		"1 accepted batch 2 rows 30 rejected 0 linked 30 superseded 0",
		"2 refused batch 0 rows 90 rejected 0 linked 0 superseded 0 the whole",
		"3 refused batch 0 rows 30 rejected 30 linked 0 superseded 0 the whole",
		"4 already batch 2 rows 30 rejected 0 linked 30 superseded 0",
		"5 accepted batch 3 rows 61 rejected 1 linked 60 superseded 0",
		"6 accepted batch 4 rows 90 rejected 0 linked 90 superseded 0",
		"7 refused batch 0 rows 0 rejected 0 linked 0 superseded 0 line 2",
	}
	if diff := cmp.Diff(want, got[:7]); diff != "" {
		t.Error(diff)
	}
	// Which of two files of one period corrects the other depends on their hashes alone.
	if !strings.HasPrefix(got[7], "8 accepted batch 5 rows 1 rejected 0 linked 1") {
		t.Error(got[7])
	}
	if n := w.count("SELECT count(DISTINCT together) FROM batch WHERE dataset = 'health_settlement'"); n != 1 {
		t.Errorf("committed in %d parts", n)
	}
	records, err := filepath.Glob(filepath.Join(w.dir, archiveDir, "*.json"))
	if err != nil || len(records) != 5 {
		t.Errorf("%d records for 5 batches (%v)", len(records), err)
	}
	w.verify()

	fresh := openWorld(t, t.TempDir())
	out, err := w.Rebuild(context.Background(), fresh.w, nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := DigestOf(context.Background(), fresh.w, w.pack)
	if err != nil {
		t.Fatal(err)
	}
	if out.Batches != 5 || len(out.Changed) != 0 || again != w.digest() {
		t.Errorf("rebuilt: %d batches, changed %v, the same content %v", out.Batches, out.Changed, again == w.digest())
	}

	// One after the other they make the same facts.
	single := newWorld(t)
	single.one("农户花名册_522633_202610.csv", rosterCSV(ps))
	for _, p := range paths {
		single.takeIn(p)
	}
	const facts = "SELECT CAST(sum(hash(household_id, person_key, batch, row_no, tier, seen, total, self_paid)) % 1000000007 AS BIGINT) FROM fact_health_settlement"
	keyless := strings.Replace(facts, "person_key, ", "", 1) // another keyring
	if a, b := w.count(keyless), single.count(keyless); a != b {
		t.Error("together and one by one differ")
	}
}

// TestLoadFallsApart: when a load cannot be committed, its files are taken in one by one.
func TestLoadFallsApart(t *testing.T) {
	w := newWorld(t)
	ps := people(w.tree, county, 10)
	w.one("农户花名册_522633_202610.csv", rosterCSV(ps))
	var ds []*delivery
	for i, month := range []string{"2026-08", "2026-09"} {
		path := w.write(fmt.Sprintf("医保结算_522633_%d.csv", 202608+i), healthCSV(ps, month))
		f, err := localFile(path)
		if err != nil {
			t.Fatal(err)
		}
		p, err := w.look(context.Background(), f, "")
		if err != nil {
			t.Fatal(err)
		}
		ds = append(ds, w.newDelivery(&item{path: path, probe: p}, Options{Now: now}, func(string, int64) {}))
	}
	l := w.newLoad(ds)
	l, err := w.oneByOne(context.Background(), w.w, l, errors.New("the engine's"))
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range l.entries {
		if e.r.State != Accepted || e.r.Batch != i+2 || e.r.Linked != 30 {
			t.Errorf("%s", e.r.Text("en"))
		}
	}
	w.verify()
}

// TestFileChanges: a file that is written to while it is read is refused; the others of its load are not.
func TestFileChanges(t *testing.T) {
	w := newWorld(t)
	ps := people(w.tree, county, 10)
	w.one("农户花名册_522633_202610.csv", rosterCSV(ps))
	a, b := w.write("医保结算_522633_202608.csv", healthCSV(ps, "2026-08")), w.write("医保结算_522633_202609.csv", healthCSV(ps, "2026-09"))
	once := false
	rs, err := w.Files(context.Background(), []string{a, b}, Options{Now: now, Workers: 1, Progress: func(p Progress) {
		if p.Step == "hash" && p.File == filepath.Base(b) && !once { // a is hashed by then: the files of a load are hashed in order by one worker
			once = true
			if err := os.WriteFile(a, []byte(healthCSV(ps, "2026-07")), 0o600); err != nil {
				t.Error(err)
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if rs[0].State != Refused || !strings.Contains(rs[0].Error.EN, "changed while it was read") || rs[1].State != Accepted {
		t.Errorf("%s%s", rs[0].Text("en"), rs[1].Text("en"))
	}
	w.verify()
}
