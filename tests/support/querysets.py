"""The forms that a queryset can take, each as a function that builds it anew.

All are in a total order, so that two iterations can be compared row by row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import (
    Case,
    Count,
    Exists,
    ExpressionWrapper,
    F,
    FilteredRelation,
    IntegerField,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
    Window,
)
from django.db.models.functions import Concat, Lower, RowNumber, TruncDay

from tests.support.models import (
    Article,
    Author,
    Badge,
    Category,
    ClosedAccount,
    Composite,
    CompositePart,
    Described,
    Event,
    Every,
    Foreign,
    FromQuerySet,
    Hiding,
    Member,
    Note,
    Nullable,
    OwnInit,
    Picture,
    Place,
    Plain,
    Profile,
    Pub,
    Restaurant,
    Upper,
    User,
)

Build = Callable[[], QuerySet[Any]]


def events() -> QuerySet[Any]:
    return Event.objects.order_by("pk")


def articles() -> QuerySet[Any]:
    return Article.objects.order_by("pk")


def category() -> Category:
    return Category.objects.get(name="leaf")


VALUES: dict[str, Build] = {
    "values": lambda: events().values(),
    "values of some": lambda: events().values("kind", "pk", "amount"),
    "values without the key": lambda: events().values("created_at", "kind"),
    "values of a relation": lambda: articles().values("author__name", "name", "category__name"),
    "values with expressions": lambda: events().values("id", low=Lower("kind")),
    "values after annotate": lambda: events().annotate(more=F("status") + 1).values("more", "id"),
    "annotate after values": lambda: events().values("id", "kind").annotate(more=F("status") + 1),
    "values of a composite key": lambda: Composite.objects.order_by("pk").values("pk", "name"),
    "values of converted fields": lambda: Described.objects.order_by("pk").values(),
    "values_list": lambda: events().values_list(),
    "values_list of some": lambda: events().values_list("kind", "created_at"),
    "values_list twice the same": lambda: events().values_list("id", "kind", "id"),
    "values_list flat": lambda: events().values_list("amount", flat=True),
    "values_list flat key": lambda: events().values_list("pk", flat=True),
    "values_list flat expression": lambda: events().values_list(Lower("kind"), flat=True),
    "values_list named": lambda: events().values_list("id", "kind", named=True),
    "values_list named expression": lambda: events().values_list("id", Lower("kind"), named=True),
    "values_list of a composite key": lambda: Composite.objects.order_by("pk").values_list(
        "pk", flat=True
    ),
    "values of JSON": lambda: Every.objects.order_by("pk").values_list("document__n", "document"),
}

COLUMNS: dict[str, Build] = {
    "only": lambda: events().only("kind"),
    "only, without the order": lambda: Event.objects.order_by("created_at", "pk").only("kind"),
    "defer": lambda: events().defer("path", "created_at"),
    "defer a foreign key": lambda: events().defer("user"),
    "defer a file": lambda: Picture.objects.order_by("pk").defer("image", "width"),
    "defer a described field": lambda: Upper.objects.order_by("pk").defer("shout"),
    "only of a child": lambda: Pub.objects.order_by("pk").only("beer", "name"),
    "only with own __init__": lambda: OwnInit.objects.order_by("pk").only("name"),
    "only across a relation": lambda: (
        articles().select_related("author").only("name", "author__id", "author__name")
    ),
    "defer across a relation": lambda: (
        articles().select_related("category").defer("category__name", "name")
    ),
    "annotate": lambda: events().annotate(
        low=Lower("kind"), sum=ExpressionWrapper(F("id") + F("status"), IntegerField())
    ),
    "annotate with a condition": lambda: events().annotate(
        which=Case(When(status=0, then=Value("none")), default=Concat("kind", Value("!")))
    ),
    "annotate with an aggregate": lambda: Author.objects.annotate(count=Count("articles")).order_by(
        "pk"
    ),
    "annotate with a subquery": lambda: Author.objects.annotate(
        latest=Subquery(
            Article.objects.filter(author=OuterRef("pk")).order_by("-pk").values("name")[:1]
        ),
        any=Exists(Article.objects.filter(editor=OuterRef("pk"))),
    ).order_by("pk"),
    "alias": lambda: events().alias(low=Lower("kind")).filter(low="view"),
    "extra select": lambda: events().extra(select={"more": "status + 1"}),
    "extra select with values": lambda: events().extra(select={"more": "status + 1"}).values(),
}

RELATIONS: dict[str, Build] = {
    "select_related": lambda: articles().select_related("author"),
    "select_related of two alike": lambda: articles().select_related("author", "editor"),
    "select_related deep": lambda: articles().select_related("category__parent__parent"),
    "select_related of all": lambda: articles().select_related(),
    "select_related of NULLs": lambda: Nullable.objects.order_by("pk").select_related("user"),
    "select_related backwards": lambda: User.objects.order_by("pk").select_related("profile"),
    "select_related of keys": lambda: Badge.objects.order_by("pk").select_related("profile__user"),
    "select_related composite": lambda: CompositePart.objects.order_by("pk").select_related(
        "whole", "user"
    ),
    "select_related to a unique field": lambda: Member.objects.order_by("pk").select_related(
        "sponsor__sponsor"
    ),
    "select_related of children": lambda: Place.objects.order_by("pk").select_related(
        "restaurant__pub"
    ),
    "select_related of a parent": lambda: Restaurant.objects.order_by("pk").select_related(
        "place_ptr", "pub__partner"
    ),
    "select_related with annotate": lambda: (
        articles().select_related("author").annotate(low=Lower("author__name"))
    ),
    "prefetch_related": lambda: articles().prefetch_related("labels", "similar"),
    "prefetch_related deep": lambda: Author.objects.order_by("pk").prefetch_related(
        "articles__category__parent", "edited"
    ),
    "prefetch_related generic": lambda: articles().prefetch_related("notes"),
    "prefetch_related generic key": lambda: Note.objects.order_by("pk").prefetch_related("about"),
    "prefetch_related to_attr": lambda: articles().prefetch_related(
        Prefetch("labels", to_attr="first_labels")
    ),
    "prefetch_related with a queryset": lambda: Author.objects.order_by("pk").prefetch_related(
        Prefetch("articles", Article.objects.select_related("category").order_by("-pk"))
    ),
    "prefetch_related with select_related": lambda: (
        articles().select_related("author").prefetch_related("author__edited", "labels")
    ),
    "FilteredRelation": lambda: (
        articles()
        .annotate(leaf=FilteredRelation("category", condition=Q(category__name="leaf")))
        .filter(leaf__isnull=False)
        .select_related("leaf")
    ),
}

MANAGERS: dict[str, Build] = {
    "related manager": lambda: category().articles.order_by("pk"),
    "related manager, filtered": lambda: category().articles.filter(editor=None).order_by("pk"),
    "related manager, deferred": lambda: category().articles.only("name").order_by("pk"),
    "related manager, joined": lambda: (
        category().articles.select_related("category").order_by("pk")
    ),
    "many-to-many manager": lambda: Article.objects.latest("pk").labels.order_by("pk"),
    "filter on a generic child": lambda: articles().filter(remarks__text__contains="remark"),
    "filter on a generic child's own": lambda: articles().filter(remarks__tone="kind"),
    "generic manager of a child": lambda: Article.objects.latest("pk").remarks.order_by("pk"),
    "generic manager": lambda: Article.objects.latest("pk").notes.order_by("pk"),
    "composite related manager": lambda: Composite.objects.earliest("pk").parts.order_by("pk"),
    "foreign manager": lambda: Foreign.objects.visible().order_by("pk"),
    "foreign queryset": lambda: Foreign.from_mixin.visible().order_by("-number", "pk"),
    "from_queryset": lambda: FromQuerySet.objects.visible().order_by("pk"),
    "own get_queryset": lambda: Hiding.objects.order_by("-pk"),
    "plain manager": lambda: Plain.objects.order_by("number", "pk"),
    "proxy": lambda: ClosedAccount.objects.order_by("pk"),
    "other database": lambda: events().using("replica"),
}

ORDERS: dict[str, Build] = {
    "no order": lambda: Event.objects.filter(status=1),
    "key, descending": lambda: Event.objects.order_by("-pk"),
    "ties": lambda: Event.objects.order_by("kind", "pk"),
    "mixed directions": lambda: Event.objects.order_by("-kind", "status", "-pk"),
    "datetimes": lambda: Event.objects.order_by("-created_at", "pk"),
    "foreign key": lambda: Event.objects.order_by("user", "-pk"),
    "reversed": lambda: Event.objects.order_by("kind", "-pk").reverse(),
    "NULLs": lambda: Nullable.objects.order_by("number", "-moment", "pk"),
    "NULLs first and last": lambda: Nullable.objects.order_by(
        F("number").asc(nulls_last=True), F("text").desc(nulls_first=True), "pk"
    ),
    "related field": lambda: articles().order_by("editor__name", "pk"),
    "expression": lambda: Event.objects.order_by(Lower("kind").desc(), "pk"),
    "annotation": lambda: Event.objects.annotate(sum=F("status") + 1).order_by("sum", "pk"),
    "composite key, descending": lambda: Composite.objects.order_by("-pk"),
    "one part of a composite key": lambda: Composite.objects.order_by("number", "tenant"),
    "column of a parent": lambda: Pub.objects.order_by("-name", "pk"),
    "filter on many": lambda: articles().filter(labels__name="label 1"),
    "distinct": lambda: articles().filter(labels__isnull=False).distinct(),
    "exclude": lambda: articles().exclude(labels__name="label 1"),
    "none of it in the index": lambda: Profile.objects.order_by("motto", "pk"),
}

#: Forms that every walk has a place for.
KEYSET: dict[str, Build] = {**VALUES, **COLUMNS, **RELATIONS, **MANAGERS, **ORDERS}

#: Forms that have no place in a keyset's order.
STREAM_ONLY: dict[str, Build] = {
    "slice": lambda: events()[3:15],
    "slice of values": lambda: events().values_list("id", flat=True)[1:],
    "dates": lambda: Event.objects.dates("created_at", "day"),
    "datetimes": lambda: Event.objects.datetimes("created_at", "hour", order="DESC"),
    "union": lambda: (
        Event.objects.filter(status=0).union(Event.objects.filter(status=1)).order_by("id")
    ),
    "union of values": lambda: (
        User.objects.values_list("id", "name")
        .union(Author.objects.values_list("id", "name"), all=True)
        .order_by("id", "name")
    ),
    "intersection": lambda: (
        Event.objects.filter(status=0)
        .intersection(Event.objects.filter(succeeded=True))
        .order_by("-id")
    ),
    "grouped values": lambda: (
        Event.objects.values("kind").annotate(count=Count("id")).order_by("kind")
    ),
    "distinct values": lambda: (
        Event.objects.values_list("kind", flat=True).distinct().order_by("kind")
    ),
    "grouped by day": lambda: (
        Event.objects.annotate(day=TruncDay("created_at"))
        .values("day")
        .annotate(count=Count("id"))
        .order_by("day")
    ),
    "window": lambda: events().annotate(
        row=Window(RowNumber(), partition_by="kind", order_by="-pk")
    ),
}

EMPTY: dict[str, Build] = {
    "none()": lambda: Event.objects.none(),
    "empty IN": lambda: Event.objects.filter(pk__in=[]),
    "no row fits": lambda: Event.objects.filter(kind="no such kind"),
    "values": lambda: Event.objects.filter(pk__in=[]).values("id"),
}
