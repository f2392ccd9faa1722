package casework

import (
	"context"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"shouwang/internal/account"
	"shouwang/internal/division"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
)

// Some gives the cases with these ids that lie in the actor's scope, by id. It needs account.CaseRead.
func (s *Service) Some(ctx context.Context, actor account.Actor, ids []string) (map[string]Case, error) {
	if err := actor.May(account.CaseRead); err != nil {
		return nil, err
	}
	out := make(map[string]Case, len(ids))
	if len(ids) == 0 || !plain(ids...) {
		return out, nil
	}
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		var list []Case
		if err := visible(tx.NewSelect().Model(&list).Where("c.id IN (?)", bun.List(ids)), actor).Scan(ctx); err != nil {
			return err
		}
		for _, c := range list {
			out[c.ID] = c
		}
		return nil
	})
	return out, err
}

// LiveOf gives the ids of the live cases of households, by household. It needs account.CaseRead.
func (s *Service) LiveOf(ctx context.Context, actor account.Actor, households []int64) (map[int64]string, error) {
	if err := actor.May(account.CaseRead); err != nil {
		return nil, err
	}
	out := make(map[int64]string, len(households))
	if len(households) == 0 {
		return out, nil
	}
	keys := make([]string, len(households))
	for i, h := range households {
		keys[i] = openKey(h)
	}
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		var list []Case
		if err := visible(tx.NewSelect().Model(&list).Column("c.id", "c.household_id").Where("c.open_key IN (?)", bun.List(keys)), actor).Scan(ctx); err != nil {
			return err
		}
		for _, c := range list {
			out[c.Household] = c.ID
		}
		return nil
	})
	return out, err
}

// News is a step that somebody else took on a case in the actor's scope.
type News struct {
	CaseID      string
	HouseholdNo string
	Division    division.Code
	Level       int
	Action      string
	ToState     string
	At          ledger.Time
	Org         string
}

// newsFrom is the widest area that is asked: above a county the levels below report by sums.
const newsFrom = division.County

// News lists what came back to the actor's organisation since a time, the newest first, at most limit: steps of the levels above that moved a case, and objections
// and withdrawals, whoever recorded them. Above a county, and for a department's officer, there is none. It needs account.CaseRead.
func (s *Service) News(ctx context.Context, actor account.Actor, since time.Time, limit int) ([]News, error) {
	out := []News{}
	if err := actor.May(account.CaseRead); err != nil {
		return nil, err
	}
	if _, only := actor.DepartmentOnly(); only || actor.Division.Level() < newsFrom {
		return out, nil
	}
	var above []string
	for org := account.Above(actor.Org); org != ""; org = account.Above(org) {
		above = append(above, org)
	}
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		// Cases that have not moved since cannot have news; only their steps are looked up.
		q := visible(tx.NewSelect().TableExpr("casefile AS c"), actor).Where("c.state_at >= ?", ledger.At(since)).
			Join("JOIN step AS s ON s.case_id = c.id").Where("s.at >= ?", ledger.At(since)).Where("s.org <> ?", actor.Org).Where("s.from_state <> s.to_state").Where("s.from_state <> ''").
			WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
				q = q.Where("s.does LIKE ?", `%"objection"%`).WhereOr("s.action = ?", "withdraw")
				if len(above) > 0 {
					q = q.WhereOr("s.org IN (?)", bun.List(above))
				}
				return q
			})
		return q.ColumnExpr("c.id AS case_id, c.household_no, c.division, c.level, s.action, s.to_state, s.at, s.org").OrderExpr("s.at DESC, s.id DESC").Limit(int64(limit)).Scan(ctx, &out)
	})
	return out, err
}

// Week is what happened in the actor's scope since a day.
type Week struct {
	Leads       int // new, or begun anew
	Verified    int // leads that were looked into: true, known, or a false alarm
	FalseAlarms int
	Identified  int
	Cleared     int
}

// Week counts since a time; above a county everything is 0 (see [Service.News]). It needs account.CaseRead.
func (s *Service) Week(ctx context.Context, actor account.Actor, since time.Time) (Week, error) {
	var w Week
	if err := actor.May(account.CaseRead); err != nil {
		return w, err
	}
	if actor.Division.Level() < newsFrom {
		return w, nil
	}
	at, day := ledger.At(since), dayText(since)
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		q := visible(tx.NewSelect().TableExpr("casefile AS c"), actor).
			ColumnExpr("count(CASE WHEN c.lead_at >= ? THEN 1 END) AS leads", at).
			ColumnExpr("count(CASE WHEN c.state = 'false_alarm' AND c.closed_at >= ? THEN 1 END) AS false_alarms", at).
			ColumnExpr("count(CASE WHEN c.identified_on >= ? THEN 1 END) AS identified", day).
			ColumnExpr("count(CASE WHEN c.cleared_on >= ? THEN 1 END) AS cleared", day)
		if err := q.Scan(ctx, &w); err != nil {
			return err
		}
		var n int
		q = visible(tx.NewSelect().TableExpr("casefile AS c"), actor).Join("JOIN step AS s ON s.case_id = c.id").Where("s.at >= ?", at).Where("s.label <> ''").ColumnExpr("count(DISTINCT c.id)")
		if err := q.Scan(ctx, &n); err != nil {
			return err
		}
		w.Verified = n
		return nil
	})
	return w, err
}

// VisitStates are the states of the lead phase whose task is a home visit.
func (s *Service) VisitStates() []string {
	var out []string
	flow := s.pack.Workflow
	for i := range flow.States {
		st := &flow.States[i]
		if st.Phase != policy.PhaseLead || st.Task == nil {
			continue
		}
		for j := range flow.Actions {
			if a := &flow.Actions[j]; a.DoesIt("visit") && strings.Contains("|"+strings.Join(a.From, "|")+"|", "|"+st.ID+"|") {
				out = append(out, st.ID)
				break
			}
		}
	}
	return out
}
