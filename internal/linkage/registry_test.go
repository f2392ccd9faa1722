package linkage_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"shouwang/internal/errs"
	"shouwang/internal/linkage"
	"shouwang/internal/registry"
	"shouwang/internal/secret"
	"shouwang/internal/warehouse"
)

// who gives the current members and the ended memberships, persons by the number that names their key.
func (x *world) who(numbers ...string) (current, former []string) {
	x.t.Helper()
	list := ""
	for i, n := range numbers {
		if i > 0 {
			list += ", "
		}
		k := key128(n)
		list += fmt.Sprintf("('%s', %s)", n, warehouse.DuckDB.Key128(k.Hi, k.Lo))
	}
	q := "SELECT n || '@' || household_id || coalesce(' from ' || member_from, '') || coalesce(' to ' || member_to, '') || CASE WHEN contested THEN ' contested' ELSE '' END FROM %s p JOIN (VALUES " + list + ") v(n, k) ON v.k = p.person_key ORDER BY 1"
	return x.rows(fmt.Sprintf(q, "person")), x.rows(fmt.Sprintf(q, "person_former"))
}

func (x *world) expect(what string, wantCurrent, wantFormer []string, numbers ...string) {
	if t, ok := x.t.(*testing.T); ok {
		t.Helper()
		c, f := x.who(numbers...)
		if diff := cmp.Diff(wantCurrent, c); diff != "" {
			t.Errorf("%s: members: %s", what, diff)
		}
		if diff := cmp.Diff(wantFormer, f); diff != "" {
			t.Errorf("%s: former: %s", what, diff)
		}
	}
}

func change(kind, number, day, house, to string, village int64) line {
	l := line{Number: number, House: house, Village: village, NK: kind + number + day, V: map[string]any{"change": kind, "changed": day}}
	if to != "" {
		l.V["to_household_no"] = to
	}
	return l
}

const households = "SELECT household_no, division, county, members FROM household ORDER BY household_no"

// TestMembership: the roster, then births, deaths, moves and splits on top; heads who die; then a new roster that settles everything.
func TestMembership(t *testing.T) {
	x := newWorld(t)
	x.accept(smallRoster()) // June
	x.expect("roster", []string{"n1@1001", "n2@1001", "n3@1001"}, nil, "n1", "n2", "n3")
	if diff := cmp.Diff([]string{"1001 522633105001 522633 3", "1002 522633105001 522633 2", "1003 522633105002 522633 1"}, x.rows(households)); diff != "" {
		t.Error(diff)
	}
	headOf := func(house int, number string) {
		t.Helper()
		k := key128(number)
		if got := x.rows(fmt.Sprintf("SELECT head_key = %s FROM household WHERE household_id = %d", warehouse.DuckDB.Key128(k.Hi, k.Lo), house)); len(got) != 1 || got[0] != "true" {
			t.Errorf("%s is not the head of %d: %v", number, house, got)
		}
	}
	headOf(1001, "n1")
	r := x.accept(file{Dataset: "hukou_change", Scope: countyA, From: "2026-07-01", To: "2026-07-31", Lines: []line{
		change("death", "n1", "2026-07-10", "1001", "", 0),
		change("birth", "n7", "2026-07-11", "1001", "", 0),
		change("split", "n5", "2026-07-12", "1002", "1009", villageB), // a new household
		change("move_out", "n6", "2026-07-13", "", "", 0),
		change("birth", "n8", "2026-07-14", "1009", "", 0),   // into the household that this very file makes
		change("move_in", "n9", "2026-06-15", "1001", "", 0), // before the roster's end: the roster would have it
		change("birth", "nx", "2026-07-01", "7777", "", 0),   // a household nobody knows
	}})
	if r.Pending != 2 || r.Relinked != 1 {
		t.Errorf("pending %d relinked %d", r.Pending, r.Relinked)
	}
	x.expect("changes", []string{"n2@1001", "n3@1001", "n4@1002", "n5@1009 from 2026-07-12", "n7@1001 from 2026-07-11", "n8@1009 from 2026-07-14"},
		[]string{"n1@1001 to 2026-07-10", "n5@1002 to 2026-07-12", "n6@1003 to 2026-07-13"}, "n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9", "nx")
	if diff := cmp.Diff([]string{"1001 522633105001 522633 3", "1002 522633105001 522633 1", "1003 522633105002 522633 0", "1009 522633105002 522633 2"}, x.rows(households)); diff != "" {
		t.Error(diff)
	}
	headOf(1001, "n2") // the spouse
	headOf(1009, "n5") // the eldest: the child's birth date is not known

	// A late bill of the dead goes to the household; one of the moved-out, too.
	x.accept(file{Dataset: "bill", Scope: countyA, From: "2026-07-01", To: "2026-07-31", Lines: []line{bill("1", "n1", 5), bill("2", "n6", 6), bill("3", "n5", 7)}})
	if diff := cmp.Diff([]string{"1 1001 1", "2 1003 1", "3 1009 1"}, x.rows(bills)); diff != "" {
		t.Error(diff)
	}

	// n6 moves into 1001: the bill follows; history stays readable.
	m := x.accept(file{Dataset: "hukou_change", Scope: countyA, From: "2026-08-01", To: "2026-08-31", Lines: []line{change("move_in", "n6", "2026-08-01", "1001", "", 0)}})
	if m.Moved != 1 {
		t.Errorf("moved %d", m.Moved)
	}
	if diff := cmp.Diff([]string{"1001 5", "1001 6", "1009 7"}, x.knownAt("fact_bill", "household_id, paid", 4)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"1001 5", "1003 6", "1009 7"}, x.knownAt("fact_bill", "household_id, paid", 3)); diff != "" {
		t.Error(diff)
	}

	// The next roster has its own view: the birth n7 is not in it, n1 still is (rosters lag behind deaths), 1009 is gone.
	next := smallRoster()
	next.From, next.To = "2026-08-01", "2026-08-31"
	x.accept(next)
	x.expect("next roster", []string{"n2@1001", "n3@1001", "n4@1002", "n5@1002", "n6@1003"}, []string{"n1@1001 to 2026-07-10"}, "n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8")
	if diff := cmp.Diff([]string{"1001 522633105001 522633 2", "1002 522633105001 522633 2", "1003 522633105002 522633 1"}, x.rows(households)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"1001 3", "1002 1", "1003 0", "1009 2"}, x.knownAt("household", "household_no, members", 2)); diff != "" {
		t.Error(diff)
	}
}

// TestTwoCounties: the later roster wins; two of one period contest a person; a death record ends it.
func TestTwoCounties(t *testing.T) {
	x := newWorld(t)
	x.accept(smallRoster())
	inC := func(to string) file {
		return file{Dataset: "roster", Scope: countyC, From: to[:8] + "01", To: to, Lines: []line{member("2001", villageC, "head", "n3", "潘小三", "2010-03-03")}}
	}
	x.accept(file{Dataset: "bill", Scope: countyA, From: "2026-06-01", To: "2026-06-30", Lines: []line{bill("1", "n3", 1)}})
	x.accept(inC("2026-06-30"))
	x.expect("same period", []string{"n3@1001 contested", "n3@2001 contested"}, nil, "n3")
	if diff := cmp.Diff([]string{"1 ambiguous"}, x.rows("SELECT row_no, why FROM pending_bill")); diff != "" {
		t.Error(diff)
	}
	r := x.accept(file{Dataset: "bill", Scope: countyA, From: "2026-07-01", To: "2026-07-31", Lines: []line{bill("2", "n3", 2), {NK: "3", Number: "n3", Name: "潘小三", House: "2001"}}})
	if r.Why["ambiguous"] != 2 {
		t.Errorf("a contested number links: %+v", r)
	}
	later := x.accept(inC("2026-07-31"))
	x.expect("later roster", []string{"n3@2001"}, []string{"n3@1001 to 2026-07-31"}, "n3")
	if later.Relinked != 3 {
		t.Errorf("relinked %d", later.Relinked)
	}
	if diff := cmp.Diff([]string{"1 2001 1", "1 2001 1", "2 2001 1"}, x.rows(bills)); diff != "" {
		t.Error(diff)
	}
	x.accept(file{Dataset: "cremation", Scope: countyC, From: "2026-08-01", To: "2026-08-31", Lines: []line{{NK: "d", Number: "n3", Name: "潘小三", V: map[string]any{"died": "2026-08-08"}}}})
	x.expect("death", nil, []string{"n3@1001 to 2026-07-31", "n3@2001 to 2026-08-08"}, "n3")
}

// TestContestedInAnyOrder: what is linked by number or card while one roster is there, and then contested by another, ends as if both rosters had come first; so does what a
// later roster settles.
func TestContestedInAnyOrder(t *testing.T) {
	inC := func(to string) file {
		return file{Dataset: "roster", Scope: countyC, From: to[:8] + "01", To: to, Lines: []line{member("2001", villageC, "head", "n3", "潘小三", "2010-03-03")}}
	}
	facts := []file{
		{Dataset: "bill", Scope: countyA, From: "2026-06-01", To: "2026-06-30", Lines: []line{bill("1", "n3", 1), bill("2", "n1", 2), {NK: "3", Number: "n3", Name: "潘小三", House: "1001", V: map[string]any{"paid": 3}},
			{NK: "4", Card: "n3", V: map[string]any{"paid": 4}}, {NK: "5", Name: "潘小三", House: "1001", V: map[string]any{"paid": 5}}}},
		{Dataset: "school", Scope: countyA, From: "2026-06-01", To: "2026-06-30", Lines: []line{pupil("n3", "primary")}},
	}
	x := newWorld(t)
	for _, settled := range []bool{false, true} {
		files := append([]file{smallRoster(), inC("2026-06-30")}, facts...)
		want := []string{"bill 1001 2", "bill 1001 5"}
		waiting := []string{"bill 1 ambiguous", "bill 3 ambiguous", "bill 4 ambiguous", "school 1 ambiguous"}
		if settled {
			files = append(files, inC("2026-07-31"))
			want, waiting = []string{"bill 1001 2", "bill 2001 1", "bill 2001 3", "bill 2001 4", "bill 2001 5", "school 2001 primary"}, nil
		}
		n := 0
		permute(len(files), func(order []int) {
			if n++; settled && n%7 != 1 {
				return
			}
			x.empty()
			var known [][]string
			for _, i := range order {
				x.accept(files[i])
				known = append(known, x.rows("SELECT household_id, paid FROM fact_bill ORDER BY ALL"))
			}
			got := x.rows("SELECT 'bill', household_id, paid FROM fact_bill UNION ALL SELECT 'school', household_id, stage FROM fact_school ORDER BY ALL")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("order %v: %s", order, diff)
			}
			if diff := cmp.Diff(waiting, x.rows("SELECT 'bill', row_no, why FROM pending_bill UNION ALL SELECT 'school', row_no, why FROM pending_school ORDER BY ALL")); diff != "" {
				t.Errorf("order %v, waiting: %s", order, diff)
			}
			for b := range known {
				if diff := cmp.Diff(known[b], x.knownAt("fact_bill", "household_id, paid", b+1)); diff != "" {
					t.Errorf("order %v, as known at batch %d: %s", order, b+1, diff)
				}
			}
		})
	}
}

// TestFormerByName: a row that names its person by household number and name, or by name, birth date and village, goes the same way before a death or a move and behind.
func TestFormerByName(t *testing.T) {
	files := []file{
		{Dataset: "cremation", Scope: countyA, From: "2026-07-01", To: "2026-07-31", Lines: []line{{NK: "d", Number: "n1", V: map[string]any{"died": "2026-07-08"}}}},
		{Dataset: "hukou_change", Scope: countyA, From: "2026-07-01", To: "2026-07-31", Lines: []line{change("move_in", "n2", "2026-07-09", "1003", "", 0)}},
		{Dataset: "bill", Scope: countyA, From: "2026-08-01", To: "2026-08-31", Lines: []line{
			{NK: "1", Name: "潘老大", House: "1001", V: map[string]any{"paid": 1}}, {NK: "2", Name: "王二妹", House: "1001", V: map[string]any{"paid": 2}},
			{NK: "3", Name: "王二妹", Birth: "1972-02-02", Village: villageA, V: map[string]any{"paid": 3}}}},
	}
	x := newWorld(t)
	permute(len(files), func(order []int) {
		x.empty()
		x.accept(smallRoster())
		for _, i := range order {
			x.accept(files[i])
		}
		if diff := cmp.Diff([]string{"1 1001", "2 1003", "3 1003"}, x.rows("SELECT row_no, household_id FROM fact_bill ORDER BY 1")); diff != "" {
			t.Errorf("order %v: %s %v", order, diff, x.rows("SELECT row_no, why FROM pending_bill"))
		}
	})
}

// TestArrival: the same files in many orders (every twentieth of all) make the same registry.
func TestArrival(t *testing.T) {
	next := smallRoster()
	next.From, next.To, next.Lines = "2026-08-01", "2026-08-31", next.Lines[1:]
	files := []file{smallRoster(), next,
		{Dataset: "hukou_change", Scope: countyA, From: "2026-09-01", To: "2026-09-30", Lines: []line{change("split", "n5", "2026-09-02", "1002", "1009", villageB), change("birth", "n8", "2026-09-14", "1009", "", 0)}},
		{Dataset: "hukou_change", Scope: countyA, From: "2026-10-01", To: "2026-10-31", Lines: []line{change("move_out", "n5", "2026-10-02", "1009", "", 0), change("move_in", "n5", "2026-10-02", "", "1003", 0)}},
		{Dataset: "cremation", Scope: countyA, From: "2026-07-01", To: "2026-07-31", Lines: []line{{NK: "d", Number: "n4", V: map[string]any{"died": "2026-07-08"}}}},
	}
	x := newWorld(t)
	want := ""
	n := 0
	permute(len(files), func(order []int) {
		if n++; n%20 != 1 {
			return
		}
		x.empty()
		for _, i := range order {
			x.accept(files[i])
		}
		got, err := registry.Digest(x.ctx, x.c)
		if err != nil {
			t.Fatal(err)
		}
		if want == "" {
			want = got
			x.expect("all files", []string{"n2@1001", "n3@1001", "n5@1003 from 2026-10-02", "n6@1003", "n8@1009 from 2026-09-14"},
				[]string{"n4@1002 to 2026-07-08", "n5@1002 to 2026-09-02", "n5@1009 from 2026-09-02 to 2026-10-02"}, "n1", "n2", "n3", "n4", "n5", "n6", "n8")
		}
		if got != want {
			c, f := x.who("n1", "n2", "n3", "n4", "n5", "n6", "n8")
			t.Errorf("order %v: %v former %v households %v pending %v", order, c, f, x.rows(households), x.rows("SELECT row_no, batch, why FROM pending_hukou_change"))
		}
	})
}

// permute calls fn with every order of 0..n-1.
func permute(n int, fn func([]int)) {
	var rec func(head, rest []int)
	rec = func(head, rest []int) {
		if len(rest) == 0 {
			fn(head)
			return
		}
		for i := range rest {
			var left []int
			left = append(append(left, rest[:i]...), rest[i+1:]...)
			rec(append(append([]int(nil), head...), rest[i]), left)
		}
	}
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	rec(nil, all)
}

// TestLookups: by number, household number and name; pages; revelation with a reason only.
func TestLookups(t *testing.T) {
	x := newWorld(t)
	x.accept(smallRoster())
	p, err := registry.ByNumber(x.ctx, x.c, key128("n3"))
	if err != nil || len(p) != 1 || p[0].HouseholdID != 1001 || p[0].Birth.Format("2006-01-02") != "2010-03-03" || p[0].Relation != "son" {
		t.Errorf("%+v %v", p, err)
	}
	if p, err = registry.ByNumber(x.ctx, x.c, key128("nobody")); err != nil || len(p) != 0 {
		t.Errorf("%+v %v", p, err)
	}
	h, err := registry.ByHouseholdNo(x.ctx, x.c, "１００-1")
	if err != nil || h.ID != 1001 || h.Members != 3 || h.Division != villageA || h.County != 522633 || h.HeadKey != key128("n1") {
		t.Errorf("%+v %v", h, err)
	}
	if _, err = registry.ByHouseholdNo(x.ctx, x.c, "4040"); errs.KindOf(err) != errs.NotFound {
		t.Error(err)
	}
	if _, err = registry.ByHouseholdNo(x.ctx, x.c, "11010519491231002X"); err == nil || strings.Contains(errs.Text(err, "zh")+errs.Text(err, "en")+err.Error(), "11010519491231002X") {
		t.Errorf("a resident number comes back in plain: %v", err)
	}
	var got []string
	var after registry.Cursor
	for range 10 {
		list, next, err := registry.ByName(x.ctx, x.c, hash64("潘小三"), countyA, after, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range list {
			got = append(got, fmt.Sprintf("%d %s", p.HouseholdID, p.Relation))
		}
		if next == nil {
			break
		}
		after = *next
	}
	if len(got) != 4 || got[0] != "1001 son" || got[3] != "1003 head" {
		t.Error(got)
	}
	if list, _, err := registry.ByName(x.ctx, x.c, hash64("潘小三"), villageB, registry.Cursor{}, 10); err != nil || len(list) != 1 {
		t.Error(list, err)
	}
	if list, _, err := registry.ByName(x.ctx, x.c, hash64("潘小三"), countyC, registry.Cursor{}, 10); err != nil || len(list) != 0 {
		t.Error(list, err)
	}
}

// TestNothingInPlain: sealed identities come back with a reason, and the file itself holds neither names nor numbers.
func TestNothingInPlain(t *testing.T) {
	dir := t.TempDir()
	keys, err := secret.Create(filepath.Join(dir, "keyring"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "data", "w.duckdb")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	x := &world{t: t, ctx: context.Background(), pack: testPack()}
	if x.w, err = warehouse.Open(x.ctx, path, openOptions); err != nil {
		t.Fatal(err)
	}
	if err := x.w.Schema(x.ctx, x.pack); err != nil {
		t.Fatal(err)
	}
	if x.c, err = x.w.Conn(x.ctx); err != nil {
		t.Fatal(err)
	}
	ds := x.dataset("roster")
	if err := x.w.CreateStage(x.ctx, x.c, "stage", ds); err != nil {
		t.Fatal(err)
	}
	cols := warehouse.StageColumns(ds)
	at := map[string]int{}
	for i, c := range cols {
		at[c.Name] = i
	}
	plain := []string{"潘金莲花", "522633197001011234", "13985550123", "6217001234567890123"}
	ch := warehouse.NewChunk(cols)
	for i := range 500 {
		r := ch.NewRow()
		number := fmt.Sprintf("52263319700101%04d", 1000+i)
		key := keys.PersonKey([]byte(number))
		ch.SetInt32(at["row_no"], r, int32(i+1))
		ch.SetKey128(at["person_key"], r, key)
		ch.SetUint64(at["name_key"], r, keys.NameKey([]byte(plain[0])))
		ch.SetInt64(at["house_id"], r, int64(7000+i/4))
		ch.SetString(at["house_no"], r, fmt.Sprint(7000+i/4))
		ch.SetInt64(at["division"], r, villageA)
		for col, v := range map[string]string{"name": plain[0], "number": number, "phone": plain[2], "bank": plain[3]} {
			ch.SetBytes(at[col+"_enc"], r, keys.Seal(nil, col, key, []byte(v)))
		}
	}
	a, err := x.w.Appender(x.ctx, x.c, "stage", cols)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(a.Append(ch), a.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := linkage.Accept(x.ctx, x.c, x.w, x.pack, &linkage.Batch{Dataset: ds, SHA256: "ab", Scope: countyA, From: date("2026-06-01"), To: date("2026-06-30")}, "stage"); err != nil {
		t.Fatal(err)
	}
	if _, err := registry.Reveal(x.ctx, x.c, keys, "roster", 7000, " ", nil); errs.KindOf(err) != errs.Refused {
		t.Errorf("without a reason: %v", err)
	}
	logged := ""
	got, err := registry.Reveal(x.ctx, x.c, keys, "roster", 7000, "visit", func(_ context.Context, id int64, n int, reason string) error {
		logged = fmt.Sprint(id, n, reason)
		return nil
	})
	if err != nil || len(got) != 4 || logged != "7000 4visit" && logged != "7000 4 visit" {
		t.Fatalf("%v %v %q", len(got), err, logged)
	}
	for _, g := range got {
		if g.Identity.Name != plain[0] || g.Identity.Phone != plain[2] || g.Identity.BankAccount != plain[3] || keys.PersonKey([]byte(g.Identity.Number)) != g.Person.Key {
			t.Error("the identity does not come back as it went in")
		}
	}
	if _, err := registry.Reveal(x.ctx, x.c, keys, "roster", 7000, "visit", func(context.Context, int64, int, string) error { return errs.New(errs.Refused, "不", "no") }); errs.KindOf(err) != errs.Refused {
		t.Errorf("a refused log does not stop the revelation: %v", err)
	}
	other, err := secret.Create(filepath.Join(dir, "other"))
	if err != nil {
		t.Fatal(err)
	}
	masked, err := registry.Masked(x.ctx, x.c, keys, "roster", 7000)
	if err != nil || len(masked) != len(got) {
		t.Fatalf("%d masked, %v", len(masked), err)
	}
	for i, m := range masked {
		plain := got[i].Identity
		if plain.Name != "" && (m.Identity.Name == plain.Name || !strings.HasPrefix(m.Identity.Name, string([]rune(plain.Name)[:1]))) || plain.Number != "" && m.Identity.Number == plain.Number {
			t.Errorf("member %d is not masked", i)
		}
	}
	if _, err := registry.Reveal(x.ctx, x.c, other, "roster", 7000, "visit", nil); errs.KindOf(err) != errs.Unavailable {
		t.Errorf("another keyring: %v", err)
	}
	if _, err := x.c.ExecContext(x.ctx, "CHECKPOINT"); err != nil {
		t.Fatal(err)
	}
	x.c.Close()
	if err := x.w.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "data", "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{plain[0], "52263319700101", plain[2], plain[3]} {
			if bytes.Contains(b, []byte(s)) {
				t.Errorf("%s holds a plain value", filepath.Base(f))
			}
		}
	}
}
