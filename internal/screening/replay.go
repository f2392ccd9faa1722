package screening

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/expr"
	"shouwang/internal/policy"
	"shouwang/internal/warehouse"
)

// Under is the same service with another pack: what a draft of the policy would have said. It must not run a screening, and its pack's contracts must be those of
// the pack in force, because its tables are.
func (s *Service) Under(p *policy.Pack) *Service {
	return &Service{w: s.w, pack: p, tree: s.tree, dataDir: s.dataDir}
}

// PastRun is one finished run.
type PastRun struct {
	Run      int64     `json:"run"`
	Kind     string    `json:"kind"`
	AsOf     time.Time `json:"as_of"`
	PackHash string    `json:"pack_hash"`
	Finished time.Time `json:"finished"`
	Screened int64     `json:"screened"`
}

// Runs gives the finished runs, the newest first, at most limit; none when nothing was screened yet.
func (s *Service) Runs(ctx context.Context, limit int) ([]PastRun, error) {
	c, err := s.w.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if ok, err := tableExists(ctx, c, "run"); err != nil || !ok {
		return nil, err
	}
	rows, err := c.QueryContext(ctx, fmt.Sprintf("SELECT run, kind, as_of, pack_hash, coalesce(finished_at, started_at), screened FROM run WHERE state = 'done' ORDER BY run DESC LIMIT %d", limit))
	if err != nil {
		return nil, fmt.Errorf("screening: runs: %w", err)
	}
	defer rows.Close()
	var out []PastRun
	for rows.Next() {
		var r PastRun
		if err := rows.Scan(&r.Run, &r.Kind, &r.AsOf, &r.PackHash, &r.Finished, &r.Screened); err != nil {
			return nil, fmt.Errorf("screening: runs: %w", err)
		}
		r.AsOf, r.Finished = r.AsOf.UTC(), r.Finished.UTC()
		out = append(out, r)
	}
	return out, rows.Err()
}

// KeptPack is the pack that a run with this digest used, as the data folder keeps it. The error is errs.NotFound when it is not there.
func (s *Service) KeptPack(digest string) (*policy.Pack, error) {
	if len(digest) != 64 {
		return nil, errs.New(errs.NotFound, "没有这个版本的政策包", "there is no such version of the policy pack")
	}
	for i := range len(digest) {
		if c := digest[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return nil, errs.New(errs.NotFound, "没有这个版本的政策包", "there is no such version of the policy pack")
		}
	}
	return s.oldPack(digest)
}

// Replay derives the rows of households again as a run knew them, with the service's pack, and hands each to fn: row has the slots of policy.Pack.RuleEnv and is
// valid during the call only. Households that were not registered then are left out. The error is errs.NotFound for no such run.
func (s *Service) Replay(ctx context.Context, run int64, households []int64, fn func(household int64, d division.Code, row []expr.Value) error) error {
	if len(households) == 0 {
		return nil
	}
	c, err := s.w.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	rec, err := lastRun(ctx, c, run)
	if err != nil {
		return err
	}
	if rec == nil {
		return noRun(run)
	}
	if err := exec(ctx, c, "CREATE OR REPLACE TEMP TABLE followed (household_id BIGINT NOT NULL)"); err != nil {
		return err
	}
	defer func() { _ = exec(context.WithoutCancel(ctx), c, "DROP TABLE IF EXISTS followed") }()
	columns := []warehouse.Column{{Name: "household_id", SQLType: "BIGINT"}}
	app, err := s.w.Appender(ctx, c, "followed", columns)
	if err != nil {
		return err
	}
	chunk := warehouse.NewChunk(columns)
	for _, id := range households {
		chunk.SetInt64(0, chunk.NewRow(), id)
		if chunk.Full() {
			if err := app.Append(chunk); err != nil {
				return err
			}
			chunk.Reset()
		}
	}
	if chunk.Len() > 0 {
		if err := app.Append(chunk); err != nil {
			return err
		}
	}
	if err := app.Close(); err != nil {
		return err
	}
	return s.deriveAll(ctx, c, rec, fn)
}

// Would is whom a run would have warned under one pack and under another.
type Would struct {
	Run          int64  `json:"run"`
	AsOf         string `json:"as_of"`
	Before       int64  `json:"before"` // households with a warning
	After        int64  `json:"after"`
	Enter        int64  `json:"enter"`
	EnterPersons int64  `json:"enter_persons"`
	Leave        int64  `json:"leave"`
	LeavePersons int64  `json:"leave_persons"`
	Worse        int64  `json:"worse"` // stay warned at a higher level
	Better       int64  `json:"better"`
}

// WouldWarn derives every household again as a run knew it, with the service's pack and with another, and counts whom they warn of (doubt rules aside). It takes about as long as two
// full screenings and stores nothing. progress counts households of both passes; it may be nil.
func (s *Service) WouldWarn(ctx context.Context, other *policy.Pack, run int64, progress func(done, total int64)) (Would, error) {
	var out Would
	c, err := s.w.Conn(ctx)
	if err != nil {
		return out, err
	}
	defer c.Close()
	rec, err := lastRun(ctx, c, run)
	if err != nil {
		return out, err
	}
	if rec == nil {
		return out, noRun(run)
	}
	total, err := one[int64](ctx, c, "SELECT count(*) FROM household")
	if err != nil {
		return out, err
	}
	ranges, err := chunks(ctx, c, total, defaultChunk)
	if err != nil {
		return out, err
	}
	cover, err := loadCoverage(ctx, c, rec.AsOf, rec.UpTo)
	if err != nil {
		return out, err
	}
	var done atomic.Int64
	for i, side := range []*Service{s, s.Under(other)} {
		table := [...]string{"would_before", "would_after"}[i]
		values, err := newParameters(side.pack, rec.AsOf, nil)
		if err != nil {
			return out, err
		}
		q := &query{pack: side.pack, asOf: rec.AsOf, cover: cover, values: values, asKnown: rec.UpTo, patterns: newPatterns(side.pack)}
		if err := exec(ctx, c, "CREATE OR REPLACE TEMP TABLE "+table+" (household_id BIGINT NOT NULL, members INTEGER NOT NULL, level INTEGER NOT NULL)"); err != nil {
			return out, err
		}
		defer func() { _ = exec(context.WithoutCancel(ctx), c, "DROP TABLE IF EXISTS "+table) }()
		for _, r := range ranges {
			text := "INSERT INTO " + table + " SELECT household_id, members, level FROM (SELECT household_id, members, " + side.levelOf("hits") + " AS level FROM (" + q.sqlWide(r, rec.Run) + ") AS w) AS l WHERE level > 0"
			if err := exec(ctx, c, text); err != nil {
				return out, err
			}
			if progress != nil {
				progress(min(2*total, done.Add((2*total)/int64(2*len(ranges)))), 2*total)
			}
		}
	}
	out.Run, out.AsOf = rec.Run, rec.AsOf.Format(time.DateOnly)
	err = c.QueryRowContext(ctx, `SELECT count(b.household_id), count(a.household_id), count(*) FILTER (b.household_id IS NULL), coalesce(CAST(sum(a.members) FILTER (b.household_id IS NULL) AS BIGINT), 0),
 count(*) FILTER (a.household_id IS NULL), coalesce(CAST(sum(b.members) FILTER (a.household_id IS NULL) AS BIGINT), 0), count(*) FILTER (a.level > b.level), count(*) FILTER (a.level < b.level)
FROM would_before AS b FULL OUTER JOIN would_after AS a ON a.household_id = b.household_id`).
		Scan(&out.Before, &out.After, &out.Enter, &out.EnterPersons, &out.Leave, &out.LeavePersons, &out.Worse, &out.Better)
	if err != nil {
		return out, fmt.Errorf("screening: would warn: %w", err)
	}
	return out, nil
}
