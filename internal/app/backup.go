package app

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"shouwang/internal/account"
	"shouwang/internal/audit"
	"shouwang/internal/errs"
	"shouwang/internal/ledger"
)

// A backup is one file: a tar archive, compressed (Zstandard) and encrypted (age) to a passphrase or to recipients. In it, in this order:
//
//	backup.json            what it is (backupHead)
//	keyring                the keyring
//	ledger/…               a copy of the ledger, see ledger.Backup
//	data/…                 the data folder without what can be made again: warehouse, temporary files, socket
//	sums.json              SHA-256 of each of the above
//
// The warehouse is not in it: shouwang rebuild makes it from the archive.
const (
	backupFormat = 1
	backupHeader = "backup.json"
	backupKeys   = "keyring"
	backupSums   = "sums.json"
	ledgerPrefix = "ledger/"
	dataPrefix   = "data/"
)

// backupHead is the first entry.
type backupHead struct {
	Format  int         `json:"format"`
	Created time.Time   `json:"created"`
	Keyring string      `json:"keyring"` // its id
	Ledger  ledger.Copy `json:"ledger"`
	Head    audit.Head  `json:"audit"`
}

// Backup is what was written and read again.
type Backup struct {
	File    string     // where
	Bytes   int64      // its size
	SHA256  string     // of the file, hex
	Created time.Time  //
	Keyring string     // the keyring's id
	Files   int        // entries
	Archive int        // of them archived deliveries
	Rows    int64      // of the ledger's tables
	Tables  int        //
	Events  int64      // of the audit chain, walked in the written copy
	Head    audit.Head //
}

// entry is one file on its way into a backup.
type entry struct {
	name string // in the backup
	path string // on disk; "" for text
	text []byte
}

// Backup writes a backup of ledger, archive and keyring to out, which must not exist, while others go on working, and reads it again: every hash is compared and the
// audit chain of the copy is walked. It is encrypted to the recipients; identity opens it again for the check, nil when the recipients are public keys only. progress is told the bytes read
// and written.
func (a *App) Backup(ctx context.Context, now time.Time, out string, recipients []age.Recipient, identity age.Identity, progress func(done int64)) (b Backup, err error) {
	if _, err := os.Lstat(out); err == nil {
		return b, errs.Newf(errs.Conflict, "文件 %[1]s 已经存在，不会覆盖", "the file %[1]s exists and is not overwritten", out)
	}
	if abs, err := filepath.Abs(out); err == nil {
		if data, err := filepath.Abs(a.Config.Data); err == nil && strings.HasPrefix(abs, data+string(filepath.Separator)) {
			return b, errs.New(errs.Refused, "备份不能放在数据文件夹里面", "a backup does not belong into the data folder")
		}
	}
	if identity == nil {
		// A key of this moment only, so that what was written can be read for the check; nobody keeps it.
		once, err := age.GenerateX25519Identity()
		if err != nil {
			return b, backing(err)
		}
		identity, recipients = once, append(slices.Clone(recipients), once.Recipient())
	}
	tmp, err := os.MkdirTemp(filepath.Dir(out), ".shouwang-backup-*") // mode 0700
	if err != nil {
		return b, backing(err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	head := backupHead{Format: backupFormat, Created: now.UTC().Truncate(time.Second), Keyring: a.Keyring.ID()}
	copied := filepath.Join(tmp, "ledger")
	if err := os.Mkdir(copied, 0o700); err != nil {
		return b, backing(err)
	}
	if head.Ledger, err = a.Ledger.Backup(ctx, copied); err != nil {
		return b, err
	}
	if head.Head, b.Events, err = walk(ctx, a, head.Ledger, copied); err != nil {
		return b, err
	}
	entries, err := a.backupEntries(head, copied)
	if err != nil {
		return b, err
	}
	part := filepath.Join(tmp, "backup")
	c := &counter{ctx: ctx, progress: progress}
	if b.SHA256, b.Bytes, err = writeBackup(part, entries, recipients, c); err != nil {
		return b, backing(err)
	}
	checked := filepath.Join(tmp, "check")
	if err := os.Mkdir(checked, 0o700); err != nil {
		return b, backing(err)
	}
	if err := a.check(ctx, part, b.SHA256, identity, head, checked, c); err != nil {
		return b, err
	}
	if err := os.Link(part, out); err != nil { // unlike a rename it overwrites nothing
		if errors.Is(err, fs.ErrExist) {
			return b, errs.Newf(errs.Conflict, "文件 %[1]s 已经存在，不会覆盖", "the file %[1]s exists and is not overwritten", out)
		}
		if err := os.Rename(part, out); err != nil {
			return b, backing(err)
		}
	}
	b.File, b.Created, b.Keyring, b.Head, b.Files, b.Tables = out, head.Created, head.Keyring, head.Head, len(entries)+1, len(head.Ledger.Tables)
	for _, t := range head.Ledger.Tables {
		b.Rows += t.Rows
	}
	for _, e := range entries {
		if strings.HasPrefix(e.name, dataPrefix+"archive/") && strings.HasSuffix(e.name, ".age") {
			b.Archive++
		}
	}
	// The chain says when there was a backup, so that a page can say how old the last one is. It names no place: that is the machine's business.
	return b, a.Ledger.Write(ctx, now, func(_ context.Context, tx *ledger.Tx) error {
		e := account.SystemActor("backup").Event("backup.make", "backup", b.SHA256[:16], 0)
		e.Detail = map[string]any{"bytes": b.Bytes, "events": b.Events, "encrypted": len(recipients) > 0}
		return audit.Record(tx, e)
	})
}

func backing(err error) error {
	var known *errs.Error
	if err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) {
		return err
	}
	return errs.Wrap(errs.Unavailable, err, "备份没有完成", "the backup was not made")
}

// walk walks the audit chain of a copy.
func walk(ctx context.Context, a *App, c ledger.Copy, dir string, known ...audit.Head) (audit.Head, int64, error) {
	if c.Engine == ledger.SQLite {
		// Opening may bring an older copy to the newest schema: look at a second one.
		second := filepath.Join(dir, "view")
		if err := os.Mkdir(second, 0o700); err != nil {
			return audit.Head{}, 0, backing(err)
		}
		defer os.RemoveAll(second)
		if err := copyFile(filepath.Join(second, "ledger.sqlite"), filepath.Join(dir, "ledger.sqlite")); err != nil {
			return audit.Head{}, 0, err
		}
		dir = second
	}
	l, err := c.View(ctx, dir, a.Log, "audit_event")
	if err != nil {
		return audit.Head{}, 0, err
	}
	r, err := audit.Verify(ctx, l, known...)
	if err = errors.Join(err, l.Close()); err != nil {
		return audit.Head{}, 0, err
	}
	for _, name := range []string{"view.sqlite", "view.sqlite-wal", "view.sqlite-shm"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return audit.Head{}, 0, backing(err)
		}
	}
	if r.Broken != nil {
		return audit.Head{}, 0, errs.New(errs.Conflict, "账本的审计链不完整："+r.Broken.Why.ZH, "the ledger's audit chain is broken: "+r.Broken.Why.EN)
	}
	return r.Head, r.Events, nil
}

// backupEntries lists what goes into a backup, in order.
func (a *App) backupEntries(head backupHead, copied string) ([]entry, error) {
	text, err := json.MarshalIndent(head, "", "  ")
	if err != nil {
		return nil, backing(err)
	}
	list := []entry{{name: backupHeader, text: text}, {name: backupKeys, path: a.Config.Keyring}}
	add := func(root, prefix string, skip func(string) bool) error {
		return filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(root, p)
			if err != nil {
				return err
			}
			rel = filepath.ToSlash(rel)
			if rel != "." && skip(rel) {
				if d.IsDir() {
					return filepath.SkipDir
				}
				return nil
			}
			if d.Type().IsRegular() {
				list = append(list, entry{name: prefix + rel, path: p})
			}
			return nil
		})
	}
	if err := add(copied, ledgerPrefix, func(string) bool { return false }); err != nil {
		return nil, backing(err)
	}
	// What can be made again, what belongs to this machine, and what is only half there.
	own := func(rel string) bool {
		return strings.HasPrefix(rel, "warehouse.duckdb") || strings.HasPrefix(rel, "ledger.sqlite") || rel == "tmp" || strings.HasSuffix(rel, ".part") || strings.HasPrefix(path.Base(rel), ".")
	}
	return list, backing(add(a.Config.Data, dataPrefix, own))
}

// counter counts bytes and stops when ctx does.
type counter struct {
	ctx      context.Context
	done     int64
	progress func(int64)
}

func (c *counter) count(n int) error {
	c.done += int64(n)
	c.progress(c.done)
	return c.ctx.Err()
}

// Write counts what is written through it.
func (c *counter) Write(p []byte) (int, error) { return len(p), c.count(len(p)) }

// writeBackup writes the file and gives its hash and size.
func writeBackup(file string, entries []entry, recipients []age.Recipient, c *counter) (sum string, size int64, err error) {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	sealed, err := age.Encrypt(io.MultiWriter(f, h), recipients...)
	if err != nil {
		return "", 0, err
	}
	packed, err := zstd.NewWriter(sealed, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return "", 0, err
	}
	w := tar.NewWriter(packed)
	sums := map[string]string{}
	for _, e := range entries {
		one := sha256.New()
		if err := writeEntry(w, e, io.MultiWriter(one, c)); err != nil {
			return "", 0, err
		}
		sums[e.name] = hex.EncodeToString(one.Sum(nil))
	}
	text, err := json.MarshalIndent(sums, "", "  ")
	if err != nil {
		return "", 0, err
	}
	if err := writeEntry(w, entry{name: backupSums, text: text}, io.Discard); err != nil {
		return "", 0, err
	}
	if err := errors.Join(w.Close(), packed.Close(), sealed.Close(), f.Sync()); err != nil {
		return "", 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return "", 0, err
	}
	return hex.EncodeToString(h.Sum(nil)), info.Size(), nil
}

// writeEntry writes one entry, and what goes into it also to seen.
func writeEntry(w *tar.Writer, e entry, seen io.Writer) error {
	header := &tar.Header{Name: e.name, Mode: 0o600, Typeflag: tar.TypeReg, Size: int64(len(e.text))}
	var in io.Reader = strings.NewReader(string(e.text))
	if e.path != "" {
		f, err := os.Open(e.path)
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		header.Size, in = info.Size(), io.LimitReader(f, info.Size())
	}
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	_, err := io.Copy(io.MultiWriter(w, seen), in)
	return err
}

// damagedBackup is the answer to a file that is not what was written.
func damagedBackup(err error) error {
	return errs.Wrap(errs.Invalid, err, "备份文件不完整或被改动", "the backup is not whole, or was changed")
}

// openBackup reads a backup from its beginning: each entry is given to take, which reads it or not, and the sums are compared at the end.
func openBackup(file string, identity age.Identity, seen io.Writer, take func(name string, in io.Reader) error) error {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return errs.Newf(errs.NotFound, "没有备份文件 %[1]s", "there is no backup %[1]s", file)
	}
	if err != nil {
		return errs.Wrap(errs.Unavailable, err, "无法读取备份文件", "cannot read the backup")
	}
	defer f.Close()
	plain, err := age.Decrypt(io.TeeReader(f, seen), identity)
	var noMatch *age.NoIdentityMatchError
	if errors.As(err, &noMatch) {
		return errs.New(errs.Refused, "口令或密钥不对，备份无法解开", "the passphrase or the key is wrong: the backup cannot be opened")
	}
	if err != nil {
		return damagedBackup(err)
	}
	packed, err := zstd.NewReader(plain, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return damagedBackup(err)
	}
	defer packed.Close()
	r := tar.NewReader(packed)
	got, want := map[string]string{}, map[string]string{}
	for {
		header, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return damagedBackup(err)
		}
		if header.Typeflag != tar.TypeReg || !filepath.IsLocal(header.Name) || len(want) > 0 {
			return damagedBackup(nil)
		}
		if header.Name == backupSums {
			if err := json.NewDecoder(r).Decode(&want); err != nil {
				return damagedBackup(err)
			}
			continue
		}
		sum := sha256.New()
		if err := take(header.Name, io.TeeReader(r, sum)); err != nil {
			return err
		}
		got[header.Name] = hex.EncodeToString(sum.Sum(nil))
	}
	if _, err := io.Copy(io.Discard, packed); err != nil { // to the very end, where age keeps its last tag
		return damagedBackup(err)
	}
	if len(want) == 0 || !maps.Equal(got, want) {
		return damagedBackup(nil)
	}
	return nil
}

// extract writes an entry's content to dir/rel.
func extract(dir, rel string, in io.Reader) error {
	to := filepath.Join(dir, filepath.FromSlash(rel))
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, in)
	return errors.Join(err, f.Sync(), f.Close())
}

// check reads a written backup as restoring would and compares everything.
func (a *App) check(ctx context.Context, file, sum string, identity age.Identity, head backupHead, dir string, c *counter) error {
	h := sha256.New()
	err := openBackup(file, identity, io.MultiWriter(h, c), func(name string, in io.Reader) error {
		if rel, ok := strings.CutPrefix(name, ledgerPrefix); ok {
			return backing(extract(dir, rel, in))
		}
		if _, err := io.Copy(io.Discard, in); err != nil {
			return damagedBackup(err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !sameSum(h, sum) {
		return damagedBackup(nil)
	}
	if err := head.Ledger.Check(ctx, dir); err != nil {
		return err
	}
	_, _, err = walk(ctx, a, head.Ledger, dir, head.Head)
	return err
}

func sameSum(h hash.Hash, sum string) bool { return hex.EncodeToString(h.Sum(nil)) == sum }
