"""What is to be known of an instance before code that builds it can be written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple

from django.db.models import Model

from ..django_internals.models import (
    Slot,
    SQLCompiler,
    cache_name_of,
    in_order_of_fields,
    is_plain,
    loaded,
    shares_related,
    slot_of,
)
from .columns import Columns


class Attribute(NamedTuple):
    """A loaded column: the attribute that it becomes, and its value in generated code."""

    name: str
    value: str
    slot: Slot
    is_raw: bool
    may_be_deferred: bool = False


class Setter(NamedTuple):
    """How one instance comes to know of another, if it does."""

    function: Callable[[Any, Any], None] | None
    cache_name: str | None
    """The key in its fields_cache, if to be set there is all that the function does."""


@dataclass
class Instance:
    """An instance to build from some columns of a raw row."""

    number: int
    model: type[Model]
    attributes: list[Attribute]
    is_plain: bool
    """Whether it can be built without from_db()."""
    key: str
    is_reordered: bool = False
    """Whether its columns stand among the selected ones in another order than its fields."""
    relations: list[Relation] = field(default_factory=list)

    @property
    def is_direct(self) -> bool:
        """Whether all columns go right into `__dict__`."""
        return self.is_plain and all(a.slot is not Slot.OWN for a in self.attributes)

    @property
    def keeps_related(self) -> bool:
        """Whether there is a related instance, or a None, to keep in its fields_cache."""
        return any(relation.local.cache_name is not None for relation in self.relations)

    @property
    def has_own_setters(self) -> bool:
        """Whether a relation is set by a function, which may do anything."""
        return any(
            setter.function is not None and setter.cache_name is None
            for relation in self.relations
            for setter in (relation.local, relation.remote)
        )

    @property
    def cache_tests(self) -> list[str]:
        """The code of the tests that tell whether setting a column makes a fields_cache."""
        return [
            f"{a.value} is not None" if a.is_raw else f"None != {a.value}"
            for a in self.attributes
            if a.slot is Slot.RELATION
        ]

    def __iter__(self) -> Iterator[Instance]:
        """Yield this instance and all that hang on it."""
        yield self
        for relation in self.relations:
            yield from relation.instance


@dataclass
class Relation:
    """An instance that select_related() hangs on another one."""

    instance: Instance
    local: Setter
    remote: Setter


class InstanceReader:
    """Reads the tree of instances out of a compiled query."""

    def __init__(self, compiler: SQLCompiler, columns: Columns) -> None:
        self.compiler = compiler
        self.columns = columns
        self.numbers = count()

    def read(self, klass_info: Any) -> Instance:
        """Return the instance of a klass_info, and with it those that it leads to."""
        model, indexes, names, key, related, is_reordered = loaded(klass_info, self.compiler)
        instance = Instance(
            number=next(self.numbers),
            model=model,
            attributes=[
                self._attribute(model, name, index)
                for name, index in zip(names, indexes, strict=True)
            ],
            is_plain=is_plain(model) and in_order_of_fields(model, names),
            key=self.columns.value(key),
            is_reordered=is_reordered,
        )
        instance.relations = [self._relation(info) for info in related]
        return instance

    def _attribute(self, model: type[Model], name: str, index: int) -> Attribute:
        value = self.columns.value(index)
        return Attribute(
            name,
            value,
            slot_of(model, name),
            self.columns.is_raw(index),
            self.columns.may_defer(index),
        )

    def _relation(self, klass_info: dict[str, Any]) -> Relation:
        remote: Callable[[Any, Any], None] | None = klass_info["remote_setter"]
        return Relation(
            instance=self.read(klass_info),
            local=setter(klass_info["local_setter"]),
            remote=setter(None if shares_related(klass_info) else remote),
        )


def setter(function: Callable[[Any, Any], None] | None) -> Setter:
    """Describe what `function` does."""
    return Setter(function, None if function is None else cache_name_of(function))
