package intake

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/policy"
)

// Upload is a file that comes from elsewhere than a named file of this machine.
type Upload struct {
	Name string // as the sender calls it; only its last part counts
	Size int64
	Open func() (io.ReadCloser, error) // may be called more than once
	// Allow is asked before a row is read: which contract the file was recognised as, and which division it is of (0: it does not say).
	Allow func(*policy.Dataset, division.Code) error
}

// maxName is the longest file name that is kept of an upload, in bytes.
const maxName = 200

// Upload takes one file in. What is wrong with the file is in the receipt; what Allow refuses, and what concerns all, is the error.
func (s *Service) Upload(ctx context.Context, u Upload, o Options) (Receipt, error) {
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	o.Now = o.Now.UTC().Truncate(time.Second)
	if o.Dataset != "" && s.pack.Dataset(o.Dataset) == nil {
		return Receipt{}, errs.Newf(errs.Invalid, "没有数据合同 %[1]s", "there is no dataset %[1]s", o.Dataset)
	}
	name := uploadName(u.Name)
	if name == "" {
		return Receipt{}, errs.New(errs.Invalid, "上传的文件没有名称", "the uploaded file has no name")
	}
	if err := s.sweep(); err != nil {
		return Receipt{}, err
	}
	list, err := s.takeIn(ctx, []*item{{path: name, file: &file{name: name, size: u.Size, open: u.Open}, allow: u.Allow}}, o)
	if err != nil {
		return Receipt{}, err
	}
	return list[0], nil
}

// uploadName is the last part of a name that a stranger gave, by the separators of every system, without what no file name has.
func uploadName(s string) string {
	s = strings.ReplaceAll(s, "\\", "/")
	s = filepath.Base(filepath.Clean("/" + s))
	s = strings.TrimLeft(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '/' || r == '\uFFFD' {
			return -1
		}
		return r
	}, s), ".")
	for len(s) > maxName { // keep the ending: it tells the form
		_, n := utf8.DecodeRuneInString(s)
		s = s[n:]
	}
	return s
}
