package ledger

import (
	"context"
	"hash/fnv"

	"github.com/uptrace/bun"

	"shouwang/internal/errs"
)

// Tx is a transaction: bun's, with the time of the change. It is for one goroutine.
type Tx struct {
	bun.Tx
	Now Time // of [Ledger.Write]; zero in a Read

	ledger   *Ledger
	readOnly bool
	last     []func(context.Context) error
	locals   map[any]any
}

// Engine says which database it runs on. Only package jobs needs to know.
func (tx *Tx) Engine() Engine { return tx.ledger.engine }

// Last has fn run just before the commit, in the order of the calls. The head of the audit chain is locked there, so that it is held
// as short as can be. An error undoes the transaction.
func (tx *Tx) Last(fn func(context.Context) error) { tx.last = append(tx.last, fn) }

// Local gives what is kept under key for the length of this try of the transaction, made by make at the first call. A package
// uses a key of a type of its own.
func Local[T any](tx *Tx, key any, make func() *T) *T {
	if v, ok := tx.locals[key].(*T); ok {
		return v
	}
	if tx.locals == nil {
		tx.locals = map[any]any{}
	}
	v := make()
	tx.locals[key] = v
	return v
}

// Exclusive takes the lock of that name until the end of the transaction and gives a handle that reads what is committed
// now, even where the transaction itself sees an older snapshot. So a counter or the head of a chain can be carried on without a
// serialization failure: read it from the handle, insert the next as a new row. Take it in [Tx.Last]; everybody else waits meanwhile.
func (tx *Tx) Exclusive(ctx context.Context, name string) (bun.IDB, error) {
	if tx.readOnly {
		return nil, errs.New(errs.Internal, "只读事务不能加锁", "a read cannot take a lock")
	}
	if tx.ledger.engine == SQLite {
		return tx.Tx, nil // the writer's lock is held from the beginning
	}
	h := fnv.New64a()
	h.Write([]byte(tx.ledger.schema + "|" + name))
	if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(?)", int64(h.Sum64())); err != nil {
		return nil, err
	}
	return tx.ledger.latest, nil
}
