"""Arrow: a schema from the fields, and batches of rows or of what the server wrote as CSV."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Any

import pyarrow as pa
from django.conf import settings
from pyarrow import csv

from ..databases.answers import Reading
from ..django_internals.export_columns import FieldType
from .values_as_text import text_of

#: Digits of a decimal that Arrow keeps in 128 and in 256 bits.
DIGITS_128, DIGITS_256 = 38, 76
#: Decimals of what is computed, which may have more of them than its field.
COMPUTED = pa.decimal128(DIGITS_128, 20)

SIMPLE_TYPES: dict[str, Any] = {
    "AutoField": pa.int32(),
    "BigAutoField": pa.int64(),
    "BigIntegerField": pa.int64(),
    "BooleanField": pa.bool_(),
    "DateField": pa.date32(),
    "DurationField": pa.duration("us"),
    "FloatField": pa.float64(),
    "BinaryField": pa.large_binary(),
    "GenericIPAddressField": pa.string(),
    "IntegerField": pa.int32(),
    "JSONField": pa.large_string(),
    "PositiveBigIntegerField": pa.int64(),
    # Unsigned on MySQL.
    "PositiveIntegerField": pa.int64(),
    "PositiveSmallIntegerField": pa.int32(),
    "SmallAutoField": pa.int16(),
    "SmallIntegerField": pa.int16(),
    "TextField": pa.large_string(),
    "TimeField": pa.time64("us"),
    "UUIDField": pa.string(),
}
#: How the server writes binary data.
HEX_PREFIX = "\\x"


class ArrowFormat:
    """Rows into record batches of one schema, which is known before the first row.

    What Arrow has no type for is text, as in CSV. Raises pyarrow.ArrowInvalid for a value that
    does not fit the type of its field.
    """

    def __init__(self, names: Sequence[str], types: Sequence[FieldType], *, dictionaries: bool):
        self.types = [arrow_type(kind, dictionaries=dictionaries) for kind in types]
        self.schema = pa.schema(list(zip(names, self.types, strict=True)))
        self.readings = tuple(map(reading_of, self.types))
        """How a server that writes the rows itself is to write each column."""
        self._names = [f"c{number}" for number in range(len(names))]
        self._parse = csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False)
        self._convert = csv.ConvertOptions(
            column_types=dict(zip(self._names, map(text_type, self.types), strict=True)),
            null_values=[""],
            true_values=["t"],
            false_values=["f"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )

    def batch(self, rows: Sequence[tuple[Any, ...]]) -> Any:
        """Return a record batch of rows."""
        columns = zip(*rows, strict=True)
        arrays = [self._array(index, values) for index, values in enumerate(columns)]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def joined(self, batches: Sequence[Any]) -> list[Any]:
        """Return the rows of many batches in few."""
        table = pa.Table.from_batches(batches, schema=self.schema)
        return list(table.combine_chunks().to_batches())

    def _array(self, index: int, values: tuple[Any, ...]) -> Any:
        kind = self.types[index]
        convert = value_converter(kind)
        try:
            if convert is not None:
                values = tuple(None if value is None else convert(value) for value in values)
            return pa.array(values, type=kind)
        except (pa.ArrowException, OverflowError) as error:
            name = self.schema.names[index]
            raise pa.ArrowInvalid(f"Column {name!r}, of type {kind}: {error}") from error

    def parse(self, text: bytes) -> Any:
        """Return a table of whole rows of CSV, as the server has written them for Arrow."""
        table = csv.read_csv(
            pa.BufferReader(text),
            read_options=csv.ReadOptions(column_names=self._names, block_size=max(len(text), 1)),
            parse_options=self._parse,
            convert_options=self._convert,
        )
        arrays = [
            from_text(column, kind) for column, kind in zip(table.columns, self.types, strict=True)
        ]
        return pa.Table.from_arrays(arrays, schema=self.schema)


def arrow_type(kind: FieldType, *, dictionaries: bool = False) -> Any:
    """Return the Arrow type of a column: the smallest that fits every value of its field."""
    name = kind.name
    if dictionaries and kind.has_choices and name == "CharField":
        return pa.dictionary(pa.int32(), pa.string())
    if name == "DecimalField":
        return _decimal(kind)
    if name == "DateTimeField":
        return pa.timestamp("us", tz="UTC" if settings.USE_TZ else None)
    if name == "ArrayField" and kind.base is not None:
        return pa.list_(arrow_type(kind.base))
    if name.endswith("IntegerField") and not kind.is_exact:
        return pa.int64()
    if name in {"CharField", "SlugField", "FileField", "FilePathField"}:
        return pa.string()
    return SIMPLE_TYPES.get(name, pa.large_string())


def _decimal(kind: FieldType) -> Any:
    if not kind.is_exact:
        return COMPUTED
    digits, places = kind.max_digits, kind.decimal_places
    if digits is None or places is None or digits > DIGITS_256:
        return pa.large_string()
    wide = pa.decimal128 if digits <= DIGITS_128 else pa.decimal256
    return wide(digits, places)


def is_text(kind: Any) -> bool:
    """Return whether the values of a type are text, as in CSV."""
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_dictionary)
    return any(test(kind) for test in tests)


def value_converter(kind: Any) -> Callable[[Any], Any] | None:
    """Return what a value has to go through before Arrow takes it; None where it does as it is."""
    if is_text(kind):
        return text_of
    if pa.types.is_large_binary(kind):
        return bytes
    if pa.types.is_decimal(kind):
        return _exact(kind)
    if pa.types.is_list(kind):
        convert = value_converter(kind.value_type)
        if convert is not None:
            return lambda values: [None if v is None else convert(v) for v in values]
    return None


def _exact(kind: Any) -> Callable[[Any], Any]:
    """Return what writes a decimal with the decimals of its type.

    pyarrow loses digits without an error where it is left to do that for more than 38 of them.
    """
    context = Context(kind.precision, traps=[Inexact, InvalidOperation])
    last_place = Decimal(1).scaleb(-kind.scale)

    def exact(value: Any) -> Any:
        if isinstance(value, Decimal) and not value.is_finite():
            return value
        try:
            return context.quantize(value, last_place)
        except ArithmeticError as error:
            raise pa.ArrowInvalid(f"{value} has more digits") from error

    return exact


def reading_of(kind: Any) -> Reading:
    """Return what becomes of the server's text for a column of a type."""
    if pa.types.is_decimal128(kind):
        return Reading(places=kind.scale)
    return Reading(is_text=is_text(kind) or pa.types.is_decimal256(kind))


def text_type(kind: Any) -> Any:
    """Return the type as which the server's text for a column of a type is read."""
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us")
    if pa.types.is_duration(kind):
        return pa.int64()
    if pa.types.is_list(kind) or pa.types.is_large_binary(kind) or pa.types.is_decimal256(kind):
        return pa.large_string()
    return kind


def from_text(column: Any, kind: Any) -> Any:
    """Return what was read by `text_type()` as a column of its own type."""
    if pa.types.is_large_binary(kind):
        return _each(column, kind, _binary)
    if pa.types.is_decimal256(kind):
        exact = _exact(kind)
        return _each(column, kind, lambda text: exact(Decimal(text)))
    if pa.types.is_list(kind):
        element = element_reader(kind.value_type)
        return _each(column, kind, lambda text: element(json.loads(text, parse_float=Decimal)))
    return column if column.type == kind else column.cast(kind)


def _each(column: Any, kind: Any, read: Callable[[str], Any]) -> Any:
    values = (None if text is None else read(text) for text in column.to_pylist())
    return pa.array(list(values), type=kind)


def _binary(text: str) -> bytes:
    if not text.startswith(HEX_PREFIX):
        raise pa.ArrowInvalid(f"The server gives text for a BinaryField: {text[:20]!r}")
    return bytes.fromhex(text[len(HEX_PREFIX) :])


def element_reader(kind: Any) -> Callable[[Any], Any]:
    """Return what makes values of a JSON array, of elements of a type."""
    inner: Callable[[Any], Any]
    if pa.types.is_list(kind):
        inner = element_reader(kind.value_type)
    elif pa.types.is_floating(kind):
        inner = float
    elif pa.types.is_decimal(kind):
        exact = _exact(kind)
        inner = lambda value: exact(Decimal(value))  # noqa: E731
    else:
        return _same
    return lambda values: [None if value is None else inner(value) for value in values]


def _same(values: Any) -> Any:
    return values
