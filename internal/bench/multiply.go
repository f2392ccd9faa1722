package bench

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"shouwang/internal/errs"
	"shouwang/internal/screening"
	"shouwang/internal/warehouse"
)

// serials is how many household numbers a village has: the generator's numbers are village code × 100 000 + serial.
const serials = 100_000

// multiply makes every household of the warehouse Options.Times households.
func (b *run) multiply(ctx context.Context) error {
	times := b.o.Times
	if b.atTenth() {
		times = 10 // the rest was made for the tenth
	}
	return b.times(ctx, times)
}

// atTenth reports whether the growth is measured on the way: at a tenth of the copies, for one and the same intake.
func (b *run) atTenth() bool { return !b.o.NoGrowth && b.o.Times >= 10 && b.o.Times%10 == 0 }

// tenth screens a tenth of the copies, for the growth, and forgets the run again.
func (b *run) tenth(ctx context.Context) error {
	if !b.atTenth() {
		return nil
	}
	if err := b.times(ctx, b.o.Times/10); err != nil {
		return err
	}
	sum, err := b.s.Run(ctx, screening.Options{AsOf: b.o.AsOf, Now: b.o.Now, Full: true, Progress: func(done, total int64) { b.note("screen_tenth", done, total) }})
	if err != nil {
		return err
	}
	b.small = sum.Seconds
	return b.s.Forget(ctx)
}

// times makes every household of the warehouse so many households, with their members and facts, each copy in the same village
// under a serial of its own: a province of any size without the hours that its files would take to be written and read. The
// sealed roster rows, which neither screening nor linking reads, are not copied.
func (b *run) times(ctx context.Context, times int) error {
	if times <= 1 {
		return nil
	}
	c, err := b.w.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	// The copies that are there already stand b.step apart; the new ones go in between.
	if b.step == 0 {
		b.step, b.salt = serials, 1
	}
	step := b.step / int64(times)
	var most int64
	if err := c.QueryRowContext(ctx, fmt.Sprintf("SELECT max(household_id %% %d) FROM household", b.step)).Scan(&most); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	if most >= step {
		return errs.Newf(errs.Invalid, "--times %[1]d 太大：有的村已有 %[2]d 户，副本的户编号会重复", "--times %[1]d is too many: a village has %[2]d households already and the copies' numbers would meet", b.o.Times, most)
	}
	b.step = step
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
		if err := copies(ctx, c, t, counties, times, step, b.salt); err != nil {
			return err
		}
	}
	b.salt *= 128 // more than the copies there can be at once
	if err := c.QueryRowContext(ctx, "SELECT count(*) FROM household").Scan(&b.r.Households); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	if err := c.QueryRowContext(ctx, "SELECT count(*) FROM person").Scan(&b.r.Persons); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	b.r.Facts *= int64(times)
	return nil
}

// copies rewrites one table with its copies, county by county in the order of household_id: the order in which deliveries lie. Copy k's keys
// differ from the others' by k times salt.
func copies(ctx context.Context, c *sql.Conn, table string, counties []int64, times int, step, salt int64) error {
	replace := fmt.Sprintf("t.household_id + k * %d AS household_id", step)
	switch {
	case table == "household":
		replace += fmt.Sprintf(", CAST(t.household_id + k * %d AS VARCHAR) AS household_no", step)
	case table == "person":
		replace += fmt.Sprintf(", xor(t.person_key, CAST(k * %d AS UHUGEINT)) AS person_key", salt)
	default:
		replace += fmt.Sprintf(", xor(t.person_key, CAST(k * %[1]d AS UHUGEINT)) AS person_key, xor(t.nk, CAST(k * %[1]d AS UBIGINT)) AS nk", salt)
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
