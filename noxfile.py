"""The test matrix: Python and Django versions, drivers and databases (`make test-all`).

TEST_DATABASE_URLS names the servers to test on: URLs, separated by spaces. Without
a PostgreSQL among them an embedded one serves. In front of a server that is named,
the tests start a pgbouncer of their own. TEST_DRIVERS names the drivers to test with, and
TEST_PAIRS=all brings the pairs of a Django and a driver that are left out otherwise.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import nox
from nox.command import CommandFailed


def interpreter(version: str) -> str:
    """Find a Python that runs: by its name, else among pyenv's, whose shims may be switched off."""
    name = f"python{version}"
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for path in [name, *map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/{name}")))]:
        try:
            subprocess.run([path, "--version"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return path
    return name


#: Each Django with a Python that it supports. Every version is listed here and in setup.py.
VERSIONS = {"5.2": "3.11", "6.0": "3.12", "6.1": "3.13"}
NEWEST = list(VERSIONS)[-1]
MATRIX = [
    nox.param(interpreter(python), django, id=f"Django {django}, Python {python}")
    for django, python in VERSIONS.items()
]
#: Each driver's extra, with the beginnings of the URLs that it can open.
DRIVERS = {
    "psycopg2": ("postgres", "postgresql"),
    "psycopg": ("postgres", "postgresql"),
    "mysql": ("mysql",),
    "sqlite": ("sqlite",),
}
#: Each Django with the drivers that it runs with: the newest on every database, psycopg 3 with the
#: one before. What breaks with a driver breaks in a version and stays so in the next; and every
#: session reads the parts of Django that are leant on, line by line. The oldest runs with
#: psycopg2, on the embedded PostgreSQL, and with SQLite where `make test` has the oldest Python,
#: as it has in CI. TEST_PAIRS=all runs every pair.
PAIRS: dict[str, list[str]] = {
    "5.2": [],
    "6.0": ["psycopg"],
    "6.1": ["psycopg2", "mysql", "sqlite"],
}
#: The same on every version and database: `make test` runs them, the matrix does not.
ONCE = [
    "tests/project/test_embedded.py",
    "tests/project/test_example_site.py",
    "tests/typing/test_checkers.py",
]
#: Tests that are marked `once_per_database` show how a database plans, and how it locks: by the
#: statements, which are the same from every Django and driver. With the newest Django, these
#: drivers run them.
DRIVERS_ONCE_PER_DATABASE = {"psycopg2", "mysql", "sqlite"}
#: Orders and sizes that are made up, the same first ones in each session.
EXAMPLES = {NEWEST: "150"}
FEWER_EXAMPLES = "60"

#: Other people's packages, of which the tests in tests/ecosystem/ are.
ECOSYSTEM = [
    "celery>=5.5",
    "daphne>=4.1",
    "django-cacheops>=7.2",
    "django-db-geventpool>=4.0",
    "django-import-export>=4.3",
    "django-model-utils>=5.0",
    "django-polymorphic>=4.1",
    "django-postgres-extra>=2.0",
    "django-prometheus>=2.3",
    "django-silk>=5.3",
    "django-simple-history>=3.10",
    "django-taggit>=6.1",
    "django-tenants>=3.8",
    "django-tree-queries>=0.20",
    "djangorestframework>=3.16",
    "gevent>=24.2",
    "hypercorn>=0.17",
    "psycogreen>=1.0",
    "wagtail>=7.0",
]

nox.needs_version = ">=2024.10.9"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
nox.options.reuse_existing_virtualenvs = True


@nox.session(venv_backend="venv")
@nox.parametrize(("python", "django"), MATRIX)
def tests(session: nox.Session, django: str) -> None:
    """Run the suite by each driver, on every database that it can reach."""
    runs = [(driver, url) for driver in drivers(django) for url in database_urls(driver, django)]
    if not runs:
        session.skip("TEST_DRIVERS and TEST_DATABASE_URLS leave nothing to run")
    # One environment for all: tests/settings.py hides the other drivers from each.
    extras = ",".join(sorted({driver for driver, _ in runs} - {"sqlite"}))
    install(session, f".[{extras}]" if extras else ".", f"Django~={django}.0")
    failed = [
        f"{driver} on {url or 'the embedded PostgreSQL'}"
        for driver, url in runs
        if not passes(session, django, driver, url)
    ]
    if failed:
        session.error("Failed: " + ", ".join(failed))


@nox.session(venv_backend="venv", python=interpreter("3.13"))
def ecosystem(session: nox.Session) -> None:
    """Walk with other people's packages, of which some need Redis and RabbitMQ."""
    install(session, ".[psycopg2]", "Django~=5.2.0", *ECOSYSTEM)
    arguments = ["--ds=tests.ecosystem.settings", "tests/ecosystem", *session.posargs]
    for url in database_urls("psycopg2", NEWEST):
        # A database of its own: other sessions may run at the same time.
        env = {"DATABASE_URL": f"{url}_ecosystem" if url else None}
        session.run("python", "-m", "pytest", *arguments, env=env)


def install(session: nox.Session, package: str, *requirements: str) -> None:
    """Install the package, and what the tests need."""
    session.install("--quiet", "--upgrade", "pip>=25.1")  # which knows groups
    session.install("--quiet", "--editable", package, "--group", "tests", *requirements)


def passes(session: nox.Session, django: str, driver: str, url: str | None) -> bool:
    """Run the suite on one database."""
    arguments = [f"--ignore={path}" for path in ONCE] + session.posargs
    if django != NEWEST or driver not in DRIVERS_ONCE_PER_DATABASE:
        arguments += ["-m", "not once_per_database"]
    environment = {
        "DATABASE_URL": url,
        "TEST_DRIVER": driver,
        "CHUNKQS_EXAMPLES": EXAMPLES.get(django, FEWER_EXAMPLES),
    }
    try:
        session.run("python", "-m", "pytest", *arguments, env=environment)
    except CommandFailed:
        return False
    return True


def drivers(django: str) -> list[str]:
    """Return the drivers to run with this Django."""
    paired = list(DRIVERS) if os.environ.get("TEST_PAIRS") == "all" else PAIRS[django]
    named = os.environ.get("TEST_DRIVERS", "").split() or DRIVERS
    return [driver for driver in paired if driver in named]


def database_urls(driver: str, django: str) -> list[str | None]:
    """Return the URLs for a driver; None stands for the embedded PostgreSQL."""
    named = os.environ.get("TEST_DATABASE_URLS", "").split()
    urls: list[str | None] = [url for url in named if url.split(":")[0] in DRIVERS[driver]]
    if driver.startswith("psycopg"):
        return urls or [None]
    # A file for each Django, as two may run at a time.
    return urls or ([f"sqlite:///chunkqs-{django}.sqlite3"] if driver == "sqlite" else [])
