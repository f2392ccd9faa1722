package warehouse

import (
	"context"
	"database/sql"
	"fmt"
	"reflect"
	"unsafe"

	duckdb "github.com/duckdb/duckdb-go/v2"
	"github.com/duckdb/duckdb-go/v2/mapping"
)

// Appender writes Chunks into one table on one connection. It takes part in the connection's transaction: rows
// are there (for that transaction) after Close. It belongs to one goroutine at a time, and the connection must not be used by another meanwhile.
type Appender struct {
	ctx   context.Context
	conn  *sql.Conn
	app   mapping.Appender
	types []mapping.LogicalType
	chunk mapping.DataChunk
	kinds []kind
	rows  int64
	err   error
	done  bool
}

// Appender opens an appender for table (a plain name; a temporary table of conn is found first), whose columns must be cols in order.
func (w *Warehouse) Appender(ctx context.Context, conn *sql.Conn, table string, cols []Column) (*Appender, error) {
	a := &Appender{ctx: ctx, conn: conn}
	var temp bool
	if err := conn.QueryRowContext(ctx, "SELECT count(*) > 0 FROM duckdb_tables() WHERE temporary AND table_name = ?", table).Scan(&temp); err != nil {
		return nil, fmt.Errorf("append to %s: %w", table, err)
	}
	catalog, schema := "", "main"
	if temp {
		catalog = "temp"
	}
	err := conn.Raw(func(dc any) error {
		native, err := nativeConnection(dc)
		if err != nil {
			return err
		}
		if mapping.AppenderCreateExt(native, catalog, schema, table, &a.app) == mapping.StateError {
			err := fmt.Errorf("%s", mapping.AppenderError(a.app))
			mapping.AppenderDestroy(&a.app)
			return err
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("append to %s: %w", table, err)
	}
	if n := int(mapping.AppenderColumnCount(a.app)); n != len(cols) {
		mapping.AppenderDestroy(&a.app)
		return nil, fmt.Errorf("append to %s: table has %d columns, %d given", table, n, len(cols))
	}
	for i, c := range cols {
		t := mapping.AppenderColumnType(a.app, mapping.IdxT(i))
		a.types = append(a.types, t)
		if want, ok := nativeTypes[c.SQLType]; !ok || mapping.GetTypeId(t) != want {
			a.free()
			return nil, fmt.Errorf("append to %s: column %d (%s) is not %s in the table", table, i+1, c.Name, c.SQLType)
		}
		a.kinds = append(a.kinds, kinds[c.SQLType].kind)
	}
	a.chunk = mapping.CreateDataChunk(a.types)
	return a, nil
}

// nativeTypes gives DuckDB's type id of each SQL type that a Chunk can hold.
var nativeTypes = map[string]mapping.Type{
	"BOOLEAN": mapping.TypeBoolean, "UTINYINT": mapping.TypeUTinyInt, "INTEGER": mapping.TypeInteger, "DATE": mapping.TypeDate,
	"BIGINT": mapping.TypeBigInt, "UBIGINT": mapping.TypeUBigInt, "DOUBLE": mapping.TypeDouble, "UHUGEINT": mapping.TypeUHugeInt,
	"VARCHAR": mapping.TypeVarchar, "BLOB": mapping.TypeBlob,
}

// nativeConnection gets the C handle out of the driver's connection. The driver keeps it in an unexported field and its own appender
// takes boxed values one by one (230 ns a row of six columns); the field is found by name and type, so that a
// driver that changes it makes an error here (and a failing test), never a wild pointer.
func nativeConnection(dc any) (mapping.Connection, error) {
	c, ok := dc.(*duckdb.Conn)
	if !ok {
		return mapping.Connection{}, fmt.Errorf("not a DuckDB connection: %T", dc)
	}
	f := reflect.ValueOf(c).Elem().FieldByName("conn")
	if !f.IsValid() || f.Type() != reflect.TypeFor[mapping.Connection]() {
		return mapping.Connection{}, fmt.Errorf("this version of duckdb-go keeps its connection elsewhere")
	}
	return *(*mapping.Connection)(unsafe.Pointer(f.UnsafeAddr())), nil
}

// Append writes the chunk's rows. The chunk may be Reset and filled again afterwards.
func (a *Appender) Append(c *Chunk) error {
	if a.err != nil {
		return a.err
	}
	if a.done {
		return fmt.Errorf("append: appender is closed")
	}
	if len(c.cols) != len(a.kinds) {
		return a.fail(fmt.Errorf("append: chunk has %d columns, table %d", len(c.cols), len(a.kinds)))
	}
	if c.n == 0 {
		return nil
	}
	if err := a.ctx.Err(); err != nil {
		return a.fail(err)
	}
	mapping.DataChunkReset(a.chunk)
	for i := range c.cols {
		col := &c.cols[i]
		if col.kind != a.kinds[i] {
			return a.fail(fmt.Errorf("append: chunk column %d has another type than the table", i+1))
		}
		vec := mapping.DataChunkGetVector(a.chunk, mapping.IdxT(i))
		n := c.n * col.width
		copy(unsafe.Slice((*byte)(mapping.VectorGetData(vec)), n), col.data[:n])
		if !allValid(&col.valid, c.n) {
			mapping.VectorEnsureValidityWritable(vec)
			copy(unsafe.Slice((*uint64)(mapping.VectorGetValidity(vec)), len(col.valid)), col.valid[:])
		}
		if col.width == 16 && col.kind != kindKey128 {
			blankNulls(unsafe.Slice((*uint64)(mapping.VectorGetData(vec)), c.n*2), &col.valid, c.n)
			for _, l := range col.long {
				mapping.VectorAssignStringElementLen(vec, mapping.IdxT(l.row), col.arena[l.off:l.off+l.n])
			}
		}
	}
	mapping.DataChunkSetSize(a.chunk, mapping.IdxT(c.n))
	if mapping.AppendDataChunk(a.app, a.chunk) == mapping.StateError {
		return a.fail(fmt.Errorf("append: %s", mapping.AppenderError(a.app)))
	}
	a.rows += int64(c.n)
	return nil
}

// blankNulls empties the string cells of NULL rows: a reused chunk may still hold an old value there.
func blankNulls(cells []uint64, valid *[ChunkRows / 64]uint64, n int) {
	for r := range n {
		if valid[r>>6]&(1<<(r&63)) == 0 {
			cells[2*r], cells[2*r+1] = 0, 0
		}
	}
}

func allValid(valid *[ChunkRows / 64]uint64, n int) bool {
	for i := range n / 64 {
		if valid[i] != ^uint64(0) {
			return false
		}
	}
	rest := uint64(1)<<(n%64) - 1
	return n%64 == 0 || valid[n/64]&rest == rest
}

// Rows is the number of rows appended so far.
func (a *Appender) Rows() int64 { return a.rows }

func (a *Appender) fail(err error) error { a.err = err; return err }

// Close flushes what was appended and frees the appender. After an error it frees only; the caller rolls its transaction back.
// A second Close does nothing.
func (a *Appender) Close() error {
	if a.done {
		return a.err
	}
	a.done = true
	if a.err == nil {
		if mapping.AppenderFlush(a.app) == mapping.StateError {
			a.err = fmt.Errorf("append: %s", mapping.AppenderError(a.app))
		}
	}
	if a.err != nil {
		mapping.AppenderClear(a.app)
	}
	a.free()
	return a.err
}

func (a *Appender) free() {
	for i := range a.types {
		mapping.DestroyLogicalType(&a.types[i])
	}
	a.types = nil
	if a.chunk.Ptr != nil {
		mapping.DestroyDataChunk(&a.chunk)
	}
	mapping.AppenderDestroy(&a.app)
}
