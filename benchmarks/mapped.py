"""The events as SQLAlchemy maps them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.db import connection
from sqlalchemy import DateTime, Engine, Numeric, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from .driver import driver_connection

DIALECTS = {"postgresql": "postgresql+psycopg2", "mysql": "mysql+mysqldb", "sqlite": "sqlite"}


class Base(DeclarativeBase):
    """What SQLAlchemy collects its models under."""


class Event(Base):
    """The example site's event, column by column."""

    __tablename__ = "events_event"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int]
    kind: Mapped[str]
    path: Mapped[str]
    country: Mapped[str]
    duration_ms: Mapped[int]
    amount: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


def engine() -> Engine:
    """Return an engine on the database that Django is connected to."""
    url = DIALECTS[connection.vendor] + "://"
    if connection.vendor == "postgresql":
        return create_engine(url, creator=driver_connection)
    if connection.vendor == "sqlite":  # without the converters that Django's connections have
        return create_engine(f"{url}/{connection.settings_dict['NAME']}")
    return create_engine(
        url,
        creator=lambda: connection.get_new_connection(connection.get_connection_params()),
    )
