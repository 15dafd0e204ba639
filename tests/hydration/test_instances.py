"""Models that step into the making of their instances, against Django's own iteration.

None of them has a table: the raw rows are made up, and Django's iterable classes get
the same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import django
import pytest
from django.apps.registry import Apps
from django.db import connection, models
from django.db.models import F
from django.db.models.signals import post_init, pre_init
from django.test.utils import isolate_apps

from chunkqs.django_internals.compiler import Block, compile_select, iterate_block
from chunkqs.hydration.hydrator import hydrator
from tests.support.made import VALUES, assert_as_django, model, raw_rows


@pytest.fixture(autouse=True)
def registry() -> Iterator[Apps | None]:
    """Keep the models of each test to itself."""
    with isolate_apps("tests") as apps:
        yield apps


@pytest.fixture
def djangos_way(monkeypatch: pytest.MonkeyPatch) -> list[Block]:
    """Collect the blocks that go Django's way."""
    blocks: list[Block] = []

    def note(queryset: Any, compiler: Any, block: Block) -> list[Any]:
        blocks.append(block)
        return iterate_block(queryset, compiler, block)

    monkeypatch.setattr("chunkqs.hydration.hydrator.iterate_block", note)
    return blocks


class InitBehindModel:
    def __init__(self) -> None:
        super().__init__()
        self.was_here = True


class StateBehindModel:
    _state = "mixin's"


class Slotted:
    __slots__ = ("name",)


class CallingBase(models.base.ModelBase):
    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        instance = super().__call__(*args, **kwargs)
        instance.called = len(args)
        return instance


def own_init(self: Any, *args: Any, **kwargs: Any) -> None:
    models.Model.__init__(self, *args, **kwargs)
    self.inited = sorted(self.__dict__)


def own_new(cls: Any, *args: Any, **kwargs: Any) -> Any:
    instance = object.__new__(cls)
    instance.marked = True
    return instance


def own_setattr(self: Any, name: str, value: Any) -> None:
    object.__setattr__(self, name, value)
    self.__dict__.setdefault("names_set", []).append(name)


def own_getattribute(self: Any, name: str) -> Any:
    if name not in ("__dict__", "_meta", "__class__"):
        self.__dict__[f"asked_{name}"] = True
    return object.__getattribute__(self, name)


@classmethod  # type: ignore[misc]
def own_from_db(cls: Any, db: str, names: Any, values: Any, **kwargs: Any) -> Any:
    instance = models.Model.from_db.__func__(  # type: ignore[attr-defined]
        cls, db, names, values, **kwargs
    )
    instance.loaded = type(values), list(names), list(values)
    return instance


STEPPING_IN: dict[str, Callable[[], Any]] = {
    "__init__": lambda: model(__init__=own_init),
    "__init__ of an abstract parent": lambda: model(abstract(__init__=own_init)),
    "__init__ of a mixin in front": lambda: model(
        abstract(type("Front", (), {"__init__": own_init}))
    ),
    "__init__ of a mixin behind": lambda: model(models.Model, InitBehindModel),
    "__new__": lambda: model(__new__=own_new),
    "__setattr__": lambda: model(__setattr__=own_setattr),
    "__getattribute__": lambda: model(__getattribute__=own_getattribute),
    "from_db": lambda: model(from_db=own_from_db),
    "metaclass": lambda: model(abstract(metaclass=CallingBase)),
    "_state of a mixin": lambda: model(models.Model, StateBehindModel),
    "image with dimensions": lambda: model(
        name=models.ImageField(width_field="width", height_field="width"),
        width=models.IntegerField(),
    ),
}


def abstract(*mixins: type, metaclass: Any = models.base.ModelBase, **attributes: Any) -> Any:
    meta = type("Meta", (), {"abstract": True})
    attributes |= {"__module__": "tests.support.models", "Meta": meta}
    return metaclass("Parent", (*mixins, models.Model), attributes)


def unchanged(queryset: Any) -> Any:
    return queryset


#: Django 6.1 has more than one.
FETCH_MODES: list[Callable[[Any], Any]] = [unchanged]
if django.VERSION >= (6, 1):
    FETCH_MODES.append(lambda queryset: queryset.fetch_mode(models.FETCH_PEERS))


@pytest.mark.parametrize("name", STEPPING_IN)
def test_a_model_that_steps_in_goes_djangos_way(name: str, djangos_way: list[Block]) -> None:
    made = STEPPING_IN[name]()
    assert_as_django(made.objects.all())
    assert len(djangos_way) == 1
    assert_as_django(made.objects.only("other"), raw_rows(made, "id", "other"))
    assert len(djangos_way) == 2


@pytest.mark.parametrize("name", STEPPING_IN)
def test_a_related_model_that_steps_in_is_made_by_its_own_from_db(
    name: str, djangos_way: list[Block]
) -> None:
    made = STEPPING_IN[name]()
    made_by = models.OneToOneField(made, models.CASCADE)
    owner: Any = models.base.ModelBase(
        "Owner", (models.Model,), {"__module__": "tests.support.models", "made": made_by}
    )
    raw = raw_rows(made)
    block: Any = [(1, 1, *raw[0]), (2, 2, *raw[1]), (3, None, *[None] * len(raw[0]))]
    for fetch_mode in FETCH_MODES:
        queryset = fetch_mode(owner.objects.select_related("made"))
        rows = assert_as_django(queryset, block)
        if fetch_mode is not unchanged:
            for row in rows[:2]:
                assert [peer() for peer in row.made._state.peers] == [r.made for r in rows[:2]]
    assert djangos_way == []


HARMLESS: dict[str, Callable[[], Any]] = {
    "plain": lambda: model(),
    "mixin": lambda: model(models.Model, type("Mixin", (), {"method": repr})),
    "mixin with slots": lambda: model(models.Model, Slotted),
    "abstract parent": lambda: model(abstract()),
    "own __getattr__": lambda: model(__getattr__=lambda self, name: name),
    "own __eq__": lambda: model(__eq__=lambda self, other: True, __hash__=lambda self: 1),
    "own __bool__": lambda: model(__bool__=lambda self: False),
    "file": lambda: model(name=models.FileField()),
    "image": lambda: model(name=models.ImageField()),
    "property in place of a field": lambda: model_with("name", property(noted_get, noted_set)),
    "descriptor of a key": lambda: model_with("other_id", property(noted_get, noted_set)),
    "descriptor that only deletes": lambda: model_with("other_id", Curious()),
}


def noted_get(self: Any) -> Any:
    return self.__dict__.get("noted")


def noted_set(self: Any, value: Any) -> None:
    state = self._state
    self.__dict__["noted"] = (value, dict(vars(state)), state.adding, state.db, list(vars(self)))


class Curious:
    """Keeps what it is given among the fields_cache, which is there from then on."""

    def __get__(self, instance: Any, owner: Any) -> Any:
        return self

    def __set__(self, instance: Any, value: Any) -> None:
        instance._state.fields_cache["curious"] = value

    def __delete__(self, instance: Any) -> None:
        pass


def model_with(name: str, descriptor: Any) -> Any:
    made = model()
    setattr(made, name, descriptor)
    return made


@pytest.mark.parametrize("name", HARMLESS)
def test_other_models_are_built_here(name: str, djangos_way: list[Block]) -> None:
    made = HARMLESS[name]()
    assert_as_django(made.objects.all())
    assert_as_django(made.objects.only("name"), raw_rows(made, "id", "name"))
    assert_as_django(made.objects.defer("name"), raw_rows(made, "id", "other"))
    raw = raw_rows(made)
    joined: Any = [raw[0] + raw[1], raw[1] + raw[2], raw[2] + (None, None, None)]
    assert_as_django(made.objects.select_related("other"), joined)
    assert_as_django(made.objects.annotate(more=F("pk")), [(*row, "m") for row in raw])
    assert djangos_way == []


def test_a_descriptor_that_raises_raises() -> None:
    made = model_with("name", property(noted_get))
    compiler = compile_select(made.objects.all(), connection).compiler
    with pytest.raises(AttributeError, match="no setter"):
        hydrator(made.objects.all(), compiler)(raw_rows(made))


@pytest.mark.parametrize("signal", [pre_init, post_init])
@pytest.mark.parametrize("of_one_model", [True, False])
def test_receivers_are_asked_for_when_the_walk_starts(
    signal: Any, of_one_model: bool, djangos_way: list[Block]
) -> None:
    made = model()
    assert_as_django(made.objects.all())
    assert djangos_way == []
    received: list[Any] = []

    def receiver(**kwargs: Any) -> None:
        received.append(kwargs)

    signal.connect(receiver, sender=made if of_one_model else None)
    try:
        assert_as_django(made.objects.all())
    finally:
        signal.disconnect(receiver, sender=made if of_one_model else None)
    assert len(djangos_way) == 1
    assert len(received) == 2 * len(VALUES)
    assert_as_django(made.objects.all())
    assert len(djangos_way) == 1


def test_model_init_that_is_patched(
    monkeypatch: pytest.MonkeyPatch, djangos_way: list[Block]
) -> None:
    made = model()
    original = models.Model.__init__

    def patched(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.patched = True

    monkeypatch.setattr(models.Model, "__init__", patched)
    assert all(row.patched for row in assert_as_django(made.objects.all()))
    assert len(djangos_way) == 1


@pytest.mark.parametrize("columns", [28, 29, 30, 31, 45])
def test_many_columns(columns: int, djangos_way: list[Block]) -> None:
    made = model(**{f"f{n}": models.IntegerField() for n in range(columns - 3)})
    names = [field.attname for field in made._meta.concrete_fields]
    block: Any = [tuple(range(columns)), tuple(None if n == "other_id" else 1 for n in names)]
    rows = assert_as_django(made.objects.all(), block)
    assert_as_django(made.objects.annotate(more=F("pk")), [(*row, 7) for row in block])
    assert_as_django(made.objects.select_related("other"), [row + row for row in block[:1]])
    rows[0].f1 = "set"
    assert rows[1].f1 != "set"
    assert djangos_way == []


def test_an_annotation_that_is_a_property(djangos_way: list[Block]) -> None:
    made = model_with("noted_value", property(noted_get, noted_set))
    queryset = made.objects.annotate(noted_value=F("pk"), more=F("pk"))
    assert_as_django(queryset, [(*row, "m", "n") for row in raw_rows(made)])
    assert djangos_way == []


class EmptyAsNone(models.CharField):
    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return value or None


def test_a_foreign_key_that_is_converted(djangos_way: list[Block]) -> None:
    made = model(id=EmptyAsNone(primary_key=True))
    raw: Any = [("a", "b", "one"), ("c", "", "two"), ("d", None, None)]
    rows = assert_as_django(made.objects.all(), raw)
    assert ["fields_cache" in vars(row._state) for row in rows] == [True, False, False]
    joined: Any = [raw[0] + raw[1], raw[1] + ("", None, None)]
    rows = assert_as_django(made.objects.select_related("other"), joined)
    assert rows[1].other is None
    assert djangos_way == []
