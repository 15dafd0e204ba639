"""How Django turns raw rows into rows, as each supported version has it."""

from __future__ import annotations

from typing import Any

import django
import pytest
from django.db import connection, models
from django.db.models import base, query
from django.db.models.fields import files, mixins, related_descriptors
from django.db.models.query_utils import DeferredAttribute
from django.db.models.sql.compiler import SQLCompiler

from chunkqs.django_internals.compiler import compile_select
from chunkqs.django_internals.instance_construction import Assignment, assignment_of, is_plain
from chunkqs.django_internals.row_loading import annotations_of, cache_name_of
from tests.support.digests import digest, watched
from tests.support.models import (
    Article,
    Composite,
    Event,
    Every,
    Picture,
    Profile,
    Restaurant,
    User,
)

PARTS = {
    "Model.__init__": watched(models.Model.__init__, "e3dde98d"),
    "Model.from_db": watched(models.Model.from_db, "f7cda597", since_6_1="f178303a"),
    "ModelState": watched(base.ModelState, "e985b4e8", since_6_1="cd144fbb"),
    "ModelStateFieldsCacheDescriptor": watched(base.ModelStateFieldsCacheDescriptor, "31027dc1"),
    "ModelIterable": watched(query.ModelIterable, "50dd6c22", since_6_1="ce902fcd"),
    "ValuesIterable": watched(query.ValuesIterable, "5a4d6f7f"),
    "ValuesListIterable": watched(query.ValuesListIterable, "3063791f"),
    "NamedValuesListIterable": watched(query.NamedValuesListIterable, "73e23652"),
    "FlatValuesListIterable": watched(query.FlatValuesListIterable, "96f0095c"),
    "RelatedPopulator": watched(query.RelatedPopulator, "136d7127", since_6_1="cade7a25"),
    "FieldCacheMixin.set_cached_value": watched(
        mixins.FieldCacheMixin.set_cached_value, "07ccce32"
    ),
    "FieldCacheMixin.is_cached": watched(mixins.FieldCacheMixin.is_cached, "cc870d8e"),
    "ForeignKeyDeferredAttribute": watched(
        related_descriptors.ForeignKeyDeferredAttribute, "5d02bd67"
    ),
    "FileDescriptor.__set__": watched(files.FileDescriptor.__set__, "bb0eb919"),
    "ImageFileDescriptor": watched(files.ImageFileDescriptor, "36530d6a"),
    "SQLCompiler.results_iter": watched(SQLCompiler.results_iter, "42c54979"),
    "SQLCompiler.get_converters": watched(SQLCompiler.get_converters, "6b6284e1"),
    "SQLCompiler.apply_converters": watched(SQLCompiler.apply_converters, "bdce6339"),
    "SQLCompiler.composite_fields_to_tuples": watched(
        SQLCompiler.composite_fields_to_tuples, "dabff077"
    ),
    "SQLCompiler.get_related_selections": watched(SQLCompiler.get_related_selections, "bfe11c2f"),
}


@pytest.mark.parametrize("name", PARTS)
def test_code_is_that_which_was_read(name: str) -> None:
    assert (name, digest(PARTS[name].part)) == (name, PARTS[name].expected)


class Recorder(models.Model):
    id = models.BigIntegerField(primary_key=True)
    user = models.ForeignKey(User, models.CASCADE)
    name = models.CharField(max_length=10)

    class Meta:
        app_label = "elsewhere"

    def __setattr__(self, name: str, value: Any) -> None:
        self.__dict__.setdefault("names_set", []).append(name)
        super().__setattr__(name, value)


@pytest.mark.parametrize("names", [["id", "user_id", "name"], ["id", "name"]])
def test_from_db_sets_these_attributes_in_this_order(names: list[str]) -> None:
    recorded: Any = Recorder.from_db("default", names, range(len(names)))
    assert recorded.names_set == ["_state", *names]


def test_state_of_a_fresh_instance() -> None:
    assert base.ModelState.__init__ is object.__init__
    assert base.ModelState.__new__ is object.__new__
    assert vars(base.ModelState()) == {}
    names = {name for name in vars(base.ModelState) if not name.startswith("__")}
    newer = {"fetch_mode", "peers"} if django.VERSION >= (6, 1) else set()
    assert names == {"db", "adding", "fields_cache"} | newer
    event = Event.from_db("default", ["id", "kind"], [1, "x"])
    assert vars(event._state) == {"adding": False, "db": "default"}
    event = Event.from_db("default", ["id", "user_id"], [1, 2])
    assert list(vars(event._state).items())[0] == ("fields_cache", {})


@pytest.mark.parametrize(
    ("model", "name", "assignment"),
    [
        (Event, "kind", Assignment.PLAIN),
        (Event, "no_such_name", Assignment.PLAIN),
        (Event, "user_id", Assignment.RELATION),
        (Event, "user", Assignment.OWN),
        (Profile, "user_id", Assignment.RELATION),
        (Restaurant, "place_ptr_id", Assignment.RELATION),
        (Restaurant, "name", Assignment.PLAIN),
        (Picture, "attachment", Assignment.FILE),
        (Picture, "image", Assignment.FILE),
        (Composite, "pk", Assignment.OWN),
        (Composite, "tenant", Assignment.PLAIN),
    ],
)
def test_what_setting_an_attribute_comes_to(model: Any, name: str, assignment: Assignment) -> None:
    assert assignment_of(model, name) is assignment


def test_all_of_djangos_columns_are_set_in_a_known_way() -> None:
    kinds = {field.descriptor_class for field in all_subclasses(models.Field)}
    data = {kind for kind in kinds if hasattr(kind, "__set__")}
    data = {kind for kind in data if kind.__module__.startswith("django.db.")}
    assert DeferredAttribute not in data
    assert {kind.__name__ for kind in data} == {
        "CompositeAttribute",
        "FileDescriptor",
        "ForeignKeyDeferredAttribute",
        "ImageFileDescriptor",
    }


def all_subclasses(kind: type[Any]) -> set[type[Any]]:
    found = set(kind.__subclasses__())
    return found.union(*(all_subclasses(child) for child in found))


def test_plain_models_are_found_plain() -> None:
    assert is_plain(Event)
    assert is_plain(Restaurant)
    assert is_plain(Every)
    assert not is_plain(Picture)
    assert not is_plain(Recorder)


def test_klass_info() -> None:
    queryset = Article.objects.select_related("author").annotate(more=models.F("pk"))
    compiler: Any = compile_select(queryset, connection).compiler
    info = compiler.klass_info
    assert info.keys() == {"model", "select_fields", "related_klass_infos"}
    assert info["model"] is Article
    assert info["select_fields"] == [0, 1, 2, 3, 4]
    assert annotations_of(compiler) == {"more": 5}
    (author,) = info["related_klass_infos"]
    assert author.keys() == {
        "field",
        "from_parent",
        "local_setter",
        "model",
        "related_klass_infos",
        "remote_setter",
        "reverse",
        "select_fields",
    }
    assert author["select_fields"] == [6, 7]
    assert cache_name_of(author["local_setter"]) == "author"
    assert cache_name_of(author["remote_setter"]) is None
    assert author["remote_setter"](object(), object()) is None


def test_klass_info_from_both_sides_of_a_one_to_one() -> None:
    for queryset, names in (
        (User.objects.select_related("profile"), ("profile", "user")),
        (Profile.objects.select_related("user"), ("user", "profile")),
    ):
        compiler: Any = compile_select(queryset, connection).compiler
        (info,) = compiler.klass_info["related_klass_infos"]
        setters = info["local_setter"], info["remote_setter"]
        assert tuple(map(cache_name_of, setters)) == names


def test_compilers_are_stock() -> None:
    kind = type(Event.objects.all().query.get_compiler("default"))
    for name in ("results_iter", "apply_converters", "composite_fields_to_tuples"):
        assert getattr(kind, name) is getattr(SQLCompiler, name)


def test_fetch_mode_of_a_queryset() -> None:
    assert hasattr(Event.objects.all(), "_fetch_mode") is (django.VERSION >= (6, 1))
