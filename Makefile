# `make help` lists what there is. Everything runs from .venv, which `make setup` makes from requirements.lock.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null && echo $$p && break; done)

READY := .venv/.ready
BIN := .venv/bin

# Compiled modules are kept, whatever the shell says: dozens of processes would compile the same libraries anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: backfill-test chaos help setup demo up down test test-pipeline test-stages test-installation test-parts test-long scale-test lint bench chromium pictures lock

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

setup: $(READY) ## the Python environment, once
$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "OrderPool needs Python 3.11 to 3.14; install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@awk '/^[^ ]/ {ours = /^uv==/} ours' requirements.lock > .venv/uv.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r .venv/uv.txt
	$(BIN)/python -m uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/python -m uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $(READY)

demo: $(READY) ## a shop, a warehouse and orders on this machine, from nothing
	$(BIN)/orderpool demo

up: $(READY) ## start everything and keep it running
	$(BIN)/orderpool up

down: $(READY) ## stop everything
	$(BIN)/orderpool down

# Sessions side by side, each with servers of its own: most of these tests wait more than they work.
test: $(READY) chromium ## the tests that take seconds
	@$(MAKE) --no-print-directory -j4 --output-sync=target test-pipeline test-stages test-installation test-parts

INSTALLATION = tests/deployments tests/web tests/docs

test-pipeline:
	$(BIN)/python -m pytest -m "not long" --durations=10 tests/pipeline

test-stages:
	$(BIN)/python -m pytest -m "not long" --durations=10 tests/tasks

test-installation:
	$(BIN)/python -m pytest -m "not long" --durations=10 $(INSTALLATION)

test-parts:
	$(BIN)/python -m pytest -m "not long" --durations=10 tests $(addprefix --ignore=,$(INSTALLATION) tests/pipeline tests/tasks)

chaos: $(READY) ## faults at random moments of a running day; CHAOS_SEED=n draws others
	$(BIN)/python -m pytest -s -q tests/chaos

test-long: $(READY) chromium ## the tests that take minutes; generated cases are new ones each time
	$(BIN)/python -m pytest -m long --durations=10 --hypothesis-profile=default

scale-test: $(READY) ## the compose file by process: several servers and workers, some of them lost
	@deployments/install_services.sh
	$(BIN)/python -m pytest -m scale -s tests/scale

backfill-test: $(READY) ## a promo day of 180,000 orders backfilled beside live ingest, killed and resumed
	BACKFILL_ORDERS=180000 $(BIN)/python -m pytest -s tests/backfill

lint: $(READY) ## style, types, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY) ## every benchmark
	@for script in benchmarks/[a-z]*.py; do echo "== $$script"; $(BIN)/python "$$script" || exit 1; done

# The tests of the screens drive a real browser; nothing else needs one.
chromium:
	@deployments/install_chromium.sh

pictures: $(READY) chromium ## the pictures of the documents anew
	SCREENSHOTS=docs/images $(BIN)/python -m pytest -q tests/pipeline/test_console_in_browser.py -k finds
	SCREENSHOTS=docs/images $(BIN)/python -m pytest -q tests/pipeline/test_runbook.py -k pictures
	SCREENSHOTS=docs/images $(BIN)/python -m pytest -q tests/tasks/paper -k "whole_wave or parcel and 100x150"
	SCREENSHOTS=docs/images $(BIN)/python -m pytest -q tests/web/handheld -k "twenty or ten_scans or wrong_item"
	SCREENSHOTS=docs/images $(BIN)/python -m pytest -q tests/web/progress/test_in_browser.py -k "its_code_show"

lock: ## requirements.lock anew from pyproject.toml
	$(BIN)/python -m uv pip compile --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
		--extra dev pyproject.toml -o requirements.lock
