"""Timestamps with time zone come out as by Django's iteration, in whatever zone it reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.db.models import F, Model, QuerySet
from django.db.models.expressions import RawSQL
from django.test import override_settings

from chunkqs import keyset_iter, stream
from chunkqs.databases import database_of
from tests.support.models import Nullable

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database("postgresql")]

#: As PostgreSQL reads them. The clocks of Berlin, of Lord Howe and of St. John's are put back in
#: some; a zone's first offset has seconds.
MOMENTS = [
    "2024-10-27 00:30:00+00", "2024-10-27 01:30:00+00", "2024-03-31 00:59:59.999999+00",
    "2024-04-06 14:30:00+00", "2024-04-06 15:15:00+00", "1999-10-31 02:01:00.5+00",
    "1850-01-01 12:00:00.000001+00", "0001-01-03 00:00:00+00", "9999-12-29 23:59:59.999999+00",
    "2024-02-29 23:59:59.12+00", "1970-01-01 00:00:00+00",
]  # fmt: skip
#: What no datetime can hold.
IMPOSSIBLE = ["infinity", "-infinity", "0044-03-15 12:00:00+00 BC", "10000-01-01 00:00:00+00"]
ZONES = ["UTC", "Etc/UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"]

Walk = Callable[[QuerySet[Any, Any]], Any]
WALKS: dict[str, Walk] = {
    "a private connection": lambda queryset: stream(queryset, private=True),
    "a private connection, not ahead": lambda queryset: stream(
        queryset, private=True, read_ahead=False
    ),
    "one query": stream,
    "keyset": lambda queryset: keyset_iter(queryset, chunk_size=4),
}
by_every_walk = pytest.mark.parametrize("walk", WALKS.values(), ids=list(WALKS))


@pytest.fixture
def moments(transactional_db: None) -> QuerySet[Any, Any]:
    Nullable.objects.bulk_create([Nullable(number=n) for n in range(len(MOMENTS) + 1)])
    put(MOMENTS)
    return Nullable.objects.order_by("pk")


def put(texts: list[str]) -> None:
    first = Nullable.objects.order_by("pk").values_list("pk", flat=True)[0]
    with connection.cursor() as cursor:
        for number, text in enumerate(texts):
            cursor.execute(
                "UPDATE tests_nullable SET moment = %s::timestamptz WHERE id = %s",
                [text, first + number],
            )


@pytest.fixture
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let Django read in another zone; None switches zones off."""
    if request.param is None:
        with override_settings(USE_TZ=False, TIME_ZONE="Europe/Berlin"):
            connection.close()
            yield
        connection.close()
        return
    monkeypatch.setitem(connection.settings_dict, "TIME_ZONE", request.param)
    forget_zone()
    yield
    monkeypatch.undo()
    forget_zone()


def forget_zone() -> None:
    connection.close()
    for name in ("timezone", "timezone_name"):
        connections["default"].__dict__.pop(name, None)


def shown(value: Any) -> Any:
    """Return all there is to a moment: its zone and fold make no difference to equality."""
    if isinstance(value, Model):
        value = value.__dict__["moment"]
    if isinstance(value, tuple | list):
        return [shown(part) for part in value]
    if value is None:
        return None
    bounds = [getattr(value, name, None) for name in ("lower", "upper")]
    return type(value), repr(value), getattr(value, "fold", None), list(map(shown_bound, bounds))


def shown_bound(value: Any) -> Any:
    return None if value is None else (type(value), repr(value), value.fold)


@by_every_walk
@pytest.mark.parametrize("zone", [*ZONES, None], indirect=True)
def test_moments_are_as_django_reads_them(
    zone: None, moments: QuerySet[Any, Any], walk: Walk
) -> None:
    as_array = RawSQL("ARRAY[moment, NULL]", [], output_field=None)
    as_range = RawSQL("tstzrange(moment, '2100-01-01')", [], output_field=None)
    readable = moments.exclude(number__gte=len(MOMENTS) - 4).annotate(m=F("moment"))
    for queryset in (
        moments,
        readable.values_list("moment", "m"),
        readable.values_list(as_array, as_range),
    ):
        assert shown(list(iter(walk(queryset)))) == shown(list(queryset))
    with transaction.atomic():
        assert shown(list(iter(stream(moments)))) == shown(list(moments))


@by_every_walk
@pytest.mark.parametrize("text", IMPOSSIBLE)
def test_moments_that_python_has_not_are_refused_as_by_django(
    moments: QuerySet[Any, Any], walk: Walk, text: str
) -> None:
    put([text])
    expected = outcome(lambda: shown(list(moments)))
    assert outcome(lambda: shown(list(iter(walk(moments))))) == expected


def test_moments_in_another_style_are_refused_as_by_django(moments: QuerySet[Any, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET datestyle TO 'SQL, DMY'")
    expected = outcome(lambda: shown(list(moments)))
    assert outcome(lambda: shown(list(iter(stream(moments))))) == expected
    connection.close()


def outcome(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except Exception as error:
        return type(error), str(error)


def test_a_loader_of_the_callers_own_is_left_alone(moments: QuerySet[Any, Any]) -> None:
    connection.ensure_connection()
    driver = connection.connection
    if not hasattr(driver, "adapters"):  # psycopg2, where every type is read in C
        with connection.cursor() as cursor:
            assert database_of(connection).prepare_cursor(cursor) is cursor
        return
    from django.db.backends.postgresql.psycopg_any import BaseTzLoader

    class Loader(BaseTzLoader):  # type: ignore[misc]
        def load(self, data: Any) -> Any:
            return "a moment"

    oid = driver.adapters.types["timestamptz"].oid
    with connection.cursor() as cursor:
        before = cursor.cursor.adapters.get_loader(oid, 0)
        after = database_of(connection).prepare_cursor(cursor).cursor.adapters.get_loader(oid, 0)
    assert after is not before
    assert issubclass(after, before)
    Loader.timezone = before.timezone
    driver.adapters.register_loader(oid, Loader)
    texts = list(moments.values_list("moment", flat=True))
    assert "a moment" in texts
    assert list(iter(keyset_iter(moments.values_list("moment", flat=True)))) == texts
    connection.close()


def test_the_zone_is_the_one_that_the_caller_reads_in(
    moments: QuerySet[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection.ensure_connection()
    expected = shown(list(moments))
    monkeypatch.setitem(connection.settings_dict, "TIME_ZONE", "Europe/Berlin")
    assert shown(list(iter(stream(moments, private=True)))) == expected
