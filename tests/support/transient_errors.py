"""Transient errors, made to happen: connections that are killed, queries that are cancelled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from tests.support.private import run

NUMBER = {"postgresql": "SELECT pg_backend_pid()", "mysql": "SELECT CONNECTION_ID()"}
EVERY = [str(number) for number in range(25)]
KILL = {"postgresql": "SELECT pg_terminate_backend({}, 5000)", "mysql": "KILL {}"}


def kill(other: BaseDatabaseWrapper, alias: str = "default") -> None:
    """End the session of a connection from the other one."""
    ((number,),) = run(NUMBER[connection.vendor], alias=alias)
    run(KILL[connection.vendor].format(number), alias=other.alias)


@contextmanager
def meeting(how: Callable[[], Any], table: str, times: int = 1) -> Iterator[list[str]]:
    """Call `how` just before the next queries of a table; yield those queries."""
    met: list[str] = []

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        first = sql.replace("`", '"').partition(" FROM ")[2]
        if len(met) < times and first.startswith(f'"{table}"'):
            met.append(sql)
            how()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapper):
        yield met
    assert len(met) == times


def names(rows: Any) -> list[str]:
    return [row.name for row in rows]
