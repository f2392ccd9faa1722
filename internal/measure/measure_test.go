package measure_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/account/accounttest"
	"shouwang/internal/audit"
	"shouwang/internal/casework"
	"shouwang/internal/errs"
	"shouwang/internal/expr"
	"shouwang/internal/ledger"
	"shouwang/internal/ledger/ledgertest"
	"shouwang/internal/measure"
	"shouwang/internal/policy"
	"shouwang/internal/secret"
	"shouwang/internal/task"
	"shouwang/internal/workflow"
	packs "shouwang/policy"
)

var hash = strings.Repeat("ab", 32)

type form = map[string]any

// world is a ledger with casework and plans over it, and a clock that the test turns.
type world struct {
	t      testing.TB
	l      *ledger.Ledger
	pack   *policy.Pack
	cases  *casework.Service
	s      *measure.Service
	actors map[account.Role]account.Actor
	now    time.Time
	found  []measure.Finding // what the checker says
}

func newWorld(t testing.TB, l *ledger.Ledger) *world {
	t.Helper()
	pack, err := policy.Load(packs.Guizhou())
	if err != nil {
		t.Fatal(err)
	}
	keyring, err := secret.Create(filepath.Join(t.TempDir(), "keyring"))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, l: l, pack: pack, actors: accounttest.Actors(accounttest.Village), now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.FixedZone("UTC+8", 8*3600))}
	log := slog.New(slog.DiscardHandler)
	w.cases, err = casework.New(l, keyring, pack, accounttest.Service(t, l), casework.Hooks{Measures: measure.Facts(pack), Indicators: func(context.Context, int64) (workflow.Facts, error) {
		return workflow.Facts{"able_labourers": expr.NumberValue(1), "labourers": expr.NumberValue(1)}, nil
	}}, log)
	if err != nil {
		t.Fatal(err)
	}
	w.s = measure.New(l, keyring, pack, w.cases, task.Calendar(pack), func(context.Context, *casework.Case, []measure.Entry) ([]measure.Finding, error) { return w.found, nil }, log)
	return w
}

func (w *world) day() string { return casework.Civil(w.now).Format(time.DateOnly) }

func (w *world) act(role account.Role, c *casework.Case, action string, data form) *casework.Case {
	w.t.Helper()
	got, err := w.cases.Act(w.t.Context(), w.actors[role], w.now, casework.Act{Case: c.ID, Action: action, Version: c.Version, Data: data})
	if err != nil {
		w.t.Fatalf("%s by %s in %s: %v", action, role, c.State, err)
	}
	return got.Case
}

// identified carries a household from a warning to being monitored.
func (w *world) identified(household int64, risk string) *casework.Case {
	w.t.Helper()
	if _, err := w.cases.Receive(w.t.Context(), w.actors[account.County], w.now, []casework.Signal{{Household: household, HouseholdNo: fmt.Sprint(household), Division: accounttest.Village, HouseholdType: "exited",
		Channel: casework.Screening, Risk: risk, Level: 3, Rule: "illness_poverty", Dataset: "health_settlement", Run: 1, Words: policy.Text{ZH: "自付", EN: "paid"}}}, nil); err != nil {
		w.t.Fatal(err)
	}
	page, err := w.cases.List(w.t.Context(), w.actors[account.County], w.now, casework.Filter{Household: household}, "", 0)
	if err != nil || len(page.Cases) != 1 {
		w.t.Fatal(err)
	}
	c := w.act(account.Village, &page.Cases[0], "accept", nil)
	c = w.act(account.Village, c, "record_visit", form{"visited_on": w.day(), "visitors": []any{form{"account": "a", "post": "village"}, form{"name": "驻村乙", "post": "team"}}})
	c = w.act(account.Village, c, "verify_true", form{"risks": []any{form{"risk": risk}}})
	c = w.act(account.Village, c, "authorise", form{"signed_on": w.day(), "signer": "head", "scope": []any{"hukou", "property"}, "letter": []any{hash}})
	c = w.act(account.Township, c, "record_comparison", form{"results": []any{form{"department": "housing", "result": "clear"}}})
	c = w.act(account.Township, c, "finish_comparison", nil)
	c = w.act(account.Village, c, "appraise", form{"held_on": w.day(), "attendees": 20.0, "votes_for": 18.0, "minutes": []any{hash}})
	c = w.act(account.Village, c, "publicise", form{"posted_on": w.day()})
	w.now = w.now.AddDate(0, 0, 5)
	c = w.act(account.Township, c, "township_review", form{"opinion": "同意"})
	c = w.act(account.County, c, "decide", form{"category": "unstable", "decided_on": w.day(), "document_no": "从江振防〔2026〕1号"})
	return w.act(account.Township, c, "announce", form{"announced_on": w.day(), "marked_month": "2026-03"})
}

func (w *world) kind(what string, err error, want errs.Kind) {
	w.t.Helper()
	if got := errs.KindOf(err); got != want {
		w.t.Errorf("%s: %v (%v), want %v", what, err, got, want)
	}
}

func must[T any](w *world, what string) func(T, error) T {
	return func(v T, err error) T {
		w.t.Helper()
		if err != nil {
			w.t.Fatalf("%s: %v", what, err)
		}
		return v
	}
}

func of(p *measure.Plan, option string) measure.Measure {
	for _, m := range p.Measures {
		if m.Option == option {
			return m
		}
	}
	return measure.Measure{}
}

func suggestions() []measure.Suggestion {
	return []measure.Suggestion{
		{Entry: measure.Entry{Option: "medical_aid"}, Risks: []string{"illness"}, Amount: 18_000_00, Why: []policy.Text{{ZH: "对应风险“因病”", EN: "answers illness"}}},
		{Entry: measure.Entry{Option: "post_cleaning", Person: strings.Repeat("0a", 16)}, Amount: 9_600_00},
		{Entry: measure.Entry{Option: "donation"}, Amount: 3_000_00},
	}
}

// From suggestions through adoption, order, acceptance, delivery with evidence and verification; with casework's guards along the way.
func TestPlanToVerified(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		w := newWorld(t, l)
		ctx := t.Context()
		c := w.identified(5226331, "illness")
		township, county, officer := w.actors[account.Township], w.actors[account.County], w.actors[account.Department]
		plan := must[*measure.Plan](w, "propose")(w.s.Propose(ctx, township, w.now, measure.Propose{Case: c.ID, Key: "k1", Items: suggestions()}))
		again := must[*measure.Plan](w, "propose again")(w.s.Propose(ctx, township, w.now, measure.Propose{Case: c.ID, Key: "k1", Items: suggestions()}))
		if len(plan.Measures) != 3 || again.Version != plan.Version || again.Measures[0].ID != plan.Measures[0].ID {
			t.Fatalf("plan %+v\nagain %+v", plan, again)
		}
		// Nothing is planned by being proposed: the case's guard says so.
		if _, err := w.cases.Act(ctx, township, w.now, casework.Act{Case: c.ID, Action: "plan", Version: c.Version}); errs.KindOf(err) != errs.Refused {
			t.Errorf("a plan of suggestions only: %v", err)
		}
		amount := int64(20_000_00)
		decide := measure.Decide{Case: c.ID, Version: plan.Version, Items: []measure.Decision{
			{Measure: of(plan, "medical_aid").ID, Amount: &amount},
			{Measure: of(plan, "post_cleaning").ID},
			{Measure: of(plan, "donation").ID, Refuse: true, Reason: "户主李某不愿接受捐赠"},
		}}
		_, err := w.s.Decide(ctx, township, w.now, decide)
		w.kind("an amount changed without a reason", err, errs.Invalid)
		decide.Items[0].Reason = "后续治疗费用"
		w.found = []measure.Finding{{ID: "x", Severity: "error", Text: policy.Text{ZH: "不符合", EN: "against"}}}
		_, err = w.s.Decide(ctx, township, w.now, decide)
		w.kind("a plan that the checks refuse", err, errs.Refused)
		w.found = []measure.Finding{{ID: "y", Severity: "doubt", Text: policy.Text{ZH: "存疑", EN: "doubt"}}}
		plan = must[*measure.Plan](w, "decide")(w.s.Decide(ctx, township, w.now, decide))
		aid, post := of(plan, "medical_aid"), of(plan, "post_cleaning")
		if aid.State != measure.Adopted || aid.Amount != amount || post.State != measure.Adopted || of(plan, "donation").State != measure.Refused || len(plan.Flags) != 1 || aid.Deadline != "2026-04-06" {
			t.Fatalf("%+v", plan)
		}
		_, err = w.s.Decide(ctx, township, w.now, measure.Decide{Case: c.ID, Version: plan.Version - 1, Items: decide.Items})
		w.kind("an old plan", err, errs.Conflict)
		c = w.act(account.Township, c, "plan", nil)

		must[*measure.Plan](w, "order")(w.s.Send(ctx, township, w.now, measure.Send{Measure: aid.ID, Version: aid.Version}))
		orders := must[measure.OrderPage](w, "orders")(w.s.Orders(ctx, officer, measure.OrderFilter{}))
		if len(orders.Orders) != 1 || orders.Orders[0].Due != "2026-03-11" || orders.Orders[0].Option != "medical_aid" {
			t.Fatalf("%+v", orders)
		}
		if state := must[*casework.Case](w, "case")(get(ctx, w, county, c.ID)).State; state != "helping" {
			t.Errorf("the first order did not begin the help: %s", state)
		}
		inbox := 0
		if err := l.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
			page, err := task.Inbox(ctx, tx, officer, task.Filter{})
			inbox = len(page.Tasks)
			return err
		}); err != nil || inbox != 1 {
			t.Errorf("in-box of the department: %d, %v", inbox, err)
		}
		if p := must[*measure.Plan](w, "plan of the officer")(w.s.Plan(ctx, officer, c.ID)); len(p.Measures) != 1 || p.Measures[0].Option != "medical_aid" {
			t.Errorf("an officer sees %+v", p.Measures)
		}
		_, err = w.s.Answer(ctx, officer, w.now, measure.Answer{Order: orders.Orders[0].ID, Version: 1, Answer: "reject"})
		w.kind("a rejection without a reason", err, errs.Invalid)
		o := must[*measure.Order](w, "accept")(w.s.Answer(ctx, officer, w.now, measure.Answer{Order: orders.Orders[0].ID, Version: 1, Answer: "accept"}))
		_, err = w.s.Answer(ctx, officer, w.now, measure.Answer{Order: o.ID, Version: o.Version, Answer: "done", Evidence: []measure.Proof{{Kind: "document", Hash: hash}}})
		w.kind("done without the signature", err, errs.Invalid)
		done := measure.Answer{Order: o.ID, Version: o.Version, Key: "d1", Answer: "done", Evidence: []measure.Proof{{Kind: "document", Hash: hash}, {Kind: "signature", Hash: strings.Repeat("cd", 32)}}}
		o = must[*measure.Order](w, "done")(w.s.Answer(ctx, officer, w.now, done))
		if o.State != "done" {
			t.Fatalf("%+v", o)
		}
		plan = must[*measure.Plan](w, "plan")(w.s.Plan(ctx, county, c.ID))
		aid = of(plan, "medical_aid")
		if aid.State != measure.Delivered || len(aid.Evidence) != 2 {
			t.Fatalf("%+v", aid)
		}
		plan = must[*measure.Plan](w, "send back")(w.s.Verify(ctx, township, w.now, measure.Verify{Measure: aid.ID, Version: aid.Version, Reason: "未到账"}))
		aid = of(plan, "medical_aid")
		plan = must[*measure.Plan](w, "deliver")(w.s.Deliver(ctx, county, w.now, measure.Deliver{Measure: aid.ID, Version: aid.Version, Done: true}))
		aid = of(plan, "medical_aid")
		_, err = w.s.Verify(ctx, county, w.now, measure.Verify{Measure: aid.ID, Version: aid.Version, OK: true})
		w.kind("verified by whoever delivered it", err, errs.Refused)
		plan = must[*measure.Plan](w, "verify")(w.s.Verify(ctx, township, w.now, measure.Verify{Measure: aid.ID, Version: aid.Version, OK: true}))
		plan = must[*measure.Plan](w, "stop")(w.s.Stop(ctx, township, w.now, measure.Stop{Measure: post.ID, Version: of(plan, "post_cleaning").Version, Reason: "外出"}))
		if of(plan, "medical_aid").State != measure.Verified || of(plan, "post_cleaning").State != measure.Stopped || len(must[[]measure.Entry](w, "planned")(w.s.Planned(ctx, township, c.ID))) != 1 {
			t.Fatalf("%+v", plan)
		}
		given := must[[]measure.Given](w, "given")(w.s.VerifiedSince(ctx, account.SystemActor("feed"), 0, "", 10))
		if len(given) != 1 || given[0].ID != aid.ID || given[0].HouseholdNo != c.HouseholdNo || given[0].Amount != aid.Amount {
			t.Errorf("given: %+v", given)
		}
		if more := must[[]measure.Given](w, "given later")(w.s.VerifiedSince(ctx, account.SystemActor("feed"), given[0].VerifiedAt, given[0].ID, 10)); len(more) != 0 {
			t.Errorf("given twice: %+v", more)
		}
		revisions := must[[]measure.Revision](w, "revisions")(w.s.Revisions(ctx, township, c.ID))
		if len(revisions) != plan.Revision || revisions[0].What != "propose" || revisions[len(revisions)-1].What != "stop" {
			t.Errorf("%d revisions of %d", len(revisions), plan.Revision)
		}
		steps := of(plan, "donation").Steps
		if steps[len(steps)-1].Reason != "户主李某不愿接受捐赠" {
			t.Errorf("steps %+v", steps)
		}
		w.nothingInPlain("李某")
	})
}

func get(ctx context.Context, w *world, a account.Actor, id string) (c *casework.Case, err error) {
	err = w.l.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error {
		c, err = w.cases.Get(ctx, tx, a, id)
		return err
	})
	return c, err
}

// nothingInPlain looks for a text in what this package stores, and checks the audit chain.
func (w *world) nothingInPlain(text string) {
	w.t.Helper()
	err := w.l.Read(w.t.Context(), func(ctx context.Context, tx *ledger.Tx) error {
		for _, q := range []string{"SELECT reason FROM measure", "SELECT reason FROM measure_step", "SELECT reason FROM measure_order", "SELECT content FROM plan_revision", "SELECT reason FROM audit_event"} {
			var all []string
			if err := tx.NewRaw(q).Scan(ctx, &all); err != nil {
				return err
			}
			if strings.Contains(strings.Join(all, "\n"), text) {
				w.t.Errorf("%s has personal content in plain", q)
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	report, err := audit.Verify(w.t.Context(), w.l)
	if err != nil || report.Broken != nil {
		w.t.Errorf("audit chain: %+v, %v", report, err)
	}
}

// Double benefit, conflicts, limits of groups, wrong audience and unknown measures are refused at entry, with the names of both.
func TestEntry(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		w := newWorld(t, l)
		ctx := t.Context()
		c := w.identified(5226331, "illness")
		township := w.actors[account.Township]
		a, b := strings.Repeat("0a", 16), strings.Repeat("0b", 16)
		version := int64(0)
		add := func(option, person string) error {
			plan, err := w.s.Decide(ctx, township, w.now, measure.Decide{Case: c.ID, Version: version, Items: []measure.Decision{{Option: option, Person: person, Reason: "走访发现"}}})
			if err == nil {
				version = plan.Version
			}
			return err
		}
		for _, step := range []struct {
			option, person string
			want           errs.Kind
			text           string
		}{
			{"post_ranger", a, 0, ""},
			{"post_ranger", a, errs.Conflict, "重复享受"},
			{"post_ranger", b, errs.Conflict, "护林员一户一人"},
			{"post_cleaning", a, errs.Conflict, "一人一份工"},
			{"post_cleaning", b, 0, ""},
			{"dibao", "", 0, ""},
			{"tekun", a, errs.Conflict, "低保与特困"},
			{"house_repair", "", 0, ""},
			{"house_rebuild", "", errs.Conflict, "住房措施"},
			{"return_to_school", b, 0, ""},
			{"home_teaching", b, errs.Conflict, "不能同时享受"},
			{"dibao", a, errs.Invalid, "对象不对"},
			{"labour_export", "", errs.Invalid, "对象不对"},
			{"nothing", "", errs.Invalid, "没有措施"},
		} {
			err := add(step.option, step.person)
			w.kind(step.option, err, step.want)
			if step.text != "" && !strings.Contains(errs.Text(err, "zh"), step.text) {
				t.Errorf("%s: %q does not say %q", step.option, errs.Text(err, "zh"), step.text)
			}
		}
		_, err := w.s.Decide(ctx, township, w.now, measure.Decide{Case: c.ID, Version: version, Items: []measure.Decision{{Option: "pairing"}}})
		w.kind("added without a reason", err, errs.Invalid)
	})
}

// What lies outside the scope, or another department's, is not there; roles that may not are refused.
func TestScope(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		w := newWorld(t, l)
		ctx := t.Context()
		c := w.identified(5226331, "illness")
		township := w.actors[account.Township]
		plan := must[*measure.Plan](w, "decide")(w.s.Decide(ctx, township, w.now, measure.Decide{Case: c.ID, Items: []measure.Decision{{Option: "medical_aid", Reason: "r"}}}))
		aid := of(plan, "medical_aid")
		plan = must[*measure.Plan](w, "order")(w.s.Send(ctx, township, w.now, measure.Send{Measure: aid.ID, Version: aid.Version}))
		aid = of(plan, "medical_aid")
		order := aid.Orders[0]
		elsewhere := accounttest.Actors(522634100200)
		for role, other := range elsewhere {
			switch role {
			case account.System, account.Province, account.Prefecture:
				continue // they see both
			}
			if _, err := w.s.Plan(ctx, other, c.ID); err == nil {
				t.Errorf("%s of another county sees the plan", role)
			}
			if page, err := w.s.Orders(ctx, other, measure.OrderFilter{}); err == nil && len(page.Orders) > 0 {
				t.Errorf("%s of another county sees orders", role)
			}
			if _, err := w.s.Answer(ctx, other, w.now, measure.Answer{Order: order.ID, Version: order.Version, Answer: "accept"}); err == nil {
				t.Errorf("%s of another county answers", role)
			}
			if _, err := w.s.Stop(ctx, other, w.now, measure.Stop{Measure: aid.ID, Version: aid.Version, Reason: "r"}); err == nil {
				t.Errorf("%s of another county stops a measure", role)
			}
		}
		education := w.actors[account.Department]
		education.Department, education.Org = "education", account.OrgID(522633000000, "education")
		if page, err := w.s.Orders(ctx, education, measure.OrderFilter{}); err != nil || len(page.Orders) > 0 {
			t.Errorf("another department sees the order: %v", err)
		}
		_, err := w.s.Answer(ctx, education, w.now, measure.Answer{Order: order.ID, Version: order.Version, Answer: "accept"})
		w.kind("another department answers", err, errs.NotFound)
		_, err = w.s.Answer(ctx, w.actors[account.Village], w.now, measure.Answer{Order: order.ID, Version: order.Version, Answer: "accept"})
		w.kind("the village answers for the department", err, errs.Refused)
		for _, role := range []account.Role{account.Province, account.Auditor, account.Department, account.Admin} {
			_, err := w.s.Stop(ctx, w.actors[role], w.now, measure.Stop{Measure: aid.ID, Version: aid.Version, Reason: "r"})
			w.kind(string(role)+" changes a plan", err, errs.Refused)
		}
	})
}

// Many people deciding one plan at once: one wins each round, the others are told, and nothing is doubled.
func TestRace(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		w := newWorld(t, l)
		ctx := t.Context()
		c := w.identified(5226331, "illness")
		township := w.actors[account.Township]
		plan := must[*measure.Plan](w, "propose")(w.s.Propose(ctx, township, w.now, measure.Propose{Case: c.ID, Items: suggestions()}))
		var wg sync.WaitGroup
		results := make([]error, 8)
		for i := range results {
			wg.Add(1)
			go func() {
				defer wg.Done()
				_, results[i] = w.s.Decide(ctx, township, w.now, measure.Decide{Case: c.ID, Version: plan.Version, Items: []measure.Decision{{Option: "dibao", Reason: "r"}}})
			}()
		}
		wg.Wait()
		won := 0
		for _, err := range results {
			if err == nil {
				won++
			} else if errs.KindOf(err) != errs.Conflict {
				t.Errorf("%v", err)
			}
		}
		plan = must[*measure.Plan](w, "plan")(w.s.Plan(ctx, township, c.ID))
		n := 0
		for _, m := range plan.Measures {
			if m.Option == "dibao" {
				n++
			}
		}
		if won != 1 || n != 1 {
			t.Errorf("%d won, %d in the plan", won, n)
		}
	})
}

// The facts for casework's guards follow the pack's table of risks and blocks.
func TestFacts(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		w := newWorld(t, l)
		ctx := t.Context()
		c := w.identified(5226331, "illness")
		township := w.actors[account.Township]
		facts := func() (f workflow.Facts) {
			if err := l.Write(ctx, w.now, func(ctx context.Context, tx *ledger.Tx) (err error) {
				one, err := w.cases.Get(ctx, tx, township, c.ID)
				if err != nil {
					return err
				}
				f, err = measure.Facts(w.pack)(ctx, tx, one)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return f
		}
		is := func(when, id string, want float64) {
			t.Helper()
			if v := facts()[id]; !v.Known || v.Num != want {
				t.Errorf("%s: %s = %+v, want %v", when, id, v, want)
			}
		}
		is("no plan", "measures_planned", 0)
		is("no plan", "matching_measure_planned", 0)
		w.now = w.now.AddDate(0, 2, 0)
		is("two months on", "months_without_development", 2)
		plan := must[*measure.Plan](w, "dibao")(w.s.Decide(ctx, township, w.now, measure.Decide{Case: c.ID, Items: []measure.Decision{{Option: "dibao", Reason: "r"}}}))
		is("dibao does not match illness while it is planned", "matching_measure_planned", 0)
		is("not development", "development_measure", 0)
		is("not development", "months_without_development", 2)
		m := of(plan, "dibao")
		plan = must[*measure.Plan](w, "deliver")(w.s.Deliver(ctx, township, w.now, measure.Deliver{Measure: m.ID, Version: m.Version, Done: true, Evidence: []measure.Proof{{Kind: "document", Hash: hash}, {Kind: "signature", Hash: strings.Repeat("cd", 32)}}}))
		is("for clearing, social security counts for illness", "matching_measure_per_risk", 1)
		is("delivered", "measures_delivered", 1)
		must[*measure.Plan](w, "farm")(w.s.Decide(ctx, township, w.now, measure.Decide{Case: c.ID, Version: plan.Version, Items: []measure.Decision{{Option: "farm_grant", Reason: "r"}}}))
		is("farm grant", "development_measure", 1)
		is("farm grant", "months_without_development", 0)
	})
}
