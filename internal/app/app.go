// Package app is the whole program in order: the policy pack, the division tree, the keyring, the warehouse, and the
// pipelines over them. It owns their opening and closing. It never decides anything about the field: verbs and pages ask
// it for a pipeline and use that.
package app

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"shouwang/internal/audit"
	"shouwang/internal/config"
	"shouwang/internal/division"
	"shouwang/internal/errs"
	"shouwang/internal/intake"
	"shouwang/internal/ledger"
	"shouwang/internal/policy"
	"shouwang/internal/screening"
	"shouwang/internal/secret"
	"shouwang/internal/warehouse"
	packs "shouwang/policy"
)

// App is one run of the program. Pack and Tree are there after New; the rest after Open or Create.
type App struct {
	Config    config.Config
	Log       *slog.Logger
	Pack      *policy.Pack
	Tree      *division.Tree
	Keyring   *secret.Keyring
	Warehouse *warehouse.Warehouse
	Ledger    *ledger.Ledger

	base   *policy.Pack // without amendments: the folder's, or the built-in one
	place  int64        // the last amendment that Pack has, by its place among the approved; 0: none
	lent   bool         // another App owns what is open
	people *people
	batch  chan struct{} // holds one while batch work runs; shared with those it is lent to
}

// Batch waits for its turn to change the warehouse: intake, screening and the like run one at a time. The caller must call release.
func (a *App) Batch(ctx context.Context) (release func(), err error) {
	select {
	case a.batch <- struct{}{}:
		return func() { <-a.batch }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Lend gives the same open program to somebody who will call Open and Close as if it were their own: both do nothing. The server lends itself to the
// command lines that it runs.
func (a *App) Lend() *App {
	b := *a
	b.lent = true
	return &b
}

// Lent reports whether the program is lent: work that must own the data folder (rebuild) is not possible then.
func (a *App) Lent() bool { return a.lent }

// New loads the policy pack and the division tree. The pack is the configured folder, else the one that init noted in
// the data folder, else the built-in pack of Guizhou; the ledger's place likewise. Nothing is opened yet.
func New(cfg config.Config, log *slog.Logger) (*App, error) {
	dir := cfg.Pack
	if folder, err := config.ReadFolder(cfg.Data); err == nil {
		dir, cfg.Ledger = cmp.Or(dir, folder.Pack), cmp.Or(cfg.Ledger, folder.Ledger)
	}
	pack, err := LoadPack(dir)
	if err != nil {
		return nil, err
	}
	tree, err := division.Load()
	if err != nil {
		return nil, err
	}
	return &App{Config: cfg, Log: log, Pack: pack, base: pack, Tree: tree, people: &people{}, batch: make(chan struct{}, 1)}, nil
}

// LoadPack loads and checks the policy pack in folder dir, or the built-in pack of Guizhou when dir is empty.
func LoadPack(dir string) (*policy.Pack, error) {
	if dir == "" {
		return policy.Load(packs.Guizhou())
	}
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		return nil, errs.Newf(errs.NotFound, "没有政策包文件夹 %[1]s", "there is no policy pack folder %[1]s", dir)
	}
	return policy.Load(os.DirFS(dir))
}

// Create makes the data folder, its keyring and an empty warehouse. A keyring that exists already is used as it is, so that a
// lost data folder can be made again and rebuilt from its archive. demo marks a folder that the demo may replace.
func (a *App) Create(ctx context.Context, now time.Time, demo bool) error {
	pack := a.Config.Pack
	if pack != "" {
		abs, err := filepath.Abs(pack)
		if err != nil {
			return errs.Wrap(errs.Invalid, err, "无法解析政策包路径", "cannot resolve the pack's path")
		}
		pack = abs
	}
	if err := config.CheckLedger(a.Config.LedgerURL()); err != nil {
		return err
	}
	if err := config.WriteFolder(a.Config.Data, config.Folder{Pack: pack, Ledger: a.Config.Ledger, Created: now.UTC().Truncate(time.Second), Demo: demo}); err != nil {
		return err
	}
	if _, err := os.Stat(a.Config.Keyring); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(a.Config.Keyring), 0o700); err != nil {
			return errs.Wrap(errs.Unavailable, err, "无法建立密钥文件的文件夹", "cannot make the keyring's folder")
		}
		if _, err := secret.Create(a.Config.Keyring); err != nil {
			return err
		}
	}
	return a.Open(ctx)
}

// Open reads the keyring and opens the warehouse and the ledger, making or evolving their tables. It fails with NotFound when the folder was
// never initialised and with Locked when another process has the warehouse open.
func (a *App) Open(ctx context.Context) error {
	if a.lent {
		return nil
	}
	if _, err := config.ReadFolder(a.Config.Data); err != nil {
		return err
	}
	if err := a.readKeyring(); err != nil {
		return err
	}
	w, err := a.openWarehouse(ctx, a.Config.Warehouse())
	if err != nil {
		return err
	}
	if err := w.Schema(ctx, a.Pack); err != nil {
		return errors.Join(err, w.Close())
	}
	l, err := ledger.Open(ctx, a.Config.LedgerURL(), a.Log)
	if err != nil {
		return errors.Join(err, w.Close())
	}
	a.Warehouse, a.Ledger = w, l
	return nil
}

func (a *App) readKeyring() error {
	if _, err := os.Stat(a.Config.Keyring); errors.Is(err, fs.ErrNotExist) {
		return errs.Newf(errs.NotFound,
			"找不到密钥文件 %[1]s。没有它，数据无法解密；请把它放回原处，或用 --keyring 指定位置",
			"there is no keyring %[1]s; without it the data cannot be read: put it back, or name its place with --keyring", a.Config.Keyring)
	}
	keyring, err := secret.Load(a.Config.Keyring)
	a.Keyring = keyring
	return err
}

// openWarehouse opens a warehouse file with the configured limits.
func (a *App) openWarehouse(ctx context.Context, path string) (*warehouse.Warehouse, error) {
	if err := os.MkdirAll(a.Config.Temp(), 0o700); err != nil {
		return nil, errs.Wrap(errs.Unavailable, err, "无法建立临时文件夹", "cannot make the folder for temporary files")
	}
	return warehouse.Open(ctx, path, warehouse.Options{Threads: a.Config.Threads, MemoryLimit: a.Config.MemoryLimit, TempDir: a.Config.Temp()})
}

// Close closes warehouse and ledger. It may be called twice.
func (a *App) Close() (err error) {
	if a.lent {
		return nil
	}
	if l := a.Ledger; l != nil {
		a.Ledger, a.people = nil, &people{}
		err = l.Close()
	}
	if w := a.Warehouse; w != nil {
		a.Warehouse = nil
		err = errors.Join(err, w.Close())
	}
	return err
}

// Ready reports whether the stores answer.
func (a *App) Ready(ctx context.Context) error {
	if a.Warehouse == nil || a.Ledger == nil {
		return errs.New(errs.Unavailable, "数据文件夹没有打开", "the data folder is not open")
	}
	if err := a.Ledger.Read(ctx, func(ctx context.Context, tx *ledger.Tx) error { _, err := audit.HeadOf(ctx, tx); return err }); err != nil {
		return errs.Wrap(errs.Unavailable, err, "台账库没有应答", "the ledger does not answer")
	}
	if err := a.Warehouse.DB().PingContext(ctx); err != nil {
		return errs.Wrap(errs.Unavailable, err, "仓库没有应答", "the warehouse does not answer")
	}
	return nil
}

// Intake is the pipeline that takes files in.
func (a *App) Intake() *intake.Service {
	return intake.New(a.Warehouse, a.Keyring, a.Pack, a.Tree, a.Config.Data, a.Log)
}

// Screening is the pipeline that screens households.
func (a *App) Screening() *screening.Service {
	return screening.New(a.Warehouse, a.Pack, a.Tree, a.Config.Data)
}
