// Package load measures how the server answers when many people work at once: it makes a ledger with leads and signed-in staff, runs the server on this
// machine, and has every member of staff look at the work list and open cases.
//
// It owns what it makes in an empty folder of its own. It never sends a request to another machine, and it stops after the time that it was given.
package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"shouwang/internal/account"
	"shouwang/internal/api"
	"shouwang/internal/app"
	"shouwang/internal/casework"
	"shouwang/internal/config"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
)

// Bounds of a run: it loads this machine only, and not for long.
const (
	MaxStaff = 20_000
	MaxLeads = 2_000_000
	MaxFor   = time.Hour
)

// Options of a run.
type Options struct {
	Dir      string // empty folder for the data, removed at the end; "" = a temporary one
	Ledger   string // URL of an empty ledger; "" = SQLite in Dir
	Leads    int
	Staff    int
	Think    time.Duration // mean pause of one person between two requests
	For      time.Duration // how long requests are sent
	Seed     uint64
	Now      func() time.Time
	Progress func(step string, done, total int64)
}

// Report of a run.
type Report struct {
	Leads     int      `json:"leads"`      // open leads
	Staff     int      `json:"staff"`      // signed in
	Engine    string   `json:"engine"`     // sqlite or postgres
	Cores     int      `json:"cores"`      // of this machine; the requests are made on them, too
	Seconds   float64  `json:"seconds"`    // that requests were sent for
	Requests  int64    `json:"requests"`   // answered
	PerSecond float64  `json:"per_second"` // requests
	Failed    int64    `json:"failed"`     // answers other than 200
	Figures   []Figure `json:"figures"`    // one a sort of request
	Receiving float64  `json:"receiving"`  // leads taken in a second
}

// Figure is how long one sort of request took, in milliseconds, from sending to the last byte.
type Figure struct {
	Job   string  `json:"job"`
	Count int     `json:"count"`
	P50   float64 `json:"p50"`
	P95   float64 `json:"p95"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

// person is one member of staff.
type person struct {
	secret string
	random *rand.Rand
}

// Run measures.
func Run(ctx context.Context, o Options) (r Report, err error) {
	if o.Leads < 1 || o.Leads > MaxLeads || o.Staff < 1 || o.Staff > MaxStaff || o.For <= 0 || o.For > MaxFor || o.Think <= 0 {
		return r, errs.Newf(errs.Invalid, "线索应在 1 到 %[1]d 之间，人数在 1 到 %[2]d 之间，时间不超过 %[3]s", "leads must be 1 to %[1]d, staff 1 to %[2]d, the time at most %[3]s", MaxLeads, MaxStaff, MaxFor)
	}
	if o.Progress == nil {
		o.Progress = func(string, int64, int64) {}
	}
	if o.Dir == "" {
		if o.Dir, err = os.MkdirTemp("", "shouwang-load-"); err != nil {
			return r, errs.Wrap(errs.Unavailable, err, "无法建立临时文件夹", "cannot make a temporary folder")
		}
	}
	defer func() {
		err = errors.Join(err, os.RemoveAll(filepath.Join(o.Dir, "data")), os.Remove(filepath.Join(o.Dir, "data.keyring")))
	}()
	cfg, err := config.Config{Data: filepath.Join(o.Dir, "data"), Ledger: o.Ledger, Threads: 1}.Resolve(func(string) string { return "" })
	if err != nil {
		return r, err
	}
	a, err := app.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return r, err
	}
	if err := a.Create(ctx, o.Now(), true); err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	a.SetAccounts(account.Options{SecondFactor: []account.Role{}})
	r = Report{Leads: o.Leads, Staff: o.Staff, Engine: string(a.Ledger.Engine()), Cores: runtime.NumCPU()}
	villages := a.Tree.Villages(regionOf(a.Pack))
	if r.Receiving, err = receive(ctx, a, o, villages); err != nil {
		return r, err
	}
	staff, err := hire(ctx, a, o, villages)
	if err != nil {
		return r, err
	}
	return r, work(ctx, a, o, staff, &r)
}

func regionOf(p *policy.Pack) division.Code {
	code, err := division.Parse(p.Region)
	if err != nil {
		return 0
	}
	return code
}

// receive makes the leads, each of a household of its own, with clocks of the last sixty days.
func receive(ctx context.Context, a *app.App, o Options, villages []division.Division) (perSecond float64, err error) {
	cases, err := a.Casework()
	if err != nil {
		return 0, err
	}
	random := rand.New(rand.NewPCG(o.Seed, 1))
	began := time.Now()
	const chunk = 10_000
	for from := 0; from < o.Leads; from += chunk {
		n := min(chunk, o.Leads-from)
		signals := make([]casework.Signal, n)
		for i := range signals {
			id := int64(1_000_000 + from + i)
			risk := a.Pack.Risks[random.IntN(len(a.Pack.Risks))].ID
			signals[i] = casework.Signal{Household: id, HouseholdNo: fmt.Sprint(id), Division: villages[random.IntN(len(villages))].Code, HouseholdType: "ordinary", Channel: casework.Screening,
				Risk: risk, Level: 1 + random.IntN(3), Rule: a.Pack.Rules[random.IntN(len(a.Pack.Rules))].ID, Run: 1, Key: fmt.Sprintf("load|%d", id), Words: policy.Text{ZH: "测试预警", EN: "a warning of the load test"}}
		}
		clock := o.Now().Add(-time.Duration(from) * 60 * 24 * time.Hour / time.Duration(o.Leads))
		if _, err := cases.Receive(ctx, account.SystemActor("load"), clock, signals, nil); err != nil {
			return 0, err
		}
		o.Progress("leads", int64(from+n), int64(o.Leads))
	}
	return float64(o.Leads) / time.Since(began).Seconds(), nil
}

// hire makes staff as a province has them (of a hundred, 80 in villages, 15 in townships, 4 in counties, one in a prefecture) and signs everybody in.
func hire(ctx context.Context, a *app.App, o Options, villages []division.Division) ([]*person, error) {
	random := rand.New(rand.NewPCG(o.Seed, 2))
	staff := make([]*person, o.Staff)
	type post struct {
		role account.Role
		at   division.Code
	}
	posts := make([]post, o.Staff)
	for i := range posts {
		at := villages[random.IntN(len(villages))].Code
		role := account.Village
		switch n := i % 100; {
		case n == 0:
			role = account.Prefecture
		case n < 5:
			role = account.County
		case n < 20:
			role = account.Township
		}
		posts[i] = post{role, at}
	}
	var done atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, p := range posts {
		group.Go(func() error {
			login := fmt.Sprintf("load-%d", i)
			var password string
			err := a.Ledger.Write(ctx, o.Now(), func(ctx context.Context, tx *ledger.Tx) (err error) {
				_, password, err = a.Accounts().Create(ctx, tx, account.SystemActor("load"), account.Staff{Login: login, Name: "测试", Org: account.OrgFor(p.role, p.at, ""), Roles: []account.Role{p.role}})
				return err
			})
			if err != nil {
				return err
			}
			in, err := a.Accounts().SignIn(ctx, o.Now(), account.Credentials{Login: login, Password: password})
			if err != nil {
				return err
			}
			if _, err := a.Accounts().ChangePassword(ctx, o.Now(), in.Secret, password, "Wm7-qz2-Vt9-Xr4"); err != nil {
				return err
			}
			staff[i] = &person{secret: in.Secret, random: rand.New(rand.NewPCG(o.Seed, uint64(i)+10))}
			o.Progress("staff", done.Add(1), int64(o.Staff))
			return nil
		})
	}
	return staff, group.Wait()
}

// work runs the server and has everybody use it.
func work(ctx context.Context, a *app.App, o Options, staff []*person, r *Report) error {
	server, err := api.New(a, api.Options{Now: o.Now})
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return errs.Wrap(errs.Unavailable, err, "无法在本机监听", "cannot listen on this machine")
	}
	serving, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 1)
	go func() { served <- server.Serve(serving, l, nil) }()
	transport := &http.Transport{MaxIdleConns: len(staff), MaxIdleConnsPerHost: len(staff), IdleConnTimeout: time.Minute}
	defer transport.CloseIdleConnections()
	c := &crew{address: "http://" + l.Addr().String(), client: &http.Client{Transport: transport, Timeout: time.Minute}, think: o.Think, times: map[string][]time.Duration{}}
	sending, cancel := context.WithTimeout(ctx, o.For)
	defer cancel()
	began := time.Now()
	var everybody sync.WaitGroup
	for _, p := range staff {
		everybody.Go(func() { c.day(sending, p) })
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for sending.Err() == nil {
		select {
		case <-tick.C:
			o.Progress("requests", int64(time.Since(began)), int64(o.For))
		case <-sending.Done():
		}
	}
	everybody.Wait()
	r.Seconds = time.Since(began).Seconds()
	stop()
	if err := <-served; err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	r.Failed = c.failed
	for _, job := range slices.Sorted(maps.Keys(c.times)) {
		f := figure(job, c.times[job])
		r.Requests += int64(f.Count)
		r.Figures = append(r.Figures, f)
	}
	r.PerSecond = float64(r.Requests) / r.Seconds
	if r.Requests == 0 {
		return errs.New(errs.Unavailable, "没有一个请求得到答复", "not one request was answered")
	}
	return nil
}

// crew is everybody at work.
type crew struct {
	address string
	client  *http.Client
	think   time.Duration

	mu     sync.Mutex
	times  map[string][]time.Duration
	failed int64
}

// day is what one person does: look at the work list, open a case of it, look at what may be done, and again.
func (c *crew) day(ctx context.Context, p *person) {
	if !c.pause(ctx, p) { // not everybody at the same moment
		return
	}
	for {
		var page casework.Page
		if !c.get(ctx, p, "work list", "/api/v1/cases?limit=50", &page) || !c.pause(ctx, p) {
			return
		}
		if len(page.Cases) == 0 {
			continue
		}
		id := page.Cases[p.random.IntN(len(page.Cases))].ID
		if !c.get(ctx, p, "open a case", "/api/v1/cases/"+id+"/dossier", nil) || !c.pause(ctx, p) {
			return
		}
	}
}

// pause thinks for a while: between nothing and twice the mean.
func (c *crew) pause(ctx context.Context, p *person) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(time.Duration(p.random.Int64N(2 * int64(c.think)))):
		return true
	}
}

// get measures one request. A request that the end of the run cuts off is not counted.
func (c *crew) get(ctx context.Context, p *person, job, path string, into any) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.address+path, nil)
	if err != nil {
		return false
	}
	r.Header.Set("Authorization", "Bearer "+p.secret)
	began := time.Now()
	got, err := c.client.Do(r)
	var text []byte
	if err == nil {
		text, err = io.ReadAll(got.Body)
		got.Body.Close()
	}
	took := time.Since(began)
	if ctx.Err() != nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || got.StatusCode != http.StatusOK {
		c.failed++
		return true
	}
	c.times[job] = append(c.times[job], took)
	if into != nil && json.Unmarshal(text, into) != nil {
		c.failed++
	}
	return true
}

func figure(job string, times []time.Duration) Figure {
	slices.Sort(times)
	at := func(share float64) float64 {
		return float64(times[min(len(times)-1, int(share*float64(len(times))))].Microseconds()) / 1000
	}
	return Figure{Job: job, Count: len(times), P50: at(0.5), P95: at(0.95), P99: at(0.99), Max: at(1)}
}
