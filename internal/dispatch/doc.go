// Package dispatch is the way from warnings to leads and back: a run becomes signals and leads, verified outcomes
// become the dataset casework.
//
// It owns no table of the warehouse. It never changes the state of a case but through casework.
package dispatch
