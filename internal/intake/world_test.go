package intake

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"shouwang/internal/division"
	"shouwang/internal/policy"
	"shouwang/internal/residentid"
	"shouwang/internal/secret"
	"shouwang/internal/warehouse"
	packs "shouwang/policy"
)

var now = time.Date(2026, 11, 3, 9, 30, 0, 0, time.UTC)

// loadPack reads the shipped pack's contracts (without rules and indicators, which intake does not need) and the division tree, once.
var loadPack = sync.OnceValues(func() (struct {
	pack *policy.Pack
	tree *division.Tree
}, error) {
	var out struct {
		pack *policy.Pack
		tree *division.Tree
	}
	var err error
	if out.pack, err = policy.Load(packs.Guizhou()); err != nil {
		return out, err
	}
	out.tree, err = division.Load()
	return out, err
})

// world is a data folder with everything that a real one has.
type world struct {
	*Service
	t    testing.TB
	dir  string // data folder
	in   string // folder of delivered files
	logs *strings.Builder
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return openWorld(t, t.TempDir())
}

// openWorld opens (or makes) the data folder below root.
func openWorld(t testing.TB, root string) *world {
	t.Helper()
	loaded, err := loadPack()
	if err != nil {
		t.Fatal(err)
	}
	dir, in, ring := filepath.Join(root, "data"), filepath.Join(root, "in"), filepath.Join(root, "keyring")
	for _, d := range []string{dir, in} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	keyring, err := secret.Load(ring)
	if err != nil {
		if keyring, err = secret.Create(ring); err != nil {
			t.Fatal(err)
		}
	}
	w, err := warehouse.Open(context.Background(), filepath.Join(dir, "warehouse.duckdb"), warehouse.Options{Threads: 2, MemoryLimit: "1GiB"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	if err := w.Schema(context.Background(), loaded.pack); err != nil {
		t.Fatal(err)
	}
	logs := &strings.Builder{}
	s := New(w, keyring, loaded.pack, loaded.tree, dir, slog.New(slog.NewTextHandler(logs, nil)))
	return &world{Service: s, t: t, dir: dir, in: in, logs: logs}
}

// write puts a file into the delivery folder.
func (w *world) write(name, text string) string {
	w.t.Helper()
	path := filepath.Join(w.in, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// take takes files in and returns their receipts.
func (w *world) takeIn(paths ...string) []Receipt {
	w.t.Helper()
	rs, err := w.Files(context.Background(), paths, Options{Now: now})
	if err != nil {
		w.t.Fatal(err)
	}
	return rs
}

// one writes a file, takes it in and returns its receipt.
func (w *world) one(name, text string) Receipt {
	w.t.Helper()
	return w.takeIn(w.write(name, text))[0]
}

func (w *world) count(query string) int {
	w.t.Helper()
	var n int
	if err := w.w.DB().QueryRow(query).Scan(&n); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
	return n
}

func (w *world) digest() string {
	w.t.Helper()
	d, err := w.Digest(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// verify fails the test on any broken finding.
func (w *world) verify() Verification {
	w.t.Helper()
	v, err := w.Verify(context.Background(), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if !v.OK {
		w.t.Errorf("verify: %+v", v.Findings)
	}
	return v
}

// idNumber makes a valid resident number: region, birth date (YYYYMMDD), order.
func idNumber(region, birth string, order int) string {
	n := fmt.Sprintf("%s%s%03d", region, birth, order)
	return n + string(residentid.CheckDigit([]byte(n)))
}

// person of the test roster.
type person struct {
	house, village, relation, name, number, phone, birth string
}

var surnames = []rune("王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗")
var given = []string{"秀英", "建国", "志强", "丽华", "光明", "春梅", "国庆", "小红", "德胜", "玉兰", "阿依", "老满"}

// people makes households of three in a county's villages.
func people(tree *division.Tree, county division.Code, households int) []person {
	villages := tree.Villages(county)
	var out []person
	for h := range households {
		v := villages[h%min(len(villages), 7)].Code
		house := fmt.Sprintf("%d%05d", int64(v), h)
		for m, relation := range []string{"户主", "配偶", "子"} {
			k := h*3 + m
			birth := time.Date(1950+(k*7)%60, time.Month(1+k%12), 1+k%28, 0, 0, 0, 0, time.UTC)
			out = append(out, person{house: house, village: v.Prefix(), relation: relation,
				name:   string(surnames[k%len(surnames)]) + given[k/len(surnames)%len(given)] + string(rune('一'+k%900)),
				number: idNumber(county.Prefix(), birth.Format("20060102"), k%1000), phone: fmt.Sprintf("138%08d", 10000000+k), birth: birth.Format(time.DateOnly)})
		}
	}
	return out
}

const rosterHeader = "户编号,行政村代码,与户主关系,姓名,证件号码,联系电话,出生日期,户类型\n"

func rosterCSV(ps []person) string {
	var b strings.Builder
	b.WriteString(rosterHeader)
	for _, p := range ps {
		fmt.Fprintf(&b, "%s,%s,%s,%s,%s,%s,%s,一般农户\n", p.house, p.village, p.relation, p.name, p.number, p.phone, p.birth)
	}
	return b.String()
}

const healthHeader = "结算单号,姓名,身份证号码,出生日期,医疗类别,入院日期,结算日期,医疗总费用,个人自付\n"

func healthCSV(ps []person, month string) string {
	var b strings.Builder
	b.WriteString(healthHeader)
	for i, p := range ps {
		fmt.Fprintf(&b, "S%s%06d,%s,%s,%s,住院,%s-01,%s-%02d,%d.50,%d.25\n", strings.ReplaceAll(month, "-", ""), i, p.name, p.number, p.birth, month, month, 2+i%20, 1000+i, 300+i)
	}
	return b.String()
}

const county = division.Code(522633000000) // Congjiang
