"""A position is the database's own value: no row is lost, whatever the type of its column."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext, suppress
from itertools import islice
from typing import Any

import pytest
from django.db import Error, connection, models

from chunkqs import ChunkedQuerySet, keyset_iter
from chunkqs.errors import InvalidPosition, KeysetError
from tests.support.databases import vendor
from tests.support.exactness import mysql, postgresql, sqlite
from tests.support.exactness.kinds import Kind, create, inspected, run, tables_of, unmanaged
from tests.support.exactness.oracle import FEW_SIZES, Oracle, assert_exact
from tests.support.private import second_alias

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


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_walk_that_selects_its_column_is_exact_where_django_reads_it(
    kind: Kind, tables: Tables
) -> None:
    rows = inspected(tables[kind.type]).objects.order_by("-v", "pk")
    try:
        expected = [row.pk for row in rows]
    except (Error, ValueError, TypeError, ArithmeticError):
        return  # Django itself has no Python value for one of them
    got: list[int] = []
    try:
        for row in islice(keyset_iter(rows, chunk_size=3), 2 * len(expected)):
            got.append(row.pk)
    except KeysetError:
        assert kind.refused
        assert got == expected[: len(got)]
    else:
        assert got == expected


#: Fields that a model may declare for a column of whichever type.
DECLARED: list[type[models.Field[Any, Any]]] = [
    *(models.FloatField, models.DurationField, models.DateTimeField, models.DateField),
    *(models.TextField, models.IntegerField, models.UUIDField, models.BooleanField),
    *(models.BinaryField, models.TimeField, models.GenericIPAddressField),
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_field_of_another_type_than_its_column_loses_no_row(kind: Kind, tables: Tables) -> None:
    for field in DECLARED:
        key = models.BigIntegerField(primary_key=True)
        model = unmanaged(tables[kind.type], id=key, v=field(null=True))
        keys: Any = ChunkedQuerySet(model).order_by("v", "pk").values_list("pk", flat=True)
        expected, got, parts = list(keys), [], []
        with suppress(KeysetError) if kind.refused else nullcontext():
            for pk in keyset_iter(keys, chunk_size=3):
                got.append(pk)
            for partition in keys.partitions(2):
                parts += keys.partition(partition)
        assert got == expected[: len(got)], field.__name__
        assert kind.refused or got == parts == expected, field.__name__


if postgresql.IS_PSYCOPG_3:

    @pytest.mark.database("postgresql")
    @pytest.mark.parametrize("kind", KINDS, ids=str)
    def test_values_that_the_server_binds_are_compared_as_they_are(
        kind: Kind, tables: Tables
    ) -> None:
        with second_alias(OPTIONS={"server_side_binding": True}):
            rows = inspected(tables[kind.type]).objects.using("second")
            assert_exact(Oracle.of_keys(rows, "-v", kind.refusal, sizes=(2,)))


@pytest.mark.database("postgresql")
@pytest.mark.usefixtures("own_session")
@pytest.mark.parametrize(("session", "type_name"), postgresql.SHOWN)
def test_no_setting_of_the_session_changes_what_is_compared(
    session: str, type_name: str, tables: Tables
) -> None:
    model = inspected(tables[type_name])
    # Where the server writes no more digits than it was told to, refusing is all there is.
    refusal = ("'v'",) if "float_digits" in session or "[]" in type_name else None
    run(session)
    assert_exact(Oracle.of_keys(model.objects.all(), "v", refusal, sizes=(1, 4)))


@pytest.mark.database("postgresql")
@pytest.mark.usefixtures("own_session")
@pytest.mark.parametrize(("session", "type_name"), postgresql.SHOWN)
def test_a_token_names_the_same_row_in_another_session(
    session: str, type_name: str, tables: Tables
) -> None:
    queryset = inspected(tables[type_name]).objects.order_by("v", "pk").values_list("pk", flat=True)
    expected = list(queryset)
    run(session)
    tokens = tokens_of(queryset)
    connection.close()
    for number, token in enumerate(tokens):
        try:
            got = list(iter(keyset_iter(queryset, after=token)))
        except (InvalidPosition, KeysetError):
            continue
        assert got == expected[number + 1 :], number


@pytest.mark.database("postgresql")
def test_a_type_that_shows_fewer_digits_than_it_has_is_refused(tables: Tables) -> None:
    kind = Kind("seg", ["1..2", "1.0", "1.00", "~1", "0.1234567", "0.123457"], "seg")
    create("exact_seg", kind)
    key = models.IntegerField(primary_key=True)
    model = unmanaged("exact_seg", id=key, v=models.TextField(null=True))
    assert_exact(Oracle.of_keys(model.objects.all(), "v", kind.refusal))
    run("DROP TABLE exact_seg")


def tokens_of(queryset: Any) -> list[str]:
    """Return the tokens of all rows, or none where the session is refused."""
    try:
        rows = keyset_iter(queryset, chunk_size=1000)
        return [rows.position for _ in rows if rows.position is not None]
    except KeysetError:
        return []


@pytest.mark.parametrize("size", FEW_SIZES)
def test_a_token_of_each_type_goes_on_in_a_new_connection(size: int | None, tables: Tables) -> None:
    for kind in KINDS:
        if kind.refused:
            continue
        queryset = inspected(tables[kind.type]).objects.order_by("v", "pk")
        queryset = queryset.values_list("pk", flat=True)
        rows = iter(walk := keyset_iter(queryset, chunk_size=size))
        first = [next(rows) for _ in range(3)]
        token = walk.position
        connection.close()
        assert first + list(iter(keyset_iter(queryset, after=token))) == list(queryset), kind
