"""How Django builds an instance: what from_db() and Model.__init__() do, and what changes it.

Each piece names the Django versions it was read and tested against.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from enum import Enum
from functools import partial
from types import GetSetDescriptorType
from typing import Any

from django.db.models import Model
from django.db.models import base as django_base
from django.db.models import query as django_query
from django.db.models.base import ModelState
from django.db.models.fields.files import FileDescriptor, ImageFileDescriptor
from django.db.models.fields.mixins import FieldCacheMixin
from django.db.models.fields.related_descriptors import (
    ForeignKeyDeferredAttribute,
)
from django.db.models.query import (
    FlatValuesListIterable,
    ModelIterable,
    NamedValuesListIterable,
    ValuesIterable,
    ValuesListIterable,
)
from django.db.models.query_utils import DeferredAttribute
from django.db.models.signals import post_init, pre_init


class Assignment(Enum):
    """What `setattr()` of a loaded column does to a new instance."""

    PLAIN = "the value goes into __dict__"
    FILE = "the value goes into __dict__, the first time"
    RELATION = "the value goes into __dict__, and one that is not None creates the fields_cache"
    OWN = "whatever the descriptor does"


#: What Model.from_db() and the construction of an instance use.
CONSTRUCTION = frozenset(
    ["__init__", "__new__", "__setattr__", "__getattribute__", "__dict__", "from_db", "_state"]
)


# Django 5.2, 6.0, 6.1: from_db() calls the class, Model.__init__() sends pre_init, sets the
# loaded columns one by one in the order of concrete_fields, calls the next __init__ of the
# MRO and sends post_init. Anything that changes one of these steps shows here.
def is_plain(model: type[Model]) -> bool:
    """Return whether from_db() currently does no more for `model` than Django's own does."""
    return (
        type(model).__call__ is type.__call__
        and all(_leaves_construction_alone(base) for base in model.__mro__)
        and not pre_init.has_listeners(model)
        and not post_init.has_listeners(model)
    )


def _leaves_construction_alone(base: type) -> bool:
    if base is object:
        return True
    if base is Model:
        made_by = (Model.__init__, getattr(Model.from_db, "__func__", None))
        return all(_is_defined_in_its_module(function, Model) for function in made_by) and (
            CONSTRUCTION.isdisjoint(vars(base).keys() - {"__init__", "from_db"})
        )
    return all(
        name == "__dict__" and isinstance(vars(base)[name], GetSetDescriptorType)
        for name in CONSTRUCTION & vars(base).keys()
    )


# Django 5.2, 6.0, 6.1: DeferredAttribute has no __set__; FileDescriptor's stores the value;
# ImageFileDescriptor's does too, and updates the dimensions if there was a value before;
# ForeignKeyDeferredAttribute's reads fields_cache, which creates it, unless the value equals
# the None that is there before.
def assignment_of(model: type[Model], name: str) -> Assignment:
    """Return what `setattr(instance, name, value)` does to an instance of a plain `model`."""
    descriptor = next((vars(base)[name] for base in model.__mro__ if name in vars(base)), None)
    kind = type(descriptor)
    if not hasattr(kind, "__set__") and not hasattr(kind, "__delete__"):
        return Assignment.PLAIN
    field = getattr(descriptor, "field", None)
    if field is None or field.attname != name:
        return Assignment.OWN
    if kind is FileDescriptor or kind is ImageFileDescriptor:
        return Assignment.FILE
    if kind is ForeignKeyDeferredAttribute and type(field).is_cached is FieldCacheMixin.is_cached:
        return Assignment.RELATION
    return Assignment.OWN


# Django 5.2, 6.0: from_db(db, field_names, values). Django 6.1: a keyword fetch_mode, unless
# the model overrides from_db() with the older signature.
def from_db_of(
    model: type[Model], db: str, names: list[str], fetch_mode: Any
) -> Callable[[Sequence[Any]], Any]:
    """Return a function that builds an instance from the loaded values by the model's from_db()."""
    if fetch_mode is None:
        return partial(model.from_db, db, names)
    from_db = django_query._get_from_db(model, fetch_mode)  # type: ignore[attr-defined]
    return partial(from_db, db, names)


# Django 5.2, 6.0, 6.1: the functions that generated code replaces. It may do so only while none
# of them has been patched, which can happen at any time.
REPLACED: list[tuple[type, str]] = [
    (DeferredAttribute, "__get__"),
    (FieldCacheMixin, "set_cached_value"),
    (FileDescriptor, "__set__"),
    (FlatValuesListIterable, "__iter__"),
    (ForeignKeyDeferredAttribute, "__set__"),
    (ImageFileDescriptor, "__set__"),
    (ModelIterable, "__iter__"),
    (NamedValuesListIterable, "__iter__"),
    (django_query.RelatedPopulator, "populate"),
    (ValuesIterable, "__iter__"),
    (ValuesListIterable, "__iter__"),
]


def is_unpatched() -> bool:
    """Return whether all functions that generated code replaces are Django's own."""
    return (
        django_base.ModelState is ModelState
        and ModelState.__init__ is object.__init__
        and all(_is_defined_in_its_module(vars(owner)[name], owner) for owner, name in REPLACED)
    )


def _is_defined_in_its_module(function: Any, owner: type) -> bool:
    own = vars(sys.modules[owner.__module__])
    return getattr(function, "__globals__", None) is own
