"""The indexes of a table: those that its model declares, and those that the database has.

Each is given as the SQL of its parts, which those of an order can be compared with.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import Any, NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import names_digest
from django.db.models import Index, QuerySet, UniqueConstraint
from django.db.models.expressions import Col, OrderBy

from ..django_internals import filters as filter_internals
from ..django_internals import queries as order_internals

#: Kinds of index that have an order, by Django's suffix for them: its own, and BTreeIndex.
ORDERED = {"idx", "btree"}
#: Databases whose every index ends with the primary key, declared or not.
ENDS_WITH_KEY = {"mysql", "sqlite"}


class Part(NamedTuple):
    """A column or expression of an index or order, as SQL that names no table."""

    sql: str
    params: tuple[Any, ...] = ()


#: An expression of an index that the database has: which one, it does not say.
UNKNOWN = Part("")


class Term(NamedTuple):
    """A part, its direction, and the place of its NULLs: None leaves that to the database."""

    part: Part
    descending: bool = False
    nulls_first: bool | None = None


Terms = tuple[Term, ...]


class Table:
    """The table that a queryset is of, on one connection."""

    def __init__(self, source: QuerySet[Any, Any], connection: BaseDatabaseWrapper) -> None:
        self.source = source
        self.connection = connection
        # A proxy declares no indexes of its own.
        self.options = source.model._meta.concrete_model._meta
        self._quote = connection.ops.quote_name
        self._alias = self._quote(order_internals.base_alias(source))
        self._compiler = source.query.get_compiler(connection=connection)

    def part(self, expression: Any) -> Part:
        """Return an expression of the queryset as it stands in an index."""
        sql, params = self._compiler.compile(expression)
        sql = sql.replace(f"{self._alias}.", "")
        return Part(sql if isinstance(expression, Col) else f"({sql})", tuple(params))

    def declared(self) -> list[Terms]:
        """Return the indexes that the model declares, as far as this database makes them."""
        options = self.options
        found = [self._ascending(options.pk_fields)]
        for field in options.local_concrete_fields:
            if field.unique or field.db_index:
                found.append(self._ascending([field]))
        found += [self._named(names) for names in options.unique_together]
        for declared in (*options.indexes, *options.constraints):
            if self._is_made(declared):
                found.append(self._terms(declared))
        return [self._with_key(terms) for terms in found]

    def existing(self) -> Iterator[Terms]:
        """Yield the indexes that the database has, but for those declared: a query or two."""
        introspection = self.connection.introspection
        with self.connection.cursor() as cursor:
            found = introspection.get_constraints(cursor, self.options.db_table)
        declared = {one.name for one in (*self.options.indexes, *self.options.constraints)}
        for name, index in found.items():
            # The index behind a unique constraint has no type in PostgreSQL's answer.
            ordered = index["type"] in ORDERED if index["index"] else index["unique"]
            if ordered and name not in declared:
                yield self._with_key(tuple(self._stored(index)))

    def create_index(self, terms: Iterable[Term]) -> str:
        """Return the statement that makes an index."""
        table = self.options.db_table
        parts = ", ".join(map(self._definition, terms))
        name = f"{table[:16]}_{names_digest(parts, length=6)}_idx"
        return f"CREATE INDEX {self._quote(name)} ON {self._quote(table)} ({parts})"

    def _definition(self, term: Term) -> str:
        sql, params = term.part
        quote_value = self.connection.schema_editor().quote_value
        written = sql % tuple(map(quote_value, params)) if params else sql
        return f"{written} DESC" if term.descending else written

    def _ascending(self, fields: Iterable[Any]) -> Terms:
        return tuple(Term(Part(self._quote(field.column))) for field in fields)

    def _named(self, names: Iterable[str]) -> Terms:
        return self._ascending(map(self.options.get_field, names))

    def _terms(self, declared: Any) -> Terms:
        if declared.expressions:
            ordered = order_internals.resolved_index(self.source, declared.expressions)
            return tuple(self._ordered(one) for one in ordered)
        if isinstance(declared, UniqueConstraint):
            return self._named(declared.fields)
        columns = self._named(name for name, _ in declared.fields_orders)
        orders = [order == "DESC" for _, order in declared.fields_orders]
        return tuple(map(Term, (column.part for column in columns), orders))

    def _ordered(self, order: OrderBy) -> Term:
        nulls_first = True if order.nulls_first else False if order.nulls_last else None
        return Term(self.part(order.expression), order.descending, nulls_first)

    def _is_made(self, declared: Any) -> bool:
        """Tell whether the database has the index, with an order, and for rows of the query."""
        if isinstance(declared, Index):
            ordered = declared.suffix in ORDERED
        else:
            ordered = isinstance(declared, UniqueConstraint)
        has_expressions = self.connection.features.supports_expression_indexes
        if not ordered or (declared.expressions and not has_expressions):
            return False
        # Whether the rows of its condition are those of a filter, only the database can tell.
        return declared.condition is None or filter_internals.is_filtered(self.source)

    def _stored(self, index: Any) -> Iterator[Term]:
        for column, order in zip_longest(index["columns"] or [None], index.get("orders") or []):
            part = UNKNOWN if column is None else Part(self._quote(column))
            yield Term(part, order == "DESC")

    def _with_key(self, terms: Terms) -> Terms:
        if self.connection.vendor not in ENDS_WITH_KEY:
            return terms
        present = {term.part for term in terms}
        key = self._ascending(self.options.pk_fields)
        return (*terms, *(term for term in key if term.part not in present))
