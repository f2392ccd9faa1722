package workflow

import (
	"fmt"
	"slices"
	"strings"

	"shouwang/internal/policy"
)

// Page writes the state machine as a Markdown page: a diagram, the states with their tasks, the actions with their guards, the guards, and
// the minimum. docs/states.md is this page of the shipped pack.
func (m *Machine) Page() string {
	var b strings.Builder
	w := m.flow
	fmt.Fprintf(&b, "# States of a case\n\nWritten from the policy pack `%s` (`go test ./internal/workflow -run Page -update`); the pack's `workflow.yaml` is what counts.\n", m.pack.Name)
	fmt.Fprintf(&b, "%d states, %d actions, %d guards. A case begins in `%s`.\n\n", len(w.States), len(w.Actions), len(w.Guards), w.Start)
	m.diagram(&b)
	m.pageStates(&b)
	m.pageActions(&b)
	m.pageGuards(&b)
	b.WriteString("## The minimum\n\nWhat no division may do without: every way from the one state to the other goes through these actions, in this order.\n\n")
	for _, x := range w.Minimum {
		fmt.Fprintf(&b, "- %s (%s): `%s` → %s → `%s`\n", x.Name.ZH, x.Name.EN, x.From, codes(x.Path, " → "), x.Target)
	}
	return b.String()
}

func (m *Machine) diagram(b *strings.Builder) {
	b.WriteString("```mermaid\nstateDiagram-v2\n")
	fmt.Fprintf(b, "    [*] --> %s\n", m.flow.Start)
	for _, s := range m.flow.States {
		fmt.Fprintf(b, "    %s: %s\n", s.ID, s.Name.ZH)
	}
	for i := range m.flow.Actions {
		a := &m.flow.Actions[i]
		if a.To == "" || len(a.From) > 10 {
			continue // would cover the picture; the table has it
		}
		for _, from := range a.From {
			fmt.Fprintf(b, "    %s --> %s: %s\n", from, a.To, a.Name.ZH)
		}
	}
	for _, s := range m.flow.States {
		if s.Phase == policy.PhaseClosed {
			fmt.Fprintf(b, "    %s --> [*]\n", s.ID)
		}
	}
	b.WriteString("```\n\n")
}

func (m *Machine) pageStates(b *strings.Builder) {
	b.WriteString("## States\n\n| phase | state | | task | whose | due |\n|---|---|---|---|---|---|\n")
	for _, s := range m.flow.States {
		task, role, due := "", "", ""
		if s.Task != nil {
			task, role = s.Task.Name.ZH, s.Task.Role
			var parts []string
			for _, d := range s.Task.Due {
				kind := "calendar"
				if d.Working {
					kind = "working"
				}
				part := fmt.Sprintf("`%s` %s days since %s", d.Param, kind, d.Since)
				if d.Green != policy.AnyChannel {
					part += " (" + string(d.Green) + ")"
				}
				parts = append(parts, part)
			}
			due = strings.Join(parts, "; ")
		}
		fmt.Fprintf(b, "| %s | `%s` | %s, %s | %s | %s | %s |\n", s.Phase, s.ID, s.Name.ZH, s.Name.EN, task, role, due)
	}
	b.WriteString("\n")
}

func (m *Machine) pageActions(b *strings.Builder) {
	b.WriteString("## Actions\n\nA guard in italics only flags the step.\n\n| action | | from | to | who | guards | form |\n|---|---|---|---|---|---|---|\n")
	for i := range m.flow.Actions {
		a := &m.flow.Actions[i]
		to := "(stays)"
		if a.To != "" {
			to = "`" + a.To + "`"
		}
		var guards, form []string
		for _, id := range a.Guards {
			if g := m.flow.Guard(id); g.Effect == policy.Flag {
				guards = append(guards, "*"+id+"*")
			} else {
				guards = append(guards, "`"+id+"`")
			}
		}
		for j := range a.Form {
			name := a.Form[j].ID
			if a.Form[j].Required {
				name += "*"
			}
			form = append(form, name)
		}
		fmt.Fprintf(b, "| `%s` | %s, %s | %s | %s | %s | %s | %s |\n", a.ID, a.Name.ZH, a.Name.EN, m.froms(a.From), to, strings.Join(a.Roles, ", "), strings.Join(guards, ", "), strings.ReplaceAll(strings.Join(form, ", "), "*", "\\*"))
	}
	b.WriteString("\n")
}

// froms shortens a list of all live states.
func (m *Machine) froms(from []string) string {
	live := 0
	for _, s := range m.flow.States {
		if s.Phase != policy.PhaseClosed {
			live++
			if !slices.Contains(from, s.ID) {
				return codes(from, ", ")
			}
		}
	}
	return fmt.Sprintf("any of the %d that are not closed", live)
}

func (m *Machine) pageGuards(b *strings.Builder) {
	b.WriteString("## Guards\n\n| guard | | must hold | otherwise |\n|---|---|---|---|\n")
	for i := range m.flow.Guards {
		g := &m.flow.Guards[i]
		fmt.Fprintf(b, "| `%s` | %s, %s | `%s` | %s |\n", g.ID, g.Name.ZH, g.Name.EN, strings.ReplaceAll(g.Must.Source(), "|", "\\|"), g.Effect)
	}
	b.WriteString("\n")
}

func codes(ids []string, sep string) string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = "`" + id + "`"
	}
	return strings.Join(out, sep)
}
