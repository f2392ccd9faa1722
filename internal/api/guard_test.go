package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"shouwang/internal/app"
	"shouwang/internal/errs"
)

// echo is a server whose one extra route reads its body.
func echo(t *testing.T, o Options) *Server {
	t.Helper()
	s := assemble(&app.App{}, nil, nil, o)
	s.mux.HandleFunc("POST /echo", func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			s.answer(w, r, problemOf(err))
			return
		}
		fmt.Fprintf(w, "%d", len(text))
	})
	s.mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic("110105199912310026") })
	return s
}

// listen runs the server until the test ends and returns its address.
func listen(t *testing.T, s *Server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l, nil) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func decodeProblem(t *testing.T, r *http.Response) Problem {
	t.Helper()
	defer r.Body.Close()
	if ct := r.Header.Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("Content-Type %q", ct)
	}
	var p Problem
	if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
		t.Fatal(err)
	}
	if p.ZH == "" || p.EN == "" || p.ZH == p.EN || p.Kind == "" || p.Key == "" || p.RequestID != r.Header.Get("X-Request-Id") || p.Status != r.StatusCode {
		t.Errorf("an incomplete problem: %+v", p)
	}
	return p
}

// TestOtherSites: a page of another site cannot make a browser change anything here.
func TestOtherSites(t *testing.T) {
	s := echo(t, Options{})
	for _, c := range []struct {
		header, value string
		want          int
	}{
		{"Sec-Fetch-Site", "cross-site", 403}, {"Sec-Fetch-Site", "same-site", 403}, {"Sec-Fetch-Site", "same-origin", 200}, {"Sec-Fetch-Site", "none", 200},
		{"Origin", "https://evil.example", 403}, {"Origin", "http://example.com", 200}, {"Origin", "null", 403}, {"X-Program", "yes", 200},
	} {
		r := httptest.NewRequest("POST", "http://example.com/echo", strings.NewReader("x"))
		r.Header.Set(c.header, c.value)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s: %s gives %d, want %d", c.header, c.value, w.Code, c.want)
		}
		if w.Code == 403 {
			if p := decodeProblem(t, w.Result()); p.Key != "cross_origin" {
				t.Errorf("key %q", p.Key)
			}
		}
	}
}

func TestOversizeBodies(t *testing.T) {
	s := echo(t, Options{Limits: Limits{Body: 1000}})
	at := listen(t, s)
	r, err := http.Post("http://"+at+"/echo", "text/plain", bytes.NewReader(make([]byte, 1001)))
	if err != nil {
		t.Fatal(err)
	}
	if p := decodeProblem(t, r); p.Status != 413 || p.Key != "too_large" {
		t.Errorf("a length that is said: %+v", p)
	}
	// A length that is not said: chunked.
	r, err = http.Post("http://"+at+"/echo", "text/plain", io.MultiReader(bytes.NewReader(make([]byte, 1001))))
	if err != nil {
		t.Fatal(err)
	}
	if p := decodeProblem(t, r); p.Status != 413 {
		t.Errorf("chunked: %+v", p)
	}
	r, err = http.Post("http://"+at+"/echo", "text/plain", bytes.NewReader(make([]byte, 1000)))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != 200 {
		t.Errorf("the limit itself: %d", r.StatusCode)
	}
	// Headers have a limit, too.
	req, _ := http.NewRequest("GET", "http://"+at+"/healthz", nil)
	req.Header.Set("X-Long", strings.Repeat("x", 64<<10))
	if r, err := http.DefaultClient.Do(req); err == nil {
		defer r.Body.Close()
		if r.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("64 KiB of headers: %d", r.StatusCode)
		}
	}
}

// TestSlowBodies: a body that stops coming, and one that drips, are given up, and the connection with them.
func TestSlowBodies(t *testing.T) {
	s := echo(t, Options{Limits: Limits{BodyStall: 200 * time.Millisecond, BodyRate: 1000, HeaderWait: 200 * time.Millisecond}})
	at := listen(t, s)
	for name, pause := range map[string]time.Duration{"stops": time.Hour, "drips": 50 * time.Millisecond} {
		conn, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
		answered := make(chan struct{})
		go func() {
			for {
				if _, err := conn.Write([]byte("x")); err != nil {
					return
				}
				select {
				case <-time.After(pause):
				case <-answered:
					return
				}
			}
		}()
		conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		r, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("a body that %s: %v", name, err)
		}
		if p := decodeProblem(t, r); p.Status != http.StatusRequestTimeout || p.Key != "too_slow" {
			t.Errorf("a body that %s: %+v", name, p)
		}
		close(answered)
		conn.Close()
	}
	// Headers that never end: the connection is closed.
	conn, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n")
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.ReadAll(conn); err != nil {
		t.Errorf("headers that never end: %v", err)
	}
}

func TestPanicsAndFaults(t *testing.T) {
	var log bytes.Buffer
	s := echo(t, Options{Log: slog.New(slog.NewJSONHandler(&log, nil))})
	r := httptest.NewRequest("GET", "/panic?name=110105199912310026", nil)
	r.Header.Set("Accept-Language", "de, en;q=0.8, zh;q=0.5")
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	p := decodeProblem(t, w.Result())
	if p.Status != 500 || p.Detail != p.EN {
		t.Errorf("%+v", p)
	}
	for where, text := range map[string]string{"the answer": w.Body.String(), "the log": log.String()} {
		if strings.Contains(text, "110105199912310026") {
			t.Errorf("%s tells the panic's value: %s", where, text)
		}
	}
	if !strings.Contains(log.String(), "guard_test.go") && !strings.Contains(log.String(), "api.echo") {
		t.Errorf("the log does not say where: %s", log.String())
	}
	// A cause that is no text for people stays inside.
	secret := problemOf(errs.Wrap(errs.Unavailable, fmt.Errorf("open /data/x: SELECT 1"), "磁盘没有应答", "the disk does not answer"))
	if strings.Contains(secret.EN, "SELECT") || secret.Status != 503 {
		t.Errorf("%+v", secret)
	}
	if fault := problemOf(fmt.Errorf("SELECT secret")); strings.Contains(fault.EN, "SELECT") || fault.Status != 500 {
		t.Errorf("%+v", fault)
	}
}

func TestHeadersOnEveryAnswer(t *testing.T) {
	s := echo(t, Options{Proxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	for _, path := range []string{"/healthz", "/nowhere", "/panic"} {
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("X-Forwarded-Proto", "https")
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		for _, h := range []string{"X-Content-Type-Options", "X-Frame-Options", "Content-Security-Policy", "Referrer-Policy", "Cache-Control", "X-Request-Id", "Strict-Transport-Security"} {
			if w.Header().Get(h) == "" {
				t.Errorf("%s has no %s", path, h)
			}
		}
	}
	r := httptest.NewRequest("POST", "/healthz", nil)
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	if p := decodeProblem(t, w.Result()); p.Status != 405 || !strings.Contains(w.Header().Get("Allow"), "GET") {
		t.Errorf("%+v, Allow %q", p, w.Header().Get("Allow"))
	}
}

// TestWhoseAddress: headers about the caller's address are believed from trusted proxies only, and only as far as they vouch.
func TestWhoseAddress(t *testing.T) {
	s := assemble(&app.App{}, nil, nil, Options{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	for _, c := range []struct{ remote, forwarded, want string }{
		{"203.0.113.9:1", "1.2.3.4", "203.0.113.9"},
		{"10.0.0.1:1", "1.2.3.4", "1.2.3.4"},
		{"10.0.0.1:1", "9.9.9.9, 1.2.3.4", "1.2.3.4"},
		{"10.0.0.1:1", "9.9.9.9, 1.2.3.4, 10.0.0.2", "1.2.3.4"},
		{"10.0.0.1:1", "nonsense", "10.0.0.1"},
		{"10.0.0.1:1", "", "10.0.0.1"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.remote
		r.Header.Set("X-Forwarded-For", c.forwarded)
		if got, _ := s.caller(r); got.String() != c.want {
			t.Errorf("from %s for %q: %s, want %s", c.remote, c.forwarded, got, c.want)
		}
	}
}

func TestLanguage(t *testing.T) {
	for accept, want := range map[string]string{"": "zh", "en": "en", "en-GB,en;q=0.9,zh;q=0.8": "en", "zh-CN,en;q=0.9": "zh", "fr": "zh", "*": "zh", "en;q=0.1, zh;q=0.2": "zh", "en;q=x": "zh"} {
		if got := language(accept); got != want {
			t.Errorf("%q gives %s, want %s", accept, got, want)
		}
	}
}

// TestGracefulStop: a running request ends, a new one is refused.
func TestGracefulStop(t *testing.T) {
	s := assemble(&app.App{}, nil, nil, Options{})
	began, release := make(chan bool), make(chan bool)
	s.mux.HandleFunc("GET /long", func(w http.ResponseWriter, _ *http.Request) {
		began <- true
		<-release
		fmt.Fprint(w, "whole")
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l, nil) }()
	var wg sync.WaitGroup
	wg.Go(func() {
		r, err := http.Get("http://" + l.Addr().String() + "/long")
		if err != nil {
			t.Error(err)
			return
		}
		defer r.Body.Close()
		if text, err := io.ReadAll(r.Body); err != nil || string(text) != "whole" {
			t.Errorf("%q, %v", text, err)
		}
	})
	<-began
	stop()
	for !s.stopping.Load() {
		time.Sleep(time.Millisecond)
	}
	release <- true
	wg.Wait()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if r, err := http.Get("http://" + l.Addr().String() + "/healthz"); err == nil {
		r.Body.Close()
		t.Error("a stopped server answers")
	}
}
