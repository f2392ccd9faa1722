package measure

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/audit"
	"shouwang/internal/casework"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
)

// Suggestion is one measure that matching proposes.
type Suggestion struct {
	Entry
	Risks  []string      `json:"risks"`
	Amount int64         `json:"amount_fen"`
	Why    []policy.Text `json:"why"`
}

// Propose is a set of suggestions for a case's plan.
type Propose struct {
	Case    string       `json:"case"`
	Version int64        `json:"version"` // of the plan as it was read; 0 when there was none
	Key     string       `json:"-"`
	Items   []Suggestion `json:"items"`
}

// Propose puts suggestions into the plan of a case, in the place of earlier ones that nobody has decided; what is planned already stays
// and is not suggested again. It needs account.PlanWrite, and the case in the actor's scope and in the care of casework (identified, or
// helped first).
func (s *Service) Propose(ctx context.Context, actor account.Actor, now time.Time, p Propose) (*Plan, error) {
	return s.change(ctx, actor, now, p.Case, p.Key, p, func(ctx context.Context, tx *ledger.Tx, c *casework.Case) (*Plan, error) {
		plan, err := s.open(ctx, tx, c, p.Version)
		if err != nil {
			return nil, err
		}
		kept := plan.Measures[:0:0]
		for _, m := range plan.Measures {
			if m.State == Proposed {
				if err := s.drop(ctx, tx, &m); err != nil {
					return nil, err
				}
				continue
			}
			kept = append(kept, m)
		}
		plan.Measures = kept
		for _, x := range p.Items {
			if slices.ContainsFunc(plan.Measures, func(m Measure) bool {
				return m.Option == x.Option && m.Person == x.Person && (m.State.Planned() || m.State == Proposed)
			}) {
				continue
			}
			m, err := s.newMeasure(tx, plan, x.Entry, Proposed)
			if err != nil {
				return nil, err
			}
			m.Risks, m.Amount, m.Why, m.Origin = append([]string{}, x.Risks...), x.Amount, append([]policy.Text{}, x.Why...), "proposed"
			if err := s.insert(ctx, tx, actor, m, "propose", ""); err != nil {
				return nil, err
			}
			plan.Measures = append(plan.Measures, *m)
		}
		return plan, s.revise(ctx, tx, actor, plan, "propose", nil)
	})
}

// Decision accepts, changes or refuses a proposed measure, or adds one that was not proposed.
type Decision struct {
	Measure    string  `json:"id"`      // of a proposed measure; "" to add
	Option     string  `json:"measure"` // to add: of the pack
	Person     string  `json:"person"`  // to add: member key, or ""
	Refuse     bool    `json:"refuse"`
	Amount     *int64  `json:"amount_fen"` // nil: as proposed
	Department *string `json:"department"`
	Owner      *string `json:"owner"`
	Deadline   *string `json:"deadline"` // day; nil: the usual days from today
	Reason     string  `json:"reason"`   // needed to refuse, to change the amount or the department, and to add
}

// Decide is what staff decide about a plan.
type Decide struct {
	Case    string     `json:"case"`
	Version int64      `json:"version"` // of the plan
	Key     string     `json:"-"`
	Items   []Decision `json:"items"`
}

// Decide accepts, changes, refuses and adds measures in one change. Double benefit and conflicts within the plan, and whatever the checker calls an
// error, refuse all of it with a message that says what; doubts are kept with the revision and told. It needs account.PlanWrite.
func (s *Service) Decide(ctx context.Context, actor account.Actor, now time.Time, d Decide) (*Plan, error) {
	found, err := s.judge(ctx, actor, d)
	if err != nil {
		return nil, err
	}
	return s.change(ctx, actor, now, d.Case, d.Key, d, func(ctx context.Context, tx *ledger.Tx, c *casework.Case) (*Plan, error) {
		plan, err := s.open(ctx, tx, c, d.Version)
		if err != nil {
			return nil, err
		}
		flags, err := refuseErrors(found)
		if err != nil {
			return nil, err
		}
		if len(d.Items) == 0 {
			return nil, errs.New(errs.Invalid, "没有要决定的措施", "there is nothing to decide")
		}
		for i := range d.Items {
			if err := s.decideOne(ctx, tx, actor, plan, &d.Items[i]); err != nil {
				return nil, err
			}
		}
		return plan, s.revise(ctx, tx, actor, plan, "decide", flags)
	})
}

// judge asks the checker about the plan as it would be, before the transaction. The plan's version, which is checked inside, makes sure that it was
// this plan.
func (s *Service) judge(ctx context.Context, actor account.Actor, d Decide) ([]Finding, error) {
	if s.check == nil {
		return nil, nil
	}
	var c *casework.Case
	var plan []Entry
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		var err error
		if c, err = s.cases.Get(ctx, tx, actor, d.Case); err != nil {
			return err
		}
		have, err := s.load(ctx, tx, d.Case)
		if err != nil {
			return err
		}
		byID := map[string]*Measure{}
		for i := range have.Measures {
			m := &have.Measures[i]
			byID[m.ID] = m
			if m.State.Planned() {
				plan = append(plan, Entry{m.Option, m.Person})
			}
		}
		for _, x := range d.Items {
			switch m := byID[x.Measure]; {
			case x.Refuse:
			case m != nil:
				plan = append(plan, Entry{m.Option, m.Person})
			case x.Measure == "":
				plan = append(plan, Entry{x.Option, x.Person})
			}
		}
		return nil
	})
	if err != nil || len(plan) == 0 {
		return nil, err
	}
	return s.check(ctx, c, plan)
}

func (s *Service) decideOne(ctx context.Context, tx *ledger.Tx, actor account.Actor, plan *Plan, d *Decision) error {
	i := slices.IndexFunc(plan.Measures, func(m Measure) bool { return m.ID == d.Measure })
	add := d.Measure == ""
	if !add && i < 0 {
		return account.NotThere()
	}
	if d.Refuse {
		if add {
			return errs.New(errs.Invalid, "要拒绝的措施没有写明", "which measure is refused is not said")
		}
		m := &plan.Measures[i]
		if m.State != Proposed {
			return wrongState(m.State, "refuse")
		}
		if d.Reason == "" {
			return needsReason()
		}
		m.EndedAt = tx.Now
		return s.move(ctx, tx, actor, m, Refused, "refuse", d.Reason, "ended_at")
	}
	var m *Measure
	if add {
		if d.Reason == "" {
			return needsReason()
		}
		one, err := s.newMeasure(tx, plan, Entry{d.Option, d.Person}, Proposed)
		if err != nil {
			return err
		}
		one.Origin, one.Risks, one.Why = "added", []string{}, []policy.Text{}
		m = one
	} else {
		m = &plan.Measures[i]
		if m.State != Proposed {
			return wrongState(m.State, "adopt")
		}
	}
	if err := s.entryCheck(planned(plan.Measures), Entry{m.Option, m.Person}); err != nil {
		return err
	}
	changed, err := s.applyChanges(tx, m, d)
	if err != nil {
		return err
	}
	if changed && d.Reason == "" {
		return needsReason()
	}
	m.AdoptedAt = tx.Now
	if add {
		m.State = Adopted
		if err := s.insert(ctx, tx, actor, m, "add", d.Reason); err != nil {
			return err
		}
		plan.Measures = append(plan.Measures, *m)
		return nil
	}
	action := "adopt"
	if changed {
		action = "adopt_changed"
	}
	return s.move(ctx, tx, actor, m, Adopted, action, d.Reason, "adopted_at", "amount", "department", "owner", "deadline")
}

// applyChanges sets amount, department, owner and deadline; changed tells that staff did otherwise than was proposed.
func (s *Service) applyChanges(tx *ledger.Tx, m *Measure, d *Decision) (changed bool, err error) {
	o := s.pack.Measure(m.Option)
	today := casework.Civil(tx.Now.Go())
	m.Deadline = today.AddDate(0, 0, 30).Format(time.DateOnly)
	if o != nil {
		m.Deadline = today.AddDate(0, 0, o.Days).Format(time.DateOnly)
	}
	if d.Amount != nil && *d.Amount != m.Amount {
		if *d.Amount < 0 || *d.Amount > 100_000_000_00 {
			return false, errs.New(errs.Invalid, "金额应在 0 到 1 亿元之间", "the amount must be from 0 to 100 million yuan")
		}
		m.Amount, changed = *d.Amount, m.Origin == "proposed"
	}
	if d.Department != nil && *d.Department != m.Department {
		if s.pack.Department(*d.Department) == nil {
			return false, errs.Newf(errs.Invalid, "没有部门“%[1]s”", "there is no department %[1]q", *d.Department)
		}
		m.Department, changed = *d.Department, true
	}
	if d.Owner != nil {
		m.Owner = *d.Owner
	}
	if d.Deadline != nil {
		day, err := time.Parse(time.DateOnly, *d.Deadline)
		if err != nil || day.Before(today) || day.After(today.AddDate(3, 0, 0)) {
			return false, errs.New(errs.Invalid, "完成期限应是今天起三年以内的日期（YYYY-MM-DD）", "the deadline must be a day (YYYY-MM-DD) from today to three years on")
		}
		m.Deadline = *d.Deadline
	}
	return changed, nil
}

func planned(list []Measure) []Entry {
	var out []Entry
	for _, m := range list {
		if m.State.Planned() {
			out = append(out, Entry{m.Option, m.Person})
		}
	}
	return out
}

func needsReason() error {
	return errs.New(errs.Invalid, "请写明原因：不采纳、改动和自行增加的措施都要有原因", "give a reason: it is needed to refuse, to change and to add a measure")
}

func wrongState(from State, action string) error {
	zh, en := from.Title()
	return errs.Newf(errs.Conflict, "这项措施现在是“%[1]s”，不能这样做（%[3]s）", "the measure is %[2]s now, so this is not possible (%[3]s)", zh, en, action)
}

// Plan shows the plan of a case with measures, orders, evidence and steps. A department's officer sees its own measures only. It needs
// account.PlanRead; errs.NotFound when there is no plan yet or the case is out of scope.
func (s *Service) Plan(ctx context.Context, actor account.Actor, caseID string) (*Plan, error) {
	if err := actor.May(account.PlanRead); err != nil {
		return nil, err
	}
	var plan *Plan
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		if _, err := s.cases.Get(ctx, tx, actor, caseID); err != nil {
			return err
		}
		var err error
		if plan, err = s.load(ctx, tx, caseID); err != nil {
			return err
		}
		if plan.ID == "" {
			return errs.New(errs.NotFound, "还没有帮扶计划", "there is no plan yet")
		}
		if own := bound(actor); own != "" {
			plan.Measures = slices.DeleteFunc(plan.Measures, func(m Measure) bool { return m.Department != own })
		}
		return s.details(ctx, tx, plan)
	})
	return plan, err
}

// Planned lists what the plan of a case has and has not given up, for matching: it is not proposed again.
func (s *Service) Planned(ctx context.Context, actor account.Actor, caseID string) ([]Entry, error) {
	if err := actor.May(account.PlanRead); err != nil {
		return nil, err
	}
	var out []Entry
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		if _, err := s.cases.Get(ctx, tx, actor, caseID); err != nil {
			return err
		}
		plan, err := s.load(ctx, tx, caseID)
		if err != nil {
			return err
		}
		out = planned(plan.Measures)
		return nil
	})
	return out, err
}

// Revision is what a plan was after one change.
type Revision struct {
	Revision int               `json:"revision"`
	At       ledger.Time       `json:"at"`
	Actor    string            `json:"actor"`
	Org      string            `json:"org"`
	What     string            `json:"what"`
	Content  casework.Document `json:"content"`
	Flags    casework.Document `json:"flags"`
}

// Revisions lists the versions of a case's plan, oldest first. It needs account.PlanRead; a department's officer has none.
func (s *Service) Revisions(ctx context.Context, actor account.Actor, caseID string) ([]Revision, error) {
	if err := actor.May(account.PlanRead); err != nil {
		return nil, err
	}
	out := []Revision{}
	err := s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		if _, err := s.cases.Get(ctx, tx, actor, caseID); err != nil {
			return err
		}
		if bound(actor) != "" {
			return nil
		}
		return tx.NewSelect().TableExpr("plan_revision AS r").ColumnExpr("r.revision, r.at, r.actor, r.org, r.what, r.content, r.flags").Join("JOIN plan AS p ON p.id = r.plan_id").
			Where("p.case_id = ?", caseID).OrderExpr("r.revision").Scan(ctx, &out)
	})
	return out, err
}

// change is the frame of every change of a plan: right, idempotency, one transaction, the case in scope.
func (s *Service) change(ctx context.Context, actor account.Actor, now time.Time, caseID, key string, request any, fn func(context.Context, *ledger.Tx, *casework.Case) (*Plan, error)) (*Plan, error) {
	if err := actor.May(account.PlanWrite); err != nil {
		return nil, err
	}
	var out *Plan
	err := s.ledger.Write(ctx, now, func(ctx context.Context, tx *ledger.Tx) error {
		out = &Plan{}
		done, err := tx.Once(ctx, actor.Account, key, request, out)
		if err != nil || done {
			return err
		}
		c, err := s.cases.Get(ctx, tx, actor, caseID)
		if err != nil {
			return err
		}
		if !c.Live() {
			return errs.New(errs.Conflict, "案件已关闭，计划不能再改", "the case is closed; its plan cannot be changed")
		}
		if out, err = fn(ctx, tx, c); err != nil {
			return err
		}
		if err := s.details(ctx, tx, out); err != nil {
			return err
		}
		return tx.Remember(ctx, actor.Account, key, request, out)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// open reads the plan that was read at version, or makes it when there is none and version is 0.
func (s *Service) open(ctx context.Context, tx *ledger.Tx, c *casework.Case, version int64) (*Plan, error) {
	plan, err := s.load(ctx, tx, c.ID)
	if err != nil {
		return nil, err
	}
	if plan.ID != "" {
		return plan, ledger.CheckVersion(version, plan.Version)
	}
	if version != 0 {
		return nil, account.NotThere()
	}
	plan = &Plan{ID: ledger.NewID(tx.Now.Go()), Version: 1, CaseID: c.ID, HouseholdID: c.Household, HouseholdNo: c.HouseholdNo, Division: c.Division, CreatedAt: tx.Now, ChangedAt: tx.Now}
	if _, err := tx.NewInsert().Model(plan).Exec(ctx); err != nil {
		if ledger.Taken(err) {
			return nil, errs.Wrap(errs.Conflict, err, "别人刚刚建立了计划，请重新打开", "somebody else has just made the plan; open it again")
		}
		return nil, err
	}
	return plan, nil
}

// load reads the plan of a case with its measures; a plan without an id when there is none.
func (s *Service) load(ctx context.Context, tx *ledger.Tx, caseID string) (*Plan, error) {
	plan := &Plan{}
	if err := tx.NewSelect().Model(plan).Where("case_id = ?", caseID).Scan(ctx); err != nil {
		if ledger.Missing(err) {
			return &Plan{}, nil
		}
		return nil, err
	}
	if err := tx.NewSelect().Model(&plan.Measures).Where("plan_id = ?", plan.ID).OrderExpr("id").Scan(ctx); err != nil {
		return nil, err
	}
	// In the order of the pack, so that two people see the same list.
	place := func(m Measure) int {
		return slices.IndexFunc(s.pack.Measures.Options, func(o policy.Measure) bool { return o.ID == m.Option })
	}
	slices.SortStableFunc(plan.Measures, func(a, b Measure) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a.Person, b.Person))
	})
	return plan, nil
}

// details adds orders, evidence and steps to the measures of a plan.
func (s *Service) details(ctx context.Context, tx *ledger.Tx, plan *Plan) error {
	at := map[string]*Measure{}
	for i := range plan.Measures {
		m := &plan.Measures[i]
		m.Evidence, m.Orders, m.Steps = []Evidence{}, []Order{}, []Step{}
		at[m.ID] = m
	}
	if plan.Measures == nil {
		plan.Measures = []Measure{}
	}
	if plan.Flags == nil {
		plan.Flags = []Finding{}
	}
	of := "measure_id IN (SELECT id FROM measure WHERE plan_id = ?)"
	var evidence []Evidence
	if err := tx.NewSelect().Model(&evidence).Where(of, plan.ID).OrderExpr("at, id").Scan(ctx); err != nil {
		return err
	}
	for _, e := range evidence {
		if m := at[e.MeasureID]; m != nil {
			m.Evidence = append(m.Evidence, e)
		}
	}
	var orders []Order
	if err := tx.NewSelect().Model(&orders).Where(of, plan.ID).OrderExpr("sent_at, id").Scan(ctx); err != nil {
		return err
	}
	for _, o := range orders {
		m := at[o.MeasureID]
		if m == nil {
			continue
		}
		var err error
		if o.Reason, err = s.unseal("measure_order.reason", o.ID, o.Sealed); err != nil {
			return err
		}
		o.Option, o.Person, o.Deadline, o.Amount = m.Option, m.Person, m.Deadline, m.Amount
		m.Orders = append(m.Orders, o)
	}
	var steps []Step
	if err := tx.NewSelect().Model(&steps).Where(of, plan.ID).OrderExpr("measure_id, seq").Scan(ctx); err != nil {
		return err
	}
	for _, x := range steps {
		if m := at[x.MeasureID]; m != nil {
			var err error
			if x.Reason, err = s.unseal("measure_step.reason", x.ID, x.Sealed); err != nil {
				return err
			}
			m.Steps = append(m.Steps, x)
		}
	}
	return nil
}

func (s *Service) newMeasure(tx *ledger.Tx, plan *Plan, e Entry, state State) (*Measure, error) {
	o := s.pack.Measure(e.Option)
	if o == nil {
		return nil, errs.Newf(errs.Invalid, "政策包里没有措施“%[1]s”", "the pack has no measure %[1]q", e.Option)
	}
	if (o.For == policy.ForHousehold) != (e.Person == "") || len(e.Person) > 64 {
		return nil, errs.Newf(errs.Invalid, "“%[1]s”的对象不对：户的措施不指定成员，个人的措施要指定成员", "%[2]q: a measure for the household names no member, one for a person names the member", o.Name.ZH, o.Name.In("en"))
	}
	return &Measure{ID: ledger.NewID(tx.Now.Go()), Version: 1, PlanID: plan.ID, CaseID: plan.CaseID, HouseholdID: plan.HouseholdID, Division: plan.Division, Option: o.ID, Block: o.Block,
		Nature: string(o.Nature), Person: e.Person, State: state, Department: o.Department, FundZH: o.Fund.ZH, FundEN: o.Fund.In("en"), ProposedAt: tx.Now}, nil
}

func (s *Service) insert(ctx context.Context, tx *ledger.Tx, actor account.Actor, m *Measure, action, reason string) error {
	m.Reason = s.seal("measure.reason", m.ID, reason)
	if _, err := tx.NewInsert().Model(m).Exec(ctx); err != nil {
		return err
	}
	return s.step(ctx, tx, actor, m, "", action, reason)
}

// drop removes a suggestion that nobody has decided.
func (s *Service) drop(ctx context.Context, tx *ledger.Tx, m *Measure) error {
	if _, err := tx.NewDelete().TableExpr("measure_step").Where("measure_id = ?", m.ID).Exec(ctx); err != nil {
		return err
	}
	_, err := tx.NewDelete().TableExpr("measure").Where("id = ?", m.ID).Exec(ctx)
	return err
}

// move changes a measure's state with its step and event.
func (s *Service) move(ctx context.Context, tx *ledger.Tx, actor account.Actor, m *Measure, to State, action, reason string, columns ...string) error {
	from := m.State
	m.State = to
	columns = append(columns, "state")
	if reason != "" {
		m.Reason = s.seal("measure.reason", m.ID, reason)
		columns = append(columns, "reason")
	}
	if err := ledger.Update(ctx, tx, m, &m.Version, columns...); err != nil {
		return err
	}
	return s.step(ctx, tx, actor, m, from, action, reason)
}

func (s *Service) step(ctx context.Context, tx *ledger.Tx, actor account.Actor, m *Measure, from State, action, reason string) error {
	st := &Step{ID: ledger.NewID(tx.Now.Go()), MeasureID: m.ID, Seq: m.Version, Action: action, From: from, To: m.State, At: tx.Now, Actor: actor.Account, Org: actor.Org}
	st.Sealed = s.seal("measure_step.reason", st.ID, reason)
	if _, err := tx.NewInsert().Model(st).Exec(ctx); err != nil {
		return err
	}
	e := actor.Event("measure."+action, "measure", m.ID, m.Division)
	e.Detail = map[string]any{"case": m.CaseID, "measure": m.Option, "from": from, "to": m.State, "amount_fen": m.Amount, "department": m.Department, "deadline": m.Deadline}
	return audit.Record(tx, e)
}

// revise keeps what the plan is after a change, and raises its version.
func (s *Service) revise(ctx context.Context, tx *ledger.Tx, actor account.Actor, plan *Plan, what string, flags []Finding) error {
	plan.Revision++
	plan.ChangedAt = tx.Now
	if err := ledger.Update(ctx, tx, plan, &plan.Version, "revision", "changed_at"); err != nil {
		return err
	}
	if flags == nil {
		flags = []Finding{}
	}
	plan.Flags = flags
	if plan.Measures == nil {
		plan.Measures = []Measure{}
	}
	content, err := json.Marshal(plan.Measures)
	if err != nil {
		return errs.Wrap(errs.Internal, err, "计划无法保存", "the plan cannot be kept")
	}
	told, err := json.Marshal(flags)
	if err != nil {
		return errs.Wrap(errs.Internal, err, "计划无法保存", "the plan cannot be kept")
	}
	row := map[string]any{"plan_id": plan.ID, "revision": plan.Revision, "at": tx.Now, "actor": actor.Account, "org": actor.Org, "what": what, "content": string(content), "flags": string(told)}
	_, err = tx.NewInsert().Model(&row).TableExpr("plan_revision").Exec(ctx)
	return err
}
