package registry

import (
	"context"
	"database/sql"
	"fmt"

	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/residentid"
	"shouwang/internal/secret"
)

// UnderVillage gives the households of one village by household id, with their current members masked as [Masked] does: three queries, however many
// households. most bounds the households; more are errs.Invalid, since no village has them. A member whom no roster knows yet comes with an empty Identity.
func UnderVillage(ctx context.Context, conn *sql.Conn, keys *secret.Keyring, rosterDataset string, village division.Code, most int) ([]Household, map[int64][]Revealed, error) {
	rows, err := conn.QueryContext(ctx, fmt.Sprintf("%s WHERE division = %d ORDER BY household_id LIMIT %d", householdSelect, int64(village), most+1))
	if err != nil {
		return nil, nil, fmt.Errorf("registry: village: %w", err)
	}
	defer rows.Close()
	var list []Household
	for rows.Next() {
		h, err := scanHousehold(rows)
		if err != nil {
			return nil, nil, fmt.Errorf("registry: village: %w", err)
		}
		list = append(list, h)
	}
	if err := rows.Err(); err != nil {
		return nil, nil, fmt.Errorf("registry: village: %w", err)
	}
	if len(list) > most {
		return nil, nil, errs.Newf(errs.Invalid, "这个村在册农户超过 %[1]d 户，请核对花名册的村级区划", "the village has more than %[1]d households; check the villages of the roster", most)
	}
	in := fmt.Sprintf("SELECT household_id FROM household WHERE division = %d", int64(village))
	people, err := queryPersons(ctx, conn, personSelect+" FROM person p WHERE p.household_id IN ("+in+") ORDER BY p.household_id, CASE p.relation WHEN 'head' THEN 0 WHEN 'spouse' THEN 1 ELSE 2 END, p.birth NULLS LAST, p.person_key")
	if err != nil {
		return nil, nil, err
	}
	known, err := identitiesOf(ctx, conn, keys, rosterDataset, "SELECT person_key FROM person WHERE household_id IN ("+in+")", in)
	if err != nil {
		return nil, nil, err
	}
	out := make(map[int64][]Revealed, len(list))
	for _, p := range people {
		id := known[p.Key]
		out[p.HouseholdID] = append(out[p.HouseholdID], Revealed{Person: p, Identity: Identity{
			Name: residentid.MaskName(id.Name), Number: residentid.MaskAny(id.Number), Phone: residentid.MaskPhone(id.Phone), BankAccount: maskTail(id.BankAccount)}})
	}
	return list, out, nil
}
