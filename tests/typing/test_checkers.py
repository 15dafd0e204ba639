"""mypy and pyright over a project such as a user has: `shop`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TOP = HERE.parents[1]


def run(*command: str) -> None:
    paths = os.pathsep.join([str(HERE), str(TOP)])
    result = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=HERE,
        env={**os.environ, "MYPYPATH": paths, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_mypy_infers_the_rows_of_every_manager(tmp_path: Path) -> None:
    pytest.importorskip("mypy_django_plugin")
    run("mypy", "--cache-dir", str(tmp_path), "--package", "shop")


def test_pyright_infers_the_rows_of_a_chunked_manager() -> None:
    pytest.importorskip("pyright")
    run("pyright", "--pythonpath", sys.executable)
