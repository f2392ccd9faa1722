package phone_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/account/accounttest"
	"shouwang/internal/attachment"
	"shouwang/internal/audit"
	"shouwang/internal/casework"
	"shouwang/internal/errs"
	"shouwang/internal/intake"
	"shouwang/internal/ledger"
	"shouwang/internal/ledger/ledgertest"
	"shouwang/internal/phone"
	"shouwang/internal/policy"
	"shouwang/internal/registry"
	"shouwang/internal/screening"
	"shouwang/internal/secret"
	"shouwang/internal/synth"
	"shouwang/internal/warehouse"
	"shouwang/internal/workflow"

	"shouwang/internal/division"
	packs "shouwang/policy"
)

const village = accounttest.Village

var now = time.Date(2026, 11, 24, 10, 0, 0, 0, time.FixedZone("UTC+8", 8*3600))

// register is a screened village of about 400 households, made once: tests change ledgers, never it.
type register struct {
	w       *warehouse.Warehouse
	scr     *screening.Service
	keyring *secret.Keyring
	pack    *policy.Pack
	tree    *division.Tree
	homes   []registry.Household
}

var shared *register

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "shouwang-phone-")
	if err == nil {
		shared, err = newRegister(context.Background(), dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	shared.w.Close()
	os.RemoveAll(dir)
	os.Exit(code)
}

func newRegister(ctx context.Context, dir string) (*register, error) {
	r, log := &register{}, slog.New(slog.DiscardHandler)
	var err error
	if r.pack, err = policy.Load(packs.Guizhou()); err != nil {
		return nil, err
	}
	if r.tree, err = division.Load(); err != nil {
		return nil, err
	}
	if r.keyring, err = secret.Create(filepath.Join(dir, "keyring")); err != nil {
		return nil, err
	}
	if r.w, err = warehouse.Open(ctx, filepath.Join(dir, "w.duckdb"), warehouse.Options{}); err != nil {
		return nil, err
	}
	if err := r.w.Schema(ctx, r.pack); err != nil {
		return nil, err
	}
	data, files := filepath.Join(dir, "data"), filepath.Join(dir, "synth")
	if err := os.Mkdir(data, 0o700); err != nil {
		return nil, err
	}
	r.scr = screening.New(r.w, r.pack, r.tree, data)
	if _, err := synth.Generate(ctx, synth.Options{Out: files, Division: village, Households: 400, Seed: 9, AsOf: now, Pack: r.pack, Tree: r.tree}); err != nil {
		return nil, err
	}
	if _, err := intake.New(r.w, r.keyring, r.pack, r.tree, data, log).Files(ctx, []string{filepath.Join(files, "files")}, intake.Options{Now: now}); err != nil {
		return nil, err
	}
	if _, err := r.scr.Run(ctx, screening.Options{AsOf: now, Now: now, Full: true}); err != nil {
		return nil, err
	}
	conn, err := r.w.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	r.homes, _, err = registry.UnderVillage(ctx, conn, r.keyring, r.pack.Roster().ID, village, 1000)
	return r, err
}

// world is a ledger beside the register.
type world struct {
	*testing.T
	l       *ledger.Ledger
	cases   *casework.Service
	s       *phone.Service
	files   *attachment.Store
	village account.Actor
	county  account.Actor
	other   account.Actor // another worker of the village
}

func newWorld(t testing.TB, l *ledger.Ledger) *world {
	t.Helper()
	w := &world{l: l}
	w.T, _ = t.(*testing.T)
	actors := accounttest.Actors(village)
	w.village, w.county, w.other = actors[account.Village], actors[account.County], actors[account.Village]
	w.other.Account = "test-village-2"
	indicators := func(ctx context.Context, household int64) (workflow.Facts, error) {
		out := workflow.Facts{}
		for _, h := range shared.homes {
			if h.ID != household {
				continue
			}
			row, err := shared.scr.Row(ctx, h.No)
			if err != nil {
				return nil, err
			}
			for i := range shared.pack.Indicators {
				if row[i].Known {
					out[shared.pack.Indicators[i].ID] = row[i]
				}
			}
		}
		return out, nil
	}
	var err error
	if w.cases, err = casework.New(l, shared.keyring, shared.pack, accounttest.Service(t, l), casework.Hooks{Indicators: indicators}, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	w.files = attachment.New(t.TempDir(), shared.keyring)
	if w.s, err = phone.New(phone.Parts{Ledger: l, Warehouse: shared.w, Keyring: shared.keyring, Pack: shared.pack, Tree: shared.tree, Cases: w.cases, Screening: shared.scr, Files: w.files}); err != nil {
		t.Fatal(err)
	}
	return w
}

// lead makes cases of the first n households of the register.
func (w *world) lead(t testing.TB, n int) {
	t.Helper()
	var list []casework.Signal
	for i, h := range shared.homes[:n] {
		list = append(list, casework.Signal{Household: h.ID, HouseholdNo: h.No, Division: h.Division, HouseholdType: h.Type, Channel: casework.Screening, Risk: "illness", Level: 1 + i%3, Rule: "illness_poverty", Run: 1,
			Words: policy.Text{ZH: fmt.Sprintf("近12月合规自付医疗费 %d 元，超过年人均可支配收入的一半，请入户核实家庭收支和保障情况。", 30000+i*17), EN: fmt.Sprintf("Compliant self-paid medical costs of the last 12 months are %d yuan, more than half of a year's income a head; please visit.", 30000+i*17)}})
	}
	if _, err := w.cases.Receive(t.Context(), w.county, now, list, nil); err != nil {
		t.Fatal(err)
	}
}

func (w *world) sync(actor account.Actor) *phone.Village {
	w.Helper()
	v, err := w.s.Village(w.Context(), actor, now)
	if err != nil {
		w.Fatal(err)
	}
	return v
}

type form = map[string]any

func visitForm(more form) form {
	f := form{"visited_on": now.Format(time.DateOnly), "visitors": []any{form{"account": "a", "post": "village"}, form{"name": "驻村乙", "post": "team"}}}
	for k, v := range more {
		f[k] = v
	}
	return f
}

var keys int

// edit is a visit as a phone that synced v sends it.
func edit(v *phone.Village, i int, f form) phone.Edit {
	keys++
	h := v.Households[i]
	return phone.Edit{Key: fmt.Sprintf("test-key-%016d", keys), Household: h.ID, Case: h.Case.ID, Steps: h.Case.Steps, Visit: f}
}

func (w *world) send(actor account.Actor, e phone.Edit) phone.Answer {
	w.Helper()
	// As it comes over the wire: numbers are float64, nothing is shared.
	text, err := json.Marshal(e)
	if err != nil {
		w.Fatal(err)
	}
	var got phone.Edit
	if err := json.Unmarshal(text, &got); err != nil {
		w.Fatal(err)
	}
	a, err := w.s.Visit(w.Context(), actor, now, got)
	if err != nil {
		w.Fatal(err)
	}
	return a
}

func (w *world) want(a phone.Answer, s phone.Status) {
	w.Helper()
	if a.Status != s {
		w.Fatalf("%s, want %s: %+v", a.Status, s, a)
	}
}

func (w *world) dossier(id string) *casework.Dossier {
	w.Helper()
	d, err := w.cases.Dossier(w.Context(), w.county, now, id, "")
	if err != nil {
		w.Fatal(err)
	}
	return d
}

// TestVillage: a village of 400 households, all of which have a case, is less than 1 MB compressed, comes in less than 2 s, names nobody, and is noted.
func TestVillage(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		w := newWorld(t, l)
		if n := len(shared.homes); n < 380 {
			t.Fatalf("the village has %d households, want about 400", n)
		}
		w.lead(t, len(shared.homes)-5)
		begin := time.Now()
		v := w.sync(w.village)
		took := time.Since(begin)
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var z bytes.Buffer
		g := gzip.NewWriter(&z)
		g.Write(text)
		g.Close()
		t.Logf("%d households with a case, %d others: %d bytes, %d compressed, %v", len(v.Households), len(v.Others), len(text), z.Len(), took)
		if z.Len() >= 1_000_000 {
			t.Errorf("%d bytes compressed, want less than 1 MB", z.Len())
		}
		if took >= 2*time.Second {
			t.Errorf("it takes %v, want less than 2 s", took)
		}
		if len(v.Households)+len(v.Others) != len(shared.homes) || len(v.Others) != 5 {
			t.Errorf("%d + %d households, want %d and 5", len(v.Households), len(v.Others), len(shared.homes))
		}
		h := v.Households[0]
		if h.Case.Level != 3 || h.Case.Why.ZH == "" || !h.Case.Visit || len(h.Case.Endings) != 3 || h.Case.Due == "" || !h.Case.Mine || len(h.Members) == 0 || !strings.Contains(h.Head, "*") {
			t.Errorf("the first household: %+v", h)
		}
		if v.KeepDays != 7 || v.SecretLeast != 8 || v.VisitorsMin != 2 || len(v.Endings) != 3 || len(v.Form) < 10 {
			t.Errorf("terms: %d %d %d, %d endings, %d fields", v.KeepDays, v.SecretLeast, v.VisitorsMin, len(v.Endings), len(v.Form))
		}
		conn, err := shared.w.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for _, h := range shared.homes {
			people, err := registry.Reveal(t.Context(), conn, shared.keyring, shared.pack.Roster().ID, h.ID, "test", nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range people {
				for _, s := range []string{p.Identity.Name, p.Identity.Number, p.Identity.Phone, p.Identity.BankAccount} {
					if len(s) > 6 && bytes.Contains(text, []byte(s)) {
						t.Fatal("a name, number, phone or account is in the document")
					}
				}
			}
		}
		for role, actor := range accounttest.Actors(village) {
			if role == account.Village || role == account.System {
				continue
			}
			if _, err := w.s.Village(t.Context(), actor, now); errs.KindOf(err) != errs.Refused {
				t.Errorf("%s takes a village along: %v", role, err)
			}
		}
		if err := l.Read(t.Context(), func(ctx context.Context, tx *ledger.Tx) error {
			n, err := tx.NewSelect().Model((*audit.Recorded)(nil)).Where("action = ?", "phone.sync").Count(ctx)
			if n != 1 {
				t.Errorf("%d events of a sync, want one", n)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	})
}

// TestMaskedAlike: the members of a village read at once are those read one household at a time.
func TestMaskedAlike(t *testing.T) {
	conn, err := shared.w.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, members, err := registry.UnderVillage(t.Context(), conn, shared.keyring, shared.pack.Roster().ID, village, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range shared.homes {
		one, err := registry.Masked(t.Context(), conn, shared.keyring, shared.pack.Roster().ID, h.ID)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprintf("%+v", one) != fmt.Sprintf("%+v", members[h.ID]) {
			t.Fatalf("household %d differs", h.ID)
		}
	}
	if _, _, err := registry.UnderVillage(t.Context(), conn, shared.keyring, shared.pack.Roster().ID, village, 10); errs.KindOf(err) != errs.Invalid {
		t.Errorf("more households than a village has: %v", err)
	}
}

// TestVisit: a visit made off line accepts the lead, is recorded once however often it is sent, and ends the verification by the guards of everybody.
func TestVisit(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		w := newWorld(t, l)
		w.lead(t, 3)
		v := w.sync(w.village)
		e := edit(v, 0, visitForm(form{"water_ok": true, "facts": []any{form{"indicator": "wage_income", "value": 12000}},
			"disputes": []any{form{"kind": "land", "parties": "与邻居争一块自留地", "outcome": "referred", "referred_to": "西山镇司法所"}}}))
		e.Ending = &phone.Taken{Action: "verify_known", Data: form{"reason": "已经在帮扶"}}
		a := w.send(w.village, e)
		w.want(a, phone.Done)
		if a.Ending != phone.Done {
			t.Fatalf("ending %s: %s", a.Ending, a.EndWords.ZH)
		}
		again := w.send(w.village, e)
		if fmt.Sprint(again) != fmt.Sprint(a) {
			t.Errorf("sent again: %+v", again)
		}
		d := w.dossier(a.Case)
		if d.Case.State != "watching" || len(d.Visits) != 1 || len(d.Corrections) != 1 || d.Corrections[0].Value != 12000 {
			t.Errorf("%s, %d visits, corrections %+v", d.Case.State, len(d.Visits), d.Corrections)
		}
		text, _ := json.Marshal(d)
		if bytes.Contains(text, []byte("自留地")) || !bytes.Contains(text, []byte("referred")) {
			t.Error("the parties of a dispute are shown without a reason, or its outcome is not there")
		}
		next := w.sync(w.village)
		for _, h := range next.Households {
			if h.ID == e.Household && (len(h.Disputes) != 1 || h.Disputes[0].Kind != "land" || h.Last == nil || !h.Confirmed["water_ok"]) {
				t.Errorf("it is not found again: %+v %+v", h.Disputes, h.Last)
			}
		}
		e.Visit["water_ok"] = false
		if a := w.send(w.village, e); a.Status != phone.Refused {
			t.Errorf("the same key for something else: %+v", a)
		}
		// One visitor is too few to end it: the visit counts all the same.
		alone := edit(v, 1, form{"visited_on": "2026-11-24", "visitors": []any{form{"account": "a", "post": "village"}}})
		alone.Ending = &phone.Taken{Action: "verify_false", Data: form{"reason": "没有这回事"}}
		b := w.send(w.village, alone)
		w.want(b, phone.Done)
		if b.Ending != phone.Refused || !strings.Contains(b.EndWords.ZH, "两人") {
			t.Errorf("one visitor ends it: %+v", b)
		}
		if d := w.dossier(b.Case); d.Case.State != "accepted" || len(d.Visits) != 1 {
			t.Errorf("%s with %d visits", d.Case.State, len(d.Visits))
		}
		// A form with a fault, and a guard of nothing: nothing is left behind.
		for name, f := range map[string]form{
			"tomorrow":            visitForm(form{"visited_on": "2026-11-25"}),
			"nobody":              {"visited_on": "2026-11-24", "visitors": []any{}},
			"referred nowhere":    visitForm(form{"disputes": []any{form{"kind": "land", "parties": "两家", "outcome": "referred"}}}),
			"a picture not there": visitForm(form{"photos": []any{strings.Repeat("ab", 32)}}),
			"no such field":       visitForm(form{"x": 1}),
		} {
			x := w.send(w.village, edit(v, 2, f))
			if x.Status != phone.Refused || x.Words.ZH == "" {
				t.Errorf("%s: %+v", name, x)
			}
		}
		if d := w.dossier(v.Households[2].Case.ID); d.Case.State != "received" || len(d.Visits) != 0 || d.Case.Version != v.Households[2].Case.Version {
			t.Errorf("a refused visit left %s, %d visits", d.Case.State, len(d.Visits))
		}
		stranger := w.village
		stranger.Division = 522633105210
		if x := w.send(stranger, edit(v, 2, visitForm(nil))); x.Status != phone.Refused || strings.Contains(x.Words.ZH, v.Households[2].No) {
			t.Errorf("another village: %+v", x)
		}
	})
}

// TestTwoPhones: what two people did off line is merged field by field; the same field is asked about; the same visit is caught.
func TestTwoPhones(t *testing.T) {
	ledgertest.Each(t, func(t *testing.T, l *ledger.Ledger) {
		w := newWorld(t, l)
		w.lead(t, 4)
		v := w.sync(w.village)
		yesterday := form{"visited_on": "2026-11-23"}
		first := visitForm(form{"water_ok": false, "facts": []any{form{"indicator": "wage_income", "value": 9000}}})
		first["visited_on"] = yesterday["visited_on"]
		w.want(w.send(w.other, edit(v, 0, first)), phone.Done)
		// Other fields: both are kept.
		a := w.send(w.village, edit(v, 0, visitForm(form{"housing_ok": true})))
		w.want(a, phone.Merged)
		if len(a.Kept) != 2 {
			t.Errorf("kept %+v", a.Kept)
		}
		facts, err := w.cases.Facts(t.Context(), w.county, now, a.Case)
		if err != nil {
			t.Fatal(err)
		}
		if facts["wage_income"].Num != 9000 || facts["water_confirmed"].Num != 0 || !facts["water_confirmed"].Known || facts["housing_confirmed"].Num != 1 {
			t.Errorf("both are not kept: %v %v %v", facts["wage_income"], facts["water_confirmed"], facts["housing_confirmed"])
		}
		// The same field: asked, and nothing is written until somebody says.
		w.want(w.send(w.other, edit(v, 1, first)), phone.Done)
		e := edit(v, 1, visitForm(form{"water_ok": true, "facts": []any{form{"indicator": "wage_income", "value": 9000}}}))
		b := w.send(w.village, e)
		w.want(b, phone.Conflict)
		if len(b.Fields) != 1 || b.Fields[0].Path != "water_ok" || b.Fields[0].Mine.ZH != "是" || b.Fields[0].Theirs.ZH != "否" || b.By.ZH == "" {
			t.Errorf("fields %+v", b.Fields)
		}
		id := v.Households[1].Case.ID
		if d := w.dossier(id); len(d.Visits) != 1 {
			t.Errorf("%d visits before it is resolved", len(d.Visits))
		}
		e.Resolved = map[string]string{"water_ok": "theirs"}
		w.want(w.send(w.village, e), phone.Done)
		facts, err = w.cases.Facts(t.Context(), w.county, now, id)
		if err != nil || facts["water_confirmed"].Num != 0 {
			t.Errorf("theirs was chosen: %v %v", facts["water_confirmed"], err)
		}
		// The same day: the same visit, most likely.
		w.want(w.send(w.other, edit(v, 2, visitForm(nil))), phone.Done)
		e = edit(v, 2, visitForm(form{"housing_ok": true}))
		c := w.send(w.village, e)
		w.want(c, phone.Duplicate)
		if d := w.dossier(v.Households[2].Case.ID); len(d.Visits) != 1 {
			t.Errorf("a duplicate is recorded: %d visits", len(d.Visits))
		}
		e.Resolved = map[string]string{"visit": "second"}
		w.want(w.send(w.village, e), phone.Done)
		if d := w.dossier(v.Households[2].Case.ID); len(d.Visits) != 2 {
			t.Errorf("%d visits, want both", len(d.Visits))
		}
		// Neither phone knew a case: the second one's is caught, too.
		calm := v.Others[0]
		lead := func(key string) phone.Edit {
			return phone.Edit{Key: key, Household: calm.ID, Visit: visitForm(nil), Lead: &phone.Lead{Risk: "water", Level: 2, Words: "水窖见底，全家挑水"}}
		}
		w.want(w.send(w.other, lead("lead-key-0000000000000001")), phone.Done)
		w.want(w.send(w.village, lead("lead-key-0000000000000002")), phone.Duplicate)
		nothing := phone.Edit{Key: "lead-key-0000000000000003", Household: v.Others[1].ID, Visit: visitForm(nil)}
		w.want(w.send(w.village, nothing), phone.Refused)
		numbered := lead("lead-key-0000000000000004")
		numbered.Household, numbered.Lead.Words = v.Others[1].ID, "联系 138 0000 1111"
		w.want(w.send(w.village, numbered), phone.Refused)
	})
}

// TestMembers: the table of members is given whole, and merged by person and column.
func TestMembers(t *testing.T) {
	w := newWorld(t, ledgertest.Open(t, ledgertest.SQLite(t)))
	w.lead(t, 1)
	v := w.sync(w.village)
	p, q := strings.Repeat("a", 32), strings.Repeat("b", 32)
	row := func(person, labour, health string) any {
		return form{"person": person, "age": 40, "labour": labour, "health": health}
	}
	base := form{"members." + p + ".labour": "ordinary", "members." + p + ".health": "healthy", "members." + p + ".age": 40,
		"members." + q + ".labour": "weak", "members." + q + ".health": "chronic", "members." + q + ".age": 40}
	first := visitForm(form{"visited_on": "2026-11-23", "members": []any{row(p, "skilled", "healthy"), row(q, "weak", "chronic")}})
	e := edit(v, 0, first)
	e.Base = base
	w.want(w.send(w.other, e), phone.Done)
	e = edit(v, 0, visitForm(form{"members": []any{row(p, "ordinary", "healthy"), row(q, "lost", "chronic")}}))
	e.Base = base
	a := w.send(w.village, e)
	w.want(a, phone.Merged)
	d := w.dossier(a.Case)
	var got struct {
		Members []struct{ Person, Labour string }
	}
	if err := json.Unmarshal([]byte(d.Steps[len(d.Steps)-1].Data), &got); err != nil || len(got.Members) != 2 {
		t.Fatalf("%v %+v", err, got)
	}
	if got.Members[0].Labour != "skilled" || got.Members[1].Labour != "lost" {
		t.Errorf("members %+v", got.Members)
	}
	e = edit(v, 0, visitForm(form{"visited_on": "2026-11-22", "members": []any{row(p, "weak", "chronic"), row(q, "weak", "chronic")}}))
	e.Base = base
	b := w.send(w.village, e)
	w.want(b, phone.Conflict)
	if len(b.Fields) != 1 || b.Fields[0].Path != "members."+p+".labour" || b.Fields[0].Theirs.ZH == "skilled" {
		t.Errorf("fields %+v", b.Fields)
	}
}

// TestFiles: photos come first, and a visit that names them is recorded with them.
func TestFiles(t *testing.T) {
	w := newWorld(t, ledgertest.Open(t, ledgertest.SQLite(t)))
	w.lead(t, 1)
	v := w.sync(w.village)
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 4, 4))); err != nil {
		t.Fatal(err)
	}
	content := b.Bytes()
	sum := sha256.Sum256(content)
	hash := hex.EncodeToString(sum[:])
	e := edit(v, 0, visitForm(form{"photos": []any{hash}, "signature": hash}))
	a := w.send(w.village, e)
	w.want(a, phone.Refused)
	if len(a.Lacking) != 1 || a.Lacking[0] != hash {
		t.Errorf("lacking %v", a.Lacking)
	}
	if f, err := w.files.Put(bytes.NewReader(content)); err != nil || f.Hash != hash {
		t.Fatal(f, err)
	}
	w.want(w.send(w.village, e), phone.Done)
	if d := w.dossier(v.Households[0].Case.ID); len(d.Visits) != 1 || len(d.Visits[0].Photos) != 1 || d.Visits[0].Photos[0] != hash {
		t.Errorf("visits %+v", d.Visits)
	}
}

// BenchmarkVillage is one sync of a village of 400 households, a fifth of which have a case.
func BenchmarkVillage(b *testing.B) {
	w := newWorld(b, ledgertest.Open(b, ledgertest.SQLite(b)))
	w.lead(b, 80)
	b.ResetTimer()
	for b.Loop() {
		v, err := w.s.Village(b.Context(), w.village, now)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := json.Marshal(v); err != nil {
			b.Fatal(err)
		}
	}
}
