package intake

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"shouwang/internal/errs"
)

// A workbook is read by a scanner of our own: it streams, works on bytes and knows only the few elements that hold values, which is
// ten times as fast as decoding every cell as an XML object. What it cannot read it refuses; it never guesses.

const (
	maxSheetRows = 1 << 20 // of the format
	maxSheetCols = 1 << 14
	xmlPiece     = 64 << 10
)

// workbook is an opened XLSX file.
type workbook struct {
	zip      *zip.Reader
	sheets   []worksheet // in the workbook's order, without chart sheets
	date1904 bool
	strings  *zip.File // shared strings; nil when there are none
	shared   []byte
	ends     []int // end of each shared string in shared
	loaded   bool
}

type worksheet struct {
	name string
	part *zip.File
}

func damagedXLSX(err error) error {
	return errs.Wrap(errs.Invalid, err, "工作簿内容损坏，读不了", "the workbook is damaged and cannot be read")
}

func openXLSX(in file) (*workbook, error) {
	data, err := readAll(in)
	if err != nil {
		return nil, err
	}
	if err := checkZip(data); err != nil {
		return nil, err
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, errs.Wrap(errs.Invalid, err, "打不开工作簿", "cannot open the workbook")
	}
	x := &workbook{zip: z}
	if err := x.directory(); err != nil {
		return nil, err
	}
	return x, nil
}

// part finds a part by name; programs differ in case and slashes.
func (x *workbook) part(name string) *zip.File {
	for _, f := range x.zip.File {
		if strings.EqualFold(strings.TrimPrefix(strings.ReplaceAll(f.Name, `\`, "/"), "/"), name) {
			return f
		}
	}
	return nil
}

// directory reads which sheets there are and where.
func (x *workbook) directory() error {
	var book struct {
		Props struct {
			Date1904 string `xml:"date1904,attr"`
		} `xml:"workbookPr"`
		Sheets []struct {
			Name string     `xml:"name,attr"`
			Attr []xml.Attr `xml:",any,attr"`
		} `xml:"sheets>sheet"`
	}
	var rels struct {
		List []struct {
			ID     string `xml:"Id,attr"`
			Type   string `xml:"Type,attr"`
			Target string `xml:"Target,attr"`
		} `xml:"Relationship"`
	}
	if err := x.decode("xl/workbook.xml", &book); err != nil {
		return err
	}
	if err := x.decode("xl/_rels/workbook.xml.rels", &rels); err != nil {
		return err
	}
	x.date1904 = book.Props.Date1904 == "1" || strings.EqualFold(book.Props.Date1904, "true")
	parts := map[string]*zip.File{}
	for _, r := range rels.List {
		target := strings.ReplaceAll(r.Target, `\`, "/")
		if strings.HasPrefix(target, "/") {
			target = strings.TrimPrefix(target, "/")
		} else {
			target = path.Join("xl", target)
		}
		switch kind := path.Base(r.Type); kind {
		case "worksheet":
			parts[r.ID] = x.part(target)
		case "sharedStrings":
			x.strings = x.part(target)
		}
	}
	for _, s := range book.Sheets {
		for _, a := range s.Attr {
			if a.Name.Local == "id" && parts[a.Value] != nil {
				x.sheets = append(x.sheets, worksheet{s.Name, parts[a.Value]})
			}
		}
	}
	return nil
}

// decode reads a small part.
func (x *workbook) decode(name string, v any) error {
	f := x.part(name)
	if f == nil {
		return damagedXLSX(errors.New("no " + name))
	}
	r, err := f.Open()
	if err != nil {
		return damagedXLSX(err)
	}
	defer r.Close()
	if err := xml.NewDecoder(io.LimitReader(r, 16<<20)).Decode(v); err != nil {
		return damagedXLSX(err)
	}
	return nil
}

// errEnough ends a reading early.
var errEnough = errors.New("enough")

// rows calls fn for each row of a sheet: the row's place (0 is the first line) and its cells as they are stored, numbers and dates as numbers. Lines that the sheet
// leaves out come as rows without cells. The cells are valid during the call. errEnough from fn ends the reading.
func (x *workbook) rows(ctx context.Context, sheet string, fn func(line int, cells [][]byte) error) error {
	var part *zip.File
	for _, s := range x.sheets {
		if s.name == sheet {
			part = s.part
		}
	}
	if part == nil {
		return damagedXLSX(errors.New("no such sheet"))
	}
	src, err := part.Open()
	if err != nil {
		return damagedXLSX(err)
	}
	defer src.Close()
	r := sheetReader{book: x, xml: xmlScan{r: io.LimitReader(src, maxUnzipped)}, fn: fn, ctx: ctx}
	err = r.read()
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// top reads the first lines of a sheet, where the header can be; rows counts those with something in them.
func (x *workbook) top(ctx context.Context, sheet string) (records [][]string, rows int, err error) {
	err = x.rows(ctx, sheet, func(_ int, cells [][]byte) error {
		record := make([]string, len(cells))
		for i, c := range cells {
			record[i] = string(c)
		}
		if len(cells) > 0 {
			rows++
		}
		if records = append(records, record); len(records) == headerLines {
			return errEnough
		}
		return nil
	})
	return records, rows, err
}

// sheetReader is one pass over a worksheet.
type sheetReader struct {
	book *workbook
	xml  xmlScan
	fn   func(int, [][]byte) error
	ctx  context.Context

	line  int   // of the next row
	total int64 // bytes of all cells so far
	text  []byte
	ends  []int // end of each cell in text
	cells [][]byte
}

func (r *sheetReader) read() error {
	inside := false
	for {
		t, err := r.xml.next()
		if err == io.EOF {
			if inside {
				return damagedXLSX(io.ErrUnexpectedEOF)
			}
			return nil
		}
		if err != nil {
			return r.failed(err)
		}
		switch string(t.name) {
		case "sheetData":
			if t.closes {
				return nil
			}
			inside = !t.empty
		case "row":
			if !inside || t.closes {
				continue
			}
			at := r.line
			if v := attribute(t.attrs, "r"); len(v) > 0 {
				n, err := strconv.Atoi(string(v))
				if err != nil || n < 1 || n > maxSheetRows {
					return damagedXLSX(errors.New("row number"))
				}
				at = max(n-1, r.line)
			}
			for r.line < at {
				if err := r.fn(r.line, nil); err != nil {
					return err
				}
				r.line++
			}
			r.text, r.ends = r.text[:0], r.ends[:0]
			if !t.empty {
				if err := r.row(); err != nil {
					return err
				}
			}
			if err := r.emit(); err != nil {
				return err
			}
		}
	}
}

func (r *sheetReader) failed(err error) error {
	if errors.Is(err, errTooLong) {
		return tooLong(r.line + 1)
	}
	return damagedXLSX(err)
}

func (r *sheetReader) emit() error {
	if r.line&1023 == 0 {
		if err := r.ctx.Err(); err != nil {
			return err
		}
	}
	// A long shared string that many cells point to makes more text than the file unpacks to.
	if r.total += int64(len(r.text)); r.total > maxUnzipped {
		return zipBomb(uint64(r.total))
	}
	r.cells = r.cells[:0]
	from := 0
	for _, end := range r.ends {
		r.cells = append(r.cells, r.text[from:end:end])
		from = end
	}
	r.line++
	return r.fn(r.line-1, r.cells)
}

// row reads the cells up to the row's end.
func (r *sheetReader) row() error {
	for {
		t, err := r.xml.next()
		if err != nil {
			return r.failed(unexpected(err))
		}
		switch {
		case t.closes && string(t.name) == "row":
			return nil
		case !t.closes && string(t.name) == "c":
			col := len(r.ends)
			if v := attribute(t.attrs, "r"); len(v) > 0 {
				n, ok := column(v)
				if !ok {
					return damagedXLSX(errors.New("cell reference"))
				}
				col = max(n, col)
			}
			if col >= maxSheetCols {
				return damagedXLSX(errors.New("too many columns"))
			}
			for len(r.ends) < col {
				r.ends = append(r.ends, len(r.text))
			}
			if !t.empty {
				if err := r.cell(cellType(attribute(t.attrs, "t"))); err != nil {
					return err
				}
			}
			if len(r.text) > maxRecord {
				return tooLong(r.line + 1)
			}
			r.ends = append(r.ends, len(r.text))
		}
	}
}

// cellType tells the types apart that are read differently.
func cellType(t []byte) byte {
	switch string(t) {
	case "s":
		return 's'
	case "inlineStr":
		return 'i'
	}
	return 'v'
}

// cell appends the value of a cell to text.
func (r *sheetReader) cell(kind byte) error {
	start := len(r.text)
	value, phonetic := false, false // inside v or t; inside a reading aid
	for {
		t, err := r.xml.next()
		if err != nil {
			return r.failed(unexpected(err))
		}
		if value && len(t.text) > 0 {
			r.text = appendXML(r.text, t.text, t.literal)
		}
		if t.literal {
			continue
		}
		switch string(t.name) {
		case "v":
			value = kind != 'i' && !t.closes && !t.empty
		case "t":
			value = kind == 'i' && !phonetic && !t.closes && !t.empty
		case "rPh":
			phonetic = !t.closes && !t.empty
		case "c":
			if !t.closes {
				return damagedXLSX(errors.New("cell within a cell"))
			}
			if kind == 's' {
				return r.share(start)
			}
			if kind == 'i' {
				r.text = unescapeBstr(r.text, start)
			}
			return nil
		}
	}
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// share replaces the index behind start by its shared string.
func (r *sheetReader) share(start int) error {
	x := r.book
	if !x.loaded {
		if err := x.loadStrings(); err != nil {
			return err
		}
	}
	if start == len(r.text) {
		return nil
	}
	n, err := strconv.Atoi(string(bytes.TrimSpace(r.text[start:])))
	if err != nil || n < 0 || n >= len(x.ends) {
		return damagedXLSX(errors.New("shared string"))
	}
	from := 0
	if n > 0 {
		from = x.ends[n-1]
	}
	r.text = append(r.text[:start], x.shared[from:x.ends[n]]...)
	return nil
}

// loadStrings reads the table of shared strings.
func (x *workbook) loadStrings() error {
	x.loaded = true
	if x.strings == nil {
		return nil
	}
	src, err := x.strings.Open()
	if err != nil {
		return damagedXLSX(err)
	}
	defer src.Close()
	s := xmlScan{r: io.LimitReader(src, maxUnzipped)}
	value, phonetic, start := false, false, 0
	for {
		t, err := s.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return damagedXLSX(err)
		}
		if value && len(t.text) > 0 {
			x.shared = appendXML(x.shared, t.text, t.literal)
		}
		if t.literal {
			continue
		}
		switch string(t.name) {
		case "t":
			value = !phonetic && !t.closes && !t.empty
		case "rPh":
			phonetic = !t.closes && !t.empty
		case "si":
			if t.closes || t.empty {
				x.shared = unescapeBstr(x.shared, start)
				start = len(x.shared)
				x.ends = append(x.ends, start)
			}
		}
	}
}

// column reads the letters of a cell reference like AB12: 0 is A.
func column(ref []byte) (int, bool) {
	n := 0
	for i, c := range ref {
		switch {
		case c >= 'A' && c <= 'Z':
			n = n*26 + int(c-'A') + 1
		case c >= 'a' && c <= 'z':
			n = n*26 + int(c-'a') + 1
		default:
			return n - 1, i > 0
		}
		if n > maxSheetCols {
			return 0, false
		}
	}
	return n - 1, n > 0
}

// xmlTag is one tag with the text before it. The slices are valid until the next one is read.
type xmlTag struct {
	text          []byte
	literal       bool   // text is a CDATA section: no tag with it
	name          []byte // without a namespace prefix
	attrs         []byte
	closes, empty bool // </name>, <name/>
}

// xmlScan cuts XML into tags.
type xmlScan struct {
	r    io.Reader
	buf  []byte
	pos  int
	done bool
}

// fill reads more behind what is there; false at the end.
func (s *xmlScan) fill() (bool, error) {
	if s.done {
		return false, nil
	}
	if s.pos > 0 {
		s.buf = s.buf[:copy(s.buf, s.buf[s.pos:])]
		s.pos = 0
	}
	if len(s.buf) > maxRecord+xmlPiece {
		return false, errTooLong
	}
	at := len(s.buf)
	if cap(s.buf)-at < xmlPiece {
		s.buf = append(make([]byte, 0, 2*cap(s.buf)+2*xmlPiece), s.buf...)
	}
	n, err := s.r.Read(s.buf[at:cap(s.buf)])
	s.buf = s.buf[:at+n]
	if err == io.EOF {
		s.done = true
		return n > 0, nil
	}
	return n > 0 || err == nil, err
}

// index finds sep behind from, reading on as needed; positions are relative to pos.
func (s *xmlScan) index(sep string, from int) (int, error) {
	for {
		if len(s.buf)-s.pos >= from {
			if i := bytes.Index(s.buf[s.pos+from:], []byte(sep)); i >= 0 {
				return from + i, nil
			}
		}
		from = max(from, len(s.buf)-s.pos-len(sep)+1)
		more, err := s.fill()
		if err != nil {
			return 0, err
		}
		if !more && s.done {
			return -1, nil
		}
	}
}

// next returns the next tag, io.EOF at the end. Comments and processing instructions are passed over.
func (s *xmlScan) next() (xmlTag, error) {
	for {
		open, err := s.index("<", 0)
		if err != nil {
			return xmlTag{}, err
		}
		if open < 0 {
			return xmlTag{}, io.EOF
		}
		if _, err := s.index(">", open); err != nil { // also makes sure that the first bytes of the tag are there
			return xmlTag{}, err
		}
		head := s.buf[s.pos+open:]
		skip := ""
		switch {
		case bytes.HasPrefix(head, []byte("<![CDATA[")):
			end, err := s.index("]]>", open+9)
			if err != nil || end < 0 {
				return xmlTag{}, unexpected(cmpErr(err))
			}
			t := xmlTag{text: s.buf[s.pos+open+9 : s.pos+end], literal: true}
			s.pos += end + 3
			return t, nil
		case bytes.HasPrefix(head, []byte("<!--")):
			skip = "-->"
		case bytes.HasPrefix(head, []byte("<?")):
			skip = "?>"
		case bytes.HasPrefix(head, []byte("<!")): // a document type could define entities
			return xmlTag{}, errors.New("document type")
		}
		if skip != "" {
			end, err := s.index(skip, open+2)
			if err != nil || end < 0 {
				return xmlTag{}, unexpected(cmpErr(err))
			}
			s.pos += end + len(skip)
			continue
		}
		end := open
		for {
			if end, err = s.index(">", end+1); err != nil || end < 0 {
				return xmlTag{}, unexpected(cmpErr(err))
			}
			if bytes.Count(s.buf[s.pos+open:s.pos+end], []byte{'"'})%2 == 0 { // not within a value
				break
			}
		}
		t := xmlTag{text: s.buf[s.pos : s.pos+open]}
		tag := s.buf[s.pos+open+1 : s.pos+end]
		s.pos += end + 1
		if len(tag) > 0 && tag[0] == '/' {
			t.closes, tag = true, tag[1:]
		}
		if n := len(tag); n > 0 && tag[n-1] == '/' {
			t.empty, tag = true, tag[:n-1]
		}
		t.name = tag
		if i := bytes.IndexAny(tag, " \t\r\n"); i >= 0 {
			t.name, t.attrs = tag[:i], tag[i:]
		}
		if i := bytes.IndexByte(t.name, ':'); i >= 0 {
			t.name = t.name[i+1:]
		}
		return t, nil
	}
}

// cmpErr is err, or the end of input where something should have come.
func cmpErr(err error) error {
	if err == nil {
		return io.ErrUnexpectedEOF
	}
	return err
}

// attribute gives an attribute's raw value, nil when there is none.
func attribute(attrs []byte, name string) []byte {
	for {
		eq := bytes.IndexByte(attrs, '=')
		if eq < 0 {
			return nil
		}
		key := bytes.TrimSpace(attrs[:eq])
		rest := bytes.TrimLeft(attrs[eq+1:], " \t\r\n")
		if len(rest) == 0 {
			return nil
		}
		end := bytes.IndexByte(rest[1:], rest[0])
		if end < 0 {
			return nil
		}
		if string(key) == name {
			return rest[1 : 1+end]
		}
		attrs = rest[end+2:]
	}
}

// appendXML appends text with its character references resolved; a reference to nothing stays as it is.
func appendXML(dst, text []byte, literal bool) []byte {
	for !literal {
		amp := bytes.IndexByte(text, '&')
		if amp < 0 {
			break
		}
		dst = append(dst, text[:amp]...)
		text = text[amp:]
		semi := bytes.IndexByte(text[:min(len(text), 12)], ';')
		if semi < 0 {
			dst, text = append(dst, '&'), text[1:]
			continue
		}
		ref := string(text[1:semi])
		r, ok := map[string]rune{"amp": '&', "lt": '<', "gt": '>', "quot": '"', "apos": '\''}[ref]
		if !ok && strings.HasPrefix(ref, "#") {
			digits, base := ref[1:], 10
			if strings.HasPrefix(digits, "x") {
				digits, base = digits[1:], 16
			}
			if n, err := strconv.ParseUint(digits, base, 32); err == nil && utf8.ValidRune(rune(n)) {
				r, ok = rune(n), true
			}
		}
		if !ok {
			dst, text = append(dst, '&'), text[1:]
			continue
		}
		dst = utf8.AppendRune(dst, r)
		text = text[semi+1:]
	}
	return append(dst, text...)
}

// unescapeBstr resolves the format's own escapes, _x000D_ for a carriage return, in the text behind start.
func unescapeBstr(text []byte, start int) []byte {
	at := bytes.Index(text[start:], []byte("_x"))
	if at < 0 {
		return text
	}
	in := append([]byte(nil), text[start:]...)
	text = text[:start]
	for {
		at := bytes.Index(in, []byte("_x"))
		if at < 0 {
			return append(text, in...)
		}
		text, in = append(text, in[:at]...), in[at:]
		if len(in) >= 7 && in[6] == '_' {
			if n, err := strconv.ParseUint(string(in[2:6]), 16, 16); err == nil && utf8.ValidRune(rune(n)) {
				text, in = utf8.AppendRune(text, rune(n)), in[7:]
				continue
			}
		}
		text, in = append(text, in[:2]...), in[2:]
	}
}
