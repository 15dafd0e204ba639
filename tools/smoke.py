"""A first look at an installed chunkqs, with nothing but Django: walks on SQLite.

`make package` runs it in an empty environment, away from the sources.
"""

from __future__ import annotations

import importlib.metadata
from itertools import islice

import django
from django.conf import settings
from django.db import connection, models

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    SECRET_KEY="smoke",  # which signs positions
    USE_TZ=True,
)
django.setup()

import chunkqs  # noqa: E402


class Event(models.Model):
    kind = models.CharField(max_length=10)
    objects = chunkqs.ChunkedManager()

    class Meta:
        app_label = "smoke"


def walk() -> None:
    with connection.schema_editor() as editor:
        editor.create_model(Event)
    Event.objects.bulk_create(Event(kind="view") for _ in range(5000))
    keys = list(range(1, 5001))
    assert [event.pk for event in Event.objects.order_by("pk").stream()] == keys
    assert [event.pk for chunk in Event.objects.chunks(700) for event in chunk] == keys
    rows = Event.objects.keyset_iter()
    first = [event.pk for event in islice(rows, 1200)]
    rest = [event.pk for event in Event.objects.keyset_iter(after=rows.position)]
    assert first + rest == keys
    exported = b"".join(Event.objects.order_by("pk").stream().csv())
    assert exported.count(b"\n") == 5001


def metadata() -> None:
    about = importlib.metadata.metadata("chunkqs")
    assert about["Version"] == chunkqs.__version__
    requirements = importlib.metadata.requires("chunkqs") or []
    assert [name for name in requirements if "extra ==" not in name] == ["Django>=5.2"]
    assert not {"tests", "dev", "demo", "bench"} & set(about.get_all("Provides-Extra") or [])
    assert "](docs/" not in str(about.get_payload())
    assert "py.typed" in {path.name for path in importlib.metadata.files("chunkqs") or []}


walk()
metadata()
print(f"chunkqs {chunkqs.__version__} works with Django {django.get_version()}.")
