"""How PostgreSQL carries out the page of a list: which indexes it reads, and how many rows of them."""

from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self, cast

import psycopg

from services.kit import asking, listing
from services.kit.grammar import Listing
from services.kit.identity import Viewer


@dataclass(frozen=True)
class Plan:
    """A plan that was carried out, as EXPLAIN tells it."""

    tree: Mapping[str, Any]

    def scans(self, relation: str) -> list[Mapping[str, Any]]:
        """The nodes that read the table and were run."""
        found = (node for node in self._nodes(self.tree) if node.get("Relation Name") == relation)
        return [node for node in found if node["Actual Loops"]]

    def indexes(self, relation: str) -> set[str]:
        """The names of the indexes by which the table is read; "" where it is read without one."""
        return {node.get("Index Name") or self._bitmap(node) for node in self.scans(relation)}

    def rows(self, relation: str) -> int:
        """How many rows of the table are read, those included that a filter then drops."""
        return sum(
            round((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])
            for node in self.scans(relation)
        )

    def sequential(self, relation: str) -> bool:
        """Whether the table is read from its first row to its last."""
        return any(node["Node Type"] == "Seq Scan" for node in self.scans(relation))

    def sorted(self) -> int:
        """How many rows went into sorting, all in all."""
        return sum(
            round(inner["Actual Rows"] * inner["Actual Loops"])
            for node in self._nodes(self.tree)
            if node["Node Type"] in ("Sort", "Incremental Sort")
            for inner in node["Plans"]
        )

    @property
    def buffers(self) -> int:
        """How many blocks were looked at, wherever they were."""
        return self.tree["Shared Hit Blocks"] + self.tree["Shared Read Blocks"]

    def _bitmap(self, node: Mapping[str, Any]) -> str:
        return next((inner["Index Name"] for inner in self._nodes(node) if "Index Name" in inner), "")

    def _nodes(self, node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        yield node
        for inner in node.get("Plans", ()):
            yield from self._nodes(inner)


class _Explained(psycopg.AsyncRawCursor[Any]):
    """A cursor that has a statement explained, and answers with an empty page."""

    async def execute(self, query: Any, *args: Any, **kwargs: Any) -> Self:
        await super().execute("EXPLAIN (ANALYZE, FORMAT JSON) " + query, *args, **kwargs)
        row = await super().fetchone()
        cast("Explaining", self.connection).plan = Plan(row[0][0]["Plan"]) if row else None
        return self

    async def fetchone(self) -> tuple[Any, ...]:
        return "", None, None, False, 0, True


class Explaining(psycopg.AsyncConnection[Any]):
    """A session whose statements are explained."""

    raw_cursor_factory = _Explained
    plan: Plan | None = None


@asynccontextmanager
async def explaining(url: str) -> AsyncGenerator[Explaining]:
    """A session in which plans are asked for one after the other, each made for its own values."""
    async with await Explaining.connect(url, autocommit=True, prepare_threshold=None) as session:
        yield session


async def plan_of(
    url: str,
    described: Listing,
    viewer: Viewer,
    query: Iterable[tuple[str, str]],
    given: Mapping[str, Any] | None = None,
) -> Plan:
    """How a page of the list is found for the viewer."""
    async with explaining(url) as session:
        return await plan_in(session, described, viewer, query, given)


async def plan_in(
    session: Explaining,
    described: Listing,
    viewer: Viewer,
    query: Iterable[tuple[str, str]],
    given: Mapping[str, Any] | None = None,
) -> Plan:
    """How a page of the list is found for the viewer, asked in a session that others ask in as well."""
    asked = asking.parse(described, query)
    await listing.page(session, described, asked, viewer, given)
    assert session.plan is not None
    return session.plan
