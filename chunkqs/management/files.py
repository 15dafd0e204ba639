"""A file while it is being written, which an interrupted export can go on with."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import IO, Any

#: Seconds between two notes of how far an export has come.
NOTE_SECONDS = 1.0


class ExportFile:
    """Writes FILE.partial, which becomes FILE when everything is in it.

    With `resume` FILE.resume says how many bytes of that are sure, and after which row they
    end. What a killed process wrote after that is cut off, and written again.
    """

    def __init__(self, path: Path, identity: Any, *, resume: bool) -> None:
        self.path = path
        self._partial = path.with_name(f"{path.name}.partial")
        self._note = path.with_name(f"{path.name}.resume")
        self._identity = identity
        self._resumes = resume
        self._noted = time.monotonic()
        self.position: str | None = None
        """The token of the last row that is in the file."""
        if resume and self._note.exists() and self._partial.exists():
            self._take_up()
        else:
            self._note.unlink(missing_ok=True)
            self.file: IO[bytes] = self._partial.open("wb")

    def _take_up(self) -> None:
        note = json.loads(self._note.read_text())
        if note["identity"] != self._identity:
            raise ValueError(
                f"{self._note} is of another export: it was begun with {note['identity']}, not "
                f"with {self._identity}. Repeat the command as it was, or remove that file."
            )
        self.position = note["position"]
        self.file = self._partial.open("r+b")
        self.file.truncate(note["bytes"])
        self.file.seek(0, os.SEEK_END)

    def write(self, part: bytes) -> None:
        """Append whole rows."""
        self.file.write(part)

    def note(self, position: str | None) -> None:
        """Note, once in a while, that the file has all rows up to `position`."""
        self.position = position
        if time.monotonic() - self._noted >= NOTE_SECONDS:
            self.save()

    def save(self) -> None:
        """Make sure of what was written, then note it."""
        if not self._resumes or self.position is None:
            return
        self.file.flush()
        os.fsync(self.file.fileno())
        note = {
            "identity": self._identity,
            "position": self.position,
            "bytes": self.file.tell(),
        }
        new = self._note.with_name(f"{self._note.name}.new")
        new.write_text(json.dumps(note))
        new.replace(self._note)
        self._noted = time.monotonic()

    def finish(self) -> None:
        """Give the file its name: everything is in it."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        self._partial.replace(self.path)
        self._note.unlink(missing_ok=True)

    def leave(self) -> None:
        """Keep what can be gone on with, else nothing."""
        self.save()
        self.file.close()
        if not self._note.exists():
            self._partial.unlink(missing_ok=True)


class StandardOutput:
    """Standard output, for `--output -`."""

    position = None

    def __init__(self) -> None:
        import sys

        self.file: IO[bytes] = sys.stdout.buffer

    def write(self, part: bytes) -> None:
        """Write whole rows."""
        self.file.write(part)

    def note(self, position: str | None) -> None:
        """Do nothing: nobody can go on with what a pipe has swallowed."""

    def finish(self) -> None:
        """Send everything."""
        self.file.flush()

    def leave(self) -> None:
        """Do nothing more."""
