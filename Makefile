# Every command builds what it needs first. `make` alone lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
# The accelerator layer is not in the lock: the same version has different files for CPUs and GPUs.
TORCH ?= torch==2.13.0
# Set to cpu for the small CPU build, to cu130 and the like for a given CUDA, or to auto; unset, pip decides.
TORCH_BACKEND ?=
VENV ?= .venv
BIN := $(VENV)/bin
PROFILE ?= default
ENVIRONMENT := $(VENV)/.ready
INSTALL_TORCH := $(if $(TORCH_BACKEND),$(BIN)/uv pip install --python $(BIN)/python --torch-backend=$(TORCH_BACKEND),$(BIN)/pip install --quiet)

.PHONY: help report test quick lint types lab bench gpu-check lock env clean

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

env: $(ENVIRONMENT)  ## build the environment in .venv (or name one: VENV=...)

$(ENVIRONMENT): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -c 'import torch' 2>/dev/null || $(INSTALL_TORCH) "$(TORCH)"
	$(BIN)/pip install --quiet --no-deps --editable .
	$(BIN)/pip check
	touch $@

report: $(ENVIRONMENT)  ## regenerate the report (PROFILE=smoke, default, news or full)
	$(BIN)/smallbert run --profile $(PROFILE)

test: $(ENVIRONMENT)  ## all tests, the smoke report twice among them
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

quick: $(ENVIRONMENT)  ## the tests that take seconds
	$(BIN)/python -m pytest -m "not slow"

lint: $(ENVIRONMENT)  ## ruff over library, tests and notebooks; notebooks carry no outputs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/nbstripout --verify --keep-id notebooks/*.ipynb

types: $(ENVIRONMENT)  ## mypy over the library
	$(BIN)/mypy

lab: $(ENVIRONMENT)  ## open the workbench for analysts in JupyterLab
	$(BIN)/jupyter lab notebooks/explore.ipynb

bench: $(ENVIRONMENT)  ## measure speed beside peers; writes data/results/benchmarks
	$(BIN)/python tests/benchmarks/run.py

gpu-check: $(ENVIRONMENT)  ## measure a GPU in nine minutes (CORPUS=file for real text); writes data/results/benchmarks
	$(BIN)/python tests/benchmarks/gpu_check.py $(if $(CORPUS),--corpus "$(CORPUS)")

lock: $(ENVIRONMENT)  ## pin every dependency again, from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(ACCELERATOR) \
	  --quiet -o requirements.lock

# torch and all that only a GPU build of it needs; left to `TORCH` above.
ACCELERATOR := $(addprefix --no-emit-package ,torch triton cuda-bindings cuda-pathfinder cuda-toolkit \
  nvidia-cublas nvidia-cuda-cccl nvidia-cuda-cupti nvidia-cuda-nvrtc nvidia-cuda-runtime nvidia-cudnn-cu13 nvidia-cufft \
  nvidia-cufile nvidia-curand nvidia-cusolver nvidia-cusparse nvidia-cusparselt-cu13 nvidia-nccl-cu13 \
  nvidia-nvjitlink nvidia-nvshmem-cu13 nvidia-nvtx)

clean:  ## delete the environment, all caches and the smoke edition; other editions stay
	rm -rf $(VENV) data/cache data/results/smoke figures/smoke report/smoke build dist *.egg-info lib/*.egg-info
	rm -rf .pytest_cache .ruff_cache .mypy_cache tests/browser/node_modules notebooks/.ipynb_checkpoints
	find lib tests -name __pycache__ -not -path '*/node_modules/*' -prune -exec rm -rf {} +
