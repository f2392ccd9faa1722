package throttle

import (
	"fmt"
	"testing"
	"time"
)

func TestLimiter(t *testing.T) {
	l := New(Rate{Burst: 2, Every: time.Minute})
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for i, want := range []bool{true, true, false} {
		if got, _ := l.Allow("a", now); got != want {
			t.Errorf("try %d: %v", i, got)
		}
	}
	if ok, _ := l.Allow("b", now); !ok {
		t.Error("another caller waits for the first")
	}
	ok, wait := l.Allow("a", now.Add(30*time.Second))
	if ok || wait != 30*time.Second {
		t.Errorf("after half a turn: %v, wait %v", ok, wait)
	}
	if ok, _ := l.Allow("a", now.Add(time.Minute)); !ok {
		t.Error("after a turn")
	}
	// A flood of addresses neither fills the memory nor gives each its own bucket.
	var passed int
	for i := range maxCallers + 1000 {
		if ok, _ := l.Allow(fmt.Sprint("x", i), now.Add(time.Minute)); ok {
			passed++
		}
	}
	if len(l.callers) > maxCallers || passed > maxCallers+2 {
		t.Errorf("%d callers kept, %d passed", len(l.callers), passed)
	}
}
