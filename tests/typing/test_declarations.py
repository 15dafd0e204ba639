"""What type checkers are told is what there is."""

from __future__ import annotations

import ast
import inspect
from importlib.metadata import files
from types import ModuleType

import pytest
from django.db.models import QuerySet
from django.db.models.manager import BaseManager

from chunkqs import division_methods, functions, methods, queryset

#: Methods of a QuerySet and its manager that return something other than a queryset.
ENDS = {
    "aggregate",
    "bulk_create",
    "bulk_update",
    "contains",
    "count",
    "create",
    "earliest",
    "exists",
    "explain",
    "first",
    "get",
    "get_or_create",
    "in_bulk",
    "iterator",
    "last",
    "latest",
    "raw",
    "update",
    "update_or_create",
}
#: Of a later Django than the oldest that is supported.
LATER = {"fetch_mode"}
#: Ours, or a manager's own.
OTHERS = {"get_queryset", "partition", "all"}


def declared(module: ModuleType, class_name: str = "") -> list[ast.FunctionDef]:
    """Return the methods of a class (the first of that name), or a module's functions."""
    scope: ast.Module | ast.ClassDef = ast.parse(inspect.getsource(module))
    if class_name:
        classes = (node for node in ast.walk(scope) if isinstance(node, ast.ClassDef))
        scope = next(node for node in classes if node.name == class_name)
    return [node for node in ast.walk(scope) if isinstance(node, ast.FunctionDef)]


def chain_begins() -> set[str]:
    """Return the methods that Django copies from QuerySet to a manager, save those that end."""
    return {
        name
        for name in BaseManager._get_queryset_methods(QuerySet)
        if not name.startswith("_") and not ENDS & {name, name.removeprefix("a")}
    }


def test_a_manager_declares_every_method_of_djangos_that_returns_a_queryset() -> None:
    names = {node.name for node in declared(queryset, "ChunkedManager")}
    names = {name for name in names if not name.startswith("_")}
    assert chain_begins() <= names
    assert names - chain_begins() - LATER == OTHERS


def test_a_queryset_declares_every_method_of_djangos_that_changes_what_its_rows_are() -> None:
    pytest.importorskip("mypy_django_plugin")  # and so Django's stubs, which say which these are
    names = {node.name for node in declared(queryset, "ChunkedQuerySet")}
    assert stubs_that_return_a_plain_queryset() <= names


def stubs_that_return_a_plain_queryset() -> set[str]:
    [stub] = [path for path in files("django-stubs") or [] if path.match("db/models/query.pyi")]
    scope = next(
        node
        for node in ast.parse(stub.locate().read_text()).body  # type: ignore[attr-defined]
        if isinstance(node, ast.ClassDef) and node.name == "QuerySet"
    )
    return {
        node.name
        for node in scope.body
        if isinstance(node, ast.FunctionDef)
        and node.returns is not None
        and ast.unparse(node.returns).startswith("QuerySet[")
    }


@pytest.mark.parametrize(
    "name", ["stream", "keyset_iter", "chunks", "partitions", "partition", "parallel"]
)
def test_a_method_has_the_signature_of_its_function(name: str) -> None:
    def signatures(nodes: list[ast.FunctionDef]) -> list[str]:
        own = [node.args for node in nodes if node.name == name]
        for arguments in own:
            arguments.args = arguments.args[1:]
        return [ast.unparse(arguments) for arguments in own]

    assert signatures(declared(methods, "ChunkedMethods")) == signatures(
        declared(functions) + declared(division_methods)
    )
