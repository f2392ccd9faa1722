// Package expr is the rule language: one text that a policy officer writes, checked once and run three ways with one
// meaning. [Checked.SQL] screens millions of households in DuckDB or PostgreSQL, [Checked.Compile] decides one row in Go
// in nanoseconds, [Checked.Explain] names the comparisons that force the outcome.
//
// # Values
//
// A number is a finite IEEE double, a date a day of the proleptic Gregorian calendar in the years 1 to 9999, a text a
// string of bytes, a bool true or false; every one of them may be unknown, and unknown behaves exactly as NULL does in SQL
// (Kleene's three-valued logic). Division by zero and every result that is not finite is unknown as well, in Go and SQL
// alike. docs/rule-language.md is the description for those who write rules.
//
// The package knows values and never policy: where variables come from and what a true outcome means is for the caller.
// It never reads files, never talks to a database and never logs.
package expr

// Type is the type of an expression.
type Type uint8

// The types. Invalid also stands for "any type" where [Env.Check] asks for one.
const (
	Invalid Type = iota
	Number
	Bool
	Text
	Date
)

// String is the type's name in English.
func (t Type) String() string { return t.In("en") }

// In is the type's name in Chinese ("zh") or English.
func (t Type) In(lang string) string {
	names := [...][2]string{{"未定", "no type"}, {"数值", "number"}, {"是否", "yes/no"}, {"文字", "text"}, {"日期", "date"}}
	if int(t) >= len(names) {
		t = Invalid
	}
	if lang == "zh" {
		return names[t][0]
	}
	return names[t][1]
}

// Value is a value of any type, or unknown. The zero Value is unknown.
type Value struct {
	// Num holds a number; a bool as 0 or 1; a date as days since 1970-01-01.
	Num float64
	// Text holds a text.
	Text string
	// Known is false where the value is unknown; Num and Text mean nothing then.
	Known bool
}

// NumberValue is a known number; a number that is not finite is unknown.
func NumberValue(f float64) Value {
	if f-f != 0 { // infinite or not a number
		return Value{}
	}
	return Value{Num: f, Known: true}
}

// BoolValue is a known bool.
func BoolValue(b bool) Value {
	if b {
		return Value{Num: 1, Known: true}
	}
	return Value{Known: true}
}

// TextValue is a known text.
func TextValue(s string) Value { return Value{Text: s, Known: true} }

// DateValue is a known date.
func DateValue(year, month, day int) Value {
	return Value{Num: float64(daysOf(year, month, day)), Known: true}
}

// Dialect is the SQL engine that [Checked.SQL] writes for.
type Dialect uint8

// The dialects.
const (
	DuckDB Dialect = iota
	PostgreSQL
)

// Limits that keep every later step (the checker, both SQL engines, the explanation) within bounds. They are far above what a
// readable rule needs.
const (
	maxSource  = 20_000 // bytes of an expression
	maxNesting = 64     // brackets, function calls, negations and ?: inside one another
	maxDepth   = 100    // levels of the tree, for long chains of + or *
	maxAtoms   = 256    // different comparisons in one expression
	maxList    = 1000   // elements of an in list or arguments of a function
	maxCost    = 20_000 // operations after the SQL text has been written out
)
