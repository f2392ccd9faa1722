package app

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"

	"shouwang/internal/audit"
	"shouwang/internal/config"
	"shouwang/internal/errs"
	"shouwang/internal/jobs"
	"shouwang/internal/ledger"
	"shouwang/internal/secret"
)

// Restored is what came out of a backup.
type Restored struct {
	Created time.Time  // when the backup was made
	Keyring string     // the keyring's id
	New     bool       // the keyring's file was written; false: the same one was there
	Files   int        // of the data folder
	Rows    int64      // of the ledger's tables
	Events  int64      // of the audit chain, walked
	Head    audit.Head //
}

// Restore makes the data folder, the keyring and the ledger from a backup. The folder must not be there, or be empty; so must the ledger's place; a keyring that is there must be the
// same one. Everything is checked before the folder gets its name, so a failure leaves no half of one. The warehouse is made by Rebuild afterwards.
func (a *App) Restore(ctx context.Context, file string, identity age.Identity, progress func(done int64)) (out Restored, err error) {
	if entries, err := os.ReadDir(a.Config.Data); err == nil && len(entries) > 0 {
		return out, errs.Newf(errs.Refused, "%[1]s 不是空文件夹，不会恢复到里面；请换一个新的文件夹", "%[1]s is not empty and nothing is restored into it; name a new folder", a.Config.Data)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return out, errs.Wrap(errs.Unavailable, err, "无法读取数据文件夹", "cannot read the data folder")
	}
	if err := os.MkdirAll(filepath.Dir(a.Config.Data), 0o700); err != nil {
		return out, returning(err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(a.Config.Data), ".shouwang-restore-*")
	if err != nil {
		return out, returning(err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	data, copied := filepath.Join(tmp, "data"), filepath.Join(tmp, "ledger")
	for _, dir := range []string{data, copied} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return out, returning(err)
		}
	}
	head, folder, keys, files, err := unpack(ctx, file, identity, data, copied, progress)
	if err != nil {
		return out, err
	}
	out.Created, out.Keyring, out.Files = head.Created, head.Keyring, files
	if out.New, err = a.checkKeyring(keys, head.Keyring, tmp); err != nil {
		return out, err
	}
	if err := head.Ledger.Check(ctx, copied); err != nil {
		return out, err
	}
	folder.Ledger = cmp.Or(a.Config.Ledger, folder.Ledger)
	if err := a.restoreLedger(ctx, folder.Ledger, data, copied, head, &out); err != nil {
		return out, err
	}
	if err := mark(data, folder); err != nil {
		return out, err
	}
	if out.New {
		if err := os.MkdirAll(filepath.Dir(a.Config.Keyring), 0o700); err != nil {
			return out, returning(err)
		}
		if err := extract(filepath.Dir(a.Config.Keyring), filepath.Base(a.Config.Keyring), bytes.NewReader(keys)); err != nil {
			return out, returning(err)
		}
	}
	if err := os.Remove(a.Config.Data); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return out, returning(err)
	}
	return out, returning(os.Rename(data, a.Config.Data))
}

func returning(err error) error {
	var known *errs.Error
	if err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) {
		return err
	}
	return errs.Wrap(errs.Unavailable, err, "恢复没有完成", "the backup was not restored")
}

// unpack writes a backup's files and gives what is not a file of the data folder.
func unpack(ctx context.Context, file string, identity age.Identity, data, copied string, progress func(int64)) (head backupHead, folder config.Folder, keys []byte, files int, err error) {
	c := &counter{ctx: ctx, progress: progress}
	decode := func(in io.Reader, v any) error {
		text, err := io.ReadAll(io.LimitReader(in, 1<<22))
		if err == nil {
			err = json.Unmarshal(text, v)
		}
		if err != nil {
			return damagedBackup(err)
		}
		return nil
	}
	err = openBackup(file, identity, c, func(name string, in io.Reader) error {
		switch {
		case name == backupHeader:
			if err := decode(in, &head); err != nil {
				return err
			}
			if head.Format > backupFormat {
				return errs.New(errs.Conflict, "备份是更新版本的守望做的，请升级程序", "the backup was made by a newer shouwang; upgrade the program")
			}
		case name == backupKeys:
			var err error
			if keys, err = io.ReadAll(io.LimitReader(in, 1<<20)); err != nil {
				return damagedBackup(err)
			}
		case name == dataPrefix+config.MarkerFile:
			return decode(in, &folder)
		case strings.HasPrefix(name, ledgerPrefix):
			return returning(extract(copied, strings.TrimPrefix(name, ledgerPrefix), in))
		case strings.HasPrefix(name, dataPrefix):
			files++
			return returning(extract(data, strings.TrimPrefix(name, dataPrefix), in))
		default:
			return damagedBackup(nil)
		}
		return nil
	})
	if err == nil && (head.Format == 0 || keys == nil || folder.Format == 0) {
		err = damagedBackup(nil)
	}
	return head, folder, keys, files, err
}

// checkKeyring checks the backup's keyring and whether it must be written.
func (a *App) checkKeyring(keys []byte, id, tmp string) (missing bool, err error) {
	if err := extract(tmp, "keyring", bytes.NewReader(keys)); err != nil {
		return false, returning(err)
	}
	k, err := secret.Load(filepath.Join(tmp, "keyring"))
	if err != nil {
		return false, err
	}
	if k.ID() != id {
		return false, damagedBackup(nil)
	}
	if _, err := os.Lstat(a.Config.Keyring); errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	there, err := secret.Load(a.Config.Keyring)
	if err != nil {
		return false, err
	}
	if there.ID() != id {
		return false, errs.Newf(errs.Conflict, "%[1]s 是另一个密钥文件，不会覆盖；请用 --keyring 指定别处", "%[1]s is another keyring and is not overwritten; name another place with --keyring", a.Config.Keyring)
	}
	return false, nil
}

// restoreLedger fills the ledger's place and walks its audit chain.
func (a *App) restoreLedger(ctx context.Context, place, data, copied string, head backupHead, out *Restored) error {
	url := cmp.Or(place, "sqlite:"+filepath.Join(data, config.LedgerFile))
	l, err := head.Ledger.Restore(ctx, url, copied, a.Log, func(ctx context.Context, l *ledger.Ledger) error {
		_, err := jobs.New(ctx, l, time.Now, a.Log)
		return err
	})
	if err != nil {
		return err
	}
	r, err := audit.Verify(ctx, l, head.Head)
	if err = errors.Join(err, l.Close()); err != nil {
		return err
	}
	if r.Broken != nil {
		return errs.New(errs.Conflict, "恢复出的审计链不完整："+r.Broken.Why.ZH, "the restored audit chain is broken: "+r.Broken.Why.EN)
	}
	out.Events, out.Head = r.Events, r.Head
	for _, t := range head.Ledger.Tables {
		out.Rows += t.Rows
	}
	return nil
}

// mark makes a folder a data folder.
func mark(dir string, f config.Folder) error {
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return returning(err)
	}
	return returning(extract(dir, config.MarkerFile, bytes.NewReader(append(text, '\n'))))
}
