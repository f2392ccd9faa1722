package casework

import (
	"context"
	"encoding/json"
	"time"

	"shouwang/internal/errs"
	"shouwang/internal/expr"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/workflow"
)

// knownFacts are the facts of source "case" that this program computes, with their types. A pack that declares another one does not
// start: its guards could never be met.
func knownFacts() map[string]expr.Type {
	n, b, t := expr.Number, expr.Bool, expr.Text
	return map[string]expr.Type{
		"green": b, "lead_days": n, "visits": n, "visitors": n, "visit_days": n, "authorised": b,
		"comparisons": n, "comparisons_open": n, "comparison_doubts": n, "appraisals": n, "publicities": n, "publicity_days": n, "objections_open": n,
		"monitored_months": n, "watched_months": n, "household_type": t, "no_labour": b, "risks": n, "risk_remarks_missing": n,
		"schooling_confirmed": b, "insurance_confirmed": b, "housing_confirmed": b, "water_confirmed": b,
	}
}

// riskFact is the beginning of a fact that says whether a risk of the pack is recorded: risk_illness.
const riskFact = "risk_"

func checkFacts(p *policy.Pack) error {
	known := knownFacts()
	for _, f := range p.Workflow.Facts {
		if f.Source != policy.FromCase {
			continue
		}
		typ, ok := known[f.ID]
		if len(f.ID) > len(riskFact) && f.ID[:len(riskFact)] == riskFact && p.Risk(f.ID[len(riskFact):]) != nil {
			typ, ok = expr.Bool, true
		}
		if !ok || typ != f.Type {
			return errs.Newf(errs.Invalid, "workflow.yaml 的事实 %[1]s 不是程序能计算的，或类型应为%[2]s", "workflow.yaml: the program does not compute the fact %[1]s, or its type should be %[3]s", f.ID, typ.In("zh"), typ.In("en"))
		}
	}
	return nil
}

// Facts are what guards see about a case on a day: computed from its papers, its measures and the household's indicators. indicators
// are what [Hooks.Indicators] gave. form may be nil; its risks count as if they were recorded already.
func (s *Service) facts(ctx context.Context, tx *ledger.Tx, m *workflow.Machine, c *Case, steps []Step, indicators workflow.Facts, action *policy.Action, form workflow.Form) (workflow.Facts, error) {
	f := workflow.Facts{}
	for id, v := range indicators {
		f[id] = v
	}
	p, err := readPapers(m, c, steps)
	if err != nil {
		return nil, err
	}
	p.into(f)
	risks := c.Risks
	if action != nil && form != nil {
		for id, v := range m.FormFacts(action, form) {
			f[id] = v
		}
		if rows, ok := form["risks"].([]any); ok {
			risks = risksOf(rows)
		}
	}
	s.riskFacts(f, risks)
	f["green"] = expr.BoolValue(c.Green)
	f["lead_days"] = expr.NumberValue(float64(days(Civil(c.LeadAt.Go()), m.Today())))
	if c.HouseholdType != "" {
		f["household_type"] = expr.TextValue(c.HouseholdType)
	}
	if day, err := time.Parse(time.DateOnly, c.IdentifiedOn); err == nil {
		f["monitored_months"] = expr.NumberValue(float64(wholeMonths(day, m.Today())))
	}
	if c.Phase == string(policy.PhaseWatch) {
		f["watched_months"] = expr.NumberValue(float64(wholeMonths(Civil(c.StateAt.Go()), m.Today())))
	}
	if l, ok := f["labourers"]; ok && l.Known {
		f["no_labour"] = expr.BoolValue(l.Num == 0)
	}
	if s.hooks.Measures != nil {
		more, err := s.hooks.Measures(ctx, tx, c)
		if err != nil {
			return nil, err
		}
		for id, v := range more {
			f[id] = v
		}
	}
	return f, nil
}

func (s *Service) riskFacts(f workflow.Facts, risks []Risk) {
	for i := range s.pack.Risks {
		f[riskFact+s.pack.Risks[i].ID] = expr.BoolValue(false)
	}
	missing := 0
	for _, r := range risks {
		f[riskFact+r.Risk] = expr.BoolValue(true)
		if r.Risk == "other" && r.Remark == "" {
			missing++
		}
	}
	f["risks"] = expr.NumberValue(float64(len(risks)))
	f["risk_remarks_missing"] = expr.NumberValue(float64(missing))
}

func risksOf(rows []any) []Risk {
	var out []Risk
	for _, r := range rows {
		row, ok := r.(map[string]any)
		if !ok {
			continue
		}
		text := func(key string) string { s, _ := row[key].(string); return s }
		out = append(out, Risk{Risk: text("risk"), Sub: text("sub"), Remark: text("remark")})
	}
	return out
}

// papers are what the steps of a case amount to. Counts are of the present round; what visits confirmed or corrected holds on for the
// days that the pack says.
type papers struct {
	visits, visitors, visitDays int
	authorised                  bool
	comparisons                 map[string]string // department → latest result
	appraisals, publicities     int
	publicityDays               int // -1: nothing posted
	objections                  int
	confirmed                   map[string]bool
	corrections                 map[string]float64
}

// recorded are the parts of forms that facts are made from.
type recorded struct {
	VisitedOn string `json:"visited_on"`
	Visitors  []any  `json:"visitors"`
	Facts     []struct {
		Indicator string  `json:"indicator"`
		Value     float64 `json:"value"`
	} `json:"facts"`
	Members []struct {
		Labour string `json:"labour"`
	} `json:"members"`
	SchoolingOK *bool  `json:"schooling_ok"`
	InsuranceOK *bool  `json:"insurance_ok"`
	HousingOK   *bool  `json:"housing_ok"`
	WaterOK     *bool  `json:"water_ok"`
	SignedOn    string `json:"signed_on"`
	PostedOn    string `json:"posted_on"`
	Results     []struct {
		Department string `json:"department"`
		Result     string `json:"result"`
	} `json:"results"`
}

func readPapers(m *workflow.Machine, c *Case, steps []Step) (papers, error) {
	p := papers{visitDays: -1, publicityDays: -1, comparisons: map[string]string{}, confirmed: map[string]bool{}, corrections: map[string]float64{}}
	signed := time.Time{}
	confirmDays, err := m.Param("confirm_valid_days")
	if err != nil {
		return p, err
	}
	for i := range steps {
		st := &steps[i]
		if len(st.Does) == 0 {
			continue
		}
		var r recorded
		if err := json.Unmarshal([]byte(st.Data), &r); err != nil {
			return p, errs.Wrap(errs.Internal, err, "个案记录无法读取", "a step of the case cannot be read")
		}
		if st.has("visit") {
			p.visit(&r, m.Today(), st.Round == c.Round, int(confirmDays))
		}
		if st.has("authorisation") {
			if day, err := time.Parse(time.DateOnly, r.SignedOn); err == nil {
				signed = day
			}
		}
		if st.Round != c.Round {
			continue
		}
		switch {
		case st.has("comparison"):
			for _, one := range r.Results {
				p.comparisons[one.Department] = one.Result
			}
		case st.has("appraisal"):
			p.appraisals++
		case st.has("publicity"):
			p.publicities++
			if day, err := time.Parse(time.DateOnly, r.PostedOn); err == nil {
				p.publicityDays = days(day, m.Today())
			}
		case st.has("objection"):
			p.objections++
		case st.has("objection_closed"):
			p.objections--
		}
	}
	if !signed.IsZero() {
		valid, err := m.Param("authorisation_valid_days")
		if err != nil {
			return p, err
		}
		p.authorised = days(signed, m.Today()) <= int(valid)
	}
	return p, nil
}

func (p *papers) visit(r *recorded, today time.Time, thisRound bool, confirmDays int) {
	day, err := time.Parse(time.DateOnly, r.VisitedOn)
	if err != nil {
		return
	}
	age := days(day, today)
	if thisRound {
		p.visits++
		p.visitors, p.visitDays = distinct(r.Visitors), age
	}
	if age > confirmDays {
		return
	}
	for id, v := range map[string]*bool{"schooling_confirmed": r.SchoolingOK, "insurance_confirmed": r.InsuranceOK, "housing_confirmed": r.HousingOK, "water_confirmed": r.WaterOK} {
		if v != nil {
			p.confirmed[id] = *v
		}
	}
	for _, one := range r.Facts {
		p.corrections[one.Indicator] = one.Value
	}
	if len(r.Members) > 0 {
		labourers, able := 0, 0
		for _, one := range r.Members {
			switch one.Labour {
			case "ordinary", "skilled":
				labourers, able = labourers+1, able+1
			case "weak":
				labourers++
			}
		}
		p.corrections["members"], p.corrections["labourers"], p.corrections["able_labourers"] = float64(len(r.Members)), float64(labourers), float64(able)
	}
}

// distinct counts visitors; one person written twice is one. Names are sealed alike when they are alike.
func distinct(visitors []any) int {
	seen := map[string]bool{}
	for _, v := range visitors {
		row, ok := v.(map[string]any)
		if !ok {
			continue
		}
		who, _ := row["account"].(string)
		if who == "" {
			text, err := json.Marshal(row["name"])
			if err != nil {
				continue
			}
			who = string(text)
		}
		seen[who] = true
	}
	return len(seen)
}

func (p *papers) into(f workflow.Facts) {
	n := func(x int) expr.Value { return expr.NumberValue(float64(x)) }
	f["visits"], f["appraisals"], f["publicities"], f["objections_open"] = n(p.visits), n(p.appraisals), n(p.publicities), n(p.objections)
	f["authorised"] = expr.BoolValue(p.authorised)
	if p.visits > 0 {
		f["visitors"], f["visit_days"] = n(p.visitors), n(p.visitDays)
	}
	if p.publicities > 0 && p.publicityDays >= 0 {
		f["publicity_days"] = n(p.publicityDays)
	}
	answered, open, doubts := 0, 0, 0
	for _, result := range p.comparisons {
		switch result {
		case "asked":
			open++
		case "doubt":
			answered, doubts = answered+1, doubts+1
		default:
			answered++
		}
	}
	f["comparisons"], f["comparisons_open"], f["comparison_doubts"] = n(answered), n(open), n(doubts)
	for id, v := range p.confirmed {
		f[id] = expr.BoolValue(v)
	}
	for id, v := range p.corrections {
		f[id] = expr.NumberValue(v)
	}
}

// days from a to b, both UTC midnights.
func days(a, b time.Time) int { return int(b.Sub(a) / (24 * time.Hour)) }

// wholeMonths is the number of full months from a to b.
func wholeMonths(a, b time.Time) int {
	n := (b.Year()-a.Year())*12 + int(b.Month()) - int(a.Month())
	if b.Day() < a.Day() {
		n--
	}
	return n
}
