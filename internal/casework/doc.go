// Package casework is cases from the first signal to cleared and still watched: signals, leads, steps, visits,
// categories and tags.
//
// It owns the tables casefile, signal, step, visit, correction, notice, tag, case_link, case_department and application, and the one door
// ([Service.Act]) through which a case changes state. It never reads the warehouse: indicators and measures come in through [Hooks].
//
// A case is one episode of one household. [Service.Receive] takes signals in, by the ten thousand or one at a time, and makes cases of
// them; [Service.Act] takes every step after that; [Service.List], [Service.Counts] and [Service.Dossier] show what is in the actor's
// scope. Self-applications come in by [Service.Apply] without an account and become signals by [Service.TakeApplication].
package casework
