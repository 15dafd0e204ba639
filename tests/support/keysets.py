"""What the tests of keysets share: a walk without the machinery around it, and rows."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from chunkqs.keyset import tokens as positions
from chunkqs.keyset.keyset import Keyset
from chunkqs.keyset.query import KeysetQuery
from chunkqs.keyset.statement_template import Open
from chunkqs.sources.column_types import read_types
from tests.support.models import Owner, Ranked, State

RawRows = list[tuple[Any, ...]]


def fetch(statements: Iterable[Open], limit: int) -> RawRows:
    """Run one statement after the other until there are so many rows."""
    rows: RawRows = []
    for statement in statements:
        if len(rows) < limit:
            with connection.cursor() as cursor:
                cursor.execute(*statement(limit - len(rows)))
                rows += cursor.fetchall()
    return [tuple(bytes(v) if isinstance(v, memoryview) else v for v in row) for row in rows]


def query_of(keyset: Keyset) -> KeysetQuery:
    """Return a query that knows of which types its columns are."""
    query = KeysetQuery(keyset, connection)
    read_types(query, connection)
    return query


def walk(
    keyset: Keyset,
    size: int,
    after: str | None = None,
    until: str | None = None,
    bounded: bool = False,
) -> RawRows:
    """Return the raw rows of a whole walk, whose positions all went through a token."""
    query = query_of(keyset)
    start = None if after is None else positions.decode(keyset.signature, after)
    end = None if until is None else positions.decode(keyset.signature, until)
    if bounded and end is None:
        backwards = query.keys_from_end
        last = fetch(backwards.statements(None, None), 1)
        end = backwards.position(last[0]) if last else None
    rows: RawRows = []
    while True:
        block = fetch(query.statements(start, end), size)
        query.check(start, block)
        rows += block
        if len(block) < size:
            return rows
        start = positions.decode(keyset.signature, token(keyset, query, block[-1]))


def token(keyset: Keyset, query: KeysetQuery, raw_row: Sequence[Any]) -> str:
    return positions.encode(keyset.signature, query.position(raw_row))


def token_of(keyset: Keyset, number: int) -> str:
    """Return the token behind the row of this number, from 0."""
    query = query_of(keyset)
    return token(keyset, query, fetch(query.statements(None, None), number + 1)[number])


def pks(queryset: QuerySet[Any, Any]) -> list[Any]:
    return list(queryset.values_list("pk", flat=True))


MOMENT = datetime(2024, 3, 31, 0, 59, 59, 999_999, tzinfo=UTC)
#: Few values of each type, near to each other, so that there are many ties.
VALUES: dict[str, list[Any]] = {
    "number": [-1, 0, 1, 2],
    "maybe": [None, None, 0, 1, 7],
    "amount": [None, Decimal("0.1"), Decimal("0.100001"), Decimal("12345678901234.567891")],
    "ratio": [None, 0.1, 0.30000000000000004, 0.3, -1e-300, 1.7976931348623157e308],
    "text": [None, "", "a", "A", "a ", "ä", "b", "%s", "a'b", "\U0001f600"],
    "moment": [MOMENT, MOMENT + timedelta(microseconds=1), MOMENT - timedelta(days=1)],
    "seen_at": [None, MOMENT, MOMENT.replace(microsecond=0), MOMENT.replace(microsecond=500_000)],
    "day": [None, date(2024, 2, 29), date(1970, 1, 1)],
    "clock": [None, time(0), time(23, 59, 59, 999_999), time(12, 0, 0, 1)],
    "span": [None, timedelta(0), timedelta(microseconds=-1), timedelta(days=3, seconds=1)],
    "flag": [None, True, False],
    "code": [None, UUID(int=1), UUID(int=2**127 + 1), UUID(int=2**64)],
    "data": [None, b"", b"\x00", b"\x00\xff", b"a"],
    "state": [None, *State],
}


def fill(groups: int, most: int, seed: int) -> None:
    """Make `groups` groups of up to `most` Ranked rows, each named by its number."""
    source = random.Random(seed)
    values = dict(VALUES)
    if connection.vendor == "postgresql":
        values["ratio"] = [*values["ratio"], float("nan"), float("inf"), float("-inf")]
    owners = [
        Owner.objects.create(name=source.choice([None, "a", "A", "b"]), rank=rank)
        for rank in (None, None, 1, 1, 2)
    ]
    Ranked.objects.bulk_create(
        Ranked(
            owner=source.choice([None, *owners]),
            name=str(group),
            **{name: source.choice(choices) for name, choices in values.items()},
        )
        for group in range(groups)
        for _ in range(source.randint(0, most))
    )
