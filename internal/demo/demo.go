package demo

import (
	"cmp"
	"context"
	"slices"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/app"
	"shouwang/internal/casework"
	"shouwang/internal/dispatch"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/matching"
	"shouwang/internal/measure"
	"shouwang/internal/policy"
	"shouwang/internal/screening"
	"shouwang/internal/task"
)

// Days that the stories need before the day on which they end.
const (
	// Months is how long before the end the staff must have their accounts.
	Months = 15
	// ScreenedDays is how many days before the end an earlier screening should have been made, so that leads of warnings can have a history.
	ScreenedDays = 20
)

// Begins is the moment at which the staff of a demo that ends at now must be there.
func Begins(now time.Time) time.Time { return clock(now.AddDate(0, -Months, 0), 8) }

// Screened is the day of the earlier screening of a demo that ends at now.
func Screened(now time.Time) time.Time { return clock(now.AddDate(0, 0, -ScreenedDays), 7) }

// Options of a play.
type Options struct {
	Now     time.Time     // when it ends
	Village division.Code // whose staff have accounts already: most stories are theirs and their township's
	// Second is called when the stories have come to the day of Now, before that day's leads go out: the newest screening is made there. nil: there is none.
	Second   func() error
	Progress func(done, total int64)
}

// Report is what has been played.
type Report struct {
	Cases        []casework.Count `json:"cases"` // by state and level, closed ones too
	Acts         int              `json:"acts"`  // that staff took
	Staff        int              `json:"staff"` // accounts that were made for it
	Applications int              `json:"applications"`
	Dispatched   dispatch.Sent    `json:"dispatched"` // of the last day

	// Short counts stories that ended before their aim, because the data did not fit them or there were too few households.
	Short int    `json:"short"`
	Why   string `json:"-"` // of the first of them
}

// play is one run.
type play struct {
	ctx      context.Context
	app      *app.App
	cases    *casework.Service
	plans    *measure.Service
	matching *matching.Service
	dispatch *dispatch.Service
	o        Options
	staff    staff
	beats    []beat
	calm     []home // without a warning, able to stand on their own
	warned   []home
	sent     map[int][]*story // by how many days ago their warnings were sent
	report   Report
}

// beat is something that somebody does at a moment.
type beat struct {
	at time.Time
	of *story // nil: nobody's
	do func(now time.Time) error
}

// Play plays the stories in the order of time. The folder must be open, screened (see [Screened]), and have an account for every role around o.Village.
// The same folder and moment give the same stories. Errors are those of the stores; what a guard refuses only ends that one story.
func Play(ctx context.Context, a *app.App, o Options) (Report, error) {
	p := &play{ctx: ctx, app: a, o: o, matching: a.Matching(), sent: map[int][]*story{}}
	var err error
	if p.cases, err = a.Casework(); err != nil {
		return p.report, err
	}
	if p.plans, err = a.Plans(); err != nil {
		return p.report, err
	}
	if p.dispatch, err = a.Dispatch(); err != nil {
		return p.report, err
	}
	if err := p.meet(); err != nil {
		return p.report, err
	}
	if err := p.findHomes(); err != nil {
		return p.report, err
	}
	p.write()
	slices.SortStableFunc(p.beats, func(a, b beat) int { return a.at.Compare(b.at) })
	for i, b := range p.beats {
		if err := ctx.Err(); err != nil {
			return p.report, err
		}
		if b.of != nil && b.of.ended {
			continue
		}
		if err := p.run(b); err != nil {
			return p.report, err
		}
		if o.Progress != nil {
			o.Progress(int64(i+1), int64(len(p.beats)))
		}
	}
	if _, err := task.NewService(a.Ledger).Tick(ctx, o.Now); err != nil {
		return p.report, err
	}
	p.report.Cases, err = p.cases.Counts(ctx, account.SystemActor("demo"), o.Now, casework.Filter{Phases: []string{"lead", "identify", "support", "clear", "watch", "closed"}})
	return p.report, err
}

// run does one beat; what the program refuses to a person ends the story.
func (p *play) run(b beat) error {
	err := b.do(b.at)
	if err == nil {
		return nil
	}
	kind := errs.KindOf(err)
	if b.of == nil || kind == errs.Internal || kind == errs.Unavailable || p.ctx.Err() != nil {
		return err
	}
	b.of.ended = true
	if p.report.Short++; p.report.Why == "" {
		p.report.Why = b.of.name + ": " + err.Error()
	}
	return nil
}

// clock is an hour of a civil day in China.
func clock(day time.Time, hour float64) time.Time {
	d := casework.Civil(day)
	return time.Date(d.Year(), d.Month(), d.Day(), 0, 0, 0, 0, time.FixedZone("UTC+8", 8*3600)).Add(time.Duration(hour * float64(time.Hour)))
}

// home is a household that a story can be about.
type home struct {
	state screening.State
	risk  string // that a plan can answer; "" when none was sought
}

// calmWanted is how many households without a warning the stories take.
const calmWanted = 45

// warnedWanted is how many with one the stories take.
const warnedWanted = 70

// findHomes chooses households: those of the own village first, then of the township, then of the county.
func (p *play) findHomes() error {
	var calm, warned []screening.State
	seen := map[int64]bool{}
	for _, area := range []division.Code{p.o.Village.At(division.Township), p.o.Village.At(division.County)} {
		err := p.app.Screening().States(p.ctx, screening.StateFilter{Division: area, All: area.Level() == division.Township || len(calm) < calmWanted}, func(s screening.State) error {
			if s.Division.Level() != division.Village || seen[s.HouseholdID] {
				return nil
			}
			seen[s.HouseholdID] = true
			if len(s.Warnings) > 0 {
				warned = append(warned, s)
			} else if p.stands(&s) {
				calm = append(calm, s)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if len(calm) >= calmWanted && len(warned) >= warnedWanted {
			break
		}
	}
	for i, s := range p.near(calm) {
		if len(p.calm) >= calmWanted {
			break
		}
		if risk := p.answerable(s, i); risk != "" {
			p.calm = append(p.calm, home{state: s, risk: risk})
		}
	}
	for _, s := range p.near(warned) {
		p.warned = append(p.warned, home{state: s})
	}
	return nil
}

// near puts a third of the own village's first, then the villages of the township in turn, then the others.
func (p *play) near(all []screening.State) []screening.State {
	rank := map[division.Code]int{}
	key := make(map[int64]int, len(all))
	for i := range all {
		s := &all[i]
		n := rank[s.Division]
		rank[s.Division]++
		switch {
		case s.Division == p.o.Village:
			key[s.HouseholdID] = n // one a turn
		case s.Division.At(division.Township) == p.o.Village.At(division.Township):
			key[s.HouseholdID] = 2 * n
		default:
			key[s.HouseholdID] = 1_000_000 + n
		}
	}
	slices.SortStableFunc(all, func(a, b screening.State) int {
		return cmp.Or(cmp.Compare(key[a.HouseholdID], key[b.HouseholdID]), cmp.Compare(a.Division, b.Division), cmp.Compare(a.HouseholdID, b.HouseholdID))
	})
	return all
}

// value of an indicator (1 for yes); known is false when the run does not know it.
func (p *play) value(s *screening.State, id string) (n float64, known bool) {
	for i := range p.app.Pack.Indicators {
		if p.app.Pack.Indicators[i].ID == id {
			return s.Row[i].Num, s.Row[i].Known
		}
	}
	return 0, false
}

// stands reports whether a household can stand on its own again: what clearing will ask for.
func (p *play) stands(s *screening.State) bool {
	yes := func(id string, ok func(float64) bool) bool {
		n, known := p.value(s, id)
		return known && ok(n)
	}
	none := func(n float64) bool { return n == 0 }
	line, err := p.app.Pack.Param("line", s.Division, s.AsOf)
	return err == nil && yes("reference_income_per_head", func(n float64) bool { return n > 1.2*line.Value }) && yes("able_labourers", func(n float64) bool { return n >= 1 }) &&
		yes("labourers", func(n float64) bool { return n >= 1 }) && yes("is_monitored", none) && yes("uninsured", none) && yes("dropped_out", none) && yes("house_unsafe", none)
}

// answerable is a risk that such a household may have had and that the pack has measures for, one of them for earning; "" when there is none. turn varies it.
func (p *play) answerable(s screening.State, turn int) string {
	risks := []string{"employment", "business", "schooling", "accident", "disaster", "income"}
	for i := range risks {
		risk := risks[(turn+i)%len(risks)]
		if p.app.Pack.Risk(risk) == nil {
			continue
		}
		h := matching.FromState(s)
		h.Risks = []matching.Risk{{Risk: risk, Level: policy.Yellow}}
		x := p.matching.Matcher().Propose(h)
		earns := slices.ContainsFunc(x.Measures, func(m matching.Proposed) bool { return m.Nature == policy.Development })
		if earns && !slices.ContainsFunc(x.Risks, func(r matching.OpenRisk) bool { return !r.Answered }) {
			return risk
		}
	}
	return ""
}
