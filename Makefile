# The two commands of the README are `make ask` and `make test`; `.ci/run` calls `check` and `test`.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PLUGINS := -e plugins/math -e plugins/code -e plugins/medical
Q ?= What can you do?

# uv; where it is missing, pip puts it into the environment, and nowhere else.
UV := $(shell command -v uv 2>/dev/null || echo "$(BIN)/python -m uv")
# What is fetched must have a hash of constraints.txt; so must what builds the packages of this folder.
# With bytecode: where Python may not write it, every start would compile half a second of imports.
INSTALL = $(UV) pip install --quiet --python $(BIN)/python --compile-bytecode \
  --constraints constraints.txt --build-constraints constraints.txt
PYTEST = $(BIN)/python -m pytest -m
COMPILE = $(BIN)/python -m compileall -q sdk plugins

.PHONY: help ask test test-all faults fuzz mutants check audit bench env dev clean format site

help:
	@echo 'make ask Q="…"   answer a question; the first time it gets all that it needs'
	@echo 'make test        all tests, on an Ollama of their own (make test-all: larger matrices too)'
	@echo 'make faults      every call that leaves the process meets every fault; counted'
	@echo 'make fuzz        what strangers write, nearly right, to every reader; EACH=60: seconds for each'
	@echo 'make mutants     small mistakes in the kernel, one at a time: does a test fail? N=250 SEED=1'
	@echo 'make check       format, lint, types, layers, shape, docs, patterns, licences, pins, SBOMs'
	@echo 'make audit       known flaws of all pinned packages; asks PyPI for them'
	@echo 'make bench       the benchmarks of this machine'
	@echo 'make site        the docs as a site, in site/; a broken link fails'
	@echo 'make format      put the code in its form'
	@echo 'make clean       take the environment away'

$(BIN)/python:
	@if command -v uv >/dev/null; \
	  then uv venv --quiet --python $(PYTHON) $(VENV) && $(INSTALL) pip; \
	  else $(PYTHON) -m venv $(VENV) && $@ -m pip install --quiet --require-hashes \
	    --requirement <(sed -n '/^uv==/,/[^\\]$$/p' constraints.txt); fi

# Core and the three plugins: a first answer does not wait for gigabytes of torch.
$(VENV)/.ask: $(BIN)/python pyproject.toml plugins/*/pyproject.toml constraints.txt
	@$(INSTALL) -e . $(PLUGINS)
	@$(COMPILE)
	@touch $@

# All extras and the tools of development.
$(VENV)/.dev: $(BIN)/python pyproject.toml plugins/*/pyproject.toml constraints.txt
	@$(INSTALL) --require-hashes --requirement constraints.txt
	@$(INSTALL) --no-deps -e . $(PLUGINS)
	@$(COMPILE)
	@touch $@ $(VENV)/.ask

env: $(VENV)/.ask
dev: $(VENV)/.dev

ask: $(VENV)/.ask
	@$(PYTHON) scripts/get-ollama >/dev/null
	@$(BIN)/python scripts/get-models
	@$(BIN)/metier ask $(ARGS) -- "$$QUESTION"
# As it was typed: make would read `$5` as a variable of its own.
export QUESTION := $(value Q)

# First what can share the machine, on all cores; then what needs all of it. Interrupted is status 2.
# Each worker computes on one core, as the command line does. With ARGS, one process runs all.
test test-all: export OPENBLAS_NUM_THREADS = 1
test: $(VENV)/.dev
	@$(PYTHON) scripts/get-ollama >/dev/null
	@scripts/get-chromium
	@$(COMPILE)
ifeq ($(strip $(ARGS)),)
	@status=0; \
	  $(PYTEST) "not matrix and not alone" --numprocesses=logical --maxprocesses=4 --dist=loadfile || status=$$?; \
	  [ $$status -ne 2 ]; \
	  $(PYTEST) "not matrix and alone" && exit $$status
else
	@$(PYTEST) "not matrix" $(ARGS)
endif

test-all: $(VENV)/.dev
	@$(PYTHON) scripts/get-ollama >/dev/null
	@scripts/get-chromium
	@$(BIN)/python -m pytest -rs $(ARGS)

faults: $(VENV)/.dev
	@PYTHONPATH=tests:. $(BIN)/python -m faults

fuzz: $(VENV)/.dev
	@PYTHONPATH=plugins/math/tests:tests:. $(BIN)/python -m fuzz --seconds $(or $(EACH),10) $(ARGS)

mutants: export OPENBLAS_NUM_THREADS = 1
mutants: $(VENV)/.dev
	@PYTHONPATH=tests $(BIN)/python -m mutants --count $(or $(N),250) --seed $(or $(SEED),1)

check: $(VENV)/.dev
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/pyrefly check --summary=none
	@$(BIN)/lint-imports --no-cache >/dev/null || $(BIN)/lint-imports --no-cache
	@$(BIN)/python scripts/check-shape.py
	@$(BIN)/python scripts/check-docs.py
	@$(BIN)/python scripts/check-patterns.py
	@$(BIN)/python scripts/check-licences.py
	@$(BIN)/python scripts/api.py --check
	@$(BIN)/python scripts/pin.py --check
	@$(BIN)/python scripts/sbom.py --check
	@echo "check: all well"

# It asks PyPI's database of known flaws, which not every index has: it is no part of `check`.
audit: $(BIN)/python
	@$(INSTALL) pip-audit
	@$(BIN)/pip-audit --strict --disable-pip --require-hashes --requirement constraints.txt

format: $(VENV)/.dev
	@$(BIN)/ruff check --quiet --fix . || true
	@$(BIN)/ruff format --quiet .

site: $(VENV)/.dev
	@$(BIN)/python -m sphinx -q -W --keep-going -b html docs site

bench: $(VENV)/.dev
	@$(PYTHON) scripts/get-ollama >/dev/null
	@$(BIN)/python -m benchmarks.startup
	@$(BIN)/python -m benchmarks.overhead
	@$(BIN)/python -m benchmarks.cancel

clean:
	rm -rf $(VENV) site .pytest_cache .ruff_cache .hypothesis
