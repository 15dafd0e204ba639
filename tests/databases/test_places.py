"""How many private connections a process has open: never more than the settings say."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import pytest
from django.test import override_settings

from chunkqs.databases import places as module
from chunkqs.databases.places import Places
from chunkqs.databases.session import NoRoom


@pytest.fixture
def two_places() -> Iterator[Places]:
    with override_settings(CHUNKQS={"MAX_PRIVATE_CONNECTIONS": 2}):
        yield Places()


def test_a_thread_that_holds_all_places_is_refused_at_once(two_places: Places) -> None:
    two_places.take("default")
    two_places.take("default")
    began = time.monotonic()
    with pytest.raises(NoRoom, match="no more private connections for 'default' than 2"):
        two_places.take("default")
    assert time.monotonic() - began < module.TIMEOUT / 2


def test_each_alias_has_places_of_its_own(two_places: Places) -> None:
    for alias in ("default", "default", "replica", "replica"):
        two_places.take(alias)
    with pytest.raises(NoRoom):
        two_places.take("replica")


def test_a_place_that_was_given_back_is_free(two_places: Places) -> None:
    two_places.take("default")
    taken = two_places.take("default")
    two_places.give_back("default", taken)
    two_places.take("default")


def test_another_threads_place_is_waited_for(
    two_places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TIMEOUT", 10)
    two_places.take("default")
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        taken = two_places.take("default")
        held.set()
        release.wait(10)
        two_places.give_back("default", taken)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    threading.Timer(0.05, release.set).start()
    two_places.take("default")
    thread.join()


def test_another_threads_place_is_not_waited_for_without_end(
    two_places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TIMEOUT", 0.05)
    for _ in range(2):
        thread = threading.Thread(target=two_places.take, args=["default"])
        thread.start()
        thread.join()
    with pytest.raises(NoRoom):
        two_places.take("default")


def test_no_private_connection_where_the_settings_say_none() -> None:
    with override_settings(CHUNKQS={"MAX_PRIVATE_CONNECTIONS": 0}), pytest.raises(NoRoom):
        Places().take("default")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork()")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_has_all_places(two_places: Places) -> None:
    module.places.take("forked")
    taken = module.places.take("forked")
    child = os.fork()
    if child == 0:
        try:
            module.places.take("forked")
            os._exit(0)
        except BaseException:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    module.places.give_back("forked", taken)
    module.places.give_back("forked", taken)
