package secret

import (
	"errors"
	"io"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"shouwang/internal/errs"
)

// ArchiveWriter compresses (Zstandard, fastest, with a checksum) and encrypts (age) what is written to it. Only Close makes
// the archive whole; it does not close w.
func (k *Keyring) ArchiveWriter(w io.Writer) (io.WriteCloser, error) {
	sealed, err := age.Encrypt(w, k.identity.Recipient())
	if err != nil {
		return nil, errs.Wrap(errs.Unavailable, err, "无法开始写档案", "cannot begin the archive")
	}
	packed, err := zstd.NewWriter(sealed, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true),
		zstd.WithZeroFrames(true)) // an empty file is a frame too, so that it is told from a lost one
	if err != nil {
		return nil, errs.Wrap(errs.Internal, err, "无法开始压缩档案", "cannot begin to compress the archive")
	}
	return &archiveWriter{packed, sealed}, nil
}

type archiveWriter struct {
	packed *zstd.Encoder
	sealed io.WriteCloser
}

func (a *archiveWriter) Write(p []byte) (int, error) { return a.packed.Write(p) }

func (a *archiveWriter) Close() error {
	if err := a.packed.Close(); err != nil {
		return err
	}
	return a.sealed.Close()
}

// ArchiveReader reads an archive back. An archive that was cut off or changed gives an error from Read before io.EOF; one of
// another keyring gives it here. Close does not close r.
func (k *Keyring) ArchiveReader(r io.Reader) (io.ReadCloser, error) {
	plain, err := age.Decrypt(r, k.identity)
	if err != nil {
		return nil, errs.Wrap(errs.Refused, err,
			"档案无法解开：文件不完整，或者不是用这个密钥文件加密的", "the archive cannot be opened: it is not whole, or was made with another keyring")
	}
	d, err := zstd.NewReader(&whole{r: plain}, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<40))
	if err != nil {
		return nil, errs.Wrap(errs.Refused, err, "档案内容有误", "the archive's content is wrong")
	}
	return &archiveReader{d}, nil
}

// errCut stands for io.ErrUnexpectedEOF, which the zstd reader takes for the end where a frame may begin.
var errCut = errors.New("it ends too early")

// whole refuses an archive that was cut off where neither age nor zstd minds: ArchiveWriter writes a frame even for an
// empty file, but age takes a file that ends right after its header for an empty one.
type whole struct {
	r    io.Reader
	some bool
}

func (w *whole) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if n > 0 {
		w.some = true
	}
	if err == io.ErrUnexpectedEOF || err == io.EOF && !w.some {
		err = errCut
	}
	return n, err
}

type archiveReader struct{ d *zstd.Decoder }

func (a *archiveReader) Read(p []byte) (int, error) {
	n, err := a.d.Read(p)
	if err == nil || err == io.EOF {
		return n, err
	}
	return n, errs.Wrap(errs.Refused, err, "档案不完整或被改动", "the archive is cut off or was changed")
}

func (a *archiveReader) Close() error {
	a.d.Close()
	return nil
}
