"""HTTP as a client: the one module that knows httpx, and aiohttp under it.

`open_client` is for ordinary calls. `open_session` is the transport's own session, for the gateway, where
every request pays: forwarding through it costs a third of what it costs through httpx. Neither keeps cookies,
follows redirects, reads proxies from the environment, nor sends a write twice.
"""

import ssl
from collections.abc import AsyncIterable
from contextlib import AbstractAsyncContextManager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Literal, TypeAlias

import aiohttp
import httpx
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, ClientSession
from httpx import ASGITransport, AsyncBaseTransport, AsyncClient, HTTPError, InvalidURL
from httpx_aiohttp import AiohttpTransport
from yarl import URL

__all__ = [
    "CLIENT_KEEP_ALIVE",
    "SERVER_KEEP_ALIVE",
    "TROUBLES",
    "ASGITransport",
    "AsyncBaseTransport",
    "AsyncClient",
    "ClientResponse",
    "ClientSession",
    "HTTPError",
    "InvalidURL",
    "Trouble",
    "Waits",
    "call",
    "open_client",
    "open_session",
    "trouble_of",
]

# Seconds. A client lets go of an idle connection before its server does: a request sent into a connection
# that is being closed is lost, and a write must not be sent again. Below uvicorn's default of 5, to be sure.
SERVER_KEEP_ALIVE = 75
CLIENT_KEEP_ALIVE = 4.5

READS = frozenset({"GET", "HEAD", "OPTIONS"})
# What aiohttp would add by itself; what a caller did not say is not said for them.
_UNSAID = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


# The session has its own; without one given the transport reads all authorities of the machine, and trusts in vain.
_NO_TRUST = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

# What can go wrong with a call of a session, and what it comes down to: no connection, no answer in time, or an
# answer that cannot be used (where it was a write, nobody knows whether it took effect).
TROUBLES = (aiohttp.ClientError, TimeoutError, OSError)
Trouble: TypeAlias = Literal["unreachable", "timeout", "error"]
Waits: TypeAlias = aiohttp.ClientTimeout


class Interrupted(aiohttp.ClientPayloadError):
    """The connection broke under a write: whether it took effect is unknown. To httpx it is a ReadError."""


def open_client(*, seconds: float = 5.0, transport: AsyncBaseTransport | None = None) -> AsyncClient:
    """A client whose every wait ends after `seconds`. Use it as a context; tests give their own transport."""
    return AsyncClient(
        transport=transport or AiohttpTransport(client=open_session, verify=_NO_TRUST),
        timeout=httpx.Timeout(seconds),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        trust_env=False,
    )


def open_session() -> ClientSession:
    """aiohttp's session, bodies untouched in both directions. Wants a running loop; its opener closes it."""
    return ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=CLIENT_KEEP_ALIVE),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=2),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=_UNSAID,
        middlewares=(_send_writes_once,),
    )


def call(
    session: ClientSession,
    method: str,
    url: str,
    *,
    headers: list[tuple[str, str]],
    body: bytes | AsyncIterable[bytes] | None = None,
    waits: Waits,
) -> AbstractAsyncContextManager[ClientResponse]:
    """One request, its URL taken as it is; the answer's body is still to be read inside. Raises `TROUBLES`.

    A body that comes in pieces wants its length among the headers, or goes out chunked.
    """
    address = URL(url, encoded=True)
    return session.request(
        method,
        address,
        headers=headers,
        data=body,
        timeout=waits,
        allow_redirects=False,
        middlewares=() if method in READS else None,
    )


async def _send_writes_once(request: ClientRequest, send: ClientHandlerType) -> ClientResponse:
    """aiohttp repeats PUT and DELETE when a kept connection breaks, but not on errors of other kinds."""
    if request.method in READS:
        return await send(request)
    try:
        return await send(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise Interrupted(str(error)) from error


def trouble_of(error: Exception) -> Trouble:
    """What one of `TROUBLES` comes down to."""
    if isinstance(error, aiohttp.ConnectionTimeoutError | aiohttp.ClientConnectorError):
        return "unreachable"
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, aiohttp.ServerDisconnectedError | OSError):
        return "unreachable"
    return "error"
