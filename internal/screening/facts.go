package screening

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"shouwang/internal/division"
	"shouwang/internal/policy"
	"shouwang/internal/registry"
	"shouwang/internal/secret"
	"shouwang/internal/warehouse"
)

// FactTable is what one department delivered about a household, the newest rows first. It names nobody: identity columns are not
// in the warehouse's facts.
type FactTable struct {
	Dataset    string
	Name       policy.Text
	Department policy.Text
	Columns    []policy.Column // the contract's stored columns
	Rows       []Fact
	Total      int64 // rows that there are; Rows holds the newest of them
}

// Fact is one delivered row.
type Fact struct {
	Cells []policy.Text // as people read them, one a column; empty = not given
	Key   secret.Key128 // of the person the row is about; zero for household rows
	Date  string        // event date, "" for snapshots
	File  string
	Batch int
	Row   int // data row of the file, 1-based
}

// Facts reads a household's rows of every dataset of the departments (department "" = all), at most limit a dataset.
func (s *Service) Facts(ctx context.Context, householdNo, department string, limit int) ([]FactTable, error) {
	c, err := s.w.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	home, err := registry.ByHouseholdNo(ctx, c, householdNo)
	if err != nil {
		return nil, err
	}
	out := []FactTable{}
	for i := range s.pack.Datasets {
		ds := &s.pack.Datasets[i]
		if department != "" && ds.Department != department {
			continue
		}
		t := FactTable{Dataset: ds.ID, Name: ds.Name, Department: departmentName(s.pack, ds.Department)}
		if err := s.factRows(ctx, c, ds, home.ID, limit, &t); err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

func (s *Service) factRows(ctx context.Context, c *sql.Conn, ds *policy.Dataset, household int64, limit int, t *FactTable) error {
	var cols []string
	for _, stored := range warehouse.StoredColumns(ds) {
		column := ds.Column(stored.Contract)
		if column == nil || stored.Text || column.Link != "" {
			continue
		}
		t.Columns = append(t.Columns, *column)
		cols = append(cols, "f."+quote(stored.Name))
	}
	var err error
	if t.Total, err = one[int64](ctx, c, fmt.Sprintf("SELECT count(*) FROM fact_%s WHERE household_id = %d", ds.ID, household)); err != nil || t.Total == 0 {
		return err
	}
	date, order := "NULL", "f.batch DESC, f.row_no"
	if ds.EventDate != "" {
		date = "f." + quote(ds.EventDate)
		order = date + " DESC, " + order
	}
	text := fmt.Sprintf(`SELECT %s coalesce(CAST(f.person_key >> 64 AS UBIGINT), 0), coalesce(CAST(f.person_key & 18446744073709551615 AS UBIGINT), 0), CAST(%s AS DATE), coalesce(b.file_name, ''), f.batch, f.row_no
FROM fact_%s AS f LEFT JOIN batch AS b ON b.batch = f.batch WHERE f.household_id = %d ORDER BY %s LIMIT %d`,
		strings.Join(append(cols, ""), ", "), date, ds.ID, household, order, limit)
	return scan(ctx, c, text, func(r *sql.Rows) error {
		cells := make([]any, len(cols))
		dest := make([]any, 0, len(cols)+6)
		for i := range cells {
			dest = append(dest, &cells[i])
		}
		var f Fact
		var day sql.NullTime
		dest = append(dest, &f.Key.Hi, &f.Key.Lo, &day, &f.File, &f.Batch, &f.Row)
		if err := r.Scan(dest...); err != nil {
			return err
		}
		if day.Valid {
			f.Date = day.Time.Format("2006-01-02")
		}
		for i, v := range cells {
			f.Cells = append(f.Cells, s.cell(&t.Columns[i], v))
		}
		t.Rows = append(t.Rows, f)
		return nil
	})
}

// cell is a stored value as people read it.
func (s *Service) cell(column *policy.Column, v any) policy.Text {
	same := func(text string) policy.Text { return policy.Text{ZH: text, EN: text} }
	switch x := v.(type) {
	case nil:
		return policy.Text{}
	case bool:
		if x {
			return policy.Text{ZH: "是", EN: "yes"}
		}
		return policy.Text{ZH: "否", EN: "no"}
	case time.Time:
		if column.Type == policy.TypeMonth {
			return same(x.Format("2006-01"))
		}
		return same(x.Format("2006-01-02"))
	case int64:
		switch column.Type {
		case policy.TypeMoney:
			return same(group(float64(x) / 100))
		case policy.TypeDivision:
			return same(s.tree.Name(division.Code(x)))
		}
		return same(group(float64(x)))
	case float64:
		return same(group(x))
	case string:
		for _, code := range column.Codes {
			if code.ID == x {
				if code.Name.EN == "" {
					return policy.Text{ZH: code.Name.ZH, EN: strings.ReplaceAll(x, "_", " ")}
				}
				return code.Name
			}
		}
		return same(x)
	}
	return same(fmt.Sprint(v))
}
