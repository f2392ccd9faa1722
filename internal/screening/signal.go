package screening

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/expr"
	"shouwang/internal/policy"
)

// Signal is one standing warning told in words, for those who make a lead of it. It names nobody.
type Signal struct {
	HouseholdID   int64
	HouseholdNo   string
	Division      division.Code // village
	HouseholdType string        // code of the roster: ordinary, exited, exited_no_policy; "" when not known
	Members       int
	Risk          string
	Level         policy.Level
	Rule          string   // the worst rule that hit; of several, the first of the pack
	Rules         []string // all rules that hit for the risk, worst first
	Dataset       string   // of the first value that decided, through derived indicators; "" when there is none
	Run           int64    // the newest run that screened the household
	// Since is the screening day on which the warning arose or last became worse, as YYYY-MM-DD. With household, risk and level it
	// tells one signal from another, also after the warehouse was made again.
	Since string
	// Past says how far the household is past the rule's line: 1 = on it, 2 = as far again as the line's own height. It is 1 + |value − line| / |line| of the
	// first decisive comparison of two numbers, 0 when the rule has none. A repeated cause is compared by it.
	Past     float64
	Words    policy.Text // the rule's wording with the household's values
	Evidence string      // JSON: the decisive comparisons in words of both languages
}

// Key tells this signal from all others.
func (g *Signal) Key() string {
	return fmt.Sprintf("screening:%d:%s:%s:%s", g.HouseholdID, g.Risk, g.Level, g.Since)
}

// SignalFilter chooses standing warnings. The zero value is all of them.
type SignalFilter struct {
	Division   division.Code // and everything under it; 0 = everywhere
	Level      policy.Level  // this level and worse; NoLevel = all
	Households []int64       // only these; nil = all
}

// evidenceWords is one decisive comparison as it is kept with a signal.
type evidenceWords struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// Signals tells every warning that stands and is known, household by household in the order of their ids; fn gets all of one household at once.
// Only the rows of warned households are read, one at a time. Errors: errs.NotFound before the first run, errs.Conflict when the pack has changed since.
func (s *Service) Signals(ctx context.Context, f SignalFilter, fn func([]Signal) error) error {
	c, err := s.w.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	rec, err := s.currentRun(ctx, c)
	if err != nil {
		return err
	}
	values, err := newParameters(s.pack, rec.AsOf, nil)
	if err != nil {
		return err
	}
	d := &derivation{q: &query{pack: s.pack, asOf: rec.AsOf, values: values}, run: rec}
	p := s.pack
	conds := []string{"v.level > 0", "v.known"}
	if f.Division != 0 {
		lo, hi := s.tree.Range(f.Division)
		conds = append(conds, fmt.Sprintf("v.division BETWEEN %d AND %d", lo, hi))
	}
	if f.Level != policy.NoLevel {
		conds = append(conds, fmt.Sprintf("v.level >= %d", f.Level))
	}
	if f.Households != nil {
		conds = append(conds, scope{ids: f.Households}.where("v"))
	}
	cols := []string{"g.household_id", "h.household_no", "w.division", "coalesce(h.type, '')", "w.members", "w.run", "g.told"}
	for i := range p.Indicators {
		cols = append(cols, "w."+column(&p.Indicators[i]))
	}
	// One line a risk: risk, level, day since, rules (worst first). Ids of the pack hold none of the separators.
	text := `WITH told AS (
  SELECT v.household_id, v.risk, any_value(v.level) AS level,
    coalesce((SELECT CAST(max(r.as_of) AS VARCHAR) FROM warning AS o JOIN run AS r ON r.run = o.run
      WHERE o.household_id = v.household_id AND o.risk = v.risk AND o.change IN ('new', 'worse')), '') AS since,
    string_agg(t.rule, ' ' ORDER BY t.level DESC, t.rule) AS rules
  FROM warning_live AS v JOIN hit AS t ON t.household_id = v.household_id AND t.run = v.run AND t.risk = v.risk AND t.class <> 'doubt'` + whereClause(conds...) + `
  GROUP BY v.household_id, v.risk
), g AS (
  SELECT household_id, string_agg(risk || '|' || level || '|' || since || '|' || rules, chr(10) ORDER BY level DESC, risk) AS told FROM told GROUP BY household_id
)
SELECT ` + strings.Join(cols, ", ") + ` FROM g JOIN wide AS w ON w.household_id = g.household_id JOIN household AS h ON h.household_id = g.household_id
ORDER BY g.household_id`
	env := make([]expr.Value, p.Slots())
	cells := make([]any, len(p.Indicators))
	return scan(ctx, c, text, func(rows *sql.Rows) error {
		var base Signal
		var told string
		dest := []any{&base.HouseholdID, &base.HouseholdNo, &base.Division, &base.HouseholdType, &base.Members, &base.Run, &told}
		for i := range cells {
			cells[i] = nil
			dest = append(dest, &cells[i])
		}
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		for i, v := range cells {
			env[i] = toValue(v)
		}
		p.SetParams(env, base.Division, rec.AsOf)
		d.env = env
		var out []Signal
		for line := range strings.SplitSeq(told, "\n") {
			g, err := s.tell(d, base, line)
			if err != nil {
				return err
			}
			out = append(out, g)
		}
		return fn(out)
	})
}

// tell makes a signal of one line "risk|level|since|rules" and the household's row.
func (s *Service) tell(d *derivation, g Signal, line string) (Signal, error) {
	part := strings.SplitN(line, "|", 4)
	level, err := strconv.Atoi(part[1])
	if err != nil || len(part) != 4 {
		return g, errs.Newf(errs.Internal, "预警记录不完整：%[1]s", "a warning's record is not whole: %[1]s", line)
	}
	g.Risk, g.Level, g.Since, g.Rules = part[0], policy.Level(level), part[2], strings.Fields(part[3])
	var worst *policy.Rule
	for _, id := range g.Rules {
		if r := s.pack.Rule(id); r != nil && (worst == nil || r.Level > worst.Level || r.Level == worst.Level && s.ruleNumber(r.ID) < s.ruleNumber(worst.ID)) {
			worst = r
		}
	}
	if worst == nil {
		return g, errs.Newf(errs.Conflict, "政策包里没有规则 %[1]s；请重新筛查", "the pack has no rule %[1]s; screen again", part[3])
	}
	g.Rule, g.Words = worst.ID, s.fill(d, worst.Wording)
	evidence := []evidenceWords{}
	for _, r := range worst.When.Explain(d.env).Reasons {
		evidence = append(evidence, evidenceWords{ZH: r.Words("zh"), EN: r.Words("en")})
		if g.Past == 0 && r.Left.Known && r.Right.Known && !math.IsNaN(r.Margin) && r.Right.Num != 0 {
			g.Past = 1 + math.Abs(r.Margin)/math.Abs(r.Right.Num)
		}
		for _, v := range r.Vars {
			if g.Dataset == "" {
				g.Dataset = s.datasetOf(d.q, v.Slot, 0)
			}
		}
	}
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false) // "<" and ">" are what comparisons are made of
	err = enc.Encode(evidence)
	g.Evidence = strings.TrimSpace(text.String())
	return g, err
}

// datasetOf is the feed behind a slot; of a derived indicator the first part that has one. Parameters have none.
func (s *Service) datasetOf(q *query, slot, depth int) string {
	if slot >= len(s.pack.Indicators) || depth > 6 {
		return ""
	}
	ind := &s.pack.Indicators[slot]
	if ind.Derive == nil {
		return q.feedOf(ind.Dataset)
	}
	for _, v := range ind.Derive.Vars() {
		if feed := s.datasetOf(q, v.Slot, depth+1); feed != "" {
			return feed
		}
	}
	return ""
}

// Row gives the household's values as the newest run that screened it left them, by slot of policy.Pack.RuleEnv, with the run's day and parameters.
// Errors: errs.NotFound for a household that is not in the register or was never screened.
func (s *Service) Row(ctx context.Context, householdNo string) ([]expr.Value, error) {
	c, err := s.w.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	d, err := s.stored(ctx, c, householdNo)
	if err != nil {
		return nil, err
	}
	return d.env, nil
}
