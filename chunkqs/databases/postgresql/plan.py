"""PostgreSQL's EXPLAIN: how it is asked for, and what it and a query's text give away."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from django.db.backends.utils import CursorWrapper

from ...django_internals.compiler import Statement
from ..answers import Explanation

#: Built-in functions that look at the session, write, or run a query given as text.
SESSION_FUNCTIONS = re.compile(
    r"(?:pg|inet|txid|lo)_.*|.*_to_xml(?:schema|_and_xmlschema)?|current_(?:setting|query)"
    r"|set_config|setseed|(?:curr|last|next|set)val|loread|lowrite|currtid2?|ts_(?:stat|rewrite)"
)
LITERAL = re.compile(r"""("(?:[^"]|"")*")|'(?:[^']|'')*'""")
CALL = re.compile(
    r"""(?:"((?:[^"]|"")+)"|([^\W\d][\w$]*))(?:\s|/\*.*?\*/|--[^\n]*\n)*\(""", re.DOTALL
)


def read_plan(cursor: CursorWrapper, statement: Statement) -> Plan:
    """Plan `statement`: one EXPLAIN, which locks its relations until the transaction ends."""
    cursor.execute(f"EXPLAIN (VERBOSE, FORMAT JSON) {statement.sql}", statement.params)
    (answer,) = cursor.fetchone()
    return Plan(json.loads(answer) if isinstance(answer, str) else answer)


class Plan:
    """A plan, and the expressions and relations in it."""

    def __init__(self, tree: Any) -> None:
        self._tree = tree

    @classmethod
    def of(cls, explanation: Explanation | None) -> Plan:
        """Return the plan in an explanation; one without any node where there is none."""
        return cls(json.loads(explanation.text) if explanation else [])

    @property
    def explanation(self) -> Explanation:
        """Rows and width off the top of the plan, and its whole text."""
        top = self._tree[0]["Plan"]
        return Explanation(top["Plan Rows"], top["Plan Width"], json.dumps(self._tree))

    @cached_property
    def relations(self) -> set[tuple[str, str]]:
        """The schema and name of each relation that is read."""
        return {
            (node.get("Schema", ""), node["Relation Name"])
            for node in _nodes(self._tree)
            if "Relation Name" in node
        }

    @cached_property
    def functions(self) -> set[str]:
        """The names of the functions that are called."""
        named = {node["Function Name"] for node in _nodes(self._tree) if "Function Name" in node}
        return named.union(*(called(text) for text in self.expressions))

    @cached_property
    def expressions(self) -> list[str]:
        """Every text in the plan, string literals taken out."""
        return [without_literals(text) for text in _strings(self._tree)]


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        tree = list(tree.values())
    if isinstance(tree, list):
        for branch in tree:
            yield from _nodes(branch)


def _strings(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    branches: Iterable[Any] = tree.values() if isinstance(tree, dict) else tree
    if isinstance(tree, dict | list):
        for branch in branches:
            yield from _strings(branch)


def without_literals(text: str) -> str:
    """Take the string literals out of an expression as PostgreSQL prints it."""
    return LITERAL.sub(lambda match: match[1] or "''", text)


def called(text: str) -> set[str]:
    """Return the name of everything that looks like a function call in `text`."""
    return {
        quoted.replace('""', '"') if quoted else plain.lower()
        for quoted, plain in CALL.findall(text)
    }


def session_functions(names: Iterable[str]) -> list[str]:
    """Return those of the built-in functions' `names` whose answer depends on the session."""
    return sorted(name for name in names if SESSION_FUNCTIONS.fullmatch(name))
