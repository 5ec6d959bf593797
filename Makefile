# The two that do everything: make demo, make test.
GO      ?= go
BIN     := bin/tidemark
export CGO_ENABLED = 1

.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ui build ## build everything and run the ad demo on http://127.0.0.1:8080
	$(BIN) demo

build: ## build bin/tidemark (with the page, if make ui ran before)
	$(GO) build -o $(BIN) ./cmd/tidemark

# Some 6 % faster and minutes slower to build; make profile records what it goes by.
release: ui ## build bin/tidemark as it is released: optimized by a profile of the benchmarks
	$(GO) build -trimpath -pgo=$(CURDIR)/cmd/tidemark/release.pgo -ldflags='-s -w' -o $(BIN) ./cmd/tidemark

profile: ## record the profile of the benchmarks that make release goes by
	$(GO) build -trimpath -o $(BIN) ./cmd/tidemark
	$(GO) run ./test/bench -profile cmd/tidemark/release.pgo $(BIN)

ui: ## build the page into serve/web/dist
	cd ui && npm ci --no-audit --no-fund && npm run build

test: build ## all tests that need no other system
	$(GO) vet ./...
	$(GO) test ./...
	$(MAKE) conformance

race: ## all Go tests under the race detector
	$(GO) test -race ./...

purego: ## tests of what has a path without assembler, on that path
	$(GO) test -tags purego ./connect/format ./connect/file ./connect/native

asan: ## the C code (sketches in DuckDB) with bounds and leaks checked; needs gcc or clang with libasan
	$(GO) test -asan -count=1 -run Sketch ./store/olap

conformance: build ## compare with the recorded answers of a real Flink; the count may only grow
	test/conformance/floor $(BIN)

golden: ## rewrite golden files; read the diff
	$(GO) test ./sql/... ./plan/... ./progress ./base/value ./catalog ./control/... ./cmd/tidemark ./serve/httpapi ./test/corpus -rewrite

crash: build ## kill -9 the real binary N times under load and count every event (N=20); stall a source
	$(GO) run ./test/crash -n $(or $(N),20) $(BIN)
	$(GO) run ./test/crash -stall $(BIN)

overload: build ## three times the events that can be kept up with, and consumers that do not read (FOR=30s; from 2 minutes on the database has all its 2 GB: MEMORY=3072)
	$(GO) run ./test/overload -for $(or $(FOR),30s) -memory $(or $(MEMORY),1536) $(BIN)

bench: build ## benchmarks, full size, compared with those kept last (N=5 runs; KEEP=1 keeps them)
	$(GO) run ./test/bench -n $(or $(N),5) $(if $(KEEP),-keep) $(BIN)
	$(BIN) bench freshness

bench-flink: build ## the same queries here and on a real Flink, which it brings up; writes docs/benchmarks.md
	$(GO) run ./test/benchflink -out docs/benchmarks.md $(BIN)

lint: ## vet, formatting and linters
	$(GO) tool -modfile=tools/go.mod golangci-lint run
	cd ui && npm run lint

browser: ## the page in a real browser (needs Chromium)
	cd test/browser && npm ci --no-audit --no-fund && TIDEMARK_BIN=$(CURDIR)/$(BIN) npm test

jdbc: build ## tables of a real MariaDB and PostgreSQL, which it starts
	TIDEMARK_BIN=$(CURDIR)/$(BIN) $(GO) test -count=1 ./test/jdbc

kafkadoor: build ## the Kafka door, killed (N=10 times) and with kcat, Java and Flink
	TIDEMARK_BIN=$(CURDIR)/$(BIN) KILLS=$(or $(N),10) $(GO) test -count=1 -timeout 15m ./test/kafkadoor

failover: build ## one of two sites dies for OUTAGE=60s under load; SITES=fake, kafka (real brokers) or tidemark
	TIDEMARK_BIN=$(CURDIR)/$(BIN) OUTAGE=$(or $(OUTAGE),60s) RATE=$(or $(RATE),2000) SITES=$(or $(SITES),fake) $(GO) test -count=1 -v -timeout 30m ./test/failover

# What follows needs a Flink and a Kafka that test/cluster/fetch.sh has fetched.
# CLUSTER_ABSENT says why there is none.
kafka: ## sources and sinks on a real Kafka broker, which it brings up
ifdef CLUSTER_ABSENT
	@echo "SKIPPED: sources and sinks on a real Kafka broker: $(CLUSTER_ABSENT)"
else
	test/kafka/run $(GO) test -count=1 ./connect/kafka ./test/kafka
endif

crash-kafka: build ## kill -9 Tidemark and a real broker N times, let instances sleep (N=20)
ifdef CLUSTER_ABSENT
	@echo "SKIPPED: kills beside a real Kafka broker: $(CLUSTER_ABSENT)"
else
	$(GO) run ./test/crashkafka -n $(or $(N),20) $(BIN)
endif

flinkdiff: build ## random statements here and on a real Flink, which it brings up (N=300 SEED=…)
	test/conformance/run --cases test/flinkdiff/found $(BIN)
ifdef CLUSTER_ABSENT
	@echo "SKIPPED: random statements on a real Flink: $(CLUSTER_ABSENT)"
else
	$(GO) run ./test/flinkdiff -n $(or $(N),300) $(if $(SEED),-seed $(SEED)) $(BIN)
endif

test-peers: build browser crash overload jdbc kafkadoor kafka crash-kafka flinkdiff ## tests with other programs: browser, databases, Kafka, Flink, and kills

.PHONY: help demo build release profile ui test race purego conformance golden crash overload bench bench-flink lint browser jdbc kafkadoor kafka crash-kafka flinkdiff test-peers
