# Two commands do everything on a fresh machine: make run, make test.
.PHONY: help run test test-all test-vllm check bench samples clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DOCS ?= tests/documents/files
PORT ?= 8000

help:            ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

$(BIN)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else "Python 3.11 to 3.13 is needed, this is %d.%d: make PYTHON=python3.12" % v)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@

run: $(BIN)/.installed   ## install, make a store if there is none, serve, and ingest DOCS=folder beside it
	$(BIN)/python -m app start --docs "$(DOCS)" --port $(PORT)

test: $(BIN)/.installed  ## install and run the default tests
	$(BIN)/python -m pytest

check: $(BIN)/.installed ## format, lint, types, import contracts
	$(BIN)/ruff format --check app ingest tests
	$(BIN)/ruff check app ingest tests
	$(BIN)/mypy
	$(BIN)/lint-imports

test-vllm: $(BIN)/.installed ## one streamed, cited answer by a real vLLM on the CPU, in an environment of its own
	sh tests/vllm/build_environment.sh
	$(BIN)/python -m pytest -m vllm tests/vllm

samples: $(BIN)/.installed   ## build the sample documents anew
	$(BIN)/python tests/documents/build.py

clean:           ## remove the environment; the store in data/ stays
	rm -rf $(VENV)
