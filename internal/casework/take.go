package casework

import (
	"context"
	"encoding/json"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/audit"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/residentid"
)

// sealedText opens one sealed text of a step's form.
func (s *Service) sealedText(st *Step, field string) (string, error) {
	var form map[string]json.RawMessage
	if err := json.Unmarshal([]byte(st.Data), &form); err != nil {
		return "", errs.Wrap(errs.Internal, err, "个案记录无法读取", "a step of the case cannot be read")
	}
	var box struct {
		Sealed string `json:"sealed"`
	}
	if len(form[field]) == 0 {
		return "", nil // the form has no such text
	}
	if err := json.Unmarshal(form[field], &box); err != nil {
		return "", errs.Wrap(errs.Internal, err, "个案记录无法读取", "a step of the case cannot be read")
	}
	if box.Sealed == "" {
		return "", nil
	}
	return s.unseal("step."+field, st.ID, box.Sealed)
}

// Applications lists self-applications in the actor's scope that wait for somebody to find the household (or, with state, others), oldest
// first, at most limit after a cursor (the id of the last one). It needs account.ApplicationTake. Names are masked.
func (s *Service) Applications(ctx context.Context, actor account.Actor, state, after string, limit int) ([]ApplicationShown, error) {
	if err := actor.May(account.ApplicationTake); err != nil {
		return nil, err
	}
	if state == "" {
		state = appWaiting
	}
	if state != appWaiting && state != appTaken && state != appAnswered || !plain(after) {
		return nil, bad("申报的状态应为 waiting、taken 或 answered", "the state of an application is waiting, taken or answered")
	}
	if limit <= 0 || limit > maxPage {
		limit = maxPage
	}
	out := []ApplicationShown{}
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		var rows []application
		where, args := actor.Scope("division")
		if err := tx.NewSelect().Model(&rows).Where(where, args...).Where("state = ?", state).Where("same_as = ''").Where("id > ?", after).Order("id").Limit(int64(limit)).Scan(ctx); err != nil {
			return err
		}
		for i := range rows {
			shown, err := s.show(&rows[i], false)
			if err != nil {
				return err
			}
			out = append(out, shown)
		}
		return nil
	})
	return out, err
}

func (s *Service) applicationsOf(ctx context.Context, tx *ledger.Tx, caseID string, reveal bool) ([]ApplicationShown, error) {
	var rows []application
	if err := tx.NewSelect().Model(&rows).Where("case_id = ?", caseID).Order("received_at", "id").Scan(ctx); err != nil {
		return nil, err
	}
	out := []ApplicationShown{}
	for i := range rows {
		shown, err := s.show(&rows[i], reveal)
		if err != nil {
			return nil, err
		}
		out = append(out, shown)
	}
	return out, nil
}

func (s *Service) show(a *application, reveal bool) (ApplicationShown, error) {
	out := ApplicationShown{ID: a.ID, Version: a.Version, Division: a.Division, State: a.State, SameAs: a.SameAs, CaseID: a.CaseID, ReceivedAt: a.ReceivedAt, Difficulty: masked}
	name, err := s.unseal("application.name", a.ID, a.Name)
	if err != nil {
		return out, err
	}
	phone, err := s.unseal("application.phone", a.ID, a.Phone)
	if err != nil {
		return out, err
	}
	out.Name, out.Phone = residentid.MaskName(name), residentid.MaskPhone(phone)
	if !reveal {
		return out, nil
	}
	out.Name, out.Phone = name, phone
	out.Difficulty, err = s.unseal("application.difficulty", a.ID, a.Difficulty)
	return out, err
}

// Application gives one application in the actor's scope, masked. It needs account.ApplicationTake.
func (s *Service) Application(ctx context.Context, actor account.Actor, id string) (ApplicationShown, error) {
	if err := actor.May(account.ApplicationTake); err != nil {
		return ApplicationShown{}, err
	}
	var out ApplicationShown
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		a, err := s.application(ctx, tx, actor, id)
		if err != nil {
			return err
		}
		out, err = s.show(a, false)
		return err
	})
	return out, err
}

// Reveal shows one application in plain, to find the household and to call. It needs account.ApplicationTake and account.HouseholdReveal, a
// reason, and is an audit event.
func (s *Service) Reveal(ctx context.Context, actor account.Actor, now time.Time, id, reason string) (ApplicationShown, error) {
	if err := actor.May(account.ApplicationTake); err != nil {
		return ApplicationShown{}, err
	}
	if err := actor.May(account.HouseholdReveal); err != nil {
		return ApplicationShown{}, err
	}
	var out ApplicationShown
	err := s.ledger.Write(ctx, now, func(ctx context.Context, tx *ledger.Tx) error {
		a, err := s.application(ctx, tx, actor, id)
		if err != nil {
			return err
		}
		if out, err = s.show(a, true); err != nil {
			return err
		}
		event := actor.Event(audit.Reveal, "application", id, a.Division)
		event.Reason = reason
		return audit.Record(tx, event)
	})
	return out, err
}

func (s *Service) application(ctx context.Context, tx *ledger.Tx, actor account.Actor, id string) (*application, error) {
	if !plain(id) {
		return nil, account.NotThere()
	}
	a := new(application)
	where, args := actor.Scope("division")
	err := tx.NewSelect().Model(a).Where("id = ?", id).Where(where, args...).Scan(ctx)
	if ledger.Missing(err) {
		return nil, account.NotThere()
	}
	return a, err
}

// Household says which household an application or a report is about.
type Household struct {
	ID       int64         `json:"id,string"`
	No       string        `json:"no"`
	Division division.Code `json:"division"` // village
	Type     string        `json:"type"`     // ordinary, exited, exited_no_policy; "" when not known
}

// TakeApplication makes an application a signal of the household that staff found for it. It needs account.ApplicationTake and both the
// application and the household in scope. risk and level say what staff make of it (level 0: yellow). The error is errs.Conflict
// when it was taken or answered already.
func (s *Service) TakeApplication(ctx context.Context, actor account.Actor, now time.Time, id string, version int64, h Household, risk string, level int) (*Case, error) {
	if err := actor.May(account.ApplicationTake); err != nil {
		return nil, err
	}
	if level == 0 {
		level = 2
	}
	sig := Signal{
		Household: h.ID, HouseholdNo: h.No, Division: h.Division, HouseholdType: h.Type, Channel: Application, Risk: risk, Level: level, Key: "application:" + id,
		Words: policy.Text{ZH: "农户自主申报困难，原话见申报。", EN: "The household applied for help; its own words are in the application."}, Happened: dayText(now),
	}
	if err := sig.check(s.pack); err != nil {
		return nil, err
	}
	if err := actor.Sees(h.Division); err != nil {
		return nil, err
	}
	c := new(Case)
	err := s.opening(ctx, now, func(ctx context.Context, tx *ledger.Tx) error {
		a, err := s.application(ctx, tx, actor, id)
		if err != nil {
			return err
		}
		if a.State != appWaiting {
			return errs.New(errs.Conflict, "这件申报已经有人受理或答复", "this application was taken or answered already")
		}
		if err := ledger.CheckVersion(version, a.Version); err != nil {
			return err
		}
		if _, err := s.receive(ctx, tx, actor, []Signal{sig}); err != nil {
			return err
		}
		var row SignalRow
		if err := tx.NewSelect().Model(&row).Where("source_key = ?", sig.Key).Scan(ctx); err != nil {
			return err
		}
		if err := tx.NewSelect().Model(c).Where("c.id = ?", row.CaseID).Scan(ctx); err != nil {
			return err
		}
		a.State, a.CaseID, a.Household, a.TakenAt = appTaken, c.ID, h.ID, tx.Now
		if err := ledger.Update(ctx, tx, a, &a.Version, "state", "case_id", "household_id", "taken_at"); err != nil {
			return err
		}
		_, err = tx.NewUpdate().Model((*application)(nil)).Set("case_id = ?", c.ID).Set("household_id = ?", h.ID).Set("state = ?", appTaken).Where("same_as = ?", a.ID).Exec(ctx)
		if err != nil {
			return err
		}
		event := actor.Event("application.take", "application", a.ID, a.Division)
		event.Detail = map[string]any{"case": c.ID}
		return audit.Record(tx, event)
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// AnswerApplication answers an application that cannot become a case (no such household here, sent to another county), with a reason that the
// applicant reads with their code. It needs account.ApplicationTake.
func (s *Service) AnswerApplication(ctx context.Context, actor account.Actor, now time.Time, id string, version int64, reason string) error {
	if err := actor.May(account.ApplicationTake); err != nil {
		return err
	}
	if n := len([]rune(reason)); n < 2 || n > 500 {
		return bad("请写明理由（2 至 500 个字），申报人会看到", "give the reason (2 to 500 characters); the applicant will read it")
	}
	return s.ledger.Write(ctx, now, func(ctx context.Context, tx *ledger.Tx) error {
		a, err := s.application(ctx, tx, actor, id)
		if err != nil {
			return err
		}
		if a.State != appWaiting {
			return errs.New(errs.Conflict, "这件申报已经有人受理或答复", "this application was taken or answered already")
		}
		if err := ledger.CheckVersion(version, a.Version); err != nil {
			return err
		}
		a.State, a.Answer, a.AnsweredAt = appAnswered, s.seal("application.answer", a.ID, reason), tx.Now
		if err := ledger.Update(ctx, tx, a, &a.Version, "state", "answer", "answered_at"); err != nil {
			return err
		}
		return audit.Record(tx, actor.Event("application.answer", "application", a.ID, a.Division))
	})
}

// answerApplications notes that the household was told the result of its case.
func (s *Service) answerApplications(ctx context.Context, tx *ledger.Tx, caseID string) error {
	_, err := tx.NewUpdate().Model((*application)(nil)).Set("state = ?", appAnswered).Set("answered_at = ?", tx.Now).Set("version = version + 1").Where("case_id = ?", caseID).Where("state = ?", appTaken).Exec(ctx)
	return err
}
