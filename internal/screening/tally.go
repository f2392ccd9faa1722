package screening

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// The tallies are how many households are warned, and how many hit each rule, by area: so that a what-if need count only what changes.
//
// tally_village (division, county, warned) has a row for each village with a warned household; a household is warned when any rule other than a
// doubt flag hits. tally_county (county, rule_0, rule_1 …) has the hits of each rule in the pack's order.

// countiesOf are the counties of the households in scope, as their rows stand.
func countiesOf(ctx context.Context, c *sql.Conn, sc scope) ([]int32, error) {
	var out []int32
	err := scan(ctx, c, "SELECT DISTINCT county FROM wide_row"+whereClause(sc.where("")), func(r *sql.Rows) error {
		var county int32
		if err := r.Scan(&county); err != nil {
			return err
		}
		out = append(out, county)
		return nil
	})
	return out, err
}

// tally counts the counties of the households in scope anew, and those where they were before; the zero scope counts everywhere.
func (s *Service) tally(ctx context.Context, c *sql.Conn, sc scope, before []int32) error {
	var some, cols, sums []string
	for i := range s.pack.Rules {
		cols = append(cols, fmt.Sprintf("rule_%d BIGINT", i))
		sums = append(sums, fmt.Sprintf("CAST(coalesce(sum(n) FILTER (WHERE %s), 0) AS BIGINT)", hasBit("hits", i)))
	}
	for w, m := range s.warnedMask() {
		some = append(some, fmt.Sprintf("(hits%d & %d) <> 0", w, m))
	}
	where, drop := "", []string{"DROP TABLE IF EXISTS tally_village", "DROP TABLE IF EXISTS tally_county",
		"CREATE TABLE tally_village (division BIGINT NOT NULL, county INTEGER NOT NULL, warned BIGINT NOT NULL)",
		"CREATE TABLE tally_county (county INTEGER NOT NULL, " + strings.Join(cols, ", ") + ")"}
	if sc.where("") != "" {
		after, err := countiesOf(ctx, c, sc)
		if err != nil {
			return err
		}
		counties := slices.Compact(slices.Sorted(slices.Values(append(after, before...))))
		if len(counties) == 0 {
			return nil
		}
		where = " WHERE county IN (" + joinInts(counties) + ")"
		drop = []string{"DELETE FROM tally_village" + where, "DELETE FROM tally_county" + where}
	}
	for _, text := range append(drop,
		"INSERT INTO tally_village SELECT division, min(county), count(*) FROM (SELECT division, county, pattern FROM wide_row"+where+") AS w JOIN (SELECT pattern FROM pattern WHERE "+strings.Join(some, " OR ")+") AS p ON p.pattern = w.pattern GROUP BY division",
		"INSERT INTO tally_county SELECT county, "+strings.Join(sums, ", ")+" FROM (SELECT county, pattern, count(*) AS n FROM wide_row"+where+" GROUP BY county, pattern) AS w JOIN pattern AS p ON p.pattern = w.pattern GROUP BY county",
	) {
		if err := exec(ctx, c, text); err != nil {
			return err
		}
	}
	return nil
}

// warnedMask is, per word, the bits of the rules that make a warning.
func (s *Service) warnedMask() []int64 {
	out := make([]int64, words(len(s.pack.Rules)))
	for _, masks := range s.warnedMasks() {
		for w := range out {
			out[w] |= masks[w]
		}
	}
	return out
}
