package screening

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"shouwang/internal/policy"
)

// coverage tells which feeds have come for which counties and months, as known at a batch.
type coverage struct {
	asOf     time.Time
	counties []int32 // every county that has households (or the one that was asked for)
	feeds    map[string]map[int32]delivered
}

// delivered is what came of one dataset for one county, up to the month of the screening day.
type delivered struct {
	first, last int   // month numbers
	months      int64 // bit k: the month k months before the screening day's came
}

// month numbers the months of the calendar.
func month(t time.Time) int { return t.Year()*12 + int(t.Month()) - 1 }

// monthStart is the first day of the numbered month.
func monthStart(m int) time.Time {
	return time.Date(m/12, time.Month(m%12+1), 1, 0, 0, 0, 0, time.UTC)
}

// lookBack is how many months back single months are looked at: what lies further back counts as delivered.
const lookBack = 62

// loadCoverage reads the completeness table; asKnown 0 = everything, no counties = every one that has households.
func loadCoverage(ctx context.Context, db *sql.Conn, asOf time.Time, asKnown int, counties ...int32) (*coverage, error) {
	c := &coverage{asOf: asOf, counties: counties, feeds: map[string]map[int32]delivered{}}
	where := "month <= " + lit(asOf)
	if asKnown > 0 {
		where += fmt.Sprintf(" AND batch <= %d", asKnown)
	}
	if len(counties) > 0 {
		where += " AND county IN (" + joinInts(counties) + ")"
	}
	number := func(date string) string {
		return fmt.Sprintf("CAST(extract(year FROM %[1]s) * 12 + extract(month FROM %[1]s) - 1 AS INTEGER)", date)
	}
	text := fmt.Sprintf(`SELECT dataset, county, min(number), max(number), coalesce(bit_or(CASE WHEN %[1]d - number <= %[2]d THEN CAST(1 AS BIGINT) << (%[1]d - number) END), 0)
FROM (SELECT dataset, county, %[3]s AS number FROM coverage WHERE %[4]s) AS months GROUP BY dataset, county`, month(asOf), lookBack, number("month"), where)
	if err := scan(ctx, db, text, func(rows *sql.Rows) error {
		var dataset string
		var county int32
		var d delivered
		if err := rows.Scan(&dataset, &county, &d.first, &d.last, &d.months); err != nil {
			return err
		}
		if c.feeds[dataset] == nil {
			c.feeds[dataset] = map[int32]delivered{}
		}
		c.feeds[dataset][county] = d
		return nil
	}); err != nil {
		return nil, err
	}
	if len(counties) > 0 {
		return c, nil
	}
	return c, scan(ctx, db, "SELECT DISTINCT county FROM household ORDER BY county", func(rows *sql.Rows) error {
		var county int32
		if err := rows.Scan(&county); err != nil {
			return err
		}
		c.counties = append(c.counties, county)
		return nil
	})
}

// need is what an indicator asks of its feed.
type need struct {
	dataset   string
	freshDays int // the newest delivery must not be older; 0 = however old
	// Of event data every period (step months long: the contract's due) of the months from..to must have come, or a sum over them
	// would be too small. step 0 asks for nothing: snapshots stand for themselves, and some feeds have no rhythm.
	step, from, to int
	open           bool // no lower bound: from the county's first delivery on
}

// need of a folded indicator.
func (q *query) need(ind *policy.Indicator) need {
	n := need{dataset: q.feedOf(ind.Dataset), freshDays: ind.FreshDays}
	ds := q.pack.Dataset(ind.Dataset)
	if ds == nil || ds.Kind != policy.Event || ds.EventDate == "" {
		return n
	}
	n.step = map[string]int{"monthly": 1, "quarterly": 3, "yearly": 12}[ds.Due]
	after, upTo := q.bounds(ind.Window)
	n.open, n.to = after.IsZero(), month(upTo)
	first := after.AddDate(0, 0, 1)
	n.from = month(first)
	// Where the rows carry months, not days, a month counts by its first day.
	if c := ds.Column(ds.EventDate); c != nil && c.Type == policy.TypeMonth && first.Day() > 1 {
		n.from++
	}
	return n
}

// state of a feed for one county, from good to bad.
type state uint8

const (
	covered state = iota
	gap           // it comes, but a month inside the window never came
	stale         // it came, but too long ago
	missing       // it never came
)

func (s state) String() string { return [...]string{"covered", "gap", "stale", "missing"}[s] }

// standing is how one feed stands for one county.
type standing struct {
	state   state
	through time.Time // last day covered; zero when it never came
	gaps    []string  // the periods that never came: 2026-03, or 2026-01–2026-03 where it is due quarterly or yearly
}

// of tells how the feed stands for the county.
func (c *coverage) of(n need, county int32) standing {
	d, ok := c.feeds[n.dataset][county]
	if !ok {
		return standing{state: missing}
	}
	s := standing{state: covered, through: monthStart(d.last+1).AddDate(0, 0, -1)}
	if n.freshDays > 0 && s.through.Before(c.asOf.AddDate(0, 0, -n.freshDays)) {
		s.state = stale
		return s
	}
	if n.step == 0 {
		return s
	}
	from, to := n.from, min(n.to, d.last)
	if n.open {
		from = d.first
	}
	// Periods are counted back from the newest delivery, so that a school year or a late quarter needs no calendar. A single
	// month counts as soon as a day of it lies in the window, a quarter or a year only as a whole.
	for end := d.last; end-n.step+1 >= max(from, month(c.asOf)-lookBack); end -= n.step {
		if end-n.step+1 > to {
			continue
		}
		came := false
		for m := end - n.step + 1; m <= end; m++ {
			came = came || d.months>>(month(c.asOf)-m)&1 != 0
		}
		if !came {
			s.state = gap
			s.gaps = append(s.gaps, period(end-n.step+1, end))
		}
	}
	slices.Reverse(s.gaps)
	return s
}

func period(from, to int) string {
	if from == to {
		return monthStart(to).Format("2006-01")
	}
	return monthStart(from).Format("2006-01") + "–" + monthStart(to).Format("2006-01")
}

// sql is the condition over column county that the feed covers the household's county.
func (c *coverage) sql(n need) string {
	var in []string
	for _, county := range c.counties {
		if c.of(n, county).state == covered {
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
