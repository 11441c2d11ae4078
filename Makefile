# Everything a developer does here has one name. `make help` lists them.

PYTHON ?= python3
JOBS ?= 2
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
BENCH_STAMP := $(VENV)/.bench
MUTATION_STAMP := $(VENV)/.mutation
SYSTEM_STAMP := $(VENV)/.system
DOCS_STAMP := $(VENV)/.docs
PACKAGES := $(sort $(wildcard packages/*/pyproject.toml))
INSTALL := $(BIN)/uv pip install --quiet --python $(BIN)/python

# The tests of single layers: no servers, and no database but SQLite. `make quick` runs them, on other interpreters too.
UNIT := tests/contract/test_signatures.py tests/server/domain tests/server/keys tests/server/tsp tests/server/webhooks \
	tests/server/api tests/server/console tests/server/telemetry tests/server/test_settings.py \
	$(wildcard $(patsubst %,tests/client/test_%.py,flow options results webhooks credentials user_transports sync_async_parity))
ONLY_UNIT := -k "not postgresql" -p no:cacheprovider

# The tests with longer searches than `make test` has time for.
SOAKS := tests/properties tests/scenarios tests/contract/test_schemathesis.py tests/server/tsp/test_cryptograms.py

# Python files that differ from the branch that changes are merged into.
CHANGED = $(shell git diff --name-only --diff-filter=d $$(git merge-base HEAD main 2>/dev/null || echo HEAD) -- '*.py'; \
	git ls-files --others --exclude-standard -- '*.py')

# The cache of uv is often on another file system, where links only bring warnings.
export UV_LINK_MODE ?= copy
export UV_NO_PROGRESS ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

# Byte code is always written: without it every process of the tests compiles the tests and their imports again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: help setup run test check quick format lint coverage soak conformance proof test-interpreters test-oldest test-system ha-test timing bench mutation release-check advisories lock reference docs

help:  ## list what can be made
	@grep -hE '^[a-z-]+:.*##' Makefile | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

# Byte code is made here too: without it the first emulator starts half as fast.
setup: $(STAMP)  ## make .venv with everything pinned; takes no time when nothing changed
	@$(BIN)/python -m compileall -q packages/*/src

# uv comes by pip alone, so that a Python without the venv module (bare Debian) works too.
$(STAMP): requirements-setup.lock requirements-dev.lock $(PACKAGES)
	@$(PYTHON) -c 'import sys; sys.exit("Tokenvault needs Python 3.11 or newer." if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m pip install --quiet --upgrade --require-hashes --target $(VENV)/uv -r requirements-setup.lock
	$(VENV)/uv/bin/uv venv --quiet --allow-existing --no-config --python "$$(command -v $(PYTHON))" $(VENV)
	@ln -sf ../uv/bin/uv $(BIN)/uv
	$(INSTALL) --compile-bytecode --require-hashes -r requirements-dev.lock
	$(INSTALL) --no-deps --no-build-isolation $(patsubst %/pyproject.toml,--editable %,$(PACKAGES))
	@touch $@

run: setup  ## start an emulator with a saved demo card; ARGS are passed on
	@$(BIN)/tokenvault emulator --seed demo $(ARGS)

test: check  ## what CI checks without root: format, lint, types, import contracts, tests

check: setup lint  ## the same, by the name that reviewers use
	$(BIN)/pytest -n $(JOBS) --dist worksteal $(ARGS)

quick: setup  ## in half a minute: ruff on the changed files, and the tests of single layers
	$(if $(strip $(CHANGED)),$(BIN)/ruff check $(CHANGED) && $(BIN)/ruff format --check $(CHANGED))
	$(BIN)/pytest -n $(JOBS) --dist worksteal -q $(ONLY_UNIT) $(UNIT) $(ARGS)

format: setup  ## write the code as the formatter wants it
	$(BIN)/ruff format
	$(BIN)/ruff check --fix-only

lint: setup  ## format, ruff, types and the import contracts
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy --num-workers $(JOBS)
	$(BIN)/basedpyright --warnings
	$(BIN)/lint-imports --no-logo --cache-dir .mypy_cache/imports

coverage: setup  ## run the tests and report their coverage, by branch
	$(BIN)/pytest -n $(JOBS) --dist worksteal --cov --cov-branch --cov-report=term $(ARGS)

soak: setup  ## search for longer: many kills, long random histories, 100,000 cryptograms; takes half an hour
	TEST_SOAK=1 $(BIN)/pytest -n $(JOBS) --dist worksteal $(SOAKS) $(ARGS)

conformance: setup  ## the official SDKs, unmodified, against a server
	$(BIN)/pytest tests/conformance $(ARGS)

proof: setup  ## the official Python SDK and ours, side by side: what a server hears of each; ARGS name a defect
	@$(BIN)/python -m tests.parity.proof $(ARGS)

test-interpreters: setup  ## run the tests of single layers on every other Python that is supported and found
	$(BIN)/python -m tools.interpreters $(ONLY_UNIT) $(UNIT) $(ARGS)

test-oldest: setup  ## run the tests of single layers with the oldest dependencies that the packages allow
	$(BIN)/python -m tools.oldest $(ONLY_UNIT) $(UNIT) $(ARGS)

test-system: setup $(SYSTEM_STAMP) $(DOCS_STAMP) $(BENCH_STAMP)  ## what touches the machine: a clean clone, README's production section, PgBouncer, the pages, the benchmarks
	$(BIN)/pytest -m system -o faulthandler_timeout=600 tests/system tests/bench tests/docs $(ARGS)

$(SYSTEM_STAMP): requirements-system.lock $(STAMP)
	$(INSTALL) --require-hashes -r requirements-system.lock
	@touch $@

ha-test: setup  ## failover: three PostgreSQL nodes, a load, power cuts and cut cables; three minutes, needs Debian packages
	$(BIN)/python -m tests.ha $(ARGS)

timing: setup  ## whether the duration of rejections reveals which names exist; statistics, for a quiet machine
	$(BIN)/pytest -m timing tests/security/test_timing.py -q --no-header -p no:randomly -p no:xdist $(ARGS)

bench: setup $(BENCH_STAMP)  ## measure; one file in bench/ per question, results in bench/RESULTS.md
	@for question in $(patsubst bench/%.py,%,$(sort $(wildcard bench/[a-z]*.py))); do \
		$(BIN)/python -m bench.$$question $(ARGS) || exit 1; echo; done

$(BENCH_STAMP): requirements-bench.lock $(STAMP)
	$(INSTALL) --require-hashes -r requirements-bench.lock
	@touch $@

mutation: setup $(MUTATION_STAMP)  ## change the code bit by bit, see whether a test notices; takes half an hour
	$(BIN)/python tools/mutation.py --jobs $(JOBS) $(ARGS)

$(MUTATION_STAMP): requirements-mutation.lock $(STAMP)
	$(INSTALL) --require-hashes -r requirements-mutation.lock
	@touch $@

release-check: setup $(SYSTEM_STAMP)  ## build all distributions twice, compare and check them, run them from a clean environment
	$(BIN)/python -m tools.release_check
	$(BIN)/pytest -m system tests/system/test_wheels.py tests/system/test_release.py $(ARGS)

advisories: setup  ## look up known vulnerabilities of every locked package in the OSV database
	@$(BIN)/python -m tools.advisories $(ARGS)

lock: setup  ## resolve the locks anew, no release younger than a week
	$(BIN)/python tools/lock.py --upgrade

reference: setup  ## write the reference pages that are made from the code
	$(BIN)/python -m tools.reference
	$(BIN)/python -m tools.client_page
	$(BIN)/python -m tools.cashfree_models
	$(BIN)/python -m tools.cashfree_page
	$(BIN)/python -m tools.test_cards_page

docs: setup $(DOCS_STAMP)  ## build the documentation as a site in site/, which needs no network
	$(BIN)/python -m tools.docs_site

$(DOCS_STAMP): requirements-docs.lock $(STAMP)
	$(INSTALL) --require-hashes -r requirements-docs.lock
	@touch $@
