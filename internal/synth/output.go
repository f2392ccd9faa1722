package synth

import (
	"archive/zip"
	"bufio"
	"compress/flate"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// gbTable turns UTF-8 into GB 18030: two-byte codes from a table, the few others through x/text.
type gbTable struct{ two [65536]uint16 }

func newGBTable() *gbTable {
	t := &gbTable{}
	enc := simplifiedchinese.GB18030.NewEncoder()
	var src, dst [8]byte
	for r := rune(0x80); r < 0x10000; r++ {
		if r >= 0xd800 && r <= 0xdfff {
			continue
		}
		n := utf8.EncodeRune(src[:], r)
		m, _, err := enc.Transform(dst[:], src[:n], true)
		if err == nil && m == 2 {
			t.two[r] = uint16(dst[0])<<8 | uint16(dst[1])
		}
	}
	return t
}

func (t *gbTable) append(dst, src []byte) []byte {
	for i := 0; i < len(src); {
		c := src[i]
		if c < utf8.RuneSelf {
			dst = append(dst, c)
			i++
			continue
		}
		r, n := utf8.DecodeRune(src[i:])
		if r < 0x10000 && t.two[r] != 0 {
			dst = append(dst, byte(t.two[r]>>8), byte(t.two[r]))
		} else {
			four, err := simplifiedchinese.GB18030.NewEncoder().Bytes(src[i : i+n])
			if err != nil {
				four = []byte{'?'}
			}
			dst = append(dst, four...)
		}
		i += n
	}
	return dst
}

// output is one file being written: CSV, JSON lines or XLSX. Rows come as cells, one after the other in one buffer.
type output struct {
	style   style
	file    *os.File
	w       *bufio.Writer
	count   countingWriter
	zip     *zip.Writer
	sheet   io.Writer
	gb      *gbTable
	headers []string
	line    []byte
	coded   []byte
	rows    int64
	sheetNo int
	written int64

	linkFile *os.File
	links    *bufio.Writer
	name     string
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

func createOutput(path string, s style, headers []string, title string, gb *gbTable) (*output, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	o := &output{style: s, file: file, gb: gb, headers: headers}
	o.count.w = file
	o.w = bufio.NewWriterSize(&o.count, 128<<10)
	switch s.format {
	case "xlsx":
		err = o.startSheet(title)
	case "csv":
		if s.bom {
			o.line = append(o.line, "\ufeff"...)
		}
		for i, h := range headers {
			if i > 0 {
				o.line = append(o.line, ',')
			}
			o.line = append(o.line, h...)
		}
		err = o.flushLine()
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return o, nil
}

// linkTo opens the truth about the file's rows: "name,row,household_no" lines.
func (o *output) linkTo(path, name string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	o.linkFile, o.links, o.name = f, bufio.NewWriterSize(f, 32<<10), name
	return nil
}

// link notes the household that the row just written is truly about.
func (o *output) link(no []byte) error {
	if o.links == nil {
		return nil
	}
	b := append(append(o.links.AvailableBuffer(), o.name...), ',')
	b = append(appendInt(b, o.rows), ',')
	_, err := o.links.Write(append(append(b, no...), '\n'))
	return err
}

func (o *output) row(cells []byte, ends []int, kinds []cellKind) error {
	o.rows++
	switch o.style.format {
	case "xlsx":
		return o.sheetRow(cells, ends, kinds)
	case "jsonl":
		o.line = append(o.line, '{')
		start := 0
		comma := false
		for i, end := range ends {
			b := cells[start:end]
			start = end
			if kinds[i] == cellNull {
				continue
			}
			if comma {
				o.line = append(o.line, ',')
			}
			comma = true
			o.line = appendJSON(o.line, o.headers[i])
			o.line = append(o.line, ':')
			if kinds[i] == cellNumber {
				o.line = append(o.line, b...)
			} else {
				o.line = appendJSON(o.line, string(b))
			}
		}
		o.line = append(o.line, '}')
		return o.flushLine()
	}
	start := 0
	for i, end := range ends {
		if i > 0 {
			o.line = append(o.line, ',')
		}
		b := cells[start:end]
		start = end
		if o.style.quoteAll || needsQuotes(b) {
			o.line = append(o.line, '"')
			for _, c := range b {
				if c == '"' {
					o.line = append(o.line, '"')
				}
				o.line = append(o.line, c)
			}
			o.line = append(o.line, '"')
		} else {
			o.line = append(o.line, b...)
		}
	}
	return o.flushLine()
}

func needsQuotes(b []byte) bool {
	for _, c := range b {
		if c == ',' || c == '"' || c == '\n' || c == '\r' {
			return true
		}
	}
	return false
}

func appendJSON(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		if c := s[i]; c == '"' || c == '\\' {
			b = append(b, '\\', c)
		} else {
			b = append(b, c)
		}
	}
	return append(b, '"')
}

func (o *output) flushLine() error {
	if o.style.crlf {
		o.line = append(o.line, '\r')
	}
	o.line = append(o.line, '\n')
	out := o.line
	if o.style.gb18030 {
		o.coded = o.gb.append(o.coded[:0], o.line)
		out = o.coded
	}
	o.line = o.line[:0]
	_, err := o.w.Write(out)
	return err
}

// The fixed parts of a minimal workbook. Style 1 is the built-in short date.
var workbookParts = [][2]string{
	{"[Content_Types].xml", `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/><Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/></Types>`},
	{"_rels/.rels", `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
	{"xl/workbook.xml", `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>`},
	{"xl/_rels/workbook.xml.rels", `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>`},
	{"xl/styles.xml", `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><fonts count="1"><font><sz val="11"/><name val="宋体"/></font></fonts><fills count="1"><fill><patternFill patternType="none"/></fill></fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders><cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="2"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/><xf numFmtId="14" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs></styleSheet>`},
}

func (o *output) startSheet(title string) error {
	o.zip = zip.NewWriter(o.w)
	o.zip.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	for _, p := range workbookParts {
		w, err := o.part(p[0])
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, p[1]); err != nil {
			return err
		}
	}
	w, err := o.part("xl/worksheets/sheet1.xml")
	if err != nil {
		return err
	}
	o.sheet = bufio.NewWriterSize(w, 64<<10)
	o.line = append(o.line, `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>`...)
	notes := []string{title, "填报单位（盖章）：", "单位：元、人、户", "填报说明：按月更新，涉密信息不得外传"}
	for i := range o.style.titleRows {
		o.openRow()
		o.textCell(0, []byte(notes[i]))
		o.line = append(o.line, "</row>"...)
	}
	o.openRow()
	col := 0
	if o.style.serialNo {
		o.textCell(0, []byte("序号"))
		col = 1
	}
	for i, h := range o.headers {
		o.textCell(col+i, []byte(h))
	}
	o.line = append(o.line, "</row>"...)
	return o.flushSheet()
}

// part starts a file of the archive; its time is fixed, so that the same data give the same bytes.
func (o *output) part(name string) (io.Writer, error) {
	return o.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)})
}

func (o *output) openRow() {
	o.sheetNo++
	o.line = append(o.line, `<row r="`...)
	o.line = appendInt(o.line, int64(o.sheetNo))
	o.line = append(o.line, `">`...)
}

func (o *output) cellRef(col int) {
	o.line = append(o.line, `<c r="`...)
	if col >= 26 {
		o.line = append(o.line, byte('A'+col/26-1))
	}
	o.line = append(o.line, byte('A'+col%26))
	o.line = appendInt(o.line, int64(o.sheetNo))
}

func (o *output) textCell(col int, b []byte) {
	o.cellRef(col)
	o.line = append(o.line, `" t="inlineStr"><is><t xml:space="preserve">`...)
	for _, c := range b {
		switch c {
		case '&':
			o.line = append(o.line, "&amp;"...)
		case '<':
			o.line = append(o.line, "&lt;"...)
		case '>':
			o.line = append(o.line, "&gt;"...)
		default:
			o.line = append(o.line, c)
		}
	}
	o.line = append(o.line, "</t></is></c>"...)
}

func (o *output) sheetRow(cells []byte, ends []int, kinds []cellKind) error {
	o.openRow()
	col := 0
	if o.style.serialNo {
		o.cellRef(0)
		o.line = append(o.line, `"><v>`...)
		o.line = appendInt(o.line, o.rows)
		o.line = append(o.line, "</v></c>"...)
		col = 1
	}
	start := 0
	for i, end := range ends {
		b := cells[start:end]
		start = end
		switch kinds[i] {
		case cellNull:
		case cellNumber, cellSerial:
			o.cellRef(col + i)
			if kinds[i] == cellSerial {
				o.line = append(o.line, `" s="1`...)
			}
			o.line = append(o.line, `"><v>`...)
			o.line = append(o.line, b...)
			o.line = append(o.line, "</v></c>"...)
		default:
			o.textCell(col+i, b)
		}
	}
	o.line = append(o.line, "</row>"...)
	return o.flushSheet()
}

func (o *output) flushSheet() error {
	_, err := o.sheet.Write(o.line)
	o.line = o.line[:0]
	return err
}

func (o *output) close() error {
	var first error
	keep := func(err error) {
		if first == nil && err != nil {
			first = fmt.Errorf("synth: %s: %w", o.file.Name(), err)
		}
	}
	if o.zip != nil {
		o.line = append(o.line, "</sheetData></worksheet>"...)
		keep(o.flushSheet())
		keep(o.sheet.(*bufio.Writer).Flush())
		keep(o.zip.Close())
	}
	keep(o.w.Flush())
	keep(o.file.Close())
	o.written = o.count.n
	if o.links != nil {
		keep(o.links.Flush())
		keep(o.linkFile.Close())
	}
	return first
}
