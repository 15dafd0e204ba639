"""Each line of the package stands in the room that it belongs to (docs/architecture.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import chunkqs
from tests.support.documented import undocumented_attributes, undocumented_imports
from tests.support.rooms import (
    Module,
    Offence,
    ascents,
    foreign_assignments,
    names_of_vendors,
    package,
)

Rule = Callable[[Module], Iterator[Offence]]

RULES: dict[str, Rule] = {
    "a vendor's name stands in databases/ alone": names_of_vendors,
    "an undocumented module of Django is imported in django_internals/ alone": undocumented_imports,
    "an undocumented attribute of Django is used in django_internals/ alone": (
        undocumented_attributes
    ),
    "no import goes up the list of rooms": ascents,
    "a private attribute is set by its own class alone": foreign_assignments,
}
MODULES = package(Path(chunkqs.__file__).parent)
#: What may stand where it does, and why.
EXCEPTIONS = {
    ("queryset.py", "_queryset_class"): "what Manager.from_queryset(), which is documented, sets",
    ("arguments.py", "'_max_workers'"): "a standard executor's, which says it nowhere else",
}


@pytest.mark.parametrize("name", RULES)
def test_the_package_keeps_the_rule(name: str) -> None:
    offences = [offence for module in MODULES for offence in RULES[name](module)]
    assert [str(offence) for offence in offences if not is_excepted(offence)] == []


def test_every_exception_is_needed() -> None:
    offences = [
        offence for rule in RULES.values() for module in MODULES for offence in rule(module)
    ]
    for path, name in EXCEPTIONS:
        assert any(is_at(offence, path, name) for offence in offences), f"{path} uses no {name}"


def is_excepted(offence: Offence) -> bool:
    return any(is_at(offence, path, name) for path, name in EXCEPTIONS)


def is_at(offence: Offence, path: str, name: str) -> bool:
    return offence.where.startswith(f"{path}:") and offence.what.endswith(name)


BROKEN: list[tuple[Rule, str, str]] = [
    (names_of_vendors, "walks/a.py", "if connection.vendor == 'postgresql': pass"),
    (names_of_vendors, "walks/a.py", "if connection.vendor in KNOWN: pass"),
    (names_of_vendors, "keyset/a.py", "MOST = {'mysql': 1000}"),
    (names_of_vendors, "keyset/a.py", "SERVERS = {'mysql', 'postgresql'}"),
    (names_of_vendors, "lazy.py", "match name:\n    case 'sqlite': pass"),
    (names_of_vendors, "sources/a.py", "if connection.mysql_is_mariadb: pass"),
    (names_of_vendors, "sources/a.py", "if e == 'django.db.backends.postgresql': pass"),
    (names_of_vendors, "sources/a.py", "import psycopg2.extensions"),
    (names_of_vendors, "sources/a.py", "from ..databases.mysql.session import read"),
    (names_of_vendors, "django_internals/a.py", "if connection.vendor == 'oracle': pass"),
    (undocumented_imports, "keyset/a.py", "from django.db.models.expressions import Col"),
    (undocumented_imports, "keyset/a.py", "from django.db.models.sql import AND"),
    (undocumented_imports, "keyset/a.py", "import django.db.models.sql.where"),
    (undocumented_imports, "keyset/a.py", "from django.db.models import query_utils"),
    (undocumented_imports, "lazy.py", "def f():\n    from django.utils.tree import Node"),
    (
        undocumented_imports,
        "hydration/a.py",
        "from django.db.models.sql.compiler import SQLCompiler\nisinstance(x, SQLCompiler)",
    ),
    (undocumented_attributes, "walks/a.py", "queryset._iterable_class"),
    (undocumented_attributes, "walks/a.py", "queryset._db = 'default'"),
    (undocumented_attributes, "walks/a.py", "getattr(queryset, '_fetch_mode', None)"),
    (undocumented_attributes, "walks/a.py", "queryset.query.alias_map"),
    (undocumented_attributes, "walks/a.py", "query.high_mark"),
    (undocumented_attributes, "walks/a.py", "compiler.klass_info"),
    (undocumented_attributes, "model.py", "class A(QuerySet):\n    def _clone(self): pass"),
    (ascents, "keyset/a.py", "from ..walks.plan import Plan"),
    (ascents, "keyset/a.py", "from .. import lazy"),
    (ascents, "databases/mysql/a.py", "from ...hydration import codegen"),
    (ascents, "django_internals/a.py", "import chunkqs.databases.base"),
    (ascents, "hydration/a.py", "def f():\n    from ..functions import stream"),
    (ascents, "utils/a.py", ""),
    (foreign_assignments, "walks/a.py", "other._closed = True"),
    (foreign_assignments, "walks/a.py", "def f(a):\n    a._x, a.y = 1, 2"),
    (foreign_assignments, "walks/a.py", "del other._closed"),
    (foreign_assignments, "walks/a.py", "for other._row in rows: pass"),
    (foreign_assignments, "walks/a.py", "class A:\n    def f(self, b): b._x += 1"),
]
KEPT: list[tuple[Rule, str, str]] = [
    (names_of_vendors, "databases/base.py", "if connection.vendor == 'postgresql': pass"),
    (names_of_vendors, "walks/a.py", "'''Works on postgresql and mysql.'''"),
    (undocumented_imports, "keyset/a.py", "from django.db.models import F, QuerySet, functions"),
    (undocumented_imports, "keyset/a.py", "from django.db import models, transaction"),
    (
        undocumented_imports,
        "hydration/a.py",
        "from django.db.models.sql.compiler import SQLCompiler\ndef f(x: SQLCompiler): pass",
    ),
    (
        undocumented_imports,
        "hydration/a.py",
        "if TYPE_CHECKING:\n    from django.db.models.sql import Query",
    ),
    (undocumented_imports, "django_internals/a.py", "from django.db.models.sql import Query"),
    (undocumented_attributes, "walks/a.py", "model._meta.label, str(queryset.query), ','.join(a)"),
    (undocumented_attributes, "walks/a.py", "class A:\n    def f(self): self._x = self._x or 1"),
    (undocumented_attributes, "django_internals/a.py", "queryset._db, query.alias_map"),
    (ascents, "walks/a.py", "from ..keyset import keyset\nfrom ..errors import KeysetError"),
    (ascents, "django_internals/a.py", "from ..errors import KeysetError"),
    (ascents, "lazy.py", "from .chunk import Chunk\nfrom .walks.plan import Plan"),
    (foreign_assignments, "walks/a.py", "class A:\n    def f(self): self._x = 1"),
    (
        foreign_assignments,
        "walks/a.py",
        "class A:\n    _x: int\n    @classmethod\n    def of(cls, a):\n        a._x = 1",
    ),
    (foreign_assignments, "django_internals/a.py", "queryset._result_cache = rows"),
]


def named(case: object) -> str:
    return getattr(case, "__name__", str(case))


@pytest.mark.parametrize(("rule", "path", "source"), BROKEN, ids=named)
def test_a_broken_rule_fails(rule: Rule, path: str, source: str) -> None:
    assert list(rule(Module(path, source)))


@pytest.mark.parametrize(("rule", "path", "source"), KEPT, ids=named)
def test_a_kept_rule_passes(rule: Rule, path: str, source: str) -> None:
    assert list(rule(Module(path, source))) == []
