"""Results that fit one chunk: one plain query, never a connection."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.core.exceptions import FieldError
from django.db.models import fields
from django.db.models.sql.compiler import SQLCompiler

from ..databases import database_of
from ..django_internals.compiler import Block, Statement
from .requests import Request
from .sizing import row_bytes

#: Rows that are read to weigh the others, where a column's size has no bound.
PROBE_ROWS = 16
#: Fields whose values are small whatever they are; so are those with a small max_length.
SMALL_FIELDS = (
    fields.BooleanField,
    fields.DateField,
    fields.DecimalField,
    fields.DurationField,
    fields.FloatField,
    fields.GenericIPAddressField,
    fields.IntegerField,
    fields.TimeField,
    fields.UUIDField,
)
#: Characters up to which text is small.
SMALL_TEXT = 1000


class SmallResult(NamedTuple):
    """Every row of a query, and the compiler that knows what is in them."""

    block: Block
    compiler: SQLCompiler


def small_result(request: Request) -> SmallResult | None:
    """Read the whole result by one plain query, where it is expected to fit one chunk.

    The query is limited to one row more than fits: when that row comes, the planner was
    wrong, and what was read is dropped (None). Where the columns set no bound to the size
    of a row, a few rows are read first and weighed.
    """
    if not database_of(request.connection).explains:
        return None
    statement, compiler, _ = request.limited
    if statement is None:
        return SmallResult([], compiler)
    expected = _expected_rows(request)
    if expected > request.capacity:
        return None
    if not _has_small_rows(compiler):
        probe = _probe(request, expected)
        if probe is None or len(probe.block) <= PROBE_ROWS:
            return probe
    block = _read(request, statement)
    return SmallResult(block, compiler) if len(block) <= request.capacity else None


def _expected_rows(request: Request) -> int:
    """How many rows will come: by the slice where that is small enough, else by the planner."""
    query = request.queryset.query
    if query.high_mark is not None and query.high_mark - query.low_mark <= request.capacity:
        return int(query.high_mark - query.low_mark)
    explanation = request.explanation
    if explanation is None or explanation.rows * explanation.width > request.max_bytes:
        return request.capacity + 1
    return explanation.rows


def _probe(request: Request, expected: int) -> SmallResult | None:
    """Read a few rows; None where they show that all of them would not fit `max_bytes`."""
    statement, compiler, _ = request.compile(PROBE_ROWS + 1)
    block = _read(request, statement) if statement else []
    if len(block) > PROBE_ROWS and row_bytes(block) * expected > request.max_bytes:
        return None
    return SmallResult(block, compiler)


def _read(request: Request, statement: Statement) -> Block:
    with request.connection.cursor() as cursor:
        database_of(request.connection).prepare_cursor(cursor).execute(
            statement.sql, statement.params
        )
        return list(cursor.fetchall())


def _has_small_rows(compiler: SQLCompiler) -> bool:
    """Tell whether every selected column has values that are small by their type."""
    return all(_is_small(expression) for expression, _, _ in compiler.select)


def _is_small(expression: Any) -> bool:
    try:
        field = expression.output_field
    except (AttributeError, FieldError):
        return False
    field = getattr(field, "target_field", field)
    max_length = getattr(field, "max_length", None)
    return isinstance(field, SMALL_FIELDS) or (max_length or SMALL_TEXT + 1) <= SMALL_TEXT
