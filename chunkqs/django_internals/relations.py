"""How Django sets the instances that a related manager belongs to on its rows.

Each part names the Django versions that it was checked against.
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

from .instance_construction import Assignment, assignment_of
from .row_loading import cache_name_of


class KnownRelation(NamedTuple):
    """A relation whose other side is known from the queryset: `author.books`."""

    attnames: list[str]
    """The attributes of a row that identify the instance."""
    cache_name: str | None
    """Its key in fields_cache, if setting it does no more than set that and `attnames`."""
    link: Callable[..., None]
    """link(instance) or link(instance, ready): see `known_relations()`."""


# Django 5.2, 6.0, 6.1: _known_related_objects is {field: {key: instance}}. ModelIterable sets
# the instance on each row that has none yet; in Django 6.1 not where a part of the key is
# deferred. ForwardManyToOneDescriptor checks type, database and routers, then sets the key
# and the fields_cache.
def known_relations(queryset: Any) -> list[KnownRelation]:
    """Return how to set on each row the instances that its queryset belongs to.

    `link(instance)` does what Django does. Given a dictionary, it also stores there, under
    the instance's key, the values that the next instance with that key gets.
    """
    return [
        _known(queryset, field, objects)
        for field, objects in queryset._known_related_objects.items()
    ]


def _known(queryset: Any, field: Any, objects: dict[Any, Any]) -> KnownRelation:
    get_field = queryset.model._meta.get_field
    attnames = [
        field.attname if name == "self" else get_field(name).attname for name in field.from_fields
    ]
    get_key = attrgetter(*attnames)
    skips_deferred = django.VERSION >= (6, 1)

    def link(instance: Any, ready: dict[Any, Any] | None = None) -> None:
        if field.is_cached(instance):
            return
        if skips_deferred and any(name not in instance.__dict__ for name in attnames):
            return
        if (related := objects.get(key := get_key(instance), MISSING)) is MISSING:
            return
        setattr(instance, field.name, related)
        if ready is not None and not router.routers:
            ready[key] = related, getattr(related, field.target_field.attname)

    return KnownRelation(attnames, _shared_cache_name(queryset.model, field), link)


def _shared_cache_name(model: type[Model], field: Any) -> str | None:
    descriptor = getattr_static(model, field.name, None)
    if type(descriptor) is not ForwardManyToOneDescriptor or descriptor.field is not field:
        return None
    if not field.remote_field.multiple or len(field.related_fields) != 1:
        return None
    if assignment_of(model, field.attname) is not Assignment.RELATION:
        return None
    return cache_name_of(field.set_cached_value)


MISSING = object()
