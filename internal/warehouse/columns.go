package warehouse

import (
	"shouwang/internal/policy"
)

// Column is one column of a warehouse table.
type Column struct {
	Name    string
	SQLType string // BOOLEAN, UTINYINT, INTEGER, DATE, BIGINT, UBIGINT, DOUBLE, UHUGEINT, VARCHAR or BLOB

	// Contract is the id of the contract column that the values come from; "" for the warehouse's own columns.
	Contract string
	// Text marks the second column of an unlinked household number: Contract's own column holds the household id
	// (BIGINT), this one the number as text.
	Text bool
}

// SQLType gives the stored type of a contract column; ok is false for a column that is not stored as it is: identity,
// "store: none", and the household number that the row is linked by (it is household_id).
func SQLType(c policy.Column) (sqlType string, ok bool) {
	if c.StoreNone || c.Type.Identity() {
		return "", false
	}
	switch c.Type {
	case policy.TypeHouseholdNo:
		return "BIGINT", c.Link == ""
	case policy.TypeMoney, policy.TypeInteger, policy.TypeDivision:
		return "BIGINT", true
	case policy.TypeNumber:
		return "DOUBLE", true
	case policy.TypeBool:
		return "BOOLEAN", true
	case policy.TypeDate, policy.TypeMonth:
		return "DATE", true
	case policy.TypeCode, policy.TypeToken, policy.TypeEthnic:
		return "VARCHAR", true
	}
	return "", false
}

// StoredColumns are the contract's columns that are kept in the warehouse, in the contract's order. A household number
// that the row is not linked by (hukou_change.to_household_no) gives two: the id, and "<id>_text".
func StoredColumns(ds *policy.Dataset) []Column {
	var out []Column
	for _, c := range ds.Columns {
		t, ok := SQLType(c)
		if !ok {
			continue
		}
		out = append(out, Column{Name: c.ID, SQLType: t, Contract: c.ID})
		if c.Type == policy.TypeHouseholdNo {
			out = append(out, Column{Name: c.ID + "_text", SQLType: "VARCHAR", Contract: c.ID, Text: true})
		}
	}
	return out
}

// Roles of datasets that the registry is built from.
const (
	RoleRoster  = "roster"
	RoleChanges = "changes"
)

// FactColumns are the columns of fact_<dataset> in order: household_id, person_key, batch, row_no, tier, seen, nk, the stored columns, then for
// the roster and the changes house_no and name_key, and for the roster the ciphertexts.
// The past table has the same and until INTEGER at the end.
func FactColumns(ds *policy.Dataset) []Column {
	cols := []Column{
		{Name: "household_id", SQLType: "BIGINT"}, {Name: "person_key", SQLType: "UHUGEINT"},
		{Name: "batch", SQLType: "INTEGER"}, {Name: "row_no", SQLType: "INTEGER"}, {Name: "tier", SQLType: "UTINYINT"},
		{Name: "seen", SQLType: "INTEGER"}, {Name: "nk", SQLType: "UBIGINT"},
	}
	cols = append(cols, StoredColumns(ds)...)
	if ds.Role != "" {
		cols = append(cols, Column{Name: "house_no", SQLType: "VARCHAR"}, Column{Name: "name_key", SQLType: "UBIGINT"})
	}
	return append(cols, sealedColumns(ds)...)
}

func sealedColumns(ds *policy.Dataset) []Column {
	if ds.Role != RoleRoster {
		return nil
	}
	return []Column{{Name: "name_enc", SQLType: "BLOB"}, {Name: "number_enc", SQLType: "BLOB"},
		{Name: "phone_enc", SQLType: "BLOB"}, {Name: "bank_enc", SQLType: "BLOB"}}
}

// linkColumns are what linkage needs of a row; intake fills them, pending tables keep them.
func linkColumns() []Column {
	return []Column{
		{Name: "card_key", SQLType: "UHUGEINT"}, {Name: "name_key", SQLType: "UBIGINT"}, {Name: "birth_link", SQLType: "DATE"},
		{Name: "village", SQLType: "BIGINT"}, {Name: "house_id", SQLType: "BIGINT"}, {Name: "house_no", SQLType: "VARCHAR"},
		{Name: "head_key", SQLType: "UHUGEINT"}, {Name: "head_name_key", SQLType: "UBIGINT"},
	}
}

// StageColumns are the columns of the temporary table that intake fills: row_no, file (which of the files that are accepted together, from 0; NULL is 0), person_key, the link columns (card_key: the person key
// of the first 18 characters of the disability card; house_no only for the roster and the changes), nk, the stored columns of the
// contract, and for the roster the ciphertexts.
func StageColumns(ds *policy.Dataset) []Column {
	cols := []Column{{Name: "row_no", SQLType: "INTEGER"}, {Name: "file", SQLType: "INTEGER"}, {Name: "person_key", SQLType: "UHUGEINT"}}
	cols = append(cols, linkColumns()...)
	cols = append(cols, Column{Name: "nk", SQLType: "UBIGINT"})
	cols = append(cols, StoredColumns(ds)...)
	return append(cols, sealedColumns(ds)...)
}

// PendingColumns are the columns of pending_<dataset>: the fact's, then the link columns that the fact has not, then why.
func PendingColumns(ds *policy.Dataset) []Column {
	cols := FactColumns(ds)
	have := map[string]bool{}
	for _, c := range cols {
		have[c.Name] = true
	}
	for _, c := range linkColumns() {
		if !have[c.Name] {
			cols = append(cols, c)
		}
	}
	return append(cols, Column{Name: "why", SQLType: "VARCHAR"})
}
