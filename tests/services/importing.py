"""The sample of a hardware seller's pipeline, read from its files alone, and how a service under test imports it."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.kit import imports_work
from services.kit.clients import AsyncClient
from services.kit.db import Database
from services.kit.descriptor import Service
from services.kit.jobs import Worker
from tests.apis import WATCHERS, as_, settings_for
from tests.jobs import work_off

FILES = Path(__file__).parents[2] / "deploy/local/demo/data/maven-crm"
SLIPS = {"technolgy": "technology", "Philipines": "Philippines", "GTXPro": "GTX Pro"}


def rows_of(name: str) -> list[dict[str, str]]:
    """The rows of one of the sample's files, as they stand there."""
    with (FILES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def text_of(rows: Sequence[Mapping[str, str]]) -> bytes:
    """The rows as a file."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def right(word: str) -> str:
    """The word without the sample's slip."""
    return SLIPS.get(word, word)


@dataclass(frozen=True)
class Importer:
    """Hands files in at a service and lets a worker of its own do the work."""

    service: Service
    client: AsyncClient
    url: str

    async def file(self, noun: str, name: str, **query: str) -> dict[str, Any]:
        """Imports one of the sample's files; gives the job as it ended."""
        return await self.content(noun, (FILES / name).read_bytes(), **query)

    async def rows(self, noun: str, rows: Sequence[Mapping[str, str]], **query: str) -> dict[str, Any]:
        """Imports rows of a file."""
        return await self.content(noun, text_of(rows), **query)

    async def content(self, noun: str, content: bytes, **query: str) -> dict[str, Any]:
        """Imports what a file holds."""
        return await self.finished(noun, await self.queue(noun, content, **query))

    async def queue(self, noun: str, content: bytes, **query: str) -> str:
        """Hands a file in; gives the job's id."""
        answer = await self.client.post(
            f"/v1/{noun}/imports",
            files={"file": ("some.csv", content, "text/csv")},
            data={"profile": "maven-crm"},
            params=query,
            headers=as_("admin"),
        )
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    async def finished(self, noun: str, id: str, *, wait: float = 0.0) -> dict[str, Any]:
        """Works until the job has ended; gives it."""
        db = Database(self.url, name="importer", on_statement=_tell)
        await db.open()
        kind = imports_work.kind(self.service.imports, settings_for(self.service, self.url), wait=wait)
        await work_off(Worker(db, [kind]))
        await db.close()
        answer = await self.client.get(f"/v1/{noun}/imports/{id}", headers=as_("admin"))
        assert answer.json()["state"] == "DONE", answer.text
        return answer.json()

    async def report(self, noun: str, job: Mapping[str, Any]) -> list[tuple[int, str, str]]:
        """The report as row, outcome and message."""
        path, lines = f"/v1/{noun}/imports/{job['id']}/report", list[tuple[int, str, str]]()
        cursor: str | None = ""
        while cursor is not None:
            query = {"limit": "200"} | ({"cursor": cursor} if cursor else {})
            page = (await self.client.get(path, params=query, headers=as_("admin"))).json()
            lines += [(line["row"], line["outcome"], line["message"]) for line in page["items"]]
            cursor = page["next_cursor"]
        return lines


def _tell(statement: str) -> None:
    for listener in WATCHERS:
        listener(statement)


async def everything(client: AsyncClient, noun: str) -> list[dict[str, Any]]:
    """All rows of a list, page by page, as an administrator sees them."""
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        query = {"limit": "200"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get(f"/v1/{noun}", params=query, headers=as_("admin"))).json()
        found += page["items"]
        cursor = page["next_cursor"]
    return found


def by_source(rows: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The rows by what the sample calls them."""
    return {row["external_ids"]["maven-crm"]: row for row in rows if "maven-crm" in row["external_ids"]}
