package casework

import (
	"context"
	"slices"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/audit"
	"shouwang/internal/errs"
	"shouwang/internal/expr"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/workflow"
)

// Act is a request to take one action on one case.
type Act struct {
	Case    string         `json:"case"`
	Action  string         `json:"action"`
	Version int64          `json:"version"` // of the case as the person saw it
	Key     string         `json:"-"`       // idempotency key; "" for none
	Data    map[string]any `json:"data"`    // the form, as decoded from JSON
}

// Acted is what an action did.
type Acted struct {
	Case *Case `json:"case"`
	Step *Step `json:"step"` // personal content masked
	// Opened is the id of a case that the action made (a household was split); "".
	Opened string `json:"opened,omitempty"`
}

// Act takes an action: the one door through which a case changes. In one transaction it looks at scope, role, state, form and guards, and
// writes the step, the change, the task and the audit event.
//
// It needs account.CaseAct (account.CaseAssign to assign), a case in the actor's scope, one of the roles that the pack gives the action, and the
// version that the person saw. Errors: errs.NotFound out of scope; errs.Refused for the role (the actor's, or the pack's) and for a guard
// (*workflow.Refused says which condition and which fact); errs.Conflict for a state in which the action does not start, for an
// old version (ledger.Stale), and for a key used for another request; errs.Invalid for the form (*workflow.FormError).
func (s *Service) Act(ctx context.Context, actor account.Actor, now time.Time, a Act) (Acted, error) {
	var out Acted
	indicators, err := s.indicators(ctx, actor, now, a.Case, a.Action)
	if err != nil {
		return out, err
	}
	err = s.ledger.Write(ctx, now, func(ctx context.Context, tx *ledger.Tx) error {
		out = Acted{}
		done, err := tx.Once(ctx, actor.Account, a.Key, a, &out)
		if err != nil || done {
			return err
		}
		if out, err = s.act(ctx, tx, actor, a, indicators); err != nil {
			return err
		}
		return tx.Remember(ctx, actor.Account, a.Key, a, out)
	})
	if err != nil {
		return Acted{}, err
	}
	return out, nil
}

// ActIn is [Service.Act] inside a transaction of a package above, for a step that belongs to a change of its own (the first order begins the
// help). The version is taken as it is; indicators are not known to guards.
func (s *Service) ActIn(ctx context.Context, tx *ledger.Tx, actor account.Actor, caseID, action string, data map[string]any) (Acted, error) {
	c, err := s.load(ctx, tx, actor, caseID)
	if err != nil {
		return Acted{}, err
	}
	return s.act(ctx, tx, actor, Act{Case: caseID, Action: action, Version: c.Version, Data: data}, nil)
}

// indicators asks for the household's indicators before the transaction, because the batch road must not be waited for inside one. With an action it
// asks only where one of its guards looks at them; "" is any action.
func (s *Service) indicators(ctx context.Context, actor account.Actor, now time.Time, caseID, action string) (workflow.Facts, error) {
	if s.hooks.Indicators == nil {
		return nil, nil
	}
	var household int64
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		c, err := s.load(ctx, tx, actor, caseID)
		if err == nil && (action == "" || looksAtIndicators(s.Machine(c.Division, now).Flow(), action)) {
			household = c.Household
		}
		return err
	})
	if err != nil || household == 0 {
		return nil, err
	}
	return s.hooks.Indicators(ctx, household)
}

// looksAtIndicators reports whether a guard of the action needs what the last run knows of the household.
func looksAtIndicators(flow *policy.Workflow, action string) bool {
	a := flow.Action(action)
	if a == nil {
		return false
	}
	return slices.ContainsFunc(a.Guards, func(id string) bool {
		return slices.ContainsFunc(flow.Guard(id).Must.Vars(), func(v *expr.Var) bool {
			f, _ := flow.Fact(v.Name)
			return f != nil && (f.Source == policy.FromIndicator || f.ID == "no_labour") // which follows from one
		})
	})
}

func (s *Service) act(ctx context.Context, tx *ledger.Tx, actor account.Actor, a Act, indicators workflow.Facts) (Acted, error) {
	c, err := s.load(ctx, tx, actor, a.Case)
	if err != nil {
		return Acted{}, err
	}
	m := s.Machine(c.Division, tx.Now.Go())
	if err := s.may(actor, m, a.Action); err != nil {
		return Acted{}, err
	}
	if err := ledger.CheckVersion(a.Version, c.Version); err != nil {
		return Acted{}, err
	}
	action, err := m.Begin(c.State, a.Action, roleIDs(actor))
	if err != nil {
		return Acted{}, err
	}
	form, err := m.Form(a.Action, a.Data)
	if err != nil {
		return Acted{}, err
	}
	steps, err := s.steps(ctx, tx, c.ID)
	if err != nil {
		return Acted{}, err
	}
	facts, err := s.facts(ctx, tx, m, c, steps, indicators, action, form)
	if err != nil {
		return Acted{}, err
	}
	move, err := m.Next(c.State, a.Action, roleIDs(actor), facts)
	if err != nil {
		return Acted{}, err
	}
	return s.take(ctx, tx, actor, m, c, move, form)
}

// may is the actor's own right, before the pack is asked.
func (s *Service) may(actor account.Actor, m *workflow.Machine, action string) error {
	if a := m.Flow().Action(action); a != nil && a.DoesIt("assign") {
		return actor.May(account.CaseAssign)
	}
	return actor.May(account.CaseAct)
}

// roleIDs are the actor's roles as the pack calls them.
func roleIDs(actor account.Actor) []string {
	out := make([]string, len(actor.Roles))
	for i, r := range actor.Roles {
		out[i] = string(r)
	}
	return out
}

// take carries out a move that has been allowed. Nothing else writes a case's state.
func (s *Service) take(ctx context.Context, tx *ledger.Tx, actor account.Actor, m *workflow.Machine, c *Case, move workflow.Move, form workflow.Form) (Acted, error) {
	a := move.Action
	step := &Step{
		ID: s.nextID(tx.Now), CaseID: c.ID, Seq: c.Steps + 1, Action: a.ID, FromState: move.From, ToState: move.To, Round: c.Round,
		Does: nonNil(a.Does), Label: a.Label, Flags: nonNil(move.Flags), At: tx.Now, Actor: actor.Account, Org: actor.Org,
	}
	var err error
	if step.Data, err = s.sealForm(step.ID, a.Form, form); err != nil {
		return Acted{}, err
	}
	was := *c
	if move.To != move.From {
		c.StateAt = tx.Now
	}
	s.enter(c, m.State(move.To), tx.Now)
	c.Steps++
	out := Acted{Case: c, Step: step}
	if out.Opened, err = s.record(ctx, tx, actor, m, c, step, a, form); err != nil {
		return Acted{}, err
	}
	if a.Label != "" {
		if err := s.label(ctx, tx, c.ID, a.Label); err != nil {
			return Acted{}, err
		}
	}
	switch a.Restart {
	case "clock":
		c.LeadAt = tx.Now
		c.Round++
	case "round":
		c.Round++
	}
	c.rank()
	// The case first: of two who act at once the later must lose here, where it is told why.
	if err := ledger.Update(ctx, tx, c, &c.Version, caseColumns()...); err != nil {
		return Acted{}, err
	}
	if err := insertRow(ctx, tx, step); err != nil {
		return Acted{}, err
	}
	if err := s.setTask(ctx, tx, s.Machine(c.Division, tx.Now.Go()), c, &was, a.ID); err != nil {
		return Acted{}, err
	}
	event := actor.Event("case.act", "casefile", c.ID, c.Division)
	event.Detail = map[string]any{"action": a.ID, "from": move.From, "to": move.To, "seq": step.Seq, "version": c.Version, "flags": move.Flags, "step": step.ID}
	if err := audit.Record(tx, event); err != nil {
		return Acted{}, err
	}
	shown := *step
	if shown.Data, err = s.openForm(step, false); err != nil {
		return Acted{}, err
	}
	out.Step = &shown
	return out, nil
}

// enter puts a case into a state of the machine.
func (s *Service) enter(c *Case, st *policy.State, now ledger.Time) {
	c.State, c.Phase = st.ID, string(st.Phase)
	if c.Live() {
		c.OpenKey = openKey(c.Household)
		c.ClosedAt = 0
	} else {
		c.OpenKey = ""
		c.ClosedAt = now
	}
}

// rankSpan is more than any clock in microseconds: the level counts first.
const rankSpan = int64(1e17)

func (c *Case) rank() { c.Rank = int64(3-c.Level)*rankSpan + int64(c.LeadAt) }

func nonNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return slices.Clone(list)
}

// steps are all steps of a case in order.
func (s *Service) steps(ctx context.Context, tx *ledger.Tx, caseID string) ([]Step, error) {
	list := []Step{}
	err := tx.NewSelect().Model(&list).Where("s.case_id = ?", caseID).Order("s.seq").Scan(ctx)
	return list, err
}

// Offers are the actions that the actor may take on a case now, each with what stands in its way. It needs account.CaseRead.
func (s *Service) Offers(ctx context.Context, actor account.Actor, now time.Time, caseID string) ([]workflow.Offer, error) {
	if err := actor.May(account.CaseRead); err != nil {
		return nil, err
	}
	indicators, err := s.indicators(ctx, actor, now, caseID, "")
	if err != nil {
		return nil, err
	}
	var out []workflow.Offer
	err = s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		c, err := s.load(ctx, tx, actor, caseID)
		if err != nil {
			return err
		}
		m := s.Machine(c.Division, now)
		facts, err := s.factsOf(ctx, tx, m, c, indicators)
		if err != nil {
			return err
		}
		for _, o := range m.Actions(c.State, roleIDs(actor), facts) {
			if s.may(actor, m, o.Action.ID) == nil {
				out = append(out, o)
			}
		}
		return nil
	})
	return out, err
}

// Facts are what guards see about a case today. It needs account.CaseRead.
func (s *Service) Facts(ctx context.Context, actor account.Actor, now time.Time, caseID string) (workflow.Facts, error) {
	if err := actor.May(account.CaseRead); err != nil {
		return nil, err
	}
	indicators, err := s.indicators(ctx, actor, now, caseID, "")
	if err != nil {
		return nil, err
	}
	var facts workflow.Facts
	err = s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		c, err := s.load(ctx, tx, actor, caseID)
		if err != nil {
			return err
		}
		facts, err = s.factsOf(ctx, tx, s.Machine(c.Division, now), c, indicators)
		return err
	})
	return facts, err
}

func (s *Service) factsOf(ctx context.Context, tx *ledger.Tx, m *workflow.Machine, c *Case, indicators workflow.Facts) (workflow.Facts, error) {
	steps, err := s.steps(ctx, tx, c.ID)
	if err != nil {
		return nil, err
	}
	return s.facts(ctx, tx, m, c, steps, indicators, nil, nil)
}

// label says what a verification found about the signals that nobody has judged yet.
func (s *Service) label(ctx context.Context, tx *ledger.Tx, caseID, label string) error {
	_, err := tx.NewUpdate().Table("signal").Set("label = ?", label).Set("labelled_at = ?", tx.Now).Where("case_id = ?", caseID).Where("label = ''").Where("suppressed_by = ''").Exec(ctx)
	return err
}

// insertRow writes one row of a table that a step fills.
func insertRow(ctx context.Context, tx *ledger.Tx, row any) error {
	_, err := tx.NewInsert().Model(row).Exec(ctx)
	return err
}

// future refuses a day that has not come yet.
func future(form workflow.Form, today time.Time, ids ...string) error {
	for _, id := range ids {
		text, ok := form[id].(string)
		if !ok {
			continue
		}
		if day, err := time.Parse(time.DateOnly, text); err == nil && day.After(today) {
			return errs.Newf(errs.Invalid, "日期 %[1]s 还没有到：只能登记已经发生的事", "the day of %[1]s has not come yet: only what has happened can be recorded", id)
		}
	}
	return nil
}
