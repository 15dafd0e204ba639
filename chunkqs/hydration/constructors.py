"""Writes the function that builds the instances of a whole block.

Its code does what Model.from_db() and Django's iterables do, in their order, less
all that cannot make a difference for these models. For a model with a foreign key,
and an annotation `total`:

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

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import ref

from django.db.models import DEFERRED

from ..django_internals.models import ModelState, Slot, maker
from ..django_internals.relations import Known
from .codegen import Hydrate, function, indented
from .columns import Columns
from .instances import Attribute, Instance, Relation

Lines = list[str]

#: CPython keeps the keys of up to this many attributes once per class. With more, filling a
#: copy of a dictionary that has the keys already is faster, and takes half the memory.
SHARED_KEYS = 30


@dataclass
class Constructor:
    """Writes the code for an instance and those that are hung on it."""

    columns: Columns
    instance: Instance
    annotations: Sequence[Attribute]
    known: Sequence[Known]
    db: str
    fetch_mode: Any

    def make(self, width: int) -> Hydrate:
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

    def _names_of(self, instance: Instance) -> dict[str, Any]:
        attnames = [attribute.name for attribute in instance.attributes]
        names: dict[str, Any] = {f"model{instance.number}": instance.model}
        if not instance.is_plain:
            make = maker(instance.model, self.db, attnames, self.fetch_mode)
            names[f"make{instance.number}"] = make
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

    def _build(self, instance: Instance, *, needs_cache: bool) -> Lines:
        if not instance.is_plain:
            return self._from_db(instance)
        n = instance.number
        return [
            f"x{n} = new(model{n})",
            f"x{n}.__dict__ = d{n} = copy{n}()" if is_wide(instance) else f"d{n} = x{n}.__dict__",
            f"d{n}['_state'] = s{n} = new(ModelState)",
            *(assignment(instance, attribute) for attribute in instance.attributes),
            *self._state(instance, needs_cache or instance.keeps_related),
        ]

    def _from_db(self, instance: Instance) -> Lines:
        n = instance.number
        values = ", ".join(attribute.value for attribute in instance.attributes)
        # Django cuts the values out of the raw row, or of the list that it was converted to.
        is_tuple = self.columns.are_raw or (instance.is_reordered and len(instance.attributes) > 1)
        row = f"({values},)" if is_tuple else f"[{values}]"
        lines = [f"x{n} = make{n}({row})"]
        if self._tracks_peers:
            lines += [f"peers{n}.append(ref(x{n}))", f"x{n}._state.peers = peers{n}"]
        return lines

    def _state(self, instance: Instance, needs_cache: bool) -> Lines:
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

    def _relations(self, owner: Instance) -> Lines:
        return [line for relation in owner.relations for line in self._relation(owner, relation)]

    def _relation(self, owner: Instance, relation: Relation) -> Lines:
        other = relation.instance
        needs_cache = relation.remote.cache_name is not None
        present = [
            *self._build(other, needs_cache=needs_cache),
            *self._relations(other),
            *local(owner, relation),
            *remote(owner, relation),
        ]
        absent = [f"x{other.number} = None", *local(owner, relation)]
        return [f"if {other.key} is None:", *indented(absent), "else:", *indented(present)]

    def _annotation(self, attribute: Attribute) -> str:
        if self.instance.is_plain and attribute.slot is Slot.PLAIN:
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
            f"    f0[{known.cache_name!r}], d0[{known.names[0]!r}] = pair",
        ]

    def _quick_links(self) -> dict[int, str]:
        """Return the known relations that come to two assignments, with the name of their key."""
        if not self.instance.is_direct or self.instance.has_own_setters:
            return {}
        if any(attribute.slot is not Slot.PLAIN for attribute in self.annotations):
            return {}
        values = {attribute.name: attribute.value for attribute in self.instance.attributes}
        taken = {relation.local.cache_name for relation in self.instance.relations} | {None}
        return {
            number: values[known.names[0]]
            for number, known in enumerate(self.known)
            if known.cache_name not in taken and known.names[0] in values
        }


def is_wide(instance: Instance) -> bool:
    """Say whether the instance has too many attributes for keys that are shared."""
    return instance.is_direct and len(instance.attributes) >= SHARED_KEYS


def assignment(instance: Instance, attribute: Attribute) -> str:
    n, name, value = instance.number, attribute.name, attribute.value
    if instance.is_direct or attribute.slot is Slot.PLAIN:
        code = f"d{n}[{name!r}] = {value}"
    else:
        code = f"setattr(x{n}, {name!r}, {value})"
    return f"if {value} is not DEFERRED: {code}" if attribute.may_be_deferred else code


def local(owner: Instance, relation: Relation) -> Lines:
    """Let the owner of a relation know of its instance."""
    n, m, name = owner.number, relation.instance.number, relation.local.cache_name
    if name is not None and owner.is_plain:
        return [f"f{n}[{name!r}] = x{m}"]
    return [f"local{m}(x{n}, x{m})"]


def remote(owner: Instance, relation: Relation) -> Lines:
    """Let the instance of a relation know of its owner."""
    n, m, name = owner.number, relation.instance.number, relation.remote.cache_name
    if relation.remote.function is None:
        return []
    if name is not None and relation.instance.is_plain:
        return [f"f{m}[{name!r}] = x{n}"]
    return [f"if x{m} is not None:", f"    remote{m}(x{m}, x{n})"]
