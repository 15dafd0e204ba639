"""How many private connections a process may have, and who holds them."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from django.test.utils import override_settings

from chunkqs.databases.private_limit import Place, Places
from chunkqs.databases.session import NoRoom

MOST = 3


@pytest.fixture
def places() -> Iterator[Places]:
    with override_settings(CHUNKQS={"MAX_PRIVATE_CONNECTIONS": MOST}):
        yield Places()


def test_a_place_is_free_again_when_it_is_given_back_or_nobody_holds_it(places: Places) -> None:
    for _ in range(2 * MOST):
        place = places.take("one")
        places.give_back("one", place)
    for _ in range(2 * MOST):
        places.take("one")  # as by who is interrupted right after
    held = [places.take("one") for _ in range(MOST)]
    with pytest.raises(NoRoom):
        places.take("one")
    del held
    assert places.take("one")


def test_each_alias_has_places_of_its_own(places: Places) -> None:
    held = [places.take(alias) for alias in ("one", "other") for _ in range(MOST)]
    assert len(held) == 2 * MOST


def test_a_place_is_waited_for_where_another_thread_may_give_it_back(places: Places) -> None:
    held: list[Place] = []
    taking = threading.Thread(target=lambda: held.extend(places.take("one") for _ in range(MOST)))
    taking.start()
    taking.join()
    assert places.are_held_by_others("one")
    giving = threading.Timer(0.05, lambda: places.give_back("one", held.pop()))
    giving.start()
    places.take("one")
    giving.join()
