package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"shouwang/internal/errs"
)

// backupDocument is the JSON document of backup.
type backupDocument struct {
	File      string    `json:"file"`
	Bytes     int64     `json:"bytes"`
	SHA256    string    `json:"sha256"` // of the file, hex
	Created   time.Time `json:"created"`
	Keyring   string    `json:"keyring"`      // id of the keyring in it
	Files     int       `json:"files"`        // in it
	Archive   int       `json:"archive"`      // of them archived deliveries
	Tables    int       `json:"tables"`       // of the ledger
	Rows      int64     `json:"rows"`         // of the ledger
	Events    int64     `json:"audit_events"` // of the audit chain, walked in the written copy
	AuditSeq  int64     `json:"audit_seq"`    // number of the chain's last event
	AuditHash string    `json:"audit_hash"`   // its hash, hex
}

type backupOptions struct {
	out        string
	passphrase string
	recipients []string
}

func newBackupCommand(e *env) *cobra.Command {
	var o backupOptions
	cmd := e.command("backup", words{
		zh: "备份账本、归档和密钥", en: "back up ledger, archive and keyring",
		longZH: `把账本、归档和密钥文件写成一个加密文件，服务可以照常运行。写完后重新读出，比较全部哈希，并走一遍副本的审计链；有任何不一致就不留下文件。
用口令文件或 age 公钥加密（必选其一）。仓库不在备份里：恢复后用 shouwang rebuild 从归档重建。请把口令或私钥与备份分开保管。`,
		longEN: `Writes ledger, archive and keyring into one encrypted file while the server goes on. Then it reads the file again, compares every hash and walks the copy's audit chain; when anything differs
no file is left. Encrypted with a passphrase from a file or to age public keys (one of them is needed). The warehouse is not in it: after a restore shouwang rebuild makes it from the archive. Keep passphrase or
secret key apart from the backup.`,
		example: "shouwang backup --data ./county --out /backup/county-1124.swb --passphrase-file ./passphrase\nshouwang backup --data ./county --out /backup/county-1124.swb --recipient age1…",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) { return runBackup(ctx, e, o) })
	f := cmd.Flags()
	f.StringVar(&o.out, "out", "", e.t("备份文件（不能已存在）", "file to write (must not exist)"))
	f.StringVar(&o.passphrase, "passphrase-file", "", e.t("口令文件：第一行是口令，至少 12 个字符", "file whose first line is the passphrase, at least 12 characters"))
	f.StringArrayVar(&o.recipients, "recipient", nil, e.t("age 公钥（age1…），可多次", "age public key (age1…), may be repeated"))
	return cmd
}

func runBackup(ctx context.Context, e *env, o backupOptions) (*backupDocument, error) {
	if o.out == "" {
		return nil, usagef("缺少 --out", "--out is missing")
	}
	if (o.passphrase == "") == (len(o.recipients) == 0) {
		return nil, usagef("--passphrase-file 和 --recipient 要写其中一个", "one of --passphrase-file and --recipient is needed")
	}
	var recipients []age.Recipient
	for _, text := range o.recipients {
		r, err := age.ParseX25519Recipient(text)
		if err != nil {
			return nil, usagef("--recipient 应为 age1 开头的公钥", "--recipient must be a public key that begins with age1")
		}
		recipients = append(recipients, r)
	}
	a, err := e.open(ctx)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	var identity age.Identity
	if o.passphrase != "" {
		passphrase, err := readPassphrase(e, o.passphrase)
		if err != nil {
			return nil, err
		}
		r, err := age.NewScryptRecipient(passphrase)
		if err != nil {
			return nil, errs.Wrap(errs.Invalid, err, "口令不能使用", "the passphrase cannot be used")
		}
		if identity, err = age.NewScryptIdentity(passphrase); err != nil {
			return nil, errs.Wrap(errs.Invalid, err, "口令不能使用", "the passphrase cannot be used")
		}
		recipients = []age.Recipient{r}
	}
	bar := e.progress("备份", "backing up")
	b, err := a.Backup(ctx, e.Now(), e.path(o.out), recipients, identity, func(done int64) { bar.update(done, 0) })
	bar.end(err)
	if err != nil {
		return nil, err
	}
	return &backupDocument{
		File: b.File, Bytes: b.Bytes, SHA256: b.SHA256, Created: b.Created, Keyring: b.Keyring, Files: b.Files, Archive: b.Archive, Tables: b.Tables, Rows: b.Rows, Events: b.Events,
		AuditSeq: b.Head.Seq, AuditHash: b.Head.Hash,
	}, a.Close()
}

// minPassphrase is the least length of a backup's passphrase: whoever gets the file may try as long as they like.
const minPassphrase = 12

// readPassphrase reads the first line of a file.
func readPassphrase(e *env, path string) (string, error) {
	text, err := os.ReadFile(e.path(path))
	if err != nil {
		return "", errs.Newf(errs.NotFound, "无法读取口令文件 %[1]s", "cannot read the passphrase file %[1]s", path)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	line = strings.TrimSuffix(line, "\r")
	if len([]rune(line)) < minPassphrase {
		return "", errs.Newf(errs.Invalid, "备份口令至少要 %[1]d 个字符", "a backup's passphrase has at least %[1]d characters", minPassphrase)
	}
	return line, nil
}

func (d *backupDocument) text(w *page) {
	w.linef(w.t("备份：%s（%s 字节，%d 个文件，其中归档 %d 个；账本 %d 张表 %s 行）", "backup: %s (%s bytes, %d files, %d of them archived deliveries; the ledger has %d tables and %s rows)"),
		d.File, count(d.Bytes), d.Files, d.Archive, d.Tables, count(d.Rows))
	w.linef(w.t("已重新读出核对；审计链 %s 条完整，链头 %d:%s", "read again and checked; the audit chain of %s events is whole, its head is %d:%s"), count(d.Events), d.AuditSeq, d.AuditHash)
	w.linef("SHA-256 %s", d.SHA256)
}

// restoreDocument is the JSON document of restore.
type restoreDocument struct {
	Data       string    `json:"data"`
	Keyring    string    `json:"keyring"`     // the keyring file
	NewKeyring bool      `json:"new_keyring"` // false: the same one was there
	Created    time.Time `json:"created"`     // when the backup was made
	Files      int       `json:"files"`       // of the data folder
	Rows       int64     `json:"rows"`        // of the ledger
	Events     int64     `json:"audit_events"`
	AuditSeq   int64     `json:"audit_seq"`  // number of the chain's last event
	AuditHash  string    `json:"audit_hash"` // its hash, hex
}

type restoreOptions struct {
	from       string
	passphrase string
	identity   string
}

func newRestoreCommand(e *env) *cobra.Command {
	var o restoreOptions
	cmd := e.command("restore", words{
		zh: "从备份恢复", en: "restore a backup",
		longZH: `从 shouwang backup 的文件建立数据文件夹、密钥文件和账本，全部核对后才生效。数据文件夹必须是空的或不存在；已有的密钥文件必须是同一个；PostgreSQL 账本要恢复到空的库（--ledger）。
然后运行 shouwang rebuild 从归档重建仓库。`,
		longEN: `Makes data folder, keyring and ledger from a file of shouwang backup; nothing takes effect before everything was checked. The data folder must be empty or not there; a keyring that is there must be the
same one; a PostgreSQL ledger is restored into an empty schema (--ledger). Then shouwang rebuild makes the warehouse from the archive.`,
		example: "shouwang restore --data ./county --from /backup/county-1124.swb --passphrase-file ./passphrase\nshouwang rebuild --data ./county",
	}, cobra.NoArgs, func(ctx context.Context, _ []string) (result, error) { return runRestore(ctx, e, o) })
	f := cmd.Flags()
	f.StringVar(&o.from, "from", "", e.t("备份文件", "the backup"))
	f.StringVar(&o.passphrase, "passphrase-file", "", e.t("口令文件：第一行是口令", "file whose first line is the passphrase"))
	f.StringVar(&o.identity, "identity", "", e.t("age 私钥文件", "file of the age secret key"))
	return cmd
}

func runRestore(ctx context.Context, e *env, o restoreOptions) (*restoreDocument, error) {
	if o.from == "" {
		return nil, usagef("缺少 --from", "--from is missing")
	}
	if (o.passphrase == "") == (o.identity == "") {
		return nil, usagef("--passphrase-file 和 --identity 要写其中一个", "one of --passphrase-file and --identity is needed")
	}
	identity, err := restoreIdentity(e, o)
	if err != nil {
		return nil, err
	}
	a, err := e.alone(ctx)
	if err != nil {
		return nil, err
	}
	bar := e.progress("恢复", "restoring")
	r, err := a.Restore(ctx, filepath.Clean(o.from), identity, func(done int64) { bar.update(done, 0) })
	bar.end(err)
	if err != nil {
		return nil, err
	}
	return &restoreDocument{Data: a.Config.Data, Keyring: a.Config.Keyring, NewKeyring: r.New, Created: r.Created, Files: r.Files, Rows: r.Rows, Events: r.Events, AuditSeq: r.Head.Seq, AuditHash: r.Head.Hash}, nil
}

func restoreIdentity(e *env, o restoreOptions) (age.Identity, error) {
	if o.passphrase != "" {
		passphrase, err := readPassphrase(e, o.passphrase)
		if err != nil {
			return nil, err
		}
		identity, err := age.NewScryptIdentity(passphrase)
		if err != nil {
			return nil, errs.Wrap(errs.Invalid, err, "口令不能使用", "the passphrase cannot be used")
		}
		return identity, nil
	}
	f, err := os.Open(e.path(o.identity))
	if err != nil {
		return nil, errs.Newf(errs.NotFound, "无法读取私钥文件 %[1]s", "cannot read the secret key's file %[1]s", o.identity)
	}
	defer f.Close()
	list, err := age.ParseIdentities(f)
	if err != nil || len(list) != 1 {
		return nil, errs.Newf(errs.Invalid, "%[1]s 不是只有一个 age 私钥的文件", "%[1]s is no file with one age secret key", o.identity) // the error would quote the key
	}
	return list[0], nil
}

func (d *restoreDocument) text(w *page) {
	w.linef(w.t("已恢复 %s 的备份：%s（%d 个文件，账本 %s 行）", "restored the backup of %s: %s (%d files, %s rows of the ledger)"), d.Created.Format(time.RFC3339), d.Data, d.Files, count(d.Rows))
	w.linef(w.t("审计链 %s 条完整，链头 %d:%s", "the audit chain of %s events is whole, its head is %d:%s"), count(d.Events), d.AuditSeq, d.AuditHash)
	w.linef("%s", w.t("下一步：shouwang rebuild --data "+d.Data, "next: shouwang rebuild --data "+d.Data))
}
