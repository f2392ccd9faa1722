package intake

import (
	"context"
	"encoding/csv"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"shouwang/internal/errs"
	"shouwang/internal/export"
	"shouwang/internal/policy"
)

// rejectFile collects rejected rows into an encrypted CSV: the department's own columns, then 行号 (data row) and 原因.
// It is opened with the first row, so that a clean file has none.
type rejectFile struct {
	s       *Service
	path    string
	ds      *policy.Dataset
	headers []string
	tmp     *os.File
	seal    io.WriteCloser
	csv     *csv.Writer
	n       int
}

func (r *rejectFile) add(row rejected) error {
	if r.tmp == nil {
		if err := r.open(); err != nil {
			return err
		}
	}
	r.n++
	cells := make([]string, 0, len(r.headers)+2)
	for i := range max(len(r.headers), len(row.cells)) {
		v := ""
		if i < len(row.cells) {
			v = guard(row.cells[i])
		}
		cells = append(cells, v)
	}
	why := reason(r.ds, row.code)
	text := why.ZH + " " + row.code
	if row.field >= 0 && row.field < len(r.headers) {
		text = r.headers[row.field] + "：" + text
	}
	return r.csv.Write(append(cells, strconv.Itoa(row.row), guard(text)))
}

func (r *rejectFile) open() error {
	if err := os.MkdirAll(filepath.Dir(r.path), 0o700); err != nil {
		return errs.Wrap(errs.Unavailable, err, "无法建立文件夹", "cannot make the folder")
	}
	f, err := os.CreateTemp(filepath.Dir(r.path), filepath.Base(r.path)+".*"+tmpSuffix)
	if err != nil {
		return errs.Wrap(errs.Unavailable, err, "无法写入数据目录", "cannot write to the data folder")
	}
	r.tmp = f
	if r.seal, err = r.s.keyring.ArchiveWriter(f); err != nil {
		return err
	}
	if _, err := io.WriteString(r.seal, "\uFEFF"); err != nil {
		return err
	}
	r.csv = csv.NewWriter(r.seal)
	r.csv.UseCRLF = true
	head := make([]string, 0, len(r.headers)+2)
	for _, h := range r.headers {
		head = append(head, guard(h))
	}
	return r.csv.Write(append(head, "行号", "原因"))
}

// close puts the file in its place; keep false, or an error before, throws it away.
func (r *rejectFile) close(keep bool) error {
	if r.tmp == nil {
		if keep { // the same delivery refused before, and clean now
			if err := os.Remove(r.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return errs.Wrap(errs.Unavailable, err, "无法清理数据目录", "cannot clean the data folder")
			}
		}
		return nil
	}
	f := r.tmp
	r.tmp = nil
	fail := func(err error) error {
		f.Close()
		os.Remove(f.Name())
		return err
	}
	if !keep || r.csv == nil {
		return fail(nil)
	}
	r.csv.Flush()
	if err := r.csv.Error(); err != nil {
		return fail(errs.Wrap(errs.Unavailable, err, "写退回文件失败（磁盘满？）", "cannot write the rejects file (disk full?)"))
	}
	if err := r.seal.Close(); err != nil {
		return fail(errs.Wrap(errs.Unavailable, err, "写退回文件失败（磁盘满？）", "cannot write the rejects file (disk full?)"))
	}
	if err := commitFile(f, r.path); err != nil {
		return fail(err)
	}
	return nil
}

// guard makes a cell safe for spreadsheets; plain numbers stay as they are, negative ones too.
func guard(v string) string {
	if _, o := parseNumber([]byte(v)); o == good {
		return v
	}
	return export.Guard(v)
}

// Rejects writes the rejected rows of a delivery in plain, as CSV (UTF-8 with a byte-order mark): the department's own
// columns, then 行号 and 原因. It holds personal data: it is for the department that delivered the file. delivery is
// Receipt.Delivery or the file's SHA-256 (then the newest delivery of those bytes). errs.NotFound when nothing was rejected.
func (s *Service) Rejects(ctx context.Context, delivery string, w io.Writer) error {
	path := ""
	if delivery != "" && !strings.ContainsAny(delivery, `/\*?[`) {
		path = filepath.Join(s.dir, rejectsDir, delivery+".age")
		if _, err := os.Stat(path); err != nil {
			found, err := filepath.Glob(filepath.Join(s.dir, rejectsDir, delivery+"-*.age"))
			if err != nil {
				return errs.Wrap(errs.Internal, err, "读不了数据目录", "cannot read the data folder")
			}
			sort.Slice(found, func(i, j int) bool { return modTime(found[i]) > modTime(found[j]) })
			path = ""
			if len(found) > 0 {
				path = found[0]
			}
		}
	}
	if path == "" {
		return errs.Newf(errs.NotFound, "批次 %[1]s 没有退回的行", "the delivery %[1]s has no rejected rows", mask(delivery))
	}
	f, err := os.Open(path)
	if err != nil {
		return errs.Wrap(errs.NotFound, err, "读不了退回文件", "cannot read the rejects file")
	}
	defer f.Close()
	r, err := s.keyring.ArchiveReader(f)
	if err != nil {
		return errs.Wrap(errs.Unavailable, err, "退回文件无法解密（密钥不对或文件损坏）", "the rejects file cannot be decrypted (wrong keyring, or damaged)")
	}
	defer r.Close()
	buf := make([]byte, 1<<16)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := r.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return errs.Wrap(errs.Unavailable, err, "写文件失败", "cannot write the file")
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return errs.Wrap(errs.Unavailable, err, "退回文件已损坏", "the rejects file is damaged")
		}
	}
}

func modTime(path string) int64 {
	st, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return st.ModTime().UnixNano()
}
