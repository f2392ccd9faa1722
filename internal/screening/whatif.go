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
	values, err := newParameters(s.pack, last.AsOf, set)
	if err != nil {
		return a, err
	}
	q := &query{pack: s.pack, asOf: last.AsOf, values: values}

	// Which rules are touched, and through which derived indicators.
	n := len(s.pack.Indicators)
	touchedSlot := map[int]bool{}
	for i := range s.pack.Parameters {
		if _, ok := set[s.pack.Parameters[i].ID]; ok {
			touchedSlot[n+i] = true
		}
	}
	from, renamed := s.rederive(q, touchedSlot)
	ref := func(v *expr.Var) string {
		if name, ok := renamed[v.Slot]; ok {
			return name
		}
		return q.onWide(v)
	}
	env := s.pack.RuleEnv()
	after := map[int]string{} // rule number → SQL of its outcome after the change
	for _, id := range ask.Drop {
		i := s.ruleNumber(id)
		if i < 0 {
			return a, noRule(id)
		}
		after[i] = "FALSE"
	}
	for id, text := range ask.Rules {
		i := s.ruleNumber(id)
		if i < 0 {
			return a, noRule(id)
		}
		checked, err := env.Check(text, expr.Bool)
		if err != nil {
			return a, err
		}
		after[i] = "coalesce(" + checked.SQL(expr.DuckDB, ref) + ", FALSE)"
	}
	for i := range s.pack.Rules {
		if _, ok := after[i]; ok {
			continue
		}
		for _, v := range s.pack.Rules[i].When.Vars() {
			if touchedSlot[v.Slot] {
				after[i] = "coalesce(" + s.pack.Rules[i].When.SQL(expr.DuckDB, ref) + ", FALSE)"
				break
			}
		}
	}
	touched := slices.Sorted(maps.Keys(after))
	if err := s.compare(ctx, c, &a, ask, from, touched, after); err != nil {
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

// rederive writes the table to read: wide, with the derived indicators that the change touches computed again in
// columns n_ID. It adds their slots to touched and says how to spell them.
func (s *Service) rederive(q *query, touched map[int]bool) (from string, renamed map[int]string) {
	from, renamed = "wide", map[int]string{}
	ref := func(v *expr.Var) string {
		if name, ok := renamed[v.Slot]; ok {
			return name
		}
		return q.onWide(v)
	}
	for _, layer := range s.pack.Layers()[1:] {
		var cols []string
		var now []int
		for _, i := range layer {
			for _, v := range s.pack.Indicators[i].Derive.Vars() {
				if touched[v.Slot] {
					cols = append(cols, "("+s.pack.Indicators[i].Derive.SQL(expr.DuckDB, ref)+") AS "+quote("n_"+s.pack.Indicators[i].ID))
					now = append(now, i)
					break
				}
			}
		}
		if len(cols) == 0 {
			continue
		}
		from = "(SELECT *, " + strings.Join(cols, ", ") + " FROM " + from + ") AS wide"
		for _, i := range now {
			touched[i] = true
			renamed[i] = quote("n_" + s.pack.Indicators[i].ID)
		}
	}
	return from, renamed
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
func (s *Service) compare(ctx context.Context, c *sql.Conn, a *Answer, ask Question, from string, touched []int, after map[int]string) error {
	masks := s.warnedMasks()
	drop := make([]int64, len(masks[0]))
	var cols []string
	for _, i := range touched {
		w, m := ruleBit(i)
		drop[w] |= m
		cols = append(cols, fmt.Sprintf("(%s) AS after_%d", after[i], i))
	}
	for w := range drop {
		cols = append(cols, fmt.Sprintf("hits%d", w))
	}
	// The level before and after: the worst level with a hit; untouched rules keep their recorded bits.
	level := func(keep func(w int, m int64) int64, extra func(i int) string) string {
		var b strings.Builder
		b.WriteString("CASE")
		for l := policy.Red; l >= policy.Blue; l-- {
			var any []string
			for w, m := range masks[l] {
				if k := keep(w, m); k != 0 {
					any = append(any, fmt.Sprintf("(hits%d & %d) <> 0", w, k))
				}
			}
			for _, i := range touched {
				if r := &s.pack.Rules[i]; extra != nil && r.Level == l && r.Class != policy.ClassDoubt {
					any = append(any, extra(i))
				}
			}
			if len(any) > 0 {
				fmt.Fprintf(&b, " WHEN %s THEN %d", strings.Join(any, " OR "), l)
			}
		}
		b.WriteString(" ELSE 0 END")
		if b.String() == "CASE ELSE 0 END" {
			return "0"
		}
		return b.String()
	}
	before := level(func(_ int, m int64) int64 { return m }, nil)
	then := level(func(w int, m int64) int64 { return m &^ drop[w] }, func(i int) string { return fmt.Sprintf("after_%d", i) })
	where := ""
	if ask.Division != 0 {
		lo, hi := s.tree.Range(ask.Division)
		where = fmt.Sprintf(" WHERE division BETWEEN %d AND %d", lo, hi)
	}
	base := fmt.Sprintf("WITH x AS (SELECT household_id, division, members, %s FROM %s%s), y AS (SELECT household_id, division, members, %s AS before, %s AS after FROM x)",
		strings.Join(cols, ", "), from, where, before, then)

	var counts []string
	a.Rules = make([]RuleChange, len(touched))
	var dest []any
	for n, i := range touched {
		w, m := ruleBit(i)
		a.Rules[n].Rule = s.pack.Rules[i].ID
		counts = append(counts, fmt.Sprintf("count(*) FILTER (WHERE (hits%d & %d) <> 0), count(*) FILTER (WHERE after_%d)", w, m, i))
		dest = append(dest, &a.Rules[n].Before, &a.Rules[n].After)
	}
	if len(touched) > 0 {
		text := fmt.Sprintf("WITH x AS (SELECT %s FROM %s%s) SELECT %s FROM x", strings.Join(cols, ", "), from, where, strings.Join(counts, ", "))
		if err := c.QueryRowContext(ctx, text).Scan(dest...); err != nil {
			return fmt.Errorf("screening: what-if: %w\n%s", err, short(text))
		}
	}

	// By township always, since visits are counted there; coarser grains are summed here, the village asked for.
	grain := min(grains[ask.By], grains["township"])
	text := base + fmt.Sprintf(` SELECT CAST(floor(division / %d) AS BIGINT) * %d AS area,
 count(*) FILTER (WHERE before > 0), count(*) FILTER (WHERE after > 0),
 count(*) FILTER (WHERE before = 0 AND after > 0), CAST(coalesce(sum(members) FILTER (WHERE before = 0 AND after > 0), 0) AS BIGINT),
 count(*) FILTER (WHERE before > 0 AND after = 0), CAST(coalesce(sum(members) FILTER (WHERE before > 0 AND after = 0), 0) AS BIGINT),
 count(*) FILTER (WHERE before > 0 AND after > before), count(*) FILTER (WHERE after > 0 AND after < before)
 FROM y WHERE before > 0 OR after > 0 GROUP BY 1 ORDER BY 1`, grain, grain)
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
		}{{"y.before = 0 AND y.after > 0", &a.Entering}, {"y.before > 0 AND y.after = 0", &a.Leaving}} {
			list := base + " SELECT h.household_no FROM y JOIN household AS h ON h.household_id = y.household_id WHERE " + side.cond + fmt.Sprintf(" ORDER BY h.household_no LIMIT %d", ask.List)
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
