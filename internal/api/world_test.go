package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"shouwang/internal/account"
	"shouwang/internal/account/accounttest"
	"shouwang/internal/app"
	"shouwang/internal/casework"
	"shouwang/internal/config"
	"shouwang/internal/division"
	"shouwang/internal/housecode"
	"shouwang/internal/intake"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/registry"
	"shouwang/internal/screening"
	"shouwang/internal/synth"
	"shouwang/internal/task"
)

// The world of the tests: a township of a synthetic county, taken in and screened, with staff of every role along the path from the province to village A.
// Village B lies in the same township: nothing of it may show to a worker of A.
type world struct {
	app      *app.App
	server   *Server
	a, b     division.Code
	homeA    string            // a warned household's number in A
	homeB    string            // and one in B
	ofB      []string          // what tells of B: its code, its households' numbers
	personal []string          // names, numbers, phones and accounts of everybody
	secrets  map[string]string // caller → bearer secret; "nobody" has none
	ids      map[string]string // caller → account id
	made     *madeThings       // what the tests of cases work on
}

const testTownship = division.Code(522633105000) // 西山镇

var testNow = time.Date(2026, 11, 15, 9, 30, 0, 0, time.UTC)

// callers of the table: nobody, somebody whose sign-in is not complete, each role, a department's program.
func testCallers() []string {
	out := []string{"nobody", "halfway"}
	for _, r := range account.Roles() {
		out = append(out, string(r))
	}
	return append(out, "token")
}

var worldDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "shouwang-api-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	worldDir = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// theWorld is made once.
var theWorld = sync.OnceValues(func() (*world, error) { return makeWorld(context.Background(), worldDir, "") })

func newWorld(t testing.TB) *world {
	t.Helper()
	w, err := theWorld()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// makeWorld makes a data folder below dir with its ledger at url ("" = SQLite in the folder).
func makeWorld(ctx context.Context, dir, url string) (*world, error) {
	cfg, err := config.Config{Data: filepath.Join(dir, "data"), Ledger: url, Threads: 2}.Resolve(func(string) string { return "" })
	if err != nil {
		return nil, err
	}
	a, err := app.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	if err := a.Create(ctx, testNow, true); err != nil {
		return nil, err
	}
	files := filepath.Join(dir, "synth")
	if _, err := synth.Generate(ctx, synth.Options{Out: files, Division: testTownship, Households: 400, Seed: 3, AsOf: testNow, Pack: a.Pack, Tree: a.Tree}); err != nil {
		return nil, err
	}
	if _, err := a.Intake().Files(ctx, []string{filepath.Join(files, "files")}, intake.Options{Now: testNow}); err != nil {
		return nil, err
	}
	if _, err := a.Screening().Run(ctx, screening.Options{AsOf: testNow.Truncate(24 * time.Hour), Now: testNow, Full: true}); err != nil {
		return nil, err
	}
	w := &world{app: a, secrets: map[string]string{}, ids: map[string]string{}}
	a.SetAccounts(account.Options{SecondFactor: []account.Role{}})
	queue, err := a.Jobs(ctx, func() time.Time { return testNow }) // not started: jobs stay waiting
	if err != nil {
		return nil, err
	}
	w.server, err = New(a, Options{Queue: queue, Now: func() time.Time { return testNow },
		Limits: Limits{SignIn: Rate{Burst: 1e6, Every: time.Microsecond}, Public: Rate{Burst: 1e6, Every: time.Microsecond}, Apply: Rate{Burst: 1e6, Every: time.Microsecond}}})
	if err != nil {
		return nil, err
	}
	if err := w.choose(ctx); err != nil {
		return nil, err
	}
	if err := w.hire(ctx); err != nil {
		return nil, err
	}
	return w, w.open(ctx)
}

// open makes a lead of every warning, and an application in each of the two villages.
func (w *world) open(ctx context.Context) error {
	conn, err := w.app.Warehouse.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var signals []casework.Signal
	err = w.app.Screening().Warnings(ctx, screening.Filter{}, func(x screening.Warning) error {
		home, err := registry.ByHouseholdNo(ctx, conn, x.HouseholdNo)
		if err != nil {
			return err
		}
		signals = append(signals, casework.Signal{Household: home.ID, HouseholdNo: home.No, Division: home.Division, HouseholdType: home.Type, Channel: casework.Screening, Risk: x.Risk,
			Level: map[string]int{"blue": 1, "yellow": 2, "red": 3}[x.Level], Rule: x.Rules[0], Run: x.Run, Key: fmt.Sprint(x.Run, x.HouseholdNo, x.Risk), Words: policy.Text{ZH: "预警", EN: "warning"}})
		return nil
	})
	if err != nil {
		return err
	}
	boss := account.SystemActor("test")
	if _, err := w.server.cases.Receive(ctx, boss, testNow, signals, nil); err != nil {
		return err
	}
	w.made = &madeThings{}
	page, err := w.server.cases.List(ctx, boss, testNow, casework.Filter{}, "", 500)
	if err != nil {
		return err
	}
	for _, c := range page.Cases {
		switch c.Division {
		case w.a:
			w.made.casesA = append(w.made.casesA, c.ID)
		case w.b:
			w.made.casesB = append(w.made.casesB, c.ID)
			w.ofB = append(w.ofB, c.ID)
		}
	}
	err = w.app.Ledger.Write(ctx, testNow, func(ctx context.Context, tx *ledger.Tx) error {
		if _, err := w.server.codes.Rotate(ctx, tx, boss, housecode.Ed25519); err != nil {
			return err
		}
		p, err := task.List(ctx, tx, boss, task.Filter{Under: w.b, Limit: 200})
		for _, x := range p.Tasks {
			w.made.taskB = x.ID
			w.ofB = append(w.ofB, x.ID)
		}
		return err
	})
	if err != nil {
		return err
	}
	for i, village := range []division.Code{w.a, w.b} {
		form := casework.ApplicationForm{Name: []string{"申请人甲某", "申请人乙某"}[i], Phone: []string{"13900001111", "13900002222"}[i], Division: village, Difficulty: []string{"家里困难甲", "家里困难乙"}[i]}
		got, err := w.server.cases.Apply(ctx, testNow, "test", form)
		if err != nil {
			return err
		}
		w.made.codes = append(w.made.codes, got.Code)
		w.personal = append(w.personal, form.Name, form.Phone, form.Difficulty)
	}
	list, err := w.server.cases.Applications(ctx, boss, "", "", 10)
	if err != nil {
		return err
	}
	for _, a := range list {
		if a.Division == w.a {
			w.made.applicationA = a.ID
		} else {
			w.made.applicationB = a.ID
			w.ofB = append(w.ofB, a.ID)
		}
	}
	return nil
}

// choose finds two villages with warnings, and collects what must not show.
func (w *world) choose(ctx context.Context) error {
	warned := map[division.Code]string{}
	err := w.app.Screening().Warnings(ctx, screening.Filter{}, func(x screening.Warning) error {
		if warned[x.Division] == "" {
			warned[x.Division] = x.HouseholdNo
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(warned) < 2 {
		return fmt.Errorf("%d villages with warnings", len(warned))
	}
	villages := slices.Sorted(maps.Keys(warned))
	w.a, w.b = villages[0], villages[1]
	w.homeA, w.homeB = warned[w.a], warned[w.b]
	conn, err := w.app.Warehouse.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	rows, err := conn.QueryContext(ctx, "SELECT household_id, household_no, division FROM household ORDER BY 1")
	if err != nil {
		return err
	}
	defer rows.Close()
	type home struct {
		id int64
		no string
		at division.Code
	}
	var homes []home
	for rows.Next() {
		var h home
		if err := rows.Scan(&h.id, &h.no, &h.at); err != nil {
			return err
		}
		homes = append(homes, h)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	w.ofB = []string{w.b.String()}
	for _, h := range homes {
		if h.at == w.b {
			w.ofB = append(w.ofB, h.no)
		}
		people, err := registry.Reveal(ctx, conn, w.app.Keyring, "roster", h.id, "test", func(context.Context, int64, int, string) error { return nil })
		if err != nil {
			return err
		}
		for _, p := range people {
			if utf8.RuneCountInString(p.Identity.Name) >= 3 { // two characters occur in ordinary words
				w.personal = append(w.personal, p.Identity.Name)
			}
			for _, s := range []string{p.Identity.Number, p.Identity.Phone, p.Identity.BankAccount} {
				if s != "" {
					w.personal = append(w.personal, s)
				}
			}
		}
	}
	slices.Sort(w.personal)
	w.personal = slices.Compact(w.personal)
	return nil
}

// hire makes an account for each role and signs it in.
func (w *world) hire(ctx context.Context) error {
	boss := account.SystemActor("test")
	org := func(r account.Role) string {
		switch r {
		case account.Policy, account.Auditor, account.Admin:
			return account.OrgFor(account.County, w.a, "")
		}
		return account.OrgFor(r, w.a, accounttest.Department)
	}
	hire := func(caller, org string, role account.Role, complete bool) error {
		var a account.Account
		var password string
		err := w.app.Ledger.Write(ctx, testNow, func(ctx context.Context, tx *ledger.Tx) (err error) {
			a, password, err = w.server.accounts.Create(ctx, tx, boss, account.Staff{Login: "test-" + caller, Name: "测试" + caller, Org: org, Roles: []account.Role{role}})
			return err
		})
		if err != nil {
			return err
		}
		in, err := w.server.accounts.SignIn(ctx, testNow, account.Credentials{Login: "test-" + caller, Password: password})
		if err != nil {
			return err
		}
		if complete {
			if _, err := w.server.accounts.ChangePassword(ctx, testNow, in.Secret, password, testPassword); err != nil {
				return err
			}
		}
		w.secrets[caller], w.ids[caller] = in.Secret, a.ID
		return nil
	}
	for _, r := range account.Roles() {
		if err := hire(string(r), org(r), r, true); err != nil {
			return err
		}
	}
	if err := hire("halfway", org(account.Village), account.Village, false); err != nil {
		return err
	}
	if err := hire("village-b", account.OrgFor(account.Village, w.b, ""), account.Village, true); err != nil {
		return err
	}
	return w.app.Ledger.Write(ctx, testNow, func(ctx context.Context, tx *ledger.Tx) error {
		t, secret, err := w.server.accounts.NewToken(ctx, tx, boss, "测试令牌", org(account.Department), account.TokenActions(), testNow.AddDate(0, 6, 0))
		w.secrets["token"], w.ids["token"] = secret, t.ID
		return err
	})
}

const testPassword = "Xk7-qm2-Vt9-zr4"

func mustServer(t testing.TB, a *app.App, o Options) *Server {
	t.Helper()
	s, err := New(a, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// call is one request of the tests.
type call struct {
	method, path string
	body         any // JSON; []byte as it is
	header       map[string]string
}

// do sends a call as somebody and gives the answer. Whatever the answer is, no personal data may be in it, nothing of village B for a worker
// of A, and no 5xx.
func (w *world) do(t testing.TB, caller string, c call) *httptest.ResponseRecorder {
	t.Helper()
	out := w.send(t, caller, c)
	w.check(t, caller, c, out)
	return out
}

func (w *world) send(t testing.TB, caller string, c call) *httptest.ResponseRecorder {
	t.Helper()
	var body io.Reader
	switch b := c.body.(type) {
	case nil:
	case []byte:
		body = bytes.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		body = bytes.NewReader(text)
	}
	r := httptest.NewRequest(c.method, c.path, body)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if s := w.secrets[caller]; s != "" {
		r.Header.Set("Authorization", "Bearer "+s)
	}
	for k, v := range c.header {
		r.Header.Set(k, v)
	}
	out := httptest.NewRecorder()
	w.server.Handler().ServeHTTP(out, r)
	return out
}

func (w *world) check(t testing.TB, caller string, c call, out *httptest.ResponseRecorder) {
	t.Helper()
	text := out.Body.String()
	where := fmt.Sprintf("%s: %s %s gives %d", caller, c.method, c.path, out.Code)
	if out.Code >= 500 {
		t.Errorf("%s: %.300s", where, text)
	}
	if out.Code >= 400 {
		var p Problem
		if err := json.Unmarshal(out.Body.Bytes(), &p); err != nil || p.ZH == "" || p.EN == "" || p.RequestID == "" || p.Key == "" {
			t.Errorf("%s, which is no complete problem: %.300s", where, text)
		}
	}
	for _, s := range w.personal {
		if strings.Contains(text, s) {
			t.Errorf("%s and tells %s", where, s)
			break
		}
	}
	if caller == "village" || caller == "nobody" || caller == "halfway" {
		for _, s := range w.ofB {
			if strings.Contains(text, s) {
				t.Errorf("%s and tells of village B (%s): %.300s", where, s, text)
				break
			}
		}
	}
}

// into decodes an answer that must have the status.
func into[T any](t testing.TB, out *httptest.ResponseRecorder, status int) T {
	t.Helper()
	var v T
	if out.Code != status {
		t.Fatalf("status %d, want %d: %.500s", out.Code, status, out.Body.String())
	}
	if status != http.StatusNoContent {
		if err := json.Unmarshal(out.Body.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

// madeThings are what calls of the table need to exist.
type madeThings struct {
	casesA, casesB             []string
	applicationA, applicationB string
	codes                      []string
	taskB                      string
}

// renew runs what ends sessions and signs everybody in again.
func (w *world) renew(t *testing.T, runs []func()) {
	t.Helper()
	for _, run := range runs {
		run()
	}
	for caller := range w.secrets {
		if caller == "token" || caller == "halfway" {
			continue
		}
		in, err := w.server.accounts.SignIn(context.Background(), testNow, account.Credentials{Login: "test-" + caller, Password: testPassword})
		if err != nil {
			t.Fatal(err)
		}
		w.secrets[caller] = in.Secret
	}
}
