package screening

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"shouwang/internal/division"
)

// TrendPoint is how many households were warned of after a run, each at its worst level.
type TrendPoint struct {
	Run               int64
	AsOf              string
	Red, Yellow, Blue int64
}

// keepTrend counts the warned households of each county as this run leaves them. Counting past runs when somebody asks would mean going through all their warnings.
func (s *Service) keepTrend(ctx context.Context, c *sql.Conn, run int64) error {
	for _, text := range []string{
		"CREATE TABLE IF NOT EXISTS trend (run BIGINT NOT NULL, county INTEGER NOT NULL, red BIGINT NOT NULL, yellow BIGINT NOT NULL, blue BIGINT NOT NULL)",
		fmt.Sprintf("DELETE FROM trend WHERE run = %d", run),
		fmt.Sprintf(`INSERT INTO trend SELECT %d, county, count(*) FILTER (WHERE level = 3), count(*) FILTER (WHERE level = 2), count(*) FILTER (WHERE level = 1)
FROM (SELECT CAST(any_value(division) // 1000000 AS INTEGER) AS county, max(level) AS level FROM warning_live WHERE level > 0 AND division IS NOT NULL GROUP BY household_id) AS worst GROUP BY county`, run),
	} {
		if err := exec(ctx, c, text); err != nil {
			return err
		}
	}
	return nil
}

// Trend gives the warned households of a division after each of the newest n runs, oldest first; of several runs of one day the last. It is kept by county: of what is below a county
// there is none, and none of runs from before it was kept.
func (s *Service) Trend(ctx context.Context, within division.Code, n int) ([]TrendPoint, error) {
	out := []TrendPoint{}
	if within.Level() > division.County {
		return out, nil
	}
	c, err := s.w.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if ok, err := tableExists(ctx, c, "trend"); err != nil || !ok {
		return out, err
	}
	in := ""
	if within != 0 {
		lo, hi := within.Range()
		in = fmt.Sprintf("t.county BETWEEN %d AND %d", int64(lo)/1_000_000, int64(hi)/1_000_000)
	}
	text := fmt.Sprintf(`SELECT r.run, r.as_of, CAST(coalesce(sum(t.red), 0) AS BIGINT), CAST(coalesce(sum(t.yellow), 0) AS BIGINT), CAST(coalesce(sum(t.blue), 0) AS BIGINT)
FROM (SELECT max(run) AS run, as_of FROM run WHERE state = 'done' AND run IN (SELECT run FROM trend) GROUP BY as_of) AS r LEFT JOIN (SELECT * FROM trend AS t%s) AS t ON t.run = r.run
GROUP BY r.run, r.as_of ORDER BY r.as_of DESC LIMIT %d`, whereClause(in), n)
	err = scan(ctx, c, text, func(r *sql.Rows) error {
		var p TrendPoint
		var asOf sql.NullTime
		if err := r.Scan(&p.Run, &asOf, &p.Red, &p.Yellow, &p.Blue); err != nil {
			return err
		}
		p.AsOf = asOf.Time.Format("2006-01-02")
		out = append(out, p)
		return nil
	})
	slices.Reverse(out)
	return out, err
}
