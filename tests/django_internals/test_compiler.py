"""How Django compiles a query and reads its columns, as each supported version has it."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.models.expressions import ColPairs

from chunkqs.django_internals.compiler import compile_select
from tests.support.models import Composite


def test_composite_columns_of_a_select() -> None:
    compiler: Any = compile_select(Composite.objects.values_list("pk", "name"), connection).compiler
    columns = [column for column, _, _ in compiler.select]
    assert isinstance(columns[0], ColPairs)
    assert len(columns[0]) == 2
    assert compiler.has_composite_fields(columns)
    assert compiler.col_count == len(columns) == 2
