"""Draws what a run has seen, as SVG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "chunkqs"

from matplotlib import pyplot  # noqa: E402

from .outcomes import Measured  # noqa: E402
from .scenarios import OURS  # noqa: E402

OUR_COLOURS = dict(zip(OURS, ("#0b6e4f", "#2aa876", "#8fd6b0"), strict=True))
PEER_COLOURS = ("#c0392b", "#e08e45", "#7f6a93", "#5b7fa6", "#9a8c7c", "#b0a8b9", "#555555")
MEGABYTE = 1 << 20


def draw(measured: list[Measured], folder: Path) -> None:
    """Write the plots of the run into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    instances = measured[0]
    save(speed(instances), folder / "speed.svg")
    save(memory(instances), folder / "memory.svg")
    sizes = [one for one in measured if one.scenario.first_row_only]
    if sizes:
        save(first_row(sizes), folder / "first_row.svg")


def colours(ways: list[str]) -> dict[str, str]:
    peers = [way for way in ways if not is_ours(way)]
    given = {way: PEER_COLOURS[n % len(PEER_COLOURS)] for n, way in enumerate(peers)}
    return {way: given.get(way) or OUR_COLOURS[way.split(" ")[0]] for way in ways}


def is_ours(way: str) -> bool:
    return way.split(" ")[0] in OURS


def speed(one: Measured) -> Any:
    """Rows per second, the fastest on top."""
    outcomes = one.successes
    ways = sorted(outcomes, key=lambda way: -outcomes[way].seconds_a_row)
    figure, axes = pyplot.subplots(figsize=(8, 0.4 * len(ways) + 1), layout="constrained")
    bars = axes.barh(
        ways,
        [1 / outcomes[way].seconds_a_row for way in ways],
        color=["#0b6e4f" if is_ours(way) else "#9aa5b1" for way in ways],
    )
    axes.bar_label(bars, fmt="{:,.0f}", padding=4)
    axes.margins(x=0.15)
    axes.xaxis.set_visible(False)
    axes.set_title(f"Rows per second. {one.scenario.title}, {one.scenario.rows:,} rows")
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    return figure


def memory(one: Measured) -> Any:
    """Megabytes over time, from the start of each walk to its end."""
    figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
    ways = {way: out for way, out in one.successes.items() if out.samples}
    colour = colours(list(ways))
    for way, outcome in ways.items():
        seconds, grown = zip(*outcome.samples, strict=True)
        megabytes = [max(size / MEGABYTE, 0.1) for size in grown]
        axes.plot(seconds, megabytes, label=way, color=colour[way], linewidth=width(way))
    axes.set_yscale("log")
    axes.set(xlabel="seconds", ylabel="MB above the start")
    axes.set_title(f"Memory over time. {one.scenario.title}, {one.scenario.rows:,} rows")
    return finished(figure, axes)


def first_row(sizes: list[Measured]) -> Any:
    """Milliseconds to the first row against the rows in the table."""
    figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
    ways = list(sizes[0].successes)
    colour = colours(ways)
    for way in ways:
        known = [one for one in sizes if way in one.successes]
        axes.plot(
            [one.scenario.events for one in known],
            [one.outcomes[way].first_row * 1000 for one in known],
            label=way,
            color=colour[way],
            linewidth=width(way),
            marker="o",
        )
    axes.set(xscale="log", yscale="log", xlabel="rows in the table", ylabel="milliseconds")
    axes.set_title("First row against table size")
    return finished(figure, axes)


def width(way: str) -> float:
    return 2.5 if is_ours(way) else 1.2


def finished(figure: Any, axes: Any) -> Any:
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", fontsize="small")
    return figure


def save(figure: Any, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
