package intake

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"

	"shouwang/internal/errs"
	"shouwang/internal/warehouse"
)

// form is how a file is written.
type form string

const (
	formCSV     form = "csv"
	formJSON    form = "jsonl"
	formXLSX    form = "xlsx"
	formParquet form = "parquet"
)

// encoding of a text file.
type encoding string

const (
	encUTF8    encoding = "utf-8"
	encGB18030 encoding = "gb18030"
)

// Limits on what a workbook may unpack to. A worksheet of a million rows and twenty columns is about 700 MiB of XML;
// unpacking stays in memory, because a temporary file would hold personal data in plain.
const (
	maxUnzipped  = 1 << 30
	maxZipRatio  = 400
	ratioApplies = 64 << 20 // below this size a high ratio does no harm
)

// file is where the bytes of a delivery come from: the department's file, or the archive when the warehouse is rebuilt.
type file struct {
	name string // file name as delivered
	path string // of the file itself; "" for the archive
	size int64
	open func() (io.ReadCloser, error)
}

func localFile(path string) (file, error) {
	st, err := os.Stat(path)
	if err != nil {
		return file{name: filepath.Base(path), path: path}, errs.Wrap(errs.NotFound, err, "找不到或打不开文件", "the file is not there or cannot be opened")
	}
	if !st.Mode().IsRegular() {
		return file{name: filepath.Base(path), path: path}, errs.New(errs.Invalid, "不是普通文件", "not a regular file")
	}
	return file{name: filepath.Base(path), path: path, size: st.Size(), open: func() (io.ReadCloser, error) { return os.Open(path) }}, nil
}

// probe is what the first look at a file found.
type probe struct {
	file
	form     form
	encoding encoding
	ascii    bool // the part looked at has ASCII only: the encoding is still open
	delim    byte
	offset   int64 // CSV: where the data behind the header begin
	match    match
	sheet    string
	dates    dateForms
	notes    []Note
}

// look opens a file, finds its form by content, and matches its header to a contract.
func (s *Service) look(ctx context.Context, in file, only string) (*probe, error) {
	p := &probe{file: in}
	if in.size == 0 {
		return p, errs.New(errs.Invalid, "文件是空的", "the file is empty")
	}
	f, err := in.open()
	if err != nil {
		return p, errs.Wrap(errs.NotFound, err, "打不开文件", "cannot open the file")
	}
	defer f.Close()
	head := make([]byte, 64<<10)
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.ErrUnexpectedEOF {
		return p, errs.Wrap(errs.Internal, err, "读文件出错", "cannot read the file")
	}
	head = head[:n]
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06")):
		p.form = formXLSX
		return p, s.lookXLSX(ctx, p, only)
	case bytes.HasPrefix(head, []byte("PAR1")):
		p.form = formParquet
		return p, s.lookParquet(ctx, p, only)
	case bytes.HasPrefix(head, []byte("\xD0\xCF\x11\xE0")):
		return p, errs.New(errs.Invalid, "这是旧格式（.xls）或加了密码的工作簿，请另存为不加密的 .xlsx 或 CSV", "this is an old .xls or a password-protected workbook: save it as .xlsx without a password, or as CSV")
	case bytes.HasPrefix(head, []byte("\x1F\x8B")), bytes.HasPrefix(head, []byte("Rar!")), bytes.HasPrefix(head, []byte("7z\xBC\xAF")):
		return p, errs.New(errs.Invalid, "这是压缩包，请解压后再交", "this is an archive: unpack it first")
	case bytes.HasPrefix(head, []byte("%PDF")):
		return p, errs.New(errs.Invalid, "这是 PDF 文件，请交表格文件", "this is a PDF: deliver a table")
	}
	if err := rejectUTF16(head); err != nil {
		return p, err
	}
	body := bytes.TrimPrefix(head, []byte("\xEF\xBB\xBF"))
	bom := len(body) < len(head)
	if len(bytes.TrimSpace(body)) == 0 && int64(n) == in.size {
		return p, errs.New(errs.Invalid, "文件是空的（只有空白）", "the file is empty (white space only)")
	}
	if bytes.IndexByte(body, '\n') < 0 && bytes.IndexByte(bytes.TrimRight(body, "\r"), '\r') >= 0 {
		return p, errs.New(errs.Invalid, "文件的行尾只有回车（老式 Mac 格式），请另存为普通的 CSV（行尾为换行）", "the file's lines end in carriage returns only (old Mac form): save it as an ordinary CSV, with line feeds")
	}
	if t := bytes.TrimLeft(body, " \t\r\n"); len(t) > 0 && (t[0] == '{' || t[0] == '[') {
		if t[0] == '[' {
			return p, errs.New(errs.Invalid, "这是一个 JSON 数组，请改为每行一个对象（JSON lines）", "this is one JSON array: write one object a line (JSON lines)")
		}
		p.form = formJSON
		return p, s.lookJSON(p, io.MultiReader(bytes.NewReader(head), f), only)
	}
	p.form = formCSV
	return p, s.lookCSV(p, io.MultiReader(bytes.NewReader(head), f), bom, only)
}

// rejectUTF16 recognises UTF-16 (and other binary files) by byte-order marks and NUL bytes.
func rejectUTF16(head []byte) error {
	if bytes.HasPrefix(head, []byte("\xFF\xFE")) || bytes.HasPrefix(head, []byte("\xFE\xFF")) {
		return errs.New(errs.Invalid, "文件是 UTF-16（“Unicode 文本”）编码，请另存为 UTF-8 或 GB18030 的 CSV", "the file is UTF-16 (“Unicode text”): save it as CSV in UTF-8 or GB18030")
	}
	var nul [2]int // at even and odd places
	for i, c := range head {
		if c == 0 {
			nul[i%2]++
		}
	}
	switch {
	case nul[0]+nul[1] == 0:
		return nil
	case nul[0]+nul[1] >= 4 && (nul[0] == 0 || nul[1] == 0): // the high bytes of ASCII characters
		return errs.New(errs.Invalid, "文件像是 UTF-16 编码，请另存为 UTF-8 或 GB18030 的 CSV", "the file looks like UTF-16: save it as CSV in UTF-8 or GB18030")
	}
	return errs.New(errs.Invalid, "文件里有二进制内容，不是表格文件", "the file has binary content: it is not a table")
}

// firstLines is the part of b where the header can be.
func firstLines(b []byte) []byte {
	end := 0
	for range headerLines {
		i := bytes.IndexByte(b[end:], '\n')
		if i < 0 {
			return b
		}
		end += i + 1
	}
	return b[:end]
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// decodeGB decodes GB18030 strictly; ok is false when something is not GB18030.
func decodeGB(b []byte) (string, bool) {
	out, err := simplifiedchinese.GB18030.NewDecoder().Bytes(b)
	return string(out), err == nil && !bytes.ContainsRune(out, utf8.RuneError)
}

// topLines reads the first headerLines lines, each bounded by maxRecord.
func topLines(f io.Reader) ([]byte, error) {
	var buf []byte
	for {
		from := len(buf)
		buf = append(buf, make([]byte, 64<<10)...)
		n, err := io.ReadFull(f, buf[from:])
		buf = buf[:from+n]
		end := err == io.EOF || err == io.ErrUnexpectedEOF
		if err != nil && !end {
			return nil, err
		}
		lines, start := 0, 0
		for lines < headerLines*2 {
			i := bytes.IndexByte(buf[start:], '\n')
			if i < 0 {
				break
			}
			if i > maxRecord {
				return nil, tooLong(1)
			}
			start += i + 1
			lines++
		}
		if len(buf)-start > maxRecord && lines < headerLines {
			return nil, tooLong(lines + 1)
		}
		if end || lines >= headerLines*2 || len(buf) > maxRecord && lines >= 1 {
			return buf, nil
		}
	}
}

func tooLong(line int) error {
	return errs.Newf(errs.Invalid, "第 %[1]d 行超过 1 MiB，不是正常的表格行（可能缺少换行或引号没有成对）", "line %[1]d is longer than 1 MiB: not a table row (line breaks missing, or a quote never closed?)", line)
}

func (s *Service) lookCSV(p *probe, f io.Reader, bom bool, only string) error {
	top, err := topLines(f)
	if err != nil {
		return err
	}
	skip := 0
	if bom {
		skip = 3
	}
	body := top[skip:]
	// The first lines decide: a broken byte further down is the fault of its row.
	first := firstLines(body)
	p.encoding, p.ascii = encUTF8, !bom && isASCII(first)
	if !bom && !utf8.Valid(first) {
		p.encoding = encGB18030
	}
	var best match
	var bestErr error
	bestWidth, found := 0, false
	for _, d := range []byte{',', '\t', ';', '|'} {
		var sp splitter
		sp.reset(body, d)
		var records [][]string
		var ends []int
		for len(records) < headerLines {
			fields, _, ok := sp.next()
			if !ok {
				break
			}
			row := make([]string, len(fields))
			for i, c := range fields {
				row[i] = string(c)
				if p.encoding == encGB18030 {
					text, ok := decodeGB(c)
					if !ok {
						text = strings.ToValidUTF8(text, "�")
					}
					row[i] = text
				}
			}
			records = append(records, row)
			ends = append(ends, len(body)-len(sp.data))
		}
		m, err := choose(s.contracts, p.name, only, records)
		if err != nil {
			width := 0
			for _, r := range records {
				width = max(width, len(r))
			}
			if width > bestWidth { // the delimiter that cuts best makes the most telling error
				bestWidth, bestErr = width, err
			}
			continue
		}
		if !found || m.matched > best.matched {
			best, found = m, true
			p.delim, p.offset = d, int64(skip+ends[m.line])
		}
	}
	if !found {
		if p.encoding == encGB18030 {
			if text, ok := decodeGB(cutTail(body)); !ok && strings.Count(text, "\uFFFD")*50 > utf8.RuneCountInString(text) {
				return errs.New(errs.Invalid, "文件编码既不是 UTF-8 也不是 GB18030，请另存为其中一种", "the file is neither UTF-8 nor GB18030: save it in one of them")
			}
		}
		return bestErr
	}
	p.match = best
	return nil
}

// cutTail drops the last, perhaps incomplete line.
func cutTail(b []byte) []byte {
	if i := bytes.LastIndexByte(b, '\n'); i > 0 {
		return b[:i]
	}
	return b
}

// lookJSON learns the columns from the keys of the objects in the file's first block.
func (s *Service) lookJSON(p *probe, f io.Reader, only string) error {
	p.encoding = encUTF8
	c := newCutter(f, 0, 1)
	var headers []string
	seen := map[string]bool{}
	b, err := c.block(context.Background())
	if errors.Is(err, errTooLong) {
		return tooLong(1)
	}
	if err != nil {
		return errs.Wrap(errs.Internal, err, "读文件出错", "cannot read the file")
	}
	data := bytes.TrimPrefix(b.data, []byte("\xEF\xBB\xBF"))
	p.offset = int64(len(b.data) - len(data))
	if !utf8.Valid(data) {
		return errs.New(errs.Invalid, "JSON 文件必须是 UTF-8 编码", "a JSON file must be UTF-8")
	}
	for line := range bytes.Lines(data) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		keys, _, err := jsonObject(line)
		if err != nil {
			continue // the row is rejected when its turn comes
		}
		for _, k := range keys {
			if !seen[k] {
				seen[k] = true
				headers = append(headers, k)
			}
		}
	}
	p.match, err = choose(s.contracts, p.name, only, [][]string{headers})
	return err
}

// jsonObject reads one flat object; numbers keep their digits, null is "".
func jsonObject(line []byte) (keys, values []string, err error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	t, err := d.Token()
	if err != nil {
		return nil, nil, err
	}
	if t != json.Delim('{') {
		return nil, nil, fmt.Errorf("not an object")
	}
	for d.More() {
		k, err := d.Token()
		if err != nil {
			return nil, nil, err
		}
		v, err := d.Token()
		if err != nil {
			return nil, nil, err
		}
		var text string
		switch v := v.(type) {
		case string:
			text = v
		case json.Number:
			text = v.String()
		case bool:
			text = fmt.Sprint(v)
		case nil:
		default:
			return nil, nil, fmt.Errorf("nested value")
		}
		keys, values = append(keys, k.(string)), append(values, text)
	}
	if _, err := d.Token(); err != nil {
		return nil, nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, nil, fmt.Errorf("more than one value on the line")
	}
	return keys, values, nil
}

func (s *Service) lookXLSX(ctx context.Context, p *probe, only string) error {
	x, err := openXLSX(p.file)
	if err != nil {
		return err
	}
	p.dates = dateForms{serial: true, base: excel1900}
	if x.date1904 {
		p.dates.base = excel1904
	}
	var firstErr error
	found := false
	for _, sheet := range x.sheets {
		records, rows, err := x.top(ctx, sheet.name)
		if err != nil {
			return err
		}
		if rows == 0 {
			continue
		}
		m, err := choose(s.contracts, p.name, only, records)
		if err != nil {
			if firstErr == nil {
				firstErr = err
			}
			if found {
				p.notes = append(p.notes, sheetNote(sheet.name))
			}
			continue
		}
		if found {
			p.notes = append(p.notes, sheetNote(sheet.name))
			continue
		}
		found = true
		p.sheet, p.match = sheet.name, m
	}
	switch {
	case found:
		return nil
	case firstErr != nil:
		return firstErr
	}
	return errs.New(errs.Invalid, "文件是空的：工作簿里没有数据", "the file is empty: the workbook has no data")
}

func sheetNote(sheet string) Note {
	return Note{Code: "sheet_ignored", ZH: "未读取工作表：" + maskHeader(sheet), EN: "worksheet not read: " + maskHeader(sheet), Count: 1}
}

// readAll reads a workbook or Parquet file into memory.
func readAll(in file) ([]byte, error) {
	if in.size > maxUnzipped {
		return nil, errs.New(errs.Refused, "文件太大（超过 1 GiB），请改交 CSV", "the file is too large (over 1 GiB): deliver CSV instead")
	}
	f, err := in.open()
	if err != nil {
		return nil, errs.Wrap(errs.NotFound, err, "打不开文件", "cannot open the file")
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxUnzipped+1))
	if err != nil {
		return nil, errs.Wrap(errs.Internal, err, "读文件出错", "cannot read the file")
	}
	return data, nil
}

// checkZip looks at the directory of a zip before anything is unpacked.
func checkZip(data []byte) error {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return errs.Wrap(errs.Invalid, err, "文件损坏：打不开的 XLSX（zip）", "the file is damaged: an XLSX (zip) that cannot be opened")
	}
	var total uint64
	workbook := false
	for _, f := range z.File {
		if strings.EqualFold(f.Name, "xl/workbook.xml") {
			workbook = true
		}
		if total+f.UncompressedSize64 < total {
			total = 1 << 62
			break
		}
		total += f.UncompressedSize64
	}
	if total > maxUnzipped || total > ratioApplies && total/uint64(max(len(data), 1)) > maxZipRatio {
		return zipBomb(total)
	}
	if !workbook {
		return errs.New(errs.Invalid, "这是 zip 文件但不是 XLSX 工作簿，请解压后再交", "this is a zip file but no XLSX workbook: unpack it first")
	}
	return nil
}

func zipBomb(total uint64) error {
	return errs.Newf(errs.Refused, "工作簿解压后有 %[1]d MiB，超过上限，拒绝打开（疑似压缩炸弹）；请改交 CSV", "the workbook unpacks to %[1]d MiB, over the limit: refused (a zip bomb?). Deliver CSV instead", total>>20)
}

func (s *Service) lookParquet(ctx context.Context, p *probe, only string) error {
	var header []string
	stop := errors.New("enough")
	err := readParquet(ctx, p.file, func(h []string, _ []string) error {
		header = append([]string(nil), h...)
		return stop
	})
	if err != nil && !errors.Is(err, stop) {
		return asInvalid(err, "读不了的 Parquet 文件", "a Parquet file that cannot be read")
	}
	if header == nil {
		return errs.New(errs.Invalid, "文件是空的：Parquet 里没有列", "the file is empty: the Parquet file has no columns")
	}
	p.match, err = choose(s.contracts, p.name, only, [][]string{header})
	return err
}

// blocks gives the file's records to emit, in order, as blocks. It returns errTooLong inside an *errs.Error with the line.
func (p *probe) blocks(ctx context.Context, pool chan []byte, emit func(*block) error) error {
	switch p.form {
	case formXLSX:
		x, err := openXLSX(p.file)
		if err != nil {
			return err
		}
		e := cellEmitter{emit: emit, next: 1}
		if err := x.rows(ctx, p.sheet, func(line int, cells [][]byte) error {
			if line <= p.match.line {
				return nil
			}
			return addCells(ctx, &e, cells)
		}); err != nil {
			return err
		}
		return e.flush()
	case formParquet:
		e := cellEmitter{emit: emit, next: 1}
		err := readParquet(ctx, p.file, func(_ []string, row []string) error {
			if row == nil {
				return nil
			}
			return addCells(ctx, &e, row)
		})
		if err != nil {
			return asInvalid(err, "读不了的 Parquet 文件", "a Parquet file that cannot be read")
		}
		return e.flush()
	}
	f, err := p.open()
	if err != nil {
		return errs.Wrap(errs.NotFound, err, "打不开文件", "cannot open the file")
	}
	defer f.Close()
	if sk, ok := f.(io.Seeker); ok {
		_, err = sk.Seek(p.offset, io.SeekStart)
	} else {
		_, err = io.CopyN(io.Discard, f, p.offset)
	}
	if err != nil {
		return errs.Wrap(errs.Internal, err, "读文件出错", "cannot read the file")
	}
	c := newCutter(f, p.delim, 0)
	c.free = pool
	for {
		b, err := c.block(ctx)
		if err == io.EOF {
			return nil
		}
		if errors.Is(err, errTooLong) {
			return tooLong(p.match.line + 1 + c.next)
		}
		if err != nil {
			return err
		}
		if err := emit(b); err != nil {
			return err
		}
	}
}

// maxBlockCells bounds a block of rows with many empty cells.
const maxBlockCells = 1 << 16

// cellEmitter gathers split records into blocks.
type cellEmitter struct {
	emit  func(*block) error
	cells *cellBlock
	next  int
	seq   int
	count int
}

func addCells[T string | []byte](ctx context.Context, e *cellEmitter, row []T) error {
	if e.cells == nil {
		e.cells = &cellBlock{}
	}
	for _, v := range row {
		e.cells.text = append(e.cells.text, v...)
		e.cells.ends = append(e.cells.ends, len(e.cells.text))
	}
	e.cells.rows = append(e.cells.rows, len(e.cells.ends))
	e.count++
	if e.count < warehouse.ChunkRows && len(e.cells.text) < blockSize && len(e.cells.ends) < maxBlockCells {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return e.flush()
}

func (e *cellEmitter) flush() error {
	if e.count == 0 {
		return nil
	}
	b := &block{seq: e.seq, first: e.next, count: e.count, cells: e.cells}
	e.seq, e.next, e.count, e.cells = e.seq+1, e.next+e.count, 0, nil
	return e.emit(b)
}
