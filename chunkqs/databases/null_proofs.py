"""Which columns a database's catalogue proves to have no NULL, remembered for a minute.

A model may be wrong: its table may be a view, a table of others, or one whose constraint a newer
version of the application has dropped.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Iterable
from typing import NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper

#: Seconds that an answer is good for: constraints are dropped while processes run.
LIFETIME = 60.0
#: Answers that are kept; with more of them, all are asked for again.
MOST_ANSWERS = 10_000


class TableColumn(NamedTuple):
    """A column of a table, by their names in the database."""

    table: str
    column: str


class Answer(NamedTuple):
    """What the catalogue said, and until when that is believed."""

    is_proven: bool
    expires: float


ANSWERS: dict[tuple[str, str, TableColumn], Answer] = {}


def known(
    connection: BaseDatabaseWrapper, columns: Iterable[TableColumn]
) -> dict[TableColumn, bool]:
    """Return what is remembered of columns. No query."""
    now = time.monotonic()
    answers = {column: ANSWERS.get(_key(connection, column)) for column in columns}
    return {
        column: answer.is_proven
        for column, answer in answers.items()
        if answer is not None and answer.expires > now
    }


def remember(
    connection: BaseDatabaseWrapper, columns: Iterable[TableColumn], is_proven: bool
) -> None:
    """Remember that columns are proven to have no NULL, or are not."""
    if len(ANSWERS) >= MOST_ANSWERS:
        ANSWERS.clear()
    # To take a column for one with NULLs is right at any time, only slower.
    answer = Answer(is_proven, time.monotonic() + LIFETIME if is_proven else math.inf)
    for column in columns:
        ANSWERS[_key(connection, column)] = answer


def _key(connection: BaseDatabaseWrapper, column: TableColumn) -> tuple[str, str, TableColumn]:
    return connection.alias, str(connection.settings_dict["NAME"]), column


def ask_unknown(connection: BaseDatabaseWrapper, columns: Collection[TableColumn]) -> None:
    """Ask the catalogue of columns of which nothing is remembered: one query, if there are any."""
    ask(connection, set(columns) - known(connection, columns).keys())


def ask(connection: BaseDatabaseWrapper, columns: Collection[TableColumn]) -> None:
    """Ask the catalogue of columns, and remember the answers: one query."""
    from . import database_of

    database = database_of(connection)
    conditions = [(column, database.not_null_condition(*column)) for column in columns]
    asked = [(column, condition) for column, condition in conditions if condition is not None]
    if not asked:
        return
    sql = ", ".join(condition[0] for _, condition in asked)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {sql}", [param for _, (_, params) in asked for param in params])
        answers = cursor.fetchone()
    for (column, _), is_proven in zip(asked, answers, strict=True):
        remember(connection, [column], bool(is_proven))
