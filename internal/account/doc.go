// Package account is organisations, accounts, roles, scope, sessions, second factors and tokens.
//
// It owns who may do what where. It never decides about a household.
package account
