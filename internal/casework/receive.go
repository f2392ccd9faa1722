package casework

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"shouwang/internal/account"
	"shouwang/internal/audit"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/workflow"
)

// Received counts what became of signals.
type Received struct {
	Signals    int `json:"signals"`    // given
	Repeated   int `json:"repeated"`   // whose key was received before: passed over
	Opened     int `json:"opened"`     // new cases (leads)
	Joined     int `json:"joined"`     // signals that joined a live case
	Reopened   int `json:"reopened"`   // cases at rest that a signal made to be looked at again
	Suppressed int `json:"suppressed"` // signals that repeat a verified cause and ask for no visit
}

func (r *Received) add(o Received) {
	r.Signals += o.Signals
	r.Repeated += o.Repeated
	r.Opened += o.Opened
	r.Joined += o.Joined
	r.Reopened += o.Reopened
	r.Suppressed += o.Suppressed
}

// bulkChunk is how many signals or cases one transaction of a bulk takes.
const bulkChunk = 2000

// Receive takes signals in. All signals of one household join its live case or make one new case (a lead) with one explanation; one that
// repeats a cause verified within the pack's window, and is not worse by the pack's ratio, is kept with that case and asks for no visit; a
// disaster opens the green channel; a case at rest is looked at again.
//
// It works in transactions of some thousand signals, so it can be stopped (ctx) and called again: signals with a key are taken in once.
// progress, if not nil, is told how many signals are done. It needs account.CaseOpen or account.DispatchRun, and every household in the actor's scope.
func (s *Service) Receive(ctx context.Context, actor account.Actor, now time.Time, signals []Signal, progress func(done int)) (Received, error) {
	var total Received
	if err := s.mayReceive(actor, signals); err != nil {
		return total, err
	}
	list := slices.Clone(signals)
	slices.SortStableFunc(list, func(a, b Signal) int { return cmp.Compare(a.Household, b.Household) })
	done := 0
	for len(list) > 0 {
		n := min(bulkChunk, len(list))
		for n < len(list) && list[n].Household == list[n-1].Household {
			n++ // a household is not cut in two
		}
		var part Received
		err := s.opening(ctx, now, func(ctx context.Context, tx *ledger.Tx) error {
			var err error
			part, err = s.receive(ctx, tx, actor, list[:n])
			return err
		})
		if err != nil {
			return total, err
		}
		total.add(part)
		list = list[n:]
		if done += n; progress != nil {
			progress(done)
		}
	}
	return total, nil
}

// opening is a write that may open a case which somebody else opens at the same moment: then it is done anew and joins that one.
func (s *Service) opening(ctx context.Context, now time.Time, fn func(context.Context, *ledger.Tx) error) error {
	for try := 0; ; try++ {
		taken := false
		err := s.ledger.Write(ctx, now, func(ctx context.Context, tx *ledger.Tx) error {
			err := fn(ctx, tx)
			taken = ledger.Taken(err)
			return err
		})
		if !taken || try == 5 {
			return err
		}
	}
}

func (s *Service) mayReceive(actor account.Actor, signals []Signal) error {
	if actor.May(account.CaseOpen) != nil && actor.May(account.DispatchRun) != nil {
		return actor.May(account.CaseOpen)
	}
	for i := range signals {
		if err := signals[i].check(s.pack); err != nil {
			return err
		}
		if err := actor.Sees(signals[i].Division); err != nil {
			return err
		}
	}
	return nil
}

// nextID makes identifiers in order, a microsecond apart at least, also where a bulk has one time for all that it does: rows of one village then
// lie together in every index, however large the bulk.
func (s *Service) nextID(now ledger.Time) string {
	for {
		last := s.lastID.Load()
		next := max(int64(now), last+1)
		if s.lastID.CompareAndSwap(last, next) {
			return ledger.NewID(ledger.Time(next).Go())
		}
	}
}

// batch is one transaction of signals.
type batch struct {
	s        *Service
	tx       *ledger.Tx
	actor    account.Actor
	machines map[int32]*workflow.Machine
	keys     map[string]bool
	live     map[int64]*Case
	verified map[int64][]SignalRow
	got      Received

	fresh   []*Case
	steps   []*Step
	rows    []SignalRow
	touched []*Case // live ones that were joined
	reopen  []*Case
	of      map[string][]SignalRow // new rows by case
}

func (s *Service) receive(ctx context.Context, tx *ledger.Tx, actor account.Actor, signals []Signal) (Received, error) {
	b := &batch{s: s, tx: tx, actor: actor, machines: map[int32]*workflow.Machine{}, of: map[string][]SignalRow{}, got: Received{Signals: len(signals)}}
	if err := b.read(ctx, signals); err != nil {
		return Received{}, err
	}
	for i := 0; i < len(signals); {
		n := i
		for n < len(signals) && signals[n].Household == signals[i].Household {
			n++
		}
		if err := b.household(signals[i:n]); err != nil {
			return Received{}, err
		}
		i = n
	}
	if err := b.write(ctx); err != nil {
		return Received{}, err
	}
	event := actor.Event("case.receive", "signals", s.nextID(tx.Now), actor.Division)
	if len(signals) == 1 {
		event.Division = signals[0].Division
	}
	event.Detail = b.got
	return b.got, audit.Record(tx, event)
}

// read looks up what is there already for all households of the batch at once.
func (b *batch) read(ctx context.Context, signals []Signal) error {
	var keys, open []string
	var households []int64
	for i := range signals {
		if signals[i].Key != "" {
			keys = append(keys, signals[i].Key)
		}
		if i == 0 || signals[i].Household != signals[i-1].Household {
			households = append(households, signals[i].Household)
			open = append(open, openKey(signals[i].Household))
		}
	}
	b.keys, b.live, b.verified = map[string]bool{}, map[int64]*Case{}, map[int64][]SignalRow{}
	if len(keys) > 0 {
		var found []string
		if err := b.tx.NewSelect().Table("signal").Column("source_key").Where("source_key IN (?)", bun.List(keys)).Scan(ctx, &found); err != nil {
			return err
		}
		for _, k := range found {
			b.keys[k] = true
		}
	}
	var cases []*Case
	if err := b.tx.NewSelect().Model(&cases).Where("c.open_key IN (?)", bun.List(open)).Scan(ctx); err != nil {
		return err
	}
	for _, c := range cases {
		b.live[c.Household] = c
	}
	var rows []SignalRow
	err := b.tx.NewSelect().Model(&rows).Where("household_id IN (?)", bun.List(households)).Where("labelled_at IS NOT NULL").Order("labelled_at DESC").Scan(ctx)
	for i := range rows {
		b.verified[rows[i].Household] = append(b.verified[rows[i].Household], rows[i])
	}
	return err
}

// machine is the workflow of a county on the batch's day.
func (b *batch) machine(d division.Code) *workflow.Machine {
	m := b.machines[d.County()]
	if m == nil {
		m = b.s.Machine(d.At(division.County), b.tx.Now.Go())
		b.machines[d.County()] = m
	}
	return m
}

// household deals with all signals of one household.
func (b *batch) household(signals []Signal) error {
	m := b.machine(signals[0].Division)
	window, err := m.Param("suppress_days")
	if err != nil {
		return err
	}
	ratio, err := m.Param("suppress_worse")
	if err != nil {
		return err
	}
	c := b.live[signals[0].Household]
	var asking, silent []SignalRow
	var typ string
	for i := range signals {
		g := &signals[i]
		if g.Key != "" && b.keys[g.Key] {
			b.got.Repeated++
			continue
		}
		b.keys[g.Key] = g.Key != ""
		typ = or(g.HouseholdType, typ)
		row := g.row(b.tx.Now, b.s.nextID(b.tx.Now))
		if old := repeats(b.verified[g.Household], g, max(b.tx.Now.Add(-time.Duration(window)*24*time.Hour), c.gone()), ratio); old != nil {
			row.SuppressedBy, row.CaseID = old.ID, old.CaseID
			silent = append(silent, row)
			b.got.Suppressed++
			continue
		}
		asking = append(asking, row)
	}
	switch {
	case len(asking) > 0 && c == nil:
		c = b.open(m, signals, typ)
		b.got.Opened++
	case len(asking) > 0:
		b.got.Joined += len(asking)
		b.touch(c, typ, c.Phase == string(policy.PhaseWatch))
	case len(silent) > 0 && c != nil:
		b.touch(c, typ, false)
	}
	for _, row := range append(asking, silent...) {
		if c != nil {
			row.CaseID = c.ID
			row.Division = c.Division
		}
		b.rows = append(b.rows, row)
		b.of[row.CaseID] = append(b.of[row.CaseID], row)
	}
	return nil
}

// gone is when the causes of a case were declared gone: what was verified before then says nothing about a signal that comes after it. It is 0 for a
// case that is not cleared, or none.
func (c *Case) gone() ledger.Time {
	if c != nil && c.ClearedOn != "" && c.Phase == string(policy.PhaseWatch) {
		return c.StateAt
	}
	return 0
}

// repeats finds the verified signal that a new one only repeats: the same risk of the same household, verified since a time, at no lower a level, and
// where both measure the same rule, not worse by the ratio.
func repeats(verified []SignalRow, g *Signal, since ledger.Time, ratio float64) *SignalRow {
	if g.Risk == "" {
		return nil // nobody knows what it is about
	}
	for i := range verified {
		old := &verified[i]
		if old.Risk != g.Risk || old.LabelledAt < since || g.Level > old.Level {
			continue
		}
		if g.Rule != "" && g.Rule == old.Rule && g.Amount != nil && old.Amount != nil && *g.Amount >= *old.Amount*ratio && *g.Amount > *old.Amount {
			continue
		}
		return old
	}
	return nil
}

func (b *batch) touch(c *Case, typ string, reopen bool) {
	c.HouseholdType = or(typ, c.HouseholdType)
	if !slices.Contains(b.touched, c) {
		b.touched = append(b.touched, c)
	}
	if reopen && !slices.Contains(b.reopen, c) {
		b.reopen = append(b.reopen, c)
	}
}

// open makes a new lead.
func (b *batch) open(m *workflow.Machine, signals []Signal, typ string) *Case {
	g := &signals[0]
	st := m.State(m.Start())
	c := &Case{
		ID: b.s.nextID(b.tx.Now), Version: 1, Household: g.Household, HouseholdNo: g.HouseholdNo, Division: g.Division, Channel: g.Channel, HouseholdType: typ, Risks: []Risk{},
		Round: 1, Steps: 1, LeadAt: b.tx.Now, StateAt: b.tx.Now, OpenedAt: b.tx.Now,
		Green: slices.ContainsFunc(signals, func(g Signal) bool { return g.Channel == Disaster }),
	}
	b.s.enter(c, st, b.tx.Now)
	b.fresh = append(b.fresh, c)
	b.steps = append(b.steps, &Step{
		ID: b.s.nextID(b.tx.Now), CaseID: c.ID, Seq: 1, Action: opened, ToState: st.ID, Round: 1, Does: []string{}, Flags: []string{}, At: b.tx.Now,
		Actor: b.actor.Account, Org: b.actor.Org, Data: "{}",
	})
	return c
}

// write puts the batch down, table by table.
func (b *batch) write(ctx context.Context) error {
	for _, c := range b.fresh {
		b.s.tell(c, b.of[c.ID])
	}
	if err := ledger.InsertAll(ctx, b.tx, b.fresh); err != nil {
		return err
	}
	if err := ledger.InsertAll(ctx, b.tx, b.steps); err != nil {
		return err
	}
	if err := ledger.InsertAll(ctx, b.tx, b.rows); err != nil {
		return err
	}
	if err := openTasks(ctx, b.tx, b.machine, b.fresh, nil); err != nil {
		return err
	}
	for _, c := range b.reopen {
		if err := b.lookAgain(ctx, c); err != nil {
			return err
		}
	}
	for _, c := range b.touched {
		if err := b.s.explain(ctx, b.tx, c); err != nil {
			return err
		}
		if err := ledger.Update(ctx, b.tx, c, &c.Version, caseColumns()...); err != nil {
			return err
		}
	}
	return nil
}

// lookAgain takes the action by which the program itself starts a case at rest anew.
func (b *batch) lookAgain(ctx context.Context, c *Case) error {
	m := b.s.Machine(c.Division, b.tx.Now.Go())
	system := account.SystemActor("casework")
	for i := range m.Flow().Actions {
		a := &m.Flow().Actions[i]
		if a.Restart != "clock" || !slices.Contains(a.From, c.State) || !slices.Contains(a.Roles, string(account.System)) {
			continue
		}
		move, err := m.Next(c.State, a.ID, roleIDs(system), workflow.Facts{})
		if err != nil {
			return err
		}
		if _, err := b.s.take(ctx, b.tx, system, m, c, move, workflow.Form{}); err != nil {
			return err
		}
		b.got.Reopened++
		return nil
	}
	return nil // the division's workflow has no such way: the signal waits with the case
}

// ActAll takes one action on every case that a filter chooses, some thousand to a transaction: the county hands a run's leads out to the villages.
// owners may name a person for a village (a grid worker); others go to the village's organisation. The action must need no form and have no
// guards. It needs account.DispatchRun or account.CaseAssign besides account.CaseAct. progress is told how many are done. It can be
// stopped and called again: what is done has left the state.
func (s *Service) ActAll(ctx context.Context, actor account.Actor, now time.Time, action string, f Filter, owners map[division.Code]string, progress func(done int)) (int, error) {
	if err := actor.May(account.CaseAct); err != nil {
		return 0, err
	}
	if actor.May(account.DispatchRun) != nil && actor.May(account.CaseAssign) != nil {
		return 0, actor.May(account.CaseAssign)
	}
	orgs, err := s.checkOwners(ctx, actor, owners)
	if err != nil {
		return 0, err
	}
	done, after := 0, ""
	for {
		var n int
		var last string
		err := s.ledger.Write(ctx, now, func(ctx context.Context, tx *ledger.Tx) error {
			var err error
			n, last, err = s.actChunk(ctx, tx, actor, action, f, owners, orgs, after)
			return err
		})
		if err != nil {
			return done, err
		}
		if done += n; progress != nil {
			progress(done)
		}
		if last == "" {
			return done, nil
		}
		after = last
	}
}

// checkOwners gives the organisation of each owner.
func (s *Service) checkOwners(ctx context.Context, actor account.Actor, owners map[division.Code]string) (map[string]string, error) {
	orgs := map[string]string{}
	if len(owners) == 0 {
		return orgs, nil
	}
	return orgs, s.ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		for d, id := range owners {
			if err := actor.Sees(d); err != nil {
				return err
			}
			who, err := s.accounts.Get(ctx, tx, account.SystemActor("casework"), id)
			if err != nil || !who.Active || !who.Division.Contains(d) {
				return bad("村 %[1]s 的责任人没有账号，或不管该村", "the owner for village %[1]s has no account, or not in that village", d.String())
			}
			orgs[id] = who.Org
		}
		return nil
	})
}

// actChunk moves the next cases of a bulk. last is "" when there are no more.
func (s *Service) actChunk(ctx context.Context, tx *ledger.Tx, actor account.Actor, action string, f Filter, owners map[division.Code]string, orgs map[string]string, after string) (n int, last string, err error) {
	var cases []*Case
	q := f.by(actor).apply(visible(tx.NewSelect().Model(&cases), actor), tx.Now).Where("c.id > ?", after).Order("c.id").Limit(bulkChunk)
	if err := q.Scan(ctx); err != nil {
		return 0, "", err
	}
	machines := map[int32]*workflow.Machine{}
	moved := map[string][]string{} // target state → ids
	mine := map[string][]string{}  // owner → ids
	var steps []*Step
	var changed []*Case
	for _, c := range cases {
		m := machines[c.Division.County()]
		if m == nil {
			m = s.Machine(c.Division.At(division.County), tx.Now.Go())
			machines[c.Division.County()] = m
		}
		a, err := m.Begin(c.State, action, roleIDs(actor))
		if errs.KindOf(err) == errs.Conflict {
			continue // it is elsewhere already
		}
		if err != nil {
			return 0, "", err
		}
		if len(a.Guards) > 0 || len(a.Does) > 0 || a.To == "" || a.Label != "" || a.Restart != "" || slices.ContainsFunc(a.Form, func(f policy.Field) bool { return f.Required }) {
			return 0, "", bad("动作“%[1]s”要逐户办理，不能批量", "the action %[2]q is taken case by case, not in bulk", a.Name.ZH, a.Name.EN)
		}
		steps = append(steps, &Step{
			ID: s.nextID(tx.Now), CaseID: c.ID, Seq: c.Steps + 1, Action: a.ID, FromState: c.State, ToState: a.To, Round: c.Round, Does: []string{}, Flags: []string{},
			At: tx.Now, Actor: actor.Account, Org: actor.Org, Data: "{}",
		})
		c.StateAt = tx.Now
		s.enter(c, m.State(a.To), tx.Now)
		moved[a.To] = append(moved[a.To], c.ID)
		if owner := owners[c.Division]; owner != "" {
			c.Owner = owner
			mine[owner] = append(mine[owner], c.ID)
		}
		changed = append(changed, c)
	}
	for to, ids := range moved {
		st := s.pack.Workflow.State(to)
		for _, c := range changed {
			if c.State == to {
				st = machines[c.Division.County()].State(to)
				break
			}
		}
		u := tx.NewUpdate().Table("casefile").Set("state = ?", to).Set("phase = ?", string(st.Phase)).Set("state_at = ?", tx.Now).Set("steps = steps + 1").Set("version = version + 1").Where("id IN (?)", bun.List(ids))
		if st.Phase == policy.PhaseClosed {
			u = u.Set("open_key = NULL").Set("closed_at = ?", tx.Now)
		}
		if _, err := u.Exec(ctx); err != nil {
			return 0, "", err
		}
	}
	for owner, ids := range mine {
		if _, err := tx.NewUpdate().Table("casefile").Set("owner = ?", owner).Where("id IN (?)", bun.List(ids)).Exec(ctx); err != nil {
			return 0, "", err
		}
	}
	if err := ledger.InsertAll(ctx, tx, steps); err != nil {
		return 0, "", err
	}
	if err := s.renewTasks(ctx, tx, func(d division.Code) *workflow.Machine { return machines[d.County()] }, changed, orgs, action); err != nil {
		return 0, "", err
	}
	if len(changed) > 0 {
		event := actor.Event("case.act_all", "casefiles", changed[0].ID, actor.Division)
		event.Detail = map[string]any{"action": action, "count": len(changed), "first": changed[0].ID, "last": changed[len(changed)-1].ID}
		if err := audit.Record(tx, event); err != nil {
			return 0, "", err
		}
	}
	if len(cases) == bulkChunk {
		last = cases[len(cases)-1].ID
	}
	return len(changed), last, nil
}
