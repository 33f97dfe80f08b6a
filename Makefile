# Every target sets up what it needs in .venv; a second run finds it there. Only Python 3.11 or newer has to exist already.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:  # two pip runs in one environment would damage it

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
WORKERS ?= 2
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt

.PHONY: help
help: ## show the targets (the default)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: $(VENV)/.installed-all ## compress and decompress the sample images, with the reasons for every decision
	@rm -rf build/demo  # an image that changes its lane changes its suffix: no old files beside the new
	$(BIN)/codec-router compress tests/data/samples -o build/demo/encoded --policy balanced --receiver self --force
	$(BIN)/codec-router decompress build/demo/encoded -o build/demo/decoded --force
	@echo
	@echo "sources:  $(CURDIR)/tests/data/samples"
	@echo "encoded:  $(CURDIR)/build/demo/encoded"
	@echo "decoded:  $(CURDIR)/build/demo/decoded"
	@echo "the record of one output:  $(BIN)/codec-router inspect build/demo/encoded/FILE"

.PHONY: test
# One thread a worker: the workers already fill the cores.
test: export OMP_NUM_THREADS = 1
test: export OPENBLAS_NUM_THREADS = 1
test: export MKL_NUM_THREADS = 1
test: $(VENV)/.installed-test $(VENV)/.installed-compressai ## run the tests (WORKERS=2 processes; COVERAGE=1 also holds the floor of lines run)
	$(BIN)/python -m pytest -n $(WORKERS) $(if $(COVERAGE),--cov --cov-report=term:skip-covered)

.PHONY: browser-test
browser-test: export OMP_NUM_THREADS = 1
browser-test: $(VENV)/.installed-browser ## open the page of a report in the installed Chromium (CHROMIUM=PATH names one)
	$(BIN)/python -m pytest tests_browser

.PHONY: notebooks
notebooks: export OMP_NUM_THREADS = 1
notebooks: $(VENV)/.installed-notebooks ## execute the example notebooks in docs/notebooks
	$(BIN)/python -m pytest --nbmake --nbmake-timeout=120 docs/notebooks

.PHONY: docs
docs: $(VENV)/.installed-docs ## build the site, links checked, into build/site: open build/site/index.html
	$(BIN)/python docs/generate.py --gather build/docs
	$(BIN)/zensical build --strict --clean

.PHONY: lint
lint: $(VENV)/.installed-dev ## check style and formatting (ruff)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: types
types: $(VENV)/.installed-dev ## check the types (mypy, strict)
	$(BIN)/mypy
	$(BIN)/mypy --strict tests/surface/client/program.py  # what somebody writes who has installed it

.PHONY: wheel
wheel: $(VENV)/.made ## build the wheel, and install and try it on every Python 3.11 to 3.13 that is here
	.ci/wheel

.PHONY: check
check: lint types test ## lint, types and tests

.PHONY: samples
samples: $(VENV)/.installed-training $(VENV)/.installed-test ## rebuild the sample images and their table of sources
	$(BIN)/python tests/data/make_samples.py

.PHONY: bundle
bundle: $(VENV)/.installed-compressai ## name all that ships anew in router/artefacts/bundle.json (DATA=DIR first makes anew what hangs on the weights)
	$(if $(DATA),for model in $$(ls -d router/artefacts/models/*/); do id=$$(basename $$model); \
		$(BIN)/python -m training.bundle --partial && \
		$(BIN)/python -m training.guard.fit --data $(DATA) --model $$id --out router/artefacts/guards/$$id && \
		$(BIN)/python -m training.search.fit --data $(DATA) --out router/artefacts/priors/$$id --only ncr && \
		$(BIN)/python -m training.search.fit --data $(DATA) --out router/artefacts/priors/$$id-small --thumbnails --only ncr && \
		$(BIN)/python -m training.bundle --partial && \
		$(BIN)/python -m training.savings.fit --data $(DATA) --cache build/points --out router/artefacts/gains/$$id || exit 1; done)
	$(BIN)/python -m training.bundle

.PHONY: model
model: export OMP_NUM_THREADS = 1
model: $(VENV)/.installed-compressai ## from photographs to a bundle: make model CONFIG=training/configurations/x.json DATA=DIR (ARGS='--plan' ...)
	@test -n "$(CONFIG)" && test -n "$(DATA)" || { echo "usage: make model CONFIG=training/configurations/x.json DATA=DIR" >&2; exit 2; }
	$(BIN)/python -m training.pipeline --config $(CONFIG) --data $(DATA) $(ARGS)

.PHONY: train-setup
train-setup: $(VENV)/.installed-compressai ## add what training needs

.PHONY: clean
clean: ## remove what was built, but keep .venv
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -path ./$(VENV) -prune -o -type d -name __pycache__ -exec rm -rf {} +

.PHONY: distclean
distclean: clean ## remove .venv too
	rm -rf $(VENV)

$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "error: no python3 found; install Python 3.11 or newer, or name one: make PYTHON=/path/to/python" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "error: $(PYTHON) does not run or is older than 3.11; name another: make PYTHON=/path/to/python" >&2; exit 1; }
	@"$(PYTHON)" -m venv $(VENV) \
		|| { echo "error: $(PYTHON) cannot create an environment; on Debian and Ubuntu install its python3-venv package" >&2; exit 1; }
	@touch $@

# The stamp of an extra (all, test, notebooks, docs, dev, browser, training) is younger than what says which versions it consists of.
$(VENV)/.installed-%: $(VENV)/.made pyproject.toml constraints.txt
	@echo "installing codec-router[$*] into $(VENV) (the first time takes minutes)"
	@$(PIP_INSTALL) --editable '.[$*]'
	@touch $@

# compressai 1.2.8 asks for numpy < 2, which it does not need and which nothing else here can be installed beside. Without --no-deps
# pip would refuse it or go back to an old numpy; its real imports are in the extra `training`.
$(VENV)/.installed-compressai: $(VENV)/.installed-training
	@$(PIP_INSTALL) --no-deps compressai==1.2.8
	@touch $@
