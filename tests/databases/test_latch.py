"""What a signal raises at any moment leaves nothing locked that another thread waits for."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from threading import Thread, Timer, get_ident
from typing import Any

import pytest

from chunkqs.databases.latch import Latch, take
from chunkqs.databases.private_limit import Places

INTERRUPTS = 3000
MOST_SECONDS = 0.0003


class Interrupted(Exception):
    """What the signal raises."""


def interrupt(number: int, frame: object) -> None:
    raise Interrupted


@pytest.fixture(autouse=True)
def alarms() -> Iterator[None]:
    before = signal.signal(signal.SIGALRM, interrupt)
    yield
    signal.signal(signal.SIGALRM, before)


def interrupted(work: Callable[[], Any], moments: random.Random) -> None:
    """Do some work again and again, until a signal ends it."""
    try:
        signal.setitimer(signal.ITIMER_REAL, 1e-6 + moments.random() * MOST_SECONDS)
        while True:
            work()
    except Interrupted:
        pass


def assert_ends_elsewhere(work: Callable[[], Any]) -> None:
    """Do some work in another thread, which must not wait for this one."""
    thread = Thread(target=work, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()


def test_a_place_is_taken_and_given_back_after_any_interrupt() -> None:
    places, moments = Places(), random.Random(1)

    def work() -> None:
        places.give_back("one", places.take("one"))

    for _ in range(INTERRUPTS):
        interrupted(work, moments)
        assert_ends_elsewhere(work)


def test_a_latch_is_set_after_any_interrupt_of_who_waits() -> None:
    moments = random.Random(2)
    for _ in range(INTERRUPTS):
        latch = Latch()
        interrupted(lambda waited=latch: waited.wait(1e-6), moments)
        assert not latch.is_set
        assert_ends_elsewhere(latch.set)
        assert latch.wait()


def test_a_latch_lets_all_go_on_who_wait() -> None:
    latch = Latch()
    assert not latch.wait(0.01)
    waiting = [Thread(target=latch.wait, daemon=True) for _ in range(3)]
    for thread in waiting:
        thread.start()
    latch.set()
    for thread in waiting:
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.timeout(30)
@pytest.mark.parametrize("wait", [lambda: Latch().wait(), lambda: take(SimpleQueue())])
def test_a_signal_that_another_thread_receives_ends_a_wait(wait: Callable[[], Any]) -> None:
    """It wakes nobody: a wait without an end would have to notice it by itself."""
    Timer(0.2, lambda: signal.pthread_kill(get_ident(), signal.SIGALRM)).start()
    with pytest.raises(Interrupted):
        wait()
