package cli

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"shouwang/internal/residentid"
)

// outcome of one command line.
type outcome struct {
	code           int
	stdout, stderr string
}

// run runs one command line in an environment of its own, on 15 November 2026.
func run(t *testing.T, stdin string, args ...string) outcome {
	t.Helper()
	return runWith(t, context.Background(), stdin, nil, args...)
}

func runWith(t *testing.T, ctx context.Context, stdin string, vars map[string]string, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := Run(ctx, Env{
		Args: args, Stdin: strings.NewReader(stdin), Stdout: &stdout, Stderr: &stderr,
		Getenv: func(name string) string { return vars[name] },
		Now:    func() time.Time { return time.Date(2026, 11, 15, 9, 30, 0, 0, time.UTC) },
	})
	return outcome{code, stdout.String(), stderr.String()}
}

// document decodes the one JSON document that standard output must be.
func document(t *testing.T, o outcome) map[string]any {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(o.stdout))
	var doc map[string]any
	if err := dec.Decode(&doc); err != nil {
		t.Fatalf("standard output is no JSON document: %v\n%s\n%s", err, o.stdout, o.stderr)
	}
	if dec.More() {
		t.Fatalf("standard output holds more than one document:\n%s", o.stdout)
	}
	return doc
}

// at walks a decoded document: at(doc, "intake", "rows").
func at(t *testing.T, doc any, path ...string) any {
	t.Helper()
	for _, p := range path {
		m, ok := doc.(map[string]any)
		if !ok {
			t.Fatalf("%v: %v is no object", path, doc)
		}
		if doc, ok = m[p]; !ok {
			t.Fatalf("%v: no field %q", path, p)
		}
	}
	return doc
}

func TestUsageErrors(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{
		{"scren"},
		{"screen", "--fast"},
		{"screen", "--as-of"},
		{"screen", "--as-of", "yesterday"},
		{"screen", "now"},
		{"--lang", "fr", "version"},
		{"pack", "nope"},
		{"pack", "check", "a", "b"},
		{"household"},
		{"explain", "1", "2"},
		{"intake"},
		{"synth"},
		{"synth", "--out", dir, "--households", "0"},
		{"synth", "--out", filepath.Join(dir, "x"), "--division", "999999"},
		{"warnings", "--level", "purple"},
		{"warnings", "--format", "pdf"},
		{"warnings", "--format", "xlsx"},
		{"whatif"},
		{"whatif", "--set", "line"},
		{"whatif", "--set", "line=much"},
		{"whatif", "--set", "line=9000", "--by", "street"},
		{"rejects", "1"},
		{"evaluate"},
		{"bench", "--households", "10"},
		{"help", "nothing"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			o := run(t, "", append(args, "--data", filepath.Join(dir, "none"))...)
			if o.code != exitUsage {
				t.Errorf("exit code %d, want %d: %s", o.code, exitUsage, o.stderr)
			}
			if o.stdout != "" {
				t.Errorf("standard output without --json: %q", o.stdout)
			}
			o = run(t, "", append(args, "--lang=en", "--data", filepath.Join(dir, "none"), "--json")...)
			if slices.Contains(args, "--lang") {
				return // the last --lang wins, and that one is right
			}
			if kind := at(t, document(t, o), "error", "kind"); o.code != exitUsage || kind != "usage" {
				t.Errorf("with --json: exit code %d, kind %v", o.code, kind)
			}
			if zh := at(t, document(t, o), "error", "zh").(string); len(zh) == utf8.RuneCountInString(zh) {
				t.Errorf("no Chinese text: %q", zh)
			}
		})
	}
}

// TestNoDataFolder: verbs that need a data folder say how to get one.
func TestNoDataFolder(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	for _, args := range [][]string{
		{"screen"}, {"warnings"}, {"household", "1"}, {"explain", "1"}, {"whatif", "--set", "line=1"}, {"receipts"},
		{"rejects", "1", "--out", none + ".csv"}, {"completeness"}, {"lookup"}, {"rebuild"}, {"verify"}, {"evaluate", "--truth", "x"}, {"intake", t.TempDir()},
	} {
		o := run(t, "", append(args, "--data", none, "--json")...)
		if kind := at(t, document(t, o), "error", "kind"); o.code != exitFailed || kind != "not_found" {
			t.Errorf("%v: exit code %d, kind %v, want 1 and not_found", args, o.code, kind)
		}
		if !strings.Contains(o.stderr, "init") {
			t.Errorf("%v doesn't say what to do: %s", args, o.stderr)
		}
		if _, err := os.Stat(none); err == nil {
			t.Fatalf("%v made the folder", args)
		}
	}
}

func TestInit(t *testing.T) {
	data := filepath.Join(t.TempDir(), "county")
	first := run(t, "", "init", "--data", data, "--json")
	if first.code != exitDone || at(t, document(t, first), "new_keyring") != true {
		t.Fatalf("init: exit code %d\n%s\n%s", first.code, first.stdout, first.stderr)
	}
	info, err := os.Stat(data + ".keyring")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("keyring: %v %v, want mode 0600", info, err)
	}
	key, err := os.ReadFile(data + ".keyring")
	if err != nil {
		t.Fatal(err)
	}
	if again := run(t, "", "init", "--data", data, "--json"); again.code != exitFailed || at(t, document(t, again), "error", "kind") != "conflict" {
		t.Errorf("init again: exit code %d\n%s", again.code, again.stdout)
	}
	// The folder is lost, the keyring is not: it is used as it is.
	if err := os.RemoveAll(data); err != nil {
		t.Fatal(err)
	}
	if o := run(t, "", "init", "--data", data, "--json"); o.code != exitDone || at(t, document(t, o), "new_keyring") != false {
		t.Errorf("init with the old keyring: exit code %d\n%s", o.code, o.stdout)
	}
	after, err := os.ReadFile(data + ".keyring")
	if err != nil || !bytes.Equal(key, after) {
		t.Errorf("the keyring was overwritten (%v)", err)
	}
	if err := os.Remove(data + ".keyring"); err != nil {
		t.Fatal(err)
	}
	if o := run(t, "", "receipts", "--data", data, "--json"); o.code != exitFailed || at(t, document(t, o), "error", "kind") != "not_found" {
		t.Errorf("without a keyring: exit code %d\n%s", o.code, o.stdout)
	}
	o := runWith(t, context.Background(), "", map[string]string{"SHOUWANG_DATA": data, "SHOUWANG_KEYRING": filepath.Join(data, "k")}, "receipts", "--json")
	if o.code != exitFailed || at(t, document(t, o), "error", "kind") != "refused" {
		t.Errorf("a keyring inside the data folder: exit code %d\n%s", o.code, o.stdout)
	}
}

// TestHelp: the help of every verb in both languages, as it was last read by a person.
func TestHelp(t *testing.T) {
	for _, lang := range []string{"zh", "en"} {
		var all strings.Builder
		var walk func(path []string, c *cobra.Command)
		walk = func(path []string, c *cobra.Command) {
			o := run(t, "", append(slices.Clone(path), "--help", "--lang", lang)...)
			if o.code != exitDone || o.stderr != "" {
				t.Errorf("%v --help: exit code %d, %s", path, o.code, o.stderr)
			}
			fmt.Fprintf(&all, "# shouwang %s\n%s\n", strings.Join(path, " "), o.stdout)
			for _, sub := range c.Commands() {
				if name := sub.Name(); name != "help" && name != "completion" {
					walk(append(slices.Clone(path), name), sub)
				}
			}
		}
		walk(nil, testRoot())
		golden(t, "help."+lang+".txt", all.String())
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (run with -update if the change is meant):\n%s", path, d)
	}
}

// TestEveryVerbSpeaksBothLanguages: help has an example and Chinese and English differ.
func TestEveryVerbSpeaksBothLanguages(t *testing.T) {
	zh := newRootCommand(&env{Env: Env{Getenv: func(string) string { return "" }, Now: time.Now}, lang: "zh"})
	en := testRoot()
	var walk func(a, b *cobra.Command)
	walk = func(a, b *cobra.Command) {
		if a.Name() == "help" || a.Name() == "completion" {
			return
		}
		if a.Short == b.Short || a.Long == b.Long || a.Short == "" || a.Long == "" || b.Short == "" || b.Long == "" || a.Example == "" {
			t.Errorf("%s: help lacks a language or an example", a.CommandPath())
		}
		for _, sub := range a.Commands() {
			other, _, err := b.Find([]string{sub.Name()})
			if err != nil {
				t.Fatal(err)
			}
			walk(sub, other)
		}
	}
	walk(zh, en)
}

func TestPackVerbs(t *testing.T) {
	if o := run(t, "", "pack", "check", "--json"); o.code != exitDone || at(t, document(t, o), "ok") != true {
		t.Errorf("pack check of the built-in pack: exit code %d\n%s", o.code, o.stderr)
	}
	o := run(t, "", "pack", "test", "--json")
	if failures := at(t, document(t, o), "failures").([]any); o.code != exitDone || len(failures) != 0 {
		t.Errorf("pack test of the built-in pack: exit code %d\n%s", o.code, o.stdout)
	}
	show := document(t, run(t, "", "pack", "show", "--json"))
	for field, least := range map[string]int{"datasets": 20, "indicators": 40, "rules": 35} {
		if got := len(at(t, show, field).([]any)); got < least {
			t.Errorf("the pack has %d %s, want at least %d", got, field, least)
		}
	}
	// A wrong pack: the error names file and line.
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../policy/guizhou")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "pack.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "pack.yaml"), append([]byte("colour: red\n"), text...), 0o600); err != nil {
		t.Fatal(err)
	}
	o = run(t, "", "pack", "check", dir, "--json")
	if message := at(t, document(t, o), "error", "en").(string); o.code != exitFailed || !strings.Contains(message, "pack.yaml:1") || !strings.Contains(message, "colour") {
		t.Errorf("a pack with an unknown key: exit code %d, %s", o.code, message)
	}
	if o := run(t, "", "pack", "check", filepath.Join(dir, "none")); o.code != exitFailed {
		t.Errorf("no such pack: exit code %d", o.code)
	}
}

// TestCancelled: a cancelled context stops the work with exit code 1 and leaves no half folder behind that can't be used again.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	o := runWith(t, ctx, "", nil, "synth", "--out", filepath.Join(t.TempDir(), "out"), "--households", "500", "--json")
	if o.code != exitFailed {
		t.Errorf("exit code %d, want 1: %s", o.code, o.stderr)
	}
}

// TestDemo runs the whole program on 500 households, then every verb on the folder that the demo made.
func TestDemo(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "demo")
	var said strings.Builder // everything that was printed
	do := func(want int, stdin string, args ...string) outcome {
		t.Helper()
		o := run(t, stdin, append(args, "--data", data, "--quiet")...)
		said.WriteString(o.stdout + o.stderr)
		if o.code != want {
			t.Fatalf("%v: exit code %d, want %d\n%s\n%s", args, o.code, want, o.stderr, o.stdout)
		}
		return o
	}
	doc := document(t, do(exitDone, "", "demo", "--households", "500", "--no-serve", "--json"))
	if n := at(t, doc, "synth", "households"); n != 500.0 {
		t.Errorf("synth.households = %v", n)
	}
	rows, accepted, rejected := at(t, doc, "intake", "rows").(float64), at(t, doc, "intake", "accepted").(float64), at(t, doc, "intake", "rejected").(float64)
	if accepted == 0 || rejected == 0 || accepted+rejected > rows {
		t.Errorf("rows %v, accepted %v, rejected %v", rows, accepted, rejected)
	}
	if h := at(t, doc, "screening", "households").(float64); h < 490 || h > 520 {
		t.Errorf("screening.households = %v, want about 500", h)
	}
	if worst := at(t, doc, "worst").([]any); len(worst) != worstShown {
		t.Errorf("%d worst households, want %d", len(worst), worstShown)
	}
	if o := do(exitFailed, "", "demo", "--households", "500", "--json"); at(t, document(t, o), "error", "kind") != "conflict" {
		t.Errorf("a second demo in the folder: %s", o.stdout)
	}

	list := document(t, do(exitDone, "", "warnings", "--json"))
	warnings := at(t, list, "warnings").([]any)
	if len(warnings) == 0 || at(t, list, "count") != float64(len(warnings)) {
		t.Fatalf("count %v of %d warnings", at(t, list, "count"), len(warnings))
	}
	no := at(t, warnings[0], "household_no").(string)
	var fromSummary float64
	for _, r := range at(t, doc, "screening", "by_risk").([]any) {
		fromSummary += at(t, r, "red").(float64) + at(t, r, "yellow").(float64) + at(t, r, "blue").(float64)
	}
	if fromSummary != float64(len(warnings)) {
		t.Errorf("the summary counts %v warnings, the list has %d", fromSummary, len(warnings))
	}
	testExports(t, do, dir, len(warnings))
	testMatch(t, do, dir, warnings)

	if got := at(t, document(t, do(exitDone, "", "household", no, "--json")), "household_no"); got != no {
		t.Errorf("household_no = %v, want %s", got, no)
	}
	if o := do(exitFailed, "", "household", "1234567", "--json"); at(t, document(t, o), "error", "kind") != "not_found" {
		t.Errorf("an unknown household: %s", o.stdout)
	}
	explained := document(t, do(exitDone, "", "explain", no, "--json"))
	if at(t, explained, "same_as_recorded") != true {
		t.Error("the explanation differs from the record")
	}
	do(exitDone, "", "explain", no, "--lang", "en")
	do(exitDone, "", "household", no, "--lang", "en")
	what := document(t, do(exitDone, "", "whatif", "--drop", firstRule(t, warnings), "--by", "township", "--json"))
	if leave, enter := at(t, what, "total", "leave").(float64), at(t, what, "total", "enter").(float64); enter != 0 || leave < 0 {
		t.Errorf("leaving a rule out: %v enter, %v leave", enter, leave)
	}
	truth := document(t, do(exitDone, "", "evaluate", "--truth", filepath.Join(data, "synth", "truth"), "--json"))
	if d := cmp.Diff(at(t, doc, "evaluation"), any(truth)); d != "" {
		t.Errorf("evaluate differs from the demo's:\n%s", d)
	}
	do(exitDone, "", "completeness", "--json")
	again := document(t, do(exitDone, "", "screen", "--as-of", "2026-11-15", "--json"))
	if at(t, again, "warned") != at(t, doc, "screening", "warned") {
		t.Errorf("screening again: %v households warned of, was %v", at(t, again, "warned"), at(t, doc, "screening", "warned"))
	}

	testEffect(t, do)

	// The same files a second time change nothing.
	second := document(t, do(exitDone, "", "intake", filepath.Join(data, "synth", "files"), "--json"))
	if already := at(t, second, "totals", "already_files"); already != at(t, doc, "intake", "accepted_files") || at(t, second, "totals", "accepted_files") != 0.0 {
		t.Errorf("files taken in again: %v", at(t, second, "totals"))
	}
	testReceipts(t, do, dir)
	testRejectedRows(t, dir, filepath.Join(data, "synth", "files"))
	numbers := testLookup(t, do, data)
	do(exitDone, "", "verify", "--json")
	do(exitDone, "", "rebuild", "--json")
	rebuilt := document(t, do(exitDone, "", "warnings", "--json"))
	if d := cmp.Diff(list["count"], rebuilt["count"]); d != "" {
		t.Errorf("warnings after the rebuild:\n%s", d)
	}
	checkNothingPersonal(t, data, numbers, said.String())
}

func firstRule(t *testing.T, warnings []any) string {
	t.Helper()
	for _, w := range warnings {
		if rules := at(t, w, "rules").([]any); len(rules) > 0 {
			return rules[0].(string)
		}
	}
	t.Fatal("no warning has a rule")
	return ""
}

func testExports(t *testing.T, do func(int, string, ...string) outcome, dir string, want int) {
	t.Helper()
	path := filepath.Join(dir, "w.csv")
	if n := at(t, document(t, do(exitDone, "", "warnings", "--out", path, "--json")), "count"); n != float64(want) {
		t.Errorf("csv: count %v, want %d", n, want)
	}
	text, err := os.ReadFile(path)
	if err != nil || !bytes.HasPrefix(text, []byte("\xef\xbb\xbf")) {
		t.Errorf("csv: no byte-order mark (%v)", err)
	}
	records, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")))).ReadAll()
	if err != nil || len(records) != want+1 {
		t.Errorf("csv: %d records (%v), want %d", len(records), err, want+1)
	}
	path = filepath.Join(dir, "w.xlsx")
	do(exitDone, "", "warnings", "--format", "xlsx", "--out", path)
	if z, err := zip.OpenReader(path); err != nil {
		t.Errorf("xlsx: %v", err)
	} else if err := z.Close(); err != nil {
		t.Error(err)
	}
	path = filepath.Join(dir, "w.json")
	do(exitDone, "", "warnings", "--format", "json", "--out", path)
	text, err = os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := at(t, document(t, outcome{stdout: string(text)}), "count"); n != float64(want) {
		t.Errorf("json file: count %v, want %d", n, want)
	}
	do(exitDone, "", "warnings", "--lang", "en")
	do(exitDone, "", "warnings", "--level", "red", "--limit", "3", "--format", "csv")
}

func testReceipts(t *testing.T, do func(int, string, ...string) outcome, dir string) {
	t.Helper()
	var batch string
	var rejected float64
	for _, r := range at(t, document(t, do(exitDone, "", "receipts", "--json")), "receipts").([]any) {
		if n := at(t, r, "rejected").(float64); n > rejected && at(t, r, "state") == "accepted" {
			batch, rejected = fmt.Sprint(at(t, r, "batch")), n
		}
	}
	if batch == "" {
		t.Fatal("no batch has rejected rows")
	}
	do(exitDone, "", "receipts", batch)
	do(exitFailed, "", "receipts", "99999", "--json")
	path := filepath.Join(dir, "rejects.csv")
	out := document(t, do(exitDone, "", "rejects", batch, "--out", path, "--json"))
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")))).ReadAll()
	if err != nil || float64(len(records)-1) != rejected || at(t, out, "rows") != rejected {
		t.Errorf("rejects: %d records (%v), the receipt says %v", len(records)-1, err, rejected)
	}
	do(exitFailed, "", "rejects", batch, "--out", path, "--json") // never overwrites
}

// testRejectedRows takes the roster in by itself with one row spoiled: exit code 3, and the receipt says which row.
func testRejectedRows(t *testing.T, dir, files string) {
	t.Helper()
	rosters, err := filepath.Glob(filepath.Join(files, "*", "农户花名册_*.csv"))
	if err != nil || len(rosters) == 0 {
		t.Fatalf("no roster among the generated files (%v)", err)
	}
	text, err := os.ReadFile(rosters[0])
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	spoiled := bytes.Replace(lines[7], []byte(","), []byte(",no village,"), 1) // a column too many
	lines[7] = spoiled
	path := filepath.Join(dir, filepath.Base(rosters[0]))
	if err := os.WriteFile(path, bytes.Join(lines, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "second")
	if o := run(t, "", "init", "--data", data); o.code != exitDone {
		t.Fatalf("init: %s", o.stderr)
	}
	o := run(t, "", "intake", path, "--data", data, "--json")
	if o.code != exitRejected {
		t.Fatalf("a spoiled row: exit code %d, want %d\n%s", o.code, exitRejected, o.stderr)
	}
	found := false
	for _, reject := range at(t, at(t, document(t, o), "receipts").([]any)[0], "rejects").([]any) {
		for _, sample := range at(t, reject, "samples").([]any) {
			found = found || at(t, reject, "code") == "columns" && at(t, sample, "row") == 7.0
		}
	}
	if !found {
		t.Errorf("the receipt doesn't name data row 7: %s", o.stdout)
	}
	if o := run(t, "", "intake", filepath.Join(dir, "none.csv"), "--data", data); o.code != exitUsage {
		t.Errorf("a file that isn't there: exit code %d", o.code)
	}
	empty := filepath.Join(dir, "医保结算_522633_202610.csv")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if o := run(t, "", "intake", empty, "--data", data, "--json"); o.code != exitRejected || at(t, document(t, o), "totals", "refused_files") != 1.0 {
		t.Errorf("an empty file: exit code %d\n%s", o.code, o.stdout)
	}
	if o := run(t, "", "whatif", "--set", "line=9000", "--data", data, "--json"); o.code != exitFailed || at(t, document(t, o), "error", "kind") != "not_found" {
		t.Errorf("what-if before any screening: exit code %d\n%s", o.code, o.stdout)
	}
}

// testLookup looks a person up and returns every resident number and phone of the generated files.
func testLookup(t *testing.T, do func(int, string, ...string) outcome, data string) map[string]bool {
	t.Helper()
	personal := map[string]bool{}
	candidate := regexp.MustCompile(`[0-9]{17}[0-9Xx]|1[3-9][0-9]{9}`)
	var one string
	err := filepath.WalkDir(filepath.Join(data, "synth", "files"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, field := range bytes.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(",\t\r\n\"{}:", r) }) {
			found := candidate.Find(field)
			if len(found) != len(field) || len(found) == 0 {
				continue
			}
			if len(found) == 11 {
				personal[string(found)] = true
			} else if _, err := residentid.Parse(string(found)); err == nil {
				personal[string(found)] = true
				if one == "" && strings.Contains(filepath.Base(path), "花名册") {
					one = string(found)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(personal) < 500 || one == "" {
		t.Fatalf("only %d numbers found in the generated files", len(personal))
	}
	o := do(exitDone, one+"\n", "lookup", "--json")
	if members := at(t, at(t, document(t, o), "results").([]any)[0], "memberships").([]any); len(members) == 0 {
		t.Errorf("the person was not found: %s", o.stdout)
	}
	do(exitRejected, one[:17]+"0\n110101199003070000\n", "lookup", "--json")
	return personal
}

// checkNothingPersonal: no number and no phone of the generated files stands in plain in any other file of the data folder
// or in anything that was printed.
func checkNothingPersonal(t *testing.T, data string, personal map[string]bool, said string) {
	t.Helper()
	digits := regexp.MustCompile(`[0-9]{11,}[Xx]?`)
	look := func(where string, text []byte) {
		for _, run := range digits.FindAll(text, -1) {
			for size := range 2 {
				n := []int{18, 11}[size]
				for i := 0; i+n <= len(run); i++ {
					if personal[string(run[i:i+n])] && (n == 18 || len(run) == 11) {
						t.Errorf("%s holds %s in plain", where, residentid.MaskAny(string(run[i:i+n])))
						return
					}
				}
			}
		}
	}
	look("the output", []byte(said))
	err := filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path == filepath.Join(data, "synth") {
				return filepath.SkipDir
			}
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		look(path, text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
