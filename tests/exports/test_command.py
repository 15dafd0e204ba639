"""``manage.py export``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pyarrow import parquet

from chunkqs import stream
from tests.support.models import Event, User
from tests.support.rows import make

pytestmark = pytest.mark.django_db(transaction=True)

TOP = Path(__file__).resolve().parents[2]
ROWS = 300


@pytest.fixture(autouse=True)
def rows(transactional_db: None) -> None:
    make(Event, ROWS)


def export(path: Path | str, *options: str, model: str = "tests.Event") -> None:
    call_command("export", model, "--output", str(path), *options)


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_it_writes_what_the_export_is(form: str, tmp_path: Path) -> None:
    path = tmp_path / f"events.{form}"
    export(path, "--order-by", "pk")
    expected = getattr(stream(Event.objects.order_by("pk")), form)()
    assert path.read_bytes() == b"".join(expected)
    assert list(tmp_path.iterdir()) == [path]


def test_it_writes_parquet(tmp_path: Path) -> None:
    path = tmp_path / "events.bin"
    export(path, "--format", "parquet", "--fields", "id,amount,user__name", "--order-by", "pk")
    expected = Event.objects.order_by("pk").values("id", "amount", "user__name")
    assert parquet.read_table(path).to_pylist() == list(expected)


FILTERS = [
    (["--filter", "kind=view"], {"kind": "view"}),
    (["--filter", "kind=view", "--filter", "status=1"], {"kind": "view", "status": 1}),
    (["--filter", "kind__in=view,click"], {"kind__in": ["view", "click"]}),
    (["--filter", "succeeded=true"], {"succeeded": True}),
    (["--filter", "succeeded=FALSE"], {"succeeded": False}),
    (["--filter", "user__active=true"], {"user__active": True}),
    (["--filter", "created_at__gte=2024-03-05"], {"created_at__gte": "2024-03-05T00:00+01:00"}),
    (["--filter", "succeeded__in=true"], {"succeeded__in": [True]}),
    (["--filter", "kind__range=buy,click"], {"kind__range": ["buy", "click"]}),
    (["--filter", "status__range=0,1"], {"status__range": [0, 1]}),
    (["--filter", "user__isnull=false"], {"user__isnull": False}),
    (["--filter", "path__contains=="], {"path__contains": "="}),
]


@pytest.mark.filterwarnings("ignore:DateTimeField .* received a naive datetime")
@pytest.mark.parametrize(("options", "conditions"), FILTERS)
def test_filters(options: list[str], conditions: dict[str, Any], tmp_path: Path) -> None:
    export(tmp_path / "a.ndjson", "--fields", "id", "--order-by", "pk", *options)
    ids = [json.loads(line)["id"] for line in (tmp_path / "a.ndjson").read_text().splitlines()]
    found = Event.objects.filter(**conditions).order_by("pk").values_list("pk", flat=True)
    assert ids == list(found)
    assert len(ids) > 0


def test_exclude(tmp_path: Path) -> None:
    export(tmp_path / "a.csv", "--exclude", "kind=view", "--header", "none", "--fields", "kind")
    assert set((tmp_path / "a.csv").read_text().split()) == {"click", "buy|pay", "Zoë's"}


def test_header_and_formulas(tmp_path: Path) -> None:
    User.objects.create(name="=1+1", email="")
    path = tmp_path / "users.csv"
    options = ["--fields", "id,name", "--header", "verbose", "--escape-formulas"]
    export(path, *options, model="tests.User")
    assert path.read_text().startswith("ID,name\n")
    assert "'=1+1" in path.read_text()


def test_standard_output() -> None:
    finished = manage("export", "tests.Event", "--fields", "id", "--order-by", "pk")
    expected = stream(Event.objects.order_by("pk").values("id")).csv()
    assert finished.returncode == 0, finished.stderr.decode()
    assert finished.stdout == b"".join(expected)


WRONG = [
    (["Event"], "app_label.Model"),
    (["tests.Event", "--filter", "kind__range=a"], "two ends"),
    (["tests.Event", "--filter", "succeeded__in=true,perhaps"], "true or false"),
    (["tests.Event", "--output", "missing/a.csv"], "missing"),
    (["tests.Event", "--output", "."], "directory"),
    (["tests.Event", "--output", os.devnull, "--resume"], "--output"),
    (["tests.Nothing"], "Nothing"),
    (["nothing.Event"], "nothing"),
    (["tests.Event", "--filter", "kind"], "no condition"),
    (["tests.Event", "--filter", "colour=red"], "colour"),
    (["tests.Event", "--filter", "status=many"], "many"),
    (["tests.Event", "--filter", "succeeded=perhaps"], "true or false"),
    (["tests.Event", "--fields", "colour"], "colour"),
    (["tests.Event", "--order-by", "colour"], "colour"),
    (["tests.Event", "--database", "other"], "other"),
    (["tests.Event", "--resume"], "--output"),
    (["tests.Event", "--resume", "--output", "a.parquet"], "CSV or NDJSON"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_wrong_arguments_exit_with_2(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CommandError, match=message) as raised:
        call_command("export", *arguments, stdout=StringIO())
    assert raised.value.returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_a_file_stays_as_it_was_until_the_new_one_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.csv"
    path.write_text("old")
    fail_after(2, monkeypatch)
    with pytest.raises(ZeroDivisionError):
        export(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def fail_after(parts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the file fail after so many parts."""
    from chunkqs.management.files import ExportFile

    write, left = ExportFile.write, [parts]

    def failing(self: ExportFile, part: bytes) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise ZeroDivisionError
        write(self, part)

    monkeypatch.setattr(ExportFile, "write", failing)


def test_a_pipe_or_a_device_stays_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "pipe.csv"
    os.mkfifo(path)
    with subprocess.Popen(["cat", str(path)], stdout=subprocess.PIPE) as reader:
        export(path, "--order-by", "pk")
        written, _ = reader.communicate(timeout=30)
    assert written == b"".join(stream(Event.objects.order_by("pk")).csv())
    assert path.is_fifo()
    assert list(tmp_path.iterdir()) == [path]


def manage(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "django", *arguments],
        cwd=TOP,
        env=environment(),
        capture_output=True,
        timeout=60,
    )


def environment() -> dict[str, str]:
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.http.settings",
        "TEST_DATABASE_NAME": str(connection.settings_dict["NAME"]),
    }


@pytest.mark.database("postgresql")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_it_in_order(number: signal.Signals, code: int, tmp_path: Path) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE VIEW slow_events AS SELECT e.*, pg_sleep(0.02)::text AS slow"
            " FROM tests_event e"
        )
    path = tmp_path / "events.csv"
    command = [sys.executable, "-c", SLOW, "export", "tests.Event", "--output", str(path)]
    with subprocess.Popen(
        command, cwd=TOP, env=environment(), stderr=subprocess.PIPE, text=True
    ) as process:
        until = time.monotonic() + 30
        while not list(tmp_path.iterdir()) and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == code, errors
    assert "nterrupted" in errors or "erminated" in errors
    assert list(tmp_path.iterdir()) == []
    with connection.cursor() as cursor:
        cursor.execute("DROP VIEW slow_events")


#: Runs the command on a view of which every row takes its time.
SLOW = """
import sys, django
django.setup()
from django.core.management import execute_from_command_line
from tests.support.models import Event
Event._meta.db_table = "slow_events"
execute_from_command_line(sys.argv)
"""
