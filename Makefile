# chiploop: `make` lists the targets; each does its own set-up, once.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
PYTHON_GPU ?= $(PYTHON)
VENV := .venv
BIN := $(VENV)/bin
CHIPLOOP := $(BIN)/chiploop
APT_PACKAGES := ccache g++ iverilog make opensta perl python3-venv qflow-tech-osu018

# What a user sets: make loop RUN=mine GENERATIONS=5 ARGS="--seed 7"
RUN ?= default
GENERATIONS ?= 3
DESIGN ?= default
METHOD ?= auto
NETLIST ?=
TIME ?= 60
ARGS ?=

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  \033[1m%-16s\033[0m %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

## ---- set-up: Debian packages, a virtual environment, Python packages; nothing where all is there ----

.setup/debian:
	@missing=""; for p in $(APT_PACKAGES); do \
	  dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
	  root=""; if [ "$$(id -u)" != 0 ]; then root=sudo; fi; \
	  echo "installing Debian packages:$$missing"; \
	  $$root apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$root apt-get install -y -qq --no-install-recommends $$missing >/dev/null \
	  || { echo "error: could not install$$missing; install them by hand, then run make again" >&2; exit 3; }; fi
	@mkdir -p .setup && touch $@

.setup/python: pyproject.toml requirements.lock | .setup/debian
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "error: $(PYTHON) is older than 3.11; run make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@echo "installing Python packages into $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install -q --disable-pip-version-check -r requirements.lock
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: setup
setup: .setup/python ## install what is needed (the other targets do this themselves)

## ---- the main job ----

.PHONY: loop place sim sim-all flow ppa
loop: setup ## close the loop: RUN=default GENERATIONS=3
	@$(CHIPLOOP) loop --run runs/$(RUN) --generations $(GENERATIONS) --resume $(ARGS)

ppa: setup ## PPA report over the generations of RUN (HTML and Markdown)
	@$(CHIPLOOP) ppa runs/$(RUN) $(ARGS)

place: setup ## place a netlist: NETLIST=x.pb.txt METHOD=auto|sa|rl|... TIME=60
	@$(CHIPLOOP) place $(NETLIST) --method $(METHOD) --time $(TIME) $(ARGS)

sim: setup ## simulate a design against its golden model: DESIGN=default
	@$(CHIPLOOP) sim $(DESIGN) $(ARGS)

sim-all: setup ## simulate all designs in all simulators: ARGS="--seeds 3 --jobs 2"
	@$(CHIPLOOP) regress $(ARGS)

flow: setup ## one design from RTL to PPA: DESIGN=default
	@$(CHIPLOOP) flow $(DESIGN) $(ARGS)

## ---- quality ----

.PHONY: test lint format bench bench-loop bench-sim bench-cost bench-gpu bench-baselines bench-placement bench-flat bench-rl clean
test: setup ## run all tests
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

lint: setup ## ruff and the strict type checker
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

format: setup ## format the sources
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

bench: setup ## print all benchmark figures, and which hold
	@$(BIN)/python -m benchmarks.table

bench-loop: setup ## measure the loop: time, cache, kill and resume (about an hour)
	@$(BIN)/python -m benchmarks.cycle_model && $(BIN)/python -m benchmarks.loop $(ARGS)

bench-sim: setup ## measure accelerators and cycle model (half an hour; ARGS="exact coverage speed units large")
	@$(BIN)/python -m benchmarks.sim $(ARGS)

bench-cost: setup ## measure the proxy cost's evaluators
	@$(BIN)/python -m benchmarks.cost $(ARGS)

bench-gpu: ## measure on a GPU; PYTHON_GPU names a Python with chiploop's packages and jax's GPU plugin
	@$(PYTHON_GPU) -c 'import jax, benchmarks.rl; raise SystemExit(jax.default_backend() != "gpu")' 2>/dev/null \
	  || { echo "error: $(PYTHON_GPU) has not all of chiploop's packages (pip install -e .), or no jax that sees a GPU; run make bench-gpu PYTHON_GPU=/path/to/python" >&2; exit 3; }
	@$(PYTHON_GPU) -m benchmarks.cost batched && $(PYTHON_GPU) -m benchmarks.rl speed

bench-baselines: setup ## measure the baseline placers (hours)
	@$(BIN)/python -m benchmarks.baselines $(ARGS)

bench-placement: setup ## measure the placements of the published netlists (hours); ARGS="ten minute": these only
	@$(BIN)/python -m benchmarks.proxy $(ARGS)

bench-flat: setup ## measure flat placement: ICCAD04 (CHIPLOOP_ICCAD04=folder) and growth to a million cells
	@$(BIN)/python -m benchmarks.flat $(ARGS)

bench-rl: setup ## measure the RL placer: ARGS="scratch --seed 0"
	@$(BIN)/python -m benchmarks.rl $(or $(ARGS),speed)

clean: ## remove runs and caches, keep the set-up
	@rm -rf runs .cache .pytest_cache .mypy_cache .ruff_cache sim_build
