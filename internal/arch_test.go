package internal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "shouwang"

// layers is the import table of docs/design.md, section 3: lower packages first. A package may import what stands above
// it in this list (a lower layer), and of its own layer only what its row names.
var layers = []struct {
	name     string
	reason   string
	packages map[string][]string // package → packages of its own layer that it may import
}{
	{"base", "facts of the world and of the machine; they know nothing of households", map[string][]string{
		"internal/errs":       nil,
		"internal/locale":     nil,
		"internal/workday":    {"internal/errs"},
		"internal/ethnic":     {"internal/errs"},
		"internal/residentid": {"internal/errs"},
		"internal/division":   {"internal/errs"},
		"internal/secret":     {"internal/errs"},
		"internal/config":     {"internal/errs"},
		"internal/export":     {"internal/errs"},
		"internal/paper":      {"internal/errs", "internal/locale"},
		"internal/relay":      {"internal/errs"},
		"internal/throttle":   nil,
		"docs":                nil, // the description of the interface, embedded: data without code
		"policy":              nil, // the shipped pack's files, embedded: data without code

		"internal/division/rebuild": nil, // a tool that makes division's embedded table
	}},
	{"language", "pure: the rule language knows values, not policy", map[string][]string{
		"internal/expr": nil,
	}},
	{"policy", "pure: the pack gives the language its variables and never touches a database", map[string][]string{
		"internal/policy": nil,
	}},
	{"workflow", "pure: the state machine is what the pack says", map[string][]string{
		"internal/workflow": nil,
	}},
	{"engine", "the stores: SQL text and files, no subject of the field", map[string][]string{
		"internal/warehouse": nil,
		"internal/ledger":    nil,
		"internal/jobs":      {"internal/ledger"}, // queued in the same transaction as the data

		"internal/attachment": nil, // files that forms name by their hash

		"internal/ledger/ledgertest": {"internal/ledger"}, // opens ledgers of both engines for tests
	}},
	{"subject", "each owns its tables; linking asks the registry who is whose; a subject on the ledger never imports one on the warehouse", map[string][]string{
		"internal/registry":  nil,
		"internal/linkage":   {"internal/registry"},
		"internal/audit":     nil,
		"internal/account":   {"internal/audit"},
		"internal/task":      {"internal/audit", "internal/account"},
		"internal/casework":  {"internal/audit", "internal/account", "internal/task"},
		"internal/measure":   {"internal/audit", "internal/account", "internal/task", "internal/casework"},
		"internal/housecode": {"internal/audit", "internal/account"},
		"internal/amendment": {"internal/audit", "internal/account"},

		"internal/account/accounttest": {"internal/account"}, // an actor of every role for tests
	}},
	{"pipeline", "where files, facts and rules meet; a pipeline uses another only as its row says", map[string][]string{
		"internal/synth":     nil,                                                         // writes files as departments do: must not know how they are read
		"internal/intake":    nil,                                                         // files to facts
		"internal/screening": nil,                                                         // facts to warnings
		"internal/matching":  {"internal/screening"},                                      // warnings, indicators and cases to measures
		"internal/dispatch":  {"internal/screening", "internal/intake"},                   // warnings to leads, outcomes to facts
		"internal/report":    {"internal/screening", "internal/intake"},                   // papers from cases; exports of the national system come in by intake
		"internal/phone":     {"internal/screening"},                                      // what a village worker carries, and what comes back
		"internal/evaluate":  {"internal/screening"},                                      // compares a run with the generator's truth
		"internal/bench":     {"internal/synth", "internal/intake", "internal/screening"}, // measures all of them
	}},
	{"app", "the whole program in order", map[string][]string{"internal/app": nil}},
	{"demo", "plays the staff of a county of synthetic households, through the doors that people use", map[string][]string{"internal/demo": nil}},
	{"assets", "static files, embedded and hashed", map[string][]string{"internal/web/assets": nil}},
	{"view", "what pages look like: typed structs and components over what the layers below give; never a store or a request", map[string][]string{"internal/web/view": nil}},
	{"web", "pages for people and JSON for programs, side by side", map[string][]string{"internal/web": nil, "internal/api": nil}},
	{"load", "the whole program used by many people at once", map[string][]string{"internal/load": nil}},
	{"cli", "a file a verb", map[string][]string{"internal/cli": nil}},
	{"cmd", "one line", map[string][]string{"cmd/shouwang": {}}},
}

type listed struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
	GoFiles      []string
	Dir          string
}

func goList(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports,GoFiles,Dir", "./...")
	cmd.Dir = ".."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var all []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var l listed
		err := dec.Decode(&l)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
}

// TestImportTable holds the layer table: imports go downwards only, and a package that no row names fails.
func TestImportTable(t *testing.T) {
	rank := map[string]int{}
	own := map[string][]string{}
	for i, layer := range layers {
		for p, peers := range layer.packages {
			rank[p], own[p] = i, peers
		}
	}
	found := map[string]bool{}
	for _, l := range goList(t) {
		p := strings.TrimPrefix(l.ImportPath, module+"/")
		if p == "internal" {
			continue // this test
		}
		found[p] = true
		mine, known := rank[p]
		if !known {
			t.Errorf("package %s is in no layer: give it a row with a reason here and in docs/design.md, section 3", p)
			continue
		}
		for _, imported := range l.Imports {
			q, ours := strings.CutPrefix(imported, module+"/")
			if !ours {
				continue
			}
			theirs, known := rank[q]
			switch {
			case !known:
				t.Errorf("%s imports %s, which is in no layer", p, q)
			case theirs > mine:
				t.Errorf("%s (%s) imports %s (%s): imports go downwards only", p, layers[mine].name, q, layers[theirs].name)
			case theirs == mine && !slices.Contains(own[p], q):
				t.Errorf("%s imports %s of its own layer %s; its row doesn't allow that", p, q, layers[mine].name)
			}
		}
	}
	for p := range rank {
		if !found[p] {
			t.Errorf("the table has a row for %s, which is not there", p)
		}
	}
}

// TestGeneratorIsIndependent: what the generator writes must be judged by readers that share no code with it beyond the
// base and the pack, or a mistake would cancel itself out.
func TestGeneratorIsIndependent(t *testing.T) {
	for _, l := range goList(t) {
		if l.ImportPath != module+"/internal/synth" {
			continue
		}
		for _, imported := range l.Imports {
			for _, layer := range layers[3:] {
				if _, found := layer.packages[strings.TrimPrefix(imported, module+"/")]; found {
					t.Errorf("synth imports %s: it may know base packages and the pack only", imported)
				}
			}
		}
	}
}

// TestDesignNamesEveryPackage keeps the house in docs/design.md true.
func TestDesignNamesEveryPackage(t *testing.T) {
	text, err := os.ReadFile("../docs/design.md")
	if err != nil {
		t.Fatal(err)
	}
	_, house, found := strings.Cut(string(text), "## 3. The house")
	if !found {
		t.Fatal("docs/design.md has no section 3")
	}
	house, _, _ = strings.Cut(house, "## 4.")
	for _, layer := range layers {
		if layer.reason == "" {
			t.Errorf("layer %s has no reason", layer.name)
		}
		for p := range layer.packages {
			if !strings.Contains(house, filepath.Base(p)) {
				t.Errorf("docs/design.md, section 3 does not name %s", p)
			}
		}
	}
}

// TestNames: no packages that are a bucket instead of a subject, each package says what it is for, nothing works in init.
func TestNames(t *testing.T) {
	buckets := []string{"util", "utils", "common", "model", "models", "helper", "helpers", "manager", "base", "core", "misc", "shared", "types"}
	for _, l := range goList(t) {
		if l.ImportPath == module+"/internal" {
			continue
		}
		if name := filepath.Base(l.ImportPath); slices.Contains(buckets, name) {
			t.Errorf("package %s: name the subject it owns", l.ImportPath)
		}
		documented := false
		for _, file := range l.GoFiles {
			path := filepath.Join(l.Dir, file)
			parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			documented = documented || parsed.Doc != nil
			for _, d := range parsed.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
					t.Errorf("%s has an init function: let a constructor do it", path)
				}
			}
		}
		if !documented {
			t.Errorf("package %s has no comment that says what it is for and what it never does", l.ImportPath)
		}
	}
}

// TestNoMachinePaths: no file names a place of the machine that it was written on.
func TestNoMachinePaths(t *testing.T) {
	// Written in pieces, so that this file does not find itself.
	machine := regexp.MustCompile(`(^|[^\w.$}/-])/(` + strings.Join([]string{"wo" + "rk", "ro" + "ot", "home/" + `\w`, "Us" + "ers/" + `\w`}, "|") + `)(/|\b)`)
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); name == ".git" || strings.HasPrefix(name, "shouwang-") || name == "bin" {
				return filepath.SkipDir
			}
			return nil
		}
		if d.Name() == ".git" {
			return nil // of a linked work tree: a file that names the repository's place
		}
		if info, err := d.Info(); err != nil || info.Size() > 4<<20 || !info.Mode().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if bytes.IndexByte(text, 0) >= 0 {
			return nil // binary
		}
		for i, line := range strings.Split(string(text), "\n") {
			if machine.MatchString(line) {
				t.Errorf("%s:%d names a place of one machine: %s", path, i+1, strings.TrimSpace(line))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
