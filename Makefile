# `make` lists the targets. Another interpreter: make venv PYTHON=python3.13 VENV=.venv-3.13
# (then give VENV to the other targets as well).

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PYTEST = $(BIN)/python -m pytest $(ARGS)
# Each test file in one of so many processes, of up to 3 GiB each; tests/conftest.py has their order.
# Three keep two cores at work, since tests wait for children and servers.
WORKERS ?= 3
PARALLEL = -n $(WORKERS) --dist loadfile --no-loadscope-reorder
export PENSTOCK_RUNNERS ?= $(CURDIR)/.runners
MNIST ?= ../shared/data/mnist
FASHION ?= ../shared/data/fashion_mnist
FROM_IDX = --set ingest.source=idx --set ingest.path=$(MNIST)

# Without .pyc files the libraries take three times as long to import.
unexport PYTHONDONTWRITEBYTECODE

COMPILE = $(BIN)/uv pip compile --no-config --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command 'make lock' $(ARGS)

.DEFAULT_GOAL := help
.PHONY: help libraries venv run test test-fast errors runners test-runners torture conditions lint format lock bench wheel clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

# Nothing is resolved again: the lock says all, so that no pip looks for what is newer today. Without
# isolation the source packages in it are built by the locked setuptools, which therefore comes first.
LOCKED = --require-hashes --no-deps --no-build-isolation

# An environment keeps `.checkout`, for whom it was made; and, each written last, so that an
# interrupted install is begun again, `.locked` and `.ready`: copies of what it was installed from.
# Contents are compared, since a fresh clone has newer files.
OWNER := $(shell cat '$(VENV)/.checkout' 2>/dev/null)

ifeq ($(or $(OWNER),$(CURDIR)),$(CURDIR))
libraries:
	@set -e; if cmp -s requirements.lock '$(VENV)/.locked'; then exit; fi; \
	base=$$($(PYTHON) -c 'import sys; (3, 11) <= sys.version_info[:2] <= (3, 13) or sys.exit(1); \
		print(sys._base_executable)') || { \
		echo "make: $(PYTHON) is not Python 3.11, 3.12 or 3.13; name one: make PYTHON=python3.12 …" >&2; \
		exit 1; }; \
	if [ -z '$(OWNER)' ] && [ -n "$$(ls -A '$(VENV)' 2>/dev/null)" ]; then \
		echo "make: $(VENV) is not empty and was not made by this Makefile, so it stays as it is;" \
			"name another folder: make VENV=…, or remove it yourself" >&2; \
		exit 1; fi; \
	mkdir -p '$(VENV)'; echo '$(CURDIR)' >'$(VENV)/.checkout'; \
	find '$(VENV)/' -mindepth 1 -maxdepth 1 ! -name .checkout -exec rm -rf {} +; \
	"$$base" -m venv '$(VENV)'; \
	if command -v uv >/dev/null; then \
		echo "Installing the locked libraries into $(VENV) with uv: 3.4 GB, a minute or two …"; \
		install="uv pip install --quiet --compile-bytecode --python $(BIN)/python"; \
	else \
		echo "Installing the locked libraries into $(VENV) with pip: 3.4 GB, some minutes …"; \
		install="$(BIN)/python -m pip install --quiet --compile --use-pep517"; \
	fi; \
	sed -n '/^setuptools==/,/# via/p' requirements.lock | $$install $(LOCKED) -r /dev/stdin; \
	$$install $(LOCKED) -r requirements.lock; \
	cp requirements.lock '$(VENV)/.locked'

venv: libraries ## set up .venv from requirements.lock
	@cat setup.py pyproject.toml | cmp -s - '$(VENV)/.ready' || { \
		$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable . && \
		cat setup.py pyproject.toml >'$(VENV)/.ready'; }
else
# Another checkout's: its libraries serve here too, but its `penstock` is that checkout's code.
export PYTHONPATH := $(CURDIR)
libraries venv:
	@cmp -s requirements.lock '$(VENV)/.locked' && [ -e '$(VENV)/.ready' ] || { \
		echo "make: $(VENV) was made for $(OWNER), and is incomplete or holds another lock;" \
			"name another folder: make VENV=…" >&2; \
		exit 1; }
	@echo "make: $(VENV) was made for $(OWNER): its libraries run the code of $(CURDIR)" >&2
endif

run: venv ## run the digits pipeline, offline; ARGS adds options
	@$(BIN)/penstock run digits $(ARGS)

test: venv ## all tests that need no server and no browser; ARGS adds pytest options
	$(PYTEST) $(PARALLEL) -m 'not torture and not runners'

test-fast: venv ## the tests that take at most seconds each
	$(PYTEST) $(PARALLEL) -m 'not slow and not torture and not runners'

# Tests that provoked an error last time run again; ARGS=--all runs every test, ARGS=tests/… some more.
errors: venv ## docs/errors.md: every error of the product, as tests provoke it
	$(BIN)/python tests/support/collect_errors.py $(ARGS)

runners: venv ## fetch Flink, Spark, job servers, Prism, Airflow, pips: 1.5 GB, into PENSTOCK_RUNNERS or .runners
	PYTHON=$(BIN)/python tests/runners/install "$$PENSTOCK_RUNNERS"

# Only files that have such tests are read.
test-runners: venv ## the tests that need servers, or programs (apt-get install chromium cron systemd)
	$(PYTEST) $(PARALLEL) -m runners \
		-o testpaths="$$(grep -rl --include='test_*.py' 'mark\.runners' tests | sort | tr '\n' ' ')"

# pytest exits with 5 where no test carries the marker.
torture: venv ## the long campaigns, each with its count; ARGS=tests/… takes one: seeded kills and mutations
	$(PYTEST) -m torture -rP --hypothesis-show-statistics || [ $$? -eq 5 ]

# Names and options stand in tests/conditions.py: ARGS="--times 2 one-core busy+shuffled -- -x".
conditions: venv ## make test under other conditions: processors, load, users, order
	$(BIN)/python tests/conditions.py $(ARGS)

lint: venv ## ruff, mypy and the layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: venv ## let ruff format, and fix what it safely can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: venv ## requirements.lock from setup.py, and those of tests/runners; ARGS=--upgrade takes the newest
	$(COMPILE) --extra dev --output-file requirements.lock setup.py
	echo apache-airflow==3.3.2 | $(COMPILE) --output-file tests/runners/airflow.lock -
	echo kubernetes-validate==1.37.0 | $(COMPILE) --output-file tests/runners/kubernetes.lock -

bench: venv runners ## the figures in benchmarks/; MNIST and FASHION name the folders of their files
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

wheel: venv ## dist/penstock-*.whl
	@rm -rf build dist # what is left of an older build would end in the wheel
	$(BIN)/python -m build --wheel --no-isolation

clean: ## remove what tools left behind; .venv and .penstock stay
	rm -rf build dist *.egg-info .*_cache
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +
