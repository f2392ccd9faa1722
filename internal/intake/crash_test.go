package intake

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// crashRoot names, in the environment of a child process, the folder whose deliveries it takes in.
const crashRoot = "INTAKE_CRASH_ROOT"

// TestMain lets the test binary be the process that is killed.
func TestMain(m *testing.M) {
	if root := os.Getenv(crashRoot); root != "" {
		child(root)
		return
	}
	os.Exit(m.Run())
}

func child(root string) {
	t := &childT{}
	w := openWorld(t, root)
	if _, err := w.Files(context.Background(), []string{w.in}, Options{Now: now}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	t.done()
}

// childT is the little of testing.TB that openWorld uses.
type childT struct {
	testing.TB
	cleanup []func()
}

func (c *childT) Helper()          {}
func (c *childT) Cleanup(f func()) { c.cleanup = append(c.cleanup, f) }
func (c *childT) Fatal(args ...any) {
	fmt.Fprintln(os.Stderr, args...)
	os.Exit(1)
}
func (c *childT) done() {
	for _, f := range c.cleanup {
		f()
	}
}

// deliver writes the same deliveries into a folder: a roster, changes, two months of settlements of which one corrects the other, a bad file.
func deliver(t *testing.T, root string) {
	t.Helper()
	loaded, err := loadPack()
	if err != nil {
		t.Fatal(err)
	}
	ps := people(loaded.tree, county, 1500)
	in := filepath.Join(root, "in")
	if err := os.MkdirAll(in, 0o700); err != nil {
		t.Fatal(err)
	}
	changes := "姓名,公民身份号码,户编号,变动类型,变动日期\n" + ps[5].name + "," + ps[5].number + "," + ps[5].house + ",死亡,2026-10-03\n"
	for name, text := range map[string]string{
		"农户花名册_522633_202610.csv": rosterCSV(ps), "户籍变动_522633_202610.csv": changes, "医保结算_522633_202609.csv": healthCSV(ps[:2000], "2026-09"),
		"医保结算_522633_202610.csv": healthCSV(ps[1000:], "2026-10"), "医保结算_522633_202608.csv": healthHeader + "坏行\n",
	} {
		if err := os.WriteFile(filepath.Join(in, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestKill kills intakes at random moments; whatever is left, the next run must end in the same warehouse as one that was
// never disturbed.
func TestKill(t *testing.T) {
	calm := t.TempDir()
	deliver(t, calm)
	start := time.Now()
	run := func(root string) *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), crashRoot+"="+root)
		return cmd
	}
	if out, err := run(calm).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	whole := time.Since(start)
	w := openWorld(t, calm)
	want := w.digest()
	w.verify()

	rounds := 3
	if testing.Short() {
		rounds = 1
	}
	for round := range rounds {
		root := t.TempDir()
		deliver(t, root)
		ring, err := os.ReadFile(filepath.Join(calm, "keyring"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "keyring"), ring, 0o600); err != nil {
			t.Fatal(err)
		}
		kills := 0
		for range 3 {
			cmd := run(root)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			wait := time.Duration(rand.Int64N(int64(whole)))
			timer := time.AfterFunc(wait, func() { cmd.Process.Kill() })
			if cmd.Wait() != nil {
				kills++
			}
			timer.Stop()
		}
		if out, err := run(root).CombinedOutput(); err != nil {
			t.Fatalf("round %d: %v: %s", round, err, out)
		}
		w := openWorld(t, root)
		if got := w.digest(); got != want {
			t.Errorf("round %d: after %d kills the warehouse differs", round, kills)
		}
		w.verify()
		if left, _ := filepath.Glob(filepath.Join(w.dir, "*", "*"+tmpSuffix)); len(left) > 0 {
			t.Errorf("round %d: left behind: %v", round, left)
		}
		w.w.Close()
	}
}
