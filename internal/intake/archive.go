package intake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"
	"unicode/utf8"

	"shouwang/internal/division"
	"shouwang/internal/errs"
)

// Folders below the data folder.
const (
	archiveDir  = "archive"  // <sha256>.age, and a record <delivery>.json for each delivery of those bytes
	receiptsDir = "receipts" // <delivery>.json
	rejectsDir  = "rejects"  // <delivery>.age
	tmpSuffix   = ".part"
)

// Record stands beside an archived file and says how to take it in again. It holds no personal data.
type Record struct {
	Delivery string        `json:"delivery"`
	SHA256   string        `json:"sha256"`
	Size     int64         `json:"size"`
	File     string        `json:"file"` // file name as delivered
	Dataset  string        `json:"dataset"`
	Contract int           `json:"contract_version"`
	PackHash string        `json:"pack_hash"`
	Scope    division.Code `json:"scope"`  // 0 = by its rows
	Period   Period        `json:"period"` // as taken in
	Given    bool          `json:"period_given"`
	Received time.Time     `json:"received_at"`
	Batch    int           `json:"batch"` // 0 until accepted
	State    State         `json:"state,omitempty"`
	// Together is the last of the batches that were committed with it.
	Together int `json:"together,omitempty"`
}

// scan is what one pass over the bytes of a file finds.
type scan struct {
	sha    string
	size   int64
	utf8   bool // valid UTF-8 throughout
	mostly bool // not quite, but UTF-8 with some broken bytes rather than another encoding
}

// scanFile hashes a file and looks at its encoding, in one pass and constant memory.
func scanFile(ctx context.Context, in file) (scan, error) {
	f, err := in.open()
	if err != nil {
		return scan{}, errs.Wrap(errs.NotFound, err, "打不开文件", "cannot open the file")
	}
	defer f.Close()
	h := sha256.New()
	out := scan{utf8: true}
	buf := make([]byte, 1<<20)
	kept := 0 // bytes of an unfinished character at the front of buf
	for {
		if err := ctx.Err(); err != nil {
			return scan{}, err
		}
		n, err := f.Read(buf[kept:])
		if n > 0 {
			fresh := buf[kept : kept+n]
			h.Write(fresh)
			out.size += int64(n)
			data := buf[:kept+n]
			kept = 0
			if out.utf8 {
				tail := 0 // bytes of a character that goes on in the next piece
				for t := 1; t < utf8.UTFMax && t <= len(data); t++ {
					if !utf8.FullRune(data[len(data)-t:]) {
						tail = t
					}
				}
				if out.utf8 = utf8.Valid(data[:len(data)-tail]); !out.utf8 {
					out.mostly = mostlyUTF8(data)
				}
				kept = copy(buf, data[len(data)-tail:])
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return scan{}, errs.Wrap(errs.Internal, err, "读文件出错", "cannot read the file")
		}
	}
	if kept > 0 {
		out.utf8 = false
	}
	out.sha = hex.EncodeToString(h.Sum(nil))
	return out, nil
}

// mostlyUTF8 tells UTF-8 with a few broken bytes from another encoding: GB18030 text makes next to no valid sequences.
func mostlyUTF8(b []byte) bool {
	whole, broken := 0, 0
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		switch {
		case r == utf8.RuneError && n == 1:
			broken++
		case n > 1:
			whole++
		}
		b = b[n:]
	}
	return whole > 4*broken
}

// store writes the file to the archive unless its bytes are there already. What is copied must hash to sha: a file that
// changes while it is taken in is an error.
func (s *Service) store(ctx context.Context, in file, sha string) error {
	path := filepath.Join(s.dir, archiveDir, sha+".age")
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	src, err := in.open()
	if err != nil {
		return errs.Wrap(errs.NotFound, err, "打不开文件", "cannot open the file")
	}
	defer src.Close()
	return s.writeSealed(path, func(w io.Writer) error {
		h := sha256.New()
		if _, err := io.CopyBuffer(onlyWriter{io.MultiWriter(w, h)}, readerFunc(func(b []byte) (int, error) {
			if err := ctx.Err(); err != nil {
				return 0, err
			}
			return src.Read(b)
		}), make([]byte, 1<<20)); err != nil {
			return err
		}
		if hex.EncodeToString(h.Sum(nil)) != sha {
			return errs.New(errs.Conflict, "读取时文件正在被修改，请等它写完再交", "the file changed while it was read: deliver it again when it is complete")
		}
		return nil
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// onlyWriter hides ReaderFrom, so that CopyBuffer uses the buffer it is given.
type onlyWriter struct{ io.Writer }

// writeSealed writes an encrypted file: all of it or nothing.
func (s *Service) writeSealed(path string, fill func(io.Writer) error) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return errs.Wrap(errs.Unavailable, err, "无法建立文件夹", "cannot make the folder")
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*"+tmpSuffix)
	if err != nil {
		return errs.Wrap(errs.Unavailable, err, "无法写入数据目录", "cannot write to the data folder")
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	w, err := s.keyring.ArchiveWriter(f)
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	if err := fill(w); err != nil {
		w.Close()
		return err
	}
	if err := w.Close(); err != nil {
		return errs.Wrap(errs.Unavailable, err, "写归档文件失败（磁盘满？）", "cannot write the archive (disk full?)")
	}
	return commitFile(f, path)
}

// commitFile makes a written temporary file durable and puts it in its place.
func commitFile(f *os.File, path string) error {
	if err := f.Sync(); err != nil {
		return errs.Wrap(errs.Unavailable, err, "写文件失败（磁盘满？）", "cannot write the file (disk full?)")
	}
	if err := f.Close(); err != nil {
		return errs.Wrap(errs.Unavailable, err, "写文件失败（磁盘满？）", "cannot write the file (disk full?)")
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return errs.Wrap(errs.Unavailable, err, "无法写入数据目录", "cannot write to the data folder")
	}
	if d, err := os.Open(filepath.Dir(path)); err == nil { // the rename itself; not every system can
		_ = d.Sync()
		d.Close()
	}
	return nil
}

// writeJSON writes v as an indented JSON file: all of it or nothing.
func writeJSON(path string, v any) (err error) {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return errs.Wrap(errs.Unavailable, err, "无法建立文件夹", "cannot make the folder")
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*"+tmpSuffix)
	if err != nil {
		return errs.Wrap(errs.Unavailable, err, "无法写入数据目录", "cannot write to the data folder")
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(append(data, '\n')); err != nil {
		return errs.Wrap(errs.Unavailable, err, "写文件失败（磁盘满？）", "cannot write the file (disk full?)")
	}
	return commitFile(f, path)
}

func (s *Service) recordPath(delivery string) string {
	return filepath.Join(s.dir, archiveDir, delivery+".json")
}

// archived is one archived file as a source of bytes.
func (s *Service) archived(rec Record) file {
	path := filepath.Join(s.dir, archiveDir, rec.SHA256+".age")
	return file{name: rec.File, size: rec.Size, open: func() (io.ReadCloser, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		r, err := s.keyring.ArchiveReader(f)
		if err != nil {
			f.Close()
			return nil, err
		}
		return archiveFile{r, f}, nil
	}}
}

type archiveFile struct {
	io.ReadCloser
	f *os.File
}

func (a archiveFile) Close() error { return errors.Join(a.ReadCloser.Close(), a.f.Close()) }

// records reads all delivery records, the accepted ones in batch order first.
func (s *Service) records() ([]Record, error) {
	names, err := filepath.Glob(filepath.Join(s.dir, archiveDir, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	var out []Record
	for _, n := range names {
		data, err := os.ReadFile(n)
		if err != nil {
			return nil, errs.Wrap(errs.Unavailable, err, "读不了归档记录", "cannot read a record of the archive")
		}
		var r Record
		if err := json.Unmarshal(data, &r); err != nil {
			return nil, errs.Newf(errs.Unavailable, "归档记录 %[1]s 已损坏", "the archive's record %[1]s is damaged", filepath.Base(n))
		}
		out = append(out, r)
	}
	sort.SliceStable(out, func(i, j int) bool {
		a, b := out[i], out[j]
		if (a.Batch > 0) != (b.Batch > 0) {
			return a.Batch > 0
		}
		if a.Batch != b.Batch {
			return a.Batch < b.Batch
		}
		return a.Received.Before(b.Received)
	})
	return out, nil
}

// sweep removes what a killed intake left half-written.
func (s *Service) sweep() error {
	for _, dir := range []string{archiveDir, receiptsDir, rejectsDir} {
		entries, err := os.ReadDir(filepath.Join(s.dir, dir))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return errs.Wrap(errs.Unavailable, err, "读不了数据目录", "cannot read the data folder")
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), tmpSuffix) {
				if err := os.Remove(filepath.Join(s.dir, dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return errs.Wrap(errs.Unavailable, err, "无法清理数据目录", "cannot clean the data folder")
				}
			}
		}
	}
	return nil
}
