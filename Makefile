# make demo and make test need nothing before them but make, bash and Go; `make setup` installs the rest.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build
.PHONY: setup setup-test setup-bench build demo verdict test test-vm bench lint clean

GO      ?= $(shell command -v go || echo /usr/local/go/bin/go)
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

# The engine is called through cgo. The version comes from the flag alone: Go's own stamping fails
# where the tree belongs to another user, as in a shared folder of a virtual machine.
export CGO_ENABLED := 1
BUILD_FLAGS := -trimpath -buildvcs=false -ldflags '-X main.version=$(VERSION)'

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
SCRIPTS     := .ci/setup .ci/run

# Packages that compute and measure nothing: their tests may run side by side and under the race
# detector, which slows a program several times.
PURE := ./internal/units/... ./topologies/... ./scheduler/... ./results/... ./emulator/shape/... ./internal/vm/...

# As root nothing is put in front; else only the programs that need root get it, not the compiler.
ROOT     := $(if $(filter 0,$(shell id -u)),,sudo)
TEST_ENV := SPLITBED_TEST_STRICT=1 ONNXRUNTIME_LIB=$(CURDIR)/lib/libonnxruntime.so.1
EXEC     := $(if $(ROOT),-exec 'sudo env "PATH=$(PATH)" $(TEST_ENV)')

setup:
	@GO='$(GO)' .ci/setup

build:
	$(GO) build $(BUILD_FLAGS) -o bin/splitbed ./cmd/splitbed

demo: setup build
	$(ROOT) bin/splitbed run quickstart

# The data, tables and plots of docs/verdict.md. Interrupted, it goes on when the command is given again.
verdict: setup build
	$(ROOT) bin/splitbed sweep verdict
	bin/splitbed sweep --mode simulate --out sweeps/verdict-model verdict
	$(GO) run ./results/answer -emulated sweeps/verdict -predicted sweeps/verdict-model

setup-test:
	@GO='$(GO)' .ci/setup --test

# Strict: a test whose needs are not met fails instead of being skipped.
# All but the pure packages run one after the other (-p 1): their tests measure rates, quotas and
# deadlines, and two at once would measure each other. -p 1 also compiles one package at a time,
# so everything is compiled before.
test: setup-test build
	$(GO) build -buildvcs=false ./...
	$(TEST_ENV) $(GO) test -count=1 -timeout 20m -race $(EXEC) $(PURE)
	$(TEST_ENV) $(GO) test -count=1 -timeout 20m -p 1 $(EXEC) $$(comm -23 <($(GO) list ./... | sort) <($(GO) list $(PURE) | sort))

# Links, quotas and whole runs on a stock kernel with netem, in a virtual machine with virtual time. What measures
# there is the guest; so for make test these tests are among the pure ones.
test-vm: setup-test
	$(TEST_ENV) $(GO) test -count=1 -timeout 20m -v -run '^TestGuest' ./internal/vm

setup-bench:
	@GO='$(GO)' .ci/setup --bench

bench: setup-bench build
	$(TEST_ENV) $(GO) test -run '^$$' -bench . -benchtime 1x -timeout 30m -p 1 $(EXEC) ./...

lint:
	@GO='$(GO)' .ci/setup --lint
	@unformatted=$$($$($(GO) env GOROOT)/bin/gofmt -l $$(git ls-files '*.go')); \
	if [[ -n $$unformatted ]]; then printf 'gofmt would change:\n%s\n' "$$unformatted" >&2; exit 1; fi
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	shellcheck $(SCRIPTS)

# What was measured is not a product of the build: runs/ and sweeps/ stay.
clean:
	rm -rf bin lib
