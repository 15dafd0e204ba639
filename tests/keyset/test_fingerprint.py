"""Tokens go by what an order means: not by this process, a module's path or a text of SQL."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from django.db import connections, models
from django.db.models import Case, Exists, F, OuterRef, Q, Subquery, When
from django.db.models.expressions import Func
from django.db.models.lookups import Exact
from django.db.models.sql import Query
from django.test.utils import register_lookup

from chunkqs import KeysetError, keyset_iter
from chunkqs.keyset.keyset import keyset_of
from tests.support.models import Event, Owner, Ranked

SCRIPT = """
import django
django.setup()
from chunkqs.keyset.keyset import keyset_of
from tests.keyset.test_fingerprint import by_sets
print(keyset_of(by_sets()).signature)
"""


def by_sets() -> Any:
    names = {f"name {n}" for n in range(20)}
    chosen = Case(
        When(name__in=names, then=0), When(Q(text__in=frozenset(names)), then=1), default=2
    )
    inner = Owner.objects.filter(name__in=names, pk=OuterRef("owner")).values("rank")
    return Ranked.objects.order_by(chosen, Subquery(inner[:1]), Exists(inner))


def signature(*order: Any) -> str:
    return keyset_of(Ranked.objects.order_by(*order)).signature


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_a_set_has_one_fingerprint_in_every_process(seed: str) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": seed, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == keyset_of(by_sets()).signature


def test_a_class_may_move_to_another_module() -> None:
    def shout(module: str, function: str = "UPPER") -> Any:
        names = {"__module__": module, "function": function}
        return type("Shout", (Func,), names)(F("text"), output_field=models.TextField())

    assert signature(shout("app.functions")) == signature(shout("app.database.functions"))
    assert signature(shout("app.functions")) != signature(shout("app.functions", "LOWER"))
    assert "django.db" not in signature(shout("app.functions"))


def test_no_text_of_sql_is_part_of_a_fingerprint() -> None:
    assert "SELECT" not in keyset_of(by_sets()).signature


def test_subqueries_that_ask_for_others_are_other_orders() -> None:
    owners = Owner.objects.filter(pk=OuterRef("owner"))
    subqueries = [
        owners.values("rank")[:1],
        owners.values("name")[:1],
        owners.values("rank")[1:2],
        owners.order_by("name").values("rank")[:1],
        owners.order_by("-name").values("rank")[:1],
        owners.order_by("name").reverse().values("rank")[:1],
        owners.filter(rank=1).values("rank")[:1],
        owners.exclude(rank=1).values("rank")[:1],
        owners.filter(Q(rank=1) | Q(name="a")).values("rank")[:1],
        owners.filter(ranked__number=1).values("rank")[:1],
        owners.extra(where=["1 = 1"]).values("rank")[:1],
        owners.extra(where=["2 = 2"]).values("rank")[:1],
        owners.distinct().values("rank")[:1],
        owners.values("rank").annotate(n=models.Count("pk")).values("n")[:1],
        Event.objects.filter(pk=OuterRef("owner")).values("pk")[:1],
    ]
    found = [signature(Subquery(subquery)) for subquery in subqueries]
    assert len(set(found)) == len(subqueries)
    again = Owner.objects.filter(pk=OuterRef("owner")).values("rank")[:1]
    assert signature(Subquery(again)) == found[0]


class OwnOrder(Query):
    """Orders as it likes, as django-tree-queries does."""

    by = "name DESC"

    def get_compiler(  # type: ignore[override]
        self, using: Any = None, connection: Any = None, **options: Any
    ) -> Any:
        connection = connection or connections[using]
        django: Any = connection.ops.compiler(self.compiler)

        class Compiler(django):  # type: ignore[misc]
            def as_sql(self, *args: Any, **kwargs: Any) -> Any:
                sql, params = super().as_sql(*args, **kwargs)
                plain = sql.partition(" ORDER BY ")[0]
                return f"{plain} ORDER BY {OwnOrder.by}", params

        return Compiler(self, connection, using, **options)


class Commented(OwnOrder):
    """Has a compiler of its own, and leaves the order as it is."""

    def get_compiler(  # type: ignore[override]
        self, using: Any = None, connection: Any = None, **options: Any
    ) -> Any:
        connection = connection or connections[using]
        django: Any = connection.ops.compiler(self.compiler)

        class Compiler(django):  # type: ignore[misc]
            def as_sql(self, *args: Any, **kwargs: Any) -> Any:
                sql, params = super().as_sql(*args, **kwargs)
                return f"/* a comment */ {sql}", params

        return Compiler(self, connection, using, **options)


@pytest.mark.django_db
def test_an_order_that_a_compiler_of_its_own_makes_is_refused() -> None:
    rows = Ranked.objects.order_by("number")
    rows.query = rows.query.chain(OwnOrder)
    with pytest.raises(KeysetError, match=r"the order of OwnOrder.*stream\(\)"):
        keyset_iter(rows)
    rows.query = rows.query.chain(Commented)
    assert list(iter(keyset_iter(rows))) == []


class AnyCase(Exact):
    """Called exact, and no equality."""

    lookup_name = "exact"

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        left, left_params = self.process_lhs(compiler, connection)
        right, right_params = self.process_rhs(compiler, connection)
        return f"LOWER({left}) = LOWER({right})", [*left_params, *right_params]


@pytest.mark.django_db
@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_lookup_called_exact_that_is_no_equality_leaves_rows_apart(size: int) -> None:
    for name in ("a", "A", "a", "A", "b"):
        Ranked.objects.create(name=name, number=1, moment="2024-01-01T00:00Z")
    with register_lookup(models.CharField, AnyCase):
        rows = Ranked.objects.filter(name="a").order_by("name", "number")
        expected = list(rows.order_by("name", "number", "pk").values_list("pk", flat=True))
        assert len(expected) == 4
        walk = keyset_iter(rows.values_list("pk", flat=True), chunk_size=size)
        assert list(iter(walk)) == expected
