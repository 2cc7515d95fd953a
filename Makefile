# Each target does all its own set-up, in .venv; nothing else is needed than Python 3.11 or later with venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := pip --disable-pip-version-check install --quiet --constraint constraints.txt
PIP := $(BIN)/python -m $(PIP_INSTALL)

.PHONY: demo test lint docs bench clean

demo: $(VENV)/demo
	@$(BIN)/openrouter-credits demo

test: $(VENV)/tests
	$(BIN)/pytest --numprocesses auto --dist worksteal --cov

lint: $(VENV)/lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/basedpyright

docs: $(VENV)/docs
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet --builder html docs docs/_build/html
	@echo "docs/_build/html/index.html"

# writes docs/benchmarks.md; leave the machine alone meanwhile
bench: $(VENV)-bench/ready
	$(VENV)-bench/bin/python -m tests.benchmarks --output docs/benchmarks.md

clean:
	rm -rf $(VENV) $(VENV)-bench build dist docs/_build .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis

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
	@$(PIP) --group tests --group compat --group examples
	@touch $@

$(VENV)/lint: $(VENV)/tests
	@$(PIP) --group lint
	@touch $@

$(VENV)/docs: $(VENV)/demo
	@$(PIP) --group docs
	@touch $@

# the peers, away from what the tests see
$(VENV)-bench/ready: constraints.txt pyproject.toml
	@test -x $(VENV)-bench/bin/python || $(PYTHON) -m venv $(VENV)-bench
	@$(VENV)-bench/bin/python -m $(PIP_INSTALL) pip
	@$(VENV)-bench/bin/python -m $(PIP_INSTALL) --group bench --editable ".[cli]"
	@touch $@
