package report

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/audit"
	"shouwang/internal/casework"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/export"
	"shouwang/internal/ledger"
	"shouwang/internal/paper"
	"shouwang/internal/policy"
	"shouwang/internal/registry"
	"shouwang/internal/residentid"
)

// LedgerKind is one of the county's ledgers.
type LedgerKind struct {
	ID      string
	Title   policy.Text
	phases  []string
	columns func() []paper.Column
	rows    func(d *Desk, e *entry) [][]any
	needs   needs
}

// needs says what a ledger reads beside the case itself.
type needs struct{ situation, papers, measures bool }

// Ledgers gives the ledgers that can be made.
func Ledgers() []LedgerKind {
	helped := []string{string(policy.PhaseSupport), string(policy.PhaseClear), string(policy.PhaseWatch)}
	return []LedgerKind{
		{"monitored", policy.Text{ZH: "防止返贫监测对象台账", EN: "Monitored households"}, helped, monitoredColumns, monitoredRows, needs{situation: true}},
		{"measures", policy.Text{ZH: "防止返贫监测对象帮扶措施台账", EN: "Measures"}, helped, measureColumns, measureRows, needs{measures: true}},
		{"checks", policy.Text{ZH: "防止返贫风险线索排查台账", EN: "Leads and visits"}, nil, checkColumns, checkRows, needs{papers: true}},
		{"problems", policy.Text{ZH: "“三保障”和饮水安全问题整改台账", EN: "Problems to be mended"}, nil, problemColumns, problemRows, needs{situation: true, measures: true}},
	}
}

// LedgerOptions choose what a ledger covers.
type LedgerOptions struct {
	Kind   string
	Under  division.Code // 0: the actor's area
	Reason string        // why persons are named; needed unless Masked
	Masked bool          // names masked, no numbers and phones: for hanging up in an office
}

// entry is one case of a ledger with what its rows need.
type entry struct {
	c casework.Case
	f *File
}

// Ledger is a ledger in memory: its layout, and its rows in the order of villages and household numbers.
type Ledger struct {
	paper.Ledger
	Kind string
	Rows [][]any
}

// Sheet collects a ledger. It needs account.CaseExport. Persons are named for a reason, which is one audit event for the whole list.
func (d *Desk) Sheet(ctx context.Context, actor account.Actor, now time.Time, o LedgerOptions, progress func(done int)) (*Ledger, error) {
	if err := actor.May(account.CaseExport); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(Ledgers(), func(k LedgerKind) bool { return k.ID == o.Kind })
	if i < 0 {
		var ids []string
		for _, k := range Ledgers() {
			ids = append(ids, k.ID)
		}
		return nil, errs.Newf(errs.Invalid, "没有台账 %[1]q，可用：%[2]s", "there is no ledger %[1]q; there are: %[2]s", o.Kind, strings.Join(ids, ", "))
	}
	kind := Ledgers()[i]
	if !o.Masked && strings.TrimSpace(o.Reason) == "" {
		return nil, errs.New(errs.Invalid, "台账含有姓名等个人信息，请写明用途；或者选择脱敏", "the ledger names persons: say what it is for, or have it masked")
	}
	if o.Masked {
		o.Reason = "脱敏台账：" + kind.Title.ZH
	}
	cases, err := d.cases(ctx, actor, now, kind, o.Under)
	if err != nil {
		return nil, err
	}
	where := o.Under
	if where == 0 {
		where = actor.Division
	}
	if err := d.noteList(ctx, actor, now, kind, where, o, len(cases)); err != nil {
		return nil, err
	}
	out := &Ledger{Kind: kind.ID, Ledger: paper.Ledger{Title: kind.Title.ZH, Columns: kind.columns(), Keys: 4,
		Subtitle: fmt.Sprintf("%s　截至 %s　共 %d 户", d.Tree.Name(where), chineseDay(casework.Civil(now).Format(time.DateOnly)), len(cases))}}
	if o.Masked {
		out.Notes = append(out.Notes, "本表已脱敏：姓名只显示姓氏，不含证件号码和电话。")
	}
	out.Notes = append(out.Notes, "“未知”表示有关部门的数据没有到，不等于零。")
	for n, c := range cases {
		e, err := d.entry(ctx, actor, now, c, kind.needs, o)
		if err != nil {
			return nil, err
		}
		out.Rows = append(out.Rows, kind.rows(d, e)...)
		if progress != nil {
			progress(n + 1)
		}
	}
	for n := range out.Rows {
		out.Rows[n][0] = n + 1
	}
	return out, nil
}

// cases lists the cases of a ledger by village and household number.
func (d *Desk) cases(ctx context.Context, actor account.Actor, now time.Time, kind LedgerKind, under division.Code) ([]casework.Case, error) {
	var all []casework.Case
	for after := ""; ; {
		page, err := d.Cases.List(ctx, actor, now, casework.Filter{Under: under, Phases: kind.phases}, after, 500)
		if err != nil {
			return nil, err
		}
		for _, c := range page.Cases {
			if kind.phases == nil || c.IdentifiedOn != "" {
				all = append(all, c)
			}
		}
		if after = page.Next; after == "" {
			break
		}
	}
	slices.SortFunc(all, func(a, b casework.Case) int {
		switch {
		case a.Division != b.Division:
			return int(min(max(a.Division-b.Division, -1), 1))
		case len(a.HouseholdNo) != len(b.HouseholdNo):
			return len(a.HouseholdNo) - len(b.HouseholdNo)
		}
		return strings.Compare(a.HouseholdNo, b.HouseholdNo)
	})
	return all, nil
}

// entry reads what a ledger needs of one case.
func (d *Desk) entry(ctx context.Context, actor account.Actor, now time.Time, c casework.Case, need needs, o LedgerOptions) (*entry, error) {
	f := d.outline(&c, now)
	e := &entry{c: c, f: f}
	conn, err := d.Warehouse.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	people, err := registry.Reveal(ctx, conn, d.Keyring, d.Pack.Roster().ID, c.Household, o.Reason, nil) // the whole list is one event
	if err != nil {
		return nil, err
	}
	d.fillMembers(f, people)
	if o.Masked {
		for i := range f.Members {
			m := &f.Members[i]
			m.Name, m.Number, m.Phone = residentid.MaskName(m.Name), "", ""
		}
	}
	if need.situation {
		if err := d.situation(ctx, f, &c); err != nil {
			return nil, err
		}
	}
	if need.papers {
		dossier, err := d.Cases.Dossier(ctx, actor, now, c.ID, "")
		if err != nil {
			return nil, err
		}
		if err := d.papers(f, dossier); err != nil {
			return nil, err
		}
	}
	if need.measures && d.Measures != nil {
		if f.Measures, err = d.Measures(ctx, actor, c.ID); err != nil {
			return nil, err
		}
	}
	return e, nil
}

func text(head string, width float64) paper.Column { return paper.Column{Head: head, Width: width} }

func centred(head string, width float64) paper.Column {
	return paper.Column{Head: head, Width: width, Align: paper.Centre}
}

func money(head string) paper.Column { return paper.Column{Head: head, Width: 24, Align: paper.Right} }

// whoColumns begin every ledger: number, village, household number, head.
func whoColumns() []paper.Column {
	return []paper.Column{centred("序号", 11), text("乡镇、村", 32), text("户编号", 36), text("户主姓名", 22)}
}

func (e *entry) who() []any {
	return []any{0, e.f.Township + e.f.Village, e.f.HouseholdNo, e.f.head().Name}
}

// monitoredColumns are in the order of the national system's collection form: who, identification, risks, the income block, the 3+1, clearing.
func monitoredColumns() []paper.Column {
	c := append(whoColumns(), text("户主证件号码", 38), text("联系电话", 26), centred("家庭人口", 13), text("户类型", 24), text("监测对象类别", 26), centred("识别监测时间", 20))
	for i := range 5 {
		c = append(c, text(fmt.Sprintf("致贫返贫风险%d", i+1), 24))
	}
	c = append(c, text("其他风险备注", 26))
	for _, r := range incomeRows() {
		c = append(c, money(r[0]))
	}
	return append(c, centred("是否住房出现安全问题", 20), centred("是否失学辍学", 18), centred("是否饮水出现安全问题", 20), centred("是否有成员未参保", 18),
		centred("劳动力", 22), text("状态", 30), text("风险消除方式", 20), centred("风险消除时间", 20))
}

// problem answers one of the national system's four questions: is something wrong with the guarantee.
func (e *entry) problem(risk string) string {
	for _, g := range e.f.Guarantees {
		if g.Risk == risk {
			return map[string]string{"否": "是", "是": "否", "未知": "未知"}[g.Met]
		}
	}
	return "未知"
}

func monitoredRows(_ *Desk, e *entry) [][]any {
	f, head := e.f, e.f.head()
	row := append(e.who(), head.Number, head.Phone, len(f.Members), f.HouseholdType, f.Category, strings.ReplaceAll(e.c.MarkedMonth, "-", ""))
	if row[len(row)-1] == "" && len(f.IdentifiedOn) >= 7 {
		row[len(row)-1] = strings.ReplaceAll(f.IdentifiedOn[:7], "-", "")
	}
	remark := ""
	for i := range 5 {
		name := ""
		if i < len(f.Risks) {
			name = f.Risks[i].Name
			if f.Risks[i].ID == "other" {
				remark = f.Risks[i].Remark
			}
		}
		row = append(row, name)
	}
	row = append(row, remark)
	for _, r := range incomeRows() {
		if v, known := f.Values[r[1]]; known {
			row = append(row, v)
		} else {
			row = append(row, "未知")
		}
	}
	row = append(row, e.problem("housing"), e.problem("education_guarantee"), e.problem("water"), e.problem("medical_guarantee"), f.LabourWords, f.State, f.ClearWay, f.ClearedOn)
	return [][]any{row}
}

func measureColumns() []paper.Column {
	return append(whoColumns(), text("致贫返贫风险", 34), text("措施类别", 24), text("措施", 36), text("针对风险", 24), text("责任单位或人", 34), centred("完成期限", 22),
		paper.Column{Head: "金额（元）", Width: 22, Align: paper.Right}, text("资金来源", 28), centred("状态", 20), centred("完成时间", 22))
}

// measureRows gives a row a measure; a household without any has one row that says so, because that is a fault to be mended.
func measureRows(_ *Desk, e *entry) [][]any {
	if len(e.f.Measures) == 0 {
		return [][]any{append(e.who(), e.f.riskNames(), "（尚无措施）")}
	}
	var rows [][]any
	for _, m := range e.f.Measures {
		var amount any
		if m.Amount > 0 {
			amount = m.Amount
		}
		rows = append(rows, append(e.who(), e.f.riskNames(), m.Block, m.Option, m.For, m.Owner, m.Due, amount, m.Source, m.State, m.Done))
	}
	return rows
}

func checkColumns() []paper.Column {
	return append(whoColumns(), centred("家庭人口", 13), centred("线索日期", 22), text("发现渠道", 26), centred("预警级别", 16), text("风险线索", 80), centred("入户日期", 22), centred("入户人数", 14),
		text("与系统不同之处", 50), text("现在的状态", 32))
}

func checkRows(_ *Desk, e *entry) [][]any {
	level := map[int]string{3: "▲红", 2: "◆黄", 1: "●蓝"}[e.c.Level]
	row := append(e.who(), len(e.f.Members), e.f.LeadOn, e.f.Channel, level, e.f.Why)
	var v Visit
	if n := len(e.f.Visits); n > 0 {
		v = e.f.Visits[n-1]
	}
	var people any
	if len(v.Visitors) > 0 {
		people = len(v.Visitors)
	}
	return [][]any{append(row, v.On, people, strings.Join(v.Found, "；"), e.f.State)}
}

func problemColumns() []paper.Column {
	return append(whoColumns(), text("问题来源", 20), centred("反馈日期", 22), text("问题描述", 50), text("牵头单位", 28), text("责任单位或人", 32), text("整改措施", 40), centred("整改时限", 22),
		centred("进展", 20), text("佐证", 24), text("乡镇核查", 24), text("县级核查", 24), centred("销号日期", 20), centred("回头看日期", 20))
}

// problemRows gives a row for each of the 3+1 that is not met. What the program does not know (who checked, when it was struck off) is room to write.
func problemRows(d *Desk, e *entry) [][]any {
	var rows [][]any
	for _, g := range e.f.Guarantees {
		if g.Met != "否" {
			continue
		}
		var what []string
		owner, due, state := "", "", "未启动"
		name := ""
		if r := d.Pack.Risk(g.Risk); r != nil {
			name = r.Name.ZH
		}
		for _, m := range e.f.Measures {
			if slices.Contains(strings.Split(m.For, "、"), name) {
				what, owner, due, state = append(what, m.Option), m.Owner, m.Due, m.State
			}
		}
		rows = append(rows, append(e.who(), "系统比对", e.f.Made.Format(time.DateOnly), strings.Join(g.Problems, "、"), "", owner, strings.Join(what, "、"), due, state))
	}
	return rows
}

// PDF sets the ledger on paper.
func (l *Ledger) PDF(font *paper.Font, made time.Time) (*paper.Doc, error) {
	doc := paper.New(font, l.Title, made)
	return doc, doc.Ledger(l.Ledger, l.Rows)
}

// Write writes the ledger as xlsx (laid out for printing, header on row 3 as in the national system's files) or csv.
func (l *Ledger) Write(w io.Writer, format string) error {
	switch format {
	case "xlsx":
		return l.WriteXLSX(w, func(yield func([]any, error) bool) {
			for _, r := range l.Rows {
				if !yield(r, nil) {
					return
				}
			}
		})
	case "csv":
		var heads []string
		for _, c := range l.Columns {
			heads = append(heads, c.Head)
		}
		out, err := export.New("csv", w, l.Title, heads)
		if err != nil {
			return err
		}
		for _, r := range l.Rows {
			if err := out.Row(append(r, make([]any, len(heads)-len(r))...)...); err != nil {
				return err
			}
		}
		return out.Close()
	}
	return errs.Newf(errs.Invalid, "没有格式 %[1]q，可用：xlsx、pdf、csv", "there is no format %[1]q; there are xlsx, pdf and csv", format)
}

// noteList notes in the audit chain who has a list made, before anything of it is read.
func (d *Desk) noteList(ctx context.Context, actor account.Actor, now time.Time, kind LedgerKind, where division.Code, o LedgerOptions, n int) error {
	return d.Ledger.Write(ctx, now, func(_ context.Context, tx *ledger.Tx) error {
		e := actor.Event(audit.Reveal, "ledger_sheet", kind.ID, where)
		if o.Masked {
			e.Action = "case.export"
		}
		e.Reason, e.Detail = o.Reason, map[string]any{"households": n, "masked": o.Masked}
		return audit.Record(tx, e)
	})
}
