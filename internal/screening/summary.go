package screening

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"sort"
	"strings"

	"shouwang/internal/expr"
	"shouwang/internal/policy"
)

// needs tells, per rule number, which folded indicators of which feeds its value rests on, through derived indicators.
func needs(p *policy.Pack) []map[string][]*policy.Indicator {
	memo := make([]map[*policy.Indicator]bool, len(p.Indicators))
	q := &query{pack: p}
	var of func(i int) map[*policy.Indicator]bool
	gather := func(into map[*policy.Indicator]bool, vars []*expr.Var) {
		for _, v := range vars {
			if v.Slot < len(p.Indicators) {
				maps.Copy(into, of(v.Slot))
			}
		}
	}
	of = func(i int) map[*policy.Indicator]bool {
		if memo[i] == nil {
			memo[i] = map[*policy.Indicator]bool{}
			if ind := &p.Indicators[i]; ind.Derive != nil {
				gather(memo[i], ind.Derive.Vars())
			} else {
				memo[i][ind] = true
			}
		}
		return memo[i]
	}
	var rules []map[string][]*policy.Indicator
	for i := range p.Rules {
		all := map[*policy.Indicator]bool{}
		gather(all, p.Rules[i].When.Vars())
		out := map[string][]*policy.Indicator{}
		for j := range p.Indicators {
			if ind := &p.Indicators[j]; all[ind] {
				out[q.feedOf(ind.Dataset)] = append(out[q.feedOf(ind.Dataset)], ind)
			}
		}
		rules = append(rules, out)
	}
	return rules
}

// requests turns unknown outcomes of rules that ask into data requests by feed and county. Households are grouped by
// their pattern of unknown rules and missing rows: there are few patterns, however many households.
func (s *Service) requests(ctx context.Context, c *sql.Conn, q *query, run int64, sc scope) error {
	// A feed can have come and still lack a household: the flag is set when an indicator that is unknown when absent is null.
	absent := map[string][]string{}
	for i := range s.pack.Indicators {
		ind := &s.pack.Indicators[i]
		if ind.Derive == nil && !ind.AbsentZero {
			feed := q.feedOf(ind.Dataset)
			absent[feed] = append(absent[feed], column(ind)+" IS NULL")
		}
	}
	var feeds []string
	for f := range absent {
		feeds = append(feeds, f)
	}
	sort.Strings(feeds)
	cols := []string{"county"}
	nwords := words(len(s.pack.Rules))
	ask := make([]int64, nwords)
	for i := range s.pack.Rules {
		if s.pack.Rules[i].AskOnUnknown {
			w, m := ruleBit(i)
			ask[w] |= m
		}
	}
	var some []string
	for w := range nwords {
		cols = append(cols, fmt.Sprintf("p.unknowns%d & %d", w, ask[w]))
		some = append(some, fmt.Sprintf("(unknowns%d & %d) <> 0", w, ask[w]))
	}
	flags := make([]string, 0, len(feeds))
	for i, f := range feeds {
		flags = append(flags, fmt.Sprintf("CASE WHEN %s THEN %d ELSE 0 END", strings.Join(absent[f], " OR "), int64(1)<<i))
	}
	if len(flags) == 0 {
		flags = []string{"0"}
	}
	cols = append(cols, "CAST("+strings.Join(flags, " + ")+" AS BIGINT)")
	var group []string
	for i := range cols {
		group = append(group, fmt.Sprint(i+1))
	}
	// An incremental run counts its counties anew as a whole, since a request is about a county.
	counties := ""
	if w := sc.where(""); w != "" {
		counties = "county IN (SELECT DISTINCT county FROM wide_row WHERE " + w + ")"
	}
	text := "SELECT " + strings.Join(cols, ", ") + ", count(*) FROM wide_row AS w JOIN (SELECT * FROM pattern WHERE " + strings.Join(some, " OR ") + ") AS p ON p.pattern = w.pattern" +
		whereClause(counties) + " GROUP BY " + strings.Join(group, ", ")
	rows, err := c.QueryContext(ctx, text)
	if err != nil {
		return fmt.Errorf("screening: data requests: %w\n%s", err, short(text))
	}
	defer rows.Close()
	type key struct {
		dataset string
		county  int32
	}
	type request struct {
		standing
		households int64
		rules      map[int]bool
	}
	found := map[key]*request{}
	rests := needs(s.pack)
	for rows.Next() {
		var county int32
		unknown := make([]int64, nwords)
		var missingRows, n int64
		dest := []any{&county}
		for i := range unknown {
			dest = append(dest, &unknown[i])
		}
		dest = append(dest, &missingRows, &n)
		if err := rows.Scan(dest...); err != nil {
			return fmt.Errorf("screening: data requests: %w", err)
		}
		byFeed := map[string][]int{}
		for i := range s.pack.Rules {
			if w, m := ruleBit(i); unknown[w]&m == 0 {
				continue
			}
			for d := range rests[i] {
				byFeed[d] = append(byFeed[d], i)
			}
		}
		for d, rules := range byFeed {
			var worst standing
			for _, i := range rules {
				worst = q.worst(rests[i][d], county, worst)
			}
			if worst.state == covered {
				bit := sort.SearchStrings(feeds, d)
				if bit == len(feeds) || feeds[bit] != d || missingRows&(1<<bit) == 0 {
					continue // this feed is not what is lacking
				}
			}
			k := key{d, county}
			r := found[k]
			if r == nil {
				r = &request{rules: map[int]bool{}}
				found[k] = r
			}
			if worst.state >= r.state {
				r.standing = worst
			}
			r.households += n
			for _, i := range rules {
				r.rules[i] = true
			}
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("screening: data requests: %w", err)
	}
	if counties == "" {
		counties = "TRUE"
	}
	if err := exec(ctx, c, "DELETE FROM data_request WHERE "+counties); err != nil {
		return err
	}
	var keys []key
	for k := range found {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(a, b int) bool {
		return keys[a].dataset < keys[b].dataset || keys[a].dataset == keys[b].dataset && keys[a].county < keys[b].county
	})
	var values []string
	for _, k := range keys {
		r := found[k]
		var ids []string
		for i := range s.pack.Rules {
			if r.rules[i] {
				ids = append(ids, s.pack.Rules[i].ID)
			}
		}
		through := "NULL"
		if !r.through.IsZero() {
			through = lit(r.through)
		}
		name, months := r.state.String(), "NULL"
		if r.state == covered {
			name = "no_row"
		}
		if len(r.gaps) > 0 {
			months = "'" + strings.Join(r.gaps, ",") + "'"
		}
		values = append(values, fmt.Sprintf("(%d, '%s', %d, '%s', %s, %d, '%s', %s)", run, k.dataset, k.county, name, through, r.households, strings.Join(ids, ","), months))
	}
	if len(values) == 0 {
		return nil
	}
	return exec(ctx, c, "INSERT INTO data_request (run, dataset, county, state, through, households, rules, months) VALUES "+strings.Join(values, ", "))
}

// worst is how a feed stands for a county by the indicator that is served worst: the longest gap, the strictest freshness.
func (q *query) worst(inds []*policy.Indicator, county int32, at standing) standing {
	for _, ind := range inds {
		if st := q.cover.of(q.need(ind), county); st.state > at.state || st.state == at.state && len(st.gaps) >= len(at.gaps) {
			at = st
		}
	}
	return at
}

// summarise fills the figures of a run from the tables.
func (s *Service) summarise(ctx context.Context, c *sql.Conn, q *query, sum *Summary) error {
	var err error
	if sum.Persons, err = one[int64](ctx, c, "SELECT CAST(coalesce(sum(members), 0) AS BIGINT) FROM household"); err != nil {
		return err
	}
	levels := map[string]Count{}
	if err := scan(ctx, c, "SELECT level, count(*), CAST(coalesce(sum(members), 0) AS BIGINT) FROM (SELECT household_id, max(level) AS level, max(members) AS members FROM warning_live GROUP BY household_id) AS l GROUP BY level", func(r *sql.Rows) error {
		var level uint8
		var n Count
		if err := r.Scan(&level, &n.Households, &n.Persons); err != nil {
			return err
		}
		n.Level = policy.Level(level).String()
		levels[n.Level] = n
		sum.Warned += n.Households
		return nil
	}); err != nil {
		return err
	}
	for _, l := range []policy.Level{policy.Red, policy.Yellow, policy.Blue} {
		n := levels[l.String()]
		n.Level = l.String()
		sum.ByLevel = append(sum.ByLevel, n)
	}
	if err := scan(ctx, c, "SELECT risk, count(*) FILTER (WHERE level = 3), count(*) FILTER (WHERE level = 2), count(*) FILTER (WHERE level = 1) FROM warning_live GROUP BY risk ORDER BY count(*) DESC, risk", func(r *sql.Rows) error {
		var n RiskCount
		if err := r.Scan(&n.Risk, &n.Red, &n.Yellow, &n.Blue); err != nil {
			return err
		}
		sum.ByRisk = append(sum.ByRisk, n)
		return nil
	}); err != nil {
		return err
	}
	sum.ByChange = map[string]int64{}
	if err := scan(ctx, c, fmt.Sprintf("SELECT change, count(*) FROM warning WHERE run = %d GROUP BY change", sum.Run), func(r *sql.Rows) error {
		var change string
		var n int64
		if err := r.Scan(&change, &n); err != nil {
			return err
		}
		sum.ByChange[change] = n
		return nil
	}); err != nil {
		return err
	}
	if sum.Rules, sum.Checks, err = s.outcomes(ctx, c, sum); err != nil {
		return err
	}
	sum.Requests, err = s.dataRequests(ctx, c)
	return err
}

// outcomes counts hits and unknowns by rule over all wide rows, or for an incremental run over those it screened.
func (s *Service) outcomes(ctx context.Context, c *sql.Conn, sum *Summary) (rules, checks []RuleCount, err error) {
	n := len(s.pack.Rules) + len(s.pack.Checks)
	where := ""
	if sum.Kind != "full" {
		where = fmt.Sprintf(" WHERE run = %d", sum.Run)
	}
	hits, unknowns := make([]int64, n), make([]int64, n)
	// Outcomes come in few patterns: count the patterns, then the bits. The rules' words are the pattern's, the checks' the row's.
	count := func(text string, first, word, number int) error {
		return scan(ctx, c, text, func(r *sql.Rows) error {
			var hit, unknown, households int64
			if err := r.Scan(&hit, &unknown, &households); err != nil {
				return err
			}
			for i := word * bitsPerWord; i < min(number, (word+1)*bitsPerWord); i++ {
				_, m := ruleBit(i)
				if hit&m != 0 {
					hits[first+i] += households
				}
				if unknown&m != 0 {
					unknowns[first+i] += households
				}
			}
			return nil
		})
	}
	nr := len(s.pack.Rules)
	for w := range words(nr) {
		text := fmt.Sprintf("SELECT hits%[1]d, unknowns%[1]d, CAST(sum(n) AS BIGINT) FROM (SELECT pattern, count(*) AS n FROM wide_row%[2]s GROUP BY pattern) AS w JOIN pattern AS p ON p.pattern = w.pattern GROUP BY 1, 2", w, where)
		if err := count(text, 0, w, nr); err != nil {
			return nil, nil, err
		}
	}
	for w := range words(len(s.pack.Checks)) {
		text := fmt.Sprintf("SELECT hits%[1]d, unknowns%[1]d, count(*) FROM wide_row%[2]s GROUP BY 1, 2", words(nr)+w, where)
		if err := count(text, nr, w, len(s.pack.Checks)); err != nil {
			return nil, nil, err
		}
	}
	for i := range s.pack.Rules {
		rules = append(rules, RuleCount{s.pack.Rules[i].ID, hits[i], unknowns[i]})
	}
	for i := range s.pack.Checks {
		checks = append(checks, RuleCount{s.pack.Checks[i].ID, hits[len(s.pack.Rules)+i], unknowns[len(s.pack.Rules)+i]})
	}
	return rules, checks, nil
}

// dataRequests are the open data requests.
func (s *Service) dataRequests(ctx context.Context, c *sql.Conn) ([]DataRequest, error) {
	out := []DataRequest{}
	err := scan(ctx, c, "SELECT dataset, county, state, through, households, rules, months FROM data_request ORDER BY households DESC, dataset, county", func(r *sql.Rows) error {
		var d DataRequest
		var through sql.NullTime
		var rules string
		var months sql.NullString
		if err := r.Scan(&d.Dataset, &d.County, &d.State, &through, &d.Households, &rules, &months); err != nil {
			return err
		}
		if months.Valid {
			d.Months = strings.Split(months.String, ",")
		}
		if through.Valid {
			d.Through = through.Time.Format("2006-01-02")
		}
		d.Rules = strings.Split(rules, ",")
		if ds := s.pack.Dataset(d.Dataset); ds != nil {
			d.Department = ds.Department
		}
		out = append(out, d)
		return nil
	})
	return out, err
}

// scan runs a query and hands each row to fn.
func scan(ctx context.Context, c *sql.Conn, text string, fn func(*sql.Rows) error) error {
	rows, err := c.QueryContext(ctx, text)
	if err != nil {
		return fmt.Errorf("screening: %w\n%s", err, short(text))
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return fmt.Errorf("screening: %w", err)
		}
	}
	return rows.Err()
}
