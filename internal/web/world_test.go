package web

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"shouwang/internal/account"
	"shouwang/internal/app"
	"shouwang/internal/audit"
	"shouwang/internal/config"
	"shouwang/internal/demo"
	"shouwang/internal/division"
	"shouwang/internal/intake"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/screening"
	"shouwang/internal/synth"
)

// today of the tests, and the village whose people sign in.
var (
	today   = time.Date(2026, 11, 24, 10, 0, 0, 0, time.FixedZone("UTC+8", 8*3600))
	village = division.Code(522633105209)
	county  = division.Code(522633000000)
)

// theWorld is a real program on a data folder with two synthetic counties, screened, with an account for every role. It is made once for all tests of the package; tests
// that change it add what is theirs.
var theWorld struct {
	once sync.Once
	app  *app.App
	dir  string
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if a := theWorld.app; a != nil {
		if err := a.Close(); err != nil && code == 0 {
			code = 1
		}
	}
	os.RemoveAll(theWorld.dir)
	os.Exit(code)
}

func makeWorld(ctx context.Context) (*app.App, string, error) {
	dir, err := os.MkdirTemp("", "shouwang-web-")
	if err != nil {
		return nil, dir, err
	}
	cfg, err := config.Config{Data: filepath.Join(dir, "data"), Threads: 2}.Resolve(func(string) string { return "" })
	if err != nil {
		return nil, dir, err
	}
	log := slog.New(slog.DiscardHandler)
	a, err := app.New(cfg, log)
	if err != nil {
		return nil, dir, err
	}
	if err := a.Create(ctx, today, true); err != nil {
		return nil, dir, err
	}
	for i, where := range []division.Code{county, 522632000000} {
		files := filepath.Join(dir, "files", where.Prefix())
		if _, err := synth.Generate(ctx, synth.Options{Out: files, Division: where, Households: 1500 - 1200*i, Seed: uint64(i + 1), AsOf: today, Pack: a.Pack, Tree: a.Tree}); err != nil {
			return a, dir, err
		}
		if _, err := a.Intake().Files(ctx, []string{filepath.Join(files, "files")}, intake.Options{Now: today}); err != nil {
			return a, dir, err
		}
	}
	if err := demo.EarlierIncomes(ctx, a, county, today); err != nil {
		return a, dir, err
	}
	screen := func(day time.Time) error {
		_, err := a.Screening().Run(ctx, screening.Options{AsOf: day, Now: day, Full: true})
		return err
	}
	if err := screen(demo.Screened(today)); err != nil {
		return a, dir, err
	}
	a.SetAccounts(account.Options{SecondFactor: []account.Role{}})
	if err := MakeDemoAccounts(ctx, a.Ledger, a.Accounts(), demo.Begins(today), village); err != nil {
		return a, dir, err
	}
	played, err := demo.Play(ctx, a, demo.Options{Now: today, Village: village, Second: func() error { return screen(today) }})
	if err == nil && played.Short > 0 {
		err = fmt.Errorf("%d stories of the demo ended early, the first: %s", played.Short, played.Why)
	}
	return a, dir, err
}

// site is a running server on the world.
type site struct {
	*testing.T
	server *Server
	http   *httptest.Server
	app    *app.App
}

func newSite(t *testing.T, change func(*Config)) *site {
	t.Helper()
	theWorld.once.Do(func() {
		theWorld.app, theWorld.dir, theWorld.err = makeWorld(context.Background())
	})
	if theWorld.err != nil {
		t.Fatal(theWorld.err)
	}
	c := Config{App: theWorld.app, Now: func() time.Time { return today }, Development: true, Demo: true, MaxUpload: 4 << 20}
	if change != nil {
		change(&c)
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s.Handler())
	t.Cleanup(h.Close)
	return &site{T: t, server: s, http: h, app: theWorld.app}
}

// person is somebody with a browser.
type person struct {
	*site
	client *http.Client
}

// as signs in with the demo's account of a role; "" is somebody without an account.
func (s *site) as(role account.Role) *person {
	s.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.Fatal(err)
	}
	p := &person{site: s, client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	if role != "" {
		if a := p.post("/sign-in", url.Values{"demo": {"demo-" + string(role)}}); a.status != http.StatusSeeOther {
			s.Fatalf("signing in as %s: %d %s", role, a.status, a.text)
		}
	}
	return p
}

// answer of the server.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	text   string
	doc    *goquery.Document
}

func (p *person) do(r *http.Request) answer {
	p.Helper()
	if r.Header.Get("Accept-Language") == "" {
		r.Header.Set("Accept-Language", "zh-CN")
	}
	res, err := p.client.Do(r)
	if err != nil {
		p.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		p.Fatal(err)
	}
	a := answer{t: p.T, status: res.StatusCode, header: res.Header, text: string(body)}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		if a.doc, err = goquery.NewDocumentFromReader(strings.NewReader(a.text)); err != nil {
			p.Fatal(err)
		}
	}
	return a
}

func (p *person) get(path string) answer {
	p.Helper()
	r, err := http.NewRequest(http.MethodGet, p.http.URL+path, nil)
	if err != nil {
		p.Fatal(err)
	}
	return p.do(r)
}

func (p *person) post(path string, form url.Values) answer {
	p.Helper()
	r, err := http.NewRequest(http.MethodPost, p.http.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		p.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return p.do(r)
}

// page is a GET that must answer 200 with a document.
func (p *person) page(path string) answer {
	p.Helper()
	a := p.get(path)
	if a.status != http.StatusOK || a.doc == nil {
		p.Fatalf("GET %s: %d %s", path, a.status, a.text[:min(len(a.text), 400)])
	}
	return a
}

// has fails unless every selector finds something.
func (a answer) has(selectors ...string) {
	a.t.Helper()
	for _, sel := range selectors {
		if a.doc == nil || a.doc.Find(sel).Length() == 0 {
			a.t.Errorf("nothing is %q in %s", sel, a.text[:min(len(a.text), 300)])
		}
	}
}

// lacks fails when a selector finds something.
func (a answer) lacks(selectors ...string) {
	a.t.Helper()
	for _, sel := range selectors {
		if a.doc != nil && a.doc.Find(sel).Length() > 0 {
			a.t.Errorf("%q is there, and must not be", sel)
		}
	}
}

// events are the audit events of an action, the newest last.
func (s *site) events(action string) []audit.Recorded {
	s.Helper()
	var list []audit.Recorded
	err := s.app.Ledger.Read(context.Background(), func(ctx context.Context, tx *ledger.Tx) error {
		list = nil
		return tx.NewSelect().Model(&list).Where("action = ?", action).Order("seq").Scan(ctx)
	})
	if err != nil {
		s.Fatal(err)
	}
	return list
}

// worst is the number of a household with a red warning in the division.
func (s *site) worst(within division.Code) string {
	s.Helper()
	list, _, err := s.app.Screening().WarningsPage(context.Background(), screening.Filter{Division: within, Level: policy.Red}, screening.Cursor{}, 1)
	if err != nil || len(list) == 0 {
		s.Fatalf("no red warning in %s (%v)", within, err)
	}
	return list[0].HouseholdNo
}
