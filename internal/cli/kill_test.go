package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"shouwang/internal/account"
	"shouwang/internal/app"
	"shouwang/internal/audit"
	"shouwang/internal/casework"
	"shouwang/internal/config"
	"shouwang/internal/division"
	"shouwang/internal/ledger"
	"shouwang/internal/ledger/ledgertest"
	"shouwang/internal/policy"
)

// kills is how often the server is killed. `go test ./internal/cli -run Kill -kills 50 -timeout 60m` is the full run, whose outcome docs/benchmarks.md tells.
var kills = flag.Int("kills", 3, "how often TestKilledUnderLoad kills the server, on each database")

const (
	killClients = 50
	killCases   = 200
)

// TestKilledUnderLoad: fifty clients change cases while the server is killed with SIGKILL at random moments and started again. Each client sends a change again,
// with the same key, until it has an answer. Afterwards: every acknowledged change is there, none is there twice, nothing is there that nobody sent, and the
// audit chain is whole.
func TestKilledUnderLoad(t *testing.T) {
	ledgertest.EachURL(t, func(t *testing.T, url string) {
		l := newSiege(t, url)
		l.start(t)
		began := time.Now()
		var clients sync.WaitGroup
		for i := range killClients {
			clients.Go(func() { l.client(t, i) })
		}
		for range *kills {
			time.Sleep(time.Duration(50+l.random.IntN(800)) * time.Millisecond)
			if err := l.server.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			l.server.Wait()
			l.start(t)
		}
		time.Sleep(300 * time.Millisecond)
		l.stop.Store(true)
		clients.Wait()
		if t.Failed() {
			return
		}
		l.end(t)
		l.judge(t)
		t.Logf("%s: killed %d times in %.0f s; %d changes acknowledged, %d sent again after a loss, %d came second", url[:strings.Index(url, ":")], *kills, time.Since(began).Seconds(), l.acknowledged.Load(), l.again.Load(), l.second.Load())
	})
}

// siege is a server with cases and those who change them.
type siege struct {
	config  config.Config
	address string
	server  *exec.Cmd
	log     *lockedBuffer
	secrets []string
	cases   []string
	random  *rand.Rand
	stop    atomic.Bool

	mu    sync.Mutex
	steps map[string]string // step → its case, of acknowledged changes

	acknowledged, again, second atomic.Int64
}

func newSiege(t *testing.T, url string) *siege {
	t.Helper()
	ctx := t.Context()
	cfg, err := config.Config{Data: filepath.Join(t.TempDir(), "data"), Ledger: url, Threads: 1}.Resolve(func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	l := &siege{config: cfg, random: rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano()))), steps: map[string]string{}}
	a, err := app.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Create(ctx, time.Now(), true); err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	cases, err := a.Casework()
	if err != nil {
		t.Fatal(err)
	}
	boss := account.SystemActor("test")
	const town = division.Code(522633105000)
	for i := range 5 {
		login := fmt.Sprintf("town-%d", i)
		var password string
		err := a.Ledger.Write(ctx, time.Now(), func(ctx context.Context, tx *ledger.Tx) (err error) {
			_, password, err = a.Accounts().Create(ctx, tx, boss, account.Staff{Login: login, Name: "测试", Org: account.OrgID(town, ""), Roles: []account.Role{account.Township}})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		in, err := a.Accounts().SignIn(ctx, time.Now(), account.Credentials{Login: login, Password: password})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Accounts().ChangePassword(ctx, time.Now(), in.Secret, password, "Kx7-qm2-Vt9-zr4"); err != nil {
			t.Fatal(err)
		}
		l.secrets = append(l.secrets, in.Secret)
	}
	var signals []casework.Signal
	villages := a.Tree.Villages(town)
	for i := range killCases {
		signals = append(signals, casework.Signal{Household: int64(7_000_000 + i), HouseholdNo: fmt.Sprint(7_000_000 + i), Division: villages[i%len(villages)].Code, Channel: casework.Screening,
			Risk: "illness", Level: 1 + i%3, Key: fmt.Sprint("kill", i), Words: policy.Text{ZH: "预警", EN: "warning"}})
	}
	if _, err := cases.Receive(ctx, boss, time.Now(), signals, nil); err != nil {
		t.Fatal(err)
	}
	page, err := cases.List(ctx, boss, time.Now(), casework.Filter{}, "", 500)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range page.Cases {
		l.cases = append(l.cases, c.ID)
		if _, err := cases.Act(ctx, account.Actor{Account: "test", Roles: []account.Role{account.Township}, Division: town}, time.Now(), casework.Act{Case: c.ID, Action: "accept", Version: c.Version}); err != nil {
			t.Fatal(err)
		}
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.address = free.Addr().String()
	free.Close()
	return l
}

// start starts the server and waits until it answers.
func (l *siege) start(t *testing.T) {
	t.Helper()
	l.log = &lockedBuffer{}
	l.server = process(t, t.TempDir(), "serve", "--data", l.config.Data, "--ledger", l.config.Ledger, "--listen", l.address)
	l.server.Stderr = l.log
	if err := l.server.Start(); err != nil {
		t.Fatal(err)
	}
	server := l.server
	t.Cleanup(func() { server.Process.Kill(); server.Wait() })
	for range 600 {
		if r, err := http.Get("http://" + l.address + "/readyz"); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("the server does not come up:\n%s", l.log)
}

// client changes one case after the other until it is told to stop.
func (l *siege) client(t *testing.T, n int) {
	random := rand.New(rand.NewPCG(uint64(n), 7))
	http := &http.Client{Timeout: 20 * time.Second}
	for i := 0; !l.stop.Load(); i++ {
		id := l.cases[random.IntN(len(l.cases))]
		status, tag, _ := l.send(t, http, n, "GET", "/api/v1/cases/"+id, nil, nil)
		if status != 200 {
			t.Errorf("reading a case gives %d", status)
			return
		}
		body := map[string]any{"data": map[string]any{"visited_on": time.Now().UTC().Add(8 * time.Hour).Format(time.DateOnly),
			"visitors": []any{map[string]any{"name": "甲", "post": "village"}, map[string]any{"name": "乙", "post": "township"}}}}
		header := map[string]string{"If-Match": tag, "Idempotency-Key": fmt.Sprintf("client-%d-%d", n, i)}
		status, _, answer := l.send(t, http, n, "POST", "/api/v1/cases/"+id+"/actions/record_visit", header, body)
		switch status {
		case 200:
			var done casework.Acted
			if err := json.Unmarshal(answer, &done); err != nil || done.Step == nil {
				t.Errorf("an answer without a step: %v %.200s", err, answer)
				return
			}
			l.mu.Lock()
			if _, twice := l.steps[done.Step.ID]; twice {
				t.Errorf("two changes were answered with the step %s", done.Step.ID)
			}
			l.steps[done.Step.ID] = id
			l.mu.Unlock()
			l.acknowledged.Add(1)
		case 412:
			l.second.Add(1)
		default:
			t.Errorf("a change gives %d: %.300s", status, answer)
			return
		}
	}
}

// send sends a request until it is answered: a lost connection means that the server was killed, before or after it did what was asked.
func (l *siege) send(t *testing.T, client *http.Client, n int, method, path string, header map[string]string, body any) (status int, tag string, answer []byte) {
	var text []byte
	if body != nil {
		text, _ = json.Marshal(body)
	}
	deadline := time.Now().Add(2 * time.Minute)
	for try := 0; time.Now().Before(deadline); try++ {
		r, err := http.NewRequest(method, "http://"+l.address+path, bytes.NewReader(text))
		if err != nil {
			t.Error(err)
			return 0, "", nil
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+l.secrets[n%len(l.secrets)])
		for k, v := range header {
			r.Header.Set(k, v)
		}
		got, err := client.Do(r)
		if err == nil {
			answer, err = io.ReadAll(got.Body)
			got.Body.Close()
		}
		if err == nil && got.StatusCode < 500 {
			return got.StatusCode, got.Header.Get("ETag"), answer
		}
		if method != "GET" && try == 0 {
			l.again.Add(1)
		}
		time.Sleep(30 * time.Millisecond)
	}
	t.Errorf("%s %s is not answered in two minutes", method, path)
	return 0, "", nil
}

// end stops the server as an administrator does.
func (l *siege) end(t *testing.T) {
	t.Helper()
	if err := l.server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := l.server.Wait(); errors.As(err, &exit) {
		t.Fatalf("the server ends with %v\n%s", err, l.log)
	}
}

// judge looks at what the ledger holds.
func (l *siege) judge(t *testing.T) {
	t.Helper()
	ctx := context.Background()
	a, err := app.New(l.config, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Open(ctx); err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	report, err := audit.Verify(ctx, a.Ledger)
	if err != nil || report.Broken != nil {
		t.Errorf("the audit chain: %+v, %v", report.Broken, err)
	}
	cases, err := a.Casework()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	events := 0
	for _, id := range l.cases {
		d, err := cases.Dossier(ctx, account.SystemActor("test"), time.Now(), id, "")
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range d.Steps {
			if s.Seq != i+1 {
				t.Errorf("case %s: step %d has the number %d", id, i+1, s.Seq)
			}
			if s.Action == "record_visit" {
				found[s.ID] = id
			}
		}
		if len(d.Visits) != len(d.Steps)-2 { // received and accepted
			t.Errorf("case %s has %d visits and %d steps", id, len(d.Visits), len(d.Steps))
		}
		if d.Case.Steps != len(d.Steps) {
			t.Errorf("case %s counts %d steps and has %d", id, d.Case.Steps, len(d.Steps))
		}
		events += len(d.Steps) - 1 // leads come in by the thousand, with one event for all
	}
	for step, id := range l.steps {
		if found[step] != id {
			t.Errorf("the acknowledged step %s of case %s is lost", step, id)
		}
	}
	if len(found) != len(l.steps) {
		t.Errorf("%d changes in the ledger, %d acknowledged: each client waited for its answer", len(found), len(l.steps))
	}
	if report.Events < int64(events) {
		t.Errorf("%d events in the chain for %d steps", report.Events, events)
	}
	if len(l.steps) < killClients {
		t.Errorf("only %d changes: that is no load", len(l.steps))
	}
}
