// Package measure is plans and measures: what a household is to get, from whom, until when, the orders to departments
// and their answers, and the evidence.
//
// It owns the tables of plans, measures and orders. It never proposes a measure (that is matching).
package measure
