"""Checks that each line of the package stands in the room that it belongs to.

Works on source text alone, so that a broken source can be shown to fail. See
docs/architecture.md for the rooms.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

#: From the top down: a module imports from its own room and from those below it.
ROOMS = [
    "management",
    "face",
    "parallel",
    "partitions",
    "walks",
    "sources",
    "keyset",
    "exports",
    "hydration",
    "databases",
    "django_internals",
]
#: Modules of the face that every room may import: they import none themselves.
EVERYWHERE = {"callers_line", "errors", "settings"}
INTERNALS = "django_internals"

VENDORS = {"postgresql", "mysql", "mariadb", "sqlite", "oracle", "microsoft"}
DRIVERS = {"psycopg", "psycopg2", "psycopg_pool", "MySQLdb", "sqlite3", "pymysql"}

#: Names with an underscore that documentation promises: Django's, namedtuple's and Python's.
PROMISED = {
    *("_meta", "_state", "_base_manager", "_default_manager"),
    *("_asdict", "_fields", "_make", "_replace"),
    *("_exit", "_getframe"),
}


class Offence(NamedTuple):
    """A line that breaks a rule."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class Module:
    """A source file of the package, and the names that Django is forbidden to share with it."""

    def __init__(self, path: str, source: str, own_names: Iterable[str] = ()) -> None:
        self.path = path
        self.tree = ast.parse(source)
        parts = Path(path).with_suffix("").parts
        self.package = parts[:-1]
        self.room = parts[0] if len(parts) > 1 else "face"
        self.name = parts[-1]
        self.own_names = {*own_names, *own_names_of(self.tree)}

    def offence(self, node: ast.AST, what: str) -> Offence:
        return Offence(f"{self.path}:{getattr(node, 'lineno', 1)}", what)


def package(root: Path) -> list[Module]:
    """Read every module below `root`."""
    sources = {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*.py")}
    own_names: set[str] = set()
    for path, source in sources.items():
        tree = ast.parse(source)
        own_names |= set(fields_of(tree) if path.startswith(INTERNALS) else own_names_of(tree))
    return [Module(path, source, own_names) for path, source in sorted(sources.items())]


def own_names_of(tree: ast.AST) -> Iterator[str]:
    """Yield the names that functions, classes and `self.name =` define."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        if isinstance(node, ast.Attribute) and is_set(node) and is_own(node.value):
            yield node.attr
        if isinstance(node, ast.Name) and is_set(node):
            yield node.id
        if (
            isinstance(node, ast.Call)
            and len(node.args) == 3
            and isinstance(node.args[2], ast.Dict)
        ):
            # type(name, bases, {...})
            yield from (str(k.value) for k in node.args[2].keys if isinstance(k, ast.Constant))


def fields_of(tree: ast.AST) -> Iterator[str]:
    """Yield the fields that dataclasses and named tuples declare."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for field in node.body:
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                    yield field.target.id


def is_set(node: ast.Attribute | ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store | ast.Del)


def is_own(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in {"self", "cls"}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in PROMISED | {"_"}


def names_of_vendors(module: Module) -> Iterator[Offence]:
    """Rule 1: only `databases` compares with a vendor's name, or has a table by vendor."""
    if module.room == "databases":
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and node.value in VENDORS:
            yield module.offence(node, f"the name of a vendor, {node.value!r}")
        if isinstance(node, ast.Constant) and names_backend(node.value):
            yield module.offence(node, f"the backend of a vendor, {node.value!r}")
        if isinstance(node, ast.Attribute) and asks_vendor(node.attr):
            yield module.offence(node, f"asks for the vendor, .{node.attr}")
    if module.room != INTERNALS:
        for node, imported in imports(module):
            parts = imported.split(".")
            if parts[0] in DRIVERS:
                yield module.offence(node, f"imports the driver {parts[0]}")
            if parts[:2] == ["chunkqs", "databases"] and VENDORS & set(parts):
                yield module.offence(node, f"imports what is for one vendor, {imported}")


def names_backend(value: object) -> bool:
    pattern = rf"django\.db\.backends\.({'|'.join(VENDORS)})"
    return isinstance(value, str) and re.search(pattern, value) is not None


def asks_vendor(name: str) -> bool:
    return name == "vendor" or name.split("_")[0] in VENDORS


def imports(module: Module) -> Iterator[tuple[ast.stmt, str]]:
    """Yield each import with the full name of what it imports."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            base = origin(module, node)
            yield from ((node, f"{base}.{alias.name}") for alias in node.names)


def origin(module: Module, node: ast.ImportFrom) -> str:
    """Return the full name of the module that is imported from."""
    if not node.level:
        return node.module or ""
    above = ("chunkqs", *module.package)[: len(module.package) + 2 - node.level]
    return ".".join([*above, *(node.module or "").split(".")]).rstrip(".")


def ascents(module: Module) -> Iterator[Offence]:
    """Rule 3: no import goes up the list of rooms."""
    if module.room not in ROOMS:
        yield Offence(module.path, f"{module.room!r} is no room: add it to ROOMS, in its place")
        return
    for node, imported in imports(module):
        if not imported.startswith("chunkqs."):
            continue
        room = imported.split(".")[1]
        if room in EVERYWHERE:
            continue
        room = room if room in ROOMS else "face"
        if ROOMS.index(room) < ROOMS.index(module.room):
            yield module.offence(node, f"goes up from {module.room} to {room}: {imported}")


def foreign_assignments(module: Module) -> Iterator[Offence]:
    """Rule 4: attributes that start with `_` are set by their own class alone."""
    if module.room != INTERNALS:  # which sets Django's
        yield from assignments_in(module, module.tree, set())


def assignments_in(module: Module, node: ast.AST, own: set[str]) -> Iterator[Offence]:
    for child in ast.iter_child_nodes(node):
        names = own
        if isinstance(child, ast.ClassDef):
            names = {*own_names_of(child)}
        if (
            isinstance(child, ast.Attribute)
            and is_set(child)
            and is_private(child.attr)
            and not is_own(child.value)
            and child.attr not in names
        ):
            yield module.offence(child, f"sets another class's .{child.attr}")
        yield from assignments_in(module, child, names)
