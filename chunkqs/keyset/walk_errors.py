"""The errors of a walk whose rows show that it would lose some, and what to do about each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import Error

from ..databases.answers import Scope
from ..databases.base import Database
from ..errors import KeysetError
from .columns import KeyColumn, name_of
from .keyset import Keyset
from .refusals import ADVICE


def unexpected_null(keyset: Keyset, column: KeyColumn) -> KeysetError:
    """Return the error for a NULL where the model declares that there is none."""
    return KeysetError(
        f"The walk of {_label(keyset)} found a NULL in {name_of(column.expression)}, which "
        "the model declares with null=False: such rows have no place in the order. Declare the "
        f"field with null=True, or order by another column.{ADVICE}"
    )


def repeated(keyset: Keyset) -> KeysetError:
    """Return the error for two rows at one position."""
    return KeysetError(
        f"The walk of {_label(keyset)} did not advance: two rows share one position of its order "
        f"({_names(keyset)}). A column that is declared unique, or the primary key, repeats, as in "
        "a view; or a function or join repeats a row; or a value does not equal itself. Order by "
        f"columns that are unique together.{ADVICE}"
    )


def lost(keyset: Keyset) -> KeysetError:
    """Return the error for a row that a chunk ought to begin with, and does not."""
    return KeysetError(
        f"The walk of {_label(keyset)} would lose rows: by the database's comparison, the row "
        f"after a chunk is not after it in the order ({_names(keyset)}). Columns that are "
        f"declared unique may repeat. Order by columns that are unique together.{ADVICE}"
    )


def not_at_its_position(keyset: Keyset) -> KeysetError:
    """Return the error for a row that is not found by its own position."""
    return KeysetError(
        f"The walk of {_label(keyset)} would lose rows: the database does not find the last row of "
        f"the first chunk by its position in the order ({_names(keyset)}). A value there does not "
        f"compare equal to what was read. Order by other columns.{ADVICE}"
    )


@contextmanager
def reading(keyset: Keyset, database: Database) -> Iterator[None]:
    """Raise KeysetError where the driver can make no value of a key column."""
    try:
        yield
    except Error as error:
        if not database.cannot_read_key(error):
            raise
        raise unreadable(keyset, error) from error


def unreadable(keyset: Keyset, error: Error) -> KeysetError:
    """Return the error for a text of the order that the driver cannot decode."""
    return KeysetError(
        f"A walk by keyset cannot follow the order of {_label(keyset)} ({_names(keyset)}): a text "
        f"there is not UTF-8, and has no value that it could be compared by ({error}).{ADVICE}"
    )


def incomparable(keyset: Keyset, error: Exception) -> KeysetError:
    """Return the error for an order whose values the database doesn't compare."""
    first_line = str(error).partition("\n")[0]
    return KeysetError(
        f"A walk by keyset cannot follow the order of {_label(keyset)} ({_names(keyset)}): the "
        f"database cannot compare a value there with its text ({first_line}).{ADVICE}"
    )


def went_back(keyset: Keyset) -> KeysetError:
    """Return the error for a chunk that does not come after the one before."""
    return KeysetError(
        f"The walk of {_label(keyset)} did not advance: by the database's comparison, a chunk is "
        f"not after the one before it in the order ({_names(keyset)}). A value there does not "
        f"compare equal to what was read, or changes from query to query.{ADVICE}"
    )


def moved(keyset: Keyset) -> KeysetError:
    """Return the error for rows whose values are others than they were at the chunk before."""
    return KeysetError(
        f"The walk of {_label(keyset)} would lose rows: the rows around the end of a chunk have "
        f"other values in the order ({_names(keyset)}) than they had before. A value of it "
        f"depends on the time, or changes from query to query.{ADVICE}"
    )


def left_scope(keyset: Keyset, began: Scope, now: Scope) -> KeysetError:
    """Return the error for a walk that goes on in another tenant than it began in."""
    return KeysetError(
        f"The walk of {_label(keyset)} began in another tenant, schema or role ({began.value}) "
        f"than the connection is in now ({now.value}), where other rows are visible. Return to the "
        "first before the next chunk is read, and resume with after= and the position; or use "
        "stream(), which reads all rows by one query."
    )


def sorts_otherwise(keyset: Keyset, began: Scope) -> KeysetError:
    """Return the error for a walk whose session has other settings than it began with."""
    return KeysetError(
        f"The walk of {_label(keyset)} would lose rows: since it began, a setting of the session "
        f"was changed that its order ({_names(keyset)}) depends on ({began.sql} was "
        f"{began.value}). Set it back before the next chunk is read, and resume with after= and "
        "the position; or use stream(), which reads all rows by one query."
    )


def _names(keyset: Keyset) -> str:
    return ", ".join(name_of(column.expression) for column in keyset.columns)


def _label(keyset: Keyset) -> str:
    return str(keyset.source.model._meta.label)
