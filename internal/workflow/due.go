package workflow

import (
	"time"

	"shouwang/internal/policy"
)

// Since are the days that deadlines count from (their civil dates); a zero time is not known, and deadlines that count
// from it do not apply.
type Since struct {
	State      time.Time // the case entered the state
	Lead       time.Time // the clock of the lead began
	Identified time.Time // the county decided
	Green      bool      // the case is in the green channel
}

// Due is what is to be done in a state. Days are civil dates as UTC midnights; the last day counts in full.
type Due struct {
	Task     Text
	Role     string    // whose in-box first
	On       time.Time // last day in time
	Warn     time.Time // day of the warning; equal to On when there is none before
	Escalate time.Time // day on which the next level up is told; zero for never
	Param    string    // the parameter whose deadline was the earliest
}

// Due gives the task of a state with its deadline, the earliest of those that apply. ok is false for a state without a task. A
// task whose deadlines all count from unknown days is due on the machine's day. The error is errs.NotFound when a
// parameter has no value, or the pack no holidays for a year.
func (m *Machine) Due(state string, since Since) (due Due, ok bool, err error) {
	s := m.flow.State(state)
	if s == nil || s.Task == nil {
		return Due{}, false, nil
	}
	due = Due{Task: s.Task.Name, Role: s.Task.Role}
	for _, d := range s.Task.Due {
		from := map[policy.Since]time.Time{policy.SinceState: since.State, policy.SinceLead: since.Lead, policy.SinceIdentified: since.Identified}[d.Since]
		if from.IsZero() || d.Green == policy.GreenChannel && !since.Green || d.Green == policy.OrdinaryChannel && since.Green {
			continue
		}
		n, err := m.Param(d.Param)
		if err != nil {
			return Due{}, false, err
		}
		on := Day(from).AddDate(0, 0, int(n))
		if d.Working {
			if on, err = m.calendar.AddWorkdays(Day(from), int(n)); err != nil {
				return Due{}, false, err
			}
		}
		if due.On.IsZero() || on.Before(due.On) {
			due.On, due.Param = on, d.Param
		}
	}
	if due.On.IsZero() {
		due.On = m.day
	}
	due.Warn = due.On
	if s.Task.Warn != "" {
		n, err := m.Param(s.Task.Warn)
		if err != nil {
			return Due{}, false, err
		}
		due.Warn = due.On.AddDate(0, 0, -int(n))
	}
	if s.Task.Escalate != "" {
		n, err := m.Param(s.Task.Escalate)
		if err != nil {
			return Due{}, false, err
		}
		due.Escalate = due.On.AddDate(0, 0, int(n))
	}
	return due, true, nil
}
