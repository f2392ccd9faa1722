// Package evaluate compares what linkage and screening found with what the generator did: recall and precision by
// risk type, precision and recall of links. It owns the measures; it never changes the warehouse's tables.
package evaluate

import (
	"context"
	"database/sql"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"shouwang/internal/errs"
	"shouwang/internal/registry"
	"shouwang/internal/warehouse"
)

// Report of one evaluation.
type Report struct {
	Households int64    `json:"households"`
	Struck     int64    `json:"struck"`          // households that something happened to
	Warned     int64    `json:"warned"`          // households with a warning
	Found      int64    `json:"found"`           // struck households with a warning of any risk
	Recall     float64  `json:"recall"`          // found / struck
	Precision  float64  `json:"precision"`       // warned households that were struck / warned
	Standing   int64    `json:"standing"`        // warned households not struck, but in standing hardship by the truth (uninsured, unsafe house …)
	Explained  float64  `json:"explained"`       // warned households that were struck or in standing hardship / warned
	Risks      []Risk   `json:"risks"`           // by risk type
	Levels     []Level  `json:"levels"`          // precision by the household's worst level
	Links      *Linkage `json:"links,omitempty"` // absent when the truth has no links
}

// Risk is recall and precision of one risk type.
type Risk struct {
	Risk      string  `json:"risk"`
	Struck    int64   `json:"struck"`     // households struck by it
	Warned    int64   `json:"warned"`     // households warned of it
	Same      int64   `json:"same"`       // struck by it and warned of it
	Any       int64   `json:"any"`        // struck by it and warned of anything
	Recall    float64 `json:"recall"`     // same / struck
	AnyRecall float64 `json:"any_recall"` // any / struck
	Precision float64 `json:"precision"`  // same / warned
}

// Level is how many of the households at a level were struck by anything.
type Level struct {
	Level     string  `json:"level"`
	Warned    int64   `json:"warned"`
	Struck    int64   `json:"struck"`
	Precision float64 `json:"precision"`
}

// Linkage measures links of accepted rows against the household that the generator wrote each row for.
type Linkage struct {
	Rows      int64     `json:"rows"`    // accepted rows with a known truth
	Linked    int64     `json:"linked"`  // of them linked
	Correct   int64     `json:"correct"` // of them to the right household
	Precision float64   `json:"precision"`
	Recall    float64   `json:"recall"` // correct / rows
	Datasets  []Linkage `json:"datasets,omitempty"`
	Dataset   string    `json:"dataset,omitempty"`
}

func ratio(a, b int64) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// Run evaluates the newest screening in w against the folder truth written by synth.
func Run(ctx context.Context, w *warehouse.Warehouse, truth string) (Report, error) {
	var r Report
	c, err := w.Conn(ctx)
	if err != nil {
		return r, err
	}
	defer c.Close()
	err = loadHardship(ctx, w, c, filepath.Join(truth, "struck.csv"), "struck")
	if errors.Is(err, os.ErrNotExist) {
		return r, errs.New(errs.NotFound, "找不到真值文件 struck.csv；--truth 应指向 synth 输出的 truth 目录", "there is no struck.csv; --truth should name the truth folder that synth wrote")
	}
	if err != nil {
		return r, err
	}
	// Truth of other makers may have no list of standing hardship: then nobody is in it.
	err = loadHardship(ctx, w, c, filepath.Join(truth, "gaps.csv"), "gap")
	if errors.Is(err, os.ErrNotExist) {
		_, err = c.ExecContext(ctx, "CREATE OR REPLACE TEMPORARY TABLE gap (household_id BIGINT, risk VARCHAR)")
	}
	if err != nil {
		return r, fmt.Errorf("evaluate: %w", err)
	}
	one := func(into any, text string) error { return c.QueryRowContext(ctx, text).Scan(into) }
	const warned = "(SELECT DISTINCT household_id FROM warning_live WHERE level > 0)"
	const struck = "(SELECT DISTINCT household_id FROM struck)"
	if err := errors.Join(
		one(&r.Households, "SELECT count(*) FROM household"),
		one(&r.Struck, "SELECT count(*) FROM "+struck),
		one(&r.Warned, "SELECT count(*) FROM "+warned),
		one(&r.Standing, "SELECT count(*) FROM "+warned+" AS w WHERE household_id IN (SELECT household_id FROM gap) AND household_id NOT IN (SELECT household_id FROM struck)"),
		one(&r.Found, "SELECT count(*) FROM "+struck+" AS s JOIN "+warned+" AS w ON w.household_id = s.household_id"),
	); err != nil {
		return r, fmt.Errorf("evaluate: %w", err)
	}
	r.Recall, r.Precision, r.Explained = ratio(r.Found, r.Struck), ratio(r.Found, r.Warned), ratio(r.Found+r.Standing, r.Warned)
	if err := risks(ctx, c, &r); err != nil {
		return r, err
	}
	rows, err := c.QueryContext(ctx, `SELECT l.level, count(*), count(s.household_id) FROM (SELECT household_id, max(level) AS level FROM warning_live GROUP BY household_id) AS l
LEFT JOIN `+struck+` AS s ON s.household_id = l.household_id GROUP BY l.level ORDER BY l.level DESC`)
	if err != nil {
		return r, fmt.Errorf("evaluate: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var level int
		var l Level
		if err := rows.Scan(&level, &l.Warned, &l.Struck); err != nil {
			return r, fmt.Errorf("evaluate: %w", err)
		}
		l.Level, l.Precision = [...]string{"", "blue", "yellow", "red"}[level], ratio(l.Struck, l.Warned)
		r.Levels = append(r.Levels, l)
	}
	if err := rows.Err(); err != nil {
		return r, fmt.Errorf("evaluate: %w", err)
	}
	r.Links, err = links(ctx, w, c, filepath.Join(truth, "links.csv"))
	return r, err
}

func risks(ctx context.Context, c *sql.Conn, r *Report) error {
	rows, err := c.QueryContext(ctx, `WITH s AS (SELECT DISTINCT household_id, risk FROM struck),
w AS (SELECT DISTINCT household_id, risk FROM warning_live WHERE level > 0),
a AS (SELECT DISTINCT household_id FROM warning_live WHERE level > 0),
k AS (SELECT risk FROM s UNION SELECT risk FROM w)
SELECT k.risk, (SELECT count(*) FROM s WHERE s.risk = k.risk), (SELECT count(*) FROM w WHERE w.risk = k.risk),
 (SELECT count(*) FROM s JOIN w ON w.household_id = s.household_id AND w.risk = s.risk WHERE s.risk = k.risk),
 (SELECT count(*) FROM s JOIN a ON a.household_id = s.household_id WHERE s.risk = k.risk)
FROM k ORDER BY 2 DESC, 1`)
	if err != nil {
		return fmt.Errorf("evaluate: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var k Risk
		if err := rows.Scan(&k.Risk, &k.Struck, &k.Warned, &k.Same, &k.Any); err != nil {
			return fmt.Errorf("evaluate: %w", err)
		}
		k.Recall, k.AnyRecall, k.Precision = ratio(k.Same, k.Struck), ratio(k.Any, k.Struck), ratio(k.Same, k.Warned)
		r.Risks = append(r.Risks, k)
	}
	return rows.Err()
}

// columns finds the named columns in the header of a truth file.
func columns(path string, header []string, names ...string) ([]int, error) {
	if len(header) > 0 {
		header[0] = strings.TrimPrefix(header[0], "\ufeff")
	}
	out := make([]int, len(names))
	for i, n := range names {
		if out[i] = slices.Index(header, n); out[i] < 0 {
			return nil, errs.Newf(errs.Invalid, "%[1]s 缺少列 %[2]s；这不像是 shouwang synth 写的真值文件", "%[1]s has no column %[2]s; this doesn't look like truth written by shouwang synth", filepath.Base(path), n)
		}
	}
	return out, nil
}

// load streams a truth file into a temporary table of two columns through put.
func load(ctx context.Context, w *warehouse.Warehouse, c *sql.Conn, path, table string, cols []warehouse.Column, names []string, put func(chunk *warehouse.Chunk, row int, cells []string) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.ReuseRecord = true
	header, err := r.Read()
	if err != nil {
		return fmt.Errorf("evaluate: %s: %w", filepath.Base(path), err)
	}
	at, err := columns(path, slices.Clone(header), names...)
	if err != nil {
		return err
	}
	var ddl []string
	for _, col := range cols {
		ddl = append(ddl, col.Name+" "+col.SQLType)
	}
	if _, err := c.ExecContext(ctx, "CREATE OR REPLACE TEMPORARY TABLE "+table+" ("+strings.Join(ddl, ", ")+")"); err != nil {
		return fmt.Errorf("evaluate: %w", err)
	}
	app, err := w.Appender(ctx, c, table, cols)
	if err != nil {
		return err
	}
	chunk := warehouse.NewChunk(cols)
	cells := make([]string, len(at))
	for {
		rec, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return errors.Join(fmt.Errorf("evaluate: %s: %w", filepath.Base(path), err), app.Close())
		}
		for i, k := range at {
			cells[i] = rec[k]
		}
		if err := put(chunk, chunk.NewRow(), cells); err != nil {
			return errors.Join(err, app.Close())
		}
		if chunk.Full() {
			if err := app.Append(chunk); err != nil {
				return errors.Join(err, app.Close())
			}
			chunk.Reset()
		}
	}
	if chunk.Len() > 0 {
		if err := app.Append(chunk); err != nil {
			return errors.Join(err, app.Close())
		}
	}
	return app.Close()
}

func badNumber(file, no string) error {
	return errs.Newf(errs.Invalid, "%[1]s 里的户编号 %[2]q 无效", "%[1]s: %[2]q is not a household number", file, no)
}

// loadHardship reads a truth file of households and risks into a temporary table.
func loadHardship(ctx context.Context, w *warehouse.Warehouse, c *sql.Conn, path, table string) error {
	cols := []warehouse.Column{{Name: "household_id", SQLType: "BIGINT"}, {Name: "risk", SQLType: "VARCHAR"}}
	return load(ctx, w, c, path, table, cols, []string{"household_no", "risk"}, func(chunk *warehouse.Chunk, row int, cells []string) error {
		id, _, ok := registry.HouseholdID(cells[0])
		if !ok {
			return badNumber(filepath.Base(path), cells[0])
		}
		chunk.SetInt64(0, row, id)
		chunk.SetString(1, row, cells[1])
		return nil
	})
}

// links measures linkage; nil when the generator wrote no links (above its size limit).
func links(ctx context.Context, w *warehouse.Warehouse, c *sql.Conn, path string) (*Linkage, error) {
	cols := []warehouse.Column{{Name: "file_name", SQLType: "VARCHAR"}, {Name: "row_no", SQLType: "INTEGER"}, {Name: "household_id", SQLType: "BIGINT"}}
	err := load(ctx, w, c, path, "true_link", cols, []string{"file", "row", "household_no"}, func(chunk *warehouse.Chunk, row int, cells []string) error {
		n, err := strconv.ParseInt(cells[1], 10, 32)
		if err != nil {
			return fmt.Errorf("evaluate: links.csv: row number %q: %w", cells[1], err)
		}
		chunk.SetString(0, row, filepath.Base(filepath.FromSlash(cells[0])))
		chunk.SetInt32(1, row, int32(n))
		id, _, ok := registry.HouseholdID(cells[2])
		if !ok {
			return badNumber("links.csv", cells[2])
		}
		chunk.SetInt64(2, row, id)
		return nil
	})
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	rows, err := c.QueryContext(ctx, "SELECT DISTINCT dataset FROM batch WHERE state = 'accepted' AND dataset <> 'roster' ORDER BY dataset")
	if err != nil {
		return nil, fmt.Errorf("evaluate: %w", err)
	}
	var datasets []string
	for rows.Next() {
		var d string
		if err := rows.Scan(&d); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		datasets = append(datasets, d)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	var total Linkage
	for _, d := range datasets {
		l := Linkage{Dataset: d}
		// A row superseded by a later delivery was linked too; a pending row has no household.
		text := fmt.Sprintf(`WITH f AS (SELECT batch, row_no, household_id FROM fact_%[1]s UNION ALL SELECT batch, row_no, household_id FROM fact_%[1]s_past
 UNION ALL SELECT batch, row_no, CAST(NULL AS BIGINT) FROM pending_%[1]s)
SELECT count(*), count(f.household_id), count(*) FILTER (WHERE f.household_id = t.household_id)
FROM f JOIN batch AS b ON b.batch = f.batch JOIN true_link AS t ON t.file_name = b.file_name AND t.row_no = f.row_no`, d)
		if err := c.QueryRowContext(ctx, text).Scan(&l.Rows, &l.Linked, &l.Correct); err != nil {
			return nil, fmt.Errorf("evaluate: %w", err)
		}
		l.Precision, l.Recall = ratio(l.Correct, l.Linked), ratio(l.Correct, l.Rows)
		total.Rows += l.Rows
		total.Linked += l.Linked
		total.Correct += l.Correct
		total.Datasets = append(total.Datasets, l)
	}
	total.Precision, total.Recall = ratio(total.Correct, total.Linked), ratio(total.Correct, total.Rows)
	return &total, nil
}
