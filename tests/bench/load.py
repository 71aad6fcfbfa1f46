"""A load generator that is not the bottleneck: keep-alive connections on asyncio streams.

Requests are rendered as they go out.
A bare machine has it because it is part of the project. One process drives some 10,000 requests a second against an
empty endpoint, an order of magnitude above what is measured with it.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import TypeAlias

Headers: TypeAlias = tuple[tuple[str, str], ...]


def bearer(token: str) -> Headers:
    """Whose request it is."""
    return (("Authorization", f"Bearer {token}"),)


@dataclass(frozen=True)
class Request:
    """One request as bytes go out: method, path with query, headers beyond the usual, body."""

    method: str
    path: str
    headers: Headers = ()
    body: bytes = b""

    def render(self, host: str) -> bytes:
        """The bytes of the request."""
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(self.body)}"]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


@dataclass
class Measured:
    """What a run gave: seconds it took, the latency of each answer, and how many answers had which status."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list[float])
    statuses: dict[int, int] = field(default_factory=dict[int, int])

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def quantile(self, share: float) -> float:
        """The latency in milliseconds below which `share` of the answers lie."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0

    @property
    def refused(self) -> int:
        """Answers that are no success."""
        return sum(n for status, n in self.statuses.items() if not 200 <= status < 300)


class Connection:
    """One keep-alive connection."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def send(self, request: Request) -> tuple[int, bytes]:
        """Status and body of the answer; connects first when there is no connection."""
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        assert self._reader is not None
        self._writer.write(request.render(f"{self._host}:{self._port}"))
        return await self._answer(self._reader)

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[int, bytes]:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split(" ", 2)[1])
        fields = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])
        }
        if "content-length" in fields:
            body = await reader.readexactly(int(fields["content-length"]))
        elif "chunked" in fields.get("transfer-encoding", ""):
            body = await _chunks(reader)
        else:
            body = b""
        if fields.get("connection", "").lower() == "close":
            self.close()
        return status, body

    def close(self) -> None:
        """Ends the connection; the next request opens another."""
        if self._writer is not None:
            self._writer.close()
            self._reader = self._writer = None


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts: list[bytes] = []
    while size := int((await reader.readline()).strip() or b"0", 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readline()
    return b"".join(parts)


async def drive(
    host: str,
    port: int,
    make: Callable[[int], Request],
    *,
    seconds: float,
    connections: int = 16,
    warm_up: float = 1.0,
) -> Measured:
    """Sends `make(n)` for n = 0, 1, ... over the connections as fast as answers come, for the given time."""
    numbers = count()
    await _burst(host, port, make, numbers, seconds=warm_up, connections=connections)
    return await _burst(host, port, make, numbers, seconds=seconds, connections=connections)


async def _burst(
    host: str,
    port: int,
    make: Callable[[int], Request],
    numbers: Iterator[int],
    *,
    seconds: float,
    connections: int,
) -> Measured:
    measured = Measured()
    began = time.perf_counter()
    until = began + seconds
    await asyncio.gather(
        *(_lane(Connection(host, port), make, numbers, until, measured) for _ in range(connections))
    )
    measured.seconds = time.perf_counter() - began
    return measured


async def _lane(
    connection: Connection,
    make: Callable[[int], Request],
    numbers: Iterator[int],
    until: float,
    measured: Measured,
) -> None:
    while (before := time.perf_counter()) < until:
        status, _ = await connection.send(make(next(numbers)))
        measured.latencies.append(time.perf_counter() - before)
        measured.statuses[status] = measured.statuses.get(status, 0) + 1
    connection.close()
