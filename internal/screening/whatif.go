package screening

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
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

// WhatIf answers from the wide rows of the last run: only the rules that the change touches are decided again, and only for the
// households on which a comparison of theirs comes out differently.
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
	if ok, err := tableExists(ctx, c, "tally_county"); err != nil {
		return a, err
	} else if !ok {
		return a, errs.New(errs.Conflict, "上次筛查用的是旧版本的程序；请先运行 shouwang screen --full", "the last run was made by an older version of the program; run shouwang screen --full first")
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

// change is what a question changes, as SQL over table wide_row.
type change struct {
	q     *query
	rules []int          // numbers of the rules whose outcome may change, ascending
	own   map[int]string // of them the ones that get another text or are dropped: their outcome, read from the turns
	atoms map[int]string // number of a comparison of the pack → its outcome after the change, read from the turns
	where string         // holds for every household on which something comes out differently, and few others
	turns []string       // SQL of the words in which table moved keeps how it comes out: t0, t1 …
	free  uint           // bits that are still free in the last of them
}

// wordBits of a turn word are used: a BIGINT stays positive on every engine.
const wordBits = 60

// place finds room for so many bits; sql is what to add to the word, a number below 1<<bits shifted left. It returns the SQL that reads the number.
func (ch *change) place(bits uint, sql func(shift uint) string) string {
	if ch.free < bits {
		ch.turns, ch.free = append(ch.turns, "CAST(0 AS BIGINT)"), wordBits
	}
	w, shift := len(ch.turns)-1, wordBits-ch.free
	ch.free -= bits
	ch.turns[w] += " + " + sql(shift)
	return fmt.Sprintf("((t%d >> %d) & %d)", w, shift, int64(1)<<bits-1)
}

// placeTruth keeps something that is true, false or unknown, and returns the SQL that reads it.
func (ch *change) placeTruth(sql string) string {
	read := ch.place(2, func(shift uint) string {
		return fmt.Sprintf("CASE (%s) WHEN TRUE THEN CAST(%d AS BIGINT) WHEN FALSE THEN 0 ELSE %d END", sql, int64(1)<<shift, int64(2)<<shift)
	})
	return "(CASE WHEN " + read + " < 2 THEN " + read + " = 1 END)"
}

// ladder is a value and the limits that it is compared with after the change: how many of the comparisons "below the limit" hold says how each of them
// comes out, for one pass over the limits.
type ladder struct {
	value *expr.Checked
	rungs []rung
	atoms map[int]rung // number of a comparison of the pack → its rung
	below map[int]bool // whether it asks for the value below the limit, not above
}

type rung struct {
	limit  float64
	strict bool // value < limit; otherwise value <= limit
}

// compareRungs puts a rung that holds whenever the next one does before it.
func compareRungs(a, b rung) int {
	switch {
	case a.limit != b.limit:
		return cmp.Compare(a.limit, b.limit)
	case a.strict == b.strict:
		return 0
	case a.strict:
		return -1
	}
	return 1
}

// mostRungs share a place of five bits.
const mostRungs = 30

// climb keeps the ladder and tells how to read each of its comparisons. A value that is unknown is so before the change as after it.
func (ch *change) climb(l *ladder) {
	slices.SortFunc(l.rungs, compareRungs)
	l.rungs = slices.Compact(l.rungs)
	value, n := l.value.SQL(expr.DuckDB, ch.q.onWide), len(l.rungs)
	read := ch.place(5, func(shift uint) string {
		var b strings.Builder
		b.WriteString("CASE")
		for i, r := range l.rungs {
			sign := "<="
			if r.strict {
				sign = "<"
			}
			fmt.Fprintf(&b, " WHEN %s %s %s THEN CAST(%d AS BIGINT)", value, sign, float(r.limit), int64(n-i)<<shift)
		}
		return b.String() + " ELSE 0 END"
	})
	for number, r := range l.atoms {
		// Rung i of n holds when at least n − i hold.
		sign := ">="
		if !l.below[number] {
			sign = "<"
		}
		ch.atoms[number] = fmt.Sprintf("(CASE WHEN p.%s IS NOT NULL THEN %s %s %d END)", atom(number), read, sign, n-slices.Index(l.rungs, r))
	}
}

// keys are the columns that together say how a household turns out: its pattern and the words of the turns.
func (ch *change) keys(table string) string {
	out := table + "pattern"
	for w := range ch.turns {
		out += fmt.Sprintf(", %st%d", table, w)
	}
	return out
}

// change works out which rules a question touches. A rule can change its outcome only where a comparison with a changed parameter
// changes its own, and few households lie between an old and a new threshold (docs/benchmarks.md).
func (s *Service) change(ask Question, set map[string]float64, asOf time.Time) (*change, error) {
	now, err := newParameters(s.pack, asOf, nil)
	if err != nil {
		return nil, err
	}
	then, err := newParameters(s.pack, asOf, set)
	if err != nil {
		return nil, err
	}
	q := &query{pack: s.pack, asOf: asOf, values: now, patterns: newPatterns(s.pack)}
	before, after := q.onWide, (&query{pack: s.pack, asOf: asOf, values: then}).onWide
	ch := &change{q: q, own: map[int]string{}, atoms: map[int]string{}}
	var conds []string
	touched := map[int]bool{}
	text := func(i int, sql string) {
		if touched[i] {
			return
		}
		touched[i] = true
		ch.own[i] = ch.placeTruth(sql)
		conds = append(conds, "coalesce("+s.pack.Rules[i].When.SQL(expr.DuckDB, before)+", FALSE) <> coalesce("+sql+", FALSE)")
	}
	for _, id := range ask.Drop {
		i := s.ruleNumber(id)
		if i < 0 {
			return nil, noRule(id)
		}
		text(i, "FALSE")
	}
	for _, id := range slices.Sorted(maps.Keys(ask.Rules)) {
		i := s.ruleNumber(id)
		if i < 0 {
			return nil, noRule(id)
		}
		checked, err := s.pack.RuleEnv().Check(ask.Rules[id], expr.Bool)
		if err != nil {
			return nil, err
		}
		text(i, checked.SQL(expr.DuckDB, after))
	}
	var between spans
	ladders := map[string]*ladder{}
	var order []string
	for n, a := range q.atoms {
		if !s.mentions(a, set) {
			continue
		}
		some := false
		for i := range s.pack.Rules {
			if _, own := ch.own[i]; !own && slices.Contains(q.of[i], n) {
				touched[i], some = true, true
			}
		}
		if !some {
			continue
		}
		if cond := flip(q, a, now, then, &between); cond != "" {
			conds = append(conds, cond)
		}
		if value, op, limit, ok := a.Limit(isParameter(s.pack)); ok {
			_, known := fixed(q, limit, now)
			at, knownThen := fixed(q, limit, then)
			c := ladders[value.String()]
			if c == nil {
				c = &ladder{value: value, atoms: map[int]rung{}, below: map[int]bool{}}
			}
			if known && knownThen && len(c.rungs) < mostRungs {
				if len(c.rungs) == 0 {
					ladders[value.String()] = c
					order = append(order, value.String())
				}
				r := rung{at, op == expr.OpLess || op == expr.OpMoreEq}
				c.rungs, c.atoms[n], c.below[n] = append(c.rungs, r), r, op == expr.OpLess || op == expr.OpLessEq
				continue
			}
		}
		ch.atoms[n] = ch.placeTruth(a.SQL(expr.DuckDB, after))
	}
	for _, value := range order {
		ch.climb(ladders[value])
	}
	ch.rules = slices.Sorted(maps.Keys(touched))
	ch.where = strings.Join(append(between.conditions(), conds...), " OR ")
	if ch.where == "" {
		ch.where = "FALSE"
	}
	return ch, nil
}

// mentions reports whether a parameter that is set occurs in the expression.
func (s *Service) mentions(a *expr.Checked, set map[string]float64) bool {
	for _, v := range a.Vars() {
		if k := v.Slot - len(s.pack.Indicators); k >= 0 && k < len(s.pack.Parameters) {
			if _, ok := set[s.pack.Parameters[k].ID]; ok {
				return true
			}
		}
	}
	return false
}

// turned writes the SELECT that decides each way in which a household of table moved turns out: its keys, how many households there are, the words of its rules
// before and after, and the levels before and after.
func (s *Service) turned(ch *change) string {
	nw := words(len(s.pack.Rules))
	drop, gain := make([]int64, nw), make([][]string, nw)
	cols := []string{ch.keys("k."), "k.households"}
	for n := range ch.q.atoms {
		if read, ok := ch.atoms[n]; ok {
			cols = append(cols, read+" AS "+atom(n))
		} else {
			cols = append(cols, "p."+atom(n))
		}
	}
	rules := []string{"*"}
	for _, i := range ch.rules {
		w, m := ruleBit(i)
		drop[w] |= m
		after := ch.q.rule(s.pack, i, atom)
		if read, ok := ch.own[i]; ok {
			after = read
		}
		rules = append(rules, after+" AS "+outcome(i))
		gain[w] = append(gain[w], fmt.Sprintf("CASE WHEN %s THEN CAST(%d AS BIGINT) ELSE 0 END", outcome(i), m))
	}
	last := []string{ch.keys(""), "households"}
	for w := range nw {
		cols = append(cols, fmt.Sprintf("p.hits%d", w))
		last = append(last, fmt.Sprintf("hits%d", w), strings.Join(append([]string{fmt.Sprintf("(hits%d & %d)", w, ^drop[w])}, gain[w]...), " + ")+fmt.Sprintf(" AS after%d", w))
	}
	return "WITH kinds AS (SELECT " + ch.keys("") + ", count(*) AS households FROM moved GROUP BY " + ch.keys("") + "),\n" +
		"compared AS (SELECT " + strings.Join(cols, ", ") + " FROM kinds AS k JOIN pattern AS p ON p.pattern = k.pattern),\n" +
		"decided AS (SELECT " + strings.Join(rules, ", ") + " FROM compared),\n" +
		"packed AS (SELECT " + strings.Join(last, ", ") + " FROM decided)\n" +
		"SELECT *, " + s.levelOf("hits") + " AS before, " + s.levelOf("after") + " AS after FROM packed"
}

// levelOf is the worst level of the rules whose bits are set in the words with the prefix; 0 for none.
func (s *Service) levelOf(prefix string) string {
	masks := s.warnedMasks()
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
	if b.Len() == len("CASE") {
		return "0"
	}
	b.WriteString(" ELSE 0 END")
	return b.String()
}

// warnedMasks are, per level, the bits of the rules that make a warning at that level.
func (s *Service) warnedMasks() [policy.Red + 1][]int64 {
	var out [policy.Red + 1][]int64
	for l := range out {
		out[l] = make([]int64, words(len(s.pack.Rules)))
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
	within := ""
	if ask.Division != 0 {
		lo, hi := s.tree.Range(ask.Division)
		within = fmt.Sprintf("division BETWEEN %d AND %d", lo, hi)
	}
	cols := []string{"division", "members", "pattern"}
	if ask.List > 0 {
		cols = append(cols, "household_id")
	}
	var same []string
	for w, t := range ch.turns {
		cols = append(cols, fmt.Sprintf("%s AS t%d", t, w))
		same = append(same, fmt.Sprintf("k.t%[1]d = m.t%[1]d", w))
	}
	joined := "moved AS m JOIN turned AS k ON " + strings.Join(append([]string{"k.pattern = m.pattern"}, same...), " AND ")
	for _, text := range []string{
		"CREATE OR REPLACE TEMPORARY TABLE moved AS SELECT " + strings.Join(cols, ", ") + " FROM wide_row" + whereClause(within, "("+ch.where+")"),
		"CREATE OR REPLACE TEMPORARY TABLE turned AS " + s.turned(ch),
	} {
		if err := exec(ctx, c, text); err != nil {
			return err
		}
	}
	if err := s.ruleChanges(ctx, c, a, ch, within, ask.Division); err != nil {
		return err
	}

	// By township always, since visits are counted there; coarser grains are summed here, the village asked for.
	grain := min(grains[ask.By], grains["township"])
	text := fmt.Sprintf(`WITH was AS (SELECT division - division %% %[1]d AS area, CAST(sum(warned) AS BIGINT) AS n FROM tally_village%[2]s GROUP BY 1),
turn AS (SELECT m.division - m.division %% %[1]d AS area,
 count(*) FILTER (WHERE before = 0 AND after > 0) AS enter, CAST(coalesce(sum(members) FILTER (WHERE before = 0 AND after > 0), 0) AS BIGINT) AS enter_persons,
 count(*) FILTER (WHERE before > 0 AND after = 0) AS leave, CAST(coalesce(sum(members) FILTER (WHERE before > 0 AND after = 0), 0) AS BIGINT) AS leave_persons,
 count(*) FILTER (WHERE before > 0 AND after > before) AS worse, count(*) FILTER (WHERE after > 0 AND after < before) AS better
 FROM %[3]s WHERE before <> after GROUP BY 1)
SELECT coalesce(was.area, turn.area), coalesce(n, 0), coalesce(n, 0) + coalesce(enter, 0) - coalesce(leave, 0), coalesce(enter, 0), coalesce(enter_persons, 0),
 coalesce(leave, 0), coalesce(leave_persons, 0), coalesce(worse, 0), coalesce(better, 0)
FROM was FULL OUTER JOIN turn ON turn.area = was.area ORDER BY 1`, grain, whereClause(within), joined)
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
		}{{"before = 0 AND after > 0", &a.Entering}, {"before > 0 AND after = 0", &a.Leaving}} {
			list := "SELECT h.household_no FROM " + joined + " JOIN household AS h ON h.household_id = m.household_id WHERE " + side.cond + fmt.Sprintf(" ORDER BY h.household_no LIMIT %d", ask.List)
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

// ruleChanges counts the hits of the touched rules before and after.
func (s *Service) ruleChanges(ctx context.Context, c *sql.Conn, a *Answer, ch *change, within string, division division.Code) error {
	a.Rules = make([]RuleChange, len(ch.rules))
	if len(ch.rules) == 0 {
		return nil
	}
	var total, inside, before, after []string
	for n, i := range ch.rules {
		a.Rules[n].Rule = s.pack.Rules[i].ID
		total = append(total, fmt.Sprintf("CAST(coalesce(sum(rule_%d), 0) AS BIGINT)", i))
		count := func(prefix, of string) string {
			return fmt.Sprintf("CAST(coalesce(sum(%s) FILTER (WHERE %s), 0) AS BIGINT)", of, hasBit(prefix, i))
		}
		inside = append(inside, count("hits", "n"))
		before, after = append(before, count("hits", "households")), append(after, count("after", "households"))
	}
	read := func(text string, add func(r *RuleChange, n int64)) error {
		return scan(ctx, c, text, func(rows *sql.Rows) error {
			counts, dest := make([]int64, len(ch.rules)), make([]any, len(ch.rules))
			for i := range counts {
				dest[i] = &counts[i]
			}
			if err := rows.Scan(dest...); err != nil {
				return err
			}
			for i, n := range counts {
				add(&a.Rules[i], n)
			}
			return nil
		})
	}
	standing := "SELECT " + strings.Join(total, ", ") + " FROM tally_county"
	if division != 0 {
		standing = "SELECT " + strings.Join(inside, ", ") + " FROM (SELECT pattern, count(*) AS n FROM wide_row" + whereClause(within) + " GROUP BY pattern) AS w JOIN pattern AS p ON p.pattern = w.pattern"
	}
	return errors.Join(
		read(standing, func(r *RuleChange, n int64) { r.Before += n; r.After += n }),
		read("SELECT "+strings.Join(before, ", ")+" FROM turned", func(r *RuleChange, n int64) { r.After -= n }),
		read("SELECT "+strings.Join(after, ", ")+" FROM turned", func(r *RuleChange, n int64) { r.After += n }))
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
