package screening

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strings"

	"shouwang/internal/expr"
	"shouwang/internal/policy"
	"shouwang/internal/warehouse"
)

// patterns are the different comparisons of all rules of a pack. How they come out for a household (true, false, unknown) is its
// pattern, and a pattern decides every rule. There are far fewer patterns than households, so the run keeps with each household
// only the pattern's hash, and decides the rules once a pattern; a what-if need not read a household's values again where no
// comparison changes.
type patterns struct {
	atoms []*expr.Checked
	of    [][]int // per rule number, the comparisons of its text in the order of [expr.Checked.Atoms], as numbers of atoms
	// gauges are the values that are compared with most limits. The run keeps each as a whole number, too: whether it may lie between an old
	// and a new limit costs a third of asking the number itself (docs/benchmarks.md).
	gauges []*expr.Checked
}

// most gauges that a row keeps.
const mostGauges = 8

func newPatterns(p *policy.Pack) *patterns {
	out := &patterns{of: make([][]int, len(p.Rules))}
	defer out.choose(p)
	number := map[string]int{}
	for i := range p.Rules {
		for _, atom := range p.Rules[i].When.Atoms() {
			text := atom.String()
			n, ok := number[text]
			if !ok {
				n = len(out.atoms)
				number[text] = n
				out.atoms = append(out.atoms, atom)
			}
			out.of[i] = append(out.of[i], n)
		}
	}
	return out
}

// choose picks the gauges: values that at least two comparisons hold against a limit made of parameters.
func (t *patterns) choose(p *policy.Pack) {
	limits := map[string]int{}
	var values []*expr.Checked
	for _, a := range t.atoms {
		parts, _ := a.Comparisons()
		for _, c := range parts {
			if value, _, limit, ok := c.Limit(isParameter(p)); ok && len(limit.Vars()) > 0 {
				if limits[value.String()]++; limits[value.String()] == 1 {
					values = append(values, value)
				}
			}
		}
	}
	slices.SortStableFunc(values, func(a, b *expr.Checked) int { return limits[b.String()] - limits[a.String()] })
	for _, v := range values {
		if len(t.gauges) < mostGauges && limits[v.String()] > 1 {
			t.gauges = append(t.gauges, v)
		}
	}
}

// isParameter tells the parameters among the variables of the pack's rules.
func isParameter(p *policy.Pack) func(*expr.Var) bool {
	n := len(p.Indicators)
	return func(v *expr.Var) bool { return v.Slot >= n && v.Slot < n+len(p.Parameters) }
}

// gauge is the column of gauge k; farthest is the greatest number it holds, which stands for all beyond it (and for unknown ones).
func gauge(k int) string { return fmt.Sprintf("gauge%d", k) }

const farthest = 2_000_000_000

// gaugeColumns are the gauges of a row whose variables ref spells: within one half of the value.
func (t *patterns) gaugeColumns(ref func(*expr.Var) string) []string {
	var out []string
	for k, v := range t.gauges {
		out = append(out, fmt.Sprintf("CAST(least(greatest(%s, %s), %s) AS INTEGER) AS %s", v.SQL(expr.DuckDB, ref), float(-farthest), float(farthest), gauge(k)))
	}
	return out
}

// atom is the column of comparison n in table pattern.
func atom(n int) string { return fmt.Sprintf("atom_%d", n) }

// hash is the pattern of a row whose variables ref spells. Two of the half million patterns of a province meet in 64 bits with
// a probability of one in a hundred million.
func (t *patterns) hash(ref func(*expr.Var) string) string {
	if len(t.atoms) == 0 {
		return warehouse.DuckDB.Key64(0)
	}
	list := make([]string, len(t.atoms))
	for i, a := range t.atoms {
		list[i] = a.SQL(expr.DuckDB, ref)
	}
	return warehouse.DuckDB.Hash64(list...)
}

// rule is the outcome of rule i over columns with the outcomes of its comparisons.
func (t *patterns) rule(p *policy.Pack, i int, column func(n int) string) string {
	return p.Rules[i].When.SQLOver(expr.DuckDB, func(k int) string { return column(t.of[i][k]) })
}

// outcomes writes two layers over the table or CTE from, which has the variables that ref spells: every comparison of the rules, then every rule and
// check; last is the name of the second.
func (t *patterns) outcomes(p *policy.Pack, from string, ref func(*expr.Var) string) (ctes []string, last string) {
	comparisons, rules := []string{"*"}, []string{"*"}
	for n, a := range t.atoms {
		comparisons = append(comparisons, a.SQL(expr.DuckDB, ref)+" AS "+atom(n))
	}
	for i := range p.Rules {
		rules = append(rules, t.rule(p, i, atom)+" AS "+outcome(i))
	}
	for i := range p.Checks {
		rules = append(rules, p.Checks[i].When.SQL(expr.DuckDB, ref)+" AS "+outcome(len(p.Rules)+i))
	}
	return []string{
		"compared AS (SELECT " + strings.Join(comparisons, ", ") + " FROM " + from + ")",
		"decided AS (SELECT " + strings.Join(rules, ", ") + " FROM compared)",
	}, "decided"
}

// outcome is the column of a rule's or check's outcome before it becomes two bits.
func outcome(i int) string { return fmt.Sprintf("outcome_%d", i) }

// bits packs n outcomes, numbered from first on, into words of hits and unknowns, whose numbers begin with word.
func bits(first, n, word int) []string {
	var cols []string
	for w := range words(n) {
		hits, unknowns := []string{"CAST(0 AS BIGINT)"}, []string{"CAST(0 AS BIGINT)"}
		for i := w * bitsPerWord; i < min(n, (w+1)*bitsPerWord); i++ {
			_, bit := ruleBit(i)
			hits = append(hits, fmt.Sprintf("CASE WHEN %s THEN CAST(%d AS BIGINT) ELSE 0 END", outcome(first+i), bit))
			unknowns = append(unknowns, fmt.Sprintf("CASE WHEN %s IS NULL THEN CAST(%d AS BIGINT) ELSE 0 END", outcome(first+i), bit))
		}
		cols = append(cols, fmt.Sprintf("%s AS hits%d", strings.Join(hits, " + "), word+w), fmt.Sprintf("%s AS unknowns%d", strings.Join(unknowns, " + "), word+w))
	}
	return cols
}

// patternColumns is the DDL column list of table pattern.
func (t *patterns) columns(p *policy.Pack) string {
	cols := []string{"pattern " + warehouse.DuckDB.Type("UBIGINT") + " NOT NULL"}
	for n := range t.atoms {
		cols = append(cols, atom(n)+" BOOLEAN")
	}
	for w := range words(len(p.Rules)) {
		cols = append(cols, fmt.Sprintf("hits%d BIGINT NOT NULL", w), fmt.Sprintf("unknowns%d BIGINT NOT NULL", w))
	}
	return strings.Join(cols, ", ")
}

// learn adds to the table patterns the ones of the households in scope that it does not hold yet: their comparisons, taken from one household
// each, and the outcomes of the rules.
func (t *patterns) learn(ctx context.Context, c *sql.Conn, q *query, rows, patterns string, sc scope) error {
	comparisons, rules := []string{"w.pattern"}, []string{"*"}
	for n, a := range t.atoms {
		comparisons = append(comparisons, a.SQL(expr.DuckDB, q.onWide)+" AS "+atom(n))
	}
	for i := range q.pack.Rules {
		rules = append(rules, t.rule(q.pack, i, atom)+" AS "+outcome(i))
	}
	cols := []string{"pattern"}
	for n := range t.atoms {
		cols = append(cols, atom(n))
	}
	cols = append(cols, bits(0, len(q.pack.Rules), 0)...)
	return exec(ctx, c, fmt.Sprintf(`INSERT INTO %[1]s WITH fresh AS (SELECT min(household_id) AS household_id FROM %[2]s%[3]s GROUP BY pattern),
compared AS (SELECT %[4]s FROM %[2]s AS w JOIN fresh ON fresh.household_id = w.household_id),
decided AS (SELECT %[5]s FROM compared)
SELECT %[6]s FROM decided`,
		patterns, rows, whereClause(sc.where(""), "pattern NOT IN (SELECT pattern FROM "+patterns+")"), strings.Join(comparisons, ", "), strings.Join(rules, ", "), strings.Join(cols, ", ")))
}

// allWords is the number of words of hits (and of unknowns) of a household: the rules' in its pattern, then the checks' in its row.
func allWords(p *policy.Pack) int { return words(len(p.Rules)) + words(len(p.Checks)) }

// checkBit tells where check number i lives: word and mask.
func checkBit(p *policy.Pack, i int) (word int, mask int64) {
	w, m := ruleBit(i)
	return words(len(p.Rules)) + w, m
}

// wideView is the household's rows and patterns put together again: what everybody reads.
func wideView(p *policy.Pack) string {
	cols := []string{"w.household_id", "w.county", "w.division", "w.members", "w.run"}
	for i := range p.Indicators {
		cols = append(cols, "w."+column(&p.Indicators[i]))
	}
	for w := range allWords(p) {
		from := "p"
		if w >= words(len(p.Rules)) {
			from = "w"
		}
		cols = append(cols, fmt.Sprintf("%[1]s.hits%[2]d, %[1]s.unknowns%[2]d", from, w))
	}
	return "CREATE VIEW wide AS SELECT " + strings.Join(cols, ", ") + " FROM wide_row AS w JOIN pattern AS p ON p.pattern = w.pattern"
}

// flip is the condition, over table wide_row, that a comparison may come out differently under the parameters after than under before: it holds
// wherever it does, and for some households around the limits besides. Where a number is compared with parameters alone, it is that
// the number lies between the old and the new limit: those are gathered in spans, to be tested together.
func flip(q *query, a *expr.Checked, before, after *parameters, into *spans) (cond string) {
	parts, rest := a.Comparisons()
	simple := true
	for _, v := range rest {
		simple = simple && !isParameter(q.pack)(v)
	}
	var found spans
	for _, c := range parts {
		if !slices.ContainsFunc(c.Vars(), isParameter(q.pack)) {
			continue
		}
		value, op, limit, ok := c.Limit(isParameter(q.pack))
		if !ok {
			simple = false
			continue
		}
		was, okWas := fixed(q, limit, before)
		is, okIs := fixed(q, limit, after)
		simple = simple && okWas && okIs
		// Which of two equal numbers lies above the limit is what < and >= say alike, and > and <= the other way.
		found.add(spanKey{q.gaugeOf(value), value.SQL(expr.DuckDB, q.onWide), op == expr.OpLess || op == expr.OpMoreEq}, min(was, is), max(was, is))
	}
	if simple {
		into.join(&found)
		return ""
	}
	old, new := *q, *q
	old.values, new.values = before, after
	return "(" + a.SQL(expr.DuckDB, old.onWide) + ") IS DISTINCT FROM (" + a.SQL(expr.DuckDB, new.onWide) + ")"
}

// gaugeOf is the number of the value's gauge, or -1.
func (t *patterns) gaugeOf(value *expr.Checked) int {
	return slices.IndexFunc(t.gauges, func(g *expr.Checked) bool { return g.String() == value.String() })
}

// fixed is the value of an expression of parameters that have the same value everywhere.
func fixed(q *query, limit *expr.Checked, values *parameters) (float64, bool) {
	row := make([]expr.Value, len(q.pack.Indicators)+len(q.pack.Parameters)+1)
	for _, v := range limit.Vars() {
		id := q.pack.Parameters[v.Slot-len(q.pack.Indicators)].ID
		if _, set := values.set[id]; !set && len(q.pack.InForce(id, q.asOf)) != 1 {
			return 0, false
		}
		at := values.at(id, 0).Value
		row[v.Slot] = expr.Value{Num: at, Known: !math.IsNaN(at)}
	}
	v := limit.Eval(row)
	return v.Num, v.Known
}

// spans are stretches of numbers, per number and per end that belongs to them.
type spans struct {
	order []spanKey
	of    map[spanKey][][2]float64
}

type spanKey struct {
	gauge int    // of the value, or -1
	value string // SQL
	low   bool   // the low end belongs to the stretch, the high end does not; otherwise the other way round
}

func (s *spans) add(k spanKey, from, to float64) {
	if from == to {
		return
	}
	if k.gauge >= 0 { // a whole number within one half of the value: the ends no longer matter
		k.value, k.low = "", true
		from, to = math.Floor(from)-1, math.Ceil(to)+1
	}
	if s.of == nil {
		s.of = map[spanKey][][2]float64{}
	}
	if _, ok := s.of[k]; !ok {
		s.order = append(s.order, k)
	}
	s.of[k] = append(s.of[k], [2]float64{from, to})
}

// join takes over the stretches of others.
func (s *spans) join(others *spans) {
	for _, k := range others.order {
		if _, ok := s.of[k]; !ok {
			s.order = append(s.order, k)
		}
		if s.of == nil {
			s.of = map[spanKey][][2]float64{}
		}
		s.of[k] = append(s.of[k], others.of[k]...)
	}
}

// conditions are the stretches as SQL, overlapping ones as one.
func (s *spans) conditions() []string {
	var out []string
	for _, k := range s.order {
		list := slices.Clone(s.of[k])
		slices.SortFunc(list, func(a, b [2]float64) int { return cmp.Compare(a[0], b[0]) })
		merged := list[:1]
		for _, next := range list[1:] {
			if last := &merged[len(merged)-1]; next[0] <= last[1] {
				last[1] = max(last[1], next[1])
			} else {
				merged = append(merged, next)
			}
		}
		above, below := ">", "<="
		if k.low {
			above, below = ">=", "<"
		}
		for _, m := range merged {
			if k.gauge >= 0 {
				within := func(f float64) int64 { return int64(max(-farthest, min(farthest, f))) }
				out = append(out, fmt.Sprintf("(%s BETWEEN %d AND %d)", gauge(k.gauge), within(m[0]), within(m[1])))
			} else {
				out = append(out, fmt.Sprintf("(%[1]s %[2]s %[3]s AND %[1]s %[4]s %[5]s)", k.value, above, float(m[0]), below, float(m[1])))
			}
		}
	}
	return out
}
