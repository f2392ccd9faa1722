package measure

import (
	"context"
	"strings"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/task"
)

// Deliver reports on a measure that staff deliver themselves, without an order, or that is on its way.
type Deliver struct {
	Measure  string  `json:"id"`
	Version  int64   `json:"version"`
	Key      string  `json:"-"`
	Done     bool    `json:"done"` // false: it has begun
	Evidence []Proof `json:"evidence"`
	Note     string  `json:"note"`
}

// Deliver notes that an adopted (or accepted) measure is being delivered, or has been, with every kind of evidence that the pack asks for. A measure
// that waits for a department's answer is that department's to report. It needs account.PlanWrite.
func (s *Service) Deliver(ctx context.Context, actor account.Actor, now time.Time, x Deliver) (*Plan, error) {
	return s.changeMeasure(ctx, actor, now, x.Measure, x.Version, x.Key, x, "deliver", func(ctx context.Context, tx *ledger.Tx, c *casework.Case, m *Measure) error {
		if m.State != Adopted && m.State != Answered && m.State != Delivering {
			return wrongState(m.State, "deliver")
		}
		if err := s.prove(ctx, tx, actor, m, x.Evidence, x.Done); err != nil {
			return err
		}
		if !x.Done {
			if err := s.move(ctx, tx, actor, m, Delivering, "begin", x.Note); err != nil {
				return err
			}
			return s.beginHelp(ctx, tx, actor, c)
		}
		if err := s.endOrder(ctx, tx, m, "done"); err != nil {
			return err
		}
		m.DeliveredAt, m.DeliveredBy = tx.Now, actor.Account
		if err := s.move(ctx, tx, actor, m, Delivered, "deliver", x.Note, "delivered_at", "delivered_by"); err != nil {
			return err
		}
		return s.beginHelp(ctx, tx, actor, c)
	})
}

// Verify says whether what was reported is really there.
type Verify struct {
	Measure string `json:"id"`
	Version int64  `json:"version"`
	Key     string `json:"-"`
	OK      bool   `json:"ok"`
	Reason  string `json:"reason"` // needed when it is not
}

// Verify confirms a delivered measure, or sends it back with a reason. Whoever reported it does not verify it. It needs account.PlanWrite.
func (s *Service) Verify(ctx context.Context, actor account.Actor, now time.Time, x Verify) (*Plan, error) {
	return s.changeMeasure(ctx, actor, now, x.Measure, x.Version, x.Key, x, "verify", func(ctx context.Context, tx *ledger.Tx, _ *casework.Case, m *Measure) error {
		if m.State != Delivered {
			return wrongState(m.State, "verify")
		}
		if m.DeliveredBy == actor.Account {
			return errs.New(errs.Refused, "落实和核验不能是同一个人", "whoever reported the delivery does not verify it")
		}
		if !x.OK {
			if strings.TrimSpace(x.Reason) == "" {
				return needsReason()
			}
			m.DeliveredAt, m.DeliveredBy = 0, ""
			return s.move(ctx, tx, actor, m, Delivering, "send_back", x.Reason, "delivered_at", "delivered_by")
		}
		m.VerifiedAt = tx.Now
		return s.move(ctx, tx, actor, m, Verified, "verify", x.Reason, "verified_at")
	})
}

// Stop gives up a planned measure.
type Stop struct {
	Measure string `json:"id"`
	Version int64  `json:"version"`
	Key     string `json:"-"`
	Reason  string `json:"reason"`
}

// Stop ends a planned measure with a reason; an open order is withdrawn. What was delivered already stays so in the steps. It needs
// account.PlanWrite.
func (s *Service) Stop(ctx context.Context, actor account.Actor, now time.Time, x Stop) (*Plan, error) {
	return s.changeMeasure(ctx, actor, now, x.Measure, x.Version, x.Key, x, "stop", func(ctx context.Context, tx *ledger.Tx, _ *casework.Case, m *Measure) error {
		if !m.State.Planned() {
			return wrongState(m.State, "stop")
		}
		if strings.TrimSpace(x.Reason) == "" {
			return needsReason()
		}
		if err := s.endOrder(ctx, tx, m, "withdrawn"); err != nil {
			return err
		}
		m.EndedAt = tx.Now
		return s.move(ctx, tx, actor, m, Stopped, "stop", x.Reason, "ended_at")
	})
}

// endOrder closes the open order of a measure, if there is one, with its task.
func (s *Service) endOrder(ctx context.Context, tx *ledger.Tx, m *Measure, state string) error {
	o := &Order{}
	err := tx.NewSelect().Model(o).Where("o.open_key = ?", m.ID).Scan(ctx)
	if ledger.Missing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	o.State, o.OpenKey = state, ""
	columns := []string{"state", "open_key"}
	if state == "done" {
		o.DoneAt = tx.Now
		columns = append(columns, "done_at")
	}
	if err := ledger.Update(ctx, tx, o, &o.Version, columns...); err != nil {
		return err
	}
	_, err = task.Close(ctx, tx, "order", o.ID, state)
	return err
}

// changeMeasure is change for one measure that was read at a version.
func (s *Service) changeMeasure(ctx context.Context, actor account.Actor, now time.Time, id string, version int64, key string, request any, what string, fn func(context.Context, *ledger.Tx, *casework.Case, *Measure) error) (*Plan, error) {
	if err := actor.May(account.PlanWrite); err != nil {
		return nil, err
	}
	var caseID string
	if err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		where, args := actor.Scope("m.division")
		err := tx.NewSelect().TableExpr("measure AS m").ColumnExpr("m.case_id").Where("m.id = ?", id).Where(where, args...).Scan(ctx, &caseID)
		if ledger.Missing(err) {
			return account.NotThere()
		}
		return err
	}); err != nil {
		return nil, err
	}
	return s.change(ctx, actor, now, caseID, key, request, func(ctx context.Context, tx *ledger.Tx, c *casework.Case) (*Plan, error) {
		plan, err := s.load(ctx, tx, c.ID)
		if err != nil {
			return nil, err
		}
		for i := range plan.Measures {
			m := &plan.Measures[i]
			if m.ID != id {
				continue
			}
			if err := ledger.CheckVersion(version, m.Version); err != nil {
				return nil, err
			}
			if err := fn(ctx, tx, c, m); err != nil {
				return nil, err
			}
			return plan, s.revise(ctx, tx, actor, plan, what, nil)
		}
		return nil, account.NotThere()
	})
}

// reviseFor keeps a revision of the plan of a case after a change through an order.
func (s *Service) reviseFor(ctx context.Context, tx *ledger.Tx, actor account.Actor, caseID, what string) error {
	plan, err := s.load(ctx, tx, caseID)
	if err != nil {
		return err
	}
	return s.revise(ctx, tx, actor, plan, what, nil)
}
