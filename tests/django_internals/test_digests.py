"""The private parts of Django that chunkqs leans on, as each supported version has them.

A digest that differs says that Django has changed the code: read the change, see
whether `chunkqs.internals` and `chunkqs.row_internals` still do the same, and note
the new digest here.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import io
import textwrap
import tokenize
from pathlib import Path
from typing import Any

import django
import pytest
from django.db import connection, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import base, query
from django.db.models.expressions import ColPairs
from django.db.models.fields import files, mixins, related_descriptors
from django.db.models.query_utils import DeferredAttribute
from django.db.models.sql.compiler import SQLCompiler

from chunkqs.django_internals.compiler import compile_select
from chunkqs.django_internals.models import (
    Assignment,
    annotations_of,
    assignment_of,
    cache_name_of,
    is_plain,
)
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

LEFT_OUT = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)


def digest(part: Any) -> str:
    """Digest the source code of `part`, or a source code, without comments and layout."""
    source = part if isinstance(part, str) else textwrap.dedent(inspect.getsource(part))
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    code = "".join(token.string for token in tokens if token.type not in LEFT_OUT)
    return hashlib.sha256("".join(code.split()).encode()).hexdigest()[:8]


WRAPPER: Any = BaseDatabaseWrapper
PARTS: dict[str, Any] = {
    "Model.__init__": models.Model.__init__,
    "Model.from_db": models.Model.from_db,
    "ModelState": base.ModelState,
    "ModelStateFieldsCacheDescriptor": base.ModelStateFieldsCacheDescriptor,
    "ModelIterable": query.ModelIterable,
    "ValuesIterable": query.ValuesIterable,
    "ValuesListIterable": query.ValuesListIterable,
    "NamedValuesListIterable": query.NamedValuesListIterable,
    "FlatValuesListIterable": query.FlatValuesListIterable,
    "RelatedPopulator": query.RelatedPopulator,
    "FieldCacheMixin.set_cached_value": mixins.FieldCacheMixin.set_cached_value,
    "FieldCacheMixin.is_cached": mixins.FieldCacheMixin.is_cached,
    "ForeignKeyDeferredAttribute": related_descriptors.ForeignKeyDeferredAttribute,
    "ForwardManyToOneDescriptor.__set__": related_descriptors.ForwardManyToOneDescriptor.__set__,
    "FileDescriptor.__set__": files.FileDescriptor.__set__,
    "ImageFileDescriptor": files.ImageFileDescriptor,
    "SQLCompiler.results_iter": SQLCompiler.results_iter,
    "SQLCompiler.get_converters": SQLCompiler.get_converters,
    "SQLCompiler.apply_converters": SQLCompiler.apply_converters,
    "SQLCompiler.composite_fields_to_tuples": SQLCompiler.composite_fields_to_tuples,
    "SQLCompiler.get_related_selections": SQLCompiler.get_related_selections,
    "SQLCompiler._order_by_pairs": SQLCompiler._order_by_pairs,
    "BaseDatabaseWrapper._cursor": WRAPPER._cursor,
    "BaseDatabaseWrapper._close": WRAPPER._close,
}
DIGESTS_5_2 = {
    "Model.__init__": "e3dde98d",
    "Model.from_db": "f7cda597",
    "ModelState": "e985b4e8",
    "ModelStateFieldsCacheDescriptor": "31027dc1",
    "ModelIterable": "50dd6c22",
    "ValuesIterable": "5a4d6f7f",
    "ValuesListIterable": "3063791f",
    "NamedValuesListIterable": "73e23652",
    "FlatValuesListIterable": "96f0095c",
    "RelatedPopulator": "136d7127",
    "FieldCacheMixin.set_cached_value": "07ccce32",
    "FieldCacheMixin.is_cached": "cc870d8e",
    "ForeignKeyDeferredAttribute": "5d02bd67",
    "ForwardManyToOneDescriptor.__set__": "bb240257",
    "FileDescriptor.__set__": "bb0eb919",
    "ImageFileDescriptor": "36530d6a",
    "SQLCompiler.results_iter": "42c54979",
    "SQLCompiler.get_converters": "6b6284e1",
    "SQLCompiler.apply_converters": "bdce6339",
    "SQLCompiler.composite_fields_to_tuples": "dabff077",
    "SQLCompiler.get_related_selections": "bfe11c2f",
    "SQLCompiler._order_by_pairs": "1036d2c8",
    "BaseDatabaseWrapper._cursor": "523f4a41",
    "BaseDatabaseWrapper._close": "05c9410a",
}
DIGESTS_6_1 = {
    **DIGESTS_5_2,
    "Model.from_db": "f178303a",
    "ModelState": "cd144fbb",
    "ModelIterable": "ce902fcd",
    "RelatedPopulator": "cade7a25",
    "SQLCompiler._order_by_pairs": "48d874c9",
}
DIGESTS = {(5, 2): DIGESTS_5_2, (6, 0): DIGESTS_5_2, (6, 1): DIGESTS_6_1}


@pytest.mark.parametrize("name", PARTS)
def test_code_is_that_which_was_read(name: str) -> None:
    expected = DIGESTS[django.VERSION[:2]]
    assert (name, digest(PARTS[name])) == (name, expected[name])


def test_djangos_loader_of_timestamps_is_that_which_was_read() -> None:
    """It is in a module that is there for psycopg 3 alone."""
    postgresql = Path(django.__file__).parent / "db" / "backends" / "postgresql"
    source = (postgresql / "psycopg_any.py").read_text()
    classes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef)]
    (loader,) = [node for node in classes if node.name == "BaseTzLoader"]
    segment = ast.get_source_segment(source, loader, padded=True)
    assert segment is not None
    digests = {(5, 2): "d8f55eb4", (6, 0): "3080e0d5", (6, 1): "9bf6961e"}
    assert digest(textwrap.dedent(segment)) == digests[django.VERSION[:2]]


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


def test_composite_columns_of_a_select() -> None:
    compiler: Any = compile_select(Composite.objects.values_list("pk", "name"), connection).compiler
    columns = [column for column, _, _ in compiler.select]
    assert isinstance(columns[0], ColPairs)
    assert len(columns[0]) == 2
    assert compiler.has_composite_fields(columns)
    assert compiler.col_count == len(columns) == 2


def test_compilers_read_as_djangos() -> None:
    kind = type(Event.objects.all().query.get_compiler("default"))
    for name in ("results_iter", "apply_converters", "composite_fields_to_tuples"):
        assert getattr(kind, name) is getattr(SQLCompiler, name)


def test_fetch_mode_of_a_queryset() -> None:
    assert hasattr(Event.objects.all(), "_fetch_mode") is (django.VERSION >= (6, 1))
