package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"shouwang/internal/errs"
)

// ByID finds a household by its id, as memberships carry it. Errors: errs.NotFound.
func ByID(ctx context.Context, conn *sql.Conn, id int64) (Household, error) {
	h, err := scanHousehold(conn.QueryRowContext(ctx, householdSelect+" WHERE household_id = $1", id))
	if errors.Is(err, sql.ErrNoRows) {
		return Household{}, errs.New(errs.NotFound, "这一户已不在册。", "the household is no longer in the register.")
	}
	if err != nil {
		return Household{}, fmt.Errorf("registry: household: %w", err)
	}
	return h, nil
}
