"""What the documentation shows runs, and what is public is in it."""

from __future__ import annotations

import inspect
import re
import unittest
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import celery
import pytest
from django.db import models
from django.test.utils import isolate_apps

import chunkqs
from tests.support.messages import messages
from tests.support.models import Event, User
from tests.support.rows import make

TOP = Path(__file__).resolve().parents[2]
PAGES = [TOP / "README.md", TOP / "CONTRIBUTING.md", *sorted((TOP / "docs").glob("*.md"))]
FENCED = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
#: Languages of blocks that are not Python, and so are shown alone.
NOT_RUN = {"console", "html", "mermaid", "text"}
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")
TEXT = "\n".join(page.read_text() for page in PAGES)

by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@by_page
@pytest.mark.django_db(transaction=True, databases=["default", "replica"])
def test_the_examples_of_a_page_run_one_after_the_other(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # some write files
    monkeypatch.setitem(celery.current_app.conf, "task_always_eager", True)
    make(Event, 250)
    namespace: dict[str, Any] = {"__name__": "tests.support.shown", "models": models}
    with isolate_apps("tests.support"):
        for number, code in enumerate(FENCED.findall(page.read_text())):
            # A page may show how to define these models; the examples run on ours.
            namespace.update(Event=Event, User=User)
            before = set(namespace)
            with warnings.catch_warnings():
                exec(compile(code, f"{page.name}, example {number}", "exec"), namespace)
            run_tests(namespace[name] for name in sorted(set(namespace) - before))


def run_tests(shown: Iterable[Any]) -> None:
    """Run the tests that an example defines."""
    for value in shown:
        if isinstance(value, type) and value.__name__.endswith("Tests"):
            unittest.defaultTestLoader.loadTestsFromTestCase(value).debug()
        elif inspect.isfunction(value) and value.__name__.startswith("test_"):
            value()


@by_page
def test_every_example_in_python_is_run(page: Path) -> None:
    languages = set(re.findall(r"^```(\w+)$", page.read_text(), re.MULTILINE))
    assert languages <= {"python", *NOT_RUN}, f"{page.name} has examples that no test runs"


@by_page
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text()):
        linked = page.parent / target if target else page
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked), f"{target}#{anchor}"


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub names them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


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


def test_every_message_is_found_in_troubleshooting() -> None:
    page = (TOP / "docs" / "troubleshooting.md").read_text()
    shown = re.findall(r"`([^`\n]+)`", page)
    assert not [
        message
        for message in messages()
        if not any(text == message.text or explains(text, message.text) for text in shown)
    ]


def explains(shown: str, text: str) -> bool:
    """Return whether a text of the page, with `…` for what varies, is part of a message."""
    says_enough = " " in shown and len(re.sub("[^A-Za-z]", "", shown)) >= 8
    return says_enough and bool(re.search(".*".join(map(re.escape, shown.split("…"))), text))


def test_every_error_and_warning_is_found_in_troubleshooting() -> None:
    page = (TOP / "docs" / "troubleshooting.md").read_text()
    for name in chunkqs.__all__:
        if name.endswith(("Error", "Warning", "Position", "Interrupted", "Died")):
            assert name in page, name


def test_architecture_names_the_files_that_there_are() -> None:
    page = (TOP / "docs" / "architecture.md").read_text()
    files = page[page.index("## The files") : page.index("## Where to add what")]
    named: set[str] = set()
    for section in re.split(r"^### ", files, flags=re.MULTILINE)[1:]:
        room = re.match(r"(\w+/)\n", section)
        for cell in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE):
            folder, colon, names = cell.rpartition(": ")
            prefix = folder.strip("`") if colon else room[1] if room else ""
            named.update(prefix + name for name in re.findall(r"`([\w/]+\.py)`", names))
    package = TOP / "chunkqs"
    there = {path.relative_to(package).as_posix() for path in package.rglob("*.py")}
    modules = {path for path in there if not path.endswith("__init__.py")}
    assert sorted(modules - named) == [], "to be added to docs/architecture.md"
    assert sorted(named - modules) == [], "to be taken out of docs/architecture.md"
