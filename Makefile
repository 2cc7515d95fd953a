# Each target does all its own set-up, in .venv; nothing else is needed than Python 3.11 or later with venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := pip --disable-pip-version-check install --quiet --constraint constraints.txt
PIP := $(BIN)/python -m $(PIP_INSTALL)
PARALLEL := --numprocesses auto --dist worksteal
PYTEST := $(BIN)/pytest $(PARALLEL)
UNIT := --ignore tests/faults --ignore tests/docs --ignore tests/compat -m "not process"

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test unit lowest lint format docs check bench clean

help: # List the targets.
	@awk -F ':.*# ' '/^[a-z]+:.*# / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/demo # Show the package at work, against a server on this machine.
	@$(BIN)/openrouter-credits demo

test: $(VENV)/tests # Run every test, and demand that all branches are covered.
	$(PYTEST) --cov

unit: $(VENV)/tests # Run the unit tests alone: no faults, pages, other clients or processes.
	$(PYTEST) $(UNIT)

lowest: $(VENV)-lowest/ready # Run the unit tests with the lowest versions of what the package needs.
	$(VENV)-lowest/bin/pytest $(PARALLEL) $(UNIT)

lint: $(VENV)/lint # Check format, style and types.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/basedpyright

format: $(VENV)/lint # Format the code, and mend what can be mended.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/docs # Build the documentation; a warning is an error.
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet --builder html docs docs/_build/html
	@echo "docs/_build/html/index.html"

check: test lowest lint docs # Pass all gates, as before a change lands.

bench: $(VENV)-bench/ready # Measure, and write docs/benchmarks.md; leave the machine alone meanwhile.
	$(VENV)-bench/bin/python -m tests.benchmarks --output docs/benchmarks.md

clean: # Remove whatever the other targets made.
	rm -rf $(VENV) $(VENV)-lowest $(VENV)-bench build dist docs/_build .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis

# pip 23 (new venvs of Python 3.11) knows no --group; the pinned one does.
$(VENV)/pip: constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) pip
	@touch $@

$(VENV)/demo: $(VENV)/pip pyproject.toml
	@echo "Setting up $(VENV) ..."
	@$(PIP) --editable ".[cli]"
	@touch $@

$(VENV)/tests: $(VENV)/demo
	@echo "Installing what the tests need ..."
	@$(PIP) --group tests --group compat --group examples --group reporters
	@touch $@

$(VENV)/lint: $(VENV)/tests
	@echo "Installing linters and type checkers ..."
	@$(PIP) --group lint
	@touch $@

$(VENV)/docs: $(VENV)/demo
	@echo "Installing what the documentation needs ..."
	@$(PIP) --group docs
	@touch $@

# the tools as everywhere, and then, of what the package needs, the lowest versions
$(VENV)-lowest/ready: constraints.txt constraints-lowest.txt pyproject.toml
	@test -x $(VENV)-lowest/bin/python || $(PYTHON) -m venv $(VENV)-lowest
	@echo "Installing the lowest versions ..."
	@$(VENV)-lowest/bin/python -m $(PIP_INSTALL) pip
	@$(VENV)-lowest/bin/python -m $(PIP_INSTALL) --group tests --editable ".[cli]"
	@$(VENV)-lowest/bin/python -m pip install --quiet --requirement constraints-lowest.txt
	@touch $@

# the peers, away from what the tests see
$(VENV)-bench/ready: constraints.txt pyproject.toml
	@test -x $(VENV)-bench/bin/python || $(PYTHON) -m venv $(VENV)-bench
	@$(VENV)-bench/bin/python -m $(PIP_INSTALL) pip
	@$(VENV)-bench/bin/python -m $(PIP_INSTALL) --group bench --editable ".[cli]"
	@touch $@
