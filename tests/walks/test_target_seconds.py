"""chunks(target_seconds=): chunks of the size that a turn of the loop gets through in that time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chunkqs.sources.sizing import Sizing, TimedSize
from tests.support import clock as clocks
from tests.support.clock import Clock
from tests.support.models import User
from tests.support.rows import make

#: Seconds that a turn with so many rows takes.
Load = Callable[[int], float]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return clocks.install(monkeypatch)


class Loop:
    """A loop over chunks, whose turns take as long as a load says."""

    def __init__(self, clock: Clock, target: float, max_bytes: int = 2**40) -> None:
        self.clock = clock
        sizes = Sizing(max_bytes=max_bytes, target_seconds=target).start(1, None)
        assert isinstance(sizes, TimedSize)
        self.sizes = sizes

    def turns(self, number: int, load: Load, row_bytes: float = 100) -> list[int]:
        """Return the sizes of so many chunks."""
        found = []
        for _ in range(number):
            self.sizes.next_turn(0.0)
            rows = self.sizes.rows
            found.append(rows)
            self.sizes.block_arrived(rows)
            self.sizes.learn(row_bytes)
            self.clock.pass_(load(rows))
        return found


LOADS: dict[str, tuple[float, Load]] = {
    "quick rows": (1.0, lambda rows: rows * 1e-5),
    "quick rows and a slow query": (1.0, lambda rows: 0.02 + rows * 1e-5),
    "very quick rows": (5.0, lambda rows: 0.001 + rows * 2e-5),
    "slow rows": (1.0, lambda rows: rows * 0.05),
    "rows that take longer than the target": (0.1, lambda rows: rows * 3.0),
    "many rows": (10.0, lambda rows: 0.005 + rows * 1e-4),
}


@pytest.mark.parametrize("name", LOADS)
def test_the_size_settles_within_five_turns(clock: Clock, name: str) -> None:
    target, load = LOADS[name]
    sizes = Loop(clock, target).turns(12, load)
    assert min(sizes) >= 1
    for rows in sizes[5:]:
        assert load(rows) == pytest.approx(target, rel=0.1) or (rows == 1 and load(1) > target)


@pytest.mark.parametrize("name", LOADS)
@pytest.mark.parametrize("factor", [10.0, 0.1])
def test_the_size_follows_a_load_that_changes_within_five_turns(
    clock: Clock, name: str, factor: float
) -> None:
    target, load = LOADS[name]
    loop = Loop(clock, target)
    loop.turns(10, load)
    sizes = loop.turns(10, lambda rows: load(rows) * factor)
    for rows in sizes[5:]:
        taken = load(rows) * factor
        assert taken == pytest.approx(target, rel=0.1) or (rows == 1 and taken > target)
    sizes = loop.turns(10, load)
    for rows in sizes[5:]:
        assert load(rows) == pytest.approx(target, rel=0.1) or (rows == 1 and load(1) > target)


def test_one_slow_turn_is_made_up_for(clock: Clock) -> None:
    loop = Loop(clock, 1.0)
    loop.turns(8, lambda rows: rows * 1e-4)
    loop.turns(1, lambda rows: 100.0)
    sizes = loop.turns(4, lambda rows: rows * 1e-4)
    assert sizes[0] >= 10_000 / 16 - 1
    assert sizes[-1] == pytest.approx(10_000, rel=0.01)


@pytest.mark.parametrize("row_bytes", [10, 1_000, 1_000_000, 100_000_000])
def test_the_size_never_passes_max_bytes(clock: Clock, row_bytes: int) -> None:
    max_bytes = 16 * 2**20
    sizes = Loop(clock, 60.0, max_bytes).turns(12, lambda rows: rows * 1e-6, row_bytes)
    assert all(rows == 1 or rows * row_bytes <= max_bytes for rows in sizes[1:])
    assert sizes[-1] == max(1, max_bytes // row_bytes)


def test_the_size_shrinks_at_once_when_rows_become_large(clock: Clock) -> None:
    loop = Loop(clock, 60.0, 16 * 2**20)
    loop.turns(6, lambda rows: rows * 1e-6, row_bytes=1_000)
    sizes = loop.turns(3, lambda rows: rows * 1e-6, row_bytes=1_000_000)
    assert sizes[1:] == [16, 16]


def test_a_clock_that_stands_still_breaks_nothing(clock: Clock) -> None:
    sizes = Loop(clock, 1.0, 2**30).turns(8, lambda rows: 0.0)
    assert sizes[0] < sizes[1] < sizes[2]
    assert sizes[-1] == 2**30 // 100


@pytest.mark.django_db
def test_the_turns_of_a_real_walk_take_the_target(clock: Clock) -> None:
    make(User, 900)
    taken: list[float] = []
    users: list[Any] = []
    for chunk in User.objects.chunks(target_seconds=2.0):
        users += chunk
        seconds = 0.01 + 0.04 * len(chunk)
        clock.pass_(seconds)
        taken.append(seconds)
    assert len(users) == 900
    assert taken[4:-1] == [pytest.approx(2.0, rel=0.03)] * len(taken[4:-1])
    assert len(taken) > 10
