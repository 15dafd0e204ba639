"""Models that have no table, and raw rows for them: for what happens behind the database."""

from __future__ import annotations

from typing import Any

from django.db import connection, models
from django.db.models import QuerySet

from chunkqs.django_internals.compiler import Block, compile_select, iterate_block
from chunkqs.hydration.hydrator import hydrator
from tests.support.oracle import assert_same_rows

VALUES: list[dict[str, Any]] = [
    {"id": 1, "other_id": 10, "name": "one", "width": 640},
    {"id": 2, "other_id": None, "name": "two", "width": 640},
    {"id": 3, "other_id": 30, "name": None, "width": None},
]


def assert_as_django(queryset: QuerySet[Any], block: Block | None = None) -> list[Any]:
    """Compare both ways over the same raw rows; return what hydrate makes of them."""
    block = raw_rows(queryset.model) if block is None else block
    compiler = compile_select(queryset, connection).compiler
    got = hydrator(queryset, compiler)(block)
    assert_same_rows(got, iterate_block(queryset, compiler, block))
    return got


def model(*bases: type, **attributes: Any) -> Any:
    """Define a model of a key, a foreign key to itself and a name."""
    fields = {
        "id": models.BigIntegerField(primary_key=True),
        "other": models.ForeignKey("self", models.CASCADE, null=True),
        "name": models.CharField(max_length=10, null=True),
        "__module__": "tests.support.models",
    }
    bases = bases or (models.Model,)
    return type(bases[0])("Made", bases, {**fields, **attributes})


def raw_rows(made: Any, *names: str) -> Block:
    """Return raw rows of the columns of these names, by default of all."""
    attnames = [f.attname for f in made._meta.concrete_fields if not names or f.name in names]
    return [tuple(values[name] for name in attnames) for values in VALUES]
