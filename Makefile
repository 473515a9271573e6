# Two commands do everything on a machine with Python >= 3.11 and make: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check lint format types soak faults coverage clean

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "codeclm needs Python 3.11 or newer; set PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	@touch $@

demo: $(VENV)/.installed
	$(BIN)/codeclm demo

test: $(VENV)/.installed
	$(BIN)/python -m pytest -n 2

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.installed
	$(BIN)/mypy

check: lint types test

soak: $(VENV)/.installed
	$(BIN)/python -m pytest -m soak --timeout 1800

faults: $(VENV)/.installed
	$(BIN)/python -m pytest tests/faults --faults --faults-table faults.json --timeout 3600 -p no:cacheprovider

coverage: $(VENV)/.installed
	$(BIN)/python -m pytest -n 2 --cov --cov-report term-missing:skip-covered

clean:
	rm -rf $(VENV) demo-run* .pytest_cache .mypy_cache .ruff_cache .hypothesis
