package screening

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"shouwang/internal/division"
	"shouwang/internal/policy"
	"shouwang/internal/warehouse"
)

// The small pack of these tests: one roster, one event feed, one snapshot; every outcome can be worked out by hand.
var smallPack = map[string]string{
	"pack.yaml": `
name: small
region: "520000"
version: "1"
title: {zh: 小政策包, en: Small pack}
examples_as_of: 2026-11-01
departments:
  - {id: agriculture, zh: 农业农村局, en: Agriculture}
  - {id: medical, zh: 医保局, en: Medical insurance}
risks:
  - {id: illness, code: "01", zh: 因病, en: Illness}
  - {id: income, code: "12", zh: 收入, en: Income}
`,
	"parameters.yaml": `
parameters:
  - {id: line, name: {zh: 监测线, en: line}, unit: 元, values: [{from: 2020-01-01, value: 8500, document: default}, {division: "522633", from: 2020-01-01, value: 9000, document: default}]}
  - {id: bill, name: {zh: 自付门槛, en: bill}, unit: 元, values: [{from: 2020-01-01, value: 10000, document: default}]}
`,
	"datasets/1.yaml": `
dataset: roster
name: {zh: 花名册, en: Roster}
department: agriculture
version: 1
kind: snapshot
subject: person
role: roster
due: monthly
due_day: 10
files: {names: [花名册], encodings: [utf-8], formats: [csv]}
reject_ceiling: 0.05
key: [household_no, number]
columns:
  - {id: household_no, header: 户编号, type: household_no, link: household, required: true, not_null: true}
  - {id: division, header: 行政村代码, type: division, link: village, required: true, not_null: true}
  - {id: relation, header: 与户主关系, type: code, required: true, not_null: true, codes: [{id: head, zh: 户主}, {id: other, zh: 其他}]}
  - {id: name, header: 姓名, type: person_name, link: person, required: true, not_null: true}
  - {id: number, header: 证件号码, type: resident_number, link: person, required: true}
`,
	"datasets/2.yaml": `
dataset: bills
name: {zh: 医保结算, en: Bills}
department: medical
version: 1
kind: event
subject: person
due: monthly
due_day: 5
files: {names: [医保结算], encodings: [utf-8], formats: [csv]}
reject_ceiling: 0.05
key: [no]
event_date: settled
columns:
  - {id: no, header: 单号, type: token, required: true, not_null: true}
  - {id: number, header: 证件号码, type: resident_number, link: person, required: true}
  - {id: kind, header: 类别, type: code, required: true, not_null: true, codes: [{id: inpatient, zh: 住院}, {id: outpatient, zh: 门诊}]}
  - {id: settled, header: 结算日期, type: date, required: true, not_null: true}
  - {id: self_paid, header: 自付, type: money, required: true, not_null: true}
  - {id: aid, header: 救助, type: money}
`,
	"datasets/3.yaml": `
dataset: incomes
name: {zh: 收入核算, en: Incomes}
department: agriculture
version: 1
kind: snapshot
subject: household
due: quarterly
due_day: 20
files: {names: [收入核算], encodings: [utf-8], formats: [csv]}
reject_ceiling: 0.05
key: [household_no]
columns:
  - {id: household_no, header: 户编号, type: household_no, link: household, required: true, not_null: true}
  - {id: net, header: 纯收入, type: money, required: true}
`,
	"indicators/1.yaml": `
indicators:
  - {id: members, name: {zh: 家庭人口, en: members}, unit: 人, type: number, dataset: household, aggregate: sum, of: members, absent: unknown, fresh_days: 0}
  - {id: self_paid_12m, name: {zh: 近12月自付, en: self-paid}, unit: 元, type: number, dataset: bills, aggregate: sum, of: self_paid, window: {months: 12}, absent: zero, fresh_days: 62}
  - {id: inpatient_ytd, name: {zh: 本年住院次数, en: admissions}, unit: 次, type: number, dataset: bills, aggregate: count, where: 'kind == "inpatient"', window: {year: true}, absent: zero, fresh_days: 62}
  - {id: one_person_most, name: {zh: 一人最多自付, en: most of one person}, unit: 元, type: number, dataset: bills, aggregate: max, per_person: sum, of: self_paid, window: {months: 12}, absent: zero, fresh_days: 62}
  - {id: patients, name: {zh: 就诊人数, en: patients}, unit: 人, type: number, dataset: bills, aggregate: persons, window: {months: 12}, absent: zero, fresh_days: 62}
  - {id: aid_12m, name: {zh: 近12月救助, en: aid}, unit: 元, type: number, dataset: bills, aggregate: sum, of: aid, window: {months: 12}, absent: zero, fresh_days: 62}
  - {id: last_bill, name: {zh: 最近自付, en: last bill}, unit: 元, type: number, dataset: bills, aggregate: latest, of: self_paid, absent: zero, fresh_days: 62}
  - {id: net_income, name: {zh: 纯收入, en: net income}, unit: 元, type: number, dataset: incomes, aggregate: sum, of: net, absent: unknown, fresh_days: 130}
derived:
  - {id: per_head, name: {zh: 人均纯收入, en: income per head}, unit: 元, type: number, derive: 'net_income / members'}
  - {id: reference, name: {zh: 人均参考收入, en: reference income}, unit: 元, type: number, derive: '(net_income - self_paid_12m) / members'}
`,
	"rules/1.yaml": `
rules:
  - id: bill_red
    name: {zh: 大额自付, en: large bill}
    class: risk
    risk: illness
    level: red
    when: 'self_paid_12m > param.bill and reference < param.line'
    on_unknown: ask
    document: default
    wording: {zh: '自付{self_paid_12m}', en: 'paid {self_paid_12m}'}
    examples:
      - {name: a, given: {self_paid_12m: 10001, reference: 8499}, expect: hit}
      - {name: b, given: {self_paid_12m: 10000, reference: 8499}, expect: clear}
      - {name: c, given: {self_paid_12m: 10001}, expect: unknown}
  - id: bill_blue
    name: {zh: 自付较多, en: some bill}
    class: risk
    risk: illness
    level: blue
    when: 'self_paid_12m > param.bill'
    on_unknown: ask
    document: default
    wording: {zh: '自付{self_paid_12m}', en: 'paid {self_paid_12m}'}
    examples:
      - {name: a, given: {self_paid_12m: 10001}, expect: hit}
      - {name: b, given: {self_paid_12m: 10000}, expect: clear}
      - {name: c, given: {}, expect: unknown}
  - id: low_income
    name: {zh: 收入低于线, en: below the line}
    class: risk
    risk: income
    level: yellow
    when: 'per_head < param.line'
    on_unknown: ask
    document: default
    wording: {zh: '人均{per_head}', en: '{per_head} a head'}
    examples:
      - {name: a, given: {per_head: 8499}, expect: hit}
      - {name: b, given: {per_head: 8500}, expect: clear}
      - {name: c, given: {}, expect: unknown}
  - id: rich
    name: {zh: 收入过高, en: high income}
    class: doubt
    risk: income
    level: blue
    when: 'per_head > 20000'
    on_unknown: ignore
    document: default
    wording: {zh: '人均{per_head}', en: '{per_head} a head'}
    examples:
      - {name: a, given: {per_head: 20001}, expect: hit}
      - {name: b, given: {per_head: 20000}, expect: clear}
      - {name: c, given: {}, expect: unknown}
`,
}

var asOf = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

func loadPack(t testing.TB, change func(map[string]string)) *policy.Pack {
	t.Helper()
	files := map[string]string{}
	for k, v := range smallPack {
		files[k] = v
	}
	if change != nil {
		change(files)
	}
	m := fstest.MapFS{}
	for k, v := range files {
		m[k] = &fstest.MapFile{Data: []byte(v)}
	}
	p, err := policy.Load(m)
	if err != nil {
		t.Fatal(err)
	}
	// A changed pack may well fail the examples of the one that it was made from.
	if f := p.Test(); change == nil && len(f) > 0 {
		t.Fatalf("the pack fails its own examples: %v", f)
	}
	return p
}

// world is a warehouse that a test fills by hand.
type world struct {
	testing.TB
	w     *warehouse.Warehouse
	dir   string
	pack  *policy.Pack
	s     *Service
	batch int
}

func newWorld(t testing.TB, p *policy.Pack) *world {
	t.Helper()
	dir := t.TempDir()
	w, err := warehouse.Open(context.Background(), dir+"/warehouse.duckdb", warehouse.Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	if err := w.Schema(context.Background(), p); err != nil {
		t.Fatal(err)
	}
	x := &world{TB: t, w: w, dir: dir, pack: p}
	x.use(p)
	return x
}

func (x *world) use(p *policy.Pack) {
	tree, err := division.Load()
	if err != nil {
		x.Fatal(err)
	}
	x.pack, x.s = p, New(x.w, p, tree, x.dir)
}

func (x *world) sql(text string, args ...any) {
	x.Helper()
	if _, err := x.w.DB().Exec(text, args...); err != nil {
		x.Fatalf("%v\n%s", err, text)
	}
}

// year is the twelve months up to October 2026 and the one that they begin in, as a deliver covers them.
const year = "2025-11-01/2026-10-01"

// deliver makes a new batch of a dataset that covers the month, or the months from/to, for the counties.
func (x *world) deliver(dataset, months string, counties ...int) int {
	x.Helper()
	x.batch++
	x.sql("INSERT INTO batch (batch, dataset, sha256, file_name, state) VALUES (?, ?, ?, ?, 'accepted')", x.batch, dataset, fmt.Sprintf("%064d", x.batch), fmt.Sprintf("%s_%d.csv", dataset, x.batch))
	from, to, ok := strings.Cut(months, "/")
	if !ok {
		to = from
	}
	for _, c := range counties {
		x.sql("INSERT INTO coverage (dataset, county, month, batch) SELECT ?, ?, CAST(m AS DATE), ? FROM generate_series(CAST(? AS DATE), CAST(? AS DATE), INTERVAL 1 MONTH) AS months(m)", dataset, c, x.batch, from, to)
	}
	return x.batch
}

// household adds a household of n members in a village; its id and number are the village code and a serial.
func (x *world) household(village int64, serial, n int) int64 {
	x.Helper()
	id := village*10000 + int64(serial)
	x.sql("INSERT INTO household (household_id, household_no, division, county, members, type, seen) VALUES (?, ?, ?, ?, ?, 'ordinary', ?)", id, fmt.Sprint(id), village, village/1_000_000, n, x.batch)
	for i := range n {
		x.sql("INSERT INTO person (person_key, household_id, relation, birth, seen) VALUES (?::UHUGEINT, ?, 'other', DATE '1980-01-01', ?)", fmt.Sprint(id*10+int64(i)), id, x.batch)
	}
	return id
}

// bill adds a hospital bill of one member, in yuan.
func (x *world) bill(id int64, member int, kind, day string, yuan float64) {
	x.Helper()
	x.sql("INSERT INTO fact_bills (household_id, person_key, batch, row_no, tier, seen, nk, kind, settled, self_paid) VALUES (?, ?::UHUGEINT, ?, 1, 1, ?, hash(?), ?, CAST(? AS DATE), ?)",
		id, fmt.Sprint(id*10+int64(member)), x.batch, x.batch, fmt.Sprint(id, member, kind, day, yuan, x.batch), kind, day, int64(yuan*100))
}

// income sets the net income of a household; an earlier one is superseded.
func (x *world) income(id int64, yuan float64) {
	x.Helper()
	x.sql("INSERT INTO fact_incomes_past BY NAME SELECT *, CAST(? AS INTEGER) AS until FROM fact_incomes WHERE household_id = ?", x.batch, id)
	x.sql("DELETE FROM fact_incomes WHERE household_id = ?", id)
	x.sql("INSERT INTO fact_incomes (household_id, batch, row_no, tier, seen, nk, net) VALUES (?, ?, 1, 3, ?, ?, ?)", id, x.batch, x.batch, id, int64(yuan*100))
}

func (x *world) screen(o Options) Summary {
	x.Helper()
	if o.AsOf.IsZero() {
		o.AsOf = asOf
	}
	o.Now = asOf
	sum, err := x.s.Run(context.Background(), o)
	if err != nil {
		x.Fatal(err)
	}
	return sum
}

// outcome of a rule for a household as recorded in the wide row.
func (x *world) outcome(id int64, rule string) string {
	x.Helper()
	i := x.s.ruleNumber(rule)
	if i < 0 {
		x.Fatalf("no rule %s", rule)
	}
	var hit, unknown bool
	if err := x.w.DB().QueryRow(fmt.Sprintf("SELECT %s, %s FROM wide WHERE household_id = %d", hasBit("hits", i), hasBit("unknowns", i), id)).Scan(&hit, &unknown); err != nil {
		x.Fatal(err)
	}
	switch {
	case hit && unknown:
		x.Fatalf("%d %s: hit and unknown at once", id, rule)
	case hit:
		return "hit"
	case unknown:
		return "unknown"
	}
	return "clear"
}

// value of an indicator, "null" when it is not known.
func (x *world) value(id int64, indicator string) string {
	x.Helper()
	var v *float64
	if err := x.w.DB().QueryRow(fmt.Sprintf(`SELECT CAST("i_%s" AS DOUBLE) FROM wide WHERE household_id = %d`, indicator, id)).Scan(&v); err != nil {
		x.Fatal(err)
	}
	if v == nil {
		return "null"
	}
	return fmt.Sprint(*v)
}

// dump is a table's content as sorted text, for comparisons.
func (x *world) dump(text string) string {
	x.Helper()
	rows, err := x.w.DB().Query("SELECT CAST(t AS VARCHAR) AS line FROM (" + text + ") AS t ORDER BY line")
	if err != nil {
		x.Fatalf("%v\n%s", err, text)
	}
	defer rows.Close()
	var b strings.Builder
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			x.Fatal(err)
		}
		b.WriteString(line + "\n")
	}
	if err := rows.Err(); err != nil {
		x.Fatal(err)
	}
	return b.String()
}
