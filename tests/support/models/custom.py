"""Models whose instances are not to be had by filling their `__dict__`."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

from django.db import models

from chunkqs import ChunkedManager


class Point(NamedTuple):
    x: int
    y: int


class PointField(models.CharField):
    """A value of its own type, made by `from_db_value`."""

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Point | None:
        return None if value is None else self.to_python(value)

    def to_python(self, value: Any) -> Point:
        if isinstance(value, Point):
            return value
        x, y = value.split(",")
        return Point(int(x), int(y))

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else f"{value[0]:04d},{value[1]:04d}"


class UpperDescriptor:
    """A data descriptor on a field: what is set is not what is kept."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: models.Model | None, owner: type) -> Any:
        if instance is None:
            return self
        return instance.__dict__[f"upper_{self.name}"]

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[f"upper_{self.name}"] = value.upper()


class UpperField(models.CharField):
    def contribute_to_class(self, cls: type, name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only)
        setattr(cls, self.attname, UpperDescriptor(self.attname))


class Named(models.Model):
    name = models.CharField(max_length=50)
    number = models.IntegerField(default=0)

    objects = ChunkedManager()

    class Meta:
        abstract = True


class Described(Named):
    place = PointField(max_length=20)
    maybe = PointField(max_length=20, null=True)


class Upper(Named):
    shout = UpperField(max_length=50)


class OwnInit(Named):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.loaded_name = self.name


class OwnNew(Named):
    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        instance = super().__new__(cls)
        instance.marked = True
        return instance


class FromDb(Named):
    """`from_db` as Django documents it: whatever keywords there are, they are passed on."""

    @classmethod
    def from_db(cls, db: Any, field_names: Any, values: Any, **kwargs: Any) -> Self:
        instance = super().from_db(db, field_names, values, **kwargs)
        instance.loaded_fields = list(field_names)
        return instance


class FromDbOldSignature(Named):
    """`from_db` from before Django 6.1, which has a keyword `fetch_mode`."""

    @classmethod
    def from_db(cls, db: Any, field_names: Any, values: Any) -> Self:  # type: ignore[override]
        instance = super().from_db(db, field_names, values)
        instance.loaded_values = tuple(values)
        return instance


class OwnSetattr(Named):
    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        self.__dict__.setdefault("names_set", []).append(name)


class Signalled(Named):
    """The tests connect receivers of `pre_init` and `post_init` to it."""


class CountingBase(type(models.Model)):  # type: ignore[misc]
    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        instance = super().__call__(*args, **kwargs)
        instance.called_with = len(args)
        return instance


class Counted(Named, metaclass=CountingBase):
    """Its metaclass has a hand in making instances."""
