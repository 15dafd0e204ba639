"""The next block is fetched while the caller works on this one."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread

from django.db.backends.base.base import BaseDatabaseWrapper

from .internals import Block
from .sources import Source

LOCAL_HOSTS = {"", "localhost", "127.0.0.1", "::1"}


def is_worth_it(connection: BaseDatabaseWrapper) -> bool:
    """Tell whether the server is on another machine.

    Over a network a fetch waits for its round trip, which reading ahead hides. On the same
    machine it hides nothing, and the two threads get in each other's way: measured by
    benchmarks/read_ahead.py.
    """
    host = connection.settings_dict["HOST"]
    return host not in LOCAL_HOSTS and not host.startswith("/")


class ReadAheadSource:
    """One block ahead of what is asked for, fetched by a thread.

    Only for a connection that nobody else uses. An error in the thread reaches the caller
    when the rows before it are used up, as it does without a thread.
    """

    blocks_held = 2

    def __init__(self, source: Source, cancel: Callable[[], None]) -> None:
        self._source = source
        self._cancel = cancel
        self._ahead: Fetch | None = None

    def fetch(self, size: int) -> Block:
        """Return the block that was fetched meanwhile, and begin with the next one."""
        ahead, self._ahead = self._ahead, None
        block = ahead.result() if ahead else self._source.fetch(size)
        if block:
            self._ahead = Fetch(self._source, size)
        return block

    def close(self) -> None:
        """End the fetch that is under way, and the source. Waits for no row."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead.is_alive():
            self._cancel()
            ahead.join()
        self._source.close()


class Fetch(Thread):
    """A fetch that has been begun. The thread is a new one each time: that takes less than
    a hundredth of a fetch, and leaves none waiting when a walk is forgotten."""

    def __init__(self, source: Source, size: int) -> None:
        super().__init__(name="chunkqs read-ahead", daemon=True)
        self._source = source
        self._size = size
        self._block: Block = []
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        """Fetch, and keep what came of it for whoever asks for the result."""
        try:
            self._block = self._source.fetch(self._size)
        except BaseException as error:
            self._error = error

    def result(self) -> Block:
        """Wait for the block; raise what the fetch has raised."""
        self.join()
        error, self._error = self._error, None
        if error is not None:
            raise error
        return self._block
