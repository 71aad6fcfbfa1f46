"""What a service is made of: the one descriptor from which its processes are composed."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from fastapi import APIRouter
from sqlalchemy import MetaData

from services.kit.aggregates import Aggregate
from services.kit.db import Database
from services.kit.dependants import Deletable
from services.kit.events import PublicAggregate
from services.kit.handlers import Batch, Handler
from services.kit.profiles import Import
from services.kit.settings import Settings
from services.kit.words import KIT_WORDS, Words


class Part(Protocol):
    """Something that a worker runs until it is told to stop, and that knows whether it can do its work."""

    async def run(self, stop: asyncio.Event) -> None: ...

    def ready(self) -> str | None: ...


@dataclass(frozen=True, eq=False)
class Service:
    """What a service is made of; `main.py` of each service holds exactly one.

    `aggregates` are those that it tells of, what others need to know first coming first; `deletables` are what is
    purged, each before what it hangs on. `routers` are looked through in their order: views are asked for most.
    """

    name: str
    title: str
    description: str
    routers: tuple[APIRouter, ...]
    metadata: MetaData
    migrations: Path
    aggregates: tuple[Aggregate, ...]
    public: tuple[PublicAggregate, ...]
    handlers: Mapping[str, Handler | Batch] = field(default_factory=dict[str, Handler | Batch])
    consumes: tuple[str, ...] = ()
    imports: tuple[Import, ...] = ()
    parts: tuple[Callable[[Settings, Database], Part], ...] = ()
    words: Words = KIT_WORDS
    deletables: tuple[Deletable, ...] = ()
