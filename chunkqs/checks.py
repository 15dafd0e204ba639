"""System checks: report what would make a walk slow before anyone walks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.apps import apps
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper

from .databases import database_of
from .databases.known_engines import refuse_unknown_engine
from .databases.session import SessionMismatch
from .django_internals.pools import pool_size
from .django_internals.reads_into_memory import gives_querysets_of
from .keyset.indexes import ORDERED
from .queryset import ChunkedManagerMixin, ChunkedQuerySetMixin
from .settings import ChunkqsSettings, chunkqs_settings

Messages = list[checks.CheckMessage]


def register() -> None:
    """Register every check with Django."""
    checks.register(check_settings, "chunkqs")
    checks.register(check_engines, "chunkqs")
    checks.register(check_orders, checks.Tags.models)
    checks.register(check_room, checks.Tags.database)


def check_settings(app_configs: Any = None, **kwargs: Any) -> Messages:
    """Report errors in CHUNKQS, and a WARN_ROWS that no model is subject to."""
    try:
        settings = chunkqs_settings()
    except ImproperlyConfigured as error:
        return [checks.Error(str(error), id="chunkqs.E001")]
    if settings.warn_rows is None or any(map(_is_chunked, apps.get_models())):
        return []
    return [
        checks.Warning(
            "CHUNKQS['WARN_ROWS'] has no effect: no model has a manager of chunkqs.",
            hint="Add `objects = ChunkedManager()` to the models that it should watch.",
            id="chunkqs.W004",
        )
    ]


def check_engines(app_configs: Any = None, **kwargs: Any) -> Messages:
    """Report engines whose streams stay on the caller's connection, and pools without room."""
    if (settings := _settings()) is None or not settings.max_private_connections:
        return []
    messages: Messages = []
    for connection in _opening_private_connections():
        messages += [*_engine_messages(connection), *_pool_messages(connection)]
    return messages


def _engine_messages(connection: BaseDatabaseWrapper) -> Iterator[checks.CheckMessage]:
    try:
        refuse_unknown_engine(connection)
    except SessionMismatch as mismatch:
        yield checks.Warning(
            f"Large results of stream() on {connection.alias!r} start slowly, as {mismatch}.",
            hint=mismatch.remedy,
            id="chunkqs.W001",
        )


def _pool_messages(connection: BaseDatabaseWrapper) -> Iterator[checks.CheckMessage]:
    size = pool_size(connection)
    if size is not None and size < 2:
        yield checks.Warning(
            f"The connection pool of {connection.alias!r} has room for {size}: stream() finds "
            "no private connection in it, and starts slowly.",
            hint="Give the pool at least one connection more than there are threads.",
            id="chunkqs.W003",
        )


def check_room(databases: Sequence[str] | None = None, **kwargs: Any) -> Messages:
    """Report where the server's limit leaves no room for private connections: one query each."""
    settings = _settings()
    messages: Messages = []
    for connection in _opening_private_connections(databases or ()):
        try:
            limit = database_of(connection).connection_limit()
        except Error:  # Django says itself what keeps it from connecting
            continue
        if settings is None or limit is None or limit > settings.max_private_connections:
            continue
        messages.append(
            checks.Warning(
                f"The server of {connection.alias!r} allows this user {limit} connections, which "
                f"one process can use up for its streams (CHUNKQS['MAX_PRIVATE_CONNECTIONS'] is "
                f"{settings.max_private_connections}).",
                hint="Raise the server's limit, or lower CHUNKQS['MAX_PRIVATE_CONNECTIONS'].",
                id="chunkqs.W003",
            )
        )
    return messages


def check_orders(app_configs: Iterable[Any] | None = None, **kwargs: Any) -> Messages:
    """Report models whose own order no index supports, so that each chunk sorts all rows."""
    configs = apps.get_app_configs() if app_configs is None else app_configs
    return [
        checks.Warning(
            f"No index supports Meta.ordering of {model._meta.label}: keyset_iter() and chunks() "
            f"in this order sort the whole table for each chunk.",
            hint=(
                f"Add models.Index(fields={list(ordering)!r}) to Meta.indexes, or order walks by "
                "the primary key. If there is an index that Django doesn't know of, silence "
                "this check."
            ),
            obj=model,
            id="chunkqs.W002",
        )
        for config in configs
        for model in config.get_models()
        if _is_chunked(model) and (ordering := _unserved(model))
    ]


def _is_chunked(model: type[models.Model]) -> bool:
    return any(
        isinstance(manager, ChunkedManagerMixin)
        or gives_querysets_of(manager, ChunkedQuerySetMixin)
        for manager in model._meta.managers
    )


def _unserved(model: type[models.Model]) -> Sequence[str]:
    """Return the ordering that begins with a column of the model's own without an index.

    An index on the first column is enough to sort a few rows at a time, on most databases.
    """
    options = model._meta
    ordering: Sequence[Any] = options.ordering or ()
    if not ordering or not options.managed or not isinstance(ordering[0], str):
        return ()
    first = ordering[0].removeprefix("-")
    if first == "pk" or first not in {field.name for field in options.local_fields}:
        return ()
    return () if first in _first_columns(model) else ordering


def _first_columns(model: type[models.Model]) -> set[str]:
    """Return the fields that an index, declared in the model, begins with."""
    options = model._meta
    columns = {
        field.name
        for field in options.local_fields
        if getattr(field, "db_index", False) or field.unique or field.primary_key
    }
    columns.update(fields[0] for fields in options.unique_together)
    columns.update(field.name for field in options.pk_fields[:1])
    for index in options.indexes:
        if index.suffix in ORDERED and index.condition is None:
            columns.update(_first_column(index))
    for constraint in options.constraints:
        if isinstance(constraint, models.UniqueConstraint) and constraint.condition is None:
            columns.update(constraint.fields[:1])
    return columns


def _first_column(index: models.Index) -> Iterator[str]:
    """Yield the field that an index begins with, unless it is an expression."""
    expressions: Sequence[Any] = index.expressions
    if expressions:
        first: Any = getattr(expressions[0], "expression", expressions[0])  # F("a").desc()
        yield from [str(first.name)] if isinstance(first, models.F) else []  # type: ignore[attr-defined]
    else:
        yield index.fields[0].removeprefix("-")


def _settings() -> ChunkqsSettings | None:
    """Return the settings, or None where another check has said what is wrong with them."""
    try:
        return chunkqs_settings()
    except ImproperlyConfigured:
        return None


def _opening_private_connections(
    aliases: Iterable[str] | None = None,
) -> Iterator[BaseDatabaseWrapper]:
    for alias in connections if aliases is None else aliases:
        if database_of(connections[alias]).opens_private_connections:
            yield connections[alias]
