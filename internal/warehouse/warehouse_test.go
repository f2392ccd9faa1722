package warehouse_test

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"shouwang/internal/errs"
	"shouwang/internal/policy"
	"shouwang/internal/secret"
	"shouwang/internal/warehouse"
)

// every is one column of each SQL type.
var every = []warehouse.Column{
	{Name: "b", SQLType: "BOOLEAN"}, {Name: "u8", SQLType: "UTINYINT"}, {Name: "i32", SQLType: "INTEGER"}, {Name: "d", SQLType: "DATE"},
	{Name: "i64", SQLType: "BIGINT"}, {Name: "u64", SQLType: "UBIGINT"}, {Name: "f", SQLType: "DOUBLE"}, {Name: "k", SQLType: "UHUGEINT"},
	{Name: "s", SQLType: "VARCHAR"}, {Name: "blob", SQLType: "BLOB"},
}

func open(t testing.TB) *warehouse.Warehouse {
	t.Helper()
	w, err := warehouse.Open(t.Context(), filepath.Join(t.TempDir(), "w.duckdb"), warehouse.Options{Threads: 2, MemoryLimit: "1GiB"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func conn(t testing.TB, w *warehouse.Warehouse) *sql.Conn {
	t.Helper()
	c, err := w.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func exec1(t testing.TB, c *sql.Conn, q string, args ...any) {
	t.Helper()
	if _, err := c.ExecContext(context.WithoutCancel(t.Context()), q, args...); err != nil {
		t.Fatalf("%s: %v", q, err)
	}
}

func makeTable(t testing.TB, c *sql.Conn, name string, temp bool) {
	var defs []string
	for _, col := range every {
		defs = append(defs, col.Name+" "+col.SQLType)
	}
	kind := "TABLE"
	if temp {
		kind = "TEMP TABLE"
	}
	exec1(t, c, fmt.Sprintf("CREATE %s %s (%s)", kind, name, strings.Join(defs, ", ")))
}

type row struct {
	B    *bool
	U8   *uint8
	I32  *int32
	D    *int32
	I64  *int64
	U64  *uint64
	F    *float64
	K    *secret.Key128
	S    *string
	Blob *string
}

// TestAppenderRoundTrip: what goes in through chunks comes out of SQL, whatever the values, the NULLs, the string lengths and the chunk borders.
func TestAppenderRoundTrip(t *testing.T) {
	w := open(t)
	c := conn(t, w)
	makeTable(t, c, "every", true)
	opt := func(rt *rapid.T, name string) bool { return rapid.IntRange(0, 3).Draw(rt, name) > 0 }
	rapid.Check(t, func(rt *rapid.T) {
		exec1(t, c, "DELETE FROM every")
		n := rapid.IntRange(0, 70).Draw(rt, "n")
		perChunk := rapid.IntRange(1, 40).Draw(rt, "perChunk")
		var want []row
		ch := warehouse.NewChunk(every)
		a, err := w.Appender(t.Context(), c, "every", every)
		if err != nil {
			rt.Fatal(err)
		}
		for i := range n {
			var v row
			r := ch.NewRow()
			id := int32(i)
			v.I32 = &id
			ch.SetInt32(2, r, id)
			if opt(rt, "b") {
				x := rapid.Bool().Draw(rt, "bv")
				v.B = &x
				ch.SetBool(0, r, x)
			}
			if opt(rt, "u8") {
				x := rapid.Uint8().Draw(rt, "u8v")
				v.U8 = &x
				ch.SetUint8(1, r, x)
			}
			if opt(rt, "d") {
				x := rapid.Int32Range(-100000, 100000).Draw(rt, "dv")
				v.D = &x
				ch.SetDate(3, r, x)
			}
			if opt(rt, "i64") {
				x := rapid.Int64().Draw(rt, "i64v")
				v.I64 = &x
				ch.SetInt64(4, r, x)
			}
			if opt(rt, "u64") {
				x := rapid.Uint64().Draw(rt, "u64v")
				v.U64 = &x
				ch.SetUint64(5, r, x)
			}
			if opt(rt, "f") {
				x := rapid.Float64().Draw(rt, "fv")
				v.F = &x
				ch.SetFloat(6, r, x)
			}
			if opt(rt, "k") {
				x := secret.Key128{Hi: rapid.Uint64().Draw(rt, "hi"), Lo: rapid.Uint64().Draw(rt, "lo")}
				v.K = &x
				ch.SetKey128(7, r, x)
			}
			if opt(rt, "s") {
				x := rapid.StringN(0, 20, 40).Draw(rt, "sv")
				v.S = &x
				ch.SetString(8, r, "an earlier value that is long")
				ch.SetString(8, r, x)
			}
			if opt(rt, "blob") {
				x := string(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(rt, "blobv"))
				v.Blob = &x
				ch.SetBytes(9, r, []byte(x))
			}
			want = append(want, v)
			if rapid.IntRange(0, 9).Draw(rt, "drop") == 0 && !ch.Full() { // a row begun and taken back leaves nothing
				r := ch.NewRow()
				ch.SetString(8, r, "a row that was rejected half-way")
				ch.SetInt64(4, r, 1)
				ch.DropRow()
			}
			if ch.Len() >= perChunk {
				if err := a.Append(ch); err != nil {
					rt.Fatal(err)
				}
				ch.Reset()
			}
		}
		if err := a.Append(ch); err != nil {
			rt.Fatal(err)
		}
		if err := a.Close(); err != nil {
			rt.Fatal(err)
		}
		var got []row
		rows, err := c.QueryContext(t.Context(), `SELECT b, u8, i32, d - DATE '1970-01-01', i64, u64, f,
			CAST(k >> 64 AS UBIGINT), CAST(k & 18446744073709551615 AS UBIGINT), s, blob FROM every ORDER BY i32`)
		if err != nil {
			rt.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var v row
			var d *int64
			var hi, lo *uint64
			var blob []byte
			if err := rows.Scan(&v.B, &v.U8, &v.I32, &d, &v.I64, &v.U64, &v.F, &hi, &lo, &v.S, &blob); err != nil {
				rt.Fatal(err)
			}
			if d != nil {
				x := int32(*d)
				v.D = &x
			}
			if hi != nil {
				v.K = &secret.Key128{Hi: *hi, Lo: *lo}
			}
			if blob != nil {
				x := string(blob)
				v.Blob = &x
			}
			got = append(got, v)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatal(diff)
		}
	})
}

// TestAppenderFullChunk: a full chunk with a NULL in its last row, and text that is not UTF-8.
func TestAppenderFullChunk(t *testing.T) {
	w := open(t)
	c := conn(t, w)
	makeTable(t, c, "every", false)
	ch := warehouse.NewChunk(every)
	for !ch.Full() {
		r := ch.NewRow()
		ch.SetInt64(4, r, int64(r))
		ch.SetText(8, r, []byte("\xb9\xf3"))
	}
	ch.SetNull(4, warehouse.ChunkRows-1)
	a, err := w.Appender(t.Context(), c, "every", every)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := a.Append(ch); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	var n, sum, bad int64
	if err := c.QueryRowContext(t.Context(), "SELECT count(*), sum(i64), count(*) FILTER (s = chr(65533)) FROM every").Scan(&n, &sum, &bad); err != nil {
		t.Fatal(err)
	}
	if n != 3*2048 || sum != 3*2046*2047/2 || bad != n {
		t.Errorf("rows %d sum %d replaced %d", n, sum, bad)
	}
}

// TestAppenderTransaction: a rollback takes appended rows away.
func TestAppenderTransaction(t *testing.T) {
	w := open(t)
	c := conn(t, w)
	makeTable(t, c, "every", false)
	tx, err := c.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := w.Appender(t.Context(), c, "every", every)
	if err != nil {
		t.Fatal(err)
	}
	ch := warehouse.NewChunk(every)
	ch.SetInt64(4, ch.NewRow(), 7)
	if err := a.Append(ch); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := tx.QueryRowContext(t.Context(), "SELECT count(*) FROM every").Scan(&n); err != nil || n != 1 {
		t.Fatalf("in the transaction: %d %v", n, err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := c.QueryRowContext(t.Context(), "SELECT count(*) FROM every").Scan(&n); err != nil || n != 0 {
		t.Fatalf("after rollback: %d %v", n, err)
	}
}

func TestAppenderRefuses(t *testing.T) {
	w := open(t)
	c := conn(t, w)
	makeTable(t, c, "every", true)
	if _, err := w.Appender(t.Context(), c, "nowhere", every); err == nil {
		t.Error("a table that is not there was accepted")
	}
	if _, err := w.Appender(t.Context(), c, "every", every[1:]); err == nil {
		t.Error("fewer columns than the table's were accepted")
	}
	swapped := append([]warehouse.Column{every[1], every[0]}, every[2:]...)
	if _, err := w.Appender(t.Context(), c, "every", swapped); err == nil {
		t.Error("columns of other types were accepted")
	}
	ctx, cancel := context.WithCancel(t.Context())
	a, err := w.Appender(ctx, c, "every", every)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	ch := warehouse.NewChunk(every)
	ch.NewRow()
	if err := a.Append(ch); err == nil {
		t.Error("append after cancel")
	}
	if err := a.Close(); err == nil {
		t.Error("close after a failed append must say so")
	}
}

func pack(version int) *policy.Pack {
	ds := policy.Dataset{ID: "roster", Kind: policy.Snapshot, Subject: policy.OfPerson, Role: "roster", Columns: []policy.Column{
		{ID: "household_no", Type: policy.TypeHouseholdNo, Link: "household"}, {ID: "name", Type: policy.TypePersonName, Link: "person"},
		{ID: "division", Type: policy.TypeDivision}, {ID: "birth", Type: policy.TypeDate, Link: "birth"}, {ID: "remark", Type: policy.TypeText},
	}}
	bill := policy.Dataset{ID: "bill", Kind: policy.Event, Subject: policy.OfPerson, Columns: []policy.Column{
		{ID: "number", Type: policy.TypeResidentNumber, Link: "person"}, {ID: "paid", Type: policy.TypeMoney}, {ID: "rate", Type: policy.TypeNumber},
		{ID: "kept", Type: policy.TypeToken, StoreNone: true}, {ID: "to_household_no", Type: policy.TypeHouseholdNo},
	}}
	switch version {
	case 2:
		bill.Columns = append(bill.Columns, policy.Column{ID: "month", Type: policy.TypeMonth})
	case 3:
		bill.Columns[1].Type = policy.TypeNumber
	case 4:
		bill.Columns = append(bill.Columns, policy.Column{ID: "tier", Type: policy.TypeCode})
	}
	return &policy.Pack{Datasets: []policy.Dataset{ds, bill}}
}

func names(cols []warehouse.Column) string {
	var out []string
	for _, c := range cols {
		out = append(out, c.Name+" "+c.SQLType)
	}
	return strings.Join(out, ", ")
}

func TestColumns(t *testing.T) {
	p := pack(1)
	for _, c := range []struct{ got, want string }{
		{names(warehouse.FactColumns(&p.Datasets[1])), "household_id BIGINT, person_key UHUGEINT, batch INTEGER, row_no INTEGER, tier UTINYINT, seen INTEGER, nk UBIGINT, paid BIGINT, rate DOUBLE, to_household_no BIGINT, to_household_no_text VARCHAR"},
		{names(warehouse.FactColumns(&p.Datasets[0])), "household_id BIGINT, person_key UHUGEINT, batch INTEGER, row_no INTEGER, tier UTINYINT, seen INTEGER, nk UBIGINT, division BIGINT, birth DATE, house_no VARCHAR, name_key UBIGINT, name_enc BLOB, number_enc BLOB, phone_enc BLOB, bank_enc BLOB"},
		{names(warehouse.StageColumns(&p.Datasets[1])), "row_no INTEGER, file INTEGER, person_key UHUGEINT, card_key UHUGEINT, name_key UBIGINT, birth_link DATE, village BIGINT, house_id BIGINT, house_no VARCHAR, head_key UHUGEINT, head_name_key UBIGINT, nk UBIGINT, paid BIGINT, rate DOUBLE, to_household_no BIGINT, to_household_no_text VARCHAR"},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Error(diff)
		}
	}
}

// TestSchema: making, making again, a new column, a changed type, a reserved name.
func TestSchema(t *testing.T) {
	w := open(t)
	ctx := t.Context()
	for _, v := range []int{1, 1, 2, 2, 1} { // an older pack's tables lack nothing that the newer added
		if err := w.Schema(ctx, pack(v)); err != nil {
			t.Fatalf("version %d: %v", v, err)
		}
	}
	var n int
	if err := w.DB().QueryRow("SELECT count(*) FROM duckdb_columns() WHERE column_name = 'month' AND table_name IN ('fact_bill', 'fact_bill_past', 'pending_bill') AND data_type = 'DATE'").Scan(&n); err != nil || n != 3 {
		t.Errorf("new column in %d tables: %v", n, err)
	}
	err := w.Schema(ctx, pack(3))
	if errs.KindOf(err) != errs.Conflict || !strings.Contains(errs.Text(err, "en"), "rebuild") || !strings.Contains(errs.Text(err, "zh"), "rebuild") {
		t.Errorf("changed type: %v", err)
	}
	if err := w.Schema(ctx, pack(4)); errs.KindOf(err) != errs.Invalid {
		t.Errorf("reserved column name: %v", err)
	}
}

// TestOpenSeals: nothing reaches other files or settings after Open, spilling still works.
func TestOpenSeals(t *testing.T) {
	w := open(t)
	ctx := t.Context()
	file := filepath.Join(t.TempDir(), "x.csv")
	if err := os.WriteFile(file, []byte("a\n1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 { // every connection of the pool
		c := conn(t, w)
		for _, q := range []string{"SELECT * FROM read_csv('" + file + "')", "COPY (SELECT 1) TO '" + file + "'", "ATTACH '" + file + ".db'",
			"SET memory_limit='90GB'", "SET enable_external_access=true", "INSTALL excel"} {
			if _, err := c.ExecContext(ctx, q); err == nil {
				t.Errorf("%s was possible", q)
			}
		}
	}
	var order, ext string
	if err := w.DB().QueryRow("SELECT current_setting('preserve_insertion_order')::VARCHAR, current_setting('autoinstall_known_extensions')::VARCHAR").Scan(&order, &ext); err != nil || order != "false" || ext != "false" {
		t.Errorf("settings %s %s %v", order, ext, err)
	}
}

// TestSpill: a sort bigger than the memory limit goes through the temporary folder although external access is off.
func TestSpill(t *testing.T) {
	dir := t.TempDir()
	w, err := warehouse.Open(t.Context(), filepath.Join(dir, "w.duckdb"), warehouse.Options{Threads: 1, MemoryLimit: "60MiB", TempDir: filepath.Join(dir, "spill")})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	var n int
	if err := w.DB().QueryRow("SELECT count(*) FROM (SELECT hash(range) AS h, hash(range + 1) AS g, range FROM range(6000000) ORDER BY h OFFSET 10)").Scan(&n); err != nil || n != 5999990 {
		t.Errorf("%d %v", n, err)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	damaged := filepath.Join(dir, "damaged.duckdb")
	if err := os.WriteFile(damaged, []byte(strings.Repeat("no database ", 2000)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := warehouse.Open(t.Context(), damaged, warehouse.Options{})
	if errs.KindOf(err) != errs.Unavailable || !strings.Contains(errs.Text(err, "en"), "rebuild") {
		t.Errorf("damaged file: %v", err)
	}
	if _, err := warehouse.Open(t.Context(), filepath.Join(dir, "a?b"), warehouse.Options{}); errs.KindOf(err) != errs.Invalid {
		t.Errorf("odd path: %v", err)
	}
	if _, err := warehouse.Open(t.Context(), filepath.Join(dir, "m"), warehouse.Options{MemoryLimit: "much"}); errs.KindOf(err) != errs.Invalid {
		t.Errorf("bad memory limit: %v", err)
	}
	if _, err := warehouse.Open(t.Context(), filepath.Join(dir, "not there"), warehouse.Options{ReadOnly: true}); errs.KindOf(err) != errs.NotFound {
		t.Errorf("read-only without a file: %v", err)
	}
	good := filepath.Join(dir, "数据 仓库.duckdb")
	w, err := warehouse.Open(t.Context(), good, warehouse.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	if _, err := os.Stat(good); err != nil {
		t.Error(err)
	}
}

// TestLocked: a second process is told what to do. The test runs itself as that process.
func TestLocked(t *testing.T) {
	if path := os.Getenv("WAREHOUSE_LOCK_TEST"); path != "" {
		_, err := warehouse.Open(t.Context(), path, warehouse.Options{})
		fmt.Printf("kind=%v text=%s\n", errs.KindOf(err), errs.Text(err, "en"))
		return
	}
	w := open(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestLocked$", "-test.v")
	cmd.Env = append(os.Environ(), "WAREHOUSE_LOCK_TEST="+w.Path())
	out, _ := cmd.CombinedOutput()
	if s := string(out); !strings.Contains(s, "kind=locked") || !strings.Contains(s, "Is another shouwang running?") || strings.Contains(s, "PID") {
		t.Error(s)
	}
}

func TestReadParquet(t *testing.T) {
	dir := t.TempDir()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	file := filepath.Join(dir, "it's [a] *.parquet")
	if _, err := db.Exec("COPY (SELECT 1.50::DECIMAL(9,2) AS 金额, DATE '2026-11-01' AS \"日 期\", NULL::VARCHAR AS 空, true AS b UNION ALL SELECT 2, NULL, 'x', false ORDER BY 1) TO '" +
		strings.ReplaceAll(file, "'", "''") + "' (FORMAT parquet)"); err != nil {
		t.Fatal(err)
	}
	var got [][]string
	err = warehouse.ReadParquet(t.Context(), file, func(h, r []string) error {
		if len(got) == 0 {
			got = append(got, append([]string(nil), h...))
		}
		got = append(got, append([]string(nil), r...))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"金额", "日 期", "空", "b"}, {"1.50", "2026-11-01", "", "true"}, {"2.00", "", "x", "false"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	stop := fmt.Errorf("enough")
	if err := warehouse.ReadParquet(t.Context(), file, func(h, r []string) error { return stop }); err != stop {
		t.Errorf("the caller's error came back as %v", err)
	}
	bad := filepath.Join(dir, "bad.parquet")
	if err := os.WriteFile(bad, []byte("PAR1 nothing PAR1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := warehouse.ReadParquet(t.Context(), bad, func(h, r []string) error { return nil }); errs.KindOf(err) != errs.Invalid {
		t.Errorf("not a Parquet file: %v", err)
	}
}

// TestDialect: each spelling for both engines, and DuckDB's computes what it says.
func TestDialect(t *testing.T) {
	d, p := warehouse.DuckDB, warehouse.PostgreSQL
	for _, c := range []struct{ name, duck, pg, wantDuck, wantPG string }{
		{"key type", d.Type("UHUGEINT"), p.Type("UHUGEINT"), "UHUGEINT", "uuid"},
		{"64-bit type", d.Type("UBIGINT"), p.Type("UBIGINT"), "UBIGINT", "bigint"},
		{"same type", d.Type("BIGINT"), p.Type("BIGINT"), "BIGINT", "bigint"},
		{"json", d.Type("JSON"), p.Type("JSON"), "JSON", "jsonb"},
		{"ident", d.Ident(`a"b`), p.Ident(`a"b`), `"a""b"`, `"a""b"`},
		{"temp", d.TempTable("t", "SELECT 1"), p.TempTable("t", "SELECT 1"), "CREATE OR REPLACE TEMP TABLE t AS SELECT 1", "DROP TABLE IF EXISTS t; CREATE TEMP TABLE t ON COMMIT DROP AS SELECT 1"},
		{"hash", d.Hash64("a", "b"), p.Hash64("a", "b"), "hash(a, b)", "hash_record_extended(ROW(a, b), 0)"},
		{"months", d.AddMonths("x", "-3"), p.AddMonths("x", "-3"), "CAST(x + to_months(CAST(-3 AS INTEGER)) AS DATE)", "(x + make_interval(months => CAST(-3 AS integer)))::date"},
		{"county", d.County("v"), p.County("v"), "CAST(v // 1000000 AS INTEGER)", "CAST(v / 1000000 AS integer)"},
		{"arg min", d.ArgMin("a", "b"), p.ArgMin("a", "b"), "arg_min(a, b)", "(array_agg(a ORDER BY b))[1]"},
		{"key", d.Key128(1, 2), p.Key128(0x0123456789abcdef, 0xfedcba9876543210), "(CAST(1 AS UHUGEINT) * CAST(18446744073709551616 AS UHUGEINT) + CAST(2 AS UHUGEINT))", "'01234567-89ab-cdef-fedc-ba9876543210'::uuid"},
		{"key 64", d.Key64(math.MaxUint64), p.Key64(math.MaxUint64), "CAST(18446744073709551615 AS UBIGINT)", "CAST(-1 AS bigint)"},
		{"series", "", p.MonthSeries("a", "b"), "", "(SELECT CAST(g AS DATE) AS m FROM generate_series(CAST(date_trunc('month', a) AS DATE), CAST(date_trunc('month', b) AS DATE), interval '1 month') AS s(g))"},
		{"quantiles", d.Quantiles("x", "t", []float64{0.5}), p.Quantiles("x", "t", []float64{0.25, 0.5}), "SELECT unnest(quantile_disc(x, [0.500000000])) FROM t",
			"SELECT unnest(percentile_disc(ARRAY[0.250000000, 0.500000000]) WITHIN GROUP (ORDER BY x)) FROM t"},
		{"delete", d.DeleteJoin("t", "u", "t.a = u.a"), p.DeleteJoin("t", "u", "t.a = u.a"), "DELETE FROM t USING u WHERE t.a = u.a", "DELETE FROM t USING u WHERE t.a = u.a"},
	} {
		if c.duck != c.wantDuck || c.pg != c.wantPG {
			t.Errorf("%s: %s | %s", c.name, c.duck, c.pg)
		}
	}
	w := open(t)
	for q, want := range map[string]string{
		"SELECT " + d.AddMonths("DATE '2026-03-31'", "-1"): "2026-02-28",
		"SELECT " + d.MonthStart("DATE '2026-03-31'"):      "2026-03-01",
		"SELECT " + d.County("522633105002"):               "522633",
		"SELECT string_agg(m::VARCHAR, ' ' ORDER BY m) FROM " + d.MonthSeries("DATE '2025-11-30'", "DATE '2026-01-01'"):   "2025-11-01 2025-12-01 2026-01-01",
		"SELECT " + d.Key128(math.MaxUint64, math.MaxUint64):                                                              "340282366920938463463374607431768211455",
		"SELECT string_agg(v, ' ') FROM (" + d.Quantiles("i", "range(1, 11) AS r(i)", []float64{0.25, 0.5}) + ") AS q(v)": "3 5",
		"SELECT " + d.ArgMin("a", "b") + " FROM (VALUES ('x', 2), ('y', 1)) v(a, b)":                                      "y",
	} {
		var got string
		if err := w.DB().QueryRow("SELECT (" + q + ")::VARCHAR").Scan(&got); err != nil || got != want {
			t.Errorf("%s = %s, %v; want %s", q, got, err, want)
		}
	}
}

// BenchmarkAppender writes a 15-column stage row: fill and append.
func BenchmarkAppender(b *testing.B) {
	w := open(b)
	c := conn(b, w)
	cols := []warehouse.Column{{Name: "row_no", SQLType: "INTEGER"}, {Name: "person_key", SQLType: "UHUGEINT"}, {Name: "name_key", SQLType: "UBIGINT"},
		{Name: "birth", SQLType: "DATE"}, {Name: "village", SQLType: "BIGINT"}, {Name: "house", SQLType: "BIGINT"}, {Name: "nk", SQLType: "UBIGINT"},
		{Name: "no", SQLType: "VARCHAR"}, {Name: "kind", SQLType: "VARCHAR"}, {Name: "settled", SQLType: "DATE"}, {Name: "m1", SQLType: "BIGINT"},
		{Name: "m2", SQLType: "BIGINT"}, {Name: "m3", SQLType: "BIGINT"}, {Name: "m4", SQLType: "BIGINT"}, {Name: "out", SQLType: "BOOLEAN"}}
	var defs []string
	for _, col := range cols {
		defs = append(defs, col.Name+" "+col.SQLType)
	}
	exec1(b, c, "CREATE TEMP TABLE stage ("+strings.Join(defs, ", ")+")")
	a, err := w.Appender(b.Context(), c, "stage", cols)
	if err != nil {
		b.Fatal(err)
	}
	ch := warehouse.NewChunk(cols)
	b.ResetTimer()
	for i := range b.N {
		r := ch.NewRow()
		u := uint64(i) * 0x9e3779b97f4a7c15
		ch.SetInt32(0, r, int32(i))
		ch.SetKey128(1, r, secret.Key128{Hi: u, Lo: ^u})
		ch.SetUint64(2, r, u)
		ch.SetDate(3, r, int32(i%20000))
		ch.SetInt64(4, r, 522633105002)
		ch.SetInt64(5, r, int64(i))
		ch.SetUint64(6, r, u)
		ch.SetString(7, r, "S2026110100001234")
		ch.SetString(8, r, "inpatient")
		ch.SetDate(9, r, 20000)
		ch.SetInt64(10, r, int64(i))
		ch.SetInt64(11, r, int64(i))
		ch.SetInt64(12, r, int64(i))
		if i%3 == 0 {
			ch.SetInt64(13, r, int64(i))
		}
		ch.SetBool(14, r, i%2 == 0)
		if ch.Full() {
			if err := a.Append(ch); err != nil {
				b.Fatal(err)
			}
			ch.Reset()
		}
	}
	if err := a.Append(ch); err != nil {
		b.Fatal(err)
	}
	if err := a.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
