package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"shouwang/internal/config"
	"shouwang/internal/errs"
	"shouwang/internal/intake"
	"shouwang/internal/screening"
	"shouwang/internal/warehouse"
)

// Rebuilt says what Rebuild did.
type Rebuilt struct {
	intake.Rebuilt
	KeptRuns bool   // the record of past runs was carried over
	Digest   string // of the new warehouse's content
}

// Rebuild makes the warehouse again from the archive and puts it in the place of the old one when it is complete; until then
// the old one stays as it is. The record of past runs is carried over when the old file can be read. The folder must not be
// open; afterwards it is.
func (a *App) Rebuild(ctx context.Context, progress func(intake.Progress)) (out Rebuilt, err error) {
	if a.lent {
		return out, errs.New(errs.Locked, "服务正在运行，不能替换仓库；请先停止 shouwang serve 再执行", "the server is running and the warehouse cannot be replaced under it; stop shouwang serve first")
	}
	if _, err := config.ReadFolder(a.Config.Data); err != nil {
		return out, err
	}
	if err := a.readKeyring(); err != nil {
		return out, err
	}
	next := a.Config.Warehouse() + ".next"
	if err := removeWarehouse(next); err != nil {
		return out, err
	}
	old, kept, err := a.copyOld(ctx, next)
	if err != nil {
		return out, err
	}
	defer func() {
		if old != nil {
			err = errors.Join(err, old.Close())
		}
	}()
	fresh, err := a.openWarehouse(ctx, next)
	if err != nil {
		return out, err
	}
	out.Rebuilt, err = a.refill(ctx, old, fresh, progress)
	if err == nil {
		out.Digest, err = intake.DigestOf(ctx, fresh, a.Pack)
	}
	if err = errors.Join(err, fresh.Close()); err != nil {
		return out, errors.Join(err, removeWarehouse(next))
	}
	if old != nil {
		err, old = old.Close(), nil
		if err != nil {
			return out, err
		}
	}
	out.KeptRuns = kept
	// The log of the old file must not be replayed into the new one.
	if err := os.Remove(a.Config.Warehouse() + ".wal"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return out, errs.Wrap(errs.Unavailable, err, "无法替换仓库文件", "cannot replace the warehouse file")
	}
	if err := os.Rename(next, a.Config.Warehouse()); err != nil {
		return out, errs.Wrap(errs.Unavailable, err, "无法替换仓库文件", "cannot replace the warehouse file")
	}
	return out, a.Open(ctx)
}

// copyOld copies the old warehouse to next, for its record of runs, and keeps the old one open so that nobody else writes to
// it meanwhile. An old file that is missing or damaged gives nil: then everything is made anew.
func (a *App) copyOld(ctx context.Context, next string) (old *warehouse.Warehouse, kept bool, err error) {
	path := a.Config.Warehouse()
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	old, err = a.openWarehouse(ctx, path)
	if errs.KindOf(err) == errs.Locked || ctx.Err() != nil {
		return nil, false, err
	}
	if err != nil {
		a.Log.Warn("the old warehouse cannot be read; everything is made anew from the archive", "error", err.Error())
		return nil, false, nil
	}
	// Closing writes DuckDB's log into the file. It cannot be copied while it is open: closing a second descriptor of
	// the file would drop the lock.
	if err := old.Close(); err != nil {
		return nil, false, err
	}
	if err := copyFile(next, path); err != nil {
		return nil, false, err
	}
	old, err = a.openWarehouse(ctx, path)
	return old, err == nil, err
}

// refill empties fresh of everything that intake makes and takes the archive in again.
func (a *App) refill(ctx context.Context, old, fresh *warehouse.Warehouse, progress func(intake.Progress)) (intake.Rebuilt, error) {
	var derived []string
	for _, t := range warehouse.Tables(a.Pack) {
		derived = append(derived, t.Name)
	}
	rows, err := fresh.DB().QueryContext(ctx, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'main'")
	if err != nil {
		return intake.Rebuilt{}, fmt.Errorf("rebuild: tables: %w", err)
	}
	defer rows.Close()
	var drop []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return intake.Rebuilt{}, fmt.Errorf("rebuild: tables: %w", err)
		}
		// Tables of datasets that the pack no longer has go too.
		if slices.Contains(derived, name) || strings.HasPrefix(name, "fact_") || strings.HasPrefix(name, "pending_") {
			drop = append(drop, name)
		}
	}
	if err := rows.Err(); err != nil {
		return intake.Rebuilt{}, fmt.Errorf("rebuild: tables: %w", err)
	}
	for _, name := range drop {
		if _, err := fresh.DB().ExecContext(ctx, "DROP TABLE "+fresh.Dialect().Ident(name)); err != nil {
			return intake.Rebuilt{}, fmt.Errorf("rebuild: drop %s: %w", name, err)
		}
	}
	if err := fresh.Schema(ctx, a.Pack); err != nil {
		return intake.Rebuilt{}, err
	}
	return intake.New(old, a.Keyring, a.Pack, a.Tree, a.Config.Data, a.Log).Rebuild(ctx, fresh, progress)
}

// Verified is the outcome of Verify.
type Verified struct {
	intake.Verification
	Rebuilt      bool   // the archive was taken in again into a second warehouse
	Digest2      string // digest of the second warehouse
	Same         bool   // both digests are equal (true when not rebuilt)
	Explanations int    // warned households whose outcome was derived again
	Differing    int    // of them with another outcome than recorded
}

// OK reports whether nothing was found wrong.
func (v Verified) OK() bool { return v.Verification.OK && v.Same && v.Differing == 0 }

// sampled is how many warned households Verify derives again.
const sampled = 20

// Verify holds the warehouse against the archive and against itself; unless quick, it also takes the whole archive in again
// into a second warehouse and compares the contents; and it derives the outcome of some warned households again.
// The folder must be open.
func (a *App) Verify(ctx context.Context, quick bool, progress func(intake.Progress)) (v Verified, err error) {
	v.Same = true
	if v.Verification, err = a.Intake().Verify(ctx, progress); err != nil {
		return v, err
	}
	if err := a.verifyRuns(ctx, &v); err != nil {
		return v, err
	}
	if quick {
		return v, nil
	}
	second := filepath.Join(a.Config.Temp(), "verify.duckdb")
	if err := removeWarehouse(second); err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, removeWarehouse(second)) }()
	fresh, err := a.openWarehouse(ctx, second)
	if err != nil {
		return v, err
	}
	err = fresh.Schema(ctx, a.Pack)
	if err == nil {
		_, err = a.Intake().Rebuild(ctx, fresh, progress)
	}
	if err == nil {
		v.Digest2, err = intake.DigestOf(ctx, fresh, a.Pack)
	}
	v.Rebuilt, v.Same = true, v.Digest2 == v.Digest
	return v, errors.Join(err, fresh.Close())
}

// verifyRuns derives warned households again: the explanation compares the Go evaluation, the SQL bits and the record.
func (a *App) verifyRuns(ctx context.Context, v *Verified) error {
	var homes []string
	err := a.Screening().Warnings(ctx, screening.Filter{Limit: sampled}, func(w screening.Warning) error {
		if !slices.Contains(homes, w.HouseholdNo) {
			homes = append(homes, w.HouseholdNo)
		}
		return nil
	})
	if errs.KindOf(err) == errs.NotFound {
		return nil // nothing has been screened yet
	}
	if err != nil {
		return err
	}
	for _, no := range homes {
		x, err := a.Screening().Explain(ctx, no, "", 0)
		if err != nil {
			return err
		}
		v.Explanations++
		if !x.Same {
			v.Differing++
		}
	}
	return nil
}

func removeWarehouse(path string) error {
	for _, p := range []string{path, path + ".wal"} {
		if err := os.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return errs.Wrap(errs.Unavailable, err, "无法删除临时文件 "+filepath.Base(p), "cannot remove the temporary file "+filepath.Base(p))
		}
	}
	return nil
}

func copyFile(to, from string) (err error) {
	defer func() {
		if err != nil {
			err = errs.Wrap(errs.Unavailable, err, "无法复制仓库文件（磁盘满了？）", "cannot copy the warehouse file (is the disk full?)")
		}
	}()
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
