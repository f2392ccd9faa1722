package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"shouwang/internal/division"
	"shouwang/internal/policy"
	"shouwang/internal/screening"
	"shouwang/internal/synth"
	"shouwang/internal/warehouse"
	packs "shouwang/policy"
)

// newRun opens an empty warehouse with the shipped pack.
func newRun(t *testing.T, asOf time.Time) *run {
	t.Helper()
	pack, err := policy.Load(packs.Guizhou())
	if err != nil {
		t.Fatal(err)
	}
	tree, err := division.Load()
	if err != nil {
		t.Fatal(err)
	}
	b := &run{o: Options{Seed: 7, AsOf: asOf, Now: asOf, Pack: pack, Tree: tree, MemoryLimit: "1GiB"}, dir: t.TempDir(), note: func(string, int64, int64) {}}
	if err := b.open(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.w.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// agree screens everybody and fails where the hand-written SQL finds anything else. It returns how many households hit each rule.
func (b *run) agree(t *testing.T, asOf time.Time) map[string]int64 {
	t.Helper()
	sum, err := b.s.Run(context.Background(), screening.Options{AsOf: asOf, Now: asOf, Full: true})
	if err != nil {
		t.Fatal(err)
	}
	_, diff, err := Reference(context.Background(), b.w, b.o.Pack, asOf)
	if err != nil {
		t.Fatal(err)
	}
	if diff != "" {
		t.Errorf("as of %s the screening and the hand-written SQL differ: %s", asOf.Format(time.DateOnly), diff)
	}
	hits := map[string]int64{}
	for _, r := range sum.Rules {
		hits[r.Rule] = r.Hit
	}
	return hits
}

func date(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// TestReferenceSynthetic compares the two on a county of synthetic households: with fresh feeds, a month later, and five months later, when the
// monthly feeds have become stale and most indicators are unknown.
func TestReferenceSynthetic(t *testing.T) {
	asOf := date(2026, 11, 23)
	b := newRun(t, asOf)
	county, err := division.Parse("522632")
	if err != nil {
		t.Fatal(err)
	}
	_, err = synth.Generate(context.Background(), synth.Options{Out: filepath.Join(b.dir, "synth"), Division: county, Households: 3000, Seed: 7, AsOf: asOf, Pack: b.o.Pack, Tree: b.o.Tree})
	if err != nil {
		t.Fatal(err)
	}
	paths, err := b.files("")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.take(context.Background(), "intake", paths); err != nil {
		t.Fatal(err)
	}
	hits := b.agree(t, asOf)
	// Without hits the comparison would say little; the rules below have plenty of cases in any county.
	for _, id := range []string{"illness_burden", "schooling_poverty", "income_near", "disability_burden", "employment_lost", "water_unsafe", "uninsured_member", "doubt_car"} {
		if hits[id] == 0 {
			t.Errorf("no household hits %s", id)
		}
	}
	for _, later := range []time.Time{date(2026, 12, 31), date(2027, 4, 30)} {
		b.agree(t, later)
	}
}

// TestGrowthOnTheWay: the copies made in two steps, with a screening between them, are as many households and persons of their own, and screen alike.
func TestGrowthOnTheWay(t *testing.T) {
	asOf := date(2026, 11, 23)
	b := newRun(t, asOf)
	b.o.Times = 20
	county, err := division.Parse("522632")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := synth.Generate(context.Background(), synth.Options{Out: filepath.Join(b.dir, "synth"), Division: county, Households: 300, Seed: 7, AsOf: asOf, Pack: b.o.Pack, Tree: b.o.Tree}); err != nil {
		t.Fatal(err)
	}
	paths, err := b.files("")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.take(context.Background(), "intake", paths); err != nil {
		t.Fatal(err)
	}
	count := func(text string) (n int64) {
		t.Helper()
		if err := b.w.DB().QueryRow(text).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	households, persons, bills := count("SELECT count(*) FROM household"), count("SELECT count(DISTINCT person_key) FROM person"), count("SELECT count(DISTINCT nk) FROM fact_health_settlement")
	for _, step := range []func(context.Context) error{b.tenth, b.multiply} {
		if err := step(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if b.small <= 0 || b.r.Households != 20*households {
		t.Errorf("a tenth took %v s; %d households became %d", b.small, households, b.r.Households)
	}
	for text, want := range map[string]int64{
		"SELECT count(DISTINCT household_id) FROM household": 20 * households, "SELECT count(DISTINCT person_key) FROM person": 20 * persons,
		"SELECT count(DISTINCT nk) FROM fact_health_settlement": 20 * bills,
	} {
		if got := count(text); got != want {
			t.Errorf("%s = %d, want %d", text, got, want)
		}
	}
	hits := b.agree(t, asOf)
	for rule, n := range hits {
		if n%20 != 0 {
			t.Errorf("%s hits %d households, not twenty times as many as once", rule, n)
		}
	}
	if runs := count("SELECT max(run) FROM run"); runs != 1 {
		t.Errorf("the run at a tenth is remembered: %d runs", runs)
	}
}

// TestReferenceBorders compares the two on random rows made to be awkward: days around the ends of every window and age, empty cells wherever a contract
// allows them, rows without a person, households without rows, amounts around the thresholds, households of no members, former members, and feeds that are
// missing, stale, future, just fresh enough, or without a month of the window, in counties with and without values of their own. The screening days are ends of short months, a leap day and
// days on which the last day of a month lies exactly 62, 130 and 400 days back.
func TestReferenceBorders(t *testing.T) {
	b := newRun(t, date(2026, 11, 23))
	r := rand.New(rand.NewPCG(20261123, 1))
	missed := map[string]bool{}
	for i := range b.o.Pack.Rules {
		missed[b.o.Pack.Rules[i].ID] = true
	}
	for _, asOf := range []time.Time{date(2026, 11, 30), date(2026, 12, 1), date(2027, 3, 3), date(2027, 3, 7), date(2027, 3, 10), date(2027, 3, 31), date(2028, 2, 29)} {
		b.awkward(t, r, asOf, 1200)
		for rule, n := range b.agree(t, asOf) {
			if n > 0 {
				delete(missed, rule)
			}
		}
	}
	if len(missed) > 0 {
		t.Errorf("no household ever hits %v: the comparison says little about these rules", missed)
	}
}

// awkward replaces everything in the warehouse by random rows.
func (b *run) awkward(t *testing.T, r *rand.Rand, asOf time.Time, households int) {
	t.Helper()
	insert := func(table string, columns []string, rows [][]string) {
		t.Helper()
		lines := []string{"DELETE FROM " + table}
		if len(rows) > 0 {
			tuples := make([]string, len(rows))
			for i, row := range rows {
				tuples[i] = "(" + strings.Join(row, ", ") + ")"
			}
			lines = append(lines, "INSERT INTO "+table+" ("+strings.Join(columns, ", ")+") VALUES "+strings.Join(tuples, ", "))
		}
		for _, line := range lines {
			if _, err := b.w.DB().Exec(line); err != nil {
				t.Fatalf("%s: %v", table, err)
			}
		}
	}
	one := func(list ...string) string { return list[r.IntN(len(list))] }
	maybe := func(text string) string { // an empty cell now and then
		if r.IntN(6) == 0 {
			return "NULL"
		}
		return text
	}
	quote := func(d time.Time) string { return "'" + d.Format(time.DateOnly) + "'" }
	// monthsBack is date arithmetic with the day clamped to the end of the month.
	monthsBack := func(n int) time.Time {
		d := date(asOf.Year(), asOf.Month()-time.Month(n), 1)
		return d.AddDate(0, 0, min(asOf.Day(), d.AddDate(0, 1, -1).Day())-1)
	}
	day := func() time.Time {
		var d time.Time
		switch r.IntN(6) {
		case 0:
			d = asOf.AddDate(0, 0, -90)
		case 1:
			d = date(asOf.Year(), 1, 1)
		case 2:
			d = asOf.AddDate(0, 0, -r.IntN(400))
		default:
			d = monthsBack([]int{-1, 0, 0, 1, 2, 3, 6, 11, 12, 13}[r.IntN(10)])
		}
		return d.AddDate(0, 0, r.IntN(3)-1)
	}
	birth := func() string {
		n := []int{-1, 0, 6, 7, 8, 14, 15, 16, 59, 60, 65, 70, 80, 115, 116, r.IntN(90), r.IntN(90)}[r.IntN(17)]
		return quote(monthsBack(12*n).AddDate(0, 0, r.IntN(3)-1))
	}
	codes := func(dataset, column string) []string {
		c := b.o.Pack.Dataset(dataset).Column(column)
		if c == nil {
			t.Fatalf("the pack has no column %s.%s", dataset, column)
		}
		var out []string
		for _, code := range c.Codes {
			out = append(out, "'"+code.ID+"'")
		}
		return out
	}

	// Eight counties with parameter values of their own or in such a prefecture, eight without.
	counties := []int64{520102, 520115, 520302, 520381, 520502, 520521, 522301, 522632, 522601, 522633, 520402, 520602, 520201, 522701, 522722, 522622}
	var houses, people [][]string
	var ids []int64
	for i := range households {
		county := counties[r.IntN(len(counties))]
		id := county*1_000_000 + int64(i)
		ids = append(ids, id)
		houses = append(houses, []string{fmt.Sprint(id), fmt.Sprintf("'%d'", id), fmt.Sprint(county*1_000_000 + 100_200), fmt.Sprint(county), fmt.Sprint(r.IntN(6)),
			maybe(one(codes("roster", "household_type")...)), maybe(one("TRUE", "FALSE")), "1"})
		for m := range r.IntN(5) {
			relation := one(codes("roster", "relation")...)
			if m < 2 {
				relation = one("'head'", "'spouse'", relation)
			}
			people = append(people, []string{fmt.Sprint(id*10 + int64(m)), fmt.Sprint(id), relation, maybe(birth()), maybe(one("'m'", "'f'")), maybe(one(codes("roster", "education")...)),
				maybe(one(codes("roster", "school")...)), maybe(one(codes("roster", "health")...)), maybe(one(codes("roster", "labour")...)),
				one("NULL", "NULL", "NULL", quote(asOf.AddDate(0, 0, 1)), quote(asOf), quote(asOf.AddDate(0, 0, -1))), "1"})
		}
	}
	insert("household", []string{"household_id", "household_no", "division", "county", "members", "type", "relocated", "seen"}, houses)
	insert("person", []string{"person_key", "household_id", "relation", "birth", "sex", "education", "school", "health", "labour", "member_to", "seen"}, people)

	var batches, coverage [][]string
	for i := range b.o.Pack.Datasets {
		ds := &b.o.Pack.Datasets[i]
		batch := fmt.Sprint(i + 1)
		batches = append(batches, []string{batch, "'" + ds.ID + "'", fmt.Sprintf("'%064d'", i+1), "'accepted'"})
		for _, county := range counties {
			// The feed came for this month, for none, or for one that lies ahead.
			if back := []int{0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 4, 5, 13, 14, -1, 99}[r.IntN(16)]; back != 99 {
				// With the twelve months before it, or without some of them.
				lost := map[int]bool{back + []int{1, 2, 3, 6, 11, 12}[r.IntN(6)]: r.IntN(8) == 0, back + 12: r.IntN(12) == 0}
				for m := back; m <= back+12+r.IntN(3); m++ {
					if !lost[m] {
						coverage = append(coverage, []string{"'" + ds.ID + "'", fmt.Sprint(county), quote(date(asOf.Year(), asOf.Month()-time.Month(m), 1)), batch})
					}
				}
			}
		}
		if ds.Role == "roster" {
			continue
		}
		columns := []string{"household_id", "person_key", "batch", "row_no", "tier", "seen", "nk"}
		for _, c := range warehouse.StoredColumns(ds) {
			columns = append(columns, `"`+c.Name+`"`)
		}
		var rows [][]string
		for _, id := range ids {
			times := []int{0, 0, 1, 1, 2, 3}[r.IntN(6)]
			if ds.Role == "casework" {
				times = r.IntN(6) // several events a case
			}
			for range times {
				key := "NULL"
				if ds.Subject == "person" {
					key = maybe(fmt.Sprint(id*10 + r.Int64N(3)))
				}
				n := fmt.Sprint(len(rows) + 1)
				row := []string{fmt.Sprint(id), key, batch, n, "1", batch, n}
				for _, stored := range warehouse.StoredColumns(ds) {
					c := ds.Column(stored.Contract)
					var v string
					switch stored.SQLType {
					case "BOOLEAN":
						v = one("TRUE", "FALSE")
					case "DATE":
						v = quote(day())
						if c.ID == "birth" {
							v = birth()
						}
						if c.Type == policy.TypeMonth {
							d := day()
							v = quote(date(d.Year(), d.Month(), 1))
						}
					case "DOUBLE":
						v = one("0", "19.5", "20", "34.75", "35", "60", "90", "100", fmt.Sprintf("%.2f", r.Float64()*200))
					case "BIGINT":
						switch c.Type {
						case policy.TypeMoney:
							v = one("0", "0", "10000", "49999", "50000", "150000", "500000", "600000", "600001", "800000", "800001", "850000", "1000000", "1000001", "1690000", "1690001",
								fmt.Sprint(r.IntN(1_000_000)), fmt.Sprint(r.IntN(5_000_000)))
						case policy.TypeInteger:
							v = one("1", "2", "3", "4")
							if c.Max == nil || *c.Max > 4 {
								v = one("0", "0", "1", "5", "15", "16", "29", "30", "36", "37", "90")
							}
						default:
							v = fmt.Sprint(ids[r.IntN(len(ids))])
						}
					default:
						v = "'" + n + "'"
						if len(c.Codes) > 0 {
							v = one(codes(ds.ID, c.ID)...)
						}
						switch {
						case ds.Role != "casework" || r.IntN(2) == 0:
						case c.ID == "kind":
							v = one("'verified'", "'correction'")
						case c.ID == "outcome":
							v = "'false_alarm'"
						case c.ID == "item":
							v = "'income_per_head'"
						}
					}
					if !c.NotNull {
						v = maybe(v)
					}
					row = append(row, v)
				}
				rows = append(rows, row)
			}
		}
		insert("fact_"+ds.ID, columns, rows)
	}
	insert("batch", []string{"batch", "dataset", "sha256", "state"}, batches)
	insert("coverage", []string{"dataset", "county", "month", "batch"}, coverage)
}
