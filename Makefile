# `make` lists the targets. Another interpreter: make venv PYTHON=python3.13 VENV=.venv-3.13
# (then give VENV to the other targets as well).

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PYTEST = $(BIN)/python -m pytest $(ARGS)
# Test files are spread over this many processes, of up to 3 GiB each; tests/conftest.py orders them.
# Three keep two cores busy, since tests wait for child processes and servers.
WORKERS ?= 3
PARALLEL = -n $(WORKERS) --dist loadfile --no-loadscope-reorder
export PENSTOCK_RUNNERS ?= $(CURDIR)/.runners
MNIST ?= ../shared/data/mnist
FASHION ?= ../shared/data/fashion_mnist
FROM_IDX = --set ingest.source=idx --set ingest.path=$(MNIST)

# Without .pyc files importing the libraries takes three times as long.
unexport PYTHONDONTWRITEBYTECODE

COMPILE = $(BIN)/uv pip compile --no-config --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command 'make lock' $(ARGS)

.DEFAULT_GOAL := help
.PHONY: help libraries venv run test test-fast errors runners test-runners torture conditions lint format lock docs bench wheel clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

# The lock names every version, so that pip resolves nothing and takes nothing newer. Without
# isolation its source packages are built by the locked setuptools, which is installed first.
LOCKED = --require-hashes --no-deps --no-build-isolation

# An environment holds `.checkout`, the checkout that it was made for, and `.locked` and `.ready`,
# copies of the files that it was installed from. These two are written last, so that an interrupted
# install is started again. Contents are compared, since a fresh clone has newer files.
OWNER := $(shell cat '$(VENV)/.checkout' 2>/dev/null)

ifeq ($(or $(OWNER),$(CURDIR)),$(CURDIR))
libraries:
	@set -e; if cmp -s requirements.lock '$(VENV)/.locked'; then exit; fi; \
	base=$$($(PYTHON) -c 'import sys; (3, 11) <= sys.version_info[:2] <= (3, 13) or sys.exit(1); \
		print(sys._base_executable)') || { \
		echo "make: $(PYTHON) is not Python 3.11, 3.12 or 3.13; choose one: make PYTHON=python3.12 …" >&2; \
		exit 1; }; \
	if [ -z '$(OWNER)' ] && [ -n "$$(ls -A '$(VENV)' 2>/dev/null)" ]; then \
		echo "make: $(VENV) is not empty and was not made by this Makefile, so it is left unchanged;" \
			"use another folder: make VENV=…, or remove it yourself" >&2; \
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
# Made for another checkout: its libraries are used here too, but its `penstock` is other code.
export PYTHONPATH := $(CURDIR)
libraries venv:
	@cmp -s requirements.lock '$(VENV)/.locked' && [ -e '$(VENV)/.ready' ] || { \
		echo "make: $(VENV) was made for $(OWNER), and is incomplete or holds another lock;" \
			"use another folder: make VENV=…" >&2; \
		exit 1; }
	@echo "make: $(VENV) was made for $(OWNER): its libraries run the code of $(CURDIR)" >&2
endif

run: venv ## run the digits pipeline, offline; ARGS adds options
	@$(BIN)/penstock run digits $(ARGS)

test: venv ## run all tests that need no server and no browser; ARGS adds pytest options
	$(PYTEST) $(PARALLEL) -m 'not torture and not runners'

test-fast: venv ## run the tests that take a few seconds each at most
	$(PYTEST) $(PARALLEL) -m 'not slow and not torture and not runners'

# Tests that provoked an error last time run again; ARGS=--all runs every test, ARGS=tests/… some more.
errors: venv ## write docs/errors.md: every error of the product, as tests provoke it
	$(BIN)/python tests/support/collect_errors.py $(ARGS)

runners: venv ## download Flink, Spark, job servers, Prism, Airflow, datasets, pips: 1.9 GB, into PENSTOCK_RUNNERS or .runners
	PYTHON=$(BIN)/python tests/runners/install "$$PENSTOCK_RUNNERS"

# Only files that have such tests are read.
test-runners: venv ## run the tests that need servers or programs (apt-get install chromium cron systemd)
	$(PYTEST) $(PARALLEL) -m runners \
		-o testpaths="$$(grep -rl --include='test_*.py' 'mark\.runners' tests | sort | tr '\n' ' ')"

# pytest exits with 5 where no test carries the marker.
torture: venv ## run the long campaigns of seeded kills and mutations; ARGS=tests/… selects one
	$(PYTEST) -m torture -rP --hypothesis-show-statistics || [ $$? -eq 5 ]

# Names and options stand in tests/conditions.py: ARGS="--times 2 one-core busy+shuffled -- -x".
conditions: venv ## run make test under other conditions: processors, load, users, order
	$(BIN)/python tests/conditions.py $(ARGS)

lint: venv ## run ruff, mypy and import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: venv ## format with ruff, and apply its safe fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: venv ## write requirements.lock from setup.py, and the locks of tests/runners; ARGS=--upgrade
	$(COMPILE) --extra dev --output-file requirements.lock setup.py
	echo apache-airflow==3.3.2 | $(COMPILE) --output-file tests/runners/airflow.lock -
	echo 'datasets[vision]==5.2.0' | $(COMPILE) --output-file tests/runners/datasets.lock -
	echo kubernetes-validate==1.37.0 | $(COMPILE) --output-file tests/runners/kubernetes.lock -

docs: venv ## write the references of commands and settings
	$(BIN)/python tests/support/reference.py

bench: venv runners ## run the benchmarks; MNIST and FASHION name the folders of their files
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/pipeline_run.py digits
	$(BIN)/python benchmarks/pipeline_run.py mnist $(FROM_IDX)
	$(BIN)/python benchmarks/sources.py speed
	$(BIN)/python benchmarks/sources.py growth
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

wheel: venv ## build dist/penstock-*.whl
	@rm -rf build dist # files of an older build would end in the wheel
	$(BIN)/python -m build --wheel --no-isolation

clean: ## remove the files that tools left behind; .venv and .penstock stay
	rm -rf build dist *.egg-info .*_cache
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +
