package ledger

import (
	"context"
	"fmt"

	"shouwang/internal/errs"
)

// Stale is the cause of the errs.Conflict that [Update] gives: somebody else changed the row since it was read.
type Stale struct {
	Read, Is int64 // the version that was read, and the row's now
}

// Error says both.
func (s *Stale) Error() string { return fmt.Sprintf("version %d was read, it is %d now", s.Read, s.Is) }

// Update writes the named columns of the row that model points to (a bun model with a primary key), provided that the row
// still has the version that was read, and raises *version, which must be the model's own field for the column `version`.
//
// A row that was changed meanwhile is errs.Conflict with [Stale] in its chain, one that is not there errs.NotFound; *version stays as it
// was then.
func Update(ctx context.Context, tx *Tx, model any, version *int64, columns ...string) error {
	read := *version
	*version = read + 1
	done, err := tx.NewUpdate().Model(model).Column(append(columns, "version")...).WherePK().Where("version = ?", read).Exec(ctx)
	if err != nil {
		*version = read
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n == 1 {
		return err
	}
	*version = read
	var is int64
	err = tx.NewSelect().Model(model).Column("version").WherePK().Scan(ctx, &is)
	if Missing(err) {
		return errs.New(errs.NotFound, "要修改的记录已不存在", "the record to be changed is not there")
	}
	if err != nil {
		return err
	}
	return errs.Wrap(errs.Conflict, &Stale{Read: read, Is: is},
		"别人刚刚修改过这条记录，您的修改没有保存；请刷新后再改", "somebody else has just changed this record; yours was not saved: reload and change it again")
}

// CheckVersion refuses a change that was made on an older copy of a row: read is the version that the person saw, is the row's.
// Zero means that the caller did not say, which is refused too.
func CheckVersion(read, is int64) error {
	switch {
	case read == is:
		return nil
	case read == 0:
		return errs.New(errs.Invalid, "缺少版本号：请先读取记录", "the version is missing: read the record first")
	}
	return errs.Wrap(errs.Conflict, &Stale{Read: read, Is: is},
		"别人刚刚修改过这条记录，您的修改没有保存；请刷新后再改", "somebody else has just changed this record; yours was not saved: reload and change it again")
}

// chunk is how many rows one INSERT carries: the text stays well below a megabyte.
const chunk = 500

// InsertAll writes many rows of one bun model, 500 to a statement.
func InsertAll[T any](ctx context.Context, tx *Tx, rows []T) error {
	for len(rows) > 0 {
		n := min(chunk, len(rows))
		part := rows[:n]
		if _, err := tx.NewInsert().Model(&part).Exec(ctx); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}
