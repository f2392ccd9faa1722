package demo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"shouwang/internal/app"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/intake"
)

// earlierQuarters are how many quarters of accounting lie before the one that the synthetic files hold; one of them never comes, as happens.
const (
	earlierQuarters = 5
	missingQuarter  = 2
)

// EarlierIncomes delivers the accounting of earlier quarters for all households of a division: incomes that were lower the longer ago. It is history only: a
// screening looks at the newest. The newest accounting must have been taken in.
func EarlierIncomes(ctx context.Context, a *app.App, within division.Code, asOf time.Time) error {
	first := time.Date(asOf.Year(), asOf.Month()-1, 1, 0, 0, 0, 0, time.UTC)
	for k := earlierQuarters; k > 0; k-- {
		if k == missingQuarter {
			continue
		}
		month := first.AddDate(0, -3*k, 0).Format("200601")
		text, err := incomesBefore(ctx, a, within, k)
		if err != nil {
			return err
		}
		o := intake.Options{Now: asOf, Dataset: "income"}
		if within.Level() > division.Province {
			o.Scope = within
		}
		if o.Period, err = intake.ParsePeriod(month); err != nil {
			return err
		}
		r, err := a.Intake().Upload(ctx, intake.Upload{Name: "收入核算_" + month + ".csv", Size: int64(len(text)), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }}, o)
		if err != nil {
			return err
		}
		if r.State != intake.Accepted && r.State != intake.Already {
			return errs.Newf(errs.Internal, "演示的收入核算 %[1]s 没有被接收", "the demo's incomes of %[1]s were not accepted", month)
		}
	}
	return nil
}

// incomesBefore is the file of so many quarters ago.
func incomesBefore(ctx context.Context, a *app.App, within division.Code, quarters int) ([]byte, error) {
	conn, err := a.Warehouse.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	lo, hi := within.Range()
	rows, err := conn.QueryContext(ctx, fmt.Sprintf("SELECT h.household_no, f.wage, f.business, coalesce(f.property, 0), coalesce(f.transfer, 0), coalesce(f.business_cost, 0), h.household_id FROM household AS h JOIN fact_income AS f ON f.household_id = h.household_id WHERE h.division BETWEEN %d AND %d ORDER BY h.household_id", int64(lo), int64(hi)))
	if err != nil {
		return nil, fmt.Errorf("demo: incomes: %w", err)
	}
	defer rows.Close()
	out := bytes.NewBufferString("户编号,工资性收入,生产经营性收入,财产性收入,转移性收入,生产经营性支出\n")
	for rows.Next() {
		var no string
		var wage, business, property, transfer, cost, id int64
		if err := rows.Scan(&no, &wage, &business, &property, &transfer, &cost, &id); err != nil {
			return nil, fmt.Errorf("demo: incomes: %w", err)
		}
		// A fall or rise of its own for every household and quarter, the same each time.
		share := 100 - 2*int64(quarters) + (id/7+int64(quarters)*13)%9 - 4
		yuan := func(fen int64) string { return strconv.FormatInt(fen*share/10_000, 10) }
		fmt.Fprintf(out, "%s,%s,%s,%s,%s,%s\n", no, yuan(wage), yuan(business), yuan(property), yuan(transfer), yuan(cost))
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("demo: incomes: %w", err)
	}
	return out.Bytes(), nil
}
