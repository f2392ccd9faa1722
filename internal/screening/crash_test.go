package screening

import (
	"context"
	"os"
	osexec "os/exec"
	"path/filepath"
	"testing"
	"time"

	"shouwang/internal/division"
	"shouwang/internal/warehouse"
)

// crashDir names the data folder to the child process of TestKill.
const crashDir = "SHOUWANG_TEST_SCREEN_FOR_EVER"

// TestKill kills a process that screens, with SIGKILL at whatever moment, and looks whether the next one finds the last
// finished run whole and gets the same result.
func TestKill(t *testing.T) {
	ctx := context.Background()
	if dir := os.Getenv(crashDir); dir != "" {
		screenForEver(t, dir)
		return
	}
	p := loadPack(t, nil)
	x, _ := randomWorld(t, p, 80)
	x.screen(Options{})
	const rows = "SELECT * EXCLUDE (run) FROM wide"
	const live = "SELECT household_id, risk, level, rules, known FROM warning_live"
	was, warned := x.dump(rows), x.dump(live)
	tree, err := division.Load()
	if err != nil {
		t.Fatal(err)
	}
	for round := range 6 {
		if err := x.w.Close(); err != nil {
			t.Fatal(err)
		}
		cmd := osexec.Command(os.Args[0], "-test.run=^TestKill$")
		cmd.Env = append(os.Environ(), crashDir+"="+x.dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Wait until it screens, then let it go on for another moment each round.
		for ready := filepath.Join(x.dir, "ready"); ; time.Sleep(5 * time.Millisecond) {
			if _, err := os.Stat(ready); err == nil {
				if err := os.Remove(ready); err != nil {
					t.Fatal(err)
				}
				break
			}
		}
		time.Sleep(time.Duration(37*round) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the child ended by itself: nothing was tested")
		}
		if x.w, err = warehouse.Open(ctx, filepath.Join(x.dir, "warehouse.duckdb"), warehouse.Options{Threads: 2}); err != nil {
			t.Fatal(err)
		}
		x.s = New(x.w, p, tree, x.dir)
		if got := x.dump(rows); got != was {
			t.Fatalf("round %d: the wide rows of the last finished run differ after the kill", round)
		}
		if got := x.dump(live); got != warned {
			t.Fatalf("round %d: the warnings differ after the kill", round)
		}
		x.screen(Options{Full: true, Chunk: 7})
		if got := x.dump(rows); got != was {
			t.Fatalf("round %d: the run after the kill makes other wide rows", round)
		}
		if got := x.dump(live); got != warned {
			t.Fatalf("round %d: the run after the kill makes other warnings", round)
		}
	}
	if err := x.w.Close(); err != nil {
		t.Fatal(err)
	}
}

// screenForEver is the child: it screens everybody again and again until it is killed.
func screenForEver(t *testing.T, dir string) {
	ctx := context.Background()
	w, err := warehouse.Open(ctx, filepath.Join(dir, "warehouse.duckdb"), warehouse.Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	tree, err := division.Load()
	if err != nil {
		t.Fatal(err)
	}
	s := New(w, loadPack(t, nil), tree, dir)
	if err := os.WriteFile(filepath.Join(dir, "ready"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := s.Run(ctx, Options{AsOf: asOf, Now: asOf, Full: true, Chunk: 7}); err != nil {
			t.Fatal(err)
		}
	}
}
