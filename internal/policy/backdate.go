package policy

import (
	"slices"
	"time"
)

// Backdate is pack b as if what differs in its values from a had always held: the first value of a division that a does not have holds there from the beginning of
// time. So a draft whose values begin next year can be tried on the past. Hash and Files stay those of b.
func Backdate(a, b *Pack) *Pack {
	q := *b
	q.Parameters = slices.Clone(b.Parameters)
	for i := range q.Parameters {
		par := &q.Parameters[i]
		old := a.Parameter(par.ID)
		first := map[string]time.Time{} // by division: when its first new value begins
		for _, v := range par.Values {
			known := old != nil && slices.ContainsFunc(old.Values, func(o ParameterValue) bool {
				return o.Division == v.Division && o.From.Equal(v.From) && o.Value == v.Value
			})
			if _, seen := first[v.Division]; !known && !seen {
				first[v.Division] = v.From
			}
		}
		if len(first) == 0 {
			continue
		}
		var values []ParameterValue
		for _, v := range par.Values {
			switch from, changes := first[v.Division]; {
			case changes && v.From.Before(from):
				continue
			case changes && v.From.Equal(from):
				v.From = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
			}
			values = append(values, v)
		}
		par.Values = values
	}
	return &q
}
