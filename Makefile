# `make demo` runs the main job on the embedded stack, `make test` passes the tests.
# Both make the virtual environment first; nothing is installed outside it.

PYTHON ?= python3
BIN := .venv/bin
PARTS := tests/pure tests/reports tests/probes tests/faults tests/target
LOAD := tests/config tests/http tests/load tests/shapes
RUNS := tests/browser tests/distributed tests/run

.PHONY: demo suite test test-parts test-load test-runs test-live lint truth bench clean install install-dev

demo: install
	@$(BIN)/springback run locustfiles/login_herd.py; code=$$?; \
	echo "exit code $$code (0 PASS, 2 usage, 3 FAIL, 4 INCONCLUSIVE)"; exit $$code

suite: install
	@$(BIN)/springback suite

# Two halves side by side, then, with the machine to itself, what measures the size of faults. Collecting $(LOAD)
# imports Locust, which patches the process: what runs unpatched in the product is tested in a process without it.
test: install-dev
	$(MAKE) --no-print-directory -j2 --output-sync=target test-parts test-live
	$(BIN)/python -m pytest tests/ground_truth

test-parts: install-dev
	$(BIN)/python -m pytest $(PARTS)

test-load: install-dev
	$(BIN)/python -m pytest $(LOAD)

test-runs: install-dev
	$(BIN)/python -m pytest $(RUNS)

test-live:
	@$(MAKE) --no-print-directory test-load
	@$(MAKE) --no-print-directory test-runs

lint: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

truth: install-dev
	$(BIN)/python -m tests.ground_truth

bench: install-dev
	$(BIN)/python -m benchmarks --write

install: .venv/.installed
install-dev: .venv/.installed-dev

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Springback needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || command -v uv >/dev/null || \
		{ echo "This Python cannot make a virtual environment: apt-get install python3-venv, or install uv"; exit 2; }
	@if command -v uv >/dev/null; then uv venv --quiet --python $(PYTHON) .venv; else $(PYTHON) -m venv .venv; fi

.venv/.installed: .venv/bin/python requirements.txt pyproject.toml
	@echo "Installing into .venv …"
	@$(call install-from,requirements.txt)
	@touch $@

.venv/.installed-dev: .venv/.installed requirements-dev.txt
	@$(call install-from,requirements-dev.txt)
	@touch $@

# The lock has the hash of every package; the project itself is installed in place, built with what is installed, and
# as a plain path: with an import hook, a directory that happens to be called reports/ would hide our package.
define install-from
if command -v uv >/dev/null; then \
	uv pip install --quiet --python $(BIN)/python --require-hashes -r $(1) && \
	uv pip install --quiet --python $(BIN)/python --no-build-isolation --no-deps --config-settings editable_mode=compat -e .; \
else \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1) && \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --config-settings editable_mode=compat -e .; \
fi
endef

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
