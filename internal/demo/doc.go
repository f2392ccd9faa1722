// Package demo plays the staff of a county of synthetic households: it hands the screening's warnings out as leads, takes self-applications, and has
// the right people carry cases through every step, months of them, so that a demo and the tests of pages have living cases to show.
//
// It owns no table and knows no shortcut: everything goes through the doors that people use (casework, measure, dispatch), at the hour at which they would
// have done it, with accounts of their own. It is for data folders of synthetic data only.
package demo
