package policy

import (
	"archive/zip"
	"fmt"
	"io"
	"time"
)

// WriteZip writes the pack's files as a zip archive, so that a run can keep the pack it used. The bytes depend on the
// files alone: names in order, no times.
func (p *Pack) WriteZip(w io.Writer) error {
	z := zip.NewWriter(w)
	for _, name := range sortedNames(p.Files) {
		f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Time{}})
		if err != nil {
			return fmt.Errorf("pack file %s: %w", name, err)
		}
		if _, err := f.Write(p.Files[name]); err != nil {
			return fmt.Errorf("pack file %s: %w", name, err)
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("pack archive: %w", err)
	}
	return nil
}

// LoadZip loads a pack that WriteZip wrote. The pack has the same Hash; the same limits and checks hold as for Load.
func LoadZip(r io.ReaderAt, size int64) (*Pack, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, &Error{File: "zip", ZH: "不是政策包压缩文件：" + err.Error(), EN: "not a pack archive: " + err.Error()}
	}
	return Load(z)
}
