# The two commands of the README are `make demo` and `make test`; they need Python 3.11 or newer.
# All of them work in the virtual environment .venv, which is made on the way.

# The first Python that is new enough and able to make a virtual environment.
find_python = for python in python3 python3.14 python3.13 python3.12 python3.11 python \
	"$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.1[1-9].*/bin/python3; do \
	"$$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' \
	2>/dev/null && echo "$$python" && break; done
PYTHON ?= $(shell $(find_python))

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
SQLITE := sqlite:///chunkqs.sqlite3

.PHONY: demo test test-postgresql test-sqlite test-random test-all ecosystem coverage lint format types \
	rooms package clean bench benchmarks

# Load a million events into an embedded PostgreSQL (ROWS=10000000: ten) and walk them in six ways.
demo: $(VENV)/.demo
	@$(BIN)/python example_site/manage.py demo

# The test suite on an embedded PostgreSQL, then on SQLite.
test: test-postgresql test-sqlite

test-postgresql: $(VENV)/.dev
	env -u DATABASE_URL $(BIN)/python -m pytest $(PYTEST_ARGS)

test-sqlite: $(VENV)/.dev
	DATABASE_URL=$(SQLITE) $(BIN)/python -m pytest $(PYTEST_ARGS)

# On SQLite in an order of the day, whose seed is printed: PYTEST_ARGS="-p randomly
# --randomly-seed=..." repeats one.
test-random: PYTEST_ARGS += -p randomly
test-random: test-sqlite

# What of the package tests reach, by branches: on SQLite, and on the embedded PostgreSQL. Tracing
# makes tests four times as slow, so there is one case of each test, and it leaves out MariaDB,
# whose part of the package is the largest that is not reached. The floor is one below what was
# measured.
COVERAGE_FLOOR := 86
COVERAGE := CHUNKQS_CASES=1 CHUNKQS_EXAMPLES=5 $(BIN)/coverage run --parallel-mode -m pytest \
	$(PYTEST_ARGS) -m "not once_per_database" --ignore=tests/http/test_servers.py \
	--ignore=tests/project --ignore=tests/typing

coverage: $(VENV)/.dev
	$(BIN)/coverage erase
	DATABASE_URL=$(SQLITE) $(COVERAGE)
	env -u DATABASE_URL $(COVERAGE)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered --fail-under=$(COVERAGE_FLOOR)

# The matrix of noxfile.py, on the servers that TEST_DATABASE_URLS names (URLs, space-separated).
test-all: $(VENV)/.dev
	$(BIN)/python -m nox --session tests $(NOX_ARGS)

# With other people's packages, on Redis and RabbitMQ (REDIS_URL, CELERY_BROKER_URL).
ecosystem: $(VENV)/.dev
	$(BIN)/python -m nox --session ecosystem $(NOX_ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# mypy over the package, then both checkers over a project such as a user has.
types: $(VENV)/.dev
	$(BIN)/mypy
	DATABASE_URL=$(SQLITE) $(BIN)/python -m pytest --quiet tests/typing

# The distributions: built, checked, and the wheel tried in an empty environment.
package: $(VENV)/.dev
	rm -rf build dist
	$(BIN)/python -m build --outdir dist .
	$(BIN)/python -m twine check --strict dist/*
	$(BIN)/python -m venv --clear $(VENV)/empty
	$(VENV)/empty/bin/python -m pip --disable-pip-version-check --quiet install dist/*.whl
	cd $(VENV)/empty && bin/python -I -W error ../../tools/smoke.py

# The two rules of the package: what stands in which room, and which way imports go.
rooms: $(VENV)/.dev
	@DATABASE_URL=$(SQLITE) $(BIN)/python -m pytest --quiet tests/project/test_rooms.py

clean:
	rm -rf $(VENV) .nox build dist *.egg-info .coverage htmlcov
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache

$(BIN)/python:
	@test -n "$(PYTHON)" || { \
		echo "No Python 3.11 or newer with the module venv was found."; \
		echo "Name one: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.%: setup.py pyproject.toml | $(BIN)/python
	@echo "Installing chunkqs, and what the group $* in pyproject.toml names, into $(VENV)"
	@$(PIP) install --upgrade 'pip>=25.1'  # which knows groups
	@$(PIP) install --editable . --group $*
	@touch $@

# Every way to walk beside its peers, in about twenty minutes (ROWS=100000: two, of one round),
# on the embedded PostgreSQL and the servers of BENCH_DATABASE_URLS. The environment is
# one of its own, as Django takes psycopg 3 wherever that is installed.
bench_urls = $(or $(BENCH_DATABASE_URLS),$(TEST_DATABASE_URLS))

bench:
	@$(MAKE) --no-print-directory VENV=$(VENV)/bench benchmarks

benchmarks: $(VENV)/.bench $(if $(findstring mysql:,$(bench_urls)),$(VENV)/.mysql)
	@$(BIN)/python -m benchmarks
