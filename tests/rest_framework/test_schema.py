"""The OpenAPI schema of a view that pages by position, by drf-spectacular."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import path
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.validation import validate_schema

from chunkqs.rest_framework import KeysetPagination
from tests.rest_framework.test_pagination import Ordered


class Described(Ordered):
    schema = AutoSchema()


@pytest.fixture
def schema() -> dict[str, Any]:
    schema: dict[str, Any] = SchemaGenerator(
        patterns=[path("numbers/", Described.as_view())]
    ).get_schema(public=True)
    validate_schema(schema)
    return schema


def test_the_parameters_are_the_cursor_the_page_size_and_the_order(schema: dict[str, Any]) -> None:
    parameters = schema["paths"]["/numbers/"]["get"]["parameters"]
    assert {one["name"] for one in parameters} == {"cursor", "page_size", "ordering", "search"}


def test_the_response_has_next_previous_and_results(schema: dict[str, Any]) -> None:
    (response,) = schema["paths"]["/numbers/"]["get"]["responses"]["200"]["content"].values()
    name = response["schema"]["$ref"].removeprefix("#/components/schemas/")
    component = schema["components"]["schemas"][name]
    assert component["required"] == ["results"]
    assert list(component["properties"]) == ["next", "previous", "results"]
    for link in ("next", "previous"):
        assert component["properties"][link]["nullable"] is True
        assert component["properties"][link]["format"] == "uri"
    assert component["properties"]["results"]["type"] == "array"


def test_the_schema_of_the_response_is_that_of_cursor_pagination() -> None:
    described = KeysetPagination().get_paginated_response_schema({"type": "array"})
    assert list(described["properties"]) == ["next", "previous", "results"]
