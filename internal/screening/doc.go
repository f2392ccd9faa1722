// Package screening turns facts into warnings: one wide row of indicators a household, every rule of the pack over it, the difference
// against the run before, data requests where something is unknown, explanations of single households, and what-if questions.
//
// It owns the tables wide, hit, warning, warning_live, data_request and run, and all SQL that indicators and rules become. It never
// reads a department's file, never links a row to a household, and never knows anybody's name or number.
package screening
