package evaluate

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/expr"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/screening"
)

// Judgement is what staff found out about one household and one risk: the ground that a pack is tried on. It names nobody.
type Judgement struct {
	Household int64
	Risk      string // "" when the channel did not say
	Label     string // true, known or false_alarm
	Run       int64  // the screening that warned of it; 0: it came another way
	Received  time.Time
	Verified  time.Time
}

// Right reports whether the hardship was there.
func (j *Judgement) Right() bool { return j.Label != "false_alarm" }

// mostJudgements bounds the memory of a back-test: the newest ones count.
const mostJudgements = 10_000

// Judgements gives what was verified from one time to another (zero: open), one for each case and risk, the newest mostJudgements in the order in which they were verified. A risk
// that any of its signals was found true for is true; otherwise known counts before a false alarm.
func Judgements(ctx context.Context, cases *casework.Service, from, to time.Time) ([]Judgement, error) {
	type key struct{ caseID, risk string }
	at := map[key]int{}
	var list []Judgement
	rank := map[string]int{"false_alarm": 0, "known": 1, "true": 2}
	after, afterID := ledger.Time(0), ""
	if !from.IsZero() {
		after = ledger.At(from) - 1
	}
	for {
		page, err := cases.Labelled(ctx, account.SystemActor("backtest"), after, afterID, 2000)
		if err != nil {
			return nil, err
		}
		for _, g := range page {
			after, afterID = g.LabelledAt, g.ID
			if !to.IsZero() && !g.LabelledAt.Go().Before(to) {
				continue
			}
			j := Judgement{Household: g.Household, Risk: g.Risk, Label: g.Label, Run: g.Run, Received: g.ReceivedAt.Go(), Verified: g.LabelledAt.Go()}
			i, seen := at[key{g.CaseID, g.Risk}]
			if !seen {
				at[key{g.CaseID, g.Risk}] = len(list)
				list = append(list, j)
				continue
			}
			old := &list[i]
			if rank[j.Label] > rank[old.Label] {
				old.Label = j.Label
			}
			old.Run = max(old.Run, j.Run)
		}
		if len(page) < 2000 {
			break
		}
	}
	if n := len(list) - mostJudgements; n > 0 {
		list = list[n:]
	}
	return list, nil
}

// Score is how a pack would have done on the judgements.
type Score struct {
	Hit       int     `json:"hit"`       // judged households and risks that it warns of
	Right     int     `json:"right"`     // of them where the hardship was there
	Recall    float64 `json:"recall"`    // right ÷ all where the hardship was there; 0 where there is none
	Precision float64 `json:"precision"` // right ÷ hit; 0 where it warns of none
}

// RuleScore is how one rule did. A rule that a pack does not have hits nothing.
type RuleScore struct {
	Rule   string `json:"rule"`
	Before Score  `json:"before"`
	After  Score  `json:"after"`
	Mend   *Mend  `json:"mend,omitempty"` // of the pack after, where its precision is low
}

// Mend is a change of one threshold that would lift a rule's precision, and what it costs.
type Mend struct {
	Parameter string  `json:"parameter"`
	Now       float64 `json:"now"`
	To        float64 `json:"to"`
	Rule      Score   `json:"rule"` // the rule with it
	Pack      Score   `json:"pack"` // the whole pack with it
}

// Backtest is two packs tried on the same past.
type Backtest struct {
	From       string           `json:"from"` // the judgements were made on days from … to …
	To         string           `json:"to"`
	Judged     int              `json:"judged"`    // households and risks that staff judged
	Hardships  int              `json:"hardships"` // of them where the hardship was there
	TooEarly   int              `json:"too_early"` // left out: nothing had been screened then
	Runs       []int64          `json:"runs"`      // the screenings whose knowledge they are tried on
	Before     Score            `json:"before"`    // the pack in force
	After      Score            `json:"after"`     // the draft
	Rules      []RuleScore      `json:"rules"`     // rules with a judged warning under either, in the order of the pack
	Would      *screening.Would `json:"would,omitempty"`
	Impossible bool             `json:"impossible,omitempty"` // the draft changes a data contract: the past has no such data
}

// BacktestOptions of a back-test.
type BacktestOptions struct {
	Precision float64 // rules of lower precision are to be mended: 0–1
	Least     int     // with at least so many judged warnings
	Progress  func(done, total int64)
}

// past is a judgement with the household's row under either pack.
type past struct {
	*Judgement
	before, after []expr.Value
}

// Try tries a draft against the pack in force on judgements: with what a screening knew then, would each have warned of the household for that risk? And it counts whom the newest of
// those screenings would have warned of. Values of the draft count as if they had always held (policy.Backdate). s is the service with the pack in force.
//
// Most judgements are of households that some pack warned of, so recall is that among hardships that people came to know, and a draft that warns of others than
// were ever visited is judged by those alone that were.
func Try(ctx context.Context, s *screening.Service, now, draft *policy.Pack, list []Judgement, o BacktestOptions) (Backtest, error) {
	out := Backtest{Runs: []int64{}, Rules: []RuleScore{}}
	for name, text := range draft.Files {
		if strings.HasPrefix(name, "datasets/") && string(now.Files[name]) != string(text) {
			out.Impossible = true
			return out, nil
		}
	}
	then := policy.Backdate(now, draft)
	runs, err := s.Runs(ctx, 10_000)
	if err != nil {
		return out, err
	}
	if len(runs) == 0 {
		return out, nil
	}
	byRun := map[int64][]*past{}
	var all []*past
	for i := range list {
		j := &list[i]
		run := j.Run
		if !slices.ContainsFunc(runs, func(r screening.PastRun) bool { return r.Run == run }) {
			k := slices.IndexFunc(runs, func(r screening.PastRun) bool { return !r.Finished.After(j.Received) }) // the newest then
			if k < 0 {
				out.TooEarly++
				continue
			}
			run = runs[k].Run
		}
		if byRun[run] == nil {
			out.Runs = append(out.Runs, run)
		}
		p := &past{Judgement: j}
		byRun[run], all = append(byRun[run], p), append(all, p)
		day := casework.Civil(j.Verified).Format(time.DateOnly)
		if out.From == "" || day < out.From {
			out.From = day
		}
		out.To = max(out.To, day)
	}
	slices.Sort(out.Runs)
	for _, run := range out.Runs {
		if err := replay(ctx, s, run, byRun[run], func(p *past, row []expr.Value) { p.before = row }); err != nil {
			return out, err
		}
		if err := replay(ctx, s.Under(then), run, byRun[run], func(p *past, row []expr.Value) { p.after = row }); err != nil {
			return out, err
		}
	}
	// Who was not registered at the run is no test of a rule.
	all = slices.DeleteFunc(all, func(p *past) bool { return p.before == nil || p.after == nil })
	out.Judged = len(all)
	for _, p := range all {
		if p.Right() {
			out.Hardships++
		}
	}
	out.Before = packScore(now, all, func(p *past) []expr.Value { return p.before }, out.Hardships)
	out.After = packScore(then, all, func(p *past) []expr.Value { return p.after }, out.Hardships)
	out.Rules = ruleScores(now, then, all, out.Hardships, o)
	would, err := s.WouldWarn(ctx, then, runs[0].Run, o.Progress)
	if err != nil {
		return out, err
	}
	out.Would = &would
	return out, nil
}

// replay hands the rows of the judged households at a run to each of their judgements.
func replay(ctx context.Context, s *screening.Service, run int64, list []*past, keep func(*past, []expr.Value)) error {
	of := map[int64][]*past{}
	var ids []int64
	for _, p := range list {
		if of[p.Household] == nil {
			ids = append(ids, p.Household)
		}
		of[p.Household] = append(of[p.Household], p)
	}
	return s.Replay(ctx, run, ids, func(household int64, _ division.Code, row []expr.Value) error {
		kept := slices.Clone(row)
		for _, p := range of[household] {
			keep(p, kept)
		}
		return nil
	})
}

// warns reports whether a pack warns of the judged risk.
func warns(p *policy.Pack, risk string, row []expr.Value) bool {
	for i := range p.Rules {
		if r := &p.Rules[i]; r.Class != policy.ClassDoubt && (risk == "" || r.Risk == risk) && hits(r, row) {
			return true
		}
	}
	return false
}

func hits(r *policy.Rule, row []expr.Value) bool {
	return policy.OutcomeOf(r.When.Eval(row)) == policy.Hit
}

func (s Score) of(hardships int) Score {
	s.Recall, s.Precision = ratio(int64(s.Right), int64(hardships)), ratio(int64(s.Right), int64(s.Hit))
	return s
}

func packScore(p *policy.Pack, all []*past, row func(*past) []expr.Value, hardships int) (s Score) {
	for _, one := range all {
		if warns(p, one.Risk, row(one)) {
			s.Hit++
			if one.Right() {
				s.Right++
			}
		}
	}
	return s.of(hardships)
}

// judges reports whether a judgement says something about a rule.
func judges(j *Judgement, r *policy.Rule) bool { return j.Risk == "" || j.Risk == r.Risk }

func ruleScore(r *policy.Rule, all []*past, row func(*past) []expr.Value, hardships int) (s Score, hit []*past) {
	for _, one := range all {
		if judges(one.Judgement, r) && hits(r, row(one)) {
			s.Hit++
			if one.Right() {
				s.Right++
			}
			hit = append(hit, one)
		}
	}
	return s.of(hardships), hit
}

func ruleScores(now, then *policy.Pack, all []*past, hardships int, o BacktestOptions) []RuleScore {
	before, after := func(p *past) []expr.Value { return p.before }, func(p *past) []expr.Value { return p.after }
	out := []RuleScore{}
	for i := range then.Rules {
		r := &then.Rules[i]
		if r.Class == policy.ClassDoubt {
			continue
		}
		one := RuleScore{Rule: r.ID}
		var hit []*past
		one.After, hit = ruleScore(r, all, after, hardships)
		if old := now.Rule(r.ID); old != nil {
			one.Before, _ = ruleScore(old, all, before, hardships)
		}
		if one.Before.Hit+one.After.Hit == 0 {
			continue
		}
		if one.After.Hit >= max(1, o.Least) && one.After.Precision < o.Precision {
			one.Mend = mend(then, r, one.After, hit, all, hardships, o.Precision)
		}
		out = append(out, one)
	}
	for i := range now.Rules {
		r := &now.Rules[i]
		if r.Class == policy.ClassDoubt || then.Rule(r.ID) != nil {
			continue
		}
		if s, _ := ruleScore(r, all, before, hardships); s.Hit > 0 {
			out = append(out, RuleScore{Rule: r.ID, Before: s})
		}
	}
	return out
}

// mend looks for the one threshold whose move lifts the rule's precision to the wanted one, or else highest, at the least loss of right warnings. It tries, for every comparison of the
// rule with a limit of parameters, the values of the judged households that the rule hits.
func mend(p *policy.Pack, r *policy.Rule, is Score, hit, all []*past, hardships int, want float64) *Mend {
	fixed := func(v *expr.Var) bool {
		k := v.Slot - len(p.Indicators)
		return k >= 0 && k < len(p.Parameters)
	}
	var best *Mend
	for _, a := range r.When.Atoms() {
		value, op, limit, ok := a.Limit(fixed)
		if !ok {
			continue
		}
		for _, v := range limit.Vars() {
			m := tryParameter(p, r, hit, value, op, limit, v.Slot, want)
			if m != nil && (best == nil || better(m.Rule, best.Rule, want)) {
				best = m
			}
		}
	}
	if best == nil || best.Rule.Precision <= is.Precision {
		return nil
	}
	slot := p.ParamSlot(slices.IndexFunc(p.Parameters, func(x policy.Parameter) bool { return x.ID == best.Parameter }))
	best.Rule = best.Rule.of(hardships)
	best.Pack = packScore(p, all, func(one *past) []expr.Value { return with(p, one.after, slot, best.To) }, hardships)
	return best
}

// better reports whether score a is to be preferred: one that reaches the wanted precision before one that does not; of those that do the one that keeps more right
// warnings, of those that don't the more precise one.
func better(a, b Score, want float64) bool {
	switch x, y := a.Precision >= want, b.Precision >= want; {
	case x != y:
		return x
	case x:
		return cmp.Or(cmp.Compare(a.Right, b.Right), cmp.Compare(a.Precision, b.Precision)) > 0
	}
	return cmp.Or(cmp.Compare(a.Precision, b.Precision), cmp.Compare(a.Right, b.Right)) > 0
}

// mostSteps bounds how many thresholds are tried for one comparison.
const mostSteps = 200

// tryParameter moves one parameter of a comparison's limit so that the comparison becomes stricter step by step.
func tryParameter(p *policy.Pack, r *policy.Rule, hit []*past, value *expr.Checked, op expr.Op, limit *expr.Checked, slot int, want float64) *Mend {
	// The parameter must have one value everywhere, and the limit grow in proportion to it or be it.
	now := hit[0].after[slot]
	for _, one := range hit {
		if one.after[slot] != now {
			return nil
		}
	}
	at := limit.Eval(hit[0].after)
	twice := limit.Eval(with(p, hit[0].after, slot, 2*now.Num))
	if !now.Known || now.Num <= 0 || !at.Known || at.Num <= 0 || math.Abs(twice.Num-2*at.Num) > 1e-9*math.Abs(at.Num) {
		return nil
	}
	var values []float64
	for _, one := range hit {
		if v := value.Eval(one.after); v.Known {
			values = append(values, v.Num)
		}
	}
	up := op == expr.OpMore || op == expr.OpMoreEq
	slices.Sort(values)
	values = slices.Compact(values)
	if !up {
		slices.Reverse(values)
	}
	id := p.Parameters[slot-len(p.Indicators)].ID
	step := max(1, len(values)/mostSteps)
	var best *Mend
	for i := 0; i < len(values); i += step {
		to := tidy(now.Num*values[i]/at.Num, up)
		if up && to <= now.Num || !up && to >= now.Num {
			continue // not stricter
		}
		m := &Mend{Parameter: id, Now: now.Num, To: to}
		for _, one := range hit {
			if hits(r, with(p, one.after, slot, to)) {
				m.Rule.Hit++
				if one.Right() {
					m.Rule.Right++
				}
			}
		}
		if m.Rule.Hit == 0 {
			continue
		}
		m.Rule.Precision = ratio(int64(m.Rule.Right), int64(m.Rule.Hit))
		if best == nil || better(m.Rule, best.Rule, want) {
			best = m
		}
	}
	return best
}

// with is the row with another value of a parameter, and of the derived indicators that read it.
func with(p *policy.Pack, row []expr.Value, slot int, value float64) []expr.Value {
	out := slices.Clone(row)
	out[slot] = expr.Value{Num: value, Known: true}
	if slices.ContainsFunc(p.Indicators, func(x policy.Indicator) bool {
		return x.Derive != nil && slices.ContainsFunc(x.Derive.Vars(), func(v *expr.Var) bool { return v.Slot == slot })
	}) {
		p.Derive(out)
	}
	return out
}

// tidy rounds a threshold to three digits, to the stricter side.
func tidy(v float64, up bool) float64 {
	if v == 0 {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(math.Abs(v)))-2)
	round := math.Floor
	if up {
		round = math.Ceil
	}
	return math.Round(round(v/unit)*unit*1e6) / 1e6
}

// TestReport is what a test of an amendment found, as the ledger keeps it.
type TestReport struct {
	Digest   string    `json:"digest"`
	At       time.Time `json:"at"`
	Examples int       `json:"examples"`
	Failures []Failure `json:"failures"`
	Backtest *Backtest `json:"backtest,omitempty"` // nil: nothing was screened or verified yet
	Seconds  float64   `json:"seconds"`
}

// Failure is an example that came out otherwise.
type Failure struct {
	File     string      `json:"file"`
	Line     int         `json:"line"`
	Rule     string      `json:"rule"`
	Example  string      `json:"example"`
	Expected string      `json:"expected"`
	Got      string      `json:"got"`
	Why      string      `json:"why"`   // the comparisons that force it
	Error    policy.Text `json:"error"` // it could not be run
}

// Failures are the examples of a pack that come out otherwise.
func Failures(p *policy.Pack) []Failure {
	out := []Failure{}
	for _, f := range p.Test() {
		one := Failure{File: f.File, Line: f.Line, Rule: f.Rule, Example: f.Example, Expected: f.Expected.String(), Got: f.Got.String(), Why: f.Why}
		if f.Err != nil {
			one.Got, one.Error = "", policy.Text{ZH: errs.Text(f.Err, "zh"), EN: errs.Text(f.Err, "en")}
		}
		out = append(out, one)
	}
	return out
}
