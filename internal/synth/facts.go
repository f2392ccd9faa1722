package synth

import "shouwang/internal/policy"

// emitter knows how one dataset's rows come from a household.
type emitter struct {
	dataset string
	columns []string // in the order in which rows fills them
	// rows a household on average: decides whether XLSX is possible
	perHousehold float64
	rows         func(g *generator, f *feed, h *household)
}

// emitters are the 26 feeds. Adding one: name the contract's columns, then fill them in the same order.
func emitters() []emitter {
	return []emitter{
		{"roster", []string{"household_no", "division", "relation", "name", "number", "phone", "bank_account", "sex", "birth", "ethnic", "education", "school", "health", "labour", "household_type", "relocated"}, 3.9, rosterRows},
		{"hukou_change", []string{"name", "number", "household_no", "change", "changed", "to_household_no", "division", "sex", "birth"}, 0.07, changeRows},
		{"health_settlement", []string{"settlement_no", "name", "number", "birth", "division", "kind", "admitted", "settled", "out_of_province", "total", "fund_paid", "serious_paid", "aid_paid", "self_paid", "compliant_self_paid"}, 3.1, settlementRows},
		{"insurance_enrolment", []string{"name", "number", "household_no", "year", "medical", "serious", "pension", "premium_subsidy"}, 3.8, enrolmentRows},
		{"illness", []string{"name", "number", "household_no", "category", "diagnosed", "treated", "doctor"}, 0.4, illnessRows},
		{"school_roll", []string{"student_no", "name", "number", "birth", "division", "stage", "status", "since", "boarding"}, 0.9, rollRows},
		{"school_cost", []string{"name", "number", "household_no", "stage", "paid", "fees", "aid"}, 0.3, schoolCostRows},
		{"social_assistance", []string{"name", "number", "household_no", "kind", "since", "amount"}, 0.25, assistanceRows},
		{"temporary_aid", []string{"name", "number", "household_no", "granted", "amount", "reason"}, 0.01, aidRows},
		{"assistance_application", []string{"name", "number", "household_no", "decided", "result"}, 0.01, applicationRows},
		{"cremation", []string{"name", "number", "household_no", "died", "cremated"}, 0.03, cremationRows},
		{"disability", []string{"name", "card", "household_no", "category", "grade", "issued", "living_subsidy", "care_subsidy"}, 0.16, disabilityRows},
		{"migrant_work", []string{"name", "number", "household_no", "started", "ended", "place", "wage", "channel"}, 1.2, workRows},
		{"unemployment", []string{"name", "number", "household_no", "kind", "happened", "amount", "resolved"}, 0.01, joblessRows},
		{"housing", []string{"household_no", "head_name", "head_number", "grade", "appraised", "repaired", "area"}, 1, housingRows},
		{"water", []string{"household_no", "head_name", "supply", "litres", "quality", "minutes", "short_days", "outage_days", "checked"}, 1, waterRows},
		{"disaster", []string{"household_no", "head_name", "head_number", "kind", "happened", "house", "crop_area", "loss", "casualties"}, 0.01, disasterRows},
		{"traffic_accident", []string{"name", "number", "household_no", "happened", "injury", "liability", "loss"}, 0.01, accidentRows},
		{"industry_project", []string{"project_no", "household_no", "head_name", "kind", "reported", "status", "invested", "loss"}, 0.06, projectRows},
		{"small_loan", []string{"contract_no", "name", "number", "household_no", "principal", "balance", "issued", "due", "overdue", "overdue_days", "bank_account"}, 0.05, loanRows},
		{"public_post", []string{"name", "number", "household_no", "post", "started", "ended", "pay"}, 0.05, postRows},
		{"electricity", []string{"meter_no", "household_no", "head_name", "month", "kwh", "kwh_last_year", "arrears"}, 3, electricityRows},
		{"income", []string{"household_no", "head_name", "head_number", "wage", "business", "property", "transfer", "business_cost", "claims", "accounted"}, 1, incomeRows},
		{"assets", []string{"name", "number", "kind", "registered", "value", "household_no"}, 0.3, assetRows},
		{"petition", []string{"case_no", "name", "number", "phone", "household_no", "received", "channel", "topic", "content"}, 0.01, petitionRows},
		{"monitored", []string{"household_no", "head_name", "head_number", "category", "identified", "cleared", "cleared_on", "cleared_how", "risk1", "development_measure", "measures"}, 0.03, monitoredRows},
	}
}

func (f *feed) villageCode(h *household) { f.text(h.village.text[:]) }

func (f *feed) who(p *person) {
	f.name(&p.name)
	f.number(p.number[:])
}

func (f *feed) sexOf(p *person) {
	if p.female {
		f.code("f")
	} else {
		f.code("m")
	}
}

// newestBirths are not in the roster yet: it lags by two months behind the register.
const newestBirths = 60

func rosterRows(g *generator, f *feed, h *household) {
	for i := range h.n {
		p := &h.m[i]
		if p.birth > g.last-newestBirths && i > 0 {
			continue
		}
		f.begin(h, noDay)
		f.household(&h.no)
		f.villageCode(h)
		if i == 1 && h.twoHeads {
			f.dirt[dirtTwoHeads]++
			f.code("head")
		} else {
			f.code(p.relation)
		}
		f.who(p)
		if p.hasPhone {
			f.text(p.phone[:11])
		} else {
			f.null()
		}
		if p.hasBank {
			f.text(p.bank[:19])
		} else {
			f.null()
		}
		f.sexOf(p)
		f.date(p.birth)
		f.ethnic(p.ethnic)
		f.code(p.education)
		f.code(p.school)
		f.code(p.health)
		f.code(p.labour)
		f.code(h.kind)
		f.bool(h.relocated)
		f.end()
	}
}

func (f *feed) change(h *household, p *person, kind string, d day) {
	f.begin(h, d)
	f.who(p)
	f.household(&h.no)
	f.code(kind)
	f.date(d)
	if kind == "split" {
		f.household(&p.splitNo)
	} else {
		f.null()
	}
	f.villageCode(h)
	f.sexOf(p)
	f.date(p.birth)
	f.end()
}

func changeRows(g *generator, f *feed, h *household) {
	for i := range h.n {
		p := &h.m[i]
		if p.bornNew && p.birth <= g.last {
			f.change(h, p, "birth", p.birth)
		}
		if p.movedIn != noDay {
			f.change(h, p, "move_in", p.movedIn)
		}
		if p.movedOut != noDay {
			f.change(h, p, "move_out", p.movedOut)
		}
		if p.split != noDay {
			f.change(h, p, "split", p.split)
		}
		if p.died != noDay && !p.unregistered(h) {
			f.change(h, p, "death", p.died)
		}
	}
}

// unregistered deaths (8 %) are known to civil affairs and not yet to the register; cremated ones (60 %) to civil
// affairs. Every death is known to one of the two.
func (p *person) unregistered(h *household) bool {
	return derive(h.seed, uint64(p.birth))%100 < 8
}

func (p *person) cremated(h *household) bool {
	return p.unregistered(h) || derive(h.seed, uint64(p.birth)^0xdead)%100 < 60
}

func settlementRows(g *generator, f *feed, h *household) {
	no := uint64(f.c.code)*1e10 + uint64(h.index)*100
	for i := range h.n {
		p := &h.m[i]
		for k := range p.nb {
			b := p.bills[k]
			no++
			f.beginPerson(h, p, b.day)
			mad := f.wild == wildMad && f.r.chance(0.5)
			if mad {
				f.wild = 0
				f.dirt[dirtImplausible]++
				b.self = b.total + b.total/2 + 10_000
			}
			if f.late != nil && f.dst == f.main && !mad && f.r.chance(rateCorrected) {
				// First sent before the fund had paid: the correction delivery brings the true parts.
				f.dirt[dirtCorrected]++
				wrong := b
				wrong.self, wrong.fund, wrong.serious, wrong.aid = b.total, 0, 0, 0
				wrong.compliant = 0
				f.settlement(h, p, &wrong, no)
				f.write(f.main)
				f.cells, f.ends, f.kinds, f.at = f.cells[:0], f.ends[:0], f.kinds[:0], 0
				f.settlement(h, p, &b, no)
				f.write(f.late)
				continue
			}
			f.settlement(h, p, &b, no)
			f.end()
		}
	}
}

func (f *feed) settlement(h *household, p *person, b *bill, no uint64) {
	f.token("JS", no, 16)
	f.who(p)
	f.date(p.birth)
	f.villageCode(h)
	f.code(b.kind)
	f.date(b.admitted)
	f.date(b.day)
	f.bool(b.outOfProvince)
	f.money(b.total)
	f.money(b.fund)
	f.money(b.serious)
	f.money(b.aid)
	f.money(b.self)
	f.money(b.compliant)
}

func enrolmentRows(g *generator, f *feed, h *household) {
	for i := range h.n {
		p := &h.m[i]
		if p.medical == "" {
			continue
		}
		f.beginPerson(h, p, noDay)
		f.who(p)
		f.household(&h.no)
		f.integer(g.last.year())
		f.code(p.medical)
		f.bool(p.medical != "none")
		f.bool(p.pension)
		switch {
		case p.medical == "resident" && (p.assist != "" || h.monitored != "" && !h.cleared):
			f.money(20_000)
		case p.medical == "resident" && h.kind == "exited":
			f.money(8_000)
		default:
			f.null()
		}
		f.end()
	}
}

func illnessRows(g *generator, f *feed, h *household) {
	for i := range h.n {
		p := &h.m[i]
		if p.illness == "" {
			continue
		}
		f.beginPerson(h, p, noDay)
		f.who(p)
		f.household(&h.no)
		f.code(p.illness)
		f.date(p.diagnosed)
		f.bool(p.nb > 0 || f.r.chance(0.95))
		f.bool(f.r.chance(0.9))
		f.end()
	}
}

func rollRows(g *generator, f *feed, h *household) {
	for i := range h.n {
		p := &h.m[i]
		if p.stage == "" || p.died != noDay {
			continue
		}
		f.beginPerson(h, p, noDay)
		f.token("XJ", uint64(f.c.code)*1e8+uint64(h.index)*10+uint64(i), 14)
		f.who(p)
		f.date(p.birth)
		f.villageCode(h)
		f.code(p.stage)
		f.code(p.status)
		f.date(p.since)
		f.bool(p.age >= 12 && f.r.chance(0.55))
		f.end()
	}
}

func schoolCostRows(g *generator, f *feed, h *household) {
	for i := range h.n {
		p := &h.m[i]
		if p.fees == 0 {
			continue
		}
		f.beginPerson(h, p, p.paid)
		f.who(p)
		f.household(&h.no)
		f.code(p.stage)
		f.date(p.paid)
		f.money(p.fees)
		f.money(p.aid)
		f.end()
	}
}

func assistanceRows(g *generator, f *feed, h *household) {
	for i := range h.n {
		p := &h.m[i]
		if p.assist == "" || p.died != noDay && p.died < g.last-60 {
			continue
		}
		f.beginPerson(h, p, noDay)
		f.who(p)
		f.household(&h.no)
		f.code(p.assist)
		f.date(p.assistSince)
		if p.assistMoney > 0 {
			f.money(p.assistMoney)
		} else {
			f.null()
		}
		f.end()
	}
}

func aidRows(g *generator, f *feed, h *household) {
	if h.aidReason == "" {
		return
	}
	p := &h.m[h.aidTo]
	f.beginPerson(h, p, h.aidDay)
	f.who(p)
	f.household(&h.no)
	f.date(h.aidDay)
	f.money(h.aidMoney)
	f.code(h.aidReason)
	f.end()
}

func applicationRows(g *generator, f *feed, h *household) {
	if h.decision == "" {
		return
	}
	p := &h.m[0]
	f.beginPerson(h, p, h.decidedOn)
	f.who(p)
	f.household(&h.no)
	f.date(h.decidedOn)
	f.code(h.decision)
	f.end()
}

func cremationRows(g *generator, f *feed, h *household) {
	for i := range h.n {
		p := &h.m[i]
		if p.died == noDay || !p.cremated(h) {
			continue
		}
		f.beginPerson(h, p, p.died)
		f.who(p)
		f.householdMaybe(&h.no)
		f.date(p.died)
		f.date(p.died + day(f.r.between(1, 4)))
		f.end()
	}
}

func disabilityRows(g *generator, f *feed, h *household) {
	for i := range h.n {
		p := &h.m[i]
		if p.disability == "" || p.died != noDay {
			continue
		}
		f.beginPerson(h, p, noDay)
		f.name(&p.name)
		f.number(p.number[:], p.disability[0], byte('0'+p.grade))
		f.household(&h.no)
		f.code(p.disability)
		f.integer(p.grade)
		f.date(p.issued)
		f.bool(p.assist != "" || h.monitored != "")
		f.bool(p.grade <= 2 && f.r.chance(0.96))
		f.end()
	}
}

func workRows(g *generator, f *feed, h *household) {
	for i := range h.n {
		p := &h.m[i]
		if !p.works || p.ended != noDay && p.ended < g.first {
			continue
		}
		for _, start := range [2]day{p.started, p.again} {
			if start == noDay {
				continue
			}
			f.beginPerson(h, p, noDay)
			f.who(p)
			f.household(&h.no)
			f.month(start)
			if start == p.again {
				f.null()
			} else {
				f.month(p.ended)
			}
			f.code(p.place)
			f.money(p.wage)
			f.code(p.channel)
			f.end()
		}
	}
}

func joblessRows(g *generator, f *feed, h *household) {
	for i := range h.n {
		p := &h.m[i]
		if p.jobless == "" {
			continue
		}
		f.beginPerson(h, p, p.joblessOn)
		f.who(p)
		f.household(&h.no)
		f.code(p.jobless)
		f.date(p.joblessOn)
		if p.jobless == "arrears" {
			f.money(p.arrears)
		} else {
			f.null()
		}
		f.bool(p.resolved)
		f.end()
	}
}

func (f *feed) head(h *household) {
	f.household(&h.no)
	f.name(&h.m[0].name)
}

func housingRows(g *generator, f *feed, h *household) {
	f.begin(h, noDay)
	f.head(h)
	f.number(h.m[0].number[:])
	f.code(h.house)
	f.date(h.appraised)
	f.bool(h.repaired)
	f.integer(h.area)
	f.end()
}

func waterRows(g *generator, f *feed, h *household) {
	f.begin(h, noDay)
	f.head(h)
	if h.piped {
		f.code("piped")
	} else {
		f.code("scattered")
	}
	f.integer(h.litres)
	f.bool(h.goodWater)
	f.integer(h.minutes)
	f.integer(h.shortDays)
	f.integer(h.outageDays)
	f.date(g.last - day(f.r.below(60)))
	f.end()
}

func disasterRows(g *generator, f *feed, h *household) {
	if h.disaster == "" {
		return
	}
	f.begin(h, h.disasterDay)
	f.head(h)
	f.number(h.m[0].number[:])
	f.code(h.disaster)
	f.date(h.disasterDay)
	f.code(h.damage)
	f.tenth(int(h.cropArea * 10))
	f.money(h.loss)
	f.integer(h.casualties)
	f.end()
}

func accidentRows(g *generator, f *feed, h *household) {
	for i := range h.n {
		p := &h.m[i]
		if p.injury == "" {
			continue
		}
		f.beginPerson(h, p, p.injured)
		f.who(p)
		f.householdMaybe(&h.no)
		f.date(p.injured)
		f.code(p.injury)
		f.code(p.liability)
		f.money(p.hurtLoss)
		f.end()
	}
}

func projectRows(g *generator, f *feed, h *household) {
	if h.project == "" {
		return
	}
	f.begin(h, h.projectDay)
	f.token("CY", uint64(f.c.code)*1e7+uint64(h.index), 13)
	f.head(h)
	f.code(h.project)
	f.date(h.projectDay)
	f.code(h.projectState)
	f.money(h.invested)
	f.money(h.projectLoss)
	f.end()
}

func loanRows(g *generator, f *feed, h *household) {
	if h.principal == 0 {
		return
	}
	p := &h.m[h.borrower]
	f.beginPerson(h, p, noDay)
	f.token("DK", uint64(f.c.code)*1e7+uint64(h.index), 13)
	f.who(p)
	f.household(&h.no)
	f.money(h.principal)
	f.money(h.balance)
	f.date(h.loanIssued)
	f.date(h.loanIssued + 1095 - day(h.overdueDays/30)) // three years, the longest term of the scheme
	f.money(h.overdue)
	f.integer(h.overdueDays)
	if p.hasBank {
		f.text(p.bank[:19])
	} else {
		f.null()
	}
	f.end()
}

func postRows(g *generator, f *feed, h *household) {
	for i := range h.n {
		p := &h.m[i]
		if p.post == "" || p.died != noDay {
			continue
		}
		f.beginPerson(h, p, noDay)
		f.who(p)
		f.household(&h.no)
		f.code(p.post)
		f.date(min(p.postStart, g.last))
		f.null()
		f.money(int64(f.r.between(4, 12)) * 10_000)
		f.end()
	}
}

// seasons is the use of power by month, relative to the year's mean: winter heating, summer fans [assumption].
var seasons = [12]float64{1.42, 1.35, 1.08, 0.88, 0.80, 0.84, 1.02, 1.05, 0.85, 0.80, 0.90, 1.12}

func electricityRows(g *generator, f *feed, h *household) {
	for k := -2; k <= 0; k++ {
		m := g.last.monthStart(k)
		_, mm, _ := m.civil()
		before := h.kwh * seasons[mm-1]
		now := before * h.dropped
		f.begin(h, m)
		f.token("05", uint64(f.c.code)*1e7+uint64(h.index), 14)
		f.head(h)
		f.month(m)
		f.tenth(int(now * f.r.within(0.9, 1.13) * 10))
		f.tenth(int(before * f.r.within(0.9, 1.1) * 10))
		if h.dropped < 0.8 && h.nShocks > 0 && f.r.chance(0.4) {
			f.money(int64(f.r.between(30, 300)) * 100)
		} else {
			f.money(0)
		}
		f.end()
	}
}

func incomeRows(g *generator, f *feed, h *household) {
	f.begin(h, noDay)
	f.head(h)
	f.number(h.m[0].number[:])
	f.money(h.wage)
	f.money(h.business)
	f.money(h.property)
	f.money(h.transfer)
	f.money(h.cost)
	f.money(h.claims)
	f.month(g.last)
	f.end()
}

func assetRows(g *generator, f *feed, h *household) {
	for i := range h.n {
		p := &h.m[i]
		if p.asset == "" {
			continue
		}
		f.beginPerson(h, p, noDay)
		f.who(p)
		f.code(p.asset)
		f.date(min(p.assetSince, g.last))
		if p.assetValue > 0 {
			f.money(p.assetValue)
		} else {
			f.null()
		}
		f.householdMaybe(&h.no)
		f.end()
	}
}

// contents of complaints name nobody.
var contents = map[string]string{
	"hardship": "反映家庭生活困难，请求帮扶", "medical": "反映医疗费用负担重，请求救助", "wages": "反映务工工资被拖欠，请求协调",
	"housing": "反映住房存在安全隐患，请求鉴定", "water": "反映饮水困难、经常停水，请求解决", "schooling": "反映子女上学费用困难", "other": "咨询政策办理事项",
}

func petitionRows(g *generator, f *feed, h *household) {
	if h.topic == "" {
		return
	}
	p := &h.m[h.petitioner]
	f.beginPerson(h, p, h.petitionDay)
	f.token("GD", uint64(f.c.code)*1e7+uint64(h.index), 13)
	f.name(&p.name)
	known := f.r.chance(0.7)
	if known {
		f.number(p.number[:])
	} else {
		f.null()
	}
	if p.hasPhone {
		f.text(p.phone[:11])
	} else {
		f.null()
	}
	if known {
		f.householdMaybe(&h.no)
	} else {
		f.household(&h.no)
	}
	f.date(h.petitionDay)
	f.code(h.channel)
	f.code(h.topic)
	f.text([]byte(contents[h.topic]))
	f.end()
}

func monitoredRows(g *generator, f *feed, h *household) {
	if h.monitored == "" {
		return
	}
	f.begin(h, noDay)
	f.head(h)
	f.number(h.m[0].number[:])
	f.code(h.monitored)
	f.month(h.identified)
	f.bool(h.cleared)
	if h.cleared {
		f.month(h.clearedOn)
		f.code(h.clearedHow)
	} else {
		f.null()
		f.null()
	}
	f.code(h.monitorRisk)
	f.bool(h.development)
	f.integer(h.measures)
	f.end()
}

func (g *generator) dataset(id string) *policy.Dataset {
	for i := range g.opt.Pack.Datasets {
		if g.opt.Pack.Datasets[i].ID == id {
			return &g.opt.Pack.Datasets[i]
		}
	}
	return nil
}
