package casework

import (
	"context"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/division"
	"shouwang/internal/ledger"
)

// Precision is how often the verified warnings of one rule in one county, on one dataset, were right.
type Precision struct {
	Rule       string        `json:"rule"`
	County     division.Code `json:"county"`
	Dataset    string        `json:"dataset"`
	Verified   int           `json:"verified"` // true + known + false alarms
	True       int           `json:"true"`
	Known      int           `json:"known"` // right, and known already
	FalseAlarm int           `json:"false_alarm"`
	// Share is true ÷ (true + known + false alarms); what was known already was right but did not help. RightShare counts it as right.
	Share      float64 `json:"share"`
	RightShare float64 `json:"right_share"`
}

// Precision gives, for the warnings verified from one time to another in the actor's scope, how often they were right, by rule × county ×
// dataset. Zero times are open. It needs account.StatsRead.
func (s *Service) Precision(ctx context.Context, actor account.Actor, under division.Code, from, to time.Time) ([]Precision, error) {
	if err := actor.May(account.StatsRead); err != nil {
		return nil, err
	}
	list := []Precision{}
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		where, args := actor.Scope("division")
		lo, hi := under.Range()
		q := tx.NewSelect().Table("signal").Where(where, args...).Where("division BETWEEN ? AND ?", lo, hi).Where("label <> ''").Where("rule <> ''")
		if !from.IsZero() {
			q = q.Where("labelled_at >= ?", ledger.At(from))
		}
		if !to.IsZero() {
			q = q.Where("labelled_at < ?", ledger.At(to))
		}
		// The county is the first six digits: integer division is the same in both engines.
		return q.ColumnExpr("rule, division / 1000000 AS county, dataset, count(*) AS verified").
			ColumnExpr(`sum(CASE WHEN label = 'true' THEN 1 ELSE 0 END) AS "true"`).
			ColumnExpr("sum(CASE WHEN label = 'known' THEN 1 ELSE 0 END) AS known").
			ColumnExpr("sum(CASE WHEN label = 'false_alarm' THEN 1 ELSE 0 END) AS false_alarm").
			GroupExpr("rule, division / 1000000, dataset").OrderExpr("rule, county, dataset").Scan(ctx, &list)
	})
	for i := range list {
		p := &list[i]
		p.County *= 1e6
		p.Share = float64(p.True) / float64(p.Verified)
		p.RightShare = float64(p.True+p.Known) / float64(p.Verified)
	}
	return list, err
}

// Verified is a verified signal with its household's number.
type Verified struct {
	SignalRow
	HouseholdNo string `json:"household_no"`
}

// Labelled gives signals verified after a cursor (time and id of the last one read; zero to begin), in that order: what dispatch turns into the
// dataset casework. It needs account.DispatchRun.
func (s *Service) Labelled(ctx context.Context, actor account.Actor, after ledger.Time, afterID string, limit int) ([]Verified, error) {
	if err := actor.May(account.DispatchRun); err != nil {
		return nil, err
	}
	list := []Verified{}
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		where, args := actor.Scope("g.division")
		return tx.NewSelect().TableExpr("signal AS g").Join("JOIN casefile AS c ON c.id = g.case_id").ColumnExpr("g.*, c.household_no").Where(where, args...).
			Where("g.labelled_at > ? OR (g.labelled_at = ? AND g.id > ?)", after, after, afterID).OrderExpr("g.labelled_at, g.id").Limit(int64(limit)).Scan(ctx, &list)
	})
	return list, err
}

// Taken is a step with whose household it was, for the way back to the batch road.
type Taken struct {
	Step
	Household   int64         `bun:"household_id" json:"household,string"`
	HouseholdNo string        `json:"household_no"`
	Division    division.Code `json:"division"`
	RiskList    string        `json:"-"`
}

// StepsSince gives steps after a cursor in the order of time, whatever their case: identified, refused, cleared, rolled back, marked again,
// closed. Their data stay sealed. It needs account.DispatchRun.
func (s *Service) StepsSince(ctx context.Context, actor account.Actor, after ledger.Time, afterID string, limit int) ([]Taken, error) {
	if err := actor.May(account.DispatchRun); err != nil {
		return nil, err
	}
	list := []Taken{}
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		where, args := actor.Scope("c.division")
		return tx.NewSelect().TableExpr("step AS s").Join("JOIN casefile AS c ON c.id = s.case_id").
			ColumnExpr("s.*, c.household_id, c.household_no, c.division, c.risk_list").Where(where, args...).
			Where("s.at > ? OR (s.at = ? AND s.id > ?)", after, after, afterID).OrderExpr("s.at, s.id").Limit(int64(limit)).Scan(ctx, &list)
	})
	return list, err
}

// Corrected is a correction with its household's number and village.
type Corrected struct {
	Correction
	HouseholdNo string        `json:"household_no"`
	Division    division.Code `json:"division"`
}

// CorrectionsSince gives what visits corrected after a cursor, in the order of time. It needs account.DispatchRun.
func (s *Service) CorrectionsSince(ctx context.Context, actor account.Actor, after ledger.Time, afterID string, limit int) ([]Corrected, error) {
	if err := actor.May(account.DispatchRun); err != nil {
		return nil, err
	}
	list := []Corrected{}
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		where, args := actor.Scope("c.division")
		return tx.NewSelect().TableExpr("correction AS r").Join("JOIN casefile AS c ON c.id = r.case_id").ColumnExpr("r.*, c.household_no, c.division").Where(where, args...).
			Where("r.at > ? OR (r.at = ? AND r.id > ?)", after, after, afterID).OrderExpr("r.at, r.id").Limit(int64(limit)).Scan(ctx, &list)
	})
	return list, err
}

// Counties gives the counties of the actor's subtree in which there is a case, closed ones included. It needs account.DispatchRun.
func (s *Service) Counties(ctx context.Context, actor account.Actor) ([]division.Code, error) {
	if err := actor.May(account.DispatchRun); err != nil {
		return nil, err
	}
	list := []division.Code{}
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		where, args := actor.Scope("division")
		return tx.NewSelect().Table("casefile").Where(where, args...).ColumnExpr("DISTINCT division / 1000000 * 1000000 AS county").OrderExpr("county").Scan(ctx, &list)
	})
	return list, err
}
