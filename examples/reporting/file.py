"""The DuckDB file: copies of what the topics tell, and our places in them, always of one and the same moment.

DuckDB lets one process at a time write to a file, so nobody else can move our places.
"""

import json
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import duckdb

from .events import Event, Told, Undecodable
from .folding import Copy, Folding, Key, Place, Republish

Partition = tuple[str, int]
"""Topic and number."""

_TABLES = Path(__file__).with_name("tables.sql")


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one partition in their order, each with its offset."""

    partition: Partition
    records: Sequence[tuple[int, Event | Undecodable]]


class File:
    """One DuckDB file, made when it is missing. `timezone` is the organisation's: it decides what a day is."""

    def __init__(self, path: str | Path, *, timezone: str = "UTC") -> None:
        """Opens it. Raises duckdb.IOException while another process has it open."""
        config: dict[str, Any] = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
        self._db = duckdb.connect(str(path), config=config)
        self._db.execute(f"SET TimeZone = '{timezone}'")
        self._db.execute(_TABLES.read_text(encoding="utf-8"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def ask(self, query: str, **values: object) -> list[dict[str, Any]]:
        """The rows of a query's answer, by column."""
        answer = self._db.execute(query, values or None)
        names = [column[0] for column in answer.description or ()]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    def places(self) -> dict[Partition, Place]:
        """Where we are in each partition that we have begun."""
        rows = self.ask("SELECT topic, partition, next_offset, position, told_at, epoch FROM place")
        return {(row.pop("topic"), row.pop("partition")): Place(**row) for row in rows}

    def begin(self, offsets: Mapping[Partition, int]) -> None:
        """Takes up partitions at these offsets."""
        with self._transaction():
            for partition, offset in offsets.items():
                self._keep_place(partition, Place(offset))

    def take(self, batches: Sequence[Batch]) -> None:
        """Folds the batches and moves our places behind them: all of it or, whatever happens, nothing."""
        with self._transaction():
            for batch in batches:
                self._take(batch)
            for topic in {batch.partition[0] for batch in batches}:
                self._sweep(topic)

    @contextmanager
    def _transaction(self) -> Generator[None]:
        self._db.begin()
        try:
            yield
        except BaseException:
            self._db.rollback()
            raise
        self._db.commit()

    def _take(self, batch: Batch) -> None:
        known = self._copies(event.id for _, event in batch.records if isinstance(event, Told))
        republishes = self._republishes(batch.partition)
        folding = Folding(self.places()[batch.partition], dict(known), dict(republishes))
        for offset, event in batch.records:
            folding.take(offset, event)
        topic, number = batch.partition
        self._write("copy", _copy_rows(topic, known, folding.copies))
        self._write("mark", [(topic, number, *row) for row in _mark_rows(republishes, folding.republishes)])
        self._write("refused", [(topic, number, *row) for row in folding.refused.items()])
        self._count(topic, folding.passed_over)
        self._keep_place(batch.partition, folding.place)

    def _copies(self, ids: Iterable[str]) -> dict[Key, Copy]:
        rows = self.ask(
            "SELECT aggregate, id, version, position, fate, state FROM copy WHERE id IN (SELECT unnest($ids::UUID[]))",
            ids=list(set(ids)),
        )
        for row in rows:
            row["state"] = row["state"] and json.loads(row["state"])
        return {(row.pop("aggregate"), str(row.pop("id"))): Copy(**row) for row in rows}

    def _republishes(self, partition: Partition) -> dict[str, Republish]:
        rows = self.ask(
            "SELECT id, position, epoch, aggregates, has_ended FROM mark WHERE topic = $topic AND partition = $number",
            topic=partition[0],
            number=partition[1],
        )
        for row in rows:
            row["aggregates"] = tuple(row["aggregates"])
        return {str(row.pop("id")): Republish(**row) for row in rows}

    def _count(self, topic: str, passed_over: Mapping[str, int]) -> None:
        for type_, records in passed_over.items():
            self._db.execute(
                """INSERT INTO passed_over VALUES ($1, $2, $3)
                ON CONFLICT DO UPDATE SET records = passed_over.records + excluded.records""",
                [topic, type_, records],
            )

    def _keep_place(self, partition: Partition, place: Place) -> None:
        row = (*partition, place.next_offset, place.position, place.told_at, place.epoch)
        self._write("place", [row])

    def _write(self, table: str, rows: Sequence[tuple[object, ...]]) -> None:
        if rows:
            columns = [list(column) for column in zip(*rows, strict=True)]
            values = ", ".join(f"unnest(${at})" for at in range(1, len(columns) + 1))
            self._db.execute(f"INSERT OR REPLACE INTO {table} SELECT {values}", columns)

    def _sweep(self, topic: str) -> None:
        """Parts from what a republish that has ended in every partition did not tell of any more."""
        ended = self.ask(
            """SELECT id, min(position) AS position, first(aggregates) AS aggregates
            FROM mark WHERE topic = $topic GROUP BY id
            HAVING bool_and(has_ended) AND count(*) = (SELECT count(*) FROM place WHERE topic = $topic)""",
            topic=topic,
        )
        for republish in ended:
            self._db.execute(
                """UPDATE copy SET fate = 'swept', state = NULL
                WHERE topic = $topic AND list_contains($aggregates, aggregate) AND position < $position
                  AND fate = 'living'""",
                {name: republish[name] for name in ("aggregates", "position")} | {"topic": topic},
            )
            self._db.execute("DELETE FROM mark WHERE id = $1", [republish["id"]])


def _copy_rows(topic: str, known: Mapping[Key, Copy], copies: Mapping[Key, Copy]) -> list[tuple[object, ...]]:
    return [
        (topic, *key, copy.version, copy.position, copy.fate, copy.state and json.dumps(copy.state))
        for key, copy in copies.items()
        if copy is not known.get(key)
    ]


def _mark_rows(
    known: Mapping[str, Republish], republishes: Mapping[str, Republish]
) -> list[tuple[object, ...]]:
    return [
        (id_, each.position, each.epoch, list(each.aggregates), each.has_ended)
        for id_, each in republishes.items()
        if each != known.get(id_)
    ]
