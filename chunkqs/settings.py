"""The setting `CHUNKQS`: what it may hold, checked when it is first needed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from difflib import get_close_matches
from functools import cache
from math import inf
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

#: Private connections at a time, by process and alias. More than a few don't stream more rows a
#: second: building the rows holds the GIL. A PostgreSQL server allows 100 connections by default.
MAX_PRIVATE_CONNECTIONS = 4

#: Seconds that a count in the admin may take before the planner is asked instead.
COUNT_SECONDS = 0.2


class ChunkqsSettings(NamedTuple):
    """The values of `CHUNKQS`, with defaults for missing keys."""

    trusted_engines: frozenset[str] = frozenset()
    max_private_connections: int = MAX_PRIVATE_CONNECTIONS
    warn_rows: int | None = None
    count_seconds: float = COUNT_SECONDS


@cache
def chunkqs_settings() -> ChunkqsSettings:
    """Return the settings; raise ImproperlyConfigured where they are wrong."""
    given = getattr(settings, "CHUNKQS", {})
    if not isinstance(given, dict):
        raise ImproperlyConfigured(f"CHUNKQS must be a dictionary, not {given!r}.")
    for key in given:
        if key not in READERS:
            raise ImproperlyConfigured(_unknown(key))
    return ChunkqsSettings(**{key.lower(): READERS[key](key, given[key]) for key in given})


def _unknown(key: object) -> str:
    close = get_close_matches(str(key).upper(), READERS, n=1)
    advice = f"Did you mean {close[0]!r}?" if close else f"It takes {', '.join(sorted(READERS))}."
    return f"CHUNKQS has no setting {key!r}. {advice}"


def _engines(key: str, value: Any) -> frozenset[str]:
    if not isinstance(value, list | tuple | set | frozenset) or not all(
        isinstance(engine, str) for engine in value
    ):
        raise ImproperlyConfigured(
            f"CHUNKQS[{key!r}] must be a list of engines as DATABASES names them, such as "
            f"['my_project.db_backend'], not {value!r}."
        )
    for engine in value:
        _check_importable(key, engine)
    return frozenset(value)


def _check_importable(key: str, engine: str) -> None:
    try:
        with suppress(ImproperlyConfigured):  # its driver is not installed, so nobody uses it
            import_string(f"{engine}.base.DatabaseWrapper")
    except ImportError as error:
        raise ImproperlyConfigured(
            f"CHUNKQS[{key!r}] names {engine!r}, which is no database engine: {error}. Write it "
            "as ENGINE in DATABASES is written."
        ) from error


def _number(least: int) -> Callable[[str, Any], int]:
    def read(key: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ImproperlyConfigured(
                f"CHUNKQS[{key!r}] must be a whole number, {least} or more, not {value!r}."
            )
        return value

    return read


def _number_or_none(key: str, value: Any) -> int | None:
    return None if value is None else _number(1)(key, value)


def _seconds(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < inf:
        raise ImproperlyConfigured(
            f"CHUNKQS[{key!r}] must be a number of seconds, 0 or more, not {value!r}."
        )
    return float(value)


READERS: dict[str, Callable[[str, Any], Any]] = {
    "TRUSTED_ENGINES": _engines,
    "MAX_PRIVATE_CONNECTIONS": _number(0),
    "WARN_ROWS": _number_or_none,
    "COUNT_SECONDS": _seconds,
}


def _forget(*, setting: str, **kwargs: Any) -> None:
    """Read the settings again after a test has changed them."""
    if setting == "CHUNKQS":
        chunkqs_settings.cache_clear()


setting_changed.connect(_forget)
