# Everything a stranger needs: `make demo`, `make test`, `make ui`. Each sets up what is missing by itself.

PORT ?= 3000
DATA ?= data/demo
PYTHON ?= python3

# uv from the PATH, else one of our own under .uv/.
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := $(UV) run --frozen

.PHONY: demo test ui lint processors clean
.DEFAULT_GOAL := demo

demo: .venv/.synced
	@$(RUN) rotators demo

test: .venv/.synced
	$(RUN) pytest -n auto --dist loadfile

# The UI and the daemon on one data root; runs made by `rotators` on that root show here, and the other way round.
ui: .venv/.synced
	@ROTATORS_DATA="$(abspath $(DATA))" PORT="$(PORT)" $(RUN) rotators ui

lint: .venv/.synced
	$(RUN) ruff check .
	$(RUN) ruff format --check .

# The numerical tests as other processors run them: in float32 and bfloat16, by other kernels.
processors: .venv/.synced
	$(RUN) python benchmarks/processors.py

clean:
	rm -rf .venv .uv data/demo

.uv/bin/uv:
	@echo "installing uv under .uv/"
	@$(PYTHON) -m venv .uv >/dev/null 2>&1 && .uv/bin/python -m pip install --quiet uv >/dev/null 2>&1 \
	  || { rm -rf .uv && $(PYTHON) -m pip install --quiet --target .uv uv 2>/dev/null; } \
	  || { echo "make: could not install uv: install it from https://docs.astral.sh/uv/ and try again" >&2; exit 2; }

.venv/.synced: $(filter .uv/bin/uv,$(UV)) pyproject.toml uv.lock
	@$(UV) sync --frozen --quiet
	@touch $@
