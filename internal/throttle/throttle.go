// Package throttle bounds how often one caller may come: by the network address that they come from.
//
// It owns the buckets, in memory. It never knows who the caller is, and never answers a request.
package throttle

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rate is a bucket of turns: Burst at once, one more after every Every.
type Rate struct {
	Burst int
	Every time.Duration
}

// Limiter bounds how often one caller may come. It holds a bounded number of callers; when there are more, the newcomers share one bucket, so that
// a flood of addresses can't fill the memory.
type Limiter struct {
	rate Rate

	mu      sync.Mutex
	callers map[string]*caller
	shared  *rate.Limiter
	swept   time.Time
}

type caller struct {
	bucket *rate.Limiter
	seen   time.Time
}

const maxCallers = 50_000

// New makes a limiter.
func New(r Rate) *Limiter {
	return &Limiter{rate: r, callers: map[string]*caller{}, shared: bucket(r)}
}

func bucket(r Rate) *rate.Limiter { return rate.NewLimiter(rate.Every(r.Every), r.Burst) }

// Allow takes one turn of the caller, or says after how long there will be one.
func (l *Limiter) Allow(who string, now time.Time) (bool, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	full := time.Duration(l.rate.Burst) * l.rate.Every // after this long a bucket is as new
	if now.Sub(l.swept) > full {
		l.swept = now
		for k, c := range l.callers {
			if now.Sub(c.seen) > full {
				delete(l.callers, k)
			}
		}
	}
	b := l.shared
	if c := l.callers[who]; c != nil {
		c.seen, b = now, c.bucket
	} else if len(l.callers) < maxCallers {
		b = bucket(l.rate)
		l.callers[who] = &caller{b, now}
	}
	r := b.ReserveN(now, 1)
	if wait := r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return false, wait
	}
	return true, 0
}

// Network is what an address counts as: itself, or the /64 that one IPv6 customer has.
func Network(a netip.Addr) string {
	a = a.Unmap()
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}
