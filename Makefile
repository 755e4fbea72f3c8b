# Everything a newcomer needs: `make demo`, `make test`, `make ui`; `make help` lists all targets. Each sets up what is missing.

PORT ?= 3000
DATA ?= data/demo
PYTHON ?= python3

# uv from the PATH, else our own copy under .uv/.
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := $(UV) run --no-sync
# The tests start hundreds of processes, which share the compiled modules.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo docs check fast test fuzz chaos concurrency coverage lint types audit licences processors dist bench ui clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/.ready ## synthetic galaxies from catalogue files to the report, in data/demo
	@$(RUN) rotators demo

ui: .venv/.ready ## the Dagster UI and daemon on a data root: make ui DATA=data PORT=3000
	@ROTATORS_DATA="$(abspath $(DATA))" PORT="$(PORT)" $(RUN) rotators ui

docs: .venv/.synced ## the documentation site, in docs/_build/html; it runs the tutorials
	$(RUN) sphinx-build --builder html --fresh-env --fail-on-warning --keep-going docs docs/_build/html

check: .venv/.synced ## lint and the fast tests, side by side
	@$(MAKE) --no-print-directory --jobs 2 lint fast

fast: .venv/.synced ## the fast tests
	$(RUN) pytest -n auto --dist worksteal -m "not chain and not browser and not slow"

test: .venv/.synced ## every test
	$(RUN) pytest -n auto --dist loadfile --no-loadscope-reorder

fuzz: .venv/.synced ## 10 000 damaged and hostile input files
	ROTATORS_FUZZ=10000 $(RUN) pytest rotator_assets_tests/surveys/test_fuzz.py --timeout 3600

chaos: .venv/.synced ## kill commands at named points and random moments, and give them again: make chaos CHAOS="--part 1/4"
	$(RUN) python -m rotator_assets_tests.chaos $(CHAOS)

coverage: .venv/.synced ## every test, and the fraction of the package that they run
	$(RUN) pytest -n auto --dist loadfile --no-loadscope-reorder --cov

lint: .venv/.synced ## ruff, the import contracts, the dependencies and pyright
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) lint-imports --no-logo
	$(RUN) deptry rotator_assets
	$(RUN) pyright

types: .venv/.synced ## pyright
	$(RUN) pyright

# Fails where the advisories cannot be had, because nothing is known then. Exceptions are given as --ignore-vuln ID, with
# the reason in docs/security.md.
audit: .venv/.synced ## known vulnerabilities of the locked dependencies, from pypi.org
	@$(UV) export --frozen --quiet --no-dev --no-emit-project --output-file .venv/locked.txt
	$(RUN) pip-audit --strict --disable-pip --progress-spinner off --requirement .venv/locked.txt

concurrency: .venv/.synced ## five minutes of runs, backfills, predictions and queries at a time, on one data root
	$(RUN) python -m rotator_assets_tests.concurrency

licences: .venv/.synced ## write docs/licences.md, the licences of the locked dependencies
	$(RUN) python -m rotator_assets_tests.licences

processors: .venv/.synced ## the numerical tests in float32 and bfloat16, with other kernels
	$(RUN) python benchmarks/processors.py

dist: .venv/.synced ## the packages of a release, in dist/, with what their metadata say checked
	rm -rf dist
	$(UV) build --quiet
	$(RUN) twine check --strict dist/*

bench: .venv/.synced ## speed and memory next to plain scripts that do the same work: make bench STAGES="ingest training"
	$(RUN) python -m benchmarks $(STAGES)

clean: ## remove the environment, the demo and the built site
	rm -rf .venv .uv data/demo docs/_build

.uv/bin/uv:
	@echo "installing uv under .uv/"
	@$(PYTHON) -m venv .uv >/dev/null 2>&1 && .uv/bin/python -m pip install --quiet uv >/dev/null 2>&1 \
	  || { rm -rf .uv && $(PYTHON) -m pip install --quiet --target .uv uv 2>/dev/null; } \
	  || { echo "make: could not install uv: install it from https://docs.astral.sh/uv/ and try again" >&2; exit 2; }

# What the program needs, compiled when it is imported; .synced adds what developers need, and compiles all of it, which takes
# half a minute: hundreds of test processes would do so at once.
.venv/.ready: $(filter .uv/bin/uv,$(UV)) pyproject.toml uv.lock
	@$(UV) sync --frozen --quiet --inexact --no-default-groups
	@touch $@

.venv/.synced: $(filter .uv/bin/uv,$(UV)) pyproject.toml uv.lock
	@$(UV) sync --frozen --quiet --compile-bytecode
	@touch .venv/.ready $@
