// Package linkage takes one checked file (a staging table that intake filled) into the warehouse: it finds the household and the person of every row,
// decides which rows are the state of things and which are history, keeps what matches nothing, and tries that again whenever the registry changes.
//
// It owns the tables batch, coverage, fact_*, fact_*_past and pending_*. It never guesses between two candidates, never opens a file and never sees a name
// or a number: it works on keys only. All of it is set-based SQL in the caller's transaction.
package linkage

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/policy"
	"shouwang/internal/registry"
	"shouwang/internal/warehouse"
)

// Tiers of a link (design section 9.4), best first.
const (
	TierRoster    = 0 // the roster's own rows: they say who belongs where
	TierNumber    = 1
	TierCard      = 2
	TierHouseName = 3
	TierVillage   = 4 // name, birth date and village
	TierHouse     = 5 // household number alone
	TierHead      = 6
)

// Why a row is pending.
const (
	WhyNone      = "none"      // nobody matches
	WhyAmbiguous = "ambiguous" // two or more candidates
	WhyConflict  = "conflict"  // number and name belong to different people and nothing confirms the number's household
)

// Batch is one delivered file that passed its checks.
type Batch struct {
	Dataset    *policy.Dataset
	SHA256     string // of the file, hex
	FileName   string
	Scope      division.Code // what the delivery speaks for; 0 = the counties of its linked rows
	From, To   time.Time     // first and last day of the period
	Rows       int           // data rows in the file
	Rejected   int
	ReceivedAt time.Time
	Receipt    json.RawMessage
	// Counties are the six-digit counties under Scope, for the completeness table. Empty: looked up in the divisions.
	Counties []int32
}

// Result says what became of the rows.
type Result struct {
	Batch     int
	Duplicate bool // the same file was accepted as Batch before: nothing was done
	Accepted  int  // rows of the staging table
	Linked    int
	Pending   int
	ByTier    [7]int
	Why       map[string]int
	// Superseded: rows of earlier deliveries that this one replaces. Outranked: own rows that a row of the same key or a newer delivery outranks; they
	// went to the past table (or, unlinked, nowhere).
	Superseded, Outranked int
	Counties              []int32 // counties of the linked rows, ascending
	Relinked              int     // pending rows of any dataset that the registry's change solved
	Moved                 int     // facts that followed a person to another household
	OtherCounty           int     // linked rows whose household lies outside Scope
}

// work is one Accept under way.
type work struct {
	ctx  context.Context
	conn *sql.Conn
	d    warehouse.Dialect
	pack *policy.Pack
	n    int // batch number
}

func (k *work) exec(q string, args ...any) error {
	if _, err := k.conn.ExecContext(k.ctx, q, args...); err != nil {
		return fmt.Errorf("linkage: %w (in: %.300s)", err, strings.Join(strings.Fields(q), " "))
	}
	return nil
}

// run executes statements in order.
func (k *work) run(qs ...string) error {
	for _, q := range qs {
		if err := k.exec(q); err != nil {
			return err
		}
	}
	return nil
}

func (k *work) count(q string, args ...any) (int, error) {
	var v sql.NullInt64
	if err := k.conn.QueryRowContext(k.ctx, q, args...).Scan(&v); err != nil {
		return 0, fmt.Errorf("linkage: %w (in: %.300s)", err, strings.Join(strings.Fields(q), " "))
	}
	return int(v.Int64), nil
}

func (k *work) temp(name, query string) error { return k.exec(k.d.TempTable(name, query)) }

func (k *work) tempCount(name, query string) (int, error) {
	if err := k.temp(name, query); err != nil {
		return 0, err
	}
	return k.count("SELECT count(*) FROM " + name)
}

// list joins the names of columns, each after prefix.
func (k *work) list(cols []warehouse.Column, prefix string) string {
	names := make([]string, len(cols))
	for i, c := range cols {
		names[i] = prefix + k.d.Ident(c.Name)
	}
	return strings.Join(names, ", ")
}

// Accept links the rows of the temporary table stage (warehouse.StageColumns) and writes them: facts, history, pending rows, completeness, the batch
// itself; for the roster and the changes (and death records) it refreshes the registry and tries pending rows of all datasets again. It runs inside the caller's transaction on
// conn; after an error the caller must roll back. A file that was accepted before changes nothing (Result.Duplicate).
func Accept(ctx context.Context, conn *sql.Conn, w *warehouse.Warehouse, p *policy.Pack, b *Batch, stage string) (Result, error) {
	k := &work{ctx: ctx, conn: conn, d: w.Dialect(), pack: p}
	res := Result{Why: map[string]int{}}
	if b.Dataset == nil || b.SHA256 == "" || b.From.IsZero() || b.To.Before(b.From) {
		return res, errs.New(errs.Internal, "批次缺少数据集、文件摘要或所属期。", "the batch lacks its dataset, file hash or period.")
	}
	ds := b.Dataset
	old, err := k.count("SELECT max(batch) FROM batch WHERE dataset = $1 AND sha256 = $2 AND state = 'accepted'", ds.ID, b.SHA256)
	if err != nil {
		return res, err
	}
	if old > 0 {
		return Result{Batch: old, Duplicate: true, Why: map[string]int{}}, nil
	}
	last, err := k.count("SELECT max(batch) FROM batch")
	if err != nil {
		return res, err
	}
	k.n = last + 1
	res.Batch = k.n
	if err := k.insertBatch(b); err != nil {
		return res, err
	}
	if err := k.rank(ds); err != nil {
		return res, err
	}
	if err := k.temp("lk_in", k.linkInput(ds, stage, "row_no")); err != nil {
		return res, err
	}
	if err := k.link(ds); err != nil {
		return res, err
	}
	if err := k.count2(ds, &res); err != nil {
		return res, err
	}
	if err := k.cover(b, &res, stage); err != nil {
		return res, err
	}
	if err := k.supersede(b, stage, &res); err != nil {
		return res, err
	}
	if err := k.insert(ds, stage, &res); err != nil {
		return res, err
	}
	if ds.Role != "" || ds.ID == registry.Deaths {
		if err := k.follow(ds, &res); err != nil {
			return res, err
		}
	}
	err = k.exec("UPDATE batch SET accepted = $2, linked = $3, pending = $4 WHERE batch = $1", k.n, res.Accepted, res.Linked, res.Pending)
	return res, err
}

func (k *work) insertBatch(b *Batch) error {
	receipt := string(b.Receipt)
	if receipt == "" {
		receipt = "{}"
	}
	return k.exec(`INSERT INTO batch (batch, dataset, contract_version, pack_hash, sha256, file_name, scope, period_from, period_to, rows, accepted, rejected, linked, pending, state, receipt, received_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, CAST($8 AS DATE), CAST($9 AS DATE), $10, 0, $11, 0, 0, 'accepted', CAST($12 AS `+k.d.Type("JSON")+`), $13)`,
		k.n, b.Dataset.ID, b.Dataset.Version, k.pack.Hash, b.SHA256, b.FileName, int64(b.Scope), b.From.Format(time.DateOnly), b.To.Format(time.DateOnly),
		b.Rows, b.Rejected, receipt, b.ReceivedAt.UTC())
}

// rank makes lk_rank: the dataset's batches with their rank by (period end, file hash), which does not depend on the order of arrival, and the
// range of divisions that their scope covers (NULL when the scope is by rows).
func (k *work) rank(ds *policy.Dataset) error {
	if err := k.temp("lk_rank", fmt.Sprintf(`SELECT batch, CAST(row_number() OVER (ORDER BY period_to, sha256) AS INTEGER) AS rk,
		CASE WHEN scope = 0 THEN NULL ELSE scope END AS lo,
		CASE WHEN scope = 0 THEN NULL ELSE scope + CASE WHEN scope %% 10000000000 = 0 THEN 9999999999 WHEN scope %% 100000000 = 0 THEN 99999999
			WHEN scope %% 1000000 = 0 THEN 999999 WHEN scope %% 1000 = 0 THEN 999 ELSE 0 END END AS hi
		FROM batch WHERE dataset = '%s' AND state = 'accepted'`, ds.ID)); err != nil {
		return err
	}
	// What each delivery speaks for: its scope, or the counties that its rows were found in.
	return k.temp("lk_cover", fmt.Sprintf(`SELECT batch, rk, lo, hi FROM lk_rank WHERE lo IS NOT NULL
		UNION ALL SELECT DISTINCT r.batch, r.rk, CAST(c.county AS BIGINT) * 1000000, CAST(c.county AS BIGINT) * 1000000 + 999999
		FROM lk_rank r JOIN coverage c ON c.batch = r.batch AND c.dataset = '%s' WHERE r.lo IS NULL`, ds.ID))
}

// count2 counts the links of lk_link by tier and reason.
func (k *work) count2(ds *policy.Dataset, res *Result) error {
	rows, err := k.conn.QueryContext(k.ctx, "SELECT tier, why, count(*) FROM lk_link GROUP BY tier, why")
	if err != nil {
		return fmt.Errorf("linkage: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var tier sql.NullInt64
		var why sql.NullString
		var n int
		if err := rows.Scan(&tier, &why, &n); err != nil {
			return fmt.Errorf("linkage: %w", err)
		}
		res.Accepted += n
		if why.Valid {
			res.Pending += n
			res.Why[why.String] += n
		} else {
			res.Linked += n
			res.ByTier[tier.Int64] += n
		}
	}
	return rows.Err()
}

// cover writes the completeness rows and tells which counties the linked rows are of.
func (k *work) cover(b *Batch, res *Result, stage string) error {
	ds := b.Dataset
	// Divisions of the linked households; a roster row brings its own.
	var src string
	if ds.Role == warehouse.RoleRoster {
		src = "SELECT " + k.d.County("s.division") + " AS county, s.division AS division, l.rid FROM " + stage + " s JOIN lk_link l ON l.rid = s.row_no WHERE l.household_id IS NOT NULL"
	} else {
		src = "SELECT h.county, h.division, l.rid FROM household h JOIN lk_link l ON l.household_id = h.household_id"
	}
	rows, err := k.conn.QueryContext(k.ctx, fmt.Sprintf(`SELECT county, count(*) FILTER (WHERE NOT (division BETWEEN r.lo AND r.hi)) FROM (%s) x, lk_rank r
		WHERE r.batch = %d AND county IS NOT NULL GROUP BY county ORDER BY county`, src, k.n))
	if err != nil {
		return fmt.Errorf("linkage: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var county int32
		var other int
		if err := rows.Scan(&county, &other); err != nil {
			return fmt.Errorf("linkage: %w", err)
		}
		res.Counties = append(res.Counties, county)
		res.OtherCounty += other
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("linkage: %w", err)
	}
	counties := res.Counties
	if b.Scope != 0 && (ds.Role != warehouse.RoleRoster || b.Scope.Level() >= division.County) {
		if counties = b.Counties; len(counties) == 0 {
			if counties, err = countiesUnder(b.Scope); err != nil {
				return err
			}
		}
	}
	return k.insertCoverage(ds, k.n, counties, b.From.Format(time.DateOnly), b.To.Format(time.DateOnly))
}

func (k *work) insertCoverage(ds *policy.Dataset, batch int, counties []int32, from, to string) error {
	if len(counties) == 0 {
		return nil
	}
	vals := make([]string, len(counties))
	for i, c := range counties {
		vals[i] = fmt.Sprintf("(%d)", c)
	}
	if err := k.exec(fmt.Sprintf(`INSERT INTO coverage (dataset, county, month, batch) SELECT '%s', c.county, s.m, %d FROM (VALUES %s) AS c(county), %s AS s
		WHERE NOT EXISTS (SELECT 1 FROM coverage o WHERE o.dataset = '%s' AND o.batch = %d AND o.county = c.county AND o.month = s.m)`,
		ds.ID, batch, strings.Join(vals, ", "), k.d.MonthSeries("DATE '"+from+"'", "DATE '"+to+"'"), ds.ID, batch)); err != nil {
		return err
	}
	if batch != k.n {
		return nil
	}
	return k.exec(fmt.Sprintf(`INSERT INTO lk_cover SELECT r.batch, r.rk, CAST(c.county AS BIGINT) * 1000000, CAST(c.county AS BIGINT) * 1000000 + 999999
		FROM lk_rank r, (VALUES %s) AS c(county) WHERE r.batch = %d AND r.lo IS NULL`, strings.Join(vals, ", "), batch))
}

// countiesUnder lists the six-digit counties under a scope; a township's or a village's is its county.
func countiesUnder(scope division.Code) ([]int32, error) {
	if scope.Level() >= division.County {
		return []int32{scope.County()}, nil
	}
	tree, err := division.Load()
	if err != nil {
		return nil, fmt.Errorf("linkage: %w", err)
	}
	var out []int32
	for _, c := range tree.Counties(scope) {
		out = append(out, c.Code.County())
	}
	return out, nil
}
