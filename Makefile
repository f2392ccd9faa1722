# Everything here is a plain go command; `make` only saves typing.
GO ?= go
FUZZTIME ?= 30s
HOUSEHOLDS ?= 20000

.PHONY: build test lint fmt fuzz bench demo ci pages vendor

build:
	$(GO) build -trimpath -o bin/shouwang ./cmd/shouwang

test:
	$(GO) test ./...

lint:
	$(GO) vet ./...
	$(GO) tool -modfile=tools/go.mod golangci-lint run

fmt:
	gofmt -l -w cmd internal policy

# The pages' components (*.templ) become Go; the result is committed.
pages:
	$(GO) tool -modfile=tools/go.mod templ generate -path internal/web/view

# Front-end files from npm, by pinned version and checksum; needs npm.
vendor:
	tools/vendor/run

fuzz:
	FUZZTIME=$(FUZZTIME) .ci/run fuzz

bench:
	$(GO) run ./cmd/shouwang bench --households $(HOUSEHOLDS) --division 5226

demo:
	$(GO) run ./cmd/shouwang demo

ci:
	.ci/run
