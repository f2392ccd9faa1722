// Package casework is cases from the first signal to cleared and still watched: signals, leads, steps, visits,
// categories and tags.
//
// It owns the tables casefile, signal, step and visit, and the one door (Act) through which a case changes state. It
// never reads the warehouse.
package casework
