"""Which engines are taken for one of Django's, by what their classes replace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import override_settings

from chunkqs.databases.known_engines import refuse_unknown_engine
from chunkqs.databases.session import SessionMismatch

pytestmark = pytest.mark.database("postgresql", "mysql")


@contextmanager
def engine(wrapper: type) -> Iterator[BaseDatabaseWrapper]:
    """Let a connection be one of another class for a moment."""
    connection = connections["default"]
    before = type(connection)
    connection.__class__ = wrapper
    try:
        yield connection
    finally:
        connection.__class__ = before


def derived(*mixins: type, metaclass: type = type, **attributes: Any) -> type:
    """Make an engine's class, as a project would have it in my_project/db/base.py."""
    attributes["__module__"] = "my_project.db.base"
    return metaclass("DatabaseWrapper", (*mixins, type(connections["default"])), attributes)


def own_method(self: Any, *args: Any, **kwargs: Any) -> Any:
    """Do nothing that a test would call."""


class Features(type(connections["default"]).features_class):  # type: ignore[misc, name-defined]
    """Features of an engine's own."""


HARMLESS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "features": {"features_class": Features},
    "the name": {"display_name": "Our database"},
    "types": {"data_types": {}},
    "the editor of schemas": {"schema_editor": own_method},
    "what happens before migrations": {"prepare_database": own_method},
    "checks of constraints": {"check_constraints": own_method},
    "a check of the connection": {"is_usable": own_method},
    "methods of its own": {"set_tenant": own_method, "tenant": "a"},
    "a description": {"__repr__": lambda self: "ours", "__doc__": "Ours."},
}
IN_DOUBT: dict[str, dict[str, Any]] = {
    "how cursors are made": {"_cursor": own_method},
    "cursors": {"cursor": own_method},
    "server-side cursors": {"chunked_cursor": own_method},
    "the driver's cursors": {"create_cursor": own_method},
    "what stands in front of a cursor": {"make_cursor": own_method},
    "how it connects": {"connect": own_method},
    "the driver's connection": {"get_new_connection": own_method},
    "parameters": {"get_connection_params": own_method},
    "what is set on each connection": {"init_connection_state": own_method},
    "when it connects": {"ensure_connection": own_method},
    "transactions": {"_set_autocommit": own_method},
    "the end of a transaction": {"commit": own_method},
    "its copies": {"copy": own_method},
    "time zones": {"timezone_name": "UTC"},
    "the driver": {"Database": None},
    "how it begins": {"__init__": own_method},
    "where attributes come from": {"__getattribute__": object.__getattribute__},
    "attributes that are missing": {"__getattr__": own_method},
}


@pytest.mark.parametrize("attributes", HARMLESS.values(), ids=HARMLESS)
def test_an_engine_is_known_that_changes_nothing_about_sessions(attributes: Any) -> None:
    with engine(derived(**attributes)) as connection:
        refuse_unknown_engine(connection)


@pytest.mark.parametrize("attributes", IN_DOUBT.values(), ids=IN_DOUBT)
def test_an_engine_is_refused_that_may_change_sessions(attributes: Any) -> None:
    (name,) = attributes
    with (
        engine(derived(**attributes)) as connection,
        pytest.raises(SessionMismatch, match=rf"'my_project\.db' .* DatabaseWrapper\.{name}"),
    ):
        refuse_unknown_engine(connection)


@pytest.mark.parametrize("attributes", IN_DOUBT.values(), ids=IN_DOUBT)
def test_a_mixin_is_looked_at_as_well(attributes: Any) -> None:
    mixin = type("Mixin", (), attributes)
    with engine(derived(mixin)) as connection, pytest.raises(SessionMismatch, match="Mixin"):
        refuse_unknown_engine(connection)


def test_a_base_class_after_djangos_is_looked_at_as_well() -> None:
    behind = type("Behind", (BaseDatabaseWrapper,), {"cursor": own_method})
    both = type("DatabaseWrapper", (type(connections["default"]), behind), {})
    with engine(both) as connection, pytest.raises(SessionMismatch, match=r"Behind\.cursor"):
        refuse_unknown_engine(connection)


def test_an_engine_with_a_metaclass_is_refused() -> None:
    wrapper = derived(metaclass=type("Meta", (type,), {}))
    with engine(wrapper) as connection, pytest.raises(SessionMismatch, match="metaclass"):
        refuse_unknown_engine(connection)


@pytest.fixture
def vouched(monkeypatch: pytest.MonkeyPatch) -> Iterator[type]:
    """Yield the class of an engine that the settings vouch for."""
    import sys
    from types import ModuleType

    wrapper = derived(_cursor=own_method)
    module = ModuleType("my_project.db.base")
    module.DatabaseWrapper = wrapper
    for name in ("my_project", "my_project.db"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "my_project.db.base", module)
    with override_settings(CHUNKQS={"TRUSTED_ENGINES": ["my_project.db"]}):
        yield wrapper


def test_an_engine_is_known_that_the_settings_vouch_for(vouched: type) -> None:
    with engine(vouched) as connection:
        refuse_unknown_engine(connection)


def test_what_is_derived_from_an_engine_that_is_vouched_for_is_looked_at(vouched: type) -> None:
    harmless = type("DatabaseWrapper", (vouched,), {"features_class": Features})
    with engine(harmless) as connection:
        refuse_unknown_engine(connection)
    doubtful = type("DatabaseWrapper", (vouched,), {"cursor": own_method})
    with engine(doubtful) as connection, pytest.raises(SessionMismatch, match=r"\.cursor"):
        refuse_unknown_engine(connection)


def test_the_remedy_names_the_setting() -> None:
    with (
        engine(derived(_cursor=own_method)) as connection,
        pytest.raises(SessionMismatch) as refused,
    ):
        refuse_unknown_engine(connection)
    assert "CHUNKQS = {'TRUSTED_ENGINES': ['my_project.db']}" in refused.value.remedy
