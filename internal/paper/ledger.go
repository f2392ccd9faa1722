package paper

import (
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"time"

	"github.com/xuri/excelize/v2"

	"shouwang/internal/errs"
)

// Column is a column of a ledger.
type Column struct {
	Head  string
	Width float64 // mm on paper
	Align Align
}

// Ledger is a long table with a title: on paper and as a workbook it looks the same. Cells of its rows are string, int, int64,
// float64, time.Time (a day) or nil.
type Ledger struct {
	Title, Subtitle string
	Columns         []Column
	Keys            int // leading columns that are repeated where a wide ledger goes over several sheets side by side
	Notes           []string
	Watermark       string
}

// cellText is what stands in a cell on paper.
func cellText(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case int:
		return strconv.Itoa(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case time.Time:
		return v.Format(time.DateOnly), nil
	}
	return "", errs.Newf(errs.Internal, "无法排印类型 %[1]T 的单元格", "cannot set a cell of type %[1]T", v)
}

// bands splits the columns so that each band, keys included, is no wider than width.
func (l *Ledger) bands(width float64) [][]int {
	keys := 0.0
	for _, c := range l.Columns[:l.Keys] {
		keys += c.Width
	}
	var out [][]int
	var band []int
	used := keys
	for i := l.Keys; i < len(l.Columns); i++ {
		if used+l.Columns[i].Width > width && len(band) > 0 {
			out, band, used = append(out, band), nil, keys
		}
		band, used = append(band, i), used+l.Columns[i].Width
	}
	return append(out, band)
}

// Ledger sets a ledger on landscape pages. A ledger wider than a page is set in parts, each with the key columns in front.
func (d *Doc) Ledger(l Ledger, rows [][]any) error {
	f := d.Flow(Layout{Landscape: true, Margin: 14, Footer: l.Title + "　" + l.Subtitle, Watermark: l.Watermark})
	f.Title(l.Title)
	if l.Subtitle != "" {
		f.Paragraph(l.Subtitle, Para{Size: 9.5, Colour: Muted, Align: Centre, After: 2})
	}
	bands := l.bands(f.width())
	for b, band := range bands {
		columns := make([]int, 0, l.Keys+len(band))
		for i := range l.Keys {
			columns = append(columns, i)
		}
		columns = append(columns, band...)
		if b > 0 {
			f.Break()
		}
		if len(bands) > 1 {
			f.Paragraph(fmt.Sprintf("第 %d 部分，共 %d 部分", b+1, len(bands)), Para{Size: 8.5, Colour: Muted, After: 1})
		}
		t := Table{Size: 8.5}
		var head []Cell
		for _, c := range columns {
			t.Columns = append(t.Columns, l.Columns[c].Width)
			head = append(head, Cell{Text: l.Columns[c].Head, Label: true, Bold: true, Align: Centre})
		}
		t.Header = [][]Cell{head}
		for _, values := range rows {
			var cells []Cell
			for _, c := range columns {
				var v any
				if c < len(values) {
					v = values[c]
				}
				text, err := cellText(v)
				if err != nil {
					return err
				}
				cells = append(cells, Cell{Text: text, Align: l.Columns[c].Align})
			}
			t.Rows = append(t.Rows, cells)
		}
		if len(rows) == 0 {
			t.Rows = [][]Cell{{{Text: "（无）", Span: len(columns), Align: Centre}}}
		}
		f.Table(t)
	}
	for _, note := range l.Notes {
		f.Space(1.5)
		f.Paragraph(note, Para{Size: 8.5, Colour: Muted})
	}
	f.Close()
	return nil
}

// WriteXLSX writes a ledger as a workbook laid out for printing: title over the columns, header repeated on every printed page,
// A4 across, page numbers. A text is always a text, whatever it begins with: a spreadsheet never runs it.
func (l Ledger) WriteXLSX(w io.Writer, rows iter.Seq2[[]any, error]) (err error) {
	file := excelize.NewFile()
	defer file.Close()
	x := ledgerBook{Ledger: l, file: file, sheet: "Sheet1"}
	for _, step := range []func() error{x.styles, x.page, x.head, func() error { return x.body(rows) }} {
		if err := step(); err != nil {
			return bookError(err)
		}
	}
	_, err = file.WriteTo(w)
	return bookError(err)
}

func bookError(err error) error {
	if err == nil || errs.KindOf(err) != errs.Internal {
		return err
	}
	return errs.Wrap(errs.Unavailable, err, "无法写出表格", "cannot write the workbook")
}

type ledgerBook struct {
	Ledger
	file                       *excelize.File
	stream                     *excelize.StreamWriter
	sheet                      string
	title, sub, headers, plain int
	aligned                    [4]int
	row                        int
}

func (x *ledgerBook) styles() (err error) {
	border := []excelize.Border{}
	for _, side := range []string{"left", "top", "right", "bottom"} {
		border = append(border, excelize.Border{Type: side, Style: 1, Color: "8A94A3"})
	}
	style := func(s *excelize.Style) int {
		if err != nil {
			return 0
		}
		var id int
		id, err = x.file.NewStyle(s)
		return id
	}
	const family = "宋体"
	x.title = style(&excelize.Style{Font: &excelize.Font{Bold: true, Size: 16, Family: family}, Alignment: &excelize.Alignment{Horizontal: "center", Vertical: "center"}})
	x.sub = style(&excelize.Style{Font: &excelize.Font{Size: 10, Color: "5B6B82", Family: family}, Alignment: &excelize.Alignment{Horizontal: "center", Vertical: "center"}})
	x.headers = style(&excelize.Style{Font: &excelize.Font{Bold: true, Size: 10, Family: family}, Border: border, Fill: excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"F1F3F6"}},
		Alignment: &excelize.Alignment{Horizontal: "center", Vertical: "center", WrapText: true}})
	for align, name := range []string{Left: "left", Centre: "center", Right: "right", Justify: "left"} {
		x.aligned[align] = style(&excelize.Style{Font: &excelize.Font{Size: 10, Family: family}, Border: border,
			Alignment: &excelize.Alignment{Horizontal: name, Vertical: "center", WrapText: true}})
	}
	x.plain = style(&excelize.Style{Font: &excelize.Font{Size: 9, Color: "5B6B82", Family: family}})
	return err
}

func (x *ledgerBook) page() error {
	portrait := "landscape"
	paperA4, wide, tall := 9, 1, 0
	if err := x.file.SetPageLayout(x.sheet, &excelize.PageLayoutOptions{Orientation: &portrait, Size: &paperA4, FitToWidth: &wide, FitToHeight: &tall}); err != nil {
		return err
	}
	fit := true
	if err := x.file.SetSheetProps(x.sheet, &excelize.SheetPropsOptions{FitToPage: &fit}); err != nil {
		return err
	}
	if err := x.file.SetHeaderFooter(x.sheet, &excelize.HeaderFooterOptions{OddFooter: "&R第 &P 页 共 &N 页"}); err != nil {
		return err
	}
	return x.file.SetDefinedName(&excelize.DefinedName{Name: "_xlnm.Print_Titles", RefersTo: fmt.Sprintf("%s!$1:$%d", x.sheet, x.headerRow()), Scope: x.sheet})
}

// headerRow is 3: title, what the ledger covers, header; as in the files that the national system gives out.
func (x *ledgerBook) headerRow() int { return 3 }

func (x *ledgerBook) head() (err error) {
	if x.stream, err = x.file.NewStreamWriter(x.sheet); err != nil {
		return err
	}
	for i, c := range x.Columns {
		if err := x.stream.SetColWidth(i+1, i+1, max(6, c.Width*0.52)); err != nil {
			return err
		}
	}
	if err := x.stream.SetPanes(&excelize.Panes{Freeze: true, XSplit: x.Keys, YSplit: x.headerRow(), TopLeftCell: cellName(x.Keys+1, x.headerRow()+1), ActivePane: "bottomRight"}); err != nil {
		return err
	}
	if err := x.stream.SetRow("A1", []any{excelize.Cell{StyleID: x.title, Value: x.Title}}, excelize.RowOpts{Height: 28}); err != nil {
		return err
	}
	if err := x.stream.SetRow("A2", []any{excelize.Cell{StyleID: x.sub, Value: x.Subtitle}}, excelize.RowOpts{Height: 18}); err != nil {
		return err
	}
	for _, at := range []int{1, 2} {
		if len(x.Columns) > 1 {
			if err := x.stream.MergeCell(cellName(1, at), cellName(len(x.Columns), at)); err != nil {
				return err
			}
		}
	}
	var head []any
	for _, c := range x.Columns {
		head = append(head, excelize.Cell{StyleID: x.headers, Value: c.Head})
	}
	x.row = x.headerRow()
	return x.stream.SetRow(cellName(1, x.row), head, excelize.RowOpts{Height: 32})
}

func (x *ledgerBook) body(rows iter.Seq2[[]any, error]) error {
	for values, err := range rows {
		if err != nil {
			return err
		}
		x.row++
		cells := make([]any, len(x.Columns))
		for i, c := range x.Columns {
			var v any
			if i < len(values) {
				v = values[i]
			}
			if t, ok := v.(time.Time); ok {
				v = t.Format(time.DateOnly)
			}
			cells[i] = excelize.Cell{StyleID: x.aligned[c.Align], Value: v}
		}
		if err := x.stream.SetRow(cellName(1, x.row), cells); err != nil {
			return err
		}
	}
	for _, note := range x.Notes {
		x.row++
		if err := x.stream.SetRow(cellName(1, x.row), []any{excelize.Cell{StyleID: x.plain, Value: note}}); err != nil {
			return err
		}
	}
	return x.stream.Flush()
}

func cellName(column, row int) string {
	name := []byte{}
	for ; column > 0; column = (column - 1) / 26 {
		name = append(name, byte('A'+(column-1)%26))
	}
	slices.Reverse(name)
	return string(name) + strconv.Itoa(row)
}
