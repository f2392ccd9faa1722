package synth

import (
	"math"
	"slices"

	"shouwang/internal/division"
	"shouwang/internal/errs"
)

// prefecture holds what varies from prefecture to prefecture.
type prefecture struct {
	population int       // census 2020, 贵州省第七次全国人口普查公报（第二号）, 2021-05-25
	exited     float64   // share of rural households that were registered poor [assumption]
	wealth     float64   // rural income relative to the province [assumption]
	shares     []float64 // of ethnicCodes, in percent [assumption: no count of 2020 by prefecture is at hand; they add up to the province's 36.4 %]
}

// ethnicCodes (GB/T 3304): 汉 苗 布依 侗 土家 彝 仡佬 水 白 回 瑶 壮 未识别.
var ethnicCodes = []string{"01", "06", "09", "12", "15", "07", "37", "25", "14", "03", "13", "08", "97"}

func prefectures() map[int]*prefecture {
	return map[int]*prefecture{
		5201: {5987018, 0.08, 1.30, []float64{76, 7, 6, 2, 2, 1.5, 1, 0.7, 0.6, 0.5, 0.1, 0.2, 1}},
		5202: {3031602, 0.25, 0.97, []float64{71, 8, 5, 0.3, 0.3, 9.5, 1, 0.5, 1.5, 0.7, 0.1, 0.1, 2}},
		5203: {6606675, 0.15, 1.12, []float64{88, 4, 0.3, 0.5, 2, 0.4, 4, 0.1, 0.1, 0.1, 0, 0, 0.5}},
		5204: {2470630, 0.24, 0.98, []float64{62, 13, 17, 0.5, 0.5, 0.6, 2.6, 0.3, 0.4, 1.1, 0, 0, 2}},
		5205: {6899636, 0.29, 0.94, []float64{72, 8, 1, 0.2, 0.2, 10.5, 1, 0.1, 1.5, 1.5, 0, 0, 4}},
		5206: {3298468, 0.27, 0.94, []float64{31, 15, 0.1, 11, 38, 0.1, 4, 0, 0.1, 0.1, 0, 0, 0.6}},
		5223: {3015112, 0.27, 0.95, []float64{60, 7, 29, 0.2, 0.2, 1.6, 0.3, 0.1, 0.2, 0.8, 0.2, 0.1, 0.3}},
		5226: {3758622, 0.31, 0.95, []float64{20, 43, 1, 30, 0.3, 0.1, 0.4, 1.2, 0, 0, 0.8, 1, 2.2}},
		5227: {3494385, 0.25, 0.98, []float64{43, 14, 31, 0.4, 0.2, 0.2, 0.2, 8, 0.2, 0.1, 0.6, 0.6, 1.5}},
	}
}

func (p *prefecture) ethnicDraw(r *rng) string { return ethnicCodes[r.pick(p.shares)] }

// county is one county's share of the run; the counters are its own, so that workers share nothing.
type county struct {
	code       int
	name       string
	seed       uint64
	pref       *prefecture
	villages   []village
	households int
	stride     int // ages go by residue of this when the county has more households than number slots
	exited     float64
	missing    []string // datasets that never come
	links      []string // files with the link truth

	files     int
	rows      int64
	bytes     int64
	persons   int64
	byDataset map[string]int64
	dirt      [numDirt]int64
	risks     map[string]int64
	struck    []byte
	gaps      []byte
}

// village is one village unit with what its households have in common.
type village struct {
	code       division.Code
	text       [12]byte
	county     *county
	pref       *prefecture
	households int
	base       int // index of its first household in the county
	seed       uint64

	ethnic    string
	wealth    float64
	piped     float64
	dry       int
	relocated float64

	disaster    string
	disasterDay day
	outage      bool
	outageDay   day
}

// communityWeight is how many rural households a community (居委会) has against a village [assumption].
const communityWeight = 0.35

// maxPerVillage keeps serial numbers within five digits, with room above for households that split off.
const maxPerVillage = 49_999

// maxStride bounds how far ages may be bent to residues: at most 3 × slots households in one county.
const maxStride = 3

// lay spreads the households over the villages: a prefecture by its census population, within it by village units.
// Rounding is cumulative, so that the total is exact.
func (g *generator) lay() ([]*county, error) {
	prefs := prefectures()
	tree, scope := g.opt.Tree, g.opt.Division
	all := tree.Villages(scope)
	if len(all) == 0 {
		return nil, errs.Newf(errs.Invalid, "区划 %[1]v 下没有村级单位", "no village lies under division %[1]v", scope)
	}
	weight := func(d division.Division) float64 {
		if d.Kind == "community" {
			return communityWeight
		}
		return 1
	}
	// The prefecture's own villages, also those outside the scope, share its population.
	units := map[division.Code]float64{}
	per := func(p division.Code) float64 {
		sum, ok := units[p]
		if !ok {
			for _, v := range tree.Villages(p) {
				sum += weight(v)
			}
			units[p] = sum
		}
		return sum
	}
	total := 0.0
	weights := make([]float64, len(all))
	for i, v := range all {
		p := v.Code.Prefecture()
		pref := prefs[int(p/1e8)]
		if pref == nil {
			return nil, errs.Newf(errs.Invalid, "区划 %[1]v 不在贵州省", "division %[1]v is not in Guizhou", v.Code)
		}
		weights[i] = weight(v) * float64(pref.population) / per(p)
		total += weights[i]
	}
	var counties []*county
	var c *county
	sum, before := 0.0, 0
	for i, v := range all {
		code := int(v.Code.County())
		if c == nil || c.code != code {
			pref := prefs[code/100]
			seed := derive(g.opt.Seed, uint64(code))
			r := rng{derive(seed, 1)}
			c = &county{code: code, name: tree.Name(division.OfCounty(int32(code))), seed: seed, pref: pref,
				exited: clamp(pref.exited*r.within(0.75, 1.25), 0.02, 0.5), byDataset: map[string]int64{}, risks: map[string]int64{}}
			counties = append(counties, c)
		}
		sum += weights[i]
		upto := int(math.Round(sum / total * float64(g.opt.Households)))
		n := upto - before
		before = upto
		if n == 0 {
			continue
		}
		if n > maxPerVillage {
			return nil, errs.Newf(errs.Invalid, "%[1]v 的户数 %[2]d 超过每村上限 %[3]d，请减少总户数或扩大区划", "%[1]v would get %[2]d households, more than %[3]d: ask for fewer households or a larger division", v.Code, n, maxPerVillage)
		}
		c.villages = append(c.villages, g.village(c, v.Code, n))
		c.households += n
	}
	out := counties[:0]
	for _, c := range counties {
		if c.households == 0 {
			continue
		}
		c.stride = (c.households + slots - 1) / slots
		if c.stride > maxStride {
			return nil, errs.Newf(errs.Invalid, "%[1]v 的户数 %[2]d 过多，证件号码不够用，请减少总户数", "%[1]v would get %[2]d households, more than there are resident numbers for: ask for fewer", c.name, c.households)
		}
		for i := range c.villages {
			c.villages[i].county = c
		}
		g.atLeastOnce(c)
		out = append(out, c)
	}
	g.dropFeeds(out)
	return out, nil
}

func (g *generator) village(c *county, code division.Code, n int) village {
	v := village{code: code, pref: c.pref, households: n, base: c.households, seed: derive(g.opt.Seed, uint64(code))}
	copy(v.text[:], appendPadded(nil, int(code), 12))
	r := rng{derive(v.seed, 2)}
	v.ethnic = c.pref.ethnicDraw(&r)
	v.wealth = c.pref.wealth * clamp(1+0.1*r.normal(), 0.75, 1.3)
	v.piped = clamp(0.94+0.06*r.normal(), 0.4, 1)
	v.dry = r.below(20)
	v.relocated = 0.035
	if r.chance(0.03) {
		v.relocated = 0.6
	}
	if r.chance(rateVillageDisaster) {
		g.hitByDisaster(&r, &v)
	}
	if r.chance(rateVillageOutage) {
		g.hitByOutage(&r, &v)
	}
	return v
}

func (g *generator) hitByDisaster(r *rng, v *village) {
	v.disaster = []string{"0201", "0202", "0203", "0204", "0205", "0207", "0299"}[r.pick([]float64{38, 14, 14, 5, 22, 5, 2})]
	v.disasterDay = g.randomDay(r)
}

func (g *generator) hitByOutage(r *rng, v *village) {
	v.outage = true
	v.outageDay = g.last - day(r.between(20, 85))
}

// atLeastOnce gives a county that drew none one village with a disaster and one with a water outage, so that even a
// run of one county has every kind of shock.
func (g *generator) atLeastOnce(c *county) {
	r := rng{derive(c.seed, 5)}
	if !slices.ContainsFunc(c.villages, func(v village) bool { return v.disaster != "" }) {
		g.hitByDisaster(&r, &c.villages[r.below(len(c.villages))])
	}
	if !slices.ContainsFunc(c.villages, func(v village) bool { return v.outage }) {
		g.hitByOutage(&r, &c.villages[r.below(len(c.villages))])
	}
}

// Missing feeds: about one county in twenty lacks one or two datasets; every run lacks at least one small feed
// somewhere, so that unknowns appear.
const shareMissing = 0.05

func (g *generator) dropFeeds(counties []*county) {
	dropped := false
	for _, c := range counties {
		r := rng{derive(c.seed, 3)}
		if len(counties) == 1 || !r.chance(shareMissing) {
			continue
		}
		for range r.between(1, 2) {
			e := g.emitters[2+r.below(len(g.emitters)-2)].dataset // never the roster nor the changes
			if !c.lacks(e) {
				c.missing = append(c.missing, e)
			}
		}
		dropped = true
	}
	if !dropped {
		c := counties[0]
		r := rng{derive(c.seed, 4)}
		c.missing = append(c.missing, []string{"electricity", "petition", "assets"}[r.below(3)])
	}
}

func (c *county) lacks(dataset string) bool {
	return slices.Contains(c.missing, dataset)
}
