package registry

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"shouwang/internal/policy"
	"shouwang/internal/warehouse"
)

// Deaths is the dataset of death records: with the changes it ends memberships.
const Deaths = "cremation"

// Change says what Refresh changed.
type Change struct {
	Persons    int // memberships new or changed
	Households int // households new or changed
	Removed    int // memberships gone or changed
	Moved      int // persons whose household is another now
	Contested  int // persons whom rosters of the same period put into two households since now
}

// refresh is one Refresh under way.
type refresh struct {
	ctx  context.Context
	conn *sql.Conn
	d    warehouse.Dialect
	n    int

	roster, changes, deaths *policy.Dataset // nil when the pack has none
}

func (r *refresh) run(qs ...string) error {
	for _, q := range qs {
		if _, err := r.conn.ExecContext(r.ctx, q); err != nil {
			return fmt.Errorf("registry: %w (in: %.300s)", err, strings.Join(strings.Fields(q), " "))
		}
	}
	return nil
}

func (r *refresh) count(q string) (int, error) {
	var v int
	if err := r.conn.QueryRowContext(r.ctx, q).Scan(&v); err != nil {
		return 0, fmt.Errorf("registry: %w (in: %.300s)", err, strings.Join(strings.Fields(q), " "))
	}
	return v, nil
}

// Refresh derives household, person and person_former again for the households of the temporary table reg_seed(household_id) and whoever belongs with
// them, as of batch n, in the caller's transaction. What is unchanged stays as it is; what changes leaves its former row in the past table.
// It leaves behind reg_new(person_key, household_id, name_key), reg_new_house(household_id), reg_moved(person_key, from_id, to_id) and reg_doubt(person_key,
// household_id: where facts of the newly contested may be) for linkage.
//
// How membership is derived, per person (state = live roster rows + live changes + death records):
//   - The roster with the latest period end says where the person is. Rosters of the same period that name two households make the person contested: member of both. Older
//     rosters' rows are ended memberships.
//   - On top, by date, births, moves and splits after that roster's period end (for a person in no roster: after the
//     roster of the household moved to, or the latest of its county, or that of the household left). Birth, move-in and split begin a membership and end the one before; a move-out ends the one of the household it names.
//   - A death ends membership whatever the roster says later: rosters lag, the dead do not come back.
func Refresh(ctx context.Context, conn *sql.Conn, d warehouse.Dialect, p *policy.Pack, n int) (Change, error) {
	r := &refresh{ctx: ctx, conn: conn, d: d, n: n}
	for i := range p.Datasets {
		switch ds := &p.Datasets[i]; {
		case ds.Role == warehouse.RoleRoster:
			r.roster = ds
		case ds.Role == warehouse.RoleChanges:
			r.changes = ds
		case ds.ID == Deaths:
			r.deaths = ds
		}
	}
	var c Change
	if r.roster == nil {
		return c, r.run(d.TempTable("reg_new", "SELECT person_key, household_id, name_key FROM person LIMIT 0"),
			d.TempTable("reg_new_house", "SELECT household_id FROM household LIMIT 0"))
	}
	for _, step := range []func() error{r.inputs, r.memberships, func() error { return r.writePersons(&c) }, func() error { return r.writeHouseholds(&c) }} {
		if err := step(); err != nil {
			return c, err
		}
	}
	return c, nil
}

// col spells a stored column of a dataset under a table alias, or a typed NULL where the contract has none of that name.
func (r *refresh) col(ds *policy.Dataset, alias, id, sqlType string) string {
	for _, c := range warehouse.StoredColumns(ds) {
		if c.Name == id {
			return alias + "." + r.d.Ident(id)
		}
	}
	return "CAST(NULL AS " + r.d.Type(sqlType) + ")"
}

// traits are the person columns that the roster gives as they are.
var traits = []string{"birth", "sex", "ethnic", "education", "school", "health", "labour"}

func (r *refresh) traitType(t string) string {
	if t == "birth" {
		return "DATE"
	}
	return "VARCHAR"
}

// inputs collects the persons to derive (reg_p), their roster rows (reg_rr), changes (reg_ch) and deaths (reg_death), and the households that may change (reg_h).
func (r *refresh) inputs() error {
	roster := "fact_" + r.roster.ID
	persons := `SELECT person_key FROM person x JOIN reg_seed s ON s.household_id = x.household_id
		UNION SELECT x.person_key FROM ` + roster + ` x JOIN reg_seed s ON s.household_id = x.household_id
		UNION SELECT person_key FROM person_former x JOIN reg_seed s ON s.household_id = x.household_id`
	changes := `SELECT CAST(NULL AS ` + r.d.Type("UHUGEINT") + `) AS person_key, CAST(NULL AS BIGINT) AS home, CAST(NULL AS BIGINT) AS target, CAST(NULL AS VARCHAR) AS change, CAST(NULL AS DATE) AS changed,
		CAST(0 AS INTEGER) AS batch, CAST(0 AS INTEGER) AS row_no, CAST(NULL AS ` + r.d.Type("UBIGINT") + `) AS name_key, CAST(NULL AS DATE) AS birth, CAST(NULL AS VARCHAR) AS sex LIMIT 0`
	if r.changes != nil {
		ch := "fact_" + r.changes.ID
		to := r.col(r.changes, "x", "to_household_no", "BIGINT")
		persons += ` UNION SELECT x.person_key FROM ` + ch + ` x JOIN reg_seed s ON s.household_id = x.household_id
			UNION SELECT x.person_key FROM ` + ch + ` x JOIN reg_seed s ON s.household_id = ` + to
		changes = fmt.Sprintf(`SELECT x.person_key, x.household_id AS home, CASE WHEN x.change IN ('birth', 'move_in', 'split') THEN coalesce(%s, x.household_id) END AS target, x.change, x.changed,
			x.batch, x.row_no, x.name_key, %s AS birth, %s AS sex FROM %s x JOIN reg_p p ON p.person_key = x.person_key`,
			to, r.col(r.changes, "x", "birth", "DATE"), r.col(r.changes, "x", "sex", "VARCHAR"), ch)
	}
	deaths := "SELECT person_key, min(changed) AS died FROM reg_ch WHERE change = 'death' GROUP BY person_key"
	if r.deaths != nil {
		deaths = `SELECT person_key, min(died) AS died FROM (SELECT person_key, changed AS died FROM reg_ch WHERE change = 'death'
			UNION ALL SELECT x.person_key, x.died FROM fact_` + r.deaths.ID + ` x JOIN reg_p p ON p.person_key = x.person_key) d GROUP BY person_key`
	}
	cols := ""
	for _, t := range traits {
		cols += ", " + r.col(r.roster, "x", t, r.traitType(t)) + " AS " + t
	}
	if err := r.run(
		r.d.TempTable("reg_rank", fmt.Sprintf(`SELECT batch, period_to, CAST(row_number() OVER (ORDER BY period_to, sha256) AS INTEGER) AS rk FROM batch WHERE dataset = '%s' AND state = 'accepted'`, r.roster.ID)),
		r.d.TempTable("reg_p", "SELECT person_key FROM ("+persons+") u WHERE person_key IS NOT NULL"),
	); err != nil {
		return err
	}
	from := roster + " x JOIN reg_p p ON p.person_key = x.person_key"
	if few, err := r.few(roster); err != nil {
		return err
	} else if few { // the pass over everybody's rows reads keys only; what is found lies together
		if err := r.run(r.d.TempTable("reg_at", "SELECT x.household_id, x.batch, x.row_no FROM "+from)); err != nil {
			return err
		}
		from = roster + " x JOIN reg_at p ON p.household_id = x.household_id AND p.batch = x.batch AND p.row_no = x.row_no"
	}
	return r.run(
		r.d.TempTable("reg_rr", fmt.Sprintf(`SELECT x.person_key, x.household_id, k.period_to, k.rk, x.row_no, %s AS relation%s, x.name_key
			FROM %s JOIN reg_rank k ON k.batch = x.batch`, r.col(r.roster, "x", "relation", "VARCHAR"), cols, from)),
		r.d.TempTable("reg_ch", changes),
		r.d.TempTable("reg_death", deaths),
		r.d.TempTable("reg_fold", "SELECT x.person_key, x.household_id FROM person_former x JOIN reg_p p ON p.person_key = x.person_key"),
		r.d.TempTable("reg_h", `SELECT household_id FROM (SELECT household_id FROM reg_seed UNION SELECT household_id FROM reg_rr UNION SELECT home FROM reg_ch UNION SELECT target FROM reg_ch
			UNION SELECT household_id FROM reg_fold) u WHERE household_id IS NOT NULL`),
	)
}

// few reports whether the persons to derive are a small part of the roster's rows.
func (r *refresh) few(roster string) (bool, error) {
	persons, err := r.count("SELECT count(*) FROM reg_p")
	if err != nil {
		return false, err
	}
	rows, err := r.count("SELECT count(*) FROM " + roster)
	return persons*4 < rows, err
}

// targetCounties is a query of (household_id, county) for the households that changes of reg_ch lead to: a household that no roster
// has (yet, or any more) is where a change said it is.
func (r *refresh) targetCounties() string {
	if r.changes == nil {
		return "SELECT CAST(NULL AS BIGINT) AS household_id, CAST(NULL AS INTEGER) AS county LIMIT 0"
	}
	to := r.col(r.changes, "x", "to_household_no", "BIGINT")
	div := r.col(r.changes, "x", "division", "BIGINT")
	return fmt.Sprintf(`SELECT t.target AS household_id, max(%s) AS county FROM (SELECT DISTINCT target FROM reg_ch) t JOIN fact_%s x ON coalesce(%s, x.household_id) = t.target
		WHERE %s IS NOT NULL AND x.change IN ('birth', 'move_in', 'split') GROUP BY t.target`, r.d.County(div), r.changes.ID, to, div)
}

// memberships derives reg_out: one row a person and household, ended or not.
func (r *refresh) memberships() error {
	t := strings.Join(traits, ", ")
	bt := "b." + strings.Join(traits, ", b.")
	if err := r.run(
		// Everybody with one roster row and nothing else is where that row says; only the others take the long way.
		r.d.TempTable("reg_c", `SELECT person_key FROM reg_rr GROUP BY person_key HAVING count(*) > 1 UNION SELECT person_key FROM reg_ch UNION SELECT person_key FROM reg_death`),
		r.d.TempTable("reg_out", `SELECT person_key, household_id, relation, `+t+`, name_key, CAST(NULL AS DATE) AS member_from, CAST(NULL AS DATE) AS member_to, 'roster' AS source, FALSE AS contested
			FROM reg_rr r WHERE NOT EXISTS (SELECT 1 FROM reg_c c WHERE c.person_key = r.person_key)`),
	); err != nil {
		return err
	}
	if n, err := r.count("SELECT count(*) FROM reg_c"); err != nil || n == 0 {
		return err
	}
	return r.run(
		// One roster row a person and household, with the period of the person's latest roster.
		r.d.TempTable("reg_base", `SELECT *, period_to = latest AS top, count(*) FILTER (WHERE period_to = latest) OVER (PARTITION BY person_key) > 1 AS contested FROM
			(SELECT *, max(period_to) OVER (PARTITION BY person_key) AS latest FROM
				(SELECT x.*, row_number() OVER (PARTITION BY x.person_key, x.household_id ORDER BY x.rk DESC, x.row_no DESC) AS pick FROM reg_rr x JOIN reg_c c ON c.person_key = x.person_key) y WHERE pick = 1) z`),
		r.d.TempTable("reg_hp", fmt.Sprintf(`SELECT x.household_id, max(k.period_to) AS period_to FROM fact_%s x JOIN (SELECT home AS household_id FROM reg_ch UNION SELECT target FROM reg_ch) h ON h.household_id = x.household_id
			JOIN reg_rank k ON k.batch = x.batch GROUP BY x.household_id`, r.roster.ID)),
		// The county that a household moved to lies in, as some change says, and the end of that county's latest roster.
		r.d.TempTable("reg_cp", fmt.Sprintf(`SELECT t.household_id, max(k.period_to) AS period_to FROM (%s) t JOIN coverage c ON c.dataset = '%s' AND c.county = t.county JOIN reg_rank k ON k.batch = c.batch GROUP BY t.household_id`,
			r.targetCounties(), r.roster.ID)),
		// What happened after the roster that counts, and before death. The file's rank stands in for the row's place in it, so that arrival does not matter.
		r.d.TempTable("reg_ev", `SELECT e.person_key, e.home, e.target, e.change, e.changed AS happened, e.sha256, e.row_no, e.name_key, e.birth, e.sex FROM
			(SELECT c.*, bb.sha256, coalesce(b.latest, t.period_to, q.period_to, s.period_to) AS ref, d.died FROM reg_ch c
				LEFT JOIN (SELECT person_key, max(latest) AS latest FROM reg_base GROUP BY person_key) b ON b.person_key = c.person_key
				LEFT JOIN reg_hp t ON t.household_id = c.target LEFT JOIN reg_cp q ON q.household_id = c.target LEFT JOIN reg_hp s ON s.household_id = c.home
				LEFT JOIN reg_death d ON d.person_key = c.person_key LEFT JOIN batch bb ON bb.batch = c.batch WHERE c.change <> 'death') e
			WHERE (ref IS NULL OR changed > ref) AND (died IS NULL OR changed < died)`),
		// The time line: the roster's word first, then starts (target) and ends (no target) by date; on one day the end comes first.
		r.d.TempTable("reg_line", `SELECT *, max(target) OVER (PARTITION BY person_key, g) AS current FROM
			(SELECT *, count(target) OVER (PARTITION BY person_key ORDER BY happened, ord, sha256, row_no ROWS UNBOUNDED PRECEDING) AS g FROM
				(SELECT person_key, DATE '0001-01-01' AS happened, 0 AS ord, '' AS sha256, 0 AS row_no, household_id AS target, household_id AS home FROM reg_base WHERE top AND NOT contested
				UNION ALL SELECT person_key, happened, CASE WHEN target IS NULL THEN 1 ELSE 2 END, coalesce(sha256, ''), row_no, target, home FROM reg_ev) u) v`),
		r.d.TempTable("reg_steps", `SELECT *, lag(target) OVER (PARTITION BY person_key ORDER BY happened, ord, sha256, row_no) AS before FROM reg_line
			WHERE target IS NOT NULL OR (current IS NOT NULL AND (home IS NULL OR home = current))`),
		r.d.TempTable("reg_stint", `SELECT * FROM (SELECT person_key, happened, ord, target AS household_id, until, row_number() OVER (PARTITION BY person_key, target ORDER BY happened DESC, ord DESC) AS pick FROM
			(SELECT *, lead(happened) OVER (PARTITION BY person_key ORDER BY happened, ord, sha256, row_no) AS until FROM reg_steps WHERE target IS NULL OR before IS NULL OR before <> target) x
			WHERE target IS NOT NULL) y WHERE pick = 1`),
		r.d.TempTable("reg_newest", `SELECT person_key, max(name_key) AS name_key, max(birth) AS birth, max(sex) AS sex FROM reg_ch GROUP BY person_key`),
		`INSERT INTO reg_out SELECT s.person_key, s.household_id, CASE WHEN s.ord = 0 THEN b.relation END, coalesce(b.birth, w.birth), coalesce(b.sex, w.sex), b.ethnic, b.education, b.school, b.health, b.labour,
			coalesce(b.name_key, w.name_key), CASE WHEN s.ord > 0 THEN s.happened END, CASE WHEN s.until IS NOT NULL THEN s.until ELSE d.died END, CASE WHEN s.ord = 0 THEN 'roster' ELSE 'change' END, FALSE
			FROM reg_stint s LEFT JOIN (SELECT * FROM reg_base WHERE top AND NOT contested) b ON b.person_key = s.person_key LEFT JOIN reg_newest w ON w.person_key = s.person_key
			LEFT JOIN reg_death d ON d.person_key = s.person_key`,
		// The contested: member of each until something later says where they are.
		`INSERT INTO reg_out SELECT b.person_key, b.household_id, b.relation, `+bt+`, b.name_key, CAST(NULL AS DATE), coalesce(e.happened, d.died), 'roster', e.happened IS NULL AND d.died IS NULL
			FROM reg_base b LEFT JOIN (SELECT person_key, min(happened) AS happened FROM reg_ev GROUP BY person_key) e ON e.person_key = b.person_key LEFT JOIN reg_death d ON d.person_key = b.person_key
			WHERE b.top AND b.contested AND NOT EXISTS (SELECT 1 FROM reg_stint s WHERE s.person_key = b.person_key AND s.household_id = b.household_id)`,
		// Where older rosters had them.
		`INSERT INTO reg_out SELECT b.person_key, b.household_id, b.relation, `+bt+`, b.name_key, CAST(NULL AS DATE), b.latest, 'roster', FALSE FROM reg_base b
			WHERE NOT b.top AND NOT EXISTS (SELECT 1 FROM reg_stint s WHERE s.person_key = b.person_key AND s.household_id = b.household_id)`,
	)
}

// same spells "all these columns are equal, NULL being equal to NULL".
func same(a, b string, cols []string) string {
	parts := make([]string, len(cols))
	for i, c := range cols {
		parts[i] = a + "." + c + " IS NOT DISTINCT FROM " + b + "." + c
	}
	return strings.Join(parts, " AND ")
}

func columnNames(cols []warehouse.Column, without ...string) []string {
	var out []string
next:
	for _, c := range cols {
		for _, w := range without {
			if c.Name == w {
				continue next
			}
		}
		out = append(out, c.Name)
	}
	return out
}

// replace makes table hold the rows of now (a table without seen) instead of the rows of old, which are rows of the table: equal rows stay, the others go to the
// past as of this batch. key are the columns that identify a row. It returns the tables of the rows that came and went, and how many rows each has.
func (r *refresh) replace(table, now, old string, cols []string, key []string) (d delta, err error) {
	list := strings.Join(cols, ", ")
	match := func(a, b string) string {
		parts := make([]string, len(key))
		for i, c := range key {
			parts[i] = a + "." + c + " = " + b + "." + c
		}
		return strings.Join(parts, " AND ")
	}
	had, err := r.count("SELECT count(*) FROM " + old)
	if err != nil {
		return d, err
	}
	d.add, d.del = now, old // a first load has nothing to compare with
	if had > 0 {
		d.add, d.del = "reg_add", "reg_del"
		// Joined by the key alone: a hash over all columns takes three times as long.
		differ := fmt.Sprintf("%%s.household_id IS NULL OR NOT (%s)", same("n", "o", cols))
		if err := r.run(
			r.d.TempTable("reg_add", fmt.Sprintf("SELECT n.* FROM %s n LEFT JOIN %s o ON %s WHERE "+differ, now, old, match("n", "o"), "o")),
			r.d.TempTable("reg_del", fmt.Sprintf("SELECT o.* FROM %s o LEFT JOIN %s n ON %s WHERE "+differ, old, now, match("n", "o"), "n")),
		); err != nil {
			return d, err
		}
	}
	if d.removed, err = r.count("SELECT count(*) FROM " + d.del); err != nil {
		return d, err
	}
	if d.added, err = r.count("SELECT count(*) FROM " + d.add); err != nil {
		return d, err
	}
	if d.removed > 0 {
		if err := r.run(
			fmt.Sprintf("INSERT INTO %s_past (%s, seen, until) SELECT %s, seen, %d FROM reg_del", table, list, list, r.n),
			r.d.DeleteJoin(table, "reg_del o", match(table, "o")),
		); err != nil {
			return d, err
		}
	}
	if d.added > 0 {
		err = r.run(fmt.Sprintf("INSERT INTO %s (%s, seen) SELECT %s, %d FROM %s ORDER BY household_id", table, list, list, r.n, d.add))
	}
	return d, err
}

// delta is what replace did.
type delta struct {
	add, del       string // tables of rows
	added, removed int
}

func (r *refresh) writePersons(c *Change) error {
	cols := columnNames(warehouse.PersonColumns(), "seen")
	list := strings.Join(cols, ", ")
	if err := r.run(
		r.d.TempTable("reg_old", "SELECT x.* FROM person x JOIN reg_h h ON h.household_id = x.household_id WHERE x.person_key IN (SELECT person_key FROM reg_p)"),
		r.d.TempView("reg_cur", "SELECT "+list+" FROM reg_out WHERE member_to IS NULL"),
	); err != nil {
		return err
	}
	d, err := r.replace("person", "reg_cur", "reg_old", cols, []string{"household_id", "person_key"})
	if err != nil {
		return err
	}
	c.Persons, c.Removed = d.added, d.removed
	if err := r.run(
		r.d.TempTable("reg_new", "SELECT person_key, household_id, name_key FROM "+d.add),
		r.d.TempTable("reg_moved", `SELECT o.person_key, o.household_id AS from_id, n.household_id AS to_id FROM
			(SELECT person_key, household_id FROM `+d.del+` UNION SELECT person_key, household_id FROM reg_fold) o JOIN `+d.add+` n ON n.person_key = o.person_key AND n.household_id <> o.household_id
			WHERE NOT n.contested AND NOT EXISTS (SELECT 1 FROM reg_cur s WHERE s.person_key = o.person_key AND s.household_id = o.household_id)`),
	); err != nil {
		return err
	}
	if c.Moved, err = r.count("SELECT count(*) FROM reg_moved"); err != nil {
		return err
	}
	if c.Contested, err = r.count("SELECT count(DISTINCT person_key) FROM " + d.add + " WHERE contested"); err != nil {
		return err
	}
	if c.Contested > 0 {
		if err := r.run(r.d.TempTable("reg_doubt", fmt.Sprintf(`SELECT person_key, household_id FROM %[1]s WHERE contested
			UNION SELECT x.person_key, x.household_id FROM %[2]s x JOIN (SELECT DISTINCT person_key FROM %[1]s WHERE contested) c ON c.person_key = x.person_key`, d.add, d.del))); err != nil {
			return err
		}
	}
	gone, err := r.count("SELECT count(*) FROM reg_fold")
	if err != nil {
		return err
	}
	if gone > 0 {
		if err := r.run(r.d.DeleteJoin("person_former", "reg_p o", "o.person_key = person_former.person_key")); err != nil {
			return err
		}
	}
	return r.run(fmt.Sprintf("INSERT INTO person_former (%s, seen) SELECT %s, %d FROM reg_out WHERE member_to IS NOT NULL ORDER BY household_id", list, list, r.n))
}

// writeHouseholds derives the households of reg_h from the roster rows of their latest roster; one that no roster knows (a split, a
// move into a new house) exists as long as somebody belongs or belonged to it. The head is the member whom the roster calls head; when that one has died or left the spouse, then the eldest.
func (r *refresh) writeHouseholds(c *Change) error {
	key := "CAST(CASE WHEN relation = 'head' THEN 0 ELSE 1 END AS BIGINT) * 2147483648 + row_no"
	pick := func(col string) string { return r.d.ArgMin(col, key) }
	if err := r.run(
		r.d.TempTable("reg_hrows", fmt.Sprintf(`SELECT x.household_id, x.house_no, %s AS division, %s AS relation, x.row_no, %s AS household_type, %s AS relocated, k.rk FROM fact_%s x
			JOIN reg_h h ON h.household_id = x.household_id JOIN reg_rank k ON k.batch = x.batch`,
			r.col(r.roster, "x", "division", "BIGINT"), r.col(r.roster, "x", "relation", "VARCHAR"), r.col(r.roster, "x", "household_type", "VARCHAR"), r.col(r.roster, "x", "relocated", "BOOLEAN"), r.roster.ID)),
		r.d.TempTable("reg_hh", fmt.Sprintf(`SELECT x.household_id, %s AS household_no, %s AS division, %s AS type, %s AS relocated FROM reg_hrows x
			JOIN (SELECT household_id, max(rk) AS rk FROM reg_hrows GROUP BY household_id) m ON m.household_id = x.household_id AND m.rk = x.rk GROUP BY x.household_id`,
			pick("house_no"), pick("division"), pick("household_type"), pick("relocated"))),
	); err != nil {
		return err
	}
	if r.changes != nil {
		to, text := r.col(r.changes, "x", "to_household_no", "BIGINT"), r.col(r.changes, "x", "to_household_no_text", "VARCHAR")
		if err := r.run(fmt.Sprintf(`INSERT INTO reg_hh SELECT household_id, coalesce(max(house_no), CAST(household_id AS VARCHAR)), coalesce(max(division), max(from_division)), NULL, NULL FROM
			(SELECT coalesce(%[1]s, x.household_id) AS household_id, CASE WHEN %[1]s IS NULL THEN x.house_no ELSE %[2]s END AS house_no, %[3]s AS division,
				coalesce(a.division, b.division) AS from_division FROM fact_%[4]s x LEFT JOIN reg_hh a ON a.household_id = x.household_id LEFT JOIN household b ON b.household_id = x.household_id
			WHERE x.change IN ('birth', 'move_in', 'split')) e
			WHERE e.household_id IN (SELECT household_id FROM reg_h) AND NOT EXISTS (SELECT 1 FROM reg_hh q WHERE q.household_id = e.household_id)
			AND (EXISTS (SELECT 1 FROM person m WHERE m.household_id = e.household_id) OR EXISTS (SELECT 1 FROM person_former m WHERE m.household_id = e.household_id)) GROUP BY household_id`,
			to, text, r.col(r.changes, "x", "division", "BIGINT"), r.changes.ID)); err != nil {
			return err
		}
	}
	cols := columnNames(warehouse.HouseholdColumns(), "seen")
	if err := r.run(
		r.d.TempTable("reg_members", `SELECT household_id, CAST(count(*) AS INTEGER) AS members, max(CASE WHEN pick = 1 THEN person_key END) AS head_key FROM
			(SELECT x.household_id, x.person_key, row_number() OVER (PARTITION BY x.household_id ORDER BY CASE x.relation WHEN 'head' THEN 0 WHEN 'spouse' THEN 1 ELSE 2 END, x.birth NULLS LAST, x.person_key) AS pick
			FROM person x JOIN reg_h h ON h.household_id = x.household_id) y GROUP BY household_id`),
		r.d.TempTable("reg_hcur", `SELECT h.household_id, h.household_no, h.division, `+r.d.County("h.division")+` AS county, coalesce(m.members, 0) AS members, m.head_key, h.type, h.relocated
			FROM reg_hh h LEFT JOIN reg_members m ON m.household_id = h.household_id`),
		r.d.TempTable("reg_hold", "SELECT x.* FROM household x JOIN reg_h h ON h.household_id = x.household_id"),
	); err != nil {
		return err
	}
	d, err := r.replace("household", "reg_hcur", "reg_hold", cols, []string{"household_id"})
	if err != nil {
		return err
	}
	c.Households = d.added
	return r.run(r.d.TempTable("reg_new_house", "SELECT household_id FROM "+d.add),
		// A household that is in another village now may be what a row by name, birth and village waits for.
		`INSERT INTO reg_new SELECT x.person_key, x.household_id, x.name_key FROM person x JOIN `+d.add+` a ON a.household_id = x.household_id JOIN reg_hold o ON o.household_id = x.household_id
			WHERE o.division IS DISTINCT FROM a.division`)
}
