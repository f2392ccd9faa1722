package synth

import (
	"math"

	"shouwang/internal/residentid"
)

// maxMembers bounds a household; the size table never draws more.
const maxMembers = 10

// maxBills bounds the health settlements of one person in the twelve months.
const maxBills = 8

// bill is one health-insurance settlement. Money is in fen.
type bill struct {
	day                       day
	admitted                  day
	kind                      string // contract code: inpatient, outpatient, chronic
	outOfProvince             bool
	total, fund, serious, aid int64
	self, compliant           int64
}

// person is one member with everything that the departments know about them.
type person struct {
	relation  string
	female    bool
	age       int // completed years at the as-of day
	birth     day
	number    [18]byte
	name      personName
	ethnic    string // GB/T 3304 code
	education string // "" for those at school
	school    string // "no" or a stage of the roster
	health    string
	labour    string

	phone, bank [20]byte
	hasPhone    bool
	hasBank     bool

	works          bool  // wage work in the last twelve months
	wage           int64 // fen a month
	started, ended day
	again          day // start of a second spell that still runs, or noDay
	place, channel string

	medical string // enrolment code; "" is no row at all
	pension bool

	disability string // category "1" … "7", "" none
	grade      int
	issued     day

	illness   string // category of the list, "" none
	diagnosed day

	stage, status string // school roll
	since         day
	fees, aid     int64 // non-compulsory schooling, fen a year
	paid          day

	assist      string // kind of social assistance, ""
	assistSince day
	assistMoney int64

	post      string // public-welfare post, ""
	postStart day

	asset      string
	assetSince day
	assetValue int64

	died     day // noDay: lives
	bornNew  bool
	movedIn  day
	movedOut day
	split    day
	splitNo  [17]byte

	injury    string // traffic accident
	injured   day
	liability string
	hurtLoss  int64

	jobless   string // unemployment feed kind, ""
	joblessOn day
	arrears   int64
	resolved  bool

	bills [maxBills]bill
	nb    int
}

func (p *person) student() bool { return p.school != "no" }

// labourer reports whether the person counts as a worker of the household.
func (p *person) labourer() bool {
	return p.died == noDay && (p.labour == "ordinary" || p.labour == "skilled")
}

// household is one household of one village and what has happened to it.
type household struct {
	village *village
	index   int // within the county, from 0: the resident numbers hang on it
	seed    uint64
	no      [17]byte
	n       int
	m       [maxMembers]person

	kind      string // roster household type
	relocated bool
	twoHeads  bool

	perHead                                          float64 // baseline net income a head, yuan a year
	wage, business, property, transfer, cost, claims int64   // accounted, fen a year
	wageFactor, businessFactor                       float64

	house     string
	repaired  bool
	appraised day
	area      int

	piped        bool
	litres       int
	goodWater    bool
	minutes      int
	shortDays    int
	outageDays   int
	kwh, dropped float64

	disaster    string
	disasterDay day
	damage      string
	cropArea    float64
	loss        int64
	casualties  int

	project      string // kind
	projectState string
	projectDay   day
	invested     int64
	projectLoss  int64

	principal, balance, overdue int64
	loanIssued                  day
	overdueDays                 int
	borrower                    int

	monitored   string // category, ""
	identified  day
	cleared     bool
	clearedOn   day
	clearedHow  string
	monitorRisk string
	development bool
	measures    int

	aidDay    day
	aidMoney  int64
	aidReason string
	aidTo     int

	decision    string
	decidedOn   day
	topic       string
	channel     string
	petitionDay day
	petitioner  int

	shocks  [3]shock
	nShocks int
	gaps    [4]gap
	nGaps   int
}

// gap is a standing hardship that is not a shock of the year.
type gap struct{ risk, kind string }

func (h *household) gap(risk, kind string) {
	if h.nGaps < len(h.gaps) {
		h.gaps[h.nGaps] = gap{risk, kind}
		h.nGaps++
	}
}

func (h *household) add(relation string, female bool, age int) *person {
	if h.n == maxMembers {
		return &h.m[h.n-1]
	}
	p := &h.m[h.n]
	h.n++
	if age < 0 {
		age = 0
	}
	if age > 97 {
		age = 97
	}
	*p = person{relation: relation, female: female, age: age, died: noDay, movedIn: noDay, movedOut: noDay,
		split: noDay, injured: noDay, joblessOn: noDay, ended: noDay, again: noDay, issued: noDay, diagnosed: noDay}
	return p
}

// sizeMix is the household-size mix of rural hukou households (domain 16, [assumption M]; 6+ is split here).
var sizeMix = []float64{10, 14, 18, 25, 17, 8.5, 4, 2.5, 1}

// compose draws who lives together: couples with children, three generations, elders alone. Ages of parents and
// children are tied, so that a mother is 19 to 40 years older than her child.
func (g *generator) compose(r *rng, h *household) {
	h.n = 0
	size := r.pick(sizeMix) + 1
	switch size {
	case 1:
		if r.chance(0.5) {
			h.add("head", r.chance(0.45), r.between(62, 88))
		} else {
			h.add("head", r.chance(0.25), r.between(26, 61))
		}
		return
	case 2:
		switch x := r.unit(); {
		case x < 0.46: // elders
			a := r.between(60, 84)
			h.couple(r, a)
		case x < 0.68: // a couple by itself
			h.couple(r, r.between(24, 59))
		case x < 0.84: // one parent, one child
			h.add("head", r.chance(0.55), r.between(26, 58))
			h.children(r, 1)
		case x < 0.92: // grandparent and grandchild
			a := r.between(56, 76)
			h.add("head", r.chance(0.6), a)
			h.add("grandchild", r.chance(0.47), clampInt(a-r.between(46, 60), 1, 20))
		default: // an adult and an old parent
			a := r.between(35, 58)
			h.add("head", r.chance(0.15), a)
			h.add("parent", r.chance(0.7), a+r.between(21, 33))
		}
		return
	}
	rest := size
	switch x := r.unit(); {
	case size >= 4 && x < 0.22: // the grandparents head the household
		a := r.between(52, 76)
		h.couple(r, a)
		son := a - r.between(22, 32)
		h.add("son", false, son)
		if size == 4 && r.chance(0.5) {
			h.add("grandchild", r.chance(0.48), clampInt(son-r.between(21, 31), 0, 25))
			return
		}
		h.add("daughter_in_law", true, clampInt(son-r.between(-2, 5), 19, 97))
		wife := h.m[h.n-1].age
		age := wife - r.between(20, 28)
		for h.n < size {
			h.add("grandchild", r.chance(0.48), max(age, r.below(3)))
			age -= r.between(2, 5)
		}
		return
	case x < 0.32 && size == 3: // one parent with two children
		h.add("head", r.chance(0.5), r.between(30, 58))
		h.children(r, 2)
		return
	}
	age := clampInt(int(40.5+9.5*r.normal()), 22, 70)
	h.couple(r, age)
	rest -= 2
	parents := 0
	if age < 62 {
		switch {
		case rest == 1 && r.chance(0.2), rest == 2 && r.chance(0.38), rest == 3 && r.chance(0.45):
			parents = 1
		case rest == 3 && r.chance(0.4), rest >= 4 && r.chance(0.72):
			parents = 2
		case rest >= 4:
			parents = 1
		}
	}
	children := min(rest-parents, 4)
	h.children(r, children)
	for i := range parents {
		h.add("parent", i == 0 != (parents == 1 && r.chance(0.35)), age+r.between(21, 32))
	}
	for h.n < size { // the ninth and tenth: the head's unmarried brother or sister, or a grandparent
		if r.chance(0.2) && age < 45 {
			h.add("grandparent", r.chance(0.7), age+r.between(42, 52))
			continue
		}
		h.add("sibling", r.chance(0.35), clampInt(age-r.between(-6, 10), 16, 80))
	}
}

func (h *household) couple(r *rng, age int) {
	womanHead := r.chance(0.12)
	h.add("head", womanHead, age)
	diff := r.between(-2, 6)
	if womanHead {
		diff = -diff
	}
	h.add("spouse", !womanHead, max(age-diff, 20))
}

// children adds n children of the head, spaced 1 to 5 years; the mother (or the head) was 20 to 30 at the first.
func (h *household) children(r *rng, n int) {
	mother := h.m[0].age
	for i := range h.n {
		if h.m[i].female && (h.m[i].relation == "head" || h.m[i].relation == "spouse") {
			mother = h.m[i].age
		}
	}
	age := mother - r.between(20, 29)
	// Grown-up children have mostly left for households of their own: those who still live here are younger.
	if age > 20 && r.chance(0.62) {
		age = max(mother-r.between(29, 40), 9)
	}
	for range n {
		if age < 0 {
			age = r.below(3)
		}
		if r.chance(0.525) {
			h.add("son", false, age)
		} else {
			h.add("daughter", true, age)
		}
		age -= r.between(1, 5)
	}
}

func clampInt(x, lo, hi int) int { return max(lo, min(x, hi)) }

// slots is how many resident numbers one county has for persons of one completed age and sex: 365 birthdays with
// 500 sequence numbers of the right parity.
const slots = 365 * 500

// settle makes ages distinct where two members of one sex share one, gives birth days and resident numbers.
//
// A number is a pure function of the household's index in the county: within one age and sex, the index goes
// through an affine bijection of the slots, so that no number comes twice, and no household needs to know another.
// Counties with more households than slots take ages by residue (age mod stride = index mod stride).
func (g *generator) settle(c *county, h *household) {
	stride := c.stride
	for i := range h.n {
		p := &h.m[i]
		for {
			if stride > 1 {
				p.age += ((h.index-p.age)%stride + stride) % stride
			}
			if !h.sameAge(i) {
				break
			}
			p.age++
		}
		key := derive(c.seed, uint64(p.age)<<1|b2u(p.female))
		a := coprimes[key%uint64(len(coprimes))]
		slot := (uint64(h.index/stride)*a + key>>8) % slots
		p.birth = g.birthday(p.age) - day(slot%365)
		seq := int(slot/365)*2 + 1
		if p.female {
			seq--
		}
		n := p.number[:0]
		n = appendPadded(n, c.code, 6)
		n = appendDate(n, p.birth, dateCompact)
		appendPadded(n, seq, 3) // in place: n is p.number's front
		p.number[17] = residentid.CheckDigit(p.number[:17])
	}
}

func (h *household) sameAge(i int) bool {
	for j := range i {
		if h.m[j].age == h.m[i].age && h.m[j].female == h.m[i].female {
			return true
		}
	}
	return false
}

// birthday is the last day on which somebody can have been born who is age years old at the as-of day.
func (g *generator) birthday(age int) day {
	y, m, d := g.asOf.civil()
	if m == 2 && d == 29 {
		d = 28
	}
	return dayOn(y-age, m, d)
}

// coprimes are multipliers without a common factor with slots (2²·5⁴·73), near its golden section and others.
var coprimes = [...]uint64{112793, 69709, 43081, 26633, 98717, 151171, 7919, 104729}

func b2u(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// identity gives names, ethnic groups, phones and accounts. Children carry the father's surname.
func (g *generator) identity(r *rng, h *household) {
	v := h.village
	eth := v.ethnic
	if !r.chance(0.75) {
		eth = v.pref.ethnicDraw(r)
	}
	family := g.names.surname(r, eth)
	for i := range h.n {
		p := &h.m[i]
		p.ethnic = eth
		surname := family
		switch p.relation {
		case "spouse", "daughter_in_law", "son_in_law":
			if r.chance(0.2) {
				p.ethnic = v.pref.ethnicDraw(r)
			}
			surname = g.names.surname(r, p.ethnic)
		case "parent", "grandparent":
			if p.female {
				surname = g.names.surname(r, p.ethnic)
			}
		}
		for try := 0; ; try++ {
			p.name = g.names.name(r, surname, p.female, p.birth.year())
			if try == 5 || !h.sameName(i) {
				break
			}
		}
		if p.age >= 14 && r.chance(0.8) {
			p.hasPhone = true
			n := append(p.phone[:0], '1', "35789"[r.below(5)])
			appendPadded(n, r.below(1_000_000_000), 9)
		}
		if i == 0 || p.age >= 18 && r.chance(0.6) {
			p.hasBank = true
			n := append(p.bank[:0], "62"...)
			n = appendPadded(n, r.below(1_000_000_000), 9)
			appendPadded(n, r.below(100_000_000), 8)
		}
	}
	h.twoHeads = h.n > 1 && r.chance(rateTwoHeads)
}

func (h *household) sameName(i int) bool {
	for j := range i {
		if h.m[j].name == h.m[i].name {
			return true
		}
	}
	return false
}

// body draws schooling, health, disability and the ability to work.
func (g *generator) body(r *rng, h *household) {
	for i := range h.n {
		p := &h.m[i]
		p.health, p.school = "healthy", "no"
		a := p.age
		switch {
		case a >= 3 && a <= 5 && r.chance(0.85):
			p.stage = "preschool"
		case a >= 6 && a <= 11:
			p.stage = "primary"
		case a >= 12 && a <= 15:
			p.stage = "junior"
			if a == 15 && r.chance(0.45) {
				p.stage = "senior"
			}
		case a >= 16 && a <= 18:
			switch x := r.unit(); {
			case x < 0.46:
				p.stage = "senior"
			case x < 0.78:
				p.stage = "vocational"
			}
			if a == 18 && p.stage == "vocational" && r.chance(0.5) {
				p.stage = ""
			}
		case a >= 19 && a <= 22 && r.chance(0.42):
			p.stage = "college"
		case a == 23 && r.chance(0.1):
			p.stage = "college"
		}
		if p.stage != "" {
			p.school, p.status = p.stage, "enrolled"
			y := g.last.year()
			p.since = dayOn(y-min(a%3, 2)-1, 9, 1)
			if a <= 15 && a >= 6 && r.chance(0.003) {
				p.status = "home_teaching"
			}
		} else {
			p.education = educationOf(r, a)
		}
		// Certified disability: about 4 % of persons, rising with age (domain 16).
		rate := 0.011
		if a >= 60 {
			rate = 0.10
		} else if a >= 15 {
			rate = 0.033
		}
		if r.chance(rate) {
			p.disability = disabilityKinds[r.pick(disabilityMix)]
			p.grade = r.pick([]float64{12, 24, 28, 36}) + 1
			p.issued = g.first - day(r.between(40, 3600))
			p.issued = max(p.issued, p.birth+200)
			p.health = "disabled"
		}
		switch {
		case r.chance(0.004):
			p.illness, p.diagnosed = "serious", g.first-day(r.between(100, 2500))
			p.health = "serious"
		case a >= 60 && r.chance(0.27), a >= 45 && a < 60 && r.chance(0.10), r.chance(0.01):
			p.illness, p.diagnosed = "chronic", g.first-day(r.between(30, 4000))
			if p.health == "healthy" {
				p.health = "chronic"
			}
		case a > 15 && r.chance(0.004):
			p.illness, p.diagnosed = "mental", g.first-day(r.between(100, 4000))
		}
		p.diagnosed = max(p.diagnosed, p.birth+30)
		if p.illness == "" {
			p.diagnosed = noDay
		}
		p.labour = labourOf(r, p)
	}
}

var (
	disabilityKinds = []string{"1", "2", "3", "4", "5", "6", "7"}
	disabilityMix   = []float64{12, 12, 4, 52, 8, 8, 4}
	educationCodes  = []string{"none", "primary", "junior", "senior", "college"}
)

// educationOf draws the schooling of somebody who is not at school: the mix by cohort gives about the shares of
// the 2016 survey for ages 6 and over (domain 16).
func educationOf(r *rng, age int) string {
	switch {
	case age < 6:
		return "preschool"
	case age < 15:
		return "primary"
	case age < 25:
		return educationCodes[r.pick([]float64{0, 4, 52, 28, 16})]
	case age < 40:
		return educationCodes[r.pick([]float64{2, 14, 52, 16, 16})]
	case age < 60:
		return educationCodes[r.pick([]float64{8, 39, 42, 8, 3})]
	}
	return educationCodes[r.pick([]float64{30, 51, 15, 3, 1})]
}

func labourOf(r *rng, p *person) string {
	switch a := p.age; {
	case a < 16 || p.student() || a >= 72:
		return "none"
	case p.disability != "" && p.grade <= 2:
		return "lost"
	case p.illness == "serious":
		return []string{"weak", "lost"}[r.below(2)]
	case p.disability != "" || p.illness == "mental":
		return "weak"
	case a >= 60:
		return []string{"ordinary", "weak", "none"}[r.pick([]float64{30, 45, 25})]
	default:
		return []string{"ordinary", "skilled", "weak"}[r.pick([]float64{82, 16, 2})]
	}
}

// incomeGrowth a year, and the province's rural per-head income of 2025 that a 2026 accounting shows (domain 16).
const (
	incomeBase   = 16800.0
	incomeYear   = 2026
	incomeGrowth = 0.06
	incomeSigma  = 0.40
	lineBase     = 8500.0 // Guizhou's monitoring line of 2025/26 (domain 2.1)
)

// economy draws incomes by their four kinds, work, insurance, house, water and electricity, before any shock.
func (g *generator) economy(r *rng, h *household) {
	mu := incomeSigma * incomeSigma / 2
	y := g.income * r.lognormal(math.Exp(-mu), incomeSigma) * h.village.wealth * 1.006
	labourers := 0
	for i := range h.n {
		if h.m[i].labourer() {
			labourers++
		}
	}
	if labourers == 0 {
		y *= 0.82
	}
	if y < g.line*1.12 {
		// The low end is held up by minimum living and by the help of the years before; a few stay below.
		if r.chance(0.93) {
			y = g.line * r.within(1.12, 1.45)
		} else {
			y = max(y, g.line*0.55)
			if y < g.line {
				h.gap("income", "low_income")
			}
		}
	}
	h.perHead = y
	net := y * float64(h.n)

	workers := 0
	for i := range h.n {
		p := &h.m[i]
		if p.labourer() && p.age <= 64 && r.chance(0.52) {
			p.works = true
			workers++
		}
	}
	wageShare := 0.0
	if workers > 0 {
		wageShare = r.within(0.30, 0.72) + 0.04*float64(workers)
	}
	businessShare := (1 - wageShare) * r.within(0.25, 0.75)
	if labourers == 0 {
		businessShare *= 0.25
	}
	propertyShare := 0.0
	if r.chance(0.35) {
		propertyShare = r.within(0.005, 0.05)
	}
	transferShare := max(1-wageShare-businessShare-propertyShare, 0)
	h.wageFactor, h.businessFactor = 1, 1
	wage := net * wageShare
	months := 0
	for i := range h.n {
		p := &h.m[i]
		if !p.works {
			continue
		}
		m := 12 - r.below(5)
		p.started = g.last.monthStart(1 - m)
		if m == 12 {
			p.started = g.last.monthStart(-11 - r.below(24))
		}
		if m < 11 && r.chance(0.5) { // two jobs with a gap between them
			first := r.between(2, m-3)
			p.started = g.last.monthStart(-11)
			p.ended = g.last.monthStart(-12 + first)
			p.again = g.last.monthStart(1 - (m - first))
		}
		months += m
		p.place = []string{"township", "county", "province", "outside"}[r.pick([]float64{17, 24, 16, 43})]
		p.channel = []string{"self", "organised", "workshop", "other"}[r.pick([]float64{68, 19, 6, 7})]
	}
	for i := range h.n {
		p := &h.m[i]
		if !p.works {
			continue
		}
		p.wage = int64(clamp(wage/float64(months)*r.within(0.85, 1.15), 650, 18000)) / 10 * 1000
		p.pension = true
	}
	h.wage = fen(wage)
	h.cost = fen(net * businessShare * r.within(0.2, 0.6))
	h.business = fen(net*businessShare) + h.cost
	h.property = fen(net * propertyShare)
	h.transfer = fen(net * transferShare)
	h.claims = 0

	g.insurance(r, h)
	h.kind = "ordinary"
	if r.chance(h.village.county.exited) {
		h.kind = "exited"
		if r.chance(0.12) {
			h.kind = "exited_no_policy"
		}
	}
	h.relocated = r.chance(h.village.relocated)
	g.assistance(r, h)
	g.dwelling(r, h)
	g.holdings(r, h)
}

func clamp(x, lo, hi float64) float64 { return math.Max(lo, math.Min(x, hi)) }

// fen rounds yuan to whole yuan and gives fen: accounting sheets are filled in whole yuan.
func fen(yuan float64) int64 { return int64(math.Round(yuan)) * 100 }

// insurance: about 97 % enrolled (domain 16); half of those who are not belong to households without anyone enrolled.
func (g *generator) insurance(r *rng, h *household) {
	allOut := r.chance(0.013)
	for i := range h.n {
		p := &h.m[i]
		p.pension = p.age >= 16 && !p.student() && r.chance(0.9)
		switch {
		case allOut || r.chance(0.016):
			p.medical = "none"
			if r.chance(0.4) {
				p.medical = ""
			}
			if h.nGaps == 0 || h.gaps[h.nGaps-1].risk != "medical_guarantee" {
				h.gap("medical_guarantee", "uninsured")
			}
		case p.works && r.chance(0.09):
			p.medical = "employee"
		case p.works && r.chance(0.004):
			p.medical = "both"
		default:
			p.medical = "resident"
		}
	}
}

func (g *generator) assistance(r *rng, h *household) {
	low := h.perHead < g.line*1.3
	elderAlone := h.n == 1 && h.m[0].age >= 65
	kind := ""
	switch {
	case elderAlone && r.chance(0.12):
		kind = "tekun"
	case low && r.chance(0.20), r.chance(0.012):
		kind = "dibao"
	case low && r.chance(0.03):
		kind = "edge"
	case low && r.chance(0.01):
		kind = "rigid"
	}
	if kind == "" {
		return
	}
	since := g.first - day(r.between(60, 2500))
	for i := range h.n {
		p := &h.m[i]
		p.assist, p.assistSince = kind, max(since, p.birth+30)
		switch kind {
		case "dibao":
			p.assistMoney = int64(r.between(180, 520)) * 100
		case "tekun":
			p.assistMoney = int64(r.between(780, 1250)) * 100
		}
		if kind == "dibao" && h.n > 3 && i >= 2 && r.chance(0.1) {
			p.assist = "" // single persons of a household are covered, too
		}
	}
}

// dwelling draws house, water and electricity.
func (g *generator) dwelling(r *rng, h *household) {
	v := h.village
	h.appraised = g.first - day(r.between(10, 1400))
	h.area = clampInt(int(55+float64(h.n)*14+20*r.normal()), 25, 320)
	switch x := r.unit(); {
	case x < 0.55:
		h.house = "a"
	case x < 0.984:
		h.house = "b"
	case x < 0.9965:
		h.house, h.repaired = "c", true
	case x < 0.9993:
		h.house, h.repaired = "d", true
	default:
		h.house = []string{"c", "d"}[r.below(2)]
		h.gap("housing", "unsafe_house")
	}
	h.piped = r.chance(v.piped)
	h.goodWater = true
	h.litres = clampInt(int(62+14*r.normal()), 37, 130)
	h.minutes = r.below(4)
	if !h.piped {
		h.litres = clampInt(int(50+9*r.normal()), 36, 90)
		h.minutes = r.between(2, 18)
	}
	h.shortDays = r.below(1 + v.dry)
	h.outageDays = r.below(3)
	if r.chance(0.0012) {
		h.goodWater = r.chance(0.5)
		h.minutes = r.between(22, 55)
		h.shortDays = r.between(38, 90)
		h.gap("water", "unsafe_water")
	}
	// About 113 kWh a month in an ex-poor household (domain 16), more with members and income.
	h.kwh = clamp(r.lognormal(64+15*float64(h.n), 0.38)*math.Sqrt(h.perHead/g.income), 8, 900)
	h.dropped = 1
}

// holdings: vehicles, shops, posts, projects and loans.
func (g *generator) holdings(r *rng, h *household) {
	for i := range h.n {
		p := &h.m[i]
		if p.age < 20 || p.age > 68 {
			continue
		}
		rich := h.perHead / g.income
		switch {
		case r.chance(0.075 * rich):
			p.asset = "car"
			p.assetValue = int64(r.between(30, 160)) * 100_000
		case r.chance(0.012):
			p.asset = "truck"
			p.assetValue = int64(r.between(40, 220)) * 100_000
		case r.chance(0.018 * rich):
			p.asset = "flat"
			p.assetValue = int64(r.between(180, 620)) * 100_000
		case r.chance(0.022):
			p.asset = "shop"
			p.assetValue = int64(r.between(5, 100)) * 100_000
		case r.chance(0.004):
			p.asset = "company"
			p.assetValue = int64(r.between(100, 2000)) * 100_000
		case r.chance(0.004 * rich):
			p.asset = "public_servant"
		}
		p.assetSince = g.first - day(r.between(-200, 3000))
		if p.labour != "none" && p.labour != "lost" && p.age >= 30 && p.age <= 64 && h.kind != "ordinary" && !p.works && r.chance(0.12) {
			p.post = []string{"forest", "cleaning", "road", "river", "solar", "other"}[r.pick([]float64{34, 36, 8, 8, 6, 8})]
			p.postStart = g.first - day(r.between(-250, 1200))
		}
	}
	if r.chance(0.055) {
		h.project = []string{"planting", "livestock", "processing", "tourism", "commerce", "other"}[r.pick([]float64{46, 38, 5, 4, 3, 4})]
		h.projectState, h.projectDay = "normal", g.randomDay(r)
		h.invested = int64(clamp(r.lognormal(16000, 0.8), 1000, 400000)) * 100
		if r.chance(0.06) {
			h.projectState = "loss"
			h.projectLoss = h.invested * int64(r.between(5, 25)) / 100
		}
	}
	if r.chance(0.045) {
		h.borrower = 0
		h.principal = int64(r.between(2, 10)) * 500_000
		h.loanIssued = g.last - day(r.between(30, 1000))
		h.balance = h.principal * int64(r.between(30, 100)) / 100
		if r.chance(0.012) { // a few days late, soon paid
			h.overdue, h.overdueDays = h.balance/10, r.between(1, 25)
		}
	}
}

// randomDay is a day of the twelve months.
func (g *generator) randomDay(r *rng) day { return g.first + day(r.below(int(g.last-g.first)+1)) }
