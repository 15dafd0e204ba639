"""The ways to run an export that the server may write itself."""

from __future__ import annotations

from typing import Any

from django.db import DatabaseError
from django.db.backends.utils import CursorWrapper

from ..databases.base import CopyFormat
from ..databases.private_connection import open_private
from ..django_internals.compiler import Statement
from ..django_internals.values import conversions_of
from .copy import CallersCopySource, CopySource
from .cursor import ListSource
from .stream import OpenSource, Stream, in_transaction
