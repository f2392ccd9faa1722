package config_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"shouwang/internal/config"
	"shouwang/internal/errs"
)

func TestResolve(t *testing.T) {
	env := map[string]string{"SHOUWANG_DATA": "from-env", "SHOUWANG_THREADS": "3", "SHOUWANG_MEMORY": "2GB"}
	for _, c := range []struct {
		name string
		in   config.Config
		env  map[string]string
		want config.Config
	}{
		{"defaults", config.Config{}, nil, config.Config{Data: "shouwang-data", Keyring: "shouwang-data.keyring"}},
		{"environment", config.Config{}, env, config.Config{Data: "from-env", Keyring: "from-env.keyring", Threads: 3, MemoryLimit: "2GB"}},
		{"flags win", config.Config{Data: "a/b/", Threads: 1}, env, config.Config{Data: "a/b", Keyring: "a/b.keyring", Threads: 1, MemoryLimit: "2GB"}},
		{"own keyring", config.Config{Data: "d", Keyring: "keys/k"}, nil, config.Config{Data: "d", Keyring: "keys/k"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.in.Resolve(func(name string) string { return c.env[name] })
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestResolveRefuses(t *testing.T) {
	none := func(string) string { return "" }
	for _, keyring := range []string{"data/keyring", "data/sub/../keyring", "data"} {
		_, err := config.Config{Data: "data", Keyring: keyring}.Resolve(none)
		if errs.KindOf(err) != errs.Refused {
			t.Errorf("keyring %s inside the data folder: got %v, want it refused", keyring, err)
		}
	}
	_, err := config.Config{}.Resolve(func(name string) string {
		if name == "SHOUWANG_THREADS" {
			return "two"
		}
		return ""
	})
	if errs.KindOf(err) != errs.Invalid {
		t.Errorf("threads=two: got %v", err)
	}
}

func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if _, err := config.ReadFolder(dir); errs.KindOf(err) != errs.NotFound {
		t.Fatalf("no folder: got %v", err)
	}
	want := config.Folder{Format: config.Format, Pack: "packs/a", Created: time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC), Demo: true}
	if err := config.WriteFolder(dir, want); err != nil {
		t.Fatal(err)
	}
	got, err := config.ReadFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if err := config.WriteFolder(dir, want); errs.KindOf(err) != errs.Conflict {
		t.Errorf("second init: got %v, want a conflict", err)
	}

	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "thesis.doc"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := config.WriteFolder(foreign, want); errs.KindOf(err) != errs.Refused {
		t.Errorf("folder with other files: got %v, want it refused", err)
	}

	marker := filepath.Join(dir, "shouwang.json")
	for text, kind := range map[string]errs.Kind{`{"format": 99}`: errs.Conflict, `{"form`: errs.Invalid} {
		if err := os.WriteFile(marker, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := config.ReadFolder(dir); errs.KindOf(err) != kind {
			t.Errorf("marker %s: got %v, want kind %v", text, err, kind)
		}
	}
}
