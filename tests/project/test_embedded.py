"""The embedded PostgreSQL: how it starts, who stops it, what it survives."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil
import pytest

from tools import embedded_postgres as embedded

TOP = Path(__file__).resolve().parents[2]
USE = "import sys; from tools import embedded_postgres as it; print(it.database_url(sys.argv[1]))"

pytestmark = pytest.mark.database("postgresql")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path has a space and is longer than a socket's may be."""
    top = Path(tempfile.mkdtemp(prefix="chunkqs site "))
    top.chmod(0o755)
    folder = top / ("long" * 25)
    yield folder
    embedded.remove(folder)
    top.rmdir()


def socket_of(url: str) -> Path:
    return Path(parse_qs(urlsplit(url).query)["host"][0]) / ".s.PGSQL.5432"


def pid_file(folder: Path) -> Path:
    (found,) = folder.glob("data-*/postmaster.pid")
    return found


def process_of(folder: Path) -> psutil.Process:
    return psutil.Process(int(pid_file(folder).read_text().splitlines()[0]))


def use(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", USE, str(folder)], cwd=TOP, stdout=subprocess.PIPE, text=True
    )


def test_a_second_call_finds_the_server_of_the_first(folder: Path) -> None:
    url = embedded.database_url(folder)
    first = process_of(folder)
    assert embedded.database_url(folder) == url
    assert process_of(folder) == first
    assert socket_of(url).is_socket()
    assert embedded.is_running(folder)


def test_it_stops_and_starts_again_on_the_same_data(folder: Path) -> None:
    embedded.database_url(folder)
    assert embedded.stop(folder)
    assert not embedded.is_running(folder)
    assert not embedded.stop(folder)
    embedded.database_url(folder)
    assert embedded.is_running(folder)


def test_only_its_owner_may_use_it(folder: Path) -> None:
    socket = socket_of(embedded.database_url(folder))
    assert socket.parent.stat().st_mode & 0o077 == 0
    assert socket.stat().st_mode & 0o077 == 0


def test_it_survives_being_killed(folder: Path) -> None:
    embedded.database_url(folder)
    process = process_of(folder)
    process.kill()
    assert _within_seconds(lambda: not embedded.is_running(folder))
    assert socket_of(embedded.database_url(folder)).is_socket()


def test_a_stale_pid_file_that_names_another_process_is_no_server(folder: Path) -> None:
    embedded.database_url(folder)
    stale = pid_file(folder).read_text().splitlines()
    embedded.stop(folder)
    (data,) = folder.glob("data-*")
    (data / "postmaster.pid").write_text("\n".join([str(os.getpid()), *stale[1:]]))
    assert not embedded.is_running(folder)
    assert socket_of(embedded.database_url(folder)).is_socket()


def test_it_starts_anew_when_its_socket_was_deleted(folder: Path) -> None:
    socket = socket_of(embedded.database_url(folder))
    socket.unlink()
    assert socket_of(embedded.database_url(folder)).is_socket()


def test_processes_that_start_it_at_once_share_one(folder: Path) -> None:
    processes = [use(folder) for _ in range(3)]
    urls = {process.communicate(timeout=60)[0] for process in processes}
    assert len(urls) == 1
    assert [process.returncode for process in processes] == [0, 0, 0]


def test_the_last_process_stops_it(folder: Path) -> None:
    url = embedded.database_url(folder)
    assert use(folder).communicate(timeout=60)[0].strip() == url
    assert embedded.is_running(folder)
    embedded.stop(folder)
    use(folder).communicate(timeout=60)
    assert not embedded.is_running(folder)


def test_another_name_is_another_database(folder: Path) -> None:
    one, other = embedded.database_url(folder), embedded.database_url(folder, "an other")
    assert urlsplit(one).path == "/chunkqs"
    assert urlsplit(other).path == "/an%20other"


def test_remove_leaves_nothing(folder: Path) -> None:
    socket = socket_of(embedded.database_url(folder))
    process = process_of(folder)
    embedded.remove(folder)
    assert not folder.exists()
    assert not socket.parent.exists()
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def _within_seconds(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 10
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
