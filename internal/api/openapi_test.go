package api

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"

	"shouwang/internal/app"
	"shouwang/internal/config"
)

var update = flag.Bool("update", false, "write docs/openapi.json anew")

const committed = "../../docs/openapi.json"

// described is the description of the interface as it is committed: what the types say, and for fields of types from other packages what their
// comments say.
func described(t *testing.T, s *Server) *huma.OpenAPI {
	t.Helper()
	doc := s.api.OpenAPI()
	comments := fieldComments(t)
	types := doc.Components.Schemas
	for name, schema := range types.Map() {
		describe(t, types, comments, schema, types.TypeFromRef("#/components/schemas/"+name))
	}
	return doc
}

func describe(t *testing.T, types huma.Registry, comments map[string]string, schema *huma.Schema, typ reflect.Type) {
	for typ != nil && (typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice) {
		typ = typ.Elem()
	}
	if typ == nil || typ.Kind() != reflect.Struct {
		return
	}
	if schema.Description == "" {
		schema.Description = comments[typ.PkgPath()+"."+typ.Name()]
	}
	for _, f := range reflect.VisibleFields(typ) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		p := schema.Properties[name]
		if p != nil && options == "string" { // a number that is written as text
			p.Type, p.Format = "string", ""
		}
		if p == nil || p.Description != "" {
			continue
		}
		owner := typ
		for _, i := range f.Index[:len(f.Index)-1] {
			owner = owner.Field(i).Type
			for owner.Kind() == reflect.Pointer {
				owner = owner.Elem()
			}
		}
		text := comments[owner.PkgPath()+"."+owner.Name()+"."+f.Name]
		if text == "" {
			text = byName[name]
		}
		p.Description = text
		if p.Type == "object" && len(p.Properties) > 0 {
			describe(t, types, comments, p, f.Type)
		}
		if p.Items != nil && len(p.Items.Properties) > 0 {
			describe(t, types, comments, p.Items, f.Type)
		}
	}
}

func committedText(t *testing.T, doc *huma.OpenAPI) []byte {
	t.Helper()
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", " "); err != nil {
		t.Fatal(err)
	}
	out.WriteByte('\n')
	return out.Bytes()
}

func bare(t *testing.T) *Server {
	t.Helper()
	a, err := app.New(config.Config{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return assemble(a, nil, nil, Options{})
}

// TestDescriptionIsCurrent: docs/openapi.json is what the operations are. `go test ./internal/api -run Description -update` writes it anew.
func TestDescriptionIsCurrent(t *testing.T) {
	got := committedText(t, described(t, bare(t)))
	if *update {
		if err := os.WriteFile(committed, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(committed)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		if len(d) > 3000 {
			d = d[:3000] + " …"
		}
		t.Errorf("docs/openapi.json differs from the operations (run go test ./internal/api -run Description -update):\n%s", d)
	}
}

// TestEverythingIsDescribed: each operation, parameter and field says what it is, in documents and in inputs.
func TestEverythingIsDescribed(t *testing.T) {
	doc := described(t, bare(t))
	operations(doc, func(method, path string, o *huma.Operation) {
		where := method + " " + path
		if o.OperationID == "" || o.Summary == "" || o.Description == "" || len(o.Tags) != 1 {
			t.Errorf("%s lacks id, summary, description or tag", where)
		}
		for _, p := range o.Parameters {
			if p.Description == "" {
				t.Errorf("%s: the parameter %s is not described", where, p.Name)
			}
		}
		for status, r := range o.Responses {
			for _, m := range r.Content {
				fieldsDescribed(t, where+" "+status, m.Schema)
			}
		}
		if o.RequestBody != nil {
			for _, m := range o.RequestBody.Content {
				fieldsDescribed(t, where+" body", m.Schema)
			}
		}
	})
	for _, name := range slices.Sorted(maps.Keys(doc.Components.Schemas.Map())) {
		fieldsDescribed(t, name, doc.Components.Schemas.Map()[name])
	}
}

func fieldsDescribed(t *testing.T, where string, s *huma.Schema) {
	if s == nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name]
		if p.Description == "" {
			t.Errorf("%s.%s is not described", where, name)
		}
		fieldsDescribed(t, where+"."+name, p)
	}
	fieldsDescribed(t, where+"[]", s.Items)
}

// operations visits every operation, in order.
func operations(doc *huma.OpenAPI, fn func(method, path string, o *huma.Operation)) {
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		p := doc.Paths[path]
		for _, o := range []*huma.Operation{p.Get, p.Post, p.Put, p.Patch, p.Delete} {
			if o != nil {
				fn(o.Method, path, o)
			}
		}
	}
}

// fieldComments are the comments of types and fields in this module, by package path, type and field.
func fieldComments(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	files, err := filepath.Glob("../*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	spaces := regexp.MustCompile(`\s+`)
	clean := func(s string) string { return strings.TrimSpace(spaces.ReplaceAllString(s, " ")) }
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
			decl, ok := n.(*ast.GenDecl)
			if !ok {
				return true
			}
			for _, spec := range decl.Specs {
				spec, ok := spec.(*ast.TypeSpec)
				if !ok {
					continue
				}
				text := decl.Doc.Text()
				if text == "" {
					text = spec.Doc.Text()
				}
				out[pkg+"."+spec.Name.Name] = clean(text)
				st, ok := spec.Type.(*ast.StructType)
				if !ok {
					continue
				}
				for _, f := range st.Fields.List {
					comment := f.Comment.Text()
					if comment == "" {
						comment = f.Doc.Text()
					}
					for _, name := range f.Names {
						out[pkg+"."+spec.Name.Name+"."+name.Name] = clean(comment)
					}
				}
			}
			return true
		})
	}
	return out
}
