// Package export writes tables for people: CSV that Excel opens right (UTF-8 with a byte-order mark) and XLSX, both
// streamed row by row, both safe against formula injection. It knows nothing of what the cells mean.
package export

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"shouwang/internal/errs"
)

// Writer writes one table. Cells are string, int, int64, float64, bool, time.Time (a day) or nil (empty).
type Writer interface {
	Row(cells ...any) error
	// Close finishes the table. Without it the table is not complete. It doesn't close the writer below.
	Close() error
}

// New makes a writer of the named format (csv or xlsx) on w and writes the header. title names the sheet of an XLSX.
func New(format string, w io.Writer, title string, header []string) (Writer, error) {
	switch format {
	case "csv":
		return newCSV(w, header)
	case "xlsx":
		return newXLSX(w, title, header)
	}
	return nil, errs.Newf(errs.Invalid, "没有格式 %[1]q，可用：%[2]s", "there is no format %[1]q; there are: %[2]s", format, "csv, xlsx")
}

// Guard makes a text safe to stand in a CSV cell: a spreadsheet runs a cell that begins with =, +, -, @ (half or full
// width), a tab or a carriage return as a formula (OWASP, CSV injection), so such a text gets a leading apostrophe.
func Guard(s string) string {
	if s == "" {
		return s
	}
	// A spreadsheet may trim before it looks.
	switch trimmed := strings.TrimLeft(s, " \u3000\u00a0\ufeff"); {
	case s[0] == '\t' || s[0] == '\r' || s[0] == '\n':
		return "'" + s
	case trimmed == "":
		return s
	case strings.ContainsRune("=+-@＝＋－＠\t\r\n", []rune(trimmed)[0]):
		return "'" + s
	}
	return s
}

type csvWriter struct {
	csv   *csv.Writer
	buf   *bufio.Writer
	cells []string
}

func newCSV(w io.Writer, header []string) (*csvWriter, error) {
	buf := bufio.NewWriterSize(w, 1<<16)
	c := &csvWriter{csv: csv.NewWriter(buf), buf: buf}
	c.csv.UseCRLF = true // what spreadsheets write themselves
	if _, err := buf.WriteString("\ufeff"); err != nil {
		return nil, writing(err)
	}
	cells := make([]string, len(header))
	for i, h := range header {
		cells[i] = Guard(h)
	}
	return c, writing(c.csv.Write(cells))
}

func (c *csvWriter) Row(cells ...any) error {
	c.cells = c.cells[:0]
	for _, cell := range cells {
		switch v := cell.(type) {
		case nil:
			c.cells = append(c.cells, "")
		case string:
			c.cells = append(c.cells, Guard(v))
		case int:
			c.cells = append(c.cells, strconv.Itoa(v))
		case int64:
			c.cells = append(c.cells, strconv.FormatInt(v, 10))
		case float64:
			c.cells = append(c.cells, strconv.FormatFloat(v, 'f', -1, 64))
		case bool:
			c.cells = append(c.cells, strconv.FormatBool(v))
		case time.Time:
			c.cells = append(c.cells, v.Format(time.DateOnly))
		default:
			return errs.Newf(errs.Internal, "无法写出类型 %[1]T 的单元格", "cannot write a cell of type %[1]T", cell)
		}
	}
	return writing(c.csv.Write(c.cells))
}

func (c *csvWriter) Close() error {
	c.csv.Flush()
	if err := c.csv.Error(); err != nil {
		return writing(err)
	}
	return writing(c.buf.Flush())
}

// xlsxRows is the number of rows a sheet holds, header included.
const xlsxRows = 1 << 20

type xlsxWriter struct {
	w      io.Writer
	file   *excelize.File
	stream *excelize.StreamWriter
	title  string
	header []any
	sheets int
	row    int // rows written on the current sheet
	bold   int
	cells  []any
}

func newXLSX(w io.Writer, title string, header []string) (*xlsxWriter, error) {
	x := &xlsxWriter{w: w, file: excelize.NewFile(), title: title}
	bold, err := x.file.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}})
	if err != nil {
		return nil, writing(err)
	}
	x.bold = bold
	for _, h := range header {
		x.header = append(x.header, excelize.Cell{StyleID: bold, Value: h})
	}
	return x, x.sheet()
}

// sheet starts the next sheet: the first is title, further ones title 2, title 3 …
func (x *xlsxWriter) sheet() error {
	if x.stream != nil {
		if err := x.stream.Flush(); err != nil {
			return writing(err)
		}
	}
	x.sheets++
	name := x.title
	if x.sheets == 1 {
		if err := x.file.SetSheetName("Sheet1", name); err != nil {
			return writing(err)
		}
	} else {
		name = fmt.Sprintf("%s %d", x.title, x.sheets)
		if _, err := x.file.NewSheet(name); err != nil {
			return writing(err)
		}
	}
	stream, err := x.file.NewStreamWriter(name)
	if err != nil {
		return writing(err)
	}
	if err := stream.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return writing(err)
	}
	x.stream, x.row = stream, 1
	return writing(stream.SetRow("A1", x.header))
}

func (x *xlsxWriter) Row(cells ...any) error {
	if x.row == xlsxRows {
		if err := x.sheet(); err != nil {
			return err
		}
	}
	x.cells = x.cells[:0]
	for _, cell := range cells {
		if t, ok := cell.(time.Time); ok {
			cell = t.Format(time.DateOnly)
		}
		// A string cell of an XLSX is a string whatever it begins with: it is never run.
		x.cells = append(x.cells, cell)
	}
	x.row++
	return writing(x.stream.SetRow(fmt.Sprintf("A%d", x.row), x.cells))
}

func (x *xlsxWriter) Close() error {
	if err := x.stream.Flush(); err != nil {
		return writing(err)
	}
	if _, err := x.file.WriteTo(x.w); err != nil {
		return writing(err)
	}
	return writing(x.file.Close())
}

func writing(err error) error {
	if err == nil {
		return nil
	}
	return errs.Wrap(errs.Unavailable, err, "无法写出表格", "cannot write the table")
}
