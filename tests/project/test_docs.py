"""What the documentation shows runs, and what is public is in it."""

from __future__ import annotations

import inspect
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
from django.db import models

import chunkqs
from tests.support.models import Event, User
from tests.support.rows import make

TOP = Path(__file__).resolve().parents[2]
PAGES = [TOP / "README.md", TOP / "CONTRIBUTING.md", *sorted((TOP / "docs").glob("*.md"))]
FENCED = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")
TEXT = "\n".join(page.read_text() for page in PAGES)

by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@by_page
@pytest.mark.django_db(transaction=True)
def test_the_examples_of_a_page_run_one_after_the_other(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # some write files
    make(Event, 250)
    namespace: dict[str, Any] = {"Event": Event, "User": User, "models": models}
    for number, code in enumerate(FENCED.findall(page.read_text())):
        with warnings.catch_warnings():
            exec(compile(code, f"{page.name}, example {number}", "exec"), namespace)


@by_page
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("name", chunkqs.__all__)
def test_every_public_name_is_documented(name: str) -> None:
    assert re.search(rf"`[^`\n]*\b{name}\b[^`\n]*`", TEXT) or f"import {name}" in TEXT


@pytest.mark.parametrize("name", ["stream", "keyset_iter", "chunks"])
def test_every_argument_is_documented(name: str) -> None:
    signature = inspect.signature(getattr(chunkqs, name))
    for argument in list(signature.parameters)[1:]:
        assert f"`{argument}`" in TEXT, argument


@pytest.mark.parametrize("kind", [chunkqs.LazyRows, chunkqs.LazyChunks, chunkqs.Chunk])
def test_every_attribute_of_what_the_caller_holds_is_documented(kind: type) -> None:
    own = {
        name
        for base in kind.__mro__
        if base.__module__.startswith("chunkqs")
        for name in vars(base)
    }
    for name in own:
        if not name.startswith("_") and name not in {"of", "last"}:
            assert re.search(rf"\b{name}\b", TEXT), name
