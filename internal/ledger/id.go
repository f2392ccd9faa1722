package ledger

import (
	"crypto/rand"
	"encoding/binary"
	"time"

	"github.com/google/uuid"
)

// NewID makes an identifier: a UUID of version 7 as text, ordered by now to the quarter of a microsecond and random below that. The time
// is the one that is passed in, so a clock that was put back makes ids that sort earlier, never ids that repeat.
func NewID(now time.Time) string {
	var id uuid.UUID
	ms, fraction := now.UnixMilli(), now.Nanosecond()%1e6
	binary.BigEndian.PutUint64(id[:8], uint64(ms)<<16|0x7000|uint64(fraction)*4096/1e6)
	rand.Read(id[8:]) // never fails: it ends the program instead
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}
