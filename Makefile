# `make demo` runs the main job on the reference target, `make test` runs the tests.
# Both make the virtual environment first; nothing is installed outside it.

PYTHON ?= python3
BIN := .venv/bin
PART ?=
OF ?=
SAMPLE ?= 480
SEED ?= 1

.PHONY: demo suite suite-ha test lint truth calibrate mutants bench pictures clean install install-dev

demo: install
	@$(BIN)/springback run locustfiles/login_herd.py; code=$$?; \
	echo "exit code $$code (0 PASS, 2 usage, 3 FAIL, 4 INCONCLUSIVE)"; exit $$code

# The spike scenarios on the reference target; `make suite-ha` those of its highly available form.
suite: install
	@$(BIN)/springback suite spike

suite-ha: install
	@$(BIN)/springback suite ha

# In parts that go side by side; `make test PART="pure reports"` makes only these. See docs/testing.md.
test: install-dev
	@$(BIN)/python -m tests $(PART)

lint: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

truth: install-dev
	$(BIN)/python -m tests.ground_truth

calibrate: install-dev
	$(BIN)/python -m tests.calibration

# Would the tests notice? `make mutants OF="criteria/cache" SAMPLE=0` makes all mutants of a folder. See docs/testing.md.
mutants: install-dev
	$(BIN)/python -m tests.mutants $(OF) --sample $(SAMPLE) --seed $(SEED)

bench: install-dev
	$(BIN)/python -m benchmarks --write

# The pictures of README and pages, from two runs, one of them on the reference target; wants Chromium.
pictures: install-dev
	$(BIN)/python -m tests.browser.pictures

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
