package screening

import (
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
}

func newPatterns(p *policy.Pack) *patterns {
	out := &patterns{of: make([][]int, len(p.Rules))}
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

// flip is the condition, over table wide_row, that a comparison comes out differently under the parameters after than under before.
// Where a number is compared with parameters alone, it is that the number lies between the old and the new limit: those are
// gathered in spans, to be tested together.
func flip(q *query, a *expr.Checked, before, after *parameters, into *spans) (cond string) {
	n := len(q.pack.Indicators)
	isParameter := func(v *expr.Var) bool { return v.Slot >= n && v.Slot < n+len(q.pack.Parameters) }
	if value, op, limit, ok := a.Limit(isParameter); ok {
		was, okWas := fixed(q, limit, before)
		is, okIs := fixed(q, limit, after)
		if okWas && okIs {
			// Which of two equal numbers lies above the limit is what < and >= say alike, and > and <= the other way.
			into.add(value.SQL(expr.DuckDB, q.onWide), op == expr.OpLess || op == expr.OpMoreEq, min(was, is), max(was, is))
			return ""
		}
	}
	old, new := *q, *q
	old.values, new.values = before, after
	return "(" + a.SQL(expr.DuckDB, old.onWide) + ") IS DISTINCT FROM (" + a.SQL(expr.DuckDB, new.onWide) + ")"
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
	value string // SQL
	low   bool   // the low end belongs to the stretch, the high end does not; otherwise the other way round
}

func (s *spans) add(value string, low bool, from, to float64) {
	if from == to {
		return
	}
	if s.of == nil {
		s.of = map[spanKey][][2]float64{}
	}
	k := spanKey{value, low}
	if _, ok := s.of[k]; !ok {
		s.order = append(s.order, k)
	}
	s.of[k] = append(s.of[k], [2]float64{from, to})
}

// conditions are the stretches as SQL, overlapping ones as one.
func (s *spans) conditions() []string {
	var out []string
	for _, k := range s.order {
		list := slices.Clone(s.of[k])
		slices.SortFunc(list, func(a, b [2]float64) int {
			if a[0] < b[0] {
				return -1
			}
			return 1
		})
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
			out = append(out, fmt.Sprintf("(%[1]s %[2]s %[3]s AND %[1]s %[4]s %[5]s)", k.value, above, float(m[0]), below, float(m[1])))
		}
	}
	return out
}
