"""What chunkqs is to achieve beside its peers, and what a run has seen of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import ge, le

from .outcomes import Measured
from .scenarios import DRIVER

ATOMIC = ".iterator() in atomic()"
MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Claim:
    """A ratio, or a size in MB, and the bound that it is held to."""

    text: str
    value: float
    bound: float
    holds: Callable[[float, float], bool]
    unit: str = "×"

    @property
    def is_met(self) -> bool:
        return self.holds(self.value, self.bound)

    @property
    def wanted(self) -> str:
        words = "at least" if self.holds is ge else "at most"
        return f"{words} {self.bound:g}{'' if self.unit == '×' else self.unit}"


def claims(measured: dict[str, Measured]) -> list[Claim]:
    """Return the claims that this run can judge: some of it may have failed or been left out."""
    made = []
    for claim in (*speeds(), *memory(), first_row):
        try:
            made.append(claim(measured))
        except KeyError:
            continue
    return made


Judge = Callable[[dict[str, Measured]], Claim]


def faster(title: str, peer: str, bound: float) -> Judge:
    return lambda measured: Claim(
        f"{title}: speed of `stream()` : `{peer}`",
        measured[title].speed("stream()", peer),
        bound,
        ge,
    )


def no_slower(title: str, way: str, peer: str, bound: float) -> Judge:
    return lambda measured: Claim(
        f"{title}: time of `{way}` : `{peer}`", measured[title].time(way, peer), bound, le
    )


def speeds() -> Iterator[Judge]:
    instances = "Instances of 8 columns, psycopg2"
    yield faster(instances, ATOMIC, 2.2)
    yield faster(instances, ".iterator()", 2.5)
    yield no_slower(instances, "stream()", DRIVER, 1.5)
    yield no_slower(instances, "keyset_iter()", "stream()", 1.2)
    yield no_slower(instances, "keyset_iter()", "stream(read_ahead=False)", 1.2)
    yield faster("Instances of 8 columns, psycopg", ATOMIC, 2.0)
    yield faster("select_related() of one relation", ATOMIC, 2.2)
    yield faster("Instances of 40 columns", ATOMIC, 1.9)


def memory() -> Iterator[Judge]:
    for way in ("stream()", "keyset_iter()"):
        yield smaller("400 rows of 1 MB", way, 64)


def smaller(title: str, way: str, bound: float) -> Judge:
    return lambda measured: Claim(
        f"{title}: most memory that `{way}` takes",
        measured[title].outcomes[way].memory / MEGABYTE,
        bound,
        le,
        " MB",
    )


def first_row(measured: dict[str, Measured]) -> Claim:
    """Compare the largest table with the smallest."""
    titles = [title for title in measured if title.startswith("First row of ")]
    sizes = {measured[title].scenario.events: measured[title] for title in titles}
    if len(sizes) < 2:
        raise KeyError("First row")
    small, large = min(sizes), max(sizes)
    ratio = (
        sizes[large].outcomes["stream()"].first_row / sizes[small].outcomes["stream()"].first_row
    )
    return Claim(f"First row of `stream()`: {large:,} rows : {small:,} rows", ratio, 2, le)
