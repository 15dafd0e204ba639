"""What CHUNKQS may hold, and what is said of anything else."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from chunkqs.settings import ChunkqsSettings, chunkqs_settings

ENGINE = "django.db.backends.sqlite3"

WRONG: dict[str, tuple[Any, str]] = {
    "no dictionary": (["WARN_ROWS"], "CHUNKQS must be a dictionary"),
    "a slip": ({"WARN_ROW": 1}, "no setting 'WARN_ROW'. Did you mean 'WARN_ROWS'?"),
    "small letters": ({"warn_rows": 1}, "Did you mean 'WARN_ROWS'?"),
    "something else": ({"XYZ": 1}, "MAX_PRIVATE_CONNECTIONS, TRUSTED_ENGINES, WARN_ROWS."),
    "no string for a key": ({1: 1}, "no setting 1"),
    "one engine": ({"TRUSTED_ENGINES": ENGINE}, "must be a list of engines"),
    "a class": ({"TRUSTED_ENGINES": [object]}, "must be a list of engines"),
    "an engine that is not there": (
        {"TRUSTED_ENGINES": ["not.there"]},
        "names 'not.there', which is no database engine",
    ),
    "a module that is no engine": ({"TRUSTED_ENGINES": ["json"]}, "which is no database engine"),
    "text for a number": ({"MAX_PRIVATE_CONNECTIONS": "4"}, "whole number, 0 or more, not '4'"),
    "a truth": ({"MAX_PRIVATE_CONNECTIONS": True}, "whole number, 0 or more, not True"),
    "less than none": ({"MAX_PRIVATE_CONNECTIONS": -1}, "whole number, 0 or more, not -1"),
    "nothing for a number": (
        {"MAX_PRIVATE_CONNECTIONS": None},
        "whole number, 0 or more, not None",
    ),
    "no rows": ({"WARN_ROWS": 0}, "whole number, 1 or more, not 0"),
    "half a row": ({"WARN_ROWS": 0.5}, "whole number, 1 or more, not 0.5"),
}


@pytest.mark.parametrize(("value", "text"), WRONG.values(), ids=WRONG)
def test_a_wrong_setting_is_named_with_what_is_right(value: Any, text: str) -> None:
    with (
        override_settings(CHUNKQS=value),
        pytest.raises(ImproperlyConfigured, match=re.escape(text)),
    ):
        chunkqs_settings()


def test_every_setting_has_a_default() -> None:
    assert chunkqs_settings() == ChunkqsSettings()


def test_settings_are_read() -> None:
    given = {"TRUSTED_ENGINES": [ENGINE], "MAX_PRIVATE_CONNECTIONS": 7, "WARN_ROWS": 100_000}
    with override_settings(CHUNKQS=given):
        assert chunkqs_settings() == ChunkqsSettings(frozenset([ENGINE]), 7, 100_000)


def test_no_bound_on_rows_is_said_by_none() -> None:
    with override_settings(CHUNKQS={"WARN_ROWS": None}):
        assert chunkqs_settings().warn_rows is None
