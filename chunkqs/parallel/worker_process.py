"""A worker as a process: how it gets Django's settings and databases, and what ends it."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from multiprocessing.connection import wait
from typing import Any

import django
from django.conf import settings
from django.db import connections

from .worker_task import Outcome, Task, unpickled


def surroundings() -> tuple[str | None, bytes]:
    """Return where the settings are, and the databases as this process has them now.

    In a test run they are not those of the settings.
    """
    databases = {alias: connections[alias].settings_dict for alias in connections}
    return getattr(settings, "SETTINGS_MODULE", None), pickle.dumps(databases)


# What a worker knows. Set once, when it begins.
_pickled: bytes
_slots: Any
_failure: BaseException | None = None


def begin(surroundings: tuple[str | None, bytes], pickled: bytes, slots: Any) -> None:
    """Set Django up in a worker. What goes wrong is raised by its first task."""
    global _pickled, _slots, _failure
    _pickled, _slots = pickled, slots
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _set_up(*surroundings)
    except BaseException as error:
        _failure = error


def _set_up(module: str | None, databases: bytes) -> None:
    if module is not None:
        os.environ["DJANGO_SETTINGS_MODULE"] = module
    django.setup()
    for alias, config in pickle.loads(databases).items():
        # In place: a connection may have been made of it already.
        connections.settings.setdefault(alias, {}).update(config)


def _end_with_parent() -> None:
    """End the worker when the parent was killed, and nobody is left to end it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def run(slot: int, task: Task) -> Outcome:
    """Work on a task, and note in a slot that this process does."""
    _slots[slot] = os.getpid()
    try:
        if _failure is not None:
            raise _failure
        return unpickled(_pickled).run(task)
    except Exception as error:
        if _is_transportable(error):
            raise
        raise RuntimeError(f"{type(error).__qualname__}: {error}") from error


def _is_transportable(error: Exception) -> bool:
    """Return whether an error comes through a pickle. One that doesn't would break the pool."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return False
    return True
