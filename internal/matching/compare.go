package matching

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/expr"
	"shouwang/internal/measure"
	"shouwang/internal/policy"
	"shouwang/internal/screening"
)

// Effect is how households with measures have changed between two runs, block by block, against similar ones without.
type Effect struct {
	Division division.Code `json:"division"`
	screening.Panel
	FromDay    string        `json:"from_day"`
	ToDay      string        `json:"to_day"`
	Households int           `json:"households"` // with both ends known
	Blocks     []BlockEffect `json:"blocks"`
	// Method says in both languages how it was compared, and what it does not prove.
	Method policy.Text `json:"method"`
	Exact  []string    `json:"exact"` // compared households agree in these, besides the level
	Near   []string    `json:"near"`  // and are nearest in these
}

// BlockEffect is one block of measures.
type BlockEffect struct {
	Block    string          `json:"block"`
	Name     policy.Text     `json:"name"`
	Outcomes []OutcomeEffect `json:"outcomes"`
}

// OutcomeEffect is one indicator's change.
type OutcomeEffect struct {
	Indicator string      `json:"indicator"`
	Name      policy.Text `json:"name"`
	Unit      string      `json:"unit"`
	Higher    bool        `json:"higher_is_better"`
	Comparison
	Words policy.Text `json:"words"`
}

// EffectAsk says what to compare.
type EffectAsk struct {
	Division division.Code
	Block    string // "" = every block that somebody was given
	From, To int64  // runs; 0 = see screening.PanelAsk
}

// followed is what is kept of one household between the runs.
type followed struct {
	exact         string
	near          []float64
	before, after []expr.Value // of the outcomes
	usable, ended bool
}

// Effect compares. Treated are households whose first delivery of a block lies between the two runs; compared with them are households that had no
// delivery of the block until the second run. What departments gave outside of plans is not seen. It needs account.EffectRead. Errors: errs.NotFound, errs.Conflict
// (no two runs far enough apart; the pack says nothing about comparisons).
func (s *Service) Effect(ctx context.Context, actor account.Actor, plans *measure.Service, ask EffectAsk) (Effect, error) {
	out := Effect{Division: ask.Division, Blocks: []BlockEffect{}, Exact: []string{}, Near: []string{}}
	rule := s.pack.Measures.Comparison
	if rule == nil {
		return out, errs.New(errs.Conflict, "政策包没有说怎样比较成效（comparison）", "the pack does not say how effects are compared (comparison)")
	}
	if err := actor.May(account.EffectRead); err != nil {
		return out, err
	}
	if actor.Division != 0 {
		if ask.Division == 0 {
			ask.Division = actor.Division
		}
		if err := actor.Sees(ask.Division); err != nil {
			return out, err
		}
		out.Division = ask.Division
	}
	// Everything delivered so far; deliveries after the second run are left out below.
	given, err := plans.GivenBlocks(ctx, actor, ask.Division, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		return out, err
	}
	var also []int64
	for _, g := range given {
		also = append(also, g.Household)
	}
	also = slices.Compact(also)
	homes := map[int64]*followed{}
	out.Panel, err = s.screening.Follow(ctx, screening.PanelAsk{Division: ask.Division, From: ask.From, To: ask.To, Months: rule.Months, Also: also}, func(after bool, id int64, _ division.Code, row []expr.Value) error {
		h := homes[id]
		if after {
			if h != nil {
				h.after, h.ended = s.outcomes(row), true
			}
			return nil
		}
		h = &followed{before: s.outcomes(row)}
		h.exact, h.near, h.usable = s.baseline(row)
		homes[id] = h
		return nil
	})
	if err != nil {
		return out, err
	}
	out.FromDay, out.ToDay = out.Panel.FromDay.Format(time.DateOnly), out.Panel.ToDay.Format(time.DateOnly)
	for _, e := range rule.Exact {
		out.Exact = append(out.Exact, e.ID)
	}
	out.Near = append(out.Near, rule.Near...)
	for _, h := range homes {
		if h.usable && h.ended {
			out.Households++
		}
	}
	out.Method = method(rule)
	for i := range s.pack.Measures.Blocks {
		b := &s.pack.Measures.Blocks[i]
		if ask.Block != "" && ask.Block != b.ID {
			continue
		}
		when := map[int64]time.Time{}
		for _, g := range given {
			if g.Block == b.ID {
				when[g.Household] = g.On.Go()
			}
		}
		if len(when) == 0 && ask.Block == "" {
			continue
		}
		out.Blocks = append(out.Blocks, s.blockEffect(b, homes, when, out.Panel))
	}
	return out, nil
}

func (s *Service) outcomes(row []expr.Value) []expr.Value {
	list := s.pack.Measures.Comparison.Outcomes
	out := make([]expr.Value, len(list))
	for k, o := range list {
		out[k] = row[s.indicator(o.Indicator)]
	}
	return out
}

func (s *Service) indicator(id string) int {
	return slices.IndexFunc(s.pack.Indicators, func(x policy.Indicator) bool { return x.ID == id })
}

// baseline is what households must agree and be near in; ok is false where something of it is unknown.
func (s *Service) baseline(row []expr.Value) (exact string, near []float64, ok bool) {
	worst := policy.NoLevel
	for i := range s.matcher.rules {
		r := &s.matcher.rules[i]
		if v := r.eval(row); v.Known && v.Num != 0 {
			worst = max(worst, r.policy.Level)
		}
	}
	parts := []string{worst.String()}
	for _, e := range s.pack.Measures.Comparison.Exact {
		v := e.Of.Eval(row)
		if !v.Known {
			return "", nil, false
		}
		parts = append(parts, fmt.Sprint(v.Num))
	}
	for _, id := range s.pack.Measures.Comparison.Near {
		v := row[s.indicator(id)]
		if !v.Known {
			return "", nil, false
		}
		near = append(near, v.Num)
	}
	return strings.Join(parts, "|"), near, true
}

func (s *Service) blockEffect(b *policy.Block, homes map[int64]*followed, when map[int64]time.Time, panel screening.Panel) BlockEffect {
	rule := s.pack.Measures.Comparison
	out := BlockEffect{Block: b.ID, Name: b.Name, Outcomes: []OutcomeEffect{}}
	for k, o := range rule.Outcomes {
		var units []Unit
		for id, h := range homes {
			if !h.usable || !h.ended || !h.before[k].Known || !h.after[k].Known {
				continue
			}
			on, got := when[id]
			switch {
			case got && !on.After(panel.FromDay):
				continue // had it before: neither newly helped nor without
			case got && on.After(panel.ToDay.AddDate(0, 0, 1)):
				got = false // got it afterwards
			}
			units = append(units, Unit{ID: id, Treated: got, Exact: h.exact, X: h.near, Change: h.after[k].Num - h.before[k].Num})
		}
		ind := &s.pack.Indicators[s.indicator(o.Indicator)]
		one := OutcomeEffect{Indicator: o.Indicator, Name: ind.Name, Unit: ind.Unit, Higher: o.Higher,
			Comparison: Compare(units, CompareOptions{Neighbours: rule.Neighbours, Caliper: rule.Caliper, MinTreated: rule.MinTreated, MinControls: rule.MinControls, Confidence: rule.Confidence})}
		if one.Before == nil {
			one.Before, one.After = []float64{}, []float64{}
		}
		one.Words = effectWords(&one, rule)
		out.Outcomes = append(out.Outcomes, one)
	}
	return out
}

func effectWords(o *OutcomeEffect, rule *policy.Comparison) policy.Text {
	c := &o.Comparison
	if !c.Enough {
		return policy.Text{ZH: fmt.Sprintf("户数太少，说不出：%d 户享受，其中 %d 户有相近的户可比（至少 %d 户）", c.Treated, c.Matched, rule.MinTreated),
			EN: fmt.Sprintf("too few to say: %d households with it, %d of them with similar ones to compare (at least %d needed)", c.Treated, c.Matched, rule.MinTreated)}
	}
	unitEN := expr.EnglishUnit(o.Unit, c.Effect)
	sign := "比相近的户多"
	if c.Effect < 0 {
		sign = "比相近的户少"
	}
	zh := fmt.Sprintf("%d 户平均变化 %s，相近的户 %s，%s %s %s（%.0f%% 区间 %s 至 %s）", c.Matched, number(c.Own, "zh"), number(c.Others, "zh"), sign, strings.TrimPrefix(number(c.Effect, "zh"), "-"), o.Unit, 100*rule.Confidence, number(c.Low, "zh"), number(c.High, "zh"))
	en := fmt.Sprintf("%d households changed by %s on average, similar ones by %s: a difference of %s %s (%.0f%% interval %s to %s)", c.Matched, number(c.Own, "en"), number(c.Others, "en"), number(c.Effect, "en"), unitEN, 100*rule.Confidence, number(c.Low, "en"), number(c.High, "en"))
	if c.Low <= 0 && c.High >= 0 {
		zh, en = zh+"；区间含零，看不出差别", en+"; the interval holds zero: no difference can be told"
	}
	if slices.ContainsFunc(c.After, func(x float64) bool { return x > 0.25 || x < -0.25 }) {
		zh, en = zh+"；两组起点仍不相近，谨慎解读", en+"; the groups still differ at the start: read with care"
	}
	return policy.Text{ZH: zh, EN: en}
}

func method(rule *policy.Comparison) policy.Text {
	return policy.Text{
		ZH: fmt.Sprintf("每户与级别、户类型等完全相同、起点指标最近的 %d 户未享受的户比较前后变化（马氏距离，偏差校正，解析方差；Abadie 与 Imbens 2006、2011）。差别不等于因果：享受与否可能与看不见的情况有关。", rule.Neighbours),
		EN: fmt.Sprintf("Each household's change is compared with that of the %d nearest without the measure which agree in level, type and the like (Mahalanobis distance, bias-corrected, analytic variance: Abadie and Imbens 2006, 2011). A difference is not proof of a cause: who gets a measure may depend on what no indicator shows.", rule.Neighbours),
	}
}

// Snapshots takes the indicators of cases whose begin, quarter or clearing is due, as the last run left them, and says how many it took. A household that
// was never screened is tried again another time.
func (s *Service) Snapshots(ctx context.Context, actor account.Actor, now time.Time, plans *measure.Service) (int, error) {
	due, err := plans.DueSnapshots(ctx, actor, now, 5000)
	if err != nil {
		return 0, err
	}
	var list []measure.Snapshot
	for _, d := range due {
		h, err := s.Household(ctx, d.HouseholdNo)
		switch kind := errs.KindOf(err); {
		case kind == errs.NotFound || kind == errs.Conflict:
			continue // never screened, or not with this pack yet
		case err != nil:
			return 0, err
		case h.Day.Format(time.DateOnly) <= d.Last && d.Kind == measure.SnapshotQuarter:
			continue // nothing has been screened since
		}
		x := measure.Snapshot{CaseID: d.CaseID, Kind: d.Kind, Day: h.Day.Format(time.DateOnly), Division: d.Division, Values: map[string]float64{}}
		for i := range s.pack.Indicators {
			if h.Row[i].Known {
				x.Values[s.pack.Indicators[i].ID] = h.Row[i].Num
			}
		}
		list = append(list, x)
	}
	return len(list), plans.KeepSnapshots(ctx, actor, now, list)
}
