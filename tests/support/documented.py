"""Checks that names which Django doesn't document stay in `django_internals`."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.support.rooms import INTERNALS, Module, Offence, is_own, is_private, is_set, own_names_of

#: Modules of Django that its reference documents, with all that they offer.
DOCUMENTED = {
    "django",
    "django.apps",
    "django.conf",
    "django.contrib",
    "django.core.cache",
    "django.core.checks",
    "django.core.exceptions",
    "django.core.management",
    "django.core.paginator",
    "django.core.serializers.json",
    "django.core.signals",
    "django.core.signing",
    "django.db",
    "django.db.transaction",
    "django.db.models",
    "django.db.models.fields",
    "django.db.models.functions",
    "django.db.models.manager",
    "django.db.models.query",
    "django.db.models.signals",
    "django.dispatch",
    "django.forms",
    "django.http",
    "django.shortcuts",
    "django.template",
    "django.templatetags",
    "django.test",
    "django.urls",
    "django.utils",
    "django.views",
}
#: With the modules below them.
DOCUMENTED_WHOLE = {
    "django.contrib",
    "django.core.management",
    "django.forms",
    "django.template",
    "django.templatetags",
    "django.test",
    "django.utils",
    "django.views",
}
#: Of these modules, only the names below are documented.
DOCUMENTED_NAMES = {
    "django.contrib.admin": {"ModelAdmin", "action", "display", "site", "register"},
    "django.contrib.admin.options": {"ModelAdmin"},
    "django.db.models.expressions": {
        "Case",
        "Exists",
        "Expression",
        "ExpressionWrapper",
        "F",
        "Func",
        "OrderBy",
        "OuterRef",
        "RawSQL",
        "Subquery",
        "Value",
        "When",
        "Window",
    },
    "django.db.models.lookups": {"Lookup", "Transform", "Exact", "GreaterThan", "In", "IsNull"},
    "django.db.models.manager": {"BaseManager", "Manager"},
    "django.db.models.query": {"QuerySet", "RawQuerySet", "prefetch_related_objects"},
    "django.utils.connection": {"ConnectionDoesNotExist"},
}
#: Modules of the documented ones above that are not.
UNDOCUMENTED = {"django.contrib.admin.views.main", "django.utils.tree"}
#: Undocumented classes that may be named in annotations, and nowhere else.
FOR_TYPING = {
    ("django.db.backends.base.base", "BaseDatabaseWrapper"),
    ("django.db.backends.utils", "CursorWrapper"),
    ("django.db.models.sql", "Query"),
    ("django.db.models.sql.compiler", "SQLCompiler"),
}
#: Classes whose attributes are Django's own business, save those that its reference names.
UNDOCUMENTED_CLASSES = [
    ("django.db.models.sql.query", "Query"),
    ("django.db.models.sql.compiler", "SQLCompiler"),
]


def undocumented_imports(module: Module) -> Iterator[Offence]:
    """Rule 2, imports: only `django_internals` imports what Django doesn't document."""
    if module.room == INTERNALS:
        return
    typing = {id(part) for node in type_checking(module.tree) for part in ast.walk(node)}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and id(node) not in typing:
            for base, alias in names_from_django(node):
                name = "" if isinstance(node, ast.Import) else alias.name
                if is_documented(base, name) or (
                    (base, name) in FOR_TYPING and is_for_typing(module.tree, name)
                ):
                    continue
                yield module.offence(node, f"imports the undocumented {base}.{name}".rstrip("."))


def type_checking(tree: ast.AST) -> Iterator[ast.If]:
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield node


def names_from_django(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, ast.alias]]:
    """Yield the names that are imported from Django, each with its module."""
    for alias in node.names:
        base = alias.name if isinstance(node, ast.Import) else node.module or ""
        if base.split(".")[0] == "django" and not getattr(node, "level", 0):
            yield base, alias


def is_documented(base: str, name: str) -> bool:
    full = f"{base}.{name}"
    if name and importlib.util.find_spec(base) and is_module(full):
        base, name = full, ""
    if names := DOCUMENTED_NAMES.get(base):
        return not name or name in names
    parts = base.split(".")
    above = {".".join(parts[:n]) for n in range(1, len(parts))}
    return base in DOCUMENTED or bool(above & DOCUMENTED_WHOLE and base not in UNDOCUMENTED)


def is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # what is above it is no package
        return False


def is_for_typing(tree: ast.AST, name: str) -> bool:
    """Return whether a name is used in annotations alone."""
    annotations = {
        id(part)
        for node in ast.walk(tree)
        for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None))
        if isinstance(annotation, ast.AST)
        for part in ast.walk(annotation)
    }
    uses = (node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == name)
    return all(id(use) in annotations or is_set(use) for use in uses)


def is_of_another_kind(node: ast.AST) -> bool:
    """Return whether `node` is `selector.select` or `ops.quote_name`, which queries have too."""
    owner = node.value if isinstance(node, ast.Attribute) else None
    name = getattr(owner, "id", getattr(owner, "attr", None))
    return name in {"ops", "selector"}


def undocumented_attributes(module: Module) -> Iterator[Offence]:
    """Rule 2, attributes: only `django_internals` uses those that Django doesn't document."""
    if module.room == INTERNALS:
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            foreign = node.attr not in module.own_names
            if foreign or (not is_own(node.value) and node.attr in private_names()):
                yield module.offence(node, f"a private name of somebody else's, .{node.attr}")
        if is_of_another_kind(node):
            continue
        if isinstance(node, ast.Attribute) and node.attr in names_of_queries() - module.own_names:
            yield module.offence(node, f"an undocumented name of Django's queries, .{node.attr}")
        if text := fetched_by_name(node):
            yield module.offence(node, f"a private name of somebody else's, {text!r}")
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef) and node.bases:
            for name in sorted({*own_names_in_class(node)} & private_names()):
                yield module.offence(node, f"overrides Django's private {name}")


def fetched_by_name(node: ast.AST) -> str | None:
    """Return the private name that getattr() and the like are called with."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return None
    if node.func.id not in {"getattr", "setattr", "hasattr", "delattr"} or len(node.args) < 2:
        return None
    name = node.args[1]
    if not isinstance(name, ast.Constant) or not isinstance(name.value, str):
        return None
    return name.value if is_private(name.value) and not is_own(node.args[0]) else None


def own_names_in_class(node: ast.ClassDef) -> Iterator[str]:
    for statement in node.body:
        yield from own_names_of(statement) if not isinstance(statement, ast.ClassDef) else ()


@cache
def private_names() -> set[str]:
    """Return the private names of the classes that a queryset and its rows are made of."""
    classes = [
        ("django.db.models", "QuerySet"),
        ("django.db.models", "Manager"),
        ("django.db.models", "Model"),
        ("django.db.models", "Field"),
        *UNDOCUMENTED_CLASSES,
    ]
    return {name for owner in classes for name in names_of_class(*owner) if is_private(name)}


@cache
def names_of_queries() -> set[str]:
    """Return the public names of Django's queries and compilers that nothing documented has."""
    names = {name for owner in UNDOCUMENTED_CLASSES for name in names_of_class(*owner)}
    documented = {
        *names_of_class("django.db.models", "QuerySet"),
        *names_of_class("django.db.models", "Model"),
        *names_of_class("django.db.models", "Expression"),
        *names_of_class("django.db.backends.base.base", "BaseDatabaseWrapper"),
        *names_of_class("django.db.models.options", "Options"),
    }
    builtin = {name for kind in (str, list, dict, set, re) for name in dir(kind)}
    return {name for name in names - documented - builtin if not name.startswith("_")}


def names_of_class(module: str, name: str) -> set[str]:
    """Return the names of a class's methods and attributes, by its source where they are set."""
    kind = getattr(importlib.import_module(module), name)
    names = set(dir(kind))
    for base in kind.__mro__[:-1]:
        names |= set(vars(base)) | set(getattr(base, "__annotations__", {}))
        source = Path(importlib.import_module(base.__module__).__file__ or "").read_text()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ClassDef) and node.name == base.__name__:
                names |= set(own_names_of_instances(node))
    return names


def own_names_of_instances(node: ast.ClassDef) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute) and is_set(part) and is_own(part.value):
            yield part.attr
