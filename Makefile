# make demo   the whole path on rendered pictures, nothing to download (about 5 minutes)
# make test   the tests
# make paper-smoke   every experiment at its smallest (about 2 minutes)
# make docs   the site of the documents: build/site/index.html
# Needs Python >= 3.11 and make. TORCH chooses the build of torch, e.g. make demo TORCH=torch==2.13.0

PYTHON ?= python3
TORCH ?= torch==2.13.0
VENV ?= .venv
SEED ?= 0

ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo docs paper-smoke test test-slow test-gpu lint clean

demo: $(VENV)/.demo
	$(BIN)/alexnet demo --seed $(SEED)

# A file of tests a worker, so that what its tests share is made once.
test: $(VENV)/.test
	$(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile

test-slow: $(VENV)/.test
	$(BIN)/python -m pytest -m slow

test-gpu: $(VENV)/.test
	$(BIN)/python -m pytest -m gpu

# Every experiment on rendered pictures, too small to say anything: that all of it runs (about two minutes).
paper-smoke: $(VENV)/.test
	$(BIN)/alexnet experiment run all --budget smoke --results build/paper-smoke --scratch build/paper-smoke-runs
	$(BIN)/alexnet report --budget smoke --results build/paper-smoke --output build/paper-smoke-report

docs: $(VENV)/.test
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs build/site
	@echo "build/site/index.html"

lint: $(VENV)/.test
	$(BIN)/ruff check src tests docs setup.py
	$(BIN)/ruff format --check src tests docs setup.py
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) build .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# torch first and by itself: what follows finds it and replaces nothing.
$(VENV)/.torch:
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade "pip>=25.1"
	$(PIP) "$(TORCH)"
	@touch $@

$(VENV)/.demo: $(VENV)/.torch pyproject.toml
	$(PIP) --editable ".[report]"
	@touch $@

$(VENV)/.test: $(VENV)/.torch pyproject.toml
	$(PIP) --editable ".[report,tensorboard,parquet,ilsvrc,baselines,export,serve,hub,index]" --group test --group docs
	@touch $@
