package intake

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"shouwang/internal/errs"
	"shouwang/internal/policy"
	"shouwang/internal/warehouse"
)

// checkLoad is what can be said of whole files once their rows are staged: duplicates, heads, control totals, the period, too many rejects.
func (s *Service) checkLoad(ctx context.Context, g *load) error {
	for _, e := range g.live() {
		if e.changed != nil {
			if err := e.failed(ctx, e.changed); err != nil {
				return err
			}
			continue
		}
		e.note()
	}
	if err := g.forget(ctx); err != nil {
		return err
	}
	for _, step := range []func(context.Context, *load) error{s.duplicates, s.twoHeads, s.totals} {
		if err := step(ctx, g); err != nil {
			return err
		}
	}
	for i, e := range g.entries {
		if e.done || e.twin {
			continue
		}
		if e.r.Period.IsZero() {
			if err := s.periodOfRows(ctx, g, i); err != nil {
				return err
			}
		}
		if err := s.whole(g.ds, e); err != nil {
			if err := e.failed(ctx, err); err != nil {
				return err
			}
		}
	}
	return g.forget(ctx)
}

// note puts what the workers counted into the receipt.
func (e *entry) note() {
	r, t := e.r, e.tally
	r.Rows, r.Rejected, r.Blank = t.Rows, t.Rejected, t.Blank
	r.warn("damaged_number", t.DamagedNumber, "证件号码有误，按其他信息比对", "damaged resident numbers, linked by other columns")
	r.warn("damaged_card", t.DamagedCard, "残疾证号有误，按其他信息比对", "damaged disability cards, linked by other columns")
	r.warn("no_number", t.NoNumber, "没有可用的证件号码，按户编号和姓名登记", "members without a usable number, registered by household number and name")
	r.warn("blank_rows", t.Blank, "空白行", "blank rows")
	r.warn("unknown_keys", t.LateKeys, "样本以外才出现的 JSON 字段，未读取", "JSON keys that appear late in the file, not read")
	r.Accepted = r.Rows - r.Rejected
}

// whole says why a file as a whole can't be taken.
func (s *Service) whole(ds *policy.Dataset, e *entry) error {
	r := e.r
	if r.Rejected > 0 && (r.Rejected == r.Rows || r.Rows >= 20 && float64(r.Rejected) > ds.RejectCeiling*float64(r.Rows)) {
		if err := e.rejects.close(true); err != nil {
			return err
		}
		return s.overCeiling(ds, r)
	}
	if ds.Role == warehouse.RoleRoster && r.Accepted == 0 {
		// An empty list of patients says that nobody is ill; an empty roster would say that nobody lives there.
		return errs.New(errs.Refused, "花名册里没有一户农户：空的花名册会注销全县农户，已整批退回。请检查导出是否完整",
			"the roster holds nobody: it would strike every household of its county off the register, so it is refused. Check whether the export is complete")
	}
	return nil
}

// query calls fn for each row of a query.
func query(ctx context.Context, conn *sql.Conn, what, q string, dest []any, fn func()) error {
	rows, err := conn.QueryContext(ctx, q)
	if err != nil {
		return fmt.Errorf("intake: %s: %w", what, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return fmt.Errorf("intake: %s: %w", what, err)
		}
		fn()
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("intake: %s: %w", what, err)
	}
	return nil
}

// duplicates removes rows that a later row of their file replaces.
func (s *Service) duplicates(ctx context.Context, g *load) error {
	if len(g.ds.Key) == 0 {
		return nil
	}
	const twins = "SELECT file, nk, max(row_no) AS last, count(*) AS n FROM " + stageTable + " WHERE nk IS NOT NULL GROUP BY file, nk HAVING count(*) > 1"
	var file, n int
	found := false
	if err := query(ctx, g.conn, "duplicates", "SELECT file, CAST(sum(n - 1) AS BIGINT) FROM ("+twins+") AS d GROUP BY file", []any{&file, &n}, func() {
		r := g.entries[file].r
		r.Duplicates = n
		r.Accepted -= n
		found = true
	}); err != nil || !found {
		return err
	}
	if _, err := g.conn.ExecContext(ctx, "DELETE FROM "+stageTable+" AS s USING ("+twins+") AS d WHERE s.file = d.file AND s.nk = d.nk AND s.row_no < d.last"); err != nil {
		return fmt.Errorf("intake: duplicates: %w", err)
	}
	return nil
}

// headRelation is the code of the household head in the roster's contract.
const headRelation = "head"

// twoHeads rejects roster rows that name a second head of a household, and notes households without one.
func (s *Service) twoHeads(ctx context.Context, g *load) error {
	if g.ds.Role != warehouse.RoleRoster || !hasHead(g.ds) {
		return nil
	}
	const heads = " FROM " + stageTable + " WHERE relation = '" + headRelation + "' AND house_id IS NOT NULL"
	surplus := map[int]map[int]bool{}
	var file, row int
	err := query(ctx, g.conn, "heads", "SELECT s.file, s.row_no FROM "+stageTable+" s JOIN (SELECT file, house_id, min(row_no) AS first"+heads+" GROUP BY file, house_id HAVING count(*) > 1) AS h"+
		" ON h.file = s.file AND h.house_id = s.house_id WHERE s.relation = '"+headRelation+"' AND s.row_no > h.first", []any{&file, &row}, func() {
		if surplus[file] == nil {
			surplus[file] = map[int]bool{}
		}
		surplus[file][row] = true
	})
	if err != nil {
		return err
	}
	for file, rows := range surplus {
		if err := g.rejectHeads(ctx, file, rows); err != nil {
			return err
		}
	}
	var n int
	return query(ctx, g.conn, "heads", "SELECT file, count(DISTINCT house_id) - count(DISTINCT house_id) FILTER (WHERE relation = '"+headRelation+"') FROM "+stageTable+" GROUP BY file", []any{&file, &n},
		func() { g.entries[file].r.warn("no_head", n, "没有户主的户", "households without a head") })
}

func (g *load) rejectHeads(ctx context.Context, file int, rows map[int]bool) error {
	e := g.entries[file]
	list := make([]string, 0, len(rows))
	for row := range rows {
		list = append(list, strconv.Itoa(row))
	}
	if _, err := g.conn.ExecContext(ctx, fmt.Sprintf("DELETE FROM %s WHERE file = %d AND row_no IN (%s)", stageTable, file, strings.Join(list, ", "))); err != nil {
		return fmt.Errorf("intake: heads: %w", err)
	}
	field := -1
	for _, f := range e.dec.fields {
		if f.col.Type == policy.TypeCode && f.col.ID == "relation" {
			field = f.src
		}
	}
	e.r.Rejected += len(rows)
	e.r.Accepted -= len(rows)
	err := e.dec.pick(ctx, e.probe, rows, func(row int, cells []string) error {
		value := ""
		if field >= 0 && field < len(cells) {
			value = mask(cells[field])
		}
		return e.refuse(rejected{row: row, field: field, code: "two_heads", value: value, cells: cells})
	})
	if err != nil {
		return e.failed(ctx, err)
	}
	return nil
}

func hasHead(ds *policy.Dataset) bool {
	for _, c := range ds.Columns {
		if c.ID == "relation" && c.Type == policy.TypeCode {
			for _, code := range c.Codes {
				if code.ID == headRelation {
					return true
				}
			}
		}
	}
	return false
}

// pick reads the file again for the cells of certain rows.
func (d *decoder) pick(ctx context.Context, p *probe, want map[int]bool, fn func(row int, cells []string) error) error {
	w := d.worker()
	pool := make(chan []byte, 1)
	left := len(want)
	err := p.blocks(ctx, pool, func(b *block) error {
		w.sp.reset(b.data, w.delim)
		for i := 0; i < b.count; i++ {
			var cells [][]byte
			var ok bool
			switch {
			case b.cells != nil:
				cells, ok = b.cells.record(i, w.cells), true
			case w.form == formJSON:
				var line []byte
				if line, ok = w.line(); ok && want[b.first+i] {
					cells, _ = w.object(line)
				}
			default:
				cells, _, ok = w.sp.next()
			}
			if !ok {
				break
			}
			if want[b.first+i] {
				if err := fn(b.first+i, w.plain(cells)); err != nil {
					return err
				}
				if left--; left == 0 {
					return errEnough
				}
			}
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// totals adds the control totals over the accepted rows, and the span of event dates.
func (s *Service) totals(ctx context.Context, g *load) error {
	list := []string{"file"}
	var cols []policy.Column
	stored := map[string]string{}
	for _, c := range warehouse.StoredColumns(g.ds) {
		if !c.Text {
			stored[c.Contract] = c.Name
		}
	}
	for _, c := range g.ds.Columns {
		name, ok := stored[c.ID]
		if !ok {
			continue
		}
		id := `"` + name + `"`
		switch c.Type {
		case policy.TypeMoney:
			list = append(list, "CAST(coalesce(sum("+id+"), 0) AS DOUBLE) / 100, count("+id+")")
		case policy.TypeNumber, policy.TypeInteger:
			list = append(list, "round(CAST(coalesce(sum("+id+"), 0) AS DOUBLE), 6), count("+id+")")
		default:
			continue
		}
		cols = append(cols, c)
	}
	event := "CAST(max(NULL) AS VARCHAR), CAST(max(NULL) AS VARCHAR)"
	if name, ok := stored[g.ds.EventDate]; ok {
		event = `strftime(min("` + name + `"), '%Y-%m-%d'), strftime(max("` + name + `"), '%Y-%m-%d')`
	}
	list = append(list, event)
	var file int
	var earliest, latest sql.NullString
	dest := []any{&file}
	sums, counts := make([]float64, len(cols)), make([]int, len(cols))
	for i := range cols {
		dest = append(dest, &sums[i], &counts[i])
	}
	return query(ctx, g.conn, "control totals", "SELECT "+strings.Join(list, ", ")+" FROM "+stageTable+" GROUP BY file", append(dest, &earliest, &latest), func() {
		r := g.entries[file].r
		r.Earliest, r.Latest = earliest.String, latest.String
		for i, c := range cols {
			if counts[i] == 0 {
				continue
			}
			unit := c.Unit
			if unit == "" && c.Type == policy.TypeMoney {
				unit = "元"
			}
			r.Totals = append(r.Totals, Total{Column: c.ID, Header: c.Header, Unit: unit, Sum: sums[i], Rows: counts[i]})
		}
	})
}

// periodOfRows finds the period of a file that does not name one: for events the months between the 2nd and the 98th
// percentile of the event dates (a few stragglers must not claim that years are covered), else the month of receipt.
func (s *Service) periodOfRows(ctx context.Context, g *load, file int) error {
	e := g.entries[file]
	r := e.r
	r.Period = months(e.now.Year(), int(e.now.Month()), e.now.Year(), int(e.now.Month()))
	if e.replay != nil {
		r.Period = e.replay.Period
		return nil
	}
	if g.ds.Kind == policy.Event && g.ds.EventDate != "" && r.Latest != "" {
		var from, to sql.NullTime
		if err := g.conn.QueryRowContext(ctx, `SELECT quantile_disc("`+g.ds.EventDate+`", 0.02), quantile_disc("`+g.ds.EventDate+`", 0.98) FROM `+stageTable+` WHERE file = `+strconv.Itoa(file)).Scan(&from, &to); err != nil {
			return fmt.Errorf("intake: period: %w", err)
		}
		if from.Valid && to.Valid {
			if to.Time.After(r.Period.To) { // dates in the future cover nothing
				to.Time = r.Period.To
			}
			if !from.Time.After(to.Time) {
				r.Period = months(from.Time.Year(), int(from.Time.Month()), to.Time.Year(), int(to.Time.Month()))
			}
		}
	}
	r.warn("period_guessed", 1, "文件名里没有期次，按数据推定为 "+r.Period.String(), "the file name has no period; taken from the data: "+r.Period.String())
	return nil
}

// overCeiling is the refusal of a file with too many rejected rows. Where most lie in another county it says so.
func (s *Service) overCeiling(ds *policy.Dataset, r *Receipt) error {
	r.sortRejects()
	top := r.Rejects[0]
	if top.Code == "outside_scope" {
		return errs.Newf(errs.Refused,
			"整批退回：%[1]d 行中有 %[2]d 行的行政村不在 %[3]s %[4]s 内，像是别的地区的文件。请核对文件名中的区划代码",
			"the whole file is refused: %[2]d of %[1]d rows lie outside %[3]s %[4]s: this looks like another division's file. Check the division code in the file name",
			r.Rows, top.Count, r.Scope, r.ScopeName)
	}
	sample := ""
	if len(top.Samples) > 0 {
		sample = fmt.Sprintf("%d", top.Samples[0].Row)
	}
	return errs.Newf(errs.Refused,
		"整批退回：%[1]d 行中有 %[2]d 行不合格（上限 %[3]s%%），最多的原因是“%[4]s”（%[5]d 行，如第 %[7]s 行）。请按退回文件修改后重新报送",
		"the whole file is refused: %[2]d of %[1]d rows are rejected (ceiling %[3]s%%), most often: %[6]s (%[5]d rows, for example row %[7]s). Mend them by the rejects file and deliver again",
		r.Rows, r.Rejected, strconv.FormatFloat(ds.RejectCeiling*100, 'f', -1, 64), top.Text.ZH, top.Count, top.Text.EN, sample)
}
