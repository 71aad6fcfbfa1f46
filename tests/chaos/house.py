"""A small house in good order, as evidence: for the tests of checkers, which put one thing in it out of order."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from kafka.consumer.fetcher import ConsumerRecord

from deploy.local.stack import SERVICES, service_of
from services.kit.envelope import Encoder, JournalRow, wire_type
from services.kit.handlers import Handlers
from services.kit.kafka import partition_of
from services.opportunities.copies import JOINT_ACTIVITIES
from tests.chaos.checks.copies import COPIES
from tests.chaos.evidence import COPIED, OWNED, Columns, Entry, Evidence, Key, Standing
from tests.chaos.history import Answer, Attempt, Operation, Wish
from tests.chaos.poison import PARTITIONS

_BEGAN = datetime(2026, 3, 1, 9, tzinfo=UTC)
_OWNER_OF = {each.name: service for service, owned in OWNED.items() for each in owned}


def named(name: str) -> str:
    """The id of the row that tests call so."""
    return str(uuid5(UUID(int=0), name))


BOSS, SELLER, ACCOUNT, DEAL = named("boss"), named("seller"), named("account"), named("deal")
CHIEF, ENGINEER, FRIEND, MEETING = named("chief"), named("engineer"), named("friend"), named("meeting")


class House:
    """Services with some rows that they tell each other of. `write` adds a version, `settle` lets all of it arrive."""

    def __init__(self) -> None:
        self.evidence = {service: _empty(service) for service in SERVICES}
        self.operations: dict[str, Operation] = {}

    def write(
        self, aggregate: str, id: str, state: Columns, *, by: str | None = None, key: str = ACCOUNT
    ) -> None:
        """A new version of a row, in state and journal; `by` is an operation that was told so."""
        held = self.evidence[_OWNER_OF[aggregate]]
        before = held.owned[aggregate].get(UUID(id))
        number, version = len(held.entries) + 1, before.version + 1 if before else 1
        state = {"id": id, **(before.state if before else {}), **state, "version": version}
        changed = before and {
            name: {"from": before.state.get(name), "to": value}
            for name, value in state.items()
            if before.state.get(name) != value and name != "version"
        }
        row = JournalRow(
            position=number,
            recorded_at=_BEGAN + timedelta(seconds=number),
            event_id=uuid5(UUID(id), str(version)),
            type=f"{aggregate}.{'updated' if before else _BIRTHS.get(aggregate, 'created')}",
            aggregate=aggregate,
            aggregate_id=UUID(id),
            version=version,
            partition_key=UUID(key),
            actor="tests",
            request_id=f"{by}-1" if by else None,
            traceparent=None,
            imported=False,
            changed=changed,
            state=state,
        )
        held.entries.append(Entry(number, row))
        held.order.append((number, number))
        held.head = held.published = number
        _table(held, aggregate)[UUID(id)] = Standing(version, False, state)
        if by:
            self._told(by, aggregate, state, held)

    def settle(self) -> None:
        """Publishes, consumes and copies what is journaled."""
        for held in self.evidence.values():
            encoder = Encoder(held.service, service_of(held.service).public)
            held.records = _appended([(entry, encoder) for entry in held.entries])
        for held in self.evidence.values():
            service = service_of(held.service)
            handlers = Handlers(service.handlers)
            held.ledger = [
                (source, entry.row.position, str(entry.row.event_id))
                for source in service.consumes
                for entry in self.evidence[source].entries
                if handlers.find(wire_type([("ce_type", f"{entry.row.type}.v1".encode())]))
            ]
            for copy, owner in COPIES[held.service]:
                self._copy(held, copy.table, self.evidence[owner].owned[copy.table])
        meetings = {
            id: Standing(row.version, False, {**row.state, "happened_at": row.state["started_at"]})
            for id, row in self.evidence["activities"].owned["activity"].items()
        }
        self._copy(self.evidence["opportunities"], JOINT_ACTIVITIES.table, meetings)

    def paged(self) -> dict[str, list[tuple[int, str]]]:
        """What pagers saw."""
        return {
            service: [(entry.row.position, str(entry.row.event_id)) for entry in held.entries]
            for service, held in self.evidence.items()
        }

    def _told(self, by: str, aggregate: str, state: Columns, held: Evidence) -> None:
        wish = Wish(held.service, aggregate, "POST", f"/v1/{aggregate}s", {"name": by})
        answer = Answer(201, dict(state))
        self.operations[by] = Operation(by, wish, [Attempt(1, 1.0, 2.0, answer)])
        keys = held.keys
        assert isinstance(keys, dict)
        keys[by] = Key(201, state["version"], dict(state))

    def _copy(self, held: Evidence, table: str, rows: Mapping[UUID, Standing]) -> None:
        copied = held.copied[table]
        assert isinstance(copied, dict)
        for id, row in rows.items():
            copied[id] = {**row.state, "version": row.version, "deleted_at": None}


def in_order() -> House:
    """An account with two people who are allies and have met us, a deal, and a friend on its map."""
    house = House()
    for id, manager in ((BOSS, None), (SELLER, BOSS)):
        house.write("member", id, {**_MEMBER, "manager_id": manager}, key=id)
    account: Columns = {"name": "Acme", "owner_id": SELLER, "team": [], "external_ids": {}}
    house.write("account", ACCOUNT, account, by="op-account")
    house.write("account", ACCOUNT, {"name": "Acme and Sons"}, by="op-rename")
    for id in (CHIEF, ENGINEER):
        house.write("contact", id, {**_PERSON, "account_id": ACCOUNT}, by=f"op-{id}")
    link = {"from_contact_id": CHIEF, "to_contact_id": ENGINEER, "kind": "ALLY"}
    house.write("contact_link", named("link"), link)
    house.write("account_standing", ACCOUNT, {"deal_team_ids": [SELLER]})
    house.write("opportunity", DEAL, _DEAL, by="op-deal")
    house.write("stakeholder", FRIEND, _FRIEND)
    house.write("opportunity_standing", DEAL, _STANDING)
    house.write("activity", MEETING, _MEETING, by="op-meeting")
    for held in house.evidence.values():
        seats = {(ACCOUNT, SELLER, "OWNER", ACCOUNT), (ACCOUNT, SELLER, "DEAL", DEAL)}
        held.sight = {
            "person_up": frozenset({(BOSS, BOSS), (SELLER, SELLER), (BOSS, SELLER)}),
            "account_seat": frozenset(seats),
            "account_view": frozenset({(BOSS, ACCOUNT), (SELLER, ACCOUNT)}),
        }
    house.settle()
    return house


def _empty(service: str) -> Evidence:
    return Evidence(
        service=service,
        entries=[],
        queued=0,
        head=0,
        published=0,
        order=[],
        epochs=frozenset({1}),
        owned={each.name: {} for each in OWNED[service]},
        copied={table: {} for table in COPIED[service]},
        keys={},
        sight={},
        ledger=[],
        records=[],
    )


def _table(held: Evidence, aggregate: str) -> dict[UUID, Standing]:
    table = held.owned[aggregate]
    assert isinstance(table, dict)
    return table


def _appended(told: list[tuple[Entry, Encoder]]) -> list[ConsumerRecord]:
    """The entries as records of a topic, each on its key's partition."""
    records = [encoder.encode(entry.row) for entry, encoder in told]
    return [
        record_of(made.topic, partition_of(made.key, PARTITIONS), number, made.key, made.value, made.headers)
        for number, made in enumerate(records)
        if made is not None
    ]


def record_of(
    topic: str, partition: int, offset: int, key: bytes, value: bytes | None, headers: Any
) -> ConsumerRecord:
    """A record as a consumer reads it."""
    return ConsumerRecord(
        topic, partition, 0, offset, 1_770_000_000_000, 0, key, value, list(headers), None, 0, 0, 0
    )


_BIRTHS = {"activity": "completed", "stakeholder": "mapped"}
_MEMBER: Columns = {
    "name": "Ada", "email": "ada@example.com", "function": "SALES", "active": True, "external_ids": {},
}  # fmt: skip
_PERSON: Columns = {"name": "Yun", "title": None, "department": "OTHER", "level": "BASE"}
_DEAL: Columns = {
    "name": "Deal", "account_id": ACCOUNT, "owner_id": SELLER, "stage": "TARGETING", "status": "OPEN",
}  # fmt: skip
_FRIEND: Columns = {
    "opportunity_id": DEAL, "contact_id": CHIEF, "roles": ["USER"], "influence": "M", "stance": "FRIEND", "degree": 2,
}  # fmt: skip
_MEETING: Columns = {
    "status": "DONE", "contact_ids": [CHIEF, ENGINEER], "started_at": "2026-02-01T09:00:00.000000Z",
}  # fmt: skip
_ALONE: Columns = {"code": "R04", "severity": "WARNING", "roles": ["USER"], "contact_ids": [CHIEF]}
_UNHELD = ["APPROVER", "DECISION_MAKER", "EVALUATOR"]
_STANDING: Columns = {
    "weight_total": 4, "support": 16, "opposition": 0, "balance": 100, "score": 65, "foothold": "WEAK",
    "surface": "POINT", "network": "NONE", "rating": "CONTESTED", "probability": 9,
    "warnings": [_ALONE, {"code": "R05", "severity": "HIGH", "roles": _UNHELD, "contact_ids": []}],
    "next_move": {"code": "NM3", "contact_ids": []},
}  # fmt: skip
