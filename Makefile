# SPDX-License-Identifier: Apache-2.0
PYTHON_IN_VENV := .venv/bin/python
PYTEST := $(PYTHON_IN_VENV) -m pytest -q
JOBS ?= 2
DEMO_ARGS ?=
TEST_ARGS ?=
FIGURES := build/figures
BENCH_MODELS := eegnet mi_bminet epidenet
BENCH_TARGETS := cortex-m4f cortex-m7 cortex-m33 cortex-m55 riscv32

.DEFAULT_GOAL := help
.PHONY: help demo figures figures-kernels figures-memory figures-gap9 calibrate-gap9 results test test-slow lint format clean bootstrap bootstrap-test

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: bootstrap  ## install everything, then the main job; writes build/demo/report.html (DEMO_ARGS="--data eegbci")
	$(PYTHON_IN_VENV) -m biotrain_tf.demo $(DEMO_ARGS)

test: bootstrap-test  ## install everything, then lint and all tests but the slow ones (TEST_ARGS="-k kernels")
	$(PYTEST) -n $(JOBS) --dist loadfile $(TEST_ARGS)

test-slow: bootstrap-test  ## the tests that take minutes each
	$(PYTEST) -n $(JOBS) --dist loadfile -m slow $(TEST_ARGS)

lint: bootstrap  ## ruff, mypy and clang-format, as `make test` runs them
	$(PYTEST) tests/house/test_lint.py

format: bootstrap  ## write the formatting that lint wants
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .
	$(PYTHON_IN_VENV) -m tests.house.tree .h .cc .c | xargs -r .venv/bin/clang-format -i

figures: bootstrap  ## write the figures of the last `make demo` into README.md
	$(PYTHON_IN_VENV) scripts/update_figures.py

figures-kernels: bootstrap  ## count kernels and steps on every target, write docs/kernels.md
	.venv/bin/biotrain bench kernels --json $(FIGURES)/kernels.json
	.venv/bin/biotrain bench step $(addprefix --model ,$(BENCH_MODELS)) $(addprefix --target ,$(BENCH_TARGETS)) \
		--json $(FIGURES)/steps.json --plot $(FIGURES)/step.svg
	cp $(FIGURES)/step-eegnet-cortex-m7.svg docs/eegnet-step.svg
	$(PYTHON_IN_VENV) -m scripts.update_kernel_figures

figures-memory: bootstrap  ## measure RAM and instructions over the whole dial, write docs/memory.md
	.venv/bin/biotrain bench memory --json $(FIGURES)/memory.json
	$(PYTHON_IN_VENV) -m scripts.update_memory_figures

figures-gap9: bootstrap  ## predict the published rows and our models on GAP9, write docs/gap9.md
	$(PYTHON_IN_VENV) -m scripts.update_gap9_figures

calibrate-gap9: bootstrap  ## fit the costs of the GAP9 model to its published points
	$(PYTHON_IN_VENV) -m scripts.calibrate_gap9

results: bootstrap  ## run all experiments (hours; goes on where it was), write docs/results.md
	.venv/bin/biotrain experiment all --page docs/results.md $(RESULTS_ARGS)

clean:  ## remove what was built; the environments stay
	rm -rf build .pytest_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -not -path './.venv*' -prune -exec rm -rf {} +

bootstrap:
	@scripts/bootstrap

bootstrap-test:
	@scripts/bootstrap --test
