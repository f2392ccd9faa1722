package screening

import (
	"context"
	"database/sql"
	"fmt"

	"shouwang/internal/errs"
	"shouwang/internal/policy"
	"shouwang/internal/registry"
)

// Household is everything known about one household, without anybody's name or number.
type Household struct {
	registry.Household
	Place      string          `json:"place"`
	Run        int64           `json:"run"` // 0: not screened yet
	AsOf       string          `json:"as_of,omitempty"`
	Warnings   []Warning       `json:"warnings"`
	Doubts     []string        `json:"doubts"`   // doubt rules that hit
	Findings   []string        `json:"findings"` // data-quality checks that hit
	Unknown    []string        `json:"unknown"`  // rules that can't be told
	Indicators []Value         `json:"indicators"`
	Guarantees []Guarantee     `json:"guarantees"`
	Feeds      []HouseholdFeed `json:"feeds"`
	History    []Turn          `json:"history"`
}

// Guarantee is the state of one rule of the 3+1.
type Guarantee struct {
	Rule    string      `json:"rule"`
	Name    policy.Text `json:"name"`
	Risk    string      `json:"risk"`
	Outcome string      `json:"outcome"`
}

// HouseholdFeed is how much one department knows about the household.
type HouseholdFeed struct {
	Dataset string      `json:"dataset"`
	Name    policy.Text `json:"name"`
	Rows    int64       `json:"rows"`
	State   string      `json:"state"` // covered | gap | stale | missing, by the indicator that it serves worst
	Through string      `json:"through,omitempty"`
	Months  []string    `json:"months,omitempty"` // of a gap: what never came, 2026-04 or 2026-01–2026-03
}

// Turn is one warning of one run in the household's history.
type Turn struct {
	Run    int64  `json:"run"`
	AsOf   string `json:"as_of"`
	Risk   string `json:"risk"`
	Level  string `json:"level"`
	Change string `json:"change"`
}

// Situation is what papers and ledgers tell of a household: its indicators and the 3+1 as the newest run left them. It is [Service.Household] without departments, warnings and
// history, at a tenth of the time: a county's ledger asks for thousands.
func (s *Service) Situation(ctx context.Context, no string) (Household, error) {
	c, err := s.w.Conn(ctx)
	if err != nil {
		return Household{}, err
	}
	defer c.Close()
	h, _, err := s.situation(ctx, c, no)
	return h, err
}

// situation gives the derivation besides; nil when the household was never screened.
func (s *Service) situation(ctx context.Context, c *sql.Conn, no string) (h Household, d *derivation, err error) {
	if h.Household, err = registry.ByHouseholdNo(ctx, c, no); err != nil {
		return h, nil, err
	}
	h.Place = s.place(h.Division)
	h.Warnings, h.Doubts, h.Findings, h.Unknown = []Warning{}, []string{}, []string{}, []string{}
	h.Indicators, h.Guarantees, h.Feeds, h.History = []Value{}, []Guarantee{}, []HouseholdFeed{}, []Turn{}
	d, err = s.stored(ctx, c, no)
	switch {
	case errs.KindOf(err) == errs.NotFound:
		return h, nil, nil // known, not screened yet
	case err != nil:
		return h, nil, err
	}
	p := d.q.pack
	h.Run, h.AsOf = d.run.Run, d.run.AsOf.Format("2006-01-02")
	for i := range p.Rules {
		r := &p.Rules[i]
		w, m := ruleBit(i)
		hit, unknown := d.hits[w]&m != 0, d.unk[w]&m != 0
		if r.Class == policy.ClassDoubt && hit {
			h.Doubts = append(h.Doubts, r.ID)
		}
		if unknown {
			h.Unknown = append(h.Unknown, r.ID)
		}
		if r.Class == policy.ClassGuarantee {
			g := Guarantee{Rule: r.ID, Name: r.Name, Risk: r.Risk, Outcome: policy.Clear.String()}
			if hit {
				g.Outcome = policy.Hit.String()
			} else if unknown {
				g.Outcome = policy.Unknown.String()
			}
			h.Guarantees = append(h.Guarantees, g)
		}
	}
	for i := range p.Checks {
		if w, m := checkBit(p, i); d.hits[w]&m != 0 {
			h.Findings = append(h.Findings, p.Checks[i].ID)
		}
	}
	for i := range p.Indicators {
		ind := &p.Indicators[i]
		v := Value{ID: ind.ID, Kind: "indicator", Name: ind.Name, Unit: ind.Unit, Text: show(d.env[i], ind.Type, ind.Unit)}
		if d.env[i].Known {
			v.Value = &d.env[i].Num
		} else if ind.Derive == nil {
			if ds := p.Dataset(d.q.feedOf(ind.Dataset)); ds != nil {
				v.Why = whyUnknown(ds, departmentName(p, ds.Department), d.q.cover.of(d.q.need(ind), d.county), ind.FreshDays)
			}
		} else {
			v.Why = unknownParts(p, d, ind)
		}
		h.Indicators = append(h.Indicators, v)
	}
	return h, d, nil
}

// Household collects the page of one household.
func (s *Service) Household(ctx context.Context, no string) (Household, error) {
	c, err := s.w.Conn(ctx)
	if err != nil {
		return Household{}, err
	}
	defer c.Close()
	h, d, err := s.situation(ctx, c, no)
	if err != nil || d == nil {
		return h, err
	}
	if h.Feeds, err = s.feeds(ctx, c, d); err != nil {
		return h, err
	}
	if err := scan(ctx, c, fmt.Sprintf("SELECT w.run, r.as_of, w.risk, w.level, w.change FROM warning AS w JOIN run AS r ON r.run = w.run AND r.state = 'done' WHERE w.household_id = %d ORDER BY w.run DESC, w.level DESC, w.risk", h.ID), func(rows *sql.Rows) error {
		var t Turn
		var asOf sql.NullTime
		var level uint8
		if err := rows.Scan(&t.Run, &asOf, &t.Risk, &level, &t.Change); err != nil {
			return err
		}
		t.AsOf, t.Level = asOf.Time.Format("2006-01-02"), policy.Level(level).String()
		h.History = append(h.History, t)
		return nil
	}); err != nil {
		return h, err
	}
	return h, s.warningsOf(ctx, c, &h)
}

// unknownParts names the indicators that make a derived one unknown.
func unknownParts(p *policy.Pack, d *derivation, ind *policy.Indicator) policy.Text {
	var zh, en string
	for _, part := range ind.Derive.Vars() {
		if part.Slot < len(p.Indicators) && !d.env[part.Slot].Known {
			name := p.Indicators[part.Slot].Name
			zh, en = zh+"、"+name.ZH, en+", "+name.EN
		}
	}
	if zh == "" {
		return policy.Text{ZH: "无法计算", EN: "cannot be computed"}
	}
	return policy.Text{ZH: "缺少" + zh[len("、"):], EN: "lacks" + en[1:]}
}

func (s *Service) feeds(ctx context.Context, c *sql.Conn, d *derivation) ([]HouseholdFeed, error) {
	out := []HouseholdFeed{}
	readers := map[string][]*policy.Indicator{}
	for i := range d.q.pack.Indicators {
		if ind := &d.q.pack.Indicators[i]; ind.Derive == nil {
			feed := d.q.feedOf(ind.Dataset)
			readers[feed] = append(readers[feed], ind)
		}
	}
	for i := range d.q.pack.Datasets {
		ds := &d.q.pack.Datasets[i]
		f := HouseholdFeed{Dataset: ds.ID, Name: ds.Name}
		st := d.q.worst(readers[ds.ID], d.county, d.q.cover.of(need{dataset: ds.ID}, d.county))
		if ds.Role == "casework" && st.state == missing {
			continue // the program's own records: no department owes them
		}
		f.State, f.Months = st.state.String(), st.gaps
		if !st.through.IsZero() {
			f.Through = st.through.Format("2006-01-02")
		}
		var err error
		if f.Rows, err = one[int64](ctx, c, fmt.Sprintf("SELECT count(*) FROM fact_%s WHERE household_id = %d", ds.ID, d.home.ID)); err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

// warningsOf reads the household's warnings as they stand.
func (s *Service) warningsOf(ctx context.Context, c *sql.Conn, h *Household) error {
	err := scan(ctx, c, fmt.Sprintf("SELECT risk, level, known, run, change FROM warning_live WHERE household_id = %d AND level > 0 ORDER BY level DESC, risk", h.ID), func(r *sql.Rows) error {
		w := Warning{HouseholdNo: h.No, HouseholdID: h.ID, Division: h.Division, Members: h.Members, Rules: []string{}, Evidence: []RuleEvidence{}}
		var level uint8
		if err := r.Scan(&w.Risk, &level, &w.Known, &w.Run, &w.Change); err != nil {
			return err
		}
		w.Level = policy.Level(level).String()
		h.Warnings = append(h.Warnings, w)
		return nil
	})
	if err != nil {
		return err
	}
	for i := range h.Warnings {
		w := &h.Warnings[i]
		text := fmt.Sprintf("SELECT rule, CAST(evidence AS VARCHAR) FROM hit WHERE household_id = %d AND run = %d AND class <> 'doubt' AND risk = '%s' ORDER BY level DESC, rule", h.ID, w.Run, w.Risk)
		if err := scan(ctx, c, text, func(r *sql.Rows) error {
			var rule string
			var list sql.NullString
			if err := r.Scan(&rule, &list); err != nil {
				return err
			}
			w.Rules = append(w.Rules, rule)
			w.Evidence = append(w.Evidence, RuleEvidence{rule, s.evidence(rule, list.String)})
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}
