package warehouse

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"
	"unsafe"

	"shouwang/internal/secret"
)

// ChunkRows is how many rows a Chunk holds at most: DuckDB's vector size, so that one Chunk is one DataChunk.
const ChunkRows = 2048

// Chunk is a columnar buffer of up to ChunkRows rows that a worker fills and an Appender writes. The columns live in Go
// memory in DuckDB's own layout, so that the write is one memory copy a column. A Chunk belongs to one goroutine at a time.
//
//	for each row: r := c.NewRow(); c.SetInt64(0, r, 7); …; if c.Full() { appender.Append(c); c.Reset() }
//
// A value that is not set is NULL. Setters panic on a column of another width: that is a bug in the caller, never a matter of data.
type Chunk struct {
	cols []chunkColumn
	n    int
}

// chunkColumn is one column: fixed-width values as they lie in a DuckDB vector, strings as duckdb_string_t with
// the long ones (more than 12 bytes) kept aside in arena.
type chunkColumn struct {
	kind  kind
	width int
	words []uint64               // backing store, 8-byte aligned
	data  []byte                 // the same memory
	valid [ChunkRows / 64]uint64 // bit set = not NULL
	long  []longString
	arena []byte
}

type longString struct{ row, off, n int }

// kind is the physical layout of a column.
type kind uint8

const (
	kindBool kind = iota
	kindUint8
	kindInt32
	kindInt64
	kindUint64
	kindFloat64
	kindKey128
	kindString
	kindBytes
)

// kinds gives the layout of every SQL type that the warehouse uses.
var kinds = map[string]struct {
	kind  kind
	width int
}{
	"BOOLEAN":  {kindBool, 1},
	"UTINYINT": {kindUint8, 1},
	"INTEGER":  {kindInt32, 4},
	"DATE":     {kindInt32, 4},
	"BIGINT":   {kindInt64, 8},
	"UBIGINT":  {kindUint64, 8},
	"DOUBLE":   {kindFloat64, 8},
	"UHUGEINT": {kindKey128, 16},
	"VARCHAR":  {kindString, 16},
	"BLOB":     {kindBytes, 16},
}

// NewChunk makes an empty chunk for cols. It panics on a SQL type that the warehouse does not use.
func NewChunk(cols []Column) *Chunk {
	c := &Chunk{cols: make([]chunkColumn, len(cols))}
	for i, col := range cols {
		k, ok := kinds[col.SQLType]
		if !ok {
			panic("warehouse: no chunk layout for SQL type " + col.SQLType)
		}
		words := make([]uint64, ChunkRows*k.width/8)
		c.cols[i] = chunkColumn{kind: k.kind, width: k.width, words: words,
			data: unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), len(words)*8)}
	}
	return c
}

// Reset empties the chunk; every value is NULL again.
func (c *Chunk) Reset() {
	c.n = 0
	for i := range c.cols {
		col := &c.cols[i]
		clear(col.valid[:])
		col.long = col.long[:0]
		col.arena = col.arena[:0]
	}
}

// Len is the number of rows.
func (c *Chunk) Len() int { return c.n }

// Full reports whether NewRow would panic.
func (c *Chunk) Full() bool { return c.n == ChunkRows }

// NewRow adds a row of NULLs and returns its index.
func (c *Chunk) NewRow() int {
	if c.n == ChunkRows {
		panic("warehouse: chunk is full")
	}
	c.n++
	return c.n - 1
}

// DropRow takes the last row back (a row that was rejected half-way).
func (c *Chunk) DropRow() {
	c.n--
	for i := range c.cols {
		col := &c.cols[i]
		col.valid[c.n>>6] &^= 1 << (c.n & 63)
		if k := len(col.long); k > 0 && col.long[k-1].row == c.n {
			col.arena = col.arena[:col.long[k-1].off]
			col.long = col.long[:k-1]
		}
	}
}

func (c *Chunk) at(col, row int, k kind) *chunkColumn {
	p := &c.cols[col]
	if p.kind != k {
		panic("warehouse: chunk column has another type")
	}
	p.valid[row>>6] |= 1 << (row & 63)
	return p
}

// SetNull makes a value NULL.
func (c *Chunk) SetNull(col, row int) { c.cols[col].valid[row>>6] &^= 1 << (row & 63) }

// SetInt64 sets a BIGINT.
func (c *Chunk) SetInt64(col, row int, v int64) {
	c.at(col, row, kindInt64).words[row] = uint64(v)
}

// SetInt32 sets an INTEGER, or a DATE as days since 1970-01-01.
func (c *Chunk) SetInt32(col, row int, v int32) {
	binary.NativeEndian.PutUint32(c.at(col, row, kindInt32).data[row*4:], uint32(v))
}

// SetDate sets a DATE as days since 1970-01-01.
func (c *Chunk) SetDate(col, row int, days int32) { c.SetInt32(col, row, days) }

// SetUint8 sets a UTINYINT.
func (c *Chunk) SetUint8(col, row int, v uint8) { c.at(col, row, kindUint8).data[row] = v }

// SetUint64 sets a UBIGINT.
func (c *Chunk) SetUint64(col, row int, v uint64) { c.at(col, row, kindUint64).words[row] = v }

// SetFloat sets a DOUBLE.
func (c *Chunk) SetFloat(col, row int, v float64) {
	p := c.at(col, row, kindFloat64)
	*(*float64)(unsafe.Pointer(&p.words[row])) = v
}

// SetBool sets a BOOLEAN.
func (c *Chunk) SetBool(col, row int, v bool) {
	var b byte
	if v {
		b = 1
	}
	c.at(col, row, kindBool).data[row] = b
}

// SetKey128 sets a UHUGEINT (DuckDB keeps the low half first).
func (c *Chunk) SetKey128(col, row int, v secret.Key128) {
	p := c.at(col, row, kindKey128)
	p.words[row*2], p.words[row*2+1] = v.Lo, v.Hi
}

// SetString sets a VARCHAR. Bytes that are not UTF-8 become the replacement character, as DuckDB takes none.
func (c *Chunk) SetString(col, row int, v string) {
	p := c.at(col, row, kindString)
	if !utf8.ValidString(v) {
		v = strings.ToValidUTF8(v, "\uFFFD")
	}
	setBytes(p, row, unsafe.Slice(unsafe.StringData(v), len(v)))
}

// SetText sets a VARCHAR from bytes, which are copied.
func (c *Chunk) SetText(col, row int, v []byte) {
	p := c.at(col, row, kindString)
	if !utf8.Valid(v) {
		v = []byte(strings.ToValidUTF8(string(v), "\uFFFD"))
	}
	setBytes(p, row, v)
}

// SetBytes sets a BLOB; the bytes are copied.
func (c *Chunk) SetBytes(col, row int, v []byte) { setBytes(c.at(col, row, kindBytes), row, v) }

// setBytes writes a duckdb_string_t: 4 bytes length, then up to 12 bytes inline. A longer one is kept aside and handed to
// DuckDB at append, which owns the memory that such a string points to.
func setBytes(p *chunkColumn, row int, v []byte) {
	if k := len(p.long); k > 0 && p.long[k-1].row == row { // the same cell set again
		p.arena = p.arena[:p.long[k-1].off]
		p.long = p.long[:k-1]
	}
	p.words[row*2], p.words[row*2+1] = 0, 0
	if len(v) > 12 {
		p.long = append(p.long, longString{row, len(p.arena), len(v)})
		p.arena = append(p.arena, v...)
		return
	}
	cell := p.data[row*16 : row*16+16]
	binary.NativeEndian.PutUint32(cell, uint32(len(v)))
	copy(cell[4:], v)
}
