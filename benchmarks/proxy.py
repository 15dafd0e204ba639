"""A TCP proxy that delivers everything late: ``python -m benchmarks.proxy HOST PORT SECONDS``.

HOST may be the folder of a unix socket, as PostgreSQL has it. Prints the port that it listens on
and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable
from dataclasses import dataclass

#: Portions that are on their way at a time, which bounds the memory, not the speed.
ON_THE_WAY = 256
PORTION = 64 * 1024


@dataclass(frozen=True)
class Proxy:
    """Delays both directions by half of `latency` seconds each."""

    host: str
    port: int
    latency: float

    async def serve(self) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        async with server:
            await asyncio.to_thread(sys.stdin.read)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target_reader, target_writer = await self._connect()
        await asyncio.gather(
            self._forward(reader, target_writer), self._forward(target_reader, writer)
        )

    def _connect(self) -> Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        if self.host.startswith("/"):
            return asyncio.open_unix_connection(f"{self.host}/.s.PGSQL.{self.port}")
        return asyncio.open_connection(self.host, self.port)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(ON_THE_WAY)
        delivering = asyncio.create_task(self._deliver(way, writer))
        now = asyncio.get_running_loop().time
        try:
            data = b"..."
            while data:
                data = await reader.read(PORTION)
                await way.put((now() + self.latency / 2, data))
        except ConnectionError:
            await way.put((now(), b""))
        await delivering

    async def _deliver(
        self, way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter
    ) -> None:
        now = asyncio.get_running_loop().time
        due, data = await way.get()
        while data:
            await asyncio.sleep(max(0, due - now()))
            writer.write(data)
            await writer.drain()
            due, data = await way.get()
        writer.close()


if __name__ == "__main__":
    asyncio.run(Proxy(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])).serve())
