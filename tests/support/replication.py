"""A PostgreSQL primary with a streaming replica, from the embedded programs."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connections

from tools.embedded_postgres.server import Server

CONFIGURATION = """\
listen_addresses = ''
unix_socket_directories = '{sockets}'
shared_buffers = 16MB
wal_level = replica
max_wal_senders = 4
hot_standby = on
wal_receiver_status_interval = 1
fsync = off
"""


class Instance:
    """One server of the two: where its data is, and where it listens."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name
        self.sockets = Path(tempfile.mkdtemp(prefix="chunkqs-"))
        if server.account:
            shutil.chown(self.sockets, server.account.uid, server.account.gid)

    def start(self) -> None:
        configuration = self.server.home / self.name / "postgresql.auto.conf"
        with configuration.open("a") as file:
            file.write(CONFIGURATION.format(sockets=self.sockets))
        self.server._run(
            "pg_ctl", "-D", self.name, "-l", f"{self.name}/log", "-w", "-t", "60", "start"
        )

    def stop(self) -> None:
        if (self.server.home / self.name / "postmaster.pid").exists():
            self.server._run("pg_ctl", "-D", self.name, "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.sockets, ignore_errors=True)

    @contextmanager
    def alias(self) -> Iterator[None]:
        """Let Django know the server under its name."""
        connections.settings[self.name] = {
            **connections["default"].settings_dict,
            "HOST": str(self.sockets),
            "PORT": "5432",
            "NAME": "postgres",
            "USER": "postgres",
            "PASSWORD": "",
        }
        try:
            yield
        finally:
            connections[self.name].close()
            del connections[self.name], connections.settings[self.name]


def is_streaming() -> bool:
    """Return whether the replica is connected to its primary."""
    with connections["primary"].cursor() as cursor:
        cursor.execute("SELECT FROM pg_stat_replication WHERE state = 'streaming'")
        return cursor.fetchone() is not None


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait, half a minute at most."""
    until = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


@contextmanager
def replicated(folder: Path) -> Iterator[None]:
    """Run a primary and its replica, known to Django as "primary" and "standby"."""
    server = Server(folder)
    if server.account:
        shutil.chown(server.home, server.account.uid, server.account.gid)
    primary, standby = Instance(server, "primary"), Instance(server, "standby")
    try:
        server._run("initdb", "-D", "primary", "--auth=trust", "-U", "postgres", "--no-sync")
        primary.start()
        where = ["-h", str(primary.sockets), "-p", "5432", "-U", "postgres"]
        server._run("pg_basebackup", *where, "-D", "standby", "-R", "-X", "stream", "-c", "fast")
        standby.start()
        with primary.alias(), standby.alias():
            wait_until(is_streaming)
            yield
    finally:
        standby.stop()
        primary.stop()
        shutil.rmtree(server.home, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
