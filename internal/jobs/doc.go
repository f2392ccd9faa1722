// Package jobs is long and scheduled work on the ledger's database: named, idempotent, resumable jobs that are queued
// in the same transaction as the data.
//
// It owns the queue. It never knows what a job is about.
package jobs
