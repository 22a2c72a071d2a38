# Two commands for people without conda: make demo, make test. Each makes .venv if it is missing.
#
#   make demo DOMAIN=travel_booking SIZE=smoke
#   make test PYTHON=python3.12

PYTHON ?= python3
VENV ?= .venv
# installed first and by itself: the extras would take a newer one, and its GPU libraries with it
TORCH ?= torch==2.13.0
DOMAIN ?= travel_booking
SIZE ?= demo
# of which `make pictures` takes them
RUN ?= demo
# what to add to pytest, e.g. PYTEST_ARGS="-n 2 -k flowchart"
PYTEST_ARGS ?=

# pages are looked at where there is a browser to look with, and they need JupyterLab
BROWSER := $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
FOR_TESTS := $(VENV)/.installed$(if $(BROWSER),-lab)
# of what the browser showed
export WORKBENCH_SCREENSHOTS ?= $(CURDIR)/build/screenshots

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check

.PHONY: help demo lab test test-all check colab pictures clean

help:
	@echo "make demo      all five notebooks on $(DOMAIN), size $(SIZE)"
	@echo "make lab       the notebooks in JupyterLab"
	@echo "make test      the tests that CI runs"
	@echo "make test-all  every test"
	@echo "make check     ruff and the fast tests"
	@echo "make colab     stamp the public address in pyproject.toml into the notebooks"
	@echo "make pictures  the pictures of README.md, from the run RUN of $(DOMAIN)"
	@echo "make clean     delete $(VENV) and caches; runs stay"

demo: $(VENV)/.installed
	$(BIN)/python -m workbench run $(DOMAIN) --size $(SIZE)

lab: $(VENV)/.installed-lab
	$(BIN)/jupyter lab --ServerApp.root_dir="$(CURDIR)" --LabApp.default_url=/lab/tree/notebooks/1_design.ipynb

test: $(FOR_TESTS)
	$(BIN)/python -m pytest -m "not exhaustive" $(PYTEST_ARGS)

test-all: $(FOR_TESTS)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest -m "not slow and not exhaustive" $(PYTEST_ARGS)

colab: | $(BIN)/python
	$(BIN)/python tests/colab/stamp.py

pictures: $(VENV)/.installed-lab
	$(BIN)/python tests/pictures/take.py runs/$(DOMAIN)/$(RUN)

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache .hypothesis
	find workbench tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
		|| { echo "Python 3.11 to 3.13 is needed; name one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@# a half-made venv would pass for a whole one the next time
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

# a stamp, so that install happens once, and again when pyproject.toml changes
$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@echo "installing into $(VENV); the first time takes a few minutes"
	$(PIP) "$(TORCH)"
	$(PIP) -e ".[train,dev]"
	@touch $@

$(VENV)/.installed-lab: $(VENV)/.installed
	$(PIP) -e ".[lab]"
	@touch $@
