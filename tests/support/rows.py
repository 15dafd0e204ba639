"""Rows for the models of `tests.support.models`: the same ones in each run."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import connections
from django.db.models import Model

from tests.support import models

START = datetime(2024, 2, 29, 23, 59, 58, 999_999, tzinfo=UTC)
KINDS = ("view", "click", "buy|pay", "Zoë's")

BUILDERS: dict[type[Model], Callable[[int], Any]] = {}


def moment(number: int) -> datetime:
    return START + timedelta(hours=7 * number, microseconds=number)


def make(model: type[Model], count: int = 20) -> None:
    """Make `count` rows of `model`, and what they point to."""
    BUILDERS[model](count)


def builder(*names: str) -> Callable[[Callable[[int], Any]], Callable[[int], Any]]:
    """Register a builder of rows for the models of these names."""

    def register(build: Callable[[int], Any]) -> Callable[[int], Any]:
        BUILDERS.update({getattr(models, name): build for name in names})
        return build

    return register


def users(count: int) -> list[models.User]:
    return models.User.objects.bulk_create(
        models.User(name=f"User {n % 7}", email=f"user{n}@example.com", active=n % 3 > 0)
        for n in range(count)
    )


BUILDERS[models.User] = users


@builder("Event")
def events(count: int) -> None:
    owners = users(5)
    models.Event.objects.bulk_create(
        models.Event(
            user=owners[n % 5],
            kind=KINDS[n % 4],
            path=f"/pages/{n}?%s=%",
            status=n % 3,
            amount=Decimal(n) / 4,
            succeeded=n % 2 == 0,
            created_at=moment(n // 3),
        )
        for n in range(count)
    )


@builder("Nullable")
def nullables(count: int) -> None:
    owner = users(1)[0]
    models.Nullable.objects.bulk_create(
        models.Nullable(
            user=owner if n % 2 else None,
            number=n // 4 if n % 4 else None,
            text=f"text {n % 3}" if n % 3 else None,
            moment=moment(n % 5) if n % 5 else None,
        )
        for n in range(count)
    )


@builder("Every")
def every(count: int) -> None:
    models.Every.objects.bulk_create(models.Every(**every_value(n)) for n in range(count))


def every_value(n: int) -> dict[str, Any]:
    return {
        "big": 2**62 - n,
        "integer": -n,
        "small": n - 10,
        "positive": 2**40 + n,
        "decimal": Decimal("12345678901.000100") + n,
        "number": n / 3,
        "flag": n % 2 == 0,
        "maybe": (True, False, None)[n % 3],
        "char": f"ünïcode {n} ☃",
        "choice": "rg"[n % 2],
        "text": "line\n" * n,
        "slug": f"slug-{n}",
        "url": f"https://example.com/{n}",
        "moment": moment(n),
        "day": date(2024, 2, 29) + timedelta(days=n),
        "clock": time(n % 24, 59, 59, 999_999 - n),
        "span": timedelta(days=n, microseconds=-1),
        "uuid": uuid.UUID(int=2**127 - n, version=4),
        "address": f"2001:db8::{n + 1:x}" if n % 2 else f"192.0.2.{n % 250}",
        "binary": bytes([0, n % 256, 255]),
        "document": {"n": n, "list": [1, None, {"deep": "é"}]} if n % 2 else [n, "text", None],
        "file_path": f"/folder/{n}",
    }


@builder("Picture")
def pictures(count: int) -> None:
    models.Picture.objects.bulk_create(
        models.Picture(
            attachment=f"attachments/{n}.txt",
            image=f"images/{n}.png" if n % 2 else None,
            width=n * 10,
            height=n * 20,
            bare_image=f"images/bare{n}.png",
        )
        for n in range(count)
    )
    # Saving an image opens it for its size; what is in the columns is another matter.
    models.Picture.objects.filter(image__isnull=False).update(width=640, height=480)


@builder("Derived")
def derived(count: int) -> None:
    models.Derived.objects.bulk_create(
        models.Derived(price=n, pieces=n % 5, noted_at=moment(n)) for n in range(count)
    )


@builder("Uuid")
def uuids(count: int) -> None:
    factor = 0x9E3779B97F4A7C15F39CC0605CEDC835  # spreads them over the whole range
    keys = [uuid.UUID(int=n * factor % 2**128, version=4) for n in range(count)]
    models.Uuid.objects.bulk_create(models.Uuid(id=key, name="u") for key in keys)


@builder("Worded")
def worded(count: int) -> None:
    models.Worded.objects.bulk_create(
        models.Worded(code=f"{n * 7 % 10}|{n}", name=f"word {n}") for n in range(count)
    )


@builder("Composite", "CompositePart")
def composites(count: int) -> None:
    models.Composite.objects.bulk_create(
        models.Composite(tenant=n % 4, number=n // 4, name=f"c{n}") for n in range(count)
    )
    owners = users(3)
    models.CompositePart.objects.bulk_create(
        models.CompositePart(user=owners[n % 3], line=n // 3, tenant=n % 4, number=n // 4)
        for n in range(count)
    )


@builder("Profile", "Badge")
def profiles(count: int) -> None:
    made = models.Profile.objects.bulk_create(
        models.Profile(user=user, motto=f"motto {user.name}") for user in users(count)
    )
    models.Badge.objects.bulk_create(
        models.Badge(profile=profile, text=f"badge {n}") for n, profile in enumerate(made)
    )


@builder("Member")
def members(count: int) -> None:
    for n in range(count):
        sponsor = f"member {n // 2}" if n else None
        models.Member.objects.create(unique_name=f"member {n}", sponsor_id=sponsor)


@builder("Place", "Restaurant", "Pub")
def pubs(count: int) -> None:
    partner = models.Place.objects.create(name="partner")
    for n in range(count):
        models.Pub.objects.create(
            name=f"pub {n}", stars=n % 4, beer=f"beer {n}", partner=partner if n % 2 else None
        )


@builder("CurrentAccount", "ClosedAccount")
def accounts(count: int) -> None:
    models.CurrentAccount.objects.bulk_create(
        models.CurrentAccount(owner=f"owner {n}", closed=n % 3 > 0) for n in range(count)
    )


@builder("Tagged")
def tagged(count: int) -> None:
    models.Tagged.objects.bulk_create(
        models.Tagged(made_at=moment(n), tag=f"tag {n % 3}") for n in range(count)
    )


@builder("Category", "Author", "Label", "Article", "Note", "Remark")
def articles(count: int) -> None:
    root = models.Category.objects.create(name="root")
    leaf = models.Category.objects.create(name="leaf", parent=root)
    authors = [models.Author.objects.create(name=f"author {n}") for n in range(count // 4 + 2)]
    labels = [models.Label.objects.create(name=f"label {n}") for n in range(4)]
    for n in range(count):
        article = models.Article.objects.create(
            name=f"article {n}",
            author=authors[n % 3],
            editor=authors[n % 2] if n % 3 else None,
            category=leaf if n % 2 else root,
        )
        article.labels.set(labels[: n % 4])
        article.similar.set(models.Article.objects.filter(id__lt=article.id).order_by("-id")[:2])
        article.notes.create(text=f"note {n}")
        for tone in ("kind", "sharp")[: n % 3]:
            about = ContentType.objects.get_for_model(models.Article)
            models.Remark.objects.create(
                text=f"remark {n}", content_type=about, object_id=article.pk, tone=tone
            )
    about_author = ContentType.objects.get_for_model(models.Author)
    models.Note.objects.create(text="author", content_type=about_author, object_id=authors[0].pk)


@builder("OrderedByField", "OrderedByExpression", "OrderedByNulls")
def ordered(count: int) -> None:
    for n in range(count):
        models.OrderedByField.objects.create(rank=n % 3, name=f"name {n % 5}")
        models.OrderedByExpression.objects.create(name=f"{'Nn'[n % 2]}ame {n % 6}")
        models.OrderedByNulls.objects.create(rank=n % 5 or None)


@builder("Plain", "Hiding", "FromQuerySet", "AsManager", "Foreign")
def numbered(count: int) -> None:
    for model in (
        models.Plain,
        models.Hiding,
        models.FromQuerySet,
        models.AsManager,
        models.Foreign,
    ):
        model._base_manager.bulk_create(model(number=n, hidden=n % 4 == 0) for n in range(count))


@builder("OwnInit", "OwnNew", "FromDb", "FromDbOldSignature", "OwnSetattr", "Signalled", "Counted")
def customs(count: int) -> None:
    for model in (
        models.OwnInit,
        models.OwnNew,
        models.FromDb,
        models.FromDbOldSignature,
        models.OwnSetattr,
        models.Signalled,
        models.Counted,
    ):
        model.objects.bulk_create(model(name=f"name {n}", number=n) for n in range(count))


@builder("Described", "Upper")
def described(count: int) -> None:
    for n in range(count):
        point = models.Point(n, -n)
        models.Described.objects.create(name="d", place=point, maybe=point if n % 2 else None)
        models.Upper.objects.create(name="u", shout=f"shout {n}")


if connections["default"].vendor == "postgresql":
    from django.db.backends.postgresql.psycopg_any import DateRange, DateTimeTZRange, NumericRange

    from tests.support.postgresql.models import Ranged

    def ranged(count: int) -> None:
        Ranged.objects.bulk_create(
            Ranged(
                numbers=list(range(n)),
                grid=[["a", f"b{n}"], ["c", "d"]] if n % 2 else None,
                moments=[moment(n), moment(n + 1)],
                integers=NumericRange(n, n + 5),
                decimals=NumericRange(Decimal(n), None) if n % 3 else None,
                dates=DateRange(date(2024, 1, 1), date(2024, 1, 2) + timedelta(days=n)),
                times=DateTimeTZRange(moment(n), moment(n + 2)),
            )
            for n in range(count)
        )

    BUILDERS[Ranged] = ranged


def another(event: models.Event, kind: str = "new") -> models.Event:
    """Insert an event like `event`, with a key of its own."""
    return models.Event.objects.create(
        user_id=event.user_id,
        kind=kind,
        path="",
        status=0,
        amount=0,
        succeeded=True,
        created_at=event.created_at,
    )
