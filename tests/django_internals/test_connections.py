"""Django's connections and drivers, as each supported version has them."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path
from typing import Any

import django
import pytest
from django.db.backends.base.base import BaseDatabaseWrapper

from tests.support.digests import digest, watched

WRAPPER: Any = BaseDatabaseWrapper
PARTS = {
    "BaseDatabaseWrapper._cursor": watched(WRAPPER._cursor, "523f4a41"),
    "BaseDatabaseWrapper._close": watched(WRAPPER._close, "05c9410a"),
}


@pytest.mark.parametrize("name", PARTS)
def test_code_is_that_which_was_read(name: str) -> None:
    assert (name, digest(PARTS[name].part)) == (name, PARTS[name].expected)


def test_djangos_loader_of_timestamps_is_that_which_was_read() -> None:
    """It is in a module that is there for psycopg 3 alone."""
    postgresql = Path(django.__file__).parent / "db" / "backends" / "postgresql"
    source = (postgresql / "psycopg_any.py").read_text()
    classes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef)]
    (loader,) = [node for node in classes if node.name == "BaseTzLoader"]
    segment = ast.get_source_segment(source, loader, padded=True)
    assert segment is not None
    digests = {(5, 2): "d8f55eb4", (6, 0): "3080e0d5", (6, 1): "9bf6961e"}
    assert digest(textwrap.dedent(segment)) == digests[django.VERSION[:2]]
