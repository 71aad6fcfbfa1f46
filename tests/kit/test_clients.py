"""HTTP as a client: what goes wrong on the way is told as callers know it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.kit.clients import HTTPError, open_client


@pytest.fixture
async def hangs_up() -> AsyncIterator[str]:
    """The address of a server that reads a request and hangs up on it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_connection_that_breaks_under_a_request_is_an_error_of_http(hangs_up: str, method: str) -> None:
    async with open_client() as client:
        with pytest.raises(HTTPError):
            await client.request(method, hangs_up)
