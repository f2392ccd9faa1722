package policy

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	packs "shouwang/policy"
)

// shipped reads the shipped pack's files with texts replaced, each of which must be there exactly once.
func shipped(t testing.TB, edits ...[3]string) fs.FS {
	t.Helper()
	out := fstest.MapFS{}
	err := fs.WalkDir(packs.Guizhou(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		src, err := fs.ReadFile(packs.Guizhou(), name)
		out[name] = &fstest.MapFile{Data: src}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range edits {
		src := string(out[e[0]].Data)
		if n := strings.Count(src, e[1]); n != 1 {
			t.Fatalf("%q is %d times in %s", e[1], n, e[0])
		}
		out[e[0]] = &fstest.MapFile{Data: []byte(strings.Replace(src, e[1], e[2], 1))}
	}
	return out
}

func variant(text string) [3]string {
	return [3]string{"workflow.yaml", "\ndivisions: []", "\ndivisions:\n" + text}
}

// TestShippedMinimum holds the shipped pack to the national minimum, written down here once more from the field's text: verify and authorise,
// appraise and publicise once for at least five days in the village, township, county.
func TestShippedMinimum(t *testing.T) {
	p, err := Load(packs.Guizhou())
	if err != nil {
		t.Fatal(err)
	}
	m := p.Workflow.Minimum[0]
	if !slices.Equal(m.Path, []string{"verify_true", "authorise", "appraise", "publicise", "township_review", "decide"}) || m.From != "received" || m.Target != "monitored" {
		t.Errorf("path %v", m.Path)
	}
	if m.Least["publicity_days"] != 5 || m.Least["visitors_min"] != 2 || !slices.Contains(m.Guards["township_review"], "publicity_over") || !slices.Contains(m.Guards["publicise"], "publicised_once") {
		t.Errorf("minimum %+v", m)
	}
	if p.Workflow.Minimum[1].Least["clear_months_min"] != 6 {
		t.Errorf("minimum %+v", p.Workflow.Minimum[1])
	}
}

func TestWorkflowErrors(t *testing.T) {
	const w = "workflow.yaml"
	accept := "from: [received], to: accepted"
	for _, test := range []struct {
		name string
		edit [3]string
		file string
		zh   string
	}{
		{"no such state", [3]string{w, accept, "from: [received], to: nowhere"}, w, "不是状态：“nowhere”"},
		{"no such from", [3]string{w, accept, "from: [nowhere], to: accepted"}, w, "没有这个状态：“nowhere”"},
		{"no such role", [3]string{w, "to: accepted, roles: [village, township, county], form: [{use: remark}]}\n  - id: open_green", "to: accepted, roles: [mayor], form: [{use: remark}]}\n  - id: open_green"}, w, "没有这个角色：“mayor”"},
		{"no such guard", [3]string{w, "guards: [visited, two_visitors], label: known", "guards: [nothing], label: known"}, w, "没有这个条件：“nothing”"},
		{"no such parameter", [3]string{w, "{param: lead_accept_days, count: calendar, since: lead, channel: ordinary}", "{param: soon, count: calendar, since: lead}"}, w, "没有这个参数：“soon”"},
		{"wrong expression", [3]string{w, "must: 'visitors >= param.visitors_min'", "must: 'visiters >= param.visitors_min'"}, w, "visitors"},
		{"wrong type", [3]string{w, "must: 'visitors >= param.visitors_min'", "must: 'visitors'"}, w, "是否"},
		{"missing example", [3]string{w, "      - {name: 没有登记人数, expect: unknown}\n", ""}, w, "缺少一个 expect: unknown 的例子"},
		{"unknown key", [3]string{w, "phase: lead, start: true", "phase: lead, begin: true"}, w, "未知的键"},
		{"no start", [3]string{w, "phase: lead, start: true", "phase: lead"}, w, "start: true"},
		{"form lacks what the action records", [3]string{w, "does: [told]", "does: [told, decision]"}, w, "必须有字段 category"},
		{"guard reads a field that the form lacks", [3]string{w, "guards: [watched_long]", "guards: [watched_long, majority]"}, w, "votes_for"},
		{"unknown library field", [3]string{w, "form: [{use: remark}]}\n  - id: open_green", "form: [{use: remarks}]}\n  - id: open_green"}, w, "没有字段“remarks”"},
		{"indicator that is not there", [3]string{w, "{id: working, source: indicator}", "{id: workings, source: indicator}"}, w, "没有指标“workings”"},
		{"a closed state that is left", [3]string{w, "from: [watching], to: watch_ended", "from: [watching, merged], to: watch_ended"}, w, "已结束"},
		{"below the national minimum", [3]string{"parameters.yaml", "unit: 天\n    values: [{from: 2021-01-01, value: 5, document: default}]\n  - id: support_days", "unit: 天\n    values: [{from: 2021-01-01, value: 5, document: default}, {division: \"522633\", from: 2026-01-01, value: 3, document: x}]\n  - id: support_days"}, "parameters.yaml", "低于国家最低要求 5"},
		{"a step of the minimum dropped", variant("  - {division: \"522633\", from: 2027-01-01, document: x, drop: [appraise]}\n"), w, "“appraise”是最低要求"},
		{"a way round the minimum", variant("  - division: \"522633\"\n    from: 2027-01-01\n    document: x\n    actions:\n      - {id: quick, name: {zh: 快, en: Quick}, from: [compared], to: publicised, roles: [county]}\n"), w, "不经过 publicise 也能走到 township_review"},
		{"a guard of the minimum dropped", variant("  - division: \"522633\"\n    from: 2027-01-01\n    document: x\n    actions:\n      - {id: township_review, name: {zh: 乡镇审核通过, en: Passed}, from: [publicised], to: township_reviewed, roles: [township], guards: [risks_recorded], form: [{use: opinion}]}\n"), w, "动作 township_review 必须有条件 publicity_over"},
		{"outside the region", variant("  - {division: \"110000\", from: 2027-01-01, document: x}\n"), w, "不在本政策包的地区"},
		{"two variants at once", variant("  - {division: \"522633\", from: 2027-01-01, document: x}\n  - {division: \"522633\", from: 2028-01-01, document: x}\n"), w, "重叠"},
	} {
		_, err := Load(shipped(t, test.edit))
		found := false
		for _, e := range Errors(err) {
			found = found || e.File == test.file && e.Line > 0 && strings.Contains(e.ZH, test.zh) && e.EN != ""
		}
		if !found {
			t.Errorf("%s: want %q, got:\n%v", test.name, test.zh, err)
		}
	}
}

// TestVariant: a county that adds a joint meeting between township and decision, sends objections to the county only, and does without
// the merging of duplicates, from a day on and nowhere else.
func TestVariant(t *testing.T) {
	p, err := Load(shipped(t, variant(`  - division: "522633"
    from: 2027-01-01
    document: 从江县实施办法
    drop: [merge_duplicate]
    states:
      - {id: joint_meeting, zh: 待联席会议, en: Joint meeting, phase: identify, task: {zh: 联席会议, en: Joint meeting, role: county, due: [{param: county_decide_days, count: working, since: state}]}}
    actions:
      - {id: call_meeting, name: {zh: 提交联席会议, en: Submit to the joint meeting}, from: [township_reviewed], to: joint_meeting, roles: [county]}
      - {id: decide, name: {zh: 县级审定纳入, en: The county identifies}, from: [joint_meeting], to: decided, roles: [county], guards: [authorised_first, publicity_over, no_open_objection, risks_recorded, category_fits], does: [decision], form: [{use: category}, {use: decided_on}]}
      - {id: dismiss_objection, name: {zh: 异议不成立, en: The objection is unfounded}, from: [rechecking], to: publicised, roles: [county], does: [objection_closed], form: [{use: reason}]}
`)))
	if err != nil {
		t.Fatal(err)
	}
	w := p.Workflow
	there, before, elsewhere := w.In(522633105002, day("2027-01-01")), w.In(522633105002, day("2026-12-31")), w.In(522634105002, day("2027-01-01"))
	if before != w || elsewhere != w {
		t.Error("the variant holds where it does not")
	}
	if there.Action("merge_duplicate") != nil || there.State("joint_meeting") == nil || !slices.Equal(there.Action("decide").From, []string{"joint_meeting"}) || !slices.Equal(there.Action("dismiss_objection").Roles, []string{"county"}) {
		t.Errorf("the variant does not hold: %+v", there.Action("decide"))
	}
	if !slices.Contains(there.Action("die_out").From, "joint_meeting") {
		t.Error(`"live" leaves out a state that the variant adds`)
	}
	if w.Action("merge_duplicate") == nil || slices.Contains(w.Action("die_out").From, "joint_meeting") || !slices.Equal(w.Action("decide").From, []string{"township_reviewed"}) {
		t.Error("the variant has changed the whole")
	}
	if got := p.Summary(); got.Variants != 1 || got.States != len(w.States) {
		t.Errorf("summary %+v", got)
	}
}

// TestGuardExampleFails: an example that says something else than the guard does is found by pack test.
func TestGuardExampleFails(t *testing.T) {
	p, err := Load(shipped(t, [3]string{"workflow.yaml", "- {name: 一人, given: {visitors: 1}, expect: refuse}", "- {name: 一人, given: {visitors: 2}, expect: refuse}"}))
	if err != nil {
		t.Fatal(err)
	}
	failures := p.Test()
	if len(failures) != 1 || !failures[0].Guard || failures[0].Rule != "two_visitors" || failures[0].Line == 0 || !strings.Contains(failures[0].In("zh"), "条件 two_visitors") {
		t.Errorf("%+v", failures)
	}
}

func TestWorkflowDates(t *testing.T) {
	p, err := Load(shipped(t, variant("  - {division: \"522633\", from: 2027-01-01, to: 2027-06-30, document: x, drop: [merge_duplicate]}\n  - {division: \"522633\", from: 2028-01-01, document: x, drop: [end_watch]}\n")))
	// watching would be left by look_again only, which is enough.
	if err != nil {
		t.Fatal(err)
	}
	for on, want := range map[string]bool{"2026-12-31": true, "2027-01-01": false, "2027-06-30": false, "2027-07-01": true, "2028-01-01": true} {
		d, _ := time.Parse(time.DateOnly, on)
		if got := p.Workflow.In(522633105002, d).Action("merge_duplicate") != nil; got != want {
			t.Errorf("%s: %v", on, got)
		}
	}
}
