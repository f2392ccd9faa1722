package casework_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"shouwang/internal/account"
	"shouwang/internal/account/accounttest"
	"shouwang/internal/casework"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/expr"
	"shouwang/internal/ledger"
	"shouwang/internal/ledger/ledgertest"
	"shouwang/internal/policy"
	"shouwang/internal/workflow"
)

// randomForm fills in a form that is mostly right.
func randomForm(t *rapid.T, w *world, fields []policy.Field, cases []string) form {
	out := form{}
	for i := range fields {
		f := &fields[i]
		if !f.Required && rapid.IntRange(0, 3).Draw(t, "leave out") > 0 {
			continue
		}
		out[f.ID] = randomValue(t, w, f, cases)
	}
	return out
}

func randomValue(t *rapid.T, w *world, f *policy.Field, cases []string) any {
	if f.Type == policy.FieldRows {
		var rows []any
		for range rapid.IntRange(1, 3).Draw(t, "rows") {
			row := randomForm(t, w, f.Fields, cases)
			if f.ID == "visitors" {
				row["name"] = rapid.SampledFrom([]string{"甲某", "乙某", "丙某"}).Draw(t, "name")
			}
			if f.ID == "risks" {
				row = form{"risk": rapid.SampledFrom([]string{"illness", "labour", "other", "water"}).Draw(t, "risk"), "remark": "说明"}
			}
			rows = append(rows, row)
		}
		return rows
	}
	if f.Many {
		one := *f
		one.Many = false
		return []any{randomValue(t, w, &one, cases)}
	}
	switch f.Type {
	case policy.FieldNumber, policy.FieldInteger, policy.FieldMoney:
		return float64(rapid.SampledFrom([]int{1, 12, 20, 20, 30}).Draw(t, "n"))
	case policy.FieldBool:
		return rapid.SampledFrom([]bool{true, true, true, false}).Draw(t, "b")
	case policy.FieldDate:
		return w.day()
	case policy.FieldMonth:
		return w.day()[:7]
	case policy.FieldCode:
		if f.ID == "category" {
			return rapid.SampledFrom([]string{"unstable", "unstable", "marginal", "sudden"}).Draw(t, "category")
		}
		if f.ID == "labour" {
			return rapid.SampledFrom([]string{"none", "ordinary"}).Draw(t, "labour")
		}
		return rapid.SampledFrom(f.Codes).Draw(t, "code").ID
	case policy.FieldRisk:
		return "illness"
	case policy.FieldDepartment:
		return rapid.SampledFrom([]string{"medical_insurance", "housing"}).Draw(t, "department")
	case policy.FieldDivision:
		return rapid.SampledFrom([]string{"522633105209", "522633105210", "522633106201", "520425101201"}).Draw(t, "division")
	case policy.FieldHousehold:
		return rapid.SampledFrom([]string{"70001", "70002", "70009"}).Draw(t, "household")
	case policy.FieldAccount:
		return rapid.SampledFrom([]string{"nobody", "somebody", "else"}).Draw(t, "account")
	case policy.FieldCase:
		return rapid.SampledFrom(cases).Draw(t, "case")
	case policy.FieldAttachment:
		return hash
	case policy.FieldPerson:
		return hash[:32]
	case policy.FieldIndicator:
		return "working"
	case policy.FieldPosition:
		return form{"lat": 26.0, "lon": 108.0}
	}
	return "一些文字"
}

// TestRandomPeople lets random people of two villages do random things to a few households. Whatever they try: no fault of the program, nothing
// outside of anybody's area, versions that only rise, states of the machine, unbroken steps, one task a live case, one live case a household, and
// nobody monitored or cleared past the minimum.
func TestRandomPeople(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		base := newWorld(t, l)
		flow := pack(t).Workflow
		people := []map[account.Role]account.Actor{accounttest.Actors(village), accounttest.Actors(522633105210), accounttest.Actors(520425101201)}
		next := int64(1_000_000)
		rapid.Check(t, func(rt *rapid.T) {
			w := *base
			w.now = base.now
			next += 100
			yes, n := expr.BoolValue(true), expr.NumberValue
			w.s = base.s
			base.indicators = workflow.Facts{"labourers": n(2), "able_labourers": n(1), "members": n(5), "income_per_head": n(8000), "reference_income_per_head": n(12000), "uninsured": n(0), "dropped_out": n(0), "house_unsafe": expr.BoolValue(false)}
			base.measures = workflow.Facts{"measures_planned": n(1), "measures_delivered": n(1), "development_measure": yes, "matching_measure_planned": yes, "matching_measure_per_risk": yes}
			if rapid.Bool().Draw(rt, "no labour") {
				base.indicators["labourers"] = n(0)
			}
			var cases []string
			versions := map[string]int64{}
			for i := range int64(3) {
				w.receive(signal(next+i, "illness", 2))
				c := w.of(next + i)
				cases, versions[c.ID] = append(cases, c.ID), c.Version
			}
			for range rapid.IntRange(20, 120).Draw(rt, "tries") {
				if rapid.IntRange(0, 5).Draw(rt, "time") == 0 {
					w.later(rapid.SampledFrom([]int{1, 5, 40, 200}).Draw(rt, "days"))
				}
				role := rapid.SampledFrom(account.Roles()).Draw(rt, "role")
				actor := people[rapid.SampledFrom([]int{0, 0, 0, 0, 1, 2}).Draw(rt, "place")][role]
				id := cases[0]
				if rapid.IntRange(0, 3).Draw(rt, "another case") == 0 {
					id = rapid.SampledFrom(cases).Draw(rt, "case")
				}
				var before casework.Case
				w.read(id, &before)
				var fit []policy.Action
				for _, a := range flow.Actions {
					if slices.Contains(a.From, before.State) {
						fit = append(fit, a)
					}
				}
				// Endings would end every story soon.
				var goOn []policy.Action
				for _, a := range fit {
					if to := flow.State(a.To); to == nil || to.Phase != policy.PhaseClosed {
						goOn = append(goOn, a)
					}
				}
				from := flow.Actions
				if pick := rapid.IntRange(0, 9).Draw(rt, "fit"); pick > 0 && len(goOn) > 0 {
					from = goOn
				}
				a := rapid.SampledFrom(from).Draw(rt, "action")
				// Most of the time somebody does what the field would do next, or the story would never get far.
				switch rapid.IntRange(0, 9).Draw(rt, "sense") {
				case 0, 1:
				case 2, 3, 4:
					if slices.Contains(flow.Action("record_visit").From, before.State) {
						a = *flow.Action("record_visit")
					}
				default:
					for _, id := range wayOn() {
						if slices.Contains(flow.Action(id).From, before.State) {
							a = *flow.Action(id)
						}
					}
				}
				if rapid.IntRange(0, 7).Draw(rt, "right role") > 0 {
					role = account.Role(rapid.SampledFrom(a.Roles).Draw(rt, "its role"))
					actor = people[0][role]
				}
				version := before.Version
				if rapid.IntRange(0, 15).Draw(rt, "old") == 0 {
					version--
				}
				got, err := w.s.Act(t.Context(), actor, w.now, casework.Act{Case: id, Action: a.ID, Version: version, Data: randomForm(rt, &w, a.Form, cases)})
				var after casework.Case
				w.read(id, &after)
				if err != nil {
					if k := errs.KindOf(err); k == errs.Internal || k == errs.Unavailable {
						rt.Fatalf("%s: %v", a.ID, err)
					}
					if after.Version != before.Version || after.State != before.State {
						rt.Fatalf("%s was refused (%v) and yet changed the case", a.ID, err)
					}
					continue
				}
				if !actor.Within(before.Division) || !slices.Contains(a.Roles, string(role)) || version != before.Version || after.Version <= before.Version || got.Case.Version != after.Version {
					rt.Fatalf("%s by %s of %d on a case of %d: version %d, %d, %d", a.ID, role, actor.Division, before.Division, version, before.Version, after.Version)
				}
				if got.Opened != "" {
					cases = append(cases, got.Opened)
				}
			}
			for _, id := range cases {
				var c casework.Case
				w.read(id, &c)
				d, err := w.s.Dossier(t.Context(), account.SystemActor("test"), w.now, id, "")
				if err != nil {
					rt.Fatal(err)
				}
				var taken []string
				for _, s := range d.Steps {
					taken = append(taken, s.Action)
					if s.ToState == "monitored" && s.FromState != "monitored" && !passed(taken, "verify_true", "authorise", "appraise", "publicise", "township_review", "decide") {
						rt.Fatalf("monitored by %v", taken)
					}
					if s.ToState == "cleared" && s.FromState != "cleared" && (!passed(taken, "propose_clearing", "appraise_clearing", "publicise_clearing", "review_clearing", "decide_clearing") || base.indicators["labourers"].Num == 0) {
						rt.Fatalf("cleared by %v", taken)
					}
				}
			}
		})
		base.check()
	})
}

// wayOn is the loop without its side ways.
func wayOn() []string {
	return []string{"accept", "verify_true", "authorise", "record_comparison", "finish_comparison", "appraise", "publicise", "township_review", "decide", "announce", "plan", "start_help", "propose_clearing",
		"appraise_clearing", "publicise_clearing", "review_clearing", "decide_clearing", "announce_clearing", "dismiss_objection", "dismiss_clearing_objection"}
}

func passed(taken []string, wanted ...string) bool {
	for _, x := range taken {
		if len(wanted) > 0 && x == wanted[0] {
			wanted = wanted[1:]
		}
	}
	return len(wanted) == 0
}

// TestNobodySeesBeyond lists, counts and opens as everybody, over cases of two villages and two counties.
func TestNobodySeesBeyond(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		w := newWorld(t, l)
		places := []division.Code{village, 522633105210, 522633106201, 520425101201}
		for i, d := range places {
			g := signal(int64(8000+i), "illness", 3)
			g.Division = d
			if _, err := w.s.Receive(t.Context(), account.SystemActor("dispatch"), w.now, []casework.Signal{g}, nil); err != nil {
				t.Fatal(err)
			}
		}
		var all []casework.Case
		if err := w.l.Read(t.Context(), reader(&all)); err != nil {
			t.Fatal(err)
		}
		for role, want := range map[account.Role]int{account.Village: 1, account.Township: 2, account.County: 3, account.Prefecture: 3, account.Province: 4, account.Department: 0, account.Auditor: 3} {
			actor := w.actors[role]
			page, err := w.s.List(t.Context(), actor, w.now, casework.Filter{}, "", 0)
			if err != nil || len(page.Cases) != want {
				t.Errorf("%s sees %d cases, want %d: %v", role, len(page.Cases), want, err)
			}
			counts, err := w.s.Counts(t.Context(), actor, w.now, casework.Filter{Under: 520000000000})
			sum := 0
			for _, c := range counts {
				sum += c.Cases
			}
			if err != nil || sum != want {
				t.Errorf("%s counts %d cases, want %d: %v", role, sum, want, err)
			}
			for _, c := range all {
				_, err := w.s.Dossier(t.Context(), actor, w.now, c.ID, "")
				if role == account.Department {
					if errs.KindOf(err) != errs.NotFound {
						t.Errorf("a department that nobody asked opens a case: %v", err)
					}
				} else if actor.Within(c.Division) != (err == nil) || err != nil && errs.KindOf(err) != errs.NotFound {
					t.Errorf("%s opens a case of %d: %v", role, c.Division, err)
				}
			}
		}
		for _, role := range []account.Role{account.Policy, account.Admin} {
			if _, err := w.s.List(t.Context(), w.actors[role], w.now, casework.Filter{}, "", 0); errs.KindOf(err) != errs.Refused {
				t.Errorf("%s lists cases: %v", role, err)
			}
		}
		// A signal of another county cannot be handed in.
		g := signal(8100, "illness", 1)
		g.Division = 520425101201
		if _, err := w.s.Receive(t.Context(), w.actors[account.County], w.now, []casework.Signal{g}, nil); errs.KindOf(err) != errs.NotFound {
			t.Errorf("a signal of another county: %v", err)
		}
		// The department that was asked sees the case, and of its steps its own.
		c := w.of(8000)
		c = w.act(account.Village, c, "accept", nil)
		c = w.act(account.Village, c, "record_visit", w.visit(nil))
		c = w.act(account.Village, c, "verify_true", form{"risks": []any{form{"risk": "illness"}}})
		c = w.act(account.Village, c, "authorise", form{"signed_on": w.day(), "signer": "head", "scope": []any{"hukou"}, "letter": []any{hash}})
		c = w.act(account.Township, c, "record_comparison", form{"results": []any{form{"department": accounttest.Department, "result": "asked"}}})
		w.refused(account.Township, c, "finish_comparison", nil, "comparison_complete")
		if _, err := w.try(account.Department, c, "record_comparison", form{"results": []any{form{"department": "housing", "result": "clear"}}}); errs.KindOf(err) != errs.Refused {
			t.Errorf("a department answers for another: %v", err)
		}
		c = w.act(account.Department, c, "record_comparison", form{"results": []any{form{"department": accounttest.Department, "result": "doubt", "explanation": "名下有商业保险"}}})
		d, err := w.s.Dossier(t.Context(), w.actors[account.Department], w.now, c.ID, "")
		if err != nil || len(d.Steps) != 1 || len(d.Signals) != 0 || len(d.Visits) != 0 {
			t.Errorf("the department sees %+v %v", d, err)
		}
		c = w.act(account.Township, c, "finish_comparison", nil)
		d, err = w.s.Dossier(t.Context(), w.actors[account.Township], w.now, c.ID, "")
		if err != nil || !slices.Equal(d.Steps[len(d.Steps)-1].Flags, []string{"no_comparison_doubt"}) {
			t.Errorf("a doubt is not flagged: %v", err)
		}
		w.check()
	})
}
