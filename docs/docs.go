// Package docs holds the documents that the program itself gives out.
package docs

import _ "embed"

// OpenAPI is the description of the interface over HTTP, OpenAPI 3.1 as JSON. A test of internal/api holds it to the operations.
//
//go:embed openapi.json
var OpenAPI []byte
