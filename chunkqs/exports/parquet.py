"""Parquet, a row group at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from .arrow import ArrowFormat

#: What Parquet may be compressed by.
CODECS = ("zstd", "snappy", "gzip", "brotli", "lz4", "none")
#: What a row group holds: about so many rows, or bytes in memory.
GROUP_ROWS = 65_536
GROUP_BYTES = 8 * 1024 * 1024
#: Bytes of text that are parsed together.
TEXT_BYTES = 1024 * 1024


class ParquetFormat:
    """Rows into a Parquet file of the schema that `arrow()` has."""

    name = "parquet"
    content_type = "application/vnd.apache.parquet"

    def __init__(self, form: ArrowFormat, compression: str) -> None:
        if compression not in CODECS:
            raise ValueError(
                f"parquet(compression={compression!r}): use one of {', '.join(CODECS)}."
            )
        self._form = form
        self._compression = compression

    def begun(self) -> ParquetWriter:
        """Begin a file."""
        return ParquetWriter(self._form, self._compression)


class ParquetWriter:
    """One file, of which what is written can be taken away."""

    def __init__(self, form: ArrowFormat, compression: str) -> None:
        self._form = form
        self._file = Sink()
        self._writer: Any = parquet.ParquetWriter(
            pa.PythonFile(self._file, mode="w"), form.schema, compression=compression
        )
        self._batches: list[Any] = []
        self._texts: list[bytes] = []
        self._length = 0
        self._rows = 0
        self._bytes = 0

    def head(self) -> bytes:
        """Return the beginning of the file."""
        return self._file.taken()

    def write(self, rows: Sequence[tuple[Any, ...]]) -> bytes:
        """Take rows, and return a row group where there are enough of them."""
        return self._add(self._form.batch(rows)) if rows else b""

    def take(self, part: bytes) -> bytes:
        """Take rows that the server has written as text."""
        self._texts.append(part)
        self._length += len(part)
        return self._parsed() if self._length >= TEXT_BYTES else b""

    def _parsed(self) -> bytes:
        texts, self._texts, self._length = self._texts, [], 0
        batches = self._form.parse(b"".join(texts)).to_batches() if texts else []
        return b"".join(map(self._add, batches))

    def tail(self) -> bytes:
        """Return the last row group, and the end of the file."""
        rest = self._parsed() + self._group()
        self._writer.close()
        return rest + self._file.taken()

    def _add(self, batch: Any) -> bytes:
        self._batches.append(batch)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        return self._group() if self._rows >= GROUP_ROWS or self._bytes >= GROUP_BYTES else b""

    def _group(self) -> bytes:
        """Write what there is as a row group."""
        if not self._batches:
            return b""
        table = pa.Table.from_batches(self._batches, schema=self._form.schema)
        self._batches, self._rows, self._bytes = [], 0, 0
        self._writer.write_table(table, row_group_size=table.num_rows)
        return self._file.taken()


class Sink:
    """A file that only grows, and that hands over what was written to it."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._length = 0

    def write(self, data: Any) -> int:
        """Append."""
        self._parts.append(bytes(data))
        self._length += len(data)
        return len(data)

    def taken(self) -> bytes:
        """Return what was written since this was asked last."""
        parts, self._parts = self._parts, []
        return b"".join(parts)

    def tell(self) -> int:
        """Return the length of everything that was written."""
        return self._length

    def flush(self) -> None:
        """Do nothing: it is all here."""

    def close(self) -> None:
        """Do nothing: it is handed over as it comes."""

    def readable(self) -> bool:
        """Return that it cannot be read."""
        return False

    def seekable(self) -> bool:
        """Return that it only grows."""
        return False

    def writable(self) -> bool:
        """Return that it can be written."""
        return True
