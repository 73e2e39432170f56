# Everything that is done with this project from a shell. `make` alone lists it.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
PORT ?= 8000
VAR_DIR ?= $(CURDIR)/var
TEST_DATABASE_URL ?= postgres://postgres@127.0.0.1:5432/test
TEST_REDIS_URL ?= redis://127.0.0.1:6379/9

VENV := .venv
RUN := $(VENV)/bin/python
MANAGE := VAR_DIR="$(VAR_DIR)" $(RUN) manage.py
# The site as it would be deployed, for checks that look at settings.
DEPLOYED := VAR_DIR="$(CURDIR)/var/lint" \
  SECRET_KEY=$$($(RUN) -c 'import secrets; print(secrets.token_hex(32))') $(RUN) manage.py

unexport VAR_DIR  # tests have folders of their own
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.PHONY: help demo install install-dev test test-slow services-test lint messages format audit bench

help: ## List these commands.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: install $(VAR_DIR)/secret-key ## Set up a demonstration and serve it at http://127.0.0.1:8000, or at PORT=8001.
	@$(MANAGE) demo_setup
	@exec env $(MANAGE) serve --port $(PORT) --with-parent --skip-checks

install: ## Install what the site and its workers need in .venv.
	@$(call need,requirements.txt,requirements-web.txt)

install-dev: ## Install what tests and lint need as well.
	@$(call need,requirements-dev.txt,requirements.txt requirements-web.txt)

test: install-dev ## Run all tests but the slow ones.
	@$(RUN) -m pytest -n auto --dist loadfile $(PYTEST_ARGS)

test-slow: install-dev ## Run the proofs that take minutes.
	@$(RUN) -m pytest -m slow $(PYTEST_ARGS)

services-test: install-dev ## Run the tests again on PostgreSQL and Redis.
	@DATABASE_URL=$(TEST_DATABASE_URL) REDIS_URL=$(TEST_REDIS_URL) \
	  TEST_DATABASE_URL=$(TEST_DATABASE_URL) TEST_REDIS_URL=$(TEST_REDIS_URL) \
	  $(RUN) -m pytest -n auto --dist loadfile -m 'not slow and not browser' --ignore tests/training/engine $(PYTEST_ARGS)

lint: install-dev ## Check style, types, templates, migrations, settings and the API's description.
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy .
	@$(RUN) -m djlint templates --lint --quiet
	@$(DEPLOYED) makemigrations --check --dry-run
	@$(DEPLOYED) check --deploy --fail-level WARNING
	@$(DEPLOYED) spectacular --validate --fail-on-warn --file /dev/null

messages: install-dev ## Gather the words of the pages for translation, and compile what is translated.
	@DEBUG=1 DJANGO_SETTINGS_MODULE=webapp.settings $(RUN) -m tests.webapp.catalogue

format: install-dev ## Put the code into its standard form.
	@$(RUN) -m ruff check --fix .
	@$(RUN) -m ruff format .

audit: install-dev ## Ask PyPI for known weaknesses of what is installed (needs the network).
	@$(RUN) -m pip check
	@$(RUN) -m pip_audit --strict --no-deps --disable-pip --requirement requirements-dev.txt

bench: install-dev ## Measure, in a few minutes; each benchmark's --help tells of longer runs.
	@set -e; for each in benchmarks/[!_]*.py; do \
	  echo "== $$each"; $(RUN) -m benchmarks.$$(basename $$each .py) --quick; done

$(VAR_DIR)/secret-key:
	@mkdir -p $(@D)
	@umask 077; $(PYTHON) -c 'import secrets; print(secrets.token_urlsafe(50))' > $@.new
	@mv $@.new $@

# $(call need,FILE,INCLUDED): install what FILE lists, unless neither it nor the files that it
# includes have changed since that was last done.
define need
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed." if sys.version_info < (3, 11) else 0)'; \
	$(RUN) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV) || exit 1; \
	stamp=$(VENV)/installed-$(1); \
	if ! cksum $(1) $(2) | cmp -s - $$stamp; then \
	  echo "Installing what $(1) lists; the first time this takes a few minutes …"; \
	  $(RUN) -m pip install --quiet --no-compile --requirement $(1) || exit 1; \
	  cksum $(1) $(2) > $$stamp; \
	fi
endef
