package measure

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/division"
	"shouwang/internal/ledger"
)

// FirstGiven is one block of measures that a household has been given, first on a day.
type FirstGiven struct {
	Household int64
	Block     string
	On        ledger.Time
}

// GivenBlocks lists what has been delivered until a moment in the actor's scope, household by household and block by block, with the first
// delivery of each. It needs account.EffectRead.
func (s *Service) GivenBlocks(ctx context.Context, actor account.Actor, under division.Code, until time.Time) ([]FirstGiven, error) {
	if err := actor.May(account.EffectRead); err != nil {
		return nil, err
	}
	var rows []struct {
		HouseholdID int64
		Block       string
		On          ledger.Time
	}
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		where, args := actor.Scope("m.division")
		q := tx.NewSelect().TableExpr("measure AS m").ColumnExpr(`m.household_id, m.block, min(m.delivered_at) AS "on"`).Where("m.delivered_at IS NOT NULL AND m.delivered_at < ?", ledger.At(until)).
			Where(where, args...).GroupExpr("m.household_id, m.block").OrderExpr("m.household_id, m.block")
		if under != 0 {
			lo, hi := under.Range()
			q = q.Where("m.division BETWEEN ? AND ?", lo, hi)
		}
		return q.Scan(ctx, &rows)
	})
	out := make([]FirstGiven, len(rows))
	for i, r := range rows {
		out[i] = FirstGiven{r.HouseholdID, r.Block, r.On}
	}
	return out, err
}

// Kinds of snapshot.
const (
	SnapshotBegin   = "begin"   // when the case first has a planned measure
	SnapshotQuarter = "quarter" // every quarter after that
	SnapshotClear   = "clear"   // when it was cleared
)

// Snapshot is the indicators of a case's household on a day.
type Snapshot struct {
	bun.BaseModel `bun:"table:measure_snapshot" json:"-"`

	CaseID   string             `bun:",pk" json:"case"`
	Kind     string             `bun:",pk" json:"kind"`
	Day      string             `bun:",pk" json:"day"`
	Division division.Code      `json:"division"`
	Values   map[string]float64 `bun:"values" json:"values"` // by indicator; what is unknown is left out
	At       ledger.Time        `json:"at"`
}

// Due is a snapshot to be taken.
type Due struct {
	CaseID      string
	HouseholdNo string
	Division    division.Code
	Kind        string
	Last        string // day of the newest snapshot there is; ""
}

// DueSnapshots lists what is to be taken now: the beginning of cases with planned measures, a quarter's for those whose last is three months old, and the
// one at clearing. It is for the job that takes them and needs account.DispatchRun.
func (s *Service) DueSnapshots(ctx context.Context, actor account.Actor, now time.Time, limit int) ([]Due, error) {
	if err := actor.May(account.DispatchRun); err != nil {
		return nil, err
	}
	today := casework.Civil(now)
	var rows []struct {
		CaseID, HouseholdNo string
		Division            division.Code
		ClearedOn           string
		Last                string
		Cleared             int
	}
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		where, args := actor.Scope("p.division")
		return tx.NewSelect().TableExpr("plan AS p").Join("JOIN casefile AS c ON c.id = p.case_id").
			ColumnExpr("p.case_id, p.household_no, p.division, c.cleared_on").
			ColumnExpr("coalesce((SELECT max(s.day) FROM measure_snapshot AS s WHERE s.case_id = p.case_id), '') AS last").
			ColumnExpr("(SELECT count(*) FROM measure_snapshot AS s WHERE s.case_id = p.case_id AND s.kind = 'clear' AND s.day >= c.cleared_on) AS cleared").
			Where("EXISTS (SELECT 1 FROM measure AS m WHERE m.plan_id = p.id AND m.adopted_at IS NOT NULL)").Where(where, args...).OrderExpr("p.case_id").Scan(ctx, &rows)
	})
	if err != nil {
		return nil, err
	}
	out := []Due{}
	for _, r := range rows {
		kind := ""
		switch {
		case r.Last == "":
			kind = SnapshotBegin
		case r.ClearedOn != "" && r.Cleared == 0:
			kind = SnapshotClear
		case r.ClearedOn == "" && r.Last <= today.AddDate(0, -3, 0).Format(time.DateOnly):
			kind = SnapshotQuarter
		}
		if kind != "" && len(out) < limit {
			out = append(out, Due{r.CaseID, r.HouseholdNo, r.Division, kind, r.Last})
		}
	}
	return out, nil
}

// KeepSnapshots keeps snapshots; one that is there already stays as it is. It needs account.DispatchRun.
func (s *Service) KeepSnapshots(ctx context.Context, actor account.Actor, now time.Time, list []Snapshot) error {
	if err := actor.May(account.DispatchRun); err != nil {
		return err
	}
	return s.ledger.Write(ctx, now, func(ctx context.Context, tx *ledger.Tx) error {
		for i := range list {
			x := list[i]
			x.At = tx.Now
			if _, err := tx.NewInsert().Model(&x).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// Snapshots are the indicators of a case's household before and after, oldest first. It needs account.PlanRead and the case in scope.
func (s *Service) Snapshots(ctx context.Context, actor account.Actor, caseID string) ([]Snapshot, error) {
	if err := actor.May(account.PlanRead); err != nil {
		return nil, err
	}
	out := []Snapshot{}
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		if _, err := s.cases.Get(ctx, tx, actor, caseID); err != nil {
			return err
		}
		return tx.NewSelect().Model(&out).Where("case_id = ?", caseID).OrderExpr("day, at, kind").Scan(ctx)
	})
	return out, err
}
