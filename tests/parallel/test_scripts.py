"""parallel() in a script: what its main module has to be, and what is left when it is ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
from django.db import connection

pytestmark = pytest.mark.usefixtures("events", "nothing_left")

TOP = Path(__file__).resolve().parents[2]
SCRIPT = """
import sys
import django
django.setup()
from django.db import connections
connections.settings["default"]["NAME"] = {name!r}
from tests.support.models import Event
from tests.support.work_on_chunks import pks, sleep, slow_pks
def main():
    print("begun", flush=True)
    for result in Event.objects.parallel({func}, workers=2, chunk_size=20):
        print(len(result), flush=True)
"""
GUARDED = SCRIPT + '\nif __name__ == "__main__":\n    main()\n'


def script(tmp_path: Path, text: str, func: str = "pks") -> list[str]:
    path = tmp_path / "script.py"
    path.write_text(text.format(name=str(connection.settings_dict["NAME"]), func=func))
    return [sys.executable, str(path)]


def environment() -> dict[str, str]:
    """Return a script's environment, where DATABASE_URL is by now what the test run uses."""
    return {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": str(TOP)}


def test_a_script_works_in_parallel(tmp_path: Path) -> None:
    done = subprocess.run(
        script(tmp_path, GUARDED), env=environment(), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["begun", *["20"] * 15]


def test_a_script_without_a_guard_is_told_so(tmp_path: Path) -> None:
    done = subprocess.run(
        script(tmp_path, SCRIPT + "\nmain()\n"),
        env=environment(), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert 'under `if __name__ == "__main__":`' in done.stderr


def test_a_function_that_is_in_no_module_is_refused(tmp_path: Path) -> None:
    code = SCRIPT.format(name=str(connection.settings_dict["NAME"]), func="f")
    code = f"{code}\ndef f(chunk): pass\nmain()\n"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, timeout=60
    )
    assert "in no module" in done.stderr


def family_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Wait until the workers of a script are at work; return all processes that it has started."""
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "begun\n"
    family: list[psutil.Process] = []
    while len(family) < 3:  # two workers, and what tracks their resources
        assert process.poll() is None, process.stderr.read()
        family = psutil.Process(process.pid).children(recursive=True)
        threading.Event().wait(0.05)
    threading.Event().wait(1.0)
    return family


@pytest.mark.parametrize("ending", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_a_script_that_is_ended_leaves_no_process(tmp_path: Path, ending: str) -> None:
    command = script(tmp_path, GUARDED, func="sleep")
    with subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            family = family_of(process)
            if ending == "SIGINT":
                os.killpg(process.pid, signal.SIGINT)  # as the terminal does
            else:
                process.send_signal(getattr(signal, ending))
            _, errors = process.communicate(timeout=20)
        finally:
            process.kill()  # and its workers end with it
    _, alive = psutil.wait_procs(family, 10)
    assert alive == []
    if ending == "SIGINT":
        assert errors.count("KeyboardInterrupt\n") == 1
