"""``manage.py export app.Model --filter kind=view --format csv --output events.csv``."""

from __future__ import annotations

import signal
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import current_thread, main_thread
from typing import Any, NoReturn

from django.apps import apps
from django.core.exceptions import FieldError, ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError, connections
from django.db.models import Model, QuerySet

from ...errors import ChunkqsError, KeysetError
from ...export import Export
from ...functions import keyset_iter, stream
from ...lazy import LazyRows
from ..files import ExportFile, Outlet
from ..filters import condition
from ..progress import progress_bar

FORMATS = ("csv", "ndjson", "parquet")

#: What is raised before the first query where an argument is wrong.
WRONG = (LookupError, ValueError, TypeError, OSError, FieldError, ValidationError, KeysetError)
WRONG_ARGUMENTS = 2
INTERRUPTED = 130
TERMINATED = 143


class Terminated(BaseException):
    """Somebody has sent SIGTERM."""


class Command(BaseCommand):
    """Writes the rows of a model into a file, in constant memory."""

    help = (
        "Write the rows of a model into a file, as CSV, NDJSON or Parquet, in constant memory. "
        "Until every row is in it, the file is called FILE.partial. Exits with 0 then; with 1 if "
        "an error has ended the export, 2 for wrong arguments, 130 if it was interrupted, 143 if "
        "it was terminated."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add("model", help="the model: app_label.Model")
        add("--output", "-o", default="-", metavar="FILE", help="the file; - for standard output")
        add("--format", choices=FORMATS, help="else by the name of the file, or CSV")
        add("--filter", action="append", default=[], metavar="FIELD=VALUE",
            help="only rows of which this is true; any lookup, as in created_at__gte=2024-01-01, "
            "id__in=1,2, amount__isnull=true. May be given more than once.")  # fmt: skip
        add("--exclude", action="append", default=[], metavar="FIELD=VALUE",
            help="only rows of which this is not true")  # fmt: skip
        add("--fields", help="the columns, separated by commas; else all fields of the model")
        add(
            "--order-by",
            metavar="FIELDS",
            help="the order, separated by commas; --order-by=-field descends",
        )
        add("--header", choices=("names", "verbose", "none"), default="names",
            help="CSV: names of the fields, their verbose names, or no header")  # fmt: skip
        add("--escape-formulas", action="store_true",
            help="CSV: an apostrophe before text that a spreadsheet would run")  # fmt: skip
        add("--resume", action="store_true",
            help="CSV and NDJSON: read by keyset, note in FILE.resume how far it has come, and go "
            "on from there if the command was interrupted")  # fmt: skip
        add("--database", default="default", help="the alias of the database")
        add("--no-progress", action="store_true", help="no progress bar")

    def handle(self, **options: Any) -> None:
        """Write, or say why not."""
        with wrong_arguments():
            target = self._target(options)
        try:
            with wrong_arguments():
                rows = self._rows(options, target.position)
                export = self._export(rows, options, is_resumed=target.position is not None)
            self._write(rows, export, target, options)
        except BaseException:
            target.leave()
            raise

    def _target(self, options: dict[str, Any]) -> ExportFile | Outlet:
        path = Path(options["output"])
        suffix = path.suffix.lstrip(".")
        options["format"] = options["format"] or (suffix if suffix in FORMATS else FORMATS[0])
        if path.is_dir():
            raise ValueError(f"--output {str(path)!r} is a directory: name a file.")
        is_outlet = options["output"] == "-" or (path.exists() and not path.is_file())
        if options["resume"] and (is_outlet or options["format"] == "parquet"):
            raise ValueError("--resume needs a file (--output) of CSV or NDJSON.")
        if is_outlet:
            return Outlet(None if options["output"] == "-" else path)
        names = ("model", "format", "filter", "exclude", "fields", "order_by", "header",
                 "escape_formulas", "database")  # fmt: skip
        identity = {name: options[name] for name in names}
        return ExportFile(path, identity, resume=options["resume"])

    def _rows(self, options: dict[str, Any], after: str | None) -> LazyRows[Any]:
        queryset = self._queryset(options)
        if options["resume"]:
            return keyset_iter(queryset, after=after)
        return stream(queryset)

    def _queryset(self, options: dict[str, Any]) -> QuerySet[Any, Any]:
        if options["database"] not in connections:
            raise ValueError(f"There is no database {options['database']!r} in DATABASES.")
        if options["model"].count(".") != 1:
            raise ValueError(f"{options['model']!r} is no model: write it as app_label.Model.")
        model: type[Model] = apps.get_model(options["model"])
        queryset: Any = model._default_manager.using(options["database"]).all()
        for text in options["filter"]:
            queryset = queryset.filter(**dict([condition(model, text)]))
        for text in options["exclude"]:
            queryset = queryset.exclude(**dict([condition(model, text)]))
        if options["order_by"]:
            queryset = queryset.order_by(*options["order_by"].split(","))
        if options["fields"]:
            queryset = queryset.values(*options["fields"].split(","))
        checked: QuerySet[Any, Any] = queryset
        return checked

    def _export(self, rows: LazyRows[Any], options: dict[str, Any], *, is_resumed: bool) -> Export:
        if options["format"] == "ndjson":
            return rows.ndjson()
        if options["format"] == "parquet":
            return rows.parquet()
        headers: dict[str, Any] = {"names": True, "verbose": "verbose_name", "none": False}
        header = False if is_resumed else headers[options["header"]]
        return rows.csv(header, escape_formulas=options["escape_formulas"])

    def _write(
        self,
        rows: LazyRows[Any],
        export: Export,
        target: ExportFile | Outlet,
        options: dict[str, Any],
    ) -> None:
        is_shown = not options["no_progress"] and sys.stderr.isatty()
        try:
            with terminations(), progress_bar(rows, export, is_shown=is_shown) as advance:
                for part in export:
                    target.write(part)
                    if options["resume"]:
                        target.note(export.position)
                    advance(part)
                target.finish()
        except KeyboardInterrupt:
            self._end(options, "Interrupted", INTERRUPTED)
        except Terminated:
            self._end(options, "Terminated", TERMINATED)
        except BrokenPipeError:
            sys.stderr.close()
            raise SystemExit(1) from None
        except (DatabaseError, InterfaceError, ChunkqsError, OSError) as error:
            raise CommandError(f"{error}{self._advice(options)}") from error

    def _end(self, options: dict[str, Any], what: str, code: int) -> NoReturn:
        raise CommandError(f"{what}.{self._advice(options)}", returncode=code) from None

    def _advice(self, options: dict[str, Any]) -> str:
        return " Repeat the command to go on from there." if options["resume"] else ""


@contextmanager
def wrong_arguments() -> Iterator[None]:
    """Turn what is wrong with the arguments into an error of the command."""
    try:
        yield
    except WRONG as error:
        messages = getattr(error, "messages", None) or [str(error)]
        raise CommandError(" ".join(messages), returncode=WRONG_ARGUMENTS) from error


@contextmanager
def terminations() -> Iterator[None]:
    """Raise Terminated where the process is asked to end, so that the export ends in order."""

    def terminate(*args: Any) -> NoReturn:
        raise Terminated

    if current_thread() is not main_thread():  # where no signal arrives
        yield
        return
    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
