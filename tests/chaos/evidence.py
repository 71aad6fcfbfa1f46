"""The evidence: what the databases and the topics hold once all is quiet, read past the proxies and read whole."""

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, LiteralString
from uuid import UUID

import orjson
import psycopg
from kafka.consumer.fetcher import ConsumerRecord
from psycopg import sql
from psycopg.rows import TupleRow
from psycopg.types.json import set_json_loads

from deploy.local.stack import SERVICES
from services.activities.engagements.queries import ACTIVITY
from services.activities.timelogs.queries import TIME_LOG
from services.contacts.accounts.queries import ACCOUNT
from services.contacts.members.queries import MEMBER
from services.contacts.people.queries import CONTACT, LINK
from services.contacts.standings.queries import STANDING as ACCOUNT_STANDING
from services.kit.aggregates import Aggregate
from services.kit.envelope import JournalRow
from services.kit.events import MARKS, SIGHT, SNAPSHOT, topic_of
from services.kit.kafka import last_records
from services.opportunities.pipeline.queries import OPPORTUNITY
from services.opportunities.products.queries import PRODUCT
from services.opportunities.stakeholders.queries import STAKEHOLDER
from services.opportunities.stakeholders.queries import STANDING as OPPORTUNITY_STANDING

OWNED: Mapping[str, Sequence[Aggregate]] = {
    "contacts": (MEMBER, ACCOUNT, CONTACT, LINK, ACCOUNT_STANDING),
    "opportunities": (OPPORTUNITY, OPPORTUNITY_STANDING, STAKEHOLDER, PRODUCT),
    "activities": (ACTIVITY, TIME_LOG),
}
"""What each service journals."""

COPIED: Mapping[str, Sequence[str]] = {
    "contacts": ("opportunity",),
    "opportunities": ("member", "account", "contact", "contact_link", "joint_activity"),
    "activities": ("member", "account", "contact", "opportunity"),
}
"""The tables in which each service keeps others' rows."""

Columns = dict[str, Any]
Named = tuple[str, str]
"""A row by its aggregate and its id: an account and its standing have the same id."""


@dataclass(frozen=True)
class Entry:
    """A row of a journal: its own id, and its row with the position 0 where it has none."""

    id: int
    row: JournalRow

    @property
    def operation(self) -> str | None:
        """The operation that wrote it, by its request's id; None for what a worker wrote."""
        return self.row.request_id.rpartition("-")[0] if self.row.request_id else None

    @property
    def repeats(self) -> bool:
        """Whether it tells a version once more, or is a mark, or tells of sight: none is a version of its own."""
        return self.row.type.endswith(f".{SNAPSHOT}") or self.row.aggregate in (MARKS.name, SIGHT)


@dataclass(frozen=True)
class Standing:
    """A row as its table has it: the state that the journal would keep of it."""

    version: int
    deleted: bool
    state: Columns


@dataclass(frozen=True)
class Key:
    """A stored answer."""

    status: int
    version: int | None
    answer: Any


@dataclass
class Evidence:
    """All that one service's database and topic hold, and the answers that it keeps, by operation."""

    service: str
    entries: list[Entry]
    queued: int
    head: int
    published: int
    order: list[tuple[int, int]]
    epochs: frozenset[int]
    owned: Mapping[str, Mapping[UUID, Standing]]
    copied: Mapping[str, Mapping[UUID, Columns]]
    keys: Mapping[str, Key]
    sight: Mapping[str, frozenset[tuple[str, ...]]]
    ledger: list[tuple[str, int, str]]
    records: list[ConsumerRecord]

    @cached_property
    def by_operation(self) -> Mapping[str, list[Entry]]:
        """Journal rows by the operation that wrote them."""
        return _grouped((entry.operation, entry) for entry in self.entries if entry.operation)

    @cached_property
    def by_row(self) -> Mapping[Named, list[Entry]]:
        """Journal rows by the row that they tell of, in the order of their ids."""
        return _grouped(((entry.row.aggregate, str(entry.row.aggregate_id)), entry) for entry in self.entries)


def _grouped(pairs: Any) -> dict[Any, list[Any]]:
    found: dict[Any, list[Any]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return found


def gather(urls: Mapping[str, str], bootstrap_servers: str) -> dict[str, Evidence]:
    """Everything of every service. Blocks."""
    return {service: _of(service, urls[service], bootstrap_servers) for service in SERVICES}


def _of(service: str, url: str, bootstrap_servers: str) -> Evidence:
    with psycopg.connect(url, options="-c timezone=UTC") as session:
        set_json_loads(orjson.loads, session)
        ((queued,),) = session.execute("SELECT count(*) FROM journal_queue").fetchall()
        ((head, published),) = session.execute(
            "SELECT h.position, c.published FROM journal_head h, journal_cursor c"
        ).fetchall()
        return Evidence(
            service=service,
            entries=[Entry(row[0], JournalRow(*row[1:])) for row in session.execute(_JOURNAL)],
            queued=queued,
            head=head,
            published=published,
            order=[(row[0], row[1]) for row in session.execute(_ORDER)],
            epochs=frozenset(row[0] for row in session.execute(_EPOCHS)),
            owned={each.name: _owned(session, each) for each in OWNED[service]},
            copied={name: _copied(session, name) for name in COPIED[service]},
            keys={row[0]: Key(row[1], row[2], _parsed(row[3])) for row in session.execute(_KEYS)},
            sight=_sight(session),
            ledger=[(row[0], row[1], row[2]) for row in session.execute(_LEDGER)],
            records=read_topic(bootstrap_servers, topic_of(service)),
        )


def _parsed(answer: str | None) -> Any:
    return None if answer is None else orjson.loads(answer)


def _owned(session: psycopg.Connection[TupleRow], aggregate: Aggregate) -> dict[UUID, Standing]:
    text = sql.SQL(
        "SELECT r.id, r.version, r.deleted_at IS NOT NULL, (SELECT to_jsonb(s) FROM (SELECT {}) s) FROM {} r"
    ).format(aggregate.projection(kept=True), aggregate.relation)
    return {row[0]: Standing(row[1], row[2], row[3]) for row in session.execute(text)}


def _copied(session: psycopg.Connection[TupleRow], table: str) -> dict[UUID, Columns]:
    text = sql.SQL("SELECT id, to_jsonb(r) FROM {} r").format(sql.Identifier(table))
    return {row[0]: row[1] for row in session.execute(text)}


def _sight(session: psycopg.Connection[TupleRow]) -> dict[str, frozenset[tuple[str, ...]]]:
    return {
        name: frozenset(tuple(map(str, row)) for row in session.execute(text))
        for name, text in _SIGHT.items()
    }


def read_topic(bootstrap_servers: str, topic: str) -> list[ConsumerRecord]:
    """Every record of a topic, each partition's in order. Blocks."""
    found = last_records(bootstrap_servers, topic, sys.maxsize)
    return sorted(found, key=lambda record: (record.partition, record.offset))


_JOURNAL: LiteralString = """
SELECT j.id, coalesce(o.position, 0), j.recorded_at, j.event_id, j.type, j.aggregate, j.aggregate_id, j.version,
       j.partition_key, j.actor, j.request_id, j.traceparent, j.imported, j.changed, j.state
FROM journal j
LEFT JOIN (SELECT journal_id, max(position) AS position FROM journal_order GROUP BY journal_id) o ON o.journal_id = j.id
ORDER BY j.id"""
_ORDER: LiteralString = "SELECT position, journal_id FROM journal_order ORDER BY position"
_EPOCHS: LiteralString = "SELECT first_position FROM journal_epoch"
_KEYS: LiteralString = "SELECT key, status, version, answer FROM idempotency_key"
_LEDGER: LiteralString = "SELECT source, position, event_id FROM chaos_ledger ORDER BY id"
_SIGHT: Mapping[str, LiteralString] = {
    "person_up": "SELECT viewer_id, member_id FROM person_up",
    "account_seat": "SELECT account_id, member_id, source, source_id FROM account_seat",
    "account_view": "SELECT viewer_id, account_id FROM account_view",
}
