"""The warning of a walk by keyset whose every chunk sorts or gathers many rows again."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from ..callers_line import warn
from ..databases import database_of
from ..databases.answers import MANY_SORTED, RepeatedWork
from ..databases.base import Database
from ..django_internals.compiler import Statement, compile_expression, names_digest
from ..django_internals.expressions import Col, aliases, has_query, has_value
from ..errors import MissingIndexWarning
from ..keyset.columns import KeyColumn
from ..keyset.indexes import declared_indexes, gives
from ..keyset.keyset import Keyset
from .signals import is_from_signal

logger = logging.getLogger("chunkqs")


def warn_of_missing_index(
    keyset: Keyset, connection: BaseDatabaseWrapper, statement: Statement
) -> None:
    """Warn, with what would help, where the planner sorts many rows for `statement`, which reads
    the next chunk.

    Costs one EXPLAIN, on SQLite a COUNT of some rows more. Whatever that stumbles over is
    logged, and leaves the caller's transaction as it was; a signal passes.
    """
    try:
        text = _advice(keyset, connection, statement)
    except Exception as error:
        if is_from_signal(error):
            raise
        logger.debug("No advice for the walk of %s", _label(keyset), exc_info=True)
        return
    if text:
        warn(text, MissingIndexWarning)


def _advice(keyset: Keyset, connection: BaseDatabaseWrapper, statement: Statement) -> str | None:
    database = database_of(connection)
    # A savepoint keeps a failed EXPLAIN from aborting the caller's transaction.
    in_block = connection.in_atomic_block
    with transaction.atomic(connection.alias) if in_block else nullcontext():
        work = database.repeated_work(statement)
        if work is None or not (database.explains or _has_many_rows(keyset, connection)):
            return None
    order = ", ".join(_name(column) for column in keyset.columns)
    if work is RepeatedWork.SORT and _index_helps(keyset, database):
        return (
            f"No index supports the order of this walk of {_label(keyset)} ({order}): each chunk "
            f"sorts the whole result. {_remedy(keyset, connection)}. Or use stream(), which "
            "sorts it once."
        )
    if work is RepeatedWork.SKIP:
        return (
            f"Each chunk of this walk of {_label(keyset)} ({order}) {work.value} of its filter, "
            "as the index that gives the order doesn't know the filtered column. Order by the "
            "column that you filter a range of, or use stream(), which reads the range once."
        )
    return (
        f"Each chunk of this walk of {_label(keyset)} ({order}) {work.value} the whole result "
        "again, and no index of its table would help. Use stream(), which does so once."
    )


def _has_many_rows(keyset: Keyset, connection: BaseDatabaseWrapper) -> bool:
    rows = keyset.source.using(connection.alias).order_by()
    return rows[: MANY_SORTED + 1].count() > MANY_SORTED


def _index_helps(keyset: Keyset, database: Database) -> bool:
    """Return whether the order is one of the table's own columns, without an index declared.

    Where there is one, the planner prefers to sort what another index finds for a filter.
    """
    own = {keyset.info.base_alias}
    expressions = [column.expression for column in keyset.columns]
    if not keyset.info.repeats_rows or any(map(has_query, expressions)):
        return False
    if any(not aliases(expression) <= own for expression in expressions):
        return False
    if not database.finds_parametrized_expressions and any(map(has_value, expressions)):
        return False
    indexes = declared_indexes(keyset.source.model, database)
    return not any(gives(terms[: len(expressions)], keyset.columns) for terms in indexes)


def _remedy(keyset: Keyset, connection: BaseDatabaseWrapper) -> str:
    columns = _wanted(keyset)
    if all(isinstance(expression, Col) for expression, _ in columns):
        names = ", ".join(
            f'"{"-" if descending else ""}{expression.target.name}"'
            for expression, descending in columns
        )
        return f"Add models.Index(fields=[{names}]) to the model's Meta.indexes"
    if connection.features.supports_expression_indexes:
        return f"Add an index: {_create_index(columns, keyset, connection)}"
    return (
        f"{connection.display_name} has no indexes on expressions: order by a column "
        "instead, which may be a GeneratedField with an index"
    )


def _wanted(keyset: Keyset) -> list[tuple[Any, bool]]:
    """Return the columns of the index to add, and which of them descend: first those that are
    the same in all rows."""
    uniform = list(keyset.info.uniform)
    rest = [column for column in keyset.columns if column.expression not in uniform]
    front = [(expression, False) for expression in uniform]
    return [*front, *((column.expression, column.descending) for column in rest)]


def _create_index(
    columns: Sequence[tuple[Any, bool]], keyset: Keyset, connection: BaseDatabaseWrapper
) -> str:
    table, quote = keyset.source.model._meta.db_table, connection.ops.quote_name
    quote_value = connection.schema_editor().quote_value
    parts = []
    for expression, descending in columns:
        sql, params = compile_expression(expression, keyset.source, connection)
        sql = sql.replace(f"{quote(keyset.info.base_alias)}.", "")
        sql = sql % tuple(map(quote_value, params)) if params else sql
        sql = sql if isinstance(expression, Col) else f"({sql})"
        parts.append(f"{sql} DESC" if descending else sql)
    name = f"{table[:16]}_{names_digest(*parts, length=6)}_idx"
    return f"CREATE INDEX {quote(name)} ON {quote(table)} ({', '.join(parts)})"


def _name(column: KeyColumn) -> str:
    is_column = isinstance(column.expression, Col)
    name = column.fingerprint if is_column else str(column.expression)
    return f"-{name}" if column.descending else name


def _label(keyset: Keyset) -> str:
    return str(keyset.source.model._meta.label)
