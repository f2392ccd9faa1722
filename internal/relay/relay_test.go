package relay_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"shouwang/internal/errs"
	"shouwang/internal/relay"
)

// serve runs a server until the test ends.
func serve(t *testing.T, path string, run relay.Run) {
	t.Helper()
	s, err := relay.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, run) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestACallAndItsStreams(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("很长的名字", 12)) // longer than a socket's address may be
	if err := os.MkdirAll(long, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{t.TempDir(), long} {
		path := filepath.Join(dir, "server.sock")
		serve(t, path, func(_ context.Context, c relay.Call, in io.Reader, out, errOut io.Writer) int {
			text, err := io.ReadAll(in)
			if err != nil {
				t.Error(err)
			}
			fmt.Fprintf(out, "%v %s %s %d", c.Args, c.Dir, c.Env["LANG"], len(text))
			out.Write(bytes.Repeat([]byte("x"), 100_000))
			fmt.Fprint(errOut, "said")
			return 3
		})
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("the socket: %v %v, want mode 0600", info, err)
		}
		c, err := relay.Dial(context.Background(), path)
		if err != nil {
			t.Fatal(err)
		}
		var out, errOut bytes.Buffer
		code, err := c.Run(context.Background(), relay.Call{Args: []string{"a", "乙"}, Dir: "/d", Env: map[string]string{"LANG": "zh"}},
			strings.NewReader(strings.Repeat("号", 50_000)), &out, &errOut)
		if err != nil || code != 3 || errOut.String() != "said" {
			t.Fatalf("code %d, error %v, standard error %q", code, err, errOut.String())
		}
		if want := "[a 乙] /d zh 150000" + strings.Repeat("x", 100_000); out.String() != want {
			t.Errorf("standard output %.60q of %d bytes", out.String(), out.Len())
		}
	}
}

// TestInputIsReadOnDemand: a verb that doesn't read standard input leaves it alone: the next program of a script may want it.
func TestInputIsReadOnDemand(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	serve(t, path, func(context.Context, relay.Call, io.Reader, io.Writer, io.Writer) int { return 0 })
	c, err := relay.Dial(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	in := strings.NewReader("for somebody else")
	if _, err := c.Run(context.Background(), relay.Call{}, in, io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	if in.Len() != 17 {
		t.Errorf("%d bytes were taken", 17-in.Len())
	}
}

// TestTheCallerGoesAway: the verb's context ends when the caller stops or is gone.
func TestTheCallerGoesAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	began, ended := make(chan bool), make(chan error, 1)
	serve(t, path, func(ctx context.Context, _ relay.Call, in io.Reader, _, _ io.Writer) int {
		began <- true
		<-ctx.Done()
		_, err := in.Read(make([]byte, 1))
		ended <- err
		return 1
	})
	c, err := relay.Dial(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	// Stopped with Ctrl-C: the caller still learns the exit code.
	ctx, stop := context.WithCancel(context.Background())
	go func() { <-began; stop() }()
	code, err := c.Run(ctx, relay.Call{}, strings.NewReader(""), io.Discard, io.Discard)
	if err != nil || code != 1 {
		t.Errorf("stopped: code %d, %v", code, err)
	}
	if err := <-ended; err == nil {
		t.Error("standard input goes on after the end")
	}
	// Killed.
	c, err = relay.Dial(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	gone := make(chan error, 1)
	go func() {
		_, err := c.Run(context.Background(), relay.Call{}, strings.NewReader(""), io.Discard, io.Discard)
		gone <- err
	}()
	<-began
	c.Close()
	<-ended
	if err := <-gone; errs.KindOf(err) != errs.Unavailable {
		t.Errorf("a lost connection: %v", err)
	}
}

func TestNoServer(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	if _, err := relay.Dial(context.Background(), path); !errors.Is(err, relay.ErrNoServer) {
		t.Errorf("no socket: %v", err)
	}
	// A socket whose server was killed: the file stays.
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := relay.Dial(context.Background(), path); !errors.Is(err, relay.ErrNoServer) {
		t.Errorf("a dead server's socket: %v", err)
	}
	// The next server takes its place.
	serve(t, path, func(context.Context, relay.Call, io.Reader, io.Writer, io.Writer) int { return 7 })
	c, err := relay.Dial(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	if code, err := c.Run(context.Background(), relay.Call{}, strings.NewReader(""), io.Discard, io.Discard); err != nil || code != 7 {
		t.Errorf("code %d, %v", code, err)
	}
	// A socket that others may use is not trusted with our arguments.
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := relay.Dial(context.Background(), path); errs.KindOf(err) != errs.Refused {
		t.Errorf("a socket open to others: %v", err)
	}
}

// TestNonsense: whatever comes over the socket, the server goes on.
func TestNonsense(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	serve(t, path, func(context.Context, relay.Call, io.Reader, io.Writer, io.Writer) int { return 0 })
	for _, text := range []string{"", "GET / HTTP/1.1\r\n\r\n", "C\xff\xff\xff\xff", "C\x00\x00\x00\x02{}", "C\x00\x00\x00\x01x", "I\x00\x00\x00\x01x"} {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		conn.Write([]byte(text))
		conn.(*net.UnixConn).CloseWrite()
		conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.ReadAll(conn); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%q: %v", text, err)
		}
		conn.Close()
	}
	c, err := relay.Dial(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	if code, err := c.Run(context.Background(), relay.Call{}, strings.NewReader(""), io.Discard, io.Discard); err != nil || code != 0 {
		t.Errorf("after the nonsense: code %d, %v", code, err)
	}
}
