package bench

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"
	"strings"
	"time"

	"shouwang/internal/expr"
	"shouwang/internal/policy"
	"shouwang/internal/warehouse"
)

// referenceSQL is the screening of the shipped pack written by hand in DuckDB SQL: one SELECT over a range of households with every indicator (column
// i_ID) and every rule's outcome (column r_ID, true, false or null). It shares nothing with the generator of package screening, so that it is
// both the yardstick of speed and an oracle of the results. Placeholders: {{as_of}}, {{lo}}, {{hi}}.
//
//go:embed reference.sql
var referenceSQL string

// referenceChunk is the number of households a range of the reference holds: the same as the screening's, so that both have the same memory.
const referenceChunk = 400_000

// Reference runs the hand-written screening and compares its results with table wide: the seconds it took and, where they differ, what differs.
func Reference(ctx context.Context, w *warehouse.Warehouse, p *policy.Pack, asOf time.Time) (seconds float64, diff string, err error) {
	c, err := w.Conn(ctx)
	if err != nil {
		return 0, "", err
	}
	defer c.Close()
	began := time.Now()
	ranges, err := ranges(ctx, c)
	if err != nil {
		return 0, "", err
	}
	for i, r := range ranges {
		text := strings.NewReplacer("{{as_of}}", "DATE '"+asOf.Format("2006-01-02")+"'", "{{lo}}", fmt.Sprint(r[0]), "{{hi}}", fmt.Sprint(r[1])).Replace(referenceSQL)
		head := "INSERT INTO reference_wide "
		if i == 0 {
			// A plain table, as table wide is one: both pay for storing their rows.
			head = "CREATE OR REPLACE TABLE reference_wide AS "
		}
		if _, err := c.ExecContext(ctx, head+text); err != nil {
			return 0, "", fmt.Errorf("bench: hand-written screening: %w", err)
		}
	}
	seconds = time.Since(began).Seconds()
	diff, err = compare(ctx, c, p)
	if err != nil {
		return seconds, "", err
	}
	if _, err := c.ExecContext(ctx, "DROP TABLE reference_wide"); err != nil {
		return seconds, "", fmt.Errorf("bench: %w", err)
	}
	return seconds, diff, nil
}

func ranges(ctx context.Context, c *sql.Conn) ([][2]int64, error) {
	var n int64
	if err := c.QueryRowContext(ctx, "SELECT count(*) FROM household").Scan(&n); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	parts := n/referenceChunk + 1
	var out [][2]int64
	lo := int64(0)
	for i := int64(1); i < parts; i++ {
		var hi int64
		if err := c.QueryRowContext(ctx, fmt.Sprintf("SELECT quantile_disc(household_id, %f) FROM household", float64(i)/float64(parts))).Scan(&hi); err != nil {
			return nil, fmt.Errorf("bench: %w", err)
		}
		out = append(out, [2]int64{lo, hi})
		lo = hi + 1
	}
	return append(out, [2]int64{lo, 1<<63 - 1}), nil
}

// compare counts the households on which the two disagree, by indicator and rule. Numbers may differ by a hair: sums of
// doubles depend on their order, and the hand-written text may add in another one.
func compare(ctx context.Context, c *sql.Conn, p *policy.Pack) (string, error) {
	var checks, names []string
	for i := range p.Indicators {
		ind := &p.Indicators[i]
		a, b := `w."i_`+ind.ID+`"`, `r."i_`+ind.ID+`"`
		differ := a + " IS DISTINCT FROM " + b
		if ind.Type == expr.Number {
			differ = fmt.Sprintf("(%[1]s IS NULL) <> (%[2]s IS NULL) OR abs(%[1]s - %[2]s) > 1e-6 * greatest(1, abs(%[1]s))", a, b)
		}
		checks, names = append(checks, "count(*) FILTER (WHERE "+differ+")"), append(names, "indicator "+ind.ID)
	}
	for i := range p.Rules {
		word, bit := i/60, int64(1)<<(i%60)
		mine := fmt.Sprintf("CASE WHEN (w.hits%[1]d & %[2]d) <> 0 THEN TRUE WHEN (w.unknowns%[1]d & %[2]d) <> 0 THEN NULL ELSE FALSE END", word, bit)
		checks, names = append(checks, fmt.Sprintf(`count(*) FILTER (WHERE (%s) IS DISTINCT FROM r."r_%s")`, mine, p.Rules[i].ID)), append(names, "rule "+p.Rules[i].ID)
	}
	counts := make([]int64, len(checks)+2)
	dest := make([]any, len(counts))
	for i := range counts {
		dest[i] = &counts[i]
	}
	text := "SELECT " + strings.Join(checks, ", ") + ", count(*) FILTER (WHERE r.household_id IS NULL), count(*) FILTER (WHERE w.household_id IS NULL) FROM wide AS w FULL OUTER JOIN reference_wide AS r ON r.household_id = w.household_id"
	if err := c.QueryRowContext(ctx, text).Scan(dest...); err != nil {
		return "", fmt.Errorf("bench: compare with the hand-written screening: %w", err)
	}
	var out []string
	for i, n := range counts {
		if n > 0 {
			name := "rows only in one of them"
			if i < len(names) {
				name = names[i]
			}
			out = append(out, fmt.Sprintf("%s: %d households", name, n))
		}
	}
	return strings.Join(out, "; "), nil
}
