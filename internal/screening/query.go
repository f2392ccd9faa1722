package screening

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"time"

	"shouwang/internal/division"
	"shouwang/internal/expr"
	"shouwang/internal/policy"
	"shouwang/internal/warehouse"
)

// bitsPerWord is how many rules share one BIGINT of the wide row. 60 keeps every word positive on every engine.
const bitsPerWord = 60

// scope restricts a query to some households. The zero scope is everybody.
type scope struct {
	lo, hi int64  // household_id range, inclusive, when hi != 0
	table  string // or: a table with a household_id column
	ids    []int64
}

// where is the predicate on column household_id of the table alias, or "" for everybody.
func (s scope) where(alias string) string {
	col := "household_id"
	if alias != "" {
		col = alias + ".household_id"
	}
	switch {
	case s.hi != 0:
		return fmt.Sprintf("%s BETWEEN %d AND %d", col, s.lo, s.hi)
	case s.table != "":
		return fmt.Sprintf("%s IN (SELECT household_id FROM %s)", col, s.table)
	case len(s.ids) > 0:
		parts := make([]string, len(s.ids))
		for i, id := range s.ids {
			parts[i] = strconv.FormatInt(id, 10)
		}
		return col + " IN (" + strings.Join(parts, ", ") + ")"
	}
	return ""
}

// query writes the one SELECT that turns registry and facts into wide rows with the outcome of every rule. The same
// text serves the full run (a range of households), the incremental run (a table of them) and an explanation (one).
type query struct {
	pack    *policy.Pack
	asOf    time.Time
	cover   *coverage
	values  *parameters
	asKnown int // rows as known at this batch number; 0 = the live tables
	*patterns
}

// lit spells a date literal that DuckDB and PostgreSQL both read.
func lit(t time.Time) string { return "DATE '" + t.Format("2006-01-02") + "'" }

// float spells a double so that it comes back bit for bit.
func float(v float64) string {
	return "CAST(" + strconv.FormatFloat(v, 'g', -1, 64) + " AS FLOAT8)"
}

// source is the table to read: the live one, or live and past rows as they were known at an earlier batch.
func (q *query) source(table string) string {
	if q.asKnown == 0 {
		return table
	}
	var columns []warehouse.Column
	switch id, isFact := strings.CutPrefix(table, "fact_"); {
	case isFact:
		columns = warehouse.FactColumns(q.pack.Dataset(id))
	case table == "person":
		columns = warehouse.PersonColumns()
	default:
		columns = warehouse.HouseholdColumns()
	}
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = quote(c.Name)
	}
	list, n := strings.Join(names, ", "), q.asKnown
	return fmt.Sprintf("(SELECT %[1]s FROM %[2]s WHERE seen <= %[3]d UNION ALL SELECT %[1]s FROM %[2]s_past WHERE seen <= %[3]d AND until > %[3]d)", list, table, n)
}

// conj joins the non-empty predicates with AND.
func conj(parts ...string) string {
	kept := parts[:0:0]
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, " AND ")
}

func whereClause(parts ...string) string {
	if c := conj(parts...); c != "" {
		return " WHERE " + c
	}
	return ""
}

// ruleRef is the SQL of a variable of a rule or derived indicator.
func (q *query) ruleRef(v *expr.Var) string {
	n := len(q.pack.Indicators)
	switch {
	case v.Slot < n:
		return quote(q.pack.Indicators[v.Slot].ID)
	case v.Slot < n+len(q.pack.Parameters):
		return q.values.sql(q.pack.Parameters[v.Slot-n].ID, "registry_division")
	default:
		return lit(q.asOf)
	}
}

// rowRef gives the SQL of the variables of a dataset's rows. Money is fen in the warehouse and yuan in expressions.
func (q *query) rowRef(ds *policy.Dataset) func(*expr.Var) string {
	money := map[string]bool{}
	number := map[string]bool{}
	if ds != nil {
		for _, c := range ds.Columns {
			money[c.ID] = c.Type == policy.TypeMoney
			number[c.ID] = c.Type == policy.TypeInteger || c.Type == policy.TypeDivision
		}
	}
	return func(v *expr.Var) string {
		switch {
		case v.Name == "as_of":
			return lit(q.asOf)
		case money[v.Name]:
			return "(CAST(" + quote(v.Name) + " AS FLOAT8) / 100)"
		case number[v.Name] || (ds == nil && (v.Name == "members" || v.Name == "division" || v.Name == "county" || v.Name == "age")):
			return "CAST(" + quote(v.Name) + " AS FLOAT8)"
		}
		return quote(v.Name)
	}
}

// quote quotes an SQL identifier.
func quote(id string) string { return `"` + strings.ReplaceAll(id, `"`, `""`) + `"` }

// monthsBefore is the day n months before t, held inside the month (31 March − 1 month = 28 or 29 February).
func monthsBefore(t time.Time, n int) time.Time {
	first := time.Date(t.Year(), t.Month()-time.Month(n), 1, 0, 0, 0, 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(t.Day(), last)-1)
}

// bounds of an indicator's window: rows count when after < event date <= upTo; a zero after is open.
func (q *query) bounds(w policy.Window) (after, upTo time.Time) {
	upTo = q.asOf
	if w.Skip > 0 {
		upTo = monthsBefore(q.asOf, w.Skip)
	}
	switch {
	case w.Months > 0:
		after = monthsBefore(q.asOf, w.Skip+w.Months)
	case w.Days > 0:
		after = upTo.AddDate(0, 0, -w.Days)
	case w.Year:
		after = time.Date(q.asOf.Year(), 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, -1)
	}
	return after, upTo
}

// rowFilter is the condition under which a row of the dataset counts for the indicator, without the scope.
func (q *query) rowFilter(ind *policy.Indicator, ds *policy.Dataset) string {
	var parts []string
	if ds != nil && ds.EventDate != "" {
		after, upTo := q.bounds(ind.Window)
		if !after.IsZero() {
			parts = append(parts, quote(ds.EventDate)+" > "+lit(after))
		}
		parts = append(parts, quote(ds.EventDate)+" <= "+lit(upTo))
	}
	if ind.Where != nil {
		parts = append(parts, "("+ind.Where.SQL(expr.DuckDB, q.rowRef(ds))+")")
	}
	return strings.Join(parts, " AND ")
}

// sumScale is the fixed-point scale of sums that are not money: sums are made over integers so that neither the order of
// rows nor the number of threads can change the last bit of a value that is compared with a threshold.
const sumScale = 10000

// aggregate is the SQL of one aggregate over value (already filtered), as FLOAT8 / BOOLEAN / DATE.
func aggregate(kind policy.Aggregate, value string, fen bool, filter string, typ expr.Type, eventDate string) string {
	f := ""
	if filter != "" {
		f = " FILTER (WHERE " + filter + ")"
	}
	scaled, scale := value, "100"
	if !fen {
		scaled, scale = fmt.Sprintf("CAST(round(CAST(%s AS FLOAT8) * %d) AS BIGINT)", value, sumScale), strconv.Itoa(sumScale)
	}
	switch kind {
	case policy.Sum:
		return "CAST(SUM(" + scaled + ")" + f + " AS FLOAT8) / " + scale
	case policy.Avg:
		return "CAST(SUM(" + scaled + ")" + f + " AS FLOAT8) / " + scale + " / nullif(COUNT(" + value + ")" + f + ", 0)"
	case policy.Count, policy.Persons:
		return "CAST(COUNT(*)" + f + " AS FLOAT8)"
	case policy.Any:
		return "(COUNT(*)" + f + " > 0)"
	case policy.Max, policy.Min:
		s := strings.ToUpper(string(kind)) + "(" + value + ")" + f
		switch {
		case fen:
			return "CAST(" + s + " AS FLOAT8) / 100"
		case typ == expr.Number:
			return "CAST(" + s + " AS FLOAT8)"
		}
		return s
	case policy.Latest:
		known := value + " IS NOT NULL"
		if filter != "" {
			known = filter + " AND " + known
		}
		s := "(array_agg(" + value + " ORDER BY " + quote(eventDate) + " DESC, " + value + " DESC) FILTER (WHERE " + known + "))[1]"
		if fen {
			return "CAST(" + s + " AS FLOAT8) / 100"
		}
		if typ == expr.Number {
			return "CAST(" + s + " AS FLOAT8)"
		}
		return s
	}
	panic("screening: aggregate " + string(kind) + " passed the pack's check but is not known here")
}

// value is the SQL of what the indicator folds, and whether it is in integer fen.
func (q *query) value(ind *policy.Indicator, ds *policy.Dataset) (sql string, fen bool) {
	if ind.Of == nil {
		return "1", false
	}
	if ds != nil {
		if vars := ind.Of.Vars(); len(vars) == 1 && strings.TrimSpace(ind.Of.String()) == vars[0].Name {
			for _, c := range ds.Columns {
				if c.ID == vars[0].Name && c.Type == policy.TypeMoney {
					return quote(c.ID), true
				}
			}
		}
	}
	return ind.Of.SQL(expr.DuckDB, q.rowRef(ds)), false
}

// nullable reports whether a row that counts can have an unknown value, so that "rows but no value" must not become 0.
func nullable(ind *policy.Indicator, ds *policy.Dataset) bool {
	if ind.Of == nil {
		return false
	}
	if ds == nil {
		return true
	}
	required := map[string]bool{"as_of": true}
	for _, c := range ds.Columns {
		required[c.ID] = c.NotNull
	}
	for _, v := range ind.Of.Vars() {
		if !required[v.Name] {
			return true
		}
	}
	return false
}

// personCTE is the members on the screening day, with their age in whole years.
func (q *query) personCTE(sc scope) string {
	mmdd := int(q.asOf.Month())*100 + q.asOf.Day()
	return fmt.Sprintf(`(SELECT *, %d - extract(year FROM birth) - CASE WHEN extract(month FROM birth) * 100 + extract(day FROM birth) > %d THEN 1 ELSE 0 END AS age FROM %s%s)`,
		q.asOf.Year(), mmdd, q.source("person")+" AS memberships", whereClause(sc.where(""), "(member_to IS NULL OR member_to > "+lit(q.asOf)+")"))
}

// folded is one dataset's part of the query: its CTEs and the columns it gives.
type folded struct {
	ctes  []string
	joins []string
	raw   []string // the columns it gives, each under a name of its own
}

// fold writes the CTE that folds one dataset's rows into one row a household.
func (q *query) fold(id string, inds []*policy.Indicator, sc scope) folded {
	var ds *policy.Dataset
	var from, filter string
	if id == "person" {
		from = q.personCTE(sc) + " AS rows_of"
	} else {
		ds = q.pack.Dataset(id)
		from = q.source("fact_"+id) + " AS rows_of"
		filter = conj(sc.where(""), q.commonWindow(ds, inds))
	}
	var out folded
	var cols []string
	perPerson := map[string]bool{}
	var inner []string
	for _, ind := range inds {
		value, fen := q.value(ind, ds)
		rows := q.rowFilter(ind, ds)
		eventDate := ""
		if ds != nil {
			eventDate = ds.EventDate
		}
		name := quote(ind.ID)
		switch {
		case ind.PerPerson != "":
			// Folded per person first; the outer fold sees integer fen or scaled doubles as FLOAT8.
			out.raw = append(out.raw, "p_"+id+"."+name+" AS "+rawName(ind))
			inner = append(inner, aggregate(ind.PerPerson, value, fen, rows, expr.Number, eventDate)+" AS "+name)
			cols = append(cols, "\x00"+aggregate(ind.Aggregate, name, false, "", ind.Type, eventDate)+" AS "+name)
			perPerson[ind.ID] = true
		case ind.Aggregate == policy.Persons && ds != nil:
			cond := rows
			if cond == "" {
				cond = "TRUE"
			}
			out.raw = append(out.raw, "p_"+id+"."+name+" AS "+rawName(ind))
			inner = append(inner, "bool_or("+cond+") AS "+name)
			cols = append(cols, "\x00CAST(COUNT(*) FILTER (WHERE "+name+") AS FLOAT8) AS "+name)
			perPerson[ind.ID] = true
		default:
			out.raw = append(out.raw, "f_"+id+"."+name+" AS "+rawName(ind))
			cols = append(cols, aggregate(ind.Aggregate, value, fen, rows, ind.Type, eventDate)+" AS "+name)
			if ind.AbsentZero && nullable(ind, ds) {
				f := ""
				if rows != "" {
					f = " FILTER (WHERE " + rows + ")"
				}
				out.raw = append(out.raw, "f_"+id+"."+quote(ind.ID+"__n"))
				cols = append(cols, "COUNT(*)"+f+" AS "+quote(ind.ID+"__n"))
			}
		}
	}
	var direct, byPerson []string
	for _, c := range cols {
		if strings.HasPrefix(c, "\x00") {
			byPerson = append(byPerson, c[1:])
		} else {
			direct = append(direct, c)
		}
	}
	if len(direct) > 0 {
		name := "f_" + id
		out.ctes = append(out.ctes, fmt.Sprintf("%s AS (SELECT household_id, %s FROM %s%s GROUP BY household_id)",
			name, strings.Join(direct, ", "), from, whereClause(filter)))
		out.joins = append(out.joins, name)
	}
	if len(byPerson) > 0 {
		name := "p_" + id
		out.ctes = append(out.ctes, fmt.Sprintf("%s AS (SELECT household_id, %s FROM (SELECT household_id, person_key, %s FROM %s%s GROUP BY household_id, person_key) AS per_person GROUP BY household_id)",
			name, strings.Join(byPerson, ", "), strings.Join(inner, ", "), from, whereClause(conj(filter, "person_key IS NOT NULL"))))
		out.joins = append(out.joins, name)
	}
	return out
}

// commonWindow is the widest window of the indicators of an event dataset: rows outside it count for none of them.
func (q *query) commonWindow(ds *policy.Dataset, inds []*policy.Indicator) string {
	if ds.EventDate == "" {
		return ""
	}
	var after, upTo time.Time
	open := false
	for _, ind := range inds {
		a, u := q.bounds(ind.Window)
		if u.After(upTo) {
			upTo = u
		}
		if a.IsZero() {
			open = true
		} else if after.IsZero() || a.Before(after) {
			after = a
		}
	}
	if open || after.IsZero() {
		return quote(ds.EventDate) + " <= " + lit(upTo)
	}
	return quote(ds.EventDate) + " > " + lit(after) + " AND " + quote(ds.EventDate) + " <= " + lit(upTo)
}

// byDataset groups the folded indicators by dataset, in the pack's order.
func byDataset(p *policy.Pack) (ids []string, groups map[string][]*policy.Indicator) {
	groups = map[string][]*policy.Indicator{}
	for i := range p.Indicators {
		ind := &p.Indicators[i]
		if ind.Derive != nil {
			continue
		}
		if _, ok := groups[ind.Dataset]; !ok {
			ids = append(ids, ind.Dataset)
		}
		groups[ind.Dataset] = append(groups[ind.Dataset], ind)
	}
	sort.Strings(ids)
	return ids, groups
}

// rawName is the name of a folded value before coverage and absence are looked at.
func rawName(ind *policy.Indicator) string { return quote("raw_" + ind.ID) }

// coverName is the column that says whether a feed covers the household's county for what an indicator needs.
func coverName(n need) string {
	name := fmt.Sprintf("cov_%s_%d", n.dataset, n.freshDays)
	if n.step > 0 && n.open {
		return fmt.Sprintf("%s_to_%d", name, n.to)
	}
	if n.step > 0 {
		return fmt.Sprintf("%s_%d_%d", name, n.from, n.to)
	}
	return name
}

// feedOf is the feed whose coverage decides: the registry stands on the roster.
func (q *query) feedOf(dataset string) string {
	if dataset == "person" || dataset == "household" {
		for i := range q.pack.Datasets {
			if q.pack.Datasets[i].Role == "roster" {
				return q.pack.Datasets[i].ID
			}
		}
	}
	return dataset
}

// indicators writes the CTEs up to and including the last layer, which has every indicator, and returns its name.
func (q *query) indicators(sc scope) (ctes []string, last string) {
	ids, groups := byDataset(q.pack)
	seen := map[string]bool{}
	var covers []string
	for i := range q.pack.Indicators {
		ind := &q.pack.Indicators[i]
		if ind.Derive != nil {
			continue
		}
		name := coverName(q.need(ind))
		if !seen[name] {
			seen[name] = true
			// Zero where the feed covers the county, unknown elsewhere: added to a value it makes the value unknown, which costs a
			// fraction of a CASE around it.
			covers = append(covers, "CASE WHEN "+q.cover.sql(q.need(ind))+" THEN CAST(0 AS FLOAT8) END AS "+name)
		}
	}
	h := "h AS (SELECT household_id, county, division, members, type, relocated"
	if len(covers) > 0 {
		h += ", " + strings.Join(covers, ", ")
	}
	h += " FROM " + q.source("household") + " AS households" + whereClause(sc.where("")) + ")"
	ctes = append(ctes, h)

	var joins, raw, cols []string
	for _, id := range ids {
		if id == "household" {
			continue
		}
		f := q.fold(id, groups[id], sc)
		ctes = append(ctes, f.ctes...)
		joins = append(joins, f.joins...)
		raw = append(raw, f.raw...)
	}
	for i := range q.pack.Indicators {
		ind := &q.pack.Indicators[i]
		if ind.Derive != nil {
			continue
		}
		value, cov := q.present(ind), coverName(q.need(ind))
		switch {
		case q.cover.sql(q.need(ind)) == "TRUE":
		case ind.Type == expr.Number:
			value = "(" + value + ") + " + cov
		default:
			value = "CASE WHEN " + cov + " IS NOT NULL THEN " + value + " END"
		}
		cols = append(cols, value+" AS "+quote(ind.ID))
	}
	// An outer join to a feed that knows only some households splits every vector of rows in two. Materialising after the joins
	// puts the pieces together again before the hundreds of expressions run (measured in docs/benchmarks.md).
	joined := "SELECT h.*"
	for _, c := range raw {
		joined += ", " + c
	}
	joined += " FROM h"
	for _, j := range joins {
		joined += " LEFT JOIN " + j + " ON " + j + ".household_id = h.household_id"
	}
	ctes = append(ctes, "joined AS MATERIALIZED ("+joined+")")
	// "members" and the other registry columns may also be indicators: the registry's own copies get another name.
	ctes = append(ctes, "l0 AS (SELECT household_id, county AS registry_county, division AS registry_division, members AS registry_members, "+strings.Join(cols, ", ")+" FROM joined)")
	last = "l0"
	for n, layer := range q.pack.Layers()[1:] {
		var derived []string
		for _, i := range layer {
			ind := &q.pack.Indicators[i]
			if ind.Derive == nil {
				continue // folded from rows: in l0 already
			}
			s := "(" + ind.Derive.SQL(expr.DuckDB, q.ruleRef) + ")"
			if ind.Type == expr.Number {
				s = "CAST(" + s + " AS FLOAT8)"
			}
			derived = append(derived, s+" AS "+quote(ind.ID))
		}
		if len(derived) == 0 {
			continue
		}
		next := fmt.Sprintf("l%d", n+1)
		ctes = append(ctes, next+" AS (SELECT *, "+strings.Join(derived, ", ")+" FROM "+last+")")
		last = next
	}
	return ctes, last
}

// present is the value of a folded indicator where the feed has come.
func (q *query) present(ind *policy.Indicator) string {
	if ind.Dataset == "household" {
		value := "TRUE"
		if ind.Of != nil {
			value = "(" + ind.Of.SQL(expr.DuckDB, q.rowRef(nil)) + ")"
		}
		if ind.Where != nil {
			cond := "(" + ind.Where.SQL(expr.DuckDB, q.rowRef(nil)) + ")"
			if ind.Aggregate == policy.Any {
				value = cond
			} else {
				value = "CASE WHEN " + cond + " THEN " + value + " END"
			}
		}
		if ind.AbsentZero {
			value = "coalesce(" + value + ", " + zero(ind.Type) + ")"
		}
		if ind.Type == expr.Number {
			return "CAST(" + value + " AS FLOAT8)"
		}
		return value
	}
	var ds *policy.Dataset
	if ind.Dataset != "person" {
		ds = q.pack.Dataset(ind.Dataset)
	}
	byPerson := ind.PerPerson != "" || (ind.Aggregate == policy.Persons && ds != nil)
	col := rawName(ind)
	if !ind.AbsentZero {
		return col
	}
	if !byPerson && nullable(ind, ds) {
		return fmt.Sprintf("CASE WHEN %[1]s IS NULL AND %[2]s > 0 THEN NULL ELSE coalesce(%[1]s, %[3]s) END",
			col, quote(ind.ID+"__n"), zero(ind.Type))
	}
	return "coalesce(" + col + ", " + zero(ind.Type) + ")"
}

func zero(t expr.Type) string {
	switch t {
	case expr.Bool:
		return "FALSE"
	case expr.Date:
		return "NULL"
	}
	return "CAST(0 AS FLOAT8)"
}

// words is the number of BIGINT words that n rules need.
func words(n int) int { return max(1, (n+bitsPerWord-1)/bitsPerWord) }

// frame is the columns that every wide row begins with, then every indicator.
func (q *query) frame(run int64) []string {
	cols := []string{"household_id", "registry_county AS county", "registry_division AS division", "registry_members AS members", fmt.Sprintf("CAST(%d AS BIGINT) AS run", run)}
	for i := range q.pack.Indicators {
		value := quote(q.pack.Indicators[i].ID)
		if counts(&q.pack.Indicators[i]) {
			value = "CAST(" + value + " AS INTEGER)"
		}
		cols = append(cols, value+" AS "+column(&q.pack.Indicators[i]))
	}
	return cols
}

// sqlRows is the SELECT that fills table wide_row: household_id, county, division, members, run, every indicator, the pattern of the rules, and the words
// of the checks.
func (q *query) sqlRows(sc scope, run int64) string {
	ctes, last := q.indicators(sc)
	checks := []string{"*"}
	for i := range q.pack.Checks {
		checks = append(checks, q.pack.Checks[i].When.SQL(expr.DuckDB, q.ruleRef)+" AS "+outcome(i))
	}
	ctes = append(ctes, "checked AS (SELECT "+strings.Join(checks, ", ")+" FROM "+last+")")
	cols := append(q.frame(run), q.hash(q.ruleRef)+" AS pattern")
	cols = append(cols, q.gaugeColumns(q.ruleRef)...)
	cols = append(cols, bits(0, len(q.pack.Checks), words(len(q.pack.Rules)))...)
	return "WITH " + strings.Join(ctes, ",\n") + "\nSELECT " + strings.Join(cols, ", ") + " FROM checked"
}

// sqlWide is the SELECT of what the view wide shows, decided on the spot: household_id, county, division, members, run, every indicator, hitsK, unknownsK.
func (q *query) sqlWide(sc scope, run int64) string {
	ctes, last := q.indicators(sc)
	more, last := q.outcomes(q.pack, last, q.ruleRef)
	cols := append(q.frame(run), bits(0, len(q.pack.Rules), 0)...)
	cols = append(cols, bits(len(q.pack.Rules), len(q.pack.Checks), words(len(q.pack.Rules)))...)
	return "WITH " + strings.Join(append(ctes, more...), ",\n") + "\nSELECT " + strings.Join(cols, ", ") + " FROM " + last
}

// column is the name of an indicator in view wide: prefixed, so that it can never meet a column of the frame.
func column(ind *policy.Indicator) string { return quote("i_" + ind.ID) }

// counts reports whether the indicator's values are whole numbers by their nature: kept as INTEGER, whose statistics and
// compression cost a fraction of a double's.
func counts(ind *policy.Indicator) bool {
	return ind.Derive == nil && (ind.Aggregate == policy.Count || ind.Aggregate == policy.Persons) && ind.PerPerson == ""
}

// wideColumns is the DDL column list of table wide_row. Most households have no row for most indicators, so the columns that are
// zero when absent are run-length encoded by order: left to itself DuckDB spends more time on weighing eight encodings for
// each of them than on computing them (measured in docs/benchmarks.md).
func (t *patterns) wideColumns(p *policy.Pack) string {
	cols := []string{"household_id BIGINT NOT NULL", "county INTEGER NOT NULL", "division BIGINT NOT NULL", "members INTEGER NOT NULL", "run BIGINT NOT NULL"}
	for i := range p.Indicators {
		ind := &p.Indicators[i]
		typ := map[expr.Type]string{expr.Number: "FLOAT8", expr.Bool: "BOOLEAN", expr.Date: "DATE"}[ind.Type]
		if counts(ind) {
			typ = "INTEGER"
		}
		if ind.AbsentZero && ind.Type != expr.Date {
			typ += " USING COMPRESSION RLE"
		}
		cols = append(cols, column(ind)+" "+typ)
	}
	cols = append(cols, "pattern "+warehouse.DuckDB.Type("UBIGINT")+" NOT NULL")
	for k := range t.gauges {
		cols = append(cols, gauge(k)+" INTEGER NOT NULL")
	}
	for w := words(len(p.Rules)); w < allWords(p); w++ {
		cols = append(cols, fmt.Sprintf("hits%d BIGINT NOT NULL", w), fmt.Sprintf("unknowns%d BIGINT NOT NULL", w))
	}
	return strings.Join(cols, ", ")
}

// onWide gives the SQL of a rule's variables over table wide instead of inside the query.
func (q *query) onWide(v *expr.Var) string {
	n := len(q.pack.Indicators)
	switch {
	case v.Slot < n && counts(&q.pack.Indicators[v.Slot]):
		return "CAST(" + column(&q.pack.Indicators[v.Slot]) + " AS FLOAT8)"
	case v.Slot < n:
		return column(&q.pack.Indicators[v.Slot])
	case v.Slot < n+len(q.pack.Parameters):
		return q.values.sql(q.pack.Parameters[v.Slot-n].ID, "division")
	default:
		return lit(q.asOf)
	}
}

// ruleBit tells where rule number i lives: word and mask.
func ruleBit(i int) (word int, mask int64) { return i / bitsPerWord, int64(1) << (i % bitsPerWord) }

// hasBit is the condition that rule i's bit is set in the word column with the given prefix ("hits", "unknowns").
func hasBit(prefix string, i int) string {
	w, m := ruleBit(i)
	return fmt.Sprintf("(%s%d & %d) <> 0", prefix, w, m)
}

// parameters holds the values of one run, with their overrides by division.
type parameters struct {
	pack *policy.Pack
	asOf time.Time
	// set replaces a parameter everywhere (what-if).
	set map[string]float64
}

// newParameters checks that every parameter has a value of the region's own on the day.
func newParameters(p *policy.Pack, asOf time.Time, set map[string]float64) (*parameters, error) {
	for i := range p.Parameters {
		if _, err := p.Param(p.Parameters[i].ID, 0, asOf); err != nil {
			return nil, err
		}
	}
	return &parameters{pack: p, asOf: asOf, set: set}, nil
}

// sql is the value of the parameter for the division in a column of the row.
func (p *parameters) sql(id, divisionColumn string) string {
	if v, ok := p.set[id]; ok {
		return float(v)
	}
	rows := p.pack.InForce(id, p.asOf)
	if len(rows) == 1 {
		return float(rows[0].Value)
	}
	var b strings.Builder
	b.WriteString("(CASE")
	for _, r := range rows[:len(rows)-1] {
		lo, hi := r.Range()
		fmt.Fprintf(&b, " WHEN %s BETWEEN %d AND %d THEN %s", divisionColumn, lo, hi, float(r.Value))
	}
	fmt.Fprintf(&b, " ELSE %s END)", float(rows[len(rows)-1].Value))
	return b.String()
}

// at is the value for a division; NaN where there is none.
func (p *parameters) at(id string, d division.Code) policy.ParameterValue {
	if v, ok := p.set[id]; ok {
		return policy.ParameterValue{Division: p.pack.Region, Value: v, Document: "what-if"}
	}
	v, err := p.pack.Param(id, d, p.asOf)
	if err != nil {
		return policy.ParameterValue{Value: math.NaN()}
	}
	return v
}

// hash identifies the values that a run used.
func (p *parameters) hash() string {
	h := sha256.New()
	for i := range p.pack.Parameters {
		id := p.pack.Parameters[i].ID
		if v, ok := p.set[id]; ok {
			fmt.Fprintf(h, "%s set %x\n", id, v)
			continue
		}
		for _, v := range p.pack.InForce(id, p.asOf) {
			fmt.Fprintf(h, "%s %s %x\n", id, v.Prefix(), v.Value)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}
