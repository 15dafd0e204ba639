"""Users and events that the database makes up itself: the n-th is the same on every run."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.management.color import no_style
from django.db.backends.base.base import BaseDatabaseWrapper

from .models import Event, User

USERS = 10_000

# `h` spreads n over 0 .. 2^32 - 1, so that neighbours differ; the divisors have no factor in
# common, so that the columns don't follow each other.
EVENTS = """
INSERT INTO {events}
    (id, user_id, kind, path, country, duration_ms, amount, created_at)
WITH {numbers}
SELECT
    n,
    1 + (h % 101) * (h % 99),
    CASE
        WHEN h % 103 < 60 THEN 'view'
        WHEN h % 103 < 85 THEN 'click'
        WHEN h % 103 < 98 THEN 'search'
        ELSE 'purchase'
    END,
    {path},
    CASE h % 7
        WHEN 0 THEN 'AT'
        WHEN 1 THEN 'BR'
        WHEN 2 THEN 'DE'
        WHEN 3 THEN 'FR'
        WHEN 4 THEN 'GB'
        WHEN 5 THEN 'JP'
        ELSE 'US'
    END,
    h % 2999,
    CASE WHEN h % 103 < 98 THEN NULL ELSE (h % 19997) * 0.01 END,
    {created_at}
FROM (SELECT n, n * 2654435761 % 4294967296 AS h FROM numbers) AS hashed
"""

PEOPLE = """
INSERT {ignore} INTO {users} (id, name, email)
WITH {numbers}
SELECT n, {name}, {email} FROM numbers
{unless_there}
"""


@dataclass(frozen=True)
class Dialect:
    """What the databases say differently; ``first`` and ``last`` are filled in later."""

    numbers: str
    created_at: str
    joined: str = "'{0}' || ({1}) || '{2}'"
    ignore: str = ""
    unless_there: str = ""
    prepare: str = ""

    def join(self, before: str, number: str, after: str = "") -> str:
        return self.joined.format(before, number, after)


COUNTED = (
    "RECURSIVE numbers (n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM numbers WHERE n < {last})"
)
POSTGRESQL = Dialect(
    numbers="numbers AS (SELECT generate_series({first}::bigint, {last}) AS n)",
    created_at=(
        "TIMESTAMPTZ '2025-01-01 00:00:00+00' + n * INTERVAL '3 seconds'"
        " + h % 3000000 * INTERVAL '1 microsecond'"
    ),
    unless_there="ON CONFLICT DO NOTHING",
)
SQLITE = Dialect(
    numbers=COUNTED,
    created_at=(
        "strftime('%Y-%m-%d %H:%M:%S', 1735689600 + n * 3 + h % 3000000 / 1000000, 'unixepoch')"
        " || printf('.%06d', h % 1000000)"
    ),
    ignore="OR IGNORE",
)
MYSQL = Dialect(
    numbers=COUNTED,
    created_at=(
        "TIMESTAMP '2025-01-01 00:00:00' + INTERVAL (n * 3000000 + h % 3000000) MICROSECOND"
    ),
    joined="concat('{0}', {1}, '{2}')",
    ignore="IGNORE",
    prepare="SET SESSION cte_max_recursion_depth = 100000000",
)
MARIADB = Dialect(
    numbers=COUNTED,
    created_at=MYSQL.created_at,
    joined=MYSQL.joined,
    ignore=MYSQL.ignore,
    prepare="SET SESSION max_recursive_iterations = 100000000",
)


def dialect_of(connection: BaseDatabaseWrapper) -> Dialect:
    """Return what this database says; KeyError for one that isn't known here."""
    if connection.vendor == "mysql" and getattr(connection, "mysql_is_mariadb", False):
        return MARIADB
    return {"postgresql": POSTGRESQL, "sqlite": SQLITE, "mysql": MYSQL}[connection.vendor]


def insert_users(connection: BaseDatabaseWrapper) -> None:
    """Insert the users that the events belong to, where they don't exist yet."""
    dialect = dialect_of(connection)
    name, email = dialect.join("User ", "n"), dialect.join("user-", "n", "@example.com")
    _insert(connection, PEOPLE, 1, USERS, name=name, email=email)


def insert_events(connection: BaseDatabaseWrapper, first: int, last: int) -> None:
    """Insert the events ``first`` to ``last`` in one statement."""
    path = dialect_of(connection).join("/shop/item-", "h % 4999")
    _insert(connection, EVENTS, first, last, path=path)


def _insert(
    connection: BaseDatabaseWrapper, template: str, first: int, last: int, **columns: str
) -> None:
    dialect = dialect_of(connection)
    statement = template.format(
        ignore=dialect.ignore,
        unless_there=dialect.unless_there,
        numbers=dialect.numbers.format(first=first, last=last),
        created_at=dialect.created_at,
        events=Event._meta.db_table,
        users=User._meta.db_table,
        **columns,
    )
    with connection.cursor() as cursor:
        if dialect.prepare:
            cursor.execute(dialect.prepare)
        cursor.execute(statement)


def finish(connection: BaseDatabaseWrapper) -> None:
    """Set the sequences behind the last rows, and let the planner know what is there."""
    analyze = {
        "postgresql": "VACUUM ANALYZE {}",
        "mysql": "ANALYZE TABLE {}",
        "sqlite": "ANALYZE {}",
    }
    with connection.cursor() as cursor:
        for sql in connection.ops.sequence_reset_sql(no_style(), [User, Event]):
            cursor.execute(sql)
        for model in (User, Event):
            cursor.execute(analyze[connection.vendor].format(model._meta.db_table))
