package web

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/division"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/task"
	"shouwang/internal/web/view"
)

// What the overview tells of people's work: where the cases stand, how deadlines were kept, how often the rules were right. Adding up a province takes a second, so what
// was counted of an area above a county is told again for some minutes, with the time when it was counted.
const (
	loopAge     = 10 * time.Minute
	keptDays    = 90 // the deadlines of so many days
	rulesShown  = 8
	runsShown   = 12
	casesOnPage = 50
)

// loops are the counts that were made lately.
type loops struct {
	mu   sync.Mutex
	kept map[string]view.Loop
}

// loop counts what the overview tells of a division.
func (s *Server) loop(v *visit, within division.Code) (view.Loop, error) {
	wide := within.Level() < division.County
	department, _ := v.actor.DepartmentOnly()
	key := fmt.Sprint(within, department)
	if wide {
		s.loops.mu.Lock()
		known, ok := s.loops.kept[key]
		s.loops.mu.Unlock()
		if ok && s.now().Sub(known.At) < loopAge && !known.At.After(s.now()) {
			return known, nil
		}
	}
	l, err := s.countLoop(v, within)
	if err == nil && wide {
		s.loops.mu.Lock()
		if s.loops.kept == nil || len(s.loops.kept) > 200 {
			s.loops.kept = map[string]view.Loop{}
		}
		s.loops.kept[key] = l
		s.loops.mu.Unlock()
	}
	return l, err
}

func (s *Server) countLoop(v *visit, within division.Code) (view.Loop, error) {
	l := view.Loop{At: s.now(), Days: keptDays}
	cases, err := s.app.Casework()
	if err != nil {
		return l, err
	}
	tally, err := cases.Tally(v.context(), v.actor, s.now(), within)
	if err != nil {
		return l, err
	}
	l.Tally = tally
	if err := s.app.Ledger.Read(v.context(), func(ctx context.Context, tx *ledger.Tx) (err error) {
		l.Kept, err = task.Deadlines(ctx, tx, v.actor, within, s.now().AddDate(0, 0, -keptDays), s.now())
		return err
	}); err != nil {
		return l, err
	}
	under := within
	if under == 0 {
		under = v.actor.Division
	}
	list, err := cases.Precision(v.context(), v.actor, under, time.Time{}, time.Time{})
	if err != nil {
		return l, err
	}
	at := map[string]int{}
	for _, p := range list {
		i, ok := at[p.Rule]
		if !ok {
			i = len(l.Rules)
			at[p.Rule] = i
			l.Rules = append(l.Rules, view.RulePrecision{Rule: p.Rule})
			if r := s.app.Pack.Rule(p.Rule); r != nil {
				l.Rules[i].Name = r.Name
			}
		}
		r := &l.Rules[i]
		r.Verified, r.True, r.Known, r.False = r.Verified+p.Verified, r.True+p.True, r.Known+p.Known, r.False+p.FalseAlarm
	}
	l.Rules = slices.DeleteFunc(l.Rules, func(r view.RulePrecision) bool { return r.Name.ZH == "" }) // of a rule that the pack no longer has
	slices.SortStableFunc(l.Rules, func(a, b view.RulePrecision) int { return b.Verified - a.Verified })
	l.Rules = l.Rules[:min(len(l.Rules), rulesShown)]
	return l, nil
}

// overviewCases is the list behind the figures of the loop.
func (s *Server) overviewCases(v *visit) error {
	within, err := s.within(v)
	if err != nil {
		return err
	}
	cases, err := s.app.Casework()
	if err != nil {
		return err
	}
	q := v.r.URL.Query()
	f := casework.Filter{Under: within, Overdue: q.Get("overdue") == "1"}
	if phase := q.Get("phase"); phase != "" {
		f.Phases = []string{phase}
	}
	page, err := cases.List(v.context(), v.actor, s.now(), f, q.Get("after"), casesOnPage)
	if err != nil {
		return err
	}
	out := view.CaseList{Crumbs: s.crumbs(v, "/overview", within), Phase: q.Get("phase"), Overdue: f.Overdue, Division: within, First: q.Get("after") == "", Next: page.Next}
	for _, c := range page.Cases {
		row := view.CaseRow{ID: c.ID, HouseholdNo: c.HouseholdNo, Place: s.fullPlace(c.Division), Level: c.Level, Since: dayOf(c.LeadAt), StateSince: dayOf(c.StateAt), State: policy.Text{ZH: c.State, EN: c.State}}
		if flow := s.app.Pack.Workflow; flow != nil {
			row.State = stateName(flow, c.State)
		}
		out.Rows = append(out.Rows, row)
	}
	return s.show(v, view.CaseListPage(s.frame(v, s.words.In(v.lang, "loop.list"), "overview"), out))
}

// few tells whether small numbers are kept from the reader: who sees sums but no households must not be able to make out one of them.
func (s *Server) few(v *visit) bool { return v.actor.May(account.HouseholdRead) != nil }
