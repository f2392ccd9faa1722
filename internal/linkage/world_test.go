package linkage_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"path/filepath"
	"testing"
	"time"

	"shouwang/internal/division"
	"shouwang/internal/linkage"
	"shouwang/internal/policy"
	"shouwang/internal/registry"
	"shouwang/internal/secret"
	"shouwang/internal/warehouse"
)

// testPack is a pack with one dataset of every sort that linkage tells apart.
func testPack() *policy.Pack {
	col := func(id string, t policy.Type, link string) policy.Column {
		return policy.Column{ID: id, Type: t, Link: link}
	}
	house := col("household_no", policy.TypeHouseholdNo, "household")
	return &policy.Pack{Name: "test", Datasets: []policy.Dataset{
		{ID: "roster", Kind: policy.Snapshot, Subject: policy.OfPerson, Role: "roster", Columns: []policy.Column{house, col("division", policy.TypeDivision, "village"),
			col("relation", policy.TypeCode, ""), col("sex", policy.TypeCode, ""), col("birth", policy.TypeDate, "birth"), col("household_type", policy.TypeCode, ""), col("relocated", policy.TypeBool, "")}},
		{ID: "hukou_change", Kind: policy.Event, Subject: policy.OfPerson, Role: "changes", EventDate: "changed", Columns: []policy.Column{house, col("change", policy.TypeCode, ""),
			col("changed", policy.TypeDate, ""), col("to_household_no", policy.TypeHouseholdNo, ""), col("division", policy.TypeDivision, "village"), col("birth", policy.TypeDate, "birth")}},
		{ID: "cremation", Kind: policy.Event, Subject: policy.OfPerson, EventDate: "died", Columns: []policy.Column{house, col("died", policy.TypeDate, "")}},
		{ID: "bill", Kind: policy.Event, Subject: policy.OfPerson, EventDate: "settled", Columns: []policy.Column{col("settled", policy.TypeDate, ""), col("paid", policy.TypeMoney, "")}},
		{ID: "school", Kind: policy.Snapshot, Subject: policy.OfPerson, Columns: []policy.Column{col("stage", policy.TypeCode, "")}},
		{ID: "housing", Kind: policy.Snapshot, Subject: policy.OfHousehold, Columns: []policy.Column{house, col("grade", policy.TypeCode, "")}},
	}}
}

// line is one row of a delivered file, with names and numbers as plain text: "" is an empty cell.
type line struct {
	Number, Card, Name, Birth string // Birth "2010-01-02"
	Village                   int64
	House                     string
	Head, HeadName            string
	NK                        string // natural key; "" = none
	V                         map[string]any
}

type file struct {
	Dataset  string
	Scope    division.Code
	From, To string
	Salt     string // makes the file's hash another
	Lines    []line
}

func (f *file) sha() string {
	h := sha256.Sum256(fmt.Appendf(nil, "%v", *f))
	return hex.EncodeToString(h[:])
}

func hash64(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte("k" + s))
	return h.Sum64()
}

func key128(s string) secret.Key128 { return secret.Key128{Hi: hash64("hi" + s), Lo: hash64("lo" + s)} }

func days(s string) int32 {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return int32(t.Unix() / 86400)
}

func date(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

// fataler is what *testing.T and *rapid.T share.
type fataler interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

type world struct {
	t    fataler
	ctx  context.Context
	w    *warehouse.Warehouse
	c    *sql.Conn
	pack *policy.Pack
}

var openOptions = warehouse.Options{Threads: 2, MemoryLimit: "1GiB"}

func newWorld(t testing.TB) *world {
	t.Helper()
	x := &world{t: t, ctx: context.Background(), pack: testPack()}
	var err error
	if x.w, err = warehouse.Open(x.ctx, filepath.Join(t.TempDir(), "w.duckdb"), openOptions); err != nil {
		t.Fatal(err)
	}
	if err = x.w.Schema(x.ctx, x.pack); err != nil {
		t.Fatal(err)
	}
	if x.c, err = x.w.Conn(x.ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.c.Close(); x.w.Close() })
	return x
}

// empty makes the world as on the first day.
func (x *world) empty() {
	x.t.Helper()
	for _, t := range warehouse.Tables(x.pack) {
		if _, err := x.c.ExecContext(x.ctx, "DELETE FROM "+t.Name); err != nil {
			x.t.Fatal(err)
		}
	}
}

func (x *world) dataset(id string) *policy.Dataset {
	for i := range x.pack.Datasets {
		if x.pack.Datasets[i].ID == id {
			return &x.pack.Datasets[i]
		}
	}
	panic("no dataset " + id)
}

// stage fills the staging table as intake does, with the rows of one file or of several.
func (x *world) stage(ds *policy.Dataset, files ...[]line) {
	x.t.Helper()
	if err := x.w.CreateStage(x.ctx, x.c, "stage", ds); err != nil {
		x.t.Fatal(err)
	}
	cols := warehouse.StageColumns(ds)
	ch := warehouse.NewChunk(cols)
	a, err := x.w.Appender(x.ctx, x.c, "stage", cols)
	if err != nil {
		x.t.Fatal(err)
	}
	type numbered struct {
		line
		file, row int
	}
	var lines []numbered
	for n, f := range files {
		for i, l := range f {
			lines = append(lines, numbered{l, n, i + 1})
		}
	}
	for _, l := range lines {
		r := ch.NewRow()
		for j, c := range cols {
			switch {
			case c.Name == "row_no":
				ch.SetInt32(j, r, int32(l.row))
			case c.Name == "file":
				ch.SetInt32(j, r, int32(l.file))
			case c.Name == "person_key" && l.Number != "":
				ch.SetKey128(j, r, key128(l.Number))
			case c.Name == "card_key" && l.Card != "":
				ch.SetKey128(j, r, key128(l.Card))
			case c.Name == "name_key" && l.Name != "":
				ch.SetUint64(j, r, hash64(l.Name))
			case (c.Name == "birth_link" || c.Name == "birth") && l.Birth != "":
				ch.SetDate(j, r, days(l.Birth))
			case (c.Name == "village" || c.Name == "division") && l.Village != 0:
				ch.SetInt64(j, r, l.Village)
			case c.Name == "house_id" && l.House != "":
				id, _, _ := registry.HouseholdID(l.House)
				ch.SetInt64(j, r, id)
			case c.Name == "house_no" && l.House != "" && ds.Role != "":
				ch.SetString(j, r, l.House)
			case c.Name == "head_key" && l.Head != "":
				ch.SetKey128(j, r, key128(l.Head))
			case c.Name == "head_name_key" && l.HeadName != "":
				ch.SetUint64(j, r, hash64(l.HeadName))
			case c.Name == "nk" && l.NK != "":
				ch.SetUint64(j, r, hash64(l.NK))
			}
			v, ok := l.V[c.Contract]
			if c.Contract == "" || !ok {
				continue
			}
			switch {
			case c.Text:
				ch.SetString(j, r, v.(string))
			case c.Contract == "to_household_no":
				id, _, _ := registry.HouseholdID(v.(string))
				ch.SetInt64(j, r, id)
			case c.SQLType == "DATE":
				ch.SetDate(j, r, days(v.(string)))
			case c.SQLType == "BIGINT":
				ch.SetInt64(j, r, int64(v.(int)))
			case c.SQLType == "BOOLEAN":
				ch.SetBool(j, r, v.(bool))
			default:
				ch.SetString(j, r, v.(string))
			}
		}
		if ch.Full() {
			if err := a.Append(ch); err != nil {
				x.t.Fatal(err)
			}
			ch.Reset()
		}
	}
	if err := a.Append(ch); err != nil {
		x.t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		x.t.Fatal(err)
	}
}

// accept takes a file in.
func (x *world) accept(f file) linkage.Result {
	x.t.Helper()
	return x.together(nil, f)[0]
}

// together takes files of one dataset in, all at once.
func (x *world) together(keep func(int, *linkage.Result) bool, files ...file) []linkage.Result {
	x.t.Helper()
	ds := x.dataset(files[0].Dataset)
	tx, err := x.c.BeginTx(x.ctx, nil)
	if err != nil {
		x.t.Fatal(err)
	}
	var lines [][]line
	var bs []*linkage.Batch
	for _, f := range files {
		lines = append(lines, f.Lines)
		bs = append(bs, &linkage.Batch{Dataset: ds, SHA256: f.sha(), FileName: f.Dataset + ".csv", Scope: f.Scope,
			From: date(f.From), To: date(f.To), Rows: len(f.Lines), ReceivedAt: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)})
	}
	x.stage(ds, lines...)
	res, err := linkage.AcceptAll(x.ctx, x.c, x.w, x.pack, bs, "stage", keep)
	if err != nil {
		tx.Rollback()
		x.t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		x.t.Fatal(err)
	}
	return res
}

// rows gives a query's rows as text, one string a row.
func (x *world) rows(q string) []string {
	x.t.Helper()
	rows, err := x.c.QueryContext(x.ctx, q)
	if err != nil {
		x.t.Fatalf("%s: %v", q, err)
	}
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil {
		x.t.Fatal(err)
	}
	var out []string
	for rows.Next() {
		cells := make([]any, len(cols))
		for i := range cells {
			cells[i] = new(any)
		}
		if err := rows.Scan(cells...); err != nil {
			x.t.Fatal(err)
		}
		s := ""
		for i := range cells {
			v := *cells[i].(*any)
			if i > 0 {
				s += " "
			}
			switch v := v.(type) {
			case nil:
				s += "-"
			case time.Time:
				s += v.Format(time.DateOnly)
			default:
				s += fmt.Sprint(v)
			}
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		x.t.Fatal(err)
	}
	return out
}
