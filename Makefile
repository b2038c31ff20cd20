# make demo    install into .venv and show select -> train -> eval on the sample data
# make test    lint, format check, type check and tests
# make test-external  tests with the trainers, torch and its frameworks, Dask, and a server of S3, which it installs
# make fuzz    10,000 damaged files and 50 kills (minutes)
# make bench   the benchmarks (slow; real data where there is any); installs the peers that selection is compared with
# make paper   the convex experiments of the paper, with tables and figures in .paper (DATA=FOLDER; QUICK=1 for minutes)
# make paper-deep  the paper's two layers on MNIST (DATA=FOLDER; hours, QUICK=1 for three trials and 10 % alone)
# make docs  run the commands in the README and the guide again and put their output there
# make format  put the code into the form that the lint asks for
# make clean   remove what the demo, the benchmarks and the installation left behind
#
# Needs Python >= 3.10 with venv, and make; PYTHON=python3.12 picks another one.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := .demo

# Stamps: an installation is repeated only when pyproject.toml changed. The package is installed as a link to this
# folder, so changes of the code need none.
INSTALLED := $(VENV)/installed
TEST_INSTALLED := $(VENV)/installed-test
EXTERNAL_INSTALLED := $(VENV)/installed-external
BENCH_INSTALLED := $(VENV)/installed-bench
PEERS := apricot-select kmedoids submodlib-py

DATA := sample_data/binary.libsvm
TEST_DATA := sample_data/binary.test.libsvm
# With a loss and a radius the bound is on the gradient of that loss, for all models of at most that norm.
SELECT := --fraction 0.1 --loss logistic --radius 10
SOURCES := $(shell find craig_cli -name '*.py')
MODELS := $(DEMO)/full.model.json $(DEMO)/coreset.model.json $(DEMO)/random.model.json

.PHONY: demo test test-external fuzz lint format bench paper paper-deep docs clean
.DELETE_ON_ERROR:
.SUFFIXES:

demo: $(MODELS)
	@echo
	@echo "== What the coreset costs and keeps: the training data, and the gradient error of the coreset"
	@$(BIN)/craig eval $(MODELS) $(DATA) --coreset $(DEMO)/coreset.parquet
	@echo
	@echo "== The same models on test data"
	@$(BIN)/craig eval $(MODELS) $(TEST_DATA)

$(DEMO)/coreset.parquet: $(DATA) $(SOURCES) | $(INSTALLED) $(DEMO)
	$(BIN)/craig select $(DATA) $(SELECT) -o $@

$(DEMO)/random.parquet: $(DATA) $(SOURCES) | $(INSTALLED) $(DEMO)
	$(BIN)/craig select $(DATA) $(SELECT) --algorithm random -o $@

$(DEMO)/full.model.json: $(DATA) $(SOURCES) | $(INSTALLED) $(DEMO)
	$(BIN)/craig train $(DATA) -o $@

$(DEMO)/%.model.json: $(DEMO)/%.parquet $(DATA) $(SOURCES)
	$(BIN)/craig train $(DATA) --coreset $< -o $@

$(DEMO):
	@mkdir -p $@

test: $(TEST_INSTALLED) lint
	$(BIN)/python -m pytest -n 2 --ignore tests/external

test-external: $(EXTERNAL_INSTALLED)
	$(BIN)/python -m pytest tests/external tests/test_writers.py tests/test_cluster.py

fuzz: $(TEST_INSTALLED)
	CRAIG_FUZZ=10000 CRAIG_KILLS=50 $(BIN)/python -m pytest tests/test_fuzz.py tests/test_faults.py

lint: $(TEST_INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(TEST_INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(TEST_INSTALLED)
	$(BIN)/python tests/update_readme.py

bench: $(BENCH_INSTALLED)
	for name in $(basename $(notdir $(wildcard tests/benchmarks/bench_*.py))); do \
		$(BIN)/python -m tests.benchmarks.$$name || exit 1; \
	done

paper: $(TEST_INSTALLED)
	@$(MAKE) --no-print-directory -f tests/benchmarks/paper/paper.mk BIN=$(BIN)

DEEP_DATA := $(if $(filter command line,$(origin DATA)),$(DATA),$(or $(CRAIG_DATA),../shared/data))
paper-deep: $(TEST_INSTALLED)
	@$(BIN)/python -m tests.benchmarks.paper.deep $(DEEP_DATA) $(if $(QUICK),--quick)

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Error: craig needs Python 3.10 or newer")'
	$(PYTHON) -m venv $(VENV)

$(INSTALLED): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(TEST_INSTALLED): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $(INSTALLED) $@

$(EXTERNAL_INSTALLED): $(TEST_INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,external,frameworks,tables,dask]'
	@touch $@

# The peers of the extra "bench", each for itself: not all of them have wheels for every Python.
$(BENCH_INSTALLED): $(TEST_INSTALLED)
	@for peer in $(PEERS); do \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check $$peer || \
		echo "$$peer cannot be installed here; the benchmark goes without it"; \
	done
	@touch $@

clean:
	rm -rf $(VENV) $(DEMO) .bench .paper .pytest_cache .ruff_cache .mypy_cache build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
