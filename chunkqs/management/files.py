"""A file while it is being written, which an interrupted export can go on with."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
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
        self._sure: tuple[str | None, int] = (None, 0)
        """The token of the last row that is in the file, and the byte after it. An interrupt
        comes at any moment, so they change together."""
        if resume and self._note.exists() and self._partial.exists():
            self._take_up()
        else:
            self._note.unlink(missing_ok=True)
            self.file: IO[bytes] = self._partial.open("wb")

    @property
    def position(self) -> str | None:
        """The token of the last row that is in the file."""
        return self._sure[0]

    def _take_up(self) -> None:
        try:
            note = json.loads(self._note.read_text())
            identity, self._sure = note["identity"], (note["position"], note["bytes"])
        except (ValueError, LookupError, TypeError) as error:
            raise ValueError(f"{self._note} cannot be read. Remove it to begin again.") from error
        if identity != self._identity:
            raise ValueError(
                f"{self._note} is of another export: it was begun with {identity}, not "
                f"with {self._identity}. Repeat the command as it was, or remove that file."
            )
        if self._partial.stat().st_size < self._sure[1]:
            raise ValueError(
                f"{self._partial} has lost bytes since the export was interrupted: {self._note} "
                f"counts on {self._sure[1]}. Remove both files to begin again."
            )
        self.file = self._partial.open("r+b")
        self.file.truncate(self._sure[1])
        self.file.seek(0, os.SEEK_END)

    def write(self, part: bytes) -> None:
        """Append whole rows."""
        self.file.write(part)

    def note(self, position: str | None) -> None:
        """Note, once in a while, that the file has all rows up to `position`."""
        self._sure = (position, self.file.tell())
        if time.monotonic() - self._noted >= NOTE_SECONDS:
            self.save()

    def save(self) -> None:
        """Make sure of what was written, then note it."""
        position, end = self._sure
        if not self._resumes or position is None or self.file.closed:
            return
        self.file.flush()
        os.fsync(self.file.fileno())
        note = {"identity": self._identity, "position": position, "bytes": end}
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
        with suppress(OSError):  # of a full disk: what was noted before still holds
            self.save()
        with suppress(OSError):
            self.file.close()
        if not self._note.exists():
            self._partial.unlink(missing_ok=True)


class Outlet:
    """Standard output, a named pipe or a device: what was written there is gone."""

    position = None

    def __init__(self, path: Path | None = None) -> None:
        self._is_opened = path is not None
        self.file: IO[bytes] = sys.stdout.buffer if path is None else path.open("wb")

    def write(self, part: bytes) -> None:
        """Write whole rows."""
        self.file.write(part)

    def note(self, position: str | None) -> None:
        """Do nothing: nobody can go on with what a pipe has swallowed."""

    def finish(self) -> None:
        """Send everything."""
        self.file.flush()
        self.leave()

    def leave(self) -> None:
        """Close what was opened."""
        if self._is_opened:
            with suppress(OSError):  # of a pipe that nobody reads
                self.file.close()
