package ledger

import (
	"context"
	"database/sql"
	"hash/fnv"
	"sync"
	"time"

	"shouwang/internal/errs"
)

// Sole is the right of one process to do something alone on this ledger. It ends with [Sole.End], with the process, or when the database loses it.
type Sole struct {
	ledger *Ledger
	key    int64
	mu     sync.Mutex
	conn   *sql.Conn // holds the lock; nil on SQLite
}

// soleWait is how long a lock is waited for: a server that was killed holds its own until the database has seen that it is gone.
const soleWait = 5 * time.Second

// Sole asks for the right to do alone what name says. On PostgreSQL it is a lock of a session of its own; the error is errs.Conflict when another process
// has it. An SQLite ledger lies in a data folder that one process has open, so that nothing is asked there.
func (l *Ledger) Sole(ctx context.Context, name string) (*Sole, error) {
	s := &Sole{ledger: l}
	if l.engine == SQLite {
		return s, nil
	}
	h := fnv.New64a()
	h.Write([]byte(l.schema + "|sole|" + name))
	s.key = int64(h.Sum64())
	ctx, cancel := context.WithTimeout(ctx, soleWait)
	defer cancel()
	for {
		got, err := s.take(ctx)
		if got || err != nil && ctx.Err() == nil {
			return s, told(err)
		}
		select {
		case <-ctx.Done():
			return nil, s.taken()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (s *Sole) taken() error {
	return errs.New(errs.Conflict, "另一个守望服务器正在处理这个账本的后台任务：一个账本只能由一个服务器处理。请先停下那一个，或者用 --ledger 另指账本",
		"another Shouwang server works the jobs of this ledger: one ledger is worked by one server. Stop that one first, or name another ledger with --ledger")
}

// take tries once.
func (s *Sole) take(ctx context.Context) (bool, error) {
	conn, err := s.ledger.queue.Conn(ctx)
	if err != nil {
		return false, err
	}
	got := false
	if err := conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1)", s.key).Scan(&got); err != nil || !got {
		_ = conn.Close() // the first error says more
		return false, err
	}
	s.conn = conn
	return true, nil
}

// Check says whether the right is still held. A connection that broke has lost it; it is taken again, unless another process was faster: errs.Conflict.
func (s *Sole) Check(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return nil
	}
	if err := s.conn.PingContext(ctx); err == nil || ctx.Err() != nil {
		return told(ctx.Err())
	}
	_ = s.conn.Close() // it is broken
	s.conn = nil
	got, err := s.take(ctx)
	if err == nil && !got {
		err = s.taken()
	}
	return told(err)
}

// End gives the right back.
func (s *Sole) End(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return nil
	}
	_, err := s.conn.ExecContext(ctx, "SELECT pg_advisory_unlock($1)", s.key)
	if closed := s.conn.Close(); err == nil {
		err = closed
	}
	s.conn = nil
	return told(err)
}
