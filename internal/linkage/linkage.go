// Package linkage takes checked files (a staging table that intake filled) into the warehouse: it finds the household and the person of every row,
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
	// Unique: no natural key is twice in the file, so that it need not be looked for again.
	Unique bool
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
	// What the registry's change did to other rows; of files accepted together it is told of the last.
	Relinked    int   // pending rows of any dataset that it solved
	Moved       int   // facts that followed a person to another household
	Unlinked    int   // facts of persons whom two rosters now claim: they wait as ambiguous again
	OtherCounty int   // linked rows whose household lies outside Scope
	MainCounty  int32 // the county that most linked rows are of; 0 when none is linked
	Refused     bool  // AcceptAll's keep did not want the file: nothing was done
}

// work is one Accept under way.
type work struct {
	ctx  context.Context
	conn *sql.Conn
	d    warehouse.Dialect
	pack *policy.Pack
	// The batches are first to n; what happens to the registry and to other rows because of them is seen as of n.
	first, n int
	stage    string
	outs     int   // rows in lk_out
	lo, hi   int64 // household ids where most links are, 0 and 0 when that is not known
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

// Accept takes one file in: AcceptAll of one batch.
func Accept(ctx context.Context, conn *sql.Conn, w *warehouse.Warehouse, p *policy.Pack, b *Batch, stage string) (Result, error) {
	res, err := AcceptAll(ctx, conn, w, p, []*Batch{b}, stage, nil)
	if len(res) == 0 {
		return Result{}, err
	}
	return res[0], err
}

// AcceptAll links the rows of the temporary table stage (warehouse.StageColumns; its column file, 0 when NULL, is the index into bs) and writes them: facts, history, pending
// rows, completeness, the batches themselves; for the roster and the changes (and death records) it refreshes the registry once and tries pending rows of all
// datasets again. The batches are of one dataset (a nil one is left out) and get consecutive numbers; facts end up as if they had been accepted one after the other, what the registry
// changes is seen as of the last one. It runs inside the caller's transaction on conn; after an error the caller must roll back. A file that was accepted before
// changes nothing (Result.Duplicate). keep, when given, is asked about each file once its rows are linked (Linked, OtherCounty, MainCounty are known); a
// file that it doesn't want is left out (Result.Refused). Rows of files left out are deleted from stage and the numbers in its column file move up.
func AcceptAll(ctx context.Context, conn *sql.Conn, w *warehouse.Warehouse, p *policy.Pack, bs []*Batch, stage string, keep func(i int, r *Result) bool) ([]Result, error) {
	k := &work{ctx: ctx, conn: conn, d: w.Dialect(), pack: p, stage: stage}
	res := make([]Result, len(bs))
	var ds *policy.Dataset
	for i, b := range bs {
		if b == nil {
			continue
		}
		if ds == nil {
			ds = b.Dataset
		}
		if b.Dataset == nil || b.Dataset != ds || b.SHA256 == "" || b.From.IsZero() || b.To.Before(b.From) {
			return res, errs.New(errs.Internal, "批次缺少数据集、文件摘要或所属期。", "the batch lacks its dataset, file hash or period.")
		}
		res[i].Why = map[string]int{}
	}
	if ds == nil {
		return res, nil
	}
	at, twice, err := k.known(ds, bs, res)
	if err != nil {
		return res, err
	}
	if err := k.drop(at, len(bs)); err != nil {
		return res, err
	}
	for len(at) > 0 {
		if err := k.exec(k.d.TempView("lk_in", k.linkInput(ds, stage+" s", k.rid("s")))); err != nil {
			return res, err
		}
		if err := k.near(bs, at); err != nil {
			return res, err
		}
		if err := k.link(ds); err != nil {
			return res, err
		}
		for _, i := range at {
			res[i] = Result{Why: map[string]int{}}
		}
		if err := k.tally(at, res); err != nil {
			return res, err
		}
		if err := k.spots(ds, bs, at, res); err != nil {
			return res, err
		}
		var kept, left []int // kept: places in at
		for j, i := range at {
			if keep != nil && !keep(i, &res[i]) {
				res[i].Refused = true
				continue
			}
			kept, left = append(kept, j), append(left, i)
		}
		if len(left) == len(at) {
			break
		}
		if err := k.drop(kept, len(at)); err != nil {
			return res, err
		}
		at = left
	}
	if len(at) == 0 {
		return res, nil
	}
	last, err := k.count("SELECT max(batch) FROM batch")
	if err != nil {
		return res, err
	}
	k.first, k.n = last+1, last+len(at)
	for j, i := range at {
		res[i].Batch = k.first + j
	}
	for i, of := range twice {
		res[i].Batch = res[of].Batch
	}
	if err := k.insertBatches(bs, at, res); err != nil {
		return res, err
	}
	if err := k.cover(ds, bs, at, res); err != nil {
		return res, err
	}
	if err := k.rank(ds); err != nil {
		return res, err
	}
	if err := k.supersede(ds, bs, at, res); err != nil {
		return res, err
	}
	if err := k.insert(ds, at, res); err != nil {
		return res, err
	}
	if ds.Role != "" || ds.ID == registry.Deaths {
		return res, k.follow(ds, &res[at[len(at)-1]])
	}
	return res, nil
}

// known finds the files that were accepted before, and those that are in bs twice. It returns the indexes of the others, and for the second of two
// equal files which is the first.
func (k *work) known(ds *policy.Dataset, bs []*Batch, res []Result) (at []int, twice map[int]int, err error) {
	args := []any{ds.ID}
	var marks []string
	for _, b := range bs {
		if b != nil {
			args = append(args, b.SHA256)
			marks = append(marks, fmt.Sprintf("$%d", len(args)))
		}
	}
	rows, err := k.conn.QueryContext(k.ctx, "SELECT sha256, max(batch) FROM batch WHERE dataset = $1 AND state = 'accepted' AND sha256 IN ("+strings.Join(marks, ", ")+") GROUP BY sha256", args...)
	if err != nil {
		return nil, nil, fmt.Errorf("linkage: %w", err)
	}
	defer rows.Close()
	old := map[string]int{}
	for rows.Next() {
		var sha string
		var batch int
		if err := rows.Scan(&sha, &batch); err != nil {
			return nil, nil, fmt.Errorf("linkage: %w", err)
		}
		old[sha] = batch
	}
	if err := rows.Err(); err != nil {
		return nil, nil, fmt.Errorf("linkage: %w", err)
	}
	first := map[string]int{}
	twice = map[int]int{}
	for i, b := range bs {
		if b == nil {
			continue
		}
		if n, ok := old[b.SHA256]; ok {
			res[i] = Result{Batch: n, Duplicate: true, Why: map[string]int{}}
			continue
		}
		if j, ok := first[b.SHA256]; ok {
			res[i] = Result{Duplicate: true, Why: map[string]int{}}
			twice[i] = j
			continue
		}
		first[b.SHA256] = i
		at = append(at, i)
	}
	return at, twice, nil
}

// drop leaves only some of the n files in the staging table and numbers them again, from 0.
func (k *work) drop(kept []int, n int) error {
	if len(kept) == n {
		return nil
	}
	list, again := "-1", ""
	for to, from := range kept {
		list += fmt.Sprintf(", %d", from)
		again += fmt.Sprintf(" WHEN %d THEN %d", from, to)
	}
	if err := k.exec("DELETE FROM " + k.stage + " WHERE coalesce(file, 0) NOT IN (" + list + ")"); err != nil || again == "" {
		return err
	}
	return k.exec("UPDATE " + k.stage + " SET file = CASE coalesce(file, 0)" + again + " END")
}

// rid numbers the rows of the staging table over all files: the file's index, then 32 bits for the row.
func (k *work) rid(alias string) string {
	return fmt.Sprintf("(CAST(coalesce(%[1]s.file, 0) AS BIGINT) * 4294967296 + %[1]s.row_no)", alias)
}

// batchOf is the batch of a row number.
func (k *work) batchOf(rid string) string {
	return fmt.Sprintf("CAST(%d + (%s >> 32) AS INTEGER)", k.first, rid)
}

// insertBatches writes the rows of table batch, with what is known of them by now.
func (k *work) insertBatches(bs []*Batch, at []int, res []Result) error {
	var args []any
	var rows []string
	for _, i := range at {
		b, r := bs[i], &res[i]
		receipt := string(b.Receipt)
		if receipt == "" {
			receipt = "{}"
		}
		n := len(args)
		rows = append(rows, fmt.Sprintf("($%d, $%d, $%d, $%d, $%d, $%d, $%d, CAST($%d AS DATE), CAST($%d AS DATE), $%d, $%d, $%d, $%d, $%d, 'accepted', CAST($%d AS %s), $%d, $%d)",
			n+1, n+2, n+3, n+4, n+5, n+6, n+7, n+8, n+9, n+10, n+11, n+12, n+13, n+14, n+15, k.d.Type("JSON"), n+16, n+17))
		args = append(args, r.Batch, b.Dataset.ID, b.Dataset.Version, k.pack.Hash, b.SHA256, b.FileName, int64(b.Scope), b.From.Format(time.DateOnly), b.To.Format(time.DateOnly),
			b.Rows, r.Accepted, b.Rejected, r.Linked, r.Pending, receipt, b.ReceivedAt.UTC(), k.n)
	}
	return k.exec(`INSERT INTO batch (batch, dataset, contract_version, pack_hash, sha256, file_name, scope, period_from, period_to, rows, accepted, rejected, linked, pending, state, receipt, received_at, together)
		VALUES `+strings.Join(rows, ", "), args...)
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

// tally counts the links of lk_link by file, tier and reason; at are the files in the order of their numbers.
func (k *work) tally(at []int, res []Result) error {
	rows, err := k.conn.QueryContext(k.ctx, "SELECT rid >> 32, tier, why, count(*) FROM lk_link GROUP BY ALL")
	if err != nil {
		return fmt.Errorf("linkage: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var tier sql.NullInt64
		var why sql.NullString
		var file, n int
		if err := rows.Scan(&file, &tier, &why, &n); err != nil {
			return fmt.Errorf("linkage: %w", err)
		}
		r := &res[at[file]]
		r.Accepted += n
		if why.Valid {
			r.Pending += n
			r.Why[why.String] += n
		} else {
			r.Linked += n
			r.ByTier[tier.Int64] += n
		}
	}
	return rows.Err()
}

// spots makes lk_spot(file, division, county, n): where the rows' households lie and how many linked rows lie there (a roster row brings its own division).
// It tells which counties the linked rows are of, and how many lie outside the file's scope.
func (k *work) spots(ds *policy.Dataset, bs []*Batch, at []int, res []Result) error {
	src := "SELECT l.rid >> 32 AS file, h.division, h.county, count(*) AS n FROM lk_link l JOIN household h ON h.household_id = l.household_id GROUP BY 1, 2, 3"
	if ds.Role == warehouse.RoleRoster {
		src = fmt.Sprintf("SELECT CAST(coalesce(s.file, 0) AS BIGINT) AS file, s.division, %s AS county, count(*) FILTER (WHERE s.house_id IS NOT NULL AND s.person_key IS NOT NULL) AS n FROM %s s GROUP BY 1, 2, 3",
			k.d.County("s.division"), k.stage)
	}
	if err := k.temp("lk_spot", src); err != nil {
		return err
	}
	scopes := make([]string, len(at))
	for j, i := range at {
		scopes[j] = fmt.Sprintf("(%d, CAST(NULL AS BIGINT), CAST(NULL AS BIGINT))", j)
		if s := bs[i].Scope; s != 0 {
			lo, hi := s.Range()
			scopes[j] = fmt.Sprintf("(%d, %d, %d)", j, lo, hi)
		}
	}
	rows, err := k.conn.QueryContext(k.ctx, fmt.Sprintf(`SELECT s.file, s.county, CAST(sum(s.n) AS BIGINT), CAST(coalesce(sum(s.n) FILTER (WHERE NOT (s.division BETWEEN r.lo AND r.hi)), 0) AS BIGINT)
		FROM lk_spot s JOIN (VALUES %s) r(file, lo, hi) ON r.file = s.file WHERE s.county IS NOT NULL AND s.n > 0 GROUP BY s.file, s.county ORDER BY s.file, s.county`, strings.Join(scopes, ", ")))
	if err != nil {
		return fmt.Errorf("linkage: %w", err)
	}
	defer rows.Close()
	most := make([]int, len(at))
	for rows.Next() {
		var file, n, other int
		var county int32
		if err := rows.Scan(&file, &county, &n, &other); err != nil {
			return fmt.Errorf("linkage: %w", err)
		}
		r := &res[at[file]]
		r.Counties = append(r.Counties, county)
		r.OtherCounty += other
		if n > most[file] {
			most[file], r.MainCounty = n, county
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("linkage: %w", err)
	}
	return nil
}

// covered is a county for which a batch has come.
type covered struct {
	batch    int
	county   int32
	from, to time.Time
}

// cover writes the completeness rows.
func (k *work) cover(ds *policy.Dataset, bs []*Batch, at []int, res []Result) error {
	var list []covered
	for _, i := range at {
		b := bs[i]
		counties := res[i].Counties
		if b.Scope != 0 && (ds.Role != warehouse.RoleRoster || b.Scope.Level() >= division.County) {
			if counties = b.Counties; len(counties) == 0 {
				var err error
				if counties, err = countiesUnder(b.Scope); err != nil {
					return err
				}
			}
		}
		for _, c := range counties {
			list = append(list, covered{res[i].Batch, c, b.From, b.To})
		}
	}
	return k.insertCoverage(ds, list)
}

// insertCoverage writes a row for each month of each covered county.
func (k *work) insertCoverage(ds *policy.Dataset, list []covered) error {
	const most = 2000 // rows a statement
	var vals []string
	flush := func() error {
		if len(vals) == 0 {
			return nil
		}
		err := k.exec("INSERT INTO coverage (dataset, county, month, batch) SELECT '" + ds.ID + "', c.county, c.month, c.batch FROM (VALUES " + strings.Join(vals, ", ") + ") AS c(county, month, batch)")
		vals = vals[:0]
		return err
	}
	seen := map[covered]bool{}
	for _, c := range list {
		if seen[c] {
			continue
		}
		seen[c] = true
		last := c.to.Format("2006-01")
		for m := time.Date(c.from.Year(), c.from.Month(), 1, 0, 0, 0, 0, time.UTC); m.Format("2006-01") <= last; m = m.AddDate(0, 1, 0) {
			if vals = append(vals, fmt.Sprintf("(%d, DATE '%s', %d)", c.county, m.Format(time.DateOnly), c.batch)); len(vals) == most {
				if err := flush(); err != nil {
					return err
				}
			}
		}
	}
	return flush()
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
