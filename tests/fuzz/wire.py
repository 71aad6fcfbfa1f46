"""Requests as bytes: what no well-behaved client would send can be sent too. One connection a request."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

PATIENCE = 20.0
"""Seconds that an answer may take; whoever is slower has hung."""

LARGEST_ANSWER = 4_000_000


@dataclass(frozen=True)
class Hostile:
    """A request to send: `kind` names the trick; `pause` are seconds before the last of the body's bytes.

    `length` is the Content-Length that is told, where it is not the body's; where it is `cut` the sender leaves before
    the body's end. `hears` are the seconds for which an answer is listened to that need not end. `no_http` says that
    the request breaks HTTP itself, so that the connection may end without an answer, `refused` that nothing but a
    refusal is an answer to it.
    """

    kind: str
    method: str
    target: bytes
    headers: Sequence[tuple[bytes, bytes]] = ()
    body: bytes = b""
    length: bytes | None = None
    pause: float = 0.0
    cut: bool = False
    hears: float | None = None
    no_http: bool = False
    refused: bool = False

    def head(self) -> bytes:
        """The bytes before the body."""
        told = [(b"Host", b"127.0.0.1"), (b"Connection", b"close"), *self.headers]
        if self.body or self.length is not None:
            told.append((b"Content-Length", self.length or str(len(self.body)).encode()))
        lines = [self.method.encode() + b" " + self.target + b" HTTP/1.1"]
        return b"\r\n".join([*lines, *(name + b": " + value for name, value in told), b"", b""])


@dataclass(frozen=True)
class Answered:
    """What came back: `status` is None where the connection ended without an answer."""

    status: int | None
    head: bytes = b""
    body: bytes = field(default=b"", repr=False)


async def send(port: int, request: Hostile) -> Answered:
    """The answer of whoever listens on the port. Raises TimeoutError when none comes."""
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            await _write(writer, request)
            return Answered(None) if request.cut else _read(await _whole(reader, request.hears))
        except ConnectionError:
            return Answered(None)
        finally:
            writer.close()


async def _write(writer: asyncio.StreamWriter, request: Hostile) -> None:
    if not request.pause and not request.cut:
        writer.write(request.head() + request.body)
        await writer.drain()
        return
    writer.write(request.head() + request.body[:-1])
    await writer.drain()
    await asyncio.sleep(request.pause)
    if writer.is_closing():
        raise ConnectionResetError
    if not request.cut:
        writer.write(request.body[-1:])


async def _whole(reader: asyncio.StreamReader, seconds: float | None) -> bytes:
    """The answer to its end, or what is there of it when so many seconds have passed since it began."""
    answer = await reader.read(65_536)
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while len(answer) < LARGEST_ANSWER and (piece := await reader.read(65_536)):
                answer += piece
    return answer


def _read(answer: bytes) -> Answered:
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    if len(words) < 2 or not words[1].isdigit():
        return Answered(None, head, body)
    return Answered(int(words[1]), head, body)
