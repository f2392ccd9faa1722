package linkage

import (
	"fmt"
	"slices"

	"shouwang/internal/policy"
	"shouwang/internal/registry"
	"shouwang/internal/warehouse"
)

// follow brings the registry and everything that hangs on it up to date after a roster, changes or deaths came: the registry is derived again
// for the touched households, facts follow people who moved, pending rows that may match now are tried. A change or a death that
// gets linked so touches the registry again; each round links some pending row, and most files need one.
func (k *work) follow(ds *policy.Dataset, res *Result) error {
	k.lo, k.hi = 0, 0 // what waits may belong anywhere
	seed := "SELECT household_id FROM lk_link WHERE household_id IS NOT NULL UNION SELECT household_id FROM lk_lose"
	if ds.Role == warehouse.RoleChanges {
		to := column(ds, "to_household_no", "BIGINT")
		seed += fmt.Sprintf(" UNION SELECT %[1]s FROM fact_%[2]s WHERE batch >= %[3]d AND %[1]s IS NOT NULL UNION SELECT %[1]s FROM fact_%[2]s_past WHERE until >= %[3]d AND %[1]s IS NOT NULL", to, ds.ID, k.first)
	}
	if ds.Role == warehouse.RoleRoster { // and the households of its place that it does not name
		seed += fmt.Sprintf(` UNION SELECT h.household_id FROM household h JOIN (SELECT DISTINCT v.division FROM (SELECT DISTINCT division FROM household) v
			JOIN lk_cover c ON v.division BETWEEN c.lo AND c.hi WHERE c.batch >= %d) d ON d.division = h.division`, k.first)
	}
	if err := k.temp("reg_seed", seed); err != nil {
		return err
	}
	for {
		change, err := registry.Refresh(k.ctx, k.conn, k.d, k.pack, k.n)
		if err != nil {
			return err
		}
		if change.Moved > 0 {
			if err := k.move(res); err != nil {
				return err
			}
		}
		if change.Contested > 0 {
			if err := k.doubt(res); err != nil {
				return err
			}
		}
		if change.Persons == 0 && change.Households == 0 {
			return nil
		}
		again := false
		if err := k.temp("lk_seed", "SELECT household_id FROM reg_seed LIMIT 0"); err != nil {
			return err
		}
		for i := range k.pack.Datasets {
			d := &k.pack.Datasets[i]
			n, err := k.retry(d)
			if err != nil {
				return err
			}
			res.Relinked += n
			if n > 0 && (d.Role != "" || d.ID == registry.Deaths) {
				again = true
				if err := k.exec("INSERT INTO lk_seed SELECT household_id FROM lk_link WHERE household_id IS NOT NULL"); err != nil {
					return err
				}
				if d.Role == warehouse.RoleChanges {
					if err := k.exec("INSERT INTO lk_seed SELECT f.to_house FROM lk_in f JOIN lk_link l ON l.rid = f.rid WHERE l.household_id IS NOT NULL AND f.to_house IS NOT NULL"); err != nil {
						return err
					}
				}
			}
		}
		if !again {
			return nil
		}
		if err := k.temp("reg_seed", "SELECT DISTINCT household_id FROM lk_seed"); err != nil {
			return err
		}
	}
}

// move lets facts follow the people of reg_moved(person_key, from_id, to_id) to their new household: the old row becomes history as of this batch,
// the new one is seen as of this batch.
func (k *work) move(res *Result) error {
	for i := range k.pack.Datasets {
		ds := &k.pack.Datasets[i]
		if ds.Role != "" || ds.Subject != policy.OfPerson {
			continue
		}
		fact := "fact_" + ds.ID
		cols := warehouse.FactColumns(ds)
		n, err := k.tempCount("lk_move", fmt.Sprintf(`SELECT f.household_id, f.batch, f.row_no, m.to_id FROM %s f JOIN reg_moved m ON f.household_id = m.from_id AND f.person_key = m.person_key`, fact))
		if err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		res.Moved += n
		on := "l.household_id = f.household_id AND l.batch = f.batch AND l.row_no = f.row_no"
		if err := k.run(
			k.d.TempTable("lk_moved", fmt.Sprintf("SELECT %s FROM %s f JOIN lk_move l ON %s", k.values(cols, map[string]string{"household_id": "l.to_id AS household_id", "seen": fmt.Sprintf("CAST(%d AS INTEGER) AS seen", k.n)}, "f."), fact, on)),
			fmt.Sprintf("INSERT INTO %s_past (%s, until) SELECT %s, %d FROM %s f JOIN lk_move l ON %s", fact, k.list(cols, ""), k.list(cols, "f."), k.n, fact, on),
			k.d.DeleteJoin(fact, "lk_move l", fmt.Sprintf("l.household_id = %[1]s.household_id AND l.batch = %[1]s.batch AND l.row_no = %[1]s.row_no", fact)),
			fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM lk_moved ORDER BY household_id", fact, k.list(cols, ""), k.list(cols, "")),
		); err != nil {
			return err
		}
	}
	return nil
}

// doubt takes back the links by number or card of the persons of reg_doubt(person_key, household_id), whom two rosters of one period now claim: had both rosters come
// first, nothing would have been linked. Their facts become history as of this batch and wait as ambiguous. Links by other columns stay: they name their household.
func (k *work) doubt(res *Result) error {
	for i := range k.pack.Datasets {
		ds := &k.pack.Datasets[i]
		if ds.Role != "" || ds.Subject != policy.OfPerson {
			continue
		}
		fact := "fact_" + ds.ID
		n, err := k.tempCount("lk_doubt", fmt.Sprintf("SELECT f.household_id, f.batch, f.row_no FROM %s f JOIN reg_doubt d ON d.household_id = f.household_id AND d.person_key = f.person_key WHERE f.tier IN (%d, %d)",
			fact, TierNumber, TierCard))
		if err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		res.Unlinked += n
		cols, waiting := warehouse.FactColumns(ds), warehouse.PendingColumns(ds)
		own := map[string]string{"household_id": "NULL", "tier": "NULL", "seen": "NULL", "why": "'" + WhyAmbiguous + "'",
			"person_key": fmt.Sprintf("CASE WHEN f.tier = %d THEN f.person_key END", TierNumber), "card_key": fmt.Sprintf("CASE WHEN f.tier = %d THEN f.person_key END", TierCard)}
		for _, c := range waiting { // facts keep no other key
			if _, ok := own[c.Name]; !ok && !slices.Contains(cols, c) {
				own[c.Name] = "NULL"
			}
		}
		on := "l.household_id = f.household_id AND l.batch = f.batch AND l.row_no = f.row_no"
		if err := k.run(
			fmt.Sprintf("INSERT INTO pending_%s (%s) SELECT %s FROM %s f JOIN lk_doubt l ON %s", ds.ID, k.list(waiting, ""), k.values(waiting, own, "f."), fact, on),
			fmt.Sprintf("INSERT INTO %s_past (%s, until) SELECT %s, %d FROM %s f JOIN lk_doubt l ON %s", fact, k.list(cols, ""), k.list(cols, "f."), k.n, fact, on),
			k.d.DeleteJoin(fact, "lk_doubt l", fmt.Sprintf("l.household_id = %[1]s.household_id AND l.batch = %[1]s.batch AND l.row_no = %[1]s.row_no", fact)),
		); err != nil {
			return err
		}
	}
	return nil
}

// retry tries the pending rows of a dataset that the registry's change (reg_new: memberships, reg_new_house: households) may have solved, and returns how many are linked now.
func (k *work) retry(ds *policy.Dataset) (int, error) {
	pending := "pending_" + ds.ID
	n, err := k.count("SELECT count(*) FROM " + pending)
	if err != nil || n == 0 || ds.Role == warehouse.RoleRoster {
		return 0, err
	}
	may := `q.person_key IN (SELECT person_key FROM reg_new) OR q.card_key IN (SELECT person_key FROM reg_new)
		OR q.name_key IN (SELECT name_key FROM reg_new)`
	if ds.Subject != policy.OfPerson {
		may = `q.house_id IN (SELECT household_id FROM reg_new_house) OR q.head_key IN (SELECT person_key FROM reg_new)`
	}
	if ds.Role == warehouse.RoleChanges {
		may += ` OR q.house_id IN (SELECT household_id FROM reg_new_house) OR ` + column(ds, "to_household_no", "BIGINT") + ` IN (SELECT household_id FROM reg_new_house)`
	}
	if n, err = k.tempCount("lk_try", fmt.Sprintf(`SELECT row_number() OVER (ORDER BY q.batch, q.row_no) AS rid, q.* FROM %s q WHERE %s`, pending, may)); err != nil || n == 0 {
		return 0, err
	}
	if err := k.exec(k.d.TempView("lk_in", k.linkInput(ds, "lk_try", "rid"))); err != nil {
		return 0, err
	}
	if err := k.link(ds); err != nil {
		return 0, err
	}
	linked, err := k.count("SELECT count(*) FROM lk_link WHERE household_id IS NOT NULL")
	if err != nil {
		return 0, err
	}
	if linked < n { // the reason may have changed: from nobody to two
		if err := k.exec(fmt.Sprintf(`UPDATE %[1]s SET why = l.why FROM (SELECT t.batch, t.row_no, l.why FROM lk_try t JOIN lk_link l ON l.rid = t.rid WHERE l.household_id IS NULL AND l.why <> t.why) l
			WHERE l.batch = %[1]s.batch AND l.row_no = %[1]s.row_no`, pending)); err != nil {
			return 0, err
		}
	}
	if linked == 0 {
		return 0, nil
	}
	if err := k.rank(ds); err != nil {
		return 0, err
	}
	if err := k.temp("lk_out", "SELECT CAST(0 AS BIGINT) AS rid, CAST(0 AS INTEGER) AS until LIMIT 0"); err != nil {
		return 0, err
	}
	if err := k.coverNewCounties(ds); err != nil {
		return 0, err
	}
	if ds.Kind == policy.Snapshot { // a delivery of a higher rank may cover the place that is known only now
		if err := k.exec(`INSERT INTO lk_out SELECT l.rid, min(c.batch) FROM lk_link l JOIN lk_try t ON t.rid = l.rid JOIN household h ON h.household_id = l.household_id
			JOIN lk_rank r ON r.batch = t.batch JOIN lk_cover c ON c.rk > r.rk AND h.division BETWEEN c.lo AND c.hi GROUP BY l.rid`); err != nil {
			return 0, err
		}
	}
	cols := warehouse.FactColumns(ds)
	own := map[string]string{"household_id": "l.household_id", "person_key": "l.person_key", "tier": "l.tier", "seen": fmt.Sprint(k.n)}
	from := "lk_try s JOIN lk_link l ON l.rid = s.rid LEFT JOIN lk_out o ON o.rid = s.rid WHERE l.household_id IS NOT NULL"
	return linked, k.run(
		fmt.Sprintf("INSERT INTO fact_%s (%s) SELECT %s FROM %s AND o.rid IS NULL ORDER BY l.household_id", ds.ID, k.list(cols, ""), k.values(cols, own, "s."), from),
		fmt.Sprintf("INSERT INTO fact_%s_past (%s, until) SELECT %s, o.until FROM %s AND o.rid IS NOT NULL", ds.ID, k.list(cols, ""), k.values(cols, own, "s."), from),
		k.d.DeleteJoin(pending, "(SELECT t.batch, t.row_no FROM lk_try t JOIN lk_link l ON l.rid = t.rid WHERE l.household_id IS NOT NULL) l",
			fmt.Sprintf("l.batch = %[1]s.batch AND l.row_no = %[1]s.row_no", pending)),
	)
}

// coverNewCounties: a delivery without a scope speaks for the counties of its linked rows; rows linked only now may add some. Lower ranked
// snapshot rows of those counties become history.
func (k *work) coverNewCounties(ds *policy.Dataset) error {
	rows, err := k.conn.QueryContext(k.ctx, fmt.Sprintf(`SELECT DISTINCT t.batch, h.county, b.period_from, b.period_to FROM lk_try t JOIN lk_link l ON l.rid = t.rid
		JOIN household h ON h.household_id = l.household_id JOIN batch b ON b.batch = t.batch
		WHERE b.scope = 0 AND h.county IS NOT NULL AND NOT EXISTS (SELECT 1 FROM coverage c WHERE c.dataset = '%s' AND c.batch = t.batch AND c.county = h.county) ORDER BY 1, 2`, ds.ID))
	if err != nil {
		return fmt.Errorf("linkage: %w", err)
	}
	var list []covered
	defer rows.Close()
	for rows.Next() {
		var c covered
		if err := rows.Scan(&c.batch, &c.county, &c.from, &c.to); err != nil {
			return fmt.Errorf("linkage: %w", err)
		}
		list = append(list, c)
	}
	if err := rows.Err(); err != nil || len(list) == 0 {
		return err
	}
	if err := k.insertCoverage(ds, list); err != nil {
		return err
	}
	if err := k.rank(ds); err != nil {
		return err
	}
	if ds.Kind != policy.Snapshot {
		return nil
	}
	done := map[int]bool{}
	for _, c := range list {
		if done[c.batch] {
			continue
		}
		done[c.batch] = true
		if err := k.temp("lk_lose", loseNone); err != nil {
			return err
		}
		if err := k.loseSnapshot(ds, fmt.Sprintf("c.batch = %d", c.batch), fmt.Sprint(k.n)); err != nil {
			return err
		}
		if err := k.retire(ds); err != nil {
			return err
		}
		if err := k.exec(fmt.Sprintf("DELETE FROM pending_%s WHERE batch IN (SELECT batch FROM lk_whole)", ds.ID)); err != nil {
			return err
		}
	}
	return nil
}
