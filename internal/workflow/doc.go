// Package workflow is the state machine of a case: which action leads from which state to which, who may take it,
// which guards must hold, and what is due when.
//
// It is pure: states, actions, guards and deadlines come from the policy pack, facts are passed in. It never touches
// a database or the clock.
package workflow
