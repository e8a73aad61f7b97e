# Every chore of the shop, by name. `make` alone lists them.

PYTHON ?= python3
PORT ?= 8000

BIN := .venv/bin
UV := $(shell command -v uv 2>/dev/null)
INSTALLED := .venv/.installed

# Coverage of both test runs is combined, and only then held against the threshold.
COVERED := --cov --cov-append --cov-report= -p no:cacheprovider

.DEFAULT_GOAL := help
.PHONY: help install run test test-sqlite test-postgres check lock clean

help: ## list what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## make .venv with everything that runs, tests and checks the shop

$(INSTALLED): requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "The shop needs Python 3.11 or newer, and '$(PYTHON)' is not that; try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; \
		exit 1; \
	}
ifneq ($(UV),)
	@$(UV) venv --quiet --clear --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .venv
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.txt
else
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
endif
	@touch $@

run: install ## serve the shop with demo data on http://127.0.0.1:8000 (PORT=8001 moves it)
	@$(BIN)/python manage.py migrate --verbosity 0
	@$(BIN)/python manage.py load_demo --port $(PORT)
	@exec $(BIN)/python manage.py runserver 127.0.0.1:$(PORT)

