package casework_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/account/accounttest"
	"shouwang/internal/audit"
	"shouwang/internal/casework"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/expr"
	"shouwang/internal/ledger"
	"shouwang/internal/ledger/ledgertest"
	"shouwang/internal/policy"
	"shouwang/internal/secret"
	"shouwang/internal/task"
	"shouwang/internal/workflow"
	packs "shouwang/policy"
)

const village = accounttest.Village

// hash is a well-formed SHA-256.
var hash = strings.Repeat("ab", 32)

func pack(t testing.TB) *policy.Pack {
	t.Helper()
	p, err := policy.Load(packs.Guizhou())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// world is a ledger with casework over it, a clock that the test turns, and what the batch road and the plan would tell.
type world struct {
	t          testing.TB
	l          *ledger.Ledger
	s          *casework.Service
	actors     map[account.Role]account.Actor
	now        time.Time
	indicators workflow.Facts
	measures   workflow.Facts
}

func newWorld(t testing.TB, l *ledger.Ledger) *world {
	t.Helper()
	w := &world{t: t, l: l, actors: accounttest.Actors(village), now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.FixedZone("UTC+8", 8*3600)), indicators: workflow.Facts{}, measures: workflow.Facts{}}
	keyring, err := secret.Create(filepath.Join(t.TempDir(), "keyring"))
	if err != nil {
		t.Fatal(err)
	}
	w.s, err = casework.New(l, keyring, pack(t), accounttest.Service(t, l), casework.Hooks{
		Indicators: func(context.Context, int64) (workflow.Facts, error) { return w.indicators, nil },
		Measures:   func(context.Context, *ledger.Tx, *casework.Case) (workflow.Facts, error) { return w.measures, nil },
		Household: func(no string) (int64, string, bool) {
			var id int64
			_, err := fmt.Sscan(no, &id)
			return id, no, err == nil
		},
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// signal is a warning of a household in the village.
func signal(household int64, risk string, level int) casework.Signal {
	return casework.Signal{
		Household: household, HouseholdNo: fmt.Sprint(household), Division: village, HouseholdType: "exited", Channel: casework.Screening, Risk: risk, Level: level, Rule: "medical_" + risk,
		Dataset: "health_settlement", Run: 1, Words: policy.Text{ZH: "近12月医疗自付 52 000 元", EN: "self-paid 52,000 yuan"},
	}
}

func (w *world) receive(signals ...casework.Signal) casework.Received {
	w.t.Helper()
	got, err := w.s.Receive(w.t.Context(), w.actors[account.County], w.now, signals, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return got
}

// of gives the newest case of a household.
func (w *world) of(household int64) *casework.Case {
	w.t.Helper()
	page, err := w.s.List(w.t.Context(), w.actors[account.County], w.now, casework.Filter{Household: household}, "", 0)
	if err != nil || len(page.Cases) == 0 {
		w.t.Fatalf("no case of %d: %v", household, err)
	}
	c := slices.MaxFunc(page.Cases, func(a, b casework.Case) int { return strings.Compare(a.ID, b.ID) })
	return &c
}

func (w *world) try(role account.Role, c *casework.Case, action string, data map[string]any) (casework.Acted, error) {
	return w.s.Act(w.t.Context(), w.actors[role], w.now, casework.Act{Case: c.ID, Action: action, Version: c.Version, Data: data})
}

// act must go well; the case is the one after it.
func (w *world) act(role account.Role, c *casework.Case, action string, data map[string]any) *casework.Case {
	w.t.Helper()
	got, err := w.try(role, c, action, data)
	if err != nil {
		w.t.Fatalf("%s by %s in %s: %v", action, role, c.State, err)
	}
	return got.Case
}

// refused must be refused by the guard.
func (w *world) refused(role account.Role, c *casework.Case, action string, data map[string]any, guard string) {
	w.t.Helper()
	_, err := w.try(role, c, action, data)
	var r *workflow.Refused
	if !errors.As(err, &r) || !slices.ContainsFunc(r.Refusals, func(x workflow.Refusal) bool { return x.Guard == guard }) {
		w.t.Errorf("%s should be refused by %s: %v", action, guard, err)
	}
}

type form = map[string]any

func (w *world) day() string { return casework.Civil(w.now).Format(time.DateOnly) }

func (w *world) visit(more form) form {
	f := form{"visited_on": w.day(), "visitors": []any{form{"account": "a", "post": "village"}, form{"name": "驻村乙", "post": "team"}}}
	for k, v := range more {
		f[k] = v
	}
	return f
}

func minutes(w *world) form {
	return form{"held_on": w.day(), "attendees": 20.0, "votes_for": 18.0, "minutes": []any{hash}}
}

func (w *world) later(days int) { w.now = w.now.AddDate(0, 0, days) }

// identify carries a household from a warning to being monitored, by the right people.
func (w *world) identify(household int64) *casework.Case {
	w.t.Helper()
	w.receive(signal(household, "illness", 3))
	c := w.act(account.Village, w.of(household), "accept", nil)
	c = w.act(account.Village, c, "record_visit", w.visit(nil))
	c = w.act(account.Village, c, "verify_true", form{"risks": []any{form{"risk": "illness"}}})
	c = w.act(account.Village, c, "authorise", form{"signed_on": w.day(), "signer": "head", "scope": []any{"hukou", "property"}, "letter": []any{hash}})
	c = w.act(account.Township, c, "record_comparison", form{"results": []any{form{"department": "housing", "result": "clear"}}})
	c = w.act(account.Township, c, "finish_comparison", nil)
	c = w.act(account.Village, c, "appraise", minutes(w))
	c = w.act(account.Village, c, "publicise", form{"posted_on": w.day()})
	w.later(5)
	c = w.act(account.Township, c, "township_review", form{"opinion": "同意"})
	c = w.act(account.County, c, "decide", form{"category": "unstable", "decided_on": w.day(), "document_no": "从江振防〔2026〕1号"})
	return w.act(account.Township, c, "announce", form{"announced_on": w.day(), "marked_month": "2026-03"})
}

func (w *world) plan(c *casework.Case) *casework.Case {
	w.t.Helper()
	yes, n := expr.BoolValue(true), expr.NumberValue
	w.measures = workflow.Facts{"measures_planned": n(2), "measures_delivered": n(0), "development_measure": yes, "matching_measure_planned": yes, "matching_measure_per_risk": expr.BoolValue(false)}
	c = w.act(account.Township, c, "plan", nil)
	return w.act(account.Village, c, "start_help", nil)
}

// TestLoop carries a household round the whole loop, on both engines, and looks at what every step left.
func TestLoop(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		w := newWorld(t, l)
		w.indicators = workflow.Facts{"disabled": expr.NumberValue(0), "income_per_head": expr.NumberValue(8000), "wage_income": expr.NumberValue(20000), "uninsured": expr.NumberValue(0), "able_labourers": expr.NumberValue(1), "labourers": expr.NumberValue(2)}
		c := w.identify(5226331)
		// Due ten days after the decision or fifteen after the lead, whichever is first; warned a day before, told to the county three days after.
		err := l.Read(t.Context(), func(ctx context.Context, tx *ledger.Tx) error {
			x, open, err := task.Of(ctx, tx, "casefile", c.ID)
			if !open || x.Org != "522633105" || x.ZH != "制定帮扶计划" || x.Due != task.EndOf(time.Date(2026, 3, 17, 0, 0, 0, 0, time.UTC)) || x.Warn != task.StartOf(time.Date(2026, 3, 16, 0, 0, 0, 0, time.UTC)) || x.Urgent != 3 {
				t.Errorf("task %+v", x)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if c.State != "monitored" || c.Category != "unstable" || c.IdentifiedOn != "2026-03-07" || c.MarkedMonth != "2026-03" || len(c.Risks) != 1 {
			t.Fatalf("monitored: %+v", c)
		}
		w.refused(account.Township, c, "plan", nil, "has_plan")
		c = w.plan(c)
		// Clearing: too early, not verified, nothing delivered; each is told at once.
		w.later(30)
		c = w.act(account.Village, c, "record_visit", w.visit(nil))
		helped := form{"clear_way": "helped", "risks_resolved": true}
		for _, guard := range []string{"six_months", "income_above_line", "water_met", "schooling_met", "housing_met", "measure_delivered"} {
			w.refused(account.Village, c, "propose_clearing", helped, guard)
		}
		w.later(160) // more than six months since the decision
		w.refused(account.Village, c, "propose_clearing", helped, "visited")
		c = w.act(account.Village, c, "record_visit", w.visit(form{
			"facts":        []any{form{"indicator": "reference_income_per_head", "value": 11000.0, "remark": "看了工资流水"}},
			"schooling_ok": true, "housing_ok": true, "water_ok": true, "insurance_ok": true,
		}))
		w.measures["measures_delivered"], w.measures["matching_measure_per_risk"] = expr.NumberValue(2), expr.BoolValue(true)
		w.indicators["labourers"] = expr.NumberValue(0)
		w.refused(account.Village, c, "propose_clearing", helped, "has_labour")
		w.indicators["labourers"] = expr.NumberValue(2)
		c = w.act(account.Village, c, "propose_clearing", helped)
		c = w.act(account.Village, c, "appraise_clearing", minutes(w))
		c = w.act(account.Village, c, "publicise_clearing", form{"posted_on": w.day()})
		w.later(4)
		w.refused(account.Township, c, "review_clearing", form{"opinion": "同意"}, "publicity_over")
		w.later(1)
		c = w.act(account.Township, c, "review_clearing", form{"opinion": "同意"})
		c = w.act(account.County, c, "decide_clearing", form{"decided_on": w.day()})
		c = w.act(account.Township, c, "announce_clearing", form{"announced_on": w.day(), "marked_month": "2026-09"})
		if c.State != "cleared" || c.ClearWay != "helped" || c.ClearedOn == "" || !c.Live() {
			t.Fatalf("cleared: %+v", c)
		}
		// Cleared naturally or not: the cause that was verified is gone, so the same warning counts again (here of the risk verified first).
		if got := w.receive(signal(5226331, "illness", 1)); got.Suppressed != 0 || got.Reopened != 1 {
			t.Errorf("the cleared cause comes back: %+v", got)
		}
		c = w.act(account.Village, w.of(5226331), "record_visit", w.visit(nil))
		c = w.act(account.Village, c, "verify_known", form{"reason": "已在帮扶延续期"})
		// Another signal has it looked at again.
		again := signal(5226331, "accident", 3)
		if got := w.receive(again); got.Reopened != 1 || got.Opened != 0 || got.Joined != 1 {
			t.Errorf("marked again: %+v", got)
		}
		if c = w.of(5226331); c.State != "accepted" || !strings.Contains(c.ExplanationZH, "因意外事故") || strings.Contains(c.ExplanationZH, "因病") {
			t.Errorf("marked again: %s %q", c.State, c.ExplanationZH)
		}
		w.check()
		d, err := w.s.Dossier(t.Context(), w.actors[account.Township], w.now, c.ID, "")
		if err != nil {
			t.Fatal(err)
		}
		if len(d.Visits) != 4 || len(d.Notices) != 2 || len(d.Corrections) != 1 || d.Corrections[0].Value != 11000 || len(d.Signals) != 3 || d.Signals[0].Label != "true" {
			t.Errorf("dossier: %d visits, %d notices, %d corrections, %d signals", len(d.Visits), len(d.Notices), len(d.Corrections), len(d.Signals))
		}
		if n := d.Notices[0]; n.PostedOn != "2026-03-02" || n.OverOn != "2026-03-07" || n.ExpiresOn != "2026-03-08" || n.Kind != "identify" || d.Notices[1].Kind != "clear" {
			t.Errorf("notices %+v", d.Notices)
		}
		for _, st := range d.Steps {
			if strings.Contains(string(st.Data), "驻村乙") || strings.Contains(string(st.Data), "流水") {
				t.Errorf("personal content in plain: %s", st.Data)
			}
		}
		opened, err := w.s.Dossier(t.Context(), w.actors[account.Township], w.now, c.ID, "核对入户人员")
		if err != nil || !strings.Contains(fmt.Sprint(opened.Steps), "驻村乙") || !opened.Revealed {
			t.Errorf("revealed: %v", err)
		}
	})
}

// check looks at the ledger from outside: states of the machine, unbroken chains of steps, one live case a household, and a whole audit
// chain.
func (w *world) check() {
	w.t.Helper()
	flow := pack(w.t).Workflow
	err := w.l.Read(w.t.Context(), func(ctx context.Context, tx *ledger.Tx) error {
		var cases []casework.Case
		if err := tx.NewSelect().Model(&cases).Scan(ctx); err != nil {
			return err
		}
		live := map[int64]bool{}
		for _, c := range cases {
			st := flow.State(c.State)
			if st == nil || string(st.Phase) != c.Phase || c.Live() != (c.OpenKey != "") || c.Live() != (c.ClosedAt == 0) {
				w.t.Errorf("case %s in %s, phase %s, open %q, closed %d", c.ID, c.State, c.Phase, c.OpenKey, c.ClosedAt)
			}
			if c.Live() && live[c.Household] {
				w.t.Errorf("household %d has two live cases", c.Household)
			}
			live[c.Household] = live[c.Household] || c.Live()
			var steps []casework.Step
			if err := tx.NewSelect().Model(&steps).Where("s.case_id = ?", c.ID).Order("s.seq").Scan(ctx); err != nil {
				return err
			}
			at := ""
			for i, s := range steps {
				if s.Seq != i+1 || s.FromState != at {
					w.t.Errorf("case %s: step %d of %d begins in %q after %q", c.ID, s.Seq, i+1, s.FromState, at)
				}
				if a := flow.Action(s.Action); i > 0 && (a == nil || !slices.Contains(a.From, s.FromState) || a.To != "" && a.To != s.ToState || a.To == "" && s.ToState != s.FromState) {
					w.t.Errorf("case %s: step %s from %s to %s is none of the machine", c.ID, s.Action, s.FromState, s.ToState)
				}
				at = s.ToState
			}
			tasks, err := task.History(ctx, tx, "casefile", c.ID)
			if err != nil {
				return err
			}
			open := 0
			for _, t := range tasks {
				if t.Closed == 0 {
					open++
					if t.Kind != c.State || t.Division != c.Division || !strings.HasPrefix(c.Division.Prefix(), t.Org[:4]) {
						w.t.Errorf("case %s in %s has the task %+v", c.ID, c.State, t)
					}
				}
			}
			if want := st != nil && st.Task != nil; (open == 1) != want || open > 1 {
				w.t.Errorf("case %s in %s has %d open tasks", c.ID, c.State, open)
			}
			if at != c.State || len(steps) != c.Steps || c.Version < int64(c.Steps) {
				w.t.Errorf("case %s is in %s after %d of %d steps to %s, version %d", c.ID, c.State, len(steps), c.Steps, at, c.Version)
			}
		}
		_, err := audit.HeadOf(ctx, tx)
		return err
	})
	if err != nil {
		w.t.Error(err)
	}
}

func TestOneLeadAHousehold(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		w := newWorld(t, l)
		a, b := signal(1001, "illness", 2), signal(1001, "schooling", 3)
		a.Key, b.Key = "w1:1001:a", "w1:1001:b"
		got := w.receive(a, b, signal(1002, "labour", 1))
		if got != (casework.Received{Signals: 3, Opened: 2}) {
			t.Errorf("%+v", got)
		}
		c := w.of(1001)
		if c.Level != 3 || c.Signals != 2 || c.State != "received" {
			t.Errorf("%+v", c)
		}
		// One explanation in both languages, the worst first.
		if !strings.HasPrefix(c.ExplanationZH, "共 2 条线索，一次入户一并核实。\n▲红 因学（部门筛查预警）：") || !strings.Contains(c.ExplanationZH, "◆黄 因病") || !strings.Contains(c.ExplanationEN, "2 signals, to be verified in one visit") {
			t.Errorf("%q\n%q", c.ExplanationZH, c.ExplanationEN)
		}
		// The same run again, and a third warning.
		if got := w.receive(a, b, signal(1001, "housing", 1)); got != (casework.Received{Signals: 3, Repeated: 2, Joined: 1}) {
			t.Errorf("%+v", got)
		}
		if c = w.of(1001); c.Signals != 3 || c.Version != 2 {
			t.Errorf("%+v", c)
		}
		// Another channel joins, too; a disaster opens the green channel.
		g := signal(1003, "disaster", 3)
		g.Channel = casework.Disaster
		w.receive(g)
		if !w.of(1003).Green {
			t.Error("a disaster does not open the green channel")
		}
		w.check()
	})
}

func TestSuppression(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		w := newWorld(t, l)
		amount := func(g casework.Signal, x float64) casework.Signal { g.Amount = &x; return g }
		w.receive(amount(signal(2001, "illness", 2), 10000))
		c := w.act(account.Village, w.of(2001), "accept", nil)
		c = w.act(account.Village, c, "record_visit", w.visit(nil))
		w.act(account.Village, c, "verify_known", form{"reason": "已享受救助"})
		w.later(30)
		for _, test := range []struct {
			name string
			g    casework.Signal
			want casework.Received
		}{
			{"the same again", amount(signal(2001, "illness", 2), 10000), casework.Received{Signals: 1, Suppressed: 1}},
			{"a little worse", amount(signal(2001, "illness", 2), 11999), casework.Received{Signals: 1, Suppressed: 1}},
			{"a fifth worse", amount(signal(2001, "illness", 2), 12000), casework.Received{Signals: 1, Joined: 1, Reopened: 1}},
		} {
			if got := w.receive(test.g); got != test.want {
				t.Errorf("%s: %+v", test.name, got)
			}
		}
		if c = w.of(2001); c.State != "accepted" || !strings.Contains(c.ExplanationZH, "近12月") {
			t.Errorf("looked at again: %s %q", c.State, c.ExplanationZH)
		}
		// A false alarm closes; the same cause later makes no new case while the window lasts, and one after it.
		c = w.act(account.Village, c, "record_visit", w.visit(nil))
		c = w.act(account.Village, c, "verify_false", form{"reason": "票据重复"})
		if c.Live() {
			t.Error("a false alarm is still open")
		}
		w.later(100)
		if got := w.receive(signal(2001, "illness", 2)); got != (casework.Received{Signals: 1, Suppressed: 1}) {
			t.Errorf("within the window: %+v", got)
		}
		if got := w.receive(signal(2001, "illness", 3)); got.Opened != 1 {
			t.Errorf("a worse level: %+v", got)
		}
		w.receive(signal(2002, "illness", 2))
		c = w.act(account.Village, w.of(2002), "accept", nil)
		c = w.act(account.Village, c, "record_visit", w.visit(nil))
		w.act(account.Village, c, "verify_false", form{"reason": "票据重复"})
		w.later(181)
		if got := w.receive(signal(2002, "illness", 2)); got.Opened != 1 {
			t.Errorf("after the window: %+v", got)
		}
		w.check()
		list, err := w.s.Precision(t.Context(), w.actors[account.County], village.At(division.County), time.Time{}, time.Time{})
		if err != nil || len(list) != 1 || list[0].Rule != "medical_illness" || list[0].County != 522633000000 || list[0].Dataset != "health_settlement" {
			t.Fatalf("precision %+v %v", list, err)
		}
		// Verified: known, false alarm (2001), false alarm (2002).
		if p := list[0]; p.Verified != 3 || p.Known != 1 || p.FalseAlarm != 2 || p.True != 0 || p.RightShare < 0.333 || p.RightShare > 0.334 {
			t.Errorf("precision %+v", p)
		}
	})
}

func TestDoor(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		w := newWorld(t, l)
		w.receive(signal(3001, "illness", 3))
		c := w.of(3001)
		other := accounttest.Actors(522633105210) // the next village
		kind := func(actor account.Actor, a casework.Act) errs.Kind {
			_, err := w.s.Act(t.Context(), actor, w.now, a)
			return errs.KindOf(err)
		}
		accept := casework.Act{Case: c.ID, Action: "accept", Version: c.Version, Key: "k1"}
		for _, test := range []struct {
			name  string
			actor account.Actor
			act   casework.Act
			want  errs.Kind
		}{
			{"out of scope", other[account.Village], accept, errs.NotFound},
			{"nobody", account.Actor{}, accept, errs.NotFound},
			{"an auditor reads only", w.actors[account.Auditor], accept, errs.Refused},
			{"a province watches only", w.actors[account.Province], accept, errs.Refused},
			{"a department that was not asked", w.actors[account.Department], accept, errs.NotFound},
			{"an id that is none", w.actors[account.Village], casework.Act{Case: "\x00", Action: "accept", Version: 1}, errs.NotFound},
			{"an action that is none", w.actors[account.Village], casework.Act{Case: c.ID, Action: "\x00", Version: 1}, errs.NotFound},
			{"no version", w.actors[account.Village], casework.Act{Case: c.ID, Action: "accept"}, errs.Invalid},
			{"an old version", w.actors[account.Village], casework.Act{Case: c.ID, Action: "accept", Version: 9}, errs.Conflict},
			{"no such action", w.actors[account.Village], casework.Act{Case: c.ID, Action: "fly", Version: 1}, errs.NotFound},
			{"not in this state", w.actors[account.County], casework.Act{Case: c.ID, Action: "decide", Version: 1}, errs.Conflict},
			{"not in this role", w.actors[account.Village], casework.Act{Case: c.ID, Action: "merge_duplicate", Version: 1}, errs.Refused},
			{"a form that the action has not", w.actors[account.Village], casework.Act{Case: c.ID, Action: "accept", Version: 1, Data: form{"state": "monitored"}}, errs.Invalid},
			{"good", w.actors[account.Village], accept, 0},
			{"the same request again", w.actors[account.Village], accept, 0},
			{"the key for another request", w.actors[account.Village], casework.Act{Case: c.ID, Action: "add_note", Version: 2, Key: "k1", Data: form{"note": "x"}}, errs.Conflict},
			{"the version before", w.actors[account.Village], casework.Act{Case: c.ID, Action: "add_note", Version: 1, Data: form{"note": "x"}}, errs.Conflict},
			{"a visit in the future", w.actors[account.Village], casework.Act{Case: c.ID, Action: "record_visit", Version: 2, Data: form{"visited_on": "2026-12-01", "visitors": []any{form{"account": "a", "post": "village"}}}}, errs.Invalid},
		} {
			if got := kind(test.actor, test.act); got != test.want {
				t.Errorf("%s: %v, want %v", test.name, got, test.want)
			}
		}
		if c = w.of(3001); c.Version != 2 || c.Steps != 2 || c.State != "accepted" {
			t.Errorf("after all that: %+v", c)
		}
		// One visitor written twice is one visitor.
		c = w.act(account.Village, c, "record_visit", form{"visited_on": w.day(), "visitors": []any{form{"name": "村甲", "post": "village"}, form{"name": "村甲", "post": "team"}}})
		w.refused(account.Village, c, "verify_true", form{"risks": []any{form{"risk": "illness"}}}, "two_visitors")
		w.check()
	})
}

func TestRefusalIsTold(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		w := newWorld(t, l)
		f := casework.ApplicationForm{Name: "王小明", Phone: "138 0000 0000", Division: village, Difficulty: "父亲住院，钱不够"}
		first, err := w.s.Apply(t.Context(), w.now, "10.0.0.1", f)
		if err != nil || first.Joined {
			t.Fatalf("%+v %v", first, err)
		}
		second, err := w.s.Apply(t.Context(), w.now.Add(time.Hour), "10.0.0.2", f)
		if err != nil || !second.Joined || second.Code == first.Code {
			t.Fatalf("%+v %v", second, err)
		}
		list, err := w.s.Applications(t.Context(), w.actors[account.Village], "", "", 0)
		if err != nil || len(list) != 1 || strings.Contains(fmt.Sprint(list), "王小明") || strings.Contains(fmt.Sprint(list), "13800000000") || strings.Contains(fmt.Sprint(list), "住院") {
			t.Fatalf("%+v %v", list, err)
		}
		if list, err := w.s.Applications(t.Context(), accounttest.Actors(522633105210)[account.Village], "", "", 0); err != nil || len(list) != 0 {
			t.Errorf("the next village sees %v %v", list, err)
		}
		shown, err := w.s.Reveal(t.Context(), w.actors[account.Village], w.now, list[0].ID, "联系申报人")
		if err != nil || shown.Name != "王小明" || shown.Phone != "13800000000" {
			t.Errorf("%+v %v", shown, err)
		}
		if _, err := w.s.Reveal(t.Context(), w.actors[account.Village], w.now, list[0].ID, " "); errs.KindOf(err) != errs.Invalid {
			t.Errorf("without a reason: %v", err)
		}
		c, err := w.s.TakeApplication(t.Context(), w.actors[account.Village], w.now, list[0].ID, 1, casework.Household{ID: 4001, No: "4001", Division: village, Type: "ordinary"}, "illness", 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.s.TakeApplication(t.Context(), w.actors[account.Village], w.now, list[0].ID, 2, casework.Household{ID: 4001, No: "4001", Division: village}, "", 0); errs.KindOf(err) != errs.Conflict {
			t.Errorf("taken twice: %v", err)
		}
		follow := func(code, phase, zh string) {
			t.Helper()
			p, err := w.s.Follow(t.Context(), code)
			if err != nil || p.Phase != phase || !strings.Contains(p.Words.ZH+p.Reason, zh) {
				t.Errorf("%+v %v, want %q", p, err, zh)
			}
		}
		follow(first.Code, "lead", "安排上门")
		follow(strings.ToLower(strings.ReplaceAll(second.Code, "-", " ")), "lead", "安排上门")
		c = w.act(account.Village, c, "accept", nil)
		c = w.act(account.Village, c, "record_visit", w.visit(nil))
		c = w.act(account.Village, c, "verify_true", form{"risks": []any{form{"risk": "illness"}}})
		c = w.act(account.Township, c, "refuse", form{"reason": "救助后自付不高，家庭能够应对"})
		if p, _ := w.s.Follow(t.Context(), first.Code); p.Reason != "" {
			t.Error("the reason shows before the household was told")
		}
		c = w.act(account.Village, c, "tell", form{"told_on": w.day(), "how": "visit"})
		if c.State != "watching" {
			t.Errorf("%s", c.State)
		}
		follow(first.Code, "watch", "家庭能够应对")
		for _, code := range []string{"", "0000-0000-0000-0000", "x", first.Code + "0"} {
			if _, err := w.s.Follow(t.Context(), code); errs.KindOf(err) != errs.NotFound {
				t.Errorf("code %q: %v", code, err)
			}
		}
		w.check()
	})
}

func TestApplicationsAreLimitedAndChecked(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		w := newWorld(t, l)
		for i := range 6 {
			_, err := w.s.Apply(t.Context(), w.now, "10.0.0.9", casework.ApplicationForm{Name: fmt.Sprintf("申报人%d", i), Phone: "13900000000", Division: village, Difficulty: "缺钱"})
			if (i < 5) != (err == nil) || i == 5 && errs.KindOf(err) != errs.Refused {
				t.Errorf("application %d: %v", i, err)
			}
		}
		if _, err := w.s.Apply(t.Context(), w.now.Add(61*time.Minute), "10.0.0.9", casework.ApplicationForm{Name: "申报人", Phone: "13900000000", Division: village, Difficulty: "缺钱"}); err != nil {
			t.Errorf("an hour later: %v", err)
		}
		good := casework.ApplicationForm{Name: "申报人", Phone: "13900000000", Division: village, Difficulty: "缺钱"}
		for _, break1 := range []func(*casework.ApplicationForm){
			func(f *casework.ApplicationForm) { f.Name = "甲" },
			func(f *casework.ApplicationForm) { f.Name = "甲\x00乙" },
			func(f *casework.ApplicationForm) { f.Phone = "电话" },
			func(f *casework.ApplicationForm) { f.Division = 522633000000 },
			func(f *casework.ApplicationForm) { f.Division = 110101001001 },
			func(f *casework.ApplicationForm) { f.Difficulty = strings.Repeat("难", 501) },
		} {
			f := good
			break1(&f)
			if _, err := w.s.Apply(t.Context(), w.now, "x", f); errs.KindOf(err) != errs.Invalid {
				t.Errorf("%+v: %v", f, err)
			}
		}
		// Nothing that names a person stands in the ledger in plain.
		err := w.l.Read(t.Context(), func(ctx context.Context, tx *ledger.Tx) error {
			var rows []struct{ Name, Phone, Difficulty, Person, Source string }
			if err := tx.NewSelect().Table("application").Column("name", "phone", "difficulty", "person", "source").Scan(ctx, &rows); err != nil {
				return err
			}
			if text := fmt.Sprint(rows); len(rows) != 6 || strings.Contains(text, "申报人") || strings.Contains(text, "139") && strings.Contains(text, "13900000000") || strings.Contains(text, "10.0.0.9") {
				t.Errorf("in plain: %s", text)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func reader(into *[]casework.Case) func(context.Context, *ledger.Tx) error {
	return func(ctx context.Context, tx *ledger.Tx) error { return tx.NewSelect().Model(into).Scan(ctx) }
}

// read reads a case past every scope.
func (w *world) read(id string, into *casework.Case) {
	w.t.Helper()
	err := w.l.Read(w.t.Context(), func(ctx context.Context, tx *ledger.Tx) error {
		return tx.NewSelect().Model(into).Where("c.id = ?", id).Scan(ctx)
	})
	if err != nil {
		w.t.Fatal(err)
	}
}
