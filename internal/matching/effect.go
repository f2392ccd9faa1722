package matching

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Unit is one household in a comparison: whether it got the measure, what it is compared exactly on, its baseline, and
// how an outcome has changed.
type Unit struct {
	ID      int64
	Treated bool
	Exact   string    // level, type, size class, labour: only units that agree are compared
	X       []float64 // baseline indicators
	Change  float64   // after − before
}

// CompareOptions are the policy of a comparison.
type CompareOptions struct {
	Neighbours  int     // controls a treated unit, with replacement
	Caliper     float64 // largest Mahalanobis distance divided by √(number of indicators); 0 = no limit
	MinTreated  int     // fewer matched treated units: too few to say
	MinControls int     // fewer different controls: too few to say
	Confidence  float64 // 0.95
}

// Comparison is the change of those who got a measure against similar ones who did not.
//
// The difference is the mean over the treated of (own change − mean change of the nearest controls), the controls' changes corrected for what
// remains of the difference in baseline by a linear regression over the matched controls (Abadie and Imbens 2011, J. Business and Economic Statistics
// 29). Low and High are the ends of its interval by the analytic variance of matching with replacement for the population's treated (Abadie and
// Imbens 2006, Econometrica 74; Abadie et al. 2004, Stata Journal 4) and Student's t; no bootstrap, which does not hold for nearest-neighbour
// matching (Abadie and Imbens 2008, Econometrica 76). Households that chose or were chosen for a measure may differ in what no indicator shows: the
// difference is not proof that the measure caused it.
type Comparison struct {
	Treated  int     `json:"treated"`  // that got the measure
	Matched  int     `json:"matched"`  // of those, with a similar household to compare
	Pool     int     `json:"pool"`     // households without the measure
	Controls int     `json:"controls"` // different ones that were compared with
	Enough   bool    `json:"enough"`   // false: too few to say; the figures are zero
	Own      float64 `json:"own"`      // mean change of the matched treated
	Others   float64 `json:"others"`   // mean change of their controls, corrected
	Effect   float64 `json:"difference"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
	Error    float64 `json:"standard_error"`
	// Balance is, by baseline indicator, the difference of means in standard deviations of the treated, before and after matching; beyond 0.25 after
	// matching the groups are not alike.
	Before []float64 `json:"balance_before"`
	After  []float64 `json:"balance_after"`
}

// pairing is one treated unit with its nearest controls.
type pairing struct {
	unit     int
	controls []int
}

// Compare compares. The outcome depends on the set of units only, not on their order.
func Compare(units []Unit, o CompareOptions) Comparison {
	units = slices.Clone(units)
	slices.SortFunc(units, func(a, b Unit) int { return cmp.Compare(a.ID, b.ID) })
	c := Comparison{}
	var treated, pool []int
	for i := range units {
		if units[i].Treated {
			treated = append(treated, i)
		} else {
			pool = append(pool, i)
		}
	}
	c.Treated, c.Pool = len(treated), len(pool)
	if len(treated) == 0 || len(pool) == 0 {
		return c
	}
	metric := newMetric(units)
	strata := map[string][]int{}
	for _, i := range pool {
		strata[units[i].Exact] = append(strata[units[i].Exact], i)
	}
	var pairs []pairing
	weight := make([]float64, len(units))  // K: of a control over all pairs
	squares := make([]float64, len(units)) // K'
	for _, i := range treated {
		near := metric.nearest(units, i, strata[units[i].Exact], o.Neighbours, o.Caliper)
		if len(near) == 0 {
			continue
		}
		pairs = append(pairs, pairing{i, near})
		w := 1 / float64(len(near))
		for _, j := range near {
			weight[j] += w
			squares[j] += w * w
		}
	}
	c.Matched = len(pairs)
	for _, j := range pool {
		if weight[j] > 0 {
			c.Controls++
		}
	}
	if c.Matched < max(o.MinTreated, 2) || c.Controls < max(o.MinControls, 2) {
		return c
	}
	c.Enough = true
	beta := regress(units, pool, weight)
	n := float64(c.Matched)
	gaps := make([]float64, len(pairs))
	for k, p := range pairs {
		mean := 0.0
		for _, j := range p.controls {
			mean += (units[j].Change + dot(beta, units[p.unit].X, units[j].X)) / float64(len(p.controls))
		}
		gaps[k] = units[p.unit].Change - mean
		c.Own += units[p.unit].Change / n
		c.Others += mean / n
	}
	c.Effect = c.Own - c.Others
	v := 0.0
	for _, g := range gaps {
		v += (g - c.Effect) * (g - c.Effect)
	}
	for _, j := range pool {
		if extra := weight[j]*weight[j] - squares[j]; extra > 1e-12 {
			v += extra * metric.noise(units, j, strata[units[j].Exact], beta)
		}
	}
	c.Error = math.Sqrt(v) / n
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(max(min(c.Matched, c.Controls)-1, 1))}.Quantile(1 - (1-o.Confidence)/2)
	c.Low, c.High = c.Effect-t*c.Error, c.Effect+t*c.Error
	c.Before, c.After = balance(units, treated, pool, nil), balance(units, pairUnits(pairs), pool, weight)
	return c
}

func pairUnits(pairs []pairing) []int {
	out := make([]int, len(pairs))
	for k, p := range pairs {
		out[k] = p.unit
	}
	return out
}

// metric is the Mahalanobis distance over all units: differences count in standard deviations, and correlated indicators count once.
type metric struct {
	inverse *mat.SymDense
	d       int
}

func newMetric(units []Unit) *metric {
	d := len(units[0].X)
	m := &metric{d: d, inverse: mat.NewSymDense(max(d, 1), nil)}
	if d == 0 {
		return m
	}
	mean := make([]float64, d)
	for i := range units {
		for k, x := range units[i].X {
			mean[k] += x / float64(len(units))
		}
	}
	cov := mat.NewSymDense(d, nil)
	for i := range units {
		for a := range d {
			for b := a; b < d; b++ {
				cov.SetSym(a, b, cov.At(a, b)+(units[i].X[a]-mean[a])*(units[i].X[b]-mean[b])/float64(len(units)))
			}
		}
	}
	// In standard deviations, with a little added to each variance: indicators that go nearly together stay solvable, and one without
	// variation tells nobody apart.
	scale := make([]float64, d)
	for k := range d {
		if scale[k] = math.Sqrt(cov.At(k, k)); scale[k] == 0 {
			scale[k] = 1
		}
	}
	corr := mat.NewSymDense(d, nil)
	for a := range d {
		for b := a; b < d; b++ {
			corr.SetSym(a, b, cov.At(a, b)/(scale[a]*scale[b]))
		}
		corr.SetSym(a, a, 1+1e-3)
	}
	inverse := mat.NewSymDense(d, nil)
	var chol mat.Cholesky
	if !chol.Factorize(corr) || chol.InverseTo(inverse) != nil {
		inverse = mat.NewSymDense(d, nil)
		for k := range d {
			inverse.SetSym(k, k, 1) // as if they were independent
		}
	}
	for a := range d {
		for b := a; b < d; b++ {
			m.inverse.SetSym(a, b, inverse.At(a, b)/(scale[a]*scale[b]))
		}
	}
	return m
}

func (m *metric) distance(a, b []float64) float64 {
	s := 0.0
	for i := range m.d {
		for j := range m.d {
			s += (a[i] - b[i]) * m.inverse.At(i, j) * (a[j] - b[j])
		}
	}
	return math.Sqrt(max(s, 0))
}

// nearest are the n nearest of a list, within the caliper; equals in the order of the list.
func (m *metric) nearest(units []Unit, i int, list []int, n int, caliper float64) []int {
	type near struct {
		j int
		d float64
	}
	var all []near
	for _, j := range list {
		if j == i {
			continue
		}
		d := m.distance(units[i].X, units[j].X)
		if caliper > 0 && d > caliper*math.Sqrt(float64(max(m.d, 1))) {
			continue
		}
		all = append(all, near{j, d})
	}
	slices.SortStableFunc(all, func(a, b near) int { return cmp.Compare(a.d, b.d) })
	var out []int
	for _, x := range all[:min(n, len(all))] {
		out = append(out, x.j)
	}
	return out
}

// noise estimates the variance of a control's change given its baseline from its two nearest controls.
func (m *metric) noise(units []Unit, j int, list []int, beta []float64) float64 {
	near := m.nearest(units, j, list, 2, 0)
	if len(near) == 0 {
		return 0
	}
	mean := 0.0
	for _, k := range near {
		mean += (units[k].Change + dot(beta, units[j].X, units[k].X)) / float64(len(near))
	}
	n := float64(len(near))
	return n / (n + 1) * (units[j].Change - mean) * (units[j].Change - mean)
}

// dot is β·(a − b).
func dot(beta, a, b []float64) float64 {
	s := 0.0
	for k, x := range beta {
		s += x * (a[k] - b[k])
	}
	return s
}

// regress fits changes to baselines over the matched controls, each with its weight; no correction (nil) where they are too few for it.
func regress(units []Unit, pool []int, weight []float64) []float64 {
	d := len(units[0].X)
	var rows []int
	for _, j := range pool {
		if weight[j] > 0 {
			rows = append(rows, j)
		}
	}
	if d == 0 || len(rows) < 5*(d+1) {
		return nil
	}
	total := 0.0
	mean, scale := make([]float64, d), make([]float64, d)
	for _, j := range rows {
		total += weight[j]
		for k, x := range units[j].X {
			mean[k] += weight[j] * x
		}
	}
	for k := range mean {
		mean[k] /= total
	}
	for _, j := range rows {
		for k, x := range units[j].X {
			scale[k] += weight[j] * (x - mean[k]) * (x - mean[k]) / total
		}
	}
	var used []int
	for k := range scale {
		if scale[k] = math.Sqrt(scale[k]); scale[k] > 0 {
			used = append(used, k)
		}
	}
	a, y := mat.NewDense(len(rows), len(used)+1, nil), mat.NewVecDense(len(rows), nil)
	for r, j := range rows {
		w := math.Sqrt(weight[j])
		a.Set(r, 0, w)
		for c, k := range used {
			a.Set(r, c+1, w*(units[j].X[k]-mean[k])/scale[k])
		}
		y.SetVec(r, w*units[j].Change)
	}
	var x mat.VecDense
	if err := x.SolveVec(a, y); err != nil {
		return nil
	}
	beta := make([]float64, d)
	for c, k := range used {
		beta[k] = x.AtVec(c+1) / scale[k]
		if math.IsNaN(beta[k]) || math.IsInf(beta[k], 0) {
			return nil
		}
	}
	return beta
}

// balance is the difference of means by indicator, in standard deviations of the treated.
func balance(units []Unit, treated, pool []int, weight []float64) []float64 {
	d := len(units[0].X)
	out := make([]float64, d)
	for k := range d {
		mt, vt := 0.0, 0.0
		for _, i := range treated {
			mt += units[i].X[k] / float64(len(treated))
		}
		for _, i := range treated {
			vt += (units[i].X[k] - mt) * (units[i].X[k] - mt) / float64(len(treated))
		}
		mc, total := 0.0, 0.0
		for _, j := range pool {
			w := 1.0
			if weight != nil {
				w = weight[j]
			}
			mc += w * units[j].X[k]
			total += w
		}
		if total > 0 && vt > 1e-12*(mt*mt+1) { // an indicator that is the same for all is balanced
			out[k] = (mt - mc/total) / math.Sqrt(vt)
		}
	}
	return out
}
