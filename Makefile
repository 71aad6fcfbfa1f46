# Foothold, from a clone to a running platform. `make help` says what there is.
# Asked of the machine: Python 3.11 or later with venv, git, make. The first `make run` needs a network, later ones none.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
# A stack is a dozen processes and the tests start hundreds: without bytecode each would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE
SHELL := /bin/sh

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)
BIN := .venv/bin
PARALLEL ?= 3
ARGS ?=
KILLS ?= 25
N ?= 20000
ROWS ?= 1000000

.PHONY: help run down test check fmt report bench chaos chaos-selftest fuzz clients schemas openapi lock clean

help: ## What can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  FOOTHOLD_PORT=8100 FOOTHOLD_HOME=.second make run    a second stack beside the first"
	@echo "  make test ARGS='tests/kit -k journal'               some of the tests"

run: .venv/installed ## Bring everything up, with demo data, and serve until Ctrl-C
	@exec $(BIN)/foothold up

down: .venv/installed ## End the stack, however it was started
	@$(BIN)/foothold down

test: .venv/installed-dev ## Every test, against a PostgreSQL and a Kafka of its own
	@$(BIN)/pytest -n $(PARALLEL) $(ARGS)

check: .venv/installed-dev ## Formatter, linter, strict types, import contracts; changes nothing
	@$(BIN)/ruff format --check --quiet . || { echo "Some files are not formatted: make fmt"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/basedpyright
	@$(BIN)/lint-imports --no-cache

fmt: .venv/installed-dev ## Format every file and mend what the linter can mend
	@$(BIN)/ruff check --fix --exit-zero --quiet .
	@$(BIN)/ruff format --quiet .

report: .venv/installed-dev ## Four reports by a consumer of the events, from the running stack (see examples/reporting)
	@servers="$${KAFKA_BOOTSTRAP_SERVERS:-$$($(BIN)/foothold status --json | $(BIN)/python -c \
		'import json, sys; print(json.load(sys.stdin).get("kafka_bootstrap_servers") or "")')}"; \
	test -n "$$servers" || { echo "No stack runs here to report on: start one with make run." >&2; exit 1; }; \
	$(BIN)/python -m examples.reporting --once --servers "$$servers" --file "$${FOOTHOLD_HOME:-.local}/report.duckdb"

bench: .venv/installed-dev ## Measure a stack of its own under load, then lists on tables of ROWS rows; fails if what is demanded is missed
	@$(BIN)/foothold bench --rows $(ROWS) $(ARGS)

chaos: .venv/installed-dev ## Kill and cut everything under load, then see whether anything is lost: KILLS=25 SEED=7 SABOTAGE=..
	@$(BIN)/python -m tests.chaos --kills $(KILLS) $(if $(SEED),--seed $(SEED)) $(if $(SABOTAGE),--sabotage $(SABOTAGE))

chaos-selftest: .venv/installed-dev ## Plant known mistakes, one after the other: each has to be caught (takes minutes)
	@$(BIN)/python -m tests.chaos.selftest $(if $(SEED),--seed $(SEED))

fuzz: .venv/installed-dev ## Hostile requests, then schemathesis, against a stack of its own; nothing may get through: N=20000 SEED=7
	@$(BIN)/python -m tests.fuzz --n $(N) $(if $(SEED),--seed $(SEED))

clients: .venv/installed-dev ## Typed clients of the API in Python and TypeScript, under build/clients
	@$(BIN)/python -m deploy.local.clients

schemas: .venv/installed-dev ## Write the contract of events under docs/events from the code: JSON Schemas, AsyncAPI
	@$(BIN)/python -m deploy.local.schemas

openapi: .venv/installed-dev ## Release the API: keep its OpenAPI document as what clients may rely on from now on
	@$(BIN)/python -m deploy.local.openapi --release

lock: .venv/installed-dev ## Resolve all dependencies anew and write the locks with their hashes
	@for name in requirements-installer requirements requirements-dev; do \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --upgrade \
			$$name.in --output-file $$name.txt || exit 1; done
	@$(BIN)/python -m deploy.local.jars lock

clean: ## Delete what tools leave behind; .venv and the state in .local stay
	@rm -rf .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist *.egg-info
	@find services gateway deploy examples tests -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/installed: requirements-installer.txt requirements.txt pyproject.toml
	@$(MAKE) .venv/python
	@$(BIN)/python -I deploy/local/installing.py requirements.txt
	@touch $@

.venv/installed-dev: requirements-installer.txt requirements-dev.txt pyproject.toml
	@$(MAKE) .venv/python
	@$(BIN)/python -I deploy/local/installing.py requirements-dev.txt
	@touch .venv/installed $@

.PHONY: .venv/python
.venv/python:
	@test -n "$(PYTHON)" || { echo "Foothold needs Python 3.11 or later, and no python3 here is; install one, or say which: make run PYTHON=/path/to/python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Foothold needs Python 3.11 or later; $(PYTHON) is %d.%d. Say which to use: make run PYTHON=/path/to/python3.12" % sys.version_info[:2])'
	@test -x $(BIN)/pip || { echo "Making .venv with $(PYTHON)"; "$(PYTHON)" -m venv --clear .venv; } || { echo "Python's venv module could not make .venv; on Debian and Ubuntu it is the package python3-venv." >&2; exit 1; }
