package intake

import (
	"bytes"
	"context"
	"errors"
	"io"
)

// A text file is cut in two steps. One goroutine reads it in large pieces and cuts each at the last record border, which
// needs no more than counting line feeds and looking at quotes. The workers then split the pieces into records and fields.
// The delimiters and the quote are never a part of a GB18030 or UTF-8 character (trailing bytes are 0x30–0x39 and
// 0x40–0xFE), so the cutting works on the bytes as they are.

const (
	blockSize = 256 << 10
	// maxRecord is the longest record accepted. A longer one is an unclosed quote or not a table at all.
	maxRecord = 1 << 20
)

// errTooLong is a record over maxRecord.
var errTooLong = errors.New("record too long")

// block is a run of whole records.
type block struct {
	seq   int
	first int // number of the block's first record, counted from 1 behind the header, blank lines included
	count int // records in it
	data  []byte
	// cells holds records that came already split (workbooks, Parquet); nil for text.
	cells *cellBlock
	buf   []byte // the pooled buffer behind data
}

// cutter cuts a stream into blocks.
type cutter struct {
	r     io.Reader
	delim byte // 0 for JSON lines: quotes mean nothing to the cutting
	rest  []byte
	next  int // record number of the next block's first record
	seq   int
	eof   bool
	free  chan []byte
}

func newCutter(r io.Reader, delim byte, pool int) *cutter {
	return &cutter{r: r, delim: delim, next: 1, free: make(chan []byte, pool)}
}

// block returns the next block, or io.EOF.
func (c *cutter) block(ctx context.Context) (*block, error) {
	var buf []byte
	select {
	case buf = <-c.free:
	default:
		buf = make([]byte, 0, blockSize+4096)
	}
	buf = append(buf[:0], c.rest...)
	c.rest = c.rest[:0]
	scan := quoteScan{delim: c.delim, start: true}
	checked := 0
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		want := blockSize
		if len(buf) >= blockSize { // a record longer than a block: go on in steps
			want = len(buf) + blockSize
		}
		for !c.eof && len(buf) < want {
			if cap(buf) == len(buf) {
				buf = append(buf, make([]byte, blockSize)...)[:len(buf)]
			}
			n, err := c.r.Read(buf[len(buf):min(cap(buf), want)])
			buf = buf[:len(buf)+n]
			if err == io.EOF {
				c.eof = true
			} else if err != nil {
				return nil, err
			}
		}
		scan.run(buf[checked:], checked)
		checked = len(buf)
		if c.eof {
			if len(buf) == 0 {
				return nil, io.EOF
			}
			count := scan.count
			if scan.last < len(buf) {
				count++
			}
			if len(buf)-scan.last > maxRecord {
				return nil, errTooLong
			}
			return c.emit(buf, len(buf), count), nil
		}
		if scan.last > 0 {
			if len(buf)-scan.last > maxRecord {
				return nil, errTooLong
			}
			c.rest = append(c.rest, buf[scan.last:]...)
			return c.emit(buf, scan.last, scan.count), nil
		}
		if len(buf) > maxRecord {
			return nil, errTooLong
		}
	}
}

func (c *cutter) emit(buf []byte, n, count int) *block {
	b := &block{seq: c.seq, first: c.next, count: count, data: buf[:n], buf: buf}
	c.seq++
	c.next += count
	return b
}

// quoteScan finds record borders. A quote opens a quoted field at the start of a field only; elsewhere it is an
// ordinary character, as in the exports that do not escape.
type quoteScan struct {
	delim  byte
	start  bool // at the start of a field
	quoted bool
	last   int // offset behind the last record border
	count  int // borders found
}

func (s *quoteScan) run(b []byte, base int) {
	if s.delim == 0 || !s.quoted && bytes.IndexByte(b, '"') < 0 {
		if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
			s.last = base + i + 1
			s.count += bytes.Count(b, []byte{'\n'})
		}
		if len(b) > 0 {
			c := b[len(b)-1]
			s.start = c == '\n' || c == s.delim
		}
		return
	}
	for i, c := range b {
		switch {
		case s.quoted:
			// "" inside quotes closes and opens again: the second quote comes with start set by closing.
			if c == '"' {
				s.quoted, s.start = false, true
				continue
			}
		case c == '"' && s.start:
			s.quoted = true
		case c == '\n':
			s.last = base + i + 1
			s.count++
			s.start = true
			continue
		case c == s.delim:
			s.start = true
			continue
		}
		s.start = false
	}
}

// splitter walks the records of a block.
type splitter struct {
	data   []byte
	delim  byte
	fields [][]byte
	quoted []byte // arena for unescaped fields
}

func (s *splitter) reset(data []byte, delim byte) {
	s.data, s.delim = data, delim
}

// next returns the fields of the next record and its raw bytes without the line end; ok is false at the end. The
// fields are valid until the next call.
func (s *splitter) next() (fields [][]byte, raw []byte, ok bool) {
	if len(s.data) == 0 {
		return nil, nil, false
	}
	s.fields, s.quoted = s.fields[:0], s.quoted[:0]
	all := s.data
	end := bytes.IndexByte(all, '\n')
	line := all
	if end >= 0 {
		line = all[:end]
	}
	if bytes.IndexByte(line, '"') < 0 {
		s.data = all[len(line):]
		if end >= 0 {
			s.data = all[end+1:]
		}
		line = cutCR(line)
		raw = line
		for {
			i := bytes.IndexByte(line, s.delim)
			if i < 0 {
				s.fields = append(s.fields, line)
				return s.fields, raw, true
			}
			s.fields = append(s.fields, line[:i])
			line = line[i+1:]
		}
	}
	// With quotes: a field may hold delimiters and line ends.
	pos := 0
	for {
		field, n, last := s.field(all[pos:])
		s.fields = append(s.fields, field)
		pos += n
		if last {
			s.data = all[pos:]
			raw = all[:pos]
			if len(raw) > 0 && raw[len(raw)-1] == '\n' {
				raw = raw[:len(raw)-1]
			}
			return s.fields, cutCR(raw), true
		}
	}
}

// field reads one field; n counts its bytes with the delimiter or line end behind it; last is true at a record's end.
func (s *splitter) field(b []byte) (field []byte, n int, last bool) {
	if len(b) == 0 || b[0] != '"' {
		for i, c := range b {
			if c == s.delim {
				return b[:i], i + 1, false
			}
			if c == '\n' {
				return cutCR(b[:i]), i + 1, true
			}
		}
		return cutCR(b), len(b), true
	}
	start := len(s.quoted)
	plain := true // no doubled quotes so far: the field is a part of the data
	i := 1
	from := 1
	for {
		j := bytes.IndexByte(b[i:], '"')
		if j < 0 { // never closed: the cutter has bounded it to the block
			i = len(b)
			break
		}
		i += j
		if i+1 < len(b) && b[i+1] == '"' {
			s.quoted = append(s.quoted, b[from:i+1]...)
			plain = false
			i += 2
			from = i
			continue
		}
		break
	}
	if plain {
		field = b[1:i]
	} else {
		s.quoted = append(s.quoted, b[from:i]...)
		field = s.quoted[start:len(s.quoted):len(s.quoted)]
	}
	if i >= len(b) {
		return field, len(b), true
	}
	i++ // the closing quote; whatever stands between it and the delimiter belongs to the field as written
	for k := i; k < len(b); k++ {
		if b[k] == s.delim || b[k] == '\n' {
			if tail := cutCR(b[i:k]); len(tail) > 0 {
				field = s.join(field, tail)
			}
			return field, k + 1, b[k] == '\n'
		}
	}
	if tail := cutCR(b[i:]); len(tail) > 0 {
		field = s.join(field, tail)
	}
	return field, len(b), true
}

func (s *splitter) join(a, b []byte) []byte {
	start := len(s.quoted)
	s.quoted = append(append(s.quoted, a...), b...)
	return s.quoted[start:len(s.quoted):len(s.quoted)]
}

func cutCR(b []byte) []byte {
	if len(b) > 0 && b[len(b)-1] == '\r' {
		return b[:len(b)-1]
	}
	return b
}

// cellBlock holds records that come already split.
type cellBlock struct {
	text []byte
	ends []int // end offset of each cell in text
	rows []int // end index in ends of each record
}

// record returns the cells of record i.
func (c *cellBlock) record(i int, fields [][]byte) [][]byte {
	from := 0
	if i > 0 {
		from = c.rows[i-1]
	}
	start := 0
	if from > 0 {
		start = c.ends[from-1]
	}
	fields = fields[:0]
	for _, end := range c.ends[from:c.rows[i]] {
		fields = append(fields, c.text[start:end:end])
		start = end
	}
	return fields
}
