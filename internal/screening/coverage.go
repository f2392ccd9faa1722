package screening

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// coverage tells which feeds have come for which counties, as known at a batch.
type coverage struct {
	asOf     time.Time
	counties []int32                        // every county that has households
	through  map[string]map[int32]time.Time // dataset → county → last day covered, at or before the month of asOf
}

// loadCoverage reads the completeness table; asKnown 0 = everything.
func loadCoverage(ctx context.Context, db *sql.Conn, asOf time.Time, asKnown int) (*coverage, error) {
	c := &coverage{asOf: asOf, through: map[string]map[int32]time.Time{}}
	known := ""
	if asKnown > 0 {
		known = fmt.Sprintf(" AND batch <= %d", asKnown)
	}
	rows, err := db.QueryContext(ctx, "SELECT dataset, county, max(month) FROM coverage WHERE month <= "+lit(asOf)+known+" GROUP BY dataset, county")
	if err != nil {
		return nil, fmt.Errorf("screening: coverage: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var dataset string
		var county int32
		var month time.Time
		if err := rows.Scan(&dataset, &county, &month); err != nil {
			return nil, fmt.Errorf("screening: coverage: %w", err)
		}
		if c.through[dataset] == nil {
			c.through[dataset] = map[int32]time.Time{}
		}
		c.through[dataset][county] = time.Date(month.Year(), month.Month()+1, 0, 0, 0, 0, 0, time.UTC)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("screening: coverage: %w", err)
	}
	list, err := db.QueryContext(ctx, "SELECT DISTINCT county FROM household ORDER BY county")
	if err != nil {
		return nil, fmt.Errorf("screening: counties: %w", err)
	}
	defer list.Close()
	for list.Next() {
		var county int32
		if err := list.Scan(&county); err != nil {
			return nil, fmt.Errorf("screening: counties: %w", err)
		}
		c.counties = append(c.counties, county)
	}
	return c, list.Err()
}

// state of a feed for one county.
type state uint8

const (
	covered state = iota
	stale         // it came, but too long ago
	missing       // it never came
)

// of says how fresh the dataset is for the county; freshDays 0 = however old.
func (c *coverage) of(dataset string, county int32, freshDays int) (state, time.Time) {
	last, ok := c.through[dataset][county]
	switch {
	case !ok:
		return missing, time.Time{}
	case freshDays > 0 && last.Before(c.asOf.AddDate(0, 0, -freshDays)):
		return stale, last
	}
	return covered, last
}

// sql is the condition over column county that the feed covers the household's county.
func (c *coverage) sql(dataset string, freshDays int) string {
	var in []string
	for _, county := range c.counties {
		if s, _ := c.of(dataset, county, freshDays); s == covered {
			in = append(in, strconv.Itoa(int(county)))
		}
	}
	switch len(in) {
	case 0:
		return "FALSE"
	case len(c.counties):
		return "TRUE"
	}
	return "(county IN (" + strings.Join(in, ", ") + "))"
}
