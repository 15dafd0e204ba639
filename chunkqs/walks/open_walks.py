"""The walks that were begun of one LazyRows, and what ends them together."""

from __future__ import annotations

import asyncio
from threading import get_ident
from typing import Any
from weakref import WeakSet

from .iterators import AsyncWalkIterator, WalkIterator

AnyIterator = WalkIterator[Any] | AsyncWalkIterator[Any]


class Scope:
    """A `with` block: where it was entered, and the iterators that were begun in it."""

    def __init__(self) -> None:
        self.place = current_place()
        self.iterators: WeakSet[AnyIterator] = WeakSet()


class BegunWalks:
    """The iterators that are held somewhere, and the scopes that are open."""

    def __init__(self) -> None:
        self._iterators: WeakSet[AnyIterator] = WeakSet()
        self._scopes: list[Scope] = []

    def note(self, iterator: AnyIterator) -> None:
        """Remember what was begun, also in the innermost scope of this place."""
        self._iterators.add(iterator)
        if scope := self._innermost():
            scope.iterators.add(iterator)

    def open_scope(self) -> None:
        """Begin a scope in this thread or task."""
        self._scopes.append(Scope())

    def take_scope(self) -> WeakSet[AnyIterator]:
        """End the innermost scope of this place; return what was begun in it."""
        scope = self._innermost()
        if scope is None:
            return WeakSet()
        self._scopes.remove(scope)
        return scope.iterators

    def interrupt_all(self) -> None:
        """End every walk."""
        interrupt(self._iterators)

    def _innermost(self) -> Scope | None:
        place = current_place()
        return next((scope for scope in reversed(self._scopes) if scope.place == place), None)


def interrupt(iterators: WeakSet[AnyIterator]) -> None:
    """End walks whose iterators may still be held."""
    for iterator in list(iterators):
        iterator.interrupt()


def current_place() -> tuple[int, int | None]:
    """Return what tells the running thread and asyncio task from all others."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    return get_ident(), None if task is None else id(task)
