# make, alone, prints what there is to make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SALESPIPE := $(BIN)/salespipe
SERVICES := generator s3-sink loader transformer
# in this order: each stands on those before it
PACKAGES := libs/pipeline $(SERVICES:%=services/%) cli
INSTALLED := $(VENV)/.installed
CODE := libs services cli tests bench examples grafana
# test processes, each with servers of its own
SPREAD := -n $(or $(WORKERS),2)
# the tests whose servers may be containers: all but those about the embedded stack itself
ON_CONTAINERS := tests/integration tests/e2e/test_pipeline.py -m "servers and not slow and not faults" \
  --ignore tests/integration/test_embedded.py --ignore tests/integration/test_supervised_services.py

# uv: the one on the PATH, else one of our own, from its hashes
UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
COMPILE := $(UV) pip compile --quiet --universal --generate-hashes --no-header --no-annotate --no-emit-package pipeline

.DEFAULT_GOAL := help
.PHONY: help install up down reset status verify test test-slow test-kill test-unit test-faults faults soak mutants test-docker check format lock lock-check bench bench-plots cdnow dashboards clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: install ## start the whole pipeline here, without Docker, and wait for the first sale
	@$(SALESPIPE) up

down: install ## stop it; data and settings stay
	@$(SALESPIPE) down

reset: install ## stop it and delete its data (asks)
	@$(SALESPIPE) reset

status: install ## is it right, is it fresh
	@$(SALESPIPE) status

verify: install ## prove it: every event that Kafka acknowledged, compared from end to end
	@$(SALESPIPE) verify

cdnow: install ## import 69,659 real purchases (CDNOW) through the running pipeline
	@$(BIN)/python examples/cdnow/fetch.py
	@$(SALESPIPE) import examples/cdnow/data/CDNOW_master.txt --map examples/cdnow/map.yaml

test: install ## what it promises, on real servers that the tests start themselves (8 minutes)
	@$(BIN)/pytest -q --durations=10 $(SPREAD) -m "not docker and not slow and not faults"

test-slow: install ## the same under kills and outages, and every panel's query (10 minutes)
	@$(BIN)/pytest -q --durations=10 $(SPREAD) -m "slow"

test-kill: install ## kill -9 of each service in turn under 20,000 events a second for a minute
	@E2E_LOAD_SECONDS=60 E2E_LOAD_RATE=20000 $(BIN)/pytest -q -s tests/e2e/test_pipeline.py -k killed

test-faults: install ## each fault once under load, then every event accounted for (FAULTS_SEED=1)
	@$(BIN)/pytest -q --durations=10 tests/faults

faults: install ## the whole matrix of faults, 200 of them: nothing lost, nothing twice (SEED=1)
	@PYTHONPATH=tests $(BIN)/python -m faults --faults 200 --rate 1500 $(if $(SEED),--seed $(SEED))

soak: install ## random faults for MINUTES=60 (SEED=1)
	@PYTHONPATH=tests $(BIN)/python -m faults --minutes $(or $(MINUTES),60) --at-once 8 --rate 600 $(if $(SEED),--seed $(SEED))

mutants: install ## deliberate defects, each in a copy: every one must be caught (ONLY=chain for some)
	@PYTHONPATH=tests $(BIN)/python -m faults.mutants --only "$(ONLY)"

test-unit: install ## the tests that need no server (seconds)
	@$(BIN)/pytest -q -m "not servers and not docker"

test-docker: install ## the stack in containers: first sale, kills, scaling, what nobody may (needs Docker)
	@$(BIN)/pytest -q --durations=10 $(SPREAD) tests/compose tests/docker
	@TEST_SERVERS=containers $(BIN)/pytest -q --durations=10 $(SPREAD) $(ON_CONTAINERS)

check: install ## format, lint, types
	@$(BIN)/ruff format --check --quiet $(CODE)
	@$(BIN)/ruff check --quiet $(CODE)
	@$(BIN)/mypy $(CODE)

format: install ## format and mend what can be mended
	@$(BIN)/ruff check --fix --quiet $(CODE) ; $(BIN)/ruff format $(CODE)

bench: install ## each stage and the whole beside its ceiling, 10 minutes (STAGE=loader, loader_peers, sizes, …)
	@$(BIN)/python bench/all.py $(STAGE)

bench-plots: install ## draw docs/images from what `make bench STAGE=sizes` and bench/transformer.py measured
	@$(BIN)/python bench/plots.py

dashboards: install ## write grafana/dashboards anew, from grafana/src and docs/runbooks
	@PYTHONPATH=grafana/src $(BIN)/python -m dashboards

lock: $(filter .tools/bin/uv,$(UV)) ## lock every version and hash into requirements/
	@for service in $(SERVICES); do $(COMPILE) services/$$service/pyproject.toml -o requirements/$$service.txt || exit 1; done
	@$(COMPILE) services/generator/pyproject.toml --extra imports -o requirements/import.txt
	@$(COMPILE) cli/pyproject.toml --extra minio -o requirements/cli.txt
	@$(COMPILE) $(PACKAGES:%=%/pyproject.toml) --all-extras --group pyproject.toml:dev \
	  $(SERVICES:%=--no-emit-package %) --no-emit-package salespipe -o requirements/dev.txt

lock-check: lock ## fail where the lock does not say what the projects ask for
	@git diff --exit-code --stat requirements

clean: ## delete the virtual environment and every cache (not the stack's data)
	@rm -rf $(VENV) .tools .pytest_cache .mypy_cache .ruff_cache .hypothesis

install: $(INSTALLED)

$(INSTALLED): requirements/dev.txt $(PACKAGES:%=%/pyproject.toml) pyproject.toml $(filter .tools/bin/uv,$(UV))
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; set PYTHON=python3.13, say")'
	@echo "installing into $(VENV) (the first time about a minute)"
	@test -x $(BIN)/python || $(UV) venv --quiet --python "$$(command -v $(PYTHON))" $(VENV)
	@VIRTUAL_ENV=$(VENV) $(UV) pip sync --quiet --compile-bytecode --require-hashes requirements/dev.txt
	@VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --no-deps $(PACKAGES:%=-e %)
	@touch $@

.tools/bin/uv: requirements/uv.txt
	@$(PYTHON) -m venv .tools
	@.tools/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@
