// Package matching is which measures answer which risk: the smallest bundle for one household, shares of limited
// places for a county, and the effect of measures.
//
// It owns the search. It never writes a plan.
package matching
