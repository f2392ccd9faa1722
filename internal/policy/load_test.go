package policy

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// readPack turns a txtar file into a pack's files.
func readPack(t testing.TB, name string) fstest.MapFS {
	t.Helper()
	a, err := txtar.ParseFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	out := fstest.MapFS{}
	for _, f := range a.Files {
		out[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	return out
}

func goodPack(t testing.TB) *Pack {
	t.Helper()
	p, err := Load(readPack(t, "good.txtar"))
	if err != nil {
		t.Fatalf("the good pack does not load:\n%v", err)
	}
	return p
}

// edit returns the good pack's files with one text replaced, which must be there exactly once.
func edit(t testing.TB, file, old, text string) fs.FS {
	t.Helper()
	files := readPack(t, "good.txtar")
	src := string(files[file].Data)
	if n := strings.Count(src, old); n != 1 {
		t.Fatalf("%q is %d times in %s", old, n, file)
	}
	files[file] = &fstest.MapFile{Data: []byte(strings.Replace(src, old, text, 1))}
	return files
}

// wanted is an error that a fixture announces: on a line of a file, with a text in it.
type wanted struct {
	file string
	line int
	text string
}

// announced reads "# ERR: text | text" from the lines of a file; ERR@next and ERR@prev speak of the neighbouring line.
func announced(file string, src []byte) []wanted {
	var out []wanted
	for i, line := range strings.Split(string(src), "\n") {
		_, mark, ok := strings.Cut(line, "# ERR")
		if !ok {
			continue
		}
		at := i + 1
		if rest, ok := strings.CutPrefix(mark, "@next"); ok {
			at, mark = at+1, rest
		} else if rest, ok := strings.CutPrefix(mark, "@prev"); ok {
			at, mark = at-1, rest
		}
		for _, text := range strings.Split(strings.TrimPrefix(mark, ":"), "|") {
			out = append(out, wanted{file, at, strings.TrimSpace(text)})
		}
	}
	return out
}

// TestErrors holds the loader to fixtures in which every fault is marked on its line: all of them are reported at
// once, at that place, and nothing else is.
func TestErrors(t *testing.T) {
	cases, err := filepath.Glob("testdata/errors/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, name := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			files := readPack(t, "good.txtar")
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var want []wanted
			for _, f := range a.Files {
				if f.Name == "errors" {
					for _, line := range strings.Split(strings.TrimSpace(string(f.Data)), "\n") {
						file, text, _ := strings.Cut(line, ": ")
						want = append(want, wanted{file, 0, text})
					}
					continue
				}
				files[f.Name] = &fstest.MapFile{Data: f.Data}
				want = append(want, announced(f.Name, f.Data)...)
			}
			p, err := Load(files)
			if err == nil || p != nil {
				t.Fatalf("a faulty pack was loaded: %v, %v", p, err)
			}
			got := Errors(err)
			for _, w := range want {
				found := -1
				for i, e := range got {
					if e != nil && e.File == w.file && e.Line == w.line && strings.Contains(e.Path+": "+e.EN, w.text) {
						found = i
						break
					}
				}
				if found < 0 {
					t.Errorf("not reported: %s:%d: %s", w.file, w.line, w.text)
					continue
				}
				got[found] = nil
			}
			for _, e := range got {
				if e != nil {
					t.Errorf("reported though not marked: %v", e)
				}
			}
		})
	}
}

// TestErrorText holds whole messages: place, key path and both languages.
func TestErrorText(t *testing.T) {
	tests := []struct {
		fsys   fs.FS
		zh, en string
	}{
		{
			edit(t, "rules/01.yaml", "level: red", "level: rot"),
			`rules/01.yaml:6:12: rules[heavy_bills].level: “rot”不在可选值内：red, yellow, blue`,
			`rules/01.yaml:6:12: rules[heavy_bills].level: "rot" is not one of: red, yellow, blue`,
		},
		{
			edit(t, "parameters.yaml", "{from: 2025-01-01, value: 8500", "{from: 2025-02-01, value: 8500"),
			`parameters.yaml:7:9: parameters[line].values[#2]: 与同一区划的上一取值之间有空档：2025-01-01 至 2025-01-31 没有取值`,
			`parameters.yaml:7:9: parameters[line].values[#2]: a gap after the value before it of the same division: none from 2025-01-01 to 2025-01-31`,
		},
		{
			edit(t, "pack.yaml", "region: \"520000\"\n", ""),
			`pack.yaml:1:1: region: 缺少必填的键`,
			`pack.yaml:1:1: region: the required key is missing`,
		},
		{
			fstest.MapFS{},
			`pack.yaml: 缺少此文件：这个文件夹是政策包吗？`,
			`pack.yaml: the file is missing: is this folder a policy pack?`,
		},
		{
			fstest.MapFS{"pack.yaml": {Data: []byte("name: small\ntitle: \xb9\xf3\xd6\xdd\n")}},
			`pack.yaml:2: 文件不是 UTF-8 编码；请另存为 UTF-8`,
			`pack.yaml:2: the file is not UTF-8; save it as UTF-8`,
		},
		{
			fstest.MapFS{"pack.yaml": {Data: []byte("name: " + strings.Repeat("[", 100_000))}},
			`pack.yaml:1: 此处嵌套过深，或一行超过 8192 字节，或文件超过 20000 行`,
			`pack.yaml:1: nested too deeply here, or a line of more than 8192 bytes, or more than 20000 lines`,
		},
		{
			fstest.MapFS{"pack.yaml": {Data: make([]byte, maxFileBytes+1)}},
			`pack.yaml: 文件超过 1048576 字节`,
			`pack.yaml: the file has more than 1048576 bytes`,
		},
	}
	for _, test := range tests {
		_, err := Load(test.fsys)
		list := Errors(err)
		if len(list) == 0 {
			t.Errorf("no error; want %s", test.en)
			continue
		}
		if diff := cmp.Diff([]string{test.zh, test.en}, []string{list[0].In("zh"), list[0].In("en")}); diff != "" {
			t.Errorf("message (-want +got):\n%s", diff)
		}
	}
}

// TestManyFiles: limits hold for the number of files too.
func TestManyFiles(t *testing.T) {
	files := readPack(t, "good.txtar")
	for i := range maxPackFiles {
		files[fmt.Sprintf("notes/%04d.txt", i)] = &fstest.MapFile{}
	}
	if _, err := Load(files); err == nil || !strings.Contains(err.Error(), "more than 1000 files") {
		t.Fatalf("got %v", err)
	}
}

// TestHiddenFiles: what an editor or a system leaves in the folder is no part of the pack.
func TestHiddenFiles(t *testing.T) {
	files := readPack(t, "good.txtar")
	files[".DS_Store"] = &fstest.MapFile{Data: []byte{0}}
	files["rules/.01.yaml.swp"] = &fstest.MapFile{Data: []byte{0}}
	files["_old/rules/01.yaml"] = &fstest.MapFile{Data: []byte("x")}
	p, err := Load(files)
	if err != nil {
		t.Fatal(err)
	}
	if want := goodPack(t).Hash; p.Hash != want {
		t.Errorf("hash %s, want %s", p.Hash, want)
	}
}

func TestErrorsOfOneFileHideNothingElsewhere(t *testing.T) {
	files := readPack(t, "good.txtar")
	files["indicators/00.yaml"] = &fstest.MapFile{Data: []byte("indicators: [")}
	files["checks/02.yaml"] = &fstest.MapFile{Data: []byte("checks: {}")}
	_, err := Load(files)
	var got []string
	for _, e := range Errors(err) {
		got = append(got, e.File)
	}
	if diff := cmp.Diff([]string{"checks/02.yaml", "indicators/00.yaml"}, got); diff != "" {
		t.Errorf("files with errors (-want +got):\n%s\n%v", diff, err)
	}
}

// FuzzLoad puts arbitrary bytes in the place of one file of a pack: Load must answer with a pack or with errors that
// name a file, and never panic.
func FuzzLoad(f *testing.F) {
	good := readPack(f, "good.txtar")
	names := make([]string, 0, len(good))
	for name := range good {
		names = append(names, name)
	}
	cases, _ := filepath.Glob("testdata/errors/*.txtar")
	for _, name := range cases {
		a, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range a.Files {
			f.Add(file.Name, file.Data)
		}
	}
	for _, name := range names {
		f.Add(name, good[name].Data)
	}
	f.Add("pack.yaml", []byte("? ? ? a"))
	f.Add("pack.yaml", []byte("a: &x [*x, *x]\n<<: *x"))
	f.Add("rules/01.yaml", []byte("rules: [{id: !!int a, when: >-\n  x\n}]"))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		if !fs.ValidPath(name) || name == "." {
			name = "pack.yaml"
		}
		files := fstest.MapFS{}
		for n, file := range good {
			files[n] = file
		}
		for n := range files {
			if strings.HasPrefix(n, name+"/") || strings.HasPrefix(name, n+"/") {
				return // a file cannot be a folder as well
			}
		}
		files[name] = &fstest.MapFile{Data: data}
		p, err := Load(files)
		if (p == nil) == (err == nil) {
			t.Fatalf("pack %v and error %v", p != nil, err)
		}
		if err == nil {
			p.Test()
			return
		}
		list := Errors(err)
		if len(list) == 0 {
			t.Fatalf("an error without a place: %v", err)
		}
		for _, e := range list {
			if e.File == "" || e.ZH == "" || e.EN == "" || strings.Contains(e.EN+e.ZH, "%!") {
				t.Fatalf("incomplete error %#v", e)
			}
		}
	})
}
