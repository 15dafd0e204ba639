"""An export that the caller holds: bytes that are fetched when they are needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from django.db import connections

from .arguments import checked_choice
from .databases.answers import CopyFormat
from .django_internals.compiler import compile_select
from .django_internals.export_columns import field_types
from .django_internals.export_columns import names_of_values as column_names
from .exports.csv import CsvFormat
from .exports.header import labels_of
from .exports.ndjson import NdjsonFormat
from .exports.rows import rows_of
from .lazy import Lazy
from .walks.export_walk import ExportWalk, Writer
from .walks.plan import Plan

if TYPE_CHECKING:
    import pyarrow as pa

    from .exports.arrow import ArrowFormat

DICTIONARIES = {True: "choices become dictionaries", False: "choices stay strings"}
ESCAPE = {True: "put an apostrophe before what a spreadsheet would run", False: "leave text alone"}


class Format(Protocol):
    """The format of an export."""

    @property
    def name(self) -> str:
        """The file name extension."""

    @property
    def content_type(self) -> str:
        """The media type."""

    def begun(self) -> Writer:
        """Return what writes the rows of one walk."""


class Export(Lazy[bytes]):
    """The rows of a walk as bytes: lazy, re-iterable, for `for` and `async for`.

    Yields parts of about 64 KiB, each of whole rows. Runs on the connection that its rows would:
    on PostgreSQL the server writes, by COPY; the bytes are the same everywhere. Holds a few
    parts at a time.
    """

    def __init__(self, plan: Plan, form: Format) -> None:
        super().__init__(plan)
        self._form = form

    @property
    def content_type(self) -> str:
        """The media type, for a response."""
        return self._form.content_type

    @property
    def format(self) -> str:
        """The name of the format, and file name extension: `csv`, `ndjson` or `parquet`."""
        return self._form.name

    def _walk(self) -> ExportWalk:
        return ExportWalk(self._plan, self._form.begun())

    def _method(self) -> str:
        return f"{super()._method()}.{self._form.name}()"


def csv_export(plan: Plan, header: Any, escape_formulas: bool) -> Export:
    """Return the rows of `plan` as CSV."""
    checked_choice(escape_formulas, "escape_formulas", ESCAPE)
    rows = rows_of(plan.queryset)
    labels = labels_of(rows, header)
    copy = CopyFormat("csv", tuple(column_names(rows)), escape_formulas)
    return Export(plan.exported(copy), CsvFormat(labels, escape_formulas=escape_formulas))


def ndjson_export(plan: Plan) -> Export:
    """Return the rows of `plan` as NDJSON."""
    names = column_names(rows_of(plan.queryset))
    return Export(plan.exported(CopyFormat("ndjson", tuple(names))), NdjsonFormat(names))


def arrow_reader(plan: Plan, dictionaries: bool) -> pa.RecordBatchReader:
    """Return the rows of `plan` as Arrow, by the extra `chunkqs[arrow]`."""
    checked_choice(dictionaries, "dictionaries", DICTIONARIES)
    form, copy = _arrow_format(plan, "arrow", dictionaries=dictionaries)
    import pyarrow as pa

    from .walks.arrow_walk import batches

    connection = connections[plan.queryset.db]
    rows = batches(plan.exported(copy), form, connection)
    return pa.RecordBatchReader.from_batches(form.schema, rows)


def parquet_export(plan: Plan, compression: str) -> Export:
    """Return the rows of `plan` as a Parquet file, by the extra `chunkqs[arrow]`."""
    form, copy = _arrow_format(plan, "parquet")
    from .exports.parquet import ParquetFormat

    return Export(plan.exported(copy), ParquetFormat(form, compression))


def _arrow_format(
    plan: Plan, method: str, *, dictionaries: bool = False
) -> tuple[ArrowFormat, CopyFormat]:
    rows = rows_of(plan.queryset)
    names = tuple(column_names(rows))
    try:
        from .exports.arrow import ArrowFormat
    except ImportError as error:
        raise ImportError(
            f'{method}() needs pyarrow, which is not installed: pip install "chunkqs[arrow]".'
        ) from error
    _, compiler, _ = compile_select(rows, connections[rows.db])
    form = ArrowFormat(names, field_types(compiler), dictionaries=dictionaries)
    return form, CopyFormat("arrow", names, readings=form.readings)
