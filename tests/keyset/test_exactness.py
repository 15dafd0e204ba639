"""A position is the database's own value: no row is lost, whatever the type of its column."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import Error, connection

from tests.support.databases import vendor
from tests.support.exactness import mysql, postgresql, sqlite
from tests.support.exactness.kinds import Kind, inspected, run, tables_of
from tests.support.exactness.oracle import FEW_SIZES, Oracle, assert_exact

KINDS = {"postgresql": postgresql.KINDS, "mysql": mysql.KINDS, "sqlite": sqlite.KINDS}[vendor()]
Tables = dict[str, str]


@pytest.fixture(scope="module")
def tables(committed_db: None) -> Iterator[Tables]:
    if vendor() == "postgresql":
        postgresql.set_up()
    if vendor() == "mysql":
        run("SET sql_mode = ''")  # what fits no type is stored as the nearest
    with tables_of(KINDS) as names:
        connection.close()
        yield names
    if vendor() == "postgresql":
        postgresql.tear_down()


@pytest.fixture
def own_session(tables: Tables) -> Iterator[None]:
    """Let a test set its session up, and leave it to no other."""
    yield
    connection.close()


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_walk_is_the_databases_own_result_by_any_type(kind: Kind, tables: Tables) -> None:
    model = inspected(tables[kind.type])
    assert_exact(Oracle.of_keys(model.objects.all(), "v", kind.refusal))
