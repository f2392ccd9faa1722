package workflow

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/expr"
	"shouwang/internal/policy"
	packs "shouwang/policy"
)

var update = flag.Bool("update", false, "write docs/states.md anew")

const village = division.Code(522633105002)

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func guizhou(t testing.TB) *policy.Pack {
	t.Helper()
	p, err := policy.Load(packs.Guizhou())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func machine(t testing.TB, on string) *Machine {
	t.Helper()
	m, err := New(guizhou(t), village, day(on))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func allRoles(m *Machine) []string {
	var out []string
	for _, r := range m.Flow().Roles {
		out = append(out, r.ID)
	}
	return out
}

// known are facts under which every guard holds, worked out by hand from the wording of the guards.
func known() Facts {
	yes, no := expr.BoolValue(true), expr.BoolValue(false)
	n := expr.NumberValue
	f := Facts{
		"visits": n(1), "visit_days": n(1), "visitors": n(2), "authorised": yes, "comparisons": n(3), "comparisons_open": n(0), "comparison_doubts": n(0),
		"appraisals": n(0), "publicities": n(0), "publicity_days": n(5), "objections_open": n(0), "monitored_months": n(7), "watched_months": n(7),
		"household_type": expr.TextValue("exited"), "no_labour": no, "risks": n(1), "risk_remarks_missing": n(0),
		"schooling_confirmed": yes, "insurance_confirmed": yes, "housing_confirmed": yes, "water_confirmed": yes,
		"measures_planned": n(2), "measures_delivered": n(2), "development_measure": yes, "months_without_development": n(0), "matching_measure_planned": yes, "matching_measure_per_risk": yes,
		"category": expr.TextValue("unstable"), "clear_way": expr.TextValue("helped"), "risks_resolved": yes, "attendees": n(20), "votes_for": n(18), "checked_before": no,
		"signed_on": DateValue(day("2026-11-01")), "posted_on": DateValue(day("2026-11-24")), "decided_on": DateValue(day("2026-11-24")),
		"members": n(4), "labourers": n(1), "able_labourers": n(1), "income_per_head": n(8400), "reference_income_per_head": n(9000), "wage_income": n(20000),
		"compliant_self_paid_12m": n(5000), "serious_ill": n(1), "chronic_ill": n(0), "disabled": n(1), "working": n(1), "uninsured": n(0), "dropped_out": n(0), "house_unsafe": no,
	}
	for _, r := range []string{"illness", "disability", "labour", "employment", "water", "housing"} {
		f["risk_"+r] = no
	}
	return f
}

// TestTheLoop walks the loop of the field from a lead to cleared and back, each step taken by the role that the field knows for it.
func TestTheLoop(t *testing.T) {
	m := machine(t, "2026-11-24")
	state := m.Start()
	for _, step := range []struct{ role, action, want string }{
		{"village", "accept", "accepted"}, {"village", "record_visit", "accepted"}, {"village", "verify_true", "verified"}, {"village", "authorise", "authorised"},
		{"department", "record_comparison", "authorised"}, {"township", "finish_comparison", "compared"}, {"village", "appraise", "appraised"},
		{"village", "publicise", "publicised"}, {"village", "object", "rechecking"}, {"township", "dismiss_objection", "publicised"},
		{"township", "township_review", "township_reviewed"}, {"county", "decide", "decided"}, {"township", "announce", "monitored"},
		{"township", "plan", "planned"}, {"system", "start_help", "helping"}, {"village", "propose_clearing", "clearing"},
		{"village", "appraise_clearing", "clear_appraised"}, {"village", "publicise_clearing", "clear_publicised"},
		{"township", "review_clearing", "clear_reviewed"}, {"county", "decide_clearing", "clear_decided"}, {"township", "announce_clearing", "cleared"},
		{"county", "roll_back", "monitored"}, {"township", "plan", "planned"}, {"village", "start_help", "helping"}, {"village", "die_out", ""},
	} {
		if step.want == "" {
			if _, err := m.Next(state, step.action, []string{step.role}, known()); errs.KindOf(err) != errs.Refused {
				t.Errorf("%s may %s: %v", step.role, step.action, err)
			}
			continue
		}
		move, err := m.Next(state, step.action, []string{step.role}, known())
		if err != nil {
			t.Fatalf("%s in %s: %v", step.action, state, err)
		}
		if move.To != step.want || len(move.Flags) > 0 {
			t.Fatalf("%s: got %s %v, want %s", step.action, move.To, move.Flags, step.want)
		}
		state = move.To
	}
}

// TestGuardsRefuse changes one fact at a time and expects the guard that the field knows for it, named with its fact.
func TestGuardsRefuse(t *testing.T) {
	m := machine(t, "2026-11-24")
	n := expr.NumberValue
	for _, test := range []struct {
		state, role, action, fact string
		value                     expr.Value
		guard, zh                 string
	}{
		{"accepted", "village", "verify_true", "visitors", n(1), "two_visitors", "最近一次入户人数 1 人 < 入户最少人数 2 人（低 1 人）"},
		{"accepted", "village", "verify_false", "visits", n(0), "visited", "本轮入户次数 0 次 < 1 次"},
		{"authorised", "department", "record_comparison", "authorised", expr.BoolValue(false), "authorised_first", "有有效的签字授权：否"},
		{"publicised", "township", "township_review", "publicity_days", n(4), "publicity_over", "已公示天数 4 天 < 村内公示天数 5 天"},
		{"publicised", "township", "township_review", "publicity_days", expr.Value{}, "publicity_over", "未知，缺 已公示天数"},
		{"helping", "village", "propose_clearing", "monitored_months", n(5), "six_months", "识别以来月数 5 月 < 风险消除最短月数 6 月"},
		{"helping", "village", "propose_clearing", "no_labour", expr.BoolValue(true), "has_labour", "整户无劳动能力：是"},
		{"helping", "village", "propose_clearing", "water_confirmed", expr.BoolValue(false), "water_met", "入户确认饮水安全"},
		{"helping", "village", "propose_clearing", "schooling_confirmed", expr.BoolValue(false), "schooling_met", "入户确认义务教育有保障"},
		{"helping", "village", "propose_clearing", "housing_confirmed", expr.Value{}, "", ""}, // the indicator says it is safe
		{"helping", "village", "propose_clearing", "matching_measure_per_risk", expr.Value{}, "measure_delivered", "未知，缺 每项风险都已落实对应措施"},
		{"helping", "village", "propose_clearing", "reference_income_per_head", n(8500), "income_above_line", "8 500"},
		{"clear_reviewed", "county", "decide_clearing", "reference_income_per_head", n(8400), "income_above_line", "8 400"},
		{"township_reviewed", "county", "decide", "household_type", expr.TextValue("ordinary"), "category_fits", "户类型"},
		{"monitored", "township", "plan", "development_measure", expr.BoolValue(false), "development_where_labour", "有开发式帮扶措施：否"},
	} {
		f := known()
		f[test.fact] = test.value
		_, err := m.Next(test.state, test.action, []string{test.role}, f)
		if test.guard == "" {
			if err != nil {
				t.Errorf("%s with %s: %v", test.action, test.fact, err)
			}
			continue
		}
		var refused *Refused
		if !errors.As(err, &refused) || errs.KindOf(err) != errs.Refused {
			t.Errorf("%s with %s: %v", test.action, test.fact, err)
			continue
		}
		if len(refused.Refusals) != 1 || refused.Refusals[0].Guard != test.guard || !slices.ContainsFunc(refused.Refusals[0].Reasons, func(r Reason) bool { return slices.Contains(r.Facts, test.fact) }) {
			t.Errorf("%s with %s: %+v", test.action, test.fact, refused.Refusals)
		}
		if text := refused.In("zh"); !strings.Contains(text, test.zh) {
			t.Errorf("%s with %s says %q, want %q in it", test.action, test.fact, text, test.zh)
		}
	}
	// Natural clearing before six months goes on and is flagged as rushed.
	f := known()
	f["monitored_months"], f["clear_way"] = n(2), expr.TextValue("natural")
	if move, err := m.Next("helping", "propose_clearing", []string{"village"}, f); err != nil || !slices.Equal(move.Flags, []string{"not_rushed"}) {
		t.Errorf("natural clearing: %v %v", move, err)
	}
	// Six months with labour and no development measure are a doubt that goes along; without labour they are none.
	f = known()
	f["months_without_development"] = n(6)
	if move, err := m.Next("helping", "propose_clearing", []string{"village"}, f); err != nil || !slices.Equal(move.Flags, []string{"development_in_time"}) {
		t.Errorf("half a year without development: %v %v", move, err)
	}
	f["able_labourers"] = n(0)
	if move, err := m.Next("helping", "propose_clearing", []string{"village"}, f); err != nil || len(move.Flags) > 0 {
		t.Errorf("nobody can work: %v %v", move, err)
	}
}

// TestNeverOutside: whatever is tried, with whatever facts, the case stays in a state of the machine, moves only along an action that
// starts where it is, and never past a guard that is not a known yes.
func TestNeverOutside(t *testing.T) {
	m := machine(t, "2026-11-24")
	flow := m.Flow()
	full := known()
	rapid.Check(t, func(t *rapid.T) {
		state, visited := m.Start(), []string{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			action := rapid.SampledFrom(flow.Actions).Draw(t, "action")
			roles := []string{rapid.SampledFrom(flow.Roles).Draw(t, "role").ID}
			facts := Facts{}
			for id, v := range full {
				switch rapid.IntRange(0, 19).Draw(t, id) {
				case 0: // unknown
				case 1:
					facts[id] = expr.NumberValue(float64(rapid.IntRange(-1, 3).Draw(t, "value")))
				default:
					facts[id] = v
				}
			}
			move, err := m.Next(state, action.ID, roles, facts)
			if err != nil {
				if errs.KindOf(err) == errs.Internal {
					t.Fatalf("%v", err)
				}
				continue
			}
			if m.State(move.To) == nil || !slices.Contains(action.From, state) || !slices.Contains(action.Roles, roles[0]) {
				t.Fatalf("%s led from %s to %q", action.ID, state, move.To)
			}
			if m.State(state).Phase == policy.PhaseClosed {
				t.Fatalf("%s left the closed state %s", action.ID, state)
			}
			row := m.row(facts)
			for _, id := range action.Guards {
				g := flow.Guard(id)
				if v := g.Must.Eval(row); g.Effect == policy.Refuse && (!v.Known || v.Num != 1) {
					t.Fatalf("%s passed guard %s with %+v", action.ID, id, v)
				}
			}
			state = move.To
			visited = append(visited, action.ID)
			// The national minimum, looked at from outside: nobody is monitored without these, in this order.
			if state == "monitored" && !inOrder(visited, "verify_true", "authorise", "appraise", "publicise", "township_review", "decide") {
				t.Fatalf("monitored by %v", visited)
			}
			if state == "cleared" && !inOrder(visited, "propose_clearing", "appraise_clearing", "publicise_clearing", "review_clearing", "decide_clearing") {
				t.Fatalf("cleared by %v", visited)
			}
		}
	})
}

func inOrder(list []string, wanted ...string) bool {
	for _, x := range list {
		if len(wanted) > 0 && x == wanted[0] {
			wanted = wanted[1:]
		}
	}
	return len(wanted) == 0
}

// TestEveryStateReachedAndLeft searches the machine with facts under which every guard holds.
func TestEveryStateReachedAndLeft(t *testing.T) {
	m := machine(t, "2026-11-24")
	reached := map[string]bool{m.Start(): true}
	for queue := []string{m.Start()}; len(queue) > 0; queue = queue[1:] {
		left := false
		for _, o := range m.Actions(queue[0], allRoles(m), known()) {
			if !o.Allowed {
				t.Errorf("%s in %s is refused: %+v", o.Action.ID, queue[0], o.Refusals)
			}
			if to := o.Action.To; to != "" && to != queue[0] {
				left = true
				if !reached[to] {
					reached[to] = true
					queue = append(queue, to)
				}
			}
		}
		if closed := m.State(queue[0]).Phase == policy.PhaseClosed; left == closed {
			t.Errorf("state %s: closed %v, can be left %v", queue[0], closed, left)
		}
	}
	for _, s := range m.Flow().States {
		if !reached[s.ID] {
			t.Errorf("state %s cannot be reached", s.ID)
		}
	}
}

func TestUnknownAndFalseNeverPass(t *testing.T) {
	m := machine(t, "2026-11-24")
	for _, a := range m.Flow().Actions {
		for _, id := range a.Guards {
			// A guard that says known(…) speaks of unknown facts itself.
			if g := m.Flow().Guard(id); g.Effect != policy.Refuse || strings.Contains(g.Must.Source(), "known(") {
				continue
			}
			if _, err := m.Next(a.From[0], a.ID, a.Roles, Facts{}); err == nil {
				t.Errorf("%s is allowed although nothing is known", a.ID)
			}
			break
		}
	}
}

// TestDue computes deadlines by the calendar of 2026: 1 to 8 October is the holiday, 10 October a make-up day, 20 September too.
func TestDue(t *testing.T) {
	m := machine(t, "2026-09-28")
	for _, test := range []struct {
		name, state string
		since       Since
		on, warn    string
	}{
		{"two days to accept", "received", Since{Lead: day("2026-11-20")}, "2026-11-22", "2026-11-21"},
		{"one day when it is urgent", "received", Since{Lead: day("2026-11-20"), Green: true}, "2026-11-21", "2026-11-20"},
		{"five working days over a week-end", "accepted", Since{Lead: day("2026-11-19"), State: day("2026-11-20")}, "2026-11-26", "2026-11-25"},
		{"fifteen days in all end before the step's own", "compared", Since{Lead: day("2026-11-01"), State: day("2026-11-14")}, "2026-11-16", "2026-11-15"},
		{"the step's own", "compared", Since{Lead: day("2026-11-01"), State: day("2026-11-02")}, "2026-11-07", "2026-11-06"},
		{"papers after help", "compared", Since{Lead: day("2026-10-01"), State: day("2026-10-29"), Green: true}, "2026-10-31", "2026-10-30"},
		{"plan ten days after the decision", "monitored", Since{Lead: day("2026-11-01"), Identified: day("2026-11-02")}, "2026-11-12", "2026-11-11"},
	} {
		due, ok, err := m.Due(test.state, test.since)
		if err != nil || !ok || due.On.Format(time.DateOnly) != test.on || due.Warn.Format(time.DateOnly) != test.warn || !due.Escalate.Equal(due.On.AddDate(0, 0, 3)) {
			t.Errorf("%s: %+v %v %v", test.name, due, ok, err)
		}
	}
	if _, ok, err := m.Due("cleared", Since{}); ok || err != nil {
		t.Errorf("a case at rest has a task: %v %v", ok, err)
	}
	if _, _, err := m.Due("accepted", Since{Lead: day("2031-01-01")}); errs.KindOf(err) != errs.NotFound {
		t.Errorf("no holidays for 2031: %v", err)
	}
}

func TestForm(t *testing.T) {
	m := machine(t, "2026-11-24")
	read := func(action, text string) (Form, error) {
		var data map[string]any
		dec := json.NewDecoder(strings.NewReader(text))
		dec.UseNumber()
		if err := dec.Decode(&data); err != nil {
			t.Fatal(err)
		}
		return m.Form(action, data)
	}
	form, err := read("record_visit", `{"visited_on":"2026-11-23","visitors":[{"account":"a1","post":"village"},{"name":"甲","post":"team"}],"facts":[{"indicator":"disabled","value":1}],
		"members":[{"age":40,"labour":"weak","health":"chronic"}],"position":{"lat":26.5,"lon":108.1},"water_ok":true,"remark":"  "}`)
	if err != nil {
		t.Fatal(err)
	}
	if _, has := form["remark"]; has || len(form["visitors"].([]any)) != 2 || form["facts"].([]any)[0].(map[string]any)["value"] != 1.0 {
		t.Errorf("form %v", form)
	}
	for _, test := range []struct{ action, text, path, zh string }{
		{"record_visit", `{"visitors":[{"account":"a1","post":"village"}]}`, "visited_on", "必填"},
		{"record_visit", `{"visited_on":"2026-11-31","visitors":[{"account":"a1","post":"village"}]}`, "visited_on", "应为日期"},
		{"record_visit", `{"visited_on":"2026-11-23","visitors":[{"post":"village"}]}`, "visitors[1]", "账号或姓名"},
		{"record_visit", `{"visited_on":"2026-11-23","visitors":[{"account":"a1","post":"mayor"}]}`, "visitors[1].post", "不在可选值内"},
		{"record_visit", `{"visited_on":"2026-11-23","visitors":[{"account":"a1","post":"village"}],"members":[{"age":12,"labour":"weak"}]}`, "members[1]", "未满十六周岁"},
		{"record_visit", `{"visited_on":"2026-11-23","visitors":[{"account":"a1","post":"village"}],"members":[{"age":30,"labour":"none","health":"healthy"}]}`, "members[1]", "十六至五十九"},
		{"record_visit", `{"visited_on":"2026-11-23","visitors":[{"account":"a1","post":"village"}],"facts":[{"indicator":"nothing","value":1}]}`, "facts[1].indicator", "不是政策包里的指标"},
		{"record_visit", `{"visited_on":"2026-11-23","visitors":[{"account":"a1","post":"village"}],"position":{"lat":126.5,"lon":1}}`, "position", "纬度"},
		{"record_visit", `{"visited_on":"2026-11-23","visitors":[{"account":"a1","post":"village"}],"photos":["x"]}`, "photos[1]", "十六进制"},
		{"verify_true", `{"risks":[{"risk":"other"}]}`, "risks[1]", "备注"},
		{"verify_true", `{"risks":[{"risk":"illness","sub":"0201"}]}`, "risks[1]", "细类"},
		{"verify_true", `{"risks":[]}`, "risks", "太少"},
		{"verify_true", `{"risks":[{"risk":"a"},{"risk":"b"},{"risk":"c"},{"risk":"d"},{"risk":"e"},{"risk":"f"}]}`, "risks", "最多 5"},
		{"set_tags", `{"tags":[{"tag":"l4","from":"2026-01-01"}]}`, "tags[1]", "十二个月"},
		{"set_tags", `{"tags":[{"tag":"l4","from":"2026-01-01","until":"2027-06-01"}]}`, "tags[1]", "十二个月"},
		{"set_tags", `{"tags":[{"tag":"l2","from":"2026-01-01","until":"2025-06-01"}]}`, "tags[1]", "早于"},
		{"tell", `{"told_on":"2026-11-23","how":"visit","phone":"1"}`, "", "表单里没有的字段"},
		{"move", `{"to_division":"12"}`, "to_division", "区划"},
		{"refuse", `{"reason":true}`, "reason", "应为文字"},
		{"appraise", `{"held_on":"2026-11-23","attendees":1.5,"votes_for":1,"minutes":["x"]}`, "attendees", "整数"},
	} {
		_, err := read(test.action, test.text)
		var f *FormError
		if !errors.As(err, &f) || errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s %s: %v", test.action, test.text, err)
			continue
		}
		if !slices.ContainsFunc(f.Faults, func(x Fault) bool {
			return x.Path == test.path && strings.Contains(x.Text.ZH, test.zh) && x.Text.EN != ""
		}) {
			t.Errorf("%s %s: %v", test.action, test.text, f.In("zh"))
		}
	}
}

// TestFormNeverPanics throws random JSON at every form.
func TestFormNeverPanics(t *testing.T) {
	m := machine(t, "2026-11-24")
	var value func(t *rapid.T, depth int) any
	value = func(t *rapid.T, depth int) any {
		switch rapid.IntRange(0, 6+depth).Draw(t, "kind") {
		case 0:
			return nil
		case 1:
			return rapid.Bool().Draw(t, "b")
		case 2:
			return rapid.Float64().Draw(t, "f")
		case 3, 4, 5, 6:
			return rapid.SampledFrom([]string{"", "2026-11-24", "2026-11", "illness", "x\x00", "522633105002", strings.Repeat("长", 3000)}).Draw(t, "s")
		case 7:
			return []any{value(t, 0), value(t, depth-1)}
		}
		return map[string]any{"risk": value(t, 0), "lat": value(t, 0), "lon": 1, "post": value(t, 0)}
	}
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SampledFrom(m.Flow().Actions).Draw(t, "action")
		data := map[string]any{}
		for _, f := range a.Form {
			data[f.ID] = value(t, 2)
		}
		if form, err := m.Form(a.ID, data); err == nil {
			m.FormFacts(&a, form)
		} else if errs.KindOf(err) != errs.Invalid {
			t.Fatal(err)
		}
	})
}

func TestOffers(t *testing.T) {
	m := machine(t, "2026-11-24")
	f := known()
	delete(f, "attendees")
	delete(f, "votes_for")
	for _, o := range m.Actions("compared", []string{"village"}, f) {
		if o.Action.ID == "appraise" && (o.Allowed || !o.NeedsForm) {
			t.Errorf("appraise: %+v", o)
		}
		if o.Action.ID == "refuse" {
			t.Error("a village may not refuse")
		}
	}
	f["appraisals"] = expr.NumberValue(1)
	for _, o := range m.Actions("compared", []string{"village"}, f) {
		if o.Action.ID == "appraise" && o.NeedsForm {
			t.Error("a second appraisal is not a matter of the form")
		}
	}
}

// TestPage keeps docs/states.md the page of the shipped pack.
func TestPage(t *testing.T) {
	m, err := New(guizhou(t), 520000000000, day("2026-11-24"))
	if err != nil {
		t.Fatal(err)
	}
	const page = "../../docs/states.md"
	if *update {
		if err := os.WriteFile(page, []byte(m.Page()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != m.Page() {
		t.Error("docs/states.md is not what the pack says: go test ./internal/workflow -run Page -update")
	}
}

func BenchmarkMachine(b *testing.B) {
	ms, err := NewMachines(guizhou(b))
	if err != nil {
		b.Fatal(err)
	}
	f := known()
	for b.Loop() {
		if _, err := ms.At(village, day("2026-11-24")).Next("accepted", "verify_true", []string{"village"}, f); err != nil {
			b.Fatal(err)
		}
	}
}
