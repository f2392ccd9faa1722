package demo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/casework"
	"shouwang/internal/ledger"
	"shouwang/internal/matching"
	"shouwang/internal/measure"
	"shouwang/internal/policy"
	"shouwang/internal/registry"
	"shouwang/internal/screening"
)

// form is an action's form.
type form = map[string]any

// story is one household's way. Its methods write beats; the cursor moves on with each.
type story struct {
	p     *play
	name  string
	home  home
	lead  int // days ago
	at    time.Time
	c     *casework.Case
	id    string // of an application
	ended bool
	turn  int
}

// begin makes a story of a household; with none left it has ended before it began.
func (p *play) begin(name string, from *[]home, lead int) *story {
	s := &story{p: p, name: name, lead: lead}
	if len(*from) == 0 {
		s.ended = true
		if p.report.Short++; p.report.Why == "" {
			p.report.Why = name + ": no household left"
		}
		return s
	}
	s.home, *from = (*from)[0], (*from)[1:]
	s.turn = int(s.home.state.HouseholdID % 7)
	return s.day(lead)
}

// day moves the cursor to a working hour so many days before the end.
func (s *story) day(ago int) *story {
	s.at = s.p.moment(ago, 8.5+float64(s.turn)*0.9)
	return s
}

// after moves the cursor to so many days after the lead.
func (s *story) after(days int) *story { return s.day(s.lead - days) }

// moment is an hour so many days before the end, and never later than it.
func (p *play) moment(ago int, hour float64) time.Time {
	at := clock(p.o.Now.AddDate(0, 0, -ago), hour)
	if at.After(p.o.Now) {
		return p.o.Now
	}
	return at
}

func (s *story) beat(do func(now time.Time) error) *story {
	if s.ended {
		return s
	}
	s.p.beats = append(s.p.beats, beat{at: s.at, of: s, do: do})
	if s.at = s.at.Add(10 * time.Minute); s.at.After(s.p.o.Now) {
		s.at = s.p.o.Now
	}
	return s
}

// warned begins with the household's warnings, sent out by the county.
func (s *story) warned() *story {
	if !s.ended {
		s.p.sent[s.lead] = append(s.p.sent[s.lead], s)
		s.at = s.at.Add(20 * time.Minute)
	}
	return s
}

// writeSends writes the county's sending of warnings, one a day.
func (p *play) writeSends() {
	for _, ago := range slices.Sorted(maps.Keys(p.sent)) {
		all := p.sent[ago]
		p.beats = append(p.beats, beat{at: p.moment(ago, 8), do: func(now time.Time) error {
			county, err := p.who(account.County, p.o.Village, "", now)
			if err != nil {
				return err
			}
			var ids []int64
			for _, s := range all {
				ids = append(ids, s.home.state.HouseholdID)
			}
			if _, err := p.dispatch.Send(p.ctx, county, now, screening.SignalFilter{Households: ids}, nil); err != nil {
				return err
			}
			for _, s := range all {
				if err := s.find(now); err != nil {
					return err
				}
			}
			return nil
		}})
	}
}

// find reads the household's case.
func (s *story) find(now time.Time) error {
	page, err := s.p.cases.List(s.p.ctx, account.SystemActor("demo"), now, casework.Filter{Household: s.home.state.HouseholdID}, "", 1)
	if err != nil {
		return err
	}
	if len(page.Cases) == 0 {
		s.ended = true
		s.p.report.Short++
		return nil
	}
	s.c = &page.Cases[0]
	return nil
}

// household is the household as casework names it.
func (s *story) household() (casework.Household, error) {
	conn, err := s.p.app.Warehouse.Conn(s.p.ctx)
	if err != nil {
		return casework.Household{}, err
	}
	defer conn.Close()
	h, err := registry.ByHouseholdNo(s.p.ctx, conn, s.home.state.HouseholdNo)
	return casework.Household{ID: h.ID, No: h.No, Division: h.Division, Type: h.Type}, err
}

// reported begins with what somebody saw or heard.
func (s *story) reported(channel casework.Channel, level int) *story {
	return s.beat(func(now time.Time) error {
		who, err := s.p.who(account.Village, s.home.state.Division, "", now)
		if err != nil {
			return err
		}
		h, err := s.household()
		if err != nil {
			return err
		}
		g := casework.Signal{Household: h.ID, HouseholdNo: h.No, Division: h.Division, HouseholdType: h.Type, Channel: channel, Risk: s.home.risk, Level: level, Words: trouble(s.home.risk), Happened: dayOf(now)}
		if _, err := s.p.cases.Receive(s.p.ctx, who, now, []casework.Signal{g}, nil); err != nil {
			return err
		}
		return s.find(now)
	})
}

// applies is a self-application that nobody has taken yet.
func (s *story) applies(name, phone string, words string) *story {
	return s.beat(func(now time.Time) error {
		_, err := s.p.cases.Apply(s.p.ctx, now, "demo "+name, casework.ApplicationForm{Name: name, Phone: phone, Division: s.home.state.Division, Difficulty: words})
		if err != nil {
			return err
		}
		s.p.report.Applications++
		who, err := s.p.who(account.Village, s.home.state.Division, "", now)
		if err != nil {
			return err
		}
		list, err := s.p.cases.Applications(s.p.ctx, who, "waiting", "", 100)
		if err == nil && len(list) > 0 {
			s.id = list[len(list)-1].ID
		}
		return err
	})
}

// taken makes the application a lead.
func (s *story) taken() *story {
	return s.beat(func(now time.Time) error {
		who, err := s.p.who(account.Village, s.home.state.Division, "", now)
		if err != nil {
			return err
		}
		h, err := s.household()
		if err != nil {
			return err
		}
		s.c, err = s.p.cases.TakeApplication(s.p.ctx, who, now, s.id, 1, h, s.home.risk, 2)
		return err
	})
}

// act is one action of a role.
func (s *story) act(role account.Role, action string, fill func(day string) form) *story {
	return s.beat(func(now time.Time) error {
		var data form
		if fill != nil {
			data = fill(dayOf(now))
		}
		return s.actNow(now, role, action, data)
	})
}

func (s *story) actNow(now time.Time, role account.Role, action string, data form) error {
	who, err := s.p.who(role, s.home.state.Division, "", now)
	if err != nil {
		return err
	}
	return s.actAs(now, who, action, data)
}

func (s *story) actAs(now time.Time, who account.Actor, action string, data form) error {
	err := s.p.app.Ledger.Read(s.p.ctx, func(ctx context.Context, tx *ledger.Tx) (err error) {
		s.c, err = s.p.cases.Get(ctx, tx, who, s.c.ID)
		return err
	})
	if err != nil {
		return err
	}
	out, err := s.p.cases.Act(s.p.ctx, who, now, casework.Act{Case: s.c.ID, Action: action, Version: s.c.Version, Data: data})
	if err != nil {
		return err
	}
	s.p.report.Acts++
	s.c = out.Case
	return nil
}

// visit is a home visit of two; fine: what the guarantees ask for is there.
func (s *story) visit(fine bool) *story {
	return s.beat(func(now time.Time) error {
		with, err := s.p.companions(s.home.state.Division, now)
		if err != nil {
			return err
		}
		data := form{"visited_on": dayOf(now), "visitors": with}
		if fine {
			data["schooling_ok"], data["insurance_ok"], data["housing_ok"], data["water_ok"] = true, true, true, true
		}
		return s.actNow(now, account.Village, "record_visit", data)
	})
}

// verify says that the lead is true, with the risks that the data or the visit show; what the guards do not accept is left out.
func (s *story) verify() *story {
	return s.beat(func(now time.Time) error {
		var all []string
		if s.home.risk != "" {
			all = append(all, s.home.risk)
		}
		for _, w := range s.home.state.Warnings {
			if s.fits(w.Risk) {
				all = append(all, w.Risk)
			}
		}
		all = all[:min(len(all), 3)]
		try := [][]string{{"other"}}
		if len(all) > 0 {
			try = [][]string{all, {"other"}}
		}
		var err error
		for _, risks := range try {
			var rows []any
			for _, r := range risks {
				row := form{"risk": r}
				if r == "other" {
					row["remark"] = "家庭临时困难，入户核实属实"
				}
				rows = append(rows, row)
			}
			if err = s.actNow(now, account.Village, "verify_true", form{"risks": rows}); err == nil || !refused(err) {
				return err
			}
		}
		return err
	})
}

// fits reports whether what is known of the household supports the risk, as whoever fills in the form would see.
func (s *story) fits(risk string) bool {
	n := func(id string) float64 {
		v, _ := s.p.value(&s.home.state, id)
		return v
	}
	switch risk {
	case "illness":
		return n("serious_ill")+n("chronic_ill") >= 1 && n("compliant_self_paid_12m") > 0
	case "disability":
		return n("disabled") >= 1
	case "employment":
		return n("labourers") >= 1
	case "labour", "other": // one is for the visit to judge, the other needs words
		return false
	}
	return true
}

// plan puts the proposed measures into the plan, adopts them, and takes the case's step.
func (s *story) plan() *story {
	s.beat(func(now time.Time) error {
		who, err := s.p.who(account.Township, s.home.state.Division, "", now)
		if err != nil {
			return err
		}
		x, err := s.p.matching.Case(s.p.ctx, who, s.p.cases, s.p.plans, s.c)
		if err != nil {
			return err
		}
		plan, err := s.p.plans.Propose(s.p.ctx, who, now, measure.Propose{Case: s.c.ID, Items: matching.Suggestions(x)})
		if err != nil {
			return err
		}
		d := measure.Decide{Case: s.c.ID, Version: plan.Version}
		for _, m := range plan.Measures {
			d.Items = append(d.Items, measure.Decision{Measure: m.ID})
		}
		_, err = s.p.plans.Decide(s.p.ctx, who, now, d)
		return err
	})
	return s.act(account.Township, "plan", nil)
}

// each does something to every measure of the plan that is in a state.
func (s *story) each(state measure.State, role account.Role, do func(now time.Time, who account.Actor, m measure.Measure) error) *story {
	return s.beat(func(now time.Time) error {
		who, err := s.p.who(role, s.home.state.Division, "", now)
		if err != nil {
			return err
		}
		plan, err := s.p.plans.Plan(s.p.ctx, who, s.c.ID)
		if err != nil {
			return err
		}
		for _, m := range plan.Measures {
			if m.State == state {
				if err := do(now, who, m); err != nil {
					return err
				}
				s.p.report.Acts++
			}
		}
		return nil
	})
}

// orders sends every adopted measure to its department.
func (s *story) orders() *story {
	return s.each(measure.Adopted, account.Township, func(now time.Time, who account.Actor, m measure.Measure) error {
		_, err := s.p.plans.Send(s.p.ctx, who, now, measure.Send{Measure: m.ID, Version: m.Version})
		return err
	})
}

// answers has the departments answer what they were asked in state: accept, reject, done.
func (s *story) answers(state measure.State, answer, reason string) *story {
	return s.each(state, account.Township, func(now time.Time, _ account.Actor, m measure.Measure) error {
		who, err := s.p.who(account.Department, s.home.state.Division, m.Department, now)
		if err != nil {
			return err
		}
		o := m.Orders[len(m.Orders)-1]
		x := measure.Answer{Order: o.ID, Version: o.Version, Answer: answer, Reason: reason}
		if answer == "done" {
			x.Evidence = s.proofs(m)
		}
		_, err = s.p.plans.Answer(s.p.ctx, who, now, x)
		return err
	})
}

// checks has the township verify what was delivered.
func (s *story) checks() *story {
	return s.each(measure.Delivered, account.Township, func(now time.Time, who account.Actor, m measure.Measure) error {
		_, err := s.p.plans.Verify(s.p.ctx, who, now, measure.Verify{Measure: m.ID, Version: m.Version, OK: true})
		return err
	})
}

func (s *story) proofs(m measure.Measure) []measure.Proof {
	var out []measure.Proof
	if o := s.p.app.Pack.Measure(m.Option); o != nil {
		for _, kind := range o.Evidence {
			out = append(out, measure.Proof{Kind: kind, Hash: paperHash(kind + m.ID)})
		}
	}
	return out
}

// paperHash stands for a scanned paper of a household that does not exist.
func paperHash(what string) string {
	sum := sha256.Sum256([]byte("demo " + what))
	return hex.EncodeToString(sum[:])
}

func dayOf(now time.Time) string { return casework.Civil(now).Format(time.DateOnly) }

// trouble is a risk in the words of whoever reports it.
func trouble(risk string) policy.Text {
	switch risk {
	case "employment":
		return policy.Text{ZH: "主要劳动力务工的厂子停工，已经两个月没有工资。", EN: "The factory where the main earner works has stopped; no wages for two months."}
	case "business":
		return policy.Text{ZH: "养殖亏损较大，贷款快到期，家里周转不开。", EN: "The livestock lost money, a loan falls due, and there is nothing left to live on."}
	case "schooling":
		return policy.Text{ZH: "家里有两个孩子在外读书，学费和生活费负担重。", EN: "Two children study away from home; fees and living costs weigh heavily."}
	case "accident":
		return policy.Text{ZH: "家人骑车摔伤住院，手术后半年不能劳动。", EN: "A member was hurt in a road accident and cannot work for half a year."}
	case "disaster":
		return policy.Text{ZH: "连续暴雨，稻田和鱼塘被冲毁，今年收成没有了。", EN: "Days of heavy rain washed away the paddy and the fish pond; this year's harvest is gone."}
	}
	return policy.Text{ZH: "今年收入比去年少了很多，开支一直没减。", EN: "Income is far below last year's while expenses have not gone down."}
}
