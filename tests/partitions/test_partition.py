"""A partition is a value: it travels as text, and is a queryset wherever it arrives."""

from __future__ import annotations

import json
import pickle
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.db.models import F, Max, Sum
from django.db.models.functions import Collate
from django.test.utils import CaptureQueriesContext

import chunkqs
from chunkqs import ChunkedQuerySet, InvalidPosition, KeysetError, Partition
from tests.support.keysets import pks
from tests.support.models import Category, Composite, Event, Nullable, Plain, User, Uuid, Worded
from tests.support.rows import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def events() -> list[Any]:
    make(Event, 100)
    return pks(Event.objects.order_by("pk"))


def test_a_partition_is_a_plain_value_and_its_text_is_its_token(events: list[Any]) -> None:
    partition = Event.objects.partitions(4)[1]
    assert (partition.number, partition.rows) == (1, 25)
    assert str(partition) == partition.token == f"{partition}"
    assert partition == Partition(1, 25, partition.token)
    assert pickle.loads(pickle.dumps(partition)) == partition
    with pytest.raises(AttributeError):
        partition.rows = 3


def test_a_token_is_short_and_passes_through_json_and_urls(events: list[Any]) -> None:
    for partition in Event.objects.partitions(4):
        token = str(partition)
        assert quote(token, safe="") == token
        assert json.loads(json.dumps(token)) == token
        assert len(token) < 120


def test_a_partition_is_narrowed_by_the_value_or_by_its_token(events: list[Any]) -> None:
    for partition in Event.objects.partitions(4):
        by_value, by_token = map(Event.objects.partition, (partition, str(partition)))
        assert pks(by_value) == pks(by_token) == events[partition.number * 25 :][:25]


def test_a_partition_is_a_chunked_queryset_and_everything_chains_on_it(events: list[Any]) -> None:
    partition = Event.objects.partitions(4)[2]
    part = Event.objects.partition(partition)
    assert isinstance(part, ChunkedQuerySet)
    expected = events[50:75]
    assert [event.pk for event in part.stream()] == expected
    assert [event.pk for event in part.keyset_iter(chunk_size=7)] == expected
    assert [event.pk for chunk in part.chunks(7) for event in chunk] == expected
    assert pks(part.filter(pk__gt=expected[5])) == expected[6:]
    assert pks(part.reverse()) == expected[::-1]
    assert pks(part.order_by("-pk")[:3]) == expected[:-4:-1]
    assert part.aggregate(last=Max("pk")) == {"last": expected[-1]}
    assert part.count() == 25
    assert [p.rows for p in part.partitions(2)] == [12, 13]


def test_a_partition_is_updated_and_deleted_alone(events: list[Any]) -> None:
    part = Event.objects.partition(Event.objects.partitions(4)[2])
    assert part.update(kind="changed") == 25
    assert pks(Event.objects.filter(kind="changed").order_by("pk")) == events[50:75]
    part.delete()
    assert pks(Event.objects.order_by("pk")) == events[:50] + events[75:]


def test_partitions_by_other_columns_are_changed_alone(events: list[Any]) -> None:
    users = User.objects.order_by("pk")
    users.filter(pk__gt=users[1].pk).update(name="zz")
    queryset = Event.objects.order_by("user__name", "-kind")
    changed = 0
    for number, partition in enumerate(queryset.partitions(size=30)):
        changed += queryset.partition(partition).update(status=1000 + number)
    assert changed == 100
    statuses = list(queryset.order_by("user__name", "-kind", "pk").values_list("status", flat=True))
    assert sorted(statuses) == [1000] * 30 + [1001] * 30 + [1002] * 30 + [1003] * 10


def test_what_is_inserted_outside_of_all_rows_is_in_a_partition(events: list[Any]) -> None:
    Event.objects.filter(pk__in=[events[0], events[-1]]).delete()
    partitions = Event.objects.partitions(3)
    example = Event.objects.earliest("pk")
    for pk in (events[0], events[-1], events[-1] + 1000):
        example.pk = pk
        example.save(force_insert=True)
    found = [pks(Event.objects.partition(partition)) for partition in partitions]
    assert sum(found, []) == pks(Event.objects.order_by("pk"))


def test_what_is_deleted_at_a_boundary_changes_no_other_partition(events: list[Any]) -> None:
    partitions = Event.objects.partitions(4)
    Event.objects.filter(pk__in=events[20:30]).delete()
    found = [pks(Event.objects.partition(partition)) for partition in partitions]
    assert found == [events[:20], events[30:50], events[50:75], events[75:]]


def test_another_filter_may_go_with_a_partition(events: list[Any]) -> None:
    partition = Event.objects.filter(status=1).partitions(2)[0]
    others = Event.objects.exclude(status=1)
    whole = [pks(others.partition(p)) for p in Event.objects.filter(status=1).partitions(2)]
    assert sum(whole, []) == pks(others.order_by("pk"))
    assert pks(others.partition(partition)) == whole[0]


def test_partitions_of_a_size_are_lazy_and_begin_again(events: list[Any]) -> None:
    with CaptureQueriesContext(connection) as queries:
        partitions = Event.objects.partitions(size=10)
        assert len(queries) == 0
        next(iter(partitions))
        assert len(queries) == 2
        assert [partition.rows for partition in partitions] == [10] * 10
    assert "Event" in repr(partitions)
    Event.objects.filter(pk__gt=events[14]).delete()
    assert [partition.rows for partition in partitions] == [10, 5]


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_there_are_no_more_partitions_than_rows_and_never_none(rows: int) -> None:
    make(User, rows)
    for partitions in (User.objects.partitions(8), list(User.objects.partitions(size=1))):
        assert len(partitions) == max(rows, 1)
        assert sum(partition.rows for partition in partitions) == rows
    nothing = User.objects.none().partitions(8)
    assert len(nothing) == 1
    assert pks(User.objects.none().partition(nothing[0])) == []


def test_a_related_manager_and_the_functions_have_partitions(events: list[Any]) -> None:
    user = User.objects.earliest("pk")
    own = user.event_set.order_by("pk")
    found = [pks(user.event_set.partition(p)) for p in user.event_set.partitions(3)]
    assert sum(found, []) == pks(own)
    assert len(found) == 3
    make(Plain, 10)
    rows = Plain._base_manager.order_by("-number")
    parts = [pks(chunkqs.partition(rows, p)) for p in chunkqs.partitions(rows, size=3)]
    assert sum(parts, []) == pks(rows.order_by("-number", "-pk"))


@pytest.mark.parametrize(
    ("model", "order"),
    [
        (Uuid, ["-id"]),
        (Worded, ["code"]),
        (Composite, ["pk"]),
        (Composite, ["-number", "tenant"]),
        (Nullable, [F("number").desc(nulls_first=True), "text"]),
    ],
)
def test_keys_of_every_kind_are_divided(model: Any, order: list[Any]) -> None:
    make(model, 23)
    queryset = model.objects.order_by(*order)
    for partitions in (queryset.partitions(5), queryset.partitions(size=4)):
        found = [pks(queryset.partition(str(partition))) for partition in partitions]
        assert sum(found, []) == pks(queryset.order_by(*order, "pk"))


COLLATIONS = {
    "postgresql": ["C", "pg_c_utf8", "und-x-icu", "en-US-x-icu"],
    "mysql": ["utf8mb4_bin", "utf8mb4_unicode_ci"],
    "sqlite": ["BINARY", "NOCASE"],
}


def collations() -> list[str]:
    """Name those that the server has: PostgreSQL may be built without ICU."""
    known = COLLATIONS[connection.vendor]
    if connection.vendor != "postgresql":
        return known
    with connection.cursor() as cursor:
        cursor.execute("SELECT collname FROM pg_collation WHERE collname = ANY(%s)", [known])
        return [name for (name,) in cursor.fetchall()]


def test_text_is_divided_under_any_collation() -> None:
    for name in ["a", "A", "b", "B", "ä", "Ä", "z", "_", "é", "E", "a b", "ab", "ß", "ss", ""]:
        Category.objects.create(name=name)
    for collation in collations():
        queryset = Category.objects.order_by(Collate("name", collation), "pk")
        found = [pks(queryset.partition(p)) for p in queryset.partitions(size=2)]
        assert sum(found, []) == pks(queryset)
        assert set(map(len, found[:-1])) == {2}


@pytest.mark.parametrize(
    "other",
    [
        lambda: User.objects.all(),
        lambda: Event.objects.order_by("-pk"),
        lambda: Event.objects.order_by("kind"),
    ],
)
def test_a_token_of_another_model_or_order_is_refused(events: list[Any], other: Any) -> None:
    partition = Event.objects.partitions(2)[0]
    for given in (partition, str(partition)):
        with pytest.raises(InvalidPosition, match="another"):
            other().partition(given)


def test_a_changed_token_is_refused(events: list[Any]) -> None:
    token = str(Event.objects.partitions(2)[0])
    changed = token[:20] + ("A" if token[20] != "A" else "B") + token[21:]
    for given in (changed, token[:-1], token + "x", "", None, 5, token.upper(), b"p1.a.b"):
        with pytest.raises(InvalidPosition):
            Event.objects.partition(given)


def test_a_partition_is_no_position_and_a_position_no_partition(events: list[Any]) -> None:
    chunk = next(iter(Event.objects.chunks(5)))
    with pytest.raises(InvalidPosition, match=r"partitions\(\)"):
        Event.objects.partition(chunk.position)
    token = str(Event.objects.partitions(2)[0])
    for given in (token, token[1:]):
        with pytest.raises(InvalidPosition):
            Event.objects.keyset_iter(after=given)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, TypeError),
        ({"n": 2, "size": 3}, TypeError),
        ({"n": 0}, ValueError),
        ({"n": -1}, ValueError),
        ({"n": 2.0}, TypeError),
        ({"n": True}, TypeError),
        ({"n": "2"}, TypeError),
        ({"size": 0}, ValueError),
        ({"size": 1.5}, TypeError),
        ({"size": 2**40}, ValueError),
    ],
)
def test_wrong_arguments_raise_before_any_query(arguments: Any, error: type[Exception]) -> None:
    with CaptureQueriesContext(connection) as queries, pytest.raises(error):
        Event.objects.partitions(**arguments)
    assert len(queries) == 0


@pytest.mark.parametrize(
    "queryset",
    [
        lambda: Event.objects.order_by("?"),
        lambda: Event.objects.all()[:5],
        lambda: Event.objects.all().union(Event.objects.all()),
        lambda: Event.objects.values("kind").annotate(sum=Sum("status")),
    ],
)
def test_queries_without_an_order_raise_before_any_query(queryset: Any) -> None:
    with CaptureQueriesContext(connection) as queries:
        for arguments in ({"n": 2}, {"size": 2}):
            with pytest.raises(KeysetError, match="stream"):
                queryset().partitions(**arguments)
    assert len(queries) == 0


def test_a_lock_is_taken_by_the_partition_not_by_its_search(events: list[Any]) -> None:
    queryset = Event.objects.select_for_update()
    with CaptureQueriesContext(connection) as queries:
        partitions = queryset.partitions(4)
    assert not any("FOR UPDATE" in query["sql"] for query in queries)
    found = [pks(queryset.partition(partition)) for partition in partitions]
    assert sum(found, []) == events
