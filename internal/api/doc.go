// Package api is the JSON interface over HTTP: operations, OpenAPI, problem+json errors in both languages, sessions and tokens on the wire, and the guards
// around them (limits, time-outs, headers, rates).
//
// It owns routes and wire forms. It never decides anything of the field: it calls subjects and pipelines.
package api
