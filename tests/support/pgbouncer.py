"""A pgbouncer of the test session's own, in transaction pooling."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.databases import PROGRAMS

START_SECONDS = 10.0
CONFIG = """\
[databases]
{name} = {server}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {pool_size}
max_client_conn = 200
logfile = {folder}/pgbouncer.log
pidfile = {folder}/pgbouncer.pid
"""


class Pgbouncer(NamedTuple):
    """A running pgbouncer; `pool_size` server connections serve all of its clients."""

    port: int
    pool_size: int

    @property
    def address(self) -> dict[str, Any]:
        return {"HOST": "127.0.0.1", "PORT": self.port}

    @classmethod
    @contextmanager
    def running(cls, settings_dict: dict[str, Any], pool_size: int = 3) -> Iterator[Pgbouncer]:
        """Run one in front of the database of `settings_dict` until the block ends."""
        server = cls(free_port(), pool_size)
        with tempfile.TemporaryDirectory(prefix="chunkqs-pgbouncer-") as folder:
            config = server.write_config(Path(folder), settings_dict)
            process = start(config)
            try:
                wait_for(server.port, process)
                yield server
            finally:
                process.kill()  # a milder signal waits for the clients, in some versions
                process.wait()

    def write_config(self, folder: Path, settings_dict: dict[str, Any]) -> Path:
        path = folder / "pgbouncer.ini"
        path.write_text(
            CONFIG.format(
                name=settings_dict["NAME"],
                server=server_line(settings_dict),
                folder=folder,
                **self._asdict(),
            )
        )
        return path


def server_line(settings_dict: dict[str, Any]) -> str:
    """Write where the PostgreSQL server is as pgbouncer's connection string."""
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password"}
    parts = {word: settings_dict[key] for key, word in names.items() if settings_dict[key]}
    parts["host"] = settings_dict["HOST"] or "127.0.0.1"
    parts["port"] = settings_dict["PORT"] or 5432
    return " ".join(f"{word}='{value}'" for word, value in parts.items())


def start(config: Path) -> subprocess.Popen[bytes]:
    """Start pgbouncer, as another user where it would refuse to run as root."""
    program = shutil.which("pgbouncer", path=PROGRAMS)
    assert program is not None
    user = None
    if os.geteuid() == 0:
        user = "nobody"
        for path in (config.parent, config):
            os.chown(path, pwd.getpwnam(user).pw_uid, -1)
    return subprocess.Popen([program, "--quiet", str(config)], user=user)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                raise
            time.sleep(0.05)
