package warehouse

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"shouwang/internal/errs"
	"shouwang/internal/policy"
)

// Table is one table of the warehouse.
type Table struct {
	Name    string
	Columns []Column
	NotNull map[string]bool
}

// RegistryColumns of household and person; the past twins have until INTEGER at the end.
//
// person holds the current members (member_to is NULL), person_former the memberships that ended by death or a move, one row a person and household. contested
// marks persons that rosters of the same period put into two households: they are members of both and never linked by number.
var (
	householdColumns = []Column{
		{Name: "household_id", SQLType: "BIGINT"}, {Name: "household_no", SQLType: "VARCHAR"}, {Name: "division", SQLType: "BIGINT"},
		{Name: "county", SQLType: "INTEGER"}, {Name: "members", SQLType: "INTEGER"}, {Name: "head_key", SQLType: "UHUGEINT"},
		{Name: "type", SQLType: "VARCHAR"}, {Name: "relocated", SQLType: "BOOLEAN"}, {Name: "seen", SQLType: "INTEGER"},
	}
	personColumns = []Column{
		{Name: "person_key", SQLType: "UHUGEINT"}, {Name: "household_id", SQLType: "BIGINT"}, {Name: "relation", SQLType: "VARCHAR"},
		{Name: "birth", SQLType: "DATE"}, {Name: "sex", SQLType: "VARCHAR"}, {Name: "ethnic", SQLType: "VARCHAR"},
		{Name: "education", SQLType: "VARCHAR"}, {Name: "school", SQLType: "VARCHAR"}, {Name: "health", SQLType: "VARCHAR"},
		{Name: "labour", SQLType: "VARCHAR"}, {Name: "name_key", SQLType: "UBIGINT"}, {Name: "member_from", SQLType: "DATE"},
		{Name: "member_to", SQLType: "DATE"}, {Name: "source", SQLType: "VARCHAR"}, {Name: "contested", SQLType: "BOOLEAN"},
		{Name: "seen", SQLType: "INTEGER"},
	}
)

// HouseholdColumns are the columns of household.
func HouseholdColumns() []Column { return append([]Column(nil), householdColumns...) }

// PersonColumns are the columns of person.
func PersonColumns() []Column { return append([]Column(nil), personColumns...) }

func withUntil(cols []Column) []Column {
	return append(append([]Column(nil), cols...), Column{Name: "until", SQLType: "INTEGER"})
}

// Tables are all tables of design section 9.2 for a pack.
func Tables(p *policy.Pack) []Table {
	keyed := map[string]bool{"household_id": true, "batch": true, "row_no": true, "seen": true}
	out := []Table{
		{Name: "household", Columns: householdColumns, NotNull: map[string]bool{"household_id": true}},
		{Name: "household_past", Columns: withUntil(householdColumns)},
		{Name: "person", Columns: personColumns, NotNull: map[string]bool{"household_id": true, "person_key": true}},
		{Name: "person_past", Columns: withUntil(personColumns)},
		{Name: "person_former", Columns: personColumns, NotNull: map[string]bool{"household_id": true, "person_key": true}},
		{Name: "batch", NotNull: map[string]bool{"batch": true, "dataset": true, "sha256": true}, Columns: []Column{
			{Name: "batch", SQLType: "INTEGER"}, {Name: "dataset", SQLType: "VARCHAR"}, {Name: "contract_version", SQLType: "INTEGER"},
			{Name: "pack_hash", SQLType: "VARCHAR"}, {Name: "sha256", SQLType: "VARCHAR"}, {Name: "file_name", SQLType: "VARCHAR"},
			{Name: "scope", SQLType: "BIGINT"}, {Name: "period_from", SQLType: "DATE"}, {Name: "period_to", SQLType: "DATE"},
			{Name: "rows", SQLType: "INTEGER"}, {Name: "accepted", SQLType: "INTEGER"}, {Name: "rejected", SQLType: "INTEGER"},
			{Name: "linked", SQLType: "INTEGER"}, {Name: "pending", SQLType: "INTEGER"}, {Name: "state", SQLType: "VARCHAR"},
			{Name: "receipt", SQLType: "JSON"}, {Name: "received_at", SQLType: "TIMESTAMP"},
			{Name: "together", SQLType: "INTEGER"}, // the last of the batches that were committed with it
		}},
		{Name: "coverage", Columns: []Column{{Name: "dataset", SQLType: "VARCHAR"}, {Name: "county", SQLType: "INTEGER"},
			{Name: "month", SQLType: "DATE"}, {Name: "batch", SQLType: "INTEGER"}}},
	}
	for i := range p.Datasets {
		ds := &p.Datasets[i]
		facts := FactColumns(ds)
		out = append(out,
			Table{Name: "fact_" + ds.ID, Columns: facts, NotNull: keyed},
			Table{Name: "fact_" + ds.ID + "_past", Columns: withUntil(facts), NotNull: keyed},
			Table{Name: "pending_" + ds.ID, Columns: PendingColumns(ds)})
	}
	return out
}

// Schema makes the tables that the pack needs and adds the columns that its contracts have and the tables have not. A column that a contract no longer
// has stays, empty in new rows. Errors: errs.Conflict when a column has another type now (the warehouse must be rebuilt from the archive), errs.Invalid when a
// contract's column has a name that the warehouse needs itself.
func (w *Warehouse) Schema(ctx context.Context, p *policy.Pack) error {
	have, err := w.columns(ctx)
	if err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	var todo []string
	for _, t := range Tables(p) {
		seen := map[string]bool{}
		for _, c := range t.Columns {
			if seen[c.Name] {
				return errs.Newf(errs.Invalid, "数据契约的列名 %[2]s（表 %[1]s）是仓库自用的列名，请换一个 id。",
					"the contract's column id %[2]s (table %[1]s) is a name that the warehouse needs itself; choose another id.", t.Name, c.Name)
			}
			seen[c.Name] = true
		}
		old, exists := have[t.Name]
		if !exists {
			todo = append(todo, createTable(w.dialect, t, false))
			continue
		}
		for _, c := range t.Columns {
			switch typ, ok := old[c.Name]; {
			case !ok:
				todo = append(todo, fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s", w.dialect.Ident(t.Name), w.dialect.Ident(c.Name), w.dialect.Type(c.SQLType)))
			case typ != c.SQLType:
				return errs.Newf(errs.Conflict, "表 %[1]s 的列 %[2]s 现为 %[3]s，而政策包的数据契约要求 %[4]s。请执行 shouwang rebuild 从归档重建仓库。",
					"column %[2]s of table %[1]s is %[3]s, but the pack's contract now says %[4]s. Run shouwang rebuild to make the warehouse again from the archive.",
					t.Name, c.Name, typ, c.SQLType)
			}
		}
	}
	if len(todo) == 0 {
		return nil
	}
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	defer tx.Rollback()
	for _, s := range todo {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("schema: %s: %w", strings.SplitN(s, "(", 2)[0], err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	return nil
}

// columns reads table → column → type of what is there.
func (w *Warehouse) columns(ctx context.Context) (map[string]map[string]string, error) {
	rows, err := w.db.QueryContext(ctx, "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE schema_name = 'main' AND NOT internal AND database_name = current_database()")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]map[string]string{}
	for rows.Next() {
		var t, c, typ string
		if err := rows.Scan(&t, &c, &typ); err != nil {
			return nil, err
		}
		if out[t] == nil {
			out[t] = map[string]string{}
		}
		out[t][c] = typ
	}
	return out, rows.Err()
}

// random reports whether a column holds ciphertext or keyed hashes: looking for a way to compress them takes time at every checkpoint and never finds one.
func random(c Column) bool {
	switch c.Name {
	case "nk", "name_key":
		return true
	}
	return c.SQLType == "BLOB" || c.SQLType == "UHUGEINT"
}

func createTable(d Dialect, t Table, temp bool) string {
	var b strings.Builder
	b.WriteString("CREATE ")
	if temp {
		b.WriteString("TEMP ")
	}
	fmt.Fprintf(&b, "TABLE %s (", d.Ident(t.Name))
	for i, c := range t.Columns {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s %s", d.Ident(c.Name), d.Type(c.SQLType))
		if d == DuckDB && !temp && random(c) {
			b.WriteString(" USING COMPRESSION UNCOMPRESSED")
		}
		if t.NotNull[c.Name] {
			b.WriteString(" NOT NULL")
		}
	}
	b.WriteString(")")
	return b.String()
}

// CreateStage makes the temporary table that intake fills, on conn; a former one of that name is dropped.
func (w *Warehouse) CreateStage(ctx context.Context, conn *sql.Conn, name string, ds *policy.Dataset) error {
	if _, err := conn.ExecContext(ctx, "DROP TABLE IF EXISTS temp."+w.dialect.Ident(name)); err != nil {
		return fmt.Errorf("stage %s: %w", name, err)
	}
	if _, err := conn.ExecContext(ctx, createTable(w.dialect, Table{Name: name, Columns: StageColumns(ds)}, true)); err != nil {
		return fmt.Errorf("stage %s: %w", name, err)
	}
	return nil
}
