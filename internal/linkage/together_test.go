package linkage_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"shouwang/internal/division"
	"shouwang/internal/linkage"
	"shouwang/internal/warehouse"
)

// everything is the content of all tables; registry tables without the batch since which a row is known.
func (x *world) everything() []string {
	x.t.Helper()
	var out []string
	for _, t := range warehouse.Tables(x.pack) {
		var cols []string
		for _, c := range t.Columns {
			if c.Name == "receipt" || c.Name == "received_at" || c.Name == "together" {
				continue
			}
			if (c.Name == "seen" || c.Name == "until") && (strings.HasPrefix(t.Name, "person") || strings.HasPrefix(t.Name, "household")) {
				continue
			}
			cols = append(cols, "CAST("+c.Name+" AS VARCHAR)")
		}
		if strings.HasSuffix(t.Name, "_past") && (strings.HasPrefix(t.Name, "person") || strings.HasPrefix(t.Name, "household")) {
			continue // what the registry was between two files of one commit is nobody's business
		}
		for _, r := range x.rows("SELECT " + strings.Join(cols, ", ") + " FROM " + t.Name + " ORDER BY ALL") {
			out = append(out, t.Name+" "+r)
		}
	}
	return out
}

// TestTogether: files accepted together leave the same facts, history, waiting rows, coverage and batches, and give the same results, as when accepted one after the other.
func TestTogether(t *testing.T) {
	x := newWorld(t)
	some(t, 10, func(rt *rapid.T) {
		x.t = rt
		roster, _ := drawRoster(rt)
		dataset := pick(rt, "dataset", "bill", "school")
		draw := func(i int) file {
			month := pick(rt, "month", "2026-05", "2026-06", "2026-07")
			f := file{Dataset: dataset, Scope: pick(rt, "scope", division.Code(countyA), countyC, 522600000000, 520000000000, 0), From: month + "-01", To: month + "-28", Salt: fmt.Sprint(i)}
			for j := range rapid.IntRange(0, 6).Draw(rt, "rows") {
				l := drawRow(rt, j)
				l.NK = pick(rt, "nk", "", "a", "b", "c", "d")
				l.V = map[string]any{"paid": i*100 + j}
				if dataset == "school" {
					l.V = map[string]any{"stage": fmt.Sprint("s", i*100+j)}
				}
				f.Lines = append(f.Lines, l)
			}
			return f
		}
		var before, files []file
		for i := range rapid.IntRange(0, 3).Draw(rt, "before") {
			before = append(before, draw(i))
		}
		for i := range rapid.IntRange(2, 5).Draw(rt, "files") {
			files = append(files, draw(10+i))
		}
		unwanted := -1
		switch pick(rt, "also", "", "twice", "refused") {
		case "twice":
			files = append(files, files[0])
		case "refused":
			unwanted = rapid.IntRange(0, len(files)-1).Draw(rt, "unwanted")
		}
		last := pick(rt, "roster", 0, 1) // before the files or behind them
		var worlds [2][]string
		var results [2][]linkage.Result
		for round := range 2 {
			x.empty()
			if last == 0 {
				x.accept(roster)
			}
			for _, f := range before {
				x.accept(f)
			}
			if round == 0 {
				for i, f := range files {
					if i != unwanted {
						results[0] = append(results[0], x.accept(f))
					}
				}
			} else {
				for i, r := range x.together(func(i int, _ *linkage.Result) bool { return i != unwanted }, files...) {
					if r.Refused != (i == unwanted) {
						rt.Fatalf("file %d of %d refused: %v", i, len(files), r.Refused)
					}
					if !r.Refused {
						results[1] = append(results[1], r)
					}
				}
			}
			if last == 1 {
				x.accept(roster)
			}
			worlds[round] = x.everything()
		}
		if diff := cmp.Diff(worlds[0], worlds[1]); diff != "" {
			rt.Fatalf("before %+v\nfiles %+v\n%s", before, files, diff)
		}
		for round := range 2 {
			for i := range results[round] {
				results[round][i].MainCounty = 0 // of two equal counts either
				if len(results[round][i].Why) == 0 {
					results[round][i].Why = nil
				}
			}
		}
		if diff := cmp.Diff(results[0], results[1]); diff != "" {
			rt.Fatalf("before %+v\nfiles %+v\n%s", before, files, diff)
		}
	})
}

// TestRostersTogether: rosters of several counties and months, and deaths, accepted together or one after the other, make the same registry.
func TestRostersTogether(t *testing.T) {
	x := newWorld(t)
	some(t, 10, func(rt *rapid.T) {
		x.t = rt
		var rosters, deaths []file
		for i, c := range []division.Code{countyA, countyC, countyA} {
			f := file{Dataset: "roster", Scope: c, From: "2026-06-01", To: "2026-06-30", Salt: fmt.Sprint(i)}
			if i == 2 {
				f.From, f.To = pick(rt, "from", "2026-05-01", "2026-07-01"), "2026-07-31"
			}
			taken := map[string]bool{}
			for range rapid.IntRange(0, 6).Draw(rt, "people") {
				house := pick(rt, "house", "11", "12", "21")
				if c == countyC {
					house = "31"
				}
				n := pick(rt, "number", numbers[1:]...)
				if taken[n] {
					continue
				}
				taken[n] = true
				f.Lines = append(f.Lines, member(house, homeVillage(house), "son", n, pick(rt, "name", nameList[1:]...), "1980-01-01"))
			}
			rosters = append(rosters, f)
		}
		for i := range 2 {
			f := file{Dataset: "cremation", Scope: countyA, From: "2026-06-01", To: "2026-06-30", Salt: fmt.Sprint(i)}
			for j := range rapid.IntRange(0, 2).Draw(rt, "dead") {
				f.Lines = append(f.Lines, line{NK: fmt.Sprint(i, j), Number: pick(rt, "dead number", numbers[1:]...), V: map[string]any{"died": "2026-06-15"}})
			}
			deaths = append(deaths, f)
		}
		var worlds [2][]string
		for round := range 2 {
			x.empty()
			for _, files := range [][]file{rosters, deaths} {
				if round == 1 {
					x.together(nil, files...)
					continue
				}
				for _, f := range files {
					x.accept(f)
				}
			}
			worlds[round] = x.everything()
		}
		if diff := cmp.Diff(worlds[0], worlds[1]); diff != "" {
			rt.Fatalf("rosters %+v\ndeaths %+v\n%s", rosters, deaths, diff)
		}
	})
}

// TestNear: rows of a county's file find people of that county, of another county, former and contested ones, wherever they are, in a register that is much larger than the file.
func TestNear(t *testing.T) {
	x := newWorld(t)
	x.bulk(2000) // two counties, 7000 persons
	exec1(t, x, "CREATE TEMP TABLE pick AS SELECT * FROM (SELECT *, row_number() OVER (ORDER BY household_id, person_key) AS n FROM person) WHERE n IN (1, 2, 3, 6000, 6001, 6002)")
	// The third is claimed by a household of the other county, too; the sixth has died.
	exec1(t, x, "UPDATE person SET contested = TRUE WHERE person_key = (SELECT person_key FROM pick WHERE n = 3)")
	exec1(t, x, "INSERT INTO person SELECT * REPLACE ((SELECT household_id FROM pick WHERE n = 6000) AS household_id) FROM person WHERE person_key = (SELECT person_key FROM pick WHERE n = 3)")
	exec1(t, x, "INSERT INTO person_former SELECT * REPLACE (DATE '2026-06-15' AS member_to) FROM person WHERE person_key = (SELECT person_key FROM pick WHERE n = 6002)")
	exec1(t, x, "DELETE FROM person WHERE person_key = (SELECT person_key FROM pick WHERE n = 6002)")
	for round, scope := range []division.Code{522633000000, 522634000000, 520000000000, 0} {
		ds := x.dataset("bill")
		if err := x.w.CreateStage(x.ctx, x.c, "stage", ds); err != nil {
			t.Fatal(err)
		}
		exec1(t, x, fmt.Sprintf("INSERT INTO stage (row_no, person_key, name_key, nk, settled, paid) SELECT row_number() OVER (ORDER BY n), person_key, CASE WHEN n = 6001 THEN name_key + 1 ELSE name_key END, hash(n, %d), DATE '2026-07-05', 5 FROM pick", round))
		exec1(t, x, fmt.Sprintf("INSERT INTO stage (row_no, person_key, card_key, nk, settled, paid) SELECT 7, 99, (SELECT person_key FROM pick WHERE n = 6000), hash(7, %d), DATE '2026-07-05', 5", round))
		exec1(t, x, fmt.Sprintf("INSERT INTO stage (row_no, person_key, nk, settled, paid) VALUES (8, 98, hash(8, %d), DATE '2026-07-05', 5)", round))
		res, err := linkage.Accept(x.ctx, x.c, x.w, x.pack, &linkage.Batch{Dataset: ds, SHA256: fmt.Sprint("near", round), Scope: scope, From: date("2026-07-01"), To: date("2026-07-31"), Counties: []int32{522633}}, "stage")
		if err != nil {
			t.Fatal(err)
		}
		got := x.rows(fmt.Sprintf("SELECT f.row_no, f.tier, p.n FROM fact_bill f LEFT JOIN pick p ON p.person_key = f.person_key AND p.household_id = f.household_id WHERE f.batch = %d ORDER BY 1", res.Batch))
		if diff := cmp.Diff([]string{"1 1 1", "2 1 2", "4 1 6000", "6 1 6002", "7 2 6000"}, got); diff != "" {
			t.Errorf("scope %d: %s", scope, diff)
		}
		if diff := cmp.Diff([]string{"3 ambiguous", "5 conflict", "8 none"}, x.rows(fmt.Sprintf("SELECT row_no, why FROM pending_bill WHERE batch = %d ORDER BY 1", res.Batch))); diff != "" {
			t.Errorf("scope %d, waiting: %s", scope, diff)
		}
	}
}
