// Package api is the JSON interface over HTTP: operations, OpenAPI, problem+json errors in both languages, tokens.
//
// It owns routes and wire forms. It never decides anything of the field: it calls subjects and pipelines.
package api
