"""What tests of a service need: its database, its API without a network, and callers by name."""

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Self
from uuid import UUID

from fastapi import FastAPI
from httpx import ASGITransport
from pydantic import SecretStr

from services.kit import migrations
from services.kit.app import create_api
from services.kit.clients import AsyncClient
from services.kit.db import OnStatement
from services.kit.descriptor import Service
from services.kit.identity import Viewer
from services.kit.problems import Unauthorized
from services.kit.settings import Settings

ISSUER = "https://issuer.test"
WATCHERS: list[OnStatement] = []
"""Who is told of every statement of every API that tests make: the rules of the house."""


@dataclass(eq=False)
class Callers:
    """A judge that knows its callers by name: `Authorization: Bearer NAME`."""

    viewers: dict[str, Viewer]

    async def viewer(self, authorization: str | None) -> Viewer:
        name = (authorization or "").removeprefix("Bearer ")
        if name not in self.viewers:
            raise Unauthorized("token_missing", "Send a bearer token.")
        return self.viewers[name]

    def add(self, name: str, *roles: str, member_id: UUID | None = None, scopes: Iterable[str] = ()) -> None:
        """Makes the caller known, with roles, member and scopes."""
        email = f"{name}@example.com"
        self.viewers[name] = Viewer(name, ISSUER, email, frozenset(roles), frozenset(scopes), member_id)

    def join(self, name: str, member_id: UUID) -> None:
        """Joins the caller to a member."""
        self.viewers[name] = replace(self.viewers[name], member_id=member_id)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None


def callers() -> Callers:
    """An administrator, who needs no member, and a member of each other role that sees all."""
    known = Callers({})
    known.add("admin", "admin")
    for number, role in enumerate(("executive", "marketing", "reporting"), 1):
        known.add(role, role, member_id=UUID(int=number))
    return known


def settings_for(service: Service, url: str, given: Mapping[str, object] | None = None) -> Settings:
    """Settings of a process of the service on the database."""
    return Settings.model_validate({f"{service.name}_database_url": SecretStr(url), **(given or {})})


@cache
def prepared(service: Service) -> Callable[[str], None]:
    """What makes an empty database the service's, for `database_url(prepare=...)`; the same for every caller."""

    def prepare(url: str) -> None:
        migrations.upgrade(service, url)

    return prepare


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncGenerator[AsyncClient]:
    """A client of the app, with its lifespan running."""
    transport = ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=transport, base_url="http://service.test") as client,
    ):
        yield client


@asynccontextmanager
async def api_of(
    service: Service,
    url: str,
    judge: Callers,
    *,
    peers: AsyncClient | None = None,
    on_statement: OnStatement | None = None,
    given: Mapping[str, object] | None = None,
) -> AsyncGenerator[AsyncClient]:
    """The service's API on a prepared database. Every statement is told to `on_statement` and to the watchers."""

    def tell(statement: str) -> None:
        for listener in (*WATCHERS, *([on_statement] if on_statement else [])):
            listener(statement)

    settings = settings_for(service, url, given)
    app = create_api(service, settings, judge=judge, peers=peers, on_statement=tell)
    async with serving(app) as client:
        yield client


def as_(name: str, **headers: str) -> dict[str, str]:
    """The headers of a request by the named caller; `if_match` and `key` are short for theirs."""
    told = {"Authorization": f"Bearer {name}"}
    if "if_match" in headers:
        told["If-Match"] = headers["if_match"]
    if "key" in headers:
        told["Idempotency-Key"] = headers["key"]
    return told
