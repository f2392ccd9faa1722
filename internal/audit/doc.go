// Package audit is the append-only chain of events: who did what to what, when and why, each event hashed with the
// one before.
//
// It owns the table audit_event. It never changes or deletes an event.
package audit
