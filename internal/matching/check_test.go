package matching

import (
	"slices"
	"strings"
	"testing"

	"shouwang/internal/errs"
	"shouwang/internal/measure"
	"shouwang/internal/policy"
)

func severities(list []measure.Finding) map[string]string {
	out := map[string]string{}
	for _, f := range list {
		out[f.ID] = f.Severity
	}
	return out
}

// A plan is judged by what is known: what the pack forbids is an error, what the data speak against a doubt, what they lack a hint.
func TestCheckPlan(t *testing.T) {
	p := guizhou()
	m := New(p)
	h := illHousehold(p)
	if got := severities(m.CheckPlan(h, []measure.Entry{{Option: "medical_aid"}, {Option: "labour_export", Person: "b"}})); len(got) != 0 {
		t.Errorf("a sound plan: %v", got)
	}
	got := severities(m.CheckPlan(h, []measure.Entry{{Option: "dibao"}, {Option: "living_subsidy", Person: "a"}}))
	if got["only_security"] != "error" || got["ineligible_dibao"] != "doubt" || got["ineligible_living_subsidy"] != "doubt" {
		t.Errorf("social security only: %v", got)
	}
	h.Members[0] = member(p, "a", map[string]any{"relation": "head", "age": 50, "labour": "ordinary", "health": "healthy", "posts": 2})
	if got := severities(m.CheckPlan(h, []measure.Entry{{Option: "post_river", Person: "a"}})); got["post_kinds"] != "error" {
		t.Errorf("a third post: %v", got)
	}
	h.Members[0] = member(p, "a", map[string]any{"relation": "head", "age": 40, "disability_grade": "?"})
	list := m.CheckPlan(h, []measure.Entry{{Option: "care_subsidy", Person: "a"}, {Option: "medical_aid"}, {Option: "yulu", Person: "nobody"}})
	if got := severities(list); got["ask_care_subsidy"] != "hint" || got["member"] != "doubt" {
		t.Errorf("%v", list)
	}
}

// Suggestions share an amount for several members without losing a fen.
func TestSuggestions(t *testing.T) {
	x := Proposal{Risks: []OpenRisk{{Risk: "schooling", By: []string{"yulu"}}}, Measures: []Proposed{{Measure: "yulu", Persons: []string{"a", "b", "c"}, Amount: 100, Why: []policy.Text{{ZH: "因学"}}}, {Measure: "dibao", Amount: 7}}}
	got := Suggestions(x)
	sum := int64(0)
	for _, s := range got[:3] {
		sum += s.Amount
	}
	if len(got) != 4 || sum != 100 || got[3].Person != "" || got[3].Amount != 7 || !slices.Equal(got[1].Risks, []string{"schooling"}) {
		t.Errorf("%+v", got)
	}
}

func TestReadPlaces(t *testing.T) {
	p := guizhou()
	got, err := ReadPlaces(strings.NewReader("\ufeff名额,行政区划,数量\n生态护林员名额,522633,12\npublic_posts,,0\n"), p)
	if err != nil || len(got) != 2 || got[0] != (Places{"rangers", 522633000000, 12}) || got[1] != (Places{"public_posts", 0, 0}) {
		t.Fatalf("%+v %v", got, err)
	}
	for text, want := range map[string]string{"": "empty", "pool,places\n": "line 1", "pool,division,places\nx,,1\n": "line 2", "pool,division,places\nrangers,9x,1\n": "line 2", "pool,division,places\nrangers,,-1\n": "line 2",
		"pool,division,places\nrangers,,1\nrangers,,2\n": "line 3", "pool,division,places\nrangers,\"": "CSV"} {
		if _, err := ReadPlaces(strings.NewReader(text), p); err == nil || !strings.Contains(errs.Text(err, "en"), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
