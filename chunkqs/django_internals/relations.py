"""How Django lets rows know of the instances that their queryset belongs to.

Each piece names the Django versions it was read and tested against, as in `internals`.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import getattr_static
from operator import attrgetter
from typing import Any, NamedTuple

import django
from django.db import router
from django.db.models import Model
from django.db.models.fields.related_descriptors import ForwardManyToOneDescriptor

from .models import Slot, cache_name_of, slot_of


class Known(NamedTuple):
    """A relation whose other side the rows' queryset was asked for by: `author.books`."""

    name: str
    names: list[str]
    """The attributes that say which instance it is."""
    cache_name: str | None
    """Its key in a fields_cache, if setting it amounts to that and to setting `names`."""
    link: Callable[..., None]
    """link(instance) or link(instance, ready): see `known_relations()`."""


# Django 5.2, 6.0, 6.1: _known_related_objects is {field: {key: instance}}. ModelIterable sets
# the instance on each row that has none yet. Django 6.1: but for those where a part of the
# key is deferred. ForwardManyToOneDescriptor checks type, database and routers, sets the key
# and the fields_cache.
def known_relations(queryset: Any) -> list[Known]:
    """Return how each row learns of the instances that its queryset belongs to.

    `link(instance)` does what Django does. Given a dictionary, it also notes there, under
    the instance's key, what the next one with that key will be given.
    """
    return [
        _known(queryset, field, objects)
        for field, objects in queryset._known_related_objects.items()
    ]


def _known(queryset: Any, field: Any, objects: dict[Any, Any]) -> Known:
    get_field = queryset.model._meta.get_field
    names = [
        field.attname if name == "self" else get_field(name).attname for name in field.from_fields
    ]
    get_key = attrgetter(*names)
    skips_deferred = django.VERSION >= (6, 1)

    def link(instance: Any, ready: dict[Any, Any] | None = None) -> None:
        if field.is_cached(instance):
            return
        if skips_deferred and any(name not in instance.__dict__ for name in names):
            return
        if (related := objects.get(key := get_key(instance), MISSING)) is MISSING:
            return
        setattr(instance, field.name, related)
        if ready is not None and not router.routers:
            ready[key] = related, getattr(related, field.target_field.attname)

    return Known(field.name, names, _shared_cache_name(queryset.model, field), link)


def _shared_cache_name(model: type[Model], field: Any) -> str | None:
    descriptor = getattr_static(model, field.name, None)
    if type(descriptor) is not ForwardManyToOneDescriptor or descriptor.field is not field:
        return None
    if not field.remote_field.multiple or len(field.related_fields) != 1:
        return None
    if slot_of(model, field.attname) is not Slot.RELATION:
        return None
    return cache_name_of(field.set_cached_value)


MISSING = object()
