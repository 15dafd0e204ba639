"""What an instance needs, read from a compiled query before code that builds it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple

from django.db.models import Model

from ..django_internals.instance_construction import Assignment, assignment_of, is_plain
from ..django_internals.row_loading import LoadedModel, cache_name_of, in_order_of_fields
from .converted_columns import SelectedColumns


class Attribute(NamedTuple):
    """An attribute to set from a selected column, whose value `value` is in generated code."""

    name: str
    value: str
    assignment: Assignment
    is_raw: bool
    may_be_deferred: bool = False


class Setter(NamedTuple):
    """The function that stores one instance on another, if there is one."""

    function: Callable[[Any, Any], None] | None
    cache_name: str | None
    """The key in fields_cache, if setting it is all that the function does."""


@dataclass
class InstancePlan:
    """How to build an instance from some columns of a raw row."""

    number: int
    model: type[Model]
    attributes: list[Attribute]
    is_plain: bool
    """Whether it can be built without from_db()."""
    key: str
    is_reordered: bool = False
    """Whether its columns are selected in another order than that of its fields."""
    relations: list[Relation] = field(default_factory=list)

    @property
    def is_direct(self) -> bool:
        """Whether all columns go straight into `__dict__`."""
        return self.is_plain and all(
            attribute.assignment is not Assignment.OWN for attribute in self.attributes
        )

    @property
    def keeps_related(self) -> bool:
        """Whether its fields_cache stores a related instance, or None."""
        return any(relation.local.cache_name is not None for relation in self.relations)

    @property
    def has_own_setters(self) -> bool:
        """Whether a relation is set by a function that may do anything."""
        return any(
            setter.function is not None and setter.cache_name is None
            for relation in self.relations
            for setter in (relation.local, relation.remote)
        )

    @property
    def cache_tests(self) -> list[str]:
        """The conditions, as code, under which setting a column creates the fields_cache."""
        return [
            f"{a.value} is not None" if a.is_raw else f"None != {a.value}"
            for a in self.attributes
            if a.assignment is Assignment.RELATION
        ]

    def __iter__(self) -> Iterator[InstancePlan]:
        """Yield this plan and those of all related instances."""
        yield self
        for relation in self.relations:
            yield from relation.instance


@dataclass
class Relation:
    """An instance that select_related() attaches to another one."""

    instance: InstancePlan
    local: Setter
    remote: Setter


class InstancePlanner:
    """Turns the models that a compiled query loads into plans of their instances."""

    def __init__(self, columns: SelectedColumns) -> None:
        self.columns = columns
        self.numbers = count()

    def plan(self, loaded: LoadedModel) -> InstancePlan:
        """Return the plan for a model and for those that are related to it."""
        model, names = loaded.model, loaded.names
        instance = InstancePlan(
            number=next(self.numbers),
            model=model,
            attributes=[
                self._attribute(model, name, index)
                for name, index in zip(names, loaded.indexes, strict=True)
            ],
            is_plain=is_plain(model) and in_order_of_fields(model, names),
            key=self.columns.value(loaded.key),
            is_reordered=loaded.is_reordered,
        )
        instance.relations = [
            Relation(self.plan(one.loaded), setter(one.set_local), setter(one.set_remote))
            for one in loaded.related
        ]
        return instance

    def _attribute(self, model: type[Model], name: str, index: int) -> Attribute:
        return Attribute(
            name,
            self.columns.value(index),
            assignment_of(model, name),
            self.columns.is_raw(index),
            self.columns.may_defer(index),
        )


def setter(function: Callable[[Any, Any], None] | None) -> Setter:
    """Describe what `function` does."""
    return Setter(function, None if function is None else cache_name_of(function))
