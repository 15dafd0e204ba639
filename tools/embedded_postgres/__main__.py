"""``python -m tools.embedded_postgres stop|remove FOLDER``."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import remove, stop


def main() -> None:
    parser = argparse.ArgumentParser(description="Stop the embedded server, or delete its data.")
    parser.add_argument("action", choices=["stop", "remove"])
    parser.add_argument("folder", type=Path, help="where its data is")
    arguments = parser.parse_args()
    if arguments.action == "remove":
        remove(arguments.folder)
    else:
        stop(arguments.folder, force=True)


if __name__ == "__main__":
    main()
