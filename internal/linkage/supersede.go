package linkage

import (
	"fmt"

	"shouwang/internal/policy"
	"shouwang/internal/warehouse"
)

// supersede decides between the new rows and what is there. It makes lk_out(rid, until): the new rows that are outranked, with the batch that
// outranks them; and it moves the rows that the new delivery outranks to the past (pending ones are dropped: they were never part of what is known).
//
// until of a late row is a batch that is older than the row's own seen, so that the row was never live: "seen <= N and until > N" holds for no N.
func (k *work) supersede(b *Batch, stage string, res *Result) error {
	ds := b.Dataset
	// Within one file the last row of a key wins.
	if err := k.temp("lk_out", fmt.Sprintf(`SELECT CAST(s.row_no AS BIGINT) AS rid, CAST(%d AS INTEGER) AS until FROM %s s
		JOIN (SELECT nk, max(row_no) AS keep FROM %s WHERE nk IS NOT NULL GROUP BY nk HAVING count(*) > 1) d ON d.nk = s.nk WHERE s.row_no < d.keep`, k.n, stage, stage)); err != nil {
		return err
	}
	if err := k.temp("lk_lose", "SELECT household_id, batch, row_no FROM fact_"+ds.ID+" LIMIT 0"); err != nil {
		return err
	}
	var err error
	if ds.Kind == policy.Snapshot {
		err = k.supersedeSnapshot(ds, stage)
	} else {
		err = k.supersedeEvents(ds, stage)
	}
	if err != nil {
		return err
	}
	if res.Superseded, err = k.count("SELECT count(*) FROM lk_lose"); err != nil {
		return err
	}
	if res.Outranked, err = k.count("SELECT count(*) FROM lk_out"); err != nil {
		return err
	}
	return k.retire(ds)
}

// retire moves the rows of lk_lose to the past, as of this batch.
func (k *work) retire(ds *policy.Dataset) error {
	n, err := k.count("SELECT count(*) FROM lk_lose")
	if err != nil || n == 0 {
		return err
	}
	cols := warehouse.FactColumns(ds)
	fact := "fact_" + ds.ID
	return k.run(
		fmt.Sprintf(`INSERT INTO %[1]s_past (%[2]s, until) SELECT %[3]s, %[4]d FROM %[1]s f JOIN lk_lose l ON l.household_id = f.household_id AND l.batch = f.batch AND l.row_no = f.row_no`,
			fact, k.list(cols, ""), k.list(cols, "f."), k.n),
		k.d.DeleteJoin(fact, "lk_lose l", fmt.Sprintf("l.household_id = %[1]s.household_id AND l.batch = %[1]s.batch AND l.row_no = %[1]s.row_no", fact)),
	)
}

// supersedeEvents: of the rows of one natural key the one of the highest ranked file counts. There is never more than one such row, live or pending.
func (k *work) supersedeEvents(ds *policy.Dataset, stage string) error {
	for _, table := range []string{"fact_" + ds.ID, "pending_" + ds.ID} {
		n, err := k.count("SELECT count(*) FROM " + table)
		if err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		if n, err = k.tempCount("lk_same", fmt.Sprintf(`SELECT s.row_no AS rid, f.household_id, f.batch, f.row_no, r.rk < me.rk AS loses FROM %s f JOIN %s s ON f.nk = s.nk
			JOIN lk_rank r ON r.batch = f.batch, (SELECT rk FROM lk_rank WHERE batch = %d) me WHERE f.batch <> %d`, table, stage, k.n, k.n)); err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		if err := k.exec(`INSERT INTO lk_out SELECT DISTINCT s.rid, s.batch FROM lk_same s WHERE NOT loses AND NOT EXISTS (SELECT 1 FROM lk_out o WHERE o.rid = s.rid)`); err != nil {
			return err
		}
		if table == "fact_"+ds.ID {
			err = k.exec("INSERT INTO lk_lose SELECT DISTINCT household_id, batch, row_no FROM lk_same WHERE loses")
		} else {
			err = k.exec(k.d.DeleteJoin(table, "(SELECT DISTINCT batch, row_no FROM lk_same WHERE loses) l", fmt.Sprintf("l.batch = %[1]s.batch AND l.row_no = %[1]s.row_no", table)))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// place is a query of (household_id) for the households in a batch's cover.
const placeOf = `SELECT DISTINCT h.household_id FROM household h JOIN lk_cover c ON h.division BETWEEN c.lo AND c.hi WHERE c.batch = %d`

// supersedeSnapshot: a delivery is the whole state of what it covers at its period.
func (k *work) supersedeSnapshot(ds *policy.Dataset, stage string) error {
	// Am I late? A higher ranked delivery that covers my scope takes all my rows, one that covers a row's place takes the row.
	later, err := k.tempCount("lk_later", fmt.Sprintf(`SELECT c.batch, c.lo, c.hi, coalesce(c.lo <= me.lo AND c.hi >= me.hi, FALSE) AS whole
		FROM lk_cover c, (SELECT rk, lo, hi FROM lk_rank WHERE batch = %d) me WHERE c.rk > me.rk`, k.n))
	if err != nil {
		return err
	}
	if later > 0 {
		places := "SELECT l.rid, h.division FROM lk_link l JOIN household h ON h.household_id = l.household_id"
		if ds.Role == warehouse.RoleRoster {
			places = "SELECT s.row_no AS rid, s.division FROM " + stage + " s"
		}
		if err := k.exec(fmt.Sprintf(`INSERT INTO lk_out SELECT rid, min(batch) FROM
			(SELECT CAST(s.row_no AS BIGINT) AS rid, t.batch FROM %s s, lk_later t WHERE t.whole
			UNION ALL SELECT CAST(x.rid AS BIGINT), t.batch FROM (%s) x JOIN lk_later t ON x.division BETWEEN t.lo AND t.hi) y
			WHERE NOT EXISTS (SELECT 1 FROM lk_out o WHERE o.rid = y.rid) GROUP BY rid`, stage, places)); err != nil {
			return err
		}
	}
	if err := k.loseSnapshot(ds, k.n); err != nil {
		return err
	}
	// Pending rows of deliveries whose whole scope is covered now.
	return k.exec(fmt.Sprintf("DELETE FROM pending_%s WHERE batch IN (%s)", ds.ID, wholeUnder(k.n)))
}

// wholeUnder is the query of the lower ranked batches whose scope lies within batch n's cover.
func wholeUnder(n int) string {
	return fmt.Sprintf(`SELECT r.batch FROM lk_rank r JOIN lk_cover c ON c.lo <= r.lo AND c.hi >= r.hi AND c.rk > r.rk WHERE c.batch = %d`, n)
}

// loseSnapshot puts into lk_lose the live rows that batch n outranks.
func (k *work) loseSnapshot(ds *policy.Dataset, n int) error {
	fact := "fact_" + ds.ID
	have, err := k.count(fmt.Sprintf("SELECT count(*) FROM (SELECT 1 FROM %s LIMIT 1) x", fact))
	if err != nil || have == 0 {
		return err
	}
	if err := k.exec(fmt.Sprintf(`INSERT INTO lk_lose SELECT f.household_id, f.batch, f.row_no FROM %s f WHERE f.batch IN (%s)`, fact, wholeUnder(n))); err != nil {
		return err
	}
	lower := fmt.Sprintf(`(SELECT r.batch FROM lk_rank r, (SELECT rk FROM lk_rank WHERE batch = %d) me WHERE r.rk < me.rk AND r.batch NOT IN (%s))`, n, wholeUnder(n))
	if left, err := k.count("SELECT count(*) FROM " + lower + " x"); err != nil || left == 0 {
		return err
	}
	if ds.Role == warehouse.RoleRoster {
		return k.exec(fmt.Sprintf(`INSERT INTO lk_lose SELECT DISTINCT f.household_id, f.batch, f.row_no FROM %s f JOIN lk_cover c ON f.division BETWEEN c.lo AND c.hi
			WHERE c.batch = %d AND f.batch IN %s`, fact, n, lower))
	}
	if err := k.temp("lk_place", fmt.Sprintf(placeOf, n)); err != nil {
		return err
	}
	return k.exec(fmt.Sprintf(`INSERT INTO lk_lose SELECT f.household_id, f.batch, f.row_no FROM %s f JOIN lk_place h ON h.household_id = f.household_id WHERE f.batch IN %s`, fact, lower))
}

// insert writes the new rows: live ones sorted by household, outranked linked ones to the past, unlinked ones to pending.
func (k *work) insert(ds *policy.Dataset, stage string, res *Result) error {
	own := map[string]string{"household_id": "l.household_id", "person_key": "l.person_key", "batch": fmt.Sprint(k.n), "row_no": "s.row_no", "tier": "l.tier", "seen": fmt.Sprint(k.n)}
	live, past := "", fmt.Sprint(k.n)
	from := fmt.Sprintf("%s s JOIN lk_link l ON l.rid = s.row_no", stage)
	if res.Outranked > 0 {
		live, past = " AND o.rid IS NULL", "o.until"
		from += " LEFT JOIN lk_out o ON o.rid = s.row_no"
	}
	cols := warehouse.FactColumns(ds)
	fact := "fact_" + ds.ID
	if err := k.exec(fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s WHERE l.household_id IS NOT NULL%s ORDER BY l.household_id",
		fact, k.list(cols, ""), k.values(cols, own, "s."), from, live)); err != nil {
		return err
	}
	if res.Outranked > 0 {
		if err := k.exec(fmt.Sprintf("INSERT INTO %s_past (%s, until) SELECT %s, %s FROM %s WHERE l.household_id IS NOT NULL AND o.rid IS NOT NULL ORDER BY l.household_id",
			fact, k.list(cols, ""), k.values(cols, own, "s."), past, from)); err != nil {
			return err
		}
	}
	if res.Pending == 0 {
		return nil
	}
	own["household_id"], own["person_key"], own["tier"], own["seen"] = "NULL", "s.person_key", "NULL", "NULL"
	own["why"] = "l.why"
	cols = warehouse.PendingColumns(ds)
	return k.exec(fmt.Sprintf("INSERT INTO pending_%s (%s) SELECT %s FROM %s WHERE l.household_id IS NULL%s",
		ds.ID, k.list(cols, ""), k.values(cols, own, "s."), from, live))
}

// values spells a select list for cols: own expressions where given, else the column after prefix.
func (k *work) values(cols []warehouse.Column, own map[string]string, prefix string) string {
	out := ""
	for i, c := range cols {
		if i > 0 {
			out += ", "
		}
		if e, ok := own[c.Name]; ok {
			out += e
		} else {
			out += prefix + k.d.Ident(c.Name)
		}
	}
	return out
}
