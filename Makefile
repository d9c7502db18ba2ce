# The interpreter to make .venv with: python3, unless PYTHON= names another. An
# existing .venv is kept as long as no other version is asked for.
PYTHON ?=
# Arguments of `make benchmark` and `make results`.
ARGS ?=

BIN := .venv/bin
CUDA := benchmarks/runs/cuda

.PHONY: help setup lint check test benchmark results cuda docs format clean

help:
	@echo "make setup      install everything into .venv (PYTHON=python3.12 names another Python)"
	@echo "make check      set up, then lint, types and the tests that tell most: about a minute"
	@echo "make test       set up, then lint, types and all tests"
	@echo "make lint       set up, then lint and types alone"
	@echo "make benchmark  set up, then a first look, in minutes (ARGS=... are passed on)"
	@echo "make results    set up, then the search and the tables: hours (ARGS=... for both)"
	@echo "make cuda       set up, then test and measure a CUDA device: a quarter of an hour"
	@echo "make docs       set up, then build the documentation into docs/build/html"
	@echo "make format     set up, then format the code and sort its imports"
	@echo "make clean      remove caches and build outputs; .venv and results stay"

setup:
	@.ci/setup "$(PYTHON)"

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# A file's tests stay in one process, as what they compute together does.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

check: lint
	$(PYTEST) -q -m "not slow and not compile and not network" \
		tests/geometry tests/curvature tests/nn/conv tests/nn/dense

test: lint
	$(PYTEST)

benchmark: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.main $(ARGS)
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.reconstruction --dim 2 5 \
		--geometry construction hyperbolic --seeds 0 || echo "The mammals of WordNet are left out."

results: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.search --jobs 2 $(ARGS)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.tasks --jobs 2 $(ARGS)

# Each step ends when its time is over, and what it has measured till then is kept.
cuda: setup
	$(BIN)/python -c "import torch; torch.cuda.init()"
	mkdir -p $(CUDA)
	-nvidia-smi > $(CUDA)/device.txt
	-timeout -k 5 200 $(BIN)/python -m pytest -q -m cuda > $(CUDA)/tests.txt
	-timeout -k 5 200 $(BIN)/python -m benchmarks.speed --quick --device cuda --out $(CUDA)
	-timeout -k 5 200 $(BIN)/python -m benchmarks.speed --quick --compile --device cuda --out $(CUDA)
	-timeout -k 5 200 $(BIN)/python -m benchmarks.scale --device cuda --out $(CUDA)
	@echo "All of it is in $(CUDA): please send it"

docs: setup
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/build/html

format: setup
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf build dist docs/build docs/pages *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -path ./.venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
