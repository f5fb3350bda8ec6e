# `make demo` and `make test` do all the set-up themselves; the second time it costs nothing.
# PYTHON names another interpreter: make test PYTHON=python3.12

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: install demo test lint peers clean

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "fmn needs Python 3.11 or newer; $(PYTHON) is older or missing: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "$(PYTHON) has no venv module; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "setting up $(VENV); this takes about a minute"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: install
	@$(BIN)/fmn demo --once

test: install
	@$(BIN)/python -m pytest

lint: install
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

# Synapse, the Matrix server of the tests, wants other libraries than ours: it lives apart.
peers:
	@$(PYTHON) -m venv .peers/synapse
	@.peers/synapse/bin/python -m pip install --quiet --disable-pip-version-check matrix-synapse

clean:
	rm -rf $(VENV) .peers dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
