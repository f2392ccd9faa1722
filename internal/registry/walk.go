package registry

import (
	"context"
	"database/sql"
	"fmt"

	"shouwang/internal/division"
)

// Walk gives the households of a division to visit, in the order of villages and household numbers. An error of visit ends it.
func Walk(ctx context.Context, conn *sql.Conn, within division.Code, visit func(Household) error) error {
	lo, hi := within.Range()
	rows, err := conn.QueryContext(ctx, householdSelect+" WHERE division BETWEEN $1 AND $2 ORDER BY division, length(household_no), household_no, household_id", lo, hi)
	if err != nil {
		return fmt.Errorf("registry: walk: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		h, err := scanHousehold(rows)
		if err != nil {
			return fmt.Errorf("registry: walk: %w", err)
		}
		if err := visit(h); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("registry: walk: %w", err)
	}
	return nil
}
