package phone

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"shouwang/internal/casework"
	"shouwang/internal/policy"
	"shouwang/internal/workflow"
)

// Paths name what a visit states about a household, one by one: facts.wage_income, water_ok, members.PERSON.labour. What is the visit's own (who came,
// photos, remarks, disputes) is nobody else's and never conflicts.
const (
	factPath   = "facts."
	memberPath = "members."
)

// stated are the form's fields in which a visit says that a guarantee is met.
func stated() []string { return []string{"schooling_ok", "insurance_ok", "housing_ok", "water_ok"} }

// found is what one visit states.
type found struct {
	values    map[string]any
	confirmed map[string]bool
	members   []map[string]any
	disputes  []Dispute
	on        string
}

func foundBy(d casework.Document) found {
	var form map[string]any
	if json.Unmarshal([]byte(d), &form) != nil {
		form = nil
	}
	return foundIn(form)
}

func foundIn(form map[string]any) found {
	f := found{values: map[string]any{}, confirmed: map[string]bool{}}
	f.on, _ = form["visited_on"].(string)
	for _, row := range rows(form, "facts") {
		if id, ok := row["indicator"].(string); ok {
			f.values[factPath+id] = row["value"]
		}
	}
	for _, id := range stated() {
		if yes, ok := form[id].(bool); ok {
			f.values[id], f.confirmed[id] = yes, yes
		}
	}
	f.members = rows(form, "members")
	for _, row := range f.members {
		person, _ := row["person"].(string)
		for column, v := range row {
			if person != "" && column != "person" {
				f.values[memberPath+person+"."+column] = v
			}
		}
	}
	for _, row := range rows(form, "disputes") {
		var d Dispute
		d.Kind, _ = row["kind"].(string)
		d.Outcome, _ = row["outcome"].(string)
		f.disputes = append(f.disputes, d)
	}
	return f
}

func rows(form map[string]any, id string) []map[string]any {
	var out []map[string]any
	list, _ := form[id].([]any)
	for _, v := range list {
		if row, ok := v.(map[string]any); ok {
			out = append(out, row)
		}
	}
	return out
}

// differ is one field about which two visits say different things.
type differ struct {
	path         string
	mine, theirs any
}

// merged is what a visit comes to beside those that its maker did not know of.
type merged struct {
	form      map[string]any
	kept      []string // fields that the others changed, kept beside mine
	conflicts []differ
}

// merge lays a visit over what others stated since. base is what its maker knew of the members, whose table is always given whole: a column as it was
// known states nothing. resolved says for fields in conflict whose value counts, "mine" or "theirs".
func merge(visit, base map[string]any, others []found, resolved map[string]string) merged {
	theirs := map[string]any{}
	for _, o := range others {
		maps.Copy(theirs, o.values)
	}
	mine := foundIn(visit)
	out := merged{form: maps.Clone(visit)}
	take := map[string]any{} // fields of mine that get their value
	for _, path := range slices.Sorted(maps.Keys(theirs)) {
		my, stated := mine.values[path]
		known, hadBase := base[path]
		member := strings.HasPrefix(path, memberPath)
		switch {
		case stated && same(my, theirs[path]):
		case member && hadBase && same(theirs[path], known): // they left it as it was
		case !stated:
			out.kept = append(out.kept, path)
		case member && hadBase && same(my, known): // I left it as it was
			take[path] = theirs[path]
			out.kept = append(out.kept, path)
		case resolved[path] == "theirs":
			take[path] = theirs[path]
		case resolved[path] == "mine":
		default:
			out.conflicts = append(out.conflicts, differ{path, my, theirs[path]})
		}
	}
	out.put(take)
	out.addMembers(mine, base, others)
	return out
}

// put sets fields of the form.
func (m *merged) put(values map[string]any) {
	if len(values) == 0 {
		return
	}
	for _, table := range []string{"facts", "members"} {
		list, _ := m.form[table].([]any)
		copied := make([]any, len(list))
		for i, v := range list {
			row, ok := v.(map[string]any)
			if !ok {
				copied[i] = v
				continue
			}
			row = maps.Clone(row)
			for path, value := range values {
				if id, ok := strings.CutPrefix(path, factPath); ok && table == "facts" && row["indicator"] == id {
					row["value"] = value
				}
				if rest, ok := strings.CutPrefix(path, memberPath); ok && table == "members" {
					if person, column, _ := strings.Cut(rest, "."); row["person"] == person {
						row[column] = value
					}
				}
			}
			copied[i] = row
		}
		if list != nil {
			m.form[table] = copied
		}
	}
	for _, id := range stated() {
		if v, ok := values[id]; ok {
			m.form[id] = v
		}
	}
}

// addMembers keeps the persons that others added to the table which I give whole, too.
func (m *merged) addMembers(mine found, base map[string]any, others []found) {
	if len(mine.members) == 0 || len(others) == 0 {
		return
	}
	list, _ := m.form["members"].([]any)
	list = slices.Clone(list)
	here := map[string]bool{}
	for _, row := range mine.members {
		person, _ := row["person"].(string)
		here[person] = true
	}
	for path := range base {
		if rest, ok := strings.CutPrefix(path, memberPath); ok {
			person, _, _ := strings.Cut(rest, ".")
			here[person] = true // whoever was known, I have looked at
		}
	}
	for _, row := range others[len(others)-1].members {
		person, _ := row["person"].(string)
		if person != "" && !here[person] || person == "" && !slices.ContainsFunc(mine.members, func(r map[string]any) bool { return same(r, row) }) {
			list = append(list, row)
		}
	}
	m.form["members"] = list
}

// same compares values as JSON has them: 1 and 1.0 are alike.
func same(a, b any) bool {
	x, ok := number(a)
	y, ok2 := number(b)
	if ok && ok2 {
		return x == y
	}
	return reflect.DeepEqual(a, b)
}

func number(v any) (float64, bool) {
	switch x := v.(type) {
	case float64:
		return x, true
	case int:
		return float64(x), true
	case json.Number:
		f, err := x.Float64()
		return f, err == nil
	}
	return 0, false
}

// way is how a case comes to where a visit may be recorded.
type way struct {
	ok    bool
	state string           // in which it is recorded
	first []*policy.Action // to be taken before
}

// wayToVisit looks for the state in which a village may record a visit: the case's own, or one that a step leads to which asks for nothing and that a
// village may take (a lead is accepted by going there).
func wayToVisit(m *workflow.Machine, state string) way {
	visit := casework.VisitAction(m.Flow())
	if visit == nil {
		return way{}
	}
	if slices.Contains(visit.From, state) {
		return way{ok: true, state: state}
	}
	for i := range m.Flow().Actions {
		a := &m.Flow().Actions[i]
		free := len(a.Guards) == 0 && !slices.ContainsFunc(a.Form, func(f policy.Field) bool { return f.Required })
		if free && a.To != "" && slices.Contains(a.From, state) && slices.Contains(a.Roles, "village") && slices.Contains(visit.From, a.To) {
			return way{ok: true, state: a.To, first: []*policy.Action{a}}
		}
	}
	return way{}
}
