package linkage

import (
	"fmt"
	"slices"

	"shouwang/internal/policy"
	"shouwang/internal/warehouse"
)

// supersede decides between the new rows and what is there, and between the new files. It makes lk_out(rid, until): the new rows that are outranked, with the
// batch that outranks them; and it moves the rows that the new deliveries outrank to the past (pending ones are dropped: they were never part of what is known).
//
// until of a late row is a batch that is older than the row's own seen, so that the row was never live: "seen <= N and until > N" holds for no N. A
// row that one of the files accepted after its own outranks was live between the two.
func (k *work) supersede(ds *policy.Dataset, bs []*Batch, at []int, res []Result) error {
	twin := "SELECT nk FROM " + k.stage + " WHERE nk IS NOT NULL GROUP BY nk HAVING count(*) > 1"
	if len(at) == 1 && bs[at[0]].Unique || len(at) > 1 && ds.Kind == policy.Snapshot && !slices.ContainsFunc(at, func(i int) bool { return !bs[i].Unique }) {
		twin = "SELECT nk FROM " + k.stage + " LIMIT 0"
	}
	twins, err := k.tempCount("lk_twin", twin)
	if err != nil {
		return err
	}
	// Within one file the last row of a key wins.
	out := "SELECT CAST(0 AS BIGINT) AS rid, CAST(0 AS INTEGER) AS until LIMIT 0"
	if twins > 0 {
		out = fmt.Sprintf(`SELECT rid, %s AS until FROM (SELECT %s AS rid, s.row_no, max(s.row_no) OVER (PARTITION BY coalesce(s.file, 0), s.nk) AS keep FROM %s s JOIN lk_twin t ON t.nk = s.nk) x WHERE row_no < keep`,
			k.batchOf("rid"), k.rid("s"), k.stage)
	}
	if err := k.run(k.d.TempTable("lk_out", out), k.d.TempTable("lk_lose", loseNone)); err != nil {
		return err
	}
	if ds.Kind == policy.Snapshot {
		err = k.supersedeSnapshot(ds)
	} else {
		err = k.supersedeEvents(ds, twins > 0)
	}
	if err != nil {
		return err
	}
	lost, err := k.pairs("SELECT until, count(*) FROM lk_lose GROUP BY until")
	if err != nil {
		return err
	}
	for until, n := range lost {
		res[at[until-k.first]].Superseded += n
	}
	if err := k.outranked(at, res); err != nil {
		return err
	}
	return k.retire(ds)
}

// loseNone is lk_lose with no rows: the live rows that go to the past, with the batch that outranks them.
const loseNone = "SELECT CAST(0 AS BIGINT) AS household_id, CAST(0 AS INTEGER) AS batch, CAST(0 AS INTEGER) AS row_no, CAST(0 AS INTEGER) AS until LIMIT 0"

// pairs reads a query of two integers.
func (k *work) pairs(q string) (map[int]int, error) {
	rows, err := k.conn.QueryContext(k.ctx, q)
	if err != nil {
		return nil, fmt.Errorf("linkage: %w", err)
	}
	defer rows.Close()
	out := map[int]int{}
	for rows.Next() {
		var a, b int
		if err := rows.Scan(&a, &b); err != nil {
			return nil, fmt.Errorf("linkage: %w", err)
		}
		out[a] = b
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("linkage: %w", err)
	}
	return out, nil
}

// outranked counts lk_out: what an older batch outranks never was live; what a batch behind it outranks, that one superseded.
func (k *work) outranked(at []int, res []Result) error {
	rows, err := k.conn.QueryContext(k.ctx, "SELECT o.rid >> 32, o.until, count(*), count(l.household_id) FROM lk_out o JOIN lk_link l ON l.rid = o.rid GROUP BY 1, 2")
	if err != nil {
		return fmt.Errorf("linkage: %w", err)
	}
	defer rows.Close()
	k.outs = 0
	for rows.Next() {
		var file, until, n, linked int
		if err := rows.Scan(&file, &until, &n, &linked); err != nil {
			return fmt.Errorf("linkage: %w", err)
		}
		k.outs += n
		if until > k.first+file {
			res[at[until-k.first]].Superseded += linked
		} else {
			res[at[file]].Outranked += n
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("linkage: %w", err)
	}
	return nil
}

// retire moves the rows of lk_lose to the past.
func (k *work) retire(ds *policy.Dataset) error {
	n, err := k.count("SELECT count(*) FROM lk_lose")
	if err != nil || n == 0 {
		return err
	}
	cols := warehouse.FactColumns(ds)
	fact := "fact_" + ds.ID
	return k.run(
		fmt.Sprintf(`INSERT INTO %[1]s_past (%[2]s, until) SELECT %[3]s, l.until FROM %[1]s f JOIN lk_lose l ON l.household_id = f.household_id AND l.batch = f.batch AND l.row_no = f.row_no`,
			fact, k.list(cols, ""), k.list(cols, "f.")),
		k.d.DeleteJoin(fact, "lk_lose l", fmt.Sprintf("l.household_id = %[1]s.household_id AND l.batch = %[1]s.batch AND l.row_no = %[1]s.row_no", fact)),
	)
}

// supersedeEvents: of the rows of one natural key the one of the highest ranked file counts. There is never more than one such row, live or pending.
func (k *work) supersedeEvents(ds *policy.Dataset, twins bool) error {
	if err := k.temp("lk_old", "SELECT CAST(0 AS "+k.d.Type("UBIGINT")+") AS nk, TRUE AS live, CAST(0 AS BIGINT) AS household_id, CAST(0 AS INTEGER) AS batch, CAST(0 AS INTEGER) AS row_no, CAST(0 AS INTEGER) AS rk LIMIT 0"); err != nil {
		return err
	}
	old := 0
	for _, table := range []string{"fact_" + ds.ID, "pending_" + ds.ID} {
		n, err := k.count("SELECT count(*) FROM " + table)
		if err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		// The one pass over everything that ever came reads the keys only; most files have none that is known.
		if n, err = k.tempCount("lk_known_nk", fmt.Sprintf("SELECT DISTINCT f.nk FROM %s f JOIN %s s ON f.nk = s.nk", table, k.stage)); err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		old += n
		if err := k.exec(fmt.Sprintf(`INSERT INTO lk_old SELECT f.nk, %t, f.household_id, f.batch, f.row_no, r.rk FROM %s f JOIN lk_known_nk n ON n.nk = f.nk JOIN lk_rank r ON r.batch = f.batch`,
			table == "fact_"+ds.ID, table)); err != nil {
			return err
		}
	}
	if old == 0 && (!twins || k.first == k.n) {
		return nil
	}
	return k.run(
		// All rows of each key in the order of their arrival.
		k.d.TempTable("lk_seq", fmt.Sprintf(`SELECT nk, batch, rk, CAST(NULL AS BIGINT) AS rid, live, household_id, row_no FROM lk_old
			UNION ALL SELECT s.nk, r.batch, r.rk, %[1]s, NULL, NULL, NULL FROM %[2]s s JOIN (SELECT nk FROM lk_old UNION SELECT nk FROM lk_twin) t ON t.nk = s.nk
			JOIN lk_rank r ON r.batch = %[3]s LEFT JOIN lk_out o ON o.rid = %[1]s WHERE o.rid IS NULL`, k.rid("s"), k.stage, k.batchOf(k.rid("s")))),
		// A row that outranks all before it holds the key until the next such row; any other is outranked by the holder at its arrival.
		k.d.TempTable("lk_fate", `SELECT nk, rid, live, household_id, batch, row_no, CASE WHEN rid IS NULL THEN min(CASE WHEN holds AND rid IS NOT NULL THEN batch END) OVER (PARTITION BY nk)
			WHEN holds THEN min(CASE WHEN holds THEN batch END) OVER (PARTITION BY nk ORDER BY batch ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)
			ELSE max(CASE WHEN holds THEN batch END) OVER (PARTITION BY nk ORDER BY batch ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) END AS until FROM
			(SELECT *, coalesce(rk > max(rk) OVER (PARTITION BY nk ORDER BY batch ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), TRUE) AS holds FROM lk_seq) x`),
		"INSERT INTO lk_out SELECT rid, until FROM lk_fate WHERE rid IS NOT NULL AND until IS NOT NULL",
		"INSERT INTO lk_lose SELECT household_id, batch, row_no, min(until) FROM lk_fate WHERE rid IS NULL AND live AND until IS NOT NULL GROUP BY household_id, batch, row_no",
		k.d.DeleteJoin("pending_"+ds.ID, "(SELECT DISTINCT batch, row_no FROM lk_fate WHERE rid IS NULL AND NOT live AND until IS NOT NULL) l", fmt.Sprintf("l.batch = pending_%[1]s.batch AND l.row_no = pending_%[1]s.row_no", ds.ID)),
	)
}

// supersedeSnapshot: a delivery is the whole state of what it covers at its period.
func (k *work) supersedeSnapshot(ds *policy.Dataset) error {
	if err := k.late(ds); err != nil {
		return err
	}
	if err := k.loseSnapshot(ds, fmt.Sprintf("c.batch BETWEEN %d AND %d AND r.batch < %d", k.first, k.n, k.first), "c.batch"); err != nil {
		return err
	}
	// Pending rows of deliveries whose whole scope is covered now.
	return k.exec(fmt.Sprintf("DELETE FROM pending_%s WHERE batch IN (SELECT batch FROM lk_whole)", ds.ID))
}

// late puts into lk_out the new rows that another delivery outranks, an older one or one accepted with them: one that covers the row's whole delivery takes all
// its rows, one that covers a row's place takes the row. The first of them by number counts: it was there first, or came first.
func (k *work) late(ds *policy.Dataset) error {
	later, err := k.tempCount("lk_later", fmt.Sprintf(`SELECT me.batch AS me, c.batch, c.lo, c.hi, coalesce(c.lo <= me.lo AND c.hi >= me.hi, FALSE) AS whole
		FROM lk_rank me JOIN lk_cover c ON c.rk > me.rk WHERE me.batch >= %d`, k.first))
	if err != nil || later == 0 {
		return err
	}
	whole, err := k.tempCount("lk_late_whole", "SELECT me, min(batch) AS until FROM lk_later WHERE whole GROUP BY me")
	if err != nil {
		return err
	}
	place, err := k.tempCount("lk_late_place", fmt.Sprintf(`SELECT s.file, s.division, min(t.batch) AS until FROM lk_spot s JOIN lk_later t ON t.me = %d + s.file AND s.division BETWEEN t.lo AND t.hi GROUP BY s.file, s.division`, k.first))
	if err != nil {
		return err
	}
	src := ""
	if whole > 0 {
		src = fmt.Sprintf("SELECT %s AS rid, w.until FROM %s s JOIN lk_late_whole w ON w.me = %d + coalesce(s.file, 0)", k.rid("s"), k.stage, k.first)
	}
	if place > 0 {
		if src != "" {
			src += " UNION ALL "
		}
		if ds.Role == warehouse.RoleRoster {
			src += fmt.Sprintf("SELECT %s AS rid, p.until FROM %s s JOIN lk_late_place p ON p.file = coalesce(s.file, 0) AND p.division = s.division", k.rid("s"), k.stage)
		} else {
			src += "SELECT l.rid, p.until FROM lk_link l JOIN household h ON h.household_id = l.household_id JOIN lk_late_place p ON p.file = l.rid >> 32 AND p.division = h.division"
		}
	}
	if src == "" {
		return nil
	}
	return k.exec("INSERT INTO lk_out SELECT y.rid, min(y.until) FROM (" + src + ") y LEFT JOIN lk_out o ON o.rid = y.rid WHERE o.rid IS NULL GROUP BY y.rid")
}

// loseSnapshot puts into lk_lose the live rows that deliveries outrank. which says, over r (who may lose) and c (who covers), what pairs are meant; until
// is the batch at which it happens, an expression over c. It leaves lk_whole(batch, until) behind: the deliveries that lose everything.
func (k *work) loseSnapshot(ds *policy.Dataset, which, until string) error {
	fact := "fact_" + ds.ID
	whole, err := k.tempCount("lk_whole", fmt.Sprintf("SELECT r.batch, CAST(min(%s) AS INTEGER) AS until FROM lk_rank r JOIN lk_cover c ON c.lo <= r.lo AND c.hi >= r.hi AND c.rk > r.rk WHERE %s GROUP BY r.batch", until, which))
	if err != nil {
		return err
	}
	have, err := k.count(fmt.Sprintf("SELECT count(*) FROM (SELECT 1 FROM %s LIMIT 1) x", fact))
	if err != nil || have == 0 {
		return err
	}
	if whole > 0 {
		if err := k.exec(fmt.Sprintf("INSERT INTO lk_lose SELECT f.household_id, f.batch, f.row_no, w.until FROM %s f JOIN lk_whole w ON w.batch = f.batch", fact)); err != nil {
			return err
		}
	}
	// Rows of deliveries that are not covered as a whole (or not so soon) lose where they lie in the place of another.
	part, err := k.tempCount("lk_part", fmt.Sprintf(`SELECT r.batch, c.lo, c.hi, CAST(%[1]s AS INTEGER) AS until FROM lk_rank r JOIN lk_cover c ON c.rk > r.rk LEFT JOIN lk_whole w ON w.batch = r.batch
		WHERE %[2]s AND (w.until IS NULL OR %[1]s < w.until)`, until, which))
	if err != nil || part == 0 {
		return err
	}
	from, divisions := fact+" f JOIN household h ON h.household_id = f.household_id", "household h"
	at := "h.division"
	if ds.Role == warehouse.RoleRoster {
		from, divisions, at = fact+" f", fact+" f", "f.division"
	}
	// Villages are few: they are compared with the ranges, and rows with villages.
	if n, err := k.tempCount("lk_village", fmt.Sprintf("SELECT DISTINCT v.division, c.until FROM (SELECT DISTINCT %s AS division FROM %s) v JOIN (SELECT DISTINCT lo, hi, until FROM lk_part) c ON v.division BETWEEN c.lo AND c.hi", at, divisions)); err != nil || n == 0 {
		return err
	}
	n, err := k.tempCount("lk_stray", fmt.Sprintf(`SELECT f.household_id, f.batch, f.row_no, min(v.until) AS until FROM %s JOIN lk_village v ON v.division = %s
		JOIN (SELECT DISTINCT batch, until FROM lk_part) p ON p.batch = f.batch AND p.until = v.until GROUP BY f.household_id, f.batch, f.row_no`, from, at))
	if err != nil || n == 0 {
		return err
	}
	return k.run(
		k.d.DeleteJoin("lk_lose", "lk_stray s", "s.household_id = lk_lose.household_id AND s.batch = lk_lose.batch AND s.row_no = lk_lose.row_no"),
		"INSERT INTO lk_lose SELECT * FROM lk_stray",
	)
}

// insert writes the new rows: live ones sorted by household, outranked linked ones to the past, unlinked ones to pending.
func (k *work) insert(ds *policy.Dataset, at []int, res []Result) error {
	batch := k.batchOf("l.rid")
	own := map[string]string{"household_id": "l.household_id", "person_key": "l.person_key", "batch": batch, "row_no": "s.row_no", "tier": "l.tier", "seen": batch}
	live := ""
	from := fmt.Sprintf("%s s JOIN lk_link l ON l.rid = %s", k.stage, k.rid("s"))
	if k.outs > 0 {
		live = " AND o.rid IS NULL"
		from += " LEFT JOIN lk_out o ON o.rid = l.rid"
	}
	cols := warehouse.FactColumns(ds)
	fact := "fact_" + ds.ID
	if err := k.exec(fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s WHERE l.household_id IS NOT NULL%s ORDER BY l.household_id",
		fact, k.list(cols, ""), k.values(cols, own, "s."), from, live)); err != nil {
		return err
	}
	if k.outs > 0 {
		if err := k.exec(fmt.Sprintf("INSERT INTO %s_past (%s, until) SELECT %s, o.until FROM %s WHERE l.household_id IS NOT NULL AND o.rid IS NOT NULL ORDER BY l.household_id",
			fact, k.list(cols, ""), k.values(cols, own, "s."), from)); err != nil {
			return err
		}
	}
	pending := 0
	for _, i := range at {
		pending += res[i].Pending
	}
	if pending == 0 {
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
