package warehouse

import (
	"fmt"
	"strings"
)

// Dialect is the few spellings in which SQL engines differ; all other text in linkage, registry and screening is SQL that both take.
type Dialect uint8

// Dialects. DuckDB is the engine; PostgreSQL (with Citus, distributed by household_id) is the next one.
const (
	DuckDB Dialect = iota
	PostgreSQL
)

// Type spells a Column.SQLType. 128-bit keys are uuid in PostgreSQL (16 bytes, ordered), 64-bit keys are its signed bigint with the same bits.
func (d Dialect) Type(sqlType string) string {
	if d == DuckDB {
		return sqlType
	}
	if t, ok := map[string]string{"UHUGEINT": "uuid", "UBIGINT": "bigint", "UTINYINT": "smallint", "BLOB": "bytea",
		"DOUBLE": "double precision", "VARCHAR": "text", "JSON": "jsonb", "TIMESTAMP": "timestamp"}[sqlType]; ok {
		return t
	}
	return strings.ToLower(sqlType)
}

// Ident quotes an identifier.
func (d Dialect) Ident(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// TempTable is "CREATE TEMP TABLE name AS query"; it replaces one of that name. In PostgreSQL it is dropped with the transaction.
func (d Dialect) TempTable(name, query string) string {
	if d == PostgreSQL {
		return fmt.Sprintf("DROP TABLE IF EXISTS %s; CREATE TEMP TABLE %s ON COMMIT DROP AS %s", name, name, query)
	}
	return fmt.Sprintf("CREATE OR REPLACE TEMP TABLE %s AS %s", name, query)
}

// TempView is a name for a query whose rows are read once or twice: in DuckDB a view, which copies nothing; in PostgreSQL a temporary table, because its views
// hold on to the tables below them, which are made anew all the time.
func (d Dialect) TempView(name, query string) string {
	if d == PostgreSQL {
		return d.TempTable(name, query)
	}
	return fmt.Sprintf("CREATE OR REPLACE TEMP VIEW %s AS %s", name, query)
}

// Hash64 is a 64-bit hash of expressions, NULLs included: for comparing rows inside one engine, never stored for another.
func (d Dialect) Hash64(exprs ...string) string {
	if d == PostgreSQL {
		return "hash_record_extended(ROW(" + strings.Join(exprs, ", ") + "), 0)"
	}
	return "hash(" + strings.Join(exprs, ", ") + ")"
}

// AddMonths adds n (an expression) months to a DATE and gives a DATE; the day is cut to the month's last.
func (d Dialect) AddMonths(date, n string) string {
	if d == PostgreSQL {
		return fmt.Sprintf("(%s + make_interval(months => CAST(%s AS integer)))::date", date, n)
	}
	return fmt.Sprintf("CAST(%s + to_months(CAST(%s AS INTEGER)) AS DATE)", date, n)
}

// MonthStart is the first day of a DATE's month, as DATE.
func (d Dialect) MonthStart(date string) string {
	return fmt.Sprintf("CAST(date_trunc('month', %s) AS DATE)", date)
}

// MonthSeries is a table expression with one DATE column m: the first days of the months from one DATE to another, both included.
func (d Dialect) MonthSeries(from, to string) string {
	if d == PostgreSQL {
		return fmt.Sprintf("(SELECT CAST(g AS DATE) AS m FROM generate_series(%s, %s, interval '1 month') AS s(g))", d.MonthStart(from), d.MonthStart(to))
	}
	return fmt.Sprintf("(SELECT CAST(unnest(generate_series(%s, %s, INTERVAL 1 MONTH)) AS DATE) AS m)", d.MonthStart(from), d.MonthStart(to))
}

// County is the six-digit county of a 12-digit division, as INTEGER. (DuckDB's / is a division of doubles.)
func (d Dialect) County(division string) string {
	if d == PostgreSQL {
		return fmt.Sprintf("CAST(%s / 1000000 AS integer)", division)
	}
	return fmt.Sprintf("CAST(%s // 1000000 AS INTEGER)", division)
}

// ArgMin is the value of expr in the row with the smallest key (both must not be NULL in the rows that count).
func (d Dialect) ArgMin(expr, key string) string {
	if d == PostgreSQL {
		return fmt.Sprintf("(array_agg(%s ORDER BY %s))[1]", expr, key)
	}
	return fmt.Sprintf("arg_min(%s, %s)", expr, key)
}

// DeleteJoin deletes from table (under its own name) the rows that join rows of using on cond.
func (d Dialect) DeleteJoin(table, using, cond string) string {
	return fmt.Sprintf("DELETE FROM %s USING %s WHERE %s", table, using, cond)
}

// Key128 spells a 128-bit key given as two unsigned halves.
func (d Dialect) Key128(hi, lo uint64) string {
	if d == PostgreSQL {
		return fmt.Sprintf("'%08x-%04x-%04x-%04x-%012x'::uuid", hi>>32, hi>>16&0xffff, hi&0xffff, lo>>48, lo&0xffffffffffff)
	}
	return fmt.Sprintf("(CAST(%d AS UHUGEINT) * CAST(18446744073709551616 AS UHUGEINT) + CAST(%d AS UHUGEINT))", hi, lo)
}

// Key64 spells a 64-bit key.
func (d Dialect) Key64(v uint64) string {
	if d == PostgreSQL {
		return fmt.Sprintf("CAST(%d AS bigint)", int64(v))
	}
	return fmt.Sprintf("CAST(%d AS UBIGINT)", v)
}

// Quantiles is a query with one row for each fraction (between 0 and 1): the value of the column that as large a share of the rows does not exceed.
func (d Dialect) Quantiles(column, table string, fractions []float64) string {
	list := make([]string, len(fractions))
	for i, f := range fractions {
		list[i] = fmt.Sprintf("%.9f", f)
	}
	if d == PostgreSQL {
		return fmt.Sprintf("SELECT unnest(percentile_disc(ARRAY[%s]) WITHIN GROUP (ORDER BY %s)) FROM %s", strings.Join(list, ", "), column, table)
	}
	return fmt.Sprintf("SELECT unnest(quantile_disc(%s, [%s])) FROM %s", column, strings.Join(list, ", "), table)
}
