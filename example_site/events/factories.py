"""Users and events one at a time, for tests; ``load_events`` makes millions."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from factory.declarations import Iterator, Sequence, SubFactory, Trait
from factory.django import DjangoModelFactory
from factory.faker import Faker

from .models import Event, User


class UserFactory(DjangoModelFactory[User]):
    class Meta:
        model = User

    name = Faker("name")
    email = Sequence(lambda n: f"user-{n}@example.org")


class EventFactory(DjangoModelFactory[Event]):
    class Meta:
        model = Event

    class Params:
        purchase = Trait(kind=Event.Kind.PURCHASE, amount=Decimal("19.90"))

    user = SubFactory(UserFactory)
    kind = Event.Kind.VIEW
    path = Sequence(lambda n: f"/shop/item-{n}")
    country = Iterator(["AT", "DE", "FR"])
    duration_ms = Sequence(lambda n: n % 3000)
    created_at = Faker("date_time_between", start_date=datetime(2025, 1, 1), tzinfo=UTC)
