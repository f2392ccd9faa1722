package cli

import (
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "write the generated tables of docs/cli.md and the golden files")

const page4scripts = "../../docs/cli.md"

// documents are the JSON documents by the name that docs/cli.md gives them.
var documents = map[string]any{
	"version": versionDocument{}, "pack check": packCheckDocument{}, "pack test": packTestDocument{}, "pack show": packShowDocument{},
	"synth": synthDocument{}, "init": initDocument{}, "intake": intakeDocument{}, "receipts": receiptsDocument{}, "rejects": rejectsDocument{},
	"completeness": completenessDocument{}, "screen": screenDocument{}, "warnings": warningListDocument{}, "warnings --out": warningsDocument{},
	"household": householdDocument{}, "lookup": lookupDocument{}, "explain": explainDocument{}, "whatif": whatifDocument{},
	"serve": serveDocument{}, "loadtest": loadtestDocument{}, "evaluate": evaluateDocument{}, "rebuild": rebuildDocument{}, "verify": verifyDocument{}, "bench": benchDocument{}, "demo": demoDocument{},
	"code key list": codeKeysDocument{}, "code key withdraw": codeVoidedDocument{}, "code key export": codeExportDocument{}, "code issue": codeIssueDocument{}, "code sheet": codeSheetDocument{},
	"code check": codeCheckDocument{}, "code show": codeDocument{}, "code once": codeOnceDocument{},
	"backup": backupDocument{}, "restore": restoreDocument{}, "account add": accountMadeDocument{}, "account list": accountListDocument{}, "account import": accountImportDocument{},
	"account disable": accountDocument{}, "session list": sessionListDocument{}, "session end": sessionEndDocument{},
	"audit verify": auditVerifyDocument{}, "audit show": auditShowDocument{}, "audit export": auditExportDocument{},
	"match": matchDocument{}, "match --division": matchAllDocument{}, "plan show": planDocument{}, "order list": orderListDocument{}, "order answer": orderDocument{}, "effect": effectDocument{},
	"dispatch send": dispatchSendDocument{}, "dispatch feed": dispatchFeedDocument{},
	"lead report": leadReportDocument{}, "lead hand-out": leadHandOutDocument{}, "lead applications": leadApplicationsDocument{}, "lead take": leadTakeDocument{}, "lead answer": leadAnswerDocument{},
	"paper": paperDocument{}, "ledger-sheet": ledgerSheetDocument{}, "national": nationalDocument{},
	"case list": caseListDocument{}, "case count": caseCountDocument{}, "case show": caseDocument{}, "case precision": casePrecisionDocument{}, "apply": applyDocument{}, "application follow": followDocument{},
	"error": errorDocument{},
}

func testRoot() *cobra.Command {
	e := &env{Env: Env{Getenv: func(string) string { return "" }, Now: time.Now}, lang: "en"}
	return newRootCommand(e)
}

// TestDocsNameEverything: each verb and each of its flags is described in docs/cli.md, under the verb's heading.
func TestDocsNameEverything(t *testing.T) {
	text, err := os.ReadFile(page4scripts)
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, part := range strings.Split(string(text), "\n## ")[1:] {
		title, body, _ := strings.Cut(part, "\n")
		sections[strings.Trim(title, "` ")] = body
	}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			walk(sub)
		}
		if !c.Runnable() || c.Name() == "help" || c.Name() == "completion" || c.Parent() == nil || c.HasSubCommands() {
			return
		}
		name := strings.TrimPrefix(c.CommandPath(), "shouwang ")
		body, ok := sections[name]
		if !ok {
			t.Errorf("docs/cli.md has no section %q", name)
			return
		}
		c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if f.Name != "help" && !strings.Contains(body, "`--"+f.Name) {
				t.Errorf("docs/cli.md, section %s does not describe --%s", name, f.Name)
			}
		})
		for _, flag := range regexp.MustCompile("`--([a-z-]+)").FindAllStringSubmatch(body, -1) {
			if c.Flag(flag[1]) == nil && c.InheritedFlags().Lookup(flag[1]) == nil {
				t.Errorf("docs/cli.md, section %s describes --%s, which is not there", name, flag[1])
			}
		}
	}
	walk(testRoot())
	testRoot().PersistentFlags().VisitAll(func(f *pflag.Flag) {
		if !strings.Contains(sections["Global flags"], "`--"+f.Name) {
			t.Errorf("docs/cli.md does not describe the global flag --%s", f.Name)
		}
	})
}

// TestDocsOfDocuments: the field tables of docs/cli.md are those of the types. `go test ./internal/cli -run Docs -update`
// writes them anew.
func TestDocsOfDocuments(t *testing.T) {
	text, err := os.ReadFile(page4scripts)
	if err != nil {
		t.Fatal(err)
	}
	comments := fieldComments(t)
	seen := map[string]bool{}
	block := regexp.MustCompile(`(?s)<!-- fields: ([a-z -]+) -->\n.*?<!-- end -->`)
	got := block.ReplaceAllStringFunc(string(text), func(m string) string {
		name := block.FindStringSubmatch(m)[1]
		doc, ok := documents[name]
		if !ok {
			t.Errorf("docs/cli.md has fields of %q, which is no document", name)
			return m
		}
		seen[name] = true
		var b strings.Builder
		fmt.Fprintf(&b, "<!-- fields: %s -->\n| field | type | meaning |\n|---|---|---|\n", name)
		fields(&b, "", reflect.TypeOf(doc), comments, 0)
		return b.String() + "<!-- end -->"
	})
	for name := range documents {
		if !seen[name] {
			t.Errorf("docs/cli.md has no block <!-- fields: %s -->", name)
		}
	}
	if *update {
		if err := os.WriteFile(page4scripts, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(string(text), got); d != "" {
		t.Errorf("docs/cli.md differs from the types (run go test ./internal/cli -run Docs -update):\n%s", d)
	}
}

// fields writes a line a field, nested ones by their path.
func fields(b *strings.Builder, prefix string, typ reflect.Type, comments map[string]string, depth int) {
	for i := range typ.NumField() {
		f := typ.Field(i)
		tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && tag == "" {
			embedded := f.Type
			if embedded.Kind() == reflect.Struct {
				fields(b, prefix, embedded, comments, depth)
				continue
			}
		}
		if !f.IsExported() || tag == "-" {
			continue
		}
		if tag == "" {
			tag = f.Name
		}
		path := prefix + tag
		kind, next := jsonKind(f.Type)
		if strings.Contains(options, "omit") {
			kind += ", optional"
		}
		if strings.Contains(kind, "array") {
			path += "[]"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", path, kind, comments[typ.PkgPath()+"."+typ.Name()+"."+f.Name])
		// A value's parts are values again: once is enough to know them.
		if next != nil && depth < 4 && next != typ {
			fields(b, path+".", next, comments, depth+1)
		}
	}
}

// jsonKind is the JSON type of a Go type, and the struct below it, if any.
func jsonKind(t reflect.Type) (string, reflect.Type) {
	null := ""
	if t.Kind() == reflect.Pointer {
		t, null = t.Elem(), " or null"
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		return "string (RFC 3339)" + null, nil
	case reflect.PointerTo(t).Implements(reflect.TypeFor[json.Marshaler]()), t == reflect.TypeFor[json.RawMessage]():
		return "JSON" + null, nil
	case t.Implements(reflect.TypeFor[interface{ MarshalText() ([]byte, error) }]()):
		return "string" + null, nil
	}
	switch t.Kind() {
	case reflect.Bool:
		return "boolean" + null, nil
	case reflect.String:
		return "string" + null, nil
	case reflect.Float64, reflect.Float32:
		return "number" + null, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "integer" + null, nil
	case reflect.Map:
		kind, _ := jsonKind(t.Elem())
		return "object of " + kind + null, nil
	case reflect.Array:
		kind, _ := jsonKind(t.Elem())
		return "array of " + kind, nil
	case reflect.Slice:
		kind, next := jsonKind(t.Elem())
		return "array of " + kind, next
	case reflect.Struct:
		if t.NumField() == 2 && t.Field(0).Tag.Get("json") == "zh" && t.Field(1).Tag.Get("json") == "en" {
			return "text" + null, nil
		}
		return "object" + null, t
	}
	return "any", nil
}

// fieldComments are the comments of struct fields in this module, by package path, type and field.
func fieldComments(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	files, err := filepath.Glob("../*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		pkg := "shouwang/internal/" + filepath.Base(filepath.Dir(path))
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			st, ok := spec.Type.(*ast.StructType)
			if !ok {
				return true
			}
			for _, f := range st.Fields.List {
				comment := f.Comment.Text()
				if comment == "" {
					comment = f.Doc.Text()
				}
				comment = strings.ReplaceAll(strings.Join(strings.Fields(comment), " "), "|", "\\|")
				for _, name := range f.Names {
					out[pkg+"."+spec.Name.Name+"."+name.Name] = comment
				}
			}
			return true
		})
	}
	return out
}
