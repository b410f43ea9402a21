# Two commands are enough: `make up` runs the shop, `make test` proves it. `make help` lists the rest.
# Needs Python 3.11+; everything else is fetched into .uv/ and .venv/.

export NO_MKDOCS_2_WARNING := 1
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help up dev docs clean check fmt test test-full test-chaos test-cassandra test-nodes test-gateway test-disk test-telemetry \
	test-compose full chaos telemetry bench bench-soak bench-gateway bench-shards bench-million load

BIN := .venv/bin
SITE := launcher/store_cli/site/index.html
PACKAGES := kit catalog cart order user cli
TESTS := $(wildcard libs/*/tests services/*/tests launcher/tests)
ON_NODE = $(if $(filter cassandra,$(DB)),$(BIN)/python -m tests.support.with_cassandra --)
NO_CURL = $(if $(shell command -v curl 2>/dev/null),, and not curl)
ARGS ?=

help: ## list these commands
	@awk -F ':.*## ' '/^#@ / { printf "\n%s\n", substr($$0, 4) } /^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

#@ Run
up: .venv/.up $(SITE) ## run the whole shop in one process (ARGS="--port 9080"; DB=cassandra: on a real node)
	@$(if $(filter cassandra,$(DB)),scripts/up_on_cassandra.sh,$(BIN)/store up) $(ARGS)

dev: .venv/.dev $(SITE) ## run the shop and start it again whenever the code changes
	@$(BIN)/watchmedo auto-restart --recursive --patterns '**/*.py;**/*.sql' --signal SIGTERM --kill-after 15 \
		--directory libs --directory services --directory launcher -- $(BIN)/store up $(ARGS)

docs: .venv/.up ## build the documentation site, served at /docs/ by the gateway
	@$(BIN)/mkdocs build --strict

clean: ## delete what was built or installed here; the shop's data in .store/ stays
	rm -rf .venv .uv launcher/store_cli/site build dist .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis

#@ Before a commit
check: .venv/.dev $(SITE) ## format, lint, types, imports, fast tests: in about a minute
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy $(PACKAGES:%=--package store_%)
	@$(BIN)/mypy conftest.py infra perf scripts tests $(TESTS)
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/pytest --numprocesses 3 --quiet -m "not slow" $(TESTS) tests/architecture

fmt: .venv/.dev ## format the code and fix what the linter can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

#@ Test
test: .venv/.dev $(SITE) ## every test that needs no root, Docker, JVM or nginx, except the crash tests; measures coverage
	@$(if $(NO_CURL),echo "There is no curl: the commands of documents and scripts are not tried.")
	@$(BIN)/pytest --numprocesses 2 --dist worksteal -m "not chaos and not cassandra and not nodes and not gateway and not telemetry and not disk$(NO_CURL)" --cov --cov-report term $(ARGS)
	@$(if $(ARGS),,echo "Of the launcher's branches this part was run, in %:"; $(BIN)/coverage report --include 'launcher/*' --format total)

test-full: .venv/.dev ## races, the whole ledger and bad input, more often than make test tries them; takes minutes
	@STORE_TEST=full STORE_TEST_CONTRACT=full $(BIN)/pytest tests/e2e/test_races.py tests/e2e/test_ledger_replay.py \
		tests/contract/test_schemathesis.py tests/contract/test_naughty_strings.py $(ARGS)

test-chaos: .venv/.dev ## kill the shop at every boundary of an order and at random moments (DB=cassandra: on a real node)
	@$(ON_NODE) $(BIN)/pytest --numprocesses 2 --dist worksteal -rP tests/chaos $(ARGS)

test-cassandra: .venv/.dev $(SITE) ## the store suites, the services and the shop on a real Cassandra; needs Java 17 and Maven
	@$(BIN)/python -m tests.support.with_cassandra $(CASSANDRA) -- \
		$(BIN)/pytest --numprocesses 2 --dist loadfile -m "not chaos and not nodes" \
		$(wildcard services/*/tests) tests/cassandra tests/e2e \
		tests/architecture/test_tutorial.py::test_the_tutorial_works_on_cassandra $(ARGS)

test-nodes: .venv/.dev ## kill and pause one and two of three Cassandra nodes under load, fill queues; needs Java 17 and Maven
	@$(BIN)/pytest -m nodes tests/cassandra $(ARGS)

test-gateway: .venv/.dev $(SITE) ## nginx as configured, in front of the real services; needs nginx
	@$(BIN)/pytest -m gateway tests/gateway tests/wire $(ARGS)

test-disk: .venv/.dev $(SITE) ## full disks and missing rights under a working shop, and every command; needs root
	@$(BIN)/pytest -m disk tests/disk $(ARGS)

test-telemetry: .venv/.dev ## the monitoring on real Prometheus, Alertmanager, nginx and Cassandra; says what is missing
	@$(BIN)/pytest tests/telemetry $(ARGS)

test-compose: .venv/.dev ## all of docker-compose.yml on a real engine: brought up, tried, taken down; needs root and Debian
	@tests/compose/prove.sh $(ARGS)

full chaos telemetry: %: test-% # the names that these three had first

#@ Measure
bench: .venv/.up $(SITE) ## speed: reads, orders' whole lives, memory (BASE=<commit>: compare with it; DB=cassandra: on a real node)
	@$(BIN)/python -m perf.bench $(if $(BASE),--base $(BASE)) $(if $(DB),--database $(DB)) $(ARGS)

bench-soak: .venv/.up $(SITE) ## half of the speed for half an hour: errors, memory, waits, the books (DB=cassandra: on a real node)
	@$(BIN)/python -m perf.bench.soak $(if $(DB),--database $(DB)) $(ARGS)

bench-gateway: .venv/.dev $(SITE) ## nginx as configured: ratios to a static file of 1 KB; needs nginx
	@$(BIN)/python -m perf.bench.gateway $(ARGS)

bench-shards: .venv/.dev ## numbers of catalogue shards on one Cassandra node; needs Java 17 and Maven
	@$(BIN)/python -m tests.support.with_cassandra -- $(BIN)/python -m perf.bench.shards $(ARGS)

bench-million: .venv/.dev ## a million products on one Cassandra node: load them, build the lists, search (ARGS="--products N")
	@$(BIN)/python -m perf.bench.million $(ARGS)

load: .venv/.load ## load a running shop as people do, and judge it (ARGS="--host http://localhost --users 50 --shape ramp")
	@$(BIN)/locust -f perf/load/locustfile.py --headless --only-summary --host http://localhost:8080 \
		--users 20 --spawn-rate 5 --run-time 60s $(ARGS)

# What a sync depends on. Code does not count: the packages are installed in place.
LOCKED := uv.lock pyproject.toml $(wildcard libs/*/pyproject.toml services/*/pyproject.toml launcher/pyproject.toml)

# A checkout that was renamed, moved or copied: programs in .venv name the old place, and so would whatever they start.
ifneq ($(shell [ ! -f .venv/bin/activate ] || grep -qF "$$(pwd -P)/.venv" .venv/bin/activate || echo moved),)
.PHONY: moved
moved:
	@echo "This checkout was moved: making .venv again"
	@rm -rf .venv
.venv/.up .venv/.load .venv/.dev: moved
endif

.venv/.up: $(LOCKED) scripts/bootstrap.sh
	@echo "Setting up .venv (once; up to a minute)"
	@scripts/bootstrap.sh --quiet --inexact --no-dev --group docs --all-packages --compile-bytecode
	@touch $@

.venv/.load: $(LOCKED) scripts/bootstrap.sh
	@echo "Setting up .venv with Locust (once; some seconds)"
	@scripts/bootstrap.sh --quiet --inexact --only-group load
	@touch $@

.venv/.dev: $(LOCKED) scripts/bootstrap.sh
	@echo "Setting up .venv with the development tools (once; up to a minute)"
	@scripts/bootstrap.sh --quiet --all-groups --all-packages --compile-bytecode
	@touch .venv/.up .venv/.load $@

$(SITE): mkdocs.yml $(shell find docs -type f) | .venv/.up
	@$(BIN)/mkdocs build --strict --quiet
