"""gunicorn's settings for gevent: psycopg2 lets other greenlets run while it waits."""

from __future__ import annotations

from typing import Any


def post_fork(server: Any, worker: Any) -> None:
    from psycogreen.gevent import patch_psycopg

    patch_psycopg()
