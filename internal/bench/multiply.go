package bench

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"shouwang/internal/errs"
	"shouwang/internal/warehouse"
)

// serials is how many household numbers a village has: the generator's numbers are village code × 100 000 + serial.
const serials = 100_000

// multiply makes every household of the warehouse times households, with their members and facts, each copy in the same village
// under a serial of its own: a province of any size without the hours that its files would take to be written and read. The
// sealed roster rows, which neither screening nor linking reads, are not copied.
func (b *run) multiply(ctx context.Context) error {
	times := b.o.Times
	if times <= 1 {
		return nil
	}
	c, err := b.w.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	step := int64(serials / times)
	var most int64
	if err := c.QueryRowContext(ctx, fmt.Sprintf("SELECT max(household_id %% %d) FROM household", serials)).Scan(&most); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	if most >= step {
		return errs.Newf(errs.Invalid, "--times %[1]d 太大：有的村已有 %[2]d 户，副本的户编号会重复", "--times %[1]d is too many: a village has %[2]d households already and the copies' numbers would meet", times, most)
	}
	var counties []int64
	rows, err := c.QueryContext(ctx, "SELECT DISTINCT county FROM household ORDER BY 1")
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			rows.Close()
			return fmt.Errorf("bench: %w", err)
		}
		counties = append(counties, n)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	var tables []string
	for _, t := range warehouse.Tables(b.o.Pack) {
		if t.Name == "household" || t.Name == "person" || strings.HasPrefix(t.Name, "fact_") && !strings.HasSuffix(t.Name, "_past") && t.Name != "fact_roster" {
			tables = append(tables, t.Name)
		}
	}
	for i, t := range tables {
		b.note("multiply", int64(i), int64(len(tables)))
		if err := copies(ctx, c, t, counties, times, step); err != nil {
			return err
		}
	}
	if err := c.QueryRowContext(ctx, "SELECT count(*) FROM household").Scan(&b.r.Households); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	if err := c.QueryRowContext(ctx, "SELECT count(*) FROM person").Scan(&b.r.Persons); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	b.r.Facts *= int64(times)
	return nil
}

// copies rewrites one table with its copies, county by county in the order of household_id: the order in which deliveries lie.
func copies(ctx context.Context, c *sql.Conn, table string, counties []int64, times int, step int64) error {
	replace := fmt.Sprintf("t.household_id + k * %d AS household_id", step)
	switch {
	case table == "household":
		replace += fmt.Sprintf(", CAST(t.household_id + k * %d AS VARCHAR) AS household_no", step)
	case table == "person":
		replace += ", xor(t.person_key, CAST(k AS UHUGEINT)) AS person_key"
	default:
		replace += ", xor(t.person_key, CAST(k AS UHUGEINT)) AS person_key, xor(t.nk, CAST(k AS UBIGINT)) AS nk"
	}
	texts := []string{"CREATE TABLE multiplied AS SELECT * FROM " + table + " LIMIT 0"}
	for _, county := range counties {
		lo := county * 1_000_000 * serials
		texts = append(texts, fmt.Sprintf("INSERT INTO multiplied SELECT t.* REPLACE (%s) FROM %s AS t, range(0, %d) AS copy(k) WHERE t.household_id BETWEEN %d AND %d ORDER BY t.household_id + k * %d",
			replace, table, times, lo, lo+1_000_000*serials-1, step))
	}
	for _, text := range append(texts, "DROP TABLE "+table, "ALTER TABLE multiplied RENAME TO "+table) {
		if _, err := c.ExecContext(ctx, text); err != nil {
			return fmt.Errorf("bench: multiply %s: %w", table, err)
		}
	}
	return nil
}
