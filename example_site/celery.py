"""The Celery app: ``celery -A example_site.celery worker``.

CELERY_BROKER_URL names RabbitMQ or Redis, and CELERY_RESULT_BACKEND where results are kept. Without
them both are folders, ``.celery`` beside this file: enough for one machine, and nothing to install.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from celery import Celery
from django.conf import settings

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_site.settings")

app = Celery("example_site")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["example_site.tasks"], related_name="celery_tasks")

if settings.CELERY_BROKER_URL.startswith("filesystem"):
    for folder in ("queue", "control", "results"):
        (settings.CELERY_FOLDER / folder).mkdir(parents=True, exist_ok=True)
