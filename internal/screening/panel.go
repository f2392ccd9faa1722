package screening

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/expr"
)

// Panel are two runs that households are followed between.
type Panel struct {
	From    int64     `json:"from_run"`
	FromDay time.Time `json:"-"`
	To      int64     `json:"to_run"`
	ToDay   time.Time `json:"-"`
}

// PanelAsk says whom to follow, from when to when.
type PanelAsk struct {
	Division division.Code // and what is under it; 0 = everywhere
	From, To int64         // runs; To 0 = the last, From 0 = the newest that lies Months months before it
	Months   int
	Also     []int64 // households besides those that a rule (doubt rules aside) has ever hit
}

// Follow finds the two runs and hands every household's values of either to fn, first all of From, then all of To, derived again from what was known
// at the run, with the present pack. row has the slots of policy.Pack.RuleEnv and is valid during the call only. Errors: errs.NotFound (no such run), errs.Conflict (no
// run lies long enough before the other, or the pack has changed since the last run).
func (s *Service) Follow(ctx context.Context, ask PanelAsk, fn func(after bool, household int64, d division.Code, row []expr.Value) error) (Panel, error) {
	var out Panel
	c, err := s.w.Conn(ctx)
	if err != nil {
		return out, err
	}
	defer c.Close()
	last, err := s.currentRun(ctx, c)
	if err != nil {
		return out, err
	}
	to := last
	if ask.To != 0 {
		if to, err = lastRun(ctx, c, ask.To); err != nil {
			return out, err
		} else if to == nil {
			return out, noRun(ask.To)
		}
	}
	from, err := s.runBefore(ctx, c, to, ask)
	if err != nil {
		return out, err
	}
	out = Panel{From: from.Run, FromDay: from.AsOf, To: to.Run, ToDay: to.AsOf}
	where := "household_id IN (SELECT household_id FROM hit WHERE class <> 'doubt')"
	if len(ask.Also) > 0 {
		ids := make([]string, len(ask.Also))
		for i, id := range ask.Also {
			ids[i] = strconv.FormatInt(id, 10)
		}
		where = "(" + where + " OR household_id IN (" + strings.Join(ids, ", ") + "))"
	}
	if ask.Division != 0 {
		lo, hi := s.tree.Range(ask.Division)
		where += fmt.Sprintf(" AND division BETWEEN %d AND %d", lo, hi)
	}
	if err := exec(ctx, c, "CREATE OR REPLACE TEMP TABLE followed AS SELECT household_id FROM household WHERE "+where); err != nil {
		return out, err
	}
	defer func() { _ = exec(context.WithoutCancel(ctx), c, "DROP TABLE IF EXISTS followed") }()
	for _, side := range []struct {
		rec   *runRecord
		after bool
	}{{from, false}, {to, true}} {
		if err := s.deriveAll(ctx, c, side.rec, func(household int64, d division.Code, row []expr.Value) error {
			return fn(side.after, household, d, row)
		}); err != nil {
			return out, err
		}
	}
	return out, nil
}

func noRun(run int64) error {
	return errs.Newf(errs.NotFound, "没有第 %[1]d 次筛查", "there is no run %[1]d", run)
}

// runBefore is the run to start from.
func (s *Service) runBefore(ctx context.Context, c *sql.Conn, to *runRecord, ask PanelAsk) (*runRecord, error) {
	latest := to.AsOf.AddDate(0, -ask.Months, 0)
	if ask.From != 0 {
		from, err := lastRun(ctx, c, ask.From)
		switch {
		case err != nil:
			return nil, err
		case from == nil:
			return nil, noRun(ask.From)
		case from.AsOf.After(latest):
			return nil, errs.Newf(errs.Conflict, "两次筛查至少要相隔 %[1]d 个月", "the two runs must lie at least %[1]d months apart", ask.Months)
		}
		return from, nil
	}
	run, err := one[int64](ctx, c, "SELECT coalesce(max_by(run, (as_of, run)), 0) FROM run WHERE state = 'done' AND as_of <= "+lit(latest))
	if err != nil {
		return nil, err
	}
	if run == 0 {
		return nil, errs.Newf(errs.Conflict, "还没有相隔 %[1]d 个月的两次筛查，暂时说不出成效", "there are no two runs %[1]d months apart yet; nothing can be said", ask.Months)
	}
	return lastRun(ctx, c, run)
}

// deriveAll derives the rows of the followed households as a run knew them.
func (s *Service) deriveAll(ctx context.Context, c *sql.Conn, rec *runRecord, fn func(household int64, d division.Code, row []expr.Value) error) error {
	p := s.pack
	values, err := newParameters(p, rec.AsOf, nil)
	if err != nil {
		return err
	}
	cover, err := loadCoverage(ctx, c, rec.AsOf, rec.UpTo)
	if err != nil {
		return err
	}
	q := &query{pack: p, asOf: rec.AsOf, cover: cover, values: values, asKnown: rec.UpTo, patterns: newPatterns(p)}
	cells := make([]any, len(p.Indicators))
	bits := make([]int64, 2*allWords(p))
	row := make([]expr.Value, p.Slots())
	return scan(ctx, c, q.sqlWide(scope{table: "followed"}, rec.Run), func(rows *sql.Rows) error {
		var id, run int64
		var county int32
		var members int
		var d division.Code
		dest := []any{&id, &county, &d, &members, &run}
		for i := range cells {
			cells[i] = nil
			dest = append(dest, &cells[i])
		}
		for i := range bits {
			dest = append(dest, &bits[i])
		}
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		for i, v := range cells {
			row[i] = toValue(v)
		}
		p.SetParams(row, d, rec.AsOf)
		return fn(id, d, row)
	})
}
