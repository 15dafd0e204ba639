"""A progress bar where somebody watches and tqdm is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..export import Export
from ..lazy import LazyRows


@contextmanager
def progress_bar(
    rows: LazyRows[Any], export: Export, *, is_shown: bool
) -> Iterator[Callable[[bytes], Any]]:
    """Yield what is told of each part: its lines count, and the total is the estimate.

    A line of CSV is about a row: text may have lines of its own. Parquet counts bytes.
    """
    tqdm = _tqdm() if is_shown else None
    if tqdm is None:
        yield lambda part: None
        return
    if export.format == "parquet":
        with tqdm(unit="B", unit_scale=True) as bar:
            yield lambda part: bar.update(len(part))
        return
    with tqdm(total=rows.estimate(), unit=" rows", unit_scale=True) as bar:
        yield lambda part: bar.update(part.count(b"\n"))


def _tqdm() -> Any:
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm
