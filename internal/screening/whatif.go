package screening

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/expr"
	"shouwang/internal/policy"
)

// Question is a change that is not made yet: other values of parameters, other texts of rules, or rules left out.
type Question struct {
	Set      map[string]float64 // parameter id → value everywhere (overrides by division included)
	Rules    map[string]string  // rule id → new expression
	Drop     []string           // rule ids that would no longer be there
	By       string             // county (default), township or village
	Division division.Code      // only households under it; 0 = everywhere
	List     int                // name up to so many entering and leaving households
}

// Answer says who would be warned of who is not today, and the other way round. A household is warned when any rule
// other than a doubt flag hits.
type Answer struct {
	Run      int64        `json:"run"` // the run that it is compared with
	AsOf     string       `json:"as_of"`
	By       string       `json:"by"`
	Rules    []RuleChange `json:"rules"` // the rules that the change touches
	Total    AreaChange   `json:"total"`
	Areas    []AreaChange `json:"areas"` // areas where something changes, by code
	Visits   Visits       `json:"visits"`
	Entering []string     `json:"entering,omitempty"` // household numbers
	Leaving  []string     `json:"leaving,omitempty"`
	Seconds  float64      `json:"seconds"`
}

// RuleChange is one touched rule over all households.
type RuleChange struct {
	Rule   string `json:"rule"`
	Before int64  `json:"before"` // hits
	After  int64  `json:"after"`
}

// AreaChange counts households and their members in one area.
type AreaChange struct {
	Division     division.Code `json:"division"`
	Name         string        `json:"name"`
	Before       int64         `json:"before"` // warned households today
	After        int64         `json:"after"`
	Enter        int64         `json:"enter"`
	EnterPersons int64         `json:"enter_persons"`
	Leave        int64         `json:"leave"`
	LeavePersons int64         `json:"leave_persons"`
	Worse        int64         `json:"worse"`  // stay warned at a higher level
	Better       int64         `json:"better"` // stay warned at a lower level
}

// Visits is the work that the change would make: one visit for every entering household.
type Visits struct {
	Total            int64         `json:"total"`
	TownshipMedian   int64         `json:"township_median"` // over townships with any
	TownshipMost     int64         `json:"township_most"`
	TownshipMostCode division.Code `json:"township_most_code,omitempty"`
	TownshipMostName string        `json:"township_most_name,omitempty"`
}

// divisor of a 12-digit code for each grain.
var grains = map[string]int64{"county": 1_000_000, "township": 1000, "village": 1}

// WhatIf answers from the wide rows of the last run: only the rules that the change touches are evaluated again.
func (s *Service) WhatIf(ctx context.Context, ask Question) (Answer, error) {
	began := time.Now()
	var a Answer
	if ask.By == "" {
		ask.By = "county"
	}
	if grains[ask.By] == 0 {
		return a, errs.Newf(errs.Invalid, "--by 只能是 county、township 或 village，不是 %[1]q", "--by is one of county, township, village; not %[1]q", ask.By)
	}
	if len(ask.Set)+len(ask.Rules)+len(ask.Drop) == 0 {
		return a, errs.New(errs.Invalid, "没有说要改什么：用 --set 名称=数值 或 --rule 规则=表达式", "nothing to change: give --set NAME=VALUE or --rule ID=EXPRESSION")
	}
	c, err := s.w.Conn(ctx)
	if err != nil {
		return a, err
	}
	defer c.Close()
	last, err := s.currentRun(ctx, c)
	if err != nil {
		return a, err
	}
	a.Run, a.AsOf, a.By = last.Run, last.AsOf.Format("2006-01-02"), ask.By

	set := map[string]float64{}
	for id, v := range ask.Set {
		id = strings.TrimPrefix(strings.TrimPrefix(id, "param."), "参数.")
		par := s.parameter(id)
		if par == nil {
			return a, errs.Newf(errs.NotFound, "政策包里没有参数 %[1]s；用 shouwang pack show 查看全部参数", "the pack has no parameter %[1]s; shouwang pack show lists them", id)
		}
		set[par.ID] = v
	}
	ch, err := s.change(ask, set, last.AsOf)
	if err != nil {
		return a, err
	}
	if err := s.compare(ctx, c, &a, ask, ch); err != nil {
		return a, err
	}
	a.Seconds = time.Since(began).Seconds()
	return a, nil
}

func noRule(id string) error {
	return errs.Newf(errs.NotFound, "政策包里没有规则 %[1]s", "the pack has no rule %[1]s", id)
}

// parameter finds a parameter by id or Chinese name.
func (s *Service) parameter(id string) *policy.Parameter {
	for i := range s.pack.Parameters {
		if p := &s.pack.Parameters[i]; p.ID == id || p.Name.ZH == id {
			return p
		}
	}
	return nil
}

func (s *Service) ruleNumber(id string) int {
	return slices.IndexFunc(s.pack.Rules, func(r policy.Rule) bool { return r.ID == id })
}

// currentRun is the last run, provided that table wide belongs to the pack in use.
func (s *Service) currentRun(ctx context.Context, c *sql.Conn) (*runRecord, error) {
	ok, err := tableExists(ctx, c, "run")
	if err != nil {
		return nil, err
	}
	var last *runRecord
	if ok {
		if last, err = lastRun(ctx, c, 0); err != nil {
			return nil, err
		}
	}
	if last == nil {
		return nil, errs.New(errs.NotFound, "还没有筛查过；请先运行 shouwang screen", "nothing has been screened yet; run shouwang screen first")
	}
	if last.PackHash != s.pack.Hash {
		return nil, errs.New(errs.Conflict, "上次筛查用的是另一个版本的政策包；请先运行 shouwang screen", "the last run used another version of the policy pack; run shouwang screen first")
	}
	return last, nil
}

// change is what a question changes, as SQL over table wide.
type change struct {
	rules []int          // numbers of the rules whose outcome may change, ascending
	after map[int]string // their outcome after the change: TRUE or FALSE, unknown counts as FALSE
	// where holds for every household on which some rule's outcome may differ: only they are looked at closely.
	where string
}

// change works out which rules a question touches. A rule can change its outcome only where a comparison with a changed
// parameter changes its own, and few households lie between an old and a new threshold: testing those few comparisons first is
// what makes the answer fast (docs/benchmarks.md).
func (s *Service) change(ask Question, set map[string]float64, asOf time.Time) (*change, error) {
	now, err := newParameters(s.pack, asOf, nil)
	if err != nil {
		return nil, err
	}
	then, err := newParameters(s.pack, asOf, set)
	if err != nil {
		return nil, err
	}
	before, after := (&query{pack: s.pack, asOf: asOf, values: now}).onWide, (&query{pack: s.pack, asOf: asOf, values: then}).onWide
	ch := &change{after: map[int]string{}}
	conds := map[string]bool{}
	for _, id := range ask.Drop {
		i := s.ruleNumber(id)
		if i < 0 {
			return nil, noRule(id)
		}
		ch.after[i] = "FALSE"
		conds[hasBit("hits", i)] = true
	}
	for id, text := range ask.Rules {
		i := s.ruleNumber(id)
		if i < 0 {
			return nil, noRule(id)
		}
		checked, err := s.pack.RuleEnv().Check(text, expr.Bool)
		if err != nil {
			return nil, err
		}
		ch.after[i] = "coalesce(" + checked.SQL(expr.DuckDB, after) + ", FALSE)"
		conds["("+hasBit("hits", i)+") <> "+ch.after[i]] = true
	}
	for i := range s.pack.Rules {
		if _, ok := ch.after[i]; ok {
			continue
		}
		for _, atom := range s.pack.Rules[i].When.Atoms() {
			touched := false
			for _, v := range atom.Vars() {
				if k := v.Slot - len(s.pack.Indicators); k >= 0 && k < len(s.pack.Parameters) {
					_, ok := set[s.pack.Parameters[k].ID]
					touched = touched || ok
				}
			}
			if touched {
				conds["("+atom.SQL(expr.DuckDB, before)+") IS DISTINCT FROM ("+atom.SQL(expr.DuckDB, after)+")"] = true
				ch.after[i] = "coalesce(" + s.pack.Rules[i].When.SQL(expr.DuckDB, after) + ", FALSE)"
			}
		}
	}
	ch.rules = slices.Sorted(maps.Keys(ch.after))
	ch.where = strings.Join(slices.Sorted(maps.Keys(conds)), " OR ")
	return ch, nil
}

// warnedMasks are, per level, the bits of the rules that make a warning at that level.
func (s *Service) warnedMasks() [policy.Red + 1][]int64 {
	var out [policy.Red + 1][]int64
	for l := range out {
		out[l] = make([]int64, words(len(s.pack.Rules)+len(s.pack.Checks)))
	}
	for i := range s.pack.Rules {
		if r := &s.pack.Rules[i]; r.Class != policy.ClassDoubt {
			w, m := ruleBit(i)
			out[r.Level][w] |= m
		}
	}
	return out
}

// compare counts, by area, who is warned before and after.
func (s *Service) compare(ctx context.Context, c *sql.Conn, a *Answer, ask Question, ch *change) error {
	masks := s.warnedMasks()
	within := ""
	if ask.Division != 0 {
		lo, hi := s.tree.Range(ask.Division)
		within = fmt.Sprintf("division BETWEEN %d AND %d", lo, hi)
	}
	// The few households on which something may change, with the bits of their rules before and after.
	drop := make([]int64, len(masks[0]))
	var outcomes []string
	gain := make([][]string, len(drop))
	for _, i := range ch.rules {
		w, m := ruleBit(i)
		drop[w] |= m
		outcomes = append(outcomes, fmt.Sprintf("(%s) AS after_%d", ch.after[i], i))
		gain[w] = append(gain[w], fmt.Sprintf("CASE WHEN after_%d THEN CAST(%d AS BIGINT) ELSE 0 END", i, m))
	}
	cols := []string{"household_id", "division", "members"}
	for w := range drop {
		cols = append(cols, fmt.Sprintf("hits%d", w))
		outcomes = append(outcomes, fmt.Sprintf("hits%d", w))
		after := fmt.Sprintf("hits%d & %d", w, ^drop[w])
		if len(gain[w]) > 0 {
			after = "(" + after + ") + " + strings.Join(gain[w], " + ")
		}
		cols = append(cols, fmt.Sprintf("%s AS after%d", after, w))
	}
	level := func(prefix string) string {
		var b strings.Builder
		b.WriteString("CASE")
		for l := policy.Red; l >= policy.Blue; l-- {
			var some []string
			for w, m := range masks[l] {
				if m != 0 {
					some = append(some, fmt.Sprintf("(%s%d & %d) <> 0", prefix, w, m))
				}
			}
			if len(some) > 0 {
				fmt.Fprintf(&b, " WHEN %s THEN %d", strings.Join(some, " OR "), l)
			}
		}
		b.WriteString(" ELSE 0 END")
		return b.String()
	}
	where := "FALSE"
	if ch.where != "" {
		where = conj(within, "("+ch.where+")")
	}
	for _, text := range []string{
		"CREATE OR REPLACE TEMPORARY TABLE moved AS SELECT " + strings.Join(cols, ", ") + " FROM (SELECT household_id, division, members, " + strings.Join(outcomes, ", ") + " FROM wide WHERE " + where + ") AS asked",
		"CREATE OR REPLACE TEMPORARY TABLE levels AS SELECT household_id, division, members, " + level("hits") + " AS before, " + level("after") + " AS after FROM moved",
	} {
		if err := exec(ctx, c, text); err != nil {
			return err
		}
	}
	if err := s.ruleChanges(ctx, c, a, ch, within); err != nil {
		return err
	}

	// By township always, since visits are counted there; coarser grains are summed here, the village asked for.
	grain := min(grains[ask.By], grains["township"])
	text := fmt.Sprintf(`WITH was AS (SELECT division - division %% %[1]d AS area, count(*) AS n FROM (SELECT DISTINCT household_id, division FROM warning_live WHERE known%[2]s) AS w GROUP BY 1),
turn AS (SELECT division - division %% %[1]d AS area,
 count(*) FILTER (WHERE before = 0 AND after > 0) AS enter, CAST(coalesce(sum(members) FILTER (WHERE before = 0 AND after > 0), 0) AS BIGINT) AS enter_persons,
 count(*) FILTER (WHERE before > 0 AND after = 0) AS leave, CAST(coalesce(sum(members) FILTER (WHERE before > 0 AND after = 0), 0) AS BIGINT) AS leave_persons,
 count(*) FILTER (WHERE before > 0 AND after > before) AS worse, count(*) FILTER (WHERE after > 0 AND after < before) AS better
 FROM levels WHERE before <> after GROUP BY 1)
SELECT coalesce(was.area, turn.area), coalesce(n, 0), coalesce(n, 0) + coalesce(enter, 0) - coalesce(leave, 0), coalesce(enter, 0), coalesce(enter_persons, 0),
 coalesce(leave, 0), coalesce(leave_persons, 0), coalesce(worse, 0), coalesce(better, 0)
FROM was FULL OUTER JOIN turn ON turn.area = was.area ORDER BY 1`, grain, and(within))
	areas := map[division.Code]*AreaChange{}
	visits := map[division.Code]int64{}
	if err := scan(ctx, c, text, func(r *sql.Rows) error {
		var d AreaChange
		if err := r.Scan(&d.Division, &d.Before, &d.After, &d.Enter, &d.EnterPersons, &d.Leave, &d.LeavePersons, &d.Worse, &d.Better); err != nil {
			return err
		}
		a.Total.add(d)
		township := d.Division / 1000 * 1000
		visits[township] += d.Enter
		code := d.Division / division.Code(grains[ask.By]) * division.Code(grains[ask.By])
		if areas[code] == nil {
			areas[code] = &AreaChange{Division: code}
		}
		areas[code].add(d)
		return nil
	}); err != nil {
		return err
	}
	a.Areas = []AreaChange{}
	for _, code := range slices.Sorted(maps.Keys(areas)) {
		if d := areas[code]; d.Enter+d.Leave+d.Worse+d.Better > 0 {
			d.Name = s.divisionName(code)
			a.Areas = append(a.Areas, *d)
		}
	}
	a.Total.Name = s.divisionName(ask.Division)
	a.Total.Division = ask.Division
	var perTownship []int64
	for _, code := range slices.Sorted(maps.Keys(visits)) {
		if n := visits[code]; n > 0 {
			perTownship = append(perTownship, n)
			a.Visits.Total += n
			if n > a.Visits.TownshipMost {
				a.Visits.TownshipMost, a.Visits.TownshipMostCode, a.Visits.TownshipMostName = n, code, s.divisionName(code)
			}
		}
	}
	if len(perTownship) > 0 {
		slices.Sort(perTownship)
		a.Visits.TownshipMedian = perTownship[len(perTownship)/2]
	}
	if ask.List > 0 {
		for _, side := range []struct {
			cond string
			into *[]string
		}{{"l.before = 0 AND l.after > 0", &a.Entering}, {"l.before > 0 AND l.after = 0", &a.Leaving}} {
			list := "SELECT h.household_no FROM levels AS l JOIN household AS h ON h.household_id = l.household_id WHERE " + side.cond + fmt.Sprintf(" ORDER BY h.household_no LIMIT %d", ask.List)
			if err := scan(ctx, c, list, func(r *sql.Rows) error {
				var no string
				if err := r.Scan(&no); err != nil {
					return err
				}
				*side.into = append(*side.into, no)
				return nil
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

// and prefixes a condition that follows others.
func and(cond string) string {
	if cond == "" {
		return ""
	}
	return " AND " + cond
}

// ruleChanges counts the hits of the touched rules before and after. Outcomes come in few patterns: count the patterns, then the bits.
func (s *Service) ruleChanges(ctx context.Context, c *sql.Conn, a *Answer, ch *change, within string) error {
	a.Rules = make([]RuleChange, len(ch.rules))
	for n, i := range ch.rules {
		a.Rules[n].Rule = s.pack.Rules[i].ID
	}
	for w := range words(len(s.pack.Rules)) {
		for _, part := range []struct {
			text string
			add  func(r *RuleChange, n int64)
		}{
			{fmt.Sprintf("SELECT hits%d, count(*) FROM wide%s GROUP BY 1", w, whereClause(within)), func(r *RuleChange, n int64) { r.Before += n; r.After += n }},
			{fmt.Sprintf("SELECT hits%d, -count(*) FROM moved GROUP BY 1", w), func(r *RuleChange, n int64) { r.After += n }},
			{fmt.Sprintf("SELECT after%d, count(*) FROM moved GROUP BY 1", w), func(r *RuleChange, n int64) { r.After += n }},
		} {
			if err := scan(ctx, c, part.text, func(r *sql.Rows) error {
				var bits, count int64
				if err := r.Scan(&bits, &count); err != nil {
					return err
				}
				for n, i := range ch.rules {
					if rw, m := ruleBit(i); rw == w && bits&m != 0 {
						part.add(&a.Rules[n], count)
					}
				}
				return nil
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *AreaChange) add(o AreaChange) {
	d.Before += o.Before
	d.After += o.After
	d.Enter += o.Enter
	d.EnterPersons += o.EnterPersons
	d.Leave += o.Leave
	d.LeavePersons += o.LeavePersons
	d.Worse += o.Worse
	d.Better += o.Better
}

// divisionName is the name of a division, its code when it is not in the table.
func (s *Service) divisionName(code division.Code) string {
	if code == 0 {
		code, _ = division.Parse(s.pack.Region)
	}
	if d, ok := s.tree.Get(code); ok {
		return d.Name
	}
	return code.Prefix()
}
