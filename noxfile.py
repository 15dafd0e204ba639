"""The test matrix: Python and Django versions, drivers and databases (`make test-all`).

TEST_DATABASE_URLS names the servers to test on: URLs, separated by spaces. Without
a PostgreSQL among them an embedded one serves. In front of a server that is named,
the tests start a pgbouncer of their own.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import nox


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
SQLITE = "sqlite:///chunkqs.sqlite3"
#: The same on every version and database: `make test` runs them, the matrix does not.
ONCE = ["tests/project/test_embedded.py", "tests/project/test_example_site.py"]
#: They take a million rows, and show how a database plans: with the newest Django, these
#: drivers run them on servers. `make test` does on the others.
LARGE = ["tests/keyset/test_plans.py"]
LARGE_DRIVERS = {"psycopg2", "mysql"}

#: Other people's packages, of which the tests in tests/ecosystem/ are.
ECOSYSTEM = [
    "celery>=5.5",
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
    "psycogreen>=1.0",
    "wagtail>=7.0",
]

nox.needs_version = ">=2024.10.9"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
nox.options.reuse_existing_virtualenvs = True


@nox.session(venv_backend="venv")
@nox.parametrize("driver", [nox.param(driver, id=driver) for driver in DRIVERS])
@nox.parametrize(("python", "django"), MATRIX)
def tests(session: nox.Session, django: str, driver: str) -> None:
    """Run the suite on every database that the driver can reach."""
    urls = database_urls(driver)
    if not urls:
        session.skip("TEST_DATABASE_URLS names no MariaDB or MySQL")
    extras = "tests" if driver == "sqlite" else f"tests,{driver}"
    session.install("--quiet", "--editable", f".[{extras}]", f"Django~={django}.0")
    runs_large = django == list(VERSIONS)[-1] and driver in LARGE_DRIVERS
    left_out = ONCE if runs_large else ONCE + LARGE
    arguments = [f"--ignore={path}" for path in left_out] + session.posargs
    for url in urls:
        session.run("python", "-m", "pytest", *arguments, env={"DATABASE_URL": url})


@nox.session(venv_backend="venv", python=interpreter("3.13"))
def ecosystem(session: nox.Session) -> None:
    """Walk with other people's packages, of which some need Redis and RabbitMQ."""
    session.install("--quiet", "--editable", ".[tests,psycopg2]", "Django~=5.2.0", *ECOSYSTEM)
    arguments = ["--ds=tests.ecosystem.settings", "tests/ecosystem", *session.posargs]
    for url in database_urls("psycopg2"):
        # A database of its own: other sessions may run at the same time.
        env = {"DATABASE_URL": f"{url}_ecosystem" if url else None}
        session.run("python", "-m", "pytest", *arguments, env=env)


def database_urls(driver: str) -> list[str | None]:
    """Return the URLs for a driver; None stands for the embedded PostgreSQL."""
    schemes = DRIVERS[driver]
    named = os.environ.get("TEST_DATABASE_URLS", "").split()
    urls: list[str | None] = [url for url in named if url.split(":")[0] in schemes]
    if driver.startswith("psycopg"):
        return urls or [None]
    return urls or ([SQLITE] if driver == "sqlite" else [])
