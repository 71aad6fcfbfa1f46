"""What tests of one service need of the others: their answers to lookups, and their events."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from services.kit.events import Event
from services.kit.ids import new_id

NOWHERE = "00000000-0000-7000-8000-000000000000"


@dataclass
class Owners:
    """The services that own what is referred to: an ASGI app that answers lookups with the rows it is told.

    While it is told to `hold`, it takes its time; `reached` is set as soon as it is asked.
    """

    shown: dict[str, list[dict[str, Any]]] = field(default_factory=dict[str, list[dict[str, Any]]])
    asked: list[tuple[str, str, list[str]]] = field(default_factory=list[tuple[str, str, list[str]]])
    status: int = 200
    hold: asyncio.Event | None = None
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, noun: str, **row: Any) -> str:
        """Puts a row behind the noun's lookup and gives its id."""
        told: dict[str, Any] = {"id": str(new_id()), "version": 1} | row
        self.shown.setdefault(noun, []).append(told)
        return told["id"]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        noun = scope["path"].split("/")[2]
        ids = orjson.loads((await receive())["body"])["ids"]
        token = dict(scope["headers"])[b"authorization"].decode()
        self.asked.append((noun, token, ids))
        self.reached.set()
        if self.hold is not None:
            await self.hold.wait()
        items = [row for row in self.shown.get(noun, []) if row["id"] in ids]
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": orjson.dumps({"items": items})})


def event_of(
    aggregate: str, fact: str, version: int, data: Mapping[str, Any], actor: str = "sub:test"
) -> Event:
    """An event as the consumer would hand it over; `data` holds its subject's id."""
    return Event(
        id=str(new_id()),
        source="/elsewhere",
        type=f"{aggregate}.{fact}",
        schema_version=1,
        aggregate=aggregate,
        subject_id=UUID(data["id"]),
        version=version,
        position=version,
        time=datetime.now(UTC),
        actor=actor,
        imported=False,
        data=dict(data),
        changed=None,
        key=data["id"],
    )
