# Two commands do everything on a machine that has python3 (3.11 or later) and make: `make demo` and `make test`.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
# One more than there are processors: tests with sockets wait more than they work.
WORKERS ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2) + 1 )))
SOAK ?=

.PHONY: demo resilience test check bench bench-smoke bench-peers bench-report lowest soak semantics mutants clean

demo: $(VENV)/installed
	@$(BIN)/oneforone demo $(ARGS)

# Four faults, done to a bot of ours, and to ccxt and python-binance where they are installed. Some seven minutes.
resilience: $(VENV)/installed
	@$(BIN)/oneforone resilience $(ARGS)

# On all cores; `make test ARGS="-n 0 -x"` runs one after the other.
test: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

# --verifytypes: whatever a user of the package can reach has a known type. It looks for the package with the PATH's python.
check: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright
	for module in supervisor supervisor.testing actors.errors actors.resilience actors.testing; do \
		PATH="$(abspath $(BIN)):$$PATH" pyright --verifytypes $$module --ignoreexternal > $(VENV)/types.txt || \
			{ cat $(VENV)/types.txt; exit 1; }; \
	done
	$(BIN)/python -m pytest -q tests/test_layers.py tests/test_exports.py

bench: $(VENV)/installed-bench
	$(BIN)/python -m benchmarks $(ARGS)

# Whether every case does its work, and whether costs stay the same as a tree grows: operations are counted, not seconds.
bench-smoke: $(VENV)/installed-bench
	$(BIN)/python -m benchmarks.smoke

# The same cases on other libraries, each in an environment of its own, and on Erlang/OTP where `erl` is. Some ten minutes.
bench-peers: $(VENV)/installed-bench
	$(BIN)/python -m benchmarks.peers $(ARGS)

# docs/performance.md and its plots, made anew: ARGS="BENCH.json PEERS.json", or of those that were given the last time.
bench-report: $(VENV)/installed-bench
	$(BIN)/python -m benchmarks.report $(ARGS)

# The lower bounds that pyproject.toml names, installed exactly and tested.
lowest:
	$(PYTHON) -m venv --clear .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet --upgrade pip
	$(PYTHON) .ci/lowest.py > .venv-lowest/lowest.txt
	.venv-lowest/bin/python -m pip install --quiet --constraint .venv-lowest/lowest.txt --editable '.[test]'
	.venv-lowest/bin/python -m pip freeze --exclude-editable
	.venv-lowest/bin/python -m pytest -n auto --dist worksteal $(ARGS)

# docs/semantics.md, made anew of the marks that the tests carry.
semantics: $(VENV)/installed-dev
	$(BIN)/python -m tests.semantics.table

# The tests, with many more examples of every property; then ten minutes of faults, one a second, done to a bot with 200
# connections. SOAK="--backend asyncio" for the other loop, "--seed 1" for other faults, "--minutes 60" for longer.
soak: $(VENV)/installed-dev
	HYPOTHESIS_PROFILE=soak $(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)
	$(BIN)/python -m tests.soak $(SOAK)

# Changes one thing at a time in the decision core: a test must fail, or .ci/mutants.toml say why none can. Some 15 minutes.
mutants: $(VENV)/installed-dev
	$(BIN)/python .ci/mutants.py $(ARGS)

clean:
	rm -rf .venv .venv-lowest .venv-peers .mypy_cache .ruff_cache .hypothesis mutants

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "oneforone needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.12 ..."; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

$(VENV)/installed-bench: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@touch $@
