package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"shouwang/internal/errs"
	"shouwang/internal/paper"
	"shouwang/internal/policy"
)

// Form is one kind of paper. A change of what it asks or says raises its version, which stands on every page: a paper that is found in a file years later
// tells by which form it was made.
type Form struct {
	ID      string
	No      string // of the form, as printed
	Version int
	Title   policy.Text
	write   func(w *sheet, f *File)
}

// Forms gives the forms in the order of the procedure.
func Forms() []Form {
	return []Form{
		{"information", "SW-01", 1, policy.Text{ZH: "防止返贫监测对象信息采集表", EN: "Information sheet"}, writeInformation},
		{"verification", "SW-02", 1, policy.Text{ZH: "防止返贫风险线索入户核查表", EN: "Verification form"}, writeVerification},
		{"authorisation", "SW-03", 1, policy.Text{ZH: "防止返贫监测对象申请及承诺授权查询书", EN: "Application, promise and authorisation letter"}, writeAuthorisation},
		{"minutes", "SW-04", 1, policy.Text{ZH: "民主评议会议记录", EN: "Minutes of the village appraisal"}, writeMinutes},
		{"decision", "SW-06", 1, policy.Text{ZH: "防止返贫监测对象审核认定表", EN: "Review and decision"}, writeDecision},
		{"plan", "SW-07", 1, policy.Text{ZH: "防止返贫监测对象帮扶计划（一户一策）", EN: "Plan of support"}, writePlan},
		{"clearing", "SW-08", 1, policy.Text{ZH: "防止返贫监测对象风险消除审批表", EN: "Clearing form"}, writeClearing},
	}
}

// formByID finds a form.
func formByID(id string) (Form, error) {
	var ids []string
	for _, f := range Forms() {
		if f.ID == id {
			return f, nil
		}
		ids = append(ids, f.ID)
	}
	all := strings.Join(append(ids, noticeForm), ", ")
	return Form{}, errs.Newf(errs.Invalid, "没有表格 %[1]q，可用：%[2]s", "there is no form %[1]q; there are: %[2]s", id, all)
}

// Write sets a form of a case as a PDF document.
func Write(font *paper.Font, form string, f *File) (*paper.Doc, error) {
	kind, err := formByID(form)
	if err != nil {
		return nil, err
	}
	d := paper.New(font, kind.Title.ZH, f.Made)
	w := &sheet{Flow: d.Flow(paper.Layout{
		Margin: 18,
		Header: "个案 " + f.CaseNo + "　户编号 " + f.HouseholdNo,
		Footer: fmt.Sprintf("表 %s 第 %d 版　%s 由守望系统生成", kind.No, kind.Version, chineseDay(f.Made.Format(time.DateOnly))),
	})}
	w.Title(kind.Title.ZH)
	kind.write(w, f)
	w.Close()
	return d, nil
}

// sheet is a flow with the pieces that forms are made of.
type sheet struct{ *paper.Flow }

// under sets the line below a title: who fills it in, and when.
func (w *sheet) under(parts ...string) {
	w.Paragraph(strings.Join(parts, "　　"), paper.Para{Size: 10, Align: paper.Centre, After: 2})
}

func (w *sheet) text(s string) {
	w.Paragraph(s, paper.Para{Size: 11, Indent: true, Align: paper.Justify, After: 1.2})
}

// label and value are the two kinds of cell of a form.
func label(s string) paper.Cell { return paper.Cell{Text: s, Label: true, Align: paper.Centre} }

func value(s string) paper.Cell { return paper.Cell{Text: s} }

func wide(s string, span int, height float64) paper.Cell {
	return paper.Cell{Text: s, Span: span, Height: height}
}

// pairs makes rows of two label-value pairs each.
func pairs(fields ...string) [][]paper.Cell {
	var rows [][]paper.Cell
	for i := 0; i < len(fields); i += 4 {
		row := []paper.Cell{label(fields[i]), value(fields[i+1])}
		if i+3 < len(fields) {
			row = append(row, label(fields[i+2]), value(fields[i+3]))
		} else {
			row[1].Span = 3
		}
		rows = append(rows, row)
	}
	return rows
}

// quads are the shares of a form of two label-value pairs a row.
func quads() []float64 { return []float64{2.5, 3.8, 2.5, 3.8} }

// grid sets a form of two pairs a row.
func (w *sheet) grid(rows ...[]paper.Cell) {
	w.Table(paper.Table{Columns: quads(), Rows: rows})
}

// list sets a table with a header.
func (w *sheet) list(columns []float64, head []string, rows [][]string, blank int, centre ...int) {
	t := paper.Table{Columns: columns, Size: 9.5}
	var cells []paper.Cell
	for _, h := range head {
		cells = append(cells, paper.Cell{Text: h, Label: true, Bold: true, Align: paper.Centre})
	}
	t.Header = [][]paper.Cell{cells}
	for len(rows) < blank {
		rows = append(rows, make([]string, len(head))) // to write by hand
	}
	for _, row := range rows {
		cells := make([]paper.Cell, len(row))
		for i, s := range row {
			cells[i] = paper.Cell{Text: s}
			if slices.Contains(centre, i) {
				cells[i].Align = paper.Centre
			}
		}
		t.Rows = append(t.Rows, cells)
	}
	w.Table(t)
}

// signatures sets places to sign, side by side, kept together.
func (w *sheet) signatures(who ...string) {
	w.Need(4 + 9.5*float64(len(who)))
	w.Space(4)
	for _, s := range who {
		w.Paragraph(s+"　____________________　　　　　　　年　　月　　日", paper.Para{Size: 11, Align: paper.Right, After: 3})
	}
}

// opinionRow is an office's opinion with room for its seal.
func opinionRow(title string, o *Opinion) []paper.Cell {
	text, day := "", "年　　月　　日"
	if o != nil {
		text = o.Text
		if o.DocumentNo != "" {
			text = strings.TrimSpace(text + "　文号：" + o.DocumentNo)
		}
		if o.On != "" {
			day = chineseDay(o.On)
		}
	}
	return []paper.Cell{label(title), {Text: text + "\n\n　　　　　　　　　　　　　　　　（盖章）　　　" + day, Span: 3, Height: 20}}
}

// tick is a box to be ticked, ticked when it is so.
func tick(on bool, s string) string {
	if on {
		return "☑\u00a0" + s
	}
	return "☐\u00a0" + s
}

// ticks sets all choices in a row, with the one that is so ticked.
func ticks(is string, choices ...string) string {
	out := make([]string, len(choices))
	for i, c := range choices {
		out[i] = tick(c == is, c)
	}
	return strings.Join(out, "　")
}

// chineseDay is a day in words: 2026年11月24日. What is no day stays as it is.
func chineseDay(day string) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return fmt.Sprintf("%d年%d月%d日", t.Year(), t.Month(), t.Day())
}

// count is a number, empty when it is not known.
func count(n int, unit string) string {
	if n < 0 {
		return ""
	}
	return strconv.Itoa(n) + unit
}

// or is s, or room to write by hand.
func or(s, blank string) string {
	if s == "" {
		return blank
	}
	return s
}

// committee is the committee of a village or a community.
func committee(village string) string {
	switch {
	case strings.HasSuffix(village, "村"):
		return village + "民委员会"
	case strings.HasSuffix(village, "社区"):
		return village + "居民委员会"
	case strings.HasSuffix(village, "委会"), village == "":
		return village
	}
	return village + "村（居）民委员会"
}
