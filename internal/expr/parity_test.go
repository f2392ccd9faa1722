package expr_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "github.com/duckdb/duckdb-go/v2"
	_ "github.com/jackc/pgx/v5/stdlib"

	"shouwang/internal/expr"
)

// A million outcomes: every rule over every row, in Go (two ways) and in SQL.
const (
	parityRules = 200
	parityRows  = 5000
)

// TestParity holds the promise that the same text gives the same outcome in Go, DuckDB and PostgreSQL. PostgreSQL is asked where
// SHOUWANG_TEST_POSTGRES names a server; in CI there must be one.
func TestParity(t *testing.T) {
	t.Run("DuckDB", func(t *testing.T) {
		db, err := sql.Open("duckdb", "")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		testParity(t, db, expr.DuckDB)
	})
	dsn := os.Getenv("SHOUWANG_TEST_POSTGRES")
	if dsn == "" && os.Getenv("CI") != "true" {
		return
	}
	t.Run("PostgreSQL", func(t *testing.T) {
		if dsn == "" {
			t.Fatal("CI must set SHOUWANG_TEST_POSTGRES to the DSN of a PostgreSQL server")
		}
		db, err := sql.Open("pgx", dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		testParity(t, db, expr.PostgreSQL)
	})
}

func testParity(t *testing.T, db *sql.DB, d expr.Dialect) {
	ctx := context.Background()
	conn, err := db.Conn(ctx) // temporary tables belong to a connection
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := rand.New(rand.NewPCG(20261101, uint64(d)))
	rows := make([][]expr.Value, parityRows)
	days := make([]float64, len(someDate))
	for i, s := range someDate {
		days[i] = day(s)
	}
	for i := range rows {
		rows[i] = randomRow(r, days, 0.15)
	}
	createTable(t, conn, d, rows)
	env := newEnv()
	g := &generator{r: r, extreme: true}
	var rules []*expr.Checked
	sources := append([]string{}, handPicked...)
	for len(sources) < parityRules {
		typ := expr.Bool
		if len(sources)%4 == 0 {
			typ = pick(r, allTypes)
		}
		sources = append(sources, g.expression(typ, 2+r.IntN(3)))
	}
	for _, s := range sources {
		c, err := env.Check(s, expr.Invalid)
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		rules = append(rules, c)
	}
	ref := func(v *expr.Var) string { return `"` + v.Name + `"` }
	outcomes, known, failures := 0, 0, 0
	const batch = 10
	for first := 0; first < len(rules); first += batch {
		some := rules[first:min(first+batch, len(rules))]
		var list []string
		dest := make([]any, len(some))
		compiled := make([]func([]expr.Value) expr.Value, len(some))
		for i, c := range some {
			list = append(list, fmt.Sprintf("%s AS r%d", c.SQL(d, ref), i))
			compiled[i] = c.Compile()
			switch c.Type() {
			case expr.Number:
				dest[i] = new(sql.NullFloat64)
			case expr.Bool:
				dest[i] = new(sql.NullBool)
			case expr.Text:
				dest[i] = new(sql.NullString)
			case expr.Date:
				dest[i] = new(sql.NullTime)
			}
		}
		res, err := conn.QueryContext(ctx, "SELECT "+strings.Join(list, ", ")+" FROM facts ORDER BY row_no")
		if err != nil {
			for _, c := range some {
				if _, err := conn.ExecContext(ctx, "SELECT "+c.SQL(d, ref)+" FROM facts"); err != nil {
					t.Errorf("%s\n%s\n%v", c, c.SQL(d, ref), err)
				}
			}
			t.Fatal(err)
		}
		n := 0
		for ; res.Next(); n++ {
			if err := res.Scan(dest...); err != nil {
				t.Fatal(err)
			}
			for i, c := range some {
				inSQL, inGo, fast := fromSQL(dest[i]), c.Eval(rows[n]), compiled[i](rows[n])
				outcomes++
				if inGo.Known {
					known++
				}
				if same(c.Type(), inSQL, inGo) && same(c.Type(), fast, inGo) {
					continue
				}
				if failures++; failures <= 10 {
					t.Errorf("%s\nrow %v\nSQL %v, Eval %v, Compile %v\n%s", c, rows[n], inSQL, inGo, fast, c.SQL(d, ref))
				}
			}
		}
		if err := res.Err(); err != nil {
			for _, c := range some {
				var n int
				if err := conn.QueryRowContext(ctx, "SELECT count(x) FROM (SELECT "+c.SQL(d, ref)+" AS x FROM facts) AS q").Scan(&n); err != nil {
					t.Errorf("%s\n%s\n%v", c, c.SQL(d, ref), err)
				}
			}
			t.Fatal(err)
		}
		res.Close()
		if n != len(rows) {
			t.Fatalf("%d rows came back, want %d", n, len(rows))
		}
	}
	if failures > 0 {
		t.Errorf("%d of %d outcomes differ", failures, outcomes)
	}
	if outcomes != parityRules*parityRows || known < outcomes/3 || known > outcomes*19/20 {
		t.Errorf("%d outcomes, %d known: want %d with both known and unknown ones", outcomes, known, parityRules*parityRows)
	}
}

// handPicked are the shapes of the shipped rules and the places where the engines' own functions differ.
var handPicked = []string{
	"n0 > param.line and not b0",
	"n0 / n1 < param.line * 1.5 and (b0 or n1 >= 3) and t0 in [\"a\", \"低保\"]",
	"(n0 - n1) / n2 < param.line",
	"100 * (n2 - n3) / n2 >= 30",
	"100 * n0 / max(n1, 1) >= 40",
	"not known(d0) or months_between(d0, as_of) < 12",
	"months_between(d0, d1) == -months_between(d1, d0)",
	"years_between(d0, as_of) >= 16 ? b0 : b1",
	"months_between(d0, d1)", "years_between(d0, d1)", "days_between(d0, d1)",
	"round(n2)", "round(n2, 2)", "round(n3, -2)", "round(n0)", "n2 % n3", "n0 % n1", "n0 % 7", "n2 / n3", "n2 * n3", "n2 + n3", "n2 - n3",
	"min(n2, n3)", "max(n2, 0)", "abs(n3)", "coalesce(n2 * n3, n0)", "-n2",
	"t0 == t1", "t0 in [t1, \"a'b\"]", "coalesce(t0, '无')", "d0 in [d1, date(\"2024-02-29\")]", "min(d0, d1)",
	"b0 == b1", "b0 ? n2 * n3 : n0", "known(n2 * n3)", "n2 * n3 == n2 * n3", "n2 + n3 - n3 == n2", "n2 * n3 / n3", "1e308 * 10 > n0", "1 / 0 > n0", "n0 in [n1, n2 * n3, 1]",
	"true", "false or b0", "n2 / (n3 * n3)", "(n2 * 1e200) * 1e-200", "n0 * n1 * n0 * n1 * n0 * n1",
}

func fromSQL(dest any) expr.Value {
	switch v := dest.(type) {
	case *sql.NullFloat64:
		return expr.Value{Num: v.Float64, Known: v.Valid}
	case *sql.NullBool:
		if !v.Valid {
			return expr.Value{}
		}
		return expr.BoolValue(v.Bool)
	case *sql.NullString:
		return expr.Value{Text: v.String, Known: v.Valid}
	case *sql.NullTime:
		s := v.Time.UTC().Truncate(24 * time.Hour).Unix()
		return expr.Value{Num: float64(s / 86400), Known: v.Valid}
	}
	panic("type")
}

// createTable fills the temporary table facts.
func createTable(t *testing.T, conn *sql.Conn, d expr.Dialect, rows [][]expr.Value) {
	t.Helper()
	names := map[expr.Type]string{expr.Number: "FLOAT8", expr.Bool: "BOOLEAN", expr.Text: "VARCHAR", expr.Date: "DATE"}
	cols := []string{"row_no INTEGER"}
	for _, v := range columns {
		cols = append(cols, `"`+v.Name+`" `+names[v.Type])
	}
	exec := func(q string) {
		t.Helper()
		if _, err := conn.ExecContext(context.Background(), q); err != nil {
			t.Fatalf("%.200s: %v", q, err)
		}
	}
	exec("CREATE TEMPORARY TABLE facts (" + strings.Join(cols, ", ") + ")")
	for first := 0; first < len(rows); first += 500 {
		var b strings.Builder
		b.WriteString("INSERT INTO facts VALUES ")
		for i, row := range rows[first:min(first+500, len(rows))] {
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "(%d", first+i)
			for j, v := range row {
				b.WriteString(", ")
				b.WriteString(sqlLiteral(columns[j].Type, v))
			}
			b.WriteString(")")
		}
		exec(b.String())
	}
}

// sqlLiteral is written apart from the package's own literals.
func sqlLiteral(typ expr.Type, v expr.Value) string {
	switch {
	case !v.Known:
		return "NULL"
	case typ == expr.Number:
		return "CAST('" + strconv.FormatFloat(v.Num, 'e', -1, 64) + "' AS FLOAT8)"
	case typ == expr.Bool:
		return strconv.FormatBool(v.Num != 0)
	case typ == expr.Date:
		return "DATE '" + time.Unix(int64(v.Num)*86400, 0).UTC().Format("2006-01-02") + "'"
	}
	return "'" + strings.ReplaceAll(v.Text, "'", "''") + "'"
}
