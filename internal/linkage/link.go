package linkage

import (
	"database/sql"
	"fmt"
	"strings"

	"shouwang/internal/policy"
	"shouwang/internal/warehouse"
)

// linkInput is the query for lk_in, the rows to link: rid and the keys they are linked by. Changes bring what happened and where to, too.
func (k *work) linkInput(ds *policy.Dataset, from, rid string) string {
	extra := ""
	if ds.Role == warehouse.RoleChanges {
		extra = ", " + column(ds, "to_household_no", "BIGINT") + " AS to_house"
	}
	return fmt.Sprintf(`SELECT CAST(%s AS BIGINT) AS rid, person_key, card_key, name_key, birth_link, village, house_id, head_key, head_name_key%s FROM %s`, rid, extra, from)
}

// column is the stored column of a contract, or a typed NULL when the contract has none of that name.
func column(ds *policy.Dataset, id, sqlType string) string {
	for _, c := range warehouse.StoredColumns(ds) {
		if c.Name == id {
			return id
		}
	}
	return "CAST(NULL AS " + sqlType + ")"
}

// link makes lk_link(rid, household_id, person_key, tier, why) for the rows of lk_in: household_id and tier where the row is linked, why where not.
func (k *work) link(ds *policy.Dataset) error {
	switch {
	case ds.Role == warehouse.RoleRoster:
		return k.exec(k.d.TempView("lk_link", fmt.Sprintf(`SELECT rid, CASE WHEN person_key IS NULL THEN NULL ELSE house_id END AS household_id, person_key,
			CAST(CASE WHEN house_id IS NULL OR person_key IS NULL THEN NULL ELSE %d END AS INTEGER) AS tier,
			CASE WHEN house_id IS NULL OR person_key IS NULL THEN '%s' END AS why FROM lk_in`, TierRoster, WhyNone)))
	case ds.Role == warehouse.RoleChanges:
		return k.linkChanges()
	case ds.Subject == policy.OfPerson:
		return k.linkPersons("lk_link")
	}
	return k.linkHouseholds()
}

// linkHouseholds links rows about households: by household number, or by the head's number where the row has no household number.
func (k *work) linkHouseholds() error {
	if err := k.run(
		k.d.TempTable("lk_house", fmt.Sprintf(`SELECT i.rid, h.household_id, %d AS tier FROM household h JOIN lk_in i ON h.household_id = i.house_id`, TierHouse)),
		k.d.TempView("lk_key", fmt.Sprintf(`SELECT rid, head_key AS key, CAST(%d AS INTEGER) AS tier, head_name_key AS name_key FROM lk_in WHERE house_id IS NULL AND head_key IS NOT NULL`, TierHead)),
	); err != nil {
		return err
	}
	if err := k.hits(); err != nil {
		return err
	}
	return k.run(
		k.d.TempView("lk_link", fmt.Sprintf(`SELECT i.rid, coalesce(h.household_id, t.household_id) AS household_id, CAST(NULL AS %s) AS person_key,
			CAST(coalesce(h.tier, CASE WHEN t.household_id IS NOT NULL THEN t.tier END) AS INTEGER) AS tier,
			CASE WHEN h.household_id IS NOT NULL OR t.household_id IS NOT NULL THEN NULL ELSE coalesce(t.why, '%s') END AS why
			FROM lk_in i LEFT JOIN lk_house h ON h.rid = i.rid LEFT JOIN
			(SELECT rid, max(tier) AS tier, max(CASE WHEN NOT contested AND name_ok THEN household_id END) AS household_id,
				CASE WHEN bool_or(contested) THEN '%s' WHEN NOT bool_and(name_ok) THEN '%s' END AS why FROM lk_hit GROUP BY rid) t ON t.rid = i.rid`,
			k.d.Type("UHUGEINT"), WhyNone, WhyAmbiguous, WhyConflict)),
	)
}

// hits makes lk_hit: the persons with the keys of lk_key. The staged keys are the smaller side and are hashed; the persons stream past. Where the files say what
// division they are of, its households are asked first, which are a small part of the register where numbers begin with the division; the
// whole register is asked only for keys that they don't have. A person of two households is marked in both, so the first answer is enough.
func (k *work) hits() error {
	const from = `SELECT k.rid, k.tier, p.household_id, p.person_key, p.contested, coalesce(k.name_key = p.name_key, TRUE) AS name_ok FROM person p JOIN `
	if k.lo == 0 && k.hi == 0 {
		return k.temp("lk_hit", from+"lk_key k ON p.person_key = k.key")
	}
	if err := k.temp("lk_hit", fmt.Sprintf("%slk_key k ON p.person_key = k.key WHERE p.household_id BETWEEN %d AND %d", from, k.lo, k.hi)); err != nil {
		return err
	}
	n, err := k.tempCount("lk_far", "SELECT * FROM lk_key k WHERE NOT EXISTS (SELECT 1 FROM lk_hit h WHERE h.rid = k.rid AND h.tier = k.tier)")
	if err != nil || n == 0 {
		return err
	}
	// Most of them nobody has: the pass over everybody reads the keys only.
	if n, err = k.tempCount("lk_found", "SELECT DISTINCT p.person_key AS key FROM person p JOIN lk_far k ON p.person_key = k.key"); err != nil || n == 0 {
		return err
	}
	return k.exec("INSERT INTO lk_hit " + from + "(SELECT f.* FROM lk_far f JOIN lk_found o ON o.key = f.key) k ON p.person_key = k.key")
}

// near finds the range of household ids that the files' divisions have, for hits. For many rows one pass over everybody costs less than asking twice.
func (k *work) near(bs []*Batch, at []int) error {
	k.lo, k.hi = 0, 0
	const worth = 50 // persons in the register for each row
	persons, err := k.count("SELECT count(*) FROM person")
	if err != nil {
		return err
	}
	if rows, err := k.count("SELECT count(*) FROM " + k.stage); err != nil || persons < rows*worth {
		return err
	}
	var where []string
	for _, i := range at {
		if bs[i].Scope == 0 {
			return nil
		}
		lo, hi := bs[i].Scope.Range()
		where = append(where, fmt.Sprintf("division BETWEEN %d AND %d", lo, hi))
	}
	var lo, hi sql.NullInt64
	if err := k.conn.QueryRowContext(k.ctx, "SELECT min(household_id), max(household_id) FROM household WHERE "+strings.Join(where, " OR ")).Scan(&lo, &hi); err != nil {
		return fmt.Errorf("linkage: %w", err)
	}
	k.lo, k.hi = lo.Int64, hi.Int64
	return nil
}

// linkPersons links rows about persons into out: number, card, household number and name, name and birth and village.
func (k *work) linkPersons(out string) error {
	cards, err := k.count("SELECT count(*) FROM (SELECT 1 FROM lk_in WHERE card_key IS NOT NULL LIMIT 1) x")
	if err != nil {
		return err
	}
	keys := fmt.Sprintf("SELECT rid, person_key AS key, CAST(%d AS INTEGER) AS tier, name_key FROM lk_in WHERE person_key IS NOT NULL", TierNumber)
	if cards > 0 {
		keys += fmt.Sprintf(" UNION ALL SELECT rid, card_key, %d, name_key FROM lk_in WHERE card_key IS NOT NULL AND card_key IS DISTINCT FROM person_key", TierCard)
	}
	if err := k.exec(k.d.TempView("lk_key", keys)); err != nil {
		return err
	}
	if err := k.hits(); err != nil {
		return err
	}
	// Late records of people who died or left go to where they last belonged.
	former, err := k.count("SELECT count(*) FROM person_former")
	if err != nil {
		return err
	}
	if former > 0 {
		if err := k.exec(`INSERT INTO lk_hit SELECT rid, tier, household_id, person_key, FALSE, name_ok FROM
			(SELECT k.rid, k.tier, p.household_id, p.person_key, coalesce(k.name_key = p.name_key, TRUE) AS name_ok,
				row_number() OVER (PARTITION BY k.rid, k.tier ORDER BY p.member_to DESC, p.household_id) AS pick
			FROM person_former p JOIN lk_key k ON p.person_key = k.key
			WHERE NOT EXISTS (SELECT 1 FROM lk_hit h WHERE h.rid = k.rid AND h.tier = k.tier)) f WHERE pick = 1`); err != nil {
			return err
		}
	}
	if cards > 0 { // a lower tier counts only where the higher has no candidate
		if err := k.exec(fmt.Sprintf(`DELETE FROM lk_hit WHERE tier = %d AND rid IN (SELECT rid FROM lk_hit WHERE tier = %d)`, TierCard, TierNumber)); err != nil {
			return err
		}
	}
	if err := k.run(
		// Good at once: one person, not contested, and the name does not disagree.
		k.d.TempView("lk_good", "SELECT rid, household_id, person_key, tier FROM lk_hit WHERE NOT contested AND name_ok"),
		// The rest: no number known, or another name than the number's (then by_number is the household to be confirmed).
		k.d.TempTable("lk_left", `SELECT i.rid, i.name_key, i.birth_link, i.village, i.house_id, c.household_id AS by_number FROM lk_in i
			LEFT JOIN (SELECT rid, household_id FROM lk_hit WHERE NOT contested AND NOT name_ok) c ON c.rid = i.rid
			WHERE NOT EXISTS (SELECT 1 FROM lk_hit h WHERE h.rid = i.rid AND (h.name_ok OR h.contested))`),
	); err != nil {
		return err
	}
	settled := fmt.Sprintf(`SELECT rid, household_id, person_key, tier, CAST(NULL AS %[1]s) AS why FROM lk_good
		UNION ALL SELECT DISTINCT rid, CAST(NULL AS BIGINT), CAST(NULL AS %[2]s), CAST(NULL AS INTEGER), '%[3]s' FROM lk_hit WHERE contested`,
		k.d.Type("VARCHAR"), k.d.Type("UHUGEINT"), WhyAmbiguous)
	if left, err := k.count("SELECT count(*) FROM lk_left"); err != nil {
		return err
	} else if left == 0 {
		return k.exec(k.d.TempView(out, settled))
	}
	if err := k.run(
		// Household number and name; of two of one name in a household the birth date may tell.
		k.d.TempTable("lk_cand", "SELECT l.rid, p.household_id, p.person_key, p.birth = l.birth_link AS born FROM person p JOIN lk_left l ON p.household_id = l.house_id AND p.name_key = l.name_key"),
	); err != nil {
		return err
	}
	if former > 0 {
		if err := k.formerly("SELECT l.rid, p.person_key, p.birth = l.birth_link AS born FROM person_former p JOIN lk_left l ON p.household_id = l.house_id AND p.name_key = l.name_key"); err != nil {
			return err
		}
	}
	if err := k.run(
		k.d.TempTable("lk_three", fmt.Sprintf(`SELECT rid, CASE WHEN n = 1 THEN household_id WHEN nb = 1 THEN household_b END AS household_id,
			CASE WHEN n = 1 THEN person_key WHEN nb = 1 THEN person_b END AS person_key, CAST(%d AS INTEGER) AS tier FROM
			(SELECT rid, count(*) AS n, count(*) FILTER (WHERE born) AS nb, any_value(household_id) AS household_id, any_value(person_key) AS person_key,
				any_value(household_id) FILTER (WHERE born) AS household_b, any_value(person_key) FILTER (WHERE born) AS person_b
			FROM (SELECT DISTINCT rid, household_id, person_key, born FROM lk_cand) c GROUP BY rid) x`, TierHouseName)),
		// Name, birth date and village, in the villages of the rows left over only.
		k.d.TempTable("lk_left4", `SELECT rid, name_key, birth_link, village FROM lk_left l WHERE name_key IS NOT NULL AND birth_link IS NOT NULL AND village IS NOT NULL
			AND NOT EXISTS (SELECT 1 FROM lk_three t WHERE t.rid = l.rid)`),
	); err != nil {
		return err
	}
	if err := k.run(
		k.d.TempTable("lk_homes", "SELECT h.household_id, h.division FROM household h JOIN (SELECT DISTINCT village FROM lk_left4) v ON h.division = v.village"),
		k.d.TempTable("lk_people", "SELECT p.person_key, p.household_id, p.name_key, p.birth, h.division FROM person p JOIN lk_homes h ON p.household_id = h.household_id"),
		k.d.TempTable("lk_cand", "SELECT l.rid, p.household_id, p.person_key, TRUE AS born FROM lk_people p JOIN lk_left4 l ON p.division = l.village AND p.name_key = l.name_key AND p.birth = l.birth_link"),
	); err != nil {
		return err
	}
	if former > 0 {
		if err := k.formerly(`SELECT l.rid, p.person_key, TRUE AS born FROM person_former p JOIN lk_homes h ON p.household_id = h.household_id
			JOIN lk_left4 l ON h.division = l.village AND p.name_key = l.name_key AND p.birth = l.birth_link`); err != nil {
			return err
		}
	}
	if err := k.run(
		k.d.TempTable("lk_four", fmt.Sprintf(`SELECT rid, CASE WHEN n = 1 THEN household_id END AS household_id, CASE WHEN n = 1 THEN person_key END AS person_key, CAST(%d AS INTEGER) AS tier FROM
			(SELECT rid, count(*) AS n, any_value(household_id) AS household_id, any_value(person_key) AS person_key FROM (SELECT DISTINCT rid, household_id, person_key FROM lk_cand) c GROUP BY rid) x`, TierVillage)),
		k.d.TempView("lk_low", "SELECT * FROM lk_three UNION ALL SELECT * FROM lk_four"),
		// The rest with a verdict: a lower tier's only candidate links, unless the number says another household.
		k.d.TempTable("lk_rest", fmt.Sprintf(`SELECT l.rid, CASE WHEN %[1]s THEN t.household_id END AS household_id, CASE WHEN %[1]s THEN t.person_key END AS person_key,
			CASE WHEN %[1]s THEN t.tier END AS tier,
			CASE WHEN %[1]s THEN NULL WHEN l.by_number IS NOT NULL THEN '%[2]s' WHEN t.rid IS NOT NULL THEN '%[3]s' ELSE '%[4]s' END AS why
			FROM lk_left l LEFT JOIN lk_low t ON t.rid = l.rid`,
			"(t.household_id IS NOT NULL AND (l.by_number IS NULL OR l.by_number = t.household_id))", WhyConflict, WhyAmbiguous, WhyNone)),
		k.d.TempView(out, settled+" UNION ALL SELECT * FROM lk_rest"),
	); err != nil {
		return err
	}
	return nil
}

// formerly adds to lk_cand the candidates of a query (rid, person_key, born) over former members: where they belong now, or, when they belong nowhere any
// more, where they last did. So a row by name goes the same way whether it comes before a death or a move or behind.
func (k *work) formerly(query string) error {
	n, err := k.tempCount("lk_gone", query)
	if err != nil || n == 0 {
		return err
	}
	return k.run(
		k.d.TempTable("lk_now", "SELECT DISTINCT p.person_key, p.household_id FROM person p JOIN (SELECT DISTINCT person_key FROM lk_gone) g ON g.person_key = p.person_key"),
		`INSERT INTO lk_now SELECT person_key, household_id FROM (SELECT p.person_key, p.household_id, row_number() OVER (PARTITION BY p.person_key ORDER BY p.member_to DESC, p.household_id) AS pick
			FROM person_former p JOIN (SELECT DISTINCT person_key FROM lk_gone) g ON g.person_key = p.person_key WHERE NOT EXISTS (SELECT 1 FROM lk_now o WHERE o.person_key = p.person_key)) f WHERE pick = 1`,
		"INSERT INTO lk_cand SELECT g.rid, o.household_id, g.person_key, g.born FROM lk_gone g JOIN lk_now o ON o.person_key = g.person_key",
	)
}

// linkChanges links registration changes. A person already known is found as in any other file; a person not known yet (born, moved in) is taken under the row's
// own key when the household it names is known. The fact's household is the one the row names, else the person's, else the one moved to.
func (k *work) linkChanges() error {
	if err := k.linkPersons("lk_known"); err != nil {
		return err
	}
	return k.run(
		k.d.TempTable("lk_house", `SELECT DISTINCT h.household_id FROM household h JOIN (SELECT house_id AS id FROM lk_in UNION SELECT to_house FROM lk_in) i ON i.id = h.household_id`),
		k.d.TempView("lk_link", fmt.Sprintf(`SELECT i.rid,
			CASE WHEN %[1]s THEN coalesce(i.house_id, n.household_id, i.to_house) END AS household_id,
			CASE WHEN %[1]s THEN coalesce(n.person_key, i.person_key) END AS person_key,
			CAST(CASE WHEN %[1]s THEN coalesce(n.tier, %[2]d) END AS INTEGER) AS tier,
			CASE WHEN %[1]s THEN NULL ELSE coalesce(n.why, '%[3]s') END AS why
			FROM lk_in i LEFT JOIN lk_known n ON n.rid = i.rid`,
			`(n.household_id IS NOT NULL OR (coalesce(n.why, 'none') = 'none' AND i.person_key IS NOT NULL
				AND (i.house_id IN (SELECT household_id FROM lk_house) OR i.to_house IN (SELECT household_id FROM lk_house))))`, TierHouse, WhyNone)),
	)
}
