# Everything a developer does here has one name. `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
SOURCES := packages tests tools bench

# The cache of uv is often on another file system, where links only bring warnings.
export UV_LINK_MODE ?= copy
export UV_NO_PROGRESS ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.DEFAULT_GOAL := help
.SUFFIXES:
.PHONY: help setup run test check bench shape lint format conformance test-system coverage lock

help:  ## list what can be made
	@grep -hE '^[a-z-]+:.*##' Makefile | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

setup: $(STAMP)  ## make .venv with everything pinned; quick when nothing changed

# uv comes by pip alone, so a Python without the venv module (bare Debian) works too.
$(STAMP): requirements-setup.lock requirements-dev.lock $(wildcard packages/*/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tokenvault needs Python 3.11 or newer.")'
	$(PYTHON) -m pip install --quiet --upgrade --require-hashes --target $(VENV)/uv -r requirements-setup.lock
	$(VENV)/uv/bin/uv venv --quiet --allow-existing --no-config --python "$$(command -v $(PYTHON))" $(VENV)
	@ln -sf ../uv/bin/uv $(BIN)/uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation \
		$(foreach package,$(sort $(wildcard packages/*)),--editable $(package))
	@touch $@

run: setup  ## start an emulator with a saved demo card
	@$(BIN)/tokenvault emulator --seed demo

lock:  ## resolve the locks anew (needs `make setup` once)
	$(BIN)/python tools/lock.py --upgrade
