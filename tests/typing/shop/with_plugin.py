"""What mypy infers beyond that, as its plugin for Django reads the models."""

from __future__ import annotations

from typing import assert_type

from shop.models import Event, Order, OrderQuerySet, Visit

from chunkqs import LazyRows

assert_type(Event.objects.values_list("id", flat=True).stream(), LazyRows[int])
assert_type(Event.objects.values_list("id", "kind").stream(), LazyRows[tuple[int, str]])
assert_type(Event().visit_set.stream(), LazyRows[Visit])
assert_type(Event().visit_set.filter(pk=1).stream(), LazyRows[Visit])

assert_type(Visit.objects.recent().stream(), LazyRows[Visit])
assert_type(Visit.objects.filter(pk=1).recent().stream(), LazyRows[Visit])

assert_type(Order.objects.own(), int)
assert_type(Order.objects.stream(), LazyRows[Order])
assert_type(Order.objects.filter(pk=1), OrderQuerySet)
assert_type(Order.objects.filter(pk=1).paid().stream(), LazyRows[Order])
assert_type(Order.objects.paid().filter(pk=1).keyset_iter(), LazyRows[Order])
