package casework

import (
	"context"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"shouwang/internal/account"
	"shouwang/internal/division"
	"shouwang/internal/ledger"
)

// Counting a county is a look into an index; counting hundreds of thousands of cases of a province takes a second. So a job counts them by county from time to time,
// and what is asked of a larger area is added up from there, with the time when it was counted.

// Tally is how many cases of an area stand where.
type Tally struct {
	Counts []Count     `json:"counts"` // by phase, state and level, closed cases too
	At     ledger.Time `json:"at"`     // when they were counted
}

// Sum adds the cases up for which choose is true.
func (t Tally) Sum(choose func(Count) bool) int {
	n := 0
	for _, c := range t.Counts {
		if choose(c) {
			n += c.Cases
		}
	}
	return n
}

// tallyRow is what is kept.
type tallyRow struct {
	bun.BaseModel `bun:"table:case_tally"`

	County int64  `bun:",pk"`
	Phase  string `bun:",pk"`
	State  string `bun:",pk"`
	Level  int    `bun:",pk"`
	Cases  int64
}

// tallyAge is how old a count may be that is told instead of counting anew.
const tallyAge = 10 * time.Minute

// TallyFrom is how many cases there are before counts are kept: fewer are counted fast enough.
const TallyFrom = 20_000

// Tally counts the cases in the actor's scope and under a division (0: all of the scope). Of an area above a county it may be as of some minutes ago, as At says. It
// needs account.CaseRead or account.StatsRead.
func (s *Service) Tally(ctx context.Context, actor account.Actor, now time.Time, under division.Code) (Tally, error) {
	if actor.May(account.CaseRead) != nil && actor.May(account.StatsRead) != nil {
		return Tally{}, actor.May(account.CaseRead)
	}
	out := Tally{At: ledger.At(now), Counts: []Count{}}
	_, department := actor.DepartmentOnly()
	kept := !department && !small(actor, Filter{Under: under})
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		if kept {
			var at ledger.Time
			err := tx.NewSelect().TableExpr("case_tally_at").Column("at").Where("one = 1").Scan(ctx, &at)
			switch {
			case err == nil && now.Sub(at.Go()) < tallyAge && !at.Go().After(now):
				out.At = at
				where, args := actor.Scope("county")
				q := tx.NewSelect().TableExpr("case_tally").Where(where, args...)
				if under != 0 {
					lo, hi := under.Range()
					q = q.Where("county BETWEEN ? AND ?", lo, hi)
				}
				return q.ColumnExpr("phase, state, level, sum(cases) AS cases").GroupExpr("phase, state, level").OrderExpr("phase, state, level").Scan(ctx, &out.Counts)
			case err != nil && !ledger.Missing(err):
				return err
			}
		}
		q := visible(tx.NewSelect().Model((*Case)(nil)), actor)
		if under != 0 {
			lo, hi := under.Range()
			q = q.Where("c.division BETWEEN ? AND ?", lo, hi)
		}
		return q.ColumnExpr("c.phase AS phase, c.state AS state, c.level AS level, count(*) AS cases").GroupExpr("c.phase, c.state, c.level").OrderExpr("c.phase, c.state, c.level").Scan(ctx, &out.Counts)
	})
	return out, err
}

// Recount counts all cases by county for [Service.Tally] and gives how many there are. Fewer than least are not kept. It is for a job and needs account.DispatchRun.
func (s *Service) Recount(ctx context.Context, actor account.Actor, now time.Time, least int64) (int64, error) {
	if err := actor.May(account.DispatchRun); err != nil {
		return 0, err
	}
	var rows, before []tallyRow
	had := false
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		err := tx.NewSelect().Model((*Case)(nil)).ColumnExpr("c.division / 1000000 * 1000000 AS county, c.phase AS phase, c.state AS state, c.level AS level, count(*) AS cases").
			GroupExpr("1, 2, 3, 4").OrderExpr("1, 2, 3, 4").Scan(ctx, &rows)
		if err != nil {
			return err
		}
		if had, err = tx.NewSelect().TableExpr("case_tally_at").Exists(ctx); err != nil {
			return err
		}
		return tx.NewSelect().Model(&before).OrderExpr("county, phase, state, level").Scan(ctx)
	})
	if err != nil {
		return 0, err
	}
	total := int64(0)
	for _, r := range rows {
		total += r.Cases
	}
	keep := total >= least
	if !keep && !had {
		return total, nil
	}
	return total, s.ledger.Write(ctx, now, func(ctx context.Context, tx *ledger.Tx) error {
		if _, err := tx.NewDelete().TableExpr("case_tally_at").Where("one = 1").Exec(ctx); err != nil {
			return err
		}
		if keep {
			if _, err := tx.ExecContext(ctx, "INSERT INTO case_tally_at (one, at) VALUES (1, ?)", tx.Now); err != nil {
				return err
			}
			if slices.Equal(rows, before) {
				return nil
			}
		}
		if _, err := tx.NewDelete().Model((*tallyRow)(nil)).Where("1 = 1").Exec(ctx); err != nil || !keep {
			return err
		}
		return ledger.InsertAll(ctx, tx, rows)
	})
}
