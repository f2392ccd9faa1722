// Package assets holds the static files of the pages: the vendored ones (tools/vendor), the project's own, and the sketch map. It gives every file an address with a hash
// of its content in it, so that browsers may keep it for ever, and answers compressed.
//
// It never serves a file of the disk, and never makes an address from what a request says.
package assets

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
)

//go:embed vendor own map/guizhou-counties.geojson
var files embed.FS

// Set is the static files under their addresses. It is safe for concurrent use.
type Set struct {
	byName map[string]*file // app.css
	byHash map[string]*file // app.3f2a….css
}

type file struct {
	address string
	kind    string
	plain   []byte
	packing sync.Once
	gz, br  []byte
}

var kinds = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8", ".png": "image/png"}

// New reads the embedded files. Errors are faults of the build.
func New() (*Set, error) {
	s := &Set{byName: map[string]*file{}, byHash: map[string]*file{}}
	for _, dir := range []string{"vendor", "own"} {
		list, err := fs.ReadDir(files, dir)
		if err != nil {
			return nil, fmt.Errorf("assets: %w", err)
		}
		for _, entry := range list {
			text, err := files.ReadFile(path.Join(dir, entry.Name()))
			if err != nil {
				return nil, fmt.Errorf("assets: %w", err)
			}
			if err := s.add(entry.Name(), text); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

func (s *Set) add(name string, text []byte) error {
	ext := path.Ext(name)
	kind, ok := kinds[ext]
	if !ok || s.byName[name] != nil {
		return fmt.Errorf("assets: %s has no known kind or is there twice", name)
	}
	sum := sha256.Sum256(text)
	hashed := strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:8]) + ext
	f := &file{address: "/assets/" + hashed, kind: kind, plain: text}
	s.byName[name], s.byHash[hashed] = f, f
	return nil
}

// Address is where a file is served; a name that is not there gives an address that answers 404, which a test of the pages finds.
func (s *Set) Address(name string) string {
	if f := s.byName[name]; f != nil {
		return f.address
	}
	return "/assets/" + name
}

// Text is the content of a file as it lies here, for one that is served under an address of its own.
func (s *Set) Text(name string) []byte {
	if f := s.byName[name]; f != nil {
		return f.plain
	}
	return nil
}

// Map is the outlines of Guizhou's counties as GeoJSON.
func Map() ([]byte, error) { return files.ReadFile("map/guizhou-counties.geojson") }

// ServeHTTP answers GET /assets/{name}.
func (s *Set) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := s.byHash[strings.TrimPrefix(r.URL.Path, "/assets/")]
	if f == nil {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Type", f.kind)
	h.Set("Vary", "Accept-Encoding")
	body := f.plain
	accept := r.Header.Get("Accept-Encoding")
	f.packing.Do(f.pack)
	switch {
	case f.br != nil && strings.Contains(accept, "br"):
		body = f.br
		h.Set("Content-Encoding", "br")
	case f.gz != nil && strings.Contains(accept, "gzip"):
		body = f.gz
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a reader that went away is told nothing
	}
}

// pack compresses once, when the file is first asked for.
func (f *file) pack() {
	f.gz = Compress(f.plain, func(w io.Writer) io.WriteCloser {
		z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
		if err != nil {
			return nil
		}
		return z
	})
	f.br = Compress(f.plain, func(w io.Writer) io.WriteCloser { return brotli.NewWriterLevel(w, 9) })
}

// Compress gives nil when there is nothing to win.
func Compress(plain []byte, with func(io.Writer) io.WriteCloser) []byte {
	var b bytes.Buffer
	z := with(&b)
	if z == nil {
		return nil
	}
	if _, err := z.Write(plain); err != nil {
		return nil
	}
	if err := z.Close(); err != nil || b.Len() >= len(plain) {
		return nil
	}
	return b.Bytes()
}
