package secret_test

import (
	"bytes"
	"crypto/cipher"
	"crypto/hmac"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/sm4"
	"pgregory.net/rapid"

	"shouwang/internal/errs"
	"shouwang/internal/secret"
)

// create makes a keyring in a folder of the test and gives its raw keys too, read from the file.
func create(t testing.TB) (k *secret.Keyring, path string, raw map[string][]byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "keyring.json")
	k, err := secret.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Keys []struct{ Purpose, Key string }
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	raw = map[string][]byte{}
	for _, e := range file.Keys {
		if raw[e.Purpose], err = hex.DecodeString(e.Key); err != nil {
			t.Fatal(err)
		}
	}
	return k, path, raw
}

// reference is HMAC-SM3 by the standard library's HMAC.
func reference(key, msg []byte) []byte {
	h := hmac.New(sm3.New, key)
	h.Write(msg)
	return h.Sum(nil)
}

func TestKeysAreHMACSM3(t *testing.T) {
	k, _, raw := create(t)
	rapid.Check(t, func(t *rapid.T) {
		msg := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "msg")
		want := reference(raw["person"], msg)
		p := k.PersonKey(msg)
		if got := p.Bytes(); !bytes.Equal(got[:], want[:16]) {
			t.Fatalf("PersonKey = %x, want %x", got, want[:16])
		}
		if p.String() != hex.EncodeToString(want[:16]) {
			t.Fatalf("String = %s", p)
		}
		if got, want := k.NameKey(msg), binary.BigEndian.Uint64(reference(raw["name"], msg)); got != want {
			t.Fatalf("NameKey = %x, want %x", got, want)
		}
		if got, want := k.Hash64(msg), binary.BigEndian.Uint64(reference(raw["hash"], msg)); got != want {
			t.Fatalf("Hash64 = %x, want %x", got, want)
		}
	})
}

// The known answer of GM/T 0004 for "abc" holds the library that everything here stands on.
func TestSM3KnownAnswer(t *testing.T) {
	sum := sm3.Sum([]byte("abc"))
	if got := hex.EncodeToString(sum[:]); got != "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0" {
		t.Errorf("SM3(abc) = %s", got)
	}
}

func TestKeysConcurrently(t *testing.T) {
	k, _, _ := create(t)
	inputs := make([][]byte, 64)
	want := make([]secret.Key128, len(inputs))
	for i := range inputs {
		inputs[i] = bytes.Repeat([]byte{byte(i)}, i*5)
		want[i] = k.PersonKey(inputs[i])
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				for i, in := range inputs {
					if k.PersonKey(in) != want[i] {
						t.Error("another key under concurrency")
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

func TestNothingAllocates(t *testing.T) {
	k, _, _ := create(t)
	number := []byte("520000190001010000")
	var n [18]byte
	copy(n[:], number)
	sealed := make([]byte, 0, 128)
	for name, f := range map[string]func(){
		"PersonKey": func() { k.PersonKey(n[:]) },
		"NameKey":   func() { k.NameKey(number) },
		"Hash64":    func() { k.Hash64(number) },
		"Seal":      func() { sealed = k.Seal(sealed[:0], "name", secret.Key128{Hi: 1, Lo: 2}, number) },
	} {
		if raceEnabled {
			break // the race detector drops pooled objects on purpose
		}
		if a := testing.AllocsPerRun(1000, f); a >= 1 {
			t.Errorf("%s allocates %v times", name, a)
		}
	}
}

func TestSealIsSM4GCM(t *testing.T) {
	k, _, raw := create(t)
	block, err := sm4.NewCipher(raw["seal"])
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	row := secret.Key128{Hi: 0x0102030405060708, Lo: 0x090a0b0c0d0e0f10}
	for _, plain := range []string{"", "某人", strings.Repeat("0123456789", 50)} {
		place := "\x00\x00\x00\x04name\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"
		nonce := reference(raw["nonce"], []byte(place+plain))[:12]
		want := append(append([]byte{1}, nonce...), aead.Seal(nil, nonce, []byte(plain), []byte(place))...)
		got := k.Seal([]byte("before"), "name", row, []byte(plain))
		if !bytes.Equal(got, append([]byte("before"), want...)) {
			t.Errorf("Seal(%d bytes) = %x, want %x", len(plain), got, want)
		}
		if len(want) != len(plain)+secret.Overhead {
			t.Errorf("%d bytes more than the plain text, not %d", len(want)-len(plain), secret.Overhead)
		}
	}
}

func TestSealProperties(t *testing.T) {
	k, _, _ := create(t)
	other, _, _ := create(t)
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOfN(rapid.Byte(), 0, 80).Draw(t, "plain")
		column := rapid.StringN(0, 12, -1).Draw(t, "column")
		row := secret.Key128{Hi: rapid.Uint64().Draw(t, "hi"), Lo: rapid.Uint64().Draw(t, "lo")}
		sealed := k.Seal(nil, column, row, plain)

		if again := k.Seal(nil, column, row, plain); !bytes.Equal(again, sealed) {
			t.Fatal("the same input gave other bytes")
		}
		got, err := k.Open(column, row, sealed)
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("Open = %q, %v", got, err)
		}
		if len(plain) >= 4 && bytes.Contains(sealed, plain) {
			t.Fatal("the plain text shows")
		}
		if bytes.Equal(k.Seal(nil, column+"2", row, plain)[1:13], sealed[1:13]) {
			t.Fatal("another column, the same nonce")
		}
		moved := row
		moved.Lo++
		changed := bytes.Clone(sealed)
		changed[rapid.IntRange(0, len(changed)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		for what, open := range map[string]func() ([]byte, error){
			"another column":  func() ([]byte, error) { return k.Open(column+"2", row, sealed) },
			"another row":     func() ([]byte, error) { return k.Open(column, moved, sealed) },
			"another keyring": func() ([]byte, error) { return other.Open(column, row, sealed) },
			"a changed bit":   func() ([]byte, error) { return k.Open(column, row, changed) },
			"a cut value":     func() ([]byte, error) { return k.Open(column, row, sealed[:len(sealed)-1]) },
			"nothing":         func() ([]byte, error) { return k.Open(column, row, nil) },
		} {
			if _, err := open(); err != secret.ErrSealed {
				t.Fatalf("%s: %v", what, err)
			}
		}
	})
}

func TestKeyringRoundTrip(t *testing.T) {
	k, path, raw := create(t)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	again, err := secret.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if again.ID() != k.ID() || len(k.ID()) != 16 {
		t.Errorf("ids %q and %q", k.ID(), again.ID())
	}
	in := []byte("x")
	if again.PersonKey(in) != k.PersonKey(in) || again.NameKey(in) != k.NameKey(in) || again.Hash64(in) != k.Hash64(in) ||
		!bytes.Equal(again.Seal(nil, "c", secret.Key128{}, in), k.Seal(nil, "c", secret.Key128{}, in)) {
		t.Error("the loaded keyring computes something else")
	}
	seen := map[string]bool{}
	for purpose, key := range raw {
		if seen[string(key)] {
			t.Errorf("the key for %s is used twice", purpose)
		}
		seen[string(key)] = true
	}
	if _, err := secret.Create(path); errs.KindOf(err) != errs.Conflict {
		t.Errorf("overwriting: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".keyring-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAPrintedKeyringShowsItsIDOnly(t *testing.T) {
	k, _, _ := create(t)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if got := fmt.Sprintf(verb, k); got != "keyring "+k.ID() {
			t.Errorf("%s prints %q", verb, got)
		}
	}
	//nolint:staticcheck // SA9005 is the point: nothing of a keyring can be marshaled
	if text, err := json.Marshal(k); err != nil || string(text) != "{}" {
		t.Errorf("JSON %s, %v", text, err)
	}
}

func TestLoadRefuses(t *testing.T) {
	_, path, raw := create(t)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, path2, _ := create(t)
	foreign, err := os.ReadFile(path2)
	if err != nil {
		t.Fatal(err)
	}
	archive := func(text []byte) string {
		_, rest, _ := strings.Cut(string(text), `"archive": "`)
		key, _, _ := strings.Cut(rest, `"`)
		return key
	}
	person := hex.EncodeToString(raw["person"])
	flip := []byte(person)
	flip[5] = "0123456789abcdef"[(strings.IndexByte("0123456789abcdef", flip[5])+1)%16]
	for name, text := range map[string]string{
		"empty":               "",
		"cut":                 string(good[:len(good)/2]),
		"another format":      strings.Replace(string(good), `"format": 1`, `"format": 2`, 1),
		"unknown field":       strings.Replace(string(good), `"format": 1`, `"format": 1, "extra": 1`, 1),
		"changed key":         strings.Replace(string(good), person, string(flip), 1),
		"shortened key":       strings.Replace(string(good), person, person[2:], 1),
		"no such purpose":     strings.Replace(string(good), `"purpose": "person"`, `"purpose": "people"`, 1),
		"the same key twice":  strings.Replace(string(good), `"purpose": "person"`, `"purpose": "name"`, 1),
		"foreign archive key": strings.Replace(string(good), archive(good), archive(foreign), 1),
		"broken archive key":  strings.Replace(string(good), archive(good), "AGE-SECRET-KEY-1", 1),
	} {
		bad := filepath.Join(t.TempDir(), "keyring.json")
		if err := os.WriteFile(bad, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := secret.Load(bad)
		if errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, lang := range []string{"zh", "en"} {
			if m := errs.Text(err, lang); !strings.Contains(m, bad) || strings.Contains(m, person) || strings.Contains(m, archive(good)) {
				t.Errorf("%s: message %q", name, m)
			}
		}
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o644} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := secret.Load(path); errs.KindOf(err) != errs.Refused || !strings.Contains(errs.Text(err, "zh"), "chmod 600") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	if _, err := secret.Load(filepath.Join(t.TempDir(), "none")); errs.KindOf(err) != errs.NotFound {
		t.Errorf("missing: %v", err)
	}
	if _, err := secret.Load(t.TempDir()); err == nil {
		t.Error("a folder was loaded")
	}
	if _, err := secret.Create(filepath.Join(t.TempDir(), "no", "folder")); errs.KindOf(err) != errs.Unavailable {
		t.Errorf("no folder: %v", err)
	}
}

// pack archives text.
func pack(t testing.TB, k *secret.Keyring, text []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := k.ArchiveWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func unpack(k *secret.Keyring, archive []byte) ([]byte, error) {
	r, err := k.ArchiveReader(bytes.NewReader(archive))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func TestArchive(t *testing.T) {
	k, _, _ := create(t)
	other, _, _ := create(t)
	noise := make([]byte, 300_000) // does not compress: several chunks of age, several blocks of zstd
	x := uint64(1)
	for i := range noise {
		x = x*6364136223846793005 + 1442695040888963407
		noise[i] = byte(x >> 56)
	}
	for name, text := range map[string][]byte{"empty": {}, "short": []byte("户编号,姓名\n"), "long": noise} {
		archive := pack(t, k, text)
		got, err := unpack(k, archive)
		if err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s: %d bytes back, %v", name, len(got), err)
		}
		if _, err := unpack(other, archive); errs.KindOf(err) != errs.Refused {
			t.Errorf("%s: another keyring: %v", name, err)
		}
		step := 1 + len(archive)/200
		for cut := 0; cut < len(archive); cut += step {
			if _, err := unpack(k, archive[:cut]); err == nil {
				t.Errorf("%s: cut to %d of %d bytes and no error", name, cut, len(archive))
			}
		}
		for _, cut := range []int{len(archive) - 1, len(archive) - 16, len(archive) - 17} {
			if _, err := unpack(k, archive[:cut]); err == nil {
				t.Errorf("%s: cut to %d of %d bytes and no error", name, cut, len(archive))
			}
		}
		for at := 0; at < len(archive); at += step {
			changed := bytes.Clone(archive)
			changed[at] ^= 4
			if got, err := unpack(k, changed); err == nil {
				t.Errorf("%s: byte %d of %d changed and no error; %d bytes", name, at, len(archive), len(got))
			}
		}
		if _, err := unpack(k, append(bytes.Clone(archive), 'x')); err == nil {
			t.Errorf("%s: bytes after the end and no error", name)
		}
	}
}

// An archive cut exactly between two chunks of age (64 KiB of plain text, 16 bytes of tag) ends where a chunk ends.
func TestArchiveCutBetweenChunks(t *testing.T) {
	k, _, _ := create(t)
	noise := make([]byte, 400_000)
	x := uint64(7)
	for i := range noise {
		x = x*6364136223846793005 + 1442695040888963407
		noise[i] = byte(x >> 56)
	}
	archive := pack(t, k, noise)
	header := bytes.Index(archive, []byte("\n--- "))
	if header < 0 {
		t.Fatal("no end of age's header")
	}
	header += 1 + bytes.IndexByte(archive[header+1:], '\n') + 1 + 16 // and age's nonce
	const chunk = 64<<10 + 16
	cuts := 0
	for end := header; end < len(archive); end += chunk {
		cuts++
		if got, err := unpack(k, archive[:end]); err == nil {
			t.Errorf("cut after %d chunks and no error; %d bytes", cuts-1, len(got))
		}
	}
	if cuts < 6 {
		t.Errorf("only %d chunks", cuts)
	}
}

// failing gives an error after n bytes.
type failing struct{ n int }

var errDisk = errors.New("disk full")

func (f *failing) Write(p []byte) (int, error) {
	if f.n -= len(p); f.n < 0 {
		return 0, errDisk
	}
	return len(p), nil
}

func TestArchiveReportsAFullDisk(t *testing.T) {
	k, _, _ := create(t)
	whole := len(pack(t, k, []byte(strings.Repeat("户编号,姓名\n", 1000))))
	for n := 0; n < whole; n += 7 {
		w, err := k.ArchiveWriter(&failing{n})
		if err == nil {
			_, err = w.Write([]byte(strings.Repeat("户编号,姓名\n", 1000)))
		}
		if err == nil {
			err = w.Close()
		}
		if !errors.Is(err, errDisk) {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
}

func BenchmarkPersonKey(b *testing.B) {
	k, _, _ := create(b)
	number := []byte("520000190001010000")
	b.ReportAllocs()
	for b.Loop() {
		k.PersonKey(number)
	}
}

func BenchmarkPersonKeyParallel(b *testing.B) {
	k, _, _ := create(b)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		number := []byte("520000190001010000")
		for pb.Next() {
			k.PersonKey(number)
		}
	})
}

func BenchmarkNameKey(b *testing.B) {
	k, _, _ := create(b)
	name := []byte("某某某")
	b.ReportAllocs()
	for b.Loop() {
		k.NameKey(name)
	}
}

func BenchmarkSeal(b *testing.B) {
	k, _, _ := create(b)
	number := []byte("520000190001010000")
	dst := make([]byte, 0, 128)
	b.ReportAllocs()
	for b.Loop() {
		dst = k.Seal(dst[:0], "number", secret.Key128{Hi: 1, Lo: 2}, number)
	}
}

func BenchmarkOpen(b *testing.B) {
	k, _, _ := create(b)
	sealed := k.Seal(nil, "number", secret.Key128{Hi: 1, Lo: 2}, []byte("520000190001010000"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Open("number", secret.Key128{Hi: 1, Lo: 2}, sealed); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkArchive(b *testing.B) {
	k, _, _ := create(b)
	row := []byte("5226330000012345,住院,2026-03-04,某某县人民医院,12034.50,8042.11,3992.39\n")
	text := bytes.Repeat(row, 1<<20/len(row))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		w, err := k.ArchiveWriter(io.Discard)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := w.Write(text); err != nil {
			b.Fatal(err)
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
