# `make run` builds everything and starts the server; `make test` runs every check. Both install what they need.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
DATA_DIR ?= data
web := ui/web
web_sources := $(shell find $(web) -path $(web)/node_modules -prune -o -type f -not -path '*/test-results/*' -print)

.PHONY: help run test ui dist bench bench-peers bench-search bench-sampling bench-layout chaos format lint versions rust-test web-check browser-test

help: ## Show this list.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

run: ui ## Build the pages and the server, start it on ./data and print where it listens.
	$(CARGO) run --bin clew -- serve --data-dir $(DATA_DIR)

test: lint rust-test web-check browser-test ## Run all checks: format, lints, tests in Rust and TypeScript, a browser.
	@echo "all checks passed"

ui: ui/dist/index.html ## Build the pages that the server embeds.

dist: ui ## Build the binary as it is published: target/dist/clew. Takes half an hour to an hour on two cores.
	$(CARGO) build --profile dist --bin clew

bench: ui ## Measure ingest, disk, growth, start-up and look-ups on the corpora; writes docs/benchmarks.md.
	scripts/bench $(ARGUMENTS)

bench-peers: ui ## Measure Clew beside other OTLP backends; writes docs/benchmarks-peers.md.
	scripts/bench-peers $(ARGUMENTS)

bench-search: ui ## Measure search and SQL beside DuckDB and ClickHouse; writes docs/benchmarks-search.md.
	scripts/bench-search $(ARGUMENTS)

bench-sampling: ui ## Measure what tail sampling costs; writes docs/benchmarks-sampling.md.
	scripts/bench-sampling $(ARGUMENTS)

bench-layout: ## Compare ways to lay a segment out; writes docs/segment-layout.md.
	scripts/bench-layout $(ARGUMENTS)

chaos: ui ## Kill, cut off, fill, starve and flood a server, as root; writes docs/reliability.md.
	scripts/chaos $(ARGUMENTS)

format: ## Format the sources.
	$(CARGO) fmt --all
	cd $(web) && npm run format

lint: ui versions
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --lib

versions:
	scripts/check-versions

rust-test: ui
	scripts/need rust-test
	$(CARGO) test --workspace

web-check: $(web)/node_modules/.installed
	cd $(web) && npm run check

browser-test: ui
	scripts/need browser
	scripts/browser-test

$(web)/node_modules/.installed: $(web)/package-lock.json
	scripts/need run
	cd $(web) && npm ci --no-audit --no-fund
	touch $@

ui/dist/index.html: $(web)/node_modules/.installed $(web_sources)
	cd $(web) && npm run build
