"""The results of the rounds, and what they have in the middle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

from tools.measuring import Result

from .processes import Samples
from .scenarios import Scenario


@dataclass
class Outcome:
    """What the rounds of one walk gave: the medians are what is reported."""

    results: list[Result] = field(default_factory=list)
    samples: Samples = field(default_factory=list)
    """Memory over time, of the first round."""
    failure: str | None = None

    def add(self, result: Result, samples: Samples) -> None:
        self.results.append(result)
        self.samples = self.samples or samples

    @property
    def seconds_a_row(self) -> float:
        return self._median(lambda result: result.seconds / result.rows)

    @property
    def first_row(self) -> float:
        return self._median(lambda result: result.first_row)

    @property
    def memory(self) -> float:
        return self._median(lambda result: result.memory)

    @property
    def rows(self) -> int:
        return max(result.rows for result in self.results)

    def _median(self, of: Callable[[Result], float]) -> float:
        return median(map(of, self.results))


@dataclass
class Measured:
    """A scenario with the outcome of each of its ways that gave one."""

    scenario: Scenario
    outcomes: dict[str, Outcome]

    @property
    def successes(self) -> dict[str, Outcome]:
        return {way: outcome for way, outcome in self.outcomes.items() if outcome.results}

    @property
    def failures(self) -> dict[str, str]:
        return {way: out.failure for way, out in self.outcomes.items() if out.failure}

    def speed(self, way: str, peer: str) -> float:
        """How many times as many rows a second the way gives as the peer."""
        return self.outcomes[peer].seconds_a_row / self.outcomes[way].seconds_a_row

    def time(self, way: str, peer: str) -> float:
        """How many times as long the way takes for a row as the peer."""
        return 1 / self.speed(way, peer)
