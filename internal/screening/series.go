package screening

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"shouwang/internal/errs"
	"shouwang/internal/policy"
	"shouwang/internal/warehouse"
)

// Series is how values of one household stood, period by period, as a department delivered them.
type Series struct {
	Department policy.Text
	Name       policy.Text   // of the dataset
	Kinds      []SeriesKind  // what is told, in the order that was asked for
	Points     []SeriesPoint // oldest first, without holes
	Members    int           // of the household now
	Division   int64         // of the household
	Line       *SeriesLine   // a parameter to hold the values against; nil: none was asked for
}

// SeriesKind is one indicator of a series.
type SeriesKind struct {
	ID   string
	Name policy.Text
	Unit string
}

// SeriesLine is a parameter, as it was in force in each period.
type SeriesLine struct {
	Name policy.Text
	Unit string
}

// SeriesPoint is one period.
type SeriesPoint struct {
	Month  string     // its last month, 2026-09
	Values []*float64 // one a kind; nil = not known
	Line   *float64   // the parameter on the last day of the month
}

// Series gives the values of indicators that sum up one snapshot dataset, for each of the dataset's periods (by its rhythm) up to the day of a run (0: the newest
// one that screened the household), at most so many, from the first period that came. A period for which nothing came, or in which the household has no row, is not
// known. line names a parameter; "" = none. Errors: errs.NotFound for a household that is not known or not screened, errs.Invalid for indicators that are no such sums.
func (s *Service) Series(ctx context.Context, householdNo string, run int64, indicators []string, line string, periods int) (Series, error) {
	var out Series
	c, err := s.w.Conn(ctx)
	if err != nil {
		return out, err
	}
	defer c.Close()
	d, err := s.at(ctx, c, householdNo, run)
	if err != nil {
		return out, err
	}
	q := d.q
	out.Members, out.Division = d.home.Members, int64(d.home.Division)
	ds, sums, err := q.sums(indicators, &out)
	if err != nil {
		return out, err
	}
	out.Name, out.Department = ds.Name, departmentName(q.pack, ds.Department)
	if q.cover, err = loadCoverage(ctx, c, d.run.AsOf, d.run.UpTo, int32(d.home.Division/1_000_000)); err != nil {
		return out, err
	}
	step := map[string]int{"monthly": 1, "quarterly": 3, "yearly": 12}[ds.Due]
	if step == 0 {
		step = 1
	}
	feed, came := q.cover.feeds[ds.ID][int32(d.home.Division/1_000_000)]
	if !came {
		return out, nil
	}
	last := feed.last
	for last+step <= month(d.run.AsOf)-1 { // periods that should have come since
		last += step
	}
	n := min(periods, (last-feed.first)/step+1)
	out.Points = make([]SeriesPoint, n)
	for i := range out.Points {
		m := last - step*(n-1-i)
		p := &out.Points[i]
		p.Month, p.Values = monthStart(m).Format("2006-01"), make([]*float64, len(indicators))
		if line != "" {
			if v, err := q.pack.Param(line, d.home.Division, monthStart(m+1).AddDate(0, 0, -1)); err == nil {
				p.Line = &v.Value
			}
		}
	}
	if par := q.pack.Parameter(line); par != nil {
		out.Line = &SeriesLine{Name: par.Name, Unit: par.Unit}
	}
	return out, s.seriesRows(ctx, c, d, ds, sums, &out, last, step)
}

// sums are the SQL of the indicators, and the dataset that they are of.
func (q *query) sums(indicators []string, out *Series) (*policy.Dataset, []string, error) {
	var ds *policy.Dataset
	var cols []string
	for _, id := range indicators {
		ind := q.pack.Indicator(id)
		if ind == nil {
			return nil, nil, errs.Newf(errs.Invalid, "政策包没有指标 %[1]q", "the pack has no indicator %[1]q", id)
		}
		of := q.pack.Dataset(ind.Dataset)
		if of == nil || of.Kind == policy.Event || ind.Derive != nil || ind.Aggregate != policy.Sum || ds != nil && of != ds {
			return nil, nil, errs.Newf(errs.Invalid, "指标 %[1]q 不是同一份定期数据的合计，画不出走势", "the indicator %[1]q is no sum over the same periodical data: it cannot be drawn over time", id)
		}
		ds = of
		value, fen := q.value(ind, ds)
		if fen {
			value = "CAST(" + value + " AS FLOAT8) / 100"
		}
		cols = append(cols, "sum("+value+")")
		out.Kinds = append(out.Kinds, SeriesKind{ID: ind.ID, Name: ind.Name, Unit: ind.Unit})
	}
	if ds == nil {
		return nil, nil, errs.New(errs.Invalid, "没有指标", "no indicators")
	}
	return ds, cols, nil
}

// seriesRows fills the points from the rows that were delivered, live and superseded; of several deliveries in a period the newest counts.
func (s *Service) seriesRows(ctx context.Context, c *sql.Conn, d *derivation, ds *policy.Dataset, sums []string, out *Series, last, step int) error {
	var names []string
	for _, col := range warehouse.FactColumns(ds) {
		names = append(names, quote(col.Name))
	}
	list := strings.Join(names, ", ")
	text := fmt.Sprintf(`SELECT b.period_to, %[1]s FROM (SELECT %[2]s FROM fact_%[3]s WHERE household_id = %[4]d AND seen <= %[5]d UNION ALL SELECT %[2]s FROM fact_%[3]s_past WHERE household_id = %[4]d AND seen <= %[5]d) AS f
JOIN batch AS b ON b.batch = f.batch WHERE b.period_to IS NOT NULL GROUP BY b.batch, b.period_to ORDER BY b.period_to, b.batch`, strings.Join(sums, ", "), list, ds.ID, d.home.ID, d.run.UpTo)
	return scan(ctx, c, text, func(rows *sql.Rows) error {
		var to time.Time
		values := make([]sql.NullFloat64, len(sums))
		dest := []any{&to}
		for i := range values {
			dest = append(dest, &values[i])
		}
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		at := len(out.Points) - 1 - (last-month(to))/step
		if month(to) > last || at < 0 {
			return nil
		}
		for i, v := range values {
			out.Points[at].Values[i] = nil
			if v.Valid {
				out.Points[at].Values[i] = &v.Float64
			}
		}
		return nil
	})
}
