# `make demo` and `make test` do all the set-up themselves; the second time it costs nothing.
# PYTHON names another interpreter: make test PYTHON=python3.12

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: install demo test chaos chaos-short lint peers clean

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

# The proof that nothing is lost while everything is killed and cut off; tests/chaos says how.
# SEED=N draws the same again; SERVER=redis-server is another queue server than the wheel's.
chaos chaos-short: install
	@$(BIN)/python -m tests.chaos $(if $(filter chaos,$@),long,short) --report $@.json \
	  $(if $(SEED),--seed $(SEED)) $(if $(SERVER),--server $(SERVER))

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
