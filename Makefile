# `make` lists the targets. Another interpreter: make venv PYTHON=python3.13 VENV=.venv-3.13
# (then give VENV to the other targets as well).

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PYTEST = $(BIN)/python -m pytest $(ARGS)
# Each test file in one of so many processes, of up to 3 GiB each.
WORKERS ?= 2
PARALLEL = -n $(WORKERS) --dist loadfile
export PENSTOCK_RUNNERS ?= $(CURDIR)/.runners
MNIST ?= ../shared/data/mnist
FASHION ?= ../shared/data/fashion_mnist
FROM_IDX = --set ingest.source=idx --set ingest.path=$(MNIST)

# Without .pyc files the libraries take three times as long to import.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help venv run test test-fast runners test-runners torture lint format lock bench wheel clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

# Two stamps, each written last, so that an interrupted install is begun anew: the locked
# libraries, which take a while, and Penstock itself, which takes a second.
$(VENV)/.locked: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
		echo "make: $(PYTHON) is not Python 3.11, 3.12 or 3.13; name one: make PYTHON=python3.12 …" >&2; \
		exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)
	@if command -v uv >/dev/null; then \
		echo "Installing the locked libraries into $(VENV) with uv: 3.4 GB, a minute or two …"; \
		uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock; \
	else \
		echo "Installing the locked libraries into $(VENV) with pip: 3.4 GB, some minutes …"; \
		$(BIN)/python -m pip install --quiet --compile --require-hashes -r requirements.lock; \
	fi
	@touch $@

$(VENV)/.ready: $(VENV)/.locked setup.py pyproject.toml
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

venv: $(VENV)/.ready ## set up .venv from requirements.lock

run: $(VENV)/.ready ## run the digits pipeline, offline; ARGS adds options
	@$(BIN)/penstock run digits $(ARGS)

test: $(VENV)/.ready ## all tests that need no server and no browser; ARGS adds pytest options
	$(PYTEST) $(PARALLEL) -m 'not torture and not runners'

test-fast: $(VENV)/.ready ## the tests that take at most seconds each
	$(PYTEST) $(PARALLEL) -m 'not slow and not torture and not runners'

runners: $(VENV)/.ready ## fetch Flink, Spark, job servers, Prism, Airflow: 1.5 GB, into PENSTOCK_RUNNERS or .runners
	PYTHON=$(BIN)/python tests/runners/install "$$PENSTOCK_RUNNERS"

# tests/runners/conftest.py groups what shares a cluster. Only files that have such tests are read.
test-runners: $(VENV)/.ready ## the tests that need servers, or programs (apt-get install chromium cron systemd)
	$(PYTEST) -n $(WORKERS) --dist loadgroup -m runners \
		-o testpaths="$$(grep -rl --include='test_*.py' 'mark\.runners' tests | tr '\n' ' ')"

# pytest exits with 5 where no test carries the marker.
torture: $(VENV)/.ready ## the long campaigns: seeded kills and mutations
	$(PYTEST) -m torture || [ $$? -eq 5 ]

lint: $(VENV)/.ready ## ruff, mypy and the layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.ready ## let ruff format, and fix what it safely can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(VENV)/.ready ## requirements.lock from setup.py; ARGS=--upgrade takes the newest
	$(BIN)/uv pip compile --no-config --quiet --universal --python-version 3.11 --generate-hashes \
		--extra dev --custom-compile-command 'make lock' $(ARGS) --output-file requirements.lock setup.py

bench: $(VENV)/.ready runners ## the figures in benchmarks/; MNIST and FASHION name the folders of their files
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/pipeline_run.py digits
	$(BIN)/python benchmarks/pipeline_run.py mnist $(FROM_IDX)
	$(BIN)/python benchmarks/training_input.py share
	$(BIN)/python benchmarks/training_input.py memory
	$(BIN)/python benchmarks/tutorials.py --path $(MNIST) --fashion-path $(FASHION)
	$(BIN)/python benchmarks/evaluate.py speed --path $(MNIST)
	$(BIN)/python benchmarks/evaluate.py growth --path $(MNIST)
	$(BIN)/python benchmarks/report.py $(FROM_IDX)
	$(BIN)/python benchmarks/push.py
	$(BIN)/python benchmarks/schedule.py
	$(BIN)/python benchmarks/runners.py speed --path $(MNIST)
	$(BIN)/python benchmarks/runners.py growth
	$(BIN)/python benchmarks/runners.py orchestrators
	$(BIN)/python benchmarks/accuracy.py --path $(MNIST) --fashion-path $(FASHION)

wheel: $(VENV)/.ready ## dist/penstock-*.whl
	@rm -rf build dist # what is left of an older build would end in the wheel
	$(BIN)/python -m build --wheel --no-isolation

clean: ## remove what tools left behind; .venv and .penstock stay
	rm -rf build dist *.egg-info .*_cache
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +
