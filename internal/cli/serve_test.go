package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test's own binary be the program: tests of processes start it with SHOUWANG_TEST_MAIN=1.
func TestMain(m *testing.M) {
	if os.Getenv("SHOUWANG_TEST_MAIN") == "1" {
		os.Exit(Main())
	}
	os.Exit(m.Run())
}

// process is a program with these arguments in folder dir.
func process(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "SHOUWANG_TEST_MAIN=1", "SHOUWANG_THREADS=1")
	return cmd
}

// finish runs a process to its end.
func finish(t *testing.T, cmd *exec.Cmd) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// served is a running server.
type served struct {
	cmd *exec.Cmd
	url string
	log *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// startServer starts a server on a data folder and waits until it is ready.
func startServer(t *testing.T, data string) *served {
	t.Helper()
	s := &served{cmd: process(t, t.TempDir(), "serve", "--data", data, "--listen", "127.0.0.1:0", "--json"), log: &lockedBuffer{}}
	s.cmd.Stderr = s.log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.cmd.Process.Kill(); s.cmd.Wait() })
	var doc serveDocument
	if err := json.NewDecoder(bufio.NewReader(out)).Decode(&doc); err != nil {
		t.Fatalf("the server did not say that it is ready: %v\n%s", err, s.log)
	}
	s.url = doc.URL
	return s
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(text)
}

// TestServe: verbs beside a running server, in processes of their own.
func TestServe(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "county")
	if o := run(t, "", "demo", "--households", "300", "--data", data, "--no-serve", "--quiet"); o.code != exitDone {
		t.Fatal(o.stderr)
	}
	s := startServer(t, data)
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, text := get(t, s.url+path); status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	if status, _ := get(t, s.url+"/nowhere"); status != http.StatusNotFound {
		t.Errorf("/nowhere: %d", status)
	}

	testPages(t, s.url)

	// Another folder than the server's, relative paths, standard input, exit codes, languages.
	o := finish(t, process(t, dir, "warnings", "--data", "county", "--out", "list.csv", "--json", "--quiet"))
	if o.code != exitDone || at(t, document(t, o), "out") != "list.csv" {
		t.Fatalf("warnings: exit code %d\n%s%s", o.code, o.stdout, o.stderr)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "list.csv")); err != nil || bytes.Count(text, []byte("\n")) < 2 {
		t.Errorf("list.csv: %v, %d bytes", err, len(text))
	}
	cmd := process(t, dir, "lookup", "--data", "county", "--lang", "en")
	cmd.Stdin = strings.NewReader("11010519491231002X\n123\n")
	if o := finish(t, cmd); o.code != exitRejected || !strings.Contains(o.stdout, "not in the register") {
		t.Errorf("lookup: exit code %d\n%s%s", o.code, o.stdout, o.stderr)
	}
	if o := finish(t, process(t, filepath.Join(data, "synth"), "intake", "--data", data, "files", "--json", "--quiet")); o.code != exitDone || at(t, document(t, o), "totals", "rows") != 0.0 {
		t.Errorf("intake of the same files: exit code %d\n%s%s", o.code, o.stdout, o.stderr)
	}
	if o := finish(t, process(t, dir, "household", "--data", "county", "1", "--json")); o.code != exitFailed || at(t, document(t, o), "error", "kind") != "not_found" {
		t.Errorf("an unknown household: exit code %d\n%s", o.code, o.stdout)
	}
	// What must own the folder, or wants other keys, is told so.
	for _, args := range [][]string{{"rebuild"}, {"serve", "--listen", "127.0.0.1:0"}} {
		if o := finish(t, process(t, dir, append(args, "--data", "county", "--json")...)); o.code != exitFailed || at(t, document(t, o), "error", "kind") != "locked" {
			t.Errorf("%v beside a server: exit code %d\n%s%s", args, o.code, o.stdout, o.stderr)
		}
	}
	if o := finish(t, process(t, dir, "receipts", "--data", "county", "--pack", ".", "--json")); o.code != exitFailed {
		t.Errorf("another pack than the server's: exit code %d", o.code)
	}
	// The log names no household and no query.
	get(t, s.url+"/nowhere/5226330010001?name=zhang")
	if log := s.log.String(); !strings.Contains(log, `"route"`) || strings.Contains(log, "5226330010001") || strings.Contains(log, "zhang") {
		t.Errorf("the log:\n%s", log)
	}

	// Killed: its socket stays, and the next verb opens the files itself.
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	s.cmd.Wait()
	if _, err := os.Lstat(filepath.Join(data, "server.sock")); err != nil {
		t.Errorf("a killed server's socket: %v", err)
	}
	if o := finish(t, process(t, dir, "receipts", "--data", "county", "--json")); o.code != exitDone {
		t.Errorf("after kill -9: exit code %d\n%s", o.code, o.stderr)
	}
	// Asked to stop: it ends well and takes its socket away.
	s = startServer(t, data)
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("SIGTERM: %v\n%s", err, s.log)
	}
	if _, err := os.Lstat(filepath.Join(data, "server.sock")); !os.IsNotExist(err) {
		t.Errorf("the socket of a stopped server: %v", err)
	}
}

// testPages: the demo's folder has pages, and an account for every role that one click signs in.
func testPages(t *testing.T, base string) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	reader := &http.Client{Jar: jar}
	if status, text := get(t, base+"/"); status != http.StatusOK || strings.Count(text, `name="demo"`) != 10 {
		t.Errorf("the first page: %d, %d demo accounts", status, strings.Count(text, `name="demo"`))
	}
	r, err := reader.PostForm(base+"/sign-in", url.Values{"demo": {"demo-county"}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK || r.Request.URL.Path != "/" || !strings.Contains(string(text), "从江县") {
		t.Errorf("signed in as the county: %d at %s, %v", r.StatusCode, r.Request.URL.Path, err)
	}
	if policy := r.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "script-src 'self'") {
		t.Errorf("the pages' policy is %q", policy)
	}
}

// TestServeAndTheCallerStops: a long verb in the server ends when its caller is killed.
func TestServeAndTheCallerStops(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "county")
	if o := run(t, "", "init", "--data", data); o.code != exitDone {
		t.Fatal(o.stderr)
	}
	startServer(t, data)
	// lookup waits for standard input for ever.
	cmd := process(t, dir, "lookup", "--data", data)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr lockedBuffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != exitFailed {
		t.Errorf("stopped with Ctrl-C: exit code %d, %v\n%s", cmd.ProcessState.ExitCode(), err, &stderr)
	}
	in.Close()
}

// TestFilesThatUsersName: a verb may be run by a server whose folder is another one; so paths that the user named go through path or paths before they
// are opened. Verbs that never run in a server are listed.
func TestFilesThatUsersName(t *testing.T) {
	alone := []string{"init.go", "demo.go", "relay.go", "cli.go", "serve.go"}
	calls := []string{"Open", "OpenFile", "Create", "ReadFile", "WriteFile", "Stat", "Lstat", "Mkdir", "MkdirAll", "ReadDir", "Remove", "RemoveAll", "Rename"}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") || slices.Contains(alone, path) {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			through := false
			var opened []token.Pos
			ast.Inspect(f.Body, func(n ast.Node) bool {
				of, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				x, ok := of.X.(*ast.Ident)
				through = through || ok && x.Name == "e" && (of.Sel.Name == "path" || of.Sel.Name == "paths")
				if ok && x.Name == "os" && slices.Contains(calls, of.Sel.Name) {
					opened = append(opened, of.Pos())
				}
				return true
			})
			for _, at := range opened {
				if !through {
					t.Errorf("%s: opens a path in a function that does not ask e.path for it", set.Position(at))
				}
			}
		}
	}
}
