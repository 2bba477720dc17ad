# make run and make test work in a fresh clone: they set up .venv once, then again only when what it needs changes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := $(wildcard requirements.lock)
PROTOS := $(VENV)/protos
TENSORFLOW := $(VENV)/tensorflow
TENSORFLOW_REQUIREMENTS := tests/services/model/tensorflow-requirements.txt
SERVICE_REQUIREMENTS := services/requirements.txt services/requirements-build.txt
RECORDED := tests/services/plane/test_plane_run.py tests/services/plane/decisions/test_plane_payments_run.py
DESCRIPTORS := services/model/tensorflow_serving.binpb
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(if $(LOCK),-c $(LOCK))
SUITES ?= recommender fraud segmentation

# A command for each suite. One that fails does not keep the others from their turn; Ctrl-C does.
each_suite = code=0; for suite in $(SUITES); do echo "== $$suite"; { $(1); } || { code=$$?; [ $$code != 130 ] || break; }; done; exit $$code

.DEFAULT_GOAL := help
.PHONY: help run test test-core fuzz mutate test-slow test-long test-all lint evaluate sample same-recordings effects report test-browser picture bench bench-suite figures profile cluster wheel base-image stack test-services test-tensorflow test-stack test-stack-all test-stack-scenarios test-stack-faults clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 22

run: $(VENV)/.installed ## set up and run the suite of each shipped system: verdicts, numbers, one report (SUITES=fraud for one)
	@$(call each_suite,$(BIN)/lab run $$suite $(ARGS))

test: lint ## set up, check style and types, run the quick tests (for every few minutes)
	@$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow and not long" $(ARGS)

test-core: $(VENV)/.installed-test ## run the quick tests of the core with the lab's own worlds hidden
	@PYTHONPATH=$(CURDIR)/tests/without_worlds$(if $(PYTHONPATH),:$(PYTHONPATH)) \
		$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow and not long" tests/unit tests/contract $(ARGS)

test-slow: $(VENV)/.installed-test ## run the slow tests only
	@$(BIN)/python -m pytest -n 2 --dist worksteal -m "slow and not long" --durations=10 $(ARGS)

test-long: $(VENV)/.installed-test ## run those that are long and rarely break, before a release
	@$(BIN)/python -m pytest -n 2 -m long --durations=10

test-all: test test-slow ## all tests that need no Docker, as CI runs them

lint: $(VENV)/.installed-test ## check style and types
	@$(BIN)/ruff check
	@$(BIN)/mypy

evaluate: $(VENV)/.installed ## measure the engines on seeds kept for that (long), and publish the figures in README and docs (SUITES=fraud)
	@mkdir -p runs
	@$(call each_suite,rm -f runs/evaluation-$$suite.json; \
		$(BIN)/lab evaluate $$suite $(ARGS) -o runs/evaluation-$$suite.json; measured=$$?; \
		[ ! -f runs/evaluation-$$suite.json ] || $(BIN)/python scripts/figures.py evaluation runs/evaluation-$$suite.json || exit; \
		(exit $$measured))

sample: $(VENV)/.installed ## run the README's sample again, and publish its verdict
	@$(BIN)/python scripts/figures.py sample

same-recordings: $(VENV)/.installed ## compare what another commit records, byte for byte (BEFORE=main ARGS=SCENARIO)
	@$(BIN)/python -m scripts.same_recordings $(or $(BEFORE),main) $(ARGS)

effects: $(VENV)/.installed ## measure what faults cost the shop and do to nightly segments, and write docs/worlds/*-effects.md (minutes)
	@$(BIN)/python -m scripts.effects $(ARGS)
	@$(BIN)/python -m scripts.effects_of_nights $(ARGS)

report: $(VENV)/.installed ## write the pages of all recordings under runs again
	@$(BIN)/lab report runs

test-browser: $(VENV)/.installed-test ## look at the pages in Chromium (Debian: apt-get install chromium)
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || { echo "no Chromium: apt-get install chromium" >&2; exit 2; }
	@$(PIP_INSTALL) -e '.[test,browser]'
	@$(BIN)/python -m pytest -n 2 tests/browser -m slow $(ARGS)

picture: $(VENV)/.installed ## make the README's picture anew: a run's page in Chromium
	@scripts/picture.sh

bench: $(VENV)/.installed ## the lab's CPU beside a naive model's: per request, of a whole run, and of weeks of jobs
	@$(BIN)/python benchmarks/engine_vs_naive.py 3
	@$(BIN)/python benchmarks/end_to_end.py 1
	@$(BIN)/python benchmarks/weeks_vs_minutes.py 1

figures: $(VENV)/.installed ## measure all that docs/performance.md tells, a quarter of an hour (ARGS="chain help" does some)
	@$(BIN)/python benchmarks/figures.py $(ARGS)

profile: $(VENV)/.installed ## where a warm run spends its CPU, by parts and functions (ARGS=ROWS)
	@$(BIN)/python benchmarks/profiling.py $(ARGS)

bench-suite: $(VENV)/.installed ## the CPU of the shipped suite beside a naive model's, and when its first verdict comes
	@$(BIN)/python benchmarks/suite_vs_naive.py

cluster: $(VENV)/.installed-test ## a dask scheduler and workers on this machine, until Ctrl-C (PORT=8786 WORKERS=2)
	@trap 'kill $$scheduler $$workers 2>/dev/null; wait' INT TERM EXIT; \
		$(BIN)/dask scheduler --host 127.0.0.1 --port $(or $(PORT),8786) --no-dashboard & scheduler=$$!; \
		$(BIN)/dask worker tcp://127.0.0.1:$(or $(PORT),8786) --nworkers $(or $(WORKERS),2) --nthreads 1 --no-dashboard & workers=$$!; \
		wait

wheel: $(VENV)/.installed ## build the wheel into dist/
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	@ls dist/*.whl

base-image: ## a base image for all services where no image registry can be reached
	@scripts/base-image.sh
	@grep -qs '^LAB_BASE_IMAGE=' .env || (umask 077; echo LAB_BASE_IMAGE=chaos-lab-base:bookworm >>.env)

stack: $(VENV)/.installed-stack ## bring the real stack up (docker compose), healthy
	@$(BIN)/lab stack up $(ARGS)

fuzz: $(VENV)/.installed-test ## broken files by the thousand, other ones each time; FUZZ=examples of each kind
	@LAB_FUZZ_EXAMPLES=$(or $(FUZZ),1000) $(BIN)/python -m pytest tests/fuzz -n 2

mutate: $(VENV)/.installed-mutation ## change the code that judges, a little at a time: which changes does no test notice? (ARGS=witness)
	@$(BIN)/python -m scripts.mutate $(ARGS)

# Real Redis, PostgreSQL, Java and sockets, without Docker; what a machine lacks is skipped with the reason. Recordings of
# the plane are made in real time, which a busy second process would disturb: they come last, one after the other.
test-services: $(VENV)/.installed-services ## test the services outside of containers
	@LAB_PROTO_DIR=$(PROTOS) $(BIN)/python -m pytest -n 2 --dist loadfile tests/services $(RECORDED:%=--ignore=%) --durations=10
	@LAB_PROTO_DIR=$(PROTOS) $(BIN)/python -m pytest $(RECORDED) --durations=10

test-tensorflow: $(VENV)/.installed-services $(TENSORFLOW)/.installed ## TensorFlow itself loads and scores what the lab deploys
	@LAB_PROTO_DIR=$(PROTOS) LAB_TENSORFLOW_PYTHON=$(CURDIR)/$(TENSORFLOW)/bin/python \
		$(BIN)/python -m pytest -s tests/services/model/test_tensorflow.py \
		tests/services/model/test_model_protos.py

test-stack: $(VENV)/.installed-services ## test on the real stack; fails where Docker is missing
	@LAB_REQUIRE_STACK=1 LAB_PROTO_DIR=$(PROTOS) $(BIN)/python -m pytest tests/stack -m "stack and not slow" --durations=10 $(ARGS)

# An hour of real time in two parts; each can be interrupted and run in pieces.
test-stack-all: ## every shipped scenario and every fault on the real stack, before a release; ARGS=SCENARIO does one
	@$(MAKE) --no-print-directory --keep-going test-stack-scenarios $(if $(ARGS),,test-stack-faults)

test-stack-scenarios: $(VENV)/.installed-stack ## shipped scenarios on the real stack, and the table in docs (ARGS=SCENARIO)
	@$(BIN)/python -m scripts.stack_scenarios $(ARGS)

test-stack-faults: $(VENV)/.installed-services ## every fault killed in the middle of a run (ARGS="-k deploy")
	@LAB_REQUIRE_STACK=1 LAB_PROTO_DIR=$(PROTOS) $(BIN)/python -m pytest tests/stack -m slow --durations=10 $(ARGS)

clean: ## remove the environment, recordings and what tools left
	rm -rf $(VENV) build dist runs mutants .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Python 3.11 or later is needed; '$(PYTHON)' is $$($(PYTHON) --version 2>&1 || true)." >&2; \
		echo "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@echo "setting up $(VENV) (once)" >&2
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml $(LOCK) | $(BIN)/python
	@$(PIP_INSTALL) -e .
	@touch $@

$(VENV)/.installed-mutation: pyproject.toml $(LOCK) | $(BIN)/python
	@$(PIP_INSTALL) -e '.[mutation]'
	@touch $@ $(VENV)/.installed $(VENV)/.installed-test

$(VENV)/.installed-stack: pyproject.toml $(LOCK) | $(BIN)/python
	@$(PIP_INSTALL) -e '.[stack-client]'
	@touch $@ $(VENV)/.installed

# The services' own requirements, to run them and their clients outside of the images; TensorFlow's generated protobuf
# modules come without TensorFlow.
$(VENV)/.installed-services: pyproject.toml $(LOCK) $(SERVICE_REQUIREMENTS) $(DESCRIPTORS) | $(BIN)/python
	@$(PIP_INSTALL) -e '.[test,stack-client]' $(patsubst %,-r %,$(SERVICE_REQUIREMENTS))
	@$(BIN)/python -m services.model.protos $(PROTOS) >/dev/null
	@touch $@ $(VENV)/.installed $(VENV)/.installed-test $(VENV)/.installed-stack

# Apart: TensorFlow pins other versions of what the lab uses, and hides the generated modules.
$(TENSORFLOW)/.installed: $(TENSORFLOW_REQUIREMENTS) | $(BIN)/python
	@test -x $(TENSORFLOW)/bin/python || $(BIN)/python -m venv $(TENSORFLOW)
	@$(TENSORFLOW)/bin/python -m pip install --quiet --disable-pip-version-check -r $< || { \
		echo "TensorFlow could not be installed. It has wheels for some versions of Python and machines only; here is" >&2; \
		echo "$$($(BIN)/python --version) on $$(uname -sm). With another one: make clean, make PYTHON=python3.12 test-tensorflow" >&2; exit 1; }
	@touch $@

$(VENV)/.installed-test: pyproject.toml $(LOCK) | $(BIN)/python
	@$(PIP_INSTALL) -e '.[test]'
	@touch $@ $(VENV)/.installed
