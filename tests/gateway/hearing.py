"""A listener at the gateway's stream, who hears it event by event."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson


@dataclass
class Ear:
    """A listener: what it hears, event by event. `id` is from where it would go on."""

    lines: AsyncIterator[str]
    id: str = ""
    comments: list[str] = field(default_factory=list[str])

    async def event(self) -> tuple[str, Any]:
        """The next event; raises StopAsyncIteration when the stream has ended."""
        name, data = "", ""
        async with asyncio.timeout(20):
            while line := await anext(self.lines):
                self._hear(line)
                name = line.removeprefix("event: ") if line.startswith("event: ") else name
                data = line.removeprefix("data: ") if line.startswith("data: ") else data
        return (name, orjson.loads(data)) if data else await self.event()

    def _hear(self, line: str) -> None:
        if line.startswith(":"):
            self.comments.append(line)
        elif line.startswith("id: "):
            self.id = line.removeprefix("id: ")

    async def items(self) -> list[Any]:
        """What the next event tells, of which there has to be one."""
        name, data = await self.event()
        assert name == "changes"
        return data["items"]

    async def ends(self) -> bool:
        """Whether the stream ends now."""
        try:
            await self.event()
        except StopAsyncIteration:
            return True
        return False


@asynccontextmanager
async def heard(
    client: httpx.AsyncClient, headers: Mapping[str, str], query: str = ""
) -> AsyncGenerator[Ear]:
    """Listens at the client's gateway, and has heard where the stream begins."""
    async with client.stream("GET", f"/v1/stream{query}", headers=headers, timeout=60) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream"
        ear = Ear(answer.aiter_lines())
        assert await ear.event() == ("changes", {"items": []})
        yield ear
