// Package workflow is the state machine of a case: which action leads from which state to which, who may take it,
// which guards must hold, and what is due when.
//
// It is pure: states, actions, guards and deadlines come from the policy pack, facts are passed in. It never touches
// a database or the clock.
//
// A [Machine] is the workflow of one division on one day. [Machine.Actions] lists what may be done next and says of what
// may not which condition and which fact stand in the way; [Machine.Next] decides one action; [Machine.Due] says until when the task of a
// state is to be done; [Machine.Form] reads the document of an action into typed values.
package workflow
