# Everything here is a plain go command; `make` only saves typing.
GO ?= go
FUZZTIME ?= 30s
HOUSEHOLDS ?= 20000

.PHONY: build test lint fmt fuzz bench demo ci

build:
	$(GO) build -trimpath -o bin/shouwang ./cmd/shouwang

test:
	$(GO) test ./...

lint:
	$(GO) vet ./...
	$(GO) tool -modfile=tools/go.mod golangci-lint run

fmt:
	gofmt -l -w cmd internal policy

fuzz:
	FUZZTIME=$(FUZZTIME) .ci/run fuzz

bench:
	$(GO) run ./cmd/shouwang bench --households $(HOUSEHOLDS) --division 5226

demo:
	$(GO) run ./cmd/shouwang demo

ci:
	.ci/run
