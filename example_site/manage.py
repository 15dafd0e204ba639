#!/usr/bin/env python
"""Django's command line for the example site."""

import os
import sys
from pathlib import Path


def main() -> None:
    # The folder above makes `example_site` importable from wherever this is called.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    # Whatever other project the shell is set up for.
    os.environ["DJANGO_SETTINGS_MODULE"] = "example_site.settings"
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
