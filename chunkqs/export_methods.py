"""The exports that rows offer. Their writers are imported on first use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from .walks.plan import Plan

if TYPE_CHECKING:
    import pyarrow as pa

    from .export import Export


class Exportable:
    """Rows that can be exported as CSV, NDJSON, Arrow and Parquet."""

    _plan: Plan

    def csv(
        self,
        header: bool | Literal["verbose_name"] | Iterable[str] = True,
        *,
        escape_formulas: bool = False,
    ) -> Export:
        """Return the rows as CSV: an iterable of bytes, with the columns of `values()`.

        `header`: True for their names, "verbose_name" for the fields' verbose names, your own
        labels, or False for none. `escape_formulas` puts an apostrophe before text that a
        spreadsheet would run. On PostgreSQL the server writes, by COPY, unless a field
        converts its values in Python; docs/exports.md has the format. Holds a few parts.

        Raises TypeError or ValueError at the call for wrong arguments, or for a query whose
        columns cannot be exported; then what a walk of the rows raises.
        """
        from .export import csv_export

        return csv_export(self._plan, header, escape_formulas)

    def ndjson(self) -> Export:
        """Return the rows as NDJSON, a JSON object a line: an iterable of bytes.

        Decimals are strings, so that no digit is lost. Otherwise like `csv()`.
        """
        from .export import ndjson_export

        return ndjson_export(self._plan)

    def arrow(self, *, dictionaries: bool = False) -> pa.RecordBatchReader:
        """Return the rows as Arrow: a `pyarrow.RecordBatchReader`, by the extra `chunkqs[arrow]`.

        Its schema comes from the fields and is known without a query; the query runs with the
        first batch. `dictionaries` makes dictionaries of text with choices. For pandas, polars,
        DuckDB and Parquet. Holds about 65,000 rows, or a few megabytes. Raises what `csv()` does.
        """
        from .export import arrow_reader

        return arrow_reader(self._plan, dictionaries)

    def parquet(self, *, compression: str = "zstd") -> Export:
        """Return the rows as a Parquet file: an iterable of bytes, by the extra `chunkqs[arrow]`.

        `compression`: "zstd", "snappy", "gzip", "brotli", "lz4" or "none". Holds a row group, of
        about 65,000 rows or 8 MB. Otherwise like `csv()` and `arrow()`.
        """
        from .export import parquet_export

        return parquet_export(self._plan, compression)
