"""Processes of ours that tell what they do in lines of JSON."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any


class FailedError(Exception):
    """A process ended without a result; says the last line of its errors."""


@dataclass(frozen=True)
class Child:
    """A process that runs, and the file that takes its errors."""

    process: subprocess.Popen[str]
    errors: IO[str]

    def messages(self) -> Iterator[dict[str, Any]]:
        """Yield what it prints, line by line, until it ends."""
        for line in self.process.stdout or ():
            yield json.loads(line)

    def failure(self) -> FailedError:
        """Wait for its end, and return why there was no result."""
        status = self.process.wait()
        self.errors.seek(0)
        text = self.errors.read().strip()
        return FailedError(
            text.splitlines()[-1] if text else f"the process ended with status {status}"
        )


@contextmanager
def child(command: list[str], **options: Any) -> Iterator[Child]:
    """Run a command while the block runs; kill it at the end of the block."""
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, **options
        ) as process,
    ):
        try:
            yield Child(process, errors)
        finally:
            process.kill()
