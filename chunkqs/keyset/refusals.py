"""Which queries and orders no walk by keyset can follow, and the errors that say so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field, Func, JSONField, Model, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now, Random

from ..databases import database_of
from ..databases.base import Database
from ..django_internals.expressions import Col, field_of, flattened, returns_rows, unfold
from ..django_internals.queries import QueryInfo
from ..errors import KeysetError
from .columns import KeyColumn, name_of
from .unstable_aggregates import depends_on_order, gathered

ADVICE = " Use stream(), which needs no order."
#: Fields of types that cannot be compared, by class name.
WITHOUT_ORDER = {"HStoreField", "BaseSpatialField"}
#: Functions with a new value in each query, by their names in SQL and in Django 6.1.
VOLATILE = re.compile(
    r"\b(?:RAND|RANDOM|(?:GEN_)?RANDOM_?UUID|UUID|UUIDV?[47]|UUID_V[47]|NOW|SYSDATE"
    r"|(?:CURRENT|LOCAL|STATEMENT|CLOCK|TRANSACTION|UTC)_(?:TIME(?:STAMP)?|DATE))\b"
)
#: The same in SQL that is given as text, and where the time is an argument.
VOLATILE_CALL = re.compile(
    r"\b(?:RAND|RANDOM|(?:GEN_)?RANDOM_?UUID|UUID|UUIDV?[47]|UUID_V[47]|NOW|SYSDATE|NEXTVAL"
    r"|(?:STATEMENT|CLOCK|TRANSACTION|UTC)_TIMESTAMP|UTC_(?:TIME|DATE)|TIMEOFDAY|UNIX_TIMESTAMP"
    r"|CURDATE|CURTIME|TXID_CURRENT|PG_CURRENT_XACT_ID)\s*\("
    r"|(?<!')\b(?:CURRENT_|LOCAL)(?:TIME(?:STAMP)?|DATE)\b"
    r"|\b(?:DATE|TIME|DATETIME|JULIANDAY|UNIXEPOCH)\s*\(\s*\)|'NOW'"
)
CLOCKS = {"DATE", "TIME", "DATETIME", "JULIANDAY", "UNIXEPOCH", "STRFTIME"}
#: What returns JSON, unless it is the argument of what makes text of that.
JSON_CALL = re.compile(r"(?<!JSON_UNQUOTE\()\bJSON_(?:EXTRACT|QUERY)\s*\(")
#: Types of MySQL that have two orders.
NUMBERED = ("enum(", "set(")


def refuse_query(info: QueryInfo, model: type[Model]) -> None:
    """Raise KeysetError if the rows of a query cannot be told apart by a key."""
    if info.is_distinct:
        _refuse_without_key("distinct()", info.selected, info, model)
    if info.is_grouped:
        _refuse_without_key("values() with an aggregate", info.group_by, info, model)


def refuse_column(expression: Any, connection: BaseDatabaseWrapper) -> None:
    """Raise KeysetError if `expression` is nothing to walk along. No query."""
    if expression.contains_over_clause:
        raise refusal("order by a window function", "its value depends on all rows")
    if returns_rows(expression):
        raise refusal("order by a function that returns a set", "it turns one row into several")
    if any(_is_volatile(part) for part in flattened(expression)):
        raise refusal(
            "random order" if _is_random(expression) else "order by the current time",
            "the order differs in each query",
        )
    database = database_of(connection)
    if any(depends_on_order(aggregate, database) for aggregate in gathered(expression)):
        raise refusal(
            f"order by {name_of(expression)}, a {type(field_of(expression)).__name__}",
            "what it gathers may come in another order, or with other digits, in each query",
        )
    if database.compares_json_by_value and JSON_CALL.search(_sql_of(expression)):
        raise refusal(f"order by {name_of(expression)}", "JSON is not compared as it is sorted")
    field = field_of(expression)
    if database.has_numbered_types:
        _refuse_numbered(expression, getattr(field, "target_field", field), connection)
    if isinstance(field, JSONField) or any(c.__name__ in WITHOUT_ORDER for c in type(field).mro()):
        raise refusal(f"order by {name_of(expression)}", f"a {type(field).__name__} has no order")


def _refuse_numbered(expression: Any, field: Any, connection: BaseDatabaseWrapper) -> None:
    # Django's own fields are of no such type, and would ask the server which type they are.
    if field is None or type(field).db_type is Field.db_type:
        return
    db_type = field.db_type(connection) or ""
    if db_type.lower().startswith(NUMBERED):
        raise refusal(
            f"order by {name_of(expression)}",
            f"an {db_type} is sorted by its number, but compared as text",
        )


def refuse_repeats(info: QueryInfo, ordering: Iterable[Any]) -> None:
    """Raise KeysetError if groups or distinct() leave rows apart that the key does not tell."""
    if info.repeats_rows:
        return
    selected = info.selected or info.annotations
    for expression in [*ordering, *selected, *(info.group_by or ())]:
        # An aggregate brings the joined rows together.
        parts = () if expression.contains_aggregate else flattened(expression)
        if any(isinstance(part, Col) and part.alias in info.repeating for part in parts):
            raise refusal(
                f"{'groups' if info.is_grouped else 'distinct()'} with {name_of(expression)} of a "
                "to-many relation",
                "the key does not identify its rows",
            )


def _refuse_without_key(
    part: str, selected: tuple[Any, ...] | None, info: QueryInfo, model: type[Model]
) -> None:
    if selected is None:
        return
    columns = [column for expression in selected for column in unfold(expression)]
    for field in model._meta.pk_fields:
        if field.get_col(info.base_alias) not in columns:
            raise refusal(f"{part} without the primary key", "its rows have no key")


def _is_volatile(expression: Any) -> bool:
    if isinstance(expression, RawSQL):
        return bool(VOLATILE_CALL.search(expression.sql.upper()))
    if isinstance(expression, (Random, Now)) or VOLATILE.search(_written(expression)):
        return True
    return isinstance(expression, Func) and _is_told_now(expression)


def _sql_of(expression: Any) -> str:
    if isinstance(expression, RawSQL):
        return str(expression.sql).upper()
    return f"{_written(expression)}("


def _is_told_now(function: Func) -> bool:
    """Return whether a function of SQLite's is asked about the time that it is."""
    values = [part.value for part in function.get_source_expressions() if isinstance(part, Value)]
    is_clock = str(function.extra.get("function") or function.function).upper() in CLOCKS
    return is_clock and any(str(value).lower() == "now" for value in values)


def _written(expression: Any) -> str:
    """Return what an expression is called, in Django and in SQL."""
    given = getattr(expression, "extra", {})
    names = [given.get(n) or getattr(expression, n, None) for n in ("function", "template")]
    return " ".join([type(expression).__name__, *(n for n in names if isinstance(n, str))]).upper()


def _is_random(expression: Any) -> bool:
    parts = list(flattened(expression))
    texts = [part.sql.upper() for part in parts if isinstance(part, RawSQL)]
    texts += map(_written, parts)
    return any("RAND" in text or "UUID" in text for text in texts)


def refusal(part: str, reason: str) -> KeysetError:
    """Return the error that says why a query cannot be walked, and what to use instead."""
    return KeysetError(f"A walk by keyset cannot follow this query: {part} ({reason}).{ADVICE}")


def refuse_unsendable(
    position: Sequence[Any], expressions: Iterable[Any], database: Database
) -> None:
    """Raise KeysetError for a position of another session that this one cannot send."""
    try:
        database.check_sendable(tuple(position))
    except UnicodeError as error:
        raise unsendable(expressions, error) from error


def unsendable(expressions: Iterable[Any], error: UnicodeError) -> KeysetError:
    """Return the error for a text of an order that the connection has no characters for."""
    names = ", ".join(map(name_of, expressions))
    return KeysetError(
        f"Rows would be lost: a text of the order ({names}) has a character that the connection's "
        f"character set lacks ({error}), and is not compared as it is. Set "
        '"charset": "utf8mb4" in the OPTIONS of the database, or order by other '
        f"columns.{ADVICE}"
    )


def inexact(column: KeyColumn, type_name: str, reason: str) -> KeysetError:
    """Return the error for a column whose values don't travel unchanged."""
    return KeysetError(
        f"A walk by keyset cannot follow the order by {name_of(column.expression)}: a value of "
        f"its type, {type_name}, {reason}. Rows would be lost between two chunks.{ADVICE}"
    )
