package synth

import "math"

// shock is one hardship of a household in the twelve months: the truth that warnings are measured against.
type shock struct {
	risk     string // Risk.ID of the pack
	kind     string // what happened; see docs/synthetic-data.md
	day      day
	severity int // 1 slight, 2 marked, 3 grave
}

// shockKind is one way in which a household is struck.
type shockKind struct {
	kind, risk string
	rate       float64                                                 // share of all households struck in twelve months
	strike     func(g *generator, r *rng, h *household, s *shock) bool // false: does not fit this household
}

// shockKinds strike about 2.5 % of households a year; village disasters and water outages come on top. A rate is of
// the households drawn; where the shock does not fit (no student, no labourer) nothing happens, so the rates of
// schooling and dropout are higher than their outcome. The mix follows domain 16 (illness first, then disability, labour, wage work, schooling) [assumption I].
func shockKinds() []shockKind {
	return []shockKind{
		{"serious_illness", "illness", 0.0098, strikeIllness},
		{"new_disability", "disability", 0.0026, strikeDisability},
		{"labourer_died", "labour", 0.0050, strikeDeath},
		{"job_loss", "employment", 0.0022, strikeJob},
		{"wage_arrears", "employment", 0.0010, strikeArrears},
		{"school_cost", "schooling", 0.0070, strikeSchoolCost},
		{"dropout", "education_guarantee", 0.0016, strikeDropout},
		{"accident", "accident", 0.0016, strikeAccident},
		{"failed_project", "business", 0.0011, strikeProject},
		{"unsafe_house", "housing", 0.0008, strikeHouse},
		{"income_fall", "income", 0.0014, strikeIncome},
	}
}

// shareUnseen of illnesses, job losses and arrears are missing from the feed that should show them first: treated
// elsewhere, not registered. What remains are weaker traces, so that no rule set can find everything [assumption].
const shareUnseen = 0.05

// Village events [assumption]: how often a village is hit in a year, and the share of its households struck then.
const (
	rateVillageDisaster = 0.016
	shareDisaster       = 0.11
	rateVillageOutage   = 0.006
	shareOutage         = 0.20
	rateRelapse         = 0.045 // of households cleared before
)

func (h *household) struck(risk, kind string, d day, severity int) *shock {
	if h.nShocks == len(h.shocks) {
		return nil
	}
	s := &h.shocks[h.nShocks]
	h.nShocks++
	*s = shock{risk: risk, kind: kind, severity: severity, day: d}
	return s
}

// fate applies what happens in the twelve months: the course of life, village events, shocks, near-misses.
func (g *generator) fate(r *rng, h *household) {
	g.life(r, h)
	g.monitoring(r, h)
	g.illnessBills(r, h)
	v := h.village
	if v.disaster != "" && r.chance(shareDisaster*2) {
		g.villageDisaster(r, h, r.chance(0.5))
	}
	if v.outage && r.chance(shareOutage) {
		s := h.struck("water", "water_outage", v.outageDay, r.between(2, 3))
		h.outageDays = r.between(16, 60)
		h.shortDays = max(h.shortDays, h.outageDays+r.between(10, 40))
		h.litres = r.between(9, 19)
		h.minutes = r.between(24, 70)
		if s.severity == 3 {
			h.goodWater = r.chance(0.5)
		}
		if r.chance(0.12) {
			g.petition(r, h, "water", v.outageDay)
		}
	}
	x := r.unit()
	hit := false
	for i := range g.kinds {
		k := &g.kinds[i]
		if x -= k.rate; x < 0 {
			hit = g.strike(r, h, k.kind, k.risk, k.strike)
			break
		}
	}
	if !hit && h.cleared && r.chance(rateRelapse) {
		g.relapse(r, h)
	}
	if h.nShocks == 0 {
		g.nearMiss(r, h)
	}
	g.settleIncome(h)
}

func (g *generator) strike(r *rng, h *household, kind, risk string, f func(*generator, *rng, *household, *shock) bool) bool {
	if h.nShocks == len(h.shocks) {
		return false
	}
	s := h.struck(risk, kind, g.randomDay(r), []int{1, 2, 3}[r.pick([]float64{12, 55, 33})])
	before := *h
	if risk != "housing" && risk != "education_guarantee" {
		g.thin(r, h, [3]float64{1.9, 1.5, 1.25}[s.severity-1])
	}
	if !f(g, r, h, s) {
		*h = before
		h.nShocks--
		return false
	}
	return true
}

// relapse strikes a household whose risk had been cleared, by illness or by the loss of work.
func (g *generator) relapse(r *rng, h *household) {
	f, risk := strikeIllness, "illness"
	if r.chance(0.4) {
		f, risk = strikeJob, "employment"
	}
	n := h.nShocks
	if g.strike(r, h, "relapse", risk, f) {
		s := &h.shocks[n]
		s.severity = max(s.severity, 2)
		s.day = max(s.day, min(h.clearedOn+31, g.last))
	}
}

// labourerAt gives the index of a main labourer: the best paid, else the first; −1 when there is none.
func (h *household) labourerAt() int {
	best := -1
	for i := range h.n {
		p := &h.m[i]
		if p.labourer() && (best < 0 || p.works && (!h.m[best].works || p.wage > h.m[best].wage)) {
			best = i
		}
	}
	return best
}

// thin brings a well-off household's income down to at most limit times the line before the blow: a shock is hardship
// where reserves are thin, and only hardship is in the truth [assumption]. Incomes, wages and capacity follow.
func (g *generator) thin(r *rng, h *household, limit float64) {
	target := g.line * r.within(1.04, limit)
	if h.perHead <= target {
		return
	}
	by := target / h.perHead
	h.perHead = target
	for _, v := range []*int64{&h.wage, &h.business, &h.cost, &h.property, &h.transfer} {
		*v = fen(float64(*v) / 100 * by)
	}
	for i := range h.n {
		if p := &h.m[i]; p.works {
			p.wage = max(int64(float64(p.wage)*by)/1000*1000, 60_000)
		}
	}
}

func scale(f *float64, by float64) { *f *= by }

// stopWork ends the person's wage work at the day and takes the rest of the year's wages away.
func (g *generator) stopWork(h *household, p *person, d day) {
	if !p.works {
		return
	}
	left := float64(g.last-d) / 365
	share := 0.0
	workers := 0
	for i := range h.n {
		if h.m[i].works {
			workers++
		}
	}
	share = 1 / float64(workers)
	scale(&h.wageFactor, 1-share*clamp(left+0.15, 0.15, 1))
	if p.started > d.monthStart(0) {
		p.started = d.monthStart(-3)
	}
	p.ended, p.again = d.monthStart(0), noDay
	p.resolved = false
}

// illBills writes n inpatient settlements that sum to about self fen from day d on.
func (g *generator) illBills(r *rng, p *person, d day, self int64, n int, uninsured bool) {
	n = min(n, maxBills-p.nb)
	for i := range n {
		part := self / int64(n)
		part += part * int64(r.between(-20, 20)) / 100
		if i > 0 {
			d += day(r.between(18, 60))
		}
		settled := min(d+day(r.between(6, 26)), g.last)
		g.bill(r, p, settled, part, "inpatient", uninsured)
	}
}

// bill appends one settlement of the given self-paid amount, with the funds' parts after usual shares.
func (g *generator) bill(r *rng, p *person, settled day, self int64, kind string, uninsured bool) {
	if p.nb == maxBills || self <= 0 {
		return
	}
	b := &p.bills[p.nb]
	p.nb++
	*b = bill{day: settled, admitted: settled, kind: kind, self: self}
	ratio := r.within(0.35, 0.9)
	if kind == "inpatient" {
		b.admitted = settled - day(r.between(3, 21))
		ratio = r.within(0.28, 0.5)
		b.outOfProvince = r.chance(0.12)
	}
	if uninsured {
		ratio = 1
	}
	covered := int64(float64(self)/ratio) - self
	b.fund = covered
	if kind == "inpatient" && self > 800_000 && !uninsured {
		b.serious = covered * int64(r.between(8, 25)) / 100
		b.fund -= b.serious
		if r.chance(0.2) {
			b.aid = covered * int64(r.between(3, 12)) / 100
			b.fund -= b.aid
		}
	}
	b.total = b.self + b.fund + b.serious + b.aid
	b.compliant = self * int64(r.between(62, 96)) / 100
}

func uninsured(p *person) bool { return p.medical == "none" || p.medical == "" }

// selfMedian and selfSigma: self-paid medical spending a person and year is lognormal with median 300 yuan; 2 % lie
// above 10 000 and 0.4 % above 30 000 (domain 16 [assumption M]). A person below selfFloor has no settlement on file.
const (
	selfMedian = 300.0
	selfSigma  = 1.71
	selfFloor  = 165.0
)

// illnessBills draws the ordinary medical bills of a year. They stay within what the household can carry: bills
// beyond it are not ordinary, they are the shock of strikeIllness.
func (g *generator) illnessBills(r *rng, h *household) {
	capacity := math.Max((h.perHead-g.line*1.08)*float64(h.n), 2500)
	for i := range h.n {
		p := &h.m[i]
		shift := 1.0
		switch {
		case p.illness != "" || p.disability != "":
			shift = 1.9
		case p.age >= 60:
			shift = 1.35
		case p.age < 16:
			shift = 0.72
		case p.age < 45:
			shift = 0.85
		}
		self := r.lognormal(selfMedian*shift, selfSigma)
		if self < selfFloor {
			continue
		}
		if self > capacity {
			self = capacity * r.within(0.35, 1)
		}
		capacity -= self
		capacity = math.Max(capacity, 1500)
		money := int64(self*100 + 0.5)
		switch {
		case self >= 2200:
			n := 1
			if self > 12000 {
				n = r.between(1, 3)
			}
			for range n {
				g.bill(r, p, g.randomDay(r), money/int64(n), "inpatient", uninsured(p))
			}
		case p.illness == "chronic" && r.chance(0.7):
			n := r.between(1, 3)
			for range n {
				g.bill(r, p, g.randomDay(r), money/int64(n), "chronic", uninsured(p))
			}
		default:
			n := 1
			if r.chance(0.15) {
				n = 2
			}
			for range n {
				g.bill(r, p, g.randomDay(r), money/int64(n), "outpatient", uninsured(p))
			}
		}
	}
}

// life: births, deaths of the old, marriages and moves of the twelve months (births 10.65 ‰, deaths 7.77 ‰).
func (g *generator) life(r *rng, h *household) {
	for i := range h.n {
		p := &h.m[i]
		if p.birth >= g.first {
			p.bornNew = true
		}
		rate := 0.0004
		switch {
		case p.age >= 80:
			rate = 0.085
		case p.age >= 70:
			rate = 0.032
		case p.age >= 60:
			rate = 0.011
		case p.age >= 40 && !p.labourer():
			rate = 0.003
		case p.age >= 16 && p.labourer():
			rate = 0 // the death of a labourer is a shock, drawn there
		}
		if h.n > 1 && !p.bornNew && r.chance(rate) {
			p.died = g.randomDay(r)
		}
		switch {
		case p.relation == "daughter_in_law" && p.age <= 32 && r.chance(0.06):
			p.movedIn = g.randomDay(r)
		case p.relation == "daughter" && p.age >= 20 && p.age <= 30 && r.chance(0.012):
			// Married away in the last weeks: the roster has not followed yet.
			p.movedOut = g.last - day(r.below(25))
		case p.relation == "son" && p.age >= 28 && h.n >= 5 && r.chance(0.004):
			p.split = g.last - day(r.below(200))
			copy(p.splitNo[:], h.no[:])
			p.splitNo[12] = h.no[12] + 5 // serial + 50 000: beyond any village's serials
		}
	}
}

// monitoring: 2.5 % of households have been identified since 2021, 60 % of them cleared (domain 16 [I]).
func (g *generator) monitoring(r *rng, h *household) {
	rate := 0.016
	if h.perHead < g.line*1.45 {
		rate = 0.042
	}
	if !r.chance(rate) {
		return
	}
	h.monitored = "marginal"
	switch {
	case h.kind == "exited" && r.chance(0.8):
		h.monitored = "unstable"
	case r.chance(0.35):
		h.monitored = "sudden"
	}
	back := r.between(2, 58)
	h.identified = g.last.monthStart(-back)
	if back > 8 && r.chance(0.68) {
		h.cleared = true
		h.clearedOn = h.identified.monthStart(r.between(6, max(7, min(back-1, 24))))
		h.clearedOn = min(h.clearedOn, g.last.monthStart(-1))
		h.clearedHow = "helped"
		if r.chance(0.1) {
			h.clearedHow = "natural"
		}
	} else {
		h.gap("other", "monitored")
	}
	h.monitorRisk = []string{"illness", "disability", "labour", "employment", "schooling", "accident", "disaster", "business", "housing", "other"}[r.pick([]float64{45, 13, 11, 11, 8, 5, 2, 2, 1, 2})]
	h.development = h.labourerAt() >= 0 && r.chance(0.93)
	h.measures = r.between(1, 6)
	if r.chance(0.02) {
		h.measures = 0
	}
}

func (g *generator) petition(r *rng, h *household, topic string, d day) {
	h.topic, h.petitionDay = topic, min(d+day(r.between(1, 30)), g.last)
	h.channel = []string{"12345", "12317", "petition", "web"}[r.pick([]float64{62, 18, 15, 5})]
	h.petitioner = 0
}

func (g *generator) temporaryAid(r *rng, h *household, to int, reason string, d day) {
	h.aidDay, h.aidReason, h.aidTo = min(d+day(r.between(10, 50)), g.last), reason, to
	h.aidMoney = int64(r.between(8, 90)) * 10_000
}

func strikeIllness(g *generator, r *rng, h *household, s *shock) bool {
	who := -1
	for range 6 { // the old and the ill are struck more often
		i := r.below(h.n)
		if h.m[i].died != noDay {
			continue
		}
		who = i
		if h.m[i].age >= 45 || r.chance(0.35) {
			break
		}
	}
	if who < 0 {
		return false
	}
	p := &h.m[who]
	s.day = min(s.day, g.last-20)
	if h.cleared {
		s.day = max(s.day, g.last-150)
	}
	var self float64
	switch s.severity {
	case 1:
		self = r.within(15500, 24000)
	case 2:
		self = r.within(24000, 60000)
	default:
		self = r.within(60000, 160000)
	}
	// What the household can carry is the measure: a marked illness takes it to the line, a grave one far below.
	reserve := math.Max((h.perHead-g.line)*float64(h.n), 0)
	if s.severity >= 2 {
		self = math.Max(self, reserve*r.within(1.3, 1.9))
	}
	p.nb = min(p.nb, 2)
	if !r.chance(shareUnseen) { // else paid in cash far from home: no settlement yet
		g.illBills(r, p, s.day, int64(self*100), r.between(2, 4), uninsured(p))
	}
	if r.chance(0.9) {
		p.illness, p.diagnosed = "serious", s.day
	}
	if r.chance(0.5) {
		p.health = "serious"
	}
	if p.labourer() {
		g.stopWork(h, p, s.day)
		if s.severity == 3 {
			p.labour = "weak"
		}
	}
	scale(&h.businessFactor, r.within(0.6, 0.95))
	h.dropped = r.within(0.45, 0.85)
	if r.chance(0.15) {
		g.petition(r, h, "medical", s.day)
	}
	if r.chance(0.14) {
		g.temporaryAid(r, h, who, "illness", s.day)
	}
	if r.chance(0.06) {
		h.decision, h.decidedOn = []string{"refused", "approved"}[r.below(2)], min(s.day+60, g.last)
	}
	return true
}

func strikeDisability(g *generator, r *rng, h *household, s *shock) bool {
	i := h.labourerAt()
	if i < 0 || r.chance(0.35) {
		i = r.below(h.n)
	}
	p := &h.m[i]
	if p.age < 3 || p.died != noDay {
		return false
	}
	p.disability, p.issued = disabilityKinds[r.pick(disabilityMix)], s.day
	p.grade = 2
	if s.severity >= 2 {
		p.grade = r.between(1, 2)
	}
	p.health = "disabled"
	if p.age >= 16 && !p.student() {
		if p.labourer() {
			g.stopWork(h, p, s.day-60)
		}
		p.labour = "lost"
	}
	g.illBills(r, p, max(s.day-90, g.first+10), int64(r.between(6000, 12000*s.severity))*100, 2, uninsured(p))
	scale(&h.businessFactor, r.within(0.6, 0.9))
	if s.severity == 3 {
		scale(&h.wageFactor, 0.6)
	}
	h.dropped = r.within(0.6, 0.9)
	return true
}

func strikeDeath(g *generator, r *rng, h *household, s *shock) bool {
	i := h.labourerAt()
	able, dependants := 0, 0
	for k := range h.n {
		if q := &h.m[k]; q.labourer() {
			able++
		} else if q.died == noDay && (q.age < 16 || q.age >= 60) {
			dependants++
		}
	}
	// It is a lack of labour when at most one labourer is left for the young and the old.
	if i < 0 || able > 2 || dependants < 2 {
		return false
	}
	p := &h.m[i]
	g.stopWork(h, p, s.day)
	p.died = s.day
	scale(&h.wageFactor, []float64{0.7, 0.5, 0.35}[s.severity-1])
	scale(&h.businessFactor, []float64{0.7, 0.5, 0.35}[s.severity-1])
	if r.chance(0.5) {
		g.illBills(r, p, max(s.day-40, g.first), int64(r.between(5000, 40000))*100, 1, uninsured(p))
		for k := range p.nb {
			p.bills[k].day = min(p.bills[k].day, s.day)
			p.bills[k].admitted = min(p.bills[k].admitted, p.bills[k].day)
		}
	}
	h.dropped = r.within(0.5, 0.8)
	if r.chance(0.2) {
		g.temporaryAid(r, h, (i+1)%h.n, "other", s.day)
	}
	return true
}

// ensureWorker makes the main labourer the household's one wage worker whose wages are most of its income, so that
// losing the work is losing the living.
func (g *generator) ensureWorker(r *rng, h *household) int {
	i := h.labourerAt()
	if i < 0 || h.m[i].age > 64 {
		return -1
	}
	for k := range h.n {
		if k != i {
			h.m[k].works = false
		}
	}
	p := &h.m[i]
	net := h.wage + h.business - h.cost + h.property + h.transfer
	p.works = true
	p.started, p.ended, p.again = g.last.monthStart(-11-r.below(20)), noDay, noDay
	if p.place == "" {
		p.place, p.channel = "outside", "self"
	}
	h.wage = net * int64(r.between(72, 90)) / 100 / 100 * 100
	h.business, h.cost, h.property = (net-h.wage)/200*100, 0, 0
	h.transfer = net - h.wage - h.business
	p.wage = clampFen(h.wage/11, 60_000, 1_500_000)
	return i
}

func clampFen(v, lo, hi int64) int64 { return max(lo, min(v, hi)) / 1000 * 1000 }

func strikeJob(g *generator, r *rng, h *household, s *shock) bool {
	i := g.ensureWorker(r, h)
	if i < 0 {
		return false
	}
	p := &h.m[i]
	// Out of work for months: three at the least when the blow is marked.
	switch {
	case s.severity >= 2:
		s.day = min(s.day, g.last-day(r.between(95, 200)))
		s.day = max(s.day, g.first)
	default:
		s.day = min(s.day, g.last-65)
	}
	g.stopWork(h, p, s.day)
	if !r.chance(shareUnseen) { // else nobody has registered it
		p.jobless, p.joblessOn = []string{"unemployed", "returned"}[r.below(2)], s.day
	}
	if s.severity == 3 {
		scale(&h.wageFactor, 0.8)
	}
	h.dropped = r.within(0.7, 1)
	return true
}

func strikeArrears(g *generator, r *rng, h *household, s *shock) bool {
	i := g.ensureWorker(r, h)
	if i < 0 {
		return false
	}
	p := &h.m[i]
	if !r.chance(shareUnseen) {
		p.jobless, p.joblessOn = "arrears", s.day
	}
	p.arrears = int64(r.between(9000, 17000*s.severity)) * 100
	scale(&h.wageFactor, []float64{0.75, 0.5, 0.3}[s.severity-1])
	if r.chance(0.4) {
		g.petition(r, h, "wages", s.day)
		h.petitioner = i
	}
	return true
}

func strikeSchoolCost(g *generator, r *rng, h *household, s *shock) bool {
	for i := range h.n {
		p := &h.m[i]
		if p.stage != "college" && p.stage != "senior" && p.stage != "vocational" {
			continue
		}
		p.fees = int64(r.between(12500, 9000+9500*s.severity)) * 100
		p.aid = int64(r.between(0, 1200)) * 100
		p.paid = g.schoolDay(r)
		s.day = p.paid
		if r.chance(0.1) {
			g.petition(r, h, "schooling", s.day)
		}
		return true
	}
	return false
}

// schoolDay is the start of one of the two terms inside the twelve months.
func (g *generator) schoolDay(r *rng) day {
	y := g.last.year()
	d := dayOn(y, 9, 1)
	if r.chance(0.3) || d > g.last-20 {
		d = dayOn(y, 3, 1)
	}
	if d > g.last-20 || d < g.first {
		d = g.first
	}
	return d + day(r.below(18))
}

func strikeDropout(g *generator, r *rng, h *household, s *shock) bool {
	for i := range h.n {
		p := &h.m[i]
		if p.age < 7 || p.age > 15 || p.stage == "" || p.stage == "senior" {
			continue
		}
		p.status = "suspected"
		if s.severity >= 2 && r.chance(0.6) {
			p.status = "dropped"
		}
		s.day = max(s.day, g.last-120)
		p.since = s.day
		return true
	}
	return false
}

func strikeAccident(g *generator, r *rng, h *household, s *shock) bool {
	i := h.labourerAt()
	if i < 0 {
		return false
	}
	p := &h.m[i]
	p.injury, p.injured = "serious", s.day
	p.liability = []string{"full", "main", "equal", "minor", "none"}[r.below(5)]
	p.hurtLoss = int64(r.between(5000, 20000*s.severity)) * 100
	g.stopWork(h, p, s.day)
	g.illBills(r, p, min(s.day+2, g.last-5), int64(r.between(12000, 16000*s.severity+4000))*100, r.between(1, 3), uninsured(p))
	if s.severity == 3 {
		p.injury = "disabled"
		if h.n > 1 && r.chance(0.3) {
			p.injury = "death"
			p.died = min(s.day+day(r.below(6)), g.last)
			p.nb = min(p.nb, 1)
			for k := range p.nb {
				p.bills[k].day = min(p.bills[k].day, p.died)
				p.bills[k].admitted = min(p.bills[k].admitted, p.bills[k].day)
			}
		} else {
			p.labour = "weak"
		}
	}
	scale(&h.businessFactor, 0.8)
	h.dropped = r.within(0.6, 0.9)
	if r.chance(0.2) {
		g.temporaryAid(r, h, i, "accident", s.day)
		if p.died != noDay {
			h.aidTo = (i + 1) % h.n
		}
	}
	return true
}

func strikeProject(g *generator, r *rng, h *household, s *shock) bool {
	if h.labourerAt() < 0 {
		return false
	}
	if h.project == "" {
		h.project = []string{"planting", "livestock"}[r.below(2)]
		h.invested = int64(r.between(180, 900)) * 10_000
	}
	h.invested = max(h.invested, int64(r.between(15000, 25000*s.severity))*100)
	h.projectState, h.projectDay = "failed", s.day
	h.projectLoss = h.invested * int64(r.between(60, 100)) / 100
	h.cost += h.projectLoss / 2
	scale(&h.businessFactor, []float64{0.6, 0.35, 0.15}[s.severity-1])
	if r.chance(0.5) {
		h.principal = 5_000_000
		h.loanIssued = g.last - day(r.between(500, 1000))
		h.balance = h.principal * int64(r.between(50, 100)) / 100
		h.overdue, h.overdueDays = h.balance/2, int(clampInt(int(g.last-s.day), 31, 300))
	}
	return true
}

func strikeHouse(g *generator, r *rng, h *household, s *shock) bool {
	h.house, h.repaired, h.appraised = "c", false, s.day
	if s.severity >= 2 {
		h.house = "d"
	}
	if s.severity == 3 && r.chance(0.25) {
		h.house, h.area = "homeless", 0
	}
	if r.chance(0.2) {
		g.petition(r, h, "housing", s.day)
	}
	return true
}

func strikeIncome(g *generator, r *rng, h *household, s *shock) bool {
	scale(&h.wageFactor, []float64{0.6, 0.45, 0.3}[s.severity-1])
	scale(&h.businessFactor, []float64{0.6, 0.45, 0.3}[s.severity-1])
	h.transfer = h.transfer * 7 / 10
	for i := range h.n {
		h.m[i].assist = "" // nobody has seen it yet
	}
	h.dropped = r.within(0.5, 0.8)
	for i := range h.n {
		if h.m[i].works {
			h.m[i].wage = max(h.m[i].wage*int64(10-2*s.severity)/10/1000*1000, 45_000)
		}
	}
	if r.chance(0.1) {
		g.petition(r, h, "hardship", s.day)
	}
	return true
}

// villageDisaster: one event hits many households of a village; half of those reached suffer real damage.
func (g *generator) villageDisaster(r *rng, h *household, grave bool) {
	v := h.village
	h.disaster, h.disasterDay = v.disaster, v.disasterDay
	if !grave { // on the list, with little or no loss
		h.damage = "none"
		h.cropArea = r.within(0, 0.8)
		h.loss = int64(r.between(0, 900)) * 100
		return
	}
	severity := r.between(1, 3)
	h.struck("disaster", "disaster", v.disasterDay, severity)
	g.thin(r, h, 1.5)
	h.damage = []string{"partly", "serious", "collapsed"}[severity-1]
	h.cropArea = r.within(1, 3*float64(severity)+2)
	h.loss = int64(r.between(11000, 22000*severity)) * 100
	if v.disaster == "0203" || v.disaster == "0204" { // drought and pests leave houses alone
		h.damage = "none"
	} else if severity >= 2 {
		h.house, h.repaired, h.appraised = []string{"c", "d"}[severity-2], false, min(v.disasterDay+15, g.last)
	}
	if severity == 3 && r.chance(0.05) {
		h.casualties = 1
	}
	scale(&h.businessFactor, []float64{0.7, 0.45, 0.2}[severity-1])
	h.dropped = r.within(0.5, 0.9)
	if r.chance(0.3) {
		g.temporaryAid(r, h, 0, "disaster", v.disasterDay)
	}
}

// nearMissRate of unstruck households show a signal without the hardship behind it [assumption].
const nearMissRate = 0.016

// nearMiss leaves a trace in the files of somebody who is not in need, so that no rule can be right by its signal alone.
func (g *generator) nearMiss(r *rng, h *household) {
	if r.chance(0.004) {
		g.petition(r, h, []string{"other", "hardship", "medical", "housing", "water", "wages"}[r.pick([]float64{60, 10, 10, 8, 8, 4})], g.randomDay(r))
	}
	if r.chance(0.003) {
		g.temporaryAid(r, h, 0, []string{"illness", "schooling", "other"}[r.below(3)], g.randomDay(r))
	}
	if r.chance(0.003) {
		h.decision = []string{"approved", "refused", "ended"}[r.below(3)]
		h.decidedOn = g.randomDay(r)
	}
	if !r.chance(nearMissRate) {
		return
	}
	d := g.randomDay(r)
	switch r.below(10) {
	case 0: // a large bill, paid back by a commercial insurance
		p := &h.m[r.below(h.n)]
		if p.died == noDay {
			self := int64(r.between(16000, 40000)) * 100
			g.illBills(r, p, min(d, g.last-20), self, 1, uninsured(p))
			h.claims += self * 85 / 100
		}
	case 1: // between two jobs, and at work again
		if i := h.labourerAt(); i >= 0 && h.m[i].works {
			p := &h.m[i]
			p.jobless, p.joblessOn, p.resolved = "unemployed", d, true
		}
	case 2: // the house stands dark because everybody works away
		h.dropped = r.within(0.05, 0.4)
	case 3: // dangerous once, repaired since
		h.house, h.repaired, h.appraised = "d", true, d
	case 4: // high fees, covered by aid
		for i := range h.n {
			if p := &h.m[i]; p.stage == "college" {
				p.fees = int64(r.between(12000, 20000)) * 100
				p.aid = p.fees * int64(r.between(70, 95)) / 100
				p.paid = g.schoolDay(r)
				break
			}
		}
	case 5: // a loan a few days late
		h.principal, h.loanIssued = 3_000_000, g.last-day(r.between(300, 900))
		h.balance = 2_000_000
		h.overdue, h.overdueDays = 150_000, r.between(1, 20)
	case 6: // a light injury
		if i := h.labourerAt(); i >= 0 {
			p := &h.m[i]
			p.injury, p.injured, p.liability = "light", d, "minor"
			p.hurtLoss = int64(r.between(100, 1800)) * 100
		}
	case 7: // a small loss in a project
		if h.project != "" {
			h.projectState = "loss"
			h.projectLoss = h.invested * int64(r.between(5, 20)) / 100
		}
	case 8: // a newly certified slight disability
		p := &h.m[r.below(h.n)]
		if p.disability == "" && p.died == noDay && p.age > 10 {
			p.disability, p.grade, p.issued = disabilityKinds[r.pick(disabilityMix)], r.between(3, 4), d
			p.health = "disabled"
			if p.labourer() {
				p.labour = "weak"
			}
		}
	case 9: // the old and weak one of a household that carries it well
		for i := range h.n {
			if p := &h.m[i]; p.age >= 74 && h.n > 1 && p.died == noDay {
				p.died = d
				break
			}
		}
	}
}

// settleIncome folds the factors into the accounted income.
func (g *generator) settleIncome(h *household) {
	h.wage = fen(float64(h.wage) / 100 * h.wageFactor)
	h.business = fen(float64(h.business) / 100 * h.businessFactor)
	for i := range h.n {
		p := &h.m[i]
		if p.died != noDay {
			for k := range p.nb {
				p.bills[k].day = min(p.bills[k].day, p.died)
				p.bills[k].admitted = min(p.bills[k].admitted, p.bills[k].day)
			}
			if p.works && (p.ended == noDay || p.ended > p.died) {
				p.ended, p.again = p.died.monthStart(0), noDay
				p.started = min(p.started, p.ended)
			}
		}
	}
}
