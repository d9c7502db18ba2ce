# The interpreter to make .venv with: python3, unless PYTHON= names another. An
# existing .venv is kept as long as no other version is asked for.
PYTHON ?=
# Arguments of `make benchmark`.
ARGS ?=

BIN := .venv/bin

.PHONY: help setup lint test benchmark format clean

help:
	@echo "make setup      install everything into .venv (PYTHON=python3.12 names another Python)"
	@echo "make test       set up, then lint, types and tests"
	@echo "make lint       set up, then lint and types alone"
	@echo "make benchmark  set up, then run the benchmarks (ARGS=... are passed on)"
	@echo "make format     set up, then format the code and sort its imports"
	@echo "make clean      remove caches and build outputs; .venv and results stay"

setup:
	@.ci/setup "$(PYTHON)"

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

benchmark: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.main $(ARGS)

format: setup
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -path ./.venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
