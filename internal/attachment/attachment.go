// Package attachment keeps the files that forms name by their hash: photos, scans, signatures, voice notes.
//
// It owns the folder of attachments in the data folder; every file is compressed and encrypted, and its name is the SHA-256 of its content,
// so that the same file handed in twice is kept once. It never says who may see a file: whoever shows one looks at the paper that names it.
package attachment

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"shouwang/internal/errs"
	"shouwang/internal/secret"
)

// MaxSize is how large one attachment may be, in bytes.
const MaxSize = 20 << 20

// folder of the attachments in the data folder.
const folder = "attachments"

// File is a kept attachment.
type File struct {
	Hash string // SHA-256 of the content, 64 hex digits
	Size int64  // bytes
	Type string // media type, told from the content
}

// Store is the attachments of a data folder. It is safe for concurrent use.
type Store struct {
	dir     string
	keyring *secret.Keyring
}

// New makes the store of a data folder.
func New(data string, keyring *secret.Keyring) *Store {
	return &Store{dir: filepath.Join(data, folder), keyring: keyring}
}

// kinds are what may be attached, by what the content begins with: pictures, PDF, sound.
func kinds() []string {
	return []string{"image/jpeg", "image/png", "image/webp", "image/gif", "application/pdf", "audio/mpeg", "audio/wave", "application/ogg", "video/webm", "video/mp4"}
}

// kindOf tells the media type from the content; "" for what may not be attached. What a browser says of a file, and its name, are not believed.
func kindOf(content []byte) string {
	kind, _, _ := strings.Cut(http.DetectContentType(content), ";")
	for _, k := range kinds() {
		if k == kind {
			return k
		}
	}
	return ""
}

// Put keeps a file. Errors: errs.Invalid for an empty one, one larger than MaxSize, and one that is no picture, PDF or sound.
func (s *Store) Put(r io.Reader) (File, error) {
	content, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	switch {
	case err != nil:
		return File{}, err
	case len(content) == 0:
		return File{}, errs.New(errs.Invalid, "附件是空文件，请重新选择。", "the attachment is empty; choose it again.")
	case len(content) > MaxSize:
		return File{}, errs.Newf(errs.Invalid, "附件超过 %[1]d MB，请压缩或分开上传。", "the attachment is larger than %[1]d MB; make it smaller or split it.", MaxSize>>20)
	}
	f := File{Size: int64(len(content)), Type: kindOf(content)}
	if f.Type == "" {
		return File{}, errs.New(errs.Invalid, "附件只收照片（JPG、PNG、WebP）、PDF 和录音。其他文件请另存为 PDF。", "an attachment is a picture (JPG, PNG, WebP), a PDF or a sound; save other files as PDF.")
	}
	sum := sha256.Sum256(content)
	f.Hash = hex.EncodeToString(sum[:])
	path := s.path(f.Hash)
	if _, err := os.Stat(path); err == nil {
		return f, nil // kept already
	}
	return f, s.write(path, content)
}

// write seals a file beside its place and then gives it its name, so that half a file never has one.
func (s *Store) write(path string, content []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return errs.Wrap(errs.Unavailable, err, "附件无法保存", "the attachment cannot be kept")
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return errs.Wrap(errs.Unavailable, err, "附件无法保存", "the attachment cannot be kept")
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	w, err := s.keyring.ArchiveWriter(f)
	if err == nil {
		_, err = w.Write(content)
		err = errors.Join(err, w.Close(), f.Sync())
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errs.Wrap(errs.Unavailable, err, "附件无法保存", "the attachment cannot be kept")
	}
	return os.Rename(f.Name(), path)
}

// Get gives a file back. Errors: errs.NotFound; errs.Refused for one that was changed on the disk.
func (s *Store) Get(hash string) (File, []byte, error) {
	if !Hash(hash) {
		return File{}, nil, missing()
	}
	f, err := os.Open(s.path(hash))
	if errors.Is(err, fs.ErrNotExist) {
		return File{}, nil, missing()
	}
	if err != nil {
		return File{}, nil, errs.Wrap(errs.Unavailable, err, "附件无法读取", "the attachment cannot be read")
	}
	defer f.Close()
	r, err := s.keyring.ArchiveReader(f)
	if err != nil {
		return File{}, nil, err
	}
	defer r.Close()
	content, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return File{}, nil, err
	}
	sum := sha256.Sum256(content)
	want, err := hex.DecodeString(hash)
	if err != nil || !bytes.Equal(sum[:], want) {
		return File{}, nil, errs.New(errs.Refused, "附件与登记的指纹不符，可能被改动过。", "the attachment is not the one that was recorded; it may have been changed.")
	}
	return File{Hash: hash, Size: int64(len(content)), Type: kindOf(content)}, content, nil
}

// Has reports whether a file is kept.
func (s *Store) Has(hash string) bool {
	if !Hash(hash) {
		return false
	}
	_, err := os.Stat(s.path(hash))
	return err == nil
}

func missing() error {
	return errs.New(errs.NotFound, "没有这个附件。它可能还没有上传。", "there is no such attachment. It may not have been uploaded yet.")
}

// Hash reports whether a text is the name of an attachment: 64 small hex digits.
func Hash(text string) bool {
	return len(text) == 64 && !strings.ContainsFunc(text, func(c rune) bool { return (c < '0' || c > '9') && (c < 'a' || c > 'f') })
}

// path of a file whose hash is well formed: a folder by its first two digits, so that no folder has too many.
func (s *Store) path(hash string) string { return filepath.Join(s.dir, hash[:2], hash) }
