"""Compares two iterations row by row, down to the last attribute.

Model instances count as equal in Django when their primary keys are; here they
have to be the same in type, in `__dict__` and its order, in `_state`, in cached
relations and in prefetched ones, and so have all objects that they lead to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.db.models import Manager, Model, QuerySet
from django.db.models.base import ModelState
from django.db.models.fields.files import FieldFile

Seen = set[tuple[int, int]]

#: What holds the rows of a prefetched relation, and what they are known to belong to.
QUERYSET_PARTS = (
    "model",
    "_db",
    "_result_cache",
    "_prefetch_done",
    "_prefetch_related_lookups",
    "_hints",
    "_known_related_objects",
)


def assert_same_rows(got: Iterable[Any], expected: Iterable[Any]) -> None:
    """Fail, naming the first few differences, unless both yield the very same rows."""
    got, expected = list(got), list(expected)
    found = list(differences(got, expected, "rows", set()))
    assert not found, "\n".join([f"{len(found)} differences:", *found[:10]])


def differences(got: Any, expected: Any, path: str, seen: Seen) -> Iterator[str]:
    """Yield a line for each place where `got` is not as `expected`."""
    if type(got) is not type(expected):
        yield f"{path}: {type(got)} instead of {type(expected)}"
        return
    if (pair := (id(got), id(expected))) in seen:
        return
    compare = comparison(got)
    if compare is not scalars:
        seen.add(pair)
    yield from compare(got, expected, path, seen)


def comparison(value: Any) -> Any:
    if isinstance(value, Model | ModelState | FieldFile):
        return attributes
    if isinstance(value, QuerySet):
        return querysets
    if isinstance(value, Manager):
        return managers
    if isinstance(value, Mapping):
        return mappings
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return sequences
    return scalars


def attributes(got: Any, expected: Any, path: str, seen: Seen) -> Iterator[str]:
    yield from mappings(visible(got), visible(expected), path, seen)


def visible(value: Any) -> dict[str, Any]:
    """Copy `__dict__`, without the peers: those depend on the size of the chunk."""
    return {name: part for name, part in vars(value).items() if name != "peers"}


def querysets(got: Any, expected: Any, path: str, seen: Seen) -> Iterator[str]:
    for name in QUERYSET_PARTS:
        yield from differences(getattr(got, name), getattr(expected, name), f"{path}.{name}", seen)


def managers(got: Any, expected: Any, path: str, seen: Seen) -> Iterator[str]:
    yield from differences(
        getattr(got, "instance", None), getattr(expected, "instance", None), path, seen
    )


def mappings(got: Any, expected: Any, path: str, seen: Seen) -> Iterator[str]:
    """Compare the order of the keys too, for it shows how an instance was filled."""
    if list(got) != list(expected):
        yield f"{path}: keys {list(got)} instead of {list(expected)}"
    for key, expected_value in expected.items():
        if key in got:
            yield from differences(got[key], expected_value, f"{path}[{key!r}]", seen)


def sequences(got: Any, expected: Any, path: str, seen: Seen) -> Iterator[str]:
    if len(got) != len(expected):
        yield f"{path}: {len(got)} instead of {len(expected)}"
    for number, pair in enumerate(zip(got, expected, strict=False)):
        yield from differences(*pair, f"{path}[{number}]", seen)


def scalars(got: Any, expected: Any, path: str, seen: Seen) -> Iterator[str]:
    """Compare by text too: Decimal("1.0") equals Decimal("1.00"), and NaN not itself."""
    same_text = repr(got) == repr(expected)
    if not same_text or (got != expected and got == got):
        yield f"{path}: {got!r} instead of {expected!r}"
