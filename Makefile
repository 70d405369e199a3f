# Servedeck. `make run` and `make test` do all of their own set-up; nothing is installed outside .venv, except the few
# system libraries that Qt needs, and those only when run as root on Debian or Ubuntu (else the command is told).

# The first of these that is Python 3.11 or newer; `make PYTHON=/path/to/python run` takes another.
CANDIDATES := python3 python3.13 python3.12 python3.11 python3.14
PYTHON ?= $(shell for each in $(CANDIDATES); do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$each; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Two workers: the tests wait for processes more than they compute. `make test WORKERS=0` runs them one by one.
WORKERS ?= 2
PYTEST := QT_QPA_PLATFORM=offscreen $(BIN)/pytest -n $(WORKERS) --dist loadgroup --durations=15

.PHONY: help run setup libraries test test-fast check lint format demo screenshots benchmark clean
.DEFAULT_GOAL := help

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 20

run: libraries ## Open the window
	$(BIN)/servedeck

demo: $(STAMP) ## Install an engine if there is none, serve a small model, ask it one question, stop it
	$(BIN)/servedeck demo

test: check ## Formatting, lint, types and all tests
	$(PYTEST)

test-fast: check ## The same without real engines
	$(PYTEST) -m "not engines"

check: offscreen-libraries
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy benchmarks

lint: $(STAMP) ## Lint and types only
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy benchmarks

format: $(STAMP) ## Format, and mend what lint can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

screenshots: offscreen-libraries ## Pictures of every page into artifacts/screenshots
	QT_QPA_PLATFORM=offscreen $(BIN)/python -m tests.screenshots

benchmark: offscreen-libraries ## Start-up, time to ready, chat client, log flood (benchmarks/README.md)
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/ready_delay.py
	$(BIN)/python benchmarks/chat_overhead.py
	$(BIN)/python benchmarks/gui_flood.py

setup: $(STAMP) ## The virtual environment only

# What Qt needs to show a window here, and without a screen.
libraries: $(STAMP)
	@$(BIN)/python -m gui.system_libraries --install

.PHONY: offscreen-libraries
offscreen-libraries: $(STAMP)
	@QT_QPA_PLATFORM=offscreen $(BIN)/python -m gui.system_libraries --install

$(STAMP): pyproject.toml
	@test -n "$(PYTHON)" || { echo "Servedeck needs Python 3.11 or newer; none of $(CANDIDATES) is. Install one, or name it: make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Servedeck needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1)." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv. On Debian and Ubuntu: sudo apt-get install $$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')" >&2; exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) -V); about a minute, once."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $(STAMP)

clean: ## Remove the virtual environment and everything generated
	rm -rf $(VENV) artifacts .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
