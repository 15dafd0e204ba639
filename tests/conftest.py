"""Fixtures of the whole suite."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.signals import post_migrate
from django.test.utils import setup_databases, teardown_databases
from pytest_django import DjangoDbBlocker

from chunkqs import pytest_plugin
from tests.support import databases, models, sampling
from tests.support.leftovers import Leftovers
from tests.support.pgbouncer import Pgbouncer
from tests.support.private import second_alias
from tests.support.transient_errors import EVERY

# A shell has what it runs in the background ignore interrupts, and whatever that starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    # Where chunkqs is not installed, pytest does not find its plugin by itself.
    if not config.pluginmanager.is_registered(pytest_plugin):
        config.pluginmanager.register(pytest_plugin)
    # After each flush it would make 4 permissions for each model.
    post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
    for mark in (
        "database(*vendors): the test is for postgresql, mysql or sqlite alone",
        "django(major, minor): the test needs this Django or a newer one",
        "once_per_database: the same with every Django and driver; see noxfile.py",
        "celery: the test needs Celery",
        "pgbouncer: the test needs pgbouncer and a PostgreSQL server to put it in front of",
    ):
        config.addinivalue_line("markers", mark)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    databases.deselect(config, items)
    sampling.sample(config, items)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    databases.summarize(config, terminalreporter)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None,
) -> Iterator[None]:
    if not settings.USES_EMBEDDED:
        yield
        return
    with databases.embedded_postgresql():
        yield


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None,
    django_db_modify_db_settings: None,
    django_db_blocker: DjangoDbBlocker,
    django_db_keepdb: bool,
) -> Iterator[None]:
    """Make the test databases, whichever of them the tests are marked to use."""
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False, keepdb=django_db_keepdb)
        databases.set_up_sessions()
    yield
    with django_db_blocker.unblock():
        connections.close_all()
        teardown_databases(made, verbosity=0, keepdb=django_db_keepdb)


@contextmanager
def committing(blocker: DjangoDbBlocker) -> Iterator[None]:
    """Let rows be committed while the block runs, then flush."""
    with blocker.unblock():
        try:
            yield
        finally:
            call_command("flush", verbosity=0, interactive=False)
            connections.close_all()


@pytest.fixture(scope="module")
def committed_db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Let a module's tests share rows that are really committed; flush after the last."""
    with committing(django_db_blocker):
        yield


@pytest.fixture(scope="module")
def committed_users(committed_db: None) -> None:
    """Make users that are named by their numbers, with something that points to each."""
    for name in EVERY:
        user = models.User.objects.create(name=name, email=f"{name}@example.org")
        models.Nullable.objects.create(user=user)


@pytest.fixture
def numbered_users(committed_users: None) -> Iterator[None]:
    """Let a test walk the numbered users, and do to its connection what it likes."""
    yield
    connections["default"].close()


@pytest.fixture
def other_connection(numbered_users: None) -> Iterator[BaseDatabaseWrapper]:
    """Yield another connection to the test database."""
    with second_alias() as second:
        second.ensure_connection()
        yield second


@pytest.fixture
def nothing_left_open() -> Iterator[Leftovers]:
    """Fail the test when it leaves a cursor or a connection open on the server.

    Ask for it after the database fixture. In the middle of a test,
    `nothing_left_open.check()` looks at once.
    """
    leftovers = Leftovers("default")
    yield leftovers
    leftovers.check()


@pytest.fixture(scope="session")
def pgbouncer(django_db_setup: None) -> Iterator[Pgbouncer]:
    """Run a pgbouncer in transaction pooling in front of the test database."""
    with Pgbouncer.running(connections["default"].settings_dict) as server:
        yield server


@pytest.fixture
def through_pgbouncer(pgbouncer: Pgbouncer, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """Yield the alias of a connection to the test database that goes through pgbouncer.

    The test runs in autocommit, without a transaction around it: do not ask for `db` too.
    """
    settings_dict = {**connections["default"].settings_dict, **pgbouncer.address}
    with committing(django_db_blocker):
        connections.settings["pgbouncer"] = settings_dict
        try:
            yield "pgbouncer"
        finally:
            connections["pgbouncer"].close()
            del connections["pgbouncer"], connections.settings["pgbouncer"]
