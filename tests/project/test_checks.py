"""The system checks: what they warn of, and that they are quiet otherwise."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.core import checks as django_checks
from django.core.checks import registry
from django.db import connections, models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.test import override_settings

from chunkqs import ChunkedManager, ChunkedQuerySet, checks
from tests.support.private import second_alias

server = pytest.mark.database("postgresql", "mysql")


def ids(messages: list[django_checks.CheckMessage]) -> list[str | None]:
    return [message.id for message in messages]


@pytest.fixture
def registered() -> Iterator[None]:
    """Let Django have the checks, as with the app installed, and forget them again."""
    before = set(registry.registry.registered_checks)
    apps.get_app_config("contenttypes")
    from chunkqs.apps import ChunkqsConfig

    ChunkqsConfig("chunkqs", sys.modules["chunkqs"]).ready()
    yield
    registry.registry.registered_checks = before


def test_the_app_registers_the_checks(registered: None) -> None:
    with override_settings(CHUNKQS={"WARN_ROW": 1}):
        (message,) = django_checks.run_checks(tags=["chunkqs"])
    assert message.id == "chunkqs.E001"
    assert "Did you mean 'WARN_ROWS'?" in message.msg


@server
def test_wrong_settings_are_said_once() -> None:
    with override_settings(CHUNKQS={"TRUSTED_ENGINES": 1}):
        assert ids(checks.check_settings()) == ["chunkqs.E001"]
        assert checks.check_engines() == []


def test_rows_are_watched_where_a_model_has_one_of_our_managers() -> None:
    with override_settings(CHUNKQS={"WARN_ROWS": 1}):
        assert checks.check_settings() == []


def test_a_bound_on_rows_that_nobody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks.apps, "get_models", list)
    with override_settings(CHUNKQS={"WARN_ROWS": 1}):
        assert ids(checks.check_settings()) == ["chunkqs.W004"]
    assert checks.check_settings() == []


@server
def test_an_engine_that_is_not_known_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.check_engines() == []
    wrapper = type("DatabaseWrapper", (type(connections["default"]),), {"connect": None})
    wrapper.__module__ = "my_project.db.base"
    module = ModuleType("my_project.db.base")
    module.DatabaseWrapper = wrapper
    for name in ("my_project", "my_project.db"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "my_project.db.base", module)
    with second_alias(ENGINE="my_project.db"):
        (message,) = checks.check_engines()
        assert message.id == "chunkqs.W001"
        assert "DatabaseWrapper.connect" in message.msg
        assert "TRUSTED_ENGINES" in str(message.hint)
        with override_settings(CHUNKQS={"TRUSTED_ENGINES": ["my_project.db"]}):
            assert checks.check_engines() == []
        with override_settings(CHUNKQS={"MAX_PRIVATE_CONNECTIONS": 0}):
            assert checks.check_engines() == []


@pytest.mark.database("postgresql")
@pytest.mark.parametrize(("size", "expected"), [(1, ["chunkqs.W003"]), (2, [])])
def test_a_pool_without_room(size: int, expected: list[str]) -> None:
    pytest.importorskip("psycopg_pool")
    options = {"pool": {"min_size": 1, "max_size": size}}
    with second_alias(OPTIONS=options) as second:
        assert ids(checks.check_engines()) == expected
        second.close_pool()


@server
@pytest.mark.django_db
def test_a_server_without_room() -> None:
    assert checks.check_room(["default"]) == []
    assert checks.check_room() == []
    with override_settings(CHUNKQS={"MAX_PRIVATE_CONNECTIONS": 1_000_000}):
        (message,) = checks.check_room(["default"])
    assert message.id == "chunkqs.W003"
    assert "MAX_PRIVATE_CONNECTIONS" in str(message.hint)


def made(**attributes: Any) -> Any:
    """Make a model with one of our managers, which no app has."""
    meta = attributes.pop("Meta", {})
    fields: dict[str, Any] = {
        "name": models.CharField(max_length=9),
        "created": models.DateTimeField(),
        "objects": ChunkedManager(),
        "__module__": __name__,
        "Meta": type("Meta", (), {"app_label": "checked", **meta}),
        **attributes,
    }
    return type("Checked", (models.Model,), fields)


def checked(model: Any) -> list[str | None]:
    return ids(checks.check_orders([SimpleNamespace(get_models=lambda: [model])]))


@pytest.fixture(autouse=True)
def forget_models() -> Iterator[None]:
    yield
    apps.all_models.pop("checked", None)


SERVED: dict[str, dict[str, Any]] = {
    "no order": {},
    "the primary key": {"Meta": {"ordering": ["-pk"]}},
    "the primary key by name": {"Meta": {"ordering": ["id"]}},
    "an indexed field": {
        "Meta": {"ordering": ["name"]},
        "name": models.CharField(max_length=9, db_index=True),
    },
    "a unique field": {"Meta": {"ordering": ["-slug"]}, "slug": models.SlugField(unique=True)},
    "an index": {
        "Meta": {"ordering": ["-created", "id"], "indexes": [models.Index("created", name="x")]},
    },
    "an index, descending": {
        "Meta": {"ordering": ["name"], "indexes": [models.Index(F("name").desc(), name="y")]},
    },
    "an index of fields": {
        "Meta": {"ordering": ["created"], "indexes": [models.Index(fields=["-created", "name"])]},
    },
    "a constraint": {
        "Meta": {
            "ordering": ["name"],
            "constraints": [models.UniqueConstraint(fields=["name", "created"], name="u")],
        },
    },
    "fields that are unique together": {
        "Meta": {"ordering": ["name"], "unique_together": [("name", "created")]},
    },
    "a foreign key": {
        "Meta": {"ordering": ["event"]},
        "event": models.ForeignKey("support.Event", models.CASCADE, related_name="+"),
    },
    "an expression, which is not looked at": {"Meta": {"ordering": [Lower("name")]}},
    "another table's field, which is not looked at": {
        "Meta": {"ordering": ["event__kind"]},
        "event": models.ForeignKey("support.Event", models.CASCADE, related_name="+"),
    },
    "random order": {"Meta": {"ordering": ["?"]}},
    "a view": {"Meta": {"ordering": ["name"], "managed": False}},
    "another manager": {"Meta": {"ordering": ["name"]}, "objects": models.Manager()},
}
UNSERVED: dict[str, dict[str, Any]] = {
    "no index": {"Meta": {"ordering": ["name"]}},
    "no index, backwards": {"Meta": {"ordering": ["-created", "id"]}},
    "an index that begins with another field": {
        "Meta": {"ordering": ["created"], "indexes": [models.Index(fields=["name", "created"])]},
    },
    "an index of a part of the rows": {
        "Meta": {
            "ordering": ["name"],
            "indexes": [models.Index(fields=["name"], condition=Q(name="a"), name="some")],
        },
    },
    "a name that is unique among some": {
        "Meta": {
            "ordering": ["name"],
            "constraints": [
                models.UniqueConstraint(fields=["name"], condition=Q(name="a"), name="few")
            ],
        },
    },
    "a manager of a queryset": {
        "Meta": {"ordering": ["name"]}, "objects": ChunkedQuerySet.as_manager(),
    },
}  # fmt: skip


@pytest.mark.parametrize("attributes", SERVED.values(), ids=SERVED)
def test_an_order_is_no_reason_to_warn(attributes: dict[str, Any]) -> None:
    assert checked(made(**attributes)) == []


@pytest.mark.parametrize("attributes", UNSERVED.values(), ids=UNSERVED)
def test_an_order_that_no_index_serves(attributes: dict[str, Any]) -> None:
    assert checked(made(**attributes)) == ["chunkqs.W002"]
