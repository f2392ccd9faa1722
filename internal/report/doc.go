// Package report is papers and ledgers that write themselves from a case, and the import of the national system's
// exports.
//
// It owns forms and column orders. It never changes a case but through casework.
package report
