"""The options that the programs of this folder have in common."""

from __future__ import annotations

import argparse
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def parser(description: str | None, *, rows: int, rounds: int = 3) -> argparse.ArgumentParser:
    """Return a parser of ``--rows``, ``--rounds`` and ``--output``, with these defaults."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--rows", type=int, default=rows, help="events in the table")
    made.add_argument("--rounds", type=int, default=rounds, help="of which the median counts")
    made.add_argument("--output", type=Path, default=FOLDER, help="folder for the results")
    return made
