"""How Django sets known related instances on rows, as each supported version has it."""

from __future__ import annotations

import pytest
from django.db.models.fields.related_descriptors import ForwardManyToOneDescriptor

from tests.support.digests import digest, watched

PARTS = {
    "ForwardManyToOneDescriptor.__set__": watched(ForwardManyToOneDescriptor.__set__, "bb240257"),
}


@pytest.mark.parametrize("name", PARTS)
def test_code_is_that_which_was_read(name: str) -> None:
    assert (name, digest(PARTS[name].part)) == (name, PARTS[name].expected)
