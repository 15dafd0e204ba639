"""Orders that depend on the time: refused at the call, or before a row is lost."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
from django.db import connection
from django.db.models import CharField, F, Func, Value
from django.db.models.expressions import RawSQL

from chunkqs import keyset_iter
from chunkqs.errors import KeysetError
from tests.support.databases import vendor
from tests.support.exactness.kinds import run
from tests.support.models import Owner

ROWS = 12
TEXTS = {
    "postgresql": [
        *["clock_timestamp()", "random()", "rank - random ( )", "gen_random_uuid()", "now()"],
        *["CURRENT_DATE", "timeofday()", "age(now(), now())", "'now'::timestamptz"],
    ],
    "mysql": ["rand()", "sysdate(6)", "uuid()", "CURRENT_TIMESTAMP(6)", "unix_timestamp()"],
    "sqlite": ["random()", "datetime('now')", "strftime('%%s', 'now')", "date()", "julianday()"],
}[vendor()]
FINE = ["lower(name)", "rank * 2", "coalesce(name, 'unknown')"]
if vendor() == "sqlite":
    FINE += ["datetime(name, 'localtime')", "date(rank)"]


@pytest.mark.parametrize("sql", TEXTS)
def test_sql_that_has_a_new_value_in_each_query_is_refused_at_the_call(sql: str) -> None:
    with pytest.raises(KeysetError, match=r"stream\(\)"):
        keyset_iter(Owner.objects.order_by(RawSQL(sql, ()).desc()))


def test_a_function_that_is_told_the_time_is_refused_at_the_call() -> None:
    now = Func(Value("now"), function="datetime", output_field=CharField())
    with pytest.raises(KeysetError, match="current time"):
        keyset_iter(Owner.objects.order_by(now))


@pytest.fixture
def owners(committed_db: None) -> Iterator[None]:
    Owner.objects.all().delete()
    Owner.objects.bulk_create(Owner(name=str(n), rank=n) for n in range(ROWS))
    run("CREATE TABLE exact_clock (moment integer)")
    run("INSERT INTO exact_clock VALUES (1)")
    yield
    run("DROP TABLE exact_clock")
    Owner.objects.all().delete()
    connection.close()


@pytest.mark.parametrize("sql", FINE)
def test_sql_of_columns_is_walked(sql: str, owners: None) -> None:
    rows = Owner.objects.order_by(RawSQL(sql, ()))
    assert len(list(iter(keyset_iter(rows, chunk_size=3)))) == ROWS


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("bounded", [True, False])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_clock_that_strikes_between_two_chunks_loses_no_row(
    size: int, bounded: bool, descending: bool, owners: None
) -> None:
    clock = RawSQL("(SELECT moment FROM exact_clock)", ())
    rows: Any = Owner.objects.order_by(clock.desc() if descending else clock.asc())
    walk = iter(keyset_iter(rows, chunk_size=size, bounded=bounded))
    assert len(list(islice(walk, size))) == size
    run("UPDATE exact_clock SET moment = 2")
    with pytest.raises(KeysetError, match=r"stream\(\)"):
        list(walk)


def test_a_row_that_is_changed_by_another_is_no_clock(owners: None) -> None:
    rows = Owner.objects.order_by(RawSQL("rank * 2", ()))
    walk = iter(keyset_iter(rows, chunk_size=4))
    seen = [owner.rank for owner in islice(walk, 4)]
    Owner.objects.filter(rank=4).update(rank=F("rank") + 100)
    seen += [owner.rank for owner in walk]
    assert seen == [*range(4), *range(5, ROWS)]


@pytest.mark.database("mysql")
def test_json_that_is_not_compared_as_it_is_sorted_is_refused_at_the_call() -> None:
    document = "JSON_EXTRACT(name, '$.k')"
    with pytest.raises(KeysetError, match=r"JSON.*stream\(\)"):
        keyset_iter(Owner.objects.order_by(RawSQL(document, ())))
    keyset_iter(Owner.objects.order_by(RawSQL(f"JSON_UNQUOTE({document})", ())))
