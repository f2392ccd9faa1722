package attachment_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"shouwang/internal/attachment"
	"shouwang/internal/errs"
	"shouwang/internal/secret"
)

// png is the beginning of a picture, and something in it that must not be readable on the disk.
var png = append([]byte("\x89PNG\r\n\x1a\n"), []byte("house of somebody")...)

func store(t *testing.T) (*attachment.Store, string) {
	t.Helper()
	dir := t.TempDir()
	k, err := secret.Create(filepath.Join(dir, "keyring"))
	if err != nil {
		t.Fatal(err)
	}
	return attachment.New(dir, k), dir
}

// files of the store on the disk.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(filepath.Join(dir, "attachments"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestKept: what was put in comes out, once however often it is handed in, and is not to be read on the disk.
func TestKept(t *testing.T) {
	s, dir := store(t)
	sum := sha256.Sum256(png)
	want := hex.EncodeToString(sum[:])
	for range 2 {
		f, err := s.Put(bytes.NewReader(png))
		if err != nil || f.Hash != want || f.Type != "image/png" || f.Size != int64(len(png)) {
			t.Fatalf("%+v %v", f, err)
		}
	}
	f, content, err := s.Get(want)
	if err != nil || !bytes.Equal(content, png) || f.Type != "image/png" || !s.Has(want) {
		t.Fatalf("%+v %v", f, err)
	}
	all := files(t, dir)
	if len(all) != 1 {
		t.Fatalf("%d files on the disk: %v", len(all), all)
	}
	text, err := os.ReadFile(all[0])
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte("somebody")) {
		t.Error("an attachment can be read on the disk")
	}
}

// TestRefused: nothing but pictures, PDF and sound is kept, nothing empty or too large, and no path is made of a name.
func TestRefused(t *testing.T) {
	s, _ := store(t)
	for name, content := range map[string][]byte{
		"empty": {}, "page": []byte("<!DOCTYPE html><script>alert(1)</script>"), "svg": []byte("<svg xmlns='http://www.w3.org/2000/svg'/>"), "text": []byte("hello"), "program": []byte("MZ\x90\x00\x03\x00\x00"),
		"large": append(bytes.Clone(png), make([]byte, attachment.MaxSize)...),
	} {
		if _, err := s.Put(bytes.NewReader(content)); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, hash := range []string{"", "../keyring", strings.Repeat("0", 64), strings.Repeat("A", 64), strings.Repeat("../", 21) + "a"} {
		if _, _, err := s.Get(hash); errs.KindOf(err) != errs.NotFound || s.Has(hash) {
			t.Errorf("%q: %v", hash, err)
		}
	}
}

// TestChanged: a file that was changed on the disk, or put under another's name, is refused.
func TestChanged(t *testing.T) {
	s, dir := store(t)
	f, err := s.Put(bytes.NewReader(png))
	if err != nil {
		t.Fatal(err)
	}
	other, err := s.Put(bytes.NewReader([]byte("%PDF-1.7 minutes")))
	if err != nil {
		t.Fatal(err)
	}
	path := func(hash string) string { return filepath.Join(dir, "attachments", hash[:2], hash) }
	text, err := os.ReadFile(path(other.Hash))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path(f.Hash), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Get(f.Hash); errs.KindOf(err) != errs.Refused {
		t.Errorf("another file under its name: %v", err)
	}
	if err := os.WriteFile(path(other.Hash), text[:len(text)-3], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Get(other.Hash); errs.KindOf(err) != errs.Refused {
		t.Errorf("a file that was cut off: %v", err)
	}
}
