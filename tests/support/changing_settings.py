"""A walk in whose middle the session is given another setting."""

from __future__ import annotations

from typing import Any

from chunkqs import keyset_iter
from chunkqs.errors import KeysetError
from tests.support.exactness.kinds import run


def walked(rows: Any, setting: str, size: int, *, at: int) -> tuple[list[Any], bool]:
    """Return what a walk hands out while a setting is changed at a row, and whether it was refused.

    The error has to say that it was the setting, and to name stream().
    """
    got = []
    try:
        for key in keyset_iter(rows, chunk_size=size):
            got.append(key)
            if len(got) == at:
                run(setting)
    except KeysetError as error:
        assert "setting of the session" in str(error)  # noqa: PT017
        assert "stream()" in str(error)  # noqa: PT017
        return got, True
    return got, False
