# make run     set everything up and start the whole system on bundled sample sources (Ctrl-C stops it)
# make test    set everything up and run every test
# make bench   speed, as ratios to a plain row-at-a-time oracle in the same run
# make lint    ruff, mypy, import rules, spelling
# make clean   remove the virtual environment and local state

VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do command -v $$p && break; done)
# Two more than there are cores: many tests wait for processes that they have started.
JOBS ?= $(shell echo $$(( $$(nproc 2>/dev/null || echo 2) + 2 )))

# Compiled modules are kept, whatever the surroundings say: hundreds of processes are started.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test bench lint clean setup
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

setup: $(READY)

# Written last, so that an interrupted installation is taken up again.
$(READY): pyproject.toml setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=..." >&2; exit 1; }
	@echo "setting up $(VENV) (once; two minutes on a slow line)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --upgrade pip
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[dev]'
	@touch $@

run: $(READY)
	@exec $(BIN)/oa up

test: $(READY)
	@$(BIN)/python -m pytest --numprocesses $(JOBS) $(ARGS)

bench: $(READY)
	@$(BIN)/python -m benchmarks $(ARGS)

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/codespell oa_pipeline oa_pipeline_tests benchmarks deploy docs README.md CHANGELOG.md SECURITY.md

clean:
	rm -rf $(VENV) .oa build dist *.egg-info
