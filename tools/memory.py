"""How much memory a process takes."""

from __future__ import annotations

import resource
import sys
from contextlib import suppress
from pathlib import Path


class PeakMemory:
    """The most memory that this process holds at one time, above what it holds now."""

    def __init__(self) -> None:
        with suppress(OSError):  # Linux alone has this: reset the peak
            Path("/proc/self/clear_refs").write_text("5")
        self.start = self._peak()

    def growth(self) -> int:
        """Return the growth in bytes since this object was made."""
        return self._peak() - self.start

    @staticmethod
    def _peak() -> int:
        status = Path("/proc/self/status")
        if status.exists():
            for line in status.read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
