package screening

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/policy"
	"shouwang/internal/warehouse"
)

// Service screens one warehouse with one pack.
type Service struct {
	w       *warehouse.Warehouse
	pack    *policy.Pack
	tree    *division.Tree
	dataDir string
}

// New makes the service. dataDir is the data folder: the packs that runs used are kept under packs/.
func New(w *warehouse.Warehouse, p *policy.Pack, tree *division.Tree, dataDir string) *Service {
	return &Service{w: w, pack: p, tree: tree, dataDir: dataDir}
}

// Options of one run.
type Options struct {
	AsOf time.Time // the screening day: windows and ages count back from it
	Now  time.Time // recorded as the time of the run
	Full bool      // screen everybody even when only a few households changed
	// Chunk is the number of households screened at a time; 0 = 400 000. It bounds memory, not the result.
	Chunk    int64
	Progress func(done, total int64) // households; may be nil
}

// Change of a warning against the run before.
const (
	ChangeNew     = "new"
	ChangeWorse   = "worse"
	ChangeBetter  = "better"
	ChangeSame    = "same"
	ChangeCleared = "cleared"
	ChangeUnknown = "unknown" // it was a warning and can't be told any more: a feed stopped coming
	ChangeGone    = "gone"    // the household left the register
)

// Summary of a run.
type Summary struct {
	Run        int64            `json:"run"`
	Kind       string           `json:"kind"` // full | incremental | none (nothing changed since the last run)
	AsOf       string           `json:"as_of"`
	PackHash   string           `json:"pack_hash"`
	ParamHash  string           `json:"param_hash"`
	UpToBatch  int              `json:"up_to_batch"`
	Screened   int64            `json:"screened"`   // households screened by this run
	Households int64            `json:"households"` // households in the warehouse
	Persons    int64            `json:"persons"`    // their members
	Warned     int64            `json:"warned"`     // households with a warning (doubt flags aside)
	ByLevel    []Count          `json:"by_level"`   // households by their worst warning
	ByRisk     []RiskCount      `json:"by_risk"`    // warnings (household × risk) by risk and level
	ByChange   map[string]int64 `json:"by_change"`  // warnings of this run against the run before
	Rules      []RuleCount      `json:"rules"`
	Checks     []RuleCount      `json:"checks"`
	Requests   []DataRequest    `json:"data_requests"`
	Seconds    float64          `json:"seconds"`
}

// Count of households by level.
type Count struct {
	Level      string `json:"level"`
	Households int64  `json:"households"`
	Persons    int64  `json:"persons"`
}

// RiskCount of warnings.
type RiskCount struct {
	Risk   string `json:"risk"`
	Red    int64  `json:"red"`
	Yellow int64  `json:"yellow"`
	Blue   int64  `json:"blue"`
}

// RuleCount is how a rule came out over all households.
type RuleCount struct {
	Rule    string `json:"rule"`
	Hit     int64  `json:"hit"`
	Unknown int64  `json:"unknown"`
}

// DataRequest asks a department for what a rule needs and does not have.
type DataRequest struct {
	Dataset    string   `json:"dataset"`
	Department string   `json:"department"`
	County     int32    `json:"county"`
	State      string   `json:"state"` // missing (the feed never came) | stale (it came too long ago) | gap (it comes, but some months never came) | no_row (it came without these households)
	Through    string   `json:"through,omitempty"`
	Months     []string `json:"months,omitempty"` // of a gap: what never came, 2026-04 or 2026-01–2026-03
	Households int64    `json:"households"`
	Rules      []string `json:"rules"`
}

const schema = `
CREATE TABLE IF NOT EXISTS run (run BIGINT NOT NULL, kind VARCHAR, state VARCHAR, as_of DATE, pack_hash VARCHAR, param_hash VARCHAR,
  upto_batch INTEGER, screened BIGINT, started_at TIMESTAMP, finished_at TIMESTAMP, summary VARCHAR);
CREATE TABLE IF NOT EXISTS hit (run BIGINT NOT NULL, household_id BIGINT NOT NULL, rule VARCHAR NOT NULL, risk VARCHAR NOT NULL,
  class VARCHAR NOT NULL, level SMALLINT NOT NULL, evidence FLOAT8[]);
CREATE TABLE IF NOT EXISTS warning (run BIGINT NOT NULL, household_id BIGINT NOT NULL, risk VARCHAR NOT NULL, level SMALLINT NOT NULL,
  before SMALLINT NOT NULL, change VARCHAR NOT NULL, rules INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS warning_live (household_id BIGINT NOT NULL, division BIGINT NOT NULL, risk VARCHAR NOT NULL, level SMALLINT NOT NULL, rules INTEGER NOT NULL,
  known BOOLEAN NOT NULL, run BIGINT NOT NULL, change VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS data_request (run BIGINT NOT NULL, dataset VARCHAR NOT NULL, county INTEGER NOT NULL, state VARCHAR NOT NULL,
  through DATE, households BIGINT NOT NULL, rules VARCHAR NOT NULL);
ALTER TABLE data_request ADD COLUMN IF NOT EXISTS months VARCHAR;
ALTER TABLE warning_live ADD COLUMN IF NOT EXISTS members INTEGER;`

// runRecord is a row of table run.
type runRecord struct {
	Run       int64
	Kind      string
	AsOf      time.Time
	PackHash  string
	ParamHash string
	UpTo      int
	Summary   string
}

// lastRun is the newest finished run, or nil.
func lastRun(ctx context.Context, c *sql.Conn, which int64) (*runRecord, error) {
	where := "state = 'done'"
	if which > 0 {
		where += fmt.Sprintf(" AND run = %d", which)
	}
	var r runRecord
	err := c.QueryRowContext(ctx, "SELECT run, kind, as_of, pack_hash, param_hash, upto_batch, coalesce(summary, '') FROM run WHERE "+where+" ORDER BY run DESC LIMIT 1").
		Scan(&r.Run, &r.Kind, &r.AsOf, &r.PackHash, &r.ParamHash, &r.UpTo, &r.Summary)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("screening: last run: %w", err)
	}
	r.AsOf = r.AsOf.UTC()
	return &r, nil
}

func exec(ctx context.Context, c *sql.Conn, text string) error {
	if _, err := c.ExecContext(ctx, text); err != nil {
		return fmt.Errorf("screening: %w\n%s", err, short(text))
	}
	return nil
}

// short keeps generated SQL in an error readable. It holds thresholds and column names, never a person's data.
func short(text string) string {
	if len(text) > 600 {
		return text[:600] + " …"
	}
	return text
}

func one[T any](ctx context.Context, c *sql.Conn, text string) (T, error) {
	var v T
	if err := c.QueryRowContext(ctx, text).Scan(&v); err != nil {
		return v, fmt.Errorf("screening: %w\n%s", err, short(text))
	}
	return v, nil
}

// prepare creates the tables and removes what a killed run left behind.
func (s *Service) prepare(ctx context.Context, c *sql.Conn) error {
	for _, stmt := range strings.Split(schema, ";\n") {
		if err := exec(ctx, c, stmt); err != nil {
			return err
		}
	}
	if err := exec(ctx, c, "UPDATE run SET state = 'aborted' WHERE state = 'running'"); err != nil {
		return err
	}
	for _, t := range []string{"wide_next", "pattern_next"} {
		if err := exec(ctx, c, "DROP TABLE IF EXISTS "+t); err != nil {
			return err
		}
	}
	return nil
}

// Forget drops everything that runs have made, as if nothing had been screened yet. A benchmark screens at two sizes; nobody else needs it.
func (s *Service) Forget(ctx context.Context) error {
	c, err := s.w.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := exec(ctx, c, "DROP VIEW IF EXISTS wide"); err != nil {
		return err
	}
	for _, t := range []string{"run", "hit", "warning", "warning_live", "data_request", "wide_row", "pattern", "tally_village", "tally_county"} {
		if err := exec(ctx, c, "DROP TABLE IF EXISTS "+t); err != nil {
			return err
		}
	}
	return nil
}

func tableExists(ctx context.Context, c *sql.Conn, name string) (bool, error) {
	n, err := one[int64](ctx, c, "SELECT count(*) FROM information_schema.tables WHERE table_name = '"+name+"'")
	return n > 0, err
}

// Run screens: everybody, or only the households that something happened to since the last run with the same day,
// pack and parameters. A kill at any moment leaves the last finished run as it was.
func (s *Service) Run(ctx context.Context, o Options) (Summary, error) {
	began := time.Now()
	var sum Summary
	if o.AsOf.IsZero() {
		return sum, errs.New(errs.Invalid, "没有筛查日期", "no screening day")
	}
	c, err := s.w.Conn(ctx)
	if err != nil {
		return sum, err
	}
	defer c.Close()
	if err := s.prepare(ctx, c); err != nil {
		return sum, err
	}
	values, err := newParameters(s.pack, o.AsOf, nil)
	if err != nil {
		return sum, err
	}
	cover, err := loadCoverage(ctx, c, o.AsOf, 0)
	if err != nil {
		return sum, err
	}
	q := &query{pack: s.pack, asOf: o.AsOf, cover: cover, values: values, patterns: newPatterns(s.pack)}
	upTo, err := one[int](ctx, c, "SELECT coalesce(max(batch), 0) FROM batch")
	if err != nil {
		return sum, err
	}
	total, err := one[int64](ctx, c, "SELECT count(*) FROM household")
	if err != nil {
		return sum, err
	}
	if total == 0 {
		return sum, errs.New(errs.NotFound, "还没有农户花名册，无法筛查；请先用 shouwang intake 接收农户花名册",
			"there is no household roster yet, so nobody can be screened; take in a roster first with shouwang intake")
	}
	last, err := lastRun(ctx, c, 0)
	if err != nil {
		return sum, err
	}
	hasWide, err := tableExists(ctx, c, "wide_row")
	if err != nil {
		return sum, err
	}
	if hasWide && !o.Full {
		if hasWide, err = tableExists(ctx, c, "tally_county"); err != nil {
			return sum, err
		}
	}
	full := o.Full || last == nil || !hasWide || !last.AsOf.Equal(o.AsOf) || last.PackHash != s.pack.Hash || last.ParamHash != values.hash()

	var touched int64
	if !full {
		if touched, err = s.touched(ctx, c, q, last.UpTo); err != nil {
			return sum, err
		}
		// Beyond a quarter of all households one full pass is cheaper and the outcome is the same.
		full = touched*4 > total
	}
	run, err := one[int64](ctx, c, "SELECT coalesce(max(run), 0) + 1 FROM run")
	if err != nil {
		return sum, err
	}
	sum = Summary{Run: run, Kind: "incremental", AsOf: o.AsOf.Format("2006-01-02"), PackHash: s.pack.Hash, ParamHash: values.hash(), UpToBatch: upTo, Households: total, Screened: touched}
	if full {
		sum.Kind, sum.Screened = "full", total
	}
	if err := s.keepPack(); err != nil {
		return sum, err
	}
	start := fmt.Sprintf("INSERT INTO run (run, kind, state, as_of, pack_hash, param_hash, upto_batch, screened, started_at) VALUES (%d, '%s', 'running', %s, '%s', '%s', %d, %d, TIMESTAMP '%s')",
		run, sum.Kind, lit(o.AsOf), s.pack.Hash, sum.ParamHash, upTo, sum.Screened, stamp(o.Now))
	if err := exec(ctx, c, start); err != nil {
		return sum, err
	}
	if full {
		err = s.full(ctx, c, q, run, total, o)
	} else {
		err = s.incremental(ctx, c, q, run)
	}
	if err != nil {
		return sum, err
	}
	if err := s.summarise(ctx, c, q, &sum); err != nil {
		return sum, err
	}
	sum.Seconds = time.Since(began).Seconds()
	text, err := json.Marshal(sum)
	if err != nil {
		return sum, err
	}
	done := "UPDATE run SET state = 'done', finished_at = ?, summary = ? WHERE run = ?"
	if _, err := c.ExecContext(ctx, done, o.Now.UTC().Add(time.Since(began)), string(text), run); err != nil {
		return sum, fmt.Errorf("screening: finish run: %w", err)
	}
	if err := exec(ctx, c, "COMMIT"); err != nil {
		return sum, err
	}
	return sum, nil
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// keepPack stores the pack that this run uses, so that its warnings can be derived again after the pack has changed.
func (s *Service) keepPack() error {
	dir := filepath.Join(s.dataDir, "packs")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("screening: keep pack: %w", err)
	}
	path := filepath.Join(dir, s.pack.Hash+".zip")
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	tmp, err := os.CreateTemp(dir, ".pack-*")
	if err != nil {
		return fmt.Errorf("screening: keep pack: %w", err)
	}
	defer os.Remove(tmp.Name())
	if err := errors.Join(s.pack.WriteZip(tmp), tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("screening: keep pack: %w", err)
	}
	return os.Rename(tmp.Name(), path)
}

// touched fills the temporary table touched with the households that something happened to after batch upTo, and counts them.
func (s *Service) touched(ctx context.Context, c *sql.Conn, q *query, upTo int) (int64, error) {
	var parts []string
	for _, t := range append(s.factTables(), "household", "person") {
		parts = append(parts,
			fmt.Sprintf("SELECT household_id FROM %s WHERE seen > %d", t, upTo),
			fmt.Sprintf("SELECT household_id FROM %s_past WHERE until > %d", t, upTo))
	}
	before, err := loadCoverage(ctx, c, q.asOf, upTo, q.cover.counties...)
	if err != nil {
		return 0, err
	}
	if counties := coverageChanges(q, before); len(counties) > 0 {
		parts = append(parts, "SELECT household_id FROM household WHERE county IN ("+joinInts(counties)+")")
	}
	if err := exec(ctx, c, "CREATE OR REPLACE TEMPORARY TABLE touched AS SELECT DISTINCT household_id FROM ("+strings.Join(parts, " UNION ALL ")+") AS t WHERE household_id IS NOT NULL"); err != nil {
		return 0, err
	}
	return one[int64](ctx, c, "SELECT count(*) FROM touched")
}

// coverageChanges lists the counties where since the coverage before some indicator became known or unknown, or lacks other months.
func coverageChanges(q *query, before *coverage) []int32 {
	var out []int32
	for _, county := range q.cover.counties {
		for i := range q.pack.Indicators {
			ind := &q.pack.Indicators[i]
			if ind.Derive != nil {
				continue
			}
			now, then := q.cover.of(q.need(ind), county), before.of(q.need(ind), county)
			if (now.state == covered) != (then.state == covered) || !slices.Equal(now.gaps, then.gaps) {
				out = append(out, county)
				break
			}
		}
	}
	return out
}

func joinInts(list []int32) string {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = fmt.Sprint(v)
	}
	return strings.Join(parts, ", ")
}

// factTables are the fact tables that indicators read.
func (s *Service) factTables() []string {
	var out []string
	ids, _ := byDataset(s.pack)
	for _, id := range ids {
		if id != "person" && id != "household" {
			out = append(out, "fact_"+id)
		}
	}
	return out
}

// chunks cuts the households into ranges of about size households.
func chunks(ctx context.Context, c *sql.Conn, total, size int64) ([]scope, error) {
	n := (total + size - 1) / size
	if n <= 1 {
		return []scope{{}}, nil
	}
	var cuts []float64
	for i := int64(1); i < n; i++ {
		cuts = append(cuts, float64(i)/float64(n))
	}
	rows, err := c.QueryContext(ctx, warehouse.DuckDB.Quantiles("household_id", "household", cuts))
	if err != nil {
		return nil, fmt.Errorf("screening: ranges: %w", err)
	}
	defer rows.Close()
	var ends []int64
	for rows.Next() {
		var v int64
		if err := rows.Scan(&v); err != nil {
			return nil, fmt.Errorf("screening: ranges: %w", err)
		}
		ends = append(ends, v)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("screening: ranges: %w", err)
	}
	sort.Slice(ends, func(a, b int) bool { return ends[a] < ends[b] })
	ends = append(ends, 1<<63-1)
	var out []scope
	lo := int64(0)
	for _, hi := range ends {
		if hi >= lo {
			out = append(out, scope{lo: lo, hi: hi})
			lo = hi + 1
		}
		if hi == 1<<63-1 {
			break
		}
	}
	return out, nil
}

// defaultChunk balances cache locality against the fixed cost of a query; measured in docs/benchmarks.md.
const defaultChunk = 400_000

// full screens everybody into wide_next, then swaps. It returns inside a transaction that the caller commits.
func (s *Service) full(ctx context.Context, c *sql.Conn, q *query, run, total int64, o Options) error {
	size := o.Chunk
	if size <= 0 {
		size = defaultChunk
	}
	ranges, err := chunks(ctx, c, total, size)
	if err != nil {
		return err
	}
	if err := exec(ctx, c, "CREATE TABLE wide_next ("+q.wideColumns(s.pack)+")"); err != nil {
		return err
	}
	var done atomic.Int64
	work := make(chan scope)
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(work)
		for _, r := range ranges {
			select {
			case work <- r:
			case <-gctx.Done():
				return gctx.Err()
			}
		}
		return nil
	})
	// Two at a time: one query's serial ends (planning, last rows) overlap the other's parallel middle.
	for range min(2, len(ranges)) {
		g.Go(func() error {
			conn, err := s.w.Conn(gctx)
			if err != nil {
				return err
			}
			defer conn.Close()
			for r := range work {
				if err := exec(gctx, conn, "INSERT INTO wide_next "+q.sqlRows(r, run)); err != nil {
					return err
				}
				if o.Progress != nil {
					o.Progress(min(total, done.Add(size)), total)
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := exec(ctx, c, "CREATE TABLE pattern_next ("+q.columns(s.pack)+")"); err != nil {
		return err
	}
	if err := q.learn(ctx, c, q, "wide_next", "pattern_next", scope{}); err != nil {
		return err
	}
	// Before there were patterns, wide was a table.
	old, err := one[string](ctx, c, "SELECT coalesce(max(table_type), '') FROM information_schema.tables WHERE table_name = 'wide'")
	if err != nil {
		return err
	}
	kind := "VIEW"
	if old == "BASE TABLE" {
		kind = "TABLE"
	}
	if err := exec(ctx, c, "BEGIN TRANSACTION"); err != nil {
		return err
	}
	err = func() error {
		for _, text := range []string{
			"DROP " + kind + " IF EXISTS wide", "DROP TABLE IF EXISTS wide_row", "DROP TABLE IF EXISTS pattern",
			"ALTER TABLE wide_next RENAME TO wide_row", "ALTER TABLE pattern_next RENAME TO pattern", wideView(s.pack),
		} {
			if err := exec(ctx, c, text); err != nil {
				return err
			}
		}
		return s.afterWide(ctx, c, q, run, scope{}, nil)
	}()
	return s.rollbackOn(ctx, c, err)
}

// rollbackOn ends the open transaction when err is set.
func (s *Service) rollbackOn(ctx context.Context, c *sql.Conn, err error) error {
	if err != nil {
		if rb := exec(context.WithoutCancel(ctx), c, "ROLLBACK"); rb != nil {
			return errors.Join(err, rb)
		}
	}
	return err
}

// incremental screens the households of table touched again. It returns inside a transaction that the caller commits.
func (s *Service) incremental(ctx context.Context, c *sql.Conn, q *query, run int64) error {
	sc := scope{table: "touched"}
	rows, err := c.QueryContext(ctx, "SELECT household_id FROM touched ORDER BY household_id LIMIT 501")
	if err != nil {
		return fmt.Errorf("screening: touched: %w", err)
	}
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return errors.Join(err, rows.Close())
		}
		ids = append(ids, id)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	// A short list as literals lets every scan skip the row groups that can't hold them.
	if len(ids) > 0 && len(ids) <= 500 {
		sc = scope{ids: ids}
	}
	if err := exec(ctx, c, "BEGIN TRANSACTION"); err != nil {
		return err
	}
	err = func() error {
		counties, err := countiesOf(ctx, c, sc)
		if err != nil {
			return err
		}
		if err := exec(ctx, c, "DELETE FROM wide_row"+whereClause(sc.where(""))); err != nil {
			return err
		}
		if err := exec(ctx, c, "INSERT INTO wide_row "+q.sqlRows(sc, run)); err != nil {
			return err
		}
		if err := q.learn(ctx, c, q, "wide_row", "pattern", sc); err != nil {
			return err
		}
		return s.afterWide(ctx, c, q, run, sc, counties)
	}()
	return s.rollbackOn(ctx, c, err)
}

// afterWide makes hits, warnings, counts and data requests of the households in scope from their new wide rows. before are the counties where they
// were until now.
func (s *Service) afterWide(ctx context.Context, c *sql.Conn, q *query, run int64, sc scope, before []int32) error {
	if len(s.pack.Rules) == 0 {
		return nil
	}
	if err := s.tally(ctx, c, sc, before); err != nil {
		return err
	}
	var anyHit []string
	for w := range words(len(s.pack.Rules)) {
		anyHit = append(anyHit, fmt.Sprintf("hits%d <> 0", w))
	}
	cols := []string{"run", "household_id", "division", "members"}
	used := make([]bool, len(s.pack.Indicators))
	for i := range s.pack.Rules {
		for _, v := range s.pack.Rules[i].When.Vars() {
			if v.Slot < len(used) && !used[v.Slot] {
				used[v.Slot] = true
				cols = append(cols, column(&s.pack.Indicators[v.Slot]))
			}
		}
	}
	for w := range words(len(s.pack.Rules)) {
		cols = append(cols, fmt.Sprintf("hits%d", w))
	}
	hot := "CREATE OR REPLACE TEMPORARY TABLE hot AS SELECT " + strings.Join(cols, ", ") + " FROM wide" + whereClause(sc.where(""), "("+strings.Join(anyHit, " OR ")+")")
	if err := exec(ctx, c, hot); err != nil {
		return err
	}
	// A statement a rule: one UNION ALL over all of them took DuckDB ten times as long (docs/benchmarks.md).
	for i := range s.pack.Rules {
		r := &s.pack.Rules[i]
		var evidence []string
		for _, v := range r.When.Vars() {
			if v.Name != "as_of" {
				evidence = append(evidence, "CAST("+numeric(q, v.Slot, q.onWide(v))+" AS FLOAT8)")
			}
		}
		list := "CAST(NULL AS FLOAT8[])"
		if len(evidence) > 0 {
			list = "ARRAY[" + strings.Join(evidence, ", ") + "]"
		}
		text := fmt.Sprintf("INSERT INTO hit SELECT run, household_id, '%s', '%s', '%s', %d, %s FROM hot WHERE %s",
			r.ID, r.Risk, r.Class, r.Level, list, hasBit("hits", i))
		if err := exec(ctx, c, text); err != nil {
			return err
		}
	}
	if err := s.diff(ctx, c, run, sc); err != nil {
		return err
	}
	if err := exec(ctx, c, "DROP TABLE hot"); err != nil {
		return err
	}
	if err := s.keepTrend(ctx, c, run); err != nil {
		return err
	}
	return s.requests(ctx, c, q, run, sc)
}

// numeric makes a bool 0/1 and a date days since 1970-01-01, so that evidence is one list of doubles (as in expr.Value).
func numeric(q *query, slot int, sqlText string) string {
	if slot < len(q.pack.Indicators) {
		switch q.pack.Indicators[slot].Type.String() {
		case "date":
			return "(" + sqlText + " - DATE '1970-01-01')"
		}
	}
	return sqlText
}

// diff compares this run's warnings of the scope with the ones that stood before, and replaces them.
func (s *Service) diff(ctx context.Context, c *sql.Conn, run int64, sc scope) error {
	var unknown []string
	for _, risk := range s.pack.Risks {
		masks := make([]int64, words(len(s.pack.Rules)))
		for i := range s.pack.Rules {
			if s.pack.Rules[i].Risk == risk.ID && s.pack.Rules[i].Class != policy.ClassDoubt {
				w, m := ruleBit(i)
				masks[w] |= m
			}
		}
		var cond []string
		for w, m := range masks {
			if m != 0 {
				cond = append(cond, fmt.Sprintf("(w.unknowns%d & %d) <> 0", w, m))
			}
		}
		if len(cond) > 0 {
			unknown = append(unknown, fmt.Sprintf("WHEN '%s' THEN %s", risk.ID, strings.Join(cond, " OR ")))
		}
	}
	isUnknown := "FALSE"
	if len(unknown) > 0 {
		isUnknown = "CASE b.risk " + strings.Join(unknown, " ") + " ELSE FALSE END"
	}
	text := fmt.Sprintf(`CREATE OR REPLACE TEMPORARY TABLE fresh AS
SELECT coalesce(n.household_id, b.household_id) AS household_id, coalesce(n.division, b.division) AS division, coalesce(n.members, b.members) AS members, coalesce(n.risk, b.risk) AS risk,
  CAST(coalesce(n.level, 0) AS SMALLINT) AS level, CAST(coalesce(b.level, 0) AS SMALLINT) AS before, CAST(coalesce(n.rules, 0) AS INTEGER) AS rules,
  CASE WHEN b.household_id IS NULL THEN 'new' WHEN n.household_id IS NULL AND w.household_id IS NULL THEN 'gone'
       WHEN n.household_id IS NULL AND (%s) THEN 'unknown' WHEN n.household_id IS NULL THEN 'cleared'
       WHEN n.level > b.level THEN 'worse' WHEN n.level < b.level THEN 'better' ELSE 'same' END AS change
FROM (SELECT t.household_id, t.risk, any_value(h.division) AS division, any_value(h.members) AS members, max(t.level) AS level, count(*) AS rules FROM hit AS t JOIN hot AS h ON h.household_id = t.household_id
  WHERE t.run = %d AND t.class <> 'doubt' GROUP BY t.household_id, t.risk) AS n
FULL OUTER JOIN (SELECT * FROM warning_live%s) AS b ON b.household_id = n.household_id AND b.risk = n.risk
LEFT JOIN wide AS w ON w.household_id = CASE WHEN n.household_id IS NULL THEN b.household_id END`, isUnknown, run, whereClause(sc.where("")))
	for _, stmt := range []string{
		text,
		fmt.Sprintf("INSERT INTO warning SELECT %d, household_id, risk, level, before, change, rules FROM fresh", run),
		"DELETE FROM warning_live" + whereClause(sc.where("")),
		fmt.Sprintf("INSERT INTO warning_live (household_id, division, risk, level, rules, known, run, change, members) SELECT household_id, division, risk, CASE WHEN change = 'unknown' THEN before ELSE level END, rules, change <> 'unknown', %d, change, members FROM fresh WHERE change NOT IN ('cleared', 'gone')", run),
		"DROP TABLE fresh",
	} {
		if err := exec(ctx, c, stmt); err != nil {
			return err
		}
	}
	return nil
}
