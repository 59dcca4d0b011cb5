# What a person runs. Each install or build leaves a stamp, so a second call starts at once.
#
#   make demo          JupyterLab with the quickstart notebook
#   make test          every test: Python, front end, notebooks, real JupyterLab in real Chromium
#   make lint          formatting, types, imports between rooms, drift of the wire's types
#   make build         the front end's bundle, the wheel and the source distribution
#   make notebooks     execute the notebooks in place
#   make bench         measure, print the tables, write them into the README
#                      (long prompts alone, going on where it was: make bench BENCH_ARGS='--only long')
#   make screenshots   pictures of every pane, light and dark, into screenshots/; the README's two
#   make clean         remove what the above built (the environment stays)

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
# One known version keeps the install small and repeatable; `make TORCH= ...` leaves the choice to pip.
TORCH ?= torch==2.13.0
DEMO_ARGS ?=
BENCH_ARGS ?=

NOTEBOOKS := $(wildcard notebooks/*.ipynb)
BUNDLE := attnwidget/static/widget.js
SOURCES := $(shell find js/src js/scripts -type f 2>/dev/null) $(wildcard js/*.json js/*.mjs js/*.ts)
MODULES := js/node_modules/.package-lock.json

.PHONY: help demo test lint lint-style lint-types lint-rooms lint-wire lint-js build notebooks bench
.PHONY: screenshots clean chromium firefox

help:
	@sed -n 's/^#   //p' Makefile

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.torch: | $(BIN)/python
	$(if $(strip $(TORCH)),$(PIP) install '$(TORCH)')
	@touch $@

$(VENV)/.lab: pyproject.toml $(VENV)/.torch
	$(PIP) install -e '.[lab]'
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.torch
	$(PIP) install -e '.[dev]'
	@touch $(VENV)/.lab $@

# A tool that cannot be installed is missing from the tables, which say so.
$(VENV)/.bench: pyproject.toml $(VENV)/.dev
	$(PIP) install -e '.[bench]' || echo 'Some of the tools to compare with could not be installed.'
	@touch $@

$(MODULES): js/package.json js/package-lock.json
	cd js && npm ci --no-audit --no-fund
	@touch $@

$(BUNDLE): $(SOURCES) $(MODULES)
	cd js && npm run --silent build
	@touch $@

chromium: $(VENV)/.dev
	@$(BIN)/python -m tests.e2e.harness.chromium

# After the other one: both may install system packages.
firefox: chromium $(MODULES)
	@$(BIN)/python -m tests.e2e.harness.firefox

# JupyterLab refuses to run as root (containers) unless told otherwise.
demo: $(VENV)/.lab $(BUNDLE)
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) $(DEMO_ARGS) notebooks/quickstart.ipynb

test: $(VENV)/.dev $(BUNDLE) chromium firefox
	$(BIN)/python -m tests.run

# Apart, so that `make -k lint` names everything that is wrong.
lint: lint-style lint-types lint-rooms lint-wire lint-js

lint-style: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lint-types: $(VENV)/.dev
	$(BIN)/mypy

lint-rooms: $(VENV)/.dev
	$(BIN)/lint-imports --no-logo

lint-wire: $(VENV)/.dev
	$(BIN)/python -m attnwidget.wire.generate --check

lint-js: $(MODULES)
	cd js && npm run --silent check

build: $(VENV)/.dev $(BUNDLE)
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist .

notebooks: $(VENV)/.dev $(BUNDLE)
	$(BIN)/python -m tests.notebooks.execute $(NOTEBOOKS)

bench: $(VENV)/.bench $(BUNDLE) chromium
	$(BIN)/python -m tests.bench $(BENCH_ARGS)

screenshots: $(VENV)/.dev $(BUNDLE) chromium
	$(BIN)/python -m tests.gallery.shoot screenshots
	$(BIN)/python -m tests.gallery.shoot --readme .github/images

clean:
	rm -rf dist build screenshots js/dist attnwidget/static/widget.js
