"""The texts of the errors, warnings and log lines of the package, with `…` for what varies."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).resolve().parents[2] / "chunkqs"
VARIES = "…"
#: Calls whose first argument is such a text: exceptions, warnings and the logger.
RAISING = re.compile(
    r"(Error|Warning|Mismatch|NoRoom|Interrupted|InvalidPosition|Died|Configured|DoesNotExist)$"
    r"|^(warn|warning|add_note)$"
)
#: Texts that are given to them by name.
NAMED = re.compile(r"^(NO_ROOM|RESUME|reasons|text)$")
#: Texts that a function returns for them: sentences.
SENTENCE = re.compile(r"[A-Z].*[a-z…)][.:]( |$)")


class Message(NamedTuple):
    """A text, and where it stands."""

    place: str
    text: str


def messages() -> Iterator[Message]:
    """Yield every text that the package gives to an exception, a warning or the logger."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for value in _values(node):
                text = _template(value)
                if re.search("[a-z] ", text):
                    place = f"{path.relative_to(PACKAGE)}:{value.lineno}"
                    yield Message(place, " ".join(text.split()))


def _values(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Call) and node.args and RAISING.search(_name(node.func)):
        return node.args[:1]
    if isinstance(node, ast.Assign) and NAMED.match(_name(node.targets[0])):
        table = node.value
        return [k for k in table.keys if k] if isinstance(table, ast.Dict) else [table]
    if isinstance(node, ast.Return) and node.value is not None:
        return [node.value] if SENTENCE.match(_template(node.value)) else []
    return []


def _name(node: ast.expr) -> str:
    return getattr(node, "attr", getattr(node, "id", ""))


def _template(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"%[a-z]|%\.\df", VARIES, node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_template, node.values))
    if isinstance(node, ast.BinOp):
        return _template(node.left) + _template(node.right)
    return VARIES
