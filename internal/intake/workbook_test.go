package intake

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"
	"pgregory.net/rapid"

	"shouwang/internal/errs"
)

func bytesFile(name string, data []byte) file {
	return file{name: name, size: int64(len(data)), open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}
}

// read gives all rows of a sheet.
func (x *workbook) read(sheet string) (out [][]string, err error) {
	err = x.rows(context.Background(), sheet, func(line int, cells [][]byte) error {
		if line != len(out) {
			return fmt.Errorf("line %d behind %d", line, len(out)-1)
		}
		row := []string{}
		for _, c := range cells {
			row = append(row, string(c))
		}
		out = append(out, row)
		return nil
	})
	return out, err
}

// TestWorkbookOracle: what excelize writes is read as excelize reads it.
func TestWorkbookOracle(t *testing.T) {
	words := []any{"", nil, "张三", "a&b <c> \"d\" 'e'", " 前后空格 ", "第一行\n第二行", "_x0041_", "x_x", "52010219910730399X", 0, -1.5, 123456789012345, 1e21, true, false, "😀", "\t", "=1+1"}
	rapid.Check(t, func(rt *rapid.T) {
		x := excelize.NewFile()
		defer x.Close()
		x.SetSheetName("Sheet1", "数据 & 表")
		stream := rapid.Bool().Draw(rt, "stream")
		var sw *excelize.StreamWriter
		if stream {
			var err error
			if sw, err = x.NewStreamWriter("数据 & 表"); err != nil {
				rt.Fatal(err)
			}
		}
		line := 1
		for range rapid.IntRange(1, 6).Draw(rt, "rows") {
			line += rapid.IntRange(0, 3).Draw(rt, "gap")
			cell, _ := excelize.CoordinatesToCellName(rapid.IntRange(1, 30).Draw(rt, "from"), line)
			var row []any
			for range rapid.IntRange(0, 5).Draw(rt, "cells") {
				row = append(row, rapid.SampledFrom(words).Draw(rt, "value"))
			}
			var err error
			if stream {
				err = sw.SetRow(cell, row)
			} else {
				err = x.SetSheetRow("数据 & 表", cell, &row)
			}
			if err != nil {
				rt.Fatal(err)
			}
			line++
		}
		if stream {
			if err := sw.Flush(); err != nil {
				rt.Fatal(err)
			}
		}
		var b bytes.Buffer
		if err := x.Write(&b); err != nil {
			rt.Fatal(err)
		}
		y, err := excelize.OpenReader(bytes.NewReader(b.Bytes()))
		if err != nil {
			rt.Fatal(err)
		}
		defer y.Close()
		it, err := y.Rows("数据 & 表")
		if err != nil {
			rt.Fatal(err)
		}
		trim := func(rows [][]string) [][]string { // rows and cells at the end that hold nothing
			for i, r := range rows {
				for len(r) > 0 && r[len(r)-1] == "" {
					r = r[:len(r)-1]
				}
				rows[i] = append([]string{}, r...)
			}
			for len(rows) > 0 && len(rows[len(rows)-1]) == 0 {
				rows = rows[:len(rows)-1]
			}
			return rows
		}
		var want [][]string
		for it.Next() {
			cells, err := it.Columns(excelize.Options{RawCellValue: true})
			if err != nil {
				rt.Fatal(err)
			}
			want = append(want, cells)
		}
		own, err := openXLSX(bytesFile("x.xlsx", b.Bytes()))
		if err != nil {
			rt.Fatal(err)
		}
		if len(own.sheets) != 1 || own.sheets[0].name != "数据 & 表" {
			rt.Fatalf("sheets %+v", own.sheets)
		}
		got, err := own.read("数据 & 表")
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(trim(want), trim(got)); diff != "" {
			rt.Fatalf("stream %v\n%s", stream, diff)
		}
	})
}

// bookOf packs a worksheet's XML, as other programs write it.
func bookOf(t testing.TB, sheet, shared string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, p := range [][2]string{
		{"xl/workbook.xml", `<?xml version="1.0"?><x:workbook xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><x:workbookPr date1904="true"/><x:sheets><x:sheet name="图" sheetId="1" r:id="rId9"/><x:sheet name="表" sheetId="2" r:id="rId1"/></x:sheets></x:workbook>`},
		{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="/xl/worksheets/Sheet1.xml"/>` +
			`<Relationship Id="rId9" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/chartsheet" Target="chartsheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" Target="sharedStrings.xml"/></Relationships>`},
		{"xl/worksheets/sheet1.xml", sheet}, {"xl/sharedStrings.xml", shared},
	} {
		w, err := z.Create(p[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, p[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestWorkbookForms: namespaces, rich text, reading aids, comments, CDATA, cells without references, single quotes, a ">" in an attribute.
func TestWorkbookForms(t *testing.T) {
	data := bookOf(t, `<?xml version="1.0" encoding="UTF-8"?><!-- a > b --><x:worksheet><x:dimension ref="A1:C9"/><x:sheetData>
<x:row r='2' spans="1:3" note="a>b"><x:c r="B2" t="s"><x:v>1</x:v></x:c><x:c t="inlineStr"><x:is><x:r><x:t>富</x:t></x:r><x:r><x:t xml:space="preserve"> 文本&#x41;</x:t></x:r><x:rPh><x:t>フ</x:t></x:rPh></x:is></x:c></x:row>
<x:row><x:c r="A3"><x:f>1+1</x:f><x:v>2</x:v></x:c><x:c r="C3" t="str"><x:v><![CDATA[<&>]]></x:v></x:c><x:c r="D3" s="1"/><x:c t="s"><x:v> 0 </x:v></x:c></x:row><x:row r="4"/></x:sheetData><x:sheetData/></x:worksheet>`,
		`<sst><si><t>零</t></si><si><r><t>一&amp;</t></r><r><t>二_x000D_</t></r><rPh sb="0"><t>いち</t></rPh></si></sst>`)
	x, err := openXLSX(bytesFile("x.xlsx", data))
	if err != nil {
		t.Fatal(err)
	}
	if !x.date1904 || len(x.sheets) != 1 {
		t.Errorf("%+v", x.sheets)
	}
	got, err := x.read("表")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{}, {"", "一&二\r", "富 文本A"}, {"2", "", "<&>", "", "零"}, {}}, got); diff != "" {
		t.Error(diff)
	}
}

// TestWorkbookHostile: a clear error for what no program writes.
func TestWorkbookHostile(t *testing.T) {
	open := func(data []byte) error {
		x, err := openXLSX(bytesFile("x.xlsx", data))
		if err == nil {
			_, err = x.read("表")
		}
		return err
	}
	head, tail := `<worksheet><sheetData>`, `</sheetData></worksheet>`
	for name, sheet := range map[string]string{
		"entities":      `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]>` + head + tail,
		"row 0":         head + `<row r="0"><c><v>1</v></c></row>` + tail,
		"row too far":   head + `<row r="1048577"><c><v>1</v></c></row>` + tail,
		"huge row":      head + `<row r="99999999999999999999"><c><v>1</v></c></row>` + tail,
		"column":        head + `<row r="1"><c r="ZZZZ1"><v>1</v></c></row>` + tail,
		"no column":     head + `<row r="1"><c r="11"><v>1</v></c></row>` + tail,
		"string 7":      head + `<row r="1"><c t="s"><v>7</v></c></row>` + tail,
		"string -1":     head + `<row r="1"><c t="s"><v>-1</v></c></row>` + tail,
		"cut in a cell": head + `<row r="1"><c><v>1`,
		"cut in a tag":  head + `<row r="1"><c r="A`,
		"cut in rows":   head + `<row r="1"><c><v>1</v></c></row>`,
		"nested cells":  head + `<row r="1"><c><v>1</v><c><v>2</v></c></c></row>` + tail,
		"long value":    head + `<row r="1"><c t="str"><v>` + strings.Repeat("字", 500_000) + `</v></c></row>` + tail,
		"long row":      head + `<row r="1">` + strings.Repeat(`<c t="str"><v>`+strings.Repeat("x", 1000)+`</v></c>`, 2000) + `</row>` + tail,
		"long tag":      head + `<row r="` + strings.Repeat("1", 3<<20) + `">` + tail,
	} {
		err := open(bookOf(t, sheet, `<sst><si><t>零</t></si></sst>`))
		if errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	whole := bookOf(t, head+`<row r="1"><c t="s"><v>0</v></c></row>`+tail, `<sst><si><t>零</t></si></sst>`)
	if err := open(whole); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{10, len(whole) / 2, len(whole) - 1} {
		if err := open(whole[:n]); errs.KindOf(err) != errs.Invalid {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
}

// TestWorkbookOfOneString: a long string that very many cells point to unpacks to more than the file does; the reading stops.
func TestWorkbookOfOneString(t *testing.T) {
	var sheet strings.Builder
	sheet.WriteString("<worksheet><sheetData>")
	for i := range 3000 {
		fmt.Fprintf(&sheet, `<row r="%d"><c t="s"><v>0</v></c></row>`, i+1)
	}
	sheet.WriteString("</sheetData></worksheet>")
	x, err := openXLSX(bytesFile("x.xlsx", bookOf(t, sheet.String(), "<sst><si><t>"+strings.Repeat("x", 900<<10)+"</t></si></sst>")))
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	err = x.rows(context.Background(), "表", func(int, [][]byte) error { rows++; return nil })
	if errs.KindOf(err) != errs.Refused || rows > 1200 {
		t.Errorf("%d rows, %v", rows, err)
	}
}

// FuzzWorkbook: whatever a worksheet holds, it is read or refused.
func FuzzWorkbook(f *testing.F) {
	f.Add(`<worksheet><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c t="inlineStr"><is><t>x&lt;</t></is></c></row></sheetData></worksheet>`, `<sst><si><t>a</t></si></sst>`)
	f.Add(`<a><![CDATA[]]><!-- --><?x?><sheetData><row><c><v>&#x;&#999999999;&</v></c></row>`, `<si/>`)
	f.Fuzz(func(t *testing.T, sheet, shared string) {
		x, err := openXLSX(bytesFile("x.xlsx", bookOf(t, sheet, shared)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := x.read("表"); err != nil && errs.KindOf(err) != errs.Invalid {
			t.Fatal(err)
		}
	})
}
