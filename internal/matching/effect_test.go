package matching

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"shouwang/internal/expr"
	"shouwang/internal/screening"
)

var compareOptions = CompareOptions{Neighbours: 3, Caliper: 1, MinTreated: 20, MinControls: 20, Confidence: 0.95}

// population draws households whose change depends on their baseline, and whose chance to get a measure does, too: poorer ones get it more often
// and recover less by themselves, so that a plain difference of means is wrong. The measure adds effect, more for some than for others.
func population(r *rand.Rand, n int, effect float64) []Unit {
	units := make([]Unit, n)
	for i := range units {
		income, burden := r.NormFloat64(), r.NormFloat64()
		burden = 0.5*income + 0.8*burden
		size := r.IntN(3)
		chance := 1 / (1 + math.Exp(1.5+0.8*income-0.5*burden))
		u := Unit{ID: int64(i), Treated: r.Float64() < chance, Exact: fmt.Sprint(size), X: []float64{8500 + 3000*income, 40 + 15*burden}}
		u.Change = 600*income - 200*burden + 150*float64(size) + 300*r.NormFloat64()
		if u.Treated {
			u.Change += effect * (1 + 0.3*r.NormFloat64())
		}
		units[i] = u
	}
	return units
}

// TestCoverage: over many populations with a known effect, and with none, the 95 % interval holds the truth about 95 times in a hundred, the
// estimate is right on average, and the plain difference of means is not. 400 draws tell 95 % from 90 % by more than four standard deviations.
func TestCoverage(t *testing.T) {
	const draws = 400
	for _, effect := range []float64{0, 800} {
		r := rand.New(rand.NewPCG(7, uint64(effect)))
		held, mean, plain, told := 0, 0.0, 0.0, 0
		for range draws {
			units := population(r, 500, effect)
			c := Compare(units, compareOptions)
			if !c.Enough {
				t.Fatalf("too few: %+v", c)
			}
			if c.Low <= effect && effect <= c.High {
				held++
			}
			if c.Low > 0 || c.High < 0 {
				told++
			}
			mean += c.Effect / draws
			a, b, n, k := 0.0, 0.0, 0.0, 0.0
			for _, u := range units {
				if u.Treated {
					a, n = a+u.Change, n+1
				} else {
					b, k = b+u.Change, k+1
				}
			}
			plain += (a/n - b/k) / draws
		}
		share := float64(held) / draws
		t.Logf("effect %v: covered %.3f, mean %.1f, plain difference %.1f, interval without 0 %.3f", effect, share, mean, plain, float64(told)/draws)
		if share < 0.92 || share > 0.99 {
			t.Errorf("effect %v: the interval holds the truth in %.3f of the draws", effect, share)
		}
		if math.Abs(mean-effect) > 25 {
			t.Errorf("effect %v: %.1f on average", effect, mean)
		}
		if math.Abs(plain-effect) < 150 {
			t.Errorf("the draws are too easy: the plain difference is %.1f", plain)
		}
		if effect == 0 && float64(told)/draws > 0.08 {
			t.Errorf("an effect is told in %.3f of the draws without any", float64(told)/draws)
		}
		if effect > 0 && float64(told)/draws < 0.95 {
			t.Errorf("a large effect is told in %.3f of the draws only", float64(told)/draws)
		}
	}
}

// TestExactByHand: two strata with identical baselines; the changes are averaged by hand. Treated 10 and 14 against controls 4 and 6 (mean 5), and 20
// against 8: gaps 5, 9 and 12, mean 26/3.
func TestExactByHand(t *testing.T) {
	units := []Unit{
		{ID: 1, Treated: true, Exact: "a", X: []float64{1}, Change: 10}, {ID: 2, Treated: true, Exact: "a", X: []float64{1}, Change: 14}, {ID: 3, Treated: true, Exact: "b", X: []float64{1}, Change: 20},
		{ID: 4, Exact: "a", X: []float64{1}, Change: 4}, {ID: 5, Exact: "a", X: []float64{1}, Change: 6}, {ID: 6, Exact: "b", X: []float64{1}, Change: 8}, {ID: 7, Exact: "c", X: []float64{1}, Change: 1000},
	}
	c := Compare(units, CompareOptions{Neighbours: 3, MinTreated: 2, MinControls: 2, Confidence: 0.95})
	if math.Abs(c.Effect-26.0/3) > 1e-9 || c.Matched != 3 || c.Controls != 3 || c.Pool != 4 {
		t.Fatalf("%+v", c)
	}
	// Variance by hand: gaps about 26/3: (11/3)² + (1/3)² + (10/3)² = 222/9; controls 4 and 5 have weight 1 and K' ½ each, noise ½·2² = 2: 2·½·2 = 2;
	// control 6 has weight 1 and K' 1: nothing. So SE = √(222/9 + 2) / 3.
	if want := math.Sqrt(222.0/9+2) / 3; math.Abs(c.Error-want) > 1e-9 {
		t.Errorf("standard error %v, want %v", c.Error, want)
	}
}

func TestTooFew(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	units := population(r, 60, 500)
	c := Compare(units, CompareOptions{Neighbours: 3, MinTreated: 40, MinControls: 20, Confidence: 0.95})
	if c.Enough || c.Effect != 0 || c.Low != 0 || c.High != 0 || c.Treated == 0 {
		t.Errorf("%+v", c)
	}
	if c := Compare(nil, compareOptions); c.Enough || c.Treated != 0 {
		t.Errorf("%+v", c)
	}
	far := []Unit{{ID: 1, Treated: true, X: []float64{0}}, {ID: 2, X: []float64{100}}, {ID: 3, X: []float64{101}}}
	if c := Compare(far, CompareOptions{Neighbours: 1, Caliper: 0.5, Confidence: 0.95}); c.Matched != 0 {
		t.Errorf("beyond the caliper: %+v", c)
	}
}

func TestCompareOrder(t *testing.T) {
	units := population(rand.New(rand.NewPCG(3, 3)), 400, 100)
	a := Compare(units, compareOptions)
	slices.Reverse(units)
	if b := Compare(units, compareOptions); !reflect.DeepEqual(a, b) {
		t.Errorf("%+v\n%+v", a, b)
	}
	for k := range a.After {
		if math.Abs(a.After[k]) > 0.25 || math.Abs(a.After[k]) > math.Abs(a.Before[k]) {
			t.Errorf("balance %v after %v", a.Before, a.After)
		}
	}
}

// TestBlockEffect: who had the block before the first run is left out, who got it after the second is a control, who got it in between is
// treated; the difference that was put in comes out, in yuan, with the words for it.
func TestBlockEffect(t *testing.T) {
	p := guizhou()
	s := NewService(nil, p)
	r := rand.New(rand.NewPCG(5, 5))
	panel := screening.Panel{From: 1, FromDay: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), To: 2, ToDay: time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)}
	homes, when := map[int64]*followed{}, map[int64]time.Time{}
	for id := range int64(600) {
		income := 8000 + 2000*r.NormFloat64()
		h := &followed{exact: "yellow|0|2|1", near: []float64{income, income, 40, 1}, usable: true, ended: true}
		change := 500 + 100*r.NormFloat64()
		switch id % 6 {
		case 0:
			when[id] = panel.FromDay.AddDate(0, 2, 0)
			change += 1500
		case 1:
			when[id] = panel.FromDay.AddDate(-1, 0, 0)
			change += 99999
		case 2:
			when[id] = panel.ToDay.AddDate(0, 1, 0)
		}
		for range p.Measures.Comparison.Outcomes {
			h.before, h.after = append(h.before, expr.NumberValue(income)), append(h.after, expr.NumberValue(income+change))
		}
		if id == 599 {
			h.after[0] = expr.Value{}
		}
		homes[id] = h
	}
	got := s.blockEffect(p.Block("employment"), homes, when, panel)
	one := got.Outcomes[0]
	if !one.Enough || one.Treated != 100 || one.Matched < 95 || one.Pool != 399 || math.Abs(one.Effect-1500) > 60 || one.Low > one.Effect || one.High < one.Effect {
		t.Errorf("%+v", one)
	}
	if one.Words.ZH == "" || one.Words.EN == "" || one.Indicator != "reference_income_per_head" {
		t.Errorf("%+v", one.Words)
	}
	few := s.blockEffect(p.Block("water"), homes, map[int64]time.Time{6: panel.FromDay.AddDate(0, 1, 0)}, panel)
	if few.Outcomes[0].Enough || !strings.Contains(few.Outcomes[0].Words.ZH, "太少") {
		t.Errorf("%+v", few.Outcomes[0])
	}
}
