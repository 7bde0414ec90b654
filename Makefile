# Two commands do everything on a fresh machine: make run, make test.
.PHONY: help run test test-vllm check check-readme wheelhouse samples clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# WHEELS=path installs from a wheelhouse, without internet; TORCH_INDEX=url names an index of CPU builds of torch.

help:            ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

$(BIN)/.installed: pyproject.toml constraints.txt tools/install.py
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON). Debian, Ubuntu: apt-get install python3 python3-venv" >&2; exit 1; }
	$(PYTHON) tools/install.py $(VENV) $(if $(WHEELS),--wheels "$(WHEELS)") $(if $(TORCH_INDEX),--torch-index "$(TORCH_INDEX)")
	touch $@

run: $(BIN)/.installed   ## install, make a store if there is none, serve, and ingest DOCS=folder beside it (a new store without DOCS: the samples)
	$(BIN)/python -m app start $(if $(DOCS),--docs "$(DOCS)") $(if $(PORT),--port $(PORT))

test: $(BIN)/.installed  ## install and run the default tests
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

check: $(BIN)/.installed ## format, lint, types, import contracts
	$(BIN)/ruff format --check app ingest tests tools
	$(BIN)/ruff check app ingest tests tools
	$(BIN)/mypy
	$(BIN)/lint-imports

test-vllm: $(BIN)/.installed ## one streamed, cited answer by a real vLLM on the CPU, in an environment of its own
	sh tests/vllm/build_environment.sh
	$(BIN)/python -m pytest -m vllm tests/vllm

check-readme: $(BIN)/.installed ## run the README's transcripts and compare
	$(BIN)/python -m tests.readme

wheelhouse: $(BIN)/.installed ## pack all that an installation without internet needs into dist/
	$(BIN)/python tools/wheelhouse.py $(if $(TORCH_INDEX),--torch-index "$(TORCH_INDEX)")

samples: $(BIN)/.installed   ## build the sample documents anew
	$(BIN)/python tests/documents/build.py

clean:           ## remove the environment; the store in data/ stays
	rm -rf $(VENV)
