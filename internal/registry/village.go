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

// UnderVillage gives the households of one village by household id, with their current members masked as [Masked] does: four queries, however many
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
	if len(list) == 0 {
		return nil, map[int64][]Revealed{}, nil
	}
	// A village's households lie together in the order of their ids, so a range spares reading the province.
	here := fmt.Sprintf("BETWEEN %d AND %d", list[0].ID, list[len(list)-1].ID)
	in := fmt.Sprintf("SELECT household_id FROM household WHERE household_id %s AND division = %d", here, int64(village))
	people, err := queryPersons(ctx, conn, personSelect+" FROM person p WHERE p.household_id "+here+" AND p.household_id IN ("+in+") ORDER BY p.household_id, CASE p.relation WHEN 'head' THEN 0 WHEN 'spouse' THEN 1 ELSE 2 END, p.birth NULLS LAST, p.person_key")
	if err != nil {
		return nil, nil, err
	}
	persons := "SELECT person_key FROM person WHERE household_id " + here + " AND household_id IN (" + in + ")"
	near, err := placesOf(ctx, conn, persons, "f.household_id "+here)
	if err != nil {
		return nil, nil, err
	}
	known, err := identitiesOf(ctx, conn, keys, rosterDataset, persons, in, near)
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

// placesOf is a condition on rows f of the roster: where the chosen persons live, or lived before.
func placesOf(ctx context.Context, conn *sql.Conn, persons, here string) (string, error) {
	rows, err := conn.QueryContext(ctx, "SELECT DISTINCT household_id FROM person_former WHERE person_key IN ("+persons+")")
	if err != nil {
		return "", fmt.Errorf("registry: village: %w", err)
	}
	defer rows.Close()
	near := here
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return "", fmt.Errorf("registry: village: %w", err)
		}
		near += fmt.Sprintf(" OR f.household_id = %d", id)
	}
	if err := rows.Err(); err != nil {
		return "", fmt.Errorf("registry: village: %w", err)
	}
	return "(" + near + ")", nil
}
