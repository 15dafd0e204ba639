"""How Django turns raw rows into rows, where its documentation makes no promise.

Each part names the Django versions that it was checked against.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from django.db.models import Model, QuerySet
from django.db.models.base import ModelState as ModelState
from django.db.models.expressions import ColPairs
from django.db.models.fields.mixins import FieldCacheMixin
from django.db.models.query import FlatValuesListIterable as FlatValuesListIterable
from django.db.models.query import ModelIterable as ModelIterable
from django.db.models.query import NamedValuesListIterable as NamedValuesListIterable
from django.db.models.query import ValuesIterable as ValuesIterable
from django.db.models.query import ValuesListIterable as ValuesListIterable
from django.db.models.sql.compiler import SQLCompiler as SQLCompiler
from django.db.models.utils import create_namedtuple_class


# Django 5.2, 6.0, 6.1: the class that values() and the like set, and iterator() instantiates.
def iterable_class_of(queryset: QuerySet[Any, Any]) -> type[Any]:
    """Return the class that turns the results of `queryset` into rows."""
    return queryset._iterable_class


# Django 5.2, 6.0: none. Django 6.1: each instance's _state.fetch_mode.
def fetch_mode_of(queryset: QuerySet[Any, Any]) -> Any:
    """Return how the rows load deferred fields and relations; None before Django 6.1."""
    return getattr(queryset, "_fetch_mode", None)


# Django 5.2, 6.0, 6.1: Model.__init__() sets no attribute for a value that is DEFERRED.
def is_django_converter(function: Any) -> bool:
    """Return whether a converter is one of Django's own, which never return DEFERRED."""
    return str(getattr(function, "__module__", None) or "").startswith("django.")


# Django 5.2, 6.0, 6.1: results_iter() passes raw rows through these methods alone. A query
# that cannot have rows was not compiled, and has no `select`.
def uses_stock_compiler(compiler: SQLCompiler) -> bool:
    """Return whether the compiler converts its raw rows, if any, by Django's own methods."""
    return bool(compiler.select) and all(
        getattr(type(compiler), name) is getattr(SQLCompiler, name)
        for name in ("results_iter", "apply_converters", "composite_fields_to_tuples")
    )


# Django 5.2, 6.0, 6.1: compiler.select holds (expression, (sql, params), alias).
def selected(compiler: SQLCompiler) -> list[Any]:
    """Return the selected expressions. A composite one spans several columns of a raw row."""
    return [column for column, *_ in compiler.select or ()]


# Django 5.2, 6.0, 6.1: results_iter() folds the columns of a ColPairs into one tuple.
def composite_width(expression: Any) -> int | None:
    """Return how many columns a composite expression spans; None for any other."""
    return len(expression) if isinstance(expression, ColPairs) else None


# Django 5.2, 6.0, 6.1: {column of the raw row: (functions, expression)}; each function is
# called with the value, the expression and the compiler's connection.
def converters_of(compiler: SQLCompiler) -> dict[int, tuple[list[Any], Any]]:
    """Return the converters of each column of a raw row that has any."""
    return dict(compiler.get_converters(selected(compiler)))


class LoadedModel(NamedTuple):
    """A model in the tree of select_related(), and its loaded columns."""

    model: type[Model]
    indexes: list[int]
    """The indexes of its columns among the selected ones, in the order of its fields."""
    names: list[str]
    key: int
    """The index of the selected column that is NULL when there is no such instance."""
    related: list[RelatedModel]
    is_reordered: bool
    """Whether Django picks its columns one by one, not as a slice."""


class RelatedModel(NamedTuple):
    """A model that was joined to another, and the functions that store each on the other."""

    loaded: LoadedModel
    set_local: Callable[[Any, Any], None]
    set_remote: Callable[[Any, Any], None] | None
    """None where the related instance stores no reference to its owner."""


# Django 5.2, 6.0, 6.1: without klass_info, the rows are values.
def is_of_models(compiler: SQLCompiler) -> bool:
    """Return whether a compiled query loads instances."""
    return compiler.klass_info is not None


# Django 5.2, 6.0, 6.1: klass_info, as ModelIterable and RelatedPopulator read it.
def loaded_model(compiler: SQLCompiler) -> LoadedModel:
    """Return the model whose instances a compiled query loads, with those related to it."""
    return _loaded(compiler.klass_info, selected(compiler))


def _loaded(klass_info: Any, columns: list[Any]) -> LoadedModel:
    model = klass_info["model"]
    indexes = klass_info["select_fields"]
    if klass_info.get("from_parent", False):
        places = {columns[index].target.attname: index for index in indexes}
        attnames = [field.attname for field in model._meta.concrete_fields]
        indexes = [places[attname] for attname in attnames if attname in places]
    else:
        indexes = list(range(indexes[0], indexes[-1] + 1))
    names = [columns[index].target.attname for index in indexes]
    key = indexes[0]
    if "from_parent" in klass_info:
        key = indexes[names.index(model._meta.pk_fields[0].attname)]
    related = [_related(info, columns) for info in klass_info.get("related_klass_infos", [])]
    return LoadedModel(model, indexes, names, key, related, bool(klass_info.get("from_parent")))


# Django 5.2, 6.0, 6.1: an instance that many others may refer to stores none of them: its
# remote_setter does nothing.
def _related(klass_info: dict[str, Any], columns: list[Any]) -> RelatedModel:
    is_shared = not klass_info["reverse"] and not klass_info["field"].unique
    remote = None if is_shared else klass_info["remote_setter"]
    return RelatedModel(_loaded(klass_info, columns), klass_info["local_setter"], remote)


# Django 5.2, 6.0, 6.1: from_db() follows concrete_fields where some are deferred, else the
# order of the values.
def in_order_of_fields(model: type[Model], names: list[str]) -> bool:
    """Return whether from_db() gives each value to the field of that name."""
    return names == [f.attname for f in model._meta.concrete_fields if f.attname in names]


# Django 5.2, 6.0, 6.1: local_setter and remote_setter of a klass_info are mostly
# set_cached_value() of a field or of its reverse side, which sets one key.
def cache_name_of(setter: Any) -> str | None:
    """Return the key that `setter` sets in a fields_cache; None if it may do anything else."""
    if getattr(setter, "__func__", None) is not FieldCacheMixin.set_cached_value:
        return None
    name = setter.__self__.cache_name
    return name if isinstance(name, str) else None


# Django 5.2, 6.0, 6.1: as in ValuesIterable and NamedValuesListIterable.
def names_of(queryset: Any, compiler: SQLCompiler, *, named: bool) -> list[str]:
    """Return the names of the selected columns of a values() or a named values_list()."""
    query = compiler.query
    if named and queryset._fields:
        return list(queryset._fields)
    if not named and query.selected:
        return list(query.selected)
    return [*query.extra_select, *query.values_select, *query.annotation_select]


# Django 5.2, 6.0, 6.1: cached; unlike those of namedtuple(), its instances can be pickled.
def named_tuple(names: list[str]) -> type[tuple[Any, ...]]:
    """Return the class of the rows of a named values_list()."""
    kind: type[tuple[Any, ...]] = create_namedtuple_class(*names)
    return kind


# Django 5.2, 6.0, 6.1: {name: index among the selected expressions}, None without any.
def annotations_of(compiler: SQLCompiler) -> dict[str, int]:
    """Return the annotations that become attributes of an instance, in Django's order."""
    return compiler.annotation_col_map or {}


# Django 6.1: FETCH_PEERS keeps a list of peers on each instance; 5.2 and 6.0 have no modes.
def tracks_peers(queryset: QuerySet[Any, Any]) -> bool:
    """Return whether the rows of `queryset` fetch deferred values for each other."""
    mode = fetch_mode_of(queryset)
    return mode is not None and bool(mode.track_peers)
