package linkage_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"shouwang/internal/linkage"
	"shouwang/internal/registry"
)

// BenchmarkAccept measures Accept on a registry of LINKAGE_HOUSEHOLDS households (default 100 000) of 3.5 persons, made by SQL: a file of 200 000 bills of one county,
// 2 % of them with damaged numbers; a file of one bill; a roster of one county again, one member in fifty changed; a file of one change.
func BenchmarkAccept(b *testing.B) {
	households := 100000
	if v, err := strconv.Atoi(os.Getenv("LINKAGE_HOUSEHOLDS")); err == nil {
		households = v
	}
	if v := os.Getenv("LINKAGE_MEMORY"); v != "" {
		openOptions.MemoryLimit = v
	}
	x := newWorld(b)
	x.bulk(households)
	n := 0
	run := func(name, dataset, month, fill string) {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				n++
				b.StopTimer()
				ds := x.dataset(dataset)
				if err := x.w.CreateStage(x.ctx, x.c, "stage", ds); err != nil {
					b.Fatal(err)
				}
				exec1(b, x, fmt.Sprintf(fill, n))
				tx, err := x.c.BeginTx(x.ctx, nil)
				if err != nil {
					b.Fatal(err)
				}
				from := date(month).AddDate(0, n%3, 0)
				b.StartTimer()
				t := time.Now()
				res, err := linkage.Accept(x.ctx, x.c, x.w, x.pack, &linkage.Batch{Dataset: ds, SHA256: fmt.Sprint(name, n), Scope: 522633000000, From: from, To: from.AddDate(0, 1, -1), ReceivedAt: t, Counties: []int32{522633}}, "stage")
				if err != nil {
					b.Fatal(err)
				}
				t1 := time.Since(t)
				if err := tx.Commit(); err != nil {
					b.Fatal(err)
				}
				b.Logf("%d: accept %v commit %v %+v", n, t1.Round(time.Millisecond), (time.Since(t) - t1).Round(time.Millisecond), res)
			}
		})
	}
	bills := `INSERT INTO stage (row_no, person_key, name_key, birth_link, village, nk, settled, paid)
		SELECT row_number() OVER (), CASE WHEN hash(person_key, %[1]d) %% 50 = 0 THEN person_key + 1 ELSE person_key END, name_key, birth, h.division, hash(person_key, g, %[1]d), DATE '2026-07-05', 12345
		FROM (SELECT person_key, name_key, birth, household_id FROM person WHERE household_id < 5226330000000000 + 60000) p JOIN household h USING (household_id), range(2) r(g) LIMIT 200000`
	run("200k bills", "bill", "2026-07-01", bills)
	run("one bill", "bill", "2026-07-01", `INSERT INTO stage (row_no, person_key, name_key, nk, settled, paid) SELECT 1, person_key, name_key, hash(%d), DATE '2026-07-05', 5 FROM person LIMIT 1`)
	run("county roster", "roster", "2026-09-01", `INSERT INTO stage (row_no, person_key, name_key, birth_link, village, house_id, house_no, nk, division, relation, sex, birth)
		SELECT row_number() OVER (), CASE WHEN hash(person_key, %d) %% 50 = 0 THEN person_key + 7 ELSE person_key END, name_key, birth, division, household_id, CAST(household_id AS VARCHAR), hash(person_key), division, relation, sex, birth
		FROM fact_roster WHERE household_id < 5226330000000000 + `+fmt.Sprint(countySize(households)))
	run("one change", "hukou_change", "2026-12-01", `INSERT INTO stage (row_no, person_key, nk, change, changed) SELECT 1, person_key, hash(%d), 'move_out', DATE '2027-01-05' FROM person LIMIT 1`)
}

// countySize is how many households a county has: a province has 88 counties, a small world one.
func countySize(households int) int { return max(households/88, 1000) }

func exec1(b testing.TB, x *world, q string) {
	b.Helper()
	if _, err := x.c.ExecContext(x.ctx, q); err != nil {
		b.Fatalf("%s: %v", q, err)
	}
}

// bulk makes a registry straight in the tables: households of 3 and 4, sorted, in 88 counties' worth of villages; and as many bills as persons.
func (x *world) bulk(households int) {
	x.t.Helper()
	for _, q := range []string{
		`INSERT INTO batch (batch, dataset, sha256, scope, period_from, period_to, state) VALUES (1, 'roster', 'bulk', 520000000000, DATE '2026-06-01', DATE '2026-06-30', 'accepted'), (2, 'bill', 'bulk', 520000000000, DATE '2026-06-01', DATE '2026-06-30', 'accepted')`,
		fmt.Sprintf(`INSERT INTO household SELECT 5226330000000000 + h, CAST(5226330000000000 + h AS VARCHAR), (522633 + h // %[2]d) * 1000000 + h %% %[2]d // 600, 522633 + h // %[2]d, 3 + h %% 2, NULL, 'ordinary', false, 1 FROM range(%[1]d) t(h)`, households, countySize(households)),
		fmt.Sprintf(`INSERT INTO person SELECT hash(h, m)::UHUGEINT * 18446744073709551616::UHUGEINT + hash(m, h)::UHUGEINT, 5226330000000000 + h, CASE m WHEN 0 THEN 'head' WHEN 1 THEN 'spouse' ELSE 'son' END,
			DATE '1950-01-01' + CAST(hash(h, m, 1) %% 25000 AS INTEGER), 'm', NULL, NULL, NULL, NULL, NULL, hash('name', (h * 4 + m) %% 200000), NULL, NULL, 'roster', false, 1
			FROM range(%d) t(h), range(4) u(m) WHERE m < 3 + h %% 2 ORDER BY h`, households),
		`INSERT INTO fact_roster (household_id, person_key, batch, row_no, tier, seen, nk, division, relation, sex, birth, house_no, name_key)
			SELECT p.household_id, person_key, 1, row_number() OVER (), 0, 1, hash(person_key), h.division, relation, sex, birth, household_no, name_key FROM person p JOIN household h USING (household_id) ORDER BY p.household_id`,
		`INSERT INTO fact_bill (household_id, person_key, batch, row_no, tier, seen, nk, settled, paid) SELECT household_id, person_key, 2, row_number() OVER (), 1, 2, hash(person_key, 5), DATE '2026-06-06', 700 FROM person ORDER BY household_id`,
		`CHECKPOINT`,
	} {
		if _, err := x.c.ExecContext(x.ctx, q); err != nil {
			x.t.Fatalf("%s: %v", q, err)
		}
	}
}

// TestBulkIsARegistry: the benchmark's world is what the registry would derive itself from the same roster.
func TestBulkIsARegistry(t *testing.T) {
	x := newWorld(t)
	x.bulk(40)
	before, err := registry.Digest(x.ctx, x.c)
	if err != nil {
		t.Fatal(err)
	}
	exec1(t, x, "DELETE FROM person WHERE household_id % 2 = 0")
	exec1(t, x, "CREATE OR REPLACE TEMP TABLE reg_seed AS SELECT household_id FROM household")
	if _, err := registry.Refresh(x.ctx, x.c, x.w.Dialect(), x.pack, 3); err != nil {
		t.Fatal(err)
	}
	exec1(t, x, "UPDATE household SET head_key = NULL, type = 'ordinary', relocated = false")
	after, err := registry.Digest(x.ctx, x.c)
	if err != nil {
		t.Fatal(err)
	}
	if before != after {
		t.Error("the registry derives something else")
	}
}
