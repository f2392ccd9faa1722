package amendment

import (
	"context"
	"slices"
	"strings"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/audit"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
)

// ready makes the pack of a draft that is about to be submitted or approved, and holds it to all that an approved pack must be.
func (s *Service) ready(ctx context.Context, tx *ledger.Tx, actor account.Actor, d *Draft, now time.Time, effective string) (*policy.Pack, error) {
	if len(d.Texts) == 0 {
		return nil, errs.New(errs.Invalid, "这份修订没有改动任何内容", "this amendment changes nothing")
	}
	if d.Behind {
		return nil, errs.New(errs.Conflict, "现行政策包在您起草之后又变了，请先“更新到最新版本”并重新测试", "the pack was amended since this was begun: bring it up to the newest version and test it again")
	}
	pack, err := s.Pack(d)
	if err != nil {
		return nil, errs.Newf(errs.Invalid, "修订后的政策包有 %[1]d 处错误，不能提交", "the amended pack has %[1]d errors and can't be submitted", len(policy.Errors(err)))
	}
	if d.TestDigest != pack.Hash || d.State == Drafted || d.State == Returned {
		return nil, errs.New(errs.Conflict, "请先测试这份修订；全部例子都相符后才能提交", "test the amendment first; it can be submitted when every example comes out as it says")
	}
	changes := policy.Compare(d.Over, pack)
	if !actor.Within(region(pack)) && !policy.OnlyValuesOf(changes, actor.Division) {
		return nil, errs.New(errs.Refused, "本级只能修改本辖区的参数取值；规则、指标和全省取值由省级修改", "your level may only change values of parameters for its own area; rules, indicators and the region's values are the region's")
	}
	day, err := time.Parse(time.DateOnly, effective)
	if err != nil || day.Year() > 2200 {
		return nil, errs.New(errs.Invalid, "请填生效日期（年-月-日）", "give the day from which it holds (year-month-day)")
	}
	last, err := s.lastEffective(ctx, tx)
	if err != nil {
		return nil, err
	}
	if effective < last {
		return nil, errs.Newf(errs.Invalid, "生效日期不能早于已批准的上一份修订（%[1]s）", "it can't hold before the amendment that was approved last (%[1]s)", last)
	}
	return pack, nil
}

func (s *Service) lastEffective(ctx context.Context, tx *ledger.Tx) (string, error) {
	chain, err := s.chain(ctx, tx)
	if err != nil || len(chain) == 0 {
		return "", err
	}
	return chain[len(chain)-1].Effective, nil
}

// Submit hands an amendment that was tested to a second person. effective is the civil day from which it is to hold, not before today. It needs account.PackChange.
func (s *Service) Submit(ctx context.Context, actor account.Actor, now time.Time, id string, version int64, effective string) (*Draft, error) {
	effective = strings.TrimSpace(effective)
	return s.change(ctx, actor, now, id, version, account.PackChange, func(ctx context.Context, tx *ledger.Tx, d *Draft) ([]string, audit.Event, error) {
		if !d.Open() {
			return nil, audit.Event{}, notOpen(&d.Amendment)
		}
		if effective != "" && effective < Day(now) {
			return nil, audit.Event{}, errs.New(errs.Invalid, "生效日期不能早于今天", "it can't hold from a day before today")
		}
		pack, err := s.ready(ctx, tx, actor, d, now, effective)
		if err != nil {
			return nil, audit.Event{}, err
		}
		if !d.EditedBy(actor.Account) {
			d.Editors += " " + actor.Account
		}
		d.State, d.Effective, d.Submitted, d.SubmittedBy, d.Note = Submitted, effective, ledger.At(now), actor.Account, ""
		return []string{"state", "effective", "submitted", "submitted_by", "editors", "note"},
			s.event(actor, "policy.submit", &d.Amendment, map[string]string{"effective": effective, "digest": pack.Hash}), nil
	})
}

// Approve puts an amendment in force from its day on, or from today when that day is past. Who had a hand in it may not: it takes a second person. It needs
// account.PackApprove.
func (s *Service) Approve(ctx context.Context, actor account.Actor, now time.Time, id string, version int64) (*Draft, error) {
	return s.change(ctx, actor, now, id, version, account.PackApprove, func(ctx context.Context, tx *ledger.Tx, d *Draft) ([]string, audit.Event, error) {
		if d.State != Submitted {
			return nil, audit.Event{}, notSubmitted()
		}
		if d.EditedBy(actor.Account) {
			return nil, audit.Event{}, errs.New(errs.Refused, "起草、修改或提交过这份修订的人不能审批：须由第二人审批", "who drafted, changed or submitted an amendment may not approve it: it takes a second person")
		}
		effective := max(d.Effective, Day(now))
		pack, err := s.ready(ctx, tx, actor, d, now, effective)
		if err != nil {
			return nil, audit.Event{}, err
		}
		if failures := pack.Test(); len(failures) > 0 {
			return nil, audit.Event{}, errs.Newf(errs.Conflict, "有 %[1]d 个例子不符，不能批准", "%[1]d examples come out otherwise: it can't be approved", len(failures))
		}
		chain, err := s.chain(ctx, tx)
		if err != nil {
			return nil, audit.Event{}, err
		}
		d.Place = 1
		if n := len(chain); n > 0 {
			d.Place = chain[n-1].Place + 1
		}
		d.State, d.Effective, d.Decided, d.DecidedBy, d.Result = Approved, effective, ledger.At(now), actor.Account, pack.Hash
		return []string{"state", "effective", "decided", "decided_by", "result", "place"},
			s.event(actor, "policy.approve", &d.Amendment, map[string]any{"effective": effective, "digest": pack.Hash, "before": d.Over.Hash, "place": d.Place}), nil
	})
}

func notSubmitted() error {
	return errs.New(errs.Conflict, "这份修订不在待审批状态，请刷新后再看", "this amendment does not wait for approval (any more): reload it")
}

// Return gives a submitted amendment back, with the reason. It needs account.PackApprove.
func (s *Service) Return(ctx context.Context, actor account.Actor, now time.Time, id string, version int64, reason string) (*Draft, error) {
	reason, err := note(reason)
	if err != nil {
		return nil, err
	}
	return s.change(ctx, actor, now, id, version, account.PackApprove, func(_ context.Context, _ *ledger.Tx, d *Draft) ([]string, audit.Event, error) {
		if d.State != Submitted {
			return nil, audit.Event{}, notSubmitted()
		}
		d.State, d.Decided, d.DecidedBy, d.Note = Returned, ledger.At(now), actor.Account, reason
		e := s.event(actor, "policy.return", &d.Amendment, nil)
		e.Reason = reason
		return []string{"state", "decided", "decided_by", "note"}, e, nil
	})
}

// Withdraw ends an amendment that does not hold yet, with the reason: a draft (account.PackChange), or the last approved one before its day
// (account.PackApprove).
func (s *Service) Withdraw(ctx context.Context, actor account.Actor, now time.Time, id string, version int64, reason string) (*Draft, error) {
	reason, err := note(reason)
	if err != nil {
		return nil, err
	}
	need := account.PackChange
	if d, err := s.Get(ctx, actor, id); err == nil && d.State == Approved {
		need = account.PackApprove
	}
	return s.change(ctx, actor, now, id, version, need, func(ctx context.Context, tx *ledger.Tx, d *Draft) ([]string, audit.Event, error) {
		switch {
		case d.State == Withdrawn:
			return nil, audit.Event{}, notOpen(&d.Amendment)
		case d.State == Approved && need != account.PackApprove:
			return nil, audit.Event{}, notSubmitted()
		case d.State == Approved:
			chain, err := s.chain(ctx, tx)
			if err != nil {
				return nil, audit.Event{}, err
			}
			if d.Effective <= Day(now) || chain[len(chain)-1].ID != d.ID {
				return nil, audit.Event{}, errs.New(errs.Conflict, "已生效的修订不能撤回，请另起一份把内容改回去", "an amendment in force is not withdrawn: begin another that changes it back")
			}
		}
		was := d.State
		d.State, d.Decided, d.DecidedBy, d.Note, d.Place, d.Result = Withdrawn, ledger.At(now), actor.Account, reason, 0, ""
		e := s.event(actor, "policy.withdraw", &d.Amendment, map[string]string{"was": string(was)})
		e.Reason = reason
		return []string{"state", "decided", "decided_by", "note", "place", "result"}, e, nil
	})
}

// Retire takes the approved amendments up to one out of the chain: the pack's folder has their texts now, or must do without them. It is for who keeps
// the machine, works when the folder and the amendments no longer fit, and is a decision about policy: the reason is kept. It needs account.PackApprove, or the system.
func (s *Service) Retire(ctx context.Context, actor account.Actor, now time.Time, id, reason string) (retired int, err error) {
	if err := actor.May(account.PackApprove); err != nil {
		return 0, err
	}
	if reason, err = note(reason); err != nil {
		return 0, err
	}
	err = s.ledger.Write(ctx, now, func(ctx context.Context, tx *ledger.Tx) error {
		retired = 0
		c, err := s.chain(ctx, tx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(c, func(l link) bool { return l.ID == id })
		if i < 0 {
			return account.NotThere()
		}
		for k := range c[:i+1] {
			a := &c[k].Amendment
			a.State, a.Note, a.Place, a.Changed = Retired, reason, 0, tx.Now
			if err := ledger.Update(ctx, tx, a, &a.Version, "state", "note", "place", "changed"); err != nil {
				return err
			}
			e := s.event(actor, "policy.retire", a, nil)
			e.Reason = reason
			if err := audit.Record(tx, e); err != nil {
				return err
			}
			retired++
		}
		return nil
	})
	return retired, err
}
