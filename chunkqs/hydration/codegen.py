"""Write the functions that hydrate a whole block at a time.

A generated constructor does what Model.from_db() and Django's iterables do, in the same
order, minus the steps that make no difference for these models. For a model with a
foreign key, and an annotation `total`:

    def hydrate(block):
        rows = []
        append = rows.append
        for c0, c1, c2, in block:
            x0 = new(model0)
            d0 = x0.__dict__
            d0['_state'] = s0 = new(ModelState)
            d0['id'] = c0
            d0['user_id'] = c1
            if c1 is not None:
                f0 = s0.fields_cache = {}
                s0.adding = False
                s0.db = db
            else:
                s0.adding = False
                s0.db = db
            d0['total'] = c2
            append(x0)
        return rows
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from types import CodeType, FunctionType
from typing import Any
from weakref import finalize, ref

from django.db.models import DEFERRED

from ..django_internals.compiler import Block
from ..django_internals.instance_construction import Assignment, from_db_of
from ..django_internals.relations import KnownRelation
from ..django_internals.row_loading import ModelState
from .converted_columns import SelectedColumns
from .instances import Attribute, InstancePlan, Relation

Hydrate = Callable[[Block], list[Any]]
Lines = list[str]

#: CPython shares the dictionary keys of up to this many attributes between instances of a
#: class. Above it, copying a dictionary that has the keys is faster and takes half the memory.
SHARED_KEYS = 30

numbers = count(1)


@lru_cache(maxsize=512)
def compiled_code(source: str, name: str) -> CodeType:
    """Compile the function that `source` defines. A traceback through it shows its lines.

    The code refers to no model. What it needs comes from the function's namespace.
    """
    filename = f"<chunkqs {name} {next(numbers)}>"
    module = compile(source, filename, "exec")
    (code,) = (const for const in module.co_consts if isinstance(const, CodeType))
    lines = source.splitlines(keepends=True)
    linecache.cache[filename] = (len(source), None, lines, filename)
    finalize(code, linecache.cache.pop, filename, None).atexit = False
    return code


def function(lines: Lines, name: str, namespace: dict[str, Any]) -> Hydrate:
    """Return the function that `lines` define. It is in no reference cycle."""
    return FunctionType(compiled_code("\n".join(lines), name), dict(namespace))


def by_width(generate: Callable[[int], Hydrate]) -> Hydrate:
    """Return a function that generates its code once it sees how wide the raw rows are."""
    generated: dict[int, Hydrate] = {}

    def hydrate(block: Block) -> list[Any]:
        if not block:
            return []
        width = len(block[0])
        if width not in generated:
            generated[width] = generate(width)
        return generated[width](block)

    return hydrate


@dataclass
class Constructor:
    """Writes the code for an instance and those that select_related() attaches to it."""

    columns: SelectedColumns
    instance: InstancePlan
    annotations: Sequence[Attribute]
    known: Sequence[KnownRelation]
    db: str
    fetch_mode: Any

    def generate(self, width: int) -> Hydrate:
        """Return the function for raw rows of `width` columns."""
        return function(self.source(width), self.instance.model._meta.label, self.namespace())

    def source(self, width: int) -> Lines:
        """Return the function's code."""
        body = [
            *(f"ready{n} = {{}}; get{n} = ready{n}.get" for n in self._quick_links()),
            "rows = []",
            "append = rows.append",
            f"for {self.columns.unpacking(width)} in block:",
            *indented(self._row()),
            "return rows",
        ]
        if self._tracks_peers:
            body = [*(f"peers{i.number} = []" for i in self.instance), *body]
        return ["def hydrate(block):", *indented(body)]

    def namespace(self) -> dict[str, Any]:
        """Return what the code refers to."""
        names = {
            **self.columns.namespace,
            "new": object.__new__,
            "DEFERRED": DEFERRED,
            "ModelState": ModelState,
            "ref": ref,
            "db": self.db,
            "fetch_mode": self.fetch_mode,
        }
        for instance in self.instance:
            names |= self._names_of(instance)
        return names | {f"link{n}": relation.link for n, relation in enumerate(self.known)}

    def _names_of(self, instance: InstancePlan) -> dict[str, Any]:
        attnames = [attribute.name for attribute in instance.attributes]
        names: dict[str, Any] = {f"model{instance.number}": instance.model}
        if not instance.is_plain:
            from_db = from_db_of(instance.model, self.db, attnames, self.fetch_mode)
            names[f"from_db{instance.number}"] = from_db
        if is_wide(instance):
            names[f"copy{instance.number}"] = dict.fromkeys(["_state", *attnames]).copy
        for relation in instance.relations:
            names[f"local{relation.instance.number}"] = relation.local.function
            names[f"remote{relation.instance.number}"] = relation.remote.function
        return names

    @property
    def _tracks_peers(self) -> bool:
        return self.fetch_mode is not None and bool(self.fetch_mode.track_peers)

    def _row(self) -> Lines:
        return [
            *self.columns.conversions(),
            *self._build(self.instance, needs_cache=bool(self._quick_links())),
            *self._relations(self.instance),
            *(self._annotation(attribute) for attribute in self.annotations),
            *(line for number in range(len(self.known)) for line in self._link(number)),
            "append(x0)",
        ]

    def _build(self, instance: InstancePlan, *, needs_cache: bool) -> Lines:
        if not instance.is_plain:
            return self._from_db(instance)
        n = instance.number
        return [
            f"x{n} = new(model{n})",
            f"x{n}.__dict__ = d{n} = copy{n}()" if is_wide(instance) else f"d{n} = x{n}.__dict__",
            f"d{n}['_state'] = s{n} = new(ModelState)",
            *(assign(instance, attribute) for attribute in instance.attributes),
            *self._state(instance, needs_cache or instance.keeps_related),
        ]

    def _from_db(self, instance: InstancePlan) -> Lines:
        n = instance.number
        values = ", ".join(attribute.value for attribute in instance.attributes)
        # from_db() gets the type that Django gives it: a slice of the raw row, or of the list
        # that conversion makes of it.
        is_tuple = self.columns.are_raw or (instance.is_reordered and len(instance.attributes) > 1)
        row = f"({values},)" if is_tuple else f"[{values}]"
        lines = [f"x{n} = from_db{n}({row})"]
        if self._tracks_peers:
            lines += [f"peers{n}.append(ref(x{n}))", f"x{n}._state.peers = peers{n}"]
        return lines

    def _state(self, instance: InstancePlan, needs_cache: bool) -> Lines:
        n = instance.number
        state = [f"s{n}.adding = False", f"s{n}.db = db"]
        if self.fetch_mode is not None:
            state.append(f"s{n}.fetch_mode = fetch_mode")
        if self._tracks_peers:
            state += [f"peers{n}.append(ref(x{n}))", f"s{n}.peers = peers{n}"]
        if not instance.is_direct:
            return state + ([f"f{n} = s{n}.fields_cache"] if needs_cache else [])
        new_cache = f"f{n} = s{n}.fields_cache = {{}}"
        late = [*state, new_cache] if needs_cache else state
        if not (tests := instance.cache_tests):
            return late
        test = f"if {' or '.join(tests)}:"
        return [test, *indented([new_cache, *state]), "else:", *indented(late)]

    def _relations(self, owner: InstancePlan) -> Lines:
        return [line for relation in owner.relations for line in self._relation(owner, relation)]

    def _relation(self, owner: InstancePlan, relation: Relation) -> Lines:
        other = relation.instance
        needs_cache = relation.remote.cache_name is not None
        present = [
            *self._build(other, needs_cache=needs_cache),
            *self._relations(other),
            *set_local(owner, relation),
            *set_remote(owner, relation),
        ]
        absent = [f"x{other.number} = None", *set_local(owner, relation)]
        return [f"if {other.key} is None:", *indented(absent), "else:", *indented(present)]

    def _annotation(self, attribute: Attribute) -> str:
        if self.instance.is_plain and attribute.assignment is Assignment.PLAIN:
            return f"d0[{attribute.name!r}] = {attribute.value}"
        return f"setattr(x0, {attribute.name!r}, {attribute.value})"

    def _link(self, number: int) -> Lines:
        if number not in (quick := self._quick_links()):
            return [f"link{number}(x0)"]
        known, key = self.known[number], quick[number]
        return [
            f"pair = get{number}({key})",
            "if pair is None:",
            f"    link{number}(x0, ready{number})",
            "else:",
            f"    f0[{known.cache_name!r}], d0[{known.attnames[0]!r}] = pair",
        ]

    def _quick_links(self) -> dict[int, str]:
        """Return the known relations that need only two assignments, with the name of their key."""
        if not self.instance.is_direct or self.instance.has_own_setters:
            return {}
        if any(attribute.assignment is not Assignment.PLAIN for attribute in self.annotations):
            return {}
        values = {attribute.name: attribute.value for attribute in self.instance.attributes}
        taken = {relation.local.cache_name for relation in self.instance.relations} | {None}
        return {
            number: values[known.attnames[0]]
            for number, known in enumerate(self.known)
            if known.cache_name not in taken and known.attnames[0] in values
        }


def indented(lines: Lines) -> Lines:
    """Return the lines indented by one level."""
    return [f"    {line}" for line in lines]


def is_wide(instance: InstancePlan) -> bool:
    """Return whether the instance has too many attributes for CPython to share their keys."""
    return instance.is_direct and len(instance.attributes) >= SHARED_KEYS


def assign(instance: InstancePlan, attribute: Attribute) -> str:
    """Return the statement that sets a loaded column on the instance."""
    n, name, value = instance.number, attribute.name, attribute.value
    if instance.is_direct or attribute.assignment is Assignment.PLAIN:
        code = f"d{n}[{name!r}] = {value}"
    else:
        code = f"setattr(x{n}, {name!r}, {value})"
    return f"if {value} is not DEFERRED: {code}" if attribute.may_be_deferred else code


def set_local(owner: InstancePlan, relation: Relation) -> Lines:
    """Return the code that sets the related instance on its owner."""
    n, m, name = owner.number, relation.instance.number, relation.local.cache_name
    if name is not None and owner.is_plain:
        return [f"f{n}[{name!r}] = x{m}"]
    return [f"local{m}(x{n}, x{m})"]


def set_remote(owner: InstancePlan, relation: Relation) -> Lines:
    """Return the code that sets the owner on the related instance."""
    n, m, name = owner.number, relation.instance.number, relation.remote.cache_name
    if relation.remote.function is None:
        return []
    if name is not None and relation.instance.is_plain:
        return [f"f{m}[{name!r}] = x{n}"]
    return [f"if x{m} is not None:", f"    remote{m}(x{m}, x{n})"]
