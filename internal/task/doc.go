// Package task is what is due: one open task per case and step, with owner, deadline, warning, escalation and pause;
// in-boxes and digests.
//
// It owns the table task. It never changes a case.
package task
